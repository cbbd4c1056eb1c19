/*
 * log.h: where the library and the service say what happens.
 *
 * A record has a level, the name of a component, a message and fields. By default each becomes one
 * line on stderr:
 *
 *     2026-11-21T16:43:07.123456Z info store: opened the journal path=/srv/journal lines=42
 *
 * When stderr is the systemd journal, the time is left out and the line begins with its priority,
 * "<6>". In a simulation the time is the virtual one, "+12.500000000s". Lines of different threads
 * never mix.
 *
 * A text never forges a line or a field, and never acts on a terminal. The backslash and all
 * controls (C0, C1, DEL), the separators U+2028 and U+2029, and what changes the direction of text
 * are escaped: \\, \n, \t, \r, \u009b; a byte that is no UTF-8 is \x9b. A component or a message
 * with an equals sign stands in double quotes, as does a key or a value with a space, an equals
 * sign or a double quote, or without a character.
 *
 * Logging to stderr never waits for a reader that does not read. A reader that is slow gets 100 ms,
 * at most once in ten seconds for the whole process. Lines that do not fit then are dropped and
 * counted. Before the next line that fits, the log says how many were lost.
 *
 * Descriptor 2 is taken for stderr unless it was closed when the library was loaded, is
 * close-on-exec or cannot be written: then it is a file of the program, and nothing is written
 * there. See lc_standard_fds_open.
 *
 * All calls are thread-safe. A sink is called on the thread that logs, with no lock held; it may be
 * called by several threads at once, must not throw, and must not block for long: what is said of
 * stderr here is not true of it. A child that was forked while other threads log may log.
 */
#ifndef LIFECYCLE_LOG_H
#define LIFECYCLE_LOG_H

#include <lifecycle/api.h>

LC_BEGIN_DECLARATIONS

/** How much a record matters; the numbers are syslog's priorities. */
typedef enum lc_log_level {
    LC_LOG_CRITICAL = 2, /**< the process cannot go on */
    LC_LOG_ERROR = 3,    /**< something failed that an operator must look at */
    LC_LOG_WARNING = 4,  /**< something is odd, and was dealt with */
    LC_LOG_NOTICE = 5,   /**< rare, normal and worth knowing */
    LC_LOG_INFO = 6,     /**< what the service does; the default threshold */
    LC_LOG_DEBUG = 7     /**< for finding faults */
} lc_log_level;

/**
 * Longest line the default sink writes, in bytes; a longer one is cut and ends in "...". It is as
 * much as a pipe takes in one piece (PIPE_BUF), so that the lines of several threads do not mix
 * there.
 */
#define LC_LOG_LINE_MAX ((size_t)4096)

/** A fact beside the message. */
typedef struct lc_log_field {
    const char *key;   /**< a word; NULL is written as "-" */
    const char *value; /**< any text; NULL is written as "-" */
} lc_log_field;

/** What a sink is given; all of it lives only as long as the call. */
typedef struct lc_log_record {
    int64_t time; /**< on the thread's clock, as lc_now */
    lc_log_level level;
    const char *component; /**< never NULL; "" for no component in particular */
    const char *message;   /**< formatted, unescaped, without newline */
    const lc_log_field *fields;
    size_t field_count;
} lc_log_record;

/** Somewhere for records to go. */
typedef struct lc_log_sink {
    /** Takes one record. Required. */
    void (*write)(void *arg, const lc_log_record *record);
    /**
     * Makes sure that all records so far are out; called before the process ends itself, and at the
     * end of lc_service_main. May be NULL.
     */
    void (*flush)(void *arg);
    /**
     * Called once, when the sink has been replaced and no thread is in it any more. May be NULL.
     */
    void (*release)(void *arg);
    void *arg; /**< handed to the three above */
} lc_log_sink;

/**
 * Sends all records to `sink` from now on (copied). NULL goes back to stderr.
 * @return 0, -EINVAL if `write` is NULL, or -ENOMEM (the old sink stays).
 */
LC_API int lc_log_set_sink(const lc_log_sink *sink);

/**
 * Drops records that matter less than `level`; 0, or any number below LC_LOG_CRITICAL, all. The
 * default is LC_LOG_INFO. A negative number, or one above LC_LOG_DEBUG, changes nothing and is
 * logged.
 */
LC_API void lc_log_set_level(lc_log_level level);

/**
 * Waits until the sink has everything logged so far by this thread; stderr at most for a second.
 */
LC_API void lc_log_flush(void);

/**
 * Logs one record; with a level that is no lc_log_level, as an error. errno is kept.
 * @param component  the speaker's name; NULL means the calling worker's name.
 * @param format     printf-style, without newline.
 */
LC_API void lc_log(lc_log_level level, const char *component, const char *format, ...)
    LC_PRINTF(3, 4);

/** As lc_log, with `field_count` facts beside the message (`fields` is borrowed for the call). */
LC_API void lc_log_fields(lc_log_level level, const char *component, const lc_log_field *fields,
                          size_t field_count, const char *format, ...) LC_PRINTF(5, 6);

LC_END_DECLARATIONS

#endif
