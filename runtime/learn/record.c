/*
 * record.c - what a run leaves: commits, evidence notes, refs (DESIGN.md D2) and the files of
 * its directory (section 8).
 *
 * Everything here can be done twice: a run that is started again makes the same objects from the
 * same state (run.json keeps the run's id, its start, its identity and the time of each decision),
 * finds them there, and goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/history/decision.h"
#include "runtime/history/words.h"
#include "runtime/learn/learn_private.h"

/* The time of a decision: chosen before its first object is made, kept before a ref leads to one. */
static int decided_at(struct learn *l, const char *key, int64_t *when)
{
    json_t *times = json_object_get(l->run.state, "decided");
    const json_t *known = json_object_get(times, key);
    if (known) {
        *when = json_integer_value(known);
        return 0;
    }
    *when = clock_stamp() / NS_PER_SEC * NS_PER_SEC;
    json_object_set_new(times, key, json_integer(*when));
    l->run.dirty = true;
    return 0;
}

static int decision_time(struct learn *l, int64_t *when)
{
    char key[48];
    snprintf(key, sizeof(key), "epoch %d update %d", l->epoch, l->update);
    return decided_at(l, key, when);
}

enum outcome record_outcome(struct learn *l, const char *arm, const struct task *task,
                            enum outcome o)
{
    char key[256];
    snprintf(key, sizeof(key), "epoch %d update %d %.48s %s", l->epoch, l->update, arm, task->id);
    json_t *unscored = json_object_get(l->run.state, "unscored");
    if (json_object_get(unscored, key))
        return OUTCOME_UNSCORED;
    if (o == OUTCOME_UNSCORED) {
        l->count.unscored++;
        json_object_set_new(unscored, key, json_true());
    }
    return o;
}

/* ---- opening ---- */

static int new_state(struct learn *l)
{
    json_t *inputs = NULL, *id = record_id(l, NULL);
    int rc = id ? inputs_of(l, &inputs) : err_code();
    if (rc < 0) {
        json_decref(id);
        return rc;
    }
    size_t wave = (size_t)l->c->cycle.batch_concurrency;
    l->run.state =
        json_pack("{s:o, s:s, s:i, s:s, s:s, s:{}, s:{}, s:o, s:[]}", "run", id, "start",
                  l->at.head.hex, "wave", (int)wave, "author", library_author(l->lib), "email",
                  library_email(l->lib), "decided", "unscored", "inputs", inputs, "ends");
    char *dir = realpath(library_dir(l->lib), NULL); /* for who reads the run from elsewhere */
    if (l->run.state && dir)
        json_object_set_new(l->run.state, "library", json_string(dir));
    free(dir);
    if (l->run.state)
        json_object_set_new(l->run.state, "version", json_string(GRASP_VERSION));
    return l->run.state ? record_state(l) : err_oom();
}

static int resume_state(struct learn *l, const char *state_path, const char *config_path)
{
    int rc = json_read_file(&l->run.state, state_path);
    if (rc == 0)
        rc = inputs_check(l, config_path);
    if (rc == 0)
        rc = line_set(l, json_str_at(l->run.state, "run", "run"), false);
    if (rc == 0)
        rc = inputs_restore(l);
    if (rc == 0)
        rc = library_head(l->lib, &l->at.head);
    const char *start = json_str_at(l->run.state, "start", "");
    struct oid from;
    if (rc == 0 && !oid_from_text(&from, start))
        rc = err_set(GRASP_EINVAL, "%s: damaged; use another run directory", state_path);
    if (rc < 0)
        return rc;
    int contains = library_contains(l->lib, &l->at.head, &from);
    if (contains < 0)
        return err_prefix(contains, "the library is not the one this run began with");
    if (!contains && !(l->flags & LEARN_FROM_HEAD))
        return err_set(
            GRASP_ECONFLICT,
            "the library %s has diverged: the run in %s began at %.12s, which its branch "
            "does not contain; use another run directory, reset the branch, or learn on from where "
            "it is (--from-head)",
            library_dir(l->lib), l->run.dir, start);
    l->at.head = from;
    return library_identity_set(l->lib, json_str_at(l->run.state, "author", "grasp"),
                                json_str_at(l->run.state, "email", "grasp@localhost"));
}

