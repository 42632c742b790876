/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The picture that the registers and the memory make, one scan line after the other as
 * the CRT controller would. The cursor and blinking characters are always in the phase
 * in which they are seen; borders are not drawn.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/display/vga.h"
#include "util/bits.h"

enum {
	CR_HDISP_END = 0x01, CR_OVERFLOW = 0x07, CR_PRESET_ROW = 0x08, CR_MAX_SCAN = 0x09,
	CR_CURSOR_START = 0x0a, CR_CURSOR_END = 0x0b, CR_START_HIGH = 0x0c, CR_START_LOW = 0x0d,
	CR_CURSOR_HIGH = 0x0e, CR_CURSOR_LOW = 0x0f, CR_VDISP_END = 0x12, CR_OFFSET = 0x13,
	CR_UNDERLINE = 0x14, CR_MODE = 0x17, CR_LINE_COMPARE = 0x18,
	AR_MODE = 0x10, AR_PLANES = 0x12, AR_PAN = 0x13, AR_COLOR = 0x14,
	MAX_LINE = 256 * 9 + 32,
};

struct frame {
	bool graphics, text9;
	unsigned cols, char_width;	/* characters, of the CRT controller's clock */
	unsigned width, lines;		/* lines: as drawn, doubled ones counted once */
	unsigned row_lines;		/* of a row of characters, or the same of graphics */
	unsigned scans;			/* the monitor's lines for one of ours */
};

static void frame_of(const struct vga *v, struct frame *f)
{
	const uint8_t *cr = v->cr;

	*f = (struct frame){
		.graphics = v->gr[6] & 1, .cols = cr[CR_HDISP_END] + 1u, .char_width = 8,
		.lines = (cr[CR_VDISP_END] | (cr[CR_OVERFLOW] & 0x02u) << 7 |
			  (cr[CR_OVERFLOW] & 0x40u) << 3) + 1u,
		.row_lines = (cr[CR_MAX_SCAN] & 0x1fu) + 1,
		.scans = cr[CR_MAX_SCAN] & 0x80 ? 2 : 1,
	};
	f->text9 = !f->graphics && !(v->sr[1] & 1);
	if (f->text9)
		f->char_width = 9;
	else if (f->graphics && v->gr[5] & 0x40)
		f->char_width = 4;	/* 256 colours: a pixel takes two of the clock's dots */
	/* Graphics whose rows repeat a line, not interleave several (CR17 bits 1:0). */
	if (f->graphics && (cr[CR_MODE] & 3) == 3) {
		f->scans *= f->row_lines;
		f->row_lines = 1;
	}
	f->width = f->cols * f->char_width;
	f->lines = MAX(f->lines / f->scans, 1u);
}

/* The CRT controller's counter as the address of a byte in each plane (CR14, CR17). */
static const uint8_t *planes_at(const struct vga *v, unsigned ma, unsigned row)
{
	unsigned at = ma & 0xffff;

	if (v->cr[CR_UNDERLINE] & 0x40)
		at = at << 2 | at >> 14;
	else if (!(v->cr[CR_MODE] & 0x40))
		at = at << 1 | (at >> (v->cr[CR_MODE] & 0x20 ? 15 : 13) & 1);
	if (!(v->cr[CR_MODE] & 1))
		at = (at & ~0x2000u) | (row & 1) << 13;
	if (!(v->cr[CR_MODE] & 2))
		at = (at & ~0x4000u) | (row & 2) << 13;
	return v->vram + 4 * (at & 0xffff);
}

/* ---- colours ---- */

static uint32_t dac_color(const struct vga *v, unsigned i)
{
	const uint8_t *c = v->dac + 3 * (i & v->dac_mask);
	uint32_t rgb = 0;

	for (unsigned k = 0; k < 3; k++) {
		uint32_t part = c[k] & dac_bits(v);

		rgb = rgb << 8 | (dac_bits(v) == 0xff ? part : part << 2 | part >> 4);
	}
	return rgb;
}

