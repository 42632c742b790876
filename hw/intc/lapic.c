/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A processor's local APIC (SDM volume 3, chapter 11): what interrupts it, and the
 * device around it.
 *
 * All of them answer at one address; which one is meant says the thread (cpu_current).
 * The machine maps region 0 of CPU 0's at the usual place. Region 1 is for guests
 * that move theirs: whoever has moved maps its own there, unless another one's is
 * there already; it finds the accessing CPU's just the same.
 */
#include "hw/intc/lapic.h"

#include <errno.h>

#include "util/log.h"

static int highest(const uint32_t *set)
{
	for (int w = 7; w >= 0; w--)
		if (set[w])
			return 32 * w + 31 - __builtin_clz(set[w]);
	return -1;
}

static bool test_bit(const uint32_t *set, unsigned n)
{
	return set[n / 32] >> n % 32 & 1;
}

static void put_bit(uint32_t *set, unsigned n, bool on)
{
	uint32_t bit = UINT32_C(1) << n % 32;

	set[n / 32] = on ? set[n / 32] | bit : set[n / 32] & ~bit;
}

unsigned lapic_ppr(const struct lapic *l)
{
	int isr = highest(l->s.isr);
	unsigned serving = isr < 0 ? 0 : (unsigned)isr & 0xf0;

	return (l->s.tpr & 0xf0) >= serving ? l->s.tpr & 0xff : serving;
}

/* The vector to deliver, -1: none above the processor's priority. */
static int candidate(const struct lapic *l)
{
	int irr = l->s.nr_vectors && lapic_on(l) ? highest(l->s.irr) : -1;

	return irr >= 0 && ((unsigned)irr & 0xf0) > (lapic_ppr(l) & 0xf0) ? irr : -1;
}

/*
 * The PIC's output, as virtual wire (MP specification 1.4, 3.6.2.2); without an APIC the
 * pin is the processor's INTR (11.4.3).
 */
static bool external(const struct lapic *l)
{
	uint32_t lint0 = l->s.lvt[LAPIC_LVT_LINT0];

	if (!atomic_load(&l->dev.machine->irqchip->pic_level))
		return false;
	return !lapic_on(l) || (!(lint0 & LVT_MASKED) && LVT_MODE(lint0) == DM_EXTINT);
}

void lapic_update(struct lapic *l)
{
	struct cpu_port *p = l->dev.machine->ports[l->cpu];

	if (p && !irqchip_lapic_lent(l->dev.machine->irqchip))
		cpu_port_set(p, PORT_X86_INTR, external(l) || candidate(l) >= 0);
}

void lapic_set_irr(struct lapic *l, unsigned vector, bool level)
{
	l->s.nr_vectors += !test_bit(l->s.irr, vector);
	put_bit(l->s.irr, vector, true);
	put_bit(l->s.tmr, vector, level);
}

/* 11.5.3; the interrupt is armed again when the guest has taken the errors over. */
void lapic_error(struct lapic *l, unsigned esr)
{
	uint32_t lvt = l->s.lvt[LAPIC_LVT_ERROR];
	bool armed = !l->s.esr_pending;

	l->s.esr_pending |= esr;
	if (!armed || lvt & LVT_MASKED)
		return;
	if ((lvt & 0xff) < 16)
		l->s.esr_pending |= ESR_RECEIVE_VECTOR;
	else
		lapic_set_irr(l, lvt & 0xff, false);
}

void lapic_local(struct lapic *l, unsigned n)
{
	struct cpu_port *p = l->dev.machine->ports[l->cpu];
	uint32_t lvt = l->s.lvt[n];
	unsigned mode = n == LAPIC_LVT_TIMER ? DM_FIXED : LVT_MODE(lvt);

	if (lvt & LVT_MASKED)
		return;
	if (mode == DM_FIXED && (lvt & 0xff) < 16)
		lapic_error(l, ESR_RECEIVE_VECTOR);
	else if (mode == DM_FIXED)
		lapic_set_irr(l, lvt & 0xff, false);
	else if (p && (mode == DM_NMI || mode == DM_SMI))
		cpu_port_set(p, mode == DM_NMI ? PORT_X86_NMI : PORT_X86_SMI, 1);
	lapic_update(l);
}

