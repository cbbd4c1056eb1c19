/*
 * notify.c: see notify.h.
 *
 * The socket is made at the start and kept, so that a process without free descriptors can still
 * say why it halts. It is not connected, so that messages reach a manager that was restarted at the
 * same address.
 */
#include "service/notify.h"

#include "base/system.h"
#include "base/text.h"

#include <lifecycle/log.h>
#include <lifecycle/time.h>
#include <lifecycle/wait.h>

#include <bsd/stdlib.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- messages ---- */

/* Whether the byte is not the first of its UTF-8 character. */
static bool byte_continues_character(char byte)
{
    return ((unsigned char)byte & 0xc0u) == 0x80u;
}

/* Ends a line that was cut off in "...". */
static void line_end_in_dots(char *line, size_t length)
{
    static const char dots[] = "...";
    if (length < sizeof dots - 1)
        return;
    size_t at = length - (sizeof dots - 1);
    while (at > 0 && byte_continues_character(line[at]))
        at--;
    memcpy(line + at, dots, sizeof dots);
}

/*
 * Replaces by spaces the characters that act on a terminal, where another program may show the
 * line, and bytes that are not UTF-8, for which systemd refuses a status.
 */
static void line_clear_controls(char *line)
{
    uint32_t character;
    for (size_t length; *line; line += length) {
        length = lc__text_decode(line, &character);
        if (lc__text_acts(character) || (length == 1 && character == LC__TEXT_REPLACEMENT))
            memset(line, ' ', length);
    }
}

void lc__notification_add(struct lc__notification *notification, const char *format, ...)
{
    if (notification->length > 0 && notification->length + 1 < sizeof notification->text)
        notification->text[notification->length++] = '\n';
    char *line = notification->text + notification->length;
    size_t room = sizeof notification->text - notification->length;
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line, room, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        *line = '\0';
    else if ((size_t)wanted >= room)
        line_end_in_dots(line, room - 1);
    line_clear_controls(line);
    notification->length += strlen(line);
}

/* ---- the environment ---- */

/* @return false: the address is bad, which was logged. */
static bool notify_set_address(struct lc__notify *notify, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(name, "vsock:", 6) == 0) {
        lc_log(LC_LOG_ERROR, notify->speaker,
               "the service manager is not told anything: NOTIFY_SOCKET is \"%s\", and sockets to "
               "the host of a virtual machine are not supported",
               name);
        return false;
    }
    if ((name[0] != '/' && name[0] != '@') || length < 2) {
        lc_log(LC_LOG_ERROR, notify->speaker,
               "the service manager is not told anything: NOTIFY_SOCKET is \"%s\", which is "
               "neither a path from the root nor an abstract address, \"@...\"",
               name);
        return false;
    }
    if (length >= sizeof notify->address.sun_path) {
        lc_log(LC_LOG_ERROR, notify->speaker,
               "the service manager is not told anything: NOTIFY_SOCKET is longer than the %zu "
               "bytes of a socket's name",
               sizeof notify->address.sun_path - 1);
        return false;
    }
    bool abstract = name[0] == '@';
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, length + 1);
    if (abstract)
        notify->address.sun_path[0] = '\0';
    /*
     * The length of a file's name counts the zero byte at the end, that of an abstract one does
     * not.
     */
    notify->address_size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (abstract ? 0 : 1));
    return true;
}

static void notify_open_socket(struct lc__notify *notify, const char *name)
{
    if (!notify_set_address(notify, name))
        return;
    notify->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->socket < 0)
        lc_log(LC_LOG_ERROR, notify->speaker,
               "the service manager is not told anything, for want of a socket: %s",
               strerror(errno));
}

/* Whether WATCHDOG_USEC is meant for this process, not for a parent that it was inherited from. */
static bool notify_watchdog_is_ours(struct lc__notify *notify, const char *process)
{
    const char *wrong = NULL;
    if (!process)
        return true;
    long long number = strtonum(process, 1, INT_MAX, &wrong);
    if (wrong)
        lc_log(LC_LOG_ERROR, notify->speaker,
               "the watchdog is not fed: WATCHDOG_PID is \"%s\", which is no process", process);
    return !wrong && number == getpid();
}

static void notify_set_watchdog(struct lc__notify *notify, const char *microseconds,
                                const char *process)
{
    const char *wrong = NULL;
    if (!microseconds || !notify_watchdog_is_ours(notify, process))
        return;
    long long number = strtonum(microseconds, 1, LC_FOREVER / LC_MICROSECOND, &wrong);
    if (wrong)
        lc_log(LC_LOG_ERROR, notify->speaker,
               "the watchdog is not fed: WATCHDOG_USEC is \"%s\", which is %s", microseconds,
               wrong);
    else
        notify->watchdog = number * LC_MICROSECOND;
}

void lc__notify_open_nowhere(struct lc__notify *notify, const char *speaker)
{
    *notify = (struct lc__notify){.speaker = speaker, .socket = -1};
}

void lc__notify_open(struct lc__notify *notify, const char *speaker)
{
    lc__notify_open_nowhere(notify, speaker);
    const char *name = secure_getenv("NOTIFY_SOCKET");
    if (name)
        notify_open_socket(notify, name);
    if (notify->socket >= 0)
        notify_set_watchdog(notify, secure_getenv("WATCHDOG_USEC"), secure_getenv("WATCHDOG_PID"));
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void lc__notify_close(struct lc__notify *notify)
{
    if (notify->socket >= 0)
        lc__close(notify->socket);
    notify->socket = -1;
}

/* ---- sending ---- */

static int notify_send_once(const struct lc__notify *notify,
                            const struct lc__notification *notification)
{
    int result = lc__send_datagram(notify->socket, notification->text, notification->length,
                                   (const struct sockaddr *)&notify->address, notify->address_size);
    return result == -ENOBUFS || result == -ENOMEM ? -EAGAIN : result;
}

/* After a message that could not be sent, the next one is tried once. */
static int notify_send_patiently(const struct lc__notify *notify,
                                 const struct lc__notification *notification)
{
    int pauses = notify->failing ? 0 : 7; /* of 1 ms, 2 ms, ... 64 ms */
    int result = notify_send_once(notify, notification);
    for (int i = 0; i < pauses && result == -EAGAIN; i++) {
        lc_sleep(LC_MILLISECOND << i);
        result = notify_send_once(notify, notification);
    }
    return result;
}

int lc__notify_send(struct lc__notify *notify, const struct lc__notification *notification)
{
    if (notify->socket < 0 || notification->length == 0)
        return 0;
    int result = notify_send_patiently(notify, notification);
    if (result < 0 && !notify->failing)
        lc_log(LC_LOG_WARNING, notify->speaker, "the service manager cannot be told: %s",
               strerror(-result));
    if (result == 0 && notify->failing)
        lc_log(LC_LOG_NOTICE, notify->speaker, "the service manager can be told again");
    notify->failing = result < 0;
    return result;
}
