/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The accelerator interface: one table, implemented by KVM and by the translator.
 *
 * Ownership: vcpu->state (the architectural state, described by isa->regs) is
 * valid iff vcpu->resident == 0; a bit of enum reg_group in `resident` says that
 * the engine holds that group. pull and push are the only transitions.
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/core/machine.h"
#include "target/isa.h"
#include "util/err.h"

struct accel_ops;
struct vm;

/*
 * Both engines may live at once: one runs the guest (vm.accel), the other is parked with what
 * it has built (code, kernel objects), or serves one vCPU for an instruction (accel/step.c).
 */
enum accel_slot { ACCEL_KVM, ACCEL_TCG, ACCEL_NR };

enum vm_exit_reason {
	VM_EXIT_NONE,		/* run returned for a kick or a signal; look at vcpu->request */
	VM_EXIT_MMIO,		/* only what the engine did not dispatch itself */
	VM_EXIT_PIO,
	VM_EXIT_FIRMWARE,	/* SBI/PSCI call: isa->firmware */
	VM_EXIT_HALT,		/* waits for an interrupt: vcpu_wait */
	VM_EXIT_SHUTDOWN,	/* triple fault and the like */
	VM_EXIT_DEBUG,		/* breakpoint, watchpoint, single step */
	VM_EXIT_CANNOT_RUN,	/* this engine can't execute the next instruction or this mode */
	VM_EXIT_ERROR,		/* text says what; data has the engine's own figures */
	VM_EXIT_COUNT
};

struct vm_exit {
	enum vm_exit_reason reason;
	union {
		/* a read: the handler fills val, the next run() completes it */
		struct { uint64_t addr; uint8_t size, write; uint64_t val; } io;
		struct {
			enum { DBG_BREAK, DBG_WATCH, DBG_STEP } kind;
			gva_t pc, addr;
			uint8_t access;
		} debug;
	};
	bool mode;		/* CANNOT_RUN: the CPU's mode, not this instruction alone */
	unsigned nr_data;
	uint64_t data[16];
	char text[160];
};

enum vcpu_request {		/* bits, set by vcpu_kick(), handled by the vCPU's own thread */
	VCPU_REQ_PAUSE = 1, VCPU_REQ_STOP = 2, VCPU_REQ_CALL = 4,
};

/* Raises an input line while the ISA's time counter is at or past the deadline. */
struct vcpu_timer {
	struct vcpu *v;		/* NULL: slot is free */
	struct timer t;
	uint8_t line;
	uint64_t deadline;	/* counter ticks; UINT64_MAX: never. This is the saved state. */
};

struct vcpu {
	struct vm *vm;
	unsigned index;
	void *state;			/* architectural state; struct cpu_head lies before it */
	unsigned resident;		/* groups that the engine holds */
	struct cpu_env env;
	/* env.ops points here: the engine replaces flush, code_barrier and mode_changed */
	struct cpu_env_ops env_ops;
	struct cpu_port port;
	struct vcpu_timer timer[4];	/* behind env->timer; in order of first use */
	pthread_mutex_t timer_lock;	/* a line's level and its deadline change together */
	_Atomic unsigned request;
	_Atomic bool halted;		/* in vcpu_wait */
	bool powered;			/* started (SBI HSM, INIT/SIPI) */
	pthread_t thread;
	pthread_mutex_t wait_lock;
	pthread_cond_t wait_cond;
	void *engines[ACCEL_NR];	/* each its accel_ops' own; NULL: not started there */
	uint64_t exits[VM_EXIT_COUNT];	/* statistics */
};

struct memslot {
	uint64_t gpa, size;
	void *host;
	unsigned flags;		/* MEM_ROM, SLOT_LOG */
	unsigned slot;
};
enum { SLOT_LOG = 0x100 };

/* What the plan needs and what the engine found by trying. */
struct accel_caps {
	bool usable;
	bool mode_native; /* at the engine's best: KVM natively, not by its instruction emulator;
				 * TCG by emitted code, not by the IR interpreter */
	double mips;		/* measured by the self-test vCPU; 0: not measured */
	uint64_t tsc_hz;	/* x86: of the guest's TSC; 0: not measured */
	unsigned phys_bits;	/* width of guest physical addresses; 0: not known */
	char why[200];		/* one line for the user */
};

enum { DBG_MAX = 16 };
struct debug_req {		/* the whole wanted set, replacing what was */
	bool step;		/* one instruction, then VM_EXIT_DEBUG */
	unsigned nr_break, nr_watch;
	gva_t brk[DBG_MAX];
	struct { gva_t addr; uint64_t len; uint8_t read, write; } watch[DBG_MAX];
};

/* Which chips the engine is asked to be the home of. */
enum irqchip_want { IRQCHIP_WANT_AUTO, IRQCHIP_WANT_OFF, IRQCHIP_WANT_SPLIT, IRQCHIP_WANT_ON };

