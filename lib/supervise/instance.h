/*
 * instance.h: what every instance of a supervised component consists of: the component, the
 * signaler context it runs under, and its start. The run loop and the nodes of graphs run their
 * instances by it; a runnable, which is a function and no component, takes the context alone.
 * Floor 5: run.c, node_instance.c, runnable.c.
 *
 *     lc__instance_open         makes the context
 *     (the user's factory)      makes the component; lc__instance_check looks at it
 *     lc__instance_launch       starts a task; its work calls
 *     lc__instance_start        which starts the component; its end calls
 *     lc__instance_started      which says whether the component now runs
 *     (the user)                waits for thrown, ready and done, or has itself told of them
 *     lc__instance_close        gives the context back
 */
#ifndef LIFECYCLE_SUPERVISE_INSTANCE_H
#define LIFECYCLE_SUPERVISE_INSTANCE_H

#include "context/signaler.h"
#include "context/worker.h"
#include "supervise/launch.h"

#include <lifecycle/component.h>

struct lc__owner;

struct lc__instance {
    const char *name;        /* for messages; borrowed */
    lc_component *component; /* the user of this file destroys it; NULL: none was made */
    lc_context *context;     /* with the signaler; held */
    lc_signaler *signaler;   /* of the context */
    lc_error *refused;       /* why there is no component to start; NULL: not known, or started */
    /* Written by the task of the start, read once that has ended. */
    struct lc__worker_call call;
    bool start_returned; /* the start did not throw */
    bool runs;           /* the start succeeded: the done handle will close */
};

/*
 * A context below `above` by which an instance is told to stop, and on which it throws.
 * `relay` receives what is thrown, or NULL: the error is to be taken from the signaler. `owner` is
 * the one that the context leads to, taken over for `release`, or NULL: that of `above`.
 * @return NULL: no memory; then the relay, if it has one, and the owner have been released.
 */
lc_context *lc__instance_context(lc_context *above, const struct lc__relay *relay, void *owner,
                                 void (*release)(void *owner));

/* Begins an instance in zeroed memory. The arguments as above. @return false: no memory. */
bool lc__instance_open(struct lc__instance *instance, const char *name, lc_context *above,
                       const struct lc__relay *relay, struct lc__owner *owner);
/* Gives back what it holds but for the component. Also of one that has not been opened. */
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
 * The work has ended, perhaps by a throw or with its thread. A start that has neither
 * returned nor thrown has failed: the signaler gets an error. A factory that has not returned has
 * refused. The task does nothing from here on but what its `ended` does. @return whether the
 * component runs.
 */
bool lc__instance_started(struct lc__instance *instance);

#endif
