/*
 * request.h: a call of a runnable to its tree, on its way into the service of the tree. Floor 5:
 * runnable_calls.c, children.c.
 */
#ifndef LIFECYCLE_SUPERVISE_REQUEST_H
#define LIFECYCLE_SUPERVISE_REQUEST_H

#include "supervise/runnable.h"

struct lc__request {
    struct lc__run *run;
    lc_error *error; /* what is answered */
    bool wrong;      /* a programming error: the caller is to die of it */
    bool foreign;    /* the same, with the context of one that has ended */
    enum lc__run_signal signal;
    struct lc__runnable **children;
    size_t count;
    const char *name;
    const char **log;
};

/* The context belongs to no runnable that runs: throws on the caller's own context. */
LC_NORETURN void lc__request_die_of_no_runnable(lc_context *context);
/* Carries a request to the service of the tree that the context is of. */
void lc__request_ask(lc_context *context, struct lc__request *request,
                     void (*function)(struct lc__shell *shell, void *arg));
/* @return what is answered; or, of a mistake, does not return: the caller then holds nothing. */
lc_error *lc__request_answer(lc_context *context, const struct lc__request *request);
/* Both. */
lc_error *lc__request_call(lc_context *context, struct lc__request *request,
                           void (*function)(struct lc__shell *shell, void *arg));
/* The error of a request for which there is no memory. */
lc_error *lc__request_no_memory(const struct lc__run *run);

/* ---- in the service ---- */

/* First of all: whether the caller runs. If not, the request gets its error. */
bool lc__request_caller_runs(struct lc__request *request);
/* The name is taken by another child or log of the caller: the request gets its error. */
void lc__request_refuse(struct lc__request *request, const char *name);
/* Adds the request's children to a caller that may have them: all of them or, with an error, none. */
void lc__request_add_children(struct lc__shell *shell, struct lc__request *request);

#endif
