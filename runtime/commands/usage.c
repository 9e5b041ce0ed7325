/* usage.c - help texts and the man page, from the command tables. */
#include "runtime/commands/usage.h"

#include <string.h>

#include "runtime/base/buf.h"

const struct option_def common_options[] = {
    {"help", 'h', NULL, "show this help", NULL},
    {"quiet", 'q', NULL, "warnings and errors only", NULL},
    {"verbose", 'v', NULL, "say more about what is going on", NULL},
    {"raw", 0, NULL, "print control characters as they are", NULL},
    {0},
};

void help_overview(FILE *out, const struct command *const *table)
{
    fprintf(out, "grasp lets an LLM agent improve itself, safely.\n\n"
                 "usage: grasp COMMAND [OPTIONS] ...\n\n");
    for (const struct command *const *c = table; *c; c++)
        fprintf(out, "  %-9s %s\n", (*c)->name, (*c)->summary);
    fprintf(out,
            "\n'grasp COMMAND --help' says more. Exit codes: 0 done, 1 failed, 2 wrong usage,\n"
            "3 stopped by a signal, a budget or an outage: run the same command again.\n");
}

static int option_text(char *text, size_t size, const struct option_def *o)
{
    char letter[8] = "";
    if (o->letter)
        snprintf(letter, sizeof(letter), "-%c, ", o->letter);
    const char *dots = o->value ? strstr(o->value, "...") : NULL;
    int n = o->value ? (int)(dots ? dots - o->value : (long)strlen(o->value)) : 0;
    return snprintf(text, size, "%s--%s%s%.*s", letter, o->name, n ? " " : "", n,
                    n ? o->value : "");
}

static void print_options(FILE *out, const struct option_def *o)
{
    char text[96];
    for (; o && o->name; o++) {
        option_text(text, sizeof(text), o);
        fprintf(out, "  %-26s %s", text, o->help);
        if (o->fallback)
            fprintf(out, " (default %s)", o->fallback);
        if (o->value && strstr(o->value, "..."))
            fprintf(out, "; may be given several times");
        fputc('\n', out);
    }
}

void help_command(FILE *out, const struct command *c, const char *path)
{
    if (c->sub) {
        fprintf(out, "%s: %s\n\nusage: %s COMMAND [OPTIONS] ...\n\n", path, c->summary, path);
        for (const struct command *const *s = c->sub; *s; s++)
            fprintf(out, "  %-9s %s\n", (*s)->name, (*s)->summary);
        if (c->details)
            fprintf(out, "\n%s\n", c->details);
        return;
    }
    fprintf(out, "%s: %s\n\nusage: %s [OPTIONS] %s\n\n", path, c->summary, path, c->operands);
    print_options(out, c->options);
    print_options(out, common_options);
    if (c->details)
        fprintf(out, "\n%s\n", c->details);
}

static void man_text(FILE *out, const char *s)
{
    struct buf b = BUF_INIT;
    buf_add_troff(&b, s);
    fputs(b.ptr, out);
    buf_release(&b);
}

static void man_options(FILE *out, const struct option_def *o)
{
    char text[96];
    for (; o && o->name; o++) {
        option_text(text, sizeof(text), o);
        fputs(".TP\n.B ", out);
        man_text(out, text);
        fputc('\n', out);
        man_text(out, o->help);
        if (o->fallback) {
            fputs(" (default ", out);
            man_text(out, o->fallback);
            fputc(')', out);
        }
        fputc('\n', out);
    }
}

static void man_command(FILE *out, const struct command *c, const char *path)
{
    fputs(".SS ", out);
    man_text(out, path);
    fputc(' ', out);
    man_text(out, c->operands ? c->operands : "");
    fputc('\n', out);
    man_text(out, c->summary);
    fputs(".\n", out);
    man_options(out, c->options);
    if (c->details) {
        fputs(".PP\n.nf\n", out);
        man_text(out, c->details);
        fputs("\n.fi\n", out);
    }
}

void help_man(FILE *out, const struct command *const *table)
{
    fprintf(out, ".TH GRASP 1 \"\" \"grasp %s\" \"User Commands\"\n", GRASP_VERSION);
    fputs(".SH NAME\ngrasp \\- an LLM agent that improves itself, safely\n"
          ".SH SYNOPSIS\n.B grasp\n.I COMMAND\n[OPTIONS] ...\n"
          ".SH COMMANDS\n",
          out);
    for (const struct command *const *c = table; *c; c++) {
        char path[128];
        snprintf(path, sizeof(path), "grasp %s", (*c)->name);
        if (!(*c)->sub)
            man_command(out, *c, path);
        for (const struct command *const *s = (*c)->sub; s && *s; s++) {
            snprintf(path, sizeof(path), "grasp %s %s", (*c)->name, (*s)->name);
            man_command(out, *s, path);
        }
    }
    fputs(".SH COMMON OPTIONS\n", out);
    man_options(out, common_options);
    fputs(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 3 stopped by a signal, a budget or an "
          "outage: the same command goes on.\n"
          ".SH ENVIRONMENT\n.TP\n.B GRASP_BACKEND\nthe model kind, before the configuration's\n"
          ".TP\n.B CURL_CA_BUNDLE, SSL_CERT_FILE\na file of certificate authorities for https "
          "endpoints, in place of the system's\n"
          ".TP\n.B SOURCE_DATE_EPOCH\nthe time stamp of commits, in seconds\n"
          ".SH SEE ALSO\n.BR grasp\\-config (5),\n.BR grasp\\-library (7),\n.BR grasp\\-exec (7)\n",
          out);
}
