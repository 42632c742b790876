/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device-tree writer, read back with libfdt. */
#include <errno.h>
#include <libfdt.h>

#include "tests/dev/devtest.h"
#include "hw/core/fdt.h"

static void write_tree(struct fdt *f)
{
	fdt_prop_u32(f, "#address-cells", 2);
	fdt_node_at(f, "thing", 0x12000000);
	fdt_prop_strs(f, "compatible", "a,b", "c");
	fdt_prop_reg(f, 0x112000000, 0x1000);
	fdt_prop_u64(f, "wide", 0x1122334455667788);
	fdt_prop_cells(f, "cells", 1, 2, 3);
	fdt_prop_empty(f, "flag");
	fdt_node(f, "sub%u", 7);
	fdt_prop_str(f, "s", "text");
	fdt_node_end(f);
	fdt_node_end(f);
}

int main(void)
{
	char *buf = malloc(4096);
	const fdt32_t *reg;
	struct err e;
	struct fdt f;
	int n, node, len;

	fdt_start_tree(&f, buf, 4096);
	write_tree(&f);
	n = fdt_finish_tree(&f, &e);
	CHECK(n > 0 && fdt_check_full(buf, (size_t)n) == 0, "%d", n);
	node = fdt_path_offset(buf, "/thing@12000000");
	CHECK(node > 0, "%d", node);
	CHECK_EQ(fdt_node_check_compatible(buf, node, "a,b"), 0);
	CHECK_EQ(fdt_node_check_compatible(buf, node, "c"), 0);
	reg = fdt_getprop(buf, node, "reg", &len);
	CHECK_EQ(len, 16);
	CHECK(reg && fdt32_to_cpu(reg[0]) == 1 && fdt32_to_cpu(reg[1]) == 0x12000000 &&
	      fdt32_to_cpu(reg[3]) == 0x1000, "reg");
	reg = fdt_getprop(buf, node, "cells", &len);
	CHECK(reg && len == 12 && fdt32_to_cpu(reg[2]) == 3, "cells");
	CHECK(fdt_getprop(buf, node, "flag", &len) && len == 0, "flag");
	CHECK(!strcmp(fdt_getprop(buf, fdt_path_offset(buf, "/thing@12000000/sub7"), "s", NULL),
		      "text"), "sub-node");

	/* Any size that is too small is one error at the end, never an overrun (ASan looks). */
	for (int size = 0; size < n; size++) {
		char *small = malloc((size_t)size + 1);

		fdt_start_tree(&f, small, (size_t)size);
		write_tree(&f);
		CHECK_EQ(fdt_finish_tree(&f, &e), -ENOSPC);
		free(small);
	}
	free(buf);
	return check_done();
}
