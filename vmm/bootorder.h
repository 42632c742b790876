/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -boot: what the guest's firmware is told of the order of boot devices, by fw_cfg. */
#ifndef VMM_BOOTORDER_H
#define VMM_BOOTORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct guest;

struct bootorder {
	char order[4], once[4];		/* letters c, d, n; once: empty: the same as order */
	bool menu, strict;
	unsigned menu_ms;		/* 0: firmware's own */
	int fail_ms; /* after a failure, until the next try; -1: firmware's own */
};

/* "order=cd,once=d,menu=on,...", "d"; on top of what `b` holds. 0 or -EINVAL. */
int bootorder_parse(struct bootorder *b, const char *text, struct err *e);
/* After all devices. Nothing where the machine has no firmware settings and none are wanted. */
int guest_add_bootorder(struct guest *g, struct err *e);
/* Before a reset: what was for once is over. */
void guest_next_bootorder(struct guest *g);

#endif
