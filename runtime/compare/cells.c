/*
 * cells.c - the cells of a matrix as processes. A running cell holds a lock on its folder, which the
 * kernel drops when its process ends, however that happens; how it ended is written beside it
 * (ended.json), so that --status needs nobody who was there.
 */
#include "runtime/compare/cells.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"

enum { EXIT_RESUMABLE = 3, LINE = 250 };

const char *cell_state_name(enum cell_state s)
{
    static const char *const names[CELL_STATES] = {"missing", "running", "resumable", "failed",
                                                   "done"};
    return names[s];
}

/* ---- what became of a cell ---- */

static json_t *read_in(const struct matrix *m, const struct cell *c, const char *name)
{
    json_t *v = NULL;
    char *path = cell_path(m, c, name);
    if (!path || !fs_exists(path) || json_read_file(&v, path) < 0) {
        err_clear();
        v = NULL;
    }
    free(path);
    return v;
}

/* A descriptor that holds the cell's lock, -1 when somebody else does (or the folder is not there). */
static int lock_cell(const struct matrix *m, const struct cell *c)
{
    char *dir = cell_path(m, c, NULL);
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(dir);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool is_held(const struct matrix *m, const struct cell *c)
{
    char *dir = cell_path(m, c, NULL);
    bool held = dir && fs_is_held(dir);
    free(dir);
    return held;
}

void cell_status(const struct matrix *m, const struct cell *c, struct cell_status *out)
{
    json_t *summary = read_in(m, c, "run/run_summary.json"), *ended = read_in(m, c, "ended.json"),
           *state = read_in(m, c, "run/run.json"),
           *scores = read_in(m, c, c->library ? "transfer/transfer.json" : "run/test_scores.json");
    int64_t code = json_int_at(ended, "exit", -1);
    bool done = scores &&
                (c->library ? code == 0 : strcmp(json_str_at(summary, "status", ""), "done") == 0);
    json_t *paid = c->library ? read_in(m, c, "transfer/spent.json")
                              : json_incref(json_object_get(summary, "spent"));
    *out = (struct cell_status){.spent = {.calls = json_int_at(paid, "calls", 0),
                                          .tokens = json_int_at(paid, "tokens", 0),
                                          .usd = json_num_at(paid, "usd", 0)}};
    json_decref(paid);
    const char *why = json_str_at(ended, "why", "");
    snprintf(out->stop, sizeof(out->stop), "%s", ended ? json_str_at(summary, "why", "") : "");
    if (is_held(m, c)) {
        out->state = CELL_RUNNING;
        why = "";
    } else if (done) {
        out->state = CELL_DONE;
        why = "";
    } else if (ended) {
        out->state = code == EXIT_RESUMABLE ? CELL_RESUMABLE : CELL_FAILED;
    } else if (state || summary) {
        out->state = CELL_RESUMABLE;
        why = "it ended without a word, as a killed process does";
    } else {
        out->state = CELL_MISSING;
    }
    snprintf(out->why, sizeof(out->why), "%s", why);
    json_decref(summary);
    json_decref(ended);
    json_decref(state);
    json_decref(scores);
}

/* ---- running ---- */

struct job {
    pid_t pid; /* 0: free */
    size_t cell;
    struct spending allowed; /* all its run may spend, earlier starts included */
};
struct runner {
    const struct matrix *m;
    const struct cells_options *o;
    struct job *job;
    int jobs, running;
    size_t done; /* cells */
    sigset_t before;
    bool stopping;
    char *why; /* the first failure's message, which outlives what is read afterwards */
};

/* The last line of the log says why a run ended. */
static void last_line(const char *path, char *out, size_t size)
{
    struct buf text = BUF_INIT;
    *out = '\0';
    if (fs_read(path, &text) == 0) {
        size_t end = text.len;
        while (end && ascii_isspace(text.ptr[end - 1]))
            end--;
        size_t from = end;
        while (from && text.ptr[from - 1] != '\n')
            from--;
        size_t len = utf8_cut(text.ptr + from, end - from, size - 1);
        memcpy(out, text.ptr + from, len);
        out[len] = '\0';
    }
    err_clear();
    buf_release(&text);
}

static int record_end(const struct matrix *m, const struct cell *c, int status)
{
    char why[LINE], *log = cell_path(m, c, "log"), *path = cell_path(m, c, "ended.json");
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    why[0] = '\0';
    if (code && log)
        last_line(log, why, sizeof(why));
    if (WIFSIGNALED(status))
        snprintf(why, sizeof(why), "killed by signal %d", WTERMSIG(status));
    json_t *v =
        json_pack("{s:i, s:s}", "exit", WIFSIGNALED(status) ? EXIT_RESUMABLE : code, "why", why);
    int rc = path && v ? json_write_file(v, path) : err_oom();
    json_decref(v);
    free(log);
    free(path);
    return rc;
}

static struct spending spent_all(const struct runner *r)
{
    struct spending all = {0};
    for (size_t i = 0; i < r->m->n; i++) {
        struct cell_status s;
        cell_status(r->m, &r->m->v[i], &s);
        for (int k = 0; k < r->jobs; k++) /* a running one may still spend what it was given */
            if (r->job[k].pid && r->job[k].cell == i)
                s.spent = r->job[k].allowed;
        spending_add(&all, &s.spent);
    }
    return all;
}

static bool has_budget(const struct cells_options *o)
{
    return o->budget.calls || o->budget.tokens || o->budget.usd > 0;
}

static int budget_spent(const struct spending *all)
{
    return err_set(
        GRASP_ESTOPPED,
        "the budget of the matrix is spent (%lld calls, %lld tokens, %.2f USD); raise it "
        "and run the same command",
        (long long)all->calls, (long long)all->tokens, all->usd);
}

/* What is left of the whole budget is shared by the runs that can be begun now; what a run has spent
 * before counts for it. */
static int budget_sets(const struct runner *r, size_t at, size_t open, struct job *job,
                       struct strlist *argv)
{
    struct cell_status status;
    const struct cells_options *o = r->o;
    if (!has_budget(o))
        return 0;
    struct spending all = spent_all(r);
    cell_status(r->m, &r->m->v[at], &status);
    struct spending own = status.spent;
    size_t free_jobs = (size_t)(r->jobs - r->running);
    double share = (double)(free_jobs < open ? free_jobs : open);
    job->allowed = (struct spending){
        .calls = own.calls + (int64_t)((double)(o->budget.calls - all.calls) / share),
        .tokens = own.tokens + (int64_t)((double)(o->budget.tokens - all.tokens) / share),
        .usd = own.usd + (o->budget.usd - all.usd) / share};
    if ((o->budget.calls && job->allowed.calls <= own.calls) ||
        (o->budget.tokens && job->allowed.tokens <= own.tokens) ||
        (o->budget.usd > 0 && job->allowed.usd <= own.usd))
        return budget_spent(&all);
    int rc = 0;
    if (o->budget.calls)
        rc = strlist_addf(argv, "--set=budget.calls=%lld", (long long)job->allowed.calls);
    if (rc == 0 && o->budget.tokens)
        rc = strlist_addf(argv, "--set=budget.tokens=%lld", (long long)job->allowed.tokens);
    if (rc == 0 && o->budget.usd > 0)
        rc = strlist_addf(argv, "--set=budget.usd=%.9g", job->allowed.usd);
    return rc;
}

/* `grasp transfer`, at the very commit that was planned. */
static int transfer_command(const struct runner *r, const struct cell *c, const char *journal,
                            struct strlist *argv)
{
    char *out = cell_path(r->m, c, "transfer");
    int rc = out ? strlist_add(argv, "transfer") : err_oom();
    if (rc == 0)
        rc = strlist_add(argv, "--quiet");
    if (rc == 0)
        rc = strlist_addf(argv, "--library=%s", c->library);
    if (rc == 0)
        rc = strlist_addf(argv, "--at=%s", c->at);
    if (rc == 0)
        rc = strlist_addf(argv, "--to=%s", c->model);
    if (rc == 0)
        rc = strlist_addf(argv, "--out=%s", out);
    if (rc == 0)
        rc = strlist_addf(argv, "--journal=%s", journal);
    if (rc == 0 && c->regate)
        rc = strlist_add(argv, "--regate");
    for (size_t i = 0; rc == 0 && i < c->sets.n; i++)
        rc = strlist_addf(argv, "--set=%s", c->sets.v[i]);
    free(out);
    return rc;
}

static int learn_command(const struct runner *r, const struct cell *c, const char *journal,
                         struct strlist *argv)
{
    char *run = cell_path(r->m, c, "run"), *library = cell_path(r->m, c, "library");
    int rc = run && library ? strlist_add(argv, "learn") : err_oom();
    if (rc == 0)
        rc = strlist_add(argv, "--quiet");
    if (rc == 0) /* its budget is a share of the matrix's, which was held against the plan */
        rc = strlist_add(argv, "--insist");
    if (rc == 0)
        rc = strlist_addf(argv, "--run=%s", run);
    if (rc == 0)
        rc = strlist_addf(argv, "--library=%s", library);
    if (rc == 0)
        rc = strlist_addf(argv, "--journal=%s", journal);
    if (rc == 0 && c->preset)
        rc = strlist_addf(argv, "--preset=%s", c->preset);
    for (size_t i = 0; rc == 0 && i < c->sets.n; i++)
        rc = strlist_addf(argv, "--set=%s", c->sets.v[i]);
    if (rc == 0 && r->o->keep_going)
        rc = strlist_add(argv, "--keep-going");
    free(run);
    free(library);
    return rc;
}

static int command_of(const struct runner *r, size_t at, size_t open, struct job *job,
                      struct strlist *argv)
{
    const struct cell *c = &r->m->v[at];
    char *journal = r->o->journal ? str_dup(r->o->journal) : fs_join(r->m->dir, "journal");
    int rc = journal ? strlist_add(argv, "grasp") : err_oom();
    if (rc == 0)
        rc = (c->library ? transfer_command : learn_command)(r, c, journal, argv);
    if (rc == 0)
        rc = budget_sets(r, at, open, job, argv);
    if (rc == 0)
        rc = strlist_add(argv, "--");
    if (rc == 0)
        rc = strlist_add(argv, c->config);
    free(journal);
    return rc;
}

/* In the child: what the run says goes to its log, and a signal that reaches it comes from us. */
static void become(const struct runner *r, char *const *argv, int lock, int log)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, &r->before, NULL);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in >= 0 && dup2(in, 0) == 0 && dup2(log, 1) == 1 && dup2(log, 2) == 2 &&
        fcntl(lock, F_SETFD, 0) == 0)
        execv("/proc/self/exe", argv);
    _exit(127);
}

