/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The I/O APIC (Intel 82093AA data sheet, order number 290566-001), 24 pins.
 *
 * It says version 0x11, as the KVM chip does: the guest reads the version once, and
 * the chip may move into the kernel and back. The EOI register of later chips (ICH9
 * data sheet, 13.5.1) answers all the same, since local APICs in the engine may offer
 * to suppress the broadcast of EOIs, and not every guest looks at our version then.
 *
 * Polarity is kept but not looked at: levels are logical here, 1 asserted.
 *
 * irr: a level-triggered pin's is its line. An edge-triggered pin's is an edge that came
 * while the pin was masked, until the line falls: never delivered (3.2.4: "not delivered
 * or held pending"), but the KVM chip keeps it, so we do.
 */
#include <errno.h>

#include "hw/core/irqchip.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/log.h"

enum { IOREGSEL = 0x00, IOWIN = 0x10, EOIR = 0x40 };
enum { IOAPICID = 0, IOAPICVER = 1, IOAPICARB = 2, IOREDTBL = 0x10 };
#define IOAPIC_VERSION 0x11u
#define IOAPIC_BASE UINT64_C(0xfec00000)

#define R_STATUS     BIT(12)
#define R_REMOTE_IRR BIT(14)
#define R_LEVEL	     BIT(15)
#define R_MASKED     BIT(16)
#define R_READ_ONLY  (R_STATUS | R_REMOTE_IRR)
#define R_VALID	     UINT64_C(0xff0000000001ffff)

enum { DM_FIXED = 0, DM_LOWEST = 1 };

struct ioapic {
	struct dev dev;
	struct ioapic_state io;
	struct timer redo;		/* what the table owes when the machine goes on */
};

static bool lent(struct ioapic *s)
{
	return irqchip_ioapic_lent(s->dev.machine->irqchip);
}

/* The message of an entry (82093AA, 3.2.4; SDM volume 3, 11.11) to the local APICs. */
static void send(struct ioapic *s, unsigned pin)
{
	uint64_t r = s->io.redir[pin], addr = 0xfee00000 | r >> 56 << 12 | (r >> 11 & 1) << 2;
	unsigned mode = r >> 8 & 7;
	uint32_t data = (uint32_t)(r & 0x7ff) | 1u << 14 | (r & R_LEVEL ? 1u << 15 : 0);

	int rc;

	if (!(r & R_LEVEL))
		s->io.irr &= ~(1u << pin);
	rc = machine_msi(s->dev.machine, addr, data);
	/*
	 * Only interrupts that end with an EOI are remembered, and only those that a local
	 * APIC accepted: no EOI comes for the others, and the pin would be stuck.
	 */
	if (rc >= 0 && r & R_LEVEL && (mode == DM_FIXED || mode == DM_LOWEST))
		s->io.redir[pin] |= R_REMOTE_IRR;
}

/* A level-triggered pin whose line is high and whose last message was answered. */
static bool owes(const struct ioapic *s, unsigned pin)
{
	return s->io.irr >> pin & 1 &&
	       (s->io.redir[pin] & (R_LEVEL | R_MASKED | R_REMOTE_IRR)) == R_LEVEL;
}

static void ioapic_pin(struct dev *d, unsigned pin, int level)
{
	struct ioapic *s = DEV_STATE(struct ioapic, d);
	uint32_t bit = 1u << pin;
	bool was;

	dev_lock(d);
	was = s->io.lines & bit;
	if (level && !was) {
		s->io.lines |= bit;
		s->io.irr |= bit;
		if (owes(s, pin) || !(s->io.redir[pin] & (R_LEVEL | R_MASKED)))
			send(s, pin);
	} else if (!level) {
		s->io.lines &= ~bit;
		s->io.irr &= ~bit;
	}
	dev_unlock(d);
}

/* With the lock. */
static void end_of_interrupt(struct ioapic *s, unsigned vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t *r = &s->io.redir[pin];

		if ((*r & 0xff) != vector || !(*r & R_LEVEL) || !(*r & R_REMOTE_IRR))
			continue;
		*r &= ~R_REMOTE_IRR;
		if (owes(s, pin))
			send(s, pin);
	}
}

