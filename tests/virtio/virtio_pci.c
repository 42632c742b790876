/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the PCI transport has of its own: capabilities, register widths, the window in
 * configuration space, vectors, the interrupt line, bus mastering, BARs that move. That
 * devices work over it, their own tests show.
 */
#include "tests/virtio/driver.h"

#include "hw/virtio/virtio_console.h"
#include "io/char/char.h"

enum { C_NUM_QUEUES = 18, C_CONFIG_VECTOR = 16, C_QUEUE_VECTOR = 26, C_NOTIFY_OFF = 30 };
enum { RX = 0, TX = 1 };

static struct bus *b;
static struct drv v;
static struct gq rx, tx;
static struct chardev *ring;
static uint64_t buf_at;

static uint64_t cr(unsigned off, unsigned size) { return bus_read(b, drv_bar(&v, 4) + off, size); }
static void cw(unsigned off, unsigned size, uint64_t val)
{
	bus_write(b, drv_bar(&v, 4) + off, size, val);
}

static void plug(void)
{
	struct err e = { 0 };
	struct dev *d;

	b = bus_new();
	ring = chardev_new("ring", &e);
	d = bus_new_dev(b, "virtio-console");
	virtio_console_add_port(d, ring, true, NULL, &e);
	drv_plug(&v, b, d, 3);
	machine_reset(b->m, RESET_COLD);
}

static void unplug(void)
{
	bus_free(b);
	chardev_free(ring);
	CHECK_EQ(drv_bells_bound(), 0);
}

static void start(uint64_t features)
{
	v.next = BUS_RAM;
	drv_negotiate(&v, features);
	gq_setup(&rx, &v, RX, 16);
	gq_setup(&tx, &v, TX, 16);
	drv_ok(&v);
	buf_at = guest_alloc(&v, 256, 16);
}

static void offer(void)
{
	gq_add(&rx, NULL, 0, &(struct buf){ buf_at, 64 }, 1);
	gq_notify(&rx);
}

/* A byte from the host to the guest. */
static void receive(void)
{
	uint32_t len;

	offer();
	for (unsigned ms = 0; ms < 5000 && !chardev_ring_feed(ring, "x", 1); ms++)
		usleep(1000);
	gq_wait(&rx, &len);
	CHECK_EQ(len, 1);
	CHECK_EQ(*(char *)ram(&v, buf_at), 'x');
}

static void transmit(void)
{
	char got[8];

	gq_add(&tx, &(struct buf){ buf_at + 128, 1 }, 1, NULL, 0);
	gq_notify(&tx);
	gq_wait(&tx, NULL);
	chardev_ring_take(ring, got, sizeof(got));
}

static void header(void)
{
	static const unsigned size[] = { 0, 60, 8, 1, 256 };

	CHECK_EQ(drv_cfg(&v, PCI_VENDOR_ID, 4), 0x10431af4);
	CHECK_EQ(drv_cfg(&v, PCI_REVISION_ID, 4), 0x07800001);
	CHECK(drv_cfg(&v, PCI_SUBSYSTEM_ID, 2) >= 0x40);
	for (unsigned type = 1; type <= 4; type++) {
		unsigned at = drv_find_cap(&v, PCI_CAP_ID_VNDR, type);

		CHECK(at, "capability %u", type);
		CHECK_EQ(drv_cfg(&v, at + 2, 1), type == 2 ? 20 : 16);
		CHECK_EQ(drv_cfg(&v, at + 4, 1), 4);
		CHECK_EQ(drv_cfg(&v, at + 12, 4), size[type]);
		CHECK(drv_cfg(&v, at + 8, 4) + drv_cfg(&v, at + 12, 4) <= v.fn->h.bar[4].size);
	}
	CHECK_EQ(drv_cfg(&v, drv_find_cap(&v, PCI_CAP_ID_VNDR, 2) + 16, 4), 4);
	CHECK_EQ(drv_cfg(&v, drv_find_cap(&v, PCI_CAP_ID_MSIX, 0) + 2, 2) & 0x7ff, 2);
	CHECK(virtio_pci_attach(v.slot, v.dev, &b->err) == -EBUSY);
	CHECK(virtio_pci_attach(v.slot, v.slot, &b->err) == -EINVAL);
}

