/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that cannot be compared with this host's processor (tests/insn_x86): ports, and
 * what depends on segments that a process has not got.
 */
#include "tests/x86/handlers.h"

#include <stdlib.h>

#include "util/bits.h"

extern const struct accel_ops accel_tcg;

enum { P = 1, W = 2, PS = 128 };
/* The page after BORDER is read-only. */
enum { PML4 = HIGH + 0x10000, BORDER = 0x200000 + 0x1000, FRAME = HIGH };

static void put64(struct kt *t, gpa_t at, uint64_t v) { kt_put(t, at, &v, 8); }

static struct kt *machine64(void)
{
	struct kt *t = handlers_new();
	struct x86_state *s = kt_state(t, 0);

	put64(t, PML4, (PML4 + 0x1000) | P | W);
	put64(t, PML4 + 0x1000, (PML4 + 0x2000) | P | W);
	put64(t, PML4 + 0x2000, P | W | PS);
	put64(t, PML4 + 0x2008, (PML4 + 0x3000) | P | W);
	put64(t, PML4 + 0x3000, FRAME | P | W);
	put64(t, PML4 + 0x3008, (FRAME + 0x1000) | P);
	s->cr3 = PML4;
	s->cr0 |= X86_CR0_WP;
	return t;
}

/* What a port gives is not lost when it cannot be stored. */
static void ins(void)
{
	static const struct { uint8_t code[4]; uint64_t at, fault; } cases[] = {
		{ { 0x6c, HLT }, BORDER - 1, 0 },
		{ { 0x6c, HLT }, BORDER, BORDER },
		{ { 0x66, 0x6d, HLT }, BORDER - 1, BORDER },
		{ { 0xf3, 0x6d, HLT }, BORDER - 3, BORDER },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kt *t = machine64();
		struct x86_state *s = kt_state(t, 0);
		uint64_t fault = cases[i].fault;
		int v;

		kt_put(t, CODE, cases[i].code, sizeof(cases[i].code));
		s->gpr[X86_RDX] = 0xef;
		s->gpr[X86_RDI] = cases[i].at;
		s->gpr[X86_RCX] = 3;
		v = to_hlt(t);
		CHECK(v == (fault ? X86_PF : -1), "case %u: vector %d", i, v);
		CHECK(!fault || s->cr2 == fault, "case %u: cr2 %llx", i,
		      (unsigned long long)s->cr2);
		CHECK(t->rings == !fault, "case %u: the port was read %u times", i, t->rings);
		CHECK(s->gpr[X86_RDI] == cases[i].at + !fault && s->gpr[X86_RCX] == 3,
		      "case %u: rdi %llx", i, (unsigned long long)s->gpr[X86_RDI]);
		kt_free(t);
	}
}

/* FDP is the operand's offset in its segment, whatever the segment is and who computes. */
static void x87_pointers(void)
{
	/* fninit; fldcw DATA; flds %fs:0x20; fstps %es:DATA + 0x40; flds %gs:0x24;
	 * fnstenv DATA + 8 */
	static const uint8_t code[] = {
		0xdb, 0xe3, 0xd9, 0x2d, 0, 0, 3, 0, 0x64, 0xd9, 0x05, 0x20, 0, 0, 0,
		0x26, 0xd9, 0x1d, 0x40, 0, 3, 0, 0x65, 0xd9, 0x05, 0x24, 0, 0, 0,
		0xd9, 0x35, 8, 0, 3, 0, HLT
	};

	for (unsigned masks = 0; masks < 2; masks++) {
		struct kt *t = kt_new(1, false);
		struct x86_state *s = kt_state(t, 0);
		uint16_t cw = masks ? 0x37f : 0x37b;

		x86_boot_flat32(s, CODE);
		s->seg[X86_FS].base = DATA + 0x1000;
		s->seg[X86_GS].base = DATA + 0x2000;
		kt_put(t, CODE, code, sizeof(code));
		kt_put(t, DATA, &cw, 2);
		CHECK(to_hlt(t) == -1, "rip %llx", (unsigned long long)s->rip);
		CHECK(kt_get32(t, DATA + 8 + 20) == 0x24, "masks %x: FDP %x", cw,
		      kt_get32(t, DATA + 8 + 20));
		CHECK(kt_get32(t, DATA + 8 + 12) == CODE + 22, "masks %x: FIP %x", cw,
		      kt_get32(t, DATA + 8 + 12));
		kt_free(t);
	}
}

int main(int argc, char **argv)
{
	kt_engine = &accel_tcg;
	kt_args = argc > 1 ? argv[1] : NULL;
	ins();
	x87_pointers();
	printf("ok\n");
	return 0;
}
