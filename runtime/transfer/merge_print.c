/* merge_print.c - what a merge did, as a table and as JSON. */
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/history/history.h"
#include "runtime/history/words.h"
#include "runtime/transfer/merge.h"

static const char *why(const struct merge_step *s)
{
    static const struct {
        const char *fate, *words;
    } all[] = {
        {"same", "there already"},
        {"full", "the library is full (cycle.max_learned_skills)"},
        {"leak", "it quotes the benchmark"},
        {"pinned", "the skill is pinned: a person keeps it as it is"},
        {"large", "the library would be longer than skills.max_chars"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (s->fate && strcmp(s->fate, all[i].fate) == 0)
            return all[i].words;
    return s->fate ? fate_words(s->fate) : "not reached";
}

void merge_print(const struct merge_report *r, FILE *out)
{
    int width = 5;
    for (size_t i = 0; i < r->n; i++)
        if ((int)strlen(r->v[i].name) > width)
            width = (int)strlen(r->v[i].name);
    if (r->n)
        fprintf(out, "  %-*s  %-6s  %5s  %7s  %7s\n", width, "skill", "edit", "score", "fixes",
                "broken");
    for (size_t i = 0; i < r->n; i++) {
        const struct merge_step *s = &r->v[i];
        const struct gate_score *g = &s->score;
        fprintf(out, "  %-*s", width, s->name);
        if (s->measured && s->stop == GATE_FINISHED)
            fprintf(out, "  %-6s  %+5d  %3d/%-3d  %3d/%-3d", edit_action_name(s->action), g->score,
                    g->fixes, g->failing, g->regressions, g->passing);
        else if (s->measured)
            fprintf(out, "  %-6s  %5s  %3d/%-3d  %3d/%-3d", edit_action_name(s->action), "-",
                    g->fixes, g->failing, g->regressions, g->passing);
        else
            fprintf(out, "  %-6s  %5s  %7s  %7s", "-", "-", "-", "-");
        fprintf(out, "  %s\n", why(s));
    }
    fprintf(out, "%zu let in; the library has %zu %s at %.12s\n", r->accepted, r->skills,
            plural((int64_t)r->skills, "skill", "skills"), r->after.hex);
}

json_t *merge_to_json(const struct merge_report *r)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const struct merge_step *s = &r->v[i];
        json_t *v = json_pack("{s:s, s:s?, s:b}", "name", s->name, "fate", s->fate, "measured",
                              (int)s->measured);
        if (s->measured) {
            json_t *more = json_pack("{s:s, s:s, s:i, s:i, s:i, s:s}", "action",
                                     edit_action_name(s->action), "stop", gate_stop_name(s->stop),
                                     "score", s->score.score, "fixes", s->score.fixes,
                                     "regressions", s->score.regressions, "commit", s->commit.hex);
            json_object_update_new(v, more);
        }
        json_array_append_new(steps, v);
    }
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:o}", "run", r->run, "before", r->before.hex,
                     "after", r->after.hex, "accepted", (int)r->accepted, "skills", (int)r->skills,
                     "steps", steps);
}
