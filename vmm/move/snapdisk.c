/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/move/snapdisk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/block/block.h"
#include "util/bits.h"
#include "util/log.h"

enum kind { READ_ONLY = 1, IN_IMAGE, OVERLAY };
enum { HEAD = 4, PIECE = 16, SECTION_MAX = 1 << 30 };

struct disk {
	struct block *block;
	enum kind kind;
	const uint8_t *pieces;		/* OVERLAY: in the section */
	GByteArray *before;		/* OVERLAY: what it was, as pieces */
	bool undo;			/* IN_IMAGE: a snapshot from before is there */
};

struct snapdisks {
	uint8_t *data;
	char name[64];			/* of the snapshots in the images */
	unsigned nr;
	struct disk disk[GUEST_MAX_BACKENDS];
};

#define UNDO_NAME "ambi:before-load"

static void name_of(const uint8_t uuid[16], char name[64])
{
	char text[37];

	snap_uuid_text(uuid, text);
	snprintf(name, 64, "ambi:%s", text);
}

static enum kind kind_of(struct block *b)
{
	return block_is_temporary(b) ? OVERLAY : block_readonly(b) ? READ_ONLY : IN_IMAGE;
}

static unsigned disks(struct guest *g, struct block *list[GUEST_MAX_BACKENDS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->nr_backends; i++)
		if (g->backend[i].block)
			list[n++] = g->backend[i].block;
	return n;
}

int snapdisks_can(struct guest *g, struct err *e)
{
	struct block *list[GUEST_MAX_BACKENDS];
	unsigned n = disks(g, list);
	char why[300] = "";

	for (unsigned i = 0; i < n; i++)
		if (kind_of(list[i]) == IN_IMAGE && !block_can_snapshot(list[i], why, sizeof(why)))
			return err_set(e, ENOTSUP, "disk %s cannot be part of a snapshot: %s",
				       block_path(list[i]), why);
	return 0;
}

/* ---- pieces of an overlay ---- */

static void put32(GByteArray *out, uint32_t v)
{
	uint8_t raw[4];

	st_le32(raw, v);
	g_byte_array_append(out, raw, 4);
}

static void put64(GByteArray *out, uint64_t v)
{
	uint8_t raw[8];

	st_le64(raw, v);
	g_byte_array_append(out, raw, 8);
}

static int put_piece(void *opaque, uint64_t offset, const void *data, size_t len)
{
	GByteArray *out = opaque;

	if (out->len + len + 2 * PIECE > SECTION_MAX)
		return -EFBIG;
	put32(out, (uint32_t)len);
	put32(out, !data);
	put64(out, offset);
	if (data)
		g_byte_array_append(out, data, (guint)len);
	return 0;
}

static int save_pieces(struct block *b, GByteArray *out, struct err *e)
{
	int r = block_delta_save(b, put_piece, out, e);

	if (r == -EFBIG)
		return err_set(e, EFBIG, "disk %s: more than 1 GiB was written to its temporary "
			       "overlay; use a qcow2 image", block_path(b));
	if (r < 0)
		return r;
	put32(out, 0);
	put32(out, 0);
	put64(out, 0);
	return 0;
}

/* The pieces at p were checked. */
static int load_pieces(struct block *b, const uint8_t *p, struct err *e)
{
	int r = block_delta_reset(b, e);

	while (!r && ld_le32(p)) {
		uint32_t len = ld_le32(p), zero = ld_le32(p + 4);

		r = block_delta_load(b, ld_le64(p + 8), zero ? NULL : p + PIECE, len, e);
		p += PIECE + (zero ? 0 : len);
	}
	return r;
}

/* Bytes of the pieces, the end included; 0: malformed. */
static size_t check_pieces(const uint8_t *p, size_t have, uint64_t size)
{
	size_t at = 0;

	for (;;) {
		uint32_t len, zero;
		uint64_t off;

		if (have - at < PIECE)
			return 0;
		len = ld_le32(p + at);
		zero = ld_le32(p + at + 4);
		off = ld_le64(p + at + 8);
		at += PIECE;
		if (!len)
			return at;
		if (zero > 1 || off > size || len > size - off || (!zero && have - at < len))
			return 0;
		at += zero ? 0 : len;
	}
}

/* ---- save ---- */

