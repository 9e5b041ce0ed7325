/*
 * flat_dir.c - directories of skills, in either form, as collections have them: folders with a
 * SKILL.md at any of a few depths, flat files, and much that is neither.
 */
#include "skills/flat.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "skills/edit.h"

enum {
    TEXT_MAX = 1 << 20,    /* bytes of a SKILL.md or flat file */
    ENTRIES_MAX = 10000,   /* of a directory */
    SEARCH_DEPTH = 6,      /* folders in each other, down to a skill's */
    FILE_MAX = 4 << 20,    /* bytes of another file of a skill */
    FILES_MAX = 256,       /* of a skill */
    FOLDER_MAX = 16 << 20, /* bytes of them together */
    FOLDER_DEPTH = 8
};

void flat_report_release(struct flat_report *r)
{
    strlist_release(&r->changes);
    strlist_release(&r->passed);
    strlist_release(&r->refused);
}

/* One search through a collection. */
struct search {
    const char *root;
    struct skill_set *set;
    struct flat_report *report;
    struct strlist found; /* names of skills, and beside each: */
    struct strlist where; /* its file */
};

/* Names in a directory, sorted. */
static int list_dir(const char *dir, struct strlist *names)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int rc = 0;
    if (!d)
        return err_set_errno(errno == ENOENT ? GRASP_ENOTFOUND : GRASP_EIO, "cannot open '%s'",
                             dir);
    while (rc == 0 && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = names->n < ENTRIES_MAX
                     ? strlist_add(names, e->d_name)
                     : err_set(GRASP_ELIMIT, "%s: more than %d entries", dir, ENTRIES_MAX);
    closedir(d);
    if (rc == 0)
        strlist_sort(names);
    return rc;
}

/* What the machine could not do ends the search; what a file is not ends nothing. */
static bool fatal(int rc)
{
    return rc == GRASP_ENOMEM;
}

/* ---- one skill ---- */

/* The letters of Latin-1 and Latin Extended-A without their accents, from U+00C0 on; '?' has none. */
static const char plain_letters[] =
    "AAAAAAACEEEEIIIIDNOOOOO?OUUUUYTsaaaaaaaceeeeiiiidnooooo?ouuuuyty"
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLlLlNnNnNnnNnOoOoOoOoRrRrRrSsSs"
    "SsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

/* A name as ours must be; "" when no letter of it has a form in ASCII. */
static int slug_of(const char *name, char slug[SKILL_NAME_MAX + 1])
{
    struct buf b = BUF_INIT;
    size_t len = strlen(name);
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        i += utf8_decode(name + i, len - i, &cp);
        if (cp >= 0xc0 && cp < 0xc0 + sizeof(plain_letters) - 1)
            buf_addch(&b, plain_letters[cp - 0xc0]);
        else
            buf_addch(&b, cp < 0x80 ? (char)cp : '?');
    }
    int rc = buf_check(&b);
    skill_slug(rc == 0 ? b.ptr : "", slug);
    buf_release(&b);
    return rc;
}

static int change(const struct search *s, const char *where, const char *what)
{
    return strlist_addf(&s->report->changes, "%s: %s", where, what);
}

/* Puts right what keeps a SKILL.md from being one of ours: its name and its description. The rest of
 * its lines stay. */
static int mend(const struct search *s, struct skill *skill, const char *where, const char *folder)
{
    char slug[SKILL_NAME_MAX + 1];
    const char *name = skill->name && *skill->name ? skill->name : folder;
    int rc = slug_of(name, slug);
    if (rc == 0 && !*slug)
        rc = err_set(GRASP_EPARSE,
                     "%s:1: the name '%.80s' has no letters or digits of ASCII: give "
                     "it one that has",
                     where, name);
    if (rc == 0 && (!skill->description || !*skill->description))
        rc = err_set(GRASP_EPARSE, "%s:1: the frontmatter lacks 'description'", where);
    if (rc == 0 && !str_same(skill->name, slug)) {
        rc = strlist_addf(&s->report->changes, "%s: %s '%.80s' became the name '%s'", where,
                          skill->name && *skill->name ? "name" : "without a name: its folder", name,
                          slug);
        if (rc == 0 && skill->name && *skill->name)
            rc = skill_set_meta(skill, "flat-name", skill->name);
        free(skill->name);
        skill->name = str_dup(slug);
    }
    size_t len = rc == 0 ? strlen(skill->description) : 0;
    char *clean = rc == 0 ? edit_clean_description(skill->description, len) : NULL;
    if (rc == 0 && (!clean || !skill->name)) {
        rc = err_oom();
    } else if (rc == 0) {
        clean[utf8_prefix(clean, strlen(clean), SKILL_DESCRIPTION_MAX)] = '\0';
        if (strpbrk(skill->description, "<>") ||
            utf8_length(skill->description, len) > SKILL_DESCRIPTION_MAX) {
            rc = change(s, where,
                        "the description was changed (no '<' or '>', at most 1024 "
                        "characters)");
            if (rc == 0)
                rc = skill_set_meta(skill, "flat-description", skill->description);
            free(skill->description);
            skill->description = clean;
            clean = NULL;
        }
    }
    free(clean);
    return rc;
}

