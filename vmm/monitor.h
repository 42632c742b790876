/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the monitor that have a file of their own. Main thread, vCPUs parked. */
#ifndef VMM_MONITOR_H
#define VMM_MONITOR_H

#include <stdio.h>

struct guest;

void monitor_info_irq(struct guest *g, FILE *f);
void monitor_screendump(struct guest *g, const char *path, FILE *f);
void monitor_screentext(struct guest *g, FILE *f);

#endif
