/*
 * rng.h - CPython's random.Random for an integer seed, so that batches and probe sets are those of
 * the reference: MT19937, init_by_array over the seed's 32-bit words, getrandbits, randbelow,
 * shuffle, sample.
 *
 *     struct rng r;
 *     rng_init(&r, rng_seed_probes(seed, epoch, update));
 *     rng_sample(&r, n, k, out);
 *
 * The generator is a value: copying it forks the sequence. Nothing to release.
 */
#ifndef GRASP_PROBES_RNG_H
#define GRASP_PROBES_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint32_t mt[624];
    int index;
};

void rng_init(struct rng *r, uint64_t seed);
/* The top `bits` (1..32) of one output. */
uint32_t rng_bits(struct rng *r, int bits);
/* Uniform in [0, n), n > 0. */
uint32_t rng_below(struct rng *r, uint32_t n);
/* Shuffles an index list in place. */
void rng_shuffle(struct rng *r, size_t *v, size_t n);
/* out[0..k): k different indices out of 0..n-1 in the order random.sample draws them; k <= n.
 * 0 or GRASP_ENOMEM. */
int rng_sample(struct rng *r, size_t n, size_t k, size_t *out);

/* The seeds of the method's random choices. */
static inline uint64_t rng_seed_epoch(uint64_t seed, uint64_t epoch)
{
    return seed * 1000000 + epoch;
}
static inline uint64_t rng_seed_probes(uint64_t seed, uint64_t epoch, uint64_t update)
{
    return seed * 1000000 + epoch * 1000 + update;
}
static inline uint64_t rng_seed_recovery(uint64_t seed, uint64_t epoch)
{
    return seed * 1000000 + epoch * 99991;
}

#endif