struct irqfd {
	int fd;			/* a signal raises the interrupt */
	int resample;		/* level-triggered GSI: signalled at the guest's EOI; -1: edge */
	bool msi;
	unsigned gsi;		/* !msi */
	uint64_t addr;		/* msi */
	uint32_t data;
};

struct unpark_report;

struct accel_ops {
	const char *name, *help;
	enum accel_slot slot;
	/* Is this engine usable for that ISA here? Never fails hard: caps->usable and caps->why. */
	void (*probe)(const struct isa *isa, struct accel_caps *caps);
	int  (*vm_start)(struct vm *vm, struct err *e);
	void (*vm_stop)(struct vm *vm);
	/* Size 0: the slot goes. Any thread, vCPUs may run: complete on return. */
	int  (*mem_set)(struct vm *vm, const struct memslot *s, struct err *e);
	/*
	 * The slots that are there begin or cease to log written pages (SLOT_LOG); as mem_set.
	 * NULL: they always do.
	 */
	int  (*log)(struct vm *vm, bool on, struct err *e);
	/* ORs the engine's dirty pages of all RAM into mem_block.dirty. */
	int  (*dirty_sync)(struct vm *vm, struct err *e);
	/*
	 * Interrupt chips (hw/core/irqchip.h), with the vCPUs stopped. take, before vCPUs start:
	 * the engine makes its chips, as vm->irqchip says, and becomes their home. push: the
	 * canonical structs go to the engine (after the vCPUs have started, a reset, a restore).
	 * pull: they are filled from the engine, which stays the home. NULL: chips are always
	 * devices.
	 */
	int  (*irqchip_take)(struct vm *vm, struct err *e);
	int  (*irqchip_push)(struct vm *vm, struct err *e);
	int  (*irqchip_pull)(struct vm *vm, struct err *e);
	/* For machine.engine, which see; any thread, after irqchip_take. */
	void (*irq)(struct vm *vm, unsigned gsi, int level);
	int  (*msi)(struct vm *vm, uint64_t addr, uint32_t data);
	void (*ioapic_changed)(struct vm *vm);
	void (*pit_legacy_off)(struct vm *vm, bool off);
	int  (*doorbell)(struct vm *vm, const struct doorbell *d, bool on);
	/* Interrupts from file descriptors of others (vhost, VFIO); NULL: not offered. */
	int  (*irqfd)(struct vm *vm, const struct irqfd *f, bool on);
	int  (*vcpu_start)(struct vcpu *v, struct err *e);
	void (*vcpu_stop)(struct vcpu *v);
	int  (*run)(struct vcpu *v, struct vm_exit *x);		/* 0, or -errno with x->text */
	void (*kick)(struct vcpu *v);				/* any thread, async-signal-safe */
	int  (*pull)(struct vcpu *v, unsigned groups, struct err *e);
	int  (*push)(struct vcpu *v, unsigned groups, struct err *e);
	int  (*debug)(struct vcpu *v, const struct debug_req *r, struct err *e);
	/* TLB and code barrier on other vCPUs, complete on return; for vCPU threads and the VMM. */
	void (*remote_flush)(struct vm *vm, const uint64_t *mask, const struct tlb_flush *f);
	void (*remote_code_barrier)(struct vm *vm, const uint64_t *mask);
	void (*info)(struct vm *vm, FILE *f);			/* statistics for `info accel` */
	/*
	 * For vm_time_stop and vm_time_start: the vCPUs stand. An engine whose guest's clocks run
	 * by themselves notes what they show while virtual time still runs, and sets them by it
	 * (it may start the clock). NULL: they are virtual time.
	 */
	void (*time_stop)(struct vm *vm);
	void (*time_start)(struct vm *vm);
	/* cpu_env.fixed is another; the vCPU stands. -ENOTSUP: it cannot be that here. */
	int  (*cpu_changed)(struct vcpu *v, struct err *e);
	/*
	 * The engine rests while another one runs the guest, and comes back (accel/switch.c); no
	 * vCPU runs. What it has built stays valid only where the guest has not changed it. NULL:
	 * nothing to do.
	 */
	void (*park)(struct vm *vm);
	void (*unpark)(struct vm *vm, struct unpark_report *rep);
	/*
	 * For a vCPU that the running engine has sent back with CANNOT_RUN, its state at home,
	 * while others go on there: executes up to n instructions, with what memory says now. With
	 * interrupt chips in the other engine only 1 is sound. 1: a request came first, nothing
	 * was executed. Otherwise as run.
	 */
	int  (*step)(struct vcpu *v, unsigned n, struct vm_exit *x);
};

struct unpark_report { uint64_t pages, dropped; };	/* with translated code; changed of these */

