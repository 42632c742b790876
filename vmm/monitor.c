/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor: one table of commands; answers are text. */
#include "vmm/monitor.h"

#include <stdlib.h>
#include <string.h>

#include "hw/input/input.h"
#include "hw/machine/pc.h"
#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"
#include "hw/virtio/virtio_balloon.h"
#include "io/char/char.h"
#include "util/bits.h"
#include "util/epoch.h"
#include "vmm/api/handlers.h"
#include "vmm/api/server.h"
#include "vmm/guest.h"
#include "vmm/move/move.h"
#include "vmm/phases.h"

/* State may be looked at only while all vCPUs are parked. */
static bool hold(struct guest *g)
{
	bool was = guest_is_running(g);

	/* also where it stands already: the vCPUs may still be on their way to the gates */
	guest_pause(g);
	return was;
}

static void release(struct guest *g, bool was)
{
	if (was)
		guest_resume(g);
}

static const char *power_name(enum cpu_power p)
{
	switch (p) {
	case CPU_STARTED: return "started";
	case CPU_STOPPED: return "stopped";
	case CPU_START_PENDING: return "starting";
	case CPU_SUSPENDED: return "suspended";
	}
	return "?";
}

static void info_registers(struct guest *g, const char *arg, FILE *f)
{
	bool was = hold(g), all = !strcmp(arg, "-a");
	struct err e = { 0 };
	unsigned one = *arg && !all ? (unsigned)strtoul(arg, NULL, 0) : 0;

	for (unsigned i = 0; i < g->vm.nr_vcpus; i++) {
		struct vcpu *v = g->vm.vcpu[i];

		if (!all && i != one)
			continue;
		fprintf(f, "CPU %u (%s)\n", i, power_name(g->cpu[i].power));
		if (vcpu_pull(v, REGS_ALL, &e) < 0)
			fprintf(f, "%s\n", e.msg);
		else
			isa_dump(g->vm.isa, v->state, f);
	}
	release(g, was);
}

static void info_qtree(struct guest *g, const char *arg, FILE *f)
{
	char *t = machine_qtree(g->vm.machine);

	fputs(t ? t : "", f);
	free(t);
}

static void info_space(FILE *f, const char *name, struct space *s)
{
	const struct mapping *m;

	if (!s)
		return;
	fprintf(f, "%s\n", name);
	epoch_enter();
	for (unsigned i = 0; (m = space_nth(s, i)); i++)
		fprintf(f, "  %016llx-%016llx  %s %s\n", (unsigned long long)m->base,
			(unsigned long long)(m->base + m->size - 1), m->dev->id, m->region->name);
	epoch_exit();
}

static void info_mtree(struct guest *g, const char *arg, FILE *f)
{
	const struct mem *m = &g->vm.machine->mem;

	fprintf(f, "memory\n");
	for (unsigned i = 0; i < m->nr; i++) {
		const struct mem_block *b = &m->block[i];
		const char *ro = b->flags & MEM_ROM ? " (read-only)" : "";

		if (b->flags & MEM_MOVABLE && b->flags & MEM_HIDDEN)
			fprintf(f, "  %-33s  %s%s, %llu KiB\n", "nowhere", b->name, ro,
				(unsigned long long)b->size >> 10);
		else
			fprintf(f, "  %016llx-%016llx  %s%s%s\n", (unsigned long long)b->base,
				(unsigned long long)(b->base + b->size - 1), b->name, ro,
				b->flags & MEM_HIDDEN ? " (hidden)" : "");
	}
	info_space(f, "registers", g->vm.machine->mmio);
	info_space(f, "ports", g->vm.machine->pio);
}

