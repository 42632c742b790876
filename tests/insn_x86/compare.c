// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/insn_x86/compare.h"
#include "tests/insn_x86/rows.h"

#include "util/bits.h"

#include <inttypes.h>
#include <math.h>

enum { MXCSR_OE = 8, MXCSR_UE = 16, MXCSR_PE = 32 };
enum {
	FLAGS = ARITH | DF | 0x100 | 0x3000 | 0x4000 | 0x40000 | 0x200000,
	TRAP_BP = 3,
	TRAP_PF = 14,
	TRAP_XM = 19,
	RSP = 4,
	ERR_P = 1,
	ERR_U = 4
};

static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
				       "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

struct cmp {
	FILE *f;
	bool same;
};

static void differ(struct cmp *k, const char *what, uint64_t want, uint64_t got)
{
	if (want == got)
		return;
	k->same = false;
	if (k->f)
		fprintf(k->f, "  %s: processor %#" PRIx64 ", translator %#" PRIx64 "\n", what, want,
			got);
}

static void differ_n(struct cmp *k, const char *what, unsigned n, const uint8_t *want,
		     const uint8_t *got, unsigned size)
{
	if (!memcmp(want, got, size))
		return;
	k->same = false;
	if (!k->f)
		return;
	fprintf(k->f, "  %s%u: processor ", what, n);
	for (unsigned i = size; i--;)
		fprintf(k->f, "%02x", want[i]);
	fprintf(k->f, "\n  %*s translator ", (int)strlen(what), "");
	for (unsigned i = size; i--;)
		fprintf(k->f, "%02x", got[i]);
	fputc('\n', k->f);
}

static unsigned place(const struct xs_case *c, const struct xs_result *r)
{
	uint64_t at = r->s.rip - c->in.rip - (r->s.trap == TRAP_BP || r->s.trap == 4);

	for (unsigned i = 0; i < c->nr_insns; i++)
		if (at >= c->insn[i].at && at < c->insn[i].at + c->insn[i].len)
			return i;
	return c->nr_insns;
}

unsigned xs_ran(const struct xs_case *c, const struct xs_result *r)
{
	return MIN(place(c, r), c->nr_insns - 1);
}

/* Flags that mean nothing where the case ended. */
static unsigned undefined(const struct xs_case *c, const struct xs_result *r)
{
	const struct xs_row *row = c->insn[0].row;
	unsigned i = place(c, r), all = 0;

	if (c->nr_insns == 3 && c->insn[1].len == 15 && row) { /* random bytes */
		all = row->undef;
		if (all & OF && all & AF && row->writes == ARITH)
			all |= CF; /* byte and word shifts by more than their size */
		return all;
	}
	if (i < c->nr_insns)
		return c->insn[i].undef;
	for (i = 0; i < c->nr_insns; i++)
		all |= c->insn[i].undef;
	return all;
}

/* RCP and RSQRT: relative error of each at most 1.5 * 2^-12. */
static bool near_f32(const uint8_t *a, const uint8_t *b)
{
	for (unsigned i = 0; i < 16; i += 4) {
		float x, y;

		memcpy(&x, a + i, 4);
		memcpy(&y, b + i, 4);
		if (memcmp(&x, &y, 4) &&
		    !(isnormal(x) && isnormal(y) && fabsf(x - y) <= fabsf(x) * (4.0f / 4096)))
			return false;
	}
	return true;
}

/* x87's functions: an error below one unit in the last place, each. */
static bool near_f80(const uint8_t *a, const uint8_t *b)
{
	enum { ULPS = 4 };
	unsigned __int128 x, y;

	if (!memcmp(a, b, 10))
		return true;
	if ((a[9] ^ b[9]) & 0x80)
		return false;
	x = (unsigned __int128)(ld_le16(a + 8) & 0x7fff) << 63 | (ld_le64(a) & INT64_MAX);
	y = (unsigned __int128)(ld_le16(b + 8) & 0x7fff) << 63 | (ld_le64(b) & INT64_MAX);
	return (x > y ? x - y : y - x) <= ULPS;
}

static void compare_x(struct cmp *k, const struct xs_state *w, const struct xs_state *g, bool near,
		      int skip)
{
	uint32_t pe;
	unsigned c1 = near ? 0x200 : 0; /* rounded up? */

	differ(k, "fctrl", ld_le16(w->x + XS_X_FCW), ld_le16(g->x + XS_X_FCW));
	differ(k, "fstat", ld_le16(w->x + XS_X_FSW) & ~c1, ld_le16(g->x + XS_X_FSW) & ~c1);
	differ(k, "ftag", w->x[XS_X_FTW], g->x[XS_X_FTW]);
	/* with an unmasked overflow or underflow, is the result that is not delivered inexact? */
	pe = w->trap == TRAP_XM && ld_le32(w->x + XS_X_MXCSR) & (MXCSR_OE | MXCSR_UE) ? MXCSR_PE :
											0;
	differ(k, "mxcsr", ld_le32(w->x + XS_X_MXCSR) & ~pe, ld_le32(g->x + XS_X_MXCSR) & ~pe);
	for (unsigned i = 0; i < 8; i++)
		if (!near || !near_f80(w->x + XS_X_ST + i * 16, g->x + XS_X_ST + i * 16))
			differ_n(k, "st", i, w->x + XS_X_ST + i * 16, g->x + XS_X_ST + i * 16, 10);
	for (unsigned i = 0; i < 16; i++) {
		if ((int)i == skip)
			continue;
		if (!near || !near_f32(w->x + XS_X_XMM + i * 16, g->x + XS_X_XMM + i * 16))
			differ_n(k, "xmm", i, w->x + XS_X_XMM + i * 16, g->x + XS_X_XMM + i * 16,
				 16);
		if (!near || !near_f32(w->x + XS_X_YMMH + i * 16, g->x + XS_X_YMMH + i * 16))
			differ_n(k, "ymmh", i, w->x + XS_X_YMMH + i * 16, g->x + XS_X_YMMH + i * 16,
				 16);
	}
}

