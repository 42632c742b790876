// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random x86 user-mode instructions: the translator against this host's processor, with
 * emitted code, with the IR interpreter, and with blocks of one instruction.
 *
 *   test_x86_stream CLASS|all [--seconds N] [--insns N] [--seed N] [--bits 32|64]
 *                   [--engine ARGS] [--keep-going N] [--verbose 1|2] [--quiet 1]
 *   test_x86_stream CLASS --seed N --bits 32|64 --list 1		shows the case
 *
 * A difference is narrowed to the instructions that it needs.
 */
#include "tests/insn_x86/compare.h"
#include "tests/insn_x86/guest.h"
#include "tests/insn_x86/native.h"
#include "tests/insn_x86/rows.h"

#include "util/bits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FLAG_TF = 0x100, MAX_ENGINES = 4, MAX_NOTED = 512 };

struct noted {
	const char *name;
	unsigned n;
	uint64_t seed;
};

struct test {
	struct native *native;
	struct xs_batch *b;
	struct guest *engine[MAX_ENGINES];
	const char *args[MAX_ENGINES];
	unsigned nr_engines, verbose, quiet;
	bool by_loop; /* the difference is that it does not end */
	uint64_t insns, cases, by_trap[32], by_end[5], unknown, keep_going, bad;
	struct noted bad_row[MAX_NOTED], unknown_op[MAX_NOTED];
	struct xs_result again[XS_MAX_CASES];
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static const char *option(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return argv[i + 1];
	return NULL;
}

static uint64_t number(int argc, char **argv, const char *name, uint64_t otherwise)
{
	const char *s = option(argc, argv, name);

	return s ? strtoull(s, NULL, 0) : otherwise;
}

static void note(struct noted *t, const char *name, uint64_t seed)
{
	for (unsigned i = 0; i < MAX_NOTED; i++, t++) {
		if (t->name && strcmp(t->name, name))
			continue;
		if (!t->name)
			*t = (struct noted){ strdup(name), 0, seed };
		t->n++;
		return;
	}
}

static void print_noted(const struct noted *t, const char *what)
{
	for (unsigned i = 0; i < MAX_NOTED && t[i].name; i++)
		printf("  %s: %u x %s, seed %" PRIu64 "\n", what, t[i].n, t[i].name, t[i].seed);
}

/* The batch's only case: does the engine still differ? */
static bool differs(struct test *t, struct guest *g)
{
	struct xs_result r;

	t->b->nr = 1;
	if (native_run(t->native) || t->b->native[0].end != XS_TRAPPED)
		return false;
	guest_load(g, t->b);
	guest_run(g, t->b, 0, &r, true);
	if (r.end == XS_LOOPED && t->by_loop)
		return true;
	if (r.end == XS_LOOPED)
		return false;
	return !xs_same(&t->b->c[0], &t->b->native[0], &r, NULL);
}

static void shrink(struct test *t, struct guest *g)
{
	struct xs_case keep;
	bool smaller;

	if (t->b->c[0].insn[1].len == 15)
		return;
	do {
		smaller = false;
		for (unsigned i = 0; i + 1 < t->b->c[0].nr_insns; i++) {
			keep = t->b->c[0];
			if (xs_erase(&t->b->c[0], i) && differs(t, g))
				smaller = true;
			else
				t->b->c[0] = keep;
		}
	} while (smaller);
	/* no instruction left behind the one that matters */
}

static const char *culprit(const struct xs_case *c)
{
	const char *name = "?";

	for (unsigned i = 0; i < c->nr_insns; i++)
		if (c->insn[i].row && c->code[c->insn[i].at] != 0x90)
			name = c->insn[i].row->name;
	return name;
}

/* The instruction and the first thing that differs. */
static void describe(const struct xs_case *c, const struct xs_result *w, const struct xs_result *g,
		     char *buf, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	xs_same(c, w, g, f);
	fclose(f);
	text[strcspn(text, ":")] = 0;
	snprintf(buf, n, "%s:%s", culprit(c), text);
	free(text);
}

static void report(struct test *t, unsigned n, unsigned engine)
{
	struct guest *g = t->engine[engine];
	static struct xs_batch keep;
	struct xs_result r;
	char what[80];

	keep = *t->b;
	t->b->c[0] = keep.c[n];
	if (!differs(t, g)) {
		printf("seed %" PRIu64 ": differed only among other cases\n", keep.c[n].tag);
		*t->b = keep;
		t->b->c[0] = keep.c[0];
		guest_load(g, t->b);
		return;
	}
	shrink(t, g);
	if (!differs(t, g)) {
		t->b->c[0] = keep.c[n];
		differs(t, g);
	}
	guest_load(g, t->b);
	guest_run(g, t->b, 0, &r, true);
	describe(&t->b->c[0], &t->b->native[0], &r, what, sizeof(what));
	note(t->bad_row, what, keep.c[n].tag);
	if (t->verbose || (t->bad < 3 && !t->quiet)) {
		printf("seed %" PRIu64 ", %u bits, tcg,%s:\n", t->b->c[0].tag,
		       t->b->c[0].wide ? 64 : 32, t->args[engine]);
		xs_list(&t->b->c[0]);
		printf("differences:\n");
		xs_same(&t->b->c[0], &t->b->native[0], &r, stdout);
		printf("at the beginning:\n");
		xs_print_state(&t->b->c[0], &t->b->c[0].in, stdout);
		printf("processor:\n");
		xs_print_state(&t->b->c[0], &t->b->native[0].s, stdout);
	}
	t->bad++;
	*t->b = keep;
	guest_load(g, t->b);
}

/*
 * Random bytes that the host ran and our table does not know tell nothing: the guest may
 * not have them.
 */
static bool comparable(struct test *t, const struct xs_case *c, const struct xs_result *r)
{
	char op[48];

	if (r->end != XS_TRAPPED)
		return false;
	if (r->s.trap == 1)
		return false; /* single step */
	/* random bytes jumped into another case */
	if (r->s.rip - XS_CODE < XS_CODE_SIZE && r->s.rip - c->in.rip > c->size)
		return false;
	if (c->insn[1].len == 15 && !c->insn[0].row && r->s.trap != 6) {
		snprintf(op, sizeof(op), "%02x %02x %02x %02x %02x %02x", c->code[0], c->code[1],
			 c->code[2], c->code[3], c->code[4], c->code[5]);
		note(t->unknown_op, op, c->tag);
		t->unknown++;
		return false;
	}
	return true;
}

/* Instructions that were executed, and how often each row of the tables was. */
static unsigned ran[4][600];
static const struct xs_row *const tables[] = { rows_int, rows_x87, rows_vec, rows_near };

static unsigned count(const struct xs_case *c, const struct xs_result *r)
{
	unsigned n = c->insn[1].len == 15 ? 1 : xs_ran(c, r);

	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < ARRAY_SIZE(tables) && c->insn[i].row; k++)
			if (c->insn[i].row >= tables[k] && c->insn[i].row < tables[k] + 600)
				ran[k][c->insn[i].row - tables[k]]++;
	return n;
}

