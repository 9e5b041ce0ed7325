/*
 * test_learn_loop.c - the rules of the learning loop one by one: which tasks are probes, what is
 * done without failures, collapse recovery, outcomes that could not be measured, the best
 * checkpoint, the ablations.
 */
#include "learn_harness.h"

/* What a test says of its world. */
struct script {
    enum outcome (*rule)(const struct script *s, const struct lab *lab, const struct asking *a);
    json_t *replies; /* {"EPOCH.UPDATE": [reply of proposal call 0, 1, ...]} */
    const char *labels, *revision, *choice; /* replies to classify, revise, select */
    const char *group;                      /* the group that proposals are asked for */
    enum model_phase away;                  /* this phase is out of reach */
    bool is_away;
    int limit; /* how many */
    const char *val;
    struct buf *asked_to_narrow; /* the prompts of revise; NULL: nobody looks */
    size_t *selected;            /* how many tasks were rolled out to choose probes */
};

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    char *copy = str_dup(text);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    works(json_parse(&v, copy, strlen(copy), text));
    free(copy);
    return v;
}

static bool shows(const struct asking *a, const char *skill)
{
    return json_object_get(a->skills, skill) != NULL;
}

static int number_of(const char *task)
{
    return atoi(strrchr(task, '_') + 1);
}

static enum outcome act(struct lab *lab, const struct asking *a)
{
    const struct script *s = lab->arg;
    if (s->is_away && s->away == a->phase && number_of(a->task) <= s->limit)
        return OUTCOME_UNSCORED;
    return s->rule(s, lab, a);
}

static void label_all(const struct lab *lab, struct buf *reply)
{
    json_t *labels = json_object();
    for (size_t i = 0; i < lab->l.dev->n; i++)
        json_object_set_new(labels, lab->l.dev->v[i].id, json_string("one_mechanism"));
    buf_adds(reply, "{\"labels\":");
    buf_add_json_value(reply, labels);
    buf_adds(reply, "}");
    json_decref(labels);
}

static enum model_result write_reply(struct lab *lab, enum model_phase phase, int draw,
                                     const char *prompt, struct buf *reply)
{
    const struct script *s = lab->arg;
    char key[32], group[64];
    if (s->is_away && s->away == phase)
        return MODEL_OUTAGE;
    switch (phase) {
    case PHASE_CLASSIFY:
        if (s->labels)
            buf_adds(reply, s->labels);
        else
            label_all(lab, reply);
        break;
    case PHASE_PROPOSE:
        snprintf(group, sizeof(group), "\ngroup: %s\n", s->group ? s->group : "one_mechanism");
        assert_non_null(strstr(prompt, group));
        snprintf(key, sizeof(key), "%d.%d", lab->l.epoch, lab->l.update);
        json_t *of = json_array_get(json_object_get(s->replies, key), (size_t)draw);
        if (of)
            buf_add_json_value(reply, of);
        else
            buf_adds(reply, "[]");
        break;
    case PHASE_REVISE:
        if (s->asked_to_narrow)
            buf_adds(s->asked_to_narrow, prompt);
        buf_adds(reply, s->revision ? s->revision : "[]");
        break;
    case PHASE_OTHER:
        assert_non_null(s->choice);
        buf_adds(reply, s->choice);
        break;
    default:
        buf_adds(reply, "{}");
    }
    return MODEL_OK;
}

/* {"0.0": [[ADD a]]} from "0.0 ADD a, 0.0 ADD b, 1.0 MODIFY a": a reply each. The mark's id is the
 * place in the list. */
static json_t *replies(const char *text)
{
    json_t *out = json_object();
    char *copy = str_dup(text), *rest = copy, *one;
    for (int id = 1; (one = strsep(&rest, ",")); id++) {
        char at[16], action[16], name[32], mark[16];
        assert_int_equal(sscanf(one, "%15s %15s %31s", at, action, name), 3);
        snprintf(mark, sizeof(mark), "%d", id);
        json_t *list = json_object_get(out, at);
        if (!list) {
            list = json_array();
            json_object_set_new(out, at, list);
        }
        bool remove = strcmp(action, "REMOVE") == 0;
        json_array_append_new(list,
                              json_pack("[o]", edit_of(action, name, remove ? NULL : "what for",
                                                       remove ? NULL : mark)));
    }
    free(copy);
    return out;
}

/* dev: a_1 .. a_N, and so on for each letter of `families`; val: v_1 .. v_10; test: t_1 .. t_10. */
static void begin_with(struct lab *lab, struct script *s, const char *families, int dev,
                       const char *settings)
{
    json_t *splits = json_object(), *set = parse(settings), *tasks = json_array();
    for (; *families; families++)
        for (int i = 1; i <= dev; i++)
            json_array_append_new(tasks, json_sprintf("%c_%d", *families, i));
    json_object_set_new(splits, "dev", tasks);
    tasks = json_array();
    for (int i = 1; i <= 10; i++)
        json_array_append_new(tasks, json_sprintf("v_%d", i));
    json_object_set_new(splits, "val", tasks);
    tasks = json_array();
    for (int i = 1; i <= 10; i++)
        json_array_append_new(tasks, json_sprintf("t_%d", i));
    json_object_set_new(splits, "test", tasks);
    *lab = (struct lab){.act = act, .write = write_reply, .arg = s};
    lab_open(lab, splits, set);
    json_decref(splits);
    json_decref(set);
}

