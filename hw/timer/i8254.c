/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's interval timer (Intel 8254 data sheet, order number 231164-005) and port
 * 0x61, which has the gate and output of its channel 2.
 *
 * Time is a grid of clock ticks that begins at virtual 0. Nothing counts: where a
 * counter is follows from when it was loaded, always on the grid, so periods do not
 * drift however late a timer fires. A count written takes one tick to be loaded.
 *
 * Channel 0's line carries a pulse at each rising edge of its output, the only thing
 * that its inputs (edge-triggered, all three) react to: one event a period instead
 * of two, and no level to lose when chips move. `due` is the next edge not yet
 * delivered; the only thing here that does not follow from the registers, since an
 * edge may be due, and not delivered, when the machine stops. While the chip is lent
 * `due` is 0: to be worked out.
 */
#include <errno.h>

#include "hw/core/irqchip.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/bits.h"

#define PIT_HZ 1193182u

/* Shorter periods are skipped through, so that a guest cannot keep the clock's thread busy. */
#define MIN_PERIOD_NS UINT64_C(50000)

/* Port 0x61 bit 4 changes with each refresh cycle of AT memory. */
#define REFRESH_NS 15085u

enum { RW_LATCH, RW_LOW, RW_HIGH, RW_BOTH };
enum { P61_GATE2 = 0x01, P61_SPEAKER = 0x02, P61_REFRESH = 0x10, P61_OUT2 = 0x20 };
enum { STATUS_NULL = 0x40, STATUS_OUT = 0x80 };

struct i8254 {
	struct dev dev;
	struct pit_state pit;
	uint64_t due;			/* virtual ns */
	struct timer timer;
};

static uint64_t tick(uint64_t ns)
{
	return clock_ns_to_ticks(ns, PIT_HZ);
}

static uint64_t tick_ns(uint64_t t)
{
	return clock_ticks_to_ns(t, PIT_HZ);
}

/* ---- one counter ---- */

static bool periodic(const struct pit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

static bool triggered(const struct pit_channel *c)	/* by its gate */
{
	return c->mode == 1 || c->mode == 5;
}

/* `start` is how long it ran. */
static bool held(const struct pit_channel *c)
{
	return !c->gate && !triggered(c);
}

static bool started(const struct pit_channel *c)
{
	return c->start != TIMER_NEVER;
}

/* Length of a square wave's high part. */
static uint64_t high_part(uint32_t count)
{
	return (count + 1) / 2;
}

/* Ticks since it was loaded. */
static uint64_t elapsed(const struct pit_channel *c, uint64_t now)
{
	if (held(c))
		return tick(c->start);
	return now < c->start ? 0 : tick(now) - tick(c->start);
}

/* Takes over a count that was written for the end of the (half) period, at its time. */
static void settle(struct pit_channel *c, uint64_t now)
{
	uint64_t at, back = 0;

	if (!c->next_count || !periodic(c) || held(c) || !started(c) || now < c->next_at)
		return;
	at = tick(c->next_at);
	/* In the middle of a wave: the new count begins with its low part. */
	if (c->mode == 3 && at > tick(c->start) && (at - tick(c->start)) % c->count)
		back = MIN(high_part(c->next_count), at);
	c->start = tick_ns(at - back);
	c->count = c->next_count;
	c->next_count = 0;
}

static bool output(const struct pit_channel *c, uint64_t now)
{
	uint64_t t = elapsed(c, now);

	if (!started(c) || !c->count || (!held(c) && now < c->start))
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1: return t >= c->count;
	case 2: return held(c) || c->count == 1 || t % c->count != c->count - 1;
	case 3: return held(c) || t % c->count < high_part(c->count);
	default: return t != c->count;
	}
}

/* Tick of the first rising edge of the output after tick `from`; UINT64_MAX: none. */
static uint64_t next_rise(const struct pit_channel *c, uint64_t from)
{
	uint64_t start = tick(c->start), at;

	if (!started(c) || !c->count || held(c))
		return UINT64_MAX;
	switch (c->mode) {
	case 0:
	case 1: at = start + c->count; break;
	case 2:
	case 3:
		if (c->count == 1)
			return UINT64_MAX;
		at = from < start ? start : start + (from - start) / c->count * c->count;
		at += c->count;
		break;
	default: at = start + c->count + 1;
	}
	if (periodic(c) && c->next_count && at > tick(c->next_at)) {
		struct pit_channel next = *c;

		from = MAX(from, tick(c->next_at));
		settle(&next, c->next_at);
		return next.next_count ? UINT64_MAX : next_rise(&next, from);
	}
	return at > from ? at : UINT64_MAX;
}

