/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * C called from translated code while guest registers sit in host vector
 * registers: compiled with -mgeneral-regs-only, calls nothing outside this file
 * but soft float. Anything longer is left to the callers' slow ways.
 */
#include "accel/tcg/tcg.h"
#include "util/bits.h"
#include "util/softfloat/softfloat.h"

unsigned tb_hash(uint64_t phys, uint64_t pc, uint32_t key)
{
	uint64_t h = (phys ^ (pc >> 12) << 7 ^ (uint64_t)key << 20) * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned)(h >> (64 - HASH_BITS));
}

static struct l2_entry *l2_probe(struct tcg_cpu *c, uint64_t page, unsigned view, unsigned prot)
{
	struct l2_entry *e = &c->l2[(page >> TLB_PAGE_BITS & (L2_SETS - 1)) * L2_WAYS];
	unsigned i;

	for (i = 0; i < L2_WAYS; i++)
		if (e[i].va == page && e[i].view == view && e[i].prot & prot &&
		    (e[i].serial == c->ctx->serial ||
		     (e[i].serial == c->global_serial && c->ctx->space)))
			return &e[i];
	return NULL;
}

/* What tlb_fill notes of an entry in a view that all spaces share was forgotten when the view
 * was cleared. */
static void shared_refilled(struct tcg_cpu *c, uint64_t va, const struct l2_entry *l)
{
	const struct tcg_context *x = c->ctx;
	unsigned h = va >> 63;

	if (!l->global)
		c->foreign |= 1u << l->view;
	if (va < x->big_hi[h] && va >= x->big_lo[h]) {
		c->shared_lo[h] = MIN(c->shared_lo[h], x->big_lo[h]);
		c->shared_hi[h] = MAX(c->shared_hi[h], x->big_hi[h]);
	}
}

struct emit_fill fast_fill(void *state, uint64_t va, uint64_t desc, const void *ra)
{
	struct tcg_cpu *c = tcg_of(state);
	uint64_t page = va & ~UINT64_C(0xfff), size, last;
	struct tcg_view *view = c->view;
	bool write = desc & DESC_WRITE;
	struct tlb_entry *t;
	struct l2_entry *l;

	size = desc & DESC_GROUP ? desc >> DESC_LEN_SHIFT : UINT64_C(1) << (desc & MO_SIZE);
	last = va + size - 1;
	if ((last ^ va) >> TLB_PAGE_BITS || DESC_MISALIGNED(desc, va))
		return (struct emit_fill){ 0, desc & DESC_GROUP ? FILL_DONE : FILL_SLOW };
	if (c->tv->checker && ra)	/* from translated code: is looked at in C first */
		return (struct emit_fill){ 0, FILL_SLOW };
	l = l2_probe(c, page, view->index, write ? PROT_W : PROT_R);
	if (!l)
		return (struct emit_fill){ 0, FILL_SLOW };
	t = write ? &view->w[TLB_INDEX(va)] : &view->r[TLB_INDEX(va)];
	t->tag = page;
	t->addend = l->addend;
	if (view == c->shared[view->index])
		shared_refilled(c, va, l);
	view->used = 1;
	c->n_fills++;
	return (struct emit_fill){ l->addend, FILL_FAST };
}

/* A crossing block's second page must still be the one it was made from. */
static bool second_page_is(struct tcg_cpu *c, uint64_t pc, uint64_t phys2)
{
	uint64_t next = (pc | 0xfff) + 1;
	const struct tlb_entry *x = &c->view->x[next >> TLB_PAGE_BITS & 255];

	return x->tag == next && x->addend == phys2;
}

static struct tb *find_in_hash(struct tcg_cpu *c, uint64_t phys, uint64_t pc, uint32_t key)
{
	struct tb *tb =
		atomic_load_explicit(&c->tv->hash[tb_hash(phys, pc, key)], memory_order_acquire);

	for (; tb; tb = atomic_load_explicit(&tb->hash_next, memory_order_acquire))
		if (tb->phys == phys && tb->pc == pc && tb->key == key &&
		    (tb->phys2 == NO_PHYS || second_page_is(c, pc, tb->phys2)))
			return tb;
	return NULL;
}

struct tb *fast_find(struct tcg_cpu *c, uint64_t pc, uint32_t key)
{
	struct tcg_view *view = c->view;
	struct tlb_entry *x = &view->x[pc >> TLB_PAGE_BITS & 255];
	struct tb *tb;
	uint64_t phys;

