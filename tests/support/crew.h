/*
 * crew.h: a supervisor whose nodes do what a test tells them, and a history of what they did.
 *
 * A player is a node, which restarts without a pause. Each of its instances is a stint: a component
 * of one worker, which by default is ready at once and returns its context's error when that ends.
 * The test changes what it likes (player->node, player->slow, ...) before the player joins.
 */
#ifndef LIFECYCLE_TESTS_CREW_H
#define LIFECYCLE_TESTS_CREW_H

#include "support/check.h"
#include "support/clock.h"
#include "support/helper.h"
#include "support/later.h"

#include <lifecycle.h>

#include <stdatomic.h>

enum { CREW_PLAYERS = 8, CREW_STINTS = 16, CREW_HISTORY = 256 };

struct crew;
struct player;

/** One instance. Its handles are there before it is. */
struct stint {
    struct player *player;
    unsigned number; /**< from 1 */
    lc_manager *manager;
    lc_context *context; /**< its worker's; NULL before it runs */
    lc_channel *orders;
    lc_handle *made;    /**< by the factory */
    lc_handle *entered; /**< its worker runs */
    lc_handle *told;    /**< its context has ended */
    lc_handle *left;    /**< its worker is about to return */
    lc_handle *asked;   /**< the handler has been asked about its error */
    int64_t entered_at; /**< on its worker's clock */
    lc_error *error;    /**< what it fails with: code -100, -101, ...: no other stint's */
    lc_error *judged;   /**< what the handler was asked about */
    bool done_when_asked;
    bool throws;
    atomic_bool noted_told;
};

/** What a worker does when its context ends. */
enum player_end {
    PLAYER_RETURNS_CONTEXT, /**< returns the context's error */
    PLAYER_RETURNS_NULL,
    PLAYER_WRAPS, /**< returns an error around the context's */
    PLAYER_FAILS, /**< returns its own */
    PLAYER_STAYS  /**< goes on until it is ordered to end */
};

/** A node of the supervisor. */
struct player {
    struct crew *crew;
    char name[LC_NAME_MAX + 1];
    lc_node node;
    lc_dependency dependencies[CREW_PLAYERS];
    const lc_dependency *dependency_list[CREW_PLAYERS + 1];
    size_t dependency_count;
    char dependency_names[CREW_PLAYERS][LC_NAME_MAX + 1];
    bool slow; /**< ready only when ordered to be */
    enum player_end end;
    unsigned factory_fails_at;        /**< the stint, from 1, once; 0: none */
    bool factory_failed;              /**< it has */
    lc_behavior factory_answer;       /**< of the handler about that; at first LC_RESTART */
    atomic_uint factory_asked;        /**< how often it was asked about it */
    lc_handle *factory_waits;         /**< for this, before it makes anything; NULL */
    lc_behavior answers[CREW_STINTS]; /**< of the handler; at first LC_RESTART each */
    lc_handle *handler_waits;         /**< for this, before it answers; NULL */
    lc_error *factory_error;
    bool joined;
    atomic_uint made;
    atomic_uint asked;
    struct stint stints[CREW_STINTS];
};

struct crew {
    lc_supervisor_options options;
    lc_supervisor *supervisor; /**< once it has begun, or crew_supervisor was called */
    lc_context *context;       /**< of the run */
    struct check_clock *clock; /**< of the run; NULL: the usual one */
    lc_observer *observer;     /**< for crew_sees */
    struct player players[CREW_PLAYERS];
    unsigned count;
    struct helper helper;
    struct doer runner; /**< who runs the supervisor */
    lc_handle *finished;
    lc_error *result;
    lc_behavior behavior;
    pthread_mutex_t lock; /**< of the two below */
    char history[CREW_HISTORY][LC_NAME_MAX + 8];
    unsigned history_count;
};

struct crew *crew_new(void);
/**
 * Adds a player. What it depends on is named with spaces between, each perhaps with a condition and
 * a plus sign for restarting along: "journal disk:started net:completed+ cache+".
 */
