/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's registers: a page of memory in xAPIC mode (SDM volume 3, table
 * 11-1), MSRs in x2APIC mode (11.12.1.2), and IA32_APIC_BASE.
 *
 * The version says 0x14 with six LVT entries, and no suppression of EOI broadcasts, as
 * the KVM chip does where it has the IOAPIC, too. SVR bit 12 works nevertheless: the
 * guest may have set it while the engine's local APIC offered it.
 */
#include "hw/intc/lapic.h"

#include <errno.h>

#include "util/log.h"

#define VERSION 0x50014u
#define SVR_VALID 0x13ffu
#define ICR_VALID UINT64_C(0xccfff)
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC 0x800u

/* What is done after the lock is released. */
struct after {
	int eoi;			/* vector for the IOAPIC, -1: none */
	bool send, x2;
	uint64_t icr;
};

/* Bits that the guest can write, of the entries from LAPIC_LVT on (figure 11-8). */
static const uint32_t lvt_valid[] = { 0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff };
enum { LVT_READ_ONLY = 0x5000 };	/* delivery status, remote IRR */

/* ---- reading ---- */

/* false: there is no such register, or it cannot be read. */
static bool read_reg(struct lapic *l, unsigned reg, bool x2, uint64_t *val)
{
	const struct lapic_state *s = &l->s;

	*val = 0;
	if (reg >= LAPIC_LVT && reg < LAPIC_LVT_END) {
		*val = s->lvt[LAPIC_LVT_TIMER + (reg - LAPIC_LVT) / 16];
		return true;
	}
	if (reg >= LAPIC_ISR && reg < LAPIC_ESR) {
		const uint32_t *set = reg < LAPIC_TMR ? s->isr : reg < LAPIC_IRR ? s->tmr : s->irr;

		*val = set[reg / 16 & 7];
		return true;
	}
	switch (reg) {
	case LAPIC_ID: *val = x2 ? s->id : s->id << 24; return true;
	case LAPIC_VERSION: *val = VERSION; return true;
	case LAPIC_TPR: *val = s->tpr; return true;
	case LAPIC_PPR: *val = lapic_ppr(l); return true;
	case LAPIC_LDR: *val = s->ldr; return true;
	case LAPIC_SVR: *val = s->svr; return true;
	case LAPIC_ESR: *val = s->esr; return true;
	case LAPIC_ICR: *val = x2 ? s->icr : (uint32_t)s->icr; return true;
	case LAPIC_INITIAL: *val = s->timer_initial; return true;
	case LAPIC_CURRENT:
		lapic_timer_catch_up(l);
		*val = lapic_timer_current(l);
		return true;
	case LAPIC_DIVIDE: *val = s->timer_divide; return true;
	case LAPIC_DFR: *val = s->dfr; return !x2;
	case LAPIC_ICR_HIGH: *val = s->icr >> 32; return !x2;
	case LAPIC_APR:		/* arbitration is not done here */
	case LAPIC_RRD:
	case LAPIC_EOI: return !x2;
	}
	return false;
}

/* ---- writing ---- */

static void write_svr(struct lapic *l, uint32_t val)
{
	lapic_timer_catch_up(l);
	l->s.svr = val & SVR_VALID;
	if (!(val & SVR_ENABLED))	/* 11.4.7.2 */
		for (unsigned i = 0; i < LAPIC_NR_LVT; i++)
			l->s.lvt[i] |= LVT_MASKED;
	lapic_timer_restart(l);
}

static void write_lvt(struct lapic *l, unsigned n, uint32_t val)
{
	uint32_t *lvt = &l->s.lvt[LAPIC_LVT_TIMER + n], old = *lvt;

	if (!n) {
		lapic_timer_catch_up(l);
		/* one that passed in vain */
		lapic_timer_deadline(l);
	}
	*lvt = (old & LVT_READ_ONLY) | (val & lvt_valid[n]);
	if (!(l->s.svr & SVR_ENABLED))
		*lvt |= LVT_MASKED;
	if (n)
		return;
	/* To and from TSC-deadline mode disarms (11.5.4.1). */
	if ((old ^ *lvt) >> 17 & 3 && ((old >> 17 & 3) == LVT_DEADLINE ||
				       (*lvt >> 17 & 3) == LVT_DEADLINE)) {
		l->s.timer_initial = 0;
		l->s.tsc_deadline = 0;
	}
	lapic_timer_restart(l);
}

