/*
 * time.h: time as the library counts it: nanoseconds in an int64_t.
 *
 * A duration is relative; a parameter that takes one is called ..._after or ..._timeout. A deadline
 * is a point on the clock that lc_now reads (CLOCK_MONOTONIC, unless the thread runs under a
 * simulated clock). LC_NOW as a deadline polls, LC_FOREVER never comes.
 */
#ifndef LIFECYCLE_TIME_H
#define LIFECYCLE_TIME_H

#include <lifecycle/api.h>

LC_BEGIN_DECLARATIONS

#define LC_NANOSECOND INT64_C(1)
#define LC_MICROSECOND (1000 * LC_NANOSECOND)
#define LC_MILLISECOND (1000 * LC_MICROSECOND)
#define LC_SECOND (1000 * LC_MILLISECOND)
#define LC_MINUTE (60 * LC_SECOND)
#define LC_HOUR (60 * LC_MINUTE)

/** The deadline that has always passed: a wait until LC_NOW looks once and does not wait. */
#define LC_NOW INT64_C(0)
/** The deadline that never comes, and the duration that never ends. */
#define LC_FOREVER INT64_MAX

/** The present on the calling thread's clock, in nanoseconds; always above 0. Thread-safe. */
LC_API int64_t lc_now(void);

/**
 * The deadline that lies `timeout` nanoseconds ahead on the calling thread's clock. A timeout of 0
 * or less gives LC_NOW; one too large to add gives LC_FOREVER. Thread-safe.
 */
LC_API int64_t lc_deadline_after(int64_t timeout);

/**
 * The time of day: nanoseconds since 1970-01-01T00:00:00Z, as CLOCK_REALTIME has it, which may be
 * set back and forth. For texts and files; deadlines are lc_now's. In a simulation it is
 * LC_SIMULATION_EPOCH and what lc_now says, so that a run with the same seed sees the same dates.
 * Thread-safe.
 */
LC_API int64_t lc_wall_now(void);

/** 2026-01-01T00:00:00Z: what lc_wall_now says where a simulation's lc_now would say 0. */
#define LC_SIMULATION_EPOCH (INT64_C(1767225600) * LC_SECOND)

LC_END_DECLARATIONS

#endif
