/*
 * capability.c: makes capabilities and hashes them. See capability.h and <lifecycle/isolate.h>.
 */
#include "isolate/capability.h"

#include "base/random.h"
#include "base/task.h"

#include <pthread.h>

lc_capability lc_capability_new(void)
{
    lc_capability made;
    int failed;
    do
        failed = lc__random_secret(&made, sizeof made);
    while (failed == 0 && lc_capability_equal(made, LC_NO_CAPABILITY));
    return failed ? LC_NO_CAPABILITY : made;
}

/*
 * The key of the hash, so that the hash reveals nothing about the capability. In a simulation the
 * key is zero: nothing is secret there, and each run of a seed gives the same hashes.
 */
static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void hash_key_draw(void)
{
    lc__random_secret(hash_key, sizeof hash_key);
}

static uint64_t word_rotate(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    for (; rounds > 0; rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = word_rotate(v[1], 13) ^ v[0];
        v[3] = word_rotate(v[3], 16) ^ v[2];
        v[0] = word_rotate(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = word_rotate(v[3], 21) ^ v[0];
        v[1] = word_rotate(v[1], 17) ^ v[2];
        v[2] = word_rotate(v[2], 32);
    }
}

/* SipHash-2-4 of three words, the last of which holds the length of what is before it. */
uint64_t lc_capability_hash(lc_capability capability)
{
    static const uint64_t no_key[2];
    const uint64_t words[3] = {capability.id[0], capability.id[1],
                               (uint64_t)sizeof capability.id << 56};
    const uint64_t *key = no_key;
    if (!lc__task_current()->simulation) {
        pthread_once(&hash_key_once, hash_key_draw);
        key = hash_key;
    }
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    for (int i = 0; i < 3; i++) {
        v[3] ^= words[i];
        sip_rounds(v, 2);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
