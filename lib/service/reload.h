/*
 * reload.h: one call of `configure`, in a manager of one worker. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_RELOAD_H
#define LIFECYCLE_SERVICE_RELOAD_H

#include <lifecycle/manager.h>
#include <lifecycle/service.h>

/* Begin with zeros. */
struct lc__reload {
    lc_manager *manager; /* NULL: no call goes on */
    lc_signaler *signaler;
    lc_context *context;
};

/* Starts a call, while none goes on. @return NULL, or why it could not be started. */
lc_error *lc__reload_start(struct lc__reload *reload, const lc_service_options *options,
                           lc_context *above);
/* Closes when the call has returned. NULL: none goes on. */
lc_handle *lc__reload_done(const struct lc__reload *reload);
/* Cancels the call, if one goes on. */
void lc__reload_cancel(struct lc__reload *reload);
/*
 * Frees everything. @return the error of the call; NULL: it has not failed. A clean end of a call
 * that was cancelled, as <lifecycle/context.h> defines it, is no failure.
 */
lc_error *lc__reload_end(struct lc__reload *reload);

#endif
