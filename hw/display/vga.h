/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the VGA adapter share: registers (vga_ports.c), the CPU's window
 * into memory (vga_window.c), the Bochs VBE extensions (dispi.c) and the picture
 * (vga_draw.c). vga.c is the PCI function around them.
 *
 * Memory: byte n of plane p lies at 4 * n + p. The planes of the VGA proper, 64 KiB
 * each, are the first 256 KiB; VBE modes use all of it, linearly, except the planar
 * one with 4 bits a pixel. References are to the FreeVGA documents and IBM's VGA
 * technical reference by the usual register names (SR, GR, CR, AR).
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include "hw/display/display.h"
#include "hw/pci/pci.h"

enum { VGA_NR_SR = 5, VGA_NR_GR = 9, VGA_NR_CR = 25, VGA_NR_AR = 21 };
enum { VGA_WINDOW = 0xa0000, VGA_WINDOW_SIZE = 0x20000, VGA_PORTS = 0x3b0, VGA_NR_PORTS = 0x30,
       DISPI_PORTS = 0x1ce };

/* Bochs VBE extensions: registers, and bits of the fifth */
enum {
	DISPI_ID, DISPI_XRES, DISPI_YRES, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VIRT_WIDTH,
	DISPI_VIRT_HEIGHT, DISPI_X_OFFSET, DISPI_Y_OFFSET, DISPI_MEMORY, DISPI_NR,
};
enum {
	DISPI_ENABLED = 0x01, DISPI_GETCAPS = 0x02, DISPI_8BIT_DAC = 0x20, DISPI_LFB = 0x40,
	DISPI_NOCLEAR = 0x80, DISPI_ENABLE_BITS = 0xe3,
};

struct vga {
	struct dev dev;
	struct pci_fn pci;
	uint64_t vgamem;		/* property: bytes */

	uint8_t misc, feature;
	uint8_t sr_index, gr_index, cr_index, ar_index;	/* ar_index bit 5: the screen is on */
	bool ar_data;			/* the next write to 0x3c0 is of data */
	uint8_t sr[VGA_NR_SR], gr[VGA_NR_GR], cr[VGA_NR_CR], ar[VGA_NR_AR];
	uint8_t dac[768], dac_latch[3];
	uint8_t dac_mask, dac_state, dac_read, dac_write, dac_sub;
	uint32_t latch;			/* a byte a plane */
	uint16_t dispi[DISPI_NR], dispi_index;
	uint8_t dispi_low;		/* low byte of a data write that comes in two */

	uint8_t *vram;			/* vgamem bytes, the machine's */
	uint8_t *rom;			/* NULL: none */
	uint8_t *rom_image;		/* until init */
	uint64_t rom_size;
	bool legacy;			/* has ports and the window */
};

static inline struct vga *vga_of(struct dev *d) { return DEV_STATE(struct vga, d); }

/* The device has written [off, off + len) of its memory. */
void vga_touch(struct vga *v, uint64_t off, uint64_t len);

/* Ports 0x3b0 to 0x3df. */
uint8_t vga_port_read(struct vga *v, unsigned port);
void vga_port_write(struct vga *v, unsigned port, uint8_t val);
/* 0, or -EINVAL where the registers hold what no write can put there. */
int  vga_ports_check(const struct vga *v);

/* addr: from 0xa0000 on, below VGA_WINDOW_SIZE. */
uint8_t vga_window_read(struct vga *v, uint32_t addr);
void vga_window_write(struct vga *v, uint32_t addr, uint8_t val);

void dispi_reset(struct vga *v);
int  dispi_check(struct vga *v, struct err *e);		/* after a load */
uint16_t dispi_read(struct vga *v, unsigned reg);
void dispi_write(struct vga *v, unsigned reg, uint16_t val);
static inline bool dispi_on(const struct vga *v) { return v->dispi[DISPI_ENABLE] & DISPI_ENABLED; }
/* The bits of a colour's parts that the DAC has now; it may have got more before. */
static inline uint8_t dac_bits(const struct vga *v)
{
	return v->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? 0xff : 0x3f;
}
/* Bytes from one line to the next; of each plane with 4 bits a pixel. */
static inline uint32_t dispi_pitch(const struct vga *v)
{
	return v->dispi[DISPI_BPP] == 4 ? v->dispi[DISPI_VIRT_WIDTH] / 8u :
	       v->dispi[DISPI_VIRT_WIDTH] * ((v->dispi[DISPI_BPP] + 7u) / 8);
}

/* hw/display/display.h's, for one device; under its lock. */
int  vga_draw(struct vga *v, struct display_image *im, struct err *e);
char *vga_text(struct vga *v, struct err *e);

/* 128 bytes: a monitor that likes 1024x768. */
enum { EDID_SIZE = 128 };
void edid_make(uint8_t edid[EDID_SIZE]);

#endif
