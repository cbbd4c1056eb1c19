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
 * An isolate is a mailbox and what its ports' handlers keep. Its handlers run one at a time, on
 * whatever thread of the executor has time, and the isolate may change its thread between two
 * messages. Idle, it costs some 200 bytes, so a program can have a million.
 *
 * It lives while it has an open port that is not weak, or an armed timer, or is paused; then, once
 * all that has come to weak ports is handled, it ends by itself. It
 * can end itself at once, with a last message; be killed; be paused, by as many as like; be asked
 * for a sign of life; and tell listeners of its errors and of its end.
 *
 * A reference to an isolate is a value: the isolate's address, and the capabilities that its
 * holder may present. It can be copied, sent, and built from parts with fewer of them.
 *
 * What an isolate runs may call all of the library; see executor.h for what code in a fiber must
 * keep to, which holds here too.
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
 * A token that cannot be guessed: its holder was given it. A plain value; it equals its copies and
 * no other. All zero: none.
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
 * A new one, unlike any other. In a simulation it follows from the seed.
 * @return it; LC_NO_CAPABILITY, which opens nothing, if the kernel gives no random bytes.
 */
LC_API lc_capability lc_capability_new(void);
/** Whether it is the same. */
static inline bool lc_capability_equal(lc_capability a, lc_capability b)
{
    return a.id[0] == b.id[0] && a.id[1] == b.id[1];
}
/**
 * A number for hash tables: equal capabilities have equal ones. It tells nothing of the capability,
 * and is another in each process; in a simulation it is the same in each.
 */
LC_API uint64_t lc_capability_hash(lc_capability capability);

/* ---- references ---- */

/** A reference to an isolate. */
typedef struct lc_isolate {
    lc_send_port control;    /**< which isolate it is */
    lc_capability pause;     /**< needed to pause and resume it */
    lc_capability terminate; /**< needed to kill it, and to say whether errors are fatal */
} lc_isolate;

/** Whether they are the same isolate, whatever capabilities come with them. */
static inline bool lc_isolate_equal(lc_isolate a, lc_isolate b)
{
    return lc_send_port_equal(a.control, b.control);
}

/* ---- groups ---- */

/** Isolates that share threads and data. */
typedef struct lc_isolate_group lc_isolate_group;

