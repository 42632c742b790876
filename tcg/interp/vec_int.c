/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer arithmetic on packed elements: SDM volume 2. */
#include "tcg/interp/vec_impl.h"

static int64_t clamp(int64_t x, int64_t min, int64_t max)
{
	return x < min ? min : x > max ? max : x;
}
#define SAT_B(x) ((uint8_t)clamp((x), INT8_MIN, INT8_MAX))
#define SAT_UB(x) ((uint8_t)clamp((x), 0, UINT8_MAX))
#define SAT_W(x) ((uint16_t)clamp((x), INT16_MIN, INT16_MAX))
#define SAT_UW(x) ((uint16_t)clamp((x), 0, UINT16_MAX))
/* elements as signed numbers */
#define SB(r) ((int8_t)(r).b[i])
#define SW(r) ((int16_t)(r).w[i])
#define SD(r) ((int32_t)(r).d[i])
#define SQ(r) ((int64_t)(r).q[i])
#define LESSER(x, y) ((x) < (y) ? (x) : (y))
#define GREATER(x, y) ((x) > (y) ? (x) : (y))

static bool simple(struct vop *v)
{
	switch (v->op) {
	case VOP_PAND: EACH(q, A.q[i] & B.q[i]); break;
	case VOP_PANDN: EACH(q, ~A.q[i] & B.q[i]); break;
	case VOP_POR: EACH(q, A.q[i] | B.q[i]); break;
	case VOP_PXOR: EACH(q, A.q[i] ^ B.q[i]); break;
	case VOP_PADDB: EACH(b, (uint8_t)(A.b[i] + B.b[i])); break;
	case VOP_PSUBB: EACH(b, (uint8_t)(A.b[i] - B.b[i])); break;
	case VOP_PADDW: EACH(w, (uint16_t)(A.w[i] + B.w[i])); break;
	case VOP_PSUBW: EACH(w, (uint16_t)(A.w[i] - B.w[i])); break;
	case VOP_PADDD: EACH(d, A.d[i] + B.d[i]); break;
	case VOP_PSUBD: EACH(d, A.d[i] - B.d[i]); break;
	case VOP_PADDQ: EACH(q, A.q[i] + B.q[i]); break;
	case VOP_PSUBQ: EACH(q, A.q[i] - B.q[i]); break;
	case VOP_PADDSB: EACH(b, SAT_B(SB(A) + SB(B))); break;
	case VOP_PSUBSB: EACH(b, SAT_B(SB(A) - SB(B))); break;
	case VOP_PADDSW: EACH(w, SAT_W(SW(A) + SW(B))); break;
	case VOP_PSUBSW: EACH(w, SAT_W(SW(A) - SW(B))); break;
	case VOP_PADDUSB: EACH(b, SAT_UB(A.b[i] + B.b[i])); break;
	case VOP_PSUBUSB: EACH(b, SAT_UB(A.b[i] - B.b[i])); break;
	case VOP_PADDUSW: EACH(w, SAT_UW(A.w[i] + B.w[i])); break;
	case VOP_PSUBUSW: EACH(w, SAT_UW(A.w[i] - B.w[i])); break;
	case VOP_PAVGB: EACH(b, (uint8_t)((A.b[i] + B.b[i] + 1) >> 1)); break;
	case VOP_PAVGW: EACH(w, (uint16_t)((A.w[i] + B.w[i] + 1) >> 1)); break;
	case VOP_PMINSB: EACH(b, (uint8_t)LESSER(SB(A), SB(B))); break;
	case VOP_PMAXSB: EACH(b, (uint8_t)GREATER(SB(A), SB(B))); break;
	case VOP_PMINSW: EACH(w, (uint16_t)LESSER(SW(A), SW(B))); break;
	case VOP_PMAXSW: EACH(w, (uint16_t)GREATER(SW(A), SW(B))); break;
	case VOP_PMINSD: EACH(d, (uint32_t)LESSER(SD(A), SD(B))); break;
	case VOP_PMAXSD: EACH(d, (uint32_t)GREATER(SD(A), SD(B))); break;
	case VOP_PMINUB: EACH(b, LESSER(A.b[i], B.b[i])); break;
	case VOP_PMAXUB: EACH(b, GREATER(A.b[i], B.b[i])); break;
	case VOP_PMINUW: EACH(w, LESSER(A.w[i], B.w[i])); break;
	case VOP_PMAXUW: EACH(w, GREATER(A.w[i], B.w[i])); break;
	case VOP_PMINUD: EACH(d, LESSER(A.d[i], B.d[i])); break;
	case VOP_PMAXUD: EACH(d, GREATER(A.d[i], B.d[i])); break;
	case VOP_PCMPEQB: EACH(b, A.b[i] == B.b[i] ? UINT8_MAX : 0); break;
	case VOP_PCMPGTB: EACH(b, SB(A) > SB(B) ? UINT8_MAX : 0); break;
	case VOP_PCMPEQW: EACH(w, A.w[i] == B.w[i] ? UINT16_MAX : 0); break;
	case VOP_PCMPGTW: EACH(w, SW(A) > SW(B) ? UINT16_MAX : 0); break;
	case VOP_PCMPEQD: EACH(d, A.d[i] == B.d[i] ? UINT32_MAX : 0); break;
	case VOP_PCMPGTD: EACH(d, SD(A) > SD(B) ? UINT32_MAX : 0); break;
	case VOP_PCMPEQQ: EACH(q, A.q[i] == B.q[i] ? UINT64_MAX : 0); break;
	case VOP_PCMPGTQ: EACH(q, SQ(A) > SQ(B) ? UINT64_MAX : 0); break;
	case VOP_PABSB: EACH(b, (uint8_t)(SB(A) < 0 ? -SB(A) : SB(A))); break;
	case VOP_PABSW: EACH(w, (uint16_t)(SW(A) < 0 ? -SW(A) : SW(A))); break;
	case VOP_PABSD: EACH(d, SD(A) < 0 ? -A.d[i] : A.d[i]); break;
	case VOP_PSIGNB: EACH(b, (uint8_t)(SB(B) < 0 ? -A.b[i] : SB(B) ? A.b[i] : 0)); break;
	case VOP_PSIGNW: EACH(w, (uint16_t)(SW(B) < 0 ? -A.w[i] : SW(B) ? A.w[i] : 0)); break;
	case VOP_PSIGND: EACH(d, SD(B) < 0 ? -A.d[i] : SD(B) ? A.d[i] : 0); break;
	default: return false;
	}
	return true;
}

