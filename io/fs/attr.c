/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes, extended ones too, and what symbolic links point to. */
#include "io/fs/fs_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {				/* valid bits of Tsetattr */
	A_MODE = 1, A_UID = 2, A_GID = 4, A_SIZE = 8, A_ATIME = 0x10, A_MTIME = 0x20,
	A_CTIME = 0x40, A_ATIME_SET = 0x80, A_MTIME_SET = 0x100,
};
#define GETATTR_BASIC 0x7ffu
#define GETATTR_BTIME 0x800u
#define V9FS_MAGIC 0x01021997u
#define NAME_ROOM 1024u

/* The descriptor that speaks for a fid: its open file's, or its place's. Ends with unpin. */
static int pin(struct op *o, struct fid *d)
{
	return d->kind == FID_OPEN ? d->fd : node_pin(o->fs, d->node);
}

static void unpin(struct op *o, struct fid *d)
{
	if (d->kind != FID_OPEN)
		node_unpin(o->fs, d->node);
}

static void put_time(struct msg *m, const struct statx_timestamp *t)
{
	msg_put64(m, (uint64_t)t->tv_sec);
	msg_put64(m, t->tv_nsec);
}

static void put_attr(struct op *o, const struct statx *st)
{
	static const struct statx_timestamp never;
	bool birth = st->stx_mask & STATX_BTIME;
	struct msg *m = &o->out;

	msg_put64(m, GETATTR_BASIC | (birth ? GETATTR_BTIME : 0));
	fs_put_qid(o->fs, m, st);
	msg_put32(m, st->stx_mode);
	msg_put32(m, st->stx_uid);
	msg_put32(m, st->stx_gid);
	msg_put64(m, st->stx_nlink);
	msg_put64(m, makedev(st->stx_rdev_major, st->stx_rdev_minor));
	msg_put64(m, st->stx_size);
	msg_put64(m, st->stx_blksize);
	msg_put64(m, st->stx_blocks);
	put_time(m, &st->stx_atime);
	put_time(m, &st->stx_mtime);
	put_time(m, &st->stx_ctime);
	put_time(m, birth ? &st->stx_btime : &never);
	msg_put64(m, 0);		/* generation, data version: not known */
	msg_put64(m, 0);
}

int op_getattr(struct op *o)
{
	struct fid *d = fid_get(o->fs, msg_get32(&o->in));
	struct statx st;
	int fd, rc;

	if (!d)
		return -EBADF;
	fd = pin(o, d);
	rc = fd < 0 ? fd : owner_stat(o->fs, fd, &st);
	if (fd >= 0)
		unpin(o, d);
	if (!rc)
		put_attr(o, &st);
	fid_put(o->fs, d);
	return rc;
}

