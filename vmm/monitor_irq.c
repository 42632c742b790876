/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `info irq`: a PC's interrupt chips, wherever their home is. The vCPUs are parked. */
#include "vmm/monitor.h"

#include "hw/core/irqchip.h"
#include "vmm/guest.h"
#include "vmm/move/move.h"

static const char *const homes[] = {
	[IRQCHIP_USER] = "devices of ambi",
	[IRQCHIP_SPLIT] = "local APICs in the engine, the others devices of ambi",
	[IRQCHIP_KERNEL] = "the engine",
};
static const char *const modes[8] = { "fixed", "lowest", "SMI", "?", "NMI", "INIT", "?", "ExtINT" };

static void set_print(FILE *f, const char *name, const uint32_t set[8])
{
	bool any = false;

	for (unsigned i = 0; i < 256; i++) {
		if (!(set[i / 32] >> i % 32 & 1))
			continue;
		fprintf(f, "%s %02x", any ? "" : name, i);
		any = true;
	}
}

static void pic_print(FILE *f, const struct pic_state *p)
{
	for (unsigned i = 0; i < 2; i++)
		fprintf(f, "PIC %u: vectors %02x-%02x, mask %02x, requests %02x, in service %02x, "
			"level %02x, lines %02x\n", i, p[i].vector_base, p[i].vector_base + 7,
			p[i].imr, p[i].irr, p[i].isr, p[i].elcr, p[i].lines);
}

static void ioapic_print(FILE *f, const struct ioapic_state *s)
{
	fprintf(f, "IOAPIC %u: requests %06x, lines %06x\n", s->id, s->irr, s->lines);
	for (unsigned i = 0; i < IOAPIC_PINS; i++) {
		uint64_t r = s->redir[i];

		if (r & 1 << 16)
			continue;
		fprintf(f, "  pin %2u: vector %02x, %s, %s to %s %llx%s\n", i, (unsigned)r & 0xff,
			modes[r >> 8 & 7], r & 1 << 15 ? "level" : "edge",
			r & 1 << 11 ? "logical" : "CPU", (unsigned long long)(r >> 56),
			r & 1 << 14 ? ", waits for EOI" : "");
	}
}

static void lapic_print(FILE *f, unsigned cpu, const struct lapic_state *s)
{
	fprintf(f, "local APIC of CPU %u: id %x, %s%s, TPR %02x", cpu, s->id,
		!(s->base & 1 << 11) ? "off" : s->base & 1 << 10 ? "x2APIC" : "xAPIC",
		s->svr & 0x100 ? "" : ", software disabled", s->tpr);
	set_print(f, "; in service", s->isr);
	set_print(f, "; requests", s->irr);
	fprintf(f, "\n  timer %s, vector %02x%s, LINT0 %05x, LINT1 %05x\n",
		(s->lvt[LAPIC_LVT_TIMER] >> 17 & 3) == 2 ? "by TSC deadline" :
		s->lvt[LAPIC_LVT_TIMER] & 1 << 17 ? "periodic" : "one-shot",
		s->lvt[LAPIC_LVT_TIMER] & 0xff,
		s->lvt[LAPIC_LVT_TIMER] & 1 << 16 ? " (masked)" : "",
		s->lvt[LAPIC_LVT_LINT0], s->lvt[LAPIC_LVT_LINT1]);
}

void monitor_info_irq(struct guest *g, FILE *f)
{
	struct irqchip *c = g->vm.machine->irqchip;
	const struct accel_ops *a = g->vm.accel;
	struct err e = { 0 };

	if (!c) {
		fprintf(f, "machine %s has no such chips\n", g->vm.machine->type->name);
		return;
	}
	/*
	 * After a reset, and before the first run, the engine's are the old ones; those of a frozen
	 * guest are what is being saved.
	 */
	if (atomic_load(&c->home) != IRQCHIP_USER && !g->chips_stale && !guest_is_frozen(g) &&
	    a->irqchip_pull && a->irqchip_pull(&g->vm, &e) < 0) {
		fprintf(f, "%s\n", e.msg);
		return;
	}
	fprintf(f, "interrupt chips: %s\n", homes[atomic_load(&c->home)]);
	if (c->pic)
		pic_print(f, c->pic);
	if (c->ioapic)
		ioapic_print(f, c->ioapic);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		if (c->lapic[i])
			lapic_print(f, i, c->lapic[i]);
}
