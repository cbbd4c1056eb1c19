/*
 * store.c: keys and values in SQLite. That blocks its thread, so no fiber calls it: a store is a
 * thread with a queue. What comes while one batch is being synced is the next batch.
 */
#include "kv.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

/* The writer and readers do not wait for each other (WAL); what is committed is on disk (FULL). */
static const char setup[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                            "CREATE TABLE IF NOT EXISTS kv (key BLOB PRIMARY KEY, value BLOB)";
enum statement { SELECT, UPDATE, INSERT, DELETE, STATEMENTS };
static const char *const texts[STATEMENTS] = {
    "SELECT value FROM kv WHERE key = ?1", "UPDATE kv SET value = ?2 WHERE key = ?1",
    "INSERT INTO kv (key, value) VALUES (?1, ?2)", "DELETE FROM kv WHERE key = ?1"};

struct base {
    sqlite3 *connection;
    sqlite3_stmt *statements[STATEMENTS];
};

static bool base_open(struct base *base, const char *path)
{
    bool well = sqlite3_open(path, &base->connection) == SQLITE_OK &&
                sqlite3_exec(base->connection, setup, NULL, NULL, NULL) == SQLITE_OK;
    for (int i = 0; i < STATEMENTS && well; i++)
        well = !sqlite3_prepare_v2(base->connection, texts[i], -1, &base->statements[i], NULL);
    return well;
}

/** @return how many rows it has found or changed; -1 if it has failed. */
static int base_step(struct base *base, enum statement which, struct request *request)
{
    sqlite3_stmt *statement = base->statements[which];
    sqlite3_bind_blob(statement, 1, request->key, (int)request->key_length, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, request->value, (int)request->length, SQLITE_STATIC);
    bool found = sqlite3_step(statement) == SQLITE_ROW;
    if (found) {
        const void *value = sqlite3_column_blob(statement, 0);
        size_t length = (size_t)sqlite3_column_bytes(statement, 0);
        request->found_length = length < VALUE_MAX ? length : VALUE_MAX;
        memcpy(request->found, value ? value : "", request->found_length);
    }
    if (sqlite3_reset(statement) != SQLITE_OK) /* without it the statement keeps what it sees */
        return -1;
    return which == SELECT ? found : sqlite3_changes(base->connection);
}

/** Does what is asked, within a transaction. @return whether it has not failed. */
static bool base_serve(struct base *base, struct request *request)
{
    char verb = request->verb;
    int rows = base_step(base, verb == 'G' ? SELECT : verb == 'P' ? UPDATE : DELETE, request);
    request->status = rows > 0 ? "200 OK" : verb == 'P' ? "201 Created" : "404 Not Found";
    return (rows == 0 && verb == 'P' ? base_step(base, INSERT, request) : rows) >= 0;
}

/**
 * Serves what is queued in one transaction, which begins when no more is taken: so a get sees what
 * was answered before that get was sent. Unless all is `well`, the answer is that there is none.
 */
static bool serve_batch(struct base *base, lc_channel *queue, void *next, bool well)
{
    struct request *batch[BATCH_MAX];
    size_t count = 0;
    do {
        batch[count++] = next;
    } while (count < BATCH_MAX && lc_channel_receive(queue, &next, LC_NOW) == 0);
    well = well && !sqlite3_exec(base->connection, "BEGIN", NULL, NULL, NULL);
    for (size_t i = 0; i < count && well; i++)
        well = base_serve(base, batch[i]);
    well = well && !sqlite3_exec(base->connection, "COMMIT", NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        if (!well)
            batch[i]->status = "503 Service Unavailable";
        lc_handle_close(batch[i]->answered); /* the request may be gone now */
    }
    return well;
}

static void queue_release(void *queue)
{
    lc_channel_unref(queue);
}

lc_error *store_run(lc_context *context, lc_ready *ready, void *arg)
{
    struct store *store = arg;
    struct base base = {.connection = NULL};
    lc_channel *queue = NULL;
    void *next = NULL;
    lc_error *error = lc_channel_new(NULL, &queue);
    if (!error && lc_watch_publish(store->queue, queue, queue_release) < 0) {
        error = lc_error_new(-ENOMEM, "no memory for the queue of a store");
        queue_release(queue);
    }
    if (error)
        return error;
    bool well = base_open(&base, store->path);
    if (well)
        lc_ready_signal(ready);
    while (well && lc_context_receive(context, queue, &next, LC_FOREVER) == 0)
        well = serve_batch(&base, queue, next, true);
    if (!well)
        error = lc_error_new(-EIO, "%s: %s", store->path, sqlite3_errmsg(base.connection));
    lc_channel_close(queue); /* takes no more; what it has taken is answered */
    while (lc_channel_receive(queue, &next, LC_NOW) == 0)
        serve_batch(&base, queue, next, false);
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(base.statements[i]);
    sqlite3_close(base.connection); /* rolls back what was not committed */
    return error;
}

void store_ask(struct store *store, lc_context *context, struct request *request)
{
    lc_watch_value *queue = lc_watch_read(store->queue);
    request->answered = lc_handle_new();
    request->status = "503 Service Unavailable";
    if (queue && request->answered &&
        lc_context_send(context, lc_watch_value_data(queue), request, LC_FOREVER) == 0)
        lc_handle_wait(request->answered, LC_FOREVER);
    lc_handle_unref(request->answered);
    lc_watch_value_unref(queue);
}
