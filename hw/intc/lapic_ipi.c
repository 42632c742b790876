/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between local APICs, and from the IOAPIC and devices (11.6, 11.11).
 *
 * Each candidate is asked under its own lock, one after the other; no two locks are
 * held together. A broadcast is therefore not atomic, as on a real bus.
 *
 * Lowest priority (11.6.2.4): among those of lowest processor priority the vector
 * chooses, as recent processors hash it: nothing to remember, and each source
 * stays on its CPU.
 */
#include "hw/intc/lapic.h"

#include <errno.h>

#include "util/log.h"

/* 11.6.2 and 11.12.9. The sender's mode does not matter: its width was made 32 bits. */
static bool matches(const struct lapic *l, const struct lapic_message *msg)
{
	uint32_t d = msg->dest, ldr = l->s.ldr >> 24;

	if (!lapic_on(l))
		return false;
	if (d == UINT32_MAX)
		return true;
	if (!msg->logical)
		return d == l->s.id;
	if (lapic_x2(l))
		return d >> 16 == l->s.ldr >> 16 && d & l->s.ldr & 0xffff;
	if (d > 0xff)
		return false;
	switch (l->s.dfr >> 28) {
	case 0xf: return d & ldr;
	case 0: return (d >> 4 == ldr >> 4 || d >> 4 == 0xf) && d & ldr & 0xf;
	default: return false;
	}
}

static void set_line(struct lapic *l, unsigned line)
{
	struct cpu_port *p = l->dev.machine->ports[l->cpu];

	if (p)
		cpu_port_set(p, line, 1);
}

/* Takes the lock. */
static void signal(struct lapic *l, enum cpu_signal s, unsigned arg)
{
	struct cpu_port *p = l->dev.machine->ports[l->cpu];
	bool go = true;

	dev_lock(&l->dev);
	if (s == CPU_SIGNAL_INIT) {
		lapic_reset_regs(l);
		lapic_timer_restart(l);
		/* The bootstrap processor starts at its reset vector. */
		l->s.wait_sipi = !(l->s.base & BASE_BSP);
		lapic_forget_edges(l);
		lapic_update(l);
	} else {
		go = l->s.wait_sipi;
		l->s.wait_sipi = 0;
	}
	dev_unlock(&l->dev);
	if (go && p && p->signal)
		p->signal(p, s, arg);
}

/* Takes the lock. Is it for this one, and accepted? */
static bool accept(struct lapic *l, const struct lapic_message *msg, bool asked)
{
	bool yes;

	dev_lock(&l->dev);
	yes = asked ? lapic_on(l) : matches(l, msg);
	if (yes && (msg->mode == DM_FIXED || msg->mode == DM_LOWEST)) {
		if (msg->vector < 16) {
			lapic_error(l, ESR_RECEIVE_VECTOR);
			yes = false;
		} else if (!(l->s.svr & SVR_ENABLED)) {
			yes = false;	/* 11.4.7.2 */
		} else {
			lapic_set_irr(l, msg->vector, msg->level);
		}
		lapic_update(l);
	}
	dev_unlock(&l->dev);
	if (!yes)
		return false;
	switch (msg->mode) {
	case DM_SMI: set_line(l, PORT_X86_SMI); break;
	case DM_NMI: set_line(l, PORT_X86_NMI); break;
	case DM_INIT: signal(l, CPU_SIGNAL_INIT, 0); break;
	case DM_SIPI: signal(l, CPU_SIGNAL_SIPI, msg->vector); break;
	}
	return true;
}

static unsigned send_lowest(struct machine *m, const struct lapic_message *msg,
			    struct lapic *from, bool except)
{
	struct lapic *ties[256];
	unsigned best = 0x100, n = 0;

	for (unsigned i = 0; i < m->cfg.nr_cpus; i++) {
		struct lapic *l = (struct lapic *)m->irqchip->lapic_dev[i];
		unsigned ppr = 0x100;

		if (!l || (except && l == from))
			continue;
		dev_lock(&l->dev);
		if (matches(l, msg) && l->s.svr & SVR_ENABLED)
			ppr = lapic_ppr(l) >> 4;
		dev_unlock(&l->dev);
		if (ppr < best)
			n = 0;
		best = MIN(best, ppr);
		if (ppr == best && ppr < 0x100)
			ties[n++] = l;
	}
	return n ? accept(ties[msg->vector % n], msg, true) : 0;
}

