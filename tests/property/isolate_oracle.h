/*
 * isolate_oracle.h: what isolates are to do, as data, and a sequential model that says what must
 * come of it. The model knows nothing of threads, locks or memory: each isolate is a queue of
 * messages, a few flags and a loop, as <lifecycle/isolate.h> tells it.
 *
 * All that is done is a *step* of a run: a message, or a response, carries the number of one, and
 * its handler does what stands there, and then the next step of the same chain. The model is asked
 * for the same at the same moments, and once nothing moves any more it goes through what the
 * handlers have noted down.
 */
#ifndef LIFECYCLE_TESTS_ISOLATE_ORACLE_H
#define LIFECYCLE_TESTS_ISOLATE_ORACLE_H

#include <lifecycle.h>

enum {
    ISOLATES = 5,
    PLACES = 3, /* for ports, of each isolate */
    ALARMS = 3, /* timers of each isolate; behind them stands one that the driver started */
    WATCHERS = 2,
    KEYS = 3, /* resume capabilities; behind them stands the isolate's own pause capability */
    STEPS = 3000,
    NOTES = 600, /* that one isolate writes down between two looks at them */
};

/* Time is cut into slots: what a timer brings in one of them is done before the next begins. */
#define SLOT (10 * LC_SECOND)

/* What a handler is told to do. Those from DO_KILL_NOW on end the event. */
enum operation {
    DO_NOTHING,
    DO_OPEN,      /* a port at `place` */
    DO_OPEN_WEAK, /* that does not keep the isolate alive */
    DO_OPEN_DEAF, /* without a handler */
    DO_CLOSE,
    DO_LISTEN, /* the port at `place` gets its handler */
    DO_IGNORE, /* and loses it */
    DO_WEAKEN,
    DO_STRENGTHEN,
    DO_START_ALARM,  /* for the port at `other_place` of its own, in slot `due` */
    DO_CANCEL_ALARM, /* the one at `place` */
    DO_SEND,         /* `load` to the port at `other_place` of isolate `other` */
    DO_PAUSE,        /* itself, with the key at `place` */
    DO_PING,         /* itself, for the watcher at `place` */
    DO_DEFER,
    DO_KEEP,    /* takes what the message moves */
    DO_WAIT,    /* half a slot */
    DO_BREATHE, /* it waits a moment */
    DO_FATAL,   /* errors are, or are not (`flag`) */
    DO_SPAWN,   /* isolate `other` */
    DO_KILL,
    DO_KILL_NOW,
    DO_FAIL,
    DO_THROW,
    DO_EXIT /* with a last message for the watcher at `place` */
};

struct step {
    enum operation operation;
    int isolate; /* the one that does it, or answers */
    int place;
    int other;
    int other_place;
    unsigned generation; /* of the other */
    unsigned load;       /* another step; 0: none */
    unsigned next;       /* done after this in the same event; 0: nothing */
    int64_t due;         /* a slot */
    int64_t period;      /* slots; 0: once */
    bool flag;
    bool moved; /* what carries it has to be destroyed; else it is copied */
};

/* How an isolate is spawned. */
struct settings {
    unsigned entry; /* a step; 0: nothing */
    bool paused, survives, hold_at_start, hold_at_exit, in_group;
    int on_error, on_exit; /* watchers; -1: none */
    unsigned exit_step;
    size_t limit;
    lc_when_full when_full;
};

/* What a handler writes down. */
struct note {
    unsigned step;
    int result;
    bool deferred; /* its deferred call has run */
};
enum { NO_RESULT = 1000 }; /* so far */

enum sight { SIGHT_PING, SIGHT_ERROR, SIGHT_LAST, SIGHT_EXIT };

/* What a watcher is to see of an isolate. */
struct expected {
    enum sight sight;
    unsigned step;
};

struct model_port {
    unsigned number; /* 0: never opened */
    bool open, weak, deaf;
};

struct model_alarm {
    bool armed;
    bool foreign;
    unsigned generation; /* of the isolate that has the port */
    unsigned number;     /* of the port */
    unsigned started;    /* the step that has started it */
    unsigned step;
    int64_t due, period;
};

struct queued {
    unsigned step;
    unsigned number;
    unsigned tick; /* of the alarm that this step has started; 0: of none */
};

struct list {
    struct queued items[STEPS];
    size_t count;
};

