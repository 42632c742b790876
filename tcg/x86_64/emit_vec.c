/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector operations: the host has the guest's instructions, so nearly each is one. A result
 * that keeps the upper half of a pinned slot (V_MERGE) takes the SSE encoding, which leaves
 * bits 128 and up alone and destroys its first operand; others take VEX, which does neither.
 * Temporaries and slots that are not pinned are always computed by VEX, in a scratch register.
 */
#include <cpuid.h>
#include <string.h>

#include "tcg/emit.h"
#include "tcg/interp/vec.h"
#include "tcg/isa_tcg.h"
#include "tcg/vec.h"
#include "tcg/x86_64/emit_x86.h"
#include "util/softfloat/softfloat.h"

enum form {
	A,		/* d = op(a), imm */
	AB,		/* d = op(a, b), imm; SSE: d is a */
	AB0,		/* the same, with c in xmm0; SSE only */
	RM, RM256,	/* as A, with the operands' fields exchanged; always 256 bits */
	SHIFT2, SHIFT3, SHIFT4, SHIFT6, SHIFT7,	/* d = op(a), imm; SSE: d is a; opcode extension */
	BLENDV,		/* SSE: mask in xmm0; VEX: another opcode with the mask's register behind */
	FMA,		/* d is a; VEX only */
	DUP128,
	ZERO,
	GV, VG,		/* to integer: the integer in field reg, in field r/m */
	FLAGS,
	G,		/* d = op(integer) */
	AG		/* d = op(a, integer), imm; SSE: d is a */
};

static const struct enc { uint8_t form; uint32_t op; } encs[VOP_NR] = {
#define ENC(name, form, op) [VOP_##name] = { form, op },
#include "tcg/x86_64/vec_enc.def"
#undef ENC
};

/* What x86-64-v3 leaves open. */
enum { HAVE_AES = 1, HAVE_PCLMUL = 2, HAVE_SHA = 4, HAVE_F16C = 8, HAVE_ALL = 15 };
static unsigned without;		/* for tests: as if the host lacked these */

static unsigned probe(void)
{
	unsigned a, b, c, d, have = 0;

	if (__get_cpuid(1, &a, &b, &c, &d))
		have = (c >> 25 & 1) * HAVE_AES | (c >> 1 & 1) * HAVE_PCLMUL |
		       (c >> 29 & 1) * HAVE_F16C;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		have |= (b >> 29 & 1) * HAVE_SHA;
	return have;
}

void emit_vec_without(unsigned mask)
{
	without = mask;
}

static bool host_has(unsigned vop)
{
	static _Thread_local int have = -1;
	unsigned want;

	switch (vop) {
	case VOP_AESENC: case VOP_AESENCLAST: case VOP_AESDEC: case VOP_AESDECLAST:
	case VOP_AESIMC: case VOP_AESKEYGENASSIST:
		want = HAVE_AES;
		break;
	case VOP_PCLMULQDQ:
		want = HAVE_PCLMUL;
		break;
	case VOP_SHA1RNDS4: case VOP_SHA1NEXTE: case VOP_SHA1MSG1: case VOP_SHA1MSG2:
	case VOP_SHA256MSG1: case VOP_SHA256MSG2: case VOP_SHA256RNDS2:
		want = HAVE_SHA;
		break;
	case VOP_CVTPH2PS: case VOP_CVTPS2PH:
		want = HAVE_F16C;
		break;
	default:
		return true;
	}
	if (have < 0)
		have = (int)probe();
	return (unsigned)have & ~without & want;
}

/* l: 256 bits; v: the operand only VEX has, 0 where there is none */
static void vex_head(struct emitter *e, uint32_t op, bool l, int reg, int v, int index, int rm)
{
	int pp = op & P66 ? 1 : op & PF3 ? 2 : op & PF2 ? 3 : 0;

	x_vex(&e->c, pp, op & P0F38 ? 2 : op & P0F3A ? 3 : 1, !!(op & W), l, op & 0xff, reg, v,
	      index, rm);
}

