/* session.c - opens and closes what commands that run rollouts need. */
#include "runtime/session/session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/history/frozen.h"
#include "runtime/model/said_model.h"
#include "runtime/session/lead.h"

static const char *const split_names[] = {"dev", "val", "id_test", "test", "full"};

const char *split_name(enum split s)
{
    return split_names[s];
}

int split_from_name(const char *name)
{
    for (int i = 0; i < SPLITS; i++)
        if (strcmp(name, split_names[i]) == 0)
            return i;
    return -1;
}

const char *split_file(const struct config *c, enum split s)
{
    const char *const files[SPLITS] = {c->data.dev, c->data.val, c->data.id_test, c->data.test,
                                       c->data.full};
    return files[s];
}

static void over_budget(void *arg, int code, const char *message)
{
    struct session *s = arg;
    if (s->engine)
        engine_stop(s->engine, code, message);
}

bool session_answers_here(const struct session *s)
{
    return model_kind_here(s->config->model.kind) &&
           (!s->backend[1] || model_kind_here(s->config->writer.kind));
}

static int open_model(struct session *s, bool writer, const char *name)
{
    int i = writer;
    const struct model_config *mc = writer ? &s->config->writer : &s->config->model;
    struct model *paid = NULL;
    int rc = config_names_model(s->config, writer ? NULL : name);
    if (rc == 0)
        rc = config_model(s->config, writer, writer ? NULL : name, s->loop, &s->backend[i]);
    if (rc == 0)
        rc = accounts_model(&s->metered[i], s->accounts, writer, s->loop, s->backend[i]);
    if (rc == 0 && !model_kind_here(mc->kind))
        rc = lead_model(&s->led[i], s->loop, s->metered[i], LEAD_NS);
    if (rc == 0)
        paid = s->led[i] ? s->led[i] : s->metered[i];
    if (rc == 0 && s->journal)
        rc = journal_model(&s->model[i], s->journal, s->loop, paid);
    if (rc == 0)
        rc = said_model(&s->said[i], s->model[i] ? s->model[i] : paid,
                        mc->thinking == THINKING_KEEP);
    return rc;
}

struct model *session_model(struct session *s, bool writer)
{
    return s->said[writer && s->backend[1]];
}

/* A model in this process without noise answers alike every time; what an endpoint does is found
 * out by who depends on it (learn/noise.c). */
static bool known_alike(const struct session *s)
{
    const struct config *c = s->config;
    return (strcmp(c->model.kind, "simulated") == 0 && c->sim.noise == 0) ||
           strcmp(c->model.kind, "replay") == 0;
}

void config_engine(const struct config *c, struct engine_settings *out)
{
    *out = (struct engine_settings){
        .concurrency = (size_t)c->cycle.batch_concurrency,
        .max_rounds = (int)c->cycle.max_rounds,
        .inject = (enum inject_mode)c->skills.inject,
        .top_k = (int)c->skills.top_k,
        .order = (enum prompt_order)c->prompt.order,
        .temperature = c->model.temperature,
        .max_tokens = (int)c->model.max_tokens,
    };
}

/* .grasp/journal beside the configuration: nobody asked for it, so where it cannot be made that is said
 * and the command goes on without. `there`: only one that is. NULL in *out: none. */
static int default_journal(const char *config, bool there, char **out)
{
    static const char ignore[] = "*\n"; /* git leaves the folder alone */
    char *beside = fs_dirname(config);
    char *top = beside ? fs_join(strcmp(beside, ".") == 0 ? NULL : beside, ".grasp") : NULL;
    char *dir = top ? fs_join(top, "journal") : NULL,
         *file = top ? fs_join(top, ".gitignore") : NULL;
    int rc = dir && file ? 0 : err_oom();
    if (rc == 0 && there && !fs_exists(dir))
        goto end;
    if (rc == 0)
        rc = fs_mkdirs(dir);
    if (rc == 0 && access(dir, W_OK | X_OK) != 0)
        rc = err_set_errno(GRASP_EIO, "cannot write in '%s'", dir);
    if (rc == 0)
        rc = journal_check_place(dir);
    if (rc == 0 && !fs_exists(file))
        rc = fs_write(file, ignore, sizeof(ignore) - 1);
    if (rc < 0 && rc != GRASP_ENOMEM) {
        log_warn(
            "%s; no call is kept, and the same again pays again: --journal DIR, or --no-journal",
            err_msg());
        err_clear();
        rc = 0;
        goto end;
    }
    *out = dir;
    dir = NULL;
end:
    free(dir);
    free(beside);
    free(top);
    free(file);
    return rc;
}