static void begin(struct lab *lab, struct script *s, int dev, const char *settings)
{
    begin_with(lab, s, "a", dev, settings);
}

static void end(struct lab *lab, struct script *s)
{
    lab_close(lab);
    lab_remove(lab);
    json_decref(s->replies);
}

/* The library's marks, "{'a': '1'}". */
static void expect_library(const struct lab *lab, const char *rev, const char *marks)
{
    struct skill_set set = {0};
    works(library_read(lab->l.lib, rev, &set));
    json_t *got = marks_of_set(&set), *want = parse(marks);
    if (!json_equal(got, want))
        fail_msg("%s: %s expected, it is %s", rev, marks, json_dumps(got, JSON_SORT_KEYS));
    json_decref(got);
    json_decref(want);
    skill_set_release(&set);
}

static int add_subject(const struct library_commit_info *c, void *arg)
{
    struct buf *out = arg;
    if (c->parents)
        buf_addf(out, "%s%s", out->len ? "; " : "", c->subject);
    return 0;
}

/* The subjects of all commits but the first, newest first. */
static void expect_history(const struct lab *lab, const char *subjects)
{
    struct buf got = BUF_INIT;
    works(library_walk(lab->l.lib, "HEAD", add_subject, &got));
    assert_string_equal(got.len ? got.ptr : "", subjects);
    buf_release(&got);
}

static int count_ref(const char *ref, const struct oid *commit, void *arg)
{
    (void)ref;
    (void)commit;
    ++*(size_t *)arg;
    return 0;
}

static size_t refs(const struct lab *lab, const char *prefix)
{
    size_t n = 0;
    works(library_refs(lab->l.lib, prefix, count_ref, &n));
    return n;
}

/* The evidence of candidate `i` of an epoch. New reference. */
static json_t *evidence(const struct lab *lab, int epoch, size_t i)
{
    char path[64];
    snprintf(path, sizeof(path), "run/epoch_%d/skill_updates.json", epoch);
    json_t *log = lab_read(lab, path), *e = json_incref(json_array_get(log, i));
    json_decref(log);
    return e;
}

static void expect_fate(const struct lab *lab, int epoch, size_t i, const char *fate)
{
    json_t *e = evidence(lab, epoch, i);
    assert_non_null(e);
    assert_string_equal(json_str_at(e, "fate", ""), fate);
    json_decref(e);
}

/* ---- failures and probes ---- */

static enum outcome all_pass(const struct script *s, const struct lab *lab, const struct asking *a)
{
    (void)s, (void)lab, (void)a;
    return OUTCOME_PASS;
}

static void without_failures_nothing_is_asked(void **state)
{
    struct script s = {.rule = all_pass};
    struct lab lab;
    (void)state;
    begin(&lab, &s, 6, "{'cycle': {'epochs': 2, 'update_every': 3}}");
    works(learn_run(&lab.l));
    for (int p = PHASE_CLASSIFY; p < MODEL_PHASES; p++)
        assert_int_equal(lab.asked[p], 0);
    expect_library(&lab, "HEAD", "{}");
    expect_history(&lab, "");
    json_t *log = lab_read(&lab, "run/epoch_1/skill_updates.json");
    assert_int_equal(json_array_size(log), 0);
    json_decref(log);
    end(&lab, &s);
}

/* Which half of dev passes changes with the epoch; no skill changes anything. */
static bool passes_in(int epoch, const char *task)
{
    return (number_of(task) + epoch) % 2 == 0;
}

static enum outcome by_epoch(const struct script *s, const struct lab *lab, const struct asking *a)
{
    (void)s;
    return passes_in(lab->l.epoch, a->task) ? OUTCOME_PASS : OUTCOME_FAIL;
}

/* The tasks [from, to) of an epoch's order but those of [no, till), with the side they were on in
 * the source: a row each, sorted. */
static void expect_source(const struct lab *lab, int epoch, size_t i, const size_t *from,
                          const size_t *to, const size_t *no, size_t without, int source_epoch)
{
    struct strlist want = {0}, got = {0};
    json_t *e = evidence(lab, epoch, i), *row;
    size_t k;
    for (; from < to; from++) {
        const char *id = lab->l.dev->v[*from].id;
        bool out = false;
        for (k = 0; k < without; k++)
            out = out || no[k] == *from;
        if (!out)
            strlist_addf(&want, "%s %s", id, passes_in(source_epoch, id) ? "passing" : "failing");
    }
    json_array_foreach (json_at(e, "probes"), k, row) {
        strlist_addf(&got, "%s %s", json_str_at(row, "id", ""), json_str_at(row, "side", ""));
    }
    strlist_sort(&want);
    strlist_sort(&got);
    assert_int_equal(got.n, want.n);
    for (k = 0; k < got.n; k++)
        assert_string_equal(got.v[k], want.v[k]);
    strlist_release(&want);
    strlist_release(&got);
    json_decref(e);
}

