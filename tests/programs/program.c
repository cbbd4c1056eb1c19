/*
 * program.c: a shared object that tests spawn isolates from. The first message says where its
 * entries are to answer.
 */
#include <lifecycle/isolate.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static lc_send_port port_in(const lc_message *first)
{
    return first ? *(const lc_send_port *)lc_message_data(first) : LC_NO_PORT;
}

static void say(lc_send_port port, const char *text)
{
    lc_send(port, text, strlen(text));
}

/* Says its arguments, and whether a NULL is behind them. */
static lc_error *tell_arguments(int count, char **arguments, lc_message *first)
{
    if (!first)
        return lc_error_new(-ENOENT, "no first message");
    for (int i = 0; i < count; i++)
        say(port_in(first), arguments[i]);
    say(port_in(first), arguments[count] ? "no end" : "end");
    return NULL;
}
LC_ISOLATE_PROGRAM(lc_isolate_main, tell_arguments);

static lc_error *answer(lc_message *message, void *arg)
{
    lc_receive_port port = {lc_message_port(message)};
    (void)arg;
    say(port_in(message), "answer");
    lc_port_close(port);
    return NULL;
}

/* Lives, for one message: says where it is to be sent. */
static lc_error *live_for_one(int count, char **arguments, lc_message *first)
{
    lc_receive_port port;
    (void)count;
    (void)arguments;
    lc_error *error = lc_port_open(LC_PORT(.handler = answer), &port);
    if (error)
        return error;
    lc_send(port_in(first), &port.send, sizeof port.send);
    return NULL;
}
LC_ISOLATE_PROGRAM(one_message, live_for_one);

static lc_error *end_at_once(void *arg)
{
    (void)arg;
    return NULL;
}

/* Says its name, and how many isolates there are in its group, alone and with one of its own. */
static lc_error *tell_group(int count, char **arguments, lc_message *first)
{
    lc_isolate self;
    lc_isolate_group *group = lc_isolate_group_current();
    lc_isolate_options options = {.size = sizeof options};
    char text[128] = "";
    (void)count;
    (void)arguments;
    lc_isolate_current(&self);
    lc_isolate_copy_name(self, text, sizeof text);
    say(port_in(first), text);
    snprintf(text, sizeof text, "%zu", lc_isolate_group_count(group));
    say(port_in(first), text);
    options.entry = end_at_once;
    options.hold_at_start = true;
    lc_isolate held;
    lc_error *error = lc_isolate_spawn(&options, &held);
    if (error)
        return error;
    snprintf(text, sizeof text, "%zu", lc_isolate_group_count(group));
    say(port_in(first), text);
    lc_isolate_kill(held, LC_PRIORITY_DEFAULT);
    return NULL;
}
LC_ISOLATE_PROGRAM(group, tell_group);

static lc_error *fail(int count, char **arguments, lc_message *first)
{
    (void)first;
    return lc_error_new(-100, "%s", count > 0 ? arguments[0] : "failed");
}
LC_ISOLATE_PROGRAM(failing, fail);

/* What a spawn is to refuse. */
LC_API extern const lc_isolate_program older, smaller, empty;
const lc_isolate_program older = {sizeof(lc_isolate_program), LC_ISOLATE_PROGRAM_VERSION + 7, fail};
const lc_isolate_program smaller = {sizeof(lc_isolate_program) - 1, LC_ISOLATE_PROGRAM_VERSION,
                                    fail};
const lc_isolate_program empty = {sizeof(lc_isolate_program), LC_ISOLATE_PROGRAM_VERSION, NULL};

/* Symbols that are no programs, though what is read there may look like one. */
LC_API extern int a_function(void);
int a_function(void)
{
    return 0;
}
LC_API extern const uint32_t tiny;
const uint32_t tiny = sizeof(lc_isolate_program);
LC_API extern _Thread_local lc_isolate_program of_each_thread;
_Thread_local lc_isolate_program of_each_thread = {sizeof(lc_isolate_program),
                                                   LC_ISOLATE_PROGRAM_VERSION, fail};
LC_API extern lc_isolate_program two[2];
lc_isolate_program two[2];
/* An object of the right size that begins between two words. */
__asm__(".globl crooked\n"
        ".set crooked, two + 1\n"
        ".type crooked, %object\n"
        ".size crooked, 24\n");
