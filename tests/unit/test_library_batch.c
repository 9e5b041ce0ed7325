/*
 * test_library_batch.c - refs that move together: all of them or none, whoever is at work beside, and
 * what plain git says of it.
 */
#include "library_harness.h"

#include "runtime/base/barrier.h"

/* What an update writes: a probe set, a candidate that is refused, one that is let in. */
static void write_update(struct library *lib, const struct oid *head, int update, struct oid *won)
{
    json_t *evidence = json_pack("{s:i, s:s}", "score", update, "summary", "It was measured.");
    struct oid lost, blob;
    char body[32], probes[64];
    snprintf(body, sizeof(body), "body %d", update);
    int n = snprintf(probes, sizeof(probes), "failing t%d\n", update);
    works(library_blob(lib, probes, (size_t)n, &blob));
    commit_skill(lib, head, "lost", body, &lost);
    works(library_note(lib, &lost, evidence, WHEN));
    works(library_keep(lib, &lost, "run", update, 0));
    commit_skill(lib, head, "won", body, won);
    works(library_note(lib, won, evidence, WHEN));
    works(library_accept(lib, head, won));
    json_decref(evidence);
}

#define STATE                                                                                      \
    "git -C lib for-each-ref; git -C lib status --porcelain; find lib -name '*.lock' -size 0"
#define WHOLE                                                                                      \
    "git -C lib fsck --full --strict --no-dangling && git -C lib status --porcelain && "           \
    "find lib/.git -name '*.lock' ! -name grasp.lock -o -name 'grasp-stage' -o -name "             \
    "'grasp-checkout*'"

static void all_of_it_or_nothing(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct barrier b = {0};
    struct oid head, won, at;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    char *before = sh(p, STATE);
    for (int round = 0; round < 3; round++) {
        library_batch_begin(lib);
        write_update(lib, &head, 1, &won);
        works(library_head(lib, &at));
        assert_string_equal(at.hex, won.hex); /* we see it, nobody else does */
        sh_is(p, before, STATE);
        if (round > 0) {
            works(library_batch_write(lib, &b));
            works(barrier_wait(&b));
            sh_is(p, before, "git -C lib for-each-ref; git -C lib status --porcelain");
        }
        if (round < 2) {
            library_batch_drop(lib);
            sh_is(p, before, STATE);
            sh_is(p, "", "find lib/.git -name 'grasp-stage' -o -name 'packed-refs*'");
        }
    }
    works(library_batch_publish(lib));
    free(before);
    sh_is(p, won.hex, "git -C lib rev-parse main");
    sh_is(p, "", WHOLE);
    sh_is(p, "body 1", "tail -n 1 lib/skills/won/SKILL.md");
    sh_is(p, "4 2",
          "echo $(git -C lib for-each-ref | wc -l) $(git -C lib notes --ref gate list | wc -l)");
    sh_is(p, "grasp: accepted", "git -C lib reflog -1 --format=%%gs main");
    sh_is(p, "grasp: accepted", "git -C lib reflog -1 --format=%%gs HEAD");
    sh_is(p, "1", "git -C lib reflog refs/notes/gate | wc -l");
    /* the same again changes nothing, and waits for nothing */
    library_batch_begin(lib);
    write_update(lib, &head, 1, &won);
    works(library_batch_write(lib, &b));
    assert_int_equal(b.n, 0);
    works(library_batch_publish(lib));
    library_close(lib);
    sh_ok(p,
          "git clone -q lib copy && git -C copy log --oneline && git -C lib gc -q && "
          "git -C lib notes --ref gate show %s",
          won.hex);
    sh_is(p, "", WHOLE);
}

