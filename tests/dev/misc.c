/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small ones: sifive-test, pvpanic, debug-exit, test-mmio, vmgenid. */
#include "hw/misc/vmgenid.h"
#include "tests/dev/devtest.h"

static struct bus *b;

static bool told(enum machine_event ev, int code)
{
	bool yes = b->events == 1 && b->last_event == (int)ev && b->last_code == code;

	b->events = 0;
	return yes;
}

static void test_finisher(uint64_t base)
{
	bus_plug(b, bus_new_dev(b, "sifive-test"), base, 0);
	bus_write(b, base, 4, 0x5555);
	CHECK(told(MACHINE_POWEROFF, 0), "pass");
	bus_write(b, base, 4, 42 << 16 | 0x3333);
	CHECK(told(MACHINE_PANIC, 42), "fail with a code");
	bus_write(b, base, 2, 0x7777);
	CHECK(told(MACHINE_RESET, 0), "reset");
	bus_write(b, base, 4, 0x1234);
	bus_write(b, base + 4, 4, 0x5555);
	bus_write(b, base, 1, 0x55);
	CHECK_EQ(b->events, 0);
	CHECK_EQ(bus_read(b, base, 4), 0);
}

static void test_pvpanic(uint64_t base)
{
	struct dev *d = bus_new_dev(b, "pvpanic");

	bus_plug(b, d, base, 0);
	CHECK_EQ(bus_read(b, base, 1), 7);
	bus_write(b, base, 1, 1);
	CHECK(told(MACHINE_PANIC, 1), "panic");
	bus_write(b, base, 1, 2);
	CHECK(told(MACHINE_CRASHLOADED, 0), "crash kernel");
	bus_write(b, base, 1, 4);
	CHECK(told(MACHINE_POWEROFF, 0), "shutdown");
	bus_write(b, base, 1, 0xf8);
	CHECK_EQ(b->events, 0);
	CHECK_EQ(dev_set(d, "events", "1", &b->err), 0);
	CHECK_EQ(bus_read(b, base, 1), 1);
	bus_write(b, base, 1, 2);
	CHECK_EQ(b->events, 0);
}

static void test_exit(uint64_t base)
{
	bus_plug(b, bus_new_dev(b, "debug-exit"), base, 0);
	bus_write(b, base, 1, 0);
	CHECK(told(MACHINE_POWEROFF, 0), "zero");
	bus_write(b, base, 4, 33);
	CHECK(told(MACHINE_PANIC, 33), "a code");
	CHECK_EQ(bus_read(b, base, 4), 0x49424d41);
	CHECK_EQ(bus_read(b, base + 1, 1), 'M');
}

static void test_counting(uint64_t base)
{
	struct dev *d = bus_new_dev(b, "test-mmio");

	bus_plug(b, d, base, 4);
	bus_write(b, base, 8, 0x1122334455667788);
	bus_write(b, base + 2, 2, 0xabcd);
	CHECK_EQ(bus_read(b, base, 8), 0x11223344abcd7788);
	CHECK_EQ(bus_read(b, base + 5, 1), 0x33);
	CHECK_EQ(bus_read(b, base + 0x20, 8), 5);
	CHECK_EQ(bus_read(b, base + 0x08, 8), 4);
	CHECK_EQ(bus_read(b, base + 0x10, 8), 2);
	bus_write(b, base + 0x18, 4, 1);
	CHECK_EQ(b->level[4], 1);
	bus_write(b, base + 0x18, 4, 0);
	CHECK_EQ(b->level[4], 0);
	bus_write(b, base + 0x4000000, 4, 1);
	bus_write(b, base + 0x4000000, 2, 0);
	CHECK_EQ(bus_read(b, base + 0x28, 8), 2);
	bus_save_load(b, d);
	CHECK_EQ(bus_read(b, base + 0x28, 8), 2);
}

static unsigned rises;

static void count_rise(void *to, unsigned pin, int level)
{
	rises += (unsigned)level;
}

static void test_generation(uint64_t base)
{
	static const uint8_t guid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	struct dev *d = bus_new_dev(b, "vmgenid");

	bus_plug(b, d, base, 5);
	CHECK_EQ(bus_read(b, base, 8), 0);
	vmgenid_set(d, guid);
	CHECK_EQ(bus_read(b, base, 8), 0x0807060504030201);
	CHECK_EQ(bus_read(b, base + 8, 4), 0x0c0b0a09);
	CHECK_EQ(bus_read(b, base + 15, 1), 16);
	CHECK_EQ(bus_read(b, base + 16, 4), 0);
	bus_write(b, base, 4, 99);		/* is not the guest's to change */
	CHECK_EQ(bus_read(b, base, 4), 0x04030201);
	CHECK_EQ(b->level[5], 0);
	dev_connect(d, 0, count_rise, NULL, 0);
	vmgenid_notify(d);
	CHECK_EQ(rises, 1);
	CHECK_EQ(atomic_load(&d->irq[0].level), 0);
	bus_save_load(b, d);
	CHECK_EQ(bus_read(b, base, 8), 0x0807060504030201);
	machine_reset(b->m, RESET_WARM);
	CHECK_EQ(bus_read(b, base, 8), 0x0807060504030201);
}

int main(void)
{
	b = bus_new();
	test_finisher(0x10000000);
	test_pvpanic(0x20000000);
	test_exit(0x30000000);
	test_counting(0x40000000);
	test_generation(0x50000000);
	bus_free(b);
	return check_done();
}
