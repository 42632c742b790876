// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The front end on random code in every privilege mode: whatever the bytes, the
 * block is valid IR, ends, and stays in what could be fetched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "riscv_decode.h"
#include "target/riscv/tcg.h"
#include "target/riscv/translate.h"

static uint64_t rng = 88172645463325252;

static uint64_t random_bits(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static unsigned nr_rows(void)
{
	unsigned n = 0;

	while (riscv_insns[n].text)
		n++;
	return n;
}

/* A page of instructions: mostly defined ones, some noise. */
static void fill(uint8_t *page, unsigned size, unsigned rows)
{
	unsigned at = 0;

	while (at + 4 <= size) {
		const struct insn_gen *g = &riscv_insns[random_bits() % rows];
		uint32_t insn = (uint32_t)random_bits();

		if (random_bits() % 64)
			insn = (insn & ~g->mask) | g->match;
		memcpy(page + at, &insn, g->len);
		at += g->len;
	}
	memset(page + at, 0x13, size - at);
}

static int check(struct ir_block *b, const uint8_t *page, unsigned off, unsigned avail,
		 uint32_t key)
{
	struct ir_fetch f = { .code = page + off, .avail = avail };
	const char *wrong;

	ir_begin(b, &riscv_tcg, 0xffffffff80001000 + off, key);
	riscv_translate(b, &f);
	wrong = ir_validate(b);
	if (!wrong && b->end - b->pc > avail)
		wrong = "the block covers more than was fetched";
	if (!wrong && b->nr_insns == 0 && avail >= 4)
		wrong = "no instruction was translated";
	if (wrong) {
		printf("offset %x key %x: %s\n", off, key, wrong);
		ir_print(b, stdout);
		return 1;
	}
	return 0;
}

int main(void)
{
	static struct ir_block b;
	static uint8_t page[4096];
	unsigned rows = nr_rows();
	unsigned long insns = 0, ops = 0;

	for (unsigned round = 0; round < 40; round++) {
		fill(page, sizeof(page), rows);
		for (unsigned off = 0; off < sizeof(page); off += 2) {
			static const uint8_t privs[] = { PRIV_U, PRIV_S, PRIV_M };
			uint32_t features =
				random_bits() & 1 ? (1u << FEAT_NR) - 1 : (uint32_t)random_bits();
			uint32_t key =
				KEY_MAKE(random_bits() % NR_VIEWS, privs[random_bits() % 3],
					 random_bits() % 8, features & ((1u << FEAT_NR) - 1));
			unsigned avail = (unsigned)sizeof(page) - off;

			if (random_bits() % 8 == 0)
				avail = (unsigned)(random_bits() % 12) & ~1u;
			if (avail > sizeof(page) - off)
				avail = (unsigned)sizeof(page) - off;
			if (check(&b, page, off, avail, key))
				return 1;
			insns += b.nr_insns;
			ops += b.nr_ops;
		}
	}
	printf("%lu instructions, %lu operations\n", insns, ops);
	return insns > 100000 ? 0 : 1;
}
