/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/plan.h"

#include <elf.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "io/opts.h"
#include "util/bits.h"
#include "vmm/boot/dtb.h"
#include "vmm/move/snapshot.h"
#include "vmm/move/twin.h"
#include "vmm/probe/firmware.h"

enum { DEFAULT_RAM_MIB = 512 };

/* 32-bit x86 code runs on the 64-bit ISA; else the file's machine is the ISA's. */
static const struct isa *isa_of_image(const struct image *im)
{
	if (im->elf_machine == EM_386)
		return isa_find_elf(EM_X86_64, ELFCLASS64);
	return isa_find_elf(im->elf_machine, im->elf_class);
}

static void isa_names(char *buf, size_t n)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; isas[i] && len < n; i++)
		len += (size_t)snprintf(buf + len, n - len, "%s%s", i ? ", " : "", isas[i]->name);
}

static int isa_from_image(struct plan *p, const struct image *im, const char *path, struct err *e)
{
	const struct isa *isa;
	char names[128], mach[64];

	if (!im->size || !im->elf_machine)
		return 0;
	isa = isa_of_image(im);
	if (!isa) {
		isa_names(names, sizeof(names));
		return err_set(e, ENOTSUP, "%s is for %s (%s); this ambi runs %s", path,
			       image_machine_name(im->elf_machine, im->elf_class, mach,
						  sizeof(mach)),
			       im->how, names);
	}
	if (p->isa && p->isa != isa)
		return err_set(e, EINVAL, "%s is for %s, but -bios %s is for %s", path, isa->name,
			       p->opt->bios, p->isa->name);
	p->isa = isa;
	return 0;
}

/* The name up to the first comma. */
static void first_word(const char *text, char *buf, size_t n)
{
	snprintf(buf, n, "%.*s", (int)strcspn(text, ","), text);
}

/* Raw firmware does not say what it is for: a CPU model or machine that only one ISA has does. */
static int isa_from_options(struct plan *p, struct err *e)
{
	char cpu[64] = "", mach[64] = "", names[128];
	const struct isa *found = NULL;
	unsigned hits = 0;

	if (p->opt->cpu)
		first_word(p->opt->cpu, cpu, sizeof(cpu));
	if (p->opt->machine)
		first_word(p->opt->machine, mach, sizeof(mach));
	if (strchr(mach, '='))
		mach[0] = '\0';
	else if (!strcmp(mach, "q35"))
		strcpy(mach, "pc");
	for (unsigned i = 0; isas[i]; i++) {
		/* raw -bios alone is for where firmware is usual; a PC's must say what it is */
		bool fits = isas[i]->firmware != NULL || !p->opt->bios || *mach;

		for (const struct cpu_model *c = isas[i]->cpus; *cpu && c && c->name; c++) {
			fits = !strcmp(c->name, cpu);
			if (fits)
				break;
		}
		if (*mach && !machine_type_find(isas[i]->name, mach))
			fits = false;
		if (fits && (*cpu || *mach || p->opt->bios)) {
			found = isas[i];
			hits++;
		}
	}
	if (hits == 1) {
		p->isa = found;
		return 0;
	}
	if (p->flash_boot && !hits && (p->isa = isa_find("x86_64")))
		return 0;	/* where machines boot from flash without being told the ISA */
	isa_names(names, sizeof(names));
	return err_set(e, EINVAL, "%s: %s; nothing says for which ISA it is (of %s): "
		       "-cpu or -machine can", p->opt->kernel ? p->opt->kernel :
		       p->bios_path[0] ? p->bios_path : "flash",
		       p->opt->kernel ? p->kernel.how : p->bios.how, names);
}

static bool has_flash(const struct options *o)
{
	for (unsigned i = 0; i < o->drive.nr; i++)
		if (strstr(o->drive.item[i], "if=pflash"))
			return true;
	return false;
}

/*
 * Which firmware: -bios, or flash chips that hold one, or, where only disks are given,
 * the host's own PC firmware.
 */
