/*
 * fhir.c - MedAgentBench's world: GET, POST and FINISH against a FHIR server, in process or
 * over HTTP, and its graders (spec/method.md, "Rollout").
 *
 * The agent sees the same bytes either way: compact JSON, or a one-line error with status and URL.
 * What graders read is searched once per query and kept: agents' writes never reach it.
 */
#include <stdlib.h>
#include <string.h>

#include "fhir/fhir.h"
#include "probes/graders/action.h"
#include "probes/graders/grader.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/config/config.h"
#include "runtime/env/agent_url.h"
#include "runtime/env/env.h"
#include "runtime/env/fhir.h"

struct env_fhir {
    struct env base;
    struct loop *loop;
    const struct config *config;
    struct grader_settings grader;
    struct fhir_store *store; /* NULL: over HTTP */
    json_t *api, *response_format;
    json_t *found; /* query -> array of resources; failed searches are not kept */
    int lost;      /* episodes in a row that the server did not answer */
};
enum { LOST_MOST = 3 }; /* then no further rollout is started and paid for */

struct fhir_episode {
    struct env_episode base;
    struct env_fhir *env;
    const struct task *task;
    struct fhir_overlay *overlay;
    struct buf url, action;
    int queries;
    env_step_fn fn; /* the step in flight, over HTTP */
    void *arg;
    uint64_t http, timer;
    size_t target; /* offset into url of what follows the base */
    int attempts;
    struct grade_job *job;
};

static struct fhir_episode *episode_of(struct env_episode *ep)
{
    return (struct fhir_episode *)ep;
}

/* ---- the world as the prompt shows it ---- */

static const char response_format_text[] = "Reply with exactly one action and nothing else. Either "
                                           "a search: GET url?param=value&... ; or a "
                                           "write: POST url, then a new line and the JSON payload; "
                                           "or, once every question is answered and "
                                           "every order placed: FINISH([answer1, answer2, ...]), a "
                                           "JSON list with the answers in the order "
                                           "asked, FINISH([]) when nothing was asked for.";

static void fhir_prompt(struct env_episode *base, env_prompt_fn fn, void *arg)
{
    const struct fhir_episode *ep = episode_of(base);
    const struct env_fhir *e = ep->env;
    const struct task *task = ep->task;
    char now[64];
    grader_now(task, &e->grader, now);
    json_t *context =
        json_sprintf("%s%sCurrent time: %s", task->context, *task->context ? "\n" : "", now);
    json_t *parts =
        json_pack("{s:O, s:O, s:s, s:o}", "api", e->api, "response_format", e->response_format,
                  "description", task->instruction, "context", context);
    fn(parts ? ROLLOUT_RUNNING : ROLLOUT_TASK_ERROR, parts,
       parts ? NULL : "the task has text that is not UTF-8", arg);
    json_decref(parts);
}

static int fhir_start(struct env *base, const struct task *task, struct env_episode **out)
{
    struct env_fhir *e = (struct env_fhir *)base;
    struct fhir_episode *ep = calloc(1, sizeof(*ep));
    *out = ep ? &ep->base : NULL;
    if (!ep)
        return err_oom();
    if (e->lost >= LOST_MOST) {
        free(ep);
        *out = NULL;
        return err_set(GRASP_EOUTAGE, "the FHIR server %s does not answer any more",
                       e->config->fhir_api_base);
    }
    ep->base.env = base;
    ep->env = e;
    ep->task = task;
    buf_init(&ep->url);
    buf_init(&ep->action);
    if (e->store && e->config->fhir.writes == FHIR_WRITES_APPLY)
        ep->overlay = fhir_overlay_new();
    return 0;
}

static void fhir_end(struct env_episode *base)
{
    struct fhir_episode *ep = episode_of(base);
    if (ep->http)
        http_cancel(ep->env->loop, ep->http);
    if (ep->timer)
        loop_timer_cancel(ep->env->loop, ep->timer);
    grade_job_free(ep->job);
    fhir_overlay_free(ep->overlay);
    buf_release(&ep->url);
    buf_release(&ep->action);
    free(ep);
}

/* ---- actions ---- */

static void observe(struct fhir_episode *ep, const char *text, size_t len, env_step_fn fn,
                    void *arg)
{
    struct env_step step = {ROLLOUT_RUNNING, text, len, ep->action.ptr, NULL};
    fn(&step, arg);
}

