/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tcg/eval.h"

bool ir_eval_cc(enum ir_cc cc, enum ir_type ty, uint64_t a, uint64_t b)
{
	int64_t sa, sb;

	if (ty != IR_I64) {
		sa = (int32_t)a;
		sb = (int32_t)b;
		a = (uint32_t)a;
		b = (uint32_t)b;
	} else {
		sa = (int64_t)a;
		sb = (int64_t)b;
	}
	switch (cc) {
	case IR_EQ: return a == b;
	case IR_NE: return a != b;
	case IR_LT: return sa < sb;
	case IR_GE: return sa >= sb;
	case IR_LE: return sa <= sb;
	case IR_GT: return sa > sb;
	case IR_LTU: return a < b;
	case IR_GEU: return a >= b;
	case IR_LEU: return a <= b;
	case IR_GTU: return a > b;
	}
	return false;
}

static uint64_t narrow(enum ir_type ty, uint64_t v)
{
	return ty == IR_I64 ? v : ty == IR_I32S ? (uint64_t)(int64_t)(int32_t)v : (uint32_t)v;
}

bool ir_eval1(enum ir_opcode op, enum ir_type ty, uint64_t a, uint64_t *r)
{
	switch (op) {
	case IR_MOV: *r = a; return true;
	case IR_SEXT8: *r = (uint64_t)(int64_t)(int8_t)a; return true;
	case IR_SEXT16: *r = (uint64_t)(int64_t)(int16_t)a; return true;
	case IR_SEXT32: *r = (uint64_t)(int64_t)(int32_t)a; return true;
	case IR_ZEXT8: *r = (uint8_t)a; return true;
	case IR_ZEXT16: *r = (uint16_t)a; return true;
	case IR_ZEXT32: *r = (uint32_t)a; return true;
	case IR_BSWAP:
		*r = ty == IR_I64 ? __builtin_bswap64(a) :
				    narrow(ty, __builtin_bswap32((uint32_t)a));
		return true;
	default: return false;
	}
}

bool ir_eval2(enum ir_opcode op, enum ir_type ty, uint64_t a, uint64_t b, uint64_t *r)
{
	unsigned w = ty == IR_I64 ? 64 : 32, n = b & (w - 1);

	switch (op) {
	case IR_ADD: a += b; break;
	case IR_SUB: a -= b; break;
	case IR_AND: a &= b; break;
	case IR_OR: a |= b; break;
	case IR_XOR: a ^= b; break;
	case IR_ANDN: a &= ~b; break;
	case IR_ORN: a |= ~b; break;
	case IR_XNOR: a = ~(a ^ b); break;
	case IR_SHL: a <<= n; break;
	case IR_SHR: a = w == 64 ? a >> n : (uint32_t)a >> n; break;
	case IR_SAR:
		a = w == 64 ? (uint64_t)((int64_t)a >> n) : (uint64_t)(int64_t)((int32_t)a >> n);
		break;
	case IR_MUL: a *= b; break;
	default: return false;
	}
	*r = narrow(ty, a);
	return true;
}