/* A SKILL.md that is not one of ours as it stands: mended, written and read again. */
static int read_mended(const struct search *s, struct skill *out, const struct buf *text,
                       const char *where, const char *folder)
{
    struct skill skill;
    struct buf made = BUF_INIT;
    int rc = skill_parse_lax(&skill, text->ptr, text->len, where);
    if (rc < 0)
        return rc;
    skill.foreign = true; /* whatever it is made of keeps its lines */
    rc = mend(s, &skill, where, folder);
    if (rc == 0) {
        skill_render(&skill, &made);
        rc = buf_check(&made);
    }
    if (rc == 0)
        rc = skill_parse(out, made.ptr, made.len, where, NULL);
    skill_release(&skill);
    buf_release(&made);
    return rc;
}

static int read_text(const struct search *s, const char *path, struct buf *text)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(GRASP_EPARSE, "%s: not a regular file", path);
    if (stat(path, &st) == 0 && st.st_size > TEXT_MAX)
        return err_set(GRASP_ELIMIT, "%s: larger than %d bytes", path, TEXT_MAX);
    int rc = fs_read(path, text);
    if (rc == 0 && text->len >= 3 && memcmp(text->ptr, "\xef\xbb\xbf", 3) == 0) {
        memmove(text->ptr, text->ptr + 3, text->len - 2);
        text->len -= 3;
        rc = change(s, path, "the byte order mark (BOM) before '---' was left out");
    }
    return rc;
}

/* ---- its other files ---- */

struct folder {
    const struct search *s;
    const char *dir; /* the skill's */
    struct skill_files *files;
    size_t bytes;
};

static int leave_out(const struct folder *f, const char *below, const char *why)
{
    return strlist_addf(&f->s->report->refused, "%s/%s: left out: %s", f->dir, below, why);
}

static int add_file(struct folder *f, const char *path, const char *below, const struct stat *st)
{
    struct buf bytes = BUF_INIT;
    struct skill_file file = {.path = (char *)below,
                              .mode = st->st_mode & 0111 ? 0100755 : 0100644};
    if (st->st_size > FILE_MAX)
        return leave_out(f, below, "larger than 4 MiB");
    if (f->files->n >= FILES_MAX || f->bytes + (size_t)st->st_size > FOLDER_MAX)
        return leave_out(f, below, "more than 256 files or 16 MiB in one skill");
    int rc = fs_read(path, &bytes);
    if (rc < 0 && !fatal(rc))
        return leave_out(f, below, "it cannot be read");
    if (rc == 0)
        rc = skill_file_id(bytes.ptr, bytes.len, file.id);
    file.bytes = bytes.ptr;
    file.len = bytes.len;
    if (rc == 0)
        rc = skill_files_add(&f->files, &file);
    f->bytes += bytes.len;
    buf_release(&bytes);
    return rc;
}

/* What is nobody's: version control, caches, and what a desktop leaves. */
static bool is_litter(const char *name)
{
    static const char *const all[] = {".git",        ".hg",          ".svn",     ".DS_Store",
                                      "__pycache__", "node_modules", "Thumbs.db"};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strcmp(all[i], name) == 0)
            return true;
    return str_ends(name, "~");
}

