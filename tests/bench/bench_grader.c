/*
 * bench_grader.c - what grading a rollout costs, answer and payloads parsed, searches already
 * answered.
 *
 *     build/bench/bench_grader [ROUNDS]        default 20000
 *
 * The right cases of tests/data/graders, each graded ROUNDS times; every search is answered with
 * the case's resources of its type.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/graders/grader.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

struct bench {
    struct grader_settings settings;
    int rounds;
    int64_t ns, slowest;
    char slowest_name[80];
    size_t cases, correct;
};

static void build_chat(struct chat *chat, const json_t *v, const char *base)
{
    json_t *post;
    size_t i;
    chat_add(chat, CHAT_USER, "task", 4);
    json_array_foreach (json_object_get(v, "posts"), i, post) {
        struct buf b = BUF_INIT;
        buf_addf(&b, "POST %s%s\n", base, json_str_at(post, "to", ""));
        buf_add_json_value(&b, json_object_get(post, "payload"));
        chat_add(chat, CHAT_AGENT, b.ptr, b.len);
        chat_add(chat, CHAT_USER, "POST request accepted", 21);
        buf_release(&b);
    }
    chat_add(chat, CHAT_AGENT, "FINISH", 6);
}

/* The case's resources of the type that the query begins with. */
static json_t *answer_search(const json_t *v, const char *query)
{
    json_t *found = json_array(), *resource;
    size_t i, n = strcspn(query, "?");
    json_array_foreach (json_object_get(v, "chart"), i, resource) {
        const char *type = json_str_at(resource, "resourceType", "");
        if (strlen(type) == n && strncmp(type, query, n) == 0)
            json_array_append(found, resource);
    }
    return found;
}

static int bench_line(json_t *v, size_t line, void *arg)
{
    struct bench *b = arg;
    struct task task;
    struct chat chat = {0};
    struct strlist queries = {0};
    struct verdict verdict = {0};
    json_t *found[8] = {NULL};
    (void)line;
    if (!json_object_get(v, "case"))
        return 0;
    if (task_from_json(&task, json_object_get(v, "task"), "case", true) < 0 ||
        grader_searches(&task, &b->settings, &queries) < 0)
        return -1;
    build_chat(&chat, v, b->settings.base);
    for (size_t i = 0; i < queries.n && i < 8; i++)
        found[i] = answer_search(v, queries.v[i]);
    struct trace trace = {&chat, json_str_at(v, "answer", NULL)};
    int64_t start = clock_mono();
    for (int i = 0; i < b->rounds; i++)
        grader_grade(&task, &b->settings, &trace, found, &verdict);
    int64_t ns = (clock_mono() - start) / b->rounds;
    b->ns += ns;
    b->cases++;
    b->correct += verdict.correct;
    if (ns > b->slowest) {
        b->slowest = ns;
        snprintf(b->slowest_name, sizeof(b->slowest_name), "%s", json_str_at(v, "case", ""));
    }
    for (size_t i = 0; i < 8; i++)
        json_decref(found[i]);
    strlist_release(&queries);
    chat_release(&chat);
    task_release(&task);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const files[] = {"tests/data/graders/v1.jsonl",
                                        "tests/data/graders/v2.jsonl"};
    int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20000;
    for (int i = 0; i < 2; i++) {
        struct bench b = {.settings = {.benchmark = i ? BENCHMARK_V2 : BENCHMARK_V1,
                                       .base = "http://fhir.test/r4/",
                                       .today = "2026-01-15T00:00:00+00:00"},
                          .rounds = rounds > 0 ? rounds : 1};
        if (json_read_lines(files[i], bench_line, &b) < 0 || !b.cases) {
            fprintf(stderr, "%s: %s\n", files[i], err_msg());
            return 1;
        }
        printf("grading v%d  %.2f us a rollout (mean of %zu cases, %zu correct), slowest %.2f us: "
               "%s\n",
               i + 1, (double)b.ns / (double)b.cases / 1000, b.cases, b.correct,
               (double)b.slowest / 1000, b.slowest_name);
    }
    return 0;
}