static void probes_come_from_three_sources(void **state)
{
    enum { N = 12, BATCH = 4 };
    size_t first[N], second[N], all[N];
    (void)state;
    probe_epoch_order(1, 0, N, first);
    probe_epoch_order(1, 1, N, second);
    for (size_t i = 0; i < N; i++)
        all[i] = i;
    for (int strict = 0; strict < 2; strict++) {
        struct script s = {.rule = by_epoch,
                           .replies = replies("0.0 ADD a, 0.1 ADD a, 0.2 ADD a, 1.0 ADD a, "
                                              "1.1 ADD a, 1.2 ADD a")};
        struct lab lab;
        begin(&lab, &s, N,
              strict ? "{'cycle': {'epochs': 2, 'update_every': 4, 'grpo_eval_n': 100},"
                       " 'gate': {'probe_heldout': 'strict', 'early_stop': false},"
                       " 'probes': {'targeted': false}}"
                     : "{'cycle': {'epochs': 2, 'update_every': 4, 'grpo_eval_n': 100},"
                       " 'gate': {'early_stop': false}, 'probes': {'targeted': false}}");
        works(learn_run(&lab.l));
        size_t i = 0;
        if (!strict) /* (3): the batch itself; held out, there is nothing to draw from */
            expect_source(&lab, 0, i++, first, first + BATCH, NULL, 0, 0);
        expect_source(&lab, 0, i++, first, first + BATCH, NULL, 0, 0); /* (1) */
        expect_source(&lab, 0, i++, first, first + 2 * BATCH, NULL, 0, 0);
        expect_source(&lab, 1, 0, all, all + N, second, strict ? BATCH : 0, 0); /* (2) */
        expect_source(&lab, 1, 1, second, second + BATCH, NULL, 0, 1);
        expect_source(&lab, 1, 2, second, second + 2 * BATCH, NULL, 0, 1);
        assert_int_equal(lab.l.count.judged, strict ? 5 : 6);
        assert_int_equal(lab.l.count.accepted, 0);
        /* Without probes the writer is not asked either. */
        assert_int_equal(lab.asked[PHASE_CLASSIFY], strict ? 5 : 6);
        expect_fate(&lab, 1, 2, "score");
        end(&lab, &s);
    }
}

static enum outcome all_fail(const struct script *s, const struct lab *lab, const struct asking *a)
{
    (void)s, (void)lab, (void)a;
    return OUTCOME_FAIL;
}

