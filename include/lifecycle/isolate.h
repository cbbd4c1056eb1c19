/*
 * isolate.h: isolates: message-driven workers with a mailbox and no stack of their own.
 *
 *     static lc_error *count(lc_message *message, void *arg) { ... }
 *
 *     static lc_error *begin(void *arg)         // the entry: runs first, in the isolate
 *     {
 *         lc_receive_port port;
 *         lc_error *error = lc_port_open(LC_PORT(.handler = count), &port);
 *         ...                                   // tell others port.send
 *         return error;
 *     }
 *
 *     lc_error *error = lc_isolate_spawn(LC_ISOLATE(.entry = begin), &isolate);
 *
 * An isolate is a mailbox, and the data of its ports' handlers. Its handlers run one at a time, on
 * any thread of the executor that is free; the isolate may change its thread between two messages.
 * An idle isolate costs some 200 bytes, so a program can have a million.
 *
 * An isolate lives while it has an open port that is not weak, or an armed timer, or is paused.
 * Then it handles the messages that have come to its weak ports, and ends by itself. It can end
 * itself at once, with a last message. It can be killed, paused any number of times, and pinged. It
 * tells listeners of its errors and of its end.
 *
 * A reference to an isolate is a value: the isolate's address, and the capabilities that its holder
 * may present. A program can copy it, send it, and make one with fewer capabilities.
 *
 * The code of an isolate may call all of the library. The rules for the code of a fiber
 * (executor.h) hold here too.
 *
 * The semantics are those of Dart's isolates. All calls are thread-safe. In a forked child there
 * are no isolates (api.h), and calls that can say so answer -ENOTSUP.
 */
#ifndef LIFECYCLE_ISOLATE_H
#define LIFECYCLE_ISOLATE_H

#include <lifecycle/api.h>
#include <lifecycle/component.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/executor.h>
#include <lifecycle/handle.h>
#include <lifecycle/port.h>

LC_BEGIN_DECLARATIONS

/* ---- capabilities ---- */

/**
 * A token that cannot be guessed: a caller that presents it was given it. A plain value, equal to
 * its copies and to no other. All zero: no capability.
 */
typedef struct lc_capability {
    uint64_t id[2];
} lc_capability;

/** No capability. */
#define LC_NO_CAPABILITY                                                                           \
    LC_LITERAL(lc_capability)                                                                      \
    {                                                                                              \
        {                                                                                          \
            0, 0                                                                                   \
        }                                                                                          \
    }

/**
 * Makes a capability, unlike any other. In a simulation it follows from the seed.
 * @return it; LC_NO_CAPABILITY, which permits nothing, if the kernel gives no random bytes.
 */
LC_API lc_capability lc_capability_new(void);
/** Whether both are the same capability. */
static inline bool lc_capability_equal(lc_capability a, lc_capability b)
{
    return a.id[0] == b.id[0] && a.id[1] == b.id[1];
}
/**
 * A number for hash tables, equal for equal capabilities. It reveals nothing of the capability. It
 * differs from process to process, but not in simulations.
 */
LC_API uint64_t lc_capability_hash(lc_capability capability);

/* ---- references ---- */

/** A reference to an isolate. */
typedef struct lc_isolate {
    lc_send_port control;    /**< which isolate it is */
    lc_capability pause;     /**< needed to pause and resume it */
    lc_capability terminate; /**< needed to kill it, and to say whether errors are fatal */
} lc_isolate;

/** Whether both refer to the same isolate; their capabilities may differ. */
static inline bool lc_isolate_equal(lc_isolate a, lc_isolate b)
{
    return lc_send_port_equal(a.control, b.control);
}

/* ---- groups ---- */

/** Isolates that share threads and data. */
typedef struct lc_isolate_group lc_isolate_group;

