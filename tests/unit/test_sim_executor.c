/* test_sim_executor.c - the simulated model as executor: it understands tasks in several wordings,
 * has habits that guidance switches off, and is a function of its request. */
#include "sim_harness.h"

#include "runtime/base/fs.h"

#define NOW "2023-11-13T10:15:00+00:00"

static const char *resources[] = {
    "{\"resourceType\":\"Patient\",\"id\":\"S1000001\",\"identifier\":[{\"type\":{\"coding\":[{"
    "\"code\":\"MR\"}]},\"value\":\"S1000001\"}],\"name\":[{\"family\":\"Moreau\",\"given\":["
    "\"Lena\"]}],\"birthDate\":\"1950-12-24\"}",
    "{\"resourceType\":\"Patient\",\"id\":\"S1000002\",\"identifier\":[{\"value\":\"S1000002\"}],"
    "\"name\":[{\"family\":\"Abara\",\"given\":[\"Ike\"]}],\"birthDate\":\"1980-01-02\"}",
};

static json_t *observation(const char *mrn, const char *code, const char *when, double value,
                           const char *unit)
{
    return json_pack("{s:s,s:{s:[{s:s}]},s:{s:s+},s:s,s:{s:f,s:s}}", "resourceType", "Observation",
                     "code", "coding", "code", code, "subject", "reference", "Patient/", mrn,
                     "effectiveDateTime", when, "valueQuantity", "value", value, "unit", unit);
}

/* Patient 1: old first entries, low potassium, low magnesium in the window, A1C of last year.
 * Patient 2: nothing but a potassium that is fine. */
static json_t *clinic(void)
{
    json_t *all = json_array();
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
        json_array_append_new(all, json_loads(resources[i], 0, NULL));
    for (int i = 0; i < 25; i++) { /* more than a page, oldest first */
        char when[40];
        snprintf(when, sizeof(when), "2023-11-%02dT0%d:00:00+00:00", i < 24 ? 2 + i / 4 : 13,
                 i % 4);
        json_array_append_new(all, observation("S1000001", "GLU", when, 100 + i, "mg/dL"));
    }
    json_array_append_new(
        all, observation("S1000001", "GLU", "2023-11-12T20:00:00+00:00", 201, "mg/dL"));
    json_array_append_new(all,
                          observation("S1000001", "MG", "2023-11-10T08:00:00+00:00", 2.4, "mg/dL"));
    json_array_append_new(all,
                          observation("S1000001", "MG", "2023-11-13T08:00:00+00:00", 1.2, "mg/dL"));
    json_array_append_new(all,
                          observation("S1000002", "MG", "2023-11-10T08:00:00+00:00", 1.2, "mg/dL"));
    json_array_append_new(all,
                          observation("S1000001", "K", "2023-11-11T08:00:00+00:00", 3.1, "mmol/L"));
    json_array_append_new(all,
                          observation("S1000002", "K", "2023-11-11T08:00:00+00:00", 4.1, "mmol/L"));
    json_array_append_new(all,
                          observation("S1000001", "A1C", "2022-03-08T08:14:00+00:00", 6.5, "%"));
    return all;
}

/* A job in the published wording and in another one, what a right run answers (NULL: not looked
 * at), how many orders it makes, and members of them. */
