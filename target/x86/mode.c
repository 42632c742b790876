// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What translated code depends on, derived from the architectural state: view, mode key, address
 * space; and the two forms of the program counter and the flags.
 */
#include "target/x86/exception.h"
#include "target/x86/helper.h"
#include "target/x86/segment.h"
#include "target/x86/tcg.h"
#include "target/x86/translate.h"

/*
 * Paging formats number the bits of CR3 differently: the same root is another address space in
 * each of them (bits 60 and up), and so is SMM's view of memory.
 */
static uint64_t space(const struct x86_state *s)
{
	uint64_t root, kind, smm = (uint64_t)s->in_smm << 59;

	if (!(s->cr0 & X86_CR0_PG))
		return smm;
	if (s->efer & X86_EFER_LMA) {
		kind = s->cr4 & X86_CR4_LA57 ? 4 : 3;
		root = s->cr3 & UINT64_C(0x000ffffffffff000);
		if (s->cr4 & X86_CR4_PCIDE)
			root |= s->cr3 & 0xfff;
	} else {
		kind = s->cr4 & X86_CR4_PAE ? 2 : 1;
		root = (uint32_t)s->cr3 & (kind == 2 ? ~0x1fu : ~0xfffu);
	}
	return root | kind << 60 | smm;
}

static bool flat_data(const struct x86_seg *g)
{
	return !g->base && g->limit == UINT32_MAX &&
	       (g->attr & (X86_SEG_P | X86_SEG_S | X86_TYPE_CODE | X86_TYPE_DOWN |
			   X86_TYPE_WRITABLE)) == (X86_SEG_P | X86_SEG_S | X86_TYPE_WRITABLE);
}

static bool flat_code(const struct x86_seg *g)
{
	return !g->base && g->limit == UINT32_MAX && g->attr & X86_TYPE_READABLE;
}

static uint32_t segment_key(const struct x86_state *s)
{
	const struct x86_seg *g = s->seg;
	uint32_t key = 0;

	if (x86_code64(s))
		return X86_KEY_CODE64 | X86_KEY_FLAT | X86_KEY_CS0;
	if (g[X86_CS].attr & X86_SEG_DB)
		key |= X86_KEY_CODE32;
	if (g[X86_SS].attr & X86_SEG_DB)
		key |= X86_KEY_STACK32;
	if (!g[X86_CS].base)
		key |= X86_KEY_CS0;
	/* in real mode loads of segment registers tell nobody that they change a base */
	if (s->cr0 & X86_CR0_PE && flat_code(&g[X86_CS]) && flat_data(&g[X86_SS]) &&
	    flat_data(&g[X86_DS]) && flat_data(&g[X86_ES]))
		key |= X86_KEY_FLAT;
	return key;
}

static uint32_t fpu_key(const struct x86_state *s)
{
	uint32_t key = 0;

	if (s->cr0 & (X86_CR0_TS | X86_CR0_EM))
		key |= X86_KEY_NO_FPU | X86_KEY_NO_SSE;
	if (s->cr0 & X86_CR0_TS)
		key |= X86_KEY_NO_AVX;
	if (!(s->cr4 & X86_CR4_OSFXSR))
		key |= X86_KEY_NO_SSE;
	if (!(s->cr4 & X86_CR4_OSXSAVE) || (s->xcr0 & 6) != 6)
		key |= X86_KEY_NO_AVX;
	if (~s->mxcsr & 0x1f80)
		key |= X86_KEY_XM;
	if (~s->fctrl & 0x3f)
		key |= X86_KEY_X87;
	return key;
}

void x86_mode(void *state, struct cpu_mode *m)
{
	const struct x86_state *s = state;
	unsigned cpl = x86_cpl(s);
	uint32_t key;

	m->view = (uint8_t)x86_view_now(s);
	key = m->view | cpl << X86_KEY_CPL_SHIFT | segment_key(s) | fpu_key(s);
	if (s->cr0 & X86_CR0_PE)
		key |= X86_KEY_PROT;
	if (s->rflags & X86_FLAG_VM)
		key |= X86_KEY_VM86;
	if (s->dr7 & 0xff)
		key |= X86_KEY_DEBUG;
	if (s->efer & X86_EFER_LMA)
		key |= X86_KEY_LMA;
	if (cpl == 3 && s->cr0 & X86_CR0_AM && s->rflags & X86_FLAG_AC)
		key |= X86_KEY_AC;
	if (s->in_smm)
		key |= X86_KEY_SMM;
	m->single = s->single || s->int_shadow || s->rflags & X86_FLAG_TF || s->dr7 & 0xff;
	m->key = m->single ? key | X86_KEY_SINGLE : key;
	m->space = space(s);
	m->asid = s->cr4 & X86_CR4_PCIDE ? s->cr3 & 0xfff : 0;
}

void x86_mode_changed(struct x86_state *s)
{
	cpu_env(s)->ops->mode_changed(cpu_env(s));
}

void x86_set_rip(struct x86_state *s, uint64_t rip)
{
	if (x86_code64(s)) {
		s->rip = s->pc = rip;
		return;
	}
	s->rip = (uint32_t)rip;
	s->pc = (uint32_t)(s->seg[X86_CS].base + rip);
}

uint64_t x86_get_rip(struct x86_state *s)
{
	s->rip = x86_code64(s) ? s->pc : (uint32_t)(s->pc - s->seg[X86_CS].base);
	return s->rip;
}

void x86_settle(void *state)
{
	struct x86_state *s = state;

	x86_get_rip(s);
	x86_rflags_get(s);
	x86_fpu_settle(s);
}

void x86_unsettle(void *state)
{
	struct x86_state *s = state;

	s->cc_op = X86_CC_RFLAGS;
	s->single = s->stepping = 0;
	s->delivering = 0;
	x86_seg_forget(s);
	x86_set_rip(s, s->rip);
	x86_fpu_unsettle(s);
}

/*
 * STI and POPF translated in their short form met an interrupt that waits, or flags that need
 * C code: that one instruction is translated anew, alone.
 */
void x86_guard_fail(void *state)
{
	struct x86_state *s = state;

	s->single = 1;
	x86_mode_changed(s);
}

void x86_step(void *state, bool begin)
{
	struct x86_state *s = state;

	if (begin) {
		s->stepping = !!(s->rflags & X86_FLAG_TF);
		/* behind MOV SS as if it were set */
		s->resume_flag = s->rflags & X86_FLAG_RF || s->int_shadow == X86_SHADOW_MOV_SS;
		s->rflags &= ~(uint64_t)X86_FLAG_RF;
		s->watch_hits = 0;
		s->int_shadow = 0;
		return;
	}
	s->single = 0;
	if (s->exc_pending && s->exc_nr != X86_DB) {	/* it did not come to its end (DIV) */
		s->stepping = s->watch_hits = 0;
	} else if (s->stepping || s->watch_hits) {
		uint64_t why = s->watch_hits | (s->stepping ? X86_DR6_BS : 0);

		s->stepping = s->watch_hits = 0;
		s->exc_pending = 1;
		s->exc_nr = X86_DB;
		s->exc_has_error = 0;
		s->exc_payload = (s->exc_has_payload ? s->exc_payload : 0) | why;
		s->exc_has_payload = 1;
	}
	x86_mode_changed(s);
}
