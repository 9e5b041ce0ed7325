/* test_journal.c - the journal: nothing is paid twice, nothing that was delivered is lost. */
#include "journal_harness.h"

#include <sys/syscall.h>
#include <sys/vfs.h>

static void an_answer_is_paid_once(void **state)
{
    struct place *p = *state;
    struct got a = {0}, b = {0};
    struct journal_counts n;
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "hello");
    assert_int_equal(p->fake.n, 1);
    assert_int_equal(journal_in_flight(p->j), 1);
    turn(p);
    assert_int_equal(a.times, 1);
    assert_string_equal(a.text, "answer to hello/0");
    assert_false(a.reply.from_journal);
    ask(p, &b, "hello");
    assert_int_equal(p->fake.n, 0);
    turn(p);
    assert_string_equal(b.text, "answer to hello/0");
    assert_true(b.reply.from_journal);
    assert_int_equal(b.reply.usage.prompt_tokens, 100);
    assert_true(b.reply.latency_ns == 7 * NS_PER_MS);
    ask_draw(p, &b, "hello", 1);
    turn(p);
    assert_string_equal(b.text, "answer to hello/1");
    works(tail_move(p->j));
    journal_counts(p->j, PHASE_ROLLOUT_DEV, &n);
    assert_int_equal(n.asked, 3);
    assert_int_equal(n.made, 2);
    assert_int_equal(n.replayed, 1);
    assert_int_equal(n.paid.prompt_tokens, 200);
    assert_int_equal(n.saved.cached_tokens, 50);
    close_all(p);
    /* Another process would find it, and so would another backend of the same name. */
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &b, "hello");
    turn(p);
    assert_int_equal(p->fake.calls, 2);
    assert_true(b.reply.from_journal);
    journal_counts(p->j, MODEL_PHASES, &n);
    assert_int_equal(n.made, 0);
    close_all(p);
    p->fake.m.identity = strdup("fake with other parameters");
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &b, "hello");
    turn(p);
    assert_int_equal(p->fake.calls, 3);
    got_release(&a);
    got_release(&b);
}

static void equal_calls_in_flight_are_joined(void **state)
{
    struct place *p = *state;
    struct got g[5] = {0};
    struct journal_counts n;
    struct model *second;
    open_with(p, 0, JOURNAL_MAP_START);
    works(journal_model(&second, p->j, p->loop, &p->fake.m));
    for (int i = 0; i < 4; i++)
        ask(p, &g[i], "same");
    model_close(p->m); /* forgets its callers, not what was paid for */
    p->m = second;
    ask(p, &g[4], "same");
    turn(p);
    assert_int_equal(p->fake.calls, 2);
    assert_int_equal(g[0].times, 0);
    assert_int_equal(g[4].times, 1);
    for (int i = 0; i < 4; i++)
        ask(p, &g[i], "other");
    turn(p);
    assert_int_equal(p->fake.calls, 3);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(g[i].times, 1);
        assert_string_equal(g[i].text, "answer to other/0");
        assert_int_equal(g[i].reply.from_journal, i > 0);
    }
    journal_counts(p->j, MODEL_PHASES, &n);
    assert_int_equal(n.asked, 9);
    assert_int_equal(n.made, 3);
    assert_int_equal(n.joined, 6);
    assert_int_equal(n.saved.prompt_tokens, 300);
    for (int i = 0; i < 5; i++)
        got_release(&g[i]);
}

static void is_ahead(const struct place *p, int64_t made, int64_t used, size_t in_flight)
{
    struct journal_ahead a;
    journal_ahead(p->j, &a);
    assert_int_equal(a.made, made);
    assert_int_equal(a.used, used);
    assert_int_equal(a.in_flight, in_flight);
}