/* The bits of an x2APIC register that must be zero (11.12.1.2). */
static uint64_t reserved(unsigned reg)
{
	if (reg >= LAPIC_LVT && reg < LAPIC_LVT_END)
		return ~(uint64_t)(lvt_valid[(reg - LAPIC_LVT) / 16] | LVT_READ_ONLY);
	switch (reg) {
	case LAPIC_TPR:
	case LAPIC_SELF_IPI: return ~UINT64_C(0xff);
	case LAPIC_SVR: return ~(uint64_t)SVR_VALID;
	case LAPIC_ICR: return 0xfff32000;
	case LAPIC_INITIAL: return ~UINT64_C(0xffffffff);
	case LAPIC_DIVIDE: return ~UINT64_C(0xb);
	default: return UINT64_MAX;	/* EOI, ESR: only zero can be written */
	}
}

/* false: there is no such register, or it cannot be written. */
static bool write_reg(struct lapic *l, unsigned reg, bool x2, uint64_t val, struct after *a)
{
	struct lapic_state *s = &l->s;
	uint32_t v = (uint32_t)val;

	if (x2 && val & reserved(reg))
		return false;
	if (reg >= LAPIC_LVT && reg < LAPIC_LVT_END) {
		write_lvt(l, (reg - LAPIC_LVT) / 16, v);
		return true;
	}
	switch (reg) {
	case LAPIC_TPR: s->tpr = v & 0xff; return true;
	case LAPIC_EOI: a->eoi = lapic_end(l); return true;
	case LAPIC_SVR: write_svr(l, v); return true;
	case LAPIC_ESR:
		s->esr = s->esr_pending;
		s->esr_pending = 0;
		return true;
	case LAPIC_ICR:
		s->icr = (x2 ? val : s->icr) >> 32 << 32 | (v & ICR_VALID);
		a->send = true;
		a->icr = s->icr;
		return true;
	case LAPIC_INITIAL: lapic_timer_set_initial(l, v); return true;
	case LAPIC_DIVIDE: lapic_timer_set_divide(l, v); return true;
	case LAPIC_SELF_IPI:
		a->send = x2;
		a->icr = UINT64_C(1) << 18 | (v & 0xff);
		return x2;
	case LAPIC_LDR: s->ldr = x2 ? s->ldr : v & 0xff000000; return !x2;
	case LAPIC_DFR: s->dfr = x2 ? s->dfr : v | 0x0fffffff; return !x2;
	case LAPIC_ICR_HIGH:
		if (!x2)
			s->icr = (uint32_t)s->icr | (uint64_t)(v & 0xff000000) << 32;
		return !x2;
	/* read-only */
	case LAPIC_ID:
	case LAPIC_VERSION:
	case LAPIC_APR:
	case LAPIC_PPR:
	case LAPIC_RRD:
	case LAPIC_CURRENT: return !x2;
	}
	return !x2 && reg >= LAPIC_ISR && reg < LAPIC_ESR;
}

static void finish(struct lapic *l, const struct after *a)
{
	lapic_broadcast_eoi(l, a->eoi);
	if (a->send)
		lapic_send_icr(l, a->icr, a->x2);
}

/* ---- the page ---- */

/* The accessing CPU's, locked, if its registers are at the page; NULL: nothing is there. */
static struct lapic *at_page(struct dev *d, bool moved)
{
	struct irqchip *c = d->machine->irqchip;
	struct lapic *l = cpu_current < ARRAY_SIZE(c->lapic_dev) ?
			  (struct lapic *)c->lapic_dev[cpu_current] : NULL;
	uint64_t page = moved ? atomic_load(&DEV_STATE(struct lapic, d)->moved_to) : BASE_RESET;

	if (!l || irqchip_lapic_lent(c))
		return NULL;
	dev_lock(&l->dev);
	if (lapic_on(l) && !lapic_x2(l) && (l->s.base & BASE_ADDR) == page)
		return l;
	dev_unlock(&l->dev);
	return NULL;
}

static uint64_t page_read(struct dev *d, uint64_t off, bool moved)
{
	struct lapic *l = at_page(d, moved);
	uint64_t v = 0;

	if (!l)
		return UINT32_MAX;
	if (!(off & 15) && !read_reg(l, (unsigned)off, false, &v)) {
		lapic_error(l, ESR_REGISTER);
		lapic_update(l);
	}
	dev_unlock(&l->dev);
	return v;
}

static void page_write(struct dev *d, uint64_t off, uint64_t val, bool moved)
{
	struct lapic *l = at_page(d, moved);
	struct after a = { .eoi = -1 };

	if (!l)
		return;
	if (!(off & 15) && !write_reg(l, (unsigned)off, false, val, &a))
		lapic_error(l, ESR_REGISTER);
	lapic_update(l);
	dev_unlock(&l->dev);
	finish(l, &a);
}

