/*
 * interpose_fault.c: preloaded into the ledger, makes its syncs fail or wait.
 *
 * FAULT_SYNC=n  the n-th fdatasync fails with EIO, without anything being synced. A later sync of
 * any kind is told on stderr. HOLD_SYNC=n:FIFO  the n-th fdatasync says "interpose: held" and goes
 * on when a process has opened FIFO for writing. FAULT_ADDRESS=1  getaddrinfo finds no memory.
 * FLOOD=1  a socket that was shut down always has something to receive, once it had.
 */
/* The system's headers give the parameters other names, and a type's name takes no parentheses. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,bugprone-macro-parentheses) */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic unsigned calls;
static _Atomic bool failed;

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static void tell(const char *line)
{
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        abort();
}

static void hold(const char *fifo)
{
    tell("interpose: held\n");
    int opened = -1;
    do {
        opened = open(fifo, O_RDONLY | O_CLOEXEC);
    } while (opened < 0 && errno == EINTR);
    if (opened < 0)
        abort();
    close(opened);
}

int fdatasync(int file)
{
    unsigned call = atomic_fetch_add(&calls, 1) + 1;
    const char *fault = getenv("FAULT_SYNC");
    const char *held = getenv("HOLD_SYNC");
    if (atomic_load(&failed))
        tell("interpose: a sync after the failed one\n");
    if (held && strtoul(held, NULL, 10) == call)
        hold(strchr(held, ':') + 1);
    if (fault && strtoul(fault, NULL, 10) == call) {
        atomic_store(&failed, true);
        tell("interpose: failing a sync\n");
        errno = EIO;
        return -1;
    }
    return REAL(fdatasync)(file);
}

int fsync(int file)
{
    if (atomic_load(&failed))
        tell("interpose: a sync after the failed one\n");
    return REAL(fsync)(file);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    return getenv("FAULT_ADDRESS") ? EAI_MEMORY : REAL(getaddrinfo)(host, service, hints, found);
}

static _Atomic bool shut_down[4096];

int shutdown(int socket, int how)
{
    if (socket >= 0 && socket < 4096)
        atomic_store(&shut_down[socket], true);
    return REAL(shutdown)(socket, how);
}

/** By which the library receives. */
long syscall(long number, ...)
{
    long given[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(arguments, long);
    va_end(arguments);
    bool receives = number == SYS_recvfrom && given[0] >= 0 && given[0] < 4096;
    if (receives && atomic_load(&shut_down[given[0]]) && getenv("FLOOD"))
        given[3] |= MSG_PEEK; /* it stays there */
    return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

int close(int file)
{
    if (file >= 0 && file < 4096)
        atomic_store(&shut_down[file], false);
    return REAL(close)(file);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,bugprone-macro-parentheses) */
