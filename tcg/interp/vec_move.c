/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations that only move bits: SDM volume 2. Those on 256 bits mostly work on two lanes of
 * 128 that know nothing of each other.
 */
#include "tcg/interp/vec_impl.h"

/* Interleaves the low (high) halves of each lane; size of an element in bytes. */
static void unpack(struct vop *v, unsigned size, bool high)
{
	unsigned half = high ? 8 : 0, i, k;

	for (i = 0; i < v->n; i += size) {
		unsigned lane = i & 16, e = i & 15, from = lane + half + e / (2 * size) * size;

		for (k = 0; k < size; k++)
			O.b[i + k] = (e / size & 1 ? &B : &A)->b[from + k];
	}
}

static void shuffle_words(struct vop *v, unsigned base)
{
	unsigned lane, i;

	O = A;
	for (lane = 0; lane < v->n / 2; lane += 8)
		for (i = 0; i < 4; i++)
			O.w[lane + base + i] = A.w[lane + base + (v->imm >> 2 * i & 3)];
}

static void align_right(struct vop *v)
{
	unsigned i;

	for (i = 0; i < v->n; i++) {
		unsigned at = (i & 15) + v->imm, lane = i & 16;

		O.b[i] = at < 16 ? B.b[lane + at] : at < 32 ? A.b[lane + at - 16] : 0;
	}
}

static void shift_bytes(struct vop *v, bool left)
{
	unsigned i;

	for (i = 0; i < v->n; i++) {
		unsigned e = i & 15, lane = i & 16;

		if (left)
			O.b[i] = e >= v->imm ? A.b[lane + e - v->imm] : 0;
		else
			O.b[i] = e + v->imm < 16 ? A.b[lane + e + v->imm] : 0;
	}
}

static void insert_ps(struct vop *v)
{
	unsigned i;

	O = A;
	O.d[v->imm >> 4 & 3] = B.d[v->imm >> 6];
	for (i = 0; i < 4; i++)
		if (v->imm >> i & 1)
			O.d[i] = 0;
	O.q[2] = O.q[3] = 0;
}

static void half(struct vop *v, unsigned at, unsigned sel)
{
	const union vreg *r = sel & 2 ? &B : &A;

	if (sel & 8)
		return;
	O.q[at] = r->q[sel & 1 ? 2 : 0];
	O.q[at + 1] = r->q[sel & 1 ? 3 : 1];
}

static void low_of_b(struct vop *v, unsigned bytes)
{
	O = A;
	O.q[2] = O.q[3] = 0;
	if (bytes == 4)
		O.d[0] = B.d[0];
	else
		O.q[0] = B.q[0];
}

static uint64_t sign_mask(const struct vop *v, unsigned size)
{
	unsigned top, i = 0;
	uint64_t m = 0;

	for (top = size - 1; top < sizeof(A.b) && top < v->n; top += size)
		m |= (uint64_t)(A.b[top] >> 7) << i++;
	return m;
}

/* Into an element of a's low 128 bits. */
static void insert(struct vop *v)
{
	O = A;
	O.q[2] = O.q[3] = 0;
	switch (v->op) {
	case VOP_PINSRB: O.b[v->imm & 15] = (uint8_t)v->x; break;
	case VOP_PINSRW: O.w[v->imm & 7] = (uint16_t)v->x; break;
	case VOP_PINSRD: O.d[v->imm & 3] = (uint32_t)v->x; break;
	default: O.q[v->imm & 1] = v->x; break;
	}
}

