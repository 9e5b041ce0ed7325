/* test_sim_writer.c - the simulated model as writer: it reads the prompts as they are rendered,
 * names the mechanism that a log shows, and proposes edits of every kind that a gate must cope
 * with. */
#include "sim_harness.h"

#include "skills/edit.h"
#include "skills/prompt.h"

/* A failing task as the prompts get it, and the label that its evidence asks for. */
static const struct failure {
    const char *id, *instruction, *tags, *verdict, *reported, *actions[3], *label, *digest;
} failures[] = {
    {"task4_1",
     "What is the latest magnesium level of patient P1 within 24 hours?",
     NULL,
     "answer: another value is expected",
     "[\"1.9 mg/dL\"]",
     {"GET Observation?patient=P1&code=MG", "FINISH([\"1.9 mg/dL\"])"},
     "answer_carries_unit_or_sentence",
     "Bundle: total 1, no next page\n- Observation o1 MG 2023-11-13T03:20:00+00:00 1.9 mg/dL, "
     "final"},
    {"task4_2",
     "What is the latest magnesium level of patient P2 within 24 hours?",
     NULL,
     "answer: a list of 0",
     "[]",
     {"GET Observation?patient=P2&code=MG", "FINISH([])"},
     "missing_data_answer_wrong_form",
     "Bundle: total 0, no next page"},
    {"task4_3",
     "What is the latest magnesium level of patient P3 within 24 hours?",
     NULL,
     "answer: another value is expected",
     "[2.2]",
     {"GET Observation?patient=P3&code=MG", "FINISH([2.2])"},
     "time_window_of_task_ignored",
     "Bundle: total 2, no next page\neach: Observation, MG, final\n- o1 2023-11-06T03:01:00+00:00 "
     "2.0 mg/dL\n- o2 2023-11-11T03:20:00+00:00 2.2 mg/dL"},
    {"task7_4",
     "What is the most recent CBG of patient P3?",
     NULL,
     "answer: another value is expected",
     "[101]",
     {"GET Observation?patient=P3&code=GLU", "FINISH([101])"},
     "first_entry_taken_not_latest",
     "Bundle: total 2, no next page\neach: Observation, GLU, final\n- o1 2023-11-06T03:01:00+00:00 "
     "101 mg/dL\n- o2 2023-11-11T03:20:00+00:00 122.0 mg/dL"},
    {"task6_4",
     "What is the average CBG of patient P3 over the last 24 hours?",
     NULL,
     "answer: another value is expected",
     "[101]",
     {"GET Observation?patient=P3&code=GLU", "FINISH([101])"},
     "average_over_wrong_entries",
     "Bundle: total 2, no next page\neach: Observation, GLU, final\n- o1 2023-11-13T03:01:00+00:00 "
     "101 mg/dL\n- o2 2023-11-13T01:20:00+00:00 122.0 mg/dL"},
    {"task9_4",
     "Check patient P3's most recent potassium level. If low, order.",
     NULL,
     "answer: another value is expected",
     "[-1]",
     {"GET Observation?patient=P3&code=2823-3", "FINISH([-1])"},
     "lab_searched_with_foreign_code",
     "Bundle: total 0, no next page"},
    {"task1_5",
     "What is the MRN of the patient with name A B and DOB 1970-01-31?",
     NULL,
     "answer: another value is expected",
     "[\"Patient not found\"]",
     {"GET Patient?name=A%20B&birthdate=1970-01-31", "FINISH([\"Patient not found\"])"},
     "name_searched_in_one_parameter",
     "Bundle: total 0, no next page"},
    {"task2_6",
     "What's the age of the patient with MRN of P4?",
     "answered_without_query",
     "answer: another value is expected",
     "[44]",
     {"FINISH([44])"},
     "answered_before_any_search",
     NULL},
    {"task2_7",
     "What's the age of the patient with MRN of P4?",
     NULL,
     "answer: another value is expected",
     "[44]",
     {"GET Patient?identifier=P4", "FINISH([44])"},
     "age_not_rounded_down",
     "Bundle: total 1, no next page\n- Patient P4 MR P4, Ada Berg, birthDate 1979-12-26, female"},
    {"task10_1",
     "What's the last HbA1C value of patient P1 and when was it recorded?",
     NULL,
     "answer: another value is expected",
     "[5.9, \"2023-06-27\"]",
     {"GET Observation?patient=P1&code=A1C", "FINISH([5.9, \"2023-06-27\"])"},
     "timestamp_cut_to_date",
     "Bundle: total 1, no next page\n- Observation o1 A1C 2023-06-27T12:14:00+00:00 5.9 %, final"},
    {"task3_8",
     "I just measured the blood pressure for patient P5. Record it.",
     "post_body_mismatch:subject.reference",
     "payload.subject.reference: another value",
     "[]",
     {"POST Observation", "FINISH([])"},
     "payload_reference_prefix_missing",
     NULL},
    {"task3_9",
     "I just measured the blood pressure for patient P5. Record it.",
     "post_body_mismatch:valueString",
     "payload.valueString: missing",
     "[]",
     {"POST Observation", "FINISH([])"},
     "vital_sign_payload_shape",
     NULL},
    {"task8_9",
     "Order orthopedic surgery referral for patient P5.",
     "post_body_mismatch:priority",
     "payload.priority: missing",
     "[]",
     {"POST ServiceRequest", "FINISH([])"},
     "order_fields_left_out",
     NULL},
    {"task8_1",
     "Order orthopedic surgery referral for patient P5.",
     "post_body_mismatch:note",
     "payload.note: a list",
     "[]",
     {"POST ServiceRequest", "FINISH([])"},
     "free_text_in_wrong_shape",
     NULL},
    {"task5_9",
     "Check patient P6's last magnesium. If low, order replacement.",
     "post_body_mismatch:dosageInstruction[0].route",
     "payload.dosageInstruction[0].route: another value",
     "[1.2]",
     {"GET Observation?patient=P6&code=MG", "POST MedicationRequest", "FINISH([1.2])"},
     "medication_route_or_dose_shape",
     NULL},
    {"task5_1",
     "Check patient P6's last magnesium. If low, order replacement.",
     "extra_post",
     "has_post: a POST in a task that asks for none",
     "[2.2]",
     {"GET Observation?patient=P6&code=MG", "POST MedicationRequest", "FINISH([2.2])"},
     "order_placed_without_condition_met",
     NULL},
    {"task10_9",
     "When was the last HbA1C of patient P7? If old, order one.",
     "missing_required_post",
     "posts: missing: 0 accepted where 1 is expected",
     "[-1]",
     {"GET Observation?patient=P7&code=A1C", "FINISH([-1])"},
     "required_order_not_placed",
     NULL},
    {"task9_9",
     "Check patient P7's potassium. If low, order replacement and a morning lab.",
     "missing_required_post",
     "posts: missing: 1 accepted where 2 are expected",
     "[3.1]",
     {"GET Observation?patient=P7&code=K", "POST MedicationRequest", "FINISH([3.1])"},
     "required_second_order_forgotten",
     NULL},
    {"task8_2",
     "Order orthopedic surgery referral for patient P8.",
     "no_finish",
     "no_answer: the conversation ended without FINISH",
     NULL,
     {"POST ServiceRequest", "GET ServiceRequest?patient=P8"},
     "no_finish_after_last_order",
     NULL},
    {"task3_2",
     "Record the blood pressure of patient P8.",
     "protocol_invalid",
     "no_answer: the conversation ended without FINISH",
     NULL,
     {"I will look"},
     "words_around_the_action",
     NULL},
};
#define FAILURES (sizeof(failures) / sizeof(failures[0]))

