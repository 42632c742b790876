/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file handed to ambi is: a kernel or firmware, for which ISA, how packed.
 * Every byte is hostile. Only files that no guest can write are looked at (kernels,
 * firmware, device trees); the format of a disk is never guessed.
 */
#ifndef VMM_PROBE_IMAGE_H
#define VMM_PROBE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

enum image_format {
	IMAGE_RAW,		/* none of the others: firmware, or a flat test guest */
	IMAGE_ELF,
	IMAGE_LINUX,		/* the 64-byte header of arm64 and riscv kernels */
	IMAGE_BZIMAGE,
	IMAGE_FDT,		/* a device tree: recognised so that the mistake can be named */
};

/* A loadable piece of an ELF file; file bytes are checked to lie in the image. */
struct image_segment { uint64_t file, file_size, paddr, vaddr, mem_size; };

enum { IMAGE_MAX_SEGMENTS = 32 };
#define IMAGE_MAX_BYTES (UINT64_C(1) << 30)	/* of a file, and of what it unpacks to */

struct image {
	uint8_t *data;			/* unpacked; owned (free) */
	size_t size;
	enum image_format format;
	uint16_t elf_machine;		/* 0: not known; also of kernels that are not ELF */
	uint8_t elf_class;		/* 1: 32, 2: 64 bits */
	bool efi_stub;
	char how[96];			/* "gzip, riscv64 Linux Image with EFI stub" */

	/* IMAGE_LINUX */
	uint64_t text_offset;		/* from a 2 MiB aligned place in RAM */
	uint64_t mem_size;		/* with bss; at least size */

	/* IMAGE_BZIMAGE: the fields of its setup header, Documentation/arch/x86/boot.rst */
	struct image_bzimage {
		uint16_t version, xloadflags;
		uint32_t setup_size;	/* bytes before the protected-mode part */
		uint32_t cmdline_max;	/* characters without the final zero */
		uint32_t alignment;
		uint64_t pref_address, initrd_max;
		uint32_t init_size;	/* bytes of memory from where it is loaded */
		bool relocatable;
	} bz;

	/* IMAGE_ELF: segments in file order */
	uint64_t pvh_entry;		/* x86: of Xen's PVH note, physical; 0: none */
	uint64_t entry;			/* physical where a segment's virtual range holds it */
	unsigned nr_segments;
	struct image_segment seg[IMAGE_MAX_SEGMENTS];
};

/* Reads, unpacks and identifies. 0, or -errno with a message that names the file. */
int image_load(struct image *im, const char *path, struct err *e);
/* The same for bytes in memory; takes ownership of data (malloc'ed), also on failure. `limit`
 * bounds what it may unpack to. */
int image_parse(struct image *im, uint8_t *data, size_t size, uint64_t limit, struct err *e);
void image_free(struct image *im);

/* An image of a CD-ROM or DVD: not loaded, but given to a drive. false also where it cannot be
 * read. */
bool image_is_iso(const char *path);

/* A whole regular file of at most max bytes, malloc'ed. 0 or -errno. */
int image_read_file(const char *path, uint64_t max, uint8_t **data, size_t *size, struct err *e);

/* "riscv64", "x86_64", "machine 40 (32 bits)": for messages. */
const char *image_machine_name(uint16_t elf_machine, uint8_t elf_class, char *buf, size_t n);

/* The parts, one file each. image_elf and image_linux return 1 where the format is
 * theirs, 0 where not, -errno where it is broken. */
int image_elf_parse(struct image *im, struct err *e);
int image_linux_parse(struct image *im, struct err *e);

#endif
