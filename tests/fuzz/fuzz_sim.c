/* fuzz_sim.c - the simulated model reads hostile conversations: the input is cut at bytes of value
 * 1 into messages, whose first byte says whose they are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/simulator/simulator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char task[] =
    "{\"phase\":\"task_execution\",\"api\":{\"base_url\":\"http://x/"
    "fhir\"},\"behavioral_skills\":\"\","
    "\"task\":{\"description\":\"%s\",\"context\":\"Current time: 2023-11-13T10:15:00+00:00\"}}";
static const char *const wordings[] = {
    NULL,
    "What is the MRN of Ada Sample, born 1970-01-31?",
    "How old is patient S1234567?",
    "Record the blood pressure \\\"1/2\\\" of S1234567.",
    "Latest magnesium of S1234567 within 24 hours?",
    "If magnesium of S1234567 is low, order it.",
    "Average CBG of S1234567?",
    "Latest CBG of S1234567?",
    "Referral of S1234567: \\\"text\\\"",
    "Potassium of S1234567; if low, order.",
    "HbA1C of S1234567; order if old.",
    "DVT prophylaxis of S1234567",
    "Heart rate of S1234567",
    "Catheter of S1234567",
    "Neoplasm of S1234567",
    "TSH of S1234567",
    "QTc of S1234567",
    "Opioid of S1234567",
    "Influenza of S1234567",
    "COVID of S1234567",
    "CT Abdomen of S1234567",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const profiles[] = {"weak", "default", "strong"};
    struct chat chat = {0};
    struct buf out = BUF_INIT;
    if (size < 2)
        return 0;
    struct sim_settings s = {
        .seed = data[0], .noise = data[0] & 1 ? 0.5 : 0, .profile = profiles[data[0] % 3]};
    const char *wording = wordings[data[1] % (sizeof(wordings) / sizeof(wordings[0]))];
    if (wording) {
        struct buf first = BUF_INIT;
        buf_addf(&first, task, wording);
        chat_add(&chat, CHAT_USER, first.ptr, first.len);
        buf_release(&first);
    }
    for (size_t i = 2; i < size;) {
        const uint8_t *end = memchr(data + i, 1, size - i);
        size_t n = end ? (size_t)(end - data) - i : size - i;
        enum chat_role role = n && data[i] % 3 == 0 ? CHAT_AGENT : CHAT_USER;
        chat_add(&chat, role, (const char *)data + i + (n > 0), n - (n > 0));
        i += n + 1;
    }
    if (sim_reply(&s, &chat, data[0], &out) < 0 || out.len == 0)
        abort();
    chat_release(&chat);
    buf_release(&out);
    return 0;
}