static int add_folder(struct folder *f, const char *below, int depth)
{
    struct strlist names = {0};
    char *dir = *below ? fs_join(f->dir, below) : str_dup(f->dir);
    int rc = dir ? list_dir(dir, &names) : err_oom();
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        char *at = *below ? fs_join(below, names.v[i]) : str_dup(names.v[i]);
        char *path = fs_join(dir, names.v[i]);
        struct stat st;
        if (!at || !path)
            rc = err_oom();
        else if (strcmp(at, "SKILL.md") == 0)
            rc = 0;
        else if (is_litter(names.v[i]))
            rc = strlist_addf(&f->s->report->passed, "%s", path);
        else if (lstat(path, &st) < 0)
            rc = leave_out(f, at, "it cannot be read");
        else if (S_ISDIR(st.st_mode))
            rc = depth < FOLDER_DEPTH ? add_folder(f, at, depth + 1)
                                      : leave_out(f, at, "folders nested too deeply");
        else if (S_ISREG(st.st_mode))
            rc = add_file(f, path, at, &st);
        else
            rc = leave_out(f, at, S_ISLNK(st.st_mode) ? "a symbolic link" : "no regular file");
        free(at);
        free(path);
    }
    free(dir);
    strlist_release(&names);
    return rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct skill_file *)a)->path, ((const struct skill_file *)b)->path);
}

static int take_files(const struct search *s, const char *dir, struct skill *skill)
{
    struct folder f = {.s = s, .dir = dir, .files = skill_files_new()};
    int rc = f.files ? add_folder(&f, "", 0) : err_oom();
    if (f.files && f.files->n)
        qsort(f.files->v, f.files->n, sizeof(*f.files->v), by_path);
    skill->files = f.files;
    return rc;
}

/* ---- the search ---- */

/* A skill that was read goes into the set; a second one of its name does not. */
static int put(struct search *s, struct skill *skill, const char *path)
{
    for (size_t i = 0; i < s->found.n; i++)
        if (strcmp(s->found.v[i], skill->name) == 0)
            return err_set(GRASP_EINVAL, "%s: there is a second skill of the name '%s' (%s)", path,
                           skill->name, s->where.v[i]);
    int rc = strlist_add(&s->found, skill->name);
    if (rc == 0)
        rc = strlist_add(&s->where, path);
    return rc < 0 ? rc : skill_set_put(s->set, skill);
}

/* Notes what is wrong with a skill; the search goes on. */
static int refuse(struct search *s, int rc)
{
    return rc >= 0 || fatal(rc) ? rc : strlist_add(&s->report->refused, err_msg());
}

/* `files`: the folder holds this one skill and its other files. */
static int take_folder(struct search *s, const char *dir, const char *name, bool files)
{
    struct buf text = BUF_INIT;
    struct skill skill = {0};
    char *path = fs_join(dir, "SKILL.md");
    int rc = path ? read_text(s, path, &text) : err_oom();
    if (rc == 0 && (rc = skill_parse(&skill, text.ptr, text.len, path, NULL)) < 0 && !fatal(rc))
        rc = read_mended(s, &skill, &text, path, name);
    if (rc == 0 && *name && strcmp(skill.name, name) != 0)
        rc = strlist_addf(&s->report->changes, "%s: its folder should be called '%s'", path,
                          skill.name);
    if (rc == 0 && files)
        rc = take_files(s, dir, &skill);
    if (rc == 0)
        rc = put(s, &skill, path);
    rc = refuse(s, rc);
    skill_release(&skill);
    buf_release(&text);
    free(path);
    return rc;
}

static int take_flat(struct search *s, const char *dir, const char *file)
{
    struct buf text = BUF_INIT;
    struct skill skill = {0};
    char *path = fs_join(dir, file), *own = NULL;
    int rc = path ? read_text(s, path, &text) : err_oom();
    if (rc == 0)
        rc = flat_parse(&skill, text.ptr, text.len, path, &s->report->changes);
    /* NAME/ beside NAME.md has the skill's other files, as an export writes them. */
    if (rc == 0 && (own = str_ndup(path, strlen(path) - strlen(".md"))) && fs_is_dir(own))
        rc = take_files(s, own, &skill);
    if (rc == 0)
        rc = put(s, &skill, path);
    rc = refuse(s, rc);
    skill_release(&skill);
    buf_release(&text);
    free(path);
    free(own);
    return rc;
}

