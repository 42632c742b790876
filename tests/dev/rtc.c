/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/dev/devtest.h"
#include "util/os.h"

#define BASE 0x101000u
enum { TIME_LOW = 0x00, TIME_HIGH = 0x04, ALARM_LOW = 0x08, ALARM_HIGH = 0x0c,
       IRQ_ENABLED = 0x10, CLEAR_ALARM = 0x14, ALARM_STATUS = 0x18, CLEAR_INTERRUPT = 0x1c };

static struct bus *b;

static uint64_t now(void)
{
	uint64_t low = bus_read(b, BASE + TIME_LOW, 4);

	return bus_read(b, BASE + TIME_HIGH, 4) << 32 | low;
}

static void wr(unsigned reg, uint64_t v) { bus_write(b, BASE + reg, 4, v & 0xffffffff); }

static void set_alarm(uint64_t at)
{
	wr(ALARM_HIGH, at >> 32);
	wr(ALARM_LOW, at);
}

int main(void)
{
	const uint64_t day = UINT64_C(86400000000000);
	struct dev *d;

	b = bus_new();
	d = bus_new_dev(b, "goldfish-rtc");
	bus_plug(b, d, BASE, 11);
	CHECK(now() / 1000000000 + 2 - os_realtime_ns() / 1000000000 < 4, "UTC");

	set_alarm(now() + 300000000);	/* not before the next line, on a busy machine, too */
	CHECK_EQ(bus_read(b, BASE + ALARM_STATUS, 4), 1);
	WAIT_FOR(!bus_read(b, BASE + ALARM_STATUS, 4));
	CHECK_EQ(b->level[11], 0);		/* not enabled */
	wr(IRQ_ENABLED, 1);
	CHECK_EQ(b->level[11], 1);
	wr(CLEAR_INTERRUPT, 1);
	CHECK_EQ(b->level[11], 0);
	set_alarm(now() - 1);			/* in the past: at once */
	CHECK_EQ(b->level[11], 1);
	wr(CLEAR_INTERRUPT, 1);
	set_alarm(now() + 3000000);
	wr(CLEAR_ALARM, 1);
	usleep(6000);
	CHECK_EQ(b->level[11], 0);

	/* Setting the clock moves the alarm's moment. */
	set_alarm(now() + day);
	wr(TIME_HIGH, (now() + day + day) >> 32);
	wr(TIME_LOW, 0);
	CHECK(now() > os_realtime_ns() + day, "set forward");
	CHECK_EQ(b->level[11], 1);
	wr(CLEAR_INTERRUPT, 1);

	set_alarm(now() + 20000000);
	bus_save_load(b, d);
	WAIT_FOR(b->level[11]);
	wr(CLEAR_INTERRUPT, 1);
	set_alarm(UINT64_MAX);
	CHECK_EQ(b->level[11], 0);
	CHECK_EQ(bus_read(b, BASE + 0x100, 4), 0);
	wr(0x100, 1);
	bus_free(b);
	return check_done();
}
