/*
 * blocking.c: lc_call_blocking: calls that block run on other threads, while the fibers of the
 * caller's thread go on.
 */
#include "support/check.h"
#include "support/fibers.h"

#include "support/manual_clock.h"

#include <lifecycle/simulate.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* What blocks until it is let go: no wait of the library's. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned inside, most, passed;
};

static struct gate gate_new(void)
{
    return (struct gate){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
}

static void pass_gate(void *arg)
{
    struct gate *gate = arg;
    pthread_mutex_lock(&gate->lock);
    gate->inside++;
    gate->most = gate->inside > gate->most ? gate->inside : gate->most;
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    gate->inside--;
    gate->passed++;
    pthread_mutex_unlock(&gate->lock);
}

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static bool gate_holds(struct gate *gate, unsigned count)
{
    pthread_mutex_lock(&gate->lock);
    bool holds = gate->inside == count;
    pthread_mutex_unlock(&gate->lock);
    return holds;
}

/* ---- where it runs ---- */

struct call {
    struct gate gate;
    pthread_t thread;
    bool in_fiber;
    char name[LC_NAME_MAX + 1];
    int64_t now;
    int result;
};

static void note_place(void *arg)
{
    struct call *call = arg;
    call->thread = pthread_self();
    call->in_fiber = lc_is_fiber();
    call->now = lc_now();
    strncpy(call->name, lc_worker_name(), LC_NAME_MAX);
}

static void note_and_pass(void *arg)
{
    struct call *call = arg;
    note_place(call);
    pass_gate(&call->gate);
}

static void block(void *arg)
{
    struct call *call = arg;
    call->result = lc_call_blocking(note_and_pass, call);
}

static void block_beside_another(void *arg)
{
    struct call *call = arg;
    fibers_start(NULL, "blocks", block, call);
    while (!gate_holds(&call->gate, 1))
        lc_yield(); /* we still can */
    CU_ASSERT_EQUAL(call->gate.passed, 0);
    open_gate(&call->gate);
}

static void others_go_on_while_one_blocks(void)
{
    struct call call = {.gate = gate_new(), .result = -1};
    fibers_here(block_beside_another, &call);
    CU_ASSERT_EQUAL(call.result, 0);
    CU_ASSERT_EQUAL(call.gate.passed, 1);
    CU_ASSERT_FALSE(pthread_equal(call.thread, pthread_self()));
    CU_ASSERT_FALSE(call.in_fiber);
    CU_ASSERT_STRING_EQUAL(call.name, "blocks"); /* it logs under its caller's name */
}

static void a_thread_runs_it_itself(void)
{
    struct call call = {.in_fiber = true};
    CU_ASSERT_EQUAL(lc_call_blocking(note_place, &call), 0);
    CU_ASSERT_TRUE(pthread_equal(call.thread, pthread_self()));
    CU_ASSERT_FALSE(call.in_fiber);
}

static lc_error *block_in_simulation(void *arg)
{
    struct call *call = arg;
    call->result = lc_call_blocking(note_place, call);
    CU_ASSERT_EQUAL(lc_now(), call->now);
    return NULL;
}

static void a_simulation_runs_it_itself(void)
{
    struct call call = {.result = -1};
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = check_seed()), &world));
    CHECK_SUCCESS(lc_executor_run(world, block_in_simulation, &call));
    CU_ASSERT_EQUAL(call.result, 0);
    CU_ASSERT_TRUE(pthread_equal(call.thread, pthread_self()));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

static void block_without_function(void *arg)
{
    CU_ASSERT_EQUAL(lc_call_blocking(NULL, arg), -EINVAL);
}

static void nothing_to_run_is_refused(void)
{
    block_without_function(NULL);
    fibers_here(block_without_function, NULL);
}

