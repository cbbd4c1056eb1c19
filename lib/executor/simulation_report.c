/*
 * simulation_report.c: see simulation_report.h.
 */
#include "executor/simulation_report.h"

#include "executor/executor.h"
#include "executor/job.h"
#include "executor/park.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* ---- naming workers ---- */

static const char *fiber_reason(const struct lc__fiber *fiber)
{
    return fiber->task.parked ? fiber->task.parked->what : "its turn";
}

/*
 * ThreadSanitizer takes the fiber for a thread that still writes its name, and does see memcpy and
 * atomic loads in this file.
 */
static void simulated_copy_name(const struct lc__fiber *fiber, char *name)
{
    struct lc__job *job = atomic_load_explicit(&fiber->job, memory_order_relaxed);
    if (job) {
        job->kind->copy_name(job, name);
        return;
    }
    const volatile char *from = lc__fiber_name(fiber);
    while ((*name++ = *from++))
        continue;
}

/* Adds "name (what), ..." as far as there is room. */
static void simulation_list_fibers(const struct lc__simulation *simulation, char *text, size_t size)
{
    size_t used = 0;
    char name[LC_NAME_MAX + 1];
    const struct lc__simulated_fiber *simulated;
    text[0] = '\0';
    LC__ASSERT(lc__loop_of_thread->simulation == simulation);
    lc__sanitizer_reports(&lc__loop_of_thread->sanitizer);
    TAILQ_FOREACH (simulated, &simulation->live, link) {
        if (used + LC_NAME_MAX + 64 > size) {
            snprintf(text + used, size - used, ", ...");
            return;
        }
        simulated_copy_name(simulated->fiber, name);
        used += (size_t)snprintf(text + used, size - used, "%s\"%s\" (%s)", used > 0 ? ", " : "",
                                 name, fiber_reason(simulated->fiber));
    }
}

/* Adds the isolates, which wait for a message that no worker is left to send. */
static void simulation_list_jobs(const struct lc__simulation *simulation, char *text, size_t size)
{
    size_t count = atomic_load_explicit(&simulation->executor->bound, memory_order_relaxed);
    size_t used = strlen(text);
    char name[LC_NAME_MAX + 1];
    if (count == 0)
        return;
    lc__jobs_name_one(simulation->executor, name);
    snprintf(text + used, size - used, "%sisolates: %zu, among them \"%s\"", used > 0 ? ", " : "",
             count, name);
}

/* ---- a run without end ---- */

void lc__simulation_count_step(struct lc__simulation *simulation, const struct lc__fiber *fiber)
{
    char name[LC_NAME_MAX + 1];
    simulated_copy_name(fiber, name);
    for (int i = 0; i < LC__BUSY_WORKERS_MAX; i++) {
        struct lc__busy_worker *busy = &simulation->busy[i];
        if (busy->steps == 0)
            strlcpy(busy->name, name, sizeof busy->name);
        if (strcmp(busy->name, name) == 0) {
            busy->steps++;
            return;
        }
    }
}

static const struct lc__busy_worker *simulation_busiest(const struct lc__simulation *simulation)
{
    const struct lc__busy_worker *busiest = &simulation->busy[0];
    for (int i = 1; i < LC__BUSY_WORKERS_MAX; i++)
        if (simulation->busy[i].steps > busiest->steps)
            busiest = &simulation->busy[i];
    return busiest;
}

void lc__simulation_report_endless(struct lc__simulation *simulation)
{
    char waiting[2048];
    uint64_t limit = simulation->options.steps_max;
    uint64_t last = limit < LC__LAST_STEPS ? limit : LC__LAST_STEPS;
    const struct lc__busy_worker *busiest = simulation_busiest(simulation);
    simulation_list_fibers(simulation, waiting, sizeof waiting);
    simulation->verdict = lc_error_new(-ELOOP,
                                       "the simulation of seed %" PRIu64 " did not end in %" PRIu64
                                       " steps: \"%s\" kept running, with %" PRIu64
                                       " of the last %" PRIu64 " steps; workers left: %zu: %s",
                                       simulation->options.seed, limit, busiest->name,
                                       busiest->steps, last, simulation->live_count, waiting);
}

/* ---- a deadlock ---- */

void lc__simulation_report_deadlock(struct lc__simulation *simulation)
{
    enum { FOR_JOBS = 128 };
    char waiting[2048], name[LC_NAME_MAX + 1];
    simulation_list_fibers(simulation, waiting, sizeof waiting - FOR_JOBS);
    simulation_list_jobs(simulation, waiting, sizeof waiting);
    simulation->verdict =
        lc_error_new(-EDEADLK,
                     "deadlock in the simulation of seed %" PRIu64
                     ": nothing will wake what is left, workers: %zu; they wait for: %s",
                     simulation->options.seed, simulation->live_count, waiting);
    const struct lc__simulated_fiber *simulated;
    TAILQ_FOREACH (simulated, &simulation->live, link) {
        simulated_copy_name(simulated->fiber, name);
        lc_log(LC_LOG_ERROR, name, "waits for ever in a deadlock, for: %s",
               fiber_reason(simulated->fiber));
    }
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
