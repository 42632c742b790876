/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -serial, -drive, -netdev, -nic and -device. Back ends are opened before the
 * machine exists (a file that cannot be opened is said early); devices are
 * created after it.
 */
#include <errno.h>

#include "hw/display/display.h"
#include "hw/machine/pc.h"
#include "hw/misc/fw_cfg.h"
#include "hw/virtio/virtio_console.h"
#include "io/block/block.h"
#include "io/char/char.h"
#include "io/net/net.h"
#include "io/opts.h"
#include "util/bits.h"
#include "util/log.h"
#include "vmm/bootorder.h"
#include "vmm/guest.h"
#include "vmm/probe/firmware.h"

/* The next free place for a back end that a device brings along. */
static struct chardev *extra_chardev(struct guest *g, const char *spec, struct err *e)
{
	const char *to = g->plan->opt->twin ? "null" : spec;

	for (unsigned i = 0; i < GUEST_MAX_SERIAL; i++)
		if (!g->extra_char[i])
			return g->extra_char[i] = chardev_new(to, e);
	err_set(e, EINVAL, "too many character devices");
	return NULL;
}

/* -qmp stdio has it, unless -serial says otherwise too. */
static bool stdio_taken(const struct options *o)
{
	for (unsigned i = 0; i < o->qmp.nr; i++)
		if (!strcmp(o->qmp.item[i], "stdio"))
			return true;
	return false;
}

/* A PC has four serial ports and a debug port, the other machines have one port. */
static int ports_exist(const struct plan *p, struct err *e)
{
	const struct option_list *l = &p->opt->serial;

	if (l->nr > GUEST_MAX_SERIAL)
		return err_set(e, EINVAL, "-serial: at most %u", GUEST_MAX_SERIAL);
	if (!strcmp(p->machine->name, "pc"))
		return 0;
	for (unsigned i = 1; i < l->nr; i++)
		if (strcmp(l->item[i], "none") && strcmp(l->item[i], "null"))
			return err_set(e, EINVAL, "-serial %s: machine %s has one serial port "
				       "(-device virtio-console,chardev=%s)", l->item[i],
				       p->machine->name, l->item[i]);
	if (p->opt->debugcon)
		return err_set(e, EINVAL, "-debugcon: machine %s has no debug port, a PC has",
			       p->machine->name);
	return 0;
}

int guest_add_serial(struct guest *g, struct machine_config *cfg, struct err *e)
{
	const struct option_list *l = &g->plan->opt->serial;
	int r = ports_exist(g->plan, e);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < (l->nr ? l->nr : 1); i++) {
		const char *spec = l->nr ? l->item[i] : stdio_taken(g->plan->opt) ? "null" :
					"mon:stdio";

		if (!strcmp(spec, "none"))
			continue;
		g->serial[i] = chardev_new(spec, e);
		if (!g->serial[i])
			return err_prefix(e, "-serial %s", spec);
		cfg->serial[i] = g->serial[i];
	}
	if (!g->plan->opt->debugcon)
		return 0;
	cfg->debugcon = extra_chardev(g, g->plan->opt->debugcon, e);
	return cfg->debugcon ? 0 : err_prefix(e, "-debugcon");
}

static struct backend *backend_new(struct guest *g, struct err *e)
{
	if (g->nr_backends == GUEST_MAX_BACKENDS) {
		err_set(e, EINVAL, "more than %u disks and networks", GUEST_MAX_BACKENDS);
		return NULL;
	}
	return &g->backend[g->nr_backends];	/* counted when it is complete */
}

/* What a back end's options hold besides its own. */
struct extra {
	char id[64], interface[16], model[32], mac[32], unit[8], media[16];
	struct err err;
};

static int extra_store(struct extra *x, const char *key, const char *val)
{
	static const struct { const char *key; size_t off, size; } keys[] = {
		{ "id", offsetof(struct extra, id), sizeof(((struct extra *)0)->id) },
		{ "if", offsetof(struct extra, interface), sizeof(((struct extra *)0)->interface) },
		{ "model", offsetof(struct extra, model), sizeof(((struct extra *)0)->model) },
		{ "mac", offsetof(struct extra, mac), sizeof(((struct extra *)0)->mac) },
		{ "unit", offsetof(struct extra, unit), sizeof(((struct extra *)0)->unit) },
		{ "index", offsetof(struct extra, unit), sizeof(((struct extra *)0)->unit) },
		{ "media", offsetof(struct extra, media), sizeof(((struct extra *)0)->media) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].key, key)) {
			if (strlen(val) >= keys[i].size)
				return -EINVAL;
			strcpy((char *)x + keys[i].off, val);
			return 0;
		}
	return -ENOENT;
}

