/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target description ("Target Descriptions", GDB manual, appendix G), made
 * from the ISA's register table. An ISA whose gdb feature is "PREFIX.cpu" has its
 * other groups in PREFIX.fpu and PREFIX.csr, and a core register that gdb numbers
 * behind everything (riscv: priv) in PREFIX.virtual; others have one feature.
 */
#include <string.h>

#include "vmm/gdb_cmd.h"

enum { FIRST_VIRTUAL = 4096 };

const struct reg *gdb_reg(const struct isa *isa, unsigned n)
{
	for (const struct reg *r = isa->regs; r->name; r++)
		if (r->gdb >= 0 && (unsigned)r->gdb == n)
			return r;
	return NULL;
}

unsigned gdb_regs_in_g(const struct isa *isa)
{
	unsigned n = 0;

	while (gdb_reg(isa, n))
		n++;
	return n;
}

static const char *part_of(const struct isa *isa, const struct reg *r)
{
	if (!g_str_has_suffix(isa->gdb_feature, ".cpu"))
		return "";
	if (r->group == REGS_CORE)
		return r->gdb >= FIRST_VIRTUAL ? ".virtual" : ".cpu";
	return r->group == REGS_FP ? ".fpu" : ".csr";
}

static const char *type_of(const struct isa *isa, const struct reg *r)
{
	if (r->off == isa->pc_off)
		return "code_ptr";
	if (r->group == REGS_FP && r->bits == 64)
		return "ieee_double";
	if (r->bits == 80)
		return "i387_ext";
	return r->bits == 128 ? "uint128" : r->bits == 64 ? "int64" : r->bits == 32 ? "int32" :
	       r->bits == 16 ? "int16" : "int8";
}

static void feature(GString *x, const struct isa *isa, const char *part)
{
	size_t base = strlen(isa->gdb_feature) - (*part ? strlen(".cpu") : 0);
	bool open = false;

	for (const struct reg *r = isa->regs; r->name; r++) {
		if (r->gdb < 0 || strcmp(part_of(isa, r), part))
			continue;
		if (!open)
			g_string_append_printf(x, "<feature name=\"%.*s%s\">\n", (int)base,
					       isa->gdb_feature, part);
		open = true;
		g_string_append_printf(
			x, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%d\"/>\n",
			r->gdb_name ? r->gdb_name : r->name, r->bits, type_of(isa, r), r->gdb);
	}
	if (open)
		g_string_append(x, "</feature>\n");
}

char *gdb_target_xml(const struct isa *isa)
{
	static const char *const parts[] = { "", ".cpu", ".fpu", ".csr", ".virtual" };
	GString *x = g_string_new(
		"<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n");

	g_string_append_printf(x, "<architecture>%s</architecture>\n", isa->gdb_arch);
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
		feature(x, isa, parts[i]);
	g_string_append(x, "</target>\n");
	return g_string_free(x, FALSE);
}
