/*
 * component.c: an isolate as a component. See lc_isolate_component_new.
 */
#include "base/container.h"
#include "base/memory.h"
#include "isolate/control.h"
#include "isolate/spawn.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

struct isolate_component {
    lc_component component;
    lc_isolate_options options;
    char *name;
    lc_handle *ready;
    lc_handle *done;
    lc_context *context; /* of the start */
    lc_isolate isolate;
    lc_handle_callback *on_cancel;
    atomic_bool started;
    bool spawned; /* the isolate owns the argument, and releases it */
};

static struct isolate_component *isolate_component_of(lc_component *component)
{
    return LC__CONTAINER_OF(component, struct isolate_component, component);
}

/* ---- hooks ---- */

static void component_isolate_ready(void *arg)
{
    lc_handle_close(((struct isolate_component *)arg)->ready);
}

static void component_isolate_failed(const lc_error *error, void *arg)
{
    lc_signal_error(((struct isolate_component *)arg)->context, lc_error_ref(error));
}

/* The component may be freed as soon as `done` closes. */
static void component_isolate_ended(void *arg)
{
    lc_handle_close(((struct isolate_component *)arg)->done);
}

/* Called when the context of the start is cancelled. */
static void component_stop_isolate(void *arg)
{
    lc__isolate_stop(((struct isolate_component *)arg)->isolate);
}

/* ---- the component ---- */

static lc_error *component_spawn(struct isolate_component *component)
{
    const struct lc__isolate_hooks hooks = {
        .ready = component_isolate_ready,
        .failed = component_isolate_failed,
        .ended = component_isolate_ended,
        .arg = component,
        .parent = component->context,
    };
    lc_isolate isolate;
    /* The isolate may have ended when this returns; the component's owner waits for the start. */
    lc_error *error = lc__isolate_spawn(&component->options, &hooks, &isolate);
    if (error)
        return error;
    component->isolate = isolate;
    component->spawned = true;
    int result = lc_handle_on_close(lc_context_done(component->context), component_stop_isolate,
                                    component, &component->on_cancel);
    if (result == 0)
        return NULL;
    /*
     * The isolate cannot be told to stop later, so it stops now. The shield: a killed caller
     * waits.
     */
    lc__task_shield();
    lc__isolate_stop(isolate);
    lc_handle_wait(component->done, LC_FOREVER);
    lc__task_unshield();
    return lc_error_new(result, "isolate \"%s\" cannot watch its context", component->options.name);
}

static lc_error *isolate_component_start(lc_component *base, lc_context *context)
{
    struct isolate_component *component = isolate_component_of(base);
    if (atomic_exchange(&component->started, true))
        return lc_error_new(-EALREADY, "isolate \"%s\" was started before",
                            component->options.name);
    component->context = lc_context_ref(context);
    return component_spawn(component);
}

static lc_handle *isolate_component_ready(lc_component *component)
{
    return isolate_component_of(component)->ready;
}

static lc_handle *isolate_component_done(lc_component *component)
{
    return isolate_component_of(component)->done;
}

static void isolate_component_destroy(lc_component *base)
{
    struct isolate_component *component = isolate_component_of(base);
    lc_handle_callback_cancel(component->on_cancel);
    if (!component->spawned && component->options.release)
        component->options.release(component->options.arg);
    lc_context_unref(component->context);
    lc_handle_unref(component->ready);
    lc_handle_unref(component->done);
    lc__free(component->options.exit_response.data);
    lc__free(component->name);
    lc__free(component);
}

static const char *isolate_component_name(lc_component *component)
{
    return isolate_component_of(component)->name;
}

static const lc_component_ops isolate_component_ops = {
    .size = sizeof isolate_component_ops,
    .start = isolate_component_start,
    .ready = isolate_component_ready,
    .done = isolate_component_done,
    .destroy = isolate_component_destroy,
    .flags = LC_START_INLINE,
    .name = isolate_component_name,
};

/* Copies what the options point to. NULL: no memory. */
static struct isolate_component *isolate_component_make(const lc_isolate_options *options)
{
    struct isolate_component *component = lc__allocate(sizeof *component);
    if (!component)
        return NULL;
    component->component.ops = &isolate_component_ops;
    component->options = *options;
    component->options.release =
        NULL; /* until the component is complete, the caller owns the argument */
    component->options.exit_response.data = NULL;
    component->ready = lc_handle_new();
    component->done = lc_handle_new();
    component->name = lc__duplicate(options->name ? options->name : "isolate");
    component->options.name = component->name;
    size_t size = options->exit_response.size;
    if (size > 0)
        component->options.exit_response.data = lc__allocate(size);
    bool complete = component->ready && component->done && component->name &&
                    (size == 0 || component->options.exit_response.data);
    if (!complete) {
        isolate_component_destroy(&component->component);
        return NULL;
    }
    if (size > 0)
        memcpy(component->options.exit_response.data, options->exit_response.data, size);
    component->options.release = options->release;
    return component;
}

lc_error *lc_isolate_component_new(const lc_isolate_options *given, lc_component **component)
{
    lc__task_check();
    if (!component)
        return lc_error_new(-EINVAL, "lc_isolate_component_new needs a place for the component");
    *component = NULL;
    lc_isolate_options options;
    lc_error *mistake = lc__isolate_options_read(&options, given);
    if (mistake)
        return mistake;
    if (options.exit_response.destroy)
        return lc_error_new(-EINVAL,
                            "a component may be started again and again: the "
                            "exit_response of isolate \"%s\" cannot be moved",
                            options.name ? options.name : "isolate");
    struct isolate_component *made = isolate_component_make(&options);
    if (!made)
        return lc_error_new(-ENOMEM, "no memory for a component");
    *component = &made->component;
    return NULL;
}
