/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector operations: emitted code, which is the host's own instructions, against the
 * interpreter. Every operation in every mode it has, with operands in pinned registers, in
 * memory, in temporaries and in the same place; random and special values; every rounding
 * mode, FTZ and DAZ; results, untouched registers and floating-point flags bit for bit. Then the
 * same for what the host is said to lack, and loads and stores of all sizes at the edges of pages.
 *
 *   test_ir_vec [values per arrangement [arrangements [operation]]]
 */
#include "tests/ir/jit.h"
#include "tests/ir/prog.h"
#include "tcg/vec.h"
#include "util/bits.h"
#include "util/softfloat/softfloat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INTS 16
#define VECS 16
#define PC UINT64_C(0x12345400)

struct tv_state {
	uint64_t x[INTS];
	_Alignas(32) uint64_t v[VECS][4];
	_Alignas(32) uint64_t field[4][4];	/* FLDS, FSTS */
	uint64_t pc, resv[2];
};

struct tv {
	_Alignas(64) char below[CPU_HEADROOM];
	struct tv_state st;
	struct cpu_env env;
};

#define V(n) ((ir_val)(INTS + (n)))
#define XS(n, p) [n] = { "x" #n, offsetof(struct tv_state, x) + 8 * (n), 0, p },
#define VS(n, p) [INTS + (n)] = { "v" #n, offsetof(struct tv_state, v) + 32 * (n), 2, p },
static const struct ir_slot slots[INTS + VECS] = {
	XS(0, 1) XS(1, 2) XS(2, 3) XS(3, 4) XS(4, 5) XS(5, 6) XS(6, 7) XS(7, 8)
	XS(8, 9) XS(9, 10) XS(10, 0) XS(11, 0) XS(12, 0) XS(13, 0) XS(14, 0) XS(15, 0)
	VS(0, 1) VS(1, 2) VS(2, 3) VS(3, 4) VS(4, 5) VS(5, 6) VS(6, 7) VS(7, 8)
	VS(8, 9) VS(9, 10) VS(10, 11) VS(11, 12) VS(12, 13) VS(13, 0) VS(14, 0) VS(15, 0)
};

static const struct isa_tcg tv_isa = {
	.slots = slots,
	.nr_slots = ARRAY_SIZE(slots),
	.nr_views = 1,
	.pc_off = offsetof(struct tv_state, pc),
	.resv_addr_off = offsetof(struct tv_state, resv),
	.resv_val_off = offsetof(struct tv_state, resv) + 8,
	.fp_policy = FP_X86,
};

static struct jit *jit;
static struct tv *want, *got;
static struct tmach *mem_want, *mem_got;
static struct ir_block block;
static struct rng rng = { 20261121 };
static unsigned long results, faults;

/* --- values --- */

static uint16_t rng_f16(void)
{
	static const uint16_t special[] = { 0, 0x8000, 1, 0x3ff, 0x400, 0x7bff, 0x7c00, 0xfc00,
					    0x7c01, 0x7e00, 0xfe01, 0x3c00 };

	return rng_one_in(&rng, 3) ? special[rng_below(&rng, ARRAY_SIZE(special))] :
				     (uint16_t)rng_next(&rng);
}

static void random_vector(uint64_t v[4])
{
	unsigned kind = rng_below(&rng, 6), i, k;

	for (i = 0; i < 4; i++) {
		switch (kind) {
		case 0:
			v[i] = rng_next(&rng);
			break;
		case 1: case 2:
			v[i] = rng_f32(&rng) | (uint64_t)rng_f32(&rng) << 32;
			break;
		case 3: case 4:
			v[i] = rng_f64(&rng);
			break;
		default:	/* small counts, halves, bytes at the ends of their ranges */
			v[i] = rng_one_in(&rng, 2) ? rng_below(&rng, 70) : rng_int(&rng);
			for (k = 0; k < 64 && rng_one_in(&rng, 2); k += 16)
				v[i] = (v[i] & ~(UINT64_C(0xffff) << k)) | (uint64_t)rng_f16() << k;
		}
	}
}

/* Now and then near another vector: equal elements, sums that cancel. */
static void random_state(struct tv_state *st)
{
	unsigned i;

	for (i = 0; i < INTS; i++)
		st->x[i] = rng_int(&rng);
	for (i = 0; i < VECS; i++) {
		random_vector(st->v[i]);
		if (i && rng_one_in(&rng, 4))
			memcpy(st->v[i] + rng_below(&rng, 3), st->v[i - 1] + rng_below(&rng, 3),
			       16);
	}
	for (i = 0; i < 4; i++)
		random_vector(st->field[i]);
	st->pc = PC;
	st->resv[0] = UINT64_MAX;
}

