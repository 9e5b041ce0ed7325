/* mechanism.c - what failed, from the words of a diagnosis or of a skill. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/text.h"
#include "runtime/simulator/world.h"
#include "runtime/simulator/writer.h"

static bool has_any(struct sim_text t, const char *const *words)
{
    for (; *words; words++)
        if (sim_text_has(t, *words))
            return true;
    return false;
}

/* "post_body_mismatch:dosageInstruction[0].route" and the verdict say which field. */
static enum sim_mechanism mechanism_of_field(struct sim_text why)
{
    static const struct {
        const char *field;
        enum sim_mechanism m;
    } fields[] = {
        {"subject", MECH_SUBJECT},   {"category", MECH_VITAL},
        {"valueString", MECH_VITAL}, {"code.text", MECH_VITAL},
        {".route", MECH_DOSE},       {"dosage", MECH_DOSE},
        {"Quantity", MECH_DOSE},     {"occurrence", MECH_SECOND},
        {"note", MECH_NOTE},         {"reason", MECH_NOTE},
        {"indication", MECH_NOTE},   {"authoredOn", MECH_FIELDS},
        {"priority", MECH_FIELDS},   {"effectiveDateTime", MECH_FIELDS},
        {"status", MECH_STATUS},     {"intent", MECH_STATUS},
        {".code", MECH_FIELDS},      {"valueQuantity", MECH_VITAL},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (sim_text_has(why, fields[i].field))
            return fields[i].m;
    return MECH_UNCLEAR;
}

static size_t letters_and_words(struct sim_text t, size_t *words)
{
    size_t letters = 0;
    *words = 0;
    for (size_t i = 0; i < t.n; i++) {
        letters += ascii_isalpha(t.s[i]);
        *words +=
            ascii_isalpha(t.s[i]) && (i == 0 || ascii_isspace(t.s[i - 1]) || t.s[i - 1] == '"');
    }
    return letters;
}

/* ---- what came back, from the digests below the steps ---- */

struct found {
    size_t bundles, empty, entries, later; /* later: than the one that was reported */
    bool next_page;                        /* of the last bundle */
    bool born;                             /* a birth date stands there */
    char latest[40], reported[40];         /* times: the latest, of the value that was reported */
};

/* The next date-time of the line, as text; "" when there is none. */
static void time_in(struct sim_text line, char out[40])
{
    out[0] = '\0';
    for (size_t i = 0; i + 16 <= line.n; i++) {
        static const char shape[] = "dddd-dd-ddTdd:dd";
        size_t k = 0;
        while (shape[k] &&
               (shape[k] == 'd' ? ascii_isdigit(line.s[i + k]) : line.s[i + k] == shape[k]))
            k++;
        if (shape[k])
            continue;
        for (; i + k < line.n && k < 39 && strchr("0123456789:.+-Z", line.s[i + k]); k++)
            ;
        snprintf(out, 40, "%.*s", (int)k, line.s + i);
        return;
    }
}

/* The number that follows the time of an entry's line, as it stands there. */
static bool value_in(struct sim_text line, const char *time, double *v)
{
    const char *at = *time ? memmem(line.s, line.n, time, strlen(time)) : NULL;
    char text[32], *end;
    if (!at)
        return false;
    at += strlen(time);
    snprintf(text, sizeof(text), "%.*s",
             (int)(line.s + line.n - at < 31 ? line.s + line.n - at : 31), at);
    *v = strtod(text, &end);
    return end != text;
}

static void read_entry(struct found *f, struct sim_text line, double reported)
{
    char time[40];
    double v;
    f->entries++;
    time_in(line, time);
    if (strcmp(time, f->latest) > 0)
        memcpy(f->latest, time, sizeof(time));
    if (value_in(line, time, &v) && v == reported && strcmp(time, f->reported) > 0)
        memcpy(f->reported, time, sizeof(time));
}

static void read_found(struct found *f, struct sim_text text, struct sim_text reported)
{
    struct sim_text rest = text, line;
    const char *number = reported.n ? memchr(reported.s, '[', reported.n) : NULL;
    char *end = NULL;
    double v = number ? strtod(number + 1, &end) : 0;
    bool has_number = number && end != number + 1;
    *f = (struct found){0};
    while (sim_next_line(&rest, &line)) {
        if (sim_starts(line, "   -> Bundle: ")) {
            f->bundles++;
            f->empty += sim_starts(line, "   -> Bundle: total 0,");
            f->next_page = sim_text_has(line, ", a next page");
        } else if (sim_starts(line, "      - ")) {
            read_entry(f, line, has_number ? v : -1e300);
            f->born |= sim_text_has(line, "birthDate ");
        }
    }
    f->later = *f->reported && strcmp(f->latest, f->reported) > 0;
}

/* Whether an entry's time lies before the hours that the task names. */
static bool too_old(struct sim_text text, struct sim_text instruction, const char *time)
{
    struct sim_text context = sim_field(text, "context:");
    char now[40];
    int64_t now_ns, then_ns;
    const char *hours = NULL;
    for (size_t i = 0; i + 6 < instruction.n && !hours; i++)
        if (ascii_isdigit(instruction.s[i]) && memmem(instruction.s + i, 9, " hour", 5))
            hours = instruction.s + i;
    time_in(context, now);
    if (!hours || !sim_time(now, &now_ns) || !sim_time(time, &then_ns))
        return false;
    return then_ns < now_ns - strtol(hours, NULL, 10) * 3600 * NS_PER_SEC;
}

/* Of a wrong answer. What it is cannot be told without what the agent saw. */
static enum sim_mechanism mechanism_of_answer(struct sim_text text, struct sim_text reported)
{
    static const char *const loinc[] = {
        "code=19123-9", "code=41653-7", "code=2823-3", "code=4548-4",
        "code=3016-3",  "code=8867-4",  NULL};
    static const char *const mean[] = {"average", "mean", NULL};
    static const char *const age[] = {"'s the age", "How old", "how old", " age ", NULL};
    struct sim_text instruction = sim_field(text, "instruction:");
    struct found f;
    size_t words, letters = letters_and_words(reported, &words);
    read_found(&f, text, reported);
    if (f.empty && has_any(text, loinc))
        return MECH_CODE;
    if (f.empty && sim_text_has(text, "Patient?name="))
        return MECH_NAME;
    bool nothing = sim_text_has(reported, "\"No ") || sim_trim(reported).n <= 2 ||
                   sim_starts(reported, "[null");
    if (nothing)
        return f.bundles ? MECH_MISSING : MECH_UNCLEAR;
    if (sim_text_has(reported, "not found"))
        return f.empty ? MECH_NAME : MECH_UNCLEAR;
    if (words >= 3 || (letters >= 1 && words >= 1 && !sim_text_has(reported, "T") && letters < 8))
        return MECH_BARE;
    if (!f.entries && !f.empty) /* nothing is known of what came back */
        return MECH_UNCLEAR;
    if (sim_text_has(reported, ", \"") && !sim_text_has(reported, "T"))
        return MECH_DATE;
    if (has_any(instruction, mean))
        return MECH_MEAN;
    if (has_any(instruction, age))
        return f.born ? MECH_AGE : MECH_UNCLEAR;
    if (f.later || f.next_page)
        return MECH_LATEST;
    if (*f.reported && too_old(text, instruction, f.reported))
        return MECH_WINDOW;
    return sim_text_has(instruction, "hours") ? MECH_WINDOW : MECH_LATEST;
}

enum sim_mechanism sim_mechanism_of(const struct sim_record *task)
{
    struct sim_text tags = sim_field(task->text, "tags:"), why = sim_field(task->text, "verdict:");
    struct sim_text reported = sim_field(task->text, "reported:");
    bool posted = sim_text_has(task->text, ". POST ");
    enum sim_mechanism m = sim_world_mechanism(tags);
    if (m != MECH_UNCLEAR)
        return m;
    if (sim_text_has(tags, "protocol_invalid"))
        return MECH_FORM;
    if (sim_text_has(tags, "no_finish") || sim_text_has(task->text, "status: task limit"))
        return MECH_END;
    if (sim_text_has(tags, "post_body_mismatch") || sim_starts(why, "payload")) {
        struct sim_text body = sim_text_has(tags, "post_body_mismatch") ? tags : why;
        if ((m = mechanism_of_field(body)) != MECH_UNCLEAR ||
            (m = mechanism_of_field(why)) != MECH_UNCLEAR)
            return m;
    }
    if (sim_text_has(tags, "answered_without_query"))
        return MECH_LOOK;
    if (sim_text_has(tags, "extra_post") || sim_text_has(tags, "read_only") ||
        sim_starts(why, "has_post"))
        return sim_text_has(task->text, "Immunization?") ? MECH_RESOURCE : MECH_DUE;
    if (sim_text_has(tags, "missing_required_post") || sim_starts(why, "posts")) {
        if (sim_text_has(task->text, "Immunization?"))
            return MECH_RESOURCE;
        return posted ? MECH_SECOND : MECH_OMIT;
    }
    bool clinic =
        posted || sim_text_has(task->text, ". GET ") || sim_text_has(task->text, ". FINISH(");
    if (reported.n && clinic)
        return mechanism_of_answer(task->text, reported);
    return MECH_UNCLEAR;
}

/* What the verdict's further lines add to that. */
enum sim_mechanism sim_second_mechanism(const struct sim_record *task)
{
    enum sim_mechanism first = sim_mechanism_of(task), m;
    struct sim_text rest = task->text, line;
    for (size_t n = 0; sim_next_line(&rest, &line);) {
        if (!sim_starts(line, "verdict: ") || n++ == 0)
            continue;
        bool payload = sim_starts(line, "verdict: payload");
        m = payload                                                     ? mechanism_of_field(line)
            : sim_text_has(line, "a string where a number is expected") ? MECH_BARE
                                                                        : MECH_UNCLEAR;
        if (m != MECH_UNCLEAR && m != first)
            return m;
    }
    return MECH_UNCLEAR;
}

enum sim_mechanism sim_mechanism_of_skill(struct sim_text text)
{
    for (enum sim_mechanism m = 0; m < MECHANISMS; m++)
        if (sim_text_has(text, sim_advices[m].title))
            return m;
    return MECH_UNCLEAR;
}
