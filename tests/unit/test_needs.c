/*
 * test_needs.c - whether the writer is told what a reader needs to understand a failure. Recorded
 * episodes are rolled out again by the real engine (their agent's words, their server's answers, our
 * first message, our verdicts) in the real learning loop, and what tests/data/needs lists is looked
 * for in the prompts of classify, diagnose and propose: in batches of one, where nothing can be seen
 * in another task's trace, and in batches of 48 with those that pass.
 */
#include "learn_harness.h"

#include <ctype.h>

#include "runtime/base/text.h"
#include "runtime/env/fhir.h"

#define DATA "tests/data/needs/"
#define BASE "http://localhost:8080/fhir/"

enum { CLASSIFY, DIAGNOSE, PROPOSE, PHASES };
static const char *const phase_names[] = {"classify", "diagnose", "propose"};
static const char *const kinds[] = {"context", "code", "value", "action", "answer", "form", "told"};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* The least share of the needs, in percent, that each phase must show. */
static const double floors[PHASES] = {95, 95, 95};

struct count {
    size_t found, all;
};
struct tally {
    struct count of[PHASES][KINDS];
    size_t prompts[PHASES], chars[PHASES], failing[PHASES];
};

/* What is rolled out: the episodes of one agent. */
struct stage {
    struct lab lab;
    json_t *episodes; /* id -> {episode, task, messages, reasons once graded} */
    json_t *by_text;  /* instruction -> the same */
    char *first;      /* what an agent was told first */
    json_t *proposed; /* ids whose group was asked for; further samples are the same prompt */
    const json_t *needs;
    size_t every;
    struct tally *tally;
    struct env *inner;
    struct env base;
};

/* ---- finding ---- */

/* Quotes, brackets, commas, colons, backslashes and blanks are one blank. */
static char *plain(const char *s)
{
    struct buf out = BUF_INIT;
    for (; *s; s++) {
        bool gap = strchr("\"\\{}[],: \t\r\n", *s) != NULL;
        if (!gap)
            buf_addch(&out, *s);
        else if (out.len && out.ptr[out.len - 1] != ' ')
            buf_addch(&out, ' ');
    }
    while (out.len && out.ptr[out.len - 1] == ' ')
        out.ptr[--out.len] = '\0';
    buf_addch(&out, '\0');
    return out.ptr;
}

static bool in_word(char a, char b)
{
    return isalnum((unsigned char)a) && isalnum((unsigned char)b);
}

/* The next place of `part` (plain) in [from, end), at borders of words. */
static const char *next_place(const char *text, const char *from, const char *end, const char *part)
{
    size_t n = strlen(part);
    for (const char *p = from; (p = strstr(p, part)) && p + n <= end; p++)
        if ((p == text || !in_word(p[-1], *p)) && !in_word(p[n - 1], p[n]))
            return p;
    return NULL;
}

/* One of the alternatives of a part within [from, end). */
static const char *any_place(const char *text, const char *from, const char *end, const char *part)
{
    char *copy = str_dup(part), *rest = copy, *one;
    const char *found = NULL;
    while (!found && (one = strsep(&rest, "|"))) {
        char *p = plain(one);
        found = next_place(text, from, end, p);
        free(p);
    }
    free(copy);
    return found;
}

/* `text` is plain. */
static bool stands_in(const char *text, const json_t *need)
{
    enum { NEAR = 300 };
    const char *end = text + strlen(text);
    if (json_is_string(need))
        return any_place(text, text, end, json_string_value(need)) != NULL;
    const char *first = json_string_value(json_array_get(need, 0));
    for (const char *p = text; (p = any_place(text, p, end, first)); p++) {
        const char *from = p - text > NEAR ? p - NEAR : text;
        const char *to = end - p > NEAR ? p + NEAR : end;
        size_t i, there = 0;
        json_t *part;
        json_array_foreach (need, i, part) {
            there += any_place(text, from, to, json_string_value(part)) != NULL;
        }
        if (there == json_array_size(need))
            return true;
    }
    return false;
}

