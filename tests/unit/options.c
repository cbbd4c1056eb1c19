/*
 * options.c: structs of options of an older and of a newer header, alone and in lists; and that the
 * structs of the library may grow.
 */
#include "support/check.h"

#include "base/options.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The same options in three versions; the library's is the middle one. */
typedef struct older {
    size_t size;
    const char *name;
} older;

typedef struct known {
    size_t size;
    const char *name;
    int64_t pause;
    const int *needs;
} known;

typedef struct newer {
    size_t size;
    const char *name;
    int64_t pause;
    const int *needs;
    int64_t limit;
    int64_t more;
} newer;

#define OLDER(...) LC_OPTIONS(older, __VA_ARGS__)
#define KNOWN(...) LC_OPTIONS(known, __VA_ARGS__)
#define NEWER(...) LC_OPTIONS(newer, __VA_ARGS__)

static const int some_needs[] = {1};

/* Something that is neither zero nor the default. */
static known read_before(void)
{
    known options;
    memset(&options, 0x5a, sizeof options);
    return options;
}

static bool is_default(const known *options)
{
    return options->size == sizeof *options && !options->name && options->pause == 0 &&
           !options->needs;
}

/* The error is -EINVAL and names both. It is consumed. */
static void check_refused(lc_error *error, const char *one, const char *other)
{
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), one));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), other));
    lc_error_unref(error);
}

static const char *size_text(size_t size)
{
    static char texts[2][32];
    static unsigned next;
    char *text = texts[next++ % 2];
    snprintf(text, sizeof texts[0], " %zu", size);
    return text;
}

/* ---- one struct ---- */

static void same_size(void)
{
    known options = read_before();
    const known *given = KNOWN(.name = "same", .pause = LC_NONE, .needs = some_needs);
    CU_ASSERT_PTR_NULL(lc__options_read(&options, sizeof options, given, "known"));
    CU_ASSERT_EQUAL(memcmp(&options, given, sizeof options), 0);
}

static void nothing_given(void)
{
    known options = read_before();
    CU_ASSERT_PTR_NULL(lc__options_read(&options, sizeof options, NULL, "known"));
    CU_ASSERT_TRUE(is_default(&options));
    options = read_before();
    CU_ASSERT_PTR_NULL(lc__options_read(&options, sizeof options, KNOWN(), "known"));
    CU_ASSERT_TRUE(is_default(&options));
    options = read_before();
    const size_t no_field = sizeof(size_t);
    CU_ASSERT_PTR_NULL(lc__options_read(&options, sizeof options, &no_field, "known"));
    CU_ASSERT_TRUE(is_default(&options));
}

/* What lies behind a smaller struct is not read. */
static void smaller(void)
{
    known options = read_before();
    struct {
        older given;
        unsigned char behind[sizeof(known)];
    } place = {.given = {.size = sizeof(older), .name = "older"}};
    memset(place.behind, 0x77, sizeof place.behind);
    CU_ASSERT_PTR_NULL(lc__options_read(&options, sizeof options, &place.given, "known"));
    CU_ASSERT_EQUAL(options.size, sizeof options);
    CU_ASSERT_STRING_EQUAL(options.name, "older");
    CU_ASSERT_EQUAL(options.pause, 0);
    CU_ASSERT_PTR_NULL(options.needs);
}

static void larger_and_unused(void)
{
    known options = read_before();
    const newer *given = NEWER(.name = "newer", .pause = 3);
    CU_ASSERT_PTR_NULL(lc__options_read(&options, sizeof options, given, "known"));
    CU_ASSERT_EQUAL(options.size, sizeof options);
    CU_ASSERT_STRING_EQUAL(options.name, "newer");
    CU_ASSERT_EQUAL(options.pause, 3);
}

static void larger_and_used(void)
{
    known options = read_before();
    lc_error *error =
        lc__options_read(&options, sizeof options, NEWER(.name = "n", .limit = 1), "known");
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "known has"));
    check_refused(error, size_text(sizeof(newer)), size_text(sizeof(known)));
    CU_ASSERT_TRUE(is_default(&options));

    newer last = {.size = sizeof last};
    ((unsigned char *)&last)[sizeof last - 1] = 0x80; /* its very last byte */
    error = lc__options_read(&options, sizeof options, &last, "known");
    check_refused(error, size_text(sizeof(newer)), size_text(sizeof(known)));
}

static void size_that_is_none(void)
{
    const size_t sizes[] = {0, 1, sizeof(size_t) - 1, LC__OPTIONS_SIZE_MAX + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        known options = read_before();
        known given = {.size = sizes[i], .name = "none"};
        lc_error *error = lc__options_read(&options, sizeof options, &given, "known");
        CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "sizeof(known)"));
        check_refused(error, "size of known", size_text(sizes[i]));
        CU_ASSERT_TRUE(is_default(&options));
    }
}

/* ---- lists ---- */

#define OLDER_LIST(...) LC_STRUCT_LIST(older, __VA_ARGS__)
#define KNOWN_LIST(...) LC_STRUCT_LIST(known, __VA_ARGS__)
#define NEWER_LIST(...) LC_STRUCT_LIST(newer, __VA_ARGS__)