/* --- running --- */

static uint8_t *plain_page(void *opaque, uint64_t va, bool write)
{
	enum tm_page kind;
	uint8_t *host = tm_host(mem_got, va, &kind);

	return kind == TM_RW || (kind == TM_RO && !write) ? host : NULL;
}

/* The block from the instruction at pc on: temporaries end with their instruction. */
static void translate(void *opaque, uint64_t pc, struct ir_block *b)
{
	unsigned i;

	*b = block;
	for (i = 0; b->ops[i].op != IR_INSN || b->ops[i].imm != (int64_t)pc; i++)
		;
	b->pc = pc;
	b->nr_ops -= i;
	memmove(b->ops, b->ops + i, sizeof(b->ops[0]) * b->nr_ops);
}

static void die(const char *why)
{
	printf("%s\n", why);
	ir_print(&block, stdout);
	exit(1);
}

static void dump(const char *what, const uint64_t v[4])
{
	printf("  %s %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", what, v[3],
	       v[2], v[1], v[0]);
}

static void dump_code(void)
{
	size_t size, hot, i;
	const uint8_t *p = jit_code(jit, &size, &hot);

	printf("code:");
	for (i = 0; i < hot; i++)
		printf(" %02x", p[i]);
	printf("\n");
}

static void compare(const struct tv_state *start, unsigned control)
{
	unsigned fw = CPU_HEAD(&want->st)->fp_flags, fg = CPU_HEAD(&got->st)->fp_flags, i;

	if (fw == fg && !memcmp(&want->st, &got->st, sizeof(want->st)))
		return;
	printf("interpreted and emitted differ; control 0x%x, flags 0x%x and 0x%x\n", control, fw,
	       fg);
	ir_print(&block, stdout);
	if (want->st.pc != got->st.pc)
		printf("pc: 0x%" PRIx64 ", 0x%" PRIx64 "\n", want->st.pc, got->st.pc);
	for (i = 0; i < INTS; i++)
		if (want->st.x[i] != got->st.x[i])
			printf("x%u: 0x%" PRIx64 ", 0x%" PRIx64 " (was 0x%" PRIx64 ")\n", i,
			       want->st.x[i], got->st.x[i], start->x[i]);
	for (i = 0; i < VECS; i++) {
		if (!memcmp(want->st.v[i], got->st.v[i], 32))
			continue;
		printf("v%u:\n", i);
		dump("interpreted", want->st.v[i]);
		dump("emitted    ", got->st.v[i]);
	}
	printf("before:\n");
	for (i = 0; i < VECS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "v%u", i);
		dump(name, start->v[i]);
	}
	for (i = 0; i < 4; i++)
		dump("field", start->field[i]);
	dump_code();
	exit(1);
}

/* Runs the block both ways from one random state. */
static void run_once(void)
{
	static struct tv_state start;
	const struct jit_ops ops = { plain_page, tm_mem(mem_got), translate, NULL };
	struct interp_mem m = tm_mem(mem_want);
	struct interp_result r;
	unsigned control;
	int e;

	random_state(&start);
	start.x[9] = TM_BASE + rng_below(&rng, TM_PAGES * TM_PAGE + 64) - 32;
	if (rng_one_in(&rng, 4))
		start.x[9] =
			TM_BASE + (1 + rng_below(&rng, TM_PAGES)) * TM_PAGE - rng_below(&rng, 64);
	if (!rng_one_in(&rng, 4))
		start.x[9] &= ~UINT64_C(31);
	start.x[12] = start.x[9];
	control = rng_below(&rng, 4) | (rng_one_in(&rng, 4) ? FP_CTL_FTZ : 0) |
		  (rng_one_in(&rng, 4) ? FP_CTL_DAZ : 0);
	want->st = got->st = start;
	CPU_HEAD(&want->st)->fp_round = CPU_HEAD(&got->st)->fp_round = (uint8_t)control;
	CPU_HEAD(&want->st)->fp_flags = CPU_HEAD(&got->st)->fp_flags = 0;
	CPU_HEAD(&want->st)->leave = CPU_HEAD(&got->st)->leave = 0;
	if (interp_run(&block, &want->st, &m, &r))
		die("the interpreter refused the block");
	e = jit_run(jit, &got->st, &ops);
	if (e < 0)
		die("not emitted");
	if ((r.how == INTERP_FAULT) != (e != 0))
		die("only one of them faulted");
	faults += e != 0;
	compare(&start, control);
	results++;
}

