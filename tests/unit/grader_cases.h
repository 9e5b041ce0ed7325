/*
 * grader_cases.h - runs graders over (task, trace, verdict) cases, with data of its own.
 *
 * The searches a grader names are answered here, over NDJSON files held in memory: patient,
 * identifier, status and code with commas as "or", the code of any coding or the text. Nothing of
 * the FHIR server is used, so that graders are tested without it.
 */
#ifndef GRASP_TEST_GRADER_CASES_H
#define GRASP_TEST_GRADER_CASES_H

#include "test.h"

#include "probes/graders/grader.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"

struct clinic {
    json_t *resources;  /* array, in file order */
    json_t *by_patient; /* "Observation/S1" -> array */
};

static inline void clinic_release(struct clinic *c)
{
    json_decref(c->resources);
    json_decref(c->by_patient);
    memset(c, 0, sizeof(*c));
}

static inline void clinic_add(struct clinic *c, json_t *resource)
{
    if (!c->resources) {
        c->resources = json_array();
        c->by_patient = json_object();
    }
    json_array_append(c->resources, resource);
    const char *type = json_str_at(resource, "resourceType", "?");
    const char *subject = json_str_at(resource, "subject.reference", "");
    char key[256];
    if (strncmp(subject, "Patient/", 8) == 0)
        snprintf(key, sizeof(key), "%s/%s", type, subject + 8);
    else
        snprintf(key, sizeof(key), "%s/*", type);
    json_t *list = json_object_get(c->by_patient, key);
    if (!list) {
        list = json_array();
        json_object_set_new(c->by_patient, key, list);
    }
    json_array_append(list, resource);
}

static inline int clinic_line(json_t *v, size_t line, void *arg)
{
    (void)line;
    clinic_add(arg, v);
    return 0;
}

static inline bool clinic_load(struct clinic *c, const char *shared_name)
{
    char path[512];
    if (!shared_file(shared_name, path))
        return false;
    if (json_read_lines(path, clinic_line, c) < 0)
        fail_msg("%s", err_msg());
    return true;
}

static inline bool case_has_code(const json_t *resource, const char *codes)
{
    char list[256], *save = NULL;
    snprintf(list, sizeof(list), "%s", codes);
    for (char *code = strtok_r(list, ",", &save); code; code = strtok_r(NULL, ",", &save)) {
        if (strcmp(json_str_at(resource, "code.text", ""), code) == 0)
            return true;
        size_t i;
        json_t *coding;
        json_array_foreach (json_at(resource, "code.coding"), i, coding)
            if (strcmp(json_str_at(coding, "code", ""), code) == 0)
                return true;
    }
    return false;
}

static inline bool case_matches(const json_t *resource, const char *name, const char *value)
{
    if (strcmp(name, "status") == 0)
        return strcmp(json_str_at(resource, "status", ""), value) == 0;
    if (strcmp(name, "code") == 0)
        return case_has_code(resource, value);
    if (strcmp(name, "identifier") == 0) {
        size_t i;
        json_t *identifier;
        json_array_foreach (json_object_get(resource, "identifier"), i, identifier)
            if (strcmp(json_str_at(identifier, "value", ""), value) == 0)
                return true;
        return false;
    }
    if (strcmp(name, "_count") == 0)
        return strcmp(value, "5000") == 0;
    fail_msg("a grader searches by '%s'", name);
    return false;
}

/* The resources that answer one search; a new array. */
static inline json_t *clinic_search(const struct clinic *c, const char *query)
{
    char text[512], *save = NULL, key[300] = "";
    snprintf(text, sizeof(text), "%s", query);
    char *type = strtok_r(text, "?", &save), *params[8];
    size_t n = 0;
    for (char *p; n < 8 && (p = strtok_r(NULL, "&", &save));) {
        if (strncmp(p, "patient=", 8) == 0)
            snprintf(key, sizeof(key), "%s/%s", type, p + 8);
        else
            params[n++] = p;
    }
    if (!key[0])
        snprintf(key, sizeof(key), "%s/*", type);
    json_t *found = json_array(), *resource;
    size_t i;
    json_array_foreach (json_object_get(c->by_patient, key), i, resource) {
        bool in = true;
        for (size_t k = 0; in && k < n; k++) {
            char name[64];
            char *eq = strchr(params[k], '=');
            assert_non_null(eq);
            snprintf(name, sizeof(name), "%.*s", (int)(eq - params[k]), params[k]);
            in = case_matches(resource, name, eq + 1);
        }
        if (in)
            json_array_append(found, resource);
    }
    return found;
}

