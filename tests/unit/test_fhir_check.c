/*
 * test_fhir_check.c - damage in a FHIR store is found: what the check passes is answered as before.
 * FLIPS=10000 for a long run.
 */
#include "test.h"

#include <lmdb.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "fhir/fhir.h"
#include "fhir/store.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"

enum { PATIENTS = 30 };

struct place {
    char *dir, *data;
    struct buf bytes; /* of the sound file */
};

static void ask(struct fhir_store *s, const char *method, const char *target, const char *body,
                struct buf *out)
{
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    struct fhir_request rq = {.method = method, .target = target, .body = body};
    rq.body_len = body ? strlen(body) : 0;
    int rc = fhir_handle(s, &rq, &rs);
    if (out) {
        buf_addf(out, "%s %d %d\n", target, rc, rs.status);
        buf_add(out, rs.body.ptr, rs.body.len);
    } else {
        assert_in_range(rs.status, 200, 204);
    }
    fhir_response_release(&rs);
}

/* Loaded, then written to: old versions, a deletion, free pages. */
static void fill(const char *dir)
{
    struct fhir_store *s = NULL;
    struct fhir_batch *b = NULL;
    char text[9000], target[64];
    works(fhir_open(&s, dir, &(struct fhir_options){.no_sync = true, .keep_versions = true}));
    works(fhir_batch_begin(s, &b));
    for (int i = 0; i < PATIENTS; i++) {
        int n = snprintf(text, sizeof(text),
                         "{\"resourceType\":\"Patient\",\"id\":\"p%d\",\"meta\":{\"lastUpdated\":"
                         "\"2024-01-%02dT00:00:00Z\"},\"birthDate\":\"1970-01-%02d\",\"name\":[{"
                         "\"family\":\"Doe%d\",\"given\":[\"Ann\"]}],\"note\":\"%*s\"}",
                         i, i % 28 + 1, i % 28 + 1, i, i % 10 == 9 ? 6000 : 1, "x");
        works(fhir_batch_put_text(b, text, (size_t)n, NULL));
        for (int k = 0; k < 4; k++) {
            n = snprintf(text, sizeof(text),
                         "{\"resourceType\":\"Observation\",\"id\":\"o%d-%d\",\"status\":\"final\","
                         "\"code\":{\"coding\":[{\"system\":\"urn:s\",\"code\":\"C%d\"}]},"
                         "\"subject\":{\"reference\":\"Patient/p%d\"},\"effectiveDateTime\":"
                         "\"2023-11-%02dT10:00:00Z\",\"valueQuantity\":{\"value\":%d.5}}",
                         i, k, k, i, k + 1, i);
            works(fhir_batch_put_text(b, text, (size_t)n, NULL));
        }
    }
    works(fhir_batch_commit(b));
    for (int i = 0; i < 5; i++) {
        snprintf(target, sizeof(target), "Patient/p%d", i);
        snprintf(text, sizeof(text), "{\"resourceType\":\"Patient\",\"id\":\"p%d\"}", i);
        ask(s, "PUT", target, text, NULL);
    }
    ask(s, "DELETE", "Patient/p5", NULL, NULL);
    fhir_close(s);
}

/* What searches and reads answer. */
static void answers(const char *dir, struct buf *out)
{
    static const char *const searches[] = {
        "Patient?_count=1000",
        "Observation?code=urn:s|C1&_count=1000",
        "Patient?name=doe1",
        "Patient?birthdate=ge1970-01-10&_count=1000",
        "Observation?_count=7",
        "Observation?value-quantity=gt10&_sort=-date&_count=1000",
        "Patient?_lastUpdated=lt2024-01-10",
        "Observation?_summary=count",
        "Patient/p2/_history",
        "Patient/p5",
        "Patient/p1/_history/1",
        "Observation?patient=p7&code=C2"};
    struct fhir_store *s = NULL;
    char target[64];
    if (fhir_open(&s, dir, &(struct fhir_options){.no_sync = true, .keep_versions = true}) < 0) {
        buf_adds(out, "not opened");
        return;
    }
    for (size_t i = 0; i < sizeof(searches) / sizeof(*searches); i++)
        ask(s, "GET", searches[i], NULL, out);
    for (int i = 0; i < PATIENTS; i++) {
        snprintf(target, sizeof(target), "Patient/p%d", i);
        ask(s, "GET", target, NULL, out);
        snprintf(target, sizeof(target), "Observation?patient=p%d", i);
        ask(s, "GET", target, NULL, out);
    }
    fhir_close(s);
}

