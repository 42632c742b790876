/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for `ambi -machine pc classes64.elf` that executes, in ring 0, instructions of classes
 * that a KVM without hardware cannot interpret, with results that are known. The host asks by a
 * letter on the first serial port and gets "class NAME TIMES ok" ("none": #UD, this processor has
 * it not; "BAD": wrong); `p` is 32-bit paging on the second CPU, `L` all of them as fast as can be
 * for about two seconds, `?` the list, `q` the end. test_classes.py counts with what ambi counts.
 */
#include "tests/bare64/bare64.h"

enum { TIMES = 8, PAGE_DIR = 0xa000, RESULT = 0xb000 };

void classes(void);
void fault(void);
void fault_code(void);
volatile uint64_t faulted, resume;
extern const uint8_t ap_code[], ap_end[];

__asm__(".section .text.start, \"ax\"\n"
	".globl _start, fault, fault_code, ap_code, ap_end\n"
	"_start: mov $0x80000, %esp\n"
	"	call classes\n"
	"1:	cli\n"
	"	hlt\n"
	"	jmp 1b\n"
	/* #UD and #GP: who may raise them says where to go on */
	"fault_code: add $8, %rsp\n"
	"fault: movq $1, faulted(%rip)\n"
	"	push %rax\n"
	"	mov resume(%rip), %rax\n"
	"	mov %rax, 8(%rsp)\n"
	"	pop %rax\n"
	"	iretq\n"
	/* second CPU: real mode, protected mode, 32-bit paging with 4 MiB pages, a sum, and on */
	"	.code16\n"
	"ap_code: cli\n"
	"	mov %cs, %ax\n"
	"	mov %ax, %ds\n"
	"	lgdtl ap_gdtr - ap_code\n"
	"	mov $0x11, %eax\n"
	"	mov %eax, %cr0\n"
	"	ljmpl $8, $(0x8000 + ap32 - ap_code)\n"
	"	.balign 8\n"
	"ap_gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff\n"
	"ap_gdtr: .word 23\n"
	"	.long 0x8000 + ap_gdt - ap_code\n"
	"	.code32\n"
	"ap32:	mov $0x10, %eax\n"
	"	mov %eax, %ds\n"
	"	mov %eax, %ss\n"
	"	mov $0x10, %eax\n"		/* CR4.PSE */
	"	mov %eax, %cr4\n"
	"	mov $0xa000, %eax\n"
	"	mov %eax, %cr3\n"
	"	mov %cr0, %eax\n"
	"	or $0x80000000, %eax\n"
	"	mov %eax, %cr0\n"
	"	jmp 1f\n"
	"1:	xor %eax, %eax\n"
	"	mov $2000, %ecx\n"
	"2:	add %ecx, %eax\n"
	"	mov %eax, 0x40b010\n"		/* 4 MiB on is the first 4 MiB again */
	"	rol $3, %eax\n"
	"	loop 2b\n"
	"	mov %cr0, %ecx\n"
	"	and $0x7fffffff, %ecx\n"
	"	mov %ecx, %cr0\n"
	"	jmp 3f\n"
	"3:	mov %eax, 0xb000\n"
	"	movl $1, 0xb004\n"
	"4:	cli\n"
	"	hlt\n"
	"	jmp 4b\n"
	"ap_end:\n"
	"	.code64\n"
	".section .note.GNU-stack, \"\", @progbits\n"
	".text\n");

/* ---- the classes: 0 wrong, 1 right; a fault says itself ---- */

/* The instructions between go on behind themselves where they fault. */
#define TRY(text, ...) \
	__asm__ volatile("lea 9f(%%rip), %%r11; mov %%r11, resume(%%rip)\n" text "\n9:" \
			 __VA_ARGS__)

static uint64_t rnd;

static uint64_t next(void)
{
	return rnd = rnd * 6364136223846793005 + 1442695040888963407;
}

static int c_rdtsc(void)
{
	static uint64_t last;
	uint32_t lo = 0, hi = 0;
	uint64_t v;

	TRY("rdtsc", : "=a"(lo), "=d"(hi) : : "r11", "memory");
	v = lo | (uint64_t)hi << 32;
	lo = v >= last && v;
	last = v;
	return (int)lo;
}

static int c_sse(void)
{
	float a[4] __attribute__((aligned(16))) = { 1, 2, 3, 4 };
	uint32_t *bits = (uint32_t *)(void *)a;

	TRY("movaps (%0), %%xmm3; addps %%xmm3, %%xmm3; mulps (%0), %%xmm3; movaps %%xmm3, (%0)",
	    : : "r"(a) : "r11", "memory");
	/* 2, 8, 18, 32 */
	return faulted || (bits[0] == 0x40000000 && bits[1] == 0x41000000 &&
			   bits[2] == 0x41900000 && bits[3] == 0x42000000);
}