/* Of the calls made ahead it is known which were wanted then: each once, in flight or answered. */
static void calls_ahead_are_told_apart(void **state)
{
    struct place *p = *state;
    struct got g[4] = {0}, many = {0};
    char text[16];
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &g[0], "plain");
    ask_ahead(p, &g[1], "plain"); /* is wanted already */
    is_ahead(p, 0, 0, 0);
    ask_ahead(p, &g[2], "early");
    is_ahead(p, 1, 0, 1);
    assert_int_equal(journal_in_flight(p->j), 2);
    ask(p, &g[3], "early"); /* joins it, and makes it one like any other */
    is_ahead(p, 1, 1, 0);
    turn(p);
    is_ahead(p, 1, 1, 0);
    assert_string_equal(g[3].text, "answer to early/0");
    ask(p, &g[3], "early");
    turn(p);
    is_ahead(p, 1, 1, 0);
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "%d", i);
        ask_ahead(p, &many, text);
        turn(p);
    }
    is_ahead(p, 301, 1, 0);
    for (int i = 0; i < 300; i += 3) {
        snprintf(text, sizeof(text), "%d", i);
        for (int twice = 0; twice < 2; twice++) {
            ask(p, &many, text);
            turn(p);
            assert_true(many.reply.from_journal);
        }
    }
    is_ahead(p, 301, 101, 0);
    /* one without an answer is of no use; asked again, it is another call */
    p->fake.result = MODEL_OUTAGE;
    ask_ahead(p, &g[0], "away");
    turn(p);
    p->fake.result = MODEL_OK;
    ask(p, &g[0], "away");
    turn(p);
    is_ahead(p, 302, 101, 0);
    for (int i = 0; i < 4; i++)
        got_release(&g[i]);
    got_release(&many);
}

/* What was paid for under the number that stands for draw 0 is not paid for again. */
static void another_draw_stands_for_the_shared_one(void **state)
{
    struct place *p = *state;
    struct got a = {0}, b = {0}, c = {0};
    struct journal_counts n;
    open_with(p, 0, JOURNAL_MAP_START);
    ask_draw(p, &a, "known", 77);
    turn(p);
    ask_also(p, &b, "known", 0, 77);
    assert_int_equal(p->fake.n, 0);
    turn(p);
    assert_string_equal(b.text, "answer to known/77");
    assert_true(b.reply.from_journal);
    /* only draw 0 is stood for, and only by that number */
    ask_also(p, &b, "known", 5, 77);
    ask_also(p, &c, "known", 0, 78);
    assert_int_equal(p->fake.n, 2);
    turn(p);
    assert_string_equal(b.text, "answer to known/5");
    assert_string_equal(c.text, "answer to known/0");
    /* its own answer comes first */
    ask_also(p, &b, "known", 0, 77);
    turn(p);
    assert_string_equal(b.text, "answer to known/0");
    /* one on its way is waited for */
    ask_draw(p, &a, "soon", 77);
    ask_also(p, &b, "soon", 0, 77);
    assert_int_equal(p->fake.n, 1);
    turn(p);
    assert_int_equal(b.times, 1);
    assert_string_equal(b.text, "answer to soon/77");
    journal_counts(p->j, MODEL_PHASES, &n);
    assert_int_equal(n.asked, 7);
    assert_int_equal(n.made, 4);
    assert_int_equal(n.replayed, 2);
    assert_int_equal(n.joined, 1);
    close_all(p);
    open_with(p, JOURNAL_REPLAY_ONLY, JOURNAL_MAP_START);
    ask_also(p, &a, "soon", 0, 77);
    ask_also(p, &b, "never", 0, 77);
    turn(p);
    assert_string_equal(a.text, "answer to soon/77");
    assert_int_equal(b.reply.result, MODEL_MISSING);
    journal_counts(p->j, MODEL_PHASES, &n);
    assert_int_equal(n.missing, 1);
    assert_int_equal(journal_missing(p->j)->n, 1);
    assert_non_null(strstr(journal_missing(p->j)->v[0], "draw 0"));
    got_release(&a);
    got_release(&b);
    got_release(&c);
}

static void outages_are_never_kept(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    struct journal_counts n;
    static const enum model_result results[] = {MODEL_OUTAGE, MODEL_FATAL, MODEL_MISSING};
    open_with(p, 0, JOURNAL_MAP_START);
    for (size_t i = 0; i < 3; i++) {
        p->fake.result = results[i];
        ask(p, &a, "x");
        turn(p);
        assert_int_equal(a.reply.result, results[i]);
        assert_string_equal(a.error, "the reason");
    }
    p->fake.result = MODEL_CONTEXT_LIMIT;
    for (int i = 0; i < 2; i++) {
        ask(p, &a, "x");
        turn(p);
        assert_int_equal(a.reply.result, MODEL_CONTEXT_LIMIT);
        assert_string_equal(a.error, "the reason");
        assert_string_equal(a.text, "");
        assert_int_equal(a.reply.from_journal, i);
    }
    assert_int_equal(p->fake.calls, 4);
    journal_counts(p->j, PHASE_ROLLOUT_DEV, &n);
    assert_int_equal(n.made, 4);
    assert_int_equal(n.failed, 3);
    assert_int_equal(n.paid.prompt_tokens, 100);
    got_release(&a);
}