/* *busy: another process makes that cell. */
static int start_cell(struct runner *r, struct job *job, size_t at, size_t open, bool *busy)
{
    const struct cell *c = &r->m->v[at];
    char *dir = cell_path(r->m, c, NULL), *log = cell_path(r->m, c, "log"),
         *ended = cell_path(r->m, c, "ended.json");
    struct strlist argv = {0};
    struct config *config = NULL;
    int lock = -1, out = -1;
    int rc = dir && log && ended ? cell_config(c, &config) : err_oom();
    config_free(config);
    if (rc == 0)
        rc = fs_mkdirs(dir);
    if (rc == 0) {
        lock = lock_cell(r->m, c);
        *busy = lock < 0;
    }
    if (rc == 0 && !*busy)
        rc = command_of(r, at, open, job, &argv);
    if (rc < 0 || *busy)
        goto out;
    unlink(ended);
    out = openat(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
    char **v = reallocarray(NULL, argv.n + 1, sizeof(*v));
    if (out < 0 || !v) {
        rc = v ? err_set_errno(GRASP_EIO, "cannot write '%s'", log) : err_oom();
        free(v);
        goto out;
    }
    memcpy(v, argv.v, argv.n * sizeof(*v));
    v[argv.n] = NULL;
    pid_t pid = fork();
    if (pid == 0)
        become(r, v, lock, out);
    free(v);
    if (pid < 0) {
        rc = err_set_errno(GRASP_EIO, "cannot start a process");
        goto out;
    }
    job->pid = pid;
    job->cell = at;
    r->running++;
out:
    if (lock >= 0)
        close(lock);
    if (out >= 0)
        close(out);
    strlist_release(&argv);
    free(dir);
    free(log);
    free(ended);
    return rc;
}

static void stop_all(struct runner *r, int signal)
{
    r->stopping = true;
    for (int i = 0; i < r->jobs; i++)
        if (r->job[i].pid)
            kill(r->job[i].pid, signal);
}

/* Waits for one of ours to end, or for a signal, which is passed on. */
static int wait_one(struct runner *r)
{
    sigset_t set;
    int got = 0, rc = 0, status;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &got);
    if (got == SIGINT || got == SIGTERM) {
        stop_all(r, got);
        return 0;
    }
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (int i = 0; i < r->jobs; i++)
            if (r->job[i].pid == pid) {
                r->job[i].pid = 0;
                r->running--;
                r->done += WIFEXITED(status) && WEXITSTATUS(status) == 0;
                int failed = record_end(r->m, &r->m->v[r->job[i].cell], status);
                rc = rc < 0 ? rc : failed;
            }
    return rc;
}