static int pick_firmware(struct plan *p, struct err *e)
{
	const struct options *o = p->opt;
	const char *name = o->bios;
	int r;

	if (name && !strcmp(name, "none"))
		return 0;
	if (!name && !o->kernel && has_flash(o)) {
		p->flash_boot = p->firmware_mode = true;
		return 0;
	}
	if (!name && (o->loadvm || o->twin) && !p->loaded.firmware)
		return 0;
	if (!name && !o->kernel && (o->drive.nr || o->cdrom || p->cdrom || o->loadvm || o->twin))
		name = "seabios";
	if (!name)
		return 0;
	p->firmware_mode = true;
	r = firmware_find(name, p->bios_path, sizeof(p->bios_path), e);
	if (r < 0)
		return err_prefix(e, "-bios");
	p->ovmf = r > 0 && !strcmp(name, "ovmf");
	if (p->ovmf && has_flash(o))
		return err_set(e, EINVAL, "-bios ovmf brings its flash along; with -drive "
			       "if=pflash give both files there and no -bios");
	if (r > 0 && !p->isa)
		p->isa = isa_find("x86_64");
	if (!r && snprintf(p->bios_path, sizeof(p->bios_path), "%s", name) >=
	    (int)sizeof(p->bios_path))
		return err_set(e, EINVAL, "-bios: too long");
	return 0;
}

static int load_images(struct plan *p, struct err *e)
{
	const struct options *o = p->opt;
	int r = pick_firmware(p, e);

	if (r < 0)
		return r;
	if (!o->kernel && !p->firmware_mode && !p->deferred)
		return err_set(e, EINVAL,
			       "nothing to boot: give a kernel image or a disk (ambi --help)");
	if (p->bios_path[0]) {
		r = image_load(&p->bios, p->bios_path, e);
		if (r < 0)
			return err_prefix(e, "-bios");
		if (p->bios.format != IMAGE_ELF && p->bios.format != IMAGE_RAW)
			return err_set(e, EINVAL, "-bios %s: %s is no firmware", p->bios_path,
				       p->bios.how);
	}
	if (!o->kernel || p->deferred)
		return 0;
	r = image_load(&p->kernel, o->kernel, e);
	if (r < 0)
		return r;
	if (p->kernel.format == IMAGE_FDT)
		return err_set(e, EINVAL, "%s is a device tree, not a kernel (-dtb?)", o->kernel);
	/* behind a firmware raw bytes are allowed: a boot loader for S-mode is just that */
	if (p->kernel.format == IMAGE_RAW && !p->firmware_mode)
		return err_set(
			e, EINVAL,
			"%s: neither ELF nor a Linux kernel (%zu bytes, begins "
			"%02x %02x %02x %02x); a disk is given with -drive, firmware with -bios",
			o->kernel, p->kernel.size, p->kernel.data[0],
			p->kernel.size > 1 ? p->kernel.data[1] : 0,
			p->kernel.size > 2 ? p->kernel.data[2] : 0,
			p->kernel.size > 3 ? p->kernel.data[3] : 0);
	return 0;
}

static int load_blobs(struct plan *p, struct err *e)
{
	const struct options *o = p->opt;
	int r;

	if (p->deferred)
		return 0;
	if (o->initrd) {
		if (!o->kernel)
			return err_set(e, EINVAL, "-initrd without a kernel");
		r = image_read_file(o->initrd, PLAN_MAX_INITRD, &p->initrd.data, &p->initrd.size,
				    e);
		if (r < 0)
			return err_prefix(e, "-initrd");
		if (!p->initrd.size)
			return err_set(e, EINVAL, "-initrd: %s is empty", o->initrd);
	}
	if (o->append && !o->kernel)
		return err_set(e, EINVAL, "kernel arguments without a kernel");
	if (!o->dtb)
		return 0;
	r = image_read_file(o->dtb, DTB_MAX, &p->dtb.data, &p->dtb.size, e);
	if (r < 0)
		return err_prefix(e, "-dtb");
	r = dtb_check(p->dtb.data, p->dtb.size, e);
	return r < 0 ? err_prefix(e, "-dtb %s", o->dtb) : 0;
}

