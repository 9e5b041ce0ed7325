/* prune.c - leave one out on another model's probes, by the gate of learning. */
#include "runtime/transfer/prune.h"

#include <stdlib.h>
#include <string.h>

#include "probes/rng.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/history/decision.h"
#include "runtime/transfer/panel.h"

struct pruning {
    struct session *s;
    const struct prune_options *o;
    struct prune_report *r;
    struct library *lib;
    struct oid head;      /* of the branch so far */
    struct skill_set set; /* its skills */
    struct skills_view *view;
    struct probe_set probes;
    struct arms arms;
    struct gate_rules rules;
    enum outcome *plain, *base; /* with the whole library; with the skills of head */
    json_t *base_seen;          /* of the latter, for the evidence */
    int round;                  /* from 0 */
};

/* One round's candidates: candidate k is the library without its k-th skill. */
struct without {
    struct gate gate;
    struct proposal *edits;
    struct skill_set *sets;
    struct skills_view **views;
    json_t **seen; /* of their probes, for the evidence */
    size_t n;
};

void contribution_count(const enum outcome *with, const enum outcome *without, size_t n,
                        struct contribution *c)
{
    c->brings = c->causes = 0;
    for (size_t i = 0; i < n; i++) {
        if (with[i] == OUTCOME_UNSCORED || without[i] == OUTCOME_UNSCORED ||
            with[i] == OUTCOME_PENDING || without[i] == OUTCOME_PENDING)
            continue;
        c->brings += with[i] == OUTCOME_PASS && without[i] != OUTCOME_PASS;
        c->causes += with[i] != OUTCOME_PASS && without[i] == OUTCOME_PASS;
    }
}

void passes_of(const enum outcome *a, const enum outcome *b, size_t n, int *in_a, int *in_b)
{
    *in_a = *in_b = 0;
    for (size_t i = 0; i < n; i++)
        if (a[i] != OUTCOME_UNSCORED && b[i] != OUTCOME_UNSCORED) {
            *in_a += a[i] == OUTCOME_PASS;
            *in_b += b[i] == OUTCOME_PASS;
        }
}

/* ---- candidates ---- */

static void without_release(struct without *w)
{
    gate_release(&w->gate);
    for (size_t k = 0; k < w->n; k++) {
        proposal_release(&w->edits[k]);
        skill_set_release(&w->sets[k]);
        skills_view_unref(w->views[k]);
        json_decref(w->seen[k]);
    }
    free(w->edits);
    free(w->sets);
    free(w->views);
    free(w->seen);
}

static int without_each(const struct pruning *p, struct without *w)
{
    size_t n = p->set.n;
    *w = (struct without){.n = n};
    w->edits = calloc(n + 1, sizeof(*w->edits));
    w->sets = calloc(n + 1, sizeof(*w->sets));
    w->views = calloc(n + 1, sizeof(struct skills_view *));
    w->seen = calloc(n + 1, sizeof(json_t *));
    if (!w->edits || !w->sets || !w->views || !w->seen) {
        w->n = 0;
        return err_oom();
    }
    int rc = arms_gate(&w->gate, &p->rules, &p->probes, p->base, n);
    for (size_t k = 0; rc == 0 && k < n; k++) {
        w->edits[k].n = 1;
        w->edits[k].v[0].action = EDIT_REMOVE;
        w->edits[k].v[0].name = str_dup(p->set.v[k].name);
        rc = w->edits[k].v[0].name ? proposal_apply(&p->set, &w->edits[k], NULL, &w->sets[k])
                                   : err_oom();
        if (rc == 0 && !(w->views[k] = skills_view_new(&w->sets[k])))
            rc = err_code();
        if (rc == 0 && !(w->seen[k] = arms_seen(p->probes.n)))
            rc = err_oom();
    }
    return rc;
}

/* ---- one round ---- */

static struct contribution *contribution_for(struct prune_report *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->v[i].name, name) == 0)
            return &r->v[i];
    return NULL;
}

