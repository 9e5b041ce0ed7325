/*
 * target.h - which model `--to` means. Pure.
 *
 *     simulated[:PROFILE]   the simulated model, profile weak, default or strong
 *     preset:NAME           agents/NAME.yaml beside the configuration, instead of its section
 *     NAME                  an entry of the configuration's table `models`, else another model name
 *                           at the configured endpoint
 */
#ifndef GRASP_RUNTIME_TRANSFER_TARGET_H
#define GRASP_RUNTIME_TRANSFER_TARGET_H

#include "runtime/base/text.h"
#include "skills/skill.h"

enum { TARGET_SLUG = 128 };

struct target {
    char *text;             /* as given */
    char *preset;           /* NULL: none */
    bool named;             /* a plain name: an entry of the table `models`, where it has one */
    struct strlist sets;    /* "key=value", for the configuration */
    char slug[TARGET_SLUG]; /* for branches and directories; the name can be read back */
};

/* GRASP_EUSAGE says what is wrong with it. */
int target_parse(struct target *t, const char *text);
void target_release(struct target *t);

#endif