static int drive_key(void *opaque, const char *key, const char *val)
{
	if (!strcmp(key, "mac") || !strcmp(key, "model"))
		return -ENOENT;
	return extra_store(opaque, key, val);
}

static int net_key(void *opaque, const char *key, const char *val)
{
	if (!strcmp(key, "if") || !strcmp(key, "unit") || !strcmp(key, "index") ||
	    !strcmp(key, "media"))
		return -ENOENT;
	return extra_store(opaque, key, val);
}

static struct backend *backend_find(struct guest *g, const char *id)
{
	for (unsigned i = 0; i < g->nr_backends; i++)
		if (*id && !strcmp(g->backend[i].id, id))
			return &g->backend[i];
	return NULL;
}

static int take_flash(struct guest *g, struct machine_config *cfg, struct backend *b,
		      const char *unit, struct err *e)
{
	unsigned long n = *unit ? strtoul(unit, NULL, 10) : cfg->flash[0] != NULL;

	if (n >= ARRAY_SIZE(cfg->flash) || cfg->flash[n])
		return err_set(e, EINVAL, "if=pflash: unit %lu does not exist or is taken", n);
	cfg->flash[n] = b->block;
	b->used = true;
	return 0;
}

/* A port of the SATA controller: the one that is asked for, or the next. */
static int take_sata(struct guest *g, struct machine_config *cfg, struct backend *b,
		     const char *unit, bool cdrom, struct err *e)
{
	unsigned long long n = 0;

	if (strcmp(g->plan->machine->name, "pc"))
		return err_set(e, ENOTSUP, "machine %s has no SATA controller (if=virtio)",
			       g->plan->machine->name);
	while (n < ARRAY_SIZE(cfg->sata) && cfg->sata[n])
		n++;
	if (*unit && opts_number("index", unit, 0, ARRAY_SIZE(cfg->sata) - 1, &n, e))
		return -EINVAL;
	if (n == ARRAY_SIZE(cfg->sata) || cfg->sata[n])
		return err_set(e, EBUSY, "there is no free SATA port%s%s", *unit ? " " : "", unit);
	cfg->sata[n] = b->block;
	if (cdrom)
		cfg->sata_cdrom |= (uint8_t)BIT(n);
	b->used = true;
	return 0;
}

/* media=, and what the interface is where none is given; QEMU's names are understood. */
static int pick_interface(struct guest *g, struct extra *x, bool *cdrom, struct err *e)
{
	static const char *const names[] = { "virtio", "ahci", "ide", "sata", "nvme", "pflash",
					     "none", NULL };
	const char *near;

	*cdrom = !strcmp(x->media, "cdrom");
	if (*x->media && !*cdrom && strcmp(x->media, "disk"))
		return err_set(e, EINVAL, "media=%s: there are disk and cdrom", x->media);
	if (!*x->interface)
		strcpy(x->interface, *cdrom && !strcmp(g->plan->machine->name, "pc") ? "ahci" :
										      "virtio");
	for (unsigned i = 0; names[i]; i++)
		if (!strcmp(x->interface, names[i]))
			return 0;
	near = options_nearest(x->interface, names);
	return err_set(e, EINVAL, "if=%s: there are virtio, ahci, nvme, pflash and none%s%s",
		       x->interface, near ? "; did you mean " : "", near ? near : "");
}

static int add_drive(struct guest *g, struct machine_config *cfg, const char *text, struct err *e)
{
	struct backend *b = backend_new(g, e);
	struct block_config bc = { 0 };
	struct extra x = { 0 };
	bool cdrom = false;
	int r;

	if (!b)
		return -EINVAL;
	r = block_config_parse(&bc, text, drive_key, &x, e);
	if (!r)
		r = pick_interface(g, &x, &cdrom, e);
	if (r < 0)
		return r;
	bc.readonly |= cdrom;
	if (*x.id && backend_find(g, x.id))
		return err_set(e, EEXIST, "id %s is given twice", x.id);
	if (g->plan->opt->snapshot)
		bc.snapshot = true;
	/* a twin's stay so: its disks can be read, nothing more */
	bc.inactive = g->plan->opt->incoming || g->plan->opt->twin;
	b->block = block_open(&bc, e);
	if (!b->block)
		return -EIO;
	strcpy(b->id, x.id);
	g->nr_backends++;
	if (!strcmp(x.interface, "pflash"))
		return take_flash(g, cfg, b, x.unit, e);
	if (strchr("ais", x.interface[0]))	/* ahci, ide, sata */
		return take_sata(g, cfg, b, x.unit, cdrom, e);
	b->plug = !strcmp(x.interface, "virtio") ? "virtio-blk" :
		  !strcmp(x.interface, "nvme") ? "nvme" : NULL;
	return 0;
}

