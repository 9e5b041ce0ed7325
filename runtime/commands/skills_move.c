/* skills_move.c - `grasp skills import` and `export`: libraries in and out of other forms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/commands/skills.h"
#include "skills/flat.h"
#include "runtime/history/export.h"

/* ---- import ---- */

/* One directory to import, and what it makes of the library. */
struct source {
    const char *dir;
    struct skill_set set; /* what it holds */
    struct flat_report report;
    struct strlist added, replaced, unchanged;
};

struct import {
    const struct args *a;
    struct source *v;
    size_t n;
    struct skill_set now; /* the library as it would be after the sources so far */
    json_t *out;          /* NULL: words */
};

static void import_release(struct import *im)
{
    for (size_t i = 0; i < im->n; i++) {
        skill_set_release(&im->v[i].set);
        flat_report_release(&im->v[i].report);
        strlist_release(&im->v[i].added);
        strlist_release(&im->v[i].replaced);
        strlist_release(&im->v[i].unchanged);
    }
    free(im->v);
    skill_set_release(&im->now);
    json_decref(im->out);
}

/* Puts a source's skills into the set; what is there already is refused unless it is the same. */
static int plan(struct import *im, struct source *s)
{
    int rc = flat_read_dir(s->dir, &s->set, &s->report);
    if (rc == 0 && s->report.refused.n && arg_flag(im->a, "strict"))
        rc = err_set(GRASP_EREFUSED, "%s: %s%s (--strict)", s->dir, s->report.refused.v[0],
                     s->report.refused.n > 1 ? ", and more" : "");
    for (size_t i = 0; rc == 0 && i < s->set.n; i++) {
        const struct skill *new = &s->set.v[i], *old = skill_set_find(&im->now, new->name);
        struct skill copy = {0};
        struct strlist *list = !old                         ? &s->added
                               : skill_same_files(old, new) ? &s->unchanged
                                                            : &s->replaced;
        if (list == &s->replaced && !arg_flag(im->a, "replace"))
            return err_set(GRASP_ECONFLICT,
                           "%s: the library has another skill '%s' already; --replace takes this "
                           "one in its place",
                           s->dir, new->name);
        rc = strlist_add(list, new->name);
        if (rc < 0 || list == &s->unchanged)
            continue;
        rc = skill_copy(&copy, new);
        if (rc == 0)
            rc = skill_set_put(&im->now, &copy);
        skill_release(&copy);
    }
    return rc;
}

static void names_text(const char *what, const struct strlist *l)
{
    for (size_t i = 0; i < l->n; i++)
        printf("  %-9s  %s\n", what, l->v[i]);
}

static void lines_text(const char *what, const struct strlist *l)
{
    for (size_t i = 0; i < l->n; i++) {
        printf("  %s: ", what);
        print_text(l->v[i], 0);
        putchar('\n');
    }
}

static void report(struct import *im, const struct source *s, const struct oid *commit)
{
    if (im->out) {
        json_t *v =
            json_pack("{s:s, s:o, s:o, s:o, s:o}", "from", s->dir, "added", json_strings(&s->added),
                      "replaced", json_strings(&s->replaced), "unchanged",
                      json_strings(&s->unchanged), "changes", json_strings(&s->report.changes));
        json_object_set_new(v, "passed", json_strings(&s->report.passed));
        json_object_set_new(v, "refused", json_strings(&s->report.refused));
        if (*commit->hex)
            json_object_set_new(v, "commit", json_string(commit->hex));
        json_array_append_new(im->out, v);
        return;
    }
    printf("%s%s%.10s\n", s->dir, *commit->hex ? ": commit " : "", commit->hex);
    names_text("added", &s->added);
    names_text("replaced", &s->replaced);
    names_text("unchanged", &s->unchanged);
    lines_text("changed", &s->report.changes);
    lines_text("passed over", &s->report.passed);
    lines_text("REFUSED", &s->report.refused);
}

/* The last part of a path, without slashes at its end. */
static char *base_of(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    size_t at = len;
    while (at && path[at - 1] != '/')
        at--;
    return str_ndup(path + at, len - at);
}

