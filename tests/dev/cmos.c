/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's clock: time in every format, alarms, periodic and update interrupts, memory. */
#include <errno.h>
#include <time.h>

#include "tests/dev/devtest.h"
#include "hw/rtc/mc146818.h"
#include "util/os.h"

enum { IRQ = 8 };
enum { A = 10, B, C, D, CENTURY = 0x32 };
enum { SET = 0x80, PIE = 0x40, AIE = 0x20, UIE = 0x10, BINARY = 4, H24 = 2 };

static struct bus *b;
static struct dev *d;

static uint8_t rd(unsigned reg)
{
	uint64_t v = 0;

	CHECK(region_write(b->m->pio, 0x70, 1, reg) == 0, "index");
	CHECK(region_read(b->m->pio, 0x71, 1, &v) == 0, "data");
	return (uint8_t)v;
}

static void wr(unsigned reg, uint8_t v)
{
	CHECK(region_write(b->m->pio, 0x70, 1, reg | 0x80) == 0, "index, NMI mask set");
	CHECK(region_write(b->m->pio, 0x71, 1, v) == 0, "data");
}

static void warp(uint64_t ns)
{
	clock_stop(b->m->clock);
	clock_set(b->m->clock, clock_now(b->m->clock) + ns);
	clock_run(b->m->clock);
}

static unsigned bcd(uint8_t v) { return (v >> 4) * 10u + (v & 15); }

/* The whole time as drivers read it: not across an update. Binary, 24 hours assumed by `get`. */
struct now { unsigned s, m, h, wday, day, month, year; };
static struct now get(unsigned (*num)(uint8_t))
{
	struct now t;

	do {
		t.s = rd(0);
		t = (struct now){ num(rd(0)), num(rd(2)), num(rd(4)), num(rd(6)), num(rd(7)),
				  num(rd(8)), num(rd(CENTURY)) * 100 + num(rd(9)) };
	} while (num(rd(0)) != t.s);
	return t;
}
static unsigned plain(uint8_t v) { return v; }

static void set_time(unsigned year, unsigned month, unsigned day, unsigned h, unsigned m,
		     unsigned s)
{
	wr(B, BINARY | H24 | SET);
	wr(CENTURY, (uint8_t)(year / 100));
	wr(9, (uint8_t)(year % 100));
	wr(8, (uint8_t)month);
	wr(7, (uint8_t)day);
	wr(4, (uint8_t)h);
	wr(2, (uint8_t)m);
	wr(0, (uint8_t)s);
	wr(B, BINARY | H24);
}

/* The same, half a second before its last second ends, as the divider's reset does it. */
static void set_time_end(unsigned year, unsigned month, unsigned day, unsigned h, unsigned m,
			 unsigned s)
{
	wr(A, 0x76);
	set_time(year, month, day, h, m, s);
	wr(A, 0x26);
}

static void test_time(void)
{
	time_t host = (time_t)(os_realtime_ns() / 1000000000);
	struct tm tm, want;
	struct now t = get(bcd);
	time_t got;

	CHECK_EQ(rd(D), 0x80);
	CHECK_EQ(rd(A) & 0x7f, 0x26);
	CHECK_EQ(rd(B), H24);
	gmtime_r(&host, &want);
	tm = (struct tm){ .tm_sec = (int)t.s, .tm_min = (int)t.m, .tm_hour = (int)t.h,
			  .tm_mday = (int)t.day, .tm_mon = (int)t.month - 1,
			  .tm_year = (int)t.year - 1900 };
	got = timegm(&tm);
	CHECK(got - host >= 0 && got - host < 3, "UTC: %ld and %ld", (long)got, (long)host);
	CHECK_EQ(t.wday, tm.tm_wday + 1);
	wr(B, BINARY | H24);
	t = get(plain);
	CHECK_EQ(t.year, want.tm_year + 1900);
	wr(B, BINARY);				/* twelve hours */
	set_time_end(2024, 2, 29, 23, 59, 59);
	CHECK_EQ(rd(6), 5);			/* a Thursday */
	wr(B, 0);
	CHECK_EQ(rd(4), 0x91);			/* 11 p.m. in BCD */
	CHECK_EQ(rd(0), 0x59);
	wr(B, H24);
	CHECK_EQ(rd(4), 0x23);
	WAIT_FOR(!rd(0));
	wr(B, H24 | BINARY);
	t = get(plain);
	CHECK(t.year == 2024 && t.month == 3 && t.day == 1 && !t.h && !t.m, "%u-%u-%u", t.year,
	      t.month, t.day);
	wr(B, BINARY);
	CHECK_EQ(rd(4), 12);			/* midnight is 12 a.m. */
	wr(4, 0x80 | 12);
	wr(B, BINARY | H24);
	CHECK_EQ(rd(4), 12);			/* noon is 12 p.m. */
	set_time_end(2100, 2, 28, 23, 59, 59);	/* no leap year */
	WAIT_FOR(!rd(0));
	t = get(plain);
	CHECK(t.year == 2100 && t.month == 3 && t.day == 1, "%u-%u-%u", t.year, t.month, t.day);
	set_time(1, 1, 1, 0, 0, 0);
	CHECK_EQ(get(plain).year, 1);
	set_time_end(9999, 12, 31, 23, 59, 59);
	CHECK_EQ(rd(9), 99);
	WAIT_FOR(!rd(0));
	CHECK_EQ(get(plain).year, 0);
	set_time(25755, 255, 255, 255, 255, 255);	/* bytes that are no time */
	get(plain);
	bus_save_load(b, d);
	/* one register at a time, while running */
	set_time(2000, 1, 15, 1, 2, 3);
	wr(9, 99);
	wr(2, 30);
	t = get(plain);
	CHECK(t.year == 2099 && t.h == 1 && t.m == 30 && t.s >= 3 && t.s < 5, "field by field");
}