	if (x->tag != (pc & ~UINT64_C(0xfff)))
		return NULL;
	phys = x->addend | (pc & 0xfff);
	tb = find_in_hash(c, phys, pc, key);
	return tb ? tb : find_in_hash(c, phys, pc & 0xfff, key | KEY_PCREL);
}

/* What C jumps to when the guest goes on at pc. */
static const void *enter_at(void *state, const struct tb *tb, uint64_t pc)
{
	CPU_HEAD(state)->vpage = pc & ~UINT64_C(0xfff);
	return tb->entry;
}

const void *fast_lookup(void *state, uint64_t pc)
{
	struct tcg_cpu *c = tcg_of(state);
	struct tb *tb = c->tv->unchained || c->tv->checker ? NULL : fast_find(c, pc, c->key);

	c->n_lookups++;
	if (!tb) {
		*state_pc(c) = pc;
		return NULL;
	}
	jc_put(c->view, pc, tb->code);
	return enter_at(state, tb, pc);
}

const void *fast_safe(void *state, uint64_t pc)
{
	struct tcg_cpu *c = tcg_of(state);
	struct tb *tb = c->tv->unchained ? NULL : fast_find(c, pc, c->key | KEY_SAFE);

	if (tb)
		return enter_at(state, tb, pc);
	*state_pc(c) = pc;
	c->want_safe = true;
	return NULL;
}

bool fast_linkable(const struct tcg_exit *x, const struct tb *tb)
{
	/*
	 * a key change on the way (FP rounding) must not be cast in stone; a
	 * crossing block is revalidated each time
	 */
	return tb->phys2 == NO_PHYS && (x->tb->key & ~KEY_SAFE) == tb->key &&
	       (x->tb->phys ^ tb->phys) >> TLB_PAGE_BITS == 0;
}

const void *fast_link(void *state, uint64_t id)
{
	struct tcg_cpu *c = tcg_of(state);
	struct tcg_vm *tv = c->tv;
	struct tcg_region *r = &tv->regions[id / REGION_EXITS];
	struct tcg_exit *x = &r->exits[id % REGION_EXITS];
	uint64_t pc = x->target;
	struct tb *tb;

	if (x->tb->key & KEY_PCREL)
		pc = CPU_HEAD(state)->vpage | (pc & 0xfff);
	tb = tv->unchained ? NULL : fast_find(c, pc, c->key);
	if (!tb) {
		*state_pc(c) = pc;
		c->link_from = (uint32_t)id;
		return NULL;
	}
	if (fast_linkable(x, tb))
		emit_patch_edge(x->tb->rw + x->field, tv->delta, tb->entry);
	return enter_at(state, tb, pc);
}

static uint32_t unbox(uint64_t v)
{
	return v >> 32 == 0xffffffff ? (uint32_t)v : 0x7fc00000;
}

static uint64_t box(uint32_t v)
{
	return v | UINT64_C(0xffffffff00000000);
}

static uint64_t soft32(struct sf_env *s, unsigned op, unsigned aux, const uint64_t *arg)
{
	uint32_t a = unbox(arg[0]), b = unbox(arg[1]);
	unsigned neg = (aux & IR_FMA_NEG_PROD ? SF_FMA_NEG_PRODUCT : 0) |
		       (aux & IR_FMA_NEG_ADD ? SF_FMA_NEG_ADDEND : 0);

	switch (op) {
	case IR_FADD: return box(sf32_add(s, a, b));
	case IR_FSUB: return box(sf32_sub(s, a, b));
	case IR_FMUL: return box(sf32_mul(s, a, b));
	case IR_FDIV: return box(sf32_div(s, a, b));
	case IR_FSQRT: return box(sf32_sqrt(s, a));
	case IR_FMADD: return box(sf32_muladd(s, a, b, unbox(arg[2]), neg));
	case IR_FMIN: return box(sf32_min(s, a, b));
	case IR_FMAX: return box(sf32_max(s, a, b));
	case IR_FSGNJ:
		b = aux == 1 ? ~b : aux == 2 ? a ^ b : b;
		return box((a & 0x7fffffff) | (b & 0x80000000));
	case IR_FCMP:
		switch (aux) {
		case IR_FEQ: return sf32_eq_q(s, a, b);
		case IR_FLT: return sf32_lt_q(s, a, b);
		case IR_FLE: return sf32_le_q(s, a, b);
		case IR_FEQ | IR_FCMP_SIGNALING: return sf32_eq_s(s, a, b);
		case IR_FLT | IR_FCMP_SIGNALING: return sf32_lt_s(s, a, b);
		default: return sf32_le_s(s, a, b);
		}
	case IR_FCLASS: return sf32_classify(a);
	case IR_F2F: return sf32_to_f64(s, a);
	case IR_F2I:
		switch (aux >> 8 & 3) {
		case IR_INT_S32:
			return (uint64_t)(int64_t)sf32_to_i32(s, a, s->round, SF_INT_RISCV);
		case IR_INT_U32:
			return (uint64_t)(int64_t)(int32_t)sf32_to_u32(s, a, s->round,
								       SF_INT_RISCV);
		case IR_INT_S64: return (uint64_t)sf32_to_i64(s, a, s->round, SF_INT_RISCV);
		default: return sf32_to_u64(s, a, s->round, SF_INT_RISCV);
		}
	case IR_I2F:
		switch (aux >> 8 & 3) {
		case IR_INT_S32: return box(sf32_from_i32(s, (int32_t)arg[0]));
		case IR_INT_U32: return box(sf32_from_u32(s, (uint32_t)arg[0]));
		case IR_INT_S64: return box(sf32_from_i64(s, (int64_t)arg[0]));
		default: return box(sf32_from_u64(s, arg[0]));
		}
	}
	return 0;
}

