/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New images, and what there is to know of those that exist. */
#include "io/block/qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct layout { uint64_t rt, blocks, l1, total; };	/* in clusters, one behind the other */

static void lay_out(struct layout *l, unsigned bits, uint64_t size)
{
	uint64_t per_l2 = BIT(bits) / 8, per_block = BIT(bits) / 2, n;

	n = (size + BIT(bits) - 1) >> bits;
	n = (n + per_l2 - 1) / per_l2;
	l->l1 = (n * 8 + BIT(bits) - 1) >> bits;
	l->rt = l->blocks = 1;
	for (;;) {
		l->total = 1 + l->rt + l->blocks + l->l1;
		if (l->blocks * per_block < l->total)
			l->blocks++;
		else if (l->rt * per_l2 < l->blocks)
			l->rt++;
		else
			break;
	}
}

static size_t add_extension(uint8_t *p, uint32_t type, const char *text)
{
	size_t n = strlen(text);

	st_be32(p, type);
	st_be32(p + 4, (uint32_t)n);
	memcpy(p + 8, text, n);
	return 8 + align_up(n, 8);
}

static int fill_header(uint8_t *p, const struct block_create *c, const struct layout *l,
		       struct err *e)
{
	uint64_t cluster = BIT(c->cluster_bits), at = c->version == 2 ? 72 : 112;
	uint64_t needed = (c->size + cluster * cluster / 8 - 1) / (cluster * cluster / 8);
	size_t name = c->backing ? strlen(c->backing) : 0;

	st_be32(p, QCOW2_MAGIC);
	st_be32(p + 4, c->version);
	st_be32(p + 20, c->cluster_bits);
	st_be64(p + 24, c->size);
	st_be32(p + 36, (uint32_t)needed);
	st_be64(p + 40, (1 + l->rt + l->blocks) * cluster);
	st_be64(p + 48, cluster);
	st_be32(p + 56, (uint32_t)l->rt);
	if (c->version >= 3) {
		st_be32(p + 96, 4);
		st_be32(p + 100, 112);
	}
	if (!c->backing)
		return 0;
	if (name > 1023 || at + 16 + 8 + name > cluster)
		return err_set(e, ENAMETOOLONG, "name of the backing file is too long");
	at += add_extension(p + at, 0xe2792aca,
			    c->backing_format == BLOCK_FORMAT_QCOW2 ? "qcow2" : "raw") + 8;
	st_be64(p + 8, at);
	st_be32(p + 16, (uint32_t)name);
	memcpy(p + at, c->backing, name);
	return 0;
}

static int write_image(int fd, const struct block_create *c, struct err *e)
{
	uint64_t cluster = BIT(c->cluster_bits);
	struct layout l;
	size_t size;
	uint8_t *p;
	int ret;

	lay_out(&l, c->cluster_bits, c->size);
	if (l.l1 * cluster > QCOW2_MAX_L1 + cluster)
		return err_set(e, EFBIG, "too large for clusters of %u bytes", (unsigned)cluster);
	size = (1 + l.rt + l.blocks) * cluster;
	p = calloc(1, size);
	if (!p)
		return err_set(e, ENOMEM, "no memory");
	ret = fill_header(p, c, &l, e);
	for (uint64_t i = 0; i < l.blocks; i++)
		st_be64(p + cluster + 8 * i, (1 + l.rt + i) * cluster);
	for (uint64_t i = 0; i < l.total; i++)
		st_be16(p + (1 + l.rt) * cluster + 2 * i, 1);
	if (!ret && (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)(l.total * cluster)) < 0 ||
		     pwrite(fd, p, size, 0) != (ssize_t)size || fsync(fd) < 0))
		ret = err_errno(e, errno ? errno : ENOSPC, "cannot be written");
	free(p);
	return ret;
}

/* The size of a backing file that is to be had, and a word early if it is not. */
static int look_at_backing(struct block_create *c, struct err *e)
{
	struct block_config bc = { .readonly = true, .format = c->backing_format };
	const char *dir = strrchr(c->path, '/');
	struct block *b;

	if (*c->backing == '/' || !dir)
		snprintf(bc.path, sizeof(bc.path), "%s", c->backing);
	else
		snprintf(bc.path, sizeof(bc.path), "%.*s/%s", (int)(dir - c->path), c->path,
			 c->backing);
	b = block_open(&bc, e);
	if (!b)
		return err_prefix(e, "backing file");
	c->backing_format = block_format(b);
	if (!c->size)
		c->size = block_size(b);
	block_close(b);
	return 0;
}

