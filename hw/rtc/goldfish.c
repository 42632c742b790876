/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goldfish real-time clock: UTC nanoseconds in two 32-bit halves. Reading the low
 * half latches the high one; writing goes high half first. The alarm likewise.
 */
#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/bits.h"

enum {
	TIME_LOW = 0x00, TIME_HIGH = 0x04, ALARM_LOW = 0x08, ALARM_HIGH = 0x0c,
	IRQ_ENABLED = 0x10, CLEAR_ALARM = 0x14, ALARM_STATUS = 0x18, CLEAR_INTERRUPT = 0x1c,
};

struct goldfish_rtc {
	struct dev dev;
	uint64_t offset;	/* guest's time minus the host's, ns, modulo 2^64 */
	uint64_t alarm;		/* guest's time, ns */
	uint32_t time_high;	/* latch for reading, and the half written first */
	bool alarm_running;
	bool irq_enabled;
	bool irq_pending;
	struct timer timer;
};

static uint64_t rtc_now(struct goldfish_rtc *r)
{
	return clock_wall_ns(r->dev.machine->clock) + r->offset;
}

static void rtc_update(struct goldfish_rtc *r)
{
	irq_set(&r->dev.irq[0], r->irq_pending && r->irq_enabled);
}

/* Fires what is due and waits for the rest. */
static void rtc_check_alarm(struct goldfish_rtc *r)
{
	uint64_t now = rtc_now(r), wait, at = TIMER_NEVER;

	if (r->alarm_running && now >= r->alarm) {
		r->alarm_running = false;
		r->irq_pending = true;
	} else if (r->alarm_running) {
		wait = r->alarm - now;
		if (__builtin_add_overflow(dev_now(&r->dev), wait, &at))
			at = TIMER_NEVER;
	}
	timer_set(&r->timer, at);
	rtc_update(r);
}

static void rtc_fired(void *opaque)
{
	struct goldfish_rtc *r = opaque;

	dev_lock(&r->dev);
	rtc_check_alarm(r);
	dev_unlock(&r->dev);
}

static uint64_t rtc_read(struct dev *d, uint64_t off, unsigned size)
{
	struct goldfish_rtc *r = DEV_STATE(struct goldfish_rtc, d);
	uint64_t now;

	switch (off) {
	case TIME_LOW:
		now = rtc_now(r);
		r->time_high = (uint32_t)(now >> 32);
		return now & UINT32_MAX;
	case TIME_HIGH: return r->time_high;
	case ALARM_LOW: return r->alarm & UINT32_MAX;
	case ALARM_HIGH: return r->alarm >> 32;
	case IRQ_ENABLED: return r->irq_enabled;
	case ALARM_STATUS: return r->alarm_running;
	default: return 0;
	}
}

static void rtc_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct goldfish_rtc *r = DEV_STATE(struct goldfish_rtc, d);

	switch (off) {
	case TIME_LOW:
		r->offset += ((uint64_t)r->time_high << 32 | val) - rtc_now(r);
		rtc_check_alarm(r);
		break;
	case TIME_HIGH:
		r->time_high = (uint32_t)val;
		break;
	case ALARM_LOW:
		r->alarm = (r->alarm & ~(uint64_t)UINT32_MAX) | val;
		r->alarm_running = true;
		rtc_check_alarm(r);
		break;
	case ALARM_HIGH:
		r->alarm = (r->alarm & UINT32_MAX) | val << 32;
		break;
	case IRQ_ENABLED:
		r->irq_enabled = val & 1;
		rtc_update(r);
		break;
	case CLEAR_ALARM:
		r->alarm_running = false;
		rtc_check_alarm(r);
		break;
	case CLEAR_INTERRUPT:
		r->irq_pending = false;
		rtc_update(r);
		break;
	}
}

static int rtc_init(struct dev *d, struct err *e)
{
	struct goldfish_rtc *r = DEV_STATE(struct goldfish_rtc, d);

	timer_init(&r->timer, d->machine->clock, rtc_fired, r);
	return 0;
}

/* The alarm is kept as a time of day: the host's clock may have moved meanwhile. */
static int rtc_loaded(struct dev *d, struct err *e)
{
	rtc_check_alarm(DEV_STATE(struct goldfish_rtc, d));
	return 0;
}

static void rtc_fini(struct dev *d)
{
	timer_fini(&DEV_STATE(struct goldfish_rtc, d)->timer);
}

static void rtc_fdt(struct dev *d, struct fdt *f)
{
	fdt_dev_node(f, d, "rtc", "google,goldfish-rtc");
	fdt_node_end(f);
}

const struct dev_type dev_goldfish_rtc = {
	.name = "goldfish-rtc",
	.help = "Goldfish real-time clock",
	.size = sizeof(struct goldfish_rtc),
	.regions = (const struct region[]){
		{ "regs", 0x1000, 4, 4, 0, rtc_read, rtc_write } },
	.nr_regions = 1,
	.nr_irqs = 1,
	.state = (const struct field[]){
		FIELD(struct goldfish_rtc, offset), FIELD(struct goldfish_rtc, alarm),
		FIELD(struct goldfish_rtc, time_high), FIELD(struct goldfish_rtc, alarm_running),
		FIELD(struct goldfish_rtc, irq_enabled), FIELD(struct goldfish_rtc, irq_pending),
		FIELD_SKIP(struct goldfish_rtc, timer, "follows from alarm"),
		FIELD_END },
	.init = rtc_init,
	.loaded = rtc_loaded,
	.fini = rtc_fini,
	.describe_fdt = rtc_fdt,
};
