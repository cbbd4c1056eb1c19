/*
 * log_set_sink.c: lc_log_set_sink() of <lifecycle/log.h>. It stands apart from log.c because it
 * reads options and so makes errors, and errors use the log.
 */
#include "base/log.h"
#include "base/log_sink.h"
#include "base/options.h"

#include <errno.h>

LC__OPTIONS_END(lc_log_sink, arg);

int lc_log_set_sink(const lc_log_sink *given)
{
    lc_log_sink calls;
    lc_error *refused = lc__options_read(&calls, sizeof calls, given, "lc_log_sink");
    if (refused) {
        lc__refuse("lc_log_set_sink: %s", lc_error_message(refused));
        lc_error_unref(refused);
        return -EINVAL;
    }
    if (given && !calls.write)
        return lc__refuse("lc_log_set_sink: write is missing: a sink takes records by it");
    return lc__log_sink_replace(given ? &calls : NULL);
}