/* The kernel drops the lock when its holder ends, however that happens. */
static int lock_run(struct learn *l, const char *run_dir)
{
    int fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(GRASP_EIO, "cannot open '%s'", run_dir);
    l->run.lock = fd; /* closed by record_close */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return err_set_errno(GRASP_EIO, "cannot lock '%s'", run_dir);
    return err_set(GRASP_ECONFLICT,
                   "the run in '%s' is being made by another process: wait for it or stop it",
                   run_dir);
}

int record_open(struct learn *l, const char *library, const char *run_dir)
{
    char *state = fs_join(run_dir, "run.json"), *config = fs_join(run_dir, "config.yaml");
    char *log = fs_join(run_dir, "run.log"), *spent = fs_join(run_dir, "spent.json");
    struct buf text = BUF_INIT;
    int rc = state && config && log && spent ? 0 : err_oom();
    l->run.dir = str_dup(run_dir);
    if (rc == 0)
        rc = fs_mkdirs(run_dir);
    if (rc == 0)
        rc = lock_run(l, run_dir);
    if (rc == 0)
        rc = log_open(log);
    if (rc == 0 && l->s->accounts)
        rc = accounts_keep(l->s->accounts, spent);
    if (rc == 0)
        rc = library_open(&l->lib, library, LIBRARY_WRITE | LIBRARY_CREATE);
    if (rc == 0)
        rc = library_head(l->lib, &l->at.head);
    bool again = rc == 0 && fs_exists(state);
    if (rc == 0)
        fs_remove_temporary(run_dir); /* the library's lock is ours: nobody writes here */
    if (again)
        rc = resume_state(l, state, config);
    else if (rc == 0) {
        config_render(l->c, &text);
        rc = buf_check(&text);
        if (rc == 0)
            rc = fs_write(config, text.ptr, text.len);
        if (rc == 0)
            rc = new_state(l);
    }
    if (rc == 0) {
        snprintf(l->run.id, sizeof(l->run.id), "%s", json_str_at(l->run.state, "run", "run"));
        l->run.wave = (size_t)json_int_at(l->run.state, "wave", 5);
        l->at.start = l->at.head;
        l->run.resumed = again;
        rc = line_open(l);
    }
    if (rc == 0) {
        struct oid head = l->at.head;
        rc = learn_move(l, &head);
    }
    buf_release(&text);
    free(state);
    free(config);
    free(log);
    free(spent);
    return rc;
}

void record_close(struct learn *l)
{
    library_close(l->lib);
    json_decref(l->run.state);
    if (l->run.lock > 0)
        close(l->run.lock);
    free(l->run.dir);
}

/* ---- commits ---- */

static struct decision decision_of(struct learn *l, const struct probe_set *p, const struct gate *g)
{
    return (struct decision){.lib = l->lib,
                             .head = &l->at.head,
                             .run = l->run.id,
                             .epoch = l->epoch,
                             .update = l->update,
                             .number = l->updates,
                             .writer = session_model(l->s, true)->name,
                             .executor = session_model(l->s, false)->name,
                             .draws = l->s->draws.shared ? "shared" : "fresh",
                             .asked = l->told.asked,
                             .prompts = l->prompts,
                             .probes = p,
                             .gate = g,
                             .seen = l->base_seen,
                             .journaled = l->s->journal != NULL};
}

/* Why it was proposed, in the writer's words where it said so, with the label of the failures. */
static void reason_of(const struct candidate *c, struct buf *out)
{
    bool said = false;
    if (c->label)
        buf_addf(out, "Failures %s: ", c->label);
    for (size_t i = 0; i < c->proposal.n; i++)
        if (c->proposal.v[i].reason) {
            buf_addf(out, "%s%s", said ? " " : "", c->proposal.v[i].reason);
            said = true;
        }
    if (!said)
        buf_adds(out, c->about ? c->about : "the writer gave no reason");
}

static struct judged judged_of(const struct candidate *c, struct buf *reason)
{
    reason_of(c, reason);
    return (struct judged){.proposal = &c->proposal,
                           .tree = &c->tree,
                           .reason = reason->ptr,
                           .k = c->k,
                           .revision = c->revision,
                           .seen = c->seen};
}

/* Shown to the writer when `rejected_memory` is on. */
static void remember_rejected(struct learn *l, const struct candidate *c, const char *fate)
{
    struct buf edit = BUF_INIT;
    proposal_describe(&c->proposal, &edit);
    if (c->proposal.v[0].description)
        buf_addf(&edit, ": %s", c->proposal.v[0].description);
    json_array_insert_new(l->told.rejected, 0,
                          json_pack("{s:s, s:s}", "edit", edit.ptr, "reason", fate));
    if (json_array_size(l->told.rejected) > 100)
        json_array_remove(l->told.rejected, 100);
    buf_release(&edit);
}