/* Reads a list of "a", "b", "c"; `pauses`: whether they have the pauses 1, 2, 3. */
static void check_list(const void *given, bool pauses)
{
    struct lc__options_list list;
    CU_ASSERT_PTR_NULL(lc__options_list_open(&list, given, "known"));
    for (int i = 0; i < 3; i++) {
        bool found = false;
        known element = read_before();
        CU_ASSERT_EQUAL(lc__options_list_count(&list), 3 - (size_t)i);
        CU_ASSERT_PTR_NULL(lc__options_list_next(&list, &element, sizeof element, &found));
        CU_ASSERT_TRUE_FATAL(found);
        CU_ASSERT_EQUAL(element.size, sizeof element);
        CU_ASSERT_EQUAL(element.name[0], 'a' + i);
        CU_ASSERT_EQUAL(element.pause, pauses ? i + 1 : 0);
    }
    known element = read_before();
    for (int i = 0; i < 2; i++) { /* the end stays the end */
        bool found = true;
        CU_ASSERT_PTR_NULL(lc__options_list_next(&list, &element, sizeof element, &found));
        CU_ASSERT_FALSE(found);
        CU_ASSERT_EQUAL(lc__options_list_count(&list), 0);
    }
}

static void lists_of_all_ages(void)
{
    check_list(OLDER_LIST({.name = "a"}, {.name = "b"}, {.name = "c"}), false);
    check_list(KNOWN_LIST({.name = "a", .pause = 1}, {.name = "b", .pause = 2},
                          {.size = sizeof(known), .name = "c", .pause = 3}),
               true);
    check_list(
        NEWER_LIST({.name = "a", .pause = 1}, {.name = "b", .pause = 2}, {.name = "c", .pause = 3}),
        true);
}

static void no_list(void)
{
    struct lc__options_list list;
    bool found = true;
    known element;
    CU_ASSERT_PTR_NULL(lc__options_list_open(&list, NULL, "known"));
    CU_ASSERT_EQUAL(lc__options_list_count(&list), 0);
    CU_ASSERT_PTR_NULL(lc__options_list_next(&list, &element, sizeof element, &found));
    CU_ASSERT_FALSE(found);
}

/* Padding, which a compiler need not clear, neither ends a list nor keeps it from ending. */
static void padding_does_not_matter(void)
{
    typedef struct padded {
        size_t size;
        const char *name;
        char last;
    } padded;
    padded elements[4], element;
    struct lc__options_list list;
    bool found = false;
    memset(elements, 0x77, sizeof elements);
    for (size_t i = 0; i < 4; i++) {
        elements[i].size = i == 0 ? sizeof(padded) : i == 3 ? LC_LIST_END : 0;
        elements[i].name = NULL; /* an element that has nothing is one all the same */
        elements[i].last = 0;
    }
    CU_ASSERT_PTR_NULL(lc__options_list_open(&list, elements, "padded"));
    CU_ASSERT_EQUAL(lc__options_list_count(&list), 2);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_PTR_NULL(lc__options_list_next(&list, &element, sizeof element, &found));
        CU_ASSERT_EQUAL(found, i < 2);
    }
}

/* A refused element names its type and sizes, and the ones behind it can be read. */
static void lists_that_know_more(void)
{
    struct lc__options_list list;
    bool found = false;
    known element;
    const newer *given =
        NEWER_LIST({.name = "a", .more = 1}, {.size = 24, .name = "b"}, {.name = "c"});
    CU_ASSERT_PTR_NULL(lc__options_list_open(&list, given, "known"));
    lc_error *error = lc__options_list_next(&list, &element, sizeof element, &found);
    CU_ASSERT_TRUE(found);
    check_refused(error, size_text(sizeof(newer)), size_text(sizeof(known)));
    error = lc__options_list_next(&list, &element, sizeof element, &found);
    CU_ASSERT_TRUE(found);
    check_refused(error, " 24", size_text(sizeof(newer)));
    CU_ASSERT_PTR_NULL(lc__options_list_next(&list, &element, sizeof element, &found));
    CU_ASSERT_STRING_EQUAL(element.name, "c");
}

static void lists_without_size(void)
{
    struct lc__options_list list;
    bool found = true;
    known element;
    const known no_size[] = {{.name = "a"}, {.size = LC_LIST_END}};
    check_refused(lc__options_list_open(&list, no_size, "known"), "size of known", " 0");
    CU_ASSERT_PTR_NULL(lc__options_list_next(&list, &element, sizeof element, &found));
    CU_ASSERT_FALSE(found);
    const known no_head[] = {{.size = sizeof(known), .name = "a"}, {.size = LC_LIST_END}};
    check_refused(lc__options_list_open(&list, no_head, "known"), "first element", "known");
}

/* Lists of pointers end with NULL, and nest. */
static void lists_of_pointers(void)
{
    const known *const *list = LC_OPTIONS_LIST(known, KNOWN(.name = "a"), KNOWN());
    CU_ASSERT_STRING_EQUAL(list[0]->name, "a");
    CU_ASSERT_EQUAL(list[1]->size, sizeof(known));
    CU_ASSERT_PTR_NULL(list[1]->name);
    CU_ASSERT_PTR_NULL(list[2]);
}

CHECK_SUITE(options, "unit: options", {"options of the same size are copied", same_size},
            {"nothing given means all defaults", nothing_given},
            {"options of an older header get defaults for what is new", smaller},
            {"options of a newer header are taken if its new fields are unused", larger_and_unused},
            {"options of a newer header are refused if a new field is used", larger_and_used},
            {"a size that cannot be one is refused", size_that_is_none},
            {"lists of older and newer headers are read", lists_of_all_ages},
            {"NULL is an empty list", no_list},
            {"padding does not matter", padding_does_not_matter},
            {"an element of a newer header is refused if a new field is used",
             lists_that_know_more},
            {"lists without a size are refused", lists_without_size},
            {"lists of pointers are read", lists_of_pointers});
