/* merge.c - another library's skills, proposed one by one through the gate. */
#include "runtime/transfer/merge.h"

#include <stdlib.h>
#include <string.h>

#include "probes/rng.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/history/decision.h"
#include "runtime/transfer/panel.h"

struct merging {
    struct session *s;
    const struct merge_options *o;
    struct merge_report *r;
    struct library *lib;
    struct leak_guard *leak;
    struct gate_rules rules;
    struct panel panel;
    struct oid head;
    struct skill_set set; /* of head */
    struct skills_view *view;
};

int merge_proposal(const struct skill_set *set, const struct skill *skill, struct proposal *p)
{
    const struct skill *mine = skill_set_find(set, skill->name);
    *p = (struct proposal){0};
    if (mine && strcmp(mine->description, skill->description) == 0 &&
        strcmp(mine->body, skill->body) == 0 && strlist_equal(&mine->tags, &skill->tags) &&
        skill_files_equal(mine->files, skill->files))
        return 0;
    struct edit *e = &p->v[0];
    *e = (struct edit){.action = mine ? EDIT_MODIFY : EDIT_ADD,
                       .name = str_dup(skill->name),
                       .description = str_dup(skill->description),
                       .content = str_dup(skill->body)};
    p->n = 1;
    int rc = e->name && e->description && e->content ? 0 : err_oom();
    if (rc == 0)
        rc = strlist_copy(&e->tags, &skill->tags);
    e->files = skill_files_ref(skill->files);
    if (rc == 0 && skill->foreign && skill->source &&
        !(e->source = str_ndup(skill->source, skill->source_len)))
        rc = err_oom();
    if (rc < 0)
        proposal_release(p);
    return rc;
}

/* ---- one skill ---- */

/* What needs no measuring: NULL, or why it is refused. */
static const char *refuse(const struct merging *m, const struct proposal *p)
{
    const struct edit *e = &p->v[0];
    char what[128] = "";
    if (!p->n)
        return "same";
    if (session_leaks(m->leak, e, what, sizeof(what))) {
        log_warn("%s quotes the benchmark (%s): refused", e->name, what);
        return "leak";
    }
    if (e->action == EDIT_ADD && m->set.n >= (size_t)m->s->config->cycle.max_learned_skills)
        return "full";
    return NULL;
}

struct trial {
    struct proposal proposal;
    struct provenance provenance;
    struct skill_set set;
    struct skills_view *view;
    struct oid tree;
    struct probe_set probes;
    struct gate gate;
    bool wins;
};

static void trial_release(struct trial *t)
{
    proposal_release(&t->proposal);
    skill_set_release(&t->set);
    skills_view_unref(t->view);
    probe_set_release(&t->probes);
    gate_release(&t->gate);
}

/* Baseline and candidate on a probe set. */
static int measure_on(const struct merging *m, const struct trial *t,
                      const struct probe_set *probes, int number, struct gate *g)
{
    struct arms arms = panel_arms(m->s, probes, number);
    int rc = arms_gate(g, &m->rules, probes, NULL, 1);
    if (rc == 0)
        rc = panel_baseline(&arms, m->view, g->base);
    if (rc == 0)
        rc = arms_measure(&arms, g, m->view, &t->view);
    return rc < 0 ? rc : panel_covered(g, t->proposal.v[0].name);
}

static int try_it(struct merging *m, struct trial *t, int number)
{
    uint64_t seed = rng_seed_probes((uint64_t)m->s->config->cycle.seed, 0, (uint64_t)number);
    int rc = proposal_apply(&m->set, &t->proposal, &t->provenance, &t->set);
    if (rc == 0 && !(t->view = skills_view_new(&t->set)))
        rc = err_code();
    if (rc == 0)
        rc = library_candidate(m->lib, &t->set, &m->head, &t->tree);
    if (rc == 0)
        rc = panel_draw(&m->panel, seed, NULL, &t->probes);
    if (rc == 0)
        rc = measure_on(m, t, &t->probes, number, &t->gate);
    t->wins = rc == 0 && gate_winner(&t->gate) == 0;
    return rc;
}

static int record(struct merging *m, const struct trial *t, const struct skill *skill, int number,
                  struct merge_step *step)
{
    const struct trailer more[] = {{"Merged-From", m->r->from.hex}};
    char reason[256];
    struct decision d = {.lib = m->lib,
                         .head = &m->head,
                         .run = m->r->run,
                         .update = number,
                         .number = number,
                         .writer = t->provenance.author_model,
                         .executor = session_model(m->s, false)->name,
                         .probes = &t->probes,
                         .gate = &t->gate,
                         .more = more,
                         .n_more = 1};
    struct judged j = {.proposal = &t->proposal, .tree = &t->tree, .reason = reason};
    snprintf(reason, sizeof(reason), "Version %d of the skill in the library at %.12s.",
             skill->version, m->r->from.hex);
    int rc = m->s->journal ? journal_sync(m->s->journal) : 0;
    if (rc == 0)
        rc = decision_when(m->lib, d.run, d.update, &d.when);
    if (rc == 0)
        rc = decision_begin(&d);
    if (rc == 0)
        rc = decision_record(&d, 0, &j, t->wins, NULL);
    decision_release(&d);
    step->measured = true;
    step->fate = decision_fate(&t->gate.arm[0], t->wins);
    step->score = t->gate.arm[0].score;
    step->stop = t->gate.arm[0].stop;
    step->commit = j.commit;
    return rc;
}