/* --- operations --- */

static void begin(void)
{
	ir_begin(&block, &tv_isa, PC, 0);
	ir_insn(&block, PC, 4);
}

static void end(void)
{
	const char *bad;

	ir_exit(&block, PC + 0x800);
	bad = ir_validate(&block);
	if (bad)
		die(bad);
}

/* Few slots, so that operands meet: pinned, not pinned, or a temporary. */
static ir_val pick(bool temp)
{
	static const uint8_t some[] = { 0, 1, 2, 12, 13, 14, 15 };
	ir_val t;

	if (!temp || !rng_one_in(&rng, 4))
		return V(some[rng_below(&rng, ARRAY_SIZE(some))]);
	t = ir_ftmp(&block);
	ir_flds(&block, t,
		(uint32_t)(offsetof(struct tv_state, field) + 32 * rng_below(&rng, 4)),
		MO_64 + rng_below(&rng, 3));
	return t;
}

static void build(unsigned op, enum vec_mode mode)
{
	const struct vec_info *info = &vec_info[op];
	uint8_t imm =
		info->flags & VOF_IMM ? (uint8_t)rng_next(&rng) & (info->nargs ? 255 : 15) : 0;
	uint32_t aux = VOP_AUX(op, mode, imm);
	ir_val a, b, c, d;

	begin();
	a = info->nargs >= 1 ? pick(true) : IR_NONE;
	b = info->nargs >= 2 ? pick(true) : IR_NONE;
	c = info->nargs >= 3 ? pick(true) : IR_NONE;
	switch (info->kind) {
	case VK_VTOI:
		ir_vtoi(&block, rng_one_in(&rng, 2) ? 3 : 12, a, b, aux);
		break;
	case VK_ITOV:
		ir_itov(&block, pick(false), info->nargs > 1 ? a : IR_NONE,
			rng_one_in(&rng, 3) ? ir_const(&block, rng_int(&rng)) :
					      rng_one_in(&rng, 2) ? 2 : 11, aux);
		break;
	default:
		d = !info->nargs ? IR_NONE : rng_one_in(&rng, 3) ? a : pick(false);
		if (d != IR_NONE && (d >= block.nr_slots || rng_one_in(&rng, 6))) {
			d = ir_ftmp(&block);	/* all of it is looked at */
			ir_vop(&block, d, a, b, c, aux);
			if (rng_one_in(&rng, 2))
				ir_fsts(&block, offsetof(struct tv_state, field), d, MO_256);
			else
				ir_vop(&block, V(3), d, IR_NONE, IR_NONE,
				       VOP_AUX(VOP_MOV, V_256, 0));
		} else {
			ir_vop(&block, d, a, b, c, aux);
		}
	}
	end();
}

/* An operand straight from memory: alone, or after a load nearby with which it shares a check. */
static void build_folded(unsigned op, enum vec_mode mode)
{
	const struct vec_info *info = &vec_info[op];
	uint8_t imm = info->flags & VOF_IMM ? (uint8_t)rng_next(&rng) : 0;
	uint32_t aux = VOP_AUX(op, mode, imm), size = MO_32 + rng_below(&rng, 4);
	ir_val v[3] = { IR_NONE, IR_NONE, IR_NONE }, base = rng_one_in(&rng, 2) ? 9 : 12, t;
	int32_t off = (int32_t)rng_below(&rng, 8) * 16;
	unsigned i;

	begin();
	if (rng_one_in(&rng, 2)) {
		ir_fld(&block, V(4), base, off + 4, MO_64 | (rng_one_in(&rng, 2) ? MO_VMERGE : 0));
		ir_insn(&block, PC + 4, 4);
	}
	t = ir_ftmp(&block);
	ir_fld(&block, t, base, off, size | (rng_one_in(&rng, 3) ? 0 : MO_ALIGN));
	for (i = 0; i < info->nargs; i++)
		v[i] = pick(false);
	v[rng_below(&rng, info->nargs)] = t;
	if (info->kind == VK_VTOI)
		ir_vtoi(&block, rng_one_in(&rng, 2) ? 3 : 13, v[0], v[1], aux);
	else
		ir_vop(&block, rng_one_in(&rng, 2) && v[0] != t ? v[0] : pick(false), v[0], v[1],
		       v[2], aux);
	end();
}

