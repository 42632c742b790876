/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sections cpu/N: every row of the ISA's table that is not derived, by name; what the VMM knows of
 * the CPU, under names that begin with '@'.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "vmm/move/state_int.h"

enum { PAGE = 4096 };

static enum field_kind row_kind(const struct reg *r)
{
	switch (r->bits) {
	case 8: return FIELD_U8;
	case 16: return FIELD_U16;
	case 32: return FIELD_U32;
	case 64: return FIELD_U64;
	default: return FIELD_BYTES;
	}
}

/* ---- save ---- */

static void rows_save(const struct isa *isa, const void *state, struct state_buf *b)
{
	for (const struct reg *r = isa->regs; r->name; r++) {
		if (r->flags & REG_DERIVED)
			continue;
		if (row_kind(r) == FIELD_BYTES)
			field_put_bytes(b, r->name, (const char *)state + r->off, r->bits / 8u);
		else
			field_put(b, r->name, row_kind(r), isa_reg_get(r, state));
	}
}

/* By line, so that the order in which they were first used does not matter. */
static void timers_save(struct vcpu *v, struct state_buf *b)
{
	uint64_t row[2 * ARRAY_SIZE(v->timer)];
	unsigned n = 0;

	pthread_mutex_lock(&v->timer_lock);
	for (unsigned line = 0; line < 64; line++)
		for (unsigned i = 0; i < ARRAY_SIZE(v->timer) && v->timer[i].v; i++)
			if (v->timer[i].line == line && v->timer[i].deadline != UINT64_MAX) {
				row[n++] = line;
				row[n++] = v->timer[i].deadline;
			}
	pthread_mutex_unlock(&v->timer_lock);
	field_put_row(b, "@timers", row, n);
}

/* What the CPU shows of itself; malloc'ed. NULL: nothing. */
static uint8_t *identity(const struct vcpu *v, size_t *n)
{
	const struct isa *isa = v->vm->isa;
	uint8_t *buf;

	*n = isa->identity_get ? isa->identity_get(&v->env, NULL, 0) : 0;
	buf = *n ? malloc(*n) : NULL;
	if (buf)
		isa->identity_get(&v->env, buf, *n);
	return buf;
}

static void identity_save(const struct vcpu *v, struct state_buf *b)
{
	size_t n;
	uint8_t *buf = identity(v, &n);

	if (buf)
		field_put_bytes(b, "@identity", buf, n);
	free(buf);
}

static void cpu_save(struct guest *g, unsigned index, struct state_buf *b)
{
	struct guest_cpu *c = &g->cpu[index];
	bool pending;
	char name[16];
	size_t at;

	snprintf(name, sizeof(name), "cpu/%u", index);
	at = section_begin(b, name, STATE_VERSION_1, false);
	pthread_mutex_lock(&g->lock);
	pending = c->power == CPU_START_PENDING;
	field_put(b, "@power", FIELD_U8, c->power);
	field_put(b, "@start_pc", FIELD_U64, pending ? c->start_pc : 0);
	field_put(b, "@start_arg", FIELD_U64, pending || c->sipi ? c->start_arg : 0);
	field_put(b, "@init", FIELD_BOOL, c->init);
	field_put(b, "@sipi", FIELD_BOOL, c->sipi);
	pthread_mutex_unlock(&g->lock);
	field_put(b, "@lines", FIELD_U64, atomic_load(&c->v->port.lines) & g->vm.isa->edge_lines);
	timers_save(c->v, b);
	identity_save(c->v, b);
	rows_save(g->vm.isa, c->v->state, b);
	section_end(b, at);
}

void state_cpus_save(struct guest *g, struct state_buf *b, unsigned *nr)
{
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++, ++*nr)
		cpu_save(g, i, b);
}

/* ---- load ---- */

/* A copy of the state as it is now: what no row names is derived, or the engine's. */
static int scratch(struct state_cpu *c, struct vcpu *v, struct err *e)
{
	size_t size = PAGE + align_up(v->vm->isa->state_size, PAGE);

	if (posix_memalign(&c->block, PAGE, size)) {
		c->block = NULL;
		return err_set(e, ENOMEM, "no memory");
	}
	memset(c->block, 0, PAGE);
	c->state = (char *)c->block + PAGE;
	memcpy(c->state, v->state, v->vm->isa->state_size);
	CPU_HEAD(c->state)->env = &v->env;
	return 0;
}

