/*
 * manager.h: a service manager made for tests: the other end of NOTIFY_SOCKET. In a child process
 * the service and its manager live side by side.
 */
#ifndef LIFECYCLE_TESTS_SERVICE_MANAGER_H
#define LIFECYCLE_TESTS_SERVICE_MANAGER_H

#include <stdbool.h>
#include <stddef.h>

struct manager {
    int socket;
    char directory[32]; /**< of the socket; "": it has an abstract name */
    char address[64];   /**< as NOTIFY_SOCKET has it */
    char heard[65536];  /**< all messages so far, each followed by an empty line; cut to fit */
    size_t heard_size;
};

/** Opens one, at a path or an abstract address, and sets NOTIFY_SOCKET; aborts if that fails. */
void manager_open(struct manager *manager, bool abstract);
/** Closes it; what is sent from now on is lost. */
void manager_close(struct manager *manager);
/** Waits for the next message. @return it, until the next call; NULL: none came in time. */
const char *manager_next(struct manager *manager);
/** Waits for a message with this text in it, and passes over others. @return whether it came. */
bool manager_hears(struct manager *manager, const char *text);
/** Takes what has come. @return whether one of all messages so far has this text in it. */
bool manager_has_heard(struct manager *manager, const char *text);

#endif
