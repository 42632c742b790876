// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x87 unit without exceptions and memory: what translated code calls lightly. Compiled for
 * general registers only, with calls to nothing else (no memcpy of unknown or large size).
 */
#include "target/x86/fpu.h"
#include "target/x86/x87.h"

enum { EXP = 0x7fff, SIGN = 0x8000 };
#define TOP_BIT (UINT64_C(1) << 63)

unsigned x87_mem_size(unsigned op, uint8_t modrm, bool *store)
{
	/* by opcode and digit: bytes; + 16: written */
	static const uint8_t size[8][8] = {
		{ 4, 4, 4, 4, 4, 4, 4, 4 },
		{ 4, 0, 4 + 16, 4 + 16, 0, 0, 0, 0 },
		{ 4, 4, 4, 4, 4, 4, 4, 4 },
		{ 4, 4 + 16, 4 + 16, 4 + 16, 0, 10, 0, 10 + 16 },
		{ 8, 8, 8, 8, 8, 8, 8, 8 },
		{ 8, 8 + 16, 8 + 16, 8 + 16, 0, 0, 0, 0 },
		{ 2, 2, 2, 2, 2, 2, 2, 2 },
		{ 2, 2 + 16, 2 + 16, 2 + 16, 10, 8, 10 + 16, 8 + 16 },
	};
	unsigned n = modrm >= 0xc0 ? 0 : size[op & 7][modrm >> 3 & 7];

	*store = n >> 4;
	return n & 15;
}

void x86_fpu_summary(struct x86_state *s)
{
	bool es = s->fstat & ~s->fctrl & X86_FSW_EXC;

	s->fstat &= ~(uint32_t)(X86_FSW_ES | X86_FSW_B);
	if (es)
		s->fstat |= X86_FSW_ES | X86_FSW_B;
	s->fpu_es = es;
}

/* FRSTOR looks at tags for emptiness only. */
void x87_image_get(struct x86_state *s, struct x87_image *m)
{
	m->cw = s->fctrl;
	m->sw = s->fstat;
	m->tw = 0;
	m->ip = m->cs_op = m->dp = m->ds = 0;
	for (unsigned i = 0; i < 8; i++) {
		m->tw |= (s->ftag >> i & 1 ? 0u : 3u) << 2 * i;
		memcpy(m->st[i], x86_fpu_reg(s, i), 10);
	}
}

void x87_image_put(struct x86_state *s, const struct x87_image *m)
{
	x86_fpu_status_put(s, m->sw);
	s->ftag = 0;
	for (unsigned i = 0; i < 8; i++) {
		s->ftag |= (m->tw >> 2 * i & 3) == 3 ? 0 : 1u << i;
		memcpy(x86_fpu_reg(s, i), m->st[i], 10);
	}
	x86_fpu_summary(s);
}

void x87_exec(struct x87_image *m, unsigned op, uint8_t modrm, void *mem, uint64_t *flags)
{
	if (!x87_host_exec(m, op, modrm, mem, flags))
		x87_soft_exec(m, op, modrm, mem, flags);
}

/* --- light --- */

/* The long way, for empty and full stacks, and hosts without the short one. */
static void whole(struct x86_state *s, uint64_t how, void *mem, uint64_t *flags)
{
	struct x87_image m;

	x87_image_get(s, &m);
	x87_exec(&m, X87_HOW_OP(how), X87_HOW_MODRM(how), mem, flags);
	x87_image_put(s, &m);
}

static bool full(const struct x86_state *s, unsigned i)
{
	return s->ftag >> ((x86_fpu_top(s) + i) & 7) & 1;
}

static void set_sw(struct x86_state *s, uint32_t sw, uint32_t cc)
{
	s->fstat = (s->fstat & ~cc) | (sw & (cc | X86_FSW_EXC));
}

