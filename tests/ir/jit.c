/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts that emitted code calls are built for general registers only, like the rest
 * of this file: the guest's floats are in the host's registers at that time.
 */
#include "tests/ir/jit.h"

#include "tcg/isa_tcg.h"
#include "tcg/interp/eval.h"
#include "tcg/opt.h"
#include "util/bits.h"
#include "util/softfloat/softfloat.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CODE_SIZE (8u << 20)
#define MAX_BLOCKS 8192
#define MAX_EXITS 32768
#define RET_STACK (64u << 10)

struct jit_block {
	uint64_t pc;
	bool safe;
	const uint8_t *code, *end;
	struct emit_fault *faults;
	unsigned nr_faults;
};

struct jit {
	const struct isa_tcg *tcg;
	struct emit_thunks thunks;
	uint8_t *rw;
	ptrdiff_t rx_delta;
	size_t used, thunk_size;
	struct tcg_view *view;
	struct jit_block blocks[MAX_BLOCKS];
	unsigned nr_blocks;
	struct { uint64_t target; uint8_t *field; } exits[MAX_EXITS];
	unsigned nr_exits;
	void *ret_stack;
	struct emit_block e;
	struct ir_block b;
	struct jit_stats stats;
	size_t last_size, last_hot;
	const uint8_t *last_code;
};

/* Of the run under way, on this thread. */
static struct jit *cur;
static const struct jit_ops *cur_ops;
static bool cur_safe, cur_left;

static const struct jit_block *find(const struct jit *j, uint64_t pc, bool safe)
{
	unsigned i;

	for (i = j->nr_blocks; i-- > 0;) {	/* newest first: loops and recent code */
		if (j->blocks[i].pc == pc && j->blocks[i].safe == safe)
			return &j->blocks[i];
	}
	return NULL;
}

/* The instruction a return address into emitted code belongs to. */
static void locate(void *state, const void *ra)
{
	const uint8_t *p = ra;
	unsigned i, k;

	for (i = 0; i < cur->nr_blocks; i++) {
		const struct jit_block *b = &cur->blocks[i];

		if (p < b->code || p > b->end)
			continue;
		for (k = 0; k < b->nr_faults; k++) {
			if (b->faults[k].ra == (uint32_t)(p - b->code)) {
				st_64((char *)state + cur->tcg->pc_off,
				      b->pc + b->faults[k].pc_delta);
				return;
			}
		}
	}
	abort();	/* the back end promised one */
}

static struct emit_fill jit_fill(void *state, uint64_t va, uint64_t desc, const void *ra)
{
	bool write = desc & DESC_WRITE;
	uint64_t len = desc & DESC_GROUP ? desc >> DESC_LEN_SHIFT : UINT64_C(1) << (desc & MO_SIZE);
	struct tlb_entry *t = write ? cur->view->w : cur->view->r;
	uint8_t *host;

	if ((va & 4095) + len > 4096 || DESC_MISALIGNED(desc, va))
		host = NULL;
	else
		host = cur_ops->page(cur_ops->opaque, va, write);
	if (!host)
		return (struct emit_fill){ 0, desc & DESC_GROUP ? FILL_DONE : FILL_SLOW };
	t = &t[TLB_INDEX(va)];
	t->tag = va & ~UINT64_C(4095);
	t->addend = (uint64_t)(uintptr_t)host - va;
	return (struct emit_fill){ t->addend, FILL_FAST };
}

static int slow_rmw(void *state, uint64_t va, uint64_t desc, uint64_t *val)
{
	const struct interp_mem *m = &cur_ops->mem;
	uint32_t memop = desc & 0xfff;
	uint64_t old, expect;
	int r;

	if (desc & DESC_SC)
		expect = ld_64((char *)state + cur->tcg->resv_val_off);
	else if (desc & DESC_CAS)
		expect = CPU_FAST(state)->fparg[0];
	else
		return m->amo(m->opaque, va, desc >> DESC_AMO_SHIFT & 15, *val, memop, val);
	r = m->cas(m->opaque, va, expect, *val, memop, &old);
	if (desc & DESC_SC)
		*val = ((old ^ expect) & mask_bits(8u << (memop & MO_SIZE))) != 0;
	else
		*val = old;
	return r;
}

static struct emit_fill jit_slow(void *state, uint64_t va, uint64_t desc, const void *ra)
{
	uint64_t *val = &CPU_FAST(state)->slow_val;
	const struct interp_mem *m = &cur_ops->mem;
	uint32_t memop = desc & 0xfff;
	unsigned bits = 8u << (memop & MO_SIZE);
	int r;

