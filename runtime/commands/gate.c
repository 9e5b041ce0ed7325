/* gate.c - `grasp gate`: --edit, a person's own edit through the gate of learning; --null, the library
 * against itself, to see how noisy the gate is. */
#include <stdlib.h>
#include <string.h>

#include "probes/rng.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"
#include "runtime/commands/skills.h"
#include "runtime/commands/session_args.h"
#include "runtime/transfer/merge.h"
#include "runtime/transfer/null_gate.h"
#include "runtime/transfer/panel.h"

/* The samples of a candidate: the redraws of one are not those of the next. */
enum { DRAWS_AN_ARM = 50 };

struct null_run {
    struct session *s;
    struct skills_view *view;
    struct gate_rules rules;
    struct panel panel;
    struct null_gate result;
};

/* A round is an update whose K candidates are the library itself, each with samples of its own. */
static int one_round(struct null_run *n, int round)
{
    const struct config *c = n->s->config;
    uint64_t seed = rng_seed_probes((uint64_t)c->cycle.seed, 0, (uint64_t)round);
    size_t k = (size_t)c->cycle.grpo_k;
    struct probe_set probes = {0};
    struct gate gate = {0};
    struct skills_view **views = calloc(k, sizeof(*views));
    int rc = views ? panel_draw(&n->panel, seed, NULL, &probes) : err_oom();
    struct arms arms = panel_arms(n->s, &probes, round * (int)(k + 1));
    arms.apart = DRAWS_AN_ARM;
    for (size_t i = 0; views && i < k; i++)
        views[i] = n->view;
    if (rc == 0)
        rc = arms_gate(&gate, &n->rules, &probes, NULL, k);
    if (rc == 0)
        rc = panel_baseline(&arms, n->view, gate.base);
    if (rc == 0)
        rc = arms_measure(&arms, &gate, n->view, views);
    if (rc == 0)
        rc = panel_covered(&gate, "a null round");
    if (rc == 0)
        rc = null_gate_add(&n->result, &probes, &gate);
    gate_release(&gate);
    probe_set_release(&probes);
    free(views);
    return rc;
}

static int measure(struct null_run *n, int rounds)
{
    const struct config *c = n->s->config;
    size_t a_round = (size_t)((1 + c->cycle.grpo_k) * c->cycle.grpo_eval_n * c->gate.repeats);
    const struct task_set *dev;
    int rc = session_split(n->s, SPLIT_DEV, &dev);
    if (rc == 0)
        panel_plan(n->s, "null gate", dev->n + NOISE_TASKS + a_round * (size_t)rounds, false);
    if (rc == 0)
        rc = panel_measure(&n->panel, n->s, n->view);
    if (rc == 0)
        panel_rules(&n->panel, &n->rules);
    n->rules.candidates = (int)c->cycle.grpo_k;
    n->rules.early_stop = false; /* the scores are what is asked for */
    life_round(n->s->life, (size_t)rounds, (size_t)rounds, 0, 0);
    for (int i = 0; rc == 0 && i < rounds; i++) {
        life_where(n->s->life, "null round %d of %d, %d let one in", i + 1, rounds,
                   n->result.fooled);
        rc = one_round(n, i);
        life_step(n->s->life, (size_t)(rounds - 1 - i));
    }
    progress_clear();
    return rc;
}

static int show(const struct null_run *n, const struct args *a)
{
    const struct config *c = n->s->config;
    const char *library = arg_str(a, "library"), *at = arg_str(a, "at") ? arg_str(a, "at") : "HEAD";
    const char *label = n->s->backend[0]->label;
    struct buf noise = BUF_INIT;
    if (arg_flag(a, "json")) {
        json_t *v = null_gate_to_json(&n->result);
        json_t *head =
            json_pack("{s:s, s:s?, s:s?, s:f, s:i, s:i, s:s, s:o}", "model", label, "library",
                      library, "at", library ? at : NULL, "temperature", c->model.temperature, "k",
                      (int)c->cycle.grpo_k, "repeats", (int)c->gate.repeats, "rule",
                      gate_rule_name(n->rules.rule), "noise", noise_to_json(&n->panel.noise));
        if (!v || !head || json_object_update_new(head, v) < 0) {
            json_decref(head);
            return err_oom();
        }
        return print_json(head);
    }
    printf("%s, %s%s%s against itself, %d rounds of %lld probes and %lld edits, rule %s\n", label,
           library ? library : "no skills", library ? " at " : "", library ? at : "",
           n->result.rounds, (long long)c->cycle.grpo_eval_n, (long long)c->cycle.grpo_k,
           gate_rule_name(n->rules.rule));
    noise_describe(&n->panel.noise, &noise);
    printf("%s\n", noise.ptr ? noise.ptr : "");
    buf_release(&noise);
    null_gate_print(&n->result, stdout);
    return 0;
}

