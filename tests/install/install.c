/*
 * install.c: what `make install` puts down can be found by pkg-config, compiled against and run:
 * with the shared library, and with the static one, from C and from C++.
 */
#include "support/check.h"

#include <lifecycle.h>

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
    CU_ASSERT_EQUAL(shell("readelf -d '%s/shared' | grep -q 'NEEDED.*liblifecycle.so.0.2'", root),
                    0);
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

/* ---- programs in C++ ---- */

#define CXX_WARNINGS "-Wall -Wextra -Wpedantic -Werror"

/* Makes $root/NAME of NAME.cc beside this file. */
static bool compile_cxx(const char *compiler, const char *standard, const char *name)
{
    return shell("%s -std=%s " CXX_WARNINGS " -O2 -o '%s/%s' tests/install/%s.cc "
                 "$(pkg-config --cflags --libs lifecycle)",
                 compiler, standard, root, name, name) == 0;
}

/*
 * The greeter has failed, was restarted, and ends as a service does. Its pipe is held open, so that
 * it can write to the end.
 */
static bool greeter_ends(void)
{
    return shell("cd '%s' && rm -f said && mkfifo said && exec 3<>said && "
                 "{ LD_LIBRARY_PATH='%s/usr/lib' ./greeter 2>said & } && "
                 "timeout 60 grep -q -m 1 'ready again after restart 1' <&3; found=$?; "
                 "kill -TERM $! && wait $! && exit $found",
                 root, root) == 0;
}

static void run_cxx(const char *compiler)
{
    static const struct {
        const char *standard, *name;
    } simulated[] = {{"c++17", "zeroed"}, {"c++20", "graph"}};
    for (size_t i = 0; i < sizeof simulated / sizeof simulated[0]; i++, check_goes_on()) {
        CU_ASSERT_TRUE(compile_cxx(compiler, simulated[i].standard, simulated[i].name));
        CU_ASSERT_EQUAL(
            shell("LD_LIBRARY_PATH='%s/usr/lib' timeout 60 '%s/%s'", root, root, simulated[i].name),
            0);
    }
    CU_ASSERT_TRUE(compile_cxx(compiler, "c++20", "greeter") && greeter_ends());
}

static void runs_from_cxx(void)
{
    CU_ASSERT_TRUE_FATAL(install());
    run_cxx("g++");
    run_cxx("clang++");
    removes();
}

/* What options.h says of C++ is so: the order of the fields is that of the header. */
static void cxx_keeps_to_the_order_of_fields(void)
{
    static const char check[] =
        "printf '%%s\n' '#include <lifecycle.h>' 'int main() { return lc_service_main("
        "LC_SERVICE(%s)); }' >'%s/order.cc' && "
        "%s g++ -std=c++20 -fsyntax-only $(pkg-config --cflags lifecycle) '%s/order.cc'";
    CU_ASSERT_TRUE_FATAL(install());
    CU_ASSERT_EQUAL(shell(check, ".name = \"a\", .kind = LC_FIBER", root, "", root), 0);
    CU_ASSERT_EQUAL(shell(check, ".kind = LC_FIBER, .name = \"a\"", root, "!", root), 0);
    removes();
}

/* ---- programs of an earlier and of a later header ---- */

/*
 * The structs of options, each with a call that reads it. A new one is added here. The
 * program that is made of a row has `options`, of the fields given, and returns what the call says.
 */
#define GROWING(header, type, word, fields, call)                                                  \
    {                                                                                              \
        header, #type, sizeof(type), word, fields, call                                            \
    }
