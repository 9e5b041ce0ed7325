/* journal.c - `grasp journal`: look at the calls that were paid for, and clean up. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/commands/table.h"
#include "runtime/journal/journal.h"

#define DAY_NS   (86400 * NS_PER_SEC)
#define DAYS_MAX 36500

/* The operand may be the journal itself or a run directory that has one. Caller frees. */
static char *journal_dir(const char *name)
{
    char *inside = fs_join(name, "journal/data.mdb");
    char *dir = inside && fs_exists(inside) ? fs_dirname(inside) : str_dup(name);
    free(inside);
    return dir;
}

static int open_named(const struct args *a, struct journal **j)
{
    char *dir = journal_dir(operand(a, 0));
    *j = NULL;
    int rc = dir ? journal_open(j, dir, JOURNAL_READ_ONLY) : err_oom();
    free(dir);
    return rc;
}

static json_t *entry_json(const struct journal_entry *e)
{
    char key[HASH_HEX], when[CLOCK_TEXT];
    hash_hex(e->key, key);
    clock_format(e->when, 1, when);
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:I, s:s, s:I, s:{s:I, s:I, s:I}, s:f, s:o}", "key", key, "when",
        when, "phase", model_phase_name(e->phase), "model", json_text(e->model, strlen(e->model)),
        "draw", (json_int_t)e->draw, "result", e->result == MODEL_OK ? "ok" : "context_limit",
        "request_chars", (json_int_t)e->request_len, "usage", "prompt_tokens",
        (json_int_t)e->usage.prompt_tokens, "completion_tokens",
        (json_int_t)e->usage.completion_tokens, "cached_tokens", (json_int_t)e->usage.cached_tokens,
        "latency_s", (double)e->latency_ns / (double)NS_PER_SEC, "text",
        json_text(e->text, e->len));
}

static int put_json(json_t *v)
{
    struct buf line = BUF_INIT;
    if (!v)
        return err_oom();
    buf_add_json_value(&line, v);
    buf_adds(&line, "\n");
    int rc = buf_check(&line);
    if (rc == 0 && fwrite(line.ptr, 1, line.len, stdout) != line.len)
        rc = err_set_errno(GRASP_EIO, "cannot write to standard output");
    buf_release(&line);
    json_decref(v);
    return rc;
}

static int export_entry(const struct journal_entry *e, void *arg)
{
    (void)arg;
    return put_json(entry_json(e));
}

static int run_export(const struct args *a)
{
    struct journal *j;
    int rc = open_named(a, &j);
    if (rc == 0)
        rc = journal_walk(j, export_entry, NULL);
    journal_close(j);
    return rc;
}

static int show_entry(const struct journal_entry *e, void *arg)
{
    char key[HASH_HEX], when[CLOCK_TEXT];
    if (*(const bool *)arg)
        return put_json(entry_json(e));
    hash_hex(e->key, key);
    clock_format(e->when, 0, when);
    printf("key      %s\nwhen     %s, %.3f s\nmodel    %s, draw %lld\nphase    %s\n"
           "request  %" PRIu64 " characters, %" PRId64 " tokens (%" PRId64 " cached)\n"
           "answer   %zu characters, %" PRId64 " tokens, %zu bytes on disk%s\n\n",
           key, when, (double)e->latency_ns / (double)NS_PER_SEC, e->model, (long long)e->draw,
           model_phase_name(e->phase), e->request_len, e->usage.prompt_tokens,
           e->usage.cached_tokens, e->len, e->usage.completion_tokens, e->stored,
           e->result == MODEL_OK ? "" : " (context limit)");
    fwrite(e->text, 1, e->len, stdout);
    if (e->len && e->text[e->len - 1] != '\n')
        putchar('\n');
    return 0;
}

static int run_show(const struct args *a)
{
    struct journal *j;
    bool as_json = arg_flag(a, "json");
    int rc = open_named(a, &j);
    if (rc == 0)
        rc = journal_find(j, operand(a, 1), show_entry, &as_json);
    journal_close(j);
    return rc;
}