/* ---- the world: a FHIR environment whose answers are the recorded ones ---- */

struct played {
    struct env_episode base;
    struct env_episode *inner;
    json_t *episode;
    size_t at; /* messages of it that were used */
    env_step_fn fn;
    env_grade_fn grade;
    void *arg;
};

static struct stage *stage_of(struct env *e)
{
    return (struct stage *)((char *)e - offsetof(struct stage, base));
}

static int played_start(struct env *e, const struct task *task, struct env_episode **out)
{
    struct stage *s = stage_of(e);
    struct played *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->base.env = e;
    p->episode = json_object_get(s->episodes, task->id);
    *out = &p->base;
    return s->inner->ops->start(s->inner, task, &p->inner);
}

static void played_prompt(struct env_episode *base, env_prompt_fn fn, void *arg)
{
    struct played *p = (struct played *)base;
    p->inner->env->ops->prompt(p->inner, fn, arg);
}

static const char *message(const json_t *episode, size_t i)
{
    return json_str_at(json_array_get(json_object_get(episode, "messages"), i), "content", "");
}

static void played_answer(const struct env_step *step, void *arg)
{
    struct played *p = arg;
    struct env_step s = *step;
    if (s.status == ROLLOUT_RUNNING) {
        s.text = message(p->episode, p->at + 1);
        s.len = strlen(s.text);
    }
    p->at += 2;
    p->fn(&s, p->arg);
}

static void played_step(struct env_episode *base, const char *reply, size_t len, env_step_fn fn,
                        void *arg)
{
    struct played *p = (struct played *)base;
    p->fn = fn;
    p->arg = arg;
    p->inner->env->ops->step(p->inner, reply, len, played_answer, p);
}

static void played_graded(const struct verdict *v, const struct strlist *tags, bool scored,
                          void *arg)
{
    struct played *p = arg;
    if (!json_object_get(p->episode, "reasons")) /* an agent that does nothing comes later */
        json_object_set_new(p->episode, "reasons", verdict_reasons(v));
    p->grade(v, tags, scored, p->arg);
}

static void played_grade(struct env_episode *base, const struct trace *trace,
                         enum rollout_status status, env_grade_fn fn, void *arg)
{
    struct played *p = (struct played *)base;
    p->grade = fn;
    p->arg = arg;
    p->inner->env->ops->grade(p->inner, trace, status, played_graded, p);
}

static void played_end(struct env_episode *base)
{
    struct played *p = (struct played *)base;
    p->inner->env->ops->end(p->inner);
    free(p);
}

static void played_close(struct env *e)
{
    env_close(stage_of(e)->inner);
}

static struct env *open_world(struct lab *lab)
{
    static const struct env_ops ops = {played_start, played_prompt, played_step,
                                       played_grade, played_end,    played_close};
    struct stage *s = lab->arg;
    works(env_open_fhir(&s->inner, lab->s.loop, lab->s.config));
    s->base.ops = &ops;
    return &s->base;
}

static void say(struct lab *lab, const struct model_request *rq, struct buf *text)
{
    struct stage *s = lab->arg;
    json_t *first = NULL;
    works(json_parse(&first, rq->chat->v[0].text, rq->chat->v[0].len, "the first message"));
    if (!s->first)
        s->first = str_dup(rq->chat->v[0].text);
    json_t *episode = json_object_get(s->by_text, json_str_at(first, "task.description", ""));
    assert_non_null(episode);
    buf_adds(text, message(episode, rq->chat->n - 1));
    json_decref(first);
}

/* ---- the writer ---- */

static void count_needs(struct stage *s, int phase, const char *text, const char *id)
{
    const json_t *rows =
        json_object_get(s->needs, json_str_at(json_object_get(s->episodes, id), "episode", ""));
    json_t *row, *need;
    size_t i, k;
    json_array_foreach (rows, i, row) {
        for (int kind = 0; kind < KINDS; kind++) {
            json_array_foreach (json_object_get(row, kinds[kind]), k, need) {
                struct count *c = &s->tally->of[phase][kind];
                c->all++;
                c->found += stands_in(text, need);
            }
        }
    }
}

