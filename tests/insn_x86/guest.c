// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Physical memory: tables, handler and ring-0 stack in the first 64 KiB, code at 1 MiB,
 * data at 2 MiB. Ring 0 sees the first 2 MiB at KERNEL. Every vector's handler is a HLT
 * of its own, with which the engine comes back.
 */
#include "tests/insn_x86/guest.h"

#include "target/x86/state.h"
#include "tests/solo/solo.h"
#include "util/bits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct isa isa_x86_64;

#define RAM_SIZE (UINT64_C(4) << 20)
#define KERNEL   UINT64_C(0xffff800000000000)
enum {
	GDT = 0x1000,
	TSS = 0x1800,
	IDT = 0x2000,
	HANDLER = 0x3000,
	STACK_TOP = 0x6000,
	PML4 = 0x7000,
	PDPT = 0x8000,
	PD = 0x9000,
	PT = 0xa000,
	HIGH_PDPT = 0xc000,
	HIGH_PD = 0xd000,
	HIGH_PT = 0xe000,
	KERNEL_PDPT = 0x10000,
	KERNEL_PD = 0x11000,
	SMC_PT = 0x12000,
	CODE_PA = 0x100000,
	DATA_PA = 0x200000
};
enum { SEL_KCODE = 0x10, SEL_KDATA = 0x18, SEL_TSS = 0x40 };
enum { P = 1, W = 2, U = 4, PS = 128 };
#define NX (UINT64_C(1) << 63)
/* of the processor's time, until a case is said to hang */
enum { HASTY_MS = 40, LIMIT_MS = 300 };

struct guest {
	struct solo solo;
	struct x86_state *s;
	uint8_t *ram;
};

static void put(struct guest *g, uint64_t pa, uint64_t v) { st_le64(g->ram + pa, v); }

static void map_page(struct guest *g, uint64_t pt, uint64_t va, uint64_t entry)
{
	put(g, pt + (va >> 12 & 511) * 8, entry);
}

static void put_tables(struct guest *g)
{
	static const struct {
		uint8_t index;
		uint64_t d;
	} gdt[] = {
		{ SEL_KCODE, 0x00af9b000000ffff }, { SEL_KDATA, 0x00cf93000000ffff },
		{ 0x20, 0x00cffb000000ffff },      { 0x28, 0x00cff3000000ffff },
		{ 0x30, 0x00affb000000ffff },
	};
	uint64_t i, h;

	for (i = 0; i < ARRAY_SIZE(gdt); i++)
		put(g, GDT + gdt[i].index, gdt[i].d);
	h = KERNEL + TSS;
	put(g, GDT + SEL_TSS,
	    103 | (h & 0xffffff) << 16 | UINT64_C(0x8b) << 40 | (h >> 24 & 0xff) << 56);
	put(g, GDT + SEL_TSS + 8, h >> 32);
	put(g, TSS + 4, KERNEL + STACK_TOP);
	st_le16(g->ram + TSS + 102, 104);
	for (i = 0; i < 256; i++) {
		h = KERNEL + HANDLER + i * 16;
		put(g, IDT + i * 16,
		    (h & 0xffff) | SEL_KCODE << 16 |
			    (uint64_t)(0x8e | (i == 3 || i == 4 ? 0x60 : 0)) << 40 |
			    (h >> 16 & 0xffff) << 48);
		put(g, IDT + i * 16 + 8, h >> 32);
		g->ram[HANDLER + i * 16] = 0xf4;
	}

	put(g, PML4, PDPT | P | W | U);
	put(g, PDPT, PD | P | W | U);
	put(g, PD + (XS_CODE >> 21) * 8, PT | P | W | U);
	put(g, PD + (XS_DATA >> 21) * 8, (PT + 0x1000) | P | W | U);
	put(g, PD + (XS_SMC >> 21) * 8, SMC_PT | P | W | U);
	for (i = 0; i < XS_DATA_RW; i += 4096)
		map_page(g, SMC_PT, XS_SMC + i, (DATA_PA + i) | P | W | U);
	for (i = 0; i < XS_CODE_SIZE; i += 4096)
		map_page(g, PT, XS_CODE + i, (CODE_PA + i) | P | U);
	put(g, PML4 + (XS_ALIAS >> 39 & 511) * 8, HIGH_PDPT | P | W | U);
	put(g, HIGH_PDPT + (XS_ALIAS >> 30 & 511) * 8, HIGH_PD | P | W | U);
	put(g, HIGH_PD + (XS_ALIAS >> 21 & 511) * 8, HIGH_PT | P | W | U);
	for (i = 0; i < XS_DATA_SIZE; i += 4096) {
		h = (DATA_PA + i) | P | U | NX | (i < XS_DATA_RW ? W : 0);
		map_page(g, PT + 0x1000, XS_DATA + i, h);
		map_page(g, HIGH_PT, XS_ALIAS + i, h);
	}
	put(g, PML4 + 256 * 8, KERNEL_PDPT | P | W);
	put(g, KERNEL_PDPT, KERNEL_PD | P | W);
	put(g, KERNEL_PD, P | W | PS);
}

