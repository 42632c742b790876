/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small machine for KVM tests: 640 KiB and 4 MiB of RAM, one device that hears
 * what the guest says, and the engine's operations called as the VMM calls them.
 *
 * The device, in ports and in memory:
 *   port 0xe9, MMIO_CON   byte to the console buffer
 *   port 0xe8             reads 0x5a, 0xbeef, 0xdeadbeef by size
 *   port 0xea             byte: level of interrupt line 5
 *   port 0xef, MMIO_BELL  counted; the test ends with 0 at the limit
 *   port 0xf4, MMIO_END   ends the test with this code
 *   MMIO_BASE + n         64 bytes of registers, all sizes, read back as written
 */
#ifndef TESTS_KVM_HARNESS_H
#define TESTS_KVM_HARNESS_H

#include <linux/kvm.h>
#include <stdio.h>

#include "accel/accel.h"
#include "accel/kvm/kvm.h"
#include "target/x86/state.h"

enum { CODE = 0x10000, DATA = 0x30000, HIGH = 0x100000, HIGH_SIZE = 4 << 20 };
enum { MMIO_BASE = 0xd0000000u, MMIO_CON = MMIO_BASE + 0x80, MMIO_BELL = MMIO_BASE + 0x90,
       MMIO_END = MMIO_BASE + 0x100 };

struct kt {
	struct vm vm;
	struct machine *m;
	char con[4096];
	unsigned con_len;
	int code;			/* -1 until the guest ended the test */
	uint8_t regs[64];
	unsigned rings, limit;		/* of the bell; limit 0: none */
	unsigned writes;		/* to the registers */
	unsigned port_writes;		/* to port 0xf0 */
	void (*hook)(struct kt *t, unsigned val);
};

/* Every failure ends the program with a line that says where. */
#define CHECK(cond, ...) do {							\
	if (!(cond)) {								\
		fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);	\
		fprintf(stderr, __VA_ARGS__);					\
		fputc('\n', stderr);						\
		exit(1);							\
	}									\
} while (0)

/* Exits 77 with a loud line when there is no /dev/kvm; arms a watchdog. First call of main. */
void kt_main(void);
struct kt *kt_new(unsigned nr_cpus, bool irqchip);
/* Of the next kt_new: the engine's properties, the CPU model. NULL: none. */
extern const char *kt_args;
extern const void *kt_cpu_model;
extern const struct accel_ops *kt_engine;	/* NULL: KVM */
/*
 * A machine with the PC's interrupt chips, engine properties such as "irqchip=split"; wired, taken
 * and pushed as the VMM does it; the clock runs. Port 0xea is GSI 5 there, too; a byte written
 * to port 0xeb is sent as a message to CPU 0, and one to 0xec makes a call to t->hook.
 */
struct kt *kt_new_chips(unsigned nr_cpus, const char *args);
void kt_free(struct kt *t);
struct x86_state *kt_state(struct kt *t, unsigned cpu);
/* Copies a guest of guests.S to CODE (or at). */
#define kt_load(t, name, at) do {						\
	extern const uint8_t name[], name##_end[];				\
	kt_put(t, at, name, name##_end - name);					\
} while (0)
void kt_put(struct kt *t, gpa_t at, const void *p, size_t n);
uint32_t kt_get32(struct kt *t, gpa_t at);
/* Runs until the guest ended the test (reason NONE) or another exit than a kick. */
void kt_run(struct kt *t, unsigned cpu, struct vm_exit *x);
/* As kt_run, and the guest must end with this code. */
void kt_expect(struct kt *t, unsigned cpu, int code);
/* As the VMM's loop: halts wait. For each CPU's thread; ends when the guest ended the test. */
void kt_loop(struct kt *t, unsigned cpu);
/* kt_loop on one thread a CPU; then as kt_expect. */
void kt_expect_all(struct kt *t, int code);
/* Machine and chips as after the reset button. */
void kt_reset(struct kt *t);
void kt_memslots(struct kt *t, unsigned extra_flags);
extern const struct isa isa_x86_64;

#endif