struct vm {
	const struct isa *isa;
	const struct accel_ops *accel;
	struct machine *machine;
	unsigned nr_vcpus;
	struct vcpu *vcpu[256];
	void *engines[ACCEL_NR];	/* each its accel_ops' own; NULL: not started */
	const char *accel_args;		/* "interp=on,..." of the engine that starts; NULL: none */
	const char *args_of[ACCEL_NR];	/* the same of each engine */
	bool both;			/* either engine may run it: CPUID is what both can give */
	unsigned nr_logs;		/* of vm_log_new */
	uint64_t timebase_hz;		/* x86: of the guest's TSC, on either engine */
	char time_note[160];		/* what of time the last start could not keep; "": none */
	const void *cpu_model;		/* of isa->cpu_model, the plan's; NULL: none */
	struct cpu_topology topology;
	enum irqchip_want irqchip;	/* from accel_args, by the engine's vm_start */
};

/* The engine that the VM runs on now has been started. */
static inline bool vm_started(const struct vm *vm)
{
	return vm->accel && vm->engines[vm->accel->slot];
}
static inline bool vcpu_started(const struct vcpu *v)
{
	return v->vm->accel && v->engines[v->vm->accel->slot];
}

extern const struct accel_ops accel_kvm, accel_tcg;
extern const struct accel_ops *const accels[];	/* NULL-terminated, in order of preference */
const struct accel_ops *accel_find(const char *name);

/*
 * accel/switch.c. Starts an engine beside the one that runs, if need be: the VM, memory, chips,
 * vCPUs; it is parked then. No vCPU runs.
 */
int vm_engine_start(struct vm *vm, const struct accel_ops *a, struct err *e);
/*
 * Another engine takes the guest over: the vCPUs are stopped, their state and the chips' at home.
 * ready() is called when it is their home, before registers and chips go out. On failure all is
 * as before, but for what ready() did.
 */
int vm_switch(struct vm *vm, const struct accel_ops *to, struct unpark_report *rep,
	      void (*ready)(void *opaque), void *opaque, struct err *e);

/*
 * accel/dirty.c. Logs of written pages (hw/core/mem.h); the engines log for as long as there is
 * one. A new log has every page (all), or what is written from now on. vm_dirty_collect brings the
 * logs up to date: a page whose content is read after the call is either complete, or will be in
 * a log at the next one. Any thread; vCPUs may run. vm_log_free(NULL) is nothing.
 */
struct mem_log *vm_log_new(struct vm *vm, bool all, struct err *e);
void vm_log_free(struct vm *vm, struct mem_log *l);
int  vm_dirty_collect(struct vm *vm, struct err *e);
/* memslot.flags for a block: SLOT_LOG while somebody logs. */
unsigned vm_slot_flags(const struct vm *vm, unsigned block_flags);
/* All blocks that the guest sees, as slots of an engine that has started; no vCPU runs. */
int  vm_slots_set(struct vm *vm, const struct accel_ops *a, struct err *e);
/* No engine comes or goes while it is held; of vm_engine_start, vm_dirty_collect and the logs. */
extern pthread_mutex_t vm_engines_lock;

/* accel/vcpu.c: what both engines share. */
struct vcpu *vcpu_new(struct vm *vm, unsigned index, uint32_t features, uint64_t features2,
		      struct err *e);
void vcpu_free(struct vcpu *v);
/* Disarms its timers; chips reset the lines they drive. */
void vcpu_reset_lines(struct vcpu *v);
/* Sets request bits, leaves run(), wakes vcpu_wait(). */
void vcpu_kick(struct vcpu *v, unsigned request);
/* Sleeps until a line of the mask `wake` is raised, or a request; on the vCPU's thread. */
void vcpu_wait(struct vcpu *v, uint64_t wake);
int  vcpu_pull(struct vcpu *v, unsigned groups, struct err *e);	/* no-op for groups not resident */
int  vcpu_push(struct vcpu *v, struct err *e);			/* all groups to the engine */
uint64_t vcpu_time(struct vcpu *v);			/* the ISA's time counter */

/*
 * accel/time.c. Virtual time and all clocks of the guest's stop, and go on; no vCPU is in run().
 * To be called instead of clock_stop and clock_run.
 */
void vm_time_stop(struct vm *vm);
void vm_time_start(struct vm *vm);
/* While stopped: a guest that comes from elsewhere has another frequency. */
void vm_set_timebase(struct vm *vm, uint64_t hz);
/* The counter at a virtual time, and the first virtual time that shows it; saturating. */
#define VM_NSEC UINT64_C(1000000000)
uint64_t vm_ticks(const struct vm *vm, uint64_t ns);
uint64_t vm_ticks_to_ns(const struct vm *vm, uint64_t ticks);

#endif
