/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/ir/prog.h"

#include "util/bits.h"

uint64_t rng_next(struct rng *r)	/* splitmix64 */
{
	uint64_t z = r->s += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

unsigned rng_below(struct rng *r, unsigned n)
{
	return (unsigned)((rng_next(r) >> 32) * n >> 32);
}

bool rng_one_in(struct rng *r, unsigned n)
{
	return rng_below(r, n) == 0;
}

uint64_t rng_int(struct rng *r)
{
	static const uint64_t edge[] = {
		0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 65, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
		0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
		0x8000000000000000, 0xfffffffffffff800, 0xffffffff80000000, 0xffffffff7fffffff,
		0xffffffffffffff80, 0xffffffffffffffff, 0xfffffffffffffffe, 0xff00ff00ff00ff00,
	};

	switch (rng_below(r, 8)) {
	case 0: case 1: case 2:
		return edge[rng_below(r, ARRAY_SIZE(edge))];
	case 3:
		return (uint64_t)(int64_t)((int)rng_below(r, 4096) - 2048);
	case 4:
		return (uint64_t)(int64_t)(int32_t)rng_next(r);
	case 5:
		return rng_next(r) >> rng_below(r, 64);
	default:
		return rng_next(r);
	}
}

uint64_t rng_f64(struct rng *r)
{
	static const uint64_t edge[] = {
		0, 1, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001,
		0x3fe0000000000000, 0x3ff0000000000000, 0x3ff0000000000001, 0x4000000000000000,
		0x4008000000000000, 0x41dfffffffc00000, 0x41e0000000000000, 0x41efffffffe00000,
		0x43e0000000000000, 0x43dfffffffffffff, 0x43f0000000000000, 0x43efffffffffffff,
		0x36a0000000000000, 0x3690000000000000, 0x3810000000000000, 0x380fffffffffffff,
		0x47efffffe0000000, 0x47effffff0000000, 0x7fefffffffffffff, 0x7ff0000000000000,
		0x7ff8000000000000, 0x7ff0000000000001, 0x7ffc00000000beef, 0x3ff8000000000000,
		0x4004000000000000, 0x1e60000000000000, 0x5fe0000000000000, 0x2000000000000000,
	};
	uint64_t sign = rng_next(r) & UINT64_C(1) << 63, v;

	switch (rng_below(r, 6)) {
	case 0: case 1:
		return edge[rng_below(r, ARRAY_SIZE(edge))] | sign;
	case 2:	/* near one: sums cancel, products stay in range */
		return (rng_next(r) >> 12) | (UINT64_C(1023) - 3 + rng_below(r, 6)) << 52 | sign;
	case 3:	/* few significant bits: exact results and ties */
		v = (rng_next(r) >> 58) << 46;
		return v | (UINT64_C(1023) - 30 + rng_below(r, 60)) << 52 | sign;
	case 4:
		return rng_f32(r) | UINT64_C(0xffffffff00000000);
	default:
		return rng_next(r);
	}
}

uint32_t rng_f32(struct rng *r)
{
	static const uint32_t edge[] = {
		0, 1, 0x007fffff, 0x00800000, 0x00800001, 0x3f000000, 0x3f800000, 0x3f800001,
		0x40000000, 0x40400000, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x5effffff,
		0x5f000000, 0x5f7fffff, 0x5f800000, 0x7f7fffff, 0x7f800000, 0x7fc00000, 0x7f800001,
		0x7fe0beef, 0x3fc00000, 0x40200000, 0x1e800000, 0x20000000, 0x5f000001,
	};
	uint32_t sign = (uint32_t)rng_next(r) & 0x80000000u;

	switch (rng_below(r, 5)) {
	case 0: case 1:
		return edge[rng_below(r, ARRAY_SIZE(edge))] | sign;
	case 2:
		return (uint32_t)(rng_next(r) >> 41) | (124u + rng_below(r, 6)) << 23 | sign;
	case 3:
		return (uint32_t)(rng_next(r) >> 58) << 17 | (97u + rng_below(r, 60)) << 23 | sign;
	default:
		return (uint32_t)rng_next(r);
	}
}
