/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzz target is one file that defines the two functions below. Linked with libFuzzer
 * (meson -Dfuzz=true, clang) or with the random driver of driver.c, which takes
 * "[-t SECONDS] [-s SEED] [-n MAX_BYTES] [FILE...]" and replays FILEs if given.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's names. Initialize runs once, before the first input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The input as a stream that ends in zeros. */
struct fuzz_in { const uint8_t *p, *end; };

static inline uint8_t in_u8(struct fuzz_in *in)
{
	return in->p < in->end ? *in->p++ : 0;
}
static inline uint16_t in_u16(struct fuzz_in *in)
{
	uint16_t v = in_u8(in);

	return (uint16_t)(v | in_u8(in) << 8);
}
static inline uint32_t in_u32(struct fuzz_in *in)
{
	uint32_t v = in_u16(in);

	return v | (uint32_t)in_u16(in) << 16;
}
static inline uint64_t in_u64(struct fuzz_in *in)
{
	uint64_t v = in_u32(in);

	return v | (uint64_t)in_u32(in) << 32;
}

#endif
