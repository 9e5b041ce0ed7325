/*
 * learn_replay.h - a world that does what the file of a whole learning run says: its writer
 * proposes what was proposed, its rollouts end as they ended, and every call is checked against
 * what the loop should ask at this point. For test_learn_replay.c; the format is that of its data.
 */
#ifndef GRASP_TESTS_LEARN_REPLAY_H
#define GRASP_TESTS_LEARN_REPLAY_H

#include "learn_harness.h"

struct replay {
    struct lab lab;
    json_t *file, *splits;
    json_t *u;     /* the update the loop is in */
    json_t *base;  /* what rollouts are shown before it decides: {name: id} */
    json_t *plans; /* the replies to its proposal calls */
    size_t batch, probes, arms_asked, revised;
    int64_t refused[EDIT_REFUSALS];
    size_t candidates, winners;
    bool early;
};

static inline bool listed(const json_t *list, const char *id)
{
    size_t i;
    json_t *v;
    json_array_foreach (list, i, v) {
        if (strcmp(json_string_value(v), id) == 0)
            return true;
    }
    return false;
}

static inline const char *slug_of(const char *name, char out[SKILL_NAME_MAX + 1])
{
    skill_slug(name, out);
    return out;
}

/* ---- arms ---- */

static inline json_t *marks_of_list(const json_t *library)
{
    json_t *out = json_object(), *v;
    char slug[SKILL_NAME_MAX + 1];
    size_t i;
    json_array_foreach (library, i, v) {
        json_object_set(out, slug_of(json_str_at(v, "name", "?"), slug),
                        json_object_get(v, "content_sha256"));
    }
    return out;
}

/* A candidate of the file holds one edit, or a pair as {"edits": [..]}. */
static inline json_t *edits_of(json_t *candidate)
{
    json_t *edits = json_object_get(candidate, "edits");
    return edits ? json_incref(edits) : json_pack("[O]", candidate);
}

static inline json_t *arm_of(const json_t *base, json_t *candidate)
{
    json_t *arm = json_copy((json_t *)base), *edits = edits_of(candidate), *e;
    char slug[SKILL_NAME_MAX + 1];
    size_t i;
    json_array_foreach (edits, i, e) {
        slug_of(json_str_at(e, "name", "?"), slug);
        if (strcmp(json_str_at(e, "action", "?"), "REMOVE") == 0)
            json_object_del(arm, slug);
        else
            json_object_set(arm, slug, json_object_get(e, "content_sha256"));
    }
    json_decref(edits);
    return arm;
}

static inline enum outcome outcome_in(const json_t *arm, const char *id)
{
    if (listed(json_at(arm, "correct"), id))
        return OUTCOME_PASS;
    if (listed(json_at(arm, "errors"), id))
        return OUTCOME_ERROR;
    return listed(json_at(arm, "invalid"), id) ? OUTCOME_INVALID : OUTCOME_FAIL;
}

/* ---- where the loop is ---- */

static inline json_t *update_at(const struct replay *r, int epoch, int update)
{
    size_t i;
    json_t *u;
    json_array_foreach (json_at(r->file, "updates"), i, u) {
        if (json_int_at(u, "epoch", -1) == epoch && json_int_at(u, "update_cycle", -1) == update)
            return u;
    }
    return NULL;
}

/* The library after an epoch; before the first one it is empty. */
static inline json_t *library_after(const struct replay *r, int epoch)
{
    size_t i;
    json_t *u, *last = NULL;
    json_array_foreach (json_at(r->file, "updates"), i, u) {
        if (json_int_at(u, "epoch", -1) <= epoch)
            last = json_at(u, "library_after");
    }
    return marks_of_list(last);
}

static inline bool is_eligible(const struct replay *r, const json_t *u, const json_t *c)
{
    int64_t most = json_int_at(u, "baseline.regressions", 0) +
                   json_int_at(r->file, "settings.regression_budget", 0);
    return json_int_at(c, "adjusted", 0) > 0 && json_int_at(c, "regressions", 0) <= most;
}

