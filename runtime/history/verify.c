/* verify.c - walks all branches, tags and candidates of a library and holds every commit
 * against its evidence. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/history/history.h"
#include "runtime/history/frozen.h"
#include "runtime/history/verify.h"

struct verify {
    struct library *lib;
    struct findings *f;
    struct verify_counts *counts;
    json_t *seen; /* commit -> index of the step, of a candidate its ref */
    json_t *updates;
    json_t *edited;                        /* commit made by hand -> what the gate measured of it */
    struct history steps, refused;         /* on branches and tags; candidates */
    json_t **evidence, **refused_evidence; /* by index; NULL: none or unreadable */
};

#define BAD(s, ...) finding_add(v->f, &(s)->info.commit, true, __VA_ARGS__)

/* ---- what there is ---- */

static int walk_from(const char *ref, const struct oid *commit, void *arg)
{
    struct verify *v = arg;
    struct oid at = *commit;
    size_t first = v->steps.n;
    int rc = 0;
    (void)ref;
    for (size_t i = first; rc == 0;) {
        while (rc == 0 && *at.hex && !json_object_get(v->seen, at.hex)) {
            rc = history_add(&v->steps, v->lib, &at, NULL);
            if (rc == 0 &&
                json_object_set_new(v->seen, at.hex, json_integer((json_int_t)v->steps.n - 1)) < 0)
                rc = err_oom();
            if (rc == 0)
                at = v->steps.v[v->steps.n - 1].info.parent;
        }
        while (i < v->steps.n && !*v->steps.v[i].info.merged.hex)
            i++;
        if (i == v->steps.n)
            break;
        at = v->steps.v[i++].info.merged; /* what was merged has a line of its own */
    }
    return rc;
}

/* What a person had measured (grasp gate --edit) was made by hand before. */
static void note_edited(struct verify *v, const struct history *h)
{
    for (size_t i = 0; i < h->n; i++) {
        const char *from = library_trailer(&h->v[i].info, "Edited-From");
        if (from)
            json_object_set_new(v->edited, from, json_string(h->v[i].info.commit.hex));
    }
}

static int collect(struct verify *v)
{
    struct oid head;
    int rc = library_resolve(v->lib, "HEAD", &head);
    if (rc == 0)
        rc = walk_from("HEAD", &head, v);
    if (rc == 0)
        rc = library_refs(v->lib, "refs/heads/", walk_from, v);
    if (rc == 0) /* what a clone has of branches that it did not check out */
        rc = library_refs(v->lib, "refs/remotes/", walk_from, v);
    if (rc == 0)
        rc = library_refs(v->lib, "refs/tags/", walk_from, v);
    if (rc == 0) /* what a person did not adopt was let in by the gate all the same */
        rc = library_refs(v->lib, "refs/grasp/rejected/", walk_from, v);
    if (rc == 0)
        rc = history_candidates(v->lib, &v->refused);
    note_edited(v, &v->steps);
    note_edited(v, &v->refused);
    v->evidence = calloc(v->steps.n + 1, sizeof(*v->evidence));
    v->refused_evidence = calloc(v->refused.n + 1, sizeof(*v->refused_evidence));
    if (rc == 0 && (!v->evidence || !v->refused_evidence))
        rc = err_oom();
    return rc;
}

/* ---- one commit ---- */

/* What a commit changes: the folders, and the skills in them before and after. */
struct change {
    struct library_delta delta;
    struct skill_set before, after;
};

static void change_release(struct change *c)
{
    library_delta_release(&c->delta);
    skill_set_release(&c->before);
    skill_set_release(&c->after);
}

/* `after` NULL: the names only of what the parent has of them. */
static int change_read(struct verify *v, const struct step *s, bool after, struct change *c)
{
    *c = (struct change){0};
    int rc = library_delta(v->lib, &s->info.parent, &s->info.commit, &c->delta);
    if (rc == 0)
        rc = library_read_only(v->lib, &s->info.parent, &c->delta.names, &c->before);
    if (rc == 0 && after)
        rc = library_read_only(v->lib, &s->info.commit, &c->delta.names, &c->after);
    return rc;
}

