/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resource descriptors (ACPI 6.4, section 6.4) and a device's _CRS from its wiring. */
#include "hw/acpi/aml_internal.h"
#include "hw/core/machine.h"
#include "util/bits.h"

void aml_res_io(struct aml *a, uint16_t base, uint8_t len)
{
	uint8_t d[8] = { 0x47, 1 /* 16 bits decoded */, 0, 0, 0, 0, 1, len };

	st_le16(d + 2, base);
	st_le16(d + 4, base);
	aml_raw(a, d, sizeof(d));
}

void aml_res_irq(struct aml *a, unsigned irq)
{
	uint8_t d[3] = { 0x22 };

	if (irq > 15)
		aml_bad(a, "no such ISA interrupt");
	st_le16(d + 1, (uint16_t)(1u << (irq & 15)));
	aml_raw(a, d, sizeof(d));
}

void aml_res_gsi(struct aml *a, const uint32_t *gsi, unsigned n, unsigned flags)
{
	uint8_t d[5] = { 0x89 }, v[4];

	if (!n || n > 255)
		aml_bad(a, "interrupts must be 1 to 255");
	st_le16(d + 1, (uint16_t)(2 + 4 * n));
	d[3] = (uint8_t)(1 | flags << 1);		/* consumer */
	d[4] = (uint8_t)n;
	aml_raw(a, d, sizeof(d));
	for (unsigned i = 0; i < n; i++) {
		st_le32(v, gsi[i]);
		aml_raw(a, v, sizeof(v));
	}
}

void aml_res_mem32(struct aml *a, uint32_t base, uint32_t len, bool writable)
{
	uint8_t d[12] = { 0x86, 9, 0, writable };

	st_le32(d + 4, base);
	st_le32(d + 8, len);
	aml_raw(a, d, sizeof(d));
}

void aml_res_window(struct aml *a, unsigned bits, unsigned range, uint64_t first, uint64_t last)
{
	/* granularity, minimum, maximum, translation, length */
	uint64_t v[5] = { 0, first, last, 0, last - first + 1 };
	unsigned n = bits / 8;
	uint8_t d[6] = { bits == 16 ? 0x88 : bits == 32 ? 0x87 : 0x8a, 0, 0, (uint8_t)range };

	if ((bits != 16 && bits != 32 && bits != 64) || last < first || last > mask_bits(bits)) {
		aml_bad(a, "bad window");
		return;
	}
	st_le16(d + 1, (uint16_t)(3 + 5 * n));
	d[4] = 0x0c;		/* both ends fixed, positive decode, the bridge produces */
	/* Memory: writable, not cacheable. I/O: ISA and other addresses. */
	d[5] = range == AML_RANGE_MEM ? 1 : range == AML_RANGE_IO ? 3 : 0;
	aml_raw(a, d, sizeof(d));
	for (unsigned i = 0; i < 5; i++) {
		uint8_t raw[8];

		st_le64(raw, v[i]);
		aml_raw(a, raw, n);
	}
}

static void dev_region(struct aml *a, struct dev *d, unsigned i)
{
	uint64_t base = d->base[i], size = d->type->regions[i].size;

	if (d->space[i] == d->machine->pio) {
		if (base + size > 0x10000 || size > 255)
			aml_bad(a, "ports of a device out of range");
		aml_res_io(a, (uint16_t)base, (uint8_t)size);
	} else {
		if (base + size > UINT64_C(1) << 32)
			aml_bad(a, "memory of a device above 4 GiB");
		aml_res_mem32(a, (uint32_t)base, (uint32_t)size, true);
	}
}

void aml_dev(struct aml *a, struct dev *d, const char *name, const char *hid)
{
	unsigned regions = 0, irqs = 0;

	for (unsigned i = 0; i < d->type->nr_regions; i++)
		regions |= (unsigned)(d->base[i] != UINT64_MAX) << i;
	for (unsigned i = 0; i < d->type->nr_irqs; i++)
		irqs |= (unsigned)(d->irq[i].set != NULL) << i;
	aml_device(a, "%s", name);
	aml_id(a, "_HID", hid);
	if (!regions && !irqs)
		return;
	aml_name(a, "_CRS");
	aml_template(a);
	for (unsigned i = 0; i < d->type->nr_regions; i++)
		if (regions & 1u << i)
			dev_region(a, d, i);
	for (unsigned i = 0; i < d->type->nr_irqs; i++) {
		if (!(irqs & 1u << i))
			continue;
		if (d->irq_pin[i] < 16)
			aml_res_irq(a, d->irq_pin[i]);
		else
			aml_res_gsi(a, (const uint32_t[]){ d->irq_pin[i] }, 1, 0);
	}
	aml_end(a);
}