static void replay_only_never_calls_out(void **state)
{
    struct place *p = *state;
    struct got a = {0}, b = {0};
    struct journal_counts n;
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "known");
    turn(p);
    close_all(p);
    open_with(p, JOURNAL_REPLAY_ONLY, JOURNAL_MAP_START);
    ask(p, &a, "known");
    ask(p, &b, "unknown");
    turn(p);
    assert_int_equal(a.reply.result, MODEL_OK);
    assert_int_equal(b.reply.result, MODEL_MISSING);
    assert_int_equal(p->fake.calls, 1);
    journal_counts(p->j, MODEL_PHASES, &n);
    assert_int_equal(n.missing, 1);
    assert_int_equal(journal_missing(p->j)->n, 1);
    assert_non_null(strstr(journal_missing(p->j)->v[0], "rollout_dev"));
    close_all(p);
    open_with(p, JOURNAL_READ_ONLY | JOURNAL_REPLAY_ONLY, JOURNAL_MAP_START);
    ask(p, &a, "known");
    turn(p);
    assert_int_equal(a.reply.result, MODEL_OK);
    got_release(&a);
    got_release(&b);
}

static void fresh_looks_only_at_its_own(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    struct journal_info info;
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "x");
    turn(p);
    close_all(p);
    open_with(p, JOURNAL_FRESH, JOURNAL_MAP_START);
    p->fake.padding = 3;
    for (int i = 0; i < 2; i++) {
        ask(p, &a, "x");
        turn(p);
        assert_int_equal(a.reply.from_journal, i);
    }
    assert_int_equal(p->fake.calls, 2);
    close_all(p);
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "x");
    turn(p);
    assert_int_equal(strlen(a.text), strlen("answer to x/0") + 3); /* the new one took its place */
    works(journal_info(p->j, &info));
    assert_int_equal(info.entries, 1);
    got_release(&a);
}

static void the_map_grows(void **state)
{
    struct place *p = *state;
    struct got *g = calloc(2000, sizeof(*g));
    char text[32];
    int n = 0;
    open_with(p, 0, 64 << 10);
    p->fake.padding = 4000;
    p->j->codec.plain = true;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 500; i++) {
            snprintf(text, sizeof(text), "call %d", round * 500 + i);
            ask(p, &g[round * 500 + i], text);
        }
        turn(p);
    }
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(g[i].times, 1);
        assert_int_equal(g[i].reply.result, MODEL_OK);
        got_release(&g[i]);
    }
    works(journal_walk(p->j, count_entry, &n));
    assert_int_equal(n, 2000);
    free(g);
}

/* A child that asks without end and says over the pipe which answers it was given. */
static void child_asks(struct place *p, int out)
{
    struct got g[8] = {0};
    char text[32];
    struct loop *loop;
    if (loop_open(&loop) < 0)
        _exit(1);
    p->loop = loop;
    open_with(p, 0, 64 << 10);
    p->fake.padding = 500;
    for (int round = 0;; round++) {
        for (int i = 0; i < 8; i++) {
            snprintf(text, sizeof(text), "call %d", round * 8 + i);
            ask(p, &g[i], text);
        }
        for (bool done = false; !done;) {
            turn(p);
            done = true;
            for (int i = 0; i < 8; i++)
                done = done && g[i].times == 1;
        }
        for (int i = 0; i < 8; i++)
            if (g[i].reply.result != MODEL_OK)
                _exit(1);
        if (write(out, "x", 1) != 1)
            _exit(1);
    }
}