static void widths(void)
{
	vw(&v, V_STATUS, 0);
	CHECK_EQ(cr(C_NUM_QUEUES, 2), 2);
	cw(0, 4, 1);
	CHECK_EQ(cr(0, 8), 1 | (uint64_t)cr(4, 4) << 32);
	for (unsigned off = 0; off < 60; off += 4) {
		uint32_t word = (uint32_t)cr(off, 4);

		for (unsigned i = 0; i < 4; i++)
			CHECK_EQ(cr(off + i, 1), word >> 8 * i & 0xff);
		CHECK_EQ(cr(off, 2), word & 0xffff);
		CHECK_EQ(cr(off + 2, 2), word >> 16);
	}
	CHECK_EQ(cr(24, 2), VQ_MAX_SIZE);
	cw(24, 1, 8);			/* not the field's width: nothing happens */
	cw(24, 4, 8);
	cw(16, 4, 0);
	CHECK_EQ(cr(24, 2), VQ_MAX_SIZE);
	CHECK_EQ(cr(C_CONFIG_VECTOR, 2), 0xffff);
	cw(24, 2, 8);
	CHECK_EQ(cr(24, 2), 8);
	cw(32, 8, 0x123456789000);	/* as two halves */
	CHECK_EQ(cr(32, 8), 0x123456789000);
	for (unsigned q = 0; q < 4; q++) {
		cw(22, 2, q);
		CHECK_EQ(cr(24, 2), q == 0 ? 8 : q == 1 ? VQ_MAX_SIZE : 0);
		CHECK_EQ(cr(C_NOTIFY_OFF, 2), q < 2 ? q : 0);
	}
	vw(&v, V_STATUS, 0);
	CHECK_EQ(cr(24, 2), VQ_MAX_SIZE);
	CHECK_EQ(cr(32, 8), 0);
	/* A queue is enabled as it is where the driver leaves its size alone. */
	drv_negotiate(&v, 0);
	cw(22, 2, 0);
	cw(32, 8, BUS_RAM);
	cw(40, 8, BUS_RAM + 0x2000);
	cw(48, 8, BUS_RAM + 0x4000);
	cw(28, 2, 1);
	CHECK_EQ(cr(28, 2), 1);
	cw(28, 2, 0);
	CHECK_EQ(cr(28, 2), 1);		/* 4.1.4.3.2: no way to switch it off but a reset */
}

/* Registers without BARs (4.1.4.9). */
static uint32_t window(unsigned off, unsigned size, const uint32_t *write)
{
	unsigned at = drv_find_cap(&v, PCI_CAP_ID_VNDR, 5);

	drv_cfg_set(&v, at + 4, 4, 1);
	drv_cfg_set(&v, at + 8, off, 4);
	drv_cfg_set(&v, at + 12, size, 4);
	if (write)
		drv_cfg_set(&v, at + 16, *write, size);
	return drv_cfg(&v, at + 16, size);
}

static void config_window(void)
{
	uint32_t one = 1, three = 3, bad = 0x55;
	unsigned at = drv_find_cap(&v, PCI_CAP_ID_VNDR, 5);

	vw(&v, V_STATUS, 0);
	drv_cfg_set(&v, PCI_COMMAND, 0, 2);
	CHECK_EQ(window(C_NUM_QUEUES, 2, NULL), 2);
	CHECK_EQ(window(20, 1, &three), 3);
	window(0, 4, &one);
	CHECK_EQ(window(4, 4, NULL), (uint32_t)(virtio_dev_of(v.dev)->h.features >> 32));
	CHECK_EQ(window(0x2000 + 4, 4, NULL), 1);	/* max_nr_ports */
	window(0x2000 + 8, 4, &bad);			/* an emergency write */
	window(0x1000, 1, NULL);
	window(0x3000, 2, &one);
	/* Nonsense: sizes, misalignment, the gap between the structures, another BAR. */
	window(20, 3, &bad);
	window(22, 4, &bad);
	window(0x800, 4, &bad);
	window(0xfffffffc, 4, &bad);
	drv_cfg_set(&v, at + 4, 1, 1);
	drv_cfg_set(&v, at + 8, 20, 4);
	drv_cfg_set(&v, at + 12, 1, 4);
	drv_cfg_set(&v, at + 16, bad, 1);
	CHECK_EQ(window(20, 1, NULL), 3);
	{
		char got[4];

		CHECK_EQ(chardev_ring_take(ring, got, sizeof(got)), 1);
		CHECK_EQ(got[0], bad);
	}
	drv_bar(&v, 4);
	CHECK_EQ(vr(&v, V_STATUS), 3);
}

