/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load64: a guest of our own for machine pc that works hard and checks all it does, so that moves
 * between engines and machines can be tried under it. Rings: interrupts and devices are served in
 * ring 0, with plain integer code (a KVM without hardware interprets it, slowly); the work is in
 * ring 3, which has all memory and calls ring 0 by UD2, since such a KVM has neither INT nor
 * IOPL.
 *
 * The host sees lines on the first serial port: "load64: ...", "beat N ...", "BAD ...", "DONE ...".
 */
#ifndef TESTS_MOVES_LOAD64_LOAD_H
#define TESTS_MOVES_LOAD64_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bare64/bare64.h"

enum { SEL_CODE0 = 0x08, SEL_DATA0 = 0x10, SEL_DATA3 = 0x23, SEL_CODE3 = 0x2b, SEL_TSS = 0x30 };
enum {
	V_APIC_TIMER = 0x40, V_PIT = 0x41, V_HPET = 0x42, V_DISK = 0x50, V_IPI = 0x60,
	V_SYNC = 0x70, V_CALL = 6, V_SPURIOUS = 0xff,
};
/* What one CPU's clock may be behind another's, and results that were computed in Python. */
#define TSC_SLACK	UINT64_C(20000)
#define CLOCK_SLACK	UINT64_C(10000)		/* ns */
#define CHAIN_2000	UINT64_C(0xc040bffd9c3f9510)
/* 1 + 1/2 + ... + 1/1000 in the four rounding modes */
#define HARMONIC_0	UINT64_C(0x401df11f45f4e618)
#define HARMONIC_1	UINT64_C(0x401df11f45f4e464)
#define HARMONIC_2	UINT64_C(0x401df11f45f4e835)
#define HARMONIC_3	UINT64_C(0x401df11f45f4e464)
enum { MAX_CPUS = 4, MAX_DISKS = 2, STACK = 8192, PAGE = 4096 };

/* Calls of ring 0: number in rax, up to three arguments in rdi, rsi, rdx; result in rax. */
enum {
	CALL_IPI,		/* to, vector */
	CALL_TIMER,		/* LVT mode bits, count (ns) or TSC deadline; mode ~0: off */
	CALL_HALT,		/* until an interrupt */
	CALL_DISK,		/* struct request * */
	CALL_DISK_POKE,		/* disk: looks at the ring without an interrupt: entries found */
	CALL_MSRS,		/* checks what was written to MSRs and debug registers */
	CALL_PUT,		/* text, length: to the serial port */
	CALL_GET,		/* a byte from it; ~0: none */
	CALL_PM,		/* the ACPI PM timer */
	CALL_OFF,		/* the end */
};

/* The GPRs as the stubs push them. */
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct cpu {
	struct cpu *self;			/* gs:0 */
	uint32_t id;
	volatile uint32_t up;
	uint64_t random;
	volatile uint64_t loops;		/* of the work */
	/* the local APIC's timer: what was armed, and how often it fired since */
	volatile uint64_t timer_fired, timer_total;
	uint64_t timer_mode, timer_at, timer_ns, timer_deadline, timer_seen_at;
	/* IPIs: sent by me to each, received from each */
	volatile uint64_t ipi_sent[MAX_CPUS], ipi_got[MAX_CPUS];
	volatile uint64_t sync_sent[MAX_CPUS], sync_got[MAX_CPUS];
	uint64_t hpet_last, tsc_last, kvmclock_last;
	uint64_t sums;				/* checksums that were right */
	uint64_t gen[1024];			/* of the pages of its memory */
	uint64_t code_version[64];
};

extern struct cpu cpus[MAX_CPUS];
extern unsigned nr_cpus;
extern uint64_t mem_pages;			/* of each CPU */

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

static inline void wrmsr(uint32_t n, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(n) : "memory");
}
static inline uint64_t rdmsr(uint32_t n)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(n));
	return lo | (uint64_t)hi << 32;
}
static inline uint64_t rdtsc(void)	/* ring 3 only */
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (uint64_t)hi << 32;
}
static inline uint64_t call(uint64_t n, uint64_t a, uint64_t b, uint64_t c)
{
	__asm__ volatile("ud2" : "+a"(n) : "D"(a), "S"(b), "d"(c) : "memory");
	return n;
}
static inline void relax(void) { __asm__ volatile("pause" : : : "memory"); }

static inline uint64_t mix(uint64_t z)
{
	z += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}
static inline uint64_t next_random(struct cpu *c) { return mix(c->random++); }

static inline void lock(volatile uint32_t *l)
{
	while (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE))
		while (*l)
			relax();
}
static inline void unlock(volatile uint32_t *l) { __atomic_store_n(l, 0, __ATOMIC_RELEASE); }

/* boot.S */
extern const uint64_t stubs[];
void enter_ring3(void (*fn)(struct cpu *), struct cpu *c, void *stack) __attribute__((noreturn));
void ring3(struct cpu *c);			/* the work; does not return */

/* con.c */
extern volatile uint64_t nr_bad;
void say(const char *fmt, ...);			/* %s %u %x (64 bits); any CPU, ring 3 */
void say0(const char *fmt, ...);		/* ring 0: nobody else speaks */
void console_put(const char *s, uint64_t n);	/* ring 0 */
uint64_t console_get(void);
/* Any ring, any CPU: counted, printed by CPU 0. */
void bad(const char *what, uint64_t a, uint64_t b);
void bad_print(void);
void machine_off(void) __attribute__((noreturn));
void machine_panic(void) __attribute__((noreturn));

/* apic.c, ring 0 */
void apic_start(void);				/* each CPU */
void apic_eoi(void);
void ioapic_route(unsigned pin, unsigned vector, bool level, unsigned cpu);
void apic_send(unsigned cpu, uint32_t command);
void timer_set(struct cpu *c, uint64_t mode, uint64_t value);
void chips_start(void);				/* PIC off, PIT, HPET */
void cpus_start(void);
extern volatile uint64_t pit_ticks, hpet_fired, hpet_armed_at, hpet_ticks_armed;
extern uint64_t timer_hz;			/* of the APIC timer, divider 1 */
extern bool use_x2apic, have_deadline, have_avx, have_kvmclock;

/* disk.c: ring 0; disk_work is ring 3's */
enum { DISK_READ = 0, DISK_WRITE = 1, DISK_FLUSH = 4 };
struct request {
	uint32_t disk, type;
	uint64_t sector;
	void *data;
	uint32_t bytes;
	volatile uint32_t done;			/* 0 under way, 1 over, more: a fault */
	uint64_t at;				/* HPET time of the submission */
	uint16_t head;
};
extern unsigned nr_disks;
extern volatile uint64_t disk_irqs;
void disks_start(bool intx);
void disk_irq(unsigned disk);
uint64_t disk_submit(struct request *r);
uint64_t disk_poke(unsigned disk);

/* ring 3 */
void work_disk(struct cpu *c);
void disk_drain(void);				/* nothing under way any more, on any CPU */
void disk_report(void);
extern volatile bool stopping;
extern volatile uint64_t io_done;
void work_memory(struct cpu *c);
void memory_start(struct cpu *c);
void work_numbers(struct cpu *c);
void work_vectors(struct cpu *c);
void work_code(struct cpu *c);
void code_start(struct cpu *c);
void work_ipi(struct cpu *c);
void work_timer(struct cpu *c);
void work_clocks(struct cpu *c);
uint64_t hpet_now(void);			/* ticks of 10 ns */
uint64_t pm_now(void);				/* 24 bits */

#endif
