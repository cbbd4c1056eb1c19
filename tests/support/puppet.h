/*
 * puppet.h: a worker that does what a test tells it, one step after the other, and a parent to run it under.
 */
#ifndef LIFECYCLE_TESTS_PUPPET_H
#define LIFECYCLE_TESTS_PUPPET_H

#include <lifecycle.h>

/** A signaler and a context that throws to it: what a component is started with. */
struct scope {
    lc_signaler *signaler;
    lc_context *context;
};
struct scope scope_new(lc_context *parent);
void scope_drop(struct scope *scope);
/** Cancels the scope's context for no particular reason. */
void scope_cancel(struct scope *scope);

/** What a puppet can be told. */
enum puppet_order {
    PUPPET_LOOK = 1, /**< nothing: to see whether it lives */
    PUPPET_READY,    /**< signal ready */
    PUPPET_AWAIT,    /**< wait for the end of its context */
    PUPPET_RETURN,   /**< return NULL */
    PUPPET_FAIL,     /**< return its error */
    PUPPET_THROW,    /**< throw its error */
    PUPPET_YIELD, /**< return an error of its own with the code of its context's, which has ended */
    PUPPET_EXIT,  /**< pthread_exit */
    PUPPET_CANCEL /**< be cancelled by pthread_cancel */
};

struct puppet {
    lc_channel *orders;
    lc_channel *answers;
    lc_error *error;     /**< what FAIL and THROW use; they reference it */
    lc_context *context; /**< the worker's, referenced at its start; NULL before */
    lc_ready *ready;     /**< the worker's, referenced at its start; NULL before */
};

/** Makes a puppet that fails with `code`. */
void puppet_init(struct puppet *puppet, int code);
/** Frees what it holds. Its worker must have returned. */
void puppet_drop(struct puppet *puppet);
/** The worker. `arg` is the puppet. */
lc_error *puppet_run(lc_context *context, lc_ready *ready, void *arg);
/** Waits until the worker runs. @return whether it did in time. */
bool puppet_entered(struct puppet *puppet);
/** Gives an order and waits until it has been carried out; not for those that end the worker. */
bool puppet_does(struct puppet *puppet, enum puppet_order order);
/** Gives an order and does not wait. */
bool puppet_told(struct puppet *puppet, enum puppet_order order);
/** Lets go of what the last run left (context, token), so that another manager may run the puppet. */
void puppet_renew(struct puppet *puppet);

/** Builds a manager called "puppets" with `count` workers "w0", "w1", ...; aborts if that fails. */
lc_manager *puppet_manager(struct puppet *puppets, size_t count);
/** The same, started under the scope, and every worker seen to run. @return whether all went well. */
bool puppet_start(lc_manager *manager, struct scope *scope, struct puppet *puppets, size_t count);

#endif
