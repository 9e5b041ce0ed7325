/*
 * test_learn_replay.c - whole learning runs of the published reference through the real loop, with
 * a real library: a writer that proposes what the reference's proposed, and an executor whose
 * rollouts end as the reference's did. Batches, probe sets, scores, eligibility, winners, the
 * library after every update, checkpoints, the best one and the final scores must come out.
 *
 * tests/data/learn_small.json has the same format and was drawn up for this test, by a program
 * written from the method's text with CPython's generator: it has what the reference's runs lack
 * (errors, revisions, removals, pairs in a full library, refused edits of every kind).
 */
#include "learn_replay.h"

#include "runtime/base/fs.h"
#include "runtime/config/yaml.h"

/* ---- what the run left ---- */

static bool same_edits(json_t *a, json_t *b, bool content)
{
    json_t *x = edits_of(a), *y = edits_of(b);
    char p[SKILL_NAME_MAX + 1], q[SKILL_NAME_MAX + 1];
    bool same = json_array_size(x) == json_array_size(y);
    for (size_t i = 0; same && i < json_array_size(x); i++) {
        json_t *e = json_array_get(x, i), *f = json_array_get(y, i);
        same = strcmp(json_str_at(e, "action", "?"), json_str_at(f, "action", "!")) == 0 &&
               strcmp(slug_of(json_str_at(e, "name", "?"), p),
                      slug_of(json_str_at(f, "name", "!"), q)) == 0 &&
               (!content || strcmp(json_str_at(e, "content_sha256", ""),
                                   json_str_at(f, "content_sha256", "")) == 0);
    }
    json_decref(x);
    json_decref(y);
    return same;
}

static bool is_winner(const json_t *u, json_t *c)
{
    json_t *w = json_at(u, "winner");
    return json_is_object(w) &&
           json_bool_at(u, "winner_is_revision", false) == json_bool_at(c, "revision", false) &&
           same_edits(w, c, json_object_get(w, "content_sha256") || json_object_get(w, "edits"));
}

static void check_rows(const json_t *e, const json_t *u, const json_t *c, bool whole)
{
    const json_t *failing = json_at(u, "probe.failing"), *passing = json_at(u, "probe.passing");
    size_t nf = json_array_size(failing), i;
    json_t *row;
    assert_int_equal(json_array_size(json_at(e, "probes")), nf + json_array_size(passing));
    json_array_foreach (json_at(e, "probes"), i, row) {
        const char *id = json_str_at(row, "id", ""), *cand = json_str_at(row, "cand", "");
        const json_t *want = i < nf ? json_array_get(failing, i) : json_array_get(passing, i - nf);
        assert_string_equal(id, json_string_value(want));
        assert_string_equal(json_str_at(row, "side", ""), i < nf ? "failing" : "passing");
        assert_string_equal(json_str_at(row, "base", ""),
                            outcome_name(outcome_in(json_at(u, "baseline"), id)));
        if (whole || strcmp(cand, outcome_name(OUTCOME_PENDING)) != 0)
            assert_string_equal(cand, outcome_name(outcome_in(c, id)));
    }
}

static void check_candidate(const struct replay *r, const json_t *e, const json_t *u, json_t *c,
                            bool early)
{
    static const struct {
        const char *ours, *theirs;
    } counts[] = {{"score.fixes", "fixes"},
                  {"score.regressions", "regressions"},
                  {"score.invalid_action_regressions", "invalid_action_regressions"},
                  {"score.score", "adjusted"}};
    bool whole = strcmp(json_str_at(e, "stop", ""), gate_stop_name(GATE_FINISHED)) == 0;
    bool won = is_winner(u, c);
    json_t *edit = json_object_get(e, "edit");
    json_t *ours = json_is_array(edit) ? json_pack("{s:O}", "edits", edit) : json_incref(edit);
    assert_true(same_edits(ours, c, false));
    json_decref(ours);
    assert_int_equal(json_bool_at(e, "revision", false), json_bool_at(c, "revision", false));
    assert_int_equal(strcmp(json_str_at(e, "fate", ""), "accepted") == 0, won);
    assert_true(whole || (early && !won));
    check_rows(e, u, c, whole);
    if (!whole)
        return;
    int64_t br = json_int_at(u, "baseline.regressions", -1);
    assert_int_equal(json_int_at(e, "score.base_fixes", -1), json_int_at(u, "baseline.fixes", -2));
    assert_int_equal(json_int_at(e, "score.base_regressions", -1), br);
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        assert_int_equal(json_int_at(e, counts[i].ours, -99),
                         json_int_at(c, counts[i].theirs, -98));
    assert_int_equal(json_bool_at(e, "score.eligible", false), is_eligible(r, u, c));
}

