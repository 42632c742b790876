/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IA-PC HPET (specification 1.0a, section 2.3): one 64-bit counter of 100 MHz and
 * up to eight comparators.
 *
 * The counter is virtual time plus an offset; nothing ticks. What a comparator
 * waits for is kept in ticks of virtual time (`due`), which never wrap, so periods
 * and 32-bit wraps are exact sums, and late handling loses no time: a periodic
 * comparator moves on by whole periods.
 */
#include "hw/timer/hpet.h"

#include <errno.h>
#include <inttypes.h>

#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/bits.h"

enum { CAP = 0x000, CONFIG = 0x010, STATUS = 0x020, COUNTER = 0x0f0, TIMERS = 0x100,
       TIMER_SIZE = 0x20, T_CONFIG = 0x00, T_COMPARE = 0x08, T_FSB = 0x10, REGS_SIZE = 0x400 };
enum { CONFIG_ENABLE = 1, CONFIG_LEGACY = 2 };
enum { T_LEVEL = 0x2, T_INT = 0x4, T_PERIODIC = 0x8, T_CAN_PERIODIC = 0x10, T_IS_64BIT = 0x20,
       T_SET_VALUE = 0x40, T_32BIT = 0x100, T_ROUTE_SHIFT = 9, T_ROUTE = 0x3e00,
       T_FSB_ON = 0x4000, T_FSB_CAP = 0x8000 };

#define TICK_NS	   10u
#define PERIOD_FS  UINT64_C(10000000)
#define MAX_TIMERS 8
/* Routes offered: 2, 8 and 16 to 19; PCI slots that exist use 20 to 23 (q35_pirq). */
#define ROUTES	   UINT64_C(0x000f0104)
/*
 * A comparator that is set to a value just gone by fires at once. Hardware would
 * wait for the wrap; its CPUs do not lose milliseconds between two instructions.
 */
#define JUST_GONE  UINT64_C(1000000)		/* 10 ms */
#define MIN_PERIOD 2000u			/* 20 us: handlers no more often than that */

struct hpet_timer {
	uint64_t config;		/* without the constant bits */
	uint64_t compare;
	uint64_t period;
	uint64_t fsb;			/* address and data */
	uint64_t due;			/* ticks of virtual time; TIMER_NEVER */
};

struct hpet {
	struct dev dev;
	uint32_t timers;
	uint64_t config, status;
	uint64_t counter;		/* running: minus virtual time in ticks; else the value */
	bool rtc;			/* the RTC's line */
	struct hpet_timer t[MAX_TIMERS];
	struct timer timer;
};

static const struct field timer_fields[] = {
	FIELD(struct hpet_timer, config), FIELD(struct hpet_timer, compare),
	FIELD(struct hpet_timer, period), FIELD(struct hpet_timer, fsb),
	FIELD(struct hpet_timer, due),
	FIELD_END
};

static uint64_t ticks_now(struct hpet *h)
{
	return dev_now(&h->dev) / TICK_NS;
}

static bool running(const struct hpet *h)
{
	return h->config & CONFIG_ENABLE;
}

static uint64_t counter_now(struct hpet *h)
{
	return running(h) ? h->counter + ticks_now(h) : h->counter;
}

static uint64_t width(const struct hpet_timer *t)
{
	return mask_bits(t->config & T_32BIT ? 32 : 64);
}

unsigned hpet_block_id(struct dev *d)
{
	/* Intel, legacy replacement, 64-bit counter, revision 1 */
	return 0x8086a001 | (DEV_STATE(struct hpet, d)->timers - 1) << 8;
}

/* ---- interrupts ---- */

/* The line a timer drives; -1: none. */
static int timer_line(const struct hpet *h, unsigned n)
{
	unsigned route = (h->t[n].config & T_ROUTE) >> T_ROUTE_SHIFT;

	if (h->config & CONFIG_LEGACY && n < 2)
		return n ? HPET_LINE_GSI8 : HPET_LINE_GSI0;
	if (route == 2)
		return HPET_LINE_GSI0;
	if (route == 8)
		return HPET_LINE_GSI8;
	return route >= 16 && route <= 19 ? (int)(HPET_LINE_GSI16 + route - 16) : -1;
}

