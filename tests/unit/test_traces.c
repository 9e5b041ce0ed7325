/* test_traces.c - episodes in two files: what is left out of the lines, and what is found again. */
#include "temp_dir.h"

#include "runtime/base/traces.h"

/* `n` episodes with prompts of `bytes`, which are as hard to compress as their seed says. */
static void write_traces(const char *path, int n, size_t bytes, unsigned seed)
{
    struct trace_out o;
    works(trace_out_open(&o, path));
    for (int i = 0; i < n; i++) {
        struct chat c = {0};
        struct buf text = BUF_INIT;
        json_t *v = json_pack("{s:s++, s:b, s:s}", "task_id", "task", i % 2 ? "_odd" : "_even", "",
                              "correct", i % 3 == 0, "reason",
                              "says ,\"messages\": and \"left_out\": here");
        assert_non_null(v);
        for (size_t k = 0; k < bytes; k++) {
            seed = seed * 1103515245 + 12345;
            buf_addch(&text, (char)(' ' + (seed >> 16) % 90));
        }
        works(chat_add(&c, CHAT_USER, text.ptr, text.len));
        works(chat_add(&c, CHAT_AGENT, "GET \"x\"", 7));
        works(chat_add(&c, CHAT_USER, "Please call FINISH", 18));
        works(trace_out_add(&o, v, &c));
        chat_release(&c);
        buf_release(&text);
        json_decref(v);
    }
    works(trace_out_close(&o, 0));
}

struct seen {
    size_t n, prompt;
};

static int look(json_t *v, size_t line, void *arg)
{
    struct seen *s = arg;
    struct chat c;
    assert_int_equal(line, s->n + 1);
    works(chat_from_json(&c, json_object_get(v, "messages")));
    assert_int_equal(c.n, 3);
    s->n++;
    s->prompt = c.v[0].len;
    chat_release(&c);
    return 0;
}

static void lines_are_short_and_whole(void **state)
{
    (void)state;
    struct buf lines = BUF_INIT;
    struct seen s = {0};
    write_traces("a.jsonl", 7, 5000, 1);
    works(fs_read("a.jsonl", &lines));
    assert_true(lines.len < 7 * 400);
    assert_non_null(strstr(lines.ptr, "{\"role\":\"user\",\"left_out\":5000}"));
    assert_non_null(strstr(lines.ptr, "\"content\":\"GET \\\"x\\\"\""));
    assert_non_null(strstr(lines.ptr, "Please call FINISH"));
    works(trace_lines("a.jsonl", look, &s));
    assert_int_equal(s.n, 7);
    assert_int_equal(s.prompt, 5000);
    s = (struct seen){0};
    works(trace_lines("a.jsonl.zst", look, &s));
    assert_int_equal(s.n, 7);
    /* who reads the lines alone is told, and where the rest is */
    json_t *v = json_loadb(lines.ptr, strcspn(lines.ptr, "\n"), 0, NULL);
    struct chat c;
    assert_int_equal(chat_from_json(&c, json_object_get(v, "messages")), GRASP_EPARSE);
    assert_non_null(strstr(err_msg(), "left out"));
    json_decref(v);
    buf_release(&lines);
}

/* Nothing long, nothing at all, and a file of somebody else's need no file beside. */
static void what_is_whole_stays(void **state)
{
    (void)state;
    struct seen s = {0};
    write_traces("short.jsonl", 3, 200, 1);
    works(remove("short.jsonl.zst"));
    works(trace_lines("short.jsonl", look, &s));
    assert_int_equal(s.prompt, 200);
    write_traces("none.jsonl", 0, 0, 1);
    s = (struct seen){0};
    works(trace_lines("none.jsonl", look, &s));
    works(trace_lines("none.jsonl.zst", look, &s));
    assert_int_equal(s.n, 0);
    assert_int_equal(trace_lines("absent.jsonl", look, &s), GRASP_ENOTFOUND);
}

static void refuses(const char *path, int code, const char *words)
{
    struct buf out = BUF_INIT;
    assert_int_equal(trace_whole(path, &out), code);
    if (!strstr(err_msg(), words))
        fail_msg("'%s' is not in: %s", words, err_msg());
    assert_int_equal(out.len, 0);
    buf_release(&out);
}

