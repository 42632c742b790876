/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/bootorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/machine/pc.h"
#include "hw/misc/fw_cfg.h"
#include "io/opts.h"
#include "util/bits.h"
#include "vmm/guest.h"

enum { MAX_MS = 65535 };

static int parse_letters(const char *key, const char *val, char out[4], struct err *e)
{
	if (!*val)
		return err_set(e, EINVAL, "%s= needs letters: c disk, d CD-ROM, n network", key);
	for (const char *c = val; *c; c++) {
		if (*c == 'a' || *c == 'b')
			return err_set(e, EINVAL, "%s=%s: there are no floppy drives; c is a disk, "
				       "d a CD-ROM, n the network", key, val);
		if (!strchr("cdn", *c))
			return err_set(e, EINVAL, "%s=%.20s: '%c' is no boot device: c is a disk, "
				       "d a CD-ROM, n the network", key, val, *c);
		if (strchr(c + 1, *c))
			return err_set(e, EINVAL, "%s=%.20s: '%c' is given twice", key, val, *c);
	}
	snprintf(out, 4, "%s", val);
	return 0;
}

int bootorder_parse(struct bootorder *b, const char *text, struct err *e)
{
	char key[32], val[64];
	unsigned long long n;
	int r;

	for (bool first = true;
	     (r = opts_next(&text, key, sizeof(key), val, sizeof(val), first, e)) > 0;
	     first = false) {
		if (!*key || !strcmp(key, "order"))
			r = parse_letters("order", val, b->order, e);
		else if (!strcmp(key, "once"))
			r = parse_letters(key, val, b->once, e);
		else if (!strcmp(key, "menu"))
			r = opts_bool(key, val, &b->menu, e);
		else if (!strcmp(key, "strict"))
			r = opts_bool(key, val, &b->strict, e);
		else if (!strcmp(key, "splash-time"))
			b->menu_ms = (r = opts_number(key, val, 1, MAX_MS, &n, e)) ? 0 :
								(unsigned)n;
		else if (!strcmp(key, "reboot-timeout"))
			b->fail_ms = (r = opts_number(key, val, 0, MAX_MS, &n, e)) ? -1 : (int)n;
		else
			r = err_set(e, EINVAL, "no \"%s\": there are order, once, menu, "
				    "splash-time, reboot-timeout and strict", key);
		if (r < 0)
			return r;
	}
	return r;
}

/* Both texts take the same room, so that one can follow the other. */
static char *order_text(struct guest *g, const char *order, const struct bootorder *b)
{
	char *paths = pc_boot_order(g->vm.machine, order), *text = NULL;

	if (paths && asprintf(&text, "%s%s", paths, b->strict ? "HALT\n" : "") < 0)
		text = NULL;
	free(paths);
	return text;
}

static int add_order(struct guest *g, struct dev *fw, const struct bootorder *b, struct err *e)
{
	char *first = order_text(g, *b->once ? b->once : b->order, b);
	size_t room;
	int r = 0;

	g->bootorder_next = order_text(g, b->order, b);
	room = first && g->bootorder_next ? MAX(strlen(first), strlen(g->bootorder_next)) + 1 : 0;
	g->bootorder = room ? calloc(1, room) : NULL;
	if (!g->bootorder) {
		r = err_set(e, ENOMEM, "no memory");
	} else if (room > 1) {
		strcpy(g->bootorder, first);
		r = fw_cfg_add_file_ref(fw, "bootorder", g->bootorder, room, e);
	}
	free(first);
	return r;
}

int guest_add_bootorder(struct guest *g, struct err *e)
{
	const char *text = g->plan->opt->boot;
	struct bootorder b = { .order = "cdn", .fail_ms = -1 };
	struct dev *fw = machine_dev(g->vm.machine, "fw-cfg");
	static const uint8_t menu[2] = { 1 };
	int r = 0;

	if (g->plan->cdrom)
		strcpy(b.order, "dcn");		/* what was named first */
	if (text)
		r = bootorder_parse(&b, text, e);
	if (!r && (!fw || !machine_is_pc(g->vm.machine)))
		return text ? err_set(e, ENOTSUP, "-boot: machine %s has no firmware settings",
				      g->vm.machine->type->name) : 0;
	if (!r && g->plan->firmware_mode)
		r = add_order(g, fw, &b, e);
	if (!r && b.menu)
		r = fw_cfg_add(fw, FW_CFG_BOOT_MENU, menu, sizeof(menu), e);
	if (!r && b.menu_ms)
		r = fw_cfg_add_number(fw, "etc/boot-menu-wait", b.menu_ms, 2, e);
	if (!r && b.fail_ms >= 0)
		r = fw_cfg_add_number(fw, "etc/boot-fail-wait", (unsigned)b.fail_ms, 4, e);
	return r < 0 ? err_prefix(e, "-boot %s", text ? text : "") : 0;
}

void guest_next_bootorder(struct guest *g)
{
	if (g->bootorder)
		strcpy(g->bootorder, g->bootorder_next);
}