static int file_identity(struct block *b, uint64_t *size, uint64_t *mtime, struct err *e)
{
	struct stat st;

	if (stat(block_path(b), &st) < 0)
		return err_errno(e, errno, "%s", block_path(b));
	*size = (uint64_t)st.st_size;
	*mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

static int save_disk(struct block *b, const char *name, GByteArray *out, struct err *e)
{
	const char *path = block_path(b);
	enum kind kind = kind_of(b);
	uint64_t size = 0, mtime = 0;
	uint8_t head[2] = { (uint8_t)kind, 0 }, n[2];
	int r = 0;

	if (kind == IN_IMAGE)
		r = block_snapshot_create(b, name, e);
	else
		r = file_identity(b, &size, &mtime, e);
	if (r < 0)
		return r;
	g_byte_array_append(out, head, 2);
	st_le16(n, (uint16_t)strlen(path));
	g_byte_array_append(out, n, 2);
	g_byte_array_append(out, (const uint8_t *)path, ld_le16(n));
	put64(out, block_size(b));
	put64(out, size);
	put64(out, mtime);
	return kind == OVERLAY ? save_pieces(b, out, e) : 0;
}

void snapdisks_delete(struct guest *g, const uint8_t uuid[16])
{
	struct block *list[GUEST_MAX_BACKENDS];
	unsigned n = disks(g, list);
	struct err e = { 0 };
	char name[64];

	name_of(uuid, name);
	for (unsigned i = 0; i < n; i++)
		if (kind_of(list[i]) == IN_IMAGE) {
			int r = block_snapshot_delete(list[i], name, &e);

			if (r < 0 && r != -ENOENT)
				log_error("disk %s: %s", block_path(list[i]), e.msg);
		}
}

int snapdisks_save(struct guest *g, struct snapwriter *w, struct err *e)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	struct block *list[GUEST_MAX_BACKENDS];
	unsigned n = disks(g, list), i;
	char name[64];
	int r = 0;

	if (!n)
		return 0;
	name_of(snapwriter_uuid(w), name);
	put32(out, n);
	for (i = 0; i < n && !r; i++)
		r = save_disk(list[i], name, out, e);
	if (!r)
		r = snapwriter_begin(w, SNAP_DISKS, e);
	if (!r)
		r = snapwriter_put(w, out->data, out->len, e);
	if (r < 0) {
		struct err undo = *e;

		snapdisks_delete(g, snapwriter_uuid(w));
		*e = undo;
	}
	return r;
}

/* ---- load ---- */

static int has_snapshot(struct block *b, const char *name, struct err *e)
{
	struct block_snapshot *list = NULL;
	unsigned n = 0;
	bool found = false;
	int r = block_snapshot_list(b, &list, &n, e);

	for (unsigned i = 0; !r && i < n; i++)
		found |= !strcmp(list[i].name, name);
	free(list);
	if (!r && !found)
		r = err_set(e, ENOENT, "disk %s: the snapshot's part of it (\"%s\") is not in the "
			    "image", block_path(b), name);
	return r;
}

static const char *const kinds[] = { "?", "read only", "written to", "a temporary overlay" };

/* One disk of the section at *p against the guest's. */
static int check_disk(struct snapdisks *d, struct disk *k, const uint8_t **p, const uint8_t *end,
		      struct err *e)
{
	const char *path = block_path(k->block);
	uint64_t size = 0, mtime = 0;
	size_t n, len;
	int r;

	n = end - *p >= 4 ? ld_le16(*p + 2) : 0;
	if ((size_t)(end - *p) < 4 + n + 24 || (*p)[0] < READ_ONLY || (*p)[0] > OVERLAY || (*p)[1])
		return err_set(e, EINVAL, "its list of disks is malformed");
	if ((*p)[0] != k->kind)
		return err_set(e, EINVAL, "disk %s is %s here, and was %s", path, kinds[k->kind],
			       kinds[(*p)[0]]);
	*p += 4 + n;
	if (ld_le64(*p) != block_size(k->block))
		return err_set(e, EINVAL, "disk %s has %llu bytes, and had %llu", path,
			       (unsigned long long)block_size(k->block),
			       (unsigned long long)ld_le64(*p));
	if (k->kind == IN_IMAGE) {
		r = has_snapshot(k->block, d->name, e);
	} else {
		r = file_identity(k->block, &size, &mtime, e);
		if (!r && (size != ld_le64(*p + 8) || mtime != ld_le64(*p + 16)))
			r = err_set(e, ESTALE, "disk %s was changed since the snapshot was taken",
				    path);
	}
	*p += 24;
	if (r < 0 || k->kind != OVERLAY)
		return r;
	k->pieces = *p;
	len = check_pieces(*p, (size_t)(end - *p), block_size(k->block));
	*p += len;
	return len ? 0 : err_set(e, EINVAL, "its list of disks is malformed");
}

