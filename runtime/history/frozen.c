/* frozen.c - the manifest of a frozen library: made, written into a tag, held against it.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/hash.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/config/config.h"
#include "runtime/config/yaml.h"
#include "runtime/history/history.h"
#include "runtime/history/frozen.h"

/* What a skill is by its bytes. A method's document is what stands beside its SKILL.md. */
static void add_bytes(const struct skill *s, struct buf *out)
{
    skill_render(s, out);
    for (size_t i = 0; skill_meta(s, SKILL_DOCUMENT_KEY) && s->files && i < s->files->n; i++)
        if (s->files->v[i].bytes)
            buf_add(out, s->files->v[i].bytes, s->files->v[i].len);
}

static void skill_hash(const struct skill *s, char out[HASH_HEX])
{
    uint8_t digest[HASH_SIZE];
    struct buf text = BUF_INIT;
    add_bytes(s, &text);
    hash_once(text.ptr, text.len, digest);
    hash_hex(digest, out);
    buf_release(&text);
}

int skills_hash(const struct skill_set *set, char out[HASH_HEX])
{
    struct hash *h = hash_new();
    struct buf text = BUF_INIT;
    uint8_t digest[HASH_SIZE];
    if (!h)
        return err_oom();
    for (size_t i = 0; i < set->n; i++) {
        buf_reset(&text);
        add_bytes(&set->v[i], &text);
        hash_add_part(h, set->v[i].name, strlen(set->v[i].name));
        hash_add_part(h, text.ptr, text.len);
    }
    hash_peek(h, digest);
    hash_hex(digest, out);
    hash_free(h);
    int rc = buf_check(&text);
    buf_release(&text);
    return rc;
}

static json_t *skills_json(const struct skill_set *set)
{
    json_t *out = json_array();
    for (size_t i = 0; i < set->n; i++) {
        char hex[HASH_HEX];
        skill_hash(&set->v[i], hex);
        json_array_append_new(out, json_pack("{s:s, s:i, s:s}", "name", set->v[i].name, "version",
                                             set->v[i].version, "sha256", hex));
    }
    return out;
}

static void take_text(json_t *to, const char *key, const char *text)
{
    if (text && *text && !json_object_get(to, key))
        json_object_set_new(to, key, json_string(text));
}

/* Who learned it, and by which edits, from the commits. */
static void add_history(json_t *manifest, const struct history *h)
{
    json_t *edits = json_array();
    for (size_t i = 0; i < h->n; i++) {
        const struct step *s = &h->v[i];
        struct buf edit = BUF_INIT;
        take_text(manifest, "run", library_trailer(&s->info, "Run"));
        take_text(manifest, "executor_model", library_trailer(&s->info, "Executor-Model"));
        take_text(manifest, "writer_model", library_trailer(&s->info, "Writer-Model"));
        if (s->kind == STEP_ROOT)
            continue;
        step_edit(s, &edit);
        json_t *v = json_pack("{s:s, s:s}", "commit", s->info.commit.hex, "edit", edit.ptr);
        if (v && s->kind == STEP_EDIT)
            json_object_set_new(v, "score", json_integer(s->score));
        json_array_append_new(edits, v);
        buf_release(&edit);
    }
    json_object_set_new(manifest, "edits", edits);
}

int manifest_make(struct library *lib, const char *name, const struct oid *commit, json_t **out)
{
    struct skill_set set = {0};
    struct history h = {0};
    struct oid tree;
    char hash[HASH_HEX], now[CLOCK_TEXT];
    *out = NULL;
    int rc = library_tree_of(lib, commit, &tree);
    if (rc == 0)
        rc = library_read(lib, commit->hex, &set);
    if (rc == 0)
        rc = skills_hash(&set, hash);
    if (rc == 0)
        rc = history_read(lib, commit->hex, &h);
    if (rc == 0) {
        clock_format(clock_stamp(), 0, now);
        *out = json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "schema", MANIFEST_SCHEMA, "name",
                         name, "commit", commit->hex, "tree", tree.hex, "skills", skills_json(&set),
                         "content_sha256", hash, "frozen", now);
        if (*out)
            add_history(*out, &h);
        else
            rc = err_oom();
    }
    skill_set_release(&set);
    history_release(&h);
    return rc;
}

/* ---- what the run knows ---- */

