/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers (SDM volume 4; AMD APM volume 2, appendix A), as far as the guests'
 * software asks for them; one that is not here is #GP, as on a processor without it. Memory types
 * are kept and shown, and have no effect: all of the guest's memory is cached.
 */
#include "target/x86/control.h"
#include "target/x86/helper.h"

#include <stddef.h>

enum {
	MSR_TSC = 0x10, MSR_APIC_BASE = 0x1b, MSR_FEATURE_CONTROL = 0x3a, MSR_TSC_ADJUST = 0x3b,
	MSR_SPEC_CTRL = 0x48, MSR_PRED_CMD = 0x49, MSR_UCODE_REV = 0x8b, MSR_SMBASE = 0x9e,
	MSR_PLATFORM_INFO = 0xce, MSR_MTRR_CAP = 0xfe, MSR_ARCH_CAPS = 0x10a,
	MSR_FLUSH_CMD = 0x10b, MSR_MISC_FEATURES = 0x140, MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175, MSR_SYSENTER_EIP = 0x176, MSR_MCG_CAP = 0x179,
	MSR_MCG_STATUS = 0x17a, MSR_MCG_CTL = 0x17b, MSR_MISC_ENABLE = 0x1a0,
	MSR_DEBUGCTL = 0x1d9, MSR_MTRR_VAR = 0x200, MSR_MTRR_VAR_END = 0x20f, MSR_PAT = 0x277,
	MSR_MTRR_DEF = 0x2ff, MSR_MC = 0x400, MSR_MC_END = MSR_MC + 4 * X86_MC_BANKS - 1,
	MSR_TSC_DEADLINE = 0x6e0, MSR_X2APIC = 0x800, MSR_X2APIC_END = 0x8ff,
};
enum {
	MSR_EFER = 0xc0000080, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK,
	MSR_FS_BASE = 0xc0000100, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_TSC_AUX,
	MSR_HWCR = 0xc0010015, MSR_VIRT_SPEC_CTRL = 0xc001011f,
	MSR_KVM_WALL_OLD = 0x11, MSR_KVM_TIME_OLD = 0x12, MSR_KVM_WALL = 0x4b564d00,
	MSR_KVM_TIME = 0x4b564d01, MSR_KVM_STEAL = 0x4b564d03, MSR_KVM_EOI,
};
/* Bits of words of features.def */
enum {
	F_FLUSH_L1D = 28, F_SPEC_CTRL = 26, F_ARCH_CAPS = 29, F_RDTSCP = 27, F_RDPID = 22,
	F_NX = 20, F_LM = 29, F_FXSR_OPT = 25, F_SYSCALL = 11, F_TSC_DEADLINE = 24,
	F_TSC_ADJUST = 1, F_AUTOIBRS = 8, F_KVMCLOCK_OLD = 0, F_KVMCLOCK = 3,
	F_STEAL_TIME = 5, F_PV_EOI,
};
/* amd: IBPB, IBRS, STIBP, SSBD, virtual SSBD */
#define AMD_SPEC (BIT(12) | BIT(14) | BIT(15) | BIT(24))
#define AMD_VIRT_SSBD BIT(25)

static bool has(const struct x86_state *s, enum x86_word w, uint64_t bits)
{
	const struct x86_cpu_model *m = x86_model(s);

	return !m || m->features.w[w] & bits;
}

static bool intel(const struct x86_state *s)
{
	enum { GENU = 0x756e6547 };
	const struct x86_cpu_model *m = x86_model(s);
	const struct x86_cpuid_leaf *l = m && m->cpuid ? x86_cpuid_find(m->cpuid, 0, 0) : NULL;

	return l && l->r[X86_EBX] == GENU;
}

static bool canonical(const struct x86_state *s, uint64_t v)
{
	return (uint64_t)sext(v, s->cr4 & X86_CR4_LA57 ? 57 : 48) == v;
}

static uint64_t phys_mask(const struct x86_state *s)
{
	const struct x86_cpu_model *m = x86_model(s);

	return m && m->phys_mask ? m->phys_mask : mask_bits(52);
}

/* --- registers that read as a number, and whose writes have no effect --- */

