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
 * Wiring, as a machine does it: create in this order, before any device that has a line,
 *
 *	type	regions (space, address)			properties
 *	i8259	0: ports 0x20, 1: ports 0xa0, 2: ports 0x4d0	-
 *	ioapic	0: memory 0xfec00000				-
 *	lapic	one a CPU; of CPU 0 only, 0: memory 0xfee00000	cpu=INDEX, x2apic=on|off
 *	i8254	0: ports 0x40, 1: port 0x61			-
 *
 * and connect the other devices' lines to irqchip_gsi. The chips have no `irq` lines of
 * their own: they find each other here, and the CPUs in machine.ports.
 *
 * Order of locks: a device's, irqchip.lock, PIC's, IOAPIC's, one local APIC's; PIC's and
 * IOAPIC's are never held together. A local APIC calls the PIC (INTA), the IOAPIC (EOI),
 * another local APIC (IPI) and the VMM (cpu_port.signal) with its own lock released.
 * machine.engine.ioapic_changed is called with the IOAPIC's lock held: the table may be read.
 *
 * Numbers of pins: GSI 0 to 15 are ISA lines (PIC pin n; IOAPIC pin n, but GSI 0 is
 * pin 2 there: the PIT's line as the MADT's override says it), 16 to 23 IOAPIC pins.
 */
#ifndef HW_CORE_IRQCHIP_H
#define HW_CORE_IRQCHIP_H

#include <pthread.h>
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
	uint64_t timer_start;		/* virtual ns at which the count was first timer_initial */
	uint64_t tsc_deadline;		/* guest TSC less its offset; 0: not armed */
	uint8_t esr_pending;		/* errors since the last write to ESR */
	uint8_t wait_sipi;		/* after INIT */
	uint8_t nr_vectors;		/* how many interrupts wait; derived */
};

struct pit_channel {
	uint32_t count;			/* 1 to 0x10000; 0: none since the mode was set */
	uint32_t next_count;		/* replaces count at next_at (modes 2, 3) or at the next
					 * trigger (1, 5); 0: none */
	uint16_t latched_count;
	uint8_t count_latched;		/* bytes of it still to be read, as rw_mode; 0: none */
	uint8_t status_latched, status;
	/* Of a two-byte access: 1 when the second byte is next; the first one written. */
	uint8_t read_step, write_step, write_latch;
	uint8_t rw_mode;		/* 1: low byte, 2: high byte, 3: low, then high */
	uint8_t mode, bcd, gate;	/* mode 0 to 5 */
	/*
	 * Virtual ns at which the counter was (or will be) loaded; UINT64_MAX: it waits for a
	 * count or a trigger. Where gate 0 stops it (modes 0, 2, 3, 4): for how long it ran.
	 */
	uint64_t start;
	uint64_t next_at;		/* virtual ns */
};
struct pit_state {			/* 8254 and port 0x61 */
	struct pit_channel channel[3];
	uint8_t speaker_data;		/* port 0x61 bit 1 */
	uint8_t legacy_off;		/* line 0 is the HPET's */
};

/* Field tables for the devices that embed the structs. */
extern const struct field pic_fields[], ioapic_fields[], lapic_fields[], pit_channel_fields[],
	pit_fields[];

/* In the order in which chips come back; they are lent in the reverse order. */
enum irqchip_part { IRQCHIP_LAPIC, IRQCHIP_PIC, IRQCHIP_IOAPIC, IRQCHIP_PIT, IRQCHIP_NR_PARTS };

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

	/* The rest is between irqchip.c and the devices. */
	_Atomic uint32_t lines;		/* GSI levels now, wherever the chips are */
	_Atomic int pic_level;		/* of the PIC's output, on every LINT0 */
	pthread_mutex_t lock;		/* a line's level and its way to the chips */
	pthread_mutex_t map_lock;	/* innermost: relocated local APICs' pages */
	void (*pic_pin)(struct dev *d, unsigned pin, int level);	/* 0 to 15 */
	int (*pic_ack)(struct dev *d);
	void (*ioapic_pin)(struct dev *d, unsigned pin, int level);
	void (*ioapic_eoi)(struct dev *d, unsigned vector);
	void (*pit_legacy_off)(struct dev *d, bool off);
	void (*lapic_lint0)(struct machine *m, int level);
	/* lend: the home is still the old one; back: it is the new one. */
	void (*lend[IRQCHIP_NR_PARTS])(struct dev *d), (*back[IRQCHIP_NR_PARTS])(struct dev *d);
};

/* The machine's, made by the first chip's init; NULL: no memory. machine_free frees it. */
struct irqchip *irqchip_get(struct machine *m, struct err *e);
void irqchip_free(struct machine *m);

/*
 * A GSI's level, to wherever the chips are. Any thread. Lines that several devices share are
 * ORed by the caller.
 */
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
/* The last step of a pull: fills in what no engine tells, the input lines. */
void irqchip_pulled(struct machine *m);
/*
 * Before a push of lent chips, with irqchip.lock: lines that have moved since the pull (a key was
 * pressed while the guest was frozen) move in the structs, too.
 */
void irqchip_pushing(struct irqchip *c);
static inline bool irqchip_lapic_lent(const struct irqchip *c)
{
	return atomic_load(&c->home) != IRQCHIP_USER;
}
static inline bool irqchip_ioapic_lent(const struct irqchip *c)	/* with PIC and PIT */
{
	return atomic_load(&c->home) == IRQCHIP_KERNEL;
}

#endif
