/* target.c - which model `--to` means. */
#include "runtime/transfer/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"

static int simulated(struct target *t, const char *profile)
{
    static const char *const profiles[] = {"weak", "default", "strong"};
    bool known = false;
    for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++)
        known = known || strcmp(profile, profiles[i]) == 0;
    if (!known)
        return err_set(GRASP_EUSAGE, "--to %s: the simulated model is weak, default or strong",
                       t->text);
    int rc = strlist_add(&t->sets, "model.kind=simulated");
    if (rc == 0 && strcmp(profile, "default") == 0)
        rc = strlist_add(&t->sets, "model.name=simulated");
    else if (rc == 0)
        rc = strlist_addf(&t->sets, "model.name=simulated-%s", profile);
    return rc < 0 ? rc : strlist_addf(&t->sets, "sim.profile=%s", profile);
}

static int preset(struct target *t, const char *name)
{
    for (const char *p = name; *p; p++)
        if (!ascii_isalnum(*p) && !strchr("._-", *p))
            return err_set(GRASP_EUSAGE, "--to %s: a preset is a file name, agents/NAME.yaml",
                           t->text);
    if (!*name || *name == '.')
        return err_set(GRASP_EUSAGE, "--to %s: which preset? agents/NAME.yaml", t->text);
    t->preset = str_dup(name);
    return t->preset ? 0 : err_oom();
}

/* The value is YAML; a JSON string is one, whatever the name looks like. */
static int named(struct target *t)
{
    struct buf set = BUF_INIT;
    t->named = true;
    buf_adds(&set, "model.name=\"");
    buf_add_json(&set, t->text, strlen(t->text), false);
    buf_addch(&set, '"');
    int rc = buf_check(&set);
    if (rc == 0)
        rc = strlist_add(&t->sets, set.ptr);
    buf_release(&set);
    return rc;
}

/* A model's name as a part of a branch's name and as a folder's: letters, digits, '-', '_' and '.'
 * stay, everything else (and a '.' where git or a shell take it for something) is "%XX" of its
 * bytes. So no two names give the same one, and each can be read back: GRASP_EUSAGE when it does not
 * fit. */
static int target_slug(const char *name, char out[TARGET_SLUG])
{
    struct buf b = BUF_INIT;
    bool any = false;
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool dot = c == '.' && i > 0 && i + 1 < len && name[i - 1] != '.' &&
                   !str_caseeq(name + i, ".lock");
        any = any || ascii_isalnum(c) || (unsigned char)c >= 0x80;
        if (ascii_isalnum(c) || c == '_' || dot || (c == '-' && i > 0))
            buf_addch(&b, c);
        else
            buf_addf(&b, "%%%02X", (unsigned)(unsigned char)c);
    }
    int rc = buf_check(&b);
    if (rc == 0 && !any)
        rc = err_set(GRASP_EUSAGE, "--to '%s': a model's name has letters or digits", name);
    if (rc == 0 && b.len >= TARGET_SLUG)
        rc = err_set(GRASP_EUSAGE, "--to '%.40s...': too long for a branch's name", name);
    if (rc == 0)
        memcpy(out, b.ptr, b.len + 1);
    buf_release(&b);
    return rc;
}

int target_parse(struct target *t, const char *text)
{
    static const char sim[] = "simulated", pre[] = "preset:";
    const char *name = text;
    int rc;
    *t = (struct target){.text = str_dup(text)};
    if (!t->text)
        return err_oom();
    if (strcmp(text, sim) == 0)
        rc = simulated(t, "default");
    else if (str_starts(text, "simulated:"))
        rc = simulated(t, text + sizeof(sim));
    else if (str_starts(text, pre))
        rc = preset(t, name = text + sizeof(pre) - 1);
    else
        rc = named(t);
    /* A profile is a part of the simulated model's name. */
    if (rc == 0 && str_starts(text, "simulated:") && !str_ends(text, ":default"))
        snprintf(t->slug, sizeof(t->slug), "simulated-%s", text + sizeof(sim));
    else if (rc == 0)
        rc = target_slug(str_starts(text, "simulated:") ? sim : name, t->slug);
    if (rc < 0)
        target_release(t);
    return rc;
}

void target_release(struct target *t)
{
    free(t->text);
    free(t->preset);
    strlist_release(&t->sets);
    *t = (struct target){0};
}
