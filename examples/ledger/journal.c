/*
 * journal.c: see journal.h. The file is the line MAGIC, then records:
 *
 *     0      4        8        16       24
 *     | crc  | length | number | batch  | text, `length` bytes
 *
 * all little-endian. journal.end has one record of that kind, without a text: `number` is how many
 * entries were promised, and where `batch` is otherwise stands the offset at which they end.
 *
 * `number` counts from 1 without gaps, `batch` is the number of the first record
 * that was committed together with this one, `crc` is the CRC-32 of all that follows it.
 */
#define _GNU_SOURCE
#include "journal.h"

#include <lifecycle/executor.h>
#include <lifecycle/log.h>
#include <lifecycle/time.h>

#include <bsd/stdlib.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MAGIC "ledger 1\n"
#define MAGIC_SIZE (sizeof MAGIC - 1)

struct header {
    uint32_t crc;
    uint32_t length;
    uint64_t number;
    uint64_t batch;
};
_Static_assert(sizeof(struct header) == 24, "a header has no gaps");

#define RECORD_MAX (sizeof(struct header) + JOURNAL_TEXT_MAX)

/** The error of a system call on a path that has just failed. */
#define CANNOT(what, path) lc_error_new_errno(errno, "cannot " what " %s", (path))

void journal_init(struct journal *journal)
{
    *journal = (struct journal){.file = -1, .end_file = -1};
    pthread_mutex_init(&journal->writing, NULL);
    pthread_mutex_init(&journal->lock, NULL);
}

void journal_free(struct journal *journal)
{
    journal_close(journal);
    pthread_mutex_destroy(&journal->lock);
    pthread_mutex_destroy(&journal->writing);
}

/** Back to what journal_init left. */
static void close_file(struct journal *journal)
{
    if (journal->file >= 0) {
        /* The next instance needs the lock, and a reader may still have the file open: see find. */
        flock(journal->file, LOCK_UN);
        close(journal->file); /* all of it was synced, so an error of the close loses nothing */
    }
    if (journal->end_file >= 0)
        close(journal->end_file);
    free(journal->path);
    free(journal->offsets);
    free(journal->batch);
    journal->path = NULL;
    journal->file = -1;
    journal->end_file = -1;
    journal->count = 0;
    journal->size = 0;
    journal->offsets = NULL;
    journal->capacity = 0;
    journal->batch = NULL;
    journal->end_failed = false;
    journal->failed = false;
}

/* ---- records ---- */

static uint32_t checksum(const unsigned char *record, size_t length)
{
    size_t skipped = sizeof((struct header){0}.crc);
    return (uint32_t)crc32(0, record + skipped, (uInt)(sizeof(struct header) - skipped + length));
}

/** Writes a record to memory and returns its size. */
static size_t encode(unsigned char *record, uint64_t number, uint64_t batch,
                     const struct iovec *text)
{
    struct header header = {0, htole32((uint32_t)text->iov_len), htole64(number), htole64(batch)};
    memcpy(record, &header, sizeof header);
    memcpy(record + sizeof header, text->iov_base, text->iov_len);
    header.crc = htole32(checksum(record, text->iov_len));
    memcpy(record, &header.crc, sizeof header.crc);
    return sizeof header + text->iov_len;
}

/** Whether a whole and undamaged record begins here; if so, its header. */
static bool decode(const unsigned char *record, size_t available, struct header *header)
{
    if (available < sizeof *header)
        return false;
    memcpy(header, record, sizeof *header);
    header->crc = le32toh(header->crc);
    header->length = le32toh(header->length);
    header->number = le64toh(header->number);
    header->batch = le64toh(header->batch);
    return header->length <= JOURNAL_TEXT_MAX && header->length <= available - sizeof *header &&
           header->batch >= 1 && header->batch <= header->number &&
           header->crc == checksum(record, header->length);
}

/* ---- recovery ---- */

