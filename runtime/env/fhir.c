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
#include "runtime/env/fhir_texts.h"

struct env_fhir {
    struct env base;
    struct loop *loop;
    const struct config *config;
    struct grader_settings grader;
    struct fhir_store *store; /* NULL: over HTTP */
    struct fhir_texts *texts;
    json_t *api, *response_format, *fields; /* fields NULL: of our names */
    struct buf functions, given;            /* as JSON, {api_base} filled in and not */
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
    int queries, steps;
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

static struct fhir_value value(const char *name, const char *text)
{
    return (struct fhir_value){name, text, strlen(text)};
}

/* The context with the time, where the context itself does not say it. */
static void add_context(const struct env_fhir *e, const struct task *task, const char *now,
                        struct buf *out)
{
    const struct fhir_value v[] = {value("now", now), {0}};
    struct buf line = BUF_INIT;
    buf_adds(out, task->context);
    if (!strstr(task->context, now))
        fhir_texts_add(e->texts, TEXT_TIME, v, &line);
    if (line.len)
        buf_addf(out, "%s%s", out->len ? "\n" : "", line.ptr);
    out->failed |= line.failed;
    buf_release(&line);
}

/* A user's first message in two pieces, what stands before the skills and what behind. */
static json_t *whole_message(const struct env_fhir *e, const struct task *task, const char *now,
                             const char *context)
{
    static const char skills[] = "{skills}";
    const char *text = fhir_texts_get(e->texts, TEXT_FIRST), *at = strstr(text, skills);
    const char *behind = at + sizeof(skills) - 1;
    char rounds[24];
    snprintf(rounds, sizeof(rounds), "%lld", (long long)e->config->cycle.max_rounds);
    const struct fhir_value v[] = {value("api_base", e->config->fhir_api_base),
                                   {"functions", e->functions.ptr, e->functions.len},
                                   {"functions_given", e->given.ptr, e->given.len},
                                   value("response_format", json_string_value(e->response_format)),
                                   value("instruction", task->instruction),
                                   value("context", context),
                                   value("now", now),
                                   value("max_rounds", rounds),
                                   {0}};
    struct buf before = BUF_INIT, after = BUF_INIT;
    fhir_text_fill(text, (size_t)(at - text), v, &before);
    fhir_text_fill(behind, strlen(behind), v, &after);
    json_t *parts = before.failed || after.failed
                        ? NULL
                        : json_pack("{s:s%, s:s%}", "before_skills", before.ptr, before.len,
                                    "after_skills", after.ptr, after.len);
    buf_release(&before);
    buf_release(&after);
    return parts;
}

static void fhir_prompt(struct env_episode *base, env_prompt_fn fn, void *arg)
{
    const struct fhir_episode *ep = episode_of(base);
    const struct env_fhir *e = ep->env;
    const struct task *task = ep->task;
    struct buf context = BUF_INIT;
    char now[64];
    json_t *parts = NULL;
    grader_now(task, &e->grader, now);
    add_context(e, task, now, &context);
    if (!context.failed && fhir_texts_get(e->texts, TEXT_FIRST))
        parts = whole_message(e, task, now, context.ptr);
    else if (!context.failed)
        parts = json_pack("{s:O, s:O, s:s, s:s%, s:O*}", "api", e->api, "response_format",
                          e->response_format, "description", task->instruction, "context",
                          context.ptr, context.len, "fields", e->fields);
    buf_release(&context);
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

/* Every answer to an action goes this way: a text with its values, and the reminder. */
static void observe(struct fhir_episode *ep, enum fhir_text which, struct fhir_value *v,
                    env_step_fn fn, void *arg)
{
    const struct fhir_texts *texts = ep->env->texts;
    char left[24], rounds[24];
    int64_t most = ep->env->config->cycle.max_rounds;
    struct buf text = BUF_INIT, reminder = BUF_INIT;
    snprintf(left, sizeof(left), "%lld", (long long)(most > ep->steps ? most - ep->steps : 0));
    snprintf(rounds, sizeof(rounds), "%lld", (long long)most);
    struct fhir_value *end = v;
    while (end->name)
        end++;
    *end++ = value("left", left); /* callers leave room for these */
    *end++ = value("max_rounds", rounds);
    *end = (struct fhir_value){0};
    fhir_texts_add(texts, which, v, &text);
    fhir_texts_add(texts, TEXT_REMINDER, v, &reminder);
    if (reminder.len)
        buf_addf(&text, "\n%s", reminder.ptr);
    struct env_step step = {
        .status = ROLLOUT_RUNNING, .text = text.ptr, .len = text.len, .action = ep->action.ptr};
    if (buf_check(&text) < 0)
        step = (struct env_step){
            .status = ROLLOUT_TASK_ERROR, .action = ep->action.ptr, .error = err_msg()};
    fn(&step, arg);
    buf_release(&text);
    buf_release(&reminder);
}

static void observe_why(struct fhir_episode *ep, enum fhir_text which, const char *why,
                        env_step_fn fn, void *arg)
{
    struct fhir_value v[6] = {value("why", why), value("api_base", ep->env->config->fhir_api_base)};
    observe(ep, which, v, fn, arg);
}

/* " (what the server said of it)", one line; nothing where details are switched off. */
static void add_detail(const struct fhir_episode *ep, const char *body, size_t len, struct buf *out)
{
    enum { MOST = 600 };
    if (!ep->env->config->fhir.error_detail)
        return;
    json_t *outcome = json_loadb(body, len, 0, NULL);
    const char *said = json_str_at(outcome, "issue[0].diagnostics", NULL);
    if (!said)
        said = json_str_at(outcome, "issue[0].details.text", NULL);
    if (said && *said) {
        buf_adds(out, " (");
        size_t start = out->len;
        buf_add(out, said, utf8_cut(said, strlen(said), MOST));
        for (char *p = out->failed ? NULL : out->ptr + start; p && *p; p++)
            *p = (unsigned char)*p < ' ' ? ' ' : *p;
        buf_adds(out, ")");
    }
    json_decref(outcome);
}

static void observe_failure(struct fhir_episode *ep, int status, const char *body, size_t len,
                            env_step_fn fn, void *arg)
{
    struct buf detail = BUF_INIT;
    char code[16];
    snprintf(code, sizeof(code), "%d", status);
    add_detail(ep, body, len, &detail);
    struct fhir_value v[8] = {value("status", code),
                              value("side", status < 500 ? "Client" : "Server"),
                              value("url", ep->url.ptr),
                              {"detail", detail.ptr, detail.len}};
    observe(ep, TEXT_ERROR, v, fn, arg);
    buf_release(&detail);
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
    struct fhir_value v[8] = {
        {"answer", text.ptr, text.len}, {"answer_given", body, len}, value("url", ep->url.ptr)};
    observe(ep, TEXT_ANSWER, v, fn, arg);
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
        ep->env->lost = 0;
        observe_why(ep, TEXT_REFUSED, "the answer is too large, ask for less", ep->fn, ep->arg);
        return;
    }
    if (++ep->attempts < ATTEMPTS)
        ep->timer = loop_timer(ep->env->loop, (100 * NS_PER_MS) << ep->attempts, get_again, ep);
    if (!ep->timer) {
        char why[256], status[32];
        snprintf(status, sizeof(status), "status %d", s);
        snprintf(why, sizeof(why), "the FHIR server does not answer: %s",
                 reply->result == HTTP_OK ? status : reply->error);
        struct env_step step = {.status = ROLLOUT_UNSCORED, .action = ep->action.ptr, .error = why};
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
        struct env_step step = {
            .status = ROLLOUT_UNSCORED, .action = ep->action.ptr, .error = err_msg()};
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
    int rc = buf_check(&whole);
    if (rc == 0)
        rc = fhir_handle(e->store, &rq, &rs);
    if (rc < 0) {
        /* a store that cannot be read is nobody's wrong answer */
        struct env_step step = {.status = rc == GRASP_EIO ? ROLLOUT_UNSCORED : ROLLOUT_TASK_ERROR,
                                .action = ep->action.ptr,
                                .error = err_msg()};
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

/* What a URL or payload of the agent's has no place for, said in `why`; nothing where answers are
 * the benchmark's (fhir.error_detail: false), which takes a URL as it comes. */
static bool misses_values(const struct fhir_episode *ep, const char *url, size_t len,
                          struct buf *why)
{
    if (!ep->env->config->fhir.error_detail)
        return false;
    for (const char *p = url, *end = url + len; p < end; p++) {
        char close = *p == '{' ? '}' : '>';
        size_t n = 1;
        if (*p != '{' && *p != '<')
            continue;
        while (p + n < end && (ascii_isalnum(p[n]) || p[n] == '_' || p[n] == '-'))
            n++;
        if (n == 1 || p + n == end || p[n] != close)
            continue;
        buf_addf(why, "%.*s is a placeholder, put its value there", (int)n + 1, p);
        return true;
    }
    return false;
}

/* A further action below the first one. */
static bool holds_second(const struct fhir_episode *ep, const char *text, size_t len,
                         struct buf *why)
{
    static const char *const verbs[] = {"GET ", "POST ", "FINISH("};
    const char *end = text + len;
    if (!ep->env->config->fhir.error_detail)
        return false;
    for (const char *p = text; p && p < end; p = memchr(p, '\n', (size_t)(end - p))) {
        p += *p == '\n';
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
            size_t n = strlen(verbs[i]);
            if ((size_t)(end - p) < n || memcmp(p, verbs[i], n) != 0)
                continue;
            const char *eol = memchr(p, '\n', (size_t)(end - p));
            buf_addf(why,
                     "a second action stands below it (%.*s), and one is taken at a time: send "
                     "one alone",
                     (int)utf8_cut(p, (size_t)((eol ? eol : end) - p), 80), p);
            return true;
        }
    }
    return false;
}

static void act_get(struct fhir_episode *ep, const char *text, size_t len, env_step_fn fn,
                    void *arg)
{
    const char *target, *line = memchr(text, '\n', len);
    struct buf why = BUF_INIT;
    buf_reset(&ep->url);
    buf_add(&ep->url, text, len);
    buf_addf(&ep->action, "GET %s", ep->url.ptr);
    if (!(line && holds_second(ep, line, (size_t)(text + len - line), &why)) &&
        !misses_values(ep, text, len, &why)) {
        const char *refused = check_url(ep->env->config, text, len, AGENT_SUFFIX, &target);
        if (refused || ep->url.failed || strlen(ep->url.ptr) != len)
            buf_addf(&why, "%s (%s...)", refused ? refused : "the URL is malformed",
                     ep->env->config->fhir_api_base);
    }
    if (why.len)
        observe_why(ep, TEXT_REFUSED, why.ptr, fn, arg);
    else
        get(ep, ep->url.ptr + (target - text), fn, arg);
    buf_release(&why);
}

/* Whether the overlay takes it; if not, why. */
static bool stored(struct fhir_episode *ep, const struct agent_action *a, struct buf *why)
{
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    const char *target;
    const char *refused = check_url(ep->env->config, a->text, a->len, "", &target);
    char *type = refused ? NULL : str_ndup(target, (size_t)(a->text + a->len - target));
    struct fhir_request rq = {.method = "POST",
                              .target = type,
                              .body = a->payload,
                              .body_len = a->payload_len,
                              .overlay = ep->overlay};
    if (!refused)
        fhir_handle(ep->env->store, &rq, &rs);
    free(type);
    bool good = !refused && rs.status <= 299;
    if (!good) {
        buf_adds(why, refused           ? refused
                      : rs.status < 500 ? "400 Client Error"
                                        : "500 Server Error");
        if (!refused)
            add_detail(ep, rs.body.ptr, rs.body.len, why);
    }
    fhir_response_release(&rs);
    return good;
}

static void act_post(struct fhir_episode *ep, struct agent_action *a, env_step_fn fn, void *arg)
{
    struct buf why = BUF_INIT, detail = BUF_INIT;
    if (!a->payload)
        a->payload = "";
    buf_addf(&ep->action, "POST %.*s ", (int)a->len, a->text);
    for (size_t i = 0; i < a->payload_len; i++)
        buf_addch(&ep->action, a->payload[i] == '\n' ? ' ' : a->payload[i]);
    if (!fhir_payload_parses(a->payload, a->payload_len)) {
        if (holds_second(ep, a->payload, a->payload_len, &why))
            buf_addf(&detail, ": %s", why.ptr);
        struct fhir_value v[5] = {{"detail", detail.ptr, detail.len}};
        observe(ep, TEXT_INVALID, v, fn, arg);
    } else if (misses_values(ep, a->text, a->len, &why) || (ep->overlay && !stored(ep, a, &why))) {
        observe_why(ep, TEXT_POST_ERROR, why.ptr, fn, arg);
    } else {
        struct fhir_value v[5] = {{"url", a->text, a->len}};
        observe(ep, TEXT_ACCEPTED, v, fn, arg);
    }
    buf_release(&why);
    buf_release(&detail);
}

static void fhir_step(struct env_episode *base, const char *reply, size_t len, env_step_fn fn,
                      void *arg)
{
    struct fhir_episode *ep = episode_of(base);
    struct buf clean = BUF_INIT;
    struct agent_action a;
    agent_action_read(&a, reply, len, &clean);
    struct env_step step = {.status = ROLLOUT_INVALID_ACTION};
    buf_reset(&ep->action);
    ep->steps++;
    switch (a.verb) {
    case AGENT_GET:
        act_get(ep, a.text, a.len, fn, arg);
        break;
    case AGENT_POST:
        act_post(ep, &a, fn, arg);
        break;
    case AGENT_FINISH:
        buf_add(&ep->action, a.said, a.said_len);
        step = (struct env_step){
            .status = ROLLOUT_COMPLETED, .text = a.text, .len = a.len, .action = ep->action.ptr};
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
    json_decref(e->fields);
    buf_release(&e->functions);
    buf_release(&e->given);
    fhir_texts_close(e->texts);
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
    if (rc == 0 && fhir_count(e->store, NULL) == 0)
        rc = err_set(GRASP_EINVAL,
                     "fhir.store: '%s' has no resources; load some first: grasp fhir load --store "
                     "DIR FILE...",
                     c->fhir.store);
    return rc;
}

/* `text` with the base in the place of "{api_base}/" and "{api_base}". */
static void fill_base(const char *base, const struct buf *text, struct buf *out)
{
    static const char name[] = "{api_base}";
    const char *p = text->ptr, *end = p + text->len, *at;
    while ((at = memmem(p, (size_t)(end - p), name, sizeof(name) - 1))) {
        buf_add(out, p, (size_t)(at - p));
        buf_add_json(out, base, strlen(base), false);
        p = at + sizeof(name) - 1;
        p += p < end && *p == '/'; /* the base ends in one */
    }
    buf_add(out, p, (size_t)(end - p));
}

/* The functions as text twice, and the API as the first message shows it. */
static int make_api(struct env_fhir *e)
{
    const struct config *c = e->config;
    json_t *functions = c->data.funcs ? NULL : json_array();
    int rc = c->data.funcs ? json_read_file(&functions, c->data.funcs) : 0;
    if (rc < 0)
        return rc;
    /* as the benchmark prints them */
    char *text = json_dumps(functions, JSON_ENSURE_ASCII);
    json_decref(functions);
    functions = NULL;
    buf_adds(&e->given, text ? text : "[]");
    free(text);
    fill_base(c->fhir_api_base, &e->given, &e->functions);
    rc = buf_check(&e->functions);
    if (rc == 0)
        rc = json_parse(&functions, e->functions.ptr, e->functions.len, c->data.funcs);
    if (rc == 0)
        e->api =
            json_pack("{s:s, s:o}", fhir_texts_get(e->texts, TEXT_FIELD_BASE_URL), c->fhir_api_base,
                      fhir_texts_get(e->texts, TEXT_FIELD_FUNCTIONS), functions);
    return rc == 0 && !e->api ? err_oom() : rc;
}

static int make_texts(struct env_fhir *e)
{
    static const struct {
        enum fhir_text which;
        const char *ours;
    } fields[] = {{TEXT_FIELD_PHASE, "phase"},
                  {TEXT_FIELD_API, "api"},
                  {TEXT_FIELD_RESPONSE_FORMAT, "response_format"},
                  {TEXT_FIELD_SKILLS, "behavioral_skills"},
                  {TEXT_FIELD_TASK, "task"},
                  {TEXT_FIELD_DESCRIPTION, "description"},
                  {TEXT_FIELD_CONTEXT, "context"}};
    char rounds[24];
    struct buf text = BUF_INIT;
    int rc = fhir_texts_open(&e->texts, e->config->prompt.texts);
    if (rc < 0)
        return rc;
    e->base.texts = fhir_texts_hash(e->texts);
    snprintf(rounds, sizeof(rounds), "%lld", (long long)e->config->cycle.max_rounds);
    const struct fhir_value v[] = {
        value("api_base", e->config->fhir_api_base), value("max_rounds", rounds), {0}};
    fhir_texts_add(e->texts, TEXT_RESPONSE_FORMAT, v, &text);
    e->response_format = text.failed ? NULL : json_stringn(text.ptr, text.len);
    buf_release(&text);
    for (size_t i = 0; e->base.texts && i < sizeof(fields) / sizeof(*fields); i++) {
        const char *name = fhir_texts_get(e->texts, fields[i].which);
        if (!e->fields)
            e->fields = json_object();
        json_object_set_new(e->fields, fields[i].ours, json_string(name));
    }
    return e->response_format ? make_api(e) : err_oom();
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
    buf_init(&e->functions);
    buf_init(&e->given);
    int rc = make_texts(e);
    if (rc == 0)
        rc = open_store(e);
    if (rc < 0)
        fhir_env_close(&e->base);
    else
        *out = &e->base;
    return rc;
}
