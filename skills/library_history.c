/*
 * library_history.c - making commits and what hangs on them: the branch, candidates' refs, evidence
 * notes.
 *
 * A message is subject, body, trailers, each a paragraph of its own, trailers last: git takes only
 * the last paragraph for trailers, so a model's text in the body cannot forge one.
 */
#include "skills/library_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

#define LINE_MAX_BYTES 1024  /* of a subject or a trailer */
#define BODY_MAX_BYTES 16384 /* of a body */
#define EVIDENCE_MAX   (64 << 20)

static const char readme[] =
    "# A skill library\n"
    "\n"
    "Kept by grasp. Each skill is a folder `skills/NAME` with a `SKILL.md` (Agent Skills\n"
    "convention). Every commit on the branch is an edit that a measurement let in; edits that "
    "were\n"
    "measured and refused are under `refs/grasp/candidates/`, the probe sets under\n"
    "`refs/grasp/probes/`, the evidence for each in git notes.\n"
    "\n"
    "    git log --format='%h %s %(trailers:key=Gate-Score,valueonly,separator=)'\n"
    "    git log --notes=gate -1\n"
    "    git blame skills/NAME/SKILL.md\n"
    "    git for-each-ref --sort=version:refname refs/grasp/candidates\n"
    "\n"
    "A clone has the skills and their history. The rest comes with\n"
    "\n"
    "    grasp skills remote && git fetch\n"
    "\n"
    "or, without grasp,\n"
    "\n"
    "    git fetch origin 'refs/grasp/*:refs/grasp/*' 'refs/notes/*:refs/notes/*'\n";

/* Appends one line: control characters and line ends become spaces, bad UTF-8 U+FFFD. */
static void add_line(struct buf *out, const char *text)
{
    size_t len = strlen(text), start = out->len;
    len = utf8_cut(text, len, len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES);
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = utf8_decode(text + i, len - i, &cp);
        if (cp < 0x20 || cp == 0x7f)
            buf_addch(out, ' ');
        else if (cp == 0xfffd)
            buf_adds(out, "\xef\xbf\xbd");
        else
            buf_add(out, text + i, n);
        i += n;
    }
    while (out->len > start && out->ptr[out->len - 1] == ' ')
        buf_truncate(out, out->len - 1);
}

/* Appends a body: no control characters, at most one blank line in a row, and no line that git
 * could take for the start of a patch ("---"), which would hide the trailers. */
static void add_body(struct buf *out, const char *text)
{
    size_t len = strlen(text), start = out->len;
    struct buf line = BUF_INIT;
    bool blank = true;
    len = utf8_cut(text, len, len < BODY_MAX_BYTES ? len : BODY_MAX_BYTES);
    for (const char *p = text, *end = text + len; p < end && !out->failed;) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((eol ? eol : end) - p);
        char *copy = str_ndup(p, n);
        buf_reset(&line);
        for (size_t at = 0; copy && at < n; at += LINE_MAX_BYTES)
            add_line(&line, copy + at);
        free(copy);
        if (line.len || !blank)
            buf_addf(out, "%s%s\n", str_starts(line.ptr, "---") ? " " : "", line.ptr);
        blank = line.len == 0;
        p += n + 1;
    }
    while (out->len > start && out->ptr[out->len - 1] == '\n')
        buf_truncate(out, out->len - 1);
    buf_release(&line);
}

static bool trailer_key_valid(const char *key)
{
    for (const char *p = key; *p; p++)
        if (!ascii_isalnum(*p) && *p != '-')
            return false;
    return *key != '\0';
}

static int compose(const struct commit_text *text, struct buf *out)
{
    add_line(out, text->subject);
    if (out->len == 0)
        return err_set(GRASP_EINVAL, "a commit needs a subject");
    buf_adds(out, "\n");
    if (text->body && *text->body) {
        size_t start = out->len;
        buf_adds(out, "\n");
        add_body(out, text->body);
        if (out->len == start + 1)
            buf_truncate(out, start);
        else
            buf_adds(out, "\n");
    }
    for (size_t i = 0; i < text->n; i++) {
        const struct trailer *t = &text->trailers[i];
        if (!trailer_key_valid(t->key))
            return err_set(GRASP_EINVAL, "'%s' cannot be a trailer's key", t->key);
        buf_addf(out, "%s%s: ", i ? "" : "\n", t->key);
        add_line(out, t->value);
        buf_adds(out, "\n");
    }
    return buf_check(out);
}