static const struct constant { uint32_t first, last; uint64_t v; } constants[] = {
	{ 0x0, 0x1, 0 },				/* P5_MC_ADDR, P5_MC_TYPE */
	{ 0x17, 0x17, 0 },				/* PLATFORM_ID */
	{ 0x2a, 0x2a, 0 },				/* EBL_CR_POWERON */
	{ 0x2c, 0x2c, 1 << 24 },			/* EBC_FREQUENCY_ID */
	{ 0x79, 0x79, 0 },				/* BIOS_UPDT_TRIG */
	{ 0xc1, 0xc2, 0 }, { 0x186, 0x187, 0 },		/* P6's counters */
	{ 0xcd, 0xcd, 3 },				/* FSB_FREQ: 166 MHz */
	{ 0x11e, 0x11e, 0xbe702111 },			/* BBL_CR_CTL3 */
	{ 0x198, 0x198, 1000 | UINT64_C(4) << 40 },	/* PERF_STATUS */
	{ 0x199, 0x199, 0 },				/* PERF_CTL */
	{ 0x1c9, 0x1c9, 0 }, { 0x1db, 0x1de, 0 },	/* last branches */
	{ 0x606, 0x606, 0 }, { 0x611, 0x611, 0 }, { 0x619, 0x619, 0 }, { 0x639, 0x639, 0 },
	{ 0x641, 0x641, 0 },				/* RAPL */
	{ 0xc0010000, 0xc0010007, 0 },			/* K7's counters */
	{ 0xc0010010, 0xc0010010, 0 },			/* SYSCFG */
	{ 0xc001001b, 0xc001001b, 0x20000000 },		/* CLK_CTL */
	{ 0xc001001f, 0xc0010020, 0 },			/* NB_CFG, PATCH_LOADER */
	{ 0xc0010055, 0xc0010055, 0 },			/* INT_PENDING_MSG */
	{ 0xc0010058, 0xc0010058, 0 },			/* MMIO_CONF_BASE */
	{ 0xc0010112, 0xc0010113, 0 },			/* TSEG */
	{ 0xc0010114, 0xc0010114, 0 },			/* VM_CR */
	{ 0xc0010117, 0xc0010117, 0 },			/* VM_HSAVE_PA */
	{ 0xc0011022, 0xc0011023, 0 },			/* DC_CFG, TW_CFG */
	{ 0xc0011029, 0xc0011029, 2 },			/* DE_CFG: LFENCE is serialising */
	{ 0xc001102a, 0xc001102a, 0 }, { 0xc001102c, 0xc001102c, 0 },	/* BU_CFG2, EX_CFG */
};

static const struct constant *constant_find(uint32_t n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(constants); i++)
		if (n >= constants[i].first && n <= constants[i].last)
			return &constants[i];
	return NULL;
}

/* --- registers that are just kept --- */

enum { CANONICAL = 1, LONG_MODE = 2 };	/* written values must be; there only with long mode */
static const struct plain { uint32_t n, off; uint32_t flags; } plain[] = {
#define PLAIN(n, member, flags) { n, offsetof(struct x86_state, member), flags }
	PLAIN(MSR_SYSENTER_CS, sysenter_cs, 0),
	PLAIN(MSR_SYSENTER_ESP, sysenter_esp, CANONICAL),
	PLAIN(MSR_SYSENTER_EIP, sysenter_eip, CANONICAL),
	PLAIN(MSR_MCG_STATUS, mcg_status, 0),
	PLAIN(MSR_MISC_ENABLE, misc_enable, 0),
	PLAIN(MSR_STAR, star, 0),
	PLAIN(MSR_LSTAR, lstar, CANONICAL | LONG_MODE),
	PLAIN(MSR_CSTAR, cstar, CANONICAL | LONG_MODE),
	PLAIN(MSR_FMASK, fmask, LONG_MODE),
	PLAIN(MSR_FS_BASE, seg[X86_FS].base, CANONICAL | LONG_MODE),
	PLAIN(MSR_GS_BASE, seg[X86_GS].base, CANONICAL | LONG_MODE),
	PLAIN(MSR_KERNEL_GS_BASE, kernel_gs_base, CANONICAL | LONG_MODE),
	PLAIN(0x250, mtrr_fix[0], 0), PLAIN(0x258, mtrr_fix[1], 0), PLAIN(0x259, mtrr_fix[2], 0),
	PLAIN(0x268, mtrr_fix[3], 0), PLAIN(0x269, mtrr_fix[4], 0), PLAIN(0x26a, mtrr_fix[5], 0),
	PLAIN(0x26b, mtrr_fix[6], 0), PLAIN(0x26c, mtrr_fix[7], 0), PLAIN(0x26d, mtrr_fix[8], 0),
	PLAIN(0x26e, mtrr_fix[9], 0), PLAIN(0x26f, mtrr_fix[10], 0),
#undef PLAIN
};

