/*
 * node_judge.h: asks the judge of a node about an error. Floor 5: supervisor_act.c.
 */
#ifndef LIFECYCLE_SUPERVISE_NODE_JUDGE_H
#define LIFECYCLE_SUPERVISE_NODE_JUDGE_H

#include "supervise/node.h"

/* Carries out LC__ASK. For the serving task. */
void lc__node_ask(struct lc__node *node);

#endif