	cur->stats.slow++;
	locate(state, ra);
	if (desc & (DESC_SC | DESC_CAS) || memop & MO_AMO)
		r = slow_rmw(state, va, desc, val);
	else if (bits > 64)
		r = m->vec(m->opaque, va, memop, desc & DESC_WRITE, CPU_FAST(state)->slow_vec);
	else if (desc & DESC_WRITE)
		r = m->store(m->opaque, va, memop, *val);
	else
		r = m->load(m->opaque, va, memop, val);
	if (r) {
		cur_left = true;
		return (struct emit_fill){ 0, FILL_LEAVE };
	}
	if (bits > 64)
		return (struct emit_fill){ 0, FILL_DONE };
	if (desc & DESC_FP && !(desc & DESC_WRITE))
		*val = bits == 32 ? interp_fp_box((uint32_t)*val, cur->tcg->fp_policy) : *val;
	else if (!(desc & DESC_SC) && (!(desc & DESC_WRITE) || memop & MO_AMO))
		*val = memop & MO_SIGN ? (uint64_t)sext(*val, bits) : *val & mask_bits(bits);
	return (struct emit_fill){ 0, FILL_DONE };
}

/* Leaving instead of going to a block: the state's pc says where. */
static const void *go_to(void *state, uint64_t pc, const struct jit_block *b)
{
	st_64((char *)state + cur->tcg->pc_off, pc);
	return b ? b->code : NULL;
}

static const void *jit_lookup(void *state, uint64_t pc)
{
	return go_to(state, pc, find(cur, pc, false));
}

static const void *jit_safe(void *state, uint64_t pc)
{
	const struct jit_block *b = find(cur, pc, true);

	cur_safe = !b;
	return go_to(state, pc, b);
}

static const void *jit_link(void *state, uint64_t exit_id)
{
	const struct jit_block *b = find(cur, cur->exits[exit_id].target, false);

	if (b)
		emit_patch_edge(cur->exits[exit_id].field, cur->rx_delta, b->code);
	return go_to(state, cur->exits[exit_id].target, b);
}

static void jit_soft_fp(void *state, uint64_t op)
{
	struct cpu_fast *fast = CPU_FAST(state);
	struct ir_op o = { .op = SOFT_OP(op), .ty = SOFT_TY(op), .aux = SOFT_AUX(op) };
	unsigned rm = o.aux & 7;
	struct sf_env env = { .round = (uint8_t)(rm == IR_RM_DYN ? SOFT_ROUND(op) : rm) };

	fast->fpres = interp_fp(&o, fast->fparg[0], fast->fparg[1], fast->fparg[2], &env,
				cur->tcg->fp_policy);
	CPU_HEAD(state)->fp_flags |= env.flags & ~SF_DENORM;
}

/* --- not called from emitted code --- */

static const struct emit_runtime runtime = {
	.int_fill = jit_fill,
	.slow_access = jit_slow,
	.int_lookup = jit_lookup,
	.int_safe = jit_safe,
	.int_link = jit_link,
	.int_soft_fp = jit_soft_fp,
};

