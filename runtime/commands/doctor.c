/* doctor.c - `grasp doctor`: checks everything a run needs, spends nothing. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "fhir/fhir.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/commands/session_args.h"
#include "runtime/commands/table.h"
#include "runtime/env/fhir.h"
#include "skills/prompt.h"

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
            say(d, MARK_FAIL, name, "%s", err_msg());
        else
            say(d, MARK_OK, name, "%zu tasks in %s", set->n, file);
    }
    if (c->env.kind == ENV_FHIR && !c->data.funcs)
        say(d, MARK_WARN, "data.funcs",
            "no function descriptions are named; the agent is told of none");
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

static int get(struct doctor *d, const char *url, const char *header, struct doctor_answer *a)
{
    const char *headers[] = {header, NULL};
    struct http_request rq = {
        .method = "GET", .url = url, .headers = headers, .timeout_ns = 15000 * NS_PER_MS};
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
    int rc = get(d, url.ptr, "Accept: application/fhir+json", &a);
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
            "%s does not exist; fill it with: grasp fhir load FILES --store %s", c->fhir.store,
            c->fhir.store);
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

static void check_listing(struct doctor *d, const char *check, const struct model_config *m,
                          const struct doctor_answer *a, const char *url)
{
    json_t *v = json_loadb(a->body.ptr, a->body.len, 0, NULL), *one;
    bool found = false;
    size_t i;
    json_array_foreach (json_object_get(v, "data"), i, one) {
        found |= strcmp(json_str_at(one, "id", ""), m->name) == 0;
    }
    if (a->status == 401 || a->status == 403)
        say(d, MARK_FAIL, check, "%s answers %d: is model.api_key right?", url, a->status);
    else if (a->status != 200)
        say(d, MARK_WARN, check, "%s answers %d; whether the model is there is not known", url,
            a->status);
    else if (!v)
        say(d, MARK_FAIL, check, "%s answers something that is no JSON: is model.base_url right?",
            url);
    else if (!found)
        say(d, MARK_FAIL, check, "%s does not list the model '%s'", url, m->name);
    else
        say(d, MARK_OK, check, "%s lists '%s'", url, m->name);
    json_decref(v);
}

static void check_model(struct doctor *d, bool writer)
{
    const struct config *c = d->s.config;
    const struct model_config *m = writer ? &c->writer : &c->model;
    const char *check = writer ? "writer" : "model";
    struct model *opened = NULL;
    if (config_model(c, writer, NULL, d->s.loop, &opened) < 0) {
        say(d, MARK_FAIL, check, "%s", err_msg());
        return;
    }
    if (!m->base_url || strcmp(m->kind, "simulated") == 0 || strcmp(m->kind, "replay") == 0) {
        say(d, MARK_OK, check, "%s", opened->label);
    } else {
        struct doctor_answer a;
        struct buf url = BUF_INIT, header = BUF_INIT;
        buf_addf(&url, "%s%smodels", m->base_url, str_ends(m->base_url, "/") ? "" : "/");
        if (m->query)
            buf_addf(&url, "?%s", m->query);
        if (m->api_key && *m->api_key) {
            const char *name = m->api_key_header ? m->api_key_header : "Authorization";
            buf_addf(&header, "%s: %s%s", name, str_caseeq(name, "Authorization") ? "Bearer " : "",
                     m->api_key);
        } else {
            buf_adds(&header, "Accept: application/json");
        }
        if (get(d, url.ptr, header.ptr, &a) < 0)
            say(d, MARK_FAIL, check, "%s", err_msg());
        else if (a.result != HTTP_OK)
            say(d, MARK_FAIL, check, "%s does not answer (%s)", url.ptr, a.error);
        else
            check_listing(d, check, m, &a, url.ptr);
        buf_release(&a.body);
        buf_release(&url);
        buf_release(&header);
    }
    model_close(opened);
}

/* ---- library, run directory, disk ---- */

static void check_library(struct doctor *d, const char *dir)
{
    struct library *lib = NULL;
    struct skill_set set = {0};
    if (!fs_exists(dir)) {
        say(d, MARK_OK, "library", "%s will be made", dir);
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
        say(d, MARK_OK, "run", "%s will be made", dir);
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

static void print(const struct doctor *d, bool as_json)
{
    size_t i;
    json_t *v;
    if (as_json) {
        json_dumpf(d->out, stdout, JSON_INDENT(2));
        putchar('\n');
        return;
    }
    json_array_foreach (d->out, i, v) {
        printf("%-8s %-13s %s\n", json_str_at(v, "result", ""), json_str_at(v, "check", ""),
               json_str_at(v, "detail", ""));
    }
}

static int run(const struct args *a)
{
    struct doctor d = {.out = json_array()};
    struct session_options o = {0};
    int rc = session_options(a, &o);
    if (rc == 0)
        rc = config_load(&d.s.config, o.config, o.sets, o.n_sets);
    if (rc == 0)
        rc = loop_open(&d.s.loop);
    if (rc == 0)
        rc = loop_signals(d.s.loop);
    if (rc < 0)
        goto out;
    const struct config *c = d.s.config;
    const char *library = arg_str(a, "library"), *run_dir = arg_str(a, "run");
    say(&d, MARK_OK, "configuration", "%s", c->path);
    check_tasks(&d);
    check_env(&d);
    check_model(&d, false);
    if (config_has_writer(c))
        check_model(&d, true);
    check_prompts(&d);
    check_library(&d, library ? library : c->library ? c->library : "library");
    check_run(&d, run_dir ? run_dir : c->run ? c->run : "run");
    print(&d, arg_flag(a, "json"));
    if (d.failed)
        rc = err_set(GRASP_EINVAL, "%d of %zu checks failed", d.failed, json_array_size(d.out));
out:
    session_close(&d.s);
    json_decref(d.out);
    free((void *)o.sets);
    return rc;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "check everything a run needs, spend nothing",
    .operands = "CONFIG",
    .min = 1,
    .max = 1,
    .options = (const struct option_def[]){{"library", 'l', "DIR", "the library of the run", NULL},
                                           {"run", 'r', "DIR", "the run's directory", NULL},
                                           {"set", 0, "KEY=VALUE...",
                                            "override a configuration key", NULL},
                                           {"json", 0, NULL, "the checks as JSON", NULL},
                                           {0}},
    .run = run,
};
