/* skills_evidence.c - `grasp skills evidence`: what the gate measured for a commit; of one task, both
 * ends side by side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/commands/skills.h"
#include "runtime/history/seen.h"
#include "runtime/history/words.h"

/* ---- all probes ---- */

static size_t passed(const json_t *outcomes)
{
    size_t i, n = 0;
    json_t *o;
    json_array_foreach ((json_t *)outcomes, i, o) {
        n += json_is_string(o) && strcmp(json_string_value(o), "pass") == 0;
    }
    return n;
}

/* What was drawn again of a probe on which the arms differed (gate.rule: replicate). */
static void print_again(const json_t *row)
{
    const json_t *base = json_object_get(row, "base_again"),
                 *cand = json_object_get(row, "cand_again");
    if (base || cand)
        printf("  again: before %zu of %zu pass, after %zu of %zu", passed(base),
               json_array_size(base), passed(cand), json_array_size(cand));
}

static void evidence_rows(const json_t *probes, bool all)
{
    size_t i, widest = 4, hidden = 0;
    json_t *row;
    json_array_foreach ((json_t *)probes, i, row) {
        size_t len = strlen(json_str_at(row, "id", ""));
        widest = len > widest && len <= 60 ? len : widest;
    }
    printf("  %-*s  %-7s  %-8s  %-8s\n", (int)widest, "task", "side", "before", "after");
    json_array_foreach ((json_t *)probes, i, row) {
        enum effect e = probe_effect(row);
        if (e == EFFECT_NONE && !all) {
            hidden++;
            continue;
        }
        printf("  %-*s  %-7s  %-8s  %-8s%s%s", (int)widest, json_str_at(row, "id", "?"),
               json_str_at(row, "side", "?"), json_str_at(row, "base", "?"),
               json_str_at(row, "cand", "?"), e == EFFECT_NONE ? "" : "  ",
               e == EFFECT_NONE      ? ""
               : e == EFFECT_UNKNOWN ? "not compared"
                                     : effect_name(e));
        print_again(row);
        putchar('\n');
    }
    if (hidden)
        printf("  and %zu that did not change (--all shows them)\n", hidden);
}

static void evidence_score(const char *what, const json_t *v)
{
    printf("%s: score %+lld (%lld fixes, %lld regressions; baseline %lld and %lld); %s; %s\n", what,
           (long long)json_int_at(v, "score.score", 0), (long long)json_int_at(v, "score.fixes", 0),
           (long long)json_int_at(v, "score.regressions", 0),
           (long long)json_int_at(v, "score.base_fixes", 0),
           (long long)json_int_at(v, "score.base_regressions", 0),
           json_bool_at(v, "score.eligible", false) ? "eligible" : "not eligible",
           strcmp(json_str_at(v, "stop", ""), "finished") == 0 ? "measured in full"
                                                               : "stopped early");
}

static void evidence_text(const struct oid *commit, const json_t *v, bool all)
{
    const json_t *confirm = json_object_get(v, "confirm");
    printf("%.10s  epoch %lld.%lld  ", commit->hex, (long long)json_int_at(v, "epoch", -1) + 1,
           (long long)json_int_at(v, "update", -1) + 1);
    struct buf words = BUF_INIT;
    struct ruling ruling;
    ruling_read(&ruling, v);
    ruling_words(&ruling, &words);
    print_text(words.ptr, 0);
    buf_release(&words);
    putchar('\n');
    evidence_score("probes", v);
    evidence_rows(json_object_get(v, "probes"), all);
    if (confirm) {
        evidence_score("second probe set", confirm);
        evidence_rows(json_object_get(confirm, "probes"), all);
    }
}

/* ---- one probe ---- */

enum { LABEL = 11, LEAST = 20, MOST = 100 }; /* columns */

/* The columns that each end has, of those of the terminal; of anything else, 100. */
static size_t end_width(void)
{
    struct winsize w;
    size_t columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 100;
    size_t width = columns > LABEL + 4 ? (columns - LABEL - 4) / 2 : 0;
    return width < LEAST ? LEAST : width > MOST ? MOST : width;
}

