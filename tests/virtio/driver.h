/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio driver of a few lines on the test bus: it does what a guest's driver
 * does, through registers and rings in guest memory, and counts interrupts.
 */
#ifndef TESTS_VIRTIO_DRIVER_H
#define TESTS_VIRTIO_DRIVER_H

#include <errno.h>
#include <sys/wait.h>

#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"
#include "hw/virtio/virtio_mmio.h"
#include "hw/virtio/virtio_pci.h"
#include "tests/dev/devtest.h"
#include "util/bits.h"
#include "util/os.h"

#define SLOT UINT64_C(0x10001000)
enum {
	V_MAGIC = 0x00, V_VERSION = 0x04, V_ID = 0x08, V_FEATURES = 0x10, V_FEATURES_SEL = 0x14,
	V_DRIVER = 0x20, V_DRIVER_SEL = 0x24, V_SEL = 0x30, V_NUM_MAX = 0x34, V_NUM = 0x38,
	V_READY = 0x44, V_NOTIFY = 0x50, V_ISR = 0x60, V_ACK = 0x64, V_STATUS = 0x70,
	V_DESC = 0x80, V_AVAIL = 0x90, V_USED = 0xa0, V_RESET = 0xc0, V_GENERATION = 0xfc,
	V_CONFIG = 0x100,
};

/* What the driver comes by: the same tests run over each. Set before drv_plug. */
enum drv_bus { DRV_MMIO, DRV_PCI_INTX, DRV_PCI_MSIX };
static enum drv_bus drv_bus;
static bool drv_packed;
static bool drv_doorbells;		/* the engine takes notifications, by eventfd */

/* All of these, one after the other: for (i = 0; drv_variant(i); i++). */
static inline bool drv_variant(unsigned i)
{
	drv_bus = (enum drv_bus)(i / 4 % 3);
	drv_packed = i & 1;
	drv_doorbells = i & 2;
	return i < 12;
}

struct drv {
	struct bus *b;
	uint64_t base;			/* MMIO */
	unsigned pin;
	struct dev *dev, *slot;
	struct pci_fn *fn;		/* NULL: MMIO */
	_Atomic unsigned isr;		/* PCI: seen and not acknowledged */
	_Atomic unsigned messages[PCI_MAX_MSIX];	/* MSI-X: how many by vector */
	uint64_t features;		/* agreed */
	uint64_t next;			/* free guest memory */
};

struct gq {				/* a queue, the guest's side */
	struct drv *v;
	unsigned index, num;
	uint64_t desc, avail, used;
	uint16_t avail_idx, used_idx, next_desc;
	uint64_t table;			/* where indirect tables go, one a head */
	bool indirect, packed;
	bool avail_flipped, used_flipped;	/* packed: complements of the wrap counters */
	uint16_t next_id;
	uint16_t ids[VQ_MAX_SIZE];	/* packed: descriptors of the chain of that id; 0: free */
	uint64_t first[VQ_MAX_SIZE];	/* by head or id: the chain's first buffer */
};

struct buf { uint64_t gpa; uint32_t len; };

static struct pci_bus *drv_root;
static struct drv *drv_by_pin[BUS_PINS];

/*
 * For tests of one device: some of them that have all of it, each in a process of its own. Before
 * any thread. The exit status.
 */
static inline int drv_some_variants(int (*test)(void))
{
	int failed = 0;

	for (unsigned i = 0; drv_variant(i); i += 3) {
		int status = 1;
		pid_t child = fork();

		if (!child)
			exit(test());
		if (child < 0 || waitpid(child, &status, 0) < 0 || status)
			failed = 1;
	}
	return failed;
}

/* ---- an engine that takes notifications ---- */

static struct doorbell drv_bells[64];	/* fd -1 or space NULL: free */
static pthread_mutex_t drv_bells_lock = PTHREAD_MUTEX_INITIALIZER;

static inline bool drv_same_bell(const struct doorbell *a, const struct doorbell *d)
{
	return a->space == d->space && a->addr == d->addr && a->len == d->len &&
	       a->has_match == d->has_match && a->match == d->match && a->fd == d->fd;
}

