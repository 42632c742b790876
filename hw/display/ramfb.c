/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "ramfb": a picture in the guest's own memory, for firmware that needs no driver for
 * it. The guest writes the fw_cfg file "etc/ramfb", 28 bytes, big-endian: address (8),
 * format as a fourcc, flags (none), width, height, bytes from line to line (0: as many
 * as a line has).
 */
#include "hw/display/ramfb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "hw/misc/fw_cfg.h"
#include "util/bits.h"
#include "util/log.h"

enum { CONFIG_SIZE = 28, MAX_SIDE = 8192 };
enum { XRGB8888 = 0x34325258, ARGB8888 = 0x34325241, RGB888 = 0x34324752, RGB565 = 0x36314752 };

struct ramfb {
	struct dev dev;
	uint8_t config[CONFIG_SIZE];
};

struct picture { uint64_t addr; uint32_t format, width, height, stride, bytes; };

/* false: nothing that can be shown. */
static bool decode(const uint8_t *c, struct picture *p)
{
	*p = (struct picture){ ld_be64(c), ld_be32(c + 8), ld_be32(c + 16), ld_be32(c + 20),
			       ld_be32(c + 24), 0 };
	switch (p->format) {
	case XRGB8888:
	case ARGB8888: p->bytes = 4; break;
	case RGB888: p->bytes = 3; break;
	case RGB565: p->bytes = 2; break;
	default: return false;
	}
	if (!p->width || !p->height || p->width > MAX_SIDE || p->height > MAX_SIDE)
		return false;
	if (!p->stride)
		p->stride = p->width * p->bytes;
	return true;
}

/* By fw_cfg, under its lock. */
static void config_written(void *opaque, uint32_t off, const uint8_t *data, uint32_t n)
{
	struct ramfb *r = opaque;
	struct picture p;

	dev_lock(&r->dev);
	memcpy(r->config + off, data, n);
	if (ld_be64(r->config) && !decode(r->config, &p))
		log_guest("%s: format %08x, %ux%u cannot be shown", r->dev.id, p.format, p.width,
			  p.height);
	dev_unlock(&r->dev);
}

bool ramfb_active(struct dev *d)
{
	struct ramfb *r = DEV_STATE(struct ramfb, d);
	struct picture p;
	bool active;

	dev_lock(d);
	active = decode(r->config, &p);
	dev_unlock(d);
	return active;
}

static uint32_t pixel(const struct picture *p, const uint8_t *at)
{
	uint32_t c;

	if (p->bytes > 2)
		return at[0] | at[1] << 8 | (uint32_t)at[2] << 16;
	c = ld_le16(at);
	return (c >> 11 << 3 | c >> 13) << 16 | ((c >> 5 & 63) << 2 | (c >> 9 & 3)) << 8 |
	       ((c & 31) << 3 | (c >> 2 & 7));
}

int ramfb_draw(struct dev *d, struct display_image *im, struct err *e)
{
	struct ramfb *r = DEV_STATE(struct ramfb, d);
	struct picture p;
	uint8_t *line;

	if (!decode(r->config, &p))
		return err_set(e, ENODATA, "%s has not been set up yet", d->id);
	line = malloc((size_t)p.width * p.bytes);
	im->width = p.width;
	im->height = p.height;
	im->pixel = calloc((size_t)p.width * p.height, sizeof(*im->pixel));
	if (!line || !im->pixel) {
		free(line);
		free(im->pixel);
		im->pixel = NULL;
		return err_errno(e, ENOMEM, "%s: a picture of %ux%u", d->id, p.width, p.height);
	}
	/* Lines that are not RAM stay black. */
	for (uint32_t y = 0; y < p.height; y++) {
		if (dma_read(d, p.addr + (uint64_t)y * p.stride, line, (uint64_t)p.width * p.bytes))
			continue;
		for (uint32_t x = 0; x < p.width; x++)
			im->pixel[(size_t)y * p.width + x] = pixel(&p, line + x * p.bytes);
	}
	free(line);
	return 0;
}

static int ramfb_init(struct dev *d, struct err *e)
{
	struct ramfb *r = DEV_STATE(struct ramfb, d);
	struct dev *fw = machine_dev(d->machine, "fw-cfg");

	if (!fw)
		return err_set(e, ENOTSUP, "machine %s has no fw_cfg", d->machine->type->name);
	return fw_cfg_add_writable(fw, "etc/ramfb", r->config, sizeof(r->config), config_written,
				   r, e);
}

const struct dev_type dev_ramfb = {
	.name = "ramfb",
	.help = "display: a picture in the guest's memory, set up by fw_cfg",
	.size = sizeof(struct ramfb),
	.state = (const struct field[]){ FIELD_BLOB(struct ramfb, config), FIELD_END },
	.init = ramfb_init,
};