static json_t *epoch_file(const struct replay *r, int epoch, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "run/epoch_%d/%s", epoch, name);
    return lab_read(&r->lab, path);
}

/* Every candidate's evidence, in order, and the labels of every update. */
static void check_epoch(struct replay *r, int epoch, bool early)
{
    json_t *log = epoch_file(r, epoch, "skill_updates.json"), *u, *c, *row;
    json_t *taxonomy = epoch_file(r, epoch, "failure_taxonomy.json");
    size_t at = 0, i, k, n;
    json_array_foreach (json_at(r->file, "updates"), i, u) {
        if (json_int_at(u, "epoch", -1) != epoch)
            continue;
        json_array_foreach (json_at(u, "evaluated"), k, c) {
            json_t *e = json_array_get(log, at++);
            assert_non_null(e);
            assert_int_equal(json_int_at(e, "update", -1), json_int_at(u, "update_cycle", -2));
            check_candidate(r, e, u, c, early);
            r->candidates++;
            r->winners += is_winner(u, c);
        }
        json_array_foreach (json_at(taxonomy, "updates"), n, row) {
            if (json_int_at(row, "update", -1) == json_int_at(u, "update_cycle", -2))
                assert_true(json_equal(json_object_get(row, "labels"), json_at(u, "labels")));
        }
    }
    assert_int_equal(at, json_array_size(log));
    json_decref(log);
    json_decref(taxonomy);
}

static void check_library(struct library *lib, const char *rev, const json_t *want)
{
    struct skill_set set = {0};
    size_t i;
    json_t *v;
    char slug[SKILL_NAME_MAX + 1];
    works(library_read(lib, rev, &set));
    assert_int_equal(set.n, json_array_size(want));
    json_t *marks = marks_of_set(&set), *ids = marks_of_list(want);
    assert_true(json_equal(marks, ids));
    json_array_foreach (want, i, v) {
        const struct skill *s = skill_set_find(&set, slug_of(json_str_at(v, "name", "?"), slug));
        assert_non_null(s);
        assert_int_equal(s->version, json_int_at(v, "version", -1));
        const char *given = json_str_at(v, "description", "");
        char *description = edit_clean_description(given, strlen(given));
        assert_string_equal(s->description, description);
        free(description);
    }
    json_decref(marks);
    json_decref(ids);
    skill_set_release(&set);
}

struct history {
    const struct replay *r;
    size_t decisions, restores;
};

static int check_commit(const struct library_commit_info *c, void *arg)
{
    struct history *h = arg;
    const char *epoch = library_trailer(c, "Epoch"), *update = library_trailer(c, "Update");
    if (library_trailer(c, "Restores")) {
        h->restores++;
        assert_int_equal(h->decisions, 0); /* the last commit */
        check_library(h->r->lab.l.lib, c->commit.hex, json_at(h->r->file, "final_library"));
    } else if (epoch && update) {
        json_t *u = update_at(h->r, atoi(epoch), atoi(update));
        h->decisions++;
        assert_non_null(u);
        assert_true(json_is_object(json_at(u, "winner")));
        check_library(h->r->lab.l.lib, c->commit.hex, json_at(u, "library_after"));
    }
    return 0;
}

static int count_ref(const char *ref, const struct oid *commit, void *arg)
{
    (void)ref;
    (void)commit;
    ++*(size_t *)arg;
    return 0;
}

