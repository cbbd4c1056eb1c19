/*
 * idle.c: a process with everything in it, in which nothing happens, uses no processor time:
 * nothing looks again and again.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/helper.h"
#include "support/isolates.h"
#include "support/scripted_worker.h"

#include <lifecycle/supervisor.h>

#include <errno.h>
#include <sys/resource.h>

static lc_error *wait_for_the_end(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    return lc_context_sleep(context, LC_FOREVER) == 0 ? NULL
                                                      : lc_error_ref(lc_context_error(context));
}

static lc_error *make_worker(lc_component **component, void *kind)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("idle");
    lc_manager_builder_set_kind(builder, *(lc_worker_kind *)kind);
    lc_manager_builder_add(builder, LC_WORKER(.name = "waits", .run = wait_for_the_end));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

struct service {
    lc_supervisor *supervisor;
    lc_context *context;
    struct helper helper;
    struct agent agent;
    lc_context *late; /* with a deadline that is not to come */
    lc_executor *executor;
    lc_handle *never;
};

static void run_supervisor(void *arg)
{
    struct service *service = arg;
    lc_error_unref(lc_supervisor_run(service->supervisor, service->context, NULL));
}

static void wait_for_handle(void *handle)
{
    lc_handle_wait(handle, LC_FOREVER);
}

static lc_error *start_timer(void *arg)
{
    struct service *service = arg;
    CU_ASSERT_EQUAL(lc_timer_start(service->agent.port.send, NULL, LC_HOUR, LC_HOUR, NULL), 0);
    return NULL;
}

static void service_begin(struct service *service)
{
    static lc_worker_kind kinds[] = {LC_THREAD, LC_FIBER};
    static const char *const names[] = {"thread", "fiber"};
    *service = (struct service){.never = lc_handle_new(), .context = lc_context_new(NULL)};
    service->late = lc_context_with_deadline(NULL, lc_deadline_after(LC_HOUR));
    CHECK_SUCCESS(lc_supervisor_new(NULL, &service->supervisor));
    for (int i = 0; i < 2; i++) {
        lc_node node = {.size = sizeof node};
        node.name = names[i];
        node.factory = make_worker;
        node.arg = &kinds[i];
        CHECK_SUCCESS(lc_supervisor_add(service->supervisor, &node));
    }
    helper_start(&service->helper, run_supervisor, service);
    CHECK_CLOSES(lc_supervisor_ready(service->supervisor));
    service->executor = fibers_executor(2);
    for (int i = 0; i < 100; i++)
        fibers_spread(service->executor, wait_for_handle, service->never);
    agent_start(&service->agent);
    agent_does(&service->agent, start_timer, service);
}

static void service_end(struct service *service)
{
    lc_handle_close(service->never);
    agent_stop(&service->agent);
    fibers_end(service->executor);
    lc_context_cancel(service->context, NULL);
    helper_join(&service->helper);
    lc_supervisor_unref(service->supervisor);
    lc_context_unref(service->context);
    lc_context_unref(service->late);
    lc_handle_unref(service->never);
}

static int64_t used_by_process(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * LC_SECOND +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * LC_MICROSECOND;
}

/* The one real wait: there is nothing else to see that nothing happens by. */
static void an_idle_process_uses_no_processor(void)
{
    const int64_t stretch = 400 * LC_MILLISECOND;
    struct service service;
    service_begin(&service);
    lc_handle_wait(service.never, lc_deadline_after(100 * LC_MILLISECOND)); /* it comes to rest */
    int64_t before = used_by_process();
    CU_ASSERT_EQUAL(lc_handle_wait(service.never, lc_deadline_after(stretch)), -ETIMEDOUT);
    int64_t used = used_by_process() - before;
    CU_ASSERT_TRUE(used < stretch / 20);
    service_end(&service);
}

CHECK_SUITE(race_idle, "race: idle",
            {"a process in which nothing happens uses no processor time",
             an_idle_process_uses_no_processor});