static void test_folded(unsigned op, unsigned arrangements, unsigned values)
{
	enum vec_mode mode;
	unsigned i, k;

	if (vec_info[op].kind == VK_ITOV || !vec_info[op].nargs)
		return;
	for (mode = V_MERGE; mode <= V_256; mode++) {
		if (!vec_mode_ok(op, mode))
			continue;
		for (i = 0; i < arrangements; i++) {
			build_folded(op, mode);
			jit_reset(jit);
			for (k = 0; k < values; k++)
				run_once();
		}
	}
}

static void fill_memory(void)
{
	unsigned page, i;

	for (page = 0; page < TM_PAGES; page++)
		for (i = 0; i < TM_PAGE; i += 32)
			random_vector((uint64_t *)(void *)&mem_want->ram[page][i]);
	memcpy(mem_got->ram, mem_want->ram, sizeof(mem_want->ram));
}

static void test_op(unsigned op, unsigned arrangements, unsigned values)
{
	enum vec_mode mode;
	unsigned i, k;

	for (mode = V_MERGE; mode <= V_256; mode++) {
		if (!vec_mode_ok(op, mode))
			continue;
		for (i = 0; i < arrangements; i++) {
			build(op, mode);
			jit_reset(jit);
			for (k = 0; k < values; k++)
				run_once();
		}
	}
}

/* --- memory --- */

/* Several instructions through one base, some of which want their operand aligned. */
static void neighbours(void)
{
	unsigned i, n = 2 + rng_below(&rng, 6);

	for (i = 0; i < n; i++) {
		uint32_t size = MO_32 + rng_below(&rng, 4);
		int32_t off = (int32_t)rng_below(&rng, 12) * (rng_one_in(&rng, 4) ? 8 : 16);

		if (size >= MO_128 && !rng_one_in(&rng, 3))
			size |= MO_ALIGN;
		if (i)
			ir_insn(&block, PC + 4 * i, 4);
		if (rng_one_in(&rng, 2))
			ir_fld(&block, V(rng_below(&rng, 16)), 9, off, size);
		else
			ir_fst(&block, 9, off, V(rng_below(&rng, 16)), size);
	}
}

static void test_memory(unsigned n)
{
	static const uint8_t reg[] = { 0, 12, 13 };
	unsigned i, k;

	for (i = 0; i < n; i++) {
		uint32_t size = MO_32 + rng_below(&rng, 4), memop = size;
		ir_val r = V(reg[rng_below(&rng, 3)]), t;
		int32_t off = rng_one_in(&rng, 2) ? 0 : (int32_t)rng_below(&rng, 64);

		if (rng_one_in(&rng, 4))
			memop |= MO_ALIGN;
		begin();
		switch (rng_below(&rng, 5)) {
		case 4:
			neighbours();
			break;
		case 0:
			ir_fst(&block, 9, off, r, memop);
			break;
		case 1:
			t = ir_ftmp(&block);
			ir_fld(&block, t, 9, off, memop);
			ir_vop(&block, r, r, t, IR_NONE, VOP_AUX(VOP_PADDB, V_256, 0));
			break;
		case 2:
			t = ir_ftmp(&block);
			ir_fld(&block, t, 9, off, memop);
			ir_fst(&block, 9, off + 40, t, size);
			ir_fst(&block, 9, off + 3, r, size);
			break;
		default:
			ir_fld(&block, r, 9, off,
			       memop | (size <= MO_128 && rng_one_in(&rng, 2) ? MO_VMERGE : 0));
			break;
		}
		end();
		jit_reset(jit);
		for (k = 0; k < 8; k++) {
			char why[200];

			run_once();
			if (tm_differ(mem_want, mem_got, why, sizeof(why)))
				die(why);
		}
	}
}

/* --- what the validator says, and the code's exact shape --- */

static void refused(unsigned op, ir_val d, ir_val a, ir_val b, uint32_t aux)
{
	begin();
	if (op == IR_VOP)
		ir_vop(&block, d, a, b, IR_NONE, aux);
	else if (op == IR_VTOI)
		ir_vtoi(&block, d, a, b, aux);
	else
		ir_itov(&block, d, a, b, aux);
	ir_exit(&block, PC + 0x800);
	if (!ir_validate(&block))
		die("this block should have been refused:");
}

