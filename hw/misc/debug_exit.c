/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way out of small test guests on the PC without ACPI: a port (four bytes at
 * 0xf4 on `testpc`). Writing 0 powers off, any other value v is a panic with code
 * v. Reads give "AMBI" in ASCII, so that a guest can tell that it is there.
 */
#include "hw/core/machine.h"
#include "hw/core/state.h"

struct debug_exit {
	struct dev dev;
};

static uint64_t exit_read(struct dev *d, uint64_t off, unsigned size)
{
	return 0x49424d41u >> 8 * off;
}

static void exit_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	if (off)
		return;
	if (val)
		machine_event(d->machine, MACHINE_PANIC, (int)(val & 0x7fffffff));
	else
		machine_event(d->machine, MACHINE_POWEROFF, 0);
}

const struct dev_type dev_debug_exit = {
	.name = "debug-exit",
	.help = "exit port of test guests",
	.size = sizeof(struct debug_exit),
	.regions = (const struct region[]){
		{ "ports", 4, 1, 4, REGION_UNLOCKED, exit_read, exit_write } },
	.nr_regions = 1,
	.state = (const struct field[]){ FIELD_END },
};
