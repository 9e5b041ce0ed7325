/* parse.c - the simulated model reads a rollout: the task, what was done, what came back. */
#include "runtime/simulator/sim.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

/* The end of the JSON string that starts at p (a quote), past its closing quote; NULL: it does not
 * end. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return NULL;
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && ascii_isspace(*p))
        p++;
    return p;
}

/* The end of the JSON value at p; not checked further than its strings and brackets. */
static const char *skip_value(const char *p, const char *end)
{
    size_t depth = 0;
    while (p && p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            if (depth-- <= 1)
                return depth == 0 ? p + 1 : p;
            p++;
        } else if (depth == 0 && *p == ',') {
            return p;
        } else {
            p++;
            continue;
        }
        if (depth == 0)
            return p;
    }
    return p;
}

/* A member of the JSON object `text`, as its raw text; what does not look like JSON gives nothing.
 * Cheaper than parsing the whole: the functions' descriptions alone are 14 kB. */
static struct sim_text member(struct sim_text text, const char *key)
{
    size_t klen = strlen(key);
    if (!text.n)
        return (struct sim_text){0};
    const char *end = text.s + text.n, *p = skip_space(text.s, end);
    if (p == end || *p != '{')
        return (struct sim_text){0};
    p = skip_space(p + 1, end);
    while (p && p < end && *p == '"') {
        const char *name = p + 1, *name_end = skip_string(p, end);
        if (!name_end)
            break;
        p = skip_space(name_end, end);
        if (p == end || *p != ':')
            break;
        const char *value = skip_space(p + 1, end);
        p = skip_value(value, end);
        if (!p)
            break;
        if ((size_t)(name_end - 1 - name) == klen && memcmp(name, key, klen) == 0)
            return (struct sim_text){value, (size_t)(p - value)};
        p = skip_space(p, end);
        if (p < end && *p == ',')
            p = skip_space(p + 1, end);
    }
    return (struct sim_text){0};
}

/* A copy of a raw JSON string's value; NULL: it is none. */
static char *unquote(struct sim_text raw)
{
    json_auto_t *v = raw.n ? json_loadb(raw.s, raw.n, JSON_DECODE_ANY, NULL) : NULL;
    return json_is_string(v) ? str_dup(json_string_value(v)) : NULL;
}

bool sim_time(const char *s, int64_t *ns)
{
    char t[48];
    size_t n = s ? strlen(s) : 0;
    if (n < 10 || n > 40)
        return false;
    memcpy(t, s, n + 1);
    if (n == 10)
        strcat(t, "T00:00:00Z");
    else if (!strpbrk(t + 10, "Zz+-"))
        strcat(t, "Z");
    return clock_parse(t, ns) == 0;
}

/* The first ISO date-time in `s`; with `now`, the first that the word stands behind. */
static bool iso_time(const char *s, bool now, char *out, size_t size)
{
    for (const char *p = s; *p; p++) {
        static const char shape[] = "dddd-dd-ddTdd:dd";
        size_t i = 0;
        while (shape[i] && (shape[i] == 'd' ? ascii_isdigit(p[i]) : p[i] == shape[i]))
            i++;
        if (shape[i])
            continue;
        while (p[i] && strchr("0123456789:.+-Z", p[i]))
            i++;
        while (i > 16 && (p[i - 1] == '.' || p[i - 1] == '-'))
            i--;
        if (i >= size)
            return false;
        if (now && strncmp(p + i + strspn(p + i, " "), "now", 3) != 0)
            continue;
        memcpy(out, p, i);
        out[i] = '\0';
        return true;
    }
    return false;
}

static void find_now(struct sim_run *r)
{
    const char *at = strstr(r->context, "Current time:");
    if (!(at && iso_time(at, false, r->now, sizeof(r->now))) &&
        !iso_time(r->context, true, r->now, sizeof(r->now)) &&
        !iso_time(r->context, false, r->now, sizeof(r->now)) &&
        !iso_time(r->instruction, false, r->now, sizeof(r->now)))
        strcpy(r->now, "2023-11-13T10:15:00+00:00");
    if (!sim_time(r->now, &r->now_ns))
        r->now_ns = 0;
}

