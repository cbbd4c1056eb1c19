/*
 * message_queues.c: lib/isolate/message.h: queues of messages, and removal from their middle.
 */
#include "support/check.h"

#include "isolate/message.h"

#include <lifecycle.h>

#include <stdlib.h>

/* The messages of a queue, as text: the port's number of each, with a "t" behind it for a tick. */
static const char *queue_text(const struct lc__messages *queue)
{
    static char text[64];
    size_t length = 0;
    const lc_message *message;
    STAILQ_FOREACH (message, queue, link) {
        text[length++] = (char)('0' + message->port.number);
        if (message->is_tick)
            text[length++] = 't';
    }
    text[length] = '\0';
    return text;
}

/* Appends messages to a queue, written as queue_text() writes them. */
static void queue_fill(struct lc__messages *queue, const char *text)
{
    for (; *text; text++) {
        const lc_send_port port = {.serial = 1, .number = (uint32_t)(*text - '0')};
        bool is_tick = text[1] == 't';
        lc_message *message =
            is_tick ? lc__message_new_tick(port, NULL) : lc__message_new(port, NULL);
        if (!message)
            abort();
        STAILQ_INSERT_TAIL(queue, message, link);
        text += is_tick;
    }
}

static void queue_drop(struct lc__messages *queue)
{
    lc__messages_drop(STAILQ_FIRST(queue));
    STAILQ_INIT(queue);
}

/* A queue can be appended to after any removal: its end is where its last message is. */
static void check_appends(struct lc__messages *queue, const char *expected)
{
    queue_fill(queue, "9");
    CU_ASSERT_STRING_EQUAL(queue_text(queue), expected);
    queue_drop(queue);
}

static void messages_of_one_port_move_in_order(void)
{
    struct lc__messages from = STAILQ_HEAD_INITIALIZER(from), to = STAILQ_HEAD_INITIALIZER(to);
    queue_fill(&from, "121t32");
    queue_fill(&to, "5");
    lc__messages_move(&from, 1, &to);
    CU_ASSERT_STRING_EQUAL(queue_text(&to), "511t");
    CU_ASSERT_STRING_EQUAL(queue_text(&from), "232");
    lc__messages_move(&from, 7, &to);
    CU_ASSERT_STRING_EQUAL(queue_text(&from), "232");
    check_appends(&from, "2329");
    check_appends(&to, "511t9");
}

static void last_messages_move(void)
{
    struct lc__messages from = STAILQ_HEAD_INITIALIZER(from), to = STAILQ_HEAD_INITIALIZER(to);
    queue_fill(&from, "211");
    lc__messages_move(&from, 1, &to);
    check_appends(&from, "29");
    queue_fill(&from, "11");
    lc__messages_move(&from, 1, &to);
    CU_ASSERT_TRUE(STAILQ_EMPTY(&from));
    check_appends(&from, "9");
    check_appends(&to, "11119");
}

static void chain_moves_wrapped_in_a_queue(void)
{
    struct lc__messages made = STAILQ_HEAD_INITIALIZER(made), to = STAILQ_HEAD_INITIALIZER(to);
    queue_fill(&made, "121");
    struct lc__messages chain = {.stqh_first = STAILQ_FIRST(&made)};
    lc__messages_move(&chain, 1, &to);
    CU_ASSERT_STRING_EQUAL(queue_text(&chain), "2");
    CU_ASSERT_STRING_EQUAL(queue_text(&to), "11");
    queue_drop(&chain);
    queue_drop(&to);
}

static void first_counted_message_is_behind_the_ticks(void)
{
    struct lc__messages queue = STAILQ_HEAD_INITIALIZER(queue);
    CU_ASSERT_PTR_NULL(lc__messages_shift_counted(&queue));
    queue_fill(&queue, "1t2t34");
    CU_ASSERT_EQUAL(lc__messages_count(STAILQ_FIRST(&queue)), 2);
    for (uint32_t number = 3; number <= 4; number++) {
        lc_message *message = lc__messages_shift_counted(&queue);
        if (!message)
            abort();
        CU_ASSERT_EQUAL(message->port.number, number);
        lc_message_free(message);
    }
    CU_ASSERT_EQUAL(lc__messages_count(STAILQ_FIRST(&queue)), 0);
    CU_ASSERT_PTR_NULL(lc__messages_shift_counted(&queue));
    check_appends(&queue, "1t2t9");
}

static void dropped_messages_are_counted(void)
{
    struct lc__messages queue = STAILQ_HEAD_INITIALIZER(queue);
    uint64_t before = lc_messages_dropped();
    lc__messages_drop(STAILQ_FIRST(&queue));
    CU_ASSERT_EQUAL(lc_messages_dropped(), before);
    queue_fill(&queue, "12t3");
    queue_drop(&queue);
    CU_ASSERT_EQUAL(lc_messages_dropped(), before + 3);
}

CHECK_SUITE(message_queues, "unit: message queues",
            {"the messages of one port move in order", messages_of_one_port_move_in_order},
            {"the last messages of a queue move", last_messages_move},
            {"a chain moves, wrapped in a queue", chain_moves_wrapped_in_a_queue},
            {"the first counted message is behind the ticks",
             first_counted_message_is_behind_the_ticks},
            {"dropped messages are counted", dropped_messages_are_counted});
