// SPDX-License-Identifier: GPL-2.0-or-later
/* Floating point: doubles in registers, doubles and floats in arrays, libm. */
#include "kit.h"

#include <math.h>
#include <string.h>

uint64_t kit_bits(double x)
{
	uint64_t u;

	memcpy(&u, &x, sizeof(u));
	return u;
}

struct body {
	double at[3], speed[3], mass;
};

static void bodies_step(struct body *b, int count, double dt)
{
	for (int i = 0; i < count; i++)
		for (int j = i + 1; j < count; j++) {
			double d[3], r2 = 0, f;

			for (int k = 0; k < 3; k++) {
				d[k] = b[i].at[k] - b[j].at[k];
				r2 += d[k] * d[k];
			}
			f = dt / (r2 * sqrt(r2));
			for (int k = 0; k < 3; k++) {
				b[i].speed[k] -= d[k] * b[j].mass * f;
				b[j].speed[k] += d[k] * b[i].mass * f;
			}
		}
	for (int i = 0; i < count; i++)
		for (int k = 0; k < 3; k++)
			b[i].at[k] += dt * b[i].speed[k];
}

/* A star and four planets on circles, every one pulling at the others. */
uint64_t bench_nbody(long n)
{
	struct body b[5] = { { .mass = 40 } };
	double energy = 0;

	for (int i = 1; i < 5; i++) {
		b[i].at[0] = i * 5;
		b[i].at[2] = i * 0.1;
		b[i].speed[1] = sqrt(40.0 / (i * 5));
		b[i].mass = 0.04 / i;
	}
	for (long i = 0; i < n * 1000; i++)
		bodies_step(b, 5, 0.001);
	for (int i = 0; i < 5; i++)
		for (int k = 0; k < 3; k++)
			energy += 0.5 * b[i].mass * b[i].speed[k] * b[i].speed[k];
	return kit_bits(energy);
}

static __attribute__((noinline)) void decompose(double *a, int m)
{
	for (int k = 0; k < m; k++) {
		double inverse = 1 / a[k * m + k];

		for (int i = k + 1; i < m; i++) {
			double f = a[i * m + k] *= inverse;

			for (int j = k + 1; j < m; j++)
				a[i * m + j] -= f * a[k * m + j];
		}
	}
}

uint64_t bench_lu_d(long n)
{
	enum { M = 160 };
	double *a = kit_map(M * M * sizeof(double)), product = 0;
	uint64_t state = 7;

	for (long r = 0; r < n; r++) {
		for (int i = 0; i < M * M; i++)
			a[i] = (double)(kit_random(&state) & 0xffff) / 65536 +
			       (i % (M + 1) ? 0 : M);
		decompose(a, M);
		for (int i = 0; i < M; i++)
			product += a[i * M + i] / M;
	}
	return kit_bits(product);
}

static __attribute__((noinline)) void multiply(float *c, const float *a, const float *b, int m)
{
	for (int i = 0; i < m; i++)
		for (int k = 0; k < m; k++)
			for (int j = 0; j < m; j++)
				c[i * m + j] += a[i * m + k] * b[k * m + j];
}

uint64_t bench_matmul_f(long n)
{
	enum { M = 192 };
	float *a = kit_map(3 * M * M * sizeof(float)), *b = a + M * M, *c = b + M * M;
	uint64_t state = 9;
	double sum = 0;

	for (int i = 0; i < M * M; i++) {
		a[i] = (float)(kit_random(&state) & 0xfff) / 512;
		b[i] = (float)(kit_random(&state) & 0xfff) / 512;
	}
	for (long r = 0; r < n; r++) {
		memset(c, 0, M * M * sizeof(float));
		multiply(c, a, b, M);
		sum += c[r % (M * M)];
	}
	return kit_bits(sum);
}

uint64_t bench_libm(long n)
{
	double x = 0.3, sum = 0;

	for (long i = 0; i < n * 1000; i++) {
		x += 0.0007;
		sum += sin(x) * cos(x * 0.5) + exp(-x * 0.01) + log(x + 1) + pow(x, 0.3) +
		       atan2(x, 2);
	}
	return kit_bits(sum);
}
