/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86-64: ELF images of our own size, entered in long mode (target/x86/boot.c sets the state). */
#include <errno.h>

#include "vmm/boot/boot.h"

int boot_load_x86(struct boot *b, const struct plan *p, struct machine *m, bool fresh,
		  struct err *e)
{
	int r;

	if (p->firmware_mode)
		return err_set(
			e, ENOTSUP,
			"-bios: firmware for x86_64 needs a PC, which this ambi does not have");
	if (p->kernel.format != IMAGE_ELF)
		return err_set(e, ENOTSUP, "%s: %s: for x86_64 only ELF images can be booted",
			       p->opt->kernel, p->kernel.how);
	if (p->kernel.elf_class != 2)
		return err_set(e, ENOTSUP, "%s: %s: only 64-bit images can be booted",
			       p->opt->kernel, p->kernel.how);
	if (p->initrd.size || p->dtb.size)
		return err_set(e, ENOTSUP, "-initrd and -dtb have no meaning for this image");
	r = load_elf(&p->kernel, m, 0, fresh, NULL, e);
	if (r < 0)
		return err_prefix(e, "%s", p->opt->kernel);
	b->entry = p->kernel.entry;
	return 0;
}