/* The first round measures every arm in full: what it says of each skill is the report. */
static int report_skills(struct pruning *p, const struct without *w)
{
    struct prune_report *r = p->r;
    r->v = calloc(w->n + 1, sizeof(*r->v));
    if (!r->v)
        return err_oom();
    for (size_t k = 0; k < w->n; k++) {
        struct contribution *c = &r->v[r->n++];
        c->name = str_dup(p->set.v[k].name);
        c->score = w->gate.arm[k].score.score;
        c->eligible = w->gate.arm[k].score.eligible;
        contribution_count(p->base, w->gate.arm[k].outcomes, p->probes.n, c);
        if (!c->name)
            return err_oom();
    }
    return 0;
}

/* The gate's winner. Probes that could not be scored count in neither arm, so a chain of rounds
 * with different ones missing could end below the whole library: that is no decision (DESIGN.md
 * D10). */
static int choose(const struct pruning *p, const struct without *w, int *winner)
{
    int plain, pruned;
    *winner = gate_winner(&w->gate);
    if (*winner < 0)
        return 0;
    passes_of(p->plain, w->gate.arm[*winner].outcomes, p->probes.n, &plain, &pruned);
    /* with samples of its own a round may end below the first one by noise alone */
    if (pruned >= plain || w->gate.rules.rule != GATE_PAPER)
        return 0;
    return err_set(GRASP_EOUTAGE,
                   "round %d of regating is indecisive: probes that could not be "
                   "scored hide what it would do; the same command goes on later",
                   p->round + 1);
}

static int record_round(struct pruning *p, struct without *w, int winner, struct oid *accepted)
{
    const struct trailer more[] = {{"Regate-Of", p->o->frozen->hex}};
    struct decision d = {.lib = p->lib,
                         .head = &p->head,
                         .run = p->r->run,
                         .update = p->round,
                         .number = p->round,
                         .writer = "none",
                         .executor = session_model(p->s, false)->name,
                         .probes = &p->probes,
                         .gate = &w->gate,
                         .more = more,
                         .n_more = 1,
                         .seen = p->base_seen,
                         .journaled = p->s->journal != NULL};
    int rc = p->s->journal ? journal_sync(p->s->journal) : 0;
    if (rc == 0)
        rc = decision_when(p->lib, d.run, d.update, &d.when);
    library_batch_begin(p->lib);
    if (rc == 0)
        rc = decision_begin(&d);
    for (size_t k = 0; rc == 0 && k < w->n; k++) {
        struct oid tree;
        struct contribution c = {0};
        char reason[256];
        contribution_count(p->base, w->gate.arm[k].outcomes, p->probes.n, &c);
        snprintf(reason, sizeof(reason),
                 "Measured on %s: with it %d of its probes pass that fail without it, and %d fail "
                 "that pass without it.",
                 session_model(p->s, false)->name, c.brings, c.causes);
        struct judged j = {.proposal = &w->edits[k],
                           .tree = &tree,
                           .reason = reason,
                           .k = (int)k,
                           .seen = w->seen[k]};
        rc = library_candidate(p->lib, &w->sets[k], &p->head, &tree);
        if (rc == 0)
            rc = decision_record(&d, k, &j, (int)k == winner, NULL);
        if (rc == 0 && (int)k == winner)
            *accepted = j.commit;
    }
    decision_release(&d);
    if (rc == 0)
        return library_batch_commit(p->lib);
    library_batch_drop(p->lib);
    return rc;
}

/* The branch follows, unless it is there or further on already: work that is done again. */
static int move_branch(struct pruning *p)
{
    struct oid tip;
    char ref[160];
    snprintf(ref, sizeof(ref), "refs/heads/%s", p->o->branch);
    int rc = library_resolve(p->lib, ref, &tip);
    int contains = rc == 0 ? library_contains(p->lib, &tip, &p->head) : 0;
    if (rc == GRASP_ENOTFOUND)
        err_clear();
    else if (rc < 0 || contains < 0)
        return rc < 0 ? rc : contains;
    return contains ? 0 : library_branch_set(p->lib, p->o->branch, &p->head);
}

