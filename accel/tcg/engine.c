/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The accelerator table of the translator, and the loop around translated code. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/tcg/check.h"
#include "accel/tcg/tcg.h"
#include "hw/core/irqchip.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"

#define RET_STACK (256u << 10)
#define RET_GUARD (64u << 10)
#define RET_HEADROOM 4096 /* above the empty position: what answers to no return but one */

static _Thread_local struct tcg_cpu *current;
static struct sigaction old_segv;

/* The guest's call depth ran through the return stack: start over with an empty one. */
static void on_segv(int sig, siginfo_t *si, void *uc)
{
	struct tcg_cpu *c = current;

	if (c && (char *)si->si_addr >= (char *)c->ret_stack - RET_GUARD &&
	    (char *)si->si_addr < (char *)c->ret_stack &&
	    emit_signal_pc(uc) - (uint64_t)(uintptr_t)c->tv->rx < c->tv->size) {
		emit_fix_stack(uc, CPU_HEAD(c->state)->ret_base);
		return;
	}
	sigaction(SIGSEGV, &old_segv, NULL);	/* ours: happens again, for good */
}

#define ALT_STACK (64u << 10)

static pthread_key_t alt_key;

static void alt_free(void *alt)
{
	stack_t off = { .ss_flags = SS_DISABLE };

	sigaltstack(&off, NULL);
	free(alt);
}

static void install_handler(void)
{
	struct sigaction sa = { .sa_sigaction = on_segv,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	sigaction(SIGSEGV, &sa, &old_segv);
	pthread_key_create(&alt_key, alt_free);
}

/* The handler cannot run on the guest's return stack. A sanitizer may have given the thread one. */
static void thread_init(struct tcg_cpu *c)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static _Thread_local bool ready;
	stack_t ss;

	pthread_once(&once, install_handler);
	if (!ready && !sigaltstack(NULL, &ss) && ss.ss_flags & SS_DISABLE) {
		ss = (stack_t){ .ss_sp = malloc(ALT_STACK), .ss_size = ALT_STACK };
		if (ss.ss_sp) {
			sigaltstack(&ss, NULL);
			pthread_setspecific(alt_key, ss.ss_sp);
		}
	}
	ready = true;
	current = c;
}

static struct tcg_cpu *of_env(struct cpu_env *env)
{
	return container_of(env, struct vcpu, env)->engines[ACCEL_TCG];
}

static void env_flush(struct cpu_env *env, const struct tlb_flush *f)
{
	tlb_flush_local(of_env(env), f);
}
static void env_code_barrier(struct cpu_env *env) {
} /* translations follow every write by themselves */
static void env_mode_changed(struct cpu_env *env)
{
	struct tcg_cpu *c = of_env(env);

	if (c->ctx)
		tlb_mode_update(c);
}

static unsigned env_fp_take(struct cpu_env *env)
{
	struct tcg_cpu *c = of_env(env);
	struct cpu_head *h = CPU_HEAD(c->state);
	unsigned f = h->fp_flags | (current == c ? emit_fp_take(c->isa->fp_policy) : 0);

	h->fp_flags = 0;
	return f;
}

static void env_fp_round(struct cpu_env *env, unsigned round)
{
	struct tcg_cpu *c = of_env(env);

	CPU_HEAD(c->state)->fp_round = (uint8_t)round;
	if (current == c)
		emit_fp_round(round);
}

static void tcg_probe(const struct isa *isa, struct accel_caps *caps)
{
	const char *why = NULL;

	memset(caps, 0, sizeof(*caps));
	if (!isa->tcg) {
		snprintf(caps->why, sizeof(caps->why), "no translator for %s guests yet",
			 isa->name);
		return;
	}
	caps->usable = true;
	caps->mode_native = emit_host_ok(&why);
	if (isa->tcg->caps)
		isa->tcg->caps(&caps->phys_bits, &caps->tsc_hz);
	if (!caps->mode_native)
		snprintf(caps->why, sizeof(caps->why), "IR interpreter: %s", why);
	else
		snprintf(caps->why, sizeof(caps->why), "translator");
}

