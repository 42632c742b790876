/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debug console that firmware for virtual machines writes to: one port, each
 * byte written is output; a read tells that somebody listens. SeaBIOS and OVMF use
 * port 0x402, Bochs-style code 0xe9 (where a read of 0xe9 is the sign of presence,
 * and SeaBIOS looks for the same value).
 */
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "io/char/char.h"

struct debugcon {
	struct dev dev;
	struct chardev *chardev;	/* NULL: output is dropped */
	uint32_t iobase;
	uint32_t readback;
};

static uint64_t debugcon_read(struct dev *d, uint64_t off, unsigned size)
{
	return DEV_STATE(struct debugcon, d)->readback;
}

static void debugcon_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	uint8_t byte = (uint8_t)val;

	chardev_write(DEV_STATE(struct debugcon, d)->chardev, &byte, 1);
}

const struct dev_type dev_debugcon = {
	.name = "isa-debugcon",
	.help = "firmware's debug console",
	.size = sizeof(struct debugcon),
	.props = (const struct prop[]){
		PROP(struct debugcon, chardev, PROP_PTR, "back end", NULL),
		PROP(struct debugcon, iobase, PROP_U32, "port, where the board maps it", "0x402"),
		PROP(struct debugcon, readback, PROP_U32, "what a read gives", "0xe9"),
		PROP_END },
	/* Nothing but the order of the bytes matters: they may be collected. */
	.regions = (const struct region[]){
		{ "port", 1, 1, 1, REGION_UNLOCKED | REGION_COALESCE, debugcon_read,
		  debugcon_write } },
	.nr_regions = 1,
	.state = (const struct field[]){ FIELD_END },
};
