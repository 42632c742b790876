/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accel/tcg/dryrun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcg/interp/interp.h"
#include "util/bits.h"

/* --- what target code asks --- */

static struct dry *dry_of(struct cpu_env *env) { return container_of(env, struct dry, env); }
static struct cpu_env *real(struct cpu_env *env) { return &dry_of(env)->c->v->env; }

static uint64_t note(struct dry *d, uint64_t *list, unsigned *n, uint64_t v)
{
	if (*n == DRY_MAX_ANSWERS)
		d->end = DRY_FULL;
	else
		list[(*n)++] = v;
	return v;
}

static uint64_t env_time(struct cpu_env *env)
{
	struct dry *d = dry_of(env);

	if (d->from && d->nr_time < d->from->nr_time)
		return d->from->time[d->nr_time++];
	return note(d, d->time, &d->nr_time, real(env)->ops->time(real(env)));
}

static uint64_t env_lines(struct cpu_env *env)
{
	struct dry *d = dry_of(env);
	uint64_t v = (real(env)->ops->lines(real(env)) | d->set) & ~d->clear;

	if (d->from && d->nr_lines < d->from->nr_lines)
		return d->from->lines[d->nr_lines++];
	return note(d, d->lines, &d->nr_lines, v);
}

static void change_line(struct dry *d, unsigned line, bool on)
{
	d->set = on ? d->set | BIT(line) : d->set & ~BIT(line);
	d->clear = on ? d->clear & ~BIT(line) : d->clear | BIT(line);
}

static void env_timer(struct cpu_env *env, unsigned line, uint64_t deadline)
{
	change_line(dry_of(env), line,
		    deadline != UINT64_MAX && real(env)->ops->time(real(env)) >= deadline);
}

static void env_line_clear(struct cpu_env *env, unsigned line)
{
	change_line(dry_of(env), line, false);
}

static void *env_phys(struct cpu_env *env, uint64_t pa)
{
	return real(env)->ops->phys(real(env), pa);
}
static void *env_phys_rw(struct cpu_env *env, uint64_t pa)
{
	return real(env)->ops->phys_rw(real(env), pa);
}
static void env_phys_dirty(struct cpu_env *env, uint64_t pa)
{
	real(env)->ops->phys_dirty(real(env), pa);
}

static unsigned env_fp_take(struct cpu_env *env)
{
	struct cpu_head *h = CPU_HEAD(dry_of(env)->state);
	unsigned f = h->fp_flags;

	h->fp_flags = 0;
	return f;
}

static void env_fp_round(struct cpu_env *env, unsigned round)
{
	CPU_HEAD(dry_of(env)->state)->fp_round = (uint8_t)round;
}

static void env_flush(struct cpu_env *env, const struct tlb_flush *f) { }
static void env_nothing(struct cpu_env *env) { }

/* --- memory --- */

static int stop(struct dry *d, enum dry_end why)
{
	d->end = why;
	return -1;
}

static int fault(struct dry *d, uint64_t va, bool write, enum fault_kind k)
{
	enum cpu_access acc = write ? ACCESS_WRITE : ACCESS_READ;
	struct tlb_walk w = { 0 };

	if (k == FAULT_PAGE)	/* what an ISA notes of a walk that fails belongs to this state */
		d->c->isa->walk(d->state, va, acc, d->c->mode.view, &w);
	d->c->isa->mem_fault(d->state, va, acc, k);
	return -1;
}

/*
 * As emitted code would: through the TLB, which may still hold what the page
 * tables no longer say, and filling it.
 */
static int place(struct dry *d, uint64_t va, bool write, uint8_t **host)
{
	struct tcg_cpu *c = d->c;
	struct tcg_view *view = c->view;
	const struct tlb_entry *t = write ? &view->w[TLB_INDEX(va)] : &view->r[TLB_INDEX(va)];
	struct mem_block *b;
	enum fault_kind k;
	uint64_t pa;

	if (t->tag != (va & ~UINT64_C(0xfff)))
		fast_fill(c->state, va, write ? DESC_WRITE : 0, NULL);
	if (t->tag == (va & ~UINT64_C(0xfff))) {
		*host = (uint8_t *)(uintptr_t)(va + t->addend);
		return 0;
	}
	k = tlb_fill(c, va, write ? ACCESS_WRITE : ACCESS_READ, c->mode.view, host, &pa);
	if (k)
		return fault(d, va, write, k);
	b = *host ? mem_find(&c->v->vm->machine->mem, pa) : NULL;
	if (!b || (write && b->flags & MEM_ROM))
		return stop(d, DRY_DEVICE);
	return 0;
}

