// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Breakpoints of the debug registers (SDM volume 3, 17.2). While DR7 enables one, every
 * instruction goes alone (cpu_mode.single).
 */
#include "target/x86/exception.h"
#include "target/x86/helper.h"

enum { ON_EXEC, ON_WRITE, ON_IO, ON_ACCESS };	/* R/W fields of DR7 */

static bool enabled(const struct x86_state *s, unsigned i)
{
	return s->dr7 >> (2 * i) & 3;
}

static unsigned kind(const struct x86_state *s, unsigned i)
{
	return s->dr7 >> (16 + 4 * i) & 3;
}

/* LEN: 1, 2, 8, 4 bytes; the address is aligned to it. */
static uint64_t length(const struct x86_state *s, unsigned i)
{
	static const uint8_t lengths[] = { 1, 2, 8, 4 };

	return lengths[s->dr7 >> (18 + 4 * i) & 3];
}

uint64_t x86_help_break(void *state, uint64_t lin, uint64_t unused)
{
	struct x86_state *s = state;
	unsigned hits = 0;

	if (s->resume_flag)
		return 0;
	for (unsigned i = 0; i < 4; i++)
		if (enabled(s, i) && kind(s, i) == ON_EXEC && s->dr[i] == lin)
			hits |= 1u << i;
	if (hits)
		x86_debug_exception(s, hits);
	return 0;
}

void x86_watch_port(struct x86_state *s, uint16_t port, unsigned size)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t len = length(s, i), base = s->dr[i] & ~(len - 1);

		if (enabled(s, i) && kind(s, i) == ON_IO && s->cr4 & X86_CR4_DE &&
		    port < base + len && base < port + size)
			s->watch_hits |= (uint8_t)(1u << i);
	}
}

uint64_t x86_help_watch(void *state, uint64_t lin, uint64_t how)
{
	struct x86_state *s = state;
	uint64_t size = how & 0xff;
	bool write = how >> 8 & 1;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t len = length(s, i), base = s->dr[i] & ~(len - 1);

		if (enabled(s, i) && lin < base + len && base < lin + size &&
		    (kind(s, i) == ON_ACCESS || (kind(s, i) == ON_WRITE && write)))
			s->watch_hits |= (uint8_t)(1u << i);
	}
	return 0;
}
