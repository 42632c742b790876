/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HPET: counter, comparators in every mode, where their interrupts go. */
#include <errno.h>

#include "tests/dev/devtest.h"
#include "hw/timer/hpet.h"

#define BASE UINT64_C(0xfed00000)
enum { CAP = 0, CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0 };
enum { T_CONFIG = 0x100, T_COMPARE = 0x108, T_FSB = 0x110 };
enum { LEVEL = 2, INT = 4, PERIODIC = 8, SET_VALUE = 0x40, T32 = 0x100, FSB = 0x4000 };
#define ROUTE(n) ((n) << 9)
enum { MS = 100000 };			/* ticks */

static struct bus *b;
static struct dev *d;
static _Atomic unsigned messages;
static _Atomic uint64_t last_addr;
static _Atomic uint32_t last_data;

static uint64_t rd(unsigned reg) { return bus_read(b, BASE + reg, 8); }
static void wr(unsigned reg, uint64_t v) { bus_write(b, BASE + reg, 8, v); }
static unsigned t(unsigned n, unsigned reg) { return reg + 0x20 * n; }

static int on_msi(void *opaque, uint64_t addr, uint32_t data)
{
	atomic_store(&last_addr, addr);
	atomic_store(&last_data, data);
	atomic_fetch_add(&messages, 1);
	return 0;
}

/* To a moment that is `ticks` ahead; returns when the clock's thread had its turn. */
static void warp(uint64_t ticks)
{
	clock_stop(b->m->clock);
	clock_set(b->m->clock, clock_now(b->m->clock) + ticks * 10);
	clock_run(b->m->clock);
}

static void stop_at(uint64_t counter)
{
	wr(CONFIG, 0);
	wr(COUNTER, counter);
}

static void test_registers(void)
{
	static const unsigned gsi[HPET_NR_GSI_LINES] = { 0, 8, 16, 17, 18, 19 };

	CHECK_EQ(rd(CAP), UINT64_C(10000000) << 32 | 0x8086a201);
	CHECK_EQ(bus_read(b, BASE + 4, 4), 10000000);
	CHECK_EQ(hpet_block_id(d), 0x8086a201);
	CHECK_EQ(rd(COUNTER), 0);
	CHECK_EQ(rd(t(0, T_CONFIG)), UINT64_C(0x000f0104) << 32 | 0x8030);
	CHECK_EQ(rd(t(0, T_COMPARE)), UINT64_MAX);
	wr(t(1, T_CONFIG), UINT64_MAX & ~(uint64_t)(INT | FSB | ROUTE(31)));
	CHECK_EQ(rd(t(1, T_CONFIG)) & 0xffffffff, 0x8030 | LEVEL | PERIODIC | SET_VALUE | T32);
	wr(t(1, T_CONFIG), ROUTE(17));
	CHECK_EQ(rd(t(1, T_CONFIG)) & ROUTE(31), ROUTE(17));
	wr(t(1, T_CONFIG), ROUTE(5));		/* does not exist: stays */
	CHECK_EQ(rd(t(1, T_CONFIG)) & ROUTE(31), ROUTE(17));
	wr(t(1, T_CONFIG), ROUTE(2));
	CHECK_EQ(rd(t(1, T_CONFIG)) & ROUTE(31), ROUTE(2));
	CHECK_EQ(rd(t(3, T_CONFIG)), 0);	/* a fourth timer is not there */
	wr(t(3, T_CONFIG), UINT64_MAX);
	CHECK_EQ(rd(0x3f8), 0);
	for (unsigned i = 0; i < HPET_NR_GSI_LINES; i++)
		CHECK_EQ(hpet_line_gsi(i), gsi[i]);
}

static void test_counter(void)
{
	uint64_t one, two;

	wr(COUNTER, UINT64_C(0x100000000));
	CHECK_EQ(rd(COUNTER), UINT64_C(0x100000000));
	bus_write(b, BASE + COUNTER, 4, 77);	/* halves */
	bus_write(b, BASE + COUNTER + 4, 4, 2);
	CHECK_EQ(rd(COUNTER), UINT64_C(0x20000004d));
	wr(CONFIG, 1);
	one = rd(COUNTER);
	warp(1000 * MS);
	two = rd(COUNTER);
	CHECK(two - one >= 1000 * MS && two - one < 1100 * MS, "%llu",
	      (unsigned long long)(two - one));
	wr(CONFIG, 0);
	one = rd(COUNTER);
	warp(1000 * MS);
	CHECK_EQ(rd(COUNTER), one);		/* stopped */
	wr(CONFIG, 1);
	two = rd(COUNTER);
	CHECK(two - one < 100 * MS, "goes on where it was");
	bus_save_load(b, d);
	CHECK(rd(COUNTER) - two < 100 * MS, "and after a move");
	stop_at(0);
}

