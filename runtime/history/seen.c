/* seen.c - what evidence shows of its probes, cut to the room that a note has. */
#include "runtime/history/seen.h"

#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/history/history.h"

/* From all there is to nothing; the first that fits is taken. */
static const struct room {
    size_t answer, reasons; /* bytes, how many */
    bool unchanged;         /* also probes on which both ends came out alike */
} rooms[] = {{4000, 64, true}, {1000, 24, true}, {300, 8, true}, {100, 3, true},
             {300, 8, false},  {100, 3, false},  {40, 1, false}};
#define ROOMS (sizeof(rooms) / sizeof(*rooms))

static json_t *cut_answer(const char *answer, size_t most)
{
    return json_text(answer, utf8_cut(answer, strlen(answer), most));
}

static json_t *cut_reasons(const json_t *reasons, size_t most)
{
    json_t *out = json_array();
    size_t n = json_array_size(reasons), keep = n > most ? most - 1 : n;
    for (size_t i = 0; i < keep; i++)
        json_array_append(out, json_array_get(reasons, i));
    if (keep < n)
        json_array_append_new(out,
                              json_sprintf("more: %zu further reasons are left out", n - keep));
    return out;
}

/* The place of these skills in the list, where they are added when they are new. */
static size_t skills_at(json_t *list, json_t *skills)
{
    size_t i;
    json_t *v;
    json_array_foreach (list, i, v) {
        if (json_equal(v, skills))
            return i;
    }
    json_array_append(list, skills);
    return i;
}

static json_t *end_of(const json_t *seen, const struct room *room, bool journaled, json_t *skills)
{
    const char *answer = json_str_at(seen, "answer", NULL);
    json_t *v = json_copy((json_t *)seen), *shown = json_object_get(seen, "skills");
    if (answer && strlen(answer) > room->answer) {
        json_object_set_new(v, "answer", cut_answer(answer, room->answer));
        if (!json_object_get(v, "answer_bytes"))
            json_object_set_new(v, "answer_bytes", json_integer((json_int_t)strlen(answer)));
    }
    json_object_set_new(v, "reasons", cut_reasons(json_object_get(seen, "reasons"), room->reasons));
    json_object_set_new(v, "skills", json_integer((json_int_t)skills_at(skills, shown)));
    if (!journaled)
        json_object_del(v, "call");
    return v;
}

static json_t *seen_in(const json_t *rows, const json_t *before, const json_t *after,
                       bool journaled, const struct room *room)
{
    json_t *probes = json_array(), *skills = json_array(), *row;
    size_t i, left_out = 0;
    json_array_foreach ((json_t *)rows, i, row) {
        const json_t *a = json_array_get(before, i), *b = json_array_get(after, i);
        if (!json_is_object(a) || !json_is_object(b)) /* not measured, or it could not be */
            continue;
        enum effect effect = probe_effect(row);
        if (!room->unchanged && effect != EFFECT_FIXED && effect != EFFECT_BROKE) {
            left_out++;
            continue;
        }
        json_t *from = end_of(a, room, journaled, skills), *to = end_of(b, room, journaled, skills);
        json_array_append_new(probes, json_pack("{s:O, s:o, s:o}", "id", json_object_get(row, "id"),
                                                "before", from, "after", to));
    }
    return json_pack("{s:o, s:o, s:I, s:I, s:I}", "probes", probes, "skills", skills,
                     "answer_bytes", (json_int_t)room->answer, "reasons", (json_int_t)room->reasons,
                     "left_out", (json_int_t)left_out);
}

/* As the library writes it. */
static size_t note_size(const json_t *evidence)
{
    return json_dumpb(evidence, NULL, 0, JSON_INDENT(2) | JSON_SORT_KEYS) + 1;
}

int seen_add(json_t *evidence, const json_t *before, const json_t *after, bool journaled,
             size_t most)
{
    const json_t *rows = json_object_get(evidence, "probes");
    for (size_t i = 0; i < ROOMS; i++) {
        json_t *seen = seen_in(rows, before, after, journaled, &rooms[i]);
        if (!seen || json_object_set_new(evidence, "seen", seen) < 0)
            return err_oom();
        if (note_size(evidence) <= most)
            return 0;
    }
    json_object_set_new(evidence, "seen",
                        json_pack("{s:I}", "left_out", (json_int_t)json_array_size(rows)));
    if (note_size(evidence) > most)
        json_object_del(evidence, "seen");
    return 0;
}

const json_t *seen_find(const json_t *evidence, const char *task)
{
    return probe_find(json_at(evidence, "seen.probes"), task);
}

const json_t *seen_skills(const json_t *evidence, const json_t *end)
{
    int64_t at = json_int_at(end, "skills", -1);
    return at < 0 ? NULL : json_array_get(json_at(evidence, "seen.skills"), (size_t)at);
}