static void print_rows(void)
{
	for (unsigned k = 0; k < ARRAY_SIZE(tables); k++)
		for (unsigned i = 0; tables[k][i].name; i++)
			printf("  %8u %-20s %x %02x\n", ran[k][i], tables[k][i].name,
			       tables[k][i].map, tables[k][i].op);
}

/*
 * Random bytes: a first run step by step tells how long the instruction is, and what lies behind it
 * becomes INT3s.
 */
static int cut_behind_first(struct test *t)
{
	unsigned i;
	int r;

	for (i = 0; i < t->b->nr; i++)
		t->b->c[i].in.rflags |= FLAG_TF;
	r = native_run(t->native);
	for (i = 0; i < t->b->nr; i++) {
		struct xs_case *c = &t->b->c[i];
		uint64_t n = t->b->native[i].s.rip - c->in.rip;

		c->in.rflags &= ~(uint64_t)FLAG_TF;
		if (t->b->native[i].end == XS_TRAPPED && t->b->native[i].s.trap == 1 && n < 15)
			memset(c->code + n, 0xcc, sizeof(c->code) - n);
	}
	return r;
}

static int batch(struct test *t, enum xs_class cls, unsigned bits, uint64_t seed)
{
	unsigned i, k;

	t->b->nr = XS_MAX_CASES;
	xs_fill_data(t->b->data, seed);
	for (i = 0; i < XS_MAX_CASES; i++)
		xs_generate(&t->b->c[i], cls, bits, seed + i);
	for (k = 0; k < (t->nr_engines ? 1 : 2); k++) {
		int r = !k && cls == XS_BYTES ? cut_behind_first(t) : 0;

		r = r ? r : native_run(t->native);
		if (r) {
			printf("the native runner: %s\n", strerror(-r));
			return r;
		}
		if (!k && !t->nr_engines)
			memcpy(t->again, t->b->native, sizeof(t->again));
	}
	for (k = 0; k < t->nr_engines; k++)
		guest_load(t->engine[k], t->b);
	for (i = 0; i < XS_MAX_CASES; i++) {
		const struct xs_case *c = &t->b->c[i];
		const struct xs_result *w = &t->b->native[i];
		struct xs_result got;

		t->by_end[w->end]++;
		if (!comparable(t, c, w))
			continue;
		t->cases++;
		t->insns += count(c, w);
		t->by_trap[w->s.trap & 31]++;
		if (!t->nr_engines && t->again[i].end == XS_TRAPPED &&
		    !xs_same(c, &t->again[i], w, stdout)) {
			printf("seed %" PRIu64 ": the processor differs from itself\n", c->tag);
			xs_list(c);
			t->bad++;
		}
		for (k = 0; k < t->nr_engines; k++) {
			if (t->verbose > 3)
				printf("seed %" PRIu64 "\n", c->tag);
			guest_run(t->engine[k], t->b, i, &got, false);
			t->by_loop = got.end == XS_LOOPED;
			if (xs_same(c, w, &got, NULL))
				continue;
			report(t, i, k);
			break;
		}
		if (t->bad > t->keep_going)
			return -EINVAL;
	}
	return 0;
}

