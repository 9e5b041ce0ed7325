/* test_journal_tail.c - the journal's tail: kills, torn writes, damage, several processes. */
#include "journal_harness.h"

enum { HEADER = 16 };

static char *tail_path(const struct place *p)
{
    return fs_join(p->path, "tail");
}

static off_t tail_size(const struct place *p)
{
    char *path = tail_path(p);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    free(path);
    return st.st_size;
}

/* Asks for "call FROM" to "call TO-1", one turn each; how many were answered from the journal. */
static int ask_calls(struct place *p, int from, int to)
{
    struct got g = {0};
    char text[32];
    int known = 0;
    for (int i = from; i < to; i++) {
        snprintf(text, sizeof(text), "call %d", i);
        ask(p, &g, text);
        turn(p);
        assert_int_equal(g.times, 1);
        assert_int_equal(g.reply.result, MODEL_OK);
        known += g.reply.from_journal;
    }
    got_release(&g);
    return known;
}

static int known_calls(struct place *p, int n)
{
    struct got g = {0};
    char text[32];
    int known = 0;
    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "call %d", i);
        ask(p, &g, text);
        turn(p);
        known += g.reply.result == MODEL_OK;
    }
    got_release(&g);
    return known;
}

/* A process that asks for calls 0 to n-1 and ends without closing anything. */
static void die_after(struct place *p, int n, size_t padding)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        open_with(p, 0, JOURNAL_MAP_START);
        p->fake.padding = padding;
        ask_calls(p, 0, n);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void a_killed_process_leaves_its_tail(void **state)
{
    struct place *p = *state;
    int n = 0;
    struct journal_info info;
    die_after(p, 20, 100);
    assert_true(tail_size(p) > 20 * 64);
    works(journal_open(&p->j, p->path, JOURNAL_READ_ONLY)); /* as grasp journal stat does */
    works(journal_walk(p->j, count_entry, &n));
    works(journal_info(p->j, &info));
    assert_int_equal(n, 20);
    assert_int_equal(info.entries, 20);
    journal_close(p->j);
    assert_true(tail_size(p) > 20 * 64);
    open_with(p, 0, JOURNAL_MAP_START);
    assert_int_equal(tail_size(p), HEADER); /* it is in the database now */
    assert_int_equal(ask_calls(p, 0, 20), 20);
    assert_int_equal(p->fake.calls, 0);
}

static void sync_empties_the_tail(void **state)
{
    struct place *p = *state;
    int n = 0;
    open_with(p, 0, JOURNAL_MAP_START);
    ask_calls(p, 0, 3);
    assert_true(tail_size(p) > HEADER);
    works(tail_move(p->j));
    assert_int_equal(tail_size(p), HEADER);
    ask_calls(p, 3, 5);
    assert_int_equal(ask_calls(p, 0, 5), 5);
    works(journal_walk(p->j, count_entry, &n));
    assert_int_equal(n, 5);
    p->j->tail.limit = 4000; /* a long one is moved without being asked */
    p->fake.padding = 3000;
    p->j->codec.plain = true;
    ask_calls(p, 5, 7);
    assert_int_equal(tail_size(p), HEADER);
    assert_int_equal(ask_calls(p, 0, 7), 7);
}

static void a_torn_write_ends_the_tail(void **state)
{
    struct place *p = *state;
    char *path = tail_path(p);
    die_after(p, 9, 40);
    off_t nine = tail_size(p);
    struct buf whole = BUF_INIT;
    works(fs_read(path, &whole));
    fs_remove_tree(p->path);
    die_after(p, 8, 40);
    off_t eight = tail_size(p);
    assert_true(nine > eight);
    for (off_t cut = eight; cut < nine; cut += 7) {
        fs_remove_tree(p->path);
        die_after(p, 1, 40); /* a database to go with it */
        works(fs_write(path, whole.ptr, (size_t)cut));
        open_with(p, JOURNAL_REPLAY_ONLY, JOURNAL_MAP_START);
        assert_int_equal(known_calls(p, 9), 8);
        assert_int_equal(journal_damaged(p->j), 0);
        close_all(p);
    }
    /* Half a header is an empty tail. */
    works(fs_write(path, whole.ptr, 9));
    open_with(p, 0, JOURNAL_MAP_START);
    assert_int_equal(ask_calls(p, 0, 9), 8);
    close_all(p);
    /* Somebody else's file is not written to. */
    works(fs_write(path, "a file of another program", 25));
    assert_int_equal(journal_open(&p->j, p->path, 0), GRASP_EREFUSED);
    buf_release(&whole);
    free(path);
}