/* The first among the best of the eligible: when it broke something, the writer is asked again. */
static inline bool wants_revision(const struct replay *r, const json_t *u)
{
    const json_t *first = NULL;
    size_t i;
    json_t *c;
    json_array_foreach (json_at(u, "evaluated"), i, c) {
        if (!json_bool_at(c, "revision", false) && is_eligible(r, u, c) &&
            (!first || json_int_at(c, "adjusted", 0) > json_int_at(first, "adjusted", 0)))
            first = c;
    }
    return first && json_int_at(first, "regressions", 0) > 0;
}

static inline json_t *plan_replies(struct replay *r);

static inline void finish_update(struct replay *r)
{
    json_t *u = r->u;
    if (!u)
        return;
    size_t nf = json_array_size(json_at(u, "probe.failing"));
    size_t np = json_array_size(json_at(u, "probe.passing"));
    assert_int_equal(r->batch, json_array_size(json_at(u, "batch")));
    assert_int_equal(r->probes, nf + np);
    assert_int_equal(r->revised, wants_revision(r, u));
    /* Unless stopped early, all are measured in full; a revision's winner is looked at again. */
    size_t whole = (json_array_size(json_at(u, "evaluated")) + r->revised) * (nf + np);
    assert_true(r->early ? r->arms_asked <= whole : r->arms_asked == whole);
    json_decref(r->base);
    json_decref(r->plans);
    r->base = marks_of_list(json_at(u, "library_after"));
    r->u = r->plans = NULL;
}

/* The loop has come to a further update. */
static inline void enter(struct replay *r)
{
    json_t *u = update_at(r, r->lab.l.epoch, r->lab.l.update);
    if (u == r->u)
        return;
    finish_update(r);
    assert_non_null(u);
    r->u = u;
    if (!r->base)
        r->base = json_object();
    r->batch = r->probes = r->arms_asked = r->revised = 0;
    r->plans = plan_replies(r);
}

/* ---- the executor ---- */

static inline enum outcome act_dev(struct replay *r, const struct asking *a)
{
    enter(r);
    assert_int_equal(a->draw, draw_number(&r->lab.s.draws, DRAW_DEV, (uint32_t)r->lab.l.epoch));
    assert_true(json_equal(a->skills, r->base));
    const json_t *want = json_array_get(json_at(r->u, "batch"), r->batch++);
    assert_non_null(want);
    assert_string_equal(a->task, json_string_value(want));
    return listed(json_at(r->u, "batch_failing"), a->task) ? OUTCOME_FAIL : OUTCOME_PASS;
}

static inline enum outcome act_probe(struct replay *r, const struct asking *a)
{
    const json_t *failing = json_at(r->u, "probe.failing"), *want;
    const json_t *passing = json_at(r->u, "probe.passing");
    size_t nf = json_array_size(failing), i;
    json_t *c;
    assert_int_equal(a->draw, draw_number(&r->lab.s.draws, DRAW_PROBE,
                                          (uint32_t)r->lab.l.updates * DRAWS_AN_UPDATE));
    if (json_equal(a->skills, r->base)) { /* the baseline: once each, in the set's order */
        want = r->probes < nf ? json_array_get(failing, r->probes)
                              : json_array_get(passing, r->probes - nf);
        r->probes++;
        assert_non_null(want);
        assert_string_equal(a->task, json_string_value(want));
        return outcome_in(json_at(r->u, "baseline"), a->task);
    }
    assert_true(listed(failing, a->task) || listed(passing, a->task));
    r->arms_asked++;
    json_array_foreach (json_at(r->u, "evaluated"), i, c) {
        json_t *arm = arm_of(r->base, c);
        bool same = json_equal(a->skills, arm);
        json_decref(arm);
        if (same)
            return outcome_in(c, a->task);
    }
    fail_msg("epoch %d update %d: no candidate of the reference shows these skills", r->lab.l.epoch,
             r->lab.l.update);
    return OUTCOME_FAIL;
}

static inline size_t place_in(const struct task_set *set, const char *id)
{
    const struct task *t = task_set_find(set, id);
    assert_non_null(t);
    return (size_t)(t - set->v);
}

