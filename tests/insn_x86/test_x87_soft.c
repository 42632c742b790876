// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x87 unit in integer arithmetic against this host's: every encoding with random stacks,
 * control words and operands. Functions may differ in the last place; what an unmasked overflow
 * or underflow leaves is not compared (x87_soft.c), and other unmasked exceptions only with AMD's
 * processors, like one of which a guest finds its own on hosts that are no x86.
 */
#include "target/x86/x87.h"
#include "tests/insn_x86/random.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MASKS = 0x3f, C1 = 0x200, PE = 0x20, UE = 0x10, OE = 8, DE = 2, IE = 1, FLAGS = 0x8d5 };

static bool control(unsigned op, uint8_t modrm)
{
	unsigned d = modrm >> 3 & 7;

	if (modrm < 0xc0)
		return (op == 1 && (d == 1 || d >= 4)) || (op == 3 && (d == 4 || d == 6)) ||
		       (op == 5 && d >= 4);
	switch (op) {
	case 1:
		return (modrm >= 0xd0 && modrm < 0xd8) || modrm == 0xe2 || modrm == 0xe3 ||
		       modrm == 0xe6 || modrm == 0xe7 || modrm == 0xef;
	case 2:
		return modrm >= 0xe0 && modrm != 0xe9;
	case 3:
		return (modrm >= 0xe0 && modrm < 0xe8) || modrm >= 0xf8;
	case 5:
		return modrm >= 0xf0;
	case 6:
		return d == 3 && modrm != 0xd9;
	case 7:
		return (modrm >= 0xe0 && modrm < 0xe8) || modrm >= 0xf8;
	default:
		return false;
	}
}

/* F2XM1 to FPATAN, FYL2XP1, FSINCOS, FSIN, FCOS */
static bool function(unsigned op, uint8_t m)
{
	return op == 1 && ((m >= 0xf0 && m <= 0xf3) || m == 0xf9 || m == 0xfb || m >= 0xfe);
}

static bool near(const uint8_t *a, const uint8_t *b, unsigned ulps)
{
	unsigned __int128 x = 0, y = 0;

	if (!memcmp(a, b, 10))
		return true;
	if ((a[9] ^ b[9]) & 0x80)
		return false;
	memcpy(&x, a, 10);
	memcpy(&y, b, 10);
	/* without the integer bit neighbours are neighbours across powers of two */
	x = (x >> 64 & 0x7fff) << 63 | ((uint64_t)x & INT64_MAX);
	y = (y >> 64 & 0x7fff) << 63 | ((uint64_t)y & INT64_MAX);
	return (x > y ? x - y : y - x) <= ulps;
}

static void image(struct rng *r, struct x87_image *m)
{
	memset(m, 0, sizeof(*m));
	m->cw = 0x40 | rng_below(r, 4) << 10;
	m->cw |= rng_one_in(r, 2) || !__builtin_cpu_is("amd") ? MASKS : rng_below(r, MASKS + 1);
	m->cw |= rng_one_in(r, 3) ? rng_below(r, 4) << 8 : 0x300;
	if ((m->cw >> 8 & 3) == 1)
		m->cw |= 0x300;
	m->sw = rng_below(r, 8) << 11 | rng_below(r, 16) << 8;
	m->tw = rng_one_in(r, 4) ? (uint32_t)rng_next(r) & 0xffff : 0;
	for (unsigned i = 0; i < 8; i++)
		rng_f80(r, m->st[i]);
}

static void dump(const char *who, const struct x87_image *m, const uint8_t *mem)
{
	printf("%s: cw %04x sw %04x tw %04x mem", who, m->cw & 0xffff, m->sw & 0xffff,
	       m->tw & 0xffff);
	for (int i = 9; i >= 0; i--)
		printf("%s%02x", i == 9 ? " " : "", mem[i]);
	for (int k = 0; k < 3; k++) {
		printf(" st%d ", k);
		for (int i = 9; i >= 0; i--)
			printf("%02x%s", m->st[k][i], i == 8 ? ":" : "");
	}
	printf("\n");
}