static inline int drv_doorbell(void *opaque, const struct doorbell *d, bool on)
{
	static const struct doorbell none;
	unsigned i;

	pthread_mutex_lock(&drv_bells_lock);
	for (i = 0; i < ARRAY_SIZE(drv_bells); i++)
		if (on ? !drv_bells[i].space : drv_same_bell(&drv_bells[i], d))
			break;
	CHECK(i < ARRAY_SIZE(drv_bells), "unbound what was not bound, or too many");
	if (i < ARRAY_SIZE(drv_bells))
		drv_bells[i] = on ? *d : none;
	pthread_mutex_unlock(&drv_bells_lock);
	return 0;
}

static inline unsigned drv_bells_bound(void)
{
	unsigned n = 0;

	pthread_mutex_lock(&drv_bells_lock);
	for (unsigned i = 0; i < ARRAY_SIZE(drv_bells); i++)
		n += drv_bells[i].space != NULL;
	pthread_mutex_unlock(&drv_bells_lock);
	return n;
}

/* A write to a notification register, as the engine would treat it. */
static inline void drv_ring(struct bus *b, uint64_t addr, unsigned size, uint32_t val)
{
	bool taken = false;

	pthread_mutex_lock(&drv_bells_lock);
	for (unsigned i = 0; i < ARRAY_SIZE(drv_bells) && !taken; i++) {
		struct doorbell *d = &drv_bells[i];

		taken = d->space == b->m->mmio && d->addr == addr && (!d->len || d->len == size) &&
			(!d->has_match || d->match == val);
		if (taken)
			os_eventfd_signal(d->fd);
	}
	pthread_mutex_unlock(&drv_bells_lock);
	if (!taken)
		region_write(b->m->mmio, addr, size, val);
}

static inline void *ram(struct drv *v, uint64_t gpa) { return mem_ptr(&v->b->m->mem, gpa, 1); }

/* ---- PCI ---- */

enum { P_COMMON = 0x0000, P_ISR = 0x1000, P_DEVICE = 0x2000, P_NOTIFY = 0x3000 };

static inline uint32_t drv_cfg(struct drv *v, unsigned off, unsigned size)
{
	return pci_config_get(drv_root, 0, v->fn->h.devfn, off, size);
}
static inline void drv_cfg_set(struct drv *v, unsigned off, uint32_t val, unsigned size)
{
	pci_config_set(drv_root, 0, v->fn->h.devfn, off, val, size);
}
static inline unsigned drv_find_cap(struct drv *v, uint8_t id, unsigned type)
{
	unsigned at = drv_cfg(v, PCI_CAPABILITY_LIST, 1);

	while (at && (drv_cfg(v, at, 1) != id || (type && drv_cfg(v, at + 3, 1) != type)))
		at = drv_cfg(v, at + 1, 1);
	return at;
}

static inline int drv_msi(void *opaque, uint64_t addr, uint32_t data)
{
	struct bus *b = opaque;
	struct drv *v = drv_by_pin[data >> 8 & (BUS_PINS - 1)];

	CHECK_EQ(addr, 0xfee00000);
	atomic_fetch_add(&v->messages[data & 0xff], 1);
	atomic_fetch_or(&v->isr, data & 0xff ? VIRTIO_ISR_QUEUE : VIRTIO_ISR_CONFIG);
	atomic_store(&b->level[v->pin], 1);
	atomic_fetch_add(&b->rises[v->pin], 1);
	return 0;
}

static inline void drv_intx(void *opaque, unsigned slot, unsigned pin, int level)
{
	bus_wire(opaque, slot - 1, level);
}

