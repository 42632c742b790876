/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small images made in memory, for the tests of what reads them. */
#ifndef TESTS_VMM_MAKE_H
#define TESTS_VMM_MAKE_H

#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"

#ifndef EM_RISCV
#define EM_RISCV 243
#endif

/* An ELF64 file with one segment of `body` bytes; malloc'ed. */
static inline uint8_t *make_elf64(uint16_t machine, size_t body, size_t *size)
{
	size_t n = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + body;
	uint8_t *d = calloc(1, n);
	Elf64_Ehdr *h = (Elf64_Ehdr *)d;
	Elf64_Phdr *p = (Elf64_Phdr *)(h + 1);

	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_VERSION] = EV_CURRENT;
	h->e_type = ET_EXEC;
	h->e_machine = machine;
	h->e_entry = 0xffffffff80000010;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(*p);
	h->e_phnum = 1;
	p->p_type = PT_LOAD;
	p->p_offset = sizeof(*h) + sizeof(*p);
	p->p_vaddr = 0xffffffff80000000;
	p->p_paddr = 0x80200000;
	p->p_filesz = body;
	p->p_memsz = body + 0x1000;
	*size = n;
	return d;
}

/* A riscv or arm64 Image header with `size` bytes in all; malloc'ed. */
static inline uint8_t *make_linux(bool riscv, size_t size)
{
	uint8_t *d = calloc(1, size);

	memcpy(d, "MZ", 2);
	st_le64(d + 8, riscv ? 0x200000 : 0);
	st_le64(d + 16, 0x1e6b000);
	memcpy(d + (riscv ? 0x30 : 0x38), riscv ? "RISCV\0\0\0" : "ARM\x64", riscv ? 8 : 4);
	if (riscv)
		memcpy(d + 0x38, "RSC\x05", 4);
	return d;
}

#endif
