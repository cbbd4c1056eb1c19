/*
 * isolate_oracle.h: what isolates are to do, as data, and a sequential model that says what must
 * come of it. The model knows nothing of threads, locks or memory: each isolate is a queue of
 * messages, a few flags and a loop, as <lifecycle/isolate.h> tells it.
 *
 * All that is done is a *line* of a play: a message, or a response, carries the number of one, and
 * its handler does what stands there, and then the next line of the same chain. The model is asked
 * for the same at the same moments, and once nothing moves any more it goes through what the
 * handlers have noted down.
 */
#ifndef LIFECYCLE_TESTS_ISOLATE_ORACLE_H
#define LIFECYCLE_TESTS_ISOLATE_ORACLE_H

#include <lifecycle.h>

enum {
    ACTORS = 5,
    PLACES = 3, /* for ports, of each actor */
    ALARMS = 3, /* timers of each actor; behind them stands one that the driver started */
    WATCHERS = 2,
    KEYS = 3, /* resume capabilities; behind them stands the isolate's own pause capability */
    LINES = 3000,
    NOTES = 600, /* that one actor writes down between two looks at them */
};

/* Time is cut into slots: what a timer brings in one of them is done before the next begins. */
#define SLOT (10 * LC_SECOND)

/* What a handler is told to do. Those from ACT_KILL_NOW on end the event. */
enum act {
    ACT_NOTHING,
    ACT_OPEN,      /* a port at `place` */
    ACT_OPEN_WEAK, /* that does not keep the isolate alive */
    ACT_OPEN_DEAF, /* without a handler */
    ACT_CLOSE,
    ACT_LISTEN, /* the port at `place` gets its handler */
    ACT_IGNORE, /* and loses it */
    ACT_WEAKEN,
    ACT_STRENGTHEN,
    ACT_START_ALARM,  /* for the port at `other_place` of its own, in slot `due` */
    ACT_CANCEL_ALARM, /* the one at `place` */
    ACT_SEND,         /* `load` to the port at `other_place` of actor `other` */
    ACT_PAUSE,        /* itself, with the key at `place` */
    ACT_PING,         /* itself, for the watcher at `place` */
    ACT_DEFER,
    ACT_KEEP,    /* takes what the message moves */
    ACT_WAIT,    /* half a slot */
    ACT_BREATHE, /* it waits a moment */
    ACT_FATAL,   /* errors are, or are not (`flag`) */
    ACT_SPAWN,   /* actor `other` */
    ACT_KILL,
    ACT_KILL_NOW,
    ACT_FAIL,
    ACT_THROW,
    ACT_EXIT /* with a last message for the watcher at `place` */
};

struct line {
    enum act act;
    int actor; /* the one that does it, or answers */
    int place;
    int other;
    int other_place;
    unsigned generation; /* of the other */
    unsigned load;       /* another line; 0: none */
    unsigned next;       /* done after this in the same event; 0: nothing */
    int64_t due;         /* a slot */
    int64_t period;      /* slots; 0: once */
    bool flag;
    bool moved; /* what carries it has to be destroyed; else it is copied */
};

/* How an actor is cast. */
struct casting {
    unsigned entry; /* a line; 0: nothing */
    bool paused, survives, hold_at_start, hold_at_exit, in_group;
    int on_error, on_exit; /* watchers; -1: none */
    unsigned exit_line;
    size_t limit;
    lc_when_full when_full;
};

/* What a handler writes down. */
struct note {
    unsigned line;
    int result;
    bool deferred; /* its deferred call has run */
};
enum { NO_RESULT = 1000 }; /* so far */

enum sight { SIGHT_PING, SIGHT_ERROR, SIGHT_LAST, SIGHT_EXIT };

/* What a watcher is to see of an actor. */
struct expected {
    enum sight sight;
    unsigned line;
};

struct model_port {
    unsigned number; /* 0: never opened */
    bool open, weak, deaf;
};

struct model_alarm {
    bool armed;
    bool foreign;
    unsigned generation; /* of the actor that has the port */
    unsigned number;     /* of the port */
    unsigned started;    /* the line that has started it */
    unsigned line;
    int64_t due, period;
};

struct queued {
    unsigned line;
    unsigned number;
    unsigned tick; /* of the alarm that this line has started; 0: of none */
};

struct list {
    struct queued items[LINES];
    size_t count;
};

struct model_actor {
    struct casting casting;
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
    int exit_lines[WATCHERS]; /* responses; -1: it does not listen */
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

/* A message from one actor to another: when it arrives is not known, its order is. */
struct crossing {
    bool sent;
    int from, to;
    unsigned generation, number;
    unsigned stamp;
};

struct oracle {
    struct line lines[LINES];
    unsigned line_count; /* from 1 */
    struct model_actor actors[ACTORS];
    struct casting castings[ACTORS]; /* of those that actors spawn */
    bool gone[LINES];                /* what carried the line is to be gone */
    struct crossing crossings[LINES];
    unsigned stamps;
    int64_t slot;      /* now */
    bool faulty;       /* any allocation may fail: what a call says of that is believed */
    const char *wrong; /* NULL: all is well */
};

/* Something is not as it should be; the first is kept. */
void oracle_claim(struct oracle *oracle, bool truth, const char *otherwise);

/* Each does in the model what has been done to the isolate. @return what the call is to return. */
int oracle_spawn(struct oracle *oracle, int index, const struct casting *casting);
int oracle_send(struct oracle *oracle, int index, int place, unsigned line, bool from_itself);
int oracle_pause(struct oracle *oracle, int actor, int key);
int oracle_resume(struct oracle *oracle, int actor, int key);
int oracle_ping(struct oracle *oracle, int index, int watcher, unsigned line, bool next_event);
int oracle_kill(struct oracle *oracle, int actor, bool at_once);
int oracle_set_fatal(struct oracle *oracle, int actor, bool fatal);
int oracle_listen_exit(struct oracle *oracle, int index, int watcher, unsigned line);
int oracle_unlisten_exit(struct oracle *oracle, int index, int watcher);
int oracle_listen_error(struct oracle *oracle, int actor, int watcher);
int oracle_unlisten_error(struct oracle *oracle, int actor, int watcher);
int oracle_end_hold(struct oracle *oracle, int index);
int oracle_start_alarm(struct oracle *oracle, int index, int at, int place, unsigned line);
int oracle_cancel_alarm(struct oracle *oracle, int actor, int at);
int oracle_anything(const struct oracle *oracle, int actor); /* 0, or -ESRCH */
/* The group is shut down. */
void oracle_group_down(struct oracle *oracle);

/* Lets the timers of this slot send. */
void oracle_fire(struct oracle *oracle);
/* Does all that can be done, as it was noted. `waits_over`: those in a handler's wait go on. */
void oracle_run(struct oracle *oracle, bool waits_over);
/* All has been compared: what comes is another look's. */
void oracle_settle(struct oracle *oracle);
/* A watcher has seen this. @return false: it was not to come, or not now. */
bool oracle_see(struct oracle *oracle, int watcher, unsigned line, bool error);
/* Whether all that watchers were to see has come; what may be missing is taken as lost. */
bool oracle_all_seen(struct oracle *oracle);

lc_isolate_state oracle_state(const struct oracle *oracle, int index);
/* Whether the message from another actor that was not handled must have been by now, or is lost. */
bool oracle_is_due(const struct oracle *oracle, unsigned line);
bool oracle_is_dropped(const struct oracle *oracle, unsigned line);

#endif