struct player *crew_player(struct crew *crew, const char *name, const char *dependencies);
/** Makes the supervisor, before crew_begin needs it. */
lc_supervisor *crew_supervisor(struct crew *crew);
/** Adds the node to the supervisor, which may run. */
lc_error *crew_join(struct player *player);
/** All players join that have not, and the supervisor runs in a helper. */
void crew_begin(struct crew *crew);
/** Waits until the run has ended. */
void crew_end(struct crew *crew);
/** Cancels the run and waits until it has ended. */
void crew_cancel(struct crew *crew);
/** Frees all, and asserts that nothing runs any more. */
void crew_drop(struct crew *crew);

/** What a stint can be ordered to do. */
enum crew_order {
    CREW_READY = 1,
    CREW_RETURN,
    CREW_FAIL,  /**< return its error */
    CREW_THROW, /**< throw its error */
    CREW_SIGNAL /**< report its error and go on, as lc_signal_error does */
};
/** Orders something, once the stint runs. */
void crew_order(struct player *player, unsigned number, enum crew_order order);

/**
 * Waits until the node enters the state, and passes over all that happens before. @return when it
 * has entered it.
 */
int64_t crew_sees(struct player *player, lc_node_state state);
/** Waits for an event that is about the whole. */
void crew_sees_kind(struct crew *crew, lc_event_kind kind);
/** Asserts that nothing has happened since what was seen last. */
void crew_is_quiet(struct crew *crew);

/** Notes something in the history. */
void crew_note(struct crew *crew, const char *format, ...) LC_PRINTF(2, 3);
/**
 * Whether both are in the history, in this order. What is there by itself, of a stint n: "name*n"
 * it was made, "name+n" it runs, "name!n" it says that it is ready, "name~n" its context has ended,
 * "name-n" it is about to return, "name?n" its handler is asked.
 */
bool crew_before(struct crew *crew, const char *first, const char *second);
bool crew_has(struct crew *crew, const char *entry);

/**
 * Waits until the handle closes. On a clock of the crew's own, what is armed when its time has
 * passed already comes with the next move of the clock: so it is moved, by nothing.
 */
bool crew_comes(struct crew *crew, lc_handle *handle);

/** That the stint comes to the point, or is not there. */
#define STINT(player, number) ((player)->stints[(number)-1])
#define CREW_COMES(player, number, what)                                                           \
    CU_ASSERT_TRUE(crew_comes((player)->crew, STINT((player), (number)).what))
#define RUNS(player, number) CREW_COMES((player), (number), entered)
#define IS_TOLD(player, number) CREW_COMES((player), (number), told)
#define LEAVES(player, number) CREW_COMES((player), (number), left)
#define IS_ASKED(player, number) CREW_COMES((player), (number), asked)
#define NOT_TOLD(player, number) CHECK_OPEN(STINT((player), (number)).told)
#define MADE(player, number) CU_ASSERT_EQUAL(atomic_load(&(player)->made), (number))
#define ASKED(player, number) CU_ASSERT_EQUAL(atomic_load(&(player)->asked), (number))
#define BEFORE(crew, first, second) CU_ASSERT_TRUE(crew_before((crew), (first), (second)))

/**
 * That an error is one of some code whose message has the text in it. The error is looked at only.
 */
#define TELLS(error, wanted, text)                                                                 \
    do {                                                                                           \
        CU_ASSERT_EQUAL(lc_error_code(error), (wanted));                                           \
        CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), (text)));                           \
    } while (0)
/** As TELLS, of an error that is given back. */
#define REFUSED(error, wanted, text)                                                               \
    do {                                                                                           \
        lc_error *refused_ = (error);                                                              \
        TELLS(refused_, (wanted), (text));                                                         \
        lc_error_unref(refused_);                                                                  \
    } while (0)

#endif
