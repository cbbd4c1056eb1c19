/*
 * progress.c: the line on the terminal that shows the progress. It is redrawn in place, with
 * carriage returns and spaces only, which every terminal knows.
 */
#define _GNU_SOURCE
#include "isolates.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INTERVAL (100 * LC_MILLISECOND)
#define LINE_MAX_BYTES 256
#define TEXT_MAX_BYTES (LC_ERROR_MESSAGE_MAX + 1024)

void progress_begin(struct progress *progress, const struct tally *tally, bool wanted)
{
    progress->tally = tally;
    progress->shown = wanted && isatty(STDERR_FILENO);
    progress->next = progress->shown ? lc_deadline_after(INTERVAL) : LC_FOREVER;
    progress->width = 0;
}

/* A line as wide as the terminal would go over into the next. */
static size_t columns(void)
{
    struct winsize size = {.ws_col = 0};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 79;
    return size.ws_col - 1U < LINE_MAX_BYTES ? size.ws_col - 1U : LINE_MAX_BYTES - 1U;
}

/* Whether another job has the terminal: then nothing is drawn. */
static bool in_background(void)
{
    pid_t foreground = tcgetpgrp(STDERR_FILENO);
    return foreground > 0 && foreground != getpgrp();
}

static void draw(struct progress *progress, const char *why)
{
    const struct tally *tally = progress->tally;
    char line[LINE_MAX_BYTES];
    int length =
        snprintf(line, sizeof line,
                 "%" PRIu64 " of %" PRIu64 " files found, %" PRIu64 " MB, %" PRIu64 " words%s",
                 atomic_load(&tally->counted), atomic_load(&tally->found),
                 atomic_load(&tally->bytes) / 1000000, atomic_load(&tally->words), why);
    size_t most = columns();
    size_t width = (size_t)length < most ? (size_t)length : most;
    size_t before = progress->width < most ? progress->width : most; /* it may be narrower by now */
    fprintf(stderr, "\r%-*.*s", (int)(width > before ? width : before), (int)width, line);
    fflush(stderr);
    progress->width = width;
}

void progress_draw(struct progress *progress)
{
    if (!progress->shown || lc_now() < progress->next)
        return;
    if (!in_background())
        draw(progress, "");
    progress->next = lc_deadline_after(INTERVAL);
}

void progress_leave(struct progress *progress, const char *why)
{
    if (!progress->shown || in_background())
        return;
    draw(progress, why);
    fputc('\n', stderr);
    progress->width = 0;
}

void progress_erase(struct progress *progress)
{
    if (progress->width > 0)
        fprintf(stderr, "\r%*s\r", (int)progress->width, "");
    fflush(stderr);
    progress->width = 0;
}

void progress_say(struct progress *progress, const char *format, ...)
{
    char text[TEXT_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at; at++)
        if (iscntrl((unsigned char)*at))
            *at = '?'; /* a file's name may have control characters */
    progress_erase(progress);
    fprintf(stderr, "isolates: %s\n", text);
}
