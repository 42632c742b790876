/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port and memory-mapped I/O from KVM_RUN straight into the machine's regions.
 * A vCPU remembers the mapping that served its last access in each space: a
 * driver's accesses come in runs.
 *
 * Where nothing is mapped, reads give all ones and writes go nowhere, as on a PC's
 * bus. Addresses and lengths come from the guest; `len` is at most 8 by the
 * interface and checked all the same.
 */
#include "accel/kvm/kvm.h"

#include "util/epoch.h"
#include "util/log.h"

static const struct mapping *find(struct vcpu *v, struct space *s, struct kvm_hit *hit,
				  uint64_t addr)
{
	/* sequentially consistent, as the epoch's entry before it: see util/epoch.c */
	uint64_t gen = atomic_load(&kvm_vm(v->vm)->map_gen);

	if (likely(hit->m && hit->gen == gen && addr - hit->m->base < hit->m->size))
		return hit->m;
	hit->m = s ? space_find(s, addr) : NULL;
	hit->gen = gen;
	return hit->m;
}

static void unmapped(struct vcpu *v, const char *space, uint64_t addr, unsigned size, bool write)
{
	kvm_cpu(v)->unmapped++;
	if (log_on(LOG_GUEST))
		log_trace("kvm: vCPU %u: %s of %u bytes at %s %#llx: nothing there\n", v->index,
			  write ? "write" : "read", size, space, (unsigned long long)addr);
}

static uint64_t load(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size); /* KVM hosts with this file are little-endian in the guest's order */
	return v;
}

static void access_one(struct vcpu *v, struct space *s, const char *name, struct kvm_hit *hit,
		       uint64_t addr, uint8_t *data, unsigned size, bool write)
{
	const struct mapping *m;
	uint64_t val = UINT64_MAX;

	epoch_enter();
	m = find(v, s, hit, addr);
	if (write) {
		if (!m || mapping_write(m, addr, size, load(data, size)))
			unmapped(v, name, addr, size, true);
	} else {
		if (!m || mapping_read(m, addr, size, &val)) {
			unmapped(v, name, addr, size, false);
			val = UINT64_MAX;
		}
		memcpy(data, &val, size);
	}
	epoch_exit();
}

void kvm_serve_pio(struct vcpu *v)
{
	struct kvm_cpu *c = kvm_cpu(v);
	struct kvm_run *r = c->run;
	uint8_t *data = (uint8_t *)r + r->io.data_offset;
	bool write = r->io.direction == KVM_EXIT_IO_OUT;

	/* string instructions: `count` accesses to the one port */
	for (unsigned i = 0; i < r->io.count; i++, data += r->io.size)
		access_one(v, v->vm->machine->pio, "port", &c->pio, r->io.port, data, r->io.size,
			   write);
}

/* An access across a page's end comes in parts of any length up to 8. */
static void access_any(struct vcpu *v, bool pio, uint64_t addr, uint8_t *data, unsigned len,
		       bool write)
{
	struct kvm_cpu *c = kvm_cpu(v);
	struct machine *m = v->vm->machine;

	for (unsigned at = 0, size; at < len; at += size) {
		size = 8;
		while (size > len - at)
			size /= 2;
		access_one(v, pio ? m->pio : m->mmio, pio ? "port" : "address",
			   pio ? &c->pio : &c->mmio, addr + at, data + at, size, write);
	}
}

void kvm_serve_mmio(struct vcpu *v)
{
	struct kvm_run *r = kvm_cpu(v)->run;

	access_any(v, false, r->mmio.phys_addr, r->mmio.data,
		   MIN(r->mmio.len, sizeof(r->mmio.data)), r->mmio.is_write);
}

void kvm_serve_write(struct vcpu *v, bool pio, uint64_t addr, const uint8_t *data, unsigned len)
{
	uint8_t copy[8];

	len = MIN(len, sizeof(copy));
	memcpy(copy, data, len);
	access_any(v, pio, addr, copy, len, true);
}