static bool general(struct vop *v)
{
	switch (v->op) {
	case VOP_MOV: EACH(q, A.q[i]); break;
	case VOP_MOVQ: O.q[0] = A.q[0]; break;
	case VOP_MOVDDUP: EACH(q, A.q[i & ~1u]); break;
	case VOP_MOVSLDUP: EACH(d, A.d[i & ~1u]); break;
	case VOP_MOVSHDUP: EACH(d, A.d[i | 1]); break;
	case VOP_MOVSS: low_of_b(v, 4); break;
	case VOP_MOVSD: low_of_b(v, 8); break;
	case VOP_MOVHLPS:
		O.q[0] = B.q[1];
		O.q[1] = A.q[1];
		break;
	case VOP_PUNPCKLBW: unpack(v, 1, false); break;
	case VOP_PUNPCKHBW: unpack(v, 1, true); break;
	case VOP_PUNPCKLWD: unpack(v, 2, false); break;
	case VOP_PUNPCKHWD: unpack(v, 2, true); break;
	case VOP_PUNPCKLDQ: unpack(v, 4, false); break;
	case VOP_PUNPCKHDQ: unpack(v, 4, true); break;
	case VOP_PUNPCKLQDQ: unpack(v, 8, false); break;
	case VOP_PUNPCKHQDQ: unpack(v, 8, true); break;
	case VOP_PALIGNR: align_right(v); break;
	case VOP_PSLLDQ: shift_bytes(v, true); break;
	case VOP_PSRLDQ: shift_bytes(v, false); break;
	case VOP_INSERTPS: insert_ps(v); break;
	case VOP_PINSRB: case VOP_PINSRW: case VOP_PINSRD: case VOP_PINSRQ: insert(v); break;
	case VOP_MOVD_FROM: O.d[0] = (uint32_t)v->x; break;
	case VOP_MOVQ_FROM: O.q[0] = v->x; break;
	case VOP_MOVD_TO: v->x = A.d[0]; break;
	case VOP_MOVQ_TO: v->x = A.q[0]; break;
	case VOP_PEXTRB: v->x = A.b[v->imm & 15]; break;
	case VOP_PEXTRW: v->x = A.w[v->imm & 7]; break;
	case VOP_PEXTRD: v->x = A.d[v->imm & 3]; break;
	case VOP_PEXTRQ: v->x = A.q[v->imm & 1]; break;
	case VOP_MOVMSKPS: v->x = sign_mask(v, 4); break;
	case VOP_MOVMSKPD: v->x = sign_mask(v, 8); break;
	case VOP_PMOVMSKB: v->x = sign_mask(v, 1); break;
	default: return false;
	}
	return true;
}

static bool shuffles(struct vop *v)
{
	unsigned k = v->imm;

	switch (v->op) {
	case VOP_PSHUFB: EACH(b, B.b[i] & 0x80 ? 0 : A.b[(i & 16) + (B.b[i] & 15)]); break;
	case VOP_PSHUFD: case VOP_PERMILPSI:
		EACH(d, A.d[(i & 4) + (k >> 2 * (i & 3) & 3)]);
		break;
	case VOP_PERMILPDI: EACH(q, A.q[(i & 2) + (k >> i & 1)]); break;
	case VOP_PSHUFLW: shuffle_words(v, 0); break;
	case VOP_PSHUFHW: shuffle_words(v, 4); break;
	case VOP_SHUFPS: EACH(d, (i & 2 ? &B : &A)->d[(i & 4) + (k >> 2 * (i & 3) & 3)]); break;
	case VOP_SHUFPD: EACH(q, (i & 1 ? &B : &A)->q[(i & 2) + (k >> i & 1)]); break;
	case VOP_PBLENDW: EACH(w, (k >> (i & 7) & 1 ? &B : &A)->w[i]); break;
	case VOP_BLENDPS: case VOP_PBLENDD: EACH(d, (k >> i & 1 ? &B : &A)->d[i]); break;
	case VOP_BLENDPD: EACH(q, (k >> i & 1 ? &B : &A)->q[i]); break;
	case VOP_PBLENDVB: EACH(b, (C.b[i] >> 7 ? &B : &A)->b[i]); break;
	case VOP_BLENDVPS: EACH(d, (C.d[i] >> 31 ? &B : &A)->d[i]); break;
	case VOP_BLENDVPD: EACH(q, (C.q[i] >> 63 ? &B : &A)->q[i]); break;
	case VOP_PERMQ: EACH(q, A.q[k >> 2 * i & 3]); break;
	case VOP_PERMD: EACH(d, B.d[A.d[i] & 7]); break;
	case VOP_PERMILPS: EACH(d, A.d[(i & 4) + (B.d[i] & 3)]); break;
	case VOP_PERMILPD: EACH(q, A.q[(i & 2) + (B.q[i] >> 1 & 1)]); break;
	case VOP_EXTRACTI128:
		O.q[0] = A.q[k & 1 ? 2 : 0];
		O.q[1] = A.q[k & 1 ? 3 : 1];
		break;
	case VOP_INSERTI128:
		O = A;
		O.q[k & 1 ? 2 : 0] = B.q[0];
		O.q[k & 1 ? 3 : 1] = B.q[1];
		break;
	case VOP_PERM2I128:
		half(v, 0, k & 15);
		half(v, 2, k >> 4);
		break;
	case VOP_PBROADCASTB: EACH(b, A.b[0]); break;
	case VOP_PBROADCASTW: EACH(w, A.w[0]); break;
	case VOP_PBROADCASTD: EACH(d, A.d[0]); break;
	case VOP_PBROADCASTQ: EACH(q, A.q[0]); break;
	case VOP_BROADCASTI128: EACH(q, A.q[i & 1]); break;
	default: return false;
	}
	return true;
}

bool vec_move(struct vop *v)
{
	if (!general(v) && !shuffles(v))
		return false;
	if (v->n == 16)
		O.q[2] = O.q[3] = 0;	/* where all of an operand was copied */
	return true;
}
