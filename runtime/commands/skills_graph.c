/* skills_graph.c - `grasp skills graph`: the branches of a library, its frozen tags and its runs as
 * text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/commands/skills.h"
#include "runtime/history/frozen.h"

/* A branch beside the one that is drawn first: its own commits, newest first. */
struct limb {
    char *name;
    struct oid from; /* where it leaves the trunk; "" when it shares nothing with it */
    struct history own;
};

struct graph {
    struct library *lib;
    struct history trunk;
    json_t *on_trunk; /* commit -> true */
    json_t *labels;   /* commit -> "best, v1 (frozen)" */
    struct limb *v;
    size_t n, cap;
    const char *run; /* of the last line */
};

static int add_label(struct graph *g, const struct oid *at, const char *name, const char *what)
{
    struct buf b = BUF_INIT;
    const char *was = json_string_value(json_object_get(g->labels, at->hex));
    buf_addf(&b, "%s%s%s%s", was ? was : "", was ? ", " : "", name, what);
    int rc = buf_check(&b);
    if (rc == 0 && json_object_set_new(g->labels, at->hex, json_string(b.ptr)) < 0)
        rc = err_oom();
    buf_release(&b);
    return rc;
}

static int add_tag(const char *ref, const struct oid *at, void *arg)
{
    struct graph *g = arg;
    const char *name = ref + strlen("refs/tags/");
    bool frozen = manifest_check(g->lib, name) == 0;
    if (!frozen)
        err_clear();
    return add_label(g, at, name, frozen ? " (frozen)" : " (tag)");
}

/* A branch, or what was fetched of one that is not here. */
static int add_branch(const char *ref, const struct oid *at, void *arg)
{
    struct graph *g = arg;
    const char *name = ref + strlen(str_starts(ref, "refs/heads/")     ? "refs/heads/"
                                    : str_starts(ref, "refs/remotes/") ? "refs/remotes/"
                                                                       : "refs/grasp/");
    struct oid here = *at;
    struct limb *limb;
    if (str_ends(ref, "/HEAD"))
        return 0;
    int rc = add_label(g, at, name, "");
    if (rc < 0 || json_object_get(g->on_trunk, at->hex))
        return rc;
    for (size_t i = 0; i < g->n; i++) /* the same line under another name */
        if (g->v[i].own.n && strcmp(g->v[i].own.v[0].info.commit.hex, at->hex) == 0)
            return 0;
    if ((rc = grow(&g->v, &g->cap, g->n + 1)) < 0)
        return rc;
    limb = &g->v[g->n];
    *limb = (struct limb){.name = str_dup(name)};
    if (!limb->name)
        return err_oom();
    g->n++;
    while (rc == 0 && *here.hex && !json_object_get(g->on_trunk, here.hex)) {
        rc = history_add(&limb->own, g->lib, &here, NULL);
        if (rc == 0)
            here = limb->own.v[limb->own.n - 1].info.parent;
    }
    limb->from = here;
    return rc;
}

static void draw(struct graph *g, const struct step *s, const char *lines)
{
    struct buf edit = BUF_INIT;
    char score[16];
    const char *run = library_trailer(&s->info, "Run");
    const char *label = json_string_value(json_object_get(g->labels, s->info.commit.hex));
    if (run && (!g->run || strcmp(run, g->run) != 0)) {
        printf("%s   run ", *lines ? "| |" : "|");
        print_text(run, 60);
        putchar('\n');
    }
    g->run = run ? run : g->run;
    step_edit(s, &edit);
    score_text(s, score);
    printf("%s* %.10s  %5s  ", lines, s->info.commit.hex, score);
    print_text(edit.ptr, 0);
    if (s->kind == STEP_OTHER)
        fputs(" (made by hand)", stdout);
    else if (s->kind == STEP_UNMEASURED || s->kind == STEP_IMPORT)
        fputs(" (unmeasured)", stdout);
    if (label) {
        fputs("  <- ", stdout);
        print_text(label, 0);
    }
    putchar('\n');
    buf_release(&edit);
}

/* The limbs that leave the trunk at a commit ("": those that share nothing with it). */
static void draw_limbs(struct graph *g, const struct oid *at)
{
    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->v[i].from.hex, at->hex) != 0)
            continue;
        for (size_t k = 0; k < g->v[i].own.n; k++)
            draw(g, &g->v[i].own.v[k], "| ");
        puts(*at->hex ? "|/" : "|");
    }
}

static int run_graph(const struct args *a)
{
    struct graph g = {.on_trunk = json_object(), .labels = json_object()};
    const struct oid nowhere = {""};
    int rc = g.on_trunk && g.labels ? 0 : err_oom();
    if (rc == 0)
        rc = skills_open(&g.lib, operand(a, 0), LIBRARY_READ, NULL);
    if (rc == 0)
        rc = history_read(g.lib, rev_of(a), &g.trunk);
    for (size_t i = 0; rc == 0 && i < g.trunk.n; i++)
        json_object_set_new(g.on_trunk, g.trunk.v[i].info.commit.hex, json_true());
    if (rc == 0)
        rc = library_refs(g.lib, "refs/heads/", add_branch, &g);
    if (rc == 0)
        rc = library_refs(g.lib, "refs/remotes/", add_branch, &g);
    if (rc == 0)
        rc = library_refs(g.lib, "refs/grasp/rejected/", add_branch, &g);
    if (rc == 0)
        rc = library_refs(g.lib, "refs/tags/", add_tag, &g);
    for (size_t i = 0; rc == 0 && i < g.trunk.n; i++) {
        draw_limbs(&g, &g.trunk.v[i].info.commit);
        draw(&g, &g.trunk.v[i], "");
    }
    if (rc == 0)
        draw_limbs(&g, &nowhere);
    for (size_t i = 0; i < g.n; i++) {
        free(g.v[i].name);
        history_release(&g.v[i].own);
    }
    free(g.v);
    history_release(&g.trunk);
    json_decref(g.on_trunk);
    json_decref(g.labels);
    library_close(g.lib);
    return rc;
}

const struct command skills_graph = {
    .name = "graph",
    .summary = "branches, frozen tags and runs of a library, drawn as text",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .options = (const struct option_def[]){AT_OPTION, {0}},
    .details = "The branch that is checked out goes down, newest first; others leave it where they "
               "began:\n"
               "for/MODEL is a library re-gated for another model, proposed/RUN waits to be "
               "adopted, rejected/\n"
               "is what a person did not want, origin/NAME what was fetched.",
    .run = run_graph,
};
