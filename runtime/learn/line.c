/*
 * line.c - the line of commits that a run makes on its branch, and what others do to it: a person's
 * commit, a branch that was reset or switched. Learning goes on from there when it was told so
 * (LEARN_FROM_HEAD), by a turn: kept in run.json with the update that it comes before, so that a run
 * that goes on takes it at the same place. Decisions of before a turn are made again without moving
 * any branch. With gate.adopt: ask the branch is proposed/RUN, and a person decides what becomes of it;
 * why something was rejected is told the writer.
 */
#include "runtime/learn/learn_private.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/history/history.h"

/* ---- what people rejected ---- */

struct words {
    struct library *lib;
    json_t *out; /* [{when, edit, reason}], newest first */
};

static void describe(struct library *lib, const struct step *s, struct buf *out)
{
    json_t *evidence = NULL;
    struct proposal p = {0};
    if (library_note_read(lib, &s->info.commit, &evidence) == 0 &&
        proposal_from_json(&p, json_object_get(evidence, "edit")) == 0) {
        proposal_describe(&p, out);
        if (p.v[0].description)
            buf_addf(out, ": %s", p.v[0].description);
    } else {
        err_clear();
        step_edit(s, out);
    }
    proposal_release(&p);
    json_decref(evidence);
}

static int add_word(const char *note, const struct oid *commit, void *arg)
{
    struct words *w = arg;
    struct history h = {0};
    struct buf why = BUF_INIT, edit = BUF_INIT;
    size_t at = 0;
    (void)note;
    if (history_add(&h, w->lib, commit, NULL) < 0 ||
        library_reject_read(w->lib, commit, &why) < 0) {
        err_clear(); /* a note on what is not here */
        goto out;
    }
    describe(w->lib, &h.v[0], &edit);
    while (at < json_array_size(w->out) &&
           json_int_at(json_array_get(w->out, at), "when", 0) > h.v[0].info.when)
        at++;
    json_array_insert_new(w->out, at,
                          json_pack("{s:I, s:o, s:o}", "when", (json_int_t)h.v[0].info.when, "edit",
                                    json_text(edit.ptr, edit.len), "reason",
                                    json_sprintf("a person did not want it: %s", why.ptr)));
out:
    buf_release(&why);
    buf_release(&edit);
    history_release(&h);
    return 0;
}

/* As of now; kept in run.json, since the writer is told. New reference. */
static json_t *rejections(struct learn *l)
{
    struct words w = {l->lib, json_array()};
    if (w.out && library_rejected(l->lib, add_word, &w) < 0)
        err_clear();
    return w.out;
}

/* ---- the place ---- */

static bool before_or_at(const struct learn *l, int epoch, int update)
{
    return l->epoch < epoch || (l->epoch == epoch && l->update <= update);
}

/* The last update that was decided: what comes after it is still free. */
static void find_decided(struct learn *l)
{
    const char *key;
    json_t *when;
    l->line.epoch = l->line.update = -1;
    json_object_foreach (json_object_get(l->run.state, "decided"), key, when) {
        int epoch, update;
        if (sscanf(key, "epoch %d update %d", &epoch, &update) == 2 &&
            (epoch > l->line.epoch || (epoch == l->line.epoch && update > l->line.update))) {
            l->line.epoch = epoch;
            l->line.update = update;
        }
    }
}

/* Where this run left the branch: its last commit, also when it was stopped right after making it. */
static int find_place(struct learn *l, const struct oid *tip)
{
    struct library_commit_info info;
    const char *known = json_str_at(l->run.state, "head", NULL);
    if (!oid_from_text(&l->line.at, known)) { /* a run of before */
        l->line.at = *tip;
        return 0;
    }
    int rc = library_commit_read(l->lib, tip, &info);
    if (rc < 0)
        return rc;
    const char *run = library_trailer(&info, "Run");
    if (strcmp(info.parent.hex, known) == 0 && run && strcmp(run, l->run.id) == 0)
        l->line.at = *tip;
    library_commit_release(&info);
    return 0;
}