static int open_journal(struct session *s, const struct session_options *o)
{
    const char *dir = o->journal ? o->journal : s->config->journal;
    char *own = NULL;
    int rc = 0;
    if (!dir)
        dir = o->journal_else;
    /* a recording is what a journal would be, and may change */
    if (!dir && !o->no_journal && !o->no_env && strcmp(s->config->model.kind, "replay") != 0)
        rc = default_journal(s->config->path, o->journal_flags & JOURNAL_REPLAY_ONLY, &own);
    if (own)
        dir = own;
    if (o->no_journal)
        dir = NULL;
    if (rc == 0 && o->journal_flags && !dir)
        rc = err_set(GRASP_EUSAGE, "--replay-only and --fresh need a journal: --journal DIR");
    if (rc == 0 && dir)
        rc = journal_open(&s->journal, dir, o->journal_flags);
    free(own);
    return rc;
}

int session_open(struct session *s, const struct session_options *o)
{
    struct engine_settings es;
    *s = (struct session){0};
    int rc = config_load_preset(&s->config, o->config, o->preset, o->sets, o->n_sets);
    if (rc == 0)
        rc = loop_open(&s->loop);
    if (rc == 0)
        rc = loop_signals(s->loop);
    if (rc == 0)
        rc = open_journal(s, o);
    if (rc == 0 && !(s->accounts = accounts_new(s->config, over_budget, s)))
        rc = err_oom();
    if (rc == 0)
        rc = open_model(s, false, o->model_name);
    if (rc == 0 && config_has_writer(s->config))
        rc = open_model(s, true, NULL);
    const struct task_set *tasks;
    for (int i = 0; rc == 0 && i < SPLITS; i++)
        if (o->splits & 1u << i)
            rc = session_split(s, (enum split)i, &tasks);
    if (rc == 0 && s->config->prompt.dir)
        rc = prompts_open(&s->prompts, s->config->prompt.dir);
    if (rc == 0 && !o->no_env)
        rc = env_open(&s->env, s->loop, s->config);
    if (rc == 0) {
        s->draws = (struct draws){.seed = (uint64_t)s->config->cycle.seed,
                                  .shared = s->config->draws == DRAWS_SHARED ||
                                            (s->config->draws == DRAWS_AUTO && known_alike(s))};
        config_engine(s->config, &es);
        es.prompts = s->prompts;
        s->ahead = (struct ahead){
            .config = s->config,
            .journal = s->journal,
            .accounts = s->accounts,
            .health = {&s->backend[0]->health, s->backend[1] ? &s->backend[1]->health : NULL}};
        /* what an episode of somebody's own world takes or leaves behind is not known */
        if (s->journal && s->config->speculate > 0 && s->config->env.kind == ENV_FHIR) {
            es.room = ahead_room;
            es.room_arg = &s->ahead;
        }
        rc = engine_open(&s->engine, s->loop, session_model(s, false), s->env, &es);
    }
    if (rc == 0)
        rc = life_open(&s->life, s);
    return rc;
}

void session_drain(struct session *s, int rc)
{
    int64_t until = clock_mono() + 60 * NS_PER_SEC, now;
    size_t n = s->journal ? journal_in_flight(s->journal) : 0;
    if (!n || !s->engine || (rc != GRASP_ESTOPPED && rc != GRASP_EOUTAGE))
        return;
    char *why = str_dup(err_msg());
    engine_stop(s->engine, GRASP_ESTOPPED, "stopped");
    loop_signals_clear(s->loop);
    if (s->model[0] && s->backend[0]->health.attempts) /* one that is asked over the network */
        log_info(
            "waiting for the answers of %zu %s in flight, which %s paid for; ctrl-C again gives "
            "them up",
            n, plural((int64_t)n, "call", "calls"), n == 1 ? "is" : "are");
    while (journal_in_flight(s->journal) && (now = clock_mono()) < until)
        if (loop_turn(s->loop, until - now) < 0)
            break;
    err_set(rc, "%s", why ? why : "");
    free(why);
}

/* A line for each kind of answer that was none: how many of all. */
static void report_said(const struct model *m)
{
    static const char *const why[SAID_KINDS] = {
        "", "were empty", "were empty: thinking used all of max_tokens", "were refused"};
    if (!m)
        return;
    const struct said_counts *c = said_model_counts(m);
    const int64_t *n = c->kinds;
    int64_t all = n[SAID_TEXT] + n[SAID_EMPTY] + n[SAID_CUT] + n[SAID_REFUSED] + c->context;
    for (int k = SAID_EMPTY; k < SAID_KINDS; k++)
        if (n[k])
            log_warn("%s: %lld of %lld answers %s", m->name, (long long)n[k], (long long)all,
                     why[k]);
    if (c->context)
        log_warn("%s: %lld of %lld conversations were longer than its context", m->name,
                 (long long)c->context, (long long)all);
}

void session_close_models(struct session *s)
{
    for (int i = 0; i < 2; i++) {
        report_said(s->said[i]);
        model_close(s->said[i]);
        model_close(s->model[i]);
        model_close(s->led[i]);
        model_close(s->metered[i]);
        model_close(s->backend[i]);
        s->said[i] = s->model[i] = s->led[i] = s->metered[i] = s->backend[i] = NULL;
    }
}