/* The steps as a prompt has them; the digest is what the first action brought. */
static json_t *steps_json(const struct failure *f, bool digests)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < 3 && f->actions[i]; i++) {
        json_array_append_new(steps, json_sprintf("%zu. %s", i + 1, f->actions[i]));
        const char *p = i || !digests ? NULL : f->digest, *before = "   -> ";
        while (p && *p) {
            size_t n = strcspn(p, "\n");
            json_array_append_new(steps, json_sprintf("%s%.*s", before, (int)n, p));
            p += n + (p[n] == '\n');
            before = "      ";
        }
    }
    return steps;
}

static json_t *task_json(const struct failure *f)
{
    json_t *tags = json_array();
    if (f->tags)
        json_array_append_new(tags, json_string(f->tags));
    json_t *t = json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "id", f->id, "status", "completed",
                          "instruction", f->instruction, "context",
                          "Current time: 2023-11-13T10:15:00+00:00", "verdict", f->verdict, "steps",
                          steps_json(f, true), "tags", tags);
    if (f->reported)
        json_object_set_new(t, "reported", json_string(f->reported));
    return t;
}

struct fixture {
    struct prompts *prompts;
    struct sim_settings settings;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_int_equal(prompts_open(&f->prompts, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    prompts_close(f->prompts);
    free(f);
    return 0;
}

/* Takes the reference to `data`. */
static void ask(struct fixture *f, const char *phase, json_t *data, int draw, struct buf *reply)
{
    struct chat chat = {0};
    struct buf prompt = BUF_INIT;
    assert_int_equal(prompts_render(f->prompts, phase, data, &prompt), 0);
    json_decref(data);
    chat_add(&chat, CHAT_USER, prompt.ptr, prompt.len);
    buf_reset(reply);
    assert_int_equal(sim_reply(&f->settings, &chat, draw, reply), 0);
    chat_release(&chat);
    buf_release(&prompt);
}

static json_t *reply_object(const struct buf *reply)
{
    static const struct reply_shape any = {0};
    struct reply_fault fault;
    return reply_read(reply->ptr, reply->len, &any, &fault);
}

static json_t *reply_edits(const struct buf *reply)
{
    struct reply_fault fault;
    return reply_read(reply->ptr, reply->len, &edit_reply_shape, &fault);
}

static json_t *all_failures(void)
{
    json_t *tasks = json_array();
    for (size_t i = 0; i < FAILURES; i++)
        json_array_append_new(tasks, task_json(&failures[i]));
    return tasks;
}

static void classify_names_what_the_log_shows(void **state)
{
    struct fixture *f = *state;
    struct buf reply = BUF_INIT;
    size_t right[FAILURES] = {0}, usable = 0, all = 40;
    for (uint64_t seed = 0; seed < all; seed++) {
        f->settings.seed = seed;
        ask(f, "classify",
            json_pack("{s:[{s:s,s:s}],s:o}", "known_labels", "label", "order_fields_left_out",
                      "description", "known already", "tasks", all_failures()),
            0, &reply);
        json_auto_t *v = reply_object(&reply);
        if (!json_at(v, "labels"))
            continue;
        usable++;
        json_t *fresh = json_object_get(v, "new_labels");
        assert_null(json_object_get(fresh, "order_fields_left_out"));
        for (size_t i = 0; i < FAILURES; i++) {
            const char *label = json_str_at(json_object_get(v, "labels"), failures[i].id, "");
            right[i] += strcmp(label, failures[i].label) == 0;
            assert_true(strcmp(label, "order_fields_left_out") == 0 ||
                        json_object_get(fresh, label));
        }
    }
    f->settings.seed = 0;
    assert_in_range(usable, all * 8 / 10, all);
    for (size_t i = 0; i < FAILURES; i++)
        if (right[i] * 10 < usable * 7)
            fail_msg("%s is seldom labelled %s: %zu of %zu", failures[i].id, failures[i].label,
                     right[i], usable);
    buf_release(&reply);
}

static json_t *read_labels(const struct buf *reply)
{
    static const char *const keys[] = {"labels", NULL};
    static const struct reply_shape shape = {.keys = keys, .type = JSON_OBJECT};
    struct reply_fault fault;
    return reply_read(reply->ptr, reply->len, &shape, &fault);
}

/* What the writer finds it finds in the prompt: without what came back, or without the context that
 * says what time it is, it does not know a wrong choice from a wrong period. */
static void nothing_is_known_that_is_not_told(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *id, *without, *label; /* label: that it must not come to */
    } cases[] = {
        {"task4_2", "steps", "missing_data_answer_wrong_form"},
        {"task4_3", "steps", "time_window_of_task_ignored"},
        {"task7_4", "steps", "first_entry_taken_not_latest"},
        {"task6_4", "steps", "average_over_wrong_entries"},
        {"task9_4", "steps", "lab_searched_with_foreign_code"},
        {"task1_5", "steps", "name_searched_in_one_parameter"},
        {"task2_7", "steps", "age_not_rounded_down"},
        {"task10_1", "steps", "timestamp_cut_to_date"},
        {"task10_9", "verdict", "required_order_not_placed"},
        {"task3_9", "verdict", "vital_sign_payload_shape"},
        {"task4_1", "reported", "answer_carries_unit_or_sentence"},
    };
    struct buf reply = BUF_INIT;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t found = 0, asked = 0;
        const struct failure *what = failures;
        while (strcmp(what->id, cases[i].id) != 0)
            what++;
        for (f->settings.seed = 0; f->settings.seed < 20; f->settings.seed++) {
            json_t *task = task_json(what);
            if (strcmp(cases[i].without, "steps") == 0)
                json_object_set_new(task, "steps", steps_json(what, false));
            else
                json_object_del(task, cases[i].without);
            if (strcmp(cases[i].without, "verdict") == 0)
                json_object_del(task, "tags");
            ask(f, "classify", json_pack("{s:[],s:[o]}", "known_labels", "tasks", task), 0, &reply);
            json_auto_t *v = read_labels(&reply);
            json_t *labels = json_object_get(v, "labels");
            asked += labels != NULL;
            found += strcmp(json_str_at(labels, cases[i].id, ""), cases[i].label) == 0;
        }
        if (asked < 15 || found > asked / 5)
            fail_msg("%s is labelled %s without its %s: %zu of %zu", cases[i].id, cases[i].label,
                     cases[i].without, found, asked);
    }
    f->settings.seed = 0;
    buf_release(&reply);
}