/* What firmware and the bus driver do after each reset. */
static inline uint64_t drv_bar(struct drv *v, unsigned bar)
{
	static const struct pci_windows w = { 0, 0, 0xc0000000, 0xe0000000, 0x200000000,
					      0x300000000 };
	bool placed = pci_bar_addr(v->fn, 1) != UINT64_MAX && pci_bar_addr(v->fn, 4) != UINT64_MAX;
	unsigned cap;

	if (placed && pci_is_master(v->fn))
		return pci_bar_addr(v->fn, bar);
	if (!placed && pci_assign(drv_root, &w, NULL, &v->b->err))
		bus_fail(v->b, "pci_assign");
	drv_cfg_set(v, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	if (drv_bus == DRV_PCI_MSIX) {
		cap = drv_find_cap(v, PCI_CAP_ID_MSIX, 0);
		drv_cfg_set(v, cap + 2, 0x8000, 2);
		for (unsigned i = 0; i < v->fn->h.nr_msix; i++) {
			uint64_t at = pci_bar_addr(v->fn, 1) + 16 * i;

			bus_write(v->b, at, 4, 0xfee00000);
			bus_write(v->b, at + 4, 4, 0);
			bus_write(v->b, at + 8, 4, v->pin << 8 | i);
			bus_write(v->b, at + 12, 4, 0);
		}
	}
	return pci_bar_addr(v->fn, bar);
}

/* Where the MMIO transport's register is on PCI: offset in BAR 4, and its size. */
static inline unsigned drv_pci_reg(unsigned reg, unsigned *size)
{
	*size = 4;
	switch (reg) {
	case V_FEATURES_SEL: return 0;
	case V_FEATURES: return 4;
	case V_DRIVER_SEL: return 8;
	case V_DRIVER: return 12;
	}
	if (reg >= V_DESC && reg < V_DESC + 8)
		return 32 + reg - V_DESC;
	if (reg >= V_AVAIL && reg < V_AVAIL + 8)
		return 40 + reg - V_AVAIL;
	if (reg >= V_USED && reg < V_USED + 8)
		return 48 + reg - V_USED;
	if (reg >= V_CONFIG)
		return P_DEVICE + reg - V_CONFIG;
	*size = 2;
	switch (reg) {
	case V_SEL: return 22;
	case V_NUM_MAX: case V_NUM: return 24;
	case V_READY: return 28;
	case V_RESET: return 58;
	}
	*size = 1;
	switch (reg) {
	case V_STATUS: return 20;
	case V_GENERATION: return 21;
	}
	fprintf(stderr, "test: register %#x is MMIO's only\n", reg);
	exit(1);
}

static inline uint32_t drv_pci_read(struct drv *v, unsigned reg)
{
	uint64_t bar = drv_bar(v, 4);
	unsigned size, off;

	if (reg == V_ID)
		return drv_cfg(v, PCI_DEVICE_ID, 2) - 0x1040;
	if (reg == V_ISR) {
		if (drv_bus == DRV_PCI_INTX)
			atomic_fetch_or(&v->isr, (unsigned)bus_read(v->b, bar + P_ISR, 1));
		return atomic_load(&v->isr);
	}
	off = drv_pci_reg(reg, &size);
	return (uint32_t)bus_read(v->b, bar + off, size);
}

static inline void drv_pci_write(struct drv *v, unsigned reg, uint32_t val)
{
	uint64_t bar = drv_bar(v, 4);
	unsigned size, off;

	if (reg == V_NOTIFY) {
		drv_ring(v->b, bar + P_NOTIFY + 4 * val, 2, val);
		return;
	}
	if (reg == V_ACK) {
		drv_pci_read(v, V_ISR);
		if (!(atomic_fetch_and(&v->isr, ~val) & ~val) && drv_bus == DRV_PCI_MSIX)
			atomic_store(&v->b->level[v->pin], 0);
		return;
	}
	if (reg == V_READY && !val)
		reg = V_RESET, val = 1;		/* there is no other way */
	off = drv_pci_reg(reg, &size);
	bus_write(v->b, bar + off, size, val);
}

static inline uint32_t vr(struct drv *v, unsigned reg)
{
	return v->fn ? drv_pci_read(v, reg) : (uint32_t)bus_read(v->b, v->base + reg, 4);
}
static inline void vw(struct drv *v, unsigned reg, uint32_t val)
{
	if (v->fn)
		drv_pci_write(v, reg, val);
	else if (reg == V_NOTIFY)
		drv_ring(v->b, v->base + reg, 4, val);
	else
		bus_write(v->b, v->base + reg, 4, val);
}
static inline uint64_t drv_config(struct drv *v, unsigned off, unsigned size)
{
	return bus_read(v->b, v->fn ? drv_bar(v, 4) + P_DEVICE + off : v->base + V_CONFIG + off,
			size);
}

static inline uint64_t guest_alloc(struct drv *v, uint64_t size, uint64_t align)
{
	uint64_t at = align_up(v->next, align);

	v->next = at + size;
	if (v->next > BUS_RAM + BUS_RAM_SIZE) {
		fprintf(stderr, "test: out of guest memory\n");
		exit(1);
	}
	return at;
}

static inline void drv_plug_pci(struct drv *v)
{
	struct bus *b = v->b;

	if (!drv_root || drv_root->machine != b->m || b->m->pci != drv_root) {
		pci_bus_free(drv_root);
		drv_root = pci_bus_new(b->m, NULL);
		drv_root->intx = drv_intx;
		drv_root->opaque = b;
		b->m->pci = drv_root;
		b->m->engine.msi = drv_msi;
	}
	v->slot = bus_new_dev(b, "virtio-pci");
	if (dev_init(v->slot, &b->err) || virtio_pci_attach(v->slot, v->dev, &b->err) ||
	    pci_plug(drv_root, pci_fn_of(v->slot), (int)PCI_DEVFN(v->pin + 1, 0u), &b->err))
		bus_fail(b, v->slot->id);
	v->fn = pci_fn_of(v->slot);
}

/* A slot with the device, whose back end is set; not reset, not driven. */
static inline void drv_plug(struct drv *v, struct bus *b, struct dev *d, unsigned nr)
{
	memset(v, 0, sizeof(*v));
	v->b = b;
	v->base = SLOT + 0x1000 * nr;
	v->pin = nr;
	v->dev = d;
	v->next = BUS_RAM + nr * 0x40000;
	drv_by_pin[nr] = v;
	b->m->engine.opaque = b;
	b->m->engine.doorbell = drv_doorbells ? drv_doorbell : NULL;
	if (drv_packed && dev_set(d, "packed", "on", &b->err))
		bus_fail(b, d->id);
	if (dev_init(d, &b->err))
		bus_fail(b, d->id);
	if (drv_bus != DRV_MMIO) {
		drv_plug_pci(v);
		return;
	}
	v->slot = bus_new_dev(b, "virtio-mmio");
	if (dev_init(v->slot, &b->err) || virtio_mmio_attach(v->slot, d, &b->err) ||
	    virtio_mmio_place(v->slot, b->m->mmio, v->base, &b->err))
		bus_fail(b, v->slot->id);
	dev_connect(v->slot, 0, bus_wire, b, v->pin);
}

static inline uint64_t drv_offered(struct drv *v)
{
	uint64_t f;

	vw(v, V_FEATURES_SEL, 1);
	f = (uint64_t)vr(v, V_FEATURES) << 32;
	vw(v, V_FEATURES_SEL, 0);
	return f | vr(v, V_FEATURES);
}

/* Up to FEATURES_OK, with these of the offered features. */
static inline void drv_negotiate(struct drv *v, uint64_t want)
{
	vw(v, V_STATUS, 0);
	CHECK_EQ(vr(v, V_STATUS), 0);
	vw(v, V_ACK, 3);
	if (v->fn && drv_bus == DRV_PCI_MSIX)
		bus_write(v->b, drv_bar(v, 4) + 16, 2, 0);
	if (drv_packed)
		want |= VIRTIO_F_RING_PACKED;
	vw(v, V_STATUS, VIRTIO_ACKNOWLEDGE);
	vw(v, V_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	v->features = drv_offered(v) & (want | VIRTIO_F_VERSION_1);
	vw(v, V_DRIVER_SEL, 0);
	vw(v, V_DRIVER, (uint32_t)v->features);
	vw(v, V_DRIVER_SEL, 1);
	vw(v, V_DRIVER, (uint32_t)(v->features >> 32));
	vw(v, V_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	CHECK(vr(v, V_STATUS) & VIRTIO_FEATURES_OK);
}

static inline void drv_ok(struct drv *v)
{
	vw(v, V_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

static inline void gq_enable(struct gq *q)
{
	struct drv *v = q->v;

	memset(ram(v, q->avail), 0, 6 + 2 * q->num);
	memset(ram(v, q->used), 0, 6 + 8 * q->num);
	q->avail_idx = q->used_idx = q->next_desc = 0;
	q->packed = v->features & VIRTIO_F_RING_PACKED;
	q->avail_flipped = q->used_flipped = false;
	memset(q->ids, 0, sizeof(q->ids));
	if (q->packed)
		memset(ram(v, q->desc), 0, 16 * q->num);
	vw(v, V_SEL, q->index);
	CHECK(vr(v, V_NUM_MAX) >= q->num);
	vw(v, V_NUM, q->num);
	vw(v, V_DESC, (uint32_t)q->desc);
	vw(v, V_DESC + 4, (uint32_t)(q->desc >> 32));
	vw(v, V_AVAIL, (uint32_t)q->avail);
	vw(v, V_AVAIL + 4, (uint32_t)(q->avail >> 32));
	vw(v, V_USED, (uint32_t)q->used);
	vw(v, V_USED + 4, (uint32_t)(q->used >> 32));
	if (v->fn && drv_bus == DRV_PCI_MSIX)
		bus_write(v->b, drv_bar(v, 4) + 26, 2, q->index + 1);
	vw(v, V_READY, 1);
	CHECK_EQ(vr(v, V_READY), 1);
}

static inline void gq_setup(struct gq *q, struct drv *v, unsigned index, unsigned num)
{
	q->v = v;
	q->index = index;
	q->num = num;
	q->desc = guest_alloc(v, 16 * num, 16);
	q->avail = guest_alloc(v, 6 + 2 * num, 4);
	q->used = guest_alloc(v, 6 + 8 * num, 4);
	q->table = guest_alloc(v, 16 * 16 * 16, 16);
	q->indirect = v->features & VIRTIO_F_INDIRECT_DESC;
	gq_enable(q);
}

static inline void put_desc(struct drv *v, uint64_t at, uint64_t addr, uint32_t len, unsigned flags,
			    unsigned next)
{
	uint8_t *p = ram(v, at);

	st_le64(p, addr);
	st_le32(p + 8, len);
	st_le16(p + 12, (uint16_t)flags);
	st_le16(p + 14, (uint16_t)next);
}

static inline void gq_publish(struct gq *q, uint16_t head)
{
	uint8_t *a = ram(q->v, q->avail);

	st_le16(a + 4 + 2 * (q->avail_idx % q->num), head);
	__atomic_store_n((uint16_t *)(void *)(a + 2), ++q->avail_idx, __ATOMIC_SEQ_CST);
}

/*
 * A descriptor of a packed ring, made available: le64 address, le32 len, le16 id, le16 flags. (With
 * flags ^ 0x8080 it is complete, but not available yet.)
 */
static inline void put_packed(struct gq *q, unsigned at, uint64_t addr, uint32_t len, unsigned id,
			      unsigned flags)
{
	uint8_t *p = ram(q->v, q->desc + 16 * at);

	st_le64(p, addr);
	st_le32(p + 8, len);
	st_le16(p + 12, (uint16_t)id);
	flags ^= q->avail_flipped ? 0x8000 : 0x80;
	__atomic_store_n((uint16_t *)(void *)(p + 14), (uint16_t)flags, __ATOMIC_SEQ_CST);
}

static inline uint16_t gq_add_packed(struct gq *q, const struct buf *out, unsigned nr_out,
				     const struct buf *in, unsigned nr_in)
{
	unsigned n = nr_out + nr_in, id = q->next_id % q->num, at = q->avail_idx, head_flags = 0;
	bool indirect = q->indirect && n > 1 && n <= 16, flipped = q->avail_flipped;
	uint64_t table;

	while (q->ids[id])
		id = (id + 1) % q->num;
	q->next_id = (uint16_t)(id + 1);
	table = q->table + 256 * (id % 16u);
	for (unsigned i = 0; i < n; i++) {
		const struct buf *b = i < nr_out ? &out[i] : &in[i - nr_out];
		unsigned flags = (i + 1 < n && !indirect ? 1 : 0) | (i >= nr_out ? 2 : 0);

		if (indirect) {
			put_desc(q->v, table + 16 * i, b->gpa, b->len, 0, 0);
			st_le16((uint8_t *)ram(q->v, table + 16 * i) + 14, (uint16_t)flags);
			continue;
		}
		if (!i) {		/* the first is made available last */
			head_flags = flags | (flipped ? 0x8000 : 0x80);
			flags ^= 0x8080;
		}
		put_packed(q, at, b->gpa, b->len, id, flags);
		if (++at == q->num) {
			at = 0;
			q->avail_flipped = !q->avail_flipped;
		}
	}
	if (indirect) {
		put_packed(q, at, table, 16 * n, id, 4);
		if (++at == q->num) {
			at = 0;
			q->avail_flipped = !flipped;
		}
	} else {
		uint8_t *p = ram(q->v, q->desc + 16 * q->avail_idx);

		__atomic_store_n((uint16_t *)(void *)(p + 14), (uint16_t)head_flags,
				 __ATOMIC_SEQ_CST);
	}
	q->avail_idx = (uint16_t)at;
	q->ids[id] = indirect ? 1 : (uint16_t)n;
	q->first[id] = nr_out ? out->gpa : in->gpa;
	return (uint16_t)id;
}

/* Puts a chain on the ring. The test keeps few enough in flight that descriptors can go round. */
static inline uint16_t gq_add(struct gq *q, const struct buf *out, unsigned nr_out,
			      const struct buf *in, unsigned nr_in)
{
	unsigned n = nr_out + nr_in;
	bool indirect = q->indirect && n > 1 && n <= 16;
	uint16_t head = (uint16_t)(q->next_desc % q->num);
	uint64_t table = q->table + 256 * (head % 16u);

	if (q->packed)
		return gq_add_packed(q, out, nr_out, in, nr_in);
	for (unsigned i = 0; i < n; i++) {
		const struct buf *b = i < nr_out ? &out[i] : &in[i - nr_out];
		unsigned flags = (i + 1 < n ? 1 : 0) | (i >= nr_out ? 2 : 0);
		unsigned next = indirect ? i + 1 : (head + i + 1) % q->num;
		uint64_t at = indirect ? table + 16 * i : q->desc + 16 * ((head + i) % q->num);

		put_desc(q->v, at, b->gpa, b->len, flags, next);
	}
	if (indirect)
		put_desc(q->v, q->desc + 16 * head, table, 16 * n, 4, 0);
	q->next_desc = (uint16_t)((q->next_desc + (indirect ? 1 : n)) % q->num);
	q->first[head] = nr_out ? out->gpa : in->gpa;
	gq_publish(q, head);
	return head;
}

static inline void gq_notify(struct gq *q) { vw(q->v, V_NOTIFY, q->index); }

static inline bool gq_used(struct gq *q)
{
	uint8_t *u = ram(q->v, q->packed ? q->desc + 16 * q->used_idx : q->used);
	uint16_t x = __atomic_load_n((uint16_t *)(void *)(u + (q->packed ? 14 : 2)),
				     __ATOMIC_SEQ_CST);

	if (q->packed)
		return !!(x & 0x80) == !q->used_flipped && !!(x & 0x8000) == !q->used_flipped;
	return x != q->used_idx;
}

static inline unsigned gq_take_packed(struct gq *q, uint32_t *len)
{
	uint8_t *d = ram(q->v, q->desc + 16 * q->used_idx);
	unsigned id = ld_le16(d + 12), at;

	CHECK(id < q->num && q->ids[id], "id %u", id);
	if (id >= q->num)
		exit(1);
	at = q->used_idx + q->ids[id];
	q->ids[id] = 0;
	q->used_flipped ^= at >= q->num;
	q->used_idx = (uint16_t)(at % q->num);
	if (len)
		*len = ld_le32(d + 8);
	CHECK_EQ(!!(ld_le16(d + 14) & 2), ld_le32(d + 8) != 0);
	return id;
}

/* Waits for the next used entry; returns its head (packed: id), its length in *len. */
static inline unsigned gq_wait(struct gq *q, uint32_t *len)
{
	uint8_t *e = (uint8_t *)ram(q->v, q->used) + 4 + 8 * (q->used_idx % q->num);

	WAIT_FOR(gq_used(q));
	if (!gq_used(q))
		exit(check_done() || 1);
	if (q->packed)
		return gq_take_packed(q, len);
	q->used_idx++;
	if (len)
		*len = ld_le32(e + 4);
	return ld_le32(e);
}

#endif