int plan_read_images(struct plan *p, struct err *e)
{
	const struct isa *isa = p->isa;
	int r;

	p->isa = NULL;
	image_free(&p->bios);
	r = load_images(p, e);
	if (!r)
		r = load_blobs(p, e);
	if (!r)
		r = isa_from_image(p, &p->kernel, p->opt->kernel, e);
	if (!r && p->isa && p->isa != isa)
		r = err_set(e, EINVAL, "%s is for %s, the guest's CPUs are %s", p->opt->kernel,
			    p->isa->name, isa->name);
	p->isa = isa;
	return r;
}

/* What the guest of -loadvm is; what it boots is of no interest until it resets. */
static int look_at_snapshot(struct plan *p, struct err *e)
{
	int r;

	if (!p->opt->loadvm && !p->opt->twin)
		return 0;
	p->deferred = true;
	if (p->opt->twin)
		r = twin_peek(p->opt->twin, p->loaded.isa, p->loaded.machine, e);
	else
		r = snapshot_loadvm_peek(p->opt->loadvm, p->loaded.isa, p->loaded.machine, e);
	if (r < 0)
		return r;
	p->loaded.firmware = r;
	return 0;
}

static int pick_isa(struct plan *p, struct err *e)
{
	int r = isa_from_image(p, &p->bios, p->bios_path, e);

	if (!r)
		r = isa_from_image(p, &p->kernel, p->opt->kernel, e);
	if (!r && !p->isa && p->deferred)
		p->isa = isa_find(p->loaded.isa);
	if (!r && !p->isa)
		r = isa_from_options(p, e);
	return r;
}

static int pick_machine(struct plan *p, struct err *e)
{
	const char *names[64] = { NULL }, *near;
	char name[64] = "", list[256] = "";
	unsigned n = 0;

	if (p->opt->machine)
		first_word(p->opt->machine, name, sizeof(name));
	if (strchr(name, '='))		/* "-machine accel=kvm" */
		name[0] = '\0';
	if (!*name && p->deferred)
		strcpy(name, p->loaded.machine);
	if (!strcmp(name, "q35") && !strcmp(p->isa->name, "x86_64"))
		strcpy(name, "pc");	/* what it is, by QEMU's name */
	/* an ELF image that is no kernel is a test program: for the machine that has only that */
	if (!*name && p->kernel.format == IMAGE_ELF && p->kernel.size && !p->kernel.pvh_entry &&
	    !p->firmware_mode && machine_type_find(p->isa->name, "testpc")) {
		p->machine = machine_type_find(p->isa->name, "testpc");
		return 0;
	}
	for (unsigned i = 0; machine_types[i] && n < 63; i++) {
		if (strcmp(machine_types[i]->isa, p->isa->name))
			continue;
		if (!*name || !strcmp(name, machine_types[i]->name)) {
			p->machine = machine_types[i];
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", n ? ", " : "",
			 machine_types[i]->name);
		names[n++] = machine_types[i]->name;
	}
	if (!n)
		return err_set(e, ENOTSUP, "this ambi has no machine for %s", p->isa->name);
	near = options_nearest(name, names);
	return err_set(e, EINVAL, "-machine %s: no such machine for %s (there is %s)", name,
		       p->isa->name, near ? near : list);
}

/* What people give out of habit, and what can only have one value here. */
static int machine_switch(struct plan *p, const char *key, const char *val, struct err *e)
{
	const struct { const char *key; bool *off; } known[] = {
		{ "acpi", &p->acpi_off }, { "hpet", &p->hpet_off }, { "i8042", &p->i8042_off },
	};
	static const char *const never[] = { "graphics", "usb", "smm", "vmport", "sata" };
	bool on;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].key, key))
			continue;
		if (opts_bool(key, val, &on, e) < 0)
			return err_prefix(e, "-machine");
		if (strcmp(p->machine->name, "pc"))
			return err_set(e, EINVAL, "-machine %s: has no property %s",
				       p->machine->name, key);
		*known[i].off = !on;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (!strcmp(never[i], key) && !strcmp(val, "off"))
			return 0;
	if (!strcmp(key, "irqchip") || !strcmp(key, "kernel-irqchip") ||
	    !strcmp(key, "kernel_irqchip")) {
		if (strcmp(val, "on") && strcmp(val, "split") && strcmp(val, "off"))
			return err_set(e, EINVAL, "-machine: %s=%s: on, off or split wanted", key,
				       val);
		snprintf(p->accel_args[ACCEL_KVM], sizeof(p->accel_args[0]), "irqchip=%s", val);
		return 0;
	}
	return err_set(e, EINVAL, "-machine: unknown property \"%s\" (there are accel, acpi, "
		       "hpet, i8042, irqchip)", key);
}

