/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control and debug registers, XCR0, PKRU, invalidations (SDM volume 3, 2.5, 4.10, 17.2; volume
 * 2, MOV to control registers). Helpers of IR_CALL, and the rules for others that change these
 * registers.
 */
#include "target/x86/control.h"
#include "target/x86/ctl.h"
#include "target/x86/exception.h"
#include "target/x86/helper.h"
#include "target/x86/segment.h"
#include "target/x86/xsave.h"

#include <string.h>

enum { PT_P = 1 };
#define CR3_KEEP (UINT64_C(1) << 63)

static bool has(const struct x86_state *s, enum x86_word w, unsigned bit)
{
	const struct x86_cpu_model *m = x86_model(s);

	return !m || m->features.w[w] >> bit & 1;
}

static uint64_t phys_mask(const struct x86_state *s)
{
	const struct x86_cpu_model *m = x86_model(s);

	return m && m->phys_mask ? m->phys_mask : mask_bits(52);
}

void x86_flush_all(struct x86_state *s)
{
	struct cpu_env *env = cpu_env(s);

	env->ops->flush(env, &(struct tlb_flush){ .kind = FLUSH_ALL });
}

/* --- CR0, CR3, CR4 --- */

int x86_pdptes_load(struct x86_state *s, uint64_t cr3)
{
	struct cpu_env *env = cpu_env(s);
	uint64_t bad = ~phys_mask(s) | 0x1e6, e[4];

	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *p = env->ops->phys(env, (cr3 & 0xffffffe0) + i * 8);

		e[i] = p ? ld_le64(p) : UINT64_MAX;
		if (e[i] & PT_P && e[i] & bad)
			return -1;
	}
	memcpy(s->pdptr, e, sizeof(e));
	s->pdptr_valid = 1;
	return 0;
}

static bool pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	return cr0 & X86_CR0_PG && cr4 & X86_CR4_PAE && !(efer & X86_EFER_LMA);
}

int x86_cr0_set(struct x86_state *s, uint64_t v)
{
	const uint64_t known = X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE |
			       X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG;
	uint64_t old = s->cr0, efer = s->efer, diff;

	if (v >> 32)
		return -1;
	v = (v & known) | X86_CR0_ET;
	diff = v ^ old;
	if ((v & X86_CR0_PG && !(v & X86_CR0_PE)) || (v & X86_CR0_NW && !(v & X86_CR0_CD)))
		return -1;
	if (diff & v & X86_CR0_PG && efer & X86_EFER_LME) {
		if (!(s->cr4 & X86_CR4_PAE) || s->seg[X86_CS].attr & X86_SEG_L)
			return -1;
		efer |= X86_EFER_LMA;
	}
	if (diff & old & X86_CR0_PG) {
		if (x86_code64(s) || s->cr4 & X86_CR4_PCIDE)
			return -1;
		efer &= ~(uint64_t)X86_EFER_LMA;
	}
	if (diff & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW) && pae_paging(v, s->cr4, efer) &&
	    x86_pdptes_load(s, s->cr3))
		return -1;
	s->cr0 = v;
	s->efer = efer;
	if (diff & X86_CR0_PE)
		x86_seg_forget(s);
	/* what is remembered of a page has WP in it */
	if (diff & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE))
		x86_flush_all(s);
	x86_mode_changed(s);
	return 0;
}

int x86_cr3_set(struct x86_state *s, uint64_t v)
{
	struct cpu_env *env = cpu_env(s);
	bool pcide = s->cr4 & X86_CR4_PCIDE, keep = false;

	if (s->efer & X86_EFER_LMA) {
		if (pcide) {
			keep = v & CR3_KEEP;
			v &= ~CR3_KEEP;
		}
		if (v & ~(phys_mask(s) | 0xfff))
			return -1;
	} else {
		v = (uint32_t)v;
		if (pae_paging(s->cr0, s->cr4, s->efer) && x86_pdptes_load(s, v))
			return -1;
	}
	s->cr3 = v;
	if (!keep)
		env->ops->flush(env, &(struct tlb_flush){ .kind = FLUSH_ASID, .keep_global = 1,
							  .asid = pcide ? v & 0xfff : 0 });
	x86_mode_changed(s);
	return 0;
}

