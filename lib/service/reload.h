/*
 * reload.h: a call of `configure` in a worker of its own, one at a time. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_RELOAD_H
#define LIFECYCLE_SERVICE_RELOAD_H

#include <lifecycle/manager.h>
#include <lifecycle/service.h>

/* A reload. Begin with zeros. */
struct lc__reload {
    lc_manager *manager; /* NULL: none goes on */
    lc_signaler *signaler;
    lc_context *context;
};

/* Starts one; none goes on. @return NULL, or why not. */
lc_error *lc__reload_start(struct lc__reload *reload, const lc_service_options *options,
                           lc_context *above);
/* Closes when it has returned. NULL: none goes on. */
lc_handle *lc__reload_done(const struct lc__reload *reload);
/* Has it end soon, if one goes on. */
void lc__reload_cancel(struct lc__reload *reload);
/*
 * Forgets it. @return what it has failed with; NULL: it has not failed. A reload that was told to
 * end and answers by the rule of <lifecycle/context.h> has not failed.
 */
lc_error *lc__reload_end(struct lc__reload *reload);

#endif
