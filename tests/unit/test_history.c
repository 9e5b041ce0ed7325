/* test_history.c - commits and evidence taken apart and held against each other, without a library:
 * a commit is built from values, its evidence by the gate itself, and then one thing is changed. */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/history/decision.h"
#include "runtime/history/history.h"
#include "runtime/history/bisect.h"
#include "runtime/history/frozen.h"
#include "runtime/history/verify.h"

#define PARENT "1111111111111111111111111111111111111111"
#define TREE   "2222222222222222222222222222222222222222"
#define COMMIT "3333333333333333333333333333333333333333"

static void oid_set(struct oid *o, const char *hex)
{
    snprintf(o->hex, sizeof(o->hex), "%s", hex);
}

static void trailer(struct step *s, const char *key, const char *value)
{
    assert_int_equal(strlist_add(&s->info.keys, key), 0);
    assert_int_equal(strlist_add(&s->info.values, value), 0);
}

/* Evidence over "f f f p p p": outcomes as letters (p pass, f fail, i invalid, e error, u unscored,
 * . pending). */
static enum outcome letter(char c)
{
    switch (c) {
    case 'p':
        return OUTCOME_PASS;
    case 'f':
        return OUTCOME_FAIL;
    case 'i':
        return OUTCOME_INVALID;
    case 'e':
        return OUTCOME_ERROR;
    case 'u':
        return OUTCOME_UNSCORED;
    default:
        return OUTCOME_PENDING;
    }
}

struct sample {
    struct step step;
    json_t *evidence;
    struct gate gate;
    struct proposal proposal;
};

/* A commit as a decision leaves it, out of letters: side, baseline, candidate. */
static void make(struct sample *x, const char *side, const char *base, const char *cand,
                 const char *fate)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    bool failing[16] = {false};
    const char *ids[16] = {NULL};
    char names[16][24], text[64];
    size_t n = strlen(side);
    struct buf subject = BUF_INIT;
    *x = (struct sample){0};
    for (size_t i = 0; i < n; i++) {
        failing[i] = side[i] == 'f';
        snprintf(names[i], sizeof(names[i]), "t_%zu", i);
        ids[i] = names[i];
    }
    assert_int_equal(gate_init(&x->gate, &rules, failing, n, 1), 0);
    for (size_t i = 0; i < n; i++) {
        x->gate.base[i] = letter(base[i]);
        x->gate.arm[0].outcomes[i] = letter(cand[i]);
    }
    gate_update(&x->gate);
    const struct gate_arm *arm = &x->gate.arm[0];
    x->evidence = gate_evidence(&x->gate, 0, ids);
    json_t *tasks = json_array();
    for (size_t i = 0; i < n; i++)
        if (failing[i] && arm->outcomes[i] == OUTCOME_PASS)
            json_array_append_new(tasks, json_string(ids[i]));
    x->proposal.n = 1;
    x->proposal.v[0] = (struct edit){.action = EDIT_ADD,
                                     .name = str_dup("some-skill"),
                                     .description = str_dup("d"),
                                     .content = str_dup("body")};
    json_t *more =
        json_pack("{s:s, s:i, s:i, s:i, s:b, s:s, s:o, s:s, s:s, s:s, s:s, s:o}", "run", "r1",
                  "epoch", 1, "update", 0, "proposal", 0, "revision", 0, "fate", fate, "edit",
                  proposal_to_json(&x->proposal), "parent", PARENT, "tree", TREE, "writer_model",
                  "w", "executor_model", "x", "triggering_tasks", tasks);
    assert_int_equal(json_object_update_new(x->evidence, more), 0);

    struct step *s = &x->step;
    oid_set(&s->info.commit, COMMIT);
    oid_set(&s->info.parent, PARENT);
    oid_set(&s->info.tree, TREE);
    decision_subject(&x->proposal, arm, &subject);
    s->info.subject = buf_detach(&subject);
    snprintf(text, sizeof(text), "%d", arm->score.score);
    trailer(s, "Gate-Score", text);
    snprintf(text, sizeof(text), "%d/%d", arm->score.fixes, arm->score.failing);
    trailer(s, "Gate-Fixes", text);
    snprintf(text, sizeof(text), "%d/%d", arm->score.regressions, arm->score.passing);
    trailer(s, "Gate-Regressions", text);
    snprintf(text, sizeof(text), "%d %s, %d %s", arm->score.base_fixes,
             arm->score.base_fixes == 1 ? "fix" : "fixes", arm->score.base_regressions,
             arm->score.base_regressions == 1 ? "regression" : "regressions");
    trailer(s, "Gate-Baseline", text);
    if (arm->stop != GATE_FINISHED)
        trailer(s, "Gate-Stopped", gate_stop_name(arm->stop));
    trailer(s, "Run", "r1");
    trailer(s, "Epoch", "1");
    trailer(s, "Update", "0");
    trailer(s, "Writer-Model", "w");
    trailer(s, "Executor-Model", "x");
    step_parse(s);
}

