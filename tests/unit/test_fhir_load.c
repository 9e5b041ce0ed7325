/* test_fhir_load.c - the streaming splitter: what comes out of NDJSON, Bundles, single resources
 * and broken versions of them, whatever the chunks; and files into a store. */
#include "test.h"

#include <sys/stat.h>
#include <zlib.h>

#include "fhir/fhir.h"
#include "fhir/split.h"
#include "fhir/store.h"
#include "fhir/urn.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

/* What was reported, one line each: "LINE TEXT", "LINE URL TEXT", "LINE! WHY", "= FRAME". */
static int note_item(const struct fhir_item *it, void *arg)
{
    assert_int_equal(strlen(it->text), it->len);
    buf_addf(arg, "%zu ", it->line);
    if (it->full_url)
        buf_addf(arg, "%.*s ", (int)it->full_url_len, it->full_url);
    buf_addf(arg, "%s\n", it->text);
    return 0;
}

static int note_bad(size_t line, const char *why, void *arg)
{
    buf_addf(arg, "%zu! %s\n", line, why);
    return 0;
}

static int note_bundle(const char *text, size_t len, void *arg)
{
    assert_int_equal(strlen(text), len);
    buf_addf(arg, "= %s\n", text);
    return 0;
}

static void split_chunks(const char *in, size_t len, size_t chunk, size_t limit, bool lines,
                         struct buf *out)
{
    struct fhir_split s;
    fhir_split_init(&s, &(struct fhir_sink){note_item, note_bad, note_bundle, out});
    if (limit)
        s.limit = limit;
    s.lines = lines;
    for (size_t i = 0; i < len; i += chunk)
        assert_int_equal(fhir_split_feed(&s, in + i, len - i < chunk ? len - i : chunk), 0);
    assert_int_equal(fhir_split_end(&s), 0);
    fhir_split_release(&s);
}

static void check_split(const char *in, size_t limit, bool lines, const char *expected)
{
    struct buf out = BUF_INIT;
    static const size_t chunks[] = {1, 2, 3, 7, 64, 1 << 20};
    for (size_t i = 0; i < sizeof(chunks) / sizeof(*chunks); i++) {
        buf_reset(&out);
        split_chunks(in, strlen(in), chunks[i], limit, lines, &out);
        assert_string_equal(out.ptr, expected);
    }
    buf_release(&out);
}

static void ndjson_comes_line_by_line(void **state)
{
    (void)state;
    check_split("", 0, false, "");
    check_split("\n \r\n", 0, false, "");
    check_split("{\"a\":1}\n{\"b\" : 2.50}\r\n\n{\"c\":\"x y\"}", 0, false,
                "1 {\"a\":1}\n2 {\"b\":2.50}\n4 {\"c\":\"x y\"}\n");
    check_split("\xef\xbb\xbf{\"a\":\"\\\"}{\\\\\"}\n", 0, false, "1 {\"a\":\"\\\"}{\\\\\"}\n");
    check_split("{\"a\":[{\"b\":[]},{}]}\n", 0, true, "1 {\"a\":[{\"b\":[]},{}]}\n");
}

static void one_resource_over_many_lines(void **state)
{
    (void)state;
    check_split("{\n  \"resourceType\": \"Patient\",\n  \"id\": \"a\"\n}\n", 0, false,
                "1 {\"resourceType\":\"Patient\",\"id\":\"a\"}\n");
    check_split("{\n\"a\": 1}\n{\n\"b\":\n2}", 0, false, "1 {\"a\":1}\n3 {\"b\":2}\n");
    check_split("{\"contained\":[\n{\"x\":1},\n{\"y\":2}],\"o\":\n{\"z\":3}}", 0, false,
                "1 {\"contained\":[{\"x\":1},{\"y\":2}],\"o\":{\"z\":3}}\n");
    /* an entry array that is no Bundle's */
    check_split("{\"resourceType\":\"List\",\"entry\":[{\"resource\":{}}]}", 0, false,
                "1 {\"resourceType\":\"List\",\"entry\":[{\"resource\":{}}]}\n");
}

