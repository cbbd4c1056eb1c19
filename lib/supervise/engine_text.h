/*
 * engine_text.h: what the engine knows, in words for a person. Floor 5.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_TEXT_H
#define LIFECYCLE_SUPERVISE_ENGINE_TEXT_H

#include "supervise/engine_state.h"

/* Appends to a list "a, b". The list ends in "..." if the name does not fit. */
void lc__engine_list_name(char *names, size_t size, const char *name);

/* Lists the components that have stopped for good: "store (disk full), cache"; "": none. */
enum { LC__GIVEN_UP_SIZE = 512 };
void lc__engine_list_given_up(struct lc__engine *engine, char *text, size_t size);

/* "restart 2 in 0.4 s" */
enum { LC__RESTART_TEXT_SIZE = 64, LC__LIFE_TEXT_SIZE = 48 };
const char *lc__engine_restart_text(const struct lc__engine_node *node,
                                    char text[LC__RESTART_TEXT_SIZE]);
/* How long the instance that failed had lived: "3.2 s ready". */
const char *lc__engine_life_text(const struct lc__engine_node *node, char text[LC__LIFE_TEXT_SIZE]);

#endif