static const struct plain *plain_find(const struct x86_state *s, uint32_t n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(plain); i++)
		if (plain[i].n == n)
			return plain[i].flags & LONG_MODE && !has(s, X86_W_81_EDX, BIT(F_LM)) ?
				       NULL :
				       &plain[i];
	return NULL;
}

/* --- groups --- */

static uint64_t *mc_bank(struct x86_state *s, uint32_t n)
{
	uint64_t *of[4] = { s->mc_ctl, s->mc_status, s->mc_addr, s->mc_misc };

	return &of[n & 3][(n - MSR_MC) / 4];
}

/* Memory types by MTRR (11.11.2.1) and by PAT, which knows UC- (7), too */
static bool type_ok(unsigned t, bool pat) { return t < 8 && (0x73u | (pat ? 0x80 : 0)) >> t & 1; }

static bool all_types_ok(uint64_t v, bool pat)
{
	for (unsigned i = 0; i < 8; i++)
		if (!type_ok(v >> 8 * i & 0xff, pat))
			return false;
	return true;
}

static int mtrr_write(struct x86_state *s, uint32_t n, uint64_t v)
{
	enum { DEF_BITS = 0xcff };

	if (n == MSR_MTRR_DEF) {
		if (v & ~(uint64_t)DEF_BITS || !type_ok(v & 0xff, false))
			return -1;
		s->mtrr_def = v;
		return 0;
	}
	if (v & ~phys_mask(s) || v & (n & 1 ? 0x7ff : 0xf00) ||
	    (!(n & 1) && !type_ok(v & 0xff, false)))
		return -1;
	(n & 1 ? s->mtrr_mask : s->mtrr_base)[(n - MSR_MTRR_VAR) / 2] = v;
	return 0;
}

static int efer_write(struct x86_state *s, uint64_t v)
{
	enum { AUTOIBRS = 1 << 21 };
	uint64_t known = X86_EFER_LMA, old = s->efer;

	if (has(s, X86_W_81_EDX, BIT(F_SYSCALL)))
		known |= X86_EFER_SCE;
	if (has(s, X86_W_81_EDX, BIT(F_NX)))
		known |= X86_EFER_NXE;
	if (has(s, X86_W_81_EDX, BIT(F_LM)))
		known |= X86_EFER_LME;
	if (has(s, X86_W_821_EAX, BIT(F_AUTOIBRS)))
		known |= AUTOIBRS;
	if (v & ~known || ((v ^ old) & X86_EFER_LME && s->cr0 & X86_CR0_PG))
		return -1;
	s->efer = (v & ~(uint64_t)X86_EFER_LMA) | (old & X86_EFER_LMA);
	if ((v ^ old) & X86_EFER_NXE)
		x86_flush_all(s);
	x86_mode_changed(s);
	return 0;
}

/* --- the TSC and its deadline; the chip's deadline is in machine time --- */

static void tsc_shift(struct x86_state *s, uint64_t by)
{
	struct cpu_env *env = cpu_env(s);
	uint64_t at;

	if (env->ops->apic_read(env, MSR_TSC_DEADLINE, &at) || !at)
		at = 0;
	s->tsc_offset += by;
	s->tsc_adjust += by;
	if (at)
		env->ops->apic_write(env, MSR_TSC_DEADLINE, (int64_t)(at - by) > 0 ? at - by : 1);
	if (s->kvm_system_time & 1)
		x86_kvmclock_system(s, s->kvm_system_time);
}