/** Options of a group; see LC_ISOLATE_GROUP. Zero means the default in each field. */
typedef struct lc_isolate_group_options {
    size_t size;           /**< sizeof(lc_isolate_group_options) */
    const char *name;      /**< 1 to LC_NAME_MAX bytes; copied. NULL: "isolates" */
    lc_executor *executor; /**< NULL: lc_executor_current() */
    unsigned threads;      /**< how many threads its isolates run on at a time at most; 0: all */
    void *data;            /**< for lc_isolate_group_data */
    void (*release)(void *data); /**< called when the group is freed; NULL: nothing to free */
} lc_isolate_group_options;

/** Options of a group: LC_ISOLATE_GROUP(.name = "readers", .threads = 2). */
#define LC_ISOLATE_GROUP(...) LC_OPTIONS(lc_isolate_group_options, __VA_ARGS__)

/**
 * Makes a group.
 * @param options  NULL for the defaults.
 * @param group    receives a reference.
 * @return NULL; -EINVAL naming the option; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_isolate_group_new(const lc_isolate_group_options *options,
                                                    lc_isolate_group **group);
/** One more reference. NULL gives NULL. Each isolate of the group has a reference. */
LC_API lc_isolate_group *lc_isolate_group_ref(lc_isolate_group *group);
/** Gives a reference back; the last one releases the data. NULL is allowed. */
LC_API void lc_isolate_group_unref(lc_isolate_group *group);
/** The `data` of the group's options. */
LC_API void *lc_isolate_group_data(const lc_isolate_group *group);
/** How many isolates of the group are alive. */
LC_API size_t lc_isolate_group_count(const lc_isolate_group *group);
/** The group of the calling isolate, borrowed; NULL: no group, or no isolate calls. */
LC_API lc_isolate_group *lc_isolate_group_current(void);
/**
 * Kills all isolates of the group, also those that are held at exit, and waits until they have
 * ended. From the call on, no isolate can be spawned in the group.
 * @return 0; -ETIMEDOUT; -EDEADLK in one of its isolates, or in a function that one calls through
 * lc_call_blocking: then nothing has changed; -EINVAL; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API int lc_isolate_group_shutdown(lc_isolate_group *group, int64_t deadline);

/* ---- spawning ---- */

/** How many isolates can be alive at a time. */
#define LC_ISOLATES_MAX 16777216

/** Options of an isolate; see LC_ISOLATE. Zero means the default in each field. */
typedef struct lc_isolate_options {
    size_t size;      /**< sizeof(lc_isolate_options) */
    const char *name; /**< 1 to LC_NAME_MAX bytes; copied. NULL: "isolate" */
    /**
     * Runs first, in the isolate. Required. An error that it returns is an error of the isolate.
     */
    lc_error *(*entry)(void *arg);
    void *arg; /**< for the entry */
    /** Called with `arg` when the isolate has ended, also if its entry never ran. NULL: nothing. */
    void (*release)(void *arg);
    lc_isolate_group *group; /**< NULL: the calling isolate's; in a fiber or thread no group */
    lc_executor *executor;   /**< NULL: the group's, or lc_executor_current() */
    /** It begins on the executor's threads in turn, instead of the spawner's thread. */
    bool spread;
    /**
     * The isolate begins paused: its entry runs after lc_isolate_resume with the isolate's own
     * pause capability. So a listener that is added before misses nothing.
     */
    bool paused;
    /** Errors do not end the isolate: it goes on with the next message. */
    bool errors_not_fatal;
    /**
     * Hold the isolate before its first event, or after its last, until lc_isolate_end_hold. For
     * isolate managers. Control works during a hold. lc_isolate_exit sends its last message before
     * the hold. A shutdown of the group, or a stop of the component, ends a hold.
     */
    bool hold_at_start;
    bool hold_at_exit;
    lc_when_full when_full;   /**< what a send does at mailbox_limit; 0: LC_FULL_REFUSE */
    lc_send_port on_error;    /**< an error listener from the start; LC_NO_PORT: none */
    lc_send_port on_exit;     /**< an exit listener from the start; LC_NO_PORT: none */
    lc_payload exit_response; /**< the message to on_exit; copied, or moved if the spawn succeeds */
    /** How many messages can wait. 0: LC_MAILBOX_DEFAULT; LC_MAILBOX_UNLIMITED: no limit. */
    size_t mailbox_limit;
} lc_isolate_options;

