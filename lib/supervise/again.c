/*
 * again.c: see again.h.
 */
#include "supervise/again.h"

#include <lifecycle/log.h>
#include <lifecycle/simulate.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    LAST_SIGINT = 3,
    SIGNALLED = 128 /* the status for an end by a signal, as shells have it */
};

void lc__signalled_again(const char *name, int number, unsigned count, const char *remaining)
{
    bool ends = number == SIGINT && count >= LAST_SIGINT && !lc_is_simulated();
    lc_log(ends ? LC_LOG_CRITICAL : LC_LOG_WARNING, name, "received SIG%s%s; still stopping: %s",
           sigabbrev_np(number), ends ? " again, so the process ends now" : "",
           *remaining ? remaining : "nothing");
    if (!ends)
        return;
    lc_log_flush();
    _exit(SIGNALLED + SIGINT);
}
