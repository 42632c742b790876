/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that touch the machine's devices. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "hw/display/display.h"
#include "hw/input/input.h"
#include "hw/virtio/virtio_balloon.h"
#include "vmm/api/handlers.h"
#include "vmm/guest.h"
#include "vmm/png.h"

int api_inject_nmi(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	if (!g->vm.isa->sipi)		/* x86 is the ISA that has both */
		return err_set(e, ENOTSUP, "%s has no NMI", g->vm.isa->name);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		cpu_port_set(&g->vm.vcpu[i]->port, PORT_X86_NMI, 1);
	return 0;
}

static struct dev *find_type(struct guest *g, const char *type)
{
	struct dev *d = g->vm.machine->devs;

	while (d && strcmp(d->type->name, type))
		d = d->next;
	return d;
}

static struct dev *balloon(struct guest *g, struct err *e)
{
	struct dev *d = find_type(g, "virtio-balloon");

	if (!d)
		err_set(e, ENXIO, "there is no balloon (-device virtio-balloon)");
	return d;
}

int api_balloon(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	struct dev *d = balloon(g, e);

	return d ? virtio_balloon_set_target(d, (uint64_t)api_int(args, "value", 0), e) : -ENXIO;
}

int api_query_balloon(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	struct virtio_balloon_stats s;
	struct dev *d = balloon(g, e);

	if (!d)
		return -ENXIO;
	virtio_balloon_stats(d, &s);
	*ret = json_pack("{s:I}", "actual", (json_int_t)s.actual);
	return 0;
}

enum { BALLOON_MS = 1000 };

static gboolean balloon_tell(gpointer opaque)
{
	struct guest *g = opaque;
	json_t *now = NULL;
	struct err e = { 0 };

	g->balloon_src = 0;
	if (!api_query_balloon(g, NULL, &now, &e))
		api_event(g, "BALLOON_CHANGE", now);
	return G_SOURCE_REMOVE;
}

/* A guest can change it as fast as it likes: one event a second has the last of its values. */
void api_balloon_changed(struct guest *g)
{
	if (!g->balloon_src)
		g->balloon_src = g_timeout_add(BALLOON_MS, balloon_tell, g);
}

/* ---- keys ---- */

enum { MAX_KEYS = 16 };
struct held { struct guest *g; unsigned n, code[MAX_KEYS]; };

static gboolean let_go(gpointer opaque)
{
	struct held *h = opaque;

	while (h->n)
		input_key(h->g->vm.machine, h->code[--h->n], false);
	return G_SOURCE_REMOVE;
}

static unsigned key_code(json_t *item)
{
	json_t *data = json_object_get(item, "data");
	char number[24];

	if (json_is_string(data))
		return input_key_by_name(json_string_value(data));
	if (!json_is_integer(data) || json_integer_value(data) < 1 ||
	    json_integer_value(data) > 0xffff)
		return 0;
	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(data));
	return input_key_by_name(number);
}

int api_send_key(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	json_t *keys = json_object_get(args, "keys"), *item;
	guint hold = (guint)api_int(args, "hold-time", 0);
	g_autofree struct held *h = g_new0(struct held, 1);
	size_t i;
	int r = 0;

	h->g = g;
	if (!machine_dev(g->vm.machine, "i8042"))
		return err_set(e, ENXIO, "machine %s has no keyboard", g->vm.machine->type->name);
	if (!json_array_size(keys) || json_array_size(keys) > MAX_KEYS)
		return err_set(e, EINVAL, "keys: between 1 and %u", MAX_KEYS);
	json_array_foreach(keys, i, item)
		if (!key_code(item))
			return err_set(e, EINVAL, "key %zu: there is no such key", i);
	json_array_foreach(keys, i, item) {
		r = input_key(g->vm.machine, key_code(item), true);
		if (r < 0)
			break;
		h->code[h->n++] = key_code(item);
	}
	if (r < 0 || !hold)
		let_go(h);
	else
		g_timeout_add_full(G_PRIORITY_DEFAULT, hold, let_go, g_steal_pointer(&h), g_free);
	return r < 0 ? err_errno(e, -r, "key %zu", i) : 0;
}

/* ---- the display ---- */

static int ppm_write(FILE *f, const struct display_image *im, struct err *e)
{
	fprintf(f, "P6\n%u %u\n255\n", im->width, im->height);
	for (size_t i = 0; i < (size_t)im->width * im->height; i++) {
		uint32_t p = im->pixel[i];
		uint8_t rgb[3] = { (uint8_t)(p >> 16), (uint8_t)(p >> 8), (uint8_t)p };

		fwrite(rgb, 1, sizeof(rgb), f);
	}
	return ferror(f) ? err_set(e, EIO, "writing the picture") : 0;
}

int api_screendump(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const char *path = api_str(args, "filename", ""), *id = api_str(args, "device", NULL);
	/* QEMU's default, but for names that say otherwise */
	const char *def = g_str_has_suffix(path, ".png") ? "png" : "ppm";
	bool ppm = !strcmp(api_str(args, "format", def), "ppm");
	struct display_image im;
	FILE *f;
	int r;

	if (id && !machine_dev(g->vm.machine, id))
		return err_set(e, ENODEV, "Device '%.40s' not found", id);
	r = display_capture(g->vm.machine, &im, e);
	if (r < 0)
		return r;
	f = fopen(path, "wbe");
	if (!f) {
		r = err_errno(e, errno, "%s", path);
	} else {
		r = ppm ? ppm_write(f, &im, e) : png_write(f, im.pixel, im.width, im.height, e);
		if (fclose(f) && !r)
			r = err_errno(e, errno, "%s", path);
		if (r < 0)
			unlink(path);
	}
	free(im.pixel);
	return r;
}

/* ---- what would need hot plug ---- */

static int no_hot_plug(struct guest *g, const char *what, struct err *e)
{
	return err_set(e, ENOTSUP, "%s: machine %s has no hot plug; give it on the command line",
		       what, g->vm.machine->type->name);
}

int api_device_add(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return no_hot_plug(g, "device_add", e);
}

int api_device_del(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const char *id = api_str(args, "id", "");

	if (!machine_dev(g->vm.machine, id))
		return err_set(e, ENODEV, "Device '%.40s' not found", id);
	return no_hot_plug(g, "device_del", e);
}

int api_blockdev_add(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return no_hot_plug(g, "blockdev-add", e);
}

int api_blockdev_del(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return no_hot_plug(g, "blockdev-del", e);
}

int api_netdev_add(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return no_hot_plug(g, "netdev_add", e);
}

int api_netdev_del(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return no_hot_plug(g, "netdev_del", e);
}

int api_chardev_add(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return no_hot_plug(g, "chardev-add", e);
}