/* The group of a task: its family. */
static void family(const char *id, char out[32])
{
    snprintf(out, 32, "%.*s", (int)strcspn(id, "_"), id);
}

static void label_families(const struct stage *s, struct buf *reply)
{
    json_t *labels = json_object();
    char group[32];
    for (size_t i = 0; i < s->lab.l.dev->n; i++) {
        family(s->lab.l.dev->v[i].id, group);
        json_object_set_new(labels, s->lab.l.dev->v[i].id, json_string(group));
    }
    json_t *v = json_pack("{s:o}", "labels", labels);
    buf_add_json_value(reply, v);
    json_decref(v);
}

/* How much of a prompt is traces of failures. */
static size_t failing_chars(const char *prompt)
{
    const char *from = strstr(prompt, "\n## Failing tasks"), *to;
    assert_non_null(from);
    to = strstr(from + 1, "\n## ");
    return to ? (size_t)(to - from) : strlen(from);
}

static enum model_result write_nothing(struct lab *lab, enum model_phase phase, int draw,
                                       const char *prompt, struct buf *reply)
{
    struct stage *s = lab->arg;
    const struct learn *l = &lab->l;
    size_t from = (size_t)l->update * s->every, to = from + s->every;
    char group[32], heading[64];
    int at = phase == PHASE_CLASSIFY ? CLASSIFY : phase == PHASE_DIAGNOSE ? DIAGNOSE : PROPOSE;
    (void)draw;
    if (phase == PHASE_CLASSIFY)
        label_families(s, reply);
    else
        buf_adds(reply, phase == PHASE_PROPOSE ? "[]" : "{}");
    char *text = plain(prompt);
    bool counted = false;
    for (size_t i = from; i < to && i < l->dev->n; i++) {
        const struct task *t = &l->dev->v[l->seen.order[i]];
        family(t->id, group);
        snprintf(heading, sizeof(heading), "\ngroup: %s\n", group);
        if (l->seen.now[l->seen.order[i]] == OUTCOME_PASS)
            continue;
        if (at == PROPOSE && (!strstr(prompt, heading) || json_object_get(s->proposed, t->id)))
            continue;
        if (at == PROPOSE)
            json_object_set_new(s->proposed, t->id, json_true());
        count_needs(s, at, text, t->id);
        counted = true;
    }
    s->tally->prompts[at] += counted;
    s->tally->chars[at] += counted ? strlen(prompt) : 0;
    s->tally->failing[at] += counted ? failing_chars(prompt) : 0;
    free(text);
    return MODEL_OK;
}

/* ---- reading ---- */

static void each_line(const char *path, void (*fn)(json_t *row, void *arg), void *arg)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        json_t *row = NULL;
        works(json_parse(&row, line, strlen(line), path));
        fn(row, arg);
        json_decref(row);
    }
    free(line);
    fclose(f);
}

static void add_need(json_t *row, void *arg)
{
    json_t *all = arg, *of = json_object_get(all, json_str_at(row, "episode", ""));
    if (!of) {
        of = json_array();
        json_object_set_new(all, json_str_at(row, "episode", ""), of);
    }
    json_array_append(of, json_object_get(row, "needs"));
}

static json_t *read_needs(void)
{
    json_t *all = json_object();
    each_line(DATA "needs.jsonl", add_need, all);
    return all;
}

