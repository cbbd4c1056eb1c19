/*
 * filter.h: a text goes through a command of the system's, as through jq, and is read back.
 */
#ifndef LIFECYCLE_TESTS_FILTER_H
#define LIFECYCLE_TESTS_FILTER_H

#include <stddef.h>

/**
 * What the command writes to its standard output, for free(). A terminator follows it; there may be
 * more of them in it. It reads the text, of `size` bytes, from its standard input.
 */
char *filter_text(const char *text, size_t size, const char *command);

#endif
