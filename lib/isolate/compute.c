/*
 * compute.c: one computation in an isolate of its own. See lc_isolate_compute.
 */
#include "base/memory.h"
#include "base/refs.h"
#include "base/task.h"
#include "isolate/message.h"
#include "isolate/receive.h"
#include "isolate/thread_port.h"

#include <lifecycle/isolate.h>

#include <errno.h>

/* Shared by the caller and the isolate, since either may end first. */
struct computation {
    atomic_uint refs;
    lc_error *(*compute)(lc_payload *result, void *arg);
    void *arg;
    lc_payload result; /* the isolate's */
    lc_send_port answer;
    /* The isolate writes them. The caller reads them when the exit message has come. */
    lc_error *failed; /* what the computation has returned; a reference */
    bool is_lost;     /* no memory to send the result */
};

static const char end_mark; /* the exit message points here, and no result does */

static void computation_unref(void *arg)
{
    struct computation *computation = arg;
    if (!lc__refs_drop(&computation->refs))
        return;
    lc_error_unref(computation->failed);
    lc__free(computation);
}

static lc_error *computation_enter(void *arg)
{
    struct computation *computation = arg;
    lc_payload *result = &computation->result;
    lc_error *error = computation->compute(result, computation->arg);
    computation->failed = lc_error_ref(error);
    if (error)
        return error;
    int sent = lc_send_payload(computation->answer, result, LC_NOW);
    computation->is_lost = sent == -ENOMEM;
    if (sent < 0 && result->destroy)
        result->destroy(result->data);
    lc_isolate_exit(LC_NO_PORT, NULL);
}

/*
 * The wait is not shielded, so a kill of the caller interrupts it. The computation may use what
 * lies on the caller's stack, so the caller then kills it and waits for its end.
 */
static int computation_receive(lc_isolate isolate, lc_receive_port port, lc_message **message,
                               int64_t deadline)
{
    lc__task_unshield();
    int result = lc__port_receive(port, message, deadline);
    lc__task_shield();
    if (result != -EINTR)
        return result;
    lc_isolate_kill(isolate, LC_PRIORITY_IMMEDIATE);
    return lc__port_receive(port, message, LC_FOREVER);
}

/*
 * Keeps the first error and the first result. @return whether the message is the end of the
 * isolate.
 */
static bool computation_keep(lc_message *message, lc_error **error, lc_message **result)
{
    const lc_error *failed = lc_message_error(message);
    bool ended = lc_message_data(message) == &end_mark;
    if (failed && !*error)
        *error = lc_error_ref(failed);
    if (failed || ended || *result)
        lc_message_free(message);
    else
        *result = message;
    return ended;
}

/* The isolate has ended without a result, and no memory was left for a message that says why. */
static lc_error *computation_error(const struct computation *computation)
{
    if (computation->failed)
        return lc_error_ref(computation->failed);
    if (computation->is_lost)
        return lc_error_new(-ENOMEM, "no memory for the result of the computation");
    return lc_error_new(-ENODATA, "computation ended without result");
}

static lc_error *computation_await(const struct computation *computation, lc_isolate isolate,
                                   lc_receive_port port, int64_t deadline, lc_message **result)
{
    lc_error *error = NULL;
    bool ended = false;
    while (!ended) {
        lc_message *message;
        int received = computation_receive(isolate, port, &message, deadline);
        if (received < 0) {
            lc_isolate_kill(isolate, LC_PRIORITY_IMMEDIATE);
            lc_error_unref(error);
            error = lc_error_new(received, "the computation has not ended by its deadline");
            break;
        }
        ended = computation_keep(message, &error, result);
    }
    if (error) {
        lc_message_free(*result);
        *result = NULL;
    }
    if (!error && !*result)
        error = computation_error(computation);
    return error;
}

static lc_error *computation_run(struct computation *computation, lc_receive_port port,
                                 const char *name, int64_t deadline, lc_message **result)
{
    lc_isolate isolate;
    const lc_isolate_options options = {
        .size = sizeof options,
        .name = name,
        .entry = computation_enter,
        .arg = computation,
        .release = computation_unref,
        .on_error = port.send,
        .on_exit = port.send,
        .exit_response = {(void *)(uintptr_t)&end_mark, 0, lc_payload_keep},
    };
    atomic_fetch_add_explicit(&computation->refs, 1, memory_order_relaxed);
    lc_error *error = lc_isolate_spawn(&options, &isolate);
    if (error) {
        computation_unref(computation);
        return error;
    }
    return computation_await(computation, isolate, port, deadline, result);
}

lc_error *lc_isolate_compute(const char *name, lc_error *(*compute)(lc_payload *result, void *arg),
                             void *arg, lc_message **result, int64_t deadline)
{
    static const lc_port_options of_answers = {.limit = LC_MAILBOX_DEFAULT};
    lc_receive_port port;
    lc__task_check();
    if (!compute || !result)
        return lc_error_new(-EINVAL, "lc_isolate_compute needs a computation, and a place for its "
                                     "result");
    *result = NULL;
    struct computation *computation = lc__allocate(sizeof *computation);
    if (!computation || lc__thread_port_open(&of_answers, &port) < 0) {
        lc__free(computation);
        return lc_error_new(-ENOMEM, "no memory for a computation");
    }
    atomic_init(&computation->refs, 1);
    computation->compute = compute;
    computation->arg = arg;
    computation->answer = port.send;
    lc__task_shield(); /* until the port is closed */
    lc_error *error = computation_run(computation, port, name, deadline, result);
    lc_port_close(port);
    computation_unref(computation);
    lc__task_unshield();
    if (lc__task_must_end(lc__task_current())) {
        lc_message_free(*result);
        lc_error_unref(error);
        lc__task_check(); /* does not return */
    }
    return error;
}