/* Lines as level-triggered timers and the RTC hold them. */
static void set_lines(struct hpet *h)
{
	unsigned level = 0;

	for (unsigned n = 0; n < h->timers; n++) {
		const struct hpet_timer *t = &h->t[n];
		int line = timer_line(h, n);

		if (line >= 0 && h->status & BIT(n) && t->config & T_LEVEL &&
		    t->config & T_INT && !(t->config & T_FSB_ON))
			level |= 1u << line;
	}
	if (h->rtc && !(h->config & CONFIG_LEGACY))
		level |= 1u << HPET_LINE_GSI8;
	if (h->config & CONFIG_LEGACY)
		level |= 1u << HPET_LINE_PIT_OFF;
	for (unsigned i = 0; i < HPET_NR_LINES; i++)
		irq_set(&h->dev.irq[i], level >> i & 1);
}

static void fire(struct hpet *h, unsigned n)
{
	const struct hpet_timer *t = &h->t[n];
	int line = timer_line(h, n);

	if (t->config & T_LEVEL)
		h->status |= BIT(n);		/* set_lines does the rest */
	if (!(t->config & T_INT))
		return;
	if (t->config & T_FSB_ON) {
		machine_msi(h->dev.machine, t->fsb >> 32, (uint32_t)t->fsb);
	} else if (!(t->config & T_LEVEL) && line >= 0) {
		irq_set(&h->dev.irq[line], 1);
		irq_set(&h->dev.irq[line], 0);
	}
}

/* ---- comparators ---- */

/* From the registers: when will the counter be equal? `gone`: or was it, just now. */
static void schedule(struct hpet *h, struct hpet_timer *t, uint64_t now, bool gone)
{
	uint64_t counter = h->counter + now, ahead = (t->compare - counter) & width(t);

	if (!running(h)) {
		t->due = TIMER_NEVER;
		return;
	}
	if (gone && ((counter - t->compare) & width(t)) <= JUST_GONE)
		ahead = 0;
	if (__builtin_add_overflow(now, ahead, &t->due))
		t->due = TIMER_NEVER;
}

static void passed(struct hpet *h, unsigned n, uint64_t now)
{
	struct hpet_timer *t = &h->t[n];
	uint64_t step, steps;

	fire(h, n);
	if (t->config & T_PERIODIC && t->period)
		step = t->period;
	else if (t->config & T_32BIT)
		step = UINT64_C(1) << 32;	/* the counter's low half comes round again */
	else
		step = 0;
	if (!step) {
		t->due = TIMER_NEVER;
		return;
	}
	steps = (now - t->due) / step + 1;
	if (t->config & T_PERIODIC && t->period)
		t->compare = (t->compare + steps * step) & width(t);
	/* steps * step is at most now - due + step */
	if (__builtin_add_overflow(t->due + (steps - 1) * step, step, &t->due))
		t->due = TIMER_NEVER;
}

/* Fires what is due, drives the lines, waits for the rest. */
static void update(struct hpet *h)
{
	uint64_t now = ticks_now(h), next = TIMER_NEVER;

	for (unsigned n = 0; n < h->timers; n++) {
		struct hpet_timer *t = &h->t[n];
		uint64_t at;

		if (t->due <= now)
			passed(h, n, now);
		at = t->due;
		if (t->config & T_PERIODIC)
			at = MAX(at, now + MIN_PERIOD);
		next = MIN(next, at);
	}
	set_lines(h);
	timer_set(&h->timer, next > TIMER_NEVER / TICK_NS ? TIMER_NEVER : next * TICK_NS);
}

static void fired(void *opaque)
{
	struct hpet *h = opaque;

	dev_lock(&h->dev);
	update(h);
	dev_unlock(&h->dev);
}

void hpet_rtc_line(void *hpet, unsigned pin, int level)
{
	struct hpet *h = DEV_STATE(struct hpet, hpet);

	dev_lock(&h->dev);
	h->rtc = level;
	set_lines(h);
	dev_unlock(&h->dev);
}

