/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System management mode. */
#ifndef TARGET_X86_SMM_H
#define TARGET_X86_SMM_H

#include "target/x86/helper.h"

void x86_smm_enter(struct x86_state *s);
/* RSM: an ir_leave. */
void x86_leave_rsm(void *state, uint64_t a, uint64_t x);

#endif
