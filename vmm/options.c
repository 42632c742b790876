/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/options.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "io/opts.h"
#include "util/bits.h"
#include "util/distance.h"
#include "util/log.h"

enum kind {
	OPT_STR,		/* the last one counts */
	OPT_LIST,		/* each one counts */
	OPT_FLAG,
	OPT_GROUP,		/* a heading in --help */
};

struct option {
	const char *name, *alias, *arg, *help;
	enum kind kind;
	size_t off;		/* in struct options */
	const char *value;	/* OPT_STR and OPT_LIST without an argument: stands for this */
};

#define GROUP(t) { .kind = OPT_GROUP, .help = t }
#define STR(n, al, m, ar, h) { n, al, ar, h, OPT_STR, offsetof(struct options, m), NULL }
#define LIST(n, al, m, ar, h) { n, al, ar, h, OPT_LIST, offsetof(struct options, m), NULL }
#define FLAG(n, al, m, h) { n, al, NULL, h, OPT_FLAG, offsetof(struct options, m), NULL }
#define SHORT(n, k, m, v, h) { n, NULL, NULL, h, k, offsetof(struct options, m), v }

static const struct option table[] = {
	GROUP("What to boot"),
	STR("kernel", NULL, kernel, "FILE", "the same as IMAGE"),
	STR("initrd", NULL, initrd, "FILE", "initial RAM disk"),
	STR("append", "cmdline", append_arg, "TEXT", "kernel arguments (also: IMAGE -- TEXT...)"),
	STR("dtb", NULL, dtb, "FILE", "device tree instead of the machine's own"),
	STR("bios", "firmware", bios, "FILE|seabios|ovmf|none",
	    "firmware, entered as the CPU's reset does; none: built in"),
	STR("boot", NULL, boot, "order=cdn[,once=d][,menu=on]",
	    "what firmware tries: c disk, d CD-ROM, n network"),
	LIST("fw_cfg", NULL, fw_cfg, "name=NAME,file=PATH|string=TEXT",
	     "a file for the guest's firmware and kernel (opt/...)"),
	GROUP("The machine"),
	STR("machine", "M", machine, "NAME[,PROP=VALUE]",
	    "machine type (--list machines); accel=, acpi=, hpet=, i8042=, irqchip="),
	STR("cpu", NULL, cpu, "MODEL[,FEATURE=on|off]", "CPU model (--list cpus)"),
	STR("m", "memory", mem, "SIZE", "RAM: 512 (MiB), 2G; default 512M"),
	STR("smp", "cpus", smp, "N[,sockets=N][,cores=N][,threads=N]", "virtual CPUs; default 1"),
	STR("rtc", NULL, rtc, "base=utc|localtime|DATE", "the clock that the guest starts with"),
	STR("uuid", NULL, uuid, "UUID", "the machine's number in its SMBIOS tables"),
	LIST("accel", NULL, accel, "NAME[:NAME][,PROP=VALUE]",
	     "engine: auto, kvm, tcg, kvm:tcg; a name binds, auto chooses"),
	SHORT("enable-kvm", OPT_LIST, accel, "kvm", "-accel kvm"),
	GROUP("Devices"),
	LIST("drive", NULL, drive,
	     "file=PATH[,if=virtio|ahci|nvme|pflash|none][,media=cdrom][,id=ID][,readonly=on]"
	     "[,format=raw|qcow2]",
	     "a disk: raw, qcow2 or a block device"),
	STR("cdrom", NULL, cdrom, "FILE", "-drive file=FILE,media=cdrom"),
	LIST("nic", NULL, nic, "user[,hostfwd=tcp::PORT-:PORT]|tap,ifname=NAME|none",
	     "a network card and its back end"),
	LIST("netdev", NULL, netdev, "user|tap,id=ID[,...]", "a network back end for -device"),
	LIST("device", NULL, device, "TYPE[,PROP=VALUE]", "a device (--list devices)"),
	LIST("virtfs", "9p", virtfs, "PATH[,mount_tag=TAG][,readonly=on]",
	     "a host directory for the guest (9p)"),
	STR("debugcon", NULL, debugcon, "SPEC", "where a PC's debug port 0x402 goes (as -serial)"),
	LIST("serial", NULL, serial, "mon:stdio|stdio|null|file:PATH|pty|unix:PATH",
	     "where a serial port goes"),
	FLAG("nographic", NULL, nographic, "serial port and monitor on this terminal (default)"),
	STR("vga", NULL, vga, "std|none",
	    "a PC's display (monitor: screendump); std where firmware boots, else none"),
	STR("display", NULL, display, "none", "accepted because there is no window"),
	FLAG("snapshot", NULL, snapshot, "throw writes to disks away at the end"),
	GROUP("Running"),
	FLAG("no-reboot", NULL, no_reboot, "end instead of resetting"),
	FLAG("S", NULL, paused, "do not start the CPUs (gdb or the monitor's cont does)"),
	STR("gdb", NULL, gdb, "tcp::PORT|unix:PATH", "wait for gdb here"),
	SHORT("s", OPT_STR, gdb, "tcp::1234", "-gdb tcp::1234"),
	STR("incoming", NULL, incoming, "URI|defer",
	    "a guest that moves here, from unix:, tcp:, fd:, exec: or file:"),
	STR("loadvm", NULL, loadvm, "PATH[,name=NAME][,clock=continue|advance][,eager=on]",
	    "go on from a snapshot (snapshot-save) instead of booting"),
	STR("name", NULL, name, "NAME", "the guest's name, for `ambi ps` and `ambi ctl NAME`"),
	LIST("qmp", NULL, qmp, "unix:PATH|tcp:HOST:PORT|stdio|none",
	     "control by JSON (QMP); none: not even the usual socket"),
	STR("api-socket", NULL, api_socket, "PATH", "-qmp unix:PATH"),
	GROUP("Looking inside"),
	FLAG("explain", NULL, explain, "print the plan and exit"),
	STR("twin", NULL, twin, "FD", "given by vm-twin to the process that it starts"),
	FLAG("phases", NULL, phases, "print when what happened during start-up"),
	STR("d", NULL, log, "NAME[,NAME]",
	    "trace: in_asm, ir, out_asm, exec, mmu, int, dev, kvm, guest"),
	STR("D", NULL, log_file, "FILE", "where -d goes; default stderr"),
	STR("dfilter", NULL, dfilter, "START..END[,...]", "only these guest addresses in -d"),
	STR("list", NULL, list, "machines|devices|cpus|accels", "print what there is and exit"),
	FLAG("version", NULL, version, "print the version and exit"),
	FLAG("help", "h", help, "this text"),
};

