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

/* Shared by who waits and by the isolate, since either may be gone first. */
struct computation {
    atomic_uint refs;
    lc_error *(*compute)(lc_payload *result, void *arg);
    void *arg;
    lc_payload result; /* the isolate's */
    lc_send_port answer;
    /* Written by the isolate, read once its exit message has come. */
    lc_error *failed; /* what the computation has returned; held */
    bool is_lost;     /* there was no memory to send the result */
};

static const char has_ended; /* what the exit listener is told, and no result is */

static void unref(void *arg)
{
    struct computation *computation = arg;
    if (!lc__refs_drop(&computation->refs))
        return;
    lc_error_unref(computation->failed);
    lc__free(computation);
}

static lc_error *enter(void *arg)
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
 * The wait itself is not shielded, so that a kill of the caller interrupts it: the computation is
 * then killed too, and its end awaited, since it may work with what lies on the caller's stack.
 */
static int receive(lc_isolate isolate, lc_receive_port port, lc_message **message, int64_t deadline)
{
    lc__task_unshield();
    int result = lc__port_receive(port, message, deadline);
    lc__task_shield();
    if (result != -EINTR)
        return result;
    lc_isolate_kill(isolate, LC_PRIORITY_IMMEDIATE);
    return lc__port_receive(port, message, LC_FOREVER);
}

/* Keeps the first of what the isolate sends. @return whether that was its end. */
static bool keep(lc_message *message, lc_error **error, lc_message **result)
{
    const lc_error *failed = lc_message_error(message);
    bool ended = lc_message_data(message) == &has_ended;
    if (failed && !*error)
        *error = lc_error_ref(failed);
    if (failed || ended || *result)
        lc_message_free(message);
    else
        *result = message;
    return ended;
}

/* It has ended without a message that says more: there was none, or no memory for one. */
static lc_error *without_message(const struct computation *computation)
{
    if (computation->failed)
        return lc_error_ref(computation->failed);
    if (computation->is_lost)
        return lc_error_new(-ENOMEM, "no memory for the result of the computation");
    return lc_error_new(-ENODATA, "computation ended without result");
}

static lc_error *await(const struct computation *computation, lc_isolate isolate,
                       lc_receive_port port, int64_t deadline, lc_message **result)
{
    lc_error *error = NULL;
    bool ended = false;
    while (!ended) {
        lc_message *message;
        int received = receive(isolate, port, &message, deadline);
        if (received < 0) {
            lc_isolate_kill(isolate, LC_PRIORITY_IMMEDIATE);
            lc_error_unref(error);
            error = lc_error_new(received, "the computation has not ended by its deadline");
            break;
        }
        ended = keep(message, &error, result);
    }
    if (error) {
        lc_message_free(*result);
        *result = NULL;
    }
    if (!error && !*result)
        error = without_message(computation);
    return error;
}

static lc_error *run(struct computation *computation, lc_receive_port port, const char *name,
                     int64_t deadline, lc_message **result)
{
    lc_isolate isolate;
    const lc_isolate_options options = {
        .size = sizeof options,
        .name = name,
        .entry = enter,
        .arg = computation,
        .release = unref,
        .on_error = port.send,
        .on_exit = port.send,
        .exit_response = {(void *)(uintptr_t)&has_ended, 0, lc_payload_keep},
    };
    atomic_fetch_add_explicit(&computation->refs, 1, memory_order_relaxed);
    lc_error *error = lc_isolate_spawn(&options, &isolate);
    if (error) {
        unref(computation);
        return error;
    }
    return await(computation, isolate, port, deadline, result);
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
    lc__task_shield(); /* the port is to be closed */
    lc_error *error = run(computation, port, name, deadline, result);
    lc_port_close(port);
    unref(computation);
    lc__task_unshield();
    if (lc__task_must_end(lc__task_current())) {
        lc_message_free(*result);
        lc_error_unref(error);
        lc__task_check(); /* does not return */
    }
    return error;
}
