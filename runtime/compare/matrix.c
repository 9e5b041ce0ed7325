/* matrix.c - the cells of a comparison: what is asked for becomes arms, arms become cells. */
#include "runtime/compare/matrix.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/transfer/target.h"
#include "skills/library.h"

/* The paper's ablations (arXiv 2605.29668, Table 2) by the names of its released runs. */
static const struct {
    const char *name, *sets[3];
} ablations[] = {
    {"no_gate_k1", {"cycle.no_gate=true", "cycle.grpo_k=1"}},
    {"no_gate_k4", {"cycle.no_gate=true", "cycle.grpo_k=4"}},
    {"blind_random", {"cycle.blind_select=random"}},
    {"blind_proposer", {"cycle.blind_select=proposer"}},
    {"no_reggate", {"cycle.regression_gate=false"}},
    {"fixes_only", {"cycle.fixes_only_scoring=true"}},
    {"append_only", {"cycle.append_only=true"}},
    {"no_cluster", {"cycle.cluster_failures=false"}},
};
#define SEED "cycle.seed="
enum { ABLATIONS = sizeof(ablations) / sizeof(*ablations), CELLS_MAX = 10000, NAME_LEN = 200 };

/* ---- lists ---- */

static int split_list(const char *text, struct strlist *out)
{
    int rc = 0;
    for (const char *p = text; rc == 0 && p && *text;) {
        size_t len = strcspn(p, ",");
        rc = len ? strlist_addn(out, p, len)
                 : err_set(GRASP_EUSAGE, "'%s': a comma with nothing beside it", text);
        p = p[len] ? p + len + 1 : NULL;
    }
    return rc;
}

static int parse_seeds(const char *text, struct strlist *out)
{
    struct strlist parts = {0};
    int rc = split_list(text, &parts);
    for (size_t i = 0; rc == 0 && i < parts.n; i++) {
        char *dash = strchr(parts.v[i] + (*parts.v[i] == '-'), '-');
        int64_t from, to;
        if (dash)
            *dash = '\0';
        if (!str_to_i64(parts.v[i], 0, 1000000000, &from) ||
            !str_to_i64(dash ? dash + 1 : parts.v[i], 0, 1000000000, &to) || to < from ||
            to - from >= CELLS_MAX) {
            rc = err_set(GRASP_EUSAGE,
                         "--seeds: '%s%s%s' is no seed and no range: numbers with commas, "
                         "ranges as 1-5",
                         parts.v[i], dash ? "-" : "", dash ? dash + 1 : "");
            break;
        }
        for (; rc == 0 && from <= to; from++) {
            char seed[24];
            snprintf(seed, sizeof(seed), "%lld", (long long)from);
            rc = strlist_has(out, seed) ? err_set(GRASP_EUSAGE, "--seeds: %s is there twice", seed)
                                        : strlist_add(out, seed);
        }
    }
    strlist_release(&parts);
    return rc;
}

/* ---- cells ---- */

static void cell_release(struct cell *c)
{
    free(c->name);
    free(c->arm);
    free(c->benchmark);
    free(c->model);
    free(c->config);
    free(c->preset);
    free(c->fingerprint);
    free(c->library);
    free(c->at);
    free(c->commit);
    strlist_release(&c->sets);
}

void matrix_release(struct matrix *m)
{
    for (size_t i = 0; i < m->n; i++)
        cell_release(&m->v[i]);
    free(m->v);
    free(m->dir);
    *m = (struct matrix){0};
}

/* A part of a folder's name: what a shell and a person read without quotes. */
static void add_part(struct buf *b, const char *s)
{
    if (b->len)
        buf_addch(b, '+');
    for (; *s; s++)
        buf_addch(b, ascii_isalnum(*s) || strchr("._-=", *s) ? *s : '-');
}

/* Half of it will do, and reads better. */
static char *fingerprint_of(const struct config *c)
{
    uint8_t digest[HASH_SIZE];
    char hex[HASH_HEX];
    config_fingerprint(c, digest);
    hash_hex(digest, hex);
    return str_ndup(hex, 32);
}

int cell_config(const struct cell *c, struct config **out)
{
    int rc =
        config_load_preset(out, c->config, c->preset, (const char *const *)c->sets.v, c->sets.n);
    if (rc < 0)
        return err_prefix(rc, "cell %s", c->name);
    char *now = fingerprint_of(*out);
    if (!now)
        rc = err_oom();
    else if (c->fingerprint && strcmp(now, c->fingerprint) != 0)
        rc =
            err_set(GRASP_EREFUSED,
                    "cell %s: %s is not what the plan was made of; put it back, or make the matrix "
                    "in another folder",
                    c->name, c->config);
    free(now);
    return rc;
}

