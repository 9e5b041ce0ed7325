/* bench_sim.c - what one reply of the simulated model costs, by size of what it reads. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/fs.h"
#include "runtime/simulator/simulator.h"

#define TIMES 2000

static double reply_us(const struct chat *chat, const struct sim_settings *s)
{
    struct buf out = BUF_INIT;
    int64_t start = clock_cpu();
    for (int i = 0; i < TIMES; i++) {
        buf_reset(&out);
        if (sim_reply(s, chat, 0, &out) < 0)
            exit(1);
    }
    buf_release(&out);
    return (double)(clock_cpu() - start) / TIMES / 1000;
}

/* The first message with functions of about `functions` bytes and `copies` of the skills file. */
static void first_message(struct chat *chat, size_t functions, const char *skills, int copies)
{
    struct buf text = BUF_INIT, block = BUF_INIT;
    buf_adds(&text,
             "{\"phase\":\"task_execution\",\"api\":{\"base_url\":\"http://localhost:8080/fhir/\","
             "\"functions\":[\"");
    while (text.len < functions)
        buf_adds(&text, "Observation.Search (Labs) The Observation resource returns lab results. ");
    buf_adds(&text, "\"]},\"response_format\":\"\",\"behavioral_skills\":\"");
    for (int i = 0; i < copies; i++)
        buf_adds(&block, skills);
    buf_add_json(&text, block.ptr, block.len, false);
    buf_adds(
        &text,
        "\",\"task\":{\"description\":\"What is the most recent magnesium level of the patient "
        "S3032536 within last 24 hours?\",\"context\":\"The code for magnesium is \\\"MG\\\". "
        "Current time: 2023-11-13T10:15:00+00:00\"}}");
    chat_add(chat, CHAT_USER, text.ptr, text.len);
    buf_release(&text);
    buf_release(&block);
}

static void add_bundle(struct chat *chat, int entries)
{
    struct buf text = BUF_INIT;
    buf_adds(&text, "{\"resourceType\":\"Bundle\",\"entry\":[");
    for (int i = 0; i < entries; i++)
        buf_addf(&text,
                 "%s{\"fullUrl\":\"http://localhost:8080/fhir/Observation/%d\",\"resource\":{"
                 "\"resourceType\":\"Observation\",\"id\":\"%d\",\"status\":\"final\",\"code\":{"
                 "\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"MG\"}]},"
                 "\"effectiveDateTime\":\"2023-11-13T0%d:00:00+00:00\",\"valueQuantity\":{"
                 "\"value\":2.%d}}}",
                 i ? "," : "", i, i, i % 9, i % 9);
    buf_adds(&text, "]}");
    static const char get[] = "GET http://localhost:8080/fhir/Observation?patient=S3032536&code=MG";
    chat_add(chat, CHAT_AGENT, get, sizeof(get) - 1);
    chat_add(chat, CHAT_USER, text.ptr, text.len);
    buf_release(&text);
}

int main(void)
{
    struct sim_settings s = {0};
    struct buf skills = BUF_INIT;
    if (fs_read("tests/data/sim/skills_v1.md", &skills) < 0)
        return 1;
    for (int copies = 0; copies <= 6; copies += 3)
        for (int entries = 0; entries <= 20; entries += 20) {
            struct chat chat = {0};
            first_message(&chat, 14000, skills.ptr, copies);
            if (entries)
                add_bundle(&chat, entries);
            printf("sim_reply, 14 kB of functions, %5.1f kB of skills, %2d entries: %6.1f us\n",
                   (double)skills.len * copies / 1000, entries, reply_us(&chat, &s));
            chat_release(&chat);
        }
    buf_release(&skills);
    return 0;
}
