/*
 * isolates.h: what the files of the word count share.
 *
 * The program counts the words of all files below a directory, with an isolate for each file. It
 * shows how to spread work over isolates:
 *
 *     main.c       options and exit status
 *     run.c        starts the count and waits for it: the total, errors, signals; pauses and kills
 *     progress.c   the line on the terminal
 *     dispenser.c  isolate: hands out the files, not too many at a time
 *     roster.c     its list of the isolates that are alive, to pause and resume them all
 *     tree.c       its tree of reducers, which grows while files are found
 *     walk.c       its way through the directories
 *     file.c       isolate: counts one file, a step at a time
 *     reducer.c    isolate: adds up what those below it report, and reports the sum
 *     words.c      what a word is
 *
 *     main thread <------------- total -------------- reducer
 *          | orders                                   |     |
 *          v                    part, ended --> reducer     reducer <-- part, ended
 *      dispenser -- spawns -->                  |     |     |
 *                                             file  file  file ...
 *
 * Results go by messages. The progress, which is only shown, lies in the group's data.
 */
#ifndef ISOLATES_H
#define ISOLATES_H

#include <lifecycle.h>

#include <dirent.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    const char *directory;
    unsigned threads; /**< 0: one for each processor */
    size_t step;      /**< bytes that are read of a file before other isolates run */
    size_t open;      /**< the most files that are open at a time */
    size_t fan_in;    /**< the most that report to one reducer */
    bool quiet;       /**< no progress */
};

/* ---- words ---- */

/** The count of the words of a text so far. All zero: not begun. */
struct words {
    uint64_t count;
    bool inside; /**< the text so far ends within a word, which is counted already */
};

/** Counts the next bytes of the text. */
void words_add(struct words *words, const unsigned char *bytes, size_t size);

/* ---- how far it is: the data of the isolates' group ---- */

/** May be read at any time, for the line on the terminal. */
struct tally {
    _Atomic uint64_t found;   /**< files */
    _Atomic uint64_t counted; /**< files, to their end */
    _Atomic uint64_t bytes;
    _Atomic uint64_t words;
};

/* ---- messages ---- */

/** To a reducer, or to the main thread, which adds them up. */
struct part {
    uint64_t words;
    uint64_t files;
    uint64_t ended; /**< 1 in the last message of an isolate, else 0 */
};

/** To a reducer: how many report to it, and the port for its sum when all of them have ended. */
struct seal {
    uint64_t reporters;
    lc_send_port parent;
};

/** From a reducer to the dispenser, once it can receive reports. */
struct announcement {
    size_t place;       /**< in the roster */
    lc_send_port parts; /**< takes struct part */
    lc_send_port seals; /**< takes struct seal */
};

/** To the dispenser. */
struct order {
    bool pause;           /**< else resume */
    lc_capability resume; /**< what ends the pause */
};

/** From the dispenser. */
struct news {
    enum {
        NEWS_STARTED, /**< with its address for orders */
        NEWS_PAUSED,  /**< all others are paused; now it pauses itself */
        NEWS_ENDED    /**< all isolates have ended */
    } kind;
    lc_send_port orders;
};

/* ---- the roster ---- */

struct member {
    lc_isolate isolate;
    bool alive;       /**< else the place is free */
    bool is_file;     /**< else a reducer */
    size_t next_free; /**< the place, and 1; 0: none */
};

/** The isolates that the dispenser has spawned and that, as far as it knows, have not ended. */
struct roster {
    struct member *members;
    size_t count; /**< places */
    size_t room;
    size_t first_free; /**< the place, and 1; 0: none */
    size_t alive;
    size_t files;        /**< of those */
    lc_send_port ends;   /**< is sent the place, a size_t, of each that has ended */
    lc_send_port errors; /**< is told of their errors */
};

/** Finds a free place, so that an isolate can be told its place before it is spawned. */
lc_error *roster_find_place(struct roster *roster, size_t *place);
/** Spawns an isolate, which has that place until it has ended. The listeners are added here. */
lc_error *roster_spawn(struct roster *roster, size_t place, lc_isolate_options *options,
                       bool is_file);
/** One has ended: its place is free. */
void roster_remove(struct roster *roster, size_t place);
/** Pauses all, or ends that pause. */
lc_error *roster_order(const struct roster *roster, const struct order *order);

