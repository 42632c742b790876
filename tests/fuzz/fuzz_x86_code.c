/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random bytes as x86 code in every processor mode, on two vCPUs of the translator: one runs
 * emitted code, the other has the IR interpreted. What both end with must be the same, word for
 * word: registers, memory, and why they stopped. The interrupt table's handlers are HLTs, so
 * most inputs stop at their first exception; what loops is stopped after a while and then not
 * compared. Memory outside the machine's RAM is the host's: ASan and the guard pages around
 * RAM see who reaches for it.
 *
 * Input: mode, flags, 16 bytes that seed registers, then code.
 */
#include "tests/fuzz/fuzz.h"

#include "target/x86/state.h"
#include "tests/solo/solo.h"
#include "util/bits.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct isa isa_x86_64;

#define RAM_SIZE (UINT64_C(2) << 20)
enum { IVT = 0, GDT = 0x1000, TSS = 0x1800, IDT = 0x2000, IDT32 = 0x3000, HANDLER = 0x4000,
       PML4 = 0x7000, PDPT = 0x8000, PD = 0x9000, PT = 0xa000, PAGE_DIR32 = 0xb000,
       PT32 = 0xc000, CODE = 0x10000, STACK0 = 0x1f000, STACK3 = 0x2f000, DATA = 0x30000 };
enum { SEL_CODE64 = 0x08, SEL_DATA = 0x10, SEL_CODE32 = 0x18, SEL_CODE16 = 0x20, SEL_DATA16 = 0x28,
       SEL_UCODE64 = 0x33, SEL_UDATA = 0x3b, SEL_UCODE32 = 0x43, SEL_TSS = 0x48, GDT_LIMIT = 0x57 };
enum mode { REAL, VM86, PROT16, PROT32, PROT32_PAGED, RING3_32, LONG, RING3_64, COMPAT, NR_MODES };
enum { HEADER = 18, MAX_CODE = 256, LIMIT_MS = 40 };

struct side {
	struct solo solo;
	struct x86_state *s;
	uint8_t *ram;
	bool looped;
	int end;
};

static struct side sides[2];

static void side_new(struct side *d, const char *args)
{
	struct solo_config c = { .isa = &isa_x86_64, .args = args, .ram_size = RAM_SIZE,
				 .timebase_hz = 1000000000 };

	solo_start(&d->solo, &c);
	d->s = d->solo.v->state;
	d->ram = d->solo.ram;
}

/* --- what each mode starts with --- */

static void put_gates(uint8_t *ram)
{
	unsigned i;

	for (i = 0; i < 256; i++) {
		uint64_t h = HANDLER + i * 16;

		ram[h] = 0xf4;
		st_le16(ram + IVT + i * 4, (uint16_t)h);
		st_le16(ram + IVT + i * 4 + 2, 0);
		st_le64(ram + IDT + i * 16,
			(h & 0xffff) | SEL_CODE64 << 16 | UINT64_C(0xee) << 40);
		st_le64(ram + IDT + i * 16 + 8, 0);
		st_le64(ram + IDT32 + i * 8,
			(h & 0xffff) | SEL_CODE32 << 16 | UINT64_C(0xee) << 40);
	}
}

static void put_memory(uint8_t *ram, const uint8_t *code, size_t n)
{
	static const uint64_t gdt[] = {
		0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff, 0x00009b000000ffff,
		0x000093000000ffff, 0x00affb000000ffff, 0x00cff3000000ffff, 0x00cffb000000ffff,
		0x00008b0018000067, 0,
	};
	unsigned i;

	memset(ram, 0, 0x40000);
	put_gates(ram);
	for (i = 0; i < ARRAY_SIZE(gdt); i++)
		st_le64(ram + GDT + i * 8, gdt[i]);
	st_le64(ram + TSS + 4, STACK0);		/* RSP0, and ESP0 */
	st_le32(ram + TSS + 8, SEL_DATA);
	st_le16(ram + TSS + 102, 104);
	/* 2 MiB of identity; the pages below CODE belong to the supervisor, DATA is read-only */
	st_le64(ram + PML4, PDPT | 7);
	st_le64(ram + PDPT, PD | 7);
	st_le64(ram + PD, PT | 7);
	st_le32(ram + PAGE_DIR32, PT32 | 7);
	for (i = 0; i < 512; i++) {
		unsigned bits = i < CODE >> 12        ? 3 :
				i == DATA >> 12       ? 5 :
				i == (DATA >> 12) + 1 ? 0 :
							7;

		st_le64(ram + PT + i * 8, (uint64_t)i << 12 | bits);
		st_le32(ram + PT32 + i * 4, i << 12 | bits);
	}
	memcpy(ram + CODE, code, n);
	memset(ram + CODE + n, 0xf4, 64);
}