static void ioapic_eoi(struct dev *d, unsigned vector)
{
	dev_lock(d);
	end_of_interrupt(DEV_STATE(struct ioapic, d), vector);
	dev_unlock(d);
}

static void table_changed(struct ioapic *s)
{
	struct machine *m = s->dev.machine;

	if (atomic_load(&m->irqchip->home) == IRQCHIP_SPLIT && m->engine.ioapic_changed)
		m->engine.ioapic_changed(m->engine.opaque);
}

/* ---- registers ---- */

static uint32_t read_window(struct ioapic *s)
{
	unsigned i = s->io.select - IOREDTBL;

	switch (s->io.select) {
	case IOAPICID:
	case IOAPICARB: return s->io.id << 24;
	case IOAPICVER: return IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16;
	}
	if (i < 2 * IOAPIC_PINS)
		return (uint32_t)(s->io.redir[i / 2] >> (i & 1 ? 32 : 0));
	return UINT32_MAX;	/* as the KVM chip */
}

static void write_entry(struct ioapic *s, unsigned pin, bool high, uint32_t val)
{
	uint64_t *r = &s->io.redir[pin], old = *r;
	uint32_t bit = 1u << pin;

	if (high)
		*r = (uint32_t)old | (uint64_t)val << 32;
	else
		*r = (old & ~UINT64_C(0xffffffff)) | (old & R_READ_ONLY) | (val & ~R_READ_ONLY);
	*r &= R_VALID;
	if (!(*r & R_LEVEL)) {
		/* Linux relies on this to get rid of a remote IRR that lost its EOI. */
		*r &= ~R_REMOTE_IRR;
		if (old & R_LEVEL)
			s->io.irr &= ~bit;
	} else if (!(old & R_LEVEL)) {
		s->io.irr = (s->io.irr & ~bit) | (s->io.lines & bit);
	}
	if (*r != old)
		table_changed(s);
	if (owes(s, pin))
		send(s, pin);
}

static void write_window(struct ioapic *s, uint32_t val)
{
	unsigned i = s->io.select - IOREDTBL;

	if (s->io.select == IOAPICID)
		s->io.id = val >> 24 & 0xf;
	else if (i < 2 * IOAPIC_PINS)
		write_entry(s, i / 2, i & 1, val);
}

static uint64_t ioapic_read(struct dev *d, uint64_t off, unsigned size)
{
	struct ioapic *s = DEV_STATE(struct ioapic, d);
	uint64_t v = 0;

	if (lent(s))
		return UINT64_MAX;
	if ((off & ~UINT64_C(3)) == IOREGSEL)
		v = s->io.select;
	else if ((off & ~UINT64_C(3)) == IOWIN)
		v = read_window(s);
	return v >> 8 * (off & 3);
}

/* A narrow write (EDK II selects by a byte) is one of a number without higher bits. */
static void ioapic_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct ioapic *s = DEV_STATE(struct ioapic, d);

	if (lent(s))
		return;
	switch (off) {
	case IOREGSEL: s->io.select = (uint8_t)val; break;
	case IOWIN: write_window(s, (uint32_t)val); break;
	case EOIR: end_of_interrupt(s, val & 0xff); break;
	}
}

/* ---- life ---- */

static void redo_all(struct ioapic *s)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		if (owes(s, pin))
			send(s, pin);
}

static void redo_fired(void *opaque)
{
	struct ioapic *s = opaque;

	dev_lock(&s->dev);
	if (!lent(s))
		redo_all(s);
	dev_unlock(&s->dev);
}

/* What a state from elsewhere means here. */
static void ioapic_settle(struct ioapic *s)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint32_t bit = 1u << pin;
		uint64_t *r = &s->io.redir[pin];

		*r &= R_VALID & ~R_STATUS;
		if (*r & R_LEVEL)
			s->io.irr = (s->io.irr & ~bit) | (s->io.lines & bit);
		else
			*r &= ~R_REMOTE_IRR;
	}
}

/* When the machine runs: local APICs elsewhere have their state then. */
static void redo_later(struct ioapic *s)
{
	bool any = false;

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		any |= owes(s, pin);
	timer_set(&s->redo, any ? dev_now(&s->dev) : TIMER_NEVER);
}

