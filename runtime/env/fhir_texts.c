/* fhir_texts.c - the texts that the agent sees in the FHIR world: ours, and how a user's are read. */
#include "runtime/env/fhir_texts.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/hash.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/config/yaml.h"

/* What graders look for behind a POST. */
#define ACCEPTED "POST request accepted"

static const struct {
    const char *key, *text, *names, *about; /* names: of the placeholders, a blank between two */
} table[FHIR_TEXTS] = {
    [TEXT_FIRST] =
        {"first", NULL,
         "api_base functions functions_given response_format skills instruction context "
         "now max_rounds",
         "the first message; left out, it is a JSON object with the fields below. It must "
         "hold {skills}. functions_given: as the file has them, {api_base} not filled in"},
    [TEXT_RESPONSE_FORMAT] =
        {"response_format",
         "Reply with exactly one action and nothing else. Either a search: GET url?param=value&... "
         "; or a write: POST url, then a new line and the JSON payload; or, once every question is "
         "answered and every order placed: FINISH([answer1, answer2, ...]), a JSON list with the "
         "answers in the order asked, each the bare value: a number without its unit, no words "
         "around it. FINISH([]) when nothing was asked for: a task that says to check something "
         "and to order what its condition calls for asks no question, whether or not an order is "
         "due. There are {max_rounds} turns, that of FINISH among them.",
         "api_base max_rounds", "what a reply is"},
    [TEXT_TIME] = {"time", "Current time: {now}", "now",
                   "a line below a task's context that does not say it; empty: never"},
    [TEXT_ANSWER] = {"answer", "{answer}", "answer answer_given url left",
                     "of a GET; answer_given: with the server's own blanks"},
    [TEXT_ERROR] =
        {"error", "Error in sending the GET request: {status} {side} Error: for url: {url}{detail}",
         "status side url detail left",
         "of a GET that the server refused; detail: with fhir.error_detail, what it said"},
    [TEXT_REFUSED] = {"refused", "Error in sending the GET request: {why}", "why api_base left",
                      "of a GET that is not sent"},
    [TEXT_ACCEPTED] = {"accepted",
                       ACCEPTED " and recorded. Call FINISH once everything that was asked for is "
                                "done.",
                       "url left",
                       "of a POST; graders look for \"" ACCEPTED "\", here and nowhere else"},
    [TEXT_INVALID] = {"invalid", "Invalid POST request{detail}", "detail left",
                      "of a POST whose payload is no JSON"},
    [TEXT_POST_ERROR] = {"post_error", "Error in sending the POST request: {why}",
                         "why api_base left", "of a POST that is refused"},
    [TEXT_REMINDER] = {"reminder", "", "left max_rounds",
                       "a line below every answer to an action; left: turns that are left"},
    [TEXT_FIELD_PHASE] = {"fields.phase", "phase", "", NULL},
    [TEXT_FIELD_API] = {"fields.api", "api", "", NULL},
    [TEXT_FIELD_BASE_URL] = {"fields.base_url", "base_url", "", NULL},
    [TEXT_FIELD_FUNCTIONS] = {"fields.functions", "functions", "", NULL},
    [TEXT_FIELD_RESPONSE_FORMAT] = {"fields.response_format", "response_format", "", NULL},
    [TEXT_FIELD_SKILLS] = {"fields.behavioral_skills", "behavioral_skills", "", NULL},
    [TEXT_FIELD_TASK] = {"fields.task", "task", "", NULL},
    [TEXT_FIELD_DESCRIPTION] = {"fields.description", "description", "", NULL},
    [TEXT_FIELD_CONTEXT] = {"fields.context", "context", "", NULL},
};

struct fhir_texts {
    char *of[FHIR_TEXTS]; /* the user's; NULL: ours */
    char hash[HASH_HEX];  /* "": ours */
};

static bool is_field(size_t i)
{
    return i >= TEXT_FIELD_PHASE && i < FHIR_TEXTS;
}

const char *fhir_texts_get(const struct fhir_texts *t, enum fhir_text which)
{
    return t->of[which] ? t->of[which] : table[which].text;
}

