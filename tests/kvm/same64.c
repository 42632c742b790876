/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for `ambi -machine pc same64.elf` that prints all it can reach of its machine from bare
 * metal on the first serial port, a fact a line: CPUID, MSRs (with what writing makes of some),
 * every port, PCI configuration space by both ways, interrupt chips before and after being
 * written to, memory without RAM. Two engines must print the same (test_same.py). Time is left
 * out: nothing that counts is read.
 */
#include "tests/bare64/bare64.h"

void same(void);
void fault(void);
volatile uint64_t faulted;

__asm__(".section .text.start, \"ax\"\n"
	".globl _start, fault\n"
	"_start: mov $0x80000, %esp\n"
	"	call same\n"
	"1:	cli\n"
	"	hlt\n"
	"	jmp 1b\n"
	/* #UD and #GP: RBX is where whoever may raise them goes on */
	"fault: movq $1, faulted(%rip)\n"
	"	mov %rbx, (%rsp)\n"
	"	iretq\n"
	".globl fault_code\n"
	"fault_code: add $8, %rsp\n"
	"	jmp fault\n"
	".section .note.GNU-stack, \"\", @progbits\n"
	".text\n");
void fault_code(void);

static uint32_t rd32(uint64_t at) { return *mmio(at); }
static void wr32(uint64_t at, uint32_t v) { *mmio(at) = v; }

/* ---- output: the port takes a string at a time ---- */

static char line[128];
static unsigned at;

static void put(const char *s)
{
	while (*s && at < sizeof(line) - 2)
		line[at++] = *s++;
}
static void hex(uint64_t v, unsigned digits)
{
	while (digits-- && at < sizeof(line) - 2)
		line[at++] = "0123456789abcdef"[v >> 4 * digits & 15];
}
static void end(void)
{
	line[at++] = '\n';
	for (unsigned i = 0; i < at; i++)
		out8(BARE_SERIAL, (uint8_t)line[i]);
	at = 0;
}
static void fact(const char *what, uint64_t where, unsigned digits, uint64_t v, unsigned width)
{
	put(what);
	put(" ");
	hex(where, digits);
	put(": ");
	hex(v, width);
	end();
}

/* ---- processor ---- */

static uint64_t rdmsr(uint32_t n)
{
	uint32_t lo = 0, hi = 0;

	faulted = 0;
	__asm__ volatile("lea 1f(%%rip), %%rbx\nrdmsr\n1:" : "+a"(lo), "+d"(hi) : "c"(n)
			 : "rbx", "memory");
	return lo | (uint64_t)hi << 32;
}

static void wrmsr(uint32_t n, uint64_t v)
{
	faulted = 0;
	__asm__ volatile("lea 1f(%%rip), %%rbx\nwrmsr\n1:"
			 : : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(n)
			 : "rbx", "memory");
}

static void leaves(uint32_t base, uint32_t most)
{
	uint32_t r[4], top;

	cpuid(base, 0, r);
	top = r[0] - base > most ? base + 1 : r[0];
	for (uint32_t leaf = base; leaf <= top + 1; leaf++) {
		uint32_t last[4] = { 0 };

		for (uint32_t sub = 0; sub < 20; sub++) {
			cpuid(leaf, sub, r);
			if (sub && ((r[0] == last[0] && r[1] == last[1] && r[2] == last[2] &&
				     r[3] == last[3]) || !(r[0] | r[1] | r[2] | r[3])))
				continue;
			put("cpuid ");
			hex(leaf, 8);
			put(".");
			hex(sub, 2);
			put(":");
			for (unsigned i = 0; i < 4; i++) {
				put(" ");
				hex(r[i], 8);
				last[i] = r[i];
			}
			end();
		}
	}
}

static void msr(const char *what, uint32_t n)
{
	uint64_t v = rdmsr(n);

	if (faulted) {
		put(what);
		put(" ");
		hex(n, 8);
		put(": #GP");
		end();
	} else {
		fact(what, n, 8, v, 16);
	}
}

