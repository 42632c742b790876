// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/isa.h"

#include <inttypes.h>
#include <string.h>

#define ISA(symbol) extern const struct isa symbol;
#include "target/isas.def"
#undef ISA

const struct isa *const isas[] = {
#define ISA(symbol) &symbol,
#include "target/isas.def"
#undef ISA
	NULL,
};

const struct isa *isa_find(const char *name)
{
	for (unsigned i = 0; isas[i]; i++)
		if (!strcmp(isas[i]->name, name))
			return isas[i];
	return NULL;
}

const struct isa *isa_find_elf(uint16_t machine, uint8_t elf_class)
{
	for (unsigned i = 0; isas[i]; i++)
		if (isas[i]->elf_machine == machine && isas[i]->elf_class == elf_class)
			return isas[i];
	return NULL;
}

const struct reg *isa_reg(const struct isa *isa, const char *name)
{
	for (const struct reg *r = isa->regs; r->name; r++)
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}

uint64_t isa_reg_get(const struct reg *r, const void *state)
{
	uint64_t v = 0;

	/* little-endian host: the low bytes come first */
	memcpy(&v, (const char *)state + r->off, r->bits < 64 ? (r->bits + 7) / 8 : 8);
	return v;
}

void isa_reg_set(const struct reg *r, void *state, uint64_t v)
{
	memcpy((char *)state + r->off, &v, r->bits < 64 ? (r->bits + 7) / 8 : 8);
}

void isa_dump(const struct isa *isa, void *state, FILE *f)
{
	unsigned column = 0;

	for (const struct reg *r = isa->regs; r->name; r++) {
		int digits = r->bits < 64 ? (r->bits + 3) / 4 : 16;

		if (r->flags & REG_HIDDEN)
			continue;
		fprintf(f, "%-13s %0*" PRIx64 "%s", r->gdb_name ? r->gdb_name : r->name, digits,
			isa_reg_get(r, state), ++column % 3 ? "  " : "\n");
	}
	if (column % 3)
		fputc('\n', f);
	if (isa->dump)
		isa->dump(state, f);
}