/* Are the answers as they were? In a process that may die of it. */
static bool answers_as(const char *dir, const struct buf *want)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct buf got = BUF_INIT;
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        log_set_level(LOG_ERROR + 1);
        if (!freopen("/dev/null", "w", stderr))
            _exit(3);
        answers(dir, &got);
        _exit(got.len != want->len || memcmp(got.ptr, want->ptr, got.len) != 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void put(const struct place *p)
{
    FILE *f = fopen(p->data, "w"); /* not fs_write: ten thousand flushes take their time */
    assert_non_null(f);
    assert_int_equal(fwrite(p->bytes.ptr, 1, p->bytes.len, f), p->bytes.len);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->dir = fs_tempdir("test-fhir");
    p->data = fs_join(p->dir, "data.mdb");
    p->bytes = (struct buf)BUF_INIT;
    fill(p->dir);
    works(fs_read(p->data, &p->bytes));
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    fs_remove_tree(p->dir);
    buf_release(&p->bytes);
    free(p->data);
    free(p->dir);
    free(p);
    return 0;
}

static void a_sound_store_is_counted_and_left_alone(void **state)
{
    struct place *p = *state;
    struct fhir_check c;
    struct fhir_store *s = NULL;
    struct buf now = BUF_INIT;
    works(fhir_check(p->dir, &c));
    assert_int_equal(c.resources, 5 * PATIENTS - 1);
    assert_int_equal(c.unsummed, 0);
    works(fs_read(p->data, &now));
    assert_int_equal(now.len, p->bytes.len);
    assert_memory_equal(now.ptr, p->bytes.ptr, now.len);
    /* opened by a writer that writes nothing, and then one that does */
    works(fhir_open(&s, p->dir, NULL));
    fhir_close(s);
    works(fhir_check(p->dir, &c));
    works(fhir_open(&s, p->dir, NULL));
    ask(s, "PUT", "Patient/new", "{\"resourceType\":\"Patient\",\"id\":\"new\"}", NULL);
    fhir_close(s);
    works(fhir_check(p->dir, &c));
    assert_int_equal(c.resources, 5 * PATIENTS);
    buf_release(&now);
}

static void what_is_no_store_is_not_made_one(void **state)
{
    (void)state;
    char *dir = fs_tempdir("test-fhir"), *data = fs_join(dir, "data.mdb");
    struct fhir_check c;
    assert_int_equal(fhir_check(dir, &c), GRASP_ENOTFOUND);
    assert_false(fs_exists(data));
    fs_remove_tree(dir);
    free(data);
    free(dir);
}

static void a_compacted_copy_is_sound(void **state)
{
    struct place *p = *state;
    MDB_env *env = NULL;
    struct fhir_check c;
    char *copy = fs_tempdir("test-fhir");
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, p->dir, MDB_RDONLY, 0), 0);
    assert_int_equal(mdb_env_copy2(env, copy, MDB_CP_COMPACT), 0);
    mdb_env_close(env);
    works(fhir_check(copy, &c));
    assert_int_equal(c.resources, 5 * PATIENTS - 1);
    fs_remove_tree(copy);
    free(copy);
}