static void processor(void)
{
	static const uint32_t ranges[][2] = {
		{ 0x1b, 0x1b }, { 0x8b, 0x8b }, { 0xfe, 0xfe }, { 0x174, 0x176 },
		{ 0x179, 0x17a }, { 0x1a0, 0x1a0 }, { 0x1d9, 0x1d9 }, { 0x200, 0x210 },
		{ 0x250, 0x250 }, { 0x258, 0x259 }, { 0x268, 0x26f }, { 0x277, 0x277 },
		{ 0x2ff, 0x2ff }, { 0x802, 0x803 }, { 0xc0000080, 0xc0000084 },
		{ 0xc0000100, 0xc0000102 }, { 0xdeadbeef, 0xdeadbeef },
	};
	/* what writing makes of them; each is put back */
	static const struct { uint32_t n; uint64_t v; } writes[] = {
		{ 0x277, 0x0007040600070406 }, { 0x277, 0x0007040600070402 },
		{ 0x2ff, 0xc06 }, { 0x2ff, 0x1000 }, { 0x2ff, 0xc02 }, { 0x200, 0xfee00006 },
		{ 0x200, 0xfee00002 }, { 0x201, 0xff00000800 }, { 0x201, 0xff00000900 },
		{ 0x258, 0x0606060606060606 }, { 0x258, 0x0306060606060606 },
		{ 0xc0000082, 0x0000800000000000 }, { 0xc0000082, 0xffff800000000000 },
		{ 0xc0000084, 0xffffffff }, { 0xc0000080, 0xd01 }, { 0xc0000080, 0x10000000 },
		{ 0xc0000080, 0 }, { 0x174, 0xffffffff }, { 0x176, 0x8000000000000000 },
		{ 0xc0000102, 0x1234 }, { 0xc0000102, 0x8000000000000000 }, { 0xfe, 0 },
		{ 0xdeadbeef, 0 }, { 0x179, 1 },
	};
	uint64_t v;

	leaves(0, 0x40);
	leaves(0x40000000, 0x40);
	leaves(0x80000000, 0x40);
	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
	fact("cr", 0, 1, v, 16);
	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	fact("cr", 4, 1, v & ~UINT64_C(0x40), 16);	/* MCE: SVM shows the host's */
	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (uint32_t n = ranges[i][0]; n <= ranges[i][1]; n++)
			msr("msr", n);
	for (unsigned i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		uint64_t before = rdmsr(writes[i].n);

		if (!faulted) {
			wrmsr(writes[i].n, writes[i].v);
			fact("wrmsr", writes[i].n, 8, faulted, 1);
			msr("msr-written", writes[i].n);
			wrmsr(writes[i].n, before);
		} else {
			wrmsr(writes[i].n, writes[i].v);
			fact("wrmsr", writes[i].n, 8, faulted, 1);
		}
	}
}

/* ---- ports ---- */

/* Reading these has to do with time, moves something on, or is what the output goes through. */
static int skipped(unsigned p, unsigned n)
{
	static const uint16_t list[][2] = {
		{ 0x20, 0x20 }, { 0x40, 0x43 }, { 0x61, 0x61 }, { 0x71, 0x71 }, { 0x3ba, 0x3ba },
		{ 0x3da, 0x3da }, { BARE_SERIAL, BARE_LSR + 2 }, { 0x510, 0x51b }, { 0x600, 0x603 },
		{ 0x608, 0x60b }, { 0xcf8, 0xcff },
	};

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (p + n > list[i][0] && p <= list[i][1])
			return 1;
	return 0;
}

/* Only those that answer are printed. */
static void ports(void)
{
	for (unsigned p = 0; p < 0x1000; p++)
		if (!skipped(p, 1) && in8((uint16_t)p) != 0xff)
			fact("in8", p, 4, in8((uint16_t)p), 2);
	for (unsigned p = 0; p < 0x1000; p += 4) {
		if (!skipped(p, 4) && in32((uint16_t)p) != UINT32_MAX)
			fact("in32", p, 4, in32((uint16_t)p), 8);
		if (!skipped(p + 1, 2) && in16((uint16_t)(p + 1)) != 0xffff)
			fact("in16", p + 1, 4, in16((uint16_t)(p + 1)), 4);
	}
	for (unsigned i = 0x0e; i < 0x80; i++) {
		out8(0x70, (uint8_t)i);
		fact("cmos", i, 2, in8(0x71), 2);
	}
	for (unsigned i = 0; i < 0x1a; i++) {
		__asm__ volatile("outw %0, %1" : : "a"((uint16_t)i), "Nd"((uint16_t)0x510));
		for (unsigned j = 0; j < 4; j++)
			fact("fw_cfg", i << 8 | j, 4, in8(0x511), 2);
	}
}

