/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine counts beside the vCPUs' own counters, and the file of property stats=FILE. */
#ifndef ACCEL_KVM_COUNTS_H
#define ACCEL_KVM_COUNTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct vcpu;
struct vm;

enum { KVM_MAX_SEEN_MSRS = 64, KVM_MAX_KERNEL_STATS = 96, KVM_STAT_NAME = 48,
       KVM_EXIT_COUNTERS = 64 };

struct kvm_seen_msr { uint32_t index; uint64_t reads, writes, last; };
struct kvm_kernel_stat { char name[KVM_STAT_NAME]; uint64_t val; };

struct kvm_counts {
	char file[160];			/* of stats=; empty: none */
	bool ignore_msrs;		/* unknown MSRs read as zero instead of raising #GP */
	pthread_mutex_t lock;
	unsigned nr_msrs;
	struct kvm_seen_msr msr[KVM_MAX_SEEN_MSRS];	/* that KVM does not know */
	uint64_t other_msrs;		/* accesses to what did not fit */
	/* of vCPUs that have ended */
	uint64_t exits[KVM_EXIT_COUNTERS], serve_ns[KVM_EXIT_COUNTERS], interrupted, unmapped;
	unsigned nr_kernel;
	struct kvm_kernel_stat kernel[KVM_MAX_KERNEL_STATS];
};

void kvm_counts_start(struct vm *vm);
void kvm_counts_vcpu(struct vcpu *v);	/* adds those of a vCPU that ends */
void kvm_counts_stop(struct vm *vm);	/* writes the file; the VM still exists */
/* An access to an MSR that KVM does not know. */
void kvm_counts_msr(struct vm *vm, uint32_t index, bool write, uint64_t val);
void kvm_counts_msr_info(struct vm *vm, FILE *f);

#endif
