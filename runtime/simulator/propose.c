/*
 * propose.c - the simulated writer proposes and revises edits. Most proposals are sound, some
 * are too broad, useless, doubled or malformed: chosen by the hash of the call and its draw.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/simulator/writer.h"

/* What tasks are about, in the words of their instructions: to narrow a trigger. */
static const struct {
    const char *word, *topic;
} topics[] = {
    {"magnesium", "magnesium"},
    {"potassium", "potassium"},
    {"CBG", "CBG"},
    {"glucose", "glucose"},
    {"A1C", "HbA1C"},
    {" age", "age"},
    {"How old", "age"},
    {"MRN of the", "MRN"},
    {"record number", "MRN"},
    {"blood pressure", "blood pressure"},
    {"referral", "referral"},
    {"CT ", "CT"},
    {"DVT", "DVT prophylaxis"},
    {"heart rate", "heart rate"},
    {"catheter", "catheter"},
    {"neoplasm", "neoplasm"},
    {"TSH", "TSH"},
    {"QTc", "QTc"},
    {"opioid", "opioid"},
    {"influenza", "influenza"},
    {"COVID", "COVID"},
};
#define TOPICS (sizeof(topics) / sizeof(topics[0]))

enum sim_draft { KIND_GOOD, KIND_DRAFT, KIND_NARROW, KIND_BROAD, KIND_MIXED, KIND_TALK, KIND_HALF };

/* Of proposals that address the group's mechanism, how many are of each kind. Good ones say what
 * helps; drafts leave rules out; narrow ones name too few tasks. Broad ones have an absolute rule
 * that repairs some and breaks many. Mixed ones have a remark that breaks about every sixth task it
 * concerns, so that an edit repairs a few and breaks one (the regression budget decides); talk has
 * one that lets as many end in an invalid action (lambda decides); half is a good skill of hedged
 * rules, which half of the tasks heed. */
static const struct {
    enum sim_draft kind;
    double share;
} drafts[] = {
    {KIND_GOOD, 0.38},  {KIND_DRAFT, 0.05}, {KIND_NARROW, 0.05}, {KIND_BROAD, 0.14},
    {KIND_MIXED, 0.15}, {KIND_TALK, 0.13},  {KIND_HALF, 1},
};

/* The topics of a text as "magnesium and potassium"; false: none. */
static bool add_topics(struct buf *out, struct sim_text text)
{
    bool any = false, seen[TOPICS] = {false};
    for (size_t i = 0; i < TOPICS; i++) {
        if (!sim_text_has(text, topics[i].word))
            continue;
        bool twice = false;
        for (size_t k = 0; k < i; k++)
            twice |= seen[k] && strcmp(topics[k].topic, topics[i].topic) == 0;
        if (twice)
            continue;
        seen[i] = true;
        buf_addf(out, "%s%s", any ? " and " : "", topics[i].topic);
        any = true;
    }
    return any;
}

/* The instructions of the group's tasks with this mechanism. */
static void instructions(const struct sim_prompt *p, enum sim_mechanism m, struct buf *out)
{
    for (size_t i = 0; i < p->n_tasks; i++) {
        struct sim_text t = sim_field(p->tasks[i].text, "instruction:");
        if (sim_mechanism_of(&p->tasks[i]) == m)
            buf_add(out, t.s, t.n), buf_addch(out, '\n');
    }
}

