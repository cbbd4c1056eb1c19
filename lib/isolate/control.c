/*
 * control.c: what anybody may ask of an isolate: pause, resume, ping, kill, listeners. See isolate.h
 * and <lifecycle/isolate.h>.
 *
 * Most of it is done right here, under the isolate's lock, on the caller's stack: sooner than by any
 * message, and it cannot be lost. Only what is to come after the running handler, in its turn, goes
 * into the isolate's queue of control.
 */
#include "base/fork.h"
#include "base/memory.h"
#include "base/refs.h"
#include "context/worker.h"
#include "executor/callback.h"
#include "executor/park.h"
#include "isolate/capability.h"
#include "isolate/isolate.h"
#include "wait/handle.h"

#include <lifecycle/manager.h>

#include <bsd/string.h>
#include <errno.h>

/* ---- pause and resume ---- */

static struct lc__pause *find_pause(struct lc__extras *extras, lc_capability resume)
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
    lc__task_shield(); /* a caller that is doomed here would leave the pause behind */
    struct lc__isolate *found =
        lc__isolate_lock_for(isolate.control, isolate.pause, LC__RIGHT_TO_PAUSE, &error);
    lc__task_unshield();
    if (!found) {
        lc__free(pause);
        return error;
    }
    bool again = find_pause(found->extras, resume) != NULL;
    bool full = !again && found->extras->pause_count == LC_ISOLATE_PAUSES_MAX;
    if (!again && !full) {
        pause->resume = resume;
        STAILQ_INSERT_TAIL(&found->extras->pauses, pause, link);
        found->extras->pause_count++;
        found->bars |= LC__PAUSED;
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
    struct lc__pause *pause = find_pause(found->extras, resume);
    if (pause)
        STAILQ_REMOVE(&found->extras->pauses, pause, lc__pause, link);
    found->extras->pause_count -= pause != NULL;
    if (STAILQ_EMPTY(&found->extras->pauses))
        found->bars &= (uint8_t)~LC__PAUSED;
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
        found->bars &= (uint8_t)~LC__HELD_AT_START;
    else if (held)
        found->hold_at_exit = false;
    lc__isolate_unlock_changed(found);
    return held ? 0 : -ENOENT;
}

static bool is_priority(lc_priority priority)
{
    return (unsigned)priority <= LC_PRIORITY_NEXT_EVENT;
}

/* ---- ping ---- */

static int queue_control(lc_send_port port, lc_message *response)
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
    isolate->bars |= LC__CONTROL_WAITS;
    lc__isolate_unlock_changed(isolate);
    return 0;
}

