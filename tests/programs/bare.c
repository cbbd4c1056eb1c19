/*
 * bare.c: a shared object with nothing in it that an isolate could be spawned from.
 */
extern const int lc_nothing;
const int lc_nothing = 0;
