/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring 3: SSE, AVX and x87 work; what must come out is computed in general registers. */
#include "tests/moves/load64/load.h"

enum { TURNS = 1500, N = 16 };

void hold_ymm(uint64_t v[][4], uint64_t turns);
void hold_xmm(uint64_t v[][2], uint64_t turns);
void hold_x87(int64_t v[8], uint64_t turns);
uint64_t harmonic(uint64_t n, const uint32_t *mxcsr);

static void turn(uint64_t *v, unsigned stride, unsigned turns)
{
	while (turns--) {
		for (unsigned i = 0; i < N; i += 2) {
			v[i * stride] += v[(i + 1) * stride];
			v[(i + 1) * stride] ^= v[(i + 2) % N * stride];
		}
	}
}

void work_vectors(struct cpu *c)
{
	static const uint32_t rounding[4] = { 0x1f80, 0x3f80, 0x5f80, 0x7f80 };
	static const uint64_t sums[4] = { HARMONIC_0, HARMONIC_1, HARMONIC_2, HARMONIC_3 };
	uint64_t v[N][4], w[N][4], r = next_random(c), h;
	unsigned width = have_avx && c->loops & 1 ? 4 : 2;
	int64_t x[8];

	for (unsigned i = 0; i < N; i++)
		for (unsigned j = 0; j < width; j++)
			v[0][i * width + j] = w[0][i * width + j] = mix(r + i * 4 + j);
	if (width == 4)
		hold_ymm(v, TURNS);
	else
		hold_xmm((uint64_t (*)[2])(void *)v, TURNS);
	for (unsigned j = 0; j < width; j++)
		turn(&w[0][j], width, TURNS);
	for (unsigned i = 0; i < N * width; i++) {
		if (v[0][i] != w[0][i]) {
			bad(width == 4 ? "AVX" : "SSE", i, v[0][i]);
			break;
		}
	}
	for (unsigned i = 0; i < 8; i++)
		x[i] = (int64_t)(mix(r + i) >> 1 | 1);
	hold_x87(x, 201);
	for (unsigned i = 0; i < 8; i++)
		if (x[i] != -(int64_t)(mix(r + i) >> 1 | 1))
			bad("x87", i, (uint64_t)x[i]);
	h = harmonic(1000, &rounding[c->loops & 3]);
	if (h != sums[c->loops & 3])
		bad("double precision", c->loops & 3, h);
	c->sums += 3;
}