static void without_labels_there_is_one_group(void **state)
{
    static const struct {
        const char *labels, *settings, *group;
        size_t asked;
    } cases[] = {
        {"prose, no labels", "{'cycle': {'epochs': 1}}", "unknown", 2},
        {"{\"labels\": {\"a_1\": \"../x\", \"a_2\": 7}}", "{'cycle': {'epochs': 1}}", "unknown", 1},
        {NULL, "{'cycle': {'epochs': 1, 'cluster_failures': false}}", "all_failures", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct script s = {.rule = all_fail, .labels = cases[i].labels, .group = cases[i].group};
        struct lab lab;
        begin(&lab, &s, 4, cases[i].settings);
        works(learn_run(&lab.l));
        assert_int_equal(lab.asked[PHASE_CLASSIFY], cases[i].asked);
        assert_int_equal(lab.asked[PHASE_PROPOSE], 4);
        assert_int_equal(lab.l.count.refused[EDIT_EMPTY_ARRAY], 4);
        end(&lab, &s);
    }
}

/* ---- collapse recovery ---- */

/* Of the draw's number: the epoch of val, counted from 1, or the update's draws (draw.h). */
static int counter(const struct asking *a)
{
    return (int)(a->draw & 0xfffffff);
}

/* Both skills repair all in epoch 0. Later "poison" breaks all but the first `limit` tasks. */
static enum outcome poisoned(const struct script *s, const struct lab *lab, const struct asking *a)
{
    if (a->phase == PHASE_ROLLOUT_VAL) /* better from epoch to epoch: the last one is the best */
        return number_of(a->task) <= (counter(a) ? counter(a) : 1) ? OUTCOME_PASS : OUTCOME_FAIL;
    if (!shows(a, "good") && !shows(a, "poison"))
        return OUTCOME_FAIL;
    if (lab->l.epoch == 0) /* one repairs the first batch's probes, the other the second's */
        return lab->l.update == 0 || shows(a, "poison") ? OUTCOME_PASS : OUTCOME_FAIL;
    if (shows(a, "poison"))
        return number_of(a->task) <= s->limit ? OUTCOME_PASS : OUTCOME_FAIL;
    return number_of(a->task) % 2 ? OUTCOME_PASS : OUTCOME_FAIL;
}

static void expect_recovery_probes(const struct lab *lab, const json_t *e)
{
    struct probe_source source[20];
    struct probe_set set = {0};
    json_t *row;
    size_t i;
    for (i = 0; i < 20; i++)
        source[i] = (struct probe_source){&lab->l.dev->v[i], false};
    works(probe_set_draw(&set, source, 20, 10, PROBE_STRATA_TYPE, NULL, 1 * 1000000 + 1 * 99991));
    assert_int_equal(set.n, 5); /* all fail: one side only */
    assert_int_equal(json_array_size(json_at(e, "probes")), set.n);
    json_array_foreach (json_at(e, "probes"), i, row) {
        assert_string_equal(json_str_at(row, "id", ""), set.v[i].task->id);
        assert_string_equal(json_str_at(row, "side", ""), "failing");
    }
    probe_set_release(&set);
}

static void a_collapse_takes_a_skill_out(void **state)
{
    (void)state;
    for (int limit = 0; limit < 2; limit++) { /* 0 and 5 % of dev right */
        struct script s = {
            .rule = poisoned, .limit = limit, .replies = replies("0.0 ADD good, 0.1 ADD poison")};
        struct lab lab;
        begin(&lab, &s, 20,
              "{'cycle': {'epochs': 2, 'update_every': 10, 'grpo_eval_n': 10},"
              " 'gate': {'early_stop': false}}");
        works(learn_run(&lab.l));
        if (limit) {
            expect_library(&lab, "HEAD", "{'good': '1', 'poison': '2'}");
            assert_int_equal(lab.l.count.judged, 2);
        } else {
            expect_library(&lab, "HEAD", "{'good': '1'}");
            json_t *e = evidence(&lab, 1, 0);
            assert_string_equal(json_str_at(e, "edit.action", ""), "REMOVE");
            assert_string_equal(json_str_at(e, "edit.name", ""), "good");
            assert_string_equal(json_str_at(e, "fate", ""), "score");
            json_decref(e);
            e = evidence(&lab, 1, 1);
            assert_string_equal(json_str_at(e, "edit.name", ""), "poison");
            assert_string_equal(json_str_at(e, "fate", ""), "accepted");
            assert_int_equal(json_int_at(e, "update", 0), 2); /* after the epoch's two batches */
            assert_true(json_int_at(e, "score.score", 0) > 0);
            expect_recovery_probes(&lab, e);
            json_decref(e);
            assert_null(evidence(&lab, 1, 2));
            assert_int_equal(lab.l.count.judged, 4);
            assert_int_equal(refs(&lab, "refs/grasp/candidates/"), 1);
        }
        end(&lab, &s);
    }
}

/* ---- outcomes that could not be measured ---- */

/* Without the skill everything fails, with it everything passes. */
static enum outcome healed(const struct script *s, const struct lab *lab, const struct asking *a)
{
    (void)s, (void)lab;
    return shows(a, "good") ? OUTCOME_PASS : OUTCOME_FAIL;
}

#define OUTAGE_SETTINGS                                                                            \
    "{'cycle': {'epochs': 1, 'update_every': 20, 'grpo_eval_n': 40, 'batch_concurrency': 7}}"

static void a_run_goes_on_after_an_outage(void **state)
{
    static const struct {
        enum model_phase phase;
        int limit, rc; /* so many of its tasks cannot be measured */
        bool decided;  /* the skill was in before it was noticed */
    } cases[] = {
        {PHASE_ROLLOUT_DEV, 2, 0, true},           {PHASE_ROLLOUT_DEV, 3, GRASP_EOUTAGE, false},
        {PHASE_ROLLOUT_PROBE, 2, 0, true},         {PHASE_ROLLOUT_PROBE, 3, GRASP_EOUTAGE, false},
        {PHASE_ROLLOUT_VAL, 1, 0, true},           {PHASE_ROLLOUT_VAL, 2, GRASP_EOUTAGE, true},
        {PHASE_ROLLOUT_TEST, 1, 0, true},          {PHASE_ROLLOUT_TEST, 2, GRASP_EOUTAGE, true},
        {PHASE_CLASSIFY, 0, GRASP_EOUTAGE, false}, {PHASE_DIAGNOSE, 0, GRASP_EOUTAGE, false},
        {PHASE_PROPOSE, 0, GRASP_EOUTAGE, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct script s = {.rule = healed,
                           .replies = replies("0.0 ADD good, 0.0 ADD other"),
                           .is_away = true,
                           .away = cases[i].phase,
                           .limit = cases[i].limit};
        struct lab lab;
        begin(&lab, &s, 20, OUTAGE_SETTINGS);
        assert_int_equal(learn_run(&lab.l), cases[i].rc);
        expect_library(&lab, "HEAD", cases[i].decided ? "{'good': '1'}" : "{}");
        assert_int_equal(refs(&lab, "refs/grasp/candidates/"), cases[i].decided);
        struct oid head = lab.l.at.head;
        lab_close(&lab);

        /* Again, and everything answers: what was decided stands, to the byte. */
        s.is_away = false;
        works(lab_reopen(&lab));
        assert_true(lab.l.run.resumed);
        works(learn_run(&lab.l));
        expect_library(&lab, "HEAD", "{'good': '1'}");
        assert_int_equal(refs(&lab, "refs/grasp/candidates/"), 1);
        if (cases[i].decided)
            assert_string_equal(lab.l.at.head.hex, head.hex);
        end(&lab, &s);
    }
}

static void unscored_probes_count_in_neither_arm(void **state)
{
    struct script s = {.rule = healed,
                       .replies = replies("0.0 ADD good"),
                       .is_away = true,
                       .away = PHASE_ROLLOUT_PROBE,
                       .limit = 2};
    struct lab lab;
    (void)state;
    begin(&lab, &s, 20, OUTAGE_SETTINGS);
    works(learn_run(&lab.l));
    json_t *e = evidence(&lab, 0, 0);
    assert_int_equal(json_int_at(e, "score.unscored", -1), 2);
    assert_int_equal(json_int_at(e, "score.failing", -1), 18);
    assert_int_equal(json_int_at(e, "score.fixes", -1), 18);
    expect_history(&lab, "ADD good: +18 (18 fixes, 0 regressions)");
    json_decref(e);
    end(&lab, &s);
}

/* Two epochs that are level on val as far as it could be measured; measured in full the second one
 * is better, and then the tests fail. */
static enum outcome level(const struct script *s, const struct lab *lab, const struct asking *a)
{
    if (a->phase == PHASE_ROLLOUT_VAL) {
        if (number_of(a->task) == 1)
            return s->is_away ? OUTCOME_UNSCORED : a->draw > 1000000 ? OUTCOME_PASS : OUTCOME_FAIL;
        return number_of(a->task) <= 6 ? OUTCOME_PASS : OUTCOME_FAIL;
    }
    if (lab->l.epoch == 0)
        return shows(a, "good") ? OUTCOME_PASS : OUTCOME_FAIL;
    return shows(a, "more") || number_of(a->task) % 2 ? OUTCOME_PASS : OUTCOME_FAIL;
}

static void the_best_checkpoint_stays_chosen(void **state)
{
    struct script s = {.rule = level,
                       .replies = replies("0.0 ADD good, 1.0 ADD more"),
                       .is_away = true,
                       .away = PHASE_ROLLOUT_TEST,
                       .limit = 10};
    struct lab lab;
    (void)state;
    begin(&lab, &s, 20, "{'cycle': {'epochs': 2, 'update_every': 20, 'run_baseline': false}}");
    assert_int_equal(learn_run(&lab.l), GRASP_EOUTAGE);
    expect_library(&lab, "refs/heads/best", "{'good': '1'}");
    struct oid head = lab.l.at.head;
    lab_close(&lab);
    s.is_away = false;
    works(lab_reopen(&lab));
    works(learn_run(&lab.l));
    expect_library(&lab, "refs/heads/best", "{'good': '1'}");
    assert_string_equal(lab.l.at.head.hex, head.hex);
    end(&lab, &s);
}

/* ---- the best checkpoint ---- */

/* Each epoch takes a skill in; val is as the digits of `val` say. */
static enum outcome by_digit(const struct script *s, const struct lab *lab, const struct asking *a)
{
    char name[8];
    if (a->phase == PHASE_ROLLOUT_VAL) {
        return number_of(a->task) <= s->val[counter(a)] - '0' ? OUTCOME_PASS : OUTCOME_FAIL;
    }
    if (a->phase == PHASE_ROLLOUT_DEV)
        return OUTCOME_FAIL;
    snprintf(name, sizeof(name), "e%d", lab->l.epoch);
    return shows(a, name) ? OUTCOME_PASS : OUTCOME_FAIL;
}

static void best_is_strictly_better(void **state)
{
    static const struct {
        const char *val; /* baseline, then the epochs */
        const char *best, *head;
        int epoch; /* -1: none */
    } cases[] = {
        {"9353", "{'e0': '1', 'e1': '2'}", "RESTORE", 1},
        {"0555", "{'e0': '1'}", "RESTORE", 0},
        {"0123", "{'e0': '1', 'e1': '2', 'e2': '3'}", "ADD e2", 2},
        {"1000", NULL, "ADD e2", -1}, /* nothing above 0: the library stays as it is */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct script s = {.rule = by_digit,
                           .replies = replies("0.0 ADD e0, 1.0 ADD e1, 2.0 ADD e2")};
        struct lab lab;
        struct oid best, tree, best_tree;
        s.val = cases[i].val;
        begin(&lab, &s, 4, "{'cycle': {'epochs': 3, 'update_every': 4}}");
        /* dev accuracy is 0, so the recovery is tried as well: it takes nothing out */
        works(learn_run(&lab.l));
        struct library_commit_info info = {0};
        works(library_commit_read(lab.l.lib, &lab.l.at.head, &info));
        assert_true(str_starts(info.subject, cases[i].head));
        library_commit_release(&info);
        if (cases[i].best) {
            expect_library(&lab, "HEAD", cases[i].best);
            works(library_resolve(lab.l.lib, "best", &best));
            works(library_tree_of(lab.l.lib, &best, &best_tree));
            works(library_tree_of(lab.l.lib, &lab.l.at.head, &tree));
            assert_string_equal(tree.hex, best_tree.hex);
            struct buf message = BUF_INIT;
            char epoch[32];
            snprintf(epoch, sizeof(epoch), ": epoch %d,", cases[i].epoch + 1);
            works(library_best_why(lab.l.lib, &message));
            assert_non_null(strstr(message.ptr, epoch));
            buf_release(&message);
        } else {
            assert_int_equal(refs(&lab, "refs/heads/best"), 0);
            assert_int_equal(refs(&lab, "refs/tags/"), 0);
            expect_library(&lab, "HEAD", "{'e0': '1', 'e1': '2', 'e2': '3'}");
        }
        end(&lab, &s);
    }
}

/* ---- unmeasured: the ablations ---- */

static void no_gate_applies_all_in_order(void **state)
{
    struct script s = {.rule = all_fail,
                       .replies = replies("0.0 ADD a, 0.0 ADD b, 0.0 ADD a, 0.0 ADD c, "
                                          "1.0 ADD d, 1.0 ADD e, 1.0 MODIFY b, 1.0 MODIFY x, "
                                          "2.0 REMOVE a, 2.0 MODIFY a, 2.0 ADD f")};
    struct lab lab;
    (void)state;
    begin(&lab, &s, 4,
          "{'cycle': {'epochs': 3, 'update_every': 4, 'no_gate': true,"
          " 'max_learned_skills': 4}}");
    works(learn_run(&lab.l));
    assert_int_equal(lab.asked[PHASE_ROLLOUT_PROBE], 0);
    expect_history(&lab, "REMOVE a: unmeasured; MODIFY b: unmeasured; ADD d: unmeasured; "
                         "ADD c: unmeasured; ADD b: unmeasured; ADD a: unmeasured");
    expect_library(&lab, "HEAD", "{'b': '7', 'c': '4', 'd': '5'}");
    /* "e" and "f" had no room (the second when it was proposed), "x" was never there, "a" was gone
     * when its turn came; the second "a" had another text, but its name was taken. */
    assert_int_equal(lab.l.count.refused[EDIT_FULL], 2);
    assert_int_equal(lab.l.count.refused[EDIT_MISSING], 2);
    assert_int_equal(lab.l.count.refused[EDIT_EXISTS], 1);
    end(&lab, &s);
}

static void blind_selection_takes_one(void **state)
{
    static const struct {
        const char *select, *choice, *library;
    } cases[] = {
        {"proposer", "{\"choice\": 2}", "{'b': '2'}"},
        {"proposer", "{\"choice\": 5}", "{}"},
        {"proposer", "{\"choice\": 0}", "{}"},
        {"proposer", "none of them", "{}"},
        {"random", NULL, NULL},
    };
    static const char *const names[] = {"a", "b", "c", "d"};
    struct rng rng;
    char random[32], settings[128];
    (void)state;
    rng_init(&rng, rng_seed_probes(1, 0, 0));
    uint32_t pick = rng_below(&rng, 4);
    snprintf(random, sizeof(random), "{'%s': '%u'}", names[pick], pick + 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct script s = {.rule = all_fail,
                           .choice = cases[i].choice,
                           .replies = replies("0.0 ADD a, 0.0 ADD b, 0.0 ADD c, 0.0 ADD d")};
        struct lab lab;
        snprintf(settings, sizeof(settings), "{'cycle': {'epochs': 1, 'blind_select': '%s'}}",
                 cases[i].select);
        begin(&lab, &s, 4, settings);
        works(learn_run(&lab.l));
        assert_int_equal(lab.asked[PHASE_ROLLOUT_PROBE], 0);
        assert_int_equal(lab.asked[PHASE_OTHER], cases[i].choice != NULL);
        expect_library(&lab, "HEAD", cases[i].library ? cases[i].library : random);
        end(&lab, &s);
    }
}

/* ---- switches against noise ---- */

/* With the skill two of three draws pass, without it one of three does. */
static enum outcome by_draw(const struct script *s, const struct lab *lab, const struct asking *a)
{
    int draw = counter(a) % DRAWS_AN_UPDATE;
    (void)s, (void)lab;
    if (a->phase != PHASE_ROLLOUT_PROBE)
        return OUTCOME_FAIL;
    assert_true(draw < 3);
    return shows(a, "good") ? (draw != 1 ? OUTCOME_PASS : OUTCOME_FAIL)
           : draw == 1      ? OUTCOME_PASS
                            : OUTCOME_INVALID;
}

static void repeats_decide_by_majority(void **state)
{
    struct script s = {.rule = by_draw, .replies = replies("0.0 ADD good")};
    struct lab lab;
    (void)state;
    begin(&lab, &s, 6,
          "{'cycle': {'epochs': 1, 'update_every': 6, 'grpo_eval_n': 12},"
          " 'gate': {'repeats': 3}}");
    works(learn_run(&lab.l));
    assert_int_equal(lab.asked[PHASE_ROLLOUT_PROBE], 2 * 3 * 6);
    expect_history(&lab, "ADD good: +6 (6 fixes, 0 regressions)");
    end(&lab, &s);
}

/* ---- targeted probes ---- */

static bool to_select(const struct asking *a)
{
    return a->phase == PHASE_ROLLOUT_PROBE && (a->draw >> 28 & 0xf) == DRAW_SELECT;
}

/* a and b fail until the skill of their name heals them; c passes. */
static enum outcome by_family(const struct script *s, const struct lab *lab, const struct asking *a)
{
    char name[2] = {*a->task, 0};
    (void)lab;
    if (to_select(a)) {
        ++*s->selected;
        if (s->is_away && number_of(a->task) <= s->limit)
            return OUTCOME_UNSCORED;
    }
    return *name == 'c' || shows(a, name) ? OUTCOME_PASS : OUTCOME_FAIL;
}

/* How many tasks of a family are in the first batch. */
static size_t in_first(const struct lab *lab, size_t batch, char family)
{
    size_t order[24], n = 0;
    probe_epoch_order(1, 0, 24, order);
    for (size_t i = 0; i < batch; i++)
        n += *lab->l.dev->v[order[i]].id == family;
    return n;
}

static void expect_why(const json_t *e, const char *family, const char *side, const char *why,
                       size_t n)
{
    size_t i, got = 0;
    json_t *row;
    json_array_foreach (json_at(e, "probes"), i, row) {
        got += *json_str_at(row, "id", "?") == *family &&
               strcmp(json_str_at(row, "side", ""), side) == 0 &&
               strncmp(json_str_at(row, "why", ""), why, strlen(why)) == 0;
        assert_string_equal(json_str_at(row, "base", ""),
                            *json_str_at(row, "side", "") == 'f' ? "fail" : "pass");
    }
    assert_int_equal(got, n);
}

/* The first update heals a. In the second one tasks of a are no failing probes any more; those of b
 * are: the earlier ones and, unless they are held out, the batch's own. */
static void targeted_probes_fail_now(void **state)
{
    size_t selected = 0;
    struct script s = {
        .rule = by_family, .replies = replies("0.0 ADD a, 0.1 ADD b"), .selected = &selected};
    struct lab lab;
    (void)state;
    begin_with(&lab, &s, "abc", 8,
               "{'cycle': {'epochs': 1, 'update_every': 12, 'grpo_eval_n': 48}}");
    works(learn_run(&lab.l));
    expect_history(&lab, "ADD b: +8 (8 fixes, 0 regressions); ADD a: +2 (2 fixes, 0 regressions)");
    size_t a = in_first(&lab, 12, 'a'), b = in_first(&lab, 12, 'b'), c = in_first(&lab, 12, 'c');
    assert_int_equal(a, 2);
    assert_int_equal(selected, a + b); /* what failed before the edit, asked again */
    json_t *e = evidence(&lab, 0, 1);
    assert_int_equal(json_array_size(json_at(e, "probes")), 8 + a + c);
    expect_why(e, "b", "failing", "", 8);
    expect_why(e, "b", "failing", "family of group one_mechanism", 2);
    expect_why(e, "a", "passing", "passes now", a);
    expect_why(e, "c", "passing", "as before", c);
    json_decref(e);
    end(&lab, &s);
}

/* Nothing was accepted: what is known of the earlier batch still holds, and nobody is asked again. */
static void held_out_probes_are_never_the_batch(void **state)
{
    size_t selected = 0;
    struct script s = {
        .rule = by_family, .replies = replies("0.0 ADD a, 0.1 ADD b"), .selected = &selected};
    struct lab lab;
    (void)state;
    begin_with(&lab, &s, "abc", 8,
               "{'cycle': {'epochs': 1, 'update_every': 12, 'grpo_eval_n': 48},"
               " 'gate': {'probe_heldout': 'strict'}}");
    works(learn_run(&lab.l));
    assert_int_equal(lab.l.count.judged, 1);
    assert_int_equal(selected, 0);
    json_t *e = evidence(&lab, 0, 0);
    expect_why(e, "a", "failing", "", in_first(&lab, 12, 'a'));
    expect_why(e, "b", "failing", "", in_first(&lab, 12, 'b'));
    expect_why(e, "c", "passing", "passes now", in_first(&lab, 12, 'c'));
    assert_int_equal(json_array_size(json_at(e, "probes")), 12);
    json_decref(e);
    end(&lab, &s);
}

/* Two unscored tasks of twenty are left out; more are an outage, and the run goes on later. */
static void a_choice_waits_for_its_outcomes(void **state)
{
    struct oid tree[3];
    (void)state;
    for (int limit = 0; limit < 3; limit++) {
        size_t selected = 0;
        struct script s = {.rule = by_family,
                           .replies = replies("0.0 ADD a, 0.1 ADD b"),
                           .selected = &selected,
                           .is_away = true,
                           .away = PHASE_OTHER,
                           .limit = limit == 2 ? 8 : limit};
        struct lab lab;
        begin_with(&lab, &s, "abc", 8,
                   "{'cycle': {'epochs': 1, 'update_every': 12, 'grpo_eval_n': 20}}");
        assert_int_equal(learn_run(&lab.l), limit == 2 ? GRASP_EOUTAGE : 0);
        if (limit == 2) {
            expect_library(&lab, "HEAD", "{'a': '1'}");
            lab_close(&lab);
            s.is_away = false;
            works(lab_reopen(&lab));
            works(learn_run(&lab.l));
        }
        assert_true(selected > 0);
        expect_library(&lab, "HEAD", "{'a': '1', 'b': '2'}");
        works(library_tree_of(lab.l.lib, &lab.l.at.head, &tree[limit]));
        assert_string_equal(tree[limit].hex, tree[0].hex);
        end(&lab, &s);
    }
}

/* ---- who is revised ---- */

/* Tasks of a fail; "x" heals them and breaks c, "y" heals one and breaks another, "z" breaks only, and
 * the revision (mark 9) is x without its harm. */
static enum outcome with_harm(const struct script *s, const struct lab *lab, const struct asking *a)
{
    int n = number_of(a->task);
    (void)s, (void)lab;
    if (strcmp(json_str_at(a->skills, "x", ""), "9") == 0)
        return OUTCOME_PASS;
    if (*a->task == 'a')
        return shows(a, "x") || (shows(a, "y") && n == 1) ? OUTCOME_PASS : OUTCOME_FAIL;
    if (shows(a, "x"))
        return n % 3 ? OUTCOME_PASS : OUTCOME_INVALID;
    return (shows(a, "y") && n == 2) || shows(a, "z") ? OUTCOME_FAIL : OUTCOME_PASS;
}

/* The same prompt and the same library whatever was measured before: with and without stopping early,
 * one at a time and all at once, under both rules. */
static void the_best_refused_one_is_narrowed(void **state)
{
    static const char *const rules[] = {"paper", "replicate"};
    struct buf first[2] = {BUF_INIT, BUF_INIT};
    (void)state;
    for (int way = 0; way < 16; way++) {
        struct buf prompt = BUF_INIT;
        char settings[512];
        bool wide = way & 1;
        struct script s = {.rule = with_harm,
                           .replies = replies("0.0 ADD z, 0.0 ADD y, 0.0 ADD x"),
                           .revision = "[{\"action\": \"ADD\", \"name\": \"x\", "
                                       "\"description\": \"what for\", "
                                       "\"content\": \"## When to Use\\n\\nSome. [[x:9]]\"}]",
                           .asked_to_narrow = &prompt};
        struct lab lab;
        snprintf(settings, sizeof(settings),
                 "{'cycle': {'epochs': 1, 'update_every': 24, 'grpo_eval_n': 48,"
                 " 'batch_concurrency': %d}, 'gate': {'early_stop': %s, 'rule': '%s', "
                 "'revise': '%s'}}",
                 way & 2 ? 64 : 1, way & 4 ? "true" : "false", rules[way / 8],
                 wide ? "wide" : "winner");
        begin_with(&lab, &s, "ac", 12, settings);
        works(learn_run(&lab.l));
        expect_library(&lab, "HEAD", wide ? "{'x': '9'}" : "{}");
        assert_int_equal(lab.asked[PHASE_REVISE], wide);
        assert_int_equal(lab.l.count.judged, wide ? 4 : 3);
        if (wide) {
            json_t *e = evidence(&lab, 0, 2), *r = evidence(&lab, 0, 3);
            assert_string_equal(json_str_at(e, "edit.name", ""), "x");
            assert_string_equal(json_str_at(e, "stop", ""), "finished");
            assert_int_equal(json_int_at(e, "score.fixes", 0), 12);
            assert_int_equal(json_int_at(e, "score.regressions", 0), 4);
            assert_true(json_bool_at(r, "revision", false));
            assert_string_equal(json_str_at(r, "fate", ""), "accepted");
            works(gate_evidence_check(e, NULL));
            works(gate_evidence_check(r, NULL));
            json_decref(e);
            json_decref(r);
            if (!first[way / 8].len)
                buf_adds(&first[way / 8], prompt.ptr);
            assert_string_equal(prompt.ptr, first[way / 8].ptr);
        }
        buf_release(&prompt);
        end(&lab, &s);
    }
    buf_release(&first[0]);
    buf_release(&first[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_failures_nothing_is_asked),
        cmocka_unit_test(probes_come_from_three_sources),
        cmocka_unit_test(without_labels_there_is_one_group),
        cmocka_unit_test(a_collapse_takes_a_skill_out),
        cmocka_unit_test(a_run_goes_on_after_an_outage),
        cmocka_unit_test(unscored_probes_count_in_neither_arm),
        cmocka_unit_test(the_best_checkpoint_stays_chosen),
        cmocka_unit_test(best_is_strictly_better),
        cmocka_unit_test(no_gate_applies_all_in_order),
        cmocka_unit_test(blind_selection_takes_one),
        cmocka_unit_test(repeats_decide_by_majority),
        cmocka_unit_test(targeted_probes_fail_now),
        cmocka_unit_test(held_out_probes_are_never_the_batch),
        cmocka_unit_test(a_choice_waits_for_its_outcomes),
        cmocka_unit_test(the_best_refused_one_is_narrowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