int lapic_end(struct lapic *l)
{
	int vector = highest(l->s.isr);

	if (vector < 0)
		return -1;
	put_bit(l->s.isr, (unsigned)vector, false);
	lapic_update(l);
	if (l->s.svr & SVR_DIRECTED_EOI)
		return -1;
	return test_bit(l->s.tmr, (unsigned)vector) ? vector : -1;
}

void lapic_broadcast_eoi(struct lapic *l, int vector)
{
	if (vector >= 0)
		irqchip_eoi(l->dev.machine, (unsigned)vector);
}

int lapic_inta(void *chip)
{
	struct lapic *l = chip;
	struct irqchip *c = l->dev.machine->irqchip;
	int vector = -1;
	bool pic;

	dev_lock(&l->dev);
	/* The external controller first: it is not subject to priorities (11.8.1). */
	pic = external(l);
	if (!pic && !irqchip_lapic_lent(c)) {
		vector = candidate(l);
		if (vector >= 0) {
			put_bit(l->s.irr, (unsigned)vector, false);
			l->s.nr_vectors--;
			put_bit(l->s.isr, (unsigned)vector, true);
		}
		lapic_update(l);
	}
	dev_unlock(&l->dev);
	return pic && c->pic_dev ? c->pic_ack(c->pic_dev) : vector;
}

/* The PIC's output changed; its lock is held. It is wired to all, as on real boards. */
static void lapic_lint0(struct machine *m, int level)
{
	for (unsigned i = 0; i < m->cfg.nr_cpus; i++) {
		struct lapic *l = (struct lapic *)m->irqchip->lapic_dev[i];

		if (!l)
			continue;
		dev_lock(&l->dev);
		if (level && lapic_on(l) && LVT_MODE(l->s.lvt[LAPIC_LVT_LINT0]) != DM_EXTINT)
			lapic_local(l, LAPIC_LVT_LINT0);
		lapic_update(l);
		dev_unlock(&l->dev);
	}
}

/* ---- where the registers are ---- */

static bool somebody_at(struct machine *m, uint64_t page)
{
	for (unsigned i = 0; i < m->cfg.nr_cpus; i++) {
		struct lapic *l = (struct lapic *)m->irqchip->lapic_dev[i];

		if (l && atomic_load(&l->moved_to) == page)
			return true;
	}
	return false;
}

static void page_unmap(struct lapic *l)
{
	dev_unmap(&l->dev, 1);
	atomic_store(&l->moved_to, 0);
}

static void page_map(struct lapic *l, uint64_t page)
{
	struct err e;

	if (dev_map(&l->dev, 1, l->dev.machine->mmio, page, &e))
		log_guest("%s: its new base is another device's", l->dev.id);
	else
		atomic_store(&l->moved_to, page);
}

void lapic_remap(struct lapic *l)
{
	struct machine *m = l->dev.machine;
	struct irqchip *c = m->irqchip;

	atomic_store(&l->page, lapic_on(l) && !lapic_x2(l) ? l->s.base & BASE_ADDR : 0);
	/* Others' locks are not taken: two of them may be here. */
	pthread_mutex_lock(&c->map_lock);
	for (unsigned i = 0; i < m->cfg.nr_cpus; i++) {
		struct lapic *o = (struct lapic *)c->lapic_dev[i];

		if (o && atomic_load(&o->moved_to) &&
		    atomic_load(&o->moved_to) != atomic_load(&o->page))
			page_unmap(o);
	}
	for (unsigned i = 0; i < m->cfg.nr_cpus; i++) {
		struct lapic *o = (struct lapic *)c->lapic_dev[i];
		uint64_t page = o ? atomic_load(&o->page) : 0;

		if (page && page != BASE_RESET && !somebody_at(m, page))
			page_map(o, page);
	}
	pthread_mutex_unlock(&c->map_lock);
}