/* An entry of one table is taken away, or one too many is put there. */
static void change(const struct place *p, const char *table, bool remove)
{
    MDB_env *env = NULL;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cur;
    MDB_val k, d;
    uint64_t nobody = 7777;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, p->dir, MDB_NOSYNC, 0666), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
    assert_int_equal(mdb_cursor_open(txn, dbi, &cur), 0);
    assert_int_equal(mdb_cursor_get(cur, &k, &d, MDB_LAST), 0);
    if (remove) {
        assert_int_equal(mdb_cursor_del(cur, 0), 0);
    } else {
        k = (MDB_val){7, (void *)"\1\2other"};
        d = (MDB_val){sizeof(nobody), &nobody};
        assert_int_equal(mdb_put(txn, dbi, &k, &d, 0), 0);
    }
    /* as if an older program had written it: without a number and a sum of the state */
    MDB_dbi meta;
    uint64_t old[2];
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    k = (MDB_val){5, (void *)"state"};
    assert_int_equal(mdb_get(txn, meta, &k, &d), 0);
    memcpy(old, d.mv_data, sizeof(old));
    d = (MDB_val){sizeof(old), old};
    assert_int_equal(mdb_put(txn, meta, &k, &d, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void what_the_indexes_lack_or_have_too_much_is_counted(void **state)
{
    struct place *p = *state;
    struct fhir_check c;
    change(p, "idx", true);
    assert_int_equal(fhir_check(p->dir, &c), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "grasp fhir load --store NEW"));
    assert_int_equal(c.missing, 1);
    assert_int_equal(c.dangling, 0);
    put(p);
    change(p, "idx", false);
    assert_int_equal(fhir_check(p->dir, &c), GRASP_EREFUSED);
    assert_int_equal(c.missing, 0);
    assert_int_equal(c.dangling, 1);
    put(p);
    change(p, "ids", true);
    assert_int_equal(fhir_check(p->dir, &c), GRASP_EREFUSED);
    assert_int_equal(c.missing, 1);
    assert_int_equal(c.dangling, 0);
    put(p);
    change(p, "res", true);
    assert_int_equal(fhir_check(p->dir, &c), GRASP_EREFUSED);
    assert_int_equal(c.resources, 5 * PATIENTS - 2);
    assert_true(c.dangling > 1); /* its id, and what it was found by */
}

/* A store of a version without checksums: each record's is taken out. */
static void an_older_store_has_no_checksums(void **state)
{
    struct place *p = *state;
    struct fhir_store *s = NULL;
    struct fhir_check c;
    MDB_txn *txn;
    MDB_cursor *cur;
    MDB_val k, d;
    int rc;
    works(fhir_open(&s, p->dir, &(struct fhir_options){.no_sync = true}));
    assert_int_equal(mdb_txn_begin(s->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_cursor_open(txn, s->res, &cur), 0);
    while ((rc = mdb_cursor_get(cur, &k, &d, MDB_NEXT)) == 0) {
        char *record = malloc(d.mv_size);
        assert_non_null(record);
        memcpy(record, d.mv_data, d.mv_size);
        memset(record + 20, 0, 4);
        d.mv_data = record;
        uint64_t seq; /* the key lies in a page that this write may move */
        memcpy(&seq, k.mv_data, sizeof(seq));
        k.mv_data = &seq;
        assert_int_equal(mdb_cursor_put(cur, &k, &d, MDB_CURRENT), 0);
        free(record);
    }
    assert_int_equal(rc, MDB_NOTFOUND);
    assert_int_equal(mdb_txn_commit(txn), 0);
    fhir_close(s);
    change(p, "hist", true);
    works(fhir_check(p->dir, &c));
    assert_int_equal(c.unsummed, 5 * PATIENTS - 1);
    assert_int_equal(c.resources, 5 * PATIENTS - 1);
}

static void a_store_that_ends_its_reader_is_damaged(void **state)
{
    struct place *p = *state;
    struct fhir_check c;
    assert_int_equal(truncate(p->data, 3 * 4096), 0);
    assert_int_equal(fhir_check(p->dir, &c), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "ends the process"));
    assert_non_null(strstr(err_msg(), "grasp fhir load --store NEW"));
}

static void no_flip_that_is_passed_changes_an_answer(void **state)
{
    struct place *p = *state;
    struct buf want = BUF_INIT;
    struct fhir_check c;
    const char *flips = getenv("FLIPS");
    long n = flips ? atol(flips) : 200, harmless = 0, refused = 0, died = 0;
    uint64_t r = 1;
    answers(p->dir, &want);
    assert_true(answers_as(p->dir, &want));
    for (long i = 0; i < n; i++) {
        r = r * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        /* One in four where LMDB keeps its roots. */
        size_t at = (size_t)(r >> 20) % (i % 4 == 0 ? 2 * 4096 : p->bytes.len);
        if (i % 8 == 0)
            at = at % 2 * 4096 + 16 + (at / 2) % 136; /* in them */
        int bit = (int)(r >> 10) & 7;
        p->bytes.ptr[at] ^= (char)(1 << bit);
        put(p);
        int checked = fhir_check(p->dir, &c);
        bool ended = checked < 0 && strstr(err_msg(), "ends the process");
        if (checked == 0 && !answers_as(p->dir, &want))
            fail_msg("flip of bit %d of byte %zu: found sound, but the answers differ", bit, at);
        harmless += checked == 0;
        refused += checked < 0 && !ended;
        died += ended;
        p->bytes.ptr[at] ^= (char)(1 << bit);
    }
    print_message("%ld flips: %ld harmless, %ld found, %ld of these by the end of the reader\n", n,
                  harmless, refused + died, died);
    assert_true(harmless > 0 && refused > 0);
    buf_release(&want);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_sound_store_is_counted_and_left_alone),
        cmocka_unit_test(what_is_no_store_is_not_made_one),
        test(a_compacted_copy_is_sound),
        test(what_the_indexes_lack_or_have_too_much_is_counted),
        test(an_older_store_has_no_checksums),
        test(a_store_that_ends_its_reader_is_damaged),
        test(no_flip_that_is_passed_changes_an_answer),
    };
    return cmocka_run_group_tests_name("fhir_check", tests, NULL, NULL);
}
