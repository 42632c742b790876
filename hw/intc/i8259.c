/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's two 8259A interrupt controllers (Intel 8259A data sheet, order number
 * 231468-003) with the chipset's edge/level registers (ICH9 data sheet, 13.4.6, 13.4.7).
 *
 * As in chipsets, ICW1's LTIM and SNGL are ignored: the ELCR has the former's job and
 * there are always two chips. A rising edge stays requested though its line falls
 * before INTA, since edge sources of chipsets pulse; the KVM chip does the same.
 *
 * The slave's output is the master's input 2. That request follows the output's
 * level: the slave's goes down with each INTA, so each new one would be an edge.
 */
#include <errno.h>

#include "hw/core/irqchip.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/log.h"

enum { MASTER, SLAVE };
enum { CASCADE = 2 };

enum { ICW1_IC4 = 0x01, ICW1 = 0x10 };
enum { ICW4_AEOI = 0x02, ICW4_SFNM = 0x10 };
enum { OCW3 = 0x08, OCW3_RIS = 0x01, OCW3_RR = 0x02, OCW3_P = 0x04, OCW3_SMM = 0x20,
       OCW3_ESMM = 0x40 };
enum { OCW2_EOI = 1, OCW2_SL = 2, OCW2_R = 4 };	/* bits 7:5 of OCW2 */

/* The timer, keyboard, cascade, clock and coprocessor inputs are always edges. */
static const uint8_t elcr_mask[2] = { 0xf8, 0xde };

struct i8259 {
	struct dev dev;
	struct pic_state pic[2];
};

/* The input of highest priority in a set, -1: none. */
static int pic_highest(const struct pic_state *p, unsigned set)
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned pin = (p->priority + i) & 7;

		if (set >> pin & 1)
			return (int)pin;
	}
	return -1;
}

static unsigned pic_rank(const struct pic_state *p, int pin)
{
	return ((unsigned)pin - p->priority) & 7;
}

/* The input that may interrupt now, -1: none. */
static int pic_request(const struct pic_state *p, bool master)
{
	int pin = pic_highest(p, p->irr & ~p->imr & 0xffu), cur;

	if (pin < 0 || p->init_step)
		return -1;
	/* Special mask mode: levels masked while in service inhibit nothing. */
	cur = pic_highest(p, p->special_mask ? p->isr & ~p->imr & 0xffu : p->isr);
	if (cur < 0 || pic_rank(p, pin) < pic_rank(p, cur))
		return pin;
	/* Special fully nested: the slave's higher requests pass while it is in service. */
	if (p->special_fully_nested && master && pin == CASCADE && cur == CASCADE)
		return pin;
	return -1;
}

/* From the state to the outputs; after every change. */
static void i8259_update(struct i8259 *s)
{
	struct machine *m = s->dev.machine;
	struct irqchip *c = m->irqchip;
	struct pic_state *p = s->pic;
	uint8_t bit = 1u << CASCADE;
	int level;

	if (irqchip_ioapic_lent(c))
		return;
	if (pic_request(&p[SLAVE], false) >= 0) {
		p[MASTER].irr |= bit;
		p[MASTER].lines |= bit;
	} else {
		p[MASTER].irr &= ~bit;
		p[MASTER].lines &= ~bit;
	}
	level = pic_request(&p[MASTER], true) >= 0;
	if (atomic_exchange(&c->pic_level, level) == level)
		return;
	if (!irqchip_lapic_lent(c) && c->lapic_lint0)
		c->lapic_lint0(m, level);
	else if (m->ports[0])
		cpu_port_set(m->ports[0], PORT_X86_INTR, level);
}

/* The first INTA, or a poll: the request goes into service. */
static void pic_accept(struct pic_state *p, int pin)
{
	uint8_t bit = (uint8_t)(1u << pin);

	if (!(p->elcr & bit))
		p->irr &= ~bit;
	if (!p->auto_eoi)
		p->isr |= bit;
	else if (p->rotate_on_auto_eoi)
		p->priority = (pin + 1) & 7;
}

