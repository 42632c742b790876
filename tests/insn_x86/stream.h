/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random x86 user-mode code, run by this host's processor and by the translator.
 *
 * A case is a few instructions with the state to begin in. Both sides see the same
 * addresses: code, and three pages of data between unmapped ones, the last of them
 * read-only; the data is also seen at an address above 4 GiB. A case ends by its
 * last instruction, INT3, or by any other exception.
 */
#ifndef TESTS_INSN_X86_STREAM_H
#define TESTS_INSN_X86_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XS_CODE UINT64_C(0x10000000)
#define XS_CODE_SIZE 0x40000u
#define XS_DATA UINT64_C(0x10200000)
#define XS_ALIAS UINT64_C(0x6a5500200000)
#define XS_SMC UINT64_C(0x10400000)	/* the data's writable pages once more, executable */
#define XS_DATA_RW 0x2000u
#define XS_DATA_SIZE 0x3000u
#define XS_MAX_INSNS 64
#define XS_MAX_CODE 640
#define XS_MAX_CASES 256

enum { XS_CS32 = 0x23, XS_SS = 0x2b, XS_CS64 = 0x33 };		/* Linux's selectors */

/* XSAVE's standard form: x87 and SSE, header, upper halves of AVX (SDM volume 1, 13.4) */
enum { XS_X_FCW = 0, XS_X_FSW = 2, XS_X_FTW = 4, XS_X_FOP = 6, XS_X_FIP = 8, XS_X_FDP = 16,
       XS_X_MXCSR = 24, XS_X_ST = 32, XS_X_XMM = 160, XS_X_HEADER = 512, XS_X_YMMH = 576,
       XS_X_SIZE = 832 };

struct xs_state {
	uint64_t gpr[16], rip, rflags, fs_base, gs_base;
	uint8_t x[XS_X_SIZE];
	uint32_t trap, error;			/* how it ended: vector and error code */
	uint64_t cr2;
};

enum xs_end { XS_NOT_RUN, XS_TRAPPED, XS_LOOPED, XS_SYSCALL, XS_LOST };

struct xs_result {
	struct xs_state s;
	uint8_t end;				/* enum xs_end */
	uint8_t data[XS_DATA_RW];
};

struct xs_row;
struct xs_insn {
	uint16_t at, len;			/* in the case's code */
	uint16_t undef;				/* flags without a meaning when it begins to run */
	uint16_t writes;			/* flags */
	uint16_t makes;				/* of them without a meaning after it */
	bool stays;				/* belongs to what is before it */
	const struct xs_row *row;		/* NULL: glue */
};

struct xs_case {
	bool wide;				/* 64-bit code; else 32-bit in compatibility mode */
	bool near;				/* results need not be the same to the last bit */
	uint32_t at, size;			/* offset in the code area, bytes with the INT3 */
	uint8_t code[XS_MAX_CODE];
	unsigned nr_insns;
	struct xs_insn insn[XS_MAX_INSNS + 1];	/* the last is the INT3 */
	uint64_t tag;				/* seed it was made of */
	struct xs_state in;
};

/* Memory that the native runner shares with its parent. */
struct xs_batch {
	unsigned nr;
	uint8_t data[XS_DATA_SIZE];		/* as all cases find it */
	struct xs_case c[XS_MAX_CASES];
	struct xs_result native[XS_MAX_CASES];
};

enum xs_class { XS_INT, XS_X87, XS_SSE, XS_AVX, XS_NEAR, XS_BYTES, XS_NR_CLASSES };
extern const char *const xs_class_name[XS_NR_CLASSES];

/* One case of the class in `bits` (32 or 64) mode; the same seed gives the same case. */
void xs_generate(struct xs_case *c, enum xs_class cls, unsigned bits, uint64_t seed);
void xs_fill_data(uint8_t data[XS_DATA_SIZE], uint64_t seed);
/* The same with instruction n made NOPs; false: it was before, or what is left would look at
 * flags that have no meaning then. */
bool xs_erase(struct xs_case *c, unsigned n);
/* What instruction the bytes begin with, NULL: none of the table. */
const struct xs_row *xs_match(const uint8_t *code, unsigned n, bool wide);
void xs_list(const struct xs_case *c);

#endif