/* Adds the lines of a text, broken at blanks where there are some, of at most `width` characters; the
 * first of them behind `mark`. */
static int wrap(struct strlist *lines, const char *mark, const char *text, size_t width)
{
    size_t indent = strlen(mark), room = width - indent;
    int rc = 0;
    do {
        size_t len = strlen(text), n = utf8_prefix(text, len, room), end = n;
        if (n < len)
            while (end && text[end] != ' ')
                end--;
        if (!end)
            end = n;
        rc = strlist_addf(lines, "%s%.*s", mark, (int)end, text);
        mark = &"    "[4 - indent];
        text += end;
        while (*text == ' ')
            text++;
    } while (rc == 0 && *text);
    return rc;
}

static int wrap_all(struct strlist *lines, const json_t *texts, size_t width)
{
    size_t i;
    json_t *text;
    int rc = 0;
    json_array_foreach ((json_t *)texts, i, text) {
        if (rc == 0)
            rc = wrap(lines, "- ", json_string_value(text) ? json_string_value(text) : "", width);
    }
    return rc < 0 || lines->n ? rc : strlist_add(lines, "(none)");
}

/* One line of the comparison; without texts of its own it is empty. */
static void print_pair(const char *label, struct strlist *before, struct strlist *after,
                       size_t width)
{
    static const char bar[] = " \xe2\x94\x82 ";
    for (size_t i = 0; i == 0 || i < before->n || i < after->n; i++) {
        const char *left = i < before->n ? before->v[i] : "",
                   *right = i < after->n ? after->v[i] : "";
        size_t n = utf8_length(left, strlen(left));
        printf("%-*s ", LABEL, i ? "" : label);
        print_text(left, 0);
        printf("%*s%s", (int)(width - n), "", bar);
        print_text(right, 0);
        putchar('\n');
    }
    strlist_release(before);
    strlist_release(after);
}

static void print_words(const char *label, const char *before, const char *after, size_t width)
{
    struct strlist left = {0}, right = {0};
    if (wrap(&left, "", before, width) == 0 && wrap(&right, "", after, width) == 0)
        print_pair(label, &left, &right, width);
}

static void print_lists(const char *label, const json_t *before, const json_t *after, size_t width)
{
    struct strlist left = {0}, right = {0};
    if (wrap_all(&left, before, width) == 0 && wrap_all(&right, after, width) == 0)
        print_pair(label, &left, &right, width);
}

/* The answer, and how much of it is not there. */
static int answer_text(const json_t *end, struct buf *out)
{
    const char *answer = json_str_at(end, "answer", NULL);
    int64_t bytes = json_int_at(end, "answer_bytes", -1);
    buf_adds(out, answer ? answer : "(none)");
    if (answer && bytes > (int64_t)strlen(answer))
        buf_addf(out, " (cut: %lld bytes more)", (long long)(bytes - (int64_t)strlen(answer)));
    return buf_check(out);
}

static void print_ends(const json_t *evidence, const json_t *row, const json_t *seen, size_t width)
{
    const json_t *before = json_object_get(seen, "before"), *after = json_object_get(seen, "after");
    struct buf left = BUF_INIT, right = BUF_INIT;
    const char *call = json_str_at(before, "call", NULL);
    print_words("", "before", "after", width);
    print_words("outcome", json_str_at(row, "base", "?"), json_str_at(row, "cand", "?"), width);
    if (json_object_get(before, "status") || json_object_get(after, "status"))
        print_words("status", json_str_at(before, "status", "completed"),
                    json_str_at(after, "status", "completed"), width);
    if (answer_text(before, &left) == 0 && answer_text(after, &right) == 0)
        print_words("answer", left.ptr, right.ptr, width);
    print_lists("reasons", json_object_get(before, "reasons"), json_object_get(after, "reasons"),
                width);
    print_lists("skills", seen_skills(evidence, before), seen_skills(evidence, after), width);
    print_words("prompt", json_str_at(before, "prompt", "?"), json_str_at(after, "prompt", "?"),
                width);
    if (call)
        print_words("last call", call, json_str_at(after, "call", "?"), width);
    if (strcmp(json_str_at(before, "prompt", ""), json_str_at(after, "prompt", "-")) == 0)
        puts("The first prompts are the same: the edit was not shown.");
    if (call)
        puts("grasp journal show RUN CALL prints a last reply in full.");
    buf_release(&left);
    buf_release(&right);
}

