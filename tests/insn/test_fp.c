/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every computational F and D instruction, in each static rounding mode and in each
 * dynamic one, results and flags, against MPFR: all pairs of corner values, triples of
 * the most telling ones, and random values; with operands in registers that the
 * translator pins and in ones that it keeps in memory; and values that are not boxed.
 *
 *   test_insn_fp ENGINE [PAIRS [TRIPLES [RANDOM]]]	ENGINE as after `-accel tcg,`
 */
#include "tests/insn/encode.h"
#include "tests/insn/fp_insn.h"
#include "tests/insn/hart.h"

#include "target/insn_gen.h"
#include "util/bits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CODE HART_RAM
#define DATA (HART_RAM + (1 << 20))
#define MAX_CASES 100000u

extern const struct insn_gen riscv_insns[];

struct record { struct fp_case in; uint64_t value, flags; };
_Static_assert(sizeof(struct record) == 48, "as the loop has it");
_Static_assert(sizeof(struct record) * MAX_CASES < HART_RAM_SIZE - (2 << 20), "fits");

struct placing { const char *name; uint8_t fs[3], fd, xs, xd; };
static const struct placing placings[] = {
	{ "pinned", { 10, 11, 12 }, 13, 14, 15 },	/* fa0 fa1 fa2, fa3; a4, a5 */
	{ "in memory", { 28, 29, 30 }, 31, 28, 29 },	/* ft8 ft9 ft10, ft11; t3, t4 */
};

static struct hart *hart;
static struct ref *ref;
static struct fp_case cases[MAX_CASES];
static struct fp_result (*want)[5];
static unsigned nr_cases, failures;
static unsigned long checks;

static uint32_t encode(const struct fp_insn *i, const struct placing *p, unsigned rm)
{
	const struct insn_gen *g;
	uint32_t insn;
	unsigned k;

	for (g = riscv_insns; g->text && strcmp(g->name, i->name); g++)
		;
	if (!g->text) {
		fprintf(stderr, "no instruction %s\n", i->name);
		exit(1);
	}
	insn = g->match;
	for (k = 0; k < g->nr_fields; k++) {
		const struct insn_field *f = g->fields[k];
		int64_t v = f->kind == INSN_RM     ? rm :
			    !strcmp(f->name, "rd") ? (fp_to_x(i) ? p->xd : p->fd) :
			    f->kind == INSN_X      ? p->xs :
						     p->fs[f->name[2] - '1'];

		insn = insn_field_put(f, insn, v);
	}
	return insn;
}

/* A loop over the records: a0 the record, a1 the end. */
static size_t make_loop(const struct fp_insn *i, const struct placing *p, unsigned rm,
			uint32_t *out)
{
	uint32_t *c = out;

	*c++ = enc_fld(p->fs[0], A0, 0);
	*c++ = enc_fld(p->fs[1], A0, 8);
	*c++ = enc_fld(p->fs[2], A0, 16);
	*c++ = enc_ld(p->xs, A0, 24);
	*c++ = enc_csrrw(ZERO, CSR_FFLAGS, ZERO);
	*c++ = encode(i, p, rm);
	*c++ = fp_to_x(i) ? enc_sd(p->xd, A0, 32) : enc_fsd(p->fd, A0, 32);
	*c++ = enc_csrrs(T0, CSR_FFLAGS, ZERO);
	*c++ = enc_sd(T0, A0, 40);
	*c++ = enc_addi(A0, A0, sizeof(struct record));
	*c = enc_bne(A0, A1, (int32_t)((out - c) * 4));
	c++;
	*c++ = ENC_ECALL;
	return (size_t)(c - out) * 4;
}

static void report(const struct fp_insn *i, const struct placing *p, unsigned rm, unsigned frm,
		   const struct record *r, const struct fp_result *w)
{
	if (++failures > 20)
		return;
	printf("%s rm %u frm %u %s: f %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " x %016" PRIx64
	       "\n\tgot  %016" PRIx64 " flags %02x\n\twant %016" PRIx64 " flags %02x\n",
	       i->name, rm, frm, p->name, r->in.f[0], r->in.f[1], r->in.f[2], r->in.x, r->value,
	       (unsigned)r->flags, w->value, w->flags);
}

