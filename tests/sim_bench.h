/* sim_bench.h - the simulated model on a benchmark's tasks, graded as a run grades them, all in
 * memory. */
#ifndef GRASP_SIM_BENCH_H
#define GRASP_SIM_BENCH_H

#include "sim_harness.h"

#include "probes/graders/grader.h"
#include "probes/synth/synth.h"
#include "runtime/base/fs.h"

/* One benchmark's tasks and data, in memory. */
struct bench {
    struct grader_settings grader;
    struct sim_memory memory;
    struct task_set dev, val, id_test, test;
    size_t visits; /* rollouts that were run */
};

static inline int bench_add(json_t *v, size_t line, void *arg)
{
    (void)line;
    return json_array_append(arg, v);
}

static inline void bench_load(struct bench *b, const char *tasks, const char *const *data, size_t n)
{
    struct task_set *splits[] = {&b->dev, &b->val, &b->id_test, &b->test};
    static const char *const names[] = {"dev", "val", "id_test", "test"};
    char file[600];
    for (size_t i = 0; i < 4; i++) {
        snprintf(file, sizeof(file), "%s/split_%s.json", tasks, names[i]);
        assert_int_equal(task_set_load(splits[i], file, true), 0);
    }
    b->memory = (struct sim_memory){json_array(), 20};
    for (size_t i = 0; i < n; i++)
        assert_int_equal(json_read_lines(data[i], bench_add, b->memory.resources), 0);
}

/* MedAgentBench itself; false: the shared data is not there. */
static inline bool bench_open(struct bench *b, enum benchmark which)
{
    static const char *const v1_data[] = {
        "medagentbench/recorded/fhir/Patient.ndjson",
        "medagentbench/recorded/fhir/Observation.ndjson",
        "medagentbench/rebuilt/Observation.ndjson",
    };
    static const char *const v2_data[] = {
        "vectors/clinic_v2/Patient.ndjson",        "vectors/clinic_v2/Observation.ndjson",
        "vectors/clinic_v2/Condition.ndjson",      "vectors/clinic_v2/MedicationRequest.ndjson",
        "vectors/clinic_v2/ServiceRequest.ndjson", "vectors/clinic_v2/Procedure.ndjson",
    };
    char paths[6][512], tasks[512];
    const char *data[6];
    bool v1 = which == BENCHMARK_V1;
    size_t n = v1 ? 3 : 6;
    *b = (struct bench){.grader = {which, SIM_BASE, "2026-01-15T00:00:00+00:00", false}};
    if (!shared_file(v1 ? "medagentbench/v1" : "medagentbench/v2", tasks))
        return false;
    for (size_t i = 0; i < n; i++)
        data[i] = shared_file(v1 ? v1_data[i] : v2_data[i], paths[i]);
    bench_load(b, tasks, data, n);
    return true;
}

/* A synthetic clinic. */
static inline void bench_synth(struct bench *b, enum benchmark which)
{
    static const char *const types[] = {"Patient",           "Observation", "Condition",
                                        "MedicationRequest", "Procedure",   "ServiceRequest"};
    char dir[] = "/tmp/sim-bench.XXXXXX", tasks[64], paths[6][64];
    const char *data[6];
    assert_non_null(mkdtemp(dir));
    struct synth_settings s = {which, SYNTH_LEAST_PATIENTS, 1, dir};
    assert_int_equal(synth_write(&s, NULL), 0);
    *b = (struct bench){.grader = {which, SIM_BASE, SYNTH_TODAY, false}};
    for (size_t i = 0; i < 6; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/fhir/%s.ndjson", dir, types[i]);
        data[i] = paths[i];
    }
    snprintf(tasks, sizeof(tasks), "%s/tasks", dir);
    bench_load(b, tasks, data, 6);
    fs_remove_tree(dir);
}

static inline void bench_close(struct bench *b)
{
    struct task_set *sets[] = {&b->dev, &b->val, &b->id_test, &b->test};
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
        task_set_release(sets[i]);
    json_decref(b->memory.resources);
}

/* One task with a draw; whether it was solved. */
static inline bool bench_run(struct bench *b, struct sim_world *w, const struct task *t,
                             int64_t draw, struct verdict *verdict)
{
    struct strlist queries = {0};
    struct sim_result s;
    char now[64];
    json_t *found[8] = {NULL};
    w->search = sim_memory_search;
    w->arg = &b->memory;
    grader_now(t, &b->grader, now);
    sim_rollout(w, t->instruction, t->context, now, draw, &s);
    assert_int_equal(grader_searches(t, &b->grader, &queries), 0);
    assert_true(queries.n <= 8);
    for (size_t q = 0; q < queries.n; q++) {
        size_t i, type = strcspn(queries.v[q], "?");
        json_t *v;
        found[q] = json_array();
        json_array_foreach (b->memory.resources, i, v) {
            const char *rt = json_str_at(v, "resourceType", "");
            if (strlen(rt) == type && strncmp(rt, queries.v[q], type) == 0 &&
                sim_matches(v, queries.v[q]))
                json_array_append(found[q], v);
        }
    }
    struct trace trace = {&s.chat, s.result};
    grader_grade(t, &b->grader, &trace, found, verdict);
    for (size_t q = 0; q < queries.n; q++)
        json_decref(found[q]);
    if (getenv("SIM_SHOW") && !verdict->correct && strstr(t->id, getenv("SIM_SHOW")))
        for (size_t i = 1; i < s.chat.n; i++)
            print_message("# %s %s %.300s [%s]\n", t->id, chat_role_name(s.chat.v[i].role),
                          s.chat.v[i].text, verdict->reason);
    sim_result_release(&s);
    strlist_release(&queries);
    b->visits++;
    return verdict->correct;
}

#endif
