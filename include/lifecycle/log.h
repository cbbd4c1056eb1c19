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
 * are escaped: `\\`, `\n`, `\t`, `\r`, `\u009b`; a byte that is no UTF-8 is `\x9b`. A component
 * or a message with an equals sign stands in double quotes, as does a key or a value with a
 * space, an equals sign or a double quote, or without a character.
 *
 * Logging to stderr never waits for a reader that does not read. A reader that is slow gets 100 ms,
 * at most once in ten seconds for the whole process. Lines that do not fit then are dropped and
 * counted. Before the next line that fits, the log says how many were lost.
 *
 * Descriptor 2 is taken for stderr unless it was closed when the library was loaded, is
 * close-on-exec or cannot be written: then it is a file of the program, and nothing is written
 * there. See lc_standard_fds_open.
 *
 * lc_log_json_sink writes JSON instead, by the same rules.
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

/** The level's name, as "warning"; NULL for a number that is no lc_log_level. Thread-safe. */
LC_API const char *lc_log_level_name(lc_log_level level);
/** The level of that name, as of a configuration. @return 0, or -EINVAL: `*level` is untouched. */
LC_API int lc_log_level_parse(const char *name, lc_log_level *level);

/** What a field holds. */
typedef enum lc_log_field_kind {
    LC_LOG_FIELD_TEXT = 0,
    LC_LOG_FIELD_INT,
    LC_LOG_FIELD_UINT,
    LC_LOG_FIELD_DOUBLE,
    LC_LOG_FIELD_DURATION /**< nanoseconds, told in seconds: "0.25s", in JSON 0.25 */
} lc_log_field_kind;

/**
 * A fact beside the message, made by lc_field_text and its siblings. {key, value} is a text too.
 */
typedef struct lc_log_field {
    const char *key;   /**< a word; NULL is written as "-" */
    const char *value; /**< a text: anything; NULL is written as "-". A number: NULL */
    lc_log_field_kind kind;
    union {
        int64_t integer;  /**< LC_LOG_FIELD_INT, LC_LOG_FIELD_DURATION */
        uint64_t natural; /**< LC_LOG_FIELD_UINT */
        double real;      /**< LC_LOG_FIELD_DOUBLE */
    } number;
} lc_log_field;

/*
 * The fields by what they hold, for lc_log_fields: lc_field_text("path", path),
 * lc_field_int("lines", 42), lc_field_duration("took", lc_now() - before). They borrow what they
 * are given.
 */
static inline lc_log_field lc_field_make(const char *key, const char *value, lc_log_field_kind kind)
{
    lc_log_field field;
    field.key = key;
    field.value = value;
    field.kind = kind;
    field.number.integer = 0;
    return field;
}
static inline lc_log_field lc_field_text(const char *key, const char *value)
{
    return lc_field_make(key, value, LC_LOG_FIELD_TEXT);
}
static inline lc_log_field lc_field_int(const char *key, int64_t number)
{
    lc_log_field field = lc_field_make(key, (const char *)0, LC_LOG_FIELD_INT);
    field.number.integer = number;
    return field;
}
static inline lc_log_field lc_field_uint(const char *key, uint64_t number)
{
    lc_log_field field = lc_field_make(key, (const char *)0, LC_LOG_FIELD_UINT);
    field.number.natural = number;
    return field;
}
static inline lc_log_field lc_field_double(const char *key, double number)
{
    lc_log_field field = lc_field_make(key, (const char *)0, LC_LOG_FIELD_DOUBLE);
    field.number.real = number;
    return field;
}
/** @param nanoseconds  how long something took, or will take. */
static inline lc_log_field lc_field_duration(const char *key, int64_t nanoseconds)
{
    lc_log_field field = lc_field_make(key, (const char *)0, LC_LOG_FIELD_DURATION);
    field.number.integer = nanoseconds;
    return field;
}

/**
 * For a sink: the text of what a field holds, unescaped, with a terminator; cut if it does not fit.
 * Numbers take at most 32 bytes, and their decimal point is a point in every locale. Nothing is
 * allocated. Thread-safe.
 * @return how many bytes the whole text has, as snprintf.
 */
LC_API size_t lc_log_field_copy_text(const lc_log_field *field, char *text, size_t size);

/** What a sink is given; all of it lives only as long as the call. */
typedef struct lc_log_record {
    int64_t time; /**< on the thread's clock, as lc_now */
    lc_log_level level;
    const char *component; /**< never NULL; "" for no component in particular */
    const char *message;   /**< formatted, unescaped, without newline */
    const lc_log_field *fields;
    size_t field_count;
    int64_t wall; /**< the same moment, as lc_wall_now */
} lc_log_record;

/** Somewhere for records to go. Written as LC_LOG_SINK(.write = write, .arg = file). */
typedef struct lc_log_sink {
    size_t size; /**< sizeof(lc_log_sink) */
    /** Takes one record. Required. */
    void (*write)(const lc_log_record *record, void *arg);
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

#define LC_LOG_SINK(...) LC_OPTIONS(lc_log_sink, __VA_ARGS__)

/**
 * Sends all records to `sink` from now on (copied). NULL goes back to lines of text on stderr.
 * @return 0; -EINVAL if `write` is NULL or `size` is wrong: the log says so; or -ENOMEM. Unless 0,
 * the old sink stays.
 */
LC_API int lc_log_set_sink(const lc_log_sink *sink);

/**
 * The sink that writes each record as a JSON object in a line on stderr:
 * lc_log_set_sink(lc_log_json_sink()).
 *
 *     {"time":"2026-11-21T16:43:07.123456Z","level":"info","component":"store",
 *      "message":"opened the journal","fields":{"path":"/srv/journal","lines":42}}
 *
 * (without the line break). No component: no "component"; no fields: no "fields". Numbers are
 * numbers, a duration is in seconds; a double that JSON has no number for is the text "nan", "inf"
 * or "-inf". The time is lc_wall_now's, in a simulation too. What does not fit LC_LOG_LINE_MAX is
 * left out, and the object has "cut":true. In a record with a byte that is no UTF-8 the object has
 * "escaped":true, and in all its texts such a byte is `\x9b` and a backslash is doubled, after
 * JSON's own escapes are undone. All else is as of the text: lines never mix and never wait for a
 * reader, controls are escaped (`\u001b`), and in the systemd journal a line begins with its
 * priority, which the journal takes off.
 */
LC_API const lc_log_sink *lc_log_json_sink(void);

/**
 * Drops records that matter less than `level`; 0, or any number below LC_LOG_CRITICAL, all. The
 * default is LC_LOG_INFO. May be called at any time. A negative number, or one above LC_LOG_DEBUG,
 * changes nothing and is logged.
 */
LC_API void lc_log_set_level(lc_log_level level);
/** The level that lc_log_set_level has set last, so that it can be raised or lowered by one. */
LC_API lc_log_level lc_log_read_level(void);

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

/**
 * As lc_log, with `field_count` facts beside the message (`fields` is borrowed for the call):
 *
 *     const lc_log_field fields[] = {lc_field_text("path", path), lc_field_uint("lines", lines)};
 *     lc_log_fields(LC_LOG_INFO, "store", fields, 2, "opened the journal");
 */
LC_API void lc_log_fields(lc_log_level level, const char *component, const lc_log_field *fields,
                          size_t field_count, const char *format, ...) LC_PRINTF(5, 6);

LC_END_DECLARATIONS

#endif
