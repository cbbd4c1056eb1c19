/*
 * port.c: see port.h and <lifecycle/port.h>.
 */
#include "isolate/port.h"

#include "base/fork.h"
#include "base/options.h"
#include "executor/job.h"
#include "isolate/isolate_port.h"
#include "isolate/lookup.h"
#include "isolate/thread_port.h"

#include <errno.h>

int lc__port_check_world(lc_send_port port)
{
    if (lc__forked()) /* a lock may be held for ever */
        return -ENOTSUP;
    if (lc__port_is_of_thread(port))
        return lc__thread_port_is_foreign(port) ? -ENOTSUP : 0;
    struct lc__isolate *isolate = lc__isolate_lock(port);
    if (!isolate)
        return 0;
    bool is_of_this = lc__executor_is_of_this_world(isolate->job.executor);
    lc__isolate_unlock(isolate);
    return is_of_this ? 0 : -ENOTSUP;
}

LC__OPTIONS_END(lc_port_options, limit);

static lc_error *port_options_read(lc_port_options *options, const lc_port_options *given,
                                   bool in_isolate)
{
    lc_error *mistake = lc__options_read(options, sizeof *options, given, "lc_port_options");
    if (options->limit == 0)
        options->limit = LC_MAILBOX_DEFAULT;
    if (mistake)
        return mistake;
    if (!in_isolate && options->handler)
        return lc_error_new(-EINVAL,
                            "a port with a handler is an isolate's: a fiber or a thread receives");
    if ((unsigned)options->when_full > LC_FULL_PARK_SENDER)
        return lc_error_new(-EINVAL, "a port has a when_full of %d, not one of LC_FULL_...",
                            (int)options->when_full);
    return NULL;
}

static lc_error *port_open_error(int result)
{
    switch (result) {
    case 0:
        return NULL;
    case -EMFILE:
        return lc_error_new(result, "the isolate has %d ports open, the most there can be",
                            LC_PORTS_MAX);
    default:
        return lc_error_new(result, "no memory for a port");
    }
}

lc_error *lc_port_open(const lc_port_options *given, lc_receive_port *port)
{
    lc__task_check();
    if (!port)
        return lc_error_new(-EINVAL, "lc_port_open needs a place for the port");
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "no port in a child forked when there were workers");
    struct lc__isolate *isolate = lc__isolate_running();
    lc_port_options options;
    lc_error *mistake = port_options_read(&options, given, isolate != NULL);
    if (mistake)
        return mistake;
    return port_open_error(isolate ? lc__isolate_port_open(isolate, &options, port)
                                   : lc__thread_port_open(&options, port));
}

int lc_port_close(lc_receive_port port)
{
    lc__task_check();
    if (lc__forked())
        return -ENOTSUP;
    return lc__port_is_of_thread(port.send)
               ? lc__thread_port_close(port)
               : lc__port_refusal(port.send, lc__isolate_port_close(port));
}

bool lc_port_is_open(lc_send_port port)
{
    if (lc__forked())
        return false;
    if (lc__port_is_of_thread(port))
        return lc__thread_port_is_open(port);
    struct lc__isolate *isolate = lc__isolate_lock(port);
    bool open = isolate && lc__isolate_port_find(isolate, port.number);
    if (isolate)
        lc__isolate_unlock(isolate);
    return open;
}

int lc__port_refusal(lc_send_port port, int error)
{
    return error == -EPERM && !lc_port_is_open(port) ? -EBADF : error;
}

int lc_port_set_handler(lc_receive_port port, lc_message_handler handler, void *arg)
{
    lc__task_check();
    return lc__port_refusal(port.send, lc__isolate_port_set_handler(port, handler, arg));
}

int lc_port_set_weak(lc_receive_port port, bool weak)
{
    lc__task_check();
    return lc__port_refusal(port.send, lc__isolate_port_set_weak(port, weak));
}
