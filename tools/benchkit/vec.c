// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Vector code as compilers write it for x86-64: the same loops for SSE2 and for
 * AVX2 with FMA, in floats, doubles and integers. Sums of products of small
 * integers, so that the order of additions does not show in the checksum.
 */
#include "kit.h"

#ifdef __x86_64__

enum { N = 4096 };

struct arrays {
	float a[N], b[N], c[N];
	double d[N], e[N];
	int16_t s[N], t[N];
	uint8_t u[N], v[N];
};

static struct arrays *arrays_new(void)
{
	struct arrays *x = kit_map(sizeof(*x));
	uint64_t state = 11;

	for (int i = 0; i < N; i++) {
		uint64_t r = kit_random(&state);

		x->a[i] = (float)(r & 15);
		x->b[i] = (float)(r >> 4 & 15);
		x->d[i] = (double)(r >> 8 & 15);
		x->e[i] = (double)(r >> 12 & 15);
		x->s[i] = (int16_t)(r >> 16 & 127);
		x->t[i] = (int16_t)(r >> 24 & 127);
		x->u[i] = (uint8_t)(r >> 32);
		x->v[i] = (uint8_t)(r >> 40);
	}
	return x;
}

#define VECTOR_WORK(name, options)                                                  \
	static __attribute__((noinline, optimize("O3", "fast-math"), options))      \
	uint64_t name(struct arrays *x, long rounds)                                \
	{                                                                           \
		uint64_t sum = 0;                                                   \
                                                                                    \
		for (long r = 0; r < rounds; r++) {                                 \
			float f = 0;                                                \
			double d = 0;                                               \
			int32_t n = 0;                                              \
			uint32_t m = 0;                                             \
                                                                                    \
			for (int i = 0; i < N; i++)                                 \
				x->c[i] = x->a[i] * 2 + x->b[i];                    \
			for (int i = 0; i < N; i++)                                 \
				f += x->c[i] * x->b[i];                             \
			for (int i = 0; i < N; i++)                                 \
				d += x->d[i] * x->e[i];                             \
			for (int i = 0; i < N; i++)                                 \
				n += x->s[i] * x->t[i];                             \
			for (int i = 0; i < N; i++)                                 \
				m += x->u[i] > x->v[i] ? x->u[i] : x->v[i];         \
			sum += (uint64_t)(int64_t)f + (uint64_t)(int64_t)d +        \
			       (uint64_t)n * 3 + m;                                 \
			x->a[r % N] = (float)(sum & 15);                            \
		}                                                                   \
		return sum;                                                         \
	}
VECTOR_WORK(work_sse, target("sse2"))
VECTOR_WORK(work_avx, target("avx2,fma"))

uint64_t bench_vec_sse(long n)
{
	return work_sse(arrays_new(), n * 100);
}

uint64_t bench_vec_avx(long n)
{
	return work_avx(arrays_new(), n * 100);
}

#endif
