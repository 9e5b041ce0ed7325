/*
 * completion.c - bash and zsh completions from the command tables. Both shells get one function that
 * maps the words typed so far ("skills log") to commands, options and keys; files where a value or an
 * operand is asked for that is none of them.
 */
#include "runtime/commands/completion.h"

#include <string.h>

#include "runtime/base/err.h"
#include "runtime/commands/usage.h"
#include "runtime/config/keys.h"

static void words_of(FILE *out, const struct command *const *list)
{
    for (; *list; list++)
        fprintf(out, " %s", (*list)->name);
}

/* Options that take a value: after them no option is offered. */
static void options_of(FILE *out, const struct option_def *o, bool values_only)
{
    for (; o && o->name; o++) {
        if (values_only && !o->value)
            continue;
        if (o->letter && values_only)
            fprintf(out, " -%c", o->letter);
        fprintf(out, " --%s", o->name);
    }
}

static void case_of(FILE *out, const char *path, const struct command *c)
{
    fprintf(out, "    '%s') offered='", path);
    if (c->sub)
        words_of(out, c->sub);
    options_of(out, c->options, false);
    options_of(out, common_options, false);
    fputs("'; values='", out);
    options_of(out, c->options, true);
    fputs("' ;;\n", out);
}

/* Sets `offered` and `values` by `at`. */
static void cases(FILE *out, const struct command *const *table)
{
    fputs("  case $at in\n    '') offered='", out);
    words_of(out, table);
    fputs(" --help --version'; values='' ;;\n", out);
    for (const struct command *const *c = table; *c; c++) {
        case_of(out, (*c)->name, *c);
        for (const struct command *const *s = (*c)->sub; s && *s; s++) {
            char path[128];
            snprintf(path, sizeof(path), "%s %s", (*c)->name, (*s)->name);
            case_of(out, path, *s);
        }
    }
    fputs("    *) offered='' values='' ;;\n  esac\n", out);
}

static void keys(FILE *out)
{
    fputs("  keys='", out);
    for (const struct config_key *k = config_keys; k->name; k++)
        if (!(k->flags & KEY_ALIAS))
            fprintf(out, " %s", k->name);
    fputs("'\n", out);
}

/* A pattern of the commands that have commands of their own. */
static void groups(FILE *out, const struct command *const *table)
{
    const char *bar = "";
    for (const struct command *const *c = table; *c; c++)
        if ((*c)->sub) {
            fprintf(out, "%s%s", bar, (*c)->name);
            bar = "|";
        }
}

static void bash(FILE *out, const struct command *const *table)
{
    fputs("# bash completion for grasp: from `grasp help --completion bash`\n"
          "_grasp() {\n"
          "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "  local at='' offered values keys\n"
          "  [ $COMP_CWORD -lt 2 ] || at=${COMP_WORDS[1]}\n"
          "  case $at in ",
          out);
    groups(out, table);
    fputs(") [ $COMP_CWORD -lt 3 ] || at=\"$at ${COMP_WORDS[2]}\" ;; esac\n", out);
    cases(out, table);
    keys(out);
    fputs("  COMPREPLY=()\n"
          "  if [ \"$prev\" = --set ]; then\n"
          "    compopt -o nospace 2>/dev/null\n"
          "    COMPREPLY=($(compgen -S = -W \"$keys\" -- \"$cur\"))\n"
          "  elif [[ \" $values \" == *\" $prev \"* ]]; then\n"
          "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "  elif [ \"$at\" = help ] && [[ $cur != -* ]]; then\n"
          "    COMPREPLY=($(compgen -W \"",
          out);
    words_of(out, table);
    fputs(" $keys\" -- \"$cur\"))\n"
          "  else\n"
          "    COMPREPLY=($(compgen -W \"$offered\" -- \"$cur\"))\n"
          "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "  fi\n"
          "}\n"
          "complete -o filenames -F _grasp grasp\n",
          out);
}

static void zsh(FILE *out, const struct command *const *table)
{
    fputs("#compdef grasp\n"
          "# zsh completion for grasp: from `grasp help --completion zsh`\n"
          "_grasp() {\n"
          "  local at=''\n"
          "  local prev=${words[CURRENT-1]} here=$CURRENT typed=(\"${words[@]}\") offered values "
          "keys\n"
          "  (( here < 3 )) || at=$typed[2]\n"
          "  case $at in ",
          out);
    groups(out, table);
    fputs(") (( here < 4 )) || at=\"$at $typed[3]\" ;; esac\n", out);
    cases(out, table);
    keys(out);
    fputs("  if [[ $prev == --set ]]; then\n"
          "    compadd -S = -- ${=keys}\n"
          "  elif [[ \" $values \" == *\" $prev \"* ]]; then\n"
          "    _files\n"
          "  else\n"
          "    [[ $at != help ]] || compadd -- ${=keys}",
          out);
    words_of(out, table);
    fputs("\n    compadd -- ${=offered}\n"
          "    [[ -z $at ]] || _files\n"
          "  fi\n"
          "}\n"
          "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _grasp \"$@\"; else compdef _grasp "
          "grasp; fi\n",
          out);
}

int help_completion(FILE *out, const struct command *const *table, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        bash(out, table);
    else if (strcmp(shell, "zsh") == 0)
        zsh(out, table);
    else
        return err_set(GRASP_EUSAGE, "--completion: '%s' is neither bash nor zsh", shell);
    return 0;
}
