/*
 * backtrace.h: where the calling stack comes from, as text. Floor 0.
 */
#ifndef LIFECYCLE_BASE_BACKTRACE_H
#define LIFECYCLE_BASE_BACKTRACE_H

/*
 * The innermost function first, `separator` between them; the first are the library's. For free(3).
 * NULL: no memory.
 */
char *lc__backtrace(const char *separator);

#endif
