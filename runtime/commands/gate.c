/* gate.c - `grasp gate --null`: the library against itself, to see how noisy the gate is. */
#include <stdlib.h>
#include <string.h>

#include "probes/rng.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/commands/table.h"
#include "runtime/commands/session_args.h"
#include "runtime/transfer/null_gate.h"
#include "runtime/transfer/panel.h"

/* Samples of a round: the baseline's, the candidate's, and both on a second probe set. */
enum { DRAWS_A_ROUND = 1000, CANDIDATE = 250, CONFIRM = 500 };

struct null_run {
    struct session *s;
    struct skills_view *view;
    struct gate_rules rules;
    struct panel panel;
    struct null_gate result;
};

/* Both arms on a probe set; the outcomes are freed by the caller. */
static int both_arms(const struct null_run *n, const struct probe_set *p, int draw,
                     enum outcome **base, enum outcome **cand)
{
    struct arms a = panel_arms(n->s, p, draw), b = panel_arms(n->s, p, draw + CANDIDATE);
    struct group *ga = arms_start(&a, n->view), *gb = arms_start(&b, n->view);
    *base = calloc(p->n + 1, sizeof(**base));
    *cand = calloc(p->n + 1, sizeof(**cand));
    int rc = *base && *cand ? arms_wait(&a, ga, *base) : err_set(GRASP_ENOMEM, "out of memory");
    if (rc == 0)
        rc = arms_wait(&b, gb, *cand);
    group_free(ga);
    group_free(gb);
    if (rc == 0 && !gate_covered(&n->rules, *base, *cand, p->n))
        rc = err_set(GRASP_EOUTAGE, "too many probes could not be measured; the same command goes "
                                    "on later");
    return rc;
}

/* `gate.confirm`: what got in must get in on a second probe set, too. */
static int confirm(struct null_run *n, const struct probe_set *first, uint64_t seed, int draw)
{
    struct strlist without = {0};
    struct probe_set second = {0};
    struct null_gate again = {0};
    enum outcome *base = NULL, *cand = NULL;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < first->n; i++)
        rc = strlist_add(&without, first->v[i].task->id);
    if (rc == 0)
        rc = panel_draw(&n->panel, seed, &without, &second);
    if (rc == 0 && second.n)
        rc = both_arms(n, &second, draw + CONFIRM, &base, &cand);
    if (rc == 0 && second.n)
        rc = null_gate_add(&again, &n->rules, &second, base, cand);
    if (rc == 0 && second.n)
        n->result.v[n->result.n - 1].accepted = again.v[0].accepted;
    null_gate_release(&again);
    probe_set_release(&second);
    strlist_release(&without);
    free(base);
    free(cand);
    return rc;
}

static int one_round(struct null_run *n, int round)
{
    uint64_t seed = rng_seed_probes((uint64_t)n->s->config->cycle.seed, 0, (uint64_t)round);
    int draw = (round + 1) * DRAWS_A_ROUND;
    struct probe_set probes = {0};
    enum outcome *base = NULL, *cand = NULL;
    int rc = panel_draw(&n->panel, seed, NULL, &probes);
    if (rc == 0)
        rc = both_arms(n, &probes, draw, &base, &cand);
    if (rc == 0)
        rc = null_gate_add(&n->result, &n->rules, &probes, base, cand);
    if (rc == 0 && n->result.v[n->result.n - 1].accepted && n->s->config->gate.confirm)
        rc = confirm(n, &probes, seed, draw);
    probe_set_release(&probes);
    free(base);
    free(cand);
    return rc;
}

static int measure(struct null_run *n, int rounds)
{
    const struct config *c = n->s->config;
    size_t a_round =
        (size_t)(2 * c->cycle.grpo_eval_n * c->gate.repeats) * (c->gate.confirm ? 2 : 1);
    const struct task_set *dev;
    int rc = session_split(n->s, SPLIT_DEV, &dev);
    if (rc == 0)
        panel_plan(n->s, "null gate", dev->n + a_round * (size_t)rounds, false);
    if (rc == 0)
        rc = panel_measure(&n->panel, n->s, n->view, PANEL_DRAW_DEV);
    for (int i = 0; rc == 0 && i < rounds; i++) {
        char note[64];
        rc = one_round(n, i);
        snprintf(note, sizeof(note), "%d let in", rc == 0 ? n->result.v[i].accepted : 0);
        progress_set("null rounds", (uint64_t)i + 1, (uint64_t)rounds, note);
    }
    progress_clear();
    return rc;
}

