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

/* Numbers of cpu_port.lines on x86; target/x86/state.h's X86_LINE_* (asserted equal there). */
enum { PORT_X86_INTR, PORT_X86_NMI, PORT_X86_INIT, PORT_X86_SMI, PORT_X86_KICK };

/* What a local APIC sends to its processor beside interrupts. */
enum cpu_signal { CPU_SIGNAL_INIT, CPU_SIGNAL_SIPI };

/*
 * What a processor asks of its own local APIC, where the APIC is a device in user
 * space. Any thread; they take the chip's lock. `chip` is cpu_port.apic_chip.
 */
struct local_apic_ops {
	/* INTA: the vector to deliver now, or -1 where none is left. */
	int (*ack)(void *chip);
	/* The task priority register, as CR8 (bits 7:4 of TPR; SDM volume 3, 11.8.6). */
	uint8_t (*cr8_get)(void *chip);
	void (*cr8_set)(void *chip, uint8_t cr8);
	/* IA32_APIC_BASE (11.4.4). set: 0, or -EINVAL where the guest gets #GP. */
	uint64_t (*base_get)(void *chip);
	int (*base_set)(void *chip, uint64_t val);
	/* x2APIC registers (MSRs 0x800 to 0x8ff) and IA32_TSC_DEADLINE (0x6e0): 0, or -EINVAL
	 * where the guest gets #GP. */
	int (*msr_read)(void *chip, uint32_t msr, uint64_t *val);
	int (*msr_write)(void *chip, uint32_t msr, uint64_t val);
};

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
	/* x86: the local APIC in user space; NULL while an engine has it, or there is none. */
	const struct local_apic_ops *apic;
	void *apic_chip;
	/* INIT and SIPI (arg: its vector) from the local APIC; any thread; set by the VMM. */
	void (*signal)(struct cpu_port *p, enum cpu_signal s, unsigned arg);
	void *signal_opaque;
};

/*
 * Index of the CPU whose thread this is, set by the VMM when the thread starts; 0 on others. For
 * registers that each CPU has at the same address.
 */
extern _Thread_local unsigned cpu_current;

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
