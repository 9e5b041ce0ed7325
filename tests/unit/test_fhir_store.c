/* test_fhir_store.c - the store under the FHIR server: loading, replacing, counting, growing. */
#include "test.h"

#include <sys/stat.h>

#include "fhir/store.h"
#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"

static int put(struct fhir_store *s, const char *text)
{
    struct fhir_batch *b = NULL;
    assert_int_equal(fhir_batch_begin(s, &b), 0);
    int rc = fhir_batch_put_text(b, text, strlen(text), NULL);
    assert_int_equal(fhir_batch_commit(b), 0);
    return rc;
}

static void text_is_kept_verbatim(void **state)
{
    (void)state;
    static const char text[] = "{ \"resourceType\":\"Observation\",\n \"id\":\"a.1\", "
                               "\"valueQuantity\":{\"value\":5.00}}";
    struct fhir_store *s = NULL;
    struct fhir_view v;
    struct fhir_record r;
    char padded[256];
    assert_int_equal(fhir_open(&s, NULL, NULL), 0);
    snprintf(padded, sizeof(padded), " \t%s\r\n", text);
    assert_int_equal(put(s, padded), 0);
    assert_int_equal(fhir_view_open(&v, s, NULL), 0);
    assert_int_equal(fhir_view_get(&v, "Observation", "a.1", &r, NULL), 0);
    assert_int_equal(r.text_len, strlen(text));
    assert_memory_equal(r.text, text, r.text_len);
    assert_int_equal(r.version, 1);
    assert_int_equal(fhir_view_get(&v, "Observation", "a.2", &r, NULL), GRASP_ENOTFOUND);
    fhir_view_close(&v);
    fhir_close(s);
}

static void replacing_keeps_the_place(void **state)
{
    (void)state;
    struct fhir_store *s = NULL;
    struct fhir_view v;
    struct fhir_record a, b;
    assert_int_equal(fhir_open(&s, NULL, NULL), 0);
    assert_int_equal(put(s, "{\"resourceType\":\"Patient\",\"id\":\"1\"}"), 0);
    assert_int_equal(put(s, "{\"resourceType\":\"Patient\",\"id\":\"2\"}"), 0);
    assert_int_equal(put(s, "{\"resourceType\":\"Patient\",\"id\":\"1\",\"active\":true}"), 0);
    assert_int_equal(fhir_count(s, "Patient"), 2);
    assert_int_equal(fhir_count(s, NULL), 2);
    assert_int_equal(fhir_count(s, "Observation"), 0);
    assert_int_equal(fhir_count(s, "NoSuchType"), 0);
    assert_int_equal(fhir_view_open(&v, s, NULL), 0);
    assert_int_equal(fhir_view_get(&v, "Patient", "1", &a, NULL), 0);
    assert_int_equal(fhir_view_get(&v, "Patient", "2", &b, NULL), 0);
    assert_true(a.seq < b.seq);
    assert_int_equal(a.version, 2);
    fhir_view_close(&v);
    fhir_close(s);
}

static void bad_resources_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
    } cases[] = {
        {"", GRASP_EPARSE},
        {"{", GRASP_EPARSE},
        {"[1]", GRASP_EINVAL},
        {"{\"id\":\"1\"}", GRASP_EINVAL},
        {"{\"resourceType\":\"Patient\"}", GRASP_EINVAL},
        {"{\"resourceType\":\"Patient\",\"id\":7}", GRASP_EINVAL},
        {"{\"resourceType\":\"Patient\",\"id\":\"a/b\"}", GRASP_EINVAL},
        {"{\"resourceType\":\"Patient\",\"id\":\"\"}", GRASP_EINVAL},
        {"{\"resourceType\":\"Patien\",\"id\":\"1\"}", GRASP_EINVAL},
        {"{\"resourceType\":\"\",\"id\":\"1\"}", GRASP_EINVAL},
        {"{\"resourceType\":\"Patient\",\"id\":\"1\"} x", GRASP_EPARSE},
    };
    struct fhir_store *s = NULL;
    assert_int_equal(fhir_open(&s, NULL, NULL), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(put(s, cases[i].text), cases[i].rc);
    assert_int_equal(fhir_count(s, NULL), 0);
    fhir_close(s);
}

static void a_store_is_opened_again(void **state)
{
    (void)state;
    char *dir = fs_tempdir("test-fhir");
    char *sub = fs_join(dir, "store");
    struct fhir_store *s = NULL;
    struct fhir_options o = {.base_url = "http://x/fhir/", .no_sync = true};
    assert_int_equal(fhir_open(&s, sub, &o), 0);
    assert_int_equal(put(s, "{\"resourceType\":\"Patient\",\"id\":\"1\"}"), 0);
    fhir_close(s);
    assert_int_equal(fhir_open(&s, sub, &o), 0);
    assert_int_equal(fhir_count(s, "Patient"), 1);
    fhir_close(s);
    /* a directory that holds something else is left alone */
    assert_int_equal(fhir_open(&s, dir, &o), GRASP_EREFUSED);
    assert_null(s);
    o.base_url = "http://x/fhir";
    assert_int_equal(fhir_open(&s, sub, &o), GRASP_EINVAL);
    fs_remove_tree(dir);
    free(sub);
    free(dir);
    fhir_close(NULL);
}

