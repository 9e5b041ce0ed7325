/*
 * methods.c - the simulated model as writer of the methods that GRASP is compared with: the shapes
 * of their prompts (skills/prompts/memory-*, expel-*, evo-*, skillx-*). They show less of a failure
 * than GRASP's do, mostly an answer and a verdict, so it guesses more, and nothing that it writes is
 * measured before it counts.
 */
#include "runtime/simulator/writer.h"

#include <string.h>

#include "runtime/base/text.h"

#define WRONG   0.10 /* share of lessons about another mechanism */
#define BROAD   0.12 /* that are too broad */
#define USELESS 0.10

static double chance(const struct sim_prompt *p, uint64_t what)
{
    return sim_chance(p->key, 77, what);
}

/* From a heading to the next one of its level; all of the text when it is not there. */
static struct sim_text section(struct sim_text text, const char *heading)
{
    const char *from = memmem(text.s, text.n, heading, strlen(heading));
    if (!from)
        return (struct sim_text){text.s, 0};
    from += strlen(heading);
    size_t left = text.n - (size_t)(from - text.s);
    const char *to = memmem(from, left, "\n## ", 4);
    return (struct sim_text){from, to ? (size_t)(to - from) : left};
}

/* ---- what went wrong ---- */

/* What is between FINISH( and ); the text itself when it is no such answer. */
static struct sim_text answer_in(struct sim_text t)
{
    t = sim_trim(t);
    if (sim_starts(t, "FINISH(") && t.n > 8)
        return (struct sim_text){t.s + 7, t.n - 8};
    return t;
}

static enum sim_mechanism of_order(const struct sim_prompt *p, struct sim_text instruction)
{
    static const enum sim_mechanism vital[] = {MECH_SUBJECT, MECH_VITAL},
                                    referral[] = {MECH_SUBJECT, MECH_NOTE, MECH_FIELDS},
                                    order[] = {MECH_SUBJECT, MECH_DOSE,   MECH_DUE,
                                               MECH_SECOND,  MECH_FIELDS, MECH_BARE};
    const enum sim_mechanism *v = order;
    size_t n = sizeof(order) / sizeof(*order);
    if (sim_text_has(instruction, "blood pressure"))
        v = vital, n = 2;
    else if (sim_text_has(instruction, "referral"))
        v = referral, n = 3;
    return v[(size_t)(chance(p, 1) * (double)n)];
}

/* In worlds other than the clinic, where actions have forms of their own. */
static enum sim_mechanism of_world(const struct sim_prompt *p, struct sim_text last)
{
    static const enum sim_mechanism others[] = {MECH_WORLD_LOOK, MECH_WORLD_BARE, MECH_WORLD_ROUND,
                                                MECH_WORLD_DATE};
    if (sim_text_has(last, "no data") || sim_text_has(last, "not "))
        return MECH_WORLD_MISSING;
    return others[(size_t)(chance(p, 1) * 4)];
}

static bool is_clinic(struct sim_text t)
{
    return sim_text_has(t, "FINISH(") || sim_text_has(t, "GET ") || sim_text_has(t, "POST ") ||
           sim_starts(sim_trim(t), "[");
}

/* From the task and the last thing the agent said; the conversation where it is shown. */
static enum sim_mechanism guess(const struct sim_prompt *p, struct sim_text instruction,
                                struct sim_text last, struct sim_text history)
{
    static const char *const writes[] = {"order", "Order", "referral", "record", "Record"};
    struct sim_text answer = answer_in(last);
    bool asks_for_write = sim_text_has(history, "POST ");
    for (size_t i = 0; i < sizeof(writes) / sizeof(*writes) && answer.n <= 2; i++)
        asks_for_write |= sim_text_has(instruction, writes[i]);
    if (last.n && !is_clinic(last) && !is_clinic(history))
        return of_world(p, last);
    if (chance(p, 2) < WRONG)
        return (enum sim_mechanism)(chance(p, 3) * MECH_WORLDS);
    if (asks_for_write)
        return of_order(p, instruction);
    if (answer.s == sim_trim(last).s && !sim_starts(answer, "["))
        return MECH_END;
    struct buf text = BUF_INIT;
    buf_adds(&text, "instruction: ");
    buf_add(&text, instruction.s, instruction.n);
    buf_adds(&text, "\nreported: ");
    buf_add(&text, answer.s, answer.n);
    buf_adds(&text, "\n- FINISH(\n");
    buf_add(&text, history.s, history.n);
    struct sim_record record = {.text = {text.ptr, text.len}};
    enum sim_mechanism m = sim_mechanism_of(&record);
    buf_release(&text);
    return m == MECH_UNCLEAR ? MECH_BARE : m;
}

