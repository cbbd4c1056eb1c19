/*
 * options.c: see options.h.
 */
#include "base/options.h"

#include <errno.h>
#include <string.h>

static bool options_bytes_are_zero(const unsigned char *bytes, size_t from, size_t to)
{
    for (size_t at = from; at < to; at++)
        if (bytes[at] != 0)
            return false;
    return true;
}

/* @return NULL, or an error that names the type. */
static lc_error *options_check_size(size_t size, const char *type)
{
    if (size >= sizeof(size_t) && size <= LC__OPTIONS_SIZE_MAX)
        return NULL;
    return lc_error_new(-EINVAL,
                        "size of %s is %zu; it must be sizeof(%s), which the macro of the type "
                        "fills in",
                        type, size, type);
}

/* Copies the fields behind the size. */
static lc_error *options_read_fields(void *options, size_t size, const unsigned char *given,
                                     size_t given_size, const char *type)
{
    memset(options, 0, size);
    memcpy(options, &size, sizeof size);
    if (given_size > size && !options_bytes_are_zero(given, size, given_size))
        return lc_error_new(-EINVAL,
                            "%s has %zu bytes, and a field beyond the %zu that this library "
                            "knows is set: the program was compiled for a later version",
                            type, given_size, size);
    size_t known = given_size < size ? given_size : size;
    memcpy((unsigned char *)options + sizeof size, given + sizeof size, known - sizeof size);
    return NULL;
}

lc_error *lc__options_read(void *options, size_t size, const void *given, const char *type)
{
    size_t given_size = sizeof size;
    if (given)
        memcpy(&given_size, given, sizeof given_size);
    lc_error *error = options_check_size(given_size, type);
    if (error) /* the caller then reads the defaults, not what was there before */
        given = NULL, given_size = sizeof size;
    lc_error *unread = options_read_fields(options, size, given ? given : (const void *)&given_size,
                                           given_size, type);
    return error ? error : unread;
}

lc_error *lc__options_list_open(struct lc__options_list *list, const void *given, const char *type)
{
    *list = (struct lc__options_list){.type = type};
    if (!given)
        return NULL;
    memcpy(&list->stride, given, sizeof list->stride);
    lc_error *error = options_check_size(list->stride, type);
    if (error)
        return error;
    const void *name; /* see options.h */
    memcpy(&name, (const unsigned char *)given + sizeof list->stride, sizeof name);
    if (name)
        return lc_error_new(-EINVAL,
                            "the first element of a list of %s holds more than its size; the "
                            "macro of the list adds an element for it",
                            type);
    list->next = (const unsigned char *)given + list->stride;
    return NULL;
}

static bool options_element_is_end(const unsigned char *element)
{
    size_t size;
    memcpy(&size, element, sizeof size);
    return size == LC_LIST_END;
}

size_t lc__options_list_count(const struct lc__options_list *list)
{
    size_t count = 0;
    const unsigned char *next = list->next;
    while (next && !options_element_is_end(next)) {
        next += list->stride;
        count++;
    }
    return count;
}

lc_error *lc__options_list_next(struct lc__options_list *list, void *element, size_t size,
                                bool *found)
{
    const unsigned char *given = list->next;
    *found = given && !options_element_is_end(given);
    if (!*found)
        return NULL;
    list->next = given + list->stride;
    size_t own; /* an element may leave its size 0, but not have another one */
    memcpy(&own, given, sizeof own);
    if (own != 0 && own != list->stride)
        return lc_error_new(-EINVAL, "size of an element in a list of %s is %zu, not %zu",
                            list->type, own, list->stride);
    return options_read_fields(element, size, given, list->stride, list->type);
}
