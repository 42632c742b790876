/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fixed parts of a snapshot file, for its reader and its writer. */
#ifndef VMM_MOVE_SNAPFILE_INT_H
#define VMM_MOVE_SNAPFILE_INT_H

#include "vmm/move/snapfile.h"

#define SNAP_MAGIC "AMBISNAP"
#define SNAP_END   "AMBI-END"
#define SNAP_SECTION_MAX (UINT64_C(1) << 30)	/* of those that are read whole */

enum {
	SNAP_HEADER_CRC = 124,
	SNAP_FOOTER_TABLE = 24, SNAP_ENTRY = 24,
	SNAP_FOOTER_DIGEST = SNAP_FOOTER_TABLE + SNAP_SECTIONS_MAX * SNAP_ENTRY,
	SNAP_FOOTER_CRC = 508,
};

struct snap_section_info { char name[5]; bool required; };
extern const struct snap_section_info snap_sections[SNAP_NR];

/* SHA-256 of the header and of the footer up to the digest: through the sections' checksums, and
 * the index with those of the chunks, of everything. */
void snap_digest(const uint8_t header[SNAP_HEADER], const uint8_t footer[SNAP_FOOTER],
		 uint8_t out[32]);

#endif