/* A verdict with two lines that are two mechanisms: the second is named as well. */
static void second_faults_are_named(void **state)
{
    struct fixture *f = *state;
    struct buf reply = BUF_INIT;
    json_t *task = task_json(&failures[11]);
    json_object_set_new(
        task, "reasons",
        json_pack("[s,s]", "payload.valueString: missing",
                  "payload.subject: not the reference to the task's patient alone"));
    ask(f, "classify", json_pack("{s:[],s:[o]}", "known_labels", "tasks", task), 0, &reply);
    json_auto_t *v = read_labels(&reply);
    assert_string_equal(json_str_at(json_object_get(v, "also"), failures[11].id, ""),
                        "payload_reference_prefix_missing");
    assert_non_null(json_at(v, "new_labels.payload_reference_prefix_missing"));
    buf_release(&reply);
}

static void diagnose_says_what_to_change(void **state)
{
    struct fixture *f = *state;
    struct buf reply = BUF_INIT;
    ask(f, "diagnose",
        json_pack("{s:[{s:s,s:s}],s:o}", "library", "name", "age-in-completed-years", "description",
                  "Ages", "tasks", all_failures()),
        0, &reply);
    json_auto_t *v = reply_object(&reply);
    assert_int_equal(json_object_size(v), FAILURES);
    size_t fresh = 0, named = 0;
    for (size_t i = 0; i < FAILURES; i++) {
        const char *s = json_str_at(v, failures[i].id, "");
        fresh += str_starts(s, "new: ");
        named += strstr(s, "age-in-completed-years") != NULL;
    }
    assert_true(fresh > FAILURES / 2);
    assert_true(named >= 1);
    buf_release(&reply);
}