static int deadline_read(struct x86_state *s, uint64_t *v)
{
	struct cpu_env *env = cpu_env(s);

	if (!has(s, X86_W_1_ECX, BIT(F_TSC_DEADLINE)) ||
	    env->ops->apic_read(env, MSR_TSC_DEADLINE, v))
		return -1;
	*v = *v ? *v + s->tsc_offset : 0;
	return 0;
}

static int deadline_write(struct x86_state *s, uint64_t v)
{
	struct cpu_env *env = cpu_env(s);

	if (!has(s, X86_W_1_ECX, BIT(F_TSC_DEADLINE)))
		return -1;
	return env->ops->apic_write(env, MSR_TSC_DEADLINE, x86_deadline_ticks(v, s->tsc_offset)) ?
		       -1 :
		       0;
}

static int apic_base_write(struct x86_state *s, uint64_t v)
{
	struct cpu_env *env = cpu_env(s);
	uint64_t now;

	if (v & ~phys_mask(s))
		return -1;
	if (env->ops->apic_read(env, MSR_APIC_BASE, &now)) {	/* no such chip */
		s->apic_base = v;
		return 0;
	}
	if (env->ops->apic_write(env, MSR_APIC_BASE, v))
		return -1;
	return env->ops->apic_read(env, MSR_APIC_BASE, &s->apic_base) ? -1 : 0;
}

/* --- speculation: nothing speculates, so there is nothing to do --- */

static bool spec_ctrl(const struct x86_state *s)
{
	return has(s, X86_W_7_EDX, BIT(F_SPEC_CTRL)) || has(s, X86_W_88_EBX, AMD_SPEC);
}

/* What a processor that is not vulnerable says (SDM volume 4, IA32_ARCH_CAPABILITIES). */
static uint64_t arch_caps(void)
{
	/* bit 1: IBRS is all that is wanted */
	static const uint8_t safe[] = { 0, 1, 3, 4, 5, 6, 8, 13, 14, 15, 20, 24, 26, 27 };
	uint64_t v = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(safe); i++)
		v |= BIT(safe[i]);
	return v;
}

/* --- reading --- */