static void bundles_come_entry_by_entry(void **state)
{
    (void)state;
    check_split("{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[\n"
                "{\"fullUrl\":\"urn:uuid:1\",\"resource\":{\"a\":{\"resource\":{}}}},\n"
                "{\"resource\":\n {\"b\":[1,2]},\"fullUrl\":\"u\",\"request\":{\"resource\":0}}\n"
                "],\"link\":[{\"relation\":\"next\"}]}\n",
                0, false,
                "2 urn:uuid:1 {\"a\":{\"resource\":{}}}\n4 u {\"b\":[1,2]}\n"
                "= {\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[],"
                "\"link\":[{\"relation\":\"next\"}]}\n");
    /* one per line, as some exports do, and plain resources between them */
    check_split("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"a\":1}}]}\n"
                "{\"b\":2}\n{\"resourceType\":\"Bundle\"}\n",
                0, false,
                "1 {\"a\":1}\n= {\"resourceType\":\"Bundle\",\"entry\":[]}\n2 {\"b\":2}\n"
                "= {\"resourceType\":\"Bundle\"}\n");
    /* resourceType behind the entries */
    check_split("{\"entry\":[{\"resource\":{\"a\":1}}],\"resourceType\":\"Bundle\"}", 0, false,
                "1 {\"a\":1}\n= {\"entry\":[],\"resourceType\":\"Bundle\"}\n");
    check_split("{\"resourceType\":\"X\",\"entry\":[{\"resource\":{\"a\":1}}],"
                "\"resourceType\":\"Bundle\"}",
                0, false,
                "1 {\"a\":1}\n= {\"resourceType\":\"X\",\"entry\":[],"
                "\"resourceType\":\"Bundle\"}\n");
    /* an entry that holds no resource, a Bundle inside a Bundle */
    check_split("{\"resourceType\":\"Bundle\",\"entry\":[{\"request\":{\"method\":\"DELETE\"}},\n"
                "{\"resource\":{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{}}]}}]}",
                0, false,
                "1! a Bundle entry without a resource\n"
                "2 {\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{}}]}\n"
                "= {\"resourceType\":\"Bundle\",\"entry\":[]}\n");
}