/* An arm: its name and what sets it apart. */
struct arm {
    char *name;
    struct strlist sets;
};
struct arms {
    struct arm *v;
    size_t n, cap;
};

static int arm_add(struct arms *a, const char *name, const char *const *sets)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i].name, name) == 0)
            return err_set(GRASP_EUSAGE, "'%s' is there twice", name);
    int rc = grow(&a->v, &a->cap, a->n + 1);
    if (rc < 0)
        return rc;
    struct arm *arm = &a->v[a->n++];
    *arm = (struct arm){.name = str_dup(name)};
    rc = arm->name ? 0 : err_oom();
    for (; rc == 0 && *sets; sets++)
        rc = strlist_add(&arm->sets, *sets);
    return rc;
}

static int place_in(const char *const *names, const char *text)
{
    int i = 0;
    while (names[i] && strcmp(names[i], text) != 0)
        i++;
    return names[i] ? i : -1;
}

static int unknown_method(const char *text)
{
    struct buf known = BUF_INIT;
    for (size_t i = 0; method_names[i]; i++)
        buf_addf(&known, "%s%s", i ? ", " : "", method_names[i]);
    int rc = err_set(GRASP_EUSAGE,
                     "--methods: '%s' is none of %s; those from %s on also with :published or "
                     ":repaired behind",
                     text, known.ptr, method_names[METHOD_SEQ_MEMORY]);
    buf_release(&known);
    return rc;
}

/* "expel", "expel:repaired": the arm says which of both it is. */
static int add_method(struct arms *a, char *text)
{
    char *colon = strchr(text, ':');
    const char *which = colon ? colon + 1 : fidelity_names[FIDELITY_PUBLISHED];
    char name[64], set[2][64];
    if (place_in(fidelity_names, which) < 0)
        return unknown_method(text);
    if (colon)
        *colon = '\0';
    int method = place_in(method_names, text);
    if (method < 0 || (colon && method < METHOD_SEQ_MEMORY)) {
        if (colon)
            *colon = ':';
        return unknown_method(text);
    }
    bool kept = method >= METHOD_SEQ_MEMORY;
    snprintf(name, sizeof(name), "%s%s%s", text, kept ? "-" : "", kept ? which : "");
    snprintf(set[0], sizeof(set[0]), "method.name=%s", text);
    snprintf(set[1], sizeof(set[1]), "method.fidelity=%s", which);
    return arm_add(a, name, (const char *const[]){set[0], kept ? set[1] : NULL, NULL});
}