static void drop(struct sample *x)
{
    library_commit_release(&x->step.info);
    json_decref(x->evidence);
    gate_release(&x->gate);
    proposal_release(&x->proposal);
}

/* Problems found; the first one's text holds `want` (NULL: there must be none). */
static void claims(struct sample *x, bool accepted, const char *want)
{
    struct findings f = {0};
    struct gate_score score;
    bool found = !want && !f.problems;
    check_claims(&x->step, x->evidence, accepted, &f, &score);
    for (size_t i = 0; i < f.n; i++) {
        assert_string_equal(f.v[i].commit.hex, COMMIT);
        if (want && f.v[i].problem && strstr(f.v[i].what, want))
            found = true;
    }
    if (!found || (!want && f.problems))
        fail_msg("wanted '%s', got '%s' of %zu", want ? want : "nothing",
                 f.n ? f.v[0].what : "nothing", f.problems);
    findings_release(&f);
}

static void set_text(json_t *v, const char *key, const char *text)
{
    json_object_set_new(v, key, json_string(text));
}

static void what_agrees_is_believed(void **state)
{
    (void)state;
    static const struct {
        const char *side, *base, *cand, *fate;
        bool accepted;
    } good[] = {
        {"fffppp", "fffppp", "ppfppp", "accepted", true},
        {"fffppp", "pffppf", "pppppf", "accepted", true},
        {"fffppp", "fffppp", "fffppp", "score", false},
        {"fffppp", "fffppp", "pppfpp", "regressions", false},
        {"fffppp", "fffppp", "pffppp", "beaten", false},
        {"fffppp", "fffppp", "...f..", "regressions", false}, /* stopped early */
        {"ffffffffffpppp", "fffffffffupppp", "ppffffffffpppp", "accepted", true},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct sample x;
        make(&x, good[i].side, good[i].base, good[i].cand, good[i].fate);
        assert_int_equal(x.step.kind, STEP_EDIT);
        claims(&x, good[i].accepted, NULL);
        drop(&x);
    }
}

/* Trailers, one at a time, say something else, or nothing. */
static void every_trailer_counts(void **state)
{
    (void)state;
    struct sample x;
    make(&x, "fffppp", "fffppp", "ppfppp", "accepted");
    for (size_t i = 0; i < x.step.info.keys.n; i++) {
        char want[96], *was = x.step.info.values.v[i];
        snprintf(want, sizeof(want), "its trailer %s says '99'", x.step.info.keys.v[i]);
        x.step.info.values.v[i] = str_dup("99");
        claims(&x, true, want);
        free(x.step.info.values.v[i]);
        x.step.info.values.v[i] = was;
        char *key = x.step.info.keys.v[i];
        snprintf(want, sizeof(want), "it has no trailer %s", key);
        x.step.info.keys.v[i] = str_dup("Else");
        claims(&x, true, want);
        free(x.step.info.keys.v[i]);
        x.step.info.keys.v[i] = key;
    }
    claims(&x, true, NULL);
    trailer(&x.step, "gate-score", "2");
    claims(&x, true, "twice");
    drop(&x);
    make(&x, "fffppp", "fffppp", "ppfppp", "accepted");
    trailer(&x.step, "Gate-Stopped", "score");
    claims(&x, true, "Gate-Stopped says it stopped early");
    drop(&x);
}

