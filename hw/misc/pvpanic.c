/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic: one byte by which a guest's kernel reports its own end. Reading tells
 * which reports are understood; writing makes one. As a memory-mapped byte, or at
 * a port on the PC.
 */
#include "hw/acpi/aml.h"
#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"

enum { PANICKED = 1, CRASH_LOADED = 2, SHUTDOWN = 4 };

struct pvpanic {
	struct dev dev;
	uint32_t events;
};

static uint64_t pvpanic_read(struct dev *d, uint64_t off, unsigned size)
{
	return off ? 0 : DEV_STATE(struct pvpanic, d)->events;
}

static void pvpanic_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	val &= DEV_STATE(struct pvpanic, d)->events;
	if (off)
		return;
	if (val & PANICKED)
		machine_event(d->machine, MACHINE_PANIC, 1);
	else if (val & CRASH_LOADED)
		machine_event(d->machine, MACHINE_CRASHLOADED, 0);
	else if (val & SHUTDOWN)
		machine_event(d->machine, MACHINE_POWEROFF, 0);
}

static void pvpanic_fdt(struct dev *d, struct fdt *f)
{
	if (!d->space[0])
		return;
	fdt_dev_node(f, d, "pvpanic", "qemu,pvpanic-mmio");
	fdt_node_end(f);
}

static void pvpanic_acpi(struct dev *d, struct aml *a)
{
	aml_dev(a, d, "PEVT", "QEMU0001");
	aml_name_int(a, "_STA", 0x0f);
	aml_end(a);
}

const struct dev_type dev_pvpanic = {
	.name = "pvpanic",
	.help = "guest panic notification",
	.size = sizeof(struct pvpanic),
	.props = (const struct prop[]){
		PROP(struct pvpanic, events, PROP_U32,
		     "reports offered: 1 panic, 2 crash kernel, 4 shutdown", "7"),
		PROP_END },
	.regions = (const struct region[]){
		{ "mmio", 2, 1, 1, REGION_UNLOCKED, pvpanic_read, pvpanic_write },
		{ "port", 1, 1, 1, REGION_UNLOCKED, pvpanic_read, pvpanic_write } },
	.nr_regions = 2,
	.state = (const struct field[]){ FIELD_END },
	.describe_fdt = pvpanic_fdt,
	.describe_acpi = pvpanic_acpi,
};