static int add_methods(struct arms *a, const char *text)
{
    struct strlist names = {0};
    int rc = split_list(text ? text : method_names[METHOD_GRASP], &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        rc = add_method(a, names.v[i]);
    strlist_release(&names);
    return rc;
}

static int unknown_ablation(const char *text)
{
    struct buf known = BUF_INIT;
    for (size_t k = 0; k < ABLATIONS; k++)
        buf_addf(&known, "%s%s", k ? ", " : "", ablations[k].name);
    int rc = err_set(GRASP_EUSAGE, "--ablations: '%s' is none of %s", text, known.ptr);
    buf_release(&known);
    return rc;
}

static int add_ablations(struct arms *a, const char *text)
{
    struct strlist names = {0};
    int rc = 0;
    for (size_t k = 0; rc == 0 && text && strcmp(text, "all") == 0 && k < ABLATIONS; k++)
        rc = strlist_add(&names, ablations[k].name);
    if (rc == 0 && !names.n)
        rc = split_list(text, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        size_t k = 0;
        while (k < ABLATIONS && strcmp(ablations[k].name, names.v[i]) != 0)
            k++;
        rc = k < ABLATIONS ? arm_add(a, names.v[i], ablations[k].sets)
                           : unknown_ablation(names.v[i]);
    }
    strlist_release(&names);
    return rc;
}

static int add_varied(struct arms *a, const char *text)
{
    const char *is = strchr(text, '=');
    struct strlist values = {0};
    if (!is || is == text || !is[1])
        return err_set(GRASP_EUSAGE, "--vary: '%s' is not KEY=VALUE,VALUE", text);
    if (str_starts(text, SEED))
        return err_set(GRASP_EUSAGE, "--vary %s: seeds are no arms but runs of one: --seeds", text);
    int rc = split_list(is + 1, &values);
    for (size_t i = 0; rc == 0 && i < values.n; i++) {
        struct buf set = BUF_INIT;
        buf_add(&set, text, (size_t)(is - text) + 1);
        buf_adds(&set, values.v[i]);
        rc = buf_check(&set);
        if (rc == 0)
            rc = arm_add(a, set.ptr, (const char *const[]){set.ptr, NULL});
        buf_release(&set);
    }
    strlist_release(&values);
    return rc;
}

/* "runs/clinic/grasp.yaml" is "clinic" where another benchmark's file is called grasp.yaml, too. */
static char *benchmark_name(const struct strlist *paths, size_t at)
{
    const char *path = paths->v[at], *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    for (size_t i = 0; i < paths->n; i++) {
        const char *other = strrchr(paths->v[i], '/');
        other = other ? other + 1 : paths->v[i];
        if (i != at && strcmp(other, base) == 0 && base > path) {
            char *dir = fs_dirname(path), *last = dir ? strrchr(dir, '/') : NULL;
            char *name = str_dup(last ? last + 1 : dir);
            free(dir);
            return name;
        }
    }
    size_t len = strlen(base);
    const char *dot = strrchr(base, '.');
    return str_ndup(base, dot && dot > base ? (size_t)(dot - base) : len);
}

/* Two files, or none, of the same bytes. */
static bool same_file(const char *a, const char *b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    bool same = str_same(a, b) || (a && b && fs_read(a, &x) == 0 && fs_read(b, &y) == 0 &&
                                   x.len == y.len && memcmp(x.ptr, y.ptr, x.len) == 0);
    buf_release(&x);
    buf_release(&y);
    return same;
}

/* The cells of one benchmark are scored on the same tasks in the same world. What is not so is refused
 * here, before anything is paid. */
static int same_data(const struct cell *c, const struct config *ours, const struct cell *first)
{
    struct config *other = NULL;
    int rc = cell_config(first, &other);
    const char *key = NULL;
    if (rc == 0 && !same_file(ours->data.id_test, other->data.id_test))
        key = "data.id_test";
    else if (rc == 0 && !same_file(ours->data.test, other->data.test))
        key = "data.test";
    else if (rc == 0 && json_array_size(ours->fhir.load) != json_array_size(other->fhir.load))
        key = "fhir.load";
    for (size_t i = 0; rc == 0 && !key && i < json_array_size(ours->fhir.load); i++)
        if (!same_file(json_string_value(json_array_get(ours->fhir.load, i)),
                       json_string_value(json_array_get(other->fhir.load, i))))
            key = "fhir.load";
    if (rc == 0 && key)
        rc = err_set(GRASP_EINVAL,
                     "%s of cell %s is not that of cell %s: scores on other data are not to be "
                     "compared (another benchmark: --benchmarks)",
                     key, c->name, first->name);
    config_free(other);
    return rc;
}

/* `first`: of the cells that it stands beside, NULL: itself. */
static int take_fingerprint(struct cell *c, const struct cell *first)
{
    struct config *config = NULL;
    int rc = cell_config(c, &config);
    if (rc == 0 && first)
        rc = same_data(c, config, first);
    if (rc == 0 && !(c->fingerprint = fingerprint_of(config)))
        rc = err_oom();
    config_free(config);
    return rc;
}

static int name_cell(struct matrix *m, struct cell *c, struct buf *name)
{
    c->name = buf_detach(name);
    if (!c->arm || !c->benchmark || !c->model || !c->config || !c->name)
        return err_oom();
    if (strlen(c->name) > NAME_LEN)
        return err_set(GRASP_EUSAGE, "'%s' is too long for the name of a cell", c->name);
    for (size_t i = 0; i + 1 < m->n; i++)
        if (strcmp(m->v[i].name, c->name) == 0)
            return err_set(GRASP_EUSAGE, "two cells would be called '%s'", c->name);
    return 0;
}

static int add_cell(struct matrix *m, const struct cell *like, const struct arm *arm,
                    const struct matrix_options *o, const char *model, bool show_benchmark)
{
    if (m->n == CELLS_MAX)
        return err_set(GRASP_EUSAGE, "more than %d cells", CELLS_MAX);
    int rc = grow(&m->v, &m->cap, m->n + 1);
    if (rc < 0)
        return rc;
    struct cell *c = &m->v[m->n++];
    *c = (struct cell){.arm = str_dup(arm->name),
                       .benchmark = str_dup(like->benchmark),
                       .model = str_dup(model ? model : ""),
                       .config = str_dup(like->config),
                       .preset = str_dup(model ? NULL : o->preset),
                       .seed = like->seed};
    struct buf name = BUF_INIT;
    if (show_benchmark)
        add_part(&name, c->benchmark);
    if (model)
        add_part(&name, model);
    add_part(&name, arm->name);
    buf_addf(&name, "+seed-%lld", (long long)c->seed);
    rc = name_cell(m, c, &name);
    for (size_t i = 0; rc == 0 && i < o->n_sets; i++)
        rc = strlist_add(&c->sets, o->sets[i]);
    for (size_t i = 0; rc == 0 && i < arm->sets.n; i++)
        rc = strlist_add(&c->sets, arm->sets.v[i]);
    if (rc == 0)
        rc = strlist_addf(&c->sets, SEED "%lld", (long long)c->seed);
    if (rc == 0 && model) {
        struct target t;
        rc = target_parse(&t, model);
        if (rc == 0)
            rc = strlist_copy(&c->sets, &t.sets);
        if (rc == 0 && t.preset && !(c->preset = str_dup(t.preset)))
            rc = err_oom();
        target_release(&t);
    }
    const struct cell *first = m->v;
    while (first < c && strcmp(first->benchmark, c->benchmark) != 0)
        first++;
    return rc == 0 ? take_fingerprint(c, first < c ? first : NULL) : rc;
}

static int add_benchmark(struct matrix *m, const struct strlist *paths, size_t at,
                         const struct arms *arms, const struct strlist *models,
                         const struct matrix_options *o)
{
    struct config *config = NULL;
    struct strlist seeds = {0};
    struct cell like = {.benchmark = benchmark_name(paths, at),
                        .config = realpath(paths->v[at], NULL)};
    int rc = config_load_preset(&config, paths->v[at], o->preset, o->sets, o->n_sets);
    if (rc == 0 && (!like.benchmark || !like.config))
        rc = err_oom();
    if (rc == 0)
        rc = o->seeds ? parse_seeds(o->seeds, &seeds)
                      : strlist_addf(&seeds, "%lld", (long long)config->cycle.seed);
    for (size_t k = 0; rc == 0 && k < (models->n ? models->n : 1); k++)
        for (size_t i = 0; rc == 0 && i < arms->n; i++)
            for (size_t s = 0; rc == 0 && s < seeds.n; s++) {
                like.seed = strtoll(seeds.v[s], NULL, 10);
                rc = add_cell(m, &like, &arms->v[i], o, models->n ? models->v[k] : NULL,
                              paths->n > 1);
            }
    config_free(config);
    strlist_release(&seeds);
    free(like.benchmark);
    free(like.config);
    return rc;
}

/* "runs/a/library" is "a": the folder that says something. */
static char *library_name(const char *dir)
{
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    for (;;) {
        size_t from = len;
        while (from && dir[from - 1] != '/')
            from--;
        if (from && len - from == 7 && memcmp(dir + from, "library", 7) == 0) {
            len = from - 1;
            continue;
        }
        return str_ndup(dir + from, len - from);
    }
}

static int resolve_library(struct cell *c)
{
    struct library *lib = NULL;
    struct oid commit;
    int rc = library_open(&lib, c->library, LIBRARY_READ);
    if (rc == 0)
        rc = library_resolve(lib, c->at, &commit);
    if (rc == 0 && !(c->commit = str_dup(commit.hex)))
        rc = err_oom();
    library_close(lib);
    return rc < 0 ? err_prefix(rc, "--libraries %s", c->library) : 0;
}

static int add_transfer(struct matrix *m, const char *config, const char *benchmark,
                        const char *library, const char *model, const struct matrix_options *o,
                        bool show_benchmark)
{
    const char *at = strrchr(library, '@');
    char *dir = str_ndup(library, at ? (size_t)(at - library) : strlen(library));
    struct target t;
    int rc = target_parse(&t, model); /* what is wrong with a name is found here */
    target_release(&t);
    if (rc == 0)
        rc = dir ? grow(&m->v, &m->cap, m->n + 1) : err_oom();
    if (rc < 0) {
        free(dir);
        return rc;
    }
    struct cell *c = &m->v[m->n++];
    struct buf name = BUF_INIT;
    *c = (struct cell){.arm = library_name(dir),
                       .benchmark = str_dup(benchmark),
                       .model = str_dup(model),
                       .config = realpath(config, NULL),
                       .library = realpath(dir, NULL),
                       .at = str_dup(at ? at + 1 : "best"),
                       .regate = o->regate};
    if (!c->library)
        rc = err_set_errno(GRASP_ENOTFOUND, "--libraries %s", dir);
    free(dir);
    if (show_benchmark)
        add_part(&name, benchmark);
    add_part(&name, c->arm ? c->arm : "");
    buf_adds(&name, "+to");
    add_part(&name, model);
    int named = name_cell(m, c, &name);
    rc = rc == 0 ? named : rc;
    for (size_t i = 0; rc == 0 && i < o->n_sets; i++)
        rc = strlist_add(&c->sets, o->sets[i]);
    if (rc == 0)
        rc = resolve_library(c);
    return rc == 0 ? take_fingerprint(c, NULL) : rc;
}

static int make_transfers(struct matrix *m, const struct strlist *paths,
                          const struct strlist *models, const struct matrix_options *o)
{
    struct strlist libraries = {0};
    int rc = split_list(o->libraries, &libraries);
    if (rc == 0 && !models->n)
        rc = err_set(GRASP_EUSAGE, "to which models? --to M1,M2");
    for (size_t p = 0; rc == 0 && p < paths->n; p++) {
        char *benchmark = benchmark_name(paths, p);
        rc = benchmark ? 0 : err_oom();
        for (size_t i = 0; rc == 0 && i < libraries.n; i++)
            for (size_t k = 0; rc == 0 && k < models->n; k++)
                rc = add_transfer(m, paths->v[p], benchmark, libraries.v[i], models->v[k], o,
                                  paths->n > 1);
        free(benchmark);
    }
    strlist_release(&libraries);
    return rc;
}

int matrix_make(struct matrix *m, const char *dir, const struct matrix_options *o)
{
    struct arms arms = {0};
    struct strlist paths = {0}, models = {0};
    *m = (struct matrix){.dir = str_dup(dir)};
    int rc = m->dir ? split_list(o->configs, &paths) : err_oom();
    if (rc == 0)
        rc = split_list(o->models, &models);
    if (rc == 0 && o->libraries)
        rc = make_transfers(m, &paths, &models, o);
    if (rc == 0 && !o->libraries)
        rc = add_methods(&arms, o->methods);
    if (rc == 0 && !o->libraries)
        rc = add_ablations(&arms, o->ablations);
    for (size_t i = 0; rc == 0 && !o->libraries && i < o->n_vary; i++)
        rc = add_varied(&arms, o->vary[i]);
    for (size_t i = 0; rc == 0 && !o->libraries && i < paths.n; i++)
        rc = add_benchmark(m, &paths, i, &arms, &models, o);
    if (rc == 0 && !m->n)
        rc = err_set(GRASP_EUSAGE, "a matrix without cells");
    for (size_t i = 0; i < arms.n; i++) {
        free(arms.v[i].name);
        strlist_release(&arms.v[i].sets);
    }
    free(arms.v);
    strlist_release(&paths);
    strlist_release(&models);
    return rc;
}

char *cell_path(const struct matrix *m, const struct cell *c, const char *name)
{
    struct buf b = BUF_INIT;
    buf_addf(&b, "%s/cells/%s", m->dir, c->name);
    if (name)
        buf_addf(&b, "/%s", name);
    return buf_detach(&b);
}

int matrix_runs(const char *arg, bool named, struct strlist *out)
{
    struct matrix m = {0};
    size_t before = out->n;
    if (!matrix_is(arg))
        return strlist_add(out, arg);
    int rc = matrix_read(&m, arg);
    for (size_t i = 0; rc == 0 && i < m.n; i++) {
        char *run = cell_path(&m, &m.v[i], "run"), *state = run ? fs_join(run, "run.json") : NULL;
        if (!state)
            rc = err_oom();
        else if (fs_exists(state))
            rc = named ? strlist_addf(out, "%s=%s%s", m.v[i].arm, *run == '/' ? "" : "./", run)
                       : strlist_add(out, run);
        free(state);
        free(run);
    }
    if (rc == 0 && out->n == before)
        rc = err_set(GRASP_ENOTFOUND,
                     "%s: no cell of this matrix has a run; see grasp compare %s --status", arg,
                     arg);
    matrix_release(&m);
    return rc;
}
