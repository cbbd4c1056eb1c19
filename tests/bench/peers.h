/*
 * peers.h: programs in other languages that do the same work. They are built from peers/ into
 * BUILD/bench-peers, and called there as
 *
 *     PROGRAM THREADS ROUNDS [WORD]
 *
 * They print "# version", then for each figure with WORD in its name a line
 * "figure<TAB>peer<TAB>value", and one for each way where they do the work in several: the median
 * of ROUNDS samples, in the figure's unit. A program that is not there, or a figure that it does
 * not know, is no error.
 */
#ifndef LIFECYCLE_TESTS_BENCH_PEERS_H
#define LIFECYCLE_TESTS_BENCH_PEERS_H

/* What is done with a peer's value. */
typedef void (*bench_note)(const char *peer, double value);

/*
 * Runs the program for one sample of a figure, and hands each value it prints to `note`. A figure
 * with a name that ends in no number of threads is asked for with one.
 */
void bench_ask_peer(const char *program, const char *figure, bench_note note);

/* Prints the versions of all programs, in one line. */
void bench_print_peer_versions(void);

#endif