struct snapdisks *snapdisks_open(struct guest *g, struct snapfile *f, struct err *e)
{
	struct block *list[GUEST_MAX_BACKENDS];
	unsigned n = disks(g, list);
	struct snapdisks *d = calloc(1, sizeof(*d));
	const uint8_t *p = NULL, *end = NULL;
	size_t len = 0;
	int r = 0;

	if (!d) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	name_of(f->id.uuid, d->name);
	d->nr = n;
	if (f->sec[SNAP_DISKS].have) {
		d->data = snapfile_read(f, SNAP_DISKS, &len, e);
		if (!d->data)
			goto fail;
	}
	if ((len >= HEAD ? ld_le32(d->data) : 0) != n) {
		err_set(e, EINVAL, "%s: has %u disk%s, this guest has %u", f->path,
			len >= HEAD ? ld_le32(d->data) : 0,
			len >= HEAD && ld_le32(d->data) == 1 ? "" : "s", n);
		goto fail;
	}
	if (len) {
		p = d->data + HEAD;
		end = d->data + len;
	}
	for (unsigned i = 0; i < n && !r; i++) {
		d->disk[i] = (struct disk){ .block = list[i], .kind = kind_of(list[i]) };
		r = check_disk(d, &d->disk[i], &p, end, e);
	}
	if (!r && len && p != end)
		r = err_set(e, EINVAL, "its list of disks is malformed");
	if (!r)
		return d;
	err_prefix(e, "%s", f->path);
fail:
	snapdisks_free(d);
	return NULL;
}

/* From here on the disk can be put back. */
static int keep(struct disk *k, struct err *e)
{
	int r;

	if (k->kind == OVERLAY) {
		k->before = g_byte_array_new();
		r = save_pieces(k->block, k->before, e);
		/* a part of it is nothing to go back to */
		if (r < 0)
			g_clear_pointer(&k->before, g_byte_array_unref);
		return r;
	}
	/* one that is left from a load that was killed */
	r = block_snapshot_delete(k->block, UNDO_NAME, e);
	if (!r || r == -ENOENT)
		r = block_snapshot_create(k->block, UNDO_NAME, e);
	k->undo = !r;
	return r;
}

int snapdisks_apply(struct snapdisks *d, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < d->nr && !r; i++)
		if (d->disk[i].kind != READ_ONLY)
			r = keep(&d->disk[i], e);
	for (unsigned i = 0; i < d->nr && !r; i++) {
		struct disk *k = &d->disk[i];

		if (k->kind == OVERLAY)
			r = load_pieces(k->block, k->pieces, e);
		else if (k->kind == IN_IMAGE)
			r = block_snapshot_apply(k->block, d->name, e);
		if (r < 0)
			err_prefix(e, "disk %s", block_path(k->block));
	}
	if (r < 0)
		snapdisks_back(d);
	return r;
}

void snapdisks_back(struct snapdisks *d)
{
	for (unsigned i = 0; i < d->nr; i++) {
		struct disk *k = &d->disk[i];
		struct err e = { 0 };
		int r = 0;

		if (k->before)
			r = load_pieces(k->block, k->before->data, &e);
		else if (k->undo)
			r = block_snapshot_apply(k->block, UNDO_NAME, &e);
		if (r >= 0)
			continue;
		log_error("disk %s cannot be put back: %s%s", block_path(k->block), e.msg,
			  k->undo ? "; its snapshot \"" UNDO_NAME "\" stays, which is that" : "");
		k->undo = false;
	}
}

void snapdisks_free(struct snapdisks *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < d->nr; i++) {
		struct err e = { 0 };

		if (d->disk[i].before)
			g_byte_array_free(d->disk[i].before, TRUE);
		if (d->disk[i].undo && block_snapshot_delete(d->disk[i].block, UNDO_NAME, &e) < 0)
			log_error("disk %s: %s", block_path(d->disk[i].block), e.msg);
	}
	free(d->data);
	free(d);
}
