/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --phases: when what happened during start-up. Marks are set once; any thread. */
#ifndef VMM_PHASES_H
#define VMM_PHASES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum phase {
	PHASE_START, PHASE_PLANNED, PHASE_LOADED, PHASE_CONTROL, PHASE_FIRST_INSN,
	PHASE_FIRST_BYTE, PHASE_END,
	PHASE_COUNT
};

void phase_mark(enum phase p);	/* now */
/* os_now_ns() of an event seen elsewhere; 0: it did not happen. */
void phase_set(enum phase p, uint64_t ns);
/* False: it has not happened. ms since PHASE_START. */
bool phase_get(enum phase p, const char **name, double *ms);
void phases_print(FILE *f);

#endif