static const struct growing {
    const char *header, *type;
    size_t size;
    int word; /* how many fields make up the last word: so many fewer make the struct smaller */
    const char *fields, *call;
} growing[] = {
    GROWING("log.h", lc_log_sink, 1, ".write = write_nothing", "return lc_log_set_sink(options);"),
    GROWING("executor.h", lc_executor_options, 1, ".name = \"own\", .threads = 1",
            "lc_executor *made = NULL; int code = code_of(lc_executor_new(options, &made));"
            "if (made) lc_executor_free(made); return code;"),
    GROWING("executor.h", lc_fiber_options, 1, ".name = \"own\", .run = do_nothing",
            "return lc_fiber_start(options);"),
    GROWING("worker.h", lc_worker, 1, ".name = \"own\", .run = lc_noop_worker",
            "return with_worker(options);"),
    GROWING("supervisor.h", lc_dependency, 2, ".name = \"other\"",
            "const lc_dependency *const needs[] = {options, NULL};"
            "return with_nodes(LC_NODES(LC_NODE(.name = \"other\", .run = lc_noop_worker),"
            "LC_NODE(.name = \"own\", .run = lc_noop_worker, .dependencies = needs)));"),
    GROWING("supervisor.h", lc_node, 1, ".name = \"own\", .run = lc_noop_worker",
            "const lc_node *const nodes[] = {options, NULL}; return with_nodes(nodes);"),
    GROWING("supervisor.h", lc_supervisor_options, 1, ".name = \"own\"",
            "lc_supervisor *made = NULL; int code = code_of(lc_supervisor_new(options, &made));"
            "lc_supervisor_unref(made); return code;"),
    GROWING("run.h", lc_run_options, 1, ".name = \"own\", .factory = make_component",
            "lc_context *ended = lc_context_new(NULL); lc_context_cancel(ended, NULL);"
            "int code = code_of(lc_component_run(options, ended, NULL));"
            "lc_context_unref(ended); return code == -ECANCELED ? 0 : code;"),
    GROWING("service.h", lc_service_options, 1, ".name = \"own\", .nodes = nodes",
            "int status = lc_service_main(options);"
            "return status == 0 ? 0 : -EINVAL;"),
    GROWING("tree.h", lc_child, 1, ".name = \"own\", .run = run_nothing",
            "return with_tree(LC_TREE(.root = options));"),
    GROWING("tree.h", lc_child_group, 1, ".children = children", "return with_group(options);"),
    GROWING("tree.h", lc_tree_options, 1, ".root = &root", "return with_tree(options);"),
    GROWING("task_group.h", lc_task_group_options, 1, ".name = \"own\"",
            "lc_task_group *made = lc_task_group_new(options); int code = made ? 0 : -EINVAL;"
            "lc_task_group_unref(made); return code;"),
    GROWING("channel.h", lc_channel_options, 1, ".capacity = 3",
            "lc_channel *made = NULL; int code = code_of(lc_channel_new(options, &made));"
            "lc_channel_unref(made); return code;"),
    GROWING("port.h", lc_port_options, 1, ".arg = NULL",
            "lc_receive_port port; int code = code_of(lc_port_open(options, &port));"
            "if (code == 0) lc_port_close(port); return code;"),
    GROWING("isolate.h", lc_isolate_options, 1, ".name = \"own\", .entry = enter",
            "lc_isolate isolate; return code_of(lc_isolate_spawn(options, &isolate));"),
    GROWING(
        "isolate.h", lc_isolate_group_options, 1, ".name = \"own\"",
        "lc_isolate_group *made = NULL; int code = code_of(lc_isolate_group_new(options, &made));"
        "if (made) lc_isolate_group_unref(made); return code;"),
    GROWING(
        "simulate.h", lc_simulation_options, 1, ".seed = 7",
        "lc_executor *made = NULL; int code = code_of(lc_executor_new_simulated(options, &made));"
        "if (made) lc_executor_free(made); return code;"),
};