static void damage_in_the_tail_ends_the_run(void **state)
{
    struct place *p = *state;
    char *path = tail_path(p);
    struct buf b = BUF_INIT;
    struct journal_gc_report r;
    struct journal_check c;
    for (int where = 0; where < 3; where++) { /* in a text, in a length, in a check of a length */
        fs_remove_tree(p->path);
        die_after(p, 9, 0);
        buf_reset(&b);
        works(fs_read(path, &b));
        char *at = b.ptr + HEADER;
        for (uint32_t k = 0, len; k < 4; k++, at += 8 + len)
            memcpy(&len, at, sizeof(len));
        at[(int[]){8 + 80, 1, 5}[where]] ^= 1;
        works(fs_write(path, b.ptr, b.len));
        assert_int_equal(journal_open(&p->j, p->path, 0), GRASP_EREFUSED);
        assert_non_null(strstr(err_msg(), "damaged"));
        assert_int_equal(journal_check(p->path, &c), GRASP_EREFUSED);
        assert_int_equal(c.damaged, 1);
        assert_int_equal(c.entries, 8);
        works(journal_gc(p->path, 0, 0, &r));
        assert_int_equal(r.damaged, 1);
        assert_int_equal(r.kept, 8);
        works(journal_check(p->path, &c));
        assert_int_equal(c.entries, 8);
        p->fake.calls = 0;
        open_with(p, 0, JOURNAL_MAP_START);
        assert_int_equal(ask_calls(p, 0, 9), 8);
        assert_int_equal(p->fake.calls, 1);
        close_all(p);
    }
    buf_release(&b);
    free(path);
}

/* What a killed process had moved and not yet taken out of the tail is not there twice. */
static void a_move_may_be_done_twice(void **state)
{
    struct place *p = *state;
    char *path = tail_path(p);
    struct buf b = BUF_INIT;
    int n = 0;
    die_after(p, 9, 0);
    works(fs_read(path, &b));
    open_with(p, 0, JOURNAL_MAP_START);
    close_all(p);
    works(fs_write(path, b.ptr, b.len));
    works(journal_open(&p->j, p->path, JOURNAL_READ_ONLY));
    works(journal_walk(p->j, count_entry, &n));
    journal_close(p->j);
    assert_int_equal(n, 9);
    open_with(p, 0, JOURNAL_MAP_START);
    works(journal_walk(p->j, count_entry, &n));
    assert_int_equal(n, 18);
    buf_release(&b);
    free(path);
}

/* Two processes and one journal: `other` works in turns with us, told by a pipe. */
struct other {
    pid_t pid;
    int to, from;
};