/* Whatever somebody else does between our looking and our writing. */
static void others_are_at_work(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *what;
        int rc;
    } cases[] = {
        {"git gc -q --prune=now", 0},
        {"git repack -adq && git prune --expire=now", 0},
        {"git -c user.name=u -c user.email=u@x commit -q --allow-empty -m theirs", GRASP_ECONFLICT},
        {"git update-ref refs/notes/gate HEAD", GRASP_ECONFLICT},
        {"git checkout -q -b theirs", GRASP_EREFUSED},
        {"git branch beside && git -c user.name=u -c user.email=u@x tag -a -m t t", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (int when = 0; when < 2; when++) { /* before it is written, and after */
            struct library *lib;
            struct barrier b = {0};
            struct oid head, one, two;
            sh_ok(p, "rm -rf lib");
            works(library_open(&lib, p->lib, LIBRARY_CREATE));
            works(library_head(lib, &head));
            library_batch_begin(lib);
            write_update(lib, &head, 1, &one);
            works(library_batch_commit(lib));
            library_batch_begin(lib);
            write_update(lib, &one, 2, &two);
            int rc = 0;
            if (when == 0)
                sh_ok(p, "cd lib && %s", cases[i].what);
            rc = library_batch_write(lib, &b);
            assert_int_equal(barrier_wait(&b), 0);
            /* a gc that finds packed-refs locked says so and goes on without */
            if (rc == 0 && when == 1)
                sh_ok(p, "cd lib && { %s || true; } 2>/dev/null", cases[i].what);
            if (rc == 0)
                rc = library_batch_publish(lib);
            if (rc != cases[i].rc)
                fail_msg("%s, %d: %d %s", cases[i].what, when, rc, rc ? err_msg() : "");
            library_close(lib);
            sh_is(p, "", WHOLE);
            if (rc == 0)
                sh_is(p, two.hex, "git -C lib rev-parse main");
            else
                sh_ok(p, "test $(git -C lib rev-parse main) != %s", two.hex);
        }
    }
}

/* packed-refs as git writes it stays as git reads it: other lines, and what tags lead to. A ref that
 * has a file of its own has none afterwards. */
static void packed_refs_stay_gits(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid head, one, two, three;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    library_batch_begin(lib);
    write_update(lib, &head, 1, &one);
    works(library_batch_commit(lib));
    sh_ok(p,
          "cd lib && git config user.name u && git config user.email u@x && git tag -a -m t t && "
          "git tag light && git branch zz && git branch aa && git pack-refs --all && git tag -a "
          "-m u u && git commit -q --allow-empty -m theirs && test -f .git/refs/heads/main");
    char *tags = sh(p, "git -C lib show-ref -d --tags");
    works(library_head(lib, &two));
    library_batch_begin(lib);
    write_update(lib, &two, 2, &three);
    works(library_batch_commit(lib));
    sh_is(p, three.hex, "git -C lib rev-parse main && test ! -e lib/.git/refs/heads/main");
    sh_is(p, tags, "git -C lib show-ref -d --tags");
    sh_is(p, "", WHOLE);
    /* one without the words of a newer git */
    sh_ok(p, "cd lib && git pack-refs --all && sed -i -e 1d -e '/^\\^/d' .git/packed-refs");
    library_batch_begin(lib);
    write_update(lib, &three, 3, &two);
    works(library_batch_commit(lib));
    /* one that ends for C where it goes on for git: what is behind it is not dropped */
    sh_ok(p, "cd lib/.git && cp packed-refs ../../kept && sed -i '/refs.heads.aa/s/$/\\x00/' "
             "packed-refs && "
             "cp packed-refs ../../damaged");
    library_batch_begin(lib);
    write_update(lib, &two, 4, &one);
    assert_int_equal(library_batch_commit(lib), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "is damaged"));
    sh_ok(p, "cmp damaged lib/.git/packed-refs && mv kept lib/.git/packed-refs");
    library_close(lib);
    sh_is(p, tags, "git -C lib show-ref -d --tags");
    sh_is(p, "", WHOLE);
    free(tags);
}

