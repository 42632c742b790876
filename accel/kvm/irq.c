/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts and doorbells that the kernel handles by itself. */
#include "accel/kvm/irq.h"

#include "accel/kvm/arch.h"
#include "accel/kvm/kvm.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

static const char *const homes[] = {
	[IRQCHIP_USER] = "in user space",
	[IRQCHIP_SPLIT] = "local APICs in the kernel",
	[IRQCHIP_KERNEL] = "in the kernel",
};

/*
 * Which chips the kernel gets. A machine without any of its own has lines that end
 * in the engine, so only the whole set serves it.
 */
static int choose(struct vm *vm, enum irqchip_home *home, struct err *e)
{
	bool own = vm->machine->irqchip || (vm->vcpu[0] && vm->vcpu[0]->port.ack);

	switch (vm->irqchip) {
	case IRQCHIP_WANT_OFF:
		if (!own)
			return err_set(e, EINVAL,
				       "irqchip=off: machine '%s' has no interrupt chips of its "
				       "own; irqchip=on",
				       vm->machine->type->name);
		*home = IRQCHIP_USER;
		return 0;
	case IRQCHIP_WANT_SPLIT:
		if (!vm->machine->irqchip || !vm->machine->irqchip->ioapic)
			return err_set(e, EINVAL,
				       "irqchip=split: machine '%s' has no IOAPIC of its own; "
				       "irqchip=on",
				       vm->machine->type->name);
		*home = IRQCHIP_SPLIT;
		return 0;
	case IRQCHIP_WANT_AUTO:
	case IRQCHIP_WANT_ON: break;
	}
	*home = IRQCHIP_KERNEL;
	return 0;
}

/* The chips must exist before the first vCPU does: each vCPU gets its local part when created. */
int kvm_irqchip_take(struct vm *vm, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	enum irqchip_home home;
	int r;

	if (k->irq.chosen) {		/* again, after another engine */
		if (vm->machine->irqchip)
			irqchip_set_home(vm->machine, k->irq.home);
		return 0;
	}
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpu[i] && vm->vcpu[i]->engines[ACCEL_KVM])
			return err_set(e, EBUSY, "interrupt chips come before vCPUs");
	r = choose(vm, &home, e);
	if (r)
		return r;
	k->irq.home = home;
	if (home != IRQCHIP_USER)
		r = kvm_arch_irqchip(vm, e);
	if (r) {
		k->irq.home = IRQCHIP_USER;
		return r;
	}
	k->irqchip = home != IRQCHIP_USER;
	k->irq.chosen = true;
	if (vm->machine->irqchip)
		irqchip_set_home(vm->machine, home);
	return 0;
}

int kvm_irqchip_push(struct vm *vm, struct err *e)
{
	return kvm_vm(vm)->irq.home == IRQCHIP_USER ? 0 : kvm_arch_irqchip_push(vm, e);
}

int kvm_irqchip_pull(struct vm *vm, struct err *e)
{
	if (kvm_vm(vm)->irq.home == IRQCHIP_USER || !vm->machine->irqchip)
		return 0;
	return kvm_arch_irqchip_pull(vm, e);
}

void kvm_irq(struct vm *vm, unsigned gsi, int level)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_irq_level l = { .irq = gsi, .level = !!level };

	if (k->irq.home != IRQCHIP_KERNEL)
		return;
	pthread_rwlock_rdlock(&k->irq.quiet);
	if (ioctl(k->fd, KVM_IRQ_LINE, &l) < 0 && log_on(LOG_KVM))
		log_trace("kvm: interrupt line %u: %s\n", gsi, strerror(errno));
	pthread_rwlock_unlock(&k->irq.quiet);
}

/*
 * SPLIT: the kernel must know which vectors' ends it has to report before one of
 * them is delivered. Guests write their redirection tables entry by entry long
 * before, so the table follows only now.
 */
static void sync_pins(struct vm *vm)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;
	int r = 0;

	pthread_mutex_lock(&q->lock);
	if (atomic_exchange(&q->pins_stale, false) && kvm_arch_pins_changed(vm))
		r = kvm_routes_set(vm);
	pthread_mutex_unlock(&q->lock);
	if (r)
		log_warn("kvm: KVM_SET_GSI_ROUTING: %s", strerror(-r));
}

