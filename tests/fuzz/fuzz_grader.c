/*
 * fuzz_grader.c - hostile traces and charts through all twenty graders.
 *
 * The input is cut at 0xff bytes: the answer, then agent messages, each accepted. A last piece that
 * parses as a JSON array is the chart of every search.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/graders/grader.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void grade(const char *id, enum benchmark benchmark, const struct chat *chat,
                  const char *result, json_t *chart)
{
    const char *instruction = "Write \"so\" to S1";
    json_t *object =
        json_pack("{s:s,s:s,s:s,s:s,s:[s]}", "id", id, "instruction", instruction, "context",
                  "It's 2023-11-07T22:47:00+00:00 now", "eval_MRN", "S1", "sol", "x");
    struct grader_settings settings = {
        .benchmark = benchmark, .base = "http://f/", .today = "2026-01-15T00:00:00+00:00"};
    struct task task;
    struct verdict verdict, again;
    struct strlist queries = {0}, tags = {0};
    if (!object || task_from_json(&task, object, "fuzz", true) < 0 ||
        grader_searches(&task, &settings, &queries) < 0)
        abort();
    json_t *found[4] = {chart, chart, chart, chart};
    struct trace trace = {chat, result};
    grader_grade(&task, &settings, &trace, found, &verdict);
    grader_grade(&task, &settings, &trace, found, &again);
    if (verdict.correct != again.correct || strcmp(verdict.reason, again.reason) != 0)
        abort();
    if (!verdict.reason[0] || verdict.correct != (strcmp(verdict.reason, "ok") == 0))
        abort(); /* every refusal has a reason */
    if (memcmp(verdict.reasons, again.reasons, sizeof(verdict.reasons)) != 0)
        abort();
    json_t *reasons = verdict_reasons(&verdict);
    if (!reasons || (json_array_size(reasons) == 0) != verdict.correct)
        abort(); /* ... in UTF-8, whatever the agent wrote */
    json_decref(reasons);
    if (grader_tags(&task, &settings, &trace, &verdict, "completed", &tags) < 0)
        abort();
    strlist_release(&tags);
    strlist_release(&queries);
    task_release(&task);
    json_decref(object);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    json_object_seed(1); /* an input takes the same way every time */
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chat chat = {0};
    char *result = NULL;
    json_t *chart = NULL;
    const uint8_t *end = data + size;
    for (const uint8_t *p = data; p < end;) {
        const uint8_t *cut = memchr(p, 0xff, (size_t)(end - p));
        size_t n = (size_t)((cut ? cut : end) - p);
        if (!result) {
            result = strndup((const char *)p, n);
        } else {
            if (!cut)
                chart = json_loadb((const char *)p, n, JSON_ALLOW_NUL, NULL);
            chat_add(&chat, CHAT_AGENT, (const char *)p, n);
            if (cut)
                chat_add(&chat, CHAT_USER, "POST request accepted", 21);
        }
        p += n + 1;
    }
    if (!json_is_array(chart)) {
        json_decref(chart);
        chart = json_array();
    }
    for (int family = 1; family <= 10; family++) {
        char id[16];
        snprintf(id, sizeof(id), "task%d_1", family);
        grade(id, BENCHMARK_V1, &chat, result, chart);
        grade(id, BENCHMARK_V2, &chat, result, chart);
    }
    json_decref(chart);
    free(result);
    chat_release(&chat);
    return 0;
}