static void body_list(struct buf *body, const char *what, const struct strlist *l)
{
    for (size_t i = 0; i < l->n; i++)
        buf_addf(body, "- %s %s\n", what, l->v[i]);
}

/* One commit for one source: its skills on top of what the library has. */
static int commit_source(struct library *lib, const struct source *s, struct oid *commit)
{
    struct skill_set set = {0};
    struct oid head, tree;
    struct buf subject = BUF_INIT, body = BUF_INIT;
    char *name = base_of(s->dir), count[2][24];
    size_t n = s->added.n + s->replaced.n;
    int rc = name ? library_head(lib, &head) : err_oom();
    if (rc == 0)
        rc = library_read(lib, head.hex, &set);
    for (size_t i = 0; rc == 0 && i < s->set.n; i++) {
        struct skill copy = {0};
        rc = skill_copy(&copy, &s->set.v[i]);
        if (rc == 0 && !strlist_has(&s->unchanged, copy.name))
            rc = skill_set_put(&set, &copy);
        skill_release(&copy);
    }
    if (rc == 0)
        rc = library_candidate(lib, &set, &head, &tree);
    buf_addf(&subject, "IMPORT %zu skill%s from %s", n, n == 1 ? "" : "s", name ? name : "");
    body_list(&body, "added", &s->added);
    body_list(&body, "replaced", &s->replaced);
    snprintf(count[0], sizeof(count[0]), "%zu", s->added.n);
    snprintf(count[1], sizeof(count[1]), "%zu", s->replaced.n);
    const struct trailer trailers[] = {{"Gate-Score", "unmeasured"},
                                       {"Imported-From", name},
                                       {"Skills-Added", count[0]},
                                       {"Skills-Replaced", count[1]}};
    const struct commit_text text = {
        .subject = subject.ptr, .body = body.ptr, .trailers = trailers, .n = 4};
    if (rc == 0 && (rc = buf_check(&subject)) == 0 && (rc = buf_check(&body)) == 0)
        rc = library_commit(lib, &tree, &head, &text, commit);
    if (rc == 0)
        rc = library_accept(lib, &head, commit);
    free(name);
    buf_release(&subject);
    buf_release(&body);
    skill_set_release(&set);
    return rc;
}

/* What is there before the import; a library that does not exist yet has nothing. */
static int read_present(struct import *im, const char *dir)
{
    struct library *lib;
    int rc = library_open(&lib, dir, LIBRARY_READ);
    if (rc == GRASP_ENOTFOUND)
        return 0;
    if (rc == 0)
        rc = library_read(lib, "HEAD", &im->now);
    library_close(lib);
    return rc;
}

/* All sources are read and checked before anything is written. */
static int run_import(const struct args *a)
{
    struct import im = {.a = a, .n = operand_count(a) - 1};
    struct library *lib = NULL;
    bool dry = arg_flag(a, "dry-run");
    int rc = 0;
    im.v = calloc(im.n, sizeof(*im.v));
    im.out = arg_flag(a, "json") ? json_array() : NULL;
    if (!im.v)
        rc = err_oom();
    if (rc == 0)
        rc = read_present(&im, operand(a, 0));
    for (size_t i = 0; rc == 0 && i < im.n; i++) {
        im.v[i].dir = operand(a, (size_t)i + 1);
        rc = plan(&im, &im.v[i]);
    }
    if (rc == 0 && !dry)
        rc = library_open(&lib, operand(a, 0), LIBRARY_WRITE | LIBRARY_CREATE);
    for (size_t i = 0; rc == 0 && i < im.n; i++) {
        struct oid commit = {""};
        if (!dry && im.v[i].added.n + im.v[i].replaced.n)
            rc = commit_source(lib, &im.v[i], &commit);
        if (rc == 0)
            report(&im, &im.v[i], &commit);
    }
    if (rc == 0 && im.out) {
        rc = print_json(im.out);
        im.out = NULL;
    } else if (rc == 0 && dry) {
        printf("nothing was written (--dry-run)\n");
    }
    library_close(lib);
    if (!im.v)
        im.n = 0;
    import_release(&im);
    return rc;
}

