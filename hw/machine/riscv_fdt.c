/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/machine/riscv_fdt.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hw/core/fdt.h"
#include "hw/core/machine.h"

#define CBO_BLOCK 64u		/* bytes that a cbo.* instruction covers */

struct ext_list {
	char text[1024];	/* NUL-separated, as a string-list property */
	size_t len;
};

static void ext_add(struct ext_list *l, const char *name, size_t n)
{
	if (n && n + 1 <= sizeof(l->text) - l->len) {
		memcpy(l->text + l->len, name, n);
		l->text[l->len + n] = '\0';
		l->len += n + 1;
	}
}

static bool ext_has(const struct ext_list *l, const char *name)
{
	for (size_t i = 0; i < l->len; i += strlen(l->text + i) + 1)
		if (!strcmp(l->text + i, name))
			return true;
	return false;
}

/* "rv64imafdc_zicsr_..." as the list "i", "m", ... of the newer binding. */
static void ext_split(struct ext_list *l, const char *isa)
{
	const char *p = isa + (strncmp(isa, "rv", 2) ? 0 : 4);

	l->len = 0;
	/* Single letters up to the first '_' or multi-letter extension. */
	for (; *p && *p != '_' && !strchr("sxz", *p); p++) {
		if (*p == 'g') {
			static const char *const g[] = { "i", "m", "a", "f", "d", "zicsr",
							 "zifencei" };

			for (unsigned i = 0; i < sizeof(g) / sizeof(g[0]); i++)
				ext_add(l, g[i], strlen(g[i]));
		} else {
			ext_add(l, p, 1);
		}
	}
	while (*p) {
		size_t n;

		p += *p == '_';
		n = strcspn(p, "_");
		ext_add(l, p, n);
		p += n;
	}
}

static void cpu_node(struct fdt *f, struct machine *m, unsigned i, const struct ext_list *ext)
{
	fdt_node_at(f, "cpu", i);
	fdt_prop_str(f, "device_type", "cpu");
	fdt_prop_u32(f, "reg", i);
	fdt_prop_str(f, "status", "okay");
	fdt_prop_str(f, "compatible", "riscv");
	fdt_prop_str(f, "riscv,isa", m->cfg.isa_string);
	fdt_prop_str(f, "riscv,isa-base", "rv64i");
	fdt_prop(f, "riscv,isa-extensions", ext->text, ext->len);
	if (m->cfg.mmu_type)
		fdt_prop_str(f, "mmu-type", m->cfg.mmu_type);
	if (ext_has(ext, "zicbom"))
		fdt_prop_u32(f, "riscv,cbom-block-size", CBO_BLOCK);
	if (ext_has(ext, "zicboz"))
		fdt_prop_u32(f, "riscv,cboz-block-size", CBO_BLOCK);
	if (ext_has(ext, "zicbop"))
		fdt_prop_u32(f, "riscv,cbop-block-size", CBO_BLOCK);
	fdt_prop_u32(f, "phandle", FDT_PHANDLE_CPU + i);
	fdt_node(f, "interrupt-controller");
	fdt_prop_str(f, "compatible", "riscv,cpu-intc");
	fdt_prop_u32(f, "#interrupt-cells", 1);
	fdt_prop_empty(f, "interrupt-controller");
	fdt_prop_u32(f, "phandle", FDT_PHANDLE_CPU_INTC + i);
	fdt_node_end(f);
	fdt_node_end(f);
}

void riscv_fdt_cpus(struct fdt *f, struct machine *m)
{
	struct ext_list ext;

	ext_split(&ext, m->cfg.isa_string);
	fdt_node(f, "cpus");
	fdt_prop_u32(f, "#address-cells", 1);
	fdt_prop_u32(f, "#size-cells", 0);
	fdt_prop_u32(f, "timebase-frequency", (uint32_t)m->cfg.timebase_hz);
	for (unsigned i = 0; i < m->cfg.nr_cpus; i++)
		cpu_node(f, m, i, &ext);
	fdt_node(f, "cpu-map");
	fdt_node(f, "cluster0");
	for (unsigned i = 0; i < m->cfg.nr_cpus; i++) {
		fdt_node(f, "core%u", i);
		fdt_prop_u32(f, "cpu", FDT_PHANDLE_CPU + i);
		fdt_node_end(f);
	}
	fdt_node_end(f);
	fdt_node_end(f);
	fdt_node_end(f);
}