static void broken_lines_are_skipped(void **state)
{
    (void)state;
    static const struct {
        const char *in, *expected;
    } cases[] = {
        {"{\"a\":\"cu\n{\"b\":2}\n", "1! the line ends inside a string (cut off?)\n2 {\"b\":2}\n"},
        {"{\"a\":1}\n{\"b\":\n{\"c\":3}\n",
         "1 {\"a\":1}\n2! the line ends inside a resource (cut off?)\n3 {\"c\":3}\n"},
        {"{\"a\":1}\n{\"b\":{\"c\"",
         "1 {\"a\":1}\n2! the input ends inside a resource (cut off?)\n"},
        {"{\"a\":1}\n{\"b\":[1}]}\n{\"c\":3}\n",
         "1 {\"a\":1}\n2! a '}' that closes a '['\n3 {\"c\":3}\n"},
        {"{\"a\":]}\n{\"c\":3}\n", "1! a ']' that closes a '{'\n2 {\"c\":3}\n"},
        {"{\"a\":1} x\n{\"b\":2}{\"c\":3}\n{\"d\":4}\n",
         "1! text behind the end of a resource\n2! text behind the end of a resource\n"
         "3 {\"d\":4}\n"},
        {"hello\n{\"b\":2}\n",
         "1! no JSON object: expected NDJSON, a Bundle or a resource\n2 {\"b\":2}\n"},
        {"[{\"b\":2}]\n", "1! a JSON array: expected NDJSON, a Bundle or a resource\n"},
        /* the first line cut off between tokens looks like a document until the next one starts */
        {"{\"a\":1\n{\"b\":2}\n{\"c\":3}\n", "1! a resource that is cut off\n2 {\"b\":2}\n"
                                             "3 {\"c\":3}\n"},
        {"{\n\"a\":1]\n}\n{\n}", "2! a ']' that closes a '{'; the rest of the file was not read\n"},
        {"{\n\"a\":\"x\ny\"\n}\n",
         "2! a line break inside a string; the rest of the file was not read\n"},
        {"{\n\"a\":\"x\\\ny\"\n}\n",
         "2! a line break inside a string; the rest of the file was not read\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_split(cases[i].in, 0, false, cases[i].expected);
    /* known to be NDJSON: never taken for a document */
    check_split("{\"a\":\n{\"b\":2}\n", 0, true,
                "1! the line ends inside a resource (cut off?)\n2 {\"b\":2}\n");
    /* and a Bundle that ends early has given what it had */
    check_split("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"a\":1}},{\"reso", 0,
                false, "1 {\"a\":1}\n1! the input ends inside a resource (cut off?)\n");
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    check_split("{\"a\":\"0123456789\"}\n{\"b\":2}\n", 16, false,
                "1! larger than 16 bytes\n2 {\"b\":2}\n");
    check_split("{\"a\":[1,2,3,4,5,6,7,8,9]}\n{\"b\":2}\n", 16, false,
                "1! larger than 16 bytes\n2 {\"b\":2}\n");
    check_split("{\"resourceType\":\"Bundle\",\"entry\":[\n"
                "{\"resource\":{\"a\":\"01234567890123456789012345678901234567890\"}},\n"
                "{\"resource\":{\"b\":2}}]}",
                64, false,
                "2! larger than 64 bytes\n3 {\"b\":2}\n"
                "= {\"resourceType\":\"Bundle\",\"entry\":[]}\n");
    struct buf deep = BUF_INIT, out = BUF_INIT;
    for (int i = 0; i < 100000; i++)
        buf_adds(&deep, "{\"a\":");
    buf_adds(&deep, "\n{\"b\":2}\n");
    split_chunks(deep.ptr, deep.len, 4096, 0, false, &out);
    assert_string_equal(out.ptr, "1! nested too deeply\n2 {\"b\":2}\n");
    buf_release(&deep);
    buf_release(&out);
}

static int stop_item(const struct fhir_item *it, void *arg)
{
    (void)it;
    ++*(int *)arg;
    return GRASP_ESTOPPED;
}

static void a_sink_stops_it(void **state)
{
    (void)state;
    int calls = 0;
    struct fhir_split s;
    fhir_split_init(&s, &(struct fhir_sink){.item = stop_item, .arg = &calls});
    assert_int_equal(fhir_split_feed(&s, "{}\n{}\n", 6), GRASP_ESTOPPED);
    assert_int_equal(calls, 1);
    fhir_split_release(&s);
}

/* ---- files into a store ---- */

struct fixture {
    struct fhir_store *store;
    char *dir;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->dir = fs_tempdir("grasp-test");
    *state = f;
    log_set_level(LOG_ERROR);
    return f->dir ? fhir_open(&f->store, NULL, &(struct fhir_options){0}) : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fhir_close(f->store);
    fs_remove_tree(f->dir);
    free(f->dir);
    free(f);
    return 0;
}

static char *write_file(struct fixture *f, const char *name, const char *text, size_t len)
{
    char *path = fs_join(f->dir, name);
    assert_int_equal(fs_write(path, text, len), 0);
    return path;
}

static struct fhir_load_report load_text(struct fixture *f, const char *name, const char *text)
{
    struct fhir_load_report report = {0};
    char *path = write_file(f, name, text, strlen(text));
    assert_int_equal(fhir_load_file(f->store, path, &report), 0);
    free(path);
    return report;
}

/* The text is stored as `expected`, byte for byte. */
static void check_stored(struct fixture *f, const char *type, const char *id, const char *expected)
{
    struct fhir_view v;
    struct fhir_record r;
    struct fhir_id_entry entry;
    assert_int_equal(fhir_view_open(&v, f->store, NULL), 0);
    assert_int_equal(fhir_view_get(&v, type, id, &r, &entry), 0);
    char *text = str_ndup(r.text, r.text_len);
    fhir_view_close(&v);
    assert_string_equal(text, expected);
    free(text);
}

static void all_shapes_of_files_load(void **state)
{
    struct fixture *f = *state;
    struct fhir_load_report r = load_text(f, "a.ndjson",
                                          "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n"
                                          "{\"resourceType\":\"Patient\",\"id\":\"b\"");
    assert_int_equal(r.loaded, 1);
    assert_int_equal(r.bad, 1);
    r = load_text(f, "b.json", "{\n \"resourceType\" : \"Patient\",\n \"id\" : \"b\"\n}\n");
    assert_int_equal(r.loaded, 1);
    r = load_text(f, "c.json",
                  "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[\n"
                  "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"c\"}},\n"
                  "{\"resource\":{\"resourceType\":\"Nonsense\",\"id\":\"c\"}},\n"
                  "{\"resource\":{\"resourceType\":\"Patient\"}},\n"
                  "{\"resource\":{\"resourceType\":\"OperationOutcome\"}}]}");
    assert_int_equal(r.loaded, 1);
    assert_int_equal(r.bad, 2);
    assert_int_equal(fhir_count(f->store, "Patient"), 3);
    check_stored(f, "Patient", "b", "{\"resourceType\":\"Patient\",\"id\":\"b\"}");
}

static void urn_references_become_ids(void **state)
{
    struct fixture *f = *state;
    struct fhir_load_report r = load_text(
        f, "t.json",
        "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
        "{\"fullUrl\":\"urn:uuid:e\",\"resource\":{\"resourceType\":\"Encounter\",\"id\":\"e1\","
        "\"subject\":{\"reference\" : \"urn:uuid:p\"},"
        "\"serviceProvider\":{\"reference\":\"urn:uuid:nobody\"}}},"
        "{\"fullUrl\":\"urn:uuid:p\",\"resource\":{\"resourceType\":\"Patient\"}},"
        "{\"fullUrl\":\"urn:uuid:o\",\"resource\":{\"resourceType\":\"Observation\","
        "\"valueString\":\"\\\"reference\\\":\\\"urn:uuid:p\\\"\","
        "\"subject\":{\"reference\":\"urn:uuid:p\"}}}]}");
    assert_int_equal(r.loaded, 3);
    assert_int_equal(r.bad, 0);
    check_stored(f, "Patient", "p", "{\"id\":\"p\",\"resourceType\":\"Patient\"}");
    check_stored(f, "Observation", "o",
                 "{\"id\":\"o\",\"resourceType\":\"Observation\",\"valueString\":"
                 "\"\\\"reference\\\":\\\"urn:uuid:p\\\"\",\"subject\":{"
                 "\"reference\":\"Patient/p\"}}");
    check_stored(f, "Encounter", "e1",
                 "{\"resourceType\":\"Encounter\",\"id\":\"e1\",\"subject\":{\"reference\":"
                 "\"Patient/p\"},\"serviceProvider\":{\"reference\":\"urn:uuid:nobody\"}}");
}

static void urn_maps_grow(void **state)
{
    (void)state;
    struct fhir_urn_map m = {0};
    char urn[32], target[32];
    assert_null(fhir_urn_map_get(&m, "urn:uuid:1", 10));
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 5000; i++) {
            snprintf(urn, sizeof(urn), "urn:uuid:%d", i);
            snprintf(target, sizeof(target), "Patient/%d", i + pass);
            assert_int_equal(fhir_urn_map_put(&m, urn, strlen(urn), target), 0);
        }
    assert_int_equal(m.n, 5000);
    assert_string_equal(fhir_urn_map_get(&m, "urn:uuid:4999", 13), "Patient/5000");
    assert_null(fhir_urn_map_get(&m, "urn:uuid:5000", 13));
    fhir_urn_map_release(&m);
}

static void strict_stops_at_the_first_bad_line(void **state)
{
    struct fixture *f = *state;
    const char *text = "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n\n"
                       "{\"resourceType\":\"Patient\",\"id\":\"not an id\"}\n"
                       "{\"resourceType\":\"Patient\",\"id\":\"c\"}\n";
    struct fhir_load_report r = {.strict = true};
    char *path = write_file(f, "x.ndjson", text, strlen(text));
    assert_int_equal(fhir_load_file(f->store, path, &r), GRASP_EINVAL);
    assert_non_null(strstr(err_msg(), "x.ndjson:3: "));
    assert_non_null(strstr(err_msg(), "not an id"));
    assert_int_equal(r.loaded, 1);
    assert_int_equal(fhir_count(f->store, NULL), 1);
    free(path);
}

static void gzip_is_read_also_when_cut(void **state)
{
    struct fixture *f = *state;
    struct buf text = BUF_INIT, cut = BUF_INIT;
    for (int i = 0; i < 2000; i++)
        buf_addf(&text, "{\"resourceType\":\"Patient\",\"id\":\"p%d\",\"language\":\"%x\"}\n", i,
                 (unsigned)i * 2654435761u);
    char *path = fs_join(f->dir, "p.ndjson.gz");
    gzFile z = gzopen(path, "wb");
    assert_int_equal(gzwrite(z, text.ptr, (unsigned)text.len), text.len);
    gzclose(z);
    struct fhir_load_report r = {0};
    assert_int_equal(fhir_load_file(f->store, path, &r), 0);
    assert_int_equal(r.loaded, 2000);
    assert_int_equal(r.bad, 0);
    assert_int_equal(fs_read(path, &cut), 0);
    assert_int_equal(fs_write(path, cut.ptr, cut.len / 2), 0);
    r = (struct fhir_load_report){0};
    assert_int_equal(fhir_load_file(f->store, path, &r), 0);
    assert_in_range(r.loaded, 100, 1999);
    assert_in_range(r.bad, 1, 2); /* the line it ends in, and the end itself */
    cut.ptr[cut.len - 8] ^= 1;    /* the checksum */
    assert_int_equal(fs_write(path, cut.ptr, cut.len), 0);
    r = (struct fhir_load_report){.strict = true};
    assert_int_equal(fhir_load_file(f->store, path, &r), GRASP_EINVAL);
    buf_release(&text);
    buf_release(&cut);
    free(path);
}

static void files_that_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    struct fhir_load_report r = {0};
    assert_int_equal(fhir_load_file(f->store, "/nonexistent/x", &r), GRASP_ENOTFOUND);
    assert_non_null(strstr(err_msg(), "/nonexistent/x"));
    char *fifo = fs_join(f->dir, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(fhir_load_file(f->store, fifo, &r), GRASP_EINVAL);
    assert_non_null(strstr(err_msg(), "not a file"));
    assert_int_equal(fhir_load_file(f->store, "/dev/zero", &r), GRASP_EINVAL);
    free(fifo);
    r = load_text(f, "empty", "");
    assert_int_equal(r.loaded + r.bad, 0);
    r = load_text(f, "page.html", "<html>\n<body>\n</body>\n");
    assert_int_equal(r.bad, 3);
}

/* By name: a/1.json, b.ndjson; what is no JSON file is left out. */
static void a_folder_loads_whole(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *text;
    } files[] = {
        {"b.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"b1\"}\n"
                     "{\"resourceType\":\"Patient\",\"id\":\"b2\"}\n"},
        {"a/1.json", "{\n\"resourceType\": \"Patient\",\n\"id\": \"a1\"\n}\n"},
        {"notes.txt", "none of it\n"},
        {".hidden.json", "{"},
    };
    struct fhir_load_report r = {0};
    char *inner = fs_join(f->dir, "a");
    assert_int_equal(fs_mkdirs(inner), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        free(write_file(f, files[i].name, files[i].text, strlen(files[i].text)));
    assert_int_equal(fhir_load_file(f->store, f->dir, &r), 0);
    assert_int_equal(r.loaded, 3);
    assert_int_equal(r.bad, 0);
    free(inner);
}

#define REFERS(id, to)                                                                             \
    "{\"resourceType\":\"PractitionerRole\",\"id\":\"" id                                          \
    "\",\"practitioner\":{\"reference\":\"" to "\"}}\n"

/* What they find may come in a later file; what finds nothing stays and is counted. */
static void references_that_are_searches(void **state)
{
    struct fixture *f = *state;
    static const char roles[] = REFERS("r1", "Practitioner?identifier=urn:npi|1")
        REFERS("r2", "Practitioner?identifier=urn:npi|2")
            REFERS("r3", "Practitioner?identifier=urn:npi|3")
                REFERS("r4", "Practitioner?nonsense=3") REFERS("r5", "Practitioner/p1");
    static const char people[] =
        "{\"resourceType\":\"Practitioner\",\"id\":\"p1\",\"identifier\":[{\"system\":\"urn:npi\","
        "\"value\":\"1\"}]}\n"
        "{\"resourceType\":\"Practitioner\",\"id\":\"p3a\",\"identifier\":[{\"system\":\"urn:npi\","
        "\"value\":\"3\"}]}\n"
        "{\"resourceType\":\"Practitioner\",\"id\":\"p3b\",\"identifier\":[{\"system\":\"urn:npi\","
        "\"value\":\"3\"}]}\n";
    struct fhir_load_report r = {0};
    const char *paths[] = {write_file(f, "roles.ndjson", roles, strlen(roles)),
                           write_file(f, "people.ndjson", people, strlen(people))};
    json_t *found = NULL;
    assert_int_equal(fhir_load(f->store, paths, 2, &r), 0);
    assert_int_equal(r.loaded, 8);
    assert_int_equal(r.bad, 0);
    assert_int_equal(r.unresolved, 3);
    assert_int_equal(fhir_search(f->store, NULL, "PractitionerRole?practitioner=p1", &found), 0);
    assert_int_equal(json_array_size(found), 2);
    json_decref(found);
    free((char *)paths[0]);
    free((char *)paths[1]);
}

static void the_newest_version_stays(void **state)
{
    struct fixture *f = *state;
    struct fhir_response rs = FHIR_RESPONSE_INIT;
#define VERSION(n, when)                                                                           \
    "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"h\",\"meta\":{\"versionId\":\"" n        \
    "\",\"lastUpdated\":\"" when "\"}}}"
    static const char *const bundles[] = {
        VERSION("2", "2024-01-02T00:00:00Z") "," VERSION("1", "2024-01-01T00:00:00Z"),
        VERSION("3", "2024-01-03T00:00:00Z") "," VERSION("4", "2024-01-04T00:00:00Z"),
        VERSION("1", "2024-02-01T00:00:00Z"), /* a server that was set up anew */
    };
    static const char *const versions[] = {"2", "4", "1"};
    for (size_t i = 0; i < 3; i++) {
        struct buf text = BUF_INIT;
        char want[40];
        buf_addf(&text, "{\"resourceType\":\"Bundle\",\"type\":\"history\",\"entry\":[%s]}",
                 bundles[i]);
        load_text(f, "h.json", text.ptr);
        struct fhir_request rq = {.method = "GET", .target = "Patient/h?_pretty=false"};
        assert_int_equal(fhir_handle(f->store, &rq, &rs), 0);
        snprintf(want, sizeof(want), "\"versionId\":\"%s\"", versions[i]);
        assert_non_null(strstr(rs.body.ptr, want));
        fhir_response_release(&rs);
        rs = (struct fhir_response)FHIR_RESPONSE_INIT;
        buf_release(&text);
    }
}

#define stored(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ndjson_comes_line_by_line),
        cmocka_unit_test(one_resource_over_many_lines),
        cmocka_unit_test(bundles_come_entry_by_entry),
        cmocka_unit_test(broken_lines_are_skipped),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(a_sink_stops_it),
        cmocka_unit_test(urn_maps_grow),
        stored(all_shapes_of_files_load),
        stored(urn_references_become_ids),
        stored(strict_stops_at_the_first_bad_line),
        stored(gzip_is_read_also_when_cut),
        stored(files_that_cannot_be_read),
        stored(a_folder_loads_whole),
        stored(references_that_are_searches),
        stored(the_newest_version_stays),
    };
    return cmocka_run_group_tests_name("fhir_load", tests, NULL, NULL);
}
