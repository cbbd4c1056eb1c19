/*
 * notify.h: sends messages to the service manager, by the protocol of sd_notify(3): a datagram of
 * lines "NAME=value" to the socket that NOTIFY_SOCKET names. report.h decides what is sent, and
 * when. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_NOTIFY_H
#define LIFECYCLE_SERVICE_NOTIFY_H

#include <lifecycle/api.h>

#include <sys/socket.h>
#include <sys/un.h>

/* Half of what systemd takes in one message. */
#define LC__NOTIFICATION_MAX 2048

/* One message. Begin with zeros. */
struct lc__notification {
    size_t length;
    char text[LC__NOTIFICATION_MAX]; /* always terminated */
};

/*
 * Adds a line, such as "READY=1". Control characters become spaces, so that a newline in a value
 * does not begin another line. A line that is too long is cut between two characters and ends in
 * "...".
 */
void lc__notification_add(struct lc__notification *notification, const char *format, ...)
    LC_PRINTF(2, 3);

/* The way to the service manager. */
struct lc__notify {
    const char *speaker; /* the component of log lines; borrowed */
    int socket;          /* -1: there is no service manager */
    struct sockaddr_un address;
    socklen_t address_size;
    int64_t watchdog; /* nanoseconds within which WATCHDOG=1 is expected; 0: it is not */
    bool failing;     /* the last message could not be sent, which is logged once */
};

/*
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them from the environment, so
 * that a child process does not speak for the service. A bad value is logged and ignored.
 */
void lc__notify_open(struct lc__notify *notify, const char *speaker);
/* Without a service manager. */
void lc__notify_open_nowhere(struct lc__notify *notify, const char *speaker);
void lc__notify_close(struct lc__notify *notify);
/*
 * Sends a message. If the manager's queue is full, tries again for 127 ms.
 * @return 0, also without a service manager; -EAGAIN: the queue is full; another negative errno: it
 * cannot be sent.
 */
int lc__notify_send(struct lc__notify *notify, const struct lc__notification *notification);

#endif
