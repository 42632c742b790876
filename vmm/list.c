/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --list: everything that can be named on the command line, from the tables themselves. */
#include <errno.h>
#include <string.h>

#include "vmm/plan.h"

static void list_machines(FILE *f)
{
	for (unsigned i = 0; machine_types[i]; i++)
		fprintf(f, "%-10s %-16s %s\n", machine_types[i]->isa, machine_types[i]->name,
			machine_types[i]->help);
}

static void list_devices(FILE *f)
{
	static const char *const kinds[] = {
		[PROP_STR] = "text", [PROP_U32] = "number", [PROP_U64] = "number",
		[PROP_BOOL] = "on|off", [PROP_SIZE] = "size",
	};

	for (unsigned i = 0; dev_types[i]; i++) {
		fprintf(f, "%-22s %s\n", dev_types[i]->name, dev_types[i]->help);
		for (const struct prop *p = dev_types[i]->props; p && p->name; p++)
			if (p->kind != PROP_PTR)
				fprintf(f, "    %s=%s  %s%s%s%s\n", p->name, kinds[p->kind],
					p->help, p->def ? " (" : "", p->def ? p->def : "",
					p->def ? ")" : "");
	}
}

static void list_cpus(FILE *f)
{
	for (unsigned i = 0; isas[i]; i++)
		for (const struct cpu_model *c = isas[i]->cpus; c && c->name; c++)
			fprintf(f, "%-10s %-16s %s%s\n", isas[i]->name, c->name, c->help,
				c == isas[i]->cpus ? " (default)" : "");
}

static void list_accels(FILE *f)
{
	for (unsigned i = 0; accels[i]; i++) {
		fprintf(f, "%-6s %s\n", accels[i]->name, accels[i]->help);
		for (unsigned j = 0; isas[j]; j++) {
			struct accel_caps caps = { 0 };

			accels[i]->probe(isas[j], &caps);
			fprintf(f, "    %-10s %s: %s\n", isas[j]->name, caps.usable ? "yes" : "no",
				caps.why);
		}
	}
}

int plan_list(const char *what, FILE *f, struct err *e)
{
	static const struct { const char *name; void (*fn)(FILE *f); } lists[] = {
		{ "machines", list_machines }, { "devices", list_devices },
		{ "cpus", list_cpus }, { "accels", list_accels },
	};

	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (!strcmp(lists[i].name, what)) {
			lists[i].fn(f);
			return 0;
		}
	return err_set(e, EINVAL,
		       "--list %s: there are lists of machines, devices, cpus and accels", what);
}