/* ---- registers: always whole, 64 bits ---- */

static uint64_t read_timer(struct hpet *h, unsigned n, unsigned reg)
{
	const struct hpet_timer *t = &h->t[n];

	switch (reg) {
	case T_CONFIG:
		return t->config | T_CAN_PERIODIC | T_IS_64BIT | T_FSB_CAP | ROUTES << 32;
	case T_COMPARE: return t->compare;
	case T_FSB: return t->fsb;
	default: return 0;
	}
}

static uint64_t read_reg(struct hpet *h, unsigned off)
{
	switch (off) {
	case CAP: return PERIOD_FS << 32 | hpet_block_id(&h->dev);
	case CONFIG: return h->config;
	case STATUS: return h->status;
	case COUNTER: return counter_now(h);
	}
	if (off >= TIMERS && (off - TIMERS) / TIMER_SIZE < h->timers)
		return read_timer(h, (off - TIMERS) / TIMER_SIZE, off % TIMER_SIZE);
	return 0;
}

static uint64_t hpet_read(struct dev *d, uint64_t off, unsigned size)
{
	struct hpet *h = DEV_STATE(struct hpet, d);

	/* The timer's thread may not have come round yet; registers never show that. */
	if (running(h) && (off & ~UINT64_C(7)) != COUNTER)
		update(h);
	return read_reg(h, (unsigned)off & ~7u) >> 8 * (off & 7);
}

static void write_timer_config(struct hpet *h, struct hpet_timer *t, uint64_t val)
{
	uint64_t route = get_bits(val, T_ROUTE_SHIFT, 5), old = t->config;

	val &= T_LEVEL | T_INT | T_PERIODIC | T_SET_VALUE | T_32BIT | T_ROUTE | T_FSB_ON;
	/* A route that is not there does not stick (2.3.8, Tn_INT_ROUTE_CNF). */
	if (!(ROUTES >> route & 1))
		val = (val & ~(uint64_t)T_ROUTE) | (old & T_ROUTE);
	t->config = val;
	if (val & T_32BIT) {
		t->compare &= UINT32_MAX;
		t->period &= UINT32_MAX;
	}
	if ((old ^ val) & (T_PERIODIC | T_32BIT))
		schedule(h, t, ticks_now(h), false);
}

/*
 * Periodic: what is written is the period; with T_SET_VALUE, which lasts for one
 * write, it is also the next match (2.3.9.2.2). `mask` has the bytes written.
 */
static void write_compare(struct hpet *h, struct hpet_timer *t, uint64_t val, uint64_t mask)
{
	mask &= width(t);
	if (t->config & T_PERIODIC)
		t->period = (t->period & ~mask) | (val & mask);
	if (!(t->config & T_PERIODIC) || t->config & T_SET_VALUE) {
		t->compare = (t->compare & ~mask) | (val & mask);
		schedule(h, t, ticks_now(h), true);
	}
	t->config &= ~(uint64_t)T_SET_VALUE;
}

static void write_timer(struct hpet *h, unsigned n, unsigned reg, uint64_t val, uint64_t mask)
{
	struct hpet_timer *t = &h->t[n];

	switch (reg) {
	case T_CONFIG: write_timer_config(h, t, (t->config & ~mask) | (val & mask)); break;
	case T_COMPARE: write_compare(h, t, val, mask); break;
	case T_FSB: t->fsb = (t->fsb & ~mask) | (val & mask); break;
	}
}

static void schedule_all(struct hpet *h)
{
	uint64_t now = ticks_now(h);

	for (unsigned n = 0; n < h->timers; n++)
		schedule(h, &h->t[n], now, false);
}

static void write_config(struct hpet *h, uint64_t val)
{
	uint64_t old = h->config;

	if ((old ^ val) & CONFIG_ENABLE)
		h->counter += val & CONFIG_ENABLE ? -ticks_now(h) : ticks_now(h);
	h->config = val & (CONFIG_ENABLE | CONFIG_LEGACY);
	if ((old ^ val) & CONFIG_ENABLE)
		schedule_all(h);
}