static int parse_args(struct tcg_vm *tv, const char *args, size_t *code, struct err *e)
{
	char buf[256], *p = buf, *w, *end;

	if (!args)
		return 0;
	snprintf(buf, sizeof(buf), "%s", args);
	while ((w = strsep(&p, ","))) {
		bool on = strstr(w, "=on") != NULL;

		if (!*w)
			continue;
		if (!strcmp(w, "interp=on") || !strcmp(w, "interp=off")) {
			tv->interp = on;
		} else if (!strcmp(w, "check=on") || !strcmp(w, "check=off")) {
			tv->check = on;
		} else if (!strcmp(w, "stats=on") || !strcmp(w, "stats=off")) {
			tv->stats = on;
		} else if (!strcmp(w, "pcrel=on") || !strcmp(w, "pcrel=off")) {
			tv->pcrel = on;
		} else if (!strcmp(w, "perfmap=on") || !strcmp(w, "perfmap=off")) {
			tv->perfmap = on;
		} else if (!strcmp(w, "lockstep=on") || !strcmp(w, "lockstep=off")) {
			tv->lockstep = on;
		} else if (!strncmp(w, "lockstep=", 9)) {
			unsigned long n = strtoul(w + 9, &end, 10);

			if (*end || !n || n > 1000000)
				return err_set(
					e, EINVAL,
					"lockstep=%s: on, off, or how often a block is compared",
					w + 9);
			tv->lockstep = true;
			tv->lock_runs = (unsigned)n;
		} else if (!strncmp(w, "block-insns=", 12)) {
			unsigned long n = strtoul(w + 12, &end, 10);

			if (*end || !n || n > 64)
				return err_set(e, EINVAL, "block-insns=%s: wants 1 to 64", w + 12);
			tv->block_insns = (unsigned)n;
		} else if (!strncmp(w, "sabotage=", 9)) {
			tv->sabotage = sabotage_find(w + 9);
			if (!tv->sabotage)
				return err_set(
					e, EINVAL,
					"sabotage=%s: no operation of that name to mistake",
					w + 9);
		} else if (!strncmp(w, "code-size=", 10)) {
			unsigned long mib = strtoul(w + 10, &end, 10);

			if (*end == 'M')
				end++;
			if (*end || mib < 8 || mib > 2000)
				return err_set(e, EINVAL, "code-size=%s: wants 8M to 2000M",
					       w + 10);
			*code = mib << 20;
		} else {
			return err_set(
				e, EINVAL,
				"unknown property '%s' (interp, check, lockstep, pcrel, perfmap, "
				"stats=on|off, block-insns=N, code-size=MiB)",
				w);
		}
	}
	return 0;
}

static void mem_written(void *opaque, gpa_t gpa, uint64_t len)
{
	struct tcg_vm *tv = opaque;
	uint64_t off;
	struct mem_block *b = mem_find_at(&tv->vm->machine->mem, gpa, &off);

	if (b)
		code_written(tv, b, off, MIN(len, b->size - off));
}

static void tcg_vm_stop(struct vm *vm)
{
	struct tcg_vm *tv = vm->engines[ACCEL_TCG];

	if (!tv)
		return;
	vm->machine->mem.written = NULL;
	lockstep_stop(tv);
	check_stop(tv);
	blocks_free(tv);
	if (tv->perf)
		fclose(tv->perf);
	pthread_mutex_destroy(&tv->blocks_lock);
	pthread_mutex_destroy(&tv->world_lock);
	pthread_cond_destroy(&tv->world_cond);
	free(tv);
	vm->engines[ACCEL_TCG] = NULL;
}

static int tcg_vm_start(struct vm *vm, struct err *e)
{
	struct tcg_vm *tv = calloc(1, sizeof(*tv));
	size_t code = (size_t)256 << 20;
	const char *why;
	int r;

	if (!tv)
		return err_set(e, ENOMEM, "no memory");
	vm->engines[ACCEL_TCG] = tv;
	tv->vm = vm;
	tv->isa = vm->isa->tcg;
	pthread_mutex_init(&tv->blocks_lock, NULL);
	pthread_mutex_init(&tv->world_lock, NULL);
	pthread_cond_init(&tv->world_cond, NULL);
	r = parse_args(tv, vm->accel_args, &code, e);
	if (r < 0)
		goto fail;
	if (!emit_host_ok(&why))
		tv->interp = true;
	code = MAX(code, ((size_t)vm->nr_vcpus + 3) * REGION_SIZE);
	r = blocks_init(tv, code, e);
	if (r < 0)
		goto fail;
	if (tv->perfmap) {
		char name[64];

		snprintf(name, sizeof(name), "/tmp/perf-%ld.map", (long)getpid());
		tv->perf = fopen(name, "w");
	}
	if (tv->check && !tv->interp) {		/* the interpreter walks each time */
		r = check_start(tv, e);
		if (r < 0)
			goto fail;
	}
	tv->unchained = tv->lockstep || log_on(LOG_EXEC);
	if (tv->lockstep) {
		r = lockstep_start(tv, e);
		if (r < 0)
			goto fail;
	}
	vm->machine->mem.written_opaque = tv;
	vm->machine->mem.written = mem_written;
	return 0;
fail:
	tcg_vm_stop(vm);
	return r;
}

