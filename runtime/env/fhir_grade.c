/* fhir_grade.c - gathers the resources a grader asks for, and grades. */
#include <stdlib.h>
#include <string.h>

#include "probes/literal/pyvalue.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/env/agent_url.h"
#include "runtime/env/fhir.h"

void json_compact(const char *text, size_t len, struct buf *out)
{
    bool quoted = false;
    size_t from = 0;
    if (!len || (text[0] != '{' && text[0] != '[')) {
        buf_add(out, text, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = false;
        } else if (text[i] == '"') {
            quoted = true;
        } else if (ascii_isspace(text[i])) {
            buf_add(out, text + from, i - from);
            while (i + 1 < len && ascii_isspace(text[i + 1]))
                i++;
            from = i + 1;
        }
    }
    if (from < len)
        buf_add(out, text + from, len - from);
}

bool fhir_payload_parses(const char *text, size_t len)
{
    struct py_arena arena = {0};
    struct pyvalue v;
    bool ok = py_json(&arena, text, len, &v);
    py_arena_release(&arena);
    return ok;
}

uint64_t fhir_remote_get(struct loop *loop, const struct config *config, const char *target,
                         bool agent, http_fn fn, void *arg)
{
    static const char *const headers[] = {"Accept: application/fhir+json", NULL};
    struct buf url = BUF_INIT;
    const char *refused = agent_url_make(config->fhir_api_base, target, strlen(target),
                                         agent ? AGENT_SUFFIX : "", &url);
    struct http_request rq = {.method = "GET",
                              .url = url.ptr,
                              .headers = headers,
                              .timeout_ns = (int64_t)(config->fhir.timeout * 1e9)};
    uint64_t id = 0;
    if (refused)
        err_set(GRASP_EREFUSED, "%s", refused);
    else if (buf_check(&url) == 0)
        id = http_start(loop, &rq, fn, arg);
    buf_release(&url);
    return id;
}

struct grade_job {
    struct loop *loop;
    const struct config *config;
    struct fhir_store *store;
    json_t *found;
    const struct grader_settings *grader;
    const struct task *task;
    struct trace trace;
    enum rollout_status status;
    env_grade_fn fn;
    void *arg;
    struct strlist queries;
    size_t at;            /* the query being answered */
    json_t *pages;        /* resources of its pages so far, over HTTP */
    struct strlist links; /* that led to them */
    uint64_t http;
    int attempts;
};

struct grade_job *grade_job_new(struct loop *loop, const struct config *config,
                                struct fhir_store *store, json_t *found,
                                const struct grader_settings *grader, const struct task *task,
                                const struct trace *trace, enum rollout_status status,
                                env_grade_fn fn, void *arg)
{
    struct grade_job *j = calloc(1, sizeof(*j));
    if (!j) {
        err_oom();
        return NULL;
    }
    *j = (struct grade_job){.loop = loop,
                            .config = config,
                            .store = store,
                            .found = found,
                            .grader = grader,
                            .task = task,
                            .trace = *trace,
                            .status = status,
                            .fn = fn,
                            .arg = arg};
    if (grader_searches(task, grader, &j->queries) < 0) {
        grade_job_free(j);
        return NULL;
    }
    return j;
}

void grade_job_free(struct grade_job *j)
{
    if (!j)
        return;
    if (j->http)
        http_cancel(j->loop, j->http);
    json_decref(j->pages);
    strlist_release(&j->queries);
    strlist_release(&j->links);
    free(j);
}

static void give_up(struct grade_job *j, const char *why)
{
    struct verdict v = {0};
    snprintf(v.reason, sizeof(v.reason), "%s", why);
    j->fn(&v, NULL, false, j->arg);
}

static void judge(struct grade_job *j)
{
    enum { MOST = 16 };
    json_t *found[MOST] = {0};
    struct verdict v = {0};
    struct strlist tags = {0};
    for (size_t i = 0; i < j->queries.n && i < MOST; i++)
        found[i] = json_object_get(j->found, j->queries.v[i]);
    grader_grade(j->task, j->grader, &j->trace, found, &v);
    if (!v.correct || j->status != ROLLOUT_COMPLETED)
        grader_tags(j->task, j->grader, &j->trace, &v, rollout_status_name(j->status), &tags);
    j->fn(&v, &tags, true, j->arg);
    strlist_release(&tags);
}

static void page_answered(const struct http_reply *reply, void *arg);

static void get_page(struct grade_job *j, const char *target)
{
    j->http = fhir_remote_get(j->loop, j->config, target, false, page_answered, j);
    if (!j->http)
        give_up(j, err_msg());
}

static const char *next_link(const json_t *bundle)
{
    size_t i;
    json_t *link;
    json_array_foreach (json_object_get(bundle, "link"), i, link) {
        if (strcmp(json_str_at(link, "relation", ""), "next") == 0)
            return json_str_at(link, "url", NULL);
    }
    return NULL;
}

/* The link as a target below the base, or why it is not followed: its page would be missing from
 * what is graded, so the task is not graded at all. */
static const char *follow(struct grade_job *j, const char *link, const char **target)
{
    enum { PAGES = 1000 };
    const char *base = j->config->fhir_api_base;
    size_t n = strlen(base) - 1;
    *target = link;
    if (strncmp(link, base, n) == 0 && link[n] == '?') /* some servers page at their root */
        *target = link + n;
    else if (strstr(link, "://") && agent_url_target(base, link, strlen(link), target))
        return "a page of the FHIR server lies outside task.fhir_api_base";
    if (j->links.n >= PAGES || strlist_has(&j->links, *target))
        return "the FHIR server's pages have no end";
    return strlist_add(&j->links, *target) < 0 ? err_msg() : NULL;
}

static void page_answered(const struct http_reply *reply, void *arg)
{
    enum { ATTEMPTS = 4 };
    struct grade_job *j = arg;
    j->http = 0;
    json_t *bundle = NULL, *entry;
    size_t i;
    if (reply->result == HTTP_OK && reply->status == 200)
        bundle = json_loadb(reply->body, reply->body_len, 0, NULL);
    if (!json_is_object(bundle)) {
        json_decref(bundle);
        json_decref(j->pages);
        j->pages = NULL;
        strlist_release(&j->links);
        if (++j->attempts < ATTEMPTS)
            get_page(j, j->queries.v[j->at]);
        else
            give_up(j, "the FHIR server does not answer the grader's search");
        return;
    }
    if (!j->pages)
        j->pages = json_array();
    json_array_foreach (json_object_get(bundle, "entry"), i, entry) {
        if (json_object_get(entry, "resource"))
            json_array_append(j->pages, json_object_get(entry, "resource"));
    }
    const char *next = next_link(bundle), *target;
    const char *refused = next ? follow(j, next, &target) : NULL;
    if (refused) {
        give_up(j, refused);
    } else if (next) {
        get_page(j, target);
    } else {
        json_object_set_new(j->found, j->queries.v[j->at], j->pages);
        j->pages = NULL;
        strlist_release(&j->links);
        j->at++;
        j->attempts = 0;
        grade_job_run(j);
    }
    json_decref(bundle);
}

void grade_job_run(struct grade_job *j)
{
    for (; j->at < j->queries.n; j->at++) {
        const char *query = j->queries.v[j->at];
        json_t *resources = NULL;
        if (json_object_get(j->found, query))
            continue;
        if (!j->store) {
            get_page(j, query);
            return;
        }
        if (fhir_search(j->store, NULL, query, &resources) < 0 ||
            json_object_set_new(j->found, query, resources) < 0) {
            give_up(j, err_msg());
            return;
        }
    }
    judge(j);
}
