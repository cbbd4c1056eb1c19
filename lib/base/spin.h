/*
 * spin.h: waiting for another thread that holds something for a few instructions only. Floor 0.
 */
#ifndef LIFECYCLE_BASE_SPIN_H
#define LIFECYCLE_BASE_SPIN_H

/*
 * The next, longer step of a spin; `*round` begins at 0. Ends up sleeping, so that a holder of
 * lower priority, or one that lost its processor, is let in.
 */
void lc__spin(unsigned *round);

#endif