static void tcg_info(struct vm *vm, FILE *f);

static void tcg_vcpu_stop(struct vcpu *v)
{
	struct tcg_cpu *c = v->engines[ACCEL_TCG];

	if (!c)
		return;
	if (c->tv->stats && !v->index)
		tcg_info(v->vm, log_file());
	lockstep_vcpu_stop(c);
	check_vcpu_stop(c);
	if (c->isa->cpu_stop)
		c->isa->cpu_stop(c->state);
	v->env.model = v->vm->cpu_model;
	v->engines[ACCEL_TCG] = NULL;
	CPU_HEAD(v->state)->tcg = NULL;
	if (current == c)
		current = NULL;
	tlb_cpu_free(c);
	os_guarded_unmap(c->ret_stack, RET_STACK, RET_GUARD);
	pthread_mutex_destroy(&c->mail_lock);
	free(c);
}

/* A local APIC, here or with another engine for now. */
static bool has_apic(const struct vcpu *v)
{
	const struct irqchip *chip = v->vm->machine->irqchip;

	return v->port.apic || (chip && chip->lapic[v->index]);
}

static int tcg_vcpu_start(struct vcpu *v, struct err *e)
{
	struct tcg_cpu *c = calloc(1, sizeof(*c));
	struct cpu_head *h = CPU_HEAD(v->state);
	uint64_t *w, *base;
	int r;

	if (!c)
		return err_set(e, ENOMEM, "no memory");
	c->v = v;
	c->tv = v->vm->engines[ACCEL_TCG];
	c->state = v->state;
	c->isa = v->vm->isa->tcg;
	c->link_from = ~0u;
	c->mode_dirty = c->unsettled = true;
	pthread_mutex_init(&c->mail_lock, NULL);
	emit_init_cpu(v->state);
	c->ret_stack = os_guarded_map(RET_STACK, RET_GUARD, e);
	r = c->ret_stack ? tlb_cpu_init(c, e) : -ENOMEM;
	if (r < 0) {
		v->engines[ACCEL_TCG] = c;
		tcg_vcpu_stop(v);
		return r;
	}
	base = (uint64_t *)((char *)c->ret_stack + RET_STACK - RET_HEADROOM);
	for (w = base;
	     w < (uint64_t *)((char *)c->ret_stack + RET_STACK); w++)
		*w = (w - base) & 1 ? JC_EMPTY : (uint64_t)(uintptr_t)c->tv->thunks.ret_empty;
	h->ret_base = base;
	h->tcg = c;
	h->leave = 0;
	v->env_ops.flush = env_flush;
	v->env_ops.code_barrier = env_code_barrier;
	v->env_ops.mode_changed = env_mode_changed;
	v->env_ops.fp_take = env_fp_take;
	v->env_ops.fp_round = env_fp_round;
	v->env_ops.mem = access_env_mem;
	v->env_ops.mem_host = access_env_host;
	v->env_ops.mem_cas = access_env_cas;
	v->engines[ACCEL_TCG] = c;
	if (c->isa->cpu_start)
		r = c->isa->cpu_start(v->state, v->vm->nr_vcpus, has_apic(v), e);
	if (r < 0)
		tcg_vcpu_stop(v);
	return r;
}

static bool at_break(const struct tcg_cpu *c, uint64_t pc)
{
	unsigned i;

	for (i = 0; i < c->debug.nr_break; i++)
		if (c->debug.brk[i] == pc)
			return true;
	return false;
}

static void set_debug(struct vm_exit *x, int kind, uint64_t pc)
{
	x->reason = VM_EXIT_DEBUG;
	x->debug.kind = kind;
	x->debug.pc = pc;
}