/**
 * Reads up to `length` bytes. @return the number of bytes, less than `length` only at the end; -1
 * and errno.
 */
static ssize_t read_at(int file, unsigned char *to, size_t length, off_t at)
{
    size_t have = 0;
    while (have < length) {
        ssize_t got = pread(file, to + have, length - have, at + (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static bool write_at(int file, const unsigned char *from, size_t length, off_t at)
{
    while (length > 0) {
        ssize_t put = pwrite(file, from, length, at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        from += put;
        at += put;
        length -= (size_t)put;
    }
    return true;
}

/** The part of the file recovery looks at, so that it reads the disk in large pieces. */
struct window {
    int file;
    off_t at;
    size_t length;
    unsigned char bytes[1 << 20];
};

/**
 * What is at `at`: RECORD_MAX bytes or more, fewer at the end of the file. NULL and errno if it
 * cannot be read.
 */
static const unsigned char *look(struct window *window, off_t at, size_t *available)
{
    if (at < window->at || at + (off_t)RECORD_MAX > window->at + (off_t)window->length) {
        ssize_t got = read_at(window->file, window->bytes, sizeof window->bytes, at);
        window->at = at;
        window->length = got < 0 ? 0 : (size_t)got;
        if (got < 0)
            return NULL;
    }
    *available = window->length - (size_t)(at - window->at);
    return window->bytes + (at - window->at);
}

/** Makes room for `more` further entries in the index. */
static bool reserve(struct journal *journal, size_t more)
{
    size_t needed = (size_t)journal->count + more + 1;
    if (needed <= journal->capacity)
        return true;
    size_t capacity = needed + needed / 2;
    off_t *grown = reallocarray(journal->offsets, capacity, sizeof *grown);
    if (!grown)
        return false;
    journal->offsets = grown;
    journal->capacity = capacity;
    return true;
}

/** Enters into the index an entry of `size` bytes for which there is room. */
static void enter(struct journal *journal, size_t size)
{
    journal->size += (off_t)size;
    journal->offsets[++journal->count] = journal->size;
}

/**
 * Looks from the first bad place on for a whole record of a later batch than that of entry
 * `number`, which should have been there. If there is one, `number` had been synced, so the damage
 * is no torn write.
 *
 * Every byte is tried, so that damage before it does not hide it. A client cannot plant such a
 * record in a text: its length and number would contain NUL bytes, which no text does.
 * @param found  receives its place, or 0.
 */
static lc_error *find_later_batch(const struct journal *journal, struct window *window,
                                  uint64_t number, off_t *found)
{
    *found = 0;
    for (off_t at = journal->size;; at++) {
        struct header header;
        size_t available = 0;
        const unsigned char *here = look(window, at, &available);
        if (!here)
            return CANNOT("read", journal->path);
        if (available < sizeof header)
            return NULL;
        if (decode(here, available, &header) && header.batch > number) {
            *found = at;
            return NULL;
        }
    }
}

/** @return an error if what follows the last good record was stored for good. */
static lc_error *prove_torn(struct journal *journal, struct window *window)
{
    off_t later = 0;
    lc_error *error = find_later_batch(journal, window, journal->count + 1, &later);
    if (error || !later)
        return error;
    return lc_error_new(-EBADMSG,
                        "%s is damaged at byte %jd: entry %" PRIu64
                        " cannot be read, but was stored for good, since a later one at byte %jd "
                        "is whole; restore the file from a copy",
                        journal->path, (intmax_t)journal->size, journal->count + 1,
                        (intmax_t)later);
}

/** Copies the bytes from `from` to `end` of the journal to a file. */
static bool copy_tail(const struct journal *journal, struct window *window, off_t end, int to)
{
    off_t from = journal->size;
    for (off_t at = from; at < end;) {
        ssize_t got = read_at(journal->file, window->bytes, sizeof window->bytes, at);
        if (got <= 0 || !write_at(to, window->bytes, (size_t)got, at - from))
            return false;
        at += got;
    }
    return true;
}

/** Keeps a torn tail for an operator. No client was promised it, so a failure only warns. */
static void keep_tail(const struct journal *journal, struct window *window, off_t end)
{
    enum { TAILS_MAX = 1000 };
    char *path = NULL;
    int file = -1;
    errno = EEXIST;
    for (int i = 1; i <= TAILS_MAX && file < 0 && errno == EEXIST; i++) {
        free(path);
        if (asprintf(&path, "%s.torn.%d", journal->path, i) < 0)
            path = NULL;
        file = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
    }
    if (file >= 0 && copy_tail(journal, window, end, file))
        lc_log(LC_LOG_NOTICE, "journal", "what is cut off is kept in %s", path);
    else
        lc_log(LC_LOG_WARNING, "journal", "%s: what is cut off cannot be kept: %s", journal->path,
               strerror(errno));
    if (file >= 0)
        close(file);
    free(path);
}

/** Cuts off what follows the last good record, which a crash has left there. */
static lc_error *cut_tail(struct journal *journal, struct window *window, off_t end)
{
    lc_log(LC_LOG_WARNING, "journal",
           "%s: cut off a torn tail of %jd bytes at byte %jd, after entry %" PRIu64
           "; most likely a crash interrupted that write before it was acknowledged",
           journal->path, (intmax_t)(end - journal->size), (intmax_t)journal->size, journal->count);
    keep_tail(journal, window, end);
    if (ftruncate(journal->file, journal->size) != 0)
        return CANNOT("truncate", journal->path);
    return NULL;
}

/* ---- the promised end ---- */

/** Reads it. A missing one promises nothing. A damaged one promises nothing and is logged. */
static lc_error *read_end(const struct journal *journal, struct header *end)
{
    unsigned char record[sizeof *end];
    *end = (struct header){0};
    ssize_t got = read_at(journal->end_file, record, sizeof record, 0);
    if (got < 0)
        return lc_error_new_errno(errno, "cannot read %s.end", journal->path);
    if (got == 0)
        return NULL;
    memcpy(end, record, (size_t)got);
    if (got == sizeof record && le32toh(end->crc) == checksum(record, 0)) {
        end->number = le64toh(end->number);
        end->batch = le64toh(end->batch);
        return NULL;
    }
    lc_log(LC_LOG_WARNING, "journal",
           "%s.end is damaged: whether the journal is whole cannot be told from it", journal->path);
    *end = (struct header){0};
    return NULL;
}

/** Refuses a journal that ends before what was promised. */
static lc_error *check_end(const struct journal *journal)
{
    struct header end;
    lc_error *error = read_end(journal, &end);
    if (error || end.number == 0)
        return error;
    if (end.number <= journal->count && (off_t)end.batch == journal->offsets[end.number])
        return NULL;
    return lc_error_new(-EBADMSG,
                        "%s has %" PRIu64 " entries up to byte %jd, but %" PRIu64
                        " up to byte %ju were stored for good: entries are missing; restore the "
                        "file from a copy",
                        journal->path, journal->count, (intmax_t)journal->size, end.number,
                        (uintmax_t)end.batch);
}

/** Writes how much has been promised. The journal works without it. */
static void write_end(struct journal *journal)
{
    struct header end = {.number = htole64(journal->count),
                         .batch = htole64((uint64_t)journal->size)};
    unsigned char record[sizeof end];
    memcpy(record, &end, sizeof end);
    end.crc = htole32(checksum(record, 0));
    memcpy(record, &end.crc, sizeof end.crc);
    bool written = write_at(journal->end_file, record, sizeof record, 0);
    if (!written && !journal->end_failed)
        lc_log(LC_LOG_WARNING, "journal",
               "%s.end cannot be written, so a loss of entries would not be noticed: %s",
               journal->path, strerror(errno));
    journal->end_failed = !written;
}

/* ---- reading all of it ---- */

static lc_error *read_records(struct journal *journal, struct window *window, off_t end)
{
    for (;;) {
        struct header header;
        size_t available = 0;
        const unsigned char *here = look(window, journal->size, &available);
        if (!here)
            return CANNOT("read", journal->path);
        if (!decode(here, available, &header) || header.number != journal->count + 1)
            break;
        if (!reserve(journal, 1))
            return lc_error_new(-ENOMEM, "%s: no memory for its index", journal->path);
        enter(journal, sizeof header + header.length);
    }
    bool torn = journal->size != end;
    lc_error *error = torn ? prove_torn(journal, window) : NULL;
    if (!error)
        error = check_end(journal);
    return error || !torn ? error : cut_tail(journal, window, end);
}

/** Recovers an open file, so that entries can be appended. */
static lc_error *recover(struct journal *journal)
{
    unsigned char magic[MAGIC_SIZE];
    ssize_t got = read_at(journal->file, magic, sizeof magic, 0);
    if (got < 0)
        return CANNOT("read", journal->path);
    if (memcmp(magic, MAGIC, (size_t)got) != 0)
        return lc_error_new(-EINVAL, "%s is not a journal of the ledger (left as it is)",
                            journal->path);
    /*
     * A file that ends within the magic is new, or its creation was interrupted: nothing is lost.
     */
    if (got < (ssize_t)MAGIC_SIZE &&
        !write_at(journal->file, (const unsigned char *)MAGIC, MAGIC_SIZE, 0))
        return CANNOT("write", journal->path);

    struct stat status;
    if (fstat(journal->file, &status) != 0)
        return CANNOT("read", journal->path);
    struct window *window = malloc(sizeof *window);
    if (!window || !reserve(journal, 0)) {
        free(window);
        return lc_error_new(-ENOMEM, "%s: no memory to read it", journal->path);
    }
    window->file = journal->file;
    window->at = 0;
    window->length = 0;
    journal->size = MAGIC_SIZE;
    journal->offsets[0] = journal->size;
    lc_error *error = read_records(journal, window, status.st_size);
    free(window);
    return error;
}

static lc_error *open_file(struct journal *journal, int directory, int above)
{
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC;
    journal->file = openat(directory, "journal", flags, 0666);
    if (journal->file < 0)
        return CANNOT("open", journal->path);
    if (flock(journal->file, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? lc_error_new(-EBUSY, "%s is in use by another ledger", journal->path)
                   : CANNOT("lock", journal->path);
    journal->end_file = openat(directory, "journal.end", flags, 0666);
    if (journal->end_file < 0)
        return lc_error_new_errno(errno, "cannot open %s.end", journal->path);
    lc_error *error = recover(journal);
    if (error)
        return error;
    /*
     * A ledger that was killed may have left a whole batch in the page cache only. Clients can read
     * it from here on, and the next batch is written behind it, so it is synced first. If the file
     * or its directory is new, the directory above is synced too.
     */
    if (fsync(journal->file) != 0)
        return CANNOT("sync", journal->path);
    if (fsync(directory) != 0 || fsync(above) != 0)
        return CANNOT("sync the directories of", journal->path);
    write_end(journal);
    return NULL;
}

static lc_error *open_in(struct journal *journal, const char *path)
{
    if (asprintf(&journal->path, "%s/journal", path) < 0)
        journal->path = NULL;
    journal->batch = reallocarray(NULL, JOURNAL_BATCH_MAX, RECORD_MAX);
    if (!journal->path || !journal->batch)
        return lc_error_new(-ENOMEM, "%s: no memory to open the journal", path);

    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    bool there = mkdir(path, 0777) == 0 || errno == EEXIST;
    int directory = there ? open(path, flags) : -1;
    int above = directory < 0 ? -1 : openat(directory, "..", flags);
    lc_error *error = above < 0 ? CANNOT("open or make the directory", path)
                                : open_file(journal, directory, above);
    if (directory >= 0)
        close(directory);
    if (above >= 0)
        close(above);
    return error;
}

lc_error *journal_open(struct journal *journal, const char *directory)
{
    lc_handle *recovered = lc_handle_new();
    if (!recovered)
        return lc_error_new(-ENOMEM, "%s: no memory to open the journal", directory);
    pthread_mutex_lock(&journal->writing);
    pthread_mutex_lock(&journal->lock);
    journal->recovered =
        recovered; /* from here on no reader looks at the rest: see lock_recovered */
    pthread_mutex_unlock(&journal->lock);

    lc_error *error = open_in(journal, directory);
    if (error)
        close_file(journal);

    pthread_mutex_lock(&journal->lock);
    journal->recovered = NULL;
    pthread_mutex_unlock(&journal->lock);
    pthread_mutex_unlock(&journal->writing);
    lc_handle_close(recovered);
    lc_handle_unref(recovered);
    return error;
}

void journal_close(struct journal *journal)
{
    pthread_mutex_lock(&journal->writing);
    pthread_mutex_lock(&journal->lock);
    close_file(journal);
    pthread_mutex_unlock(&journal->lock);
    pthread_mutex_unlock(&journal->writing);
}

/* ---- appending ---- */

/** Undoes a batch that could not be written, and returns why. Takes over `why`. */
static lc_error *take_back(struct journal *journal, lc_error *why)
{
    /*
     * Its clients are told that it was not stored, so it must not be there at the next start. The
     * cut is not synced: after a failed sync the kernel may call pages clean that never reached the
     * disk, so after a second one it would still not be known. For the same reason later appends
     * are refused.
     */
    journal->failed = true;
    if (ftruncate(journal->file, journal->size) != 0)
        lc_log(LC_LOG_ERROR, "journal", "%s: cannot cut off what was not stored: %s", journal->path,
               strerror(errno));
    return why;
}

bool journal_is_full(const lc_error *error)
{
    int code = error ? lc_error_code(error) : 0;
    return code == -ENOSPC || code == -EDQUOT || code == -EFBIG;
}

/**
 * Undoes a write that has failed. If there was no room, no sync has failed: so once the cut is on
 * disk the file is as it was, and another append may be tried. Takes over `why`.
 */
static lc_error *undo_write(struct journal *journal, lc_error *why)
{
    if (journal_is_full(why) && ftruncate(journal->file, journal->size) == 0 &&
        fdatasync(journal->file) == 0)
        return why;
    return take_back(journal, why);
}

/** As journal_append, with `writing` held. */
static lc_error *append(struct journal *journal, const struct iovec *texts, size_t count,
                        uint64_t *first)
{
    if (journal->file < 0)
        return lc_error_new(-EAGAIN, "the journal is not open");
    if (journal->failed)
        return lc_error_new(-EIO, "%s: an earlier append has failed", journal->path);
    *first = journal->count + 1;
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += encode(journal->batch + length, *first + i, *first, &texts[i]);

    pthread_mutex_lock(&journal->lock);
    bool room = reserve(journal, count);
    pthread_mutex_unlock(&journal->lock);
    if (!room)
        return lc_error_new(-ENOMEM, "%s: no memory for its index", journal->path);

    if (!write_at(journal->file, journal->batch, length, journal->size))
        return undo_write(journal, CANNOT("write", journal->path));
    if (fdatasync(journal->file) != 0)
        return take_back(journal, CANNOT("sync", journal->path));

    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < count; i++)
        enter(journal, sizeof(struct header) + texts[i].iov_len);
    pthread_mutex_unlock(&journal->lock);
    write_end(journal);
    return NULL;
}

lc_error *journal_append(struct journal *journal, const struct iovec *texts, size_t count,
                         uint64_t *first)
{
    pthread_mutex_lock(&journal->writing);
    lc_error *error = append(journal, texts, count, first);
    pthread_mutex_unlock(&journal->writing);
    return error;
}

/* ---- reading ---- */

/**
 * Takes the lock, but not during a recovery: a reader then waits for its end. That may take
 * seconds, so the wait is one of the library's, during which the other fibers of the thread run; a
 * wait for the mutex would stop them all.
 */
static void lock_recovered(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    while (journal->recovered) {
        lc_handle *recovered = lc_handle_ref(journal->recovered);
        pthread_mutex_unlock(&journal->lock);
        lc_handle_wait(recovered, LC_FOREVER);
        lc_handle_unref(recovered);
        pthread_mutex_lock(&journal->lock);
    }
}

/** The reading of one record. */
struct reading {
    int file;
    off_t at;
    size_t length;
    ssize_t got;
    int error;             /**< 0, or the errno of what failed */
    unsigned char *record; /**< room for RECORD_MAX bytes */
};

/**
 * Under the lock. The file is duplicated, since by the time it is read the journal may have been
 * closed, and another file may have that number.
 */
static lc_error *find(const struct journal *journal, uint64_t number, struct reading *reading)
{
    if (journal->file < 0)
        return lc_error_new(-EAGAIN, "the journal is not open");
    if (number < 1 || number > journal->count)
        return lc_error_new(-ENOENT, "no entry %" PRIu64, number);
    reading->at = journal->offsets[number - 1];
    reading->length = (size_t)(journal->offsets[number] - reading->at);
    reading->file = fcntl(journal->file, F_DUPFD_CLOEXEC, 0);
    return reading->file < 0 ? lc_error_new_errno(errno, "cannot read entry %" PRIu64 "", number)
                             : NULL;
}

static void read_from_disk(void *arg)
{
    struct reading *reading = arg;
    reading->got = read_at(reading->file, reading->record, reading->length, reading->at);
    reading->error = reading->got < 0 ? errno : 0;
}

/**
 * Reads from the page cache directly. A read from the disk would stop the other fibers of this
 * thread, so another thread makes it. To make all reads there would make GET six times slower, and
 * would need 150 threads for a thousand clients that GET at once.
 */
static void read_record(struct reading *reading)
{
    struct iovec all = {reading->record, reading->length};
    reading->error = 0;
    reading->got = preadv2(reading->file, &all, 1, reading->at, RWF_NOWAIT);
    if (reading->got == (ssize_t)reading->length)
        return;
    int handed = lc_call_blocking(read_from_disk, reading);
    if (handed < 0)
        reading->error = -handed;
}

/** Gives the text of what was read, if it is what was asked for. */
static lc_error *judge(const struct reading *reading, uint64_t number, char *text)
{
    if (reading->error)
        return lc_error_new_errno(reading->error, "cannot read entry %" PRIu64 "", number);
    struct header header;
    if (!decode(reading->record, (size_t)reading->got, &header) || header.number != number)
        return lc_error_new(-EIO, "entry %" PRIu64 " is damaged, at byte %jd of the journal",
                            number, (intmax_t)reading->at);
    memcpy(text, reading->record + sizeof header, header.length);
    text[header.length] = '\0';
    return NULL;
}

lc_error *journal_read(struct journal *journal, uint64_t number, char *text)
{
    unsigned char record[RECORD_MAX];
    struct reading reading = {.file = -1, .record = record};
    lock_recovered(journal);
    lc_error *error = find(journal, number, &reading);
    pthread_mutex_unlock(&journal->lock);
    if (error)
        return error;
    read_record(&reading);
    close(reading.file);
    return judge(&reading, number, text);
}

int journal_count(struct journal *journal, uint64_t *count)
{
    lock_recovered(journal);
    bool is_open = journal->file >= 0;
    *count = journal->count;
    pthread_mutex_unlock(&journal->lock);
    return is_open ? 0 : -EAGAIN;
}
