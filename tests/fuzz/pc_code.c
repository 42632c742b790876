/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/pc_code.h"

#include "util/bits.h"

void code_byte(struct emit *e, unsigned v)
{
	if (e->len < e->max)
		e->code[e->len++] = (uint8_t)v;
}

void code_bytes(struct emit *e, const char *s, unsigned n)
{
	while (n--)
		code_byte(e, (uint8_t)*s++);
}

void code_16(struct emit *e, unsigned v) { code_byte(e, v); code_byte(e, v >> 8); }
void code_32(struct emit *e, uint32_t v) { code_16(e, v); code_16(e, v >> 16); }

void code_load(struct emit *e, unsigned reg, uint64_t v)
{
	if (e->bits == 16)
		code_byte(e, 0x66);
	if (e->bits == 64 && v >> 32)
		code_byte(e, 0x48);
	code_byte(e, 0xb8 + reg);
	code_32(e, (uint32_t)v);
	if (e->bits == 64 && v >> 32)
		code_32(e, (uint32_t)(v >> 32));
}

/* 0x66 where a 16- or 32-bit operand is not the mode's own. */
void code_operand(struct emit *e, unsigned size)
{
	if ((size == 2) == (e->bits != 16) && size != 1 && size != 8)
		code_byte(e, 0x66);
	if (size == 8)
		code_byte(e, 0x48);
}

void code_out(struct emit *e, unsigned port, unsigned size, uint32_t v)
{
	code_load(e, EDX, port);
	code_load(e, EAX, v);
	code_operand(e, size);
	code_byte(e, size == 1 ? 0xee : 0xef);
}

void code_in(struct emit *e, unsigned port, unsigned size)
{
	code_load(e, EDX, port);
	code_operand(e, size);
	code_byte(e, size == 1 ? 0xec : 0xed);
}

bool code_point(struct emit *e, uint64_t addr)
{
	if (e->bits == 64 || (e->bits == 32 && addr <= UINT32_MAX)) {
		code_load(e, EDI, addr);
		return true;
	}
	if (e->bits == 32 || addr >= 0x10fff0)
		return false;
	code_byte(e, 0xb8);		/* mov ax, segment; mov es, ax */
	code_16(e, (unsigned)MIN(addr >> 4, UINT64_C(0xffff)));
	CODE(e, "\x8e\xc0");
	code_load(e, EDI, addr - (MIN(addr >> 4, UINT64_C(0xffff)) << 4));
	return true;
}

void code_rm(struct emit *e, unsigned reg) { code_byte(e, (e->bits == 16 ? 5 : 7) | reg << 3); }

void code_mem(struct emit *e, unsigned op, unsigned size)
{
	if (e->bits == 16)
		code_byte(e, 0x26);
	code_operand(e, size);
	code_byte(e, op | (size != 1));
	code_rm(e, EAX);
}

void code_store(struct emit *e, uint64_t addr, unsigned size, uint64_t v)
{
	if (size == 8 && e->bits != 64) {
		code_store(e, addr, 4, v);
		addr += 4;
		v >>= 32;
		size = 4;
	}
	if (!code_point(e, addr))
		return;
	code_load(e, EAX, v);
	code_mem(e, 0x88, size);
}

void code_fetch(struct emit *e, uint64_t addr, unsigned size)
{
	if (code_point(e, addr))
		code_mem(e, 0x8a, size == 8 && e->bits != 64 ? 4 : size);
}