struct model_isolate {
    struct settings settings;
    unsigned generation; /* 0: never spawned */
    bool alive, entered, survives, fatal, exiting, killed, killed_now;
    bool hold_at_start, hold_at_exit;
    bool uneven; /* has, or had, a deaf port: order over several ports is not known */
    bool paused[KEYS + 1];
    unsigned ports_opened;
    struct model_port ports[PLACES];
    /* As of the last look: what others know of it. */
    unsigned known_generation;
    bool known_to_refuse; /* it has a limit */
    unsigned known_ports[PLACES];
    struct model_alarm alarms[ALARMS + 1];
    struct list mailbox, waiting, control;
    int exit_steps[WATCHERS]; /* responses; -1: it does not listen */
    bool hears_errors[WATCHERS];
    unsigned last; /* 0: none */
    int last_watcher;
    /* The event that goes on after a wait. */
    bool busy;
    unsigned handled, going_on;
    unsigned deferred[NOTES];
    size_t deferred_count;
    struct expected expected[WATCHERS][NOTES];
    size_t expected_count[WATCHERS], seen_count[WATCHERS];
    /* What its handlers have written down. */
    struct note notes[NOTES];
    size_t note_count, read_count;
    size_t busy_note; /* the one of the wait */
};

/* A message from one isolate to another: when it arrives is not known, its order is. */
struct crossing {
    bool sent;
    int from, to;
    unsigned generation, number;
    unsigned stamp;
};

struct oracle {
    struct step steps[STEPS];
    unsigned step_count; /* from 1 */
    struct model_isolate isolates[ISOLATES];
    struct settings settings[ISOLATES]; /* of those that isolates spawn */
    bool gone[STEPS];                   /* what carried the step is to be gone */
    struct crossing crossings[STEPS];
    unsigned stamps;
    int64_t slot;      /* now */
    bool faulty;       /* any allocation may fail: what a call says of that is believed */
    const char *wrong; /* NULL: all is well */
};

/* Something is not as it should be; the first is kept. */
void oracle_claim(struct oracle *oracle, bool truth, const char *otherwise);

/* Each does in the model what has been done to the isolate. @return what the call is to return. */
int oracle_spawn(struct oracle *oracle, int index, const struct settings *settings);
int oracle_send(struct oracle *oracle, int index, int place, unsigned step, bool from_itself);
int oracle_pause(struct oracle *oracle, int isolate, int key);
int oracle_resume(struct oracle *oracle, int isolate, int key);
int oracle_ping(struct oracle *oracle, int index, int watcher, unsigned step, bool next_event);
int oracle_kill(struct oracle *oracle, int isolate, bool at_once);
int oracle_set_fatal(struct oracle *oracle, int isolate, bool fatal);
int oracle_listen_exit(struct oracle *oracle, int index, int watcher, unsigned step);
int oracle_unlisten_exit(struct oracle *oracle, int index, int watcher);
int oracle_listen_error(struct oracle *oracle, int isolate, int watcher);
int oracle_unlisten_error(struct oracle *oracle, int isolate, int watcher);
int oracle_end_hold(struct oracle *oracle, int index);
int oracle_start_alarm(struct oracle *oracle, int index, int at, int place, unsigned step);
int oracle_cancel_alarm(struct oracle *oracle, int isolate, int at);
int oracle_anything(const struct oracle *oracle, int isolate); /* 0, or -ESRCH */
/* The group is shut down. */
void oracle_group_down(struct oracle *oracle);

/* Lets the timers of this slot send. */
void oracle_fire(struct oracle *oracle);
/* Does all that can be done, as it was noted. `waits_over`: those in a handler's wait go on. */
void oracle_run(struct oracle *oracle, bool waits_over);
/* All has been compared: what comes is another look's. */
void oracle_settle(struct oracle *oracle);
/* A watcher has seen this. @return false: it was not to come, or not now. */
bool oracle_see(struct oracle *oracle, int watcher, unsigned step, bool error);
/* Whether all that watchers were to see has come; what may be missing is taken as lost. */
bool oracle_all_seen(struct oracle *oracle);

lc_isolate_state oracle_state(const struct oracle *oracle, int index);
/*
 * Whether the message from another isolate that was not handled must have been by now, or is lost.
 */
bool oracle_is_due(const struct oracle *oracle, unsigned step);
bool oracle_is_dropped(const struct oracle *oracle, unsigned step);

#endif
