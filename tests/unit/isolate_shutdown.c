/*
 * isolate_shutdown.c: a thread that was told of an isolate's end, or has a timer's message, may
 * take the library down at once, though a thread of the library is not yet done with it.
 */
#include "support/check.h"
#include "support/isolates.h"

#include <errno.h>

static lc_error *do_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

static void spawn(lc_send_port on_exit, lc_isolate *isolate)
{
    lc_isolate_options options = {.size = sizeof options};
    options.entry = do_nothing;
    options.on_exit = on_exit;
    CHECK_SUCCESS(lc_isolate_spawn(&options, isolate));
}

static unsigned rounds(void)
{
    return check_fewer(check_count(300, 3000));
}

static void exit_message_is_enough(void)
{
    for (unsigned i = 0; i < rounds(); i++) {
        lc_receive_port probe = probe_open();
        spawn(probe.send, NULL);
        PROBE_GETS(probe, 0);
        probe_close(probe);
        CU_ASSERT_EQUAL_FATAL(lc_library_shutdown(), 0);
    }
}

static void done_is_enough(void)
{
    for (unsigned i = 0; i < rounds(); i++) {
        lc_isolate isolate;
        spawn(LC_NO_PORT, &isolate);
        lc_handle *done = lc_isolate_done(isolate);
        CHECK_CLOSES(done);
        lc_handle_unref(done);
        CU_ASSERT_EQUAL_FATAL(lc_library_shutdown(), 0);
    }
}

static void timers_message_is_enough(void)
{
    for (unsigned i = 0; i < rounds(); i++) {
        lc_receive_port probe = probe_open();
        CU_ASSERT_EQUAL(lc_timer_start(probe.send, NULL, 0, 0, NULL), 0);
        PROBE_GETS(probe, 0);
        probe_close(probe);
        CU_ASSERT_EQUAL_FATAL(lc_library_shutdown(), 0);
    }
}

static void living_isolate_keeps_the_library_up(void)
{
    struct agent agent;
    struct gate gate;
    agent_start(&agent);
    gate_init(&gate);
    check_log_capture();
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    CU_ASSERT_TRUE(check_log_has("agent"));
    agent_waits(&agent, &gate);
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    check_log_release();
    lc_handle_close(gate.open);
    agent_does(&agent, do_nothing, NULL); /* nothing was taken down */
    agent_stop(&agent);
    gate_drop(&gate);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
}

static void open_port_keeps_the_library_up(void)
{
    lc_receive_port probe = probe_open();
    check_log_capture();
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    CU_ASSERT_TRUE(check_log_has("ports of threads and fibers"));
    check_log_release();
    send_number(probe.send, 1);
    PROBE_GETS(probe, 1);
    probe_close(probe);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
}

CHECK_SUITE(isolate_shutdown, "unit: isolates: shutdown",
            {"an isolate's exit message allows a shutdown at once", exit_message_is_enough},
            {"an isolate that is done allows a shutdown at once", done_is_enough},
            {"a timer's message allows a shutdown at once", timers_message_is_enough},
            {"a living isolate keeps the library up, and is named",
             living_isolate_keeps_the_library_up},
            {"an open port of a thread keeps the library up", open_port_keeps_the_library_up});
