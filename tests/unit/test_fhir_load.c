/* test_fhir_load.c - the streaming splitter: what comes out of NDJSON, Bundles, single resources
 * and broken versions of them, whatever the chunks. */
#include "test.h"

#include "fhir/split.h"
#include "runtime/base/err.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ndjson_comes_line_by_line),
        cmocka_unit_test(one_resource_over_many_lines),
        cmocka_unit_test(bundles_come_entry_by_entry),
        cmocka_unit_test(broken_lines_are_skipped),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(a_sink_stops_it),
    };
    return cmocka_run_group_tests_name("fhir_load", tests, NULL, NULL);
}