static void test_one_shot(void)
{
	unsigned rises;

	stop_at(0);
	wr(t(2, T_CONFIG), INT | ROUTE(16));
	wr(t(2, T_COMPARE), 100 * MS);
	rises = b->rises[HPET_LINE_GSI16];
	wr(CONFIG, 1);
	warp(80 * MS);
	CHECK_EQ(b->rises[HPET_LINE_GSI16], rises);
	bus_save_load(b, d);
	warp(21 * MS);
	WAIT_FOR(b->rises[HPET_LINE_GSI16] == rises + 1);
	CHECK_EQ(b->level[HPET_LINE_GSI16], 0);	/* an edge */
	warp(1000 * MS);
	usleep(2000);
	CHECK_EQ(b->rises[HPET_LINE_GSI16], rises + 1);
	CHECK_EQ(rd(STATUS), 0);
	CHECK_EQ(rd(t(2, T_COMPARE)), 100 * MS);
	/* a value that has just gone by fires at once; one long gone does not */
	wr(t(2, T_COMPARE), rd(COUNTER) - 10);
	CHECK_EQ(b->rises[HPET_LINE_GSI16], rises + 2);
	wr(t(2, T_COMPARE), 5);
	CHECK_EQ(b->rises[HPET_LINE_GSI16], rises + 2);
	/* 32 bits: the low half, each time it comes round */
	stop_at(UINT64_C(0xffffff00));
	wr(t(2, T_CONFIG), INT | ROUTE(16) | T32);
	wr(t(2, T_COMPARE), 10 * MS);
	wr(CONFIG, 1);
	warp(12 * MS);
	WAIT_FOR(b->rises[HPET_LINE_GSI16] == rises + 3);
	warp(UINT64_C(0x100000000));
	WAIT_FOR(b->rises[HPET_LINE_GSI16] == rises + 4);
	stop_at(0);
	wr(t(2, T_CONFIG), 0);
}

/* As Linux sets it up: T_SET_VALUE, the first match, then the period. */
static void test_periodic(void)
{
	unsigned line = HPET_LINE_GSI0, rises;
	uint64_t cmp;

	stop_at(0);
	wr(t(0, T_CONFIG), INT | PERIODIC | SET_VALUE | T32);
	wr(t(0, T_COMPARE), 50 * MS);
	CHECK_EQ(rd(t(0, T_CONFIG)) & SET_VALUE, 0);
	wr(t(0, T_COMPARE), 20 * MS);
	CHECK_EQ(rd(t(0, T_COMPARE)), 50 * MS);
	wr(CONFIG, 3);				/* legacy replacement: no route needed */
	CHECK_EQ(b->level[HPET_LINE_PIT_OFF], 1);
	rises = b->rises[line];
	warp(49 * MS - rd(COUNTER));
	CHECK_EQ(b->rises[line], rises);
	warp(1 * MS);
	WAIT_FOR(b->rises[line] == rises + 1);
	CHECK_EQ(rd(t(0, T_COMPARE)), 70 * MS);
	bus_save_load(b, d);
	for (unsigned i = 2; i < 10; i++) {
		warp(20 * MS);
		WAIT_FOR(b->rises[line] >= rises + i);
		cmp = rd(t(0, T_COMPARE));
		CHECK_EQ(cmp % (20 * MS), 10 * MS);	/* no drift, ever */
	}
	/* late by many periods: one interrupt, and the right next match */
	rises = b->rises[line];
	warp(UINT64_C(1) << 34);
	WAIT_FOR(b->rises[line] > rises);
	CHECK(b->rises[line] <= rises + 2, "%u at once", b->rises[line] - rises);
	cmp = (uint32_t)(rd(t(0, T_COMPARE)) - rd(COUNTER));
	CHECK(cmp <= 20 * MS, "next in %llu", (unsigned long long)cmp);
	/* the period alone changes what follows the next match */
	wr(t(0, T_COMPARE), 1);			/* 10 ns: no storm, and no stall */
	rises = b->rises[line];
	warp(40 * MS);
	WAIT_FOR(b->rises[line] > rises + 3);
	wr(t(0, T_CONFIG), 0);
	wr(CONFIG, 1);
	CHECK_EQ(b->level[HPET_LINE_PIT_OFF], 0);
	stop_at(0);
}