static int add_cdrom(struct guest *g, struct machine_config *cfg, const char *path, struct err *e)
{
	g_auto(GStrv) parts = g_strsplit(path, ",", -1);
	g_autofree char *escaped = g_strjoinv(",,", parts);
	g_autofree char *text = g_strdup_printf("file=%s,media=cdrom", escaped);

	return add_drive(g, cfg, text, e);
}

/* A twin's card hears nothing; only who it is counts. */
static struct netdev *net_detached(const char *text, struct extra *x, struct err *e)
{
	char key[64], val[4096];
	bool bare = true;

	for (; opts_next(&text, key, sizeof(key), val, sizeof(val), bare, e) > 0; bare = false)
		if (*key && net_key(x, key, val) == -EINVAL)
			return NULL;
	return netdev_new("none", NULL, NULL, e);
}

/* -netdev (card == false) and -nic. */
static int add_net(struct guest *g, const char *text, bool card, struct err *e)
{
	struct extra x = { .model = "virtio" };
	struct backend *b = backend_new(g, e);

	if (card && !strcmp(text, "none"))
		return 0;
	if (!b)
		return -EINVAL;
	b->net = g->plan->opt->twin ? net_detached(text, &x, e) : netdev_new(text, net_key, &x, e);
	if (!b->net)
		return -EIO;
	g->nr_backends++;
	if (*x.id && backend_find(g, x.id))
		return err_set(e, EEXIST, "id %s is given twice", x.id);
	if (!*x.id && !card)
		return err_set(e, EINVAL, "an id= is needed, for -device to refer to");
	if (strncmp(x.model, "virtio", 6))
		return err_set(e, EINVAL, "model=%s: there is only virtio", x.model);
	strcpy(b->id, x.id);
	strcpy(b->mac, x.mac);
	b->plug = card ? "virtio-net" : NULL;
	return 0;
}

/*
 * -bios ovmf: the package's code, and its empty variable store in a file that is thrown away at the
 * end. Who wants to keep variables gives both as -drive if=pflash.
 */
static int add_ovmf(struct guest *g, struct machine_config *cfg, struct err *e)
{
	char vars[256], text[320];
	int r = firmware_find("ovmf-vars", vars, sizeof(vars), e);

	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "file=%s,if=pflash,unit=0,readonly=on",
		 g->plan->bios_path);
	r = add_drive(g, cfg, text, e);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "file=%s,if=pflash,unit=1,snapshot=on", vars);
	return add_drive(g, cfg, text, e);
}

int guest_add_backends(struct guest *g, struct machine_config *cfg, struct err *e)
{
	const struct options *o = g->plan->opt;
	int r;

	if (g->plan->ovmf) {
		r = add_ovmf(g, cfg, e);
		if (r < 0)
			return err_prefix(e, "-bios ovmf");
	}
	if (g->plan->cdrom) {
		r = add_cdrom(g, cfg, g->plan->cdrom, e);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < o->drive.nr; i++) {
		r = add_drive(g, cfg, o->drive.item[i], e);
		if (r < 0)
			return err_prefix(e, "-drive %s", o->drive.item[i]);
	}
	if (o->cdrom) {
		r = add_cdrom(g, cfg, o->cdrom, e);
		if (r < 0)
			return err_prefix(e, "-cdrom %s", o->cdrom);
	}
	for (unsigned i = 0; i < o->netdev.nr; i++) {
		r = add_net(g, o->netdev.item[i], false, e);
		if (r < 0)
			return err_prefix(e, "-netdev %s", o->netdev.item[i]);
	}
	for (unsigned i = 0; i < o->nic.nr; i++) {
		r = add_net(g, o->nic.item[i], true, e);
		if (r < 0)
			return err_prefix(e, "-nic %s", o->nic.item[i]);
	}
	return 0;
}

/* ---- devices ---- */

