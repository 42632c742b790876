/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -accel tcg,check=on: every use of a TLB, fetch or jump cache entry is compared
 * with a walk of the page tables.
 *
 * The tables are kept as always, but translated code looks at an empty view, so
 * that each access comes to C. A disagreement is an error where the entry should
 * not be there: something that covers it was flushed since it was made, or it was
 * made in another address space and is not global. Otherwise the guest has changed
 * its tables and not flushed yet, and may be served either way (privileged spec
 * 4.2.1); that is counted.
 */
#ifndef ACCEL_TCG_CHECK_H
#define ACCEL_TCG_CHECK_H

#include "accel/tcg/tcg.h"

int  check_start(struct tcg_vm *tv, struct err *e);
void check_stop(struct tcg_vm *tv);
void check_vcpu_stop(struct tcg_cpu *c);
void check_info(const struct tcg_vm *tv, FILE *f);

/* Told by tlb.c: a walk whose result is about to be entered; a flush. */
void check_filled(struct tcg_cpu *c, uint64_t va, enum cpu_access acc, unsigned view,
		  const struct tlb_walk *w);
void check_flushed(struct tcg_cpu *c, const struct tlb_flush *f);
/* Told by engine.c: j was entered for pc. */
void check_jump_fill(struct tcg_cpu *c, uint64_t pc);	/* before jc_put */

/* Would translated code have gone on by itself? Then *addend, checked. */
bool check_access(struct tcg_cpu *c, uint64_t va, uint64_t desc, uint64_t *addend);
/* Checks what is cached about code at pc. */
void check_fetch(struct tcg_cpu *c, uint64_t pc);
/* The first error of this vCPU, or NULL. */
const char *check_failed(const struct tcg_cpu *c);

#endif
