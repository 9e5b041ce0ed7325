/* digest.c - FHIR resources in a line each, by a table of their types. */
#include "runtime/env/digest.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"

enum { FIELDS_MAX = 8, VALUE_MAX = 240, DEPTH_MAX = 6, LIST_MAX = 6 };

/* Fields in the order in which they are shown. "a|b": the first that is there; "x*": the member
 * whose name goes on with a capital (value[x]); "@" in front: the time that orders entries; ":" at
 * the end: shown with its name, because its text alone would not say what it is. */
static const struct digest_type {
    const char *type, *fields[FIELDS_MAX];
} types[] = {
    {"Observation",
     {"code", "@effectiveDateTime|effective*|issued", "value*", "component",
      "dataAbsentReason:", "status"}},
    {"Patient", {"identifier", "name", "birthDate:", "gender", "deceased*:"}},
    {"Condition", {"code", "@onsetDateTime|onset*|recordedDate", "clinicalStatus"}},
    {"MedicationRequest",
     {"medicationCodeableConcept|medication*", "@authoredOn", "dosageInstruction", "status",
      "intent:", "note:"}},
    {"MedicationAdministration",
     {"medicationCodeableConcept|medication*", "@effective*", "dosage", "status"}},
    {"MedicationStatement",
     {"medicationCodeableConcept|medication*", "@effective*|dateAsserted", "dosage", "status"}},
    {"MedicationDispense",
     {"medicationCodeableConcept|medication*", "@whenHandedOver|whenPrepared", "quantity",
      "status"}},
    {"Procedure", {"code", "@performedDateTime|performed*", "status"}},
    {"ServiceRequest",
     {"code", "@authoredOn", "occurrence*:", "priority:", "status", "intent:", "note:"}},
    {"Immunization", {"vaccineCode", "@occurrence*", "status"}},
    {"AllergyIntolerance", {"code", "@recordedDate|onset*", "clinicalStatus", "criticality:"}},
    {"Encounter", {"class", "type", "@period", "status"}},
    {"DiagnosticReport", {"code", "@effective*|issued", "conclusion:", "status"}},
    {"DocumentReference", {"type", "@date", "description", "status"}},
    {"Appointment", {"description|serviceType", "@start", "end:", "status"}},
    {"Task", {"code", "@authoredOn", "description", "status"}},
    {"CarePlan", {"title", "@period|created", "status", "intent:"}},
    {"Medication", {"code", "form", "status"}},
    {"Practitioner", {"identifier", "name"}},
    {"Organization", {"identifier", "name"}},
    {"Location", {"name", "status"}},
    {"OperationOutcome", {"issue"}}, /* beside a search's hits: what the server did not take */
    /* any other */
    {NULL,
     {"code|type|vaccineCode|title|name",
      "@date|effective*|performed*|occurrence*|authoredOn|"
      "recordedDate|period|created|issued",
      "value*|quantity", "description", "status"}},
};

void digest_plain(const char *text, size_t len, size_t max, struct buf *out)
{
    size_t from = out->len, i = 0;
    bool gap = false, cut = false;
    while (i < len) {
        uint32_t cp;
        size_t n = utf8_decode(text + i, len - i, &cp);
        if (cp <= 0x20 || (cp >= 0x7f && cp < 0xa0)) {
            gap = true;
            i += n;
            continue;
        }
        size_t need = (cp == 0xfffd ? 3 : n) + (gap && out->len > from);
        cut = out->len - from + need > max;
        if (cut)
            break;
        if (gap && out->len > from)
            buf_addch(out, ' ');
        gap = false;
        if (cp == 0xfffd)
            buf_adds(out, "\xef\xbf\xbd");
        else
            buf_add(out, text + i, n);
        i += n;
    }
    if (cut)
        buf_addf(out, "... (%zu more characters)", utf8_length(text + i, len - i));
}

/* ---- one value, by its shape ---- */