/* Texts for people, and templates: no skills, whatever stands in them. */
static bool is_flat(const char *name)
{
    static const char *const others[] = {
        "README.md",          "SKILL.md",     "LICENSE.md",      "template.md",
        "_template.md",       "CHANGELOG.md", "CONTRIBUTING.md", "skill_template.md",
        "CODE_OF_CONDUCT.md", "SECURITY.md",  "AGENTS.md",       "CLAUDE.md",
        "INDEX.md",           "LICENCE.md"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (str_caseeq(name, others[i]))
            return false;
    return str_ends(name, ".md") && *name != '.';
}

static bool is_template(const char *name)
{
    static const char *const all[] = {"template", "_template", "skill-template", "skill_template"};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (str_caseeq(name, all[i]))
            return true;
    return false;
}

static bool has_skill(const char *dir)
{
    char *path = fs_join(dir, "SKILL.md");
    bool has = path && fs_exists(path);
    free(path);
    return has;
}

static int search(struct search *s, const char *dir, const char *name, int depth);

static int look_at(struct search *s, const char *dir, const char *name, int depth, bool flat_here)
{
    char *path = fs_join(dir, name);
    struct stat st;
    int rc = 0;
    if (!path)
        return err_oom();
    if (lstat(path, &st) < 0 || is_litter(name))
        rc = 0;
    else if (S_ISDIR(st.st_mode) && is_template(name) && has_skill(path))
        rc = strlist_addf(&s->report->passed, "%s: a template", path);
    else if (S_ISDIR(st.st_mode) && has_skill(path))
        rc = take_folder(s, path, name, true);
    else if (S_ISDIR(st.st_mode) && depth == SEARCH_DEPTH)
        rc = strlist_addf(&s->report->passed, "%s: deeper than is searched", path);
    else if (S_ISDIR(st.st_mode))
        rc = search(s, path, name, depth + 1);
    else if (S_ISREG(st.st_mode) && flat_here && is_flat(name))
        rc = take_flat(s, dir, name);
    else if (str_ends(name, ".md") && strcmp(name, "SKILL.md") != 0)
        rc = strlist_addf(&s->report->passed, "%s", path);
    free(path);
    return rc;
}

/* Flat files are looked for where skills are: in the directory that was named, when it has no folders
 * of skills, and in folders called "skills". */
static int search(struct search *s, const char *dir, const char *name, int depth)
{
    struct strlist names = {0};
    int rc = list_dir(dir, &names);
    bool folders = false;
    for (size_t i = 0; rc == 0 && i < names.n && !folders; i++) {
        char *below = fs_join(dir, names.v[i]);
        folders = below && has_skill(below);
        free(below);
    }
    bool flat_here = (depth == 0 && !folders) || strcmp(name, "skills") == 0;
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        rc = look_at(s, dir, names.v[i], depth, flat_here);
    strlist_release(&names);
    return rc;
}

static bool holds_flat(const char *dir)
{
    struct strlist names = {0};
    bool holds = false;
    if (list_dir(dir, &names) < 0)
        err_clear();
    for (size_t i = 0; i < names.n && !holds; i++) {
        char *below = fs_join(dir, names.v[i]);
        holds = is_flat(names.v[i]) && below && !fs_is_dir(below);
        free(below);
    }
    strlist_release(&names);
    return holds;
}

/* A run folder of the reference implementation, or its folder "skills": what was learned in the end is
 * below it. NULL: it is neither. */
static const char *of_run(const char *dir)
{
    static const char *const places[] = {"skills/best", "best", "skills/learned", "learned"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !found; i++) {
        char *below = fs_join(dir, places[i]);
        if (below && fs_is_dir(below) && !has_skill(below) && holds_flat(below))
            found = places[i];
        free(below);
    }
    return found && !holds_flat(dir) ? found : NULL;
}

int flat_read_dir(const char *dir, struct skill_set *set, struct flat_report *report)
{
    struct flat_report own = {0};
    struct search s = {.root = dir, .set = set, .report = report ? report : &own};
    size_t refused = s.report->refused.n;
    *set = (struct skill_set){0};
    bool single = has_skill(dir);
    const char *place = single ? NULL : of_run(dir);
    if (place) {
        char *below = fs_join(dir, place);
        int got = below ? flat_read_dir(below, set, report) : err_oom();
        if (got == 0 && report)
            got = strlist_addf(&report->changes, "%s: a run folder; its skills are those of %s",
                               dir, place);
        free(below);
        return got;
    }
    int rc = search(&s, dir, "", 0);
    if (rc == 0 && single && !set->n) {
        /* Everything here is this one skill's. */
        strlist_release(&s.report->passed);
        rc = take_folder(&s, dir, "", true);
    } else if (rc == 0 && single) {
        rc = strlist_addf(&s.report->passed, "%s/SKILL.md: there are skills below it", dir);
    }
    if (rc == 0 && !set->n && s.report->refused.n > refused)
        rc = err_set(GRASP_EINVAL, "%s", s.report->refused.v[refused]);
    else if (rc == 0 && !set->n)
        rc = err_set(GRASP_ENOTFOUND,
                     "%s: no skills here (looked for NAME/SKILL.md to a depth of %d, SKILL.md and "
                     "NAME.md)",
                     dir, SEARCH_DEPTH);
    if (rc < 0)
        skill_set_release(set);
    strlist_release(&s.found);
    strlist_release(&s.where);
    flat_report_release(&own);
    return rc;
}

/* ---- writing ---- */

/* Takes one file that a set is written as. */
typedef int (*take_fn)(const char *path, const void *bytes, size_t len, unsigned mode, void *arg);

/* The other files below `dir`; their bytes were loaded (library_load_files). */
static int each_file(const char *dir, const struct skill_files *files, take_fn take, void *arg)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && files && i < files->n; i++) {
        const struct skill_file *f = &files->v[i];
        char *path = fs_join(dir, f->path);
        if (!path)
            rc = err_oom();
        else if (!f->bytes)
            rc = err_set(GRASP_EINVAL, "%s: no regular file, it cannot be written", path);
        if (rc == 0)
            rc = take(path, f->bytes, f->len, f->mode, arg);
        free(path);
    }
    return rc;
}

