/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device to test and time engines with. Registers, 1 to 8 bytes wide:
 *
 *	0x00	scratch: reads give what was written
 *	0x08	reads of the device so far (this one included)
 *	0x10	writes so far (this one included)
 *	0x18	level of the interrupt line
 *	0x20	address of the last access, read or write, before this one
 *
 * and a second region "doorbell" whose every write adds one to the count at 0x28.
 */
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/bits.h"

enum { SCRATCH = 0x00, READS = 0x08, WRITES = 0x10, LINE = 0x18, LAST = 0x20, RINGS = 0x28 };

struct test_mmio {
	struct dev dev;
	uint64_t scratch, reads, writes, last, rings;
};

static uint64_t reg_read(struct dev *d, uint64_t off, unsigned size)
{
	struct test_mmio *t = DEV_STATE(struct test_mmio, d);
	uint64_t v = 0, last = t->last;

	t->reads++;
	t->last = off;
	switch (off & ~UINT64_C(7)) {
	case SCRATCH: v = t->scratch; break;
	case READS: v = t->reads; break;
	case WRITES: v = t->writes; break;
	case LINE: v = (uint64_t)atomic_load(&d->irq[0].level); break;
	case LAST: v = last; break;
	case RINGS: v = t->rings; break;
	}
	return v >> 8 * (off & 7);
}

static void reg_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct test_mmio *t = DEV_STATE(struct test_mmio, d);
	uint64_t mask = mask_bits(8 * size) << 8 * (off & 7);

	t->writes++;
	t->last = off;
	switch (off & ~UINT64_C(7)) {
	case SCRATCH: t->scratch = (t->scratch & ~mask) | (val << 8 * (off & 7) & mask); break;
	case LINE: irq_set(&d->irq[0], val & 1); break;
	}
}

static void ring_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	DEV_STATE(struct test_mmio, d)->rings++;
}

const struct dev_type dev_test_mmio = {
	.name = "test-mmio",
	.help = "counting registers, to test engines with",
	.size = sizeof(struct test_mmio),
	.regions = (const struct region[]){
		{ "regs", 0x1000, 1, 8, 0, reg_read, reg_write },
		{ "doorbell", 0x1000, 1, 8, REGION_DOORBELL, NULL, ring_write } },
	.nr_regions = 2,
	.nr_irqs = 1,
	.state = (const struct field[]){
		FIELD(struct test_mmio, scratch), FIELD(struct test_mmio, reads),
		FIELD(struct test_mmio, writes), FIELD(struct test_mmio, last),
		FIELD(struct test_mmio, rings),
		FIELD_END },
};
