/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A raw file or block device, one blocking operation at a time. */
#include "io/block/block_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/log.h"

#define BOUNCE_SIZE (1u << 20)		/* bytes; a multiple of any alignment */
#define BOUNCE_ALIGN 4096u
#define MAX_CACHED (256u << 10)		/* bytes that the submitting thread copies itself */

void (*block_trace_hook)(struct block *b, enum block_trace what, uint64_t off, const void *data,
			 uint64_t len);

int block_file_lock(struct block *b, struct err *e)
{
	struct flock fl = {
		.l_type = b->cfg.readonly || b->cfg.snapshot ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (b->cfg.no_lock || fcntl(b->fd, F_OFD_SETLK, &fl) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(e, EBUSY, "is in use by another process "
			       "(share it with readonly=on or snapshot=on on both sides)");
	log_warn("%s: cannot be locked against a second user", b->cfg.path);
	return 0;
}

void block_file_unlock(struct block *b)
{
	struct flock fl = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (!b->cfg.no_lock)
		fcntl(b->fd, F_OFD_SETLK, &fl);
}

/* The smallest unit that O_DIRECT takes here: the kernel's word, or by trying. */
static int find_alignment(struct block *b, struct err *e)
{
	void *buf;
	int sector;

	b->align = 1;
	if (!b->direct)
		return 0;
	if (b->is_device && ioctl(b->fd, BLKSSZGET, &sector) == 0 && sector >= 512) {
		b->align = (unsigned)sector;
		return 0;
	}
	if (posix_memalign(&buf, BOUNCE_ALIGN, BOUNCE_ALIGN))
		return err_set(e, ENOMEM, "no memory");
	for (b->align = 512; b->align <= BOUNCE_ALIGN; b->align *= 2) {
		/* Memory that is aligned to no more than the length shows both limits at once. */
		char *p = (char *)buf + (b->align < BOUNCE_ALIGN ? b->align : 0);
		size_t len = b->align < BOUNCE_ALIGN ? b->align : BOUNCE_ALIGN;

		if (pread(b->fd, p, len, 0) >= 0 || errno != EINVAL)
			break;
	}
	free(buf);
	if (b->align > BOUNCE_ALIGN)
		return err_set(e, EINVAL,
			       "the file system does not support direct I/O (use cache=writeback)");
	return 0;
}

/*
 * What a disk is must not follow from bytes that a guest can write: a raw disk with another
 * format's mark is used by no rule but its owner's word.
 */
static int check_format(struct block *b, struct err *e)
{
	char head[8];

	if (b->cfg.format != BLOCK_FORMAT_AUTO ||
	    block_file_read(b, 0, head, sizeof(head)) < 0)
		return 0;
	if (!memcmp(head, "QFI\xfb", 4))
		return err_set(e, EINVAL, "looks like a qcow2 image, which a guest could feign: "
			       "say format=qcow2 or format=raw");
	if (!memcmp(head, "KDMV", 4) || !memcmp(head, "vhdxfile", 8))
		log_warn("%s: looks like a disk image of another format, but is used as raw",
			 b->cfg.path);
	return 0;
}

int block_file_open(struct block *b, struct err *e)
{
	const struct block_config *c = &b->cfg;
	bool write = !c->readonly && !c->snapshot;
	int flags = (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;
	int ret;

	b->direct = (c->cache == BLOCK_CACHE_NONE || c->cache == BLOCK_CACHE_DIRECTSYNC) &&
		    !c->snapshot;
	if (b->direct)
		flags |= O_DIRECT;
	if (write && (c->cache == BLOCK_CACHE_WRITETHROUGH || c->cache == BLOCK_CACHE_DIRECTSYNC))
		flags |= O_DSYNC;
	b->fd = open(c->path, flags);
	if (b->fd < 0 && errno == EINVAL && b->direct)
		return err_set(e, EINVAL,
			       "the file system does not support direct I/O (use cache=writeback)");
	if (b->fd < 0 && write && (errno == EACCES || errno == EPERM || errno == EROFS))
		return err_errno(
			e, errno,
			"cannot be written (readonly=on or snapshot=on opens it as it is)");
	if (b->fd < 0)
		return err_errno(e, errno, "cannot be opened");
	if (fstat(b->fd, &st) < 0)
		return err_errno(e, errno, "cannot be examined");
	if (S_ISBLK(st.st_mode)) {
		b->is_device = true;
		if (ioctl(b->fd, BLKGETSIZE64, &b->file_size) < 0)
			return err_errno(e, errno, "size of the device");
	} else if (S_ISREG(st.st_mode)) {
		b->file_size = (uint64_t)st.st_size;
	} else {
		return err_set(e, EINVAL, "is neither a file nor a block device");
	}
	if (!b->file_size)
		return err_set(e, EINVAL, "is empty");
	if (b->file_size % BLOCK_SECTOR && write && !b->container)
		return err_set(
			e, EINVAL,
			"size is not a multiple of %u bytes (truncate -s %%%u FILE mends that)",
			BLOCK_SECTOR, BLOCK_SECTOR);
	b->size = align_up(b->file_size, BLOCK_SECTOR);
	if (b->container) {		/* it says itself what is in use */
		b->size = BIT(62);
		b->file_size = b->is_device ? b->file_size : BIT(62);
	}
	ret = c->inactive ? 0 : block_file_lock(b, e);
	if (!ret)
		ret = find_alignment(b, e);
	if (!ret && !b->is_device && !b->container && !c->inactive)
		ret = check_format(b, e);
	return ret;
}

/* Full length or an error; bytes beyond the end of the file read as zero. */
static int read_all(struct block *b, uint64_t offset, struct iovec *iov, unsigned n)
{
	bool at_end = false;

	while (n) {
		ssize_t r = 0;

		if (offset < b->file_size && !at_end)
			r = preadv(b->fd, iov, (int)MIN(n, (unsigned)IOV_MAX), (off_t)offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0) {
			for (unsigned i = 0; i < n; i++)
				memset(iov[i].iov_base, 0, iov[i].iov_len);
			return 0;
		}
		offset += (uint64_t)r;
		while (n && (size_t)r >= iov->iov_len) {
			r -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n) {
			iov->iov_base = (char *)iov->iov_base + r;
			iov->iov_len -= (size_t)r;
		}
		/* O_DIRECT cannot go on from here, and need not: that was the end */
		at_end = offset & (b->align - 1);
	}
	return 0;
}

static int write_all(struct block *b, uint64_t offset, struct iovec *iov, unsigned n)
{
	if (unlikely(block_trace_hook)) {
		uint64_t at = offset;

		for (unsigned i = 0; i < n; at += iov[i++].iov_len)
			block_file_trace(b, BLOCK_TRACE_WRITE, at, iov[i].iov_base, iov[i].iov_len);
	}
	while (n) {
		ssize_t r = pwritev(b->fd, iov, (int)MIN(n, (unsigned)IOV_MAX), (off_t)offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -ENOSPC;
		offset += (uint64_t)r;
		while (n && (size_t)r >= iov->iov_len) {
			r -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n) {
			iov->iov_base = (char *)iov->iov_base + r;
			iov->iov_len -= (size_t)r;
		}
	}
	return 0;
}

int block_file_read(struct block *b, uint64_t offset, void *buf, size_t len)
{
	struct iovec v = { buf, len };
	struct block_req r = {
		.op = BLOCK_READ, .offset = offset, .bytes = len, .iov = &v, .nr_iov = 1
	};

	return b->direct ? block_file_bounce(b, &r) : read_all(b, offset, &v, 1);
}

bool block_file_aligned(const struct block *b, const struct block_req *r)
{
	uint64_t bits = r->offset | r->bytes;

	for (unsigned i = 0; i < r->nr_iov; i++)
		bits |= (uintptr_t)r->iov[i].iov_base | r->iov[i].iov_len;
	return !(bits & (b->align - 1));
}

/*
 * The disk's last unit may reach behind its end: the file stays as long as it was found. One that
 * somebody else made longer meanwhile is left alone.
 */
static int keep_size(struct block *b, uint64_t end)
{
	uint64_t reached = align_up(end, b->align);
	struct stat st;

	if (b->is_device || b->container || reached <= b->file_size || fstat(b->fd, &st) < 0 ||
	    (uint64_t)st.st_size != reached)
		return 0;
	return ftruncate(b->fd, (off_t)b->file_size) < 0 ? -errno : 0;
}

/*
 * Each round widens a piece of the request to whole units. A write reads the
 * units that it covers in part, so it may not overlap with another one.
 */
int block_file_bounce(struct block *b, struct block_req *r)
{
	uint64_t done = 0;
	void *buf;
	int ret = 0;

	if (posix_memalign(&buf, BOUNCE_ALIGN, BOUNCE_SIZE))
		return -ENOMEM;
	while (done < r->bytes && !ret) {
		uint64_t at = r->offset + done, start = align_down(at, b->align);
		uint64_t len = MIN(r->bytes - done, BOUNCE_SIZE - (at - start));
		uint64_t whole = align_up(at + len, b->align) - start;
		struct iovec v = { buf, whole };

		if (r->op == BLOCK_READ || start != at || whole != len)
			ret = read_all(b, start, &v, 1);
		if (!ret && r->op == BLOCK_READ)
			iov_from_buf(r->iov, r->nr_iov, done, (char *)buf + (at - start), len);
		if (!ret && r->op == BLOCK_WRITE) {
			iov_to_buf(r->iov, r->nr_iov, done, (char *)buf + (at - start), len);
			v = (struct iovec){ buf, whole };
			ret = write_all(b, start, &v, 1);
		}
		done += len;
	}
	free(buf);
	if (r->op == BLOCK_WRITE && keep_size(b, r->offset + r->bytes) < 0 && !ret)
		ret = -EIO;
	return ret;
}

static int write_zero_bytes(struct block *b, uint64_t offset, uint64_t bytes)
{
	static const char zeroes[65536] __attribute__((aligned(4096)));
	int ret = 0;

	while (bytes && !ret) {
		struct iovec v = { (void *)zeroes, MIN(bytes, sizeof(zeroes)) };
		struct block_req r = { .op = BLOCK_WRITE,
				       .offset = offset,
				       .bytes = v.iov_len,
				       .iov = &v,
				       .nr_iov = 1 };
		uint64_t n = v.iov_len;

		ret = block_file_aligned(b, &r) ? write_all(b, offset, &v, 1) :
						  block_file_bounce(b, &r);
		offset += n;
		bytes -= n;
	}
	return ret;
}

static bool cannot(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS || err == EINVAL || err == ENODEV;
}

static int punch(struct block *b, uint64_t offset, uint64_t bytes)
{
	if (b->no_punch)
		return -EOPNOTSUPP;
	if (fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)bytes) == 0)
		return 0;
	if (!cannot(errno))
		return -errno;
	/* EINVAL may be this request's alignment on a device; the others hold for the file. */
	b->no_punch = errno != EINVAL;
	return -EOPNOTSUPP;
}

static int write_zeroes(struct block *b, struct block_req *r)
{
	int ret;

	if (r->unmap && !b->cfg.no_discard) {
		ret = punch(b, r->offset, r->bytes);
		if (ret != -EOPNOTSUPP)
			return ret;
	}
	if (!b->no_zero_range) {
		if (fallocate(b->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)r->offset,
			      (off_t)r->bytes) == 0)
			return 0;
		if (!cannot(errno))
			return -errno;
		b->no_zero_range = errno != EINVAL;
	}
	return write_zero_bytes(b, r->offset, r->bytes);
}

static int sync_data(struct block *b)
{
	int ret;

	while ((ret = fdatasync(b->fd)) < 0 && errno == EINTR)
		;
	return ret < 0 ? -errno : 0;
}

/*
 * A page that could not be written counts as clean afterwards, and the kernel tells one caller: the
 * next would hear that all is well. So there is one at a time, and a failure stays. Who comes while
 * one is under way waits for the one after it, which is for all of them.
 */
int block_file_flush(struct block *b)
{
	uint64_t mine, upto;
	int ret;

	if (b->direct)
		return sync_data(b);
	pthread_mutex_lock(&b->flush_lock);
	mine = ++b->flush_asked;
	while (b->flushing && b->flush_over < mine)
		pthread_cond_wait(&b->flush_cond, &b->flush_lock);
	if (b->flush_over < mine && !b->flush_failed) {
		b->flushing = true;
		upto = b->flush_asked;
		pthread_mutex_unlock(&b->flush_lock);
		ret = sync_data(b);
		pthread_mutex_lock(&b->flush_lock);
		b->flushing = false;
		b->flush_over = upto;
		b->flush_failed = ret;
		pthread_cond_broadcast(&b->flush_cond);
	}
	ret = b->flush_failed;
	pthread_mutex_unlock(&b->flush_lock);
	return ret;
}

static int flush(struct block *b)
{
	int ret = block_file_flush(b);

	if (!ret)
		block_file_trace(b, BLOCK_TRACE_SYNC, 0, NULL, 0);
	return ret;
}

int block_file_run(struct block *b, struct block_req *r)
{
	struct iovec *v;
	int ret;

	switch (r->op) {
	case BLOCK_FLUSH:
		return b->cfg.cache == BLOCK_CACHE_UNSAFE || b->cfg.readonly ? 0 : flush(b);
	case BLOCK_DISCARD:
		if (b->cfg.no_discard)
			return 0;
		ret = punch(b, r->offset, r->bytes);
		return ret == -EOPNOTSUPP ? 0 : ret;	/* only a hint */
	case BLOCK_WRITE_ZEROES:
		ret = write_zeroes(b, r);
		/* O_DSYNC is of writes: what fallocate() did may be in memory only */
		return ret || block_has_flush(b) ? ret : flush(b);
	case BLOCK_READ:
	case BLOCK_WRITE:
		break;
	}
	if (b->direct && !block_file_aligned(b, r))
		return block_file_bounce(b, r);
	v = malloc(r->nr_iov * sizeof(*v));	/* the loops below eat it */
	if (!v)
		return -ENOMEM;
	memcpy(v, r->iov, r->nr_iov * sizeof(*v));
	if (r->op == BLOCK_READ)
		ret = read_all(b, r->offset, v, r->nr_iov);
	else
		ret = write_all(b, r->offset, v, r->nr_iov);
	free(v);
	return ret;
}

bool block_file_try_cached(struct block *b, struct block_req *r)
{
	ssize_t n;

	if (b->no_nowait || b->direct || r->nr_iov > IOV_MAX || r->bytes > MAX_CACHED)
		return false;
	n = preadv2(b->fd, r->iov, (int)r->nr_iov, (off_t)r->offset, RWF_NOWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		b->no_nowait = true;
	return n >= 0 && (uint64_t)n == r->bytes;
}
