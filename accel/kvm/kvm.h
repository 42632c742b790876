/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The KVM engine's own structures. kvm.c, mem.c, dirty.c, vcpu.c, io.c, exit.c,
 * irq.c, regs.c, debug.c and stats.c are the same on every host; what a host ISA
 * must give is in accel/kvm/arch.h. docs/kvm.md is the map.
 */
#ifndef ACCEL_KVM_KVM_H
#define ACCEL_KVM_KVM_H

#include <linux/kvm.h>
#include <stdatomic.h>

#include "accel/accel.h"
#include "accel/kvm/clock.h"
#include "accel/kvm/counts.h"
#include "accel/kvm/dirty.h"
#include "accel/kvm/irq.h"
#include "accel/kvm/watchdog.h"
#include "util/bits.h"

enum { KVM_MAX_SLOTS = 512, KVM_MAX_EXITS = 64, KVM_MAX_MSRS = 256, KVM_MAX_DENIED = 16 };

struct kvm_slot {		/* one slot of the kernel's; size 0: free */
	uint64_t gpa, size;
	void *host;
	unsigned flags;		/* of struct memslot */
	unsigned owner;		/* memslot.slot */
};

struct kvm_vm {
	int dev, fd, stats_fd;
	size_t run_size;
	bool irqchip;			/* the kernel has the local APICs */
	struct kvm_irq irq;
	struct kvm_coalesce coalesce;
	_Atomic uint64_t map_gen;	/* counts changes of the address spaces */
	pthread_mutex_t lock;		/* slots, doorbells */
	unsigned nr_slots;
	struct kvm_slot slot[KVM_MAX_SLOTS];
	unsigned nr_msrs;		/* MSRs that regs.def names and this KVM has */
	const struct reg *msr[KVM_MAX_MSRS];
	unsigned nr_denied;		/* x86: MSRs kept from the guest, property deny-msrs */
	struct kvm_msr_span { uint32_t first, last; } denied[KVM_MAX_DENIED];
	struct kvm_watchdog *watchdog;
	struct kvm_counts counts;
	struct kvm_dirty dirty;
	struct kvm_clocks clocks;	/* x86; with the vCPUs stopped, or their own thread */
};

struct kvm_hit {		/* last mapping that an access found */
	const struct mapping *m;
	uint64_t gen;
};

struct kvm_patch { gva_t va; gpa_t pa; uint8_t saved; };

struct kvm_cpu {
	int fd, stats_fd;
	struct kvm_run *run;
	bool pending_io;		/* the last exit is completed by the next KVM_RUN */
	bool halted;			/* no local APIC in the kernel: HLT waits for a line */
	_Atomic int tid;		/* 0: no thread has run it */
	_Atomic bool in_run;
	struct kvm_hit mmio, pio;
	struct debug_req debug;
	struct kvm_guest_debug guest_debug;	/* the same for the kernel */
	uint32_t mp_state;		/* x86: the kernel's, when it was last looked at or set */
	uint8_t cr8;			/* x86, local APIC in user space: what it last knew */
	uint64_t apic_base;
	uint64_t refused_cr0;		/* x86: a value that this KVM cannot hold; 0: none */
	unsigned nr_patched;		/* breakpoints beyond the debug registers */
	struct kvm_patch patched[DBG_MAX];
	uint64_t msr[KVM_MAX_MSRS];	/* values last seen or sent, in the order of kvm_vm.msr */
	uint64_t exits[KVM_MAX_EXITS];	/* by KVM_EXIT_*; the last collects unknown ones */
	uint64_t interrupted, unmapped;
	uint64_t serve_ns[KVM_MAX_EXITS];	/* time in user space, when stats= asks for it */
	struct kvm_ring ring;
	struct kvm_watched watched;
	struct kvm_cpu_clocks clocks;	/* x86 */
};

static inline struct kvm_vm *kvm_vm(struct vm *vm) { return vm->engines[ACCEL_KVM]; }
static inline struct kvm_cpu *kvm_cpu(struct vcpu *v) { return v->engines[ACCEL_KVM]; }

extern const char *kvm_device;		/* "/dev/kvm"; tests change it before the first use */
extern bool kvm_selftest_always;	/* tests: try, even where the hardware's module is known */
extern unsigned kvm_selftest_spins;	/* tests: so many next test vCPUs never end */
extern uint64_t kvm_slot_max;		/* bytes in one slot of the kernel's */

/* kvm.c: opens the device and checks its version. fd, or -errno with the reason. */
int kvm_open(struct err *e);
/* What the self-test found; measured once a process. */
const struct accel_caps *kvm_caps(void);
/*
 * selftest.c: fills caps, at once where a module of KVM's drives the processor's virtualisation;
 * else a test vCPU runs, within bounds. caps->usable is set when it ran.
 */
void kvm_selftest(int dev, struct accel_caps *caps);

