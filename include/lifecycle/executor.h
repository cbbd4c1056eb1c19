/*
 * executor.h: executors: threads that run fibers and isolates (isolate.h), real or simulated.
 *
 * A fiber is a worker with a small stack of its own that is switched in user space: it costs about
 * a page of memory, and some ten nanoseconds a switch. The rules for the code of a fiber:
 *
 * - It waits through this library (wait.h, channel.h, context.h, handle.h): those waits let the
 *   thread's other fibers run. A call that blocks in another way blocks all of them: make it
 *   through lc_call_blocking.
 * - Once it has started it never changes its thread, so addresses of its stack and of thread-local
 *   variables stay valid, and errno is its own. It shares other thread-local variables with the
 *   thread's other fibers, so their values may change during a wait.
 * - During a wait it holds no pthread mutex, no pthread_cleanup_push, no open C++ catch. It does
 *   not call pthread_exit, and its thread is never cancelled.
 * - Its stack is small (LC_FIBER_STACK_DEFAULT). A function that needs much stack, or takes the
 *   thread's stack size for its own (glob, regcomp, getaddrinfo), is called through
 *   lc_call_blocking, or the fiber gets a larger stack.
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
 * The default size of a fiber's stack, in bytes, guard page and control block included.
 */
#define LC_FIBER_STACK_DEFAULT ((size_t)64 * 1024)
/**
 * The smallest and the largest stack of a fiber, in bytes. The smallest has room for any call of
 * the library, and 8 KiB for its caller.
 */
#define LC_FIBER_STACK_MIN ((size_t)32 * 1024)
#define LC_FIBER_STACK_MAX ((size_t)1 << 30)
/** The most threads of one executor. */
#define LC_EXECUTOR_THREADS_MAX 256

/** Options of an executor; see LC_EXECUTOR. Zero means the default in each field. */
typedef struct lc_executor_options {
    size_t size; /**< sizeof(lc_executor_options) */
    /** Its threads are called NAME-0, NAME-1, ...; 1 to 32 bytes; copied. NULL: "executor". */
    const char *name;
    /**
     * 1 to LC_EXECUTOR_THREADS_MAX. 0: the number of processors that the process may use, by its
     * affinity and the quota of its control group.
     */
    unsigned threads;
    /**
     * Whether stderr names a fiber that overflows its stack, before the process ends. Installs a
     * handler for SIGSEGV and SIGBUS until the library is shut down; other faults go to the handler
     * that was there before. It does not cover threads that other executors have made before.
     */
    bool report_overflow;
    size_t stack_size; /**< the default of its fibers; 0: LC_FIBER_STACK_DEFAULT */
    /**
     * A thread without fibers ends after this time, in nanoseconds, and is made again when it is
     * needed. 0: ten seconds; LC_NONE: at once. The memory of unused stacks goes back to the system
     * after this time, or after ten seconds if that is less.
     */
    int64_t idle_timeout;
    /**
     * The log names a fiber that runs longer than this, in nanoseconds, without a wait. A thread is
     * added while unstarted fibers wait behind it. 0: 100 ms; LC_NONE: no limit.
     */
    int64_t stall_limit;
} lc_executor_options;

/** Options of an executor: LC_EXECUTOR(.name = "pool", .threads = 4). */
#define LC_EXECUTOR(...) LC_OPTIONS(lc_executor_options, __VA_ARGS__)

/**
 * Makes an executor. It makes its threads when they are needed.
 * @param options   NULL for the defaults.
 * @param executor  receives it, for lc_executor_free.
 * @return NULL; -EINVAL naming the option; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_executor_new(const lc_executor_options *options,
                                               lc_executor **executor);
/**
 * Refuses new fibers and isolates, waits until those that exist have ended, joins the threads and
 * frees the executor. NULL is allowed.
 * @return 0; -EBUSY: it is the default executor, which lc_library_shutdown frees, or a simulated
 * one to which something still refers (logged); -EDEADLK in one of its own fibers or isolates, in a
 * function that one of them calls through lc_call_blocking, or while a thread is in lc_executor_run
 * with it. After an error nothing has changed.
 */
