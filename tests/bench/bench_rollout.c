/*
 * bench_rollout.c - processor time of the runtime itself per rollout, with a model that answers at
 * once from memory: without skills, with eight, and with the best three of eight each turn.
 *
 *     bench_rollout [CLINIC [ROUNDS [ROW]]]      CLINIC: a folder that `grasp synth` wrote;
 *                                                ROW: 1, 2 or 3 alone
 *
 * Where the time goes:
 *
 *     make CFLAGS='-O2 -g -fno-omit-frame-pointer' build/bench/bench_rollout
 *     perf record -g build/bench/bench_rollout build/bench/clinic 200 1
 *     perf report --children
 *
 * First every task is rolled out once with the configured model, and its replies are kept; then the
 * same rollouts run again ROUNDS times from that memory, which costs a hash of the first message
 * and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/session/session.h"

struct script {
    struct model base;
    struct loop *loop;
    struct entry {
        uint64_t key;
        char *text;
        size_t len;
    } * v;
    size_t cap;
    int64_t asked;
};

struct ready {
    struct entry *entry;
    model_fn fn;
    void *arg;
};

/* The task's message and the number of turns so far: an injected block of skills does not count. */
static uint64_t key_of(const struct chat *c)
{
    const struct message *m = &c->v[c->n > 1 && !str_starts(c->v[0].text, "{\"phase\"")];
    uint64_t turns = 0;
    for (size_t i = 0; i < c->n; i++)
        turns += c->v[i].role == CHAT_AGENT;
    return XXH3_64bits_withSeed(m->text, m->len, turns) | 1;
}

static struct entry *entry_at(struct script *s, uint64_t key)
{
    size_t i = key % s->cap;
    while (s->v[i].key && s->v[i].key != key)
        i = (i + 1) % s->cap;
    return &s->v[i];
}

static void answer(void *arg)
{
    struct ready *r = arg;
    struct model_reply reply = {.result = MODEL_OK, .text = r->entry->text, .len = r->entry->len};
    r->fn(&reply, r->arg);
    free(r);
}

static int script_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct script *s = (struct script *)m;
    struct ready *r = malloc(sizeof(*r));
    if (!r)
        return err_oom();
    *r = (struct ready){entry_at(s, key_of(rq->chat)), fn, arg};
    if (!r->entry->key) {
        free(r);
        return err_set(GRASP_EINVAL, "a conversation that was not recorded");
    }
    s->asked++;
    return loop_defer(s->loop, answer, r);
}

static void script_close(struct model *m)
{
    (void)m;
}

static const struct model_ops script_ops = {script_ask, script_close};

static void keep_replies(struct script *s, const struct rollout *r)
{
    struct chat c = r->chat;
    for (size_t i = 0; i < r->chat.n; i++) {
        if (r->chat.v[i].role != CHAT_AGENT)
            continue;
        c.n = i;
        struct entry *e = entry_at(s, key_of(&c));
        *e = (struct entry){key_of(&c), str_ndup(r->chat.v[i].text, r->chat.v[i].len),
                            r->chat.v[i].len};
    }
}

static int roll(struct engine *e, const struct task_set *tasks, struct skills_view *skills,
                struct script *keep)
{
    struct group *g = engine_group(e, PHASE_OTHER);
    for (size_t i = 0; i < tasks->n; i++)
        group_add(g, &tasks->v[i], skills, 0);
    int rc = group_wait(g);
    for (size_t i = 0; rc == 0 && keep && i < tasks->n; i++)
        keep_replies(keep, group_result(g, i));
    group_free(g);
    return rc;
}

static int eight_skills(struct skills_view **out)
{
    struct skill_set set = {0};
    struct buf body = BUF_INIT;
    for (int i = 0; i < 40; i++)
        buf_addf(&body, "- line %d of guidance on searches, fields and the form of answers\n", i);
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof(name), "guidance-%d", i);
        struct skill s = {.name = str_dup(name),
                          .description = str_dup("How to answer questions on laboratory values"),
                          .body = str_dup(body.ptr),
                          .version = 1};
        skill_set_put(&set, &s);
    }
    *out = skills_view_new(&set);
    skill_set_release(&set);
    buf_release(&body);
    return *out ? 0 : GRASP_ENOMEM;
}

static int measure(struct session *s, struct script *script, const char *name,
                   const struct engine_settings *base, struct skills_view *skills, int rounds)
{
    const struct task_set *tasks;
    struct engine *e = NULL;
    int rc = session_split(s, s->config->data.full ? SPLIT_FULL : SPLIT_DEV, &tasks);
    struct engine_settings es = *base;
    es.concurrency = 64;
    if (rc == 0)
        rc = engine_open(&e, s->loop, s->backend[0], s->env, &es);
    if (rc == 0)
        rc = roll(e, tasks, skills, script);
    engine_close(e);
    e = NULL;
    if (rc == 0)
        rc = engine_open(&e, s->loop, &script->base, s->env, &es);
    script->asked = 0;
    int64_t cpu = clock_cpu();
    for (int i = 0; rc == 0 && i < rounds; i++)
        rc = roll(e, tasks, skills, NULL);
    cpu = clock_cpu() - cpu;
    engine_close(e);
    if (rc == 0)
        printf("%-28s %8.1f us per rollout  %6.1f us per turn  (%zu rollouts, %.1f turns each)\n",
               name, (double)cpu / 1e3 / (double)tasks->n / rounds,
               (double)cpu / 1e3 / (double)script->asked, tasks->n * (size_t)rounds,
               (double)script->asked / (double)tasks->n / rounds);
    return rc;
}

int main(int argc, char **argv)
{
    struct session s = {0};
    const char *clinic = argc > 1 ? argv[1] : getenv("GRASP_BENCH_CLINIC");
    char *config = clinic ? fs_join(clinic, "grasp.yaml") : NULL;
    struct session_options o = {.config = config};
    int rounds = argc > 2 ? atoi(argv[2]) : 20, only = argc > 3 ? atoi(argv[3]) : 0;
    struct script script = {.base = {.ops = &script_ops}, .cap = 1 << 16};
    struct engine_settings es;
    struct skills_view *none = skills_view_new(NULL), *eight = NULL;
    if (!config) {
        fprintf(stderr, "which clinic? (a folder that `grasp synth` wrote)\n");
        return 2;
    }
    script.v = calloc(script.cap, sizeof(*script.v));
    int rc = session_open(&s, &o);
    if (rc == 0)
        rc = eight_skills(&eight);
    script.loop = s.loop;
    for (int row = 1; rc == 0 && row <= 3; row++) {
        static const char *const names[] = {"no skills", "eight skills, all injected",
                                            "eight skills, top 3 ranked"};
        if (only && only != row)
            continue;
        config_engine(s.config, &es);
        es.inject = row == 3 ? INJECT_TOP_K : INJECT_ALL;
        es.top_k = 3;
        rc = measure(&s, &script, names[row - 1], &es, row == 1 ? none : eight, rounds);
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", err_msg());
    for (size_t i = 0; i < script.cap; i++)
        free(script.v[i].text);
    free(script.v);
    skills_view_unref(none);
    skills_view_unref(eight);
    session_close(&s);
    free(config);
    return rc < 0;
}
