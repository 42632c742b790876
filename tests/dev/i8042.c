/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keyboard controller as drivers use it: polled, by interrupt, both devices. */
#include <errno.h>

#include "tests/dev/devtest.h"
#include "hw/input/i8042.h"
#include "hw/input/input.h"
#include "hw/input/ps2.h"

enum { KBD = 1, AUX = 2 };		/* wires */
enum { FULL = 0x01, SYSTEM = 0x04, COMMAND = 0x08, FROM_AUX = 0x20 };

static struct bus *b;
static struct dev *d;

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

static void cmd(uint8_t v) { out(0x64, v); }
static uint8_t data(void) { return in(0x60); }
static bool full(void) { return in(0x64) & FULL; }

/* Reads n bytes from the given device and compares. */
static void expect(int aux, const uint8_t *want, unsigned n, int line)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t st = in(0x64), v = data();

		CHECK(st & FULL && !!(st & FROM_AUX) == aux && v == want[i],
		      "(line %d) byte %u: status %#x, %#x, expected %#x", line, i, st, v, want[i]);
	}
	CHECK(!full(), "(line %d) %#x is left", line, data());
}
#define EXPECT(aux, ...) expect(aux, (const uint8_t[]){ __VA_ARGS__ },			\
				sizeof((uint8_t[]){ __VA_ARGS__ }), __LINE__)

static void kbd(uint8_t v) { out(0x60, v); }
static void aux(uint8_t v) { cmd(0xd4); out(0x60, v); }
static void set_ctr(uint8_t v) { cmd(0x60); out(0x60, v); }

static void key(unsigned code, bool down)
{
	CHECK_EQ(input_key(b->m, code, down), 0);
}

static void reset(void)
{
	machine_reset(b->m, RESET_COLD);
	while (full())
		data();
}

static void test_controller(void)
{
	unsigned rises;

	CHECK_EQ(in(0x64) & ~0x10, SYSTEM);
	cmd(0xaa);
	EXPECT(0, 0x55);
	cmd(0xab);
	EXPECT(0, 0x00);
	cmd(0xa9);
	EXPECT(0, 0x00);
	cmd(0x20);
	EXPECT(0, 0x47);
	set_ctr(0x30);				/* interrupts off, both clocks held */
	CHECK(!(in(0x64) & SYSTEM), "the flag follows the command byte");
	cmd(0x20);
	EXPECT(0, 0x30);
	cmd(0xa8);
	cmd(0xae);
	cmd(0x20);
	EXPECT(0, 0x00);
	cmd(0x75);				/* RAM behind the command byte */
	out(0x60, 0x5a);
	cmd(0x35);
	EXPECT(0, 0x5a);
	cmd(0xd3);				/* Linux' test for a mouse port */
	CHECK(in(0x64) & COMMAND, "last write was a command");
	out(0x60, 0x5a);
	CHECK(!(in(0x64) & COMMAND), "last write was data");
	EXPECT(1, 0x5a);
	set_ctr(0x02);
	rises = b->rises[AUX];
	cmd(0xd3);
	out(0x60, 0xa5);
	CHECK_EQ(b->level[AUX], 1);
	CHECK_EQ(b->rises[AUX], rises + 1);
	EXPECT(1, 0xa5);
	CHECK_EQ(b->level[AUX], 0);
	cmd(0xd2);
	out(0x60, 0x11);
	CHECK_EQ(b->level[KBD], 0);
	EXPECT(0, 0x11);
	cmd(0xd0);
	CHECK_EQ(data() & 3, 3);
	cmd(0xdd);
	cmd(0xd0);
	CHECK_EQ(data() & 3, 1);
	cmd(0xdf);
	cmd(0xd0);
	CHECK_EQ(data() & 3, 3);
	CHECK_EQ(b->events, 0);
	cmd(0xff);				/* pulses nothing */
	CHECK_EQ(b->events, 0);
	cmd(0xfe);
	CHECK_EQ(b->events, 1);
	CHECK_EQ(b->last_event, MACHINE_RESET);
	cmd(0xd1);
	out(0x60, 0x02);
	CHECK_EQ(b->events, 2);
}