static void ioapic_lend(struct dev *d)
{
	struct ioapic *s = DEV_STATE(struct ioapic, d);

	dev_lock(d);
	redo_all(s);
	timer_set(&s->redo, TIMER_NEVER);
	dev_unlock(d);
}

static void ioapic_back(struct dev *d)
{
	struct ioapic *s = DEV_STATE(struct ioapic, d);

	dev_lock(d);
	ioapic_settle(s);
	table_changed(s);
	if (irqchip_lapic_lent(d->machine->irqchip)) {
		redo_later(s);
	} else {
		timer_set(&s->redo, TIMER_NEVER);
		redo_all(s);
	}
	dev_unlock(d);
}

static int ioapic_init(struct dev *d, struct err *e)
{
	struct ioapic *s = DEV_STATE(struct ioapic, d);
	struct irqchip *c = irqchip_get(d->machine, e);

	if (!c)
		return -ENOMEM;
	if (c->ioapic_dev)
		return err_set(e, EEXIST, "the machine has an I/O APIC already");
	timer_init(&s->redo, d->machine->clock, redo_fired, s);
	c->ioapic_dev = d;
	c->ioapic = &s->io;
	c->ioapic_pin = ioapic_pin;
	c->ioapic_eoi = ioapic_eoi;
	c->lend[IRQCHIP_IOAPIC] = ioapic_lend;
	c->back[IRQCHIP_IOAPIC] = ioapic_back;
	return 0;
}

static void ioapic_fini(struct dev *d)
{
	timer_fini(&DEV_STATE(struct ioapic, d)->redo);
	d->machine->irqchip->ioapic_dev = NULL;
	d->machine->irqchip->ioapic = NULL;
}

static void ioapic_reset(struct dev *d, enum reset_kind kind)
{
	struct ioapic *s = DEV_STATE(struct ioapic, d);

	timer_set(&s->redo, TIMER_NEVER);
	s->io.base = d->space[0] ? d->base[0] : IOAPIC_BASE;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		s->io.redir[pin] = R_MASKED;
	table_changed(s);
}

static int ioapic_loaded(struct dev *d, struct err *e)
{
	struct ioapic *s = DEV_STATE(struct ioapic, d);
	struct irqchip *c = d->machine->irqchip;

	if (s->io.id > 0xf || (s->io.irr | s->io.lines) >> IOAPIC_PINS)
		return err_set(e, EINVAL, "I/O APIC: impossible state");
	s->io.base = d->space[0] ? d->base[0] : IOAPIC_BASE;
	ioapic_settle(s);
	/* the PIC knows the others; pin 2 is GSI 0 */
	atomic_store(&c->lines, (atomic_load(&c->lines) & 0xffff) |
		     (s->io.lines & ~UINT32_C(0xffff)));
	table_changed(s);
	/* The local APICs may be loaded after this. */
	if (lent(s))
		timer_set(&s->redo, TIMER_NEVER);
	else
		redo_later(s);
	return 0;
}

const struct field ioapic_fields[] = {
	FIELD(struct ioapic_state, base),
	FIELD(struct ioapic_state, id),
	FIELD(struct ioapic_state, select),
	FIELD(struct ioapic_state, irr),
	FIELD(struct ioapic_state, lines),
	FIELD_ARRAY(struct ioapic_state, redir),
	FIELD_END
};

const struct dev_type dev_ioapic = {
	.name = "ioapic",
	.help = "I/O APIC of 24 pins",
	.size = sizeof(struct ioapic),
	.regions = (const struct region[]){
		{ "regs", 0x1000, 1, 4, 0, ioapic_read, ioapic_write } },
	.nr_regions = 1,
	.state = (const struct field[]){
		FIELD_SUB(struct ioapic, io, struct ioapic_state, ioapic_fields),
		FIELD_SKIP(struct ioapic, redo, "armed for what the table owes"),
		FIELD_END },
	.init = ioapic_init,
	.reset = ioapic_reset,
	.loaded = ioapic_loaded,
	.fini = ioapic_fini,
};
