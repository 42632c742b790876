/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories: reading them, and whatever changes names. */
#include "io/fs/fs_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAME_ROOM 1024u
#define ENTRY_SIZE 24u		/* qid, offset, type, length of the name */
#define L_REMOVEDIR 0x200u

/* ---- reading ---- */

static void put_entry(struct op *o, struct fid *d, const struct dirent64 *e)
{
	struct fs *f = o->fs;
	uint64_t dev = d->node->id.dev, ino = e->d_ino;
	uint8_t type = e->d_type;

	/* What lies above the export is not for the guest to know. */
	if (!d->node->parent && !strcmp(e->d_name, ".."))
		ino = d->node->id.ino;
	if (f->security == FS_SECURITY_MAPPED && type == DT_REG)
		type = DT_UNKNOWN;
	msg_put8(&o->out, type == DT_DIR ? 0x80 : type == DT_LNK ? 0x02 : 0);
	msg_put32(&o->out, 0);
	msg_put64(&o->out, fs_qid_path(f, dev, ino));
	msg_put64(&o->out, (uint64_t)e->d_off);
	msg_put8(&o->out, type);
	msg_put_str(&o->out, e->d_name, strlen(e->d_name));
}

/* The request was parsed: its buffer takes what the host says. Returns bytes, or -errno. */
static int64_t read_entries(struct op *o, struct fid *d, uint64_t off, uint32_t room)
{
	uint8_t *start = o->out.p;

	if (lseek(d->fd, (off_t)off, SEEK_SET) < 0)
		return -errno;
	for (;;) {
		ssize_t n = getdents64(d->fd, o->in_buf, FS_IN_SIZE), at;

		if (n < 0 && o->out.p == start)
			return -errno;
		if (n <= 0)
			return o->out.p - start;
		for (at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(o->in_buf + at);

			if ((size_t)(o->out.p - start) + ENTRY_SIZE + strlen(e->d_name) > room)
				return o->out.p == start ? -EINVAL : o->out.p - start;
			put_entry(o, d, e);
			at += e->d_reclen;
		}
	}
}

int op_readdir(struct op *o)
{
	uint32_t id = msg_get32(&o->in), count;
	uint64_t off = msg_get64(&o->in);
	struct msg head;
	struct fid *d;
	int64_t n;

	count = msg_get32(&o->in);
	if (o->in.bad || off > INT64_MAX)
		return -EINVAL;
	d = fid_get(o->fs, id);
	if (!d)
		return -EBADF;
	if (d->kind != FID_OPEN || !d->dir) {
		n = d->kind == FID_OPEN ? -ENOTDIR : -EBADF;
		fid_put(o->fs, d);
		return (int)n;
	}
	head = o->out;
	msg_put32(&o->out, 0);
	pthread_mutex_lock(&d->lock);
	n = read_entries(o, d, off, MIN(MIN(count, o->room), FS_OUT_SIZE - FS_MIN_REPLY));
	pthread_mutex_unlock(&d->lock);
	fid_put(o->fs, d);
	if (n < 0)
		return (int)n;
	msg_put32(&head, (uint32_t)n);
	return 0;
}

/* ---- making ---- */

struct make {
	char name[NAME_ROOM];
	char target[PATH_MAX];
	uint32_t mode, gid;		/* mode with its type */
	dev_t rdev;
};

static int write_target(int dirfd, const char *name, const char *target)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write(fd, target, strlen(target)) == (ssize_t)strlen(target) ? 0 : -ENOSPC;
	close(fd);
	return rc;
}

static int make_at(struct fs *f, int dirfd, const struct make *m)
{
	bool mapped = f->security == FS_SECURITY_MAPPED;
	int rc;

	/* The owner's rights only, until owner_set_new says more. */
	if (S_ISDIR(m->mode))
		rc = mkdirat(dirfd, m->name, 0700);
	else if (S_ISLNK(m->mode))
		rc = mapped ? write_target(dirfd, m->name, m->target) :
			      symlinkat(m->target, dirfd, m->name);
	else if (mapped)
		rc = mknodat(dirfd, m->name, S_IFREG | 0600, 0);
	else
		rc = mknodat(dirfd, m->name, (m->mode & S_IFMT) | 0600, m->rdev);
	return rc == -1 ? -errno : rc;
}