/* What a read of the counting element gives. */
static uint16_t value(const struct pit_channel *c, uint64_t now)
{
	uint32_t span = c->bcd ? 10000 : 0x10000, v = c->count;
	uint64_t t = elapsed(c, now);

	if (!started(c) || !c->count) {
		v = c->count % span;
	} else if (c->mode == 2) {
		v = (uint32_t)(c->count - t % c->count);
	} else if (c->mode == 3) {
		/* counts by two, an odd count's lowest bit as an extra tick of the high part */
		t %= c->count;
		t = t < high_part(c->count) ? t : t - high_part(c->count);
		v = (uint32_t)((c->count & ~1u) - 2 * t);
	} else {
		v = (uint32_t)((c->count + span - t % span) % span);
	}
	v %= span;
	if (c->bcd)
		v = v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
	return (uint16_t)v;
}

static void load(struct pit_channel *c, uint16_t raw, uint64_t now)
{
	uint32_t n = raw, from = c->count;
	uint64_t t, into;

	if (c->bcd)
		n = (raw >> 12) * 1000 + (raw >> 8 & 15) * 100 + (raw >> 4 & 15) * 10 + (raw & 15);
	if (!n)
		n = c->bcd ? 10000 : 0x10000;
	settle(c, now);
	if (started(c) && (triggered(c) || (periodic(c) && from && held(c)))) {
		c->next_count = n;	/* from the next trigger on */
		return;
	}
	if (periodic(c) && started(c) && from && now >= c->start) {
		t = tick(now);
		into = (t - tick(c->start)) % from;
		t -= into;
		c->next_at = tick_ns(t + (c->mode == 3 && into < high_part(from) ?
					  high_part(from) : from));
		c->next_count = n;
		return;
	}
	c->count = n;
	c->next_count = 0;
	if (triggered(c))
		return;
	c->start = held(c) ? 0 : tick_ns(tick(now) + 1);
}

static void set_gate(struct pit_channel *c, bool on, uint64_t now)
{
	uint64_t t = tick(now), ran;

	if (on == c->gate)
		return;
	settle(c, now);
	ran = elapsed(c, now);
	c->gate = on;
	if (!c->count)
		return;
	if (!on) {
		if (!triggered(c) && started(c))
			c->start = tick_ns(ran);
		return;
	}
	if (c->mode == 0 || c->mode == 4) {
		if (started(c))
			c->start = tick_ns(t > ran ? t - ran : 0);
		return;
	}
	if (c->next_count)
		c->count = c->next_count;
	c->next_count = 0;
	c->start = tick_ns(t + 1);
}

/* ---- channel 0's line ---- */

static bool lent(struct i8254 *s)
{
	return irqchip_ioapic_lent(s->dev.machine->irqchip);
}

/* From the registers: the next edge is in the future. */
static void work_out(struct i8254 *s, uint64_t now)
{
	struct pit_channel *c = &s->pit.channel[0];
	uint64_t from = tick(now), at;

	s->due = lent(s) ? 0 : TIMER_NEVER;
	if (s->pit.legacy_off || lent(s))
		return;
	if (periodic(c) && tick_ns(c->count) < MIN_PERIOD_NS)
		from += tick(MIN_PERIOD_NS);
	at = next_rise(c, from);
	if (at != UINT64_MAX)
		s->due = tick_ns(at);
}

/* Delivers an edge that is due. */
static void catch_up(struct i8254 *s, uint64_t now)
{
	if (lent(s) || now < s->due)
		return;
	irqchip_gsi(s->dev.machine, 0, 1);
	irqchip_gsi(s->dev.machine, 0, 0);
	settle(&s->pit.channel[0], now);
	work_out(s, now);
}

static void rearm(struct i8254 *s)
{
	timer_set(&s->timer, lent(s) ? TIMER_NEVER : s->due);
}

static void i8254_fired(void *opaque)
{
	struct i8254 *s = opaque;

	dev_lock(&s->dev);
	catch_up(s, dev_now(&s->dev));
	rearm(s);
	dev_unlock(&s->dev);
}

/* ---- registers ---- */

static void latch_count(struct pit_channel *c, uint64_t now)
{
	if (c->count_latched)
		return;		/* "the first command's count is read" */
	settle(c, now);
	c->latched_count = value(c, now);
	c->count_latched = c->rw_mode;
}