static void add_value(struct buf *out, const json_t *v, int depth);

static void add_text(struct buf *out, const json_t *v)
{
    if (json_is_string(v))
        digest_plain(json_string_value(v), json_string_length(v), VALUE_MAX, out);
}

/* "GLU", or "C64.2 Malignant neoplasm": codes and their text, which is left out where it says the
 * same. */
static void add_concept(struct buf *out, const json_t *concept)
{
    const json_t *codings = json_object_get(concept, "coding"), *coding;
    const char *text = json_str_at(concept, "text", "");
    size_t i, n = 0, from = out->len;
    json_array_foreach ((json_t *)codings, i, coding) {
        const char *code = json_str_at(coding, "code", "");
        if (!*code || n == LIST_MAX)
            continue;
        if (n++)
            buf_addch(out, '/');
        digest_plain(code, strlen(code), VALUE_MAX, out);
        if (!*text)
            text = json_str_at(coding, "display", "");
    }
    if (*text && (!n || out->len - from != strlen(text) ||
                  strncasecmp(out->ptr + from, text, strlen(text)) != 0)) {
        if (n)
            buf_addch(out, ' ');
        digest_plain(text, strlen(text), VALUE_MAX, out);
    }
}

static void add_name(struct buf *out, const json_t *name)
{
    const json_t *given = json_object_get(name, "given"), *v;
    size_t i, from = out->len;
    json_array_foreach ((json_t *)given, i, v) {
        add_text(out, v);
        buf_addch(out, ' ');
    }
    add_text(out, json_object_get(name, "family"));
    if (out->len == from)
        add_text(out, json_object_get(name, "text"));
}

static void add_members(struct buf *out, const json_t *v, int depth)
{
    const char *key;
    json_t *member;
    size_t n = 0;
    json_object_foreach ((json_t *)v, key, member) {
        if (strcmp(key, "system") == 0 || strcmp(key, "extension") == 0)
            continue;
        buf_adds(out, n++ ? ", " : "");
        digest_plain(key, strlen(key), VALUE_MAX, out);
        buf_addch(out, ' ');
        add_value(out, member, depth + 1);
    }
}

static void add_object(struct buf *out, const json_t *v, int depth)
{
    const json_t *value = json_object_get(v, "value"), *unit = json_object_get(v, "unit");
    if (json_object_get(v, "coding"))
        add_concept(out, v);
    else if (json_object_get(v, "family") || json_object_get(v, "given"))
        add_name(out, v);
    else if (json_is_number(value)) {
        add_text(out, json_object_get(v, "comparator"));
        add_value(out, value, depth + 1);
        buf_addch(out, ' ');
        add_text(out, unit ? unit : json_object_get(v, "code"));
    } else if (json_is_string(value)) { /* an identifier, a telephone number */
        const json_t *type = json_at(v, "type.coding[0].code");
        add_text(out, type);
        buf_adds(out, type ? " " : "");
        add_text(out, value);
    } else if (json_object_get(v, "reference"))
        add_text(out, json_object_get(v, "reference"));
    else if (json_object_get(v, "start") || json_object_get(v, "end")) {
        add_text(out, json_object_get(v, "start"));
        buf_adds(out, " to ");
        add_text(out, json_object_get(v, "end"));
    } else if (json_object_get(v, "code") && !json_is_object(json_object_get(v, "code")) &&
               json_object_get(v, "system"))
        add_text(out, json_object_get(v, "code"));
    else if (json_object_size(v) == 1 && json_object_get(v, "text"))
        add_text(out, json_object_get(v, "text"));
    else
        add_members(out, v, depth);
}

