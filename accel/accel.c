/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of engines. Everything else about one is in its own folder. */
#include "accel/accel.h"

#include <string.h>

const struct accel_ops *const accels[] = {
#ifdef CONFIG_ACCEL_KVM
	&accel_kvm,
#endif
#ifdef CONFIG_ACCEL_TCG
	&accel_tcg,
#endif
	NULL
};

const struct accel_ops *accel_find(const char *name)
{
	for (unsigned i = 0; accels[i]; i++)
		if (!strcmp(accels[i]->name, name))
			return accels[i];
	return NULL;
}