static void add_numbered(struct buf *b, const char *lines, size_t most, const char *before)
{
    for (size_t n = 1; *lines && n <= most; n++) {
        size_t len = strcspn(lines, "\n");
        buf_addf(b, "%zu. %s%.*s\n", n, before, (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

/* A skill's description and body. `only`: topics the trigger is narrowed to, or "". */
static void write_skill(const struct sim_advice *a, enum sim_draft kind, const char *only,
                        struct buf *description, struct buf *body)
{
    bool broad = kind == KIND_BROAD;
    buf_addf(description, "%s%s", a->what, "");
    if (*only)
        buf_addf(description, " Only for tasks about %s.", only);
    else
        buf_addf(description, " Use when: %s", broad ? "every task and any record." : a->when);
    buf_addf(body, "# %s\n\n%s\n\n## When to Use\n\n", a->title, a->what);
    if (*only)
        buf_addf(body, "- Only for tasks about %s.\n", only);
    else
        buf_addf(body, "- %s\n", broad ? "Use it in every task." : a->when);
    buf_addf(body,
             "- The next step is the one that this page is about; nothing else changes.\n"
             "- It asks for nothing beyond what the task asks for.\n\n"
             "## Common Failure Patterns\n\n%s"
             "- The same mistake in another wording of the question.\n\n"
             "## Recommended Patterns\n\n",
             a->failures);
    add_numbered(body, a->rules, kind == KIND_DRAFT ? 1 : 9, kind == KIND_HALF ? sim_hedge : "");
    if (broad || kind == KIND_MIXED || kind == KIND_TALK)
        buf_addf(body, "9. %s\n",
                 broad                ? a->broad
                 : kind == KIND_MIXED ? sim_side_remarks[strlen(a->title) % 2]
                                      : sim_talk_remark);
    buf_addf(body,
             "\nWhat does not change: the other steps of the task, and their sequence.\n\n"
             "## Example\n\nTask (invented): \"%s\"\n\nWrong:\n\n    %s\n\nRight:\n\n    %s\n\n"
             "Why: %s\n",
             a->task, a->wrong, a->right, a->what);
}

static json_t *tags_of(const char *words)
{
    json_t *tags = json_array();
    while (*words) {
        size_t n = strcspn(words, " ");
        json_array_append_new(tags, json_stringn(words, n));
        words += n + (words[n] == ' ');
    }
    return tags;
}

static json_t *edit(const char *action, struct sim_text name, const struct sim_advice *a,
                    enum sim_draft kind, const char *only)
{
    struct buf description = BUF_INIT, body = BUF_INIT;
    write_skill(a, kind, only, &description, &body);
    json_t *e = json_pack("{s:s,s:s%,s:s%,s:s%,s:o}", "action", action, "name", name.s, name.n,
                          "description", description.ptr, description.len, "content", body.ptr,
                          body.len, "tags", tags_of(a->tags));
    buf_release(&description);
    buf_release(&body);
    return e;
}

static struct sim_text text_of(const char *s)
{
    return (struct sim_text){s, strlen(s)};
}

static const struct sim_record *skill_named(const struct sim_prompt *p, struct sim_text name)
{
    for (size_t i = 0; i < p->n_skills; i++)
        if (p->skills[i].id.n == name.n && memcmp(p->skills[i].id.s, name.s, name.n) == 0)
            return &p->skills[i];
    return NULL;
}

static long count_field(const struct sim_record *skill, const char *key)
{
    struct sim_text t = sim_field(skill->text, key);
    return t.n ? strtol(t.s, NULL, 10) : 0;
}

static bool is_broad(struct sim_text text)
{
    for (const char *const *b = sim_broad_lines; *b; b++)
        if (sim_text_has(text, *b))
            return true;
    return false;
}

/* Whether a remark stands in it that had better not. */
static bool has_remark(struct sim_text text)
{
    return is_broad(text) || sim_text_has(text, sim_side_remarks[0]) ||
           sim_text_has(text, sim_side_remarks[1]) || sim_text_has(text, sim_talk_remark);
}

/* The skill that the library could best do without: harm first, then what another one repeats, then
 * what was seldom of use. NULL: none that stands out. */
static const struct sim_record *superfluous(const struct sim_prompt *p, bool must)
{
    const struct sim_record *worst = NULL;
    long worst_score = must ? 1000000 : 0;
    for (size_t i = 0; i < p->n_skills; i++) {
        const struct sim_record *s = &p->skills[i];
        long score =
            count_field(s, "present in fixes:") - 2 * count_field(s, "present in regressions:");
        enum sim_mechanism m = sim_mechanism_of_skill(s->text);
        for (size_t k = 0; k < i; k++)
            if (m != MECH_UNCLEAR && sim_mechanism_of_skill(p->skills[k].text) == m)
                score -= 20; /* says what another one says */
        score -= is_broad(s->text) ? 10 : 0;
        score -= m == MECH_UNCLEAR && sim_text_has(s->text, sim_useless[0].what) ? 30 : 0;
        if (score < worst_score) {
            worst = s;
            worst_score = score;
        }
    }
    return worst;
}

/* The group's mechanism: what most of its tasks show, by a share of chance another one that some
 * show. */
static enum sim_mechanism group_mechanism(const struct sim_prompt *p, double luck)
{
    size_t votes[MECHANISMS + 1] = {0}, best = MECH_UNCLEAR, second = MECH_UNCLEAR;
    for (size_t i = 0; i < p->n_tasks; i++)
        votes[sim_mechanism_of(&p->tasks[i])]++;
    for (size_t m = 0; m < MECHANISMS; m++)
        if (votes[m] && (best == MECH_UNCLEAR || votes[m] > votes[best]))
            best = m;
    for (size_t m = 0; m < MECHANISMS; m++)
        if (m != best && votes[m] && (second == MECH_UNCLEAR || votes[m] > votes[second]))
            second = m;
    return (enum sim_mechanism)(luck < 0.2 && second != MECH_UNCLEAR ? second : best);
}

/* ADD, or MODIFY of the skill that has this mechanism already; NULL: nothing to improve. */
static json_t *improve(struct sim_prompt *p, enum sim_mechanism m, enum sim_draft kind)
{
    const struct sim_advice *a = &sim_advices[m];
    struct buf seen = BUF_INIT, only = BUF_INIT;
    const struct sim_record *have = NULL;
    json_t *e = NULL;
    instructions(p, m, &seen);
    if (kind == KIND_NARROW)
        add_topics(&only, (struct sim_text){seen.ptr, seen.len});
    for (size_t i = 0; i < p->n_skills && !have; i++)
        if (sim_mechanism_of_skill(p->skills[i].text) == m)
            have = &p->skills[i];
    size_t which = sim_chance(p->key, 3, 0) < 0.75 ? 0 : 1;
    bool append_only = sim_text_has(p->text, "\nOnly ADD is allowed");
    if (!have || (append_only && !skill_named(p, text_of(a->names[which])))) {
        e = edit("ADD", text_of(a->names[which]), a, kind, only.ptr);
    } else if (!append_only) {
        /* It was there and did not help: take its absolute rule out, give it the rules it lacks,
         * or widen a trigger that named too little. */
        bool narrow = sim_text_has(have->text, "Only for tasks about");
        char last[64];
        size_t n = strlen(a->rules), from = n > 1 ? n - 2 : 0;
        while (from && a->rules[from - 1] != '\n')
            from--;
        snprintf(last, sizeof(last), "%.*s", (int)strcspn(a->rules + from, "\n"), a->rules + from);
        if (kind == KIND_BROAD || kind == KIND_MIXED || kind == KIND_TALK)
            e = edit("MODIFY", have->id, a, kind, "");
        else if (has_remark(have->text) || sim_text_has(have->text, sim_hedge) || narrow ||
                 !sim_text_has(have->text, last))
            e = edit("MODIFY", have->id, a, KIND_GOOD, "");
    }
    buf_release(&seen);
    buf_release(&only);
    return e;
}

/* What a model gets wrong about the form; `list` is the reply that was meant. */
static void malformed(struct sim_prompt *p, json_t *list)
{
    json_t *first = json_array_get(list, 0);
    struct buf text = BUF_INIT;
    switch ((int)(sim_chance(p->key, 4, 0) * 8)) {
    case 0:
        json_object_set_new(first, "action", json_string("UPDATE"));
        break;
    case 1:
        json_object_set_new(first, "content", json_string(""));
        break;
    case 2:
        json_object_set_new(first, "name", json_string("../../???"));
        break;
    case 3:
        json_object_set_new(first, "name", json_string("-- !! --"));
        break;
    case 4:
        buf_adds(
            p->out,
            "The failures share one cause. I propose a skill about it, but need more evidence.");
        return;
    case 5: /* cut short */
        buf_add_json_value(&text, list);
        buf_add(p->out, text.ptr, utf8_cut(text.ptr, text.len, text.len * 2 / 3));
        buf_release(&text);
        return;
    case 6:
        buf_adds(p->out, "Here is the edit:\n\n```json\n");
        buf_add_json_value(p->out, list);
        buf_adds(p->out, "\n```\nIt is narrow on purpose.");
        return;
    default:
        buf_adds(p->out, "```\n");
        buf_add_json_value(p->out, list);
        buf_adds(p->out, "\n```");
        return;
    }
    buf_add_json_value(p->out, list);
}

static json_t *remove_of(const struct sim_record *skill)
{
    return json_pack("{s:s,s:s%}", "action", "REMOVE", "name", skill->id.s, skill->id.n);
}

void sim_propose(struct sim_prompt *p)
{
    double dice = sim_chance(p->key, 1, 0), shape = sim_chance(p->key, 2, 0);
    struct sim_text places = sim_field(p->text, "Places left:");
    long left = places.n ? strtol(places.s, NULL, 10) : 1;
    bool pair = sim_text_has(p->text, "you may give a REMOVE together with an ADD");
    enum sim_mechanism m = group_mechanism(p, sim_chance(p->key, 5, 0));
    const struct sim_record *drop = NULL;
    json_t *e = NULL, *list = json_array();
    if (dice < 0.07 || (m == MECH_UNCLEAR && dice < 0.6)) {
        const struct sim_advice *u = &sim_useless[(size_t)(shape * 3)];
        struct sim_text name = text_of(u->names[sim_chance(p->key, 6, 0) < 0.5]);
        e = edit(skill_named(p, name) ? "MODIFY" : "ADD", name, u, KIND_GOOD, "");
    } else if (dice < 0.11 && p->n_skills) { /* says again what a skill of the library says */
        const struct sim_record *s = &p->skills[(size_t)(shape * (double)p->n_skills)];
        enum sim_mechanism old = sim_mechanism_of_skill(s->text);
        if (old != MECH_UNCLEAR) {
            struct sim_text other = text_of(sim_advices[old].names[1]);
            e = edit(skill_named(p, other) ? "MODIFY" : "ADD", other, &sim_advices[old], KIND_DRAFT,
                     "");
        }
    } else if (dice < 0.15 && p->n_skills && ((drop = superfluous(p, false)) || shape < 0.3)) {
        /* harm, a repetition, or (a mistake) whatever it takes for superfluous */
        e = remove_of(drop ? drop : &p->skills[(size_t)(shape * 3 * (double)p->n_skills)]);
    } else if (m != MECH_UNCLEAR) {
        size_t k = 0;
        for (double rest = shape; rest >= drafts[k].share; k++)
            rest -= drafts[k].share;
        e = improve(p, m, drafts[k].kind);
    }
    bool adds = e && strcmp(json_str_at(e, "action", ""), "ADD") == 0;
    if (adds && pair && (left == 0 || shape < 0.5) && (drop = superfluous(p, left == 0)))
        json_array_append_new(list, remove_of(drop));
    if (e)
        json_array_append_new(list, e);
    if (e && dice > 0.9)
        malformed(p, list);
    else
        buf_add_json_value(p->out, list);
    json_decref(list);
}

/* The body that stands in a record's fence. */
static struct sim_text fenced(struct sim_text record)
{
    const char *from = record.n ? memmem(record.s, record.n, "\n`````", 6) : NULL;
    if (!from)
        return (struct sim_text){0};
    const char *end = record.s + record.n, *nl = memchr(from + 1, '\n', (size_t)(end - from - 1));
    if (!nl)
        return (struct sim_text){0};
    const char *to = memmem(nl, (size_t)(end - nl), "\n`````", 6);
    return (struct sim_text){nl + 1, to && to > nl ? (size_t)(to - nl) : 0};
}

/* The body without absolute rules, its trigger narrowed to `only`. */
static void narrowed(struct sim_text body, const char *only, struct buf *out)
{
    const char *p = body.s, *end = body.s + body.n;
    bool trigger = false, said = false;
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        struct sim_text line = {p, (size_t)((nl ? nl + 1 : end) - p)};
        p += line.n;
        if (line.n > 3 && memcmp(line.s, "## ", 3) == 0)
            trigger = sim_text_has(line, "Use");
        if (has_remark(line))
            continue;
        if (trigger && *only && line.n > 2 && memcmp(line.s, "- ", 2) == 0) {
            if (!said)
                buf_addf(out, "- Only for tasks about %s.\n", only);
            said = true;
            if (sim_text_has(line, "every") || sim_text_has(line, "any ") ||
                sim_text_has(line, "Only for"))
                continue;
        }
        buf_add(out, line.s, line.n);
    }
}

void sim_revise(struct sim_prompt *p)
{
    struct buf only = BUF_INIT;
    const char *section = memmem(p->text.s, p->text.n, "\n## Tasks it repaired", 21);
    if (section) {
        const char *end =
            memmem(section, (size_t)(p->text.s + p->text.n - section), "\n## Tasks it broke", 18);
        add_topics(&only, (struct sim_text){
                              section, (size_t)((end ? end : p->text.s + p->text.n) - section)});
    }
    json_t *list = json_array();
    for (size_t i = 0; i < p->n_skills; i++) {
        const struct sim_record *s = &p->skills[i];
        struct sim_text action = sim_field(s->text, "action:"), body = fenced(s->text);
        struct sim_text description = sim_field(s->text, "description:");
        if (action.n == 6 && memcmp(action.s, "REMOVE", 6) == 0) {
            json_array_append_new(list, remove_of(s));
            continue;
        }
        if (!body.n)
            continue;
        struct buf text = BUF_INIT, about = BUF_INIT;
        const char *use =
            description.n ? memmem(description.s, description.n, " Use when:", 10) : NULL;
        buf_add(&about, description.s,
                use && only.len ? (size_t)(use - description.s) : description.n);
        if (only.len && !sim_text_has(description, "Only for tasks"))
            buf_addf(&about, " Only for tasks about %s.", only.ptr);
        narrowed(body, only.ptr, &text);
        json_array_append_new(list, json_pack("{s:s%,s:s%,s:s%,s:s%}", "action", action.s, action.n,
                                              "name", s->id.s, s->id.n, "description", about.ptr,
                                              about.len, "content", text.ptr, text.len));
        buf_release(&text);
        buf_release(&about);
    }
    buf_add_json_value(p->out, list);
    json_decref(list);
    buf_release(&only);
}