/* What the guest's last stretch of code asks for: true when run() must return. */
static bool handle_leave(struct tcg_cpu *c, struct vm_exit *x)
{
	struct cpu_head *h = CPU_HEAD(c->state);
	uint32_t leave = h->leave;

	h->leave = 0;
	switch (leave) {
	case LEAVE_NONE:
	case LEAVE_LOOP:
		return false;
	case EMIT_LEAVE_GUARD:
		c->isa->guard_fail(c->state);
		tlb_mode_update(c);
		return false;
	case LEAVE_HALT:
		if (c->isa->wake(c->state, &x->data[0]))
			/* something it waits for is there already, perhaps set by software */
			return false;
		x->nr_data = 1;
		x->reason = VM_EXIT_HALT;
		return true;
	case LEAVE_FIRMWARE:
		x->reason = VM_EXIT_FIRMWARE;
		return true;
	case LEAVE_DEBUG:
		set_debug(x, DBG_BREAK, *state_pc(c));
		return true;
	case LEAVE_SHUTDOWN:
		x->reason = VM_EXIT_SHUTDOWN;
		return true;
	default:
		snprintf(x->text, sizeof(x->text), "unknown leave code %u", leave);
		x->reason = VM_EXIT_ERROR;
		return true;
	}
}

static int interpret(struct tcg_cpu *c, uint64_t pc, unsigned max_insns, struct vm_exit *x)
{
	int r = oracle_run(c, pc, max_insns);

	if (r < 0) {
		x->reason = VM_EXIT_ERROR;
		snprintf(x->text, sizeof(x->text), "the interpreter refused a block at %016lx",
			 (unsigned long)pc);
	}
	return r;
}

/* One block, or as many as are chained. */
static int run_code(struct tcg_cpu *c, struct vm_exit *x)
{
	struct tcg_vm *tv = c->tv;
	uint64_t pc = *state_pc(c);
	bool safe = c->want_safe;
	uint32_t from = c->link_from;
	struct tb *tb;

	uint64_t evicted = tv->n_evicted;

	if (c->alone) {
		c->alone--;
		if (c->mode.single)
			c->isa->step(c->state, true);
		int r = interpret(c, pc, 1, x);
		if (c->mode.single)
			c->isa->step(c->state, false);
		return r;
	}
	if (tv->lock && !c->step && !c->debug.nr_watch && !c->mode.single)
		return lockstep_run(c, pc, x);
	c->want_safe = false;
	c->link_from = ~0u;
	if (c->mode.single) {
		int r;

		c->isa->step(c->state, true);
		r = interpret(c, pc, 1, x);
		c->isa->step(c->state, false);
		return r;
	}
	if (tv->interp || c->step || c->debug.nr_watch)
		return interpret(c, pc, c->step || c->debug.nr_watch ? 1 : 64, x);
	if (tv->checker)
		check_fetch(c, pc);
	tb = c->interpret_one ? NULL : tcg_block(c, pc, safe);
	if (!tb && c->interpret_one) {
		c->interpret_one = false;
		return interpret(c, pc, 1, x);
	}
	if (!tb)
		return 0;
	if (tv->unchained)
		;
	else if (from != ~0u &&
		 evicted == tv->n_evicted) { /* the edge that led here exists from now on */
		struct tcg_exit *e = &tv->regions[from / REGION_EXITS].exits[from % REGION_EXITS];

		if (!((e->target ^ pc) & (tb->key & KEY_PCREL ? 0xfff : ~UINT64_C(0))) &&
		    fast_linkable(e, tb))
			emit_patch_edge(e->tb->rw + e->field, tv->delta, tb->entry);
	} else if (!safe && c->view->x[pc >> TLB_PAGE_BITS & 255].tag == (pc & ~UINT64_C(0xfff))) {
		/* its page was not forgotten while the translator stopped the world */
		if (tv->checker)
			check_jump_fill(c, pc);
		jc_put(c->view, pc, tb->code);
	}
	if (log_on(LOG_EXEC) && log_filter(pc))
		log_trace("exec cpu %u pc %016lx key %x\n", c->v->index, (unsigned long)pc,
			  tb->key);
	c->n_enters++;
	CPU_HEAD(c->state)->vpage = pc & ~UINT64_C(0xfff);
	tv->thunks.enter(c->state, tb->entry);
	if (tv->checker && check_failed(c)) {
		x->reason = VM_EXIT_ERROR;
		snprintf(x->text, sizeof(x->text), "%s", check_failed(c));
		return -EIO;
	}
	return 0;
}

