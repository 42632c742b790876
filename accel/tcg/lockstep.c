/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accel/tcg/lockstep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/log.h"
#include "util/scratch.h"

#define MAX_IR 200000		/* blocks remembered before all are forgotten */

/* --- setting up --- */

static void dry_guard(void *state)
{
	CPU_HEAD(state)->leave = EMIT_LEAVE_GUARD;
}

int lockstep_start(struct tcg_vm *tv, struct err *e)
{
	struct tcg_lockstep *l;
	const char *why;

	if (tv->interp || !emit_host_ok(&why))
		return err_set(e, EINVAL, "lockstep needs emitted code to compare with: %s",
			       tv->interp ? "interp=on" : why);
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(e, ENOMEM, "no memory");
	l->isa = *tv->isa;
	l->isa.guard_fail = dry_guard;
	pthread_mutex_init(&l->lock, NULL);
	tv->lock = l;
	return 0;
}

static void forget_all(struct tcg_lockstep *l)
{
	struct lock_ir *i, *next;
	unsigned k;

	for (k = 0; k < LOCK_HASH; k++) {
		for (i = l->hash[k]; i; i = next) {
			next = i->next;
			free(i);
		}
		l->hash[k] = NULL;
	}
	l->nr_ir = 0;
}

static void print_counts(const struct tcg_lockstep *l, FILE *f)
{
	fprintf(f, "lockstep: %lu runs of blocks compared (%lu of a part), ",
		(unsigned long)l->n_same, (unsigned long)l->n_cut);
	fprintf(f, "%lu left out by count or filter, %lu with device access, ",
		(unsigned long)l->n_skipped, (unsigned long)l->n_device);
	fprintf(f, "%lu raced with devices, %lu too large\n", (unsigned long)l->n_raced,
		(unsigned long)l->n_full);
}

void lockstep_info(struct tcg_vm *tv, FILE *f)
{
	if (tv->lock)
		print_counts(tv->lock, f);
}

void lockstep_stop(struct tcg_vm *tv)
{
	struct tcg_lockstep *l = tv->lock;
	unsigned i;

	if (!l)
		return;
	print_counts(l, log_file());
	for (i = 0; i < ARRAY_SIZE(l->cpu); i++) {
		if (!l->cpu[i])
			continue;
		dry_fini(&l->cpu[i]->dry);
		dry_fini(&l->cpu[i]->cut);
		free(l->cpu[i]->orig);
		free(l->cpu[i]);
	}
	forget_all(l);
	pthread_mutex_destroy(&l->lock);
	free(l);
	tv->lock = NULL;
}

/* --- the same answers for the real run --- */

static struct lock_cpu *of_env(struct cpu_env *env)
{
	struct tcg_cpu *c = container_of(env, struct vcpu, env)->engines[ACCEL_TCG];

	return c->tv->lock->cpu[c->v->index];
}

static uint64_t env_time(struct cpu_env *env)
{
	struct lock_cpu *lc = of_env(env);

	return lc->replaying && lc->at_time < lc->dry.nr_time ? lc->dry.time[lc->at_time++] :
								lc->real.time(env);
}

static uint64_t env_lines(struct cpu_env *env)
{
	struct lock_cpu *lc = of_env(env);

	return lc->replaying && lc->at_lines < lc->dry.nr_lines ? lc->dry.lines[lc->at_lines++] :
								  lc->real.lines(env);
}

static struct lock_cpu *cpu_of(struct tcg_cpu *c)
{
	struct lock_cpu **p = &c->tv->lock->cpu[c->v->index], *lc;

	if (*p)
		return *p;
	lc = calloc(1, sizeof(*lc));
	if (!lc)
		return NULL;
	lc->c = c;
	lc->orig = malloc(sizeof(struct cpu_head) + c->v->vm->isa->state_size);
	if (!lc->orig || dry_init(&lc->dry, c) < 0 || dry_init(&lc->cut, c) < 0) {
		dry_fini(&lc->dry);
		free(lc->orig);
		free(lc);
		return NULL;
	}
	*p = lc;
	lc->real = c->v->env_ops;
	c->v->env_ops.time = env_time;
	c->v->env_ops.lines = env_lines;
	return lc;
}

