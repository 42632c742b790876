// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions that went wrong once, against this host's processor, in all engines. */
#include "tests/insn_x86/compare.h"
#include "tests/insn_x86/guest.h"
#include "tests/insn_x86/native.h"

#include "util/bits.h"

#include <stdlib.h>
#include <string.h>

#define EDGE    (XS_DATA + 0x1000)        /* between two pages */
#define END     (XS_DATA + XS_DATA_RW)    /* what follows is read-only */
#define NOWHERE (XS_ALIAS + XS_DATA_SIZE) /* what follows is not there */

#define NOP4 0x90, 0x90, 0x90, 0x90
/* pushf; orl $AC, (%rsp); popf */
#define AC_ON 0x9c, 0x81, 0x0c, 0x24, 0, 0, 4, 0, 0x9d

static const struct fixed {
	const char *name;
	uint8_t bits, n, code[48];
	uint64_t rax, rbp; /* 0: as drawn */
	uint16_t smc;      /* it runs there in XS_SMC, where it may write to itself */
} fixed[] = {
	/* an odd address that meant "no entry" in tables of the translator */
	{ "jmp rax", 64, 2, { 0xff, 0xe0 }, 0x8000000000000001, 0 },
	{ "call rax", 64, 2, { 0xff, 0xd0 }, 0x8000000000000001, 0 },
	{ "push rax; ret", 64, 2, { 0x50, 0xc3 }, 0x8000000000000001, 0 },
	{ "jmp [rbp]", 64, 7, { 0x48, 0x89, 0x45, 0, 0xff, 0x65, 0 }, 0x8000000000000001, EDGE },
	{ "call [rbp]", 64, 7, { 0x48, 0x89, 0x45, 0, 0xff, 0x55, 0 }, 0x8000000000000001, EDGE },
	{ "jmp rax, all ones", 64, 2, { 0xff, 0xe0 }, UINT64_MAX, 0 },
	{ "ret, all ones", 64, 2, { 0x50, 0xc3 }, UINT64_MAX, 0 },
	{ "jmp rax, odd kernel address", 64, 2, { 0xff, 0xe0 }, 0xffff800000000001, 0 },
	{ "jmp rax, first address that is none", 64, 2, { 0xff, 0xe0 }, 0x800000000000, 0 },
	/* locked operations over a page's edge */
	/* 16 bytes: too long goes before a prefix that VEX does not go with */
	{ "vblendvps behind repnz, too long", 32, 16, { 0x64, 0x64, 0x2e, 0x26, 0xf2, 0xc4, 0xc3,
	  0x69, 0x4b, 0x14, 0x05, 0xf8, 0x72, 0xb2, 0xc6, 0xcc }, 0, 0 },
	{ "vblendvps behind repnz", 32, 13, { 0x26, 0xf2, 0xc4, 0xc3, 0x69, 0x4b, 0x14, 0x05, 0xf8,
	  0x72, 0xb2, 0xc6, 0xcc }, 0, 0 },
	{ "lock neg over an edge", 64, 4, { 0xf0, 0xf7, 0x5d, 0xfe }, 0, EDGE },
	{ "lock neg, 32-bit code", 32, 4, { 0xf0, 0xf7, 0x5d, 0xfe }, 0, EDGE },
	{ "lock xadd into read-only", 64, 5, { 0xf0, 0x0f, 0xc1, 0x45, 0xfe }, 0, END },
	{ "lock xor into nothing", 64, 5, { 0xf0, 0x83, 0x75, 0xfe, 1 }, 0, NOWHERE },
	{ "xchg into nothing", 64, 4, { 0x48, 0x87, 0x45, 0xfd }, 0, NOWHERE },
	/* a read-modify-write asks for writing at once */
	{ "neg into nothing", 64, 3, { 0xf7, 0x5d, 0xfe }, 0, NOWHERE },
	{ "shl in read-only", 64, 3, { 0xd1, 0x65, 0x10 }, 0, END },
	{ "bts in read-only", 64, 5, { 0x0f, 0xba, 0x6d, 0x10, 3 }, 0, END },
	{ "cmpxchg that fails", 64, 3, { 0x0f, 0xb1, 0xea }, 0x123456789, 0 },
	/* nothing is stored before it is known that all can be */
	{ "fstp m80 over the end", 64, 3, { 0xdb, 0x7d, 0xf8 }, 0, END },
	{ "fistp m64 over the end", 64, 3, { 0xdf, 0x7d, 0xfc }, 0, END },
	{ "fbstp over the end", 64, 3, { 0xdf, 0x75, 0xf8 }, 0, END },
	{ "vmaskmovps over the end", 64, 6, { 0xc4, 0xe2, 0x7d, 0x2e, 0x4d, 0xf0 }, 0, END },
	{ "vmovups over the end", 64, 5, { 0xc5, 0xfc, 0x11, 0x45, 0xf1 }, 0, END },
	{ "vcvtps2ph over the end", 64, 7, { 0xc4, 0xe3, 0x7d, 0x1d, 0x4d, 0xf8, 0 }, 0, END },
	{ "movups over the end", 32, 4, { 0x0f, 0x11, 0x45, 0xf1 }, 0, END },
	{ "push over the end", 64, 5, { 0x48, 0x89, 0xec, 0x41, 0x50 }, 0, END + 4 },
	/* DEC keeps the carry that an ADD or, in a loop, the last DEC left in another block */
	{ "dec after add's carry", 64, 19,
	  { 0xb9, 3, 0, 0, 0, 0x01, 0xc0, 0x72, 2, 0x90, 0x90, 0x8d, 0x12, 0xff, 0xc9, 0x75, 0xfa,
	    0x11, 0xc2 }, 0xffffffff, 0 },
	{ "dec after add, no carry", 64, 19,
	  { 0xb9, 3, 0, 0, 0, 0x01, 0xc0, 0x73, 2, 0x90, 0x90, 0x8d, 0x12, 0xff, 0xc9, 0x75, 0xfa,
	    0x11, 0xc2 }, 0x7fffffff, 0 },
	{ "adc in a loop by dec", 64, 13,
	  { 0xb9, 3, 0, 0, 0, 0x01, 0xc0, 0x11, 0xc2, 0xff, 0xc9, 0x75, 0xfa }, 0xffffffff, 0 },
	/* alignment checks */
	{ "mov, not aligned", 64, 12, { AC_ON, 0x8b, 0x45, 1 }, 0, XS_DATA + 0x400 },
	{ "xchg, not aligned", 64, 12, { AC_ON, 0x87, 0x45, 1 }, 0, XS_DATA + 0x400 },
	{ "lock add, not aligned", 64, 13, { AC_ON, 0xf0, 0x01, 0x45, 2 }, 0, XS_DATA + 0x400 },
	{ "lock add, aligned", 64, 13, { AC_ON, 0xf0, 0x01, 0x45, 4 }, 0, XS_DATA + 0x400 },
	{ "lock inc of a byte", 64, 13, { AC_ON, 0xf0, 0xfe, 0x45, 1 }, 0, XS_DATA + 0x400 },
	{ "lock neg, not aligned", 64, 14, { AC_ON, 0xf0, 0x48, 0xf7, 0x5d, 4 }, 0,
	  XS_DATA + 0x400 },
	{ "lock xadd, not aligned", 64, 15, { AC_ON, 0x66, 0xf0, 0x0f, 0xc1, 0x45, 1 }, 0,
	  XS_DATA + 0x400 },
	{ "lock cmpxchg, not aligned", 64, 14, { AC_ON, 0xf0, 0x0f, 0xb1, 0x45, 2 }, 0,
	  XS_DATA + 0x400 },
	{ "lock bts, not aligned", 64, 15, { AC_ON, 0xf0, 0x0f, 0xba, 0x6d, 2, 3 }, 0,
	  XS_DATA + 0x400 },
	{ "lock cmpxchg8b, not aligned", 32, 14, { AC_ON, 0xf0, 0x0f, 0xc7, 0x4d, 4 }, 0,
	  XS_DATA + 0x400 },
	{ "lock cmpxchg16b, not aligned", 64, 15, { AC_ON, 0xf0, 0x48, 0x0f, 0xc7, 0x4d, 8 }, 0,
	  XS_DATA + 0x400 },
	{ "fld m64, not aligned", 64, 12, { AC_ON, 0xdd, 0x45, 4 }, 0, XS_DATA + 0x400 },
	{ "fistp m16, aligned", 64, 14, { AC_ON, 0xd9, 0xee, 0xdf, 0x5d, 2 }, 0, XS_DATA + 0x400 },
	{ "fstp m80, not aligned", 64, 14, { AC_ON, 0xd9, 0xee, 0xdb, 0x7d, 4 }, 0,
	  XS_DATA + 0x400 },
	{ "fstp m80, aligned", 64, 14, { AC_ON, 0xd9, 0xee, 0xdb, 0x7d, 8 }, 0, XS_DATA + 0x400 },
	{ "fld m80, aligned", 64, 12, { AC_ON, 0xdb, 0x6d, 8 }, 0, XS_DATA + 0x400 },
	{ "fbld, not aligned", 64, 14, { AC_ON, 0xdf, 0x65, 4 }, 0, XS_DATA + 0x400 },
	{ "fnstcw, not aligned", 64, 12, { AC_ON, 0xd9, 0x7d, 1 }, 0, XS_DATA + 0x400 },
	{ "fldcw, not aligned", 64, 12, { AC_ON, 0xd9, 0x6d, 1 }, 0, XS_DATA + 0x400 },
	{ "frstor, not aligned", 64, 12, { AC_ON, 0xdd, 0x65, 2 }, 0, XS_DATA + 0x400 },
	{ "fldenv, not aligned", 64, 12, { AC_ON, 0xd9, 0x65, 1 }, 0, XS_DATA + 0x400 },
	{ "frstor, 16 bits, not aligned", 64, 13, { AC_ON, 0x66, 0xdd, 0x65, 1 }, 0,
	  XS_DATA + 0x400 },
	/* RCR by CL = 1: OF is the xor of the result's two top bits, not what came out */
	{ "rcr eax, cl", 64, 5, { 0xb1, 1, 0xf9, 0xd3, 0xd8 }, 0x80000000, 0 },
	{ "rcr rax, cl", 64, 6, { 0xb1, 1, 0xf8, 0x48, 0xd3, 0xd8 }, UINT64_C(1) << 63, 0 },
	{ "rcr al, cl", 64, 5, { 0xb1, 1, 0xf9, 0xd2, 0xd8 }, 0x180, 0 },
	{ "rcl ax, cl", 64, 6, { 0xb1, 1, 0xf9, 0x66, 0xd3, 0xd0 }, 0x18001, 0 },
	/* what is unmasked by an image: fdivp by zero, fwait */
	{ "fxrstor, zero divide unmasked", 64, 38, { 0xdb, 0xe3, 0x31, 0xc0, 0x48, 0x8d, 0x7d, 0,
	  0xb9, 0, 2, 0, 0, 0xf3, 0xaa, 0x66, 0xc7, 0x45, 0x18, 0x80, 0x1f, 0x66, 0xc7, 0x45, 0,
	  0x7b, 3, 0x0f, 0xae, 0x4d, 0, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0x9b },
	  0, XS_DATA + 0x400 },
	{ "xrstor, zero divide unmasked", 64, 45, { 0xdb, 0xe3, 0x31, 0xc0, 0x99, 0x48, 0x8d, 0x7d,
	  0, 0xb9, 0x40, 2, 0, 0, 0xf3, 0xaa, 0xff, 0xc0, 0x89, 0x85, 0, 2, 0, 0, 0x66, 0xc7, 0x45,
	  0, 0x7b, 3, 0x0f, 0xae, 0x6d, 0, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0x9b, 0x90, 0x90,
	  0x90, 0x90 }, 0, XS_DATA + 0x400 },
	/* encodings */
	{ "vpcmpestri with W, 32-bit code", 32, 16, { 0xb8, 0xfd, 0xff, 0xff, 0xff, 0xba, 0xfb,
	  0xff, 0xff, 0xff, 0xc4, 0xe3, 0xf9, 0x61, 0xc1, 0 }, 0, 0 },
	{ "xchg r8d, eax with F3", 64, 3, { 0xf3, 0x41, 0x90 }, 0, 0 },
	{ "mov rax, cr7", 64, 3, { 0x0f, 0x20, 0xf8 }, 0, 0 },
	{ "vmovups with vvvv, 32-bit code", 32, 5, { 0xc4, 0xe1, 0x3c, 0x11, 0xc3 }, 0, 0 },
	{ "vpinsrq, 32-bit code", 32, 6, { 0xc4, 0xe3, 0xf9, 0x22, 0xc0, 0 }, 0, 0 },
	{ "rep insb of nothing", 64, 5, { 0x31, 0xc9, 0xf3, 0x6c, 0x90 }, 0, 0 },
	/* a store over a page's edge into what comes next: mov cl, 0x11 becomes another */
	{ "mov into the next insn", 64, 19, { 0xc7, 0x04, 0x25, 0x10, 0x0f, 0x40, 0x10, 0xb1, 0x66,
	  0xcc, 0xcc, NOP4, 0x90, 0xb1, 0x11, 0xcc }, 0, 0, 0xf00 },
	{ "mov over an edge, new insns", 64, 21, { 0xc7, 0x04, 0x25, 0xfd, 0x0f, 0x40, 0x10, 0xff,
	  0xc1, 0xff, 0xc1, NOP4, 0x90, NOP4, 0xcc }, 0, 0, 0xfed },
	{ "mov of 8 bytes over an edge", 64, 17, { 0x48, 0x89, 0x04, 0x25, 0xff, 0x0f, 0x40, 0x10,
	  NOP4, 0x90, 0x90, 0xb1, 0x11, 0xcc }, 0xcccccccccccccc22, 0, 0xff0 },
	{ "movups over an edge", 64, 25, { 0x66, 0x48, 0x0f, 0x6e, 0xc0, 0x0f, 0x11, 0x04, 0x25,
	  0xfe, 0x0f, 0x40, 0x10, NOP4, NOP4, 0x90, 0xb1, 0x11, 0xcc },
	  0xcccccccccccc33b1, 0, 0xfe8 },
	{ "vmovups of 32 bytes over an edge", 64, 26, { 0x66, 0x48, 0x0f, 0x6e, 0xc0, 0xc5, 0xfc,
	  0x11, 0x04, 0x25, 0xfe, 0x0f, 0x40, 0x10, NOP4, NOP4, 0x90, 0xb1, 0x11, 0xcc },
	  0xcccccccccccc33b1, 0, 0xfe7 },
	{ "push over an edge", 64, 17, { 0xbc, 0x06, 0x10, 0x40, 0x10, 0x50, NOP4, NOP4, 0xb1, 0x11,
	  0xcc }, 0xcccccccccccc44b1, 0, 0xff0 },
	{ "push over an edge, 32-bit code", 32, 17, { 0xbc, 0x02, 0x10, 0x40, 0x10, 0x50, NOP4,
	  NOP4, 0xb1, 0x11, 0xcc }, 0xcccc44b1, 0, 0xff0 },
	{ "xchg over an edge", 64, 17, { 0x87, 0x04, 0x25, 0xfe, 0x0f, 0x40, 0x10, NOP4, 0x90, 0x90,
	  0x90, 0xb1, 0x11, 0xcc }, 0xcccc77b1, 0, 0xff0 },
	{ "add over an edge", 64, 25, { 0x81, 0x04, 0x25, 0xfe, 0x0f, 0x40, 0x10, 0, 0x22, 0, 0,
	  NOP4, NOP4, 0x90, 0x90, 0x90, 0xb1, 0x11, 0xcc }, 0, 0, 0xfe8 },
	{ "mov over an edge, 32-bit code", 32, 17, { 0xc7, 0x05, 0xfe, 0x0f, 0x40, 0x10, 0xb1, 0x55,
	  0xcc, 0xcc, NOP4, 0xb1, 0x11, 0xcc }, 0, 0, 0xff0 },
	{ "rep stosb over an edge", 64, 25, { 0xbf, 0xff, 0x0f, 0x40, 0x10, 0xb9, 2, 0, 0, 0, 0xb0,
	  0xcc, 0xf3, 0xaa, NOP4, NOP4, 0xb1, 0x11, 0xcc }, 0, 0, 0xfe8 },
};

