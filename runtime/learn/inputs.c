/*
 * inputs.c - a run knows what it decides from (run.json, "inputs"): the configuration and the files
 * that it names, and its endpoints. A run that goes on with others would mix two experiments; with
 * --accept-changes it begins its epoch anew under a new id, on the library as it was at that epoch's
 * beginning, and scores the checkpoints before it again.
 *
 *     "inputs": {"data.dev": {"file": "...", "sha256": "..."}, ...}
 *     "ends":   [{"head", "dev", "updates"}]           of every epoch that was learned to its end
 *     "anew":   {"epoch", "updates", "restores"}       where a run that was begun anew begins
 *     "before": [{"run", "epoch", "changed"}]          what it was until then
 */
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/hash.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/history/decision.h"
#include "runtime/learn/learn_private.h"

static int take_digest(json_t *out, const char *name, const char *file,
                       const uint8_t digest[HASH_SIZE])
{
    char hex[HASH_HEX];
    hash_hex(digest, hex);
    json_t *v = json_pack("{s:s*, s:s}", "file", file, "sha256", hex);
    return v && json_object_set_new(out, name, v) == 0 ? 0 : err_oom();
}

static int take_text(json_t *out, const char *name, const char *file, const char *text)
{
    uint8_t digest[HASH_SIZE];
    hash_once(text, strlen(text), digest);
    return take_digest(out, name, file, digest);
}

/* The bytes of a file, however long it is. */
static int add_file(struct hash *h, const char *path)
{
    static const size_t piece = 1 << 16;
    char *bytes = malloc(piece);
    int fd = fs_open_read(path), rc = fd < 0 ? fd : bytes ? 0 : err_oom();
    ssize_t got = 1;
    while (rc == 0 && got != 0) {
        got = read(fd, bytes, piece);
        if (got > 0)
            hash_add(h, bytes, (size_t)got);
        else if (got < 0 && errno != EINTR)
            rc = err_set_errno(GRASP_EIO, "cannot read '%s'", path);
    }
    if (fd >= 0)
        close(fd);
    free(bytes);
    return rc;
}

static int in_order(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Names and bytes of the files in a folder that are loaded as FHIR data. */
static int add_folder(struct hash *h, const char *path)
{
    char *roots[] = {(char *)(uintptr_t)path, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, in_order);
    int rc = walk ? 0 : err_set_errno(GRASP_EIO, "cannot read '%s'", path);
    for (FTSENT *e; rc == 0 && walk && (e = fts_read(walk));) {
        if (e->fts_level > 0 && *e->fts_name == '.') {
            fts_set(walk, e, FTS_SKIP);
        } else if (e->fts_info == FTS_F && strstr(e->fts_name, "json")) {
            hash_add(h, e->fts_path + strlen(path), strlen(e->fts_path + strlen(path)) + 1);
            rc = add_file(h, e->fts_path);
        } else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR) {
            errno = e->fts_errno;
            rc = err_set_errno(GRASP_EIO, "cannot read '%s'", e->fts_path);
        }
    }
    if (walk)
        fts_close(walk);
    return rc;
}

