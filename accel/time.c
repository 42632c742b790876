/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's time as a whole. Virtual time (hw/core/clock.h) is the base; a processor's own
 * counter at virtual time t is t * timebase_hz, plus what the guest made of it. Engines that
 * count by themselves are brought into line whenever the machine starts. docs/moves.md, "Time".
 */
#include "accel/accel.h"

#include "util/bits.h"

void vm_time_stop(struct vm *vm)
{
	if (vm_started(vm) && vm->accel->time_stop)
		vm->accel->time_stop(vm);
	clock_stop(vm->machine->clock);
}

void vm_time_start(struct vm *vm)
{
	vm->time_note[0] = '\0';
	if (vm_started(vm) && vm->accel->time_start)
		vm->accel->time_start(vm);
	clock_run(vm->machine->clock);
}

void vm_set_timebase(struct vm *vm, uint64_t hz)
{
	vm->timebase_hz = hz;
	vm->machine->cfg.timebase_hz = hz;
	if (vm->machine->cfg.tsc_hz)
		vm->machine->cfg.tsc_hz = hz;
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vm->vcpu[i]->env.time_hz = hz;
}

/* a * b / c without overflow in between; saturates */
static uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c, bool up)
{
	unsigned __int128 v = (unsigned __int128)a * b + (up ? c - 1 : 0);

	v /= c;
	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

uint64_t vm_ticks(const struct vm *vm, uint64_t ns)
{
	uint64_t hz = vm->timebase_hz;

	/* the same without 128 bits: guests ask very often */
	if (likely(hz < UINT64_C(18000000000) && ns < UINT64_C(1) << 59))
		return ns / VM_NSEC * hz + ns % VM_NSEC * hz / VM_NSEC;
	return mul_div(ns, hz, VM_NSEC, false);
}

uint64_t vm_ticks_to_ns(const struct vm *vm, uint64_t ticks)
{
	return mul_div(ticks, VM_NSEC, vm->timebase_hz, true);
}
