/* skills_list.c - `grasp skills list` and `show`: the skills of a revision, one skill's file. */
#include "runtime/commands/skills.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/term.h"

/* ---- list ---- */

static json_t *list_json(const struct skill_set *set)
{
    json_t *out = json_array();
    for (size_t i = 0; i < set->n; i++) {
        const struct skill *s = &set->v[i];
        json_t *tags = json_array(), *meta = json_object();
        for (size_t t = 0; t < s->tags.n; t++)
            json_array_append_new(tags, json_string(s->tags.v[t]));
        for (size_t k = 0; k < s->keys.n; k++)
            json_object_set_new(meta, s->keys.v[k], json_string(s->values.v[k]));
        json_array_append_new(out, json_pack("{s:s, s:i, s:s, s:o, s:o, s:I}", "name", s->name,
                                             "version", s->version, "description", s->description,
                                             "tags", tags, "metadata", meta, "body_bytes",
                                             (json_int_t)strlen(s->body)));
    }
    return out;
}

static void list_text(const struct skill_set *set)
{
    enum { LEAST_TEXT = 20 };
    size_t widest = 4;
    for (size_t i = 0; i < set->n; i++)
        if (strlen(set->v[i].name) > widest)
            widest = strlen(set->v[i].name);
    size_t used = widest + 2 + 7 + 2;
    size_t room = !isatty(STDOUT_FILENO)                          ? 100
                  : term_width(STDOUT_FILENO) > used + LEAST_TEXT ? term_width(STDOUT_FILENO) - used
                                                                  : LEAST_TEXT;
    if (set->n)
        printf("%-*s  %7s  %s\n", (int)widest, "name", "version", "description");
    for (size_t i = 0; i < set->n; i++) {
        printf("%-*s  %7d  ", (int)widest, set->v[i].name, set->v[i].version);
        print_text(set->v[i].description, room);
        putchar('\n');
    }
    printf("%zu skill%s\n", set->n, set->n == 1 ? "" : "s");
}

static int run_list(const struct args *a)
{
    struct library *lib;
    struct skill_set set = {0};
    int rc = skills_open(&lib, operand(a, 0), LIBRARY_READ, NULL);
    if (rc == 0)
        rc = skills_read(lib, rev_of(a), &set);
    if (rc == 0 && arg_flag(a, "json"))
        rc = print_json(list_json(&set));
    else if (rc == 0)
        list_text(&set);
    skill_set_release(&set);
    library_close(lib);
    return rc;
}

const struct command skills_list = {
    .name = "list",
    .summary = "the skills of a revision",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .options = (const struct option_def[]){AT_OPTION, JSON_OPTION, {0}},
    .run = run_list,
};

/* ---- show ---- */

static int unknown_skill(const struct skill_set *set, const char *name, const char *rev)
{
    const char *best = NULL;
    size_t least = 4;
    for (size_t i = 0; i < set->n; i++) {
        size_t d = str_distance(name, set->v[i].name);
        if (d < least) {
            least = d;
            best = set->v[i].name;
        }
    }
    return err_set(GRASP_ENOTFOUND, "there is no skill '%s' at %s%s%s%s", name, rev,
                   best ? "; did you mean '" : "", best ? best : "", best ? "'?" : "");
}

static int run_show(const struct args *a)
{
    struct library *lib;
    struct skill_set set = {0};
    struct buf text = BUF_INIT;
    int rc = skills_open(&lib, operand(a, 0), LIBRARY_READ, NULL);
    if (rc == 0)
        rc = skills_read(lib, rev_of(a), &set);
    if (rc < 0)
        goto out;
    const struct skill *s = skill_set_find(&set, operand(a, 1));
    if (!s) {
        rc = unknown_skill(&set, operand(a, 1), rev_of(a));
        goto out;
    }
    skill_render(s, &text);
    rc = buf_check(&text);
    if (rc == 0 && fwrite(text.ptr, 1, text.len, stdout) != text.len)
        rc = err_set_errno(GRASP_EIO, "cannot write to standard output");
out:
    buf_release(&text);
    skill_set_release(&set);
    library_close(lib);
    return rc;
}

const struct command skills_show = {
    .name = "show",
    .summary = "one skill's file, byte for byte",
    .operands = "DIR NAME",
    .min = 2,
    .max = 2,
    .options = (const struct option_def[]){AT_OPTION, {0}},
    .run = run_show,
};
