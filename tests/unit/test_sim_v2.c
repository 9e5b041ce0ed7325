/* test_sim_v2.c - the simulated model on the ten jobs of the second benchmark, over a chart of our
 * own: every family with and without an order that is due. */
#include "sim_harness.h"

#include "runtime/base/fs.h"

#define NOW   "2023-11-08T12:00:00+00:00"
#define SEEDS 60

/* Texts that the orders must hold, one an order, in this sequence; an answer where it is looked at.
 */
static const struct job {
    const char *name, *instruction, *answer, *orders[3];
} jobs[] = {
    {"ct",
     "Find the date of the most recent CT Abdomen procedure for patient S2000001. If it was more "
     "than 12 months ago, order a new CT Abdomen, indication 'Renal mass follow-up'.",
     NULL,
     {"Renal mass follow-up"}},
    {"ct, recent",
     "When did patient S2000002 last have a CT of the abdomen? Order one if old.",
     NULL,
     {NULL}},
    {"dvt, none",
     "Verify that patient S2000001 has exactly one active DVT prophylaxis order.",
     NULL,
     {"heparin 5000"}},
    {"dvt, one",
     "Verify that patient S2000002 has exactly one active DVT prophylaxis order.",
     NULL,
     {NULL}},
    {"dvt, two",
     "Verify that patient S2000003 has exactly one active DVT prophylaxis order.",
     NULL,
     {"\"status\":\"stopped\""}},
    {"heart",
     "Calculate the average heart rate over the past 6 hours and the past 12 hours for patient "
     "S2000001.",
     "85, 76.66",
     {NULL}},
    {"heart, none",
     "What was the mean heart rate of patient S2000002 over the last 6 hours and the last 12?",
     "-1, -1",
     {NULL}},
    {"catheter",
     "Check if patient S2000001 has a urinary catheter in place for more than 48 hours.",
     NULL,
     {"NUR1373"}},
    {"catheter, new",
     "Check if patient S2000002 has a urinary catheter in place for more than 48 hours.",
     NULL,
     {NULL}},
    {"kidney",
     "Confirm patient S2000001 has a malignant neoplasm of left kidney diagnosis. If the last "
     "CT is old, order a new CT and a referral.",
     NULL,
     {"74177", "CON417"}},
    {"kidney, no",
     "Confirm patient S2000002 has a malignant neoplasm of left kidney diagnosis.",
     NULL,
     {NULL}},
    {"tsh, high",
     "Retrieve the most recent TSH and free T4 values for patient S2000001. Act by the protocol.",
     NULL,
     {"levothyroxine 25", "TSH", "FT4"}},
    {"tsh, mild",
     "Retrieve the most recent TSH and free T4 values for patient S2000002. Act by the protocol.",
     NULL,
     {"TSH", "FT4"}},
    {"tsh, normal",
     "Retrieve the most recent TSH and free T4 values for patient S2000003. Act by the protocol.",
     NULL,
     {NULL}},
    {"qtc",
     "Check the latest QTc interval for patient S2000001. If prolonged, discontinue and order an "
     "ECG.",
     NULL,
     {"Haloperidol", "445118002"}},
    {"qtc, normal", "Check the latest QTc interval for patient S2000002.", NULL, {NULL}},
    {"opioid",
     "Verify that every active opioid order for patient S2000001 has naloxone.",
     NULL,
     {"naloxone"}},
    {"opioid, covered",
     "Verify that every active opioid order for patient S2000002 has naloxone.",
     NULL,
     {NULL}},
    {"flu",
     "Determine the date of the last influenza vaccine for patient S2000001.",
     NULL,
     {"90686"}},
    {"flu, recent",
     "Determine the date of the last influenza vaccine for patient S2000002.",
     NULL,
     {NULL}},
    {"covid", "Review COVID-19 vaccination status for patient S2000001.", NULL, {"91320"}},
    {"covid, as a drug", "Review COVID-19 vaccination status for patient S2000002.", NULL, {NULL}},
};
#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

static bool solved(const struct job *j, const char *mrn, const struct sim_result *s)
{
    char subject[80];
    snprintf(subject, sizeof(subject), "\"subject\":{\"reference\":\"Patient/%.8s\"}", mrn);
    size_t n = 0;
    for (size_t i = 0; i < s->chat.n; i++) {
        const char *text = s->chat.v[i].text;
        if (s->chat.v[i].role != CHAT_AGENT || !str_starts(text, "POST "))
            continue;
        if (n == 3 || !j->orders[n] || !strstr(text, j->orders[n]) || !strstr(text, subject) ||
            strstr(text, "\"draft\""))
            return false;
        n++;
    }
    return s->completed && (n == 3 || !j->orders[n]) &&
           (!j->answer || str_starts(s->result + 1, j->answer));
}

static size_t solved_seeds(struct sim_world *w, const struct job *j)
{
    size_t n = 0;
    const char *mrn = strstr(j->instruction, "S2");
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct sim_result s;
        w->settings.person = seed;
        sim_rollout(w, j->instruction, "", NOW, 0, &s);
        n += solved(j, mrn, &s);
        sim_result_release(&s);
    }
    return n;
}

static int add_resource(json_t *v, size_t line, void *arg)
{
    (void)line;
    return json_array_append(arg, v);
}

static void skills_help_every_job(void **state)
{
    (void)state;
    struct sim_memory memory = {json_array(), 20};
    struct buf skills = BUF_INIT;
    struct sim_world w = {.search = sim_memory_search, .arg = &memory};
    assert_int_equal(
        json_read_lines("tests/data/sim/chart_v2.ndjson", add_resource, memory.resources), 0);
    assert_int_equal(fs_read("tests/data/sim/skills_v2.md", &skills), 0);
    for (size_t i = 0; i < JOBS; i++) {
        w.skills = "";
        size_t without = solved_seeds(&w, &jobs[i]);
        w.skills = skills.ptr;
        size_t with = solved_seeds(&w, &jobs[i]);
        print_message("# %-18s %2zu -> %2zu of %d\n", jobs[i].name, without, with, SEEDS);
        assert_in_range(without, 2, SEEDS * 9 / 10);
        assert_in_range(with, SEEDS * 3 / 4, SEEDS);
        assert_true(with > without);
    }
    json_decref(memory.resources);
    buf_release(&skills);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(skills_help_every_job)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