/* The reference's file has the curve alone: the first tasks of val are those that pass. */
static inline enum outcome act_val(struct replay *r, const struct asking *a)
{
    int epoch = (int)(a->draw & 0xfffffff) - 1;
    assert_int_equal(a->draw, draw_number(&r->lab.s.draws, DRAW_VAL, (uint32_t)(epoch + 1)));
    json_t *skills = library_after(r, epoch);
    json_t *point = json_array_get(json_at(r->file, "val_curve"), (size_t)epoch + 1);
    assert_true(json_equal(a->skills, skills));
    json_decref(skills);
    size_t pass = (size_t)json_int_at(point, "n_correct", 0);
    return place_in(r->lab.l.val, a->task) < pass ? OUTCOME_PASS : OUTCOME_FAIL;
}

static inline enum outcome act_test(struct replay *r, const struct asking *a)
{
    bool with = json_object_size(a->skills) > 0;
    const char *arm = with ? "with_skills" : "without_skills";
    static const char *const splits[] = {"id_test", "test"};
    char path[64];
    json_t *best = marks_of_list(json_at(r->file, "final_library"));
    assert_true(!with || json_equal(a->skills, best));
    json_decref(best);
    for (size_t i = 0; i < 2; i++) {
        const struct task_set *set;
        works(session_split(&r->lab.s, i ? SPLIT_TEST : SPLIT_ID_TEST, &set));
        snprintf(path, sizeof(path), "test.%s.%s.correct", splits[i], arm);
        if (task_set_find(set, a->task))
            return listed(json_at(r->file, path), a->task) ? OUTCOME_PASS : OUTCOME_FAIL;
    }
    fail_msg("%s is in neither test", a->task);
    return OUTCOME_FAIL;
}

static inline enum outcome act(struct lab *lab, const struct asking *a)
{
    switch (a->phase) {
    case PHASE_ROLLOUT_DEV:
        return act_dev(lab->arg, a);
    case PHASE_ROLLOUT_PROBE:
        return act_probe(lab->arg, a);
    case PHASE_ROLLOUT_VAL:
        return act_val(lab->arg, a);
    default:
        return act_test(lab->arg, a);
    }
}

/* ---- the writer ---- */

static inline json_t *edit_in(const json_t *e)
{
    const char *action = json_str_at(e, "action", "?");
    bool remove = strcmp(action, "REMOVE") == 0;
    return edit_of(action, json_str_at(e, "name", ""), json_str_at(e, "description", NULL),
                   remove ? NULL : json_str_at(e, "content_sha256", NULL));
}

static inline json_t *edits_in(json_t *candidate)
{
    json_t *edits = edits_of(candidate), *out = json_array(), *e;
    size_t i;
    json_array_foreach (edits, i, e) {
        json_array_append_new(out, edit_in(e));
    }
    json_decref(edits);
    return out;
}

static inline bool is_edit(const json_t *proposal, const json_t *candidate)
{
    char a[SKILL_NAME_MAX + 1], b[SKILL_NAME_MAX + 1];
    return strcmp(json_string_value(json_array_get(proposal, 0)),
                  json_str_at(candidate, "action", "?")) == 0 &&
           strcmp(slug_of(json_string_value(json_array_get(proposal, 1)), a),
                  slug_of(json_str_at(candidate, "name", "?"), b)) == 0;
}

/* The reference's file names every proposal and tells what became of those that were measured. One
 * that was not is an action that there is not, the same as an earlier one, or without content. */
static inline json_t *plan_replies(struct replay *r)
{
    json_t *given = json_at(r->u, "replies"), *evaluated = json_at(r->u, "evaluated"), *p;
    size_t next = 0, i, earlier;
    if (given)
        return json_incref(given);
    json_t *out = json_array();
    json_array_foreach (json_at(r->u, "proposals"), i, p) {
        const char *action = json_string_value(json_array_get(p, 0));
        const char *name = json_string_value(json_array_get(p, 1));
        json_t *c = json_array_get(evaluated, next);
        if (c && !json_bool_at(c, "revision", false) && is_edit(p, c)) {
            json_t *edits = edits_in(c);
            json_object_set(json_array_get(edits, 0), "name", json_array_get(p, 1));
            json_array_append_new(out, edits);
            next++;
            continue;
        }
        for (earlier = 0; earlier < next; earlier++)
            if (is_edit(p, json_array_get(evaluated, earlier)))
                break;
        if (strcmp(action, "ADD") != 0 && strcmp(action, "MODIFY") != 0) {
            json_array_append_new(out, json_pack("[o]", edit_of(action, name, "x", "x")));
            r->refused[EDIT_BAD_ACTION]++;
        } else if (earlier < next) {
            json_array_append_new(out, edits_in(json_array_get(evaluated, earlier)));
            r->refused[EDIT_DUPLICATE]++;
        } else {
            json_array_append_new(out, json_pack("[o]", edit_of(action, name, "x", NULL)));
            r->refused[EDIT_EMPTY_CONTENT]++;
        }
    }
    assert_true(next == json_array_size(evaluated) ||
                json_bool_at(json_array_get(evaluated, next), "revision", false));
    while ((int64_t)json_array_size(out) < json_int_at(r->file, "settings.grpo_k", 0)) {
        json_array_append_new(out, json_array());
        r->refused[EDIT_EMPTY_ARRAY]++;
    }
    return out;
}

