/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VGA's registers at ports 0x3b0 to 0x3df. The CRT controller and input status 1
 * answer at 0x3dx or, as a monochrome adapter's, at 0x3bx (miscellaneous output bit 0).
 */
#include <errno.h>

#include "hw/display/vga.h"
#include "util/bits.h"

/* Bits that can be set. */
static const uint8_t sr_mask[VGA_NR_SR] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };
static const uint8_t gr_mask[VGA_NR_GR] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };
static const uint8_t ar_mask[VGA_NR_AR] = {
	0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
	0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f,
};

enum { CR_OVERFLOW = 0x07, CR_RETRACE_END = 0x11 };

/*
 * 70 frames of 449 lines a second. The vertical retrace is longer than a monitor's, so that a guest
 * whose every look costs much does not miss it.
 */
#define FRAME_NS   UINT64_C(14285714)
#define RETRACE_NS UINT64_C(700000)
#define LINE_NS	   UINT64_C(31778)
#define BLANK_NS   UINT64_C(6356)

static uint8_t input_status_1(struct vga *v)
{
	uint64_t now = dev_now(&v->dev) % FRAME_NS;

	v->ar_data = false;
	if (now >= FRAME_NS - RETRACE_NS)
		return 0x09;
	return now % LINE_NS >= LINE_NS - BLANK_NS;
}

static uint8_t dac_read(struct vga *v)
{
	uint8_t val = v->dac[3 * v->dac_read + v->dac_sub] & dac_bits(v);

	if (++v->dac_sub == 3) {
		v->dac_sub = 0;
		v->dac_read++;
	}
	return val;
}

static void dac_write(struct vga *v, uint8_t val)
{
	v->dac_latch[v->dac_sub] = val & dac_bits(v);
	if (++v->dac_sub < 3)
		return;
	for (unsigned i = 0; i < 3; i++)
		v->dac[3 * v->dac_write + i] = v->dac_latch[i];
	v->dac_sub = 0;
	v->dac_write++;
}

/* Ports of the other emulation: colour's 0x3d0 and up, or monochrome's 0x3b0 to 0x3bf. */
static bool deaf(const struct vga *v, unsigned port)
{
	return (v->misc & 1) ? port < 0x3c0 : port >= 0x3d0;
}

uint8_t vga_port_read(struct vga *v, unsigned port)
{
	if (deaf(v, port))
		return 0xff;
	switch (port) {
	case 0x3c0: return v->ar_index;
	case 0x3c1: return (v->ar_index & 0x1f) < VGA_NR_AR ? v->ar[v->ar_index & 0x1f] : 0;
	case 0x3c2: return 0x10;	/* input status 0: a monitor is there */
	case 0x3c3: return 0x01;	/* the adapter is on */
	case 0x3c4: return v->sr_index;
	case 0x3c5: return v->sr_index < VGA_NR_SR ? v->sr[v->sr_index] : 0;
	case 0x3c6: return v->dac_mask;
	case 0x3c7: return v->dac_state;
	case 0x3c8: return v->dac_write;
	case 0x3c9: return dac_read(v);
	case 0x3ca: return v->feature;
	case 0x3cc: return v->misc;
	case 0x3ce: return v->gr_index;
	case 0x3cf: return v->gr_index < VGA_NR_GR ? v->gr[v->gr_index] : 0;
	case 0x3b4: case 0x3d4: return v->cr_index;
	case 0x3b5: case 0x3d5: return v->cr_index < VGA_NR_CR ? v->cr[v->cr_index] : 0;
	case 0x3ba: case 0x3da: return input_status_1(v);
	default: return 0xff;
	}
}

static void ar_write(struct vga *v, uint8_t val)
{
	unsigned i = v->ar_index & 0x1f;

	if (!v->ar_data)
		v->ar_index = val & 0x3f;
	else if (i < VGA_NR_AR)
		v->ar[i] = val & ar_mask[i];
	v->ar_data = !v->ar_data;
}

static void cr_write(struct vga *v, uint8_t val)
{
	if (v->cr_index >= VGA_NR_CR)
		return;
	if (v->cr_index <= CR_OVERFLOW && v->cr[CR_RETRACE_END] & 0x80) {
		/* protected, but for the line compare's bit 8 */
		if (v->cr_index != CR_OVERFLOW)
			return;
		val = (uint8_t)((v->cr[CR_OVERFLOW] & ~0x10) | (val & 0x10));
	}
	v->cr[v->cr_index] = val;
}

void vga_port_write(struct vga *v, unsigned port, uint8_t val)
{
	if (deaf(v, port))
		return;
	switch (port) {
	case 0x3c0: ar_write(v, val); break;
	case 0x3c2: v->misc = val; break;
	case 0x3c4: v->sr_index = val & 0x07; break;
	case 0x3c5:
		if (v->sr_index < VGA_NR_SR)
			v->sr[v->sr_index] = val & sr_mask[v->sr_index];
		break;
	case 0x3c6: v->dac_mask = val; break;
	case 0x3c7: v->dac_read = val; v->dac_sub = 0; v->dac_state = 3; break;
	case 0x3c8: v->dac_write = val; v->dac_sub = 0; v->dac_state = 0; break;
	case 0x3c9: dac_write(v, val); break;
	case 0x3ce: v->gr_index = val & 0x0f; break;
	case 0x3cf:
		if (v->gr_index < VGA_NR_GR)
			v->gr[v->gr_index] = val & gr_mask[v->gr_index];
		break;
	case 0x3b4: case 0x3d4: v->cr_index = val & 0x3f; break;
	case 0x3b5: case 0x3d5: cr_write(v, val); break;
	case 0x3ba: case 0x3da: v->feature = val; break;
	}
}

int vga_ports_check(const struct vga *v)
{
	uint8_t bad = 0;

	for (unsigned i = 0; i < VGA_NR_SR; i++)
		bad |= v->sr[i] & ~sr_mask[i];
	for (unsigned i = 0; i < VGA_NR_GR; i++)
		bad |= v->gr[i] & ~gr_mask[i];
	for (unsigned i = 0; i < VGA_NR_AR; i++)
		bad |= v->ar[i] & ~ar_mask[i];
	return bad || v->dac_sub > 2 || v->sr_index > 0x07 || v->gr_index > 0x0f ||
	       v->cr_index > 0x3f || v->ar_index > 0x3f || (v->dac_state & ~3) ? -EINVAL : 0;
}