static void latch_status(struct pit_channel *c, uint64_t now)
{
	bool null;

	if (c->status_latched)
		return;
	settle(c, now);
	null = !started(c) || !c->count || c->next_count || (!held(c) && now < c->start);
	c->status = (uint8_t)((output(c, now) ? STATUS_OUT : 0) | (null ? STATUS_NULL : 0) |
			      c->rw_mode << 4 | c->mode << 1 | c->bcd);
	c->status_latched = 1;
}

static void write_control(struct i8254 *s, unsigned val, uint64_t now)
{
	unsigned n = val >> 6, rw = val >> 4 & 3, mode = val >> 1 & 7;
	struct pit_channel *c = &s->pit.channel[n % 3];

	if (n == 3) {			/* read-back: bits 5 and 4 are active low */
		for (unsigned i = 0; i < 3; i++) {
			if (!(val >> 1 & 1u << i))
				continue;
			if (!(val & 0x20))
				latch_count(&s->pit.channel[i], now);
			if (!(val & 0x10))
				latch_status(&s->pit.channel[i], now);
		}
		return;
	}
	if (rw == RW_LATCH) {
		latch_count(c, now);
		return;
	}
	c->rw_mode = (uint8_t)rw;
	c->mode = (uint8_t)(mode > 5 ? mode - 4 : mode);
	c->bcd = val & 1;
	c->count = c->next_count = 0;
	c->next_at = 0;
	c->start = TIMER_NEVER;
	c->read_step = c->write_step = c->write_latch = 0;
	c->count_latched = c->status_latched = 0;
}

static void write_count(struct pit_channel *c, uint8_t val, uint64_t now)
{
	switch (c->rw_mode) {
	case RW_LOW: load(c, val, now); break;
	case RW_HIGH: load(c, (uint16_t)(val << 8), now); break;
	default:
		if (!c->write_step) {
			c->write_latch = val;
			c->write_step = 1;
			if (c->mode == 0)	/* the first byte stops the count */
				c->start = TIMER_NEVER;
		} else {
			c->write_step = 0;
			load(c, (uint16_t)(val << 8 | c->write_latch), now);
		}
	}
}

static uint8_t read_count(struct pit_channel *c, uint64_t now)
{
	uint16_t v = c->latched_count;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if (c->count_latched) {
		bool high = c->count_latched == RW_HIGH;

		c->count_latched = c->count_latched == RW_BOTH ? RW_HIGH : 0;
		return (uint8_t)(high ? v >> 8 : v);
	}
	settle(c, now);
	v = value(c, now);
	if (c->rw_mode == RW_BOTH)
		c->read_step ^= 1;
	return (uint8_t)(c->rw_mode == RW_HIGH || (c->rw_mode == RW_BOTH && !c->read_step) ?
			 v >> 8 : v);
}

static uint64_t pit_read(struct dev *d, uint64_t off, unsigned size)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);

	if (off == 3 || lent(s))
		return 0xff;		/* the control word cannot be read */
	return read_count(&s->pit.channel[off], dev_now(d));
}

static void pit_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);
	uint64_t now = dev_now(d);

	if (lent(s))
		return;
	catch_up(s, now);
	if (off == 3)
		write_control(s, (unsigned)val, now);
	else
		write_count(&s->pit.channel[off], (uint8_t)val, now);
	work_out(s, now);
	rearm(s);
}

static uint64_t port61_read(struct dev *d, uint64_t off, unsigned size)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);
	struct pit_channel *c = &s->pit.channel[2];
	uint64_t now = dev_now(d);

	settle(c, now);
	return (c->gate ? P61_GATE2 : 0) | (s->pit.speaker_data ? P61_SPEAKER : 0) |
	       (now / REFRESH_NS & 1 ? P61_REFRESH : 0) | (output(c, now) ? P61_OUT2 : 0);
}

static void port61_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);

	if (lent(s))
		return;
	set_gate(&s->pit.channel[2], val & P61_GATE2, dev_now(d));
	s->pit.speaker_data = !!(val & P61_SPEAKER);
}

/* ---- life ---- */

static void i8254_legacy_off(struct dev *d, bool off)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);
	uint64_t now = dev_now(d);

	dev_lock(d);
	catch_up(s, now);
	s->pit.legacy_off = off;
	work_out(s, now);
	rearm(s);
	dev_unlock(d);
}

