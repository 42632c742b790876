/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/display/display.h"

#include <errno.h>
#include <string.h>

#include "hw/core/machine.h"
#include "hw/display/ramfb.h"
#include "hw/display/vga.h"

/* Which of several displays a user would look at: ramfb if a guest has set it up. */
static struct dev *find(struct machine *m, struct err *e)
{
	struct dev *found = NULL;

	for (struct dev *d = m->devs; d; d = d->next) {
		if (!strcmp(d->type->name, "ramfb") && (!found || ramfb_active(d)))
			found = d;
		else if ((!strcmp(d->type->name, "VGA") ||
			  !strcmp(d->type->name, "bochs-display")) &&
			 (!found || (!strcmp(found->type->name, "ramfb") && !ramfb_active(found))))
			found = d;
	}
	if (!found)
		err_set(e, ENODEV, "there is no display (-vga std, -device ramfb)");
	return found;
}

int display_capture(struct machine *m, struct display_image *im, struct err *e)
{
	struct dev *d = find(m, e);
	int rc;

	*im = (struct display_image){ 0 };
	if (!d)
		return -ENODEV;
	dev_lock(d);
	rc = !strcmp(d->type->name, "ramfb") ? ramfb_draw(d, im, e) : vga_draw(vga_of(d), im, e);
	dev_unlock(d);
	return rc;
}

char *display_text(struct machine *m, struct err *e)
{
	struct dev *d = find(m, e);
	char *text = NULL;

	if (!d)
		return NULL;
	if (!strcmp(d->type->name, "ramfb")) {
		err_set(e, ENODATA, "%s shows no text but graphics", d->id);
		return NULL;
	}
	dev_lock(d);
	text = vga_text(vga_of(d), e);
	dev_unlock(d);
	return text;
}