static const struct job {
    const char *name, *instruction, *context, *answer;
    size_t posts;
    const char *path[3], *value[3]; /* of payload 0; "1:" in front: of payload 1 */
} jobs[] = {
    {"mrn",
     "What\xe2\x80\x99s the MRN of the patient with name Lena Moreau and DOB of 1950-12-24? If the "
     "patient does not exist, the answer should be \"Patient not found\"",
     "",
     "[\"S1000001\"]",
     0,
     {NULL},
     {NULL}},
    {"mrn, other words",
     "Look up the medical record number of Ike Abara, born 1980-01-02. Answer \"Patient not "
     "found\" "
     "when there is no such person.",
     "",
     "[\"S1000002\"]",
     0,
     {NULL},
     {NULL}},
    {"age",
     "What's the age of the patient with MRN of S1000001?",
     "It's " NOW " now, and the answer should be rounded down to an integer.",
     "[72]",
     0,
     {NULL},
     {NULL}},
    {"age, other words",
     "How old is patient S1000002 in whole years?",
     "It is " NOW ".",
     "[43]",
     0,
     {NULL},
     {NULL}},
    {"bp",
     "I just measured the blood pressure for patient with MRN of S1000001, and it is \"118/77 "
     "mmHg\". Help me record it.",
     "It's " NOW " now. The flowsheet ID for blood pressure is BP.",
     NULL,
     1,
     {"valueString", "code.text", "subject.reference"},
     {"118/77 mmHg", "BP", "Patient/S1000001"}},
    {"mg",
     "What\xe2\x80\x99s the most recent magnesium level of the patient S1000001 within last 24 "
     "hours?",
     "The code for magnesium is \"MG\". The answer should be -1 if there is none.",
     "[1.2]",
     0,
     {NULL},
     {NULL}},
    {"mg, none",
     "Report the newest magnesium result of S1000002 from the past 24 hours.",
     "Magnesium is filed under \"MG\".",
     "[-1]",
     0,
     {NULL},
     {NULL}},
    {"mg order",
     "Check patient S1000001's last serum magnesium level within last 24 hours. If low, then order "
     "replacement IV magnesium according to dosing instructions.",
     "The code for magnesium is \"MG\". The NDC for replacement IV magnesium is 0338-1715-40.",
     NULL,
     1,
     {"dosageInstruction[0].route", "medicationCodeableConcept.coding[0].code", "authoredOn"},
     {"IV", "0338-1715-40", NOW}},
    {"cbg mean",
     "What is the average CBG of the patient S1000001 over the last 24 hours?",
     "The code for CBG is \"GLU\".",
     "[162.5]",
     0,
     {NULL},
     {NULL}},
    {"cbg",
     "What is the most recent CBG of the patient S1000001?",
     "The code for CBG is \"GLU\"",
     "[124]",
     0,
     {NULL},
     {NULL}},
    {"referral",
     "Order orthopedic surgery referral for patient S1000001. Specify within the free text of the "
     "referral, \"Situation: acute left knee injury.\"",
     "The SNOMED code for orthopedic surgery referral is 306181000000106.",
     NULL,
     1,
     {"note.text", "code.coding[0].code", "priority"},
     {"Situation: acute left knee injury.", "306181000000106", "stat"}},
    {"k order",
     "Check patient S1000001's most recent potassium level. If low, then order replacement "
     "potassium. Also pair this order with a morning serum potassium level the next day at 8am.",
     "The code for potassium is \"K\".The NDC for replacement potassium is 40032-917-01. The LOINC "
     "code for serum potassium level is 2823-3.",
     "[3.1]",
     2,
     {"medicationCodeableConcept.coding[0].code", "1:occurrenceDateTime", "1:code.coding[0].code"},
     {"40032-917-01", "2023-11-14T08:00:00+00:00", "2823-3"}},
    {"k, fine",
     "Check patient S1000002's most recent potassium level. If low, order replacement.",
     "The code for potassium is \"K\".",
     "[4.1]",
     0,
     {NULL},
     {NULL}},
    {"a1c",
     "What\xe2\x80\x99s the last HbA1C (hemoglobin A1C) value in the chart for patient S1000001 "
     "and when "
     "was it recorded? If the lab value result date is greater than 1 year old, order a new test.",
     "The code for HbA1C is \"A1C\". The LOINC code for ordering HbA1C lab is: 4548-4.",
     "[6.5, \"2022-03-08T08:14:00+00:00\"]",
     1,
     {"code.coding[0].code", "priority", "status"},
     {"4548-4", "stat", "active"}},
};
#define JOBS  (sizeof(jobs) / sizeof(jobs[0]))
#define SEEDS 60

static bool solved(const struct job *j, const struct sim_result *s)
{
    if (!s->completed || s->posts != j->posts)
        return false;
    json_auto_t *want = j->answer ? json_loads(j->answer, 0, NULL) : NULL;
    json_auto_t *have = json_loads(s->result, 0, NULL);
    bool ok = true;
    if (want) {
        ok = json_array_size(want) == json_array_size(have);
        for (size_t i = 0; ok && i < json_array_size(want); i++) {
            json_t *a = json_array_get(want, i), *b = json_array_get(have, i);
            ok = json_is_number(a)
                     ? json_is_number(b) && json_number_value(a) == json_number_value(b)
                     : json_equal(a, b);
        }
    }
    for (size_t i = 0; ok && i < 3 && j->path[i]; i++) {
        bool second = str_starts(j->path[i], "1:");
        json_auto_t *p = sim_payload(s, second);
        ok = strcmp(json_str_at(p, j->path[i] + 2 * second, ""), j->value[i]) == 0;
    }
    return ok;
}

static size_t solved_seeds(const struct sim_world *base, const struct job *j)
{
    size_t n = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct sim_world w = *base;
        struct sim_result s;
        w.settings.person = seed;
        sim_rollout(&w, j->instruction, j->context, NOW, 0, &s);
        n += solved(j, &s);
        sim_result_release(&s);
    }
    return n;
}