const char *fhir_texts_hash(const struct fhir_texts *t)
{
    return *t->hash ? t->hash : NULL;
}

/* ---- placeholders ---- */

/* How long the name behind the brace at `p` is when a brace closes it; 0: that is no placeholder. */
static size_t name_at(const char *p, const char *end)
{
    size_t n = 0;
    while (p + 1 + n < end && ((p[1 + n] >= 'a' && p[1 + n] <= 'z') || p[1 + n] == '_'))
        n++;
    return p + 1 + n < end && p[1 + n] == '}' ? n : 0;
}

void fhir_text_fill(const char *text, size_t len, const struct fhir_value *values, struct buf *out)
{
    const char *p = text, *end = text + len, *brace;
    while ((brace = memchr(p, '{', (size_t)(end - p)))) {
        bool literal = brace + 1 < end && brace[1] == '{';
        size_t n = name_at(brace + literal, end);
        buf_add(out, p, (size_t)(brace - p));
        p = brace;
        if (literal && n && brace + n + 3 < end && brace[n + 3] == '}') {
            buf_add(out, brace + 1, n + 2);
            p += n + 4;
        } else if (n && !literal) {
            const struct fhir_value *v = values;
            while (v->name && (strlen(v->name) != n || memcmp(v->name, p + 1, n) != 0))
                v++;
            if (v->name)
                buf_add(out, v->s, v->len);
            p += n + 2;
        } else {
            buf_addch(out, *p++);
        }
    }
    buf_add(out, p, (size_t)(end - p));
}

void fhir_texts_add(const struct fhir_texts *t, enum fhir_text which,
                    const struct fhir_value *values, struct buf *out)
{
    const char *text = fhir_texts_get(t, which);
    fhir_text_fill(text, strlen(text), values, out);
}

/* ---- a user's file ---- */

static bool is_listed(const char *names, const char *name, size_t len)
{
    for (const char *p = names; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (n == len && memcmp(p, name, len) == 0)
            return true;
        p += n;
    }
    return false;
}

static int check_placeholders(const char *path, size_t i, const char *text)
{
    const char *end = text + strlen(text);
    for (const char *p = text; (p = strchr(p, '{')); p++) {
        size_t n = name_at(p, end);
        if (p[1] == '{')
            p += 1 + (n = name_at(p + 1, end));
        else if (n && !is_listed(table[i].names, p + 1, n))
            return err_set(GRASP_EINVAL,
                           "%s: %s: there is no placeholder {%.*s} here; there are: %s (write "
                           "{{%.*s}} for the word in braces)",
                           path, table[i].key, (int)n, p + 1,
                           *table[i].names ? table[i].names : "none", (int)n, p + 1);
    }
    return 0;
}

static int check_text(const char *path, size_t i, const char *text)
{
    bool accepts = strstr(text, ACCEPTED) != NULL;
    int rc = check_placeholders(path, i, text);
    if (rc < 0)
        return rc;
    if (i == TEXT_ACCEPTED && !accepts)
        return err_set(GRASP_EINVAL, "%s: %s: it must hold '" ACCEPTED "', which graders look for",
                       path, table[i].key);
    if (i != TEXT_ACCEPTED && i != TEXT_FIRST && accepts)
        return err_set(GRASP_EINVAL,
                       "%s: %s: '" ACCEPTED "' would make graders count what was not accepted",
                       path, table[i].key);
    const char *skills = i == TEXT_FIRST ? strstr(text, "{skills}") : NULL;
    if (i == TEXT_FIRST && (!skills || strstr(skills + 1, "{skills}")))
        return err_set(GRASP_EINVAL, "%s: %s: it must hold {skills} once, where skills are shown",
                       path, table[i].key);
    if (is_field(i) && (!*text || strcspn(text, "\"\\\n\r\t") != strlen(text)))
        return err_set(GRASP_EINVAL, "%s: %s: '%s' is no name of a field", path, table[i].key,
                       text);
    return 0;
}