static int c_sse2(void)
{
	uint64_t a[2] __attribute__((aligned(16))) = { next(), next() }, w[2] = { a[0], a[1] };

	TRY("movdqa (%0), %%xmm9; paddq %%xmm9, %%xmm9; pshufd $0x4e, %%xmm9, %%xmm9;"
	    "movdqa %%xmm9, (%0)", : : "r"(a) : "r11", "memory");
	return faulted || (a[0] == w[1] * 2 && a[1] == w[0] * 2);
}

static int c_double(void)
{
	uint64_t a = next() >> 40, r = 0;

	TRY("cvtsi2sdq %1, %%xmm0; mulsd %%xmm0, %%xmm0; sqrtsd %%xmm0, %%xmm0;"
	    "cvttsd2siq %%xmm0, %0", : "+r"(r) : "r"(a) : "r11", "memory");
	return faulted || r == a;
}

static int c_x87(void)
{
	int64_t v[2] = { (int64_t)(next() >> 2), (int64_t)(next() >> 2) }, r = 0;

	TRY("fildll (%1); fildll 8(%1); faddp; fchs; fistpll (%0)", : : "r"(&r), "r"(v)
	    : "r11", "memory");
	return faulted || r == -(v[0] + v[1]);
}

static int c_mmx(void)
{
	uint64_t a = next(), r = 0;

	TRY("movq %1, %%mm5; paddd %%mm5, %%mm5; movq %%mm5, %0; emms", : "=m"(r) : "m"(a)
	    : "r11", "memory");
	return faulted || r == ((a << 1 & 0xfffffffe00000000) | (uint32_t)(a << 1));
}

static int c_cmpxchg16b(void)
{
	uint64_t m[2] __attribute__((aligned(16))) = { next(), next() };
	uint64_t lo = m[0], hi = m[1], b = next(), c = next();

	TRY("lock cmpxchg16b (%2)", : "+a"(lo), "+d"(hi) : "r"(m), "b"(b), "c"(c)
	    : "r11", "memory", "cc");
	return faulted || (m[0] == b && m[1] == c);
}

static int c_popcnt(void)
{
	uint64_t a = next(), r = 0, n = 0;

	for (uint64_t v = a; v; v &= v - 1)
		n++;
	TRY("popcnt %1, %0", : "+r"(r) : "r"(a) : "r11", "memory", "cc");
	return faulted || r == n;
}

static int c_crc32(void)
{
	uint64_t r = 0xffffffff;

	TRY("crc32q %1, %0", : "+r"(r) : "r"((uint64_t)0) : "r11", "memory");
	return faulted || r == 0x73d74d75;	/* of eight zero bytes, not inverted */
}

static int c_movbe(void)
{
	uint64_t m = 0x0102030405060708, r = 0;

	TRY("movbe %1, %0", : "+r"(r) : "m"(m) : "r11", "memory");
	return faulted || r == 0x0807060504030201;
}

static int c_bswap(void)
{
	uint64_t r = 0x0102030405060708;

	__asm__ volatile("bswap %0" : "+r"(r));
	return r == 0x0807060504030201;
}

static int c_fxsave(void)
{
	static uint8_t area[512] __attribute__((aligned(16)));
	static uint8_t other[512] __attribute__((aligned(16)));

	TRY("fxsave (%0); movl $0x1fa0, 24(%0); fxrstor (%0); fxsave (%1); movl $0x1f80, 24(%0);"
	    "fxrstor (%0)", : : "r"(area), "r"(other) : "r11", "memory");
	return faulted || *(uint32_t *)(void *)(other + 24) == 0x1fa0;
}

static int c_mxcsr(void)
{
	uint32_t v = 0x1f80, r = 0;

	TRY("ldmxcsr %1; stmxcsr %0", : "=m"(r) : "m"(v) : "r11", "memory");
	return faulted || r == v;
}

