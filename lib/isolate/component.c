/*
 * component.c: an isolate as a component, to be supervised like any other. See
 * lc_isolate_component_new.
 */
#include "base/memory.h"
#include "isolate/control.h"
#include "isolate/spawn.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

struct isolate_component {
    lc_component component; /* first */
    lc_isolate_options options;
    char *name;
    lc_handle *ready;
    lc_handle *done;
    lc_context *context; /* that it was started with */
    lc_isolate isolate;
    lc_handle_callback *on_cancel;
    atomic_bool started;
    bool spawned; /* the argument is the isolate's */
};

static struct isolate_component *of(lc_component *component)
{
    return (struct isolate_component *)component;
}

/* ---- what becomes of the isolate ---- */

static void is_ready(void *arg)
{
    lc_handle_close(((struct isolate_component *)arg)->ready);
}

static void has_failed(const lc_error *error, void *arg)
{
    lc_signal_error(((struct isolate_component *)arg)->context, lc_error_ref(error));
}

/* With the close the component may be gone. */
static void has_ended(void *arg)
{
    lc_handle_close(((struct isolate_component *)arg)->done);
}

/* It ends the holds too: what stops the component waits for the isolate's end. */
static void stop_isolate(void *arg)
{
    lc__isolate_stop(((struct isolate_component *)arg)->isolate);
}

/* ---- the component ---- */

static lc_error *spawn(struct isolate_component *component)
{
    const struct lc__companion companion = {
        is_ready, has_failed, has_ended, component, component->context,
    };
    lc_isolate isolate;
    /* It may have ended, and the component be done, when this returns; its owner waits for us. */
    lc_error *error = lc__isolate_spawn(&component->options, &companion, &isolate);
    if (error)
        return error;
    component->isolate = isolate;
    component->spawned = true;
    int result = lc_handle_on_close(lc_context_done(component->context), stop_isolate, component,
                                    &component->on_cancel);
    if (result == 0)
        return NULL;
    /* It could not be told to stop. */
    lc__task_shield(); /* it is not left alone */
    lc__isolate_stop(isolate);
    lc_handle_wait(component->done, LC_FOREVER);
    lc__task_unshield();
    return lc_error_new(result, "isolate \"%s\" cannot watch its context", component->options.name);
}

static lc_error *start(lc_component *base, lc_context *context)
{
    struct isolate_component *component = of(base);
    if (atomic_exchange(&component->started, true))
        return lc_error_new(-EALREADY, "isolate \"%s\" was started before",
                            component->options.name);
    component->context = lc_context_ref(context);
    return spawn(component);
}

static lc_handle *ready_of(lc_component *component)
{
    return of(component)->ready;
}

static lc_handle *done_of(lc_component *component)
{
    return of(component)->done;
}

static void destroy(lc_component *base)
{
    struct isolate_component *component = of(base);
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

static const char *name_of(lc_component *component)
{
    return of(component)->name;
}

static const lc_component_ops ops = {
    .size = sizeof ops,
    .start = start,
    .ready = ready_of,
    .done = done_of,
    .destroy = destroy,
    .flags = LC_START_INLINE,
    .name = name_of,
};

/* Makes the copies: what is left out is NULL, and the component is freed with all it has. */
static struct isolate_component *make(const lc_isolate_options *options)
{
    struct isolate_component *component = lc__allocate(sizeof *component);
    if (!component)
        return NULL;
    component->component.ops = &ops;
    component->options = *options;
    component->options.release = NULL; /* until it is complete, the argument is the caller's */
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
        destroy(&component->component);
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
    struct isolate_component *made = make(&options);
    if (!made)
        return lc_error_new(-ENOMEM, "no memory for a component");
    *component = &made->component;
    return NULL;
}
