/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of ambi's own: what runs, why, how well, and on which engine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/char/char.h"
#include "util/bits.h"
#include "util/os.h"
#include "vmm/api/handlers.h"
#include "vmm/api/server.h"
#include "vmm/guest.h"
#include "vmm/move/move.h"
#include "vmm/phases.h"

json_t *api_text(const char *s)
{
	g_autofree char *valid = g_utf8_make_valid(s ? s : "", -1);

	return json_string(valid);
}

static json_t *items(const struct option_list *l)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < l->nr; i++)
		json_array_append_new(a, api_text(l->item[i]));
	return a;
}

static const char *image_of(const struct plan *p)
{
	return p->opt->kernel ? p->opt->kernel : p->cdrom ? p->cdrom :
	       p->opt->drive.nr ? p->opt->drive.item[0] : p->bios_path;
}

int api_vm_info(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const struct plan *p = g->plan;

	*ret = json_pack("{s:s,s:i,s:s,s:s,s:s,s:s,s:i,s:I,s:o,s:f,s:s}",
		"name", api_name(g), "pid", (int)getpid(), "machine", g->vm.machine->type->name,
		"isa", g->vm.isa->name, "engine", g->vm.accel->name, "status", api_run_state(g),
		"cpus", (int)g->vm.nr_vcpus, "memory", (json_int_t)p->ram_size, "image",
		api_text(image_of(p)), "uptime", (double)(os_now_ns() - g->api->started_ns) / 1e9,
		"version", api_table.version);
	return 0;
}

static void set_text(json_t *o, const char *name, const char *value)
{
	if (value && *value)
		json_object_set_new(o, name, api_text(value));
}

int api_vm_plan(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const struct plan *p = g->plan;
	const struct options *o = p->opt;
	char line[1024], *explained = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&explained, &size);

	if (!f)
		return err_errno(e, errno, "memory");
	plan_explain(p, f);
	fclose(f);
	plan_line(p, line, sizeof(line));
	*ret = json_pack("{s:s,s:s,s:s,s:o,s:o,s:i,s:o,s:I}", "isa", p->isa->name, "machine",
		p->machine->name, "engine", p->accel->name, "engine-args",
		api_text(p->accel_args[p->accel->slot]), "why", api_text(p->why), "cpus",
		(int)p->nr_cpus, "cpu", api_text(p->cpu), "memory", (json_int_t)p->ram_size);
	if (p->other)
		set_text(*ret, "other-engine", p->other->name);
	set_text(*ret, "firmware", p->bios_path);
	set_text(*ret, "kernel", o->kernel);
	if (p->kernel.size)
		set_text(*ret, "kernel-format", p->kernel.how);
	set_text(*ret, "initrd", o->initrd);
	set_text(*ret, "arguments", o->append);
	set_text(*ret, "dtb", o->dtb);
	json_object_set_new(*ret, "drives", items(&o->drive));
	json_object_set_new(*ret, "nics", items(&o->nic));
	json_object_set_new(*ret, "devices", items(&o->device));
	json_object_set_new(*ret, "serials", items(&o->serial));
	json_object_set_new(*ret, "line", api_text(line));
	json_object_set_new(*ret, "text", api_text(explained));
	free(explained);
	return 0;
}

int api_vm_phases(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	phase_set(PHASE_FIRST_BYTE, chardev_first_output_ns(g->serial[0]));
	*ret = json_array();
	for (unsigned i = PHASE_START; i < PHASE_COUNT; i++) {
		const char *name;
		double ms;

		if (phase_get(i, &name, &ms))
			json_array_append_new(*ret, json_pack("{s:s,s:f}", "name", name, "ms", ms));
	}
	return 0;
}

static json_t *exits(const struct vcpu *v)
{
	static const char *const names[VM_EXIT_COUNT] = {
		"none", "mmio", "pio", "firmware", "halt", "shutdown", "debug", "cannot-run",
		"error",
	};
	json_t *a = json_array();

	for (unsigned i = 0; i < VM_EXIT_COUNT; i++)
		if (v->exits[i])
			json_array_append_new(a, json_pack("{s:s,s:I}", "name", names[i], "count",
							   (json_int_t)v->exits[i]));
	return a;
}

int api_vm_stats(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	bool ran = guest_is_running(g);
	json_t *cpus = json_array(), *engines = json_array();
	char *info = monitor_command(g, "info accel");

	guest_pause(g);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		json_array_append_new(cpus, json_pack("{s:i,s:o}", "cpu-index", (int)i, "exits",
						      exits(g->vm.vcpu[i])));
	if (ran)
		guest_resume(g);
	for (unsigned i = 0; accels[i]; i++)
		if (g->vm.engines[accels[i]->slot])
			json_array_append_new(engines, json_string(accels[i]->name));
	*ret = json_pack("{s:s,s:o,s:f,s:I,s:I,s:o,s:o}", "engine", g->vm.accel->name, "engines",
		engines, "virtual-time", (double)clock_now(g->vm.machine->clock) / 1e9,
		"shutdowns", (json_int_t)atomic_load(&g->shutdowns), "switches",
		(json_int_t)g->switches, "cpus", cpus, "text", api_text(info));
	free(info);
	return 0;
}

int api_vm_switch(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const char *from = g->vm.accel->name;
	const struct accel_ops *to = accel_find(api_str(args, "accel", ""));
	struct switch_report rep;
	int r;

	if (!to)
		return err_set(e, ENOTSUP, "this ambi has no engine %s",
			       api_str(args, "accel", ""));
	r = guest_switch(g, to, &rep, e);
	if (r < 0)
		return r;
	*ret = json_pack("{s:s,s:s,s:I,s:I,s:I}", "from", from, "to", to->name, "pause-ns",
		(json_int_t)rep.pause_ns, "code-pages", (json_int_t)rep.code_pages,
		"code-dropped", (json_int_t)rep.code_dropped);
	set_text(*ret, "note", rep.note);
	return 0;
}

int api_human_monitor_command(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const char *line = api_str(args, "command-line", "");
	g_autofree char *with_cpu = NULL;
	char *said;

	/* the only command that looks at a CPU */
	if (json_object_get(args, "cpu-index") && !strcmp(line, "info registers")) {
		with_cpu = g_strdup_printf("%s %d", line, (int)api_int(args, "cpu-index", 0));
		line = with_cpu;
	}
	said = monitor_command(g, line);
	*ret = api_text(said);
	free(said);
	return 0;
}