static int take_path(json_t *out, const char *name, const char *path)
{
    uint8_t digest[HASH_SIZE];
    struct hash *h = hash_new();
    int rc = !h ? err_oom() : fs_is_dir(path) ? add_folder(h, path) : add_file(h, path);
    if (rc == 0) {
        hash_peek(h, digest);
        rc = take_digest(out, name, path, digest);
    }
    hash_free(h);
    return rc;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A world of the user's own is what its program does: the files that its command line names. */
static int take_command(const struct config *c, json_t *out)
{
    size_t i;
    json_t *word;
    int rc = 0;
    json_array_foreach (c->env.command, i, word) {
        const char *text = json_string_value(word);
        char name[48], *path = text ? fs_join(c->dir, text) : NULL;
        bool system = text && (str_starts(text, "/usr/") || str_starts(text, "/bin/"));
        snprintf(name, sizeof(name), "env.command[%zu]", i);
        if (rc == 0 && path && !system && is_file(path))
            rc = take_path(out, name, path);
        free(path);
    }
    return rc;
}

static int take_fhir(const struct config *c, json_t *out)
{
    size_t i;
    json_t *file;
    int rc = 0;
    json_array_foreach (c->fhir.load, i, file) {
        char name[48];
        snprintf(name, sizeof(name), "fhir.load[%zu]", i);
        if (rc == 0)
            rc = take_path(out, name, json_string_value(file));
    }
    if (rc == 0 && c->fhir.store && !c->fhir.load) { /* else it is written at every start */
        char *data = fs_join(c->fhir.store, "data.mdb");
        rc = data ? take_path(out, "fhir.store", data) : err_oom();
        free(data);
    }
    return rc;
}

static int take_prompts(const struct learn *l, json_t *out)
{
    const char *name, *where, *text;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (text = prompts_text(l->prompts, i, &name, &where)); i++) {
        char key[96];
        snprintf(key, sizeof(key), "prompt %s", name);
        rc = take_text(out, key, where, text);
    }
    return rc;
}

int inputs_of(const struct learn *l, json_t **out)
{
    const struct config *c = l->c;
    const struct {
        const char *name, *path;
    } files[] = {{"data.dev", c->data.dev},
                 {"data.val", c->data.val},
                 {"data.id_test", c->data.id_test},
                 {"data.test", c->data.test},
                 {"data.funcs", c->data.funcs},
                 {"prompt.texts", c->prompt.texts},
                 {"model.replay_file", c->model.replay_file},
                 {"writer.replay_file", c->writer.replay_file}};
    uint8_t digest[HASH_SIZE];
    json_t *v = json_object();
    int rc = v ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < sizeof(files) / sizeof(*files); i++)
        if (files[i].path)
            rc = take_path(v, files[i].name, files[i].path);
    if (rc == 0 && c->env.kind == ENV_FHIR)
        rc = take_fhir(c, v);
    if (rc == 0 && c->env.kind == ENV_EXEC)
        rc = take_command(c, v);
    if (rc == 0)
        rc = take_prompts(l, v);
    for (int i = 0; rc == 0 && i < 2; i++)
        if (l->s->backend[i] && l->s->backend[i]->identity)
            rc = take_text(v, i ? "writer" : "model", NULL, l->s->backend[i]->identity);
    if (rc == 0) {
        config_fingerprint(c, digest);
        rc = take_digest(v, "configuration", NULL, digest);
    }
    if (rc < 0) {
        json_decref(v);
        v = NULL;
    }
    *out = v;
    return rc;
}

/* A line for each input that is not what it was; `names` gets their names. */
static void compare(const json_t *was, const json_t *is, struct buf *lines, json_t *names)
{
    const char *name;
    json_t *v, *all = json_object();
    json_object_update(all, (json_t *)was);
    json_object_update(all, (json_t *)is);
    json_object_foreach (all, name, v) {
        const json_t *old = json_object_get(was, name), *new = json_object_get(is, name);
        const char *file = json_str_at(v, "file", NULL);
        if (old &&
            new &&strcmp(json_str_at(old, "sha256", ""), json_str_at(new, "sha256", "")) == 0)
            continue;
        /* The same model may answer elsewhere: what is asked there is paid for anew, but allowed. */
        if (old && new && (strcmp(name, "model") == 0 || strcmp(name, "writer") == 0)) {
            log_warn(
                "the run began with another endpoint of its %s: nothing that is in its journal "
                "stands for this one; where only the address is another, set %s.identity to "
                "the first base_url",
                name, name);
            continue;
        }
        json_array_append_new(names, json_string(name));
        buf_addf(lines, "\n  %s%s%s%s: %s", name, file ? " (" : "", file ? file : "",
                 file ? ")" : "",
                 !old   ? "was not there"
                 : !new ? "is not there any more"
                        : "has changed");
    }
    json_decref(all);
}

