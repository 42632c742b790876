/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DSDT's AML, without its header. */
#ifndef HW_ACPI_DSDT_H
#define HW_ACPI_DSDT_H

#include "hw/acpi/aml.h"
#include "hw/acpi/tables.h"

static inline unsigned acpi_nr_buses(const struct acpi_config *c)
{
	return c->nr_buses ? c->nr_buses : (unsigned)(c->ecam_size >> 20);
}

void dsdt_write(struct aml *a, struct machine *m, const struct acpi_config *c);

#endif
