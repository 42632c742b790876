/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8254 against one that really counts, clock by clock, and channel 0's line. */
#include "tests/dev/chips.h"

#define HZ 1193182u

static struct board *b;

static uint64_t tick_ns(uint64_t t) { return clock_ticks_to_ns(t, HZ); }

/* ---- the model: what the data sheet says happens at each CLK ---- */

struct model {
	unsigned mode, cr, new_cr, ce, gate, out;
	bool bcd, have_cr, have_new, load, counting, trigger, strobe_done, odd_extra;
};

static unsigned span(const struct model *m) { return m->bcd ? 10000 : 0x10000; }

static void model_mode(struct model *m, unsigned mode, bool bcd)
{
	unsigned gate = m->gate;

	*m = (struct model){ .mode = mode, .bcd = bcd, .gate = gate, .out = mode != 0 };
}

static void model_count(struct model *m, unsigned n)
{
	m->new_cr = n ? n : span(m);
	m->have_new = true;
	if (m->mode == 0) {
		m->out = 0;
		m->counting = false;
	}
	/* periodic ones in motion wait for the end; triggered ones for the trigger */
	if (m->mode == 0 || m->mode == 4 || ((m->mode == 2 || m->mode == 3) && !m->have_cr))
		m->load = true;
}

static void model_gate(struct model *m, unsigned gate)
{
	if (gate && !m->gate && m->mode != 0 && m->mode != 4 && (m->have_cr || m->have_new)) {
		m->trigger = true;
		m->load = true;
	}
	m->gate = gate;
	if (!gate && (m->mode == 2 || m->mode == 3))
		m->out = 1;
}

static void model_take(struct model *m)
{
	if (m->have_new)
		m->cr = m->new_cr;
	m->have_cr = true;
	m->have_new = false;
	m->ce = m->mode == 3 ? m->cr & ~1u : m->cr;
}

static void model_clk(struct model *m)
{
	if (m->load) {
		m->load = false;
		model_take(m);
		m->counting = true;
		m->strobe_done = false;
		m->odd_extra = false;
		m->out = m->mode != 0 && m->mode != 1;
		return;
	}
	if (!m->counting || (!m->gate && m->mode != 1 && m->mode != 5))
		return;
	switch (m->mode) {
	case 0:
	case 1:
		m->ce = (m->ce + span(m) - 1) % span(m);
		if (!m->ce)
			m->out = 1;
		break;
	case 2:
		if (m->ce == 1) {
			model_take(m);
			m->out = 1;
		} else if (--m->ce == 1) {
			m->out = 0;
		}
		break;
	case 3:
		if (m->odd_extra) {		/* the high part's extra clock */
			m->odd_extra = false;
			m->out = 0;
			model_take(m);
			break;
		}
		m->ce -= 2;
		if (m->ce)
			break;
		if (m->out && m->cr & 1) {
			m->odd_extra = true;
		} else {
			m->out = !m->out;
			model_take(m);
		}
		break;
	default:
		m->ce = (m->ce + span(m) - 1) % span(m);
		m->out = m->ce || m->strobe_done;
		m->strobe_done |= !m->ce;
	}
}

/* ---- the device ---- */

static unsigned to_bcd(unsigned v)
{
	return v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
}

static unsigned latch2(void)
{
	unsigned v;

	outb(b, 0x43, 0x80);
	v = inb(b, 0x42);
	return v | inb(b, 0x42) << 8;
}

static void count2(unsigned raw)
{
	outb(b, 0x42, raw & 0xff);
	outb(b, 0x42, raw >> 8);
}

