/* test_library.c - the skill library, with the real git as the judge of what it wrote. */
#include "library_harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void a_new_library_is_a_git_repository(void **state)
{
    struct place *p = *state;
    struct library *lib = NULL;
    struct oid head;
    assert_int_equal(library_open(&lib, p->lib, LIBRARY_READ), GRASP_ENOTFOUND);
    assert_int_equal(library_open(&lib, p->lib, LIBRARY_WRITE), GRASP_ENOTFOUND);
    assert_null(lib);
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    assert_string_equal(library_branch(lib), "main");
    works(library_head(lib, &head));
    sh_is(p, head.hex, "git -C lib rev-parse main");
    sh_is(p, "", "git -C lib status --porcelain");
    sh_is(p, "1", "git -C lib rev-list --count HEAD");
    sh_ok(p, "git -C lib fsck --full --strict && test -f lib/README.md");
    library_close(lib);
    /* Opening it again changes nothing. */
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    sh_is(p, head.hex, "git -C lib rev-parse HEAD");
    library_close(lib);
    works(library_open(&lib, p->lib, LIBRARY_READ));
    assert_int_equal(library_blob(lib, "x", 1, &head), GRASP_EINVAL);
    library_close(lib);
}

static void candidates_become_commits_and_files(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct skill_set set;
    struct oid head, a, b, c;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    commit_skill(lib, &head, "lab-values", "one", &a);
    sh_is(p, "", "git -C lib status --porcelain; ls -d lib/skills 2>/dev/null || true");
    works(library_accept(lib, &head, &a));
    sh_is(p, "one", "tail -n 1 lib/skills/lab-values/SKILL.md");
    sh_is(p, "", "git -C lib status --porcelain && git -C lib diff-index HEAD");
    /* What is not ours stays, in the root and in a skill's folder. */
    sh_ok(p, "cd lib && echo mine > notes.txt && mkdir -p skills/lab-values/scripts && "
             "echo 1 > skills/lab-values/scripts/x.py && git add -A && "
             "git -c user.name=u -c user.email=u@x commit -qm mine");
    works(library_head(lib, &head));
    commit_skill(lib, &head, "lab-values", "two", &b);
    commit_skill(lib, &b, "dates", "three", &c);
    works(library_accept(lib, &head, &b));
    works(library_accept(lib, &b, &c));
    sh_is(p, "mine\n1\ntwo\nthree",
          "cat lib/notes.txt lib/skills/lab-values/scripts/x.py && "
          "tail -qn 1 lib/skills/lab-values/SKILL.md lib/skills/dates/SKILL.md");
    works(library_read(lib, "main", &set));
    assert_int_equal(set.n, 2);
    assert_string_equal(set.v[0].name, "dates");
    skill_set_release(&set);
    works(library_read(lib, "main~1", &set));
    assert_int_equal(set.n, 1);
    skill_set_release(&set);
    /* A removed skill takes its folder along; the last one takes skills/. */
    commit_skill(lib, &c, "lab-values", "", &a);
    commit_skill(lib, &a, "dates", "", &b);
    works(library_accept(lib, &c, &a));
    sh_is(p, "skills/dates\nskills/dates/SKILL.md", "cd lib && find skills/*");
    works(library_accept(lib, &a, &b));
    sh_is(p, ".gitattributes\n.grasp-library\nREADME.md\nnotes.txt",
          "cd lib && test ! -e skills && git ls-files");
    sh_is(p, "", "git -C lib status --porcelain");
    works(library_read(lib, "HEAD", &set));
    assert_int_equal(set.n, 0);
    sh_ok(p, "git -C lib fsck --full --strict");
    library_close(lib);
}

static void accept_is_compare_and_swap(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid head, a, b, c;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    commit_skill(lib, &head, "a", "one", &a);
    commit_skill(lib, &head, "b", "two", &b);
    commit_skill(lib, &a, "c", "three", &c);
    works(library_accept(lib, &head, &a));
    works(library_accept(lib, &head, &a)); /* a resumed run does it again */
    assert_int_equal(library_accept(lib, &head, &b), GRASP_ECONFLICT);
    assert_non_null(strstr(err_msg(), "somebody else"));
    assert_int_equal(library_accept(lib, &a, &b), GRASP_EINVAL);
    works(library_accept(lib, &a, &c));
    works(library_accept(lib, &head, &a)); /* contained: stays at c */
    sh_is(p, c.hex, "git -C lib rev-parse main");
    assert_int_equal(library_contains(lib, &c, &head), 1);
    assert_int_equal(library_contains(lib, &c, &b), 0);
    /* The user commits under us. */
    sh_ok(p, "cd lib && echo 1 > x && git add x && "
             "git -c user.name=u -c user.email=u@x commit -qm mine");
    commit_skill(lib, &c, "d", "four", &a);
    assert_int_equal(library_accept(lib, &c, &a), GRASP_ECONFLICT);
    sh_ok(p, "git -C lib switch -qc other");
    works(library_head(lib, &b));
    commit_skill(lib, &b, "d", "four", &a);
    assert_int_equal(library_accept(lib, &b, &a), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "another branch"));
    library_close(lib);
}