static void push(struct x86_state *s, uint64_t m, uint16_t se)
{
	unsigned top = (x86_fpu_top(s) - 1) & 7;

	x86_fpu_top_put(s, top);
	s->ftag |= 1u << top;
	memcpy(s->fpr[top], &m, 8);
	memcpy(s->fpr[top] + 8, &se, 2);
	s->fstat &= ~(uint32_t)X86_FSW_C1;
}

static void pop(struct x86_state *s)
{
	unsigned top = x86_fpu_top(s);

	s->ftag &= ~(1u << top);
	x86_fpu_top_put(s, top + 1);
}

/* Normal numbers and zeros; the others have flags to raise. */
static bool widen(uint64_t v, unsigned exp_bits, unsigned frac_bits, uint64_t *m, uint16_t *se)
{
	uint64_t frac = v & ((UINT64_C(1) << frac_bits) - 1);
	unsigned e = v >> frac_bits & ((1u << exp_bits) - 1);
	unsigned sign = v >> (frac_bits + exp_bits) & 1;

	*m = 0;
	*se = (uint16_t)(sign << 15);
	if (!e && !frac)
		return true;
	if (!e || e == (1u << exp_bits) - 1)
		return false;
	*m = TOP_BIT | frac << (63 - frac_bits);
	*se |= (uint16_t)(e - ((1u << (exp_bits - 1)) - 1) + 0x3fff);
	return true;
}

static void from_int(int64_t v, uint64_t *m, uint16_t *se)
{
	uint64_t mag = v < 0 ? -(uint64_t)v : (uint64_t)v;
	unsigned shift;

	*m = 0;
	*se = 0;
	if (!mag)
		return;
	shift = (unsigned)__builtin_clzll(mag);
	*m = mag << shift;
	*se = (uint16_t)((v < 0 ? SIGN : 0) | (0x3fff + 63 - shift));
}

/* The operand as 80 bits where that raises nothing. */
static bool simple(unsigned op, uint8_t modrm, uint64_t v, uint64_t *m, uint16_t *se)
{
	bool integer = op == 2 || op == 3 || op == 6 || op == 7;

	if (!integer)
		return op >= 4 ? widen(v, 11, 52, m, se) : widen((uint32_t)v, 8, 23, m, se);
	if (op == 7 && (modrm >> 3 & 7) == 5)
		from_int((int64_t)v, m, se);
	else
		from_int(op >= 6 ? (int16_t)v : (int32_t)v, m, se);
	return true;
}

uint64_t x86_x87_load(void *state, uint64_t how, uint64_t v)
{
	struct x86_state *s = state;
	uint64_t m, flags = 0;
	uint16_t se;
	uint32_t sw;
	uint8_t a[10];

	if (full(s, 7)) {
		whole(s, how, &v, &flags);
	} else if (simple(X87_HOW_OP(how), X87_HOW_MODRM(how), v, &m, &se)) {
		push(s, m, se);
	} else if (x87_host_light()) {
		sw = x87_host_op(X87_LOAD, X87_HOW_OP(how), X87_HOW_MODRM(how), s->fctrl, s->fstat,
				 a, NULL, &v);
		memcpy(&m, a, 8);
		memcpy(&se, a + 8, 2);
		push(s, m, se);
		set_sw(s, sw, 0);
	} else {
		whole(s, how, &v, &flags);
	}
	return 0;
}

uint64_t x86_x87_load80(void *state, uint64_t lo, uint64_t hi)
{
	struct x86_state *s = state;
	uint64_t flags = 0, mem[2] = { lo, hi };

	if (full(s, 7))
		whole(s, X87_HOW(3, 0x28, 0, 0), mem, &flags);
	else
		push(s, lo, (uint16_t)hi);
	return 0;
}