/* What stat adds up, per phase and in all. */
struct sums {
    int64_t calls[MODEL_PHASES + 1], latency_ns[MODEL_PHASES + 1], characters[MODEL_PHASES + 1];
    struct model_usage usage[MODEL_PHASES + 1];
    int64_t first, last, stored;
    struct strlist models;
};

static void add(struct sums *s, size_t at, const struct journal_entry *e)
{
    s->calls[at]++;
    s->latency_ns[at] += e->latency_ns;
    s->characters[at] += (int64_t)e->len;
    model_usage_add(&s->usage[at], &e->usage);
}

static int sum_entry(const struct journal_entry *e, void *arg)
{
    struct sums *s = arg;
    add(s, e->phase, e);
    add(s, MODEL_PHASES, e);
    s->first = s->first == 0 || e->when < s->first ? e->when : s->first;
    s->last = e->when > s->last ? e->when : s->last;
    s->stored += (int64_t)e->stored;
    return strlist_has(&s->models, e->model) ? 0 : strlist_add(&s->models, e->model);
}

static json_t *sums_json(const struct sums *s, size_t at)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:f}", "calls", (json_int_t)s->calls[at],
                     "prompt_tokens", (json_int_t)s->usage[at].prompt_tokens, "completion_tokens",
                     (json_int_t)s->usage[at].completion_tokens, "cached_tokens",
                     (json_int_t)s->usage[at].cached_tokens, "latency_s",
                     (double)s->latency_ns[at] / (double)NS_PER_SEC);
}

static int stat_json(const struct sums *s, const struct journal_info *info, int64_t damaged)
{
    char first[CLOCK_TEXT], last[CLOCK_TEXT];
    json_t *phases = json_object(), *models = json_array();
    for (size_t i = 0; i < MODEL_PHASES; i++)
        if (s->calls[i])
            json_object_set_new(phases, model_phase_name((enum model_phase)i), sums_json(s, i));
    for (size_t i = 0; i < s->models.n; i++)
        json_array_append_new(models, json_text(s->models.v[i], strlen(s->models.v[i])));
    clock_format(s->first, 0, first);
    clock_format(s->last, 0, last);
    return put_json(json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:o, s:o}", "entries", (json_int_t)info->entries,
        "damaged", (json_int_t)damaged, "file_bytes", (json_int_t)info->file_bytes, "used_bytes",
        (json_int_t)info->used_bytes, "stored_bytes", (json_int_t)s->stored, "first", first, "last",
        last, "models", models, "total", sums_json(s, MODEL_PHASES), "phases", phases));
}

static void stat_text(const struct sums *s, const struct journal_info *info, int64_t damaged)
{
    char first[CLOCK_TEXT], last[CLOCK_TEXT];
    clock_format(s->first, 0, first);
    clock_format(s->last, 0, last);
    printf("%" PRId64 " calls, %.1f MB on disk (%.1f MB in use), %" PRId64 " damaged\n",
           info->entries, (double)info->file_bytes / 1e6, (double)info->used_bytes / 1e6, damaged);
    if (s->calls[MODEL_PHASES] == 0)
        return;
    printf("from %s to %s\nmodels:", first, last);
    for (size_t i = 0; i < s->models.n; i++)
        printf(" %s", s->models.v[i]);
    printf("\n\n%-14s %9s %14s %12s %14s %10s\n", "phase", "calls", "prompt tokens", "of it cached",
           "answer tokens", "s a call");
    for (size_t i = 0; i <= MODEL_PHASES; i++)
        if (s->calls[i])
            printf("%-14s %9" PRId64 " %14" PRId64 " %12" PRId64 " %14" PRId64 " %10.3f\n",
                   model_phase_name((enum model_phase)i), s->calls[i], s->usage[i].prompt_tokens,
                   s->usage[i].cached_tokens, s->usage[i].completion_tokens,
                   (double)s->latency_ns[i] / (double)NS_PER_SEC / (double)s->calls[i]);
}