/*
 * One chip's part of INTA; input 7, not put in service, where the request has gone since
 * the processor saw INTR. (Spurious 15 cannot happen: with the slave's request the
 * master's goes, too.)
 */
static int pic_inta(struct pic_state *p, bool master)
{
	int pin = pic_request(p, master);

	if (pin < 0)
		return 7;
	pic_accept(p, pin);
	return pin;
}

static int i8259_ack(struct dev *d)
{
	struct i8259 *s = DEV_STATE(struct i8259, d);
	struct irqchip *c = d->machine->irqchip;
	int vector = -1, pin;

	dev_lock(d);
	if (!irqchip_ioapic_lent(c)) {
		pin = pic_inta(&s->pic[MASTER], true);
		vector = s->pic[MASTER].vector_base + pin;
		if (pin == CASCADE) {
			pin = pic_inta(&s->pic[SLAVE], false);
			vector = s->pic[SLAVE].vector_base + pin;
		}
		i8259_update(s);
	}
	dev_unlock(d);
	return vector;
}

static int i8259_port_ack(void *chip)
{
	return i8259_ack(chip);
}

static void i8259_pin(struct dev *d, unsigned pin, int level)
{
	struct i8259 *s = DEV_STATE(struct i8259, d);
	struct pic_state *p = &s->pic[pin >> 3];
	uint8_t bit = (uint8_t)(1u << (pin & 7)), was;

	if (pin == CASCADE || pin > 15)
		return;
	dev_lock(d);
	was = p->lines & bit;
	p->lines = level ? p->lines | bit : p->lines & ~bit;
	if (level && (p->elcr & bit || !was))
		p->irr |= bit;
	else if (!level && p->elcr & bit)
		p->irr &= ~bit;
	i8259_update(s);
	dev_unlock(d);
}

/* ---- registers ---- */

static uint64_t pic_read(struct dev *d, unsigned n, uint64_t a0)
{
	struct i8259 *s = DEV_STATE(struct i8259, d);
	struct pic_state *p = &s->pic[n];
	int pin;

	if (irqchip_ioapic_lent(d->machine->irqchip))
		return 0xff;
	if (p->poll) {
		/* "Treats the next RD as an interrupt acknowledge" (Poll command) */
		p->poll = 0;
		pin = pic_request(p, n == MASTER);
		if (pin < 0)
			return 0;
		pic_accept(p, pin);
		i8259_update(s);
		return 0x80u | (unsigned)pin;
	}
	if (a0)
		return p->imr;
	return p->read_isr ? p->isr : p->irr;
}

static void write_icw1(struct pic_state *p, unsigned val)
{
	/* Edges are forgotten; a line that is high needs to fall first. */
	p->irr &= p->elcr;
	p->imr = p->isr = 0;
	p->priority = 0;
	p->read_isr = p->poll = p->special_mask = p->rotate_on_auto_eoi = 0;
	p->icw4_wanted = val & ICW1_IC4;
	if (!p->icw4_wanted)
		p->auto_eoi = p->special_fully_nested = 0;
	p->init_step = 2;
}

static void write_ocw2(struct pic_state *p, unsigned val)
{
	unsigned op = val >> 5;
	int pin = (int)(val & 7);

	if (!(op & OCW2_EOI)) {
		if (op == (OCW2_R | OCW2_SL))
			p->priority = (pin + 1) & 7;
		else if (!(op & OCW2_SL))
			p->rotate_on_auto_eoi = op == OCW2_R;
		return;
	}
	if (!(op & OCW2_SL)) {
		/* Non-specific: special mask mode spares the masked ones. */
		pin = pic_highest(p, p->special_mask ? p->isr & ~p->imr & 0xffu : p->isr);
		if (pin < 0)
			return;
	}
	p->isr &= ~(1u << pin);
	if (op & OCW2_R)
		p->priority = (pin + 1) & 7;
}

static void write_ocw3(struct pic_state *p, unsigned val)
{
	if (val & OCW3_ESMM)
		p->special_mask = !!(val & OCW3_SMM);
	p->poll = !!(val & OCW3_P);
	if (val & OCW3_RR && !p->poll)
		p->read_isr = val & OCW3_RIS;
}

