/*
 * library.h: what the library holds for the whole process, and how it is taken down. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LIBRARY_H
#define LIFECYCLE_BASE_LIBRARY_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * A facility holds something for the process: threads, descriptors, signal dispositions. It
 * registers when it takes the first of them. lc_library_shutdown takes the facilities down, the
 * latest first. Those that are memory come last, since the library's threads read it to their end.
 */
struct lc__facility {
    /*
     * Waits for what is just ending, which may hold things of other facilities until then. Called
     * for all facilities before `busy` is called for one. NULL: there is nothing to wait for.
     */
    void (*settle)(void);
    /*
     * Whether it is still used; then it logs by what. Called for all facilities before one is taken
     * down. NULL: it never is.
     */
    bool (*busy)(void);
    void (*shut_down)(void);
    bool is_memory; /* it is taken down after all that are not */
    struct lc__facility *next;
    atomic_bool registered; /* changed under a lock, read without it */
};

/* May be called again, and from any thread. */
void lc__facility_register(struct lc__facility *facility);

/* Marks the calling thread as the library's own: lc_library_shutdown refuses to run in it. */
void lc__library_own_thread(void);

#endif