/* "virtio-blk-device" and "virtio-blk-pci" are habits; here the bus is the machine's choice. */
static const struct dev_type *type_find(const char *name, struct err *e)
{
	static const char *const suffixes[] = { "", "-device", "-pci" };
	const char *names[64], *near;
	char base[64];
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t len = strlen(name), s = strlen(suffixes[i]);
		const struct dev_type *t;

		if (len < s || len - s >= sizeof(base) || strcmp(name + len - s, suffixes[i]))
			continue;
		snprintf(base, sizeof(base), "%.*s", (int)(len - s), name);
		t = dev_type_find(base);
		if (t)
			return t;
	}
	for (unsigned i = 0; dev_types[i] && n < 63; i++)
		names[n++] = dev_types[i]->name;
	names[n] = NULL;
	near = options_nearest(name, names);
	err_set(e, EINVAL, "no device type \"%.60s\"%s%s (--list devices)", name,
		near ? "; did you mean " : "", near ? near : "");
	return NULL;
}

static bool has_ptr(const struct dev_type *t, const char *name)
{
	for (const struct prop *p = t->props; p && p->name; p++)
		if (p->kind == PROP_PTR && !strcmp(p->name, name))
			return true;
	return false;
}

static int set_backend(struct guest *g, struct dev *d, const char *key, const char *id,
		       struct err *e)
{
	struct backend *b = backend_find(g, id);

	if (!b || (!strcmp(key, "drive") ? !b->block : !b->net))
		return err_set(e, ENOENT, "%s=%s: there is no such -%s", key, id, key);
	if (b->used || b->plug)
		return err_set(e, EBUSY, "%s=%s is in use already%s", key, id,
			       b->plug ? " (-drive needs if=none here)" : "");
	if (!has_ptr(d->type, key))
		return err_set(e, EINVAL, "%s takes no %s", d->type->name, key);
	dev_set_ptr(d, key, b->block ? (void *)b->block : (void *)b->net);
	b->used = true;
	return 0;
}

/* chardev=SPEC; and of virtio-console channel=NAME:SPEC, a port that is no console. */
static int set_chardev(struct guest *g, struct dev *d, const char *key, const char *val,
		       struct err *e)
{
	bool ports = !strcmp(d->type->name, "virtio-console"), plain = !strcmp(key, "channel");
	const char *spec = plain ? strchr(val, ':') : val;
	char name[64] = "";
	struct chardev *c;

	if (!ports && (plain || !has_ptr(d->type, "chardev")))
		return err_set(e, EINVAL, "%s takes no %s", d->type->name, key);
	if (!spec || (plain && (size_t)(spec - val) >= sizeof(name)))
		return err_set(e, EINVAL, "channel=NAME:SPEC is wanted");
	if (plain)
		snprintf(name, sizeof(name), "%.*s", (int)(spec++ - val), val);
	c = extra_chardev(g, spec, e);
	if (!c)
		return -EINVAL;
	if (ports)
		return virtio_console_add_port(d, c, !plain, plain ? name : NULL, e);
	dev_set_ptr(d, "chardev", c);
	return 0;
}

/* A display's option ROM: without it firmware shows nothing, but drivers can. */
static int give_rom(struct guest *g, struct dev *d, struct err *e)
{
	static const struct { const char *type, *rom; } known[] = {
		{ "VGA", "vgabios" }, { "bochs-display", "vgabios-bochs-display" },
		{ "ramfb", "vgabios-ramfb" },
	};
	struct dev *fw = machine_dev(g->vm.machine, "fw-cfg");
	const char *rom = NULL;
	struct err why = { 0 };
	char path[256];
	uint8_t *data;
	size_t size;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(d->type->name, known[i].type))
			rom = known[i].rom;
	/* only a PC's firmware runs them */
	if (!rom || !machine_is_pc(g->vm.machine))
		return 0;
	if (firmware_find(rom, path, sizeof(path), &why) < 0) {
		log_warn("%s: %s", d->id, why.msg);
		return 0;
	}
	r = image_read_file(path, 256 << 10, &data, &size, e);
	if (!r) {
		r = strcmp(d->type->name, "ramfb") ? vga_set_rom(d, data, size, e) :
		    fw_cfg_add_file(fw, "vgaroms/vgabios-ramfb.bin", data, size, e);
		free(data);
	}
	return r < 0 ? err_prefix(e, "%s", path) : 0;
}