/* Writing these skills on top of the parent makes the commit's tree: nothing else may differ. */
static int tree_is(struct verify *v, const struct step *s, const struct change *c,
                   const struct skill_set *set, bool *same)
{
    const struct strlist *names = &c->delta.names;
    int rc = 0;
    *same = !c->delta.other;
    for (size_t i = 0; rc == 0 && *same && i < names->n; i++)
        rc = library_skill_is(v->lib, skill_set_find(set, names->v[i]), names->v[i],
                              &s->info.parent, &s->info.commit, same);
    return rc;
}

/* GRASP_EPARSE and the like become findings; what the machine could not do ends the check. */
static bool fatal(int rc)
{
    return rc == GRASP_ENOMEM || rc == GRASP_EIO;
}

/* A skill that the delta does not name joins what is compared. */
static int touch(struct verify *v, const struct step *s, const char *name, struct change *c)
{
    struct strlist one = {0};
    struct skill_set set = {0};
    if (strlist_has(&c->delta.names, name))
        return 0;
    int rc = strlist_add(&one, name);
    if (rc == 0)
        rc = strlist_add(&c->delta.names, name);
    if (rc == 0)
        rc = library_read_only(v->lib, &s->info.parent, &one, &set);
    if (rc == 0 && set.n)
        rc = skill_set_put(&c->before, &set.v[0]);
    skill_set_release(&set);
    strlist_release(&one);
    return rc;
}

/* The edit, applied to the parent's skills, gives exactly this commit's tree. */
static int check_edit(struct verify *v, const struct step *s, const json_t *evidence)
{
    struct change c;
    struct skill_set after = {0};
    struct proposal p = {0};
    const struct provenance from = {json_str_at(evidence, "writer_model", NULL),
                                    (int)json_int_at(evidence, "epoch", 0),
                                    (int)json_int_at(evidence, "update", 0)};
    bool known = json_object_get(evidence, "epoch"), same = false;
    int rc = change_read(v, s, false, &c);
    if (rc == 0)
        rc = proposal_from_json(&p, json_object_get(evidence, "edit"));
    for (size_t i = 0; rc == 0 && i < p.n;
         i++) /* what the edit names and the commit leaves alone */
        rc = touch(v, s, p.v[i].name, &c);
    if (rc == 0)
        rc = proposal_apply(&c.before, &p, known ? &from : NULL, &after);
    if (rc == 0)
        rc = tree_is(v, s, &c, &after, &same);
    if (rc < 0 && !fatal(rc)) {
        BAD(s, "the edit of its evidence does not apply to its parent: %s", err_msg());
        rc = 0;
    } else if (rc == 0 && !same) {
        BAD(s, "the edit of its evidence, applied to its parent, does not give its tree");
    }
    proposal_release(&p);
    change_release(&c);
    skill_set_release(&after);
    return rc;
}

static int check_probes(struct verify *v, const struct step *s, const json_t *evidence)
{
    const char *id = library_trailer(&s->info, "Probe-Set");
    struct oid blob;
    struct buf text = BUF_INIT;
    if (!oid_from_text(&blob, id)) {
        BAD(s, "it has no trailer Probe-Set");
        return 0;
    }
    int rc = library_blob_read(v->lib, &blob, &text);
    if (rc == 0)
        check_probe_text(s, evidence, text.ptr, text.len, v->f);
    else if (!fatal(rc)) {
        BAD(s, "its Probe-Set cannot be read: %s", err_msg());
        rc = 0;
    }
    buf_release(&text);
    return rc;
}

/* Its note; *out NULL with a finding when there is none. */
static int read_note(struct verify *v, const struct step *s, json_t **out)
{
    int rc = library_note_read(v->lib, &s->info.commit, out);
    if (rc == GRASP_ENOTFOUND && v->counts->lacks & LIBRARY_LACKS_EVIDENCE)
        v->counts->unknown++; /* said once for all of them */
    else if (rc == GRASP_ENOTFOUND)
        BAD(s, "it has no evidence");
    else if (rc < 0 && !fatal(rc))
        BAD(s, "its evidence cannot be read: %s", err_msg());
    return fatal(rc) ? rc : 0;
}

