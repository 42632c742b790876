/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM and one vCPU of the translator in the test's own process, called as the VMM calls it. What
 * fails ends the program with a line.
 */
#ifndef TESTS_SOLO_SOLO_H
#define TESTS_SOLO_SOLO_H

#include "accel/accel.h"

struct solo {
	struct machine *m;
	struct vm vm;
	struct vcpu *v;
	uint8_t *ram;
};

struct solo_config {
	const struct isa *isa;
	const char *args;		/* as after `-accel tcg,`; NULL: none */
	gpa_t ram_at;
	uint64_t ram_size;
	uint64_t timebase_hz;
	uint32_t features;		/* of the ISA; x86: all that the translator can do */
	/* More of the machine; NULL: nothing. */
	int (*more)(struct machine *m, struct err *e);
};

void solo_start(struct solo *s, const struct solo_config *c);
void solo_stop(struct solo *s);
/*
 * From the registers in v->state until the engine comes back with a reason, which may be
 * VM_EXIT_ERROR. false: ms milliseconds of the processor's time were up before that (0: no limit;
 * one at a time in the program).
 */
bool solo_run(struct solo *s, struct vm_exit *x, unsigned ms);

#endif
