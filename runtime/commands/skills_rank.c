/* skills_rank.c - `grasp skills rank`: why is my skill not picked? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/commands/skills.h"
#include "runtime/history/frozen.h"
#include "skills/inject.h"

/* The library of the line before: most inputs ask about one of them many times. */
struct rank {
    int64_t k;
    struct library *lib;
    struct oid commit;
    struct skill_set set;
    struct ranker *ranker;
    const char *where; /* the input's name */
};

static int read_tags(struct skill *s, const json_t *tags, const char *where)
{
    size_t i;
    json_t *tag;
    if (json_is_string(tags))
        return skill_read_tags(&s->tags, json_string_value(tags));
    if (tags && !json_is_null(tags) && !json_is_array(tags))
        return err_set(GRASP_EINVAL, "%s: tags is a list of strings", where);
    json_array_foreach ((json_t *)tags, i, tag) {
        if (!json_is_string(tag))
            return err_set(GRASP_EINVAL, "%s: tags[%zu] is no string", where, i);
        if (strlist_add(&s->tags, json_string_value(tag)) < 0)
            return GRASP_ENOMEM;
    }
    return 0;
}

/* A skill as the line has it; its name is not held to the rules of files. */
static int read_skill(struct skill_set *set, const json_t *v, const char *where)
{
    struct skill s = {.version = 1};
    const char *name = json_str_at(v, "name", NULL), *body = json_str_at(v, "content", "");
    if (!name)
        return err_set(GRASP_EINVAL, "%s: a skill needs a name", where);
    if (skill_set_find(set, name))
        return err_set(GRASP_EINVAL, "%s: two skills are called '%.80s'", where, name);
    s.name = str_dup(name);
    s.description = str_dup(json_str_at(v, "description", ""));
    int rc = s.name && s.description ? skill_set_body(&s, body, strlen(body)) : err_oom();
    if (rc == 0)
        rc = read_tags(&s, json_object_get(v, "tags"), where);
    if (rc == 0)
        rc = skill_set_put(set, &s);
    skill_release(&s);
    return rc;
}

static void forget(struct rank *r)
{
    skill_set_release(&r->set);
    ranker_free(r->ranker);
    r->ranker = NULL;
    r->commit.hex[0] = '\0';
}

static int open_library(struct rank *r, const char *dir, const char *rev)
{
    struct oid commit;
    int rc = 0;
    if (r->lib && strcmp(library_dir(r->lib), dir) != 0) {
        library_close(r->lib);
        r->lib = NULL;
        forget(r);
    }
    if (!r->lib)
        rc = skills_open(&r->lib, dir, LIBRARY_READ, NULL);
    if (rc == 0)
        rc = library_resolve(r->lib, rev, &commit);
    if (rc < 0 || (r->ranker && strcmp(commit.hex, r->commit.hex) == 0))
        return rc;
    forget(r);
    rc = manifest_check_read(r->lib, rev);
    if (rc == 0)
        rc = library_read(r->lib, commit.hex, &r->set);
    r->commit = commit;
    return rc;
}

static int open_skills(struct rank *r, const json_t *v, const char *where)
{
    const char *dir = json_str_at(v, "library", NULL);
    const json_t *skills = json_object_get(v, "skills");
    size_t i;
    json_t *one;
    int rc = 0;
    if (dir) {
        rc = open_library(r, dir, json_str_at(v, "at", "HEAD"));
    } else if (json_is_array(skills)) {
        forget(r);
        json_array_foreach ((json_t *)skills, i, one)
            if (rc == 0)
                rc = read_skill(&r->set, one, where);
    } else {
        rc = err_set(GRASP_EINVAL, "%s: want {skills: [...]} or {library: DIR}, and messages",
                     where);
    }
    if (rc == 0 && !r->ranker && !(r->ranker = ranker_new(&r->set)))
        rc = err_oom();
    return rc;
}

static int answer(const struct rank *r, const size_t *order, const int *scores)
{
    json_t *names = json_array(), *numbers = json_array(), *top = json_array();
    struct buf line = BUF_INIT;
    for (size_t i = 0; i < r->set.n; i++) {
        const char *name = r->set.v[order[i]].name;
        json_array_append_new(names, json_string(name));
        json_array_append_new(numbers, json_integer(scores[i]));
        if ((int64_t)i < r->k)
            json_array_append_new(top, json_string(name));
    }
    json_t *v = json_pack("{s:o, s:o, s:o}", "order", names, "scores", numbers, "top", top);
    buf_add_json_value(&line, v);
    buf_addch(&line, '\n');
    int rc = v ? buf_check(&line) : err_oom();
    if (rc == 0 && fwrite(line.ptr, 1, line.len, stdout) != line.len)
        rc = err_set_errno(GRASP_EIO, "cannot write to standard output");
    buf_release(&line);
    json_decref(v);
    return rc;
}

static int rank_line(json_t *v, size_t number, void *arg)
{
    struct rank *r = arg;
    struct chat chat = {0};
    char where[160];
    snprintf(where, sizeof(where), "%.100s:%zu", r->where, number);
    int rc = open_skills(r, v, where);
    if (rc == 0 && (rc = chat_from_json(&chat, json_object_get(v, "messages"))) < 0)
        err_prefix(rc, "%s: messages", where);
    size_t *order = calloc(r->set.n + 1, sizeof(*order));
    int *scores = calloc(r->set.n + 1, sizeof(*scores));
    if (rc == 0)
        rc = order && scores ? ranker_rank(r->ranker, &chat, order, scores) : err_oom();
    if (rc == 0)
        rc = answer(r, order, scores);
    free(order);
    free(scores);
    chat_release(&chat);
    return rc;
}

static int run_rank(const struct args *a)
{
    const char *path = operand_count(a) ? operand(a, 0) : "-";
    struct rank r = {.where = strcmp(path, "-") == 0 ? "stdin" : path};
    int rc = arg_int(a, "top", 0, 1000000, &r.k);
    if (rc == 0)
        rc = json_read_lines(path, rank_line, &r);
    forget(&r);
    library_close(r.lib);
    return rc;
}

const struct command skills_rank = {
    .name = "rank",
    .summary = "how skills rank for a conversation: why is mine not picked?",
    .operands = "[FILE]",
    .min = 0,
    .max = 1,
    .options = (const struct option_def[]){{"top", 'k', "N", "how many are picked", "3"}, {0}},
    .details =
        "JSON lines in (FILE, or standard input) and out. In:\n"
        "    {\"library\": DIR, \"at\": REV, \"messages\": [{\"role\", \"content\"}, ...]}\n"
        "    {\"skills\": [{\"name\", \"description\", \"tags\", \"content\"}, ...], \"messages\": "
        "[...]}\n"
        "Out: {\"order\": [names, best first], \"scores\": [theirs], \"top\": [the first N]}.",
    .run = run_rank,
};
