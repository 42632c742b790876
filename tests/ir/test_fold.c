/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builder's folding and the backward pass against the interpreter: a program whose
 * constants the builder sees must end as one whose constants come from memory, and
 * either must end the same after optimisation.
 */
#include "tests/ir/prog.h"

#include "tcg/opt.h"

#include <stdlib.h>
#include <string.h>

struct fold {
	struct tmach *want, *got;
	struct ir_block b;
	uint64_t seed;
	char why[200];
};

static bool run(struct fold *t, struct tmach *tm, const struct prog *p, enum prog_consts consts,
		bool optimize)
{
	struct interp_mem m = tm_mem(tm);
	struct interp_result r;
	const char *bad;

	prog_build(p, &t->b, consts);
	if (optimize)
		ir_optimize(&t->b);
	bad = ir_validate(&t->b);
	if (bad) {
		snprintf(t->why, sizeof(t->why), "invalid: %s", bad);
		return false;
	}
	tm_reset(tm, &p->start, t->seed);
	if (interp_run(&t->b, &tm->st, &m, &r)) {
		snprintf(t->why, sizeof(t->why), "the interpreter refused the block");
		return false;
	}
	return true;
}

static bool fails(const struct prog *p, void *opaque)
{
	struct fold *t = opaque;
	int i;

	if (!run(t, t->want, p, PROG_BLIND, false))
		return true;
	for (i = 0; i < 3; i++) {	/* known, known and optimised, blind and optimised */
		if (!run(t, t->got, p, i < 2 ? PROG_KNOWN : PROG_BLIND, i > 0) ||
		    tm_differ(t->want, t->got, t->why, sizeof(t->why)))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000, i;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	static struct fold t;
	static struct prog p;

	t.want = tm_new();
	t.got = tm_new();
	for (i = 0; i < n; i++) {
		t.seed = first + i;
		/* two in three on integers alone: that is what is folded */
		prog_generate(&p, t.seed, 60,
			      (t.seed % 3 ? GEN_INT | GEN_PC : GEN_ALL) | GEN_MOVED);
		if (!fails(&p, &t))
			continue;
		prog_shrink(&p, fails, &t);
		fails(&p, &t);
		printf("seed %llu: %s\n", (unsigned long long)t.seed, t.why);
		prog_build(&p, &t.b, PROG_BLIND);
		printf("blind ");
		ir_print(&t.b, stdout);
		prog_build(&p, &t.b, PROG_KNOWN);
		printf("known ");
		ir_print(&t.b, stdout);
		return 1;
	}
	printf("%lu programs from seed %llu\n", n, (unsigned long long)first);
	tm_free(t.want);
	tm_free(t.got);
	return 0;
}
