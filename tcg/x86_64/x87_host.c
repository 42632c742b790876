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

enum { STUB = 4, MEMORY = 512, ARITH = 0x8d5, ALWAYS = 0x202 };

/* FNSAVE leaves the unit as the C ABI wants it: empty, everything masked. */
bool x87_host_exec(struct x87_image *m, unsigned op, uint8_t modrm, void *mem, uint64_t *flags)
{
	unsigned n = modrm >= 0xc0 ? (op & 7) * 64 + (modrm & 63) :
				     MEMORY + (op & 7) * 8 + (modrm >> 3 & 7);
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
		: [m] "r"(m), [stub] "r"(x87_stubs + n * STUB), "a"(mem)
		: "memory", "cc");
	*flags = (*flags & ~(uint64_t)ARITH) | (f & ARITH);
	return true;
}
