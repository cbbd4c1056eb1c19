/*
 * format.h: formats text on a stack that is large enough. Floor 0.
 */
#ifndef LIFECYCLE_BASE_FORMAT_H
#define LIFECYCLE_BASE_FORMAT_H

#include <lifecycle/api.h>

#include <stdarg.h>
#include <stddef.h>

/*
 * As vsnprintf, which takes tens of kilobytes of stack for a large number in "%Lf" or "%f". A fiber
 * calls it on the stack of its thread.
 */
int lc__format(char *text, size_t size, const char *format, va_list arguments) LC_PRINTF(3, 0);

#endif