static int record_one(struct learn *l, const struct decision *d, size_t arm, struct candidate *c,
                      bool accepted)
{
    const struct gate_arm *measured = &d->gate->arm[arm];
    struct buf reason = BUF_INIT;
    struct judged j = judged_of(c, &reason);
    json_t *evidence = NULL;
    int rc = decision_record(d, arm, &j, accepted, &evidence);
    buf_release(&reason);
    if (rc < 0)
        return rc;
    c->commit = j.commit;
    if (c->label)
        json_object_set_new(evidence, "label", json_string(c->label));
    json_array_append_new(l->told.log, evidence);
    if (!accepted)
        remember_rejected(l, c, decision_fate(measured, false));
    struct buf line = BUF_INIT;
    struct ruling v;
    ruling_of(&v, &d->gate->rules, measured, accepted);
    proposal_describe(&c->proposal, &line);
    buf_adds(&line, ": ");
    ruling_counts(&v, &line);
    buf_adds(&line, ", ");
    ruling_words(&v, &line);
    log_info("epoch %d, update %d: %s", l->epoch + 1, l->update + 1, line.ptr);
    buf_release(&line);
    return 0;
}

/* What the winner repaired is told again to whoever edits its skills. */
static void remember_repaired(struct learn *l, const struct probe_set *p, const struct gate *g,
                              int winner, const struct proposal *edits)
{
    for (size_t i = 0; i < p->n; i++) {
        const char *id = p->v[i].task->id;
        if (!p->v[i].failing || g->arm[winner].outcomes[i] != OUTCOME_PASS ||
            g->base[i] == OUTCOME_PASS)
            continue;
        if (!json_object_get(l->told.repaired, id))
            json_object_set_new(l->told.repaired, id, json_object());
        for (size_t k = 0; k < edits->n; k++)
            if (edits->v[k].action != EDIT_REMOVE)
                json_object_set_new(json_object_get(l->told.repaired, id), edits->v[k].name,
                                    json_true());
    }
}

int record_update(struct learn *l, const struct probe_set *p, const struct gate *g,
                  struct candidate *const *candidates, size_t n, int winner)
{
    struct decision d = decision_of(l, p, g);
    int rc = winner >= 0 ? line_stands(l) : 0;
    record_begin(l);
    if (rc == 0)
        rc = decision_time(l, &d.when);
    if (rc == 0)
        rc = decision_begin(&d);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = record_one(l, &d, i, candidates[i], (int)i == winner);
    l->count.judged += (int64_t)n;
    if (rc == 0 && winner >= 0) {
        remember_repaired(l, p, g, winner, &candidates[winner]->proposal);
        rc = line_accept(l, &candidates[winner]->commit);
        l->count.accepted++;
    }
    decision_release(&d);
    rc = record_settle(l, rc);
    return rc == 0 && winner >= 0 ? line_accepted(l, &candidates[winner]->commit) : rc;
}

int record_unmeasured(struct learn *l, struct candidate *c)
{
    struct decision d = decision_of(l, NULL, NULL);
    struct buf reason = BUF_INIT;
    struct judged j = judged_of(c, &reason);
    int rc = line_stands(l);
    record_begin(l);
    if (rc == 0)
        rc = decision_time(l, &d.when);
    if (rc == 0)
        rc = decision_unmeasured(&d, &j);
    buf_release(&reason);
    c->commit = j.commit;
    if (rc == 0)
        rc = line_accept(l, &c->commit);
    rc = record_settle(l, rc);
    if (rc == 0)
        rc = line_accepted(l, &c->commit);
    if (rc == 0) {
        l->count.accepted++;
        json_array_append_new(l->told.log,
                              json_pack("{s:s, s:i, s:i, s:i, s:s, s:o, s:s, s:O*, s:s*}", "run",
                                        l->run.id, "epoch", l->epoch, "update", l->update,
                                        "proposal", c->k, "fate", "unmeasured", "edit",
                                        proposal_to_json(&c->proposal), "commit", c->commit.hex,
                                        "proposals", l->told.asked, "label", c->label));
        struct buf line = BUF_INIT;
        proposal_describe(&c->proposal, &line);
        log_info("epoch %d, update %d: %s applied unmeasured", l->epoch + 1, l->update + 1,
                 line.ptr);
        buf_release(&line);
    }
    return rc;
}

