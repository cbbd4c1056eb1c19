/*
 * name.c: base/name.h: which names fit, what is said of others, and how they are copied.
 */
#include "support/check.h"

#include "base/name.h"

#include <errno.h>
#include <string.h>

/* A name of so many bytes. @return `name`. */
static const char *name_of_length(size_t length, char name[2 * LC_NAME_MAX])
{
    memset(name, 'n', length);
    name[length] = '\0';
    return name;
}

static void names_fit(void)
{
    char name[2 * LC_NAME_MAX];
    CU_ASSERT_FALSE(lc__name_fits(NULL));
    CU_ASSERT_FALSE(lc__name_fits(""));
    CU_ASSERT_TRUE(lc__name_fits("n"));
    CU_ASSERT_TRUE(lc__name_fits(name_of_length(LC_NAME_MAX, name)));
    CU_ASSERT_FALSE(lc__name_fits(name_of_length(LC_NAME_MAX + 1, name)));
}

static void error_tells_what_needs_a_name(void)
{
    char name[2 * LC_NAME_MAX];
    CU_ASSERT_PTR_NULL(lc__name_check("a thing", "n"));
    CHECK_SAYS(lc__name_check("a thing", NULL), -EINVAL, "a thing needs a name of 1 to 64 bytes");
    CHECK_SAYS(lc__name_check("a thing", ""), -EINVAL, "a thing needs a name");
    CHECK_SAYS(lc__name_check("a thing", name_of_length(LC_NAME_MAX + 1, name)), -EINVAL, "64");
}

static void copy_is_cut(void)
{
    char name[2 * LC_NAME_MAX], copy[LC_NAME_MAX + 1];
    lc__name_copy(copy, "short");
    CU_ASSERT_STRING_EQUAL(copy, "short");
    lc__name_copy(copy, name_of_length(LC_NAME_MAX, name));
    CU_ASSERT_STRING_EQUAL(copy, name);
    lc__name_copy(copy, name_of_length(LC_NAME_MAX + 1, name));
    CU_ASSERT_EQUAL(strlen(copy), LC_NAME_MAX);
}

CHECK_SUITE(unit_name, "unit: names of things", {"1 to LC_NAME_MAX bytes fit", names_fit},
            {"an error tells what needs a name", error_tells_what_needs_a_name},
            {"a copy is cut at the limit", copy_is_cut});
