/* compare.c - `grasp compare`: arms, seeds, models and benchmarks in one matrix; runs beside each
 * other. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/commands/table.h"
#include "runtime/compare/cells.h"
#include "runtime/compare/expect.h"
#include "runtime/compare/gather.h"
#include "runtime/compare/published.h"
#include "runtime/compare/slurm.h"
#include "runtime/compare/table.h"
#include "runtime/compare/transfers.h"

static enum table_form form_of(const struct args *a)
{
    return arg_flag(a, "latex")      ? TABLE_LATEX
           : arg_flag(a, "markdown") ? TABLE_MARKDOWN
                                     : TABLE_TEXT;
}

static int print_transfers(const struct args *a, const struct matrix *m)
{
    json_t *comparison = NULL;
    int rc = arg_flag(a, "csv") ? err_set(GRASP_EUSAGE, "--csv is of matrices that learn; --json")
                                : transfers_compare(m, &comparison);
    if (rc == 0 && arg_flag(a, "json")) {
        json_dumpf(comparison, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (rc == 0) {
        transfers_print(comparison, form_of(a), stdout);
    }
    json_decref(comparison);
    return rc;
}

static int print_tables(const struct args *a, const struct gathered *g)
{
    struct contrast_options o = {.unpaired = 0.05};
    json_t *comparison = NULL;
    const char *published = arg_str(a, "published");
    double margin = 0;
    int rc = published ? published_check(published) : 0;
    if (rc == 0 && arg_str(a, "margin"))
        rc = arg_double(a, "margin", 0.001, 100, &margin);
    o.margin = margin / 100;
    if (rc == 0 && arg_flag(a, "csv")) {
        gather_csv(g, stdout);
        return 0;
    }
    if (rc == 0)
        rc = gather_compare(g, arg_str(a, "against"), &o, &comparison);
    if (rc == 0 && arg_flag(a, "json")) {
        json_dumpf(comparison, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (rc == 0) {
        table_print(comparison, form_of(a), published, stdout);
    }
    json_decref(comparison);
    return rc;
}

/* Budgets are of the whole matrix and no part of its plan. */
static int split_sets(const struct args *a, const char **sets, size_t *n, struct cells_options *o)
{
    *n = 0;
    for (size_t i = 0; i < arg_count(a, "set"); i++) {
        const char *set = arg_nth(a, "set", i);
        if (str_starts(set, "cycle.seed="))
            return err_set(GRASP_EUSAGE, "--set %s: a matrix has --seeds", set);
        if (!str_starts(set, "budget.")) {
            sets[(*n)++] = set;
            continue;
        }
        const char *is = strchr(set, '=');
        double value;
        if (!is || !str_to_double(is + 1, &value) || value < 0)
            return err_set(GRASP_EUSAGE, "--set %s: a number is wanted", set);
        if (str_starts(set, "budget.calls="))
            o->budget.calls = (int64_t)value;
        else if (str_starts(set, "budget.tokens="))
            o->budget.tokens = (int64_t)value;
        else if (str_starts(set, "budget.usd="))
            o->budget.usd = value;
        else
            return err_set(GRASP_EUSAGE,
                           "--set %s: a matrix has budget.calls, budget.tokens and budget.usd",
                           set);
    }
    return 0;
}

static int make_matrix(const struct args *a, struct matrix *m, const char *const *sets, size_t n)
{
    size_t n_vary = arg_count(a, "vary");
    const char **vary = calloc(n_vary + 1, sizeof(*vary));
    struct buf configs = BUF_INIT;
    int rc = vary ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < n_vary; i++)
        vary[i] = arg_nth(a, "vary", i);
    buf_adds(&configs, operand(a, operand_count(a) - 1));
    if (arg_str(a, "benchmarks"))
        buf_addf(&configs, ",%s", arg_str(a, "benchmarks"));
    struct matrix_options o = {.configs = configs.ptr,
                               .methods = arg_str(a, "methods"),
                               .seeds = arg_str(a, "seeds"),
                               .ablations = arg_str(a, "ablations"),
                               .models = arg_str(a, arg_str(a, "libraries") ? "to" : "models"),
                               .libraries = arg_str(a, "libraries"),
                               .regate = arg_flag(a, "regate"),
                               .vary = vary,
                               .n_vary = n_vary,
                               .sets = sets,
                               .n_sets = n,
                               .preset = arg_str(a, "preset")};
    if (rc == 0)
        rc = buf_check(&configs);
    if (rc == 0)
        rc = matrix_make(m, arg_str(a, "out"), &o);
    if (rc == 0)
        rc = matrix_claim(m, false);
    free(vary);
    buf_release(&configs);
    return rc;
}

