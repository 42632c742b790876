/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions, interrupts and the way back from them. */
#ifndef TARGET_RISCV_TRAP_H
#define TARGET_RISCV_TRAP_H

#include "tcg/isa_tcg.h"
#include "target/riscv/state.h"

#define CAUSE_INTERRUPT (1ull << 63)

/* Enters the handler for cause; sepc/mepc is the state's pc. */
void riscv_trap(struct riscv_state *s, uint64_t cause, uint64_t tval);
/* Illegal instruction at pc; tval is the instruction as memory holds it. */
void riscv_illegal(struct riscv_state *s);
/* The most urgent pending interrupt that is enabled now; -1: none. */
int riscv_irq_next(struct riscv_state *s);

/* members of isa_tcg */
void riscv_mem_fault(void *state, gva_t va, enum cpu_access acc, enum fault_kind k);
bool riscv_interrupt(void *state);
bool riscv_wake(void *state, uint64_t *lines);

#endif
