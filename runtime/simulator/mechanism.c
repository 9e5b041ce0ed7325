/* mechanism.c - what failed, from the words of a diagnosis or of a skill. */
#include <ctype.h>
#include <string.h>

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

static enum sim_mechanism mechanism_of_answer(struct sim_text text, struct sim_text reported)
{
    static const char *const loinc[] = {
        "code=19123-9", "code=41653-7", "code=2823-3", "code=4548-4",
        "code=3016-3",  "code=8867-4",  NULL};
    static const char *const mean[] = {"average", "mean", NULL};
    static const char *const age[] = {"'s the age", "How old", "how old", " age ", NULL};
    struct sim_text instruction = sim_field(text, "instruction:");
    size_t words, letters = letters_and_words(reported, &words);
    if (has_any(text, loinc))
        return MECH_CODE;
    if (sim_text_has(text, "Patient?name="))
        return MECH_NAME;
    if (sim_text_has(reported, "\"No ") || sim_trim(reported).n <= 2 ||
        sim_starts(reported, "[null"))
        return MECH_MISSING;
    if (sim_text_has(reported, "not found"))
        return MECH_NAME;
    if (words >= 3 || (letters >= 1 && words >= 1 && !sim_text_has(reported, "T") && letters < 8))
        return MECH_BARE;
    if (sim_text_has(reported, ", \"") && !sim_text_has(reported, "T"))
        return MECH_DATE;
    if (has_any(instruction, mean))
        return MECH_MEAN;
    if (has_any(instruction, age))
        return MECH_AGE;
    return sim_text_has(instruction, "hours") ? MECH_WINDOW : MECH_LATEST;
}

enum sim_mechanism sim_mechanism_of(const struct sim_record *task)
{
    struct sim_text tags = sim_field(task->text, "tags:"), why = sim_field(task->text, "verdict:");
    struct sim_text reported = sim_field(task->text, "reported:");
    bool posted = sim_text_has(task->text, "- POST");
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
        posted || sim_text_has(task->text, "- GET ") || sim_text_has(task->text, "- FINISH(");
    if (reported.n && clinic)
        return mechanism_of_answer(task->text, reported);
    return MECH_UNCLEAR;
}

enum sim_mechanism sim_mechanism_of_skill(struct sim_text text)
{
    for (enum sim_mechanism m = 0; m < MECHANISMS; m++)
        if (sim_text_has(text, sim_advices[m].title))
            return m;
    return MECH_UNCLEAR;
}
