/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open files: data goes between the host's page cache and the guest's memory directly. */
#include "io/fs/fs_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/iov.h"

enum {				/* open flags of 9P2000.L: Linux's on x86, whatever the host */
	L_ACCESS = 3, L_WRONLY = 1, L_RDWR = 2, L_EXCL = 0200, L_TRUNC = 01000, L_APPEND = 02000,
	L_DSYNC = 010000, L_DIRECTORY = 0200000, L_SYNC = 04000000,
};
#define NAME_ROOM 1024u
#define READ_HEAD 11u		/* header and count in front of data */
#define WRITE_HEAD 23u		/* header, fid, offset, count */
#define MAX_IOV 256u

/* Those that change what the host does; O_DIRECT is not among them: buffers are not aligned. */
static int host_flags(uint32_t l)
{
	int flags;

	switch (l & L_ACCESS) {
	case 0: flags = O_RDONLY; break;
	case L_WRONLY: flags = O_WRONLY; break;
	case L_RDWR: flags = O_RDWR; break;
	default: return -EINVAL;
	}
	if (l & L_TRUNC)
		flags |= O_TRUNC;
	if (l & L_APPEND)
		flags |= O_APPEND;
	if (l & L_SYNC)
		flags |= O_SYNC;
	else if (l & L_DSYNC)
		flags |= O_DSYNC;
	return flags;
}

/* Takes n's reference and fd (with its reservation), also where it fails. */
static int replace_by_open(struct op *o, struct fid *old, struct node *n, int fd, int flags)
{
	struct fs *f = o->fs;
	struct statx st;
	struct fid *d;
	int rc = owner_stat(f, fd, &st);

	d = fid_new(f, old->id, old->uid, n);
	if (!d) {
		close(fd);
		fs_files_release(f);
		return -ENOMEM;
	}
	d->kind = FID_OPEN;
	d->fd = fd;
	d->dir = S_ISDIR(n->type);
	d->writable = (flags & O_ACCMODE) != O_RDONLY;
	if (rc < 0) {
		fid_put(f, d);
		return rc;
	}
	fs_put_qid(f, &o->out, &st);
	msg_put32(&o->out, 0);		/* iounit: what fits a message */
	return fid_add(f, d, old);
}

static int open_node(struct op *o, struct node *n, int flags)
{
	struct fs *f = o->fs;
	struct statx st;
	int path_fd = node_pin(f, n), fd;

	if (path_fd < 0)
		return path_fd;
	if (S_ISDIR(n->type))
		fd = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) ? -EISDIR : 0;
	else
		fd = owner_stat(f, path_fd, &st);
	if (!fd && !S_ISDIR(n->type) && !S_ISREG(st.stx_mode))
		fd = S_ISLNK(st.stx_mode) ? -ELOOP : -ENXIO;
	if (!fd)
		fd = fs_reopen(f, path_fd, flags);
	node_unpin(f, n);
	return fd;
}

int op_lopen(struct op *o)
{
	uint32_t id = msg_get32(&o->in), l = msg_get32(&o->in);
	int flags = host_flags(l), fd, rc;
	struct fs *f = o->fs;
	struct fid *d;

	if (o->in.bad || flags < 0)
		return -EINVAL;
	if (f->readonly && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)))
		return -EROFS;
	d = fid_get(f, id);
	if (!d)
		return -EBADF;
	rc = d->kind != FID_PLAIN ? -EINVAL :
	     (l & L_DIRECTORY) && !S_ISDIR(d->node->type) ? -ENOTDIR : fs_files_reserve(f);
	if (rc < 0)
		goto out;
	fd = open_node(o, d->node, flags);
	if (fd < 0) {
		fs_files_release(f);
		rc = fd;
		goto out;
	}
	rc = replace_by_open(o, d, node_ref(f, d->node), fd, flags);
out:
	fid_put(f, d);
	return rc;
}