static void check_history(struct replay *r)
{
    struct library *lib = r->lab.l.lib;
    struct history h = {.r = r};
    json_t *last = json_array_get(json_at(r->file, "updates"),
                                  json_array_size(json_at(r->file, "updates")) - 1);
    json_t *final = json_at(r->file, "final_library");
    size_t kept = 0, notes = 0;
    works(library_walk(lib, "HEAD", check_commit, &h));
    assert_int_equal(h.decisions, r->winners);
    assert_int_equal(h.restores, !json_equal(json_at(last, "library_after"), final));
    check_library(lib, "HEAD", final);
    check_library(lib, "refs/heads/best", final);
    works(library_candidates(lib, count_ref, &kept));
    works(library_notes(lib, count_ref, &notes));
    assert_int_equal(kept, r->candidates - r->winners);
    assert_int_equal(notes, r->candidates);

    struct buf message = BUF_INIT;
    char best[32];
    snprintf(best, sizeof(best), ": epoch %d,", (int)json_int_at(r->file, "best_epoch", -1) + 1);
    works(library_best_why(lib, &message));
    assert_non_null(strstr(message.ptr, best));
    buf_release(&message);
}

static void check_numbers(const json_t *got, const json_t *want)
{
    assert_int_equal(json_int_at(got, "n_correct", -1), json_int_at(want, "n_correct", -2));
    assert_int_equal(json_int_at(got, "n_total", -1), json_int_at(want, "n_total", -2));
    assert_float_equal(json_num_at(got, "score", -1), json_num_at(want, "score", -2), 1e-12);
}

static void check_scores(struct replay *r)
{
    static const struct {
        const char *ours, *theirs;
    } tests[] = {{"id_test.baseline", "test.id_test.without_skills"},
                 {"id_test.best", "test.id_test.with_skills"},
                 {"test.baseline", "test.test.without_skills"},
                 {"test.best", "test.test.with_skills"}};
    json_t *curve = lab_read(&r->lab, "run/val_scores.json"), *v;
    json_t *scores = lab_read(&r->lab, "run/test_scores.json");
    size_t i;
    assert_int_equal(json_array_size(curve), json_array_size(json_at(r->file, "val_curve")));
    json_array_foreach (json_at(r->file, "val_curve"), i, v) {
        json_t *got = json_array_get(curve, i);
        assert_true(json_equal(json_object_get(got, "epoch"), json_object_get(v, "epoch")));
        check_numbers(got, v);
        assert_float_equal(json_num_at(got, "dev_score", -1), json_num_at(v, "dev_score", -1),
                           1e-12);
    }
    for (i = 0; i < sizeof(tests) / sizeof(*tests); i++)
        check_numbers(json_at(scores, tests[i].ours), json_at(r->file, tests[i].theirs));
    json_decref(curve);
    json_decref(scores);
}

static void check_refused(struct replay *r)
{
    const char *name;
    json_t *v;
    json_object_foreach (json_at(r->file, "refused"), name, v) {
        int i = 0;
        while (i < EDIT_REFUSALS && strcmp(edit_refusal_name((enum edit_refusal)i), name) != 0)
            i++;
        assert_true(i < EDIT_REFUSALS);
        r->refused[i] = json_integer_value(v);
    }
    for (int i = 0; i < EDIT_REFUSALS; i++)
        if (r->lab.l.count.refused[i] != r->refused[i])
            fail_msg("%s: %d refused, %d expected", edit_refusal_name((enum edit_refusal)i),
                     (int)r->lab.l.count.refused[i], (int)r->refused[i]);
}

/* ---- runs ---- */