/* ---- life ---- */

void lapic_reset_regs(struct lapic *l)
{
	struct lapic_state was = l->s;

	l->s = (struct lapic_state){ .base = was.base, .id = was.id, .dfr = DFR_FLAT, .svr = 0xff,
				     .wait_sipi = was.wait_sipi };
	if (lapic_x2(l))	/* 11.12.10.2 */
		l->s.ldr = l->s.id >> 4 << 16 | 1u << (l->s.id & 15);
	for (unsigned i = 0; i < LAPIC_NR_LVT; i++)
		l->s.lvt[i] = LVT_MASKED;
}

static void lapic_ports(struct lapic *l, bool ours)
{
	struct cpu_port *p = l->dev.machine->ports[l->cpu];

	if (!p)
		return;
	p->apic = ours ? &lapic_ops : NULL;
	p->apic_chip = ours ? l : NULL;
	if (ours || p->ack_chip == l) {
		p->ack = ours ? lapic_inta : NULL;
		p->ack_chip = ours ? l : NULL;
	}
}

static void lapic_lend(struct dev *d)
{
	struct lapic *l = DEV_STATE(struct lapic, d);
	struct cpu_port *p = d->machine->ports[l->cpu];

	dev_lock(d);
	lapic_timer_catch_up(l);
	l->due = 0;
	timer_set(&l->timer, TIMER_NEVER);
	lapic_ports(l, false);
	if (p)
		cpu_port_set(p, PORT_X86_INTR, 0);
	dev_unlock(d);
}

static void lapic_settle(struct lapic *l)
{
	l->s.nr_vectors = 0;
	for (unsigned w = 0; w < 8; w++)
		l->s.nr_vectors += (uint8_t)__builtin_popcount(l->s.irr[w]);
}

static void lapic_back(struct dev *d)
{
	struct lapic *l = DEV_STATE(struct lapic, d);

	dev_lock(d);
	lapic_settle(l);
	lapic_ports(l, true);
	if (!l->due)
		lapic_timer_back(l);
	lapic_update(l);
	lapic_remap(l);
	dev_unlock(d);
}

static int lapic_init(struct dev *d, struct err *e)
{
	struct lapic *l = DEV_STATE(struct lapic, d);
	struct irqchip *c = irqchip_get(d->machine, e);

	if (!c)
		return -ENOMEM;
	if (l->cpu >= d->machine->cfg.nr_cpus || l->cpu >= ARRAY_SIZE(c->lapic_dev))
		return err_set(e, EINVAL, "there is no CPU %u", l->cpu);
	if (c->lapic_dev[l->cpu])
		return err_set(e, EEXIST, "CPU %u has a local APIC already", l->cpu);
	timer_init(&l->timer, d->machine->clock, lapic_timer_fired, l);
	l->due = TIMER_NEVER;
	c->lapic_dev[l->cpu] = d;
	c->lapic[l->cpu] = &l->s;
	c->lapic_msi = lapic_msi;
	c->lapic_lint0 = lapic_lint0;
	c->lend[IRQCHIP_LAPIC] = lapic_lend;
	c->back[IRQCHIP_LAPIC] = lapic_back;
	lapic_ports(l, true);
	return 0;
}

static void lapic_fini(struct dev *d)
{
	struct lapic *l = DEV_STATE(struct lapic, d);
	struct irqchip *c = d->machine->irqchip;

	timer_fini(&l->timer);
	lapic_ports(l, false);
	c->lapic_dev[l->cpu] = NULL;
	c->lapic[l->cpu] = NULL;
}

