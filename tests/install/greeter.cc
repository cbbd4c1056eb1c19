// greeter.cc: the greeter in C++20. It greets until SIGTERM; its third greeting fails, and it is restarted.
#include <cerrno>

#include <lifecycle.h>

static lc_error *greet(lc_context *context, lc_ready *ready, void *arg)
{
    const char *name = static_cast<const char *>(arg);
    lc_ready_signal(ready);
    for (int n = 1; lc_context_sleep(context, LC_SECOND / 100) == 0; n++) {
        if (n == 3)
            return lc_error_new(-EIO, "lost its voice");
        lc_log(LC_LOG_INFO, name, "hello %d", n);
    }
    return nullptr;
}

int main()
{
    static char name[] = "greet";
    return lc_service_main(
        LC_SERVICE(.name = "greeter",
                   .nodes = LC_NODES(LC_NODE(.name = "greet", .run = greet, .arg = name))));
}
