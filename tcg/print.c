/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operation table, and IR as text (`-d ir`, failing tests).
 *
 * One operation is one line: "dst = op.type.cc a, b, ...". Slots have the ISA's
 * names, temporaries are t<n> and ft<n>, constants plain numbers, addresses
 * relative to the block pc+<n>.
 */
#include "tcg/ir.h"

#include "tcg/isa_tcg.h"
#include "tcg/vec.h"

#include <ctype.h>
#include <inttypes.h>

#define KIND_i 'i'
#define KIND_f 'f'
#define KIND__ '_'

const struct ir_opinfo ir_opinfo[IR_NR_OPS] = {
#define IR(name, dst, a, b, c, d, flags) \
	[IR_##name] = { #name, KIND_##dst, KIND_##a, KIND_##b, KIND_##c, KIND_##d, flags },
#include "tcg/ir.def"
#undef IR
};

static const char *const type_name[16] = {
	[IR_I64] = "i64", [IR_I32] = "i32", [IR_I32S] = "i32s", [IR_F32] = "f32", [IR_F64] = "f64",
};
static const char *const cc_name[16] = {
	[IR_EQ] = "eq", [IR_NE] = "ne", [IR_LT] = "lt", [IR_GE] = "ge", [IR_LE] = "le",
	[IR_GT] = "gt", [IR_LTU] = "ltu", [IR_GEU] = "geu", [IR_LEU] = "leu", [IR_GTU] = "gtu",
};
static const char *const amo_name[] = {
	[AMO_SWAP] = "swap", [AMO_ADD] = "add", [AMO_AND] = "and", [AMO_OR] = "or",
	[AMO_XOR] = "xor", [AMO_MINS] = "mins", [AMO_MAXS] = "maxs", [AMO_MINU] = "minu",
	[AMO_MAXU] = "maxu",
};
static const char *const round_name[8] = {
	"rne", "rtz", "rdn", "rup", "rmm", "odd", "rm6", "dyn"
};
static const char *const int_name[4] = { "s32", "u32", "s64", "u64" };
static const char *const mode_name[4] = { "merge", "128", "256", "mode3" };
static const char *const fcmp_name[4] = { "eq", "lt", "le", "?" };

static const char *name_or(const char *const *names, size_t n, size_t i)
{
	return i < n && names[i] ? names[i] : "?";
}
#define NAME(table, i) name_or(table, sizeof(table) / sizeof((table)[0]), i)

static void print_number(uint64_t v, FILE *f)
{
	if (v + 0x1000 <= 0x2000)
		fprintf(f, "%" PRId64, (int64_t)v);
	else
		fprintf(f, "0x%" PRIx64, v);
}

static void print_val(const struct ir_block *b, ir_val v, FILE *f)
{
	const struct ir_value *x;
	unsigned n = v - b->nr_slots;

	if (v == IR_NONE) {
		fputs("-", f);
		return;
	}
	if (v < b->nr_slots) {
		fputs(b->tcg->slots[v].name, f);
		return;
	}
	if (n >= b->nr_vals) {
		fprintf(f, "?%u", v);
		return;
	}
	x = &b->vals[n];
	switch (x->kind) {
	case VAL_TMP:
		fprintf(f, "t%u", n);
		break;
	case VAL_FTMP:
		fprintf(f, "ft%u", n);
		break;
	case VAL_PC:
		fprintf(f, "pc%+" PRId64, (int64_t)(x->cval - b->pc));
		break;
	default:
		print_number(x->cval, f);
	}
}

static void print_memop(uint32_t m, FILE *f)
{
	fprintf(f, ".%c%u%s", m & MO_SIGN ? 's' : 'u', 8u << (m & MO_SIZE), m & MO_BE ? "be" : "");
	if (m & MO_ALIGN)
		fputs(".align", f);
	if (m & MO_ACQ)
		fputs(".acq", f);
	if (m & MO_REL)
		fputs(".rel", f);
	if (m & MO_AMO)
		fputs(".rmw", f);
	if (m & MO_VMERGE)
		fputs(".merge", f);
}

static void print_lower(const char *s, FILE *f)
{
	for (; *s; s++)
		fputc(tolower((unsigned char)*s), f);
}

static bool is_vec(const struct ir_op *op)
{
	return op->op == IR_VOP || op->op == IR_VTOI || op->op == IR_ITOV;
}

static void print_suffix(const struct ir_op *op, FILE *f)
{
	switch (op->op) {
	case IR_LD: case IR_ST: case IR_FLD: case IR_FST: case IR_SC: case IR_LDS: case IR_STS:
	case IR_FLDS: case IR_FSTS:
		print_memop(op->memop, f);
		return;
	case IR_AMO:
		fprintf(f, ".%s", NAME(amo_name, (unsigned)op->off));
		print_memop(op->memop, f);
		return;
	case IR_CAS:
		print_memop(op->aux, f);
		return;
	case IR_SETC: case IR_SELECT: case IR_BRC:
		fprintf(f, ".%s.%s", NAME(type_name, IR_TYPE(op->ty)),
			NAME(cc_name, IR_CC(op->ty)));
		return;
	case IR_CALL:
		if (op->ty & IRH_SYNC)
			fputs(".sync", f);
		if (op->ty & IRH_LEAVE)
			fputs(".leave", f);
		return;
	case IR_FADD: case IR_FSUB: case IR_FMUL: case IR_FDIV: case IR_FSQRT: case IR_F2F:
		fprintf(f, ".%s.%s", NAME(type_name, IR_TYPE(op->ty)), round_name[op->aux & 7]);
		return;
	case IR_FMADD:
		fprintf(f, ".%s.%s%s%s", NAME(type_name, IR_TYPE(op->ty)), round_name[op->aux & 7],
			op->aux & IR_FMA_NEG_PROD ? ".negprod" : "",
			op->aux & IR_FMA_NEG_ADD ? ".negadd" : "");
		return;
	case IR_F2I: case IR_I2F:
		fprintf(f, ".%s.%s.%s", NAME(type_name, IR_TYPE(op->ty)),
			int_name[op->aux >> 8 & 3], round_name[op->aux & 7]);
		return;
	case IR_FCMP:
		fprintf(f, ".%s.%s%s", NAME(type_name, IR_TYPE(op->ty)), fcmp_name[op->aux & 3],
			op->aux & IR_FCMP_SIGNALING ? ".signaling" : "");
		return;
	case IR_VOP: case IR_VTOI: case IR_ITOV:
		fputc('.', f);
		print_lower(VOP_OP(op->aux) < VOP_NR ? vec_info[VOP_OP(op->aux)].name : "?", f);
		fprintf(f, ".%s", mode_name[VOP_MODE(op->aux)]);
		return;
	case IR_FSGNJ:
		fprintf(f, ".%s.%s", NAME(type_name, IR_TYPE(op->ty)),
			op->aux == 1 ? "neg" : op->aux == 2 ? "xor" : "copy");
		return;
	}
	if ((op->op >= IR_MOV && op->op <= IR_MAXU) || op->op >= IR_FADD)
		fprintf(f, ".%s", NAME(type_name, IR_TYPE(op->ty)));
}

/* What is neither operand nor suffix: targets, offsets. */
static void print_rest(const struct ir_block *b, const struct ir_op *op, FILE *f)
{
	switch (op->op) {
	case IR_BRC: case IR_EXIT: case IR_LOOKUP:
		fprintf(f, " -> 0x%" PRIx64, (uint64_t)op->imm);
		break;
	case IR_CALLD:
		fprintf(f, " -> 0x%" PRIx64 ", return to +%u", (uint64_t)op->imm, op->a);
		break;
	case IR_CALLI:
		fprintf(f, ", return to 0x%" PRIx64, (uint64_t)op->imm);
		break;
	case IR_CALL: case IR_EXITFN:
		fprintf(f, " fn 0x%" PRIx64, (uint64_t)op->imm);
		break;
	case IR_FENCE:
		fprintf(f, " %u", (unsigned)op->imm);
		break;
	case IR_GUARD:
		fprintf(f, " state[%d] == %u", op->off, op->aux);
		break;
	case IR_VOP: case IR_VTOI: case IR_ITOV:
		if (VOP_OP(op->aux) < VOP_NR && vec_info[VOP_OP(op->aux)].flags & VOF_IMM)
			fprintf(f, ", 0x%02x", VOP_IMM(op->aux));
		break;
	case IR_LDS: case IR_STS: case IR_FLDS: case IR_FSTS:
		fprintf(f, " state[%d]", op->off);
		break;
	}
}

void ir_print_op(const struct ir_block *b, const struct ir_op *op, FILE *f)
{
	const struct ir_opinfo *info;
	const char *sep = " ";

	if (op->op >= IR_NR_OPS) {
		fprintf(f, "op%u?\n", op->op);
		return;
	}
	info = &ir_opinfo[op->op];
	if (op->op == IR_INSN) {
		fprintf(f, "insn 0x%" PRIx64 " +%u\n", (uint64_t)op->imm, op->a);
		return;
	}
	fputs("\t", f);
	if (info->dst != '_') {
		print_val(b, op->dst, f);
		fputs(" = ", f);
	}
	print_lower(info->name, f);
	print_suffix(op, f);
	if (info->a != '_' && !(is_vec(op) && op->a == IR_NONE)) {
		fputs(sep, f);
		if (op->op == IR_LD || op->op == IR_ST || op->op == IR_FLD || op->op == IR_FST) {
			fputs("[", f);
			print_val(b, op->a, f);
			fprintf(f, "%+d]", op->off);
		} else {
			print_val(b, op->a, f);
		}
		sep = ", ";
	}
	if (info->b != '_' && !(is_vec(op) && op->b == IR_NONE)) {
		fputs(sep, f);
		print_val(b, op->b, f);
		sep = ", ";
	}
	if (info->c != '_' && !(is_vec(op) && op->c == IR_NONE)) {
		fputs(sep, f);
		print_val(b, op->c, f);
	}
	if (info->d != '_') {
		fputs(sep, f);
		print_val(b, op->d, f);
	}
	print_rest(b, op, f);
	fputs("\n", f);
}

void ir_print(const struct ir_block *b, FILE *f)
{
	unsigned i;

	fprintf(f,
		"block 0x%" PRIx64 "..0x%" PRIx64 " key 0x%x view %u round %s, %u insns, %u ops\n",
		b->pc, b->end, b->key, b->view, round_name[b->round & 7], b->nr_insns, b->nr_ops);
	for (i = 0; i < b->nr_ops; i++)
		ir_print_op(b, &b->ops[i], f);
}