static void a_kill_loses_no_delivered_answer(void **state)
{
    struct place *p = *state;
    struct loop *loop = p->loop;
    int delivered = 0;
    for (int kills = 0; kills < 12; kills++) {
        int fd[2], seen = 0;
        char c;
        assert_int_equal(pipe(fd), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(fd[0]);
            child_asks(p, fd[1]);
        }
        close(fd[1]);
        while (seen < 5 + kills * 7 && read(fd[0], &c, 1) == 1)
            seen++;
        kill(pid, SIGKILL);
        while (read(fd[0], &c, 1) == 1)
            seen++;
        close(fd[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_true(seen > 0);
        delivered = seen * 8 > delivered ? seen * 8 : delivered;
        /* Every answer that the child was given is there. */
        struct got g = {0};
        char text[32];
        p->loop = loop;
        open_with(p, JOURNAL_REPLAY_ONLY, 64 << 10);
        for (int i = 0; i < delivered; i++) {
            snprintf(text, sizeof(text), "call %d", i);
            ask(p, &g, text);
            turn(p);
            if (g.reply.result != MODEL_OK)
                fail_msg("kill %d: answer %d of %d is lost", kills, i, delivered);
        }
        got_release(&g);
        close_all(p);
    }
}

static void readers_work_meanwhile(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    char text[32];
    int fd[2][2], ready[2][2], status;
    pid_t pid[2];
    open_with(p, 0, 64 << 10);
    ask(p, &a, "first");
    turn(p);
    close_all(p); /* an environment is not used across fork */
    for (int r = 0; r < 2; r++) {
        assert_int_equal(pipe(fd[r]), 0);
        assert_int_equal(pipe(ready[r]), 0);
        pid[r] = fork();
        if (pid[r] == 0) {
            int n = 0, before = 0;
            char c;
            if (journal_open(&p->j, p->path, JOURNAL_READ_ONLY) < 0 ||
                journal_walk(p->j, count_entry, &before) < 0 || write(ready[r][1], "x", 1) != 1 ||
                read(fd[r][0], &c, 1) != 1 || journal_walk(p->j, count_entry, &n) < 0)
                _exit(1);
            journal_close(p->j);
            _exit(before >= 1 && n == 301 ? 0 : 2);
        }
    }
    char c;
    for (int r = 0; r < 2; r++)
        assert_int_equal(read(ready[r][0], &c, 1), 1);
    open_with(p, 0, 64 << 10);
    p->fake.padding = 3000; /* the map grows under the readers */
    p->j->codec.plain = true;
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "call %d", i);
        ask(p, &a, text);
        turn(p);
    }
    for (int r = 0; r < 2; r++)
        assert_int_equal(write(fd[r][1], "x", 1), 1);
    for (int r = 0; r < 2; r++) {
        assert_int_equal(waitpid(pid[r], &status, 0), pid[r]);
        assert_int_equal(status, 0);
        for (int i = 0; i < 2; i++) {
            close(fd[r][i]);
            close(ready[r][i]);
        }
    }
    got_release(&a);
}

static void two_runs_that_pay_get_one_answer(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    int fd[2], status;
    char c;
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct loop *loop;
        if (read(fd[0], &c, 1) != 1 || loop_open(&loop) < 0)
            _exit(1);
        p->loop = loop;
        p->fake.padding = 5;
        open_with(p, 0, JOURNAL_MAP_START);
        ask(p, &a, "x");
        turn(p);
        close_all(p);
        _exit(a.times == 1 ? 0 : 1);
    }
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "x"); /* on its way ... */
    assert_int_equal(write(fd[1], "x", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    turn(p); /* ... and answered after the other one's was written */
    assert_int_equal(p->fake.calls, 1);
    assert_int_equal(strlen(a.text), strlen("answer to x/0") + 5);
    close(fd[0]);
    close(fd[1]);
    got_release(&a);
}

/* The bytes of a file, changed where `find` is. */
static void damage(const char *dir, const char *find, size_t len)
{
    struct buf b = BUF_INIT;
    char *path = fs_join(dir, "data.mdb");
    int n = 0;
    works(fs_read(path, &b));
    for (char *p = b.ptr; (p = memmem(p, b.len - (size_t)(p - b.ptr), find, len)); p += len, n++)
        p[len - 1] ^= 1;
    assert_true(n > 0);
    works(fs_write(path, b.ptr, b.len));
    buf_release(&b);
    free(path);
}

/* Paying again without a word would hide that the disk is bad. */
static void damaged_entries_end_the_run(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    int n = 0;
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "one");
    turn(p);
    ask(p, &a, "two");
    turn(p);
    close_all(p);
    damage(p->path, "answer to one/0", 15);
    open_with(p, 0, JOURNAL_MAP_START);
    works(journal_walk(p->j, count_entry, &n));
    assert_int_equal(n, 1);
    assert_int_equal(journal_damaged(p->j), 1);
    size_t calls = p->fake.calls;
    ask(p, &a, "two");
    turn(p);
    assert_true(a.reply.from_journal);
    ask(p, &a, "one");
    turn(p);
    assert_int_equal(a.reply.result, MODEL_FATAL);
    assert_non_null(strstr(a.error, "is damaged"));
    ask(p, &a, "three");
    turn(p);
    assert_int_equal(a.reply.result, MODEL_FATAL);
    assert_int_equal(p->fake.calls, calls);
    close_all(p);
    struct journal_check c;
    struct journal_gc_report r;
    assert_int_equal(journal_check(p->path, &c), GRASP_EREFUSED);
    assert_int_equal(c.damaged, 1);
    assert_int_equal(c.entries, 1);
    works(journal_gc(p->path, 0, 0, &r));
    assert_int_equal(r.damaged, 1);
    works(journal_check(p->path, &c));
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "one");
    turn(p);
    assert_int_equal(p->fake.calls, calls + 1);
    assert_int_equal(a.reply.result, MODEL_OK);
    got_release(&a);
}