/* --- multiplication, sums --- */

static uint16_t madd_ub_sb(const struct vop *v, unsigned i)
{
	return SAT_W(A.b[2 * i] * (int8_t)B.b[2 * i] + A.b[2 * i + 1] * (int8_t)B.b[2 * i + 1]);
}

static uint32_t madd_w(const struct vop *v, unsigned i)
{
	return (uint32_t)((int16_t)A.w[2 * i] * (int16_t)B.w[2 * i]) +
	       (uint32_t)((int16_t)A.w[2 * i + 1] * (int16_t)B.w[2 * i + 1]);
}

static unsigned distance(uint8_t x, uint8_t y)
{
	return x > y ? (unsigned)(x - y) : (unsigned)(y - x);
}

static uint64_t sad(const struct vop *v, unsigned i)
{
	unsigned k, sum = 0;

	for (k = 8 * i; k < 8 * i + 8; k++)
		sum += distance(A.b[k], B.b[k]);
	return sum;
}

static uint16_t mpsad(const struct vop *v, unsigned i)
{
	unsigned lane = i & 8 ? 16 : 0, imm = i & 8 ? v->imm >> 3 : v->imm, k, sum = 0;
	unsigned pa = lane + (imm & 4) + (i & 7), pb = lane + (imm & 3) * 4;

	for (k = 0; k < 4; k++)
		sum += distance(A.b[pa + k], B.b[pb + k]);
	return (uint16_t)sum;
}

static void min_position(struct vop *v)
{
	unsigned i, at = 0;

	for (i = 1; i < 8; i++)
		if (A.w[i] < A.w[at])
			at = i;
	O.w[0] = A.w[at];
	O.w[1] = (uint16_t)at;
}

