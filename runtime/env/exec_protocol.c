/* exec_protocol.c - writes requests and reads answers; the answers are outside text. */
#include "runtime/env/exec_protocol.h"

#include <string.h>
#include <xxhash.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"

static const char *const op_names[] = {"hello", "start", "step", "grade", "end"};

const char *exec_op_name(enum exec_op op)
{
    return op_names[op];
}

/* ---- requests ---- */

static void add_text(struct buf *out, const char *s, size_t len)
{
    if (utf8_valid(s, len)) {
        buf_add_json(out, s, len, false);
        return;
    }
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = utf8_decode(s + i, len - i, &cp);
        if (cp == 0xfffd)
            buf_adds(out, "\xef\xbf\xbd");
        else
            buf_add_json(out, s + i, n, false);
        i += n;
    }
}

static void begin(struct buf *out, uint64_t id, enum exec_op op)
{
    buf_addf(out, "{\"id\":%llu,\"op\":\"%s\"", (unsigned long long)id, op_names[op]);
}

static void add_episode(struct buf *out, uint64_t episode)
{
    buf_addf(out, ",\"episode\":%llu", (unsigned long long)episode);
}

void exec_write_hello(struct buf *out, uint64_t id)
{
    begin(out, id, EXEC_HELLO);
    buf_addf(out, ",\"protocol\":%d}\n", EXEC_PROTOCOL);
}

void exec_write_start(struct buf *out, uint64_t id, uint64_t episode, const json_t *task)
{
    begin(out, id, EXEC_START);
    add_episode(out, episode);
    buf_adds(out, ",\"task\":");
    buf_add_json_value(out, task);
    buf_adds(out, "}\n");
}

void exec_write_step(struct buf *out, uint64_t id, uint64_t episode, const char *reply, size_t len)
{
    begin(out, id, EXEC_STEP);
    add_episode(out, episode);
    buf_adds(out, ",\"reply\":\"");
    add_text(out, reply, len);
    buf_adds(out, "\"}\n");
}

void exec_write_grade(struct buf *out, uint64_t id, uint64_t episode, enum rollout_status status,
                      const char *answer)
{
    begin(out, id, EXEC_GRADE);
    add_episode(out, episode);
    buf_addf(out, ",\"status\":\"%s\",\"answer\":", rollout_status_name(status));
    if (answer) {
        buf_addch(out, '"');
        add_text(out, answer, strlen(answer));
        buf_adds(out, "\"}\n");
    } else {
        buf_adds(out, "null}\n");
    }
}

void exec_write_end(struct buf *out, uint64_t episode)
{
    buf_addf(out, "{\"op\":\"end\",\"episode\":%llu}\n", (unsigned long long)episode);
}

/* ---- answers ---- */

void exec_add_plain(struct buf *out, const char *text, size_t len, size_t max)
{
    size_t from = out->len;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = utf8_decode(text + i, len - i, &cp);
        size_t room = max - (out->len - from), need = cp == 0xfffd ? 3 : n;
        if (need > room)
            break;
        if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
            buf_addch(out, ' ');
        else if (cp == 0xfffd)
            buf_adds(out, "\xef\xbf\xbd");
        else
            buf_add(out, text + i, n);
        i += n;
    }
}

static int wrong(enum exec_op op, const char *what, const char *line, size_t len)
{
    struct buf shown = BUF_INIT;
    exec_add_plain(&shown, line, len, 120);
    int rc = err_set(GRASP_EPARSE, "its answer to %s %s: %s%s", op_names[op], what, shown.ptr,
                     len > 120 ? "..." : "");
    buf_release(&shown);
    return rc;
}

/* A member that may be text or any other JSON, which is then taken as its compact text. */
static void text_of(const json_t *v, struct buf *out)
{
    if (json_is_string(v))
        buf_add(out, json_string_value(v), json_string_length(v));
    else
        buf_add_json_value(out, v);
}

static const char *read_hello(struct exec_answer *a)
{
    json_t *protocol = json_object_get(a->root, "protocol");
    json_t *episodes = json_object_get(a->root, "episodes");
    a->name = json_str_at(a->root, "name", "");
    if (!json_is_integer(protocol))
        return "has no \"protocol\" (the version it speaks, 1)";
    if (json_integer_value(protocol) != EXEC_PROTOCOL)
        return "speaks another version of the protocol than 1";
    a->episodes = episodes ? json_integer_value(episodes) : 1;
    if (a->episodes < 1 || a->episodes > EXEC_EPISODES_MAX)
        return "has \"episodes\" that are no number from 1 to 4096";
    return NULL;
}

static const char *read_start(struct exec_answer *a)
{
    static const struct {
        const char *key;
        size_t at;
    } texts[] = {{"description", offsetof(struct exec_answer, description)},
                 {"context", offsetof(struct exec_answer, context)}};
    a->api = json_object_get(a->root, "api");
    a->response_format = json_object_get(a->root, "response_format");
    for (size_t i = 0; i < 2; i++) {
        json_t *v = json_object_get(a->root, texts[i].key);
        if (v && !json_is_null(v) && !json_is_string(v))
            return "has a description or context that is no string";
        *(const char **)((char *)a + texts[i].at) = json_string_value(v);
    }
    if (!a->api && !a->response_format && !a->description)
        return "has none of api, response_format, description";
    return NULL;
}