/* A double that is one: nothing is rounded. */
static bool exact64(const uint8_t *a, uint64_t *v)
{
	uint64_t m;
	uint16_t se;
	unsigned e;

	memcpy(&m, a, 8);
	memcpy(&se, a + 8, 2);
	e = se & EXP;
	*v = (uint64_t)(se & SIGN) << 48;
	if (!e && !m)
		return true;
	if (!(m & TOP_BIT) || m & 0x7ff || e < 0x3fff - 1022 || e > 0x3fff + 1023)
		return false;
	*v |= (uint64_t)(e - 0x3fff + 1023) << 52 | (m << 1) >> 12;
	return true;
}

/*
 * The status as it will be is kept apart: the store may fault, and then nothing has happened.
 */
static void status_later(struct x86_state *s, uint32_t sw, uint32_t cc)
{
	s->fstat_next = (s->fstat & ~cc) | (sw & (cc | X86_FSW_EXC));
}

uint64_t x86_x87_value(void *state, uint64_t how, uint64_t unused)
{
	struct x86_state *s = state;
	unsigned op = X87_HOW_OP(how);
	uint8_t modrm = X87_HOW_MODRM(how);
	uint64_t v = 0, flags = 0;

	/* stored as by the popping form; what pops is done by x86_x87_stored */
	if ((modrm >> 3 & 7) == 2)
		modrm |= 3 << 3;
	if (!full(s, 0) || !x87_host_light()) {
		struct x87_image m;

		x87_image_get(s, &m);
		x87_exec(&m, op, modrm, &v, &flags);
		status_later(s, m.sw, X86_FSW_C1 | X86_FSW_SF);
	} else if (op == 5 && (modrm >> 3 & 7) == 3 && exact64(x86_fpu_reg(s, 0), &v)) {
		status_later(s, 0, X86_FSW_C1);
	} else {
		v = 0;
		status_later(s, x87_host_op(X87_STORE, op, modrm, s->fctrl, s->fstat,
					    x86_fpu_reg(s, 0), NULL, &v), X86_FSW_C1);
	}
	return v;
}

uint64_t x86_x87_stored(void *state, uint64_t pops, uint64_t unused2)
{
	struct x86_state *s = state;

	s->fstat = s->fstat_next;
	if (pops)
		pop(s);
	return 0;
}

enum { ALL_CC = X86_FSW_C0 | X86_FSW_C1 | X86_FSW_C2 | X86_FSW_C3 };

uint64_t x86_x87_arith(void *state, uint64_t how, uint64_t v)
{
	struct x86_state *s = state;
	unsigned op = X87_HOW_OP(how), digit = X87_HOW_MODRM(how) >> 3 & 7;
	bool compare = digit == 2 || digit == 3;
	uint64_t flags = 0;
	uint32_t sw;

	if (!full(s, 0) || !x87_host_light()) {
		whole(s, how, &v, &flags);
		return 0;
	}
	/* in place: what is copied does not reach the unit's load quickly; comparisons as by the
	 * form that pops, which leaves nothing to store */
	sw = x87_host_op(compare ? X87_STORE : X87_UNARY, op,
			 (uint8_t)((compare ? 3 : digit) << 3), s->fctrl, s->fstat,
			 x86_fpu_reg(s, 0), NULL, &v);
	set_sw(s, sw, compare ? ALL_CC : X86_FSW_C1);
	if (digit == 3)
		pop(s);
	return 0;
}

/* Is it arithmetic or a comparison of ST with ST(i)? What pops with it. */
struct shape { uint8_t digit, compare, reverse, unordered, pops; bool is; };

static struct shape shape_of(unsigned op, uint8_t modrm)
{
	unsigned d = modrm >> 3 & 7;

	switch (op) {
	case 0:
		return (struct shape){ d, d == 2 || d == 3, 0, 0, d == 3, true };
	case 4:
		if (d == 2 || d == 3)
			return (struct shape){ d, 1, 0, 0, d == 3, true };
		return (struct shape){ d >= 4 ? d ^ 1 : d, 0, 1, 0, 0, true };
	case 6:
		if (d == 2 || d == 3)
			return (struct shape){ 3, 1, 0, 0, d - 1, d == 2 || modrm == 0xd9 };
		return (struct shape){ d >= 4 ? d ^ 1 : d, 0, 1, 0, 1, true };
	case 5:
		return (struct shape){ 4, 1, 0, 1, d == 5, d == 4 || d == 5 };
	case 2:
		return (struct shape){ 4, 1, 0, 1, 2, modrm == 0xe9 };
	default:
		return (struct shape){ .is = false };
	}
}

