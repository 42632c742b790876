/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TARGET_X86_REGS_H
#define TARGET_X86_REGS_H

#include "target/isa.h"

extern const struct reg x86_regs[];	/* regs.def, terminated by name == NULL */

/* restore.c: members of isa_x86_64 */
int x86_loaded(void *state, struct err *e);
void x86_features_names(const struct cpu_env *env, char *buf, size_t n);

#endif
