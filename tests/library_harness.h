/* library_harness.h - a library in a directory of its own, with the real git as the judge of it. */
#ifndef GRASP_TESTS_LIBRARY_HARNESS_H
#define GRASP_TESTS_LIBRARY_HARNESS_H

#include "test.h"

#include <sys/resource.h>

#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "skills/library.h"

#define WHEN (INT64_C(1700000000) * NS_PER_SEC)

/* A directory of its own for each test; the library is "lib" in it. */
struct place {
    char *dir, *lib;
    rlim_t limit; /* of the size of a file in child_learns; 0: none */
};

static inline int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    p->dir = fs_tempdir("grasp-library");
    p->lib = fs_join(p->dir, "lib");
    *state = p;
    return 0;
}

static inline int tear_down(void **state)
{
    struct place *p = *state;
    fs_remove_tree(p->dir);
    free(p->dir);
    free(p->lib);
    free(p);
    return 0;
}

/* Runs a shell command in the place; its output without the last newline, or NULL when it failed.
 */
__attribute__((format(printf, 2, 3))) static inline char *sh(const struct place *p, const char *fmt,
                                                             ...)
{
    struct buf cmd = BUF_INIT, out = BUF_INIT;
    char chunk[4096];
    size_t n;
    va_list ap;
    buf_addf(&cmd, "cd '%s' && { ", p->dir);
    va_start(ap, fmt);
    buf_vaddf(&cmd, fmt, ap);
    va_end(ap);
    buf_adds(&cmd, "\n} 2>&1");
    FILE *f = popen(cmd.ptr, "r");
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&out, chunk, n);
    int status = pclose(f);
    while (out.len && out.ptr[out.len - 1] == '\n')
        buf_truncate(&out, out.len - 1);
    if (status != 0)
        print_message("# %s: %s\n", cmd.ptr, out.ptr);
    buf_release(&cmd);
    char *text = buf_detach(&out);
    if (status == 0)
        return text;
    free(text);
    return NULL;
}

#define sh_is(p, want, ...)                                                                        \
    do {                                                                                           \
        char *got_ = sh(p, __VA_ARGS__);                                                           \
        assert_non_null(got_);                                                                     \
        assert_string_equal(got_, want);                                                           \
        free(got_);                                                                                \
    } while (0)
#define sh_ok(p, ...)                                                                              \
    do {                                                                                           \
        char *got_ = sh(p, __VA_ARGS__);                                                           \
        assert_non_null(got_);                                                                     \
        free(got_);                                                                                \
    } while (0)
static inline void put(struct skill_set *set, const char *name, const char *body)
{
    struct skill s;
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "---\nname: %s\ndescription: \"what it is for\"\nmetadata:\n"
                     "  version: \"1\"\n---\n%s\n",
                     name, body);
    works(skill_parse(&s, text, (size_t)n, "made", name));
    works(skill_set_put(set, &s));
}

/* Adds a skill (an empty body: removes it) on top of `parent` as a commit. */
static inline void commit_skill(struct library *lib, const struct oid *parent, const char *name,
                                const char *body, struct oid *commit)
{
    struct skill_set set;
    struct oid tree;
    char score[32];
    snprintf(score, sizeof(score), "%zu", strlen(body));
    const struct trailer trailers[] = {{"Gate-Score", score}, {"Epoch", "1"}};
    const struct commit_text text = {"ADD something: +5", "A reason.", trailers, 2, WHEN};
    works(library_read(lib, parent->hex, &set));
    if (*body)
        put(&set, name, body);
    else
        assert_true(skill_set_remove(&set, name));
    works(library_candidate(lib, &set, parent, &tree));
    works(library_commit(lib, &tree, parent, &text, commit));
    skill_set_release(&set);
}

#endif
