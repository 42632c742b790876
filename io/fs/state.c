/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session as bytes: what the guest's fids name, by paths below the export, for a guest that goes
 * on in another process, or at another time. All numbers little-endian:
 *
 *	u32 version (1), message size, number of fids; each, by rising id:
 *	u32 id, uid, open flags (NOT_OPEN: none), u16 length of the path, the path
 *
 * Extended attributes being read or written are left out, and so is what has no name any more, or
 * none here: the guest gets EBADF for its fid.
 */
#include "io/fs/fs_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, HEAD = 12, FID_HEAD = 14, MAX_PATH = 4096 };
#define NOT_OPEN UINT32_MAX
enum { FLAGS = O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC };

/* ---- save ---- */

/* The path of a node, written from buf's end to its beginning; NULL: it has none. */
static const char *path_of(struct fs *f, const struct node *n, char buf[MAX_PATH])
{
	char *p = buf + MAX_PATH - 1;

	*p = '\0';
	pthread_mutex_lock(&f->nodes.lock);
	for (; p && n->parent; n = n->parent) {
		size_t len = strlen(n->name);

		if (n->gone || (size_t)(p - buf) < len + 1) {
			p = NULL;
			break;
		}
		if (*p)
			*--p = '/';
		p -= len;
		memcpy(p, n->name, len);
	}
	pthread_mutex_unlock(&f->nodes.lock);
	return p;
}

static int by_id(const void *a, const void *b)
{
	const struct fid *const *x = a, *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* Those that can be saved, in order; under the lock, with room for all. */
static unsigned collect(struct fs *f, struct fid **list)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(f->bucket); i++)
		for (struct fid *d = f->bucket[i]; d; d = d->next)
			if (d->kind == FID_PLAIN || d->kind == FID_OPEN)
				list[n++] = d;
	qsort(list, n, sizeof(*list), by_id);
	return n;
}

uint8_t *fs_save(struct fs *f, size_t *len)
{
	struct fid **list = malloc((f->nr_fids + 1) * sizeof(*list));
	char path[MAX_PATH];
	size_t cap = 16 * MAX_PATH, at = HEAD;
	unsigned n, saved = 0;
	uint8_t *buf = NULL, *more;

	*len = 0;
	if (!list || !fs_msize(f)) {
		free(list);
		return NULL;
	}
	pthread_mutex_lock(&f->lock);
	n = collect(f, list);
	pthread_mutex_unlock(&f->lock);
	buf = malloc(cap);
	for (unsigned i = 0; buf && i < n; i++) {
		const char *p = path_of(f, list[i]->node, path);
		int flags = list[i]->kind == FID_OPEN ? fcntl(list[i]->fd, F_GETFL) : -1;

		if (!p)
			continue;
		if (cap - at < FID_HEAD + MAX_PATH) {
			more = realloc(buf, cap *= 2);
			if (!more)
				free(buf);
			buf = more;
			if (!buf)
				break;
		}
		st_le32(buf + at, list[i]->id);
		st_le32(buf + at + 4, list[i]->uid);
		st_le32(buf + at + 8, flags < 0 ? NOT_OPEN : (uint32_t)flags & FLAGS);
		st_le16(buf + at + 12, (uint16_t)strlen(p));
		memcpy(buf + at + FID_HEAD, p, strlen(p));
		at += FID_HEAD + strlen(p);
		saved++;
	}
	free(list);
	if (!buf)
		return NULL;
	st_le32(buf, VERSION);
	st_le32(buf + 4, fs_msize(f));
	st_le32(buf + 8, saved);
	*len = at;
	return buf;
}

/* ---- load ---- */

/* Hostile: component by component, downwards only. Referenced, or NULL. */
static struct node *walk(struct fs *f, const char *path, size_t len)
{
	struct node *n = node_ref(f, f->nodes.root);

	while (n && len) {
		const char *slash = memchr(path, '/', len);
		size_t part = slash ? (size_t)(slash - path) : len;
		char name[NAME_MAX + 1];
		struct node *next = NULL;

		if (part && part <= NAME_MAX) {
			memcpy(name, path, part);
			name[part] = '\0';
			if (strlen(name) == part && !name_check(name) && strcmp(name, ".") &&
			    strcmp(name, "..") && node_walk(f, n, name, &next))
				next = NULL;
		}
		node_put(f, n);
		n = next;
		path += part + !!slash;
		len -= part + !!slash;
	}
	return n;
}

static int open_fid(struct fs *f, struct fid *d, int flags)
{
	int path_fd, rc = fs_files_reserve(f);

	if (rc)
		return rc;
	path_fd = node_pin(f, d->node);
	d->fd = path_fd < 0 ? path_fd :
		S_ISREG(d->node->type) || S_ISDIR(d->node->type) ? fs_reopen(f, path_fd, flags) :
								   -ENXIO;
	if (path_fd >= 0)
		node_unpin(f, d->node);
	if (d->fd < 0) {
		fs_files_release(f);
		rc = d->fd;
		d->fd = -1;
		return rc;
	}
	d->kind = FID_OPEN;
	d->dir = S_ISDIR(d->node->type);
	d->writable = (flags & O_ACCMODE) != O_RDONLY;
	return 0;
}

static void load_fid(struct fs *f, const uint8_t *p, size_t path_len)
{
	uint32_t flags = ld_le32(p + 8);
	struct node *n = walk(f, (const char *)p + FID_HEAD, path_len);
	struct fid *d = n ? fid_new(f, ld_le32(p), ld_le32(p + 4), n) : NULL;

	if (!d)
		return;
	if (flags != NOT_OPEN &&
	    ((f->readonly && (flags & O_ACCMODE) != O_RDONLY) || open_fid(f, d, (int)flags) < 0))
		fid_put(f, d);
	else
		fid_add(f, d, NULL);
}

int fs_load(struct fs *f, const uint8_t *data, size_t len, bool check, struct err *e)
{
	uint32_t n, msize;
	size_t at = HEAD;

	if (len < HEAD || ld_le32(data) != VERSION)
		return err_set(e, EINVAL, "not a session");
	msize = ld_le32(data + 4);
	n = ld_le32(data + 8);
	if (msize < FS_MIN_MESSAGE || msize > FS_MAX_MESSAGE || n > FS_MAX_FIDS)
		return err_set(e, EINVAL, "session: messages of %u bytes, %u fids", msize, n);
	if (!check) {
		fs_reset(f);
		atomic_store(&f->msize, msize);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t flags;
		size_t path;

		if (len - at < FID_HEAD || len - at - FID_HEAD < ld_le16(data + at + 12))
			return err_set(e, EINVAL, "session: cut off");
		flags = ld_le32(data + at + 8);
		path = ld_le16(data + at + 12);
		if (path >= MAX_PATH || (flags != NOT_OPEN && flags & ~(uint32_t)FLAGS))
			return err_set(e, EINVAL, "session: fid %u is not one",
				       ld_le32(data + at));
		if (!check)
			load_fid(f, data + at, path);
		at += FID_HEAD + path;
	}
	return at == len ? 0 : err_set(e, EINVAL, "session: bytes after the end");
}
