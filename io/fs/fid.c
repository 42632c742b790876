/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's names for what it uses. A fid does not change: what opens it or moves
 * it puts a new one in its place, so that a request which runs at the same time
 * keeps the one it began with.
 */
#include "io/fs/fs_int.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct fid **slot(struct fs *f, uint32_t id)
{
	struct fid **at = &f->bucket[(id ^ id >> 10) % ARRAY_SIZE(f->bucket)];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

struct fid *fid_new(struct fs *f, uint32_t id, uint32_t uid, struct node *n)
{
	struct fid *d = calloc(1, sizeof(*d));

	if (!d) {
		node_put(f, n);
		return NULL;
	}
	d->id = id;
	d->uid = uid;
	d->node = n;
	d->fd = -1;
	d->refs = 1;
	pthread_mutex_init(&d->lock, NULL);
	return d;
}

static void fid_free(struct fs *f, struct fid *d)
{
	if (d->fd >= 0) {
		close(d->fd);
		fs_files_release(f);
	}
	if (d->kind == FID_XATTR_READ || d->kind == FID_XATTR_WRITE) {
		pthread_mutex_lock(&f->lock);
		f->nr_xattrs--;
		pthread_mutex_unlock(&f->lock);
	}
	node_put(f, d->node);
	free(d->xname);
	free(d->value);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

struct fid *fid_get(struct fs *f, uint32_t id)
{
	struct fid *d;

	pthread_mutex_lock(&f->lock);
	d = *slot(f, id);
	if (d)
		d->refs++;
	pthread_mutex_unlock(&f->lock);
	return d;
}

void fid_put(struct fs *f, struct fid *d)
{
	bool last;

	if (!d)
		return;
	pthread_mutex_lock(&f->lock);
	last = !--d->refs;
	pthread_mutex_unlock(&f->lock);
	if (last)
		fid_free(f, d);
}

int fid_add(struct fs *f, struct fid *d, struct fid *replace)
{
	struct fid **at;
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	at = slot(f, d->id);
	if (d->id == FS_NO_FID || *at != replace)
		rc = -EBADF;
	else if (!replace && f->nr_fids >= FS_MAX_FIDS)
		rc = -ENFILE;
	if (!rc) {
		d->next = replace ? replace->next : NULL;
		f->nr_fids += !replace;
		*at = d;
	}
	pthread_mutex_unlock(&f->lock);
	fid_put(f, rc ? d : replace);
	return rc;
}

struct fid *fid_take(struct fs *f, uint32_t id)
{
	struct fid **at, *d;

	pthread_mutex_lock(&f->lock);
	at = slot(f, id);
	d = *at;
	if (d) {
		*at = d->next;
		f->nr_fids--;
	}
	pthread_mutex_unlock(&f->lock);
	return d;
}

void fid_drop_all(struct fs *f)
{
	for (unsigned i = 0; i < ARRAY_SIZE(f->bucket); i++)
		for (;;) {
			struct fid *d;

			pthread_mutex_lock(&f->lock);
			d = f->bucket[i];
			if (d) {
				f->bucket[i] = d->next;
				f->nr_fids--;
			}
			pthread_mutex_unlock(&f->lock);
			if (!d)
				break;
			fid_put(f, d);
		}
}

int fs_files_reserve(struct fs *f)
{
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	if (f->nr_files >= f->max_files)
		rc = -ENFILE;
	else
		f->nr_files++;
	pthread_mutex_unlock(&f->lock);
	return rc;
}

void fs_files_release(struct fs *f)
{
	pthread_mutex_lock(&f->lock);
	f->nr_files--;
	pthread_mutex_unlock(&f->lock);
}