static int machine_props(struct plan *p, const char **accel, struct err *e)
{
	const char *t = p->opt->machine, *end;

	*accel = NULL;
	for (; t && *t; t = *end ? end + 1 : end) {
		char item[64], *eq;
		int r;

		end = t + strcspn(t, ",");
		snprintf(item, sizeof(item), "%.*s", (int)(end - t), t);
		eq = strchr(item, '=');
		if (!strncmp(t, "accel=", 6)) {
			*accel = t + 6;
		} else if (eq) {
			*eq = '\0';
			r = machine_switch(p, item, eq + 1, e);
			if (r < 0)
				return r;
		} else if (t != p->opt->machine) {
			return err_set(e, EINVAL, "-machine: \"%s\" is no property", item);
		}
	}
	return 0;
}

static void why_add(struct plan *p, const char *name, const char *why)
{
	size_t n = strlen(p->why);

	snprintf(p->why + n, sizeof(p->why) - n, "%s%s: %s", n ? "; " : "", name, why);
}

/*
 * Tries one engine. A CPU mode that KVM only emulates is slower than translation,
 * so `native` passes over it while there is another choice.
 */
static bool try_accel(struct plan *p, const struct accel_ops *a, bool native)
{
	struct accel_caps caps = { 0 };

	a->probe(p->isa, &caps);
	if (!caps.usable || (native && !caps.mode_native)) {
		why_add(p, a->name, caps.why[0] ? caps.why : "not usable here");
		return false;
	}
	if (p->accel) {
		p->other = a;
		p->phys_bits = p->phys_bits && caps.phys_bits ? MIN(p->phys_bits, caps.phys_bits) :
								p->phys_bits + caps.phys_bits;
		/* the one that cannot choose */
		if (a->slot == ACCEL_KVM && caps.tsc_hz)
			p->tsc_hz = caps.tsc_hz;
	} else {
		p->accel = a;
		p->phys_bits = caps.phys_bits;
		p->tsc_hz = caps.tsc_hz;
	}
	p->native[a->slot] = caps.mode_native;
	why_add(p, a->name, caps.why[0] ? caps.why : "usable");
	return true;
}

static int accel_auto(struct plan *p, struct err *e)
{
	/* testpc's interrupt chips are the engine's: one without is no choice of ours there */
	bool chips = !strcmp(p->machine->name, "testpc");

	for (unsigned i = 0; accels[i]; i++)
		if ((!chips || accels[i]->irqchip_take) && try_accel(p, accels[i], true))
			return 0;
	p->why[0] = '\0';
	for (unsigned i = 0; accels[i]; i++)
		if (try_accel(p, accels[i], false))
			return 0;
	return err_set(e, ENOTSUP, "no engine runs %s here: %s", p->isa->name,
		       p->why[0] ? p->why : "this ambi was built without one");
}

