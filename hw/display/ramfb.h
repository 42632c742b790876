/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HW_DISPLAY_RAMFB_H
#define HW_DISPLAY_RAMFB_H

#include <stdbool.h>

#include "hw/display/display.h"

/* A guest has said where its picture lies. Any thread. */
bool ramfb_active(struct dev *d);
/* As display_capture, under the device's lock. */
int  ramfb_draw(struct dev *d, struct display_image *im, struct err *e);

#endif