struct fixture {
    struct sim_memory memory;
    struct buf skills;
    struct sim_world world;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->memory = (struct sim_memory){clinic(), 20};
    buf_init(&f->skills);
    assert_int_equal(fs_read("tests/data/sim/skills_v1.md", &f->skills), 0);
    f->world = (struct sim_world){.search = sim_memory_search, .arg = &f->memory, .skills = ""};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    json_decref(f->memory.resources);
    buf_release(&f->skills);
    free(f);
    return 0;
}

/* Over many seeds each job is neither hopeless nor free without skills, and mostly right with
 * skills that say what to do. */
static void skills_help_every_job(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < JOBS; i++) {
        f->world.skills = "";
        size_t without = solved_seeds(&f->world, &jobs[i]);
        f->world.skills = f->skills.ptr;
        size_t with = solved_seeds(&f->world, &jobs[i]);
        f->world.inject = true;
        size_t injected = solved_seeds(&f->world, &jobs[i]);
        f->world.inject = false;
        print_message("# %-18s %2zu -> %2zu of %d\n", jobs[i].name, without, with, SEEDS);
        assert_in_range(without, 2, SEEDS * 9 / 10);
        assert_in_range(with, SEEDS * 4 / 5, SEEDS);
        assert_true(with > without);
        assert_int_equal(injected, with);
    }
}

static void profiles_differ(void **state)
{
    struct fixture *f = *state;
    size_t n[3] = {0};
    f->world.skills = "";
    static const char *const profiles[] = {"weak", NULL, "strong"};
    for (size_t p = 0; p < 3; p++)
        for (size_t i = 0; i < JOBS; i++) {
            f->world.settings.profile = profiles[p];
            n[p] += solved_seeds(&f->world, &jobs[i]);
        }
    f->world.settings.profile = NULL;
    assert_true(n[0] + JOBS * 2 < n[1]);
    assert_true(n[1] + JOBS * 2 < n[2]);
}

static const struct broad {
    const char *text;
    size_t job;
} broads[] = {
    {"Always place the order, whatever the value says.", 12},
    {"Always answer -1.", 5},
    {"Never POST anything.", 10},
    {"Include the unit in the answer.", 5},
    {"Answer in a full sentence.", 2},
    {"Always look at the last 24 hours of every lab.", 13},
    {"Search with the LOINC code, `code=2823-3`, to be exact.", 12},
};

/* Too broad rules break what worked, and the same words in a list of mistakes do not. */
static void broad_rules_harm(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(broads) / sizeof(broads[0]); i++) {
        struct buf text = BUF_INIT;
        buf_addf(&text, "%s\n## Skill: more\n\nWhen to use: every task.\n\n## Rules\n\n1. %s\n",
                 f->skills.ptr, broads[i].text);
        const struct job *j = &jobs[broads[i].job];
        f->world.skills = f->skills.ptr;
        size_t good = solved_seeds(&f->world, j);
        f->world.skills = text.ptr;
        size_t bad = solved_seeds(&f->world, j);
        buf_reset(&text);
        buf_addf(&text,
                 "%s\n## Skill: more\n\nWhen to use: every task.\n\n## Failure Patterns\n\n- %s\n",
                 f->skills.ptr, broads[i].text);
        f->world.skills = text.ptr;
        size_t quoted = solved_seeds(&f->world, j);
        print_message("# %s: %zu -> %zu\n", broads[i].text, good, bad);
        assert_true(bad + 10 < good);
        assert_int_equal(quoted, good);
        buf_release(&text);
    }
}

/* A skill for other tasks says nothing about this one. */
static void narrow_rules_stay_narrow(void **state)
{
    struct fixture *f = *state;
    static const char rule[] = "\n## Skill: more\n\nWhen to use: only for tasks about %s.\n\n## "
                               "Rules\n\n1. Include the unit in the answer.\n";
    struct buf text = BUF_INIT;
    f->world.skills = f->skills.ptr;
    size_t good = solved_seeds(&f->world, &jobs[5]);
    buf_adds(&text, f->skills.ptr);
    buf_addf(&text, rule, "potassium");
    f->world.skills = text.ptr;
    assert_int_equal(solved_seeds(&f->world, &jobs[5]), good);
    buf_truncate(&text, f->skills.len);
    buf_addf(&text, rule, "magnesium");
    f->world.skills = text.ptr;
    assert_true(solved_seeds(&f->world, &jobs[5]) + 10 < good);
    buf_release(&text);
}

