/*
 * node_judge.c: see node_judge.h.
 */
#include "supervise/node_judge.h"

#include "base/clock.h"
#include "context/owner.h"
#include "executor/callback.h"
#include "executor/thread.h"

static struct lc__node *judgement_node(struct lc__judgement *judgement)
{
    return LC__CONTAINER_OF(judgement, struct lc__node, judgement);
}

static void event_verdict_apply(struct lc__shell *shell, struct lc__shell_event *event)
{
    struct lc__judgement *judgement = LC__CONTAINER_OF(event, struct lc__judgement, event);
    lc_error *error = judgement->error;
    judgement->error = NULL;
    lc_context_unref(judgement->context);
    judgement->context = NULL;
    lc__engine_verdict(&shell->engine, &judgement_node(judgement)->engine,
                       judgement->failure.instance, judgement->answer, lc_now());
    lc_error_unref(error);
    lc__shell_unref(shell);
}

static lc_error *judgement_work(void *arg)
{
    struct lc__judgement *judgement = arg;
    const struct lc__node *node = judgement_node(judgement);
    judgement->answer = node->judge(&judgement->failure, node->judge_arg);
    return NULL;
}

static void judgement_work_ended(void *arg)
{
    struct lc__judgement *judgement = arg;
    lc__worker_finishing();
    lc__shell_post(judgement_node(judgement)->shell, &judgement->event);
}

/* The judge is part of the node, as the node's instances are: see context/owner.h. */
static lc_context *judgement_context(struct lc__node *node)
{
    struct lc__owner *owner = lc__owner_ref(lc__node_owner(node));
    lc_context *context =
        lc_context_with_value(node->shell->context, &lc__owner_key, owner, lc__owner_unref);
    if (!context)
        lc__owner_unref(owner);
    return context;
}

static bool judgement_launch(struct lc__judgement *judgement)
{
    const struct lc__node *node = judgement_node(judgement);
    return lc__launch_call(&node->launch, node->shell->executor, &judgement->call) == 0;
}

/* Without a task the judge delays the caller, which is better than not to ask it. */
static void judgement_run_here(struct lc__judgement *judgement)
{
    lc__callback_enter();
    judgement_work(judgement);
    lc__callback_leave();
    lc__shell_post(judgement_node(judgement)->shell, &judgement->event);
}

static void judgement_retry(struct lc__timer *timer)
{
    struct lc__judgement *judgement = LC__CONTAINER_OF(timer, struct lc__judgement, retry);
    if (!judgement_launch(judgement))
        judgement_run_here(judgement);
}

/* The engine holds the error until the verdict. The judge's task holds it by itself. */
void lc__node_ask(struct lc__node *node)
{
    struct lc__judgement *judgement = &node->judgement;
    LC__ASSERT(lc__shell_serves(node->shell) && !judgement->error);
    lc__shell_ref(node->shell);
    judgement->context = judgement_context(node);
    judgement->call = (struct lc__worker_call){.context = judgement->context,
                                               .work = judgement_work,
                                               .ended = judgement_work_ended,
                                               .arg = judgement};
    judgement->event.apply = event_verdict_apply;
    judgement->error = lc_error_ref(node->engine.error);
    lc__engine_failure(&node->engine, &judgement->failure);
    judgement->answer = (lc_behavior)-1; /* stays if the judge ends its task, and never answers */
    if (!judgement_launch(judgement) && !lc__launch_later(&judgement->retry, judgement_retry))
        judgement_run_here(judgement);
}
