/*
 * bench.h: measuring ways of doing the same work side by side, and telling the medians.
 *
 * The peer of a figure is a function of the bench, or a program of peers.h. A figure measured with
 * a number of threads says so at the end of its name, "_1t" or "_2t": our samples are then taken in
 * a fiber of an executor with as many, one of which is the bench's own.
 */
#ifndef LIFECYCLE_TESTS_BENCH_H
#define LIFECYCLE_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Does some of the work once and tells how long one unit of it took, in nanoseconds, or what it
 * occupies, in bytes.
 */
typedef double (*bench_sample)(size_t n);

/* One row of the table. */
struct bench_figure {
    const char
        *name; /* with "_bytes" in it: bytes; "_allocations": so many; otherwise nanoseconds */
    size_t n;  /* handed to the samples */
    bench_sample ours;
    const char *peer;         /* what does the same work; NULL: nothing, a plain figure */
    bench_sample peer_sample; /* NULL where there is a peer: it is the program of that name */
};

/* Whether a figure of this name was asked for. */
bool bench_wants(const char *name);
/* Adds a row to the table, if it was asked for. The figure is copied. */
void bench_add(const struct bench_figure *figure);

/* The number of threads at the end of a figure's name; 0 if there is none. */
unsigned bench_threads(const char *name);
/* What `take` tells, called in a fiber of a fresh executor. */
double bench_in_fiber(unsigned threads, double (*take)(const struct bench_figure *figure),
                      const struct bench_figure *figure);

/* CLOCK_MONOTONIC in nanoseconds, read by the bench itself. */
int64_t bench_now(void);
/* What `sample` tells while the log goes to nowhere. */
double bench_log_to_nowhere(double (*sample)(size_t n), size_t n);
/* What is resident after what is free was given back to the system. */
double bench_resident_bytes(void);
/* Ends the bench with a message: a figure that cannot be measured is not made up. */
void bench_fail(const char *what) __attribute__((noreturn));

/* The files of figures; each adds its rows. */
void bench_managers(void);
void bench_primitives(void);
void bench_fibers(void);
void bench_timers(void);
void bench_parked(void);
void bench_ledger(void);
/* Once all rows are measured. */
void bench_ledger_end(void);
void bench_engine(void);
void bench_supervision(void);
void bench_tree(void);
void bench_isolates(void);

/*
 * Samples that are taken in a process of their own, see elsewhere.c: which is the bench, called
 * with one of these words and a number. What it then does returns the process's exit status.
 */
#define BENCH_PARK "--park"
int bench_park(unsigned threads);
#define BENCH_COUNT_ENGINE "--count-engine"
int bench_count_engine(unsigned events);
#define BENCH_IDLE_ISOLATES "--idle-isolates"
int bench_idle_isolates(unsigned threads);

/* What a process of the bench's tells, called with this word and number. */
double bench_elsewhere(const char *word, size_t number);
/* For that process: tells it. */
void bench_tell_elsewhere(double value);
/* Whether this is such a process; then `status` receives its exit status. */
bool bench_is_elsewhere(int count, char **arguments, int *status);

#endif