static void test_level(void)
{
	unsigned line = HPET_LINE_GSI18;

	stop_at(0);
	wr(t(1, T_CONFIG), LEVEL | ROUTE(18));
	wr(t(1, T_COMPARE), 10);
	wr(CONFIG, 1);
	warp(20);
	WAIT_FOR(rd(STATUS) == 2);		/* the status needs no enable, the line does */
	CHECK_EQ(b->level[line], 0);
	wr(t(1, T_CONFIG), LEVEL | INT | ROUTE(18));
	CHECK_EQ(b->level[line], 1);
	bus_save_load(b, d);
	CHECK_EQ(b->level[line], 1);
	wr(STATUS, 1);				/* another timer's bit */
	CHECK_EQ(b->level[line], 1);
	wr(t(1, T_CONFIG), LEVEL | INT | ROUTE(19));
	CHECK_EQ(b->level[line], 0);
	CHECK_EQ(b->level[HPET_LINE_GSI19], 1);
	wr(STATUS, 2);
	CHECK_EQ(b->level[HPET_LINE_GSI19], 0);
	CHECK_EQ(rd(STATUS), 0);
	wr(t(1, T_CONFIG), 0);
}

static void test_message(void)
{
	unsigned before = messages;

	stop_at(0);
	wr(t(2, T_CONFIG), INT | FSB | PERIODIC | SET_VALUE);
	wr(t(2, T_FSB), UINT64_C(0xfee01000) << 32 | 0x4031);
	wr(t(2, T_COMPARE), 10 * MS);
	wr(CONFIG, 1);
	warp(10 * MS);
	WAIT_FOR(messages == before + 1);
	CHECK_EQ(last_addr, 0xfee01000);
	CHECK_EQ(last_data, 0x4031);
	warp(10 * MS);
	WAIT_FOR(messages == before + 2);
	CHECK_EQ(rd(STATUS), 0);
	wr(t(2, T_CONFIG), 0);
	stop_at(0);
}

static void test_rtc(void)
{
	unsigned line = HPET_LINE_GSI8;

	stop_at(0);
	hpet_rtc_line(d, 0, 1);
	CHECK_EQ(b->level[line], 1);
	wr(CONFIG, 2);				/* line 8 is timer 1's */
	CHECK_EQ(b->level[line], 0);
	CHECK_EQ(b->level[HPET_LINE_PIT_OFF], 1);
	bus_save_load(b, d);
	wr(CONFIG, 0);
	CHECK_EQ(b->level[line], 1);
	hpet_rtc_line(d, 0, 0);
	CHECK_EQ(b->level[line], 0);
	wr(t(1, T_CONFIG), INT);
	wr(t(1, T_COMPARE), 10);
	wr(CONFIG, 3);
	warp(10);
	WAIT_FOR(b->rises[line] >= 3);
	machine_reset(b->m, RESET_WARM);
	CHECK_EQ(b->level[HPET_LINE_PIT_OFF], 0);
	CHECK_EQ(rd(CONFIG), 0);
	CHECK_EQ(rd(COUNTER), 0);
	CHECK_EQ(rd(t(1, T_COMPARE)), UINT64_MAX);
}

static void test_moves(void)
{
	struct state_buf one = { 0 }, two = { 0 };

	wr(t(0, T_CONFIG), INT | PERIODIC | SET_VALUE);
	wr(t(0, T_COMPARE), 12345);
	wr(CONFIG, 3);
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
	struct dev *odd;

	b = bus_new();
	b->m->engine.msi = on_msi;
	odd = bus_new_dev(b, "hpet");
	dev_set(odd, "timers", "9", &b->err);
	CHECK_EQ(dev_init(odd, &b->err), -EINVAL);
	dev_free(odd);
	d = bus_new_dev(b, "hpet");
	bus_plug(b, d, BASE, 0);
	test_registers();
	test_counter();
	test_one_shot();
	test_periodic();
	test_level();
	test_message();
	test_rtc();
	test_moves();
	bus_free(b);
	return check_done();
}