/* SET stops the display of time, the divider's reset time itself. */
static void test_stop(void)
{
	bool uip = false;
	unsigned ms;

	set_time(2020, 5, 5, 5, 5, 5);
	wr(B, BINARY | H24 | SET);
	warp(UINT64_C(5000000000));
	CHECK_EQ(rd(0), 5);
	CHECK_EQ(rd(A) & 0x80, 0);
	bus_save_load(b, d);
	CHECK_EQ(rd(0), 5);
	wr(B, BINARY | H24);
	CHECK_EQ(rd(0), 5);
	wr(A, 0x76);
	wr(0, 40);
	warp(UINT64_C(5000000000));
	CHECK_EQ(rd(0), 40);
	wr(A, 0x26);
	CHECK_EQ(rd(0), 40);
	for (ms = 0; rd(0) == 40 && ms < 3000; ms++)
		usleep(1000);
	CHECK(ms > 200 && ms < 1500, "half a second to the update, not %u ms", ms);
	CHECK_EQ(rd(A) & 0x80, 0);
	/* UIP is seen before an update; a test that was not running then tries again */
	for (unsigned try = 0; try < 40 && !uip; try++) {
		set_time_end(2020, 5, 5, 5, 5, 5);
		while (!uip && rd(0) == 5)
			uip = rd(A) & 0x80 && rd(0) == 5;
	}
	CHECK(uip, "never seen");
	WAIT_FOR(rd(0) == 6);
}

static void test_update(void)
{
	unsigned rises;

	set_time_end(2020, 5, 5, 5, 5, 5);
	rd(C);
	CHECK_EQ(rd(C) & 0x10, 0);
	WAIT_FOR(rd(0) == 6);
	CHECK_EQ(rd(C) & 0x90, 0x10);		/* the flag comes without the interrupt */
	CHECK_EQ(b->level[IRQ], 0);
	set_time_end(2020, 5, 5, 5, 5, 5);
	rd(C);
	rises = b->rises[IRQ];
	wr(B, BINARY | H24 | UIE);
	bus_save_load(b, d);
	WAIT_FOR(b->level[IRQ]);
	CHECK_EQ(rd(0), 6);
	CHECK_EQ(b->rises[IRQ], rises + 1);
	CHECK_EQ(rd(C) & 0x90, 0x90);
	CHECK_EQ(b->level[IRQ], 0);
	CHECK_EQ(rd(C) & 0x90, 0);
	set_time_end(2020, 5, 5, 5, 5, 5);
	wr(B, BINARY | H24 | UIE);
	WAIT_FOR(b->level[IRQ]);
	wr(B, BINARY | H24 | UIE | SET);	/* SET clears UIE */
	CHECK_EQ(rd(B), BINARY | H24 | SET);
	CHECK_EQ(b->level[IRQ], 0);
	wr(B, BINARY | H24);
	rd(C);
}

/* The alarm at h:m:s must come at the next second, or must not. */
static void alarm_after(unsigned h, unsigned m, unsigned s, bool comes)
{
	uint8_t mode = rd(B) | AIE, next;

	rd(C);
	wr(A, 0x76);
	wr(4, (uint8_t)h);
	wr(2, (uint8_t)m);
	wr(0, (uint8_t)s);
	wr(A, 0x26);
	rd(C);
	wr(B, mode);
	bus_save_load(b, d);
	WAIT_FOR((next = rd(0)) != s);
	if (comes)
		WAIT_FOR(b->level[IRQ]);
	CHECK_EQ(b->level[IRQ], comes);
	CHECK_EQ(rd(C) & 0xa0, comes ? 0xa0 : 0);
	CHECK_EQ(b->level[IRQ], 0);
	wr(B, mode & (uint8_t)~AIE);
}

static void test_alarm(void)
{
	set_time(2023, 6, 30, 12, 0, 0);
	wr(1, 0);
	wr(3, 0);
	wr(5, 0);
	alarm_after(23, 59, 59, true);		/* over midnight */
	CHECK_EQ(get(plain).day, 1);
	alarm_after(22, 59, 59, false);
	wr(5, 0xc0);				/* any hour */
	alarm_after(22, 59, 59, true);
	wr(3, 0xff);				/* any minute: at :05 */
	wr(1, 5);
	alarm_after(1, 2, 4, true);
	alarm_after(1, 2, 5, false);
	wr(1, 61);				/* never */
	alarm_after(23, 59, 59, false);
	/* twelve hours, BCD: 1:30:00 p.m. */
	wr(B, 0);
	wr(5, 0x81);
	wr(3, 0x30);
	wr(1, 0x00);
	alarm_after(0x81, 0x29, 0x59, true);
	alarm_after(0x01, 0x29, 0x59, false);
	wr(B, BINARY | H24);
}