static uint64_t peek(const uint8_t *host, unsigned len)
{
	uint64_t v = 0;

	switch (len) {		/* as a whole where the guest's own access would be */
	case 1: return *host;
	case 2: return ld_16(host);
	case 4: return ld_32(host);
	case 8: return ld_64(host);
	}
	memcpy(&v, host, len);
	return v;
}

/* What the stores so far have made of the bytes at host. */
static uint64_t patched(const struct dry *d, const uint8_t *host, unsigned len, uint64_t v)
{
	uint8_t *bytes = (uint8_t *)&v;
	unsigned i, k;

	for (i = 0; i < d->nr_log && d->nr_writes; i++) {
		const struct dry_access *a = &d->log[i];

		if (!a->write || a->host >= host + len || a->host + a->len <= host)
			continue;
		for (k = 0; k < a->len; k++)
			if (a->host + k >= host && a->host + k < host + len)
				bytes[a->host + k - host] = ((const uint8_t *)&a->val)[k];
	}
	return v;
}

static int piece(struct dry *d, uint64_t va, unsigned len, bool write, uint64_t *val)
{
	struct dry_access *a = &d->log[d->nr_log];
	const struct dry_access *from = d->from ? &d->from->log[d->nr_log] : NULL;

	if (d->nr_log == DRY_MAX_LOG || (d->from && d->nr_log >= d->from->nr_log))
		return stop(d, DRY_FULL);
	*a = (struct dry_access){ .va = va, .len = (uint8_t)len, .write = write };
	if (from) {
		a->host = from->host;
		a->old = from->old;
	} else {
		if (place(d, va, write, &a->host) < 0)
			return -1;
		a->old = peek(a->host, len);
	}
	if (!write)
		*val = patched(d, a->host, len, a->old);
	a->val = *val;
	d->nr_log++;
	d->nr_writes += write;
	return 0;
}

static uint64_t swapped(uint64_t v, uint32_t memop)
{
	return memop & MO_BE ? __builtin_bswap64(v) >> (64 - (8u << (memop & MO_SIZE))) : v;
}

static int access_all(struct dry *d, uint64_t va, uint32_t memop, bool write, uint64_t *val)
{
	unsigned size = 1u << (memop & MO_SIZE),
		 first = (unsigned)MIN((uint64_t)size, 4096 - (va & 0xfff));
	uint64_t lo = *val, hi = 0;
	uint8_t *host;

	if (memop & MO_ALIGN && va & (size - 1))
		return fault(d, va, write, FAULT_ALIGN);
	if (memop & MO_RMW && !d->from &&
	    (place(d, va, true, &host) < 0 ||
	     (first < size && place(d, va + first, true, &host) < 0)))
		return -1;
	if (first == size)
		return piece(d, va, size, write, val);
	/* both pages are checked before anything is stored */
	if (!d->from && (place(d, va, write, &host) < 0 || place(d, va + first, write, &host) < 0))
		return -1;
	hi = lo >> 8 * first;
	lo &= mask_bits(8 * first);
	if (piece(d, va, first, write, &lo) < 0 ||
	    piece(d, va + first, size - first, write, &hi) < 0)
		return -1;
	if (!write)
		*val = lo | hi << 8 * first;
	return 0;
}

static int load(void *opaque, uint64_t va, uint32_t memop, uint64_t *val)
{
	int r;

	*val = 0;
	r = access_all(opaque, va, memop, false, val);
	*val = swapped(*val, memop);
	return r;
}

static int store(void *opaque, uint64_t va, uint32_t memop, uint64_t val)
{
	val = swapped(val & mask_bits(8u << (memop & MO_SIZE)), memop);
	return access_all(opaque, va, memop, true, &val);
}

static int vec(void *opaque, uint64_t va, uint32_t memop, bool write, uint64_t *val)
{
	unsigned size = 1u << (memop & MO_SIZE), i;
	struct dry *d = opaque;
	uint8_t *host;

	if (memop & MO_ALIGN && va & (size - 1))
		return fault(d, va, write, FAULT_ALIGN);
	if (!d->from && (place(d, va, write, &host) < 0 ||
			 ((va ^ (va + size - 1)) >> 12 &&
			  place(d, (va + size - 1) & ~UINT64_C(4095), write, &host) < 0)))
		return -1;
	for (i = 0; i < size / 8; i++)
		if (access_all(d, va + 8 * i, MO_64, write, &val[i]) < 0)
			return -1;
	return 0;
}