static int tcg_run(struct vcpu *v, struct vm_exit *x)
{
	struct tcg_cpu *c = v->engines[ACCEL_TCG];
	struct cpu_head *h = CPU_HEAD(c->state);
	uint32_t host_fp;
	bool alone = c->alone;
	int r = 0;

	memset(x, 0, offsetof(struct vm_exit, data));
	thread_init(c);
	world_enter(c);
	h->fp_round = (uint8_t)c->isa->fp_round(c->state);
	host_fp = emit_fp_enter(h->fp_round);
	mail_process(c);
	if (c->forget)
		tlb_flush_everything(c);
	c->forget = false;
	if (c->unsettled && c->isa->unsettle)
		c->isa->unsettle(c->state);
	c->unsettled = false;
	tlb_mode_update(c);
	for (;;) {
		atomic_store(&h->poll, 0);
		world_pause_point(c);
		mail_process(c);
		if (c->mode_dirty)
			tlb_mode_update(c);
		if (c->watch_pending) {
			c->watch_pending = false;
			set_debug(x, DBG_WATCH, *state_pc(c));
			x->debug.addr = c->watch_hit;
			x->debug.access = c->watch_access;
			break;
		}
		if (atomic_load(&v->request))
			break;
		if (c->step && c->stepped) {	/* by an instruction that the VMM had to serve */
			c->stepped = false;
			set_debug(x, DBG_STEP, *state_pc(c));
			break;
		}
		/*
		 * who steps wants to see the code, not the handler of the
		 * timer that is due each time
		 */
		if (!c->step && c->isa->interrupt(c->state) && handle_leave(c, x))
			break;	/* the interrupt could not be taken at all: shutdown */
		if (c->debug.nr_break && at_break(c, *state_pc(c)) && !c->step) {
			set_debug(x, DBG_BREAK, *state_pc(c));
			break;
		}
		r = run_code(c, x);
		if (r < 0)
			break;
		if (handle_leave(c, x)) {
			c->stepped = c->step;
			break;
		}
		if (alone && !c->alone)
			break;
		if (c->step) {
			set_debug(x, DBG_STEP, *state_pc(c));
			break;
		}
	}
	{
		unsigned f = h->fp_flags | emit_fp_take(c->isa->fp_policy);

		h->fp_flags = 0;
		if (f)
			c->isa->fp_flags(c->state, f);
	}
	emit_fp_leave(host_fp);
	if (c->isa->settle)
		c->isa->settle(c->state);
	world_leave(c);
	current = NULL;
	return r;
}

static int tcg_step(struct vcpu *v, unsigned n, struct vm_exit *x)
{
	struct tcg_cpu *c = v->engines[ACCEL_TCG];
	int r;

	/* the other engine does not say what was flushed there */
	c->mode_dirty = c->unsettled = c->forget = true;
	c->alone = n;
	r = tcg_run(v, x);
	if (!r && c->alone == n && x->reason == VM_EXIT_NONE)
		r = 1;
	c->alone = 0;
	return r;
}

static void tcg_kick(struct vcpu *v)
{
	atomic_store(&CPU_HEAD(v->state)->poll, 1);	/* the engine may be on its way out */
}

/* The state is always at home: translated code writes it back when it leaves. */
static int tcg_pull(struct vcpu *v, unsigned groups, struct err *e)
{
	struct tcg_cpu *c = v->engines[ACCEL_TCG];

	if (c->isa->pull)
		c->isa->pull(c->state);
	return 0;
}

static int tcg_push(struct vcpu *v, unsigned groups, struct err *e)
{
	struct tcg_cpu *c = v->engines[ACCEL_TCG];

	c->mode_dirty = c->unsettled = true;	/* registers may have been changed from outside */
	if (groups & REGS_SYS && c->ctx)
		c->forget = true;	/* a reset, a restore: other tables, other rules */
	return 0;
}

/*
 * Guest memory is reached by the machine's own map; what TLBs remember of it is
 * forgotten when a block is hidden or shown. On any thread, a running vCPU's too.
 */
static int tcg_mem_set(struct vm *vm, const struct memslot *s, struct err *e)
{
	struct tcg_vm *tv = vm->engines[ACCEL_TCG];
	struct tcg_cpu *self = current && current->tv == tv ? current : NULL;
	struct mem_block *b = &vm->machine->mem.block[s->slot];

	world_stop(tv, self, self != NULL);
	if (!s->size && b->flags & MEM_MOVABLE)	/* blocks are found by the place that it leaves */
		code_written(tv, b, 0, b->size);
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpu[i] && vm->vcpu[i]->engines[ACCEL_TCG])
			tlb_flush_everything(vm->vcpu[i]->engines[ACCEL_TCG]);
	world_resume(tv, self);
	return 0;
}