static uint64_t cr4_known(const struct x86_state *s)
{
	static const struct { uint32_t cr4; uint8_t word, bit; } optional[] = {
		{ X86_CR4_VME | X86_CR4_PVI, X86_W_1_EDX, 1 },
		{ X86_CR4_UMIP, X86_W_7_ECX, 2 }, { X86_CR4_LA57, X86_W_7_ECX, 16 },
		{ X86_CR4_FSGSBASE, X86_W_7_EBX, 0 }, { X86_CR4_PCIDE, X86_W_1_ECX, 17 },
		{ X86_CR4_OSXSAVE, X86_W_1_ECX, 26 }, { X86_CR4_SMEP, X86_W_7_EBX, 7 },
		{ X86_CR4_SMAP, X86_W_7_EBX, 20 }, { X86_CR4_PKE, X86_W_7_ECX, 3 },
	};
	uint64_t known = X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE |
			 X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;

	for (unsigned i = 0; i < ARRAY_SIZE(optional); i++)
		if (has(s, optional[i].word, optional[i].bit))
			known |= optional[i].cr4;
	return known;
}

int x86_cr4_set(struct x86_state *s, uint64_t v)
{
	const uint64_t paging = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE |
				X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_LA57;
	const uint64_t pdpte = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_SMEP;
	uint64_t diff = v ^ s->cr4;
	bool lma = s->efer & X86_EFER_LMA;

	if (v & ~cr4_known(s))
		return -1;
	if (lma && (!(v & X86_CR4_PAE) || diff & X86_CR4_LA57))
		return -1;
	if (diff & v & X86_CR4_PCIDE && (!lma || s->cr3 & 0xfff))
		return -1;
	if (diff & pdpte && pae_paging(s->cr0, v, s->efer) && x86_pdptes_load(s, s->cr3))
		return -1;
	s->cr4 = v;
	if (diff & paging)
		x86_flush_all(s);
	x86_mode_changed(s);
	return 0;
}

/* --- MOV to and from control registers --- */

uint64_t x86_help_get_cr(void *state, uint64_t n, uint64_t unused)
{
	struct x86_state *s = state;
	struct cpu_env *env = cpu_env(s);
	uint64_t v = s->cr8;

	switch (n) {
	case 0: return s->cr0;
	case 2: return s->cr2;
	case 3: return s->cr3;
	case 4: return s->cr4;
	case 8:
		env->ops->apic_read(env, CPU_APIC_CR8, &v);
		return v;
	default: return x86_ud(s);
	}
}

static int set_cr8(struct x86_state *s, uint64_t v)
{
	struct cpu_env *env = cpu_env(s);

	if (v > 15)
		return -1;
	s->cr8 = v;
	env->ops->apic_write(env, CPU_APIC_CR8, v);
	return 0;
}

uint64_t x86_help_put_cr(void *state, uint64_t n, uint64_t v)
{
	struct x86_state *s = state;
	int r = 0;

	switch (n) {
	case 0: r = x86_cr0_set(s, v); break;
	case 2: s->cr2 = v; break;
	case 3: r = x86_cr3_set(s, v); break;
	case 4: r = x86_cr4_set(s, v); break;
	case 8: r = set_cr8(s, v); break;
	default: return x86_ud(s);
	}
	return r ? x86_gp(s, 0) : 0;
}

/* --- debug registers (17.2) --- */

enum { DR7_GD = 1 << 13, DR7_ONES = 0x400, DR7_BITS = 0xffff23ff, DR6_BITS = 0xe00f };
#define DR6_ONES UINT64_C(0xffff0ff0)

/* The register meant, or -1 with the exception raised. */
static int debug_register(struct x86_state *s, uint64_t n)
{
	if (n >= 8 || ((n == 4 || n == 5) && s->cr4 & X86_CR4_DE)) {
		x86_ud(s);
		return -1;
	}
	if (s->dr7 & DR7_GD) {
		s->dr7 &= ~(uint64_t)DR7_GD;
		x86_debug_exception(s, X86_DR6_BD);
		return -1;
	}
	return (int)(n == 4 || n == 5 ? n + 2 : n);
}

uint64_t x86_help_get_dr(void *state, uint64_t n, uint64_t unused)
{
	struct x86_state *s = state;
	int i = debug_register(s, n);

	if (i < 0)
		return 0;
	return i < 4 ? s->dr[i] : i == 6 ? s->dr6 : s->dr7;
}