/* A JSON file of the run; *out NULL when it is not there. */
static int read_run_file(const char *dir, const char *name, json_t **out)
{
    char *path = fs_join(dir, name);
    *out = NULL;
    int rc = path ? json_read_file(out, path) : err_oom();
    free(path);
    return rc == GRASP_ENOTFOUND ? 0 : rc;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

/* What a library was learned on, as far as it makes scores comparable; out of a configuration. */
static int learned_on(const json_t *config, json_t *on)
{
    const json_t *command = json_at(config, "env.command");
    struct buf world = BUF_INIT;
    json_t *part;
    size_t i;
    take_text(on, "environment", json_str_at(config, "env.kind", NULL));
    take_text(on, "benchmark", json_str_at(config, "benchmark.version", NULL));
    json_array_foreach ((json_t *)command, i, part) {
        buf_addf(&world, "%s%s", i ? " " : "", base_name(json_string_value(part)));
    }
    if (!command) { /* FHIR: the data that the agent asks for */
        const char *store = json_str_at(config, "fhir.store", NULL);
        json_array_foreach (json_at(config, "fhir.load"), i, part) {
            buf_addf(&world, "%s%s", i ? " " : "", base_name(json_string_value(part)));
        }
        if (!world.len && store)
            buf_adds(&world, base_name(store));
    }
    if (world.len) /* without folders: another machine has others */
        take_text(on, "world", world.ptr);
    int rc = buf_check(&world);
    buf_release(&world);
    return rc;
}

/* {environment, world, benchmark, preset, dev, val, id_test, test}: names of files, not where they lie. */
static int add_data(const char *dir, const char *preset, json_t *manifest)
{
    static const char *const splits[] = {"dev", "val", "id_test", "test"};
    char *path = fs_join(dir, "config.yaml");
    json_t *config = NULL, *on = json_object();
    int rc = path ? yaml_read_file(path, &config, NULL) : err_oom();
    if (rc == GRASP_ENOTFOUND)
        rc = 0;
    if (rc == 0)
        rc = learned_on(config, on);
    take_text(on, "preset", preset);
    for (size_t i = 0; i < sizeof(splits) / sizeof(*splits); i++) {
        const char *file = json_str_at(json_object_get(config, "data"), splits[i], NULL);
        const char *slash = file ? strrchr(file, '/') : NULL;
        take_text(on, splits[i], slash ? slash + 1 : file);
    }
    if (json_object_size(on))
        json_object_set(manifest, "learned_on", on);
    json_decref(on);
    json_decref(config);
    free(path);
    return rc;
}

int manifest_warn(const char *dir, const char *rev, const struct config *c, bool preset)
{
    static const char *const keys[] = {"environment", "world", "benchmark", "preset"};
    struct library *lib = NULL;
    struct buf message = BUF_INIT;
    json_t *manifest = NULL, *here = json_object();
    int rc = rev ? library_open(&lib, dir, LIBRARY_READ) : GRASP_ENOTFOUND;
    if (rc == 0 && (rc = manifest_check_frozen(lib, rev)) != GRASP_EREFUSED)
        rc = library_tag_message(lib, rev, &message);
    if (rc == 0)
        rc = manifest_parse(message.ptr, &manifest);
    if (rc == GRASP_ENOTFOUND || rc == GRASP_EINVAL) /* no tag, or none of ours */
        rc = 0;
    if (rc == 0 && manifest)
        rc = learned_on(c->resolved, here);
    if (preset)
        take_text(here, "preset", c->preset);
    else
        json_object_del(json_object_get(manifest, "learned_on"), "preset");
    if (rc == 0 && manifest)
        for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
            const char *was = json_str_at(json_object_get(manifest, "learned_on"), keys[i], NULL);
            const char *is = json_str_at(here, keys[i], NULL);
            if (was && !str_same(was, is))
                log_warn("the library '%s' was learned on %s '%s', and this is %s%s%s: scores do "
                         "not compare",
                         rev, keys[i], was, is ? "'" : "none", is ? is : "", is ? "'" : "");
        }
    json_decref(here);
    json_decref(manifest);
    buf_release(&message);
    library_close(lib);
    return rc;
}

static json_t *score_of(const json_t *v)
{
    return json_pack("{s:O?, s:O?, s:O?}", "score", json_object_get(v, "score"), "n_correct",
                     json_object_get(v, "n_correct"), "n_total", json_object_get(v, "n_total"));
}

