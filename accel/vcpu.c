/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of a virtual CPU that no engine owns: its state, its interrupt inputs,
 * its timers, and sleeping and waking. The engine gives the rest (flush,
 * code_barrier, mode_changed in env_ops) when it starts the vCPU.
 *
 * Waking without a lock on the usual path: a waiter sets `halted` and then reads
 * lines and request; whoever raises one of these reads `halted` afterwards. Both
 * sides are sequentially consistent, so one of them sees the other.
 */
#include "accel/accel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/os.h"

/* struct cpu_head lies before the state; a whole page keeps the state aligned to one. */
enum { PAGE = 4096, HEADROOM = PAGE };

static struct vcpu *vcpu_of(struct cpu_env *env)
{
	return container_of(env, struct vcpu, env);
}

uint64_t vcpu_time(struct vcpu *v)
{
	return vm_ticks(v->vm, clock_now(v->vm->machine->clock));
}

static uint64_t env_time(struct cpu_env *env)
{
	return vcpu_time(vcpu_of(env));
}

/* Under timer_lock: brings the line to the deadline's level and arms what is missing. */
static void timer_update(struct vcpu_timer *t)
{
	struct vcpu *v = t->v;
	bool due = t->deadline != UINT64_MAX && vcpu_time(v) >= t->deadline;

	if (due || t->deadline == UINT64_MAX)
		timer_set(&t->t, TIMER_NEVER);
	else
		timer_set(&t->t, vm_ticks_to_ns(v->vm, t->deadline));
	cpu_port_set(&v->port, t->line, due);
}

static void timer_fired(void *opaque)
{
	struct vcpu_timer *t = opaque;

	pthread_mutex_lock(&t->v->timer_lock);
	timer_update(t);
	pthread_mutex_unlock(&t->v->timer_lock);
}

static void env_timer(struct cpu_env *env, unsigned line, uint64_t deadline)
{
	struct vcpu *v = vcpu_of(env);
	struct vcpu_timer *t = v->timer;

	pthread_mutex_lock(&v->timer_lock);
	while (t->v && t->line != line)
		if (++t == v->timer + ARRAY_SIZE(v->timer))
			abort();	/* an ISA with more deadline timers than slots */
	if (!t->v) {
		t->v = v;
		t->line = (uint8_t)line;
		timer_init(&t->t, v->vm->machine->clock, timer_fired, t);
	}
	t->deadline = deadline;
	timer_update(t);
	pthread_mutex_unlock(&v->timer_lock);
}

static void *env_phys(struct cpu_env *env, uint64_t pa)
{
	return mem_ptr(&vcpu_of(env)->vm->machine->mem, pa & ~UINT64_C(7), 8);
}

static void *env_phys_rw(struct cpu_env *env, uint64_t pa)
{
	uint64_t off;
	struct mem_block *b = mem_find_at(&vcpu_of(env)->vm->machine->mem, pa & ~UINT64_C(7),
					  &off);

	return b && !(b->flags & MEM_ROM) && b->size - off >= 8 ? b->host + off : NULL;
}

static void env_phys_dirty(struct cpu_env *env, uint64_t pa)
{
	mem_mark(&vcpu_of(env)->vm->machine->mem, pa & ~UINT64_C(7), 8);
}

static uint64_t env_lines(struct cpu_env *env)
{
	return atomic_load(&vcpu_of(env)->port.lines);
}

static void env_line_clear(struct cpu_env *env, unsigned line)
{
	cpu_port_set(&vcpu_of(env)->port, line, 0);
}

/* --- x86: ports, the local APIC where it is a device, clocks --- */

static void env_pio(struct cpu_env *env, uint16_t port, unsigned size, bool write, uint32_t *val)
{
	struct space *s = vcpu_of(env)->vm->machine->pio;
	uint64_t v = mask_bits(8 * size);

	if (s && write)
		region_write(s, port, size, *val & v);
	else if (s)
		region_read(s, port, size, &v);
	if (!write)
		*val = (uint32_t)v;
}

