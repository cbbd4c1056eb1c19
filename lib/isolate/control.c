/*
 * control.c: pause, resume, ping, kill and a group's shutdown, from any thread. See control.h and
 * <lifecycle/isolate.h>.
 *
 * A call of this file changes the isolate under its lock, on the caller's stack. That is sooner
 * than a message, and cannot be lost: lc__isolate_unlock_changed() schedules an idle isolate, and
 * makes a running one look (see the design note of mailbox.c). Only a ping that comes after the
 * event that runs is queued: the isolate answers it from extras->control.
 *
 * An immediate kill also ends the event that runs. It sets the task's `end_now`, which each
 * lc__task_check() calls, and interrupts the task's wait. The task lives as long as `running`
 * names it, so both happen under the lock. The end of the run clears `end_now` under the lock.
 */
#include "isolate/control.h"

#include "base/fork.h"
#include "base/memory.h"
#include "executor/park.h"
#include "isolate/check.h"
#include "isolate/group.h"
#include "isolate/lookup.h"
#include "isolate/port.h"
#include "isolate/schedule.h"
#include "isolate/send.h"
#include "wait/handle.h"

#include <lifecycle/manager.h>

#include <errno.h>

/* ---- pause and resume ---- */

static struct lc__pause *pause_find(struct lc__extras *extras, lc_capability resume)
{
    struct lc__pause *pause;
    STAILQ_FOREACH (pause, &extras->pauses, link)
        if (lc_capability_equal(pause->resume, resume))
            return pause;
    return NULL;
}

int lc_isolate_pause(lc_isolate isolate, lc_capability resume)
{
    int error;
    lc__task_check();
    if (lc_capability_equal(resume, LC_NO_CAPABILITY))
        return -EINVAL;
    struct lc__pause *pause = lc__allocate(sizeof *pause);
    if (!pause)
        return -ENOMEM;
    lc__task_shield(); /* a killed caller would not free the pause */
    struct lc__isolate *found =
        lc__isolate_lock_for(isolate.control, isolate.pause, LC__RIGHT_TO_PAUSE, &error);
    lc__task_unshield();
    if (!found) {
        lc__free(pause);
        return error;
    }
    bool again = pause_find(found->extras, resume) != NULL;
    bool full = !again && found->extras->pause_count == LC_ISOLATE_PAUSES_MAX;
    if (!again && !full) {
        pause->resume = resume;
        STAILQ_INSERT_TAIL(&found->extras->pauses, pause, link);
        found->extras->pause_count++;
        found->flags |= LC__PAUSED;
        pause = NULL;
    }
    lc__isolate_unlock_changed(found);
    lc__free(pause);
    return full ? -EMFILE : 0;
}

int lc_isolate_resume(lc_isolate isolate, lc_capability resume)
{
    int error;
    struct lc__isolate *found =
        lc__isolate_lock_for(isolate.control, isolate.pause, LC__RIGHT_TO_PAUSE, &error);
    if (!found)
        return error;
    struct lc__pause *pause = pause_find(found->extras, resume);
    if (pause)
        STAILQ_REMOVE(&found->extras->pauses, pause, lc__pause, link);
    found->extras->pause_count -= pause != NULL;
    if (STAILQ_EMPTY(&found->extras->pauses))
        found->flags &= (uint8_t)~LC__PAUSED;
    lc__isolate_unlock_changed(found);
    lc__free(pause);
    return pause ? 0 : -ENOENT;
}

int lc_isolate_end_hold(lc_isolate isolate)
{
    int error;
    struct lc__isolate *found =
        lc__isolate_lock_for(isolate.control, isolate.pause, LC__RIGHT_TO_PAUSE, &error);
    if (!found)
        return error;
    bool at_start = lc__isolate_is_held_at_start(found);
    bool held = at_start || lc__isolate_is_held_at_exit(found);
    if (held && at_start)
        found->flags &= (uint8_t)~LC__HELD_AT_START;
    else if (held)
        found->hold_at_exit = false;
    lc__isolate_unlock_changed(found);
    return held ? 0 : -ENOENT;
}

static bool priority_is_known(lc_priority priority)
{
    return (unsigned)priority <= LC_PRIORITY_NEXT_EVENT;
}

/* ---- ping ---- */

static int ping_queue(lc_send_port port, lc_message *response)
{
    int error;
    struct lc__control *control = lc__allocate(sizeof *control);
    struct lc__isolate *isolate =
        control ? lc__isolate_lock_extras_of_this_world(port, &error) : NULL;
    if (!isolate) {
        lc__free(control);
        return control ? error : -ENOMEM;
    }
    control->response = response;
    STAILQ_INSERT_TAIL(&isolate->extras->control, control, link);
    isolate->flags |= LC__CONTROL_WAITS;
    lc__isolate_unlock_changed(isolate);
    return 0;
}