static void test_periodic(void)
{
	unsigned n;

	wr(A, 0x2f);				/* 2 Hz */
	rd(C);
	warp(500000000);
	CHECK_EQ(rd(C) & 0x40, 0x40);
	wr(A, 0x26);				/* 1024 Hz */
	wr(B, BINARY | H24 | PIE);
	rd(C);
	for (n = 0; n < 20; n++) {
		WAIT_FOR(b->level[IRQ]);
		CHECK_EQ(rd(C) & 0xc0, 0xc0);
	}
	bus_save_load(b, d);
	WAIT_FOR(b->level[IRQ]);
	wr(A, 0x20);				/* no rate */
	rd(C);
	usleep(5000);
	CHECK_EQ(rd(C) & 0x40, 0);
	wr(B, BINARY | H24);
	wr(A, 0x26);
}

/* What the battery keeps over a reset, and what the reset pin does. */
static void test_reset(void)
{
	set_time(2031, 1, 2, 3, 4, 5);
	wr(0x40, 0x77);
	wr(B, BINARY | H24 | PIE | AIE | UIE);
	WAIT_FOR(b->level[IRQ]);
	machine_reset(b->m, RESET_WARM);
	CHECK_EQ(rd(B), BINARY | H24);
	CHECK_EQ(rd(0x40), 0x77);
	CHECK_EQ(get(plain).year, 2031);
	CHECK_EQ(rd(C) & 0x80, 0);
	CHECK_EQ(b->m->devs->irq[0].level, 0);
}

static void test_memory(void)
{
	mc146818_set_memory(d, UINT64_C(0xc0000000), UINT64_C(0x140000000));
	CHECK_EQ(rd(0x15) | rd(0x16) << 8, 640);
	CHECK_EQ(rd(0x17) | rd(0x18) << 8, 0xffff);
	CHECK_EQ(rd(0x34) | rd(0x35) << 8, (0xc0000000u - 0x1000000) >> 16);
	CHECK_EQ(rd(0x5b) | rd(0x5c) << 8 | rd(0x5d) << 16, 0x14000);
	mc146818_set_memory(d, 0x2000000, 0);
	CHECK_EQ(rd(0x30) | rd(0x31) << 8, 31 * 1024);
	CHECK_EQ(rd(0x34) | rd(0x35) << 8, 256);
	CHECK_EQ(rd(0x5b) | rd(0x5c) << 8 | rd(0x5d) << 16, 0);
	mc146818_set(d, CMOS_CPUS, 3);
	machine_reset(b->m, RESET_COLD);
	CHECK_EQ(rd(CMOS_CPUS), 3);
	CHECK_EQ(rd(CMOS_EQUIPMENT), 6);
	for (unsigned i = 0x40; i < 0x80; i++)
		wr(i, (uint8_t)(i ^ 0x5a));
	bus_save_load(b, d);
	for (unsigned i = 0x40; i < 0x80; i++)
		CHECK_EQ(rd(i), i ^ 0x5a);
	wr(C, 0xff);
	wr(D, 0xff);				/* read-only */
	CHECK_EQ(rd(D), 0x80);
	CHECK(d->type->regions[0].flags & REGION_COALESCE, "the index may come late");
}

static void test_offset(void)
{
	struct dev *other = bus_new_dev(b, "mc146818");

	b->m->cfg.rtc_offset_s = INT64_MAX;
	CHECK_EQ(dev_init(other, &b->err), -EINVAL);
	b->m->cfg.rtc_offset_s = -3600;
	CHECK_EQ(dev_init(other, &b->err), 0);
	dev_free(other);
	b->m->cfg.rtc_offset_s = 0;
}

static void test_moves(void)
{
	struct state_buf one = { 0 }, two = { 0 };

	clock_stop(b->m->clock);
	state_save(d, &one, &b->err);
	CHECK(state_load(d, one.data, one.len, &b->err) == 0, "%s", b->err.msg);
	state_save(d, &two, &b->err);
	CHECK(one.len == two.len && !memcmp(one.data, two.data, one.len), "save, load, save");
	clock_run(b->m->clock);
	free(one.data);
	free(two.data);
}

int main(void)
{
	b = bus_new();
	d = bus_new_dev(b, "mc146818");
	if (dev_init(d, &b->err) || dev_map(d, 0, b->m->pio, 0x70, &b->err) ||
	    dev_map(d, 1, b->m->pio, 0x71, &b->err))
		bus_fail(b, "mc146818");
	dev_connect(d, 0, bus_wire, b, IRQ);
	machine_reset(b->m, RESET_COLD);
	test_time();
	test_stop();
	test_update();
	test_alarm();
	test_periodic();
	test_reset();
	test_memory();
	test_offset();
	test_moves();
	bus_free(b);
	return check_done();
}
