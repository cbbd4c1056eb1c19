/*
 * random.c: random numbers and secrets, also where the kernel gives no random bytes.
 */
#include "support/check.h"

#include "base/random.h"

#include <lifecycle.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* For the rest of the process getrandom(2) fails. @return whether that could be done. */
static bool forbid_getrandom(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static lc_error *do_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

static void *draw(void *drawn)
{
    *(uint64_t *)drawn = lc_random();
    return NULL;
}

CHECK_CHILD(without_random_bytes)
{
    lc_isolate isolate;
    lc_isolate_options options = {.size = sizeof options};
    uint64_t one = 0, other = 0;
    options.entry = do_nothing;
    pthread_t threads[2];
    if (!forbid_getrandom())
        return 2;
    if (!lc_capability_equal(lc_capability_new(), LC_NO_CAPABILITY))
        return 3;
    lc_error *error = lc_isolate_spawn(&options, &isolate);
    bool told = lc_error_code(error) == -ENODATA && strstr(lc_error_message(error), "random");
    lc_error_unref(error);
    /* Without a reference it needs no capabilities. */
    error = lc_isolate_spawn(&options, NULL);
    told &= error == NULL;
    lc_error_unref(error);
    if (pthread_create(&threads[0], NULL, draw, &one) != 0 ||
        pthread_create(&threads[1], NULL, draw, &other) != 0)
        return 2;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return told && one != other ? 0 : 1;
}

static void kernel_may_have_none(void)
{
    struct check_exit result = check_child("without_random_bytes");
    CU_ASSERT_EQUAL(result.status, 0);
}

/* A secret that parent and child both draw would be none. */
CHECK_CHILD(secrets_after_a_fork)
{
    struct {
        lc_capability capability;
        uint64_t number;
    } parents, childs;
    int pipes[2];
    lc_capability_new(); /* what is kept for the next ones is there */
    lc_random();
    if (pipe(pipes) != 0)
        return 2;
    pid_t child = fork();
    if (child == 0) {
        memset(&childs, 0, sizeof childs);
        childs.capability = lc_capability_new();
        childs.number = lc_random();
        _exit(write(pipes[1], &childs, sizeof childs) == sizeof childs ? 0 : 1);
    }
    parents.capability = lc_capability_new();
    parents.number = lc_random();
    if (read(pipes[0], &childs, sizeof childs) != sizeof childs || waitpid(child, NULL, 0) != child)
        return 2;
    bool differ = !lc_capability_equal(parents.capability, childs.capability);
    return differ && parents.number != childs.number ? 0 : 1;
}

static void forked_child_draws_others(void)
{
    CU_ASSERT_EQUAL(check_child("secrets_after_a_fork").status, 0);
}

static void secrets_of_any_size(void)
{
    unsigned char bytes[600], zeros[600] = {0};
    static const size_t sizes[] = {1, 16, 255, 256, 257, 600};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(bytes, 0, sizeof bytes);
        CU_ASSERT_EQUAL(lc__random_secret(bytes, sizes[i]), 0);
        /* 16 zeros in a row at the end are what does not happen. */
        size_t tail = sizes[i] < 16 ? 0 : sizes[i] - 16;
        CU_ASSERT_TRUE(sizes[i] < 16 || memcmp(bytes + tail, zeros, 16) != 0);
        CU_ASSERT_EQUAL(memcmp(bytes + sizes[i], zeros, sizeof bytes - sizes[i]), 0);
    }
}

CHECK_SUITE(random_numbers, "unit: random numbers",
            {"a kernel without random bytes makes no secrets, and ends nothing",
             kernel_may_have_none},
            {"a forked child draws others than its parent", forked_child_draws_others},
            {"secrets of any size are drawn", secrets_of_any_size});