void lapic_forget_edges(struct lapic *l)
{
	struct cpu_port *p = l->dev.machine->ports[l->cpu];

	if (!p)
		return;
	cpu_port_set(p, PORT_X86_NMI, 0);
	cpu_port_set(p, PORT_X86_SMI, 0);
}

static void lapic_reset(struct dev *d, enum reset_kind kind)
{
	struct lapic *l = DEV_STATE(struct lapic, d);

	l->s.base = BASE_RESET | BASE_ON | (l->cpu ? 0 : BASE_BSP);
	l->s.id = l->cpu;
	l->s.wait_sipi = l->cpu != 0;
	lapic_reset_regs(l);
	l->due = TIMER_NEVER;
	lapic_timer_restart(l);
	lapic_forget_edges(l);
	lapic_update(l);
	lapic_remap(l);
}

static int lapic_loaded(struct dev *d, struct err *e)
{
	struct lapic *l = DEV_STATE(struct lapic, d);
	struct lapic_state *s = &l->s;

	if ((s->base & (BASE_X2 | BASE_ON)) == BASE_X2 || (lapic_x2(l) && !l->x2apic) ||
	    s->base & ~BASE_ADDR & ~(BASE_BSP | BASE_X2 | BASE_ON) ||
	    s->id > (lapic_x2(l) ? UINT32_MAX : 0xff) || s->tpr > 0xff ||
	    s->wait_sipi > 1 || (s->irr[0] | s->isr[0]) & 0xffff || s->timer_divide & ~0xbu)
		return err_set(e, EINVAL, "local APIC: impossible state");
	lapic_settle(l);
	if (irqchip_lapic_lent(d->machine->irqchip))
		lapic_timer_lent(l);
	else if (!l->due)		/* saved while the chip was lent */
		lapic_timer_back(l);
	lapic_timer_arm(l);
	lapic_update(l);
	lapic_remap(l);
	return 0;
}

const struct field lapic_fields[] = {
	FIELD(struct lapic_state, base),
	FIELD(struct lapic_state, id),
	FIELD(struct lapic_state, tpr),
	FIELD(struct lapic_state, ldr),
	FIELD(struct lapic_state, dfr),
	FIELD(struct lapic_state, svr),
	FIELD(struct lapic_state, esr),
	FIELD(struct lapic_state, icr),
	FIELD_ARRAY(struct lapic_state, isr),
	FIELD_ARRAY(struct lapic_state, tmr),
	FIELD_ARRAY(struct lapic_state, irr),
	FIELD_ARRAY(struct lapic_state, lvt),
	FIELD(struct lapic_state, timer_initial),
	FIELD(struct lapic_state, timer_divide),
	FIELD(struct lapic_state, timer_start),
	FIELD(struct lapic_state, tsc_deadline),
	FIELD(struct lapic_state, esr_pending),
	FIELD(struct lapic_state, wait_sipi),
	FIELD_SKIP(struct lapic_state, nr_vectors, "counted from irr"),
	FIELD_END
};

const struct dev_type dev_lapic = {
	.name = "lapic",
	.help = "a processor's local APIC",
	.size = sizeof(struct lapic),
	.props = (const struct prop[]){
		PROP(struct lapic, cpu, PROP_U32, "index of its CPU", "0"),
		PROP(struct lapic, x2apic, PROP_BOOL, "offer x2APIC mode", "on"),
		PROP_END },
	.regions = lapic_regions,
	.nr_regions = ARRAY_SIZE(lapic_regions),
	.state = (const struct field[]){
		FIELD_SUB(struct lapic, s, struct lapic_state, lapic_fields),
		FIELD(struct lapic, due),
		FIELD_SKIP(struct lapic, timer, "armed for due"),
		FIELD_SKIP(struct lapic, page, "from base"),
		FIELD_SKIP(struct lapic, moved_to, "where base and the others let it be"),
		FIELD_END },
	.init = lapic_init,
	.reset = lapic_reset,
	.loaded = lapic_loaded,
	.fini = lapic_fini,
};
