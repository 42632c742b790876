/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways between devices and interrupt chips, and the chips' change of home.
 *
 * A line's level is remembered here whatever the home is, since no engine gives it
 * back: when the chips return, each pin that differs from what its chip knows is
 * driven, which makes the edge that fell into the gap.
 */
#include "hw/core/irqchip.h"

#include "hw/core/machine.h"

#include <errno.h>
#include <stdlib.h>

_Thread_local unsigned cpu_current;

struct irqchip *irqchip_get(struct machine *m, struct err *e)
{
	if (m->irqchip)
		return m->irqchip;
	m->irqchip = calloc(1, sizeof(*m->irqchip));
	if (!m->irqchip) {
		err_errno(e, ENOMEM, "interrupt chips");
		return NULL;
	}
	pthread_mutex_init(&m->irqchip->lock, NULL);
	pthread_mutex_init(&m->irqchip->map_lock, NULL);
	return m->irqchip;
}

void irqchip_free(struct machine *m)
{
	if (!m->irqchip)
		return;
	pthread_mutex_destroy(&m->irqchip->map_lock);
	pthread_mutex_destroy(&m->irqchip->lock);
	free(m->irqchip);
	m->irqchip = NULL;
}

int machine_msi(struct machine *m, uint64_t addr, uint32_t data)
{
	struct irqchip *c = m->irqchip;

	if (c && !irqchip_lapic_lent(c) && c->lapic_msi)
		return c->lapic_msi(m, addr, data);
	return m->engine.msi ? m->engine.msi(m->engine.opaque, addr, data) : -ENODEV;
}

/* The IOAPIC's pin of a GSI, -1: none (the PIT's line took the place of the cascade's). */
static int ioapic_pin(unsigned gsi)
{
	return gsi == 0 ? 2 : gsi == 2 ? -1 : (int)gsi;
}

/* Both chips see an ISA line; the guest masks it in one of them. */
static void drive(struct irqchip *c, unsigned gsi, int level)
{
	int pin = ioapic_pin(gsi);

	if (c->pic_dev && gsi < 16)
		c->pic_pin(c->pic_dev, gsi, level);
	if (c->ioapic_dev && pin >= 0)
		c->ioapic_pin(c->ioapic_dev, (unsigned)pin, level);
}

void irqchip_gsi(struct machine *m, unsigned gsi, int level)
{
	struct irqchip *c = m->irqchip;

	if (!c) {
		if (m->engine.gsi)
			m->engine.gsi(m->engine.opaque, gsi, level);
		return;
	}
	if (gsi >= IOAPIC_PINS)
		return;
	pthread_mutex_lock(&c->lock);
	if (level)
		atomic_fetch_or(&c->lines, (uint32_t)BIT(gsi));
	else
		atomic_fetch_and(&c->lines, ~(uint32_t)BIT(gsi));
	if (!irqchip_ioapic_lent(c))
		drive(c, gsi, level);
	else if (m->engine.gsi)
		m->engine.gsi(m->engine.opaque, gsi, level);
	pthread_mutex_unlock(&c->lock);
}

void irqchip_eoi(struct machine *m, unsigned vector)
{
	struct irqchip *c = m->irqchip;

	if (c && c->ioapic_dev && !irqchip_ioapic_lent(c))
		c->ioapic_eoi(c->ioapic_dev, vector & 0xff);
}

void irqchip_pit_legacy_off(struct machine *m, bool off)
{
	struct irqchip *c = m->irqchip;

	if (!c || !c->pit_dev)
		return;
	c->pit_legacy_off(c->pit_dev, off);
	if (irqchip_ioapic_lent(c) && m->engine.pit_legacy_off)
		m->engine.pit_legacy_off(m->engine.opaque, off);
}

static bool lent(enum irqchip_part part, enum irqchip_home home)
{
	return home == IRQCHIP_KERNEL || (home == IRQCHIP_SPLIT && part == IRQCHIP_LAPIC);
}

static void each(struct machine *m, enum irqchip_part part, void (*fn)(struct dev *d))
{
	struct irqchip *c = m->irqchip;
	struct dev *one = part == IRQCHIP_PIC ? c->pic_dev : part == IRQCHIP_PIT ? c->pit_dev :
			  part == IRQCHIP_IOAPIC ? c->ioapic_dev : NULL;

	if (one)
		fn(one);
	for (unsigned i = 0; part == IRQCHIP_LAPIC && i < ARRAY_SIZE(c->lapic_dev); i++)
		if (c->lapic_dev[i])
			fn(c->lapic_dev[i]);
}

/* Pins that changed while the chips were away. */
static void catch_up(struct irqchip *c)
{
	uint32_t lines;

	pthread_mutex_lock(&c->lock);
	lines = atomic_load(&c->lines);
	for (unsigned gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		int level = lines >> gsi & 1, pin = ioapic_pin(gsi);

		/* The chips ignore a level that they know. */
		if (c->pic_dev && gsi < 16)
			c->pic_pin(c->pic_dev, gsi, level);
		if (c->ioapic_dev && pin >= 0)
			c->ioapic_pin(c->ioapic_dev, (unsigned)pin, level);
	}
	pthread_mutex_unlock(&c->lock);
}

void irqchip_set_home(struct machine *m, enum irqchip_home home)
{
	struct irqchip *c = m->irqchip;
	enum irqchip_home old;

	if (!c)
		return;
	old = atomic_load(&c->home);
	if (old == home)
		return;
	/* What time has brought about goes to chips that are still here. */
	for (int p = IRQCHIP_NR_PARTS - 1; p >= 0; p--)
		if (!lent(p, old) && lent(p, home) && c->lend[p])
			each(m, p, c->lend[p]);
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->home, home);
	pthread_mutex_unlock(&c->lock);
	/* Also for those that stay: their outputs may end elsewhere now. */
	for (int p = 0; p < IRQCHIP_NR_PARTS; p++)
		if (!lent(p, home) && c->back[p])
			each(m, p, c->back[p]);
	if (old == IRQCHIP_KERNEL)
		catch_up(c);
}

/* By pin. */
static uint32_t ioapic_lines(uint32_t lines)
{
	return (lines & ~UINT32_C(7)) | (lines & 2) | (lines & 1) << 2;
}

void irqchip_pulled(struct machine *m)
{
	struct irqchip *c = m->irqchip;
	uint32_t lines;

	if (!c || !irqchip_ioapic_lent(c))
		return;
	pthread_mutex_lock(&c->lock);
	lines = atomic_load(&c->lines);
	for (unsigned i = 0; c->pic && i < 2; i++)
		c->pic[i].lines = (uint8_t)(lines >> 8 * i);
	if (c->ioapic)
		c->ioapic->lines = ioapic_lines(lines);
	pthread_mutex_unlock(&c->lock);
}

void irqchip_pushing(struct irqchip *c)
{
	uint32_t now = atomic_load(&c->lines), pins = ioapic_lines(now);

	for (unsigned i = 0; c->pic && i < 2; i++) {
		struct pic_state *p = &c->pic[i];
		unsigned own = i ? 0 : 1 << 2;	/* the slave's output, which is the chips' */
		unsigned lines = (now >> 8 * i & 0xff & ~own) | (p->lines & own);

		p->irr = (uint8_t)((p->irr | (lines & ~p->lines)) &
				   ~(p->lines & ~lines & p->elcr));
		p->lines = (uint8_t)lines;
	}
	if (c->ioapic) {
		struct ioapic_state *s = c->ioapic;

		s->irr = (s->irr | (pins & ~s->lines)) & ~(s->lines & ~pins);
		s->lines = pins;
	}
}