int lc_isolate_ping(lc_isolate isolate, lc_send_port port, const lc_payload *response,
                    lc_priority priority)
{
    lc__isolate_check_with(response);
    if (!lc_send_port_is_set(port) || lc__payload_check(response) < 0 || !is_priority(priority))
        return -EINVAL;
    int result = lc__port_check_world(port);
    if (result < 0)
        return result;
    lc_message *message = lc__message_new(port, response);
    result = message ? 0 : -ENOMEM;
    if (message && priority == LC_PRIORITY_NEXT_EVENT) {
        result = queue_control(isolate.control, message);
    } else if (message) {
        lc__task_shield(); /* a caller that is doomed here would leave the message behind */
        struct lc__isolate *found = lc__isolate_lock_of_this_world(isolate.control, &result);
        lc__task_unshield();
        result = found ? 0 : result;
        if (found) {
            /* It lives: that is what it is asked for, and we may as well say it. */
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
    if (!is_priority(priority))
        return -EINVAL;
    struct lc__isolate *found =
        lc__isolate_lock_for(isolate.control, isolate.terminate, LC__RIGHT_TO_END, &error);
    if (!found)
        return error;
    lc_context *context = NULL;
    bool at_once = priority == LC_PRIORITY_IMMEDIATE;
    if (at_once) {
        found->bars |= LC__KILLED_NOW;
        context = lc_context_ref(found->extras->context);
        if (found->running) { /* its task is there while we have the lock */
            atomic_store_explicit(&found->running->doom, lc__isolate_die, memory_order_relaxed);
            lc__task_interrupt(found->running);
        }
    } else {
        found->bars |= LC__KILLED;
    }
    lc__isolate_unlock_changed(found);
    if (context)
        lc_context_cancel(context, lc_error_new(-ECANCELED, "the isolate was killed"));
    lc_context_unref(context);
    lc__task_check(); /* of oneself, at once */
    return 0;
}

int lc__isolate_stop(lc_isolate isolate)
{
    int error;
    struct lc__isolate *found =
        lc__isolate_lock_for(isolate.control, isolate.terminate, LC__RIGHT_TO_END, &error);
    if (!found)
        return error;
    found->bars |= LC__KILLED;
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

/* ---- exit listeners ---- */

static struct lc__exit_listener *find_listener(struct lc__extras *extras, lc_send_port port)
{
    struct lc__exit_listener *listener;
    STAILQ_FOREACH (listener, &extras->at_exit, link)
        if (lc_send_port_equal(listener->response->port, port))
            return listener;
    return NULL;
}

/* Adds the listener, or gives the one that is there its response, and gets that one's instead. */
static int add_listener(lc_send_port control, struct lc__exit_listener **spare)
{
    int error;
    struct lc__isolate *isolate = lc__isolate_lock_extras_of_this_world(control, &error);
    if (!isolate)
        return error;
    struct lc__exit_listener *there = find_listener(isolate->extras, (*spare)->response->port);
    if (!there && isolate->extras->listener_count == LC_ISOLATE_LISTENERS_MAX) {
        lc__isolate_unlock(isolate);
        return -EMFILE;
    }
    if (there) {
        lc_message *before = there->response;
        there->response = (*spare)->response;
        (*spare)->response = before;
    } else {
        STAILQ_INSERT_TAIL(&isolate->extras->at_exit, *spare, link);
        isolate->extras->listener_count++;
        *spare = NULL;
    }
    lc__isolate_unlock(isolate);
    return 0;
}

int lc_isolate_add_exit_listener(lc_isolate isolate, lc_send_port port, const lc_payload *response)
{
    lc__isolate_check_with(response);
    if (!lc_send_port_is_set(port) || lc__payload_check(response) < 0)
        return -EINVAL;
    int result = lc__port_check_world(port);
    if (result < 0)
        return result;
    struct lc__exit_listener *listener = lc__allocate(sizeof *listener);
    lc_message *message = listener ? lc__message_new(port, response) : NULL;
    result = -ENOMEM;
    if (message) {
        listener->response = message;
        result = add_listener(isolate.control, &listener);
    }
    if (result < 0)
        lc__message_disown(message);
    else if (listener)
        lc_message_free(listener->response);
    lc__free(listener);
    return result;
}

int lc_isolate_remove_exit_listener(lc_isolate isolate, lc_send_port port)
{
    int error;
    struct lc__isolate *found = lc__isolate_lock_of_this_world(isolate.control, &error);
    if (!found)
        return error;
    struct lc__exit_listener *listener = found->extras ? find_listener(found->extras, port) : NULL;
    if (listener) {
        STAILQ_REMOVE(&found->extras->at_exit, listener, lc__exit_listener, link);
        found->extras->listener_count--;
    }
    lc__isolate_unlock(found);
    if (!listener)
        return -ENOENT;
    lc_message_free(listener->response);
    lc__free(listener);
    return 0;
}

/* ---- error listeners ---- */

void lc__listeners_unref(struct lc__listeners *listeners)
{
    if (listeners && lc__refs_drop(&listeners->refs))
        lc__free(listeners);
}

/*
 * A copy of the listeners, to which the port is to be added, or without it. @return 0, or what is
 * in the way, as replace_listeners.
 */
static int copy_listeners(const struct lc__listeners *before, lc_send_port port, bool with,
                          struct lc__listeners **copied)
{
    size_t count = before ? before->count : 0;
    struct lc__listeners *after =
        lc__allocate(sizeof *after + (count + 1) * sizeof after->ports[0]);
    bool there = false;
    *copied = after;
    if (!after)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        bool same = lc_send_port_equal(before->ports[i], port);
        there |= same;
        if (!same || with)
            after->ports[after->count++] = before->ports[i];
    }
    if (there == with)
        return with ? -EALREADY : -ENOENT;
    return with && count == LC_ISOLATE_LISTENERS_MAX ? -EMFILE : 0;
}

/*
 * A new list in the place of the one that is there, which may be read just now: with the port, or
 * without it. @return 0; -ENOENT; -EALREADY; -ESRCH; -EMFILE; -ENOMEM; -EAGAIN: it was changed
 * meanwhile.
 */
static int replace_listeners(lc_send_port control, lc_send_port port, bool with)
{
    int error;
    struct lc__isolate *isolate = lc__isolate_lock_extras_of_this_world(control, &error);
    if (!isolate)
        return error;
    struct lc__listeners *before = isolate->extras->on_error;
    if (before)
        atomic_fetch_add_explicit(&before->refs, 1, memory_order_relaxed);
    lc__isolate_unlock(isolate);

    struct lc__listeners *after = NULL;
    int result = copy_listeners(before, port, with, &after);
    if (result == 0) {
        atomic_init(&after->refs, 1);
        if (with)
            after->ports[after->count++] = port;
        isolate = lc__isolate_lock(control);
        result = isolate ? 0 : -ESRCH;
        if (isolate && isolate->extras->on_error != before)
            result = -EAGAIN;
        if (result == 0) {
            isolate->extras->on_error = after;
            after = before; /* the isolate's reference to it is ours now */
        }
        if (isolate)
            lc__isolate_unlock(isolate);
    }
    if (result == 0)
        lc__listeners_unref(after);
    else
        lc__free(after);
    lc__listeners_unref(before);
    return result;
}

int lc_isolate_add_error_listener(lc_isolate isolate, lc_send_port port)
{
    int result;
    lc__task_check();
    if (!lc_send_port_is_set(port))
        return -EINVAL;
    if ((result = lc__port_check_world(port)) < 0)
        return result;
    while ((result = replace_listeners(isolate.control, port, true)) == -EAGAIN)
        continue;
    return result == -EALREADY ? 0 : result;
}

int lc_isolate_remove_error_listener(lc_isolate isolate, lc_send_port port)
{
    int result;
    lc__task_check();
    while ((result = replace_listeners(isolate.control, port, false)) == -EAGAIN)
        continue;
    return result;
}

/* ---- looking ---- */

static lc_isolate_state state_of(const struct lc__isolate *isolate)
{
    if (lc__isolate_is_held_at_exit(isolate))
        return LC_ISOLATE_HELD_AT_EXIT;
    if (lc__isolate_is_held_at_start(isolate))
        return LC_ISOLATE_HELD_AT_START;
    if (isolate->bars & LC__PAUSED)
        return LC_ISOLATE_PAUSED;
    return isolate->bars & LC__NOT_ENTERED ? LC_ISOLATE_START : LC_ISOLATE_RUNNING;
}

lc_isolate_state lc_isolate_read_state(lc_isolate isolate)
{
    int error;
    struct lc__isolate *found = lc__isolate_lock_any(isolate.control, &error);
    if (!found)
        return LC_ISOLATE_ENDED;
    lc_isolate_state state = state_of(found);
    lc__isolate_unlock(found);
    return state;
}

int lc_isolate_copy_name(lc_isolate isolate, char *name, size_t size)
{
    int error;
    if (!name || size == 0)
        return -EINVAL;
    struct lc__isolate *found = lc__isolate_lock_any(isolate.control, &error);
    if (!found)
        return error;
    const struct lc__extras *extras = found->extras;
    strlcpy(name, extras && extras->name ? extras->name : "isolate", size);
    lc__isolate_unlock(found);
    return 0;
}

/* The handle at a place of the extras, made if need be; under the lock. */
static lc_handle *handle_at(lc_handle **at, lc_handle **spare, bool is_closed)
{
    if (!*at) {
        *at = is_closed ? lc_handle_new_closed() : *spare;
        *spare = is_closed ? *spare : NULL;
    }
    return lc_handle_ref(*at);
}

lc_handle *lc_isolate_ready(lc_isolate isolate)
{
    int error;
    lc__task_check();
    lc_handle *spare = lc_handle_new();
    struct lc__isolate *found = spare ? lc__isolate_lock_extras(isolate.control, &error) : NULL;
    lc_handle *handle = NULL;
    if (found) {
        handle = handle_at(&found->extras->ready, &spare, found->ready);
        lc__isolate_unlock(found);
    } else if (spare && error == -ESRCH) {
        handle = lc_handle_new_closed();
    }
    lc_handle_unref(spare);
    return handle;
}

/* Of one that is ending, too, though it is nobody's address any more: not all have been told. */
lc_handle *lc_isolate_done(lc_isolate isolate)
{
    int error;
    lc__task_check();
    lc_handle *spare = lc_handle_new();
    struct lc__isolate *found = spare ? lc__isolate_lock_to_the_end(isolate.control, &error) : NULL;
    lc_handle *handle = NULL;
    if (found) {
        handle = handle_at(&found->extras->done, &spare, false);
        lc__isolate_unlock(found);
    } else if (spare && error == -ESRCH) {
        handle = lc_handle_new_closed();
    }
    lc_handle_unref(spare);
    return handle;
}

/* ---- shutdown of a group ---- */

static void kill_all(const lc_isolate_group *group)
{
    uint32_t made = lc__pool_made(&lc__isolates);
    for (uint32_t place = 0; place < made; place++) {
        struct lc__isolate *isolate = lc__pool_at(&lc__isolates, place);
        lc__spinlock_lock(&isolate->lock);
        if (!isolate->alive || isolate->group != group) {
            lc__isolate_unlock(isolate);
            continue;
        }
        isolate->bars |= LC__KILLED;
        lc__isolate_unlock_changed(isolate);
    }
}

/* Whether the caller is one of the group's isolates, or in a blocking call of one. */
static bool has_caller(const lc_isolate_group *group)
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
    if (has_caller(group))
        return -EDEADLK;
    lc_handle *empty;
    int result = lc__isolate_group_close(group, &empty);
    if (result < 0)
        return result;
    if (result > 0)
        kill_all(group);
    result = lc__handle_wait(empty, deadline);
    lc_handle_unref(empty);
    if (result == -EINTR)
        lc__task_check(); /* does not return */
    return result;
}