static bool two(struct x86_state *s, const struct shape *k, unsigned i)
{
	uint8_t *st0 = x86_fpu_reg(s, 0), *sti = x86_fpu_reg(s, i);
	uint32_t sw;

	if (!full(s, 0) || !full(s, i) || !x87_host_light())
		return false;
	if (k->compare)		/* DE D9: FCOMPP; DA E9: FUCOMPP */
		sw = x87_host_op(X87_COMPARE, k->unordered ? 2 : 6, k->unordered ? 0xe9 : 0xd9,
				 s->fctrl, s->fstat, st0, sti, NULL);
	else
		sw = x87_host_op(X87_BINARY, 0, (uint8_t)(0xc1 + 8 * k->digit), s->fctrl, s->fstat,
				 k->reverse ? sti : st0, k->reverse ? st0 : sti, NULL);
	set_sw(s, sw, k->compare ? ALL_CC : X86_FSW_C1);
	for (unsigned n = k->pops; n; n--)
		pop(s);
	return true;
}

/* FLD ST(i), FXCH, FST and FSTP ST(i), FCHS, FABS, FLDZ, FLD1, FSQRT. */
static bool moves(struct x86_state *s, unsigned op, uint8_t modrm)
{
	unsigned d = modrm >> 3 & 7, i = modrm & 7;
	uint8_t *st0 = x86_fpu_reg(s, 0), *sti = x86_fpu_reg(s, i), t[10];
	uint64_t m;
	uint16_t se;

	if (op == 1 && modrm >= 0xe0) {
		if (modrm == 0xee || modrm == 0xe8) {
			if (full(s, 7))
				return false;
			push(s, modrm == 0xe8 ? TOP_BIT : 0, modrm == 0xe8 ? 0x3fff : 0);
			return true;
		}
		if (!full(s, 0))
			return false;
		if (modrm == 0xfa && x87_host_light()) {
			set_sw(s, x87_host_op(X87_UNARY, 1, modrm, s->fctrl, s->fstat, st0, NULL,
					      NULL), X86_FSW_C1);
			return true;
		}
		if (modrm > 0xe1)
			return false;
		st0[9] = modrm == 0xe0 ? st0[9] ^ 0x80 : st0[9] & 0x7f;
		s->fstat &= ~(uint32_t)X86_FSW_C1;
		return true;
	}
	if (op == 1 && d == 0) {
		if (!full(s, i) || full(s, 7))
			return false;
		memcpy(&m, sti, 8);
		memcpy(&se, sti + 8, 2);
		push(s, m, se);
		return true;
	}
	if ((op == 1 || op == 5 || op == 7) && d == 1) {
		if (!full(s, 0) || !full(s, i))
			return false;
		memcpy(t, st0, 10);
		memcpy(st0, sti, 10);
		memcpy(sti, t, 10);
		s->fstat &= ~(uint32_t)X86_FSW_C1;
		return true;
	}
	if ((op == 5 && (d == 2 || d == 3)) || (op == 1 && d == 3) ||
	    (op == 7 && (d == 2 || d == 3))) {
		if (!full(s, 0))
			return false;
		memcpy(t, st0, 10);
		memcpy(sti, t, 10);
		s->ftag |= 1u << ((x86_fpu_top(s) + i) & 7);
		s->fstat &= ~(uint32_t)X86_FSW_C1;
		if (op != 5 || d == 3)
			pop(s);
		return true;
	}
	return false;
}