/* As the published environment words it: status and URL only, unless details are switched on. */
static void observe_failure(struct fhir_episode *ep, int status, const char *body, size_t len,
                            env_step_fn fn, void *arg)
{
    struct buf text = BUF_INIT;
    buf_addf(&text, "Error in sending the GET request: %d %s Error: for url: %s", status,
             status < 500 ? "Client" : "Server", ep->url.ptr);
    if (ep->env->config->fhir.error_detail) {
        json_t *outcome = json_loadb(body, len, 0, NULL);
        const char *details = json_str_at(outcome, "issue[0].diagnostics", NULL);
        if (details)
            buf_addf(&text, " (%s)", details);
        json_decref(outcome);
    }
    observe(ep, text.ptr, text.len, fn, arg);
    buf_release(&text);
}

static void observe_answer(struct fhir_episode *ep, int status, const char *body, size_t len,
                           env_step_fn fn, void *arg)
{
    if (status < 200 || status > 299) {
        observe_failure(ep, status, body, len, fn, arg);
        return;
    }
    struct buf text = BUF_INIT;
    json_compact(body, len, &text);
    observe(ep, text.ptr, text.len, fn, arg);
    buf_release(&text);
}

static void get_again(void *arg);

/* A server that is out of reach is asked again, a little later each time; then the rollout is
 * unscored (DESIGN.md D10). Any other status is an answer, and so is one that is too long to read:
 * an agent that could make its rollout unscored could dodge a verdict. */
static void get_answered(const struct http_reply *reply, void *arg)
{
    enum { ATTEMPTS = 5 };
    struct fhir_episode *ep = arg;
    int s = reply->status;
    ep->http = 0;
    if (reply->result == HTTP_OK && s != 429 && s != 502 && s != 503 && s != 504) {
        ep->env->lost = 0;
        observe_answer(ep, s, reply->body, reply->body_len, ep->fn, ep->arg);
        return;
    }
    if (reply->result == HTTP_TOO_LARGE) {
        static const char large[] =
            "Error in sending the GET request: the answer is too large, ask for less";
        ep->env->lost = 0;
        observe(ep, large, sizeof(large) - 1, ep->fn, ep->arg);
        return;
    }
    if (++ep->attempts < ATTEMPTS)
        ep->timer = loop_timer(ep->env->loop, (100 * NS_PER_MS) << ep->attempts, get_again, ep);
    if (!ep->timer) {
        char why[256], status[32];
        snprintf(status, sizeof(status), "status %d", s);
        snprintf(why, sizeof(why), "the FHIR server does not answer: %s",
                 reply->result == HTTP_OK ? status : reply->error);
        struct env_step step = {ROLLOUT_UNSCORED, NULL, 0, ep->action.ptr, why};
        ep->env->lost++;
        ep->fn(&step, ep->arg);
    }
}

static void get_again(void *arg)
{
    struct fhir_episode *ep = arg;
    ep->timer = 0;
    ep->http = fhir_remote_get(ep->env->loop, ep->env->config, ep->url.ptr + ep->target, true,
                               get_answered, ep);
    if (!ep->http) {
        struct env_step step = {ROLLOUT_UNSCORED, NULL, 0, ep->action.ptr, err_msg()};
        ep->fn(&step, ep->arg);
    }
}

static void get(struct fhir_episode *ep, const char *target, env_step_fn fn, void *arg)
{
    struct env_fhir *e = ep->env;
    struct buf whole = BUF_INIT;
    ep->queries++;
    if (!e->store) {
        ep->fn = fn;
        ep->arg = arg;
        ep->target = (size_t)(target - ep->url.ptr);
        ep->attempts = 0;
        get_again(ep);
        return;
    }
    buf_addf(&whole, "%s" AGENT_SUFFIX, target); /* as over HTTP: links show it */
    struct fhir_request rq = {
        .method = "GET", .target = whole.ptr, .overlay = ep->overlay, .agent_url = true};
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    if (buf_check(&whole) < 0 || fhir_handle(e->store, &rq, &rs) < 0) {
        struct env_step step = {ROLLOUT_TASK_ERROR, NULL, 0, ep->action.ptr, err_msg()};
        fn(&step, arg);
    } else {
        observe_answer(ep, rs.status, rs.body.ptr, rs.body.len, fn, arg);
    }
    fhir_response_release(&rs);
    buf_release(&whole);
}