static void info_accel(struct guest *g, const char *arg, FILE *f)
{
	static const char *const names[VM_EXIT_COUNT] = {
		"none", "mmio", "pio", "firmware", "halt", "shutdown", "debug", "cannot-run",
		"error",
	};
	bool was = hold(g);

	fprintf(f, "engine %s\n", g->vm.accel->name);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++) {
		fprintf(f, "CPU %u exits:", i);
		for (unsigned j = 0; j < VM_EXIT_COUNT; j++)
			if (g->vm.vcpu[i]->exits[j])
				fprintf(f, " %s %llu", names[j],
					(unsigned long long)g->vm.vcpu[i]->exits[j]);
		fputc('\n', f);
	}
	if (g->vm.accel->info)
		g->vm.accel->info(&g->vm, f);
	fallback_info(g, f);
	release(g, was);
}

static void info_status(struct guest *g, const char *arg, FILE *f)
{
	char line[1024];

	plan_line(g->plan, line, sizeof(line));
	fprintf(f, "%s\n%s, virtual time %.3f s\n", line,
		guest_is_running(g) ? "running" : "stopped",
		(double)clock_now(g->vm.machine->clock) / 1e9);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		fprintf(f, "CPU %u %s%s\n", i, power_name((enum cpu_power)g->fw.cpu_state(g, i)),
			atomic_load(&g->vm.vcpu[i]->halted) ? ", waiting for an interrupt" : "");
}

static void info_phases(struct guest *g, const char *arg, FILE *f)
{
	phase_set(PHASE_FIRST_BYTE, chardev_first_output_ns(g->serial[0]));
	phases_print(f);
}

static void print(FILE *f, char *text)
{
	fputs(text ? text : "", f);
	free(text);
}

static void info_pci(struct guest *g, const char *arg, FILE *f)
{
	if (g->vm.machine->pci)
		print(f, pci_info(g->vm.machine->pci));
	else
		fprintf(f, "machine %s has no PCI\n", g->vm.machine->type->name);
}

static void info_irq(struct guest *g, const char *arg, FILE *f)
{
	bool was = hold(g);

	monitor_info_irq(g, f);
	release(g, was);
}

static void info_virtio(struct guest *g, const char *arg, FILE *f)
{
	print(f, virtio_info(g->vm.machine));
}

static struct dev *balloon(struct guest *g, FILE *f)
{
	struct dev *d = g->vm.machine->devs;

	while (d && strcmp(d->type->name, "virtio-balloon"))
		d = d->next;
	if (!d)
		fprintf(f, "there is no balloon (-device virtio-balloon)\n");
	return d;
}

static void info_balloon(struct guest *g, const char *arg, FILE *f)
{
	struct dev *d = balloon(g, f);

	if (d)
		print(f, virtio_balloon_info(d));
}

struct command {
	const char *name, *args, *help;
	void (*fn)(struct guest *g, const char *arg, FILE *f);
};

static const struct command infos[] = {
	{ "status", "", "what runs and whether it does", info_status },
	{ "registers", "[CPU|-a]", "CPU registers", info_registers },
	{ "qtree", "", "devices", info_qtree },
	{ "mtree", "", "memory map", info_mtree },
	{ "accel", "", "the engine's figures", info_accel },
	{ "kvm", "", "the same", info_accel },
	{ "pci", "", "PCI functions", info_pci },
	{ "irq", "", "a PC's interrupt chips", info_irq },
	{ "virtio", "", "queues of virtio devices and their counts", info_virtio },
	{ "balloon", "", "how much memory the guest has and uses", info_balloon },
	{ "phases", "", "when what happened during start-up", info_phases },
};

static void run_info(struct guest *g, const char *arg, FILE *f)
{
	size_t n = strcspn(arg, " ");

	for (size_t i = 0; i < ARRAY_SIZE(infos); i++)
		if (n && strlen(infos[i].name) == n && !strncmp(infos[i].name, arg, n)) {
			infos[i].fn(g, arg + n + strspn(arg + n, " "), f);
			return;
		}
	for (size_t i = 0; i < ARRAY_SIZE(infos); i++)
		fprintf(f, "info %-10s %-9s %s\n", infos[i].name, infos[i].args, infos[i].help);
}

/* A command of the control interface without arguments. */
static void run_api(struct guest *g, const char *name, FILE *f)
{
	struct err e = { 0 };

	if (api_call(g, name, NULL, NULL, &e) < 0)
		fprintf(f, "%s\n", e.msg);
}