static void every_claim_counts(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *want;
    } texts[] = {
        {"schema", "other", "schema"},
        {"parent", TREE, "measured against"},
        {"tree", PARENT, "measured for the tree"},
        {"fate", "beaten", "its evidence says it was refused"},
        {"stop", "score", "do not bear out the stop"},
        {"run", "r2", "its trailer Run says"},
        {"edit", "nonsense", "is none"},
        {"triggering_tasks", "t_0", "triggering tasks"},
    };
    struct sample x;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        make(&x, "fffppp", "fffppp", "ppfppp", "accepted");
        set_text(x.evidence, texts[i].key, texts[i].value);
        claims(&x, true, texts[i].want);
        drop(&x);
    }
    make(&x, "fffppp", "fffppp", "ppfppp", "accepted");
    set_text(json_object_get(x.evidence, "edit"), "name", "other-skill");
    claims(&x, true, "its subject should be");
    drop(&x);
    make(&x, "fffppp", "fffppp", "ppfppp", "accepted");
    set_text(json_array_get(json_object_get(x.evidence, "probes"), 5), "id", "t_4");
    claims(&x, true, "the probe 't_4' twice");
    drop(&x);
}

static void the_rule_decides(void **state)
{
    (void)state;
    static const struct {
        const char *base, *cand, *fate;
        bool accepted;
        const char *want;
    } bad[] = {
        {"fffppp", "pppfpp", "accepted", true, "the rule does not let it in"},
        {"fffppp", "fffppp", "accepted", true, "the rule does not let it in"},
        {"fffppp", "...f..", "accepted", true, "without having been measured in full"},
        {"fuuupp", "pffppp", "accepted", true, "too few for a decision"},
        {"fffppp", "ppfppp", "accepted", false, "kept as refused"},
        {"fffppp", "ppfppp", "score", false, "its probes say 'beaten'"},
        {"fffppp", "pppfpp", "score", false, "its probes say 'regressions'"},
        {"fffppp", "ppfppp", "not confirmed", false, "without a second probe set"},
        {"fffppp", "pppfpp", "not confirmed", false, "was not eligible in the first place"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct sample x;
        make(&x, "fffppp", bad[i].base, bad[i].cand, bad[i].fate);
        claims(&x, bad[i].accepted, bad[i].want);
        drop(&x);
    }
}

/* A second probe set decides with the first. */
static void confirmation(void **state)
{
    (void)state;
    struct sample x, second;
    make(&x, "fffppp", "fffppp", "ppfppp", "accepted");
    make(&second, "ffpp", "ffpp", "fffp", "x");
    json_object_set(x.evidence, "confirm", second.evidence);
    claims(&x, true, "did not hold on the second probe set");
    set_text(x.evidence, "fate", "not confirmed");
    claims(&x, false, NULL);
    drop(&second);
    make(&second, "ffpp", "ffpp", "pfpp", "x");
    json_object_set(x.evidence, "confirm", second.evidence);
    claims(&x, false, "refused all the same");
    set_text(x.evidence, "fate", "accepted");
    claims(&x, true, NULL);
    json_object_set_new(json_object_get(second.evidence, "score"), "fixes", json_integer(2));
    claims(&x, true, "second probe set: ");
    drop(&second);
    drop(&x);
}

/* A weaker rule is no lie, but it is said. */
static void weaker_rules_are_said(void **state)
{
    (void)state;
    struct sample x;
    struct findings f = {0};
    struct gate_score score;
    make(&x, "fffppp", "fffppp", "ppfppp", "accepted");
    json_object_set_new(json_object_get(x.evidence, "rules"), "regression_budget", json_integer(3));
    check_claims(&x.step, x.evidence, true, &f, &score);
    assert_int_equal(f.problems, 0);
    assert_int_equal(f.n, 1);
    assert_non_null(strstr(f.v[0].what, "budget of 3"));
    findings_release(&f);
    drop(&x);
}

static void probe_sets(void **state)
{
    (void)state;
    static const char text[] = "failing t_0\nfailing t_1\npassing t_2\n";
    struct sample x;
    struct findings f = {0};
    make(&x, "ffp", "ffp", "pfp", "accepted");
    check_probe_text(&x.step, x.evidence, text, sizeof(text) - 1, &f);
    assert_int_equal(f.n, 0);
    check_probe_text(&x.step, x.evidence, text, sizeof(text) - 2, &f);
    assert_int_equal(f.problems, 1);
    findings_release(&f);
    drop(&x);
}

/* ---- updates ---- */

/* Arms by their candidate's letters; k -1 is the accepted one. `want` as in claims. */
struct arm_spec {
    int k;
    const char *cand, *fate;
};

static void update_of(const struct arm_spec *specs, size_t n, const char *want)
{
    struct sample x[6];
    struct update_arm arms[6];
    struct findings f = {0};
    bool found = !want;
    for (size_t i = 0; i < n; i++) {
        make(&x[i], "fffppp", "fffppp", specs[i].cand, specs[i].fate);
        arms[i] = (struct update_arm){&x[i].step, x[i].evidence, specs[i].k};
    }
    check_update(arms, n, &f);
    for (size_t i = 0; i < f.n; i++)
        found = found || (want && strstr(f.v[i].what, want));
    if (!found || (!want && f.n))
        fail_msg("wanted '%s', got '%s'", want ? want : "nothing", f.n ? f.v[0].what : "nothing");
    findings_release(&f);
    for (size_t i = 0; i < n; i++)
        drop(&x[i]);
}

static void the_right_one_won(void **state)
{
    (void)state;
    update_of((struct arm_spec[]){{0, "fffppp", "score"}, {-1, "ppfppp", "accepted"}}, 2, NULL);
    update_of((struct arm_spec[]){{1, "pffppp", "beaten"}, {-1, "pffppp", "accepted"}}, 2, NULL);
    /* the earlier one wins a tie */
    update_of((struct arm_spec[]){{0, "pffppp", "beaten"}, {-1, "pffppp", "accepted"}}, 2,
              "scored +1");
    update_of((struct arm_spec[]){{0, "pppppp", "beaten"}, {-1, "ppfppp", "accepted"}}, 2,
              "scored +3");
    update_of((struct arm_spec[]){{0, "pppppp", "not confirmed"}, {1, "pffppp", "beaten"}}, 2,
              NULL);
    update_of((struct arm_spec[]){{0, "pppppp", "not confirmed"}, {-1, "pffppp", "accepted"}}, 2,
              "was not confirmed");
    update_of((struct arm_spec[]){{0, "pppppp", "beaten"}, {1, "pffppp", "beaten"}}, 2,
              "nothing of its update is in the library");
    update_of((struct arm_spec[]){{0, "fffppp", "score"}, {2, "fffppp", "score"}}, 2,
              "candidate 1 of its update is gone");
    update_of((struct arm_spec[]){{1, "fffppp", "score"},
                                  {3, "fffppp", "score"},
                                  {-1, "ppfppp", "accepted"}},
              3, "candidate 2 of its update is gone");
}

static void arms_share_their_baseline(void **state)
{
    (void)state;
    struct sample a, b;
    struct findings f = {0};
    make(&a, "fffppp", "fffppp", "fffppp", "score");
    make(&b, "fffppp", "fifppp", "ppfppp", "accepted");
    struct update_arm arms[] = {{&a.step, a.evidence, 0}, {&b.step, b.evidence, -1}};
    check_update(arms, 2, &f);
    assert_int_equal(f.problems, 1);
    assert_non_null(strstr(f.v[0].what, "not measured as the others"));
    findings_release(&f);
    /* proposals of calls 1 and 0 in this order: somebody swapped them */
    drop(&b);
    make(&b, "fffppp", "fffppp", "fffppp", "score");
    json_object_set_new(a.evidence, "proposal", json_integer(1));
    arms[1] = (struct update_arm){&b.step, b.evidence, 1};
    check_update(arms, 2, &f);
    assert_int_equal(f.problems, 1);
    assert_non_null(strstr(f.v[0].what, "in its place"));
    findings_release(&f);
    drop(&a);
    drop(&b);
}

/* Redraws of the baseline serve all candidates: nobody has one of his own. */
static void arms_share_redraws(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *third;
        int problems;
    } cases[] = {{"ff", "f", "fff", 0}, {"", "ff", "ff", 0}, {"f", "", "fp", 0},
                 {"ff", "fp", "f", 1},  {"", "fp", "ff", 1}, {"f", "fp", "ff", 1},
                 {"f", "i", "f", 1}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
        const char *lists[] = {cases[c].first, cases[c].second, cases[c].third};
        struct sample x[3];
        struct update_arm arms[3];
        struct findings f = {0};
        int common = 0;
        for (int i = 0; i < 3; i++) {
            make(&x[i], "fffppp", "fffppp", "fffppp", "score");
            arms[i] = (struct update_arm){&x[i].step, x[i].evidence, i};
            json_t *row = json_array_get(json_object_get(x[i].evidence, "probes"), 1),
                   *list = json_array();
            for (const char *p = lists[i]; *p; p++)
                json_array_append_new(list, json_string(outcome_name(letter(*p))));
            json_object_set_new(row, "base_again", list);
        }
        check_update(arms, 3, &f);
        for (size_t i = 0; i < f.n; i++)
            common += strstr(f.v[i].what, "baseline's redraws") != NULL;
        assert_int_equal(common, cases[c].problems);
        findings_release(&f);
        for (int i = 0; i < 3; i++)
            drop(&x[i]);
    }
}

