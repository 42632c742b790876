/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer operations. Each is computed for 64 bits, or for the low 32 bits of its
 * operands; the 32-bit result is then extended as the type says. Written for
 * plainness: this is what the rest is measured against.
 */
#include "tcg/interp/eval.h"

#include "util/bits.h"

static uint64_t extend(enum ir_type ty, uint64_t v)
{
	switch (ty) {
	case IR_I32:
		return (uint32_t)v;
	case IR_I32S:
		return (uint64_t)(int64_t)(int32_t)v;
	default:
		return v;
	}
}

bool interp_cond(uint8_t ty, uint64_t a, uint64_t b)
{
	bool narrow = IR_TYPE(ty) != IR_I64;
	uint64_t ua = narrow ? (uint32_t)a : a, ub = narrow ? (uint32_t)b : b;
	int64_t sa = narrow ? (int32_t)a : (int64_t)a, sb = narrow ? (int32_t)b : (int64_t)b;

	switch (IR_CC(ty)) {
	case IR_EQ:
		return ua == ub;
	case IR_NE:
		return ua != ub;
	case IR_LT:
		return sa < sb;
	case IR_GE:
		return sa >= sb;
	case IR_LE:
		return sa <= sb;
	case IR_GT:
		return sa > sb;
	case IR_LTU:
		return ua < ub;
	case IR_GEU:
		return ua >= ub;
	case IR_LEU:
		return ua <= ub;
	case IR_GTU:
		return ua > ub;
	}
	return false;
}

static uint64_t divide(enum ir_opcode op, bool narrow, uint64_t a, uint64_t b)
{
	int64_t sa = narrow ? (int32_t)a : (int64_t)a, sb = narrow ? (int32_t)b : (int64_t)b;
	uint64_t ua = narrow ? (uint32_t)a : a, ub = narrow ? (uint32_t)b : b;
	int64_t min = narrow ? INT32_MIN : INT64_MIN;

	switch (op) {
	case IR_DIVS:
		if (sb == 0)
			return UINT64_MAX;
		return sa == min && sb == -1 ? (uint64_t)min : (uint64_t)(sa / sb);
	case IR_REMS:
		if (sb == 0)
			return (uint64_t)sa;
		return sa == min && sb == -1 ? 0 : (uint64_t)(sa % sb);
	case IR_DIVU:
		return ub == 0 ? UINT64_MAX : ua / ub;
	default:
		return ub == 0 ? ua : ua % ub;
	}
}

static uint64_t shift(enum ir_opcode op, bool narrow, uint64_t a, uint64_t b)
{
	unsigned width = narrow ? 32 : 64, n = b & (width - 1);
	uint64_t u = narrow ? (uint32_t)a : a;

	switch (op) {
	case IR_SHL:
		return u << n;
	case IR_SHR:
		return u >> n;
	case IR_SAR:
		return (uint64_t)((narrow ? (int32_t)a : (int64_t)a) >> n);
	case IR_ROL:
		return n ? u << n | u >> (width - n) : u;
	default:
		return n ? u >> n | u << (width - n) : u;
	}
}

static uint64_t count(enum ir_opcode op, bool narrow, uint64_t a)
{
	unsigned width = narrow ? 32 : 64, i, n = 0;

	switch (op) {
	case IR_CLZ:
		while (n < width && !(a >> (width - 1 - n) & 1))
			n++;
		return n;
	case IR_CTZ:
		while (n < width && !(a >> n & 1))
			n++;
		return n;
	default:
		for (i = 0; i < width; i++)
			n += a >> i & 1;
		return n;
	}
}

static uint64_t orc_bytes(uint64_t a)
{
	uint64_t r = 0;
	unsigned i;

	for (i = 0; i < 64; i += 8) {
		if (a >> i & 0xff)
			r |= UINT64_C(0xff) << i;
	}
	return r;
}

static uint64_t bytes_reversed(bool narrow, uint64_t a)
{
	unsigned i, n = narrow ? 32 : 64;
	uint64_t r = 0;

	for (i = 0; i < n; i += 8)
		r |= (a >> i & 0xff) << (n - 8 - i);
	return r;
}

/* The second operand when the comparison fails, so that min and max are one line each. */
static uint64_t pick(enum ir_cc cc, enum ir_type ty, uint64_t a, uint64_t b)
{
	return interp_cond(IR_TY(ty, cc), a, b) ? a : b;
}

static uint64_t compute(enum ir_opcode op, enum ir_type ty, uint64_t a, uint64_t b)
{
	bool narrow = ty != IR_I64;

	switch (op) {
	case IR_MOV:
		return a;
	case IR_ADD:
		return a + b;
	case IR_SUB:
		return a - b;
	case IR_AND:
		return a & b;
	case IR_OR:
		return a | b;
	case IR_XOR:
		return a ^ b;
	case IR_ANDN:
		return a & ~b;
	case IR_ORN:
		return a | ~b;
	case IR_XNOR:
		return ~(a ^ b);
	case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROL: case IR_ROR:
		return shift(op, narrow, a, b);
	case IR_MUL:
		return a * b;
	case IR_MULHU:
		return (uint64_t)((unsigned __int128)a * b >> 64);
	case IR_MULHS:
		return (uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64);
	case IR_MULHSU:
		return (uint64_t)((__int128)(int64_t)a * (__int128)b >> 64);
	case IR_DIVS: case IR_DIVU: case IR_REMS: case IR_REMU:
		return divide(op, narrow, a, b);
	case IR_CLZ: case IR_CTZ: case IR_POPCNT:
		return count(op, narrow, a);
	case IR_BSWAP:
		return bytes_reversed(narrow, a);
	case IR_ORCB:
		return orc_bytes(a);
	case IR_SEXT8:
		return (uint64_t)(int64_t)(int8_t)a;
	case IR_SEXT16:
		return (uint64_t)(int64_t)(int16_t)a;
	case IR_SEXT32:
		return (uint64_t)(int64_t)(int32_t)a;
	case IR_ZEXT8:
		return (uint8_t)a;
	case IR_ZEXT16:
		return (uint16_t)a;
	case IR_ZEXT32:
		return (uint32_t)a;
	case IR_INS8:
		return (a & ~UINT64_C(0xff)) | (b & 0xff);
	case IR_INS8H:
		return (a & ~UINT64_C(0xff00)) | (b & 0xff) << 8;
	case IR_INS16:
		return (a & ~UINT64_C(0xffff)) | (b & 0xffff);
	case IR_EXT8H:
		return a >> 8 & 0xff;
	case IR_MINS:
		return pick(IR_LT, ty, a, b);
	case IR_MINU:
		return pick(IR_LTU, ty, a, b);
	case IR_MAXS:
		return pick(IR_GT, ty, a, b);
	case IR_MAXU:
		return pick(IR_GTU, ty, a, b);
	default:
		return 0;
	}
}

uint64_t interp_alu(enum ir_opcode op, enum ir_type ty, uint64_t a, uint64_t b)
{
	return extend(ty, compute(op, ty, a, b));
}