int kvm_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_msi m = { .address_lo = (uint32_t)addr, .address_hi = addr >> 32, .data = data };
	int r;

	if (unlikely(atomic_load(&k->irq.pins_stale)) && kvm_arch_msi_level(data))
		sync_pins(vm);
	pthread_rwlock_rdlock(&k->irq.quiet);
	r = ioctl(k->fd, KVM_SIGNAL_MSI, &m);
	r = r > 0 ? 0 : r < 0 ? -errno : -ENODEV; /* 0: no local APIC took it */
	pthread_rwlock_unlock(&k->irq.quiet);
	return r;
}

void kvm_ioapic_changed(struct vm *vm)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;

	if (q->home != IRQCHIP_SPLIT)
		return;
	atomic_store(&q->pins_stale, true);
	if (atomic_load(&q->nr_pin_fds)) /* theirs do not come through kvm_msi */
		sync_pins(vm);
}

/* Interrupts that another engine delivered end here: routes before the first entry. */
void kvm_ioapic_pushed(struct vm *vm)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;

	if (q->home != IRQCHIP_SPLIT)
		return;
	atomic_store(&q->pins_stale, true);
	sync_pins(vm);
}

void kvm_pit_legacy_off(struct vm *vm, bool off)
{
	int r = kvm_vm(vm)->irq.home == IRQCHIP_KERNEL ? kvm_arch_pit_legacy_off(vm, off) : 0;

	if (r)
		log_warn("kvm: PIT: %s", strerror(-r));
}

static int doorbell_ioctl(struct vm *vm, const struct doorbell *b, unsigned len, bool on)
{
	struct kvm_ioeventfd d = { .addr = b->addr, .len = len, .fd = b->fd };

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

/* Kernels that must be told a length (before 4.4) get each. */
static int doorbell_lengths(struct vm *vm, const struct doorbell *b, bool on)
{
	unsigned max = b->space == vm->machine->pio ? 4 : 8, len;
	int r = 0;

	for (len = 1; len <= max; len *= 2) {
		r = doorbell_ioctl(vm, b, len, on);
		if (r && on)
			break;
	}
	while (r && on && len > 1)
		doorbell_ioctl(vm, b, len /= 2, false);
	return r;
}

int kvm_doorbell(struct vm *vm, const struct doorbell *b, bool on)
{
	struct kvm_vm *k = kvm_vm(vm);
	int r;

	if (b->has_match && b->len != 2 && b->len != 4)
		return -EINVAL;
	r = !b->len && ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD_ANY_LENGTH) <= 0 ?
		    doorbell_lengths(vm, b, on) :
		    doorbell_ioctl(vm, b, b->len, on);
	pthread_mutex_lock(&k->irq.lock);
	if (r && on)
		k->irq.doorbells_refused++;
	else if (!r)
		k->irq.doorbells += on ? 1 : -1u;
	pthread_mutex_unlock(&k->irq.lock);
	return r;
}

void kvm_irq_info(struct vm *vm, FILE *f)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_irq *q = &k->irq;
	unsigned used = 0;

	pthread_mutex_lock(&q->lock);
	for (unsigned i = 0; i < q->nr_messages; i++)
		used += q->message[i].users > 0;
	fprintf(f, "  interrupt chips: %s\n", homes[q->home]);
	fprintf(f, "  interrupt routes: %u messages, %u in use; table set %llu times\n",
		q->nr_messages, used, (unsigned long long)q->routings);
	fprintf(f, "  irqfds: %u; doorbells: %u, refused %u\n", q->nr_fds, q->doorbells,
		q->doorbells_refused);
	pthread_mutex_unlock(&q->lock);
	pthread_mutex_lock(&k->coalesce.lock);
	fprintf(f, "  coalesced: %u zones (%llu without), %llu writes\n", k->coalesce.nr,
		(unsigned long long)k->coalesce.refused, (unsigned long long)k->coalesce.writes);
	pthread_mutex_unlock(&k->coalesce.lock);
}

void kvm_irq_stop(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);

	free(k->irq.message);
	free(k->irq.fd);
	free(k->irq.created);
	pthread_mutex_destroy(&k->irq.lock);
	pthread_rwlock_destroy(&k->irq.quiet);
	pthread_mutex_destroy(&k->coalesce.lock);
	pthread_mutex_destroy(&k->coalesce.zones_lock);
}