static int env_irq_ack(struct cpu_env *env)
{
	struct cpu_port *p = &vcpu_of(env)->port;

	return p->ack ? p->ack(p->ack_chip) : -1;
}

enum { MSR_APIC_BASE = 0x1b };

static int env_apic_read(struct cpu_env *env, uint32_t msr, uint64_t *val)
{
	struct cpu_port *p = &vcpu_of(env)->port;

	if (!p->apic)
		return -EINVAL;
	if (msr == CPU_APIC_CR8)
		*val = p->apic->cr8_get(p->apic_chip);
	else if (msr == MSR_APIC_BASE)
		*val = p->apic->base_get(p->apic_chip);
	else
		return p->apic->msr_read(p->apic_chip, msr, val);
	return 0;
}

static int env_apic_write(struct cpu_env *env, uint32_t msr, uint64_t val)
{
	struct cpu_port *p = &vcpu_of(env)->port;

	if (!p->apic)
		return -EINVAL;
	if (msr == MSR_APIC_BASE)
		return p->apic->base_set(p->apic_chip, val);
	if (msr != CPU_APIC_CR8)
		return p->apic->msr_write(p->apic_chip, msr, val);
	p->apic->cr8_set(p->apic_chip, (uint8_t)val);
	return 0;
}

static void env_msi(struct cpu_env *env, uint64_t addr, uint32_t data)
{
	machine_msi(vcpu_of(env)->vm->machine, addr, data);
}

static int env_kick(struct cpu_env *env, uint32_t index)
{
	struct vm *vm = vcpu_of(env)->vm;

	if (index >= vm->nr_vcpus)
		return -EINVAL;
	cpu_port_set(&vm->vcpu[index]->port, PORT_X86_KICK, 1);
	return 0;
}

static uint64_t env_clock_ns(struct cpu_env *env)
{
	return clock_now(vcpu_of(env)->vm->machine->clock);
}

static uint64_t env_wall_ns(struct cpu_env *env)
{
	return clock_wall_ns(vcpu_of(env)->vm->machine->clock);
}

static void env_random(struct cpu_env *env, void *buf, unsigned n)
{
	if (os_random(buf, n))
		abort();	/* the host has no random source */
}

/* Until an engine is attached nothing is cached, so there is nothing to do. */
static void env_flush_none(struct cpu_env *env, const struct tlb_flush *f) { }
static void env_nothing(struct cpu_env *env) { }

/* With more vCPUs than processors the one that is waited for may not be running. */
static void env_relax(struct cpu_env *env)
{
	if (vcpu_of(env)->vm->nr_vcpus > 1)
		os_yield();
}

static const struct cpu_env_ops env_ops_default = {
	.time = env_time, .timer = env_timer, .phys = env_phys, .phys_rw = env_phys_rw,
	.phys_dirty = env_phys_dirty,
	.flush = env_flush_none, .code_barrier = env_nothing, .lines = env_lines,
	.line_clear = env_line_clear, .relax = env_relax, .mode_changed = env_nothing,
	.pio = env_pio, .irq_ack = env_irq_ack, .apic_read = env_apic_read,
	.apic_write = env_apic_write, .msi = env_msi, .kick = env_kick,
	.clock_ns = env_clock_ns, .wall_ns = env_wall_ns,
	.random = env_random,
};

static void wake(struct vcpu *v)
{
	if (!atomic_load(&v->halted))
		return;
	pthread_mutex_lock(&v->wait_lock);
	pthread_cond_broadcast(&v->wait_cond);
	pthread_mutex_unlock(&v->wait_lock);
}