/* ---- what to do about it ---- */

/* A rule of the mechanism, one that is not in `known` where there is one. */
static struct sim_text rule_of(const struct sim_prompt *p, enum sim_mechanism m,
                               struct sim_text known)
{
    const struct sim_advice *a = &sim_advices[m];
    double dice = chance(p, 4);
    if (dice < USELESS)
        a = &sim_useless[(size_t)(chance(p, 5) * 3)];
    else if (dice < USELESS + BROAD)
        return (struct sim_text){a->broad, strlen(a->broad)};
    struct sim_text rest = {a->rules, strlen(a->rules)}, line, first = {0};
    while (sim_next_line(&rest, &line)) {
        if (!first.s)
            first = line;
        if (!memmem(known.s, known.n, line.s, line.n))
            return line;
    }
    return first;
}

/* "the task asks for a value" out of "The task asks for a value." */
static void add_when(struct buf *out, enum sim_mechanism m)
{
    const char *when = sim_advices[m].when;
    size_t n = strcspn(when, ".;");
    buf_addch(out, ascii_lower(*when));
    buf_add(out, when + 1, n - 1);
}

void sim_memory_note(struct sim_prompt *p)
{
    struct sim_text task = section(p->text, "## The task\n"),
                    known = section(p->text, "## Memory\n");
    enum sim_mechanism m = guess(p, sim_field(task, "instruction:"), sim_field(task, "reported:"),
                                 (struct sim_text){0});
    struct sim_text rule = rule_of(p, m, known);
    if (chance(p, 6) < 0.03) {
        buf_adds(p->out, "The agent should have been more careful.");
        return;
    }
    buf_adds(p->out, "When asked such that ");
    add_when(p->out, m);
    buf_addf(p->out, ": %.*s", (int)rule.n, rule.s);
}

/* ---- expel ---- */

/* The last line that begins with "agent:", without that. */
static struct sim_text last_said(struct sim_text text)
{
    struct sim_text rest = text, line, last = {text.s, 0};
    while (sim_next_line(&rest, &line))
        if (sim_starts(line, "agent: "))
            last = (struct sim_text){line.s + 7, line.n - 7};
    return last;
}

/* The n-th of the lines "N. text" (from 1), or the first that `says`; n becomes its number. */
static struct sim_text listed(struct sim_text list, size_t *n, struct sim_text says)
{
    struct sim_text rest = list, line;
    for (size_t i = 0; sim_next_line(&rest, &line);) {
        const char *dot = line.n && ascii_isdigit(*line.s) ? memmem(line.s, line.n, ". ", 2) : NULL;
        if (!dot)
            continue;
        struct sim_text text = {dot + 2, line.n - (size_t)(dot + 2 - line.s)};
        i++;
        if (says.n ? memmem(text.s, text.n, says.s, says.n) != NULL : i == *n) {
            *n = i;
            return text;
        }
    }
    return (struct sim_text){list.s, 0};
}

static size_t count_listed(struct sim_text list)
{
    struct sim_text rest = list, line;
    size_t n = 0;
    while (sim_next_line(&rest, &line))
        n += line.n && ascii_isdigit(*line.s) && memmem(line.s, line.n, ". ", 2);
    return n;
}

/* A rule that is too broad is noticed where one of them is there, at times. */
static void remove_broad(struct sim_prompt *p, struct sim_text rules)
{
    for (const char *const *b = sim_broad_lines; *b; b++) {
        size_t n = 0;
        struct sim_text found = listed(rules, &n, (struct sim_text){*b, strlen(*b)});
        if (found.n && chance(p, 8) < 0.6) {
            buf_addf(p->out, "REMOVE %zu: %.*s\n", n, (int)found.n, found.s);
            return;
        }
    }
}