static void show_progress(const struct runner *r)
{
    char note[48];
    snprintf(note, sizeof(note), "%d running", r->running);
    progress_set("cells", r->done, r->m->n, note);
}

/* Pruning writes to its library: one at a time. */
static bool library_busy(const struct runner *r, const struct cell *c)
{
    for (int i = 0; i < r->jobs; i++) {
        const struct cell *other = &r->m->v[r->job[i].cell];
        if (r->job[i].pid && c->regate && other->library && strcmp(other->library, c->library) == 0)
            return true;
    }
    return false;
}

/* The next cell that is to be begun and may be; r->m->n when there is none. */
static size_t next_cell(const struct runner *r, const bool *begun)
{
    for (size_t i = 0; i < r->m->n; i++)
        if (!begun[i] && !library_busy(r, &r->m->v[i]))
            return i;
    return r->m->n;
}

/* One pass over what is not done. */
static int run_pass(struct runner *r, int64_t only)
{
    size_t open = 0, at;
    struct cell_status s;
    bool *begun = calloc(r->m->n, sizeof(*begun)), busy;
    int rc = begun ? 0 : err_oom();
    r->done = 0;
    for (size_t i = 0; rc == 0 && i < r->m->n; i++) {
        cell_status(r->m, &r->m->v[i], &s);
        r->done += s.state == CELL_DONE;
        begun[i] = s.state == CELL_DONE || (only >= 0 && (size_t)only != i);
        open += !begun[i];
    }
    for (;;) {
        struct job *job = r->job;
        while (job < r->job + r->jobs && job->pid)
            job++;
        bool may = rc == 0 && !r->stopping && job < r->job + r->jobs;
        if (may && (at = next_cell(r, begun)) < r->m->n) {
            begun[at] = true;
            busy = false;
            rc = start_cell(r, job, at, open--, &busy);
            if (rc < 0 && !r->why)
                r->why = str_dup(err_msg());
            if (busy)
                log_warn("cell %s is being made by another process", r->m->v[at].name);
        } else if (r->running) {
            int ended = wait_one(r);
            if (ended < 0 && !r->why)
                r->why = str_dup(err_msg());
            rc = rc < 0 ? rc : ended;
        } else {
            break;
        }
        if (!r->o->quiet)
            show_progress(r);
    }
    progress_clear();
    free(begun);
    return rc;
}