static json_t *skill_json(const char *name, const char *description, const char *body, int fixes,
                          int regressions)
{
    return json_pack("{s:s,s:i,s:s,s:[],s:s,s:i,s:i}", "name", name, "version", 1, "description",
                     description, "tags", "body", body, "present_in_fixes", fixes,
                     "present_in_regressions", regressions);
}

static json_t *propose_data(json_t *skills, int left, const struct failure *what)
{
    json_t *tasks = json_array();
    for (int i = 0; i < 3; i++)
        json_array_append_new(tasks, task_json(what));
    return json_pack("{s:o,s:i,s:i,s:b,s:{s:s},s:o,s:[],s:[]}", "skills", skills, "places_left",
                     left, "max_edits", left <= 2 ? 2 : 1, "pair", left <= 2, "group", "label",
                     what->label, "tasks", tasks, "passing", "others");
}

struct tally {
    size_t valid, refused[EDIT_REFUSALS], actions[3], broad, pairs, lines_off, useless;
    bool edits_kept;
};

static void count_refusal(void *arg, enum edit_refusal why, const char *detail)
{
    (void)detail;
    ((struct tally *)arg)->refused[why]++;
}

static size_t lines_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void count_reply(const struct buf *reply, const struct skill_set *library, size_t capacity,
                        struct tally *t)
{
    struct proposal_list list = {0};
    struct edit_rules rules = {.capacity = capacity,
                               .max_edits = capacity - library->n <= 2 ? 2 : 1};
    assert_int_equal(
        edit_parse_reply(reply->ptr, reply->len, library, &rules, &list, count_refusal, t), 0);
    for (size_t i = 0; i < list.n; i++) {
        t->valid++;
        t->pairs += list.v[i].n == 2;
        for (size_t k = 0; k < list.v[i].n; k++) {
            const struct edit *e = &list.v[i].v[k];
            t->actions[e->action]++;
            t->broad += e->content && strstr(e->content, "Use it in every task") != NULL;
            t->useless +=
                e->content && strstr(e->content, "## Recommended") &&
                (strstr(e->content, "Be thorough") || strstr(e->content, "Take it seri") ||
                 strstr(e->content, "other causes"));
            size_t n = e->content ? lines_of(e->content) : 40;
            t->lines_off += n < 30 || n > 60;
        }
    }
    proposal_list_release(&list);
}

