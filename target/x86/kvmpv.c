/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's paravirtual services beside the clock (Documentation/virt/kvm/x86: cpuid.rst, msr.rst,
 * hypercalls.rst), as far as they are sound where another engine gives them. Time is never stolen
 * and no vCPU is ever said to be preempted, so a guest sends each of its TLB flushes; no interrupt
 * is marked as one whose EOI may be left out, so each of them comes. What is left are hypercalls.
 */
#include "target/x86/control.h"
#include "target/x86/ctl.h"
#include "target/x86/exception.h"

enum { F_UNHALT = 7, F_PV_IPI = 11, F_SCHED_YIELD = 13 };	/* of X86_W_KVM */
enum { HC_VAPIC_POLL_IRQ = 1, HC_KICK_CPU = 5, HC_CLOCK_PAIRING = 9, HC_SEND_IPI = 10,
       HC_SCHED_YIELD = 11 };
enum { KVM_EPERM = 1, KVM_EFAULT = 14, KVM_EINVAL = 22, KVM_EOPNOTSUPP = 95,
       KVM_ENOSYS = 1000 };

static bool has(const struct x86_state *s, unsigned bit)
{
	const struct x86_cpu_model *m = x86_model(s);

	return !m || m->features.w[X86_W_KVM] >> bit & 1;
}

/* Bits 5:1 are reserved. */
int x86_kvm_steal_time(struct x86_state *s, uint64_t v)
{
	enum { RESERVED = 0x3e };

	if (v & RESERVED)
		return -1;
	s->kvm_steal_time = v;
	return 0;
}

/*
 * KVM notes in the guest's memory that a vCPU does not run, and maybe that it shall flush its TLB
 * when it does: other vCPUs leave that to it, and send no IPI. Here a vCPU comes with an empty TLB
 * and runs whenever the guest does; nobody else would take the note back.
 */
void x86_kvm_steal_start(struct x86_state *s)
{
	enum { ENABLED = 1, ADDR_LOW = 0x3f, AT_PREEMPTED = 16 };
	uint64_t pa = (s->kvm_steal_time & ~(uint64_t)ADDR_LOW) + AT_PREEMPTED;
	struct cpu_env *env = cpu_env(s);
	const uint8_t *p, runs = 0;

	if (!(s->kvm_steal_time & ENABLED))
		return;
	p = env->ops->phys(env, pa);
	if (p && *p)
		x86_phys_write(env, pa, &runs, 1);
}

/* An address of four bytes, and bit 0. */
int x86_kvm_pv_eoi(struct x86_state *s, uint64_t v)
{
	if (v & 2)
		return -1;
	s->kvm_pv_eoi = v;
	return 0;
}

/* A wake-up may come before the HLT that it ends: then it waits for it. */
void x86_kick_take(struct x86_state *s)
{
	struct cpu_env *env = cpu_env(s);

	env->ops->line_clear(env, X86_LINE_KICK);
	if (s->mp_state == X86_MP_HALTED)
		s->mp_state = 0;
	else
		s->kicked = 1;
}

/*
 * Sets of APIC IDs from `min` on, one bit each, and what an ICR would say of vector and mode.
 * How many IPIs there were.
 */
static int64_t send_ipi(struct cpu_env *env, const uint64_t set[2], unsigned width, uint32_t min,
			uint64_t icr)
{
	enum { LOGICAL = 1 << 11, SHORTHAND = 3 << 18, MODE_AND_VECTOR = 0x7ff };
	int64_t n = 0;

	if (icr & (LOGICAL | SHORTHAND))
		return -KVM_EINVAL;
	for (unsigned i = 0; i < 2 * width; i++) {
		uint32_t id = min + i;

		if (!(set[i / width] >> i % width & 1) || id < min)
			continue;
		env->ops->msi(env, UINT64_C(0xfee00000) | (id & 0xff) << 12 |
			      (uint64_t)(id & 0xffffff00) << 32, icr & MODE_AND_VECTOR);
		n++;
	}
	return n;
}

/* The time of day and the TSC that belongs to it. */
static int64_t clock_pairing(struct x86_state *s, uint64_t pa, uint64_t type)
{
	enum { SIZE = 64, WALL_CLOCK = 0 };
	struct cpu_env *env = cpu_env(s);
	uint8_t p[SIZE] = { 0 };
	uint64_t now;

	if (type != WALL_CLOCK)
		return -KVM_EOPNOTSUPP;
	now = env->ops->wall_ns(env);
	st_le64(p, now / 1000000000);
	st_le64(p + 8, now % 1000000000);
	st_le64(p + 16, x86_tsc(s));
	return x86_phys_write(env, pa, p, SIZE) ? -KVM_EFAULT : 0;
}

static int64_t hypercall(struct x86_state *s, uint64_t nr, const uint64_t a[4])
{
	struct cpu_env *env = cpu_env(s);

	switch (nr) {
	case HC_VAPIC_POLL_IRQ:
		return 0;
	case HC_KICK_CPU:
		if (!has(s, F_UNHALT))
			break;
		env->ops->kick(env, (uint32_t)a[1]);
		return 0;
	case HC_CLOCK_PAIRING:
		return clock_pairing(s, a[0], a[1]);
	case HC_SEND_IPI:
		if (!has(s, F_PV_IPI))
			break;
		return send_ipi(env, a, x86_code64(s) ? 64 : 32, (uint32_t)a[2], a[3]);
	case HC_SCHED_YIELD:
		if (!has(s, F_SCHED_YIELD))
			break;
		if (env->ops->relax)
			env->ops->relax(env);
		return 0;
	}
	return -KVM_ENOSYS;
}

uint64_t x86_help_hypercall(void *state, uint64_t unused, uint64_t unused2)
{
	struct x86_state *s = state;
	const struct x86_cpu_model *m = x86_model(s);
	bool wide = x86_code64(s);
	uint64_t mask = wide ? UINT64_MAX : UINT32_MAX;
	const uint64_t a[4] = { s->gpr[X86_RBX] & mask, s->gpr[X86_RCX] & mask,
				s->gpr[X86_RDX] & mask, s->gpr[X86_RSI] & mask };

	if (m && !m->kvm)
		return x86_ud(s);
	s->gpr[X86_RAX] = (uint64_t)(x86_cpl(s) ? -KVM_EPERM :
					 hypercall(s, s->gpr[X86_RAX] & mask, a)) & mask;
	return 0;
}