/* What the calls of the table use. */
static const char growing_program[] =
    "#include <errno.h>\n#include <stdlib.h>\n#include <lifecycle.h>\n"
    "_Static_assert(sizeof(TYPE) COMPARED, \"the header was not changed\");\n"
    "static int code_of(lc_error *error)\n"
    "{ int code = lc_error_code(error); lc_error_unref(error); return code; }\n"
    "void write_nothing(const lc_log_record *record, void *arg);\n"
    "void write_nothing(const lc_log_record *record, void *arg) { (void)record; (void)arg; }\n"
    "void do_nothing(void *arg);\nvoid do_nothing(void *arg) { (void)arg; }\n"
    "lc_error *run_nothing(lc_context *context, void *arg);\n"
    "lc_error *run_nothing(lc_context *context, void *arg)\n"
    "{ (void)arg; lc_runnable_signal_healthy(context); lc_runnable_signal_done(context);"
    " return NULL; }\n"
    "lc_error *work(lc_context *context, lc_ready *ready, void *arg);\n"
    "lc_error *work(lc_context *context, lc_ready *ready, void *arg)\n"
    "{ (void)context; (void)arg; lc_ready_signal(ready); return NULL; }\n"
    "lc_error *enter(void *arg);\nlc_error *enter(void *arg) { (void)arg; return NULL; }\n"
    "lc_error *make_component(lc_component **component, void *arg);\n"
    "lc_error *make_component(lc_component **component, void *arg)\n"
    "{ (void)component; (void)arg; return lc_error_new(-EIO, \"not to be made\"); }\n"
    "extern const lc_node *const nodes[];\nextern const lc_child *const children[];\n"
    "extern const lc_child root;\n"
    "static const lc_node brief = {.size = sizeof brief, .name = \"brief\", .run = work};\n"
    "const lc_node *const nodes[] = {&brief, NULL};\n"
    "const lc_child root = {.size = sizeof root, .name = \"root\", .run = run_nothing};\n"
    "static const lc_child child = {.size = sizeof child, .name = \"child\", .run = run_nothing};\n"
    "const lc_child *const children[] = {&child, NULL};\n"
    "int with_worker(const lc_worker *worker);\n"
    "int with_worker(const lc_worker *worker)\n"
    "{ lc_manager_builder *builder = lc_manager_builder_new(\"own\"); lc_manager *made = NULL;\n"
    "  lc_manager_builder_add(builder, worker);\n"
    "  int code = code_of(lc_manager_builder_build(builder, &made));\n"
    "  lc_manager_builder_free(builder); lc_manager_unref(made); return code; }\n"
    "int with_nodes(const lc_node *const *of);\n"
    "int with_nodes(const lc_node *const *of)\n"
    "{ lc_supervisor *made = NULL;\n"
    "  lc_error *error = lc_supervisor_new(LC_SUPERVISOR(.name = \"own\", .nodes = of), &made);\n"
    "  if (!error) error = lc_supervisor_check(made);\n"
    "  lc_supervisor_unref(made); return code_of(error); }\n"
    "int with_tree(const lc_tree_options *options);\n"
    "int with_tree(const lc_tree_options *options)\n"
    "{ lc_tree *made = NULL; int code = code_of(lc_tree_new(options, &made));\n"
    "  lc_tree_unref(made); return code; }\n"
    "struct grouping { const lc_child_group *group; int code; };\n"
    "lc_error *group_up(lc_context *context, void *arg);\n"
    "lc_error *group_up(lc_context *context, void *arg)\n"
    "{ struct grouping *grouping = arg;\n"
    "  grouping->code = code_of(lc_runnable_start_group(context, grouping->group));\n"
    "  lc_runnable_signal_healthy(context); lc_runnable_signal_done(context); return NULL; }\n"
    "int with_group(const lc_child_group *group);\n"
    "int with_group(const lc_child_group *group)\n"
    "{ struct grouping grouping = {group, 1}; lc_tree *tree = NULL;\n"
    "  if (code_of(lc_tree_new(LC_TREE(.root = LC_CHILD(.name = \"root\", .run = group_up,"
    " .arg = &grouping)), &tree)) || code_of(lc_tree_start(tree, NULL))) return 2;\n"
    "  lc_error_unref(lc_tree_wait(tree, LC_FOREVER)); lc_tree_unref(tree);\n"
    "  return grouping.code; }\n"
    "static int call(const TYPE *options) { CALL }\n"
    "int main(void)\n"
    "{ const TYPE options = {.size = sizeof options, FIELDS LATER};\n"
    "  return call(&options) == EXPECTED ? 0 : 1; }\n";

