/*
 * log.h: the log of the library and of the service.
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
 * A text cannot forge a line or a field, and does not act on a terminal. The backslash, all
 * controls (C0, C1, DEL), the separators U+2028 and U+2029, and the characters that change the
 * direction of text are escaped: `\\`, `\n`, `\t`, `\r`, `\u009b`; a byte that is not UTF-8 is
 * `\x9b`. A component or a message with an equals sign stands in double quotes. So does a key or a
 * value that is empty or has a space, an equals sign or a double quote.
 *
 * A call that logs to stderr does not wait for a reader that does not read. A slow reader gets 100
 * ms, at most once in ten seconds for the whole process. Lines that then do not fit are dropped,
 * and the log says how many before the next line that fits.
 *
 * Descriptor 2 counts as stderr unless it was closed when the library was loaded, is close-on-exec
 * or cannot be written: then it is a file of the program, and the log writes nothing there. See
 * lc_standard_fds_open.
 *
 * lc_log_json_sink writes JSON instead, by the same rules.
 *
 * All calls are thread-safe. The thread that logs calls the sink, without a lock. Several threads
 * may call it at once. It must not throw, and must not block for long: the time limit of stderr
 * does not protect it. A child that was forked while other threads log may log.
 */
#ifndef LIFECYCLE_LOG_H
#define LIFECYCLE_LOG_H

#include <lifecycle/api.h>

LC_BEGIN_DECLARATIONS

/** The importance of a record; the numbers are syslog's priorities. */
typedef enum lc_log_level {
    LC_LOG_CRITICAL = 2, /**< the process cannot go on */
    LC_LOG_ERROR = 3,    /**< something failed that an operator must look at */
    LC_LOG_WARNING = 4,  /**< something is odd, and was dealt with */
    LC_LOG_NOTICE = 5,   /**< rare, normal and worth knowing */
    LC_LOG_INFO = 6,     /**< what the service does; the default threshold */
    LC_LOG_DEBUG = 7     /**< for finding faults */
} lc_log_level;

/**
 * The longest line of the default sink, in bytes; a longer one is cut and ends in "...". A pipe
 * takes so many bytes in one piece (PIPE_BUF), so that the lines of several threads do not mix.
 */
#define LC_LOG_LINE_MAX ((size_t)4096)

/** The level's name, such as "warning"; NULL for any other number. Thread-safe. */
LC_API const char *lc_log_level_name(lc_log_level level);
/** Finds a level by its name. @return 0; -EINVAL, with `*level` unchanged. */
LC_API int lc_log_level_parse(const char *name, lc_log_level *level);

/** What a field holds. */
typedef enum lc_log_field_kind {
    LC_LOG_FIELD_TEXT = 0,
    LC_LOG_FIELD_INT,
    LC_LOG_FIELD_UINT,
    LC_LOG_FIELD_DOUBLE,
    LC_LOG_FIELD_DURATION /**< nanoseconds, written in seconds: "0.25s", in JSON 0.25 */
} lc_log_field_kind;

/**
 * A fact beside the message, made by lc_field_text and the functions after it. {key, value} is a
 * text too.
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
 * Fields for lc_log_fields: lc_field_text("path", path), lc_field_int("lines", 42),
 * lc_field_duration("took", lc_now() - before). They borrow their arguments.
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
static inline lc_log_field lc_field_duration(const char *key, int64_t nanoseconds)
{
    lc_log_field field = lc_field_make(key, (const char *)0, LC_LOG_FIELD_DURATION);
    field.number.integer = nanoseconds;
    return field;
}

/**
 * Writes the value of a field as text, unescaped, with a terminator; cuts it if it does not fit.
 * For sinks. A number takes at most 32 bytes; its decimal point is a point in every locale.
 * Allocates nothing. Thread-safe.
 * @return the length of the whole text in bytes, as snprintf.
 */
LC_API size_t lc_log_field_copy_text(const lc_log_field *field, char *text, size_t size);

/** A record, for a sink; all of it lives as long as the sink's call. */
typedef struct lc_log_record {
    int64_t time; /**< on the thread's clock, as lc_now */
    lc_log_level level;
    const char *component; /**< never NULL; "" for no component in particular */
    const char *message;   /**< formatted, unescaped, without newline */
    const lc_log_field *fields;
    size_t field_count;
    int64_t wall; /**< the same moment, as lc_wall_now */
} lc_log_record;

/** Takes the records of the log. Written as LC_LOG_SINK(.write = write, .arg = file). */
typedef struct lc_log_sink {
    size_t size; /**< sizeof(lc_log_sink) */
    /** Takes one record. Required. */
    void (*write)(const lc_log_record *record, void *arg);
    /**
     * Writes out all records so far. Called before the library ends the process, and at the end of
     * lc_service_main. May be NULL.
     */
    void (*flush)(void *arg);
    /**
     * Called once, when another sink has taken its place and no thread uses it. May be NULL.
     */
    void (*release)(void *arg);
    void *arg; /**< for the three functions above */
} lc_log_sink;

#define LC_LOG_SINK(...) LC_OPTIONS(lc_log_sink, __VA_ARGS__)

/**
 * Sends all records to `sink` from now on (copied). NULL: to lines of text on stderr.
 * @return 0; -EINVAL, with a line in the log: `write` is NULL or `size` is wrong; -ENOMEM. After an
 * error the old sink stays.
 */
LC_API int lc_log_set_sink(const lc_log_sink *sink);

/**
 * The sink that writes each record as a JSON object in a line on stderr:
 * lc_log_set_sink(lc_log_json_sink()).
 *
 *     {"time":"2026-11-21T16:43:07.123456Z","level":"info","component":"store",
 *      "message":"opened the journal","fields":{"path":"/srv/journal","lines":42}}
 *
 * (without the line break). Without a component there is no "component", without fields no
 * "fields". Numbers are numbers, a duration is in seconds; a double that JSON has no number for is
 * the text "nan", "inf" or "-inf". The time is lc_wall_now's, in a simulation too. What does not
 * fit into LC_LOG_LINE_MAX is left out, and the object has "cut":true. If a record has a byte that
 * is not UTF-8, the object has "escaped":true; in its texts, after JSON's own escapes are undone,
 * such a byte is `\x9b` and a backslash is doubled. As in text, lines do not mix and do not wait
 * for a reader, controls are escaped (`\u001b`), and in the systemd journal a line begins with its
 * priority, which the journal removes.
 */
LC_API const lc_log_sink *lc_log_json_sink(void);

/**
 * Drops records of a level less important than `level`; all records for a number from 0 up to
 * LC_LOG_CRITICAL - 1. The default is LC_LOG_INFO. It may be called at any time. For a negative
 * number, or one above LC_LOG_DEBUG, it changes nothing and logs that.
 */
LC_API void lc_log_set_level(lc_log_level level);
/** The level that lc_log_set_level has set last. */
LC_API lc_log_level lc_log_read_level(void);

/**
 * Waits until the sink has all that this thread has logged so far; for stderr at most a second.
 */
LC_API void lc_log_flush(void);

/**
 * Logs one record. A level that is not an lc_log_level counts as LC_LOG_ERROR. errno stays.
 * @param component  the name of the component; NULL: the calling worker's name.
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