void lockstep_vcpu_stop(struct tcg_cpu *c)
{
	struct lock_cpu *lc = c->tv && c->tv->lock ? c->tv->lock->cpu[c->v->index] : NULL;

	if (!lc)
		return;
	c->v->env_ops.time = lc->real.time;
	c->v->env_ops.lines = lc->real.lines;
}

/* --- IR of blocks --- */

static struct lock_ir *new_ir(const struct tb *tb, const struct ir_block *b)
{
	size_t head = align_up(offsetof(struct ir_block, ops), 16),
	       ops = b->nr_ops * sizeof(b->ops[0]);
	struct lock_ir *i =
		calloc(1, sizeof(*i) + 16 + head + ops + b->nr_vals * sizeof(b->vals[0]));
	unsigned k;

	if (!i)
		return NULL;
	i->tb = tb;
	i->age = tb->region->age;
	i->nr_ops = b->nr_ops;
	i->nr_vals = b->nr_vals;
	i->head = (void *)align_up((uintptr_t)(i + 1), 16);
	i->ops = (void *)((char *)i->head + head);
	i->vals = (void *)((char *)i->ops + ops);
	memcpy(i->head, b, offsetof(struct ir_block, ops));
	memcpy(i->ops, b->ops, ops);
	memcpy(i->vals, b->vals, b->nr_vals * sizeof(b->vals[0]));
	for (k = 0; k < b->nr_ops; k++)
		i->helpers |= b->ops[k].op == IR_CALL || b->ops[k].op == IR_EXITFN;
	return i;
}

void lock_load_ir(const struct lock_cpu *lc, struct ir_block *b)
{
	const struct lock_ir *i = lc->ir;

	memcpy(b, i->head, offsetof(struct ir_block, ops));
	memcpy(b->ops, i->ops, i->nr_ops * sizeof(b->ops[0]));
	memcpy(b->vals, i->vals, i->nr_vals * sizeof(b->vals[0]));
}

/* NULL: an exception was raised, or the block died meanwhile. */
static struct lock_ir *ir_of(struct tcg_cpu *c, const struct tb *tb)
{
	struct tcg_lockstep *l = c->tv->lock;
	struct lock_ir **head = &l->hash[(uintptr_t)tb / 16 * 0x9e3779b1u % LOCK_HASH], **p, *i;
	const struct ir_block *b;
	uint64_t phys;

	for (p = head; (i = *p); p = &i->next) {
		if (i->tb != tb)
			continue;
		if (i->age == tb->region->age)
			return i;
		*p = i->next;
		free(i);
		l->nr_ir--;
		break;
	}
	if (l->nr_ir >= MAX_IR)
		forget_all(l);
	b = tcg_ir(c, *state_pc(c), &phys, tb->insns);
	if (!b || tb->dead || phys != tb->phys)
		return NULL;
	i = new_ir(tb, b);
	if (!i)
		return NULL;
	i->head->tcg = &l->isa;
	i->next = *head;
	*head = i;
	l->nr_ir++;
	return i;
}

/* --- one block --- */

static void enter(struct lock_cpu *lc, const struct tb *tb)
{
	struct tcg_cpu *c = lc->c;

	lc->at_time = lc->at_lines = 0;
	lc->replaying = true;
	c->n_enters++;
	CPU_HEAD(c->state)->vpage = *state_pc(c) & ~UINT64_C(0xfff);
	c->tv->thunks.enter(c->state, tb->entry);
	lc->replaying = false;
}

/*
 * The block, entered at start, as far as the instruction at pc, which did not
 * run; false when it has none there.
 */
