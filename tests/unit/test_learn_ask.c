/*
 * test_learn_ask.c - how the writer is asked and read in an update: K independent samples whatever
 * the temperature, what cannot be read asked for once more, what became of all of them.
 */
#include "learn_harness.h"

#include "runtime/history/verify.h"

struct script {
    const char *classify, *propose[8]; /* replies; NULL: usable ones */
    const char *again;                 /* to a question that was asked before */
    struct buf prompts[8];             /* of the proposal calls */
    int draws[16];
    size_t asked, asked_again;
    struct buf told; /* the prompt that was asked again */
};

static enum outcome act(struct lab *lab, const struct asking *a)
{
    (void)lab;
    int n = atoi(strrchr(a->task, '_') + 1);
    return n % 2 == 0 || json_object_get(a->skills, "good") ? OUTCOME_PASS : OUTCOME_FAIL;
}

static const char usable_labels[] =
    "{\"labels\": {\"a_1\": \"one_mechanism\", \"a_3\": \"one_mechanism\", \"a_5\": \"other\"},"
    " \"new_labels\": {\"one_mechanism\": \"entries are not compared by time\"}}";

static enum model_result write_reply(struct lab *lab, enum model_phase phase, int draw,
                                     const char *prompt, struct buf *reply)
{
    struct script *s = lab->arg;
    if (strstr(prompt, "## Your last reply to this could not be read")) {
        s->asked_again++;
        buf_reset(&s->told);
        buf_adds(&s->told, prompt);
        assert_true(draw >= 500);
        buf_adds(reply, s->again);
    } else if (phase == PHASE_CLASSIFY) {
        buf_adds(reply, s->classify ? s->classify : usable_labels);
    } else if (phase == PHASE_PROPOSE) {
        assert_true(draw < 8 && s->asked < 16);
        buf_reset(&s->prompts[draw]);
        buf_adds(&s->prompts[draw], prompt);
        s->draws[s->asked++] = draw;
        buf_adds(reply, s->propose[draw] ? s->propose[draw] : "[]");
    } else {
        buf_adds(reply, "{}");
    }
    return MODEL_OK;
}

static void begin(struct lab *lab, struct script *s, bool journaled, const char *more)
{
    json_t *splits = json_pack("{s:[s,s,s,s,s,s], s:[s]}", "dev", "a_1", "a_2", "a_3", "a_4", "a_5",
                               "a_6", "val", "v_1");
    json_t *settings = NULL;
    works(json_parse(&settings, more, strlen(more), "settings"));
    *lab = (struct lab){.act = act, .write = write_reply, .arg = s, .journaled = journaled};
    lab_open(lab, splits, settings);
    works(learn_run(&lab->l));
    json_decref(splits);
    json_decref(settings);
}

static void end(struct lab *lab, struct script *s)
{
    lab_close(lab);
    lab_remove(lab);
    for (size_t i = 0; i < 8; i++)
        buf_release(&s->prompts[i]);
    buf_release(&s->told);
}

static const json_t *counts(const struct lab *lab)
{
    const json_t *all = lab->l.told.proposals;
    assert_int_equal(json_array_size(all), 1);
    return json_array_get(all, 0);
}

static int count(const struct lab *lab, const char *path)
{
    return (int)json_int_at(counts(lab), path, 0);
}

#define GOOD                                                                                       \
    "[{\"action\":\"ADD\",\"name\":\"good\",\"description\":\"d\",\"content\":\"[[good:1]]\","     \
    "\"reason\":\"Entries must be\\ncompared by time first.\"}]"
#define WEAK                                                                                       \
    "[{\"action\":\"ADD\",\"name\":\"weak\",\"description\":\"d\",\"content\":\"[[weak:1]]\"}]"
#define ONE_UPDATE "{\"cycle\": {\"epochs\": 1, \"update_every\": 6, \"grpo_k\": 4"

/* At temperature 0, with one group only, K equal prompts are K requests. */
static void proposals_are_k_samples(void **state)
{
    static const char *const settings[] = {
        ONE_UPDATE ", \"cluster_failures\": false, \"proposal_temperature\": 0}}",
        ONE_UPDATE ", \"cluster_failures\": false, \"proposal_temperature\": 0},"
                   " \"model\": {\"draws\": \"shared\"}}",
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct script s = {.propose = {WEAK, WEAK, GOOD, "[]"}};
        struct lab lab;
        bool seen[4] = {false};
        begin(&lab, &s, true, settings[i]);
        assert_int_equal(s.asked, 4);
        for (int k = 0; k < 4; k++)
            seen[s.draws[k]] = true;
        assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
        assert_string_equal(s.prompts[0].ptr, s.prompts[3].ptr);
        assert_int_equal(count(&lab, "asked"), 4);
        assert_int_equal(count(&lab, "distinct"), 3);
        assert_int_equal(count(&lab, "valid"), 2);
        assert_int_equal(count(&lab, "asked_again"), 0);
        assert_int_equal(count(&lab, "refused.duplicate"), 1);
        assert_int_equal(count(&lab, "refused.empty-array"), 1);
        json_t *log = lab_read(&lab, "run/epoch_0/skill_updates.json");
        assert_int_equal(json_array_size(log), 2);
        assert_true(json_equal(json_at(json_array_get(log, 1), "proposals"), counts(&lab)));
        json_decref(log);
        end(&lab, &s);
    }
}

