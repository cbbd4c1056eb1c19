/*
 * send.h (internal): sends to a port of either kind. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_SEND_H
#define LIFECYCLE_ISOLATE_SEND_H

#include <lifecycle/port.h>

/* Sends a message of the library, which no limit refuses. Takes the message over. */
void lc__send_own(lc_message *message);

#endif