uint64_t x86_help_put_dr(void *state, uint64_t n, uint64_t v)
{
	struct x86_state *s = state;
	int i = debug_register(s, n);

	if (i < 0)
		return 0;
	if (i >= 6 && v >> 32)
		return x86_gp(s, 0);
	if (i < 4)
		s->dr[i] = v;
	else if (i == 6)
		s->dr6 = (v & DR6_BITS) | DR6_ONES;
	else
		s->dr7 = (v & DR7_BITS) | DR7_ONES;
	x86_mode_changed(s);
	return 0;
}

/* --- invalidations (4.10.4) --- */

uint64_t x86_help_invlpg(void *state, uint64_t lin, uint64_t unused)
{
	struct cpu_env *env = cpu_env(state);

	env->ops->flush(env, &(struct tlb_flush){ .kind = FLUSH_VA, .va = lin & ~0xfffull });
	return 0;
}

uint64_t x86_help_invpcid(void *state, uint64_t lin, uint64_t type)
{
	struct x86_state *s = state;
	struct cpu_env *env = cpu_env(s);
	unsigned bits = s->cr4 & X86_CR4_LA57 ? 57 : 48;
	struct tlb_flush f = { .keep_global = 1 };
	uint64_t pcid, va;

	if (x86_mem_read(s, lin, 8, &pcid) || x86_mem_read(s, lin + 8, 8, &va))
		return 0;
	if (type > 3 || pcid >> 12 || (type < 2 && pcid && !(s->cr4 & X86_CR4_PCIDE)) ||
	    (!type && (uint64_t)sext(va, bits) != va && s->efer & X86_EFER_LMA))
		return x86_gp(s, 0);
	f.asid = (uint16_t)pcid;
	f.va = va & ~UINT64_C(0xfff);
	f.kind = type == 0 ? FLUSH_VA_ASID : type == 1 ? FLUSH_ASID : FLUSH_ALL;
	env->ops->flush(env, &f);
	return 0;
}

/* --- XCR0 (volume 1, 13.3) --- */

uint64_t x86_help_xgetbv(void *state, uint64_t n, uint64_t unused)
{
	struct x86_state *s = state;

	if (!(s->cr4 & X86_CR4_OSXSAVE))
		return x86_ud(s);
	if (n == 0)
		return s->xcr0;
	if (n == 1 && has(s, X86_W_D_1_EAX, 2))
		return s->xcr0 & x86_xinuse(s);
	return x86_gp(s, 0);
}

uint64_t x86_help_xsetbv(void *state, uint64_t n, uint64_t v)
{
	enum { X87 = 1, SSE = 2, AVX = 4 };
	struct x86_state *s = state;
	uint32_t r[4];

	if (!(s->cr4 & X86_CR4_OSXSAVE))
		return x86_ud(s);
	x86_cpuid_get(s, 0xd, 0, r);
	if (n || v & ~(r[X86_EAX] | (uint64_t)r[X86_EDX] << 32) || !(v & X87) ||
	    (v & AVX && !(v & SSE)))
		return x86_gp(s, 0);
	s->xcr0 = v;
	x86_mode_changed(s);
	return 0;
}

/* --- PKRU --- */

static uint8_t *pkru_place(const struct x86_state *s)
{
	const struct x86_cpu_model *m = x86_model(s);
	unsigned off = m && m->pkru_off ? m->pkru_off : X86_PKRU_OFF;

	return (uint8_t *)(uintptr_t)s->xext + (off - X86_XEXT_OFFSET);
}

uint32_t x86_pkru(const struct x86_state *s)
{
	return s->xstate_bv >> X86_XFEATURE_PKRU & 1 ? ld_le32(pkru_place(s)) : 0;
}

/*
 * What is remembered of user pages has their keys' rights in it. Nearly all have key 0, whose
 * rights nobody changes, but signal delivery and context switches write the register.
 */
void x86_pkru_put(struct x86_state *s, uint32_t v)
{
	uint32_t changed = v ^ x86_pkru(s);

	if (!changed)
		return;
	st_le32(pkru_place(s), v);
	s->xstate_bv |= BIT(X86_XFEATURE_PKRU);
	if (s->cr4 & X86_CR4_PKE && (s->pkeys_seen || changed & 3)) {
		s->pkeys_seen = 0;
		x86_flush_all(s);
	}
}

