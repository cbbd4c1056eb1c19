/*
 * error.h (internal): the layout of lc_error, for errors that need no memory: those of an ended
 * context, and those in place of an error for which there was no memory. Floor 0.
 */
#ifndef LIFECYCLE_BASE_ERROR_H
#define LIFECYCLE_BASE_ERROR_H

#include <lifecycle/error.h>

#include <stdatomic.h>

/*
 * One allocation holds the struct and behind it the two texts:
 *
 *     +------+------+--------+------+---------+------+-------+ +-------------+----------+
 *     | refs | code | opaque | line | message | file | cause | | message ... | file ... |
 *     +------+------+--------+------+----|----+---|--+-------+ +^------------+^---------+
 *                                        +--------|-------------+             |
 *                                                 +---------------------------+
 */
struct lc_error {
    atomic_uint refs; /* LC__IMMORTAL: not counted, never freed */
    int code;
    bool opaque;
    int line;
    const char *message;
    const char *file;
    lc_error *cause;
};

#define LC__IMMORTAL 0x80000000u

/* An error that needs no memory. `text` and the file are string literals. */
#define LC__ERROR_IMMORTAL(code_, text)                                                            \
    {                                                                                              \
        LC__IMMORTAL, (code_), false, __LINE__, (text), __FILE__, NULL                             \
    }

#endif