static void edits_of_the_user_are_never_overwritten(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid head, a, b;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    commit_skill(lib, &head, "a", "one", &a);
    works(library_accept(lib, &head, &a));
    commit_skill(lib, &a, "a", "two", &b);
    sh_ok(p, "echo changed >> lib/skills/a/SKILL.md");
    assert_int_equal(library_accept(lib, &a, &b), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "skills/a/SKILL.md"));
    sh_is(p, a.hex, "git -C lib rev-parse main");
    sh_is(p, "changed", "tail -n 1 lib/skills/a/SKILL.md");
    library_close(lib);
    assert_int_equal(library_open(&lib, p->lib, LIBRARY_WRITE), GRASP_EREFUSED);
    works(library_open(&lib, p->lib, LIBRARY_READ));
    library_close(lib);
    sh_ok(p, "git -C lib reset -q --hard");
    /* Untracked files: in nobody's way, but a skill that was forgotten to commit is. */
    sh_ok(p, "echo 1 > lib/scratch");
    works(library_open(&lib, p->lib, LIBRARY_WRITE));
    library_close(lib);
    sh_ok(p, "mkdir lib/skills/new && echo 1 > lib/skills/new/SKILL.md");
    assert_int_equal(library_open(&lib, p->lib, LIBRARY_WRITE), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "skills/new/SKILL.md"));
    sh_ok(p, "rm -r lib/skills/new && echo 1 > lib/new && git -C lib add new");
    assert_int_equal(library_open(&lib, p->lib, LIBRARY_WRITE), GRASP_EREFUSED);
    sh_ok(p, "rm lib/new && git -C lib rm -q --cached new && rm lib/README.md");
    assert_int_equal(library_open(&lib, p->lib, LIBRARY_WRITE), GRASP_EREFUSED);
    sh_ok(p, "git -C lib checkout -q README.md && git -C lib rev-parse HEAD > lib/.git/MERGE_HEAD");
    assert_int_equal(library_open(&lib, p->lib, LIBRARY_WRITE), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "merge"));
}

static void what_is_not_a_library_is_refused(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *make;
        int flags, rc;
        const char *says;
    } cases[] = {
        {"mkdir x && echo 1 > x/file", LIBRARY_CREATE, GRASP_EREFUSED, "neither empty"},
        {"mkdir x && echo 1 > x/file", LIBRARY_WRITE, GRASP_ENOTFOUND, "no skill library"},
        {"echo 1 > x", LIBRARY_CREATE, GRASP_EREFUSED, "neither empty"},
        {"mkdir -p y x && git init -q . && echo 1 > x/file", LIBRARY_CREATE, GRASP_EREFUSED,
         "neither empty"},
        {"git init -q x && cd x && echo 1 > file && git add . && git commit -qm 1", LIBRARY_CREATE,
         GRASP_EREFUSED, "no skill library"},
        {"git init -q x && cd x && echo 1 > file && git add . && git commit -qm 1", LIBRARY_READ,
         GRASP_EREFUSED, "no skill library"},
        {"git init -q x && echo 1 > x/file", LIBRARY_CREATE, GRASP_EREFUSED, "no commit"},
        {"git init -q x", LIBRARY_WRITE, GRASP_EREFUSED, "no commit"},
        {"git clone -q lib x && cd x && git checkout -q --detach", LIBRARY_WRITE, GRASP_EREFUSED,
         "detached"},
        {"git -C lib worktree add -q ../x -b w", LIBRARY_WRITE, GRASP_EREFUSED, "linked worktree"},
        {"git clone -q lib x && cd x && echo 'format 2' > .grasp-library && git commit -qam 1",
         LIBRARY_WRITE, GRASP_EREFUSED, "another format"},
        {"mkdir x && mkdir x/.git && echo rubbish > x/.git/HEAD", LIBRARY_CREATE, GRASP_EREFUSED,
         "neither empty"},
        {"git clone -q lib x && : > x/.git/HEAD", LIBRARY_WRITE, GRASP_EIO, "x"},
    };
    struct library *lib;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    library_close(lib);
    setenv("GIT_AUTHOR_NAME", "u", 1);
    setenv("GIT_AUTHOR_EMAIL", "u@x", 1);
    setenv("GIT_COMMITTER_NAME", "u", 1);
    setenv("GIT_COMMITTER_EMAIL", "u@x", 1);
    char *x = fs_join(p->dir, "x");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        sh_ok(p, "rm -rf x .git; git -C lib worktree prune; git -C lib branch -q -D w || true");
        sh_ok(p, "%s", cases[i].make);
        char *before = sh(p, "find x | sort; [ ! -f x/file ] || cat x/file");
        int rc = library_open(&lib, x, cases[i].flags);
        if (rc != cases[i].rc || !strstr(err_msg(), cases[i].says))
            fail_msg("%s: %d '%s'", cases[i].make, rc, err_msg());
        assert_null(lib);
        if (rc == GRASP_EREFUSED && cases[i].flags == LIBRARY_CREATE && !strstr(before, ".git"))
            sh_is(p, before, "find x | sort; [ ! -f x/file ] || cat x/file");
        free(before);
    }
    sh_ok(p, "rm -rf x .git");
    /* An empty repository of the user's, and an empty directory, do become one. */
    sh_ok(p, "git init -q -b trunk x");
    works(library_open(&lib, x, LIBRARY_CREATE));
    assert_string_equal(library_branch(lib), "trunk");
    library_close(lib);
    sh_ok(p, "rm -rf x && mkdir x");
    works(library_open(&lib, x, LIBRARY_CREATE));
    library_close(lib);
    /* A detached one can be read. */
    sh_ok(p, "git -C x checkout -q --detach");
    works(library_open(&lib, x, LIBRARY_READ));
    library_close(lib);
    free(x);
}

