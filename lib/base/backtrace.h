/*
 * backtrace.h: where the calling stack comes from, as text. Floor 0.
 */
#ifndef LIFECYCLE_BASE_BACKTRACE_H
#define LIFECYCLE_BASE_BACKTRACE_H

/*
 * @return the functions, the innermost first, with `separator` between them, for free(3). The first
 * of them are the library's. NULL: no memory.
 */
char *lc__backtrace(const char *separator);

#endif