static int verdict(const struct matrix *m, int64_t only)
{
    size_t of[CELL_STATES] = {0};
    struct cell_status s;
    for (size_t i = 0; i < m->n; i++) {
        cell_status(m, &m->v[i], &s);
        if (only < 0 || (size_t)only == i)
            of[s.state]++;
        if (s.state == CELL_FAILED && (only < 0 || (size_t)only == i))
            log_warn("cell %s failed: %s", m->v[i].name, s.why);
    }
    size_t open = of[CELL_MISSING] + of[CELL_RUNNING] + of[CELL_RESUMABLE];
    if (of[CELL_FAILED])
        return err_set(GRASP_EINVAL,
                       "%zu of the cells failed (their logs are in %s/cells/CELL/log)",
                       of[CELL_FAILED], m->dir);
    return open ? err_set(GRASP_ESTOPPED,
                          "%zu of %zu cells are not done; the same command goes on with them", open,
                          only < 0 ? m->n : (size_t)1)
                : 0;
}

static bool any_budget_stop(const struct matrix *m, int64_t only)
{
    struct cell_status s;
    for (size_t i = 0; i < m->n; i++) {
        cell_status(m, &m->v[i], &s);
        if (s.state == CELL_RESUMABLE && (only < 0 || (size_t)only == i) &&
            strcmp(s.stop, "budget") == 0)
            return true;
    }
    return false;
}