static uint32_t palette_color(const struct vga *v, unsigned i)
{
	unsigned c = v->ar[i & v->ar[AR_PLANES] & 15];

	if (v->ar[AR_MODE] & 0x80)
		c = (c & 0x0f) | (v->ar[AR_COLOR] & 3) << 4;
	return dac_color(v, c | (v->ar[AR_COLOR] & 0x0cu) << 4);
}

/* ---- text ---- */

/* Where a font begins in plane 2: SR3's three bits of it, in the order of the register. */
static unsigned font_offset(unsigned sel)
{
	return (sel & 3) << 14 | (sel & 4) << 11;
}

static void text_line(const struct vga *v, const struct frame *f, unsigned ma, unsigned row,
		      uint32_t *out)
{
	unsigned map = v->sr[3], cursor = v->cr[CR_CURSOR_HIGH] << 8 | v->cr[CR_CURSOR_LOW];
	unsigned font[2] = { font_offset((map & 3) | (map >> 2 & 4)),
			     font_offset((map >> 2 & 3) | (map >> 3 & 4)) };
	bool cursor_row = !(v->cr[CR_CURSOR_START] & 0x20) &&
			  row >= (v->cr[CR_CURSOR_START] & 0x1fu) &&
			  row <= (v->cr[CR_CURSOR_END] & 0x1fu);

	for (unsigned col = 0; col <= f->cols; col++, out += f->char_width) {
		const uint8_t *cell = planes_at(v, ma + col, row);
		unsigned attr = cell[1], fg = attr & 15, bg = attr >> 4, bits;

		bits = v->vram[4 * ((font[fg >> 3] + cell[0] * 32u + row) & 0xffff) + 2];
		if (font[0] != font[1])
			fg &= 7;	/* bit 3 has chosen the font */
		if (v->ar[AR_MODE] & 0x08)
			bg &= 7;	/* bit 7 blinks */
		if ((v->ar[AR_MODE] & 0x02) && (attr & 7) == 1 &&
		    row == (v->cr[CR_UNDERLINE] & 0x1fu))
			bits = 0xff;
		bits <<= 1;
		if (f->text9 && (v->ar[AR_MODE] & 0x04) && (cell[0] & 0xe0) == 0xc0)
			bits |= bits >> 1 & 1;		/* lines and boxes touch each other */
		if (cursor_row && ((ma + col) & 0xffff) == cursor)
			bits = 0x1ff;
		for (unsigned x = 0; x < f->char_width; x++)
			out[x] = palette_color(v, bits >> (8 - x) & 1 ? fg : bg);
	}
}

/* ---- graphics ---- */

static void planar_cell(const struct vga *v, const uint8_t *p, uint32_t *out)
{
	for (unsigned x = 0; x < 8; x++) {
		unsigned c = 0;

		for (unsigned i = 0; i < 4; i++)
			c |= (unsigned)(p[i] >> (7 - x) & 1) << i;
		out[x] = palette_color(v, c);
	}
}

/* As the CGA had it: two bits a pixel, from planes 0 and 1 in turns, above them 2 and 3. */
static void interleaved_cell(const struct vga *v, const uint8_t *p, uint32_t *out)
{
	for (unsigned x = 0; x < 8; x++) {
		unsigned shift = 6 - 2 * (x & 3);

		out[x] = palette_color(v, (p[x / 4] >> shift & 3) |
					  (p[2 + x / 4] >> shift & 3) << 2);
	}
}

static void graphics_line(const struct vga *v, const struct frame *f, unsigned ma, unsigned row,
			  uint32_t *out)
{
	for (unsigned col = 0; col <= f->cols; col++, out += f->char_width) {
		const uint8_t *p = planes_at(v, ma + col, row);

		if (v->gr[5] & 0x40)
			for (unsigned x = 0; x < 4; x++)
				out[x] = dac_color(v, p[x]);
		else if (v->gr[5] & 0x20)
			interleaved_cell(v, p, out);
		else
			planar_cell(v, p, out);
	}
}

