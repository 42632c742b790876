/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small ones: sifive-test, pvpanic, debug-exit, test-mmio. */
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

int main(void)
{
	b = bus_new();
	test_finisher(0x10000000);
	test_pvpanic(0x20000000);
	test_exit(0x30000000);
	test_counting(0x40000000);
	bus_free(b);
	return check_done();
}
