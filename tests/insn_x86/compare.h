/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_INSN_X86_COMPARE_H
#define TESTS_INSN_X86_COMPARE_H

#include "tests/insn_x86/stream.h"

#include <stdio.h>

/* Do they agree in all that is defined? f: the differences as text; NULL: none wanted. */
bool xs_same(const struct xs_case *c, const struct xs_result *want, const struct xs_result *got,
	     FILE *f);
/* Instructions that were run to their end: up to the last one's index. */
unsigned xs_ran(const struct xs_case *c, const struct xs_result *r);
void xs_print_state(const struct xs_case *c, const struct xs_state *s, FILE *f);

#endif
