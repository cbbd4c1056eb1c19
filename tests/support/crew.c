/*
 * crew.c: see crew.h.
 */
#include "support/crew.h"
#include "support/check.h"

#include "support/mode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the history ---- */

void crew_note(struct crew *crew, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&crew->lock);
    if (crew->history_count == CREW_HISTORY)
        abort();
    char *entry = crew->history[crew->history_count++];
    vsnprintf(entry, sizeof crew->history[0], format, arguments);
    pthread_mutex_unlock(&crew->lock);
    va_end(arguments);
}

static void note(const struct stint *stint, char what)
{
    crew_note(stint->player->crew, "%s%c%u", stint->player->name, what, stint->number);
}

/* Its place from 0; CREW_HISTORY: it is not there. */
static unsigned place_of(struct crew *crew, const char *entry)
{
    unsigned place = 0;
    pthread_mutex_lock(&crew->lock);
    while (place < crew->history_count && strcmp(crew->history[place], entry) != 0)
        place++;
    if (place == crew->history_count)
        place = CREW_HISTORY;
    pthread_mutex_unlock(&crew->lock);
    return place;
}

bool crew_has(struct crew *crew, const char *entry)
{
    return place_of(crew, entry) < CREW_HISTORY;
}

bool crew_before(struct crew *crew, const char *first, const char *second)
{
    unsigned place = place_of(crew, first);
    return place < CREW_HISTORY && crew_has(crew, second) && place < place_of(crew, second);
}

/* ---- a stint ---- */

/* By whoever ends the context, so that the history has it at the right place. */
static void note_told(void *arg)
{
    struct stint *stint = arg;
    if (atomic_exchange(&stint->noted_told, true))
        return;
    note(stint, '~');
    lc_handle_close(stint->told);
}

static lc_error *answer_to_end(struct stint *stint)
{
    switch (stint->player->end) {
    case PLAYER_RETURNS_NULL:
        return NULL;
    case PLAYER_WRAPS:
        return lc_error_wrap(lc_error_ref(lc_context_error(stint->context)), -EPIPE, "cut off");
    case PLAYER_FAILS:
        return lc_error_ref(stint->error);
    case PLAYER_RETURNS_CONTEXT:
    case PLAYER_STAYS:
        break;
    }
    return lc_error_ref(lc_context_error(stint->context));
}

static void say_ready(struct stint *stint, lc_ready *ready)
{
    note(stint, '!');
    lc_ready_signal(ready);
}

/* Until it ends. @return what it ends with. */
static lc_error *follow_orders(struct stint *stint, lc_ready *ready)
{
    struct player *player = stint->player;
    lc_context *until = player->end == PLAYER_STAYS ? NULL : stint->context;
    void *order = NULL;
    while (lc_context_receive(until, stint->orders, &order, LC_FOREVER) == 0) {
        switch ((enum crew_order)(intptr_t)order) {
        case CREW_READY:
            say_ready(stint, ready);
            break;
        case CREW_RETURN:
            return NULL;
        case CREW_THROW:
            stint->throws = true;
            return lc_error_ref(stint->error);
        case CREW_FAIL:
            return lc_error_ref(stint->error);
        case CREW_SIGNAL:
            lc_signal_error(stint->context, lc_error_ref(stint->error));
            break;
        }
    }
    return answer_to_end(stint);
}

static lc_error *work(lc_context *context, lc_ready *ready, void *arg)
{
    struct stint *stint = arg;
    lc_handle_callback *callback = NULL;
    stint->context = lc_context_ref(context);
    stint->entered_at = lc_now();
    note(stint, '+');
    if (lc_handle_on_close(lc_context_done(context), note_told, stint, &callback) != 0)
        abort();
    lc_handle_close(stint->entered);
    if (!stint->player->slow)
        say_ready(stint, ready);
    lc_error *error = follow_orders(stint, ready);
    lc_handle_callback_cancel(callback);
    if (lc_context_error(context))
        note_told(stint); /* the closing may have passed the callback over */
    note(stint, '-');
    lc_handle_close(stint->left);
    if (stint->throws)
        lc_throw(context, error);
    return error;
}

/* ---- what the supervisor is given ---- */

static lc_manager *manager_for(struct stint *stint)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder(stint->player->name);
    lc_manager_builder_add(builder, LC_WORKER(.name = "work", .run = work, .arg = stint));
    if (lc_manager_builder_build(builder, &manager))
        abort();
    lc_manager_builder_free(builder);
    return manager;
}

