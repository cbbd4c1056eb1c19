/*
 * group.c: isolates that share threads and data. It knows of no isolate, only how many there are:
 * control.c ends them in a shutdown. See group.h and <lifecycle/isolate.h>.
 */
#include "isolate/group.h"

#include "base/fork.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/options.h"
#include "base/refs.h"
#include "base/spin.h"
#include "base/task.h"
#include "executor/callback.h"
#include "executor/job.h"

#include <lifecycle/manager.h>

#include <errno.h>

struct lc_isolate_group {
    atomic_uint refs;
    char name[LC_NAME_MAX + 1];
    lc_executor *executor;
    lc_thread_group *threads; /* NULL: all of the executor's */
    void *data;
    void (*release)(void *data);
    struct lc__spinlock lock;
    /* Under the lock. */
    size_t count;     /* isolates that are in the group */
    lc_handle *empty; /* closes when there are none left; NULL: no shutdown waits */
    atomic_bool down; /* is_down() reads it without the lock */
};

LC__OPTIONS_END(lc_isolate_group_options, release);

static lc_error *group_options_read(lc_isolate_group_options *options,
                                    const lc_isolate_group_options *given)
{
    lc_error *mistake =
        lc__options_read(options, sizeof *options, given, "lc_isolate_group_options");
    if (!options->name)
        options->name = "isolates";
    return mistake ? mistake : lc__name_check("a group of isolates", options->name);
}

static lc_isolate_group *group_make(const lc_isolate_group_options *options, lc_executor *executor)
{
    lc_isolate_group *group = executor ? lc__allocate(sizeof *group) : NULL;
    if (!group)
        return NULL;
    atomic_init(&group->refs, 1);
    lc__name_copy(group->name, options->name);
    group->executor = executor;
    group->data = options->data;
    group->release = options->release;
    if (options->threads > 0) {
        group->threads = lc_thread_group_new(executor, options->threads);
        if (!group->threads) {
            lc__free(group);
            return NULL;
        }
    }
    return group;
}

lc_error *lc_isolate_group_new(const lc_isolate_group_options *given, lc_isolate_group **group)
{
    lc__task_check();
    if (!group)
        return lc_error_new(-EINVAL, "lc_isolate_group_new needs a place for the group");
    *group = NULL;
    lc_isolate_group_options options;
    lc_error *mistake = group_options_read(&options, given);
    if (mistake)
        return mistake;
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "no group in a child forked when there were workers");
    *group = group_make(&options, options.executor ? options.executor : lc_executor_current());
    return *group ? NULL : lc_error_new(-ENOMEM, "no memory for group \"%s\"", options.name);
}

lc_isolate_group *lc_isolate_group_ref(lc_isolate_group *group)
{
    if (group)
        atomic_fetch_add_explicit(&group->refs, 1, memory_order_relaxed);
    return group;
}

void lc_isolate_group_unref(lc_isolate_group *group)
{
    if (!group || !lc__refs_drop(&group->refs))
        return;
    if (group->release) {
        lc__callback_enter();
        group->release(group->data);
        lc__callback_leave();
    }
    lc_thread_group_unref(group->threads);
    lc_handle_unref(group->empty);
    lc__free(group);
}

void *lc_isolate_group_data(const lc_isolate_group *group)
{
    return group ? group->data : NULL;
}

size_t lc_isolate_group_count(const lc_isolate_group *group)
{
    lc_isolate_group *counted = (lc_isolate_group *)(uintptr_t)group;
    if (!group || lc__forked())
        return 0;
    lc__spinlock_lock(&counted->lock);
    size_t count = counted->count;
    lc__spinlock_unlock(&counted->lock);
    return count;
}

/* ---- for isolates ---- */

int lc__isolate_group_enter(lc_isolate_group *group)
{
    if (!group)
        return 0;
    lc__spinlock_lock(&group->lock);
    bool down = atomic_load_explicit(&group->down, memory_order_relaxed);
    group->count += !down;
    lc__spinlock_unlock(&group->lock);
    if (down)
        return -ESHUTDOWN;
    lc_isolate_group_ref(group);
    return 0;
}

void lc__isolate_group_leave(lc_isolate_group *group)
{
    if (!group)
        return;
    lc_handle *empty = NULL;
    lc__spinlock_lock(&group->lock);
    LC__ASSERT(group->count > 0);
    if (--group->count == 0)
        empty = lc_handle_ref(group->empty);
    lc__spinlock_unlock(&group->lock);
    lc_handle_close(empty);
    lc_handle_unref(empty);
    lc_isolate_group_unref(group);
}

lc_executor *lc__isolate_group_executor(const lc_isolate_group *group)
{
    return group->executor;
}

struct lc_thread_group *lc__isolate_group_threads(const lc_isolate_group *group)
{
    return group ? group->threads : NULL;
}

bool lc__isolate_group_is_down(const lc_isolate_group *group)
{
    /* Relaxed: spawn.c says how a new isolate sees it, and a shutdown makes the others look. */
    return group && atomic_load_explicit(&group->down, memory_order_relaxed);
}

/* ---- shutdown ---- */

int lc__isolate_group_close(lc_isolate_group *group, lc_handle **empty)
{
    lc_handle *spare = lc_handle_new();
    if (!spare)
        return -ENOMEM;
    lc__spinlock_lock(&group->lock);
    if (group->count > 0 && !lc__executor_is_of_this_world(group->executor)) {
        lc__spinlock_unlock(&group->lock);
        lc_handle_unref(spare);
        return -ENOTSUP;
    }
    if (!group->empty) {
        group->empty = spare;
        spare = NULL;
    }
    *empty = lc_handle_ref(group->empty);
    atomic_store_explicit(&group->down, true, memory_order_relaxed);
    bool none = group->count == 0;
    lc__spinlock_unlock(&group->lock);
    lc_handle_unref(spare);
    if (none)
        lc_handle_close(*empty);
    return !none;
}
