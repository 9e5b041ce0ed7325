/*
 * rng.c - MT19937 (Matsumoto and Nishimura 1998) with the seeding and the drawing rules of
 * CPython's random.Random.
 */
#include "probes/rng.h"

#include <stdbool.h>
#include <stdlib.h>

#include "runtime/base/err.h"

#define N 624
#define M 397

static void seed_word(struct rng *r, uint32_t s)
{
    r->mt[0] = s;
    for (uint32_t i = 1; i < N; i++)
        r->mt[i] = UINT32_C(1812433253) * (r->mt[i - 1] ^ (r->mt[i - 1] >> 30)) + i;
    r->index = N;
}

/* init_by_array over the seed's 32-bit words, low word first, without leading zero words. */
void rng_init(struct rng *r, uint64_t seed)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t len = key[1] ? 2 : 1, *mt, i = 1, j = 0;

    seed_word(r, 19650218);
    mt = r->mt;
    for (uint32_t k = N; k; k--) {
        mt[i] = (mt[i] ^ ((mt[i - 1] ^ (mt[i - 1] >> 30)) * UINT32_C(1664525))) + key[j] + j;
        if (++i == N) {
            mt[0] = mt[N - 1];
            i = 1;
        }
        j = (j + 1) % len;
    }
    for (uint32_t k = N - 1; k; k--) {
        mt[i] = (mt[i] ^ ((mt[i - 1] ^ (mt[i - 1] >> 30)) * UINT32_C(1566083941))) - i;
        if (++i == N) {
            mt[0] = mt[N - 1];
            i = 1;
        }
    }
    mt[0] = UINT32_C(0x80000000);
}

static void refill(struct rng *r)
{
    uint32_t *mt = r->mt;
    for (int i = 0; i < N; i++) {
        uint32_t y = (mt[i] & UINT32_C(0x80000000)) | (mt[(i + 1) % N] & UINT32_C(0x7fffffff));
        mt[i] = mt[(i + M) % N] ^ (y >> 1) ^ (y & 1 ? UINT32_C(0x9908b0df) : 0);
    }
    r->index = 0;
}

uint32_t rng_bits(struct rng *r, int bits)
{
    if (r->index >= N)
        refill(r);
    uint32_t y = r->mt[r->index++];
    y ^= y >> 11;
    y ^= (y << 7) & UINT32_C(0x9d2c5680);
    y ^= (y << 15) & UINT32_C(0xefc60000);
    y ^= y >> 18;
    return y >> (32 - bits);
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
    int bits = 32 - __builtin_clz(n);
    uint32_t x;
    do
        x = rng_bits(r, bits);
    while (x >= n);
    return x;
}

void rng_shuffle(struct rng *r, size_t *v, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        size_t j = rng_below(r, (uint32_t)i + 1), t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
}

/* random.sample copies the population into a pool when that is smaller than a set of k would be. */
static bool uses_pool(size_t n, size_t k)
{
    size_t set = 21;
    if (k > 5) {
        size_t power = 1;
        while (power < 3 * k)
            power *= 4;
        set += power;
    }
    return n <= set;
}

int rng_sample(struct rng *r, size_t n, size_t k, size_t *out)
{
    if (uses_pool(n, k)) {
        size_t *pool = malloc((n ? n : 1) * sizeof(*pool));
        if (!pool)
            return err_oom();
        for (size_t i = 0; i < n; i++)
            pool[i] = i;
        for (size_t i = 0; i < k; i++) {
            size_t j = rng_below(r, (uint32_t)(n - i));
            out[i] = pool[j];
            pool[j] = pool[n - i - 1];
        }
        free(pool);
        return 0;
    }
    unsigned char *taken = calloc(1, n);
    if (!taken)
        return err_oom();
    for (size_t i = 0; i < k; i++) {
        size_t j;
        do
            j = rng_below(r, (uint32_t)n);
        while (taken[j]);
        taken[j] = 1;
        out[i] = j;
    }
    free(taken);
    return 0;
}
