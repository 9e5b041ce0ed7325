/* doctor.c - `grasp doctor`: checks everything a run needs, spends nothing. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fhir/fhir.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/commands/doctor.h"
#include "runtime/commands/session_args.h"
#include "runtime/commands/table.h"
#include "runtime/env/fhir.h"
#include "runtime/model/key.h"
#include "runtime/model/said_model.h"
#include "skills/prompt.h"

#define KEY_TIMEOUT_NS (30 * NS_PER_SEC)

enum mark { MARK_OK, MARK_WARN, MARK_FAIL };

struct doctor {
    struct session s;
    json_t *out; /* [{check, result, detail}] */
    int failed;
};

__attribute__((format(printf, 4, 5))) static void say(struct doctor *d, enum mark mark,
                                                      const char *check, const char *fmt, ...)
{
    static const char *const names[] = {"ok", "warning", "failed"};
    char *detail = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&detail, fmt, ap) < 0)
        detail = NULL;
    va_end(ap);
    if (detail)
        log_redact(detail);
    json_array_append_new(d->out, json_pack("{s:s, s:s, s:s}", "check", check, "result",
                                            names[mark], "detail", detail ? detail : ""));
    d->failed += mark == MARK_FAIL;
    free(detail);
}

/* ---- task files ---- */

static void check_tasks(struct doctor *d)
{
    const struct config *c = d->s.config;
    for (int i = 0; i < SPLITS; i++) {
        const struct task_set *set;
        char name[32];
        const char *file = split_file(c, (enum split)i);
        snprintf(name, sizeof(name), "data.%s", split_name((enum split)i));
        if (!file)
            say(d, i <= SPLIT_VAL ? MARK_FAIL : MARK_WARN, name, "no task file is named%s",
                i <= SPLIT_VAL ? "; learning needs it" : "");
        else if (session_split(&d->s, (enum split)i, &set) < 0)
            say(d, MARK_FAIL, name, "%s",
                err_msg() + (str_starts(err_msg(), name) ? strcspn(err_msg(), " ") + 1 : 0));
        else
            say(d, MARK_OK, name, "%zu tasks in %s", set->n, file);
    }
    if (c->env.kind == ENV_FHIR && !c->data.funcs)
        say(d, MARK_WARN, "data.funcs",
            "no function descriptions are named; the agent is told of none");
    if (c->env.kind == ENV_FHIR && c->benchmark.version == BENCHMARK_V2 && !c->benchmark.today)
        say(d, MARK_WARN, "benchmark.today",
            "not set: tasks that ask for a day are graded against that of the run");
}

/* ---- HTTP, waited for ---- */

struct doctor_answer {
    bool done;
    enum http_result result;
    int status;
    struct buf body;
    char error[160];
};

static void answered(const struct http_reply *r, void *arg)
{
    struct doctor_answer *a = arg;
    a->done = true;
    a->result = r->result;
    a->status = r->status;
    buf_add(&a->body, r->body, r->body_len);
    snprintf(a->error, sizeof(a->error), "%s", r->error ? r->error : "");
}