int library_commit(struct library *lib, const struct oid *tree, const struct oid *parent,
                   const struct commit_text *text, struct oid *commit)
{
    struct buf message = BUF_INIT;
    git_signature *who = NULL;
    git_tree *t = NULL;
    git_commit *p = NULL;
    git_oid id;
    int rc = compose(text, &message);
    if (rc < 0 || (rc = library_signature(lib, text->when, &who)) < 0 ||
        (rc = library_oid_in(&id, tree)) < 0 || (rc = library_tree_lookup(lib, &id, &t)) < 0)
        goto out;
    if (*parent->hex && (rc = library_commit_at(lib, parent, &p)) < 0)
        goto out;
    const git_commit *parents[] = {p};
    git_odb *odb = NULL;
    LIBRARY_TRY(lib, rc,
                git_commit_create(&id, lib->repo, NULL, who, who, NULL, message.ptr, t, p ? 1 : 0,
                                  parents));
    /* libgit2 1.5 says 0 also when it could not write it */
    int why = errno;
    if (rc == 0 && (rc = git_repository_odb(&odb, lib->repo)) == 0 && !git_odb_exists(odb, &id)) {
        git_error_set_str(GIT_ERROR_ODB, "it is not there");
        rc = -1;
    }
    git_odb_free(odb);
    errno = why;
    if (rc < 0)
        rc = library_git_error(rc, "cannot write a commit to '%s'", lib->dir);
    else
        library_oid_out(commit, &id);
out:
    git_commit_free(p);
    git_tree_free(t);
    git_signature_free(who);
    buf_release(&message);
    return rc;
}

/* The tree of a new library: what it is, its marker, and that git leaves its bytes alone. */
static int first_tree(struct library *lib, struct oid *tree)
{
    static const struct {
        const char *name, *text;
    } files[] = {{"README.md", readme},
                 {LIBRARY_MARKER, LIBRARY_MARKER_TEXT},
                 {".gitattributes", "skills/** -text\n"}};
    git_treebuilder *builder = NULL;
    git_oid id;
    int rc = git_treebuilder_new(&builder, lib->repo, NULL);
    for (size_t i = 0; rc == 0 && i < sizeof(files) / sizeof(*files); i++) {
        LIBRARY_TRY(
            lib, rc,
            git_blob_create_from_buffer(&id, lib->repo, files[i].text, strlen(files[i].text)));
        if (rc == 0)
            rc = git_treebuilder_insert(NULL, builder, files[i].name, &id, GIT_FILEMODE_BLOB);
    }
    if (rc == 0)
        LIBRARY_TRY(lib, rc, git_treebuilder_write(&id, builder));
    if (rc < 0)
        rc = library_git_error(rc, "cannot write to '%s'", lib->dir);
    else
        library_oid_out(tree, &id);
    git_treebuilder_free(builder);
    return rc;
}

int library_first_commit(struct library *lib)
{
    const struct commit_text text = {.subject = "Begin a skill library"};
    const struct oid none = {""};
    const git_oid zero = {{0}};
    struct oid tree, commit;
    git_oid id;
    int rc = first_tree(lib, &tree);
    if (rc < 0 || (rc = library_commit(lib, &tree, &none, &text, &commit)) < 0 ||
        (rc = library_oid_in(&id, &commit)) < 0)
        return rc;
    if (!git_repository_is_bare(lib->repo) && (rc = library_checkout_begin(lib, &zero, &id)) < 0)
        return rc;
    if ((rc = library_ref_set(lib, lib->head_ref, &id, &zero, "grasp: new library")) < 0)
        return rc;
    return lib->creating ? library_lock_creating(lib, false) : 0;
}

int library_head(struct library *lib, struct oid *commit)
{
    git_oid id;
    int rc = library_tip(lib, &id);
    if (rc == 0)
        library_oid_out(commit, &id);
    return rc;
}

int library_resolve(struct library *lib, const char *rev, struct oid *commit)
{
    git_object *any = NULL, *peeled = NULL;
    int rc = library_rev(lib, rev, &any);
    if (rc == 0 && (rc = git_object_peel(&peeled, any, GIT_OBJECT_COMMIT)) < 0)
        rc = library_git_error(rc, "'%s' leads to no commit in the library '%s'", rev, lib->dir);
    if (rc == 0)
        library_oid_out(commit, git_object_id(peeled));
    git_object_free(peeled);
    git_object_free(any);
    return rc;
}

int library_object(struct library *lib, const char *rev, struct oid *object)
{
    git_object *any = NULL;
    int rc = library_rev(lib, rev, &any);
    if (rc == 0)
        library_oid_out(object, git_object_id(any));
    git_object_free(any);
    return rc;
}

static int contains(struct library *lib, const git_oid *commit, const git_oid *ancestor)
{
    if (git_oid_equal(commit, ancestor))
        return 1;
    int rc = git_graph_descendant_of(lib->repo, commit, ancestor);
    return rc < 0 ? library_git_error(rc, "cannot walk the history of '%s'", lib->dir) : rc;
}