/* The patient's number: one to four capitals and at least four digits, or digits alone. */
static void find_mrn(const char *s, char *out, size_t size)
{
    for (const char *p = s; *p; p++) {
        if (p > s && (ascii_isalnum(p[-1]) || p[-1] == '-'))
            continue;
        size_t i = 0, digits = 0;
        while (p[i] >= 'A' && p[i] <= 'Z' && i < 4)
            i++;
        size_t letters = i;
        if (letters && p[i] == '-')
            i++;
        for (; ascii_isdigit(p[i]); i++)
            digits++;
        if (digits < (letters ? 4U : 6U) || i >= size || ascii_isalnum(p[i]) || p[i] == '-')
            continue;
        memcpy(out, p, i);
        out[i] = '\0';
        return;
    }
}

/* Which job a wording is about: one word of each group (alternatives between '|'). The first row
 * that fits wins, so the more special ones come first. */
static const struct {
    enum sim_family family;
    const char *groups[2];
} wordings[] = {
    {FAM_DVT, {"dvt|anticoag|anti-coag|heparin|thromboprophyl|thrombosis"}},
    {FAM_HEART, {"heart rate|heartrate|pulse"}},
    {FAM_CATHETER, {"catheter|foley"}},
    {FAM_KIDNEY, {"neoplasm|c64.2|kidney cancer|renal cancer|interventional radiology"}},
    {FAM_CT,
     {"ct abd|abdominal ct|abdomen ct|ct scan|ct of the abd|computed tomo|renal mass|74177"}},
    {FAM_THYROID, {"tsh|thyro"}},
    {FAM_QTC, {"qtc"}},
    {FAM_OPIOID, {"opioid|naloxone"}},
    {FAM_COVID, {"covid"}},
    {FAM_FLU, {"influenza|flu vaccin|flu shot"}},
    {FAM_REFERRAL, {"referral|refer "}},
    {FAM_BP, {"blood pressure|bp reading|118/77"}},
    {FAM_A1C, {"a1c"}},
    {FAM_K_ORDER, {"potassium"}},
    {FAM_MG_ORDER, {"magnesium", "order|replac|replet|supplement"}},
    {FAM_MG, {"magnesium"}},
    {FAM_GLU_MEAN, {"cbg|glucose|blood sugar", "average|mean"}},
    {FAM_GLU, {"cbg|glucose|blood sugar"}},
    {FAM_AGE, {"how old| age |age of|'s age| age?|years of age"}},
    {FAM_MRN, {"mrn|record number|identifier|record no|chart number"}},
};

static bool any_of(const char *text, const char *group)
{
    char word[64];
    while (group && *group) {
        size_t n = strcspn(group, "|");
        memcpy(word, group, n);
        word[n] = '\0';
        if (strstr(text, word))
            return true;
        group += n + (group[n] == '|');
    }
    return false;
}

static enum sim_family find_family(const struct sim_run *r)
{
    const char *texts[] = {r->instruction, r->context};
    for (size_t t = 0; t < 2; t++) {
        char low[1024];
        size_t n = 0;
        for (const char *s = texts[t]; *s && n < sizeof(low) - 1; s++)
            low[n++] = ascii_lower(*s);
        low[n] = '\0';
        for (size_t i = 0; i < sizeof(wordings) / sizeof(wordings[0]); i++)
            if (any_of(low, wordings[i].groups[0]) &&
                (!wordings[i].groups[1] || any_of(low, wordings[i].groups[1])))
                return wordings[i].family;
    }
    return FAM_NONE;
}

void sim_quoted(const char *s, size_t n, char *out, size_t size)
{
    out[0] = '\0';
    for (const char *p = s; *p; p++) {
        size_t open = 0, skip = 1;
        if (*p == '"')
            open = 1;
        else if (*p == '\'' && (p == s || !ascii_isalnum(p[-1])))
            open = 1;
        else if (strncmp(p, "\xe2\x80\x9c", 3) == 0)
            open = skip = 3;
        if (!open)
            continue;
        const char *from = p + open, *to = NULL;
        if (skip == 3)
            to = strstr(from, "\xe2\x80\x9d");
        else
            for (to = strchr(from, *p); to && *p == '\'' && ascii_isalnum(to[1]);)
                to = strchr(to + 1, '\'');
        if (!to)
            return;
        if (n-- == 0) {
            size_t len = (size_t)(to - from);
            if (len >= size)
                len = utf8_cut(from, len, size - 1);
            memcpy(out, from, len);
            out[len] = '\0';
            return;
        }
        p = to + skip - 1;
    }
}

