/*
 * interpose_sync.c: preloaded into the ledger, stands between it and the system, and ends it by
 * abort() when an answer "OK n" leaves on a socket before entry n was written and a sync that began
 * after the write has returned. It knows the journal as the only regular file that is written, and
 * the head of a record: number at byte 8.
 *
 * INTERPOSE_BLIND=1 makes it overlook every sync, so that a test can see that it does bite.
 */
/* The system's headers give the parameters other names, and a type's name takes no parentheses. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,bugprone-macro-parentheses) */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic uint64_t written; /* the highest entry that a write has returned for */
static _Atomic uint64_t synced;  /* the highest entry that is on disk */
static _Atomic unsigned syncs, answers, directories;

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length > 0 && REAL(write)(STDERR_FILENO, line, (size_t)length) < 0)
        abort();
}

static bool is_regular(int file)
{
    struct stat status;
    return fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

/** Notes the entries of a batch that was written whole. */
static void note_written(int file, const unsigned char *bytes, size_t length)
{
    if (!is_regular(file))
        return;
    for (size_t at = 0; at + 24 <= length;) {
        uint32_t text = 0;
        uint64_t number = 0;
        memcpy(&text, bytes + at + 4, sizeof text);
        memcpy(&number, bytes + at + 8, sizeof number);
        at += 24 + text;
        if (at <= length)
            atomic_store(&written, number);
    }
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t at)
{
    ssize_t put = REAL(pwrite)(file, bytes, length, at);
    if (put > 0)
        note_written(file, bytes, (size_t)put);
    return put;
}

ssize_t write(int file, const void *bytes, size_t length)
{
    if (is_regular(file)) {
        tell("interpose: a write(2) to a regular file; only pwrite is followed\n");
        abort();
    }
    return REAL(write)(file, bytes, length);
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    if (is_regular(file)) {
        tell("interpose: a writev(2) to a regular file; only pwrite is followed\n");
        abort();
    }
    return REAL(writev)(file, parts, count);
}

static int note_synced(int result, uint64_t before)
{
    if (result == 0 && !getenv("INTERPOSE_BLIND")) {
        atomic_store(&synced, before);
        atomic_fetch_add(&syncs, 1);
    }
    return result;
}

int fdatasync(int file)
{
    uint64_t before = atomic_load(&written); /* what is written during the sync may miss it */
    return note_synced(REAL(fdatasync)(file), before);
}

int fsync(int file)
{
    struct stat status;
    if (fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
        atomic_fetch_add(&directories, 1);
        return REAL(fsync)(file);
    }
    uint64_t before = atomic_load(&written);
    return note_synced(REAL(fsync)(file), before);
}

static void judge_answer(const void *bytes, size_t length)
{
    char line[32] = "";
    memcpy(line, bytes, length < sizeof line - 1 ? length : sizeof line - 1);
    if (strncmp(line, "OK ", 3) == 0 && line[3] >= '0' && line[3] <= '9') {
        uint64_t number = strtoumax(line + 3, NULL, 10);
        atomic_fetch_add(&answers, 1);
        if (number > atomic_load(&synced)) {
            tell("interpose: \"OK %" PRIu64 "\" leaves, and only %" PRIu64 " are on disk\n", number,
                 atomic_load(&synced));
            abort();
        }
    }
}

/** By which the library sends. */
long syscall(long number, ...)
{
    long given[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_sendto)
        judge_answer((const void *)(uintptr_t)given[1], (size_t)given[2]);
    return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

__attribute__((destructor)) static void summary(void)
{
    tell("interpose: %u answers judged, %u syncs, %u directory syncs\n", atomic_load(&answers),
         atomic_load(&syncs), atomic_load(&directories));
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,bugprone-macro-parentheses) */
