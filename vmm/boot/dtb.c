/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/dtb.h"

#include <errno.h>
#include <libfdt.h>
#include <string.h>

int dtb_check(const void *data, size_t size, struct err *e)
{
	int r;

	if (size < sizeof(struct fdt_header))
		return err_set(e, EINVAL, "device tree is cut off (%zu bytes)", size);
	if (size > DTB_MAX)
		return err_set(e, EFBIG, "device tree of %zu KiB (1 MiB is allowed)", size >> 10);
	r = fdt_check_full(data, size);
	if (r)
		return err_set(e, EINVAL, "not a valid device tree: %s", fdt_strerror(r));
	return 0;
}

int dtb_patch(void *buf, size_t size, const void *dtb, const char *cmdline, uint64_t initrd,
	      uint64_t initrd_size, struct err *e)
{
	int chosen, r = fdt_open_into(dtb, buf, (int)size);

	if (r)
		return err_set(e, EINVAL, "device tree: %s", fdt_strerror(r));
	chosen = fdt_path_offset(buf, "/chosen");
	if (chosen == -FDT_ERR_NOTFOUND)
		chosen = fdt_add_subnode(buf, 0, "chosen");
	r = chosen < 0 ? chosen : 0;
	if (!r && cmdline)
		r = fdt_setprop_string(buf, chosen, "bootargs", cmdline);
	if (!r && initrd_size)
		r = fdt_setprop_u64(buf, chosen, "linux,initrd-start", initrd);
	if (!r && initrd_size)
		r = fdt_setprop_u64(buf, chosen, "linux,initrd-end", initrd + initrd_size);
	if (r)
		return err_set(e, EINVAL, "device tree: /chosen: %s", fdt_strerror(r));
	fdt_pack(buf);
	return (int)fdt_totalsize(buf);
}