static lc_error *make_stint(lc_component **component, void *arg)
{
    struct player *player = arg;
    if (player->factory_waits)
        lc_handle_wait(player->factory_waits, LC_FOREVER);
    unsigned number = atomic_load(&player->made) + 1;
    if (number > CREW_STINTS)
        abort(); /* a supervisor that never stops restarting */
    struct stint *stint = &player->stints[number - 1];
    note(stint, '*');
    if (number == player->factory_fails_at && !player->factory_failed) {
        player->factory_failed = true;
        return lc_error_ref(player->factory_error);
    }
    stint->manager = manager_for(stint);
    *component = lc_manager_component(lc_manager_ref(stint->manager));
    atomic_store(&player->made, number);
    lc_handle_close(stint->made);
    return NULL;
}

static lc_behavior judge(const lc_failure *failure, void *arg)
{
    struct player *player = arg;
    if (failure->error == player->factory_error) {
        atomic_fetch_add(&player->factory_asked, 1);
        return player->factory_answer;
    }
    unsigned number = atomic_load(&player->made);
    struct stint *stint = &player->stints[number - 1];
    if (stint->judged)
        abort(); /* once an instance */
    stint->judged = lc_error_ref(failure->error);
    stint->done_when_asked = lc_handle_is_closed(lc_manager_done(stint->manager));
    note(stint, '?');
    atomic_fetch_add(&player->asked, 1);
    lc_handle_close(stint->asked);
    if (player->handler_waits)
        lc_handle_wait(player->handler_waits, LC_FOREVER);
    return player->answers[number - 1];
}

/* ---- a player ---- */

static void stint_init(struct stint *stint, struct player *player, unsigned number)
{
    int code = -(int)(100 + (player->crew->count * CREW_STINTS) + number - 1);
    stint->player = player;
    stint->number = number;
    stint->made = lc_handle_new();
    stint->entered = lc_handle_new();
    stint->told = lc_handle_new();
    stint->left = lc_handle_new();
    stint->asked = lc_handle_new();
    stint->error = lc_error_new(code, "%s failed the %u. time", player->name, number);
    if (check_code(lc_channel_new(LC_CHANNEL(.capacity = CREW_STINTS), &stint->orders)) != 0)
        abort();
}

static void stint_drop(struct stint *stint)
{
    if (stint->manager)
        CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_done(stint->manager)) || !stint->context);
    lc_manager_unref(stint->manager);
    lc_context_unref(stint->context);
    lc_channel_unref(stint->orders);
    lc_handle_unref(stint->made);
    lc_handle_unref(stint->entered);
    lc_handle_unref(stint->told);
    lc_handle_unref(stint->left);
    lc_handle_unref(stint->asked);
    lc_error_unref(stint->error);
    lc_error_unref(stint->judged);
}

/* "name", "name:condition", either with a plus sign. */
static void depend_on(struct player *player, char *text)
{
    size_t index = player->dependency_count++;
    lc_dependency *dependency = &player->dependencies[index];
    dependency->size = sizeof *dependency;
    player->dependency_list[index] = dependency;
    size_t length = strlen(text);
    dependency->restart_along = text[length - 1] == '+';
    text[length - dependency->restart_along] = '\0';
    char *condition = strchr(text, ':');
    if (condition) {
        *condition++ = '\0';
        dependency->condition =
            strcmp(condition, "started") == 0 ? LC_WHEN_STARTED : LC_WHEN_COMPLETED;
    }
    snprintf(player->dependency_names[index], sizeof player->dependency_names[index], "%s", text);
    dependency->name = player->dependency_names[index];
}

struct player *crew_player(struct crew *crew, const char *name, const char *dependencies)
{
    if (crew->count == CREW_PLAYERS)
        abort();
    struct player *player = &crew->players[crew->count];
    char *left = NULL, text[CREW_PLAYERS * LC_NAME_MAX];
    player->crew = crew;
    snprintf(player->name, sizeof player->name, "%s", name);
    player->node = (lc_node){.size = sizeof(lc_node)};
    player->node.name = player->name;
    player->node.factory = make_stint;
    player->node.arg = player;
    player->node.judge = judge;
    player->node.judge_arg = player;
    player->node.kind = check_kind();
    player->node.backoff.first = LC_NONE;
    player->node.dependencies = player->dependency_list;
    snprintf(text, sizeof text, "%s", dependencies);
    for (char *one = strtok_r(text, " ", &left); one; one = strtok_r(NULL, " ", &left))
        depend_on(player, one);
    player->factory_error = lc_error_new(-ENODEV, "there is no %s", name);
    for (unsigned number = 1; number <= CREW_STINTS; number++)
        stint_init(&player->stints[number - 1], player, number);
    crew->count++;
    return player;
}

static void player_drop(struct player *player)
{
    for (unsigned i = 0; i < CREW_STINTS; i++)
        stint_drop(&player->stints[i]);
    lc_error_unref(player->factory_error);
    lc_handle_unref(player->factory_waits);
    lc_handle_unref(player->handler_waits);
}

/* ---- the crew ---- */

