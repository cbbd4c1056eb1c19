/*
 * sanitizer.h: what AddressSanitizer has to be told, since it cannot see it. Nothing in other
 * builds. Floor 0.
 */
#ifndef LIFECYCLE_BASE_SANITIZER_H
#define LIFECYCLE_BASE_SANITIZER_H

/*
 * To be called first in what runs while a thread is being unwound by pthread_exit or
 * pthread_cancel: the frames that were left did not take away the marks around their variables, and
 * whoever uses that stack next would be blamed.
 */
void lc__frames_were_left(void);

#endif