int x86_msr_read(struct x86_state *s, uint32_t n, uint64_t *v)
{
	enum { MTRR_CAP = 0x508, CPUID_FAULTING = 1u << 31 };
	enum { MCG_CAP = X86_MC_BANKS | 1 << 8, MCG_SER_P = 1 << 24 };	/* AMD's have no SER_P */
	struct cpu_env *env = cpu_env(s);
	const struct constant *c;
	const struct plain *p;

	switch (n) {
	case MSR_TSC: *v = x86_tsc(s); return 0;
	case MSR_TSC_ADJUST:
		*v = s->tsc_adjust;
		return has(s, X86_W_7_EBX, BIT(F_TSC_ADJUST)) ? 0 : -1;
	case MSR_TSC_DEADLINE: return deadline_read(s, v);
	case MSR_APIC_BASE:
		if (env->ops->apic_read(env, n, v))
			*v = s->apic_base;
		return 0;
	case MSR_EFER: *v = s->efer; return 0;
	case MSR_PAT: *v = s->pat; return 0;
	case MSR_MTRR_CAP: *v = MTRR_CAP; return 0;
	case MSR_MTRR_DEF: *v = s->mtrr_def; return 0;
	case MSR_MCG_CAP: *v = intel(s) ? MCG_CAP | MCG_SER_P : MCG_CAP; return 0;
	case MSR_MCG_CTL: *v = s->mcg_ctl; return 0;
	case MSR_DEBUGCTL: *v = s->debugctl; return 0;
	case MSR_UCODE_REV: *v = intel(s) ? UINT64_C(1) << 32 : 0x01000065; return 0;
	case MSR_PLATFORM_INFO: *v = CPUID_FAULTING; return 0;
	case MSR_MISC_FEATURES: *v = s->misc_features; return 0;
	case MSR_HWCR: *v = s->hwcr; return 0;
	case MSR_FEATURE_CONTROL: *v = s->feature_control; return intel(s) ? 0 : -1;
	case MSR_SMBASE: *v = s->smbase; return s->in_smm ? 0 : -1;
	case MSR_SPEC_CTRL: *v = s->spec_ctrl; return spec_ctrl(s) ? 0 : -1;
	case MSR_ARCH_CAPS:
		*v = arch_caps();
		return has(s, X86_W_7_EDX, BIT(F_ARCH_CAPS)) ? 0 : -1;
	case MSR_VIRT_SPEC_CTRL:
		*v = s->virt_spec_ctrl;
		return has(s, X86_W_88_EBX, AMD_VIRT_SSBD) ? 0 : -1;
	case MSR_TSC_AUX:
		*v = s->tsc_aux;
		return has(s, X86_W_81_EDX, BIT(F_RDTSCP)) || has(s, X86_W_7_ECX, BIT(F_RDPID)) ?
			       0 :
			       -1;
	case MSR_KVM_TIME_OLD:
	case MSR_KVM_TIME:
		*v = s->kvm_system_time;
		return has(s, X86_W_KVM, BIT(n == MSR_KVM_TIME ? F_KVMCLOCK : F_KVMCLOCK_OLD)) ?
			       0 :
			       -1;
	case MSR_KVM_STEAL:
		*v = s->kvm_steal_time;
		return has(s, X86_W_KVM, BIT(F_STEAL_TIME)) ? 0 : -1;
	case MSR_KVM_EOI:
		*v = s->kvm_pv_eoi;
		return has(s, X86_W_KVM, BIT(F_PV_EOI)) ? 0 : -1;
	case MSR_KVM_WALL_OLD:
	case MSR_KVM_WALL:
		*v = s->kvm_wall_clock;
		return has(s, X86_W_KVM, BIT(n == MSR_KVM_WALL ? F_KVMCLOCK : F_KVMCLOCK_OLD)) ?
			       0 :
			       -1;
	}
	if (n >= MSR_X2APIC && n <= MSR_X2APIC_END)
		return env->ops->apic_read(env, n, v) ? -1 : 0;
	if (n >= MSR_MTRR_VAR && n <= MSR_MTRR_VAR_END) {
		*v = (n & 1 ? s->mtrr_mask : s->mtrr_base)[(n - MSR_MTRR_VAR) / 2];
		return 0;
	}
	if (n >= MSR_MC && n <= MSR_MC_END) {
		*v = *mc_bank(s, n);
		return 0;
	}
	p = plain_find(s, n);
	if (p) {
		*v = *(const uint64_t *)((const char *)s + p->off);
		return 0;
	}
	c = constant_find(n);
	if (!c)
		return -1;
	*v = c->v;
	return 0;
}

/* --- writing --- */

static int plain_write(struct x86_state *s, const struct plain *p, uint64_t v)
{
	if (p->flags & CANONICAL && !canonical(s, v))
		return -1;
	if (p->n >= 0x250 && p->n <= 0x26f && !all_types_ok(v, false))
		return -1;
	*(uint64_t *)((char *)s + p->off) = v;
	return 0;
}

static int mc_write(struct x86_state *s, uint32_t n, uint64_t v)
{
	enum { STATUS_WRITABLE = 1 << 18 };	/* HWCR */

	switch (n & 3) {
	case 0:		/* some kernels leave bit 10 or bit 0 out */
		if (v && (v | BIT(10) | 1) != UINT64_MAX)
			return -1;
		break;
	case 1:
		if (v && !(s->hwcr & STATUS_WRITABLE))
			return -1;
		break;
	}
	*mc_bank(s, n) = v;
	return 0;
}