static void test_keyboard(void)
{
	reset();
	set_ctr(0x04);				/* no translation, no interrupt */
	kbd(0xff);
	EXPECT(0, 0xfa, 0xaa);
	kbd(0xf2);
	EXPECT(0, 0xfa, 0xab, 0x83);
	kbd(0xee);
	EXPECT(0, 0xee);
	kbd(0xfe);
	EXPECT(0, 0xee);			/* said again */
	kbd(0xed);
	EXPECT(0, 0xfa);
	kbd(0x05);
	EXPECT(0, 0xfa);
	CHECK_EQ(i8042_leds(d), 5);
	kbd(0xf0);
	EXPECT(0, 0xfa);
	kbd(0x00);
	EXPECT(0, 0xfa, 0x02);
	kbd(0xf0);
	EXPECT(0, 0xfa);
	kbd(0x03);				/* set 3 is refused */
	EXPECT(0, 0xfe);
	kbd(0xf3);
	EXPECT(0, 0xfa);
	kbd(0xf4);				/* a command instead of the parameter */
	EXPECT(0, 0xfa);
	kbd(0x17);
	EXPECT(0, 0xfe);
	key(30, true);				/* a */
	key(30, false);
	EXPECT(0, 0x1c, 0xf0, 0x1c);
	key(103, true);				/* up */
	key(103, false);
	EXPECT(0, 0xe0, 0x75, 0xe0, 0xf0, 0x75);
	key(65, true);				/* F7: the code above 0x7f */
	EXPECT(0, 0x83);
	key(119, true);
	key(119, false);
	EXPECT(0, 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
	CHECK_EQ(input_key(b->m, 84, true), -EINVAL);
	CHECK_EQ(input_key(b->m, 500, true), -EINVAL);
	kbd(0xf5);
	EXPECT(0, 0xfa);
	key(30, true);				/* disabled */
	CHECK(!full(), "nothing comes");
	kbd(0xf4);
	EXPECT(0, 0xfa);
}

/* Through the controller, as PCs run: what Linux and firmware see is set 1. */
static void test_translated(void)
{
	unsigned rises;

	reset();
	set_ctr(0x45);
	rises = b->rises[KBD];
	key(30, true);
	CHECK_EQ(b->level[KBD], 1);
	key(30, false);
	EXPECT(0, 0x1e, 0x9e);
	CHECK_EQ(b->rises[KBD], rises + 2);	/* an edge a byte */
	CHECK_EQ(b->level[KBD], 0);
	kbd(0xf2);
	EXPECT(0, 0xfa, 0xab, 0x41);		/* 0x83 translated: so real ones say */
	for (unsigned k = 1; k <= 88; k++) {
		if (k == 84 || k == 85)
			continue;
		key(k, true);
		key(k, false);
		EXPECT(0, (uint8_t)k, (uint8_t)(k | 0x80));
	}
	CHECK_EQ(input_send_keys(b->m, "ctrl-alt-delete"), 0);
	EXPECT(0, 0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d);
	CHECK_EQ(input_send_keys(b->m, "alt-sysrq-b"), 0);
	EXPECT(0, 0x38, 0x54, 0x30, 0xb0, 0xd4, 0xb8);
	CHECK_EQ(input_send_keys(b->m, "print"), 0);
	EXPECT(0, 0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa);
	CHECK_EQ(input_send_keys(b->m, "nosuchkey"), -EINVAL);
	CHECK_EQ(input_send_keys(b->m, "a-"), -EINVAL);
	CHECK_EQ(input_send_keys(b->m, ""), -EINVAL);
	CHECK(!full(), "nothing was pressed");
	/* the keyboard's own set 1, not translated */
	set_ctr(0x05);
	kbd(0xf0);
	kbd(0x01);
	while (full())
		data();
	key(111, true);
	key(111, false);
	EXPECT(0, 0xe0, 0x53, 0xe0, 0xd3);
	key(119, true);
	EXPECT(0, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
}

static void test_names(void)
{
	static const struct { const char *name; unsigned code; } some[] = {
		{ "a", 30 }, { "q", 16 }, { "z", 44 }, { "0", 11 }, { "1", 2 }, { "ret", 28 },
		{ "spc", 57 }, { "f1", 59 }, { "f9", 67 }, { "f10", 68 }, { "f12", 88 },
		{ "kp_5", 76 }, { "0x1e", 30 }, { "30", 30 }, { "shift", 42 }, { "up", 103 },
		{ "", 0 }, { "f0", 0 }, { "f13", 0 }, { "0x1eq", 0 }, { "A", 0 },
	};

	for (unsigned i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		CHECK(input_key_by_name(some[i].name) == some[i].code, "%s is %u", some[i].name,
		      input_key_by_name(some[i].name));
}

/* A guest that reads nothing: presses are refused, releases still fit, nothing else happens. */
static void test_overrun(void)
{
	unsigned pressed = 0, refused = 0;

	reset();
	set_ctr(0x04);
	for (unsigned k = 2; k < 60; k++) {
		int rc = input_key(b->m, k, true);

		pressed += !rc;
		refused += rc == -ENOSPC;
	}
	CHECK(pressed > 10 && pressed + refused == 58, "%u and %u", pressed, refused);
	CHECK_EQ(input_key(b->m, 2, false), 0);
	bus_save_load(b, d);
	for (unsigned i = 0; i < pressed; i++)
		CHECK(data() != 0xf0, "presses first");
	EXPECT(0, 0xf0, 0x16);
}

static void test_typematic(void)
{
	unsigned n = 0;

	reset();
	set_ctr(0x04);
	kbd(0xf3);
	kbd(0x00);				/* 250 ms, then 30 a second */
	while (full())
		data();
	key(30, true);
	EXPECT(0, 0x1c);
	clock_stop(b->m->clock);
	clock_set(b->m->clock, clock_now(b->m->clock) + 240000000);
	clock_run(b->m->clock);
	CHECK(!full(), "before the delay");
	WAIT_FOR(full());
	EXPECT(0, 0x1c);
	while (n < 3) {
		WAIT_FOR(full());
		CHECK_EQ(data(), 0x1c);
		n++;
	}
	bus_save_load(b, d);
	WAIT_FOR(full());			/* goes on after a move */
	key(30, false);
	while (full())
		n = data();
	CHECK_EQ(n, 0x1c);			/* the break code's last byte */
	usleep(80000);
	CHECK(!full(), "released");
}

static void test_mouse(void)
{
	reset();
	set_ctr(0x46);
	aux(0xff);
	EXPECT(1, 0xfa, 0xaa, 0x00);
	aux(0xf2);
	EXPECT(1, 0xfa, 0x00);
	aux(0xe9);
	EXPECT(1, 0xfa, 0x00, 2, 100);
	CHECK_EQ(input_motion(b->m, 5, 5, 0), 0);
	CHECK(!full(), "not enabled");
	aux(0xf4);
	EXPECT(1, 0xfa);
	CHECK_EQ(input_motion(b->m, 5, 3, 0), 0);	/* down is negative here */
	EXPECT(1, 0x28, 5, 0xfd);
	input_button(b->m, INPUT_RIGHT, true);
	EXPECT(1, 0x0a, 0, 0);
	input_button(b->m, INPUT_RIGHT, false);
	EXPECT(1, 0x08, 0, 0);
	input_motion(b->m, 300, 0, 0);		/* more than a report holds */
	EXPECT(1, 0x08, 127, 0, 0x08, 127, 0, 0x08, 46, 0);
	/* while one report waits, movement adds up and clicks are not lost */
	input_motion(b->m, 1, 0, 0);
	input_motion(b->m, 1, 0, 0);
	input_motion(b->m, 1, 0, 0);
	EXPECT(1, 0x08, 1, 0, 0x08, 2, 0);
	input_motion(b->m, 1, 0, 0);
	input_button(b->m, INPUT_LEFT, true);
	input_button(b->m, INPUT_LEFT, false);
	EXPECT(1, 0x08, 1, 0, 0x09, 0, 0, 0x08, 0, 0);
	/* the wheel */
	for (unsigned i = 0; i < 3; i++) {
		aux(0xf3);
		EXPECT(1, 0xfa);
		aux((const uint8_t[]){ 200, 100, 80 }[i]);
		EXPECT(1, 0xfa);
	}
	aux(0xf2);
	EXPECT(1, 0xfa, 3);
	input_motion(b->m, 0, 0, -1);
	EXPECT(1, 0x08, 0, 0, 0xff);
	for (unsigned i = 0; i < 3; i++) {
		aux(0xf3);
		aux((const uint8_t[]){ 200, 200, 80 }[i]);
		while (full())
			data();
	}
	aux(0xf2);
	EXPECT(1, 0xfa, 4);
	input_button(b->m, 8, true);
	EXPECT(1, 0x08, 0, 0, 0x10);
	input_motion(b->m, 2, 0, 1);
	bus_save_load(b, d);
	EXPECT(1, 0x08, 2, 0, 0x11);
	input_button(b->m, 8, false);
	EXPECT(1, 0x08, 0, 0, 0);
	aux(0xf0);				/* remote: only when asked */
	EXPECT(1, 0xfa);
	input_motion(b->m, 9, -9, 0);
	CHECK(!full(), "remote");
	aux(0xeb);
	EXPECT(1, 0xfa, 0x08, 9, 9, 0);
	aux(0xee);
	EXPECT(1, 0xfa);
	aux(0x55);
	EXPECT(1, 0x55);
	aux(0xec);
	EXPECT(1, 0xfa);
	aux(0xe8);
	EXPECT(1, 0xfa);
	aux(0x77);				/* no resolution, no command */
	EXPECT(1, 0xfe);
	aux(0xe7);
	aux(0xea);
	aux(0xf4);
	while (full())
		data();
	input_motion(b->m, 3, -20, 0);		/* scaled 2:1 */
	EXPECT(1, 0x08, 3, 40, 0);
	/* the clock held: the report waits */
	cmd(0xa7);
	input_motion(b->m, 1, 0, 0);
	CHECK(!full(), "held");
	cmd(0xa8);
	EXPECT(1, 0x08, 1, 0, 0);
	CHECK_EQ(b->level[AUX], 0);
	CHECK(b->rises[AUX] > 30, "an edge a byte");
}

/* State that no device holds is refused; a save of what was loaded is the same bytes. */
static void test_moves(void)
{
	struct state_buf one = { 0 }, two = { 0 };

	reset();
	key(30, true);
	cmd(0xd4);				/* awaiting a byte */
	CHECK_EQ(state_save(d, &one, &b->err), 0);
	CHECK_EQ(state_load(d, one.data, one.len, &b->err), 0);
	CHECK_EQ(state_save(d, &two, &b->err), 0);
	CHECK(one.len == two.len && !memcmp(one.data, two.data, one.len), "save, load, save");
	out(0x60, 0xf2);
	CHECK_EQ(data(), 0x1e);			/* the key came before the mouse's answer */
	EXPECT(1, 0xfa, 0x00);
	free(one.data);
	free(two.data);
}

int main(void)
{
	b = bus_new();
	d = bus_new_dev(b, "i8042");
	CHECK_EQ(input_key(b->m, 30, true), -ENODEV);
	if (dev_init(d, &b->err) || dev_map(d, 0, b->m->pio, 0x60, &b->err) ||
	    dev_map(d, 1, b->m->pio, 0x64, &b->err))
		bus_fail(b, "i8042");
	dev_connect(d, 0, bus_wire, b, KBD);
	dev_connect(d, 1, bus_wire, b, AUX);
	machine_reset(b->m, RESET_COLD);
	test_controller();
	test_keyboard();
	test_translated();
	test_names();
	test_overrun();
	test_typematic();
	test_mouse();
	test_moves();
	bus_free(b);
	return check_done();
}
