/*
 * context.h (internal): what throwing asks of a context. Floor 3.
 */
#ifndef LIFECYCLE_CONTEXT_CONTEXT_H
#define LIFECYCLE_CONTEXT_CONTEXT_H

#include <lifecycle/context.h>

/* The nearest signaler upward, or NULL. Borrowed: lives as long as the context. */
lc_signaler *lc__context_signaler(const lc_context *context);

#endif