/* Grades one trace; the task and the messages as JSON. */
static inline void case_grade(const struct clinic *c, const struct grader_settings *settings,
                              json_t *task_json, const json_t *messages, const char *result,
                              struct verdict *verdict, struct strlist *tags)
{
    struct task task;
    struct chat chat;
    struct strlist queries = {0};
    json_t *found[8];
    if (task_from_json(&task, task_json, "case", true) < 0 || chat_from_json(&chat, messages) < 0 ||
        grader_searches(&task, settings, &queries) < 0)
        fail_msg("%s", err_msg());
    for (size_t i = 0; i < queries.n; i++)
        found[i] = clinic_search(c, queries.v[i]);
    struct trace trace = {&chat, result};
    grader_grade(&task, settings, &trace, found, verdict);
    if (tags)
        assert_int_equal(grader_tags(&task, settings, &trace, verdict,
                                     result ? "completed" : "task limit reached", tags),
                         0);
    for (size_t i = 0; i < queries.n; i++)
        json_decref(found[i]);
    strlist_release(&queries);
    chat_release(&chat);
    task_release(&task);
}

/* Who looks at each verdict, NULL: nobody. */
typedef void (*verdict_fn)(const json_t *task, const struct verdict *verdict, void *arg);

struct vector_run {
    const struct clinic *clinic;
    struct grader_settings settings;
    verdict_fn seen;
    void *arg;
    size_t n, wrong;
};

static inline int vector_line(json_t *v, size_t line, void *arg)
{
    struct vector_run *run = arg;
    struct verdict verdict;
    const json_t *result = json_object_get(v, "result");
    case_grade(run->clinic, &run->settings, json_object_get(v, "task"),
               json_object_get(v, "messages"), json_string_value(result), &verdict, NULL);
    run->n++;
    if (run->seen)
        run->seen(json_object_get(v, "task"), &verdict, run->arg);
    if (verdict.correct == json_bool_at(v, "verdict", false))
        return 0;
    if (run->wrong++ < 40)
        print_message("# line %zu %s: should be %s: %s\n#    reason: %s\n", line,
                      json_str_at(v, "task.id", ""), verdict.correct ? "incorrect" : "correct",
                      json_str_at(v, "note", ""), verdict.reason);
    return 0;
}

