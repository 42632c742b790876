/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sticky floating-point flags while translated code runs: part in the ISA's own
 * field, part in the host's status register, part in cpu_head.fp_flags. These are
 * ir_helper functions for IRH_INT_ONLY calls: guests read and write their flags
 * around every quiet comparison.
 */
#ifndef TCG_FPFLAGS_H
#define TCG_FPFLAGS_H

#include <stdint.h>

/* Gathers all into the byte at `off` of the state (SF_* in the low five bits) and returns it. */
uint64_t fpflags_get(void *state, uint64_t off, uint64_t unused);
/* Sets the byte to the low five bits of v and clears the rest. */
uint64_t fpflags_set(void *state, uint64_t off, uint64_t v);

#endif
