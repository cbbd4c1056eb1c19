/*
 * busy.c: executor/busy.h: a thread that runs, or is blocked, has had its time; one that waits for
 * a processor has not.
 */
#include "support/check.h"

#include "executor/busy.h"

#include <lifecycle.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

/* A thread that is looked at. */
struct looked_at {
    pthread_t id;
    atomic_int thread; /* as the system counts */
    atomic_bool stop;
    sem_t never;
    bool patient; /* gives way to all others */
};

static void *spin(void *arg)
{
    struct looked_at *at = arg;
    const struct sched_param lowest = {0};
    if (at->patient)
        pthread_setschedparam(pthread_self(), SCHED_IDLE, &lowest);
    atomic_store(&at->thread, gettid());
    while (!atomic_load(&at->stop))
        continue;
    return NULL;
}

static void *block(void *arg)
{
    struct looked_at *at = arg;
    atomic_store(&at->thread, gettid());
    sem_wait(&at->never);
    return NULL;
}

static bool has_begun(void *arg)
{
    return atomic_load(&((struct looked_at *)arg)->thread) != 0;
}

static void look_at_begin(struct looked_at *at, void *(*run)(void *arg), bool patient)
{
    *at = (struct looked_at){.patient = patient};
    sem_init(&at->never, 0, 0);
    CU_ASSERT_EQUAL(pthread_create(&at->id, NULL, run, at), 0);
    CU_ASSERT_TRUE(check_until(has_begun, at));
}

static void look_at_end(struct looked_at *at)
{
    atomic_store(&at->stop, true);
    sem_post(&at->never);
    pthread_join(at->id, NULL);
    sem_destroy(&at->never);
}

static int64_t used_by(struct looked_at *at)
{
    clockid_t clock;
    struct timespec used = {0, 0};
    if (pthread_getcpuclockid(at->id, &clock) == 0)
        clock_gettime(clock, &used);
    return used.tv_sec * LC_SECOND + used.tv_nsec;
}

#define PERIOD (2 * LC_MILLISECOND)

/* Looks until so much time has passed. @return how much of it the thread has had. */
static int64_t had_after(struct looked_at *at, int64_t elapsed)
{
    struct lc__busy busy = {0};
    int64_t begin = lc_now();
    for (int64_t now = begin; now - begin < elapsed; now = lc_now()) {
        lc__busy_look(&busy, atomic_load(&at->thread), now);
        lc_sleep(PERIOD);
    }
    return busy.had;
}

static void a_blocked_thread_has_had_its_time(void)
{
    struct looked_at at;
    look_at_begin(&at, block, false);
    lc_sleep(10 * LC_MILLISECOND); /* until it is blocked: if later, less is counted */
    CU_ASSERT_TRUE(had_after(&at, 50 * LC_MILLISECOND) >= 20 * LC_MILLISECOND);
    look_at_end(&at);
}

static void a_thread_without_a_processor_has_not_had_its_time(void)
{
    struct looked_at patient, hogs[2];
    check_use_cpus(1);
    look_at_begin(&patient, spin, true);
    for (int i = 0; i < 2; i++)
        look_at_begin(&hogs[i], spin, false);
    int64_t before = used_by(&patient);
    int64_t had = had_after(&patient, 200 * LC_MILLISECOND);
    int64_t used = used_by(&patient) - before;
    CU_ASSERT_TRUE(had <= used + 2 * PERIOD);
    CU_ASSERT_TRUE(had < 150 * LC_MILLISECOND);
    for (int i = 0; i < 2; i++)
        look_at_end(&hogs[i]);
    look_at_end(&patient);
    check_use_cpus(0);
}

static void a_task_without_a_turn_has_had_none(void)
{
    struct lc__busy busy = {0};
    lc__busy_look(&busy, LC__NO_THREAD, LC_SECOND);
    lc__busy_look(&busy, LC__NO_THREAD, LC_HOUR);
    CU_ASSERT_EQUAL(busy.had, 0);
    lc__busy_look(&busy, LC__ANY_THREAD, LC_HOUR + LC_SECOND);
    CU_ASSERT_EQUAL(busy.had, LC_SECOND);
}

CHECK_SUITE(unit_busy, "unit: busy",
            {"a blocked thread has had its time", a_blocked_thread_has_had_its_time},
            {"a thread without a processor has not had its time",
             a_thread_without_a_processor_has_not_had_its_time},
            {"a task without a turn has had none", a_task_without_a_turn_has_had_none});
