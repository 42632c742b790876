// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random RISC-V instructions from the decode table, for disasm_objdump.py:
 * writes the code to argv[1] and one line "offset<TAB>extension bit<TAB>text" each to stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "riscv_decode.h"
#include "target/riscv/state.h"
#include "target/riscv/tcg.h"

static uint64_t rng = 0x9e3779b97f4a7c15;

static uint32_t random_word(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 16);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 40;
	uint64_t off = 0;
	char text[128];
	FILE *f;

	if (argc < 2 || !(f = fopen(argv[1], "wb")))
		return 2;
	for (const struct insn_gen *g = riscv_insns; g->text; g++) {
		for (unsigned i = 0; i < rounds; i++) {
			uint32_t insn = g->match;

			for (unsigned k = 0; k < g->nr_fields; k++)
				insn = insn_field_put(g->fields[k], insn,
						      (int64_t)(int32_t)random_word() >> (i & 31));
			insn = (insn & ~g->mask) | g->match;
			if (insn_find(riscv_insns, insn, g->len, UINT32_MAX) != g)
				continue;
			if (riscv_disasm(off, (uint8_t *)&insn, 4, text, sizeof(text)) != g->len)
				return 1;
			printf("%" PRIx64 "\t%d\t%s\n", off, g->ext, text);
			fwrite(&insn, 1, g->len, f);
			off += g->len;
		}
	}
	return fclose(f) ? 1 : 0;
}
