/* learn.c - `grasp learn`: the main job. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"
#include "runtime/commands/table.h"
#include "runtime/commands/session_args.h"
#include "runtime/env/fhir_texts.h"
#include "runtime/learn/summary.h"
#include "runtime/session/spent.h"

/* Where things are when the command line and the configuration do not say. */
static char *default_path(const char *given, const char *configured, const char *run,
                          const char *name)
{
    if (given || configured)
        return str_dup(given ? given : configured);
    return run ? fs_join(run, name) : str_dup(name);
}

static int learn(struct learn **out, struct session *s, const char *library, const char *run_dir,
                 int flags)
{
    int rc = learn_open(out, s, library, run_dir, flags);
    struct learn *l = *out;
    if (rc < 0)
        return rc;
    rc = learn_run(l);
    progress_clear();
    char *why = rc < 0 ? str_dup(err_msg()) : NULL; /* outlives what is written now */
    session_drain(s, rc);
    int written = learn_record_summary(l, rc);
    summary_print(l, stdout);
    if (rc < 0)
        rc = err_set(rc, "%s", why);
    free(why);
    return rc < 0 ? rc : written;
}

/* --model NAME is --set model.name='NAME': a run that goes on must notice another one. */
static int set_model(struct session_options *o, const char *name, char **set)
{
    struct buf text = BUF_INIT;
    if (!name)
        return 0;
    const char **sets = reallocarray((void *)o->sets, o->n_sets + 1, sizeof(*sets));
    buf_adds(&text, "model.name='");
    for (const char *p = name; *p; p++)
        buf_adds(&text, *p == '\'' ? "''" : (char[]){*p, '\0'});
    buf_addch(&text, '\'');
    if (sets)
        o->sets = sets;
    *set = buf_detach(&text);
    if (!sets || !*set)
        return err_oom();
    sets[o->n_sets++] = *set;
    return 0;
}

static bool is_over(const char *run_dir)
{
    char *path = fs_join(run_dir, "run.json");
    json_t *state = NULL;
    bool over = path && fs_exists(path) && json_read_file(&state, path) == 0 &&
                json_bool_at(state, "ended", false);
    err_clear();
    json_decref(state);
    free(path);
    return over;
}

/* Prints the plan, and holds it against the budget before anything is asked. A run that has begun goes
 * on as far as it may. */
static int plan(const struct args *a, struct session *s, const char *run_dir, const char *journal)
{
    bool dry = arg_flag(a, "dry-run");
    struct plan plan;
    struct pace pace;
    struct spending expected, spent = {0};
    char *file = fs_join(run_dir, "spent.json");
    int rc = file ? spent_read(file, &spent) : err_oom();
    free(file);
    if (rc < 0)
        return rc;
    plan_make(s, &plan);
    pace_of_journal(s, journal, &pace);
    plan_paced(s, &plan, &pace, &expected, NULL);
    if (dry || !arg_flag(a, "quiet"))
        plan_print(s, &plan, &pace, dry ? stdout : stderr);
    if (dry)
        rc = session_reach(s);
    if (rc == 0 && !arg_flag(a, "insist") && !spent.calls && !is_over(run_dir))
        rc = plan_check(s->config, &spent, &expected, "--insist");
    return rc;
}

static int run(const struct args *a)
{
    struct session s = {0};
    struct session_options o = {0};
    struct learn *l = NULL;
    char *run_dir = NULL, *library = NULL, *journal = NULL;
    struct config *c = NULL;
    char *name = NULL;
    int rc = session_options(a, &o);
    if (rc == 0)
        rc = set_model(&o, arg_str(a, "model"), &name);
    if (rc == 0)
        rc = config_load_preset(&c, o.config, o.preset, o.sets, o.n_sets);
    if (rc == 0)
        rc = config_names_model(c, arg_str(a, "model"));
    if (rc < 0)
        goto out;
    run_dir = default_path(arg_str(a, "run"), c->run, NULL, "run");
    library = default_path(arg_str(a, "library"), c->library, NULL, "library");
    journal = default_path(o.journal, c->journal, run_dir, "journal");
    if (!run_dir || !library || !journal) {
        rc = err_oom();
        goto out;
    }
    if (arg_flag(a, "dry-run")) {
        struct fhir_texts *texts = NULL; /* of the world, which a plan does not open */
        o.journal_flags = 0;
        o.no_env = o.no_journal = true;
        rc = fhir_texts_open(&texts, c->prompt.texts);
        fhir_texts_close(texts);
    } else {
        o.journal = journal;
        rc = fs_mkdirs(run_dir);
    }
    o.splits = 1u << SPLIT_DEV | 1u << SPLIT_VAL | (c->data.id_test ? 1u << SPLIT_ID_TEST : 0) |
               (c->data.test ? 1u << SPLIT_TEST : 0);
    if (rc == 0)
        rc = session_open(&s, &o);
    if (rc < 0)
        goto out;
    rc = plan(a, &s, run_dir, journal);
    if (rc == 0 && !arg_flag(a, "dry-run"))
        rc = learn(&l, &s, library, run_dir,
                   (arg_flag(a, "from-head") ? LEARN_FROM_HEAD : 0) |
                       (arg_flag(a, "keep-going") ? LEARN_KEEP_GOING : 0) |
                       (arg_flag(a, "accept-changes") ? LEARN_ACCEPT_CHANGES : 0));
out:
    session_close_models(&s);
    learn_close(l);
    session_close(&s);
    config_free(c);
    free(run_dir);
    free(library);
    free(journal);
    free((void *)o.sets);
    free(name);
    return rc;
}

const struct command cmd_learn = {
    .name = "learn",
    .summary = "the main job: learn a skill library; run it again to resume",
    .operands = "CONFIG",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"library", 'l', "DIR",
             "the library's git repository (default: the key library, or "
             "./library)",
             NULL},
            {"run", 'r', "DIR", "the run's directory (default: the key run, or ./run)", NULL},
            {"model", 'm', "NAME", "another model name than the configuration's", NULL},
            {"from-head", 0, NULL,
             "go on from what others committed, reset or checked out since, instead of refusing",
             NULL},
            {"dry-run", 'n', NULL, "print the plan, see that the endpoints are there, and stop",
             NULL},
            {"insist", 0, NULL, "begin though the budget is not enough for what is expected", NULL},
            {"keep-going", 0, NULL, "even where all but every dev rollout ends without an answer",
             NULL},
            {"accept-changes", 0, NULL,
             "what the run decides from has changed: its epoch begins anew with that", NULL},
            SESSION_OPTIONS,
            {0}},
    .details =
        "The journal is RUN/journal unless --journal or the key journal names another; several\n"
        "runs may share one. Stopped by ctrl-C, a budget or an outage (exit 3), the same command\n"
        "goes on where it was: what was paid for is in the journal.\n"
        "\n"
        "The key method (or method.name) takes another method than grasp: none, seq_memory,\n"
        "batch_memory, expel, evo_memory, skillx; method.fidelity is published (what the released\n"
        "code does) or repaired (what it says). Each needs a library of its own.",
    .run = run,
};