static void test_model(void)
{
	struct model m = { .gate = 0 };
	uint64_t t = 1000;
	unsigned shown = 0;

	at(b, tick_ns(t));
	outb(b, 0x61, 0);
	outb(b, 0x43, 0xb0);
	model_mode(&m, 0, false);
	for (unsigned step = 0; step < 60000; step++) {
		unsigned op = rnd(24), n, ticks;

		if (op == 0) {
			unsigned mode = rnd(6), bcd = rnd(4) == 0;

			/* modes 2 and 3 have two numbers each */
			outb(b, 0x43, 0xb0 | mode << 1 | (mode / 2 == 1 && rnd(2) ? 8 : 0) | bcd);
			model_mode(&m, mode, bcd);
			op = 1;
		}
		if (op == 1 || op == 2) {
			n = rnd(8) ? 2 + rnd(30) : rnd(4) ? 2 + rnd(300) : 0;
			count2(m.bcd ? to_bcd(n) : n);
			model_count(&m, n);
		} else if (op == 3 || op == 4) {
			n = rnd(2);
			outb(b, 0x61, n);
			model_gate(&m, n);
		} else if (op == 5) {
			round_trip(b, b->pit);
		}
		ticks = 1 + (rnd(3) ? rnd(8) : rnd(100));
		for (; ticks; ticks--) {
			model_clk(&m);
			t++;
		}
		at(b, tick_ns(t));
		if (((inb(b, 0x61) >> 5) & 1) != m.out && shown++ < 5)
			CHECK(0, "step %u tick %llu: mode %u OUT is %u: cr %u ce %u gate %u", step,
			      (unsigned long long)t, m.mode, !m.out, m.cr, m.ce, m.gate);
		if (m.have_cr && rnd(2)) {
			unsigned v = latch2(), want = m.ce % span(&m);

			want = m.bcd ? to_bcd(want) : want;
			if (v != want && shown++ < 5)
				CHECK(0, "step %u: mode %u count is %u, not %u (cr %u gate %u)",
				      step, m.mode, v, want, m.cr, m.gate);
		}
	}
	CHECK_EQ(shown, 0);
}

/* ---- access ---- */

static void test_access(void)
{
	at(b, tick_ns(5000000));
	outb(b, 0x61, 1);
	/* low byte only */
	outb(b, 0x43, 0x90);
	outb(b, 0x42, 0x80);
	pass(b, tick_ns(3));
	CHECK(inb(b, 0x42) <= 0x80 && inb(b, 0x42) >= 0x7c, "low byte");
	/* high byte only */
	outb(b, 0x43, 0xa0);
	outb(b, 0x42, 0x12);
	pass(b, tick_ns(3));
	CHECK_EQ(inb(b, 0x42), 0x11);
	/* both, unlatched: low and high in turn */
	outb(b, 0x43, 0xb4);
	count2(0x1234);
	at(b, tick_ns(6000000));
	(void)inb(b, 0x42);
	(void)inb(b, 0x42);
	/* the latch holds, the second command is ignored; status first, then the count */
	outb(b, 0x43, 0xb4);
	count2(0x3000);
	pass(b, tick_ns(1) + 1);
	outb(b, 0x43, 0x80);
	pass(b, tick_ns(0x100));
	outb(b, 0x43, 0x80);
	outb(b, 0x43, 0xe8);			/* read-back: status of channel 2 */
	CHECK_EQ(inb(b, 0x42), 0x80 | 0x34);	/* OUT, both bytes, mode 2 */
	CHECK_EQ(inb(b, 0x42) | inb(b, 0x42) << 8, 0x3000);
	CHECK((inb(b, 0x42) | inb(b, 0x42) << 8) <= 0x2f02, "live again");
	/* null count: until it is loaded, and while a new one waits */
	outb(b, 0x43, 0xb4);
	outb(b, 0x43, 0xe8);
	CHECK_EQ(inb(b, 0x42), 0xf4);
	count2(1000);
	outb(b, 0x43, 0xe8);
	CHECK_EQ(inb(b, 0x42), 0xf4);
	pass(b, tick_ns(10));
	outb(b, 0x43, 0xe8);
	CHECK_EQ(inb(b, 0x42), 0xb4);
	count2(500);
	outb(b, 0x43, 0xe8);
	CHECK_EQ(inb(b, 0x42), 0xf4);
	pass(b, tick_ns(1000));
	outb(b, 0x43, 0xe8);
	CHECK_EQ(inb(b, 0x42), 0xb4);
	/* count and status of all by one command */
	outb(b, 0x43, 0xce);
	for (unsigned i = 0; i < 3; i++) {
		(void)inb(b, (uint16_t)(0x40 + i));
		(void)inb(b, (uint16_t)(0x40 + i));
		(void)inb(b, (uint16_t)(0x40 + i));
	}
	CHECK_EQ(inb(b, 0x43), 0xff);
}

