// SPDX-License-Identifier: GPL-2.0-or-later
/* An x87 instruction of the guest by the same one of this processor. */
#include "tcg/x87.h"

/*
 * Every register form (index: op * 64 + modrm's low six bits) and every memory form with the
 * operand at RAX (512 + op * 8 + reg), four bytes each.
 */
__asm__(
	".pushsection .text\n"
	".balign 16\n"
	"x87_stubs:\n"
	".set i, 0\n"
	".rept 512\n"
	".byte 0xd8 + (i >> 6), 0xc0 + (i & 63)\n"
	"ret\n"
	".balign 4\n"
	".set i, i + 1\n"
	".endr\n"
	".set i, 0\n"
	".rept 64\n"
	".byte 0xd8 + (i >> 3), (i & 7) << 3\n"
	"ret\n"
	".balign 4\n"
	".set i, i + 1\n"
	".endr\n"
	".popsection\n");
extern const uint8_t x87_stubs[] __attribute__((visibility("hidden")));

enum { STUB = 4, MEMORY = 512, ARITH = 0x8d5, ALWAYS = 0x202, FLAGS = 0x3f };
enum { CW_DEFAULT = 0x37f, CW_MEANS = 0xf00 };

static const uint8_t *stub_of(unsigned op, uint8_t modrm)
{
	unsigned n = modrm >= 0xc0 ? (op & 7) * 64 + (modrm & 63) :
				     MEMORY + (op & 7) * 8 + (modrm >> 3 & 7);

	return x87_stubs + n * STUB;
}

/* FNSAVE leaves the unit as the C ABI wants it: empty, everything masked. */
bool x87_host_exec(struct x87_image *m, unsigned op, uint8_t modrm, void *mem, uint64_t *flags)
{
	uint64_t f = (*flags & ARITH) | ALWAYS;

	__asm__ volatile(
		"lea -128(%%rsp), %%rsp\n\t"
		"frstor (%[m])\n\t"
		"push %[f]\n\t"
		"popfq\n\t"
		"call *%[stub]\n\t"
		"pushfq\n\t"
		"pop %[f]\n\t"
		"fnsave (%[m])\n\t"
		"lea 128(%%rsp), %%rsp"
		: [f] "+r"(f)
		: [m] "r"(m), [stub] "r"(stub_of(op, modrm)), "a"(mem)
		: "memory", "cc");
	*flags = (*flags & ~(uint64_t)ARITH) | (f & ARITH);
	return true;
}

bool x87_host_light(void) { return true; }

/* The stub is called over the red zone; the status is read before anything else changes it. */
#define LIGHT(before, after)								\
	__asm__ volatile(								\
		"lea -128(%%rsp), %%rsp\n\t" before					\
		"call *%[stub]\n\t"							\
		"fnstsw %%ax\n\t" after						\
		"lea 128(%%rsp), %%rsp"							\
		: "+a"(ax) : [stub] "r"(stub), [a] "r"(a), [b] "r"(b) : "memory", "cc")

static uint32_t light(enum x87_light kind, const uint8_t *stub, uint8_t *a, const uint8_t *b,
		      void *mem)
{
	uint64_t ax = (uint64_t)(uintptr_t)mem;

	switch (kind) {
	case X87_LOAD:
		LIGHT("", "fstpt (%[a])\n\t");
		break;
	case X87_STORE:
		LIGHT("fldt (%[a])\n\t", "");
		break;
	case X87_UNARY:
		LIGHT("fldt (%[a])\n\t", "fstpt (%[a])\n\t");
		break;
	case X87_BINARY:
		LIGHT("fldt (%[b])\n\tfldt (%[a])\n\t", "fstpt (%[a])\n\tfstp %%st(0)\n\t");
		break;
	case X87_COMPARE:
		LIGHT("fldt (%[b])\n\tfldt (%[a])\n\t", "");
		break;
	}
	return (uint32_t)ax & 0xffff;
}

/*
 * Clearing the flags each time is the dear part. So flags of earlier operations stay, and only if
 * one is seen that the guest has not got is the operation done again on clear ones.
 */
uint32_t x87_host_op(enum x87_light kind, unsigned op, uint8_t modrm, uint32_t cw, uint32_t known,
		     uint8_t *a, const uint8_t *b, void *mem)
{
	const uint8_t *stub = stub_of(op, modrm);
	uint16_t want = (uint16_t)((cw & CW_MEANS) | (CW_DEFAULT & ~CW_MEANS));
	uint64_t lo = 0;
	uint16_t hi = 0, normal = CW_DEFAULT;
	uint32_t sw;

	if (want != CW_DEFAULT)
		__asm__ volatile("fldcw %0" : : "m"(want));
	if (kind != X87_LOAD) {
		__builtin_memcpy(&lo, a, 8);
		__builtin_memcpy(&hi, a + 8, 2);
	}
	sw = light(kind, stub, a, b, mem);
	if (sw & FLAGS & ~known) {
		__asm__ volatile("fnclex");
		if (kind != X87_LOAD) {
			__builtin_memcpy(a, &lo, 8);
			__builtin_memcpy(a + 8, &hi, 2);
		}
		sw = light(kind, stub, a, b, mem);
	}
	if (want != CW_DEFAULT)
		__asm__ volatile("fldcw %0" : : "m"(normal));
	return sw;
}