/* The shortest text that reads back the same; a decimal stays one ("115.0"). */
static void add_number(struct buf *out, const json_t *v)
{
    char text[40];
    double d = json_real_value(v);
    snprintf(text, sizeof(text), "%.15g", d);
    if (strtod(text, NULL) != d)
        snprintf(text, sizeof(text), "%.17g", d);
    buf_addf(out, "%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

static void add_value(struct buf *out, const json_t *v, int depth)
{
    const json_t *item;
    size_t i;
    if (depth > DEPTH_MAX)
        buf_adds(out, "...");
    else if (json_is_array(v)) {
        json_array_foreach ((json_t *)v, i, item) {
            buf_adds(out, i ? "; " : "");
            if (i == LIST_MAX) {
                buf_addf(out, "(%zu more)", json_array_size(v) - i);
                break;
            }
            add_value(out, item, depth + 1);
        }
    } else if (json_is_object(v))
        add_object(out, v, depth);
    else if (json_is_string(v))
        add_text(out, v);
    else if (json_is_real(v))
        add_number(out, v);
    else
        buf_add_json_value(out, v);
}

/* ---- one resource ---- */

static const struct digest_type *type_of(const json_t *resource)
{
    const char *name = json_str_at(resource, "resourceType", "");
    const struct digest_type *t = types;
    while (t->type && strcmp(t->type, name) != 0)
        t++;
    return t;
}

/* The member that one alternative of a field names; *key is its name. */
static const json_t *member(const json_t *resource, const char *name, size_t n, const char **key)
{
    json_t *v;
    if (n && name[n - 1] != '*') {
        json_object_foreach ((json_t *)resource, *key, v) {
            if (strlen(*key) == n && memcmp(*key, name, n) == 0)
                return v;
        }
        return NULL;
    }
    json_object_foreach ((json_t *)resource, *key, v) {
        if (strncmp(*key, name, n - 1) == 0 && (*key)[n - 1] >= 'A' && (*key)[n - 1] <= 'Z')
            return v;
    }
    return NULL;
}

struct digest_line {
    const struct digest_type *type;
    struct buf id, field[FIELDS_MAX];
    char *time; /* what entries are ordered by; borrowed from a field, "" when there is none */
    bool keep;
};

static void line_release(struct digest_line *l)
{
    buf_release(&l->id);
    for (size_t i = 0; i < FIELDS_MAX; i++)
        buf_release(&l->field[i]);
}

static void line_read(struct digest_line *l, const json_t *resource)
{
    *l = (struct digest_line){.type = type_of(resource), .id = BUF_INIT, .time = buf_empty};
    add_text(&l->id, json_object_get(resource, "id"));
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        const char *spec = l->type->fields[i], *key = NULL;
        const json_t *v = NULL;
        buf_init(&l->field[i]);
        if (!spec)
            continue;
        bool time = *spec == '@', named = str_ends(spec, ":");
        for (const char *p = spec + time; *p && *p != ':' && !v; p += p[0] == '|') {
            size_t n = strcspn(p, "|:");
            v = member(resource, p, n, &key);
            p += n;
        }
        if (!v)
            continue;
        if (named)
            buf_addf(&l->field[i], "%s ", key);
        add_value(&l->field[i], v, 0);
        if (time)
            l->time = l->field[i].ptr;
    }
}

/* Whether an entry's value stands in the agent's answer, as a word of its own. */
static bool answers(const json_t *resource, const char *reported)
{
    const json_t *v = json_at(resource, "valueQuantity.value");
    struct buf number = BUF_INIT;
    bool found = false;
    if (!reported || !json_is_number(v))
        return false;
    buf_addf(&number, "%.15g", json_number_value(v));
    for (const char *p = reported; !found && (p = strstr(p, number.ptr)); p++) {
        const char *end = p + number.len;
        while (*end == '0' || (*end == '.' && !strchr(number.ptr, '.')))
            end++;
        found = (p == reported || (!ascii_isalnum(p[-1]) && p[-1] != '.' && p[-1] != '-')) &&
                !ascii_isalnum(*end) && *end != '-';
    }
    buf_release(&number);
    return found;
}

static void add_line(struct buf *out, const struct digest_line *l, const bool *shared)
{
    bool before_time = true; /* id, code, time and value go together */
    buf_add(out, l->id.ptr, l->id.len);
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        bool time = l->field[i].len && l->type->fields[i][0] == '@';
        if (!l->field[i].len || (shared && shared[i]))
            continue;
        buf_adds(out, before_time || time ? " " : ", ");
        before_time = time;
        buf_add(out, l->field[i].ptr, l->field[i].len);
    }
}