static void pairs_are_checked(void **state)
{
    (void)state;
    write_traces("p.jsonl", 4, 3000, 1);
    write_traces("q.jsonl", 5, 3000, 1);
    works(rename("p.jsonl.zst", "kept"));
    refuses("p.jsonl", GRASP_ENOTFOUND, "'p.jsonl.zst', which has them whole, is not there");
    works(rename("q.jsonl.zst", "p.jsonl.zst"));
    refuses("p.jsonl", GRASP_EPARSE, "p.jsonl:5: texts are left out");
    works(rename("kept", "q.jsonl.zst"));
    refuses("q.jsonl", GRASP_EPARSE, "q.jsonl:5: texts are left out");
    struct buf odd = BUF_INIT; /* the last line first */
    write_traces("r.jsonl", 2, 3000, 1);
    works(fs_read("r.jsonl", &odd));
    size_t first = strcspn(odd.ptr, "\n") + 1;
    struct buf turned = BUF_INIT;
    buf_add(&turned, odd.ptr + first, odd.len - first);
    buf_add(&turned, odd.ptr, first);
    works(fs_write("r.jsonl", turned.ptr, turned.len));
    refuses("r.jsonl", GRASP_EPARSE, "r.jsonl:1: texts are left out");
    buf_release(&odd);
    buf_release(&turned);
}

/* A file that was cut anywhere, or has a byte flipped, is damaged or what it was, never another text. */
static void damage_is_named(void **state)
{
    (void)state;
    struct buf whole = BUF_INIT, packed = BUF_INIT, out = BUF_INIT;
    write_traces("d.jsonl", 3, 700, 1);
    works(trace_whole("d.jsonl", &whole));
    works(fs_read("d.jsonl.zst", &packed));
    for (size_t n = 0; n < packed.len; n += n < 40 ? 1 : 37) {
        works(fs_write("d.jsonl.zst", packed.ptr, n));
        buf_reset(&out);
        assert_int_equal(trace_whole("d.jsonl", &out), GRASP_EPARSE);
        assert_int_equal(out.len, 0);
    }
    for (size_t i = 0; i < packed.len; i += 11) {
        packed.ptr[i] ^= 4;
        works(fs_write("d.jsonl.zst", packed.ptr, packed.len));
        packed.ptr[i] ^= 4;
        buf_reset(&out);
        int rc = trace_whole("d.jsonl", &out);
        if (rc == 0) {
            assert_int_equal(out.len, whole.len);
            assert_memory_equal(out.ptr, whole.ptr, whole.len);
        } else {
            assert_true(rc == GRASP_EPARSE || rc == GRASP_ELIMIT);
        }
    }
    buf_release(&whole);
    buf_release(&packed);
    buf_release(&out);
}

static void files_may_be_joined(void **state)
{
    (void)state;
    struct buf both = BUF_INIT;
    struct seen s = {0};
    write_traces("x.jsonl", 2, 3000, 1);
    write_traces("y.jsonl", 3, 9000, 2);
    works(fs_read("x.jsonl.zst", &both));
    works(fs_read("y.jsonl.zst", &both));
    works(fs_write("xy.zst", both.ptr, both.len));
    works(trace_lines("xy.zst", look, &s));
    assert_int_equal(s.n, 5);
    buf_release(&both);
}

static void what_failed_leaves_nothing(void **state)
{
    (void)state;
    struct trace_out o;
    works(trace_out_open(&o, "f.jsonl"));
    assert_int_equal(trace_out_close(&o, GRASP_EIO), GRASP_EIO);
    assert_false(fs_exists("f.jsonl") || fs_exists("f.jsonl.zst"));
    works(fs_mkdirs("g.jsonl.zst"));
    works(trace_out_open(&o, "g.jsonl"));
    assert_int_equal(trace_out_close(&o, 0), GRASP_EIO);
    assert_false(fs_exists("g.jsonl"));
    assert_int_equal(trace_out_open(&o, "nowhere/h.jsonl"), GRASP_EIO);
    assert_null(strstr(err_msg(), ".zst"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_short_and_whole), cmocka_unit_test(what_is_whole_stays),
        cmocka_unit_test(pairs_are_checked),         cmocka_unit_test(damage_is_named),
        cmocka_unit_test(files_may_be_joined),       cmocka_unit_test(what_failed_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, enter_temp_dir, leave_temp_dir);
}
