/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots by name: a file or one of a directory, its description, and its parents. */
#ifndef VMM_MOVE_SNAPCHAIN_H
#define VMM_MOVE_SNAPCHAIN_H

#include <jansson.h>

#include "vmm/move/snapfile.h"

struct snapchain {
	unsigned nr;
	struct snapfile file[SNAP_CHAIN_MAX];	/* each followed by its parent; the last is full */
	json_t *meta;				/* of file[0] */
};

/*
 * path is a file, or a directory where the snapshot NAME is the file NAME.ambi; name NULL: there
 * has to be just one. malloc'ed; NULL and an error.
 */
char *snapshot_path(const char *path, const char *name, struct err *e);
/* Of a file to be written; name may be NULL: by the date. */
char *snapshot_new_path(const char *path, const char *name, struct err *e);

/* Opens path and all that it builds on, and checks that each is what its child was saved on. */
struct snapchain *snapchain_open(const char *path, struct err *e);
void snapchain_free(struct snapchain *c);		/* NULL is allowed */
/* The description in one file: an object; a new reference. NULL and an error. */
json_t *snapmeta_read(struct snapfile *f, struct err *e);
/* A member of a description, or of one of its objects, where it is text, else "". */
const char *snapmeta_text(json_t *meta, const char *object, const char *key);

/*
 * What there is in a directory (or the one file), oldest first: an array of objects for the control
 * interface; files that cannot be read have "error". NULL and an error.
 */
json_t *snapshot_list(const char *path, struct err *e);
/* The name of a snapshot next to path that has it as its parent; false: none. */
bool snapshot_has_child(const char *path, const uint8_t uuid[16], char name[SNAP_NAME_MAX + 1]);

#endif