/* Whichever it is in: a vCPU may be in the translator for an instruction. */
static void kick_engines(struct vcpu *v)
{
	const struct accel_ops *now = v->vm->accel;

	if (!now)
		return;
	if (vcpu_started(v) && now->kick)
		now->kick(v);
	for (unsigned i = 0; accels[i]; i++)
		if (accels[i]->slot != now->slot && v->engines[accels[i]->slot])
			accels[i]->kick(v);
}

static void port_changed(struct cpu_port *p)
{
	struct vcpu *v = p->opaque;

	wake(v);
	kick_engines(v);
}

struct vcpu *vcpu_new(struct vm *vm, unsigned index, uint32_t features, uint64_t features2,
		      struct err *e)
{
	size_t size = HEADROOM + align_up(vm->isa->state_size, PAGE);
	struct vcpu *v = calloc(1, sizeof(*v));
	void *mem = NULL;

	if (!v || posix_memalign(&mem, PAGE, size)) {
		free(v);
		err_set(e, ENOMEM, "no memory for vCPU %u", index);
		return NULL;
	}
	memset(mem, 0, size);
	v->vm = vm;
	v->index = index;
	v->state = (char *)mem + HEADROOM;
	v->env_ops = env_ops_default;
	v->env = (struct cpu_env){ .ops = &v->env_ops, .index = index,
				   .features = features, .features2 = features2,
				   .model = vm->cpu_model, .topology = vm->topology,
				   .time_hz = vm->timebase_hz };
	CPU_HEAD(v->state)->env = &v->env;
	v->port.index = index;
	v->port.changed = port_changed;
	v->port.opaque = v;
	pthread_mutex_init(&v->timer_lock, NULL);
	pthread_mutex_init(&v->wait_lock, NULL);
	pthread_cond_init(&v->wait_cond, NULL);
	return v;
}

void vcpu_free(struct vcpu *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(v->timer); i++)
		if (v->timer[i].v)
			timer_fini(&v->timer[i].t);
	pthread_cond_destroy(&v->wait_cond);
	pthread_mutex_destroy(&v->wait_lock);
	pthread_mutex_destroy(&v->timer_lock);
	free(v->env.fixed);
	free((char *)v->state - HEADROOM);
	free(v);
}

void vcpu_reset_lines(struct vcpu *v)
{
	pthread_mutex_lock(&v->timer_lock);
	for (unsigned i = 0; i < ARRAY_SIZE(v->timer) && v->timer[i].v; i++) {
		v->timer[i].deadline = UINT64_MAX;
		timer_update(&v->timer[i]);
	}
	pthread_mutex_unlock(&v->timer_lock);
}

void vcpu_kick(struct vcpu *v, unsigned request)
{
	atomic_fetch_or(&v->request, request);
	wake(v);
	kick_engines(v);
}

void vcpu_wait(struct vcpu *v, uint64_t wake_lines)
{
	pthread_mutex_lock(&v->wait_lock);
	atomic_store(&v->halted, true);
	while (!(atomic_load(&v->port.lines) & wake_lines) && !atomic_load(&v->request))
		pthread_cond_wait(&v->wait_cond, &v->wait_lock);
	atomic_store(&v->halted, false);
	pthread_mutex_unlock(&v->wait_lock);
}

int vcpu_pull(struct vcpu *v, unsigned groups, struct err *e)
{
	int r;

	groups &= v->resident;
	if (!groups)
		return 0;
	r = v->vm->accel->pull(v, groups, e);
	if (r < 0) {
		err_prefix(e, "vCPU %u: %s", v->index, v->vm->accel->name);
		return r;
	}
	v->resident &= ~groups;
	return 0;
}

int vcpu_push(struct vcpu *v, struct err *e)
{
	unsigned groups = REGS_ALL & ~v->resident;
	int r;

	if (!groups)
		return 0;
	r = v->vm->accel->push(v, groups, e);
	if (r < 0) {
		err_prefix(e, "vCPU %u: %s", v->index, v->vm->accel->name);
		return r;
	}
	v->resident |= groups;
	return 0;
}
