/*
 * executor.h: the world that a worker runs in: threads that run fibers and isolates (isolate.h),
 * real or simulated; the worker's name, its random generator.
 *
 * A fiber is a worker with a small stack of its own that is switched in user space: it costs about
 * a page of memory, and some ten nanoseconds a switch. What a fiber's code must keep to:
 *
 * - It waits through this library (wait.h, channel.h, context.h, handle.h): those waits let the
 *   thread's other fibers run. Anything else that blocks, blocks them all: use lc_call_blocking.
 * - Once it has started it never changes its thread, so addresses of its stack and of thread-local
 *   variables stay valid, and errno is its own. The values of thread-local variables are shared
 *   with the thread's other fibers, and may change over a wait.
 * - Over a wait it holds no pthread mutex, no pthread_cleanup_push, no open C++ catch. It does not
 *   call pthread_exit, and its thread is never cancelled.
 * - Its stack is small (LC_FIBER_STACK_DEFAULT). Functions that need much, or judge the stack by
 *   the thread's size (glob, regcomp, getaddrinfo), go through lc_call_blocking, or the worker asks
 *   for a larger stack.
 * - It ends by returning or by lc_throw, which runs its deferred calls.
 */
#ifndef LIFECYCLE_EXECUTOR_H
#define LIFECYCLE_EXECUTOR_H

#include <lifecycle/api.h>
#include <lifecycle/error.h>
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_executor lc_executor;
typedef struct lc_thread_group lc_thread_group;

/* ---- executors ---- */

/**
 * The stack of a fiber that asks for none, in bytes; guard page and control block are part of it.
 */
#define LC_FIBER_STACK_DEFAULT ((size_t)64 * 1024)
/**
 * The smallest stack a fiber gets, and the largest it can ask for, in bytes. On the smallest each
 * call of the library has room, and 8 KiB are left to its caller.
 */
#define LC_FIBER_STACK_MIN ((size_t)32 * 1024)
#define LC_FIBER_STACK_MAX ((size_t)1 << 30)
/** The most threads of one executor. */
#define LC_EXECUTOR_THREADS_MAX 256

/** How an executor is to be; see LC_EXECUTOR. Zero stands for the default in each field. */
typedef struct lc_executor_options {
    size_t size; /**< sizeof(lc_executor_options) */
    /** Its threads are called NAME-0, NAME-1, ...; 1 to 32 bytes; copied. NULL: "executor". */
    const char *name;
    /**
     * 1 to LC_EXECUTOR_THREADS_MAX; 0: as many as this process may use processors, by affinity and
     * by the quota of its control group.
     */
    unsigned threads;
    /**
     * Whether a fiber that overflows its stack is named on stderr before the process ends. Installs
     * a handler for SIGSEGV and SIGBUS, for as long as the library is up; faults that are no
     * overflow go to what was installed before. Threads that other executors have made before this
     * one are not covered.
     */
    bool report_overflow;
    size_t stack_size; /**< of fibers that ask for none; 0: LC_FIBER_STACK_DEFAULT */
    /**
     * A thread with no fibers ends after this time, in nanoseconds, to come back when needed. 0:
     * ten seconds; LC_NONE: at once. Memory of stacks that are not used goes back to the system in
     * this time, or in ten seconds if that is less.
     */
    int64_t idle_timeout;
    /**
     * The log names a fiber that keeps its thread longer than this, in nanoseconds, without
     * waiting, and a thread is added while unstarted fibers wait behind it. 0: 100 ms; LC_NONE: no
     * limit, nothing is watched.
     */
    int64_t stall_limit;
} lc_executor_options;

/** Options of an executor: LC_EXECUTOR(.name = "pool", .threads = 4). */
#define LC_EXECUTOR(...) LC_OPTIONS(lc_executor_options, __VA_ARGS__)

/**
 * Makes an executor. Its threads come when they are needed.
 * @param options   NULL for the defaults.
 * @param executor  receives it, for lc_executor_free.
 * @return NULL; -EINVAL naming the option; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_executor_new(const lc_executor_options *options,
                                               lc_executor **executor);
/**
 * Takes no fibers and no isolates any more, waits until those there are have ended, joins the
 * threads and frees the executor. NULL is allowed.
 * @return 0; -EBUSY for the default one, which lc_library_shutdown frees; -EDEADLK from one of its
 * own fibers or isolates, from what one calls through lc_call_blocking, or while a thread is in
 * lc_executor_run with it;
 * -EBUSY, of a simulated one: something is left that refers to it (logged). Then nothing happened.
 */
