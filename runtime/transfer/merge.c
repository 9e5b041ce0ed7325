/* merge.c - another library's skills, or a person's edit, proposed one by one through the gate. */
#include "runtime/transfer/merge.h"

#include <stdlib.h>
#include <string.h>

#include "probes/rng.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/history/decision.h"
#include "runtime/history/words.h"
#include "runtime/history/frozen.h"
#include "runtime/history/history.h"
#include "runtime/transfer/panel.h"
#include "skills/flat.h"
#include "skills/inject.h"

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
    struct skill_set theirs; /* what is proposed */
    struct strlist removed;  /* by a person's edit */
    struct buf reason;       /* of a person's edit */
};

/* Without what we write ourselves when something is let in. */
static int bare(const struct skill *s, struct skill *out)
{
    static const char *const ours[] = {"author-model", "epoch", "update", "parent-version"};
    int rc = skill_copy(out, s);
    for (size_t i = 0; rc == 0 && i < sizeof(ours) / sizeof(*ours); i++)
        skill_unset_meta(out, ours[i]);
    out->version = 1;
    return rc;
}

static bool same_whole(const struct skill *a, const struct skill *b)
{
    struct skill x = {0}, y = {0};
    struct buf one = BUF_INIT, two = BUF_INIT;
    bool is = bare(a, &x) == 0 && bare(b, &y) == 0 && skill_equal(&x, &y);
    if (is && (a->foreign || b->foreign)) {
        skill_render(&x, &one);
        skill_render(&y, &two);
        is = one.len == two.len && memcmp(one.ptr, two.ptr, one.len) == 0;
    }
    skill_release(&x);
    skill_release(&y);
    buf_release(&one);
    buf_release(&two);
    return is;
}

static bool same(const struct skill *a, const struct skill *b, bool whole)
{
    return strcmp(a->description, b->description) == 0 && strcmp(a->body, b->body) == 0 &&
           strlist_equal(&a->tags, &b->tags) && skill_files_equal(a->files, b->files) &&
           (!whole || same_whole(a, b));
}

int merge_proposal(const struct skill_set *set, const struct skill *skill, bool whole,
                   struct proposal *p)
{
    const struct skill *mine = skill_set_find(set, skill->name);
    *p = (struct proposal){0};
    if (mine && same(mine, skill, whole))
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
    if (rc == 0 && (skill->foreign || whole) && skill->source &&
        !(e->source = str_ndup(skill->source, skill->source_len)))
        rc = err_oom();
    if (rc < 0)
        proposal_release(p);
    return rc;
}

/* ---- one skill ---- */

struct trial {
    struct proposal proposal;
    struct provenance provenance;
    struct skill_set set;
    struct skills_view *view;
    struct oid tree;
    struct probe_set probes;
    struct gate gate;
    json_t *base_seen, *seen; /* of its probes, for the evidence */
    bool wins;
};

/* What needs no measuring: NULL, or why it is refused. */
static const char *refuse(const struct merging *m, const struct trial *t)
{
    const struct proposal *p = &t->proposal;
    const struct edit *e = &p->v[0];
    const struct skill *mine = p->n ? skill_set_find(&m->set, e->name) : NULL;
    size_t most = (size_t)m->s->config->skills.max_chars, chars = 0, now = 0;
    char what[128] = "";
    if (!p->n)
        return "same";
    if (session_leaks(m->leak, e, what, sizeof(what))) {
        log_warn("%s quotes the benchmark (%s): refused", e->name, what);
        return "leak";
    }
    if (e->action == EDIT_ADD && m->set.n >= (size_t)m->s->config->cycle.max_learned_skills)
        return "full";
    if (mine && !m->o->edit && str_same(skill_meta(mine, "pinned"), "true"))
        return "pinned";
    if (most && inject_chars(m->s->prompts, &t->set, &chars) == 0 &&
        inject_chars(m->s->prompts, &m->set, &now) == 0 && chars > most && chars > now) {
        log_warn("with %s the skills would have %zu characters, and %zu are allowed "
                 "(skills.max_chars)",
                 e->name, chars, most);
        return "large";
    }
    return NULL;
}

static void trial_release(struct trial *t)
{
    proposal_release(&t->proposal);
    skill_set_release(&t->set);
    skills_view_unref(t->view);
    probe_set_release(&t->probes);
    gate_release(&t->gate);
    json_decref(t->base_seen);
    json_decref(t->seen);
}

