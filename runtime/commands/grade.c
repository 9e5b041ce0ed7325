/*
 * grade.c - `grasp grade`: verdicts for recorded episodes, without running an agent.
 * What rows may look like is told by probes/graders/recorded.h.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/graders/recorded.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/traces.h"
#include "runtime/commands/table.h"
#include "runtime/env/fhir.h"
#include "runtime/commands/session_args.h"

struct grade_run {
    struct session *s;
    char *base; /* --base; may be NULL */
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

/* The base that the conversation names, else the option's, else the configuration's. */
static const char *choose_base(const struct grade_run *g, const struct recorded *r,
                               struct grader_settings *grader)
{
    if (r->base)
        grader->base = r->base;
    else if (g->base)
        grader->base = g->base;
    return r->base ? "conversation" : g->base ? "option" : "configuration";
}

static void print_verdict(const struct task *task, const struct verdict *v, const char *result,
                          const char *base, const char *base_from)
{
    json_t *line = json_pack("{s:s, s:b, s:s, s:o, s:s, s:s}", "task_id", task->id, "correct",
                             (int)v->correct, "reason", result ? v->reason : "no answer", "reasons",
                             verdict_reasons(v), "base", base, "base_from", base_from);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

static int grade_one(struct grade_run *g, const struct task *task, const struct recorded *r)
{
    struct grader_settings grader;
    struct line_verdict out = {0};
    struct trace trace = {&r->chat, r->result};
    config_grader(g->s->config, &grader);
    const char *base_from = choose_base(g, r, &grader);
    struct grade_job *job = grade_job_new(g->s->loop, g->s->config, g->store, g->found, &grader,
                                          task, &trace, ROLLOUT_COMPLETED, line_graded, &out);
    int rc = job ? 0 : GRASP_EINVAL;
    if (job)
        grade_job_run(job);
    while (rc == 0 && !out.done)
        rc = loop_turn(g->s->loop, -1) < 0 ? GRASP_ESTOPPED : 0;
    grade_job_free(job);
    if (rc == 0 && !out.scored)
        rc = err_set(GRASP_EOUTAGE, "%s: %s", task->id, out.verdict.reason);
    if (rc < 0)
        return rc;
    print_verdict(task, &out.verdict, r->result, grader.base, base_from);
    g->n++;
    g->correct += out.verdict.correct;
    return 0;
}

/* The task of a row: as given there, by its id, or by its place in the file of all tasks. */
static int find_task(struct grade_run *g, const struct recorded *r, const char *where,
                     struct task *own, const struct task **task)
{
    const struct task_set *all;
    int rc;
    *task = own;
    if (r->task)
        return task_from_json(own, (json_t *)r->task, where, true);
    if (r->task_id)
        return session_task(g->s, r->task_id, task);
    if (!g->s->config->data.full)
        return err_set(GRASP_EINVAL, "names its task by its place alone: set data.full to the file "
                                     "of all tasks that the run was made with");
    if ((rc = session_split(g->s, SPLIT_FULL, &all)) < 0)
        return rc;
    if ((uint64_t)r->index >= all->n)
        return err_set(GRASP_EINVAL, "'index' is %lld, and %s has %zu tasks", (long long)r->index,
                       g->s->config->data.full, all->n);
    *task = &all->v[r->index];
    return 0;
}

static int grade_row(struct grade_run *g, const json_t *row, const char *where)
{
    struct recorded r;
    struct task own = {0};
    const struct task *task;
    int rc = recorded_read(&r, row);
    if (rc == 0)
        rc = find_task(g, &r, where, &own, &task);
    if (rc == 0)
        rc = grade_one(g, task, &r);
    recorded_release(&r);
    task_release(&own);
    return rc < 0 ? err_prefix(rc, "%s", where) : 0;
}

/* A line is a row; one that holds a whole document has several. */
static int grade_value(struct grade_run *g, const json_t *v, const char *kind, size_t number)
{
    const json_t *rows = recorded_rows(v), *row;
    char where[64];
    size_t i;
    int rc = 0;
    if (!rows) {
        snprintf(where, sizeof(where), "%s %zu", kind, number);
        return grade_row(g, v, where);
    }
    json_array_foreach (rows, i, row) {
        snprintf(where, sizeof(where), "row %zu", i + 1);
        if (rc == 0)
            rc = grade_row(g, row, where);
    }
    return rc;
}

static int grade_lines(struct grade_run *g, const char *name, const struct buf *text)
{
    const char *p = text->ptr, *end = p + text->len;
    int rc = 0;
    for (size_t number = 1; rc == 0 && p < end; number++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((eol ? eol : end) - p), blank = 0;
        char where[512];
        json_t *v = NULL;
        while (blank < len && ascii_isspace(p[blank]))
            blank++;
        snprintf(where, sizeof(where), "%s:%zu", name, number);
        if (blank < len && (rc = json_parse(&v, p, len, where)) == 0)
            rc = grade_value(g, v, "line", number);
        json_decref(v);
        p += len + 1;
    }
    return rc;
}

/* A text over several lines may be one document, as overall.json is. */
static int grade_file(struct grade_run *g, const char *path)
{
    struct buf text = BUF_INIT;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    json_t *whole = NULL;
    int rc = trace_whole(path, &text);
    if (rc == 0)
        whole = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, NULL);
    if (whole)
        rc = grade_value(g, whole, "line", 1);
    else if (rc == 0)
        rc = grade_lines(g, name, &text);
    json_decref(whole);
    buf_release(&text);
    return rc;
}