static void other_start(struct place *p, struct other *o)
{
    int to[2], from[2];
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    o->pid = fork();
    if (o->pid == 0) {
        char c;
        close(to[1]);
        close(from[0]);
        struct got held = {0};
        open_with(p, 0, JOURNAL_MAP_START);
        while (read(to[0], &c, 1) == 1) {
            int known = 0;
            if (c == 'a') /* calls 0 to 9 */
                known = ask_calls(p, 0, 10);
            else if (c == 's')
                works(tail_move(p->j));
            else if (c == 'h') /* asks and does not get its answer yet */
                ask(p, &held, "held");
            else if (c == 'H') {
                p->fake.padding = 5;
                turn(p);
                known = (int)strlen(held.text);
            }
            c = (char)known;
            if (write(from[1], &c, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    o->to = to[1];
    o->from = from[0];
}

static int other_does(struct other *o, char what)
{
    char c;
    assert_int_equal(write(o->to, &what, 1), 1);
    assert_int_equal(read(o->from, &c, 1), 1);
    return c;
}

static void other_end(struct other *o)
{
    int status;
    close(o->to);
    assert_int_equal(waitpid(o->pid, &status, 0), o->pid);
    assert_int_equal(status, 0);
    close(o->from);
}

static void processes_share_a_journal(void **state)
{
    struct place *p = *state;
    struct other o;
    struct got g = {0};
    other_start(p, &o);
    open_with(p, 0, JOURNAL_MAP_START);
    assert_int_equal(other_does(&o, 'a'), 0);
    assert_int_equal(ask_calls(p, 0, 10), 10); /* from its tail */
    assert_int_equal(p->fake.calls, 0);
    ask_calls(p, 10, 12);
    other_does(&o, 's'); /* it moves ours, too */
    assert_int_equal(tail_size(p), HEADER);
    assert_int_equal(ask_calls(p, 0, 12), 12);
    works(tail_move(p->j));
    /* Both pay for the same call; the answer that was written first is everybody's. */
    other_does(&o, 'h');
    ask(p, &g, "held");
    turn(p);
    assert_false(g.reply.from_journal);
    assert_int_equal(other_does(&o, 'H'), strlen(g.text));
    assert_int_equal(other_does(&o, 'a'), 10);
    other_end(&o);
    ask(p, &g, "held");
    turn(p);
    assert_string_equal(g.text, "answer to held/0");
    got_release(&g);
}

/* Two processes write without end, moving their short tail all the time, and are killed. */
static void write_forever(struct place *p, int who, int out)
{
    struct got g[4] = {0};
    char text[32];
    if (loop_open(&p->loop) < 0)
        _exit(1);
    open_with(p, 0, 64 << 10);
    p->fake.padding = 500;
    p->j->tail.limit = 6000;
    p->j->codec.plain = true;
    for (int round = 0;; round++) {
        for (int i = 0; i < 4; i++) {
            snprintf(text, sizeof(text), "%d call %d", who, round * 4 + i);
            ask(p, &g[i], text);
        }
        turn(p);
        for (int i = 0; i < 4; i++)
            if (g[i].times != 1 || g[i].reply.result != MODEL_OK)
                _exit(1);
        if (write(out, "x", 1) != 1)
            _exit(1);
    }
}

static void kills_in_the_middle_of_moves(void **state)
{
    struct place *p = *state;
    struct loop *loop = p->loop;
    int delivered[2] = {0};
    for (int kills = 0; kills < 10; kills++) {
        int fd[2][2];
        pid_t pid[2];
        for (int who = 0; who < 2; who++) {
            assert_int_equal(pipe(fd[who]), 0);
            pid[who] = fork();
            if (pid[who] == 0)
                write_forever(p, who, fd[who][1]);
            close(fd[who][1]);
        }
        for (int who = 0; who < 2; who++) {
            char c;
            int seen = 0;
            while (seen < 3 + kills * 5 && read(fd[who][0], &c, 1) == 1)
                seen++;
            kill(pid[who], SIGKILL);
            while (read(fd[who][0], &c, 1) == 1)
                seen++;
            close(fd[who][0]);
            assert_int_equal(waitpid(pid[who], NULL, 0), pid[who]);
            delivered[who] = seen * 4 > delivered[who] ? seen * 4 : delivered[who];
        }
        p->loop = loop;
        open_with(p, JOURNAL_REPLAY_ONLY, 64 << 10);
        for (int who = 0; who < 2; who++)
            for (int i = 0; i < delivered[who]; i++) {
                struct got g = {0};
                char text[32];
                snprintf(text, sizeof(text), "%d call %d", who, i);
                ask(p, &g, text);
                turn(p);
                if (g.reply.result != MODEL_OK)
                    fail_msg("kill %d: answer %d of %d of process %d is lost", kills, i,
                             delivered[who], who);
                got_release(&g);
            }
        assert_int_equal(journal_damaged(p->j), 0);
        close_all(p);
    }
}

static void a_full_disk_at_the_move(void **state)
{
    struct place *p = *state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        open_with(p, 0, JOURNAL_MAP_START);
        p->fake.padding = 2000;
        p->j->codec.plain = true;
        ask_calls(p, 0, 50);
        struct rlimit small = {64 << 10, 64 << 10};
        setrlimit(RLIMIT_FSIZE, &small); /* the database would need more */
        bool told = tail_move(p->j) == GRASP_EIO && strstr(err_msg(), "make room");
        bool read = ask_calls(p, 0, 50) == 50;
        close_all(p);
        _exit(told && read ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    open_with(p, 0, JOURNAL_MAP_START);
    assert_int_equal(ask_calls(p, 0, 50), 50);
    assert_int_equal(tail_size(p), HEADER);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_killed_process_leaves_its_tail), T(sync_empties_the_tail),
        T(a_torn_write_ends_the_tail),       T(damage_in_the_tail_ends_the_run),
        T(a_move_may_be_done_twice),         T(processes_share_a_journal),
        T(kills_in_the_middle_of_moves),     T(a_full_disk_at_the_move),
    };
    return cmocka_run_group_tests_name("journal_tail", tests, NULL, NULL);
}