/* Baseline and candidate on a probe set. */
static int measure_on(const struct merging *m, const struct trial *t,
                      const struct probe_set *probes, int number, struct gate *g)
{
    struct arms arms = panel_arms(m->s, probes, number);
    int rc = arms_gate(g, &m->rules, probes, NULL, 1);
    arms.base_seen = t->base_seen;
    arms.seen = &t->seen;
    if (rc == 0)
        rc = panel_baseline(&arms, m->view, g->base);
    if (rc == 0)
        rc = arms_measure(&arms, g, m->view, &t->view);
    return rc < 0 ? rc : panel_covered(g, t->proposal.v[0].name);
}

static int try_it(struct merging *m, struct trial *t, int number)
{
    uint64_t seed = rng_seed_probes((uint64_t)m->s->config->cycle.seed, 0, (uint64_t)number);
    int rc = 0;
    if (!(t->view = skills_view_new(&t->set)))
        rc = err_code();
    if (rc == 0)
        rc = library_candidate(m->lib, &t->set, &m->head, &t->tree);
    if (rc == 0)
        rc = panel_draw(&m->panel, seed, NULL, &t->probes);
    if (rc == 0 && !((t->base_seen = arms_seen(t->probes.n)) && (t->seen = arms_seen(t->probes.n))))
        rc = GRASP_ENOMEM;
    if (rc == 0)
        rc = measure_on(m, t, &t->probes, number, &t->gate);
    t->wins = rc == 0 && gate_winner(&t->gate) == 0;
    return rc;
}

static int record(struct merging *m, const struct trial *t, const struct skill *skill, int number,
                  struct merge_step *step)
{
    const struct trailer more[] = {{m->o->edit ? "Edited-From" : "Merged-From", m->r->from.hex}};
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
                         .n_more = *m->r->from.hex ? 1 : 0,
                         .seen = t->base_seen,
                         .journaled = m->s->journal != NULL};
    struct judged j = {.proposal = &t->proposal,
                       .tree = &t->tree,
                       .reason = m->o->edit ? m->reason.ptr : reason,
                       .seen = t->seen};
    if (skill)
        snprintf(reason, sizeof(reason), "Version %d of the skill in the library at %.12s.",
                 skill->version, m->r->from.hex);
    int rc = m->s->journal ? journal_sync(m->s->journal) : 0;
    if (rc == 0)
        rc = decision_when(m->lib, d.run, d.update, &d.when);
    library_batch_begin(m->lib);
    if (rc == 0)
        rc = decision_begin(&d);
    if (rc == 0)
        rc = decision_record(&d, 0, &j, t->wins, NULL);
    decision_release(&d);
    if (rc == 0)
        rc = library_batch_commit(m->lib);
    else
        library_batch_drop(m->lib);
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

static int propose_removal(struct merging *m, const char *name, struct proposal *p)
{
    if (!skill_set_find(&m->set, name))
        return 0;
    p->n = 1;
    p->v[0] = (struct edit){.action = EDIT_REMOVE, .name = str_dup(name)};
    return p->v[0].name ? 0 : err_oom();
}