static void a_bare_library_works(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid head, a;
    works(library_open(&lib, p->lib, LIBRARY_CREATE | LIBRARY_BARE));
    works(library_head(lib, &head));
    commit_skill(lib, &head, "a", "one", &a);
    works(library_accept(lib, &head, &a));
    library_close(lib);
    works(library_open(&lib, p->lib, LIBRARY_WRITE));
    library_close(lib);
    sh_is(p, a.hex, "git -C lib rev-parse main && test ! -e lib/skills");
    sh_ok(p,
          "git -C lib fsck --full --strict && git clone -q lib y && test -f y/skills/a/SKILL.md");
}

/* Runs fn in a child; kills it as soon as it has written `steps` bytes to its pipe. */
static void run_killed(void (*fn)(struct place *, int out), struct place *p, int steps)
{
    int fd[2];
    char c;
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        fn(p, fd[1]);
        _exit(0);
    }
    close(fd[1]);
    for (int i = 0; i < steps && read(fd[0], &c, 1) == 1; i++)
        ;
    kill(pid, SIGKILL);
    close(fd[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void child_holds(struct place *p, int out)
{
    struct library *lib;
    if (library_open(&lib, p->lib, LIBRARY_CREATE) < 0)
        _exit(1);
    if (write(out, "x", 1) == 1)
        pause();
}

static void one_writer_at_a_time(void **state)
{
    struct place *p = *state;
    struct library *lib, *other;
    char pid[32];
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_int_equal(library_open(&other, p->lib, LIBRARY_WRITE), GRASP_ECONFLICT);
    assert_non_null(strstr(err_msg(), pid));
    works(library_open(&other, p->lib, LIBRARY_READ));
    library_close(other);
    library_close(lib);
    run_killed(child_holds, p, 1); /* the kernel lets go of a dead one's lock */
    works(library_open(&lib, p->lib, LIBRARY_WRITE));
    library_close(lib);
}

static void messages_have_trailers_git_reads(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct library_commit_info info;
    struct oid head, tree, c;
    const struct trailer trailers[] = {{"Gate-Score", "5"},
                                       {"Gate-Fixes", "6/18"},
                                       {"Note", "two\nlines: here"},
                                       {"Writer-Model", "m\xc3\xa9\xff"}};
    const struct commit_text text = {"ADD x: +5\n(6 fixes)",
                                     "First.\n\n\n\n---\ndiff --git a "
                                     "b\r\n\x1b[31mred\n\nGate-Score: 99\nSigned-off-by: x <y>\n\n",
                                     trailers, 4, WHEN};
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_identity_set(lib, "Ann", "ann@x"));
    assert_int_equal(library_identity_set(lib, "Ann <", "x"), GRASP_EINVAL);
    works(library_head(lib, &head));
    works(library_tree_of(lib, &head, &tree));
    works(library_commit(lib, &tree, &head, &text, &c));
    works(library_keep(lib, &c, "run-1", 0, 0));
    sh_is(p, "ADD x: +5 (6 fixes)|5|two lines: here|m\xc3\xa9\xef\xbf\xbd|Ann <ann@x> 1700000000",
          "git -C lib log -1 --format='%%s|%%(trailers:key=Gate-Score,valueonly,separator=)|"
          "%%(trailers:key=Note,valueonly,separator=)|"
          "%%(trailers:key=Writer-Model,valueonly,separator=)|%%an <%%ae> %%at' %s",
          c.hex);
    sh_is(p, "First.\n\n ---\ndiff --git a b\n [31mred\n\nGate-Score: 99\nSigned-off-by: x <y>",
          "git -C lib log -1 --format=%%b %s | sed '/^Gate-Score: 5$/,$d'", c.hex);
    works(library_commit_read(lib, &c, &info));
    assert_string_equal(info.subject, "ADD x: +5 (6 fixes)");
    assert_string_equal(library_trailer(&info, "Gate-Score"), "5");
    assert_int_equal(info.keys.n, 4);
    assert_non_null(strstr(info.body, "Signed-off-by: x <y>"));
    assert_null(strstr(info.body, "6/18"));
    assert_string_equal(info.parent.hex, head.hex);
    assert_true(info.when == WHEN);
    library_commit_release(&info);
    const struct commit_text bare = {"only", NULL, trailers, 1, WHEN},
                             none = {"\n\n", NULL, NULL, 0, WHEN},
                             bad = {"x", NULL, &(struct trailer){"a b", "c"}, 1, WHEN};
    works(library_commit(lib, &tree, &head, &bare, &c));
    works(library_commit_read(lib, &c, &info));
    assert_string_equal(info.body, "");
    assert_string_equal(library_trailer(&info, "gate-score"), "5");
    library_commit_release(&info);
    assert_int_equal(library_commit(lib, &tree, &head, &none, &c), GRASP_EINVAL);
    assert_int_equal(library_commit(lib, &tree, &head, &bad, &c), GRASP_EINVAL);
    sh_ok(p, "git -C lib fsck --full --strict");
    library_close(lib);
}

static int count_ref(const char *ref, const struct oid *commit, void *arg)
{
    buf_addf(arg, "%s %.4s\n", ref, commit->hex);
    return 0;
}

static int count_commit(const struct library_commit_info *c, void *arg)
{
    buf_addf(arg, "%s\n", c->subject);
    return 0;
}

static void evidence_tags_and_refs_survive_gc(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct buf out = BUF_INIT;
    struct oid head, a, b, blob, tag, tag2;
    json_t *evidence = json_pack("{s:i, s:[s]}", "score", 5, "probes", "task1_3"), *back;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    commit_skill(lib, &head, "a", "one", &a);
    commit_skill(lib, &head, "a", "two", &b);
    works(library_note(lib, &a, evidence, WHEN));
    works(library_note(lib, &b, evidence, WHEN));
    works(library_note(lib, &a, evidence, WHEN));
    json_object_set_new(evidence, "score", json_integer(6));
    assert_int_equal(library_note(lib, &a, evidence, WHEN), GRASP_ECONFLICT);
    assert_int_equal(library_note_read(lib, &head, &back), GRASP_ENOTFOUND);
    works(library_keep(lib, &b, "run", 10, 3));
    works(library_keep(lib, &b, "run", 10, 3));
    works(library_keep(lib, &b, "run", 2, 0));
    assert_int_equal(library_keep(lib, &a, "run", 10, 3), GRASP_ECONFLICT);
    assert_int_equal(library_keep(lib, &a, "../heads", 1, 3), GRASP_EINVAL);
    assert_int_equal(library_keep(lib, &a, "a..b", 1, 3), GRASP_EINVAL);
    works(library_blob(lib, "probe set", 9, &blob));
    works(library_blob(lib, "probe set", 9, &blob));
    works(library_accept(lib, &head, &a));
    works(library_best_set(lib, &head, "first"));
    works(library_best_set(lib, &a, "second"));
    works(library_best_why(lib, &out));
    assert_string_equal(out.ptr, "second");
    buf_reset(&out);
    works(library_tag(lib, "frozen", &a, "manifest\n", WHEN, &tag));
    works(library_tag(lib, "frozen", &a, "manifest\n", WHEN + NS_PER_SEC, &tag2));
    assert_string_equal(tag.hex, tag2.hex);
    assert_int_equal(library_tag(lib, "frozen", &b, "x", WHEN, &tag2), GRASP_ECONFLICT);
    assert_int_equal(library_tag(lib, "no..name", &b, "x", WHEN, &tag2), GRASP_EINVAL);
    works(library_branch_set(lib, "for/model-x", &b));
    assert_int_equal(library_branch_set(lib, "main", &b), GRASP_EREFUSED);
    assert_int_equal(library_branch_set(lib, "HEAD", &b), GRASP_EREFUSED);
    assert_int_equal(library_branch_set(lib, "best", &b), GRASP_EREFUSED);
    assert_int_equal(library_branch_set(lib, "frozen", &b), GRASP_EREFUSED);
    assert_int_equal(library_branch_set(lib, "for", &b), GRASP_EREFUSED);
    assert_int_equal(library_branch_set(lib, "for/model-x/y", &b), GRASP_EREFUSED);
    assert_int_equal(library_branch_set(lib, "a..b", &b), GRASP_EINVAL);
    works(library_branch_check(lib, "for/model-y"));
    assert_int_equal(library_tag(lib, "main", &b, "x", WHEN, &tag2), GRASP_ECONFLICT);
    assert_int_equal(library_tag(lib, "HEAD", &b, "x", WHEN, &tag2), GRASP_ECONFLICT);
    sh_ok(p, "cd lib && git reflog expire --expire=now --all && git gc -q --prune=now && "
             "git fsck --full --strict");
    library_close(lib);

    works(library_open(&lib, p->lib, LIBRARY_READ));
    sh_is(p, "  \"score\": 5", "git -C lib log -1 --notes=gate --format=%%N | grep score");
    works(library_note_read(lib, &b, &back));
    assert_int_equal(json_integer_value(json_object_get(back, "score")), 5);
    json_decref(back);
    works(library_blob_read(lib, &blob, &out));
    assert_string_equal(out.ptr, "probe set");
    buf_reset(&out);
    works(library_candidates(lib, count_ref, &out));
    buf_addf(&out, "%s", "");
    char want[200];
    snprintf(want, sizeof(want),
             "refs/grasp/candidates/run/2/0 %.4s\nrefs/grasp/candidates/run/10/3 %.4s\n", b.hex,
             b.hex);
    assert_string_equal(out.ptr, want);
    buf_reset(&out);
    works(library_refs(lib, "refs/tags/", count_ref, &out));
    snprintf(want, sizeof(want), "refs/tags/frozen %.4s\n", a.hex);
    assert_string_equal(out.ptr, want);
    buf_reset(&out);
    works(library_tag_message(lib, "frozen", &out));
    assert_string_equal(out.ptr, "manifest\n");
    assert_int_equal(library_tag_message(lib, "none", &out), GRASP_ENOTFOUND);
    buf_reset(&out);
    works(library_refs(lib, "refs/heads/", count_ref, &out));
    snprintf(want, sizeof(want),
             "refs/heads/best %.4s\nrefs/heads/for/model-x %.4s\nrefs/heads/main %.4s\n", a.hex,
             b.hex, a.hex);
    assert_string_equal(out.ptr, want);
    buf_reset(&out);
    works(library_walk(lib, "best", count_commit, &out));
    assert_string_equal(out.ptr, "ADD something: +5\nBegin a skill library\n");
    buf_reset(&out);
    works(library_notes(lib, count_ref, &out));
    assert_int_equal(strlen(out.ptr), 2 * 46);
    works(library_resolve(lib, "best~1", &b));
    assert_string_equal(b.hex, head.hex);
    assert_int_equal(library_resolve(lib, "nothing", &b), GRASP_ENOTFOUND);
    json_decref(evidence);
    buf_release(&out);
    library_close(lib);
}

static void hostile_names_never_become_paths(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct skill_set set = {0};
    struct oid head, tree;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    put(&set, "fine", "x");
    free(set.v[0].name);
    set.v[0].name = strdup("../../.git/hooks/post-commit");
    assert_int_equal(library_candidate(lib, &set, &head, &tree), GRASP_EINVAL);
    skill_set_release(&set);
    library_close(lib);
    sh_ok(p, "test ! -e lib/.git/hooks/post-commit");
    static const struct {
        const char *make, *says;
    } cases[] = {
        {"mkdir -p skills/Bad_Name && echo 1 > skills/Bad_Name/SKILL.md", "skills/Bad_Name"},
        {"mkdir -p skills/link && ln -s /etc/passwd skills/link/SKILL.md", "regular file"},
        {"mkdir -p skills/plain && echo hello > skills/plain/SKILL.md", "skills/plain/SKILL.md"},
        {"mkdir -p skills/big && head -c 200000 /dev/zero > skills/big/SKILL.md", "longer"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        sh_ok(p,
              "cd lib && git rm -rqf --ignore-unmatch skills; %s; git add -A && "
              "git -c user.name=u -c user.email=u@x commit -qm x",
              cases[i].make);
        works(library_open(&lib, p->lib, LIBRARY_WRITE));
        int rc = library_read(lib, "HEAD", &set);
        if (rc >= 0 || !strstr(err_msg(), cases[i].says))
            fail_msg("%s: %d '%s'", cases[i].make, rc, err_msg());
        assert_null(set.v);
        library_close(lib);
    }
}

static void the_same_run_makes_the_same_objects(void **state)
{
    struct place *p = *state;
    char *other = fs_join(p->dir, "other"), *first = NULL;
    struct library *lib;
    struct oid head, a;
    json_t *evidence = json_pack("{s:i}", "score", 5);
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    for (int i = 0; i < 2; i++) {
        works(library_open(&lib, i ? other : p->lib, LIBRARY_CREATE));
        works(library_identity_set(lib, "Ann", "ann@x"));
        works(library_head(lib, &head));
        commit_skill(lib, &head, "a", "one", &a);
        works(library_note(lib, &a, evidence, WHEN));
        works(library_accept(lib, &head, &a));
        works(library_best_set(lib, &a, "x"));
        library_close(lib);
        char *refs = sh(p, "git -C %s for-each-ref", i ? "other" : "lib");
        if (i)
            assert_string_equal(refs, first);
        free(first);
        first = refs;
    }
    unsetenv("SOURCE_DATE_EPOCH");
    json_decref(evidence);
    free(first);
    free(other);
}

static void a_half_done_checkout_is_completed(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid head, a, b;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    commit_skill(lib, &head, "a", "one", &a);
    works(library_accept(lib, &head, &a));
    commit_skill(lib, &a, "a", "two", &b);
    commit_skill(lib, &b, "b", "three", &b);
    works(library_keep(lib, &b, "run", 0, 0)); /* else it is nowhere but in memory */
    library_close(lib);
    static const struct {
        const char *made;  /* what happened before and after the kill */
        const char *moved; /* "b": the branch has moved */
        int rc;
    } cases[] = {
        {":", "b", 0},
        {"git show $b:skills/a/SKILL.md > skills/a/SKILL.md", "b", 0},
        {"mkdir skills/b && git show $b:skills/b/SKILL.md > skills/b/SKILL.md", "b", 0},
        {"mkdir skills/b && : > skills/b/SKILL.md", "b", GRASP_EREFUSED},
        {"echo user >> skills/a/SKILL.md", "b", GRASP_EREFUSED},
        {"echo user >> README.md", "b", GRASP_EREFUSED},
        {"rm skills/a/SKILL.md", "b", GRASP_EREFUSED},
        {":", "a", 0},
        {"git show $b:skills/a/SKILL.md > skills/a/SKILL.md", "a", GRASP_EREFUSED},
        /* The user tidied up himself. */
        {"git reset -q --hard", "b", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        sh_ok(p,
              "cd lib && a=%s b=%s && git reset -q --hard $a && git clean -qfd && "
              "echo $a $b > .git/grasp-checkout && git update-ref refs/heads/main $%s && %s && "
              "rm -rf ../copy && cp -R . ../copy",
              a.hex, b.hex, cases[i].moved, cases[i].made);
        int rc = library_open(&lib, p->lib, LIBRARY_WRITE);
        if (rc != cases[i].rc)
            fail_msg("%s: %d %s", cases[i].made, rc, err_msg());
        library_close(lib);
        if (rc == 0)
            sh_is(p, "", "git -C lib status --porcelain && test ! -e lib/.git/grasp-checkout");
        else if (strstr(cases[i].made, "README.md") == NULL)
            sh_is(p, "", "diff -r -x .git lib copy");
    }
}

static void locks_of_killed_processes_go_away(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid head, a;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    library_close(lib);
    static const char *const locked[] = {"index", "refs/heads/main", "refs/notes/gate"};
    for (size_t i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof(name), "s%zu", i);
        sh_ok(p,
              "cd lib/.git && mkdir -p refs/notes && : > %s.lock && "
              "printf 'process 1\\nsince x\\nwriting %s\\n\\n' > grasp.lock",
              locked[i], locked[i]);
        works(library_open(&lib, p->lib, LIBRARY_WRITE));
        works(library_head(lib, &head));
        commit_skill(lib, &head, name, "one", &a);
        works(library_accept(lib, &head, &a));
        json_t *evidence = json_pack("{s:i}", "score", 5);
        works(library_note(lib, &a, evidence, WHEN));
        json_decref(evidence);
        library_close(lib);
    }
    /* One that is not ours stays, and so does a path that leads elsewhere. */
    sh_ok(p, "cd lib/.git && : > ../x.lock && "
             "printf 'process 1\\nwriting ../x\\n' > grasp.lock && : > refs/heads/main.lock");
    assert_int_equal(library_open(&lib, p->lib, LIBRARY_WRITE), GRASP_ESTOPPED);
    assert_non_null(strstr(err_msg(), "main.lock"));
    sh_ok(p, "rm lib/.git/refs/heads/main.lock");
    works(library_open(&lib, p->lib, LIBRARY_WRITE));
    works(library_head(lib, &head));
    commit_skill(lib, &head, "late", "one", &a);
    sh_ok(p, ": > lib/.git/refs/heads/main.lock");
    assert_int_equal(library_accept(lib, &head, &a), GRASP_ESTOPPED);
    sh_ok(p, "test -e lib/x.lock && rm lib/.git/refs/heads/main.lock");
    works(library_accept(lib, &head, &a));
    library_close(lib);
}

/* libgit2 links a new ref into its place and then removes the lock file: killed between the two. */
static void a_first_commit_with_its_lock_left(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid head, a;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    library_close(lib);
    sh_ok(p, "cd lib/.git && ln refs/heads/main refs/heads/main.lock && "
             "printf 'process 1\\nsince x\\nwriting the first commit\\n\\n' > grasp.lock");
    works(library_open(&lib, p->lib, LIBRARY_WRITE | LIBRARY_CREATE));
    works(library_head(lib, &head));
    commit_skill(lib, &head, "first", "one", &a);
    works(library_accept(lib, &head, &a));
    library_close(lib);
}

static void a_half_made_library_is_made_anew(void **state)
{
    struct place *p = *state;
    static const char *const left[] = {
        "mkdir -p lib/.git",
        "mkdir -p lib/.git && : > lib/.git/grasp.lock",
        "mkdir -p lib/.git/objects && printf 'process 1\\nwriting the first commit\\n' > "
        "lib/.git/grasp.lock && : > lib/.git/config.lock && : > lib/_git2_a123",
        "git init -q lib && printf 'process 1\\nwriting the first commit\\n' > "
        "lib/.git/grasp.lock && : > lib/.git/config",
    };
    for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
        struct library *lib;
        sh_ok(p, "rm -rf lib && %s", left[i]);
        works(library_open(&lib, p->lib, LIBRARY_CREATE));
        library_close(lib);
        sh_is(p, "", "git -C lib status --porcelain && test -f lib/README.md");
    }
}

/* A run of ten updates, with a byte after each step; picks up where the library is. */
static void child_learns(struct place *p, int out)
{
    struct library *lib;
    struct oid root, at, next, tree;
    struct skill_set set;
    json_t *evidence = json_pack("{s:i}", "score", 5);
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    int rc = library_open(&lib, p->lib, LIBRARY_CREATE);
    if (rc < 0) {
        print_message("# %s\n", err_msg());
        _exit(1);
    }
    if (p->limit) {
        struct rlimit small = {p->limit, p->limit};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &small);
    }
    rc = library_resolve(lib, ":/Begin", &root);
    at = root;
    for (int i = 0; rc == 0 && i < 10; i++) {
        char body[32];
        const struct trailer trailers[] = {{"Gate-Score", "5"}};
        const struct commit_text text = {"ADD", NULL, trailers, 1, WHEN};
        snprintf(body, sizeof(body), "body %d", i);
        rc = library_read(lib, at.hex, &set);
        put(&set, i % 2 ? "odd" : "even", body);
        if (i > 1)
            skill_set_remove(&set, i % 2 ? "even" : "odd");
        rc = rc == 0 ? library_candidate(lib, &set, &at, &tree) : rc;
        skill_set_release(&set);
        rc = rc == 0 ? library_commit(lib, &tree, &at, &text, &next) : rc;
        rc = write(out, "x", 1) == 1 ? rc : -1;
        rc = rc == 0 ? library_keep(lib, &next, "run", i, 0) : rc;
        rc = rc == 0 ? library_note(lib, &next, evidence, WHEN) : rc;
        rc = write(out, "x", 1) == 1 ? rc : -1;
        rc = rc == 0 ? library_accept(lib, &at, &next) : rc;
        rc = rc == 0 ? library_best_set(lib, &next, "best") : rc;
        rc = write(out, "x", 1) == 1 ? rc : -1;
        at = next;
    }
    json_decref(evidence);
    library_close(lib);
    if (rc < 0 && !p->limit)
        print_message("# %s\n", err_msg());
    if (rc < 0)
        _exit(1);
}

