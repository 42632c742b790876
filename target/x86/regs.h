/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TARGET_X86_REGS_H
#define TARGET_X86_REGS_H

#include "target/isa.h"

extern const struct reg x86_regs[];	/* regs.def, terminated by name == NULL */

#endif