/* Long libraries cost attention. */
static void many_skills_cost(void **state)
{
    struct fixture *f = *state;
    struct buf text = BUF_INIT;
    buf_adds(&text, f->skills.ptr);
    for (int i = 0; i < 10; i++)
        buf_addf(&text,
                 "\n## Skill: s%d\n\nWhen to use: only for tasks about bilirubin.\n\n1. Be kind.\n",
                 i);
    size_t few = 0, many = 0;
    for (size_t i = 0; i < JOBS; i++) {
        f->world.skills = f->skills.ptr;
        few += solved_seeds(&f->world, &jobs[i]);
        f->world.skills = text.ptr;
        many += solved_seeds(&f->world, &jobs[i]);
    }
    assert_true(many + JOBS * 3 < few);
    buf_release(&text);
}

static void same_request_same_reply(void **state)
{
    struct fixture *f = *state;
    f->world.skills = "";
    size_t differ = 0, noisy = 0;
    for (size_t i = 0; i < JOBS; i++) {
        struct chat chat = {0};
        sim_first_message(&f->world, jobs[i].instruction, jobs[i].context, NOW, &chat);
        struct buf v[4] = {BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT};
        sim_ask(&f->world, &chat, 0, &v[0]);
        sim_ask(&f->world, &chat, 0, &v[1]);
        sim_ask(&f->world, &chat, 3, &v[2]);
        assert_string_equal(v[0].ptr, v[1].ptr);
        assert_string_equal(v[0].ptr, v[2].ptr); /* no noise: draws agree */
        f->world.settings.noise = 0.4;
        for (int draw = 0; draw < 8; draw++) {
            buf_reset(&v[1]), buf_reset(&v[3]);
            sim_ask(&f->world, &chat, draw, &v[1]);
            sim_ask(&f->world, &chat, draw, &v[3]);
            assert_string_equal(v[1].ptr, v[3].ptr);
            differ += strcmp(v[1].ptr, v[0].ptr) != 0;
            noisy++;
        }
        f->world.settings.noise = 0;
        for (size_t k = 0; k < 4; k++)
            buf_release(&v[k]);
        chat_release(&chat);
    }
    assert_in_range(differ, noisy / 20, noisy * 3 / 4);
}

/* What a server can say at its worst: no end of pages, errors, nonsense. */
static void endless(void *arg, const char *target, struct buf *out)
{
    (void)target;
    switch (*(int *)arg) {
    case 0:
        buf_adds(out,
                 "{\"resourceType\":\"Bundle\",\"link\":[{\"relation\":\"next\",\"url\":\"" SIM_BASE
                 "?_getpages=1\"}]}");
        break;
    case 1:
        buf_adds(out, "Error in sending the GET request: 400 Bad Request");
        break;
    case 2:
        buf_adds(
            out,
            "{\"entry\":[1,{\"resource\":[]},{\"resource\":{\"resourceType\":7}}],\"link\":3}");
        break;
    default:
        buf_adds(out, "{\"entry\":[{\"resource\":");
        break;
    }
}

static void bad_answers_are_survived(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++)
        for (size_t i = 0; i < JOBS; i++)
            for (uint64_t seed = 0; seed < 20; seed++) {
                struct sim_world w = {.search = endless, .arg = &kind, .skills = ""};
                struct sim_result s;
                w.settings.person = seed;
                sim_rollout(&w, jobs[i].instruction, jobs[i].context, NOW, 0, &s);
                assert_true(s.chat.n > 1);
                assert_true(s.gets <= SIM_ROUNDS);
                sim_result_release(&s);
            }
}

static void other_requests_get_an_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "Hello",
                                        "{",
                                        "{\"phase\":\"other\"}",
                                        "[]",
                                        "{\"phase\":\"task_execution\",\"task\":{}}",
                                        "{\"phase\":\"task_execution\",\"task\":\"x\",\"api\":1}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct chat chat = {0};
        struct buf out = BUF_INIT;
        struct sim_settings s = {0};
        chat_add(&chat, CHAT_USER, texts[i], strlen(texts[i]));
        assert_int_equal(sim_reply(&s, &chat, 0, &out), 0);
        assert_true(out.len > 0);
        buf_release(&out);
        chat_release(&chat);
    }
    struct chat none = {0};
    struct buf out = BUF_INIT;
    struct sim_settings s = {0};
    assert_int_equal(sim_reply(&s, &none, 0, &out), 0);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skills_help_every_job),    cmocka_unit_test(profiles_differ),
        cmocka_unit_test(broad_rules_harm),         cmocka_unit_test(narrow_rules_stay_narrow),
        cmocka_unit_test(many_skills_cost),         cmocka_unit_test(same_request_same_reply),
        cmocka_unit_test(bad_answers_are_survived), cmocka_unit_test(other_requests_get_an_answer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