/* The best checkpoint is a branch that clones follow; a tag of before is brought over. */
static void best_is_where_fetches_follow(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid head, a, b, at;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    commit_skill(lib, &head, "a", "one", &a);
    commit_skill(lib, &a, "b", "two", &b);
    works(library_accept(lib, &head, &a));
    works(library_accept(lib, &a, &b));
    assert_int_equal(library_resolve(lib, "best", &at), GRASP_ENOTFOUND);
    library_close(lib);
    sh_ok(p, "git -C lib -c user.name=u -c user.email=u@x tag -a -m old best main~1 && "
             "git clone -q lib old");
    works(library_open(&lib, p->lib, LIBRARY_READ));
    works(library_resolve(lib, "best", &at));
    assert_string_equal(at.hex, a.hex);
    library_close(lib);
    works(library_open(&lib, p->lib, LIBRARY_WRITE));
    works(library_resolve(lib, "best~1", &at));
    assert_string_equal(at.hex, head.hex);
    library_close(lib);
    sh_is(p, "refs/heads/best\nrefs/heads/main", "git -C lib for-each-ref --format='%%(refname)'");
    sh_ok(p, "git clone -q lib new && git -C new checkout -q -b best origin/best && git -C new "
             "checkout -q main");
    works(library_open(&lib, p->lib, LIBRARY_WRITE));
    works(library_best_set(lib, &b, "better"));
    library_close(lib);
    static const char *const clones[] = {"old", "new"};
    for (int i = 0; i < 2; i++) { /* one has the tag of before, the other a branch that stays */
        char *dir = fs_join(p->dir, clones[i]);
        sh_ok(p, "git -C %s pull -q 2>/dev/null", clones[i]);
        works(library_open(&lib, dir, LIBRARY_READ));
        works(library_resolve(lib, "best", &at));
        assert_string_equal(at.hex, b.hex);
        library_close(lib);
        free(dir);
    }
    sh_ok(p, "git -C lib checkout -q best");
    assert_int_equal(library_open(&lib, p->lib, LIBRARY_WRITE), GRASP_EREFUSED);
    sh_ok(p, "git -C lib checkout -q main");
}

