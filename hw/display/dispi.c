/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Bochs VBE extensions ("dispi"), version 0xb0c5: modes by resolution and depth.
 * Registers can be set to what a mode may have only while none is on, and a mode that
 * does not fit the memory is not switched on.
 */
#include <errno.h>
#include <string.h>

#include "hw/display/vga.h"
#include "util/log.h"

enum { ID_FIRST = 0xb0c0, ID_LAST = 0xb0c5, MAX_XRES = 8192, MAX_YRES = 8192, MAX_BPP = 32 };

void dispi_reset(struct vga *v)
{
	v->dispi[DISPI_ID] = ID_LAST;
	v->dispi[DISPI_MEMORY] = (uint16_t)(v->vgamem >> 16);
	v->dispi[DISPI_BPP] = 8;
}

static bool depth_ok(unsigned bpp)
{
	return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

/* The memory that lines of this pitch may use: a plane's, with 4 bits a pixel. */
static uint64_t room(const struct vga *v)
{
	return v->dispi[DISPI_BPP] == 4 ? v->vgamem / 4 : v->vgamem;
}

static bool mode_fits(const struct vga *v)
{
	const uint16_t *r = v->dispi;

	return r[DISPI_XRES] && r[DISPI_YRES] && r[DISPI_XRES] <= r[DISPI_VIRT_WIDTH] &&
	       !(r[DISPI_BPP] == 4 && r[DISPI_VIRT_WIDTH] & 7) &&
	       (uint64_t)dispi_pitch(v) * r[DISPI_YRES] <= room(v);
}

static void set_virt_height(struct vga *v)
{
	uint64_t lines = room(v) / dispi_pitch(v);

	v->dispi[DISPI_VIRT_HEIGHT] = lines < 0xffff ? (uint16_t)lines : 0xffff;
}

static void enable(struct vga *v, uint16_t val)
{
	bool was = dispi_on(v);
	uint64_t n;

	v->dispi[DISPI_ENABLE] = val & DISPI_ENABLE_BITS;
	if (was || !dispi_on(v))
		return;
	v->dispi[DISPI_VIRT_WIDTH] = v->dispi[DISPI_XRES];
	v->dispi[DISPI_X_OFFSET] = v->dispi[DISPI_Y_OFFSET] = v->dispi[DISPI_BANK] = 0;
	if (!mode_fits(v)) {
		log_guest("%s: no mode %ux%ux%u", v->dev.id, v->dispi[DISPI_XRES],
			  v->dispi[DISPI_YRES], v->dispi[DISPI_BPP]);
		v->dispi[DISPI_ENABLE] &= (uint16_t)~DISPI_ENABLED;
		return;
	}
	set_virt_height(v);
	if (val & DISPI_NOCLEAR)
		return;
	n = (uint64_t)dispi_pitch(v) * v->dispi[DISPI_YRES];
	n *= v->dispi[DISPI_BPP] == 4 ? 4 : 1;
	memset(v->vram, 0, n);
	vga_touch(v, 0, n);
}

/* Lines may be made longer than the picture is wide, while as many fit as it has. */
static void set_virt_width(struct vga *v, uint16_t val)
{
	uint16_t old = v->dispi[DISPI_VIRT_WIDTH];

	if (!dispi_on(v))
		return;
	v->dispi[DISPI_VIRT_WIDTH] = val;
	if (!mode_fits(v))
		v->dispi[DISPI_VIRT_WIDTH] = old;
	set_virt_height(v);
}

uint16_t dispi_read(struct vga *v, unsigned reg)
{
	bool caps = v->dispi[DISPI_ENABLE] & DISPI_GETCAPS;

	switch (reg) {
	case DISPI_XRES: return caps ? MAX_XRES : v->dispi[reg];
	case DISPI_YRES: return caps ? MAX_YRES : v->dispi[reg];
	case DISPI_BPP: return caps ? MAX_BPP : v->dispi[reg];
	default: return reg < DISPI_NR ? v->dispi[reg] : 0;
	}
}

void dispi_write(struct vga *v, unsigned reg, uint16_t val)
{
	switch (reg) {
	case DISPI_ID:
		if (val >= ID_FIRST && val <= ID_LAST)
			v->dispi[reg] = val;
		break;
	case DISPI_XRES:
		if (!dispi_on(v) && val <= MAX_XRES)
			v->dispi[reg] = val;
		break;
	case DISPI_YRES:
		if (!dispi_on(v) && val <= MAX_YRES)
			v->dispi[reg] = val;
		break;
	case DISPI_BPP:
		val = val ? val : 8;
		if (!dispi_on(v) && depth_ok(val))
			v->dispi[reg] = val;
		break;
	case DISPI_ENABLE:
		enable(v, val);
		break;
	case DISPI_BANK:
		if ((uint64_t)val << 16 < room(v))
			v->dispi[reg] = val;
		break;
	case DISPI_VIRT_WIDTH:
		set_virt_width(v, val);
		break;
	case DISPI_X_OFFSET:
	case DISPI_Y_OFFSET:
		v->dispi[reg] = val;
		break;
	}
}

int dispi_check(struct vga *v, struct err *e)
{
	v->dispi[DISPI_MEMORY] = (uint16_t)(v->vgamem >> 16);
	if (v->dispi[DISPI_ID] < ID_FIRST || v->dispi[DISPI_ID] > ID_LAST ||
	    v->dispi[DISPI_XRES] > MAX_XRES || v->dispi[DISPI_YRES] > MAX_YRES ||
	    !depth_ok(v->dispi[DISPI_BPP]) || v->dispi[DISPI_ENABLE] & ~DISPI_ENABLE_BITS ||
	    (uint64_t)v->dispi[DISPI_BANK] << 16 >= v->vgamem || (dispi_on(v) && !mode_fits(v)))
		return err_set(e, EINVAL, "a VBE mode that does not exist");
	return 0;
}
