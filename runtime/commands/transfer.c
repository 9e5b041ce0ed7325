/* transfer.c - `grasp transfer`: a frozen library on other models, against their own baseline.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/figures.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"
#include "runtime/commands/table.h"
#include "runtime/commands/session_args.h"
#include "runtime/history/history.h"
#include "runtime/transfer/panel.h"
#include "runtime/transfer/transfer.h"
#include "runtime/history/frozen.h"

/* What was frozen, as it was before anything was measured. */
struct frozen {
    struct skill_set set;
    struct oid head; /* of the checked-out branch */
};

/* A budget holds for all executors together. */
struct spent {
    struct spending all;   /* by earlier processes, too, where that is kept */
    int64_t calls, tokens; /* by this one */
};

static int first_executor(const struct library_commit_info *c, void *arg)
{
    const char *model = library_trailer(c, "Executor-Model");
    char **out = arg;
    if (!model)
        return 0;
    *out = str_dup(model);
    return 1;
}

static int open_frozen(struct transfer *t, struct frozen *f)
{
    struct library *lib = NULL;
    int rc = library_open(&lib, t->library, LIBRARY_READ);
    if (rc == 0)
        rc = library_resolve(lib, t->at, &t->commit);
    if (rc == 0)
        rc = library_object(lib, t->at, &t->object);
    if (rc == 0)
        rc = manifest_check_read(lib, t->at);
    if (rc == 0)
        rc = library_head(lib, &f->head);
    if (rc == 0)
        rc = library_read(lib, t->commit.hex, &f->set);
    if (rc == 0)
        rc = library_walk(lib, t->commit.hex, first_executor, &t->learned_by);
    t->skills = f->set.n;
    library_close(lib);
    return rc < 0 ? rc : 0;
}

/* Frozen means frozen: the revision still is what it was, and so is the branch that is checked out.
 */
static int check_frozen(const struct transfer *t, const struct frozen *f)
{
    struct library *lib = NULL;
    struct oid commit, object, head;
    int rc = library_open(&lib, t->library, LIBRARY_READ);
    if (rc == 0)
        rc = library_resolve(lib, t->at, &commit);
    if (rc == 0)
        rc = library_object(lib, t->at, &object);
    if (rc == 0)
        rc = library_head(lib, &head);
    if (rc == 0 && (strcmp(object.hex, t->object.hex) != 0 ||
                    strcmp(commit.hex, t->commit.hex) != 0 || strcmp(head.hex, f->head.hex) != 0))
        rc = err_set(GRASP_ECONFLICT,
                     "the library %s changed while it was measured: %s was %.12s and is %.12s",
                     t->library, t->at, t->object.hex, object.hex);
    library_close(lib);
    return rc;
}

/* ---- measuring ---- */

static int start(struct session *s, const struct task_set *tasks, struct skills_view *view,
                 struct group **out)
{
    struct group *g = *out = engine_group_of(s->engine, PHASE_ROLLOUT_TEST, false, tasks, view,
                                             draw_number(&s->draws, DRAW_TEST, 0));
    if (!g)
        return GRASP_ENOMEM;
    return 0;
}

static int keep_outcomes(struct executor *e, enum split split, enum transfer_arm arm,
                         const struct group *g)
{
    size_t n = group_size(g);
    enum outcome *o = calloc(n + 1, sizeof(*o));
    if (!o)
        return err_oom();
    for (size_t i = 0; i < n; i++)
        o[i] = rollout_outcome(group_result(g, i));
    e->outcomes[split][arm] = o;
    e->tasks[split] = n;
    return 0;
}

static int finish(struct session *s, struct executor *e, enum split split, enum transfer_arm arm,
                  struct group *g, const char *dir)
{
    struct score *score = &e->score[split][arm];
    int rc = group_wait(g);
    if (rc == 0)
        rc = score_of(g, score);
    if (rc == 0)
        rc = score_covered(score, s->config->gate.coverage_floor, split_name(split), s->engine);
    if (rc == 0)
        rc = keep_outcomes(e, split, arm, g);
    if (rc == 0 && dir) {
        struct buf path = BUF_INIT;
        buf_addf(&path, "%s/%s/%s", dir, e->target.slug, split_name(split));
        rc = buf_check(&path);
        if (rc == 0)
            rc = score_write(path.ptr, transfer_arm_name(arm), g, score, NULL);
        if (rc == 0)
            rc = barrier_path(path.ptr);
        buf_release(&path);
    }
    return rc;
}

