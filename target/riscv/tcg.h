/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entry points behind isa_riscv64 and its translator side; comments are in isa.h and isa_tcg.h. */
#ifndef TARGET_RISCV_TCG_H
#define TARGET_RISCV_TCG_H

#include "tcg/isa_tcg.h"

extern const struct isa_tcg riscv_tcg;

unsigned riscv_insn_len(const uint8_t *code, unsigned avail, uint32_t key);
void riscv_translate(struct ir_block *b, const struct ir_fetch *f);
unsigned riscv_disasm(uint64_t pc, const uint8_t *bytes, unsigned n, char *buf, size_t size);

#endif
