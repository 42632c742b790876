/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine's display shows, for those who look at it from outside. */
#ifndef HW_DISPLAY_DISPLAY_H
#define HW_DISPLAY_DISPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct dev;
struct machine;

struct display_image {
	unsigned width, height;		/* pixels */
	uint32_t *pixel;		/* 0x00RRGGBB, line by line; malloc'ed */
};

/*
 * The picture of now, with the cursor and blinking characters shown. -ENODEV: there is no display;
 * -ENODATA: it has not been set up; -ENOMEM. Takes the device's lock; vCPUs may run.
 */
int  display_capture(struct machine *m, struct display_image *im, struct err *e);
/*
 * The characters of a text mode's screen as lines of UTF-8 without blanks at their ends, malloc'ed;
 * also while the screen is blanked. NULL: there is no such screen now (said in e).
 */
char *display_text(struct machine *m, struct err *e);

/*
 * VGA's or bochs-display's option ROM, before dev_init; copied. -EINVAL: another device, or no ROM
 * of 512 bytes to 256 KiB.
 */
int  vga_set_rom(struct dev *d, const void *rom, size_t size, struct err *e);

#endif