/* A message as it would stand in our world: its base, a bundle without words around it. */
static json_t *as_ours(const char *said)
{
    static const char theirs[] = "http://34.170.56.151:8080/fhir/",
                      answer[] = "Here is the response";
    struct buf text = BUF_INIT, out = BUF_INIT;
    const char *end = str_starts(said, answer) ? strrchr(said, '}') : NULL;
    if (end)
        json_compact(strchr(said, '{'), (size_t)(end + 1 - strchr(said, '{')), &text);
    else
        buf_adds(&text, said);
    for (const char *p = text.ptr, *at; *p; p = at) {
        at = strstr(p, theirs);
        buf_add(&out, p, at ? (size_t)(at - p) : strlen(p));
        if (at)
            buf_adds(&out, BASE);
        at = at ? at + sizeof(theirs) - 1 : p + strlen(p);
    }
    json_t *v = json_stringn(out.ptr, out.len);
    buf_release(&text);
    buf_release(&out);
    return v;
}

struct reading {
    json_t *agents; /* agent -> {id: episode} */
    json_t *tasks;  /* id -> task, for rows that only name it */
};

static void add_episode(json_t *row, void *arg)
{
    struct reading *r = arg;
    const char *name = json_str_at(row, "episode", NULL), *id = json_str_at(row, "task_id", "");
    json_t *task = json_object_get(row, "task"), *m, *messages = json_array();
    char agent[64], full[128];
    size_t i;
    snprintf(full, sizeof(full), "%s/%s", json_str_at(row, "model", ""), id);
    name = name ? name : full;
    snprintf(agent, sizeof(agent), "%.*s", (int)strcspn(name, "/"), name);
    task = task ? task : json_object_get(r->tasks, id);
    json_array_foreach (json_object_get(row, "messages"), i, m) {
        if (!r->tasks || i > 0) /* the first message is ours */
            json_array_append_new(
                messages, json_pack("{s:o}", "content", as_ours(json_str_at(m, "content", ""))));
    }
    json_t *of = json_object_get(r->agents, agent);
    if (!of) {
        of = json_object();
        json_object_set_new(r->agents, agent, of);
    }
    json_object_set_new(
        of, json_str_at(task, "id", "?"),
        json_pack("{s:s, s:O, s:o}", "episode", name, "task", task, "messages", messages));
}

/* ---- the runs ---- */

static void add_path(json_t *list, const char *path)
{
    char *whole = realpath(path, NULL);
    assert_non_null(whole);
    json_array_append_new(list, json_string(whole));
    free(whole);
}

static bool is_listed(const json_t *needs, const json_t *episode)
{
    return json_object_get(needs, json_str_at(episode, "episode", "")) != NULL;
}

/* All needs stand in what happened: task, messages, verdict, what the agent was told. */
static void check_needs(const struct stage *s)
{
    json_t *episode;
    const char *id, *key;
    size_t i, k;
    json_t *m, *row, *kind, *need;
    json_object_foreach (s->episodes, id, episode) {
        struct buf all = BUF_INIT;
        if (!is_listed(s->needs, episode))
            continue;
        buf_addf(&all, "%s\n%s\n", json_str_at(episode, "task.instruction", ""),
                 json_str_at(episode, "task.context", ""));
        json_array_foreach (json_object_get(episode, "messages"), i, m) {
            buf_addf(&all, "%s\n", json_str_at(m, "content", ""));
        }
        assert_non_null(json_object_get(episode, "reasons"));
        buf_add_json_value(&all, json_object_get(episode, "reasons"));
        buf_adds(&all, s->first);
        char *text = plain(all.ptr);
        json_array_foreach (json_object_get(s->needs, json_str_at(episode, "episode", "")), i,
                            row) {
            json_object_foreach (row, key, kind) {
                json_array_foreach (kind, k, need) {
                    if (!stands_in(text, need))
                        fail_msg("%s: %s %s is nowhere to be seen",
                                 json_str_at(episode, "episode", ""), key,
                                 json_dumps(need, JSON_ENCODE_ANY));
                }
            }
        }
        free(text);
        buf_release(&all);
    }
}

