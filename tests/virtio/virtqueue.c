/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rings, rules and registers, with the entropy device as the one that asks for least. */
#include "tests/virtio/driver.h"

static struct bus *b;
static struct drv v;

static void plug(void)
{
	b = bus_new();
	drv_plug(&v, b, bus_new_dev(b, "virtio-rng"), 1);
	machine_reset(b->m, RESET_COLD);
}

static void registers(void)
{
	struct gq q;

	if (drv_bus == DRV_MMIO) {
		CHECK_EQ(vr(&v, V_MAGIC), 0x74726976);
		CHECK_EQ(vr(&v, V_VERSION), 2);
		CHECK_EQ(vr(&v, 0xb0), 0xffffffff);	/* no shared memory */
	}
	CHECK_EQ(vr(&v, V_ID), VIRTIO_ID_RNG);
	CHECK_EQ(drv_offered(&v) & VIRTIO_F_VERSION_1, VIRTIO_F_VERSION_1);
	vw(&v, V_SEL, 0);
	CHECK_EQ(vr(&v, V_NUM_MAX), VQ_MAX_SIZE);
	vw(&v, V_SEL, 1);
	CHECK_EQ(vr(&v, V_NUM_MAX), 0);

	/* A driver without VERSION_1, or with a feature that was not offered, is refused. */
	vw(&v, V_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	CHECK_EQ(vr(&v, V_STATUS), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	vw(&v, V_STATUS, 0);
	vw(&v, V_DRIVER_SEL, 1);
	vw(&v, V_DRIVER, 1 | 1 << 30);
	vw(&v, V_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	CHECK_EQ(vr(&v, V_STATUS) & VIRTIO_FEATURES_OK, 0);

	/* DRIVER_OK needs FEATURES_OK (3.1.1). */
	vw(&v, V_STATUS, 0);
	vw(&v, V_STATUS, VIRTIO_DRIVER_OK);
	CHECK_EQ(vr(&v, V_STATUS) & VIRTIO_DRIVER_OK, 0);

	/* Rings outside of memory, of a bad size or badly aligned. */
	for (unsigned i = drv_packed; i < 4; i++) {
		drv_negotiate(&v, 0);
		vw(&v, V_SEL, 0);
		vw(&v, V_NUM, i == 0 ? 24 : 16);
		vw(&v, V_DESC, (uint32_t)BUS_RAM + (i == 1 ? 8 : 0));
		vw(&v, V_AVAIL, i == 2 ? 0x1000 : (uint32_t)BUS_RAM + 0x1000);
		vw(&v, V_USED, (uint32_t)BUS_RAM + (i == 3 ? BUS_RAM_SIZE - !drv_packed * 4 :
								     0x2000));
		vw(&v, V_READY, 1);
		CHECK_EQ(vr(&v, V_READY), 0);
		CHECK(vr(&v, V_STATUS) & VIRTIO_NEEDS_RESET);
	}
	drv_negotiate(&v, VIRTIO_F_RING_RESET);
	gq_setup(&q, &v, 0, 16);
	vw(&v, V_NUM, 8);			/* fixed while ready */
	CHECK_EQ(virtio_dev_of(v.dev)->q[0].num, 16);
	vw(&v, V_READY, 0);
	CHECK_EQ(vr(&v, V_READY), 0);
}

static bool any_nonzero(const uint8_t *p, size_t n)
{
	while (n--)
		if (*p++)
			return true;
	return false;
}

static void traffic(uint64_t features)
{
	struct gq q;
	struct buf in[3];
	uint32_t len;

	v.next = BUS_RAM;
	drv_negotiate(&v, features);
	gq_setup(&q, &v, 0, 16);
	drv_ok(&v);
	for (unsigned i = 0; i < 3; i++)
		in[i] = (struct buf){ guest_alloc(&v, 64, 1), 20 + i };
	for (unsigned round = 0; round < 100; round++) {
		unsigned head, n = 1 + round % 3;

		/* before it is available: a device at work takes it without being notified */
		memset(ram(&v, in[0].gpa), 0, 192);
		mem_take_dirty(&b->m->mem.block[0], 0, 256, (uint64_t[4]){ 0 });
		head = gq_add(&q, NULL, 0, in, n);
		gq_notify(&q);
		CHECK_EQ(gq_wait(&q, &len), head);
		CHECK_EQ(len, n == 1 ? 20 : n == 2 ? 41 : 63);
		CHECK(any_nonzero(ram(&v, in[0].gpa), 20));
		CHECK_EQ(*(uint8_t *)ram(&v, in[n - 1].gpa + in[n - 1].len), 0);
	}
	/* Pages written are dirty: the buffers and the used ring. */
	{
		uint64_t dirty[4];

		mem_take_dirty(&b->m->mem.block[0], 0, 256, dirty);
		CHECK(dirty[0] & BIT((in[0].gpa - BUS_RAM) >> 12));
		CHECK(dirty[0] & BIT(((q.packed ? q.desc : q.used) - BUS_RAM) >> 12));
	}
	WAIT_FOR(b->level[v.pin] == 1);
	CHECK_EQ(vr(&v, V_ISR), VIRTIO_ISR_QUEUE);
	vw(&v, V_ACK, VIRTIO_ISR_QUEUE);
	CHECK_EQ(vr(&v, V_ISR), 0);
	CHECK_EQ(b->level[v.pin], 0);
}

/* Both suppressions of interrupts: the flag, and the event index. */
static void suppression(void)
{
	struct gq q;
	struct buf in;
	unsigned rises;

	v.next = BUS_RAM;
	drv_negotiate(&v, 0);
	gq_setup(&q, &v, 0, 16);
	drv_ok(&v);
	in = (struct buf){ guest_alloc(&v, 64, 1), 8 };
	st_le16(ram(&v, q.avail), 1);		/* VIRTQ_AVAIL_F_NO_INTERRUPT */
	rises = b->rises[v.pin];
	gq_add(&q, NULL, 0, &in, 1);
	gq_notify(&q);
	gq_wait(&q, NULL);
	usleep(2000);
	CHECK_EQ(b->rises[v.pin], rises);
	WAIT_FOR(ld_le16(ram(&v, q.used)) == 0);	/* wants notifications when idle */

	v.next = BUS_RAM;
	drv_negotiate(&v, VIRTIO_F_EVENT_IDX);
	gq_setup(&q, &v, 0, 16);
	drv_ok(&v);
	rises = b->rises[v.pin];
	st_le16(ram(&v, q.avail + 4 + 2 * 16), 5);	/* used_event: the sixth */
	for (unsigned i = 0; i < 8; i++) {
		gq_add(&q, NULL, 0, &in, 1);
		gq_notify(&q);
		gq_wait(&q, NULL);
		if (i == 5)
			WAIT_FOR(b->rises[v.pin] != rises);
		usleep(1000);
		CHECK_EQ(b->rises[v.pin] - rises, i >= 5);
		vw(&v, V_ACK, VIRTIO_ISR_QUEUE);
	}
	WAIT_FOR(ld_le16(ram(&v, q.used + 4 + 8 * 16)) == 8);	/* avail_event */
}

/* What a broken driver may do; the device stops, tells so, and works after a reset. */
static void broken(unsigned how)
{
	struct gq q;
	struct buf bad = { guest_alloc(&v, 64, 16), 16 };
	unsigned head = 0;

	drv_negotiate(&v, VIRTIO_F_INDIRECT_DESC);
	gq_setup(&q, &v, 0, 16);
	drv_ok(&v);
	put_desc(&v, q.desc, bad.gpa, bad.len, 2, 0);
	switch (how) {
	case 0: put_desc(&v, q.desc, bad.gpa, 16, 3, 0); break;			/* a loop */
	/* next out of range */
	case 1: put_desc(&v, q.desc, bad.gpa, 16, 3, 16); break;
	case 2: put_desc(&v, q.desc, 0x1000, 16, 2, 0); break;			/* not memory */
	/* over the end */
	case 3: put_desc(&v, q.desc, BUS_RAM + BUS_RAM_SIZE - 8, 16, 2, 0); break;
	/* no such descriptor */
	case 4: head = 16; break;
	/* table not in 16s */
	case 5: put_desc(&v, q.desc, bad.gpa, 24, 4, 0); break;
	/* indirect and next */
	case 6: put_desc(&v, q.desc, bad.gpa, 16, 4 | 1, 1); break;
	/* a table in a table */
	case 7:
		put_desc(&v, q.desc, bad.gpa, 16, 4, 0);
		put_desc(&v, bad.gpa, bad.gpa, 16, 4, 0);
		break;
	/* readable after writable */
	case 8:
		put_desc(&v, q.desc, bad.gpa, 16, 3, 1);
		put_desc(&v, q.desc + 16, bad.gpa, 16, 0, 0);
		break;
	case 9: q.avail_idx = 40; break;					/* index jumps */
	case 10: put_desc(&v, q.desc, UINT64_MAX - 7, 16, 2, 0); break;		/* wraps */
	case 11: put_desc(&v, q.desc, bad.gpa, 0, 4, 0); break;			/* an empty table */
	}
	gq_publish(&q, (uint16_t)head);
	gq_notify(&q);
	WAIT_FOR(vr(&v, V_STATUS) & VIRTIO_NEEDS_RESET);
	WAIT_FOR(vr(&v, V_ISR) & VIRTIO_ISR_CONFIG);
	CHECK(!gq_used(&q));
	gq_notify(&q);
	vw(&v, V_ACK, 3);
}

/* The longest chain there may be, in a table of its own; one more is too long. */
static void longest(void)
{
	for (unsigned n = VQ_MAX_IOV; n <= VQ_MAX_IOV + 1; n++) {
		uint64_t table, data;
		uint32_t len;
		struct gq q;

		v.next = BUS_RAM;
		drv_negotiate(&v, VIRTIO_F_INDIRECT_DESC);
		gq_setup(&q, &v, 0, 16);
		drv_ok(&v);
		table = guest_alloc(&v, 16 * n, 16);
		data = guest_alloc(&v, 16 * n, 16);
		for (unsigned i = 0; i < n; i++)
			put_desc(&v, table + 16 * i, data + 16 * i, 16, i + 1 < n ? 3 : 2, i + 1);
		put_desc(&v, q.desc, table, 16 * n, 4, 0);
		gq_publish(&q, 0);
		gq_notify(&q);
		if (n == VQ_MAX_IOV) {
			gq_wait(&q, &len);
			CHECK_EQ(len, 16 * n);
		} else {
			WAIT_FOR(vr(&v, V_STATUS) & VIRTIO_NEEDS_RESET);
		}
	}
}

static void queue_reset(void)
{
	struct gq q;
	struct buf in;

	v.next = BUS_RAM;
	drv_negotiate(&v, VIRTIO_F_RING_RESET);
	gq_setup(&q, &v, 0, 16);
	drv_ok(&v);
	in = (struct buf){ guest_alloc(&v, 64, 1), 8 };
	gq_add(&q, NULL, 0, &in, 1);
	gq_notify(&q);
	gq_wait(&q, NULL);
	vw(&v, V_SEL, 0);
	vw(&v, V_RESET, 1);
	CHECK_EQ(vr(&v, V_RESET), 0);
	CHECK_EQ(vr(&v, V_READY), 0);
	gq_enable(&q);
	gq_add(&q, NULL, 0, &in, 1);
	gq_notify(&q);
	gq_wait(&q, NULL);
}

/* Saved in the middle of a driver's life, and loaded: the ring goes on where it was. */
static void save_load(void)
{
	struct gq q;
	struct buf in;

	v.next = BUS_RAM;
	drv_negotiate(&v, VIRTIO_F_EVENT_IDX);
	gq_setup(&q, &v, 0, 16);
	drv_ok(&v);
	in = (struct buf){ guest_alloc(&v, 64, 1), 8 };
	for (unsigned i = 0; i < 21; i++) {
		gq_add(&q, NULL, 0, &in, 1);
		gq_notify(&q);
		gq_wait(&q, NULL);
		if (i % 5)
			continue;
		virtio_quiesce(v.dev);
		bus_save_load(b, v.slot);
		bus_save_load(b, v.dev);
		virtio_resume(v.dev);
	}
	/* A stream with a ring that is nowhere is refused. */
	virtio_quiesce(v.dev);
	virtio_dev_of(v.dev)->q[0].used = 0x10;
	{
		struct state_buf s = { 0 };

		CHECK(state_save(v.dev, &s, &b->err) == 0);
		CHECK(state_load(v.dev, s.data, s.len, &b->err) == -EINVAL);
		free(s.data);
	}
	machine_reset(b->m, RESET_WARM);
	CHECK_EQ(vr(&v, V_STATUS), 0);
}

static void empty_slot(void)
{
	struct dev *s = bus_new_dev(b, "virtio-mmio");
	uint64_t at = SLOT + 0x5000, val;

	CHECK(dev_init(s, &b->err) == 0 && virtio_mmio_place(s, b->m->mmio, at, &b->err) == 0);
	CHECK_EQ(bus_read(b, at, 4), 0x74726976);
	CHECK_EQ(bus_read(b, at + V_ID, 4), 0);
	for (unsigned off = 0; off < VIRTIO_MMIO_SIZE; off += 4) {
		CHECK(region_write(b->m->mmio, at + off, 4, 0xffffffff) == 0);
		CHECK(region_read(b->m->mmio, at + off, 4, &val) == 0);
	}
	CHECK(virtio_mmio_attach(s, v.dev, &b->err) == -EBUSY);
	CHECK(virtio_mmio_attach(s, s, &b->err) == -EINVAL);
}

static void packed_suppression(void);
static void packed_broken(unsigned how);
static void packed_sizes(void);

static void whole(void)
{
	plug();
	registers();
	traffic(0);
	traffic(VIRTIO_F_EVENT_IDX);
	traffic(VIRTIO_F_INDIRECT_DESC);
	traffic(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
	if (drv_packed) {
		packed_suppression();
		packed_sizes();
	} else {
		suppression();
		longest();
	}
	for (unsigned i = 0; i < 12; i++) {
		v.next = BUS_RAM;
		if (drv_packed)
			packed_broken(i);
		else
			broken(i);
	}
	traffic(VIRTIO_F_EVENT_IDX);
	queue_reset();
	save_load();
	if (drv_bus == DRV_MMIO)
		empty_slot();
	bus_free(b);
	CHECK_EQ(drv_bells_bound(), 0);
}

int main(void)
{
	for (unsigned i = 0; drv_variant(i); i++)
		whole();
	return check_done();
}

/* ---- packed rings ---- */

static void packed_suppression(void)
{
	struct gq q;
	struct buf in;
	unsigned rises;

	v.next = BUS_RAM;
	drv_negotiate(&v, 0);
	gq_setup(&q, &v, 0, 16);
	drv_ok(&v);
	in = (struct buf){ guest_alloc(&v, 64, 1), 8 };
	st_le16((uint8_t *)ram(&v, q.avail) + 2, 1);	/* RING_EVENT_FLAGS_DISABLE */
	rises = b->rises[v.pin];
	gq_add(&q, NULL, 0, &in, 1);
	gq_notify(&q);
	gq_wait(&q, NULL);
	usleep(2000);
	CHECK_EQ(b->rises[v.pin], rises);
	/* wants notifications when idle */
	WAIT_FOR(ld_le16((uint8_t *)ram(&v, q.used) + 2) == 0);

	/* An event behind the ring's end: the sixth of the second round, on a ring of 11. */
	v.next = BUS_RAM;
	drv_negotiate(&v, VIRTIO_F_EVENT_IDX);
	gq_setup(&q, &v, 0, 11);
	drv_ok(&v);
	st_le16((uint8_t *)ram(&v, q.avail) + 2, 2);	/* RING_EVENT_FLAGS_DESC */
	st_le16(ram(&v, q.avail), 5);			/* wrap counter 0 */
	rises = b->rises[v.pin];
	for (unsigned i = 0; i < 20; i++) {
		gq_add(&q, NULL, 0, &in, 1);
		gq_notify(&q);
		gq_wait(&q, NULL);
		if (i == 16)
			WAIT_FOR(b->rises[v.pin] != rises);
		usleep(1000);
		CHECK_EQ(b->rises[v.pin] - rises, i >= 16);
		vw(&v, V_ACK, VIRTIO_ISR_QUEUE);
	}
	WAIT_FOR(ld_le16(ram(&v, q.used)) == 9);	/* 20 = 11 + 9, wrap counter 0 */
	CHECK_EQ(ld_le16((uint8_t *)ram(&v, q.used) + 2), 2);
}

/* Every size up to a few: chains over the ring's end, the ring full, ids in any order. */
static void packed_sizes(void)
{
	for (unsigned num = 1; num < 20; num++) {
		struct gq q;
		struct buf in[8];
		uint32_t len;

		v.next = BUS_RAM;
		drv_negotiate(&v, num & 1 ? VIRTIO_F_EVENT_IDX : 0);
		gq_setup(&q, &v, 0, num);
		drv_ok(&v);
		for (unsigned i = 0; i < 8; i++)
			in[i] = (struct buf){ guest_alloc(&v, 16, 1), 3 };
		for (unsigned round = 0; round < 50; round++) {
			unsigned n = 1 + round % MIN(num, 8u), chains = num / n;

			for (unsigned i = 0; i < chains; i++)
				gq_add(&q, NULL, 0, in, n);
			gq_notify(&q);
			for (unsigned i = 0; i < chains; i++) {
				gq_wait(&q, &len);
				CHECK_EQ(len, 3 * n);
			}
			CHECK(!gq_used(&q));
		}
	}
}

/* A descriptor of a hostile driver, available. */
static void bad_desc(struct gq *q, unsigned at, uint64_t addr, uint32_t len, unsigned flags)
{
	put_packed(q, at, addr, len, 3, flags);
}

static void packed_broken(unsigned how)
{
	uint64_t ok = guest_alloc(&v, 64, 16);
	struct gq q;
	uint8_t *t;

	drv_negotiate(&v, how == 11 ? 0 : VIRTIO_F_INDIRECT_DESC);
	gq_setup(&q, &v, 0, 16);
	drv_ok(&v);
	t = ram(&v, ok);
	switch (how) {
	case 0:						/* a chain without end */
		for (unsigned i = 16; i--;)
			bad_desc(&q, i, ok, 16, 3);
		break;
	case 1: bad_desc(&q, 0, 0x1000, 16, 2); break;	/* not memory */
	case 2: bad_desc(&q, 0, BUS_RAM + BUS_RAM_SIZE - 8, 16, 2); break;
	case 3: bad_desc(&q, 0, UINT64_MAX - 7, 16, 2); break;
	case 4: bad_desc(&q, 0, ok, 24, 4); break;	/* table not in 16s */
	case 5: bad_desc(&q, 0, ok, 16, 4 | 1); break;	/* indirect and next */
	case 6: bad_desc(&q, 0, ok, 0, 4); break;	/* an empty table */
	case 7:						/* a table at a chain's end */
		bad_desc(&q, 1, ok, 16, 4);
		bad_desc(&q, 0, ok, 16, 3);
		break;
	case 8:						/* readable after writable */
		bad_desc(&q, 1, ok, 16, 0);
		bad_desc(&q, 0, ok, 16, 3);
		break;
	case 9:						/* a table too long, of nothing */
		bad_desc(&q, 0, BUS_RAM, 16 * (2 * VQ_MAX_IOV + 1), 4);
		break;
	case 10:					/* a table outside of memory */
		bad_desc(&q, 0, BUS_RAM + BUS_RAM_SIZE, 16, 4);
		break;
	case 11: bad_desc(&q, 0, ok, 16, 4); break;	/* indirect was not agreed */
	}
	st_le64(t, ok);
	gq_notify(&q);
	WAIT_FOR(vr(&v, V_STATUS) & VIRTIO_NEEDS_RESET);
	WAIT_FOR(vr(&v, V_ISR) & VIRTIO_ISR_CONFIG);
	CHECK(!gq_used(&q));
	gq_notify(&q);
	vw(&v, V_ACK, 3);
}
