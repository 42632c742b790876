/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/probe/firmware.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/bits.h"

static const struct { const char *name, *package; const char *const file[4]; } known[] = {
	{ "seabios", "seabios",
	  { "/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin", NULL } },
	{ "vgabios", "seabios",
	  { "/usr/share/seabios/vgabios-stdvga.bin", "/usr/share/qemu/vgabios-stdvga.bin", NULL } },
	{ "vgabios-bochs-display", "seabios",
	  { "/usr/share/seabios/vgabios-bochs-display.bin",
	    "/usr/share/qemu/vgabios-bochs-display.bin", NULL } },
	{ "vgabios-ramfb", "seabios",
	  { "/usr/share/seabios/vgabios-ramfb.bin", "/usr/share/qemu/vgabios-ramfb.bin", NULL } },
	{ "ovmf", "ovmf",
	  { "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd", NULL } },
	{ "ovmf-vars", "ovmf",
	  { "/usr/share/OVMF/OVMF_VARS_4M.fd", "/usr/share/OVMF/OVMF_VARS.fd", NULL } },
};

int firmware_find(const char *name, char *path, size_t n, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, name))
			continue;
		for (unsigned j = 0; known[i].file[j]; j++) {
			if (access(known[i].file[j], R_OK))
				continue;
			snprintf(path, n, "%s", known[i].file[j]);
			return 1;
		}
		return err_set(e, ENOENT, "firmware '%s' is not installed: %s does not exist "
			       "(Debian's package %s)", name, known[i].file[0], known[i].package);
	}
	return 0;
}
