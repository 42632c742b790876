/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A throwaway overlay: what a guest writes goes to an unlinked sparse file at the
 * same offset, cluster by cluster, and a bitmap says which clusters are there. The
 * image is never written, so a cluster that is absent reads the same at any time:
 * reads and writes of present clusters need no lock, and only the first write to a
 * cluster (copy what it does not cover, then set the bit) excludes its like.
 */
#include "io/block/block_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/bits.h"

#define CLUSTER 65536u
#define STRIPES 64

struct overlay {
	int fd;
	_Atomic uint64_t *present;	/* one bit a cluster */
	/* by cluster: held while a cluster becomes present */
	pthread_mutex_t stripe[STRIPES];
};

static bool is_present(struct overlay *o, uint64_t c)
{
	return atomic_load_explicit(&o->present[c >> 6], memory_order_acquire) >> (c & 63) & 1;
}

static void set_present(struct overlay *o, uint64_t c)
{
	atomic_fetch_or_explicit(&o->present[c >> 6], BIT(c & 63), memory_order_release);
}

static int file_read(int fd, void *buf, size_t len, uint64_t offset)
{
	char *p = buf;

	while (len) {
		ssize_t r = pread(fd, p, len, (off_t)offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0) {		/* a hole at the end */
			memset(p, 0, len);
			return 0;
		}
		p += r;
		len -= (size_t)r;
		offset += (uint64_t)r;
	}
	return 0;
}

static int file_write(int fd, const void *buf, size_t len, uint64_t offset)
{
	const char *p = buf;

	while (len) {
		ssize_t r = pwrite(fd, p, len, (off_t)offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -ENOSPC;
		p += r;
		len -= (size_t)r;
		offset += (uint64_t)r;
	}
	return 0;
}

static int punch(struct overlay *o, uint64_t offset, uint64_t len)
{
	return fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			 (off_t)len) < 0 ?
		       -errno :
		       0;
}

static int read_base(struct block *b, uint64_t offset, void *buf, size_t len)
{
	return b->below ? block_rw(b->below, BLOCK_READ, offset, buf, len) :
			  block_file_read(b, offset, buf, len);
}

/* Writes part of one cluster; data NULL: zeroes. buf: scratch of CLUSTER bytes. */
static int write_cluster(struct block *b, uint64_t offset, const char *data, size_t len, char *buf)
{
	struct overlay *o = b->overlay;
	uint64_t c = offset / CLUSTER, start = c * CLUSTER;
	size_t whole = MIN(CLUSTER, b->size - start);
	pthread_mutex_t *stripe = &o->stripe[c % STRIPES];
	int ret;

	if (!data && len == whole) {
		pthread_mutex_lock(stripe);
		ret = punch(o, start, whole);
		if (!ret)
			set_present(o, c);
		pthread_mutex_unlock(stripe);
		if (!ret)
			return 0;
	}
	if (!data) {
		memset(buf, 0, len);
		data = buf;
	}
	if (is_present(o, c))
		return file_write(o->fd, data, len, offset);
	pthread_mutex_lock(stripe);
	if (is_present(o, c) || len == whole) {
		ret = file_write(o->fd, data, len, offset);
	} else {
		size_t at = offset - start;
		char *merged = data == buf ? malloc(CLUSTER) : buf;

		ret = merged ? read_base(b, start, merged, whole) : -ENOMEM;
		if (!ret) {
			memcpy(merged + at, data, len);
			ret = file_write(o->fd, merged, whole, start);
		}
		if (merged != buf)
			free(merged);
	}
	if (!ret)
		set_present(o, c);
	pthread_mutex_unlock(stripe);
	return ret;
}

static int read_cluster(struct block *b, uint64_t offset, char *data, size_t len)
{
	if (is_present(b->overlay, offset / CLUSTER))
		return file_read(b->overlay->fd, data, len, offset);
	return read_base(b, offset, data, len);
}

int overlay_run(struct block *b, struct block_req *r)
{
	char *data = NULL, *scratch = NULL;
	uint64_t done = 0;
	int ret = 0;

	if (r->op == BLOCK_FLUSH || r->op == BLOCK_DISCARD)
		return 0;	/* nothing here outlives the process; a discard is only a hint */
	data = malloc(CLUSTER);
	scratch = malloc(CLUSTER);
	if (!data || !scratch)
		ret = -ENOMEM;
	while (done < r->bytes && !ret) {
		uint64_t at = r->offset + done;
		size_t len = MIN(CLUSTER - at % CLUSTER, r->bytes - done);

		if (r->op == BLOCK_READ) {
			ret = read_cluster(b, at, data, len);
			if (!ret)
				iov_from_buf(r->iov, r->nr_iov, done, data, len);
		} else if (r->op == BLOCK_WRITE) {
			iov_to_buf(r->iov, r->nr_iov, done, data, len);
			ret = write_cluster(b, at, data, len, scratch);
		} else {
			ret = write_cluster(b, at, NULL, len, scratch);
		}
		done += len;
	}
	free(data);
	free(scratch);
	return ret;
}