/** Options of an isolate: LC_ISOLATE(.name = "reader", .entry = begin, .arg = file). */
#define LC_ISOLATE(...) LC_OPTIONS(lc_isolate_options, __VA_ARGS__)

/**
 * Spawns an isolate, which may outlive its spawner. It begins on the spawner's thread, if that
 * belongs to the isolate's executor.
 * @param isolate  receives a reference with all capabilities. NULL: no reference, which is cheaper.
 * @return NULL; -EINVAL naming the option; -ESHUTDOWN: the executor is being freed, or the group
 * has been shut down; -EAGAIN: no thread could be made to run it; -EMFILE: there are
 * LC_ISOLATES_MAX; -ENODATA: the kernel gives no random bytes for its capabilities; -ENOMEM;
 * -ENOTSUP in a forked child, from a simulation in a real executor, and from outside in a simulated
 * one. After an error `release` is not called.
 */
LC_API LC_MUST_CHECK lc_error *lc_isolate_spawn(const lc_isolate_options *options,
                                                lc_isolate *isolate);

/**
 * A shared object from which isolates can be spawned exports this, under the name of its entry:
 *
 *     static lc_error *main_of_it(int count, char **arguments, lc_message *first) { ... }
 *     LC_ISOLATE_PROGRAM(my_entry, main_of_it);
 */
typedef struct lc_isolate_program {
    uint32_t size;    /**< sizeof(lc_isolate_program) */
    uint32_t version; /**< LC_ISOLATE_PROGRAM_VERSION */
    /** `first` is the first message, or NULL; it and the arguments live until the entry returns. */
    lc_error *(*entry)(int count, char **arguments, lc_message *first);
} lc_isolate_program;

/** It changes when the library can no longer run programs that were compiled before. */
#define LC_ISOLATE_PROGRAM_VERSION 1u

#define LC_ISOLATE_PROGRAM(name, entry)                                                            \
    LC_API extern const lc_isolate_program name;                                                   \
    const lc_isolate_program name = {(uint32_t)sizeof(lc_isolate_program),                         \
                                     LC_ISOLATE_PROGRAM_VERSION, entry}

/** The name of the entry, if a URI has none. */
#define LC_ISOLATE_PROGRAM_DEFAULT "lc_isolate_main"

/**
 * Spawns an isolate from a shared object, in a new group of its own. The object is never unloaded,
 * since messages it has moved may outlive its isolates.
 * @param uri        the path of a regular file, or file: and a path on this host; after a '#' the
 *                   name of the entry. A name without a slash is searched for as by dlopen(3).
 * @param arguments  copied; `count` of them.
 * @param first      the first message; NULL: none. Copied, or moved if the spawn succeeds.
 * @param options    NULL for the defaults; without entry, arg, release and group.
 * @return as lc_isolate_spawn; -ENOENT naming the object, or the entry, that was not found;
 * -ENOEXEC if the entry is not a program, or of another version, naming both; -EINVAL naming the
 * URI if it has no path, has another host, or its file is not a regular one.
 */
LC_API LC_MUST_CHECK lc_error *lc_isolate_spawn_uri(const char *uri, int count,
                                                    const char *const *arguments,
                                                    const lc_payload *first,
                                                    const lc_isolate_options *options,
                                                    lc_isolate *isolate);

/**
 * Runs one computation in an isolate of its own and waits for its result.
 * @param compute sets `*result`, or returns an error. Data with a `destroy` is moved to the caller,
 *                 other data is copied.
 * @param name     of the isolate; NULL: "isolate".
 * @param result   receives the message with the result, for lc_message_free.
 * @return NULL; the computation's error; an error of code -ENODATA, "computation ended without
 * result", if the isolate was killed or has exited; as lc_isolate_spawn; -ETIMEDOUT: then the
 * isolate is killed at once, and may use `arg` until it has ended. A caller that is killed at once
 * during the call kills the computation too.
 */
