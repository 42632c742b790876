// SPDX-License-Identifier: GPL-2.0-or-later
/* Port I/O and who may do it (SDM volume 1, 19.5.2). */
#include "target/x86/exception.h"
#include "target/x86/helper.h"
#include "target/x86/string_io.h"

enum { TSS_IOMAP = 0x66, TSS32 = 9, TSS32_BUSY = 11 };

static int refuse(struct x86_state *s)
{
	x86_gp(s, 0);
	return -1;
}

int x86_io_check(struct x86_state *s, uint16_t port, unsigned size)
{
	const struct x86_seg *tr = &s->seg[X86_TR];
	unsigned iopl = (s->rflags & X86_FLAG_IOPL) >> 12, type = tr->attr & X86_SEG_TYPE;
	uint64_t map, bits;

	if (s->dr7 & 0xff)
		x86_watch_port(s, port, size);
	if (!(s->cr0 & X86_CR0_PE) ||
	    (!(s->rflags & X86_FLAG_VM) && x86_cpl(s) <= iopl))
		return 0;
	if (!(tr->attr & X86_SEG_P) || (type != TSS32 && type != TSS32_BUSY) ||
	    tr->limit < TSS_IOMAP + 1)
		return refuse(s);
	if (x86_sys_read(s, tr->base + TSS_IOMAP, 2, &map))
		return -1;
	map += port >> 3;
	if (map + 1 > tr->limit)	/* always two bytes are read */
		return refuse(s);
	if (x86_sys_read(s, tr->base + map, 2, &bits))
		return -1;
	return bits >> (port & 7) & ((1u << size) - 1) ? refuse(s) : 0;
}

uint64_t x86_help_in(void *state, uint64_t how, uint64_t unused)
{
	struct cpu_env *env = cpu_env(state);
	uint32_t v = 0;

	if (x86_io_check(state, (uint16_t)how, how >> 16 & 7))
		return 0;
	env->ops->pio(env, (uint16_t)how, how >> 16 & 7, false, &v);
	return v;
}

uint64_t x86_help_out(void *state, uint64_t how, uint64_t value)
{
	struct cpu_env *env = cpu_env(state);
	uint32_t v = (uint32_t)value;

	if (x86_io_check(state, (uint16_t)how, how >> 16 & 7))
		return 0;
	env->ops->pio(env, (uint16_t)how, how >> 16 & 7, true, &v);
	return 0;
}
