/* args.c - parses a command's options and operands from its table, and answers for them. */
#include "runtime/commands/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"
#include "runtime/commands/usage.h"

struct given {
    const struct option_def *def;
    const char *value; /* NULL for a flag */
};

struct args {
    const struct command *const *table; /* the program's commands */
    const struct command *command;
    const char *path; /* "grasp skills list" */
    struct given *given;
    size_t n_given;
    const char **operands;
    size_t n_operands;
};

static const struct option_def *find_in(const struct option_def *o, const char *name, size_t len,
                                        char letter)
{
    for (; o && o->name; o++)
        if (name ? strlen(o->name) == len && memcmp(o->name, name, len) == 0
                 : letter && o->letter == letter)
            return o;
    return NULL;
}

static const struct option_def *find_option(const struct command *c, const char *name, size_t len,
                                            char letter)
{
    const struct option_def *o = find_in(c->options, name, len, letter);
    return o ? o : find_in(common_options, name, len, letter);
}

static int unknown_option(const struct args *a, const char *text)
{
    const char *name = text + strspn(text, "-"), *best = NULL;
    size_t least = 3;
    const struct option_def *tables[] = {a->command->options, common_options};
    for (int t = 0; t < 2; t++)
        for (const struct option_def *o = tables[t]; o && o->name; o++)
            if (str_distance(name, o->name) < least) {
                least = str_distance(name, o->name);
                best = o->name;
            }
    if (best)
        return err_set(GRASP_EUSAGE, "%s has no option '%s'; did you mean --%s?", a->path, text,
                       best);
    return err_set(GRASP_EUSAGE, "%s has no option '%s'; see %s --help", a->path, text, a->path);
}

static bool repeats(const struct option_def *o)
{
    return o->value && str_ends(o->value, "...");
}

static int take_option(struct args *a, const struct option_def *o, const char *value)
{
    for (size_t i = 0; i < a->n_given && !repeats(o); i++)
        if (a->given[i].def == o) {
            a->given[i].value = value;
            return 0;
        }
    a->given[a->n_given++] = (struct given){o, value};
    return 0;
}

/* One argument that begins with '-'; may take the next one as its value. */
static int parse_option(struct args *a, int argc, char **argv, int *i)
{
    const char *text = argv[*i];
    if (text[1] == '-') {
        size_t len = strcspn(text + 2, "=");
        const struct option_def *o = find_option(a->command, text + 2, len, 0);
        const char *inline_value = text[2 + len] ? text + 3 + len : NULL;
        if (!o)
            return unknown_option(a, text);
        if (!o->value && inline_value)
            return err_set(GRASP_EUSAGE, "--%s takes no value", o->name);
        if (o->value && !inline_value && ++*i >= argc)
            return err_set(GRASP_EUSAGE, "--%s needs a value: %s", o->name, o->value);
        return take_option(a, o, !o->value ? NULL : inline_value ? inline_value : argv[*i]);
    }
    for (const char *p = text + 1; *p; p++) {
        const struct option_def *o = find_option(a->command, NULL, 0, *p);
        if (!o)
            return unknown_option(a, text);
        if (!o->value) {
            take_option(a, o, NULL);
            continue;
        }
        if (!p[1] && ++*i >= argc)
            return err_set(GRASP_EUSAGE, "-%c needs a value: %s", *p, o->value);
        return take_option(a, o, p[1] ? p + 1 : argv[*i]);
    }
    return 0;
}