static void test_refused(void)
{
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_NR, V_128, 0));
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_NONE, V_128, 0));
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_PADDB, 3, 0));
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_ADDSD, V_256, 0));
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_PERMD, V_128, 0));
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_PSLLVD, V_MERGE, 0));
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_SHA1MSG1, V_128, 0));
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_UCOMISD, V_128, 0));
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_PADDB, V_128, 0) | 1u << 31);
	refused(IR_VOP, V(0), V(0), IR_NONE, VOP_AUX(VOP_PADDB, V_128, 0));
	refused(IR_VOP, V(0), V(0), V(1), VOP_AUX(VOP_PABSB, V_128, 0));
	refused(IR_VOP, V(0), V(0), 1, VOP_AUX(VOP_PADDB, V_128, 0));
	refused(IR_VOP, 0, V(0), V(1), VOP_AUX(VOP_PADDB, V_128, 0));
	refused(IR_VOP, IR_NONE, V(0), V(1), VOP_AUX(VOP_PADDB, V_128, 0));
	refused(IR_VOP, V(0), IR_NONE, IR_NONE, VOP_AUX(VOP_ZEROUPPER, V_256, 0));
	refused(IR_VTOI, V(0), V(1), IR_NONE, VOP_AUX(VOP_MOVD_TO, V_128, 0));
	refused(IR_VTOI, 0, V(1), IR_NONE, VOP_AUX(VOP_PTEST, V_128, 0));
	refused(IR_ITOV, V(0), V(0), 1, VOP_AUX(VOP_MOVD_FROM, V_128, 0));
	refused(IR_ITOV, V(0), V(0), V(1), VOP_AUX(VOP_PINSRB, V_128, 0));
}

/* Bytes behind the entry's five and before the jump away. */
static void shape(const char *want)
{
	char is[200] = "";
	const uint8_t *p;
	size_t size, hot, i, n;

	end();
	jit_reset(jit);
	if (jit_emit(jit, &block))
		die("not emitted");
	p = jit_code(jit, &size, &hot);
	n = strlen(want) / 2;
	for (i = 5; i + 5 <= hot && i < 50 && (i < 5 + n || p[i] != 0xe9); i++)
		if (i < 5 + n || p[i] != 0x90)		/* the jump is aligned */
			sprintf(is + strlen(is), "%02x", p[i]);
	if (!strcmp(is, want))
		return;
	printf("wanted %s, got %s for\n", want, is);
	ir_print(&block, stdout);
	exit(1);
}

static void vop_shape(unsigned op, enum vec_mode mode, unsigned imm, ir_val d, ir_val a, ir_val b,
		      const char *want)
{
	begin();
	ir_vop(&block, d, a, b, IR_NONE, VOP_AUX(op, mode, imm));
	shape(want);
}

/* An operand in memory: the code ends so. */
static void load_shape(unsigned op, enum vec_mode mode, uint32_t memop, const char *want)
{
	char is[400] = "";
	const uint8_t *p;
	size_t size, hot, i, n = strlen(want);
	ir_val t;

	begin();
	t = ir_ftmp(&block);
	ir_fld(&block, t, 6, 0, memop);
	ir_vop(&block, V(0), V(0), t, IR_NONE, VOP_AUX(op, mode, 0));
	end();
	jit_reset(jit);
	if (jit_emit(jit, &block))
		die("not emitted");
	p = jit_code(jit, &size, &hot);
	for (i = 5; i + 5 < hot && i < 100; i++)
		sprintf(is + strlen(is), "%02x", p[i]);
	for (i = strlen(is); i >= 2 && !strcmp(is + i - 2, "90"); i -= 2)
		is[i - 2] = '\0';
	i = strlen(is);
	if (i >= n && !strcmp(is + i - n, want))
		return;
	printf("wanted an end of %s, got %s for\n", want, is);
	ir_print(&block, stdout);
	exit(1);
}

