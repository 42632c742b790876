/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VESA Enhanced EDID 1.4: 128 bytes of a monitor, which drivers read for its preferred mode. */
#include <string.h>

#include "hw/display/vga.h"

void edid_make(uint8_t edid[EDID_SIZE])
{
	static const uint8_t start[] = {
		0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00,	/* header */
		0x05, 0xa2, 0x01, 0x00,			/* maker "AMB", product 1 */
		0x00, 0x00, 0x00, 0x00, 0x01, 0x22,	/* no serial number; week 1 of 2024 */
		0x01, 0x04,				/* EDID 1.4 */
		0xa5, 0x00, 0x00, 0x78, 0x06,		/* digital, 8 bits; no size; sRGB */
		0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54,	/* sRGB's colours */
		0x21, 0x08, 0x00,			/* 640x480, 800x600, 1024x768, at 60 Hz */
	};
	/* 1024x768 at 60 Hz (VESA DMT 10h): 65 MHz, 24/136/160 pixels and 3/6/29 lines of blank */
	static const uint8_t timing[18] = {
		0x64, 0x19, 0x00, 0x40, 0x41, 0x00, 0x26, 0x30, 0x18, 0x88, 0x36, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x18,
	};
	/* display range: 50 to 75 Hz, 30 to 80 kHz, 150 MHz; then the name */
	static const uint8_t range[18] = {
		0, 0, 0, 0xfd, 0, 50, 75, 30, 80, 15, 0x01, 0x0a, ' ', ' ', ' ', ' ', ' ', ' ',
	};
	static const uint8_t name[18] = {
		0, 0, 0, 0xfc, 0, 'a', 'm', 'b', 'i', '\n', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ',
	};
	uint8_t sum = 0;

	memset(edid, 0, EDID_SIZE);
	memcpy(edid, start, sizeof(start));
	memset(edid + 38, 0x01, 16);		/* standard timings: none */
	memcpy(edid + 54, timing, 18);
	memcpy(edid + 72, range, 18);
	memcpy(edid + 90, name, 18);
	edid[108 + 3] = 0x10;			/* dummy descriptor */
	for (unsigned i = 0; i < EDID_SIZE - 1; i++)
		sum = (uint8_t)(sum + edid[i]);
	edid[EDID_SIZE - 1] = (uint8_t)-sum;
}
