/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Motorola MC146818A real-time clock (data sheet ADI856R2; section names below) as
 * in a PC: 32.768 kHz time base, 128 bytes, century at 0x32.
 *
 * Nothing ticks. The time of day is the machine's wall clock plus a difference;
 * flags of register C are computed when somebody looks, from what has passed since
 * the last look; the timer runs only for an enabled interrupt whose flag is not up.
 *
 * While the clock is stopped (SET, or the divider held in reset) the time registers
 * are plain bytes; they become the time when it starts again.
 */
#include "hw/rtc/mc146818.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/acpi/aml.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/bits.h"

enum {
	SECONDS = 0, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY,
	MONTH, YEAR, REG_A, REG_B, REG_C, REG_D, NVRAM, CMOS_SIZE = 128
};
enum { A_UIP = 0x80, A_DIVIDER_RESET = 0x60, A_RATE = 0x0f };
enum { B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_SQWE = 0x08, B_BINARY = 0x04,
       B_24H = 0x02 };
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10, C_FLAGS = 0x70 };
enum { D_VALID = 0x80 };			/* the battery is good */

#define SECOND_NS UINT64_C(1000000000)
#define UIP_NS	  244000u		/* t_BUC: UIP rises so long before an update */
#define OFFSET_MAX INT64_C(1000000000000)	/* more than any bytes in the registers mean */

/* What the battery keeps over a reset. */
struct kept {
	uint8_t reg[CMOS_SIZE];
	int64_t offset;
	uint32_t phase;
};

struct mc146818 {
	struct dev dev;
	uint8_t index;
	uint8_t reg[CMOS_SIZE];		/* time registers: only while the clock is stopped */
	int64_t offset;			/* guest's seconds minus (wall + phase)'s */
	uint32_t phase;			/* ns that the guest's second is ahead of the wall's */
	int64_t seen_second;		/* up to which UF and AF are in register C */
	uint64_t seen_tick;		/* virtual time in 1/32768 s: up to which PF is */
	struct timer timer;
	struct kept kept;
};

/* ---- calendar ---- */

struct date { int64_t year; unsigned month, day, weekday, hour, minute, second; };

/* Days since 1970-01-01; any year, month 1.., day may be out of range. Years begin in March. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
	int64_t y, era, of_era;

	year += (month - 1) / 12;
	month = (month - 1) % 12 + 1;
	y = month <= 2 ? year - 1 : year;
	era = (y >= 0 ? y : y - 399) / 400;
	of_era = y - era * 400;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1 - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static struct date date_from_seconds(int64_t t)
{
	int64_t days = floor_div(t, 86400), z = days + 719468, era = floor_div(z, 146097);
	unsigned rest = (unsigned)(t - days * 86400), doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	struct date d = {
		.year = yoe + era * 400 + (mp >= 10), .month = mp < 10 ? mp + 3 : mp - 9,
		.day = doy - (153 * mp + 2) / 5 + 1,
		.weekday = (unsigned)(days + 4 - 7 * floor_div(days + 4, 7)),	/* 0: Sunday */
		.hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60,
	};

	return d;
}

/* ---- bytes ---- */