static void map_code(struct jit *j)
{
	int fd = memfd_create("jit", 0);
	uint8_t *rx;

	if (fd < 0 || ftruncate(fd, CODE_SIZE))
		abort();
	j->rw = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rx = mmap(NULL, CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	close(fd);
	if (j->rw == MAP_FAILED || rx == MAP_FAILED)
		abort();
	j->rx_delta = rx - j->rw;
}

struct jit *jit_new(const struct isa_tcg *tcg, const char **why)
{
	struct jit *j;
	int n;

	if (!emit_host_ok(why))
		return NULL;
	j = calloc(1, sizeof(*j));
	if (!j)
		abort();
	j->tcg = tcg;
	map_code(j);
	j->view = aligned_alloc(64, align_up(sizeof(*j->view), 64));
	j->ret_stack = malloc(RET_STACK);
	if (!j->view || !j->ret_stack)
		abort();
	n = emit_thunks(j->rw, j->rx_delta, CODE_SIZE, tcg, &runtime, &j->thunks);
	if (n < 0)
		abort();
	j->thunk_size = align_up((uint64_t)n, 64);
	jit_reset(j);
	return j;
}

void jit_free(struct jit *j)
{
	jit_reset(j);
	munmap(j->rw + j->rx_delta, CODE_SIZE);
	munmap(j->rw, CODE_SIZE);
	free(j->view);
	free(j->ret_stack);
	free(j);
}

void jit_reset(struct jit *j)
{
	unsigned i;

	for (i = 0; i < j->nr_blocks; i++)
		free(j->blocks[i].faults);
	j->nr_blocks = j->nr_exits = 0;
	j->used = j->thunk_size;
	memset(j->ret_stack, 0xff, RET_STACK);	/* no pc is odd */
	for (i = 0; i < TLB_ENTRIES; i++)
		j->view->r[i].tag = j->view->w[i].tag = TLB_INVALID;
	for (i = 0; i < JC_ALL; i++)
		j->view->jc[i] = (struct jc_entry){ JC_EMPTY, NULL };
}

/* Emits j->b. */
static int emit(struct jit *j, uint64_t pc, bool safe)
{
	struct jit_block *b;
	unsigned i;
	int r;

	if (j->nr_blocks == MAX_BLOCKS || j->nr_exits + EMIT_MAX_EXITS > MAX_EXITS)
		return -ENOSPC;
	ir_optimize(&j->b);
	j->e.rw = j->rw + j->used;
	j->e.rx_delta = j->rx_delta;
	j->e.cap = CODE_SIZE - j->used;
	j->e.thunks = &j->thunks;
	j->e.smp = true;
	j->e.safe = safe;
	j->e.first_exit = j->nr_exits;
	r = emit_block(&j->b, &j->e);
	if (r) {
		j->stats.too_big += r == -E2BIG;
		return r;
	}
	for (i = 0; i < j->e.nr_exits; i++) {
		j->exits[j->nr_exits].target = j->e.exits[i].target;
		j->exits[j->nr_exits++].field = j->e.rw + j->e.exits[i].field;
	}
	b = &j->blocks[j->nr_blocks++];
	b->pc = pc;
	b->safe = safe;
	b->code = j->e.rw + j->rx_delta + j->e.entry;
	b->end = b->code + j->e.size;
	b->nr_faults = j->e.nr_faults;
	b->faults = malloc(sizeof(b->faults[0]) * (b->nr_faults + 1));
	if (!b->faults)
		abort();
	memcpy(b->faults, j->e.faults, sizeof(b->faults[0]) * b->nr_faults);
	j->used = align_up(j->used + j->e.size, 16);
	j->last_code = b->code;
	j->last_size = j->e.size;
	j->last_hot = j->e.cold;
	j->stats.blocks++;
	j->stats.safe += safe;
	j->stats.groups += j->e.nr_groups;
	j->stats.bytes += j->e.size;
	return 0;
}

int jit_run(struct jit *j, void *state, const struct jit_ops *ops)
{
	struct cpu_head *head = CPU_HEAD(state);
	const struct jit_block *b;
	uint32_t saved;
	uint64_t pc = ld_64((char *)state + j->tcg->pc_off);
	int r;

	cur = j;
	cur_ops = ops;
	cur_left = cur_safe = false;
	emit_init_cpu(state);
	head->view = j->view;
	head->ret_base = (char *)j->ret_stack + RET_STACK - 256;
	do {
		b = find(j, pc, cur_safe);
		if (!b) {
			cur_ops->translate(cur_ops->opaque, pc, &j->b);
			r = emit(j, pc, cur_safe);
			if (r)
				return r;
			b = &j->blocks[j->nr_blocks - 1];
		}
		cur_safe = false;
		saved = emit_fp_enter(head->fp_round);
		j->thunks.enter(state, b->code);
		head->fp_flags |= (uint8_t)emit_fp_take(cur->tcg->fp_policy);
		emit_fp_leave(saved);
		pc = ld_64((char *)state + j->tcg->pc_off);
	} while (cur_safe);
	if (head->leave == EMIT_LEAVE_GUARD) {
		head->leave = 0;
		j->tcg->guard_fail(state);
		return 1;
	}
	return cur_left || head->leave;
}

int jit_emit(struct jit *j, const struct ir_block *b)
{
	j->b = *b;
	return emit(j, b->pc, false);
}

const struct jit_stats *jit_stats(const struct jit *j)
{
	return &j->stats;
}

const uint8_t *jit_code(const struct jit *j, size_t *size, size_t *hot)
{
	*size = j->last_size;
	*hot = j->last_hot;
	return j->last_code;
}
