/*
 * staged.c: see staged.h.
 */
#include "service/staged.h"

#include "support/check.h"
#include "support/mode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hear(const char *message, void *arg)
{
    struct staged *staged = arg;
    pthread_mutex_lock(&staged->lock);
    size_t used = strlen(staged->heard);
    snprintf(staged->heard + used, sizeof staged->heard - used, "[%s]", message);
    pthread_mutex_unlock(&staged->lock);
}

static lc_error *make(lc_component **component, void *arg)
{
    struct staged_node *node = arg;
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder(node->name);
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = node->name, .run = puppet_run, .arg = &node->puppet));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_behavior answer(const lc_failure *failure, void *arg)
{
    (void)failure;
    return ((struct staged_node *)arg)->behavior;
}

static void add(struct staged *staged, size_t index)
{
    struct staged_node *node = &staged->nodes[index];
    *node = (struct staged_node){.staged = staged, .behavior = LC_SHUTDOWN};
    puppet_init(&node->puppet, -EIO);
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
    lc_error *error = lc_supervisor_add(staged->supervisor, &options);
    if (error)
        abort();
}

void staged_init(struct staged *staged, size_t count)
{
    memset(staged, 0, sizeof *staged);
    lc_supervisor_options options = {.size = sizeof options};
    options.name = "staged";
    lc_error *error = lc_supervisor_new(&options, &staged->supervisor);
    if (error || count > STAGED_MAX)
        abort();
    pthread_mutex_init(&staged->lock, NULL);
    staged->options = (lc_service_options){.size = sizeof(lc_service_options)};
    staged->options.notify = hear;
    staged->options.notify_arg = staged;
    staged->options.stop_timeout = LC_FOREVER;
    staged->finished = lc_handle_new();
    staged->count = count;
    for (size_t i = 0; i < count; i++)
        add(staged, i);
}

static lc_error *configure(lc_context *context, void *arg)
{
    struct staged *staged = arg;
    if (staged->configured)
        return staged->reload(context, staged->reload_arg);
    staged->configured = true;
    return NULL;
}

void staged_reload_by(struct staged *staged, lc_error *(*reload)(lc_context *context, void *arg),
                      void *arg)
{
    staged->reload = reload;
    staged->reload_arg = arg;
    staged->options.configure = configure;
    staged->options.arg = staged;
}

static void serve(void *arg)
{
    struct staged *staged = arg;
    staged->status = check_service(&staged->options, lc_supervisor_ref(staged->supervisor));
    lc_handle_close(staged->finished);
}

void staged_start(struct staged *staged)
{
    helper_start(&staged->helper, serve, staged);
}

bool staged_begins(struct staged *staged)
{
    staged_start(staged);
    for (size_t i = 0; i < staged->count; i++)
        if (!puppet_entered(&staged->nodes[i].puppet) ||
            !puppet_does(&staged->nodes[i].puppet, PUPPET_READY))
            return false;
    return staged_tells(staged, "READY=1", 1);
}

void staged_obeys(struct staged_node *node)
{
    puppet_told(&node->puppet, PUPPET_AWAIT);
    puppet_told(&node->puppet, PUPPET_RETURN);
}

void staged_all_obey(struct staged *staged)
{
    for (size_t i = 0; i < staged->count; i++)
        staged_obeys(&staged->nodes[i]);
}

bool staged_ends(struct staged *staged, int status)
{
    if (lc_handle_wait(staged->finished, check_patience()) != 0)
        return false;
    helper_join(&staged->helper);
    return staged->status == status;
}

void staged_drop(struct staged *staged)
{
    lc_supervisor_unref(staged->supervisor);
    lc_handle_unref(staged->finished);
    for (size_t i = 0; i < staged->count; i++)
        puppet_drop(&staged->nodes[i].puppet);
    pthread_mutex_destroy(&staged->lock);
}

unsigned staged_told(struct staged *staged, const char *text)
{
    unsigned count = 0;
    pthread_mutex_lock(&staged->lock);
    for (const char *at = staged->heard; (at = strstr(at, text)) != NULL; at++)
        count++;
    pthread_mutex_unlock(&staged->lock);
    return count;
}

struct awaited {
    struct staged *staged;
    const char *text;
    unsigned times;
};

static bool has_come(void *arg)
{
    const struct awaited *awaited = arg;
    return staged_told(awaited->staged, awaited->text) >= awaited->times;
}

bool staged_tells(struct staged *staged, const char *text, unsigned times)
{
    struct awaited awaited = {staged, text, times};
    return check_until(has_come, &awaited);
}

bool staged_in_order(struct staged *staged, const char *one, const char *other)
{
    pthread_mutex_lock(&staged->lock);
    const char *at = strstr(staged->heard, one);
    bool found = at && strstr(at, other);
    pthread_mutex_unlock(&staged->lock);
    return found;
}

static bool is_logged(void *arg)
{
    return check_log_has(arg);
}

bool staged_logs(const char *text)
{
    return check_until(is_logged, (void *)(uintptr_t)text);
}
