/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * f32 and f64 with x86 rules against the processor itself: results to the
 * last NaN payload bit, all six MXCSR flags, all FTZ and DAZ settings.
 *
 *	host_sse [ROUNDS [TRIPLES]]
 */
#include "tests/softfloat/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MXCSR_DAZ = 1 << 6, MXCSR_MASKS = 0x3f << 7, MXCSR_FTZ = 1 << 15 };

static unsigned long checks, failures, test_failures;
static uint32_t mxcsr;

static double f64_of(uint64_t v)
{
	double d;

	memcpy(&d, &v, 8);
	return d;
}

static uint64_t bits_of_f64(double d)
{
	uint64_t v;

	memcpy(&v, &d, 8);
	return v;
}

static float f32_of(uint32_t v)
{
	float d;

	memcpy(&d, &v, 4);
	return d;
}

static uint32_t bits_of_f32(float d)
{
	uint32_t v;

	memcpy(&v, &d, 4);
	return v;
}

/* One instruction under the MXCSR value in mxcsr, which collects the flags. */
#define UNDER_MXCSR(insn)						\
	"stmxcsr %[keep]\n\tldmxcsr %[csr]\n\t" insn			\
	"\n\tstmxcsr %[csr]\n\tldmxcsr %[keep]"

#define HOST3(name, insn, N, ftype)					\
static u128 name(struct sf_env *env, u128 ua, u128 ub, u128 uc)		\
{									\
	ftype a = f##N##_of(ua), b = f##N##_of(ub), c = f##N##_of(uc);	\
	uint32_t keep;							\
									\
	(void)env;							\
	__asm__ volatile(UNDER_MXCSR(insn)				\
		: [a] "+x" (a), [b] "+x" (b), [c] "+x" (c),		\
		  [csr] "+m" (mxcsr), [keep] "=m" (keep));		\
	return bits_of_f##N(a);						\
}

/* Results in general registers; %k is the 32-bit name, %q the 64-bit one. */
#define HOST_TO_INT(name, insn, N, ftype, utype)			\
static u128 name(struct sf_env *env, u128 ua, u128 ub, u128 uc)		\
{									\
	ftype a = f##N##_of(ua), b = f##N##_of(ub);			\
	uint64_t r;							\
	uint32_t keep;							\
									\
	(void)env, (void)uc;						\
	__asm__ volatile(UNDER_MXCSR(insn)				\
		: [r] "=&r" (r), [csr] "+m" (mxcsr), [keep] "=m" (keep)	\
		: [a] "x" (a), [b] "x" (b) : "cc");			\
	return (utype)r;						\
}

#define HOST_FROM_INT(name, insn, N, ftype)				\
static u128 name(struct sf_env *env, u128 ua, u128 ub, u128 uc)		\
{									\
	uint64_t a = ua;						\
	uint32_t keep;							\
	ftype r = 0;							\
									\
	(void)env, (void)ub, (void)uc;					\
	__asm__ volatile(UNDER_MXCSR(insn)				\
		: [r] "+x" (r), [csr] "+m" (mxcsr), [keep] "=m" (keep)	\
		: [a] "r" (a));						\
	return bits_of_f##N(r);						\
}

#define HOST_CVT(name, insn, N, ftype, M, rtype)			\
static u128 name(struct sf_env *env, u128 ua, u128 ub, u128 uc)		\
{									\
	ftype a = f##N##_of(ua);					\
	uint32_t keep;							\
	rtype r = 0;							\
									\
	(void)env, (void)ub, (void)uc;					\
	__asm__ volatile(UNDER_MXCSR(insn)				\
		: [r] "+x" (r), [csr] "+m" (mxcsr), [keep] "=m" (keep)	\
		: [a] "x" (a));						\
	return bits_of_f##M(r);						\
}

/*
 * Comparison results as SF_LESS.. from ZF:PF:CF: above 000, below 001, equal
 * 100, unordered 111.
 */
#define COMPARE_TAIL							\
	"\n\tsetc %b[r]\n\tmovzbl %b[r], %k[r]\n\tjp 1f\n\tjne 2f"	\
	"\n\tmovl $2, %k[r]\n\tjmp 2f\n1:\tmovl $3, %k[r]\n2:"

