/*
 * notify.h: telling the service manager, by the protocol that sd_notify(3) describes: a datagram of
 * lines "NAME=value" to the socket that NOTIFY_SOCKET names. What is told, and when, is not decided
 * here: see report.h. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_NOTIFY_H
#define LIFECYCLE_SERVICE_NOTIFY_H

#include <lifecycle/api.h>

#include <sys/socket.h>
#include <sys/un.h>

/* Half of what systemd takes in one piece, and more than anybody reads of a status. */
#define LC__NOTIFICATION_MAX 2048

/* One message. Begin with zeros. */
struct lc__notification {
    size_t length;
    char text[LC__NOTIFICATION_MAX]; /* always terminated */
};

/*
 * Adds a line, "READY=1", say. Control characters, above all newlines, become spaces, so that a
 * value never forges a line; what is too long is cut between two characters and ends in "...".
 */
void lc__notification_add(struct lc__notification *notification, const char *format, ...)
    LC_PRINTF(2, 3);

/* The way to the service manager. */
struct lc__notify {
    const char *speaker; /* who logs; borrowed */
    int socket;          /* -1: nobody wants to be told */
    struct sockaddr_un address;
    socklen_t address_size;
    int64_t watchdog; /* nanoseconds within which WATCHDOG=1 is expected; 0: it is not */
    bool failing;     /* the last message was not taken, which has been logged */
};

/*
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment, so
 * that no child takes itself for the service. What is wrong with them is logged, and the service
 * goes on without.
 */
void lc__notify_open(struct lc__notify *notify, const char *speaker);
/* For what is not to be told to anybody. */
void lc__notify_open_nowhere(struct lc__notify *notify, const char *speaker);
void lc__notify_close(struct lc__notify *notify);
/*
 * Sends a message. A manager that has too many to read is given a moment, and no more: the service
 * has other things to do. @return 0, also if nobody wants to be told; a negative errno: it was not
 * taken; -EAGAIN: and may be the next time.
 */
int lc__notify_send(struct lc__notify *notify, const struct lc__notification *notification);

#endif