static void write_icw(struct pic_state *p, unsigned val)
{
	switch (p->init_step) {
	case 2:
		p->vector_base = val & 0xf8;
		p->init_step = 3;
		break;
	case 3:			/* how the cascade is wired; it cannot be changed */
		p->init_step = p->icw4_wanted ? 4 : 0;
		break;
	default:
		p->auto_eoi = !!(val & ICW4_AEOI);
		p->special_fully_nested = !!(val & ICW4_SFNM);
		p->init_step = 0;
	}
}

static void pic_write(struct dev *d, unsigned n, uint64_t a0, unsigned val)
{
	struct i8259 *s = DEV_STATE(struct i8259, d);
	struct pic_state *p = &s->pic[n];

	if (irqchip_ioapic_lent(d->machine->irqchip))
		return;
	if (a0 && p->init_step)
		write_icw(p, val);
	else if (a0)
		p->imr = (uint8_t)val;
	else if (val & ICW1)
		write_icw1(p, val);
	else if (val & OCW3)
		write_ocw3(p, val);
	else
		write_ocw2(p, val);
	i8259_update(s);
}

static uint64_t master_read(struct dev *d, uint64_t off, unsigned size)
{
	return pic_read(d, MASTER, off);
}

static uint64_t slave_read(struct dev *d, uint64_t off, unsigned size)
{
	return pic_read(d, SLAVE, off);
}

static void master_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	pic_write(d, MASTER, off, (unsigned)val);
}

static void slave_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	pic_write(d, SLAVE, off, (unsigned)val);
}

static uint64_t elcr_read(struct dev *d, uint64_t off, unsigned size)
{
	return DEV_STATE(struct i8259, d)->pic[off].elcr;
}

static void elcr_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct i8259 *s = DEV_STATE(struct i8259, d);
	struct pic_state *p = &s->pic[off];
	uint8_t elcr = (uint8_t)val & elcr_mask[off], changed = elcr ^ p->elcr;

	if (irqchip_ioapic_lent(d->machine->irqchip))
		return;
	p->elcr = elcr;
	p->irr = (uint8_t)((p->irr & ~changed) | (changed & elcr & p->lines));
	i8259_update(s);
}

/* ---- life ---- */

/* Level-triggered requests are their lines. */
static void i8259_settle(struct i8259 *s)
{
	for (unsigned n = 0; n < 2; n++) {
		struct pic_state *p = &s->pic[n];

		p->irr = (uint8_t)((p->irr & ~p->elcr) | (p->lines & p->elcr));
	}
}

static void i8259_drop(struct i8259 *s)
{
	struct machine *m = s->dev.machine;
	struct irqchip *c = m->irqchip;

	atomic_store(&c->pic_level, 0);
	if (!irqchip_lapic_lent(c) && c->lapic_lint0)
		c->lapic_lint0(m, 0);
	else if (m->ports[0])
		cpu_port_set(m->ports[0], PORT_X86_INTR, 0);
}

static void i8259_unport(struct dev *d)
{
	struct cpu_port *port = d->machine->ports[0];

	if (port && port->ack_chip == d) {
		port->ack = NULL;
		port->ack_chip = NULL;
	}
}

static void i8259_lend(struct dev *d)
{
	dev_lock(d);
	i8259_drop(DEV_STATE(struct i8259, d));
	i8259_unport(d);
	dev_unlock(d);
}

static void i8259_back(struct dev *d)
{
	struct i8259 *s = DEV_STATE(struct i8259, d);
	struct irqchip *c = d->machine->irqchip;
	struct cpu_port *port = d->machine->ports[0];

	dev_lock(d);
	/* Without a local APIC in between the processor's INTA reaches this chip. */
	if (port && (irqchip_lapic_lent(c) || !c->lapic_dev[0])) {
		port->ack = i8259_port_ack;
		port->ack_chip = d;
	}
	i8259_settle(s);
	i8259_drop(s);
	i8259_update(s);
	dev_unlock(d);
}

