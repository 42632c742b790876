/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same row of numbers in each run of a test of disks, unless it is given a seed. */
#ifndef TESTS_BLOCK_RANDOM_H
#define TESTS_BLOCK_RANDOM_H

#include <stdint.h>

static uint64_t rnd_seed = 1;

static inline unsigned rnd(unsigned n)
{
	rnd_seed = rnd_seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(rnd_seed >> 33) % n;
}

static inline void fill(void *buf, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)rnd(256);
}

#endif
