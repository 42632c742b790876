/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "i8042": keyboard controller with a PS/2 keyboard and mouse.
 *
 *	region 0	data, port 0x60
 *	region 1	status and command, port 0x64
 *	irq 0, 1	keyboard (GSI 1), mouse (GSI 12): edges
 *
 * Others send input through hw/input/input.h.
 */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include <stdbool.h>

struct dev;

int  i8042_key(struct dev *d, unsigned code, bool down);	/* 0, -EINVAL, -ENOSPC */
void i8042_motion(struct dev *d, int dx, int dy, int wheel);
void i8042_button(struct dev *d, unsigned button, bool down);
unsigned i8042_leds(struct dev *d);	/* 1 scroll, 2 num, 4 caps */

#endif