int library_contains(struct library *lib, const struct oid *commit, const struct oid *ancestor)
{
    git_oid a, b;
    int rc = library_oid_in(&a, commit);
    if (rc < 0 || (rc = library_oid_in(&b, ancestor)) < 0)
        return rc;
    return contains(lib, &a, &b);
}

/* The branch is still where HEAD points, and the working tree is as its commit says, which it will
 * follow. */
static int follow(struct library *lib, const git_oid *from, const git_oid *to)
{
    int rc = library_head_check(lib);
    if (rc < 0 || (rc = library_clean(lib)) < 0 || (rc = library_checkout_check(lib, from, to)) < 0)
        return rc;
    if (!lib->batch.follows)
        lib->batch.from = *from;
    lib->batch.to = *to;
    lib->batch.follows = true;
    return 0;
}

/* The order is what makes it safe: the working tree is judged before the branch moves, the move is a
 * compare-and-swap, and what is still to do is on disk before it (library_checkout_stage). */
static int accept(struct library *lib, const struct oid *from, const struct oid *to)
{
    git_oid a, b, tip;
    int rc = library_need_write(lib);
    if (rc < 0 || (rc = library_oid_in(&a, from)) < 0 || (rc = library_oid_in(&b, to)) < 0)
        return rc;
    bool bare = lib->line_ref || git_repository_is_bare(lib->repo); /* no working tree to follow */
    if (!bare && (rc = library_checkout_settle(lib)) < 0)
        return rc;
    if ((rc = library_tip(lib, &tip)) < 0 || (rc = contains(lib, &tip, &b)) != 0)
        return rc < 0 ? rc : 0;
    if (!git_oid_equal(&tip, &a))
        return err_set(GRASP_ECONFLICT,
                       "the branch '%s' of the library '%s' moved to %.10s while %.10s was "
                       "expected: somebody else committed",
                       lib->line_ref ? lib->line_ref + strlen("refs/heads/") : lib->branch,
                       lib->dir, git_oid_tostr_s(&tip), from->hex);
    if ((rc = contains(lib, &b, &a)) <= 0)
        return rc < 0
                   ? rc
                   : err_set(GRASP_EINVAL, "%.10s is no descendant of %.10s", to->hex, from->hex);
    if (!bare && (rc = follow(lib, &a, &b)) < 0)
        return rc;
    return library_line_move(lib, &b, &a);
}

int library_accept(struct library *lib, const struct oid *from, const struct oid *to)
{
    bool alone = !lib->batch.open;
    if (alone)
        library_batch_begin(lib);
    int rc = accept(lib, from, to);
    if (alone && rc == 0)
        rc = library_batch_commit(lib);
    else if (alone)
        library_batch_drop(lib);
    return rc;
}

static int notes_of(struct library *lib, const char *ref, library_ref_fn fn, void *arg)
{
    git_note_iterator *it = NULL;
    git_oid note, on;
    int rc = git_note_iterator_new(&it, lib->repo, ref);
    if (rc == GIT_ENOTFOUND)
        return 0;
    if (rc < 0)
        return library_git_error(rc, "cannot list the notes of '%s'", lib->dir);
    while (rc == 0 && git_note_next(&note, &on, it) == 0) {
        struct oid id, commit;
        library_oid_out(&id, &note);
        library_oid_out(&commit, &on);
        rc = fn(id.hex, &commit, arg);
    }
    git_note_iterator_free(it);
    return rc;
}

int library_notes(struct library *lib, library_ref_fn fn, void *arg)
{
    return notes_of(lib, LIBRARY_NOTES_REF, fn, arg);
}

int library_rejected(struct library *lib, library_ref_fn fn, void *arg)
{
    return notes_of(lib, LIBRARY_REJECTED_REF, fn, arg);
}

static int by_commit(const void *a, const void *b)
{
    return git_oid_cmp(&((const struct note_place *)a)->on, &((const struct note_place *)b)->on);
}

static int add_place(const char *note, const struct oid *on, void *arg)
{
    struct library *lib = arg;
    struct note_places *p = &lib->notes;
    int rc = grow(&p->v, &p->cap, p->n + 1);
    if (rc == 0 && git_oid_fromstr(&p->v[p->n].note, note) == 0 &&
        git_oid_fromstr(&p->v[p->n].on, on->hex) == 0)
        p->n++;
    return rc;
}

