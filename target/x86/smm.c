// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System management mode: entry by SMI and RSM (SDM volume 3, chapter 31), with the save area
 * of AMD's 64-bit processors (APM volume 2, table 10-1), which is what firmware for virtual
 * machines expects whatever the vendor is.
 */
#include "target/x86/smm.h"

#include <string.h>

#include "target/x86/control.h"
#include "target/x86/exception.h"
#include "target/x86/far.h"
#include "target/x86/segment.h"

enum { SAVE_BASE = 0xfe00, SAVE_SIZE = 0x200, ENTRY = 0x8000, REVISION = 0x00020064,
       CAN_RELOCATE = 0x00020000 };
/* Offsets from SAVE_BASE. */
enum {
	AT_SEGS = 0x00,		/* ES CS SS DS FS GS, 16 bytes each */
	AT_GDTR = 0x60, AT_LDT = 0x70, AT_IDTR = 0x80, AT_TR = 0x90,
	AT_HALT = 0xc9, AT_NMI_MASK = 0xca, AT_EFER = 0xd0, AT_REVISION = 0xfc, AT_SMBASE = 0x100,
	AT_CR4 = 0x148, AT_CR3 = 0x150, AT_CR0 = 0x158, AT_DR7 = 0x160, AT_DR6 = 0x168,
	AT_FLAGS = 0x170, AT_RIP = 0x178, AT_R15 = 0x180,	/* down to RAX at 0x1f8 */
};

static void put_seg(uint8_t *p, const struct x86_seg *g)
{
	st_le16(p, (uint16_t)g->selector);
	st_le16(p + 2, (uint16_t)((g->attr & 0xff) | (g->attr >> 4 & 0xf00)));
	st_le32(p + 4, g->limit);
	st_le64(p + 8, g->base);
}

static void get_seg(const uint8_t *p, struct x86_seg *g)
{
	unsigned attr = ld_le16(p + 2);

	g->selector = ld_le16(p);
	g->attr = (uint16_t)((attr & 0xff) | (attr & 0xf00) << 4);
	g->limit = ld_le32(p + 4);
	g->base = ld_le64(p + 8);
	g->read_top = g->write_top = 0;
}

static void put_table(uint8_t *p, const struct x86_dtable *t)
{
	st_le16(p + 4, (uint16_t)t->limit);
	st_le64(p + 8, t->base);
}

static void get_table(const uint8_t *p, struct x86_dtable *t)
{
	t->limit = ld_le16(p + 4);
	t->base = ld_le64(p + 8);
}

static void fill(struct x86_state *s, uint8_t *p)
{
	for (unsigned i = 0; i < 6; i++)
		put_seg(p + AT_SEGS + i * 16, &s->seg[i]);
	put_table(p + AT_GDTR, &s->gdtr);
	put_table(p + AT_IDTR, &s->idtr);
	put_seg(p + AT_LDT, &s->seg[X86_LDT]);
	put_seg(p + AT_TR, &s->seg[X86_TR]);
	p[AT_HALT] = s->mp_state == X86_MP_HALTED;
	p[AT_NMI_MASK] = s->nmi_masked;
	st_le64(p + AT_EFER, s->efer);
	st_le32(p + AT_REVISION, REVISION);
	st_le32(p + AT_SMBASE, (uint32_t)s->smbase);
	st_le64(p + AT_CR4, s->cr4);
	st_le64(p + AT_CR3, s->cr3);
	st_le64(p + AT_CR0, s->cr0);
	st_le64(p + AT_DR7, s->dr7);
	st_le64(p + AT_DR6, s->dr6);
	st_le64(p + AT_FLAGS, x86_rflags_get(s));
	st_le64(p + AT_RIP, x86_get_rip(s));
	for (unsigned i = 0; i < 16; i++)
		st_le64(p + AT_R15 + (15 - i) * 8, s->gpr[i]);
}

/* The save area is physical memory; paging is off while it is written and read. */
static void move(struct x86_state *s, uint8_t *p, bool write)
{
	uint64_t at = (uint32_t)s->smbase + SAVE_BASE, v;

	for (unsigned i = 0; i < SAVE_SIZE; i += 8) {
		v = ld_le64(p + i);
		if (!cpu_env(s)->ops->mem(cpu_env(s), at + i, 0, 8, write, &v) && !write)
			st_le64(p + i, v);
	}
}