static void run_stop(struct guest *g, const char *arg, FILE *f) { run_api(g, "stop", f); }
static void run_cont(struct guest *g, const char *arg, FILE *f) { run_api(g, "cont", f); }

static void run_reset(struct guest *g, const char *arg, FILE *f) { run_api(g, "system_reset", f); }

static void run_powerdown(struct guest *g, const char *arg, FILE *f)
{
	run_api(g, "system_powerdown", f);
}

static void run_nmi(struct guest *g, const char *arg, FILE *f)
{
	unsigned long i = strtoul(arg, NULL, 0);

	if (!g->vm.isa->sipi)		/* x86 is the ISA that has both */
		fprintf(f, "%s has no NMI\n", g->vm.isa->name);
	else if (i < g->vm.nr_vcpus)
		cpu_port_set(&g->vm.vcpu[i]->port, PORT_X86_NMI, 1);
	else
		fprintf(f, "there is no CPU %lu\n", i);
}

static void run_sendkey(struct guest *g, const char *arg, FILE *f)
{
	struct dev *d = machine_dev(g->vm.machine, "i8042");

	if (!d)
		fprintf(f, "machine %s has no keyboard\n", g->vm.machine->type->name);
	else if (input_send_keys(g->vm.machine, arg) < 0)
		fprintf(f, "\"%.40s\": no such keys (as in ctrl-alt-delete)\n", arg);
}

static void run_balloon(struct guest *g, const char *arg, FILE *f)
{
	struct dev *d = balloon(g, f);
	struct err e = { 0 };
	uint64_t bytes;

	if (d && (options_mem(arg, &bytes, &e) < 0 || virtio_balloon_set_target(d, bytes, &e) < 0))
		fprintf(f, "%s\n", e.msg);
}

static void run_screendump(struct guest *g, const char *arg, FILE *f)
{
	bool was = hold(g);

	monitor_screendump(g, arg, f);
	release(g, was);
}

static void run_screentext(struct guest *g, const char *arg, FILE *f)
{
	bool was = hold(g);

	monitor_screentext(g, f);
	release(g, was);
}

static void run_switch(struct guest *g, const char *arg, FILE *f)
{
	const struct accel_ops *a = accel_find(arg);
	struct switch_report rep;
	struct err e = { 0 };

	if (!a)
		fprintf(f, "\"%.40s\": no such engine (kvm, tcg)\n", arg);
	else if (guest_switch(g, a, &rep, &e) < 0)
		fprintf(f, "%s\n", e.msg);
	else
		fprintf(f, "engine %s, pause %.2f ms; %llu pages with code, %llu changed%s%s\n",
			a->name, (double)rep.pause_ns / 1e6, (unsigned long long)rep.code_pages,
			(unsigned long long)rep.code_dropped, rep.note[0] ? "; " : "", rep.note);
}

static void quit_run(struct guest *g, void *data)
{
	guest_shutdown(g, EXIT_OK, "host-ui");
}

static void run_quit(struct guest *g, const char *arg, FILE *f) { quit_run(g, NULL); }

static void run_help(struct guest *g, const char *arg, FILE *f);

static const struct command commands[] = {
	{ "help", "", "this list", run_help },
	{ "info", "WHAT", "status, registers, accel, ...: info alone lists them", run_info },
	{ "stop", "", "stop the CPUs and virtual time", run_stop },
	{ "cont", "", "go on", run_cont },
	{ "system_reset", "", "reset the machine", run_reset },
	{ "system_powerdown", "", "press the power button", run_powerdown },
	{ "sendkey", "KEYS", "press keys: a, shift-a, ctrl-alt-delete", run_sendkey },
	{ "nmi", "[CPU]", "a non-maskable interrupt", run_nmi },
	{ "balloon", "SIZE", "how much memory the guest shall keep", run_balloon },
	{ "screendump", "FILE", "the picture on the display, as a PNG file", run_screendump },
	{ "screentext", "", "the characters on a display in text mode", run_screentext },
	{ "switch", "kvm|tcg", "the other engine, in place", run_switch },
	{ "quit", "", "end ambi", run_quit },
};