static void what_cannot_be_read_is_asked_once_more(void **state)
{
    static const char *const bad[] = {
        "The agent said FINISH([]) too early.\n[{\"action\": \"ADD\", \"content\": \"# T",
        "[{\"action\":\"ADD\",\"content\":\"say \"[]\" now\"}]",
    };
    static const char *const says[] = {"\ncut off: the text ends inside a string",
                                       "\nunparseable: ',' or '}' is expected in line 1"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct script s = {.propose = {WEAK, bad[i % 2], "I will not.", "[]"},
                           .again = i < 2 ? GOOD : bad[i % 2]};
        struct lab lab;
        begin(&lab, &s, false, ONE_UPDATE "}}");
        assert_int_equal(s.asked_again, 1);
        assert_non_null(strstr(s.told.ptr, says[i % 2]));
        assert_true(
            str_starts(s.told.ptr, s.prompts[1].ptr)); /* the whole prompt, then the error */
        assert_int_equal(count(&lab, "asked"), 4);
        assert_int_equal(count(&lab, "asked_again"), 1);
        assert_int_equal(count(&lab, "valid"), i < 2 ? 2 : 1);
        assert_int_equal(count(&lab, "refused.no-array"), 1);
        assert_int_equal(count(&lab, "refused.cut-off"), i == 2);
        assert_int_equal(count(&lab, "refused.unparseable"), i == 3);
        end(&lab, &s);
    }
}

static void labels_are_asked_for_once_more(void **state)
{
    static const char *const bad[] = {"no labels", "{\"labels\": {\"a_1\": \"x\"", "[]"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct script s = {.classify = bad[i], .again = usable_labels};
        struct lab lab;
        begin(&lab, &s, false, ONE_UPDATE "}}");
        assert_int_equal(s.asked_again, 1);
        assert_non_null(strstr(s.prompts[0].ptr, "\ngroup: one_mechanism\n"));
        assert_non_null(strstr(s.prompts[1].ptr, "\ngroup: other\n"));
        end(&lab, &s);
    }
}

/* Labels in words, with the second fault beside them or in a list, are the labels they would be. */
static void labels_are_read_in_other_forms(void **state)
{
    static const char words[] =
        "[{\"labels\": {\"a_1\": \"one mechanism\", \"a_3\": [\"one_mechanism\", \"other\"],"
        " \"a_5\": {\"label\": \"other\", \"also\": \"one mechanism\"}},"
        " \"new_labels\": {\"one mechanism\": \"entries are not compared by time\"}}]";
    struct script s = {.classify = words};
    struct lab lab;
    (void)state;
    begin(&lab, &s, false, ONE_UPDATE "}}");
    assert_int_equal(s.asked_again, 0);
    assert_non_null(strstr(s.prompts[0].ptr, "\ngroup: one_mechanism\n"
                                             "description: entries are not compared by time\n"));
    assert_non_null(strstr(s.prompts[0].ptr, "\nalso: other\n"));
    assert_non_null(strstr(s.prompts[1].ptr, "\ngroup: other\n"));
    assert_non_null(strstr(s.prompts[1].ptr, "\nalso: one_mechanism (entries are "));
    end(&lab, &s);
}

/* The commit says why, in the writer's words and with the label of the failures. */
static void reasons_travel(void **state)
{
    struct script s = {.propose = {GOOD, NULL, WEAK}};
    struct lab lab;
    struct library_commit_info info;
    struct findings found = {0};
    struct verify_counts verified = {0};
    (void)state;
    begin(&lab, &s, false, ONE_UPDATE "}}");
    works(library_commit_read(lab.l.lib, &lab.l.at.head, &info));
    assert_string_equal(info.body,
                        "Failures one_mechanism: Entries must be compared by time first.");
    library_commit_release(&info);
    json_t *log = lab_read(&lab, "run/epoch_0/skill_updates.json");
    assert_string_equal(json_str_at(json_array_get(log, 0), "edit.reason", ""),
                        "Entries must be compared by time first.");
    struct oid commit;
    assert_true(oid_from_text(&commit, json_str_at(json_array_get(log, 1), "commit", "")));
    works(library_commit_read(lab.l.lib, &commit, &info));
    assert_string_equal(info.body, "Failures one_mechanism: entries are not compared by time");
    library_commit_release(&info);
    json_decref(log);
    works(history_verify(lab.l.lib, &found, &verified));
    if (found.n)
        fail_msg("%s", found.v[0].what);
    assert_int_equal(verified.measured, 1);
    findings_release(&found);
    end(&lab, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proposals_are_k_samples),
        cmocka_unit_test(what_cannot_be_read_is_asked_once_more),
        cmocka_unit_test(labels_are_asked_for_once_more),
        cmocka_unit_test(labels_are_read_in_other_forms),
        cmocka_unit_test(reasons_travel),
    };
    return cmocka_run_group_tests_name("learn_ask", tests, NULL, NULL);
}