static void i8254_lend(struct dev *d)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);

	dev_lock(d);
	catch_up(s, dev_now(d));
	s->due = 0;
	timer_set(&s->timer, TIMER_NEVER);
	dev_unlock(d);
}

static void i8254_back(struct dev *d)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);

	dev_lock(d);
	if (!s->due)
		work_out(s, dev_now(d));
	rearm(s);
	dev_unlock(d);
}

static int i8254_init(struct dev *d, struct err *e)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);
	struct irqchip *c = irqchip_get(d->machine, e);

	if (!c)
		return -ENOMEM;
	if (c->pit_dev)
		return err_set(e, EEXIST, "the machine has an 8254 already");
	timer_init(&s->timer, d->machine->clock, i8254_fired, s);
	s->due = TIMER_NEVER;
	c->pit_dev = d;
	c->pit = &s->pit;
	c->pit_legacy_off = i8254_legacy_off;
	c->lend[IRQCHIP_PIT] = i8254_lend;
	c->back[IRQCHIP_PIT] = i8254_back;
	return 0;
}

static void i8254_fini(struct dev *d)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);

	timer_fini(&s->timer);
	d->machine->irqchip->pit_dev = NULL;
	d->machine->irqchip->pit = NULL;
}

/* The data sheet leaves it undefined; here it stands still until it is programmed. */
static void i8254_reset(struct dev *d, enum reset_kind kind)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);

	for (unsigned i = 0; i < 3; i++) {
		s->pit.channel[i].rw_mode = RW_BOTH;
		s->pit.channel[i].gate = i != 2;
		s->pit.channel[i].start = TIMER_NEVER;
	}
	work_out(s, dev_now(d));
	rearm(s);
}

static int i8254_loaded(struct dev *d, struct err *e)
{
	struct i8254 *s = DEV_STATE(struct i8254, d);

	for (unsigned i = 0; i < 3; i++) {
		const struct pit_channel *c = &s->pit.channel[i];

		/* a count that waits follows one that runs: it is divided by that one */
		if (c->count > 0x10000 || c->next_count > 0x10000 || c->count_latched > 3 ||
		    (c->next_count && !c->count) ||
		    c->rw_mode < RW_LOW || c->rw_mode > RW_BOTH || c->mode > 5 ||
		    (c->status_latched | c->read_step | c->write_step | c->bcd | c->gate) > 1)
			return err_set(e, EINVAL, "8254 channel %u: impossible state", i);
	}
	if (s->pit.speaker_data > 1 || s->pit.legacy_off > 1)
		return err_set(e, EINVAL, "8254: a flag is no truth value");
	if (lent(s))
		s->due = 0;
	else if (!s->due)		/* saved while the chip was lent */
		work_out(s, dev_now(d));
	rearm(s);
	return 0;
}

const struct field pit_channel_fields[] = {
	FIELD(struct pit_channel, count),
	FIELD(struct pit_channel, next_count),
	FIELD(struct pit_channel, latched_count),
	FIELD(struct pit_channel, count_latched),
	FIELD(struct pit_channel, status_latched),
	FIELD(struct pit_channel, status),
	FIELD(struct pit_channel, read_step),
	FIELD(struct pit_channel, write_step),
	FIELD(struct pit_channel, write_latch),
	FIELD(struct pit_channel, rw_mode),
	FIELD(struct pit_channel, mode),
	FIELD(struct pit_channel, bcd),
	FIELD(struct pit_channel, gate),
	FIELD(struct pit_channel, start),
	FIELD(struct pit_channel, next_at),
	FIELD_END
};

const struct field pit_fields[] = {
	FIELD_SUB(struct pit_state, channel, struct pit_channel, pit_channel_fields),
	FIELD(struct pit_state, speaker_data),
	FIELD(struct pit_state, legacy_off),
	FIELD_END
};

const struct dev_type dev_i8254 = {
	.name = "i8254",
	.help = "the PC's interval timer, and port 0x61",
	.size = sizeof(struct i8254),
	.regions = (const struct region[]){
		{ "pit", 4, 1, 1, 0, pit_read, pit_write },
		{ "port61", 1, 1, 1, 0, port61_read, port61_write } },
	.nr_regions = 2,
	.state = (const struct field[]){
		FIELD_SUB(struct i8254, pit, struct pit_state, pit_fields),
		FIELD(struct i8254, due),
		FIELD_SKIP(struct i8254, timer, "armed for due"),
		FIELD_END },
	.init = i8254_init,
	.reset = i8254_reset,
	.loaded = i8254_loaded,
	.fini = i8254_fini,
};