/* ---- a bundle ---- */

struct digest_bundle {
    struct digest_line *v;
    size_t *size, n;
    bool shared[FIELDS_MAX]; /* what is the same in all entries: said once */
    bool one_type;
};

/* What every entry says alike is no line's own; times and values stay on their line. */
static void find_shared(struct digest_bundle *b)
{
    b->one_type = b->n > 1;
    for (size_t i = 1; i < b->n; i++)
        b->one_type &= b->v[i].type == b->v[0].type;
    for (size_t f = 0; b->one_type && f < FIELDS_MAX; f++) {
        const char *spec = b->v[0].type->fields[f];
        b->shared[f] = spec && *spec != '@' && !str_starts(spec, "value") && b->v[0].field[f].len;
        for (size_t i = 1; i < b->n; i++)
            b->shared[f] &= strcmp(b->v[i].field[f].ptr, b->v[0].field[f].ptr) == 0;
    }
}

static bool later(const char *a, const char *b)
{
    return strcmp(a, b) > 0; /* of one clinic: the same form, the same offset but for the hour */
}

/* Keeps as many entries as there is room for: those marked, then from both ends. */
static void choose(struct digest_bundle *b, size_t room)
{
    enum { ENDS = 2 };
    size_t used = 0, latest = 0, first = 0, last = b->n;
    for (size_t i = 1; i < b->n; i++)
        if (later(b->v[i].time, b->v[latest].time))
            latest = i;
    if (b->n && *b->v[latest].time) {
        b->v[latest].keep = true;
        used = b->size[latest];
    }
    for (size_t i = 0; i < b->n; i++)
        if (b->v[i].keep && i != latest)
            used += (b->v[i].keep = used + b->size[i] <= room) ? b->size[i] : 0;
    while (first < last) {
        bool front = first <= (b->n - last) * 2; /* two from the front for one from the back */
        size_t i = front ? first++ : --last;
        if (b->v[i].keep)
            continue;
        if (used + b->size[i] > room && first + (b->n - last) > ENDS)
            break;
        b->v[i].keep = true;
        used += b->size[i];
    }
}

static void add_header(struct buf *out, const json_t *bundle, size_t n)
{
    const json_t *total = json_object_get(bundle, "total"), *link;
    bool next = false;
    size_t i;
    json_array_foreach (json_object_get(bundle, "link"), i, link) {
        next |= strcmp(json_str_at(link, "relation", ""), "next") == 0;
    }
    buf_adds(out, "Bundle: ");
    if (total) {
        buf_adds(out, "total ");
        buf_add_json_value(out, total);
    } else {
        buf_adds(out, "no total");
    }
    if (n != (size_t)json_integer_value(total))
        buf_addf(out, ", %zu here", n);
    buf_adds(out, next ? ", a next page" : ", no next page");
}

static const char *resource_type(const json_t *entry)
{
    return json_str_at(entry, "resource.resourceType", "?");
}

static void add_shared(struct buf *out, const struct digest_bundle *b, const json_t *entries)
{
    buf_adds(out, "\neach: ");
    const char *type = resource_type(json_array_get(entries, 0));
    digest_plain(type, strlen(type), VALUE_MAX, out);
    for (size_t f = 0; f < FIELDS_MAX; f++)
        if (b->shared[f])
            buf_addf(out, ", %s", b->v[0].field[f].ptr);
}