static uint8_t encode(const struct mc146818 *r, unsigned v)
{
	return (uint8_t)(r->reg[REG_B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static unsigned decode(const struct mc146818 *r, uint8_t v)
{
	return r->reg[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static uint8_t encode_hour(const struct mc146818 *r, unsigned h)
{
	if (r->reg[REG_B] & B_24H)
		return encode(r, h);
	return encode(r, h % 12 ? h % 12 : 12) | (h >= 12 ? 0x80 : 0);
}

static unsigned decode_hour(const struct mc146818 *r, uint8_t v)
{
	if (r->reg[REG_B] & B_24H)
		return decode(r, v);
	return decode(r, v & 0x7f) % 12 + (v & 0x80 ? 12 : 0);
}

/* ---- time ---- */

static bool stopped(const struct mc146818 *r)
{
	return r->reg[REG_B] & B_SET || (r->reg[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

/* The wall clock with the guest's phase: its seconds change when the guest's do. */
static uint64_t phased_now(const struct mc146818 *r)
{
	return clock_wall_ns(r->dev.machine->clock) + r->phase;
}

static int64_t guest_second(const struct mc146818 *r)
{
	return (int64_t)(phased_now(r) / SECOND_NS) + r->offset;
}

static uint64_t tick_now(const struct mc146818 *r)
{
	return clock_ns_to_ticks(clock_now(r->dev.machine->clock), 32768);
}

/* Register A's rate as a power of two of ticks; 0: no periodic interrupt (RS3 to RS0). */
static unsigned rate_shift(const struct mc146818 *r)
{
	unsigned rs = r->reg[REG_A] & A_RATE;

	return rs < 3 ? rs ? rs + 6 : 0 : rs - 1;
}

static void time_to_regs(struct mc146818 *r)
{
	struct date d = date_from_seconds(guest_second(r));
	unsigned year = (unsigned)(d.year - 10000 * floor_div(d.year, 10000));

	r->reg[SECONDS] = encode(r, d.second);
	r->reg[MINUTES] = encode(r, d.minute);
	r->reg[HOURS] = encode_hour(r, d.hour);
	r->reg[WEEKDAY] = encode(r, d.weekday + 1);
	r->reg[DAY] = encode(r, d.day);
	r->reg[MONTH] = encode(r, d.month);
	r->reg[YEAR] = encode(r, year % 100);
	r->reg[CMOS_CENTURY] = encode(r, year / 100);
}

/* Whatever the bytes are, they mean some second: fields out of range carry over. */
static void time_from_regs(struct mc146818 *r)
{
	int64_t year = decode(r, r->reg[CMOS_CENTURY]) * 100 + decode(r, r->reg[YEAR]);
	unsigned month = decode(r, r->reg[MONTH]);
	int64_t days = days_from_date(year, month ? month : 1, decode(r, r->reg[DAY]));
	int64_t t = days * 86400 + decode_hour(r, r->reg[HOURS]) * 3600 +
		    decode(r, r->reg[MINUTES]) * 60 + decode(r, r->reg[SECONDS]);

	r->offset += t - guest_second(r);
	r->seen_second = t;
}

/* ---- alarm ---- */

enum { ANY = -1, NEVER = -2 };

/* An alarm byte with the upper two bits set matches always ("don't care"). */
static int alarm_field(const struct mc146818 *r, unsigned at, unsigned limit)
{
	uint8_t v = r->reg[at];
	unsigned n = at == HOURS_ALARM ? decode_hour(r, v) : decode(r, v);

	if ((v & 0xc0) == 0xc0)
		return ANY;
	return n < limit ? (int)n : NEVER;
}

/* The first second after `from` that the alarm matches, or INT64_MAX. */
static int64_t next_alarm(const struct mc146818 *r, int64_t from)
{
	int h = alarm_field(r, HOURS_ALARM, 24), m = alarm_field(r, MINUTES_ALARM, 60);
	int s = alarm_field(r, SECONDS_ALARM, 60);
	int64_t day = floor_div(from + 1, 86400) * 86400;
	int rest = (int)(from + 1 - day);

	if (h == NEVER || m == NEVER || s == NEVER)
		return INT64_MAX;
	/* At most a day's hours, an hour's minutes and a minute's seconds are stepped over. */
	for (; rest < 2 * 86400;) {
		if (h != ANY && rest / 3600 % 24 != h)
			rest = (rest / 3600 + 1) * 3600;
		else if (m != ANY && rest / 60 % 60 != m)
			rest = (rest / 60 + 1) * 60;
		else if (s != ANY && rest % 60 != s)
			rest++;
		else
			return day + rest;
	}
	return INT64_MAX;
}

/* ---- flags and the interrupt ---- */

static void catch_up(struct mc146818 *r)
{
	unsigned shift = rate_shift(r);
	uint64_t tick = tick_now(r);

	if (!stopped(r)) {
		int64_t now = guest_second(r);

		if (now > r->seen_second) {
			r->reg[REG_C] |= C_UF;
			if (next_alarm(r, r->seen_second) <= now)
				r->reg[REG_C] |= C_AF;
		}
		r->seen_second = now;	/* the wall clock may have gone back */
	}
	if (shift && tick >> shift > r->seen_tick >> shift)
		r->reg[REG_C] |= C_PF;
	r->seen_tick = tick;
}

/* Virtual time of the next flag that would interrupt. */
static uint64_t next_event(struct mc146818 *r)
{
	uint8_t wanted = r->reg[REG_B] & ~r->reg[REG_C] & C_FLAGS;
	uint64_t at = TIMER_NEVER, now = dev_now(&r->dev), phased = phased_now(r);
	unsigned shift = rate_shift(r);

	if (wanted & C_PF && shift)
		at = clock_ticks_to_ns(((r->seen_tick >> shift) + 1) << shift, 32768);
	if (wanted & (C_UF | C_AF) && !stopped(r)) {
		int64_t second = (int64_t)(phased / SECOND_NS) + r->offset;
		int64_t due = wanted & C_UF ? second + 1 : next_alarm(r, second);

		/* A day or two at most, so nothing overflows. */
		if (due != INT64_MAX)
			at = MIN(at, now + SECOND_NS * (uint64_t)(due - second) -
				     phased % SECOND_NS);
	}
	return at;
}

static void update(struct mc146818 *r)
{
	catch_up(r);
	r->reg[REG_C] &= ~C_IRQF;
	if (r->reg[REG_B] & r->reg[REG_C] & C_FLAGS)
		r->reg[REG_C] |= C_IRQF;
	irq_set(&r->dev.irq[0], !!(r->reg[REG_C] & C_IRQF));
	timer_set(&r->timer, next_event(r));
}

static void fired(void *opaque)
{
	struct mc146818 *r = opaque;

	dev_lock(&r->dev);
	update(r);
	dev_unlock(&r->dev);
}

/* ---- registers ---- */

static bool is_time(unsigned i)
{
	return i == SECONDS || i == MINUTES || i == HOURS || (i >= WEEKDAY && i <= YEAR) ||
	       i == CMOS_CENTURY;
}

static uint8_t read_reg(struct mc146818 *r, unsigned i)
{
	uint8_t v = r->reg[i];

	if (is_time(i) && !stopped(r)) {
		time_to_regs(r);
		v = r->reg[i];
	} else if (i == REG_A && !stopped(r)) {
		if (phased_now(r) % SECOND_NS >= SECOND_NS - UIP_NS)
			v |= A_UIP;
	} else if (i == REG_C) {
		update(r);
		v = r->reg[REG_C];
		r->reg[REG_C] = 0;
		update(r);
	} else if (i == REG_D) {
		v = D_VALID;
	}
	return v;
}

/* Registers A and B: the clock may stop or start. */
static void write_control(struct mc146818 *r, unsigned i, uint8_t val)
{
	bool was = stopped(r), divider = (r->reg[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;

	catch_up(r);
	if (!was)
		time_to_regs(r);
	if (i == REG_A)
		val &= (uint8_t)~A_UIP;
	else if (val & B_SET)
		val &= (uint8_t)~B_UIE;		/* register B, SET */
	r->reg[i] = val;
	/* The first update comes half a second after the divider is let go (register A, DV). */
	if (divider && (r->reg[REG_A] & A_DIVIDER_RESET) != A_DIVIDER_RESET) {
		uint64_t ns = clock_wall_ns(r->dev.machine->clock) % SECOND_NS;

		r->phase = (uint32_t)((SECOND_NS * 3 / 2 - ns) % SECOND_NS);
	}
	if (was && !stopped(r))
		time_from_regs(r);
}

static void keep(struct mc146818 *r)
{
	memcpy(r->kept.reg, r->reg, sizeof(r->reg));
	r->kept.offset = r->offset;
	r->kept.phase = r->phase;
}

static void write_reg(struct mc146818 *r, unsigned i, uint8_t val)
{
	if (i == REG_C || i == REG_D)
		return;
	if (i == REG_A || i == REG_B) {
		write_control(r, i, val);
	} else if (is_time(i) && !stopped(r)) {
		catch_up(r);
		time_to_regs(r);
		r->reg[i] = val;
		time_from_regs(r);
	} else {
		if (i < REG_A)
			catch_up(r);		/* by the alarm as it was */
		r->reg[i] = val;
	}
	keep(r);
	if (i <= REG_B || i == CMOS_CENTURY)
		update(r);
}

static void index_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	DEV_STATE(struct mc146818, d)->index = val & (CMOS_SIZE - 1);
}

/* The index can be written only. */
static uint64_t index_read(struct dev *d, uint64_t off, unsigned size)
{
	return 0xff;
}

static uint64_t data_read(struct dev *d, uint64_t off, unsigned size)
{
	struct mc146818 *r = DEV_STATE(struct mc146818, d);

	return read_reg(r, r->index);
}

static void data_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct mc146818 *r = DEV_STATE(struct mc146818, d);

	write_reg(r, r->index, (uint8_t)val);
}

/* ---- the machine's side ---- */

void mc146818_set(struct dev *d, unsigned index, uint8_t val)
{
	struct mc146818 *r = DEV_STATE(struct mc146818, d);

	if (index < NVRAM || index >= CMOS_SIZE || index == CMOS_CENTURY)
		abort();		/* the clock's own registers */
	dev_lock(d);
	r->reg[index] = r->kept.reg[index] = val;
	dev_unlock(d);
}

static void set_16(struct dev *d, unsigned low, unsigned high, uint64_t v)
{
	v = MIN(v, UINT64_C(0xffff));
	mc146818_set(d, low, (uint8_t)v);
	mc146818_set(d, high, (uint8_t)(v >> 8));
}

void mc146818_set_memory(struct dev *d, uint64_t low, uint64_t high)
{
	const uint64_t mib = 1 << 20;
	uint64_t above = MIN(high >> 16, UINT64_C(0xffffff));

	set_16(d, 0x15, 0x16, MIN(low >> 10, UINT64_C(640)));
	set_16(d, 0x17, 0x18, low > mib ? (low - mib) >> 10 : 0);
	set_16(d, 0x30, 0x31, low > mib ? (low - mib) >> 10 : 0);
	set_16(d, 0x34, 0x35, low > 16 * mib ? (low - 16 * mib) >> 16 : 0);
	for (unsigned i = 0; i < 3; i++)
		mc146818_set(d, 0x5b + i, (uint8_t)(above >> 8 * i));
}

static int rtc_init(struct dev *d, struct err *e)
{
	struct mc146818 *r = DEV_STATE(struct mc146818, d);
	int64_t offset = d->machine->cfg.rtc_offset_s;

	if (offset > OFFSET_MAX / 2 || offset < -OFFSET_MAX / 2)
		return err_set(e, EINVAL, "the clock cannot be %lld seconds off",
			       (long long)offset);
	timer_init(&r->timer, d->machine->clock, fired, r);
	r->kept.offset = offset;
	r->kept.reg[REG_A] = 0x26;		/* 32.768 kHz, 1024 Hz: what PC firmware sets */
	r->kept.reg[REG_B] = B_24H;
	r->kept.reg[CMOS_EQUIPMENT] = 0x06;	/* coprocessor, PS/2 mouse */
	return 0;
}

/* The reset pin: interrupts off, flags down (RESET); the rest is the battery's. */
static void rtc_reset(struct dev *d, enum reset_kind kind)
{
	struct mc146818 *r = DEV_STATE(struct mc146818, d);

	r->kept.reg[REG_B] &= (uint8_t)~(B_PIE | B_AIE | B_UIE | B_SQWE);
	r->kept.reg[REG_C] = 0;
	memcpy(r->reg, r->kept.reg, sizeof(r->reg));
	r->offset = r->kept.offset;
	r->phase = r->kept.phase;
	r->seen_second = guest_second(r);
	r->seen_tick = tick_now(r);
	update(r);
}

static int rtc_loaded(struct dev *d, struct err *e)
{
	struct mc146818 *r = DEV_STATE(struct mc146818, d);

	if (r->index >= CMOS_SIZE)
		return err_set(e, EINVAL, "index %u", r->index);
	if (r->offset > OFFSET_MAX || r->offset < -OFFSET_MAX || r->phase >= SECOND_NS ||
	    r->seen_second > 2 * OFFSET_MAX || r->seen_second < -2 * OFFSET_MAX)
		return err_set(e, EINVAL, "the time is out of range");
	if (r->reg[REG_A] & A_UIP || r->reg[REG_D])
		return err_set(e, EINVAL, "bits that are never kept");
	keep(r);
	timer_set(&r->timer, 0);	/* a look at what is due, when the clock runs */
	return 0;
}

static void rtc_fini(struct dev *d)
{
	timer_fini(&DEV_STATE(struct mc146818, d)->timer);
}

/* Its line may go through the HPET, but is IRQ 8 to a guest. */
static void rtc_acpi(struct dev *d, struct aml *a)
{
	aml_device(a, "RTC");
	aml_id(a, "_HID", "PNP0B00");
	aml_name(a, "_CRS");
	aml_template(a);
	aml_res_io(a, (uint16_t)d->base[0], 2);
	aml_res_irq(a, 8);
	aml_end(a);
	aml_end(a);
}

const struct dev_type dev_mc146818 = {
	.name = "mc146818",
	.help = "the PC's real-time clock and CMOS memory",
	.size = sizeof(struct mc146818),
	/* An index alone does nothing, so it may arrive together with the access to the data. */
	.regions = (const struct region[]){
		{ "index", 1, 1, 1, REGION_COALESCE, index_read, index_write },
		{ "data", 1, 1, 1, 0, data_read, data_write } },
	.nr_regions = 2,
	.nr_irqs = 1,
	.state = (const struct field[]){
		FIELD(struct mc146818, index), FIELD_ARRAY(struct mc146818, reg),
		FIELD(struct mc146818, offset), FIELD(struct mc146818, phase),
		FIELD(struct mc146818, seen_second), FIELD(struct mc146818, seen_tick),
		FIELD_SKIP(struct mc146818, timer, "follows from the registers"),
		FIELD_SKIP(struct mc146818, kept, "copy of reg, offset, phase, for a reset"),
		FIELD_END },
	.init = rtc_init,
	.reset = rtc_reset,
	.loaded = rtc_loaded,
	.fini = rtc_fini,
	.describe_acpi = rtc_acpi,
};
