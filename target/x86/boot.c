/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry states for guests without firmware. Segment registers are loaded as if
 * from the table at X86_BOOT_GDT, so that a guest may reload its selectors; where
 * there is no RAM at that place, only the hidden parts are set and the guest
 * brings its own tables.
 */
#include "target/x86/state.h"

#include "target/isa.h"
#include "target/x86/regs.h"
#include "util/bits.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEL_CODE32 = 0x08, SEL_DATA = 0x10, SEL_CODE64 = 0x18, SEL_UCODE32 = 0x20,
	SEL_UDATA = 0x28, SEL_UCODE64 = 0x30, SEL_TSS = 0x38,
};

/* Access bytes: present, type, DPL; SDM volume 3, 3.4.5 */
enum {
	ATTR_DATA = X86_SEG_P | X86_SEG_S | 3,
	ATTR_CODE = X86_SEG_P | X86_SEG_S | 11,
	ATTR_TSS = X86_SEG_P | 11,		/* busy */
	ATTR_LDT_NULL = 2,
};

/* Page table bits; SDM volume 3, 4.5 */
enum { PT_P = 1, PT_RW = 2, PT_US = 4, PT_PWT = 8, PT_PCD = 16, PT_PS = 128 };

static void put64(struct cpu_env *env, uint64_t pa, uint64_t v)
{
	void *p = env->ops->phys(env, pa);

	if (!p)
		return;
	st_le64(p, v);
	env->ops->phys_dirty(env, pa);
}

static uint64_t descriptor(uint32_t base, uint32_t limit, unsigned attr)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)attr << 40 |
	       (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)(base >> 24) << 56;
}

static void put_tables(struct cpu_env *env)
{
	static const unsigned attr[] = {
		0, ATTR_CODE | X86_SEG_DB | X86_SEG_G, ATTR_DATA | X86_SEG_DB | X86_SEG_G,
		ATTR_CODE | X86_SEG_L | X86_SEG_G,
		ATTR_CODE | X86_SEG_DPL | X86_SEG_DB | X86_SEG_G,
		ATTR_DATA | X86_SEG_DPL | X86_SEG_DB | X86_SEG_G,
		ATTR_CODE | X86_SEG_DPL | X86_SEG_L | X86_SEG_G,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(attr); i++)
		put64(env, X86_BOOT_GDT + i * 8, attr[i] ? descriptor(0, 0xfffff, attr[i]) : 0);
	put64(env, X86_BOOT_GDT + SEL_TSS, descriptor(X86_BOOT_TSS, 103, ATTR_TSS));
	put64(env, X86_BOOT_GDT + SEL_TSS + 8, 0);

	put64(env, X86_BOOT_PML4, X86_BOOT_PDPT | PT_P | PT_RW | PT_US);
	for (unsigned g = 0; g < 4; g++) {
		uint64_t pd = X86_BOOT_PD + g * 4096;

		put64(env, X86_BOOT_PDPT + g * 8, pd | PT_P | PT_RW | PT_US);
		for (unsigned i = 0; i < 512; i++)
			put64(env, pd + i * 8, ((uint64_t)g << 30 | (uint64_t)i << 21) |
			      PT_P | PT_RW | PT_US | PT_PS | (g == 3 ? PT_PCD | PT_PWT : 0));
	}
}

static void set_seg(struct x86_state *s, unsigned i, uint32_t sel, uint64_t base, uint32_t limit,
		    unsigned attr)
{
	s->seg[i] = (struct x86_seg){ .selector = sel, .base = base, .limit = limit, .attr = attr };
}

static void set_flat(struct x86_state *s, unsigned code, unsigned data, unsigned dpl, bool wide)
{
	unsigned d = dpl << X86_SEG_DPL_SHIFT;

	set_seg(s, X86_CS, code | dpl, 0, UINT32_MAX,
		ATTR_CODE | d | X86_SEG_G | (wide ? X86_SEG_L : X86_SEG_DB));
	for (unsigned i = X86_ES; i <= X86_GS; i++)
		if (i != X86_CS)
			set_seg(s, i, data | dpl, 0, UINT32_MAX,
				ATTR_DATA | d | X86_SEG_G | X86_SEG_DB);
}

static void boot_protected(struct x86_state *s)
{
	put_tables(cpu_env(s));
	set_seg(s, X86_TR, SEL_TSS, X86_BOOT_TSS, 103, ATTR_TSS);
	set_seg(s, X86_LDT, 0, 0, 0, ATTR_LDT_NULL);
	s->gdtr = (struct x86_dtable){ X86_BOOT_GDT, SEL_TSS + 15 };
	s->idtr = (struct x86_dtable){ 0, 0 };
	s->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
	s->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	s->rflags = 2;
	s->gpr[X86_RSP] = X86_BOOT_STACK;
	s->mp_state = 0;
}