#define HOST_FORMAT(N, ftype, s)					\
HOST3(h##N##_add, "vadd" s " %[b], %[a], %[a]", N, ftype)		\
HOST3(h##N##_sub, "vsub" s " %[b], %[a], %[a]", N, ftype)		\
HOST3(h##N##_mul, "vmul" s " %[b], %[a], %[a]", N, ftype)		\
HOST3(h##N##_div, "vdiv" s " %[b], %[a], %[a]", N, ftype)		\
HOST3(h##N##_sqrt, "vsqrt" s " %[a], %[a], %[a]", N, ftype)		\
HOST3(h##N##_fma132, "vfmadd132" s " %[b], %[c], %[a]", N, ftype)	\
HOST3(h##N##_fma213, "vfmadd213" s " %[c], %[a], %[b]\n\t"		\
	"vmovaps %[b], %[a]", N, ftype)					\
HOST3(h##N##_fma231, "vfmadd231" s " %[b], %[a], %[c]\n\t"		\
	"vmovaps %[c], %[a]", N, ftype)					\
HOST3(h##N##_fms, "vfmsub132" s " %[b], %[c], %[a]", N, ftype)		\
HOST3(h##N##_fnma, "vfnmadd132" s " %[b], %[c], %[a]", N, ftype)	\
HOST3(h##N##_rint, "vround" s " $12, %[a], %[a], %[a]", N, ftype)	\
HOST3(h##N##_rintx, "vround" s " $4, %[a], %[a], %[a]", N, ftype)	\
HOST_TO_INT(h##N##_ucomi, "vucomi" s " %[b], %[a]" COMPARE_TAIL,	\
	N, ftype, uint32_t)						\
HOST_TO_INT(h##N##_comi, "vcomi" s " %[b], %[a]" COMPARE_TAIL,		\
	N, ftype, uint32_t)						\
HOST_TO_INT(h##N##_to_i32, "vcvt" s "2si %[a], %k[r]", N, ftype, uint32_t) \
HOST_TO_INT(h##N##_to_i64, "vcvt" s "2si %[a], %q[r]", N, ftype, uint64_t) \
HOST_TO_INT(h##N##_tt_i32, "vcvtt" s "2si %[a], %k[r]", N, ftype, uint32_t) \
HOST_TO_INT(h##N##_tt_i64, "vcvtt" s "2si %[a], %q[r]", N, ftype, uint64_t) \
HOST_TO_INT(h##N##_to_u32, "vcvt" s "2usi %[a], %k[r]", N, ftype, uint32_t) \
HOST_TO_INT(h##N##_to_u64, "vcvt" s "2usi %[a], %q[r]", N, ftype, uint64_t) \
HOST_FROM_INT(h##N##_from_i32, "vcvtsi2" s "l %k[a], %[r], %[r]", N, ftype) \
HOST_FROM_INT(h##N##_from_i64, "vcvtsi2" s "q %q[a], %[r], %[r]", N, ftype) \
HOST_FROM_INT(h##N##_from_u32, "vcvtusi2" s "l %k[a], %[r], %[r]", N, ftype) \
HOST_FROM_INT(h##N##_from_u64, "vcvtusi2" s "q %q[a], %[r], %[r]", N, ftype)

HOST_FORMAT(32, float, "ss")
HOST_FORMAT(64, double, "sd")
HOST_CVT(h32_to_64, "vcvtss2sd %[a], %[r], %[r]", 32, float, 64, double)
HOST_CVT(h64_to_32, "vcvtsd2ss %[a], %[r], %[r]", 64, double, 32, float)
HOST_CVT(h16_to_32, "vcvtph2ps %[a], %[r]", 32, float, 32, float)
HOST_CVT(h32_to_16, "vcvtps2ph $4, %[a], %[r]", 32, float, 32, float)

/* Ours, for what formats.h has no entry of its own. */
#define SOFT(N)								\
static u128 s##N##_ucomi(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	static const uint8_t to_host[] = { 1, 2, 0, 3 };		\
									\
	(void)c;							\
	return to_host[sf##N##_compare(env, a, b, false) + 1];		\
}									\
static u128 s##N##_comi(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	static const uint8_t to_host[] = { 1, 2, 0, 3 };		\
									\
	(void)c;							\
	return to_host[sf##N##_compare(env, a, b, true) + 1];		\
}									\
static u128 s##N##_to_i32(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return (uint32_t)sf##N##_to_i32(env, a, env->round, SF_INT_X86); \
}									\
static u128 s##N##_to_i64(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return (uint64_t)sf##N##_to_i64(env, a, env->round, SF_INT_X86); \
}									\
static u128 s##N##_tt_i32(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return (uint32_t)sf##N##_to_i32(env, a, SF_RTZ, SF_INT_X86);	\
}									\
static u128 s##N##_tt_i64(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return (uint64_t)sf##N##_to_i64(env, a, SF_RTZ, SF_INT_X86);	\
}									\
static u128 s##N##_to_u32(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return sf##N##_to_u32(env, a, env->round, SF_INT_X86);		\
}									\
static u128 s##N##_to_u64(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return sf##N##_to_u64(env, a, env->round, SF_INT_X86);		\
}									\
static u128 s##N##_from_i32(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return sf##N##_from_i32(env, (int32_t)a);			\
}									\
static u128 s##N##_from_i64(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return sf##N##_from_i64(env, (int64_t)a);			\
}									\
static u128 s##N##_from_u32(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return sf##N##_from_u32(env, (uint32_t)a);			\
}									\
static u128 s##N##_from_u64(struct sf_env *env, u128 a, u128 b, u128 c)	\
{									\
	(void)b, (void)c;						\
	return sf##N##_from_u64(env, (uint64_t)a);			\
}

SOFT(32)
SOFT(64)

struct test {
	const char *name;
	fmt_op host, soft;
	int operands;		/* 0: an integer */
	/*
	 * F16C: VCVTPS2PH ignores FTZ, VCVTPH2PS ignores DAZ and raises no
	 * DE (SDM vol. 2, both instructions).
	 */
	bool no_ftz, no_daz;
	bool avx512;
};

static void one(const struct test *t, u128 a, u128 b, u128 c)
{
	static const uint8_t flag_of_mxcsr[6] = {
		SF_NV, SF_DENORM, SF_DZ, SF_OF, SF_UF, SF_NX
	};
	/* MXCSR.RC: nearest, down, up, zero. */
	static const uint8_t rounds[4] = { SF_RNE, SF_RDN, SF_RUP, SF_RTZ };
	int rc, mode, i;

	for (rc = 0; rc < 4; rc++)
		for (mode = 0; mode < 4; mode++) {
			struct sf_env env = {
				.round = rounds[rc], .nan = SF_NAN_X86,
				.ftz = mode & 1 ? SF_FTZ_X86 : SF_FTZ_OFF,
				.daz = mode & 2 ? SF_DAZ_X86 : SF_DAZ_OFF,
			};
			unsigned int flags = 0;
			u128 host, soft;

			mxcsr = MXCSR_MASKS | rc << 13 |
				(mode & 1 ? MXCSR_FTZ : 0) |
				(mode & 2 ? MXCSR_DAZ : 0);
			host = t->host(NULL, a, b, c);
			for (i = 0; i < 6; i++)
				if (mxcsr >> i & 1)
					flags |= flag_of_mxcsr[i];
			if (t->no_ftz)
				env.ftz = SF_FTZ_OFF;
			if (t->no_daz)
				env.daz = SF_DAZ_OFF;
			soft = t->soft(&env, a, b, c);
			if (t->no_daz)
				env.flags &= ~SF_DENORM;
			checks++;
			if ((soft == host && env.flags == flags) ||
			    (failures++, ++test_failures > 5))
				continue;
			printf("%s rc=%d%s%s a=%s b=%s c=%s\n"
			       "\tsoft %s flags %02x\n\thost %s flags %02x\n",
			       t->name, rc, mode & 1 ? " ftz" : "",
			       mode & 2 ? " daz" : "", test_hex(a),
			       test_hex(b), test_hex(c), test_hex(soft),
			       env.flags, test_hex(host), flags);
		}
}

static void run(const struct fmt *f, const struct test *t,
		unsigned long rounds, int triples)
{
	u128 v[FMT_VALUES_MAX];
	int n = fmt_values(f, v), i, j, k;
	unsigned long r;

	test_failures = 0;
	if (t->avx512 && !__builtin_cpu_supports("avx512f"))
		return;
	if (triples > n)
		triples = n;
	switch (t->operands) {
	case 0:
		for (i = 0; i < 64; i++)
			for (j = -1; j <= 1; j++)
				one(t, ((uint64_t)1 << i) + j, 0, 0);
		break;
	case 1:
		for (i = 0; i < n; i++)
			one(t, v[i], 0, 0);
		break;
	case 2:
		for (i = 0; i < n; i++)
			for (j = 0; j < n; j++)
				one(t, v[i], v[j], 0);
		break;
	default:
		for (i = 0; i < triples; i++)
			for (j = 0; j < triples; j++)
				for (k = 0; k < triples; k++)
					one(t, v[i], v[j], v[k]);
	}
	for (r = 0; r < rounds; r++) {
		u128 a = fmt_random(f), b = fmt_random_near(f, a), product;
		struct sf_env env = { 0 };

		if (t->operands == 0) {
			one(t, test_random_int(), 0, 0);
			continue;
		}
		product = f->op[OP_MUL](&env, a, b, 0);
		one(t, a, t->operands > 1 ? b : 0,
		    t->operands > 2 ? fmt_random_near(f, product) : 0);
	}
}

#define TESTS(N, F)							\
	{ "add" #N, h##N##_add, F.op[OP_ADD], 2 },			\
	{ "sub" #N, h##N##_sub, F.op[OP_SUB], 2 },			\
	{ "mul" #N, h##N##_mul, F.op[OP_MUL], 2 },			\
	{ "div" #N, h##N##_div, F.op[OP_DIV], 2 },			\
	{ "sqrt" #N, h##N##_sqrt, F.op[OP_SQRT], 1 },			\
	{ "fma132 " #N, h##N##_fma132, F.op[OP_FMA], 3 },		\
	{ "fma213 " #N, h##N##_fma213, F.op[OP_FMA], 3 },		\
	{ "fma231 " #N, h##N##_fma231, F.op[OP_FMA], 3 },		\
	{ "fms" #N, h##N##_fms, F.op[OP_FMS], 3 },			\
	{ "fnma" #N, h##N##_fnma, F.op[OP_FNMA], 3 },			\
	{ "rint" #N, h##N##_rint, F.op[OP_ROUND_INT], 1 },		\
	{ "rint exact" #N, h##N##_rintx, F.op[OP_ROUND_INT_EXACT], 1 }, \
	{ "ucomi" #N, h##N##_ucomi, s##N##_ucomi, 2 },			\
	{ "comi" #N, h##N##_comi, s##N##_comi, 2 },			\
	{ "to_i32 " #N, h##N##_to_i32, s##N##_to_i32, 1 },		\
	{ "to_i64 " #N, h##N##_to_i64, s##N##_to_i64, 1 },		\
	{ "trunc_i32 " #N, h##N##_tt_i32, s##N##_tt_i32, 1 },		\
	{ "trunc_i64 " #N, h##N##_tt_i64, s##N##_tt_i64, 1 },		\
	{ "to_u32 " #N, h##N##_to_u32, s##N##_to_u32, 1, .avx512 = true }, \
	{ "to_u64 " #N, h##N##_to_u64, s##N##_to_u64, 1, .avx512 = true }, \
	{ "from_i32 " #N, h##N##_from_i32, s##N##_from_i32, 0 },	\
	{ "from_i64 " #N, h##N##_from_i64, s##N##_from_i64, 0 },	\
	{ "from_u32 " #N, h##N##_from_u32, s##N##_from_u32, 0, .avx512 = true }, \
	{ "from_u64 " #N, h##N##_from_u64, s##N##_from_u64, 0, .avx512 = true }

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000;
	int triples = argc > 2 ? atoi(argv[2]) : 34;
	const struct fmt *f16 = &formats[FMT_16], *f32 = &formats[FMT_32];
	const struct fmt *f64 = &formats[FMT_64];
	const struct test tests32[] = {
		TESTS(32, (*f32)),
		{ "f32 to f64", h32_to_64, f32->op[OP_TO_64], 1 },
		{ "f32 to f16", h32_to_16, f32->op[OP_TO_16], 1, .no_ftz = true },
	};
	const struct test tests64[] = {
		TESTS(64, (*f64)),
		{ "f64 to f32", h64_to_32, f64->op[OP_TO_32], 1 },
	};
	const struct test tests16[] = {
		{ "f16 to f32", h16_to_32, f16->op[OP_TO_32], 1, .no_daz = true },
	};
	unsigned int i;

	if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx")) {
		printf("this processor has no AVX and FMA to compare with\n");
		return 1;
	}
	for (i = 0; i < sizeof(tests32) / sizeof(tests32[0]); i++)
		run(f32, &tests32[i], rounds, triples);
	for (i = 0; i < sizeof(tests64) / sizeof(tests64[0]); i++)
		run(f64, &tests64[i], rounds, triples);
	for (i = 0; i < sizeof(tests16) / sizeof(tests16[0]); i++)
		run(f16, &tests16[i], rounds, triples);
	printf("host: %lu checks, %lu failures\n", checks, failures);
	return failures != 0;
}