/* "MODIFY seq-memory: 37 notes, unmeasured" */
static void document_text(const struct learn *l, const struct skill *document, bool first,
                          struct buf *subject, struct trailers *t)
{
    const struct method_settings *m = &l->c->method;
    const char *counts = strrchr(document->description, ':');
    size_t len = counts ? strlen(counts) : 0;
    buf_addf(subject, "%s %s%.*s, unmeasured", first ? "ADD" : "MODIFY", document->name,
             len ? (int)len - 1 : 0, counts ? counts : "");
    trailers_add(t, "Gate-Score", "unmeasured");
    trailers_add(t, "Method", "%s", method_names[m->name]);
    trailers_add(t, "Fidelity", "%s", fidelity_names[m->fidelity]);
    trailers_add(t, "Run", "%s", l->run.id);
    trailers_add(t, "Epoch", "%d", l->epoch);
    trailers_add(t, "Update", "%d", l->update);
    trailers_add(t, "Writer-Model", "%s", session_model(l->s, true)->name);
    trailers_add(t, "Executor-Model", "%s", session_model(l->s, false)->name);
}

int record_document(struct learn *l, struct skill *document, bool first)
{
    struct buf subject = BUF_INIT;
    struct trailers t = {.n = 0};
    struct commit_text text = {.trailers = t.v};
    struct skill_set set = {0};
    struct oid tree, made;
    document_text(l, document, first, &subject, &t);
    text.subject = subject.ptr;
    text.n = t.n;
    int rc = buf_check(&subject);
    if (rc == 0)
        rc = skill_set_put(&set, document);
    else
        skill_release(document);
    if (rc == 0)
        rc = line_stands(l);
    record_begin(l);
    if (rc == 0)
        rc = decision_time(l, &text.when);
    if (rc == 0)
        rc = library_candidate(l->lib, &set, &l->at.head, &tree);
    if (rc == 0)
        rc = library_commit(l->lib, &tree, &l->at.head, &text, &made);
    if (rc == 0)
        rc = line_accept(l, &made);
    rc = record_settle(l, rc);
    if (rc == 0)
        rc = line_accepted(l, &made);
    if (rc == 0) {
        l->count.accepted++;
        json_array_append_new(l->told.log,
                              json_pack("{s:s, s:i, s:i, s:s, s:s, s:s}", "run", l->run.id, "epoch",
                                        l->epoch, "update", l->update, "fate", "unmeasured", "edit",
                                        subject.ptr, "commit", made.hex));
        log_info("epoch %d, update %d: %s", l->epoch + 1, l->update + 1, subject.ptr);
    }
    skill_set_release(&set);
    buf_release(&subject);
    return rc;
}

/* The branch "best", and the learned one where it is not there; *restored: a commit for that, or none.
 */
static int set_best(struct learn *l, const struct checkpoint *best, struct oid *restored)
{
    struct oid tree, now_tree, commit = best->commit;
    struct buf message = BUF_INIT, subject = BUF_INIT;
    double share = score_share(best->score.correct, best->score.total);
    int64_t when;
    int rc = decided_at(l, "best", &when);
    buf_addf(&message, "Best checkpoint of run %s: epoch %d, val %.1f %% (%d/%d), learned by %s",
             l->run.id, best->epoch + 1, 100 * share, best->score.correct, best->score.total,
             session_model(l->s, false)->name);
    if (rc == 0)
        rc = buf_check(&message);
    bool elsewhere = rc == 0 && line_ends_elsewhere(l);
    if (rc == 0 && !elsewhere)
        rc = line_stands(l);
    if (rc == 0 && l->c->gate.adopt == ADOPT_AUTO) /* else it is what a person adopts */
        rc = library_best_set(l->lib, &commit, message.ptr);
    if (rc == 0)
        rc = library_tree_of(l->lib, &commit, &tree);
    if (rc == 0)
        rc = library_tree_of(l->lib, &l->at.head, &now_tree);
    if (rc == 0 && elsewhere) {
        log_info("the branch stays as somebody else left it; the best checkpoint is %.10s ('%s')",
                 commit.hex, LIBRARY_BEST_NAME);
        rc = learn_move(l, &commit);
    } else if (rc == 0 && strcmp(tree.hex, now_tree.hex) != 0) {
        struct trailers t = {.n = 0};
        buf_addf(&subject, "RESTORE the library after epoch %d: val %.1f %%", best->epoch + 1,
                 100 * share);
        trailers_add(&t, "Run", "%s", l->run.id); /* this is no edit of an update */
        trailers_add(&t, "Restores", "%s", commit.hex);
        struct commit_text text = {.subject = subject.ptr,
                                   .body = "The best checkpoint on val becomes the library again.",
                                   .trailers = t.v,
                                   .n = t.n,
                                   .when = when};
        rc = library_commit(l->lib, &tree, &l->at.head, &text, restored);
        if (rc == 0)
            rc = line_accept(l, restored);
    }
    buf_release(&message);
    buf_release(&subject);
    return rc;
}

