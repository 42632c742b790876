/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queries about ambi and the guest as a whole. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/os.h"
#include "vmm/api/handlers.h"
#include "vmm/api/server.h"
#include "vmm/guest.h"
#include "vmm/move/migrate.h"

int api_query_version(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = api_version(&api_table);
	return 0;
}

int api_query_name(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = json_pack("{s:s}", "name", api_name(g));
	return 0;
}

const char *api_run_state(struct guest *g)
{
	const char *s = migrate_run_state(g);

	if (s)
		return s;
	if (guest_is_running(g))
		return "running";
	return clock_now(g->vm.machine->clock) ? "paused" : "prelaunch";
}

int api_query_status(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = json_pack("{s:b,s:b,s:s}", "running", guest_is_running(g), "singlestep", 0,
			 "status", api_run_state(g));
	return 0;
}

int api_query_commands(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = json_array();
	for (const struct api_command *c = api_table.commands; c->name; c++)
		if (c->fn || c->builtin)
			json_array_append_new(*ret, json_pack("{s:s}", "name", c->name));
	return 0;
}

int api_query_qmp_schema(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = json_loads(api_table.schema, 0, NULL);
	return *ret ? 0 : err_set(e, ENOMEM, "no memory");
}

int api_query_machines(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = json_array();
	for (unsigned i = 0; machine_types[i]; i++) {
		const struct machine_type *t = machine_types[i];

		json_array_append_new(*ret, json_pack("{s:s,s:s,s:b,s:i,s:b,s:b,s:b,s:s}",
			"name", t->name, "isa", t->isa, "is-default",
			!i || strcmp(machine_types[i - 1]->isa, t->isa), "cpu-max", 256,
			"hotpluggable-cpus", 0, "numa-mem-supported", 0, "deprecated", 0,
			"help", t->help));
	}
	return 0;
}

int api_query_kvm(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = json_pack("{s:b,s:b}", "enabled", !strcmp(g->vm.accel->name, "kvm"), "present",
			 !access("/dev/kvm", R_OK | W_OK));
	return 0;
}

int api_query_target(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = json_pack("{s:s}", "arch", g->vm.isa->name);
	return 0;
}

int api_query_uuid(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const uint8_t *u = g->plan->uuid;
	char text[40];

	snprintf(text, sizeof(text), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7],
		 u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	*ret = json_pack("{s:s}", "UUID", text);
	return 0;
}

static const char *cpu_state(struct guest *g, unsigned i)
{
	static const char *const names[] = { "started", "stopped", "starting", "?", "suspended" };
	int power = g->fw.cpu_state(g, i);

	if (atomic_load(&g->vm.vcpu[i]->halted))
		return "waiting";
	return power >= 0 && power < 5 ? names[power] : "?";
}

int api_query_cpus_fast(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const struct cpu_topology *t = &g->vm.topology;

	*ret = json_array();
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/machine/cpu[%u]", i);
		json_array_append_new(*ret, json_pack("{s:i,s:s,s:i,s:s,s:{s:i,s:i,s:i},s:s}",
			"cpu-index", i, "qom-path", path, "thread-id", g->cpu[i].tid, "target",
			g->vm.isa->name, "props", "socket-id", i / (t->cores * t->threads),
			"core-id", i / t->threads % t->cores, "thread-id", i % t->threads,
			"state", cpu_state(g, i)));
	}
	return 0;
}