static void test_port61(void)
{
	unsigned changes = 0, was, v;

	at(b, UINT64_C(20000000000));
	outb(b, 0x61, 3);
	CHECK_EQ(inb(b, 0x61) & 3, 3);
	outb(b, 0x61, 0xfe);
	CHECK_EQ(inb(b, 0x61) & 0xcf, 2);
	was = inb(b, 0x61) & 0x10;
	for (unsigned i = 0; i < 1000; i++) {	/* every 15.085 us */
		pass(b, 1000);
		v = inb(b, 0x61) & 0x10;
		changes += v != was;
		was = v;
	}
	CHECK(changes == 66 || changes == 67, "%u refresh changes in a millisecond", changes);
}

/* ---- channel 0's line, seen through the PIC ---- */

static bool edge0(void)			/* since the last call */
{
	bool was;

	outb(b, 0x43, 0xf0);		/* a read-back of nothing: what is due is delivered */
	outb(b, 0x20, 0x0a);
	was = inb(b, 0x20) & 1;
	outb(b, 0x20, 0x0c);		/* poll: taken */
	(void)inb(b, 0x20);
	outb(b, 0x20, 0x20);
	return was;
}

static void start0(unsigned control, unsigned count)
{
	outb(b, 0x43, control);
	outb(b, 0x40, count & 0xff);
	outb(b, 0x40, count >> 8);
}

/* A day of ticks at 1000 Hz or so, looked at late and irregularly. */
static void test_drift(unsigned control, unsigned count)
{
	uint64_t start, k = 1;

	at(b, UINT64_C(30000000001));
	(void)edge0();
	start0(control, count);
	start = clock_ns_to_ticks(now(b), HZ) + 1;
	CHECK(!edge0(), "nothing yet");
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t edge = tick_ns(start + k * count);

		at(b, edge - 1);
		CHECK(!edge0(), "mode %u: early at period %llu", control >> 1 & 7,
		      (unsigned long long)k);
		/* late by less than a period, now and then by many: then one edge for all */
		pass(b, 1 + rnd((unsigned)tick_ns(count) - 2));
		CHECK(edge0(), "mode %u: none at period %llu", control >> 1 & 7,
		      (unsigned long long)k);
		k++;
		if (!rnd(10)) {
			k += 1 + rnd(10000);
			at(b, tick_ns(start + (k - 1) * count));
			CHECK(edge0(), "one edge for all that were missed");
		}
		if (!rnd(16))
			round_trip(b, b->pit);
	}
	CHECK(k > 5000000, "over %llu periods", (unsigned long long)k);
}

static void test_one_shot(void)
{
	uint64_t start;

	for (unsigned mode = 0; mode <= 4; mode += 4) {
		pass(b, 1000000);
		(void)edge0();
		start0(0x30 | mode << 1, 2000);
		start = clock_ns_to_ticks(now(b), HZ) + 1;
		at(b, tick_ns(start + 2000 + (mode == 4)) - 1);
		CHECK(!edge0(), "mode %u: early", mode);
		/* due, not delivered, saved and restored: not lost */
		pass(b, 1);
		round_trip(b, b->pit);
		CHECK(edge0(), "mode %u: late", mode);
		pass(b, UINT64_C(1000000000));
		CHECK(!edge0(), "mode %u: once", mode);
		round_trip(b, b->pit);
		CHECK(!edge0(), "mode %u: not again after a restore", mode);
	}
	/* a count of one never makes an edge in the periodic modes */
	start0(0x34, 1);
	pass(b, 1000000);
	CHECK(!edge0(), "mode 2 by one");
	/* one byte of two stops mode 0 */
	start0(0x30, 100);
	outb(b, 0x40, 100);
	pass(b, 10000000);
	CHECK(!edge0(), "waits for the second byte");
	outb(b, 0x40, 0);
	pass(b, 10000000);
	CHECK(edge0(), "and goes on");
	/* a new period follows the one that runs */
	start0(0x34, 1000);
	start = clock_ns_to_ticks(now(b), HZ) + 1;
	at(b, tick_ns(start + 400));
	outb(b, 0x40, 5000 & 0xff);
	outb(b, 0x40, 5000 >> 8);
	at(b, tick_ns(start + 1000));
	CHECK(edge0(), "the old one's end");
	at(b, tick_ns(start + 6000) - 1);
	CHECK(!edge0(), "the new one's length");
	pass(b, 1);
	CHECK(edge0(), "the new one's end");
}