/* One agent's episodes in batches of `every`; only the failing ones when it is 1. */
static void run_agent(const json_t *needs, json_t *episodes, json_t *load, const char *funcs,
                      size_t every, struct tally *tally)
{
    struct stage s = {.episodes = episodes,
                      .by_text = json_object(),
                      .proposed = json_object(),
                      .needs = needs,
                      .every = every,
                      .tally = tally};
    json_t *dev = json_array(), *episode;
    const char *id;
    json_object_foreach (episodes, id, episode) {
        json_object_set(s.by_text, json_str_at(episode, "task.instruction", ""), episode);
        if (every > 1 || is_listed(needs, episode))
            json_array_append(dev, json_object_get(episode, "task"));
    }
    assert_int_equal(json_object_size(s.by_text), json_object_size(episodes));
    json_t *splits = json_pack("{s:O, s:[O]}", "dev", dev, "val", json_array_get(dev, 0));
    json_t *settings =
        json_pack("{s:{s:s}, s:{s:s}, s:{s:O}, s:{s:s}, s:{s:i, s:i, s:i, s:b, s:b}}", "env",
                  "kind", "fhir", "task", "fhir_api_base", BASE, "fhir", "load", load, "data",
                  "funcs", funcs, "cycle", "epochs", 1, "update_every", (int)every, "grpo_k",
                  every > 1 ? 10 : 1, "no_gate", 1, "run_baseline", 0);
    s.lab = (struct lab){.write = write_nothing, .reply = say, .world = open_world, .arg = &s};
    lab_open(&s.lab, splits, settings);
    works(learn_run(&s.lab.l));
    for (size_t i = 0; i < s.lab.l.dev->n; i++) {
        episode = json_object_get(episodes, s.lab.l.dev->v[i].id);
        assert_int_equal(s.lab.l.seen.now[i] != OUTCOME_PASS, is_listed(needs, episode));
    }
    check_needs(&s);
    lab_close(&s.lab);
    lab_remove(&s.lab);
    json_decref(splits);
    json_decref(settings);
    json_decref(s.by_text);
    json_decref(s.proposed);
    free(s.first);
    json_decref(dev);
}

static double percent(struct count c)
{
    return c.all ? 100.0 * (double)c.found / (double)c.all : 100;
}

/* least: of a prompt, in percent, that are traces of failures. */
static void report(const char *what, const struct tally *t, double least)
{
    size_t all = 0;
    for (int phase = 0; phase < PHASES; phase++) {
        struct count sum = {0};
        double share = percent((struct count){t->failing[phase], t->chars[phase]});
        struct buf line = BUF_INIT;
        for (int k = 0; k < KINDS; k++) {
            sum.found += t->of[phase][k].found;
            sum.all += t->of[phase][k].all;
            buf_addf(&line, ", %s %zu/%zu", kinds[k], t->of[phase][k].found, t->of[phase][k].all);
        }
        print_message("%s, %s: %.1f %% (%zu/%zu)%s; %zu characters a prompt, %.1f %% failures\n",
                      what, phase_names[phase], percent(sum), sum.found, sum.all, line.ptr,
                      t->chars[phase] / t->prompts[phase], share);
        assert_true(sum.all > 0 && (phase == 0 || sum.all == all)); /* none was left out */
        all = sum.all;
        if (percent(sum) < floors[phase])
            fail_msg("%s, %s: %.1f %% of what a reader needs where %.0f %% are expected", what,
                     phase_names[phase], percent(sum), floors[phase]);
        if (share < least)
            fail_msg("%s, %s: failures are %.1f %% of a prompt, not %.0f", what, phase_names[phase],
                     share, least);
        buf_release(&line);
    }
}

static void run_all(const char *what, const json_t *needs, json_t *agents, json_t *load,
                    const char *funcs, double least)
{
    static const size_t batches[] = {1, 48};
    const char *agent;
    json_t *episodes;
    char title[64], *path = realpath(funcs, NULL);
    for (size_t i = 0; i < 2; i++) {
        struct tally tally = {0};
        json_object_foreach (agents, agent, episodes) {
            run_agent(needs, episodes, load, path, batches[i], &tally);
        }
        snprintf(title, sizeof(title), "%s, batches of %zu", what, batches[i]);
        report(title, &tally, batches[i] > 1 ? least : 0);
    }
    free(path);
}