static int set_size(struct op *o, struct fid *d, int fd, uint64_t size)
{
	int rc;

	if (size > INT64_MAX)
		return -EFBIG;
	if (d->writable)
		return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
	fd = fs_reopen(o->fs, fd, O_WRONLY);
	if (fd < 0)
		return fd;
	rc = ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static struct timespec new_time(uint32_t valid, uint32_t touch, uint32_t set, uint64_t sec,
				uint64_t nsec)
{
	if (!(valid & touch))
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	if (!(valid & set))
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return (struct timespec){ .tv_sec = (time_t)sec, .tv_nsec = (long)(nsec % 1000000000) };
}

struct changes {
	uint32_t valid, mode, uid, gid;
	uint64_t size, atime[2], mtime[2];
};

static int change(struct op *o, struct fid *d, int fd, const struct changes *c)
{
	struct fs *f = o->fs;
	int rc = 0;

	/* The owner first, whose change clears set-id bits. */
	if (c->valid & (A_UID | A_GID))
		rc = owner_chown(f, fd, c->valid & A_UID ? c->uid : FS_NO_UID,
				 c->valid & A_GID ? c->gid : FS_NO_UID);
	if (!rc && (c->valid & A_MODE))
		rc = owner_chmod(f, fd, c->mode);
	if (!rc && (c->valid & A_SIZE))
		rc = set_size(o, d, fd, c->size);
	if (!rc && (c->valid & (A_ATIME | A_MTIME))) {
		struct timespec t[2] = {
			new_time(c->valid, A_ATIME, A_ATIME_SET, c->atime[0], c->atime[1]),
			new_time(c->valid, A_MTIME, A_MTIME_SET, c->mtime[0], c->mtime[1]),
		};

		rc = utimensat(f->proc_fd, fs_proc_name(fd).s, t, 0) < 0 ? -errno : 0;
	}
	/* Nothing but the change time: an owner that stays the same moves it. */
	if (!rc && c->valid == A_CTIME)
		rc = fchownat(fd, "", FS_NO_UID, FS_NO_UID, AT_EMPTY_PATH) < 0 ? -errno : 0;
	return rc;
}

int op_setattr(struct op *o)
{
	uint32_t id = msg_get32(&o->in);
	struct changes c;
	struct fid *d;
	int fd, rc;

	c.valid = msg_get32(&o->in);
	c.mode = msg_get32(&o->in);
	c.uid = msg_get32(&o->in);
	c.gid = msg_get32(&o->in);
	c.size = msg_get64(&o->in);
	for (unsigned i = 0; i < 2; i++)
		c.atime[i] = msg_get64(&o->in);
	for (unsigned i = 0; i < 2; i++)
		c.mtime[i] = msg_get64(&o->in);
	if (o->in.bad)
		return -EINVAL;
	d = fid_get(o->fs, id);
	if (!d)
		return -EBADF;
	fd = pin(o, d);
	rc = fd < 0 ? fd : change(o, d, fd, &c);
	if (fd >= 0)
		unpin(o, d);
	fid_put(o->fs, d);
	return rc;
}

int op_statfs(struct op *o)
{
	struct fid *d = fid_get(o->fs, msg_get32(&o->in));
	struct statfs s;
	int fd, rc;

	if (!d)
		return -EBADF;
	fd = pin(o, d);
	rc = fd < 0 ? fd : fstatfs(fd, &s) < 0 ? -errno : 0;
	if (fd >= 0)
		unpin(o, d);
	fid_put(o->fs, d);
	if (rc < 0)
		return rc;
	msg_put32(&o->out, V9FS_MAGIC);	/* not the host's: it is not that kind for the guest */
	msg_put32(&o->out, (uint32_t)s.f_bsize);
	msg_put64(&o->out, s.f_blocks);
	msg_put64(&o->out, s.f_bfree);
	msg_put64(&o->out, s.f_bavail);
	msg_put64(&o->out, s.f_files);
	msg_put64(&o->out, s.f_ffree);
	msg_put32(&o->out, (uint32_t)s.f_fsid.__val[0]);
	msg_put32(&o->out, (uint32_t)s.f_fsid.__val[1]);
	msg_put32(&o->out, (uint32_t)MIN(s.f_namelen, NAME_MAX));
	return 0;
}

/* Mapped links are files with the target in them. */
static ssize_t link_target(struct op *o, struct fid *d, int fd, char *buf, size_t size)
{
	struct statx st;
	ssize_t n = owner_stat(o->fs, fd, &st);

	if (n < 0)
		return n;
	if (!S_ISLNK(st.stx_mode))
		return -EINVAL;
	if (S_ISLNK(d->node->type)) {
		n = readlinkat(fd, "", buf, size);
		return n < 0 ? -errno : n;
	}
	fd = fs_reopen(o->fs, fd, O_RDONLY);
	if (fd < 0)
		return fd;
	n = pread(fd, buf, size, 0);
	n = n < 0 ? -errno : n;
	close(fd);
	return n;
}

int op_readlink(struct op *o)
{
	struct fid *d = fid_get(o->fs, msg_get32(&o->in));
	char buf[PATH_MAX];
	ssize_t n;
	int fd;

	if (!d)
		return -EBADF;
	fd = pin(o, d);
	n = fd < 0 ? fd : link_target(o, d, fd, buf, sizeof(buf));
	if (fd >= 0)
		unpin(o, d);
	fid_put(o->fs, d);
	if (n < 0)
		return (int)n;
	msg_put_str(&o->out, buf, (size_t)n);
	return 0;
}

/* ---- extended attributes ---- */

static int xattr_allowed(struct fs *f, const char *name)
{
	if (owner_hides(f, name))
		return -EPERM;
	/* The guest's trusted and security attributes mean nothing on files of another owner. */
	if (f->security == FS_SECURITY_MAPPED && strncmp(name, "user.", 5))
		return -EOPNOTSUPP;
	return 0;
}

/* Takes what is not the guest's out of a list of names; returns its new length. */
static uint32_t filter_list(struct fs *f, char *list, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t at = 0, len; at < n; at += len) {
		len = (uint32_t)strnlen(list + at, n - at - 1) + 1;
		if (owner_hides(f, list + at))
			continue;
		memmove(list + kept, list + at, len);
		kept += len;
	}
	return kept;
}

