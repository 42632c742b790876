/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of x86_tcg (isa_tcg), by the files that implement them. */
#ifndef TARGET_X86_TCG_H
#define TARGET_X86_TCG_H

#include "tcg/isa_tcg.h"

/* translate.c */
unsigned x86_insn_len(const uint8_t *code, unsigned avail, uint32_t key);
void x86_translate(struct ir_block *b, const struct ir_fetch *f);
/* mode.c */
void x86_mode(void *state, struct cpu_mode *m);
void x86_settle(void *state);
void x86_unsettle(void *state);
void x86_guard_fail(void *state);
void x86_step(void *state, bool begin);
/* mmu.c */
void x86_walk(void *state, gva_t va, enum cpu_access acc, unsigned view, struct tlb_walk *w);
void x86_mem_fault(void *state, gva_t va, enum cpu_access acc, enum fault_kind k);
/* engine_cpu.c */
int x86_cpu_start(void *state, unsigned nr_cpus, bool apic, struct err *e);
void x86_cpu_stop(void *state);
void x86_tcg_caps(unsigned *phys_bits, uint64_t *tsc_hz);
/* restore.c */
void x86_pull(void *state);
/* kvmclock.c */
void x86_time_start(void *state);
/* exception.c */
bool x86_interrupt(void *state);
bool x86_wake(void *state, uint64_t *lines);
/* fpu.c */
unsigned x86_fp_control(void *state);		/* from MXCSR */
void x86_fp_flags(void *state, unsigned flags);	/* into MXCSR */
/* Between x87 registers as translated code has them and st[] in stack order. */
void x86_fpu_settle(void *state);
void x86_fpu_unsettle(void *state);

extern const struct isa_tcg x86_tcg;

#endif
