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

struct lc__listeners *lc__listeners_ref(struct lc__listeners *listeners)
{
    if (listeners)
        atomic_fetch_add_explicit(&listeners->refs, 1, memory_order_relaxed);
    return listeners;
}

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
    struct lc__listeners *before = lc__listeners_ref(isolate->extras->on_error);
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
