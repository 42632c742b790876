// SPDX-License-Identifier: GPL-2.0-or-later
/* PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI: SDM volume 2, 4.1. */
#include "target/x86/helper.h"
#include "target/x86/vec.h"
#include "util/bits.h"

enum { IMM_WORDS = 1, IMM_SIGNED = 2, IMM_OUTPUT = 0x40, OP_INDEX = 1, OP_IMPLICIT = 2 };
enum { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

struct strings {
	int32_t e[2][16];
	unsigned n, len[2];
};

static void fetch(struct strings *t, unsigned which, const uint8_t *p, unsigned imm)
{
	for (unsigned i = 0; i < t->n; i++) {
		unsigned v = imm & IMM_WORDS ? ld_16(p + 2 * i) : p[i];

		if (imm & IMM_SIGNED)
			t->e[which][i] = imm & IMM_WORDS ? (int16_t)v : (int8_t)v;
		else
			t->e[which][i] = (int32_t)v;
	}
}

static unsigned implicit_length(const struct strings *t, unsigned which)
{
	unsigned i = 0;

	while (i < t->n && t->e[which][i])
		i++;
	return i;
}

/* In EAX or RAX, EDX or RDX: the absolute value, at most the number of elements. */
static unsigned explicit_length(const struct strings *t, uint64_t v, bool wide)
{
	int64_t l = wide ? (int64_t)v : (int32_t)v;

	if (l <= -(int64_t)t->n || l >= (int64_t)t->n)
		return t->n;
	return (unsigned)(l < 0 ? -l : l);
}

static bool one(const struct strings *t, unsigned how, unsigned j)
{
	const int32_t *a = t->e[0], *b = t->e[1];
	unsigned i;

	switch (how) {
	case EQUAL_ANY:
		for (i = 0; i < t->len[0]; i++)
			if (j < t->len[1] && a[i] == b[j])
				return true;
		return false;
	case RANGES:
		for (i = 0; i + 1 < t->len[0]; i += 2)
			if (j < t->len[1] && a[i] <= b[j] && b[j] <= a[i + 1])
				return true;
		return false;
	case EQUAL_EACH:
		if (j >= t->len[0] || j >= t->len[1])
			return j >= t->len[0] && j >= t->len[1];
		return a[j] == b[j];
	default:
		for (i = 0; i < t->len[0] && i + j < t->n; i++)
			if (i + j >= t->len[1] || a[i] != b[i + j])
				return false;
		return true;
	}
}

static unsigned compare(const struct strings *t, unsigned imm)
{
	unsigned all = (1u << t->n) - 1, r = 0, valid = (1u << t->len[1]) - 1;

	for (unsigned j = 0; j < t->n; j++)
		r |= (unsigned)one(t, imm >> 2 & 3, j) << j;
	switch (imm >> 4 & 3) {
	case 1:
		return ~r & all;
	case 3:
		return r ^ valid;
	default:
		return r;
	}
}

static void put_mask(struct x86_state *s, const struct strings *t, unsigned r, unsigned imm,
		     bool vex)
{
	uint8_t *p = s->ymm[0].lo;

	memset(p, 0, 16);
	if (vex)
		memset(s->ymm[0].hi, 0, 16);
	if (!(imm & IMM_OUTPUT)) {
		st_16(p, (uint16_t)r);
		return;
	}
	for (unsigned j = 0; j < 16; j++)
		p[j] = r >> j * t->n / 16 & 1 ? 0xff : 0;
}

uint64_t x86_help_pcmpstr(void *state, uint64_t how, uint64_t imm)
{
	struct x86_state *s = state;
	unsigned op = how >> 16 & 3, second = how >> 8 & 31, i = (unsigned)imm, r;
	bool wide = how >> 18 & 1;
	struct strings t = { .n = i & IMM_WORDS ? 8 : 16 };
	uint64_t f;

	fetch(&t, 0, s->ymm[how & 15].lo, i);
	fetch(&t, 1, second == X86_PS_MEM ? s->vtmp : s->ymm[second & 15].lo, i);
	if (op & OP_IMPLICIT) {
		t.len[0] = implicit_length(&t, 0);
		t.len[1] = implicit_length(&t, 1);
	} else {
		t.len[0] = explicit_length(&t, s->gpr[X86_RAX], wide);
		t.len[1] = explicit_length(&t, s->gpr[X86_RDX], wide);
	}
	r = compare(&t, i);
	if (!(op & OP_INDEX))
		put_mask(s, &t, r, i, how >> 19 & 1);
	else if (!r)
		s->gpr[X86_RCX] = t.n;
	else
		s->gpr[X86_RCX] = (unsigned)(i & IMM_OUTPUT ? 31 - __builtin_clz(r) :
						      __builtin_ctz(r));
	f = (r ? X86_FLAG_CF : 0) | (r & 1 ? X86_FLAG_OF : 0) |
	    (t.len[1] < t.n ? X86_FLAG_ZF : 0) | (t.len[0] < t.n ? X86_FLAG_SF : 0);
	x86_rflags_put(s, f, X86_FLAGS_ARITH);
	return 0;
}
