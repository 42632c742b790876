/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the KVM engine keeps of the guest's clocks, which run by themselves there: part of struct
 * kvm_vm and of struct kvm_cpu. docs/moves.md, "Time".
 */
#ifndef ACCEL_KVM_CLOCK_H
#define ACCEL_KVM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct kvm_clocks {
	bool stopped;		/* by time_stop: what is kept here and in the vCPUs is exact */
	bool chosen;		/* the next three are known */
	bool own_timers;	/* the local APIC's may be the processor's (VMX) */
	bool steers;		/* the kernel sets the guest's TSC; else it is the host's */
	bool by_offset;		/* the kernel tells and takes offsets; else only values */
	bool scaled;		/* another frequency than the host's */
	uint64_t reset;		/* cpu_env.tsc_reset */
	/* stopped: monotonic ns when timers were given to the kernel since then; 0: not */
	uint64_t armed_host;
	uint64_t kvmclock;	/* the guest's kvmclock minus virtual time, ns */
};

struct kvm_cpu_clocks {
	uint64_t tsc;		/* the guest's TSC minus ticks of virtual time, when last known */
	uint64_t tsc_seen, kvmclock_seen;	/* what the state was given, or gave, last */
	uint64_t deadline;	/* stopped: IA32_TSC_DEADLINE in ticks of virtual time; 0: none */
	/*
	 * The local APIC's counting timer. over: when the vCPU left, a one-shot count was, and its
	 * interrupt has been given. count: stopped: as it was then. over_initial: the initial count
	 * of one that was over when it came here; KVM is not shown it, or it would fire again.
	 */
	bool over;
	uint32_t count, over_initial;
	/*
	 * A periodic one: due: monotonic ns of its first tick that the vCPU cannot have been
	 * given, 0: not known; ticked: stopped: that has come. The kernel shows such a tick
	 * nowhere, and forgets it when the count is set.
	 */
	uint64_t due;
	bool ticked;
};

#endif
