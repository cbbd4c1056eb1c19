/*
 * instance.c: see instance.h.
 */
#include "supervise/instance.h"

#include "base/assert.h"
#include "context/context.h"
#include "context/owner.h"
#include "executor/thread.h"

#include <errno.h>

lc_context *lc__instance_context(lc_context *above, const struct lc__relay *relay, void *owner,
                                 void (*release)(void *owner))
{
    lc_signaler *signaler = lc__signaler_relaying(relay);
    lc_context *context = NULL;
    if (!signaler && relay)
        relay->release(relay->arg);
    if (signaler && owner)
        context = lc__context_with_own_signaler_and_value(above, signaler, &lc__owner_key, owner,
                                                          release);
    else if (signaler)
        context = lc__context_with_own_signaler(above, signaler);
    if (context)
        return context;
    if (owner)
        release(owner);
    lc_signaler_unref(signaler); /* releases the relay */
    return NULL;
}

bool lc__instance_open(struct lc__instance *instance, const char *name, lc_context *above,
                       const struct lc__relay *relay, struct lc__owner *owner)
{
    LC__ASSERT(!instance->context);
    instance->name = name;
    instance->context = lc__instance_context(above, relay, lc__owner_ref(owner), lc__owner_unref);
    instance->signaler = instance->context ? lc__context_signaler(instance->context) : NULL;
    return instance->context != NULL;
}

void lc__instance_close(struct lc__instance *instance)
{
    lc_context_unref(instance->context);
    lc_error_unref(instance->refused);
}

lc_error *lc__instance_check(const struct lc__instance *instance, bool needs_ready)
{
    lc_component *component = instance->component;
    if (!component)
        return lc_error_new(-EINVAL, "the factory of \"%s\" gave neither a component nor an error",
                            instance->name);
    if (!lc_component_done(component) || (needs_ready && !lc_component_ready(component)))
        return lc_error_new(-EINVAL, "the component of \"%s\" has no %sdone handle", instance->name,
                            needs_ready ? "ready or no " : "");
    return NULL;
}

int lc__instance_launch(struct lc__instance *instance, const struct lc__launch *how,
                        lc_executor *otherwise, lc_error *(*work)(void *arg),
                        void (*ended)(void *arg), void *arg)
{
    LC__ASSERT(instance->context && !instance->call.work); /* one launch an instance */
    instance->call = (struct lc__worker_call){
        .context = instance->context, .work = work, .ended = ended, .arg = arg};
    return lc__launch_call(how, otherwise, &instance->call);
}

lc_error *lc__instance_start(struct lc__instance *instance)
{
    LC__ASSERT(instance->component && instance->context && !instance->start_returned);
    lc_error *error = lc_component_start(instance->component, instance->context);
    instance->start_returned = true;
    instance->runs = error == NULL;
    return error;
}

bool lc__instance_start_ended(struct lc__instance *instance)
{
    LC__ASSERT(!instance->runs || instance->start_returned);
    lc__worker_finishing();
    if (instance->runs || instance->refused)
        return instance->runs;
    if (!instance->component)
        instance->refused =
            lc_error_new(-ECHILD, "the factory of \"%s\" ended its task", instance->name);
    else if (!instance->start_returned && !lc__signaler_is_claimed(instance->signaler))
        lc__signaler_signal(instance->signaler,
                            lc_error_new(-ECHILD,
                                         "the start of \"%s\" ended its task without an error",
                                         instance->name));
    return false;
}
