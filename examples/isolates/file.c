/*
 * file.c: an isolate that counts the words of one file. It reads a piece, counts it, and sends
 * itself a message for the next piece. Between two pieces other isolates run, and it can be paused
 * and killed.
 *
 * It reads a piece that is in the page cache directly, which takes no longer than to count it. A
 * read from the disk would keep the thread from all other isolates, so it makes that through
 * lc_call_blocking. The kernel tells the two apart. To make every read so would cost two switches
 * of threads for each piece. Opening a file does not wait on a local disk, since the walk has just
 * looked at the file.
 */
#define _GNU_SOURCE
#include "isolates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct file {
    char *path;
    int descriptor; /* -1: not open */
    size_t step;
    unsigned char *buffer;
    off_t at;
    ssize_t got; /* by the last read; else -1, and why */
    int error;
    struct words words;
    struct tally *tally;
    lc_send_port self;
    lc_send_port parts;
};

static lc_error *failed(const struct file *file, int code)
{
    return lc_error_new_errno(code, "%s", file->path);
}

/* ---- reading ---- */

static void read_from_disk(void *arg)
{
    struct file *file = arg;
    do
        file->got = pread(file->descriptor, file->buffer, file->step, file->at);
    while (file->got < 0 && errno == EINTR);
    file->error = errno;
}

static void read_piece(struct file *file)
{
    struct iovec piece = {file->buffer, file->step};
    file->got = preadv2(file->descriptor, &piece, 1, file->at, RWF_NOWAIT);
    if (file->got >= 0)
        return;
    int code = lc_call_blocking(read_from_disk, file);
    if (code < 0)
        file->error = -code;
}

/* ---- counting ---- */

static struct part part_of(const struct file *file, bool whole)
{
    return (struct part){.words = file->words.count, .files = whole};
}

static lc_error *go_on(const struct file *file)
{
    int code = lc_send(file->self, NULL, 0);
    return code == 0 ? NULL : failed(file, -code);
}

/* What was read counts, as it does for wc(1). */
static lc_error *give_up(const struct file *file)
{
    struct part part = part_of(file, false);
    lc_send(file->parts, &part, sizeof part);
    return failed(file, file->error);
}

static LC_NORETURN void report(const struct file *file)
{
    struct part part = part_of(file, true);
    atomic_fetch_add_explicit(&file->tally->counted, 1, memory_order_relaxed);
    lc_isolate_exit(file->parts, &(lc_payload){&part, sizeof part, NULL});
}

static lc_error *count_piece(lc_message *message, void *arg)
{
    struct file *file = arg;
    (void)message;
    read_piece(file);
    if (file->got < 0)
        return give_up(file);
    if (file->got == 0)
        report(file);
    uint64_t before = file->words.count;
    words_add(&file->words, file->buffer, (size_t)file->got);
    file->at += file->got;
    atomic_fetch_add_explicit(&file->tally->bytes, (uint64_t)file->got, memory_order_relaxed);
    atomic_fetch_add_explicit(&file->tally->words, file->words.count - before,
                              memory_order_relaxed);
    return go_on(file);
}

/* ---- beginning and end ---- */

/* What was a file when the walk saw it may be a pipe by now, which must not keep us waiting. */
static int open_file(struct file *file)
{
    struct stat status;
    file->descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0)
        return errno;
    return S_ISREG(status.st_mode) ? 0 : ENOTSUP;
}

static lc_error *begin(void *arg)
{
    struct file *file = arg;
    lc_receive_port pieces;
    lc_error *error = lc_port_open(LC_PORT(.handler = count_piece, .arg = file), &pieces);
    int code = -lc_error_code(error);
    lc_error_unref(error);
    if (code == 0)
        code = open_file(file);
    if (code != 0)
        return failed(file, code);
    file->tally = lc_isolate_group_data(lc_isolate_group_current());
    file->self = pieces.send;
    return go_on(file);
}

/* However it has ended, and also if it has never begun. */
static void release(void *arg)
{
    struct file *file = arg;
    if (file->descriptor >= 0)
        close(file->descriptor);
    free(file->buffer);
    free(file->path);
    free(file);
}

static struct file *make(char *path, size_t step, lc_send_port parts)
{
    struct file *file = calloc(1, sizeof *file);
    unsigned char *buffer = malloc(step);
    if (!file || !buffer) {
        free(file);
        free(buffer);
        free(path);
        return NULL;
    }
    file->path = path;
    file->descriptor = -1;
    file->step = step;
    file->buffer = buffer;
    file->parts = parts;
    return file;
}

/*
 * Its end is reported to the dispenser and to its reducer. A spawn takes only one exit listener, so
 * the isolate begins paused until the other one has been added too.
 */
static lc_error *spawn(struct roster *roster, struct file *file)
{
    struct part ended = {.ended = 1};
    lc_payload response = {&ended, sizeof ended, NULL};
    lc_isolate_options options = {.size = sizeof options,
                                  .name = "file",
                                  .entry = begin,
                                  .arg = file,
                                  .release = release,
                                  .spread = true,
                                  .paused = true};
    size_t place = 0;
    lc_send_port parts = file->parts;
    lc_error *error = roster_find_place(roster, &place);
    if (!error)
        error = roster_spawn(roster, place, &options, true);
    if (error) {
        release(file);
        return error;
    }
    lc_isolate isolate = roster->members[place].isolate;
    int code = lc_isolate_add_exit_listener(isolate, parts, &response);
    if (code < 0)
        lc_isolate_kill(isolate, LC_PRIORITY_DEFAULT);
    else
        code = lc_isolate_resume(isolate, isolate.pause);
    return code == 0 ? NULL : lc_error_new_errno(-code, "cannot start an isolate");
}

lc_error *file_spawn(struct roster *roster, char *path, size_t step, lc_send_port parts)
{
    struct file *file = make(path, step, parts);
    return file ? spawn(roster, file) : lc_error_new(-ENOMEM, "no memory for a file");
}