static void line(void)
{
	drv_bus = DRV_PCI_INTX;
	plug();
	start(0);
	transmit();
	WAIT_FOR(b->level[v.pin]);
	CHECK(drv_cfg(&v, PCI_STATUS, 1) & PCI_STATUS_INTERRUPT);
	drv_cfg_set(&v, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY |
		    PCI_COMMAND_INTX_DISABLE, 2);
	CHECK_EQ(b->level[v.pin], 0);
	drv_cfg_set(&v, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	CHECK_EQ(b->level[v.pin], 1);
	/* Saved with the line up, loaded into a machine where it is down. */
	virtio_quiesce(v.dev);
	bus_save_load(b, v.slot);
	bus_save_load(b, v.dev);
	virtio_resume(v.dev);
	CHECK_EQ(b->level[v.pin], 1);
	CHECK_EQ(cr(P_ISR + 1, 1), 0);
	CHECK_EQ(b->level[v.pin], 1);		/* only the register itself ends it */
	CHECK_EQ(cr(P_ISR, 1), VIRTIO_ISR_QUEUE);
	CHECK_EQ(b->level[v.pin], 0);
	CHECK_EQ(cr(P_ISR, 1), 0);
	/* With MSI-X there is no line, and no status. */
	transmit();
	WAIT_FOR(b->level[v.pin]);
	drv_cfg_set(&v, drv_find_cap(&v, PCI_CAP_ID_MSIX, 0) + 2, 0x8000, 2);
	CHECK_EQ(b->level[v.pin], 0);
	cr(P_ISR, 1);
	transmit();
	usleep(2000);
	CHECK_EQ(b->level[v.pin], 0);
	CHECK_EQ(cr(P_ISR, 1), 0);
	drv_cfg_set(&v, drv_find_cap(&v, PCI_CAP_ID_MSIX, 0) + 2, 0, 2);
	unplug();
}

static void mask(unsigned vector, bool on)
{
	bus_write(b, pci_bar_addr(v.fn, 1) + 16 * vector + 12, 4, on);
}

static void vectors(void)
{
	unsigned sum;

	drv_bus = DRV_PCI_MSIX;
	plug();
	start(0);
	transmit();
	WAIT_FOR(v.messages[2] == 1);
	receive();
	WAIT_FOR(v.messages[1] == 1);
	CHECK_EQ(v.messages[0], 0);
	/* Masked: it waits, also through a save. */
	mask(2, true);
	transmit();
	WAIT_FOR(bus_read(b, pci_bar_addr(v.fn, 1) + 0x800, 8) == 1u << 2);
	CHECK_EQ(v.messages[2], 1);
	virtio_quiesce(v.dev);
	bus_save_load(b, v.dev);
	bus_save_load(b, v.slot);
	virtio_resume(v.dev);
	CHECK_EQ(v.messages[2], 1);
	mask(2, false);
	CHECK_EQ(v.messages[2], 2);
	/* None, and one that there is not. */
	cw(22, 2, TX);
	for (unsigned vector = 3; vector < 0x10000; vector += 0xfffc) {
		cw(C_QUEUE_VECTOR, 2, vector);
		CHECK_EQ(cr(C_QUEUE_VECTOR, 2), 0xffff);
	}
	sum = v.messages[0] + v.messages[1] + v.messages[2];
	transmit();
	usleep(2000);
	CHECK_EQ(v.messages[0] + v.messages[1] + v.messages[2], sum);
	CHECK_EQ(b->m->engine.msi == drv_msi, 1);
	/* Both queues on one vector. */
	cw(C_QUEUE_VECTOR, 2, 1);
	transmit();
	WAIT_FOR(v.messages[1] == 2);
	/* The configuration's. */
	virtio_config_changed(virtio_dev_of(v.dev));
	CHECK_EQ(v.messages[0], 1);
	cw(C_CONFIG_VECTOR, 2, 0xffff);
	virtio_config_changed(virtio_dev_of(v.dev));
	CHECK_EQ(v.messages[0], 1);
	CHECK_EQ(cr(21, 1), virtio_dev_of(v.dev)->config_generation & 0xff);
	vw(&v, V_STATUS, 0);
	cw(22, 2, TX);
	CHECK_EQ(cr(C_QUEUE_VECTOR, 2), 0xffff);
	unplug();
}

static void mastering(void)
{
	plug();
	start(VIRTIO_F_EVENT_IDX);
	transmit();
	receive();
	drv_cfg_set(&v, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	gq_add(&tx, &(struct buf){ buf_at + 128, 1 }, 1, NULL, 0);
	drv_ring(b, pci_bar_addr(v.fn, 4) + P_NOTIFY + 4 * TX, 2, TX);
	usleep(3000);
	CHECK(!gq_used(&tx));
	CHECK_EQ(chardev_ring_feed(ring, "x", 1), 0);
	drv_cfg_set(&v, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	gq_wait(&tx, NULL);			/* without another notification */
	receive();
	unplug();
}

static bool bound_at(uint64_t addr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(drv_bells); i++)
		if (drv_bells[i].space && drv_bells[i].addr == addr)
			return true;
	return false;
}

static void moves(void)
{
	uint64_t here;

	plug();
	CHECK_EQ(drv_bells_bound(), 0);
	start(VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_RESET);
	here = pci_bar_addr(v.fn, 4);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t at = i & 1 ? here : UINT64_C(0x280000000) + 0x10000 * i;

		if (drv_doorbells) {
			CHECK_EQ(drv_bells_bound(), 2);
			CHECK(bound_at(pci_bar_addr(v.fn, 4) + P_NOTIFY) &&
			      bound_at(pci_bar_addr(v.fn, 4) + P_NOTIFY + 4));
		}
		/* A request that is notified at the old place just before the move. */
		gq_add(&tx, &(struct buf){ buf_at + 128, 1 }, 1, NULL, 0);
		gq_notify(&tx);
		if (i % 3 == 0)
			drv_cfg_set(&v, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
		drv_cfg_set(&v, PCI_BASE_ADDRESS_0 + 16, (uint32_t)at, 4);
		drv_cfg_set(&v, PCI_BASE_ADDRESS_0 + 20, (uint32_t)(at >> 32), 4);
		if (i % 3 == 0) {
			CHECK_EQ(drv_bells_bound(), 0);
			drv_cfg_set(&v, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
		}
		CHECK_EQ(pci_bar_addr(v.fn, 4), at);
		gq_wait(&tx, NULL);
		transmit();
		receive();
	}
	CHECK_EQ(drv_bells_bound(), drv_doorbells ? 2 : 0);
	cw(22, 2, TX);
	cw(58, 2, 1);
	CHECK_EQ(drv_bells_bound(), drv_doorbells ? 1 : 0);
	CHECK_EQ(cr(58, 2), 0);
	CHECK_EQ(cr(28, 2), 0);
	CHECK_EQ(cr(C_QUEUE_VECTOR, 2), 0xffff);
	gq_enable(&tx);
	CHECK_EQ(drv_bells_bound(), drv_doorbells ? 2 : 0);
	transmit();
	/* State of a machine whose BARs and driver were elsewhere. */
	virtio_quiesce(v.dev);
	{
		struct state_buf slot = { 0 }, dev = { 0 };

		CHECK(!state_save(v.slot, &slot, &b->err) && !state_save(v.dev, &dev, &b->err));
		machine_reset(b->m, RESET_WARM);
		CHECK_EQ(drv_bells_bound(), 0);
		CHECK(!state_load(v.dev, dev.data, dev.len, &b->err));
		CHECK(!state_load(v.slot, slot.data, slot.len, &b->err), "%s", b->err.msg);
		virtio_resume(v.dev);
		free(slot.data);
		free(dev.data);
	}
	CHECK_EQ(drv_bells_bound(), drv_doorbells ? 2 : 0);
	transmit();
	receive();
	unplug();
}

/* The figures of `info virtio`: each request, notification and interrupt once. */
static void figures(void)
{
	struct virtio_dev *vd;
	char *text;

	plug();
	start(0);
	vd = virtio_dev_of(v.dev);
	for (unsigned i = 0; i < 10; i++)
		transmit();
	WAIT_FOR(vd->q[TX].h.interrupts == 10);
	CHECK_EQ(vd->q[TX].h.requests, 10);
	WAIT_FOR(vd->q[TX].h.notifies == 10);
	text = virtio_info(b->m);
	CHECK(strstr(text, "requests 10, notifies 10, interrupts 10"), "%s", text);
	CHECK(strstr(text, drv_doorbells ? "doorbell" : "register"), "%s", text);
	free(text);
	unplug();
}

static _Atomic int inside, entered;

static int slow_msi(void *opaque, uint64_t addr, uint32_t data)
{
	atomic_store(&inside, 1);
	atomic_store(&entered, 1);
	usleep(50000);
	atomic_store(&inside, 0);
	return 0;
}

/* The ring delivers on the thread that feeds it. */
static void *feeder(void *opaque)
{
	for (unsigned ms = 0; ms < 5000 && !chardev_ring_feed(ring, "x", 1); ms++)
		usleep(1000);
	return NULL;
}

/* A transport goes while the back end's thread interrupts through it: not before that is over. */
static void goes(void)
{
	pthread_t t;

	drv_bus = DRV_PCI_MSIX;
	plug();
	start(0);
	receive();
	b->m->engine.msi = slow_msi;
	offer();
	pthread_create(&t, NULL, feeder, NULL);
	WAIT_FOR(atomic_load(&entered));
	virtio_attach(virtio_dev_of(v.dev), NULL, NULL);
	CHECK_EQ(inside, 0);
	pthread_join(t, NULL);
	unplug();
}

int main(void)
{
	drv_bus = DRV_PCI_INTX;
	plug();
	header();
	widths();
	config_window();
	unplug();
	for (unsigned i = 4; drv_variant(i); i++) {
		mastering();
		moves();
		figures();
	}
	for (unsigned packed = 0; packed < 2; packed++) {
		drv_packed = packed;
		line();
		vectors();
	}
	goes();
	return check_done();
}
