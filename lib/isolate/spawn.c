/*
 * spawn.c: see spawn.h and <lifecycle/isolate.h>.
 */
#include "isolate/spawn.h"

#include "base/fork.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/options.h"
#include "isolate/group.h"
#include "isolate/listeners.h"
#include "isolate/lookup.h"
#include "isolate/overseer.h"
#include "isolate/port.h"
#include "isolate/run.h"
#include "isolate/schedule.h"

#include <lifecycle/manager.h>

#include <errno.h>
#include <inttypes.h>

/*
 * Below this limit an isolate takes its messages one by one: a batch, which the limit does not
 * count, would raise a small limit by much.
 */
enum { EXACT_LIMIT = 1024 };

/* ---- the options ---- */

LC__OPTIONS_END(lc_isolate_options, mailbox_limit);

static lc_error *isolate_options_check(const lc_isolate_options *options)
{
    if (options->name && !lc__name_fits(options->name))
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

/* ---- the extras ---- */

static bool extras_are_wanted(const lc_isolate_options *options,
                              const struct lc__isolate_hooks *hooks, const lc_isolate *isolate)
{
    return options->name || options->release || options->paused || hooks || isolate ||
           lc_send_port_is_set(options->on_error) || lc_send_port_is_set(options->on_exit);
}

/* Frees extras that no isolate has got. The payload of the exit's response stays the caller's. */
static void extras_discard(struct lc__extras *extras)
{
    struct lc__pause *pause = extras ? STAILQ_FIRST(&extras->pauses) : NULL;
    struct lc__exit_listener *listener = extras ? STAILQ_FIRST(&extras->at_exit) : NULL;
    if (!extras)
        return;
    if (listener)
        lc__message_disown(listener->response);
    lc__free(listener);
    lc__free(pause);
    lc__error_listeners_unref(extras->on_error);
    lc__free(extras->name);
    lc__free(extras);
}

static bool extras_add_pause(struct lc__extras *extras)
{
    struct lc__pause *pause = lc__allocate(sizeof *pause);
    if (!pause)
        return false;
    pause->resume = extras->pause;
    STAILQ_INSERT_TAIL(&extras->pauses, pause, link);
    extras->pause_count = 1;
    return true;
}

static bool extras_add_error_listener(struct lc__extras *extras, lc_send_port port)
{
    extras->on_error = lc__allocate(sizeof *extras->on_error + sizeof port);
    if (!extras->on_error)
        return false;
    atomic_init(&extras->on_error->refs, 1);
    extras->on_error->count = 1;
    extras->on_error->ports[0] = port;
    return true;
}

static bool extras_add_exit_listener(struct lc__extras *extras, const lc_isolate_options *options)
{
    struct lc__exit_listener *listener = lc__allocate(sizeof *listener);
    if (!listener)
        return false;
    STAILQ_INSERT_TAIL(&extras->at_exit, listener, link);
    extras->listener_count = 1;
    listener->response = lc__message_new(options->on_exit, &options->exit_response);
    return listener->response != NULL;
}

/* @return false: no memory. */
static bool extras_fill(struct lc__extras *extras, const lc_isolate_options *options)
{
    if (options->paused && !extras_add_pause(extras))
        return false;
    extras->name = options->name ? lc__duplicate(options->name) : NULL;
    if (options->name && !extras->name)
        return false;
    if (lc_send_port_is_set(options->on_error) &&
        !extras_add_error_listener(extras, options->on_error))
        return false;
    return !lc_send_port_is_set(options->on_exit) || extras_add_exit_listener(extras, options);
}

/*
 * Makes the extras that the isolate has from its start, if any. If the caller needs
 * the capabilities, an isolate without them is not spawned: it could not be resumed or killed.
 * @return 0; -ENOMEM; -ENODATA: the kernel gives no random bytes for the capabilities.
 */
static int extras_make(const lc_isolate_options *options, const struct lc__isolate_hooks *hooks,
                       const lc_isolate *isolate, struct lc__extras **made)
{
    if (!extras_are_wanted(options, hooks, isolate))
        return 0;
    struct lc__extras *extras = lc__extras_new();
    if (!extras)
        return -ENOMEM;
    bool needs_capabilities = isolate || options->paused;
    extras->release = options->release;
    if (hooks)
        extras->hooks = *hooks;
    if (needs_capabilities) {
        extras->pause = lc_capability_new();
        extras->terminate = lc_capability_new();
    }
    int result = extras_fill(extras, options) ? 0 : -ENOMEM;
    if (result == 0 && needs_capabilities &&
        lc_capability_equal(extras->terminate, LC_NO_CAPABILITY))
        result = -ENODATA;
    if (result == 0)
        *made = extras;
    else
        extras_discard(extras);
    return result;
}

/* ---- the record ---- */

static void isolate_set_limit(struct lc__isolate *isolate, const lc_isolate_options *options)
{
    bool exact = options->mailbox_limit < EXACT_LIMIT || options->when_full == LC_FULL_DROP_OLDEST;
    isolate->when_full = (unsigned)options->when_full & 3u;
    isolate->one_by_one = exact;
    isolate->limit = options->mailbox_limit == LC_MAILBOX_UNLIMITED
                         ? UINT32_MAX
                         : (uint32_t)options->mailbox_limit;
    isolate->uncounted = isolate->queued = isolate->waiting = 0;
    STAILQ_INIT(&isolate->mailbox);
    isolate->taken = NULL;
}

static void isolate_set_flags(struct lc__isolate *isolate, const lc_isolate_options *options)
{
    isolate->flags = (uint8_t)(LC__NOT_ENTERED | (options->paused ? LC__PAUSED : 0) |
                               (options->hold_at_start ? LC__HELD_AT_START : 0));
    /*
     * A shutdown of the group sets `down`, then locks each isolate. It locks this record after this
     * step, and kills the isolate; or before, and this step, under the same lock, sees `down`.
     */
    if (lc__isolate_group_is_down(isolate->group))
        isolate->flags |= LC__KILLED;
    isolate->ready = false;
    isolate->survives_errors = options->errors_not_fatal;
    isolate->hold_at_exit = options->hold_at_exit;
}

/*
 * Makes an isolate of a record of the pool. @return it, locked; NULL: no memory, or too many.
 * Another thread may look up the isolate that the record was before: so all happens under the lock.
 */
static struct lc__isolate *isolate_make(const lc_isolate_options *options,
                                        struct lc__extras *extras, lc_executor *executor,
                                        lc_isolate_group *group)
{
    lc__isolates_register();
    lc__isolates_oversee();
    struct lc__isolate *isolate = lc__pool_take(&lc__isolates, lc__loop_index());
    if (!isolate)
        return NULL;
    lc__spinlock_lock(&isolate->lock);
    LC__ASSERT(!isolate->alive && !isolate->ending);
    lc__job_init(&isolate->job, &lc__isolate_job_kind, executor, lc__isolate_group_threads(group));
    atomic_store_explicit(&isolate->attention, false, memory_order_relaxed);
    isolate->alive = true;
    isolate->group = group;
    isolate_set_flags(isolate, options);
    isolate_set_limit(isolate, options);
    isolate->last_number = isolate->keep_alive = 0;
    if (isolate->serial == 0)
        isolate->serial = lc__pool_first_serial(&lc__isolates);
    isolate->running = NULL;
    isolate->port.number = 0;
    isolate->entry = options->entry;
    isolate->arg = options->arg;
    isolate->extras = extras;
    isolate->scheduled = lc__isolate_next_event(isolate) != LC__EVENT_NONE;
    return isolate;
}

/* Gives back the record of an isolate that has never run. */
static void isolate_unmake(struct lc__isolate *isolate)
{
    lc__spinlock_lock(&isolate->lock);
    LC__ASSERT(!isolate->running);
    isolate->alive = false;
    isolate->serial++;
    isolate->extras = NULL;
    lc__isolate_unlock(isolate);
    lc__pool_give(&lc__isolates, lc__loop_index(), isolate);
}

/* ---- spawning ---- */

/* Makes and starts the isolate. Its executor is bound, and its group counts it. */
static int isolate_start(const lc_isolate_options *options, struct lc__extras *extras,
                         lc_executor *executor, lc_isolate_group *group, lc_isolate *reference)
{
    struct lc__isolate *isolate = isolate_make(options, extras, executor, group);
    if (!isolate)
        return lc__pool_made(&lc__isolates) < LC_ISOLATES_MAX ? -ENOMEM : -EMFILE;
    /*
     * Under the lock: an isolate that is not scheduled may be killed, and end, once it is
     * unlocked.
     */
    if (reference)
        *reference =
            (lc_isolate){lc__isolate_control_port(isolate), extras->pause, extras->terminate};
    bool runs = isolate->scheduled;
    lc__isolate_unlock(isolate);
    int result = runs ? lc__job_start(&isolate->job, options->spread) : 0;
    if (result < 0)
        isolate_unmake(isolate);
    return result;
}

/* Binds the executor and enters the group, then starts the isolate; undoes it on an error. */
static int isolate_bind_and_start(const lc_isolate_options *options, struct lc__extras *extras,
                                  lc_executor *executor, lc_isolate_group *group,
                                  lc_isolate *reference)
{
    int result = lc__executor_bind(executor);
    if (result < 0)
        return result;
    result = lc__isolate_group_enter(group);
    if (result == 0) {
        result = isolate_start(options, extras, executor, group, reference);
        if (result < 0)
            lc__isolate_group_leave(group);
    }
    if (result < 0) {
        lc__job_finishing(executor);
        lc__executor_unbind(executor);
    }
    return result;
}

static lc_error *spawn_error(int failed, const lc_isolate_options *options)
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

static int isolate_spawn(const lc_isolate_options *options, const struct lc__isolate_hooks *hooks,
                         lc_isolate *reference)
{
    LC__ASSERT(options->entry && options->mailbox_limit > 0);
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
    int result = extras_make(options, hooks, reference, &extras);
    if (result < 0)
        return result;
    result = isolate_bind_and_start(options, extras, executor, group, reference);
    if (result < 0)
        extras_discard(extras);
    return result;
}

lc_error *lc__isolate_spawn(const lc_isolate_options *options,
                            const struct lc__isolate_hooks *hooks, lc_isolate *isolate)
{
    return spawn_error(isolate_spawn(options, hooks, isolate), options);
}

lc_error *lc_isolate_spawn(const lc_isolate_options *given, lc_isolate *isolate)
{
    lc__task_check();
    lc_isolate_options options;
    lc_error *mistake = lc__isolate_options_read(&options, given);
    return mistake ? mistake : lc__isolate_spawn(&options, NULL, isolate);
}