/* Every failing task of the batch is shown, none of the passing ones. */
static inline void check_failures(const struct replay *r, const char *prompt)
{
    char heading[128];
    size_t i;
    json_t *id;
    json_array_foreach (json_at(r->u, "batch"), i, id) {
        snprintf(heading, sizeof(heading), "### %s\n", json_string_value(id));
        assert_int_equal(strstr(prompt, heading) != NULL,
                         listed(json_at(r->u, "batch_failing"), json_string_value(id)));
    }
}

/* The label of group `rank`: largest first, equal ones as first seen. */
static inline const char *group_label(const struct replay *r, size_t rank)
{
    json_t *count = json_object(), *id, *v;
    const char *label = NULL, *key;
    size_t i;
    json_array_foreach (json_at(r->u, "batch_failing"), i, id) {
        key = json_string_value(json_object_get(json_at(r->u, "labels"), json_string_value(id)));
        json_object_set_new(count, key, json_integer(json_int_at(count, key, 0) + 1));
    }
    for (rank %= json_object_size(count);; rank--) {
        int64_t most = 0;
        json_object_foreach (count, key, v) {
            if (json_integer_value(v) > most) {
                most = json_integer_value(v);
                label = key;
            }
        }
        if (rank == 0)
            break;
        json_object_del(count, label);
    }
    label = json_string_value(json_object_get(json_at(r->u, "label_names"), label));
    json_decref(count);
    return label;
}

static inline json_t *labels_reply(const struct replay *r)
{
    json_t *new_labels = json_object(), *names = json_object(), *label;
    const char *id;
    json_object_foreach (json_at(r->u, "labels"), id, label) {
        json_object_set_new(new_labels, json_string_value(label), json_string("a mechanism"));
        json_object_set(names, json_string_value(label), label);
    }
    json_object_set_new(r->u, "label_names", names);
    return json_pack("{s:O, s:o}", "labels", json_at(r->u, "labels"), "new_labels", new_labels);
}

static inline json_t *revision_of(const json_t *u)
{
    size_t i;
    json_t *c;
    json_array_foreach (json_at(u, "evaluated"), i, c) {
        if (json_bool_at(c, "revision", false))
            return edits_in(c);
    }
    return json_array();
}

static inline enum model_result write_reply(struct lab *lab, enum model_phase phase, int draw,
                                            const char *prompt, struct buf *reply)
{
    struct replay *r = lab->arg;
    json_t *v = NULL;
    char group[128];
    switch (phase) {
    case PHASE_CLASSIFY:
        check_failures(r, prompt);
        v = labels_reply(r);
        break;
    case PHASE_DIAGNOSE:
        check_failures(r, prompt);
        v = json_object();
        break;
    case PHASE_PROPOSE:
        snprintf(group, sizeof(group), "\ngroup: %s\n", group_label(r, (size_t)draw));
        assert_non_null(strstr(prompt, group));
        v = json_incref(json_array_get(r->plans, (size_t)draw));
        break;
    case PHASE_REVISE:
        r->revised++;
        v = revision_of(r->u);
        break;
    default:
        fail_msg("no such call of the writer is expected: %s", model_phase_name(phase));
    }
    assert_non_null(v);
    buf_add_json_value(reply, v);
    json_decref(v);
    return MODEL_OK;
}

#endif