static int accept(struct merging *m, struct trial *t, const struct oid *commit)
{
    int rc = library_accept(m->lib, &m->head, commit);
    if (rc < 0)
        return rc;
    m->head = *commit;
    skill_set_release(&m->set);
    m->set = t->set;
    t->set = (struct skill_set){0};
    skills_view_unref(m->view);
    m->view = t->view;
    t->view = NULL;
    m->r->accepted++;
    return 0;
}

static int one_skill(struct merging *m, const struct skill *skill, int number)
{
    struct merge_step *step = &m->r->v[m->r->n];
    const char *author = skill_meta(skill, "author-model");
    struct trial t = {.provenance = {author ? author : "unknown", 0, number}};
    int rc = merge_proposal(&m->set, skill, &t.proposal);
    *step = (struct merge_step){.name = str_dup(skill->name)};
    m->r->n++;
    if (rc == 0 && !step->name)
        rc = err_oom();
    if (rc == 0 && !(step->fate = refuse(m, &t.proposal))) {
        step->action = t.proposal.v[0].action;
        rc = try_it(m, &t, number);
        if (rc == 0)
            rc = record(m, &t, skill, number, step);
        if (rc == 0 && t.wins)
            rc = accept(m, &t, &step->commit);
        if (rc == 0) {
            struct buf line = BUF_INIT;
            decision_subject(&t.proposal, &t.gate.arm[0], &line);
            log_info("%s %s", line.ptr, t.wins ? "accepted" : "refused");
            buf_release(&line);
        }
    }
    trial_release(&t);
    return rc;
}

/* ---- the whole ---- */

static void run_id(const struct merging *m, const struct oid *start, char *out, size_t size)
{
    const char *const parts[] = {start->hex, m->r->from.hex, m->s->backend[0]->identity, NULL};
    panel_run_id(m->s, "merge", parts, out, size);
}

/* Where this merge begins: at the head, or, when the commits there are its own, where it began
 * before. Then it makes the same decisions again and goes on after them. */
static int find_start(struct merging *m)
{
    struct oid at = m->head;
    char newest[sizeof(m->r->run)] = "", again[sizeof(m->r->run)];
    bool ours = true;
    while (ours && *at.hex) {
        struct library_commit_info info;
        int rc = library_commit_read(m->lib, &at, &info);
        if (rc < 0)
            return rc;
        const char *run = library_trailer(&info, "Run"),
                   *from = library_trailer(&info, "Merged-From");
        ours = run && from && strcmp(from, m->r->from.hex) == 0 &&
               (!*newest || strcmp(run, newest) == 0);
        if (ours) {
            snprintf(newest, sizeof(newest), "%s", run);
            at = info.parent;
        }
        library_commit_release(&info);
    }
    run_id(m, &at, again, sizeof(again));
    if (strcmp(again, newest) == 0)
        m->head = at;
    run_id(m, &m->head, m->r->run, sizeof(m->r->run));
    m->r->before = m->head;
    return 0;
}

static int open_merging(struct merging *m, struct skill_set *theirs)
{
    struct library *from = NULL;
    int rc = library_open(&m->lib, m->o->library, LIBRARY_WRITE);
    if (rc == 0)
        rc = library_head(m->lib, &m->head);
    if (rc == 0)
        rc = library_open(&from, m->o->from, LIBRARY_READ);
    if (rc == 0)
        rc = library_resolve(from, m->o->at, &m->r->from);
    if (rc == 0)
        rc = library_read(from, m->r->from.hex, theirs);
    if (rc == 0)
        rc = library_load_files(from, theirs);
    library_close(from);
    if (rc == 0)
        rc = find_start(m);
    if (rc == 0)
        rc = library_read(m->lib, m->head.hex, &m->set);
    if (rc == 0 && !(m->view = skills_view_new(&m->set)))
        rc = err_code();
    if (rc == 0)
        rc = session_leak_guard(m->s, &m->leak);
    m->r->v = calloc(theirs->n + 1, sizeof(*m->r->v));
    if (rc == 0 && !m->r->v)
        rc = err_oom();
    return rc;
}

int merge(struct session *s, const struct merge_options *o, struct merge_report *r)
{
    struct merging m = {.s = s, .o = o, .r = r};
    struct skill_set theirs = {0};
    *r = (struct merge_report){0};
    const struct task_set *dev;
    int rc = open_merging(&m, &theirs);
    if (rc == 0)
        rc = session_split(s, SPLIT_DEV, &dev);
    if (rc == 0)
        panel_plan(s, "merge",
                   dev->n + theirs.n * (size_t)(2 * s->config->cycle.grpo_eval_n *
                                                s->config->gate.repeats),
                   false);
    if (rc == 0)
        rc = panel_measure(&m.panel, s, m.view);
    if (rc == 0)
        panel_rules(&m.panel, &m.rules);
    for (size_t i = 0; rc == 0 && i < theirs.n; i++)
        rc = one_skill(&m, &theirs.v[i], (int)i);
    r->after = m.head;
    r->skills = m.set.n;
    panel_release(&m.panel);
    skills_view_unref(m.view);
    skill_set_release(&m.set);
    skill_set_release(&theirs);
    leak_guard_free(m.leak);
    library_close(m.lib);
    return rc;
}

void merge_report_release(struct merge_report *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->v[i].name);
    free(r->v);
    *r = (struct merge_report){0};
}