static const char *read_step(struct exec_answer *a)
{
    json_t *observation = json_object_get(a->root, "observation");
    json_t *invalid = json_object_get(a->root, "invalid");
    json_t *action = json_object_get(a->root, "action");
    json_t *digest = json_object_get(a->root, "digest");
    bool done = json_is_true(json_object_get(a->root, "done"));
    bool bad = json_is_true(invalid) || json_is_string(invalid);
    if ((observation != NULL) + done + bad != 1)
        return "is not exactly one of observation, done: true, invalid";
    if (json_is_string(action))
        exec_add_plain(&a->action, json_string_value(action), json_string_length(action),
                       EXEC_ACTION_MAX);
    if (digest && !json_is_null(digest) && !json_is_string(digest))
        return "has a \"digest\" that is no text";
    if (digest && observation) {
        const char *s = json_string_value(digest);
        buf_add(&a->digest, s ? s : "",
                s ? utf8_cut(s, json_string_length(digest), EXEC_DIGEST_MAX) : 0);
    }
    json_t *text = observation ? observation : done ? json_object_get(a->root, "answer") : NULL;
    a->status = observation ? ROLLOUT_RUNNING : done ? ROLLOUT_COMPLETED : ROLLOUT_INVALID_ACTION;
    a->has_text = observation || (text && !json_is_null(text));
    if (a->has_text)
        text_of(text, &a->text);
    if (bad)
        a->error = json_string_value(invalid);
    return NULL;
}

/* Adds it as long as there is room. */
static void add_plain(struct strlist *list, const json_t *text, size_t bytes, size_t most)
{
    struct buf plain = BUF_INIT;
    exec_add_plain(&plain, json_string_value(text), json_string_length(text), bytes);
    if (list->n < most && plain.len)
        strlist_addn(list, plain.ptr, plain.len);
    buf_release(&plain);
}

static const char *read_grade(struct exec_answer *a)
{
    json_t *correct = json_object_get(a->root, "correct");
    json_t *reason = json_object_get(a->root, "reason");
    json_t *reasons = json_object_get(a->root, "reasons");
    json_t *tags = json_object_get(a->root, "tags"), *tag, *line;
    size_t i;
    if (!json_is_boolean(correct))
        return "has no \"correct\" (true or false)";
    if (tags && !json_is_null(tags) && !json_is_array(tags))
        return "has \"tags\" that are no list";
    if (reasons && !json_is_null(reasons) && !json_is_array(reasons))
        return "has \"reasons\" that are no list";
    a->correct = json_is_true(correct);
    if (json_is_string(reason))
        add_plain(&a->reasons, reason, 1024, EXEC_REASONS_MAX);
    json_array_foreach (reasons, i, line) {
        if (!json_is_string(line))
            return "has a reason that is no string";
        if (i || !reason || !json_equal(line, reason)) /* the first may stand in the list as well */
            add_plain(&a->reasons, line, 1024, EXEC_REASONS_MAX);
    }
    json_array_foreach (tags, i, tag) {
        if (!json_is_string(tag))
            return "has a tag that is no string";
        add_plain(&a->tags, tag, 64, EXEC_TAGS_MAX);
    }
    return NULL;
}

/* The world itself failed on this episode, or says that it is out of reach. */
static bool read_failure(struct exec_answer *a)
{
    static const struct {
        const char *key;
        enum rollout_status status;
    } failures[] = {{"outage", ROLLOUT_UNSCORED}, {"error", ROLLOUT_TASK_ERROR}};
    for (size_t i = 0; i < 2; i++) {
        json_t *v = json_object_get(a->root, failures[i].key);
        if (!json_is_string(v))
            continue;
        a->status = failures[i].status;
        a->error = json_string_value(v);
        return true;
    }
    return false;
}

int exec_read(struct exec_answer *a, enum exec_op op, uint64_t id, const char *line, size_t len)
{
    static const char *(*const readers[])(struct exec_answer *) = {
        [EXEC_HELLO] = read_hello,
        [EXEC_START] = read_start,
        [EXEC_STEP] = read_step,
        [EXEC_GRADE] = read_grade,
    };
    *a = (struct exec_answer){.name = "", .text = BUF_INIT, .action = BUF_INIT, .digest = BUF_INIT};
    json_error_t e;
    const char *what = NULL;
    a->root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &e);
    if (!a->root)
        what = "is no JSON object on one line (debugging output belongs on stderr)";
    else if (!json_is_object(a->root))
        what = "is no JSON object";
    else if (!json_is_integer(json_object_get(a->root, "id")) ||
             (uint64_t)json_integer_value(json_object_get(a->root, "id")) != id)
        what = "does not repeat the \"id\" of the request";
    else if (op == EXEC_HELLO || !read_failure(a))
        what = readers[op](a);
    int rc = what ? wrong(op, what, line, len) : buf_check(&a->text);
    if (rc < 0)
        exec_answer_release(a);
    return rc;
}

void exec_answer_release(struct exec_answer *a)
{
    json_decref(a->root);
    buf_release(&a->text);
    buf_release(&a->action);
    buf_release(&a->digest);
    strlist_release(&a->reasons);
    strlist_release(&a->tags);
    *a = (struct exec_answer){0};
}

uint64_t exec_answer_digest(const struct exec_answer *a)
{
    struct buf b = BUF_INIT;
    buf_addf(&b, "%d %d %s\n%s\n", (int)a->status, a->has_text,
             a->description ? a->description : "", a->context ? a->context : "");
    if (a->api)
        buf_add_json_canonical(&b, a->api);
    if (a->response_format)
        buf_add_json_canonical(&b, a->response_format);
    buf_add(&b, a->text.ptr, a->text.len);
    uint64_t h = XXH3_64bits(b.ptr, b.len);
    buf_release(&b);
    return h;
}
