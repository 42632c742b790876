/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests of our own for ambi's PCs share: 64-bit ring 0 without a library, entered by
 * `ambi -kernel` (docs/pc.md). Ports, device memory, the interrupt table, the serial port, other
 * processors (second.S).
 */
#ifndef TESTS_BARE64_BARE64_H
#define TESTS_BARE64_BARE64_H

#include <stdint.h>

#define LAPIC  0xfee00000u
#define IOAPIC 0xfec00000u
#define HPET   0xfed00000u
#define ECAM   0xb0000000u

enum { BARE_SERIAL = 0x3f8, BARE_LSR = BARE_SERIAL + 5, BARE_IDT = 0x9000, BARE_SECOND = 0x8000 };

static inline void out8(uint16_t p, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p));
}
static inline void out16(uint16_t p, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p));
}
static inline void out32(uint16_t p, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(p));
}
static inline uint8_t in8(uint16_t p)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p));
	return v;
}
static inline uint16_t in16(uint16_t p)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p));
	return v;
}
static inline uint32_t in32(uint16_t p)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p));
	return v;
}

/* An address as the compiler must take it: it knows no object there, and 0 is like any other. */
static inline void *bare_at(uint64_t at)
{
	__asm__ volatile("" : "+r"(at));
	return (void *)(uintptr_t)at;
}
static inline volatile uint32_t *mmio(uint64_t at) { return bare_at(at); }

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
}
static inline uint32_t bare_nr_cpus(void)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	return r[3] & 1u << 28 ? r[1] >> 16 & 0xff : 1;
}

/* An interrupt gate of the table at idt, with the code segment that is in use. */
static inline void bare_gate(uint64_t idt, unsigned vector, void (*entry)(void))
{
	uint64_t a = (uint64_t)(uintptr_t)entry, *p = bare_at(idt + vector * 16);
	uint16_t cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	p[0] = (a & 0xffff) | (uint32_t)cs << 16 | UINT64_C(0x8e00) << 32 | (a & 0xffff0000) << 32;
	p[1] = a >> 32;
}
/* 256 gates. */
static inline void bare_idt_load(uint64_t idt)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) r = { 0xfff, idt };

	__asm__ volatile("lidt %0" : : "m"(r));
}

static inline void bare_put(const char *s)
{
	for (; *s; s++) {
		while (!(in8(BARE_LSR) & 0x20))
			;
		out8(BARE_SERIAL, (uint8_t)*s);
	}
}
/* In decimal, somewhere in buf. */
static inline const char *bare_number(char buf[24], uint64_t n)
{
	unsigned i = 23;

	buf[i] = '\0';
	do
		buf[--i] = (char)('0' + n % 10);
	while (n /= 10);
	return buf + i;
}

/* Code from `from` to `end` to a place where SIPI finds it. */
static inline void bare_copy(uint64_t to, const uint8_t *from, const uint8_t *end)
{
	uint8_t *p = bare_at(to);

	while (from < end)
		*p++ = *from++;
}
/* INIT, then SIPI at code (a page below 1 MiB), by a local APIC in xAPIC mode that is on. */
static inline void bare_cpu_start(uint32_t apic_id, uint32_t code)
{
	*mmio(LAPIC + 0x310) = apic_id << 24;
	*mmio(LAPIC + 0x300) = 0x4500;
	*mmio(LAPIC + 0x310) = apic_id << 24;
	*mmio(LAPIC + 0x300) = 0x4600 | code >> 12;
}

/* second.S */
extern const uint8_t second_code[], second_code_end[];
extern uint64_t second_stack;
void second(void);

/* ACPI S5: PM1a control is at 0x604 and its sleep type 7 (docs/pc.md). */
static inline void bare_off(void) { out16(0x604, 1 << 13 | 7 << 10); }

#endif
