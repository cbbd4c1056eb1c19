/*
 * library.h: what the library holds for the whole process, and how it is taken down. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LIBRARY_H
#define LIFECYCLE_BASE_LIBRARY_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * A facility holds something for the process: threads, descriptors, signal dispositions. It
 * registers when it takes the first of them, and is taken down by lc_library_shutdown, the latest
 * first, but for memory that the library's threads look at until they end.
 */
struct lc__facility {
    /*
     * Waits a moment for what is just ending, which may hold things of other facilities until it
     * has. Called before any is asked whether it is busy. NULL: nothing has to be waited for.
     */
    void (*settle)(void);
    /* Whether somebody still uses it; says in the log who. Called before anything is taken down. */
    bool (*busy)(void);
    void (*shut_down)(void);
    bool is_memory; /* to be taken down after all others */
    struct lc__facility *next;
    atomic_bool registered; /* changed under a lock; read without, before that is asked for */
};

/* Idempotent and thread-safe. */
void lc__facility_register(struct lc__facility *facility);

/* Marks the calling thread as the library's own: lc_library_shutdown refuses to run in it. */
void lc__library_own_thread(void);

#endif