/* ---- small parts ---- */

static void kinds_of_commits(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        enum step_kind kind;
    } cases[] = {
        {"Gate-Score", "-3", STEP_EDIT},          {"Gate-Score", "unmeasured", STEP_UNMEASURED},
        {"Gate-Score", "good", STEP_OTHER},       {"Restores", TREE, STEP_RESTORE},
        {"Imported-From", "folder", STEP_IMPORT}, {"Signed-off-by", "x", STEP_OTHER},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct step s = {0};
        oid_set(&s.info.parent, PARENT);
        trailer(&s, cases[i].key, cases[i].value);
        step_parse(&s);
        assert_int_equal(s.kind, cases[i].kind);
        assert_int_equal(s.score, cases[i].kind == STEP_EDIT ? -3 : 0);
        s.info.parent.hex[0] = '\0';
        step_parse(&s);
        assert_int_equal(s.kind, STEP_ROOT);
        library_commit_release(&s.info);
    }
}

static void shares(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int count, of;
    } cases[] = {
        {"6/18", 6, 18}, {"0/0", 0, 0},    {"6", -1, -1},     {"/3", -1, -1},
        {"3/", -1, -1},  {"-1/2", -1, -1}, {"1/2/3", -1, -1}, {"99999999999999999999/1", -1, -1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct step s = {0};
        trailer(&s, "Gate-Fixes", cases[i].text);
        step_parse(&s);
        assert_int_equal(s.fixes, cases[i].count);
        assert_int_equal(s.failing, cases[i].of);
        library_commit_release(&s.info);
    }
}

