// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory: block copies, streams, and a chain of dependent loads. */
#include "kit.h"

#include <stddef.h>
#include <string.h>

enum { MIB = 1 << 20, BLOCK = 4 * MIB };

static uint64_t copy_blocks(long n, size_t gap)
{
	unsigned char *a = kit_map(2 * BLOCK + gap), *b = a + BLOCK + gap;
	uint64_t sum = 0;

	for (size_t i = 0; i < BLOCK; i += 64)
		a[i] = (unsigned char)(i >> 6);
	for (long r = 0; r < n; r++) {
		memcpy(b, a, BLOCK);
		memcpy(a + 64, b, BLOCK - 64);
		sum = sum * 31 + a[(r * 4099) % BLOCK];
	}
	return sum;
}

/* Source and target a power of two apart, as allocators like to lay them. */
uint64_t bench_memcpy(long n) { return copy_blocks(n, 0); }
/* The same with three pages between: not the worst case of a software TLB. */
uint64_t bench_memcpy_pad(long n) { return copy_blocks(n, 3 * 4096); }

static __attribute__((noinline)) void triad(double *a, const double *b, const double *c, double s,
					    size_t n)
{
	for (size_t i = 0; i < n; i++)
		a[i] = b[i] + s * c[i];
}
static __attribute__((noinline)) void scale(double *a, const double *b, double s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		a[i] = s * b[i];
}

uint64_t bench_stream(long n)
{
	enum { N = 2 * MIB / 8 };
	char *room = kit_map(3 * (N * 8 + 12288));
	double *a = (double *)room, *b = (double *)(room + N * 8 + 12288),
	       *c = (double *)(room + 2 * (N * 8 + 12288));

	for (size_t i = 0; i < N; i++)
		b[i] = (double)(i & 1023);
	for (long r = 0; r < n; r++) {
		scale(c, b, 0.5, N);
		triad(a, b, c, 0.25, N);
		scale(b, a, 0.875, N);
	}
	return kit_bits(a[1000] + b[N - 1]);
}

/* A walk through 16 MiB in an order that no prefetcher knows. */
uint64_t bench_chase(long n)
{
	enum { N = 16 * MIB / 64 };
	struct line {
		struct line *next;
		char pad[56];
	} *lines = kit_map(N * sizeof(*lines)), *p = lines;
	uint32_t at = 0;

	/* a full-period congruential walk visits every line */
	for (uint32_t i = 0; i < N; i++) {
		uint32_t to = (at * 1664525u + 1013904223u) % N;

		lines[at].next = &lines[to];
		at = to;
	}
	for (long i = 0; i < n * 1000; i++)
		p = p->next;
	return (uint64_t)(p - lines);
}
