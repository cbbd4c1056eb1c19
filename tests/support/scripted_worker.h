/*
 * scripted_worker.h: a worker that carries out a test's orders, one after the other, and a scope to
 * run it under.
 */
#ifndef LIFECYCLE_TESTS_SCRIPTED_WORKER_H
#define LIFECYCLE_TESTS_SCRIPTED_WORKER_H

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

/** What a test can order. */
enum worker_order {
    WORKER_LOOK = 1, /**< nothing: to see whether it lives */
    WORKER_READY,    /**< signal ready */
    WORKER_AWAIT,    /**< wait for the end of its context */
    WORKER_RETURN,   /**< return NULL */
    WORKER_FAIL,     /**< return its error */
    WORKER_THROW,    /**< throw its error */
    WORKER_YIELD, /**< return an error of its own with the code of its context's, which has ended */
    WORKER_EXIT,  /**< pthread_exit */
    WORKER_CANCEL /**< be cancelled by pthread_cancel */
};

struct scripted_worker {
    lc_channel *orders;
    lc_channel *answers;
    lc_error *error;     /**< what FAIL and THROW use; they reference it */
    lc_context *context; /**< of the run, a reference; NULL before it starts */
    lc_ready *ready;     /**< of the run, a reference; NULL before it starts */
};

/** Makes one that fails with `code`. */
void worker_init(struct scripted_worker *worker, int code);
/** Frees what it holds. worker_run must have returned. */
void worker_drop(struct scripted_worker *worker);
/** The function for an lc_worker; `arg` is the struct scripted_worker. */
lc_error *worker_run(lc_context *context, lc_ready *ready, void *arg);
/** Waits until it runs. @return whether it did in time. */
bool worker_entered(struct scripted_worker *worker);
/** Gives an order and waits until it has been carried out; not for those that end the worker. */
bool worker_does(struct scripted_worker *worker, enum worker_order order);
/** Gives an order and does not wait. */
bool worker_told(struct scripted_worker *worker, enum worker_order order);
/** Gives back what the last run left (context, token), so that another manager may run it. */
void worker_renew(struct scripted_worker *worker);

/** Builds a manager called "workers" of `count` of them, "w0", "w1", ...; aborts if that fails. */
lc_manager *worker_manager(struct scripted_worker *workers, size_t count);
/**
 * The same, started under the scope, and every worker seen to run. @return whether all went well.
 */
bool worker_start(lc_manager *manager, struct scope *scope, struct scripted_worker *workers,
                  size_t count);

#endif