static void hpet_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct hpet *h = DEV_STATE(struct hpet, d);
	uint64_t mask = mask_bits(8 * size) << 8 * (off & 7);
	unsigned at = (unsigned)off & ~7u, n = (at - TIMERS) / TIMER_SIZE;

	val <<= 8 * (off & 7);
	update(h);			/* by the registers as they were */
	switch (at) {
	case CONFIG: write_config(h, (h->config & ~mask) | (val & mask)); break;
	case STATUS: h->status &= ~(val & mask); break;
	case COUNTER:
		/* Meant for a stopped counter; a running one goes on from there. */
		val = (counter_now(h) & ~mask) | (val & mask);
		h->counter = running(h) ? val - ticks_now(h) : val;
		schedule_all(h);
		break;
	default:
		if (at >= TIMERS && n < h->timers)
			write_timer(h, n, at % TIMER_SIZE, val, mask);
	}
	update(h);
}

/* ---- life ---- */

static int hpet_init(struct dev *d, struct err *e)
{
	struct hpet *h = DEV_STATE(struct hpet, d);

	if (h->timers < 3 || h->timers > MAX_TIMERS)
		return err_set(e, EINVAL, "timers=%u: 3 to %d are possible", h->timers,
			       MAX_TIMERS);
	timer_init(&h->timer, d->machine->clock, fired, h);
	return 0;
}

static void hpet_reset(struct dev *d, enum reset_kind kind)
{
	struct hpet *h = DEV_STATE(struct hpet, d);

	for (unsigned n = 0; n < MAX_TIMERS; n++) {
		h->t[n].compare = UINT64_MAX;
		h->t[n].due = TIMER_NEVER;
	}
	update(h);
	irq_resend(&d->irq[HPET_LINE_PIT_OFF]);	/* the PIT may be an engine's */
}

static int hpet_loaded(struct dev *d, struct err *e)
{
	struct hpet *h = DEV_STATE(struct hpet, d);

	if (h->config & ~(uint64_t)(CONFIG_ENABLE | CONFIG_LEGACY) || h->status >> h->timers)
		return err_set(e, EINVAL, "bits that do not exist");
	for (unsigned n = 0; n < MAX_TIMERS; n++) {
		const struct hpet_timer *t = &h->t[n];
		uint64_t route = get_bits(t->config, T_ROUTE_SHIFT, 5);

		if (t->config & ~(uint64_t)(T_LEVEL | T_INT | T_PERIODIC | T_SET_VALUE | T_32BIT |
					    T_ROUTE | T_FSB_ON) ||
		    (route && !(ROUTES >> route & 1)))
			return err_set(e, EINVAL, "timer %u: configuration %#" PRIx64, n,
				       t->config);
		if (!running(h) && t->due != TIMER_NEVER)
			return err_set(e, EINVAL, "timer %u waits for a stopped counter", n);
	}
	timer_set(&h->timer, 0);	/* a first look, when the clock runs */
	return 0;
}

static void hpet_fini(struct dev *d)
{
	timer_fini(&DEV_STATE(struct hpet, d)->timer);
}

const struct dev_type dev_hpet = {
	.name = "hpet",
	.help = "high precision event timer",
	.size = sizeof(struct hpet),
	.props = (const struct prop[]){
		PROP(struct hpet, timers, PROP_U32, "comparators, 3 to 8", "3"),
		PROP_END },
	.regions = (const struct region[]){
		{ "regs", REGS_SIZE, 4, 8, 0, hpet_read, hpet_write } },
	.nr_regions = 1,
	.nr_irqs = HPET_NR_LINES,
	.state = (const struct field[]){
		FIELD(struct hpet, config), FIELD(struct hpet, status),
		FIELD(struct hpet, counter), FIELD(struct hpet, rtc),
		FIELD_SUB(struct hpet, t, struct hpet_timer, timer_fields),
		FIELD_SKIP(struct hpet, timer, "follows from due"),
		FIELD_END },
	.init = hpet_init,
	.reset = hpet_reset,
	.loaded = hpet_loaded,
	.fini = hpet_fini,
};
