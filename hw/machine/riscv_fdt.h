/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device-tree parts that every riscv board has. */
#ifndef HW_MACHINE_RISCV_FDT_H
#define HW_MACHINE_RISCV_FDT_H

struct fdt;
struct machine;

/* /cpus: one node a hart with its interrupt controller, and the CPU map. */
void riscv_fdt_cpus(struct fdt *f, struct machine *m);

#endif
