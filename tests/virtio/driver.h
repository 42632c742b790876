/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio driver of a few lines on the test bus: it does what a guest's driver
 * does, through registers and rings in guest memory, and counts interrupts.
 */
#ifndef TESTS_VIRTIO_DRIVER_H
#define TESTS_VIRTIO_DRIVER_H

#include <errno.h>

#include "hw/virtio/virtio.h"
#include "hw/virtio/virtio_mmio.h"
#include "tests/dev/devtest.h"
#include "util/bits.h"

#define SLOT UINT64_C(0x10001000)
enum {
	V_MAGIC = 0x00, V_VERSION = 0x04, V_ID = 0x08, V_FEATURES = 0x10, V_FEATURES_SEL = 0x14,
	V_DRIVER = 0x20, V_DRIVER_SEL = 0x24, V_SEL = 0x30, V_NUM_MAX = 0x34, V_NUM = 0x38,
	V_READY = 0x44, V_NOTIFY = 0x50, V_ISR = 0x60, V_ACK = 0x64, V_STATUS = 0x70,
	V_DESC = 0x80, V_AVAIL = 0x90, V_USED = 0xa0, V_RESET = 0xc0, V_GENERATION = 0xfc,
	V_CONFIG = 0x100,
};

struct drv {
	struct bus *b;
	uint64_t base;
	unsigned pin;
	struct dev *dev, *slot;
	uint64_t features;		/* agreed */
	uint64_t next;			/* free guest memory */
};

struct gq {				/* a queue, the guest's side */
	struct drv *v;
	unsigned index, num;
	uint64_t desc, avail, used;
	uint16_t avail_idx, used_idx, next_desc;
	uint64_t table;			/* where indirect tables go, one a head */
	bool indirect;
};

struct buf { uint64_t gpa; uint32_t len; };

static inline void *ram(struct drv *v, uint64_t gpa) { return mem_ptr(&v->b->m->mem, gpa, 1); }
static inline uint32_t vr(struct drv *v, unsigned reg)
{
	return (uint32_t)bus_read(v->b, v->base + reg, 4);
}
static inline void vw(struct drv *v, unsigned reg, uint32_t val)
{
	bus_write(v->b, v->base + reg, 4, val);
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

/* A slot with the device, whose back end is set; not reset, not driven. */
static inline void drv_plug(struct drv *v, struct bus *b, struct dev *d, unsigned nr)
{
	memset(v, 0, sizeof(*v));
	v->b = b;
	v->base = SLOT + 0x1000 * nr;
	v->pin = nr;
	v->dev = d;
	v->next = BUS_RAM + nr * 0x40000;
	if (dev_init(d, &b->err))
		bus_fail(b, d->id);
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
	vw(v, V_SEL, q->index);
	CHECK(vr(v, V_NUM_MAX) >= q->num);
	vw(v, V_NUM, q->num);
	vw(v, V_DESC, (uint32_t)q->desc);
	vw(v, V_DESC + 4, (uint32_t)(q->desc >> 32));
	vw(v, V_AVAIL, (uint32_t)q->avail);
	vw(v, V_AVAIL + 4, (uint32_t)(q->avail >> 32));
	vw(v, V_USED, (uint32_t)q->used);
	vw(v, V_USED + 4, (uint32_t)(q->used >> 32));
	vw(v, V_READY, 1);
	CHECK_EQ(vr(v, V_READY), 1);
}

static inline void gq_setup(struct gq *q, struct drv *v, unsigned index, unsigned num)
{
	q->v = v;
	q->index = index;
	q->num = num;
	q->desc = guest_alloc(v, 16 * num, 16);
	q->avail = guest_alloc(v, 6 + 2 * num, 2);
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

/* Puts a chain on the ring. The test keeps few enough in flight that descriptors can go round. */
static inline uint16_t gq_add(struct gq *q, const struct buf *out, unsigned nr_out,
			      const struct buf *in, unsigned nr_in)
{
	unsigned n = nr_out + nr_in;
	bool indirect = q->indirect && n > 1 && n <= 16;
	uint16_t head = (uint16_t)(q->next_desc % q->num);
	uint64_t table = q->table + 256 * (head % 16u);

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
	gq_publish(q, head);
	return head;
}

static inline void gq_notify(struct gq *q) { vw(q->v, V_NOTIFY, q->index); }

static inline bool gq_used(struct gq *q)
{
	uint8_t *u = ram(q->v, q->used);

	return __atomic_load_n((uint16_t *)(void *)(u + 2), __ATOMIC_SEQ_CST) != q->used_idx;
}

/* Waits for the next used entry; returns its head, its length in *len. */
static inline unsigned gq_wait(struct gq *q, uint32_t *len)
{
	uint8_t *u = ram(q->v, q->used), *e = u + 4 + 8 * (q->used_idx % q->num);

	WAIT_FOR(gq_used(q));
	if (!gq_used(q))
		exit(check_done() || 1);
	q->used_idx++;
	if (len)
		*len = ld_le32(e + 4);
	return ld_le32(e);
}

#endif
