/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ir_validate refuses each kind of broken block, with the reason; ir_print survives them. */
#include "tests/ir/machine.h"

#include "tcg/build.h"

#include <stdlib.h>
#include <string.h>

static struct ir_block b;

static struct ir_op *op_of(enum ir_opcode op)
{
	unsigned i;

	for (i = 0; i < b.nr_ops; i++) {
		if (b.ops[i].op == op)
			return &b.ops[i];
	}
	abort();
}

/* A good block with one of several things in it. */
static void begin(void)
{
	ir_val t = 0, f;

	ir_begin(&b, &tm_isa, TM_PC, 0);
	ir_insn(&b, TM_PC, 4);
	t = ir_tmp(&b);
	ir_ld(&b, t, TM_X(24), 8, MO_64);
	ir_op2(&b, IR_ADD, IR_I64, TM_X(1), t, ir_const(&b, 5));
	ir_insn(&b, TM_PC + 4, 4);
	f = ir_ftmp(&b);
	ir_fop(&b, IR_FADD, IR_F64, f, TM_F(0), TM_F(1), IR_NONE, IR_RM_DYN);
	ir_fop(&b, IR_FMADD, IR_F32, TM_F(2), f, TM_F(1), TM_F(3), 0);
	ir_insn(&b, TM_PC + 8, 4);
	ir_fop(&b, IR_FCMP, IR_F32, TM_X(2), TM_F(2), TM_F(3), IR_NONE, IR_FEQ);
	ir_insn(&b, TM_PC + 12, 4);
	ir_select(&b, IR_LT, IR_I32, TM_X(3), TM_X(1), TM_X(2), t, ir_pc(&b, TM_PC + 16));
	ir_insn(&b, TM_PC + 16, 4);
	ir_amo(&b, AMO_ADD, IR_NONE, TM_X(24), TM_X(1), MO_32 | MO_SIGN | MO_ALIGN);
	ir_call(&b, 0, IR_NONE, tm_helper_pure, TM_X(1), IR_NONE);
	ir_brc(&b, IR_EQ, IR_I64, TM_X(1), TM_X(2), TM_PC + 100);
	ir_exit(&b, TM_PC + 16);
}

static int failed;

static void expect(const char *want)
{
	const char *got = ir_validate(&b);
	FILE *null = fopen("/dev/null", "w");

	if (want ? !got || !strstr(got, want) : got != NULL) {
		printf("wanted \"%s\", got \"%s\"\n", want ? want : "valid", got ? got : "valid");
		failed = 1;
	}
	if (!null)
		abort();
	ir_print(&b, null);
	fclose(null);
	begin();
}

int main(void)
{
	ir_val t;

	begin();
	expect(NULL);

	b.nr_ops--;
	expect("does not end");
	op_of(IR_CALL)->op = IR_EXIT;
	expect("too early");
	b.nr_ops = 0;
	expect("number of operations");
	op_of(IR_ADD)->op = IR_NR_OPS;
	expect("no such operation");

	op_of(IR_ADD)->a = TM_F(1);
	expect("wrong kind");
	op_of(IR_FMADD)->c = TM_X(1);
	expect("wrong kind");
	op_of(IR_FMADD)->c = IR_NONE;
	expect("c missing");
	op_of(IR_ADD)->dst = TM_F(1);
	expect("wrong kind");
	op_of(IR_ADD)->dst = IR_NONE;
	expect("destination missing");
	op_of(IR_ADD)->b = (ir_val)(b.nr_slots + b.nr_vals);
	expect("no value");
	op_of(IR_ADD)->dst = op_of(IR_ADD)->b;	/* a constant */
	expect("no temporary");
	op_of(IR_ADD)->dst = op_of(IR_LD)->dst;
	expect("set twice");
	op_of(IR_ADD)->a = op_of(IR_FADD)->dst;
	expect("wrong kind");
	t = ir_tmp(&b);
	op_of(IR_SELECT)->d = t;
	expect("used before set");
	op_of(IR_FADD)->a = op_of(IR_ADD)->b;
	expect("constant as floating");

	op_of(IR_SELECT)->ty = IR_TY(IR_I64, 10);
	expect("condition");
	op_of(IR_ADD)->ty = IR_F32;
	expect("type");
	op_of(IR_FADD)->ty = IR_I32;
	expect("type");
	op_of(IR_FADD)->aux = 5;
	expect("rounding");
	op_of(IR_FCMP)->aux = 3;
	expect("comparison");
	op_of(IR_ADD)->op = IR_MULHU;
	expect(NULL);
	op_of(IR_ADD)->ty = IR_I32;
	op_of(IR_ADD)->op = IR_MULHU;
	expect("64 bits only");
	op_of(IR_LD)->memop = MO_128;
	expect("size");
	op_of(IR_AMO)->off = AMO_MAXU + 1;
	expect("kind");

	op_of(IR_LD)->dst = TM_X(1);	/* then the temporary is never set */
	expect("used before set");
	ir_begin(&b, &tm_isa, TM_PC, 0);
	ir_insn(&b, TM_PC, 4);
	ir_mov(&b, TM_X(1), TM_X(2));
	ir_st(&b, TM_X(24), 0, TM_X(1), MO_64);
	ir_exit(&b, TM_PC + 4);
	expect("may leave after");
	printf(failed ? "validation is wrong\n" : "each kind of broken block is refused\n");
	return failed;
}
