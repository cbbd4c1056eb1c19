/*
 * rows.h: the rows of the table: their samples are taken in several rounds, each in an order drawn
 * by chance, so that a slow minute of the machine does not fall on one row. A row has a budget of
 * time, not a number of samples.
 */
#ifndef LIFECYCLE_TESTS_BENCH_ROWS_H
#define LIFECYCLE_TESTS_BENCH_ROWS_H

/*
 * Measures all rows that were added, in about so many seconds. A row takes at least one sample,
 * however long.
 */
void rows_measure(double seconds);
/* Prints the table and writes it to the file at `path`. */
void rows_tell(const char *path);

#endif
