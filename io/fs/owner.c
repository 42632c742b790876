/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owner, mode and type, by security model. Mapped: in extended attributes of plain
 * files, in the names and the binary form that other monitors use for the same, so that
 * a tree can be shared with them. A symbolic link is a file with its target in it then;
 * real ones of the host are shown as what they are.
 */
#include "io/fs/fs_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PREFIX "user.virtfs."
#define X_UID PREFIX "uid"
#define X_GID PREFIX "gid"
#define X_MODE PREFIX "mode"
#define X_RDEV PREFIX "rdev"

bool owner_hides(struct fs *f, const char *xattr)
{
	return f->security == FS_SECURITY_MAPPED && !strncmp(xattr, PREFIX, strlen(PREFIX));
}

static bool get_mapped(int fd, const char *name, uint64_t *v, size_t n)
{
	uint8_t raw[8] = { 0 };

	if (getxattr(fs_proc_path(fd).s, name, raw, n) != (ssize_t)n)
		return false;
	*v = ld_le64(raw);
	return true;
}

static int set_mapped(int fd, const char *name, uint64_t v, size_t n)
{
	uint8_t raw[8];

	st_le64(raw, v);
	return setxattr(fs_proc_path(fd).s, name, raw, n, 0) < 0 ? -errno : 0;
}

int owner_stat(struct fs *f, int fd, struct statx *st)
{
	int rc = fs_stat_fd(fd, st);
	uint64_t v;

	if (rc < 0 || f->security != FS_SECURITY_MAPPED || S_ISLNK(st->stx_mode))
		return rc;
	if (get_mapped(fd, X_UID, &v, 4))
		st->stx_uid = (uint32_t)v;
	if (get_mapped(fd, X_GID, &v, 4))
		st->stx_gid = (uint32_t)v;
	if (get_mapped(fd, X_MODE, &v, 4)) {
		/* A directory stays one and nothing else becomes one, whatever it says. */
		if (S_ISDIR(st->stx_mode) || S_ISDIR(v) || !(v & S_IFMT))
			v = (v & ~(uint64_t)S_IFMT) | (st->stx_mode & S_IFMT);
		st->stx_mode = (uint16_t)v;
	}
	if (get_mapped(fd, X_RDEV, &v, 8)) {
		st->stx_rdev_major = major(v);
		st->stx_rdev_minor = minor(v);
	}
	return 0;
}

/* The pair of fchownat and fchmodat on any descriptor, O_PATH and symbolic links included. */
static int host_chown(int fd, uint32_t uid, uint32_t gid)
{
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int host_chmod(struct fs *f, int fd, uint32_t mode)
{
	return fchmodat(f->proc_fd, fs_proc_name(fd).s, mode & 07777, 0) < 0 ? -errno : 0;
}

int owner_chown(struct fs *f, int fd, uint32_t uid, uint32_t gid)
{
	int rc = 0;

	if (f->security == FS_SECURITY_MAPPED) {
		if (uid != FS_NO_UID)
			rc = set_mapped(fd, X_UID, uid, 4);
		if (!rc && gid != FS_NO_UID)
			rc = set_mapped(fd, X_GID, gid, 4);
		return rc;
	}
	rc = host_chown(fd, uid, gid);
	return f->security == FS_SECURITY_NONE && rc == -EPERM ? 0 : rc;
}

int owner_chmod(struct fs *f, int fd, uint32_t mode)
{
	struct statx st;
	int rc;

	if (f->security != FS_SECURITY_MAPPED)
		return host_chmod(f, fd, mode);
	rc = owner_stat(f, fd, &st);
	return rc < 0 ? rc :
	       set_mapped(fd, X_MODE, (st.stx_mode & S_IFMT) | (mode & 07777), 4);
}

int owner_set_new(struct fs *f, int fd, uint32_t mode, uint32_t uid, uint32_t gid, uint64_t rdev)
{
	int rc = owner_chown(f, fd, uid, gid);

	if (rc < 0)
		return rc;
	/* After the owner, whose change clears set-id bits. */
	if (f->security != FS_SECURITY_MAPPED)
		return S_ISLNK(mode) ? 0 : host_chmod(f, fd, mode);
	rc = set_mapped(fd, X_MODE, mode, 4);
	if (!rc && (S_ISCHR(mode) || S_ISBLK(mode)))
		rc = set_mapped(fd, X_RDEV, rdev, 8);
	return rc;
}

bool owner_mapped_works(struct fs *f, int fd)
{
	ssize_t n = getxattr(fs_proc_path(fd).s, X_MODE, NULL, 0);

	return n >= 0 || errno == ENODATA;
}
