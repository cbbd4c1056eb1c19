/*
 * spawn.c: spawning isolates. See spawn.h and <lifecycle/isolate.h>.
 */
#include "isolate/spawn.h"

#include "base/fork.h"
#include "base/memory.h"
#include "base/options.h"
#include "isolate/group.h"
#include "isolate/listeners.h"
#include "isolate/lookup.h"
#include "isolate/overseer.h"
#include "isolate/port.h"
#include "isolate/run.h"
#include "isolate/schedule.h"

#include <lifecycle/manager.h>

#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Below this limit they are taken one by one, so that those in hand do not make it much higher. */
enum { EXACT_LIMIT = 1024 };

LC__OPTIONS_END(lc_isolate_options, mailbox_limit);

static lc_error *isolate_options_check(const lc_isolate_options *options)
{
    size_t length = options->name ? strnlen(options->name, LC_NAME_MAX + 1) : 1;
    if (length < 1 || length > LC_NAME_MAX)
        return lc_error_new(-EINVAL, "an isolate's name has 1 to %d bytes", LC_NAME_MAX);
    const char *name = options->name ? options->name : "isolate";
    if (!options->entry)
        return lc_error_new(-EINVAL, "isolate \"%s\" has no entry to run", name);
    if (options->mailbox_limit >= UINT32_MAX && options->mailbox_limit != LC_MAILBOX_UNLIMITED)
        return lc_error_new(-EINVAL,
                            "isolate \"%s\" has a mailbox_limit of %zu: up to %" PRIu32
                            ", 0 for the default, or LC_MAILBOX_UNLIMITED",
                            name, options->mailbox_limit, UINT32_MAX - 1);
    if ((unsigned)options->when_full > LC_FULL_PARK_SENDER)
        return lc_error_new(-EINVAL, "isolate \"%s\" has a when_full of %d, not one of LC_FULL_...",
                            name, (int)options->when_full);
    if (lc__payload_check(&options->exit_response) < 0)
        return lc_error_new(-EINVAL, "isolate \"%s\" has an exit_response of bytes that are NULL",
                            name);
    if (options->group && options->executor &&
        options->executor != lc__isolate_group_executor(options->group))
        return lc_error_new(-EINVAL, "isolate \"%s\" has a group of another executor than its own",
                            name);
    return NULL;
}

lc_error *lc__isolate_options_read(lc_isolate_options *options, const lc_isolate_options *given)
{
    lc_error *mistake = lc__options_read(options, sizeof *options, given, "lc_isolate_options");
    if (options->mailbox_limit == 0)
        options->mailbox_limit = LC_MAILBOX_DEFAULT;
    return mistake ? mistake : isolate_options_check(options);
}

static bool wants_extras(const lc_isolate_options *options, const struct lc__companion *companion,
                         const lc_isolate *isolate)
{
    return options->name || options->release || options->paused || companion || isolate ||
           lc_send_port_is_set(options->on_error) || lc_send_port_is_set(options->on_exit);
}

static void free_extras(struct lc__extras *extras)
{
    struct lc__pause *pause = extras ? STAILQ_FIRST(&extras->pauses) : NULL;
    struct lc__exit_listener *listener = extras ? STAILQ_FIRST(&extras->at_exit) : NULL;
    if (!extras)
        return;
    if (listener)
        lc__message_disown(listener->response);
    lc__free(listener);
    lc__free(pause);
    lc__free(extras->on_error);
    lc__free(extras->name);
    lc__free(extras);
}

static bool add_first_listeners(struct lc__extras *extras, const lc_isolate_options *options)
{
    if (lc_send_port_is_set(options->on_error)) {
        extras->on_error = lc__allocate(sizeof *extras->on_error + sizeof(lc_send_port));
        if (!extras->on_error)
            return false;
        atomic_init(&extras->on_error->refs, 1);
        extras->on_error->count = 1;
        extras->on_error->ports[0] = options->on_error;
    }
    if (lc_send_port_is_set(options->on_exit)) {
        struct lc__exit_listener *listener = lc__allocate(sizeof *listener);
        if (!listener)
            return false;
        STAILQ_INSERT_TAIL(&extras->at_exit, listener, link);
        extras->listener_count = 1;
        listener->response = lc__message_new(options->on_exit, &options->exit_response);
        return listener->response != NULL;
    }
    return true;
}