static void run_help(struct guest *g, const char *arg, FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(f, "%-16s %-5s %s\n", commands[i].name, commands[i].args, commands[i].help);
	fprintf(f, "Also those of `ambi ctl`: switch, snapshot-save, migrate, ...\n");
}

/* A unique beginning is enough: "c", "q", "info reg". */
static const struct command *command_find(const char *word, size_t n)
{
	const struct command *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strncmp(commands[i].name, word, n))
			continue;
		if (strlen(commands[i].name) == n)
			return &commands[i];
		if (found)
			return NULL;
		found = &commands[i];
	}
	return found;
}

/* Any command of the control interface, by the words of `ambi ctl`. False: there is none. */
static bool run_words(struct guest *g, const char *line, FILE *f)
{
	g_auto(GStrv) word = NULL;
	const struct api_command *c;
	json_t *args, *ret = NULL;
	struct err e = { 0 };

	if (!g_shell_parse_argv(line, NULL, &word, NULL))
		return false;
	c = api_find_cli(&api_table, word[0]);
	if (!c)
		return false;
	args = api_words(c, word + 1, &e);
	if (!args || api_call(g, c->name, args, &ret, &e) < 0)
		fprintf(f, "%s\n", e.msg);
	else if (json_is_string(ret))
		fputs(json_string_value(ret), f);
	else if (ret && json_object_size(ret) + json_array_size(ret)) {
		json_dumpf(ret, f, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
		fputc('\n', f);
	}
	json_decref(args);
	json_decref(ret);
	return true;
}

char *monitor_command(struct guest *g, const char *line)
{
	const struct command *c;
	char *text = NULL;
	size_t size = 0, n;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	line += strspn(line, " \t");
	n = strcspn(line, " \t");
	c = n ? command_find(line, n) : NULL;
	if (c)
		c->fn(g, line + n + strspn(line + n, " \t"), f);
	else if (n && !run_words(g, line, f))
		fprintf(f, "unknown command \"%.40s\"; try help\n", line);
	fclose(f);
	return text;
}

/* ---- Ctrl-A c ---- */

struct typed { struct chardev *c; char *line; };

static void line_run(struct guest *g, void *data)
{
	struct typed *t = data;
	char *text = monitor_command(g, t->line);

	if (text)
		chardev_print(t->c, "%s", text);
	free(text);
	g_free(t->line);
	g_free(t);
}

static void on_line(void *opaque, struct chardev *c, const char *line)
{
	struct typed *t = g_new(struct typed, 1);

	*t = (struct typed){ c, g_strdup(line) };
	guest_post(opaque, line_run, t);
}

static void on_quit(void *opaque)
{
	guest_post(opaque, quit_run, NULL);
}

/* Ctrl-A k */
static void switch_run(struct guest *g, void *data)
{
	const char *to = g->vm.accel->slot == ACCEL_KVM ? "tcg" : "kvm";
	json_t *args = json_pack("{s:s}", "accel", to);
	struct err e = { 0 };

	if (api_call(g, "vm-switch", args, NULL, &e) < 0)
		chardev_print(g->mon, "\n%s\n", e.msg);
	json_decref(args);
}

static void on_other_engine(void *opaque)
{
	guest_post(opaque, switch_run, NULL);
}

static const struct chardev_mux_ops mux_ops = {
	.quit = on_quit, .line = on_line, .other_engine = on_other_engine,
};

static void attach(struct guest *g, struct chardev *c)
{
	if (!chardev_has_mux(c))
		return;
	if (!g->mon)
		g->mon = c;
	chardev_set_mux(c, &mux_ops, g);
}

/* Each "mon:", wherever it is: what is typed there waits for it. */
void monitor_attach(struct guest *g)
{
	for (unsigned i = 0; i < GUEST_MAX_SERIAL; i++)
		attach(g, g->serial[i]);
	for (unsigned i = 0; i < GUEST_MAX_SERIAL; i++)
		attach(g, g->extra_char[i]);
}