void x86_smm_enter(struct x86_state *s)
{
	uint8_t area[SAVE_SIZE];

	memset(area, 0, sizeof(area));
	fill(s, area);
	s->in_smm = 1;
	s->nmi_masked = 1;
	s->mp_state = 0;
	s->cr0 &= ~(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
	s->cr4 = 0;
	s->efer = 0;
	s->rflags = 2;
	s->cc_op = X86_CC_RFLAGS;
	s->dr7 = 0x400;
	s->idtr = (struct x86_dtable){ 0 };
	for (unsigned i = X86_ES; i <= X86_GS; i++)
		s->seg[i] = (struct x86_seg){ .limit = UINT32_MAX,
					      .attr = X86_SEG_P | X86_SEG_S | X86_SEG_G | 3 };
	s->seg[X86_CS].selector = (uint32_t)(s->smbase >> 4 & 0xffff);
	s->seg[X86_CS].base = (uint32_t)s->smbase;
	x86_set_rip(s, ENTRY);
	x86_mode_changed(s);
	x86_flush_all(s);
	move(s, area, true);
}

/* Would these control registers be taken by MOV? A bad save area shuts the processor down. */
static bool sound(const uint8_t *p)
{
	uint64_t cr0 = ld_le64(p + AT_CR0), cr4 = ld_le64(p + AT_CR4),
		 efer = ld_le64(p + AT_EFER);

	if (cr0 >> 32 || (cr0 & X86_CR0_PG && !(cr0 & X86_CR0_PE)) ||
	    (cr0 & X86_CR0_NW && !(cr0 & X86_CR0_CD)))
		return false;
	return !(efer & X86_EFER_LMA) ||
	       (cr0 & X86_CR0_PG && cr4 & X86_CR4_PAE && efer & X86_EFER_LME);
}

void x86_leave_rsm(void *state, uint64_t a, uint64_t x)
{
	struct x86_state *s = state;
	uint8_t area[SAVE_SIZE] = { 0 };

	/* as on entry: no paging and no segments in the way */
	s->cr0 &= ~(X86_CR0_PE | X86_CR0_PG);
	s->efer = 0;
	x86_mode_changed(s);
	move(s, area, false);
	s->in_smm = 0;
	x86_leave_loop(s);
	if (!sound(area)) {
		CPU_HEAD(s)->leave = LEAVE_SHUTDOWN;
		return;
	}
	for (unsigned i = 0; i < 6; i++)
		get_seg(area + AT_SEGS + i * 16, &s->seg[i]);
	get_table(area + AT_GDTR, &s->gdtr);
	get_table(area + AT_IDTR, &s->idtr);
	get_seg(area + AT_LDT, &s->seg[X86_LDT]);
	get_seg(area + AT_TR, &s->seg[X86_TR]);
	if (ld_le32(area + AT_REVISION) & CAN_RELOCATE)
		s->smbase = ld_le32(area + AT_SMBASE);
	s->cr4 = ld_le64(area + AT_CR4);
	s->cr3 = ld_le64(area + AT_CR3);
	s->pdptr_valid = 0;		/* the handler may have had its own */
	s->cr0 = ld_le64(area + AT_CR0) | X86_CR0_ET;
	s->efer = ld_le64(area + AT_EFER);
	s->dr7 = ld_le64(area + AT_DR7);
	s->dr6 = ld_le64(area + AT_DR6);
	s->cc_op = X86_CC_RFLAGS;
	s->rflags = (ld_le64(area + AT_FLAGS) & 0x3f7fd7) | 2;
	for (unsigned i = 0; i < 16; i++)
		s->gpr[i] = ld_le64(area + AT_R15 + (15 - i) * 8);
	s->nmi_masked = area[AT_NMI_MASK] & 1;
	s->mp_state = area[AT_HALT] & 1 ? X86_MP_HALTED : 0;
	x86_set_rip(s, ld_le64(area + AT_RIP));
	x86_flush_all(s);
	x86_mode_changed(s);
}