/* "http://host/fhir" with the slash that graders expect; a new text. */
static int read_base(const char *url, char **out)
{
    struct buf b = BUF_INIT;
    if (!str_starts(url, "http://") && !str_starts(url, "https://"))
        return err_set(GRASP_EUSAGE, "--base '%s' is no http:// or https:// URL", url);
    buf_addf(&b, "%s%s", url, str_ends(url, "/") ? "" : "/");
    int rc = buf_check(&b);
    *out = buf_detach(&b);
    return rc;
}

static int run(const struct args *a)
{
    struct session s = {0};
    struct session_options o = {0};
    struct grade_run g = {.s = &s};
    const char *base = arg_str(a, "base");
    int rc = session_options(a, &o);
    if (rc == 0 && base)
        rc = read_base(base, &g.base);
    o.no_journal = true; /* no model is asked */
    if (rc == 0)
        rc = session_open(&s, &o);
    if (rc == 0 && s.config->env.kind != ENV_FHIR)
        rc = err_set(GRASP_EINVAL, "grasp grade is for FHIR tasks; env.kind is exec");
    if (rc == 0) {
        g.store = env_fhir_store(s.env);
        g.found = json_object();
        rc = grade_file(&g, arg_str(a, "file"));
        if (rc == 0 || g.n)
            log_info("%zu of %zu correct", g.correct, g.n);
    }
    json_decref(g.found);
    free(g.base);
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
            {"file", 'f', "FILE", "episodes, one a line or one document; - is standard input", "-"},
            {"base", 0, "URL", "FHIR base of conversations that name none", NULL},
            {"set", 0, "KEY=VALUE...", "override a configuration key", NULL},
            {0}},
    .details =
        "A row in: {\"task\": {...} or \"task_id\": \"task5_3\", \"messages\": [{role, content}],\n"
        "\"result\": text, list or number}; without a result it is what the last message hands to\n"
        "FINISH. Our own runs are read so (with or without .zst), and the benchmark's runs.jsonl "
        "and overall.json "
        "(\"index\",\n"
        "\"output\": {\"result\", \"history\"}; the place is one in data.full).\n"
        "A line out, in order: {\"task_id\", \"correct\", \"reason\", \"reasons\": all of them, "
        "\"base\",\n"
        "\"base_from\": conversation, option or configuration}. The base is what the conversation "
        "calls\n"
        "the api_base (or api.base_url in a JSON prompt), else --base, else task.fhir_api_base.",
    .run = run,
};