static int make_in(struct op *o, struct fid *d, const struct make *m)
{
	struct fs *f = o->fs;
	int dirfd = node_pin(f, d->node), rc, fd;
	struct node *n = NULL;
	struct statx st;

	if (dirfd < 0)
		return dirfd;
	rc = make_at(f, dirfd, m);
	if (rc < 0)
		goto out;
	rc = node_walk(f, d->node, m->name, &n);
	fd = rc < 0 ? rc : node_pin(f, n);
	if (fd >= 0) {
		rc = owner_set_new(f, fd, m->mode, d->uid, m->gid, m->rdev);
		if (!rc)
			rc = owner_stat(f, fd, &st);
		node_unpin(f, n);
	} else {
		rc = fd;
	}
	if (rc < 0)
		unlinkat(dirfd, m->name, S_ISDIR(m->mode) ? AT_REMOVEDIR : 0);
	else
		fs_put_qid(f, &o->out, &st);
	if (n)
		node_put(f, n);
out:
	node_unpin(f, d->node);
	return rc;
}

static int make(struct op *o, uint32_t id, struct make *m)
{
	int rc = o->in.bad ? -EINVAL : name_check(m->name);
	struct fid *d;

	if (rc < 0)
		return rc;
	d = fid_get(o->fs, id);
	if (!d)
		return -EBADF;
	rc = S_ISDIR(d->node->type) ? make_in(o, d, m) : -ENOTDIR;
	fid_put(o->fs, d);
	return rc;
}

int op_mkdir(struct op *o)
{
	uint32_t id = msg_get32(&o->in);
	struct make m = { .rdev = 0 };

	msg_get_str(&o->in, m.name, sizeof(m.name));
	m.mode = S_IFDIR | (msg_get32(&o->in) & 07777);
	m.gid = msg_get32(&o->in);
	return make(o, id, &m);
}

int op_symlink(struct op *o)
{
	uint32_t id = msg_get32(&o->in);
	struct make m = { .mode = S_IFLNK | 0777 };

	msg_get_str(&o->in, m.name, sizeof(m.name));
	msg_get_str(&o->in, m.target, sizeof(m.target));
	m.gid = msg_get32(&o->in);
	return *m.target ? make(o, id, &m) : -ENOENT;
}

int op_mknod(struct op *o)
{
	uint32_t id = msg_get32(&o->in), maj, min;
	struct make m;

	msg_get_str(&o->in, m.name, sizeof(m.name));
	m.mode = msg_get32(&o->in) & (S_IFMT | 07777);
	maj = msg_get32(&o->in);
	min = msg_get32(&o->in);
	m.gid = msg_get32(&o->in);
	m.rdev = makedev(maj, min);
	if (!(m.mode & S_IFMT))
		m.mode |= S_IFREG;
	if (S_ISDIR(m.mode) || S_ISLNK(m.mode))
		return -EINVAL;
	return make(o, id, &m);
}

/* ---- names ---- */

/* Two fids of which the first is a directory; both or none, and both descriptors pinned. */
struct pair {
	struct fid *dir, *other;
	int dirfd, otherfd;
};

static void pair_end(struct op *o, struct pair *p)
{
	if (p->dirfd >= 0)
		node_unpin(o->fs, p->dir->node);
	if (p->otherfd >= 0)
		node_unpin(o->fs, p->other->node);
	fid_put(o->fs, p->dir);
	fid_put(o->fs, p->other);
}

static int pair_begin(struct op *o, struct pair *p, uint32_t dir, uint32_t other)
{
	int rc = -EBADF;

	p->dirfd = p->otherfd = -1;
	p->dir = fid_get(o->fs, dir);
	p->other = fid_get(o->fs, other);
	if (!p->dir || !p->other)
		goto fail;
	rc = p->dirfd = node_pin(o->fs, p->dir->node);
	if (rc < 0)
		goto fail;
	rc = p->otherfd = node_pin(o->fs, p->other->node);
	if (rc < 0)
		goto fail;
	return 0;
fail:
	pair_end(o, p);
	return rc;
}