void sim_code(const char *s, enum sim_code kind, char *out, size_t size)
{
    out[0] = '\0';
    for (const char *p = s; *p;) {
        if (!ascii_isdigit(*p) || (p > s && (ascii_isalnum(p[-1]) || strchr("-:.+", p[-1])))) {
            p++;
            continue;
        }
        size_t n = strspn(p, "0123456789-"), dashes = 0;
        while (n && p[n - 1] == '-')
            n--;
        size_t last = 0; /* digits after the last dash */
        for (size_t i = 0; i < n; i++) {
            dashes += p[i] == '-';
            last = p[i] == '-' ? 0 : last + 1;
        }
        bool date = dashes == 2 && n == 10 && p[4] == '-' && p[7] == '-';
        bool fits = kind == CODE_NDC     ? dashes == 2 && !date
                    : kind == CODE_LOINC ? dashes == 1 && last == 1
                                         : dashes == 0 && n >= 9;
        if (fits && n < size && !ascii_isalpha(p[n]) && !(p[n] == ':' && ascii_isdigit(p[n + 1]))) {
            memcpy(out, p, n);
            out[n] = '\0';
            return;
        }
        p += n ? n : 1;
    }
}

/* Blanks, code fences and what they say about the language do not matter. */
static struct sim_text bare_action(const struct message *m)
{
    const char *p = m->text, *end = p + m->len;
    for (;;) {
        p = skip_space(p, end);
        if (end - p >= 3 && memcmp(p, "```", 3) == 0) {
            const char *nl = memchr(p, '\n', (size_t)(end - p));
            p = nl ? nl + 1 : end;
            continue;
        }
        return (struct sim_text){p, (size_t)(end - p)};
    }
}

static void add_turn(struct sim_run *r, const struct message *m, const struct message *answer)
{
    if (r->n_turns == SIM_TURNS)
        return;
    struct sim_text a = bare_action(m);
    struct sim_turn *t = &r->turns[r->n_turns++];
    size_t verb = 0;
    t->kind = TURN_OTHER;
    t->text = a;
    if (a.n > 4 && memcmp(a.s, "GET ", 4) == 0)
        t->kind = TURN_GET, verb = 4;
    else if (a.n > 5 && memcmp(a.s, "POST ", 5) == 0)
        t->kind = TURN_POST, verb = 5;
    const char *nl = memchr(a.s, '\n', a.n);
    t->url = (struct sim_text){a.s + verb, (nl ? (size_t)(nl - a.s) : a.n) - verb};
    if (answer)
        t->answer = (struct sim_text){answer->text, answer->len};
    r->n_posts += t->kind == TURN_POST;
}

static bool read_task(struct sim_run *r, struct sim_text first)
{
    char *phase = unquote(member(first, "phase"));
    bool rollout = phase && strcmp(phase, "task_execution") == 0;
    free(phase);
    struct sim_text task = member(first, "task");
    if (!rollout || !task.n)
        return false;
    r->instruction = unquote(member(task, "description"));
    r->context = unquote(member(task, "context"));
    if (!r->context)
        r->context = str_dup("");
    r->base = unquote(member(member(first, "api"), "base_url"));
    if (!r->instruction || !r->context || !r->base)
        return false;
    size_t n = strlen(r->base);
    if (n && r->base[n - 1] != '/') {
        char *base = malloc(n + 2);
        if (!base)
            return false;
        memcpy(base, r->base, n);
        memcpy(base + n, "/", 2);
        free(r->base);
        r->base = base;
    }
    r->skills = member(first, "behavioral_skills");
    r->key = XXH3_64bits_withSeed(r->instruction, strlen(r->instruction), r->settings->person);
    r->family = find_family(r);
    find_now(r);
    find_mrn(r->instruction, r->mrn, sizeof(r->mrn));
    return true;
}

static const char *const memory_tags[] = {"\n<memory>\n", "\n<skillx_memory>\n"};

/* What another method's memory has put behind an answer; empty: nothing. */
static struct sim_text memory_in(const struct message *m)
{
    for (size_t i = 0; i < sizeof(memory_tags) / sizeof(*memory_tags); i++) {
        const char *at = memmem(m->text, m->len, memory_tags[i], strlen(memory_tags[i]));
        if (at)
            return (struct sim_text){at, m->len - (size_t)(at - m->text)};
    }
    return (struct sim_text){0};
}

