/*
 * fake.c: see fake.h.
 */
#include "support/fake.h"

#include <stdlib.h>

static lc_error *start(lc_component *component, lc_context *context)
{
    struct fake *fake = (struct fake *)component;
    atomic_fetch_add(&fake->starts, 1);
    lc_context_unref(fake->context);
    fake->context = lc_context_ref(context);
    return fake->start ? fake->start(fake, context) : NULL;
}

static lc_handle *ready(lc_component *component)
{
    struct fake *fake = (struct fake *)component;
    atomic_fetch_add(&fake->asked_ready, 1);
    return fake->ready;
}

static lc_handle *done(lc_component *component)
{
    struct fake *fake = (struct fake *)component;
    atomic_fetch_add(&fake->asked_done, 1);
    return fake->done;
}

static void destroy(lc_component *component)
{
    atomic_fetch_add(&((struct fake *)component)->destroys, 1);
}

static const lc_component_ops plain_ops = {
    .size = sizeof(lc_component_ops),
    .start = start,
    .ready = ready,
    .done = done,
    .destroy = destroy,
};
static const lc_component_ops inline_ops = {
    .size = sizeof(lc_component_ops),
    .start = start,
    .ready = ready,
    .done = done,
    .destroy = destroy,
    .flags = LC_START_INLINE,
};

void fake_init(struct fake *fake, unsigned flags)
{
    *fake = (struct fake){.ready = lc_handle_new(), .done = lc_handle_new()};
    fake->component.ops = flags & LC_START_INLINE ? &inline_ops : &plain_ops;
    if (!fake->ready || !fake->done)
        abort();
}

void fake_drop(struct fake *fake)
{
    lc_context_unref(fake->context);
    lc_handle_unref(fake->ready);
    lc_handle_unref(fake->done);
}