static int show(const struct null_run *n, const struct args *a, bool differ)
{
    const struct config *c = n->s->config;
    const char *library = arg_str(a, "library"), *at = arg_str(a, "at") ? arg_str(a, "at") : "HEAD";
    const char *label = n->s->backend[0]->label;
    int k = (int)c->cycle.grpo_k;
    if (arg_flag(a, "json")) {
        json_t *v = null_gate_to_json(&n->result, k);
        json_t *head = json_pack("{s:s, s:s?, s:s?, s:f, s:b, s:i, s:b}", "model", label, "library",
                                 library, "at", library ? at : NULL, "temperature",
                                 c->model.temperature, "draws_differ", (int)differ, "repeats",
                                 (int)c->gate.repeats, "confirm", (int)c->gate.confirm);
        if (!v || !head || json_object_update_new(head, v) < 0) {
            json_decref(head);
            return err_set(GRASP_ENOMEM, "out of memory");
        }
        json_dumpf(head, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(head);
        return 0;
    }
    printf("%s, %s%s%s against itself", label, library ? library : "no skills",
           library ? " at " : "", library ? at : "");
    if (!differ) {
        puts(": at temperature 0 the draws cannot differ, so every null score is 0\n"
             "and no useless edit gets in. To see the noise of sampling: --set "
             "model.temperature=1");
        return 0;
    }
    printf(", %zu rounds of %lld probes%s\n", n->result.n, (long long)c->cycle.grpo_eval_n,
           c->gate.confirm ? ", confirmed on a second probe set" : "");
    null_gate_print(&n->result, k, stdout);
    return 0;
}

static int run(const struct args *a)
{
    struct session s = {0};
    struct session_options o = {.model_name = arg_str(a, "model")};
    struct null_run n = {.s = &s};
    int64_t rounds = 0;
    int rc = arg_flag(a, "null")
                 ? 0
                 : err_set(GRASP_EUSAGE, "what of the gate? --null measures its noise");
    if (rc == 0)
        rc = arg_int(a, "rounds", 1, 100000, &rounds);
    if (rc == 0)
        rc = session_options(a, &o);
    if (rc == 0)
        rc = session_open(&s, &o);
    if (rc == 0)
        rc = session_skills(arg_str(a, "library"), arg_str(a, "at"), &n.view);
    if (rc < 0)
        goto out;
    config_gate_rules(s.config, &n.rules);
    bool differ = s.config->model.temperature != 0;
    if (differ)
        rc = measure(&n, (int)rounds);
    if (rc == 0 || n.result.n) { /* the rounds that are there, whatever stopped it */
        char *why = rc < 0 ? str_dup(err_msg()) : NULL;
        int shown = show(&n, a, differ);
        rc = rc < 0 ? err_set(rc, "%s", why ? why : "out of memory") : shown;
        free(why);
    }
out:
    session_close(&s);
    panel_release(&n.panel);
    null_gate_release(&n.result);
    skills_view_unref(n.view);
    free((void *)o.sets);
    return rc;
}

const struct command cmd_gate = {
    .name = "gate",
    .summary = "the library against itself: how noisy is the gate?",
    .operands = "CONFIG",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"null", 0, NULL, "measure it (the only mode)", NULL},
            {"library", 'l', "DIR", "skills from this library", NULL},
            {"at", 0, "REV", "at this revision", NULL},
            {"rounds", 'n', "N", "so many probe sets", "20"},
            {"model", 'm', "NAME", "another model name than the configuration's", NULL},
            {"json", 0, NULL, "the result as JSON", NULL},
            SESSION_OPTIONS,
            {0}},
    .details =
        "Every round draws a probe set from dev as learning does and measures the same library\n"
        "twice on it, with different samples. What scores then is noise: a gate that lets it in\n"
        "lets useless edits in. Against it: gate.repeats, gate.confirm, cycle.grpo_eval_n.",
    .run = run,
};
