/*
 * listeners.c: see listeners.h and <lifecycle/isolate.h>.
 */
#include "isolate/listeners.h"

#include "base/memory.h"
#include "base/refs.h"
#include "isolate/check.h"
#include "isolate/lookup.h"
#include "isolate/port.h"

#include <errno.h>

/* ---- exit listeners ---- */

static struct lc__exit_listener *exit_listener_find(struct lc__extras *extras, lc_send_port port)
{
    struct lc__exit_listener *listener;
    STAILQ_FOREACH (listener, &extras->at_exit, link)
        if (lc_send_port_equal(listener->response->port, port))
            return listener;
    return NULL;
}

/*
 * Adds a listener: `*listener` becomes NULL. If its port is a listener already, exchanges the
 * responses of the two: the caller keeps the new listener with the old response.
 */
static int exit_listener_add(lc_send_port control, struct lc__exit_listener **listener)
{
    int error;
    struct lc__isolate *isolate = lc__isolate_lock_extras_of_this_world(control, &error);
    if (!isolate)
        return error;
    struct lc__exit_listener *there =
        exit_listener_find(isolate->extras, (*listener)->response->port);
    if (!there && isolate->extras->listener_count == LC_ISOLATE_LISTENERS_MAX) {
        lc__isolate_unlock(isolate);
        return -EMFILE;
    }
    if (there) {
        lc_message *before = there->response;
        there->response = (*listener)->response;
        (*listener)->response = before;
    } else {
        STAILQ_INSERT_TAIL(&isolate->extras->at_exit, *listener, link);
        isolate->extras->listener_count++;
        *listener = NULL;
    }
    lc__isolate_unlock(isolate);
    return 0;
}

int lc_isolate_add_exit_listener(lc_isolate isolate, lc_send_port port, const lc_payload *response)
{
    lc__check_with(response);
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
        result = exit_listener_add(isolate.control, &listener);
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
    struct lc__exit_listener *listener =
        found->extras ? exit_listener_find(found->extras, port) : NULL;
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

struct lc__error_listeners *lc__error_listeners_ref(struct lc__error_listeners *listeners)
{
    if (listeners)
        atomic_fetch_add_explicit(&listeners->refs, 1, memory_order_relaxed);
    return listeners;
}

void lc__error_listeners_unref(struct lc__error_listeners *listeners)
{
    if (listeners && lc__refs_drop(&listeners->refs))
        lc__free(listeners);
}

/*
 * Makes a copy of the listeners with the port added, or without it.
 * @return 0, and the copy; -EALREADY: the port is a listener; -ENOENT: it is none; -EMFILE;
 * -ENOMEM.
 */
static int error_listeners_copy(const struct lc__error_listeners *before, lc_send_port port,
                                bool with, struct lc__error_listeners **copy)
{
    size_t count = before ? before->count : 0;
    struct lc__error_listeners *after =
        lc__allocate(sizeof *after + (count + 1) * sizeof after->ports[0]);
    bool there = false;
    if (!after)
        return -ENOMEM;
    atomic_init(&after->refs, 1);
    for (size_t i = 0; i < count; i++) {
        bool same = lc_send_port_equal(before->ports[i], port);
        there |= same;
        if (!same || with)
            after->ports[after->count++] = before->ports[i];
    }
    int result = with && count == LC_ISOLATE_LISTENERS_MAX ? -EMFILE : 0;
    if (there == with)
        result = with ? -EALREADY : -ENOENT;
    if (result == 0 && with)
        after->ports[after->count++] = port;
    if (result == 0)
        *copy = after;
    else
        lc__free(after);
    return result;
}

/*
 * Replaces a list of listeners by another one, if the isolate still has it. The caller gives a
 * reference to the new list and gets the isolate's reference to the old list.
 * @return 0; -ESRCH; -EAGAIN: the isolate has a third list by now.
 */
static int error_listeners_swap(lc_send_port control, const struct lc__error_listeners *before,
                                struct lc__error_listeners **list)
{
    struct lc__isolate *isolate = lc__isolate_lock(control);
    if (!isolate)
        return -ESRCH;
    struct lc__error_listeners *there = isolate->extras->on_error;
    bool same = there == before;
    if (same) {
        isolate->extras->on_error = *list;
        *list = there;
    }
    lc__isolate_unlock(isolate);
    return same ? 0 : -EAGAIN;
}

/*
 * Adds a listener or removes it. The isolate may read its list at the same time, so the list is
 * replaced and not changed. @return 0; or why not; -EAGAIN: another call has replaced the list too.
 */
static int error_listeners_replace(lc_send_port control, lc_send_port port, bool with)
{
    int error;
    struct lc__isolate *isolate = lc__isolate_lock_extras_of_this_world(control, &error);
    if (!isolate)
        return error;
    struct lc__error_listeners *before = lc__error_listeners_ref(isolate->extras->on_error);
    lc__isolate_unlock(isolate);
    struct lc__error_listeners *list = NULL;
    int result = error_listeners_copy(before, port, with, &list);
    if (result == 0)
        result = error_listeners_swap(control, before, &list);
    lc__error_listeners_unref(list);
    lc__error_listeners_unref(before);
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
    while ((result = error_listeners_replace(isolate.control, port, true)) == -EAGAIN)
        continue;
    return result == -EALREADY ? 0 : result;
}

int lc_isolate_remove_error_listener(lc_isolate isolate, lc_send_port port)
{
    int result;
    lc__task_check();
    while ((result = error_listeners_replace(isolate.control, port, false)) == -EAGAIN)
        continue;
    return result;
}
