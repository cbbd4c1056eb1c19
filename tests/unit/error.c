/*
 * error.c: lc_error: what it keeps, how it is wrapped, that making one never fails.
 */
#include "support/check.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keeps_what_it_was_given(void)
{
    lc_error *error = lc_error_new(-EIO, "%s: %d", "journal", 42);
    int line = __LINE__ - 1;
    CU_ASSERT_EQUAL(lc_error_code(error), -EIO);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), "journal: 42");
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_file(error), "error.c"));
    CU_ASSERT_EQUAL(lc_error_line(error), line);
    CU_ASSERT_PTR_NULL(lc_error_cause(error));
    CU_ASSERT_TRUE(lc_error_is(error, -EIO));
    CU_ASSERT_FALSE(lc_error_is(error, -EPIPE));
    lc_error_unref(error);
}

static void codes_may_be_anything_but_zero(void)
{
    lc_error *own = lc_error_new(123456, "own code");
    CU_ASSERT_EQUAL(lc_error_code(own), 123456);
    lc_error_unref(own);
    lc_error *zero = lc_error_new(0, "line %d is bad", 7);
    CU_ASSERT_EQUAL(lc_error_code(zero), -EINVAL);
    CU_ASSERT_STRING_EQUAL(
        lc_error_message(zero),
        "line 7 is bad: an error needs a code other than 0, which means success");
    lc_error_unref(zero);
}

static void an_errno_tells_its_reason(void)
{
    char expected[160], long_text[LC_ERROR_MESSAGE_MAX + 10];
    errno = ENOENT;
    lc_error *error = lc_error_new_errno(errno, "cannot open %s", "/srv/journal");
    int line = __LINE__ - 1;
    snprintf(expected, sizeof expected, "cannot open /srv/journal: %s", strerror(ENOENT));
    CU_ASSERT_EQUAL(lc_error_code(error), -ENOENT);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), expected);
    CU_ASSERT_PTR_NULL(lc_error_cause(error));
    CU_ASSERT_EQUAL(lc_error_line(error), line);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_file(error), "error.c"));
    lc_error_unref(error);

    error = lc_error_new_errno_at(NULL, 0, EIO, NULL);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), strerror(EIO));
    lc_error_unref(error);

    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    error = lc_error_new_errno(EPIPE, "%s", long_text);
    CU_ASSERT_EQUAL(lc_error_code(error), -EPIPE);
    CU_ASSERT_EQUAL(strlen(lc_error_message(error)), LC_ERROR_MESSAGE_MAX);
    lc_error_unref(error);
}

static void what_is_no_errno_is_refused(void)
{
    static const int wrong[] = {0, -ENOENT, INT_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char expected[80];
        lc_error *error = lc_error_new_errno(wrong[i], "opening %d", 7);
        snprintf(expected, sizeof expected, "opening 7: an errno is above 0, and this was %d",
                 wrong[i]);
        CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
        CU_ASSERT_STRING_EQUAL(lc_error_message(error), expected);
        lc_error_unref(error);
    }
}

static void null_is_success(void)
{
    CU_ASSERT_EQUAL(lc_error_code(NULL), 0);
    CU_ASSERT_STRING_EQUAL(lc_error_message(NULL), "success");
    CU_ASSERT_PTR_NULL(lc_error_cause(NULL));
    CU_ASSERT_STRING_EQUAL(lc_error_file(NULL), "");
    CU_ASSERT_EQUAL(lc_error_line(NULL), 0);
    CU_ASSERT_FALSE(lc_error_is(NULL, -EIO));
    CU_ASSERT_FALSE(lc_error_contains(NULL, NULL));
    CU_ASSERT_PTR_NULL(lc_error_ref(NULL));
    lc_error_unref(NULL);
}

static void wrapping_nothing_makes_a_plain_error(void)
{
    lc_error *error = lc_error_wrap(NULL, -EIO, "alone");
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), "alone");
    CU_ASSERT_PTR_NULL(lc_error_cause(error));
    lc_error_unref(error);
}

static void origin_may_be_unknown(void)
{
    lc_error *error = lc_error_new_at(NULL, 0, -EIO, "from nowhere");
    CU_ASSERT_STRING_EQUAL(lc_error_file(error), "");
    CU_ASSERT_EQUAL(lc_error_line(error), 0);
    lc_error_unref(error);
}

