/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor that the guest sees. Policy of the model `host`: everything that
 * KVM supports on this machine, with the identity of this vCPU filled in (SDM
 * volume 2, CPUID: leaves 1, 4, 0xB, 0x1F) and without what only makes sense for
 * the machine below.
 */
#include "accel/kvm/arch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum { MAX_ENTRIES = 512 };
enum {
	LEAF1_HYPERVISOR = 1u << 31,
	LEAF1_X2APIC = 1 << 21,
	LEAF1_TSC_DEADLINE = 1 << 24,
	LEAF1_HTT = 1 << 28
};

static unsigned bits_for(unsigned n)
{
	unsigned b = 0;

	while (1u << b < n)
		b++;
	return b;
}

static void fix_entry(struct vcpu *v, struct kvm_cpuid_entry2 *c)
{
	unsigned n = v->vm->nr_vcpus;
	bool irqchip = kvm_vm(v->vm)->irqchip;

	switch (c->function) {
	case 1:
		c->ebx = (c->ebx & 0xff00) | MIN(n, 255u) << 16 | v->index << 24;
		c->ecx |= LEAF1_HYPERVISOR;
		c->ecx &= ~(irqchip ? 0 : LEAF1_X2APIC | LEAF1_TSC_DEADLINE);
		c->ecx |= irqchip ? LEAF1_X2APIC | LEAF1_TSC_DEADLINE : 0;
		c->edx = n > 1 ? c->edx | LEAF1_HTT : c->edx & ~LEAF1_HTT;
		break;
	case 4: /* caches: each core has its own, the last level is everyone's */
		if ((c->eax & 0x1f) == 0)
			break;
		c->eax &= 0x3fff;
		c->eax |= (MIN(n, 64u) - 1) << 26;
		if ((c->eax >> 5 & 7) == 3)
			c->eax |= (n - 1) << 14;
		break;
	case 0xb:
	case 0x1f: /* level 0: one thread a core; level 1: the package; then none */
		c->eax = c->index == 1 ? bits_for(n) : 0;
		c->ebx = c->index == 0 ? 1 : c->index == 1 ? n : 0;
		c->ecx = c->index | (c->index < 2 ? (c->index + 1) << 8 : 0);
		c->edx = v->index;
		break;
	case 0x80000008: /* AMD: cores in the package */
		c->ecx = (c->ecx & ~0xf0ffu) | (MIN(n, 256u) - 1) | bits_for(n) << 12;
		break;
	case 0x8000001e: /* AMD: extended APIC id, core id, node id */
		c->eax = v->index;
		c->ebx = v->index;
		c->ecx = 0;
		break;
	}
}

int kvm_arch_vcpu_start(struct vcpu *v, struct err *e)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + MAX_ENTRIES * sizeof(c->entries[0]));
	int r = 0;

	if (!c)
		return err_set(e, ENOMEM, "no memory for CPUID");
	c->nent = MAX_ENTRIES;
	if (ioctl(kvm_vm(v->vm)->dev, KVM_GET_SUPPORTED_CPUID, c) < 0) {
		r = err_errno(e, errno, "KVM_GET_SUPPORTED_CPUID");
	} else {
		for (unsigned i = 0; i < c->nent; i++)
			fix_entry(v, &c->entries[i]);
		if (ioctl(kvm_cpu(v)->fd, KVM_SET_CPUID2, c) < 0)
			r = err_errno(e, errno, "KVM_SET_CPUID2");
	}
	free(c);
	/* INIT and SIPI go to the kernel's local APIC, so every vCPU is run and waits there */
	if (!r && kvm_vm(v->vm)->irqchip)
		v->powered = true;
	return r;
}
