/*
 * handshake.h: the store/load handshake, by which two threads never miss each other. It is a
 * pattern of the whole library, explained here once; there is nothing to call. Floor 0.
 *
 * Two threads share two atomic variables. Each thread stores to one of them, then loads the other:
 *
 *     waiter                           waker
 *     store  asleep = true             store  work = true
 *     load   work                      load   asleep
 *       true: do not sleep               true: wake the waiter
 *       false: sleep                     false: the waiter is awake, nothing to do
 *
 * The one outcome that must not happen is that both loads return the old value: the waiter would
 * sleep, and the waker would not wake it. It cannot happen if all four accesses are sequentially
 * consistent (seq_cst). All seq_cst accesses have one total order. The last of the two stores
 * stands before the load of its own thread in this order, and the first store stands before that
 * too, so that this load sees the first store. At least one of the two threads sees the other.
 *
 * A weaker order does not do. Release and acquire order what one thread's store publishes to a load
 * that reads it. They do not forbid a processor to let a later load overtake an earlier store to
 * another variable, and x86-64 does that.
 *
 * Both threads may see each other. The waker then wakes a thread that is awake, so each use says
 * why a wake-up too many is harmless.
 *
 * A comment that names this handshake names the function on the other side.
 */
#ifndef LIFECYCLE_BASE_HANDSHAKE_H
#define LIFECYCLE_BASE_HANDSHAKE_H
#endif
