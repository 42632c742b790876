// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The decoder (SDM volume 2, chapter 2). Rows of insn_*.def are compiled once: operands from
 * text to codes, and per map and opcode the list of rows that may apply, the more special first.
 */
#include "target/x86/decode.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "target/x86/cpu.h"
#include "target/x86/insn.h"
#include "target/x86/state.h"
#include "util/bits.h"

static const struct x86_row rows[] = {
#define ROWS(m, o, n, p, e, nm, ops, t, feat, fl)                                                  \
	{ .map = X86_MAP_##m, .opcode = (o), .count = (n), .pp = X86_PP_##p, .ext = (e),           \
	  .name = (nm), .operands = (ops), .trans = x86_trans_##t, .feature = (feat),              \
	  .flags = (fl) },
#define ROW(m, o, p, e, nm, ops, t, feat, fl) ROWS(m, o, 1, p, e, nm, ops, t, feat, fl)
#include "target/x86/insn_all.def"
#undef ROW
#undef ROWS
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

enum { MAX_ENTRIES = NR_ROWS + 1024 };

enum size_code {
	SZ_NONE, SZ_B, SZ_W, SZ_D, SZ_Q, SZ_DQ, SZ_QQ, SZ_V, SZ_Z, SZ_Y, SZ_P, SZ_X, SZ_S, SZ_T,
};

struct opnd_code {
	char letter;		/* of the notation; 'r': the named register; '1': the constant */
	uint8_t size;		/* enum size_code */
	uint8_t kind, reg;	/* 'r' */
};

struct compiled {
	struct opnd_code o[4];
	uint8_t n;
	bool modrm, need_mem, need_reg;
	const struct x86_feature *feature;
};

struct list { uint16_t first, n; bool modrm; };	/* of entry[] */

static struct {
	struct compiled row[NR_ROWS];
	uint16_t entry[MAX_ENTRIES];
	struct list list[2][X86_NR_MAPS][256];	/* [vex][map][opcode] */
} tab;
static pthread_once_t tab_once = PTHREAD_ONCE_INIT;

/* --- compiling the rows --- */

static uint8_t size_code(const char *s, size_t n)
{
	static const struct { char text[3]; uint8_t code; } sizes[] = {
		{ "b", SZ_B }, { "w", SZ_W }, { "d", SZ_D }, { "q", SZ_Q }, { "dq", SZ_DQ },
		{ "qq", SZ_QQ }, { "v", SZ_V }, { "z", SZ_Z }, { "y", SZ_Y }, { "p", SZ_P },
		{ "x", SZ_X }, { "s", SZ_S }, { "t", SZ_T }, { "ss", SZ_D }, { "sd", SZ_Q },
		{ "ps", SZ_X }, { "pd", SZ_X }, { "a", SZ_V },
	};
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (strlen(sizes[i].text) == n && !memcmp(sizes[i].text, s, n))
			return sizes[i].code;
	return SZ_NONE;
}

static struct opnd_code named(const char *s, size_t n)
{
	static const struct { char text[4]; uint8_t kind, reg, size; } names[] = {
		{ "al", X86_O_REG, X86_RAX, SZ_B }, { "cl", X86_O_REG, X86_RCX, SZ_B },
		{ "ah", X86_O_REG8H, X86_RAX, SZ_B },
		{ "ax", X86_O_REG, X86_RAX, SZ_W }, { "dx", X86_O_REG, X86_RDX, SZ_W },
		{ "eAX", X86_O_REG, X86_RAX, SZ_Z }, { "eDX", X86_O_REG, X86_RDX, SZ_Z },
		{ "rAX", X86_O_REG, X86_RAX, SZ_V }, { "rCX", X86_O_REG, X86_RCX, SZ_V },
		{ "es", X86_O_SEG, X86_ES, SZ_W }, { "cs", X86_O_SEG, X86_CS, SZ_W },
		{ "ss", X86_O_SEG, X86_SS, SZ_W }, { "ds", X86_O_SEG, X86_DS, SZ_W },
		{ "fs", X86_O_SEG, X86_FS, SZ_W }, { "gs", X86_O_SEG, X86_GS, SZ_W },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strnlen(names[i].text, 4) == n && !memcmp(names[i].text, s, n))
			return (struct opnd_code){ 'r', names[i].size, names[i].kind,
						   names[i].reg };
	if (n == 1 && *s == '1')
		return (struct opnd_code){ '1', SZ_B, X86_O_IMM, 0 };
	return (struct opnd_code){ 't', SZ_NONE, X86_O_NONE, 0 };	/* st: text */
}

static void compile_row(unsigned r)
{
	const char *s = rows[r].operands;
	struct compiled *c = &tab.row[r];

	while (*s) {
		size_t n = strcspn(s, ",");
		struct opnd_code *o = &c->o[c->n];

		if (c->n == 4)
			abort();
		if (*s >= 'A' && *s <= 'Z')
			*o = (struct opnd_code){ s[0], size_code(s + 1, n - 1), 0, 0 };
		else
			*o = named(s, n);
		if (strchr("EGRMSCDVWUPQN", o->letter))
			c->modrm = true;
		c->need_mem |= o->letter == 'M';
		c->need_reg |= o->letter == 'R' || o->letter == 'U' || o->letter == 'N';
		if (o->letter != 't')
			c->n++;
		s += n + (s[n] == ',');
	}
	if (*rows[r].feature) {
		c->feature = x86_feature;
		while (c->feature->name && strcmp(c->feature->name, rows[r].feature))
			c->feature++;
		if (!c->feature->name)
			abort();
	}
	c->modrm |= rows[r].ext >= 0 || rows[r].flags & (X86_F_MEM | X86_F_REG);
	c->need_mem |= (rows[r].flags & X86_F_MEM) != 0;
	c->need_reg |= (rows[r].flags & X86_F_REG) != 0;
}

/* The lower, the more special. */
static unsigned rank(unsigned r)
{
	return (rows[r].pp == X86_PP_ANY ? 4 : 0) + (rows[r].ext < 0 ? 2 : rows[r].ext < 8);
}

/* Adds the rows of rank k to their lists; fill: else only counts. */
static void list_rows(unsigned k, bool fill)
{
	unsigned r, op;

	for (r = 0; r < NR_ROWS; r++) {
		bool vex = rows[r].flags & X86_F_VEX;

		if (rank(r) != k)
			continue;
		for (op = rows[r].opcode; op < rows[r].opcode + 0u + rows[r].count; op++) {
			struct list *l = &tab.list[vex][rows[r].map][op];

			if (fill)
				tab.entry[l->first + l->n] = (uint16_t)r;
			l->n++;
			l->modrm |= tab.row[r].modrm;
		}
	}
}

static void compile(void)
{
	struct list *l = &tab.list[0][0][0], *end = l + 2 * X86_NR_MAPS * 256;
	unsigned r, k, n = 0;

	for (r = 0; r < NR_ROWS; r++)
		compile_row(r);
	for (k = 0; k < 8; k++)
		list_rows(k, false);
	for (; l < end; l++) {
		l->first = (uint16_t)n;
		n += l->n;
		l->n = 0;
	}
	if (n > MAX_ENTRIES)
		abort();
	for (k = 0; k < 8; k++)
		list_rows(k, true);
}

const struct x86_feature *x86_row_feature(const struct x86_row *row)
{
	return tab.row[row - rows].feature;
}

bool x86_insn_aligned(const struct x86_insn *i)
{
	for (unsigned n = 0; n < i->nr_opnds; n++)
		if (i->opnd[n].kind == X86_O_MEM)
			return i->row->flags & X86_F_ALIGN && i->opnd[n].size >= 16;
	return false;
}

/* --- decoding --- */

struct reader {
	const uint8_t *code;
	unsigned pos, avail;
	enum x86_decode_result bad;	/* X86_DECODED: nothing */
};

/* Zeros behind the end; the result says so. */
static uint64_t read_le(struct reader *r, unsigned n)
{
	uint64_t v = 0;

	if (r->pos + n > X86_MAX_LEN && r->avail >= X86_MAX_LEN) {
		r->bad = X86_TOO_LONG;
		return 0;
	}
	if (r->pos + n > r->avail) {
		if (!r->bad)
			r->bad = X86_MORE;
		return 0;
	}
	memcpy(&v, r->code + r->pos, n);	/* hosts are little-endian */
	r->pos += n;
	return v;
}

struct prefixes {
	uint8_t rex;		/* 0: none */
	uint8_t vvvv;
	bool adsize;
	bool illegal;		/* one that VEX does not go with */
};

/* Returns the first byte that is no prefix. */
static uint8_t read_prefixes(struct reader *r, struct x86_insn *i, struct prefixes *p,
			     unsigned bits)
{
	for (;;) {
		uint8_t c = (uint8_t)read_le(r, 1);

		if (r->bad)
			return 0;
		switch (c) {
		case 0x26: case 0x2e: case 0x36: case 0x3e:
			if (bits != 64)		/* no meaning there (SDM 2.2.1) */
				i->segment = (int8_t)(c >> 3 & 3);
			break;
		case 0x64: case 0x65:
			i->segment = (int8_t)(c - 0x64 + X86_FS);
			break;
		case 0x66:
			i->opsize_prefix = true;
			break;
		case 0x67:
			p->adsize = true;
			break;
		case 0xf0:
			i->lock = true;
			break;
		case 0xf2: case 0xf3:
			i->rep = c;
			break;
		default:
			if (bits == 64 && (c & 0xf0) == 0x40) {
				p->rex = c;
				continue;
			}
			return c;
		}
		p->rex = 0;		/* only directly before the opcode */
	}
}

/* VEX behind its first byte (SDM 2.3.5): map, pp; false: undefined. */
static bool read_vex(struct reader *r, struct x86_insn *i, struct prefixes *p, uint8_t first,
		     unsigned bits, unsigned *map, unsigned *pp)
{
	uint8_t b1 = (uint8_t)read_le(r, 1), last = b1;

	/* undefined behind these, but first of all too long, where it is (#GP) */
	p->illegal = i->lock || i->rep || i->opsize_prefix || p->rex;
	*map = X86_MAP_0F;
	p->rex = (uint8_t)(0x40 | (~b1 >> 5 & 4));	/* R */
	if (first == 0xc4) {
		last = (uint8_t)read_le(r, 1);
		p->rex |= (uint8_t)(~b1 >> 5 & 3);	/* X, B */
		if ((b1 & 31) < 1 || (b1 & 31) > 3)
			return false;
		*map = X86_MAP_0F + (b1 & 31) - 1;
		i->rex_w = last & 0x80;
	}
	*pp = last & 3;			/* none, 66, F3, F2: the order of X86_PP_* */
	i->vex = true;
	i->vex_l = last >> 2 & 1;
	p->vvvv = ~last >> 3 & 15;
	if (bits != 64)
		p->rex = 0x40;
	return true;
}

static void address16(struct reader *r, struct x86_insn *i)
{
	static const int8_t base[8] = { X86_RBX, X86_RBX, X86_RBP, X86_RBP,
					X86_RSI, X86_RDI, X86_RBP, X86_RBX };
	static const int8_t index[8] = { X86_RSI, X86_RDI, X86_RSI, X86_RDI, -1, -1, -1, -1 };
	unsigned rm = i->modrm & 7;

	i->base = base[rm];
	i->index = index[rm];
	if (i->mod == 0 && rm == 6) {
		i->base = -1;
		i->disp = sext(read_le(r, 2), 16);
	} else if (i->mod == 1) {
		i->disp = sext(read_le(r, 1), 8);
	} else if (i->mod == 2) {
		i->disp = sext(read_le(r, 2), 16);
	}
}

static void address32(struct reader *r, struct x86_insn *i, uint8_t rex, unsigned bits, bool vsib)
{
	unsigned rm = i->modrm & 7;

	i->base = (int8_t)i->rm;
	if (rm == 4) {
		uint8_t sib = (uint8_t)read_le(r, 1);

		i->scale = sib >> 6;
		i->index = (int8_t)((sib >> 3 & 7) | (rex & 2) << 2);
		if (i->index == 4 && !vsib)
			i->index = -1;
		i->base = (int8_t)((sib & 7) | (rex & 1) << 3);
		if ((sib & 7) == 5 && i->mod == 0) {
			i->base = -1;
			i->disp = sext(read_le(r, 4), 32);
		}
	} else if (rm == 5 && i->mod == 0) {
		i->base = bits == 64 ? X86_BASE_RIP : -1;
		i->disp = sext(read_le(r, 4), 32);
	}
	if (i->mod == 1)
		i->disp = sext(read_le(r, 1), 8);
	else if (i->mod == 2)
		i->disp = sext(read_le(r, 4), 32);
}

static bool matches(const struct x86_row *row, const struct compiled *c, const struct x86_insn *i,
		    unsigned pp, uint8_t modrm, bool reg_form, uint8_t vvvv, unsigned bits)
{
	uint32_t f = row->flags;

	if (row->pp != pp && row->pp != X86_PP_ANY)
		return false;
	if (row->ext >= 8 ? modrm != (0xc0 | (row->ext - 8)) :
			    row->ext >= 0 && (modrm >> 3 & 7) != row->ext)
		return false;
	if (f & (bits == 64 ? X86_F_NO64 : X86_F_ONLY64))
		return false;
	if (reg_form ? c->need_mem : c->need_reg)
		return false;
	if ((f & X86_F_W0 && i->rex_w) || (f & X86_F_W1 && !i->rex_w) ||
	    (f & X86_F_L0 && i->vex_l) || (f & X86_F_L1 && !i->vex_l))
		return false;
	return !(f & X86_F_NOV && vvvv != 0);
}

static unsigned operand_size(const struct x86_row *row, const struct x86_insn *i, unsigned bits)
{
	if (bits == 16)
		return i->opsize_prefix ? 4 : 2;
	if (bits == 32)
		return i->opsize_prefix ? 2 : 4;
	if (row->flags & X86_F_F64 || i->rex_w)
		return 8;
	if (row->flags & X86_F_D64)
		return i->opsize_prefix ? 2 : 8;
	return i->opsize_prefix ? 2 : 4;
}

static uint8_t bytes_of(uint8_t code, const struct x86_insn *i, unsigned bits)
{
	switch (code) {
	case SZ_B: return 1;
	case SZ_W: return 2;
	case SZ_D: return 4;
	case SZ_Q: return 8;
	case SZ_DQ: return 16;
	case SZ_QQ: return 32;
	case SZ_V: return i->opsize;
	case SZ_Z: return i->opsize == 2 ? 2 : 4;
	case SZ_Y: return bits == 64 && i->rex_w ? 8 : 4;
	case SZ_P: return (uint8_t)(i->opsize + 2);
	case SZ_X: return i->vex_l ? 32 : 16;
	case SZ_S: return bits == 64 ? 10 : 6;
	case SZ_T: return 10;
	default: return 0;
	}
}

static void set_gpr(struct x86_opnd *o, const struct x86_insn *i, unsigned reg)
{
	o->kind = X86_O_REG;
	o->reg = (uint8_t)reg;
	if (o->size == 1 && !i->rex && reg >= 4) {
		o->kind = X86_O_REG8H;
		o->reg -= 4;
	}
}

/* An immediate or displacement; *size becomes that of the operation. */
static uint64_t read_imm(struct reader *r, const struct x86_insn *i, const struct opnd_code *oc,
			 uint8_t *size)
{
	unsigned n = *size;

	if (oc->letter == 'I' && oc->size == SZ_S) {	/* Is: a byte, sign-extended */
		*size = i->opsize;
		return (uint64_t)sext(read_le(r, 1), 8);
	}
	if (oc->letter == 'I' && oc->size != SZ_Z)
		return read_le(r, n);
	*size = i->opsize;
	return (uint64_t)sext(read_le(r, n), 8 * n);
}

/* One operand; false: undefined. */
static bool operand(struct reader *r, struct x86_insn *i, const struct opnd_code *oc,
		    const struct prefixes *p, unsigned bits, unsigned *imms)
{
	struct x86_opnd *o = &i->opnd[i->nr_opnds++];

	o->letter = (uint8_t)oc->letter;
	o->size = bytes_of(oc->size, i, bits);
	o->reg = 0;
	switch (oc->letter) {
	case 'E': case 'R': case 'M':
		if (i->mod != 3)
			o->kind = X86_O_MEM;
		else
			set_gpr(o, i, i->rm);
		return true;
	case 'G':
		set_gpr(o, i, i->reg);
		return true;
	case 'B':
		set_gpr(o, i, p->vvvv & (bits == 64 ? 15 : 7));
		return true;
	case 'Z':
		set_gpr(o, i, (i->opcode & 7) | (p->rex & 1) << 3);
		return true;
	case 'V':
		o->kind = X86_O_VEC;
		o->reg = i->reg;
		return true;
	case 'W': case 'U':
		o->kind = i->mod == 3 ? X86_O_VEC : X86_O_MEM;
		o->reg = i->rm;
		return true;
	case 'H':
		o->kind = X86_O_VEC;
		o->reg = p->vvvv & (bits == 64 ? 15 : 7);
		return true;
	case 'L':
		o->kind = X86_O_VEC;
		i->imm[*imms] = read_le(r, 1);
		o->reg = (uint8_t)(i->imm[*imms] >> 4 & (bits == 64 ? 15 : 7));
		++*imms;
		return true;
	case 'P':
		o->kind = X86_O_MMX;
		o->reg = i->reg & 7;
		return true;
	case 'Q': case 'N':
		o->kind = i->mod == 3 ? X86_O_MMX : X86_O_MEM;
		o->reg = i->rm & 7;
		return true;
	case 'S':
		o->kind = X86_O_SEG;
		o->reg = i->reg & 7;
		return o->reg <= X86_GS;
	case 'C': case 'D':
		o->kind = oc->letter == 'C' ? X86_O_CR : X86_O_DR;
		o->reg = i->reg;
		/* those that there are: undefined for all others comes before privilege */
		return oc->letter == 'C' ? o->reg < 16 && 0x11d >> o->reg & 1 : o->reg < 8;
	case 'X': case 'Y':
		o->kind = X86_O_STR;
		o->reg = oc->letter == 'X' ? X86_RSI : X86_RDI;
		return true;
	case 'O':
		o->kind = X86_O_MEM;
		i->disp = (int64_t)read_le(r, i->adsize);
		return true;
	case 'I': case 'J':
		o->kind = oc->letter == 'I' ? X86_O_IMM : X86_O_REL;
		o->reg = (uint8_t)*imms;
		i->imm[(*imms)++] = read_imm(r, i, oc, &o->size);
		return true;
	case '1':
		o->kind = X86_O_IMM;
		o->reg = (uint8_t)*imms;
		i->imm[(*imms)++] = 1;
		return true;
	case 'A':
		o->kind = X86_O_FAR;
		i->imm[(*imms)++] = read_le(r, i->opsize);
		i->sel = (uint16_t)read_le(r, 2);
		return true;
	default:
		o->kind = oc->kind;
		o->reg = oc->reg;
		return true;
	}
}

static enum x86_decode_result finish(struct reader *r, struct x86_insn *i,
				     enum x86_decode_result res)
{
	i->len = (uint8_t)r->pos;
	return r->bad ? r->bad : res;
}

static const struct x86_row *find_row(struct reader *r, struct x86_insn *i,
				      const struct prefixes *p, unsigned map, unsigned pp,
				      unsigned bits, const struct compiled **c)
{
	unsigned first = tab.list[i->vex][map][i->opcode].first, k;
	bool reg_form = true;

	if (tab.list[i->vex][map][i->opcode].modrm) {
		i->modrm = (uint8_t)read_le(r, 1);
		/* moves of control and debug registers are registers whatever mod says */
		reg_form = i->modrm >= 0xc0 || (map == X86_MAP_0F && (i->opcode & 0xfc) == 0x20);
	}
	for (k = 0; k < tab.list[i->vex][map][i->opcode].n; k++) {
		unsigned n = tab.entry[first + k];

		*c = &tab.row[n];
		/* XCHG with r8, whatever stands before it, is no PAUSE */
		if (map == X86_MAP_1 && i->opcode == 0x90 && p->rex & 1 &&
		    rows[n].pp == X86_PP_F3)
			continue;
		if (matches(&rows[n], *c, i, pp, i->modrm, reg_form, p->vvvv, bits)) {
			i->mod = reg_form ? 3 : i->modrm >> 6;
			return &rows[n];
		}
	}
	return NULL;
}

static bool address(struct reader *r, struct x86_insn *i, const struct prefixes *p, unsigned map,
		    unsigned bits)
{
	bool vsib = i->vex && map == X86_MAP_0F38 && (i->opcode & 0xfc) == 0x90;

	i->reg = (uint8_t)((i->modrm >> 3 & 7) | (p->rex & 4) << 1);
	i->rm = (uint8_t)((i->modrm & 7) | (p->rex & 1) << 3);
	if (i->mod == 3)
		return true;
	if (vsib && (i->adsize == 2 || (i->modrm & 7) != 4))
		return false;
	if (i->adsize == 2)
		address16(r, i);
	else
		address32(r, i, p->rex, bits, vsib);
	if (i->segment < 0 && (i->base == X86_RSP || i->base == X86_RBP))
		i->sreg = X86_SS;
	return true;
}

enum x86_decode_result x86_decode(struct x86_insn *i, const uint8_t *code, unsigned avail,
				  unsigned bits)
{
	struct reader r = { .code = code, .avail = avail };
	struct prefixes p = { 0 };
	unsigned map = X86_MAP_1, pp, imms = 0, k;
	const struct compiled *c;
	const struct x86_row *row;
	uint8_t op;

	pthread_once(&tab_once, compile);
	memset(i, 0, offsetof(struct x86_insn, opnd));
	i->segment = i->base = i->index = -1;
	op = read_prefixes(&r, i, &p, bits);
	pp = i->rep == 0xf3 ? X86_PP_F3 : i->rep ? X86_PP_F2 :
	     i->opsize_prefix ? X86_PP_66 : X86_PP_NONE;
	i->rex = p.rex != 0;
	i->rex_w = p.rex & 8;
	if (op == 0x0f) {
		map = X86_MAP_0F;
		op = (uint8_t)read_le(&r, 1);
		if (op == 0x38 || op == 0x3a) {
			map = op == 0x38 ? X86_MAP_0F38 : X86_MAP_0F3A;
			op = (uint8_t)read_le(&r, 1);
		}
	} else if (op == 0xc4 || op == 0xc5) {
		/* else LES, LDS, which have no register form */
		if (r.pos >= avail)
			return finish(&r, i, (read_le(&r, 1), X86_MORE));
		if (bits == 64 || code[r.pos] >= 0xc0) {
			if (!read_vex(&r, i, &p, op, bits, &map, &pp))
				return finish(&r, i, X86_UNDEFINED);
			op = (uint8_t)read_le(&r, 1);
		}
	}
	if (r.bad)
		return finish(&r, i, r.bad);
	i->opcode = op;
	row = find_row(&r, i, &p, map, pp, bits, &c);
	if (r.bad || !row)
		return finish(&r, i, X86_UNDEFINED);
	i->row = row;
	if (!c->modrm && tab.list[i->vex][map][op].modrm)
		r.pos--;
	i->opsize = (uint8_t)operand_size(row, i, bits);
	i->adsize = bits == 64 ? (p.adsize ? 4 : 8) : (bits == 32) != p.adsize ? 4 : 2;
	i->sreg = (uint8_t)(i->segment >= 0 ? i->segment : X86_DS);
	if (c->modrm && !address(&r, i, &p, map, bits))
		return finish(&r, i, X86_UNDEFINED);
	for (k = 0; k < c->n; k++)
		if (!operand(&r, i, &c->o[k], &p, bits, &imms))
			return finish(&r, i, X86_UNDEFINED);
	if (p.illegal)
		return finish(&r, i, X86_UNDEFINED);
	if (i->lock && (!(row->flags & X86_F_LOCK) || !c->modrm || i->mod == 3))
		return finish(&r, i, X86_UNDEFINED);
	return finish(&r, i, X86_DECODED);
}