int lc_isolate_ping(lc_isolate isolate, lc_send_port port, const lc_payload *response,
                    lc_priority priority)
{
    lc__check_with(response);
    if (!lc_send_port_is_set(port) || lc__payload_check(response) < 0 ||
        !priority_is_known(priority))
        return -EINVAL;
    int result = lc__port_check_world(port);
    if (result < 0)
        return result;
    lc_message *message = lc__message_new(port, response);
    result = message ? 0 : -ENOMEM;
    if (message && priority == LC_PRIORITY_NEXT_EVENT) {
        result = ping_queue(isolate.control, message);
    } else if (message) {
        lc__task_shield(); /* a killed caller would not free the message */
        struct lc__isolate *found = lc__isolate_lock_of_this_world(isolate.control, &result);
        lc__task_unshield();
        result = found ? 0 : result;
        if (found) {
            /* The isolate lives: that is the answer, and this thread sends it as well. */
            lc__isolate_unlock(found);
            lc__send_own(message);
        }
    }
    if (result < 0)
        lc__message_disown(message);
    return result;
}

/* ---- kill ---- */

int lc_isolate_kill(lc_isolate isolate, lc_priority priority)
{
    int error;
    lc__task_check();
    if (!priority_is_known(priority))
        return -EINVAL;
    struct lc__isolate *found =
        lc__isolate_lock_for(isolate.control, isolate.terminate, LC__RIGHT_TO_END, &error);
    if (!found)
        return error;
    lc_context *context = NULL;
    bool at_once = priority == LC_PRIORITY_IMMEDIATE;
    if (at_once) {
        found->flags |= LC__KILLED_NOW;
        context = lc_context_ref(found->extras->context);
        if (found->running) { /* the task is there while the lock is held */
            atomic_store_explicit(&found->running->end_now, lc__event_end, memory_order_relaxed);
            lc__task_interrupt(found->running);
        }
    } else {
        found->flags |= LC__KILLED;
    }
    lc__isolate_unlock_changed(found);
    if (context)
        lc_context_cancel(context, lc_error_new(-ECANCELED, "the isolate was killed"));
    lc_context_unref(context);
    lc__task_check(); /* the caller may be this isolate */
    return 0;
}

int lc__isolate_stop(lc_isolate isolate)
{
    int error;
    struct lc__isolate *found =
        lc__isolate_lock_for(isolate.control, isolate.terminate, LC__RIGHT_TO_END, &error);
    if (!found)
        return error;
    found->flags |= LC__KILLED;
    found->hold_at_exit = false;
    lc__isolate_unlock_changed(found);
    return 0;
}

int lc_isolate_set_errors_fatal(lc_isolate isolate, bool fatal)
{
    int error;
    struct lc__isolate *found =
        lc__isolate_lock_for(isolate.control, isolate.terminate, LC__RIGHT_TO_END, &error);
    if (!found)
        return error;
    found->survives_errors = !fatal;
    lc__isolate_unlock(found);
    return 0;
}

/* ---- shutdown of a group ---- */

static void group_kill_all(const lc_isolate_group *group)
{
    uint32_t made = lc__pool_made(&lc__isolates);
    for (uint32_t place = 0; place < made; place++) {
        struct lc__isolate *isolate = lc__pool_at(&lc__isolates, place);
        lc__spinlock_lock(&isolate->lock);
        if (!isolate->alive || isolate->group != group) {
            lc__isolate_unlock(isolate);
            continue;
        }
        isolate->flags |= LC__KILLED;
        lc__isolate_unlock_changed(isolate);
    }
}

/* Whether the caller is an isolate of the group, or runs a blocking call of one. */
static bool group_has_caller(const lc_isolate_group *group)
{
    const struct lc__task *task = lc__task_current();
    while (task && !(task->isolate && task->isolate->group == group))
        task = task->client;
    return task != NULL;
}

int lc_isolate_group_shutdown(lc_isolate_group *group, int64_t deadline)
{
    lc__task_check();
    if (!group)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    if (group_has_caller(group))
        return -EDEADLK;
    lc_handle *empty;
    int result = lc__isolate_group_close(group, &empty);
    if (result < 0)
        return result;
    if (result > 0)
        group_kill_all(group);
    result = lc__handle_wait(empty, deadline);
    lc_handle_unref(empty);
    if (result == -EINTR)
        lc__task_check(); /* does not return */
    return result;
}
