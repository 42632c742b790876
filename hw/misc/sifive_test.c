/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SiFive's test finisher, which virt boards use to power off and reset: a 32-bit
 * register whose low half says what and whose high half is an exit code. Linux and
 * U-Boot reach it as a syscon.
 */
#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };

struct sifive_test {
	struct dev dev;
};

static void finisher_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	if (off)
		return;
	switch (val & 0xffff) {
	case FINISHER_FAIL:
		machine_event(d->machine, MACHINE_PANIC, (int)(val >> 16 & 0xffff));
		break;
	case FINISHER_PASS:
		machine_event(d->machine, MACHINE_POWEROFF, 0);
		break;
	case FINISHER_RESET:
		machine_event(d->machine, MACHINE_RESET, 0);
		break;
	}
}

static void finisher_fdt(struct dev *d, struct fdt *f)
{
	fdt_node_at(f, "test", d->base[0]);
	fdt_prop_strs(f, "compatible", "sifive,test1", "sifive,test0", "syscon");
	fdt_prop_reg(f, d->base[0], d->type->regions[0].size);
	fdt_prop_u32(f, "phandle", FDT_PHANDLE_TEST);
	fdt_node_end(f);
	fdt_node(f, "poweroff");
	fdt_prop_str(f, "compatible", "syscon-poweroff");
	fdt_prop_u32(f, "regmap", FDT_PHANDLE_TEST);
	fdt_prop_u32(f, "offset", 0);
	fdt_prop_u32(f, "value", FINISHER_PASS);
	fdt_node_end(f);
	fdt_node(f, "reboot");
	fdt_prop_str(f, "compatible", "syscon-reboot");
	fdt_prop_u32(f, "regmap", FDT_PHANDLE_TEST);
	fdt_prop_u32(f, "offset", 0);
	fdt_prop_u32(f, "value", FINISHER_RESET);
	fdt_node_end(f);
}

const struct dev_type dev_sifive_test = {
	.name = "sifive-test",
	.help = "power-off and reset register",
	.size = sizeof(struct sifive_test),
	.regions = (const struct region[]){
		{ "regs", 0x1000, 2, 4, REGION_UNLOCKED, NULL, finisher_write } },
	.nr_regions = 1,
	.state = (const struct field[]){ FIELD_END },
	.describe_fdt = finisher_fdt,
};
