/*
 * proc.h: what proc(5) tells of a thread of this process. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_PROC_H
#define LIFECYCLE_EXECUTOR_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads /proc/self/task/THREAD/NAME into `text`, as a string. `thread` is the number that the
 * system counts the thread by. @return whether the file is there and says something.
 */
bool lc__proc_read(int thread, const char *name, char *text, size_t size);
/*
 * How long the thread has run, and how long it was ready and waited for a processor, in
 * nanoseconds. The system counts a wait only once it is over.
 * @return false if the system does not tell: then both are 0.
 */
bool lc__proc_times(int thread, int64_t *ran, int64_t *queued);

#endif
