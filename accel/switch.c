/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One engine takes over from another, in place. Nothing is copied: RAM stays where it is mapped,
 * registers and interrupt chips are in their canonical structs already (the caller has frozen
 * the guest), so that a switch is: start the other engine if it never ran, chips come home, the
 * name changes, chips and registers go out. The old engine is parked with all it has built; the
 * way back is the same. Up to the last step everything can be undone, because the canonical
 * structs are not touched.
 */
#include "accel/accel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/irqchip.h"

/* AMBI_TEST_SWITCH_FAIL=STEP: tests let a switch fail there. */
static int fail_here(const char *step, struct err *e)
{
	const char *want = getenv("AMBI_TEST_SWITCH_FAIL");

	if (!want || strcmp(want, step))
		return 0;
	return err_set(e, EIO, "failed at step %s, as the test asked", step);
}

static void engine_stop(struct vm *vm, const struct accel_ops *a)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpu[i]->engines[a->slot])
			a->vcpu_stop(vm->vcpu[i]);
	if (vm->engines[a->slot])
		a->vm_stop(vm);
}

/* The chips are devices again; their structs say what they were. */
static void chips_home(struct vm *vm)
{
	if (vm->machine->irqchip)
		irqchip_set_home(vm->machine, IRQCHIP_USER);
}

int vm_engine_start(struct vm *vm, const struct accel_ops *a, struct err *e)
{
	int r;

	if (vm->engines[a->slot])
		return 0;
	vm->accel_args = vm->args_of[a->slot];
	pthread_mutex_lock(&vm_engines_lock);
	r = a->vm_start(vm, e);
	if (!r)
		r = vm_slots_set(vm, a, e);
	if (!r && a->irqchip_take)
		r = a->irqchip_take(vm, e);
	for (unsigned i = 0; !r && i < vm->nr_vcpus; i++)
		r = a->vcpu_start(vm->vcpu[i], e);
	if (!r && vm_started(vm) && vm->accel != a)
		r = fail_here("start", e);
	if (r < 0) {
		err_prefix(e, "%s", a->name);
		engine_stop(vm, a);
	}
	pthread_mutex_unlock(&vm_engines_lock);
	return r;
}

static int push_all(struct vm *vm, struct err *e)
{
	int r = fail_here("push", e);

	for (unsigned i = 0; !r && i < vm->nr_vcpus; i++)
		r = vcpu_push(vm->vcpu[i], e);
	if (!r && vm->accel->irqchip_push)
		r = vm->accel->irqchip_push(vm, e);
	return r;
}

int vm_switch(struct vm *vm, const struct accel_ops *to, struct unpark_report *rep,
	      void (*ready)(void *opaque), void *opaque, struct err *e)
{
	const struct accel_ops *from = vm->accel;
	bool fresh = !vm->engines[to->slot];
	int r;

	*rep = (struct unpark_report){ 0 };
	if (to == from)
		return 0;
	if (from->park)
		from->park(vm);
	r = vm_engine_start(vm, to, e);
	if (!r)
		r = fail_here("chips", e);
	if (r < 0)
		goto back;
	chips_home(vm);
	__atomic_store_n(&vm->accel, to, __ATOMIC_SEQ_CST);
	if (to->irqchip_take)
		r = to->irqchip_take(vm, e);
	if (!r && to->unpark && !fresh)
		to->unpark(vm, rep);
	if (!r) {
		ready(opaque);
		r = push_all(vm, e);
	}
	if (!r)
		return 0;
	/* the canonical structs are as they were; what the new engine got of them is void */
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vm->vcpu[i]->resident = 0;
	chips_home(vm);
	__atomic_store_n(&vm->accel, from, __ATOMIC_SEQ_CST);
	if (to->park)
		to->park(vm);
back:
	chips_home(vm);
	if (from->irqchip_take) {
		struct err ignored = { 0 };

		from->irqchip_take(vm, &ignored);	/* it has been done before */
	}
	if (from->unpark)
		from->unpark(vm, rep);
	return r;
}