static void a_collision_is_seen(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    struct chat wrong = {0};
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "x");
    turn(p);
    /* A kept hash that belongs to other messages gives another request the same key. */
    struct hash *h = hash_new();
    chat_hash_message(h, &a.chat.v[0]);
    works(chat_add(&wrong, CHAT_USER, "y", 1));
    struct model_request rq = {.chat = &wrong, .phase = PHASE_OTHER, .prefix = h};
    works(model_ask(p->m, &rq, take, &a));
    turn(p);
    assert_int_equal(journal_damaged(p->j), 1);
    assert_int_equal(a.reply.result, MODEL_FATAL);
    assert_non_null(strstr(a.error, "belongs to another request"));
    hash_free(h);
    chat_release(&wrong);
    got_release(&a);
}

/* What stands for statfs in this program: the type of the file system is ours to say. */
static uint32_t fs_type;
int statfs(const char *path, struct statfs *out)
{
    int rc = (int)syscall(SYS_statfs, path, out);
    if (rc == 0 && fs_type)
        out->f_type = (__typeof__(out->f_type))fs_type;
    return rc;
}

static void network_file_systems_are_refused(void **state)
{
    struct place *p = *state;
    static const uint32_t types[] = {0x6969, 0xff534d42, 0xfe534d42, 0x01021997, 0x0bd00bd0};
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        fs_type = types[i];
        assert_int_equal(journal_open(&p->j, p->path, 0), GRASP_EREFUSED);
        assert_non_null(strstr(err_msg(), "network file system"));
        assert_null(p->j);
    }
    fs_type = 0;
    open_with(p, 0, JOURNAL_MAP_START);
}

/* A file system that a program serves: whose it is, the table of mounts says. */
static void served_file_systems_are_told_apart(void **state)
{
    (void)state;
    static char table[] =
        "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        "60 27 0:50 / /mnt/a rw,nosuid shared:7 master:2 - fuse.sshfs host:/x rw,user_id=0\n"
        "61 27 0:51 / /mnt/b rw - fuse.mergerfs a:b rw\n"
        "broken\n"
        "62 27 0:52 / /mnt/c rw - ext4 /dev/sda1 rw\n"
        "63 62 0:52 /sub /mnt/d rw - fuse.glusterfs host rw\n";
    static const struct {
        unsigned minor;
        const char *kind;
    } cases[] = {{50, "fuse.sshfs"}, {51, "fuse.mergerfs"}, {52, "fuse.glusterfs"}, {53, ""}};
    char kind[64];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        FILE *f = fmemopen(table, sizeof(table) - 1, "r");
        assert_int_equal(journal_mount_kind(f, 0, cases[i].minor, kind, sizeof(kind)),
                         *cases[i].kind != '\0');
        assert_string_equal(kind, cases[i].kind);
        assert_null(journal_network_program("fuse.mergerfs"));
        assert_non_null(journal_network_program("fuse.sshfs"));
        assert_null(journal_network_program("sshfs"));
        fclose(f);
    }
}

static void links_and_pipes_are_refused(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"data.mdb", "lock.mdb", "guard", "tail"};
    char *victim = fs_join(p->dir, "victim");
    works(fs_mkdirs(p->path));
    works(fs_write(victim, "", 0));
    for (int i = 0; i < 8; i++) {
        char *path = fs_join(p->path, names[i / 2]);
        assert_int_equal(i % 2 ? mkfifo(path, 0600) : symlink(victim, path), 0);
        assert_int_equal(journal_open(&p->j, p->path, 0), GRASP_EREFUSED);
        assert_non_null(strstr(err_msg(), "no regular file"));
        unlink(path);
        free(path);
    }
    struct stat st;
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_size, 0);
    free(victim);
    open_with(p, 0, JOURNAL_MAP_START);
}

