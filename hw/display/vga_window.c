/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU's window at 0xa0000: what a byte read or written there does to the four
 * planes (FreeVGA, "Accessing the VGA Display Memory").
 *
 * All four planes are handled at once, a byte of a 32-bit word each; `spread` makes
 * such a word from a register's four bits.
 */
#include "hw/display/vga.h"
#include "util/bits.h"

enum { GR_SET_RESET, GR_ENABLE_SR, GR_COMPARE, GR_ROTATE, GR_READ_MAP, GR_MODE, GR_MISC, GR_CARE,
       GR_BIT_MASK };
enum { SR_MAP_MASK = 2, SR_MEMORY = 4 };
enum { SR_MEMORY_SEQUENTIAL = 4, SR_MEMORY_CHAIN4 = 8, GR_MISC_CHAIN = 2, GR_MODE_ODD_EVEN = 0x10,
       GR_MODE_COMPARE = 8 };

static uint32_t spread(unsigned bits)
{
	uint32_t w = (bits & 1) | (bits & 2) << 7 | (bits & 4) << 14 | (uint32_t)(bits & 8) << 21;

	return w * 0xff;
}

/* The offset in the window that is open (GR6 bits 3:2); false: not in it. */
static bool in_window(const struct vga *v, uint32_t addr, uint32_t *off)
{
	static const struct { uint32_t base, size; } map[4] = {
		{ 0, 0x20000 }, { 0, 0x10000 }, { 0x10000, 0x8000 }, { 0x18000, 0x8000 },
	};
	unsigned i = v->gr[GR_MISC] >> 2 & 3;

	/* VBE modes have the window at 0xa0000 whatever the registers of the VGA say. */
	if (dispi_on(v))
		i = 1;
	*off = addr - map[i].base;
	return (v->misc & 2 || dispi_on(v)) && *off < map[i].size;
}

/* VBE modes but the planar one: 64 KiB of linear memory. NULL: beyond its end. */
static uint8_t *bank_byte(struct vga *v, uint32_t off)
{
	uint64_t at = (uint64_t)v->dispi[DISPI_BANK] << 16 | (off & 0xffff);

	return at < v->vgamem ? v->vram + at : NULL;
}

static bool linear(const struct vga *v)
{
	return dispi_on(v) && v->dispi[DISPI_BPP] != 4;
}

/* Where the four planes' bytes lie in memory. */
static uint64_t plane_offset(const struct vga *v, uint32_t off)
{
	uint64_t bank = 0;

	if (dispi_on(v))
		bank = (uint64_t)v->dispi[DISPI_BANK] << 16;
	else if (v->sr[SR_MEMORY] & SR_MEMORY_CHAIN4)
		off &= ~3u;
	else if (v->gr[GR_MISC] & GR_MISC_CHAIN)	/* A0 selects planes, not bytes */
		off &= ~1u;
	bank = 4 * (bank | (off & 0xffff));
	return bank < v->vgamem ? bank : 0;
}

uint8_t vga_window_read(struct vga *v, uint32_t addr)
{
	unsigned plane = v->gr[GR_READ_MAP];
	uint32_t off, diff;

	if (!in_window(v, addr, &off))
		return 0xff;
	if (linear(v)) {
		const uint8_t *p = bank_byte(v, off);

		return p ? *p : 0xff;
	}
	v->latch = ld_le32(v->vram + plane_offset(v, off));
	if (v->gr[GR_MODE] & GR_MODE_COMPARE) {
		diff = (v->latch ^ spread(v->gr[GR_COMPARE])) & spread(v->gr[GR_CARE]);
		diff |= diff >> 16;
		return (uint8_t)~(diff | diff >> 8);
	}
	if (dispi_on(v))
		;
	else if (v->sr[SR_MEMORY] & SR_MEMORY_CHAIN4)
		plane = off & 3;
	else if (v->gr[GR_MODE] & GR_MODE_ODD_EVEN)
		plane = (plane & 2) | (off & 1);
	return (uint8_t)(v->latch >> 8 * plane);
}

/* What reaches the planes, by write mode (GR5 bits 1:0). */
static uint32_t pipeline(const struct vga *v, uint8_t val)
{
	unsigned turn = v->gr[GR_ROTATE] & 7, mode = v->gr[GR_MODE] & 3;
	uint8_t turned = (uint8_t)(val >> turn | val << (8 - turn));
	uint32_t data, mask = v->gr[GR_BIT_MASK] * 0x01010101u, set = spread(v->gr[GR_SET_RESET]);
	uint32_t fixed = spread(v->gr[GR_ENABLE_SR]);

	switch (mode) {
	case 0: data = ((turned * 0x01010101u) & ~fixed) | (set & fixed); break;
	case 1: return v->latch;
	case 2: data = spread(val); break;
	default:
		data = set;
		mask &= turned * 0x01010101u;
	}
	switch (v->gr[GR_ROTATE] >> 3) {
	case 1: data &= v->latch; break;
	case 2: data |= v->latch; break;
	case 3: data ^= v->latch; break;
	}
	return (data & mask) | (v->latch & ~mask);
}

void vga_window_write(struct vga *v, uint32_t addr, uint8_t val)
{
	unsigned planes = v->sr[SR_MAP_MASK];
	uint32_t off, mask;
	uint64_t at;

	if (!in_window(v, addr, &off))
		return;
	if (linear(v)) {
		uint8_t *p = bank_byte(v, off);

		if (p) {
			*p = val;
			vga_touch(v, (uint64_t)(p - v->vram), 1);
		}
		return;
	}
	if (dispi_on(v))
		;
	else if (v->sr[SR_MEMORY] & SR_MEMORY_CHAIN4)
		planes &= 1u << (off & 3);
	else if (!(v->sr[SR_MEMORY] & SR_MEMORY_SEQUENTIAL))
		planes &= off & 1 ? 0x0a : 0x05;
	mask = spread(planes);
	if (!mask)
		return;
	at = plane_offset(v, off);
	st_le32(v->vram + at, (ld_le32(v->vram + at) & ~mask) | (pipeline(v, val) & mask));
	vga_touch(v, at, 4);
}