/*
 * Puts a changed copy of the headers into $root/changed: without the last field, or with one more.
 */
static bool change_header(const struct growing *row, bool more)
{
    static const char change[] =
        "rm -rf '%s/changed' && cp -r '%s/usr/include' '%s/changed' && "
        "awk -v end='} %s;' -v more=%d -v fewer=%d '{ line[NR] = $0 } $0 == end { at = NR } END {"
        " if (!at) exit 1;"
        " for (i = at - 1; fewer > 0; i--) if (line[i] ~ /^    [a-z].*;/) { line[i] = \"\"; "
        "fewer-- }"
        " if (more) line[at] = \"    int64_t lc_later;\\n\" line[at];"
        " for (i = 1; i <= NR; i++) print line[i] }'"
        " '%s/usr/include/lifecycle/%s' > '%s/changed/lifecycle/%s'";
    int fewer = more ? 0 : row->word;
    return shell(change, root, root, root, row->type, more, fewer, root, row->header, root,
                 row->header) == 0;
}

/* A program with a changed header, and the library with its own. @return its exit status. */
static int run_growing(const struct growing *row, bool more, const char *later,
                       const char *expected)
{
    char path[sizeof root + sizeof "/growing.c"];
    snprintf(path, sizeof path, "%s/growing.c", root);
    FILE *file = fopen(path, "w");
    if (!file)
        return -1;
    fprintf(file, "#define TYPE %s\n#define COMPARED %s %zu\n#define CALL %s\n", row->type,
            more ? ">" : "<", row->size, row->call);
    fprintf(file, "#define FIELDS %s\n#define LATER %s\n#define EXPECTED %s\n%s", row->fields,
            later, expected, growing_program);
    if (fclose(file) != 0 || !change_header(row, more))
        return -1;
    return shell("cc -std=c11 -Wall -Wextra -Werror -I '%s/changed' -o '%s/growing' "
                 "'%s/growing.c' $(pkg-config --cflags --libs lifecycle) && "
                 "LD_LIBRARY_PATH='%s/usr/lib' timeout 60 '%s/growing' 2>'%s/said' || "
                 "{ cat '%s/said'; exit 1; }",
                 root, root, root, root, root, root, root);
}

static void check_growing(const struct growing *row, bool more, const char *later,
                          const char *expected)
{
    int status = run_growing(row, more, later, expected);
    CU_ASSERT_EQUAL(status, 0);
    if (status != 0)
        printf("  (%s)\n", row->type);
}

/* What the library does not know is refused if it is set. */
static void runs_with_other_headers(void)
{
    CU_ASSERT_TRUE_FATAL(install());
    for (size_t i = 0; i < sizeof growing / sizeof growing[0]; i++, check_goes_on()) {
        check_growing(&growing[i], false, "", "0");
        check_growing(&growing[i], true, "", "0");
        check_growing(&growing[i], true, ", .lc_later = 1", "-EINVAL");
    }
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

CHECK_SUITE(
    install_suite, "project: install",
    {"a sanitized shared library may leave symbols undefined",
     sanitized_library_may_leave_symbols_undefined},
    {"a program found by pkg-config runs with the shared library", runs_with_the_shared_library},
    {"a program found by pkg-config runs with the static library", runs_with_the_static_library},
    {"programs in C++17 and C++20, of g++ and clang++, run with the library", runs_from_cxx},
    {"a program in C++20 names fields in the order of the header",
     cxx_keeps_to_the_order_of_fields},
    {"a program of a header with a field fewer, and with one more, runs", runs_with_other_headers},
    {"uninstall leaves nothing", uninstalls});
