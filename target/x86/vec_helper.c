// SPDX-License-Identifier: GPL-2.0-or-later
/* C code behind vector instructions: their exceptions, elements under masks. */
#include "target/x86/fpu.h"
#include "target/x86/vec.h"
#include "util/bits.h"

/* --- SIMD floating-point exceptions: SDM volume 1, 11.5 --- */

uint64_t x86_help_xm_begin(void *state, uint64_t unused, uint64_t unused2)
{
	x86_mxcsr_get(state);
	return 0;
}

/* Underflow that is not masked does not ask whether the result is exact (SDM volume 1, 4.9.1.5). */
static bool any_tiny(const struct x86_state *s, unsigned tiny)
{
	static const uint8_t exp_bits[4] = { [1] = 5, [2] = 8, [3] = 11 };
	unsigned log = tiny & 3, n = tiny >> X86_TINY_COUNT, bits = 8u << log;

	for (unsigned i = 0; i < n; i++) {
		uint64_t v = 0;

		memcpy(&v, s->vtmp + (i << log), 1u << log);
		v = (v << 1 & mask_bits(bits)) << (64 - bits);	/* without its sign, at the top */
		if (v && !(v >> (64 - exp_bits[log])))
			return true;
	}
	return false;
}

/*
 * Invalid, denormal and division by zero are found before the computation: where one of them is
 * unmasked there is none, and no other flags come of it.
 */
uint64_t x86_help_xm_end(void *state, uint64_t tiny, uint64_t unused2)
{
	enum { PRE = X86_FSW_IE | X86_FSW_DE | X86_FSW_ZE };
	struct x86_state *s = state;
	struct cpu_env *env = cpu_env(s);
	uint32_t f = x86_flags_of(env->ops->fp_take(env));
	uint32_t unmasked = ~(s->mxcsr >> 7) & X86_FSW_EXC;

	if (unmasked & X86_FSW_UE && any_tiny(s, (unsigned)tiny))
		f |= X86_FSW_UE;
	if (f & unmasked & PRE)
		f &= PRE;
	s->mxcsr |= f;
	if (f & unmasked)
		x86_exception(s, s->cr4 & X86_CR4_OSXMMEXCPT ? X86_XM : X86_UD, false, 0);
	return 0;
}

/* --- masks --- */

struct masked {
	uint8_t *data[2], *mask[2], *index[2];	/* halves of 16 bytes */
	unsigned seg, size, adsize;
	bool wide;
};

static uint8_t *byte_of(uint8_t *half[2], unsigned at) { return half[at >> 4] + (at & 15); }

static struct masked fields(struct x86_state *s, uint64_t how)
{
	unsigned d = how >> X86_VM_DATA & 15, m = how >> X86_VM_MASK & 15;
	unsigned i = how >> X86_VM_INDEX & 15;

	return (struct masked){
		.data = { s->ymm[d].lo, s->ymm[d].hi }, .mask = { s->ymm[m].lo, s->ymm[m].hi },
		.index = { s->ymm[i].lo, s->ymm[i].hi }, .seg = how >> X86_VM_SEG & 7,
		.size = how >> X86_VM_QUAD & 1 ? 8 : 4, .adsize = how >> X86_VM_ADSIZE & 15,
		.wide = how >> X86_VM_WIDE & 1,
	};
}

static int element(struct x86_state *s, const struct masked *m, uint64_t off, unsigned size,
		   bool write, uint64_t *v)
{
	uint64_t lin;

	off &= mask_bits(8 * m->adsize);
	if (x86_seg_check(s, m->seg, off, size, write, &lin))
		return -1;
	return write ? x86_mem_write(s, lin, size, *v) : x86_mem_read(s, lin, size, v);
}

static bool wanted(struct masked *m, unsigned at)
{
	return *byte_of(m->mask, at + m->size - 1) & 0x80;
}

/* A store by bytes is checked as one of all of them, whatever the mask says. */
static int may_write(struct x86_state *s, const struct masked *m, uint64_t off, unsigned n)
{
	uint64_t lin;

	off &= mask_bits(8 * m->adsize);
	return x86_seg_check(s, m->seg, off, n, true, &lin) ? -1 : x86_bulk_check(s, lin, n);
}

uint64_t x86_help_maskmov(void *state, uint64_t how, uint64_t off)
{
	struct x86_state *s = state;
	struct masked m = fields(s, how);
	bool store = how >> X86_VM_STORE & 1;
	uint8_t out[32] = { 0 };

	for (unsigned at = 0; store && at < (m.wide ? 32 : 16); at += m.size)
		if (wanted(&m, at) && may_write(s, &m, off + at, m.size))
			return 0;
	for (unsigned at = 0; at < (m.wide ? 32 : 16); at += m.size) {
		uint64_t v = 0;

		if (!wanted(&m, at))
			continue;
		if (store)
			memcpy(&v, byte_of(m.data, at), m.size);
		if (element(s, &m, off + at, m.size, store, &v))
			return 0;
		memcpy(out + at, &v, m.size);
	}
	if (!store) {
		memcpy(m.data[0], out, 16);
		memcpy(m.data[1], out + 16, 16);
	}
	return 0;
}

/* What was gathered before a fault stays, and its part of the mask is clear: it can go on. */
uint64_t x86_help_gather(void *state, uint64_t how, uint64_t off)
{
	struct x86_state *s = state;
	struct masked m = fields(s, how);
	unsigned isize = how >> X86_VM_INDEX_QUAD & 1 ? 8 : 4, scale = how >> X86_VM_SCALE & 3;
	unsigned n = (m.wide ? 32 : 16) / MAX(m.size, isize);

	for (unsigned i = 0; i < n; i++) {
		unsigned at = i * m.size;
		uint64_t v, index = 0;

		if (wanted(&m, at)) {
			memcpy(&index, byte_of(m.index, i * isize), isize);
			if (isize == 4)
				index = (uint64_t)(int64_t)(int32_t)index;
			if (element(s, &m, off + (index << scale), m.size, false, &v))
				return 0;
			memcpy(byte_of(m.data, at), &v, m.size);
		}
		memset(byte_of(m.mask, at), 0, m.size);
	}
	for (unsigned at = n * m.size; at < 32; at++)
		*byte_of(m.data, at) = 0;
	memset(m.mask[0], 0, 16);
	memset(m.mask[1], 0, 16);
	return 0;
}

static void masked_bytes(struct x86_state *s, const struct masked *m, uint64_t off,
			 const uint8_t *data, const uint8_t *mask, unsigned n)
{
	if (may_write(s, m, off, n))
		return;
	for (unsigned i = 0; i < n; i++) {
		uint64_t v = data[i];

		if (mask[i] & 0x80 && element(s, m, off + i, 1, true, &v))
			return;
	}
}

uint64_t x86_help_maskmovdqu(void *state, uint64_t how, uint64_t off)
{
	struct masked m = fields(state, how);

	masked_bytes(state, &m, off, m.data[0], m.mask[0], 16);
	return 0;
}

/* The unit is in MMX's state whatever becomes of the store. */
uint64_t x86_help_maskmovq(void *state, uint64_t how, uint64_t off)
{
	struct x86_state *s = state;
	struct masked m = fields(s, how);

	x86_fpu_top_put(s, 0);
	s->ftag = 0xff;
	masked_bytes(s, &m, off, s->fpr[how >> X86_VM_DATA & 7], s->fpr[how >> X86_VM_MASK & 7], 8);
	return 0;
}

uint64_t x86_help_check_store(void *state, uint64_t lin, uint64_t size)
{
	x86_bulk_check(state, lin, (unsigned)size);
	return 0;
}
