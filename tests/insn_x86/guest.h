/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cases on a vCPU of the translator, in ring 3 of a small 64-bit system with one handler. */
#ifndef TESTS_INSN_X86_GUEST_H
#define TESTS_INSN_X86_GUEST_H

#include "tests/insn_x86/stream.h"

struct guest;

/* Is there a translator for x86 in this build? */
bool guest_possible(void);
/* args as after `-accel tcg,`; NULL: none. Ends the program when the engine does not start. */
struct guest *guest_new(const char *args);
void guest_free(struct guest *g);
/* Places code and data of all cases. */
void guest_load(struct guest *g, const struct xs_batch *b);
/* hasty: does not wait long for a case that may be endless. */
void guest_run(struct guest *g, const struct xs_batch *b, unsigned n, struct xs_result *r,
	       bool hasty);

#endif
