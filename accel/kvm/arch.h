/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a host ISA adds to the KVM engine: one file of that ISA's name implements it. */
#ifndef ACCEL_KVM_ARCH_H
#define ACCEL_KVM_ARCH_H

#include "accel/kvm/kvm.h"

extern const char kvm_arch_isa[]; /* the guest ISA that this host's KVM runs */

/* What a test vCPU did. */
struct kvm_selftest {
	char bad[64];		/* the step that failed; empty: all went well */
	int error;		/* errno of that step; 0: none */
	bool vectors;		/* the guest's kernel mode knows SSE and x87 */
	double kernel_mips, user_mips; /* by the guest's mode; 0: not measured */
	uint64_t tsc_hz;	/* as accel_caps has it */
};
/*
 * Runs a counting loop in the guest's usual kernel mode and, where that is slow, in user mode. May
 * never return; makes what only the process's end frees. *r is zero. spin: a test of that.
 */
void kvm_arch_selftest(int dev, bool spin, struct kvm_selftest *r);
/* The module that drives the processor's virtualisation, with which nothing needs to be tried. */
const char *kvm_arch_hardware(void);
/* What the machine must know of the processor before there is a VM. */
void kvm_arch_describe(int dev, struct accel_caps *caps);

int kvm_arch_vm_start(struct vm *vm, struct err *e); /* before slots and vCPUs */
/*
 * Interrupt chips, as accel_ops says. The engine has set k->irq.home to what is wanted before
 * `irqchip`, which makes the chips.
 */
int kvm_arch_irqchip(struct vm *vm, struct err *e);
int kvm_arch_irqchip_push(struct vm *vm, struct err *e);
int kvm_arch_irqchip_pull(struct vm *vm, struct err *e);
int kvm_arch_pit_legacy_off(struct vm *vm, bool off);
struct kvm_irq_routing_entry;
/* Fills the routes of the pins (at most `max`); returns how many. irq.lock is held. */
unsigned kvm_arch_pin_routes(struct vm *vm, struct kvm_irq_routing_entry *r, unsigned max);
bool kvm_arch_pins_changed(struct vm *vm); /* SPLIT: since kvm_arch_pin_routes */
/* SPLIT: does the message wait for an end of interrupt that must come to user space? */
bool kvm_arch_msi_level(uint32_t data);
int kvm_arch_vcpu_start(struct vcpu *v, struct err *e); /* processor model */
/* Interrupts that no chip in the kernel delivers; directly before KVM_RUN. */
void kvm_arch_before_run(struct vcpu *v);
void kvm_arch_after_run(struct vcpu *v); /* whatever KVM_RUN returned; before it is served */
/* The lines that end a halt in the state in which KVM_EXIT_HLT left the vCPU. */
uint64_t kvm_arch_halt_wake(struct vcpu *v);
/* Exit reasons of this host only; as kvm_exit. *known: it was one. */
bool kvm_arch_exit(struct vcpu *v, struct vm_exit *x, bool *known);
/* Guest state in one line, for an error's text. */
void kvm_arch_where(struct vcpu *v, char *buf, size_t n);
/* A shutdown that stands for "this KVM does not do this mode". */
bool kvm_arch_mode_refused(struct vcpu *v);

/*
 * KVM's register structures by class (the numbering of regs.def's kvm ids), in the
 * order in which they are pushed. get and set move one structure; set may first
 * repair what KVM would refuse. size 0: class not used or not offered here.
 */
struct kvm_reg_class {
	const char *name;
	size_t size;
	int (*get)(struct vcpu *v, void *buf); /* 0 or -errno */
	int (*set)(struct vcpu *v, void *buf);
};
extern const struct kvm_reg_class kvm_arch_classes[];
extern const unsigned kvm_arch_nr_classes;
/* A segment's attributes between the state's 16 bits and KVM's bytes at p. */
uint16_t kvm_arch_attr_get(const uint8_t *p);
void kvm_arch_attr_set(uint8_t *p, uint16_t attr);

/* Refuses what this host's KVM would do wrong or not at all. */
int kvm_arch_debug_possible(struct vcpu *v, const struct debug_req *r, struct err *e);
/* Fills control and debug registers; returns how many breakpoints found no place there. */
unsigned kvm_arch_debug_fill(const struct debug_req *r, struct kvm_guest_debug *g);
uint64_t kvm_arch_pc(struct vcpu *v);
/* accel_ops.remote_flush, for the VMM alone: the vCPUs stand; memory under their TLBs changed. */
void kvm_arch_flush(struct vm *vm, const uint64_t *mask, const struct tlb_flush *f);

/* As accel_ops says. */
void kvm_arch_time_stop(struct vm *vm);
void kvm_arch_time_start(struct vm *vm);
/*
 * The vCPU's thread, at an instruction boundary, when the machine is going to stop: notes how the
 * kernel's timers stand. As kvm_vcpu_peek: 0 and EAGAIN ask for another call.
 */
int kvm_arch_leave(struct vcpu *v);
int kvm_arch_cpu_changed(struct vcpu *v, struct err *e);
/* Before anything is read: the vCPU takes what would otherwise change it while it is read. */
void kvm_arch_settle(struct vcpu *v);
/* Before anything is written: what came for the vCPU while its state was at home happens there. */
void kvm_arch_catch_up(struct vcpu *v);
/* The clocks' part of REGS_SYS. push: 0 or -errno. */
void kvm_arch_time_pull(struct vcpu *v);
int kvm_arch_time_push(struct vcpu *v);
/* Does this KVM never get over the instruction at which the vCPU stands? Its bytes, then. */
bool kvm_arch_endless(struct vcpu *v, char *bytes, size_t n);

#endif
