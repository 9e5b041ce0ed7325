/* test_fhir_pack.c - packed records: the same texts out, dictionaries that come and stay, stores of before,
 * damage, and what is given back after a load. */
#include "temp_dir.h"

#include <lmdb.h>
#include <sys/stat.h>

#include "fhir/pack.h"
#include "fhir/quickjson.h"

static struct fhir_store *open_store(const char *name, bool versions)
{
    struct fhir_store *s = NULL;
    works(fhir_open(&s, name, &(struct fhir_options){.no_sync = true, .keep_versions = versions}));
    return s;
}

/* The text of the i-th resource of a type; `turn` makes another text of it. */
static void write_text(struct buf *b, const char *type, int i, int turn)
{
    buf_reset(b);
    buf_addf(
        b,
        "{\"resourceType\":\"%s\",\"id\":\"r%d\",\"text\":{\"status\":\"generated\",\"div\":\"<div>"
        "number %d, turn %d \\\"x\\\"</div>\"},\"identifier\":[{\"system\":\"urn:%s\",\"value\":"
        "\"%d\"}]}",
        type, i, i * 7919, turn, type, i);
    assert_false(b->failed);
}

static void load(struct fhir_store *s, const char *type, int from, int to, int turn)
{
    struct fhir_batch *batch = NULL;
    struct buf b = BUF_INIT;
    works(fhir_batch_begin(s, &batch));
    for (int i = from; i < to; i++) {
        write_text(&b, type, i, turn);
        works(fhir_batch_put_text(batch, b.ptr, b.len, NULL));
    }
    works(fhir_batch_commit(batch));
    buf_release(&b);
}

static void reads(struct fhir_store *s, const char *type, int from, int to, int turn)
{
    struct buf b = BUF_INIT;
    struct fhir_view v;
    works(fhir_view_open(&v, s, NULL));
    for (int i = from; i < to; i++) {
        struct fhir_record r;
        char id[16];
        snprintf(id, sizeof(id), "r%d", i);
        write_text(&b, type, i, turn);
        works(fhir_view_get(&v, type, id, &r, NULL));
        assert_int_equal(r.text_len, b.len);
        assert_memory_equal(r.text, b.ptr, b.len);
    }
    fhir_view_close(&v);
    buf_release(&b);
}

/* Does the store have a dictionary of that number? */
static bool has_dictionary(struct fhir_store *s, int number)
{
    struct fhir_view v;
    char key[16];
    MDB_val k = {(size_t)snprintf(key, sizeof(key), "dict %d", number), key}, d;
    works(fhir_view_open(&v, s, NULL));
    bool has = mdb_get(v.txn, s->meta, &k, &d) == 0;
    fhir_view_close(&v);
    return has;
}

static uint64_t pages_of_records(struct fhir_store *s)
{
    struct fhir_view v;
    MDB_stat st;
    works(fhir_view_open(&v, s, NULL));
    assert_int_equal(mdb_stat(v.txn, s->res, &st), 0);
    fhir_view_close(&v);
    return st.ms_leaf_pages;
}

static void texts_come_back(void **state)
{
    (void)state;
    struct fhir_store *s = open_store("a", false);
    load(s, "Patient", 0, 50, 0); /* too few to learn from */
    assert_false(has_dictionary(s, 1));
    reads(s, "Patient", 0, 50, 0);
    load(s, "Observation", 0, 400, 0);
    assert_true(has_dictionary(s, 1) && !has_dictionary(s, 2));
    load(s, "Patient", 50, 300, 0);
    assert_true(has_dictionary(s, 2) && !has_dictionary(s, 3));
    load(s, "Observation", 400, 900, 0);
    assert_false(has_dictionary(s, 3));
    assert_true(pages_of_records(s) < 60);
    for (int again = 0; again < 2; again++) {
        reads(s, "Observation", 0, 900, 0);
        reads(s, "Patient", 0, 300, 0);
        json_t *found = NULL;
        works(fhir_search(s, NULL, "Observation?identifier=urn:Observation|877", &found));
        assert_int_equal(json_array_size(found), 1);
        json_decref(found);
        fhir_close(s);
        s = open_store("a", false);
    }
    load(s, "Observation", 100, 200, 1); /* replaced, by a process that has only read them */
    load(s, "Patient", 300, 400, 0);
    fhir_close(s);
    struct fhir_check found;
    works(fhir_check("a", &found));
    assert_int_equal(found.resources, 1300);
    s = open_store("a", false);
    reads(s, "Observation", 0, 100, 0);
    reads(s, "Observation", 100, 200, 1);
    reads(s, "Observation", 200, 900, 0);
    fhir_close(s);
}