static void a_few_episodes(void **state)
{
    struct reading r = {.agents = json_object()};
    json_t *needs = read_needs(), *load = json_array();
    (void)state;
    each_line(DATA "episodes.jsonl", add_episode, &r);
    add_path(load, DATA "chart.ndjson");
    run_all("29 episodes", needs, r.agents, load, DATA "funcs.json",
            25); /* a few make no whole batch */
    json_decref(r.agents);
    json_decref(needs);
    json_decref(load);
}

static void all_recorded_failures(void **state)
{
    static const char *const files[] = {"medagentbench/recorded/fhir/Observation.ndjson",
                                        "medagentbench/recorded/fhir/Patient.ndjson",
                                        "medagentbench/rebuilt/Observation.ndjson",
                                        "vectors/clinic_v1/Observation.ndjson"};
    struct reading r = {0};
    char path[512];
    json_t *list, *task, *load;
    size_t i;
    (void)state;
    if (!shared_file("medagentbench/recorded/episodes.jsonl", path)) {
        print_message("no shared data\n");
        skip();
    }
    load = json_array();
    for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
        assert_non_null(shared_file(files[i], path));
        add_path(load, path);
    }
    r.agents = json_object();
    each_line(DATA "episodes.jsonl", add_episode, &r); /* those of no agent are only there */
    assert_non_null(shared_file("medagentbench/v1/test_data_v2.json", path));
    works(json_read_file(&list, path));
    r.tasks = json_object();
    json_array_foreach (list, i, task) {
        json_object_set(r.tasks, json_str_at(task, "id", "?"), task);
    }
    assert_non_null(shared_file("medagentbench/recorded/episodes.jsonl", path));
    each_line(path, add_episode, &r);
    json_t *needs = read_needs();
    assert_non_null(shared_file("medagentbench/v1/funcs_v1.json", path));
    run_all("all failures", needs, r.agents, load, path, 30);
    json_decref(r.agents);
    json_decref(r.tasks);
    json_decref(list);
    json_decref(needs);
    json_decref(load);
}

static void what_stands_where(void **state)
{
    static const struct {
        const char *need, *text;
        bool there;
    } cases[] = {
        {"\"code for CBG is \\\"GLU\\\"\"", "The code for CBG is \"GLU\".", true},
        {"\"code for CBG is \\\"GLU\\\"\"", "The code for CBG is \"GLUC\".", false},
        {"\"total 0|no entries\"", "{\"total\":\n  0, ...", true},
        {"\"total 0|no entries\"", "a bundle, no entries", true},
        {"\"total 0|no entries\"", "total 01", false},
        {"[\"T12:50\", \"2.0\"]", "12:50 T12:50:00 {\"value\": 2.0}", true},
        {"[\"T12:50\", \"2.0\"]", "T12:50:00 {\"value\": 12.0}", false},
        {"\"FINISH([80])\"", "-> FINISH([80])", true},
        {"\"FINISH([80])\"", "reported: [80]", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *need = json_loads(cases[i].need, JSON_DECODE_ANY, NULL);
        char *text = plain(cases[i].text);
        assert_non_null(need);
        if (stands_in(text, need) != cases[i].there)
            fail_msg("%s in %s", cases[i].need, cases[i].text);
        free(text);
        json_decref(need);
    }
    struct buf far = BUF_INIT;
    buf_adds(&far, "T12:50");
    for (int i = 0; i < 100; i++)
        buf_adds(&far, " word");
    buf_adds(&far, " 2.0");
    json_t *need = json_pack("[s,s]", "T12:50", "2.0");
    assert_false(stands_in(far.ptr, need)); /* another entry's */
    json_decref(need);
    buf_release(&far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_where),
        cmocka_unit_test(a_few_episodes),
        cmocka_unit_test(all_recorded_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
