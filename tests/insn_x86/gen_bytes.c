// SPDX-License-Identifier: GPL-2.0-or-later
/* Random bytes that are often an instruction, and which one they are. */
#include "tests/insn_x86/gen.h"

#include "util/bits.h"

struct decoded {
	bool wide, vex, rep, opsize, lock, w, l;
	uint8_t map, pp, op, modrm, vex_pp;
};

static bool decode_vex(struct decoded *d, const uint8_t *p, unsigned n, unsigned *np)
{
	unsigned k = *np;

	if (k + 3 >= n || (p[k] != 0xc4 && p[k] != 0xc5) || (!d->wide && p[k + 1] < 0xc0))
		return false;
	d->vex = true;
	if (p[k] == 0xc5) {
		d->map = M_0F;
		d->pp = p[k + 1] & 3;
		d->l = p[k + 1] >> 2 & 1;
		*np = k + 2;
		return true;
	}
	d->map = p[k + 1] & 31;
	d->pp = p[k + 2] & 3;
	d->l = p[k + 2] >> 2 & 1;
	d->w = p[k + 2] >> 7;
	*np = k + 3;
	return true;
}

static bool decode(struct decoded *d, const uint8_t *p, unsigned n, bool wide)
{
	unsigned k = 0;
	uint8_t rep = 0;

	*d = (struct decoded){ .wide = wide };
	for (; k < n; k++) { /* a REX counts right before the opcode */
		if (wide && (p[k] & 0xf0) == 0x40) {
			d->w = p[k] >> 3 & 1;
			continue;
		}
		if (p[k] == 0xf2 || p[k] == 0xf3)
			rep = p[k];
		else if (p[k] == 0x66)
			d->opsize = true;
		else if (p[k] == 0xf0)
			d->lock = true;
		else if (p[k] != 0x67 && p[k] != 0x2e && p[k] != 0x36 && p[k] != 0x3e &&
			 p[k] != 0x26 && p[k] != 0x64 && p[k] != 0x65)
			break;
		d->w = false;
	}
	if (!decode_vex(d, p, n, &k)) {
		d->pp = rep == 0xf3 ? P_F3 : rep == 0xf2 ? P_F2 : d->opsize ? P_66 : P_NONE;
		if (k < n && p[k] == 0x0f) {
			d->map = M_0F;
			k++;
			if (k < n && (p[k] == 0x38 || p[k] == 0x3a))
				d->map = p[k++] == 0x38 ? M_38 : M_3A;
		}
	}
	d->rep = rep;
	if (k + 1 >= n)
		return false;
	d->op = p[k];
	d->modrm = p[k + 1];
	return true;
}

static bool matches(const struct xs_row *r, const struct decoded *d, bool exact)
{
	bool vex_row = r->f & (F_V0 | F_V1 | F_LIG), in = false;
	unsigned i;

	if (r->map != d->map || (d->vex ? !vex_row : vex_row && !(r->f & F_LEG)))
		return r->f & F_DENY && r->map == d->map && d->vex && r->map > M_1 &&
		       d->op >= r->op && d->op < r->op + r->count;
	for (i = 0; i < r->count && !in; i++)
		in = d->op == r->op + r->step * i;
	if (!in || r->f & (d->wide ? F_32 : F_64))
		return false;
	if (r->pp == P_ANY ? exact : r->pp != d->pp && d->map != M_1)
		return false;
	if (r->digits && !(r->digits >> (d->modrm >> 3 & 7) & 1))
		return false;
	if (r->f & F_MEM && d->modrm >= 0xc0)
		return false;
	return !(r->f & F_R) || d->modrm >= 0xc0;
}

static const struct xs_row *find(const struct decoded *d)
{
	const struct xs_row *const table[] = { rows_sys, rows_int, rows_x87, rows_vec };
	unsigned t;
	int exact;

	for (t = 0; t < ARRAY_SIZE(table); t++)
		for (exact = 1; exact >= 0; exact--)
			for (const struct xs_row *r = table[t]; r->name; r++)
				if (matches(r, d, exact))
					return r;
	return NULL;
}

const struct xs_row *xs_match(const uint8_t *code, unsigned n, bool wide)
{
	struct decoded d;

	return decode(&d, code, n, wide) ? find(&d) : NULL;
}

static bool contains(const uint8_t *p, unsigned n, uint8_t a, uint8_t b)
{
	for (; n > 1; p++, n--)
		if (p[0] == a && p[1] == b)
			return true;
	return false;
}