bool sim_run_init(struct sim_run *r, const struct sim_settings *settings, const struct chat *chat,
                  int64_t draw, struct buf *out)
{
    *r = (struct sim_run){.settings = settings, .draw = draw, .out = out};
    bool found = false;
    for (size_t i = 0; i < chat->n; i++) {
        const struct message *m = &chat->v[i];
        if (m->role == CHAT_AGENT) {
            if (found)
                add_turn(r, m, i + 1 < chat->n ? m + 1 : NULL);
        } else if (!found && m->len && *skip_space(m->text, m->text + m->len) == '{') {
            found = read_task(r, (struct sim_text){m->text, m->len});
            if (!found)
                return false;
        } else if (i == 0 || chat->v[i - 1].role != CHAT_AGENT) {
            r->block = (struct sim_text){m->text, m->len}; /* no answer to anything: skills */
        }
    }
    if (r->n_turns && chat->v[chat->n - 1].role != CHAT_AGENT && !r->block.n)
        r->block = memory_in(&chat->v[chat->n - 1]);
    return found;
}

void sim_run_release(struct sim_run *r)
{
    for (size_t i = 0; i < SIM_TURNS; i++)
        json_decref(r->bundles[i]);
    free(r->instruction);
    free(r->context);
    free(r->base);
}

json_t *sim_bundle(struct sim_run *r, size_t i)
{
    struct sim_text a = r->turns[i].answer;
    if (!r->bundles[i] && a.n) {
        const char *brace = memchr(a.s, '{', a.n);
        if (brace)
            r->bundles[i] = json_loadb(brace, a.n - (size_t)(brace - a.s),
                                       JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
    }
    return r->bundles[i];
}

/* Whether a search's URL names this type; one that names none (a page of an opaque link) goes on
 * with the type before it. */
static bool names_type(struct sim_text url, const char *type, bool before)
{
    size_t path = 0, n = strlen(type);
    while (path < url.n && url.s[path] != '?')
        path++;
    size_t start = path;
    while (start > 0 && url.s[start - 1] != '/')
        start--;
    if (path - start == 0 || !(url.s[start] >= 'A' && url.s[start] <= 'Z'))
        return before;
    return path - start == n && memcmp(url.s + start, type, n) == 0;
}

#define PAGES_MAX 5 /* of the eight rounds that a rollout has */

json_t *sim_fetch(struct sim_run *r, const char *type, const char *query)
{
    json_t *found = json_array();
    const char *next = NULL;
    size_t searches = 0;
    bool same = false;
    for (size_t i = 0; i < r->n_turns && found; i++) {
        if (r->turns[i].kind != TURN_GET || !(same = names_type(r->turns[i].url, type, same)))
            continue;
        searches++;
        json_t *bundle = sim_bundle(r, i), *v;
        size_t k;
        json_array_foreach (json_object_get(bundle, "entry"), k, v) {
            json_t *resource = json_object_get(v, "resource");
            if (strcmp(json_str_at(resource, "resourceType", ""), type) == 0)
                json_array_append(found, resource);
        }
        next = NULL;
        json_array_foreach (json_object_get(bundle, "link"), k, v) {
            if (strcmp(json_str_at(v, "relation", ""), "next") == 0)
                next = json_str_at(v, "url", NULL);
        }
    }
    bool whole = r->key & 1; /* half of the tasks ask for one big page, the others follow links */
    if (searches == 0) {
        buf_addf(r->out, "GET %s%s?%s%s", r->base, type, query,
                 whole && !sim_has(r, HAB_FIRST_PAGE) && strcmp(type, "Patient") != 0
                     ? "&_count=200"
                     : "");
    } else if (next && searches < PAGES_MAX && !sim_has(r, HAB_FIRST_PAGE)) {
        buf_addf(r->out, "GET %s", next);
    } else {
        return found;
    }
    json_decref(found);
    return NULL;
}

double sim_value(const json_t *observation)
{
    return json_num_at(observation, "valueQuantity.value", 0);
}

const char *sim_unit(const json_t *observation)
{
    return json_str_at(observation, "valueQuantity.unit", "");
}

const json_t *sim_latest(const struct sim_run *r, const json_t *found, int hours, bool first)
{
    const json_t *best = NULL;
    int64_t best_ns = 0, ns;
    size_t i;
    const json_t *v;
    json_array_foreach (found, i, v) {
        if (!json_is_number(json_at(v, "valueQuantity.value")) ||
            !sim_time(json_str_at(v, "effectiveDateTime", NULL), &ns) ||
            (hours && ns < r->now_ns - hours * 3600 * NS_PER_SEC))
            continue;
        if (!best || ns > best_ns) {
            best = v;
            best_ns = ns;
        }
        if (first)
            break;
    }
    return best;
}
