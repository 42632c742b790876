/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions of an x87 unit, done by the host's own where it has one. Only code compiled
 * without vector registers is behind this, so translated code may call it lightly.
 */
#ifndef TCG_X87_H
#define TCG_X87_H

#include <stdbool.h>
#include <stdint.h>

/* The unit as FNSAVE writes it in 32-bit protected mode (SDM volume 1, 8.1.10). */
struct x87_image {
	uint32_t cw, sw, tw, ip, cs_op, dp, ds;
	uint8_t st[8][10];		/* in the order of the stack */
} __attribute__((packed));

/*
 * One instruction, neither of those that load or store the environment nor FNSTSW AX. op: the
 * low three bits of its first byte; modrm: register form; or with mod = 0, and mem is the
 * operand (which is not written where an unmasked exception suppresses that). flags: RFLAGS, for
 * FCMOVcc, FCOMI. m->sw has no unmasked exception pending. False: this host can't.
 */
bool x87_host_exec(struct x87_image *m, unsigned op, uint8_t modrm, void *mem, uint64_t *flags);

/*
 * One operation on values, everything masked: quicker. cw: rounding and precision. Results are
 * the status word: condition codes and flags; of flags that are in `known` already it may say
 * anything. mem: as above. Only where x87_host_light says so.
 */
enum x87_light {
	X87_LOAD,		/* a = mem */
	X87_STORE,		/* mem = a; modrm is that of the popping form */
	X87_UNARY,		/* a = op a, or a = a op mem */
	X87_BINARY,		/* a = a op b; modrm with ST and ST(1) */
	X87_COMPARE,		/* a with b; modrm that of the form that pops both */
};
bool x87_host_light(void);
uint32_t x87_host_op(enum x87_light kind, unsigned op, uint8_t modrm, uint32_t cw, uint32_t known,
		     uint8_t *a, const uint8_t *b, void *mem);

/*
 * The commonest of them in line: a = a op (memory or b), with the host's control word as it is
 * (everything masked, nearest, 64 bits). Digits are those of D8; the status word is the result.
 */
#ifdef __x86_64__
enum { X87_INLINE = 1 };
#define X87_ASM(load, op)								\
	__asm__ volatile("fldt (%1)\n\t" load op "\n\tfnstsw %0\n\tfstpt (%1)"		\
			 : "=a"(sw) : "r"(a), "r"(b) : "memory")
#define X87_MEM_OPS(suffix)								\
	switch (digit) {								\
	case 0: X87_ASM("", "fadd" suffix " (%2)"); break;				\
	case 1: X87_ASM("", "fmul" suffix " (%2)"); break;				\
	case 4: X87_ASM("", "fsub" suffix " (%2)"); break;				\
	case 5: X87_ASM("", "fsubr" suffix " (%2)"); break;				\
	case 6: X87_ASM("", "fdiv" suffix " (%2)"); break;				\
	default: X87_ASM("", "fdivr" suffix " (%2)");					\
	}
/* digit is a constant where these are used */
static inline __attribute__((always_inline)) uint32_t x87_op_f64(unsigned digit, uint8_t *a,
								 const void *b)
{
	uint16_t sw;

	X87_MEM_OPS("l")
	return sw;
}
static inline __attribute__((always_inline)) uint32_t x87_op_f32(unsigned digit, uint8_t *a,
								 const void *b)
{
	uint16_t sw;

	X87_MEM_OPS("s")
	return sw;
}
/* DE's forms, by their bytes: assemblers disagree about which is the reverse one. */
static inline __attribute__((always_inline)) uint32_t x87_op_f80(unsigned digit, uint8_t *a,
								 const void *b)
{
	uint16_t sw;

	switch (digit) {
	case 0: X87_ASM("fldt (%2)\n\t", ".byte 0xde, 0xc1"); break;
	case 1: X87_ASM("fldt (%2)\n\t", ".byte 0xde, 0xc9"); break;
	case 4: X87_ASM("fldt (%2)\n\t", ".byte 0xde, 0xe9"); break;
	case 5: X87_ASM("fldt (%2)\n\t", ".byte 0xde, 0xe1"); break;
	case 6: X87_ASM("fldt (%2)\n\t", ".byte 0xde, 0xf9"); break;
	default: X87_ASM("fldt (%2)\n\t", ".byte 0xde, 0xf1");
	}
	return sw;
}
/* Comparisons: FCOMPP, FUCOMPP. */
static inline __attribute__((always_inline)) uint32_t x87_cmp_f80(bool quiet, const uint8_t *a,
								  const uint8_t *b)
{
	uint16_t sw;

	if (quiet)
		__asm__ volatile("fldt (%2)\n\tfldt (%1)\n\tfucompp\n\tfnstsw %0"
				 : "=a"(sw) : "r"(a), "r"(b) : "memory");
	else
		__asm__ volatile("fldt (%2)\n\tfldt (%1)\n\tfcompp\n\tfnstsw %0"
				 : "=a"(sw) : "r"(a), "r"(b) : "memory");
	return sw;
}
/* A store of 32 or 64 bits. */
static inline __attribute__((always_inline)) uint32_t x87_store(bool wide, const uint8_t *a,
								void *mem)
{
	uint16_t sw;

	if (wide)
		__asm__ volatile("fldt (%1)\n\tfstpl (%2)\n\tfnstsw %0"
				 : "=a"(sw) : "r"(a), "r"(mem) : "memory");
	else
		__asm__ volatile("fldt (%1)\n\tfstps (%2)\n\tfnstsw %0"
				 : "=a"(sw) : "r"(a), "r"(mem) : "memory");
	return sw;
}
#undef X87_MEM_OPS
#undef X87_ASM
#else
enum { X87_INLINE = 0 };
static inline uint32_t x87_op_f64(unsigned digit, uint8_t *a, const void *b) { return 0; }
static inline uint32_t x87_op_f32(unsigned digit, uint8_t *a, const void *b) { return 0; }
static inline uint32_t x87_op_f80(unsigned digit, uint8_t *a, const void *b) { return 0; }
static inline uint32_t x87_cmp_f80(bool quiet, const uint8_t *a, const uint8_t *b) { return 0; }
static inline uint32_t x87_store(bool wide, const uint8_t *a, void *mem) { return 0; }
#endif

#endif