/* Wherever the file ends: an error, or all that was there. */
static void a_store_that_was_cut_off_is_damaged(void **state)
{
    (void)state;
    char *dir = fs_tempdir("test-fhir"), *data = fs_join(dir, "data.mdb"), text[6000];
    struct fhir_store *s = NULL;
    struct fhir_options o = {.no_sync = true};
    struct stat st;
    int refused = 0, pages;
    assert_int_equal(fhir_open(&s, dir, &o), 0);
    for (int i = 0; i < 20; i++) {
        int n = snprintf(text, sizeof(text), "{\"resourceType\":\"Patient\",\"id\":\"p%d\"", i);
        memset(text + n, ' ', sizeof(text) - (size_t)n);
        memcpy(text + sizeof(text) - 2, "}", 2);
        assert_int_equal(put(s, text), 0);
    }
    fhir_close(s);
    assert_int_equal(stat(data, &st), 0);
    pages = (int)(st.st_size / 4096);
    for (int keep = pages - 1; keep > 2; keep--) {
        struct fhir_view v;
        struct fhir_record r;
        int rc;
        assert_int_equal(truncate(data, (off_t)keep * 4096), 0);
        rc = fhir_open(&s, dir, &o);
        if (rc == 0 && (rc = fhir_view_open(&v, s, NULL)) == 0) {
            for (int i = 0; rc == 0 && i < 20; i++) {
                char id[16];
                snprintf(id, sizeof(id), "p%d", i);
                rc = fhir_view_get(&v, "Patient", id, &r, NULL);
                assert_true(rc < 0 || r.text[r.text_len - 1] == '}');
            }
            fhir_view_close(&v);
        }
        fhir_close(s);
        refused += rc < 0;
    }
    assert_true(refused > pages / 2);
    fs_remove_tree(dir);
    free(data);
    free(dir);
}

static void a_flipped_byte_is_no_answer(void **state)
{
    (void)state;
    static const char text[] = "{\"resourceType\":\"Patient\",\"id\":\"1\",\"n\":\"flip-me\"}";
    char *dir = fs_tempdir("test-fhir"), *data = fs_join(dir, "data.mdb"), *at;
    struct fhir_store *s = NULL;
    struct fhir_options o = {.no_sync = true};
    struct fhir_view v;
    struct fhir_record r;
    struct buf b = BUF_INIT;
    assert_int_equal(fhir_open(&s, dir, &o), 0);
    assert_int_equal(put(s, text), 0);
    fhir_close(s);
    assert_int_equal(fs_read(data, &b), 0);
    assert_non_null(at = memmem(b.ptr, b.len, "flip-me", 7));
    *at ^= 1;
    FILE *f = fopen(data, "r+");
    assert_non_null(f);
    assert_int_equal(fwrite(b.ptr, 1, b.len, f), b.len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(fhir_open(&s, dir, &o), 0);
    assert_int_equal(fhir_view_open(&v, s, NULL), 0);
    assert_int_equal(fhir_view_get(&v, "Patient", "1", &r, NULL), GRASP_EIO);
    assert_non_null(strstr(err_msg(), "a damaged record"));
    fhir_view_close(&v);
    fhir_close(s);
    buf_release(&b);
    fs_remove_tree(dir);
    free(data);
    free(dir);
}

static void the_map_grows(void **state)
{
    (void)state;
    struct fhir_store *s = NULL;
    struct fhir_batch *b = NULL;
    char text[600];
    assert_int_equal(fhir_open(&s, NULL, NULL), 0);
    assert_int_equal(mdb_env_set_mapsize(s->env, 1 << 20), 0);
    assert_int_equal(fhir_batch_begin(s, &b), 0);
    for (int i = 0; i < 20000; i++) {
        int n =
            snprintf(text, sizeof(text),
                     "{\"resourceType\":\"Observation\",\"id\":\"o%d\",\"code\":{\"text\":\"c%d\"}"
                     ",\"subject\":{\"reference\":\"Patient/p%d\"}}",
                     i, i % 7, i % 100);
        assert_int_equal(fhir_batch_put_text(b, text, (size_t)n, NULL), 0);
    }
    assert_int_equal(fhir_batch_commit(b), 0);
    assert_int_equal(fhir_count(s, "Observation"), 20000);
    fhir_close(s);
}

struct reader {
    struct fhir_store *store;
    int bad;
};

static void *read_on(void *arg)
{
    struct reader *r = arg;
    for (int i = 0; i < 500; i++) {
        struct fhir_request rq = {.method = "GET", .target = "Patient?active=true&_count=5000"};
        struct fhir_response rs = FHIR_RESPONSE_INIT;
        if (fhir_handle(r->store, &rq, &rs) < 0 || rs.status != 200 ||
            !strstr(rs.body.ptr, "\"total\""))
            r->bad++;
        fhir_response_release(&rs);
    }
    return NULL;
}

static void readers_go_on_while_one_writes(void **state)
{
    (void)state;
    struct fhir_store *s = NULL;
    struct reader readers[3];
    pthread_t threads[3];
    char text[128];
    assert_int_equal(fhir_open(&s, NULL, NULL), 0);
    assert_int_equal(mdb_env_set_mapsize(s->env, 1 << 18), 0); /* so that it must grow, too */
    for (int i = 0; i < 3; i++) {
        readers[i] = (struct reader){s, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text),
                 "{\"resourceType\":\"Patient\",\"id\":\"p%d\",\"active\":true}", i);
        assert_int_equal(put(s, text), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].bad, 0);
    }
    assert_int_equal(fhir_count(s, "Patient"), 300);
    fhir_close(s);
}

