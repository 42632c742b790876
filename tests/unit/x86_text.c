// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random instructions for disasm_x86.py: writes them to a file, 32 bytes apart with NOPs between,
 * and prints of each its offset, what the decoder makes of it, its length and its text.
 * x86_text FILE BITS COUNT SEED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/x86/decode.h"

enum { APART = 32 };

static uint64_t state;

static unsigned rnd(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 20) % n;
}

/* Bytes that are likelier to be an instruction than chance makes them. */
static void make(uint8_t *p, unsigned bits)
{
	static const uint8_t prefixes[] = { 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x64, 0x65 };
	unsigned n = 0, k = rnd(8), i;

	for (i = 0; i < 15; i++)
		p[i] = (uint8_t)rnd(256);
	memset(p + 15, 0x90, APART - 15);
	while (k-- > 5)
		p[n++] = prefixes[rnd(sizeof(prefixes))];
	if (bits == 64 && rnd(2))
		p[n++] = (uint8_t)(0x40 + rnd(16));
	switch (rnd(8)) {
	case 0: case 1:
		p[n++] = 0x0f;
		break;
	case 2:
		p[n++] = 0x0f;
		p[n++] = rnd(2) ? 0x38 : 0x3a;
		break;
	case 3:
		n = 0;
		p[n++] = 0xc5;
		p[n++] = (uint8_t)(0xc0 | rnd(64));
		break;
	case 4:
		n = 0;
		p[n++] = 0xc4;
		p[n++] = (uint8_t)(0xe1 + rnd(3));
		break;
	}
}

int main(int argc, char **argv)
{
	static const char *const results[] = { "ok", "undefined", "long", "more" };
	unsigned bits, n, i;
	uint8_t p[APART];
	FILE *f;

	if (argc != 5)
		return 2;
	bits = (unsigned)atoi(argv[2]);
	n = (unsigned)atoi(argv[3]);
	state = strtoull(argv[4], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
	f = fopen(argv[1], "wb");
	if (!f)
		return 1;
	for (i = 0; i < n; i++) {
		enum x86_decode_result r;
		struct x86_insn insn;
		char text[128];

		make(p, bits);
		if (fwrite(p, 1, APART, f) != APART)
			return 1;
		r = x86_decode(&insn, p, X86_MAX_LEN, bits);
		x86_disasm_bits((uint64_t)i * APART, p, X86_MAX_LEN, bits, text, sizeof(text));
		printf("%x\t%s\t%u\t%s\n", i * APART, results[r], insn.len, text);
	}
	return fclose(f) ? 1 : 0;
}