static int each_flat(const char *dir, const struct skill *s, take_fn take, void *arg)
{
    struct buf text = BUF_INIT;
    char *name = flat_name(s), *path = NULL, *own = NULL;
    int rc = 0;
    flat_render(s, &text);
    if (!name || asprintf(&path, "%s/%s.md", dir, name) < 0 || !(own = fs_join(dir, name)))
        rc = err_oom();
    if (rc == 0 && (rc = buf_check(&text)) == 0)
        rc = take(path, text.ptr, text.len, 0, arg);
    if (rc == 0)
        rc = each_file(own, s->files, take, arg);
    free(name);
    free(path);
    free(own);
    buf_release(&text);
    return rc;
}

static int each_folder(const char *dir, const struct skill *s, take_fn take, void *arg)
{
    struct buf text = BUF_INIT;
    char *folder = fs_join(dir, s->name), *path = folder ? fs_join(folder, "SKILL.md") : NULL;
    skill_render(s, &text);
    int rc = path ? buf_check(&text) : err_oom();
    if (rc == 0 && !skill_name_valid(s->name))
        rc = err_set(GRASP_EINVAL, "'%.80s' is not a skill's name", s->name);
    if (rc == 0)
        rc = take(path, text.ptr, text.len, 0, arg);
    if (rc == 0)
        rc = each_file(folder, s->files, take, arg);
    free(folder);
    free(path);
    buf_release(&text);
    return rc;
}

static int each(const char *dir, const struct skill_set *set, bool flat, take_fn take, void *arg)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < set->n; i++)
        rc = (flat ? each_flat : each_folder)(dir, &set->v[i], take, arg);
    return rc;
}

static int write_one(const char *path, const void *bytes, size_t len, unsigned mode, void *arg)
{
    char *parent = fs_dirname(path);
    int rc = parent ? fs_mkdirs(parent) : err_oom();
    (void)arg;
    if (rc == 0)
        rc = fs_write(path, bytes, len);
    if (rc == 0 && mode == 0100755 && chmod(path, 0755) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot make '%s' executable", path);
    free(parent);
    return rc;
}

int flat_write(const char *dir, const struct skill_set *set, bool flat)
{
    int rc = fs_mkdirs(dir);
    return rc < 0 ? rc : each(dir, set, flat, write_one, NULL);
}

static int count_equal(const char *path, const void *bytes, size_t len, unsigned mode, void *arg)
{
    struct buf there = BUF_INIT;
    struct stat st;
    size_t *n = arg;
    (void)mode;
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size == len &&
        fs_read(path, &there) == 0)
        *n += there.len == len && (len == 0 || memcmp(there.ptr, bytes, len) == 0);
    buf_release(&there);
    return 0;
}

bool flat_unwritten(const char *dir, const struct skill_set *set, bool flat)
{
    size_t equal = 0;
    int64_t files = fs_count_files(dir);
    return files == 0 ||
           (each(dir, set, flat, count_equal, &equal) == 0 && files >= 0 && (size_t)files == equal);
}
