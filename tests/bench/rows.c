/*
 * rows.c: see rows.h.
 */
#include "bench/rows.h"

#include "bench/bench.h"
#include "bench/peers.h"

#include <lifecycle.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, PEERS_MAX = 4 };

/* What one row may take at most: a single row does not need the time of all. */
#define ROW_SECONDS_MAX 20.0

struct samples {
    double *values;
    size_t count, room;
};

struct peer {
    char name[32];
    struct samples values;
    struct samples
        ratios; /* ours to theirs, pair by pair: a slow moment of the machine hits both of a pair */
    double value, ratio; /* the medians of both, once the row is measured */
};

struct row {
    struct bench_figure figure;
    struct samples ours;
    struct peer peers[PEERS_MAX];
    unsigned peer_count;
    double spent, last; /* seconds for all samples, and for the last */
};

static struct row *rows;
static size_t row_count;
static struct row *measured; /* the row that asks its peers */

static void samples_add(struct samples *samples, double value)
{
    if (samples->count == samples->room) {
        samples->room = samples->room ? 2 * samples->room : 16;
        samples->values = realloc(samples->values, samples->room * sizeof samples->values[0]);
        if (!samples->values)
            bench_fail("no memory for samples");
    }
    samples->values[samples->count++] = value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double samples_median(struct samples *samples)
{
    qsort(samples->values, samples->count, sizeof samples->values[0], by_value);
    return samples->values[samples->count / 2];
}

void bench_add(const struct bench_figure *figure)
{
    if (!bench_wants(figure->name))
        return;
    rows = realloc(rows, (row_count + 1) * sizeof rows[0]);
    if (!rows)
        bench_fail("no memory for rows");
    rows[row_count++] = (struct row){.figure = *figure};
}

/* ---- a pair of samples ---- */

static struct peer *peer_find(struct row *row, const char *name)
{
    for (unsigned i = 0; i < row->peer_count; i++)
        if (strcmp(row->peers[i].name, name) == 0)
            return &row->peers[i];
    if (row->peer_count == PEERS_MAX)
        bench_fail("too many peers for a figure");
    struct peer *peer = &row->peers[row->peer_count++];
    snprintf(peer->name, sizeof peer->name, "%s", name);
    return peer;
}

/* Beside the last sample of ours. */
static void peer_note(const char *name, double value)
{
    struct peer *peer = peer_find(measured, name);
    samples_add(&peer->values, value);
    samples_add(&peer->ratios, measured->ours.values[measured->ours.count - 1] / value);
}

/*
 * A peer that is a program warms up before each sample, and leaves the caches cold for ours: so do
 * we then.
 */
static double take_warm(const struct bench_figure *figure)
{
    if (figure->peer && !figure->peer_sample)
        figure->ours(figure->n);
    return figure->ours(figure->n);
}

static double sample_ours(const struct bench_figure *figure)
{
    unsigned threads = bench_threads(figure->name);
    return threads > 0 ? bench_in_fiber(threads, take_warm, figure) : take_warm(figure);
}

static void take_pair(struct row *row)
{
    const struct bench_figure *figure = &row->figure;
    int64_t begin = bench_now();
    measured = row;
    samples_add(&row->ours, sample_ours(figure));
    if (figure->peer_sample)
        peer_note(figure->peer, figure->peer_sample(figure->n));
    else if (figure->peer)
        bench_ask_peer(figure->peer, figure->name, peer_note);
    row->last = (double)(bench_now() - begin) / (double)LC_SECOND;
    row->spent += row->last;
}

/* ---- rounds ---- */

/* Takes pairs until the row has spent what it may by now, to half a pair. */
static void row_go_on(struct row *row, double budget)
{
    if (row->ours.count == 0) {
        sample_ours(&row->figure); /* warm-up */
        take_pair(row);
    }
    while (row->spent + row->last / 2 < budget)
        take_pair(row);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void shuffle(size_t *order, size_t count, uint64_t *state)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = next_random(state) % i;
        size_t moved = order[i - 1];
        order[i - 1] = order[other];
        order[other] = moved;
    }
}

void rows_measure(double seconds)
{
    uint64_t state = (uint64_t)bench_now() | 1;
    size_t *order = calloc(row_count + 1, sizeof order[0]);
    if (!order)
        bench_fail("no memory for an order");
    for (size_t i = 0; i < row_count; i++)
        order[i] = i;
    double budget = seconds / (double)(row_count + 1);
    if (budget > ROW_SECONDS_MAX)
        budget = ROW_SECONDS_MAX;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        fprintf(stderr, "round %u of %d\n", round, ROUNDS);
        shuffle(order, row_count, &state);
        for (size_t i = 0; i < row_count; i++)
            row_go_on(&rows[order[i]], budget * round / ROUNDS);
    }
    free(order);
}

/* ---- the table ---- */

static int by_median(const void *a, const void *b)
{
    return by_value(&((const struct peer *)a)->value, &((const struct peer *)b)->value);
}

static const char *unit_of(const char *name)
{
    if (strstr(name, "_allocations"))
        return "";
    return strstr(name, "_bytes") ? "B" : "ns";
}

/* The fastest first. */
static void peers_tell(struct row *row, FILE *table)
{
    for (unsigned i = 0; i < row->peer_count; i++) {
        row->peers[i].value = samples_median(&row->peers[i].values);
        row->peers[i].ratio = samples_median(&row->peers[i].ratios);
    }
    qsort(row->peers, row->peer_count, sizeof row->peers[0], by_median);
    for (unsigned i = 0; i < row->peer_count; i++)
        printf("%s   %s %.0f %s   ratio %.2f", i > 0 ? ";" : "", row->peers[i].name,
               row->peers[i].value, unit_of(row->figure.name), row->peers[i].ratio);
    fprintf(table, "\t%s\t%.1f\t%.3f\n", row->peers[0].name, row->peers[0].value,
            row->peers[0].ratio);
}

static void row_tell(struct row *row, FILE *table)
{
    const struct bench_figure *figure = &row->figure;
    double ours = samples_median(&row->ours);
    printf("%-36s %10.0f %-2s", figure->name, ours, unit_of(figure->name));
    fprintf(table, "%s\t%.1f", figure->name, ours);
    if (row->peer_count > 0) {
        peers_tell(row, table);
    } else if (figure->peer) {
        printf("   %s missing", figure->peer);
        fprintf(table, "\t%s\tmissing\t-\n", figure->peer);
    } else {
        fprintf(table, "\t-\t-\t-\n");
    }
    printf("   (%zu samples)\n", row->ours.count);
}

void rows_tell(const char *path)
{
    FILE *table = fopen(path, "w");
    if (!table)
        bench_fail("cannot write the table");
    for (size_t i = 0; i < row_count; i++)
        row_tell(&rows[i], table);
    if (fclose(table) != 0)
        bench_fail("cannot write the table");
}