/* Pixels that the line is moved to the left (AR13). */
static unsigned panning(const struct vga *v, const struct frame *f)
{
	unsigned n = v->ar[AR_PAN];

	if (f->text9)
		return n > 7 ? 0 : n + 1;
	return f->char_width == 4 ? (n & 7) / 2 : n & 7;
}

static void draw_vga(const struct vga *v, const struct frame *f, uint32_t *pixel)
{
	const uint8_t *cr = v->cr;
	unsigned compare = cr[CR_LINE_COMPARE] | (cr[CR_OVERFLOW] & 0x10u) << 4 |
			   (cr[CR_MAX_SCAN] & 0x40u) << 3;
	unsigned ma = (cr[CR_START_HIGH] << 8 | cr[CR_START_LOW]) + (cr[CR_PRESET_ROW] >> 5 & 3);
	unsigned row = f->row_lines > 1 ? cr[CR_PRESET_ROW] & 0x1fu : 0, pan = panning(v, f);
	uint32_t line[MAX_LINE];
	bool split = false;

	for (unsigned y = 0; y < f->lines; y++, pixel += f->width) {
		if (!split && y * f->scans > compare) {
			/* the lower part of a split screen begins at address 0 */
			split = true;
			ma = row = 0;
			if (v->ar[AR_MODE] & 0x20)
				pan = 0;
		}
		(f->graphics ? graphics_line : text_line)(v, f, ma, row, line);
		memcpy(pixel, line + pan, f->width * sizeof(*line));
		if (++row >= f->row_lines) {
			row = 0;
			ma += 2u * cr[CR_OFFSET];
		}
	}
}

/* ---- VBE modes ---- */

static uint32_t wide(uint32_t v, unsigned bits)		/* to eight bits */
{
	return v << (8 - bits) | v >> (2 * bits - 8);
}

static uint32_t vbe_pixel(const struct vga *v, const uint8_t *p)
{
	uint32_t c;

	switch (v->dispi[DISPI_BPP]) {
	case 8: return dac_color(v, *p);
	case 15:
		c = ld_le16(p);
		return wide(c >> 10 & 31, 5) << 16 | wide(c >> 5 & 31, 5) << 8 | wide(c & 31, 5);
	case 16:
		c = ld_le16(p);
		return wide(c >> 11, 5) << 16 | wide(c >> 5 & 63, 6) << 8 | wide(c & 31, 5);
	default: return p[0] | p[1] << 8 | (uint32_t)p[2] << 16;
	}
}

/* What lies beyond the memory is black. */
static void draw_vbe(const struct vga *v, unsigned width, unsigned height, uint32_t *pixel)
{
	unsigned bpp = v->dispi[DISPI_BPP], bytes = (bpp + 7) / 8;
	uint64_t x0 = v->dispi[DISPI_X_OFFSET], y0 = v->dispi[DISPI_Y_OFFSET];

	for (unsigned y = 0; y < height; y++, pixel += width) {
		uint64_t line = (y0 + y) * dispi_pitch(v);

		for (unsigned x = 0; x < width; x++) {
			uint64_t at = line + (x0 + x) * bytes;
			unsigned c = 0, bit = 7 - (unsigned)((x0 + x) & 7);

			if (bpp == 4) {
				at = 4 * (line + (x0 + x) / 8);
				for (unsigned i = 0; i < 4 && at < v->vgamem; i++)
					c |= (unsigned)(v->vram[at + i] >> bit & 1) << i;
				pixel[x] = palette_color(v, c);
			} else if (at + bytes <= v->vgamem) {
				pixel[x] = vbe_pixel(v, v->vram + at);
			}
		}
	}
}

/* ---- for the outside ---- */