static bool cut_before(struct ir_block *b, uint64_t start, uint64_t pc)
{
	uint64_t in_block = pc - start + b->pc;
	unsigned i, n = 0;

	for (i = 0; i < b->nr_ops; i++) {
		if (b->ops[i].op != IR_INSN)
			continue;
		if ((uint64_t)b->ops[i].imm == in_block) {
			b->ops[i] = (struct ir_op){
				.op = IR_EXIT, .dst = IR_NONE, .a = IR_NONE, .b = IR_NONE
			};
			b->ops[i].imm = (int64_t)in_block;
			b->nr_ops = i + 1;
			b->nr_insns = n;
			return true;
		}
		n++;
	}
	return false;
}

static bool state_differs(const struct lock_cpu *lc, const struct dry *want)
{
	const struct tcg_cpu *c = lc->c;
	const struct cpu_head *h = CPU_HEAD(c->state), *w = CPU_HEAD(want->state);
	const struct reg *r;

	if (h->leave != w->leave || h->fp_flags != w->fp_flags)
		return true;
	if (!memcmp(c->state, want->state, c->v->vm->isa->state_size))
		return false;
	if (c->isa->settle) {	/* what is kept lazily may be kept in several ways */
		c->isa->settle(c->state);
		c->isa->settle(want->state);
	}
	for (r = c->v->vm->isa->regs; r->name; r++)
		if (memcmp((const char *)c->state + r->off, (const char *)want->state + r->off,
			   r->bits / 8u))
			return true;
	return false;
}

static bool differs(const struct lock_cpu *lc, const struct dry *want)
{
	uint64_t seen;

	return state_differs(lc, want) || dry_missing(want, &seen);
}

static enum lock_outcome compare(struct lock_cpu *lc)
{
	static _Thread_local struct ir_block *b;
	struct tcg_cpu *c = lc->c;
	struct cpu_head *h = CPU_HEAD(c->state);

	if (!b)
		b = scratch_alloc(sizeof(*b));
	lc->want = &lc->dry;
	if (!differs(lc, &lc->dry))
		return LOCK_SAME;
	/* left in the middle, for the block's safe variant or because of a poke? */
	if (c->want_safe || c->interpret_one || atomic_load(&h->poll)) {
		lock_load_ir(lc, b);
		if (cut_before(b, lc->pc, *state_pc(c)) &&
		    dry_run(&lc->cut, b, lock_orig(lc), &lc->dry) == DRY_DONE) {
			lc->want = &lc->cut;
			if (!differs(lc, &lc->cut)) {
				c->tv->lock->n_cut++;
				return LOCK_SAME;
			}
		}
	}
	return dry_raced(&lc->dry) ? LOCK_RACED : LOCK_DIFFERS;
}

enum lock_outcome lock_run_block(struct lock_cpu *lc, struct tb *tb)
{
	static _Thread_local struct ir_block *b;
	struct tcg_cpu *c = lc->c;
	struct tcg_lockstep *l = c->tv->lock;
	struct cpu_head *h = CPU_HEAD(c->state);
	struct lock_ir *i = ir_of(c, tb);
	uint8_t flags;
	enum lock_outcome o;

	if (!b)
		b = scratch_alloc(sizeof(*b));
	if (!i)
		return LOCK_MOVED;
	if (c->tv->lock_runs && i->runs++ >= c->tv->lock_runs && i->runs % c->tv->lock_runs) {
		l->n_skipped++;
		enter(lc, tb);
		return LOCK_SKIPPED;
	}
	lc->ir = i;
	lc->pc = *state_pc(c);
	lock_load_ir(lc, b);
	h->fp_flags |= (uint8_t)emit_fp_take(c->isa->fp_policy);
	flags = h->fp_flags;
	/* they may read the flags; for the rest start with none, to see each one raised */
	if (!i->helpers)
		h->fp_flags = 0;
	memcpy(lc->orig, h, sizeof(*h) + c->v->vm->isa->state_size);
	switch (dry_run(&lc->dry, b, c->state, NULL)) {
	case DRY_DONE:
		enter(lc, tb);
		h->fp_flags |= (uint8_t)emit_fp_take(c->isa->fp_policy);
		o = compare(lc);
		l->n_same += o == LOCK_SAME;
		l->n_raced += o == LOCK_RACED;
		break;
	case DRY_REFUSED:
		o = LOCK_DIFFERS;
		break;
	case DRY_DEVICE:
		if (tb->insns > 1) {
			o = LOCK_DEVICE;
			break;
		}
		/* fall through */
	default:
		l->n_device += lc->dry.end == DRY_DEVICE;
		l->n_full += lc->dry.end == DRY_FULL;
		lc->dry.nr_time = lc->dry.nr_lines = 0;
		enter(lc, tb);
		o = LOCK_SKIPPED;
	}
	if (!i->helpers)
		h->fp_flags |= flags;
	return o;
}