/* The same refusals whether the URL is sent somewhere or answered in process. */
static const char *check_url(const struct config *c, const char *url, size_t len,
                             const char *suffix, const char **target)
{
    struct buf sent = BUF_INIT;
    const char *refused = agent_url_target(c->fhir_api_base, url, len, target);
    if (!refused)
        refused =
            agent_url_make(c->fhir_api_base, *target, (size_t)(url + len - *target), suffix, &sent);
    buf_release(&sent);
    return refused;
}

static void act_get(struct fhir_episode *ep, const char *text, size_t len, env_step_fn fn,
                    void *arg)
{
    const char *target;
    buf_reset(&ep->url);
    buf_add(&ep->url, text, len);
    buf_addf(&ep->action, "GET %s", ep->url.ptr);
    const char *refused = check_url(ep->env->config, text, len, AGENT_SUFFIX, &target);
    if (refused || ep->url.failed || strlen(ep->url.ptr) != len) {
        struct buf say = BUF_INIT;
        buf_addf(&say, "Error in sending the GET request: %s (%s...)",
                 refused ? refused : "the URL is malformed", ep->env->config->fhir_api_base);
        observe(ep, say.ptr, say.len, fn, arg);
        buf_release(&say);
        return;
    }
    get(ep, ep->url.ptr + (target - text), fn, arg);
}

static void act_post(struct fhir_episode *ep, const struct agent_action *a, env_step_fn fn,
                     void *arg)
{
    static const char accepted[] = "POST request accepted and recorded. Call FINISH once "
                                   "everything that was asked for is done.";
    const char *url = a->text, *payload = a->payload ? a->payload : "";
    size_t url_len = a->len, payload_len = a->payload_len;
    buf_addf(&ep->action, "POST %.*s ", (int)url_len, url);
    for (size_t i = 0; i < payload_len; i++)
        buf_addch(&ep->action, payload[i] == '\n' ? ' ' : payload[i]);
    if (!fhir_payload_parses(payload, payload_len)) {
        static const char invalid[] = "Invalid POST request";
        observe(ep, invalid, sizeof(invalid) - 1, fn, arg);
        return;
    }
    const char *target;
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    if (ep->overlay) {
        const char *refused = check_url(ep->env->config, url, url_len, "", &target);
        char *type = refused ? NULL : str_ndup(target, (size_t)(url + url_len - target));
        struct fhir_request rq = {.method = "POST",
                                  .target = type,
                                  .body = payload,
                                  .body_len = payload_len,
                                  .overlay = ep->overlay};
        if (!refused)
            fhir_handle(ep->env->store, &rq, &rs);
        free(type);
        if (refused || rs.status > 299) {
            struct buf say = BUF_INIT;
            buf_addf(&say, "Error in sending the POST request: %s",
                     refused           ? refused
                     : rs.status < 500 ? "400 Client Error"
                                       : "500 Server Error");
            observe(ep, say.ptr, say.len, fn, arg);
            buf_release(&say);
            fhir_response_release(&rs);
            return;
        }
    }
    fhir_response_release(&rs);
    observe(ep, accepted, sizeof(accepted) - 1, fn, arg);
}

static void fhir_step(struct env_episode *base, const char *reply, size_t len, env_step_fn fn,
                      void *arg)
{
    struct fhir_episode *ep = episode_of(base);
    struct buf clean = BUF_INIT;
    struct agent_action a;
    agent_action_read(&a, reply, len, &clean);
    struct env_step step = {ROLLOUT_INVALID_ACTION, NULL, 0, NULL, NULL};
    buf_reset(&ep->action);
    switch (a.verb) {
    case AGENT_GET:
        act_get(ep, a.text, a.len, fn, arg);
        break;
    case AGENT_POST:
        act_post(ep, &a, fn, arg);
        break;
    case AGENT_FINISH:
        buf_add(&ep->action, a.said, a.said_len);
        step = (struct env_step){ROLLOUT_COMPLETED, a.text, a.len, ep->action.ptr, NULL};
        fn(&step, arg);
        break;
    case AGENT_NONE:
        buf_addf(&ep->action, "(no action) %.*s", (int)utf8_cut(a.said, a.said_len, 120), a.said);
        step.action = ep->action.ptr;
        fn(&step, arg);
        break;
    }
    buf_release(&clean);
}

/* ---- grading ---- */

