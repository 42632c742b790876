/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "hw/virtio/virtio.h"
#include "vmm/guest.h"
#include "vmm/move/move.h"

/* Those without a way of being held have nothing to do once what is in flight is over. */
static void hold(struct dev *d)
{
	virtio_quiesce(d);
	dev_lock(d);
	dev_quiesce(d);
	dev_unlock(d);
}

static void let_go(struct dev *d)
{
	virtio_resume(d);
	dev_lock(d);
	dev_resume(d);
	dev_unlock(d);
}

void guest_hold_back_ends(struct guest *g, bool on)
{
	g->back_ends_held = on;
	if (on)
		guest_hold_ports(g, true);
	for (struct dev *d = g->vm.machine->devs; d; d = d->next)
		if (on)
			hold(d);
		else
			let_go(d);
	if (!on)
		guest_hold_ports(g, false);
}

bool guest_is_frozen(const struct guest *g)
{
	return g->frozen;
}

static int pull_all(struct guest *g, struct err *e)
{
	struct vm *vm = &g->vm;
	int r = 0;

	for (unsigned i = 0; !r && i < vm->nr_vcpus; i++)
		r = vcpu_pull(vm->vcpu[i], REGS_ALL, e);
	/* where they still wait to go there, the structs are newer */
	if (!r && !g->chips_stale && vm->accel->irqchip_pull)
		r = vm->accel->irqchip_pull(vm, e);
	return r;
}

int guest_freeze(struct guest *g, struct err *e)
{
	bool ran = guest_is_running(g);
	int r;

	if (g->frozen)
		return err_set(e, EBUSY, "the guest is being saved or moved");
	guest_pause(g);
	/* before chips are pulled: the interrupts of what was in flight are in them */
	guest_hold_back_ends(g, true);
	r = pull_all(g, e);
	if (r < 0) {
		if (ran)
			guest_resume(g);
		return r;
	}
	guest_power(g, false);
	g->frozen = true;
	return 0;
}

/*
 * Chips in an engine have run on by themselves (timers), so they go out again in any case. Back
 * ends wait until they have: an interrupt of theirs before would be overwritten.
 */
void guest_thaw(struct guest *g, bool loaded, bool run)
{
	g->frozen = false;
	g->chips_stale |= loaded || g->vm.accel->irqchip_pull;
	guest_power(g, true);
	if (run)
		guest_resume(g);
}
