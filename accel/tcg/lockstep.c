/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accel/tcg/tcg.h"

int lockstep_start(struct tcg_vm *tv, struct err *e)
{
	return err_set(e, 95, "lockstep");
}
int lockstep_run(struct tcg_cpu *c, uint64_t pc, struct vm_exit *x) { return -1; }