static void candidate_refs(void **state)
{
    (void)state;
    char run[32];
    int update, k;
    assert_true(candidate_ref_parse("refs/grasp/candidates/2026-x/12/3", run, 32, &update, &k));
    assert_string_equal(run, "2026-x");
    assert_int_equal(update, 12);
    assert_int_equal(k, 3);
    static const char *const bad[] = {
        "refs/grasp/candidates/",
        "refs/grasp/candidates/r/1",
        "refs/grasp/candidates/r/x/1",
        "refs/grasp/candidates//1/1",
        "refs/grasp/candidates/r/1/-1",
        "refs/grasp/candidates/r/1/1/1",
        "refs/heads/r/1/1",
        "refs/grasp/candidates/r/11111111111111111111/1",
        "refs/grasp/candidates/a-name-of-more-than-thirty-two-bytes/1/1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(candidate_ref_parse(bad[i], run, 32, &update, &k));
}

static void effects(void **state)
{
    (void)state;
    static const struct {
        const char *base, *cand;
        enum effect e;
    } cases[] = {{"fail", "pass", EFFECT_FIXED},      {"pass", "fail", EFFECT_BROKE},
                 {"pass", "pass", EFFECT_NONE},       {"fail", "invalid", EFFECT_NONE},
                 {"invalid", "pass", EFFECT_FIXED},   {"pass", "error", EFFECT_BROKE},
                 {"pass", "pending", EFFECT_UNKNOWN}, {"unscored", "pass", EFFECT_UNKNOWN},
                 {"fail", "nonsense", EFFECT_UNKNOWN}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *row = json_pack("{s:s, s:s}", "base", cases[i].base, "cand", cases[i].cand);
        assert_int_equal(probe_effect(row), cases[i].e);
        json_decref(row);
    }
}

static void put(struct skill_set *set, const char *name, const char *body)
{
    struct skill s = {.version = 1, .name = str_dup(name), .description = str_dup("d")};
    skill_set_body(&s, body, strlen(body));
    assert_int_equal(skill_set_put(set, &s), 0);
}

static void changes_between_sets(void **state)
{
    (void)state;
    struct skill_set a = {0}, b = {0};
    struct skill_changes c;
    put(&a, "gone", "x");
    put(&a, "other", "x");
    put(&a, "same", "x");
    put(&b, "new", "x");
    put(&b, "other", "y");
    put(&b, "same", "x");
    assert_int_equal(skill_changes(&a, &b, &c), 0);
    assert_int_equal(c.n, 3);
    assert_string_equal(c.v[0].name, "gone");
    assert_int_equal(c.v[0].action, EDIT_REMOVE);
    assert_string_equal(c.v[1].name, "new");
    assert_int_equal(c.v[1].action, EDIT_ADD);
    assert_string_equal(c.v[2].name, "other");
    assert_int_equal(c.v[2].action, EDIT_MODIFY);
    free(c.v);
    char x[65], y[65];
    assert_int_equal(skills_hash(&a, x), 0);
    assert_int_equal(skills_hash(&b, y), 0);
    assert_string_not_equal(x, y);
    skill_set_release(&a);
    skill_set_release(&b);
}

/* Which of n suspects git 2.39 asks about first (git rev-list --bisect over a line of commits). */
static void bisection_like_git(void **state)
{
    (void)state;
    static const size_t git[] = {1,  1,  2,  2,  2,  3,  3,  4,  4,  5,  5,  6,  6,  7,
                                 7,  8,  8,  9,  9,  10, 10, 11, 11, 12, 12, 13, 13, 14,
                                 14, 15, 15, 16, 16, 17, 17, 18, 18, 19, 19, 20};
    for (size_t n = 2; n <= sizeof(git) / sizeof(*git); n++)
        assert_int_equal(bisection_next(&(struct bisection){7, 7 + n}), 7 + git[n - 1]);
    for (size_t n = 1; n < 200; n++)
        for (size_t first = 1; first <= n; first++) {
            struct bisection b = {0, n};
            size_t asked = 0, most = 0;
            for (size_t left = n; left > 1; left = (left + 1) / 2)
                most++;
            for (; !bisection_done(&b); asked++)
                bisection_set(&b, bisection_next(&b) >= first);
            assert_int_equal(b.new, first);
            assert_in_range(asked, 0, most);
        }
}

static void manifests(void **state)
{
    (void)state;
    json_t *m = json_pack("{s:s, s:s, s:[]}", "schema", MANIFEST_SCHEMA, "name", "v1", "skills");
    json_t *back;
    struct buf text = BUF_INIT;
    assert_int_equal(manifest_render(m, &text), 0);
    assert_int_equal(manifest_parse(text.ptr, &back), 0);
    assert_true(json_equal(m, back));
    json_decref(back);
    json_decref(m);
    static const char *const bad[] = {"", "a tag", "a tag\n\n{}", "a\n{\"schema\": \"x\"}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(manifest_parse(bad[i], &back), GRASP_ENOTFOUND);
    assert_int_equal(manifest_parse("a\n{\"schema\": ", &back), GRASP_EPARSE);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_agrees_is_believed),
        cmocka_unit_test(every_trailer_counts),
        cmocka_unit_test(every_claim_counts),
        cmocka_unit_test(the_rule_decides),
        cmocka_unit_test(confirmation),
        cmocka_unit_test(weaker_rules_are_said),
        cmocka_unit_test(probe_sets),
        cmocka_unit_test(the_right_one_won),
        cmocka_unit_test(arms_share_their_baseline),
        cmocka_unit_test(arms_share_redraws),
        cmocka_unit_test(kinds_of_commits),
        cmocka_unit_test(shares),
        cmocka_unit_test(candidate_refs),
        cmocka_unit_test(effects),
        cmocka_unit_test(changes_between_sets),
        cmocka_unit_test(bisection_like_git),
        cmocka_unit_test(manifests),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
