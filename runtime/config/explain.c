/* explain.c - a configuration key in words, on the terminal and as grasp-config(5). */
#include "runtime/config/explain.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"
#include "runtime/config/key_texts.h"
#include "runtime/config/keys.h"

#define FIRST_VERSION "0.1.0"
#define LINE          78

static void add_type(struct buf *out, const struct config_key *k)
{
    static const char *const names[] = {
        [KEY_STRING] = "text",        [KEY_PATH] = "path",
        [KEY_INT] = "whole number",   [KEY_REAL] = "number",
        [KEY_BOOL] = "true or false", [KEY_ENUM] = "one of",
        [KEY_LIST] = "list",          [KEY_PATHS] = "path or list of paths",
        [KEY_OBJECT] = "mapping"};
    buf_adds(out, names[k->type]);
    if (k->type == KEY_INT || k->type == KEY_REAL)
        buf_addf(out, ", %.16g to %.16g", k->min, k->max);
    for (const char *const *c = k->choices; c && *c; c++)
        buf_addf(out, "%s %s", c == k->choices ? "" : ",", **c ? *c : "\"\"");
}

static void add_default(struct buf *out, const struct config_key *k)
{
    if (k->fallback)
        buf_adds(out, *k->fallback ? k->fallback : "\"\"");
    else
        buf_adds(out, str_starts(k->name, "writer.") ? "the model's" : "none");
}

/* Words in lines of LINE columns, each after `indent` blanks. */
static void add_wrapped(struct buf *out, const char *text, int indent)
{
    int column = 0;
    for (const char *p = text; *p;) {
        int n = (int)strcspn(p, " ");
        if (column && column + 1 + n > LINE) {
            buf_addch(out, '\n');
            column = 0;
        }
        buf_addf(out, "%*s%.*s", column ? 1 : indent, "", n, p);
        column = (column ? column + 1 : indent) + n;
        p += n + strspn(p + n, " ");
    }
    buf_addch(out, '\n');
}

/* A switch of the gate that stands under `cycle:`: the key it is another name of. */
static const struct config_key *target(const struct config_key *k)
{
    for (const struct config_key *o = config_keys; (k->flags & KEY_ALIAS) && o->name; o++)
        if (o->offset == k->offset && !(o->flags & KEY_ALIAS))
            return o;
    return k;
}

static void explain_key(struct buf *out, const struct config_key *given)
{
    const struct config_key *k = target(given);
    const struct key_text *t = key_text_find(k->name);
    buf_adds(out, given->name);
    if (k != given)
        buf_addf(out, " (another name of %s)", k->name);
    buf_adds(out, "\n\n");
    add_wrapped(out, t->meaning, 2);
    buf_adds(out, "\n  takes    ");
    add_type(out, k);
    buf_adds(out, "\n  default  ");
    add_default(out, k);
    buf_addf(out, "\n  example  --set '%s=%s'\n  since    %s\n", given->name, t->example,
             t->since ? t->since : FIRST_VERSION);
    buf_addf(out, "  resume   %s\n",
             k->flags & KEY_HARMLESS
                 ? "may change between the starts of one run"
                 : "a run decides from it: another value needs --accept-changes");
    if (k->flags & KEY_SECRET)
        buf_adds(out, "  secret   left out of logs and of what a run leaves\n");
}

static bool in_section(const struct config_key *k, const char *section)
{
    size_t n = strlen(section);
    return strncmp(k->name, section, n) == 0 && k->name[n] == '.' && !(k->flags & KEY_ALIAS);
}

static void explain_section(struct buf *out, const char *section)
{
    for (const struct config_key *k = config_keys; k->name; k++)
        if (in_section(k, section)) {
            buf_addf(out, "%s (default ", k->name);
            add_default(out, k);
            buf_adds(out, ")\n");
            add_wrapped(out, key_text_find(k->name)->meaning, 4);
        }
}

bool config_explains(const char *name)
{
    for (const struct config_key *k = config_keys; k->name; k++)
        if (strcmp(k->name, name) == 0 || in_section(k, name))
            return true;
    return false;
}

int config_explain(struct buf *out, const char *name)
{
    const struct config_key *k = config_key_find(name);
    if (k)
        explain_key(out, k);
    else if (config_explains(name))
        explain_section(out, name);
    else {
        size_t least = 4;
        const char *best = NULL;
        for (k = config_keys; k->name; k++) {
            const char *last = strrchr(k->name, '.');
            size_t whole = str_distance(name, k->name),
                   part = last ? str_distance(name, last + 1) : whole;
            size_t d = part < whole ? part + 1 : whole; /* "epochs" is cycle.epochs */
            if (d < least) {
                least = d;
                best = k->name;
            }
        }
        return err_set(GRASP_EUSAGE, "'%s' is neither a command nor a configuration key; %s%s%s",
                       name, best ? "did you mean '" : "see grasp help", best ? best : "",
                       best ? "'?" : "");
    }
    return buf_check(out);
}

static void man_key(struct buf *out, const struct config_key *k)
{
    const struct key_text *t = key_text_find(k->name);
    struct buf line = BUF_INIT;
    buf_adds(out, ".TP\n.B ");
    buf_add_troff(out, k->name);
    buf_addch(out, '\n');
    buf_addf(&line, "%s Takes ", t->meaning);
    add_type(&line, k);
    buf_adds(&line, "; default ");
    add_default(&line, k);
    buf_addf(&line, "; for example %s. Since %s.", t->example, t->since ? t->since : FIRST_VERSION);
    buf_add_troff(out, line.ptr);
    buf_addch(out, '\n');
    buf_release(&line);
}

void config_man(struct buf *out)
{
    buf_addf(
        out,
        ".TH GRASP\\-CONFIG 5 \"\" \"grasp %s\" \"File Formats\"\n"
        ".SH NAME\ngrasp\\-config \\- configuration of a run of grasp\n"
        ".SH DESCRIPTION\nA YAML file. The part of a key before a dot is a section:\n"
        ".B cycle.epochs\nis the key epochs of the section cycle. Strings expand ${VAR} and "
        "${VAR:\\-default}. A misspelt key is an error with its line and a suggestion.\n.PP\n"
        "In order of precedence: \\-\\-set KEY=VALUE on the command line, the file, its "
        "agent_preset "
        "(an entry of its table models, else agents/NAME.yaml beside it) or its section agent, "
        "the defaults. Relative paths are relative to the file; task files are looked for in the "
        "working directory, too.\n.PP\n.B grasp help KEY\nexplains one key,\n"
        ".B grasp doctor\nchecks a whole file.\n.SH KEYS\n",
        GRASP_VERSION);
    for (const struct config_key *k = config_keys; k->name; k++)
        if (!(k->flags & KEY_ALIAS))
            man_key(out, k);
    buf_adds(out, ".SH ALIASES\nThe switches of the gate may stand under cycle, too:\n");
    const char *comma = "";
    for (const struct config_key *k = config_keys; k->name; k++)
        if (k->flags & KEY_ALIAS) {
            buf_addf(out, "%s%s", comma, k->name);
            comma = ",\n";
        }
    buf_adds(out, ".\n.SH SEE ALSO\n.BR grasp (1),\n.BR grasp\\-library (7),\n"
                  ".BR grasp\\-exec (7)\n");
}