static void test_legacy(void)
{
	start0(0x34, 1000);
	irqchip_pit_legacy_off(b->m, true);
	pass(b, 10000000);
	CHECK(!edge0(), "the line is another's");
	irqchip_pit_legacy_off(b->m, false);
	CHECK(!edge0(), "nothing is made up for");
	pass(b, 1000000);
	CHECK(edge0(), "back");
	CHECK_EQ(b->legacy_calls, 0);
	irqchip_set_home(b->m, IRQCHIP_KERNEL);
	irqchip_pit_legacy_off(b->m, true);
	CHECK(b->legacy_calls == 1 && b->last_legacy, "the engine is told");
	CHECK_EQ(b->m->irqchip->pit->legacy_off, 1);
	irqchip_set_home(b->m, IRQCHIP_USER);
	irqchip_pit_legacy_off(b->m, false);
}

/* The clock's thread delivers by itself; a guest that asks for a million a second is held back. */
static void test_running(void)
{
	unsigned irr = 0;

	start0(0x34, 1193);
	clock_run(b->m->clock);
	for (unsigned n = 0; n < 20; n++) {
		WAIT_FOR((outb(b, 0x20, 0x0a), irr = inb(b, 0x20) & 1));
		outb(b, 0x20, 0x0c);
		(void)inb(b, 0x20);
		outb(b, 0x20, 0x20);
	}
	start0(0x34, 2);
	usleep(5000);
	start0(0x30, 65535);
	clock_stop(b->m->clock);
	(void)edge0();
}

static void test_hostile(void)
{
	struct state_buf s = { 0 };

	CHECK_EQ(state_save(b->pit, &s, &b->err), 0);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t *bad = malloc(s.len);

		memcpy(bad, s.data, s.len);
		for (unsigned n = 1 + rnd(3); n; n--)
			bad[rnd((unsigned)s.len)] = (uint8_t)rnd(256);
		if (!state_load(b->pit, bad, s.len, &b->err))
			round_trip(b, b->pit);
		for (unsigned n = 0; n < 8; n++) {
			outb(b, (uint16_t)(0x40 + rnd(4)), rnd(256));
			(void)inb(b, (uint16_t)(0x40 + rnd(4)));
		}
		outb(b, 0x61, rnd(256));
		(void)inb(b, 0x61);
		pass(b, rnd(100000000));
		free(bad);
	}
	/* the next count of a wave that has none now */
	s.len = 0;
	machine_reset(b->m, RESET_COLD);
	b->m->irqchip->pit->channel[2] = (struct pit_channel){
		.mode = 3, .gate = 1, .rw_mode = 3, .next_count = 5, .next_at = 2000000 };
	CHECK_EQ(state_save(b->pit, &s, &b->err), 0);
	if (!state_load(b->pit, s.data, s.len, &b->err)) {
		pass(b, 100000000);
		(void)inb(b, 0x42);
		CHECK(0, "impossible count");
	}
	free(s.data);
}

int main(void)
{
	b = board_new(1, BOARD_PIC | BOARD_PIT);
	pic_start(b, 0, 0);
	test_model();
	test_access();
	test_port61();
	test_drift(0x34, 1193);
	test_drift(0x36, 1192);
	test_drift(0x36, 997);
	test_one_shot();
	test_legacy();
	test_running();
	test_hostile();
	board_free(b);
	return check_done();
}