/* What people type out of habit and what to do instead. */
static const struct { const char *name, *hint; } habits[] = {
	{ "qmp-pretty", "use -qmp" },
	{ "monitor", "the monitor is on the console: Ctrl-A c" },
	{ "hda", "use -drive file=PATH" }, { "hdb", "use -drive file=PATH" },
	{ "disk", "use -drive file=PATH" },
	{ "net", "use -nic user" },
	{ "vnc", "there is no window; the monitor's screendump shows what -vga std does" },
	{ "daemonize", "run it in the background with your shell" },
	{ "no-acpi", "use -machine pc,acpi=off" }, { "no-hpet", "use -machine pc,hpet=off" },
	{ "fsdev", "use -virtfs PATH,mount_tag=TAG" },
	{ "balloon", "use -device virtio-balloon" },
	{ "nodefaults", "leave it out; -nic none and -serial none take the defaults away" },
	{ "chardev", "use -serial" },
};

const char *options_nearest(const char *word, const char *const *candidates)
{
	unsigned best = (unsigned)strlen(word) / 3 + 1, d;
	const char *found = NULL;

	if (strlen(word) > DISTANCE_MAX_WORD)
		return NULL;
	for (; *candidates; candidates++) {
		d = distance_words(word, *candidates);
		if (d < best || (d == best && !found)) {
			best = d;
			found = *candidates;
		}
	}
	return found;
}

static const struct option *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option *o = &table[i];

		if (o->kind != OPT_GROUP &&
		    (!strcmp(o->name, name) || (o->alias && !strcmp(o->alias, name))))
			return o;
	}
	return NULL;
}

static int unknown(const char *name, struct err *e)
{
	const char *names[2 * ARRAY_SIZE(table) + 1], *near;
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(habits); i++)
		if (!strcmp(habits[i].name, name))
			return err_set(e, EINVAL, "unknown option -%s: %s", name, habits[i].hint);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].kind == OPT_GROUP)
			continue;
		names[n++] = table[i].name;
		if (table[i].alias)
			names[n++] = table[i].alias;
	}
	names[n] = NULL;
	near = options_nearest(name, names);
	return err_set(e, EINVAL, "unknown option -%.60s%s%s (ambi --help lists them)", name,
		       near ? "; did you mean -" : "", near ? near : "");
}

static int apply(struct options *o, const struct option *opt, const char *value, struct err *e)
{
	void *field = (char *)o + opt->off;
	struct option_list *l = field;

	switch (opt->kind) {
	case OPT_STR:
		*(const char **)field = value;
		return 0;
	case OPT_LIST:
		if (l->nr == OPTIONS_MAX_LIST)
			return err_set(e, EINVAL, "-%s is given more than %u times", opt->name,
				       OPTIONS_MAX_LIST);
		l->item[l->nr++] = value;
		return 0;
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_GROUP:
		break;
	}
	return 0;
}

