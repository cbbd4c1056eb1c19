/*
 * proc.c: lib/executor/proc.h: what the system tells of a thread.
 */
#include "support/check.h"

#include "executor/proc.h"

#include <lifecycle.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NO_THREAD = 0x7fffffff };

static void text_of_this_thread_is_read(void)
{
    char text[64] = "";
    CU_ASSERT_TRUE(lc__proc_read((int)gettid(), "stat", text, sizeof text));
    CU_ASSERT_EQUAL(strtol(text, NULL, 10), gettid());
}

static void text_is_cut_to_fit(void)
{
    char text[4] = "abc";
    CU_ASSERT_TRUE(lc__proc_read((int)gettid(), "stat", text, sizeof text));
    CU_ASSERT_EQUAL(strlen(text), sizeof text - 1);
}

static void thread_that_is_not_there_has_no_text(void)
{
    char text[64] = "";
    CU_ASSERT_FALSE(lc__proc_read(NO_THREAD, "stat", text, sizeof text));
}

static bool has_run_longer(void *arg)
{
    int64_t ran, queued;
    bool told = lc__proc_times((int)gettid(), &ran, &queued);
    return !told || ran > *(int64_t *)arg;
}

static void time_of_a_thread_grows_while_it_runs(void)
{
    int64_t ran, queued;
    if (!lc__proc_times((int)gettid(), &ran, &queued))
        return; /* this kernel does not count */
    CU_ASSERT_TRUE(ran > 0);
    CU_ASSERT_TRUE(queued >= 0);
    CU_ASSERT_TRUE(check_until(has_run_longer, &ran));
}

static void thread_that_is_not_there_has_no_times(void)
{
    int64_t ran = 1, queued = 1;
    CU_ASSERT_FALSE(lc__proc_times(NO_THREAD, &ran, &queued));
    CU_ASSERT_EQUAL(ran, 0);
    CU_ASSERT_EQUAL(queued, 0);
}

CHECK_SUITE(unit_proc, "unit: what the system tells of a thread",
            {"the text of this thread is read", text_of_this_thread_is_read},
            {"a text is cut to fit", text_is_cut_to_fit},
            {"a thread that is not there has no text", thread_that_is_not_there_has_no_text},
            {"the time of a thread grows while it runs", time_of_a_thread_grows_while_it_runs},
            {"a thread that is not there has no times", thread_that_is_not_there_has_no_times});