/* The epochs that were learned to their end. */
static size_t ends(const json_t *state)
{
    return json_array_size(json_object_get(state, "ends"));
}

/* The state of a run that begins the present epoch anew, as `id`, which it takes. */
static json_t *anew(struct learn *l, json_t *id, const json_t *inputs, const json_t *changed)
{
    const json_t *old = l->run.state;
    const json_t *last = json_array_get(json_object_get(old, "ends"), ends(old) - 1);
    int64_t every = l->c->cycle.update_every, most = ((int64_t)l->dev->n + every - 1) / every + 1;
    /* what the half epoch drew is not drawn again */
    int64_t updates = json_int_at(last, "updates", 0), from = json_int_at(old, "anew.updates", 0);
    updates = (updates > from ? updates : from) + most;
    const char *restores = json_str_at(last, "head", json_str_at(old, "anew.restores", NULL));
    json_t *before = json_deep_copy(json_object_get(old, "before"));
    if (!before)
        before = json_array();
    json_array_append_new(before, json_pack("{s:s, s:i, s:O}", "run", json_str_at(old, "run", "?"),
                                            "epoch", (int)ends(old), "changed", changed));
    json_t *past = json_object_get(old, "ends");
    return json_pack("{s:o, s:s, s:i, s:s, s:s, s:{}, s:{}, s:O, s:o, s:{s:i, s:I, s:s, s:I}, "
                     "s:o}",
                     "run", id, "start", "", "wave", (int)l->c->cycle.batch_concurrency, "author",
                     json_str_at(old, "author", "grasp"), "email",
                     json_str_at(old, "email", "grasp@localhost"), "decided", "unscored", "inputs",
                     inputs, "ends", past ? json_deep_copy(past) : json_array(), "anew", "epoch",
                     (int)ends(old), "updates", (json_int_t)updates, "restores",
                     restores ? restores : json_str_at(old, "start", ""), "when",
                     (json_int_t)(clock_stamp() / NS_PER_SEC * NS_PER_SEC), "before", before);
}

/* Configuration first: a run that dies between the two finds its fingerprint changed, and the same
 * command does it again. */
static int begin_anew(struct learn *l, const json_t *inputs, const json_t *changed,
                      const char *config_path)
{
    struct buf text = BUF_INIT;
    json_t *id = record_id(l, inputs);
    json_t *state = id ? anew(l, id, inputs, changed) : NULL;
    int rc = !id ? err_code() : state ? 0 : err_oom();
    if (rc == 0) {
        config_render(l->c, &text);
        rc = buf_check(&text);
    }
    if (rc == 0)
        rc = fs_write(config_path, text.ptr, text.len);
    if (rc == 0) {
        log_warn("run %s goes on as %s: epoch %zu begins anew",
                 json_str_at(l->run.state, "run", ""), json_str_at(state, "run", ""),
                 ends(state) + 1);
        json_decref(l->run.state);
        l->run.state = json_incref(state);
        rc = record_state(l);
    }
    json_decref(state);
    buf_release(&text);
    return rc;
}

int inputs_check(struct learn *l, const char *config_path)
{
    json_t *was = json_object_get(l->run.state, "inputs"), *is = NULL, *changed = json_array();
    struct buf lines = BUF_INIT;
    int rc = inputs_of(l, &is), config = rc == 0 ? config_same_run(l->c, config_path) : rc;
    bool accept = l->flags & LEARN_ACCEPT_CHANGES;
    if (rc == 0 && config < 0 && (config != GRASP_EREFUSED || !accept)) {
        rc = config;
        goto out;
    }
    if (rc < 0)
        goto out;
    if (was) {
        compare(was, is, &lines, changed);
        rc = buf_check(&lines);
    } else {
        log_warn("the run in %s was begun by a version that kept no hashes of its inputs; they are "
                 "kept from here on",
                 l->run.dir);
        json_object_set(l->run.state, "inputs", is);
        rc = record_state(l);
    }
    if (rc == 0 && (config < 0 || json_array_size(changed))) {
        if (!json_array_size(changed))
            json_array_append_new(changed, json_string("configuration"));
        rc = accept ? begin_anew(l, is, changed, config_path)
                    : err_set(GRASP_EREFUSED,
                              "the run in %s was begun with other inputs:%s\nuse another run "
                              "directory or what it began with, or let epoch %zu begin anew with "
                              "these: --accept-changes",
                              l->run.dir, lines.ptr, ends(l->run.state) + 1);
    }
out:
    buf_release(&lines);
    json_decref(changed);
    json_decref(is);
    return rc;
}