/* bus: id of a bridge; empty: the machine's own bus. */
static int plug_at(struct guest *g, struct dev *d, const char *bus, struct err *e)
{
	const struct machine_type *t = g->vm.machine->type;
	struct dev *b = machine_dev(g->vm.machine, bus);
	int r = give_rom(g, d, e);

	if (r < 0)
		return r;
	if (!t->plug_below)
		return err_set(e, ENOTSUP, "bus=%s: machine %s has no bridges", bus, t->name);
	if (!b)
		return err_set(e, ENOENT, "bus=%s: there is no such device yet", bus);
	return t->plug_below(g->vm.machine, d, b, e);
}

static int plug(struct guest *g, struct dev *d, struct err *e)
{
	int r = give_rom(g, d, e);

	if (r < 0)
		return r;
	if (!strcmp(d->type->name, "ramfb"))	/* fw_cfg's: no bus */
		return dev_init(d, e);
	if (!g->vm.machine->type->plug)
		return err_set(e, ENOTSUP, "machine %s takes no further devices",
			       g->vm.machine->type->name);
	return g->vm.machine->type->plug(g->vm.machine, d, e);
}

/* A unique id where the user gave none. */
static void name_device(struct guest *g, const char *type, char *id, size_t n)
{
	for (unsigned i = 0; ; i++) {
		snprintf(id, n, "%.20s%u", type, i);
		if (!machine_dev(g->vm.machine, id))
			return;
	}
}

/* "id=..." is needed before the device exists. */
static int find_id(const char *props, char *id, size_t n, struct err *e)
{
	char key[64], val[4096];
	int r;

	while ((r = opts_next(&props, key, sizeof(key), val, sizeof(val), false, e)) > 0)
		if (!strcmp(key, "id")) {
			if (strlen(val) >= n)
				return err_set(e, EINVAL, "id is too long");
			strcpy(id, val);
		}
	return r;
}