/* ---- reducers and their tree ---- */

/** More than are ever needed, since a reducer has at least two reporters. */
#define TREE_LEVELS 64

/** The reducer of a level that still gets reporters; the level's other reducers are sealed. */
struct level {
    bool used;
    bool announced;
    struct announcement reducer;
    uint64_t reporters;
};

struct tree {
    struct roster *roster;
    size_t fan_in;
    lc_send_port announcements;       /**< where reducers announce themselves */
    lc_send_port top;                 /**< the main thread's, for the total */
    bool complete;                    /**< sealed up to the top */
    struct level levels[TREE_LEVELS]; /**< files report to the first, each reducer to the next */
};

/**
 * Finds the reducer that the next file reports to.
 * @param parts  receives its port; LC_NO_PORT: a reducer is being started, call again when it has
 *               announced itself.
 */
lc_error *tree_room(struct tree *tree, lc_send_port *parts);
/** A file has been given to the reducer that was found. */
void tree_add(struct tree *tree);
/** A reducer has announced itself. */
void tree_announced(struct tree *tree, const struct announcement *announcement);
/** Whether the reducer of this place is still one of those that get reporters. */
bool tree_needs(const struct tree *tree, size_t place);
/**
 * There are no more files: makes the reducers send the total once all have reported. The caller
 * calls it again when a reducer has announced itself, until the tree is complete.
 */
lc_error *tree_complete(struct tree *tree);

/** Starts a reducer, and tells its place. All else about it comes as an announcement. */
lc_error *reducer_spawn(struct roster *roster, lc_send_port announcements, size_t *place);

/* ---- files ---- */

/**
 * Starts an isolate that counts a file and reports to `parts`.
 * @param path  taken over in any case.
 */
lc_error *file_spawn(struct roster *roster, char *path, size_t step, lc_send_port parts);

/* ---- the walk ---- */

/** Through all directories below one; symbolic links are not followed. */
struct walk {
    char **pending; /**< directories to be read */
    size_t count;
    size_t room;
    char *path; /**< of the one being read; NULL: none */
    DIR *directory;
};

lc_error *walk_begin(struct walk *walk, const char *directory);
/**
 * Goes one step: opens a directory, or looks at one name.
 * @param path  receives the path of a regular file, for free; NULL if it was none.
 * @return an error about a name, after which the walk can go on.
 */
lc_error *walk_step(struct walk *walk, char **path);
bool walk_is_over(const struct walk *walk);
void walk_end(struct walk *walk);

/* ---- the dispenser ---- */

/** The most files found ahead. */
#define BATCH 64

struct dispenser {
    /* Set before the spawn: */
    const struct options *options;
    struct tally *tally;
    lc_send_port news;   /**< takes struct news */
    lc_send_port total;  /**< takes struct part, once */
    lc_send_port errors; /**< told of files that could not be read, and of anything else */
    /* Used by the dispenser only: */
    struct roster roster;
    struct tree tree;
    struct walk walk;
    char *batch[BATCH]; /**< found, and not handed out */
    size_t batch_count;
    lc_error *batch_error; /**< why the batch was cut short */
    lc_send_port self;     /**< takes empty messages: go on */
};

/** Starts the dispenser. It lives until all isolates have ended. */
lc_error *dispenser_spawn(struct dispenser *dispenser, lc_isolate_group *group,
                          lc_isolate *isolate);

/* ---- progress ---- */

struct progress {
    const struct tally *tally;
    bool shown;   /**< there is a terminal, and the user wants it */
    int64_t next; /**< when it is to be drawn again */
    size_t width; /**< of the line that is there now */
};

void progress_begin(struct progress *progress, const struct tally *tally, bool wanted);
/** Draws the line if it is time. */
void progress_draw(struct progress *progress);
/** Draws it for the last time, followed by the text, and ends the line. */
void progress_leave(struct progress *progress, const char *why);
/** Says something on standard error, on a line of its own. */
void progress_say(struct progress *progress, const char *format, ...) LC_PRINTF(2, 3);
/** Erases the line. */
void progress_erase(struct progress *progress);

/* ---- the run ---- */

/** Counts, and prints the total. @return the exit status. */
int run(const struct options *options);

#endif
