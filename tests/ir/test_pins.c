/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Quality of the emitted code: host instructions and bytes for guest snippets, against
 * the numbers of the last good state. More fails; less asks for an update.
 *
 *   test_ir_pins riscv64|x86_64 FILE [--update | --show NAME]
 *
 * A line of the file: name, host instructions and bytes of the hot part, bytes in all,
 * and the guest's code as hexadecimal bytes: RV64, or 64-bit user code of x86. A name that ends in
 * @HEX is of code at that place of its page; what lies in the next one is not translated.
 */
#include "tests/ir/host_insns.h"
#include "tests/ir/jit.h"

#include "target/riscv/state.h"
#include "target/riscv/tcg.h"
#include "target/riscv/translate.h"
#include "target/x86/decode.h"
#include "target/x86/tcg.h"
#include "target/x86/translate.h"

#include "util/bits.h"

#include <stdlib.h>
#include <string.h>

#define PC UINT64_C(0x10400)
#define X86_KEY                                                                          \
	(X86_VIEW_USER | 3 << X86_KEY_CPL_SHIFT | X86_KEY_CODE64 | X86_KEY_PROT | X86_KEY_FLAT | \
	 X86_KEY_LMA | X86_KEY_CS0)
#define FEATURES (FEAT_F | FEAT_D | FEAT_ZBA | FEAT_ZBB | FEAT_ZBS | FEAT_ZICOND)
#define MAX_PINS 200

struct pin {
	char name[40], hex[400];
	unsigned insns, hot, total;	/* insns 0: not known */
};

static const struct guest {
	const char *name;
	const struct isa_tcg *tcg;
	uint32_t key;
	void (*translate)(struct ir_block *b, const struct ir_fetch *f);
	unsigned (*disasm)(uint64_t pc, const uint8_t *bytes, unsigned n, char *buf, size_t size);
} guests[] = {
	{ "riscv64", &riscv_tcg, KEY_MAKE(VIEW_U, PRIV_U, 0, FEATURES), riscv_translate,
	  riscv_disasm },
	{ "x86_64", &x86_tcg, X86_KEY, x86_translate, x86_disasm },
};

static size_t bytes_of(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;
	unsigned v;

	while (n < cap && sscanf(hex + 2 * n, "%2x", &v) == 1)
		out[n++] = (uint8_t)v;
	return n;
}

static void list(const struct guest *g, const uint8_t *code, size_t n)
{
	char text[100];
	size_t at = 0;

	while (at < n) {
		at += g->disasm(PC + at, code + at, (unsigned)(n - at), text, sizeof(text));
		printf("    %s\n", text);
	}
}

static struct pin measure(const struct guest *g, struct jit *j, const struct pin *p, bool show)
{
	static struct ir_block b;
	uint8_t code[200] = { 0 };
	size_t n = bytes_of(p->hex, code, sizeof(code)), size, hot;
	const char *at = strchr(p->name, '@');
	uint64_t pc = at ? (PC & ~UINT64_C(0xfff)) | strtoul(at + 1, NULL, 16) : PC;
	const struct ir_fetch f = { .code = code,
				    .avail = (unsigned)MIN(n, 4096 - (pc & 0xfff)) };
	struct pin now = *p;
	const uint8_t *host;

	ir_begin(&b, g->tcg, pc, g->key);
	g->translate(&b, &f);
	if (ir_validate(&b) || jit_emit(j, &b)) {
		printf("%s: %s\n", p->name, ir_validate(&b) ? ir_validate(&b) : "not emitted");
		exit(1);
	}
	host = jit_code(j, &size, &hot);
	if (show) {
		list(g, code, n);
		ir_print(&b, stdout);
	}
	now.insns = host_insns(host, hot, show);
	now.hot = (unsigned)hot;
	now.total = (unsigned)size;
	return now;
}

static unsigned load(const char *path, struct pin *pins)
{
	FILE *f = fopen(path, "r");
	unsigned n = 0;
	char line[600];

	if (!f) {
		perror(path);
		exit(1);
	}
	while (n < MAX_PINS && fgets(line, sizeof(line), f)) {
		struct pin *p = &pins[n];

		if (sscanf(line, "%39s %u %u %u %399s", p->name, &p->insns, &p->hot, &p->total,
			   p->hex) == 5 && *line != '#')
			n++;
	}
	fclose(f);
	return n;
}

static int save(const char *path, const struct pin *pins, unsigned n)
{
	FILE *f = fopen(path, "w");
	unsigned i;

	if (!f) {
		perror(path);
		return 1;
	}
	fprintf(f, "# name, host instructions, their bytes, bytes with cold parts, "
		"guest code: see test_pins.c\n");
	for (i = 0; i < n; i++)
		fprintf(f, "%-22s %3u %4u %5u %s\n", pins[i].name, pins[i].insns, pins[i].hot,
			pins[i].total, pins[i].hex);
	return fclose(f) != 0;
}

int main(int argc, char **argv)
{
	static struct pin pins[MAX_PINS], now[MAX_PINS];
	const char *why, *show = argc > 4 && !strcmp(argv[3], "--show") ? argv[4] : NULL;
	unsigned n, i, worse = 0, better = 0;
	const struct guest *g = guests;
	struct jit *j;

	if (argc < 3)
		return 2;
	while (g < guests + ARRAY_SIZE(guests) && strcmp(g->name, argv[1]))
		g++;
	if (g == guests + ARRAY_SIZE(guests))
		return 2;
	n = load(argv[2], pins);
	j = jit_new(g->tcg, &why);
	if (!j) {
		printf("cannot emit: %s\n", why);
		return 77;
	}
	for (i = 0; i < n; i++) {
		const struct pin *p = &pins[i];
		bool known;

		if (show && strcmp(show, p->name))
			continue;
		now[i] = measure(g, j, p, show != NULL);
		known = p->insns && now[i].insns;
		if (now[i].hot > p->hot || now[i].total > p->total ||
		    (known && now[i].insns > p->insns))
			worse++;
		else if (now[i].hot < p->hot || now[i].total < p->total ||
			 (known && now[i].insns < p->insns))
			better++;
		else
			continue;
		printf("%s: %u instructions, %u bytes, %u in all; were %u, %u, %u\n", p->name,
		       now[i].insns, now[i].hot, now[i].total, p->insns, p->hot, p->total);
	}
	jit_free(j);
	if (argc > 3 && !strcmp(argv[3], "--update"))
		return save(argv[2], now, n);
	printf("%u snippets, %u worse, %u better%s\n", n, worse, better,
	       better ? ": run with --update" : "");
	return worse != 0 || n == 0;
}