void sim_expel(struct sim_prompt *p)
{
    struct sim_text rules = section(p->text, "## Rules\n"),
                    failed = section(p->text, "## The failed task\n");
    size_t n = count_listed(rules), at = 1 + (size_t)(chance(p, 9) * (double)n);
    if (!failed.n) {
        struct sim_text any = listed(rules, &at, (struct sim_text){0});
        if (any.n)
            buf_addf(p->out, "AGREE %zu: %.*s\n", at, (int)any.n, any.s);
        else
            buf_adds(p->out, "ADD 1: Look things up before answering\n");
        return;
    }
    enum sim_mechanism m = guess(p, sim_field(failed, "instruction:"), last_said(failed), failed);
    struct sim_text rule = rule_of(p, m, rules), known = listed(rules, &at, rule);
    buf_adds(p->out, "The attempts differ in one step.\n");
    if (known.n)
        buf_addf(p->out, "AGREE %zu: %.*s\n", at, (int)known.n, known.s);
    else
        buf_addf(p->out, "ADD %zu: %.*s\n", n + 1, (int)rule.n, rule.s);
    remove_broad(p, rules);
}

/* ---- evo memory ---- */

static void add_json_text(struct buf *out, struct sim_text t)
{
    buf_adds(out, "\"");
    buf_add_json(out, t.s, t.n, false);
    buf_adds(out, "\"");
}

static struct sim_text text_at(const char *s)
{
    return (struct sim_text){s, strlen(s)};
}

void sim_evo_reflect(struct sim_prompt *p)
{
    struct sim_text task = section(p->text, "## The task\n"),
                    shown = section(p->text, "## Rules it was shown\n");
    bool right = sim_starts(sim_field(task, "correct:"), "True");
    enum sim_mechanism m =
        guess(p, sim_field(task, "instruction:"), sim_field(task, "last said:"), task);
    if (chance(p, 6) < 0.03) {
        buf_adds(p->out, "The attempt speaks for itself.");
        return;
    }
    buf_adds(p->out, "{\"episodic_summary\": \"In this case ");
    add_when(p->out, m);
    buf_adds(p->out, right ? "; it was done as asked\", \"failure_analysis\": \"\", "
                             "\"action_guidelines\": [], \"tags\": ["
                           : "; it went wrong\", \"failure_analysis\": ");
    if (!right) {
        add_json_text(p->out, text_at(sim_advices[m].line));
        buf_adds(p->out, ", \"action_guidelines\": [");
        add_json_text(p->out, rule_of(p, m, shown));
        buf_adds(p->out, "], \"tags\": [");
    }
    struct sim_text tags = text_at(sim_advices[m].tags);
    for (size_t n = 0; tags.n; n++) {
        size_t len = 0;
        while (len < tags.n && tags.s[len] != ' ')
            len++;
        buf_adds(p->out, n ? ", " : "");
        add_json_text(p->out, (struct sim_text){tags.s, len});
        tags.s += len + (len < tags.n);
        tags.n -= len + (len < tags.n);
    }
    buf_addf(p->out, "], \"should_store_episode\": true, \"should_update_semantic\": %s}",
             right ? "false" : "true");
}

/* Keeps the list, drops at times what is too broad, and puts the candidates first. */
void sim_evo_curate(struct sim_prompt *p)
{
    static const char *const lists[] = {"## Candidates\n", "## Rules\n"};
    size_t n = 0, dropped = 0;
    buf_adds(p->out, "```json\n{\"updated_rules\": [");
    for (size_t i = 0; i < 2; i++) {
        struct sim_text rest = section(p->text, lists[i]), line;
        while (sim_next_line(&rest, &line)) {
            bool broad = false;
            for (const char *const *b = sim_broad_lines; *b; b++)
                broad |= sim_text_has(line, *b);
            if (!sim_starts(line, "- ") || (broad && chance(p, 10 + n + dropped) < 0.5)) {
                dropped++;
                continue;
            }
            buf_adds(p->out, n++ ? ", " : "");
            add_json_text(p->out, (struct sim_text){line.s + 2, line.n - 2});
        }
    }
    buf_adds(p->out, "], \"edit_log\": [\"as proposed\"]}\n```\n");
}