static void foreign_journals_are_refused(void **state)
{
    struct place *p = *state;
    char *data = fs_join(p->path, "data.mdb");
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    struct buf rubbish = BUF_INIT;
    assert_int_equal(journal_open(&p->j, p->path, JOURNAL_READ_ONLY), GRASP_ENOTFOUND);
    works(fs_mkdirs(p->path));
    for (int i = 0; i < 20000; i++)
        buf_addch(&rubbish, (char)(i * 31));
    works(fs_write(data, rubbish.ptr, rubbish.len));
    assert_int_equal(journal_open(&p->j, p->path, 0), GRASP_EREFUSED);
    assert_non_null(strstr(err_msg(), "no journal"));
    assert_int_equal(unlink(data), 0);
    /* Somebody else's LMDB. */
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, p->path, 0, 0644), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    MDB_val k = {3, (void *)(uintptr_t) "abc"}, v = {1, (void *)(uintptr_t) "d"};
    assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_int_equal(journal_open(&p->j, p->path, 0), GRASP_EREFUSED);
    assert_null(p->j);
    /* Of another version. */
    assert_int_equal(unlink(data), 0);
    open_with(p, 0, JOURNAL_MAP_START);
    close_all(p);
    damage(p->path, "grasp journal 2", 15);
    assert_int_equal(journal_open(&p->j, p->path, 0), GRASP_EREFUSED);
    /* A file where the directory should be. */
    assert_int_equal(journal_open(&p->j, data, 0), GRASP_EIO);
    buf_release(&rubbish);
    free(data);
}

static size_t times_in_file(const char *path, const char *text, const char *instead)
{
    struct buf b = BUF_INIT;
    size_t n = 0, len = strlen(text);
    works(fs_read(path, &b));
    for (char *p = b.ptr; (p = memmem(p, b.len - (size_t)(p - b.ptr), text, len)); p += len, n++)
        if (instead)
            memcpy(p, instead, len);
    if (instead)
        works(fs_write(path, b.ptr, b.len));
    buf_release(&b);
    return n;
}

/* Keys were others then: what is there stays readable, a run goes on beside it and says so once. */
static void an_earlier_versions_journal_is_brought_over(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    char *data = fs_join(p->path, "data.mdb");
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "one");
    turn(p);
    close_all(p);
    assert_true(times_in_file(data, "grasp journal 2", "grasp journal 1") > 0);
    works(journal_open(&p->j, p->path, JOURNAL_READ_ONLY));
    journal_close(p->j);
    p->j = NULL;
    assert_int_equal(times_in_file(data, "grasp journal 2", NULL), 0); /* only looked at */
    open_with(p, 0, JOURNAL_MAP_START);
    ask(p, &a, "two");
    turn(p);
    close_all(p);
    assert_true(times_in_file(data, "grasp journal 2", NULL) > 0);
    open_with(p, JOURNAL_REPLAY_ONLY, JOURNAL_MAP_START);
    close_all(p);
    got_release(&a);
    free(data);
}