/* ---- --edit ---- */

static int measure_edit(const struct args *a, struct session *s, const struct session_options *so)
{
    struct merge_options o = {.library = arg_str(a, "library"), .edit = arg_str(a, "edit")};
    struct merge_report r = {0};
    int rc =
        o.library ? session_open(s, so) : err_set(GRASP_EUSAGE, "an edit of what? --library DIR");
    if (rc == 0)
        rc = session_keep_spent(a, s);
    if (rc == 0)
        rc = merge(s, &o, &r);
    session_drain(s, rc);
    if (rc == 0)
        accounts_done(s->accounts);
    session_say_journal(s, "");
    char *why = rc < 0 ? str_dup(err_msg()) : NULL; /* outlives the table of what was done before */
    if (rc == 0 || r.n) {
        int shown = 0;
        if (arg_flag(a, "json"))
            shown = print_json(merge_to_json(&r));
        else
            merge_print(&r, stdout);
        rc = rc < 0 ? err_set(rc, "%s", why ? why : "out of memory") : shown;
    }
    free(why);
    merge_report_release(&r);
    return rc;
}

/* ---- --null ---- */

static int run(const struct args *a)
{
    struct session s = {0};
    struct session_options o = {.model_name = arg_str(a, "model")};
    struct null_run n = {.s = &s};
    int64_t rounds = 0;
    bool null = arg_flag(a, "null"), edit = arg_str(a, "edit");
    int rc = null != edit
                 ? 0
                 : err_set(GRASP_EUSAGE, "what of the gate? --edit FILE|REV measures an edit "
                                         "of yours, --null its noise");
    if (rc == 0)
        rc = arg_int(a, "rounds", 1, 100000, &rounds);
    if (rc == 0)
        rc = session_options(a, &o);
    if (rc == 0 && edit) {
        rc = measure_edit(a, &s, &o);
        goto out;
    }
    if (rc == 0)
        rc = session_open(&s, &o);
    if (rc == 0)
        rc = session_keep_spent(a, &s);
    if (rc == 0)
        rc = session_skills(arg_str(a, "library"), arg_str(a, "at"), &n.view);
    if (rc < 0)
        goto out;
    s.draws.shared = false; /* samples that are one cannot show noise, whatever the temperature */
    rc = measure(&n, (int)rounds);
    session_drain(&s, rc);
    if (rc == 0)
        accounts_done(s.accounts);
    session_say_journal(&s, "");
    if (rc == 0 || n.result.n) { /* the rounds that are there, whatever stopped it */
        char *why = rc < 0 ? str_dup(err_msg()) : NULL;
        int shown = show(&n, a);
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
    .summary = "an edit of yours through the gate; or: how noisy is the gate?",
    .operands = "CONFIG",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"edit", 'e', "FILE|REV",
             "a SKILL.md, a folder of skills, or a commit beside the branch", NULL},
            {"null", 0, NULL, "the library against itself", NULL},
            {"library", 'l', "DIR", "skills from this library", NULL},
            {"at", 0, "REV", "--null: at this revision", NULL},
            {"rounds", 'n', "N", "--null: so many updates", "10"},
            {"model", 'm', "NAME", "another model name than the configuration's", NULL},
            {"json", 0, NULL, "the result as JSON", NULL},
            SESSION_OPTIONS,
            {0}},
    .details =
        "--edit measures each skill that the edit adds, changes or (a commit) removes against "
        "the\n"
        "library, on a probe set of dev, and commits it with its evidence when the gate lets it "
        "in,\n"
        "else keeps it among the candidates; the author is you. The same again costs "
        "nothing.\n"
        "\n"
        "--null: every round is an update that has nothing to offer: a probe set drawn from dev as "
        "learning\n"
        "does, the library on it, and the same library as each of its cycle.grpo_k "
        "candidates, with\n"
        "samples of their own. What scores then is noise: a gate that lets it in lets "
        "useless edits\n"
        "in. Real calls are made whatever the temperature. Against noise: gate.rule, "
        "cycle.grpo_eval_n.",
    .run = run,
};
