/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's map of guest physical memory: hw/machine/pc.h. */
#include "hw/machine/pc.h"

#include <string.h>

#include "hw/pci/q35.h"
#include "util/bits.h"

bool machine_is_pc(const struct machine *m)
{
	return !strcmp(m->type->name, "pc");
}

static uint64_t low_size(const struct machine *m)
{
	return MIN(m->cfg.ram_size, PC_LOW_MAX);
}

uint64_t pc_low_end(const struct machine *m)
{
	return m->cfg.direct_boot && !m->cfg.acpi_off ? low_size(m) - PC_TABLES_SIZE : low_size(m);
}

gpa_t pc_rsdp(const struct machine *m)
{
	return m->cfg.direct_boot && !m->cfg.acpi_off ? PC_RSDP : 0;
}

static void add(struct pc_range *r, unsigned *n, uint64_t base, uint64_t end, uint32_t type)
{
	if (end > base)
		r[(*n)++] = (struct pc_range){ base, end - base, type };
}

unsigned pc_memory_map(const struct machine *m, struct pc_range *r)
{
	unsigned n = 0;

	add(r, &n, 0, PC_EBDA, E820_RAM);
	add(r, &n, PC_EBDA, PC_VGA, E820_RESERVED);
	add(r, &n, PC_RSDP, 0x100000, E820_RESERVED);
	add(r, &n, 0x100000, pc_low_end(m), E820_RAM);
	add(r, &n, pc_low_end(m), low_size(m), E820_ACPI);
	/* the guest believes MCFG only where the range is reserved here or in the DSDT */
	add(r, &n, Q35_ECAM_BASE, Q35_ECAM_BASE + Q35_ECAM_SIZE, E820_RESERVED);
	if (m->cfg.ram_size > PC_LOW_MAX)
		add(r, &n, PC_HIGH_BASE, PC_HIGH_BASE + m->cfg.ram_size - PC_LOW_MAX, E820_RAM);
	return n;
}
