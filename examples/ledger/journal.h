/*
 * journal.h: the file that holds the entries: append-only, checksummed, recovered after a crash.
 *
 * Threads open, append and close. These calls wait for the disk and for each other, so no thread
 * closes the journal in the midst of an append. Any thread or fiber may read and count at any time,
 * also while the journal is closed; a fiber that does so does not block its thread.
 *
 * Beside it lies "journal.end", which says how many entries were promised, and where the last of
 * them ends. A journal that ends before that has lost entries, however clean its end looks. This
 * file is written after each sync and not synced itself: so after a power failure it may promise
 * less than the journal holds, and never more.
 *
 * A batch is written only when the one before has been synced. So a crash can tear the last batch
 * and nothing else. Recovery cuts a torn last batch off, and keeps it in "journal.torn.1", or a
 * higher number. Damage anywhere before that concerns entries that clients were promised: such a
 * journal is refused, not repaired.
 */
#ifndef LEDGER_JOURNAL_H
#define LEDGER_JOURNAL_H

#include <lifecycle/error.h>
#include <lifecycle/handle.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/**
 * The longest text of an entry, in bytes. It must be free of NUL: see find_later_batch in
 * journal.c.
 */
#define JOURNAL_TEXT_MAX 4096
/** The most entries of one batch. */
#define JOURNAL_BATCH_MAX 1000

struct journal {
    pthread_mutex_t writing; /**< held while it is opened, written, closed; taken before `lock` */
    pthread_mutex_t lock;    /**< held for moments; a holder of `writing` takes it only to change */
    lc_handle *recovered;    /**< closes when it has been opened; NULL: it is not being opened */
    char *path;
    int file;             /**< -1 while closed */
    int end_file;         /**< -1 while closed */
    uint64_t count;       /**< entries on disk */
    off_t size;           /**< the place of the next batch: the end of what has been synced */
    off_t *offsets;       /**< where each entry begins, and `size` at the end: count + 1 of them */
    size_t capacity;      /**< room in `offsets` */
    unsigned char *batch; /**< where a batch is put together */
    bool end_failed;      /**< the promised end could not be written, which has been logged */
    bool failed;          /**< an append has: nothing is appended until it is opened again */
};

void journal_init(struct journal *journal);
void journal_free(struct journal *journal);

/**
 * Opens the journal in a directory, which is made if missing, and recovers it. Locked against other
 * processes. Calls that read or count wait for the end of it.
 */
lc_error *journal_open(struct journal *journal, const char *directory);
/** Closes it. It may be closed, or half open. */
void journal_close(struct journal *journal);

/**
 * Writes entries to disk: one write, one sync. They count, and can be read, when the call has
 * returned. On failure none of them does, and the file is cut back to its length before. If there
 * was no room (journal_is_full) a later append may succeed; after any other failure all further
 * appends fail until the journal is opened again.
 * @param texts  1 to JOURNAL_BATCH_MAX, each of 1 to JOURNAL_TEXT_MAX bytes.
 * @param first  receives the number of the first.
 * @return NULL; -EAGAIN: it is not open, and nothing else is wrong; -EIO and others: it failed.
 */
lc_error *journal_append(struct journal *journal, const struct iovec *texts, size_t count,
                         uint64_t *first);

/** Whether an append has failed only for want of room on the disk. */
bool journal_is_full(const lc_error *error);

/**
 * Reads an entry. The error is for clients: it does not name the journal's path.
 * @param text  room for JOURNAL_TEXT_MAX + 1 bytes; receives the text and a NUL.
 * @return NULL; or -ENOENT: no such entry; -EAGAIN: not open; -EIO and others: it cannot be read.
 */
lc_error *journal_read(struct journal *journal, uint64_t number, char *text);

/** How many entries there are. @return 0, or -EAGAIN if the journal is not open. */
int journal_count(struct journal *journal, uint64_t *count);

#endif
