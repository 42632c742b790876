/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of machine types; the first of an ISA is its default. */
#include "hw/core/machine.h"

extern const struct machine_type machine_virt_riscv, machine_pc, machine_testpc;

const struct machine_type *const machine_types[] = {
	&machine_virt_riscv,
	&machine_pc,
	&machine_testpc,
	NULL
};
