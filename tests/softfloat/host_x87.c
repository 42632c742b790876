/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * f80 with x87 rules against the processor's x87 unit, all precision and
 * rounding controls, results and status flags bit for bit.
 *
 *	host_x87 [ROUNDS]
 */
#include "tests/softfloat/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ten {
	uint64_t sig;
	uint16_t se;
} __attribute__((packed));

static unsigned long checks, failures, test_failures;
static uint16_t control, status;

static struct ten ten_of(u128 v)
{
	return (struct ten){ .sig = v, .se = v >> 64 };
}

static u128 bits_of(struct ten t)
{
	return (u128)t.se << 64 | t.sig;
}

#define UNDER_CONTROL(insns)						\
	"fnstcw %[keep]\n\tfldcw %[cw]\n\tfnclex\n\t" insns		\
	"\n\tfnstsw %[sw]\n\tfnclex\n\tfldcw %[keep]"

#define X87(name, insns, out_type, out_bits)				\
static u128 name(u128 ua, u128 ub)					\
{									\
	struct ten a = ten_of(ua), b = ten_of(ub);			\
	uint16_t keep;							\
	out_type r = { 0 };						\
									\
	__asm__ volatile(UNDER_CONTROL(insns)				\
		: [r] "+m" (r), [sw] "=m" (status), [keep] "=m" (keep)	\
		: [a] "m" (a), [b] "m" (b), [cw] "m" (control)	\
		: "ax", "cc");						\
	return out_bits;						\
}

/* Loads and stores of 80 bits change nothing and raise nothing. */
#define TWO(insn) "fldt %[a]\n\tfldt %[b]\n\t" insn "\n\tfstpt %[r]"
#define ONE(insn) "fldt %[a]\n\t" insn "\n\tfstpt %[r]"

/* fsubrp and fdivrp as the assembler's AT&T mode spells st(1) op st(0). */
X87(h_add, TWO("faddp"), struct ten, bits_of(r))
X87(h_sub, TWO("fsubrp"), struct ten, bits_of(r))
X87(h_mul, TWO("fmulp"), struct ten, bits_of(r))
X87(h_div, TWO("fdivrp"), struct ten, bits_of(r))
X87(h_sqrt, ONE("fsqrt"), struct ten, bits_of(r))
X87(h_rint, ONE("frndint"), struct ten, bits_of(r))
X87(h_rem, "fldt %[b]\n\tfldt %[a]\n1:\tfprem1\n\tfnstsw %%ax\n\t"
	"testb $4, %%ah\n\tjnz 1b\n\tfstpt %[r]\n\tfstp %%st(0)",
	struct ten, bits_of(r))
X87(h_to_32, "fldt %[a]\n\tfstps %[r]", uint32_t, r)
X87(h_to_64, "fldt %[a]\n\tfstpl %[r]", uint64_t, r)
X87(h_from_32, "flds %[a]\n\tfstpt %[r]", struct ten, bits_of(r))
X87(h_from_64, "fldl %[a]\n\tfstpt %[r]", struct ten, bits_of(r))
X87(h_to_i32, "fldt %[a]\n\tfistpl %[r]", uint32_t, r)
X87(h_to_i64, "fldt %[a]\n\tfistpll %[r]", uint64_t, r)
X87(h_from_i32, "fildl %[a]\n\tfstpt %[r]", struct ten, bits_of(r))
X87(h_from_i64, "fildll %[a]\n\tfstpt %[r]", struct ten, bits_of(r))

static u128 s_op(struct sf_env *env, enum fmt_op_index op, u128 a, u128 b)
{
	return formats[FMT_80].op[op](env, a, b, 0);
}

#define SOFT(name, call)						\
static u128 name(struct sf_env *env, u128 a, u128 b)			\
{									\
	(void)b;							\
	return call;							\
}

SOFT(s_add, s_op(env, OP_ADD, a, b))
SOFT(s_sub, s_op(env, OP_SUB, a, b))
SOFT(s_mul, s_op(env, OP_MUL, a, b))
SOFT(s_div, s_op(env, OP_DIV, a, b))
SOFT(s_sqrt, s_op(env, OP_SQRT, a, b))
SOFT(s_rint, s_op(env, OP_ROUND_INT_EXACT, a, b))
SOFT(s_rem, s_op(env, OP_REM, a, b))
SOFT(s_to_32, sf80_to_f32(env, a))
SOFT(s_to_64, sf80_to_f64(env, a))
SOFT(s_from_32, sf32_to_f80(env, a))
SOFT(s_from_64, sf64_to_f80(env, a))
SOFT(s_to_i32, (uint32_t)sf80_to_i32(env, a, env->round, SF_INT_X86))
SOFT(s_to_i64, (uint64_t)sf80_to_i64(env, a, env->round, SF_INT_X86))
SOFT(s_from_i32, sf80_from_i32(env, (int32_t)a))
SOFT(s_from_i64, sf80_from_i64(env, (int64_t)a))