static int check_measured(struct verify *v, const struct step *s, bool accepted, json_t **out)
{
    struct gate_score score;
    int rc = read_note(v, s, out);
    if (rc < 0 || !*out)
        return rc;
    check_claims(s, *out, accepted, v->f, &score);
    rc = check_probes(v, s, *out);
    return rc < 0 ? rc : check_edit(v, s, *out);
}

/* Whether the changed skills are those of the subject: "REMOVE a + ADD b: unmeasured". */
static bool subject_fits(const struct step *s, const struct skill_changes *c)
{
    struct buf edit = BUF_INIT, one = BUF_INIT;
    size_t parts = 1;
    bool fits = true;
    step_edit(s, &edit);
    buf_adds(&edit, " + ");
    for (const char *p = strstr(edit.ptr, " + "); p && p[3]; p = strstr(p + 3, " + "))
        parts++;
    for (size_t i = 0; fits && i < c->n; i++) {
        buf_reset(&one);
        buf_addf(&one, "%s %s + ", edit_action_name(c->v[i].action), c->v[i].name);
        const char *at = strstr(edit.ptr, one.ptr);
        fits = at && (at == edit.ptr || at[-1] == ' ');
    }
    fits = fits && parts == c->n && !edit.failed && !one.failed;
    buf_release(&edit);
    buf_release(&one);
    return fits;
}

/* An edit without a gate, or an import: only skills change, and those that it says. */
static int check_unmeasured(struct verify *v, const struct step *s)
{
    struct change c;
    struct skill_changes changes = {0};
    bool same = false;
    int rc = change_read(v, s, true, &c);
    if (rc == 0)
        rc = skill_changes(&c.before, &c.after, &changes);
    if (rc == 0)
        rc = tree_is(v, s, &c, &c.after, &same);
    if (rc < 0 && !fatal(rc)) {
        BAD(s, "%s", err_msg());
        rc = 0;
    } else if (rc == 0) {
        if (!same)
            BAD(s, "it changes more than the skills");
        if (s->kind == STEP_UNMEASURED && !subject_fits(s, &changes))
            BAD(s, "it changes other skills than its subject says");
        const char *method = library_trailer(&s->info, "Method"),
                   *fidelity = library_trailer(&s->info, "Fidelity");
        if (method)
            finding_add(v->f, &s->info.commit, false,
                        "unmeasured: what the method %.32s (%.32s) keeps, which has no gate",
                        method, fidelity ? fidelity : "?");
        else
            finding_add(v->f, &s->info.commit, false,
                        s->kind == STEP_IMPORT ? "imported, not measured"
                                               : "unmeasured: no gate let it in");
    }
    free(changes.v);
    change_release(&c);
    return rc;
}

/* The library becomes what it was at a commit of its own history. */
static int check_restore(struct verify *v, const struct step *s)
{
    const char *id = library_trailer(&s->info, "Restores");
    struct oid from, tree;
    int contains = oid_from_text(&from, id) ? library_contains(v->lib, &s->info.parent, &from) : 0;
    if (contains != 1) {
        BAD(s, "it restores '%.40s', which is no commit of its history", id);
        return 0;
    }
    int rc = library_tree_of(v->lib, &from, &tree);
    if (rc == 0 && strcmp(tree.hex, s->info.tree.hex) != 0)
        BAD(s, "its tree is not that of %.10s, which it says it restores", from.hex);
    return rc;
}

static int check_root(struct verify *v, const struct step *s)
{
    struct skill_set set = {0};
    int rc = library_read(v->lib, s->info.commit.hex, &set);
    if (rc < 0 && !fatal(rc)) {
        BAD(s, "%s", err_msg());
        rc = 0;
    } else if (rc == 0 && set.n) {
        BAD(s, "the library begins with %zu skills that nothing let in", set.n);
    }
    skill_set_release(&set);
    return rc;
}