int cells_run(const struct matrix *m, const struct cells_options *o, int64_t only)
{
    struct runner r = {.m = m, .o = o, .jobs = only >= 0 ? 1 : o->jobs};
    sigset_t ours;
    int rc = 0;
    if (!(r.job = calloc((size_t)r.jobs, sizeof(*r.job))))
        return err_oom();
    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, &r.before);
    struct spending before, after = {0};
    if (has_budget(o))
        after = spent_all(&r);
    do { /* what one run left of its share is another's */
        before = after;
        rc = run_pass(&r, only);
        if (has_budget(o))
            after = spent_all(&r);
    } while (
        rc == 0 && !r.stopping && has_budget(o) && any_budget_stop(m, only) &&
        (after.calls > before.calls || after.tokens > before.tokens || after.usd > before.usd));
    sigprocmask(SIG_SETMASK, &r.before, NULL);
    free(r.job);
    if (rc < 0 && r.why)
        err_set(rc, "%s", r.why);
    free(r.why);
    if (rc == 0 && r.stopping)
        rc = err_set(GRASP_ESTOPPED, "stopped by a signal; the same command goes on");
    return rc < 0 ? rc : verdict(m, only);
}

int cells_show(const struct matrix *m, bool json, FILE *out)
{
    json_t *all = json_array();
    size_t width = 4;
    struct cell_status s;
    for (size_t i = 0; i < m->n; i++)
        width = strlen(m->v[i].name) > width ? strlen(m->v[i].name) : width;
    if (!json)
        fprintf(out, "%4s  %-*s  %-9s  %8s  %s\n", "", (int)width, "cell", "state", "calls", "why");
    for (size_t i = 0; i < m->n; i++) {
        cell_status(m, &m->v[i], &s);
        if (json)
            json_array_append_new(all, json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:f}", "number",
                                                 (json_int_t)i + 1, "cell", m->v[i].name, "state",
                                                 cell_state_name(s.state), "why", s.why, "calls",
                                                 (json_int_t)s.spent.calls, "tokens",
                                                 (json_int_t)s.spent.tokens, "usd", s.spent.usd));
        else
            fprintf(out, "%4zu  %-*s  %-9s  %8lld  %s\n", i + 1, (int)width, m->v[i].name,
                    cell_state_name(s.state), (long long)s.spent.calls, s.why);
    }
    if (json) {
        json_dumpf(all, out, JSON_INDENT(2));
        fputc('\n', out);
    }
    json_decref(all);
    return verdict(m, -1);
}
