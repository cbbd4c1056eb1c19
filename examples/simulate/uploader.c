/*
 * uploader.c: see uploader.h.
 *
 * A job that has been taken from the queue stays in `uploader->job` until the backend has answered,
 * so that a restart loses nothing. The backend may get a job twice, and must accept that.
 */
#include "uploader.h"

#include <errno.h>
#include <stdlib.h>

/* ---- requests ---- */

static struct request *make_request(void *job, lc_handle *stored)
{
    struct request *request = malloc(sizeof *request);
    if (request)
        *request = (struct request){job, lc_handle_ref(stored)};
    return request;
}

void request_drop(struct request *request)
{
    lc_handle_unref(request->stored);
    free(request);
}

void request_answer(struct request *request)
{
    lc_handle_close(request->stored);
    request_drop(request);
}

/* ---- the worker ---- */

/* Sends the job and waits for the answer. @return 0, or why there is none. */
static int request_and_wait(struct uploader *uploader, lc_context *context, lc_handle *stored)
{
    struct request *request = make_request(uploader->job, stored);
    if (!request)
        return -ENOMEM;
    int code = lc_context_send(context, uploader->backend, request, LC_FOREVER);
    if (code != 0) {
        request_drop(request); /* a send that fails leaves the item with its sender */
        return code;
    }
    return lc_context_wait(context, stored, LC_FOREVER);
}

/* As above, within the time-out: the waits of a context end at its deadline. */
static int request_in_time(struct uploader *uploader, lc_context *context)
{
    int code = -ENOMEM;
    lc_handle *stored = lc_handle_new();
    lc_context *limited = lc_context_with_deadline(context, lc_deadline_after(UPLOAD_TIMEOUT));
    if (stored && limited)
        code = request_and_wait(uploader, limited, stored);
    lc_context_unref(limited);
    lc_handle_unref(stored);
    return code;
}

/* Has the job in hand stored. @return NULL also when told to stop. */
static lc_error *upload(struct uploader *uploader, lc_context *context)
{
    int code = -ETIMEDOUT;
    for (int i = 0; i < UPLOAD_ATTEMPTS && code == -ETIMEDOUT; i++)
        code = request_in_time(uploader, context);
    if (code == 0) {
        uploader->job = NULL;
        uploader->pause = 0;
    }
    if (code == 0 || lc_context_error(context))
        return NULL;
    return lc_error_new(code, code == -ETIMEDOUT ? "the backend does not answer"
                                                 : "the backend cannot be asked");
}

/* @return whether there is a job, and the worker is to go on. */
static bool next_job(struct uploader *uploader, lc_context *context)
{
    if (lc_context_error(context))
        return false;
    return uploader->job ||
           lc_context_receive(context, uploader->jobs, &uploader->job, LC_FOREVER) == 0;
}

static lc_error *upload_worker(lc_context *context, lc_ready *ready, void *arg)
{
    struct uploader *uploader = arg;
    lc_error *error = NULL;
    /* Here and not in the judge, so that the end of the service interrupts the pause. */
    lc_context_sleep(context, uploader->pause);
    lc_ready_signal(ready);
    while (!error && next_job(uploader, context))
        error = upload(uploader, context);
    return error;
}

/* ---- the component ---- */

static lc_error *make_uploader(lc_component **component, void *arg)
{
    lc_manager *manager;
    lc_manager_builder *builder = lc_manager_builder_new("uploader");
    lc_manager_builder_set_kind(builder, LC_FIBER);
    lc_manager_builder_add(builder, LC_WORKER(.name = "upload", .run = upload_worker, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

/* The judge: restart, after a longer pause each time while nothing is stored. */
static lc_behavior judge(const lc_failure *failure, void *arg)
{
    struct uploader *uploader = arg;
    int64_t pause = uploader->pause ? uploader->pause * 2 : UPLOAD_PAUSE_FIRST;
    uploader->pause = pause < UPLOAD_PAUSE_MOST ? pause : UPLOAD_PAUSE_MOST;
    lc_log(LC_LOG_WARNING, "uploader", "again in %d s: %s", (int)(uploader->pause / LC_SECOND),
           lc_error_message(failure->error));
    return LC_RESTART;
}

lc_error *uploader_run(struct uploader *uploader)
{
    lc_run_options options = {.size = sizeof options};
    options.name = "uploader";
    options.factory = make_uploader;
    options.arg = uploader;
    options.judge = judge;
    options.judge_arg = uploader;
    options.handle_signals = true;
    return lc_component_run(&options, NULL, NULL);
}