static void vex(struct emitter *e, uint32_t op, bool l, int reg, int v, int rm)
{
	vex_head(e, op, l, reg, v, 0, rm);
	b1(&e->c, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* Bits 127:0; the rest stays. */
static void sse_mov(struct emitter *e, int dst, int src)
{
	if (dst != src)
		x_rr(&e->c, 0x28 | P0F, dst, src);		/* movaps */
}

static void full_mov(struct emitter *e, int dst, int src)
{
	if (dst != src)
		y_rr(&e->c, 0, 1, 0, 0x28, dst, 0, src);	/* vmovaps */
}

struct work {
	const struct ir_op *op;
	uint32_t code;
	uint8_t form;
	bool has_imm, wide;
	uint8_t imm;
	int r[3];		/* registers of a, b, c */
	bool own[3];		/* may be overwritten: a copy, or a temporary that ends here */
	int in_mem;		/* that operand is not in a register: it lies at m; -1: none */
	struct mem m;
	int g;			/* integer operand */
	int pin;		/* V_MERGE into this register: the SSE encoding; -1: VEX */
};

static void imm(struct emitter *e, const struct work *w)
{
	if (w->has_imm)
		b1(&e->c, w->imm);
}

/*
 * The operand that may lie in memory (state slots are aligned, as the SSE encodings want), or -1.
 * Some instructions take a register only, or do something else with memory.
 */
static int memory_operand(const struct work *w)
{
	switch (VOP_OP(w->op->aux)) {
	case VOP_MOVSS: case VOP_MOVSD: case VOP_MOVHLPS: case VOP_INSERTPS:
	case VOP_MOVMSKPS: case VOP_MOVMSKPD: case VOP_PMOVMSKB:
		return -1;
	}
	switch (w->form) {
	case A: case GV:
		return 0;
	case AB: case AB0: case BLENDV: case FLAGS:
		return 1;
	case FMA:
		return 2;
	default:
		return -1;
	}
}

/* Size of that operand there, as log2 of bytes; -1: not one of those that FLD has. */
static int memory_size(unsigned vop, bool wide)
{
	const char *name = vec_info[vop].name;
	size_t n = strlen(name);

	switch (vop) {
	case VOP_CVTPS2PD: case VOP_CVTDQ2PD: case VOP_CVTPH2PS:
	case VOP_PMOVSXBW: case VOP_PMOVZXBW: case VOP_PMOVSXWD: case VOP_PMOVZXWD:
	case VOP_PMOVSXDQ: case VOP_PMOVZXDQ:
		return wide ? MO_128 : MO_64;
	case VOP_PMOVSXBD: case VOP_PMOVZXBD: case VOP_PMOVSXWQ: case VOP_PMOVZXWQ:
		return wide ? MO_64 : MO_32;
	case VOP_PMOVSXBQ: case VOP_PMOVZXBQ: case VOP_PBROADCASTB: case VOP_PBROADCASTW:
		return -1;
	case VOP_MOVDDUP:
		return wide ? MO_256 : MO_64;
	case VOP_PSLLW: case VOP_PSLLD: case VOP_PSLLQ: case VOP_PSRLW: case VOP_PSRLD:
	case VOP_PSRLQ: case VOP_PSRAW: case VOP_PSRAD:
	case VOP_INSERTI128:
		return MO_128;
	case VOP_PBROADCASTD: case VOP_CVTSS2SD: case VOP_CVTSS2SI32: case VOP_CVTSS2SI64:
	case VOP_CVTTSS2SI32: case VOP_CVTTSS2SI64:
		return MO_32;
	case VOP_MOVQ: case VOP_PBROADCASTQ: case VOP_CVTSD2SS: case VOP_CVTSD2SI32:
	case VOP_CVTSD2SI64: case VOP_CVTTSD2SI32: case VOP_CVTTSD2SI64:
		return MO_64;
	}
	if (vec_info[vop].flags & VOF_128 && *name != 'P' && n > 2) {
		if (!strcmp(name + n - 2, "SS"))
			return MO_32;
		if (!strcmp(name + n - 2, "SD"))
			return MO_64;
	}
	return wide ? MO_256 : MO_128;
}

/*
 * Instructions for an operand in memory that are others than those for registers: MOVHPS, MOVLPS,
 * VBROADCASTI128; MOVUPS, since MOVAPS wants alignment with VEX, too.
 */
static bool other_code(const struct ir_op *op, unsigned size, struct work *w)
{
	unsigned n = VOP_OP(op->aux);

	if (n == VOP_BROADCASTI128 && size == MO_128) {
		w->code = P66 | P0F38 | 0x5a;
		w->form = A;
		return true;
	}
	if (n == VOP_MOV && size == (VOP_MODE(op->aux) == V_256 ? MO_256 : MO_128)) {
		w->code = P0F | 0x10;
		return true;
	}
	if (size != MO_64 || VOP_MODE(op->aux) == V_256 || (n != VOP_PUNPCKLQDQ && n != VOP_MOVSD))
		return false;
	w->code = n == VOP_MOVSD ? P0F | 0x12 : P0F | 0x16;
	return true;
}

bool vec_folds(const struct emitter *e, const struct ir_op *load)
{
	const struct ir_op *op = load + 1, *end = e->b->ops + e->b->nr_ops;
	uint32_t size = load->memop & MO_SIZE;
	struct work w = { .op = op };
	unsigned n;
	int at;

	while (op < end && op->op == IR_NOP)
		op++;
	if (op == end || (op->op != IR_VOP && op->op != IR_VTOI) || load->dst == IR_NONE ||
	    is_slot(e, load->dst) || val(e, load->dst)->uses != 1)
		return false;
	n = VOP_OP(op->aux);
	w.op = op;
	w.form = encs[n].form;
	if (!host_has(n))
		return false;
	/* the SSE encodings want what they read whole to be aligned */
	if (VOP_MODE(op->aux) == V_MERGE && size == MO_128 && !(load->memop & MO_ALIGN))
		return false;
	if (other_code(op, size, &w))
		return (w.form == A ? op->a : op->b) == load->dst;
	at = memory_operand(&w);
	return at >= 0 && (at == 0 ? op->a : at == 1 ? op->b : op->c) == load->dst &&
	       memory_size(n, VOP_MODE(op->aux) == V_256) == (int)size;
}

/* op reg, [v,] operand n */
static void sse_rm(struct emitter *e, const struct work *w, int reg, int n)
{
	if (n == w->in_mem)
		x_rm(&e->c, w->code, reg, w->m);
	else
		x_rr(&e->c, w->code, reg, w->r[n]);
}

static void vex_rm(struct emitter *e, const struct work *w, uint32_t code, int reg, int v, int n)
{
	if (n == w->in_mem) {
		vex_head(e, code, w->wide, reg, v, MAX(w->m.index, 0), w->m.base);
		x_modrm_mem(&e->c, reg, w->m);
	} else {
		vex(e, code, w->wide, reg, v, w->r[n]);
	}
}

static void operands(struct emitter *e, struct work *w)
{
	int mem = memory_operand(w);
	const ir_val v[3] = { w->op->a, w->op->op == IR_ITOV ? IR_NONE : w->op->b,
			      w->form == AB0 || w->op->op != IR_VOP ? IR_NONE : w->op->c };
	int i, k;

	for (i = 0; i < 3; i++) {
		w->r[i] = -1;
		if (v[i] == IR_NONE)
			continue;
		if (v[i] == e->fold) {
			other_code(w->op, e->fold_size, w);
			w->in_mem = i;
			w->m = e->fold_m;
			continue;
		}
		for (k = 0; k < i && v[k] != v[i]; k++)
			;
		if (k < i) {
			w->r[i] = w->r[k];
			w->own[k] = false;
			continue;
		}
		if (i == mem && is_slot(e, v[i]) && e->pin[v[i]] < 0 &&
		    (i == 2 || v[2] != v[i]) && (i >= 1 || v[1] != v[i])) {
			w->in_mem = i;
			w->m = slot_mem(e, v[i]);
			continue;
		}
		w->r[i] = f_in_reg(e, v[i]);
		w->own[i] = is_slot(e, v[i]) ? e->pin[v[i]] < 0 : val(e, v[i])->uses == 1;
	}
	if (w->op->op == IR_ITOV)
		w->g = in_reg(e, w->op->b);
}

/* Where a VEX result goes: the slot's register, one that an operand no longer needs, a new one. */
static int target(struct emitter *e, const struct work *w)
{
	ir_val dst = w->op->dst;
	int i;

	if (is_slot(e, dst) && e->pin[dst] >= 0 && VOP_MODE(w->op->aux) != V_MERGE)
		return e->pin[dst];
	for (i = 0; i < 3; i++)
		if (w->own[i])
			return w->r[i];
	return f_scratch(e);
}

/* The result is in r, its bits 255:128 as the mode wants them for a slot of its own. */
static void finish(struct emitter *e, const struct work *w, int r)
{
	ir_val dst = w->op->dst;

	if (is_slot(e, dst) && VOP_MODE(w->op->aux) == V_MERGE) {
		if (e->pin[dst] >= 0)
			sse_mov(e, e->pin[dst], r);
		else
			v_rm(&e->c, 0, 1, 0, 0x11, r, 0, slot_mem(e, dst));	/* vmovups */
		return;
	}
	f_def_done(e, dst, r, false);
}

static int shift_ext(unsigned form)
{
	static const uint8_t n[] = { 2, 3, 4, 6, 7 };

	return n[form - SHIFT2];
}

/* The SSE encoding on pinned register d; false: it would destroy an operand too early. */
static bool by_sse(struct emitter *e, const struct work *w)
{
	int d = w->pin;

	switch (w->form) {
	case A:
		if (w->code != (0x28 | P0F) || d != w->r[0])
			sse_rm(e, w, d, 0);
		break;
	case AB:
		if (d != w->r[0] && d == w->r[1])
			return false;
		sse_mov(e, d, w->r[0]);
		sse_rm(e, w, d, 1);
		break;
	case SHIFT2: case SHIFT3: case SHIFT4: case SHIFT6: case SHIFT7:
		sse_mov(e, d, w->r[0]);
		x_rr(&e->c, w->code, shift_ext(w->form), d);
		break;
	case G:
		x_rr(&e->c, w->code, d, w->g);
		break;
	case AG:
		sse_mov(e, d, w->r[0]);
		x_rr(&e->c, w->code, d, w->g);
		break;
	default:
		return false;
	}
	imm(e, w);
	return true;
}

/* What has no VEX encoding: on a register of its own, upper half zero. */
static void sha(struct emitter *e, struct work *w)
{
	int d = w->own[0] ? w->r[0] : f_scratch(e);

	if (d != w->r[0] || !is_slot(e, w->op->dst))
		v_rr(&e->c, 0, 1, 0, 0x28, d, 0, w->r[0]);
	sse_rm(e, w, d, 1);
	imm(e, w);
	finish(e, w, d);
}

/* The mask is in xmm0 by then, and none of the other operands. */
static void sha_rounds(struct emitter *e, struct work *w)
{
	if (w->pin >= 0 && w->pin == w->r[0]) {
		sse_rm(e, w, w->pin, 1);
		return;
	}
	sha(e, w);
}

static void fused(struct emitter *e, struct work *w)
{
	ir_val dst = w->op->dst;
	int d = is_slot(e, dst) && e->pin[dst] >= 0 ? e->pin[dst] : -1;

	if (d < 0 || (d != w->r[0] && (d == w->r[1] || d == w->r[2])))
		d = w->own[0] ? w->r[0] : f_scratch(e);
	full_mov(e, d, w->r[0]);
	vex_rm(e, w, w->code, d, w->r[1], 2);
	finish(e, w, d);
}

static void blendv(struct emitter *e, struct work *w)
{
	/* 0F38 10, 14, 15 are 0F3A 4C, 4A, 4B in VEX */
	unsigned n = w->code & 0xff, code = n == 0x10 ? 0x4c : n == 0x14 ? 0x4a : 0x4b;
	int d = target(e, w);

	vex_rm(e, w, P66 | P0F3A | code, d, w->r[0], 1);
	b1(&e->c, w->r[2] << 4);
	finish(e, w, d);
}

static void by_vex(struct emitter *e, struct work *w)
{
	int d;

	switch (w->form) {
	case FMA:
		fused(e, w);
		return;
	case BLENDV:
		blendv(e, w);
		return;
	case AB0:
		sha_rounds(e, w);
		return;
	case AB:
		if (vec_info[VOP_OP(w->op->aux)].flags & VOF_SSE) {
			sha(e, w);
			return;
		}
	}
	d = target(e, w);
	switch (w->form) {
	case A:
		if (w->code != (0x28 | P0F) || d != w->r[0] || !w->wide)
			vex_rm(e, w, w->code, d, 0, 0);
		break;
	case AB:
		vex_rm(e, w, w->code, d, w->r[0], 1);
		break;
	case RM:
		vex(e, w->code, w->wide, w->r[0], 0, d);
		break;
	case RM256:
		vex(e, w->code, true, w->r[0], 0, d);
		break;
	case DUP128:		/* the instruction itself takes memory only */
		vex(e, w->code, true, d, w->r[0], w->r[0]);
		b1(&e->c, 1);
		break;
	case G:
		vex(e, w->code, false, d, 0, w->g);
		break;
	case AG:
		vex(e, w->code, false, d, w->r[0], w->g);
		break;
	default:		/* SHIFT */
		vex(e, w->code, w->wide, shift_ext(w->form), d, w->r[0]);
		break;
	}
	imm(e, w);
	finish(e, w, d);
}

static struct mem fast_vec(unsigned n)
{
	return M(RBP, CPU_FAST_OFF(vec) + 32 * (int)n);
}

static void sits(struct emitter *e, ir_val tmp, int r)
{
	e->fs[r] = tmp;
	if (tmp != IR_NONE)
		e->treg[tmp - e->b->nr_slots] = (int8_t)r;
}

/* A temporary moves to xmm0, a slot is copied there; who is there moves out. */
static void in_xmm0(struct emitter *e, ir_val v)
{
	ir_val t = e->fs[0];
	int r;

	e->flock |= 1;
	if (t != IR_NONE && t == v)
		return;
	if (!is_slot(e, v)) {
		r = e->treg[v - e->b->nr_slots];
		if (t != IR_NONE)
			y_rm(&e->c, 0, 1, 0, 0x11, 0, 0, fast_vec(6));
		full_mov(e, 0, r);
		if (t != IR_NONE)
			y_rm(&e->c, 0, 1, 0, 0x10, r, 0, fast_vec(6));
		sits(e, t, r);
		sits(e, v, 0);
		return;
	}
	if (t != IR_NONE) {
		r = f_scratch(e);
		full_mov(e, r, 0);
		sits(e, t, r);
		sits(e, IR_NONE, 0);
		e->flock &= ~(1 << r);
	}
	if (e->pin[v] < 0)
		y_rm(&e->c, 0, 1, 0, 0x10, 0, 0, slot_mem(e, v));
	else
		full_mov(e, 0, e->pin[v]);
}

/* --- operations that the host lacks --- */

static uint64_t vec_soft(void *state, uint64_t aux, uint64_t unused)
{
	struct cpu_fast *f = CPU_FAST(state);
	struct sf_env env = interp_vec_env(CPU_HEAD(state)->fp_round);

	interp_vec((uint32_t)aux, (union vreg *)(void *)f->vec[3],
		   (const union vreg *)(const void *)f->vec, 0, &env);
	CPU_HEAD(state)->fp_flags |= env.flags;
	return 0;
}

static void soft(struct emitter *e, struct work *w)
{
	const ir_val v[3] = { w->op->a, w->op->b, w->op->c };
	int i, r;

	for (i = 0; i < 3; i++) {
		if (v[i] == IR_NONE)
			continue;
		r = f_in_reg(e, v[i]);
		y_rm(&e->c, 0, 1, 0, 0x11, r, 0, fast_vec(i));
		if (is_slot(e, v[i]) && e->pin[v[i]] < 0)
			e->flock &= ~(1 << r);
	}
	for (i = 0; i < 3; i++)		/* temporaries: the call does not keep them */
		if (e->fs[i] != IR_NONE)
			y_rm(&e->c, 0, 1, 0, 0x11, i, 0, fast_vec(4 + i));
	take(e, RAX);
	take(e, RDX);
	take(e, RCX);
	x_mov_ri(&e->c, RAX, w->op->aux);
	x_mov_ri(&e->c, RCX, (uint64_t)(uintptr_t)vec_soft);
	call_thunk(e, e->e->thunks->call_full, false);
	for (i = 0; i < 3; i++)
		if (e->fs[i] != IR_NONE)
			y_rm(&e->c, 0, 1, 0, 0x10, i, 0, fast_vec(4 + i));
	for (r = -1, i = 0; i < 3; i++)
		if (v[i] != IR_NONE && !is_slot(e, v[i]) && val(e, v[i])->uses == 1)
			r = e->treg[v[i] - e->b->nr_slots];
	if (r < 0)
		r = f_scratch(e);
	y_rm(&e->c, 0, 1, 0, 0x10, r, 0, fast_vec(3));
	finish(e, w, r);
}

/* --- the operations --- */

/* The slot's register or, where it has none, its memory; r: a register with zeros, or -1 yet. */
static void zero_slot(struct emitter *e, ir_val v, bool all, int *r)
{
	struct mem m = slot_mem(e, v);
	int pin = e->pin[v];

	if (pin >= 0) {
		if (all)
			v_rr(&e->c, 1, 1, 0, 0xef, pin, pin, pin);	/* vpxor */
		else
			v_rr(&e->c, 0, 1, 0, 0x28, pin, 0, pin);	/* vmovaps xmm */
		return;
	}
	if (*r < 0) {
		*r = f_scratch(e);
		v_rr(&e->c, 1, 1, 0, 0xef, *r, *r, *r);
	}
	if (all) {
		y_rm(&e->c, 0, 1, 0, 0x11, *r, 0, m);
	} else {
		m.disp += 16;
		v_rm(&e->c, 0, 1, 0, 0x11, *r, 0, m);
	}
}

static void zero(struct emitter *e, bool all, unsigned count)
{
	const struct isa_tcg *t = e->b->tcg;
	bool at_once = !count && e->fs[0] == IR_NONE && e->fs[1] == IR_NONE && e->fs[2] == IR_NONE;
	unsigned i, n = 0;
	int r = -1;

	for (i = 0; i < t->nr_slots; i++)
		at_once &= e->pin[i] < 0 || t->slots[i].fp != 1;
	if (at_once)
		x_vex(&e->c, 0, 1, 0, all, 0x77, 0, 0, 0, 0);	/* vzeroupper, vzeroall */
	for (i = 0; i < t->nr_slots; i++)
		if (t->slots[i].fp == 2 && (!count || n++ < count) && !(at_once && e->pin[i] >= 0))
			zero_slot(e, (ir_val)i, all, &r);
}

static void to_int(struct emitter *e, struct work *w)
{
	int d;

	if (w->form == FLAGS) {
		take(e, RAX);
		vex_rm(e, w, w->code, w->r[0], 0, 1);
		b1(&e->c, 0x9f);			/* lahf: SF ZF - AF - PF - CF */
		x_rr(&e->c, 0xb6 | P0F, RAX, 4);	/* movzx eax, ah */
		x_alu_ri(&e->c, ALU_AND, 0, RAX, 0x45);
		def_done(e, w->op->dst, RAX);
		return;
	}
	if (e->fold != IR_NONE)
		/* the address is read before the result is written */
		e->lock &= ~e->fold_lock;
	d = def_reg(e, w->op->dst, IR_NONE);
	if (w->form == GV)
		vex_rm(e, w, w->code, d, 0, 0);
	else
		vex(e, w->code, false, w->r[0], 0, d);
	imm(e, w);
	def_done(e, w->op->dst, d);
}

static void vec_op(struct emitter *e, const struct ir_op *op)
{
	unsigned n = VOP_OP(op->aux);
	struct work w = {
		.op = op,
		.code = encs[n].op,
		.form = encs[n].form,
		.has_imm = vec_info[n].flags & VOF_IMM,
		.imm = VOP_IMM(op->aux),
		.wide = VOP_MODE(op->aux) == V_256,
		.pin = -1,
		.in_mem = -1,
	};

	if (VOP_MODE(op->aux) == V_MERGE && n >= VOP_CMPPS && n <= VOP_CMPSD)
		/* the SSE forms have no more; they may be computed by VEX */
		w.imm &= 7;
	if (w.form == ZERO) {
		zero(e, n == VOP_ZEROALL, w.imm);
		return;
	}
	if (!host_has(n)) {
		soft(e, &w);
		return;
	}
	if (e->fold != IR_NONE)
		e->lock |= e->fold_lock;
	if (w.form == AB0)
		in_xmm0(e, op->c);
	operands(e, &w);
	if (VOP_MODE(op->aux) == V_MERGE && is_slot(e, op->dst))
		w.pin = e->pin[op->dst];
	if (op->op == IR_VTOI)
		to_int(e, &w);
	else if (w.pin < 0 || !by_sse(e, &w))
		by_vex(e, &w);
	e->fold = IR_NONE;
}

void emit_vec(struct emitter *e, const struct ir_op *op)
{
	int r;

	switch (op->op) {
	case IR_FLDS:
		r = f_def_reg(e, op->dst);
		vec_load(e, op->memop, STATE(op->off), r, false);
		f_def_done(e, op->dst, r, false);
		break;
	case IR_FSTS:
		vec_store(e, op->memop, STATE(op->off), f_in_reg(e, op->a));
		break;
	default:
		vec_op(e, op);
		break;
	}
}