LC_API LC_MUST_CHECK lc_error *
lc_isolate_compute(const char *name, lc_error *(*compute)(lc_payload *result, void *arg), void *arg,
                   lc_message **result, int64_t deadline);

/* ---- of the calling isolate ---- */

/** Whether an isolate calls. If so, `*isolate` (if not NULL) becomes it, with all capabilities. */
LC_API bool lc_isolate_current(lc_isolate *isolate);
/**
 * The context of the calling isolate. It ends when the isolate ends or is killed at once. An error
 * that is thrown on it, or on a context below it, is an error of the isolate, unless it is a clean
 * end (context.h). Borrowed: it lives as long as the isolate. NULL: no isolate calls, or memory has
 * run out.
 */
LC_API lc_context *lc_isolate_context(void);
/**
 * Ends the calling isolate at once: its deferred calls run, `last` is sent to `port`, then the exit
 * listeners are told. Outside an isolate the call is logged and the process ends with status 70.
 * @param port  LC_NO_PORT: no message is sent.
 * @param last  NULL for an empty message. Moved data is taken over.
 */
LC_API LC_NORETURN void lc_isolate_exit(lc_send_port port, const lc_payload *last);
/**
 * Ends the calling isolate if it has been killed at once; else, and outside of isolates, does
 * nothing. Each call that may wait or send, and each call of this header, begins with it. Long
 * computations call it: a loop without such a call cannot be stopped.
 */
LC_API void lc_isolate_check(void);

/* ---- control ----
 *
 * A call without the capability that it needs returns -EPERM, and one for an isolate that has ended
 * returns -ESRCH; neither changes anything. Control works while an isolate is paused. It overtakes
 * all messages that wait, and takes effect before any message that the caller sends later. Between
 * a simulation and the real world each call returns -ENOTSUP, also if only the port that would get
 * a message is in the other one.
 */

/** When an isolate answers a ping, or ends by a kill. */
typedef enum lc_priority {
    LC_PRIORITY_DEFAULT,    /**< a ping: immediate; a kill: at the next event */
    LC_PRIORITY_IMMEDIATE,  /**< at once, also while a handler runs */
    LC_PRIORITY_NEXT_EVENT, /**< after the handler that runs and the control queued before */
} lc_priority;

/** How many pauses, by different capabilities, an isolate can have at a time. */
#define LC_ISOLATE_PAUSES_MAX 4096
/** How many error listeners, and how many exit listeners, an isolate can have at a time. */
#define LC_ISOLATE_LISTENERS_MAX 4096

/**
 * Pauses an isolate: it begins no message, and no entry, until it is resumed with the same resume
 * capability. Two pauses with one capability need one resume; with two capabilities, two.
 * @return 0; -EPERM; -ESRCH; -EINVAL: no resume capability; -EMFILE: it has LC_ISOLATE_PAUSES_MAX;
 * -ENOMEM.
 */
LC_API int lc_isolate_pause(lc_isolate isolate, lc_capability resume);
/** Ends a pause. @return 0; -EPERM; -ESRCH; -ENOENT: it is not paused with this capability. */
LC_API int lc_isolate_resume(lc_isolate isolate, lc_capability resume);
/**
 * Makes the isolate send a response to `port`, unless it ends before that.
 * @param response  NULL for an empty one; moved data is taken over if 0 is returned.
 * @return 0; -ESRCH; -EINVAL; -ENOMEM.
 */
LC_API int lc_isolate_ping(lc_isolate isolate, lc_send_port port, const lc_payload *response,
                           lc_priority priority);
/**
 * Kills an isolate: it carries out the control that is queued, drops its messages, and tells its
 * exit listeners. A kill at once also stops the handler that runs: its context is cancelled, a wait
 * that it is in is interrupted and does not return, and neither does its next call that checks
 * (lc_isolate_check). An isolate that kills itself at once does not return from this call. Deferred
 * calls and callbacks of the library are not interrupted, and a function that the handler has
 * called through lc_call_blocking may finish first.
 * @return 0; -EPERM; -ESRCH; -EINVAL: no lc_priority.
 */
