/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/insn/frame.h"

#include "tests/insn/encode.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINUX_WRITE = 64, LINUX_EXIT = 93 };	/* asm-generic/unistd.h */

#define OFF_F 256
#define OFF_FCSR 512
#define OFF_SCRATCH 520
_Static_assert(offsetof(struct stream_record, fcsr) == OFF_FCSR, "as the frame's code has it");
#define RECORD ((int)sizeof(struct stream_record))

void frame_put(struct stream *s, uint32_t insn, unsigned len)
{
	if (s->code_size + 4 > s->code_cap) {
		s->code_cap = s->code_cap ? s->code_cap * 2 : 65536;
		s->code = realloc(s->code, s->code_cap);
		if (!s->code)
			abort();
	}
	memcpy(s->code + s->code_size, &insn, len);
	s->code_size += len;
}

static void put(struct stream *s, uint32_t insn)
{
	frame_put(s, insn, 4);
}

/* rd = v, zero-extended */
static void put_li(struct stream *s, unsigned rd, uint32_t v)
{
	put(s, enc_lui(rd, v + 0x800));
	put(s, enc_addiw(rd, rd, (int)(v << 20) >> 20));
	put(s, enc_slli(rd, rd, 32));
	put(s, enc_srli(rd, rd, 32));
}

void frame_begin(struct stream *s)
{
	s->entry = STREAM_CODE + s->code_size;
	put_li(s, GP, (uint32_t)STREAM_IN);
	put_li(s, TP, (uint32_t)STREAM_OUT);
}

void frame_load(struct stream *s)
{
	unsigned i;

	put(s, enc_ld(T0, GP, OFF_FCSR));
	put(s, enc_csrrw(ZERO, CSR_FCSR, T0));
	for (i = 0; i < 32; i++)
		put(s, enc_fld(i, GP, OFF_F + 8 * (int)i));
	put(s, enc_addi(T6, GP, OFF_SCRATCH));	/* no reservation */
	put(s, enc_sc_w(ZERO, ZERO, T6));
	for (i = 1; i < 32; i++) {
		if (i != GP && i != TP)
			put(s, enc_ld(i, GP, 8 * (int)i));
	}
}

void frame_store(struct stream *s)
{
	unsigned i;

	for (i = 1; i < 32; i++)
		put(s, enc_sd(i, TP, 8 * (int)i));
	for (i = 0; i < 32; i++)
		put(s, enc_fsd(i, TP, OFF_F + 8 * (int)i));
	put(s, enc_csrrs(T0, CSR_FCSR, ZERO));
	put(s, enc_sd(T0, TP, OFF_FCSR));
	put(s, enc_addi(GP, GP, RECORD));
	put(s, enc_addi(TP, TP, RECORD));
}

static void put_write(struct stream *s, uint64_t at, size_t size)
{
	put_li(s, A0, 1);
	put_li(s, A1, (uint32_t)at);
	put_li(s, A2, (uint32_t)size);
	put_li(s, A7, LINUX_WRITE);
	put(s, ENC_ECALL);
}

void frame_end(struct stream *s)
{
	put_write(s, STREAM_OUT, stream_output_size(s));
	put_write(s, STREAM_WINDOW, STREAM_WINDOW_SIZE);
	put_li(s, A0, 0);
	put_li(s, A7, LINUX_EXIT);
	put(s, ENC_ECALL);
}

size_t stream_output_size(const struct stream *s)
{
	return s->nr_cases * sizeof(struct stream_record);
}

static int write_at(FILE *f, uint64_t off, const void *p, size_t n)
{
	return fseek(f, (long)off, SEEK_SET) || fwrite(p, 1, n, f) != n ? -EIO : 0;
}

int stream_write_elf(const struct stream *s, const char *path)
{
	enum { CODE_AT = 0x1000 };
	uint64_t window_at = (CODE_AT + s->code_size + 4095) & ~UINT64_C(4095);
	uint64_t in_at = window_at + STREAM_WINDOW_SIZE,
		 in_size = sizeof(struct stream_record) * s->nr_cases;
	const Elf64_Phdr ph[] = {
		{ PT_LOAD, PF_R | PF_X, CODE_AT, STREAM_CODE, STREAM_CODE, s->code_size,
		  s->code_size, 4096 },
		{ PT_LOAD, PF_R | PF_W, window_at, STREAM_WINDOW, STREAM_WINDOW, STREAM_WINDOW_SIZE,
		  STREAM_WINDOW_SIZE, 4096 },
		{ PT_LOAD, PF_R | PF_W, in_at, STREAM_IN, STREAM_IN, in_size, in_size, 4096 },
		{ PT_LOAD, PF_R | PF_W, in_at, STREAM_OUT, STREAM_OUT, in_size, in_size, 4096 },
	};
	const Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = s->entry,
		.e_phoff = sizeof(eh),
		.e_flags = 5 /* RVC, double-float ABI */,
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(ph[0]),
		.e_phnum = sizeof(ph) / sizeof(ph[0]),
	};
	FILE *f = fopen(path, "wb");
	int r;

	if (!f)
		return -errno;
	r = write_at(f, 0, &eh, sizeof(eh)) | write_at(f, sizeof(eh), ph, sizeof(ph)) |
	    write_at(f, CODE_AT, s->code, s->code_size) |
	    write_at(f, window_at, s->window, STREAM_WINDOW_SIZE) |
	    write_at(f, in_at, s->in, in_size);
	if (fclose(f) || r)
		return -EIO;
	return chmod(path, 0700) ? -errno : 0;
}
