/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `screendump` and `screentext`: what the guest's display shows. The vCPUs are parked. */
#include "vmm/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/display/display.h"
#include "vmm/guest.h"
#include "vmm/png.h"

void monitor_screendump(struct guest *g, const char *path, FILE *f)
{
	struct display_image im;
	struct err e = { 0 };
	FILE *png;
	int r;

	if (!*path) {
		fprintf(f, "screendump FILE: where to?\n");
		return;
	}
	if (display_capture(g->vm.machine, &im, &e) < 0) {
		fprintf(f, "%s\n", e.msg);
		return;
	}
	png = fopen(path, "wbe");
	if (!png) {
		fprintf(f, "%s: %s\n", path, strerror(errno));
	} else {
		r = png_write(png, im.pixel, im.width, im.height, &e);
		if (fclose(png) && !r)
			r = err_errno(&e, errno, "writing the picture");
		if (r < 0) {
			fprintf(f, "%s: %s\n", path, e.msg);
			unlink(path);
		}
	}
	free(im.pixel);
}

void monitor_screentext(struct guest *g, FILE *f)
{
	struct err e = { 0 };
	char *text = display_text(g->vm.machine, &e);

	fputs(text ? text : e.msg, f);
	if (!text)
		fputc('\n', f);
	free(text);
}