/*
 * A row that was added to the table after the state was saved has its value of a reset: nothing
 * else of the stream says what it was. (One that was renamed or removed is an unknown field.)
 */
static int rows_read(const struct isa *isa, void *state, struct items *l, struct err *e)
{
	for (const struct reg *r = isa->regs; r->name; r++) {
		int rc = 0;

		if (r->flags & REG_DERIVED)
			continue;
		if (!items_have(l, r->name)) {
			memset((char *)state + r->off, 0, r->bits / 8u);
			isa_reg_set(r, state, r->reset);
		} else if (row_kind(r) == FIELD_BYTES) {
			const uint8_t *data;
			size_t n;

			rc = item_bytes(l, r->name, &data, &n, e);
			if (!rc && n != r->bits / 8u)
				rc = err_set(e, EINVAL, "%s: register '%s' has %zu bytes, not %u",
					     l->where, r->name, n, r->bits / 8u);
			if (!rc)
				memcpy((char *)state + r->off, data, n);
		} else {
			uint64_t v;

			rc = item_uint(l, r->name, row_kind(r), &v, e);
			if (!rc)
				isa_reg_set(r, state, v);
		}
		if (rc)
			return rc;
	}
	return 0;
}

static int timers_read(const struct isa *isa, struct state_cpu *c, struct items *l, struct err *e)
{
	uint64_t row[2 * ARRAY_SIZE(c->timer)], seen = 0;
	unsigned n;
	int r = item_row(l, "@timers", row, ARRAY_SIZE(row), &n, e);

	if (r)
		return r;
	for (unsigned i = 0; i + 1 < n; i += 2) {
		if (row[i] > 63 || !(isa->timer_lines & BIT(row[i])) || seen & BIT(row[i]))
			return err_set(e, EINVAL, "%s: a timer of line %llu", l->where,
				       (unsigned long long)row[i]);
		seen |= BIT(row[i]);
		c->timer[c->nr_timers].line = (unsigned)row[i];
		c->timer[c->nr_timers++].deadline = row[i + 1];
	}
	return n % 2 ? err_set(e, EINVAL, "%s: half a timer", l->where) : 0;
}

static int power_check(const struct isa *isa, const struct state_cpu *c, uint64_t power,
		       const char *where, struct err *e)
{
	if (power != CPU_STARTED && power != CPU_STOPPED && power != CPU_START_PENDING &&
	    power != CPU_SUSPENDED)
		return err_set(e, EINVAL, "%s: there is no power state %llu", where,
			       (unsigned long long)power);
	if ((c->init && !isa->init) || (c->sipi && !isa->sipi) ||
	    (power == CPU_START_PENDING && !c->sipi && !isa->firmware))
		return err_set(e, EINVAL, "%s: it cannot be started in that way", where);
	return 0;
}

static int vmm_read(const struct isa *isa, struct state_cpu *c, struct items *l, struct err *e)
{
	uint64_t power = 0, init = 0, sipi = 0;
	int r = item_uint(l, "@power", FIELD_U8, &power, e);

	if (!r)
		r = item_uint(l, "@start_pc", FIELD_U64, &c->start_pc, e);
	if (!r)
		r = item_uint(l, "@start_arg", FIELD_U64, &c->start_arg, e);
	if (!r)
		r = item_uint(l, "@init", FIELD_BOOL, &init, e);
	if (!r)
		r = item_uint(l, "@sipi", FIELD_BOOL, &sipi, e);
	if (!r)
		r = item_uint(l, "@lines", FIELD_U64, &c->lines, e);
	if (!r && c->lines & ~isa->edge_lines)
		r = err_set(e, EINVAL, "%s: input lines %#llx are not its own", l->where,
			    (unsigned long long)c->lines);
	if (r)
		return r;
	c->init = init;
	c->sipi = sipi;
	c->power = (enum cpu_power)power;
	r = power_check(isa, c, power, l->where, e);
	if (!r)
		r = timers_read(isa, c, l, e);
	if (!r && isa->identity_set && items_have(l, "@identity"))
		r = item_bytes(l, "@identity", &c->identity, &c->identity_len, e);
	return r;
}

