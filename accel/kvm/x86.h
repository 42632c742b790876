/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the x86 files of the KVM engine. */
#ifndef ACCEL_KVM_X86_H
#define ACCEL_KVM_X86_H

#include "accel/kvm/kvm.h"

/* An ioctl of the vCPU's that reads or writes one structure: 0 or -errno. */
int kvm_x86_ioctl(struct vcpu *v, unsigned long req, void *buf);
bool kvm_x86_host_is_tcg(void);
/* x86_limit.c: what a hostile guest must not get; KVM_EXIT_NOTIFY; the TSC's frequency. */
void kvm_x86_limit(struct vm *vm);
bool kvm_x86_notify(struct vcpu *v, struct vm_exit *x);
int kvm_x86_tsc(struct vcpu *v, struct err *e);
/* x86_clock.c: finds out what this KVM can do to a TSC. scaled: it has another frequency. */
void kvm_x86_clocks_start(struct vcpu *v, bool scaled);
/* Timers of chips go to the kernel now, while virtual time stands. */
void kvm_x86_clocks_armed(struct vm *vm);
/* The local APIC's counting timer, between its page and struct; pull: before and after the rest. */
struct lapic_state;
void kvm_x86_timer_push(struct vcpu *v, const struct lapic_state *s, struct kvm_lapic_state *page);
bool kvm_x86_timer_pull(struct vcpu *v, struct kvm_lapic_state *page);
/* lapic_state.tsc_deadline; push: after the page, whose timer mode says whether it is taken. */
int kvm_x86_deadline_push(struct vcpu *v, uint64_t ticks, struct err *e);
int kvm_x86_deadline_pull(struct vcpu *v, uint64_t *ticks, struct err *e);
/* Tells KVM which processor the guest sees. */
/* The leaves of all that KVM can give; for tests, too. */
struct x86_cpuid;
int kvm_x86_supported(struct kvm_vm *k, struct x86_cpuid *t, struct err *e);
int kvm_x86_cpuid(struct vcpu *v, struct err *e);
/* x86_msr.c: exits for unknown MSRs; one of them; banks of machine checks. */
int kvm_x86_msr_start(struct vm *vm, struct err *e);
void kvm_x86_msr_exit(struct vcpu *v, bool write);
void kvm_x86_mce(struct vcpu *v);
/* KVM_EXIT_DEBUG; as kvm_exit. */
bool kvm_x86_debug_exit(struct vcpu *v, struct vm_exit *x);
/*
 * x86_irq.c. The local APIC where it is a device: KVM_EXIT_X86_RDMSR and WRMSR of its MSRs
 * (false: not one of them). TPR and base are part of the processor's state, too: get puts the
 * device's in (true: KVM has another base), set gives the device s's.
 */
bool kvm_x86_apic_msr(struct vcpu *v);
bool kvm_x86_apic_get(struct vcpu *v, struct kvm_sregs2 *s);
void kvm_x86_apic_set(struct vcpu *v, const struct kvm_sregs2 *s);
/*
 * Its KVM_HC_KICK_CPU: given to KVM; has one come that waits for a HLT? (mp, just read, may become
 * another: INIT came.) Nothing, and none, where KVM has no local APICs.
 */
void kvm_x86_kick(struct vcpu *v);
int  kvm_x86_kicked(struct vcpu *v, struct kvm_mp_state *mp, uint8_t *kicked);

#endif
