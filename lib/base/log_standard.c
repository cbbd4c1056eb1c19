/*
 * log_standard.c: the sinks that write to standard error, by way of output.h: as text, which is the
 * default, and as JSON.
 */
#include "base/log_standard.h"

#include "base/clock.h"
#include "base/log_json.h"
#include "base/log_text.h"
#include "base/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

/* What the `arg` of these sinks points to. */
struct form {
    lc__log_format *format;
};

/* Lines that were lost and that the log has not reported yet. Relaxed: it orders nothing. */
static atomic_uint_least64_t lost;

void lc__log_forget_lost(void)
{
    atomic_store_explicit(&lost, 0, memory_order_relaxed);
}

/*
 * Logs how many lines were lost. More lines may be lost at the same time, and another thread may
 * log their number: each line is counted once. @return 0: all are logged; or why the line was not
 * written.
 */
static int lost_report(const struct form *form)
{
    char text[256], message[96];
    uint64_t count = atomic_exchange_explicit(&lost, 0, memory_order_relaxed);
    if (count == 0)
        return lc__output_put_rest();
    snprintf(message, sizeof message,
             "%" PRIu64 " lines are lost: standard error did not take them", count);
    const lc_log_record record = {.time = lc_now(),
                                  .level = LC_LOG_WARNING,
                                  .component = "log",
                                  .message = message,
                                  .wall = lc_wall_now()};
    int result = lc__output_put(text, form->format(&record, text, sizeof text));
    if (result < 0)
        atomic_fetch_add_explicit(&lost, count, memory_order_relaxed);
    return result;
}

static void standard_write(const lc_log_record *record, void *arg)
{
    const struct form *form = arg;
    char text[LC_LOG_LINE_MAX];
    size_t size = form->format(record, text, sizeof text);
    bool all_reported =
        atomic_load_explicit(&lost, memory_order_relaxed) == 0 || lost_report(form) == 0;
    if (!all_reported || lc__output_put(text, size) < 0)
        atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
}

/* A slow reader gets one second: the process is about to end. */
static void standard_flush(void *arg)
{
    int64_t now = lc__clock_real.now(&lc__clock_real);
    int64_t deadline = now + LC_SECOND;
    while (lost_report(arg) == -EAGAIN && now < deadline) {
        lc__output_await(deadline);
        now = lc__clock_real.now(&lc__clock_real);
    }
}

static struct form text_form = {lc__log_format_text};
static struct form json_form = {lc__log_format_json};

const lc_log_sink lc__log_text_sink = {
    .size = sizeof(lc_log_sink),
    .write = standard_write,
    .flush = standard_flush,
    .arg = &text_form,
};
const lc_log_sink lc__log_json_sink = {
    .size = sizeof(lc_log_sink),
    .write = standard_write,
    .flush = standard_flush,
    .arg = &json_form,
};

const lc_log_sink *lc_log_json_sink(void)
{
    return &lc__log_json_sink;
}