static void fhir_grade(struct env_episode *base, const struct trace *trace,
                       enum rollout_status status, env_grade_fn fn, void *arg)
{
    struct fhir_episode *ep = episode_of(base);
    struct env_fhir *e = ep->env;
    ep->job = grade_job_new(e->loop, e->config, e->store, e->found, &e->grader, ep->task, trace,
                            status, fn, arg);
    if (!ep->job) {
        struct verdict v = {0};
        snprintf(v.reason, sizeof(v.reason), "%s", err_msg());
        fn(&v, NULL, false, arg);
        return;
    }
    grade_job_run(ep->job);
}

/* ---- opening ---- */

static void fhir_env_close(struct env *base)
{
    struct env_fhir *e = (struct env_fhir *)base;
    json_decref(e->api);
    json_decref(e->response_format);
    json_decref(e->found);
    fhir_close(e->store);
    free(e);
}

static const struct env_ops fhir_ops = {fhir_start, fhir_prompt, fhir_step,
                                        fhir_grade, fhir_end,    fhir_env_close};

struct fhir_store *env_fhir_store(struct env *e)
{
    return ((struct env_fhir *)e)->store;
}

struct first_answer {
    bool done;
    enum http_result result;
    char error[200];
};

static void first_answered(const struct http_reply *reply, void *arg)
{
    struct first_answer *a = arg;
    a->done = true;
    a->result = reply->result;
    snprintf(a->error, sizeof(a->error), "%s", reply->error ? reply->error : "");
}

/* A server that is not there is found before a model is paid. Any status is an answer. */
static int reach_remote(const struct env_fhir *e)
{
    const struct config *c = e->config;
    struct first_answer a = {0};
    int rc = 0;
    if (c->fhir.writes == FHIR_WRITES_APPLY)
        return err_set(GRASP_EINVAL, "fhir.writes: apply needs the FHIR data in process: name it "
                                     "with fhir.load or fhir.store");
    uint64_t id = fhir_remote_get(e->loop, c, "metadata", false, first_answered, &a);
    if (!id)
        return err_prefix(GRASP_EINVAL, "task.fhir_api_base %s", c->fhir_api_base);
    while (rc == 0 && !a.done)
        rc = loop_turn(e->loop, -1) < 0 ? GRASP_ESTOPPED : 0;
    if (rc < 0)
        http_cancel(e->loop, id);
    else if (a.result != HTTP_OK && a.result != HTTP_TOO_LARGE)
        rc = err_set(GRASP_EOUTAGE,
                     "the FHIR server %s does not answer (%s); start it, set task.fhir_api_base, "
                     "or name data with fhir.load",
                     c->fhir_api_base, a.error);
    return rc;
}

static int open_store(struct env_fhir *e)
{
    const struct config *c = e->config;
    if (!c->fhir.store && !c->fhir.load)
        return reach_remote(e);
    struct fhir_options o = {.base_url = c->fhir_api_base,
                             .ignore_unknown_params = c->fhir.unknown_params == 1,
                             .read_only = false,
                             .no_sync = !c->fhir.store};
    int rc = fhir_open(&e->store, c->fhir.store, &o);
    struct fhir_load_report report = {0};
    size_t i;
    json_t *file;
    json_array_foreach (c->fhir.load, i, file) {
        if (rc == 0)
            rc = fhir_load_file(e->store, json_string_value(file), &report);
    }
    if (rc == 0 && report.bad)
        log_warn("%llu of %llu FHIR resources could not be loaded", (unsigned long long)report.bad,
                 (unsigned long long)(report.bad + report.loaded));
    if (rc == 0 && json_array_size(c->fhir.load) && report.loaded == 0)
        rc = err_set(GRASP_EINVAL, "fhir.load: there is no FHIR resource in what it names");
    return rc;
}

int env_open_fhir(struct env **out, struct loop *loop, const struct config *config)
{
    struct env_fhir *e = calloc(1, sizeof(*e));
    *out = NULL;
    if (!e)
        return err_oom();
    e->base.ops = &fhir_ops;
    e->loop = loop;
    e->config = config;
    e->found = json_object();
    config_grader(config, &e->grader);
    json_t *functions = NULL;
    int rc = 0;
    if (config->data.funcs)
        rc = json_read_file(&functions, config->data.funcs);
    if (rc == 0) {
        e->api = json_pack("{s:s, s:o}", "base_url", config->fhir_api_base, "functions",
                           functions ? functions : json_array());
        e->response_format = json_string(response_format_text);
        rc = open_store(e);
    }
    if (rc < 0)
        fhir_env_close(&e->base);
    else
        *out = &e->base;
    return rc;
}