static bool products(struct vop *v)
{
	switch (v->op) {
	case VOP_PMULLW: EACH(w, (uint16_t)((uint32_t)A.w[i] * B.w[i])); break;
	case VOP_PMULHW: EACH(w, (uint16_t)(SW(A) * SW(B) >> 16)); break;
	case VOP_PMULHUW: EACH(w, (uint16_t)((uint32_t)A.w[i] * B.w[i] >> 16)); break;
	case VOP_PMULHRSW: EACH(w, (uint16_t)(((SW(A) * SW(B) >> 14) + 1) >> 1)); break;
	case VOP_PMULUDQ: EACH(q, (A.q[i] & UINT32_MAX) * (B.q[i] & UINT32_MAX)); break;
	case VOP_PMULDQ:
		EACH(q, (uint64_t)((int64_t)(int32_t)A.q[i] * (int32_t)B.q[i]));
		break;
	case VOP_PMULLD: EACH(d, A.d[i] * B.d[i]); break;
	case VOP_PMADDWD: EACH(d, madd_w(v, i)); break;
	case VOP_PMADDUBSW: EACH(w, madd_ub_sb(v, i)); break;
	case VOP_PSADBW: EACH(q, sad(v, i)); break;
	case VOP_MPSADBW: EACH(w, mpsad(v, i)); break;
	case VOP_PHMINPOSUW: min_position(v); break;
	default: return false;
	}
	return true;
}

/* --- across elements --- */

/* Elements 2k and 2k+1 of the operand that result element i of its lane comes from. */
static int64_t pair_w(const struct vop *v, unsigned i, unsigned second)
{
	return (int16_t)(i & 4 ? &B : &A)->w[(i & 8) + 2 * (i & 3) + second];
}

static int64_t pair_d(const struct vop *v, unsigned i, unsigned second)
{
	return (int32_t)(i & 2 ? &B : &A)->d[(i & 4) + 2 * (i & 1) + second];
}

/* Source element of a pack: half as many per lane in each operand. */
static int64_t wide_w(const struct vop *v, unsigned i)
{
	return (int16_t)(i & 8 ? &B : &A)->w[(i & 16) / 2 + (i & 7)];
}

static int64_t wide_d(const struct vop *v, unsigned i)
{
	return (int32_t)(i & 4 ? &B : &A)->d[(i & 8) / 2 + (i & 3)];
}

static bool across(struct vop *v)
{
	switch (v->op) {
	case VOP_PHADDW: EACH(w, (uint16_t)(pair_w(v, i, 0) + pair_w(v, i, 1))); break;
	case VOP_PHSUBW: EACH(w, (uint16_t)(pair_w(v, i, 0) - pair_w(v, i, 1))); break;
	case VOP_PHADDSW: EACH(w, SAT_W(pair_w(v, i, 0) + pair_w(v, i, 1))); break;
	case VOP_PHSUBSW: EACH(w, SAT_W(pair_w(v, i, 0) - pair_w(v, i, 1))); break;
	case VOP_PHADDD: EACH(d, (uint32_t)(pair_d(v, i, 0) + pair_d(v, i, 1))); break;
	case VOP_PHSUBD: EACH(d, (uint32_t)(pair_d(v, i, 0) - pair_d(v, i, 1))); break;
	case VOP_PACKSSWB: EACH(b, SAT_B(wide_w(v, i))); break;
	case VOP_PACKUSWB: EACH(b, SAT_UB(wide_w(v, i))); break;
	case VOP_PACKSSDW: EACH(w, SAT_W(wide_d(v, i))); break;
	case VOP_PACKUSDW: EACH(w, SAT_UW(wide_d(v, i))); break;
	case VOP_PMOVSXBW: EACH(w, (uint16_t)(int8_t)A.b[i]); break;
	case VOP_PMOVZXBW: EACH(w, A.b[i]); break;
	case VOP_PMOVSXBD: EACH(d, (uint32_t)(int8_t)A.b[i]); break;
	case VOP_PMOVZXBD: EACH(d, A.b[i]); break;
	case VOP_PMOVSXBQ: EACH(q, (uint64_t)(int8_t)A.b[i]); break;
	case VOP_PMOVZXBQ: EACH(q, A.b[i]); break;
	case VOP_PMOVSXWD: EACH(d, (uint32_t)(int16_t)A.w[i]); break;
	case VOP_PMOVZXWD: EACH(d, A.w[i]); break;
	case VOP_PMOVSXWQ: EACH(q, (uint64_t)(int16_t)A.w[i]); break;
	case VOP_PMOVZXWQ: EACH(q, A.w[i]); break;
	case VOP_PMOVSXDQ: EACH(q, (uint64_t)(int32_t)A.d[i]); break;
	case VOP_PMOVZXDQ: EACH(q, A.d[i]); break;
	default: return false;
	}
	return true;
}

