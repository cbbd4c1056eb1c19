/*
 * container.h: from a member back to the struct that contains it. Floor 0.
 */
#ifndef LIFECYCLE_BASE_CONTAINER_H
#define LIFECYCLE_BASE_CONTAINER_H

#include <stddef.h>

/* The `type` that contains the `member` to which the pointer, which is not NULL, points. */
#define LC__CONTAINER_OF(pointer, type, member)                                                    \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