/* args.c: reads vm->accel_args; the VM has no file descriptor yet. */
int kvm_args_parse(struct vm *vm, struct err *e);

int kvm_mem_set(struct vm *vm, const struct memslot *s, struct err *e);
int kvm_mem_log(struct vm *vm, bool on, struct err *e);
/* No vCPU runs: what the kernel has made of the guest's page tables goes, as when a slot goes. */
void kvm_mem_forget(struct vm *vm);
int kvm_dirty_sync(struct vm *vm, struct err *e);
/* irq.c; accel_ops' functions of the same names. */
int kvm_irqchip_take(struct vm *vm, struct err *e);
int kvm_irqchip_push(struct vm *vm, struct err *e);
int kvm_irqchip_pull(struct vm *vm, struct err *e);
void kvm_irq(struct vm *vm, unsigned gsi, int level);
int kvm_msi(struct vm *vm, uint64_t addr, uint32_t data);
void kvm_ioapic_changed(struct vm *vm);
void kvm_ioapic_pushed(struct vm *vm);
void kvm_pit_legacy_off(struct vm *vm, bool off);
int kvm_doorbell(struct vm *vm, const struct doorbell *b, bool on);
void kvm_irq_info(struct vm *vm, FILE *f);
void kvm_irq_stop(struct vm *vm);
/* route.c: with irq.lock held. The kernel's table is as ours on return; 0 or -errno. */
int kvm_routes_set(struct vm *vm);
/* A GSI number for the message, its route in the kernel: >= KVM_PINS, or -errno. */
int kvm_message_get(struct vm *vm, uint64_t addr, uint32_t data);
void kvm_message_put(struct vm *vm, unsigned gsi);
int kvm_irqfd(struct vm *vm, const struct irqfd *f, bool on);
/* coalesce.c; drain: directly after each KVM_RUN. update: mappings changed; any thread. */
void kvm_coalesce_start(struct vm *vm);
void kvm_coalesce_update(struct vm *vm);
void kvm_coalesce_drain(struct vcpu *v);

int kvm_vcpu_start(struct vcpu *v, struct err *e);
void kvm_vcpu_stop(struct vcpu *v);
int kvm_vcpu_run(struct vcpu *v, struct vm_exit *x);
void kvm_vcpu_kick(struct vcpu *v);
/*
 * The vCPU's thread, in run(): KVM_RUN that a signal ends before the guest goes on. The kernel does
 * first what is due (timers of its local APIC). EINTR: that was all; 0: there was an exit, to be
 * served; EAGAIN: somebody kicked, or INIT came; another errno: it failed.
 */
int kvm_vcpu_peek(struct vcpu *v);

/* io.c: serves the access that ended the last KVM_RUN. */
void kvm_serve_pio(struct vcpu *v);
void kvm_serve_mmio(struct vcpu *v);
void kvm_serve_write(struct vcpu *v, bool pio, uint64_t addr, const uint8_t *data, unsigned len);
/* exit.c: every other exit reason. True: x is filled and goes to the VMM; false: run on. */
bool kvm_exit(struct vcpu *v, struct vm_exit *x);
bool kvm_exit_halted(struct vcpu *v, struct vm_exit *x); /* HLT: true while no line ends it */
int kvm_exit_failed(struct vcpu *v, struct vm_exit *x, int code); /* KVM_RUN's errno; -code */
int kvm_exit_refused(struct vcpu *v, struct vm_exit *x);	/* CANNOT_RUN: the mode */
const char *kvm_exit_name(unsigned reason);
int kvm_exit_error(struct vm_exit *x, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* regs.c */
int kvm_regs_init(struct vm *vm, struct err *e);	/* chooses the MSRs */
int kvm_regs_vcpu(struct vcpu *v, struct err *e);
int kvm_regs_again(struct vm *vm, struct err *e);	/* CPUID is another; no vCPU runs */
int kvm_pull(struct vcpu *v, unsigned groups, struct err *e);
int kvm_push(struct vcpu *v, unsigned groups, struct err *e);

int kvm_debug(struct vcpu *v, const struct debug_req *r, struct err *e);
bool kvm_debug_patched(struct vcpu *v, gva_t pc);	/* a breakpoint of ours in memory */
void kvm_debug_rearm(struct vcpu *v);	/* before a single step */
/* stats.c */
void kvm_info(struct vm *vm, FILE *f);
/*
 * Calls fn for each single-valued statistic behind a stats_fd until it returns true.
 * These are opened at the start: the ioctl that gives one waits for a vCPU to leave KVM_RUN.
 */
void kvm_each_stat(int fd, bool (*fn)(const char *name, uint64_t val, void *opaque), void *opaque);
/* A counter of the kernel's by name; 0 where there is none. */
uint64_t kvm_stat(int fd, const char *name);

#endif