/* All splits with the given arms; what two arms ask alike is paid once. */
static int score_arms(struct session *s, struct executor *e, const struct transfer *t,
                      enum transfer_arm from, enum transfer_arm to,
                      struct skills_view *const views[TRANSFER_ARMS], const char *dir)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->n_splits; i++) {
        struct group *g[TRANSFER_ARMS] = {0};
        const struct task_set *tasks;
        rc = session_split(s, t->splits[i], &tasks);
        life_where(s->life, "%.60s, %s", e->target.text, split_name(t->splits[i]));
        for (enum transfer_arm a = from; rc == 0 && a <= to; a++)
            rc = start(s, tasks, views[a], &g[a]);
        for (enum transfer_arm a = from; rc == 0 && a <= to; a++)
            rc = finish(s, e, t->splits[i], a, g[a], dir);
        progress_clear();
        for (int a = 0; a < TRANSFER_ARMS; a++)
            group_free(g[a]);
    }
    return rc;
}

/* What doing nothing scores, once for all executors. */
static int score_idle(struct session *s, struct transfer *t)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->n_splits; i++) {
        enum split split = t->splits[i];
        const struct score *known;
        if (t->idle[split].total)
            continue;
        rc = session_idle(s, split, &known);
        if (rc == 0 && known) { /* the session ends before the table is printed */
            t->idle[split] = s->idle[split];
            s->idle[split] = (struct score){0};
        }
    }
    return rc;
}

static int regate(struct session *s, struct executor *e, const struct transfer *t, const char *dir)
{
    struct skills_view *views[TRANSFER_ARMS] = {0};
    struct prune_options o = {t->library, &t->commit, e->branch};
    int rc = prune(s, &o, &e->pruning);
    e->regated = rc == 0;
    if (rc == 0 && !(views[ARM_PRUNED] = skills_view_new(&e->pruning.set)))
        rc = err_code();
    if (rc == 0)
        rc = score_arms(s, e, t, ARM_PRUNED, ARM_PRUNED, views, dir);
    skills_view_unref(views[ARM_PRUNED]);
    return rc;
}

static int name_branch(struct executor *e, const char *branch)
{
    int n = snprintf(e->branch, sizeof(e->branch), branch ? "%s" : "for/%s",
                     branch ? branch : e->target.slug);
    return n > 0 && (size_t)n < sizeof(e->branch)
               ? 0
               : err_set(GRASP_EUSAGE, "--branch: '%.40s...' is too long", e->branch);
}

/* What an executor costs at most; regating: dev, the probes with the library, and in every round
 * without each skill that is left. */
static int plan(struct session *s, const struct executor *e, const struct transfer *t,
                bool regating, bool alone)
{
    size_t n = t->skills, probes = (size_t)(s->config->cycle.grpo_eval_n * s->config->gate.repeats);
    size_t rollouts = 0;
    const struct task_set *tasks;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->n_splits; i++)
        if ((rc = session_split(s, t->splits[i], &tasks)) == 0)
            rollouts += tasks->n * (regating ? 3 : 2);
    if (rc == 0 && regating && (rc = session_split(s, SPLIT_DEV, &tasks)) == 0)
        rollouts += tasks->n + probes * (1 + n * (n + 1) / 2);
    if (rc == 0)
        panel_plan(s, e->target.text, rollouts, alone);
    return rc;
}

/* With --out the record is a part of what is there, whatever was asked for (compare reads it); else it
 * lasts until the command is done. */
static int keep_spent(const struct args *a, struct session *s, const struct spent *spent)
{
    char *path = NULL;
    accounts_carry(s->accounts, &spent->all);
    if (!arg_str(a, "out"))
        return session_keep_spent(a, s);
    int rc = (path = fs_join(arg_str(a, "out"), "spent.json")) ? accounts_keep(s->accounts, path)
                                                               : err_oom();
    free(path);
    return rc;
}

static void add_spent(struct spent *spent, const struct accounts *a)
{
    struct account_counts c;
    accounts_counts(a, MODEL_PHASES, &c);
    accounts_spent(a, &spent->all);
    spent->calls += c.calls;
    spent->tokens += c.usage.prompt_tokens + c.usage.completion_tokens;
}