bool guest_possible(void) { return isa_x86_64.tcg && accel_find("tcg"); }

struct guest *guest_new(const char *args)
{
	struct solo_config c = { .isa = &isa_x86_64, .args = args, .ram_size = RAM_SIZE,
				 .timebase_hz = 1000000000 };
	struct guest *g = calloc(1, sizeof(*g));

	if (!g)
		abort();
	solo_start(&g->solo, &c);
	g->s = g->solo.v->state;
	g->ram = g->solo.ram;
	put_tables(g);
	mem_mark(&g->solo.m->mem, 0, RAM_SIZE);
	return g;
}

void guest_free(struct guest *g)
{
	solo_stop(&g->solo);
	free(g);
}

void guest_load(struct guest *g, const struct xs_batch *b)
{
	memset(g->ram + CODE_PA, 0xcc, XS_CODE_SIZE);
	for (unsigned i = 0; i < b->nr; i++)
		memcpy(g->ram + CODE_PA + b->c[i].at, b->c[i].code, XS_MAX_CODE);
	memcpy(g->ram + DATA_PA, b->data, XS_DATA_SIZE);
	mem_mark(&g->solo.m->mem, CODE_PA, XS_CODE_SIZE);
	mem_mark(&g->solo.m->mem, DATA_PA, XS_DATA_SIZE);
}

static void set_seg(struct x86_state *s, unsigned i, unsigned sel, uint64_t base, unsigned attr)
{
	s->seg[i] = (struct x86_seg){
		.base = base, .limit = UINT32_MAX, .selector = sel, .attr = (uint16_t)attr
	};
}

/* As Linux runs a process. */
static void set_system(struct x86_state *s, const struct xs_case *c)
{
	unsigned data = X86_SEG_P | X86_SEG_S | X86_SEG_DPL | X86_SEG_G | X86_SEG_DB | 3;
	unsigned code = X86_SEG_P | X86_SEG_S | X86_SEG_DPL | X86_SEG_G | 11;

	s->cr0 = X86_CR0_PG | 0x50033; /* AM WP NE ET MP PE */
	s->cr3 = PML4;
	s->cr4 = 0x50000 | X86_CR4_PAE | X86_CR4_PSE | 1 << 7 | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	s->efer = 1 | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;
	s->xcr0 = 7;
	s->gdtr = (struct x86_dtable){ KERNEL + GDT, 0x4f };
	s->idtr = (struct x86_dtable){ KERNEL + IDT, 0xfff };
	for (unsigned i = X86_ES; i <= X86_DS; i++)
		set_seg(s, i, XS_SS, 0, data);
	set_seg(s, X86_CS, c->wide ? XS_CS64 : XS_CS32, 0,
		code | (c->wide ? X86_SEG_L : X86_SEG_DB));
	set_seg(s, X86_FS, 0, c->in.fs_base, 0);
	set_seg(s, X86_GS, 0, c->in.gs_base, 0);
	s->seg[X86_FS].limit = s->seg[X86_GS].limit = 0;
	set_seg(s, X86_TR, SEL_TSS, KERNEL + TSS, X86_SEG_P | 11);
	s->seg[X86_TR].limit = 103;
	set_seg(s, X86_LDT, 0, 0, 2);
}