static bool is_access(uint32_t trap) { return trap >= 12 && trap <= 14; }

static bool ends_at(const struct xs_case *c, const struct xs_result *r, const char *name)
{
	unsigned i = place(c, r);

	return i < c->nr_insns && c->insn[i].row && !strcmp(c->insn[i].row->name, name);
}

/* VEX.vvvv: a gather that faults leaves its mask as far as it came, which differs. */
static int mask_of(const struct xs_case *c, const struct xs_result *r)
{
	const struct xs_insn *i = &c->insn[place(c, r)];
	unsigned k;

	for (k = 0; k + 2 < i->len && c->code[i->at + k] != 0xc4; k++)
		;
	return ~c->code[i->at + k + 2] >> 3 & 15;
}

bool xs_same(const struct xs_case *c, const struct xs_result *want, const struct xs_result *got,
	     FILE *f)
{
	const struct xs_state *w = &want->s, *g = &got->s;
	struct cmp k = { f, true };
	bool either, lost;
	uint64_t mask = FLAGS & ~(uint64_t)undefined(c, want),
		 low = c->wide ? UINT64_MAX : UINT32_MAX;
	/* the kernel says "present" of its own half, to hide what is there */
	uint64_t err = w->trap == TRAP_PF && w->cr2 >> 47 ? ~(uint64_t)ERR_P : UINT64_MAX;

	differ(&k, "end", want->end, got->end);
	/* which of the two that CMPS reads it reads first is the processor's business */
	either = ends_at(c, want, "cmps") && is_access(w->trap) && is_access(g->trap);
	/* over the end of the address space: beyond a segment's limit, which has no other use */
	either |= !c->wide && (w->trap == 13 || w->trap == 12) && g->trap == TRAP_PF &&
		  (uint32_t)(g->cr2 + 32) < 64;
	if (ends_at(c, want, "enter"))
		err &= ~(uint64_t)2; /* its reads may ask for writing */
	if (!either) {
		differ(&k, "exception", w->trap, g->trap);
		differ(&k, "error code", w->error & err, g->error & err);
	}
	/* a branch to nowhere: #GP at the branch or at its target */
	lost = w->trap == 13 && g->trap == 13 && (g->rip >> 47) + 1 > 1;
	if (!lost)
		differ(&k, "rip", w->rip, g->rip);
	if (w->trap == TRAP_PF && g->trap == TRAP_PF && !either)
		differ(&k, "cr2", w->cr2, g->cr2);
	differ(&k, "rflags", w->rflags & mask, g->rflags & mask);
	for (unsigned i = 0; i < (c->wide ? 16 : 8); i++)
		if (!lost || i != RSP)
			differ(&k, names[i], w->gpr[i] & low, g->gpr[i] & low);
	differ(&k, "fs base", w->fs_base, g->fs_base);
	differ(&k, "gs base", w->gs_base, g->gs_base);
	compare_x(&k, w, g, c->near, ends_at(c, want, "vgather") ? mask_of(c, want) : -1);
	for (unsigned i = 0, n = 0; i < XS_DATA_RW && !lost; i += 16) {
		if (!memcmp(want->data + i, got->data + i, 16))
			continue;
		if (n++ == 8)
			k.f = NULL; /* enough was said */
		differ_n(&k, "data+", i, want->data + i, got->data + i, 16);
	}
	return k.same;
}

void xs_print_state(const struct xs_case *c, const struct xs_state *s, FILE *f)
{
	for (unsigned i = 0; i < (c->wide ? 16 : 8); i++)
		fprintf(f, "  %-3s %016" PRIx64 "%s", names[i], s->gpr[i], i % 4 == 3 ? "\n" : "");
	fprintf(f, "  rip %" PRIx64 " rflags %" PRIx64 " trap %u error %x cr2 %" PRIx64 "\n",
		s->rip, s->rflags, s->trap, s->error, s->cr2);
	fprintf(f, "  fctrl %04x fstat %04x ftag %02x mxcsr %08x\n", ld_le16(s->x + XS_X_FCW),
		ld_le16(s->x + XS_X_FSW), s->x[XS_X_FTW], ld_le32(s->x + XS_X_MXCSR));
	for (unsigned i = 0; i < 8; i++)
		fprintf(f, "  st%u  %04x:%016" PRIx64 "%s", i, ld_le16(s->x + XS_X_ST + i * 16 + 8),
			ld_le64(s->x + XS_X_ST + i * 16), i & 1 ? "\n" : "");
	for (unsigned i = 0; i < (c->wide ? 16 : 8); i++)
		fprintf(f,
			"  ymm%-2u %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n",
			i, ld_le64(s->x + XS_X_YMMH + i * 16 + 8),
			ld_le64(s->x + XS_X_YMMH + i * 16), ld_le64(s->x + XS_X_XMM + i * 16 + 8),
			ld_le64(s->x + XS_X_XMM + i * 16));
}
