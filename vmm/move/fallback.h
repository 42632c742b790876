/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -accel kvm:tcg while KVM runs the guest: what it sends back (CANNOT_RUN) is executed by the
 * translator, an instruction or a mode at a time, on the vCPU's own thread. Where that happens so
 * often that KVM is the slower engine the whole guest goes to the translator, and is tried on
 * KVM again later, at growing intervals while it proves to be the same.
 */
#ifndef VMM_MOVE_FALLBACK_H
#define VMM_MOVE_FALLBACK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct guest;
struct guest_cpu;
struct vm_exit;

struct fallback_cpu {			/* of one vCPU, its own thread's */
	uint64_t steps, ns;		/* times, and CPU time since the start */
	uint64_t window_start, window_ns;	/* host time; and CPU time spent here since then */
};

struct fallback {
	bool on;			/* both engines are there */
	_Atomic bool leaving;		/* the main thread has been asked to switch */
	unsigned wait_ms;		/* before the next trial of KVM */
	unsigned source;		/* glib's, of the timer; 0: none */
	uint64_t trials, stays, since;	/* since: host ns of the last switch to KVM */
	char why[200];			/* the last instruction or mode */
};

/* Main thread; after guest_build. */
void fallback_start(struct guest *g);
/*
 * On the vCPU's thread: run() came back with c->exit.reason CANNOT_RUN. 0: served, the vCPU goes
 * on (c->exit has what the instruction led to, to be served in turn); -errno: nothing can be done.
 */
int  fallback_step(struct guest_cpu *c);
/* The guest was switched, or is to stay where it is: no trial of KVM is due any more. */
void fallback_stay(struct guest *g);
void fallback_info(struct guest *g, FILE *f);

#endif
