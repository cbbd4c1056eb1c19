/*
 * halt.h (internal): a spin-halt with something going on in it. Floor 5, for the service above.
 */
#ifndef LIFECYCLE_SUPERVISE_HALT_H
#define LIFECYCLE_SUPERVISE_HALT_H

#include <lifecycle/run.h>

/*
 * What goes on while a halt waits. The halting thread calls it, so it needs no worker, which a
 * process without memory could not make.
 */
struct lc__halt_beat {
    /* Does what is due; must not throw. @return the deadline of its next call; LC_FOREVER. */
    int64_t (*beat)(void *arg);
    void *arg;
};

/* As lc_spin_halt. `beat` is called from on_halt on. */
int lc__spin_halt(const lc_error *error, void (*on_halt)(const lc_error *error, void *arg),
                  void *arg, const struct lc__halt_beat *beat);

#endif
