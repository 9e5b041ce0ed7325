/* skills_print.c - what the subcommands of `grasp skills` print alike. */
#include "runtime/commands/skills.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"
#include "runtime/history/frozen.h"

int skills_read(struct library *lib, const char *rev, struct skill_set *out)
{
    int rc = manifest_check_read(lib, rev);
    return rc < 0 ? rc : library_read(lib, rev, out);
}

const char *rev_of(const struct args *a)
{
    const char *at = arg_str(a, "at");
    return at ? at : "HEAD";
}

int print_json(json_t *v)
{
    if (!v)
        return err_oom();
    int rc = json_dumpf(v, stdout, JSON_INDENT(2));
    json_decref(v);
    return rc < 0 || putchar('\n') == EOF
               ? err_set_errno(GRASP_EIO, "cannot write to standard output")
               : 0;
}

void print_text(const char *text, size_t width)
{
    size_t len = strlen(text), cut = width ? utf8_prefix(text, len, width) : len;
    if (cut < len)
        cut = utf8_prefix(text, len, width - 1);
    for (size_t i = 0; i < cut;) {
        uint32_t cp;
        size_t n = utf8_decode(text + i, cut - i, &cp);
        if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
            putchar(' ');
        else if (cp == 0xfffd)
            fputs("\xef\xbf\xbd", stdout);
        else
            fwrite(text + i, 1, n, stdout);
        i += n;
    }
    if (cut < len)
        fputs("\xe2\x80\xa6", stdout);
}

void score_text(const struct step *s, char out[16])
{
    if (s->kind == STEP_EDIT)
        snprintf(out, 16, "%+d", s->score);
    else
        snprintf(out, 16, "-");
}

void share_text(int count, int of, char out[32])
{
    if (of >= 0)
        snprintf(out, 32, "%d/%d", count, of);
    else
        snprintf(out, 32, "-");
}