/* `skill` NULL: `name` goes. */
static int one_skill(struct merging *m, const struct skill *skill, const char *name, int number)
{
    struct merge_step *step = &m->r->v[m->r->n];
    const char *author = skill && !m->o->edit ? skill_meta(skill, "author-model") : NULL;
    struct trial t = {.provenance = {author       ? author
                                     : m->o->edit ? "by hand"
                                                  : "unknown",
                                     0, number}};
    int rc = skill ? merge_proposal(&m->set, skill, m->o->edit, &t.proposal)
                   : propose_removal(m, name, &t.proposal);
    if (rc == 0 && t.proposal.n)
        rc = proposal_apply(&m->set, &t.proposal, &t.provenance, &t.set);
    *step = (struct merge_step){.name = str_dup(name)};
    m->r->n++;
    if (rc == 0 && !step->name)
        rc = err_oom();
    if (rc == 0 && !(step->fate = refuse(m, &t))) {
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
    struct buf text = BUF_INIT;
    for (size_t i = 0; m->o->edit && i < m->theirs.n; i++)
        skill_render(&m->theirs.v[i], &text);
    if (m->o->edit)
        buf_addf(&text, "%s <%s>", library_author(m->lib), library_email(m->lib));
    const char *const parts[] = {start->hex, m->r->from.hex, m->s->backend[0]->identity, text.ptr,
                                 NULL}; /* the last one: of an edit */
    panel_run_id(m->s, m->o->edit ? "edit" : "merge", parts, out, size);
    buf_release(&text);
}

/* Where this merge begins: at the head, or, when the commits there are its own, where it began
 * before. Then it makes the same decisions again and goes on after them. */
static int find_start(struct merging *m)
{
    struct oid at = m->head;
    char newest[sizeof(m->r->run)] = "", again[sizeof(m->r->run)];
    bool ours = !m->o->edit; /* that is there already when it was let in */
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

/* ---- what is proposed ---- */

static int from_library(struct merging *m)
{
    struct library *from = NULL;
    int rc = library_open(&from, m->o->from, LIBRARY_READ);
    if (rc == 0)
        rc = manifest_check_read(from, m->o->at);
    if (rc == 0)
        rc = library_resolve(from, m->o->at, &m->r->from);
    if (rc == 0)
        rc = library_read(from, m->r->from.hex, &m->theirs);
    if (rc == 0)
        rc = library_load_files(from, &m->theirs);
    library_close(from);
    return rc;
}

/* A SKILL.md stands for its folder. */
static int from_path(struct merging *m)
{
    const char *path = m->o->edit, *slash = strrchr(path, '/');
    struct flat_report report = {0};
    struct buf text = BUF_INIT;
    struct skill skill = {0};
    char *dir = NULL;
    int rc = 0;
    if (strcmp(slash ? slash + 1 : path, "SKILL.md") == 0)
        dir = slash ? str_ndup(path, (size_t)(slash - path) + 1) : str_dup(".");
    else if (fs_is_dir(path))
        dir = str_dup(path);
    if (dir) {
        rc = flat_read_dir(dir, &m->theirs, &report);
        if (rc == 0 && report.refused.n)
            rc = err_set(GRASP_EREFUSED, "%s: %s", path, report.refused.v[0]);
    } else {
        rc = fs_read(path, &text);
        if (rc == 0)
            rc = flat_parse(&skill, text.ptr, text.len, path, NULL);
        if (rc == 0)
            rc = skill_set_put(&m->theirs, &skill);
    }
    buf_adds(&m->reason, "Edited by hand.");
    skill_release(&skill);
    flat_report_release(&report);
    buf_release(&text);
    free(dir);
    return rc;
}

/* A commit that the branch has cannot be let in any more. */
static int refuse_known(const struct merging *m)
{
    const char *dir = m->o->library, *c = m->r->from.hex;
    if (strcmp(c, m->head.hex) == 0)
        return err_set(GRASP_EREFUSED,
                       "%.10s is in the library already, so that nothing can be measured without "
                       "it; to take it out first: git -C '%s' branch mine && git -C '%s' reset "
                       "--hard %.10s~1, then --edit mine",
                       c, dir, dir, c);
    return err_set(
        GRASP_EREFUSED,
        "%.10s is in the library already, so that nothing can be measured without it; to "
        "take it out first: git -C '%s' branch mine %.10s && git -C '%s' revert %.10s, "
        "then grasp skills ack and --edit mine",
        c, dir, c, dir, c);
}

/* The changes of a commit: skills that are new or other, and those that it removes. */
static int from_commit(struct merging *m)
{
    struct library_commit_info info = {0};
    struct skill_set before = {0}, after = {0};
    struct skill_changes changes = {0};
    int rc = library_resolve(m->lib, m->o->edit, &m->r->from), known = 0;
    if (rc == 0)
        known = library_contains(m->lib, &m->head, &m->r->from);
    if (rc == 0 && known)
        rc = known < 0 ? known : refuse_known(m);
    if (rc == 0)
        rc = library_commit_read(m->lib, &m->r->from, &info);
    if (rc == 0)
        rc = library_read(m->lib, m->r->from.hex, &after);
    if (rc == 0 && *info.parent.hex)
        rc = library_read(m->lib, info.parent.hex, &before);
    if (rc == 0)
        rc = library_load_files(m->lib, &after);
    if (rc == 0)
        rc = skill_changes(&before, &after, &changes);
    for (size_t i = 0; rc == 0 && i < changes.n; i++) {
        struct skill copy = {0};
        const struct skill_change *c = &changes.v[i];
        if (c->action == EDIT_REMOVE)
            rc = strlist_add(&m->removed, c->name);
        else if ((rc = skill_copy(&copy, skill_set_find(&after, c->name))) == 0)
            rc = skill_set_put(&m->theirs, &copy);
        skill_release(&copy);
    }
    if (rc == 0 && !changes.n)
        rc = err_set(GRASP_EINVAL, "%.10s changes no skill", m->r->from.hex);
    if (rc == 0)
        buf_addf(&m->reason, "%s (edited by hand as %.10s).", info.subject, m->r->from.hex);
    if (rc == 0)
        rc = library_sign_as(m->lib, &m->r->from);
    free(changes.v);
    skill_set_release(&before);
    skill_set_release(&after);
    library_commit_release(&info);
    return rc;
}

/* Somebody edits in the library's own folder and wants to know: that has a way, too. */
static int open_library(struct merging *m)
{
    const char *dir = m->o->library;
    int rc = library_open(&m->lib, dir, LIBRARY_WRITE);
    char *path = m->o->edit ? realpath(m->o->edit, NULL) : NULL, *root = realpath(dir, NULL);
    size_t len = root ? strlen(root) : 0;
    if (rc == GRASP_EREFUSED && path && root && strncmp(path, root, len) == 0 && path[len] == '/')
        rc = err_set(
            rc,
            "%s; to have them measured: git -C '%s' switch -c mine && git -C '%s' add -A && "
            "git -C '%s' commit -m mine && git -C '%s' switch -, then --edit mine",
            err_msg(), dir, dir, dir, dir);
    free(path);
    free(root);
    return rc;
}

static int open_merging(struct merging *m)
{
    struct oid commit;
    int rc = open_library(m);
    if (rc == 0)
        rc = library_head(m->lib, &m->head);
    if (rc == 0 && m->o->edit && fs_exists(m->o->edit)) {
        if (library_resolve(m->lib, m->o->edit, &commit) == 0)
            rc = err_set(GRASP_EINVAL,
                         "'%s' is a file here and a revision of the library: ./%s or %.10s",
                         m->o->edit, m->o->edit, commit.hex);
        else
            err_clear();
    }
    if (rc == 0)
        rc = !m->o->edit ? from_library(m) : fs_exists(m->o->edit) ? from_path(m) : from_commit(m);
    if (rc == 0)
        rc = find_start(m);
    if (rc == 0)
        rc = library_read(m->lib, m->head.hex, &m->set);
    if (rc == 0 && !(m->view = skills_view_new(&m->set)))
        rc = err_code();
    if (rc == 0)
        rc = session_leak_guard(m->s, &m->leak);
    m->r->v = calloc(m->theirs.n + m->removed.n + 1, sizeof(*m->r->v));
    if (rc == 0 && !m->r->v)
        rc = err_oom();
    return rc;
}

int merge(struct session *s, const struct merge_options *o, struct merge_report *r)
{
    struct merging m = {.s = s, .o = o, .r = r};
    *r = (struct merge_report){0};
    const struct task_set *dev;
    int rc = open_merging(&m);
    if (rc == 0)
        rc = session_split(s, SPLIT_DEV, &dev);
    if (rc == 0)
        panel_plan(s, o->edit ? "gate" : "merge",
                   dev->n + (m.theirs.n + m.removed.n) * (size_t)(2 * s->config->cycle.grpo_eval_n *
                                                                  s->config->gate.repeats),
                   false);
    if (rc == 0)
        rc = panel_measure(&m.panel, s, m.view);
    if (rc == 0)
        panel_rules(&m.panel, &m.rules);
    for (size_t i = 0; rc == 0 && i < m.removed.n; i++)
        rc = one_skill(&m, NULL, m.removed.v[i], (int)r->n);
    for (size_t i = 0; rc == 0 && i < m.theirs.n; i++)
        rc = one_skill(&m, &m.theirs.v[i], m.theirs.v[i].name, (int)r->n);
    r->after = m.head;
    r->skills = m.set.n;
    panel_release(&m.panel);
    skills_view_unref(m.view);
    skill_set_release(&m.set);
    skill_set_release(&m.theirs);
    strlist_release(&m.removed);
    buf_release(&m.reason);
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