static int open_temporary(struct err *e)
{
	const char *dir = getenv("TMPDIR");
	char path[512];
	int fd;

	if (!dir || !*dir)
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	if (fd >= 0)
		return fd;
	if ((size_t)snprintf(path, sizeof(path), "%s/ambi-XXXXXX", dir) >= sizeof(path))
		return err_set(e, ENAMETOOLONG, "TMPDIR is too long");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "temporary file in %s", dir);
	unlink(path);
	return fd;
}

struct overlay *overlay_new(struct block *b, struct err *e)
{
	struct overlay *o = calloc(1, sizeof(*o));

	if (!o) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	for (unsigned i = 0; i < STRIPES; i++)
		pthread_mutex_init(&o->stripe[i], NULL);
	o->present = calloc(b->size / CLUSTER / 64 + 1, sizeof(uint64_t));
	o->fd = open_temporary(e);
	if (o->fd >= 0 && !o->present)
		err_set(e, ENOMEM, "no memory for the overlay's bitmap");
	if (o->fd < 0 || !o->present) {
		overlay_free(o);
		return NULL;
	}
	if (ftruncate(o->fd, (off_t)b->size) < 0) {
		err_errno(e, errno, "temporary overlay");
		overlay_free(o);
		return NULL;
	}
	return o;
}

void overlay_free(struct overlay *o)
{
	if (!o)
		return;
	if (o->fd >= 0)
		close(o->fd);
	for (unsigned i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&o->stripe[i]);
	free(o->present);
	free(o);
}

int block_delta_save(struct block *b,
		     int (*put)(void *opaque, uint64_t offset, const void *data, size_t len),
		     void *opaque, struct err *e)
{
	struct overlay *o = b->overlay;
	char *buf;
	int ret = 0;

	if (!o)
		return err_set(e, ENOTSUP, "%s: has no temporary overlay", b->cfg.path);
	buf = malloc(CLUSTER);
	if (!buf)
		return err_set(e, ENOMEM, "no memory");
	for (uint64_t c = 0; c * CLUSTER < b->size && !ret; c++) {
		size_t len = MIN(CLUSTER, b->size - c * CLUSTER);

		if (!(c & 63) && !o->present[c >> 6])
			c |= 63;
		if (!is_present(o, c))
			continue;
		ret = file_read(o->fd, buf, len, c * CLUSTER);
		if (ret < 0)
			err_errno(e, -ret, "%s: temporary overlay", b->cfg.path);
		else
			ret = put(opaque, c * CLUSTER, is_zeros(buf, len) ? NULL : buf, len);
	}
	free(buf);
	return ret;
}

void block_delta_mark(struct block *b)
{
	struct overlay *o = b->overlay;

	for (uint64_t c = 0; o && c * CLUSTER < b->size; c++) {
		if (!(c & 63) && !o->present[c >> 6])
			c |= 63;
		else if (is_present(o, c))
			block_track_mark(b, c * CLUSTER, CLUSTER);
	}
}

int block_delta_reset(struct block *b, struct err *e)
{
	struct overlay *o = b->overlay;

	if (!o)
		return err_set(e, ENOTSUP, "%s: has no temporary overlay (-snapshot)",
			       b->cfg.path);
	block_quiesce(b);
	for (uint64_t i = 0; i <= b->size / CLUSTER / 64; i++)
		o->present[i] = 0;
	/* Old contents need not be cleared: an absent cluster is written whole when it comes. */
	block_resume(b);
	block_track_mark(b, 0, b->size);
	return 0;
}

int block_delta_load(struct block *b, uint64_t offset, const void *data, size_t len,
		     struct err *e)
{
	int ret;

	if (!b->overlay)
		return err_set(e, ENOTSUP, "%s: has no temporary overlay (-snapshot)",
			       b->cfg.path);
	if ((offset | len) % BLOCK_SECTOR || len > b->size || offset > b->size - len)
		return err_set(e, EINVAL, "%s: a piece of the overlay lies beyond the disk's end",
			       b->cfg.path);
	ret = block_rw(b, data ? BLOCK_WRITE : BLOCK_WRITE_ZEROES, offset, (void *)data, len);
	return ret < 0 ? err_errno(e, -ret, "%s: temporary overlay", b->cfg.path) : 0;
}