const struct command skills_import = {
    .name = "import",
    .summary = "skills from flat files or folders into a library, a commit each source",
    .operands = "DIR FROM...",
    .min = 2,
    .max = -1,
    .options =
        (const struct option_def[]){
            {"dry-run", 'n', NULL, "say what would be done", NULL},
            {"replace", 0, NULL, "take skills in the place of others of the same name", NULL},
            {"strict", 0, NULL, "nothing is imported when a skill or a file of one is refused",
             NULL},
            JSON_OPTION,
            {0}},
    .details =
        "FROM is a collection of skills: folders with SKILL.md and all files beside it, to a "
        "depth\n"
        "of 6, flat files (NAME.md, as GRASP's released libraries), a single SKILL.md, or a run\n"
        "folder of the reference implementation, of which best/ is taken (else learned/). DIR is "
        "made\n"
        "when it does not exist. Keys of other tools keep their place and type. What had to be\n"
        "changed, what was passed over and what was refused is said; one bad skill does not "
        "refuse\n"
        "the others. Imported skills are unmeasured, and the commits say so.",
    .run = run_import,
};

/* ---- export ---- */

static int say_homeless(const struct skill_set *set)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < set->n; i++) {
        struct strlist keys = {0};
        struct buf text = BUF_INIT;
        rc = flat_homeless(&set->v[i], &keys);
        for (size_t k = 0; k < keys.n; k++)
            buf_addf(&text, "%s%s", k ? ", " : "", keys.v[k]);
        if (rc == 0)
            rc = buf_check(&text);
        if (rc == 0 && keys.n)
            log_warn("%s: a flat file has no place for %s; the export without --flat keeps all",
                     set->v[i].name, text.ptr);
        buf_release(&text);
        strlist_release(&keys);
    }
    return rc;
}

static int run_export(const struct args *a)
{
    struct library *lib;
    struct skill_set set = {0};
    const char *out = operand(a, 1);
    bool flat = arg_flag(a, "flat");
    int lacks = 0;
    int rc = skills_open(&lib, operand(a, 0), LIBRARY_READ, &lacks);
    if (rc == 0)
        rc = skills_read(lib, rev_of(a), &set);
    if (rc == 0)
        rc = history_fill_gate(lib, rev_of(a), &set);
    if (rc == 0)
        rc = library_load_files(lib, &set);
    if (rc == 0 && !arg_flag(a, "replace") && !flat_unwritten(out, &set, flat))
        rc =
            err_set(GRASP_ECONFLICT,
                    "'%s' is not empty; --replace writes into it (files of other names stay)", out);
    if (rc == 0)
        rc = flat_write(out, &set, flat);
    if (rc == 0 && flat)
        rc = say_homeless(&set);
    if (rc == 0 && lacks & LIBRARY_LACKS_EVIDENCE)
        log_warn(
            "exported without the tasks that each edit answered (%s): they are in the evidence",
            flat ? "triggering_sample_ids" : "gate-tasks");
    if (rc == 0)
        printf("%zu skill%s in %s\n", set.n, set.n == 1 ? "" : "s", out);
    skill_set_release(&set);
    library_close(lib);
    return rc;
}

const struct command skills_export = {
    .name = "export",
    .summary = "a revision's skills as folders of SKILL.md or as flat files",
    .operands = "DIR OUT",
    .min = 2,
    .max = 2,
    .options =
        (const struct option_def[]){
            AT_OPTION,
            {"flat", 0, NULL, "NAME.md files with tags, version and provenance on top", NULL},
            {"replace", 0, NULL, "OUT may hold files already", NULL},
            {0}},
    .details =
        "What the gate measured for each skill's last edit comes along: gate-score, gate-fixes,\n"
        "gate-regressions and gate-tasks in the metadata, or probe_score, fixes, regressions and\n"
        "triggering_sample_ids in a flat file's provenance. The same export again goes on with one "
        "that\n"
        "was interrupted.",
    .run = run_export,
};
