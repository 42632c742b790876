/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A (port 0x92, PS/2 technical reference): bit 0 resets the
 * processor when it rises, bit 1 is the A20 gate. The gate is only remembered: no
 * engine masks addresses, and no guest since protected mode asks for that.
 */
#include "hw/core/machine.h"
#include "hw/core/state.h"

enum { FAST_RESET = 1, A20_GATE = 2 };

struct port92 {
	struct dev dev;
	uint8_t value;
};

static uint64_t port92_read(struct dev *d, uint64_t off, unsigned size)
{
	return DEV_STATE(struct port92, d)->value;
}

static void port92_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct port92 *p = DEV_STATE(struct port92, d);
	uint8_t old = p->value;

	p->value = (uint8_t)val;
	if (val & ~old & FAST_RESET)
		machine_event(d->machine, MACHINE_RESET, 0);
}

/* A20 is open from the start: that is how the machine behaves. */
static void port92_reset(struct dev *d, enum reset_kind kind)
{
	DEV_STATE(struct port92, d)->value = A20_GATE;
}

const struct dev_type dev_port92 = {
	.name = "port92",
	.help = "system control port A: fast reset, A20",
	.size = sizeof(struct port92),
	.regions = (const struct region[]){
		{ "port", 1, 1, 1, 0, port92_read, port92_write } },
	.nr_regions = 1,
	.state = (const struct field[]){ FIELD(struct port92, value), FIELD_END },
	.reset = port92_reset,
};