/* Each update is a pack; there are never many, and one in the end. */
static void packs_stay_few(void **state)
{
    enum { UPDATES = 40 };
    struct place *p = *state;
    struct library *lib;
    struct oid at, next;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &at));
    for (int i = 0; i < UPDATES; i++, at = next) {
        library_batch_begin(lib);
        write_update(lib, &at, i, &next);
        works(library_batch_commit(lib));
        if (i == 25)
            sh_ok(p, "git -C lib gc -q --prune=now");
        sh_is(p, "few", "test $(ls lib/.git/objects/pack/*.pack | wc -l) -le 18 && echo few");
    }
    library_close(lib);
    sh_is(p, "", WHOLE);
    sh_is(p, "few", "test $(ls lib/.git/objects/pack/*.pack | wc -l) -le 2 && echo few");
    sh_is(p, "40 80",
          "echo $(ls -d lib/.git/refs/grasp lib/.git/refs/grasp/* 2>/dev/null | wc -l "
          ">/dev/null; git -C lib for-each-ref refs/grasp/candidates | wc -l) $(git -C "
          "lib notes --ref gate list | wc -l)");
    /* with an index of git's over its packs, they are left to git */
    works(library_open(&lib, p->lib, LIBRARY_WRITE));
    for (int i = 0; i < 3; i++, at = next) {
        library_batch_begin(lib);
        write_update(lib, &at, UPDATES + i, &next);
        works(library_batch_commit(lib));
        sh_ok(p, "git -C lib multi-pack-index write");
    }
    library_close(lib);
    sh_ok(p, "git -C lib multi-pack-index verify");
    sh_is(p, "", WHOLE);
}

/* Lengths around those where git's numbers grow by a byte, and what does not compress. */
static void packs_hold_any_bytes(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 2047, 2048, 65535, 262144, 1000000};
    enum { N = sizeof(sizes) / sizeof(*sizes) };
    struct place *p = *state;
    struct library *lib;
    struct oid id[N];
    char *bytes = malloc(1000000);
    uint32_t x = 1;
    for (size_t i = 0; i < 1000000; i++)
        bytes[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    library_batch_begin(lib);
    for (size_t i = 0; i < N; i++)
        works(library_blob(lib, bytes, sizes[i], &id[i]));
    works(library_batch_commit(lib));
    library_close(lib);
    for (size_t i = 0; i < N; i++) {
        char want[32];
        snprintf(want, sizeof(want), "%zu", sizes[i]);
        sh_is(p, want, "git -C lib cat-file -s %s", id[i].hex);
    }
    sh_ok(p, "cd lib/.git/objects/pack && git verify-pack *.idx && "
             "git index-pack -o ../other.idx *.pack && cmp ../other.idx *.idx");
    sh_is(p, "", WHOLE);
    free(bytes);
}

/* What a killed process left of a batch is gone, and a pack that nobody would find with it. */
static void stages_are_cleared(void **state)
{
    struct place *p = *state;
    struct library *lib;
    struct oid head, one;
    works(library_open(&lib, p->lib, LIBRARY_CREATE));
    works(library_head(lib, &head));
    library_batch_begin(lib);
    write_update(lib, &head, 1, &one);
    works(library_batch_commit(lib));
    library_close(lib);
    sh_ok(
        p,
        "cd lib/.git && mkdir grasp-stage && echo x > grasp-stage/file-0 && "
        "echo x > grasp-stage/pack-1.idx && echo x > objects/pack/pack-1.pack && "
        "cp objects/pack/*.idx grasp-stage/ && : > packed-refs.lock && : > refs/notes/gate.lock && "
        "printf 'process 1\nwriting packed-refs refs/notes/gate\n' > grasp.lock");
    works(library_open(&lib, p->lib, LIBRARY_WRITE));
    library_close(lib);
    sh_is(p, "1", "ls lib/.git/objects/pack/*.pack | wc -l");
    sh_is(p, "", WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_it_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_are_at_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packed_refs_stay_gits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packs_stay_few, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packs_hold_any_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stages_are_cleared, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("library_batch", tests, NULL, NULL);
}