static json_t *settings_of(const struct replay *r, int concurrency, bool early)
{
    json_t *cycle = json_deep_copy(json_at(r->file, "settings"));
    json_object_del(cycle, "types");
    json_object_set_new(cycle, "batch_concurrency", json_integer(concurrency));
    /* The paper's values, as a user would take them, and what the file was made with. */
    json_t *paper = NULL, *lines = NULL, *made;
    struct buf text = BUF_INIT;
    works(fs_read("examples/paper/paper.yaml", &text));
    works(yaml_parse(text.ptr, text.len, "paper.yaml", &paper, &lines));
    json_object_del(json_object_get(paper, "model"), "temperature");
    made = json_pack("{s:o, s:{s:b}}", "cycle", cycle, "gate", "early_stop", (int)early);
    json_object_update_recursive(paper, made);
    json_decref(made);
    json_decref(lines);
    buf_release(&text);
    return paper;
}

/* One run; returns the library's tree in the end. */
static void run_once(struct replay *r, int concurrency, bool early, struct oid *tree)
{
    json_t *settings = settings_of(r, concurrency, early);
    size_t i;
    json_t *v;
    r->lab = (struct lab){.act = act, .write = write_reply, .arg = r};
    r->u = r->base = r->plans = NULL;
    r->early = early;
    r->candidates = r->winners = 0;
    memset(r->refused, 0, sizeof(r->refused));
    lab_open(&r->lab, r->splits, settings);
    works(learn_run(&r->lab.l));
    finish_update(r);
    json_array_foreach (json_at(r->file, "val_curve"), i, v) {
        if (json_is_integer(json_object_get(v, "epoch")))
            check_epoch(r, (int)json_int_at(v, "epoch", 0), early);
    }
    check_history(r);
    check_scores(r);
    check_refused(r);
    if (!early || concurrency == 1) /* a wide wave measures all at once */
        assert_int_equal(r->lab.l.count.probes_saved > 0, early);
    works(library_tree_of(r->lab.l.lib, &r->lab.l.at.head, tree));
    json_decref(r->base);
    json_decref(settings);
    lab_close(&r->lab);
    lab_remove(&r->lab);
}

static void replay(struct replay *r, size_t candidates, size_t winners)
{
    static const struct {
        int concurrency;
        bool early;
    } ways[] = {{1, false}, {64, false}, {1, true}, {64, true}};
    struct oid first, tree;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        run_once(r, ways[i].concurrency, ways[i].early, i ? &tree : &first);
        assert_int_equal(r->candidates, candidates);
        assert_int_equal(r->winners, winners);
        if (i)
            assert_string_equal(tree.hex, first.hex);
    }
    json_decref(r->splits);
    json_decref(r->file);
}

static void own_run(void **state)
{
    struct replay r = {0};
    (void)state;
    works(json_read_file(&r.file, "tests/data/learn_small.json"));
    r.splits = json_incref(json_at(r.file, "splits"));
    replay(&r, 41, 12);
}

static void published(const char *name, size_t candidates, size_t winners)
{
    static const char *const splits[] = {"dev", "val", "id_test", "test"};
    struct replay r = {.splits = json_object()};
    char path[512], file[64];
    if (!shared_file(name, path)) {
        json_decref(r.splits);
        skip();
    }
    works(json_read_file(&r.file, path));
    bool types = strcmp(json_str_at(r.file, "settings.types", ""), "family") == 0;
    for (size_t i = 0; i < 4; i++) {
        json_t *tasks, *t;
        size_t k;
        snprintf(file, sizeof(file), "medagentbench/v1/split_%s.json", splits[i]);
        works(json_read_file(&tasks, shared_file(file, path)));
        json_array_foreach (tasks, k, t) {
            const char *id = json_str_at(t, "id", "?");
            if (types)
                json_object_set_new(t, "type", json_stringn(id, (size_t)(strrchr(id, '_') - id)));
        }
        json_object_set_new(r.splits, splits[i], tasks);
    }
    replay(&r, candidates, winners);
}

static void published_plain(void **state)
{
    (void)state;
    published("vectors/decisions_plain.json", 31, 4);
}

static void published_family(void **state)
{
    (void)state;
    published("vectors/decisions_family.json", 28, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(own_run), cmocka_unit_test(published_plain),
                                       cmocka_unit_test(published_family)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