static int c_string(void)
{
	uint8_t a[64], b[64];
	uint8_t *from = a, *to = b, *p = b;
	uint64_t n = 64, at = 64;

	for (unsigned i = 0; i < 64; i++)
		a[i] = (uint8_t)(i * 3);
	__asm__ volatile("cld; rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
	__asm__ volatile("repne scasb" : "+D"(p), "+c"(at) : "a"((uint8_t)120) : "memory", "cc");
	return n == 0 && at == 23 && p == b + 41 && b[63] == 189;
}

static int c_divide(void)
{
	uint64_t a = next() | 1, b = next() >> 32 | 1, q, r;

	__asm__ volatile("div %4" : "=a"(q), "=d"(r) : "a"(a), "d"((uint64_t)0), "r"(b) : "cc");
	return q * b + r == a && r < b;
}

static int c_aes(void)
{
	uint64_t a[2] __attribute__((aligned(16))) = { 0, 0 };

	TRY("movdqa (%0), %%xmm1; aesenc %%xmm1, %%xmm1; movdqa %%xmm1, (%0)", : : "r"(a)
	    : "r11", "memory");
	return faulted || (a[0] == 0x6363636363636363 && a[1] == a[0]);
}

static int c_pclmul(void)
{
	uint64_t a[2] __attribute__((aligned(16))) = { 3, 0 };

	TRY("movdqa (%0), %%xmm1; pclmulqdq $0, %%xmm1, %%xmm1; movdqa %%xmm1, (%0)", : : "r"(a)
	    : "r11", "memory");
	return faulted || (a[0] == 5 && !a[1]);
}

static const struct { char key; const char *name; int (*fn)(void); } table[] = {
	{ 'a', "rdtsc", c_rdtsc }, { 'b', "sse", c_sse }, { 'c', "sse2", c_sse2 },
	{ 'd', "double", c_double }, { 'e', "x87", c_x87 }, { 'f', "mmx", c_mmx },
	{ 'g', "cmpxchg16b", c_cmpxchg16b }, { 'h', "popcnt", c_popcnt }, { 'i', "crc32", c_crc32 },
	{ 'j', "movbe", c_movbe }, { 'k', "bswap", c_bswap }, { 'l', "fxsave", c_fxsave },
	{ 'm', "mxcsr", c_mxcsr }, { 'n', "string", c_string }, { 'o', "divide", c_divide },
	{ 'r', "aes", c_aes }, { 's', "pclmul", c_pclmul },
};
enum { NR = sizeof(table) / sizeof(table[0]) };

/* -1: not there, 0: wrong, 1: right */
static int run(unsigned n)
{
	for (unsigned i = 0; i < TIMES; i++) {
		faulted = 0;
		if (!table[n].fn())
			return 0;
		if (faulted)
			return -1;
	}
	return 1;
}

static void say(const char *name, uint64_t times, int r)
{
	char buf[24];

	bare_put("class ");
	bare_put(name);
	bare_put(" ");
	bare_put(bare_number(buf, times));
	bare_put(r < 0 ? " none\n" : r ? " ok\n" : " BAD\n");
}

static uint64_t hpet(void) { return *(volatile uint64_t *)(uintptr_t)(HPET + 0xf0); }

static int paging32(void)
{
	uint32_t want = 0;
	uint64_t at = hpet();

	for (uint32_t i = 2000; i; i--) {
		want += i;
		want = want << 3 | want >> 29;
	}
	bare_copy(BARE_SECOND, ap_code, ap_end);
	for (uint32_t i = 0; i < 1024; i++)
		*mmio(PAGE_DIR + 4 * i) = i < 2 ? 0x83 : 0;
	*mmio(RESULT) = *mmio(RESULT + 4) = *mmio(RESULT + 16) = 0;
	bare_cpu_start(1, BARE_SECOND);
	while (!*mmio(RESULT + 4))
		if (hpet() - at > 2000000000)
			return 0;
	return *mmio(RESULT) == want && *mmio(RESULT + 16);
}

static void loop_all(void)
{
	uint64_t from = hpet(), n = 0;
	int ok = 1;

	while (hpet() - from < 200000000) {
		for (unsigned i = 0; i < NR; i++)
			ok &= run(i) != 0;
		n++;
	}
	say("all", n, ok);
}

static void start(void)
{
	uint64_t cr;

	bare_gate(BARE_IDT, 6, fault);
	bare_gate(BARE_IDT, 13, fault_code);
	bare_idt_load(BARE_IDT);
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr | 0x600));
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr));
	__asm__ volatile("mov %0, %%cr0" : : "r"((cr & ~UINT64_C(0xc)) | 2));
	*mmio(LAPIC + 0xf0) = 0x1ff;
	*mmio(HPET + 0x10) = 1;
}

void classes(void)
{
	start();
	bare_put("classes64: ready\n");
	for (;;) {
		char c;

		while (!(in8(BARE_LSR) & 1))
			;
		c = (char)in8(BARE_SERIAL);
		if (c == 'q')
			break;
		if (c == 'L')
			loop_all();
		if (c == 'p')
			say("paging32", 1, paging32());
		for (unsigned i = 0; i < NR; i++) {
			if (c == '?') {
				char key[2] = { table[i].key, 0 };

				bare_put("has ");
				bare_put(key);
				bare_put(" ");
				bare_put(table[i].name);
				bare_put("\n");
			} else if (table[i].key == c) {
				say(table[i].name, TIMES, run(i));
			}
		}
		if (c == '?')
			bare_put("end\n");
	}
	bare_off();
}