static struct fid *xattr_fid(struct op *o, struct fid *from, uint32_t id, enum fid_kind kind,
			     uint32_t room)
{
	struct fs *f = o->fs;
	struct fid *d;
	bool full;

	pthread_mutex_lock(&f->lock);
	full = f->nr_xattrs >= FS_MAX_XATTRS;
	f->nr_xattrs += !full;
	pthread_mutex_unlock(&f->lock);
	d = full ? NULL : fid_new(f, id, from->uid, node_ref(f, from->node));
	if (!d) {
		if (!full) {
			pthread_mutex_lock(&f->lock);
			f->nr_xattrs--;
			pthread_mutex_unlock(&f->lock);
		}
		return NULL;
	}
	d->kind = kind;
	d->value_max = room;
	d->value = malloc(room + 1);
	if (!d->value) {
		fid_put(f, d);
		return NULL;
	}
	return d;
}

static int read_xattr(struct op *o, struct fid *d, const char *name)
{
	int fd = node_pin(o->fs, d->node);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (*name)
		n = getxattr(fs_proc_path(fd).s, name, d->value, d->value_max);
	else
		n = listxattr(fs_proc_path(fd).s, (char *)d->value, d->value_max);
	n = n < 0 ? -errno : n;
	node_unpin(o->fs, d->node);
	if (n < 0)
		return (int)n;
	d->value_len = *name ? (uint32_t)n : filter_list(o->fs, (char *)d->value, (uint32_t)n);
	return 0;
}

int op_xattrwalk(struct op *o)
{
	uint32_t id = msg_get32(&o->in), new_id = msg_get32(&o->in);
	struct fs *f = o->fs;
	struct fid *from, *d;
	char name[NAME_ROOM];
	uint8_t *fit;
	int rc;

	msg_get_str(&o->in, name, sizeof(name));
	if (o->in.bad)
		return -EINVAL;
	rc = *name ? xattr_allowed(f, name) : 0;
	if (rc < 0)
		return rc == -EPERM ? -ENODATA : rc;
	from = fid_get(f, id);
	if (!from)
		return -EBADF;
	d = xattr_fid(o, from, new_id, FID_XATTR_READ, FS_XATTR_SIZE);
	fid_put(f, from);
	if (!d)
		return -ENOMEM;
	rc = read_xattr(o, d, name);
	if (rc < 0) {
		fid_put(f, d);
		return rc;
	}
	fit = realloc(d->value, d->value_len + 1);
	d->value = fit ? fit : d->value;
	msg_put64(&o->out, d->value_len);
	return fid_add(f, d, NULL);
}

int op_xattrcreate(struct op *o)
{
	uint32_t id = msg_get32(&o->in), flags;
	struct fs *f = o->fs;
	struct fid *from, *d;
	char name[NAME_ROOM];
	uint64_t size;
	int rc;

	msg_get_str(&o->in, name, sizeof(name));
	size = msg_get64(&o->in);
	flags = msg_get32(&o->in);
	if (o->in.bad || !*name || (flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE)))
		return -EINVAL;
	if (size > FS_XATTR_SIZE)
		return -E2BIG;
	rc = xattr_allowed(f, name);
	if (rc < 0)
		return rc;
	from = fid_get(f, id);
	if (!from)
		return -EBADF;
	d = from->kind == FID_PLAIN ?
	    xattr_fid(o, from, id, FID_XATTR_WRITE, (uint32_t)size) : NULL;
	rc = from->kind == FID_PLAIN ? -ENOMEM : -EINVAL;
	if (d) {
		d->xname = strdup(name);
		d->xflags = flags;
		if (d->xname)
			rc = fid_add(f, d, from);
		else
			fid_put(f, d);
	}
	fid_put(f, from);
	return rc;
}

/* The end of a fid that an attribute was written to. */
static int set_xattr(struct op *o, struct fid *d)
{
	int fd, rc;

	if (d->value_len != d->value_max)
		return -EINVAL;		/* less came than was announced */
	fd = node_pin(o->fs, d->node);
	if (fd < 0)
		return fd;
	/* Linux removes an attribute by replacing it with nothing. */
	if (!d->value_len && d->xflags == XATTR_REPLACE)
		rc = removexattr(fs_proc_path(fd).s, d->xname);
	else
		rc = setxattr(fs_proc_path(fd).s, d->xname, d->value, d->value_len,
			      (int)d->xflags);
	rc = rc < 0 ? -errno : 0;
	node_unpin(o->fs, d->node);
	return rc;
}

int op_clunk(struct op *o)
{
	uint32_t id = msg_get32(&o->in);
	struct fid *d;
	int rc = 0;

	if (o->in.bad)
		return -EINVAL;
	d = fid_take(o->fs, id);
	if (!d)
		return -EBADF;
	if (d->kind == FID_XATTR_WRITE) {
		pthread_mutex_lock(&d->lock);
		rc = set_xattr(o, d);
		pthread_mutex_unlock(&d->lock);
	}
	fid_put(o->fs, d);
	return rc;
}