uint64_t x86_help_rdpkru(void *state, uint64_t ecx, uint64_t unused)
{
	struct x86_state *s = state;

	if (!(s->cr4 & X86_CR4_PKE))
		return x86_ud(s);
	return (uint32_t)ecx ? x86_gp(s, 0) : x86_pkru(s);
}

/* v: EAX, and EDX above it */
uint64_t x86_help_wrpkru(void *state, uint64_t ecx, uint64_t v)
{
	struct x86_state *s = state;

	if (!(s->cr4 & X86_CR4_PKE))
		return x86_ud(s);
	if ((uint32_t)ecx || v >> 32)
		return x86_gp(s, 0);
	x86_pkru_put(s, (uint32_t)v);
	return 0;
}

/* --- the rest --- */

uint64_t x86_help_cpuid(void *state, uint64_t unused, uint64_t unused2)
{
	static const uint8_t order[4] = { X86_RAX, X86_RBX, X86_RCX, X86_RDX };
	struct x86_state *s = state;
	uint32_t r[4];

	if (s->misc_features & 1 && x86_cpl(s))	/* CPUID faulting */
		return x86_gp(s, 0);
	x86_cpuid_get(s, (uint32_t)s->gpr[X86_RAX], (uint32_t)s->gpr[X86_RCX], r);
	for (unsigned i = 0; i < 4; i++)
		s->gpr[order[i]] = r[i];
	return 0;
}

/* AC, where SMAP is; the view follows. */
uint64_t x86_help_set_ac(void *state, uint64_t on, uint64_t unused)
{
	struct x86_state *s = state;

	s->rflags = on ? s->rflags | X86_FLAG_AC : s->rflags & ~(uint64_t)X86_FLAG_AC;
	x86_mode_changed(s);
	return 0;
}

uint64_t x86_help_random(void *state, uint64_t size, uint64_t unused)
{
	struct cpu_env *env = cpu_env(state);
	uint64_t v = 0;

	env->ops->random(env, &v, (unsigned)size);
	return v;
}

/* --- FSGSBASE --- */

uint64_t x86_help_get_base(void *state, uint64_t sreg, uint64_t unused)
{
	struct x86_state *s = state;

	return s->cr4 & X86_CR4_FSGSBASE ? s->seg[sreg & 7].base : x86_ud(s);
}

uint64_t x86_help_put_base(void *state, uint64_t sreg, uint64_t v)
{
	struct x86_state *s = state;
	unsigned bits = s->cr4 & X86_CR4_LA57 ? 57 : 48;

	if (!(s->cr4 & X86_CR4_FSGSBASE))
		return x86_ud(s);
	if ((uint64_t)sext(v, bits) != v)
		return x86_gp(s, 0);
	s->seg[sreg & 7].base = v;
	return 0;
}

/* --- time --- */

uint64_t x86_tsc(struct x86_state *s)
{
	struct cpu_env *env = cpu_env(s);

	return env->ops->time(env) + s->tsc_offset;
}

uint64_t x86_help_rdtsc(void *state, uint64_t unused, uint64_t unused2)
{
	struct x86_state *s = state;

	if (s->cr4 & X86_CR4_TSD && x86_cpl(s))
		return x86_gp(s, 0);
	return x86_tsc(s);
}

/* There are no counters to read. */
uint64_t x86_help_rdpmc(void *state, uint64_t unused, uint64_t unused2)
{
	return x86_gp(state, 0);
}

static uint64_t msr_number(const struct x86_state *s) { return (uint32_t)s->gpr[X86_RCX]; }

uint64_t x86_help_rdmsr(void *state, uint64_t unused, uint64_t unused2)
{
	struct x86_state *s = state;
	uint64_t v = 0;

	if (x86_msr_read(s, (uint32_t)msr_number(s), &v))
		return x86_gp(s, 0);
	s->gpr[X86_RAX] = (uint32_t)v;
	s->gpr[X86_RDX] = v >> 32;
	return 0;
}

uint64_t x86_help_wrmsr(void *state, uint64_t unused, uint64_t unused2)
{
	struct x86_state *s = state;
	uint64_t v = (uint32_t)s->gpr[X86_RAX] | s->gpr[X86_RDX] << 32;

	return x86_msr_write(s, (uint32_t)msr_number(s), v) ? x86_gp(s, 0) : 0;
}
