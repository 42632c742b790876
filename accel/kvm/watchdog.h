/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches vCPUs that do not come out of KVM_RUN. Two ways of getting lost:
 *
 * - The kernel does not let the thread go although it was asked to (a request with
 *   a kick). The signal is sent again and again; after `limit` it is said which vCPU
 *   it is and what its thread does; a vCPU that shall end and still does not after
 *   three times that ends the process.
 * - KVM turns round at one instruction for ever, as one that emulates ring 0 does
 *   at a VMCALL. Signals get out and the next KVM_RUN goes back in. Where KVM
 *   emulates, a vCPU that stays in one KVM_RUN is therefore taken out once a period,
 *   and three times at the same such instruction make VM_EXIT_CANNOT_RUN.
 *
 * On a KVM that does not emulate, the thread sleeps until a request is made.
 */
#ifndef ACCEL_KVM_WATCHDOG_H
#define ACCEL_KVM_WATCHDOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct kvm_watchdog;
struct vcpu;
struct vm;
struct vm_exit;

struct kvm_watched {			/* of a vCPU */
	_Atomic unsigned runs;		/* counts run() */
	_Atomic bool probe;		/* taken out to see where it stands */
	/* the watchdog's thread */
	unsigned seen_runs;
	uint64_t since;			/* host ns: the request was first seen in this run */
	unsigned signals;
	bool told;
	/* the vCPU's thread */
	uint64_t pc;
	unsigned same;
};

extern unsigned kvm_watchdog_period_ms, kvm_watchdog_limit_ms;
/* Where a report goes; the log, unless a test listens. */
extern void (*kvm_watchdog_report)(struct vcpu *v, const char *text);

void kvm_watchdog_start(struct vm *vm);	/* without a thread where none can be had */
void kvm_watchdog_stop(struct vm *vm);
void kvm_watchdog_lock(struct vm *vm, bool lock);	/* around a vCPU's end */
/* A request was made and the vCPU is in run(). Async-signal-safe. */
void kvm_watchdog_wake(struct vm *vm);
/* On the vCPU's thread after a probe ended run(): may fill x. */
void kvm_watchdog_probed(struct vcpu *v, struct vm_exit *x);

#endif
