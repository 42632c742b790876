/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot as a file (docs/moves.md, "Snapshot file"): a header, sections one after the other,
 * a footer with their places and checksums. Reading is given hostile bytes; a file that is written
 * is nobody's until it is complete and on the disk.
 */
#ifndef VMM_MOVE_SNAPFILE_H
#define VMM_MOVE_SNAPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

enum {
	SNAP_VERSION = 1,
	SNAP_HEADER = 128, SNAP_FOOTER = 512,
	SNAP_SECTIONS_MAX = 16,		/* in a file, known or not */
	SNAP_CHAIN_MAX = 64,		/* a full snapshot and what builds on it */
	SNAP_NAME_MAX = 64,
};

/* What a snapshot is told by: a random number, and a digest of all that it holds. */
struct snap_id { uint8_t uuid[16], digest[32]; };

enum snap_section {
	SNAP_META,			/* JSON, for people and lists */
	SNAP_BLOCKS,			/* page_blocks_save's table */
	SNAP_PAGES,			/* chunks, vmm/move/pages.h */
	SNAP_INDEX,			/* where the pages are: snapram.h */
	SNAP_STATE,			/* guest_state_save's stream */
	SNAP_DISKS,			/* snapdisk.h */
	SNAP_NR
};

struct snapfile {
	int fd;
	char *path;
	uint64_t size, created_ns;	/* bytes; since 1970 */
	struct snap_id id, parent;
	bool has_parent;
	struct { uint64_t off, len; uint32_t crc; bool have; } sec[SNAP_NR];
};

/*
 * Opens it and checks header, footer, the places of the sections, and the checksums of all but
 * pages. On failure nothing is open. *f may then be passed to snapfile_close, as a zeroed one.
 */
int  snapfile_open(struct snapfile *f, const char *path, struct err *e);
/* The same of an open file, which becomes f's also on failure; path is for messages. */
int  snapfile_open_fd(struct snapfile *f, int fd, const char *path, struct err *e);
void snapfile_close(struct snapfile *f);
/* A section's bytes and a NUL behind them, malloc'ed, checksum right; NULL and an error. */
uint8_t *snapfile_read(struct snapfile *f, enum snap_section which, size_t *len, struct err *e);
/* Part of a section, all of it or an error. */
int  snapfile_read_at(struct snapfile *f, enum snap_section which, uint64_t off, void *buf,
		      size_t n, struct err *e);

/* ---- writing ---- */

struct snapwriter;

/* A new file in path's directory, mode 0600, without a name yet. parent NULL: it is full. */
struct snapwriter *snapwriter_new(const char *path, const struct snap_id *parent, struct err *e);
/* Sections come once each, in any order. */
int  snapwriter_begin(struct snapwriter *w, enum snap_section which, struct err *e);
int  snapwriter_put(struct snapwriter *w, const void *data, size_t n, struct err *e);
/* Ends it, waits for the disk, gives it its name in place of what had it. Frees w, always. */
int  snapwriter_commit(struct snapwriter *w, struct snap_id *id, uint64_t *size, struct err *e);
void snapwriter_abort(struct snapwriter *w);	/* as if nothing had been; NULL is allowed */
const uint8_t *snapwriter_uuid(const struct snapwriter *w);
uint64_t snapwriter_created(const struct snapwriter *w);	/* since 1970, ns */

/* "0f3a...": 36 characters and a NUL. */
void snap_uuid_text(const uint8_t uuid[16], char text[37]);

#endif