static int add_device(struct guest *g, const char *text, struct err *e)
{
	char key[64], val[4096], id[32] = "", bus[32] = "";
	const struct dev_type *t;
	struct dev *d;
	int r = opts_next(&text, key, sizeof(key), val, sizeof(val), true, e);

	if (r <= 0 || *key)
		return r < 0 ? r : err_set(e, EINVAL, "a device type comes first");
	t = type_find(val, e);
	if (!t)
		return -EINVAL;
	r = find_id(text, id, sizeof(id), e);
	if (r < 0)
		return r;
	if (!*id)
		name_device(g, t->name, id, sizeof(id));
	d = dev_new(g->vm.machine, t, id, e);
	if (!d)
		return -EINVAL;
	while ((r = opts_next(&text, key, sizeof(key), val, sizeof(val), false, e)) > 0) {
		if (!strcmp(key, "drive") || !strcmp(key, "netdev"))
			r = set_backend(g, d, key, val, e);
		else if (!strcmp(key, "chardev") || !strcmp(key, "channel"))
			r = set_chardev(g, d, key, val, e);
		else if (!strcmp(key, "bus"))
			r = strlen(val) < sizeof(bus) ? (strcpy(bus, val), 0) :
			    err_set(e, EINVAL, "no bus has so long a name");
		else if (strcmp(key, "id"))
			r = dev_set(d, key, val, e);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	return *bus ? plug_at(g, d, bus, e) : plug(g, d, e);
}

static int add_vga(struct guest *g, struct err *e)
{
	struct dev *d = dev_new(g->vm.machine, dev_type_find("VGA"), "vga", e);

	return d ? plug(g, d, e) : -EINVAL;
}

/* if=virtio and -nic bring their device along. */
static int add_implied(struct guest *g, struct backend *b, struct err *e)
{
	const struct dev_type *t = dev_type_find(b->plug);
	struct dev *d;
	char id[32];
	int r = 0;

	if (!t)
		return err_set(e, ENOTSUP, "this ambi has no %s", b->plug);
	name_device(g, b->block ? "disk" : "net", id, sizeof(id));
	d = dev_new(g->vm.machine, t, id, e);
	if (!d)
		return -EINVAL;
	dev_set_ptr(d, b->block ? "drive" : "netdev", b->block ? (void *)b->block : (void *)b->net);
	b->used = true;
	if (b->mac[0])
		r = dev_set(d, "mac", b->mac, e);
	return r < 0 ? r : plug(g, d, e);
}

/* PATH[,mount_tag=TAG][,readonly=on][,...]; also QEMU's local,path=PATH,security_model=... */
static int add_virtfs(struct guest *g, const char *text, unsigned n, struct err *e)
{
	const struct dev_type *t = dev_type_find("virtio-9p");
	char key[64], val[4096], tag[16], id[32];
	struct dev *d;
	bool bare = true, tagged = false;
	int r = 0;

	if (!t)
		return err_set(e, ENOTSUP, "this ambi has no virtio-9p");
	name_device(g, "fs", id, sizeof(id));
	d = dev_new(g->vm.machine, t, id, e);
	if (!d)
		return -EINVAL;
	for (; (r = opts_next(&text, key, sizeof(key), val, sizeof(val), bare, e)) > 0;
	     bare = false) {
		if (!*key && !strcmp(val, "local"))
			continue;
		tagged |= !strcmp(key, "mount_tag");
		if (!strcmp(key, "security_model"))
			strcpy(key, "security");
		r = dev_set(d, *key ? key : "path", val, e);
		if (r < 0)
			return r;
	}
	snprintf(tag, sizeof(tag), n ? "host%u" : "host", n);
	if (!r && !tagged)
		r = dev_set(d, "mount_tag", tag, e);
	if (!r && g->plan->opt->twin)
		r = dev_set(d, "readonly", "on", e);
	return r < 0 ? r : plug(g, d, e);
}

/* name=NAME,file=PATH or string=TEXT */
static int add_fw_cfg(struct guest *g, const char *text, struct err *e)
{
	struct dev *d = machine_dev(g->vm.machine, "fw-cfg");
	char key[64], val[4096], name[64] = "", file[4096] = "", string[4096];
	bool have_string = false;
	uint8_t *data;
	size_t size;
	int r;

	if (!d)
		return err_set(e, ENOTSUP, "machine %s has no fw_cfg", g->vm.machine->type->name);
	while ((r = opts_next(&text, key, sizeof(key), val, sizeof(val), false, e)) > 0) {
		if (!strcmp(key, "name") && strlen(val) < 56)
			strcpy(name, val);
		else if (!strcmp(key, "file"))
			strcpy(file, val);
		else if (!strcmp(key, "string"))
			have_string = strcpy(string, val);
		else
			return err_set(e, EINVAL, "%s=%.60s: there are name (55 characters), "
				       "file and string", key, val);
	}
	if (r < 0)
		return r;
	if (!*name || !*file == !have_string)
		return err_set(e, EINVAL, "name= and one of file= and string= are wanted");
	if (have_string)
		return fw_cfg_add_file(d, name, string, strlen(string), e);
	r = image_read_file(file, 64 << 20, &data, &size, e);
	if (r < 0)
		return r;
	r = fw_cfg_add_file(d, name, data, size, e);
	free(data);
	return r;
}

int guest_add_devices(struct guest *g, struct err *e)
{
	const struct option_list *l = &g->plan->opt->device, *fs = &g->plan->opt->virtfs,
				 *fw = &g->plan->opt->fw_cfg;
	int r;

	for (unsigned i = 0; i < fw->nr; i++) {
		r = add_fw_cfg(g, fw->item[i], e);
		if (r < 0)
			return err_prefix(e, "-fw_cfg %s", fw->item[i]);
	}
	for (unsigned i = 0; i < fs->nr; i++) {
		r = add_virtfs(g, fs->item[i], i, e);
		if (r < 0)
			return err_prefix(e, "-virtfs %s", fs->item[i]);
	}
	if (g->plan->vga) {
		r = add_vga(g, e);
		if (r < 0)
			return err_prefix(e, "-vga std");
	}
	for (unsigned i = 0; i < g->nr_backends; i++) {
		r = g->backend[i].plug ? add_implied(g, &g->backend[i], e) : 0;
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < l->nr; i++) {
		r = add_device(g, l->item[i], e);
		if (r < 0)
			return err_prefix(e, "-device %s", l->item[i]);
	}
	return guest_add_bootorder(g, e);
}

/* What is typed would raise interrupts that the chips being carried away know nothing of. */
void guest_hold_ports(struct guest *g, bool on)
{
	for (unsigned i = 0; i < GUEST_MAX_SERIAL; i++) {
		chardev_hold(g->serial[i], on);
		chardev_hold(g->extra_char[i], on);
	}
}

void guest_free_backends(struct guest *g)
{
	for (unsigned i = 0; i < g->nr_backends; i++) {
		block_close(g->backend[i].block);
		netdev_free(g->backend[i].net);
	}
	for (unsigned i = 0; i < GUEST_MAX_SERIAL; i++) {
		chardev_free(g->extra_char[i]);
		chardev_free(g->serial[i]);
	}
}