static void versions_are_packed_too(void **state)
{
    (void)state;
    struct fhir_store *s = open_store("v", true);
    struct fhir_view v;
    struct fhir_record r;
    struct buf b = BUF_INIT;
    load(s, "Observation", 0, 300, 0);
    load(s, "Observation", 0, 300, 1);
    works(fhir_view_open(&v, s, NULL));
    for (int i = 0; i < 300; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r%d", i);
        for (uint32_t version = 1; version <= 2; version++) {
            write_text(&b, "Observation", i, (int)version - 1);
            works(fhir_view_version(&v, "Observation", id, version, &r));
            assert_int_equal(r.text_len, b.len);
            assert_memory_equal(r.text, b.ptr, b.len);
        }
    }
    fhir_view_close(&v);
    fhir_close(s);
    struct fhir_check found;
    works(fhir_check("v", &found));
    buf_release(&b);
}

static int train_and_fail(struct fhir_view *v, void *arg)
{
    struct fhir_prepared *p = arg;
    works(fhir_packs_train(v, p, 200));
    for (int i = 0; i < 200; i++)
        works(fhir_view_put(v, &p[i], 0, 0));
    struct fhir_record r; /* seen by the write itself */
    works(fhir_view_get(v, "Patient", "r7", &r, NULL));
    assert_int_equal(r.text_len, p[7].text_len);
    return GRASP_EINVAL;
}

/* What a write that was undone had learnt is nobody's. */
static void undone_dictionaries_are_gone(void **state)
{
    (void)state;
    struct fhir_store *s = open_store("u", false);
    struct fhir_prepared p[200];
    struct buf b = BUF_INIT;
    for (int i = 0; i < 200; i++) {
        write_text(&b, "Patient", i, 0);
        works(fhir_prepared_init(&p[i], s, b.ptr, b.len, NULL));
    }
    assert_int_equal(fhir_store_write(s, NULL, train_and_fail, p), GRASP_EINVAL);
    assert_false(has_dictionary(s, 1));
    load(s, "Observation", 0, 300, 0);
    load(s, "Patient", 0, 300, 5);
    reads(s, "Observation", 0, 300, 0);
    reads(s, "Patient", 0, 300, 5);
    fhir_close(s);
    s = open_store("u", false);
    reads(s, "Observation", 0, 300, 0);
    reads(s, "Patient", 0, 300, 5);
    fhir_close(s);
    for (int i = 0; i < 200; i++)
        fhir_prepared_release(&p[i]);
    buf_release(&b);
}

/* Changes a value of the table `meta` behind the store's back. */
static void change_meta(const char *name, const char *key, size_t at, const char *bytes, size_t len)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    struct buf value = BUF_INIT;
    MDB_val k = {strlen(key), (void *)key}, d;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, name, 0, 0666), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
    assert_int_equal(mdb_get(txn, dbi, &k, &d), 0);
    buf_add(&value, d.mv_data, d.mv_size);
    assert_true(at + len <= value.len);
    memcpy(value.ptr + at, bytes, len);
    d = (MDB_val){value.len, value.ptr};
    assert_int_equal(mdb_put(txn, dbi, &k, &d, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    buf_release(&value);
}

/* A store of before is read and written as its program could. */
static void older_stores_stay_plain(void **state)
{
    (void)state;
    fhir_close(open_store("old", false));
    change_meta("old", "format", 0, "grasp-fhir 2", 12);
    struct fhir_store *s = open_store("old", false);
    load(s, "Observation", 0, 500, 0);
    assert_false(has_dictionary(s, 1));
    reads(s, "Observation", 0, 500, 0);
    assert_true(pages_of_records(s) > 25);
    fhir_close(s);
    s = NULL;
    change_meta("old", "format", 0, "grasp-fhir 9", 12);
    assert_int_equal(fhir_open(&s, "old", NULL), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "load its resources into a new directory"));
}