/* What somebody else did, and every way on. */
static int refuse(struct learn *l, const struct oid *tip)
{
    const char *was = json_str_at(l->run.state, "branch", library_branch(l->lib));
    const char *is = library_branch(l->lib), *dir = library_dir(l->lib);
    struct library_commit_info info = {0};
    struct buf back = BUF_INIT;
    if (library_commit_read(l->lib, tip, &info) < 0)
        err_clear();
    if (strcmp(was, is) != 0)
        buf_addf(&back, "git -C '%s' switch '%s'", dir, was);
    else
        library_way_back(l->lib, &l->line.at, &back);
    int rc =
        err_set(GRASP_ECONFLICT,
                "the library %s is not as this run left it: '%s' is at %.10s (%.80s), the run "
                "was at %.10s of '%s'. To learn on from %.10s: %s. To go back to where the run "
                "was: %s",
                dir, is, tip->hex, info.subject ? info.subject : "", l->line.at.hex, was, tip->hex,
                l->line.ended ? "another run directory" : "the same command with --from-head",
                back.ptr ? back.ptr : "");
    buf_release(&back);
    library_commit_release(&info);
    return rc;
}

/* In run.json when it is written the next time: find_place knows a commit of this run that it does not. */
static void note_place(struct learn *l)
{
    const char *branch = library_branch(l->lib);
    if (strcmp(json_str_at(l->run.state, "branch", ""), branch) == 0 &&
        strcmp(json_str_at(l->run.state, "head", ""), l->line.at.hex) == 0)
        return;
    json_object_set_new(l->run.state, "branch", json_string(branch));
    json_object_set_new(l->run.state, "head", json_string(l->line.at.hex));
    l->run.dirty = true;
}

static int keep_place(struct learn *l)
{
    note_place(l);
    return record_state(l);
}

/* The library as somebody else made it becomes this run's. What was scored before says nothing of
 * it, and cannot be the best checkpoint of it. */
static int go_on_from(struct learn *l, const json_t *turn, const struct oid *head)
{
    l->told.people = json_object_get(turn, "rejections");
    l->line.passed++;
    l->scores.since = l->scores.n_checks;
    log_info("epoch %d, update %d: learning goes on from %.10s, which somebody else made",
             l->epoch + 1, l->update + 1, head->hex);
    return learn_move(l, head);
}

static int take_turn(struct learn *l, const struct oid *tip)
{
    json_t *turn = json_pack("{s:i, s:i, s:s, s:s, s:o}", "epoch", l->epoch, "update", l->update,
                             "head", tip->hex, "left", l->line.at.hex, "rejections", rejections(l));
    if (!json_object_get(l->run.state, "turns"))
        json_object_set_new(l->run.state, "turns", json_array());
    if (json_array_append_new(json_object_get(l->run.state, "turns"), turn) < 0)
        return err_oom();
    l->line.at = *tip;
    l->line.pending = false;
    int rc = keep_place(l);
    return rc < 0 ? rc : go_on_from(l, turn, tip);
}

/* ---- the line ---- */

int line_set(struct learn *l, const char *run, bool create)
{
    char name[96];
    snprintf(name, sizeof(name), "proposed/%s", run);
    return l->c->gate.adopt == ADOPT_ASK ? library_line_set(l->lib, name, create) : 0;
}

int line_rename(struct learn *l, const char *from, const char *to)
{
    char name[96];
    snprintf(name, sizeof(name), "proposed/%s", from);
    int rc = line_set(l, from, false);
    if (rc == 0)
        rc = line_set(l, to, true);
    return rc == 0 && l->c->gate.adopt == ADOPT_ASK ? library_branch_drop(l->lib, name) : rc;
}

