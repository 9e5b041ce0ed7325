/*
 * target.h - which model `--to` means. Pure.
 *
 *     simulated[:PROFILE]   the simulated model, profile weak, default or strong
 *     preset:NAME           agents/NAME.yaml beside the configuration, instead of its section
 * `model` NAME                  another model name at the configured endpoint
 */
#ifndef GRASP_RUNTIME_TRANSFER_TARGET_H
#define GRASP_RUNTIME_TRANSFER_TARGET_H

#include "runtime/base/text.h"
#include "skills/skill.h"

enum { TARGET_SLUG = 128 };

struct target {
    char *text;             /* as given */
    char *preset;           /* NULL: none */
    struct strlist sets;    /* "key=value", for the configuration */
    char slug[TARGET_SLUG]; /* for branches and directories, see target_slug */
};

/* A model's name as a part of a branch's name and as a folder's: letters, digits, '-', '_' and '.'
 * stay, everything else (and a '.' where git or a shell take it for something) is "%XX" of its
 * bytes. So no two names give the same one, and each can be read back: GRASP_EUSAGE when it does not
 * fit. */
int target_slug(const char *name, char out[TARGET_SLUG]);
/* GRASP_EUSAGE says what is wrong with it. */
int target_parse(struct target *t, const char *text);
void target_release(struct target *t);

#endif