/* What kill -9 leaves while a store is made. */
static void an_interrupted_making_is_made_up_for(void **state)
{
    static const char zeros[4096];
    static const struct {
        const char *file;
        size_t len;
    } left[] = {{"lock.mdb", 0}, {"data.mdb", 0}, {"data.mdb", sizeof(zeros)}};
    (void)state;
    for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
        struct fhir_store *s = NULL;
        char *dir = fs_tempdir("fhir-made"), *file = fs_join(dir, left[i].file);
        assert_int_equal(fs_write(file, zeros, left[i].len), 0);
        works(fhir_open(&s, dir, NULL));
        assert_int_equal(put(s, "{\"resourceType\":\"Patient\",\"id\":\"a\"}"), 0);
        fhir_close(s);
        works(fhir_open(&s, dir, NULL));
        assert_int_equal(fhir_count(s, NULL), 1);
        fhir_close(s);
        fs_remove_tree(dir);
        free(file);
        free(dir);
    }
    /* The first write cut in the middle; but a file that somebody else made stays. */
    struct fhir_store *s = NULL;
    char *dir = fs_tempdir("fhir-made"), *file = fs_join(dir, "data.mdb");
    works(fhir_open(&s, dir, NULL));
    fhir_close(s);
    assert_int_equal(truncate(file, sysconf(_SC_PAGESIZE)), 0);
    works(fhir_open(&s, dir, NULL));
    assert_int_equal(put(s, "{\"resourceType\":\"Patient\",\"id\":\"a\"}"), 0);
    fhir_close(s);
    assert_int_equal(fs_write(file, "my own words, not a database at all", 35), 0);
    assert_int_equal(fhir_open(&s, dir, NULL), GRASP_EREFUSED);
    assert_true(fs_exists(file));
    /* Nor is anything written through a link, or a pipe waited for. */
    char *victim = fs_join(dir, "victim");
    assert_int_equal(fs_write(victim, "", 0), 0);
    for (int i = 0; i < 2; i++) {
        unlink(file);
        assert_int_equal(i ? mkfifo(file, 0600) : symlink(victim, file), 0);
        assert_int_equal(fhir_open(&s, dir, NULL), GRASP_EREFUSED);
        assert_non_null(strstr(err_msg(), "no regular file"));
    }
    free(victim);
    fs_remove_tree(dir);
    free(file);
    free(dir);
}

static void a_store_that_may_not_be_written_is_read(void **state)
{
    struct fhir_store *s = NULL;
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    char *dir = fs_tempdir("fhir-ro"), *data = fs_join(dir, "data.mdb");
    (void)state;
    works(fhir_open(&s, dir, NULL));
    assert_int_equal(put(s, "{\"resourceType\":\"Patient\",\"id\":\"a\"}"), 0);
    fhir_close(s);
    assert_int_equal(chmod(data, 0444), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    if (access(data, W_OK) == 0) { /* root may do everything */
        chmod(dir, 0755);
        fs_remove_tree(dir);
        free(data);
        free(dir);
        skip();
        return;
    }
    works(fhir_open(&s, dir, NULL));
    assert_int_equal(fhir_count(s, NULL), 1);
    struct fhir_request rq = {.method = "DELETE", .target = "Patient/a"};
    assert_int_equal(fhir_handle(s, &rq, &rs), 0);
    assert_int_equal(rs.status, 405);
    fhir_response_release(&rs);
    struct fhir_batch *b = NULL;
    static const char other[] = "{\"resourceType\":\"Patient\",\"id\":\"b\"}";
    works(fhir_batch_begin(s, &b));
    works(fhir_batch_put_text(b, other, strlen(other), NULL));
    assert_int_equal(fhir_batch_commit(b), GRASP_EREFUSED);
    fhir_close(s);
    chmod(dir, 0755);
    fs_remove_tree(dir);
    free(data);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_kept_verbatim),
        cmocka_unit_test(replacing_keeps_the_place),
        cmocka_unit_test(bad_resources_are_refused),
        cmocka_unit_test(a_store_is_opened_again),
        cmocka_unit_test(a_store_that_was_cut_off_is_damaged),
        cmocka_unit_test(a_flipped_byte_is_no_answer),
        cmocka_unit_test(the_map_grows),
        cmocka_unit_test(readers_go_on_while_one_writes),
        cmocka_unit_test(an_interrupted_making_is_made_up_for),
        cmocka_unit_test(a_store_that_may_not_be_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