/* argv[*i] begins with '-'. Takes a value from "--name=value" or from the next word. */
static int option_parse(struct options *o, int argc, char **argv, int *i, struct err *e)
{
	const char *word = argv[*i] + (argv[*i][1] == '-' ? 2 : 1), *eq = strchr(word, '=');
	g_autofree char *name = eq ? g_strndup(word, (gsize)(eq - word)) : g_strdup(word);
	const struct option *opt = find(name);
	const char *value = eq ? eq + 1 : NULL;

	if (!opt)
		return unknown(name, e);
	if (!opt->arg) {
		if (value)
			return err_set(e, EINVAL, "-%s takes no value", name);
		return apply(o, opt, opt->value, e);
	}
	if (!value) {
		if (*i + 1 >= argc)
			return err_set(e, EINVAL, "-%s needs a value: %s", name, opt->arg);
		value = argv[++*i];
	}
	return apply(o, opt, value, e);
}

int options_parse(struct options *o, int argc, char **argv, struct err *e)
{
	g_autoptr(GString) append = g_string_new(NULL);
	bool any = false;
	int r;

	*o = (struct options){ 0 };
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			if (o->append_arg)
				g_string_append(append, o->append_arg);
			for (any = true, i++; i < argc; i++)
				g_string_append_printf(append, "%s%s", append->len ? " " : "",
						       argv[i]);
			break;
		}
		if (argv[i][0] == '-' && argv[i][1]) {
			r = option_parse(o, argc, argv, &i, e);
			if (r < 0)
				return r;
		} else if (o->image) {
			return err_set(e, EINVAL, "two images: %s and %s (kernel arguments follow "
				       "\"--\")", o->image, argv[i]);
		} else {
			o->image = argv[i];
		}
	}
	if (o->image && o->kernel)
		return err_set(e, EINVAL, "two images: %s and -kernel %s", o->image, o->kernel);
	if (!o->kernel)
		o->kernel = o->image;
	if (any || o->append_arg)
		o->append = g_strdup(any ? append->str : o->append_arg);
	return 0;
}

static bool dropped(const char *const *drop, const char *name)
{
	for (; *drop; drop++)
		if (!strcmp(*drop, name))
			return true;
	return false;
}

void options_args(const struct options *o, const char *const *drop,
		  void (*add)(void *opaque, const char *word), void *opaque)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option *t = &table[i];
		const void *field = (const char *)o + t->off;
		const char *text = t->kind == OPT_STR ? *(const char *const *)field : NULL;
		const struct option_list *l = field;
		g_autofree char *name = g_strdup_printf("-%s", t->name);

		if (t->kind == OPT_GROUP || !t->arg != (t->kind == OPT_FLAG) ||
		    dropped(drop, t->name))
			continue;
		if (t->off == offsetof(struct options, append_arg))
			text = o->append;
		if (text) {
			add(opaque, name);
			add(opaque, text);
		}
		if (t->kind == OPT_FLAG && *(const bool *)field)
			add(opaque, name);
		for (unsigned j = 0; t->kind == OPT_LIST && j < l->nr; j++) {
			add(opaque, name);
			add(opaque, l->item[j]);
		}
	}
}

void options_free(struct options *o)
{
	g_free(o->append);
	o->append = NULL;
}

void options_help(FILE *f)
{
	fputs("usage: ambi [OPTION...] IMAGE [-- KERNEL ARGUMENTS]\n"
	      "Runs a virtual machine. IMAGE is a kernel (ELF, Linux Image or bzImage, also\n"
	      "packed with gzip, zstd or xz); its ISA decides the machine and the engine. An ISO\n"
	      "image is booted by a PC's firmware. Names may be given with one dash or two.\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option *o = &table[i];
		g_autofree char *left = NULL;

		if (o->kind == OPT_GROUP) {
			fprintf(f, "\n%s:\n", o->help);
			continue;
		}
		left = g_strdup_printf("-%s%s%s%s%s", o->name, o->alias ? ", -" : "",
				       o->alias ? o->alias : "", o->arg ? " " : "",
				       o->arg ? o->arg : "");
		if (strlen(left) < 30)
			fprintf(f, "  %-30s%s\n", left, o->help);
		else
			fprintf(f, "  %s\n  %-30s%s\n", left, "", o->help);
	}
	fputs("\nOther uses: ambi ps, ambi ctl NAME COMMAND, ambi console NAME, ambi disk\n"
	      "COMMAND; each says more with --help (ctl: ambi ctl help).\n", f);
	fputs("\nOn the console: Ctrl-A x ends ambi, Ctrl-A c is the monitor, Ctrl-A h helps.\n"
	      "Exit status: 0 the guest powered off (or reset, with -no-reboot); 1 ambi did not\n"
	      "start it; 2 ambi or its engine failed while running; 3 the guest panicked; 128 + N\n"
	      "ended by signal N.\n", f);
}

