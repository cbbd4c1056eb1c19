/*
 * isolates.c: examples/isolates counts as coreutils' wc does, whatever the files are like and
 * however they are read; names what it cannot read; stops and goes on as a shell's job; ends
 * cleanly when it is told to. It is run as a user runs it, on a terminal of its own where that
 * matters.
 */
#include "support/check.h"

#include <lifecycle/time.h>

#include <bsd/string.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* linux/capability.h: what lets root read all files. */
enum { MAY_OVERRIDE = 1, MAY_READ = 2 };

/* ---- files to count ---- */

/** The directory of the running test, and what is in it. */
static char root[4096];

static void enter_scratch(void)
{
    const char *where = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/isolates-test-XXXXXX", where ? where : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
}

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...)
{
    char command[8192];
    int length = snprintf(command, sizeof command, "cd '%s' && ", root);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command + length, sizeof command - (size_t)length, format, arguments);
    va_end(arguments);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void leave_scratch(void)
{
    CU_ASSERT_EQUAL(shell("chmod -R u+rwX . && cd / && rm -rf '%s'", root), 0);
}

static void put(const char *name, const void *bytes, size_t size)
{
    char path[5000];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

/** What coreutils counts in those files below the directory; `filter` is put before wc. */
static unsigned long long counted_by_wc(const char *filter)
{
    char command[8192];
    unsigned long long words = 0;
    /*
     * A file without a newline at its end gets one, or its last word would run into the next
     * file's.
     */
    snprintf(command, sizeof command,
             "export LC_ALL=C; find '%s' -type f -exec sed -s '$a\\' {} + | %s wc -w", root,
             filter);
    FILE *output = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    CU_ASSERT_EQUAL(fscanf(output, "%llu", &words), 1);
    CU_ASSERT_EQUAL(pclose(output), 0);
    return words;
}

/**
 * Before 9.5 wc counts no word that has nothing but unprintable bytes; so all are made printable.
 */
#define PRINTABLE "tr -c '[:space:]' x |"

/* ---- the program ---- */

struct job {
    const char *options[8]; /**< up to a NULL; the directory is added */
    bool weak;              /**< cannot read what it has no right to, even as root */
    rlim_t files;           /**< the limit of open files; 0: as it is */
    int pending;            /**< a signal that waits for the program to be ready for it; 0: none */
    unsigned short columns; /**< of its terminal; 0: it has none */
    /* What the helpers know of it. */
    pid_t pid;
    int ears; /**< its terminal, or a pipe: standard error */
    char said[65536];
    size_t said_length;
    char printed[256]; /**< on standard output, once it has ended */
};

/* Between fork and exec only what signal handlers may do is allowed. */
static void become(const struct job *job, const char *const *arguments)
{
    struct rlimit limit = {job->files, job->files};
    if (job->files > 0)
        setrlimit(RLIMIT_NOFILE, &limit);
    if (job->weak && geteuid() == 0) {
        prctl(PR_CAPBSET_DROP, MAY_OVERRIDE, 0, 0, 0);
        prctl(PR_CAPBSET_DROP, MAY_READ, 0, 0, 0);
    }
    if (job->pending) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, job->pending);
        sigprocmask(SIG_BLOCK, &set, NULL); /* stays blocked over exec, and pending */
        kill(getpid(), job->pending);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* so that a crashed test leaves nothing running */
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static void start(struct job *job)
{
    const char *arguments[12] = {CHECK_BUILD_DIR "/examples/isolates"};
    size_t count = 1;
    for (size_t i = 0; i < 8 && job->options[i]; i++)
        arguments[count++] = job->options[i];
    arguments[count] = root;
    char printed[5000];
    int ears[2];
    struct winsize size = {.ws_row = 24, .ws_col = job->columns};
    snprintf(printed, sizeof printed, "%s.printed", root);
    int output = open(printed, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CU_ASSERT_TRUE_FATAL(output >= 0);
    int made = job->columns ? openpty(&ears[0], &ears[1], NULL, NULL, &size) : pipe(ears);
    CU_ASSERT_EQUAL_FATAL(made, 0);
    fcntl(ears[0], F_SETFD, FD_CLOEXEC);
    job->ears = ears[0];
    job->pid = fork();
    if (job->pid == 0) {
        dup2(output, STDOUT_FILENO);
        dup2(ears[1], STDERR_FILENO);
        close(ears[1]);
        become(job, arguments);
    }
    CU_ASSERT_TRUE_FATAL(job->pid > 0);
    close(ears[1]);
    close(output);
}

/** Takes what it says, if it says something soon. What is too much is dropped. */
static void listen_to(struct job *job)
{
    char bytes[4096];
    struct pollfd heard = {job->ears, POLLIN, 0};
    if (poll(&heard, 1, 5) <= 0)
        return;
    ssize_t got = read(job->ears, bytes, sizeof bytes);
    size_t room = sizeof job->said - 1 - job->said_length;
    size_t taken = got > 0 ? (size_t)got : 0;
    taken = taken < room ? taken : room;
    memcpy(job->said + job->said_length, bytes, taken);
    job->said_length += taken;
    job->said[job->said_length] = '\0';
    if (got <= 0)
        poll(NULL, 0, 5); /* it has closed its end, and will be gone soon: only politeness */
}

/** Waits until it says this, behind what was heard `from` there on. */
static bool says(struct job *job, size_t from, const char *text)
{
    int64_t deadline = check_patience();
    while (!strstr(job->said + from, text)) {
        if (lc_now() > deadline)
            return false;
        listen_to(job);
    }
    return true;
}

/** Waits until it stops or ends. @return as waitpid; -1: patience is over, and it was killed. */
static int wait_for(struct job *job)
{
    int64_t deadline = check_patience();
    int status = 0;
    pid_t changed;
    while ((changed = waitpid(job->pid, &status, WNOHANG | WUNTRACED)) == 0) {
        listen_to(job);
        if (lc_now() > deadline) {
            kill(job->pid, SIGKILL);
            waitpid(job->pid, &status, 0);
            return -1;
        }
    }
    return changed == job->pid ? status : -1;
}

static bool stops(struct job *job)
{
    int status = wait_for(job);
    return status != -1 && WIFSTOPPED(status);
}

/** Waits for its end. @return the exit status, or -1. */
static int end(struct job *job)
{
    char printed[5000];
    int status = wait_for(job);
    for (size_t before = job->said_length + 1; before != job->said_length;) {
        before = job->said_length;
        listen_to(job); /* what it has said last */
    }
    close(job->ears);
    snprintf(printed, sizeof printed, "%s.printed", root);
    FILE *file = fopen(printed, "r");
    size_t size = file ? fread(job->printed, 1, sizeof job->printed - 1, file) : 0;
    job->printed[size] = '\0';
    if (file)
        fclose(file);
    unlink(printed);
    return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/** Whether the total it has printed is this. */
static bool has_printed(const struct job *job, unsigned long long words)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, "%llu\n", words);
    if (strcmp(job->printed, wanted) == 0)
        return true;
    printf("\nwanted %sgot %s%s\n", wanted, job->printed, job->said);
    return false;
}

/** Runs it with options that change nothing about the result. */
static void counts_in_all_ways(unsigned long long words)
{
    static const char *const ways[][7] = {
        {NULL},
        {"--bytes-per-step", "1", NULL},
        {"--bytes-per-step", "7", "--open", "1", "--threads", "1", NULL},
        {"--fan-in", "2", NULL},
        {"--fan-in", "3", "--open", "2", "--threads", "2", NULL},
        {"--threads", "4", "--open", "300", "--quiet", NULL},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct job job = {.pid = 0};
        memcpy(job.options, ways[i], sizeof ways[i]);
        start(&job);
        CU_ASSERT_EQUAL(end(&job), 0);
        CU_ASSERT_TRUE(has_printed(&job, words));
        CU_ASSERT_STRING_EQUAL(job.said, ""); /* it has no terminal */
    }
}

/* ---- what is counted ---- */

static void counts_text(void)
{
    enter_scratch();
    CU_ASSERT_EQUAL(shell("mkdir -p empty a/b/c .hidden 'with space'"), 0);
    put_text("nothing", "");
    put_text("space", " \n\t\v\f\r ");
    put_text("no newline", "one two");
    put_text("a/first", "  leading\nand trailing  \n");
    put_text("a/b/c/deep", "x\ty\vz\fw\rv");
    put_text(".hidden/file", "is counted");
    put_text("with space/a\nnewline", "is a name like others\n");
    CU_ASSERT_EQUAL(shell("seq 200000 | tr '\\n' ' ' > line; seq 100000 | tr -d '\\n' > word"), 0);
    counts_in_all_ways(counted_by_wc(""));
    leave_scratch();
}

static void counts_any_bytes(void)
{
    static unsigned char bytes[20000];
    uint64_t random = check_seed();
    enter_scratch();
    CU_ASSERT_EQUAL(shell("mkdir -p 0/3/6 1/4/7 2/5/8"), 0);
    for (unsigned file = 0; file < 60; file++) {
        char name[64];
        snprintf(name, sizeof name, "%u/%u/%u/%u", file % 3, file % 3 + 3, file % 3 + 6, file);
        size_t size = check_random(&random) % sizeof bytes;
        /* In some files white space is rare, in others there is little else. */
        uint64_t spaces = check_random(&random) % 100;
        for (size_t i = 0; i < size; i++)
            bytes[i] = check_random(&random) % 100 < spaces
                           ? (unsigned char)("\t\n\v\f\r "[check_random(&random) % 6])
                           : (unsigned char)check_random(&random);
        put(name, bytes, size);
    }
    counts_in_all_ways(counted_by_wc(PRINTABLE));
    leave_scratch();
}

static void counts_files_only(void)
{
    struct job job = {.pid = 0};
    enter_scratch();
    put_text("file", "one two");
    CU_ASSERT_EQUAL(shell("mkdir d && ln -s ../file d/link && ln -s .. d/up && mkfifo d/pipe"), 0);
    start(&job);
    CU_ASSERT_EQUAL(end(&job), 0);
    CU_ASSERT_TRUE(has_printed(&job, 2));
    leave_scratch();
}

static void counts_nothing(void)
{
    struct job job = {.pid = 0};
    enter_scratch();
    start(&job);
    CU_ASSERT_EQUAL(end(&job), 0);
    CU_ASSERT_TRUE(has_printed(&job, 0));
    leave_scratch();
}

static void counts_more_files_than_may_be_open(void)
{
    /* By steps so small that none is through before others begin. */
    struct job job = {.options = {"--open", "8", "--bytes-per-step", "1"}, .files = 41};
    enter_scratch();
    CU_ASSERT_EQUAL(shell("mkdir $(seq 20) && for d in $(seq 20); do (cd $d && "
                          "seq 3000 | split -l 100 -a 4 -d -); done"),
                    0);
    start(&job);
    CU_ASSERT_EQUAL(end(&job), 0);
    CU_ASSERT_TRUE(has_printed(&job, counted_by_wc("")));
    leave_scratch();
}

static void names_what_cannot_be_read(void)
{
    struct job job = {.weak = true};
    enter_scratch();
    put_text("one", "one two three");
    put_text("locked", "four five");
    CU_ASSERT_EQUAL(shell("mkdir closed open && echo six > closed/file && echo seven > open/file "
                          "&& chmod 0 locked closed"),
                    0);
    start(&job);
    CU_ASSERT_EQUAL(end(&job), 1);
    CU_ASSERT_TRUE(has_printed(&job, 4));
    CU_ASSERT_PTR_NOT_NULL(strstr(job.said, "/locked: Permission denied\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(job.said, "/closed: Permission denied\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(job.said, "errors: 2; the other files, 2, are counted\n"));
    leave_scratch();
}

/* ---- signals ---- */

static const char text[] = "one two three\nfour";

/** A directory that cannot be counted in this life: `endless` is text, and then a hole. */
static void enter_endless_scratch(void)
{
    enter_scratch();
    put_text("endless", text);
    put_text("short", "five six");
    CU_ASSERT_EQUAL(shell("truncate -s 1T endless"), 0);
}

static void make_it_end(void)
{
    CU_ASSERT_EQUAL(shell("truncate -s %zu endless", strlen(text)), 0);
}

static void stops_and_goes_on(void)
{
    struct job job = {.options = {"--bytes-per-step", "4096"}, .columns = 80};
    enter_endless_scratch();
    start(&job);
    for (unsigned times = 0; times < 3; times++) {
        size_t before = job.said_length;
        CU_ASSERT_TRUE(says(&job, before, "1 of 2 files found"));
        kill(job.pid, SIGTSTP);
        CU_ASSERT_TRUE_FATAL(stops(&job));
        CU_ASSERT_TRUE(says(&job, before, ", paused\r\n")); /* the terminal makes \n so */
        if (times == 2)
            make_it_end();
        kill(job.pid, SIGCONT);
    }
    CU_ASSERT_EQUAL(end(&job), 0);
    CU_ASSERT_TRUE(has_printed(&job, 6));
    CU_ASSERT_TRUE(has_printed(&job, counted_by_wc("")));
    leave_scratch();
}

static void stops_as_soon_as_it_has_begun(void)
{
    struct job job = {.options = {"--bytes-per-step", "4096"}, .pending = SIGTSTP};
    enter_endless_scratch();
    start(&job);
    CU_ASSERT_TRUE_FATAL(stops(&job));
    make_it_end();
    kill(job.pid, SIGCONT);
    CU_ASSERT_EQUAL(end(&job), 0);
    CU_ASSERT_TRUE(has_printed(&job, 6));
    leave_scratch();
}

static void ends_by(int signal, int status, const char *says_why, bool stopped)
{
    struct job job = {.options = {"--bytes-per-step", "4096"}, .columns = 80};
    enter_endless_scratch();
    start(&job);
    CU_ASSERT_TRUE(says(&job, 0, "1 of 2 files found"));
    if (stopped) {
        kill(job.pid, SIGTSTP);
        CU_ASSERT_TRUE_FATAL(stops(&job));
    }
    kill(job.pid, signal);
    if (stopped)
        kill(job.pid, SIGCONT);
    CU_ASSERT_EQUAL(end(&job), status);
    CU_ASSERT_STRING_EQUAL(job.printed, "");
    CU_ASSERT_PTR_NOT_NULL(strstr(job.said, says_why));
    leave_scratch();
}

static void ends_by_signals(void)
{
    ends_by(SIGINT, 130, "isolates: interrupted: 1 of 2 files found were counted", false);
    ends_by(SIGTERM, 143, "isolates: terminated: 1 of 2 files found were counted", false);
    ends_by(SIGINT, 130, "isolates: interrupted: 1 of 2 files found were counted", true);
}

/* ---- the terminal ---- */

static void keeps_to_its_line(void)
{
    enum { COLUMNS = 20 };
    struct job job = {.options = {"--bytes-per-step", "4096"}, .columns = COLUMNS};
    enter_endless_scratch();
    start(&job);
    CU_ASSERT_TRUE(says(&job, 0, "1 of 2 files found,"));
    make_it_end();
    CU_ASSERT_EQUAL(end(&job), 0);
    size_t length = 0;
    for (const char *at = job.said; *at; at++) {
        length = *at == '\r' || *at == '\n' ? 0 : length + 1;
        CU_ASSERT_TRUE(length < COLUMNS);
    }
    /* At the end it has taken the line away. */
    CU_ASSERT_TRUE(job.said_length > COLUMNS);
    CU_ASSERT_STRING_EQUAL(job.said + job.said_length - COLUMNS, "                   \r");
    leave_scratch();
}

static void is_quiet(void)
{
    struct job job = {.options = {"--quiet"}, .columns = 80};
    enter_scratch();
    put_text("file", "one");
    start(&job);
    CU_ASSERT_EQUAL(end(&job), 0);
    CU_ASSERT_STRING_EQUAL(job.said, "");
    CU_ASSERT_TRUE(has_printed(&job, 1));
    leave_scratch();
}

/* ---- arguments ---- */

static void refuses(struct job *job, const char *why)
{
    start(job);
    CU_ASSERT_EQUAL(end(job), 2);
    CU_ASSERT_STRING_EQUAL(job->printed, "");
    CU_ASSERT_PTR_NOT_NULL(strstr(job->said, why));
}

static void tells_bad_arguments(void)
{
    enter_scratch();
    put_text("file", "one");
    refuses(&(struct job){.options = {"--threads", "0"}}, "--threads '0' is wrong: it takes");
    refuses(&(struct job){.options = {"--fan-in", "1"}}, "--fan-in '1' is wrong: it takes");
    refuses(&(struct job){.options = {"--open", "x"}}, "--open 'x' is wrong: it takes");
    refuses(&(struct job){.options = {"--bytes-per-step", "-1"}}, "--bytes-per-step '-1' is wrong");
    refuses(&(struct job){.options = {"--what"}}, "unrecognized option '--what'");
    refuses(&(struct job){.options = {"--open"}}, "is wrong: it takes"); /* the directory */
    refuses(&(struct job){.options = {"another"}}, "one directory at a time");
    refuses(&(struct job){.options = {"--open", "100"}, .files = 100},
            "100 files cannot be open at a time: the limit (ulimit -Hn) is 100");
    strlcat(root, "/file", sizeof root);
    refuses(&(struct job){.pid = 0}, "/file: Not a directory");
    strlcat(root, "s", sizeof root);
    refuses(&(struct job){.pid = 0}, "/files: No such file or directory");
    *strrchr(root, '/') = '\0';
    leave_scratch();
}

static void helps(void)
{
    struct job job = {.options = {"--help"}};
    enter_scratch();
    start(&job);
    CU_ASSERT_EQUAL(end(&job), 0);
    CU_ASSERT_EQUAL(strncmp(job.printed, "usage: isolates [options] DIR\n", 30), 0);
    leave_scratch();
}

CHECK_SUITE(isolates_example_suite, "project: examples: isolates",
            {"text is counted as wc does, in whatever steps it is read", counts_text},
            {"any bytes are counted as wc does", counts_any_bytes},
            {"links and pipes are left out", counts_files_only},
            {"a directory without files has no words", counts_nothing},
            {"more files than may be open", counts_more_files_than_may_be_open},
            {"what cannot be read is named, and the rest counted", names_what_cannot_be_read},
            {"the program stops and goes on as a job, again and again", stops_and_goes_on},
            {"the program stops as soon as it has begun", stops_as_soon_as_it_has_begun},
            {"SIGINT and SIGTERM end it cleanly", ends_by_signals},
            {"the progress keeps to its line, and is gone at the end", keeps_to_its_line},
            {"--quiet", is_quiet}, {"bad arguments are told", tells_bad_arguments},
            {"--help", helps});
