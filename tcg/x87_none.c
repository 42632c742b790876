// SPDX-License-Identifier: GPL-2.0-or-later
/* Hosts without an x87 unit. */
#include "tcg/x87.h"

bool x87_host_exec(struct x87_image *m, unsigned op, uint8_t modrm, void *mem, uint64_t *flags)
{
	return false;
}

bool x87_host_light(void) { return false; }

uint32_t x87_host_op(enum x87_light kind, unsigned op, uint8_t modrm, uint32_t cw, uint32_t known,
		     uint8_t *a, const uint8_t *b, void *mem)
{
	return 0;
}