LC_API int lc_isolate_kill(lc_isolate isolate, lc_priority priority);
/** Sets whether errors end it; needs the terminate capability. @return 0; -EPERM; -ESRCH. */
LC_API int lc_isolate_set_errors_fatal(lc_isolate isolate, bool fatal);
/**
 * Adds an exit listener: the last thing that the isolate does is to send the response to `port`.
 * The same port again replaces its response. Nothing is sent for an isolate that has ended already.
 * @param response  NULL for an empty one; moved data is taken over if 0 is returned.
 * @return 0; -ESRCH; -EINVAL; -EMFILE: it has LC_ISOLATE_LISTENERS_MAX; -ENOMEM.
 */
LC_API int lc_isolate_add_exit_listener(lc_isolate isolate, lc_send_port port,
                                        const lc_payload *response);
/** @return 0; -ESRCH; -ENOENT: it does not listen. */
LC_API int lc_isolate_remove_exit_listener(lc_isolate isolate, lc_send_port port);
/**
 * Adds an error listener: the isolate sends each of its errors to `port` (lc_message_error). The
 * same port again changes nothing. An error without a listener is logged.
 * @return 0; -ESRCH; -EINVAL; -EMFILE: it has LC_ISOLATE_LISTENERS_MAX; -ENOMEM.
 */
LC_API int lc_isolate_add_error_listener(lc_isolate isolate, lc_send_port port);
/** @return 0; -ESRCH; -ENOENT: it does not listen. */
LC_API int lc_isolate_remove_error_listener(lc_isolate isolate, lc_send_port port);

/* ---- looking ---- */

/** The state of an isolate. */
typedef enum lc_isolate_state {
    LC_ISOLATE_ENDED,   /**< it is gone */
    LC_ISOLATE_START,   /**< its entry has not run */
    LC_ISOLATE_RUNNING, /**< it handles messages, or waits for them */
    LC_ISOLATE_PAUSED,  /**< by lc_isolate_pause, or from its spawn */
    LC_ISOLATE_HELD_AT_START,
    LC_ISOLATE_HELD_AT_EXIT
} lc_isolate_state;

/** The isolate's state at this moment. */
LC_API lc_isolate_state lc_isolate_read_state(lc_isolate isolate);
/**
 * Copies the isolate's name, or as much of it as fits into `size` bytes with its terminator
 * (LC_NAME_MAX + 1 is always enough). @return 0; -ESRCH: it has ended; -EINVAL.
 */
LC_API int lc_isolate_copy_name(lc_isolate isolate, char *name, size_t size);
/**
 * A handle that closes when the isolate's entry has returned without an error, or when the isolate
 * has ended: lc_isolate_read_state tells which.
 * @return a reference, or NULL if memory has run out.
 */
LC_API LC_MUST_CHECK lc_handle *lc_isolate_ready(lc_isolate isolate);
/**
 * A handle that closes when the isolate has ended. @return as lc_isolate_ready.
 */
LC_API LC_MUST_CHECK lc_handle *lc_isolate_done(lc_isolate isolate);
/**
 * Ends a hold at start or at exit. For isolate managers only. Needs the pause capability. @return
 * 0; -EPERM; -ESRCH; -ENOENT: it is not held.
 */
LC_API int lc_isolate_end_hold(lc_isolate isolate);

/* ---- as a component ---- */

/**
 * Makes a component of an isolate. Its start spawns the isolate. It is ready when the entry has
 * returned, and done when the isolate has ended. An error that ends the isolate is thrown on the
 * context of the start, after the error listeners have been told. The end of that context kills the
 * isolate, also if it is held. Its lc_isolate_context is below that context.
 * @param options    copied, with the name. `release` is called when the isolate has ended, or when
 *                   the component is destroyed and was never started. exit_response must not be
 *                   moved data.
 * @param component  receives it, for lc_component_destroy or an owner.
 * @return NULL; -EINVAL naming the option; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_isolate_component_new(const lc_isolate_options *options,
                                                        lc_component **component);

LC_END_DECLARATIONS

#endif
