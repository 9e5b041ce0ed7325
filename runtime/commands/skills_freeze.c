/* skills_freeze.c - `grasp skills freeze`: a revision that does not change any more. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/commands/skills.h"
#include "runtime/history/frozen.h"

/* A tag of that name: the same revision again is fine, another one is not. 1: it is frozen so. */
static int already(struct library *lib, const char *name, const struct oid *commit)
{
    struct buf ref = BUF_INIT;
    struct oid there;
    buf_addf(&ref, "refs/tags/%s", name);
    int rc = buf_check(&ref);
    if (rc == 0)
        rc = library_resolve(lib, ref.ptr, &there);
    buf_release(&ref);
    if (rc == GRASP_ENOTFOUND || rc == GRASP_EINVAL) /* the latter is for the tagging to say */
        return 0;
    if (rc < 0)
        return rc;
    if (strcmp(there.hex, commit->hex) != 0)
        return err_set(GRASP_EREFUSED,
                       "'%s' is frozen at %.10s, and frozen means frozen: choose another name for "
                       "%.10s",
                       name, there.hex, commit->hex);
    rc = manifest_check(lib, name);
    return rc < 0 ? rc : 1;
}

static int freeze(struct library *lib, const char *name, const char *rev, const char *run,
                  struct oid *commit)
{
    struct buf message = BUF_INIT;
    struct oid tag;
    json_t *manifest = NULL;
    int rc = library_resolve(lib, rev, commit);
    if (rc == 0)
        rc = already(lib, name, commit);
    if (rc != 0)
        return rc < 0 ? rc : library_tag_settle(lib, name);
    rc = manifest_make(lib, name, commit, &manifest);
    if (rc == 0 && run)
        rc = manifest_add_run(lib, run, manifest);
    if (rc == 0 && run && !json_object_get(manifest, "scores"))
        log_warn("the run in %s has no score of %.10s: none is in the manifest", run, commit->hex);
    if (rc == 0)
        rc = manifest_render(manifest, &message);
    if (rc == 0)
        rc = library_tag(lib, name, commit, message.ptr, 0, &tag);
    json_decref(manifest);
    buf_release(&message);
    return rc;
}

static int print_frozen(struct library *lib, const char *name, bool as_json)
{
    struct buf message = BUF_INIT;
    json_t *m = NULL;
    int rc = library_tag_message(lib, name, &message);
    if (rc == 0)
        rc = manifest_parse(message.ptr, &m);
    if (rc == 0 && as_json) {
        rc = print_json(json_incref(m));
    } else if (rc == 0) {
        message.ptr[strcspn(message.ptr, "\n")] = '\0';
        print_text(message.ptr, 0);
        printf("\n%.10s, content %.16s\n", json_str_at(m, "commit", "?"),
               json_str_at(m, "content_sha256", "?"));
    }
    json_decref(m);
    buf_release(&message);
    return rc;
}

static int run_freeze(const struct args *a)
{
    struct library *lib = NULL;
    struct oid commit;
    const char *check = arg_str(a, "check"), *name = arg_str(a, "name");
    int rc = 0;
    if (!check == !name)
        return err_set(GRASP_EUSAGE, "grasp skills freeze needs --name NAME, or --check NAME");
    if (name && strcmp(name, "best") == 0)
        return err_set(GRASP_EUSAGE,
                       "--name: 'best' is the branch that learning moves; choose another name");
    rc = skills_open(&lib, operand(a, 0), check ? LIBRARY_READ : LIBRARY_WRITE, NULL);
    if (rc == 0 && check)
        rc = manifest_check_frozen(lib, check);
    else if (rc == 0)
        rc = freeze(lib, name, arg_str(a, "at"), arg_str(a, "run"), &commit);
    if (rc == 0)
        rc = print_frozen(lib, check ? check : name, arg_flag(a, "json"));
    library_close(lib);
    return rc;
}

const struct command skills_freeze = {
    .name = "freeze",
    .summary = "an annotated tag with a manifest: who learned it, on what, with which scores",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"name", 0, "NAME", "the tag's name", NULL},
            {"at", 0, "REV", "the revision to freeze", "best"},
            {"run", 'r', "RUN", "take scores and data from this run's directory", NULL},
            {"check", 0, "NAME", "hold a frozen tag against its manifest", NULL},
            {"json", 0, NULL, "the manifest on standard output", NULL},
            {0}},
    .details =
        "The manifest is JSON in the tag's message: every skill with version and SHA-256, the "
        "hash\n"
        "of all of them, models, edits and scores. A name that is frozen stays where it is; the\n"
        "same revision again changes nothing. Scores of the test splits are those of the run's\n"
        "best revision: another one gets none.",
    .run = run_freeze,
};