int block_create(const struct block_create *want, struct err *e)
{
	struct block_create c = *want;
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, ret = 0;

	c.format = block_is_qcow2(c.format, c.path) ? BLOCK_FORMAT_QCOW2 : BLOCK_FORMAT_RAW;
	if (!c.cluster_bits)
		c.cluster_bits = 16;
	if (!c.version)
		c.version = 3;
	if (c.cluster_bits < 9 || c.cluster_bits > QCOW2_MAX_BITS || c.version < 2 || c.version > 3)
		return err_set(e, EINVAL, "clusters have 512 bytes to 2 MiB, versions are 2 and 3");
	if (c.backing && c.format != BLOCK_FORMAT_QCOW2)
		return err_set(e, EINVAL, "a raw image has no backing file");
	if (c.backing)
		ret = look_at_backing(&c, e);
	if (ret < 0)
		return ret;
	if (!c.size || c.size % BLOCK_SECTOR || c.size >> 62)
		return err_set(e, EINVAL, "size must be a multiple of %u bytes", BLOCK_SECTOR);
	fd = open(c.path, O_RDWR | O_CREAT | O_CLOEXEC | (c.overwrite ? 0 : O_EXCL), 0666);
	if (fd < 0)
		return err_errno(e, errno, "%s", c.path);
	if (fcntl(fd, F_OFD_SETLK, &fl) < 0 && (errno == EAGAIN || errno == EACCES)) {
		close(fd);
		return err_set(e, EBUSY, "%s: is in use by another process", c.path);
	}
	if (c.format == BLOCK_FORMAT_QCOW2)
		ret = write_image(fd, &c, e);
	else if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)c.size) < 0)
		ret = err_errno(e, errno, "cannot be made");
	if (close(fd) < 0 && !ret)
		ret = err_errno(e, errno, "cannot be written");
	if (ret < 0 && !c.overwrite)
		unlink(c.path);
	return ret < 0 ? err_prefix(e, "%s", c.path) : 0;
}

int block_get_info(struct block *b, struct block_info *i)
{
	struct block *file = b->below ? b->below : b;
	const struct qcow2_header *h;
	struct stat st;

	if (b->overlay && b->below)
		return block_get_info(b->below, i);
	*i = (struct block_info){ .format = b->q ? "qcow2" : "raw", .size = b->size };
	if (fstat(file->fd, &st) < 0)
		return -errno;
	i->on_disk = file->is_device ? b->size : (uint64_t)st.st_blocks * 512;
	if (!b->q)
		return 0;
	h = &b->q->h;
	i->version = h->version;
	i->cluster_size = 1u << h->bits;
	i->count_bits = 1u << h->ref_order;
	i->nr_snapshots = h->nr_snaps;
	i->compression = h->compression ? "zstd" : "zlib";
	i->backing = *h->backing ? h->backing : NULL;
	i->backing_format = *h->backing ? h->backing_format : NULL;
	i->dirty = h->incompatible & QCOW2_DIRTY;
	i->corrupt = h->incompatible & QCOW2_CORRUPT;
	i->lazy = h->compatible & 1;
	return 0;
}

int block_check(struct block *b, struct block_check *c,
		void (*say)(void *opaque, const char *text), void *opaque, struct err *e)
{
	struct qcow2_walk w = { .say = say, .opaque = opaque };
	struct qcow2 *q = b->q;
	int ret = 0;

	memset(c, 0, sizeof(*c));
	if (!q || !q->loaded)
		return err_set(e, ENOTSUP, "%s: only qcow2 images can be checked", b->cfg.path);
	block_quiesce(b);
	pthread_mutex_lock(&q->lock);
	for (unsigned i = 0; q->writable && !ret && i < 4 && (!i || !qcow2_is_clean(q)); i++)
		ret = qcow2_commit(q);
	if (!ret)
		ret = qcow2_check(q, &w);
	pthread_mutex_unlock(&q->lock);
	block_resume(b);
	*c = (struct block_check){ w.errors, w.leaks, w.data, w.packed,
				   (b->size + q->cluster - 1) >> q->bits };
	qcow2_walk_free(&w);
	return ret < 0 ? err_errno(e, -ret, "%s: check", b->cfg.path) : 0;
}