/* Dirty bits are set when a page becomes writable in a TLB: make that happen again. */
static int tcg_dirty_sync(struct vm *vm, struct err *e)
{
	struct tcg_vm *tv = vm->engines[ACCEL_TCG];
	unsigned i;

	world_stop(tv, NULL, false);
	for (i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpu[i] && vm->vcpu[i]->engines[ACCEL_TCG])
			tlb_drop_writable(vm->vcpu[i]->engines[ACCEL_TCG], NO_PHYS, 0);
	world_resume(tv, NULL);
	return 0;
}

static int tcg_debug(struct vcpu *v, const struct debug_req *r, struct err *e)
{
	struct tcg_cpu *c = v->engines[ACCEL_TCG];
	struct tcg_vm *tv = c->tv;

	bool sets = c->debug.nr_break != r->nr_break || c->debug.nr_watch != r->nr_watch ||
		    memcmp(c->debug.brk, r->brk, r->nr_break * sizeof(r->brk[0])) ||
		    memcmp(c->debug.watch, r->watch, r->nr_watch * sizeof(r->watch[0]));

	world_stop(tv, NULL, false);
	c->debug = *r;
	c->step = r->step;
	c->stepped = false;
	if (sets) {	/* blocks end at breakpoints; watched pages may not be in a TLB */
		blocks_kill_all(tv);
		tlb_flush_everything(c);
		c->watch_pending = false;
	}
	world_resume(tv, NULL);
	return 0;
}

static void tcg_info(struct vm *vm, FILE *f)
{
	struct tcg_vm *tv = vm->engines[ACCEL_TCG];
	unsigned i;

	fprintf(f,
		"tcg: %s, code buffer %zu MiB in %u regions, %lu evicted, "
		"world stopped %lu times\n",
		tv->interp ? "IR interpreter" : "translator", tv->size >> 20, tv->nr_regions,
		(unsigned long)tv->n_evicted, (unsigned long)tv->n_exclusive);
	lockstep_info(tv, f);
	check_info(tv, f);
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct tcg_cpu *c = vm->vcpu[i] ? vm->vcpu[i]->engines[ACCEL_TCG] : NULL;

		if (!c)
			continue;
		fprintf(f,
			"  cpu %u: %lu blocks, %lu guest instructions translated, %.0f ns each%s; "
			"%lu entries, %lu lookups, %lu second-level fills, %lu slow accesses\n",
			i, (unsigned long)c->n_translated, (unsigned long)c->n_insns,
			c->n_insns ? (double)c->t_translate / (double)c->n_insns : 0.0,
			tv->stats ? "" : " (stats=on measures)", (unsigned long)c->n_enters,
			(unsigned long)c->n_lookups, (unsigned long)c->n_fills,
			(unsigned long)c->n_slow);
	}
}

static int tcg_cpu_changed(struct vcpu *v, struct err *e)
{
	struct tcg_cpu *c = v->engines[ACCEL_TCG];

	if (!c->isa->cpu_start)
		return 0;
	c->isa->cpu_stop(c->state);
	v->env.model = v->vm->cpu_model;
	blocks_kill_all(c->tv);		/* translated for the old one */
	c->mode_dirty = c->unsettled = true;
	return c->isa->cpu_start(c->state, v->vm->nr_vcpus, has_apic(v), e);
}

static void tcg_time_start(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->isa->tcg->time_start)
			vm->isa->tcg->time_start(vm->vcpu[i]->state);
}

const struct accel_ops accel_tcg = {
	.time_start = tcg_time_start,
	.cpu_changed = tcg_cpu_changed,
	.name = "tcg",
	.slot = ACCEL_TCG,
	.help = "translator: any guest on any host, no privileges needed",
	.probe = tcg_probe,
	.vm_start = tcg_vm_start,
	.vm_stop = tcg_vm_stop,
	.mem_set = tcg_mem_set,
	.dirty_sync = tcg_dirty_sync,
	.vcpu_start = tcg_vcpu_start,
	.vcpu_stop = tcg_vcpu_stop,
	.run = tcg_run,
	.kick = tcg_kick,
	.pull = tcg_pull,
	.push = tcg_push,
	.debug = tcg_debug,
	.remote_flush = tcg_remote_flush,
	.remote_code_barrier = tcg_remote_barrier,
	.info = tcg_info,
	.park = tcg_park,
	.unpark = tcg_unpark,
	.step = tcg_step,
};