static int fetch(struct doctor *d, const struct http_request *what, struct doctor_answer *a)
{
    struct http_request rq = *what;
    rq.method = "GET";
    rq.timeout_ns = 15 * NS_PER_SEC;
    *a = (struct doctor_answer){.body = BUF_INIT};
    if (!http_start(d->s.loop, &rq, answered, a))
        return GRASP_EIO;
    while (!a->done) {
        int rc = loop_turn(d->s.loop, -1);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- FHIR server ---- */

static void check_remote_fhir(struct doctor *d)
{
    struct doctor_answer a;
    struct buf url = BUF_INIT;
    buf_addf(&url, "%smetadata", d->s.config->fhir_api_base);
    const char *headers[] = {"Accept: application/fhir+json", NULL};
    int rc = fetch(d, &(struct http_request){.url = url.ptr, .headers = headers}, &a);
    json_t *v = rc == 0 ? json_loadb(a.body.ptr, a.body.len, 0, NULL) : NULL;
    if (rc < 0)
        say(d, MARK_FAIL, "FHIR server", "%s", err_msg());
    else if (a.result != HTTP_OK)
        say(d, MARK_FAIL, "FHIR server",
            "%s does not answer (%s); start it, or name fhir.store or fhir.load", url.ptr, a.error);
    else if (a.status != 200 ||
             strcmp(json_str_at(v, "resourceType", ""), "CapabilityStatement") != 0)
        say(d, MARK_FAIL, "FHIR server", "%s answers %d, and no CapabilityStatement", url.ptr,
            a.status);
    else
        say(d, MARK_OK, "FHIR server", "%s answers, FHIR %s", url.ptr,
            json_str_at(v, "fhirVersion", "?"));
    json_decref(v);
    buf_release(&a.body);
    buf_release(&url);
}

static void check_env(struct doctor *d)
{
    const struct config *c = d->s.config;
    if (c->env.kind == ENV_FHIR && !c->fhir.store && !c->fhir.load) {
        check_remote_fhir(d);
        return;
    }
    if (c->fhir.store && !fs_exists(c->fhir.store)) {
        say(d, MARK_FAIL, "FHIR store",
            "%s does not exist; fill it from a server: grasp fhir import %s --store %s, or from "
            "files: grasp fhir load FILES --store %s",
            c->fhir.store, c->fhir_api_base, c->fhir.store, c->fhir.store);
        return;
    }
    if (env_open(&d->s.env, d->s.loop, c) < 0) {
        say(d, MARK_FAIL, c->env.kind == ENV_EXEC ? "env.command" : "FHIR data", "%s", err_msg());
        return;
    }
    if (c->env.kind == ENV_EXEC) {
        say(d, MARK_OK, "env.command", "starts and says hello");
        return;
    }
    uint64_t n = fhir_count(env_fhir_store(d->s.env), NULL);
    say(d, n ? MARK_OK : MARK_FAIL, "FHIR data", "%llu resources, in process%s",
        (unsigned long long)n, n ? "" : "; load some");
}

/* ---- models ---- */

/* The names in a listing that are closest to the one that is not there. */
static void suggest(const json_t *list, const char *name, struct buf *out)
{
    enum { MOST = 3 };
    struct {
        const char *name;
        size_t distance;
    } best[MOST + 1];
    size_t n = 0, i;
    json_t *one;
    json_array_foreach (list, i, one) {
        const char *id = json_str_at(one, "id", json_str_at(one, "name", NULL));
        if (!id)
            continue;
        size_t d = strstr(id, name) || strstr(name, id) ? 0 : str_distance(id, name), at = n;
        while (at && best[at - 1].distance > d) {
            best[at] = best[at - 1];
            at--;
        }
        best[at].name = id;
        best[at].distance = d;
        n += n < MOST;
    }
    for (i = 0; i < n; i++)
        buf_addf(out, "%s'%s'", i ? ", " : "; there are ", best[i].name);
}

static void check_listing(struct doctor *d, const char *check, const struct model_config *m,
                          const struct doctor_answer *a, const char *url, bool keyed)
{
    json_t *v = json_loadb(a->body.ptr, a->body.len, 0, NULL), *one, *found = NULL;
    const json_t *list =
        json_object_get(v, "data") ? json_object_get(v, "data") : json_object_get(v, "models");
    struct buf more = BUF_INIT;
    size_t i;
    json_array_foreach (list, i, one)
        if (strcmp(json_str_at(one, "id", json_str_at(one, "name", "")), m->name) == 0)
            found = one;
    int64_t context = json_int_at(
        found, "max_model_len",
        json_int_at(found, "context_length", json_int_at(found, "meta.n_ctx_train", 0)));
    if (context)
        buf_addf(&more, ", context of %lld tokens", (long long)context);
    else if (!found)
        suggest(list, m->name, &more);
    if ((a->status == 401 || a->status == 403) && !keyed)
        say(d, MARK_FAIL, check,
            "%s answers %d, and no key was sent: set model.api_key, or the variable of the "
            "environment "
            "that it names",
            url, a->status);
    else if (a->status == 401 || a->status == 403)
        say(d, MARK_FAIL, check, "%s answers %d: is model.api_key right?", url, a->status);
    else if (a->status != 200)
        say(d, MARK_WARN, check,
            "%s answers %d; whether the model is there is not known (--ask asks)", url, a->status);
    else if (!v)
        say(d, MARK_FAIL, check, "%s answers something that is no JSON: is model.base_url right?",
            url);
    else if (!found)
        say(d, MARK_FAIL, check, "%s does not list the model '%s'%s", url, m->name, more.ptr);
    else
        say(d, MARK_OK, check, "%s lists '%s'%s", url, m->name, more.ptr);
    buf_release(&more);
    json_decref(v);
}

/* "https://host/v1/models?query", whatever path of the API the base URL ends in. */
static void models_url(const struct model_config *m, const char *base, struct buf *url)
{
    static const char *const paths[] = {"/chat/completions", "/responses", "/messages"};
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        size_t len = strlen(paths[i]);
        if (n > len && strncmp(base + n - len, paths[i], len) == 0)
            n -= len;
    }
    buf_add(url, base, n);
    buf_addf(url, "/models%s%s", m->query ? "?" : "", m->query ? m->query : "");
}

static int add_headers(const struct model_config *m, const char *key, struct strlist *out)
{
    bool anthropic = strcmp(m->kind, "anthropic") == 0;
    const char *name = m->api_key_header ? m->api_key_header
                       : anthropic       ? "x-api-key"
                                         : "Authorization";
    char *read = NULL;
    json_t *v;
    const char *header;
    int rc = strlist_add(out, "Accept: application/json");
    if (rc == 0 && !key && (m->api_key_file || m->api_key_command))
        rc = key_read(m->api_key_file, m->api_key_command, KEY_TIMEOUT_NS, &read);
    key = key ? key : read;
    if (rc == 0 && key && *key)
        rc = strlist_addf(out, "%s: %s%s", name, str_caseeq(name, "Authorization") ? "Bearer " : "",
                          key);
    if (rc == 0 && anthropic)
        rc = strlist_add(out, "anthropic-version: 2023-06-01");
    json_object_foreach (m->headers, header, v)
        if (rc == 0 && json_is_string(v))
            rc = strlist_addf(out, "%s: %s", header, json_string_value(v));
    free(read);
    return rc;
}

static void check_endpoint(struct doctor *d, const char *check, const struct model_config *m,
                           const char *base, const char *key)
{
    struct doctor_answer a = {.body = BUF_INIT};
    struct buf url = BUF_INIT;
    struct strlist headers = {0};
    int rc = add_headers(m, key, &headers);
    const char **lines = calloc(headers.n + 1, sizeof(*lines));
    for (size_t i = 0; lines && i < headers.n; i++)
        lines[i] = headers.v[i];
    models_url(m, base, &url);
    struct http_request rq = {.url = url.ptr,
                              .headers = lines,
                              .unix_socket = m->unix_socket,
                              .client_cert = m->client_cert,
                              .client_key = m->client_key};
    if (rc == 0)
        rc = lines ? fetch(d, &rq, &a) : err_oom();
    if (rc < 0)
        say(d, MARK_FAIL, check, "%s", err_msg());
    else if (a.result != HTTP_OK)
        say(d, MARK_FAIL, check, "%s does not answer (%s)", url.ptr, a.error);
    else
        check_listing(d, check, m, &a, url.ptr,
                      (key && *key) || m->api_key_file || m->api_key_command);
    buf_release(&a.body);
    buf_release(&url);
    strlist_release(&headers);
    free(lines);
}

/* ---- one call of a few tokens ---- */

struct doctor_call {
    struct doctor *d;
    const char *check;
    bool done, told; /* told: of no interest but for its text */
    char *text;      /* NULL: there is none */
};

static void asked(const struct model_reply *r, void *arg)
{
    struct doctor_call *c = arg;
    const struct model_usage *u = &r->usage;
    c->done = true;
    if (c->told) {
        free(c->text);
        c->text = r->result == MODEL_OK && r->kind == SAID_TEXT ? str_ndup(r->text, r->len) : NULL;
        return;
    }
    if (r->result != MODEL_OK) {
        say(c->d, MARK_FAIL, c->check, "a call: %s", r->error);
        return;
    }
    say(c->d, r->kind == SAID_TEXT ? MARK_OK : MARK_WARN, c->check,
        "a call: %s%s in %.1f s; %s %lld + %lld tokens%s%s",
        r->kind == SAID_TEXT ? "answered" : said_kind_name(r->kind),
        r->kind == SAID_CUT ? " (thinking used all of its few tokens)" : "",
        (double)r->latency_ns / 1e9, u->estimated ? "tells no usage, perhaps" : "took",
        (long long)u->prompt_tokens, (long long)u->completion_tokens,
        r->thinking_len ? ", thinks" : "", u->cost > 0 ? ", tells the cost" : "");
}

static void ask_once(struct doctor_call *c, struct model *front, const char *text,
                     double temperature, int64_t draw)
{
    enum { FEW_TOKENS = 64 };
    struct chat chat = {0};
    int rc = chat_add(&chat, CHAT_USER, text, strlen(text));
    struct model_request rq = {.chat = &chat,
                               .temperature = temperature,
                               .max_tokens = FEW_TOKENS,
                               .draw = draw,
                               .phase = PHASE_OTHER};
    c->done = false;
    if (rc == 0)
        rc = model_ask(front, &rq, asked, c);
    while (rc >= 0 && !c->done)
        rc = loop_turn(c->d->s.loop, -1);
    if (rc < 0)
        say(c->d, MARK_FAIL, c->check, "%s", err_msg());
    chat_release(&chat);
}

/* The K proposals of an update are K samples; at temperature 0 an endpoint may know only one. */
static void check_draws(struct doctor *d, const char *check, struct model *front)
{
    enum { DRAWS = 3 };
    static const char text[] = "Reply with five words that come to your mind, whichever they are.";
    const struct config *c = d->s.config;
    double t = c->cycle.proposal_temperature;
    char *first = NULL;
    int alike = 0;
    if (c->cycle.grpo_k < 2 || (t < 0 ? c->writer.temperature : t) > 0)
        return;
    for (int i = 0; i < DRAWS; i++) {
        struct doctor_call call = {.d = d, .check = check, .told = true};
        ask_once(&call, front, text, 0, i + 1);
        if (call.text && !first)
            first = str_dup(call.text);
        alike += call.text && str_same(first, call.text);
        free(call.text);
    }
    if (alike == DRAWS)
        say(d, MARK_WARN, check,
            "%d independent calls at temperature 0 were answered all alike: the %lld proposals of "
            "an update will be one where their prompts are equal (cycle.proposal_temperature)",
            DRAWS, (long long)c->cycle.grpo_k);
    else
        say(d, MARK_OK, check, "independent calls at temperature 0 are answered differently");
    free(first);
}

/* With the run's own temperature and a max_tokens: whether they are taken. `proposes`: it is the
 * writer as well. */
static void check_calls(struct doctor *d, const char *check, const struct model_config *m,
                        struct model *backend, bool proposes)
{
    struct doctor_call c = {.d = d, .check = check};
    struct model *front = NULL;
    if (said_model(&front, backend, m->thinking == THINKING_KEEP) < 0)
        say(d, MARK_FAIL, check, "%s", err_msg());
    else
        ask_once(&c, front, "Reply with the one word OK.", m->temperature, 0);
    if (front && proposes)
        check_draws(d, check, front);
    model_close(front);
}

static void check_model(struct doctor *d, bool writer, bool ask)
{
    const struct config *c = d->s.config;
    const struct model_config *m = writer ? &c->writer : &c->model;
    const char *check = writer ? "writer" : "model";
    bool remote = (m->base_url || m->endpoints) && strcmp(m->kind, "simulated") != 0 &&
                  strcmp(m->kind, "replay") != 0;
    struct model *opened = NULL;
    size_t i;
    json_t *e;
    if (config_model(c, writer, NULL, d->s.loop, &opened) < 0) {
        say(d, MARK_FAIL, check, "%s", err_msg());
        return;
    }
    if (!remote)
        say(d, MARK_OK, check, "%s", opened->label);
    else if (!m->endpoints)
        check_endpoint(d, check, m, m->base_url, m->api_key);
    json_array_foreach (remote ? m->endpoints : NULL, i, e)
        check_endpoint(d, check, m,
                       json_is_string(e) ? json_string_value(e) : json_str_at(e, "base_url", ""),
                       json_str_at(e, "api_key", m->api_key));
    if (remote && ask)
        check_calls(d, check, m, opened, writer || !config_has_writer(c));
    model_close(opened);
}

/* ---- library, run directory, disk ---- */

/* Whether a directory that is not there yet can be made: the nearest one above it decides. */
static void say_to_be_made(struct doctor *d, const char *check, const char *dir)
{
    char *above = str_dup(dir);
    while (above && !fs_exists(above)) {
        char *next = fs_dirname(above);
        free(above);
        above = next;
    }
    if (above && access(above, W_OK | X_OK) != 0)
        say(d, MARK_FAIL, check, "%s cannot be made: %s is not writable", dir, above);
    else
        say(d, MARK_OK, check, "%s will be made", dir);
    free(above);
}

static void check_library(struct doctor *d, const char *dir)
{
    struct library *lib = NULL;
    struct skill_set set = {0};
    if (!fs_exists(dir)) {
        say_to_be_made(d, "library", dir);
        return;
    }
    int rc = library_open(&lib, dir, LIBRARY_WRITE);
    if (rc == 0)
        rc = library_read(lib, "HEAD", &set);
    if (rc < 0)
        say(d, MARK_FAIL, "library", "%s", err_msg());
    else
        say(d, MARK_OK, "library", "%s: %zu skills on branch %s, clean, not in use", dir, set.n,
            library_branch(lib));
    skill_set_release(&set);
    library_close(lib);
}

static void check_run(struct doctor *d, const char *dir)
{
    enum { LEAST_MIB = 512 };
    char *config = fs_join(dir, "config.yaml"), *parent = fs_dirname(dir);
    const char *there = fs_exists(dir) ? dir : parent;
    struct statvfs fs;
    if (config && fs_exists(config)) {
        if (config_same_run(d->s.config, config) < 0)
            say(d, MARK_FAIL, "run", "%s", err_msg());
        else
            say(d, MARK_OK, "run", "%s will be gone on with", dir);
    } else {
        say_to_be_made(d, "run", dir);
    }
    if (statvfs(there, &fs) < 0) {
        say(d, MARK_FAIL, "disk", "%s does not exist", there);
    } else {
        unsigned long long mib = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
        say(d, mib < LEAST_MIB ? MARK_WARN : MARK_OK, "disk", "%llu MiB free at %s", mib, there);
    }
    free(config);
    free(parent);
}

static void check_prompts(struct doctor *d)
{
    struct prompts *p = NULL;
    const char *dir = d->s.config->prompt.dir;
    if (prompts_open(&p, dir) < 0)
        say(d, MARK_FAIL, "prompts", "%s", err_msg());
    else
        say(d, MARK_OK, "prompts", "%s", dir ? dir : "compiled in");
    prompts_close(p);
}

void doctor_print(const json_t *checks)
{
    size_t i;
    json_t *v;
    json_array_foreach (checks, i, v) {
        printf("%-8s %-13s %s\n", json_str_at(v, "result", ""), json_str_at(v, "check", ""),
               json_str_at(v, "detail", ""));
    }
}

int doctor_checks(const struct doctor_options *o, json_t *out, int *failed)
{
    struct doctor d = {.out = out};
    int rc = config_load(&d.s.config, o->config, o->sets, o->n_sets);
    if (rc == 0)
        rc = loop_open(&d.s.loop);
    if (rc == 0)
        rc = loop_signals(d.s.loop);
    if (rc < 0)
        goto out;
    const struct config *c = d.s.config;
    say(&d, MARK_OK, "configuration", "%s", c->path);
    check_tasks(&d);
    check_env(&d);
    check_model(&d, false, o->ask);
    if (config_has_writer(c))
        check_model(&d, true, o->ask);
    check_prompts(&d);
    check_library(&d, o->library ? o->library : c->library ? c->library : "library");
    check_run(&d, o->run ? o->run : c->run ? c->run : "run");
out:
    *failed = d.failed;
    session_close(&d.s);
    return rc;
}

static int run(const struct args *a)
{
    struct session_options o = {0};
    json_t *checks = json_array();
    int failed, rc = session_options(a, &o);
    if (rc < 0)
        goto out;
    const struct doctor_options what = {.config = o.config,
                                        .sets = o.sets,
                                        .n_sets = o.n_sets,
                                        .library = arg_str(a, "library"),
                                        .run = arg_str(a, "run"),
                                        .ask = arg_flag(a, "ask")};
    if ((rc = doctor_checks(&what, checks, &failed)) < 0)
        goto out;
    if (arg_flag(a, "json")) {
        json_dumpf(checks, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        doctor_print(checks);
    }
    if (failed)
        rc = err_set(GRASP_EINVAL, "%d of %zu checks failed", failed, json_array_size(checks));
out:
    json_decref(checks);
    free((void *)o.sets);
    return rc;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "check everything a run needs, spend nothing",
    .operands = "CONFIG",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"library", 'l', "DIR", "the library of the run", NULL},
            {"run", 'r', "DIR", "the run's directory", NULL},
            {"set", 0, "KEY=VALUE...", "override a configuration key", NULL},
            {"ask", 0, NULL, "also ask each model a question or two of a few tokens", NULL},
            {"json", 0, NULL, "the checks as JSON", NULL},
            {0}},
    .run = run,
};