static uint64_t soft64(struct sf_env *s, unsigned op, unsigned aux, const uint64_t *arg)
{
	uint64_t a = arg[0], b = arg[1];
	unsigned neg = (aux & IR_FMA_NEG_PROD ? SF_FMA_NEG_PRODUCT : 0) |
		       (aux & IR_FMA_NEG_ADD ? SF_FMA_NEG_ADDEND : 0);

	switch (op) {
	case IR_FADD: return sf64_add(s, a, b);
	case IR_FSUB: return sf64_sub(s, a, b);
	case IR_FMUL: return sf64_mul(s, a, b);
	case IR_FDIV: return sf64_div(s, a, b);
	case IR_FSQRT: return sf64_sqrt(s, a);
	case IR_FMADD: return sf64_muladd(s, a, b, arg[2], neg);
	case IR_FMIN: return sf64_min(s, a, b);
	case IR_FMAX: return sf64_max(s, a, b);
	case IR_FSGNJ:
		b = aux == 1 ? ~b : aux == 2 ? a ^ b : b;
		return (a & ~BIT(63)) | (b & BIT(63));
	case IR_FCMP:
		switch (aux) {
		case IR_FEQ: return sf64_eq_q(s, a, b);
		case IR_FLT: return sf64_lt_q(s, a, b);
		case IR_FLE: return sf64_le_q(s, a, b);
		case IR_FEQ | IR_FCMP_SIGNALING: return sf64_eq_s(s, a, b);
		case IR_FLT | IR_FCMP_SIGNALING: return sf64_lt_s(s, a, b);
		default: return sf64_le_s(s, a, b);
		}
	case IR_FCLASS: return sf64_classify(a);
	case IR_F2F: return box(sf64_to_f32(s, a));
	case IR_F2I:
		switch (aux >> 8 & 3) {
		case IR_INT_S32:
			return (uint64_t)(int64_t)sf64_to_i32(s, a, s->round, SF_INT_RISCV);
		case IR_INT_U32:
			return (uint64_t)(int64_t)(int32_t)sf64_to_u32(s, a, s->round,
								       SF_INT_RISCV);
		case IR_INT_S64: return (uint64_t)sf64_to_i64(s, a, s->round, SF_INT_RISCV);
		default: return sf64_to_u64(s, a, s->round, SF_INT_RISCV);
		}
	case IR_I2F:
		switch (aux >> 8 & 3) {
		case IR_INT_S32: return sf64_from_i32(s, (int32_t)arg[0]);
		case IR_INT_U32: return sf64_from_u32(s, (uint32_t)arg[0]);
		case IR_INT_S64: return sf64_from_i64(s, (int64_t)arg[0]);
		default: return sf64_from_u64(s, arg[0]);
		}
	}
	return 0;
}

void fast_soft_fp(void *state, uint64_t desc)
{
	struct cpu_fast *f = CPU_FAST(state);
	unsigned op = SOFT_OP(desc), aux = SOFT_AUX(desc), rm = aux & 7;
	struct sf_env s = { .nan = SF_NAN_DEFAULT };

	s.round = (uint8_t)(rm == IR_RM_DYN ? SOFT_ROUND(desc) : rm);
	/* F32 sources of conversions to F64 and the like have type F32 too */
	f->fpres = SOFT_TY(desc) == IR_F64 ? soft64(&s, op, aux, f->fparg) :
					     soft32(&s, op, aux, f->fparg);
	CPU_HEAD(state)->fp_flags |= s.flags & ~SF_DENORM;	/* RISC-V has no such flag */
}