/* One guest instruction is one of the host's wherever the registers are pinned (v0: xmm3). */
static void test_shapes(void)
{
	vop_shape(VOP_ADDSD, V_MERGE, 0, V(0), V(0), V(1), "f20f58dc");
	vop_shape(VOP_ADDSD, V_MERGE, 0, V(0), V(0), V(14), "f20f589d40020000");
	vop_shape(VOP_ADDSD, V_128, 0, V(0), V(1), V(2), "c5db58dd");
	vop_shape(VOP_MOV, V_MERGE, 0, V(0), V(1), IR_NONE, "0f28dc");
	vop_shape(VOP_MOV, V_256, 0, V(0), V(1), IR_NONE, "c5fc28dc");
	vop_shape(VOP_PXOR, V_MERGE, 0, V(0), V(0), V(0), "660fefdb");
	vop_shape(VOP_PADDD, V_256, 0, V(0), V(1), V(2), "c5ddfedd");
	vop_shape(VOP_PSHUFD, V_MERGE, 0x1b, V(0), V(1), IR_NONE, "660f70dc1b");
	vop_shape(VOP_PSRLDQ, V_MERGE, 8, V(0), V(0), IR_NONE, "660f73db08");
	vop_shape(VOP_PSRLDQ, V_256, 8, V(0), V(1), IR_NONE, "c5e573dc08");
	vop_shape(VOP_CVTSS2SD, V_MERGE, 0, V(0), V(0), V(1), "f30f5adc");
	vop_shape(VOP_AESENC, V_MERGE, 0, V(0), V(0), V(1), "660f38dcdc");
	vop_shape(VOP_PUNPCKLQDQ, V_MERGE, 0, V(0), V(1), V(0), "c5d96cd30f28da");
	load_shape(VOP_ADDSD, V_MERGE, MO_64, "f2410f581c13");
	load_shape(VOP_PADDB, V_MERGE, MO_128 | MO_ALIGN, "66410ffc1c13");
	load_shape(VOP_PUNPCKLQDQ, V_MERGE, MO_64, "410f161c13");
	load_shape(VOP_PADDB, V_256, MO_256, "c4c165fc1c13");
	begin();
	ir_vop(&block, V(0), V(0), V(1), V(2), VOP_AUX(VOP_FMADD231SD, V_128, 0));
	shape("c4e2d9b9dd");
	begin();
	ir_vtoi(&block, 3, V(0), IR_NONE, VOP_AUX(VOP_PMOVMSKB, V_MERGE, 0));
	shape("c579d7c3");
	begin();
	ir_itov(&block, V(0), V(0), 3, VOP_AUX(VOP_CVTSI2SD64, V_MERGE, 0));
	shape("f2490f2ad8");
	begin();
	ir_vtoi(&block, 3, V(0), V(1), VOP_AUX(VOP_UCOMISD, V_MERGE, 0));
	shape("c5f92edc9f0fb6c483e0454c8bc0");
}

static struct tv *new_machine(void)
{
	struct tv *t = aligned_alloc(64, align_up(sizeof(*t), 64));

	if (!t)
		abort();
	memset(t, 0, sizeof(*t));
	CPU_HEAD(&t->st)->env = &t->env;
	return t;
}

int main(int argc, char **argv)
{
	unsigned values = argc > 1 ? (unsigned)atoi(argv[1]) : 24;
	unsigned arrangements = argc > 2 ? (unsigned)atoi(argv[2]) : 12;
	static const struct tm_state nothing;
	const char *why;
	unsigned op;

	jit = jit_new(&tv_isa, &why);
	if (!jit) {
		printf("cannot run emitted code: %s\n", why);
		return 77;
	}
	want = new_machine();
	got = new_machine();
	mem_want = tm_new();
	mem_got = tm_new();
	tm_reset(mem_want, &nothing, 1);
	tm_reset(mem_got, &nothing, 1);
	test_refused();
	test_shapes();
	fill_memory();
	for (op = VOP_NONE + 1; op < VOP_NR; op++)
		if (argc < 4 || !strcmp(argv[3], vec_info[op].name)) {
			test_op(op, arrangements, values);
			test_folded(op, arrangements, values / 2 + 1);
		}
	if (argc >= 4)
		return 0;
	emit_vec_without(15);
	for (op = VOP_NONE + 1; op < VOP_NR; op++) {
		const char *n = vec_info[op].name;

		if (!strncmp(n, "AES", 3) || !strncmp(n, "SHA", 3) || !strncmp(n, "PCLMUL", 6) ||
		    strstr(n, "PH"))
			test_op(op, arrangements, values / 4 + 1);
	}
	emit_vec_without(0);
	fill_memory();
	test_memory(values * 40);
	printf("%u operations, %lu results, %lu faults\n", VOP_NR - 1, results, faults);
	return !faults;
}
