/*
 * component.c: calling a component, whatever its kind. See <lifecycle/component.h>.
 */
#include <lifecycle/component.h>

#include <errno.h>

lc_error *lc_component_start(lc_component *component, lc_context *context)
{
    if (!component || !context)
        return lc_error_new(-EINVAL, "lc_component_start needs a %s",
                            component ? "context" : "component");
    if (!component->ops || component->ops->size != sizeof *component->ops)
        return lc_error_new(-EINVAL, "the component's ops are missing, or their size is not set");
    return component->ops->start(component, context);
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