uint64_t x86_x87_reg(void *state, uint64_t how, uint64_t unused)
{
	struct x86_state *s = state;
	unsigned op = X87_HOW_OP(how);
	uint8_t modrm = X87_HOW_MODRM(how);
	struct shape k = shape_of(op, modrm);
	uint64_t flags = 0;

	if (k.is ? !two(s, &k, modrm & 7) : !moves(s, op, modrm))
		whole(s, how, NULL, &flags);
	return 0;
}

/* DB, DF: E8 and up unordered, F0 and up ordered; DF pops. */
uint64_t x86_x87_comi(void *state, uint64_t how, uint64_t unused)
{
	struct x86_state *s = state;
	unsigned op = X87_HOW_OP(how);
	uint8_t modrm = X87_HOW_MODRM(how);
	bool unordered = (modrm >> 3 & 7) == 5;
	uint64_t flags = 0;
	uint32_t sw;

	if (!full(s, 0) || !full(s, modrm & 7) || !x87_host_light()) {
		whole(s, how, NULL, &flags);
		return flags & X86_FLAGS_ARITH;
	}
	sw = x87_host_op(X87_COMPARE, unordered ? 2 : 6, unordered ? 0xe9 : 0xd9, s->fctrl,
			 s->fstat, x86_fpu_reg(s, 0), x86_fpu_reg(s, modrm & 7), NULL);
	set_sw(s, sw, 0);
	if (op == 7)
		pop(s);
	/* C0, C2, C3 are where CF, PF, ZF are one byte lower */
	return sw >> 8 & (X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_ZF);
}

/* --- the commonest, each by itself --- */

enum { CW_MEANS = 0xf00, CW_USUAL = 0x300 };

/* May it go the short way? Registers i and 0 are there, and the control word is the usual one. */
static inline bool usual(const struct x86_state *s, unsigned top, unsigned i)
{
	unsigned need = 1u << top | 1u << ((top + i) & 7);

	return X87_INLINE && (s->ftag & need) == need && (s->fctrl & CW_MEANS) == CW_USUAL;
}

/* True: no flag but what is known already was seen, so that the result stands. */
static inline bool stands(struct x86_state *s, uint32_t sw)
{
	if (sw & X86_FSW_EXC & ~s->fstat)
		return false;
	s->fstat = (s->fstat & ~(uint32_t)X86_FSW_C1) | (sw & X86_FSW_C1);
	return true;
}