static void seg(struct x86_state *s, unsigned i, unsigned sel, uint64_t base, uint32_t limit,
		unsigned attr)
{
	s->seg[i] = (struct x86_seg){ base, limit, sel, (uint16_t)attr };
}

static void put_mode(struct x86_state *s, enum mode mode, unsigned flags)
{
	bool user = mode == RING3_32 || mode == RING3_64 || mode == COMPAT || mode == VM86;
	bool lma = mode == LONG || mode == RING3_64 || mode == COMPAT;
	bool bits16 = mode == REAL || mode == VM86 || mode == PROT16;
	unsigned dpl = user ? X86_SEG_DPL : 0, i;
	unsigned data = X86_SEG_P | X86_SEG_S | dpl | 3, code = X86_SEG_P | X86_SEG_S | dpl | 11;

	s->rip = CODE;
	s->gdtr = (struct x86_dtable){ GDT, GDT_LIMIT };
	s->idtr = (struct x86_dtable){ lma ? IDT : mode == REAL ? IVT : IDT32, 0xfff };
	s->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE |
		 (flags & 1 ? X86_CR4_PSE : 0);
	s->xcr0 = 7;
	s->cr0 = X86_CR0_ET | X86_CR0_NE | (mode == REAL ? 0 : X86_CR0_PE) |
		 (flags & 2 ? X86_CR0_WP : 0) | (flags & 4 ? X86_CR0_TS : 0);
	if (lma) {
		s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE;
		s->cr4 |= X86_CR4_PAE;
		s->cr3 = PML4;
		s->cr0 |= X86_CR0_PG;
	} else if (mode == PROT32_PAGED || mode == RING3_32) {
		s->cr3 = PAGE_DIR32;
		s->cr0 |= X86_CR0_PG;
	}
	if (bits16) {
		s->rip = 0x100;
		for (i = X86_ES; i <= X86_GS; i++)
			seg(s, i, (CODE - 0x100) >> 4, CODE - 0x100, 0xffff,
			    i == X86_CS ? code : data);
		if (mode == PROT16)
			for (i = X86_ES; i <= X86_GS; i++)
				s->seg[i].selector = i == X86_CS ? SEL_CODE16 : SEL_DATA16;
		if (mode == VM86) {
			s->rflags |= X86_FLAG_VM | (flags & 8 ? X86_FLAG_IOPL : 0);
			for (i = X86_ES; i <= X86_GS; i++)
				s->seg[i].attr = 0xf3;
		}
		s->gpr[X86_RSP] = 0xf000;
	} else {
		code |= X86_SEG_G | (mode == LONG || mode == RING3_64 ? X86_SEG_L : X86_SEG_DB);
		data |= X86_SEG_G | X86_SEG_DB;
		for (i = X86_ES; i <= X86_GS; i++)
			seg(s, i, user ? SEL_UDATA : SEL_DATA, 0, UINT32_MAX, data);
		seg(s, X86_CS, mode == RING3_64 ? SEL_UCODE64 : user ? SEL_UCODE32 :
			       mode == LONG ? SEL_CODE64 : SEL_CODE32, 0, UINT32_MAX, code);
		s->gpr[X86_RSP] = user ? STACK3 : STACK0;
	}
	seg(s, X86_TR, SEL_TSS, TSS, 103, X86_SEG_P | 11);
	seg(s, X86_LDT, 0, 0, 0, 2);
}