int record_best(struct learn *l, const struct checkpoint *best)
{
    struct oid restored = {""};
    record_begin(l);
    int rc = record_settle(l, set_best(l, best, &restored));
    return rc == 0 && *restored.hex ? line_accepted(l, &restored) : rc;
}

/* ---- files of the run ---- */

static int write_in_epoch(struct learn *l, const char *name, const json_t *v)
{
    char path[64];
    snprintf(path, sizeof(path), "epoch_%d", l->epoch);
    char *dir = fs_join(l->run.dir, path), *file = dir ? fs_join(dir, name) : NULL;
    int rc = file ? fs_mkdirs(dir) : err_oom();
    if (rc == 0)
        rc = json_put_file(v, file);
    free(file);
    free(dir);
    return rc;
}

int record_progress(struct learn *l)
{
    int rc = write_in_epoch(l, "skill_updates.json", l->told.log);
    json_t *v = json_pack("{s:O, s:O}", "labels", l->told.labels, "updates", l->told.taxonomy);
    if (rc == 0)
        rc = write_in_epoch(l, "failure_taxonomy.json", v);
    json_decref(v);
    return rc;
}

int record_noise(struct learn *l, const char *rule)
{
    json_t *v = json_pack("{s:o, s:s, s:s}", "noise", noise_to_json(&l->noise), "draws",
                          l->s->draws.shared ? "shared" : "fresh", "gate_rule", rule);
    int rc = v && json_object_update_new(l->run.state, v) == 0 ? 0 : err_oom();
    return rc < 0 ? rc : record_state(l);
}

int record_epoch(struct learn *l, const struct batch *batches, size_t n)
{
    struct trace_out file;
    char name[32];
    snprintf(name, sizeof(name), "epoch_%d/dev_runs.jsonl", l->epoch);
    char *path = fs_join(l->run.dir, name);
    int rc = path ? trace_out_open(&file, path) : err_oom();
    if (rc < 0)
        goto out;
    for (size_t b = 0; b < n; b++)
        for (size_t i = 0; rc == 0 && i < batches[b].n; i++)
            rc = rollout_write(group_result(batches[b].group, i), &file);
    rc = trace_out_close(&file, rc);
out:
    free(path);
    return rc;
}

int record_end(struct learn *l)
{
    char name[96];
    snprintf(name, sizeof(name), "proposed/%s", l->run.id);
    json_object_set_new(l->run.state, "ended", json_true());
    l->run.dirty = true;
    int rc = l->c->gate.adopt == ADOPT_ASK ? library_branch_drop(l->lib, name) : 0;
    if (rc == 0)
        rc = barrier_add_path(&l->run.barrier, l->run.dir); /* and all that lies there */
    record_begin(l);
    return record_settle(l, rc);
}

int record_val_scores(struct learn *l)
{
    json_t *out = json_array();
    for (size_t i = 0; i < l->scores.n_checks; i++) {
        const struct checkpoint *c = &l->scores.checks[i];
        if (!c->scored)
            continue;
        json_array_append_new(
            out,
            json_pack("{s:o, s:f, s:i, s:i, s:o, s:s}", "epoch",
                      c->epoch < 0 ? json_string("baseline") : json_integer(c->epoch), "score",
                      score_share(c->score.correct, c->score.total), "n_correct", c->score.correct,
                      "n_total", c->score.total, "dev_score",
                      c->has_dev ? json_real(c->dev_score) : json_null(), "commit", c->commit.hex));
    }
    char *path = fs_join(l->run.dir, "val_scores.json");
    int rc = path ? json_put_file(out, path) : err_oom();
    free(path);
    json_decref(out);
    return rc;
}