/* "kvm:tcg" */
static int accel_names(struct plan *p, const char *names, size_t len, struct err *e)
{
	const char *known[16] = { "auto" }, *near;
	const struct accel_ops *a;
	char name[32];
	size_t n;

	for (unsigned i = 0; accels[i] && i < 14; i++)
		known[i + 1] = accels[i]->name;
	if (!len)
		return err_set(e, EINVAL, "-accel: an engine's name is wanted (--list accels)");
	for (; len; names += n, len -= n) {
		n = strcspn(names, ":,");
		n = MIN(n, len);
		snprintf(name, sizeof(name), "%.*s", (int)n, names);
		if (n < len)
			n++;
		if (!strcmp(name, "auto"))
			return p->accel ? 0 : accel_auto(p, e);
		a = accel_find(name);
		if (!a) {
			near = options_nearest(name, known);
			return err_set(e, EINVAL, "-accel %s: no such engine in this ambi%s%s "
				       "(--list accels)", name, near ? "; did you mean " : "",
				       near ? near : "");
		}
		if (!p->other && p->accel != a)
			try_accel(p, a, false);
	}
	return 0;
}

/*
 * Of "kvm:tcg": a KVM that interprets the kernel's code is slower than the translator, so the
 * guest starts there, unless prefer=kvm.
 */
static void choose_first(struct plan *p)
{
	const struct accel_ops *first = p->accel;

	if (!p->other)
		return;
	if (first->slot == ACCEL_KVM && !p->native[ACCEL_KVM] && !p->prefer_kvm) {
		p->accel = p->other;
		p->other = first;
		why_add(p, "starts in the translator", "KVM interprets ring 0 (prefer=kvm)");
	}
	/* one vCPU can only be served by the other engine where the chips are nobody's own */
	if (!p->native[ACCEL_KVM] && !p->accel_args[ACCEL_KVM][0])
		strcpy(p->accel_args[ACCEL_KVM], "irqchip=off");
}

/* "kvm,irqchip=off": of that engine. "kvm:tcg,prefer=kvm": of both together. */
static int accel_props(struct plan *p, const char *item, struct err *e)
{
	const char *props = strchr(item, ',');
	const struct accel_ops *a = p->accel;
	char *args;

	if (!props)
		return 0;
	if (!strncmp(item, "auto,", 5))
		return err_set(e, EINVAL, "-accel %s: properties are an engine's (-accel tcg,...)",
			       item);
	if (strcspn(item, ":") < strcspn(item, ",")) {
		if (!strcmp(props, ",prefer=kvm") || !strcmp(props, ",prefer=auto")) {
			p->prefer_kvm = !strcmp(props, ",prefer=kvm");
			return 0;
		}
		return err_set(e, EINVAL,
			       "-accel %s: a list has the property prefer=kvm|auto; those of an "
			       "engine go to its own -accel (-accel kvm,irqchip=off -accel tcg)",
			       item);
	}
	if (p->other && !strncmp(item, p->other->name, strlen(p->other->name)))
		a = p->other;
	if (strncmp(item, a->name, strlen(a->name)) || item[strlen(a->name)] != ',')
		return 0;		/* of an engine that was not chosen */
	args = p->accel_args[a->slot];
	if (strlen(args) + strlen(props) >= sizeof(p->accel_args[0]))
		return err_set(e, EINVAL, "-accel: properties too long");
	strcat(args, *args ? props : props + 1);
	return 0;
}

/* A guest without firmware finds its console elsewhere and need not pay for a display. */
static int pick_vga(struct plan *p, struct err *e)
{
	bool pc = !strcmp(p->machine->name, "pc");
	const char *name = p->opt->vga;

	p->vga = name ? !strcmp(name, "std") : pc && p->firmware_mode;
	for (unsigned i = 0; !name && i < p->opt->device.nr; i++)
		if (!strncmp(p->opt->device.item[i], "VGA", 3))
			p->vga = false;		/* one of the user's own */
	if (name && !p->vga && strcmp(name, "none"))
		return err_set(e, EINVAL, "-vga %s: there are std and none", name);
	if (p->vga && !pc)
		return err_set(e, EINVAL, "-vga std: machine %s has no place for it",
			       p->machine->name);
	return 0;
}

