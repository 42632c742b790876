// SPDX-License-Identifier: GPL-2.0-or-later
/* x87 and SSE control state. SDM volume 1, chapters 8, 10.2.3 and 11.6. */
#include "target/x86/fpu.h"

#include "target/x86/control.h"
#include "target/x86/tcg.h"
#include "util/bits.h"
#include "util/softfloat/softfloat.h"

/* RC: nearest, down, up, towards zero. */
unsigned x86_round_of_rc(unsigned rc)
{
	static const uint8_t round[4] = { SF_RNE, SF_RDN, SF_RUP, SF_RTZ };

	return round[rc & 3];
}

/* FTZ works only while underflow is masked (SDM volume 1, 10.2.3.3). */
unsigned x86_fp_control(void *state)
{
	const struct x86_state *s = state;
	uint32_t m = s->mxcsr;
	unsigned c = x86_round_of_rc(m >> X86_MXCSR_RC_SHIFT);

	if (m & X86_MXCSR_FTZ && m & X86_MXCSR_UM)
		c |= FP_CTL_FTZ;
	if (m & X86_MXCSR_DAZ)
		c |= FP_CTL_DAZ;
	return c;
}

void x86_fp_flags(void *state, unsigned flags)
{
	((struct x86_state *)state)->mxcsr |= x86_flags_of(flags);
}

uint32_t x86_mxcsr_get(struct x86_state *s)
{
	struct cpu_env *env = cpu_env(s);

	x86_fp_flags(s, env->ops->fp_take(env));
	return s->mxcsr;
}

void x86_mxcsr_put(struct x86_state *s, uint32_t v)
{
	struct cpu_env *env = cpu_env(s);
	bool was = (s->mxcsr & X86_MXCSR_MASKS) != X86_MXCSR_MASKS;

	env->ops->fp_take(env);
	s->mxcsr = v;
	env->ops->fp_round(env, x86_fp_control(s));
	if (was != ((v & X86_MXCSR_MASKS) != X86_MXCSR_MASKS))
		x86_mode_changed(s);
}

/* The masks decide how instructions are translated. */
void x86_fpu_control_put(struct x86_state *s, uint32_t cw)
{
	bool was = ~s->fctrl & X86_FSW_EXC, is;

	s->fctrl = (cw & X86_FCW_BITS) | X86_FCW_ONES;
	is = ~s->fctrl & X86_FSW_EXC;
	x86_fpu_summary(s);
	if (was != is)
		x86_mode_changed(s);
}

void x86_fpu_init(struct x86_state *s)
{
	x86_fpu_control_put(s, X86_FCW_RESET);
	x86_fpu_status_put(s, 0);
	s->ftag = 0;
	s->fpu_es = 0;
	x86_fpu_ptr_put(s, &(struct x86_fpu_ptr){ 0 });
}

unsigned x86_fpu_tags(const struct x86_state *s)
{
	unsigned tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		uint64_t m = ld_64(s->fpr[i]);
		unsigned e = ld_16(s->fpr[i] + 8) & 0x7fff, t;

		if (!(s->ftag >> i & 1))
			t = 3;
		else if (!e && !m)
			t = 1;
		else
			t = !e || e == 0x7fff || !(m >> 63) ? 2 : 0;
		tags |= t << 2 * i;
	}
	return tags;
}

void x86_fpu_tags_put(struct x86_state *s, unsigned tags)
{
	s->ftag = 0;
	for (unsigned i = 0; i < 8; i++)
		if ((tags >> 2 * i & 3) != 3)
			s->ftag |= 1u << i;
}

struct x86_fpu_ptr x86_fpu_ptr_get(const struct x86_state *s)
{
	struct x86_fpu_ptr p = {
		.ip = s->fioff | (uint64_t)s->fiseg << 32,
		.dp = s->fooff | (uint64_t)s->foseg << 32,
		.cs = s->fcs, .ds = s->fds, .op = (uint16_t)(s->fop & 0x7ff),
	};

	if (s->fop_live & X86_FOP_LIVE) {
		p.op = s->fop_live & 0x7ff;
		p.cs = (uint16_t)s->seg[X86_CS].selector;
	}
	if (s->fds_live && s->fds_live <= X86_GS + 1)
		p.ds = (uint16_t)s->seg[s->fds_live - 1].selector;
	return p;
}

