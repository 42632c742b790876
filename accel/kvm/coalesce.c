/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coalesced writes: to regions that say REGION_COALESCE the kernel puts a guest's
 * writes into a ring, one for the VM, and the vCPU runs on.
 *
 * Order. A write is in the ring before its vCPU's next instruction, and every
 * return of KVM_RUN on any vCPU empties the ring before anything else is looked
 * at. So an access that is served sees all coalesced writes that came before it,
 * on its own vCPU and, by whatever made the guest know of them, on others. `first`
 * moves behind an entry only when the device has had it: a vCPU that finds the
 * ring empty knows the writes served, not only taken.
 *
 * A vCPU that leaves for the VMM has come through the same place, so with all of
 * them stopped the ring is empty.
 */
#include "accel/kvm/kvm.h"

#include "accel/kvm/arch.h"
#include "util/log.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

static unsigned entries_max(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (page - sizeof(struct kvm_coalesced_mmio_ring)) / sizeof(struct kvm_coalesced_mmio);
}

static struct kvm_coalesced_mmio_ring *ring_of(struct vcpu *v)
{
	return (void *)((char *)kvm_cpu(v)->run + kvm_vm(v->vm)->coalesce.ring);
}

static bool ring_empty(const struct kvm_coalesced_mmio_ring *r)
{
	return __atomic_load_n(&r->first, __ATOMIC_ACQUIRE) ==
	       __atomic_load_n(&r->last, __ATOMIC_ACQUIRE);
}

static void empty(struct vcpu *v)
{
	struct kvm_coalesce *c = &kvm_vm(v->vm)->coalesce;
	struct kvm_coalesced_mmio_ring *r = ring_of(v);
	unsigned max = entries_max();

	pthread_mutex_lock(&c->lock);
	while (!ring_empty(r)) {
		unsigned at = r->first % max;
		struct kvm_coalesced_mmio *m = &r->coalesced_mmio[at];

		kvm_serve_write(v, m->pio, m->phys_addr, m->data, m->len);
		c->writes++;
		__atomic_store_n(&r->first, (at + 1) % max, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&c->lock);
}

void kvm_coalesce_drain(struct vcpu *v)
{
	if (atomic_load_explicit(&kvm_vm(v->vm)->coalesce.used, memory_order_relaxed) &&
	    unlikely(!ring_empty(ring_of(v))))
		empty(v);
}

static int zone_ioctl(struct kvm_vm *k, unsigned long req, const struct kvm_zone *z)
{
	struct kvm_coalesced_mmio_zone a = { .addr = z->addr, .size = z->size, .pio = z->pio };

	return ioctl(k->fd, req, &a) < 0 ? -errno : 0;
}

static bool zone_equal(const struct kvm_zone *a, const struct kvm_zone *b)
{
	return a->addr == b->addr && a->size == b->size && a->pio == b->pio;
}

static unsigned wanted(struct kvm_coalesce *c, struct space *s, bool pio, struct kvm_zone *z,
		       unsigned n)
{
	const struct mapping *m;

	if (!s || (pio && !c->pio))
		return n;
	for (unsigned i = 0; (m = space_nth(s, i)); i++) {
		if (!(m->region->flags & REGION_COALESCE) || m->size > UINT32_MAX)
			continue;
		if (n == KVM_MAX_ZONES) {
			c->refused++;
			break;
		}
		z[n++] = (struct kvm_zone){ m->base, (uint32_t)m->size, pio };
	}
	return n;
}

static bool has(const struct kvm_zone *set, unsigned n, const struct kvm_zone *z)
{
	for (unsigned i = 0; i < n; i++)
		if (zone_equal(&set[i], z))
			return true;
	return false;
}

void kvm_coalesce_update(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_coalesce *c = &k->coalesce;
	struct kvm_zone want[KVM_MAX_ZONES];
	unsigned n, kept = 0;

	if (!c->ring)
		return;
	pthread_mutex_lock(&c->zones_lock);
	n = wanted(c, vm->machine->mmio, false, want, 0);
	n = wanted(c, vm->machine->pio, true, want, n);
	for (unsigned i = 0; i < c->nr; i++)
		if (has(want, n, &c->zone[i]))
			c->zone[kept++] = c->zone[i];
		else
			zone_ioctl(k, KVM_UNREGISTER_COALESCED_MMIO, &c->zone[i]);
	c->nr = kept;
	for (unsigned i = 0; i < n; i++) {
		if (has(c->zone, c->nr, &want[i]))
			continue;
		atomic_store(&c->used, true);
		if (zone_ioctl(k, KVM_REGISTER_COALESCED_MMIO, &want[i])) {
			c->refused++; /* then the writes exit, as others do */
			continue;
		}
		c->zone[c->nr++] = want[i];
	}
	pthread_mutex_unlock(&c->zones_lock);
}

void kvm_coalesce_start(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_coalesce *c = &k->coalesce;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int at = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);

	if (at > 0 && ((size_t)at + 1) * page <= k->run_size)
		c->ring = (size_t)at * page;
	c->pio = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) > 0;
}
