/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICH9's ACPI registers (document 316972, 13.8.3): fixed events, the PM timer, sleep
 * control and general-purpose events.
 *
 * There is no SMM and so no ACPI disable: SCI_EN is always set, the FADT names no SMI
 * command port. SMI_EN's APMC_EN reads as set after reset, which firmware takes to mean
 * that SMM has been set up before. No SMI is ever raised.
 *
 * The timer is virtual time. Its status bit is set by each change of bit 23 and follows
 * from a count of the changes; a host timer runs only while that would interrupt.
 */
#include "hw/core/machine.h"
#include "hw/pci/ich9.h"
#include "util/bits.h"
#include "util/log.h"

enum {
	PM1_STS = 0x00, PM1_CNT = 0x04, PM1_TMR = 0x08, GPE0_STS = 0x20, GPE0_EN = 0x28,
	SMI_EN = 0x30, TCO1_CNT = 0x68, TCO_TMR = 0x70,
};
enum { TMROF = 1 << 0, GBL = 1 << 5, PWRBTN = 1 << 8, RTC = 1 << 10, WAK = 1 << 15 };
enum { PM1_EVENTS = TMROF | GBL | PWRBTN | RTC, PM1_STATUS = PM1_EVENTS | 1 << 4 | WAK };
enum { SCI_EN = 1, SLP_TYP_SHIFT = 10, SLP_EN = 1 << 13, PM1_CNT_KEPT = 7 << SLP_TYP_SHIFT | 2 };
enum { APMC_EN = 1 << 5, TCO_TMR_HLT = 1 << 11 };

#define PM_TIMER_HZ 3579545
#define PM_TIMER_BITS 24

const struct field ich9_pm_fields[] = {
	FIELD(struct ich9_pm, pm1_sts), FIELD(struct ich9_pm, pm1_en),
	FIELD(struct ich9_pm, pm1_cnt), FIELD(struct ich9_pm, gpe_sts),
	FIELD(struct ich9_pm, gpe_en), FIELD(struct ich9_pm, smi_en),
	FIELD(struct ich9_pm, tmr_seen),
	FIELD_SKIP(struct ich9_pm, timer, "follows from tmr_seen and pm1_en"),
	FIELD_END
};

static uint64_t ticks(struct ich9 *s)
{
	return clock_ns_to_ticks(dev_now(&s->dev), PM_TIMER_HZ);
}

static uint64_t changes(struct ich9 *s)
{
	return ticks(s) >> (PM_TIMER_BITS - 1);
}

static uint16_t pm1_status(struct ich9 *s)
{
	return (uint16_t)(s->pm.pm1_sts | (changes(s) != s->pm.tmr_seen ? TMROF : 0));
}

bool ich9_pm_sci(struct ich9 *s)
{
	return (pm1_status(s) & s->pm.pm1_en) || (s->pm.gpe_sts & s->pm.gpe_en);
}

/* When the timer's bit changes next, while that would interrupt. */
static uint64_t next_change(struct ich9 *s)
{
	if (!(s->pm.pm1_en & TMROF) || pm1_status(s) & TMROF)
		return TIMER_NEVER;
	return clock_ticks_to_ns((changes(s) + 1) << (PM_TIMER_BITS - 1), PM_TIMER_HZ);
}

static void update(struct ich9 *s)
{
	timer_set(&s->pm.timer, next_change(s));
	ich9_set_sci(s, ich9_pm_sci(s));
}

static void fired(void *opaque)
{
	struct ich9 *s = opaque;

	dev_lock(&s->dev);
	update(s);
	dev_unlock(&s->dev);
}

void ich9_pm_init(struct ich9 *s)
{
	timer_init(&s->pm.timer, s->dev.machine->clock, fired, s);
}

void ich9_pm_fini(struct ich9 *s)
{
	timer_fini(&s->pm.timer);
}

void ich9_pm_reset(struct ich9 *s)
{
	s->pm.smi_en = APMC_EN;
	s->pm.tmr_seen = changes(s);
	update(s);
}

void ich9_pm_loaded(struct ich9 *s)
{
	s->pm.pm1_sts &= PM1_STATUS & ~TMROF;
	s->pm.pm1_en &= PM1_EVENTS;
	s->pm.pm1_cnt &= PM1_CNT_KEPT;
	/* A change that nobody was told of before time was stopped raises SCI when it goes on. */
	timer_set(&s->pm.timer, s->pm.pm1_en & pm1_status(s) & TMROF ? dev_now(&s->dev) :
								       next_change(s));
}

