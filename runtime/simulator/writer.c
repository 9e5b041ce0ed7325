/*
 * writer.c - the simulated model as writer: reads a prompt of skills/prompts, classifies and
 * diagnoses failures. Proposing and revising are in propose.c, its prose in advice.c.
 */
#include "runtime/simulator/writer.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/text.h"
#include "runtime/simulator/world.h"

#define FENCE "`````"

/* ---- the prompt's sections and records; what stands in a fence is text ---- */

static void end_record(struct sim_record *list, size_t *n, struct sim_record *r, const char *end)
{
    if (r->id.s && *n < SIM_RECORDS) {
        r->text.n = (size_t)(end - r->text.s);
        list[(*n)++] = *r;
    }
    r->id = (struct sim_text){0};
}

static void read_prompt(struct sim_prompt *p)
{
    static const struct {
        const char *heading;
        int list; /* 1 tasks, 2 passing, 3 skills */
    } sections[] = {
        {"## Failing tasks", 1},
        {"## Tasks it broke", 1},
        {"## Passing tasks", 2},
        {"## Editable skills", 3},
        {"## The edit", 3},
        {"## Candidates", 3},
        {"## ", 0},
    };
    struct sim_text rest = p->text, line;
    struct sim_record r = {{0}, {0}};
    struct sim_record *lists[] = {NULL, p->tasks, p->passing, p->skills};
    size_t *counts[] = {NULL, &p->n_tasks, &p->n_passing, &p->n_skills};
    int list = 0;
    bool fenced = false;
    while (sim_next_line(&rest, &line)) {
        if (sim_starts(line, FENCE)) {
            fenced = !fenced;
        } else if (!fenced && sim_starts(line, "## ")) {
            if (list)
                end_record(lists[list], counts[list], &r, line.s);
            size_t i = 0;
            while (!sim_starts(line, sections[i].heading))
                i++;
            list = sections[i].list;
        } else if (!fenced && list && sim_starts(line, "### ")) {
            end_record(lists[list], counts[list], &r, line.s);
            r.id = sim_trim((struct sim_text){line.s + 4, line.n - 4});
            const char *cut = memmem(r.id.s, r.id.n, " (version", 9);
            if (cut)
                r.id.n = (size_t)(cut - r.id.s);
            r.text = (struct sim_text){rest.s, 0};
        }
    }
    if (list)
        end_record(lists[list], counts[list], &r, p->text.s + p->text.n);
}

/* ---- classify and diagnose ---- */

#define MISTAKES 0.08 /* share of labels and diagnoses that miss */

static enum sim_mechanism seen(const struct sim_prompt *p, const struct sim_record *t,
                               uint64_t salt)
{
    uint64_t id = 0;
    for (size_t i = 0; i < t->id.n; i++)
        id = id * 131 + (uint8_t)t->id.s[i];
    if (sim_chance(p->key, id, salt) < MISTAKES)
        return (enum sim_mechanism)(sim_chance(p->key, id, salt + 1) * MECH_WORLDS);
    return sim_mechanism_of(t);
}

static const char unclear_label[] = "cause_not_visible_in_actions";

static void classify(struct sim_prompt *p)
{
    bool used[MECHANISMS + 1] = {false};
    if (sim_chance(p->key, 1, 1) < 0.03) {
        buf_adds(p->out,
                 "These failures have several causes. Most of them concern the answer's form.");
        return;
    }
    buf_adds(p->out, "{\"labels\": {");
    for (size_t i = 0; i < p->n_tasks; i++) {
        enum sim_mechanism m = seen(p, &p->tasks[i], 10);
        used[m] = true;
        buf_adds(p->out, i ? ", \"" : "\"");
        buf_add_json(p->out, p->tasks[i].id.s, p->tasks[i].id.n, false);
        buf_addf(p->out, "\": \"%s\"", m < MECHANISMS ? sim_advices[m].label : unclear_label);
    }
    buf_adds(p->out, "}, \"also\": {");
    bool first = true;
    for (size_t i = 0; i < p->n_tasks; i++) {
        enum sim_mechanism m = sim_second_mechanism(&p->tasks[i]);
        if (m == MECH_UNCLEAR)
            continue;
        used[m] = true;
        buf_adds(p->out, first ? "\"" : ", \"");
        buf_add_json(p->out, p->tasks[i].id.s, p->tasks[i].id.n, false);
        buf_addf(p->out, "\": \"%s\"", sim_advices[m].label);
        first = false;
    }
    buf_adds(p->out, "}, \"new_labels\": {");
    first = true;
    for (size_t m = 0; m <= MECHANISMS; m++) {
        char known[96];
        const char *label = m < MECHANISMS ? sim_advices[m].label : unclear_label;
        snprintf(known, sizeof(known), "\n- `%s`:", label);
        const char *section = memmem(p->text.s, p->text.n, "## Known labels", 15);
        struct sim_text rest = {section, section ? (size_t)(p->text.s + p->text.n - section) : 0};
        if (!used[m] || sim_text_has(rest, known))
            continue;
        buf_addf(p->out, "%s\"%s\": \"%s\"", first ? "" : ", ", label,
                 m < MECHANISMS ? sim_advices[m].line : "the log does not show what went wrong");
        first = false;
    }
    buf_adds(p->out, "}}");
}

