/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cases on this host's own processor, in a process that may die of them. */
#ifndef TESTS_INSN_X86_NATIVE_H
#define TESTS_INSN_X86_NATIVE_H

#include "tests/insn_x86/stream.h"

struct native;

/* Starts the process: before the caller has threads. NULL: it can't be; errno says why. */
struct native *native_new(void);
void native_free(struct native *n);
/* The shared batch; the caller fills it while nothing runs. */
struct xs_batch *native_batch(struct native *n);
/* Runs all cases of the batch: native[] are the results. 0 or -errno. */
int native_run(struct native *n);

#endif
