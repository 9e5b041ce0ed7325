/*
 * grade.c - `grasp grade`: verdicts for recorded episodes, without running an agent.
 * A line in is {task or task_id, messages, result}, a line out {task_id, correct, reason}, in
 * order.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/commands/table.h"
#include "runtime/env/fhir.h"
#include "runtime/commands/session_args.h"

struct grading {
    struct session *s;
    struct fhir_store *store;
    json_t *found;
    size_t n, correct;
};

struct line_verdict {
    struct verdict verdict;
    bool scored, done;
};

static void line_graded(const struct verdict *v, const struct strlist *tags, bool scored, void *arg)
{
    struct line_verdict *out = arg;
    (void)tags;
    out->verdict = *v;
    out->scored = scored;
    out->done = true;
}

/* Recorded episodes name the server they ran against in their first message. */
static char *named_base(const struct chat *chat)
{
    const char *p = chat->n ? strstr(chat->v[0].text, "http") : NULL;
    for (; p; p = strstr(p + 1, "http")) {
        size_t n = strcspn(p, " \"'\\\n\t<>");
        const char *fhir = memmem(p, n, "/fhir/", 6);
        if (fhir && (str_starts(p, "http://") || str_starts(p, "https://")))
            return str_ndup(p, (size_t)(fhir + 6 - p));
    }
    return NULL;
}

static int grade_one(struct grading *g, const struct task *task, const struct trace *trace)
{
    struct grader_settings grader;
    struct line_verdict out = {0};
    config_grader(g->s->config, &grader);
    char *base = named_base(trace->chat);
    if (base)
        grader.base = base;
    struct grade_job *job = grade_job_new(g->s->loop, g->s->config, g->store, g->found, &grader,
                                          task, trace, ROLLOUT_COMPLETED, line_graded, &out);
    int rc = job ? 0 : GRASP_EINVAL;
    if (job)
        grade_job_run(job);
    while (rc == 0 && !out.done)
        rc = loop_turn(g->s->loop, -1) < 0 ? GRASP_ESTOPPED : 0;
    grade_job_free(job);
    free(base);
    if (rc == 0 && !out.scored)
        rc = err_set(GRASP_EOUTAGE, "%s: %s", task->id, out.verdict.reason);
    if (rc < 0)
        return rc;
    bool correct = out.verdict.correct && trace->result;
    json_t *line = json_pack("{s:s, s:b, s:s}", "task_id", task->id, "correct", (int)correct,
                             "reason", trace->result ? out.verdict.reason : "no answer");
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
    g->n++;
    g->correct += correct;
    return 0;
}

static int grade_line(json_t *v, size_t number, void *arg)
{
    struct grading *g = arg;
    struct task own = {0};
    const struct task *task = &own;
    struct chat chat = {0};
    char where[64];
    snprintf(where, sizeof(where), "line %zu", number);
    const char *id = json_str_at(v, "task_id", NULL);
    json_t *object = json_object_get(v, "task");
    int rc;
    if (object)
        rc = task_from_json(&own, object, where, true);
    else if (id)
        rc = session_task(g->s, id, &task);
    else
        rc = err_set(GRASP_EPARSE, "needs a task or a task_id");
    if (rc == 0)
        rc = chat_from_json(&chat, json_object_get(v, "messages"));
    if (rc == 0) {
        struct trace trace = {&chat, json_str_at(v, "result", NULL)};
        rc = grade_one(g, task, &trace);
    }
    chat_release(&chat);
    task_release(&own);
    return rc < 0 ? err_prefix(rc, "line %zu", number) : 0;
}

static int run(const struct args *a)
{
    struct session s = {0};
    struct session_options o = {0};
    struct grading g = {.s = &s};
    int rc = session_options(a, &o);
    if (rc == 0)
        rc = session_open(&s, &o);
    if (rc == 0 && s.config->env.kind != ENV_FHIR)
        rc = err_set(GRASP_EINVAL, "grasp grade is for FHIR tasks; env.kind is exec");
    if (rc == 0) {
        g.store = env_fhir_store(s.env);
        g.found = json_object();
        rc = json_read_lines(arg_str(a, "file"), grade_line, &g);
        if (rc == 0 || g.n)
            log_info("%zu of %zu correct", g.correct, g.n);
    }
    json_decref(g.found);
    session_close(&s);
    free((void *)o.sets);
    return rc;
}

const struct command cmd_grade = {
    .name = "grade",
    .summary = "verdicts for recorded episodes",
    .operands = "CONFIG",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"file", 'f', "FILE", "episodes as JSON Lines; - is standard input", "-"},
            {"set", 0, "KEY=VALUE...", "override a configuration key", NULL},
            {0}},
    .details = "A line in: {\"task\": {...} or \"task_id\": \"task5_3\", \"messages\": [{role, "
               "content}], \"result\": text or null}.\nA line out, in order: {\"task_id\", "
               "\"correct\", \"reason\"}.",
    .run = run,
};
