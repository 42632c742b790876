/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Quality of the emitted code: host instructions and bytes for guest snippets, against
 * the numbers of the last good state. More fails; less asks for an update.
 *
 *   test_ir_pins pins.txt [--update | --show NAME]
 *
 * A line of the file: name, host instructions and bytes of the hot part, bytes in all,
 * and the RV64 code as hexadecimal bytes.
 */
#include "tests/ir/jit.h"

#include "target/riscv/state.h"
#include "target/riscv/tcg.h"
#include "target/riscv/translate.h"

#include <stdlib.h>
#include <string.h>
#ifdef CONFIG_CAPSTONE
#include <capstone/capstone.h>
#endif

#define PC UINT64_C(0x10400)
#define FEATURES (FEAT_F | FEAT_D | FEAT_ZBA | FEAT_ZBB | FEAT_ZBS | FEAT_ZICOND)
#define MAX_PINS 200

struct pin {
	char name[40], hex[400];
	unsigned insns, hot, total;	/* insns 0: not known */
};

/* Host instructions in code; 0 where no disassembler was built in. */
static unsigned count(const uint8_t *code, size_t size, bool show)
{
#ifdef CONFIG_CAPSTONE
	cs_insn *list;
	size_t n, i;
	csh cs;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs))
		return 0;
	cs_option(cs, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	n = cs_disasm(cs, code, size, 0, 0, &list);
	for (i = 0; show && i < n; i++)
		printf("    %s %s\n", list[i].mnemonic, list[i].op_str);
	cs_free(list, n);
	cs_close(&cs);
	return (unsigned)n;
#else
	return 0;
#endif
}

static size_t bytes_of(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;
	unsigned v;

	while (n < cap && sscanf(hex + 2 * n, "%2x", &v) == 1)
		out[n++] = (uint8_t)v;
	return n;
}

static void list(const uint8_t *code, size_t n)
{
	char text[100];
	size_t at = 0;

	while (at < n) {
		at += riscv_disasm(PC + at, code + at, (unsigned)(n - at), text, sizeof(text));
		printf("    %s\n", text);
	}
}

static struct pin measure(struct jit *j, const struct pin *p, bool show)
{
	static struct ir_block b;
	uint8_t code[200] = { 0 };
	size_t n = bytes_of(p->hex, code, sizeof(code)), size, hot;
	const struct ir_fetch f = { .code = code, .avail = (unsigned)n };
	struct pin now = *p;
	const uint8_t *host;

	ir_begin(&b, &riscv_tcg, PC, KEY_MAKE(VIEW_U, PRIV_U, 0, FEATURES));
	riscv_translate(&b, &f);
	if (ir_validate(&b) || jit_emit(j, &b)) {
		printf("%s: %s\n", p->name, ir_validate(&b) ? ir_validate(&b) : "not emitted");
		exit(1);
	}
	host = jit_code(j, &size, &hot);
	if (show) {
		list(code, n);
		ir_print(&b, stdout);
	}
	now.insns = count(host, hot, show);
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
		"RV64 code: see test_pins.c\n");
	for (i = 0; i < n; i++)
		fprintf(f, "%-22s %3u %4u %5u %s\n", pins[i].name, pins[i].insns, pins[i].hot,
			pins[i].total, pins[i].hex);
	return fclose(f) != 0;
}

int main(int argc, char **argv)
{
	static struct pin pins[MAX_PINS], now[MAX_PINS];
	const char *why, *show = argc > 3 && !strcmp(argv[2], "--show") ? argv[3] : NULL;
	unsigned n, i, worse = 0, better = 0;
	struct jit *j;

	if (argc < 2)
		return 2;
	n = load(argv[1], pins);
	j = jit_new(&riscv_tcg, &why);
	if (!j) {
		printf("cannot emit: %s\n", why);
		return 77;
	}
	for (i = 0; i < n; i++) {
		const struct pin *p = &pins[i];
		bool known;

		if (show && strcmp(show, p->name))
			continue;
		now[i] = measure(j, p, show != NULL);
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
	if (argc > 2 && !strcmp(argv[2], "--update"))
		return save(argv[1], now, n);
	printf("%u snippets, %u worse, %u better%s\n", n, worse, better,
	       better ? ": run with --update" : "");
	return worse != 0 || n == 0;
}