/* Is the sum of what may be left over the same? tags: only whether a register is empty. */
static bool same(const struct x87_image *h, const struct x87_image *s, unsigned op, uint8_t modrm)
{
	bool fn = function(op, modrm);
	uint32_t ignore = fn ? C1 | PE | UE : 0;

	if ((h->sw ^ s->sw) & 0xffff & ~ignore)
		return false;
	for (unsigned i = 0; i < 8; i++) {
		unsigned t = 2 * (((h->sw >> 11 & 7) + i) & 7);

		if (((h->tw >> t & 3) == 3) != ((s->tw >> t & 3) == 3))
			return false;
		if (!near(h->st[i], s->st[i], fn ? 2 : 0))
			return false;
	}
	return true;
}

static unsigned one(struct rng *r, unsigned op, uint8_t modrm)
{
	struct x87_image start, host, soft;
	uint8_t mem[16], mem_host[16], mem_soft[16];
	uint64_t f = rng_next(r) & FLAGS, f_host = f, f_soft = f;

	image(r, &start);
	rng_fill(r, mem, 16);
	/* undefined for anything but decimal digits, or beyond its range */
	if (op == 7 && modrm < 0xc0 && (modrm >> 3 & 7) == 4)
		for (unsigned i = 0; i < 9; i++)
			mem[i] = (uint8_t)(rng_below(r, 10) | rng_below(r, 10) << 4);
	if (op == 1 && modrm == 0xf0) {
		start.st[0][9] &= 0xbf;
		start.st[0][8] &= 0xfe;
	}
	if (op == 1 && modrm == 0xf9) {		/* |x| below 1 - sqrt(1/2) */
		start.st[0][9] &= 0xbf;
		start.st[0][8] &= 0xfc;
	}
	host = soft = start;
	memcpy(mem_host, mem, 16);
	memcpy(mem_soft, mem, 16);
	x87_host_exec(&host, op, modrm, mem_host, &f_host);
	x87_soft_exec(&soft, op, modrm, mem_soft, &f_soft);
	if (host.sw & ~host.cw & (OE | UE))
		return 0;
	/* AMD's: FCOMI sets flags, FLD m32 and m64 push whatever is unmasked (SDM: they do not) */
	if (host.sw & ~host.cw & (IE | DE) &&
	    (((op == 3 || op == 7) && modrm >= 0xe8) || ((op == 1 || op == 5) && !modrm)))
		return 0;
	if (same(&host, &soft, op, modrm) && !memcmp(mem_host, mem_soft, 16) && f_host == f_soft)
		return 0;
	printf("%02x %02x, flags %" PRIx64 " %" PRIx64 "\n", 0xd8 + op, modrm, f_host, f_soft);
	dump("from", &start, mem);
	dump("host", &host, mem_host);
	dump("soft", &soft, mem_soft);
	return 1;
}

static void run(void)
{
	struct rng r = { 42 };
	unsigned bad = 0, times = getenv("X87_TIMES") ? (unsigned)atoi(getenv("X87_TIMES")) : 60;

	for (unsigned op = 0; op < 8; op++)
		for (unsigned m = 0; m < 256; m++) {
			unsigned here = 0;

			if ((m < 0xc0 && m & 0xc7) || control(op, (uint8_t)m))
				continue;
			for (unsigned k = 0; k < times && here < 2; k++)
				here += one(&r, op, (uint8_t)m);
			bad += here;
		}
	g_assert_cmpuint(bad, ==, 0);
}

int main(int argc, char **argv)
{
	struct x87_image m = { .cw = 0x37f, .tw = 0xffff };
	uint64_t f = 0;

	if (!x87_host_exec(&m, 1, 0xe8, NULL, &f))
		return 77;	/* nothing to compare with */
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/x87/soft", run);
	return g_test_run();
}