static void add_bundle(struct buf *out, const json_t *bundle, size_t max, const char *reported)
{
    const json_t *entries = json_object_get(bundle, "entry");
    size_t from = out->len, left_out = 0;
    struct digest_bundle b = {.n = json_array_size(entries)};
    struct buf line = BUF_INIT;
    b.v = calloc(b.n + 1, sizeof(*b.v));
    b.size = calloc(b.n + 1, sizeof(*b.size));
    if (!b.v || !b.size) {
        out->failed = true;
        goto out;
    }
    for (size_t i = 0; i < b.n; i++) {
        const json_t *resource = json_object_get(json_array_get(entries, i), "resource");
        line_read(&b.v[i], resource);
        b.v[i].keep = answers(resource, reported);
    }
    find_shared(&b);
    for (size_t i = 1; i < b.n; i++) /* types that share a row of the table */
        b.one_type &= strcmp(resource_type(json_array_get(entries, i)),
                             resource_type(json_array_get(entries, 0))) == 0;
    if (!b.one_type)
        memset(b.shared, 0, sizeof(b.shared));
    add_header(out, bundle, b.n);
    if (b.one_type)
        add_shared(out, &b, entries);
    for (size_t i = 0; i < b.n; i++) {
        buf_reset(&line);
        add_line(&line, &b.v[i], b.shared);
        b.size[i] =
            line.len + 3 + (b.one_type ? 0 : strlen(resource_type(json_array_get(entries, i))) + 1);
    }
    choose(&b, max > out->len - from ? max - (out->len - from) : 0);
    for (size_t i = 0; i <= b.n; i++) {
        if (i < b.n && !b.v[i].keep) {
            left_out++;
            continue;
        }
        if (left_out)
            buf_addf(out, "\n(%zu left out)", left_out);
        left_out = 0;
        if (i == b.n)
            break;
        buf_adds(out, "\n- ");
        if (!b.one_type) {
            add_text(out, json_at(json_array_get(entries, i), "resource.resourceType"));
            buf_addch(out, ' ');
        }
        add_line(out, &b.v[i], b.shared);
    }
out:
    for (size_t i = 0; b.v && i < b.n; i++)
        line_release(&b.v[i]);
    free(b.v);
    free(b.size);
    buf_release(&line);
}

static void add_outcome(struct buf *out, const json_t *outcome)
{
    const json_t *issue;
    size_t i;
    buf_adds(out, "OperationOutcome:");
    json_array_foreach (json_object_get(outcome, "issue"), i, issue) {
        const char *why = json_str_at(issue, "diagnostics", NULL);
        if (!why)
            why = json_str_at(issue, "details.text", json_str_at(issue, "code", "?"));
        buf_adds(out, i ? "; " : " ");
        add_text(out, json_object_get(issue, "severity"));
        buf_addch(out, ' ');
        digest_plain(why, strlen(why), 4 * VALUE_MAX, out);
    }
}

static void add_resource(struct buf *out, const json_t *resource)
{
    struct digest_line l;
    add_text(out, json_object_get(resource, "resourceType"));
    buf_addch(out, ' ');
    line_read(&l, resource);
    add_line(out, &l, NULL);
    line_release(&l);
}

void digest_answer(const char *text, size_t len, size_t max, const char *reported, struct buf *out)
{
    const char *brace = len ? memchr(text, '{', len) : NULL;
    json_t *v = brace ? json_loadb(brace, len - (size_t)(brace - text),
                                   JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL)
                      : NULL;
    const char *type = json_str_at(v, "resourceType", "");
    if (strcmp(type, "Bundle") == 0)
        add_bundle(out, v, max, reported);
    else if (strcmp(type, "OperationOutcome") == 0) {
        digest_plain(text, (size_t)(brace - text), VALUE_MAX,
                     out); /* the status, in a world's words */
        buf_adds(out, brace > text ? " " : "");
        add_outcome(out, v);
    } else if (*type)
        add_resource(out, v);
    else
        digest_plain(text, len, max, out);
    json_decref(v);
}
