// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/insn_x86/encode.h"

#include "util/bits.h"

static unsigned put_vex(const struct enc *e, uint8_t *p, unsigned rxb)
{
	unsigned pp = e->row->pp, n = 0;
	unsigned last = (~e->vvvv & 15u) << 3 | (unsigned)e->l << 2 | pp;

	if (!e->long_vex && e->row->map == M_0F && !e->w && !(rxb & 3)) {
		p[n++] = 0xc5;
		p[n++] = (uint8_t)((rxb & 4 ? 0 : 0x80) | last);
		return n;
	}
	p[n++] = 0xc4;
	p[n++] = (uint8_t)((~rxb & 7) << 5 | e->row->map);
	p[n++] = (uint8_t)((unsigned)e->w << 7 | last);
	return n;
}

static unsigned put_head(const struct enc *e, uint8_t *p)
{
	const struct xs_row *r = e->row;
	unsigned n = 0, rxb = 0, rex;
	bool opsize = r->pp == P_ANY ? e->osz == 2 : r->pp == P_66 || e->osz == 2;

	if (e->reg & 8)
		rxb |= 4;
	if (e->is_mem) {
		if (e->index >= 8)
			rxb |= 2;
		if (e->base >= 8)
			rxb |= 1;
	} else if (e->rm & 8) {
		rxb |= 1;
	}
	if (e->lock)
		p[n++] = 0xf0;
	if (e->seg)
		p[n++] = e->seg;
	if (e->a67)
		p[n++] = 0x67;
	if (e->vex) {
		n += put_vex(e, p + n, rxb);
		p[n++] = e->op;
		return n;
	}
	if (opsize)
		p[n++] = 0x66;
	if (e->rep)
		p[n++] = e->rep;
	if (r->pp == P_F3 || r->pp == P_F2)
		p[n++] = r->pp == P_F3 ? 0xf3 : 0xf2;
	rex = rxb | (unsigned)e->w << 3;
	if (e->wide && (rex || e->rex))
		p[n++] = (uint8_t)(0x40 | rex);
	if (r->map)
		p[n++] = 0x0f;
	if (r->map > M_0F)
		p[n++] = r->map == M_38 ? 0x38 : 0x3a;
	p[n++] = e->op;
	return n;
}

/* Returns where a RIP-relative displacement was left open, 0: none. */
static unsigned put_mem(const struct enc *e, uint8_t *p, unsigned *np)
{
	unsigned n = *np, reg = (unsigned)(e->reg & 7) << 3, open = 0, mod;
	bool sib = e->index != NO_REG || (e->base >= 0 && (e->base & 7) == 4);

	if (e->base == REG16) {
		p[n++] = (uint8_t)(0x80 | reg | (e->base16 & 7));
		st_le16(p + n, (uint16_t)e->disp);
		*np = n + 2;
		return 0;
	}
	if (e->base == RIP) {
		p[n++] = (uint8_t)(reg | 5);
		open = n;
		*np = n + 4;
		return open;
	}
	if (e->base == NO_REG) {
		sib = sib || e->wide;
		mod = 0;
	} else {
		mod = e->disp32 || e->disp != (int8_t)e->disp ? 2 :
		      e->disp || (e->base & 7) == 5           ? 1 :
								0;
	}
	p[n++] = (uint8_t)(mod << 6 | reg |
			   (sib               ? 4 :
			    e->base == NO_REG ? 5 :
						(unsigned)e->base & 7));
	if (sib)
		p[n++] = (uint8_t)(e->scale << 6 |
				   (e->index == NO_REG ? 4u : (unsigned)e->index & 7) << 3 |
				   (e->base == NO_REG ? 5u : (unsigned)e->base & 7));
	if (mod == 1) {
		p[n++] = (uint8_t)e->disp;
	} else if (mod == 2 || e->base == NO_REG) {
		st_le32(p + n, (uint32_t)e->disp);
		n += 4;
	}
	*np = n;
	return 0;
}

unsigned enc_put(const struct enc *e, uint8_t *p, uint64_t at)
{
	const struct xs_row *r = e->row;
	unsigned n, open = 0;

	n = put_head(e, p);
	if (r->f & F_R4)
		p[n - 1] = (uint8_t)(e->op & ~7u) | (uint8_t)(e->rm & 7);
	if (r->f & F_M) {
		if (e->is_mem)
			open = put_mem(e, p, &n);
		else
			p[n++] = (uint8_t)(0xc0 | (e->reg & 7) << 3 | (e->rm & 7));
	}
	memcpy(p + n, &e->imm, e->nr_imm);
	n += e->nr_imm;
	if (open)
		st_le32(p + open, (uint32_t)(e->target - (at + n)));
	return n;
}
