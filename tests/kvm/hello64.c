/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for `ambi -accel kvm hello64.elf`: says hello through the serial port,
 * starts the second processor if there is one, waits for timer interrupts (PIT
 * through IOAPIC and local APIC), and powers off. The machine is `testpc`. Plain
 * integer code: a KVM without hardware emulates ring 0 and knows little else.
 */
#include <stdint.h>

enum { SERIAL = 0x3f8, LSR = 5, LSR_THRE = 0x20, EXIT = 0xf4, PIT = 0x40, PIT_HZ = 1193182 };
enum { IDT = 0x9000, TRAMPOLINE = 0x8000, VECTOR = 0x40, HZ = 200, TICKS = 5 };
#define LAPIC  0xfee00000u
#define IOAPIC 0xfec00000u

extern const uint8_t trampoline[], trampoline_end[];
void timer_entry(void);
void hello(void);
void second(void);
volatile uint32_t ticks;
static volatile uint32_t second_state;

static void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static volatile uint32_t *mmio(uint32_t at) { return (volatile uint32_t *)(uintptr_t)at; }

static void put(const char *s)
{
	for (; *s; s++) {
		while (!(in8(SERIAL + LSR) & LSR_THRE))
			;
		out8(SERIAL, (uint8_t)*s);
	}
}

static void put_number(uint32_t n)
{
	char buf[12];
	unsigned i = sizeof(buf);

	buf[--i] = '\0';
	do
		buf[--i] = (char)('0' + n % 10);
	while (n /= 10);
	put(buf + i);
}

static uint32_t nr_cpus(void)
{
	uint32_t a = 1, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return d & 1u << 28 ? b >> 16 & 0xff : 1;
}

void second(void)
{
	second_state = 1;
	while (second_state == 1)
		__asm__ volatile("pause");
	put("hello64: vCPU 1 is in long mode, too\n");
	second_state = 3;
}

static void start_second(void)
{
	uint8_t *to = (uint8_t *)(uintptr_t)TRAMPOLINE;

	__asm__ volatile("" : "+r"(to)); /* an address, not an object */
	for (uint32_t i = 0; i < (uint32_t)(trampoline_end - trampoline); i++)
		to[i] = trampoline[i];
	*mmio(LAPIC + 0x310) = 1u << 24; /* to APIC 1: INIT, then SIPI */
	*mmio(LAPIC + 0x300) = 0x4500;
	*mmio(LAPIC + 0x310) = 1u << 24;
	*mmio(LAPIC + 0x300) = 0x4600 | TRAMPOLINE >> 12;
	while (!second_state)
		__asm__ volatile("pause");
	second_state = 2;
	while (second_state != 3)
		__asm__ volatile("pause");
}

static void start_timer(void)
{
	static struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { 0xfff, IDT };
	uint64_t at = (uint64_t)(uintptr_t)timer_entry;
	volatile uint64_t *gate = (volatile uint64_t *)(uintptr_t)(IDT + VECTOR * 16);

	gate[0] = (at & 0xffff) | 0x18u << 16 | UINT64_C(0x8e00) << 32 | (at >> 16 & 0xffff) << 48;
	gate[1] = at >> 32;
	__asm__ volatile("lidt %0" : : "m"(idtr));
	out8(0x21, 0xff); /* the PIC stays out of it */
	out8(0xa1, 0xff);
	*mmio(IOAPIC) = 0x14; /* pin 2 is GSI 0, as on a PC */
	*mmio(IOAPIC + 0x10) = VECTOR;
	*mmio(IOAPIC) = 0x15;
	*mmio(IOAPIC + 0x10) = 0;
	out8(PIT + 3, 0x34);
	out8(PIT, PIT_HZ / HZ & 0xff);
	out8(PIT, PIT_HZ / HZ >> 8);
}

void hello(void)
{
	*mmio(LAPIC + 0xf0) = 0x1ff; /* a local APIC that is switched off sends nothing under KVM */
	put("hello64: hello from vCPU 0 in long mode\n");
	if (nr_cpus() > 1)
		start_second();
	start_timer();
	__asm__ volatile("sti");
	while (ticks < TICKS)
		__asm__ volatile("hlt");
	__asm__ volatile("cli");
	put("hello64: ");
	put_number(ticks);
	put(" timer interrupts at ");
	put_number(HZ);
	put(" Hz\nhello64: GUEST-OK x86_64\n");
	out8(EXIT, 0);
}