/* What must not run here although the table has it. */
static bool denied(const struct gen *g, const uint8_t *p, unsigned n)
{
	const struct xs_row *r;
	struct decoded d;

	if (!decode(&d, p, n, g->c->wide))
		return true;
	r = find(&d);
	if (!r)
		return false;
	if (r->f & F_DENY || contains(p, n, 0xcd, 0x80))
		return true;
	if (r->map == M_1 && !d.vex && (r->op == 0x9d || r->op == 0x61))
		return true; /* POPF: trap flag; POPA: loses the stack */
	/* no defined result: 16-bit SHLD by more than 16 */
	if (r->map == M_0F && (d.op & 0xf6) == 0xa4 && d.opsize)
		return true;
	/* operand size on near branches: AMD and Intel differ */
	if (d.opsize && g->c->wide &&
	    (r->f & F_D64 || !strcmp(r->name, "jcc") || !strcmp(r->name, "loop")))
		return true;
	/* what the host has and the guest has not: 256-bit AES and PCLMULQDQ; VPERMQ with W0 */
	if (d.vex && d.l && (!strncmp(r->name, "aes", 3) || !strcmp(r->name, "pclmulqdq")))
		return true;
	if (d.vex && r->f & F_W1 && !d.w)
		return true;
	/* LOCK MOV CR0 is MOV CR8 on some */
	if (d.lock && !strcmp(r->name, "mov-cr"))
		return true;
	/* LOOPNE with REP: is LOOPE on some */
	if (d.rep && r->map == M_1 && !strcmp(r->name, "loop"))
		return true;
	/* BSWAP of 16 bits */
	if (d.opsize && r->map == M_0F && r->op == 0xc8 && !d.vex)
		return true;
	/* transcendental functions: not the same to the last bit everywhere */
	if (r->map == M_1 && d.op == 0xd9 && d.modrm >= 0xf0 &&
	    (d.modrm <= 0xf3 || d.modrm == 0xf9 || d.modrm == 0xfb || d.modrm >= 0xfe))
		return true;
	/* environments with pointers in them: gen_special.c has those */
	return r->f & F_GROUP && r->f & F_MEM && r->op >= 0xd8 && r->op <= 0xdf && r->map == M_1;
}

static unsigned draw_known(struct gen *g, uint8_t *p)
{
	static const struct xs_row *const table[] = { rows_int, rows_x87, rows_vec, rows_vec };
	const struct xs_row *t = table[rng_below(&g->r, 4)], *r;
	unsigned n = 0, k;
	struct enc e;

	while (t[n].name)
		n++;
	do
		r = &t[rng_below(&g->r, n)];
	while (r->f & F_DENY);
	g->cls = rng_one_in(&g->r, 2) ? XS_AVX : XS_SSE;
	gen_draw(g, r, &e);
	g->cls = XS_BYTES;
	if (rng_one_in(&g->r, 4))
		e.lock = true;
	if (rng_one_in(&g->r, 8))
		e.rep = rng_one_in(&g->r, 2) ? 0xf2 : 0xf3;
	n = enc_put(&e, p, XS_CODE + g->c->at);
	for (k = rng_below(&g->r, 3); k; k--)
		p[rng_below(&g->r, n)] ^= (uint8_t)(1u << rng_below(&g->r, 8));
	return 15;
}

static void draw_any(struct gen *g, uint8_t *p)
{
	static const uint8_t prefix[] = { 0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x2e,
					  0x36, 0x3e, 0x26, 0x64, 0x65 };
	unsigned n = 0, k;

	for (k = 0; k < 15; k++)
		p[k] = (uint8_t)rng_next(&g->r);
	while (rng_one_in(&g->r, 3) && n < 5)
		p[n++] = prefix[rng_below(&g->r, ARRAY_SIZE(prefix))];
	if (g->c->wide && rng_one_in(&g->r, 2))
		p[n++] = (uint8_t)(0x40 | rng_below(&g->r, 16));
	switch (rng_below(&g->r, 4)) {
	case 0: p[n++] = 0x0f; break;
	case 1:
		p[n++] = 0x0f;
		p[n++] = rng_one_in(&g->r, 2) ? 0x38 : 0x3a;
		break;
	case 2:
		if (rng_one_in(&g->r, 2)) {
			p[n++] = 0xc5;
			p[n++] |= g->c->wide ? 0 : 0xc0;
		} else {
			p[n++] = 0xc4;
			p[n] = (uint8_t)((p[n] & 0xe0) | 1 | rng_below(&g->r, 3));
			p[n++] |= g->c->wide ? 0 : 0xc0;
			n++;
		}
		break;
	}
	if (rng_one_in(&g->r, 2)) /* memory: [register] */
		p[n + 1] = (uint8_t)(p[n + 1] & 0x3f);
}

void gen_random_bytes(struct gen *g)
{
	uint8_t p[32];

	do {
		memset(p, 0xcc, sizeof(p));
		if (rng_one_in(&g->r, 2))
			draw_known(g, p);
		else
			draw_any(g, p);
	} while (denied(g, p, 15));
	gen_begin(g, xs_match(p, 15, g->c->wide));
	gen_bytes(g, p, 15);
	gen_end(g, 0, 0);
	gen_begin(g, NULL);
	gen_bytes(g, p + 16, 15);
	gen_end(g, 0, 0);
}