static int i8259_init(struct dev *d, struct err *e)
{
	struct i8259 *s = DEV_STATE(struct i8259, d);
	struct irqchip *c = irqchip_get(d->machine, e);

	if (!c)
		return -ENOMEM;
	if (c->pic_dev)
		return err_set(e, EEXIST, "the machine has an 8259 already");
	c->pic_dev = d;
	c->pic = s->pic;
	c->pic_pin = i8259_pin;
	c->pic_ack = i8259_ack;
	c->lend[IRQCHIP_PIC] = i8259_lend;
	c->back[IRQCHIP_PIC] = i8259_back;
	i8259_back(d);
	return 0;
}

static void i8259_fini(struct dev *d)
{
	struct irqchip *c = d->machine->irqchip;

	i8259_unport(d);
	c->pic_dev = NULL;
	c->pic = NULL;
}

static void i8259_reset(struct dev *d, enum reset_kind kind)
{
	struct irqchip *c = d->machine->irqchip;

	/* The devices' lines are down; this is the first of the chips. */
	atomic_store(&c->lines, 0);
	if (!irqchip_ioapic_lent(c))
		i8259_drop(DEV_STATE(struct i8259, d));
}

static int i8259_loaded(struct dev *d, struct err *e)
{
	struct i8259 *s = DEV_STATE(struct i8259, d);
	struct irqchip *c = d->machine->irqchip;

	for (unsigned n = 0; n < 2; n++) {
		const struct pic_state *p = &s->pic[n];

		if (p->elcr & ~elcr_mask[n] || p->vector_base & 7 || p->priority > 7 ||
		    p->init_step > 4 || p->init_step == 1)
			return err_set(e, EINVAL, "8259 %u: impossible state", n);
		if ((p->icw4_wanted | p->read_isr | p->poll | p->special_mask | p->auto_eoi |
		     p->rotate_on_auto_eoi | p->special_fully_nested) > 1)
			return err_set(e, EINVAL, "8259 %u: a flag is no truth value", n);
	}
	atomic_store(&c->lines, (atomic_load(&c->lines) & ~UINT32_C(0xffff)) |
		     (s->pic[MASTER].lines & ~(1u << CASCADE)) |
		     (uint32_t)s->pic[SLAVE].lines << 8);
	if (irqchip_ioapic_lent(c))
		return 0;
	i8259_settle(s);
	i8259_drop(s);
	i8259_update(s);
	return 0;
}

const struct field pic_fields[] = {
	FIELD(struct pic_state, lines),
	FIELD(struct pic_state, irr),
	FIELD(struct pic_state, imr),
	FIELD(struct pic_state, isr),
	FIELD(struct pic_state, elcr),
	FIELD(struct pic_state, vector_base),
	FIELD(struct pic_state, init_step),
	FIELD(struct pic_state, icw4_wanted),
	FIELD(struct pic_state, priority),
	FIELD(struct pic_state, read_isr),
	FIELD(struct pic_state, poll),
	FIELD(struct pic_state, special_mask),
	FIELD(struct pic_state, auto_eoi),
	FIELD(struct pic_state, rotate_on_auto_eoi),
	FIELD(struct pic_state, special_fully_nested),
	FIELD_END
};

const struct dev_type dev_i8259 = {
	.name = "i8259",
	.help = "the PC's two 8259A interrupt controllers",
	.size = sizeof(struct i8259),
	.regions = (const struct region[]){
		{ "master", 2, 1, 1, 0, master_read, master_write },
		{ "slave", 2, 1, 1, 0, slave_read, slave_write },
		{ "elcr", 2, 1, 1, 0, elcr_read, elcr_write } },
	.nr_regions = 3,
	.state = (const struct field[]){
		FIELD_SUB(struct i8259, pic, struct pic_state, pic_fields),
		FIELD_END },
	.init = i8259_init,
	.reset = i8259_reset,
	.loaded = i8259_loaded,
	.fini = i8259_fini,
};