static void run(const struct fp_insn *i, const struct placing *p, unsigned rm, unsigned frm)
{
	struct record *r = hart_ram(hart, DATA, nr_cases * sizeof(*r));
	unsigned mode = rm == 7 ? frm : rm, k;
	uint32_t code[16];
	uint64_t cause;
	size_t size;

	if (!i->rounds)
		mode = 0;
	size = make_loop(i, p, rm, code);
	hart_reset(hart);
	memcpy(hart_ram(hart, CODE, size), code, size);
	hart_written(hart, CODE, size);
	for (k = 0; k < nr_cases; k++)
		r[k] = (struct record){ cases[k], 0x5555, 0x5555 };
	hart->s->x[A0] = DATA;
	hart->s->x[A1] = DATA + nr_cases * sizeof(*r);
	hart->s->frm = (uint8_t)frm;
	riscv_state_derive(hart->s);
	cause = hart_run(hart, CODE);
	if (cause != CAUSE_ECALL_U) {
		printf("%s rm %u frm %u: trap %" PRIu64 "\n", i->name, rm, frm, cause);
		failures++;
		return;
	}
	for (k = 0; k < nr_cases; k++) {
		if (r[k].value != want[k][mode].value || r[k].flags != want[k][mode].flags)
			report(i, p, rm, frm, &r[k], &want[k][mode]);
	}
	checks += nr_cases;
}

static uint64_t reg_of(const struct fmt *f, u128 v)
{
	return f->width == 64 ? (uint64_t)v : (uint32_t)v | UINT64_C(0xffffffff00000000);
}

static void add(const struct fp_case *c)
{
	if (nr_cases < MAX_CASES)
		cases[nr_cases++] = *c;
}

static void add_float(const struct fp_insn *i, unsigned pairs, unsigned triples, unsigned random)
{
	const struct fmt *f = &formats[i->fmt];
	u128 v[FMT_VALUES_MAX];
	unsigned n = (unsigned)fmt_values(f, v), a, b, c, k;

	pairs = MIN(pairs, n);
	triples = MIN(triples, n);
	for (a = 0; a < (i->operands == 1 ? n : pairs); a++) {
		for (b = 0; b < (i->operands == 1 ? 1 : pairs); b++)
			add(&(struct fp_case){
				{ reg_of(f, v[a]), reg_of(f, v[b]), reg_of(f, v[(a + b) % n]) },
				0 });
	}
	for (a = 0; i->operands == 3 && a < triples; a++) {
		for (b = 0; b < triples; b++) {
			for (c = 0; c < triples; c++)
				add(&(struct fp_case){
					{ reg_of(f, v[a]), reg_of(f, v[b]), reg_of(f, v[c]) }, 0 });
		}
	}
	for (k = 0; k < random; k++) {
		u128 x = fmt_random(f), y = fmt_random_near(f, x), z = fmt_random(f);
		struct fp_case r = { { reg_of(f, x), reg_of(f, y), reg_of(f, z) }, 0 };

		if (k % 16 == 0)	/* one that is not boxed */
			r.f[k / 16 % 3] = (uint64_t)test_random_int() >> (k / 48 % 2);
		add(&r);
	}
}

static void make_cases(const struct fp_insn *i, unsigned pairs, unsigned triples, unsigned random)
{
	unsigned k;

	nr_cases = 0;
	if (fp_from_x(i)) {
		for (k = 0; k < pairs * 16 + random; k++)
			add(&(struct fp_case){ { 0, 0, 0 }, test_random_int() });
	} else {
		add_float(i, pairs, triples, random);
	}
	for (k = 0; k < nr_cases; k++)
		fp_reference(ref, i, &cases[k], want[k]);
}

int main(int argc, char **argv)
{
	unsigned pairs = argc > 2 ? (unsigned)atoi(argv[2]) : 40,
		 triples = argc > 3 ? (unsigned)atoi(argv[3]) : 12;
	unsigned random = argc > 4 ? (unsigned)atoi(argv[4]) : 1500, rm, p;
	const struct fp_insn *i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	hart = hart_new(argc > 1 && *argv[1] ? argv[1] : NULL);
	ref = ref_new();
	want = calloc(MAX_CASES, sizeof(*want));
	for (i = fp_insns; i->name && failures <= 20; i++) {
		make_cases(i, pairs, triples, random);
		for (p = 0; p < ARRAY_SIZE(placings); p++) {
			for (rm = 0; rm < 5; rm++) {
				if (i->rounds)
					run(i, &placings[p], rm, (rm + 2) % 5);
				/* without an rm field: 7 is not used */
				run(i, &placings[p], 7, rm);
			}
		}
	}
	printf("%lu results, %u wrong\n", checks, failures);
	ref_free(ref);
	free(want);
	hart_free(hart);
	return failures != 0;
}
