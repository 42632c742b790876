/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firmware's debug console, and the PC's small ports: 0x92, pvpanic. */
#include "tests/dev/devtest.h"
#include "io/char/char.h"

static struct bus *b;

static struct dev *plug(const char *type, unsigned region, uint16_t port)
{
	struct dev *d = bus_new_dev(b, type);

	if (dev_init(d, &b->err) || dev_map(d, region, b->m->pio, port, &b->err))
		bus_fail(b, type);
	machine_reset(b->m, RESET_COLD);
	return d;
}

static uint8_t in(uint16_t port)
{
	uint64_t v = 0;

	CHECK(region_read(b->m->pio, port, 1, &v) == 0, "port %#x", port);
	return (uint8_t)v;
}

static void out(uint16_t port, uint8_t v)
{
	CHECK(region_write(b->m->pio, port, 1, v) == 0, "port %#x", port);
}

static void test_debugcon(void)
{
	struct chardev *ring = chardev_new("ring", &b->err);
	struct dev *d = bus_new_dev(b, "isa-debugcon");
	char got[16] = "";

	dev_set_ptr(d, "chardev", ring);
	CHECK(dev_init(d, &b->err) == 0, "%s", b->err.msg);
	CHECK(dev_map(d, 0, b->m->pio, 0x402, &b->err) == 0, "%s", b->err.msg);
	CHECK_EQ(in(0x402), 0xe9);
	for (const char *s = "SeaBIOS"; *s; s++)
		out(0x402, (uint8_t)*s);
	chardev_flush(ring, 1000);
	CHECK_EQ(chardev_ring_take(ring, got, sizeof(got)), 7);
	CHECK(!strcmp(got, "SeaBIOS"), "%s", got);
	CHECK(d->type->regions[0].flags & REGION_COALESCE, "output may be collected");
	dev_free(d);
	chardev_free(ring);
	d = plug("isa-debugcon", 0, 0xe9);		/* without a back end */
	out(0xe9, 'x');
	dev_free(d);
}

static void test_port92(void)
{
	struct dev *d = plug("port92", 0, 0x92);

	CHECK_EQ(in(0x92), 2);
	out(0x92, 0);
	CHECK_EQ(in(0x92), 0);
	bus_save_load(b, d);
	CHECK_EQ(in(0x92), 0);
	CHECK_EQ(b->events, 0);
	out(0x92, 3);
	CHECK_EQ(b->events, 1);
	CHECK_EQ(b->last_event, MACHINE_RESET);
	out(0x92, 3);				/* the edge only */
	CHECK_EQ(b->events, 1);
	machine_reset(b->m, RESET_WARM);
	CHECK_EQ(in(0x92), 2);
	dev_free(d);
}

static void test_pvpanic(void)
{
	struct dev *d = bus_new_dev(b, "pvpanic");

	CHECK(dev_set(d, "events", "3", &b->err) == 0, "%s", b->err.msg);
	CHECK(dev_init(d, &b->err) == 0, "%s", b->err.msg);
	CHECK(dev_map(d, 1, b->m->pio, 0x505, &b->err) == 0, "%s", b->err.msg);
	b->events = 0;
	CHECK_EQ(in(0x505), 3);
	out(0x505, 4);				/* not offered */
	CHECK_EQ(b->events, 0);
	out(0x505, 2);
	CHECK_EQ(b->last_event, MACHINE_CRASHLOADED);
	out(0x505, 1);
	CHECK_EQ(b->last_event, MACHINE_PANIC);
	CHECK_EQ(b->events, 2);
	dev_free(d);
}

int main(void)
{
	b = bus_new();
	test_debugcon();
	test_port92();
	test_pvpanic();
	bus_free(b);
	return check_done();
}
