/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between aml.c and aml_resources.c. */
#ifndef HW_ACPI_AML_INTERNAL_H
#define HW_ACPI_AML_INTERNAL_H

#include "hw/acpi/aml.h"

void aml_raw(struct aml *a, const void *data, size_t n);
void aml_bad(struct aml *a, const char *what);	/* latches EINVAL */

#endif