/* The resources of the published server. */
static inline bool load_public(struct clinic *c)
{
    static const char *const files[] = {
        "medagentbench/recorded/fhir/Condition.ndjson",
        "medagentbench/recorded/fhir/MedicationRequest.ndjson",
        "medagentbench/recorded/fhir/Observation.ndjson",
        "medagentbench/recorded/fhir/Patient.ndjson",
        "medagentbench/recorded/fhir/Procedure.ndjson",
        "medagentbench/rebuilt/Observation.ndjson",
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (!clinic_load(c, files[i]))
            return false;
    return true;
}

/* Recorded episodes of public tasks. */

struct episodes {
    struct clinic clinic;
    struct task_set tasks;
    verdict_fn seen;
    void *arg;
    size_t n, wrong;
};

static inline int episode_line(json_t *v, size_t line, void *arg)
{
    struct episodes *e = arg;
    struct verdict verdict;
    char base[256];
    const struct task *task = task_set_find(&e->tasks, json_str_at(v, "task_id", ""));
    const char *start = strstr(json_str_at(v, "messages[0].content", ""), "http://");
    assert_non_null(task);
    assert_non_null(start);
    snprintf(base, sizeof(base), "%.*s", (int)strcspn(start, " \n"), start);
    struct grader_settings settings = {.benchmark = BENCHMARK_V1, .base = base};
    const char *result = json_string_value(json_object_get(v, "result"));
    case_grade(&e->clinic, &settings, task->raw, json_object_get(v, "messages"), result, &verdict,
               NULL);
    e->n++;
    if (e->seen)
        e->seen(task->raw, &verdict, e->arg);
    if (verdict.correct != json_bool_at(v, "verdict", false)) {
        e->wrong++;
        print_message("# episode %zu %s: %s\n", line, task->id, verdict.reason);
    }
    return 0;
}

/* Our own cases: see tests/data/graders/README.md. */

static inline json_t *case_parent(json_t *v, const char *path, const char **last)
{
    char parent[256];
    const char *dot = strrchr(path, '.'), *bracket = strrchr(path, '[');
    const char *cut = dot > bracket ? dot : bracket;
    *last = cut ? cut + (*cut == '.') : path;
    snprintf(parent, sizeof(parent), "%.*s", cut ? (int)(cut - path) : 0, path);
    json_t *p = json_at(v, parent);
    if (!p)
        fail_msg("there is no '%s' to change", path);
    return p;
}

static inline void case_set(json_t *v, const char *path, json_t *value)
{
    const char *last;
    json_t *parent = case_parent(v, path, &last);
    int rc = *last == '[' ? json_array_set(parent, strtoul(last + 1, NULL, 10), value)
                          : json_object_set(parent, last, value);
    if (rc < 0)
        fail_msg("cannot set '%s'", path);
}

static inline void case_drop(json_t *v, const char *path)
{
    const char *last;
    json_t *parent = case_parent(v, path, &last);
    int rc = *last == '[' ? json_array_remove(parent, strtoul(last + 1, NULL, 10))
                          : json_object_del(parent, last);
    if (rc < 0)
        fail_msg("there is no '%s' to drop", path);
}

static inline void case_change(json_t *v, json_t *line)
{
    const char *path;
    json_t *value;
    size_t i;
    json_object_foreach (json_object_get(line, "set"), path, value)
        case_set(v, path, value);
    json_array_foreach (json_object_get(line, "drop"), i, value)
        case_drop(v, json_string_value(value));
    json_object_foreach (json_object_get(line, "add"), path, value)
        if (json_array_append(json_at(v, path), value) < 0)
            fail_msg("cannot add to '%s'", path);
}

static inline void case_say(json_t *messages, const char *role, const char *text)
{
    json_array_append_new(messages, json_pack("{s:s,s:s}", "role", role, "content", text));
}

static inline json_t *case_messages(const json_t *v, const char *base)
{
    json_t *messages = json_array(), *post;
    size_t i;
    case_say(messages, "user", json_str_at(v, "task.instruction", ""));
    if (!json_bool_at(v, "blind", false)) {
        case_say(messages, "agent", "GET http://fhir.test/r4/Patient?identifier=x");
        case_say(messages, "user", json_str_at(v, "told", "{\"resourceType\":\"Bundle\"}"));
    }
    json_array_foreach (json_object_get(v, "posts"), i, post) {
        const json_t *payload = json_object_get(post, "payload");
        char *dumped = json_dumps(payload, JSON_ENCODE_ANY);
        char text[16384];
        const char *raw = json_str_at(post, "raw", NULL);
        snprintf(text, sizeof(text), "%sPOST %s%s\n%s%s", json_str_at(post, "before", ""),
                 json_str_at(post, "base", base), json_str_at(post, "to", ""), raw ? raw : dumped,
                 json_str_at(post, "after", ""));
        free(dumped);
        case_say(messages, "agent", text);
        case_say(messages, "user",
                 json_str_at(post, "reply", "POST request accepted and executed successfully."));
    }
    const char *answer = json_str_at(v, "answer", NULL);
    if (answer) {
        char text[4096];
        snprintf(text, sizeof(text), "FINISH(%s)", answer);
        case_say(messages, "agent", json_str_at(v, "last", text));
    }
    return messages;
}

struct case_run {
    struct grader_settings settings;
    json_t *base; /* the case that variants start from */
    verdict_fn seen;
    void *arg;
    size_t n, wrong, correct;
};

/* Each reason begins as wanted, and there is none besides; without a list there is nothing to say. */
static inline bool reasons_agree(const struct verdict *verdict, const json_t *wanted)
{
    json_t *reasons = verdict_reasons(verdict), *want;
    size_t i;
    bool right = !wanted || json_array_size(reasons) == json_array_size(wanted);
    json_array_foreach (wanted, i, want) {
        const char *got = json_string_value(json_array_get(reasons, i));
        right = right && got && str_starts(got, json_string_value(want));
    }
    json_decref(reasons);
    return right;
}

static inline int case_line(json_t *line, size_t number, void *arg)
{
    struct case_run *run = arg;
    struct clinic clinic = {0};
    struct verdict verdict;
    struct strlist tags = {0};
    size_t i;
    json_t *resource, *tag;
    bool whole = json_object_get(line, "case") != NULL;
    json_t *v = json_deep_copy(whole ? line : run->base);
    if (whole) {
        json_decref(run->base);
        run->base = json_deep_copy(line);
    } else {
        json_object_del(v, "tags");
        json_object_del(v, "reasons");
        case_change(v, line);
        const char *const own[] = {"reason", "tags", "lenient", "reasons"};
        for (i = 0; i < 4; i++)
            if (json_object_get(line, own[i]))
                json_object_set(v, own[i], json_object_get(line, own[i]));
    }
    json_array_foreach (json_object_get(v, "chart"), i, resource)
        clinic_add(&clinic, resource);
    json_t *messages = case_messages(v, run->settings.base);
    const char *want = json_str_at(v, "reason", "");
    run->settings.lenient = json_bool_at(v, "lenient", false);
    case_grade(&clinic, &run->settings, json_object_get(v, "task"), messages,
               json_str_at(v, "answer", NULL), &verdict, &tags);
    bool right = strncmp(verdict.reason, want, strlen(want)) == 0 && *want &&
                 verdict.correct == (strcmp(want, "ok") == 0);
    size_t n_tags = json_array_size(json_object_get(v, "tags"));
    bool tagged = !n_tags || n_tags == tags.n;
    json_array_foreach (json_object_get(v, "tags"), i, tag)
        tagged = tagged && strlist_has(&tags, json_string_value(tag));
    right = right && reasons_agree(&verdict, json_object_get(v, "reasons"));
    run->n++;
    run->correct += verdict.correct;
    if (run->seen)
        run->seen(json_object_get(v, "task"), &verdict, run->arg);
    if (!right || !tagged) {
        run->wrong++;
        print_message("# line %zu, %s%s%s: expected '%s', got '%s'%s\n", number,
                      json_str_at(run->base, "case", ""), whole ? "" : " but ",
                      whole ? "" : json_str_at(line, "but", "?"), want, verdict.reason,
                      tagged ? "" : " and other tags");
        for (i = 0; i < tags.n && !tagged; i++)
            print_message("#    tag %s\n", tags.v[i]);
        for (i = 0; i < VERDICT_REASONS && verdict.reasons[i][0]; i++)
            print_message("#    reason %s\n", verdict.reasons[i]);
    }
    strlist_release(&tags);
    json_decref(messages);
    json_decref(v);
    clinic_release(&clinic);
    return 0;
}

static inline void cases_agree(const char *path, const struct grader_settings *settings,
                               size_t at_least)
{
    struct case_run run = {.settings = *settings};
    if (json_read_lines(path, case_line, &run) < 0)
        fail_msg("%s", err_msg());
    json_decref(run.base);
    assert_int_equal(run.wrong, 0);
    assert_in_range(run.n, at_least, 100000);
}

#endif