static int run_stat(const struct args *a)
{
    struct journal *j;
    struct journal_info info;
    struct sums s = {0};
    int rc = open_named(a, &j);
    if (rc == 0)
        rc = journal_walk(j, sum_entry, &s);
    if (rc == 0)
        rc = journal_info(j, &info);
    if (rc == 0 && arg_flag(a, "json"))
        rc = stat_json(&s, &info, journal_damaged(j));
    else if (rc == 0)
        stat_text(&s, &info, journal_damaged(j));
    strlist_release(&s.models);
    journal_close(j);
    return rc;
}

/* "context,empty" as bits. */
static int parse_kinds(const char *text, unsigned *kinds)
{
    static const struct {
        const char *name;
        unsigned bit;
    } all[] = {{"context", JOURNAL_CONTEXT},
               {"empty", 1u << SAID_EMPTY | 1u << SAID_CUT},
               {"cut", 1u << SAID_CUT},
               {"refused", 1u << SAID_REFUSED}};
    *kinds = 0;
    for (const char *p = text; *p; p += *p == ',') {
        size_t len = strcspn(p, ","), i = 0, n = sizeof(all) / sizeof(*all);
        while (i < n && (strlen(all[i].name) != len || strncmp(all[i].name, p, len) != 0))
            i++;
        if (i == n)
            return err_set(GRASP_EUSAGE, "--kind: '%.*s' is none of context, empty, cut, refused",
                           (int)len, p);
        *kinds |= all[i].bit;
        p += len;
    }
    return *kinds ? 0 : err_set(GRASP_EUSAGE, "--kind: which? context, empty, cut, refused");
}

static int run_gc(const struct args *a)
{
    struct journal_gc_report r;
    double days = 0;
    int64_t before = 0;
    unsigned kinds = 0;
    if (arg_str(a, "kind")) {
        int rc = parse_kinds(arg_str(a, "kind"), &kinds);
        if (rc < 0)
            return rc;
    }
    if (arg_str(a, "older-than")) {
        int rc = arg_double(a, "older-than", 0, DAYS_MAX, &days);
        if (rc < 0)
            return rc;
        before = clock_wall() - (int64_t)(days * (double)DAY_NS);
    }
    char *dir = journal_dir(operand(a, 0));
    int rc = dir ? journal_gc(dir, before, kinds, &r) : err_oom();
    free(dir);
    if (rc < 0)
        return rc;
    if (arg_flag(a, "json"))
        return put_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "kept", (json_int_t)r.kept,
                                  "dropped", (json_int_t)r.dropped, "damaged",
                                  (json_int_t)r.damaged, "bytes_before", (json_int_t)r.bytes_before,
                                  "bytes_after", (json_int_t)r.bytes_after, "compacted",
                                  r.compacted));
    printf("%" PRId64 " calls kept, %" PRId64 " dropped (%" PRId64 " of them damaged), ", r.kept,
           r.dropped, r.damaged);
    if (r.compacted)
        printf("%.1f MB instead of %.1f\n", (double)r.bytes_after / 1e6,
               (double)r.bytes_before / 1e6);
    else
        printf("not compacted: another process has it open\n");
    return 0;
}

static int run_check(const struct args *a)
{
    struct journal_check c = {0};
    char *dir = journal_dir(operand(a, 0));
    int rc = dir ? journal_check(dir, &c) : err_oom();
    free(dir);
    if (rc < 0 && rc != GRASP_EREFUSED)
        return rc;
    if (arg_flag(a, "json")) {
        int put = put_json(json_pack("{s:b, s:I, s:I, s:I, s:I}", "sound", rc == 0, "entries",
                                     (json_int_t)c.entries, "damaged", (json_int_t)c.damaged,
                                     "unreachable", (json_int_t)c.unreachable, "dangling",
                                     (json_int_t)c.dangling));
        return rc < 0 ? rc : put;
    }
    if (rc == 0)
        printf("%" PRId64 " calls, all of them sound\n", c.entries);
    return rc;
}

