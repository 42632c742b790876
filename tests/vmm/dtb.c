/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/dtb.h"

#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>

#include "tests/check.h"

static uint8_t tree[4096];
static size_t tree_size;

static void make(bool chosen)
{
	fdt_create(tree, sizeof(tree));
	fdt_finish_reservemap(tree);
	fdt_begin_node(tree, "");
	fdt_property_string(tree, "compatible", "test");
	if (chosen) {
		fdt_begin_node(tree, "chosen");
		fdt_property_string(tree, "bootargs", "old");
		fdt_end_node(tree);
	}
	fdt_end_node(tree);
	fdt_finish(tree);
	tree_size = fdt_totalsize(tree);
}

static void patch(void)
{
	struct err e = { 0 };
	uint8_t buf[8192];
	int r, node, len;

	r = dtb_patch(buf, sizeof(buf), tree, "console=ttyS0", 0x88000000, 0x1234, &e);
	CHECK(r > 0, "%s", e.msg);
	CHECK(!dtb_check(buf, (size_t)r, &e), "%s", e.msg);
	node = fdt_path_offset(buf, "/chosen");
	CHECK(!strcmp(fdt_getprop(buf, node, "bootargs", &len), "console=ttyS0"));
	CHECK(fdt64_ld(fdt_getprop(buf, node, "linux,initrd-end", &len)) == 0x88001234);
	CHECK(dtb_patch(buf, tree_size, tree, "much too long for the room that there is here", 0, 0,
			&e) < 0);
}

int main(void)
{
	struct err e = { 0 };

	for (int i = 0; i < 2; i++) {
		make(i);
		CHECK(!dtb_check(tree, tree_size, &e), "%s", e.msg);
		patch();
	}
	for (size_t n = 0; n < tree_size; n++)
		CHECK(dtb_check(tree, n, &e) < 0, "cut at %zu", n);
	CHECK(dtb_check(tree, DTB_MAX + 1, &e) == -EFBIG);
	tree[8] = 0xff;			/* off_dt_struct */
	CHECK(dtb_check(tree, tree_size, &e) < 0);
	return check_done();
}