/* What a person did is not the gate's to judge; that it can be read is. */
static int check_readable(struct verify *v, const struct step *s)
{
    struct library_delta delta = {0};
    struct skill_set set = {0};
    int rc = 0;
    if (*s->info.parent.hex)
        rc = library_delta(v->lib, &s->info.parent, &s->info.commit, &delta);
    if (rc == 0)
        rc = *s->info.parent.hex ? library_read_only(v->lib, &s->info.commit, &delta.names, &set)
                                 : library_read(v->lib, s->info.commit.hex, &set);
    library_delta_release(&delta);
    if (rc < 0 && !fatal(rc)) {
        BAD(s, "%s", err_msg());
        rc = 0;
    }
    skill_set_release(&set);
    return rc;
}

/* Whether a person's word is worth anything here: a commit that a gate measured has evidence to be held
 * against; only a cherry-pick has its trailers without it. */
static bool by_person(struct verify *v, const struct step *s)
{
    json_t *evidence = NULL;
    if (s->kind == STEP_OTHER || s->info.parents > 1)
        return true;
    if (s->kind != STEP_EDIT)
        return false;
    bool none = library_note_read(v->lib, &s->info.commit, &evidence) == GRASP_ENOTFOUND;
    json_decref(evidence);
    return none;
}

/* A merge that is a fast-forward in all but name: everything it brings was let in on the line that it
 * merges. */
static bool merges_line(struct verify *v, const struct step *s)
{
    struct oid tree;
    return library_contains(v->lib, &s->info.merged, &s->info.parent) == 1 &&
           library_tree_of(v->lib, &s->info.merged, &tree) == 0 &&
           strcmp(tree.hex, s->info.tree.hex) == 0;
}

static int check_step(struct verify *v, size_t i)
{
    const struct step *s = &v->steps.v[i];
    if (s->info.boundary) {
        finding_add(v->f, &s->info.commit, false,
                    "history before this was not fetched (a shallow clone): it is not verified; "
                    "git fetch --unshallow");
        return 0;
    }
    const char *measured = json_string_value(json_object_get(v->edited, s->info.commit.hex));
    struct buf why = BUF_INIT;
    if (measured && s->kind == STEP_OTHER) {
        v->counts->by_hand++;
        finding_add(v->f, &s->info.commit, false, "by a person, measured as %.10s", measured);
        return check_readable(v, s);
    }
    int rc = by_person(v, s) ? library_ack_read(v->lib, &s->info, &why) : GRASP_ENOTFOUND;
    if (rc == 0) {
        v->counts->by_hand++;
        v->counts->acknowledged++;
        v->steps.v[i].kind = STEP_OTHER; /* no update's any more */
        finding_add(v->f, &s->info.commit, false, "by a person, unmeasured: %s", why.ptr);
    }
    buf_release(&why);
    if (rc == 0 || rc == GRASP_ENOMEM)
        return rc < 0 ? rc : check_readable(v, s);
    if (s->info.parents == 2 && merges_line(v, s))
        return 0;
    if (s->info.parents > 1)
        BAD(s, "a merge: a gate lets edits in one after the other");
    switch (s->kind) {
    case STEP_ROOT:
        return check_root(v, s);
    case STEP_EDIT:
        v->counts->measured++;
        return check_measured(v, s, true, &v->evidence[i]);
    case STEP_UNMEASURED:
        v->counts->unmeasured++;
        return check_unmeasured(v, s);
    case STEP_IMPORT:
        v->counts->imported++;
        return check_unmeasured(v, s);
    case STEP_RESTORE:
        v->counts->restored++;
        return check_restore(v, s);
    case STEP_OTHER:
        break;
    }
    v->counts->by_hand++;
    BAD(s, "made by hand: nothing says what let it in; grasp skills ack says it, or a trailer "
           "Acknowledged");
    return 0;
}

