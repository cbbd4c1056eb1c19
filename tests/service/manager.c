/*
 * manager.c: see manager.h.
 */
#include "service/manager.h"

#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void choose_address(struct manager *manager, bool abstract)
{
    if (abstract) {
        snprintf(manager->address, sizeof manager->address, "@lifecycle-check-%d", (int)getpid());
        return;
    }
    strcpy(manager->directory, "/tmp/lifecycle-check-XXXXXX");
    if (!mkdtemp(manager->directory))
        abort();
    snprintf(manager->address, sizeof manager->address, "%s/notify", manager->directory);
}

void manager_open(struct manager *manager, bool abstract)
{
    *manager = (struct manager){.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    choose_address(manager, abstract);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(manager->address);
    memcpy(address.sun_path, manager->address, length);
    if (abstract)
        address.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
    if (manager->socket < 0 ||
        bind(manager->socket, (const struct sockaddr *)&address, size) != 0 ||
        setenv("NOTIFY_SOCKET", manager->address, 1) != 0)
        abort();
}

void manager_close(struct manager *manager)
{
    close(manager->socket);
    manager->socket = -1;
    if (!*manager->directory)
        return;
    unlink(manager->address);
    rmdir(manager->directory);
}

/* @return the message that has come first; NULL: none has. */
static const char *take(struct manager *manager)
{
    char *at = manager->heard + manager->heard_size;
    size_t room = sizeof manager->heard - manager->heard_size;
    if (room < 4096)
        abort();
    ssize_t got = recv(manager->socket, at, room - 3, MSG_DONTWAIT);
    if (got < 0)
        return NULL;
    memcpy(at + got, "\n\n", 3);
    manager->heard_size += (size_t)got + 3; /* so that each message is a text of its own */
    return at;
}

const char *manager_next(struct manager *manager)
{
    if (lc_wait_fd(NULL, manager->socket, POLLIN, check_patience()) < 0)
        return NULL;
    return take(manager);
}

bool manager_hears(struct manager *manager, const char *text)
{
    const char *message;
    do {
        message = manager_next(manager);
    } while (message && !strstr(message, text));
    return message != NULL;
}

bool manager_has_heard(struct manager *manager, const char *text)
{
    while (take(manager))
        continue;
    const char *end = manager->heard + manager->heard_size;
    for (const char *message = manager->heard; message < end; message += strlen(message) + 1)
        if (strstr(message, text))
            return true;
    return false;
}