unsigned lapic_send(struct machine *m, const struct lapic_message *msg, struct lapic *from,
		    bool except)
{
	struct irqchip *c = m->irqchip;
	unsigned n = 0;

	if (msg->mode == DM_LOWEST)
		return send_lowest(m, msg, from, except);
	/* A processor's ID is its index unless the guest has seen to something else. */
	if (!msg->logical && msg->dest < m->cfg.nr_cpus && c->lapic_dev[msg->dest] &&
	    !except && accept((struct lapic *)c->lapic_dev[msg->dest], msg, false))
		return 1;
	for (unsigned i = 0; i < m->cfg.nr_cpus; i++) {
		struct lapic *l = (struct lapic *)c->lapic_dev[i];

		if (l && !(except && l == from))
			n += accept(l, msg, false);
	}
	return n;
}

void lapic_send_icr(struct lapic *l, uint64_t icr, bool x2)
{
	struct lapic_message msg = {
		.dest = x2 ? (uint32_t)(icr >> 32) : (uint32_t)(icr >> 56),
		.logical = icr >> 11 & 1,
		.mode = icr >> 8 & 7,
		.vector = (uint8_t)icr,
	};
	unsigned shorthand = icr >> 18 & 3;
	bool deassert = icr >> 15 & 1 && !(icr >> 14 & 1);

	if (!x2 && msg.dest == 0xff)
		msg.dest = UINT32_MAX;
	if ((msg.mode == DM_FIXED || msg.mode == DM_LOWEST) && msg.vector < 16) {
		dev_lock(&l->dev);
		lapic_error(l, ESR_SEND_VECTOR);
		lapic_update(l);
		dev_unlock(&l->dev);
		return;
	}
	/* INIT level de-assert set arbitration IDs once; now nobody listens (11.6.1). IPIs are
	 * edges whatever the trigger mode says. */
	if (deassert || msg.mode == DM_RESERVED || msg.mode == DM_EXTINT)
		return;
	if ((shorthand == 1 || shorthand == 2) && (msg.mode == DM_INIT || msg.mode == DM_SIPI)) {
		log_guest("%s: INIT or SIPI to itself ignored", l->dev.id);
		return;
	}
	switch (shorthand) {
	case 1: accept(l, &msg, true); return;
	case 2:
	case 3:
		msg.dest = UINT32_MAX;
		msg.logical = false;
		break;
	}
	lapic_send(l->dev.machine, &msg, l, shorthand == 3);
}

/*
 * 11.11. Bits 63:40 of the address, zero on hardware without interrupt remapping, are
 * bits 31:8 of the destination, as in KVM's form of messages for more than 255 CPUs.
 */
int lapic_msi(struct machine *m, uint64_t addr, uint32_t data)
{
	struct lapic_message msg = {
		.dest = (addr >> 12 & 0xff) | (uint32_t)(addr >> 32 & 0xffffff00),
		.logical = addr >> 2 & 1,
		.level = data >> 15 & 1,
		.mode = data >> 8 & 7,
		.vector = (uint8_t)data,
	};

	if ((addr & 0xfff00000) != 0xfee00000)
		return -EINVAL;
	if (msg.dest == 0xff)
		msg.dest = UINT32_MAX;
	if (msg.level && !(data >> 14 & 1))
		return 0;
	/* The redirection hint: one of the logical destinations. */
	if (addr >> 3 & 1 && msg.logical && msg.mode == DM_FIXED)
		msg.mode = DM_LOWEST;
	/* ExtINT comes by the PIC's wire; SIPI by a processor only. */
	if (msg.mode == DM_RESERVED || msg.mode == DM_SIPI || msg.mode == DM_EXTINT)
		return -EINVAL;
	return lapic_send(m, &msg, NULL, false) ? 0 : -ENODEV;
}