/* What an isolate has from the start. NULL: no memory. */
static struct lc__extras *first_extras(const lc_isolate_options *options,
                                       const struct lc__companion *companion,
                                       const lc_isolate *isolate)
{
    struct lc__extras *extras = lc__extras_new();
    if (!extras)
        return NULL;
    extras->release = options->release;
    if (companion)
        extras->companion = *companion;
    if (isolate || options->paused) {
        extras->pause = lc_capability_new();
        extras->terminate = lc_capability_new();
    }
    bool done = true;
    if (options->paused) {
        struct lc__pause *pause = lc__allocate(sizeof *pause);
        done = pause != NULL;
        if (pause) {
            pause->resume = extras->pause;
            STAILQ_INSERT_TAIL(&extras->pauses, pause, link);
            extras->pause_count = 1;
        }
    }
    if (done && options->name) {
        extras->name = lc__duplicate(options->name);
        done = extras->name != NULL;
    }
    if (done && add_first_listeners(extras, options))
        return extras;
    free_extras(extras);
    return NULL;
}

/*
 * The same, if it has anything from the start. Without its capabilities it could be neither resumed
 * nor killed. @return 0; -ENOMEM; -ENODATA: there are no random bytes to make them of.
 */
static int get_extras(const lc_isolate_options *options, const struct lc__companion *companion,
                      const lc_isolate *isolate, struct lc__extras **extras)
{
    if (!wants_extras(options, companion, isolate))
        return 0;
    *extras = first_extras(options, companion, isolate);
    if (!*extras)
        return -ENOMEM;
    bool needs = isolate || options->paused;
    if (!needs || !lc_capability_equal((*extras)->terminate, LC_NO_CAPABILITY))
        return 0;
    free_extras(*extras);
    *extras = NULL;
    return -ENODATA;
}

/* A record of the pool becomes the isolate that the options ask for; locked. */
static struct lc__isolate *make(const lc_isolate_options *options, struct lc__extras *extras,
                                lc_executor *executor, lc_isolate_group *group)
{
    lc__isolates_register();
    lc__isolates_oversee();
    struct lc__isolate *isolate = lc__pool_take(&lc__isolates, lc__loop_index());
    if (!isolate)
        return NULL;
    bool exact = options->mailbox_limit < EXACT_LIMIT || options->when_full == LC_FULL_DROP_OLDEST;
    /* Under the lock: an address of what it was before may be looked up just now. */
    lc__spinlock_lock(&isolate->lock);
    lc__job_init(&isolate->job, &lc__isolate_job_kind, executor, lc__isolate_group_threads(group));
    atomic_store_explicit(&isolate->attention, false, memory_order_relaxed);
    isolate->alive = true;
    isolate->bars = (uint8_t)(LC__NOT_ENTERED | (options->paused ? LC__PAUSED : 0) |
                              (options->hold_at_start ? LC__HELD_AT_START : 0));
    /*
     * Either a shutdown of the group has yet to look for its isolates, and finds this one; or it
     * has looked, and is seen here.
     */
    if (lc__isolate_group_is_down(group))
        isolate->bars |= LC__KILLED;
    isolate->ready = false;
    isolate->survives_errors = options->errors_not_fatal;
    isolate->hold_at_exit = options->hold_at_exit;
    isolate->when_full = (unsigned)options->when_full & 3u;
    isolate->one_by_one = exact;
    isolate->counted_off = 0;
    isolate->queued = isolate->waiting = isolate->last_number = isolate->keeping = 0;
    isolate->limit = options->mailbox_limit == LC_MAILBOX_UNLIMITED
                         ? UINT32_MAX
                         : (uint32_t)options->mailbox_limit;
    if (isolate->serial == 0)
        isolate->serial = lc__pool_first_serial(&lc__isolates);
    isolate->mailbox.first = NULL;
    isolate->taken = NULL;
    isolate->running = NULL;
    isolate->port.number = 0;
    isolate->entry = options->entry;
    isolate->arg = options->arg;
    isolate->group = group;
    isolate->extras = extras;
    isolate->posted = lc__isolate_next(isolate) != LC__EVENT_NONE;
    return isolate;
}