static int run_merge(const struct args *a)
{
    size_t n = operand_count(a) - 1, i = 0;
    struct journal_merge_report r = {0};
    char **in = calloc(n + 1, sizeof(*in));
    int rc = in ? 0 : err_oom();
    for (; rc == 0 && i < n; i++)
        if (!(in[i] = journal_dir(operand(a, i + 1))))
            rc = err_oom();
    if (rc == 0)
        rc = journal_merge(operand(a, 0), (const char *const *)in, n, &r);
    for (i = 0; in && i < n; i++)
        free(in[i]);
    free(in);
    if (rc < 0)
        return rc;
    if (arg_flag(a, "json"))
        return put_json(json_pack("{s:I, s:I, s:I, s:I}", "read", (json_int_t)r.read, "added",
                                  (json_int_t)r.added, "known", (json_int_t)r.known, "other",
                                  (json_int_t)r.other));
    printf("%" PRId64 " calls added, %" PRId64 " known already%s", r.added, r.known,
           r.other ? "" : "\n");
    if (r.other)
        printf(", %" PRId64 " of them with another answer: the first one stays\n", r.other);
    return 0;
}

static const struct option_def json_only[] = {{"json", 0, NULL, "JSON on standard output", NULL},
                                              {0}};

static const struct command cmd_stat = {
    .name = "stat",
    .summary = "calls, tokens and bytes, by phase",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .options = json_only,
    .run = run_stat,
};
static const struct command cmd_show = {
    .name = "show",
    .summary = "one call and its answer",
    .operands = "DIR KEY",
    .min = 2,
    .max = 2,
    .options = json_only,
    .details = "KEY is the call's hash or enough of its first digits.",
    .run = run_show,
};
static const struct command journal_export = {
    .name = "export",
    .summary = "all calls as JSON lines, in the order in which they were made",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .details = "Answers only: a call's request is known to the journal by its hash.",
    .run = run_export,
};
static const struct command cmd_gc = {
    .name = "gc",
    .summary = "drop damaged and old calls, and make the file small",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"older-than", 0, "DAYS", "drop calls that were made before", NULL},
            {"kind", 0, "KINDS", "drop answers of these kinds only: context, empty, cut, refused",
             NULL},
            {"json", 0, NULL, "JSON on standard output", NULL},
            {0}},
    .details =
        "A dropped call is paid for again when a run asks for it. Without --older-than and --kind\n"
        "only damaged entries go. --kind context,empty,refused drops what was no answer (too long\n"
        "for the model, nothing said, declined), so that a larger server is asked again; a run "
        "that\n"
        "has decided from such a call may then decide otherwise. While another process has the\n"
        "journal open, entries are dropped and their space is used again, but the file stays as\n"
        "large as it is.",
    .run = run_gc,
};

static const struct command cmd_check = {
    .name = "check",
    .summary = "look for damage in everything that is kept",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .options = json_only,
    .details = "Exit status 1 and what to do when there is any.",
    .run = run_check,
};
static const struct command cmd_merge = {
    .name = "merge",
    .summary = "answers of several journals in one",
    .operands = "OUT IN...",
    .min = 2,
    .max = -1,
    .options = json_only,
    .details =
        "OUT is made where it is not there. Where two journals answer one call, the answer that\n"
        "OUT had first stays. Doing it again changes nothing.",
    .run = run_merge,
};

const struct command cmd_journal = {
    .name = "journal",
    .summary = "the model calls that were paid for, and their answers",
    .operands = "",
    .sub = (const struct command *const[]){&cmd_stat, &cmd_show, &journal_export, &cmd_check,
                                           &cmd_gc, &cmd_merge, NULL},
    .details = "DIR is a journal, or a run directory with one inside.",
};