/* --- shifts: a count of the width or more leaves zero, or the sign --- */

static uint64_t left(uint64_t x, uint64_t n, unsigned bits)
{
	return n < bits ? x << n : 0;
}

static uint64_t right(uint64_t x, uint64_t n, unsigned bits)
{
	return n < bits ? x >> n : 0;
}

static int64_t signed_right(int64_t x, uint64_t n, unsigned bits)
{
	return x >> (n < bits ? n : bits - 1);
}

static bool shifts(struct vop *v)
{
	uint64_t n = vec_info[v->op].flags & VOF_IMM ? v->imm : B.q[0];

	switch (v->op) {
	case VOP_PSLLW: case VOP_PSLLWI: EACH(w, (uint16_t)left(A.w[i], n, 16)); break;
	case VOP_PSLLD: case VOP_PSLLDI: EACH(d, (uint32_t)left(A.d[i], n, 32)); break;
	case VOP_PSLLQ: case VOP_PSLLQI: EACH(q, left(A.q[i], n, 64)); break;
	case VOP_PSRLW: case VOP_PSRLWI: EACH(w, (uint16_t)right(A.w[i], n, 16)); break;
	case VOP_PSRLD: case VOP_PSRLDI: EACH(d, (uint32_t)right(A.d[i], n, 32)); break;
	case VOP_PSRLQ: case VOP_PSRLQI: EACH(q, right(A.q[i], n, 64)); break;
	case VOP_PSRAW: case VOP_PSRAWI: EACH(w, (uint16_t)signed_right(SW(A), n, 16)); break;
	case VOP_PSRAD: case VOP_PSRADI: EACH(d, (uint32_t)signed_right(SD(A), n, 32)); break;
	case VOP_PSLLVD: EACH(d, (uint32_t)left(A.d[i], B.d[i], 32)); break;
	case VOP_PSLLVQ: EACH(q, left(A.q[i], B.q[i], 64)); break;
	case VOP_PSRLVD: EACH(d, (uint32_t)right(A.d[i], B.d[i], 32)); break;
	case VOP_PSRLVQ: EACH(q, right(A.q[i], B.q[i], 64)); break;
	case VOP_PSRAVD: EACH(d, (uint32_t)signed_right(SD(A), B.d[i], 32)); break;
	default: return false;
	}
	return true;
}

/* --- flags --- */

enum { CF = 1, ZF = 0x40 };

/* ZF: no bit of mask in a & b; CF: none in ~a & b. */
static void test(struct vop *v, uint64_t mask)
{
	uint64_t both = 0, only_b = 0;
	unsigned i;

	for (i = 0; i < ELEMENTS(q); i++) {
		both |= A.q[i] & B.q[i] & mask;
		only_b |= ~A.q[i] & B.q[i] & mask;
	}
	v->x = (both ? 0 : ZF) | (only_b ? 0 : CF);
}

bool vec_integer(struct vop *v)
{
	switch (v->op) {
	case VOP_PTEST: test(v, UINT64_MAX); return true;
	case VOP_TESTPS: test(v, UINT64_C(0x8000000080000000)); return true;
	case VOP_TESTPD: test(v, UINT64_C(0x8000000000000000)); return true;
	}
	return simple(v) || products(v) || across(v) || shifts(v);
}
