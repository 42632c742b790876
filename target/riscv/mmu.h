/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address translation and physical memory protection. */
#ifndef TARGET_RISCV_MMU_H
#define TARGET_RISCV_MMU_H

#include "tcg/isa_tcg.h"
#include "target/riscv/state.h"

void riscv_mode(void *state, struct cpu_mode *m);
void riscv_walk(void *state, gva_t va, enum cpu_access acc, unsigned view, struct tlb_walk *w);
int riscv_translate_debug(void *state, gva_t va, uint64_t *pa);

/* PROT_* that PMP gives this privilege mode in the page of pa. */
uint8_t riscv_pmp_prot(const struct riscv_state *s, uint64_t pa, unsigned priv);
/* CSR views; index as in the CSR number. Writes obey locks. */
uint64_t riscv_pmpcfg_read(const struct riscv_state *s, unsigned reg);
void riscv_pmpcfg_write(struct riscv_state *s, unsigned reg, uint64_t v);
uint64_t riscv_pmpaddr_read(const struct riscv_state *s, unsigned i);
void riscv_pmpaddr_write(struct riscv_state *s, unsigned i, uint64_t v);
/* Does PMP leave everything allowed to every mode? */
bool riscv_pmp_open(const struct riscv_state *s, uint32_t features);

#endif