/* The library's skill that covers a mechanism, from "- `name`: description". */
static struct sim_text covering(const struct sim_prompt *p, enum sim_mechanism m)
{
    const char *section = memmem(p->text.s, p->text.n, "\n## Library", 11);
    struct sim_text rest = {section, section ? (size_t)(p->text.s + p->text.n - section) : 0}, line;
    for (size_t i = 0; section && i < 2; i++) {
        char name[96];
        snprintf(name, sizeof(name), "- `%s`:", sim_advices[m].names[i]);
        struct sim_text r = rest;
        while (sim_next_line(&r, &line))
            if (sim_starts(line, name))
                return (struct sim_text){line.s + 3, strlen(sim_advices[m].names[i])};
    }
    return (struct sim_text){0};
}

static void diagnose(struct sim_prompt *p)
{
    buf_adds(p->out, "{");
    for (size_t i = 0; i < p->n_tasks; i++) {
        enum sim_mechanism m = seen(p, &p->tasks[i], 20);
        buf_adds(p->out, i ? ", \"" : "\"");
        buf_add_json(p->out, p->tasks[i].id.s, p->tasks[i].id.n, false);
        buf_adds(p->out, "\": \"");
        struct sim_text name = {0};
        if (m == MECH_UNCLEAR) {
            buf_adds(p->out, "unclear: the actions do not show which step went wrong");
        } else if ((name = covering(p, m)).n) {
            buf_addf(p->out,
                     "%.*s covers this, but its trigger or its rules lack what this task "
                     "needs: %s",
                     (int)name.n, name.s, sim_advices[m].line);
        } else {
            buf_addf(p->out, "new: %s", sim_advices[m].line);
        }
        buf_adds(p->out, "\"");
    }
    buf_adds(p->out, "}");
}

/* Prefers a candidate whose text holds no absolute. */
static void choose(struct sim_prompt *p)
{
    size_t best = 0;
    for (size_t i = 0; i < p->n_skills && !best; i++) {
        bool broad = false;
        for (const char *const *b = sim_broad_lines; *b; b++)
            broad |= sim_text_has(p->skills[i].text, *b);
        if (!broad && sim_mechanism_of_skill(p->skills[i].text) != MECH_UNCLEAR)
            best = i + 1;
    }
    buf_addf(p->out, "{\"choice\": %zu, \"why\": \"one mechanism, and a trigger that shows it\"}",
             best ? best : (size_t)(p->n_skills > 0));
}

bool sim_writer_reply(const struct sim_settings *settings, const struct chat *chat, int64_t draw,
                      struct buf *out)
{
    static const struct {
        const char *phase;
        void (*fn)(struct sim_prompt *p);
    } phases[] = {
        {"# Phase: classify", classify},
        {"# Phase: diagnose", diagnose},
        {"# Phase: propose", sim_propose},
        {"# Phase: revise", sim_revise},
        {"# Phase: select", choose},
        {"# Phase: memory-note", sim_memory_note},
        {"# Phase: expel-", sim_expel},
        {"# Phase: evo-reflect", sim_evo_reflect},
        {"# Phase: evo-curate", sim_evo_curate},
        {"# Phase: skillx-", sim_skillx},
    };
    for (size_t i = 0; i < chat->n; i++) {
        const struct message *m = &chat->v[i];
        struct sim_text text = sim_trim((struct sim_text){m->text, m->len});
        if (m->role == CHAT_AGENT || !sim_starts(text, "# Phase: "))
            continue;
        for (size_t k = 0; k < sizeof(phases) / sizeof(phases[0]); k++) {
            if (!sim_starts(text, phases[k].phase))
                continue;
            struct sim_prompt *p = calloc(1, sizeof(*p)); /* too large for a stack */
            if (!p) {
                out->failed = true;
                return true;
            }
            p->text = text;
            p->settings = settings;
            p->out = out;
            p->key =
                (uint64_t)(sim_chance(XXH3_64bits(text.s, text.n), settings->seed, (uint64_t)draw) *
                           0x1p63);
            read_prompt(p);
            phases[k].fn(p);
            free(p);
            return true;
        }
    }
    return false;
}