static void long_messages_are_cut(void)
{
    char *text = malloc(2 * LC_ERROR_MESSAGE_MAX + 1);
    memset(text, 'x', 2 * LC_ERROR_MESSAGE_MAX);
    text[2 * LC_ERROR_MESSAGE_MAX] = '\0';
    lc_error *error = lc_error_new(-EIO, "%s", text);
    const char *message = lc_error_message(error);
    CU_ASSERT_EQUAL(strlen(message), LC_ERROR_MESSAGE_MAX);
    CU_ASSERT_STRING_EQUAL(message + strlen(message) - 4, "x...");
    error = lc_error_wrap(error, -EPIPE, "wrapped");
    message = lc_error_message(error);
    CU_ASSERT_EQUAL(strlen(message), LC_ERROR_MESSAGE_MAX);
    CU_ASSERT_EQUAL(strncmp(message, "wrapped: xxx", 12), 0);
    CU_ASSERT_STRING_EQUAL(message + strlen(message) - 3, "...");
    lc_error_unref(error);
    text[LC_ERROR_MESSAGE_MAX] = '\0'; /* just fits */
    error = lc_error_new(-EIO, "%s", text);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), text);
    lc_error_unref(error);
    free(text);
}

static void causes_are_kept_and_freed(void)
{
    size_t before = lc__memory_in_use();
    lc_error *inner = lc_error_new(-EIO, "inner");
    lc_error *middle = lc_error_wrap(inner, -EPIPE, "middle");
    lc_error *outer = lc_error_wrap(lc_error_ref(middle), -EPROTO, "outer");
    CU_ASSERT_STRING_EQUAL(lc_error_message(outer), "outer: middle: inner");
    CU_ASSERT_TRUE(lc_error_contains(outer, inner));
    CU_ASSERT_TRUE(lc_error_is(outer, -EIO));
    lc_error_unref(outer);
    CU_ASSERT_STRING_EQUAL(lc_error_message(middle), "middle: inner");
    CU_ASSERT_TRUE(lc_error_contains(middle, inner));
    lc_error_unref(middle);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

static void long_chains_are_freed_without_recursion(void)
{
    size_t before = lc__memory_in_use();
    lc_error *error = lc_error_new(-EIO, "root");
    for (int i = 0; i < 100000; i++)
        error = lc_error_wrap(error, -EPIPE, "w");
    CU_ASSERT_TRUE(lc_error_is(error, -EIO));
    lc_error_unref(error);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

static void without_memory_the_code_is_kept(void)
{
    lc__memory_fail_at(1);
    lc_error *error = lc_error_new(-EIO, "lost");
    CU_ASSERT_TRUE(lc__memory_has_failed());
    lc__memory_fail_at(0);
    lc__memory_fail_at(1);
    lc_error *of_errno = lc_error_new_errno(EPIPE, "lost");
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc_error_code(of_errno), -EPIPE);
    lc_error_unref(of_errno);
    CU_ASSERT_EQUAL(lc_error_code(error), -EIO);
    CU_ASSERT_TRUE(lc_error_message(error)[0] != '\0');
    CU_ASSERT_STRING_EQUAL(lc_error_file(error), "");
    lc_error_unref(lc_error_ref(error));
    lc_error_unref(error);
}

static void without_memory_own_codes_are_kept(void)
{
    lc__memory_fail_at(1);
    lc_error *error = lc_error_new(123456, "lost");
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc_error_code(error), 123456);
    lc_error_unref(error);
}

static void without_memory_a_wrap_keeps_its_code(void)
{
    size_t before = lc__memory_in_use();
    check_log_capture();
    lc_error *cause = lc_error_new(-EIO, "the reason");
    lc__memory_fail_at(1);
    lc_error *error = lc_error_wrap(cause, -EPIPE, "lost");
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc_error_code(error), -EPIPE);
    CU_ASSERT_TRUE(lc_error_is(error, -EIO) || check_log_has("the reason")); /* not lost silently */
    lc_error_unref(error);
    cause = lc_error_new(-EIO, "another reason");
    lc__memory_fail_at(1);
    error = lc_error_wrap_opaque(cause);
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc_error_code(error), -EFAULT);
    CU_ASSERT_FALSE(lc_error_is(error, -EIO));
    lc_error_unref(error);
    check_log_release();
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

CHECK_SUITE(unit_error, "unit: errors",
            {"an error keeps code, message and origin", keeps_what_it_was_given},
            {"a code may be anything but 0", codes_may_be_anything_but_zero},
            {"an errno tells its reason", an_errno_tells_its_reason},
            {"what is no errno is refused", what_is_no_errno_is_refused},
            {"NULL is success everywhere", null_is_success},
            {"wrapping nothing makes a plain error", wrapping_nothing_makes_a_plain_error},
            {"the origin may be unknown", origin_may_be_unknown},
            {"a long message is cut and says so", long_messages_are_cut},
            {"causes are kept as long as needed", causes_are_kept_and_freed},
            {"a chain of 100,000 errors is freed", long_chains_are_freed_without_recursion},
            {"without memory an error keeps its code", without_memory_the_code_is_kept},
            {"without memory an error keeps a code of one's own",
             without_memory_own_codes_are_kept},
            {"without memory a wrap keeps its code, and the cause is not lost silently",
             without_memory_a_wrap_keeps_its_code});