/* The winner's skills and outcomes are what the next round starts from. */
static int take(struct pruning *p, struct without *w, int winner, const struct oid *commit)
{
    struct contribution *c = contribution_for(p->r, w->edits[winner].v[0].name);
    if (c)
        c->removed = p->round + 1;
    memcpy(p->base, w->gate.arm[winner].outcomes, p->probes.n * sizeof(*p->base));
    skill_set_release(&p->set);
    p->set = w->sets[winner];
    w->sets[winner] = (struct skill_set){0};
    skills_view_unref(p->view);
    p->view = w->views[winner];
    w->views[winner] = NULL;
    p->head = *commit;
    return move_branch(p);
}

/* 1: a skill went; 0: none. */
static int one_round(struct pruning *p)
{
    struct without w = {0};
    struct oid accepted = {""};
    bool first = p->round == 0;
    char what[64];
    int winner = -1;
    p->rules.early_stop = !first && p->s->config->gate.early_stop;
    snprintf(what, sizeof(what), "round %d of regating", p->round + 1);
    /* A baseline of the round's own: what chose the last round's winner is no evidence here.
     * (After the last skill has gone there is no further round.) */
    p->arms = panel_arms(p->s, &p->probes, p->round);
    json_decref(p->base_seen);
    p->arms.base_seen = p->base_seen = arms_seen(p->probes.n);
    int rc = p->base_seen ? panel_baseline(&p->arms, p->view, p->base) : GRASP_ENOMEM;
    if (rc == 0 && first)
        memcpy(p->plain, p->base, p->probes.n * sizeof(*p->plain));
    if (rc == 0)
        rc = without_each(p, &w);
    p->arms.seen = w.seen;
    if (rc == 0)
        rc = arms_measure(&p->arms, &w.gate, p->view, w.views);
    if (rc == 0)
        rc = panel_covered(&w.gate, what);
    if (rc == 0 && first)
        rc = report_skills(p, &w);
    if (rc == 0)
        rc = choose(p, &w, &winner);
    if (rc == 0)
        rc = record_round(p, &w, winner, &accepted);
    if (rc == 0 && winner >= 0) {
        log_info("%s: without %s %+d on %zu probes: removed", what, w.edits[winner].v[0].name,
                 w.gate.arm[winner].score.score, p->probes.n);
        rc = take(p, &w, winner, &accepted);
    }
    without_release(&w);
    return rc < 0 ? rc : winner >= 0;
}

/* ---- the whole ---- */

/* The branch may be ours to write: new, or made by this very work before. */
static int check_branch(struct pruning *p)
{
    struct library_commit_info info;
    struct oid at;
    char ref[160];
    const char *name = p->o->branch;
    if (strcmp(library_branch(p->lib), name) == 0)
        return err_set(GRASP_EREFUSED,
                       "'%s' is checked out in %s: the frozen library's own branch belongs there "
                       "(git switch), or name another one with --branch",
                       name, library_dir(p->lib));
    int rc = library_branch_check(p->lib, name);
    if (rc < 0)
        return rc;
    snprintf(ref, sizeof(ref), "refs/heads/%s", name);
    rc = library_resolve(p->lib, ref, &at);
    if (rc == GRASP_ENOTFOUND) {
        err_clear();
        return 0;
    }
    if (rc < 0 || strcmp(at.hex, p->o->frozen->hex) == 0)
        return rc;
    if ((rc = library_commit_read(p->lib, &at, &info)) < 0)
        return rc;
    const char *run = library_trailer(&info, "Run");
    if (!run || strcmp(run, p->r->run) != 0)
        rc = err_set(GRASP_ECONFLICT,
                     "the branch '%s' of %s is another one's work (%s): name another with "
                     "--branch, or delete it: git -C '%s' branch -D %s",
                     name, library_dir(p->lib), run ? run : "made by hand", library_dir(p->lib),
                     name);
    library_commit_release(&info);
    return rc;
}