/* The val scores of this very tree, and whether it is the run's best. */
static bool add_val(struct library *lib, const json_t *val, const char *tree, json_t *scores)
{
    const json_t *best = NULL;
    json_t *v, *out = json_object();
    size_t i;
    double most = 0;
    struct oid mine = {""}, commit;
    json_array_foreach ((json_t *)val, i, v) {
        const char *id = json_str_at(v, "commit", "");
        bool baseline = json_is_string(json_object_get(v, "epoch"));
        if (baseline)
            json_object_set_new(out, "baseline", score_of(v));
        if (!baseline && json_num_at(v, "score", 0) > most) {
            most = json_num_at(v, "score", 0);
            best = v;
        }
        if (baseline || !oid_from_text(&commit, id))
            continue;
        if (library_tree_of(lib, &commit, &mine) == 0 && strcmp(mine.hex, tree) == 0) {
            json_object_set_new(out, "with_skills", score_of(v));
            json_object_set(out, "epoch", json_object_get(v, "epoch"));
        }
    }
    bool scored = json_object_get(out, "with_skills");
    if (scored)
        json_object_set(scores, "val", out);
    json_decref(out);
    if (!best)
        return false;
    const char *id = json_str_at(best, "commit", "");
    if (!oid_from_text(&commit, id))
        return false;
    return library_tree_of(lib, &commit, &mine) == 0 && strcmp(mine.hex, tree) == 0;
}

/* The final scores are those of the run's best revision, and of no other. */
static void add_tests(const json_t *tests, json_t *scores)
{
    const char *split;
    json_t *v;
    json_object_foreach ((json_t *)tests, split, v) {
        if (!json_object_get(v, "best")) /* as the reference implementation names it */
            continue;
        json_object_set_new(scores, split,
                            json_pack("{s:o, s:o}", "baseline",
                                      score_of(json_object_get(v, "baseline")), "with_skills",
                                      score_of(json_object_get(v, "best"))));
    }
}

static bool made_by(struct library *lib, const char *commit, const char *run)
{
    struct history h = {0};
    bool found = false;
    if (history_read(lib, commit, &h) == 0)
        for (size_t i = 0; i < h.n && !found; i++) {
            const char *of = library_trailer(&h.v[i].info, "Run");
            found = of && strcmp(of, run) == 0;
        }
    history_release(&h);
    return found;
}

int manifest_add_run(struct library *lib, const char *run_dir, json_t *manifest)
{
    json_t *state = NULL, *val = NULL, *tests = NULL, *scores = json_object();
    const char *commit = json_str_at(manifest, "commit", "");
    int rc = read_run_file(run_dir, "run.json", &state);
    const char *run = json_str_at(state, "run", NULL);
    if (rc == 0 && !run)
        rc = err_set(GRASP_ENOTFOUND, "%s: no learning run (no run.json)", run_dir);
    if (rc == 0 && !made_by(lib, commit, run))
        rc = err_set(GRASP_EREFUSED, "the run in %s (%s) has no part in the history of %.10s",
                     run_dir, run, commit);
    if (rc == 0)
        rc = read_run_file(run_dir, "val_scores.json", &val);
    if (rc == 0)
        rc = read_run_file(run_dir, "test_scores.json", &tests);
    if (rc == 0)
        rc = add_data(run_dir, json_str_at(state, "preset", NULL), manifest);
    if (rc == 0) {
        json_object_set_new(manifest, "run", json_string(run));
        if (add_val(lib, val, json_str_at(manifest, "tree", ""), scores))
            add_tests(tests, scores);
        if (json_object_size(scores))
            json_object_set(manifest, "scores", scores);
    }
    json_decref(scores);
    json_decref(state);
    json_decref(val);
    json_decref(tests);
    return rc;
}

/* ---- the tag's message ---- */

static void headline(const json_t *m, struct buf *out)
{
    static const char *const splits[] = {"id_test", "test", "val"};
    size_t n = json_array_size(json_object_get(m, "skills"));
    const char *on = json_str_at(m, "learned_on.benchmark", NULL);
    buf_addf(out, "Frozen library %s: %zu skill%s", json_str_at(m, "name", "?"), n,
             n == 1 ? "" : "s");
    for (size_t i = 0; i < sizeof(splits) / sizeof(*splits); i++) {
        const json_t *s = json_object_get(json_object_get(m, "scores"), splits[i]);
        if (!s)
            continue;
        buf_addf(out, ", %s %.1f %% (%.1f %% without)", splits[i],
                 100 * json_num_at(s, "with_skills.score", 0),
                 100 * json_num_at(s, "baseline.score", 0));
        break;
    }
    buf_addf(out, "\n\nLearned by %s (writer %s)%s%s, run %s.\n\n",
             json_str_at(m, "executor_model", "unknown"), json_str_at(m, "writer_model", "unknown"),
             on ? " on MedAgentBench " : "", on ? on : "", json_str_at(m, "run", "unknown"));
}

int manifest_render(const json_t *manifest, struct buf *out)
{
    char *text = json_dumps(manifest, JSON_INDENT(2));
    if (!text)
        return err_oom();
    headline(manifest, out);
    buf_addf(out, "%s\n", text);
    free(text);
    return buf_check(out);
}