static void set_state(struct x86_state *s, const struct xs_case *c)
{
	const uint8_t *x = c->in.x;

	set_system(s, c);
	memcpy(s->gpr, c->in.gpr, sizeof(s->gpr));
	s->rip = c->in.rip;
	s->rflags = c->in.rflags;
	s->xstate_bv = 7;
	s->fctrl = ld_le16(x + XS_X_FCW);
	s->fstat = ld_le16(x + XS_X_FSW);
	s->ftag = x[XS_X_FTW];
	s->mxcsr = ld_le32(x + XS_X_MXCSR);
	memcpy(s->st, x + XS_X_ST, sizeof(s->st));
	for (unsigned i = 0; i < 16; i++) {
		memcpy(s->ymm[i].lo, x + XS_X_XMM + i * 16, 16);
		memcpy(s->ymm[i].hi, x + XS_X_YMMH + i * 16, 16);
	}
}

static void get_state(const struct x86_state *s, struct xs_state *r)
{
	uint8_t *x = r->x;

	memcpy(r->gpr, s->gpr, sizeof(r->gpr));
	r->fs_base = s->seg[X86_FS].base;
	r->gs_base = s->seg[X86_GS].base;
	st_le16(x + XS_X_FCW, (uint16_t)s->fctrl);
	st_le16(x + XS_X_FSW, (uint16_t)s->fstat);
	x[XS_X_FTW] = (uint8_t)s->ftag;
	st_le16(x + XS_X_FOP, (uint16_t)s->fop);
	st_le32(x + XS_X_FIP, s->fioff);
	st_le32(x + XS_X_FIP + 4, s->fiseg);
	st_le32(x + XS_X_FDP, s->fooff);
	st_le32(x + XS_X_FDP + 4, s->foseg);
	st_le32(x + XS_X_MXCSR, s->mxcsr);
	memcpy(x + XS_X_ST, s->st, sizeof(s->st));
	for (unsigned i = 0; i < 16; i++) {
		memcpy(x + XS_X_XMM + i * 16, s->ymm[i].lo, 16);
		memcpy(x + XS_X_YMMH + i * 16, s->ymm[i].hi, 16);
	}
}

static bool has_error(unsigned vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/* What the exception pushed: error code, rip, cs, rflags, rsp, ss. */
static void get_frame(struct guest *g, struct xs_result *r)
{
	struct x86_state *s = g->s;
	uint64_t at = s->gpr[X86_RSP] - KERNEL, vector = (s->rip - 1 - KERNEL - HANDLER) / 16;

	if (at >= STACK_TOP || at < STACK_TOP - 64 || vector > 255) {
		r->end = XS_LOST;
		return;
	}
	r->s.trap = (uint32_t)vector;
	if (has_error((unsigned)vector)) {
		r->s.error = (uint32_t)ld_le64(g->ram + at);
		at += 8;
	}
	r->s.rip = ld_le64(g->ram + at);
	r->s.rflags = ld_le64(g->ram + at + 16);
	r->s.gpr[X86_RSP] = ld_le64(g->ram + at + 24);
	r->s.cr2 = vector == 14 ? s->cr2 : 0;
	r->end = XS_TRAPPED;
}

void guest_run(struct guest *g, const struct xs_batch *b, unsigned n, struct xs_result *r,
	       bool hasty)
{
	struct cpu_env *env = &g->solo.v->env;
	struct vm_exit x;
	bool over;

	memset(r, 0, sizeof(*r));
	memcpy(g->ram + DATA_PA, b->data, XS_DATA_RW);
	mem_mark(&g->solo.m->mem, DATA_PA, XS_DATA_RW);
	isa_x86_64.reset(g->s);
	set_state(g->s, &b->c[n]);
	if (env->ops->mode_changed)
		env->ops->mode_changed(env);
	over = solo_run(&g->solo, &x, hasty ? HASTY_MS : LIMIT_MS);
	get_state(g->s, &r->s);
	r->s.rip = g->s->rip;
	r->s.rflags = g->s->rflags;
	r->end = over ? XS_LOST : XS_LOOPED;
	if (x.reason == VM_EXIT_HALT)
		get_frame(g, r);
	else if (over)
		printf("engine's exit %d at %#llx: %s\n", (int)x.reason,
		       (unsigned long long)g->s->rip, x.text);
	memcpy(r->data, g->ram + DATA_PA, XS_DATA_RW);
}
