/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IR interpreter as an engine: -accel tcg,interp=on runs everything by it;
 * single-stepping runs one instruction by it.
 */
#include <errno.h>

#include "accel/tcg/tcg.h"
#include "tcg/interp/interp.h"
#include "util/log.h"

static int load(void *opaque, uint64_t va, uint32_t memop, uint64_t *val)
{
	return access_value(opaque, va, memop & 0xfff, val);
}

static int store(void *opaque, uint64_t va, uint32_t memop, uint64_t val)
{
	return access_value(opaque, va, (memop & 0xfff) | DESC_WRITE, &val);
}

static int amo(void *opaque, uint64_t va, enum ir_amo kind, uint64_t v, uint32_t memop, uint64_t *old)
{
	*old = v;
	return access_value(opaque, va, (memop & 0xfff) | DESC_WRITE | MO_AMO | (uint32_t)kind << DESC_AMO_SHIFT, old);
}

static int cas(void *opaque, uint64_t va, uint64_t expect, uint64_t new, uint32_t memop, uint64_t *old)
{
	struct tcg_cpu *c = opaque;

	CPU_FAST(c->state)->fparg[0] = expect;
	*old = new;
	return access_value(c, va, (memop & 0xfff) | DESC_WRITE | DESC_CAS, old);
}

int oracle_run(struct tcg_cpu *c, uint64_t pc, unsigned max_insns)
{
	const struct interp_mem m = { load, store, amo, cas, c };
	struct interp_result r;
	struct ir_block *b;
	uint64_t phys;

	b = tcg_ir(c, pc, &phys, max_insns);
	if (!b)
		return 0;	/* an exception was raised: nothing ran, the state moved on */
	if (log_on(LOG_IR) && log_filter(pc))
		ir_print(b, log_file());
	*state_pc(c) = pc;
	if (interp_run(b, c->state, &m, &r) < 0)
		return -EINVAL;
	return 0;
}