int manifest_parse(const char *message, json_t **out)
{
    const char *at = strstr(message, "\n{");
    *out = NULL;
    if (!at)
        return err_set(GRASP_ENOTFOUND, "its message holds no manifest");
    int rc = json_parse(out, at + 1, strlen(at + 1), "manifest");
    if (rc == 0 && strcmp(json_str_at(*out, "schema", ""), MANIFEST_SCHEMA) != 0) {
        rc = err_set(GRASP_ENOTFOUND, "its message holds no manifest of ours");
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

/* The first skill that is not as the manifest says. */
static int check_skills(const json_t *listed, const struct skill_set *set)
{
    if (json_array_size(listed) != set->n)
        return err_set(GRASP_EREFUSED, "it has %zu skills, its manifest names %zu", set->n,
                       json_array_size(listed));
    for (size_t i = 0; i < set->n; i++) {
        const json_t *v = json_array_get(listed, i);
        char hex[HASH_HEX];
        skill_hash(&set->v[i], hex);
        if (strcmp(json_str_at(v, "name", ""), set->v[i].name) != 0 ||
            strcmp(json_str_at(v, "sha256", ""), hex) != 0 ||
            json_int_at(v, "version", 0) != set->v[i].version)
            return err_set(GRASP_EREFUSED, "the skill '%s' is not as its manifest says",
                           set->v[i].name);
    }
    return 0;
}

static int check_against(struct library *lib, const char *name, const json_t *m)
{
    struct skill_set set = {0};
    struct oid commit, tree;
    struct buf ref = BUF_INIT;
    char hash[HASH_HEX];
    buf_addf(&ref, "refs/tags/%s", name);
    int rc = library_resolve(lib, ref.ptr, &commit);
    buf_release(&ref);
    if (rc == 0)
        rc = library_tree_of(lib, &commit, &tree);
    if (rc == 0 && strcmp(json_str_at(m, "name", ""), name) != 0)
        rc = err_set(GRASP_EREFUSED, "its manifest is that of '%s'", json_str_at(m, "name", "?"));
    if (rc == 0 && strcmp(json_str_at(m, "commit", ""), commit.hex) != 0)
        rc = err_set(GRASP_EREFUSED, "it leads to %.10s, its manifest to %.10s", commit.hex,
                     json_str_at(m, "commit", "?"));
    if (rc == 0 && strcmp(json_str_at(m, "tree", ""), tree.hex) != 0)
        rc = err_set(GRASP_EREFUSED, "its tree is %.10s, that of its manifest %.10s", tree.hex,
                     json_str_at(m, "tree", "?"));
    if (rc == 0)
        rc = library_read(lib, commit.hex, &set);
    if (rc == 0)
        rc = check_skills(json_object_get(m, "skills"), &set);
    if (rc == 0)
        rc = skills_hash(&set, hash);
    if (rc == 0 && strcmp(json_str_at(m, "content_sha256", ""), hash) != 0)
        rc = err_set(GRASP_EREFUSED, "its content is not what its manifest says");
    skill_set_release(&set);
    return rc;
}

static int same_name(const char *name, const struct oid *commit, void *arg)
{
    (void)commit;
    return strcmp(name, arg) == 0;
}

int manifest_check_frozen(struct library *lib, const char *name)
{
    char *key = str_dup(name);
    int rc = key ? library_tags_altered(lib, same_name, key) : err_oom();
    free(key);
    if (rc > 0)
        return err_set(
            GRASP_EREFUSED,
            "tag '%s': it was frozen here, and was removed or replaced since; to have it "
            "back: git -C '%s' update-ref refs/tags/%s refs/grasp/frozen/%s",
            name, library_dir(lib), name, name);
    return rc < 0 ? rc : manifest_check(lib, name);
}

int manifest_check_read(struct library *lib, const char *rev)
{
    int rc = manifest_check_frozen(lib, rev);
    if (rc == GRASP_EREFUSED || rc == GRASP_ENOMEM)
        return rc;
    err_clear();
    return 0;
}

int manifest_check(struct library *lib, const char *name)
{
    struct buf message = BUF_INIT;
    json_t *m = NULL;
    int rc = library_tag_message(lib, name, &message);
    if (rc == 0)
        rc = manifest_parse(message.ptr, &m);
    if (rc == 0)
        rc = check_against(lib, name, m);
    if (rc < 0 && rc != GRASP_ENOMEM)
        err_prefix(rc, "tag '%s'", name);
    json_decref(m);
    buf_release(&message);
    return rc;
}
