/*
 * given_up.c: see given_up.h.
 */
#include "supervise/given_up.h"

#include "supervise/engine_text.h"
#include "supervise/supervisor.h"

struct list {
    char *text;
    size_t size;
};

static void list_given_up(struct lc__shell *shell, void *arg)
{
    struct list *list = arg;
    lc__engine_list_given_up(&shell->engine, list->text, list->size);
}

void lc__supervisor_given_up(lc_supervisor *supervisor, char *text, size_t size)
{
    struct list list = {text, size};
    lc__shell_call(&supervisor->shell, list_given_up, &list);
}
