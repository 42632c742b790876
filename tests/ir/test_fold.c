/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builder's folding and the backward pass against the interpreter: a program whose
 * constants the builder sees must end as one whose constants come from memory, and
 * either must end the same after optimisation.
 */
#include "tests/ir/prog.h"

#include "tcg/build.h"
#include "tcg/opt.h"
#include "util/bits.h"

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

/* (x2 >> x3) op (x2 << l), where x3 becomes a constant, then, before or never. */
static uint64_t turned(struct fold *t, enum ir_opcode op, uint64_t r, uint64_t l, uint64_t then)
{
	struct interp_mem m = tm_mem(t->got);
	static struct tm_state start;
	struct ir_block *b = &t->b;
	struct interp_result res;

	start = (struct tm_state){ .pc = TM_PC, .resv_addr = UINT64_MAX };
	start.x[2] = UINT64_C(0x123456789abcdef0);
	start.x[3] = start.x[4] = r;
	ir_begin(b, &tm_isa, TM_PC, 0);
	ir_insn(b, TM_PC, 4);
	if (then == UINT64_MAX)
		ir_mov(b, TM_X(3), ir_const(b, r));
	ir_op2(b, IR_SHR, IR_I64, TM_X(5), TM_X(2), TM_X(3));
	if (then != UINT64_MAX)
		ir_mov(b, TM_X(3), ir_const(b, then));
	ir_mov(b, TM_X(6), ir_const(b, l));
	ir_op2(b, IR_SHL, IR_I64, TM_X(7), TM_X(2), TM_X(6));
	ir_op2(b, op, IR_I64, TM_X(8), TM_X(5), TM_X(7));
	ir_exit(b, TM_PC + 4);
	tm_reset(t->got, &start, 1);
	if (ir_validate(b) || interp_run(b, &t->got->st, &m, &res))
		return 0;
	return t->got->st.x[8];
}

/* Two shifts are one rotation where their counts, at the shifts, say so. */
static bool rotations(struct fold *t)
{
	static const struct { uint64_t r, l, then; } try[] = {
		{ 3, 61, UINT64_MAX }, { 7, 61, 3 }, { 3, 61, 3 }, { 3, 61, 7 },
		{ 64, (uint64_t)-64, UINT64_MAX }, { 128, (uint64_t)-64, UINT64_MAX },
		{ 65, (uint64_t)-1, UINT64_MAX }, { 67, 61, UINT64_MAX },
	};
	static const enum ir_opcode ops[] = { IR_OR, IR_XOR, IR_ADD };
	uint64_t x = UINT64_C(0x123456789abcdef0), a, c, want, got;

	for (unsigned i = 0; i < ARRAY_SIZE(try); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(ops); k++) {
			a = x >> (try[i].r & 63);
			c = x << (try[i].l & 63);
			want = ops[k] == IR_OR ? a | c : ops[k] == IR_XOR ? a ^ c : a + c;
			got = turned(t, ops[k], try[i].r, try[i].l, try[i].then);
			if (got == want)
				continue;
			printf("shifts %u, operation %u: %llx, wanted %llx\n", i, k,
			       (unsigned long long)got, (unsigned long long)want);
			return false;
		}
	return true;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000, i;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	static struct fold t;
	static struct prog p;

	t.want = tm_new();
	t.got = tm_new();
	if (!rotations(&t))
		return 1;
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