LC_API int lc_executor_free(lc_executor *executor);
/**
 * Says how the default executor is to be, before it is first needed.
 * @return NULL; -EBUSY if there is one already; otherwise as lc_executor_new.
 */
LC_API LC_MUST_CHECK lc_error *lc_default_executor_configure(const lc_executor_options *options);
/**
 * The executor of the calling fiber; in a thread the default one, which is made by this if there is
 * none yet. NULL: no memory, or a forked child.
 */
LC_API lc_executor *lc_executor_current(void);
/** How many threads it uses for fibers that do not stall. */
LC_API unsigned lc_executor_threads(const lc_executor *executor);

/**
 * Makes the calling thread one of the executor's, and runs `run(arg)` in a fiber of this thread,
 * with a stack of 1 MiB. So main can be a fiber, and no other thread is needed.
 *
 * With a simulated executor (simulate.h) this is how a simulation runs.
 * @param executor  NULL: the default one.
 * @return once `run` has ended and all fibers of this thread have (isolates go on, on other
 * threads, once none has anything to do here; in a simulation they too must have ended): what `run`
 * returned, NULL if it threw; -EDEADLK from a fiber; -EINVAL without a function; -EAGAIN if the
 * executor has as many threads as it can have; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_executor_run(lc_executor *executor, lc_error *(*run)(void *arg),
                                               void *arg);

/* ---- groups ---- */

/**
 * Makes a group: its fibers run on at most `threads` of the executor's threads.
 * @return NULL if memory has run out, or `threads` is 0.
 */
LC_API LC_MUST_CHECK lc_thread_group *lc_thread_group_new(lc_executor *executor, unsigned threads);
/** One more reference. NULL gives NULL. */
LC_API lc_thread_group *lc_thread_group_ref(lc_thread_group *group);
/** Gives a reference back; fibers of the group run on. NULL is allowed. */
LC_API void lc_thread_group_unref(lc_thread_group *group);

/* ---- fibers ---- */

/**
 * A fiber of its own, without a manager; see LC_FIBER_OPTIONS. Zero stands for the default in each
 * field.
 */
typedef struct lc_fiber_options {
    size_t size;            /**< sizeof(lc_fiber_options) */
    const char *name;       /**< 1 to LC_NAME_MAX bytes; copied. NULL: "fiber" */
    void (*run)(void *arg); /**< required. To throw, it needs a context with a signaler. */
    void *arg;
    /**
     * False: it stays on the thread of the fiber that makes it, unless that has a backlog. True: it
     * goes to the executor's threads in turn.
     */
    bool spread;
    size_t stack_size;      /**< bytes; 0 for the executor's default; rounded up */
    lc_executor *executor;  /**< NULL: the group's, or lc_executor_current() */
    lc_thread_group *group; /**< NULL: none */
} lc_fiber_options;

/** Options of a fiber: LC_FIBER_OPTIONS(.run = serve). LC_FIBER is a worker's kind. */
#define LC_FIBER_OPTIONS(...) LC_OPTIONS(lc_fiber_options, __VA_ARGS__)

/**
 * Starts a fiber. From any thread.
 * @return 0; -EINVAL (options, name, function, a group of another executor; logged); -E2BIG (stack;
 * logged); -ENOMEM; -EAGAIN (no thread could be made to run it); -ESHUTDOWN (the executor is being
 * freed); -ENOTSUP in a forked child, or from a simulation in a real executor, or the other way
 * round.
 */
LC_API int lc_fiber_start(const lc_fiber_options *options);
/** Whether the caller is a fiber. */
LC_API bool lc_is_fiber(void);
/** Lets others run: the thread's other fibers, or other threads. */
LC_API void lc_yield(void);

/**
 * Runs `run(arg)`, which may block, on another thread while the calling fiber waits; in a thread,
 * and in a simulation, right here. `run` must not throw.
 * @return 0; -EAGAIN if no thread can be made for it, -ENOMEM, -EINVAL, -ENOTSUP in a forked child;
 * then it was not run.
 */
LC_API int lc_call_blocking(void (*run)(void *arg), void *arg);
/** The most threads that lc_call_blocking makes; further calls wait for one of them. */
#define LC_BLOCKING_THREADS_MAX 256

LC_END_DECLARATIONS

#endif
