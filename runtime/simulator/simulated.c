/*
 * simulated.c - the simulated model in process: sim_reply as a chat backend. Calls that `sim.fail`
 * picks are tried again, as an endpoint would make us do, and answered in the end (real failures
 * are played by sim_serve).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"
#include "runtime/model/local.h"
#include "runtime/simulator/sim.h"
#include "runtime/simulator/simulator.h"

#define LONGEST_LATENCY_MS 3600e3

struct sim_model {
    struct local_model local;
    struct sim_settings sim;
    char *profile;
};

void sim_salt(const struct model_request *rq, uint8_t out[HASH_SIZE])
{
    model_request_hash(rq, "simulated", out);
}

double sim_share(const uint8_t salt[HASH_SIZE], int attempt)
{
    uint8_t mixed[HASH_SIZE + sizeof(attempt)], digest[HASH_SIZE];
    uint64_t v;
    memcpy(mixed, salt, HASH_SIZE);
    memcpy(mixed + HASH_SIZE, &attempt, sizeof(attempt));
    hash_once(mixed, sizeof(mixed), digest);
    memcpy(&v, digest, sizeof(v));
    return (double)(v >> 11) * 0x1p-53;
}

int64_t sim_latency(const struct sim_settings *settings, const uint8_t salt[HASH_SIZE], int attempt)
{
    double ms = settings->latency_ms, sigma = settings->latency_sigma;
    if (sigma > 0) {
        uint8_t mixed[HASH_SIZE + sizeof(settings->latency_seed)], own[HASH_SIZE];
        memcpy(mixed, salt, HASH_SIZE);
        memcpy(mixed + HASH_SIZE, &settings->latency_seed, sizeof(settings->latency_seed));
        hash_once(mixed, sizeof(mixed), own);
        double u = 1 - sim_share(own, 2 * attempt), v = sim_share(own, 2 * attempt + 1);
        double normal = sqrt(-2 * log(u)) * cos(2 * M_PI * v); /* Box and Muller 1958 */
        ms *= exp(sigma * normal - sigma * sigma / 2);
        ms = ms < LONGEST_LATENCY_MS ? ms : LONGEST_LATENCY_MS;
    }
    return (int64_t)(ms * (double)NS_PER_MS);
}

static enum model_result answer(struct local_model *l, const struct model_request *rq, int attempt,
                                bool *again, struct buf *text)
{
    struct sim_model *s = (struct sim_model *)l;
    uint8_t salt[HASH_SIZE];
    sim_salt(rq, salt);
    if (s->sim.fail > 0 && attempt == 0 && sim_share(salt, attempt) < s->sim.fail) {
        *again = true;
        buf_adds(text, "the simulated endpoint failed");
        return MODEL_OUTAGE;
    }
    if (sim_reply(&s->sim, rq->chat, rq->draw, text) == 0)
        return MODEL_OK;
    buf_reset(text);
    buf_adds(text, err_msg());
    return MODEL_FATAL;
}

static void release(struct local_model *l)
{
    free(((struct sim_model *)l)->profile);
}

int model_open_simulated(struct model **m, struct loop *loop, const struct model_settings *settings)
{
    struct sim_model *s = calloc(1, sizeof(*s));
    if (!s)
        return err_oom();
    s->sim = settings->sim;
    s->profile = str_dup(s->sim.profile && *s->sim.profile ? s->sim.profile : "default");
    s->sim.profile = s->profile;
    s->local.latency_ns = (int64_t)(s->sim.latency_ms * (double)NS_PER_MS);
    s->local.answer = answer;
    s->local.release = release;
    if (local_init(&s->local, loop, settings) < 0 || !s->profile) {
        model_close(&s->local.m);
        return err_oom();
    }
    *m = &s->local.m;
    return 0;
}
