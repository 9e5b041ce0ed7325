/* flat_dir.c - directories of skills, in either form. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "skills/flat.h"

enum { FILE_MAX = 1 << 20, FILES_MAX = 10000 };

/* Names in a directory, sorted, without those that begin with a dot. */
static int list_dir(const char *dir, struct strlist *names)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int rc = 0;
    if (!d)
        return err_set_errno(errno == ENOENT ? GRASP_ENOTFOUND : GRASP_EIO, "cannot open '%s'",
                             dir);
    while (rc == 0 && (e = readdir(d)))
        if (e->d_name[0] != '.')
            rc = names->n < FILES_MAX
                     ? strlist_add(names, e->d_name)
                     : err_set(GRASP_ELIMIT, "%s: more than %d entries", dir, FILES_MAX);
    closedir(d);
    if (rc == 0)
        strlist_sort(names);
    return rc;
}

/* Puts one file's skill into the set. `folder` NULL: a flat file. */
static int read_one(const char *path, const char *folder, struct skill_set *set,
                    struct strlist *changes)
{
    struct buf text = BUF_INIT;
    struct skill s = {0};
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size > FILE_MAX)
        return err_set(GRASP_ELIMIT, "%s: larger than %d bytes", path, FILE_MAX);
    int rc = fs_read(path, &text);
    if (rc == 0 && folder && skill_parse(&s, text.ptr, text.len, path, NULL) == 0)
        rc = strcmp(s.name, folder) == 0 || !*folder || !changes
                 ? 0
                 : strlist_addf(changes, "%s: its folder should be called '%s'", path, s.name);
    else if (rc == 0)
        rc = flat_parse(&s, text.ptr, text.len, path, changes);
    if (rc == 0 && skill_set_find(set, s.name))
        rc = err_set(GRASP_EINVAL, "%s: there is a second skill of the name '%s'", path, s.name);
    if (rc == 0)
        rc = skill_set_put(set, &s);
    skill_release(&s);
    buf_release(&text);
    return rc;
}

static int read_folders(const char *dir, const struct strlist *names, struct skill_set *set,
                        struct strlist *changes)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < names->n; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s/SKILL.md", dir, names->v[i]) < 0)
            return err_set(GRASP_ENOMEM, "out of memory");
        if (fs_exists(path))
            rc = read_one(path, names->v[i], set, changes);
        free(path);
    }
    return rc;
}

/* Not a skill: notes for people, and the template. */
static bool is_flat(const char *name)
{
    static const char *const others[] = {"README.md", "SKILL.md", "template.md", "_template.md",
                                         "skill_template.md"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (str_caseeq(name, others[i]))
            return false;
    return str_ends(name, ".md");
}

static int read_flat(const char *dir, const struct strlist *names, struct skill_set *set,
                     struct strlist *changes)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < names->n; i++) {
        if (!is_flat(names->v[i]))
            continue;
        char *path = fs_join(dir, names->v[i]);
        rc = path ? read_one(path, NULL, set, changes) : err_set(GRASP_ENOMEM, "out of memory");
        free(path);
    }
    return rc;
}

int flat_read_dir(const char *dir, struct skill_set *set, struct strlist *changes)
{
    struct strlist names = {0}, below = {0};
    char *skills = fs_join(dir, "skills"), *single = fs_join(dir, "SKILL.md");
    *set = (struct skill_set){0};
    int rc = skills && single ? list_dir(dir, &names) : err_set(GRASP_ENOMEM, "out of memory");
    if (rc == 0)
        rc = read_folders(dir, &names, set, changes);
    if (rc == 0 && !set->n && fs_is_dir(skills) && (rc = list_dir(skills, &below)) == 0)
        rc = read_folders(skills, &below, set, changes);
    if (rc == 0 && !set->n && fs_exists(single))
        rc = read_one(single, "", set, changes);
    if (rc == 0 && !set->n)
        rc = read_flat(dir, &names, set, changes);
    if (rc == 0 && !set->n)
        rc = err_set(GRASP_ENOTFOUND,
                     "%s: no skills here (looked for NAME/SKILL.md, skills/NAME/SKILL.md, SKILL.md "
                     "and NAME.md)",
                     dir);
    if (rc < 0)
        skill_set_release(set);
    strlist_release(&names);
    strlist_release(&below);
    free(skills);
    free(single);
    return rc;
}

int flat_write_dir(const char *dir, const struct skill_set *set)
{
    struct buf text = BUF_INIT;
    int rc = fs_mkdirs(dir);
    for (size_t i = 0; rc == 0 && i < set->n; i++) {
        char *name = flat_name(&set->v[i]), *path = NULL;
        buf_reset(&text);
        flat_render(&set->v[i], &text);
        if (!name || asprintf(&path, "%s/%s.md", dir, name) < 0)
            rc = err_set(GRASP_ENOMEM, "out of memory");
        if (rc == 0 && (rc = buf_check(&text)) == 0)
            rc = fs_write(path, text.ptr, text.len);
        free(name);
        free(path);
    }
    buf_release(&text);
    return rc;
}

int flat_write_folders(const char *dir, const struct skill_set *set)
{
    struct buf text = BUF_INIT;
    int rc = fs_mkdirs(dir);
    for (size_t i = 0; rc == 0 && i < set->n; i++) {
        char *folder = fs_join(dir, set->v[i].name);
        char *path = folder ? fs_join(folder, "SKILL.md") : NULL;
        buf_reset(&text);
        skill_render(&set->v[i], &text);
        rc = path ? buf_check(&text) : err_set(GRASP_ENOMEM, "out of memory");
        if (rc == 0 && !skill_name_valid(set->v[i].name))
            rc = err_set(GRASP_EINVAL, "'%.80s' is not a skill's name", set->v[i].name);
        if (rc == 0)
            rc = fs_mkdirs(folder);
        if (rc == 0)
            rc = fs_write(path, text.ptr, text.len);
        free(folder);
        free(path);
    }
    buf_release(&text);
    return rc;
}
