/*
 * fake.h: a component that is nothing but its handles, counts what it is asked, and starts as a
 * test likes.
 */
#ifndef LIFECYCLE_TESTS_FAKE_H
#define LIFECYCLE_TESTS_FAKE_H

#include <lifecycle.h>

#include <stdatomic.h>

struct fake {
    lc_component component; /* first */
    lc_handle *ready;
    lc_handle *done;
    lc_context *context;                                        /**< of its start, referenced */
    lc_error *(*start)(struct fake *fake, lc_context *context); /**< NULL: succeed */
    void *arg;                                                  /**< for `start` */
    atomic_uint starts;
    atomic_uint asked_ready;
    atomic_uint asked_done;
    atomic_uint destroys;
};

/** Makes a fake; `flags` as in lc_component_ops. */
void fake_init(struct fake *fake, unsigned flags);
/**
 * Frees what it holds; lc_component_destroy on a fake only counts, so that the test can look
 * afterwards.
 */
void fake_drop(struct fake *fake);

#endif
