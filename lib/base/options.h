/*
 * options.h: reads structs of options that were compiled against an older or a newer header than
 * the library's. See <lifecycle/options.h>. Floor 0.
 *
 * No such struct ends in padding, which a compiler need not clear. So a field that is added makes
 * the struct larger, and no byte that the library does not know is left to chance. LC__OPTIONS_END
 * checks it. An element of a list begins with its size and its name, a pointer.
 */
#ifndef LIFECYCLE_BASE_OPTIONS_H
#define LIFECYCLE_BASE_OPTIONS_H

#include <lifecycle/error.h>

#include <stdbool.h>
#include <stddef.h>

/* A larger size is a mistake: the caller has not set `size`. */
#define LC__OPTIONS_SIZE_MAX ((size_t)65536)

/* Checks that `field` is the last of the struct, with no padding behind it. */
#define LC__OPTIONS_END(type, field)                                                               \
    _Static_assert(offsetof(type, field) + sizeof(((type *)0)->field) == sizeof(type),             \
                   #type " ends in padding, or with another field than " #field)

/*
 * Reads `given`, a struct that begins with its size_t size, into `options`, which has `size` bytes,
 * and sets the size of `options`. The fields that `given` does not have are zero; if `given` is
 * NULL, all are.
 * @return NULL; or -EINVAL naming `type` and the sizes: `given` is larger and not zero beyond
 * `size`; or its size is a mistake, and then all fields of `options` are zero.
 */
lc_error *lc__options_read(void *options, size_t size, const void *given, const char *type);

/* A walk through a list that LC_STRUCT_LIST made. */
struct lc__options_list {
    const unsigned char *next; /* NULL: there is no list */
    size_t stride;             /* the size of an element in the caller's program */
    const char *type;
};

/* `given` may be NULL: an empty list. @return NULL, or -EINVAL as of lc__options_read. */
lc_error *lc__options_list_open(struct lc__options_list *list, const void *given, const char *type);
/* How many elements the walk has before it. */
size_t lc__options_list_count(const struct lc__options_list *list);
/*
 * Reads the next element as lc__options_read does. *found becomes false at the end of the list.
 * @return NULL, or -EINVAL; the next call then reads the element behind the one that is refused.
 */
lc_error *lc__options_list_next(struct lc__options_list *list, void *element, size_t size,
                                bool *found);

#endif