struct crew *crew_new(void)
{
    struct crew *crew = calloc(1, sizeof *crew);
    if (!crew || pthread_mutex_init(&crew->lock, NULL) != 0)
        abort();
    crew->options = (lc_supervisor_options){.size = sizeof(lc_supervisor_options)};
    crew->options.name = "crew";
    crew->options.halt = LC_HALT_RETURN;
    crew->context = lc_context_new(NULL);
    crew->finished = lc_handle_new();
    return crew;
}

lc_supervisor *crew_supervisor(struct crew *crew)
{
    enum { EVENTS = 10000 };
    if (crew->supervisor)
        return crew->supervisor;
    CHECK_SUCCESS(lc_supervisor_new(&crew->options, &crew->supervisor));
    crew->observer = lc_supervisor_observe(crew->supervisor, EVENTS);
    if (!crew->observer)
        abort();
    return crew->supervisor;
}

lc_error *crew_join(struct player *player)
{
    lc_supervisor *supervisor = crew_supervisor(player->crew);
    player->joined = true;
    check_clock_use(player->crew->clock);
    lc_error *error = lc_supervisor_add(supervisor, &player->node);
    check_clock_use(NULL);
    return error;
}

static void run(void *arg)
{
    struct crew *crew = arg;
    check_clock_use(crew->clock);
    crew->runner = doer_self();
    crew->behavior = (lc_behavior)99;
    crew->result = lc_supervisor_run(crew->supervisor, crew->context, &crew->behavior);
    check_clock_use(NULL);
    crew_note(crew, "returned");
    lc_handle_close(crew->finished);
}

void crew_begin(struct crew *crew)
{
    crew_supervisor(crew);
    for (unsigned i = 0; i < crew->count; i++)
        if (!crew->players[i].joined)
            CHECK_SUCCESS(crew_join(&crew->players[i]));
    helper_start(&crew->helper, run, crew);
}

void crew_end(struct crew *crew)
{
    CU_ASSERT_TRUE(crew_comes(crew, crew->finished));
    helper_join(&crew->helper);
}

void crew_cancel(struct crew *crew)
{
    lc_context_cancel(crew->context, NULL);
    crew_end(crew);
}

void crew_drop(struct crew *crew)
{
    lc_observer_free(crew->observer);
    lc_supervisor_unref(crew->supervisor);
    for (unsigned i = 0; i < crew->count; i++)
        player_drop(&crew->players[i]);
    lc_error_unref(crew->result);
    lc_handle_unref(crew->finished);
    lc_context_unref(crew->context);
    if (crew->clock)
        check_clock_free(crew->clock);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}

/* ---- telling players, and waiting ---- */

void crew_order(struct player *player, unsigned number, enum crew_order order)
{
    struct stint *stint = &player->stints[number - 1];
    CU_ASSERT_TRUE(crew_comes(player->crew, stint->entered));
    CU_ASSERT_EQUAL(lc_channel_send(stint->orders, (void *)(intptr_t)order, LC_NOW), 0);
}

struct coming {
    struct crew *crew;
    lc_waitable what;
};

static bool has_come(void *arg)
{
    struct coming *coming = arg;
    check_clock_advance(coming->crew->clock, 0);
    return lc_wait_any(&coming->what, 1, LC_NOW) == 0;
}

static bool comes(struct crew *crew, lc_waitable what)
{
    struct coming coming = {crew, what};
    if (crew->clock && !lc_is_simulated())
        return check_until(has_come, &coming);
    return lc_wait_any(&what, 1, check_patience()) == 0;
}

bool crew_comes(struct crew *crew, lc_handle *handle)
{
    return comes(crew, lc_on_handle(handle));
}

/* Passes events over until one is about this: of a node and its state, or, without a node, of a kind. */
static int64_t await_event(struct crew *crew, const char *name, lc_node_state state,
                           lc_event_kind kind)
{
    lc_event *event = NULL;
    int64_t time = 0;
    bool found = false;
    while (!found) {
        bool there = comes(crew, lc_on_observer(crew->observer)) &&
                     lc_observer_next(crew->observer, &event, LC_NOW) == 0;
        CU_ASSERT_TRUE(there);
        if (!there)
            return 0;
        found = event->kind == kind && strcmp(event->name, name) == 0 &&
                (kind != LC_EVENT_STATE || event->state == state);
        time = event->time;
        lc_event_free(event);
    }
    return time;
}

int64_t crew_sees(struct player *player, lc_node_state state)
{
    return await_event(player->crew, player->name, state, LC_EVENT_STATE);
}

void crew_sees_kind(struct crew *crew, lc_event_kind kind)
{
    await_event(crew, "", LC_NODE_WAITING, kind);
}

void crew_is_quiet(struct crew *crew)
{
    lc_event *event = NULL;
    int result = lc_observer_next(crew->observer, &event, LC_NOW);
    CU_ASSERT_EQUAL(result, -ETIMEDOUT);
    if (result == 0)
        lc_event_free(event);
}