static void damage_is_named(void **state)
{
    (void)state;
    struct fhir_store *s = open_store("d", false);
    struct fhir_view v;
    struct fhir_record r;
    struct fhir_check found;
    load(s, "Observation", 0, 300, 0);
    fhir_close(s);
    change_meta("d", "dict 1", 500, "?!", 2);
    s = open_store("d", false);
    works(fhir_view_open(&v, s, NULL));
    assert_int_equal(fhir_view_get(&v, "Observation", "r7", &r, NULL), GRASP_EIO);
    assert_non_null(strstr(err_msg(), "a damaged dictionary; load it anew"));
    fhir_view_close(&v);
    fhir_close(s);
    assert_int_equal(fhir_check("d", &found), GRASP_EREFUSED);
}

static off_t length(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void free_pages_are_given_back(void **state)
{
    (void)state;
    bool done;
    struct fhir_check found;
    struct fhir_store *s = open_store("c", false);
    for (int turn = 0; turn < 4; turn++)
        load(s, "Observation", 0, 6000, turn);
    off_t before = length("c/data.mdb");
    works(fhir_compact("c", &done)); /* it is open */
    assert_false(done);
    assert_int_equal(length("c/data.mdb"), before);
    fhir_close(s);
    works(fs_write("c/data.mdb.new", "half", 4)); /* of one that was killed */
    works(fhir_compact("c", &done));
    assert_true(done);
    assert_true(length("c/data.mdb") < before * 3 / 4);
    assert_false(fs_exists("c/data.mdb.new"));
    works(fhir_check("c", &found));
    assert_int_equal(found.resources, 6000);
    works(fhir_compact("c", &done)); /* nothing is free */
    assert_false(done);
    works(fs_write("c/data.mdb.new", "half", 4));
    s = open_store("c", false);
    assert_false(fs_exists("c/data.mdb.new"));
    reads(s, "Observation", 0, 6000, 3);
    load(s, "Observation", 6000, 6100, 0);
    fhir_close(s);
    works(fhir_check("c", &found));
    assert_int_equal(found.resources, 6100);
    assert_int_equal(fhir_compact("nowhere", &done), GRASP_EIO);
}

static void quick_trees_are_jansson_s(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool quick;
    } cases[] = {
        {"{}", true},
        {" {\"a\" : [ ] , \"b\":{} , \"a\":[1, -0, 12.50, -0.25, 0.1, 999999999999999]}\r\n\t",
         true},
        {"{\"s\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\",\"k\\\"\":true,\"n\":null,\"f\":false}", true},
        {"{\"s\":\"\303\244\342\202\254\",\"\":\"\"}", true},
        {"{\"v\":[0.30000000000000, 123456.789012345, 1.0]}", true},
        {"{\"v\":1.0e3}", false},
        {"{\"v\":1234567890123456}", false},
        {"{\"v\":0.1234567890123456}", false},
        {"{\"s\":\"\\u00e9\"}", false},
        {"{\"s\":\"\\u0000\"}", false},
        {"{\"s\":\"\355\240\200\"}", false},
        {"{\"s\":\"a\nb\"}", false},
        {"{\"v\":01}", false},
        {"{\"v\":1.}", false},
        {"{\"v\":-}", false},
        {"{\"v\":+1}", false},
        {"{\"v\":.5}", false},
        {"{\"v\":tru}", false},
        {"{\"v\":1,}", false},
        {"{\"v\":[1,]}", false},
        {"{\"v\":1} x", false},
        {"{\"v\" 1}", false},
        {"{v:1}", false},
        {"[1]", false},
        {"", false},
        {"{\"v\":\"a", false},
        {"{\"v\":\"a\\", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = strlen(cases[i].text);
        json_t *quick = fhir_quickjson(cases[i].text, len);
        json_t *tree = json_loadb(cases[i].text, len, JSON_ALLOW_NUL, NULL);
        if (!quick == cases[i].quick || (quick && !json_equal(quick, tree)))
            fail_msg("%s", cases[i].text);
        json_decref(quick);
        json_decref(tree);
    }
    struct buf deep = BUF_INIT; /* jansson's to judge */
    for (int i = 0; i < 5000; i++)
        buf_adds(&deep, "{\"a\":");
    assert_null(fhir_quickjson(deep.ptr, deep.len));
    buf_release(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(versions_are_packed_too),
        cmocka_unit_test(undone_dictionaries_are_gone),
        cmocka_unit_test(older_stores_stay_plain),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(free_pages_are_given_back),
        cmocka_unit_test(quick_trees_are_jansson_s),
    };
    return cmocka_run_group_tests(tests, enter_temp_dir, leave_temp_dir);
}