static uint64_t next(uint64_t *x)
{
	uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void put_registers(struct x86_state *s, const uint8_t *in)
{
	static const uint64_t places[] = { DATA, DATA + 0xff8, CODE + 0x800, 0, 1, 0x7fffffff,
					   UINT64_C(0xffffffff80000000), DATA - 1, STACK3 - 64 };
	uint64_t r = ld_le64(in) ^ ld_le64(in + 8);
	unsigned i;

	for (i = 0; i < 16; i++)
		if (i != X86_RSP)
			s->gpr[i] = next(&r) % 3 ? places[next(&r) % ARRAY_SIZE(places)] : next(&r);
	for (i = 0; i < 16; i++) {
		st_le64(s->ymm[i].lo, next(&r));
		st_le64(s->ymm[i].hi, next(&r));
	}
	s->rflags |= (next(&r) & (X86_FLAGS_ARITH | X86_FLAG_DF)) |
		     (next(&r) % 16 ? 0 : X86_FLAG_TF);
	if (!(next(&r) % 8))
		s->mxcsr &= ~(uint32_t)(next(&r) & 0x1f80);
}

static void run(struct side *d, const uint8_t *in, size_t n, enum mode mode)
{
	struct vm_exit x;

	put_memory(d->ram, in + HEADER, MIN(n - HEADER, (size_t)MAX_CODE));
	mem_mark(&d->solo.m->mem, 0, 0x40000);
	isa_x86_64.reset(d->s);
	put_mode(d->s, mode, in[1]);
	put_registers(d->s, in + 2);
	d->looped = !solo_run(&d->solo, &x, LIMIT_MS);
	d->end = (int)x.reason;
	if (x.reason == VM_EXIT_ERROR) {
		fprintf(stderr, "engine: %s\n", x.text);
		abort();
	}
}

/* Accessed bits may be set for accesses that never happen (SDM volume 3, 4.8). */
static void mask_accessed(uint8_t *ram)
{
	for (unsigned i = PML4; i < CODE; i += 4)
		st_le32(ram + i, ld_le32(ram + i) & ~UINT32_C(0x20));
}

static void compare(enum mode mode, const uint8_t *in, size_t n)
{
	const struct side *a = &sides[0], *b = &sides[1];
	bool bad;

	mask_accessed(a->ram);
	mask_accessed(b->ram);
	bad = a->end != b->end || memcmp(a->ram, b->ram, RAM_SIZE) != 0;

	if (a->end != b->end)
		fprintf(stderr, "mode %d: ends with exit %d emitted, %d interpreted\n", (int)mode,
			a->end, b->end);
	for (const struct reg *r = isa_x86_64.regs; r->name; r++) {
		const char *p = (const char *)a->s + r->off, *q = (const char *)b->s + r->off;

		if (!memcmp(p, q, r->bits / 8))
			continue;
		fprintf(stderr, "mode %d: %s is %#llx emitted, %#llx interpreted\n", (int)mode,
			r->name,
			(unsigned long long)(r->bits <= 64 ? isa_reg_get(r, a->s) : ld_le64(p)),
			(unsigned long long)(r->bits <= 64 ? isa_reg_get(r, b->s) : ld_le64(q)));
		bad = true;
	}
	for (size_t i = 0, k = 0; bad && i < RAM_SIZE && k < 16; i++)
		if (a->ram[i] != b->ram[i] && ++k)
			fprintf(stderr,
				"mode %d: memory at %#zx is %02x emitted, %02x interpreted\n",
				(int)mode, i, a->ram[i], b->ram[i]);
	if (!bad)
		return;
	fprintf(stderr, "end %d, rip %#llx, rsp %#llx\n", a->end, (unsigned long long)a->s->rip,
		(unsigned long long)a->s->gpr[X86_RSP]);
	fprintf(stderr, "flags %#x, code:", in[1]);
	for (size_t i = HEADER; i < n && i < HEADER + 48; i++)
		fprintf(stderr, " %02x", in[i]);
	fprintf(stderr, "\n");
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (getenv("FUZZ_LOG"))		/* exec: where both went */
		log_parse(getenv("FUZZ_LOG"), &log_mask);
	/* FUZZ_X86=lockstep=on says which instruction it is */
	side_new(&sides[0], getenv("FUZZ_X86"));
	side_new(&sides[1], "interp=on");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	enum mode mode;

	if (n < HEADER + 1)
		return 0;
	mode = (enum mode)(in[0] % NR_MODES);
	run(&sides[0], in, n, mode);
	run(&sides[1], in, n, mode);
	if (!sides[0].looped && !sides[1].looped) {
		compare(mode, in, n);
		return 0;
	}
	for (unsigned i = 0; i < 2; i++) {	/* they got to different places */
		memset(sides[i].ram, 0, RAM_SIZE);
		mem_mark(&sides[i].solo.m->mem, 0, RAM_SIZE);
	}
	return 0;
}