static int take(struct fhir_texts *t, const char *path, const char *key, const json_t *v,
                const json_t *lines)
{
    size_t i = 0;
    int line = (int)json_integer_value(json_object_get(lines, key));
    while (i < FHIR_TEXTS && strcmp(table[i].key, key) != 0)
        i++;
    if (i == FHIR_TEXTS)
        return err_set(GRASP_EINVAL, "%s:%d: there is no text '%s'; see grasp help --texts", path,
                       line, key);
    if (!json_is_string(v) || json_string_length(v) != strlen(json_string_value(v)))
        return err_set(GRASP_EINVAL, "%s:%d: %s is not a text", path, line, key);
    int rc = check_text(path, i, json_string_value(v));
    if (rc == 0 && !(t->of[i] = str_dup(json_string_value(v))))
        rc = err_oom();
    return rc;
}

static int take_all(struct fhir_texts *t, const char *path, json_t *file, const json_t *lines)
{
    const char *key, *field;
    json_t *v, *of;
    char name[80];
    int rc = json_is_object(file) ? 0
                                  : err_set(GRASP_EINVAL,
                                            "%s: texts stand as 'key: text'; see "
                                            "grasp help --texts",
                                            path);
    json_object_foreach (file, key, v) {
        bool fields = strcmp(key, "fields") == 0 && json_is_object(v);
        if (rc == 0 && !fields)
            rc = take(t, path, key, v, lines);
        json_object_foreach (fields ? v : NULL, field, of) {
            snprintf(name, sizeof(name), "fields.%.60s", field);
            if (rc == 0)
                rc = take(t, path, name, of, lines);
        }
    }
    return rc;
}

int fhir_texts_open(struct fhir_texts **out, const char *path)
{
    struct fhir_texts *t = calloc(1, sizeof(*t));
    struct buf text = BUF_INIT;
    json_t *file = NULL, *lines = NULL;
    uint8_t digest[HASH_SIZE];
    int rc = t ? 0 : err_oom();
    *out = NULL;
    if (rc == 0 && path) {
        rc = fs_read(path, &text);
        if (rc == 0)
            rc = yaml_parse(text.ptr, text.len, path, &file, &lines);
        if (rc == 0)
            rc = take_all(t, path, file, lines);
        if (rc == 0) {
            hash_once(text.ptr, text.len, digest);
            hash_hex(digest, t->hash);
        }
    }
    buf_release(&text);
    json_decref(file);
    json_decref(lines);
    if (rc < 0)
        fhir_texts_close(t);
    else
        *out = t;
    return rc;
}

void fhir_texts_close(struct fhir_texts *t)
{
    for (size_t i = 0; t && i < FHIR_TEXTS; i++)
        free(t->of[i]);
    free(t);
}

void fhir_texts_print(struct buf *out)
{
    buf_adds(out, "# The texts that the agent sees in the FHIR world (prompt.texts: FILE), as they "
                  "are without\n# such a file. {name} is a placeholder, {{name}} the word in "
                  "braces; what a file leaves out\n# stays as it is here.\n");
    for (size_t i = 0; i < FHIR_TEXTS; i++) {
        bool field = is_field(i);
        if (i == TEXT_FIELD_PHASE)
            buf_adds(out, "\n# Names of the first message's fields.\nfields:\n");
        if (table[i].about)
            buf_addf(out, "\n# %s: %s.\n", table[i].key, table[i].about);
        if (*table[i].names) {
            buf_adds(out, "# placeholders:");
            for (const char *p = table[i].names; *p; p += strspn(p, " ")) {
                size_t n = strcspn(p, " ");
                buf_addf(out, " {%.*s}", (int)n, p);
                p += n;
            }
            buf_addch(out, '\n');
        }
        if (!table[i].text)
            continue;
        buf_addf(out, "%s%s: ", field ? "  " : "",
                 field ? table[i].key + strlen("fields.") : table[i].key);
        buf_addch(out, '"');
        buf_add_json(out, table[i].text, strlen(table[i].text), true);
        buf_adds(out, "\"\n");
    }
}
