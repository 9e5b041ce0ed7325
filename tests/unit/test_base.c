/* test_base.c - errors, buffers, text, time, JSON, files, hashing, chats. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "runtime/base/buf.h"
#include "runtime/base/chat.h"
#include "runtime/base/clock.h"
#include "runtime/base/damage.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/base/hash.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/term.h"
#include "runtime/base/text.h"

static void errors_keep_context(void **state)
{
    (void)state;
    assert_int_equal(err_set(GRASP_EINVAL, "bad %d", 7), GRASP_EINVAL);
    assert_int_equal(err_prefix(GRASP_EINVAL, "file %s", "x"), GRASP_EINVAL);
    assert_string_equal(err_msg(), "file x: bad 7");
    err_set(GRASP_EINVAL, "again: %s", err_msg());
    assert_string_equal(err_msg(), "again: file x: bad 7");
    for (int i = 0; i < 500; i++)
        err_prefix(GRASP_EINVAL, "more context");
    assert_true(strlen(err_msg()) < 2048);
    assert_int_equal(err_exit_code(GRASP_EUSAGE), 2);
    assert_int_equal(err_exit_code(GRASP_EOUTAGE), 3);
    assert_int_equal(err_exit_code(GRASP_EIO), 1);
    err_clear();
}

static void buffers_grow_and_escape(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "%d,", i);
    assert_int_equal(b.len, 3890);
    buf_reset(&b);
    buf_add_json(&b, "a\"\\\n\x01\t\xc3\xa9\xf0\x9f\x98\x80", 12, false);
    assert_string_equal(b.ptr, "a\\\"\\\\\\n\\u0001\\t\xc3\xa9\xf0\x9f\x98\x80");
    buf_reset(&b);
    buf_add_json(&b, "\xc3\xa9\xf0\x9f\x98\x80", 6, true);
    assert_string_equal(b.ptr, "\\u00e9\\ud83d\\ude00");
    /* Every place in two blocks and a rest where something must be escaped, against the plain rule. */
    enum { LEN = 40 };
    char text[LEN + 1] = "", all[LEN + 1] = "";
    memset(all, 'y', LEN);
    for (size_t at = 0; at < LEN; at++)
        for (int c = 0; c < 128; c++) {
            memcpy(text, all, LEN);
            text[at] = (char)c;
            buf_reset(&b);
            buf_add_json(&b, text, LEN, true);
            bool special = c < 0x20 || c == '"' || c == '\\';
            assert_memory_equal(b.ptr, all, at);
            assert_int_equal(b.ptr[at], special ? '\\' : c);
            assert_string_equal(b.ptr + b.len - (LEN - 1 - at), all + 1 + at);
        }
    buf_reset(&b);
    buf_add_url(&b, "a b/\xc3\xa9~", 7);
    assert_string_equal(b.ptr, "a%20b%2F%C3%A9~");
    buf_grow(&b, SIZE_MAX / 2);
    assert_int_equal(buf_check(&b), GRASP_ENOMEM);
    buf_adds(&b, "ignored");
    assert_null(buf_detach(&b));
    char *p = buf_detach(&b);
    assert_string_equal(p, "");
    free(p);
    buf_release(&b);
}

/* Our writer of JSON against jansson's, byte for byte. */
static void json_is_written_as_jansson_does(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "\"\"",
        "null",
        "[true,false,null,0,-7,9007199254740993,0.1,-2.5e-300,1e21]",
        "{\"a\":{\"\\\"\\\\\":[[],{},[{}]],\"\":\"x\"},\"b\":\"\\\" \\\\ \\n\\r\\t\\b\\f / \x7f\"}",
        "[\"\xc3\xa9\xf0\x9f\x98\x80\",\"eight by\",\"eight b\\\"\",\"\\\"eight by\\\\tes\"]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct buf b = BUF_INIT;
        json_t *v;
        assert_int_equal(json_parse(&v, texts[i], strlen(texts[i]), "text"), 0);
        char *want = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        buf_add_json_value(&b, v);
        assert_string_equal(b.ptr, want);
        buf_release(&b);
        free(want);
        json_decref(v);
    }
    struct buf b = BUF_INIT;
    json_t *zero = json_stringn("a\0b", 3), *deep = json_array();
    buf_add_json_value(&b, zero);
    assert_string_equal(b.ptr, "\"a\\u0000b\"");
    for (int i = 0; i < 5000; i++)
        deep = json_pack("[o]", deep);
    buf_add_json_value(&b, deep); /* deeper than any text that can be read: refused */
    assert_true(b.failed);
    buf_release(&b);
    json_decref(zero);
    json_decref(deep);
}