/* Before the first call: what it will take, and whether the budget is enough for that. */
static int show_plan(const struct args *a, const struct matrix *m, const struct cells_options *o)
{
    struct expectation e;
    bool dry = arg_flag(a, "dry-run");
    int rc = expect_matrix(&e, m, o->journal, dry);
    if (rc == 0 && (dry || (e.all.open && !o->quiet)))
        expect_print(&e, o, dry ? stdout : stderr);
    if (rc == 0)
        rc = expect_check(&e, o, arg_flag(a, "insist"));
    expect_release(&e);
    return rc;
}

/* `made`: from a configuration, and not written yet. */
static int run_matrix(const struct args *a, const struct matrix *m, struct cells_options *o,
                      bool made)
{
    int64_t only = -1, jobs = 1;
    bool dry = arg_flag(a, "dry-run"), looks = arg_flag(a, "sbatch") || arg_flag(a, "status");
    int rc = arg_int(a, "jobs", 1, 256, &jobs);
    if (rc == 0 && arg_str(a, "only")) {
        rc = arg_int(a, "only", 1, (int64_t)m->n, &only);
        only--;
    }
    o->jobs = (int)jobs;
    o->journal = arg_str(a, "journal");
    o->quiet = arg_flag(a, "quiet");
    o->keep_going = arg_flag(a, "keep-going");
    if (rc == 0 && (dry || (only < 0 && !looks))) /* a task of an array is part of what was shown */
        rc = show_plan(a, m, o);
    if (rc == 0 && made && !dry)
        rc = matrix_claim(m, true);
    if (rc < 0 || dry)
        return rc;
    if (arg_flag(a, "sbatch"))
        return slurm_print(m, stdout);
    if (arg_flag(a, "status") && only >= 0) {
        struct cell_status s;
        cell_status(m, &m->v[only], &s);
        puts(*s.stop ? s.stop : cell_state_name(s.state));
        return 0;
    }
    if (arg_flag(a, "status"))
        return cells_show(m, arg_flag(a, "json"), stdout);
    rc = cells_run(m, o, only);
    if (only >= 0)
        return rc;
    /* what is done is shown whatever is not */
    char *why = rc < 0 ? str_dup(err_msg()) : NULL;
    struct gathered g = {0};
    int shown = m->v[0].library ? print_transfers(a, m) : gather_matrix(&g, m);
    if (shown == 0 && g.n)
        shown = print_tables(a, &g);
    gathered_release(&g);
    if (rc < 0 && why)
        rc = err_set(rc, "%s", why);
    free(why);
    return rc < 0 ? rc : shown;
}

static int run_named(const struct args *a)
{
    size_t n = operand_count(a);
    const char **runs = calloc(n + 1, sizeof(*runs));
    struct gathered g = {0};
    int rc = runs ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++)
        runs[i] = operand(a, i);
    if (rc == 0)
        rc = gather_runs(&g, runs, n);
    if (rc == 0)
        rc = print_tables(a, &g);
    gathered_release(&g);
    free(runs);
    return rc;
}

/* Whether an option is given that makes a plan. */
static bool plans(const struct args *a)
{
    static const char *const options[] = {"out",       "methods", "seeds",  "ablations",
                                          "vary",      "models",  "to",     "benchmarks",
                                          "libraries", "regate",  "preset", NULL};
    size_t n = 0;
    for (size_t i = 0; options[i]; i++)
        n += arg_count(a, options[i]);
    return n > 0;
}

static int run(const struct args *a)
{
    struct matrix m = {0};
    struct cells_options o = {0};
    size_t n = 0;
    const char **sets = calloc(arg_count(a, "set") + 1, sizeof(*sets));
    int rc = sets ? split_sets(a, sets, &n, &o) : err_oom();
    if (rc == 0 &&
        arg_flag(a, "csv") + arg_flag(a, "json") + arg_flag(a, "markdown") + arg_flag(a, "latex") >
            1)
        rc = err_set(GRASP_EUSAGE, "one of --csv, --json, --markdown and --latex");
    bool matrix = operand_count(a) == 1 && matrix_is(operand(a, 0));
    /* `compare transfer CONFIG`: libraries by models */
    bool transfer = operand_count(a) == 2 && strcmp(operand(a, 0), "transfer") == 0;
    if (rc == 0 && transfer != !!arg_str(a, "libraries"))
        rc = err_set(GRASP_EUSAGE, "compare transfer CONFIG --libraries A,B --to M1,M2 --out DIR");
    if (rc == 0 && !matrix && !arg_str(a, "out")) {
        rc = (operand_count(a) == 1 || transfer) &&
                     (transfer || (!strchr(operand(a, 0), '=') && !fs_is_dir(operand(a, 0))))
                 ? err_set(GRASP_EUSAGE, "--out DIR: where is the matrix to be kept?")
                 : run_named(a);
    } else if (rc == 0 && matrix) {
        rc = n || plans(a) ? err_set(GRASP_EUSAGE, "%s has its plan: only budgets can be set here",
                                     operand(a, 0))
                           : matrix_read(&m, operand(a, 0));
        if (rc == 0)
            rc = run_matrix(a, &m, &o, false);
    } else if (rc == 0) {
        rc = operand_count(a) == 1 || transfer
                 ? make_matrix(a, &m, sets, n)
                 : err_set(GRASP_EUSAGE, "one configuration; others with --benchmarks");
        if (rc == 0)
            rc = run_matrix(a, &m, &o, true);
    }
    matrix_release(&m);
    free(sets);
    return rc;
}

