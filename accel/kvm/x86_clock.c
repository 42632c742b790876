/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's paravirtual clock while the machine stands still. The machine's
 * virtual time stops with the vCPUs; KVM's clock would go on, and the guest would
 * find a leap in time. The last vCPU to stop notes both; the first to go on turns
 * KVM's back by what the machine did not see. The guest is told that it was stopped,
 * so that its watchdogs don't take the gap for a hang (KVM_KVMCLOCK_CTRL).
 */
#include "accel/kvm/arch.h"

#include <sys/ioctl.h>

enum { NOT_WORTH_NS = 1000000 };

void kvm_arch_paused(struct vcpu *v)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	struct kvm_clock_data c = { .clock = 0 };

	ioctl(kvm_cpu(v)->fd, KVM_KVMCLOCK_CTRL, 0);	/* EINVAL: the guest uses no such clock */
	pthread_mutex_lock(&k->lock);
	k->stopped.valid = ioctl(k->fd, KVM_GET_CLOCK, &c) >= 0;
	k->stopped.guest = c.clock;
	k->stopped.machine = clock_now(v->vm->machine->clock);
	pthread_mutex_unlock(&k->lock);
}

void kvm_arch_resumed(struct vcpu *v)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	struct kvm_clock_data c = { .clock = 0 };
	uint64_t want;

	pthread_mutex_lock(&k->lock);
	want = k->stopped.guest + (clock_now(v->vm->machine->clock) - k->stopped.machine);
	if (k->stopped.valid && ioctl(k->fd, KVM_GET_CLOCK, &c) >= 0 &&
	    c.clock > want + NOT_WORTH_NS) {
		c = (struct kvm_clock_data){ .clock = want };
		ioctl(k->fd, KVM_SET_CLOCK, &c);
	}
	k->stopped.valid = false;
	pthread_mutex_unlock(&k->lock);
}