static int cpu_read(struct incoming *in, unsigned index, struct err *e)
{
	const struct isa *isa = in->g->vm.isa;
	struct state_cpu *c = &in->cpu[index];
	struct section *s;
	struct items l;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "cpu/%u", index);
	s = sections_take(&in->sec, name);
	if (!s)
		return err_set(e, EINVAL, "section '%s' is missing", name);
	r = items_parse(&l, s, STATE_VERSION_1, name, e);
	if (r)
		return r;
	r = scratch(c, in->g->vm.vcpu[index], e);
	if (!r)
		r = vmm_read(isa, c, &l, e);
	if (!r)
		r = rows_read(isa, c->state, &l, e);
	if (!r)
		r = items_done(&l, e);
	if (!r && isa->loaded && isa->loaded(c->state, e))
		r = err_prefix(e, "%s", name);
	items_free(&l);
	return r;
}

int state_cpus_read(struct incoming *in, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; !r && i < in->g->vm.nr_vcpus; i++)
		r = cpu_read(in, i, e);
	return r;
}

/* The engine that rests must be able to run the guest, too. */
static int identity_apply(struct vcpu *v, const struct state_cpu *c, struct err *e)
{
	size_t n;
	uint8_t *now = identity(v, &n);
	bool same = now && n == c->identity_len && !memcmp(now, c->identity, n);
	int r;

	free(now);
	if (!c->identity || same)
		return 0;
	r = v->vm->isa->identity_set(&v->env, c->identity, c->identity_len, e);
	for (unsigned i = 0; !r && accels[i]; i++)
		if (v->engines[accels[i]->slot] && accels[i]->cpu_changed)
			r = accels[i]->cpu_changed(v, e);
	return r;
}

int state_identity_apply(struct incoming *in, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; !r && i < in->g->vm.nr_vcpus; i++)
		r = identity_apply(in->g->vm.vcpu[i], &in->cpu[i], e);
	return r;
}

static void timers_apply(struct vcpu *v, const struct state_cpu *c)
{
	vcpu_reset_lines(v);
	for (unsigned i = 0; i < c->nr_timers; i++)
		v->env.ops->timer(&v->env, c->timer[i].line, c->timer[i].deadline);
}

/* Lines of devices follow from the devices. */
static void lines_apply(struct vcpu *v, uint64_t lines)
{
	atomic_fetch_and(&v->port.lines, ~v->vm->isa->edge_lines);
	atomic_fetch_or(&v->port.lines, lines);
}

static void cpu_apply(struct guest *g, unsigned index, const struct state_cpu *c)
{
	struct guest_cpu *gc = &g->cpu[index];
	struct vcpu *v = gc->v;
	struct err none = { 0 };

	memcpy(v->state, c->state, g->vm.isa->state_size);
	v->resident = 0;
	if (g->vm.isa->loaded)		/* again: time is the guest's now */
		g->vm.isa->loaded(v->state, &none);
	pthread_mutex_lock(&g->lock);
	gc->power = c->power;
	gc->start_pc = c->start_pc;
	gc->start_arg = c->start_arg;
	gc->init = c->init;
	gc->sipi = c->sipi;
	gc->exit = (struct vm_exit){ 0 };
	v->powered = c->power != CPU_STOPPED;
	pthread_mutex_unlock(&g->lock);
	timers_apply(v, c);
	lines_apply(v, c->lines);
}

void state_cpus_apply(struct incoming *in)
{
	struct vm *vm = &in->g->vm;
	struct tlb_flush all = { .kind = FLUSH_ALL };
	uint64_t mask[4];

	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		cpu_apply(in->g, i, &in->cpu[i]);
	memset(mask, 0xff, sizeof(mask));
	if (vm->accel->remote_flush && vm_started(vm))
		vm->accel->remote_flush(vm, mask, &all);
}

void state_cpus_free(struct incoming *in)
{
	for (unsigned i = 0; i < ARRAY_SIZE(in->cpu); i++)
		free(in->cpu[i].block);
}
