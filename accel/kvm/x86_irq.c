/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts at a vCPU's entries and exits.
 *
 * Without the kernel's PIC a vCPU has one interrupt input there: a vector is handed
 * over (KVM_INTERRUPT) when the guest can take it, and asked for by an exit until
 * then. With local APICs in the kernel that is the 8259's way through LINT0
 * (ExtINT); without, it is the way of every interrupt, and the APIC device learns of
 * TPR and IA32_APIC_BASE, which the processor can write by itself, at each exit.
 */
#include "accel/kvm/x86.h"

#include "accel/kvm/arch.h"
#include "target/x86/cpu.h"
#include "target/x86/state.h"

#include <sys/ioctl.h>

enum { MSR_TSC_DEADLINE = 0x6e0, MSR_X2APIC = 0x800, MSR_X2APIC_END = 0x8ff };

/* The local APIC of user space; NULL where the kernel has it, or there is none. */
static const struct local_apic_ops *user_apic(struct vcpu *v)
{
	return kvm_vm(v->vm)->irqchip ? NULL : v->port.apic;
}

static void take_nmi(struct vcpu *v)
{
	cpu_port_set(&v->port, X86_LINE_NMI, 0); /* edge: taken once */
	ioctl(kvm_cpu(v)->fd, KVM_NMI, 0);
}

/* KVM's own way: an interrupt of mode "remote read", which has no other use. */
void kvm_x86_kick(struct vcpu *v)
{
	enum { ADDRESS = 0xfee00000, REMOTE_READ = 3 << 8 };
	struct kvm_msi m = { .address_lo = ADDRESS | (v->index & 0xff) << 12,
			     .address_hi = v->index & ~0xffu,
			     .data = REMOTE_READ };

	if (kvm_vm(v->vm)->irqchip)
		ioctl(kvm_vm(v->vm)->fd, KVM_SIGNAL_MSI, &m);
}

/* It is in no structure of KVM's; but a kicked vCPU that is said to be halted is said to run. */
int kvm_x86_kicked(struct vcpu *v, struct kvm_mp_state *mp, uint8_t *kicked)
{
	enum { UNHALT = 1 << 7 };	/* of X86_W_KVM */
	const struct x86_cpu_fixed *f = v->env.fixed;
	struct kvm_mp_state s = { KVM_MP_STATE_HALTED };
	int r;

	*kicked = 0;
	if (mp->mp_state != KVM_MP_STATE_RUNNABLE || !kvm_vm(v->vm)->irqchip || !f ||
	    !(f->features.w[X86_W_KVM] & UNHALT))
		return 0;
	r = kvm_x86_ioctl(v, KVM_SET_MP_STATE, &s);
	if (!r)
		r = kvm_x86_ioctl(v, KVM_GET_MP_STATE, &s);
	if (r)
		return r;
	if (s.mp_state != KVM_MP_STATE_HALTED && s.mp_state != KVM_MP_STATE_RUNNABLE) {
		*mp = s;
		return 0;
	}
	*kicked = s.mp_state == KVM_MP_STATE_RUNNABLE;
	return kvm_x86_ioctl(v, KVM_SET_MP_STATE, mp);
}

static void take_kick(struct vcpu *v)
{
	cpu_port_set(&v->port, X86_LINE_KICK, 0);
	kvm_x86_kick(v);
}

static void inject(struct vcpu *v)
{
	struct kvm_interrupt i = { .irq = 0 };
	int vector = v->port.ack(v->port.ack_chip);

	if (vector >= 0) {
		i.irq = (uint32_t)vector;
		ioctl(kvm_cpu(v)->fd, KVM_INTERRUPT, &i);
	}
	kvm_cpu(v)->run->ready_for_interrupt_injection = 0;
}

void kvm_arch_before_run(struct vcpu *v)
{
	struct kvm_run *r = kvm_cpu(v)->run;
	const struct local_apic_ops *apic;
	uint64_t lines = atomic_load(&v->port.lines);

	if (unlikely(lines & BIT(X86_LINE_NMI)))
		take_nmi(v);
	if (unlikely(lines & BIT(X86_LINE_KICK)))	/* from a CPU in the translator */
		take_kick(v);
	if (kvm_vm(v->vm)->irq.home == IRQCHIP_KERNEL)
		return;
	if (unlikely(lines & BIT(X86_LINE_INTR)) && r->ready_for_interrupt_injection &&
	    v->port.ack) {
		inject(v);
		lines = atomic_load(&v->port.lines);
	}
	r->request_interrupt_window = !!(lines & BIT(X86_LINE_INTR));
	apic = user_apic(v);
	if (apic) {
		r->cr8 = apic->cr8_get(v->port.apic_chip);
		kvm_cpu(v)->cr8 = (uint8_t)r->cr8;
	}
}

void kvm_arch_after_run(struct vcpu *v)
{
	const struct local_apic_ops *apic = user_apic(v);
	struct kvm_cpu *c = kvm_cpu(v);

	if (likely(!apic))
		return;
	if (c->run->cr8 != c->cr8) {
		c->cr8 = (uint8_t)c->run->cr8;
		apic->cr8_set(v->port.apic_chip, c->cr8);
	}
	if (c->run->apic_base != c->apic_base) {
		c->apic_base = c->run->apic_base;
		/* KVM has checked it for the guest; the device may still know better */
		apic->base_set(v->port.apic_chip, c->apic_base);
	}
}

bool kvm_x86_apic_msr(struct vcpu *v)
{
	const struct local_apic_ops *apic = user_apic(v);
	struct kvm_run *r = kvm_cpu(v)->run;
	uint32_t msr = r->msr.index;
	uint64_t val = 0;

	if (!apic || ((msr < MSR_X2APIC || msr > MSR_X2APIC_END) && msr != MSR_TSC_DEADLINE))
		return false;
	if (r->exit_reason == KVM_EXIT_X86_WRMSR) {
		r->msr.error = apic->msr_write(v->port.apic_chip, msr, r->msr.data) != 0;
	} else {
		r->msr.error = apic->msr_read(v->port.apic_chip, msr, &val) != 0;
		r->msr.data = val;
	}
	return true;
}

bool kvm_x86_apic_get(struct vcpu *v, struct kvm_sregs2 *s)
{
	const struct local_apic_ops *apic = user_apic(v);
	uint64_t base;

	if (!apic)
		return false;
	s->cr8 = apic->cr8_get(v->port.apic_chip);
	base = apic->base_get(v->port.apic_chip);
	if (s->apic_base == base)
		return false;
	s->apic_base = base;
	return true;
}

void kvm_x86_apic_set(struct vcpu *v, const struct kvm_sregs2 *s)
{
	const struct local_apic_ops *apic = user_apic(v);
	struct kvm_cpu *c = kvm_cpu(v);

	if (!apic)
		return;
	c->run->cr8 = c->cr8 = s->cr8 & 0xf;
	c->run->apic_base = c->apic_base = s->apic_base;
	/* no MOV to CR8, which clears TPR's lower half */
	if (apic->cr8_get(v->port.apic_chip) != c->cr8)
		apic->cr8_set(v->port.apic_chip, c->cr8);
	apic->base_set(v->port.apic_chip, c->apic_base);
}

uint64_t kvm_arch_halt_wake(struct vcpu *v)
{
	return BIT(X86_LINE_NMI) | BIT(X86_LINE_INIT) |
	       (kvm_cpu(v)->run->if_flag ? BIT(X86_LINE_INTR) : 0);
}