/* git looks through the tree of all notes for each; who reads many looks once. */
static int known_note(struct library *lib, const git_oid *id, struct buf *out)
{
    struct note_places *p = &lib->notes;
    struct note_place key = {.on = *id}, *found = NULL;
    struct oid blob;
    int rc = p->known ? 0 : library_notes(lib, add_place, lib);
    if (rc < 0)
        return rc;
    if (!p->known && p->n)
        qsort(p->v, p->n, sizeof(*p->v), by_commit);
    p->known = true;
    if (p->n)
        found = bsearch(&key, p->v, p->n, sizeof(*p->v), by_commit);
    if (!found)
        return err_set(GRASP_ENOTFOUND, "no evidence for %.10s in '%s'", git_oid_tostr_s(id),
                       lib->dir);
    library_oid_out(&blob, &found->note);
    return library_blob_read(lib, &blob, out);
}

/* The text of a commit's note; GRASP_ENOTFOUND. */
static int note_text(struct library *lib, const struct oid *commit, git_oid *id, struct buf *out)
{
    git_note *note = NULL;
    int rc = library_oid_in(id, commit);
    if (rc < 0)
        return rc;
    if (lib->lock_fd < 0)
        return known_note(lib, id, out);
    if ((rc = library_note_at(lib, LIBRARY_NOTES_REF, id, &note)) < 0)
        return library_git_error(rc, "no evidence for %.10s in '%s'", commit->hex, lib->dir);
    buf_adds(out, git_note_message(note));
    git_note_free(note);
    return buf_check(out);
}

/* Canonical JSON, but for the sentence that says what all of it means: that is its first line. */
static int evidence_text(const json_t *evidence, struct buf *out)
{
    enum { FLAGS = JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY };
    json_t *summary = json_object_get(evidence, "summary");
    json_t *rest = summary ? json_copy((json_t *)evidence) : NULL;
    if (rest)
        json_object_del(rest, "summary");
    char *json = json_dumps(rest ? rest : evidence, FLAGS);
    char *first = summary ? json_dumps(summary, FLAGS) : NULL;
    json_decref(rest);
    if (!json || (summary && !first))
        out->failed = true;
    else if (first)
        buf_addf(out, "{\n  \"summary\": %s%s\n", first, json[1] == '\n' ? "," : "");
    if (json && !out->failed)
        buf_addf(out, "%s\n", first ? json + 2 : json);
    free(first);
    free(json);
    return buf_check(out);
}

/* Whether a note that is there says the same: what was measured. One of before has no summary. */
static bool same_evidence(const struct buf *there, const struct buf *text)
{
    static const char *const added[] = {"summary", "chars"}, seen[] = "seen";
    json_t *a = NULL, *b = NULL;
    if (there->len == text->len && memcmp(there->ptr, text->ptr, text->len) == 0)
        return true;
    bool same = json_parse(&a, there->ptr, there->len, "evidence") == 0 &&
                json_parse(&b, text->ptr, text->len, "evidence") == 0;
    for (size_t i = 0; same && i < sizeof(added) / sizeof(*added); i++)
        if (!json_object_get(a, added[i]))
            json_object_del(b, added[i]);
    json_object_del(a, seen); /* an endpoint that is asked again may word its answers anew */
    json_object_del(b, seen);
    same = same && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

int library_note(struct library *lib, const struct oid *commit, const json_t *evidence,
                 int64_t when)
{
    struct buf there = BUF_INIT, text = BUF_INIT;
    git_signature *who = NULL;
    git_oid id;
    int rc = library_need_write(lib);
    if (rc < 0)
        return rc;
    if ((rc = evidence_text(evidence, &text)) < 0)
        goto out;
    rc = note_text(lib, commit, &id, &there);
    if (rc == 0 && !same_evidence(&there, &text))
        rc = err_set(GRASP_ECONFLICT, "%.10s of the library '%s' has other evidence already",
                     commit->hex, lib->dir);
    if (rc != GRASP_ENOTFOUND)
        goto out;
    if ((rc = library_signature(lib, when, &who)) < 0)
        goto out;
    rc = library_note_put(lib, LIBRARY_NOTES_REF, &id, who, text.ptr, false);
out:
    git_signature_free(who);
    buf_release(&there);
    buf_release(&text);
    return rc;
}

int library_note_read(struct library *lib, const struct oid *commit, json_t **evidence)
{
    struct buf text = BUF_INIT;
    char what[80];
    git_oid id;
    *evidence = NULL;
    int rc = note_text(lib, commit, &id, &text);
    snprintf(what, sizeof(what), "evidence of %.40s", commit->hex);
    if (rc == 0 && text.len > EVIDENCE_MAX)
        rc = err_set(GRASP_ELIMIT, "%s is longer than %d bytes", what, EVIDENCE_MAX);
    if (rc == 0)
        rc = json_parse(evidence, text.ptr, text.len, what);
    buf_release(&text);
    return rc;
}