/* Takes back what was made and has never run. */
static void unmake(struct lc__isolate *isolate)
{
    lc__spinlock_lock(&isolate->lock);
    isolate->alive = false;
    isolate->serial++;
    isolate->extras = NULL;
    lc__isolate_unlock(isolate);
    lc__pool_give(&lc__isolates, lc__loop_index(), isolate);
}

/* Bound, and in its group, the isolate is made and started. */
static int start(const lc_isolate_options *options, struct lc__extras *extras,
                 lc_executor *executor, lc_isolate_group *group, lc_isolate *reference)
{
    struct lc__isolate *isolate = make(options, extras, executor, group);
    if (!isolate)
        return lc__pool_made(&lc__isolates) < LC_ISOLATES_MAX ? -ENOMEM : -EMFILE;
    /* One that does not run yet may be killed, with its group, and be gone, once it is unlocked. */
    if (reference)
        *reference =
            (lc_isolate){lc__isolate_control_port(isolate), extras->pause, extras->terminate};
    bool runs = isolate->posted;
    lc__isolate_unlock(isolate);
    int result = runs ? lc__job_start(&isolate->job, options->spread) : 0;
    if (result < 0)
        unmake(isolate);
    return result;
}

static lc_error *explain(int failed, const lc_isolate_options *options)
{
    const char *name = options->name ? options->name : "isolate";
    switch (failed) {
    case 0:
        return NULL;
    case -ESHUTDOWN:
        return lc_error_new(failed, "isolate \"%s\": its executor, or its group, is shut down",
                            name);
    case -ENOTSUP:
        return lc_error_new(failed,
                            "isolate \"%s\": not in a child forked when there were workers, nor "
                            "between a simulation and the real world",
                            name);
    case -ENODATA:
        return lc_error_new(
            failed, "isolate \"%s\": the kernel gives no random bytes for its capabilities", name);
    case -EMFILE:
        return lc_error_new(failed, "isolate \"%s\": there are %d already, as many as can be", name,
                            LC_ISOLATES_MAX);
    default:
        return lc_error_new_errno(-failed, "isolate \"%s\" could not be spawned", name);
    }
}

static int spawn(const lc_isolate_options *options, const struct lc__companion *companion,
                 lc_isolate *reference)
{
    lc_isolate_group *group = options->group;
    if (!group && !options->executor)
        group = lc_isolate_group_current();
    lc_executor *executor = options->executor;
    if (!executor)
        executor = group ? lc__isolate_group_executor(group) : lc_executor_current();
    if (lc__forked())
        return -ENOTSUP;
    if (!executor)
        return -ENOMEM;
    if (!lc__executor_is_of_this_world(executor) || lc__port_check_world(options->on_error) < 0 ||
        lc__port_check_world(options->on_exit) < 0)
        return -ENOTSUP;
    struct lc__extras *extras = NULL;
    int result = get_extras(options, companion, reference, &extras);
    if (result < 0)
        return result;
    result = lc__executor_bind(executor);
    if (result == 0) {
        result = lc__isolate_group_enter(group);
        if (result == 0)
            result = start(options, extras, executor, group, reference);
        else
            group = NULL;
        if (result < 0) {
            lc__isolate_group_leave(group);
            lc__job_finishing(executor);
            lc__executor_unbind(executor);
        }
    }
    if (result < 0)
        free_extras(extras);
    return result;
}

lc_error *lc__isolate_spawn(const lc_isolate_options *options,
                            const struct lc__companion *companion, lc_isolate *isolate)
{
    return explain(spawn(options, companion, isolate), options);
}

lc_error *lc_isolate_spawn(const lc_isolate_options *given, lc_isolate *isolate)
{
    lc__task_check();
    lc_isolate_options options;
    lc_error *mistake = lc__isolate_options_read(&options, given);
    return mistake ? mistake : lc__isolate_spawn(&options, NULL, isolate);
}

/* ---- of the calling isolate ---- */