#define FAST_MEM(digit, size)								\
static uint64_t mem##size##_##digit(void *state, uint64_t how, uint64_t v)		\
{											\
	struct x86_state *s = state;							\
	unsigned top = x86_fpu_top(s);							\
	uint8_t *a = s->fpr[top];							\
	uint64_t m;									\
	uint16_t se;									\
											\
	if (usual(s, top, 0)) {								\
		memcpy(&m, a, 8);							\
		memcpy(&se, a + 8, 2);							\
		if (stands(s, x87_op_f##size(digit, a, &v)))				\
			return 0;							\
		memcpy(a, &m, 8);							\
		memcpy(a + 8, &se, 2);							\
	}										\
	return x86_x87_arith(s, how, v);						\
}
/* dst 0: ST = ST op ST(i); else ST(i) = ST(i) op ST. digit: D8's. */
#define FAST_REG(digit, dst, pops)							\
static uint64_t reg##digit##_##dst##pops(void *state, uint64_t how, uint64_t unused)	\
{											\
	struct x86_state *s = state;							\
	unsigned top = x86_fpu_top(s), i = how & 7;					\
	uint8_t *a = s->fpr[dst ? (top + i) & 7 : top];					\
	uint8_t *b = s->fpr[dst ? top : (top + i) & 7];					\
	uint64_t m;									\
	uint16_t se;									\
											\
	if (usual(s, top, i)) {								\
		memcpy(&m, a, 8);							\
		memcpy(&se, a + 8, 2);							\
		if (stands(s, x87_op_f80(digit, a, b))) {				\
			if (pops)							\
				pop(s);							\
			return 0;							\
		}									\
		memcpy(a, &m, 8);							\
		memcpy(a + 8, &se, 2);							\
	}										\
	return x86_x87_reg(s, how, 0);							\
}
#define FAST(digit)									\
	FAST_MEM(digit, 32) FAST_MEM(digit, 64)						\
	FAST_REG(digit, 0, 0) FAST_REG(digit, 1, 0) FAST_REG(digit, 1, 1)
FAST(0)
FAST(1)
FAST(4)
FAST(5)
FAST(6)
FAST(7)

static uint64_t comi(struct x86_state *s, uint64_t how, bool quiet, bool pops)
{
	unsigned top = x86_fpu_top(s), i = how & 7;
	uint32_t sw;

	if (usual(s, top, i)) {
		sw = x87_cmp_f80(quiet, s->fpr[top], s->fpr[(top + i) & 7]);
		if (!(sw & X86_FSW_EXC & ~s->fstat)) {
			if (pops)
				pop(s);
			return sw >> 8 & (X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_ZF);
		}
	}
	return x86_x87_comi(s, how, 0);
}
static uint64_t comi_0(void *state, uint64_t how, uint64_t unused)
{
	return comi(state, how, false, false);
}
static uint64_t comi_1(void *state, uint64_t how, uint64_t unused)
{
	return comi(state, how, false, true);
}
static uint64_t ucomi_0(void *state, uint64_t how, uint64_t unused)
{
	return comi(state, how, true, false);
}
static uint64_t ucomi_1(void *state, uint64_t how, uint64_t unused)
{
	return comi(state, how, true, true);
}

static uint64_t store(struct x86_state *s, uint64_t how, bool wide)
{
	unsigned top = x86_fpu_top(s);
	uint64_t v = 0;
	uint32_t sw;

	if (usual(s, top, 0)) {
		sw = x87_store(wide, s->fpr[top], &v);
		if (!(sw & X86_FSW_EXC & ~s->fstat)) {
			s->fstat_next = (s->fstat & ~(uint32_t)X86_FSW_C1) | (sw & X86_FSW_C1);
			return v;
		}
	}
	return x86_x87_value(s, how, 0);
}
static uint64_t store32(void *state, uint64_t how, uint64_t unused)
{
	return store(state, how, false);
}
static uint64_t store64(void *state, uint64_t how, uint64_t unused)
{
	return store(state, how, true);
}

x87_helper x86_x87_fast(unsigned op, uint8_t modrm)
{
#define ROW(name) { name(0), name(1), NULL, NULL, name(4), name(5), name(6), name(7) }
#define MEM32(d) mem32_##d
#define MEM64(d) mem64_##d
#define ST0(d) reg##d##_00
	static const x87_helper mem32[8] = ROW(MEM32), mem64[8] = ROW(MEM64), st0[8] = ROW(ST0);
	/* DC, DE: the reverse forms are the other way round */
	static const x87_helper sti[8] = { reg0_10, reg1_10, NULL, NULL, reg5_10, reg4_10, reg7_10,
					   reg6_10 };
	static const x87_helper stip[8] = { reg0_11, reg1_11, NULL, NULL, reg5_11, reg4_11, reg7_11,
					    reg6_11 };
	unsigned d = modrm >> 3 & 7;

	if (modrm < 0xc0 && (op == 1 || op == 5) && (d == 2 || d == 3))
		return op == 5 ? store64 : store32;
	if (modrm < 0xc0)
		return op == 0 ? mem32[d] : op == 4 ? mem64[d] : NULL;
	switch (op) {
	case 0: return st0[d];
	case 4: return sti[d];
	case 6: return stip[d];
	case 3: return d == 5 ? ucomi_0 : d == 6 ? comi_0 : NULL;
	case 7: return d == 5 ? ucomi_1 : d == 6 ? comi_1 : NULL;
	default: return NULL;
	}
}
