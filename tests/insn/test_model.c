/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the reference of insn-stream does not have or gets wrong (Zicond, Zicboz, Zicbom,
 * ctzw), against the manual's pseudocode in C; by translator and interpreter.
 */
#include "tests/insn/encode.h"
#include "tests/insn/hart.h"

#include "target/insn_gen.h"
#include "tests/ir/prog.h"
#include "util/bits.h"

#include <stdlib.h>
#include <string.h>

#define CODE HART_RAM
#define DATA (HART_RAM + (1 << 20))
#define NR 4000u

extern const struct insn_gen riscv_insns[];

struct record { uint64_t a, b, got; };

static uint64_t czero_eqz(uint64_t a, uint64_t b) { return b ? a : 0; }
static uint64_t czero_nez(uint64_t a, uint64_t b) { return b ? 0 : a; }
static uint64_t ctzw(uint64_t a, uint64_t b)
{
	uint64_t n = 0;

	while (n < 32 && !(a >> n & 1))
		n++;
	return n;
}

static const struct model { const char *name; uint64_t (*fn)(uint64_t a, uint64_t b); } models[] = {
	{ "czero.eqz", czero_eqz }, { "czero.nez", czero_nez }, { "ctzw", ctzw },
};

static uint32_t encode(const char *name, unsigned rd, unsigned rs1, unsigned rs2)
{
	const struct insn_gen *g;
	uint32_t insn;
	unsigned k;

	for (g = riscv_insns; g->text && strcmp(g->name, name); g++)
		;
	if (!g->text)
		abort();
	insn = g->match;
	for (k = 0; k < g->nr_fields; k++) {
		const char *f = g->fields[k]->name;

		insn = insn_field_put(g->fields[k], insn,
				      !strcmp(f, "rd") ? rd : !strcmp(f, "rs1") ? rs1 : rs2);
	}
	return insn;
}

static uint64_t run(struct hart *h, const uint32_t *code, size_t n)
{
	memcpy(hart_ram(h, CODE, n * 4), code, n * 4);
	hart_written(h, CODE, n * 4);
	return hart_run(h, CODE);
}

/* rd, rs1, rs2: in registers that are pinned and not, and one on another. */
static unsigned check_model(struct hart *h, const struct model *m, unsigned rd, unsigned rs1,
			    unsigned rs2)
{
	struct record *r = hart_ram(h, DATA, NR * sizeof(*r));
	uint32_t code[8];
	struct rng g = { 42 };
	unsigned i, bad = 0;

	for (i = 0; i < NR; i++)
		r[i] = (struct record){ rng_int(&g), rng_one_in(&g, 3) ? 0 : rng_int(&g), 0 };
	code[0] = enc_ld(rs1, A0, 0);
	code[1] = enc_ld(rs2, A0, 8);
	code[2] = encode(m->name, rd, rs1, rs2);
	code[3] = enc_sd(rd, A0, 16);
	code[4] = enc_addi(A0, A0, sizeof(*r));
	code[5] = enc_bne(A0, A1, -20);
	code[6] = ENC_ECALL;
	hart_reset(h);
	h->s->x[A0] = DATA;
	h->s->x[A1] = DATA + NR * sizeof(*r);
	if (run(h, code, 7) != CAUSE_ECALL_U) {
		printf("%s: trap %llu\n", m->name, (unsigned long long)h->s->mcause);
		return 1;
	}
	for (i = 0; i < NR; i++) {
		/* loaded in that order */
		uint64_t want = m->fn(rs1 == rs2 ? r[i].b : r[i].a, r[i].b);

		if (r[i].got == want || bad++ > 5)
			continue;
		printf("%s x%u,x%u,x%u of %llx, %llx: %llx, not %llx\n", m->name, rd, rs1, rs2,
		       (unsigned long long)r[i].a, (unsigned long long)r[i].b,
		       (unsigned long long)r[i].got, (unsigned long long)want);
	}
	return bad;
}

/* Zeroes the 64-byte block around any address, and nothing else; the others change nothing. */
static unsigned check_blocks(struct hart *h)
{
	static const char *const names[] = { "cbo.zero", "cbo.clean", "cbo.flush", "cbo.inval" };
	uint8_t *p = hart_ram(h, DATA, 8192), want[256];
	unsigned i, at, bad = 0;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const uint32_t code[] = { encode(names[i], 0, A0, 0), ENC_ECALL };

		for (at = 64; at < 192; at += 7) {
			memset(p, 0xa5, sizeof(want));
			memset(want, 0xa5, sizeof(want));
			if (i == 0)
				memset(want + (at & ~63u), 0, 64);
			hart_reset(h);
			h->s->x[A0] = DATA + at;
			if (run(h, code, 2) == CAUSE_ECALL_U && !memcmp(p, want, sizeof(want)))
				continue;
			printf("%s at +%u: trap %llu, or the wrong bytes\n", names[i], at,
			       (unsigned long long)h->s->mcause);
			bad++;
		}
	}
	return bad;
}

int main(void)
{
	static const uint8_t regs[][3] = {
		{ 14, 15, 12 }, { 28, 29, 30 }, { 12, 12, 15 }, { 29, 28, 29 }, { 13, 6, 6 }
	};
	static const char *const engines[] = { NULL, "interp=on" };
	unsigned e, i, k, bad = 0;

	for (e = 0; e < ARRAY_SIZE(engines); e++) {
		struct hart *h = hart_new(engines[e]);

		for (i = 0; i < ARRAY_SIZE(models); i++) {
			for (k = 0; k < ARRAY_SIZE(regs); k++)
				bad += check_model(h, &models[i], regs[k][0], regs[k][1],
						   regs[k][2]);
		}
		bad += check_blocks(h);
		hart_free(h);
	}
	printf("%u wrong\n", bad);
	return bad != 0;
}