/* Read-modify-write: a failed compare still needs a writable page, but writes nothing. */
static int rmw(struct dry *d, uint64_t va, uint32_t memop, uint64_t *old)
{
	unsigned size = 1u << (memop & MO_SIZE);
	uint8_t *host;

	if (va & (size - 1))
		return memop & MO_ALIGN ? fault(d, va, true, FAULT_ALIGN) : stop(d, DRY_DEVICE);
	if (!d->from && place(d, va, true, &host) < 0)
		return -1;
	if (d->nr_log == DRY_MAX_LOG || (d->from && d->nr_log >= d->from->nr_log))
		return stop(d, DRY_FULL);
	if (d->from)
		host = d->from->log[d->nr_log].host;
	d->log[d->nr_log] = (struct dry_access){ .va = va, .host = host, .len = (uint8_t)size };
	d->log[d->nr_log].old = d->from ? d->from->log[d->nr_log].old : peek(host, size);
	*old = patched(d, host, size, d->log[d->nr_log].old);
	d->log[d->nr_log++].val = *old;
	return 0;
}

static int amo(void *opaque, uint64_t va, enum ir_amo kind, uint64_t v, uint32_t memop,
	       uint64_t *old)
{
	struct dry *d = opaque;
	uint64_t new;

	if (rmw(d, va, memop, old) < 0)
		return -1;
	new = interp_amo_value(kind, *old, v, memop);
	return piece(d, va, 1u << (memop & MO_SIZE), true, &new);
}

static int cas(void *opaque, uint64_t va, uint64_t expect, uint64_t new, uint32_t memop,
	       uint64_t *old)
{
	struct dry *d = opaque;
	uint64_t mask = mask_bits(8u << (memop & MO_SIZE));

	if (rmw(d, va, memop, old) < 0)
		return -1;
	if ((*old ^ expect) & mask)
		return 0;
	new &= mask;
	return piece(d, va, 1u << (memop & MO_SIZE), true, &new);
}

/* --- memory and the rest of the world for helpers --- */

static int env_mem(struct cpu_env *env, gva_t va, unsigned view, unsigned size, bool write,
		   uint64_t *val)
{
	struct dry *d = dry_of(env);
	unsigned old = access_swap_view(d->c, view);
	uint32_t memop = (uint32_t)__builtin_ctz(size);
	int r = write ? store(d, va, memop, *val) : load(d, va, memop, val);

	access_swap_view(d->c, old);
	return r;
}

static void *env_mem_host(struct cpu_env *env, gva_t va, unsigned view, enum cpu_access acc,
			  unsigned size)
{
	return NULL;	/* each access is logged */
}

static int env_mem_cas(struct cpu_env *env, gva_t va, unsigned view, unsigned size,
		       const void *expect, const void *new, void *old)
{
	struct dry *d = dry_of(env);
	unsigned before = access_swap_view(d->c, view), i, n = size < 8 ? size : 8;
	uint32_t memop = (uint32_t)__builtin_ctz(n);
	uint64_t seen[2] = { 0, 0 }, v = 0;
	uint8_t *host;
	int r = 0;

	if (!d->from && (place(d, va, true, &host) < 0 || place(d, va + size - 1, true, &host) < 0))
		r = -1;
	for (i = 0; i < size && !r; i += 8)
		r = load(d, va + i, memop, &seen[i / 8]);
	if (!r && !memcmp(seen, expect, size))
		for (i = 0; i < size && !r; i += 8) {
			memcpy(&v, (const char *)new + i, n);
			r = store(d, va + i, memop, v);
		}
	memcpy(old, seen, size);
	access_swap_view(d->c, before);
	return r;
}

/* What acts on devices, or answers differently each time, is not done twice. */
static void env_pio(struct cpu_env *env, uint16_t port, unsigned size, bool write, uint32_t *val)
{
	stop(dry_of(env), DRY_DEVICE);
}

static int env_irq_ack(struct cpu_env *env) { return stop(dry_of(env), DRY_DEVICE); }

static int env_apic_read(struct cpu_env *env, uint32_t msr, uint64_t *val)
{
	*val = 0;
	stop(dry_of(env), DRY_DEVICE);
	return 0;
}

