/*
 * component.c: calling a component, whatever its kind. See <lifecycle/component.h>.
 */
#include <lifecycle/component.h>

#include <errno.h>
#include <stddef.h>

/* The size of the struct's first version. */
#define FIRST_SIZE offsetof(lc_component_ops, parts)

/* The bytes that a newer program has beyond this struct must be zero, the default. */
static bool ops_size_is_good(const lc_component_ops *ops)
{
    if (ops->size < FIRST_SIZE)
        return false;
    const unsigned char *bytes = (const unsigned char *)ops;
    size_t i = sizeof *ops;
    while (i < ops->size && bytes[i] == 0)
        i++;
    return i >= ops->size;
}

static lc_error *ops_check(const lc_component_ops *ops)
{
    if (!ops)
        return lc_error_new(-EINVAL, "the component's ops are missing");
    if (!ops_size_is_good(ops))
        return lc_error_new(-EINVAL,
                            "the component's ops have a size of %zu, and this library's have %zu",
                            ops->size, sizeof *ops);
    return NULL;
}

/* Whether the ops have this member, which came after the first version. */
#define HAS(ops, member)                                                                           \
    ((ops)->size >= offsetof(lc_component_ops, member) + sizeof((ops)->member) && (ops)->member)

lc_error *lc_component_start(lc_component *component, lc_context *context)
{
    if (!component || !context)
        return lc_error_new(-EINVAL, "lc_component_start needs a %s",
                            component ? "context" : "component");
    lc_error *mistake = ops_check(component->ops);
    return mistake ? mistake : component->ops->start(component, context);
}

lc_handle *lc_component_ready(lc_component *component)
{
    return component ? component->ops->ready(component) : NULL;
}

lc_handle *lc_component_done(lc_component *component)
{
    return component ? component->ops->done(component) : NULL;
}

void lc_component_destroy(lc_component *component)
{
    if (component)
        component->ops->destroy(component);
}

void lc_component_parts(lc_component *component, lc_part_visitor visit, void *arg)
{
    if (component && visit && HAS(component->ops, parts))
        component->ops->parts(component, visit, arg);
}

const char *lc_component_name(lc_component *component)
{
    return component && HAS(component->ops, name) ? component->ops->name(component) : "";
}
