/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AES (FIPS 197), SHA (FIPS 180-4), carry-less multiplication: SDM volume 2. */
#include "tcg/interp/vec_impl.h"

#include <string.h>

/* SubBytes and its inverse: FIPS 197, figures 7 and 14. */
static const uint8_t sub_box[256] = {
	99, 124, 119, 123, 242, 107, 111, 197, 48, 1, 103, 43, 254, 215, 171, 118,
	202, 130, 201, 125, 250, 89, 71, 240, 173, 212, 162, 175, 156, 164, 114, 192,
	183, 253, 147, 38, 54, 63, 247, 204, 52, 165, 229, 241, 113, 216, 49, 21,
	4, 199, 35, 195, 24, 150, 5, 154, 7, 18, 128, 226, 235, 39, 178, 117,
	9, 131, 44, 26, 27, 110, 90, 160, 82, 59, 214, 179, 41, 227, 47, 132,
	83, 209, 0, 237, 32, 252, 177, 91, 106, 203, 190, 57, 74, 76, 88, 207,
	208, 239, 170, 251, 67, 77, 51, 133, 69, 249, 2, 127, 80, 60, 159, 168,
	81, 163, 64, 143, 146, 157, 56, 245, 188, 182, 218, 33, 16, 255, 243, 210,
	205, 12, 19, 236, 95, 151, 68, 23, 196, 167, 126, 61, 100, 93, 25, 115,
	96, 129, 79, 220, 34, 42, 144, 136, 70, 238, 184, 20, 222, 94, 11, 219,
	224, 50, 58, 10, 73, 6, 36, 92, 194, 211, 172, 98, 145, 149, 228, 121,
	231, 200, 55, 109, 141, 213, 78, 169, 108, 86, 244, 234, 101, 122, 174, 8,
	186, 120, 37, 46, 28, 166, 180, 198, 232, 221, 116, 31, 75, 189, 139, 138,
	112, 62, 181, 102, 72, 3, 246, 14, 97, 53, 87, 185, 134, 193, 29, 158,
	225, 248, 152, 17, 105, 217, 142, 148, 155, 30, 135, 233, 206, 85, 40, 223,
	140, 161, 137, 13, 191, 230, 66, 104, 65, 153, 45, 15, 176, 84, 187, 22,
};
static const uint8_t inv_box[256] = {
	82, 9, 106, 213, 48, 54, 165, 56, 191, 64, 163, 158, 129, 243, 215, 251,
	124, 227, 57, 130, 155, 47, 255, 135, 52, 142, 67, 68, 196, 222, 233, 203,
	84, 123, 148, 50, 166, 194, 35, 61, 238, 76, 149, 11, 66, 250, 195, 78,
	8, 46, 161, 102, 40, 217, 36, 178, 118, 91, 162, 73, 109, 139, 209, 37,
	114, 248, 246, 100, 134, 104, 152, 22, 212, 164, 92, 204, 93, 101, 182, 146,
	108, 112, 72, 80, 253, 237, 185, 218, 94, 21, 70, 87, 167, 141, 157, 132,
	144, 216, 171, 0, 140, 188, 211, 10, 247, 228, 88, 5, 184, 179, 69, 6,
	208, 44, 30, 143, 202, 63, 15, 2, 193, 175, 189, 3, 1, 19, 138, 107,
	58, 145, 17, 65, 79, 103, 220, 234, 151, 242, 207, 206, 240, 180, 230, 115,
	150, 172, 116, 34, 231, 173, 53, 133, 226, 249, 55, 232, 28, 117, 223, 110,
	71, 241, 26, 113, 29, 41, 197, 137, 111, 183, 98, 14, 170, 24, 190, 27,
	252, 86, 62, 75, 198, 210, 121, 32, 154, 219, 192, 254, 120, 205, 90, 244,
	31, 221, 168, 51, 136, 7, 199, 49, 177, 18, 16, 89, 39, 128, 236, 95,
	96, 81, 127, 169, 25, 181, 74, 13, 45, 229, 122, 159, 147, 201, 156, 239,
	160, 224, 59, 77, 174, 42, 245, 176, 200, 235, 187, 60, 131, 83, 153, 97,
	23, 43, 4, 126, 186, 119, 214, 38, 225, 105, 20, 99, 85, 33, 12, 125,
};

static uint8_t times(uint8_t x, unsigned n)		/* in GF(2^8) modulo 0x11b */
{
	uint8_t r = 0;

	for (; n; n >>= 1) {
		if (n & 1)
			r ^= x;
		x = (uint8_t)(x << 1 ^ (x >> 7) * 0x1b);
	}
	return r;
}

/* Row r of the state moves by r columns; element r + 4c is row r of column c. */
static void shift_rows(uint8_t out[16], const uint8_t in[16], bool inverse)
{
	unsigned i;

	for (i = 0; i < 16; i++)
		out[i] = in[(i + (inverse ? 12 : 4) * (i & 3)) & 15];
}

static void mix_columns(uint8_t s[16], bool inverse)
{
	static const uint8_t forward[4] = { 2, 3, 1, 1 }, backward[4] = { 14, 11, 13, 9 };
	const uint8_t *k = inverse ? backward : forward;
	uint8_t in[16];
	unsigned i, r;

	memcpy(in, s, 16);
	for (i = 0; i < 16; i++) {
		s[i] = 0;
		for (r = 0; r < 4; r++)
			s[i] ^= times(in[(i & ~3u) + ((i + r) & 3)], k[r]);
	}
}

