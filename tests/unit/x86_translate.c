// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x86 front end on random code in every mode: whatever the bytes, the block is valid IR,
 * ends, and stays in what could be fetched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/x86/tcg.h"
#include "target/x86/translate.h"

static uint64_t rng = 88172645463325252;

static uint64_t random_bits(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng >> 7;
}

/* Opcodes of all maps, with prefixes now and then. */
static void fill(uint8_t *page, unsigned size)
{
	static const uint8_t prefixes[] = { 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x64, 0x48, 0x41,
					    0x4f };
	unsigned at = 0, i;

	for (i = 0; i < size; i++)
		page[i] = (uint8_t)random_bits();
	while (at + 16 < size) {
		if (random_bits() % 3 == 0)
			page[at++] = prefixes[random_bits() % sizeof(prefixes)];
		switch (random_bits() % 6) {
		case 0:
			page[at++] = 0x0f;
			break;
		case 1:
			page[at++] = 0x0f;
			page[at++] = random_bits() % 2 ? 0x38 : 0x3a;
			break;
		case 2:
			page[at++] = 0xc4;
			page[at++] = (uint8_t)(0xe1 + random_bits() % 3);
			page[at++] = (uint8_t)random_bits();
			break;
		}
		at += 2 + random_bits() % 6;
	}
}

static uint32_t random_key(void)
{
	static const uint32_t code[] = { X86_KEY_CODE64 | X86_KEY_LMA | X86_KEY_FLAT | X86_KEY_CS0,
					 X86_KEY_CODE32 | X86_KEY_STACK32, 0 };
	uint32_t key = code[random_bits() % 3], cpl = random_bits() % 2 ? 3 : 0;

	key |= X86_KEY_PROT | cpl << X86_KEY_CPL_SHIFT |
	       (cpl ? X86_VIEW_USER : X86_VIEW_KERNEL);
	if (!(key & X86_KEY_CODE64) && random_bits() % 2)
		key |= X86_KEY_FLAT | X86_KEY_CS0;
	if (!key)
		key &= ~(uint32_t)X86_KEY_PROT;
	if (random_bits() % 8 == 0)
		key |= X86_KEY_SINGLE;
	if (random_bits() % 16 == 0)
		key |= X86_KEY_DEBUG;
	if (random_bits() % 16 == 0)
		key |= X86_KEY_AC;
	if (random_bits() % 8 == 0)
		key |= X86_KEY_XM;
	return key;
}

static unsigned long insns, ops, most, most_vals;

static int check(struct ir_block *b, const uint8_t *page, unsigned off, unsigned avail,
		 uint32_t key)
{
	struct ir_fetch f = { .code = page + off, .avail = avail };
	unsigned len = x86_insn_len(page + off, avail, key);
	const char *wrong;

	if (!len) {
		printf("offset %x key %x: no length\n", off, key);
		return 1;
	}
	ir_begin(b, &x86_tcg, (key & X86_KEY_CODE64 ? 0xffffffff80001000 : 0x401000) + off, key);
	if (key & X86_KEY_SINGLE)
		b->max_insns = 1;
	x86_translate(b, &f);
	wrong = ir_validate(b);
	if (!wrong && b->end - b->pc > avail)
		wrong = "the block covers more than was fetched";
	if (!wrong && !b->nr_insns && len <= avail)
		wrong = "no instruction was translated";
	if (wrong) {
		printf("offset %x key %x: %s\n", off, key, wrong);
		ir_print(b, stdout);
		return 1;
	}
	insns += b->nr_insns;
	ops += b->nr_ops;
	if (b->nr_insns == 1 && b->nr_ops > most)
		most = b->nr_ops;
	if (b->nr_insns == 1 && b->nr_vals > most_vals)
		most_vals = b->nr_vals;
	return 0;
}

int main(int argc, char **argv)
{
	static struct ir_block b;
	static uint8_t page[4096];
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20, bad = 0;

	if (argc > 2)
		rng *= strtoull(argv[2], NULL, 0) | 1;
	for (unsigned round = 0; round < rounds && bad < 10; round++) {
		fill(page, sizeof(page));
		for (unsigned off = 0; off < sizeof(page) && bad < 10; off++)
			bad += (unsigned)check(&b, page, off, sizeof(page) - off, random_key());
	}
	printf("%lu instructions, %lu operations, at most %lu with %lu values for one\n", insns,
	       ops, most, most_vals);
	/* tcg/build.c keeps room for 256 */
	return bad || most > 200 || most_vals > 200;
}