const struct command cmd_compare = {
    .name = "compare",
    .summary = "methods, ablations, seeds and models side by side, with honest statistics",
    .operands = "[transfer] CONFIG|MATRIX|[NAME=]RUN...",
    .min = 1,
    .max = -1,
    .options =
        (const struct option_def[]){
            {"out", 'o', "DIR", "the matrix's folder; the same command goes on there", NULL},
            {"methods", 0, "NAMES",
             "with commas, see below; the first is what others are compared with", "grasp"},
            {"seeds", 0, "LIST", "such as 1-5,7 (default: the configuration's)", NULL},
            {"ablations", 0, "NAMES", "of the paper, with commas, or all", NULL},
            {"vary", 0, "KEY=V1,V2...", "each value of a key an arm of its own", NULL},
            {"models", 0, "NAMES", "with commas, as transfer --to has them", NULL},
            {"benchmarks", 0, "FILES", "further configurations, with commas", NULL},
            {"libraries", 0, "DIRS", "with compare transfer: DIR[@REV], with commas (REV: best)",
             NULL},
            {"to", 't', "MODELS", "with compare transfer: as transfer --to, with commas", NULL},
            {"regate", 0, NULL, "with compare transfer: and pruned for each model", NULL},
            {"jobs", 'j', "N", "cells at a time", "1"},
            {"against", 0, "ARM", "compare with this arm instead of the first", NULL},
            {"margin", 0, "POINTS", "tell whether an arm is not worse by as much", NULL},
            {"published", 0, "MODEL", "the paper's scores beside ours, such as gpt-oss-120b", NULL},
            {"only", 0, "N", "this cell alone", NULL},
            {"dry-run", 'n', NULL,
             "print the plan (calls, tokens, money, time), see that the endpoints are there, and "
             "stop",
             NULL},
            {"insist", 0, NULL, "begin though the budget is not enough for what is expected", NULL},
            {"status", 0, NULL, "what is done, running, resumable and why, failed, missing", NULL},
            {"sbatch", 0, NULL, "print a Slurm job array of what is not done", NULL},
            {"keep-going", 0, NULL, "insist where a run stops because nothing is answered", NULL},
            {"set", 0, "KEY=VALUE...", "override a configuration key in every cell", NULL},
            {"preset", 0, "NAME", "another model: agents/NAME.yaml beside the configuration", NULL},
            {"journal", 0, "DIR", "where all cells keep their calls (default: DIR/journal)", NULL},
            {"csv", 0, NULL, "a row per method, seed and task", NULL},
            {"json", 0, NULL, "everything as JSON", NULL},
            {"markdown", 0, NULL, "tables as Markdown", NULL},
            {"latex", 0, NULL, "tables as LaTeX", NULL},
            {0}},
    .details =
        "With CONFIG and --out, makes the matrix: a learning run for every arm, model, benchmark "
        "and\n"
        "seed, then the tables. MATRIX is such a folder: what is not done goes on, the tables "
        "come\n"
        "again. Budgets (--set budget.calls=N) are of all cells together. With runs, those are "
        "set\n"
        "side by side; several runs of one NAME are its seeds. `compare transfer CONFIG "
        "--libraries A,B\n"
        "--to M1,M2 --out DIR` scores frozen libraries on models, own library on the diagonal.\n"
        "\n"
        "Methods: grasp, none, seq_memory, batch_memory, expel, evo_memory, skillx. The last five "
        "do\n"
        "what their released code does, and with NAME:repaired what it says.\n"
        "\n"
        "A claim about a method is about runs: paired t over seeds, Holm over the arms of a "
        "table,\n"
        "clustering by task and seed as a check. One run each says nothing about the method; then\n"
        "two libraries are compared over tasks (exact sign-flip). Exit 0: all cells are done, 3: "
        "some\n"
        "can go on, 1: some failed.",
    .run = run,
};
