/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which CPUs run. With local APICs in the kernel, INIT and SIPI are its business: all threads
 * run, and x86's mp_state says which CPU waits. With local APICs here a CPU that waits is
 * CPU_STOPPED, and its thread stays at the gate. The latter is the canonical form.
 */
#include "hw/core/irqchip.h"
#include "vmm/guest.h"
#include "vmm/move/move.h"

enum { MP_RUNNABLE, MP_UNINITIALIZED, MP_INIT_RECEIVED, MP_HALTED, MP_SIPI_RECEIVED };

static bool lapic_in_engine(const struct guest *g)
{
	return g->vm.machine->irqchip && irqchip_lapic_lent(g->vm.machine->irqchip);
}

static void from_engine(struct guest *g, struct guest_cpu *c, const struct reg *mp)
{
	const struct reg *vector = isa_reg(g->vm.isa, "sipi_vector");
	uint64_t state = isa_reg_get(mp, c->v->state);

	c->power = CPU_STARTED;
	if (state == MP_UNINITIALIZED || state == MP_INIT_RECEIVED) {
		c->power = CPU_STOPPED;
		isa_reg_set(mp, c->v->state, MP_UNINITIALIZED);
	} else if (state == MP_SIPI_RECEIVED && vector) {
		c->power = CPU_STOPPED;
		c->sipi = true;
		c->start_arg = isa_reg_get(vector, c->v->state);
		isa_reg_set(mp, c->v->state, MP_UNINITIALIZED);
	}
	c->v->powered = c->power == CPU_STARTED;
}

static void to_engine(struct guest *g, struct guest_cpu *c, const struct reg *mp)
{
	const struct lapic_state *l = g->vm.machine->irqchip->lapic[c->v->index];

	if (c->init) {			/* its thread has not got round to it */
		g->vm.isa->init(c->v->state);
		c->init = false;
		c->power = c->v->index ? CPU_STOPPED : CPU_STARTED;
	}
	if (c->power != CPU_STARTED && c->sipi)
		g->vm.isa->sipi(c->v->state, (unsigned)c->start_arg);
	else if (c->power == CPU_STOPPED)
		isa_reg_set(mp, c->v->state,
			    l && l->wait_sipi ? MP_INIT_RECEIVED : MP_UNINITIALIZED);
	c->sipi = false;
	c->power = CPU_STARTED;
	c->v->powered = true;
}

void guest_power(struct guest *g, bool to_engines)
{
	const struct reg *mp = isa_reg(g->vm.isa, "mp_state");

	if (!mp || !lapic_in_engine(g))
		return;
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		if (to_engines)
			to_engine(g, &g->cpu[i], mp);
		else
			from_engine(g, &g->cpu[i], mp);
}
