/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that does nothing sensible, for `ambi -machine pc`: registers of all devices get
 * accesses at random, the other processors are started and stopped, and the machine is reset
 * in different ways, again and again. Then it powers off. Kernel arguments: three numbers,
 * the seed, how many starts there are, accesses a start.
 *
 * It keeps to what cannot hit itself: no DMA, no INIT to the processor it runs on.
 * Each start says "hostile: start N" on the first serial port.
 */
#include "tests/bare64/bare64.h"

enum { KEPT = 0x90000, TRAMPOLINE = 0x80000, MAGIC = 0x68737431 };

void hostile(const uint8_t *zero_page);

__asm__(".section .text.start, \"ax\"\n"
	".globl _start\n"
	"_start: mov %rsi, %rdi\n"
	"	mov $0x98000, %esp\n"
	"	call hostile\n"
	"1:	cli\n"
	"	hlt\n"
	"	jmp 1b\n"
	/* another processor, in real mode: reads all ports in turn */
	".globl ap_code, ap_nmi, ap_end\n"
	"	.code16\n"
	"ap_code: cli\n"
	"	xor %dx, %dx\n"
	"2:	in %dx, %al\n"
	"	in %dx, %eax\n"
	"	inc %dx\n"
	"	jmp 2b\n"
	"ap_nmi: iret\n"
	"ap_end:\n"
	"	.code64\n"
	".section .note.GNU-stack, \"\", @progbits\n"
	".text\n");
extern const uint8_t ap_code[], ap_nmi[], ap_end[];

struct kept { uint32_t magic, starts; uint64_t random; };	/* resets leave it alone */

static struct kept *kept(void) { return bare_at(KEPT); }

static uint64_t next(void)
{
	uint64_t z = (kept()->random += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void put(const char *s)
{
	for (; *s; s++) {
		for (unsigned n = 0; n < 100000 && !(in8(BARE_SERIAL + 5) & 0x20); n++)
			;
		out8(BARE_SERIAL, (uint8_t)*s);
	}
}

static void serial_init(void)
{
	static const uint8_t regs[][2] = { { 3, 0x80 }, { 0, 1 }, { 1, 0 }, { 3, 3 }, { 1, 0 },
					   { 2, 7 }, { 4, 0 } };

	for (unsigned i = 0; i < sizeof(regs) / 2; i++)
		out8(BARE_SERIAL + regs[i][0], regs[i][1]);
}

static uint32_t number(const char **s)
{
	uint32_t n = 0;

	while (**s == ' ')
		(*s)++;
	while (**s >= '0' && **s <= '9')
		n = n * 10 + (uint32_t)(*(*s)++ - '0');
	return n;
}

/* ---- accesses ---- */

/* Not what ends the machine, or starts DMA: port 92, 0x64, PM, fw_cfg's DMA, cf9, pvpanic. */
static void port_access(void)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61,
		0x60, 0x70, 0x71, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x4d0, 0x4d1, 0x510, 0x511,
		0xcf8, 0x80, 0x608, 0x620, 0x1000 };
	uint64_t r = next();
	uint16_t port = ports[(r >> 8) % (sizeof(ports) / 2)];
	uint32_t v = (uint32_t)next();

	switch (r & 7) {
	case 0: out16(port & 0xfffe, (uint16_t)v); break;
	case 1: case 2: in32((uint16_t)(r >> 16)); break;
	case 3: in8((uint16_t)(r >> 16)); break;
	default: out8(port, (uint8_t)v); break;
	}
}

static void memory_access(void)
{
	static const uint32_t bases[] = { IOAPIC, IOAPIC, HPET, HPET, LAPIC, 0xc0000000, 0xc0001000,
		0xc0010000, 0xfffc0000, 0xa0000, ECAM, 0xfed40000 };
	uint64_t r = next(), at = bases[r % 12] + (r >> 8 & 0xffc) % 0x400;
	volatile uint64_t *p = (volatile uint64_t *)(uintptr_t)at;

	if ((at & ~0x1ful) == LAPIC + 0x300)	/* the ICR: start_others does that */
		return;
	switch (r >> 32 & 7) {
	case 0: *p = next(); break;
	case 1: (void)*p; break;
	case 2: *(volatile uint8_t *)p = (uint8_t)r; break;
	case 3: (void)*(volatile uint16_t *)p; break;
	default: *(volatile uint32_t *)p = (uint32_t)next(); break;
	}
}

/* Any function but the LPC bridge, which has the power management's address. */
static void config_access(void)
{
	uint64_t r = next();
	uint32_t devfn = (uint32_t)(r >> 8) % 0xf8;

	out32(0xcf8, 0x80000000 | devfn << 8 | (r & 0xfc));
	if (r >> 32 & 1)
		out32(0xcfc, (uint32_t)next() & 0xfffffffb);	/* no bus mastering */
	else
		in32(0xcfc);
}

static void start_others(void)
{
	static const uint32_t icr[] = { 0x4500, 0x4600 | TRAMPOLINE >> 12,
					0x4600 | TRAMPOLINE >> 12, 0xc4500,
					0xc4600 | TRAMPOLINE >> 12, 0x4400, 0x4041 };

	bare_copy(TRAMPOLINE, ap_code, ap_end);
	*mmio(2 * 4) = (uint32_t)TRAMPOLINE / 16 << 16 | (uint32_t)(ap_nmi - ap_code);
	*mmio(LAPIC + 0xf0) = 0x1ff;
	*mmio(LAPIC + 0x310) = 1u << 24;
	*mmio(LAPIC + 0x300) = icr[next() % 7];
}

static void reset(void)
{
	uint64_t none[2] = { 0, 0 };

	switch (next() % 5) {
	case 0: out8(0x64, 0xfe); break;
	case 1: out8(0x92, 1); break;
	case 2: __asm__ volatile("lidt %0; ud2" : : "m"(none)); break;
	default: break;
	}
	out8(0xcf9, 0);
	out8(0xcf9, next() & 1 ? 6 : 0xe);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void hostile(const uint8_t *zero_page)
{
	const char *args = (const char *)(uintptr_t)*(const uint32_t *)(zero_page + 0x228);
	uint32_t seed = number(&args), starts = number(&args), accesses = number(&args);
	struct kept *k = kept();
	char buf[24];

	if (k->magic != MAGIC)
		*k = (struct kept){ MAGIC, 0, seed };
	serial_init();
	put("\nhostile: start ");
	put(bare_number(buf, ++k->starts));
	put("\n");
	if (k->starts >= starts) {
		bare_off();
		reset();
	}
	for (uint32_t i = 0; i < accesses; i++) {
		switch (next() % 8) {
		case 0: case 1: case 2: port_access(); break;
		case 3: case 4: case 5: memory_access(); break;
		case 6: config_access(); break;
		default: start_others(); break;
		}
	}
	reset();
}