/* ---- PCI ---- */

static void pci(void)
{
	for (uint32_t devfn = 0; devfn < 0x100; devfn++) {
		out32(0xcf8, 0x80000000 | devfn << 8);
		if (in32(0xcfc) == UINT32_MAX)
			continue;
		for (uint32_t i = 0; i < 0x100; i += 4) {
			uint32_t v;

			out32(0xcf8, 0x80000000 | devfn << 8 | i);
			v = in32(0xcfc);
			if (v)
				fact("pci", devfn << 8 | i, 4, v, 8);
			if (in8((uint16_t)(0xcfc + 3)) != (v >> 24))
				fact("pci-byte", devfn << 8 | i, 4, in8(0xcff), 2);
		}
		for (uint32_t i = 0; i < 0x1000; i += 4)
			if (rd32(ECAM + (devfn << 12) + i))
				fact("ecam", devfn << 12 | i, 5, rd32(ECAM + (devfn << 12) + i), 8);
		/* what bits a BAR has */
		for (uint32_t i = 0x10; i < 0x28; i += 4) {
			uint64_t bar = ECAM + (devfn << 12) + i;
			uint32_t was = rd32(bar);

			wr32(bar, UINT32_MAX);
			fact("bar", devfn << 8 | i, 4, rd32(bar), 8);
			wr32(bar, was);
		}
	}
	out32(0xcf8, 0);
	fact("cf8", 0, 1, in32(0xcf8), 8);
	fact("cfc", 0, 1, in32(0xcfc), 8);
}

/* ---- interrupt chips; nothing is ever unmasked ---- */

static uint32_t ioapic(unsigned reg)
{
	wr32(IOAPIC, reg);
	return rd32(IOAPIC + 0x10);
}

static void ioapic_put(unsigned reg, uint32_t v)
{
	wr32(IOAPIC, reg);
	wr32(IOAPIC + 0x10, v);
}