/* 4 bytes at a multiple of 4. */
static uint32_t read_word(struct ich9 *s, unsigned off)
{
	switch (off) {
	case PM1_STS: return pm1_status(s) | (uint32_t)s->pm.pm1_en << 16;
	case PM1_CNT: return s->pm.pm1_cnt | SCI_EN;
	case PM1_TMR: return (uint32_t)(ticks(s) & mask_bits(PM_TIMER_BITS));
	case GPE0_STS: return (uint32_t)s->pm.gpe_sts;
	case GPE0_STS + 4: return (uint32_t)(s->pm.gpe_sts >> 32);
	case GPE0_EN: return (uint32_t)s->pm.gpe_en;
	case GPE0_EN + 4: return (uint32_t)(s->pm.gpe_en >> 32);
	case SMI_EN: return s->pm.smi_en;
	/* The watchdog is there, halted for good, and as long as after a reset. */
	case TCO1_CNT: return TCO_TMR_HLT;
	case TCO_TMR: return 4u << 16;
	default: return 0;
	}
}

static void set_half(uint64_t *reg, unsigned off, uint32_t val, uint32_t mask)
{
	unsigned shift = 8 * (off & 4);

	*reg = (*reg & ~((uint64_t)mask << shift)) | (uint64_t)(val & mask) << shift;
}

/*
 * Type 0 (S0) means nothing to the chip; SeaBIOS and OVMF, which do not read _S5,
 * write it to switch a virtual machine off.
 */
static void sleep_written(struct ich9 *s, uint32_t val)
{
	unsigned type = val >> SLP_TYP_SHIFT & 7;

	if (type == ICH9_SLP_TYP_S5 || type == ICH9_SLP_TYP_S4 || !type)
		machine_event(s->dev.machine, MACHINE_POWEROFF, 0);
	else
		log_guest("%s: sleep type %u is not there", s->dev.id, type);
}

/* val and mask: the bytes that are written, in their places. */
static void write_word(struct ich9 *s, unsigned off, uint32_t val, uint32_t mask)
{
	struct ich9_pm *p = &s->pm;

	switch (off) {
	case PM1_STS:
		if (val & TMROF)
			p->tmr_seen = changes(s);
		p->pm1_sts &= (uint16_t)~val;
		p->pm1_en = (uint16_t)(((p->pm1_en & ~(mask >> 16)) | val >> 16) & PM1_EVENTS);
		break;
	case PM1_CNT:
		p->pm1_cnt = ((p->pm1_cnt & ~mask) | val) & PM1_CNT_KEPT;
		if (val & SLP_EN)
			sleep_written(s, p->pm1_cnt);
		break;
	case GPE0_STS: case GPE0_STS + 4:
		p->gpe_sts &= ~((uint64_t)val << 8 * (off & 4));
		break;
	case GPE0_EN: case GPE0_EN + 4:
		set_half(&p->gpe_en, off, val, mask);
		break;
	case SMI_EN:
		p->smi_en = (p->smi_en & ~mask) | val;
		break;
	}
	update(s);
}

uint64_t ich9_pm_read(struct dev *d, uint64_t off, unsigned size)
{
	return read_word(DEV_STATE(struct ich9, d), (unsigned)off & ~3u) >> 8 * (off & 3);
}

void ich9_pm_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	unsigned shift = 8 * (off & 3);

	write_word(DEV_STATE(struct ich9, d), (unsigned)off & ~3u, (uint32_t)val << shift,
		   (uint32_t)mask_bits(8 * size) << shift);
}

void ich9_power_button(struct dev *lpc)
{
	struct ich9 *s = DEV_STATE(struct ich9, lpc);

	dev_lock(lpc);
	s->pm.pm1_sts |= PWRBTN;
	update(s);
	dev_unlock(lpc);
}

void ich9_gpe(struct dev *lpc, unsigned bit)
{
	struct ich9 *s = DEV_STATE(struct ich9, lpc);

	dev_lock(lpc);
	s->pm.gpe_sts |= BIT(bit & 63);
	update(s);
	dev_unlock(lpc);
}
