/*
 * assert.h: assertions of the library about itself: the state, the thread and the lock that an
 * entry relies on. Every test build has them (LC__ASSERTIONS is defined); a release build does
 * not evaluate them. A mistake of the program that uses the library is no assertion: it gets an
 * error. Floor 0.
 */
#ifndef LIFECYCLE_BASE_ASSERT_H
#define LIFECYCLE_BASE_ASSERT_H

#ifdef LC__ASSERTIONS
#undef NDEBUG
#include <assert.h>
#define LC__ASSERT(condition) assert(condition)
#else
/* The condition is compiled, so that it stays valid and its variables count as used. */
#define LC__ASSERT(condition) ((void)(0 && (condition)))
#endif

#endif