static int run_class(struct test *t, enum xs_class cls, unsigned only_bits, uint64_t seed,
		     double seconds, uint64_t insns)
{
	double end = now() + seconds;
	uint64_t first = seed, before = t->insns;
	int r = 0;

	while (!r && now() < end && t->insns - before < insns) {
		r = batch(t, cls,
			  only_bits                 ? only_bits :
			  (seed / XS_MAX_CASES) % 3 ? 64 :
						      32,
			  seed);
		seed += XS_MAX_CASES;
	}
	printf("%s: %" PRIu64 " instructions, seeds %" PRIu64 " to %" PRIu64 "\n",
	       xs_class_name[cls], t->insns - before, first, seed - 1);
	return r;
}

static void add_engine(struct test *t, const char *args)
{
	t->args[t->nr_engines] = args ? args : "";
	t->engine[t->nr_engines++] = guest_new(args);
}

static void print_sums(const struct test *t)
{
	printf("%" PRIu64 " cases, %" PRIu64 " instructions;", t->cases, t->insns);
	for (unsigned i = 0; i < 32; i++)
		if (t->by_trap[i])
			printf(" #%u %" PRIu64, i, t->by_trap[i]);
	printf("; endless %" PRIu64 ", system calls %" PRIu64 ", lost %" PRIu64 ", unknown %" PRIu64
	       "\n",
	       t->by_end[XS_LOOPED], t->by_end[XS_SYSCALL], t->by_end[XS_LOST], t->unknown);
	if (t->verbose)
		print_noted(t->unknown_op, "not in the table");
	print_noted(t->bad_row, "differs");
	if (t->verbose > 1)
		print_rows();
}

static enum xs_class class_number(const char *name)
{
	unsigned i;

	for (i = 0; i < XS_NR_CLASSES && strcmp(name, xs_class_name[i]); i++)
		;
	return i % XS_NR_CLASSES;
}

int main(int argc, char **argv)
{
	const char *cls = argc > 1 ? argv[1] : "all", *engine = option(argc, argv, "--engine");
	static struct test t;
	double seconds = (double)number(argc, argv, "--seconds", 10);
	uint64_t seed = number(argc, argv, "--seed", (uint64_t)time(NULL) << 12);
	uint64_t insns = number(argc, argv, "--insns", UINT64_MAX);
	unsigned bits = (unsigned)number(argc, argv, "--bits", 0);
	bool any = false;
	int r = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	t.native = native_new();
	if (!t.native) {
		printf("the native runner: %s\n", strerror(errno));
		return 2;
	}
	t.b = native_batch(t.native);
	t.keep_going = number(argc, argv, "--keep-going", 0);
	t.quiet = (unsigned)number(argc, argv, "--quiet", 0);
	t.verbose = (unsigned)number(argc, argv, "--verbose", 0);
	if (option(argc, argv, "--list")) {
		xs_generate(&t.b->c[0], class_number(cls), bits ? bits : 64, seed);
		xs_list(&t.b->c[0]);
		xs_print_state(&t.b->c[0], &t.b->c[0].in, stdout);
		return 0;
	}
	if (guest_possible() && (!engine || strcmp(engine, "none"))) {
		if (engine) {
			add_engine(&t, *engine ? engine : NULL);
		} else {
			add_engine(&t, NULL);
			add_engine(&t, "interp=on");
			add_engine(&t, "block-insns=1");
		}
	} else {
		printf("no translator for x86 here: the processor against itself\n");
	}
	for (unsigned i = 0; i < XS_NR_CLASSES; i++) {
		if (strcmp(cls, "all") && strcmp(cls, xs_class_name[i]))
			continue;
		any = true;
		r |= run_class(&t, i, bits, seed, seconds, insns);
	}
	print_sums(&t);
	for (unsigned i = 0; i < t.nr_engines; i++)
		guest_free(t.engine[i]);
	native_free(t.native);
	if (!any) {
		printf("no such class: %s\n", cls);
		return 2;
	}
	return r || t.bad ? 1 : 0;
}