static void utf8_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int valid;
    } cases[] = {{"plain", 1},        {"\xc3\xa9", 1},     {"\xc0\x80", 0},
                 {"\xed\xa0\x80", 0}, {"\xf4\x90\x80", 0}, {"\xf4\x8f\xbf\xbf", 1},
                 {"\x80", 0},         {"\xe2\x82", 0},     {"\xff", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(utf8_valid(cases[i].s, strlen(cases[i].s)), cases[i].valid);
    assert_int_equal(utf8_cut("a\xc3\xa9z", 4, 2), 1);
    assert_int_equal(utf8_prefix("a\xc3\xa9z", 4, 2), 3);
    assert_int_equal(utf8_length("a\xc3\xa9z", 4), 3);
}

static void numbers_are_checked(void **state)
{
    (void)state;
    int64_t i;
    double d;
    assert_true(str_to_i64("-12", -20, 5, &i));
    assert_int_equal(i, -12);
    assert_false(str_to_i64("12x", 0, 99, &i));
    assert_false(str_to_i64("", 0, 99, &i));
    assert_false(str_to_i64("99999999999999999999", 0, INT64_MAX, &i));
    assert_true(str_to_double("1e3", &d));
    assert_true(d == 1000.0);
    assert_false(str_to_double("nan", &d));
    assert_false(str_to_double("0x10", &d));
    assert_false(str_to_double("1e999", &d));
    assert_int_equal(str_distance("epochs", "epoch"), 1);
    assert_int_equal(str_distance("seed", "sede"), 1);
    assert_int_equal(str_distance("", "abc"), 3);
}

static void calendar_round_trips(void **state)
{
    (void)state;
    for (int64_t day = -800000; day < 800000; day += 13) {
        int64_t y;
        int m, d;
        civil_from_days(day, &y, &m, &d);
        assert_in_range(m, 1, 12);
        assert_in_range(d, 1, days_in_month(y, m));
        assert_true(days_from_civil(y, m, d) == day);
    }
    int64_t ns;
    char text[CLOCK_TEXT];
    assert_int_equal(clock_parse("2023-11-13T10:15:00+00:00", &ns), 0);
    clock_format(ns, 0, text);
    assert_string_equal(text, "2023-11-13T10:15:00Z");
    assert_int_equal(clock_parse("1969-12-31T23:59:59.250-01:30", &ns), 0);
    clock_format(ns, 1, text);
    assert_string_equal(text, "1970-01-01T01:29:59.250Z");
    static const char *const bad[] = {
        "2023-02-29T00:00:00Z", "2023-11-13", "2023-11-13T10:15:00",
        "2023-11-13T24:00:00Z", "",           "2023-11-13T10:15:00+0100"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(clock_parse(bad[i], &ns), GRASP_EPARSE);
}

static void json_paths(void **state)
{
    (void)state;
    json_t *v = NULL;
    const char *text = "{\"a\":[{\"b\":{\"c\":\"x\"}},2],\"n\":1.5,\"t\":true}";
    assert_int_equal(json_parse(&v, text, strlen(text), "here"), 0);
    assert_string_equal(json_str_at(v, "a[0].b.c", "?"), "x");
    assert_int_equal(json_int_at(v, "a[1]", -1), 2);
    assert_string_equal(json_str_at(v, "a[1].b", "?"), "?");
    assert_string_equal(json_str_at(v, "a[7].b", "?"), "?");
    assert_true(json_num_at(v, "n", 0) == 1.5);
    assert_true(json_bool_at(v, "t", false));
    json_decref(v);
    assert_int_equal(json_parse(&v, "{\n\"a\":}", 7, "f.json"), GRASP_EPARSE);
    assert_non_null(strstr(err_msg(), "f.json:2"));
}

static void files_are_replaced_whole(void **state)
{
    (void)state;
    char *dir = fs_tempdir("grasp-test");
    assert_non_null(dir);
    char *sub = fs_join(dir, "a/b/c");
    assert_int_equal(fs_mkdirs(sub), 0);
    assert_int_equal(fs_mkdirs(sub), 0);
    char *file = fs_join(sub, "x");
    assert_int_equal(fs_write(file, "one", 3), 0);
    assert_int_equal(fs_write(file, "two!", 4), 0);
    struct buf b = BUF_INIT;
    assert_int_equal(fs_read(file, &b), 0);
    assert_string_equal(b.ptr, "two!");
    buf_release(&b);
    assert_int_equal(fs_read("/nonexistent", &b), GRASP_ENOTFOUND);
    assert_int_equal(fs_mkdirs(file), GRASP_EIO);
    assert_int_equal(fs_write("/proc/none/x", "", 0), GRASP_EIO);
    /* In pieces: what is dropped leaves the old file and nothing beside it. */
    struct fs_out o;
    char piece[1000];
    memset(piece, 'p', sizeof(piece));
    assert_int_equal(fs_out_open(&o, "/proc/none/x"), GRASP_EIO);
    assert_int_equal(fs_out_open(&o, file), 0);
    assert_int_equal(fs_out_add(&o, piece, sizeof(piece)), 0);
    assert_int_equal(fs_out_close(&o, GRASP_ESTOPPED), GRASP_ESTOPPED);
    assert_int_equal(fs_read(file, &b), 0);
    assert_string_equal(b.ptr, "two!");
    buf_release(&b);
    assert_int_equal(fs_out_open(&o, file), 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(fs_out_add(&o, piece, sizeof(piece)), 0);
    assert_int_equal(fs_out_close(&o, 0), 0);
    assert_int_equal(fs_read(file, &b), 0);
    assert_int_equal(b.len, 200 * sizeof(piece));
    assert_memory_equal(b.ptr + b.len - sizeof(piece), piece, sizeof(piece));
    buf_release(&b);
    /* What a process that was killed left is taken up, also where two write at once. */
    struct fs_out other;
    char *left = fs_join(sub, "x.tmp.000000");
    assert_int_equal(fs_write(left, "half", 4), 0);
    assert_int_equal(fs_count_files(dir), 1);
    assert_int_equal(fs_out_open(&o, file), 0);
    assert_int_equal(fs_out_open(&other, file), 0);
    assert_string_equal(o.tmp, left);
    assert_string_not_equal(other.tmp, left);
    assert_int_equal(fs_out_add(&o, "1", 1), 0);
    assert_int_equal(fs_out_add(&other, "22", 2), 0);
    assert_int_equal(fs_out_close(&other, 0), 0);
    assert_int_equal(fs_out_close(&o, 0), 0);
    assert_int_equal(fs_read(file, &b), 0);
    assert_string_equal(b.ptr, "1");
    buf_release(&b);
    /* But not where it is something else than a file. */
    assert_int_equal(symlink(file, left), 0);
    assert_int_equal(fs_write(file, "new", 3), 0);
    assert_int_equal(unlink(left), 0);
    free(left);
    unlink(file);
    assert_int_equal(rmdir(sub), 0); /* empty: no temporary file was left */
    assert_int_equal(fs_remove_tree(dir), 0);
    assert_false(fs_exists(dir));
    free(file);
    free(sub);
    free(dir);
}

static void hashes_grow(void **state)
{
    (void)state;
    uint8_t a[HASH_SIZE], b[HASH_SIZE];
    char hex[HASH_HEX];
    hash_once("abc", 3, a);
    hash_hex(a, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct hash *h = hash_new(), *g = hash_new();
    hash_add(h, "a", 1);
    hash_peek(h, b);
    hash_add(h, "bc", 2);
    hash_peek(h, b);
    assert_memory_equal(a, b, HASH_SIZE);
    hash_copy(g, h);
    hash_peek(g, b);
    assert_memory_equal(a, b, HASH_SIZE);
    hash_free(h);
    hash_free(g);
}

static void arrays_grow_at_their_end(void **state)
{
    (void)state;
    int *v = NULL;
    size_t cap = 0;
    for (size_t n = 0; n < 1000; n++) {
        assert_int_equal(grow(&v, &cap, n + 1), 0);
        v[n] = (int)n;
    }
    assert_int_equal(v[999], 999);
    assert_true(cap >= 1000 && cap < 2000);
#ifndef __SANITIZE_ADDRESS__ /* which ends a program that asks for that much */
    int *before = v;
    size_t had = cap;
    assert_int_equal(grow(&v, &cap, SIZE_MAX / 2), GRASP_ENOMEM);
    assert_string_equal(err_msg(), "out of memory");
    assert_ptr_equal(v, before);
    assert_int_equal(cap, had);
#endif
    free(v);
}

static void chats_round_trip(void **state)
{
    (void)state;
    struct chat c = {0}, d;
    assert_int_equal(chat_add(&c, CHAT_USER, "hi\xff", 3), 0);
    assert_int_equal(chat_add(&c, CHAT_AGENT, "GET x", 5), 0);
    json_t *j = chat_to_json(&c);
    assert_string_equal(json_str_at(j, "[0].content", ""), "hi\xef\xbf\xbd");
    struct buf built = BUF_INIT, written = BUF_INIT;
    buf_add_json_value(&built, j);
    chat_write_json(&c, &written);
    assert_string_equal(written.ptr, built.ptr);
    buf_release(&built);
    buf_release(&written);
    assert_int_equal(chat_from_json(&d, j), 0);
    assert_int_equal(d.n, 2);
    assert_int_equal(d.v[1].role, CHAT_AGENT);
    json_decref(j);
    chat_release(&c);
    chat_release(&d);
    j = json_pack("[{s:s}]", "role", "nobody");
    assert_int_equal(chat_from_json(&d, j), GRASP_EPARSE);
    json_decref(j);
}

static void chats_sleep_and_wake(void **state)
{
    (void)state;
    struct chat c = {0}, other = {0};
    struct chat_head *h = chat_head_new("all of us", 9);
    assert_non_null(h);
    works(chat_add(&c, CHAT_USER, "all of us: I", 12));
    works(chat_add(&other, CHAT_USER, "some of us", 10));
    chat_sleep(&c); /* it has no head */
    assert_false(c.asleep);
    chat_share(&c, h);
    chat_share(&other, h);
    assert_null(other.head);
    chat_head_unref(h);
    for (int i = 0; i < 2; i++) {
        chat_sleep(&c);
        chat_sleep(&c);
        assert_true(c.asleep);
        assert_string_equal(c.v[0].text, ": I");
        assert_int_equal(c.v[0].len, 12);
        works(chat_wake(&c));
        works(chat_wake(&c));
        assert_string_equal(c.v[0].text, "all of us: I");
    }
    chat_sleep(&c);
    struct buf written = BUF_INIT;
    chat_write_json(&c, &written);
    assert_string_equal(written.ptr, "[{\"role\":\"user\",\"content\":\"all of us: I\"}]");
    buf_release(&written);
    chat_sleep(&c);
    chat_release(&c);
    chat_release(&other);
}

static void lists_of_strings(void **state)
{
    (void)state;
    struct strlist a = {0}, b = {0};
    assert_true(strlist_equal(&a, &b));
    for (int i = 0; i < 20; i++)
        assert_int_equal(strlist_addf(&a, "item %d", i), 0);
    assert_int_equal(strlist_copy(&b, &a), 0);
    assert_true(strlist_equal(&a, &b));
    assert_ptr_not_equal(a.v[3], b.v[3]);
    assert_int_equal(strlist_add(&b, ""), 0);
    assert_false(strlist_equal(&a, &b));
    assert_int_equal(strlist_add(&a, "\xff"), 0);
    assert_false(strlist_equal(&a, &b));
    json_t *j = json_strings(&a);
    assert_int_equal(json_array_size(j), 21);
    assert_string_equal(json_string_value(json_array_get(j, 19)), "item 19");
    assert_string_equal(json_string_value(json_array_get(j, 20)), "\xef\xbf\xbd");
    json_decref(j);
    strlist_release(&a);
    strlist_release(&b);
    assert_true(str_same(NULL, NULL));
    assert_false(str_same("", NULL));
    assert_false(str_same(NULL, ""));
    assert_true(str_same("a", "a"));
    assert_false(str_same("a", "b"));
}

static void secrets_are_blanked(void **state)
{
    (void)state;
    char text[] = "key sk-12345 and sk-12345";
    log_secret("sk-12345");
    log_redact(text);
    assert_string_equal(text, "key ******** and ********");
    log_close();
}

/* The key of 8 bytes is a word that data may hold; log files are never read by a program. */
static void secrets_in_data_are_long(void **state)
{
    (void)state;
    char a[] = "sk-12345 and sk-0123/456789ab\0sk-0123/456789ab and sk-0123%2F456789ab";
    size_t len = sizeof(a) - 1;
    log_secret("sk-12345");
    log_secret("sk-0123/456789ab");
    log_redact_data(a, len);
    assert_memory_equal(a, "sk-12345 and ****************\0**************** and ******************",
                        len);
    assert_int_equal(log_secret_begins("ask-0123/456", 12), 1);
    assert_int_equal(log_secret_begins("sk-0123/456789ac", 16), 16);
    assert_int_equal(log_secret_begins("s", 1), 0);
    log_open("/dev/null"); /* opening a log forgets no key */
    char b[] = "sk-12345";
    log_redact(b);
    assert_string_equal(b, "********");
    log_close();
}

/* Texts of models go into tables that people open in a spreadsheet. */
static void fields_of_csv_are_only_text(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"a,b \"c\"\nd", "\"a,b \"\"c\"\"\nd\""},
        {"=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""},
        {"@SUM(A1)", "'@SUM(A1)"},
        {"+1", "'+1"},
        {"-1", "'-1"},
        {"\t=1", "'\t=1"},
        {"a=1", "a=1"},
        {"\x1b[2J\r", "\\u001b[2J\\u000d"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b = BUF_INIT;
        buf_add_csv(&b, cases[i].in);
        assert_string_equal(b.ptr, cases[i].out);
        buf_release(&b);
    }
}

static void control_sequences_are_made_visible(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain\ttext\n\xc3\xa9\xe2\x80\x94", "plain\ttext\n\xc3\xa9\xe2\x80\x94"},
        {"\x1b[2J\x1b]0;owned\a", "\\u001b[2J\\u001b]0;owned\\u0007"},
        {"a\rb\bc\x7f", "a\\u000db\\u0008c\\u007f"},
        {"\xc2\x9b"
         "31m",
         "\\u009b31m"}, /* CSI as one character */
        {"\x9b"
         "31m \xff",
         "\\x9b31m \\xff"}, /* and as one byte */
        {"if \xe2\x80\xae"
         "x",
         "if \\u202ex"},
        {"\xe2\x81\xa6y\xe2\x81\xa9", "\\u2066y\\u2069"},
        {"a\xe2\x80\x8f"
         "1\xd8\x9c",
         "a\\u200f1\\u061c"},
        {"\xef\xbf\xbd", "\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b = BUF_INIT;
        buf_add_visible(&b, cases[i].in, strlen(cases[i].in));
        assert_string_equal(b.ptr, cases[i].out);
        buf_release(&b);
    }
}

/* What was printed, by `print`, on a standard output of its own. */
static void printed(void (*print)(void), char *out, size_t size)
{
    int p[2], before = dup(1);
    assert_int_equal(pipe(p), 0);
    fflush(stdout);
    dup2(p[1], 1);
    close(p[1]);
    term_open();
    print();
    assert_int_equal(term_close(), 0);
    dup2(before, 1);
    close(before);
    ssize_t n = read(p[0], out, size - 1);
    close(p[0]);
    out[n > 0 ? n : 0] = '\0';
}

static void print_in_pieces(void)
{
    static const char text[] = "\x1b[1m\xe2\x80\x94 sk-0123/456789ab!\xe2\x80";
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        putchar(text[i]);
        fflush(stdout);
    }
}

static void print_raw(void)
{
    printf("\x1b[1m");
    term_raw(true);
    printf("\x1b[1m sk-0123/456789ab");
}

static void standard_output_gives_no_orders(void **state)
{
    (void)state;
    char out[256];
    log_secret("sk-0123/456789ab");
    printed(print_in_pieces, out, sizeof(out));
    assert_string_equal(out, "\\u001b[1m\xe2\x80\x94 ****************!\\xe2\\x80");
    printed(print_raw, out, sizeof(out));
    assert_string_equal(out, "\\u001b[1m\x1b[1m ****************");
    log_close();
}

static void files_that_are_none_are_refused(void **state)
{
    (void)state;
    char *dir = fs_tempdir("odd"), *path = fs_join(dir, "f");
    struct buf b = BUF_INIT;
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: an open would wait forever */
    assert_int_equal(fs_read(path, &b), GRASP_EINVAL);
    assert_non_null(strstr(err_msg(), "named pipe"));
    assert_int_equal(json_read_lines(path, NULL, NULL), GRASP_EINVAL);
    assert_true(log_open(path) < 0);
    unlink(path);
    assert_int_equal(fs_read("/dev/zero", &b), GRASP_EINVAL);
    assert_non_null(strstr(err_msg(), "device"));
    assert_int_equal(fs_read(dir, &b), GRASP_EIO);
    assert_non_null(strstr(err_msg(), "Is a directory"));
    assert_int_equal(fs_read("/dev/null", &b), 0);
    works(fs_write(path, "x", 1));
    assert_int_equal(truncate(path, FS_READ_MAX + 1), 0); /* with a hole in it */
    assert_int_equal(fs_read(path, &b), GRASP_ELIMIT);
    assert_int_equal(b.len, 0);
    /* What a shell hands over as <(...) is read. */
    int p[2];
    char name[64];
    assert_int_equal(pipe(p), 0);
    assert_int_equal(write(p[1], "piped", 5), 5);
    close(p[1]);
    snprintf(name, sizeof(name), "/dev/fd/%d", p[0]);
    works(fs_read(name, &b));
    assert_string_equal(b.ptr, "piped");
    close(p[0]);
    /* A link is replaced, and a log does not follow it. */
    char *link = fs_join(dir, "link");
    assert_int_equal(symlink("f", link), 0);
    assert_true(log_open(link) < 0);
    works(fs_write(link, "new", 3));
    struct stat st;
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, FS_READ_MAX + 1);
    buf_release(&b);
    fs_remove_tree(dir);
    free(link);
    free(path);
    free(dir);
}

static void files_follow_the_umask(void **state)
{
    (void)state;
    char *dir = fs_tempdir("umask"), *path = fs_join(dir, "f");
    struct stat st;
    mode_t before = umask(077);
    works(fs_write(path, "x", 1));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    umask(002);
    works(fs_write(path, "x", 1));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0664);
    umask(before);
    fs_remove_tree(dir);
    free(path);
    free(dir);
}

/* Every code of LMDB's says what to do next, but for those that a program alone can make. */
static void databases_say_the_way_out(void **state)
{
    static const int ours[] = {MDB_MAP_FULL, MDB_DBS_FULL,    MDB_READERS_FULL,
                               MDB_TLS_FULL, MDB_MAP_RESIZED, MDB_BAD_RSLOT};
    (void)state;
    assert_int_equal(damage_error(0, "x", GRASP_EIO, "foreign", "way out"), 0);
    for (int rc = MDB_KEYEXIST; rc <= MDB_LAST_ERRCODE; rc++) {
        bool alone = false;
        for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
            alone = alone || ours[i] == rc;
        int code =
            damage_error(rc, "journal 'j': cannot read", GRASP_ECONFLICT, "foreign", "way out");
        bool damaged = strstr(err_msg(), "it is damaged: way out") != NULL;
        assert_true(code < 0 && str_starts(err_msg(), "journal 'j': cannot read: "));
        assert_int_equal(damaged, code == GRASP_ECONFLICT);
        if (!damaged && !alone && !strstr(err_msg(), "; foreign") &&
            !strstr(err_msg(), "disk full"))
            fail_msg("%d: %s", rc, err_msg());
    }
    assert_int_equal(damage_error(ENOSPC, "x", GRASP_EREFUSED, "", ""), GRASP_EIO);
    assert_non_null(strstr(err_msg(), "make room"));
    assert_int_equal(damage_error(ENOMEM, "x", GRASP_EREFUSED, "", ""), GRASP_ENOMEM);
}

/* Files and folders of one file system or of several, whoever flushes them; nothing is no wait. */
static void barriers_wait_for_the_disk(void **state)
{
    struct barrier b = {0};
    char *dir = fs_tempdir("barrier"), *path = fs_join(dir, "f");
    (void)state;
    works(fs_put(path, "x", 1));
    works(barrier_wait(&b));
    for (int round = 0; round < 3; round++) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        b.one_by_one = round == 2;
        works(barrier_add(&b, fd));
        close(fd); /* it has its own */
        works(barrier_add_path(&b, dir));
        works(barrier_add_path(&b, "/proc")); /* keeps its directories by itself */
        if (round == 0) {
            works(barrier_wait(&b));
        } else {
            struct pollfd done = {.events = POLLIN};
            works(barrier_start(&b));
            done.fd = b.done;
            assert_int_equal(poll(&done, 1, -1), 1);
            works(barrier_end(&b));
        }
        assert_int_equal(b.n, 0);
    }
    /* More files than a process may have open; on the disk one after the other, or at once. */
    for (int round = 0; round < 2; round++) {
        b.one_by_one = round;
        for (int i = 0; i < 5000; i++) {
            int fd = open(path, O_RDWR | O_CLOEXEC);
            works(barrier_add(&b, fd));
            close(fd);
        }
        assert_true(b.n <= 64);
        works(barrier_wait(&b));
    }
    int p[2];
    assert_int_equal(pipe(p), 0);
    works(barrier_add(&b, p[0])); /* has no disk */
    assert_int_equal(barrier_wait(&b), GRASP_EIO);
    assert_int_equal(barrier_add_path(&b, "/nowhere/at/all"), GRASP_EIO);
    works(barrier_path(dir));
    close(p[0]);
    close(p[1]);
    fs_remove_tree(dir);
    free(path);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(databases_say_the_way_out),
        cmocka_unit_test(barriers_wait_for_the_disk),
        cmocka_unit_test(errors_keep_context),
        cmocka_unit_test(buffers_grow_and_escape),
        cmocka_unit_test(json_is_written_as_jansson_does),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(calendar_round_trips),
        cmocka_unit_test(json_paths),
        cmocka_unit_test(files_are_replaced_whole),
        cmocka_unit_test(hashes_grow),
        cmocka_unit_test(arrays_grow_at_their_end),
        cmocka_unit_test(chats_round_trip),
        cmocka_unit_test(chats_sleep_and_wake),
        cmocka_unit_test(lists_of_strings),
        cmocka_unit_test(secrets_are_blanked),
        cmocka_unit_test(secrets_in_data_are_long),
        cmocka_unit_test(control_sequences_are_made_visible),
        cmocka_unit_test(fields_of_csv_are_only_text),
        cmocka_unit_test(standard_output_gives_no_orders),
        cmocka_unit_test(files_follow_the_umask),
        cmocka_unit_test(files_that_are_none_are_refused),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
