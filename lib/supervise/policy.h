/*
 * policy.h: checks what graphs, trees and run loops are told about restarts, and fills in defaults.
 * Floor 5.
 */
#ifndef LIFECYCLE_SUPERVISE_POLICY_H
#define LIFECYCLE_SUPERVISE_POLICY_H

#include "supervise/engine.h"

#include <lifecycle/worker.h>

enum lc__front { LC__OF_GRAPH, LC__OF_TREE };

/* Each returns NULL, or an error -EINVAL that names the field, its value and what is right. */

lc_error *lc__policy_backoff(struct lc__backoff *backoff, const lc_backoff *given, const char *name,
                             enum lc__front front);
/* Fills in the defaults of `intensity`. */
lc_error *lc__policy_intensity(lc_intensity *intensity, const char *name);
/* 0 becomes the front's default. */
lc_error *lc__policy_restart(lc_restart_type *restart, const char *name, enum lc__front front);
/* 0 becomes LC_THREAD. */
lc_error *lc__policy_kind(lc_worker_kind *kind, const char *name);
/* 0 becomes LC_FOREVER. `field` is what the error calls it. */
lc_error *lc__policy_timeout(int64_t *timeout, const char *field, const char *name);
/* NULL becomes `otherwise`. `field` is what the error calls it. */
lc_error *lc__policy_name(const char **name, const char *otherwise, const char *field);

/* @return false: no memory. */
bool lc__intensity_init(struct lc__engine_intensity *intensity, const lc_intensity *limit);
/* The limit for a person: a constant, or written to `text`. */
enum { LC__INTENSITY_TEXT_SIZE = 64 };
const char *lc__intensity_text(const lc_intensity *limit, char text[LC__INTENSITY_TEXT_SIZE]);

#endif