/* With an empty library: mostly sound ADDs, some broad, useless and malformed ones. */
static void proposals_are_mixed(void **state)
{
    struct fixture *f = *state;
    struct buf reply = BUF_INIT;
    struct skill_set none = {0};
    struct tally t = {0};
    size_t all = 0;
    for (size_t i = 0; i < FAILURES; i++)
        for (int draw = 0; draw < 20; draw++, all++) {
            ask(f, "propose", propose_data(json_array(), 10, &failures[i]), draw, &reply);
            count_reply(&reply, &none, 10, &t);
        }
    size_t odd = t.refused[EDIT_NO_ARRAY] + t.refused[EDIT_BAD_ACTION] + t.refused[EDIT_BAD_NAME] +
                 t.refused[EDIT_EMPTY_CONTENT];
    print_message("# of %zu: %zu valid, %zu broad, %zu useless, %zu malformed\n", all, t.valid,
                  t.broad, t.useless, odd);
    assert_in_range(t.valid, all * 8 / 10, all - 1);
    assert_in_range(t.broad, all / 20, all * 4 / 10);
    assert_in_range(t.useless, all / 50, all / 4);
    assert_in_range(odd, all / 50, all / 5);
    assert_true(t.refused[EDIT_NO_ARRAY] && t.refused[EDIT_BAD_ACTION]);
    assert_true(t.refused[EDIT_BAD_NAME] && t.refused[EDIT_EMPTY_CONTENT]);
    assert_int_equal(t.lines_off, 0);
    buf_release(&reply);
}

/* With skills that hurt, repeat each other or lack a rule: MODIFY and REMOVE; in a full library
 * pairs. */
static void libraries_are_kept(void **state)
{
    struct fixture *f = *state;
    struct buf reply = BUF_INIT;
    static const char *const names[] = {"bare-values-in-finish", "old-habit", "third"};
    for (int full = 0; full < 2; full++) {
        struct tally t = {0};
        size_t broad_before = 0;
        for (size_t i = 0; i < FAILURES; i++)
            for (int draw = 0; draw < 12; draw++) {
                json_t *skills = json_array();
                struct skill_set library = {0};
                for (size_t k = 0; k < 3; k++) {
                    const char *body =
                        k == 0   ? "# Bare Values in the Answer\n\n## When to Use\n\n- x\n"
                        : k == 1 ? "# Old\n\n1. Always answer -1 from a lab search.\n"
                                 : "# Third\n\nText.\n";
                    struct skill s = {.name = str_dup(names[k]),
                                      .description = str_dup("d"),
                                      .body = str_dup(body),
                                      .version = 1};
                    json_array_append_new(skills,
                                          skill_json(names[k], "d", body, 1, k == 1 ? 4 : 0));
                    assert_int_equal(skill_set_put(&library, &s), 0);
                }
                ask(f, "propose", propose_data(skills, full ? 0 : 7, &failures[i]), draw, &reply);
                count_reply(&reply, &library, full ? 3 : 10, &t);
                skill_set_release(&library);
            }
        broad_before += t.broad;
        print_message("# %s library: %zu ADD, %zu MODIFY, %zu REMOVE, %zu pairs\n",
                      full ? "full" : "open", t.actions[EDIT_ADD], t.actions[EDIT_MODIFY],
                      t.actions[EDIT_REMOVE], t.pairs);
        assert_true(t.actions[EDIT_MODIFY] > 0 && t.actions[EDIT_REMOVE] > 0);
        assert_true(full ? t.pairs > FAILURES : t.pairs == 0);
        assert_true(broad_before < t.valid / 2);
    }
    buf_release(&reply);
}