int x86_msr_write(struct x86_state *s, uint32_t n, uint64_t v)
{
	enum { SPEC_BITS = 0x487, FEATURE_LOCK = 1, HWCR_KEPT = 1 << 18 | 1 << 24,
	       HWCR_IGNORED = 1 << 3 | 1 << 6 | 1 << 8, DEBUGCTL_BITS = 3 };
	struct cpu_env *env = cpu_env(s);
	const struct plain *p;

	switch (n) {
	case MSR_TSC: tsc_shift(s, v - x86_tsc(s)); return 0;
	case MSR_TSC_ADJUST:
		if (!has(s, X86_W_7_EBX, BIT(F_TSC_ADJUST)))
			return -1;
		tsc_shift(s, v - s->tsc_adjust);
		return 0;
	case MSR_TSC_DEADLINE: return deadline_write(s, v);
	case MSR_APIC_BASE: return apic_base_write(s, v);
	case MSR_EFER: return efer_write(s, v);
	case MSR_PAT:
		if (!all_types_ok(v, true))
			return -1;
		s->pat = v;
		return 0;
	case MSR_MTRR_CAP:
	case MSR_MCG_CAP:
	case MSR_ARCH_CAPS: return -1;
	case MSR_MTRR_DEF: return mtrr_write(s, n, v);
	case MSR_MCG_CTL:
		if (v && v != UINT64_MAX)
			return -1;
		s->mcg_ctl = v;
		return 0;
	case MSR_DEBUGCTL:
		if (v & ~(uint64_t)DEBUGCTL_BITS)
			return -1;
		s->debugctl = v;
		return 0;
	case MSR_UCODE_REV: return 0;
	case MSR_PLATFORM_INFO: return -1;
	case MSR_MISC_FEATURES:
		if (v & ~UINT64_C(1))
			return -1;
		s->misc_features = v;
		return 0;
	case MSR_HWCR:
		v &= ~(uint64_t)HWCR_IGNORED;
		if (v & ~(uint64_t)HWCR_KEPT)
			return -1;
		s->hwcr = v;
		return 0;
	case MSR_FEATURE_CONTROL:
		if (!intel(s) || s->feature_control & FEATURE_LOCK)
			return -1;
		s->feature_control = v;
		return 0;
	case MSR_SMBASE:
		if (!s->in_smm)
			return -1;
		s->smbase = (uint32_t)v;
		return 0;
	case MSR_SPEC_CTRL:
		if (!spec_ctrl(s) || v & ~(uint64_t)SPEC_BITS)
			return -1;
		s->spec_ctrl = v;
		return 0;
	case MSR_PRED_CMD: return spec_ctrl(s) && !(v & ~UINT64_C(1)) ? 0 : -1;
	case MSR_FLUSH_CMD:
		return has(s, X86_W_7_EDX, BIT(F_FLUSH_L1D)) && !(v & ~UINT64_C(1)) ? 0 : -1;
	case MSR_VIRT_SPEC_CTRL:
		if (!has(s, X86_W_88_EBX, AMD_VIRT_SSBD) || v & ~UINT64_C(4))
			return -1;
		s->virt_spec_ctrl = v;
		return 0;
	case MSR_TSC_AUX:
		if (!has(s, X86_W_81_EDX, BIT(F_RDTSCP)) && !has(s, X86_W_7_ECX, BIT(F_RDPID)))
			return -1;
		if (intel(s) && v >> 32)
			return -1;
		s->tsc_aux = (uint32_t)v;
		return 0;
	case MSR_KVM_TIME_OLD:
	case MSR_KVM_TIME:
		if (!has(s, X86_W_KVM, BIT(n == MSR_KVM_TIME ? F_KVMCLOCK : F_KVMCLOCK_OLD)))
			return -1;
		return x86_kvmclock_system(s, v);
	case MSR_KVM_STEAL:
		return has(s, X86_W_KVM, BIT(F_STEAL_TIME)) ? x86_kvm_steal_time(s, v) : -1;
	case MSR_KVM_EOI:
		return has(s, X86_W_KVM, BIT(F_PV_EOI)) ? x86_kvm_pv_eoi(s, v) : -1;
	case MSR_KVM_WALL_OLD:
	case MSR_KVM_WALL:
		if (!has(s, X86_W_KVM, BIT(n == MSR_KVM_WALL ? F_KVMCLOCK : F_KVMCLOCK_OLD)))
			return -1;
		return x86_kvmclock_wall(s, v);
	}
	if (n >= MSR_X2APIC && n <= MSR_X2APIC_END)
		return env->ops->apic_write(env, n, v) ? -1 : 0;
	if (n >= MSR_MTRR_VAR && n <= MSR_MTRR_VAR_END)
		return mtrr_write(s, n, v);
	if (n >= MSR_MC && n <= MSR_MC_END)
		return mc_write(s, n, v);
	p = plain_find(s, n);
	if (p)
		return plain_write(s, p, v);
	return constant_find(n) ? 0 : -1;
}
