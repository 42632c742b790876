/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Console: a single port, then three with control messages, names, flow
 * control and a saved state.
 */
#include "tests/virtio/driver.h"

#include "hw/virtio/virtio_console.h"
#include "io/char/char.h"

#define F_MULTIPORT BIT(1)
enum { C_READY = 0, C_ADD = 1, C_PORT_READY = 3, C_CONSOLE = 4, C_OPEN = 6, C_NAME = 7 };

static struct bus *b;
static struct drv v;
static struct chardev *ring[3];
static struct gq q[8];
static uint64_t rxbuf[8], txbuf;

static void give_buffer(unsigned n, uint32_t len)
{
	struct buf in = { rxbuf[n], len };

	gq_add(&q[n], NULL, 0, &in, 1);
	gq_notify(&q[n]);
}

static void start(uint64_t features, unsigned queues)
{
	v.next = BUS_RAM;
	drv_negotiate(&v, features);
	for (unsigned i = 0; i < queues; i++) {
		gq_setup(&q[i], &v, i, 16);
		rxbuf[i] = guest_alloc(&v, 16 * 128, 16);
	}
	txbuf = guest_alloc(&v, 4096, 16);
	drv_ok(&v);
}

static void transmit(unsigned n, const void *data, uint32_t len)
{
	struct buf out = { txbuf, len };

	memcpy(ram(&v, txbuf), data, len);
	gq_add(&q[n], &out, 1, NULL, 0);
	gq_notify(&q[n]);
	gq_wait(&q[n], NULL);
}

static bool was_written(unsigned port, const char *text)
{
	char buf[64];
	size_t n = chardev_ring_take(ring[port], buf, sizeof(buf));

	return n == strlen(text) && !memcmp(buf, text, n);
}

static void single(void)
{
	uint32_t len;

	b = bus_new();
	{
		struct dev *d = bus_new_dev(b, "virtio-console");

		CHECK_EQ(virtio_console_add_port(d, ring[0], true, NULL, &b->err), 0);
		drv_plug(&v, b, d, 1);
	}
	machine_reset(b->m, RESET_COLD);
	vw(&v, V_CONFIG + 8, '!');	/* emergency write: before any driver */
	CHECK(was_written(0, "!"));
	CHECK_EQ(chardev_ring_feed(ring[0], "x", 1), 0);
	start(UINT64_MAX, 2);
	CHECK(!(v.features & F_MULTIPORT));
	transmit(1, "hello", 5);
	CHECK(was_written(0, "hello"));
	/* Input before there is a buffer waits. */
	CHECK_EQ(chardev_ring_feed(ring[0], "abcdefg", 7), 7);
	CHECK(!gq_used(&q[0]));
	give_buffer(0, 4);
	gq_wait(&q[0], &len);
	CHECK_EQ(len, 4);
	CHECK(!memcmp(ram(&v, rxbuf[0]), "abcd", 4));
	/* Over a save. */
	virtio_quiesce(v.dev);
	bus_save_load(b, v.dev);
	virtio_resume(v.dev);
	give_buffer(0, 100);
	gq_wait(&q[0], &len);
	CHECK_EQ(len, 3);
	CHECK(!memcmp(ram(&v, rxbuf[0]), "efg", 3));
	/* No more than the bounded buffer is taken from the host. */
	{
		char many[10000] = { 0 };

		CHECK_EQ(chardev_ring_feed(ring[0], many, sizeof(many)), 4096);
	}
	vw(&v, V_STATUS, 0);
	CHECK_EQ(chardev_ring_feed(ring[0], "x", 1), 0);
	bus_free(b);
}

static void control(unsigned port, unsigned event, unsigned value)
{
	uint8_t m[8];

	st_le32(m, port);
	st_le16(m + 4, (uint16_t)event);
	st_le16(m + 6, (uint16_t)value);
	transmit(3, m, 8);
}

static void expect(unsigned port, unsigned event, const char *name)
{
	uint32_t len;
	uint8_t *m = ram(&v, rxbuf[2]);

	give_buffer(2, 128);
	gq_wait(&q[2], &len);
	CHECK_EQ(len, 8 + strlen(name));
	CHECK_EQ(ld_le32(m), port);
	CHECK_EQ(ld_le16(m + 4), event);
	CHECK_EQ(ld_le16(m + 6), 1);
	CHECK(!memcmp(m + 8, name, strlen(name)));
}

static void multiport(void)
{
	uint32_t len;

	b = bus_new();
	{
		struct dev *d = bus_new_dev(b, "virtio-console");
		struct dev *many;

		for (unsigned i = 0; i < 3; i++)
			CHECK_EQ(virtio_console_add_port(d, ring[i], i < 2,
							 i == 2 ? "org.ambi.0" : NULL, &b->err),
				 0);
		drv_plug(&v, b, d, 1);
		many = bus_new_dev(b, "virtio-console");
		for (unsigned i = 0; i < VIRTIO_CONSOLE_MAX_PORTS; i++)
			CHECK_EQ(virtio_console_add_port(many, NULL, false, NULL, &b->err), 0);
		CHECK(virtio_console_add_port(many, NULL, false, NULL, &b->err) == -ENOSPC);
		CHECK_EQ(dev_init(many, &b->err), 0);
	}
	machine_reset(b->m, RESET_COLD);
	CHECK_EQ(vr(&v, V_CONFIG + 4), 3);
	start(F_MULTIPORT | VIRTIO_F_EVENT_IDX, 8);
	control(0, C_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		expect(i, C_ADD, "");
	control(1, C_PORT_READY, 1);
	expect(1, C_CONSOLE, "");
	expect(1, C_OPEN, "");
	control(2, C_PORT_READY, 1);
	expect(2, C_NAME, "org.ambi.0");
	expect(2, C_OPEN, "");
	CHECK(!gq_used(&q[2]));
	/* A port the guest has not opened takes no input. */
	CHECK_EQ(chardev_ring_feed(ring[2], "early", 5), 0);
	control(2, C_OPEN, 1);
	CHECK_EQ(chardev_ring_feed(ring[2], "data", 4), 4);
	give_buffer(6, 64);
	gq_wait(&q[6], &len);
	CHECK_EQ(len, 4);
	CHECK(!memcmp(ram(&v, rxbuf[6]), "data", 4));
	transmit(7, "from port 2", 11);
	CHECK(was_written(2, "from port 2"));
	transmit(5, "from port 1", 11);
	CHECK(was_written(1, "from port 1"));
	transmit(1, "from port 0", 11);
	CHECK(was_written(0, "from port 0"));
	/*
	 * Nonsense: ports that do not exist, events unknown, messages too
	 * short, too many of them.
	 */
	control(77, C_PORT_READY, 1);
	control(0xffffffff, C_OPEN, 1);
	control(1, 999, 1);
	transmit(3, "abc", 3);
	for (unsigned i = 0; i < 200; i++)
		control(0, C_READY, 1);
	CHECK(virtio_is_running(virtio_dev_of(v.dev)));
	expect(0, C_ADD, "");
	control(2, C_OPEN, 0);
	CHECK_EQ(chardev_ring_feed(ring[2], "late", 4), 0);
	bus_free(b);
}

int main(void)
{
	struct err e = { 0 };

	for (unsigned variant = 0; drv_variant(variant); variant++) {
		for (unsigned i = 0; i < 3; i++)
			ring[i] = chardev_new("ring", &e);
		single();
		multiport();
		for (unsigned i = 0; i < 3; i++)
			chardev_free(ring[i]);
	}
	return check_done();
}
