/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for `ambi -accel kvm hello64.elf`: says hello through the serial port,
 * starts the second processor if there is one, waits for timer interrupts (PIT
 * through IOAPIC and local APIC), and powers off. The machine is `testpc`. Plain
 * integer code: a KVM without hardware emulates ring 0 and knows little else.
 */
#include "tests/bare64/bare64.h"

enum { EXIT = 0xf4, PIT = 0x40, PIT_HZ = 1193182, VECTOR = 0x40, HZ = 200, TICKS = 5 };

extern uint8_t stack1[];
void timer_entry(void);
void hello(void);
volatile uint32_t ticks;
static volatile uint32_t second_state;

void second(void)
{
	second_state = 1;
	while (second_state == 1)
		__asm__ volatile("pause");
	bare_put("hello64: vCPU 1 is in long mode, too\n");
	second_state = 3;
}

static void start_second(void)
{
	bare_copy(BARE_SECOND, second_code, second_code_end);
	second_stack = (uint64_t)(uintptr_t)stack1;
	bare_cpu_start(1, BARE_SECOND);
	while (!second_state)
		__asm__ volatile("pause");
	second_state = 2;
	while (second_state != 3)
		__asm__ volatile("pause");
}

static void start_timer(void)
{
	bare_gate(BARE_IDT, VECTOR, timer_entry);
	bare_idt_load(BARE_IDT);
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
	char buf[24];

	*mmio(LAPIC + 0xf0) = 0x1ff; /* a local APIC that is switched off sends nothing under KVM */
	bare_put("hello64: hello from vCPU 0 in long mode\n");
	if (bare_nr_cpus() > 1)
		start_second();
	start_timer();
	__asm__ volatile("sti");
	while (ticks < TICKS)
		__asm__ volatile("hlt");
	__asm__ volatile("cli");
	bare_put("hello64: ");
	bare_put(bare_number(buf, ticks));
	bare_put(" timer interrupts at ");
	bare_put(bare_number(buf, HZ));
	bare_put(" Hz\nhello64: GUEST-OK x86_64\n");
	out8(EXIT, 0);
}