static int check_candidate(struct verify *v, size_t i)
{
    const struct step *s = &v->refused.v[i];
    const json_t *known = json_object_get(v->seen, s->info.commit.hex);
    char run[128];
    int update, k;
    v->counts->candidates++;
    if (json_is_string(known))
        BAD(s, "it is kept twice, as %s and %s", json_string_value(known), s->ref);
    else if (known)
        BAD(s, "it is kept as refused (%s), and is in the library", s->ref);
    json_object_set_new(v->seen, s->info.commit.hex, json_string(s->ref));
    if (!candidate_ref_parse(s->ref, run, sizeof(run), &update, &k)) {
        BAD(s, "%s is no candidate's name", s->ref);
        return 0;
    }
    const char *of = library_trailer(&s->info, "Run");
    if (s->kind != STEP_EDIT)
        BAD(s, "%s is no measured candidate", s->ref);
    else if (!of || strcmp(of, run) != 0)
        BAD(s, "%s is a commit of another run", s->ref);
    return s->kind == STEP_EDIT ? check_measured(v, s, false, &v->refused_evidence[i]) : 0;
}

/* ---- updates ---- */

/* The updates that let something in: "RUN EPOCH UPDATE" -> indices of steps. */
static json_t *update_of(struct verify *v, const struct step *s, bool make)
{
    const char *run = library_trailer(&s->info, "Run"), *epoch = library_trailer(&s->info, "Epoch");
    const char *update = library_trailer(&s->info, "Update");
    struct buf key = BUF_INIT;
    json_t *steps = NULL;
    if (s->kind != STEP_EDIT || !run || !epoch || !update)
        return NULL;
    buf_addf(&key, "%s %s %s", run, epoch, update);
    if (!key.failed && !(steps = json_object_get(v->updates, key.ptr)) && make &&
        json_object_set_new(v->updates, key.ptr, steps = json_array()) < 0)
        steps = NULL;
    buf_release(&key);
    return steps;
}

/* The candidates from `first` to `end` are one update's; the accepted one joins them. */
static int check_group(struct verify *v, size_t first, size_t end)
{
    struct update_arm *arms = calloc(end - first + 1, sizeof(*arms));
    const json_t *in = update_of(v, &v->refused.v[first], false);
    char run[128];
    size_t n = 0;
    int update;
    if (!arms)
        return err_oom();
    for (size_t i = first; i < end; i++) {
        arms[n] = (struct update_arm){&v->refused.v[i], v->refused_evidence[i], 0};
        candidate_ref_parse(v->refused.v[i].ref, run, sizeof(run), &update, &arms[n++].k);
    }
    if (json_array_size(in)) {
        size_t i = (size_t)json_integer_value(json_array_get(in, 0));
        arms[n++] = (struct update_arm){&v->steps.v[i], v->evidence[i], -1};
    }
    check_update(arms, n, v->f);
    free(arms);
    return 0;
}

static int check_groups(struct verify *v)
{
    const char *key;
    json_t *steps;
    int rc = 0;
    for (size_t i = 0; i < v->steps.n; i++)
        json_array_append_new(update_of(v, &v->steps.v[i], true), json_integer((json_int_t)i));
    for (size_t i = 0, end; rc == 0 && i < v->refused.n; i = end) {
        char run[128], other[128];
        int update, next, k;
        bool good = candidate_ref_parse(v->refused.v[i].ref, run, sizeof(run), &update, &k);
        for (end = i + 1; good && end < v->refused.n; end++)
            if (!candidate_ref_parse(v->refused.v[end].ref, other, sizeof(other), &next, &k) ||
                next != update || strcmp(run, other) != 0)
                break;
        if (good)
            rc = check_group(v, i, end);
    }
    json_object_foreach (v->updates, key, steps) { /* one update lets one edit in */
        for (size_t i = 0; i + 1 < json_array_size(steps); i++)
            BAD(&v->steps.v[json_integer_value(json_array_get(steps, i))],
                "%.10s is of the same update; a gate lets one edit in",
                v->steps.v[json_integer_value(json_array_get(steps, i + 1))].info.commit.hex);
    }
    return rc;
}