LC_API int lc_executor_free(lc_executor *executor);
/**
 * Sets the options of the default executor, before its first use.
 * @return NULL; -EBUSY: it exists already; or as lc_executor_new.
 */
LC_API LC_MUST_CHECK lc_error *lc_default_executor_configure(const lc_executor_options *options);
/**
 * The executor of the calling fiber; in a thread the default executor, which this call makes if
 * need be. NULL: no memory, or a forked child.
 */
LC_API lc_executor *lc_executor_current(void);
/** How many threads it uses for fibers that do not stall. */
LC_API unsigned lc_executor_threads(const lc_executor *executor);

/**
 * Makes the calling thread one of the executor's, and runs `run(arg)` in a fiber of this thread,
 * with a stack of 1 MiB. So main can be a fiber, and no other thread is needed.
 *
 * With a simulated executor (simulate.h) this runs a simulation. The call returns when `run` and
 * all fibers of this thread have ended. Isolates go on, on other threads; in a simulation the call
 * waits for them too.
 * @param executor  NULL: the default one.
 * @return what `run` returned, NULL if it threw; -EDEADLK in a fiber; -EINVAL without a function;
 * -EAGAIN: the executor has LC_EXECUTOR_THREADS_MAX threads; -ENOMEM; -ENOTSUP in a forked child.
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
/** Gives a reference back; the group's fibers are not affected. NULL is allowed. */
LC_API void lc_thread_group_unref(lc_thread_group *group);

/* ---- fibers ---- */

/**
 * Options of a fiber without a manager; see LC_FIBER_OPTIONS. Zero means the default in each field.
 */
typedef struct lc_fiber_options {
    size_t size;            /**< sizeof(lc_fiber_options) */
    const char *name;       /**< 1 to LC_NAME_MAX bytes; copied. NULL: "fiber" */
    void (*run)(void *arg); /**< required; a throw in it needs a context with a signaler */
    void *arg;
    /**
     * False: it begins on the thread of the fiber that starts it, unless that thread has a backlog.
     * True: it begins on the executor's threads in turn.
     */
    bool spread;
    size_t stack_size;      /**< bytes; 0 for the executor's default; rounded up */
    lc_executor *executor;  /**< NULL: the group's, or lc_executor_current() */
    lc_thread_group *group; /**< NULL: none */
} lc_fiber_options;

/** Options of a fiber: LC_FIBER_OPTIONS(.run = serve). LC_FIBER is a worker's kind. */
#define LC_FIBER_OPTIONS(...) LC_OPTIONS(lc_fiber_options, __VA_ARGS__)

/**
 * Starts a fiber. Any thread may call it.
 * @return 0; -EINVAL (options, name, function, a group of another executor; logged); -E2BIG (stack;
 * logged); -ENOMEM; -EAGAIN (no thread could be made to run it); -ESHUTDOWN (the executor is being
 * freed); -ENOTSUP in a forked child, from a simulation in a real executor, and from outside in a
 * simulated one.
 */
LC_API int lc_fiber_start(const lc_fiber_options *options);
/** Whether the caller is a fiber. */
LC_API bool lc_is_fiber(void);
/** Lets the thread's other fibers run; in a thread, other threads. */
LC_API void lc_yield(void);

/**
 * Runs `run(arg)`, which may block, on another thread, and waits for it. In a thread, and in a
 * simulation, calls it directly. `run` must not throw.
 * @return 0; or, without having called it, -EAGAIN: no thread can be made; -ENOMEM; -EINVAL;
 * -ENOTSUP in a forked child.
 */
LC_API int lc_call_blocking(void (*run)(void *arg), void *arg);
/** The most threads that lc_call_blocking makes; further calls wait for one of them. */
#define LC_BLOCKING_THREADS_MAX 256

LC_END_DECLARATIONS

#endif