void session_close(struct session *s)
{
    session_close_models(s);
    life_close(s->life);
    engine_close(s->engine);
    prompts_close(s->prompts);
    env_close(s->env);
    accounts_free(s->accounts);
    journal_close(s->journal);
    loop_close(s->loop);
    for (int i = 0; i < SPLITS; i++)
        task_set_release(&s->splits[i]);
    for (int i = 0; i < SPLITS; i++)
        score_release(&s->idle[i]);
    config_free(s->config);
    *s = (struct session){0};
}

/* A task that nobody can grade is found before a rollout is paid for it. */
static int check_task(const struct config *c, const char *path, const struct task *task)
{
    struct grader_settings grader;
    struct strlist queries = {0};
    if (c->env.kind != ENV_FHIR)
        return 0;
    config_grader(c, &grader);
    int rc = grader_searches(task, &grader, &queries);
    strlist_release(&queries);
    return rc < 0 ? err_prefix(rc, "%s", path) : 0;
}

int session_split(struct session *s, enum split split, const struct task_set **out)
{
    const struct config *c = s->config;
    const char *file = split_file(c, split);
    *out = &s->splits[split];
    if (s->splits[split].v)
        return 0;
    if (!file)
        return err_set(GRASP_EINVAL, "%s: data.%s names no task file", c->path, split_name(split));
    int rc = task_set_load(&s->splits[split], file, c->env.kind == ENV_FHIR);
    if (rc == 0 && !s->splits[split].n)
        rc = err_set(GRASP_EINVAL, "%s: no tasks in it", file);
    for (size_t i = 0; rc == 0 && split != SPLIT_FULL && i < s->splits[split].n; i++)
        rc = check_task(c, file, &s->splits[split].v[i]);
    return rc < 0 ? err_prefix(rc, "data.%s", split_name(split)) : 0;
}

int session_idle(struct session *s, enum split split, const struct score **out)
{
    const struct task_set *tasks;
    int rc = 0;
    *out = NULL;
    if (!s->env || s->config->env.kind != ENV_FHIR)
        return 0;
    if (!s->idle_known[split] && (rc = session_split(s, split, &tasks)) == 0) {
        rc = idle_score(s->loop, s->env, tasks, &s->idle[split]);
        s->idle_known[split] = rc == 0;
    }
    if (rc == 0 && s->idle[split].total && !s->idle[split].unscored)
        *out = &s->idle[split];
    return rc;
}

int session_leak_guard(struct session *s, struct leak_guard **out)
{
    const struct config *c = s->config;
    const struct task_set *sets[SPLITS] = {0};
    int rc = 0;
    *out = NULL;
    for (int i = SPLIT_DEV; rc == 0 && i <= SPLIT_TEST; i++)
        if (split_file(c, (enum split)i))
            rc = session_split(s, (enum split)i, &sets[i]);
    if (rc == 0 && c->gate.leak_guard && !(*out = leak_guard_new(sets, SPLITS)))
        rc = err_oom();
    return rc;
}

bool session_leaks(void *guard, const struct edit *edit, char *what, size_t size)
{
    struct leak_edit texts = {.reason = edit->reason};
    if (edit->action != EDIT_REMOVE) /* the rest of what goes is there already */
        texts = (struct leak_edit){.name = edit->name,
                                   .description = edit->description,
                                   .content = edit->content,
                                   .reason = edit->reason,
                                   .tags = &edit->tags};
    return leak_guard_edit(guard, &texts, what, size);
}

int session_task(struct session *s, const char *id, const struct task **out)
{
    static const enum split order[] = {SPLIT_FULL, SPLIT_DEV, SPLIT_VAL, SPLIT_ID_TEST, SPLIT_TEST};
    const struct config *c = s->config;
    for (size_t i = 0; i < SPLITS; i++) {
        const struct task_set *set;
        if (!split_file(c, order[i]))
            continue;
        int rc = session_split(s, order[i], &set);
        if (rc < 0)
            return rc;
        if ((*out = task_set_find(set, id)))
            return 0;
    }
    return err_set(GRASP_ENOTFOUND, "there is no task '%s' in the files that %s names", id,
                   c->path);
}

int session_skills(const char *dir, const char *rev, struct skills_view **out)
{
    struct library *lib = NULL;
    struct skill_set set = {0};
    *out = NULL;
    if (!dir && rev)
        return err_set(GRASP_EUSAGE, "--at %s: a revision of which library? Add --library DIR",
                       rev);
    if (!dir)
        return 0;
    int rc = library_open(&lib, dir, LIBRARY_READ);
    if (rc == 0 && rev)
        rc = manifest_check_read(lib, rev);
    if (rc == 0)
        rc = library_read(lib, rev ? rev : "HEAD", &set);
    if (rc == 0 && !(*out = skills_view_new(&set)))
        rc = err_code();
    skill_set_release(&set);
    library_close(lib);
    return rc;
}
