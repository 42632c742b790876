/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's parts among themselves: lapic.c (interrupts of one processor and
 * the device), lapic_regs.c (what the guest reads and writes), lapic_ipi.c (messages
 * between them), lapic_timer.c. Section numbers are those of the SDM, volume 3.
 *
 * A function whose comment does not say otherwise is called with the device's lock.
 */
#ifndef HW_INTC_LAPIC_H
#define HW_INTC_LAPIC_H

#include "hw/core/irqchip.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"

struct lapic {
	struct dev dev;
	uint32_t cpu;			/* property: index in machine.ports */
	bool x2apic;			/* property: the guest may switch to x2APIC mode */
	struct lapic_state s;
	uint64_t due;			/* virtual ns of the timer's next interrupt */
	struct timer timer;
	_Atomic uint64_t page;		/* where the registers are; 0: nowhere */
	_Atomic uint64_t moved_to;	/* where region 1 is mapped; 0: not */
};

/* Offsets in the page; (n << 4) + 0x800 is the MSR's number. */
enum {
	LAPIC_ID = 0x20, LAPIC_VERSION = 0x30, LAPIC_TPR = 0x80, LAPIC_APR = 0x90,
	LAPIC_PPR = 0xa0, LAPIC_EOI = 0xb0, LAPIC_RRD = 0xc0, LAPIC_LDR = 0xd0,
	LAPIC_DFR = 0xe0, LAPIC_SVR = 0xf0, LAPIC_ISR = 0x100, LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200, LAPIC_ESR = 0x280, LAPIC_CMCI = 0x2f0, LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310, LAPIC_LVT = 0x320, LAPIC_LVT_END = 0x380,
	LAPIC_INITIAL = 0x380, LAPIC_CURRENT = 0x390, LAPIC_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0,
};

#define BASE_BSP   BIT(8)
#define BASE_X2    BIT(10)
#define BASE_ON    BIT(11)
#define BASE_ADDR  (~UINT64_C(0xfff))
#define BASE_RESET UINT64_C(0xfee00000)

#define SVR_ENABLED 0x100u
#define SVR_DIRECTED_EOI 0x1000u	/* no EOI to the IOAPIC */
#define LVT_MASKED  0x10000u
#define LVT_MODE(lvt) ((lvt) >> 8 & 7)
enum { LVT_ONE_SHOT, LVT_PERIODIC, LVT_DEADLINE };	/* bits 18:17 of the timer's entry */
#define DFR_FLAT    0xffffffffu

enum { ESR_SEND_VECTOR = 0x20, ESR_RECEIVE_VECTOR = 0x40, ESR_REGISTER = 0x80 };

/* Delivery modes (11.6.1). */
enum { DM_FIXED, DM_LOWEST, DM_SMI, DM_RESERVED, DM_NMI, DM_INIT, DM_SIPI, DM_EXTINT };

static inline bool lapic_on(const struct lapic *l) { return l->s.base & BASE_ON; }
static inline bool lapic_x2(const struct lapic *l) { return l->s.base & BASE_X2; }

/* ---- lapic.c ---- */
/* A vector is pending; edges and levels differ by what its EOI does. */
void lapic_set_irr(struct lapic *l, unsigned vector, bool level);
void lapic_error(struct lapic *l, unsigned esr);
/* A local interrupt source, through its LVT entry; not for INIT and ExtINT. */
void lapic_local(struct lapic *l, unsigned lvt);
/* PPR (11.8.3.1). */
unsigned lapic_ppr(const struct lapic *l);
/* Brings INTR to what the state says; after every change of it. */
void lapic_update(struct lapic *l);
/* The values after power-up or INIT (11.4.7.1); mode, base and identity stay. */
void lapic_reset_regs(struct lapic *l);
/* NMI and SMI that the processor has not taken yet are none after INIT or a reset. */
void lapic_forget_edges(struct lapic *l);
/* The vector of the interrupt that ended if the IOAPIC must hear of it, else -1. */
int lapic_end(struct lapic *l);
/* Without locks: tells the IOAPIC of lapic_end's vector. */
void lapic_broadcast_eoi(struct lapic *l, int vector);
/* After a change of base: maps what now needs it. */
void lapic_remap(struct lapic *l);

/* ---- lapic_regs.c; all take the lock themselves ---- */
extern const struct region lapic_regions[2];
extern const struct local_apic_ops lapic_ops;
int lapic_inta(void *chip);

/* ---- lapic_ipi.c; called without locks ---- */
struct lapic_message {
	uint32_t dest;			/* all ones: everybody */
	bool logical, level;
	uint8_t mode, vector;
};
/* How many accepted it; from: its sender, left out if `except`; NULL: no local APIC. */
unsigned lapic_send(struct machine *m, const struct lapic_message *msg, struct lapic *from,
		    bool except);
/* A write of ICR by `l`, in the state it had then. */
void lapic_send_icr(struct lapic *l, uint64_t icr, bool x2);
int lapic_msi(struct machine *m, uint64_t addr, uint32_t data);

/* ---- lapic_timer.c ---- */
/* Delivers what is due. Before each change of a register that the timer reads. */
void lapic_timer_catch_up(struct lapic *l);
/* After it: from the registers, the next interrupt is in the future. */
void lapic_timer_restart(struct lapic *l);
/* The same when the chip has come back: the next may be now. */
void lapic_timer_lent(struct lapic *l);
void lapic_timer_back(struct lapic *l);
/* Arms the clock for `due`. */
void lapic_timer_arm(struct lapic *l);
void lapic_timer_fired(void *opaque);
uint32_t lapic_timer_current(const struct lapic *l);
void lapic_timer_set_initial(struct lapic *l, uint32_t count);
void lapic_timer_set_divide(struct lapic *l, uint32_t divide);
void lapic_timer_set_deadline(struct lapic *l, uint64_t tsc);
uint64_t lapic_timer_deadline(struct lapic *l);

#endif