int vga_draw(struct vga *v, struct display_image *im, struct err *e)
{
	bool vbe = dispi_on(v);
	struct frame f;

	if (!vbe && !v->legacy)
		return err_set(e, ENODATA, "%s has not been set up yet", v->dev.id);
	frame_of(v, &f);
	im->width = vbe ? v->dispi[DISPI_XRES] : f.width;
	im->height = vbe ? v->dispi[DISPI_YRES] : f.lines;
	im->pixel = calloc((size_t)im->width * im->height, sizeof(*im->pixel));
	if (!im->pixel)
		return err_errno(e, ENOMEM, "%s: a picture of %ux%u", v->dev.id, im->width,
				 im->height);
	if (vbe)
		draw_vbe(v, im->width, im->height, im->pixel);
	else if (v->ar_index & 0x20 && !(v->sr[1] & 0x20))	/* else the screen is off */
		draw_vga(v, &f, im->pixel);
	return 0;
}

/* IBM's code page 437, which VGA's fonts have, as Unicode; 0 is a blank. */
static const uint16_t cp437_low[32] = {
	0x20, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25d8, 0x25cb, 0x25d9,
	0x2642, 0x2640, 0x266a, 0x266b, 0x263c, 0x25ba, 0x25c4, 0x2195, 0x203c, 0xb6, 0xa7,
	0x25ac, 0x21a8, 0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
};
static const uint16_t cp437_high[129] = {
	0x2302, 0xc7, 0xfc, 0xe9, 0xe2, 0xe4, 0xe0, 0xe5, 0xe7, 0xea, 0xeb, 0xe8, 0xef, 0xee, 0xec,
	0xc4, 0xc5, 0xc9, 0xe6, 0xc6, 0xf4, 0xf6, 0xf2, 0xfb, 0xf9, 0xff, 0xd6, 0xdc, 0xa2, 0xa3,
	0xa5, 0x20a7, 0x192, 0xe1, 0xed, 0xf3, 0xfa, 0xf1, 0xd1, 0xaa, 0xba, 0xbf, 0x2310, 0xac,
	0xbd, 0xbc, 0xa1, 0xab, 0xbb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562,
	0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534,
	0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560,
	0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b,
	0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580, 0x3b1, 0xdf, 0x393, 0x3c0,
	0x3a3, 0x3c3, 0xb5, 0x3c4, 0x3a6, 0x398, 0x3a9, 0x3b4, 0x221e, 0x3c6, 0x3b5, 0x2229,
	0x2261, 0xb1, 0x2265, 0x2264, 0x2320, 0x2321, 0xf7, 0x2248, 0xb0, 0x2219, 0xb7, 0x221a,
	0x207f, 0xb2, 0x25a0, 0x20,
};

static char *put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

char *vga_text(struct vga *v, struct err *e)
{
	unsigned ma = v->cr[CR_START_HIGH] << 8 | v->cr[CR_START_LOW], rows;
	struct frame f;
	char *text, *to;

	frame_of(v, &f);
	if (dispi_on(v) || f.graphics || !v->legacy) {
		err_set(e, ENODATA, "%s shows no text but graphics", v->dev.id);
		return NULL;
	}
	rows = MAX(f.lines / f.row_lines, 1u);
	text = to = malloc((size_t)rows * (3 * f.cols + 1) + 1);
	if (!text) {
		err_errno(e, ENOMEM, "%s", v->dev.id);
		return NULL;
	}
	for (unsigned y = 0; y < rows; y++, ma += 2u * v->cr[CR_OFFSET]) {
		char *end = to;

		for (unsigned x = 0; x < f.cols; x++) {
			unsigned c = *planes_at(v, ma + x, 0);

			c = c < 0x20 ? cp437_low[c] : c < 0x7f ? c : cp437_high[c - 0x7f];
			to = put_utf8(to, c);
			if (c != ' ')
				end = to;
		}
		to = end;
		*to++ = '\n';
	}
	*to = '\0';
	return text;
}
