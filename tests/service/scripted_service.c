/*
 * scripted_service.c: see scripted_service.h.
 */
#include "service/scripted_service.h"

#include "support/check.h"
#include "support/mode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hear(const char *message, void *arg)
{
    struct scripted_service *service = arg;
    pthread_mutex_lock(&service->lock);
    size_t used = strlen(service->heard);
    snprintf(service->heard + used, sizeof service->heard - used, "[%s]", message);
    pthread_mutex_unlock(&service->lock);
}

static lc_error *make(lc_component **component, void *arg)
{
    struct service_node *node = arg;
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder(node->name);
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = node->name, .run = worker_run, .arg = &node->worker));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_behavior answer(const lc_failure *failure, void *arg)
{
    (void)failure;
    return ((struct service_node *)arg)->behavior;
}

static void add(struct scripted_service *service, size_t index)
{
    struct service_node *node = &service->nodes[index];
    *node = (struct service_node){.service = service, .behavior = LC_SHUTDOWN};
    worker_init(&node->worker, -EIO);
    snprintf(node->name, sizeof node->name, "n%u", (unsigned)index % 100);
    const lc_dependency before = {.size = sizeof before, .name = index > 0 ? node[-1].name : NULL};
    lc_node options = {.size = sizeof options};
    options.name = node->name;
    options.factory = make;
    options.arg = node;
    options.judge = answer;
    options.judge_arg = node;
    options.kind = check_kind();
    const lc_dependency *const list[] = {index > 0 ? &before : NULL, NULL};
    options.dependencies = list;
    lc_error *error = lc_supervisor_add(service->supervisor, &options);
    if (error)
        abort();
}

void service_init(struct scripted_service *service, size_t count)
{
    memset(service, 0, sizeof *service);
    lc_supervisor_options options = {.size = sizeof options};
    options.name = "service";
    lc_error *error = lc_supervisor_new(&options, &service->supervisor);
    if (error || count > SERVICE_NODES_MAX)
        abort();
    pthread_mutex_init(&service->lock, NULL);
    service->options = (lc_service_options){.size = sizeof(lc_service_options)};
    service->options.notify = hear;
    service->options.notify_arg = service;
    service->options.stop_timeout = LC_FOREVER;
    service->finished = lc_handle_new();
    service->count = count;
    for (size_t i = 0; i < count; i++)
        add(service, i);
}

static lc_error *configure(lc_context *context, void *arg)
{
    struct scripted_service *service = arg;
    if (service->configured)
        return service->reload(context, service->reload_arg);
    service->configured = true;
    return NULL;
}

void service_reload_by(struct scripted_service *service,
                       lc_error *(*reload)(lc_context *context, void *arg), void *arg)
{
    service->reload = reload;
    service->reload_arg = arg;
    service->options.configure = configure;
    service->options.arg = service;
}

static void serve(void *arg)
{
    struct scripted_service *service = arg;
    service->status = check_service(&service->options, lc_supervisor_ref(service->supervisor));
    lc_handle_close(service->finished);
}

void service_start(struct scripted_service *service)
{
    helper_start(&service->helper, serve, service);
}

bool service_begins(struct scripted_service *service)
{
    service_start(service);
    for (size_t i = 0; i < service->count; i++)
        if (!worker_entered(&service->nodes[i].worker) ||
            !worker_does(&service->nodes[i].worker, WORKER_READY))
            return false;
    return service_tells(service, "READY=1", 1);
}

void service_obeys(struct service_node *node)
{
    worker_told(&node->worker, WORKER_AWAIT);
    worker_told(&node->worker, WORKER_RETURN);
}

void service_all_obey(struct scripted_service *service)
{
    for (size_t i = 0; i < service->count; i++)
        service_obeys(&service->nodes[i]);
}

bool service_ends(struct scripted_service *service, int status)
{
    if (lc_handle_wait(service->finished, check_patience()) != 0)
        return false;
    helper_join(&service->helper);
    return service->status == status;
}

void service_drop(struct scripted_service *service)
{
    lc_supervisor_unref(service->supervisor);
    lc_handle_unref(service->finished);
    for (size_t i = 0; i < service->count; i++)
        worker_drop(&service->nodes[i].worker);
    pthread_mutex_destroy(&service->lock);
}

unsigned service_told(struct scripted_service *service, const char *text)
{
    unsigned count = 0;
    pthread_mutex_lock(&service->lock);
    for (const char *at = service->heard; (at = strstr(at, text)) != NULL; at++)
        count++;
    pthread_mutex_unlock(&service->lock);
    return count;
}

struct awaited {
    struct scripted_service *service;
    const char *text;
    unsigned times;
};

static bool has_come(void *arg)
{
    const struct awaited *awaited = arg;
    return service_told(awaited->service, awaited->text) >= awaited->times;
}

bool service_tells(struct scripted_service *service, const char *text, unsigned times)
{
    struct awaited awaited = {service, text, times};
    return check_until(has_come, &awaited);
}

bool service_in_order(struct scripted_service *service, const char *one, const char *other)
{
    pthread_mutex_lock(&service->lock);
    const char *at = strstr(service->heard, one);
    bool found = at && strstr(at, other);
    pthread_mutex_unlock(&service->lock);
    return found;
}

static bool is_logged(void *arg)
{
    return check_log_has(arg);
}

bool service_logs(const char *text)
{
    return check_until(is_logged, (void *)(uintptr_t)text);
}