/* ---- notes ---- */

static int note_known(const char *blob, const struct oid *commit, void *arg)
{
    struct verify *v = arg;
    (void)blob;
    v->counts->notes++;
    if (!json_object_get(v->seen, commit->hex) && v->counts->lacks & LIBRARY_LACKS_CANDIDATES)
        v->counts->unknown++;
    else if (!json_object_get(v->seen, commit->hex))
        finding_add(v->f, commit, true,
                    "evidence for a commit that no branch, tag or candidate leads to");
    const json_t *at = json_object_get(v->seen, commit->hex);
    const struct step *s = json_is_integer(at) ? &v->steps.v[json_integer_value(at)] : NULL;
    if (s && s->kind != STEP_EDIT)
        BAD(s, "it has evidence, but no trailer Gate-Score");
    return 0;
}

static int note_changed(const char *by, const struct oid *commit, void *arg)
{
    struct verify *v = arg;
    finding_add(v->f, commit, true, "its evidence was altered after it was written (by %.10s)", by);
    return 0;
}

/* Frozen tags lead to what their manifests say. */
static int check_frozen(const char *ref, const struct oid *commit, void *arg)
{
    struct verify *v = arg;
    int rc = manifest_check(v->lib, ref + strlen("refs/tags/"));
    if (rc == 0 || rc == GRASP_ENOTFOUND) /* the latter: a tag like any other */
        return 0;
    if (fatal(rc))
        return rc;
    finding_add(v->f, commit, true, "%s", err_msg());
    return 0;
}

static int frozen_altered(const char *name, const struct oid *commit, void *arg)
{
    struct verify *v = arg;
    finding_add(v->f, commit, true,
                "tag '%s': it was frozen here, and was removed or replaced since; to have it back: "
                "git -C '%s' update-ref refs/tags/%s refs/grasp/frozen/%s",
                name, library_dir(v->lib), name, name);
    return 0;
}

int history_verify(struct library *lib, struct findings *f, struct verify_counts *counts)
{
    struct verify v = {.lib = lib,
                       .f = f,
                       .counts = counts,
                       .seen = json_object(),
                       .edited = json_object(),
                       .updates = json_object()};
    struct strlist how = {0};
    *counts = (struct verify_counts){0};
    int rc = v.seen && v.edited && v.updates ? collect(&v) : err_oom();
    if (rc == 0 && (counts->lacks = library_lacks(lib, &how)) < 0)
        rc = counts->lacks;
    for (size_t i = 0; rc == 0 && i < v.steps.n; i++)
        rc = check_step(&v, i);
    for (size_t i = 0; rc == 0 && i < v.refused.n; i++)
        rc = check_candidate(&v, i);
    if (rc == 0)
        rc = check_groups(&v);
    if (rc == 0)
        rc = library_notes(lib, note_known, &v);
    if (rc == 0)
        rc = library_note_changes(lib, note_changed, &v);
    if (rc == 0)
        rc = library_refs(lib, "refs/tags/", check_frozen, &v);
    if (rc == 0)
        rc = library_tags_altered(lib, frozen_altered, &v);
    if (counts->unknown)
        finding_add(f, &(struct oid){""}, true,
                    "%d commits cannot be held against their evidence: this copy lacks %s; to "
                    "fetch it: %s",
                    counts->unknown,
                    counts->lacks & LIBRARY_LACKS_EVIDENCE ? "the evidence" : "the candidates",
                    how.v[0]);
    if (rc == 0 && f->failed)
        rc = err_oom();
    for (size_t i = 0; v.evidence && i < v.steps.n; i++)
        json_decref(v.evidence[i]);
    for (size_t i = 0; v.refused_evidence && i < v.refused.n; i++)
        json_decref(v.refused_evidence[i]);
    free(v.evidence);
    free(v.refused_evidence);
    history_release(&v.steps);
    history_release(&v.refused);
    json_decref(v.seen);
    json_decref(v.edited);
    json_decref(v.updates);
    strlist_release(&how);
    return rc;
}