void x86_boot_real(struct x86_state *s, uint16_t cs, uint16_t ip)
{
	for (unsigned i = X86_ES; i <= X86_GS; i++)
		set_seg(s, i, 0, 0, 0xffff, ATTR_DATA);
	set_seg(s, X86_CS, cs, (uint64_t)cs << 4, 0xffff, ATTR_CODE);
	s->idtr = (struct x86_dtable){ 0, 0x3ff };
	s->cr0 = X86_CR0_ET;
	s->rip = ip;
	s->rflags = 2;
	s->mp_state = 0;
}

void x86_boot_flat32(struct x86_state *s, uint32_t eip)
{
	boot_protected(s);
	set_flat(s, SEL_CODE32, SEL_DATA, 0, false);
	s->rip = eip;
}

void x86_boot_long(struct x86_state *s, uint64_t rip, uint64_t arg0, uint64_t arg1)
{
	boot_protected(s);
	set_flat(s, SEL_CODE64, SEL_DATA, 0, true);
	s->cr0 |= X86_CR0_PG | X86_CR0_WP;
	s->cr3 = X86_BOOT_PML4;
	s->cr4 |= X86_CR4_PAE;
	s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;
	s->rip = rip;
	s->gpr[X86_RDI] = arg0;
	s->gpr[X86_RSI] = arg1;
}

void x86_boot_linux64(struct x86_state *s, uint64_t rip, uint64_t zero_page)
{
	struct cpu_env *env = cpu_env(s);

	x86_boot_long(s, rip, 0, zero_page);
	put64(env, X86_BOOT_GDT + 0x10,
	      descriptor(0, 0xfffff, ATTR_CODE | X86_SEG_L | X86_SEG_G));
	put64(env, X86_BOOT_GDT + 0x18,
	      descriptor(0, 0xfffff, ATTR_DATA | X86_SEG_DB | X86_SEG_G));
	set_flat(s, 0x10, 0x18, 0, true);
}

void x86_boot_linux32(struct x86_state *s, uint32_t eip, uint32_t zero_page)
{
	struct cpu_env *env = cpu_env(s);

	x86_boot_flat32(s, eip);
	put64(env, X86_BOOT_GDT + 0x10,
	      descriptor(0, 0xfffff, ATTR_CODE | X86_SEG_DB | X86_SEG_G));
	put64(env, X86_BOOT_GDT + 0x18,
	      descriptor(0, 0xfffff, ATTR_DATA | X86_SEG_DB | X86_SEG_G));
	set_flat(s, 0x10, 0x18, 0, false);
	s->gpr[X86_RSI] = zero_page;
}

/*
 * FPU and vector registers, MSRs (with APIC base and TSC), MTRRs, XCR0, and CR0's
 * cache bits survive an INIT; everything else is as after a reset. So is, with KVM, what its
 * paravirtual services write to: who asked for them may be gone.
 */
void x86_signal_init(void *state)
{
	struct x86_state *s = state, *old = malloc(sizeof(*old));
	uint64_t cache = s->cr0 & (X86_CR0_CD | X86_CR0_NW);

	if (!old)
		abort();
	*old = *s;
	x86_reset(state);
	for (const struct reg *r = x86_regs; r->name; r++)
		if (r->group == REGS_FP || r->group == REGS_VEC)
			isa_reg_set(r, state, isa_reg_get(r, old));
	memcpy(s->st, old->st, sizeof(s->st));
	memcpy(s->ymm, old->ymm, sizeof(s->ymm));
	memcpy(s->xext, old->xext, sizeof(s->xext));
	s->xcr0 = old->xcr0;
	s->xstate_bv = old->xstate_bv;
	s->apic_base = old->apic_base;
	memcpy(&s->tsc, &old->tsc, sizeof(*s) - offsetof(struct x86_state, tsc));
	s->kvm_system_time = s->kvm_steal_time = s->kvm_pv_eoi = 0;
	s->kvm_async_pf = s->kvm_async_pf_int = 0;
	s->cr0 = (s->cr0 & ~(uint64_t)(X86_CR0_CD | X86_CR0_NW)) | cache;
	free(old);
}

void x86_signal_sipi(void *state, unsigned vector)
{
	struct x86_state *s = state;

	set_seg(s, X86_CS, (vector & 0xff) << 8, (uint64_t)(vector & 0xff) << 12, 0xffff,
		ATTR_CODE);
	s->rip = 0;
	s->mp_state = 0;
}

void x86_boot_ring3(struct x86_state *s)
{
	bool wide = s->efer & X86_EFER_LMA;

	set_flat(s, wide ? SEL_UCODE64 : SEL_UCODE32, SEL_UDATA, 3, wide);
	s->rflags |= 3 << 12;
}
