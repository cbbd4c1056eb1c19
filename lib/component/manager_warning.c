/*
 * manager_warning.c: see manager_warning.h.
 */
#include "component/manager_warning.h"

#include "base/container.h"
#include "context/owner.h"

#include <lifecycle/log.h>

#include <stdio.h>

enum { NAMES_TOLD = 4 }; /* names in one warning */

/*
 * Writes the names of the first few workers that are starting. @return how many workers are; 0 if
 * they were told to stop.
 */
static size_t manager_starting_list(lc_manager *manager, char *text, size_t size)
{
    size_t count = 0, used = 0;
    text[0] = '\0';
    lc__spinlock_lock(&manager->lock);
    bool live = !lc_context_error(manager->context);
    for (size_t i = 0; i < manager->plan->count && live; i++) {
        const struct lc__manager_worker *worker = &manager->workers[i];
        if (worker->state != LC_WORKER_STARTING || count++ >= NAMES_TOLD)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s\"%s\"", used > 0 ? ", " : "",
                                 worker->plan->name);
    }
    lc__spinlock_unlock(&manager->lock);
    if (count > NAMES_TOLD)
        snprintf(text + used, size - used, " and %zu more", count - NAMES_TOLD);
    return count;
}

/* Under the timers' lock. */
static bool manager_warning_due(struct lc__timer *timer)
{
    lc_manager_ref(LC__CONTAINER_OF(timer, lc_manager, readiness));
    return true;
}

static void manager_warning_fire(struct lc__timer *timer)
{
    lc_manager *manager = LC__CONTAINER_OF(timer, lc_manager, readiness);
    char names[NAMES_TOLD * (LC_NAME_MAX + 4) + 32];
    char path[LC__PATH_SIZE];
    size_t count = manager_starting_list(manager, names, sizeof names);
    if (count > 0)
        lc_log(LC_LOG_WARNING, lc__owner_path_of(manager->context, manager->plan->name, path),
               "is not ready after %.1f s: it waits for worker%s %s",
               (double)manager->plan->ready_warning / (double)LC_SECOND, count > 1 ? "s" : "",
               names);
    lc_manager_unref(manager);
}

/*
 * Another thread may close ready at the same time. The lock orders the two: either lc_ready_signal
 * sees `watched` and disarms the timer, or this function sees that all workers are ready and does.
 * If the timer cannot be armed there is no warning.
 */
void lc__manager_warning_arm(lc_manager *manager)
{
    int64_t after = manager->plan->ready_warning;
    if (after == LC_FOREVER || lc_handle_is_closed(&manager->ready))
        return;
    manager->readiness.due = manager_warning_due;
    manager->readiness.fire = manager_warning_fire;
    int64_t began = manager->began; /* another look at the clock would cost more than the rest */
    int64_t deadline = began < LC_FOREVER - after ? began + after : LC_FOREVER;
    if (lc__timer_arm(&manager->readiness, deadline) < 0)
        return;
    lc__spinlock_lock(&manager->lock);
    LC__ASSERT(manager->active > 0);
    manager->watched = true;
    bool all_ready = manager->not_ready == 0;
    lc__spinlock_unlock(&manager->lock);
    if (all_ready)
        lc__timer_disarm(&manager->readiness);
}
