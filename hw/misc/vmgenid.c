/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generation number of a virtual machine (Microsoft, "Virtual Machine Generation ID"): 16 bytes
 * that are others whenever the guest finds itself in a copy or in its own past, so that it draws
 * new random numbers before it uses the old ones again. It is read like memory, at an address that
 * ACPI (ADDR) or the device tree names.
 */
#include "hw/misc/vmgenid.h"

#include "hw/acpi/aml.h"
#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/bits.h"

struct vmgenid {
	struct dev dev;
	uint8_t guid[16];
	uint8_t kept[16];		/* the same: a reset is no other generation */
};

static uint64_t vmgenid_read(struct dev *d, uint64_t off, unsigned size)
{
	struct vmgenid *v = DEV_STATE(struct vmgenid, d);
	uint64_t val = 0;

	for (unsigned i = 0; i < size; i++)
		if (off + i < sizeof(v->guid))
			val |= (uint64_t)v->guid[off + i] << 8 * i;
	return val;
}

static void vmgenid_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
}

void vmgenid_set(struct dev *d, const uint8_t guid[16])
{
	dev_lock(d);
	memcpy(DEV_STATE(struct vmgenid, d)->guid, guid, 16);
	memcpy(DEV_STATE(struct vmgenid, d)->kept, guid, 16);
	dev_unlock(d);
}

static void vmgenid_reset(struct dev *d, enum reset_kind kind)
{
	struct vmgenid *v = DEV_STATE(struct vmgenid, d);

	memcpy(v->guid, v->kept, sizeof(v->guid));
}

static int vmgenid_loaded(struct dev *d, struct err *e)
{
	struct vmgenid *v = DEV_STATE(struct vmgenid, d);

	memcpy(v->kept, v->guid, sizeof(v->kept));
	return 0;
}

void vmgenid_notify(struct dev *d)
{
	dev_lock(d);
	irq_set(&d->irq[0], 1);
	irq_set(&d->irq[0], 0);
	dev_unlock(d);
}

static void vmgenid_fdt(struct dev *d, struct fdt *f)
{
	if (!d->space[0])
		return;
	fdt_dev_node(f, d, "vmgenid", "microsoft,vmgenid");
	fdt_node_end(f);
}

/* The _CID is the specification's, and the short one of guests that keep eight characters. */
static void vmgenid_acpi(struct dev *d, struct aml *a)
{
	if (!d->space[0])
		return;
	aml_device(a, "VGEN");
	aml_name_str(a, "_HID", "AMBI0001");
	aml_name(a, "_CID");
	aml_package(a, 2);
	aml_str(a, "VM_Gen_Counter"), aml_str(a, "VMGENCTR");
	aml_end(a);
	aml_name_str(a, "_DDN", "VM_Gen_Counter");
	aml_name(a, "ADDR");
	aml_package(a, 2);
	aml_int(a, d->base[0] & UINT32_MAX), aml_int(a, d->base[0] >> 32);
	aml_end(a);
	aml_end(a);
	aml_scope(a, "\\_GPE");
	aml_method(a, "_E05", 0, false);
	aml_op(a, AML_NOTIFY), aml_ref(a, "\\_SB.PCI0.ISA.VGEN"), aml_int(a, 0x80);
	aml_end(a);
	aml_end(a);
}

const struct dev_type dev_vmgenid = {
	.name = "vmgenid",
	.help = "generation number of the virtual machine",
	.size = sizeof(struct vmgenid),
	.regions = (const struct region[]){
		{ "number", 0x1000, 1, 8, 0, vmgenid_read, vmgenid_write } },
	.nr_regions = 1,
	.nr_irqs = 1,
	.state = (const struct field[]){
		FIELD_BLOB(struct vmgenid, guid),
		FIELD_SKIP(struct vmgenid, kept, "the same as guid"),
		FIELD_END },
	.reset = vmgenid_reset,
	.loaded = vmgenid_loaded,
	.describe_fdt = vmgenid_fdt,
	.describe_acpi = vmgenid_acpi,
};