static const struct test {
	const char *name;
	u128 (*host)(u128 a, u128 b);
	u128 (*soft)(struct sf_env *env, u128 a, u128 b);
	int format;		/* of the operands; -1: integers */
	int operands;
	/*
	 * DE is another matter: FST does not raise it, FRNDINT does though
	 * SSE4.1's ROUNDSD does not, and FPREM1 repeated until it is done may
	 * meet a subnormal halfway.
	 */
	bool no_denorm;
} tests[] = {
	{ "add", h_add, s_add, FMT_80, 2 },
	{ "sub", h_sub, s_sub, FMT_80, 2 },
	{ "mul", h_mul, s_mul, FMT_80, 2 },
	{ "div", h_div, s_div, FMT_80, 2 },
	{ "sqrt", h_sqrt, s_sqrt, FMT_80, 1 },
	{ "rem", h_rem, s_rem, FMT_80, 2, true },
	{ "rint", h_rint, s_rint, FMT_80, 1, true },
	{ "to f32", h_to_32, s_to_32, FMT_80, 1, true },
	{ "to f64", h_to_64, s_to_64, FMT_80, 1, true },
	{ "from f32", h_from_32, s_from_32, FMT_32, 1 },
	{ "from f64", h_from_64, s_from_64, FMT_64, 1 },
	{ "to i32", h_to_i32, s_to_i32, FMT_80, 1 },
	{ "to i64", h_to_i64, s_to_i64, FMT_80, 1 },
	{ "from i32", h_from_i32, s_from_i32, -1, 1 },
	{ "from i64", h_from_i64, s_from_i64, -1, 1 },
};

static void one(const struct test *t, u128 a, u128 b)
{
	static const uint8_t flag_of_status[6] = {
		SF_NV, SF_DENORM, SF_DZ, SF_OF, SF_UF, SF_NX
	};
	static const uint8_t rounds[4] = { SF_RNE, SF_RDN, SF_RUP, SF_RTZ };
	static const struct {
		int pc, prec;
	} precs[] = { { 3, 0 }, { 2, 53 }, { 0, 24 } };
	int rc, p, i;

	for (p = 0; p < 3; p++)
		for (rc = 0; rc < 4; rc++) {
			struct sf_env env = {
				.round = rounds[rc], .nan = SF_NAN_X86,
				.prec = precs[p].prec,
			};
			unsigned int flags = 0;
			u128 host, soft;

			control = 0x3f | precs[p].pc << 8 | rc << 10;
			host = t->host(a, b);
			for (i = 0; i < 6; i++)
				if (status >> i & 1)
					flags |= flag_of_status[i];
			soft = t->soft(&env, a, b);
			if (t->no_denorm) {
				env.flags &= ~SF_DENORM;
				flags &= ~SF_DENORM;
			}
			checks++;
			if ((soft == host && env.flags == flags) ||
			    (failures++, ++test_failures > 5))
				continue;
			printf("f80 %s pc=%d rc=%d a=%s b=%s\n"
			       "\tsoft %s flags %02x\n\thost %s flags %02x\n",
			       t->name, precs[p].pc, rc, test_hex(a),
			       test_hex(b), test_hex(soft), env.flags,
			       test_hex(host), flags);
		}
}

static void run(const struct test *t, unsigned long rounds)
{
	u128 v[FMT_VALUES_MAX];
	unsigned long r;
	int n, i, j;

	test_failures = 0;
	if (t->format < 0) {
		for (i = 0; i < 64; i++)
			for (j = -1; j <= 1; j++)
				one(t, ((uint64_t)1 << i) + j, 0);
		for (r = 0; r < rounds; r++)
			one(t, test_random_int(), 0);
		return;
	}
	n = fmt_values(&formats[t->format], v);
	for (i = 0; i < n; i++)
		for (j = 0; j < (t->operands > 1 ? n : 1); j++)
			one(t, v[i], v[j]);
	for (r = 0; r < rounds; r++) {
		u128 a = fmt_random(&formats[t->format]);

		one(t, a, fmt_random_near(&formats[t->format], a));
	}
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000;
	unsigned int i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		run(&tests[i], rounds);
	printf("x87: %lu checks, %lu failures\n", checks, failures);
	return failures != 0;
}
