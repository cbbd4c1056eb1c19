/*
 * time.h: time, in nanoseconds, in an int64_t.
 *
 * A duration is relative; its parameter is called `after`, `timeout`, or ..._timeout. A deadline is
 * a point on the clock that lc_now reads: CLOCK_MONOTONIC, or the virtual clock of a simulation.
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

/** The deadline that has always passed: a call with it looks once and does not wait. */
#define LC_NOW INT64_C(0)
/** The deadline that never comes, and the duration that never ends. */
#define LC_FOREVER INT64_MAX

/** The present on the calling thread's clock, in nanoseconds; always above 0. Thread-safe. */
LC_API int64_t lc_now(void);

/**
 * The deadline in `timeout` nanoseconds on the calling thread's clock. A timeout of 0 or less gives
 * LC_NOW; one that is too large to add gives LC_FOREVER. Thread-safe.
 */
LC_API int64_t lc_deadline_after(int64_t timeout);

/**
 * The time of day: nanoseconds since 1970-01-01T00:00:00Z on CLOCK_REALTIME, which can be set back
 * and forth. For texts and files; not for deadlines. In a simulation it is LC_SIMULATION_EPOCH plus
 * lc_now, so that runs with the same seed see the same dates. Thread-safe.
 */
LC_API int64_t lc_wall_now(void);

/** 2026-01-01T00:00:00Z: lc_wall_now in a simulation when lc_now is 0. */
#define LC_SIMULATION_EPOCH (INT64_C(1767225600) * LC_SECOND)

LC_END_DECLARATIONS

#endif