static int measure(struct executor *e, struct transfer *t, const struct frozen *f,
                   const struct session_options *base, const struct args *a, struct spent *spent,
                   bool last)
{
    struct session s = {0};
    struct session_options o = *base;
    struct skills_view *views[TRANSFER_ARMS] = {0};
    bool dry = arg_flag(a, "dry-run");
    const char **sets = calloc(base->n_sets + e->target.sets.n + 1, sizeof(*sets));
    int rc = sets ? 0 : err_oom();
    /* the model goes first: --set may still say more about it */
    for (size_t i = 0; sets && i < e->target.sets.n; i++)
        sets[i] = e->target.sets.v[i];
    for (size_t i = 0; sets && i < base->n_sets; i++)
        sets[e->target.sets.n + i] = base->sets[i];
    o.sets = sets;
    o.n_sets = base->n_sets + e->target.sets.n;
    if (e->target.preset)
        o.preset = e->target.preset;
    if (rc == 0)
        rc = session_open(&s, &o);
    if (rc == 0 && !dry)
        rc = keep_spent(a, &s, spent);
    if (rc == 0) {
        e->model = str_dup(s.backend[0]->name);
        e->label = str_dup(s.backend[0]->label);
        e->simulated = strcmp(s.config->model.kind, "simulated") == 0;
        views[ARM_LIBRARY] = skills_view_new(&f->set);
        if (!views[ARM_LIBRARY])
            rc = err_code();
        else if (!e->model || !e->label)
            rc = err_oom();
    }
    if (rc == 0 && e == t->v) /* the models differ, the rest of the configuration is one */
        rc = manifest_warn(t->library, t->at, s.config, !e->target.preset);
    if (rc == 0)
        rc = plan(&s, e, t, arg_flag(a, "regate"), dry);
    if (rc == 0 && dry)
        rc = session_reach(&s);
    if (rc == 0 && arg_flag(a, "regate")) {
        const struct prune_options branch = {t->library, &t->commit, e->branch};
        rc = name_branch(e, arg_str(a, "branch"));
        if (rc == 0)
            rc = prune_check(&s, &branch);
    }
    if (rc == 0 && !dry)
        rc = score_arms(&s, e, t, ARM_BASELINE, ARM_LIBRARY, views, arg_str(a, "out"));
    if (rc == 0 && !dry)
        rc = score_idle(&s, t);
    e->done = rc == 0 && !dry; /* what was measured is shown, whatever becomes of the rest */
    if (rc == 0 && !dry && arg_flag(a, "regate"))
        rc = regate(&s, e, t, arg_str(a, "out"));
    session_drain(&s, rc);
    if (s.accounts)
        add_spent(spent, s.accounts);
    if (rc == 0 && last && !dry && !arg_str(a, "out"))
        accounts_done(s.accounts);
    if (!dry)
        session_say_journal(&s, "");
    session_close(&s);
    skills_view_unref(views[ARM_LIBRARY]);
    free((void *)sets);
    return rc < 0 ? err_prefix(rc, "%s", e->target.text) : 0;
}

/* ---- the command ---- */

static int read_targets(struct transfer *t, const struct args *a)
{
    size_t n = arg_count(a, "to");
    if (!n)
        return err_set(GRASP_EUSAGE, "to which model? --to MODEL");
    if (arg_str(a, "branch") && (n > 1 || !arg_flag(a, "regate")))
        return err_set(GRASP_EUSAGE, "--branch goes with --regate and one --to");
    t->v = calloc(n, sizeof(*t->v));
    int rc = t->v ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = target_parse(&t->v[i].target, arg_nth(a, "to", i));
        t->n += rc == 0;
        for (size_t k = 0; rc == 0 && k < i; k++)
            if (str_caseeq(t->v[k].target.slug, t->v[i].target.slug))
                rc = err_set(GRASP_EUSAGE, "--to %s and --to %s would both be called '%s'",
                             t->v[k].target.text, t->v[i].target.text, t->v[i].target.slug);
    }
    return rc;
}

/* A plain name may be an entry of the configuration's table: then it is that whole model. */
static int look_up(struct transfer *t, const char *config)
{
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < t->n; i++) {
        struct target *g = &t->v[i].target;
        if (!g->named || (rc = config_has_model(config, g->text)) <= 0)
            continue;
        strlist_release(&g->sets);
        if (!(g->preset = str_dup(g->text)))
            rc = err_oom();
    }
    return rc < 0 ? rc : 0;
}

