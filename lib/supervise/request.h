/*
 * request.h: a call of a runnable, which the serving task of its tree carries out. Floor 5:
 * runnable_calls.c, children.c.
 */
#ifndef LIFECYCLE_SUPERVISE_REQUEST_H
#define LIFECYCLE_SUPERVISE_REQUEST_H

#include "supervise/runnable.h"

struct lc__request {
    struct lc__run *run; /* of the caller */
    lc_error *error;     /* the answer */
    bool wrong;          /* a mistake of the program: the caller dies of the error */
    bool foreign;        /* the same: the context is of a run that has ended */
    enum lc__run_signal signal;
    struct lc__runnable **children;
    size_t count;
    const char *name;
    const char **log;
};

/* Throws on the caller's own context: the given one belongs to no run. */
LC_NORETURN void lc__request_die_of_no_runnable(lc_context *context);
/* Has `function(shell, request)` called by the serving task of the tree of the context. */
void lc__request_ask(lc_context *context, struct lc__request *request,
                     void (*function)(struct lc__shell *shell, void *arg));
/* @return the answer. Throws if the program made a mistake; the caller must hold nothing then. */
lc_error *lc__request_answer(lc_context *context, const struct lc__request *request);
/* Both. */
lc_error *lc__request_call(lc_context *context, struct lc__request *request,
                           void (*function)(struct lc__shell *shell, void *arg));
/* The error of a request for which there is no memory. */
lc_error *lc__request_no_memory(const struct lc__run *run);

/* ---- for the serving task ---- */

/* To be called first. @return false: the caller's run has ended, and the request has an error. */
bool lc__request_caller_runs(struct lc__request *request);
/* Gives the request its error: another child or log of the caller has the name. */
void lc__request_refuse(struct lc__request *request, const char *name);
/* Adds the children to the caller: all of them, or, with an error in the request, none. */
void lc__request_add_children(struct lc__shell *shell, struct lc__request *request);

#endif