static const char *const engines[] = { "", "interp=on", "block-insns=1", "lockstep=on",
				       "check=on" };

/* mov esi, code; mov edi, place; mov ecx, n; rep movsb; jmp place */
static unsigned copy_there(struct xs_case *c, const struct fixed *f)
{
	static const uint8_t to[] = { 0xbe, 0, 0, 0, 0, 0xbf, 0,    0,    0,    0, 0xb9,
				      0,    0, 0, 0, 0xf3, 0xa4, 0xe9, 0, 0, 0,    0 };
	uint32_t here = (uint32_t)XS_CODE + c->at, place = (uint32_t)XS_SMC + f->smc;

	memcpy(c->code, to, sizeof(to));
	st_le32(c->code + 1, here + sizeof(to));
	st_le32(c->code + 6, place);
	st_le32(c->code + 11, f->n);
	st_le32(c->code + 18, place - (here + sizeof(to)));
	return sizeof(to);
}

static void make(struct xs_batch *b)
{
	b->nr = ARRAY_SIZE(fixed);
	xs_fill_data(b->data, 1);
	for (unsigned i = 0; i < b->nr; i++) {
		const struct fixed *f = &fixed[i];
		struct xs_case *c = &b->c[i];
		unsigned n;

		xs_generate(c, XS_INT, f->bits, i);
		memset(c->code, 0xcc, sizeof(c->code));
		n = f->smc ? copy_there(c, f) : 0;
		memcpy(c->code + n, f->code, f->n);
		n += f->n;
		c->insn[0] = (struct xs_insn){ .len = n };
		c->insn[1] = (struct xs_insn){ .at = n, .len = 1 };
		c->nr_insns = 2;
		c->size = n + 1;
		if (f->rax)
			c->in.gpr[0] = f->rax;
		if (f->rbp)
			c->in.gpr[5] = f->rbp;
	}
}

int main(void)
{
	struct native *n = native_new();
	struct xs_batch *b;
	struct xs_result r;
	unsigned bad = 0;

	if (!n) {
		printf("no native runner\n");
		return 1;
	}
	b = native_batch(n);
	make(b);
	if (native_run(n)) {
		printf("the native runner failed\n");
		return 1;
	}
	printf("1..%zu\n", guest_possible() ? ARRAY_SIZE(engines) * b->nr : 0);
	for (unsigned e = 0; guest_possible() && e < ARRAY_SIZE(engines); e++) {
		struct guest *g = guest_new(engines[e]);

		guest_load(g, b);
		for (unsigned i = 0; i < b->nr; i++) {
			bool same;

			guest_run(g, b, i, &r, false);
			same = xs_same(&b->c[i], &b->native[i], &r, stdout);
			bad += !same;
			printf("%sok %u - %s (%s)\n", same ? "" : "not ", e * b->nr + i + 1,
			       fixed[i].name, engines[e]);
		}
		guest_free(g);
	}
	native_free(n);
	return bad ? 1 : 0;
}