static void aes_round(struct vop *v, bool inverse, bool last)
{
	const uint8_t *box = inverse ? inv_box : sub_box;
	uint8_t s[16];
	unsigned i;

	shift_rows(s, A.b, inverse);
	for (i = 0; i < 16; i++)
		s[i] = box[s[i]];
	if (!last)
		mix_columns(s, inverse);
	for (i = 0; i < 16; i++)
		O.b[i] = s[i] ^ B.b[i];
}

static uint32_t rol(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t ror(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t sub_word(uint32_t x)
{
	return sub_box[x & 255] | (uint32_t)sub_box[x >> 8 & 255] << 8 |
	       (uint32_t)sub_box[x >> 16 & 255] << 16 | (uint32_t)sub_box[x >> 24] << 24;
}

static void key_assist(struct vop *v)
{
	O.d[0] = sub_word(A.d[1]);
	O.d[1] = ror(O.d[0], 8) ^ v->imm;
	O.d[2] = sub_word(A.d[3]);
	O.d[3] = ror(O.d[2], 8) ^ v->imm;
}

static void carryless(struct vop *v)
{
	uint64_t x = A.q[v->imm & 1], y = B.q[v->imm >> 4 & 1];
	unsigned i;

	for (i = 0; i < 64; i++) {
		if (!(y >> i & 1))
			continue;
		O.q[0] ^= x << i;
		O.q[1] ^= i ? x >> (64 - i) : 0;
	}
}

/* --- SHA: words of a state stand from bits 127:96 downwards --- */

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (~x & z); }
static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
	return (x & y) ^ (x & z) ^ (y & z);
}

static uint32_t sha1_f(unsigned kind, uint32_t x, uint32_t y, uint32_t z)
{
	return kind == 0 ? choose(x, y, z) : kind == 2 ? majority(x, y, z) : x ^ y ^ z;
}

static void sha1_rounds(struct vop *v)
{
	static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
	uint32_t a = A.d[3], b = A.d[2], c = A.d[1], d = A.d[0], e = 0, t;
	unsigned i, kind = v->imm & 3;

	for (i = 0; i < 4; i++) {
		t = sha1_f(kind, b, c, d) + rol(a, 5) + B.d[3 - i] + e + k[kind];
		e = d;
		d = c;
		c = rol(b, 30);
		b = a;
		a = t;
	}
	O.d[3] = a;
	O.d[2] = b;
	O.d[1] = c;
	O.d[0] = d;
}

static void sha1_msg2(struct vop *v)
{
	O.d[3] = rol(A.d[3] ^ B.d[2], 1);
	O.d[2] = rol(A.d[2] ^ B.d[1], 1);
	O.d[1] = rol(A.d[1] ^ B.d[0], 1);
	O.d[0] = rol(A.d[0] ^ O.d[3], 1);
}

static uint32_t sigma0(uint32_t x) { return ror(x, 7) ^ ror(x, 18) ^ x >> 3; }
static uint32_t sigma1(uint32_t x) { return ror(x, 17) ^ ror(x, 19) ^ x >> 10; }

static void sha256_msg2(struct vop *v)
{
	O.d[0] = A.d[0] + sigma1(B.d[2]);
	O.d[1] = A.d[1] + sigma1(B.d[3]);
	O.d[2] = A.d[2] + sigma1(O.d[0]);
	O.d[3] = A.d[3] + sigma1(O.d[1]);
}

static void sha256_rounds(struct vop *v)
{
	uint32_t a = B.d[3], b = B.d[2], c = A.d[3], d = A.d[2];
	uint32_t e = B.d[1], f = B.d[0], g = A.d[1], h = A.d[0], t;
	unsigned i;

	for (i = 0; i < 2; i++) {
		t = h + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + choose(e, f, g) + C.d[i];
		h = g;
		g = f;
		f = e;
		e = d + t;
		t += majority(a, b, c) + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22));
		d = c;
		c = b;
		b = a;
		a = t;
	}
	O.d[3] = a;
	O.d[2] = b;
	O.d[1] = e;
	O.d[0] = f;
}

bool vec_crypto(struct vop *v)
{
	switch (v->op) {
	case VOP_AESENC: aes_round(v, false, false); break;
	case VOP_AESENCLAST: aes_round(v, false, true); break;
	case VOP_AESDEC: aes_round(v, true, false); break;
	case VOP_AESDECLAST: aes_round(v, true, true); break;
	case VOP_AESIMC:
		O.q[0] = A.q[0];
		O.q[1] = A.q[1];
		mix_columns(O.b, true);
		break;
	case VOP_AESKEYGENASSIST: key_assist(v); break;
	case VOP_PCLMULQDQ: carryless(v); break;
	case VOP_SHA1RNDS4: sha1_rounds(v); break;
	case VOP_SHA1NEXTE:
		O.q[0] = B.q[0];
		O.q[1] = B.q[1];
		O.d[3] += rol(A.d[3], 30);
		break;
	case VOP_SHA1MSG1:
		O.q[1] = A.q[1] ^ A.q[0];
		O.q[0] = A.q[0] ^ B.q[1];
		break;
	case VOP_SHA1MSG2: sha1_msg2(v); break;
	case VOP_SHA256MSG1:
		EACH(d, A.d[i] + sigma0(i < 3 ? A.d[i + 1] : B.d[0]));
		break;
	case VOP_SHA256MSG2: sha256_msg2(v); break;
	case VOP_SHA256RNDS2: sha256_rounds(v); break;
	default: return false;
	}
	return true;
}
