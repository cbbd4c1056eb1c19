/*
 * node_judge.c: see node_judge.h.
 */
#include "supervise/node_judge.h"

#include "base/clock.h"
#include "context/owner.h"
#include "executor/callback.h"
#include "executor/thread.h"

#define OF(type, member, pointer) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static struct lc__node *of_judgement(struct lc__judgement *judgement)
{
    return OF(struct lc__node, judgement, judgement);
}

static void deal_with_verdict(struct lc__shell *shell, struct lc__post *post)
{
    struct lc__judgement *judgement = OF(struct lc__judgement, post, post);
    lc_error *error = judgement->error;
    judgement->error = NULL;
    lc_context_unref(judgement->context);
    judgement->context = NULL;
    lc__engine_verdict(&shell->engine, &of_judgement(judgement)->engine,
                       judgement->failure.instance, judgement->answer, lc_now());
    lc_error_unref(error);
    lc__shell_unref(shell);
}

static lc_error *ask(void *arg)
{
    struct lc__judgement *judgement = arg;
    const struct lc__node *node = of_judgement(judgement);
    judgement->answer = node->judge(&judgement->failure, node->judge_arg);
    return NULL;
}

static void asked(void *arg)
{
    struct lc__judgement *judgement = arg;
    lc__worker_finishing();
    lc__shell_post(of_judgement(judgement)->shell, &judgement->post);
}

/* The handler is part of the node, too: see owner.h. */
static lc_context *judgement_context(struct lc__node *node)
{
    struct lc__owner *owner = lc__owner_ref(lc__node_owner(node));
    lc_context *context =
        lc_context_with_value(node->shell->context, &lc__owner_key, owner, lc__owner_unref);
    if (!context)
        lc__owner_unref(owner);
    return context;
}

static bool start_judgement(struct lc__judgement *judgement)
{
    const struct lc__node *node = of_judgement(judgement);
    return lc__launch_call(&node->launch, node->shell->executor, &judgement->call) == 0;
}

/* Without a task: to be held up is better than not to ask. A throw counts as in any callback. */
static void ask_here(struct lc__judgement *judgement)
{
    lc__callback_enter();
    ask(judgement);
    lc__callback_leave();
    lc__shell_post(of_judgement(judgement)->shell, &judgement->post);
}

static void ask_by_timer(struct lc__timer *timer)
{
    struct lc__judgement *judgement = OF(struct lc__judgement, asker, timer);
    if (!start_judgement(judgement))
        ask_here(judgement);
}

/* The error is the engine's until the verdict; the handler's task has a reference of its own. */
void lc__node_ask(struct lc__node *node)
{
    struct lc__judgement *judgement = &node->judgement;
    lc__shell_ref(node->shell);
    judgement->context = judgement_context(node);
    judgement->call = (struct lc__worker_call){
        .context = judgement->context, .work = ask, .ended = asked, .arg = judgement};
    judgement->post.deal = deal_with_verdict;
    judgement->error = lc_error_ref(node->engine.error);
    lc__engine_failure(&node->engine, &judgement->failure);
    judgement->answer = (lc_behavior)-1; /* if it ends its task instead of answering */
    if (!start_judgement(judgement) && !lc__launch_later(&judgement->asker, ask_by_timer))
        ask_here(judgement);
}