static int show(const struct transfer *t, const struct args *a)
{
    json_t *v = transfer_to_json(t);
    int rc = v ? 0 : err_oom();
    if (rc == 0 && arg_str(a, "out")) {
        char *path = fs_join(arg_str(a, "out"), "transfer.json");
        rc = path ? json_write_file(v, path) : err_oom();
        free(path);
    }
    if (rc == 0 && arg_flag(a, "json")) {
        json_dumpf(v, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (rc == 0) {
        transfer_print(t, stdout);
    }
    json_decref(v);
    return rc;
}

static int run(const struct args *a)
{
    struct transfer t = {.library = arg_str(a, "library"), .at = arg_str(a, "at")};
    struct session_options o = {0};
    struct frozen f = {0};
    struct spent spent = {0};
    size_t done = 0;
    char *why = NULL, *journal = NULL;
    int rc = t.library ? 0 : err_set(GRASP_EUSAGE, "which library? --library DIR");
    if (rc == 0)
        rc = splits_parse(arg_str(a, "split"), t.splits, &t.n_splits);
    if (rc == 0)
        rc = read_targets(&t, a);
    if (rc == 0)
        rc = session_options(a, &o);
    if (rc == 0)
        rc = look_up(&t, o.config);
    if (rc == 0)
        rc = open_frozen(&t, &f);
    if (rc == 0 && arg_str(a, "out") && !arg_flag(a, "dry-run")) {
        rc = fs_mkdirs(arg_str(a, "out"));
        if (rc == 0)
            fs_remove_temporary(arg_str(a, "out"));
        if (rc == 0 && !(journal = fs_join(arg_str(a, "out"), "journal")))
            rc = err_oom();
        o.journal_else = journal;
    }
    if (arg_flag(a, "dry-run")) {
        o.no_journal = true;
        o.journal_flags = 0;
    }
    for (size_t i = 0; rc == 0 && i < t.n; i++) {
        rc = measure(&t.v[i], &t, &f, &o, a, &spent, i + 1 == t.n);
        done += t.v[i].done;
    }
    if (rc < 0) /* what it was outlives what is written now */
        why = str_dup(err_msg());
    int shown = done ? show(&t, a) : 0;
    if (rc < 0)
        rc = err_set(rc, "%s", why ? why : "out of memory");
    else if (done)
        rc = shown < 0 ? shown : check_frozen(&t, &f);
    if (done)
        log_info("calls made %s, tokens %s", figure(spent.calls).text, figure(spent.tokens).text);
    free(why);
    free(journal);
    skill_set_release(&f.set);
    transfer_release(&t);
    free((void *)o.sets);
    return rc;
}

const struct command cmd_transfer = {
    .name = "transfer",
    .summary = "a frozen library on other models",
    .operands = "CONFIG",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"library", 'l', "DIR", "the library", NULL},
            {"at", 0, "REV", "its frozen revision: a tag, a branch, a commit", "HEAD"},
            {"to", 't', "MODEL...", "an executor (see below)", NULL},
            {"split", 's', "NAME", "dev, val, id_test, test, full; several with commas; or all",
             "id_test,test"},
            {"regate", 0, NULL, "measure each skill on the new model and drop what hurts there",
             NULL},
            {"branch", 0, "NAME", "the pruned library's branch (default: for/MODEL)", NULL},
            {"out", 'o', "DIR",
             "write transfer.json and MODEL/SPLIT/{baseline,library,pruned}_*; the "
             "journal, too",
             NULL},
            {"json", 0, NULL, "the tables as JSON", NULL},
            {"dry-run", 'n', NULL, "print the plan, see that the endpoints are there, and stop",
             NULL},
            SESSION_OPTIONS,
            {0}},
    .details =
        "MODEL is one of\n"
        "  NAME                  an entry of CONFIG's table `models`, else another model name at "
        "the\n"
        "                        configured endpoint\n"
        "  preset:NAME           agents/NAME.yaml beside CONFIG instead of its section `model`\n"
        "  simulated[:PROFILE]   the simulated model: weak, default or strong\n"
        "Each is scored without skills and with the library, on the same tasks. The revision is\n"
        "only read, and its object id is the same before and after.\n"
        "Stopped, the same command goes on where it was.\n"
        "--regate draws a probe set from dev by how the model does with the library, tries the\n"
        "library without each of its skills, and takes removals through the gate of learning "
        "until\n"
        "none is let in: commits with their evidence on the branch for/MODEL, which begins at the\n"
        "frozen revision.",
    .run = run,
};
