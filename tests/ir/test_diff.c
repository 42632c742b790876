/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emitted code against the interpreter: random blocks over every operation, from the
 * same state, must leave the same slots, memory, flags, fault and pc behind. A block
 * that differs is shrunk and printed, with its code.
 *
 *   test_ir_diff [programs [first seed]]
 */
#include "tests/ir/jit.h"
#include "tests/ir/prog.h"

#include "util/bits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct diff {
	struct tmach *want, *got;
	struct jit *jit;
	const struct prog *p;
	struct ir_block b;
	uint64_t seed;
	unsigned long faulted, insns, skipped;
	/* IR_DIFF_STRICT: a block too big for the back end is a failure */
	bool strict;
	char why[200];
};

static uint8_t *plain_page(void *opaque, uint64_t va, bool write)
{
	struct diff *d = opaque;
	enum tm_page kind;
	uint8_t *host = tm_host(d->got, va, &kind);

	return kind == TM_RW || (kind == TM_RO && !write) ? host : NULL;
}

static void translate(void *opaque, uint64_t pc, struct ir_block *b)
{
	struct diff *d = opaque;

	prog_build_from(d->p, b, PROG_KNOWN, pc);
}

static bool fails(const struct prog *p, void *opaque)
{
	struct diff *d = opaque;
	struct interp_mem m = tm_mem(d->want);
	const struct jit_ops ops = {
		.page = plain_page, .mem = tm_mem(d->got), .translate = translate, .opaque = d,
	};
	struct interp_result r;
	const char *bad;
	int e;

	d->p = p;
	prog_build(p, &d->b, PROG_KNOWN);
	bad = ir_validate(&d->b);
	if (bad) {
		snprintf(d->why, sizeof(d->why), "invalid: %s", bad);
		return true;
	}
	tm_reset(d->want, &p->start, d->seed);
	tm_reset(d->got, &p->start, d->seed);
	CPU_HEAD(&d->want->st)->fp_round = CPU_HEAD(&d->got->st)->fp_round = p->round;
	if (interp_run(&d->b, &d->want->st, &m, &r)) {
		snprintf(d->why, sizeof(d->why), "the interpreter refused the block");
		return true;
	}
	jit_reset(d->jit);
	e = jit_run(d->jit, &d->got->st, &ops);
	if (e < 0) {
		d->skipped++;
		snprintf(d->why, sizeof(d->why), "not emitted: %d", e);
		return d->strict;
	}
	d->faulted += r.how == INTERP_FAULT;
	d->insns += r.insns;
	return tm_differ(d->want, d->got, d->why, sizeof(d->why));
}

static void dump_code(const struct jit *j)
{
	const char *path = getenv("IR_DIFF_CODE");
	size_t size, hot, i;
	const uint8_t *p = jit_code(j, &size, &hot);
	FILE *f = path ? fopen(path, "wb") : NULL;

	printf("code (objdump -D -b binary -m i386:x86-64):");
	for (i = 0; i < hot; i++)
		printf("%s%02x", i % 32 ? " " : "\n  ", p[i]);
	printf("\n");
	if (f) {
		fwrite(p, 1, size, f);
		fclose(f);
	}
}

static int report(struct diff *d, struct prog *p)
{
	char first[sizeof(d->why)];

	strcpy(first, d->why);
	prog_shrink(p, fails, d);
	fails(p, d);
	printf("seed %" PRIu64 ": interpreted, emitted: %s (before shrinking: %s)\n", d->seed,
	       d->why, first);
	ir_print(&d->b, stdout);
	dump_code(d->jit);
	return 1;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000, i;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL) << 20;
	static const unsigned what[] = {
		GEN_INT, GEN_INT | GEN_PC | GEN_CONTROL, GEN_INT | GEN_MEM, GEN_FP, GEN_ALL, GEN_ALL
	};
	const struct jit_stats *st;
	static struct diff d;
	static struct prog p;
	const char *why;

	d.jit = jit_new(&tm_isa, &why);
	if (!d.jit) {
		printf("cannot run emitted code: %s\n", why);
		return 77;
	}
	d.strict = getenv("IR_DIFF_STRICT") != NULL;
	d.want = tm_new();
	d.got = tm_new();
	for (i = 0; i < n; i++) {
		d.seed = first + i;
		prog_generate(&p, d.seed, d.seed & 1 ? 12 : 60,
			      what[d.seed / 2 % ARRAY_SIZE(what)]);
		if (fails(&p, &d))
			return report(&d, &p);
	}
	st = jit_stats(d.jit);
	printf("%lu programs from seed %" PRIu64 ": %lu instructions, %lu faults, %lu blocks, "
	       "%lu safe variants, %lu groups, %lu slow accesses, %lu too big, %zu bytes\n",
	       n, first, d.insns, d.faulted, st->blocks, st->safe, st->groups, st->slow,
	       st->too_big, st->bytes);
	/* What does not occur is not tested. */
	if (n >= 10000 &&
	    (!d.faulted || !st->safe || !st->groups || !st->slow || d.skipped > n / 10)) {
		printf("the programs do not cover what they should\n");
		return 1;
	}
	tm_free(d.want);
	tm_free(d.got);
	jit_free(d.jit);
	return 0;
}
