/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * registered NAME...: fails where a device or machine type has no fuzz target among
 * the names (the list in meson.build), or a name is of none.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hw/core/machine.h"

static int missing(const char *kind, const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 0;
	fprintf(stderr, "%s %s has no fuzz target: add it to tests/fuzz/meson.build\n", kind, name);
	return 1;
}

static bool known(const char *name)
{
	if (dev_type_find(name))
		return true;
	for (unsigned i = 0; machine_types[i]; i++)
		if (!strcmp(machine_types[i]->name, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (unsigned i = 0; dev_types[i]; i++)
		bad += missing("device", dev_types[i]->name, argc, argv);
	for (unsigned i = 0; machine_types[i]; i++)
		bad += missing("machine", machine_types[i]->name, argc, argv);
	for (int i = 1; i < argc; i++) {
		if (!known(argv[i])) {
			fprintf(stderr, "%s is no device and no machine\n", argv[i]);
			bad++;
		}
	}
	return bad > 0;
}
