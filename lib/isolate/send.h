/*
 * send.h (internal): sending to a port, of whichever kind. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_SEND_H
#define LIFECYCLE_ISOLATE_SEND_H

#include <lifecycle/port.h>

/* Sends one of the library's own to whatever port it is for. Taken over. */
void lc__send_own(lc_message *message);

#endif
