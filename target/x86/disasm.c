// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions as text, Intel order, from the rows: for traces and the monitor. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "target/x86/decode.h"
#include "target/x86/state.h"

struct text {
	char *buf;
	size_t size, n;
};

__attribute__((format(printf, 2, 3)))
static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->n >= t->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->n, t->size - t->n, fmt, ap);
	va_end(ap);
	t->n += n > 0 ? (size_t)n : 0;
}

static void put_gpr(struct text *t, unsigned reg, unsigned size)
{
	static const char names[8][3] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };
	static const char low[8][4] = { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil" };

	if (reg >= 8)
		put(t, "r%u%s", reg, size == 1 ? "b" : size == 2 ? "w" : size == 4 ? "d" : "");
	else if (size == 1)
		put(t, "%s", low[reg]);
	else
		put(t, "%s%s", size == 2 ? "" : size == 4 ? "e" : "r", names[reg]);
}

static const char *const segs[] = { "es", "cs", "ss", "ds", "fs", "gs" };

static void put_memory(struct text *t, const struct x86_insn *i, unsigned size, uint64_t next)
{
	const char *sep = "";

	switch (size) {
	case 1: put(t, "byte "); break;
	case 2: put(t, "word "); break;
	case 4: put(t, "dword "); break;
	case 8: put(t, "qword "); break;
	case 16: put(t, "xmmword "); break;
	case 32: put(t, "ymmword "); break;
	}
	if (i->segment >= 0)
		put(t, "%s:", segs[i->segment]);
	put(t, "[");
	if (i->base == X86_BASE_RIP) {
		put(t, "0x%llx]", (unsigned long long)(next + (uint64_t)i->disp));
		return;
	}
	if (i->base >= 0) {
		put_gpr(t, (unsigned)i->base, i->adsize);
		sep = "+";
	}
	if (i->index >= 0) {
		put(t, "%s", sep);
		put_gpr(t, (unsigned)i->index, i->adsize);
		if (i->scale)
			put(t, "*%u", 1u << i->scale);
		sep = "+";
	}
	if (!*sep)
		put(t, "0x%llx", (unsigned long long)i->disp &
					 (i->adsize == 8 ? UINT64_MAX : i->adsize == 4 ?
					  UINT32_MAX : 0xffff));
	else if (i->disp)
		put(t, "%c0x%llx", i->disp < 0 ? '-' : '+',
		    (unsigned long long)(i->disp < 0 ? -i->disp : i->disp));
	put(t, "]");
}

static void put_operand(struct text *t, const struct x86_insn *i, const struct x86_opnd *o,
			uint64_t next)
{
	static const char high[4][3] = { "ah", "ch", "dh", "bh" };
	uint64_t mask = o->size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * o->size) - 1;

	switch (o->kind) {
	case X86_O_REG:
		put_gpr(t, o->reg, o->size);
		break;
	case X86_O_REG8H:
		put(t, "%s", high[o->reg & 3]);
		break;
	case X86_O_MEM:
		put_memory(t, i, o->size, next);
		break;
	case X86_O_IMM:
		put(t, "0x%llx", (unsigned long long)(i->imm[o->reg] & mask));
		break;
	case X86_O_REL:
		put(t, "0x%llx", (unsigned long long)(next + i->imm[o->reg]));
		break;
	case X86_O_FAR:
		put(t, "0x%x:0x%llx", i->sel, (unsigned long long)i->imm[0]);
		break;
	case X86_O_SEG:
		put(t, "%s", segs[o->reg % 6]);
		break;
	case X86_O_CR: case X86_O_DR:
		put(t, "%cr%u", o->kind == X86_O_CR ? 'c' : 'd', o->reg);
		break;
	case X86_O_VEC:
		put(t, "%cmm%u", o->size == 32 ? 'y' : 'x', o->reg);
		break;
	case X86_O_MMX:
		put(t, "mm%u", o->reg);
		break;
	case X86_O_STR:
		if (o->reg == X86_RSI && i->segment >= 0)
			put(t, "%s:", segs[i->segment]);
		put(t, "[");
		put_gpr(t, o->reg, i->adsize);
		put(t, "]");
		break;
	}
}

static void put_insn(struct text *t, const struct x86_insn *i, uint64_t next)
{
	static const char cc[16][3] = { "o", "no", "b", "ae", "e", "ne", "be", "a",
					"s", "ns", "p", "np", "l", "ge", "le", "g" };
	unsigned n;

	if (i->lock)
		put(t, "lock ");
	if (i->row->flags & X86_F_REP && i->rep)
		put(t, "%s", i->rep == 0xf3 ? "rep " : "repne ");
	put(t, "%s%s", i->vex && *i->row->name != 'v' && i->row->flags & X86_F_AVX ? "v" : "",
	    i->row->name);
	if (i->row->count == 16)
		put(t, "%s", cc[i->opcode & 15]);
	for (n = 0; n < i->nr_opnds; n++) {
		put(t, "%s", n ? ", " : " ");
		put_operand(t, i, &i->opnd[n], next);
	}
}

unsigned x86_disasm_bits(uint64_t pc, const uint8_t *bytes, unsigned n, unsigned bits, char *buf,
			 size_t size)
{
	struct text t = { buf, size, 0 };
	struct x86_insn i;

	if (size)
		buf[0] = 0;
	switch (x86_decode(&i, bytes, n, bits)) {
	case X86_DECODED:
		put_insn(&t, &i, pc + i.len);
		return i.len;
	case X86_MORE:
		put(&t, "(more)");
		return n ? n : 1;
	default:
		put(&t, "(bad)");
		return 1;
	}
}

unsigned x86_disasm(uint64_t pc, const uint8_t *bytes, unsigned n, char *buf, size_t size)
{
	return x86_disasm_bits(pc, bytes, n, 64, buf, size);
}
