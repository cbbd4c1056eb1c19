/*
 * harness.h: the ledger as its tests see it: a child process with a log on stderr, clients on real
 * sockets, and a data directory to look at and to damage. Nothing here guesses at timing: each wait
 * is for a line of the log, an answer, or the child's end, and gives up after check_patience.
 */
#ifndef LIFECYCLE_TESTS_LEDGER_HARNESS_H
#define LIFECYCLE_TESTS_LEDGER_HARNESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* ---- directories ---- */

/**
 * Makes an empty directory for a test, and gives the path of `data` in it, which does not exist.
 */
char *scratch_new(void);
/** Removes the directory that `data` is in, with all of it, and frees the path. */
void scratch_remove(char *data);

/* ---- the process ---- */

/** What a ledger is started with, beside its data directory and a free port. */
struct setup {
    const char *options[8];     /**< further options, up to a NULL */
    const char *environment[4]; /**< NAME=value, up to a NULL */
    const char *preload;        /**< NULL, or the name of an interposer */
    const struct rlimit *files; /**< RLIMIT_NOFILE, if not NULL */
    const struct rlimit *size;  /**< RLIMIT_FSIZE, if not NULL */
};

struct server {
    pid_t pid;
    int port; /**< 0 until it has said that it listens */
    int log_pipe;
    pthread_t drainer;
    pthread_mutex_t lock; /**< guards the rest */
    pthread_cond_t more;
    char *log; /**< all of stderr so far, terminated */
    size_t length;
    bool closed; /**< stderr has ended: so has the process */
};

/** Starts a ledger and waits until it listens, or has ended: then `port` is 0. */
struct server *server_start(const char *data, const struct setup *setup);
/** Starts any program the same way, and waits for nothing. */
struct server *server_spawn(char *const *arguments, const struct setup *setup);
/** Waits until the log holds `text`; false if the log ends, or patience does, without it. */
bool server_says(struct server *server, const char *text);
/** Whether the log holds `text` by now. */
bool server_said(struct server *server, const char *text);
/** Whether the program has closed its standard error, as it does when it ends. */
bool server_has_closed(struct server *server);
/** How often the log holds `text` by now. */
unsigned server_said_times(struct server *server, const char *text);
/** Whether the log holds `first`, and `second` after it. */
bool server_said_in_order(struct server *server, const char *first, const char *second);
/**
 * Waits for its end. @return the exit status, -signal, or -1000 if it had to be killed for being
 * late.
 */
int server_wait(struct server *server);
/** Sends a signal and waits. */
int server_end(struct server *server, int signal);
/**
 * Frees it; kills it first if it was not waited for. Prints its log if a check has failed since it
 * was started.
 */
void server_free(struct server *server);

/* ---- clients ---- */

struct client {
    int socket; /**< -1 if the connection was refused: then nothing is heard */
    bool reset; /**< the connection ended with an error, and not in an orderly way */
    size_t used;
    char received[8192];
};

/** Connects. Never NULL. */
struct client *client_new(const struct server *server);
/** As above, with a receive buffer as small as can be. */
struct client *client_new_narrow(const struct server *server);
/** Closes the connection. */
void client_free(struct client *client);
/** Sends bytes as they are. */
bool client_send(struct client *client, const void *bytes, size_t length);
/** Sends a line. */
bool client_say(struct client *client, const char *line);
/** What is heard from a server that says nothing any more. */
#define NOTHING "(nothing)"
/**
 * Receives a line, without its end; NOTHING if the connection ends, or patience does. Good until
 * the next call in the thread.
 */
const char *client_hear(struct client *client);
/** client_say, client_hear. */
const char *client_ask(struct client *client, const char *line);
/** Whether the server has closed the connection; waits for it, and drops lines that come before. */
bool client_sees_end(struct client *client);

/** Asks one thing on a connection of its own. Good until the next call in the thread. */
const char *ask(const struct server *server, const char *line);
/** Asks again and again, on new connections, until the answer begins with `wanted`. */
bool ask_until(const struct server *server, const char *line, const char *wanted);

/* ---- load ---- */

/** Clients that append as fast as they can, and what they were promised. */
struct load {
    const struct server *server;
    const char *name;
    unsigned clients;
    unsigned appends; /**< each; 0 for as many as there is time for */
    pthread_t *threads;
    pthread_mutex_t lock; /**< guards the rest */
    pthread_cond_t more;
    unsigned named;   /**< clients that have got their number */
    unsigned running; /**< clients that are not through */
    char **promised;  /**< the text by entry number - 1; NULL for an entry that was not promised */
    size_t capacity;
    size_t acknowledged;
    unsigned refused; /**< ERR answers */
    unsigned broken;  /**< OK answers with a number that had been given out, or that is none */
    bool stop;
};

/** Starts the clients, each of which appends "`name` <client> <count>". */
struct load *load_start(const struct server *server, const char *name, unsigned clients,
                        unsigned appends);
/** Waits until so many appends were acknowledged, or nothing can come any more. */
void load_wait(struct load *load, size_t acknowledged);
/** Waits until the clients are through, or have lost their connection; `stop` tells them to end. */
void load_join(struct load *load, bool stop);
/** Whether the server has every line promised, under its number. */
bool load_is_kept(struct load *load, const struct server *server);
void load_free(struct load *load);

#endif