/* The branch's tree becomes that of the epoch's beginning, by a commit of its own; done before: found
 * done. */
int inputs_restore(struct learn *l)
{
    const json_t *state = l->run.state;
    struct oid from, tree, now;
    const char *restores = json_str_at(state, "anew.restores", "");
    const json_t *before = json_object_get(state, "before");
    if (*json_str_at(state, "start", "x"))
        return 0;
    before = json_array_get(before, json_array_size(before) - 1);
    int rc = line_rename(l, json_str_at(before, "run", "run"), json_str_at(state, "run", "run"));
    if (rc == 0)
        rc = library_head(l->lib, &l->at.head);
    if (rc == 0)
        rc = oid_from_text(&from, restores)
                 ? library_contains(l->lib, &l->at.head, &from)
                 : err_set(GRASP_EINVAL, "%s/run.json: damaged; use another run directory",
                           l->run.dir);
    if (rc == 0)
        rc = err_set(GRASP_ECONFLICT,
                     "the library %s has diverged: its branch does not contain %.12s, at which the "
                     "epoch began; use another run directory, or reset the branch",
                     library_dir(l->lib), restores);
    if (rc > 0)
        rc = library_tree_of(l->lib, &from, &tree);
    if (rc == 0)
        rc = library_tree_of(l->lib, &l->at.head, &now);
    if (rc == 0)
        rc = library_identity_set(l->lib, json_str_at(state, "author", "grasp"),
                                  json_str_at(state, "email", "grasp@localhost"));
    if (rc == 0 && strcmp(tree.hex, now.hex) != 0) {
        struct trailers t = {.n = 0};
        struct buf subject = BUF_INIT;
        buf_addf(&subject, "RESTORE the library before epoch %d, which begins anew",
                 (int)json_int_at(state, "anew.epoch", 0) + 1);
        trailers_add(&t, "Run", "%s", json_str_at(state, "run", "run"));
        trailers_add(&t, "Restores", "%s", from.hex);
        struct commit_text text = {.subject = subject.ptr,
                                   .body = "What the run decides from has changed.",
                                   .trailers = t.v,
                                   .n = t.n,
                                   .when = json_int_at(state, "anew.when", 0)};
        struct oid restored;
        rc = library_commit(l->lib, &tree, &l->at.head, &text, &restored);
        if (rc == 0)
            rc = library_accept(l->lib, &l->at.head, &restored);
        l->at.head = rc == 0 ? restored : l->at.head;
        buf_release(&subject);
    }
    if (rc == 0 && json_object_set_new(l->run.state, "start", json_string(l->at.head.hex)) < 0)
        rc = err_oom();
    return rc < 0 ? rc : record_state(l);
}

int inputs_end_epoch(struct learn *l, double dev)
{
    json_t *all = json_object_get(l->run.state, "ends");
    if (!all) {
        all = json_array();
        json_object_set_new(l->run.state, "ends", all);
    }
    if (json_array_size(all) > (size_t)l->epoch) /* it is being done again */
        return 0;
    json_array_append_new(all, json_pack("{s:s, s:f, s:I}", "head", l->at.head.hex, "dev", dev,
                                         "updates", (json_int_t)l->updates));
    return record_state(l);
}