/* ---- skillx ---- */

/* The last of the lines "N. action". */
static struct sim_text last_action(struct sim_text lines)
{
    size_t n = count_listed(lines);
    return listed(lines, &n, (struct sim_text){0});
}

/* A skill about the mechanism that the task might have failed by. */
static void add_skill(const struct sim_prompt *p, enum sim_mechanism m, struct sim_text known)
{
    const struct sim_advice *a = &sim_advices[m];
    struct sim_text rule = rule_of(p, m, known);
    buf_adds(p->out, "{\"name\": \"");
    for (const char *c = a->names[0]; *c; c++)
        buf_addch(p->out, *c == '-' ? '_' : *c);
    buf_adds(p->out, "\", \"document\": ");
    add_json_text(p->out, text_at(a->when));
    buf_adds(p->out, ", \"content\": ");
    add_json_text(p->out, rule);
    buf_adds(p->out, ", \"tools\": [\"GET\"]}");
}

static void extract(const struct sim_prompt *p)
{
    struct sim_text task = section(p->text, "## The task\n"),
                    did = section(p->text, "## What it did\n"),
                    known = section(p->text, "## Skills of this task so far\n");
    enum sim_mechanism m = guess(p, sim_field(task, "instruction:"), last_action(did), did);
    double dice = chance(p, 6);
    if (dice < 0.05) {
        buf_adds(p->out, "This step is too small for a skill.");
    } else if (dice < 0.35) {
        buf_adds(p->out, "[]");
    } else {
        buf_adds(p->out, dice < 0.45 ? "[{\"option\": \"keep\", \"skill\": "
                                     : "[{\"option\": \"add\", \"skill\": ");
        add_skill(p, m, known);
        buf_adds(p->out, "}]");
    }
}

static void judge(const struct sim_prompt *p)
{
    bool broad = false;
    for (const char *const *b = sim_broad_lines; *b; b++)
        broad |= sim_text_has(p->text, *b);
    buf_adds(p->out, chance(p, 6) < (broad ? 0.95 : 0.1) ? "bad: it says too little."
                                                         : "good: it is general.");
}

/* The contents one after the other, each once; half of the time in the list that was asked for. */
static void merge(const struct sim_prompt *p)
{
    struct sim_text rest = section(p->text, "## The skills\n"), line, name = {0}, document = {0};
    struct buf content = BUF_INIT;
    size_t at = 0; /* lines since the name */
    while (sim_next_line(&rest, &line)) {
        if (sim_starts(line, "### ")) {
            name = name.s ? name : (struct sim_text){line.s + 4, line.n - 4};
            at = 0;
        } else if (line.n && ++at == 1) {
            document = document.s ? document : line;
        } else if (line.n && !memmem(content.ptr, content.len, line.s, line.n)) {
            buf_add(&content, line.s, line.n);
            buf_addch(&content, '\n');
        }
    }
    bool list = chance(p, 6) < 0.5;
    buf_addf(p->out, "<skill>\n%s{\"name\": ", list ? "[" : "");
    add_json_text(p->out, name);
    buf_adds(p->out, ", \"document\": ");
    add_json_text(p->out, document);
    buf_adds(p->out, ", \"content\": ");
    add_json_text(p->out, (struct sim_text){content.ptr, content.len});
    buf_addf(p->out, ", \"tools\": [\"GET\"]}%s\n</skill>\n", list ? "]" : "");
    buf_release(&content);
}

void sim_skillx(struct sim_prompt *p)
{
    if (sim_starts(p->text, "# Phase: skillx-plan"))
        buf_adds(p->out,
                 chance(p, 6) < 0.1
                     ? "It looked things up and answered."
                     : "<plan>\n# search with the api for what the task names\n# answer, or "
                       "order with the api, as the task asks\n</plan>");
    else if (sim_starts(p->text, "# Phase: skillx-extract"))
        extract(p);
    else if (sim_starts(p->text, "# Phase: skillx-filter"))
        judge(p);
    else
        merge(p);
}
