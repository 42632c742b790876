/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages the guest wrote: by KVM's bitmaps, or by its rings (property
 * dirty-ring=ENTRIES), of which each vCPU has one. A ring costs by the pages that
 * were written, a bitmap by the memory there is.
 */
#ifndef ACCEL_KVM_DIRTY_H
#define ACCEL_KVM_DIRTY_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct kvm_dirty_gfn;
struct kvm_slot;
struct vcpu;
struct vm;

struct kvm_dirty {
	uint32_t want;			/* entries of a ring, as asked for; 0: bitmaps */
	uint32_t ring;			/* entries; 0: bitmaps */
	bool clear;			/* bitmaps are read first and cleared piece by piece */
	uint64_t collected, full;	/* entries; exits for a full ring */
};
struct kvm_ring {
	struct kvm_dirty_gfn *gfn;	/* mapped; NULL: none */
	uint32_t next;			/* counts up; the place is modulo the size */
};

extern bool kvm_dirty_ring_anywhere;	/* tests: rings even where they are not sound */

/* Before the first vCPU. Where rings are not sound or not there, bitmaps are taken. */
int kvm_dirty_start(struct vm *vm, struct err *e);
int kvm_dirty_vcpu_start(struct vcpu *v, struct err *e);
void kvm_dirty_vcpu_stop(struct vcpu *v);
/* KVM_EXIT_DIRTY_RING_FULL; any thread. */
void kvm_dirty_collect(struct vm *vm);
/* The slot goes and takes its log along: all of it counts as written. k->lock is held. */
void kvm_dirty_lost(struct vm *vm, const struct kvm_slot *s);

#endif
