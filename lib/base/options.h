/*
 * options.h: reads structs of options that were compiled against an older or a newer header than
 * the library's. See <lifecycle/options.h>. Floor 0.
 *
 * No such struct may end in padding, which a compiler need not clear: a field that is added must
 * make it larger, and bytes that are not known must not be chance. LC__OPTIONS_END checks it. An
 * element of a list begins with its size and a pointer that each element has, its name.
 */
#ifndef LIFECYCLE_BASE_OPTIONS_H
#define LIFECYCLE_BASE_OPTIONS_H

#include <lifecycle/error.h>

#include <stdbool.h>
#include <stddef.h>

/* A larger size is none: the caller left `size` to chance. */
#define LC__OPTIONS_SIZE_MAX ((size_t)65536)

/* States that `field` is the last of the struct, with no padding behind it. */
#define LC__OPTIONS_END(type, field)                                                               \
    _Static_assert(offsetof(type, field) + sizeof(((type *)0)->field) == sizeof(type),             \
                   #type " ends in padding, or with another field than " #field)

/*
 * Reads `given`, a struct that begins with its size_t size, into `options`, which has `size` bytes
 * and then says so itself. What `given` is too small for is zero, as all is without it (NULL).
 * @return NULL; or -EINVAL, naming `type` and the sizes: `given` is larger, and what is beyond is
 * not zero; or its size is none. Then `options` is all zero but for its size.
 */
lc_error *lc__options_read(void *options, size_t size, const void *given, const char *type);

/* Goes through a list that LC_STRUCT_LIST made. */
struct lc__options_list {
    const unsigned char *next; /* NULL: there is no list */
    size_t stride;             /* the size of an element in the caller's program */
    const char *type;
};

/* `given` may be NULL: an empty list. @return NULL, or -EINVAL as of lc__options_read. */
lc_error *lc__options_list_open(struct lc__options_list *list, const void *given, const char *type);
/* How many elements are still to come. */
size_t lc__options_list_count(const struct lc__options_list *list);
/*
 * Reads the next element, as lc__options_read does, while there is one: *found tells.
 * @return NULL, or -EINVAL; the list goes on behind an element that is refused.
 */
lc_error *lc__options_list_next(struct lc__options_list *list, void *element, size_t size,
                                bool *found);

#endif