static void a_cut_off_file_is_not_a_crash(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    char *data = fs_join(p->path, "data.mdb"), text[32];
    struct stat st;
    int n = 0, status;
    open_with(p, 0, JOURNAL_MAP_START);
    p->fake.padding = 1500;
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "call %d", i);
        ask(p, &a, text);
        turn(p);
    }
    close_all(p);
    assert_int_equal(stat(data, &st), 0);
    for (int part = 1; part < 8; part++) {
        assert_int_equal(truncate(data, st.st_size * (8 - part) / 8 / 4096 * 4096), 0);
        pid_t pid = fork();
        if (pid == 0) {
            int rc = journal_open(&p->j, p->path, 0);
            if (rc == 0)
                rc = journal_walk(p->j, count_entry, &n);
            _exit(rc == 0 || rc == GRASP_EREFUSED || rc == GRASP_EIO ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    got_release(&a);
    free(data);
}

static void a_full_disk_stops_the_run(void **state)
{
    struct place *p = *state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct got a = {0};
        struct rlimit small = {256 << 10, 256 << 10};
        char text[32];
        int i;
        signal(SIGXFSZ, SIG_IGN);
        open_with(p, 0, JOURNAL_MAP_START);
        setrlimit(RLIMIT_FSIZE, &small);
        p->fake.padding = 3000;
        p->j->codec.plain = true;
        for (i = 0; i < 1000; i++) {
            snprintf(text, sizeof(text), "call %d", i);
            ask(p, &a, text);
            turn(p);
            if (a.reply.result != MODEL_OK)
                break;
        }
        bool told = i > 10 && i < 1000 && a.reply.result == MODEL_FATAL &&
                    strstr(a.error, "File too large") && strstr(a.error, "make room") &&
                    journal_sync(p->j) == GRASP_EIO;
        size_t calls = p->fake.calls;
        ask(p, &a, "one more"); /* is not paid for */
        turn(p);
        bool stopped = p->fake.calls == calls && a.reply.result == MODEL_FATAL;
        ask(p, &a, "call 3"); /* what is there can be read */
        turn(p);
        _exit(told && stopped && a.reply.result == MODEL_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    int n = 0;
    open_with(p, 0, JOURNAL_MAP_START);
    works(journal_walk(p->j, count_entry, &n));
    assert_true(n > 10);
}

static int keep_key(const struct journal_entry *e, void *arg)
{
    hash_hex(e->key, arg);
    return 0;
}

static void entries_are_found_and_cleaned_up(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    struct journal_gc_report r;
    char hex[HASH_HEX] = "", found[HASH_HEX] = "", text[32];
    int n = 0;
    open_with(p, 0, JOURNAL_MAP_START);
    p->fake.padding = 700;
    for (int i = 0; i < 600; i++) {
        snprintf(text, sizeof(text), "call %d", i);
        ask(p, &a, text);
        turn(p);
    }
    works(journal_walk(p->j, keep_key, hex));
    works(journal_find(p->j, hex, keep_key, found));
    assert_string_equal(hex, found);
    hex[11] = '\0';
    works(journal_find(p->j, hex, keep_key, found));
    assert_int_equal(strncmp(found, hex, 11), 0);
    assert_int_equal(journal_find(p->j, "", keep_key, found), GRASP_EINVAL);
    assert_int_equal(journal_find(p->j, "xyz", keep_key, found), GRASP_EINVAL);
    int several = 0;
    for (int d = 0; d < 16; d++) {
        char one[2] = {"0123456789abcdef"[d], '\0'};
        several += journal_find(p->j, one, keep_key, found) == GRASP_EINVAL;
    }
    assert_true(several > 0);
    memset(hex, 'f', 64);
    assert_int_equal(journal_find(p->j, hex, keep_key, found), GRASP_ENOTFOUND);
    close_all(p);

    works(journal_gc(p->path, 0, 0, &r));
    assert_int_equal(r.kept, 600);
    assert_int_equal(r.dropped, 0);
    assert_true(r.compacted);
    assert_true(r.bytes_after < r.bytes_before);
    damage(p->path, "answer to call 77/0", 19);
    works(journal_gc(p->path, 0, 0, &r));
    assert_int_equal(r.damaged, 1);
    assert_int_equal(r.kept, 599);
    open_with(p, JOURNAL_REPLAY_ONLY, JOURNAL_MAP_START);
    works(journal_walk(p->j, count_entry, &n));
    assert_int_equal(n, 599);
    ask(p, &a, "call 3");
    turn(p);
    assert_int_equal(a.reply.result, MODEL_OK);
    ask(p, &a, "call 77");
    turn(p);
    assert_int_equal(a.reply.result, MODEL_MISSING);
    assert_int_equal(journal_damaged(p->j), 0);
    close_all(p);
    works(journal_gc(p->path, clock_wall() + NS_PER_SEC, 0, &r));
    assert_int_equal(r.kept, 0);
    assert_int_equal(r.dropped, 599);
    assert_int_equal(journal_gc("/nonexistent", 0, 0, &r), GRASP_ENOTFOUND);
    got_release(&a);
}

static void records_survive_any_bytes(void **state)
{
    (void)state;
    struct codec c = {0};
    struct journal_answer a, b;
    struct buf out = BUF_INIT;
    char *big = malloc(100000);
    works(codec_open(&c));
    answer_init(&a);
    answer_init(&b);
    for (size_t i = 0; i < 100000; i++)
        big[i] = (char)(i / 3 % 50 + 40);
    static const size_t sizes[] = {0, 1, 95, 96, 1000, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        buf_reset(&out);
        works(answer_set(&a, "model", big, sizes[i]));
        a.e.usage.prompt_tokens = INT64_MAX;
        a.e.latency_ns = -5;
        a.e.when = INT64_C(1700000000) * NS_PER_SEC;
        works(record_write(&c, &a, &out));
        works(record_read(&c, out.ptr, out.len, &b));
        assert_int_equal(b.e.len, sizes[i]);
        assert_memory_equal(b.e.text, big, sizes[i]);
        assert_true(b.e.usage.prompt_tokens == INT64_MAX && b.e.latency_ns == 0);
        assert_true(b.e.when == a.e.when);
        if (sizes[i] > 2000)
            continue;
        for (size_t k = 0; k < out.len; k++) {
            out.ptr[k] ^= 4;
            assert_int_equal(record_read(&c, out.ptr, out.len, &b), GRASP_EPARSE);
            out.ptr[k] ^= 4;
            assert_int_equal(record_read(&c, out.ptr, k, &b), GRASP_EPARSE);
        }
    }
    free(big);
    answer_release(&a);
    answer_release(&b);
    buf_release(&out);
    codec_close(&c);
}

/* `grasp journal ARGS`, its standard output and exit code. */
__attribute__((format(printf, 2, 3))) static int command(struct buf *out, const char *fmt, ...)
{
    struct buf line = BUF_INIT;
    char chunk[4096];
    va_list ap;
    size_t n;
    buf_addf(&line, "'%s' journal ", getenv("GRASP"));
    va_start(ap, fmt);
    buf_vaddf(&line, fmt, ap);
    va_end(ap);
    buf_adds(&line, " 2>/dev/null");
    buf_reset(out);
    FILE *f = popen(line.ptr, "r");
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(out, chunk, n);
    buf_release(&line);
    int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_command_shows_it(void **state)
{
    struct place *p = *state;
    struct got a = {0};
    struct buf out = BUF_INIT;
    json_t *v = NULL;
    if (!getenv("GRASP"))
        skip();
    open_with(p, 0, JOURNAL_MAP_START);
    for (int i = 0; i < 3; i++) {
        ask_draw(p, &a, "hi\xff", i);
        turn(p);
    }
    /* While the run goes on. */
    assert_int_equal(command(&out, "stat '%s' --json", p->dir), 0);
    works(json_parse(&v, out.ptr, out.len, "stat"));
    assert_int_equal(json_int_at(v, "entries", 0), 3);
    assert_int_equal(json_int_at(v, "phases.rollout_dev.prompt_tokens", 0), 300);
    json_decref(v);
    assert_int_equal(command(&out, "stat '%s'", p->path), 0);
    assert_non_null(strstr(out.ptr, "3 calls"));
    assert_int_equal(command(&out, "export '%s' | head -n 1", p->path), 0);
    works(json_parse(&v, out.ptr, out.len, "export"));
    assert_string_equal(json_str_at(v, "text", ""), "answer to hi\xef\xbf\xbd/0");
    char key[HASH_HEX];
    snprintf(key, sizeof(key), "%s", json_str_at(v, "key", ""));
    json_decref(v);
    assert_int_equal(command(&out, "show '%s' %.12s", p->dir, key), 0);
    assert_non_null(strstr(out.ptr, "answer to hi"));
    assert_int_equal(command(&out, "show '%s' 0000000000000000", p->dir), 1);
    assert_int_equal(command(&out, "gc '%s' --json", p->dir), 0);
    works(json_parse(&v, out.ptr, out.len, "gc"));
    assert_int_equal(json_int_at(v, "kept", 0), 3);
    assert_false(json_bool_at(v, "compacted", true)); /* we have it open */
    json_decref(v);
    close_all(p);
    assert_int_equal(command(&out, "gc '%s' --older-than 0", p->dir), 0);
    assert_non_null(strstr(out.ptr, "0 calls kept, 3 dropped"));
    assert_int_equal(command(&out, "gc '%s' --older-than x", p->dir), 2);
    assert_int_equal(command(&out, "stat /nonexistent"), 1);
    assert_string_equal(out.ptr, "");
    buf_release(&out);
    got_release(&a);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_answer_is_paid_once),
        T(equal_calls_in_flight_are_joined),
        T(calls_ahead_are_told_apart),
        T(another_draw_stands_for_the_shared_one),
        T(outages_are_never_kept),
        T(replay_only_never_calls_out),
        T(fresh_looks_only_at_its_own),
        T(the_map_grows),
        T(a_kill_loses_no_delivered_answer),
        T(readers_work_meanwhile),
        T(two_runs_that_pay_get_one_answer),
        T(damaged_entries_end_the_run),
        T(network_file_systems_are_refused),
        T(served_file_systems_are_told_apart),
        T(links_and_pipes_are_refused),
        T(a_collision_is_seen),
        T(foreign_journals_are_refused),
        T(an_earlier_versions_journal_is_brought_over),
        T(a_cut_off_file_is_not_a_crash),
        T(a_full_disk_stops_the_run),
        T(entries_are_found_and_cleaned_up),
        T(the_command_shows_it),
        cmocka_unit_test(records_survive_any_bytes),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