static int pick_accel(struct plan *p, struct err *e)
{
	const struct option_list *l = &p->opt->accel;
	const char *from_machine;
	int r = machine_props(p, &from_machine, e);

	if (r < 0)
		return r;
	if (from_machine && l->nr)
		return err_set(e, EINVAL, "-accel and -machine accel= are both given");
	if (from_machine)
		r = accel_names(p, from_machine, strcspn(from_machine, ","), e);
	else if (!l->nr)
		r = accel_auto(p, e);
	for (unsigned i = 0; !r && i < l->nr; i++)
		r = accel_names(p, l->item[i], strcspn(l->item[i], ","), e);
	if (r < 0)
		return r;
	if (!p->accel)
		return err_set(e, ENOTSUP, "%s cannot run here: %s", p->isa->name, p->why);
	for (unsigned i = 0; !r && i < l->nr; i++)
		r = accel_props(p, l->item[i], e);
	if (!r)
		choose_first(p);
	return r;
}

static int pick_cpu(struct plan *p, struct err *e)
{
	const char *model = p->opt->cpu;
	int n, r;

	if (!model)
		model = p->isa->cpus && p->isa->cpus[0].name ? p->isa->cpus[0].name : "";
	n = snprintf(p->cpu, sizeof(p->cpu), "%s", model);
	if (n >= (int)sizeof(p->cpu))
		return err_set(e, EINVAL, "-cpu: too long");
	r = p->isa->cpu_config ? p->isa->cpu_config(p->cpu, &p->features, &p->features2, e) : 0;
	if (r < 0)
		return r;
	if (!r && p->isa->cpu_model) {
		p->cpu_model = p->isa->cpu_model(p->cpu, &p->topology, e);
		r = p->cpu_model ? 0 : -EINVAL;
	}
	if (r < 0)
		return r;
	if (p->isa->isa_string)
		p->isa->isa_string(p->features, p->features2, p->isa_string, sizeof(p->isa_string));
	return 0;
}

static int uuid_parse(const char *text, uint8_t out[16])
{
	unsigned n = 0;

	for (const char *t = text; *t; t++) {
		if (*t == '-' && (t - text == 8 || t - text == 13 || t - text == 18 ||
				  t - text == 23))
			continue;
		if (!g_ascii_isxdigit(*t) || n == 32)
			return -EINVAL;
		out[n / 2] = (uint8_t)(out[n / 2] << 4 | g_ascii_xdigit_value(*t));
		n++;
	}
	return n == 32 && strlen(text) == 36 ? 0 : -EINVAL;
}

static int pick_sizes(struct plan *p, struct err *e)
{
	int r = 0;

	p->ram_size = (uint64_t)DEFAULT_RAM_MIB << 20;
	p->topology = (struct cpu_topology){ 1, 1, 1, 1 };
	if (p->opt->mem)
		r = options_mem(p->opt->mem, &p->ram_size, e);
	if (!r && p->opt->smp)
		r = options_topology(p->opt->smp, &p->topology, e);
	p->nr_cpus = p->topology.nr_cpus;
	if (!r && p->opt->rtc)
		r = options_rtc(p->opt->rtc, &p->rtc_offset_s, e);
	if (!r && p->opt->uuid && uuid_parse(p->opt->uuid, p->uuid) < 0)
		r = err_set(e, EINVAL, "-uuid %s: not 8-4-4-4-12 hexadecimal digits",
			    p->opt->uuid);
	if (!r && p->opt->display && strcmp(p->opt->display, "none"))
		r = err_set(e, EINVAL, "-display %s: there is no window; only none is accepted",
			    p->opt->display);
	return r;
}

/* An ISO is no kernel: it goes into a drive, and firmware boots it. */
static void take_iso(struct plan *p)
{
	if (!p->opt->kernel || !image_is_iso(p->opt->kernel))
		return;
	p->cdrom = p->opt->kernel;
	p->iso_opt = *p->opt;
	p->iso_opt.kernel = p->iso_opt.image = NULL;
	p->opt = &p->iso_opt;
}

int plan_make(struct plan *p, const struct options *o, struct err *e)
{
	int r;

	*p = (struct plan){ .opt = o };
	take_iso(p);
	r = pick_sizes(p, e);
	if (!r)
		r = look_at_snapshot(p, e);
	if (!r)
		r = load_images(p, e);
	if (!r)
		r = load_blobs(p, e);
	if (!r)
		r = pick_isa(p, e);
	if (!r)
		r = pick_machine(p, e);
	if (!r)
		r = pick_vga(p, e);
	if (!r)
		r = pick_cpu(p, e);
	if (!r)
		r = pick_accel(p, e);
	if (r < 0)
		plan_free(p);
	return r;
}