static int parse_all(struct args *a, int argc, char **argv)
{
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        int rc = 0;
        if (!only_operands && strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (!only_operands && argv[i][0] == '-' && argv[i][1])
            rc = parse_option(a, argc, argv, &i);
        else
            a->operands[a->n_operands++] = argv[i];
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check_operands(const struct args *a)
{
    const struct command *c = a->command;
    if ((int)a->n_operands < c->min)
        return err_set(GRASP_EUSAGE, "%s needs %s; see %s --help%s", a->path, c->operands, a->path,
                       str_starts(c->operands, "CONFIG") ? " (grasp init writes a configuration)"
                                                         : "");
    if (c->max >= 0 && (int)a->n_operands > c->max)
        return err_set(GRASP_EUSAGE, "%s does not know what to do with '%s'; it takes %s", a->path,
                       a->operands[c->max], *c->operands ? c->operands : "options only");
    return 0;
}

/* No more options can be given than there are characters. */
static size_t letters(int argc, char **argv)
{
    size_t n = 0;
    for (int i = 0; i < argc; i++)
        n += strlen(argv[i]);
    return n;
}

static const struct given *given(const struct args *a, const char *option)
{
    for (size_t i = 0; i < a->n_given; i++)
        if (strcmp(a->given[i].def->name, option) == 0)
            return &a->given[i];
    return NULL;
}

const char *arg_str(const struct args *a, const char *option)
{
    const struct given *g = given(a, option);
    if (g)
        return g->value;
    const struct option_def *o = find_option(a->command, option, strlen(option), 0);
    return o ? o->fallback : NULL;
}

bool arg_flag(const struct args *a, const char *option)
{
    return given(a, option) != NULL;
}

int arg_int(const struct args *a, const char *option, int64_t min, int64_t max, int64_t *out)
{
    const char *text = arg_str(a, option);
    if (text && str_to_i64(text, min, max, out))
        return 0;
    return err_set(GRASP_EUSAGE, "--%s: '%s' is not a whole number from %lld to %lld", option,
                   text ? text : "", (long long)min, (long long)max);
}

int arg_double(const struct args *a, const char *option, double min, double max, double *out)
{
    const char *text = arg_str(a, option);
    if (text && str_to_double(text, out) && *out >= min && *out <= max)
        return 0;
    return err_set(GRASP_EUSAGE, "--%s: '%s' is not a number from %g to %g", option,
                   text ? text : "", min, max);
}

void args_wish(const struct args *a, struct buf *out)
{
    buf_adds(out, a->path);
    for (size_t i = 0; i < a->n_given; i++) {
        const struct given *g = &a->given[i];
        bool shows = g->def == find_in(common_options, g->def->name, strlen(g->def->name), 0) ||
                     strcmp(g->def->name, "json") == 0;
        bool budget = strcmp(g->def->name, "set") == 0 && str_starts(g->value, "budget.");
        if (!shows && !budget)
            buf_addf(out, "\n--%s %s", g->def->name, g->value ? g->value : "");
    }
    for (size_t i = 0; i < a->n_operands; i++)
        buf_addf(out, "\n%s", a->operands[i]);
}

size_t arg_count(const struct args *a, const char *option)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_given; i++)
        n += strcmp(a->given[i].def->name, option) == 0;
    return n;
}

const char *arg_nth(const struct args *a, const char *option, size_t i)
{
    for (size_t k = 0; k < a->n_given; k++)
        if (strcmp(a->given[k].def->name, option) == 0 && i-- == 0)
            return a->given[k].value;
    return NULL;
}

size_t operand_count(const struct args *a)
{
    return a->n_operands;
}

const char *operand(const struct args *a, size_t i)
{
    return i < a->n_operands ? a->operands[i] : NULL;
}

const struct command *const *args_table(const struct args *a)
{
    return a->table;
}

int args_parse(struct args **out, const struct command *const *table, const struct command *c,
               const char *path, int argc, char **argv)
{
    struct args *a = *out = calloc(1, sizeof(*a));
    if (!a)
        return err_oom();
    *a = (struct args){.table = table, .command = c, .path = path};
    a->given = calloc(letters(argc, argv) + 1, sizeof(*a->given));
    a->operands = calloc((size_t)argc + 1, sizeof(*a->operands));
    if (!a->given || !a->operands)
        return err_oom();
    int rc = parse_all(a, argc, argv);
    return rc < 0 ? rc : check_operands(a);
}

void args_free(struct args *a)
{
    if (!a)
        return;
    free(a->given);
    free(a->operands);
    free(a);
}
