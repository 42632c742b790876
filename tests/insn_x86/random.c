// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/insn_x86/random.h"

#include "util/bits.h"

uint64_t rng_int(struct rng *r)
{
	static const uint64_t edge[] = {
		0,         1,      2,          0x7f,       0x80,       0xff,      0x7fff,
		0x8000,    0xffff, 0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, UINT64_C(1) << 63,
		UINT64_MAX
	};
	uint64_t v = rng_next(r);

	switch (rng_below(r, 8)) {
	case 0:
	case 1: return edge[rng_below(r, ARRAY_SIZE(edge))];
	case 2: return edge[rng_below(r, ARRAY_SIZE(edge))] + v % 5 - 2;
	case 3: return v & 0xff;
	case 4: return v >> rng_below(r, 64);
	case 5: return (uint64_t)((int64_t)v >> rng_below(r, 64));
	default: return v;
	}
}

uint32_t rng_f32(struct rng *r)
{
	static const uint32_t edge[] = { 0,          1,          0x7fffff,   0x800000,   0x800001,
					 0x3f7fffff, 0x3f800000, 0x3f800001, 0x40000000, 0x3f000000,
					 0x4b000000, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x5effffff,
					 0x5f000000, 0x7f7fffff, 0x7f800000, 0x7fc00000, 0x7fc12345,
					 0x7f800001, 0x7fbfffff, 0x477fe000, 0x477ff000, 0x38800000,
					 0x33000000 };
	uint32_t v = (uint32_t)rng_next(r);

	switch (rng_below(r, 8)) {
	case 0:
	case 1: return edge[rng_below(r, ARRAY_SIZE(edge))] | (v & UINT32_C(1) << 31);
	case 2: return v;
	case 3: return v & UINT32_C(0x807fffff);                /* subnormal */
	case 4: return (v & UINT32_C(0x80ffffff)) | 0x7e000000; /* near the top */
	case 5: return (v & UINT32_C(0x83ffffff)) | 0x3e000000 | (v & 0x80000000);
	default: return (v & UINT32_C(0x807fffff)) | (0x78 + rng_below(r, 16)) << 23;
	}
}

uint64_t rng_f64(struct rng *r)
{
	static const uint64_t edge[] = { 0,
					 1,
					 0xfffffffffffff,
					 0x10000000000000,
					 0x10000000000001,
					 0x3fefffffffffffff,
					 0x3ff0000000000000,
					 0x3ff0000000000001,
					 0x4000000000000000,
					 0x3fe0000000000000,
					 0x41dfffffffc00000,
					 0x41dfffffffe00000,
					 0x41e0000000000000,
					 0x43dfffffffffffff,
					 0x43e0000000000000,
					 0x43f0000000000000,
					 0x7fefffffffffffff,
					 0x7ff0000000000000,
					 0x7ff8000000000000,
					 0x7ff8000012345678,
					 0x7ff0000000000001,
					 0x7ff7ffffffffffff,
					 0x47efffffe0000000,
					 0x47effffff0000000,
					 0x3810000000000000,
					 0x36a0000000000000,
					 0x380fffffe0000000 };
	uint64_t v = rng_next(r), sign = v & UINT64_C(1) << 63;

	switch (rng_below(r, 8)) {
	case 0:
	case 1: return edge[rng_below(r, ARRAY_SIZE(edge))] | sign;
	case 2: return v;
	case 3: return v & UINT64_C(0x800fffffffffffff);
	case 4: return sign | UINT64_C(0x7fd0000000000000) | (v & UINT64_C(0x1fffffffffffff));
	case 5: return sign | (uint64_t)rng_f32(r) << 29 | UINT64_C(0x3000000000000000);
	default:
		return sign | (v & UINT64_C(0xfffffffffffff)) |
		       (uint64_t)(0x3f8 + rng_below(r, 16)) << 52;
	}
}

void rng_f80(struct rng *r, uint8_t out[10])
{
	uint64_t m = rng_next(r), top = UINT64_C(1) << 63;
	unsigned se = (unsigned)(rng_next(r) & 0x8000);

	switch (rng_below(r, 16)) {
	case 0: m = 0; break; /* zero */
	case 1:
		m = top;
		se |= 0x7fff;
		break; /* infinity */
	case 2:
		m |= top | top >> 1;
		se |= 0x7fff;
		break; /* quiet NaN */
	case 3:
		m = (m | top) & ~(top >> 1);
		se |= 0x7fff;
		break;            /* signalling */
	case 4: m &= ~top; break; /* subnormal */
	case 5: m |= top; break;  /* pseudo-denormal */
	case 6:                   /* unnormal, pseudo-NaN, any */
		if (rng_one_in(r, 2))
			se |= (unsigned)(rng_next(r) & 0x7fff);
		break;
	case 7:
		m |= top;
		se |= 0x7ffe - rng_below(r, 3);
		break;
	case 8:
		m |= top;
		se |= 1 + rng_below(r, 70);
		break;
	case 9:
		m = top | (uint64_t)rng_below(r, 4) << 62;
		se |= 0x3fff - 2 + rng_below(r, 5);
		break;
	case 10:
		m |= top;
		se |= 0x3fff + rng_below(r, 70);
		break;
	case 11:
		m = (m | top) & (UINT64_MAX << 11);
		se |= 0x3c00 + rng_below(r, 0x800);
		break;
	default:
		m |= top;
		se |= 0x3fff - 8 + rng_below(r, 16);
		break;
	}
	memcpy(out, &m, 8);
	memcpy(out + 8, &(uint16_t){ (uint16_t)se }, 2);
}

void rng_fill(struct rng *r, uint8_t *p, unsigned n)
{
	uint64_t v[2];

	for (; n >= 16; p += 16, n -= 16) {
		v[0] = v[1] = 0;
		switch (rng_below(r, 8)) {
		case 0:
		case 1:
			v[0] = rng_f64(r);
			v[1] = rng_f64(r);
			break;
		case 2:
		case 3:
			v[0] = rng_f32(r) | (uint64_t)rng_f32(r) << 32;
			v[1] = rng_f32(r) | (uint64_t)rng_f32(r) << 32;
			break;
		case 4: rng_f80(r, (uint8_t *)v); break;
		case 5:
			v[0] = rng_next(r);
			v[1] = rng_next(r);
			break;
		default:
			v[0] = rng_int(r);
			v[1] = rng_int(r);
			break;
		}
		memcpy(p, v, 16);
	}
	for (; n; n--)
		*p++ = (uint8_t)rng_next(r);
}