void plan_free(struct plan *p)
{
	image_free(&p->kernel);
	image_free(&p->bios);
	free(p->initrd.data);
	free(p->dtb.data);
	p->initrd = p->dtb = (struct blob){ 0 };
	plan_close(p);
	free(p->cpu_model);
	p->cpu_model = NULL;
}

void plan_line(const struct plan *p, char *buf, size_t n)
{
	const struct image *im = p->kernel.size ? &p->kernel : &p->bios;

	snprintf(buf, n, "%s (%s): machine %s, %u CPU%s%s%s, %llu MiB, engine %s%s%s (%s)",
		 p->isa->name, p->deferred ? "snapshot" : p->kernel.size ? im->how :
		 p->bios_path[0] ? p->bios_path : "flash",
		 p->machine->name, p->nr_cpus, p->nr_cpus > 1 ? "s" : "",
		 p->opt->cpu ? " " : "", p->opt->cpu ? p->cpu : "",
		 (unsigned long long)p->ram_size >> 20, p->accel->name, p->other ? " with " : "",
		 p->other ? p->other->name : "", p->why);
}

static void explain_image(FILE *f, const char *what, const char *path, const struct image *im)
{
	if (im->size)
		fprintf(f, "%-10s %s: %s, %zu KiB\n", what, path, im->how, (im->size + 1023) >> 10);
}

void plan_explain(const struct plan *p, FILE *f)
{
	const struct options *o = p->opt;
	const char *args;

	explain_image(f, "firmware", p->bios_path, &p->bios);
	if (!p->firmware_mode && p->isa->firmware)
		fprintf(f, "%-10s built in; the kernel is entered without a firmware below it\n",
			"firmware");
	explain_image(f, "kernel", o->kernel, &p->kernel);
	if (o->append)
		fprintf(f, "%-10s %s\n", "arguments", o->append);
	if (o->initrd)
		fprintf(f, "%-10s %s, %zu KiB\n", "initrd", o->initrd, p->initrd.size >> 10);
	fprintf(f, "%-10s %s\n", "dtb", o->dtb ? o->dtb : "the machine's own, if it has one");
	fprintf(f, "%-10s %s\n", "isa", p->isa->name);
	fprintf(f, "%-10s %s (%s)\n", "machine", p->machine->name, p->machine->help);
	fprintf(f, "%-10s %u x %s%s%s\n", "cpu", p->nr_cpus, p->cpu[0] ? p->cpu : "default",
		p->isa_string[0] ? ", " : "", p->isa_string);
	fprintf(f, "%-10s %llu MiB\n", "memory", (unsigned long long)p->ram_size >> 20);
	args = p->accel_args[p->accel->slot];
	fprintf(f, "%-10s %s%s%s%s%s (%s)\n", "engine", p->accel->name, *args ? "," : "", args,
		p->other ? ", beside it " : "", p->other ? p->other->name : "", p->why);
	if (p->vga)
		fprintf(f, "%-10s %s\n", "display", "VGA");
	for (unsigned i = 0; i < o->drive.nr; i++)
		fprintf(f, "%-10s %s%s\n", "disk", o->drive.item[i],
			o->snapshot ? " (writes thrown away)" : "");
	if (p->cdrom || o->cdrom)
		fprintf(f, "%-10s %s\n", "cd-rom", p->cdrom ? p->cdrom : o->cdrom);
	for (unsigned i = 0; i < o->nic.nr; i++)
		fprintf(f, "%-10s %s\n", "network", o->nic.item[i]);
	for (unsigned i = 0; i < o->device.nr; i++)
		fprintf(f, "%-10s %s\n", "device", o->device.item[i]);
	for (unsigned i = 0; i < o->serial.nr; i++)
		fprintf(f, "%-10s %s\n", "serial", o->serial.item[i]);
}