int line_open(struct learn *l)
{
    const char *branch = json_str_at(l->run.state, "branch", library_branch(l->lib));
    struct oid tip;
    int rc = line_set(l, l->run.id, !l->run.resumed);
    if (rc == 0)
        rc = library_head(l->lib, &tip);
    if (!json_object_get(l->run.state, "rejections"))
        json_object_set_new(l->run.state, "rejections",
                            l->run.resumed ? json_array() : rejections(l));
    l->told.people = json_object_get(l->run.state, "rejections");
    if (l->c->preset && !l->run.resumed)
        json_object_set_new(l->run.state, "preset", json_string(l->c->preset));
    find_decided(l);
    l->line.ended = json_bool_at(l->run.state, "ended", false);
    if (rc == 0)
        rc = find_place(l, &tip);
    bool elsewhere = strcmp(branch, library_branch(l->lib)) != 0;
    bool same = rc == 0 && strcmp(tip.hex, l->line.at.hex) == 0;
    if (rc < 0 || (same && !elsewhere))
        return rc < 0 ? rc : keep_place(l);
    if (l->line.ended && (rc = library_contains(l->lib, &tip, &l->line.at)) != 0)
        return rc < 0 ? rc : 0;
    if (!(l->flags & LEARN_FROM_HEAD) || l->line.ended)
        return refuse(l, &tip);
    l->line.pending = !same;
    if (elsewhere)
        log_info("the run began on '%s', it goes on on '%s'", branch, library_branch(l->lib));
    return same ? keep_place(l) : 0;
}

int line_turn(struct learn *l)
{
    const json_t *turn = json_array_get(json_object_get(l->run.state, "turns"), l->line.passed);
    struct oid tip;
    if (turn && json_int_at(turn, "epoch", -1) == l->epoch &&
        json_int_at(turn, "update", -1) == l->update) {
        if (!oid_from_text(&tip, json_str_at(turn, "head", "")))
            return err_set(GRASP_EINVAL, "%s/run.json: damaged; use another run directory",
                           l->run.dir);
        return go_on_from(l, turn, &tip);
    }
    if (turn || l->line.ended || before_or_at(l, l->line.epoch, l->line.update))
        return 0;
    int rc = library_head(l->lib, &tip);
    if (rc < 0 || strcmp(tip.hex, l->line.at.hex) == 0)
        return rc;
    return (l->flags & LEARN_FROM_HEAD) ? take_turn(l, &tip) : refuse(l, &tip);
}

/* Whether decisions are made again here without moving any branch. */
static bool replayed(const struct learn *l)
{
    return l->line.ended || l->line.pending ||
           l->line.passed < json_array_size(json_object_get(l->run.state, "turns"));
}

int line_stands(struct learn *l)
{
    struct oid tip;
    if (replayed(l))
        return 0;
    int rc = library_head(l->lib, &tip);
    if (rc < 0 || strcmp(tip.hex, l->line.at.hex) == 0)
        return rc;
    if (!(l->flags & LEARN_FROM_HEAD))
        return refuse(l, &tip);
    return err_set(GRASP_ESTOPPED,
                   "%.10s was committed to the library %s while an update was measured: the same "
                   "command goes on from there",
                   tip.hex, library_dir(l->lib));
}

int line_accept(struct learn *l, const struct oid *commit)
{
    return replayed(l) ? 0 : library_accept(l->lib, &l->at.head, commit);
}

int line_accepted(struct learn *l, const struct oid *commit)
{
    struct oid tip;
    if (replayed(l))
        return learn_move(l, commit);
    int rc = library_head(l->lib, &tip);
    if (rc == 0 && strcmp(tip.hex, commit->hex) == 0) {
        l->line.at = tip;
        note_place(l);
    }
    return rc < 0 ? rc : learn_move(l, commit);
}

bool line_ends_elsewhere(const struct learn *l)
{
    struct oid tip;
    return l->flags & LEARN_FROM_HEAD && library_head(l->lib, &tip) == 0 &&
           strcmp(tip.hex, l->line.at.hex) != 0;
}
