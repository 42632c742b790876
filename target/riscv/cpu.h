/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU models, reset and entry states; comments are in isa.h. */
#ifndef TARGET_RISCV_CPU_H
#define TARGET_RISCV_CPU_H

#include "target/isa.h"

extern const struct cpu_model riscv_cpus[];

void riscv_reset(void *state);
void riscv_boot(void *state, uint64_t pc, uint64_t arg0, uint64_t arg1, bool firmware_mode);
int riscv_cpu_config(const char *text, uint32_t *features, uint64_t *features2, struct err *e);
void riscv_isa_string(uint32_t features, uint64_t features2, char *buf, size_t n);
int riscv_loaded(void *state, struct err *e);
void riscv_features(const struct cpu_env *env, char *buf, size_t n);
void riscv_dump(void *state, FILE *f);

#endif
