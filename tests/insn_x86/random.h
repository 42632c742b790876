/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers for the streams: a generator, and values that find mistakes. */
#ifndef TESTS_INSN_X86_RANDOM_H
#define TESTS_INSN_X86_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct rng { uint64_t s; };

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->s += UINT64_C(0x9e3779b97f4a7c15);	/* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline unsigned rng_below(struct rng *r, unsigned n)
{
	return (unsigned)((rng_next(r) >> 32) * n >> 32);
}

static inline bool rng_one_in(struct rng *r, unsigned n) { return !rng_below(r, n); }

uint64_t rng_int(struct rng *r);		/* edges of all widths more often than others */
uint32_t rng_f32(struct rng *r);
uint64_t rng_f64(struct rng *r);
void rng_f80(struct rng *r, uint8_t out[10]);
/* Integers, floats, doubles and 80-bit numbers. */
void rng_fill(struct rng *r, uint8_t *p, unsigned n);

#endif