void x86_fpu_ptr_put(struct x86_state *s, const struct x86_fpu_ptr *p)
{
	s->fop_live = 0;
	s->fds_live = 0;
	s->fop = p->op & 0x7ff;
	s->fcs = p->cs;
	s->fds = p->ds;
	s->fioff = (uint32_t)p->ip;
	s->fiseg = (uint32_t)(p->ip >> 32);
	s->fooff = (uint32_t)p->dp;
	s->foseg = (uint32_t)(p->dp >> 32);
}

void x86_fpu_settle(void *state)
{
	struct x86_state *s = state;

	for (unsigned i = 0; i < 8; i++)
		memcpy(s->st[i], x86_fpu_reg(s, i), sizeof(s->st[i]));
	if (s->fop_live & X86_FOP_LIVE)
		s->fop = s->fop_live & 0x7ff;
	s->xstate_bv |= X86_XF_X87 | X86_XF_SSE;
	for (unsigned i = 0; i < 16; i++)
		if (ld_64(s->ymm[i].hi) | ld_64(s->ymm[i].hi + 8))
			s->xstate_bv |= X86_XF_AVX;
	if (x86_pkru(s))
		s->xstate_bv |= X86_XF_PKRU;
}

void x86_fpu_unsettle(void *state)
{
	struct x86_state *s = state;

	s->fctrl = (s->fctrl & X86_FCW_BITS) | X86_FCW_ONES;
	x86_fpu_status_put(s, s->fstat);
	s->ftag &= 0xff;
	s->mxcsr &= X86_MXCSR_BITS;
	for (unsigned i = 0; i < 8; i++) {
		memcpy(x86_fpu_reg(s, i), s->st[i], 10);
		memset(x86_fpu_reg(s, i) + 10, 0, 6);
	}
	s->fop &= 0x7ff;
	if (s->fop_live & X86_FOP_LIVE && (s->fop_live & 0x7ff) != s->fop)
		s->fop_live = 0;
	x86_fpu_summary(s);
}

/* One page at a time where it is plain memory; else by accesses. */
static int bulk(struct x86_state *s, uint64_t lin, uint8_t *buf, unsigned n, bool write)
{
	struct cpu_env *env = cpu_env(s);
	unsigned view = x86_view_now(s), part, size;

	for (; n; lin += part, buf += part, n -= part) {
		void *p;

		part = (unsigned)MIN((uint64_t)n, 4096 - (lin & 4095));
		p = env->ops->mem_host(env, lin, view, write ? ACCESS_WRITE : ACCESS_READ, part);
		if (p) {
			memcpy(write ? p : buf, write ? buf : p, part);
			continue;
		}
		for (unsigned i = 0; i < part; i += size) {
			uint64_t v = 0;

			size = part - i >= 8 ? 8 : part - i >= 4 ? 4 : part - i >= 2 ? 2 : 1;
			if (write)
				memcpy(&v, buf + i, size);
			if (write ? x86_mem_write(s, lin + i, size, v) :
				    x86_mem_read(s, lin + i, size, &v))
				return -1;
			if (!write)
				memcpy(buf + i, &v, size);
		}
	}
	return 0;
}

int x86_bulk_read(struct x86_state *s, uint64_t lin, void *buf, unsigned n)
{
	return bulk(s, lin, buf, n, false);
}

int x86_bulk_write(struct x86_state *s, uint64_t lin, const void *buf, unsigned n)
{
	return bulk(s, lin, (uint8_t *)(uintptr_t)buf, n, true);
}

/* Where there is no plain memory, in each page a zero is replaced by a zero, if it is one. */
int x86_bulk_check(struct x86_state *s, uint64_t lin, unsigned n)
{
	static const uint8_t same = 0;
	struct cpu_env *env = cpu_env(s);
	unsigned view = x86_view_now(s);
	uint64_t last = lin + n - 1;
	uint8_t old;

	for (;; lin = last & ~UINT64_C(4095)) {
		if (!env->ops->mem_host(env, lin, view, ACCESS_WRITE, 1) &&
		    env->ops->mem_cas(env, lin, view, 1, &same, &same, &old))
			return -1;
		if (!((lin ^ last) & ~UINT64_C(4095)))
			return 0;
	}
}