static void name_run(struct pruning *p)
{
    const char *const parts[] = {p->o->frozen->hex, p->s->backend[0]->identity, p->o->branch, NULL};
    panel_run_id(p->s, "regate", parts, p->r->run, sizeof(p->r->run));
}

int prune_check(struct session *s, const struct prune_options *o)
{
    struct prune_report r = {0};
    struct pruning p = {.s = s, .o = o, .r = &r};
    name_run(&p);
    int rc = library_open(&p.lib, o->library, LIBRARY_READ);
    if (rc == 0)
        rc = check_branch(&p);
    library_close(p.lib);
    return rc;
}

static int open_pruning(struct pruning *p)
{
    name_run(p);
    p->head = *p->o->frozen;
    int rc = library_open(&p->lib, p->o->library, LIBRARY_WRITE);
    if (rc == 0)
        rc = check_branch(p);
    return rc < 0 ? rc : library_read(p->lib, p->head.hex, &p->set);
}

static int measure_plain(struct pruning *p)
{
    struct panel panel = {0};
    p->view = skills_view_new(&p->set);
    int rc = p->view ? 0 : err_code();
    if (rc == 0)
        rc = panel_measure(&panel, p->s, p->view);
    panel_rules(&panel, &p->rules);
    p->rules.fixes_only = false;
    p->rules.regression_gate = true;
    if (rc == 0)
        rc = panel_draw(&panel, rng_seed_probes((uint64_t)p->s->config->cycle.seed, 0, 0), NULL,
                        &p->probes);
    p->plain = calloc(p->probes.n + 1, sizeof(*p->plain));
    p->base = calloc(p->probes.n + 1, sizeof(*p->base));
    if (rc == 0 && (!p->plain || !p->base))
        rc = err_oom();
    panel_release(&panel);
    return rc;
}

int prune(struct session *s, const struct prune_options *o, struct prune_report *r)
{
    struct pruning p = {.s = s, .o = o, .r = r};
    *r = (struct prune_report){0};
    int rc = open_pruning(&p), more = 1;
    if (rc == 0)
        rc = measure_plain(&p);
    for (; rc == 0 && more && p.set.n && p.probes.n; p.round++) {
        more = one_round(&p);
        rc = more < 0 ? more : 0;
    }
    if (rc == 0) {
        r->rounds = p.round;
        r->probes = p.probes.n;
        for (size_t i = 0; i < p.probes.n; i++)
            r->failing += p.probes.v[i].failing;
        passes_of(p.plain, p.base, p.probes.n, &r->passed_plain, &r->passed_pruned);
        r->tip = p.head;
        r->set = p.set;
        p.set = (struct skill_set){0};
        rc = library_branch_set(p.lib, o->branch, &p.head);
    }
    skill_set_release(&p.set);
    skills_view_unref(p.view);
    probe_set_release(&p.probes);
    free(p.plain);
    free(p.base);
    json_decref(p.base_seen);
    library_close(p.lib);
    return rc;
}

void prune_report_release(struct prune_report *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->v[i].name);
    free(r->v);
    skill_set_release(&r->set);
    *r = (struct prune_report){0};
}

json_t *prune_to_json(const struct prune_report *r, const char *branch)
{
    json_t *skills = json_array(), *left = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const struct contribution *c = &r->v[i];
        json_array_append_new(skills, json_pack("{s:s, s:i, s:i, s:i, s:b, s:i}", "name", c->name,
                                                "brings", c->brings, "causes", c->causes,
                                                "score_without", c->score, "eligible",
                                                (int)c->eligible, "removed_in_round", c->removed));
    }
    for (size_t i = 0; i < r->set.n; i++)
        json_array_append_new(left, json_string(r->set.v[i].name));
    return json_pack("{s:s, s:s, s:s, s:i, s:{s:i, s:i, s:i, s:i}, s:o, s:o}", "run", r->run,
                     "branch", branch, "commit", r->tip.hex, "rounds", r->rounds, "probes", "n",
                     (int)r->probes, "failing", (int)r->failing, "passed_with_library",
                     r->passed_plain, "passed_pruned", r->passed_pruned, "skills", skills, "left",
                     left);
}