static void revision_narrows(void **state)
{
    struct fixture *f = *state;
    struct buf reply = BUF_INIT;
    static const char body[] =
        "# The Agreed Sign\n\n## When to Use\n\n- Use it in every task.\n\n## "
        "Recommended Patterns\n\n1. Missing data: FINISH([-1]).\n9. Always "
        "answer -1 from a lab search.\n";
    json_t *data =
        json_pack("{s:[{s:s,s:s,s:s,s:[s],s:s}],s:i,s:i,s:i,s:[{s:s,s:s}],s:[o]}", "edits",
                  "action", "ADD", "name", "minus-one", "description",
                  "About -1. Use when: every task.", "tags", "lab", "content", body, "score", 3,
                  "fixes", 4, "regressions", 1, "fixed", "id", "task4_9", "instruction",
                  "What is the latest magnesium level of P9?", "broken", task_json(&failures[5]));
    ask(f, "revise", data, 0, &reply);
    json_auto_t *v = reply_edits(&reply);
    const json_t *e = json_array_get(v, 0);
    assert_int_equal(json_array_size(v), 1);
    assert_string_equal(json_str_at(e, "name", ""), "minus-one");
    assert_string_equal(json_str_at(e, "action", ""), "ADD");
    assert_non_null(strstr(json_str_at(e, "description", ""), "Only for tasks about magnesium"));
    const char *content = json_str_at(e, "content", "");
    assert_non_null(strstr(content, "Only for tasks about magnesium"));
    assert_non_null(strstr(content, "1. Missing data: FINISH([-1])."));
    assert_null(strstr(content, "Always answer"));
    assert_null(strstr(content, "every task"));
    buf_release(&reply);
}

static void choice_is_a_number(void **state)
{
    struct fixture *f = *state;
    struct buf reply = BUF_INIT;
    ask(f, "select",
        json_pack("{s:[],s:[{s:i,s:[{s:s,s:s,s:s}]},{s:i,s:[{s:s,s:s,s:s}]}]}", "library",
                  "candidates", "number", 1, "edits", "action", "ADD", "name", "a", "content",
                  "# X\n\nAlways answer -1.\n", "number", 2, "edits", "action", "ADD", "name", "b",
                  "content", "# Age in Completed Years\n\nRound down.\n"),
        0, &reply);
    json_auto_t *v = reply_object(&reply);
    assert_int_equal(json_int_at(v, "choice", -1), 2);
    buf_release(&reply);
}

/* The same prompt and draw give the same text; draws differ. */
static void replies_are_a_function(void **state)
{
    struct fixture *f = *state;
    struct buf a = BUF_INIT, b = BUF_INIT;
    size_t differ = 0;
    for (int draw = 0; draw < 10; draw++) {
        ask(f, "propose", propose_data(json_array(), 10, &failures[1]), draw, &a);
        ask(f, "propose", propose_data(json_array(), 10, &failures[1]), draw, &b);
        assert_string_equal(a.ptr, b.ptr);
        ask(f, "propose", propose_data(json_array(), 10, &failures[1]), draw + 1, &b);
        differ += strcmp(a.ptr, b.ptr) != 0;
    }
    assert_true(differ > 3);
    buf_release(&a);
    buf_release(&b);
}

/* Prompts that are cut, empty or full of fences. */
static void torn_prompts_are_survived(void **state)
{
    struct fixture *f = *state;
    static const char *const phases[] = {"classify", "diagnose", "propose", "revise", "select"};
    struct buf prompt = BUF_INIT;
    json_t *data =
        propose_data(json_pack("[o]", skill_json("a", "d", "# X\n", 0, 0)), 2, &failures[3]);
    assert_int_equal(prompts_render(f->prompts, "propose", data, &prompt), 0);
    json_decref(data);
    char *rest = strchr(prompt.ptr, '\n');
    for (size_t p = 0; p < 5; p++)
        for (size_t cut = 0; cut < prompt.len; cut += 97) {
            struct chat chat = {0};
            struct buf text = BUF_INIT, out = BUF_INIT;
            buf_addf(&text, "# Phase: %s%s", phases[p], rest);
            buf_truncate(&text, cut + 10);
            chat_add(&chat, CHAT_USER, text.ptr, text.len);
            assert_int_equal(sim_reply(&f->settings, &chat, 0, &out), 0);
            assert_true(out.len > 0);
            chat_release(&chat);
            buf_release(&text);
            buf_release(&out);
        }
    buf_release(&prompt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classify_names_what_the_log_shows),
        cmocka_unit_test(nothing_is_known_that_is_not_told),
        cmocka_unit_test(second_faults_are_named),
        cmocka_unit_test(diagnose_says_what_to_change),
        cmocka_unit_test(proposals_are_mixed),
        cmocka_unit_test(libraries_are_kept),
        cmocka_unit_test(revision_narrows),
        cmocka_unit_test(choice_is_a_number),
        cmocka_unit_test(replies_are_a_function),
        cmocka_unit_test(torn_prompts_are_survived),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