static int evidence_task(const struct oid *commit, const json_t *v, const char *task, bool as_json)
{
    const json_t *row = probe_find(json_object_get(v, "probes"), task), *seen = seen_find(v, task);
    if (!row)
        return err_set(GRASP_ENOTFOUND,
                       "'%s' is none of the probes of %.10s; without a task all of them are shown",
                       task, commit->hex);
    if (as_json) {
        json_t *out = json_pack("{s:O, s:O*}", "probe", (json_t *)row, "seen", (json_t *)seen);
        json_t *skills = json_pack(
            "{s:O*, s:O*}", "before", (json_t *)seen_skills(v, json_object_get(seen, "before")),
            "after", (json_t *)seen_skills(v, json_object_get(seen, "after")));
        if (!out || !skills || json_object_set_new(out, "skills", skills) < 0)
            return err_oom();
        return print_json(out);
    }
    enum effect e = probe_effect(row);
    printf("%.10s  ", commit->hex);
    print_text(task, 0);
    printf("  %s when it was drawn%s%s\n", json_str_at(row, "side", "?"),
           e == EFFECT_NONE ? "" : ", ",
           e == EFFECT_NONE      ? ""
           : e == EFFECT_UNKNOWN ? "not compared"
                                 : effect_name(e));
    if (seen) {
        print_ends(v, row, seen, end_width());
        return 0;
    }
    printf("before %s, after %s; %s\n", json_str_at(row, "base", "?"),
           json_str_at(row, "cand", "?"),
           json_object_get(v, "seen") ? "there was no room for more, or it was not measured"
                                      : "this evidence is of outcomes alone");
    return 0;
}

static int run_evidence(const struct args *a)
{
    struct library *lib;
    struct oid commit;
    json_t *v = NULL;
    int lacks = 0;
    int rc = skills_open(&lib, operand(a, 0), LIBRARY_READ, &lacks);
    if (rc == 0)
        rc = library_resolve(lib, operand(a, 1), &commit);
    if (rc == 0)
        rc = library_note_read(lib, &commit, &v);
    if (rc == GRASP_ENOTFOUND && lacks & LIBRARY_LACKS_EVIDENCE)
        rc =
            err_set(rc, "the evidence for %.10s, if there is any, is not in this copy", commit.hex);
    if (rc == 0 && operand(a, 2))
        rc = evidence_task(&commit, v, operand(a, 2), arg_flag(a, "json"));
    else if (rc == 0 && arg_flag(a, "json"))
        rc = print_json(json_incref(v));
    else if (rc == 0)
        evidence_text(&commit, v, arg_flag(a, "all"));
    json_decref(v);
    library_close(lib);
    return rc;
}

const struct command skills_evidence = {
    .name = "evidence",
    .summary = "what the gate measured for a commit, probe by probe",
    .operands = "DIR REV [TASK]",
    .min = 2,
    .max = 3,
    .options =
        (const struct option_def[]){
            {"all", 0, NULL, "also the probes that did not change", NULL}, JSON_OPTION, {0}},
    .details =
        "side: what the task was when the probe set was drawn. before and after: what it was\n"
        "with the library as it stood, and with the edit. Of a TASK: the answers, the reasons of "
        "both\n"
        "verdicts and the skills that were shown, side by side.",
    .run = run_evidence,
};
