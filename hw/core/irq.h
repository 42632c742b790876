/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt wiring. A device drives an irq_line; what is at the other end
 * (a chip pin, a CPU input, an engine's in-kernel chip) is bound by the machine.
 */
#ifndef HW_CORE_IRQ_H
#define HW_CORE_IRQ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct irq_line {
	void (*set)(void *to, unsigned pin, int level);	/* NULL: not connected */
	void *to;
	unsigned pin;
	_Atomic int level;		/* last level driven */
};

static inline void irq_set(struct irq_line *l, int level)
{
	level = !!level;
	if (atomic_exchange(&l->level, level) != level && l->set)
		l->set(l->to, l->pin, level);
}
/* Drives even when the level is unchanged: after a restore or a change of the other end. */
static inline void irq_resend(struct irq_line *l)
{
	if (l->set)
		l->set(l->to, l->pin, atomic_load(&l->level));
}

/*
 * The processor's side of an interrupt controller: what chips, firmware and
 * timers may do to a CPU without knowing which engine runs it. One per vCPU,
 * owned by the vCPU.
 */
struct cpu_port {
	unsigned index;			/* 0..n-1 */
	_Atomic uint64_t lines;		/* inputs by the ISA's number (riscv: bit of mip) */
	void (*changed)(struct cpu_port *p);	/* wakes or kicks the vCPU; set by accel */
	void *opaque;			/* for the setter of `changed` */
	/* x86: vector from the external controller at INTA; -1 none. NULL where unused. */
	int (*ack)(void *chip);
	void *ack_chip;
};

static inline void cpu_port_set(struct cpu_port *p, unsigned line, int level)
{
	uint64_t bit = UINT64_C(1) << line, old;

	if (level)
		old = atomic_fetch_or(&p->lines, bit);
	else
		old = atomic_fetch_and(&p->lines, ~bit);
	if (level && !(old & bit) && p->changed)
		p->changed(p);
}

#endif