/* --- the engine's loop calls this instead of entering chained code --- */

/* A vCPU that waits does not count as running: the one inside may stop the world. */
static void lock_in(struct tcg_cpu *c)
{
	struct tcg_lockstep *l = c->tv->lock;

	if (!pthread_mutex_trylock(&l->lock))
		return;
	world_leave(c);
	pthread_mutex_lock(&l->lock);
	world_enter(c);
}

void lock_kill(struct tcg_cpu *c, uint64_t pc, bool safe)
{
	struct tb *tb = fast_find(c, pc, c->key | (safe ? KEY_SAFE : 0));

	if (!tb)
		return;
	pthread_mutex_lock(&c->tv->blocks_lock);
	blocks_kill(c->tv, tb);
	pthread_mutex_unlock(&c->tv->blocks_lock);
}

/* Only the instruction that touches a device goes without comparison, in a block of its own. */
static enum lock_outcome run_parts(struct lock_cpu *lc, struct tb *tb, uint64_t pc, bool safe)
{
	struct tcg_cpu *c = lc->c;
	enum lock_outcome o;

	while ((o = lock_run_block(lc, tb)) == LOCK_DEVICE) {
		lock_kill(c, pc, safe);
		c->max_insns = lc->dry.insns > 1 ? lc->dry.insns - 1 : 1;
		tb = tcg_block(c, pc, safe);
		c->max_insns = 0;
		if (!tb)
			return LOCK_MOVED;
	}
	return o;
}

static int run_locked(struct tcg_cpu *c, uint64_t pc, struct vm_exit *x)
{
	struct tcg_lockstep *l = c->tv->lock;
	struct lock_cpu *lc = cpu_of(c);
	bool safe = c->want_safe;
	struct tb *tb;

	if (!lc)
		return -ENOMEM;
	if (c->mode_dirty)	/* somebody else ran while this one waited */
		tlb_mode_update(c);
	tb = c->interpret_one ? NULL : tcg_block(c, pc, safe);
	c->want_safe = false;
	c->link_from = ~0u;
	if (!tb && c->interpret_one) {	/* there is no emitted code to compare */
		c->interpret_one = false;
		l->n_full++;
		return oracle_run(c, pc, 1);
	}
	if (!tb)
		return 0;
	if (log_on(LOG_EXEC) && log_filter(pc))
		log_trace("exec cpu %u pc %016lx key %x\n", c->v->index, (unsigned long)pc,
			  tb->key);
	if (!log_filter(pc)) {
		l->n_skipped++;
		lc->dry.nr_time = lc->dry.nr_lines = 0;
		enter(lc, tb);
		return 0;
	}
	if (run_parts(lc, tb, pc, safe) != LOCK_DIFFERS)
		return 0;
	x->reason = VM_EXIT_ERROR;
	lock_report(lc, pc, safe, tb->insns, x->text, sizeof(x->text));
	return -EIO;
}

int lockstep_run(struct tcg_cpu *c, uint64_t pc, struct vm_exit *x)
{
	int r;

	lock_in(c);
	r = run_locked(c, pc, x);
	pthread_mutex_unlock(&c->tv->lock->lock);
	return r;
}