static void chips(void)
{
	/* KVM keeps what is written to delivery status and remote IRR (bits 12, 14), which only the
	 * chip may change, and to reserved bits */
	static const uint32_t patterns[] = { 0x1afff, 0x10000, 0x1a5a5, 0x10a5a };
	static const uint16_t lvt[] = { 0x320, 0x330, 0x340, 0x350, 0x360, 0x370 };
	static const struct { uint16_t reg; uint32_t v; } lapic_writes[] = {
		{ 0x30, 0 }, { 0x80, 0xf0 }, { 0x80, 0x20 }, { 0x80, 0 },
		{ 0xd0, 0xffffffff }, { 0xd0, 0x01000000 }, { 0xe0, 0xffffffff },
		{ 0xe0, 0x0fffffff }, { 0xe0, 0xffffffff }, { 0xf0, 0x1ff }, { 0xf0, 0xffffefff },
		{ 0xf0, 0x1ff }, { 0x3e0, 0xffffffff }, { 0x3e0, 0x3 }, { 0x310, 0xffffffff },
		{ 0x310, 0 }, { 0x280, 0 },
	};

	/* KVM answers reads of reserved registers with what its stack holds */
	for (unsigned i = 0x20; i < 0x400; i += 0x10)
		if ((i < 0x40 || i >= 0x80) && i != 0xb0 && i != 0xc0 &&
		    (i < 0x290 || i >= 0x300) && (i < 0x390 || i == 0x3e0))
			fact("lapic", i, 3, rd32(LAPIC + i), 8);
	for (unsigned i = 0; i < sizeof(lapic_writes) / sizeof(lapic_writes[0]); i++) {
		wr32(LAPIC + lapic_writes[i].reg, lapic_writes[i].v);
		fact("lapic-written", lapic_writes[i].reg, 3, rd32(LAPIC + lapic_writes[i].reg), 8);
	}
	for (unsigned i = 0; i < sizeof(lvt) / sizeof(lvt[0]); i++) {
		for (unsigned j = 0; j < 4; j++) {
			wr32(LAPIC + lvt[i], patterns[j]);
			fact("lvt", lvt[i], 3, rd32(LAPIC + lvt[i]), 8);
		}
	}
	for (unsigned i = 0; i < 0x42; i++)
		fact("ioapic", i, 2, ioapic(i), 8);
	ioapic_put(0, UINT32_MAX);
	fact("ioapic-written", 0, 2, ioapic(0), 8);
	ioapic_put(0, 0);
	for (unsigned j = 0; j < 4; j++) {
		ioapic_put(0x10 + 2 * 5, patterns[j]);
		ioapic_put(0x11 + 2 * 5, ~patterns[j] << 24);
		fact("ioapic-written", 0x1a, 2, ioapic(0x1a), 8);
		fact("ioapic-written", 0x1b, 2, ioapic(0x1b), 8);
	}
	/* both PICs, set up as every kernel does */
	for (unsigned i = 0; i < 2; i++) {
		uint16_t p = i ? 0xa0 : 0x20;

		out8(p, 0x11);
		out8((uint16_t)(p + 1), (uint8_t)(0x20 + 8 * i));
		out8((uint16_t)(p + 1), i ? 2 : 4);
		out8((uint16_t)(p + 1), 1);
		out8((uint16_t)(p + 1), 0xff);
		fact("pic-mask", p, 2, in8((uint16_t)(p + 1)), 2);
		out8((uint16_t)(p + 1), 0xa5);
		fact("pic-mask", p, 2, in8((uint16_t)(p + 1)), 2);
		out8((uint16_t)(p + 1), 0xff);
		out8(p, 0x0a);
		fact("pic-irr", p, 2, in8(p) & 0xfe, 2);	/* IRQ 0 is the time's */
		out8(p, 0x0b);
		fact("pic-isr", p, 2, in8(p), 2);
		out8((uint16_t)(0x4d0 + i), 0xff);
		fact("elcr", i, 1, in8((uint16_t)(0x4d0 + i)), 2);
		out8((uint16_t)(0x4d0 + i), 0);
		fact("elcr", i, 1, in8((uint16_t)(0x4d0 + i)), 2);
	}
	/* the PIT's way of saying what mode it is in; KVM's knows no null count (bit 6) */
	for (unsigned i = 0; i < 3; i++) {
		out8(0x43, (uint8_t)(i << 6 | 0x34));
		out8(0x43, (uint8_t)(0xe0 | 2 << i));
		fact("pit-status", i, 1, in8((uint16_t)(0x40 + i)) & 0x3f, 2);
	}
}

static void memory(void)
{
	static const uint32_t holes[] = { 0xa0000, 0xb8000, 0x80000000, 0xc0000000, 0xcffffff0,
					  0xf0000000, 0xfec00020, 0xfec01000, 0xfed00400,
					  0xfed1c000, 0xfee01000, 0xff000000, 0xfffc0000,
					  0xfffffff0 };

	for (unsigned i = 0; i < sizeof(holes) / sizeof(holes[0]); i++)
		fact("memory", holes[i], 8, rd32(holes[i]), 8);
	/* capabilities and configuration; the counter is at 0xf0 */
	for (unsigned i = 0; i < 0x160; i += 4)
		if (i < 0xf0 || i > 0xf7)
			fact("hpet", i, 3, rd32(HPET + i), 8);
}

void same(void)
{
	out8(BARE_SERIAL + 3, 3);
	bare_gate(BARE_IDT, 6, fault);
	bare_gate(BARE_IDT, 13, fault_code);
	bare_idt_load(BARE_IDT);
	processor();
	ports();
	pci();
	memory();
	chips();
	put("end: of the dump");
	end();
	bare_off();
}
