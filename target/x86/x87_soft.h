/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the x87 unit in integer arithmetic: the instruction under way, its stack. */
#ifndef TARGET_X86_X87_SOFT_H
#define TARGET_X86_X87_SOFT_H

#include "target/x86/fpu.h"
#include "target/x86/x87.h"
#include "target/x86/x87_math.h"

#define F80(se, m) ((x87_f80)(se) << 64 | UINT64_C(m))
#define INDEFINITE F80(0xffff, 0xc000000000000000)
#define SIGN ((x87_f80)0x8000 << 64)
#define TOP_BIT (UINT64_C(1) << 63)

struct unit {
	struct x87_image *m;
	struct sf_env env;		/* PC and RC; its flags are this instruction's */
	uint32_t ex, cc, cc_set;	/* exceptions so far; condition codes that are written */
	bool fault;			/* of the stack: nothing else is done, if IE is unmasked */
	bool denormal;			/* the memory operand: told where nothing worse is */
};

/* --- the stack --- */

static inline unsigned top(const struct unit *u) { return u->m->sw >> X86_FSW_TOP_SHIFT & 7; }

static inline bool empty(const struct unit *u, unsigned i)
{
	return (u->m->tw >> 2 * ((top(u) + i) & 7) & 3) == 3;
}

static inline void tag(struct unit *u, unsigned i, bool used)
{
	unsigned shift = 2 * ((top(u) + i) & 7);

	u->m->tw = (u->m->tw & ~(3u << shift)) | (used ? 0u : 3u) << shift;
}

static inline x87_f80 st(const struct unit *u, unsigned i)
{
	uint64_t m;
	uint16_t se;

	memcpy(&m, u->m->st[i], 8);
	memcpy(&se, u->m->st[i] + 8, 2);
	return F80(se, 0) | m;
}

static inline void st_put(struct unit *u, unsigned i, x87_f80 v)
{
	uint64_t m = (uint64_t)v;
	uint16_t se = (uint16_t)(v >> 64);

	memcpy(u->m->st[i], &m, 8);
	memcpy(u->m->st[i] + 8, &se, 2);
	tag(u, i, true);
}

/* The registers lie in the order of the stack: it turns under them. */
static inline void turn(struct unit *u, unsigned by)
{
	uint8_t old[8][10];

	for (unsigned i = 0; i < 8; i++)
		memcpy(old[i], u->m->st[i], 10);
	for (unsigned i = 0; i < 8; i++)
		memcpy(u->m->st[i], old[(i + by) & 7], 10);
	u->m->sw = (u->m->sw & ~(uint32_t)X86_FSW_TOP) | ((top(u) + by) & 7) << X86_FSW_TOP_SHIFT;
}

static inline void pop(struct unit *u)
{
	tag(u, 0, false);
	turn(u, 1);
}

static inline void push(struct unit *u, x87_f80 v)
{
	turn(u, 7);
	st_put(u, 0, v);
}

/* --- exceptions --- */

static inline bool unmasked(const struct unit *u, uint32_t ex)
{
	return ex & ~u->m->cw & X86_FSW_EXC;
}

static inline void stack_fault(struct unit *u, bool overflow)
{
	u->ex |= X86_FSW_IE | X86_FSW_SF;
	u->cc_set |= X86_FSW_C1;
	u->cc = overflow ? u->cc | X86_FSW_C1 : u->cc & ~(uint32_t)X86_FSW_C1;
	u->fault = true;
}

/* One operand or two; false: a stack fault. */
static inline bool have(struct unit *u, unsigned i, unsigned k)
{
	if (!empty(u, i) && !empty(u, k))
		return true;
	stack_fault(u, false);
	return false;
}

static inline bool room(struct unit *u)
{
	if (empty(u, 7))
		return true;
	stack_fault(u, true);
	return false;
}

/*
 * Exceptions of the arithmetic so far; false: one that comes before the result is unmasked: there
 * is none, and nothing else is told of it.
 */
static inline bool go_on(struct unit *u)
{
	if (u->denormal && !(u->env.flags & (SF_NV | SF_DZ)))
		u->env.flags |= SF_DENORM;
	if (!unmasked(u, (u->ex | x86_flags_of(u->env.flags)) &
				 (X86_FSW_IE | X86_FSW_DE | X86_FSW_ZE))) {
		u->ex |= x86_flags_of(u->env.flags);
		return true;
	}
	u->env.flags &= SF_NV | SF_DENORM | SF_DZ;
	u->ex |= x86_flags_of(u->env.flags);
	u->cc_set = X86_FSW_C1 | (u->cc_set & X86_FSW_C2);
	u->cc &= u->fault ? X86_FSW_C1 : 0;
	return false;
}

/* --- x87_soft_fn.c --- */
void x87_soft_extract(struct unit *u);				/* FXTRACT */
void x87_soft_trigonometric(struct unit *u, uint8_t modrm);	/* FSIN, FCOS, FSINCOS, FPTAN */
/* D9 F0 to FF, but for those, FSQRT and what turns the stack. */
void x87_soft_function(struct unit *u, uint8_t modrm);

#endif