/* The thread is made for a fiber on one clock, and then serves one on another. */
static void block_on_two_clocks(void *arg)
{
    struct call *call = arg;
    for (int64_t start = 1000; start <= 2000; start += 1000) {
        struct manual_clock *clock = manual_clock_new(start);
        manual_clock_use(clock);
        CU_ASSERT_EQUAL(lc_call_blocking(note_place, call), 0);
        CU_ASSERT_EQUAL(call->now, start);
        manual_clock_use(NULL);
        manual_clock_free(clock);
    }
    CU_ASSERT_EQUAL(lc_call_blocking(note_place, call), 0);
    CU_ASSERT_TRUE(call->now > 2000);
}

static void it_has_its_callers_clock(void)
{
    struct call call;
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* so that there is no such thread yet */
    fibers_here(block_on_two_clocks, &call);
}

/* ---- many ---- */

enum { CALLS = LC_BLOCKING_THREADS_MAX + 44 };

struct crowd {
    struct gate gate;
    atomic_uint done;
};

static void pass_in_blocking(void *arg)
{
    struct crowd *crowd = arg;
    if (lc_call_blocking(pass_gate, &crowd->gate) == 0)
        atomic_fetch_add(&crowd->done, 1);
}

static void crowd_the_gate(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < CALLS; i++)
        fibers_start(NULL, "one of many", pass_in_blocking, crowd);
    while (!gate_holds(&crowd->gate, LC_BLOCKING_THREADS_MAX))
        lc_yield();
    open_gate(&crowd->gate);
}

static void more_calls_than_threads(void)
{
    struct crowd crowd = {.gate = gate_new()};
    fibers_here(crowd_the_gate, &crowd);
    CU_ASSERT_EQUAL(crowd.done, CALLS);
    CU_ASSERT_EQUAL(crowd.gate.passed, CALLS);
    CU_ASSERT_EQUAL(crowd.gate.most, LC_BLOCKING_THREADS_MAX);
}

static void call_again_and_again(void *arg)
{
    struct crowd *crowd = arg;
    unsigned rounds = check_fewer(check_count(2000, 100000));
    for (unsigned i = 0; i < rounds; i++)
        pass_in_blocking(crowd);
    CU_ASSERT_EQUAL(crowd->gate.passed, rounds);
}

static void many_short_calls(void)
{
    struct crowd crowd = {.gate = gate_new()};
    open_gate(&crowd.gate);
    fibers_here(call_again_and_again, &crowd);
}

/* ---- ending ---- */

static void usable_after_a_shutdown(void)
{
    for (int i = 0; i < 3; i++) {
        struct crowd crowd = {.gate = gate_new()};
        open_gate(&crowd.gate);
        fibers_here(pass_in_blocking, &crowd);
        CU_ASSERT_EQUAL(crowd.done, 1);
        CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    }
}

static void throw_it(void *arg)
{
    (void)arg;
    lc_throw(NULL, lc_error_new(-EIO, "forbidden"));
}

static void block_and_throw(void *arg)
{
    *(int *)arg = lc_call_blocking(throw_it, NULL);
}

CHECK_CHILD(throw_in_blocking)
{
    int result = 0;
    fibers_here(block_and_throw, &result);
    return result < 0; /* it has come back */
}

static void a_throw_in_it_ends_the_process(void)
{
    struct check_exit ended = check_child("throw_in_blocking");
    CU_ASSERT_EQUAL(ended.status, 70);
    CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, "forbidden"));
}

CHECK_SUITE(unit_blocking, "unit: blocking calls",
            {"fibers go on while another blocks", others_go_on_while_one_blocks},
            {"a thread runs it itself", a_thread_runs_it_itself},
            {"a simulation runs it itself", a_simulation_runs_it_itself},
            {"nothing to run is refused", nothing_to_run_is_refused},
            {"a blocking call has its caller's clock", it_has_its_callers_clock},
            {"more calls at once than threads", more_calls_than_threads},
            {"many short calls", many_short_calls},
            {"usable after a shutdown", usable_after_a_shutdown},
            {"a throw in it ends the process", a_throw_in_it_ends_the_process});