static void killed_runs_end_in_the_same_library(void **state)
{
    struct place *p = *state;
    char *calm = fs_join(p->dir, "calm");
    struct place quiet = {p->dir, calm, 0};
    int sink = open("/dev/null", O_WRONLY), status;
    pid_t pid = fork();
    if (pid == 0) {
        child_learns(&quiet, sink);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (int i = 0; i < 60; i++)
        run_killed(child_learns, p, i % 31);
    pid = fork();
    if (pid == 0) {
        child_learns(p, sink);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(sink);
    char *want = sh(p, "git -C calm for-each-ref && git -C calm notes --ref gate list");
    sh_is(p, want, "git -C lib for-each-ref && git -C lib notes --ref gate list");
    sh_is(p, "", "git -C lib status --porcelain && diff -r -x .git lib calm");
    sh_ok(p, "git -C lib fsck --full --strict");
    free(want);
    free(calm);
}

/* Nothing can be written past so many bytes of a file: where a full disk would strike. */
static void a_full_disk_breaks_nothing(void **state)
{
    struct place *p = *state;
    static const rlim_t limits[] = {1, 60, 100, 120, 150, 180, 200, 250, 300, 400, 600};
    int sink = open("/dev/null", O_WRONLY), status;
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        sh_ok(p, "rm -rf lib");
        run_killed(child_learns, p, 2 * (int)i);
        for (p->limit = limits[i];; p->limit = 0) {
            pid_t pid = fork();
            if (pid == 0) {
                child_learns(p, sink);
                _exit(0);
            }
            assert_int_equal(waitpid(pid, &status, 0), pid);
            assert_true(WIFEXITED(status));
            if (p->limit == 0)
                break;
            assert_int_equal(WEXITSTATUS(status), 1);
        }
        assert_int_equal(status, 0);
        sh_is(p, "", "git -C lib status --porcelain");
        sh_is(p, "11", "git -C lib rev-list --count HEAD");
        sh_ok(p, "git -C lib fsck --full --strict");
    }
    close(sink);
}

/* Names that git sorts in its own way, what is no skill, nothing at all: each pair of revisions differs
 * in what git says. */
static void what_changes_is_what_git_says(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid c[9];
    enum { COMMITS = sizeof(c) / sizeof(*c) };
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    library_close(lib);
    sh_ok(p, "cd lib && git config user.name u && git config user.email u@x && "
             "skill() { mkdir -p skills/$1 && echo \"$2\" >skills/$1/SKILL.md; }; "
             "keep() { git add -A && git commit -q -m \"$1\"; }; "
             "skill a 1 && skill a-b 1 && skill a0 1 && skill ab 1 && skill b 1 && keep 1 && "
             "skill a-b 2 && keep 2 && "
             "rm -r skills/a && echo x >skills/a && keep 3 && "
             "rm skills/a && skill a 1 && echo y >skills/b/more && keep 4 && "
             "echo z >note && keep 5 && "
             "rm -r skills/a0 skills/ab && skill zz 1 && keep 6 && "
             "rm -r skills && keep 7 && "
             "for i in $(seq 100); do skill s-$i $i; done && keep 8");
    works(library_open(&lib, p->lib, LIBRARY_READ | LIBRARY_MEMORY));
    for (int i = 0; i < COMMITS; i++) {
        char rev[16];
        snprintf(rev, sizeof(rev), "main~%d", COMMITS - 1 - i);
        works(library_resolve(lib, rev, &c[i]));
    }
    for (int a = 0; a < COMMITS; a++)
        for (int b = 0; b < COMMITS; b++) {
            struct library_delta d;
            struct buf names = BUF_INIT;
            works(library_delta(lib, &c[a], &c[b], &d));
            for (size_t i = 0; i < d.names.n; i++)
                buf_addf(&names, "%s%s", i ? "\n" : "", d.names.v[i]);
            char *want = sh(p,
                            "git -C lib diff --name-only --no-renames %s %s | "
                            "sed -n 's|^skills/\\([^/]*\\)/.*|\\1|p' | LC_ALL=C sort -u",
                            c[a].hex, c[b].hex);
            char *got = sh(p, "printf '%%s\\n' '%s' | LC_ALL=C sort", names.len ? names.ptr : "");
            assert_non_null(want);
            assert_string_equal(got, want);
            char *other = sh(p,
                             "git -C lib diff --name-only --no-renames %s %s | "
                             "grep -v '^skills/[^/]*/' || :",
                             c[a].hex, c[b].hex);
            assert_int_equal(d.other, *other != '\0');
            free(want);
            free(got);
            free(other);
            buf_release(&names);
            library_delta_release(&d);
        }
    library_close(lib);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_new_library_is_a_git_repository),
        T(candidates_become_commits_and_files),
        T(accept_is_compare_and_swap),
        T(edits_of_the_user_are_never_overwritten),
        T(what_is_not_a_library_is_refused),
        T(a_bare_library_works),
        T(one_writer_at_a_time),
        T(messages_have_trailers_git_reads),
        T(evidence_tags_and_refs_survive_gc),
        T(hostile_names_never_become_paths),
        T(the_same_run_makes_the_same_objects),
        T(a_half_done_checkout_is_completed),
        T(locks_of_killed_processes_go_away),
        T(a_first_commit_with_its_lock_left),
        T(a_half_made_library_is_made_anew),
        T(a_full_disk_breaks_nothing),
        T(best_is_where_fetches_follow),
        T(what_changes_is_what_git_says),
        T(killed_runs_end_in_the_same_library),
    };
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    return cmocka_run_group_tests_name("library", tests, NULL, NULL);
}
