/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The linker and loader of firmware tables: fw_cfg file "etc/table-loader", commands of
 * 128 bytes. SeaBIOS (src/fw/romfile_loader.h) and OVMF execute it; so do we where no
 * firmware runs.
 *
 *	ALLOCATE	a file gets a place with an alignment, in a zone
 *	ADD_POINTER	a field of 1, 2, 4 or 8 bytes, which holds an offset in another file,
 *			becomes its address
 *	ADD_CHECKSUM	a byte becomes such that a range sums up to zero
 */
#ifndef HW_ACPI_LOADER_H
#define HW_ACPI_LOADER_H

#include "hw/acpi/aml.h"

enum { LOADER_ENTRY = 128, LOADER_NAME = 56 };
enum loader_zone { LOADER_HIGH = 1, LOADER_FSEG = 2 };	/* below 4 GiB; 0xe0000 to 0xfffff */

/* Appends a command to a script (a byte writer: aml_start, aml_finish). */
void loader_allocate(struct aml *script, const char *file, uint32_t align, enum loader_zone z);
void loader_add_pointer(struct aml *script, const char *file, size_t off, unsigned size,
			const char *to);
void loader_add_checksum(struct aml *script, const char *file, size_t start, size_t len,
			 size_t off);

struct loader_file {
	const char *name;
	uint8_t *data;			/* changed in place */
	size_t size;
	uint64_t addr;			/* result: where it belongs; valid when placed */
	bool placed;
};
/* Room in each zone, indexed by enum loader_zone: [next, end). `next` moves. */
struct loader_room { uint64_t next, end; };

/*
 * Executes a script that nobody vouches for. 0 or -errno: EINVAL for a command that makes no
 * sense (also one that is not known), ENOENT for a file, ENOSPC for room.
 */
int loader_run(const uint8_t *script, size_t size, struct loader_file *files, unsigned nr_files,
	       struct loader_room room[3], struct err *e);

#endif