static uint64_t regs_read(struct dev *d, uint64_t off, unsigned size)
{
	return page_read(d, off, false);
}

static void regs_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	page_write(d, off, val, false);
}

static uint64_t moved_read(struct dev *d, uint64_t off, unsigned size)
{
	return page_read(d, off, true);
}

static void moved_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	page_write(d, off, val, true);
}

const struct region lapic_regions[2] = {
	{ "regs", 0x1000, 4, 4, REGION_UNLOCKED, regs_read, regs_write },
	{ "moved", 0x1000, 4, 4, REGION_UNLOCKED, moved_read, moved_write },
};

/* ---- what the processor asks ---- */

static uint8_t cr8_get(void *chip)
{
	struct lapic *l = chip;
	uint8_t v;

	dev_lock(&l->dev);
	v = (uint8_t)(l->s.tpr >> 4);
	dev_unlock(&l->dev);
	return v;
}

static void cr8_set(void *chip, uint8_t cr8)
{
	struct lapic *l = chip;

	dev_lock(&l->dev);
	l->s.tpr = (uint32_t)(cr8 & 0xf) << 4;
	lapic_update(l);
	dev_unlock(&l->dev);
}

static uint64_t base_get(void *chip)
{
	struct lapic *l = chip;
	uint64_t v;

	dev_lock(&l->dev);
	v = l->s.base;
	dev_unlock(&l->dev);
	return v;
}

/* 11.12.5: which mode may follow which. */
static bool base_ok(const struct lapic *l, uint64_t val)
{
	unsigned phys_bits = l->dev.machine->cfg.phys_bits;
	uint64_t old = l->s.base;

	if (val & ~(mask_bits(phys_bits ? phys_bits : 52) & BASE_ADDR) &
	    ~(BASE_BSP | BASE_X2 | BASE_ON))
		return false;
	if (!(val & BASE_X2))	/* back from x2APIC mode only by switching it off */
		return !(old & BASE_X2) || !(val & BASE_ON);
	return val & BASE_ON && old & BASE_ON && l->x2apic;
}

static int base_set(void *chip, uint64_t val)
{
	struct lapic *l = chip;
	uint64_t old;

	dev_lock(&l->dev);
	old = l->s.base;
	if (!base_ok(l, val)) {
		dev_unlock(&l->dev);
		return -EINVAL;
	}
	lapic_timer_catch_up(l);
	l->s.base = (val & ~BASE_BSP) | (old & BASE_BSP);
	if (!(val & BASE_ON) && old & BASE_ON) {
		l->s.id = l->cpu;
		lapic_reset_regs(l);
	} else if (lapic_x2(l) && !(old & BASE_X2)) {
		l->s.id = l->cpu;
		l->s.ldr = l->cpu >> 4 << 16 | 1u << (l->cpu & 15);
		l->s.icr &= ICR_VALID;
	}
	lapic_timer_restart(l);
	lapic_update(l);
	lapic_remap(l);
	dev_unlock(&l->dev);
	return 0;
}

static int msr_read(void *chip, uint32_t msr, uint64_t *val)
{
	struct lapic *l = chip;
	bool ok;

	dev_lock(&l->dev);
	if (msr == MSR_TSC_DEADLINE) {
		ok = l->dev.machine->cfg.tsc_hz;
		*val = lapic_timer_deadline(l);
	} else {
		ok = msr - MSR_X2APIC < 0x100 && lapic_x2(l) &&
		     read_reg(l, (msr - MSR_X2APIC) << 4, true, val);
	}
	dev_unlock(&l->dev);
	return ok ? 0 : -EINVAL;
}

static int msr_write(void *chip, uint32_t msr, uint64_t val)
{
	struct lapic *l = chip;
	struct after a = { .eoi = -1, .x2 = true };
	bool ok;

	dev_lock(&l->dev);
	if (msr == MSR_TSC_DEADLINE) {
		ok = l->dev.machine->cfg.tsc_hz;
		if (ok)
			lapic_timer_set_deadline(l, val);
	} else {
		ok = msr - MSR_X2APIC < 0x100 && lapic_x2(l) &&
		     write_reg(l, (msr - MSR_X2APIC) << 4, true, val, &a);
		lapic_update(l);
	}
	dev_unlock(&l->dev);
	finish(l, &a);
	return ok ? 0 : -EINVAL;
}

const struct local_apic_ops lapic_ops = {
	.ack = lapic_inta,
	.cr8_get = cr8_get,
	.cr8_set = cr8_set,
	.base_get = base_get,
	.base_set = base_set,
	.msr_read = msr_read,
	.msr_write = msr_write,
};
