/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/guest.h"

#include <errno.h>

#include "hw/core/irqchip.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/move/snapshot.h"
#include "vmm/phases.h"

/* What the engine does for the machine, whichever engine it is now. */
static void engine_gsi(void *opaque, unsigned gsi, int level)
{
	struct vm *vm = opaque;

	if (vm->accel->irq && vm_started(vm))
		vm->accel->irq(vm, gsi, level);
}

static int engine_msi(void *opaque, uint64_t addr, uint32_t data)
{
	struct vm *vm = opaque;

	return vm->accel->msi && vm_started(vm) ? vm->accel->msi(vm, addr, data) : -ENODEV;
}

static void engine_ioapic_changed(void *opaque)
{
	struct vm *vm = opaque;

	if (vm->accel->ioapic_changed && vm_started(vm))
		vm->accel->ioapic_changed(vm);
}

static void engine_pit_legacy_off(void *opaque, bool off)
{
	struct vm *vm = opaque;

	if (vm->accel->pit_legacy_off && vm_started(vm))
		vm->accel->pit_legacy_off(vm, off);
}

static int engine_doorbell(void *opaque, const struct doorbell *d, bool on)
{
	struct vm *vm = opaque;

	return vm->accel->doorbell && vm_started(vm) ? vm->accel->doorbell(vm, d, on) : -ENOTSUP;
}

static int slot_set(struct vm *vm, const struct mem_block *b, unsigned flags, struct err *e)
{
	struct memslot s = { .gpa = b->base,
			     .size = flags & MEM_HIDDEN ? 0 : b->size,
			     .host = b->host,
			     .flags = vm_slot_flags(vm, flags),
			     .slot = (unsigned)(b - vm->machine->mem.block) };

	int r = 0;

	for (unsigned i = 0; !r && accels[i]; i++)
		if (vm->engines[accels[i]->slot])
			r = accels[i]->mem_set(vm, &s, e);
	return r;
}

/*
 * Several vCPUs may change a block at once: whoever told the engine looks whether it
 * is still so, since another one may have been faster with what it saw later. (No lock:
 * an engine stops the others meanwhile, who may be waiting for it here.)
 */
static void mem_changed(void *opaque, struct mem_block *b)
{
	struct vm *vm = opaque;
	struct err e = { 0 };
	unsigned flags;
	int r;

	do {
		flags = atomic_load(&b->flags);
		r = slot_set(vm, b, flags, &e);
	} while (!r && atomic_load(&b->flags) != flags);
	if (r < 0)
		log_error("memory '%s': %s", b->name, e.msg);
}

static int build_machine(struct guest *g, struct err *e)
{
	struct plan *p = g->plan;
	struct machine_config cfg = { .ram_size = p->ram_size, .nr_cpus = p->nr_cpus };
	struct machine *m;
	int r;

	boot_config(p, &cfg);
	cfg.have_rng_seed = !os_random(cfg.rng_seed, sizeof(cfg.rng_seed));
	r = guest_add_serial(g, &cfg, e);
	if (!r)
		r = guest_add_backends(g, &cfg, e);
	if (r < 0)
		return r;
	m = machine_new(p->machine, &cfg, e);
	if (!m)
		return -e->code;
	g->vm = (struct vm){ .isa = p->isa, .accel = p->accel, .machine = m, .nr_vcpus = p->nr_cpus,
			     .cpu_model = p->cpu_model, .topology = p->topology,
			     .both = p->other,
			     .timebase_hz = cfg.timebase_hz ? cfg.timebase_hz : 1000000000 };
	for (unsigned i = 0; i < ACCEL_NR; i++)
		g->vm.args_of[i] = p->accel_args[i][0] ? p->accel_args[i] : NULL;
	for (unsigned i = 0; i < p->nr_cpus; i++) {
		struct vcpu *v = vcpu_new(&g->vm, i, p->features, p->features2, e);

		if (!v)
			return -e->code;
		g->vm.vcpu[i] = v;
		g->cpu[i] = (struct guest_cpu){ .g = g, .v = v };
		v->port.signal = guest_cpu_signal;
		v->port.signal_opaque = &g->cpu[i];
		m->ports[i] = &v->port;
	}
	m->engine = (struct machine_engine){
		.opaque = &g->vm, .gsi = engine_gsi, .msi = engine_msi,
		.ioapic_changed = engine_ioapic_changed, .pit_legacy_off = engine_pit_legacy_off,
		.doorbell = engine_doorbell,
	};
	m->mem.changed = mem_changed;
	m->mem.changed_opaque = &g->vm;
	r = machine_init(m, e);
	if (!r)
		r = guest_add_devices(g, e);
	return r < 0 || !m->type->ready ? r : m->type->ready(m, e);
}

static int start_engines(struct guest *g, struct err *e)
{
	struct plan *p = g->plan;
	/* the first says what the guest's processor is: KVM, which cannot give what it has not */
	bool swap = p->other && p->other->slot == ACCEL_KVM;
	int r = vm_engine_start(&g->vm, swap ? p->other : p->accel, e);

	if (!r && p->other)
		r = vm_engine_start(&g->vm, swap ? p->accel : p->other, e);
	/* the last to take the chips has them now */
	if (!r && p->other && p->accel->irqchip_take)
		r = p->accel->irqchip_take(&g->vm, e);
	else if (!r && p->other && g->vm.machine->irqchip)
		irqchip_set_home(g->vm.machine, IRQCHIP_USER);
	g->chips_stale = true;
	return r;
}

int guest_build(struct guest *g, struct plan *p, struct err *e)
{
	int r;

	*g = (struct guest){ .plan = p };
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->cond, NULL);
	pthread_cond_init(&g->parked_cond, NULL);
	r = build_machine(g, e);
	if (!r && !p->opt->loadvm && !p->opt->twin)
		r = boot_load(&g->boot, p, g->vm.machine, true, e);
	if (!r)
		r = start_engines(g, e);
	if (r < 0)
		return r;
	guest_firmware_init(g);
	snapshot_new_generation(g, false);
	plan_release(p);
	phase_mark(PHASE_LOADED);
	return 0;
}

void guest_free(struct guest *g)
{
	struct vm *vm = &g->vm;

	if (vm->machine && vm->machine->clock)
		clock_stop(vm->machine->clock);
	/* their threads raise lines of vCPUs and tell the engine of memory they wrote */
	if (vm->machine)
		machine_free_devs(vm->machine);
	snapshot_end(g);
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpu[i])
			for (unsigned j = 0; accels[j]; j++)
				if (vm->vcpu[i]->engines[accels[j]->slot])
					accels[j]->vcpu_stop(vm->vcpu[i]);
	for (unsigned j = 0; accels[j]; j++)
		if (vm->engines[accels[j]->slot])
			accels[j]->vm_stop(vm);
	/* timers of vCPUs belong to the machine's clock */
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_free(vm->vcpu[i]);
	machine_free(vm->machine);
	guest_free_backends(g);
	free(g->cpu_features);
	free(g->bootorder);
	free(g->bootorder_next);
	pthread_cond_destroy(&g->parked_cond);
	pthread_cond_destroy(&g->cond);
	pthread_mutex_destroy(&g->lock);
}