static int env_apic_write(struct cpu_env *env, uint32_t msr, uint64_t val)
{
	stop(dry_of(env), DRY_DEVICE);
	return 0;
}

static void env_msi(struct cpu_env *env, uint64_t addr, uint32_t data)
{
	stop(dry_of(env), DRY_DEVICE);
}

static int env_kick(struct cpu_env *env, uint32_t index) { return stop(dry_of(env), DRY_DEVICE); }

static void env_random(struct cpu_env *env, void *buf, unsigned n)
{
	memset(buf, 0, n);
	stop(dry_of(env), DRY_DEVICE);
}

static uint64_t env_clock(struct cpu_env *env)
{
	stop(dry_of(env), DRY_DEVICE);
	return real(env)->ops->clock_ns(real(env));
}

/* --- runs --- */

static const struct cpu_env_ops dry_ops = {
	.time = env_time,
	.timer = env_timer,
	.phys = env_phys,
	.phys_rw = env_phys_rw,
	.phys_dirty = env_phys_dirty,
	.flush = env_flush,
	.code_barrier = env_nothing,
	.lines = env_lines,
	.line_clear = env_line_clear,
	.fp_take = env_fp_take,
	.fp_round = env_fp_round,
	.mode_changed = env_nothing,
	.mem = env_mem,
	.mem_host = env_mem_host,
	.mem_cas = env_mem_cas,
	.pio = env_pio,
	.irq_ack = env_irq_ack,
	.apic_read = env_apic_read,
	.apic_write = env_apic_write,
	.msi = env_msi,
	.kick = env_kick,
	.random = env_random,
	.clock_ns = env_clock,
	.wall_ns = env_clock,
};

int dry_init(struct dry *d, struct tcg_cpu *c)
{
	char *mem = NULL;

	if (posix_memalign((void **)&mem, 4096,
			   CPU_HEADROOM + align_up(c->v->vm->isa->state_size, 4096)))
		return -ENOMEM;
	d->c = c;
	d->state = mem + CPU_HEADROOM;
	memset(mem, 0, CPU_HEADROOM);
	return 0;
}

void dry_fini(struct dry *d)
{
	if (d->state)
		free((char *)d->state - CPU_HEADROOM);
	d->state = NULL;
}

enum dry_end dry_run(struct dry *d, const struct ir_block *b, const void *start,
		     const struct dry *from)
{
	const struct interp_mem m = { load, store, amo, cas, d, vec };
	struct interp_result r;

	memcpy(CPU_HEAD(d->state), (const struct cpu_head *)start - 1,
	       sizeof(struct cpu_head) + d->c->v->vm->isa->state_size);
	d->env = d->c->v->env;
	d->env.ops = &dry_ops;
	CPU_HEAD(d->state)->env = &d->env;
	CPU_HEAD(d->state)->tcg = NULL;
	CPU_HEAD(d->state)->leave = LEAVE_NONE;
	d->from = from;
	d->end = DRY_DONE;
	d->nr_log = d->nr_writes = d->nr_time = d->nr_lines = 0;
	d->set = d->clear = 0;
	if (interp_run(b, d->state, &m, &r) < 0)
		d->end = DRY_REFUSED;
	d->insns = r.insns;
	return d->end;
}

void dry_undo(const struct dry *d)
{
	unsigned i;

	for (i = 0; i < d->nr_log; i++)
		if (d->log[i].write)
			memcpy(d->log[i].host, &d->log[i].old, d->log[i].len);
}

const struct dry_access *dry_missing(const struct dry *d, uint64_t *seen)
{
	unsigned i;

	for (i = 0; i < d->nr_log && d->nr_writes; i++) {
		const struct dry_access *a = &d->log[i];

		if (!a->write)
			continue;
		*seen = peek(a->host, a->len);
		if (*seen != patched(d, a->host, a->len, a->val)) /* later stores may overlap */
			return a;
	}
	return NULL;
}

bool dry_raced(const struct dry *d)
{
	unsigned i;

	for (i = 0; i < d->nr_log; i++) {
		const struct dry_access *a = &d->log[i];
		uint64_t now = peek(a->host, a->len);

		if (!a->write && now != a->old && patched(d, a->host, a->len, now) == now &&
		    patched(d, a->host, a->len, ~now) == ~now)
			return true;	/* not by the block's own stores */
	}
	return false;
}
