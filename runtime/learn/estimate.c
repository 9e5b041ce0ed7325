/*
 * estimate.c - how long the prompts of a run will be, said before it. What is there is measured: the
 * texts of the prompts, the functions that the agents are told, the tasks. The rest is what runs
 * had: half of a batch fails, a third of that in one group; the steps of an episode; the skills.
 */
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/learn/learn_private.h"
#include "runtime/learn/summary.h"

enum { TOKEN = 4, STEPS = 600, SKILL = 1800, LINE_CHARS = 90, FORM = 400 };

struct known {
    int64_t functions; /* characters of what is said of them */
    int64_t task;      /* of a task: instruction and context */
    int64_t steps, skills, failing;
};

static int64_t file_chars(const char *path)
{
    struct buf text = BUF_INIT;
    int64_t n = path && fs_read(path, &text) == 0 ? (int64_t)text.len : 0;
    err_clear();
    buf_release(&text);
    return n;
}

static int64_t task_chars(struct session *s)
{
    const struct task_set *dev;
    int64_t sum = 0;
    if (session_split(s, SPLIT_DEV, &dev) < 0 || !dev->n) {
        err_clear();
        return 0;
    }
    for (size_t i = 0; i < dev->n; i++)
        sum += (int64_t)(strlen(dev->v[i].instruction) + strlen(dev->v[i].context));
    return sum / (int64_t)dev->n;
}

/* What a prompt says whatever happened. */
static int64_t text_chars(const struct prompts *prompts, const char *name)
{
    struct buf text = BUF_INIT;
    json_t *nothing = json_object();
    int64_t n = prompts_render(prompts, name, nothing, &text) == 0 ? (int64_t)text.len : 0;
    err_clear();
    json_decref(nothing);
    buf_release(&text);
    return n;
}

/* What a phase adds to the texts of its prompt. */
static int64_t told_chars(const struct config *c, const struct known *k, enum model_phase phase)
{
    int64_t trace = k->task + k->steps, group = (k->failing + 2) / 3;
    int64_t used = k->functions / 2; /* a prompt tells of the functions that were used */
    switch (phase) {
    case PHASE_CLASSIFY:
    case PHASE_DIAGNOSE:
        return used + k->failing * trace;
    case PHASE_PROPOSE: /* the group's, passing ones of the same size, the others in a line */
        return used + k->skills + 2 * group * trace +
               (c->cycle.update_every - 2 * group) * LINE_CHARS;
    case PHASE_REVISE: /* two broken tasks, with the edit and before it */
        return used + SKILL + 2 * (k->task + 2 * k->steps);
    case PHASE_OTHER:
        return c->cycle.grpo_k * SKILL;
    default: /* the first message of a rollout */
        return k->functions + FORM + k->task +
               (c->skills.inject == INJECT_TOP_K ? c->skills.top_k * SKILL : k->skills);
    }
}

void plan_tokens(struct session *s, struct plan *p)
{
    static const char *const names[MODEL_PHASES] = {[PHASE_CLASSIFY] = "classify",
                                                    [PHASE_DIAGNOSE] = "diagnose",
                                                    [PHASE_PROPOSE] = "propose",
                                                    [PHASE_REVISE] = "revise",
                                                    [PHASE_OTHER] = "select"};
    const struct config *c = s->config;
    struct prompts *prompts = NULL;
    struct known k = {.functions = file_chars(c->data.funcs),
                      .task = task_chars(s),
                      .steps = c->told.trace_chars < STEPS ? c->told.trace_chars : STEPS,
                      .skills = c->cycle.max_learned_skills / 2 * SKILL,
                      .failing = (c->cycle.update_every + 1) / 2};
    if (prompts_open(&prompts, c->prompt.dir) < 0)
        err_clear(); /* the run will say it */
    for (int i = 0; i < MODEL_PHASES; i++) {
        int64_t text = names[i] && prompts ? text_chars(prompts, names[i]) : 0;
        p->tokens[i] = (text + told_chars(c, &k, (enum model_phase)i)) / TOKEN;
    }
    prompts_close(prompts);
}
