/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys and pointer movement from a person (a display, `sendkey`, VNC) to whatever
 * keyboard and mouse the machine has. Any thread; no lock held that a device takes.
 */
#ifndef HW_INPUT_INPUT_H
#define HW_INPUT_INPUT_H

#include <stdbool.h>

struct machine;

/* Linux input event codes (linux/input-event-codes.h) name the keys and buttons. */

/* 0; -ENODEV: no keyboard; -EINVAL: no such key on it; -ENOSPC: its buffer is full, key lost. */
int input_key(struct machine *m, unsigned code, bool down);
/* Relative movement, y downwards, wheel towards the user positive. 0 or -ENODEV. */
int input_motion(struct machine *m, int dx, int dy, int wheel);
enum input_button { INPUT_LEFT = 1, INPUT_RIGHT = 2, INPUT_MIDDLE = 4 };	/* a mask */
int input_button(struct machine *m, enum input_button button, bool down);

/*
 * Key code of a name as monitors and VNC scripts use them ("a", "ret", "ctrl", "f1",
 * "kp_5", "0x1c" or a decimal number); 0: unknown.
 */
unsigned input_key_by_name(const char *name);
/* Presses the keys of "ctrl-alt-delete" in order and releases them in reverse. 0 or -errno as
 * above; -EINVAL presses nothing. */
int input_send_keys(struct machine *m, const char *names);

#endif
