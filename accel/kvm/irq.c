/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts and doorbells that the kernel handles by itself. */
#include "accel/kvm/kvm.h"

#include "accel/kvm/arch.h"
#include "util/log.h"

#include <errno.h>
#include <sys/ioctl.h>

/* The chips must exist before the first vCPU does: each vCPU gets its local part when created. */
int kvm_irqchip_take(struct vm *vm, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	int r;

	if (k->irqchip)
		return 0;
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpu[i] && vm->vcpu[i]->engine)
			return err_set(e, EBUSY, "interrupt chips come before vCPUs");
	r = kvm_arch_irqchip(vm, e);
	k->irqchip = r == 0;
	return r;
}

void kvm_irq(struct vm *vm, unsigned gsi, int level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = !!level };

	if (ioctl(kvm_vm(vm)->fd, KVM_IRQ_LINE, &l) < 0 && log_on(LOG_KVM))
		log_trace("kvm: interrupt line %u: %s\n", gsi, strerror(errno));
}

int kvm_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_msi m = { .address_lo = (uint32_t)addr, .address_hi = addr >> 32, .data = data };

	return ioctl(kvm_vm(vm)->fd, KVM_SIGNAL_MSI, &m) < 0 ? -errno : 0;
}

int kvm_doorbell(struct vm *vm, const struct doorbell *b, bool on)
{
	struct kvm_ioeventfd d = { .addr = b->addr, .len = b->len, .fd = b->fd };

	if (b->has_match) {
		d.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
		d.datamatch = b->match;
	}
	if (b->space == vm->machine->pio)
		d.flags |= KVM_IOEVENTFD_FLAG_PIO;
	if (!on)
		d.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	return ioctl(kvm_vm(vm)->fd, KVM_IOEVENTFD, &d) < 0 ? -errno : 0;
}