int options_mem(const char *text, uint64_t *bytes, struct err *e)
{
	const char *num = strncmp(text, "size=", 5) ? text : text + 5;
	unsigned long long v;
	unsigned shift = 20;
	char *end;

	errno = 0;
	v = strtoull(num, &end, 10);
	if (end == num || *num == '-' || errno)
		return err_set(e, EINVAL, "-m %s: not a size (512, 512M, 2G)", text);
	switch (*end) {
	case 'k': case 'K': shift = 10; end++; break;
	case 'm': case 'M': shift = 20; end++; break;
	case 'g': case 'G': shift = 30; end++; break;
	case 't': case 'T': shift = 40; end++; break;
	case 'b': case 'B': shift = 0; break;
	}
	if (*end == 'i')
		end++;
	if (*end == 'b' || *end == 'B')
		end++;
	if (*end)
		return err_set(e, EINVAL, "-m %s: \"%s\" after the size", text, end);
	if (v > (UINT64_C(1) << 46) >> shift)
		return err_set(e, EINVAL, "-m %s: more than 64 TiB", text);
	*bytes = (uint64_t)v << shift;
	if (*bytes < UINT64_C(1) << 20)
		return err_set(e, EINVAL, "-m %s: less than 1 MiB", text);
	if (*bytes & 4095)
		return err_set(e, EINVAL, "-m %s: not a multiple of 4 KiB", text);
	return 0;
}

static int topology_number(const char *key, const char *val, unsigned *n, struct err *e)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(val, &end, 10);
	if (end == val || *val == '-' || *end || errno || v < 1 || v > 256)
		return err_set(e, EINVAL, "%s=%s: a number between 1 and 256 is wanted", key, val);
	*n = (unsigned)v;
	return 0;
}

int options_topology(const char *text, struct cpu_topology *t, struct err *e)
{
	const struct { const char *key; unsigned *n; } keys[] = {
		{ "cpus", &t->nr_cpus }, { "sockets", &t->sockets }, { "cores", &t->cores },
		{ "threads", &t->threads },
	};
	char key[32], val[32];
	const char *at = text;
	unsigned long long known;
	int r;

	*t = (struct cpu_topology){ 0 };
	for (bool first = true;
	     (r = opts_next(&at, key, sizeof(key), val, sizeof(val), first, e)) > 0;
	     first = false) {
		unsigned *n = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			if (!strcmp(*key ? key : "cpus", keys[i].key))
				n = keys[i].n;
		if (!n)
			return err_set(e, EINVAL, "-smp %s: no \"%s\" (there are cpus, sockets, "
				       "cores, threads)", text, key);
		r = topology_number(*key ? key : "cpus", val, n, e);
		if (r < 0)
			return err_prefix(e, "-smp %s", text);
	}
	if (r < 0)
		return err_prefix(e, "-smp %s", text);
	known = (unsigned long long)MAX(t->sockets, 1u) * MAX(t->cores, 1u) * MAX(t->threads, 1u);
	if (!t->nr_cpus)
		t->nr_cpus = (unsigned)MIN(known, 257ull);
	if (t->nr_cpus < 1 || t->nr_cpus > 256)
		return err_set(e, EINVAL, "-smp %s: between 1 and 256 CPUs are possible", text);
	if (!t->cores && t->nr_cpus % known == 0)
		t->cores = t->nr_cpus / (unsigned)known;
	else if (t->cores && !t->sockets && t->nr_cpus % known == 0)
		t->sockets = t->nr_cpus / (unsigned)known;
	t->sockets = MAX(t->sockets, 1u);
	t->cores = MAX(t->cores, 1u);
	t->threads = MAX(t->threads, 1u);
	if ((unsigned long long)t->sockets * t->cores * t->threads != t->nr_cpus)
		return err_set(e, EINVAL, "-smp %s: %u sockets of %u cores of %u threads are not "
			       "%u CPUs", text, t->sockets, t->cores, t->threads, t->nr_cpus);
	return 0;
}

int options_rtc(const char *text, int64_t *offset_s, struct err *e)
{
	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
	g_autoptr(GDateTime) now = g_date_time_new_now_local(), date = NULL;

	*offset_s = 0;
	if (!strncmp(text, "base=", 5))
		text += 5;
	if (!strcmp(text, "utc"))
		return 0;
	if (!strcmp(text, "localtime")) {
		*offset_s = g_date_time_get_utc_offset(now) / G_TIME_SPAN_SECOND;
		return 0;
	}
	date = g_date_time_new_from_iso8601(text, utc);
	if (!date)
		return err_set(e, EINVAL, "-rtc base=%s: neither utc nor localtime nor a date such "
			       "as 2026-11-21T12:00:00", text);
	*offset_s = g_date_time_to_unix(date) - g_date_time_to_unix(now);
	return 0;
}
