/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --phases: when what happened during start-up. Marks are set once; any thread. */
#ifndef VMM_PHASES_H
#define VMM_PHASES_H

#include <stdint.h>
#include <stdio.h>

enum phase {
	PHASE_START, PHASE_PLANNED, PHASE_LOADED, PHASE_FIRST_INSN, PHASE_FIRST_BYTE, PHASE_END,
	PHASE_COUNT
};

void phase_mark(enum phase p);	/* now */
/* os_now_ns() of an event seen elsewhere; 0: it did not happen. */
void phase_set(enum phase p, uint64_t ns);
void phases_print(FILE *f);

#endif
