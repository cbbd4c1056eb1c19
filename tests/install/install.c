/*
 * install.c: what `make install` puts down can be found by pkg-config, compiled against and run:
 * with the shared library, and with the static one.
 */
#include "support/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char program[] =
    "#include <lifecycle.h>\n"
    "int main(void)\n"
    "{\n"
    "    lc_manager_builder *builder = lc_manager_builder_new(\"installed\");\n"
    "    lc_manager_builder_add(builder, LC_WORKER(.name = \"idle\", .run = lc_noop_worker));\n"
    "    lc_manager *manager = NULL;\n"
    "    lc_error *error = lc_manager_builder_build(builder, &manager);\n"
    "    lc_manager_builder_free(builder);\n"
    "    lc_signaler *signaler = lc_signaler_new();\n"
    "    lc_context *context = lc_context_with_signaler(NULL, signaler);\n"
    "    if (error || (error = lc_manager_start(manager, context)) != NULL)\n"
    "        return 1;\n"
    "    if (lc_handle_wait(lc_manager_ready(manager), LC_FOREVER) != 0)\n"
    "        return 2;\n"
    "    lc_context_cancel(context, NULL);\n"
    "    if (lc_handle_wait(lc_manager_done(manager), LC_FOREVER) != 0)\n"
    "        return 3;\n"
    "    lc_manager_unref(manager);\n"
    "    lc_context_unref(context);\n"
    "    lc_signaler_unref(signaler);\n"
    "    return lc_library_shutdown() == 0 ? 0 : 4;\n"
    "}\n";

/** Where it is installed to. */
static char root[32];

/**
 * Runs a shell command and returns its exit status; a command that fails is shown with what it
 * said.
 */
static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...)
{
    char command[4096], said[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);

    /* A make above must not steer the one below, nor a sanitizer the programs made here. */
    char whole[5120];
    snprintf(whole, sizeof whole,
             "exec 2>&1; cd '%s'; unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES BUILD LIBDIR "
             "VARIANT LD_PRELOAD;"
             " export PKG_CONFIG_SYSROOT_DIR='%s' PKG_CONFIG_PATH='%s/usr/lib/pkgconfig'; %s",
             CHECK_SOURCE_DIR, root, root, command);
    FILE *output = popen(whole, "r");
    if (!output)
        return -1;
    size_t used = 0, got;
    while ((got = fread(said + used, 1, sizeof said - 1 - used, output)) > 0) {
        used += got;
        if (used == sizeof said - 1) { /* full: the end matters more than the beginning */
            used /= 2;
            memmove(said, said + sizeof said - 1 - used, used);
        }
    }
    said[used] = '\0';
    int status = pclose(output);
    if (status != 0)
        printf("\n  %s\n  ended with status %d:\n%s\n", command, WEXITSTATUS(status), said);
    return status;
}

/**
 * Installs into a fresh directory. A sanitized build is no user's: under one, an ordinary one is
 * made beside it.
 */
static bool install(void)
{
    snprintf(root, sizeof root, "/tmp/lifecycle-install-XXXXXX");
    if (!mkdtemp(root))
        return false;
    if (shell("make -s install DESTDIR='%s' PREFIX=/usr BUILD='%s%s' %s", root, CHECK_BUILD_DIR,
              *CHECK_VARIANT ? "/plain" : "", *CHECK_VARIANT ? "CC=cc" : "") != 0)
        return false;
    char path[sizeof root + sizeof "/program.c"];
    snprintf(path, sizeof path, "%s/program.c", root);
    FILE *file = fopen(path, "w");
    return file && fputs(program, file) >= 0 && fclose(file) == 0;
}

static void removes(void)
{
    CU_ASSERT_EQUAL(shell("rm -rf '%s'", root), 0);
}

static void runs_with_the_shared_library(void)
{
    CU_ASSERT_TRUE_FATAL(install());
    CU_ASSERT_EQUAL(shell("cc -std=c11 -Wall -Wextra -Werror -o '%s/shared' '%s/program.c' "
                          "$(pkg-config --cflags --libs lifecycle)",
                          root, root),
                    0);
    CU_ASSERT_EQUAL(shell("readelf -d '%s/shared' | grep -q 'NEEDED.*liblifecycle.so.0'", root), 0);
    CU_ASSERT_EQUAL(shell("LD_LIBRARY_PATH='%s/usr/lib' '%s/shared'", root, root), 0);
    removes();
}

static void runs_with_the_static_library(void)
{
    CU_ASSERT_TRUE_FATAL(install());
    /* Without the shared library in its way, -llifecycle means the static one. */
    CU_ASSERT_EQUAL(shell("rm '%s'/usr/lib/liblifecycle.so*", root), 0);
    CU_ASSERT_EQUAL(shell("cc -std=c11 -Wall -Wextra -Werror -o '%s/static' '%s/program.c' "
                          "$(pkg-config --static --cflags --libs lifecycle)",
                          root, root),
                    0);
    CU_ASSERT_EQUAL(shell("'%s/static'", root), 0);
    removes();
}

static void uninstalls(void)
{
    CU_ASSERT_TRUE_FATAL(install());
    CU_ASSERT_EQUAL(
        shell("rm '%s/program.c'; make -s uninstall DESTDIR='%s' PREFIX=/usr", root, root), 0);
    CU_ASSERT_EQUAL(shell("test -z \"$(find '%s' ! -type d)\"", root), 0);
    removes();
}

/*
 * A sanitizer's functions are in the program, not in a shared library that is linked by clang,
 * which then cannot have all its symbols defined. The commands are looked at: to build all takes a
 * minute.
 */
static void sanitized_library_may_leave_symbols_undefined(void)
{
    static const char links[] = "%s make -n libraries BUILD=/tmp/none %s | grep -q -e '-z,defs'";
    CU_ASSERT_EQUAL(shell(links, "", ""), 0);
    CU_ASSERT_EQUAL(
        shell(links, "!", "CC=clang CFLAGS='-g -fsanitize=thread' LDFLAGS=-fsanitize=thread"), 0);
    CU_ASSERT_EQUAL(shell(links, "!", "CFLAGS='-g -fsanitize=address'"), 0);
}

CHECK_SUITE(install_suite, "project: install",
            {"a sanitized shared library may leave symbols undefined",
             sanitized_library_may_leave_symbols_undefined},
            {"a program found by pkg-config runs with the shared library",
             runs_with_the_shared_library},
            {"a program found by pkg-config runs with the static library",
             runs_with_the_static_library},
            {"uninstall leaves nothing", uninstalls});