/* Makes the file, or -errno; the descriptor is open as wanted. */
static int create(struct op *o, struct fid *d, int dirfd, const char *name, int flags,
		  uint32_t mode, uint32_t gid)
{
	int fd = openat(dirfd, name, (flags & ~O_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = owner_set_new(o->fs, fd, S_IFREG | (mode & 07777), d->uid, gid, 0);
	if (rc < 0) {
		close(fd);
		unlinkat(dirfd, name, 0);
		return rc;
	}
	return fd;
}

int op_lcreate(struct op *o)
{
	uint32_t id = msg_get32(&o->in), l, mode, gid;
	struct node *n = NULL;
	struct fs *f = o->fs;
	char name[NAME_ROOM];
	int flags, dirfd, fd = -EEXIST, rc;
	struct fid *d;

	msg_get_str(&o->in, name, sizeof(name));
	l = msg_get32(&o->in);
	mode = msg_get32(&o->in);
	gid = msg_get32(&o->in);
	flags = host_flags(l);
	if (o->in.bad || flags < 0)
		return -EINVAL;
	rc = name_check(name);
	if (rc < 0)
		return rc;
	d = fid_get(f, id);
	if (!d)
		return -EBADF;
	rc = d->kind != FID_PLAIN ? -EINVAL : fs_files_reserve(f);
	if (rc < 0)
		goto out;
	dirfd = node_pin(f, d->node);
	if (dirfd < 0) {
		rc = dirfd;
		goto release;
	}
	fd = create(o, d, dirfd, name, flags, mode, gid);
	node_unpin(f, d->node);
	if (fd >= 0 || (fd == -EEXIST && !(l & L_EXCL)))
		rc = node_walk(f, d->node, name, &n);
	else
		rc = fd;
	/* What was there before is opened as by lopen: it may be a device. */
	if (!rc && fd < 0)
		fd = rc = open_node(o, n, flags);
	if (rc < 0)
		goto release;
	rc = replace_by_open(o, d, n, fd, flags);
	goto out;
release:
	if (fd >= 0)
		close(fd);
	if (n)
		node_put(f, n);
	fs_files_release(f);
out:
	fid_put(f, d);
	return rc;
}

static int read_value(struct op *o, struct fid *d, uint64_t off, uint32_t count)
{
	uint32_t n = off < d->value_len ? (uint32_t)MIN(count, d->value_len - off) : 0;

	o->direct = (uint32_t)iov_from_buf(o->req->in, o->req->nr_in, READ_HEAD,
					   d->value + (n ? off : 0), n);
	msg_put32(&o->out, o->direct);
	return 0;
}

int op_read(struct op *o)
{
	uint32_t id = msg_get32(&o->in), count;
	uint64_t off = msg_get64(&o->in);
	struct iovec iov[MAX_IOV];
	struct fs *f = o->fs;
	struct fid *d;
	unsigned nr;
	ssize_t n;
	int rc = 0;

	count = msg_get32(&o->in);
	if (o->in.bad || off > INT64_MAX)
		return -EINVAL;
	count = MIN(count, o->room);
	d = fid_get(f, id);
	if (!d)
		return -EBADF;
	if (d->kind == FID_XATTR_READ) {
		rc = read_value(o, d, off, count);
	} else if (d->kind != FID_OPEN || d->dir) {
		rc = d->kind == FID_OPEN ? -EISDIR : -EBADF;
	} else {
		nr = iov_slice(o->req->in, o->req->nr_in, READ_HEAD, count, iov, MAX_IOV);
		n = preadv(d->fd, iov, (int)nr, (off_t)off);
		if (n < 0) {
			rc = -errno;
		} else {
			o->direct = (uint32_t)n;
			msg_put32(&o->out, o->direct);
		}
	}
	fid_put(f, d);
	return rc;
}

/* The value of an attribute comes in pieces; it is set when the fid ends. */
static int write_value(struct op *o, struct fid *d, uint64_t off, uint32_t count)
{
	if (off > d->value_max || count > d->value_max - off)
		return -ENOSPC;
	pthread_mutex_lock(&d->lock);
	iov_to_buf(o->req->out, o->req->nr_out, WRITE_HEAD, d->value + off, count);
	d->value_len = MAX(d->value_len, (uint32_t)(off + count));
	pthread_mutex_unlock(&d->lock);
	return (int)count;
}

int op_write(struct op *o)
{
	uint32_t id = msg_get32(&o->in), count;
	uint64_t off = msg_get64(&o->in);
	struct iovec iov[MAX_IOV];
	struct fs *f = o->fs;
	struct fid *d;
	ssize_t n;

	count = msg_get32(&o->in);
	if (o->in.bad || off > INT64_MAX || o->req->out_bytes < WRITE_HEAD ||
	    count > o->req->out_bytes - WRITE_HEAD)
		return -EINVAL;
	d = fid_get(f, id);
	if (!d)
		return -EBADF;
	if (d->kind == FID_XATTR_WRITE) {
		n = write_value(o, d, off, count);
	} else if (d->kind != FID_OPEN || d->dir) {
		n = -EBADF;
	} else {
		unsigned nr = iov_slice(o->req->out, o->req->nr_out, WRITE_HEAD, count, iov,
					MAX_IOV);

		n = pwritev(d->fd, iov, (int)nr, (off_t)off);
		if (n < 0)
			n = -errno;
	}
	fid_put(f, d);
	if (n < 0)
		return (int)n;
	msg_put32(&o->out, (uint32_t)n);
	return 0;
}

int op_fsync(struct op *o)
{
	uint32_t id = msg_get32(&o->in), data_only = msg_get32(&o->in);
	struct fs *f = o->fs;
	struct fid *d;
	int rc;

	/* The second word came later to the protocol. */
	d = fid_get(f, id);
	if (!d)
		return -EBADF;
	if (d->kind != FID_OPEN)
		rc = -EBADF;
	else
		rc = (!o->in.bad && data_only ? fdatasync(d->fd) : fsync(d->fd)) < 0 ? -errno : 0;
	fid_put(f, d);
	return rc;
}

/*
 * The guest's kernel has settled locks among its own processes before it asks, and
 * the host's do not take part: it can have each.
 */
int op_lock(struct op *o)
{
	struct fid *d = fid_get(o->fs, msg_get32(&o->in));

	if (!d)
		return -EBADF;
	fid_put(o->fs, d);
	msg_put8(&o->out, 0);		/* P9_LOCK_SUCCESS */
	return 0;
}

int op_getlock(struct op *o)
{
	struct fid *d = fid_get(o->fs, msg_get32(&o->in));
	char client[1024];
	uint64_t start, length;
	uint32_t proc;

	if (!d)
		return -EBADF;
	fid_put(o->fs, d);
	msg_get8(&o->in);
	start = msg_get64(&o->in);
	length = msg_get64(&o->in);
	proc = msg_get32(&o->in);
	msg_get_str(&o->in, client, sizeof(client));
	if (o->in.bad)
		return -EINVAL;
	msg_put8(&o->out, 2);		/* P9_LOCK_TYPE_UNLCK: nobody holds it */
	msg_put64(&o->out, start);
	msg_put64(&o->out, length);
	msg_put32(&o->out, proc);
	msg_put_str(&o->out, client, strlen(client));
	return 0;
}
