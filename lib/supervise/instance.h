/*
 * instance.h: an instance of a supervised component: the component, the signaler context that it
 * runs under, and its start. The run loop and the nodes of graphs have their instances here. A
 * runnable is a function and no component; its runs take only the context from here. Floor 5:
 * run.c, node_instance.c, runnable.c.
 *
 * From start to end, in this order; the caller does what has no function here:
 *
 *     lc__instance_open           makes the context
 *     a factory                   makes the component
 *     lc__instance_check          checks what the factory has left
 *     lc__instance_launch         starts a task; its work calls
 *     lc__instance_start          which starts the component; the end of the work calls
 *     lc__instance_start_ended    which says whether the component runs
 *     waits, or waiters           follow thrown, ready and done
 *     lc_component_destroy        by the caller
 *     lc__instance_close          gives the context back
 */
#ifndef LIFECYCLE_SUPERVISE_INSTANCE_H
#define LIFECYCLE_SUPERVISE_INSTANCE_H

#include "context/signaler.h"
#include "context/worker.h"
#include "supervise/launch.h"

#include <lifecycle/component.h>

struct lc__owner;

struct lc__instance {
    const char *name;            /* for messages; borrowed */
    lc_component *component;     /* the caller destroys it; NULL: none was made */
    lc_context *context;         /* with the signaler; held */
    lc_signaler *signaler;       /* of the context */
    struct lc__worker_call call; /* of the task that starts it */
    /* Written by that task; others read them after its `ended`. */
    lc_error *refused;   /* why there is no component to start; NULL: there is one */
    bool start_returned; /* the start did not throw */
    bool runs;           /* the start succeeded: the done handle will close */
};

/*
 * Makes a context below `above`, with a signaler. Its end tells an instance to stop.
 * @param relay  receives what is thrown; NULL: the caller takes errors from the signaler.
 * @param owner  the context leads to it, and calls `release` for it at last; NULL: the context
 * leads to the owner of `above`.
 * @return NULL: no memory. The relay and the owner have been released.
 */
lc_context *lc__instance_context(lc_context *above, const struct lc__relay *relay, void *owner,
                                 void (*release)(void *owner));

/*
 * Begins an instance in zeroed memory, with such a context. The caller keeps its own reference to
 * the owner. @return false: no memory.
 */
bool lc__instance_open(struct lc__instance *instance, const char *name, lc_context *above,
                       const struct lc__relay *relay, struct lc__owner *owner);
/* Ends it. The component is not destroyed. Also for zeroed memory. */
void lc__instance_close(struct lc__instance *instance);

/* What is wrong with the component that a factory has left in the instance; NULL: nothing. */
lc_error *lc__instance_check(const struct lc__instance *instance, bool needs_ready);

/*
 * Starts a task that does `work(arg)` as a worker under the instance's context, and calls
 * `ended(arg)` at its end. @return as lc__launch.
 */
int lc__instance_launch(struct lc__instance *instance, const struct lc__launch *how,
                        lc_executor *otherwise, lc_error *(*work)(void *arg),
                        void (*ended)(void *arg), void *arg);
/* Starts the component; for the work of that task. @return the start's error. May throw. */
lc_error *lc__instance_start(struct lc__instance *instance);
/*
 * To be called by `ended`, however the work has ended. A start that has neither returned nor thrown
 * has failed, and the signaler gets an error. A factory that has not returned has refused. After
 * the call the task counts as finishing: it does nothing but return from `ended`.
 * @return whether the component runs.
 */
bool lc__instance_start_ended(struct lc__instance *instance);

#endif