int op_link(struct op *o)
{
	uint32_t dir = msg_get32(&o->in), id = msg_get32(&o->in);
	char name[NAME_ROOM];
	struct pair p;
	int rc;

	msg_get_str(&o->in, name, sizeof(name));
	rc = o->in.bad ? -EINVAL : name_check(name);
	if (!rc)
		rc = pair_begin(o, &p, dir, id);
	if (rc < 0)
		return rc;
	/* By way of /proc: AT_EMPTY_PATH would want a capability. */
	rc = linkat(o->fs->proc_fd, fs_proc_name(p.otherfd).s, p.dirfd, name,
		    AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
	pair_end(o, &p);
	return rc;
}

int op_renameat(struct op *o)
{
	uint32_t from = msg_get32(&o->in), to;
	char old[NAME_ROOM], name[NAME_ROOM];
	struct pair p;
	int rc;

	msg_get_str(&o->in, old, sizeof(old));
	to = msg_get32(&o->in);
	msg_get_str(&o->in, name, sizeof(name));
	rc = o->in.bad ? -EINVAL : name_check(old);
	if (!rc)
		rc = name_check(name);
	if (!rc)
		rc = pair_begin(o, &p, from, to);
	if (rc < 0)
		return rc;
	rc = renameat(p.dirfd, old, p.otherfd, name) < 0 ? -errno : 0;
	if (!rc && !(p.dir->node == p.other->node && !strcmp(old, name))) {
		node_gone(o->fs, p.other->node, name);
		node_moved(o->fs, p.dir->node, old, p.other->node, name);
	}
	pair_end(o, &p);
	return rc;
}

int op_unlinkat(struct op *o)
{
	uint32_t id = msg_get32(&o->in), flags;
	struct fs *f = o->fs;
	char name[NAME_ROOM];
	struct fid *d;
	int rc, fd;

	msg_get_str(&o->in, name, sizeof(name));
	flags = msg_get32(&o->in);
	rc = o->in.bad ? -EINVAL : name_check(name);
	if (rc < 0)
		return rc;
	d = fid_get(f, id);
	if (!d)
		return -EBADF;
	fd = rc = node_pin(f, d->node);
	if (fd >= 0) {
		rc = unlinkat(fd, name, flags & L_REMOVEDIR ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
		if (!rc)
			node_gone(f, d->node, name);
		node_unpin(f, d->node);
	}
	fid_put(f, d);
	return rc;
}

/* The two older forms, which name a fid and not a place. */

int op_rename(struct op *o)
{
	uint32_t id = msg_get32(&o->in), dir = msg_get32(&o->in);
	char name[NAME_ROOM], old[NAME_MAX + 1];
	struct fs *f = o->fs;
	struct node *parent;
	struct pair p;
	int rc, fd;

	msg_get_str(&o->in, name, sizeof(name));
	rc = o->in.bad ? -EINVAL : name_check(name);
	if (!rc)
		rc = pair_begin(o, &p, dir, id);
	if (rc < 0)
		return rc;
	rc = node_place(f, p.other->node, &parent, old);
	if (rc < 0)
		goto out;
	fd = rc = node_pin(f, parent);
	if (fd >= 0) {
		rc = renameat(fd, old, p.dirfd, name) < 0 ? -errno : 0;
		if (!rc && !(parent == p.dir->node && !strcmp(old, name))) {
			node_gone(f, p.dir->node, name);
			node_moved(f, parent, old, p.dir->node, name);
		}
		node_unpin(f, parent);
	}
	node_put(f, parent);
out:
	pair_end(o, &p);
	return rc;
}

int op_remove(struct op *o)
{
	struct fid *d = fid_take(o->fs, msg_get32(&o->in));
	char name[NAME_MAX + 1];
	struct fs *f = o->fs;
	struct node *parent;
	int rc, fd;

	if (!d)
		return -EBADF;
	rc = f->readonly ? -EROFS : node_place(f, d->node, &parent, name);
	if (!rc) {
		fd = rc = node_pin(f, parent);
		if (fd >= 0) {
			rc = unlinkat(fd, name, S_ISDIR(d->node->type) ? AT_REMOVEDIR : 0) < 0 ?
			     -errno : 0;
			if (!rc)
				node_gone(f, parent, name);
			node_unpin(f, parent);
		}
		node_put(f, parent);
	}
	fid_put(f, d);			/* the fid ends either way */
	return rc;
}
