/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's interrupt chips: one canonical state each, whoever works them. Their
 * devices (hw/intc/i8259.c, ioapic.c, lapic.c, hw/timer/i8254.c) own the structs;
 * an engine that has chips of its own takes the state over (its `home`), and gives
 * it back, through this header alone.
 *
 * While a chip's home is the engine, its device is "lent": it has no timer armed,
 * drives no output, and its struct is stale until the engine has pulled. Lines then
 * go to machine.engine.gsi.
 *
 * Numbers of pins: GSI 0 to 15 are ISA lines (PIC pin n; IOAPIC pin n, but GSI 0 is
 * pin 2 there: the PIT's line as the MADT's override says it), 16 to 23 IOAPIC pins.
 */
#ifndef HW_CORE_IRQCHIP_H
#define HW_CORE_IRQCHIP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/core/state.h"
#include "util/err.h"

enum irqchip_home {
	IRQCHIP_USER,		/* all chips are devices here */
	IRQCHIP_SPLIT,		/* local APICs in the engine; PIC, PIT, IOAPIC here */
	IRQCHIP_KERNEL,		/* all in the engine */
};

/* One 8259A; [0] is the master. */
struct pic_state {
	uint8_t lines;			/* input levels now */
	uint8_t irr, imr, isr;
	uint8_t elcr;			/* level-triggered inputs (ports 0x4d0, 0x4d1) */
	uint8_t vector_base;		/* ICW2 */
	uint8_t init_step;		/* ICW awaited: 0 none, 2, 3, 4 */
	uint8_t icw4_wanted;
	uint8_t priority;		/* lowest-priority input + 1, modulo 8 (rotation) */
	uint8_t read_isr, poll, special_mask;
	uint8_t auto_eoi, rotate_on_auto_eoi, special_fully_nested;
};

enum { IOAPIC_PINS = 24 };
struct ioapic_state {			/* 82093AA */
	uint64_t base;			/* where it is mapped */
	uint32_t id;			/* bits 27:24 of the register, as a number */
	uint8_t select;			/* IOREGSEL */
	uint32_t irr;			/* requests not yet delivered; level: line is high */
	uint32_t lines;			/* input levels now */
	uint64_t redir[IOAPIC_PINS];	/* with remote IRR (bit 14) and delivery status (12) */
};

enum { LAPIC_LVT_CMCI, LAPIC_LVT_TIMER, LAPIC_LVT_THERMAL, LAPIC_LVT_PERF, LAPIC_LVT_LINT0,
       LAPIC_LVT_LINT1, LAPIC_LVT_ERROR, LAPIC_NR_LVT };
struct lapic_state {			/* SDM volume 3, chapter 11 */
	uint64_t base;			/* IA32_APIC_BASE */
	uint32_t id;			/* APIC ID: 8 bits in xAPIC mode, 32 in x2APIC mode */
	uint32_t tpr, ldr, dfr, svr, esr;
	uint64_t icr;
	uint32_t isr[8], tmr[8], irr[8];
	uint32_t lvt[LAPIC_NR_LVT];
	uint32_t timer_initial, timer_divide;	/* as written */
	uint64_t timer_start;		/* virtual ns at which the count was timer_initial */
	uint64_t tsc_deadline;		/* guest TSC; 0: not armed */
	uint8_t esr_pending;		/* errors since the last write to ESR */
	uint8_t wait_sipi;		/* after INIT */
	uint8_t nr_vectors;		/* how many interrupts wait; derived */
};

struct pit_channel {
	uint32_t count;			/* reload value, 1 to 0x10000 */
	uint16_t latched_count;
	uint8_t count_latched;		/* bytes of it still to be read: 0, 1, 2 (RW mode) */
	uint8_t status_latched, status;
	uint8_t read_step, write_step, write_latch;	/* of a two-byte access */
	uint8_t rw_mode, mode, bcd, gate;
	uint64_t start;			/* virtual ns at which the counter was loaded */
};
struct pit_state {			/* 8254 and port 0x61 */
	struct pit_channel channel[3];
	uint8_t speaker_data;		/* port 0x61 bit 1 */
	uint8_t legacy_off;		/* line 0 is the HPET's */
};

/* Field tables for the devices that embed the structs. */
extern const struct field pic_fields[], ioapic_fields[], lapic_fields[], pit_channel_fields[],
	pit_fields[];

struct irqchip {
	_Atomic enum irqchip_home home;
	/* Set by the devices in their init; NULL where the machine has no such chip. */
	struct dev *pic_dev, *ioapic_dev, *pit_dev, *lapic_dev[256];
	struct pic_state *pic;		/* [2] */
	struct ioapic_state *ioapic;
	struct pit_state *pit;
	struct lapic_state *lapic[256];	/* by CPU index, which is the APIC ID at reset */
	/* Messages to local APICs that are devices here. */
	int (*lapic_msi)(struct machine *m, uint64_t addr, uint32_t data);
};

/* A GSI's level, to wherever the chips are. Any thread. */
void irqchip_gsi(struct machine *m, unsigned gsi, int level);
/* A local APIC, here or in the engine, ended a level-triggered interrupt: the IOAPIC's business. */
void irqchip_eoi(struct machine *m, unsigned vector);
/* The 8254's line 0 is the HPET's (legacy replacement), or the PIT's again. */
void irqchip_pit_legacy_off(struct machine *m, bool off);

/*
 * For engines, with the vCPUs stopped. irqchip_set_home lends chips out (their timers are
 * disarmed, outputs fall) or takes them back (timers armed from the struct, outputs driven).
 */
void irqchip_set_home(struct machine *m, enum irqchip_home home);
static inline bool irqchip_lapic_lent(const struct irqchip *c)
{
	return atomic_load(&c->home) != IRQCHIP_USER;
}
static inline bool irqchip_ioapic_lent(const struct irqchip *c)	/* with PIC and PIT */
{
	return atomic_load(&c->home) == IRQCHIP_KERNEL;
}

#endif