/** How a group is to be; see LC_ISOLATE_GROUP. Zero stands for the default in each field. */
typedef struct lc_isolate_group_options {
    size_t size;           /**< sizeof(lc_isolate_group_options) */
    const char *name;      /**< 1 to LC_NAME_MAX bytes; copied. NULL: "isolates" */
    lc_executor *executor; /**< NULL: lc_executor_current() */
    unsigned threads; /**< the most threads its isolates run on at a time; 0: all the executor's */
    void *data;       /**< for lc_isolate_group_data */
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
/** One more reference. NULL gives NULL. Each isolate of the group has one of its own. */
LC_API lc_isolate_group *lc_isolate_group_ref(lc_isolate_group *group);
/** Gives a reference back; with the last the data is released. NULL is allowed. */
LC_API void lc_isolate_group_unref(lc_isolate_group *group);
/** What was given at the group's making. */
LC_API void *lc_isolate_group_data(const lc_isolate_group *group);
/** How many isolates of the group are alive. */
LC_API size_t lc_isolate_group_count(const lc_isolate_group *group);
/** The group of the calling isolate; NULL: it is in none, or the caller is no isolate. Borrowed. */
LC_API lc_isolate_group *lc_isolate_group_current(void);
/**
 * Kills all isolates of the group, holds at exit notwithstanding, and waits until they have ended.
 * From then on no isolate is spawned in it.
 * @return 0; -ETIMEDOUT; -EDEADLK from one of its isolates, or from what one calls through
 * lc_call_blocking: then nothing happened; -EINVAL; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API int lc_isolate_group_shutdown(lc_isolate_group *group, int64_t deadline);

/* ---- spawning ---- */

/** The most isolates that are alive at a time. */
#define LC_ISOLATES_MAX 16777216

/** How an isolate is to be; see LC_ISOLATE. Zero stands for the default in each field. */
typedef struct lc_isolate_options {
    size_t size;      /**< sizeof(lc_isolate_options) */
    const char *name; /**< 1 to LC_NAME_MAX bytes; copied. NULL: "isolate" */
    /** Runs first, in the isolate. Required. An error it returns is the isolate's. */
    lc_error *(*entry)(void *arg);
    void *arg; /**< for the entry */
    /** Called with `arg` when the isolate has ended, also if its entry never ran. NULL: nothing. */
    void (*release)(void *arg);
    lc_isolate_group *group; /**< NULL: that of the calling isolate; in a fiber or thread none */
    lc_executor *executor;   /**< NULL: the group's, or lc_executor_current() */
    /** To the executor's threads in turn, instead of staying with the spawner. */
    bool spread;
    /**
     * The entry does not run before lc_isolate_resume with the isolate's own pause capability, so
     * that nothing is missed by a listener that is added first.
     */
    bool paused;
    /** Errors do not end the isolate: it goes on with the next message. */
    bool errors_not_fatal;
    /**
     * Hold the isolate before its first event, or after its last, until lc_isolate_end_hold: for
     * isolate managers. While it is held control works. The last message of lc_isolate_exit is sent
     * before the hold. No hold holds when the group is shut down, or the component stopped.
     */
    bool hold_at_start;
    bool hold_at_exit;
    lc_when_full when_full; /**< what happens when mailbox_limit messages wait; 0: LC_FULL_REFUSE */
    lc_send_port on_error;  /**< an error listener from the start; LC_NO_PORT: none */
    lc_send_port on_exit;   /**< an exit listener from the start; LC_NO_PORT: none */
    lc_payload exit_response; /**< what that one gets; copied, or moved if the spawn succeeds */
    /** The most messages that wait. 0: LC_MAILBOX_DEFAULT; LC_MAILBOX_UNLIMITED: no limit. */
    size_t mailbox_limit;
} lc_isolate_options;

/** Options of an isolate: LC_ISOLATE(.name = "reader", .entry = begin, .arg = file). */
#define LC_ISOLATE(...) LC_OPTIONS(lc_isolate_options, __VA_ARGS__)

/**
 * Spawns an isolate, which outlives its spawner. On the executor thread of the spawner, if that is
 * the isolate's.
 * @param isolate  receives a reference with all capabilities; NULL if it is not wanted, which is
 *                 cheaper.
 * @return NULL; -EINVAL naming the option; -ESHUTDOWN: the executor is being freed, or the group
 * has been shut down; -EAGAIN: no thread could be made to run it; -EMFILE: there are
 * LC_ISOLATES_MAX; -ENODATA: the kernel gives no random bytes for its capabilities; -ENOMEM;
 * -ENOTSUP in a forked child, or from a simulation in a real executor, or the other way round. Then
 * `release` is not called.
 */
LC_API LC_MUST_CHECK lc_error *lc_isolate_spawn(const lc_isolate_options *options,
                                                lc_isolate *isolate);

/**
 * What a shared object that can be spawned from exports, under the name of its entry:
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

/** Changes when programs compiled before can no longer be run. */
#define LC_ISOLATE_PROGRAM_VERSION 1u

#define LC_ISOLATE_PROGRAM(name, entry)                                                            \
    LC_API extern const lc_isolate_program name;                                                   \
    const lc_isolate_program name = {(uint32_t)sizeof(lc_isolate_program),                         \
                                     LC_ISOLATE_PROGRAM_VERSION, entry}

/** The entry that is looked for where a URI names none. */
#define LC_ISOLATE_PROGRAM_DEFAULT "lc_isolate_main"

/**
 * Spawns an isolate from a shared object, in a new group of its own. The object is never unloaded,
 * since messages it has moved may outlive its isolates.
 * @param uri        a path, or file: and a path on this host, of a regular file; behind a '#' the
 *                   name of the entry. A name without a slash is looked for as dlopen(3) does.
 * @param arguments  copied; `count` of them.
 * @param first      the first message; NULL: none. Copied, or moved if the spawn succeeds.
 * @param options    NULL for the defaults; without entry, arg, release and group.
 * @return as lc_isolate_spawn; -ENOENT naming the object, or the entry, that was not found;
 * -ENOEXEC naming what the entry is instead of a program, or the version that it is of and the one
 * it should be; -EINVAL naming the URI if it has no path, is of another host, or of no regular
 * file.
 */
LC_API LC_MUST_CHECK lc_error *lc_isolate_spawn_uri(const char *uri, int count,
                                                    const char *const *arguments,
                                                    const lc_payload *first,
                                                    const lc_isolate_options *options,
                                                    lc_isolate *isolate);

/**
 * Runs one computation in an isolate of its own and waits for its result.
 * @param compute  sets `*result`, whose data is moved to the caller if it has a `destroy`, else
 *                 copied; or returns an error.
 * @param name     of the isolate; NULL: "isolate".
 * @param result   receives the message with the result, for lc_message_free.
 * @return NULL; the computation's error; an error of code -ENODATA, "computation ended without
 * result", if it ended with neither (it was killed, or has exited); as lc_isolate_spawn;
 * -ETIMEDOUT: then the isolate is killed at once, and may still use `arg` until it has ended. A
 * caller that is killed at once meanwhile takes the computation with it.
 */
LC_API LC_MUST_CHECK lc_error *
lc_isolate_compute(const char *name, lc_error *(*compute)(lc_payload *result, void *arg), void *arg,
                   lc_message **result, int64_t deadline);

/* ---- of the calling isolate ---- */

/** Whether an isolate calls; then `*isolate`, if not NULL, is it, with all its capabilities. */
LC_API bool lc_isolate_current(lc_isolate *isolate);
/**
 * The context of the calling isolate: it ends when the isolate does, or is killed at once; what is
 * thrown on it, or below, is an error of the isolate, unless it only answers its end (context.h).
 * NULL: no isolate calls, or memory has run out. Borrowed: lives as long as the isolate.
 */
LC_API lc_context *lc_isolate_context(void);
/**
 * Ends the calling isolate at once: deferred calls run, and `last` goes to `port` in the same act,
 * before exit listeners are told. Outside an isolate it is logged and the process ends with 70.
 * @param last  NULL for an empty message; LC_NO_PORT: none is sent. Moved data is taken over.
 */
LC_API LC_NORETURN void lc_isolate_exit(lc_send_port port, const lc_payload *last);
/**
 * Does not return if the calling isolate has been killed at once; else, and outside of isolates,
 * does nothing. All calls that may wait, or send, or are of this header, begin with it. For long
 * computations: a loop without any such call cannot be stopped.
 */
LC_API void lc_isolate_check(void);

/* ---- control ----
 *
 * What does not carry the capability that it needs does nothing and answers -EPERM; what is for an
 * isolate that has ended answers -ESRCH, and nothing else happens. Control works while an isolate
 * is paused, overtakes all messages that wait, and takes effect before any message that its sender
 * sends afterwards. It does not reach into a simulation, nor out of one: the answer is -ENOTSUP,
 * also where the port that would get a message is of another world.
 */

/** When a ping is answered, and a kill takes effect. */
typedef enum lc_priority {
    LC_PRIORITY_DEFAULT,    /**< immediate for a ping, before the next event for a kill */
    LC_PRIORITY_IMMEDIATE,  /**< at once, also while a handler runs */
    LC_PRIORITY_NEXT_EVENT, /**< after the running handler, and the control queued before */
} lc_priority;

/** The most pauses of an isolate, by different capabilities, at a time. */
#define LC_ISOLATE_PAUSES_MAX 4096
/** The most listeners of each kind, for errors and for the exit, that an isolate has at a time. */
#define LC_ISOLATE_LISTENERS_MAX 4096

/**
 * Pauses an isolate: no message, and no entry, is begun until it is resumed with the same resume
 * capability. Pausing twice with the same needs one resume; with different ones, one each.
 * @return 0; -EPERM; -ESRCH; -EINVAL: no resume capability; -EMFILE: it has LC_ISOLATE_PAUSES_MAX;
 * -ENOMEM.
 */
LC_API int lc_isolate_pause(lc_isolate isolate, lc_capability resume);
/** Ends a pause. @return 0; -EPERM; -ESRCH; -ENOENT: it is not paused with this capability. */
LC_API int lc_isolate_resume(lc_isolate isolate, lc_capability resume);
/**
 * Has the isolate send a response to `port`. Not sent if it ends before.
 * @param response  NULL for an empty one; moved data is taken over if 0 is returned.
 * @return 0; -ESRCH; -EINVAL; -ENOMEM.
 */
LC_API int lc_isolate_ping(lc_isolate isolate, lc_send_port port, const lc_payload *response,
                           lc_priority priority);
/**
 * Kills an isolate: control that is queued is carried out, messages are dropped, exit listeners are
 * told. At once: the running handler's context is cancelled now; a wait that the handler is in, of
 * whatever kind, is interrupted and does not return, nor does its next call that checks
 * (lc_isolate_check); of oneself, this one does not. Deferred calls and callbacks of the library
 * are not interrupted, and what lc_call_blocking runs may finish first.
 * @return 0; -EPERM; -ESRCH; -EINVAL: no lc_priority.
 */
LC_API int lc_isolate_kill(lc_isolate isolate, lc_priority priority);
/** Whether errors end the isolate; needs the terminate capability. @return 0; -EPERM; -ESRCH. */
LC_API int lc_isolate_set_errors_fatal(lc_isolate isolate, bool fatal);
/**
 * Has `port` told of the isolate's end, as its last act. The same port again replaces its response.
 * Added to an isolate that has ended, nothing is ever sent.
 * @param response  NULL for an empty one; moved data is taken over if 0 is returned.
 * @return 0; -ESRCH; -EINVAL; -EMFILE: it has LC_ISOLATE_LISTENERS_MAX; -ENOMEM.
 */
LC_API int lc_isolate_add_exit_listener(lc_isolate isolate, lc_send_port port,
                                        const lc_payload *response);
/** @return 0; -ESRCH; -ENOENT: it does not listen. */
LC_API int lc_isolate_remove_exit_listener(lc_isolate isolate, lc_send_port port);
/**
 * Has `port` told of each error of the isolate (lc_message_error); the same port twice counts once.
 * An error without a listener is logged.
 * @return 0; -ESRCH; -EINVAL; -EMFILE: it has LC_ISOLATE_LISTENERS_MAX; -ENOMEM.
 */
LC_API int lc_isolate_add_error_listener(lc_isolate isolate, lc_send_port port);
/** @return 0; -ESRCH; -ENOENT: it does not listen. */
LC_API int lc_isolate_remove_error_listener(lc_isolate isolate, lc_send_port port);

/* ---- looking ---- */

/** What an isolate is doing. */
typedef enum lc_isolate_state {
    LC_ISOLATE_ENDED,   /**< it is gone */
    LC_ISOLATE_START,   /**< its entry has not run */
    LC_ISOLATE_RUNNING, /**< it handles messages, or waits for them */
    LC_ISOLATE_PAUSED,  /**< by lc_isolate_pause, or from its spawn */
    LC_ISOLATE_HELD_AT_START,
    LC_ISOLATE_HELD_AT_EXIT
} lc_isolate_state;

/** What it is doing at this moment. */
LC_API lc_isolate_state lc_isolate_read_state(lc_isolate isolate);
/**
 * Its name, as far as it fits in `size` bytes, the ending zero among them (LC_NAME_MAX + 1 are
 * always enough). @return 0; -ESRCH: it has ended; -EINVAL.
 */
LC_API int lc_isolate_copy_name(lc_isolate isolate, char *name, size_t size);
/**
 * A handle that closes when its entry has returned without error, or else when the isolate has
 * ended: lc_isolate_read_state tells which.
 * @return a reference, or NULL if memory has run out.
 */
LC_API LC_MUST_CHECK lc_handle *lc_isolate_ready(lc_isolate isolate);
/**
 * A handle that closes when it has ended; closed already if it has. @return as lc_isolate_ready.
 */
LC_API LC_MUST_CHECK lc_handle *lc_isolate_done(lc_isolate isolate);
/**
 * Ends a hold at start or at exit; for isolate managers, and no business of others. Needs the pause
 * capability. @return 0; -EPERM; -ESRCH; -ENOENT: it is not held.
 */
LC_API int lc_isolate_end_hold(lc_isolate isolate);

/* ---- as a component ---- */

/**
 * Makes a component whose start spawns an isolate: ready when its entry has returned, done when it
 * has ended. An error that ends it is thrown on the context it was started with, after the error
 * listeners have been told; the end of that context kills it, also if it is held. Its
 * lc_isolate_context is below that context.
 * @param options    copied, with the name; `release` is called when the isolate has ended, or when
 *                   the component is destroyed without having been started. exit_response must not
 *                   be moved data.
 * @param component  receives it, for lc_component_destroy or an owner.
 * @return NULL; -EINVAL naming the option; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_isolate_component_new(const lc_isolate_options *options,
                                                        lc_component **component);

LC_END_DECLARATIONS

#endif
