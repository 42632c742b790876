/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random user-mode RV64 programs as static ELF files. A program is a row of cases;
 * a case loads all registers from its record in the image, runs a few dozen random
 * instructions and stores all registers to its record in the output area. At the end
 * the program writes output and memory window to its standard output and exits.
 *
 * sp, s0 and s1 point into the window and are never written, like gp and tp, which
 * belong to the frame. Branches and jumps go forward.
 */
#ifndef TESTS_INSN_STREAM_H
#define TESTS_INSN_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_CODE UINT64_C(0x80000000)
#define STREAM_WINDOW UINT64_C(0x80800000)
#define STREAM_WINDOW_SIZE 8192u
#define STREAM_IN UINT64_C(0x80900000)
#define STREAM_OUT UINT64_C(0x80b00000)
#define STREAM_MAX_CASES 1000
#define STREAM_MAX_ITEMS 100

struct stream_record {		/* initial and final registers of a case */
	uint64_t x[32], f[32], fcsr, scratch;
};

struct stream {
	uint8_t *code;			/* to be placed at STREAM_CODE */
	size_t code_size, code_cap;
	unsigned nr_cases;
	uint64_t insns;			/* random instructions in it */
	uint32_t case_start[STREAM_MAX_CASES + 1];	/* offset of the first random instruction */
	uint32_t case_end[STREAM_MAX_CASES + 1];
	struct stream_record in[STREAM_MAX_CASES];
	uint8_t window[STREAM_WINDOW_SIZE];
	uint64_t entry;
};

/* features: FEAT_* that may be used; the same arguments give the same program, and a program
 * with fewer cases is a prefix of one with more. */
void stream_generate(struct stream *s, uint64_t seed, unsigned nr_cases, unsigned items,
		     uint32_t features);
void stream_free(struct stream *s);
size_t stream_output_size(const struct stream *s);
/* Writes the ELF file. 0 or -errno. */
int stream_write_elf(const struct stream *s, const char *path);
/* One line of assembly per instruction of a case. */
void stream_list(const struct stream *s, unsigned n);

#endif
