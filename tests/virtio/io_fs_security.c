/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the 9P server keeps from the guest: places outside the export, writes to one that is
 * read-only, the host's owners and devices.
 */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/virtio/fs_export.h"

/* Nothing outside: not by "..", by links, by names that are paths, by what the host moves. */
static void ways_out(void)
{
	char outside[300], inside[300];
	struct p9_attr root, a;
	unsigned n;

	snprintf(outside, sizeof(outside), "%s/secret", top);
	put_file(outside, "secret");
	CHECK_EQ(symlink("../secret", host("up")), 0);
	CHECK_EQ(symlink("/", host("slash")), 0);
	CHECK_EQ(mkdir(host("dir"), 0755), 0);
	CHECK_EQ(mkdir(host("dir/sub"), 0755), 0);
	put_file(host("dir/sub/file"), "file");
	p9_getattr(ROOT, &root);
	CHECK_EQ(p9_go(ROOT, A, ".."), 0);
	p9_getattr(A, &a);
	CHECK_EQ(a.qpath, root.qpath);
	p9_clunk(A);
	CHECK_EQ(p9_go(ROOT, A, "dir/sub/../../../../.."), 0);
	p9_getattr(A, &a);
	CHECK_EQ(a.qpath, root.qpath);
	p9_clunk(A);
	CHECK_EQ(p9_walk(ROOT, A, "../secret", &n), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(p9_clunk(A), EBADF);			/* part of the way makes no fid */
	CHECK_EQ(p9_walk(ROOT, A, "slash/etc/passwd", &n), 0);
	CHECK_EQ(n, 1);					/* the link itself, nothing behind it */
	CHECK_EQ(p9_go(ROOT, A, "up"), 0);
	CHECK_EQ(p9_open(A, 0), ELOOP);
	CHECK_EQ(p9_fid(T_READLINK, A), 0);
	CHECK_EQ(r16(), 9);
	CHECK_EQ(p9_setattr(A, 8, 0, 0, 0, 0, 0), ELOOP);	/* its size */
	p9_clunk(A);
	/* Names that are paths, or none. */
	begin(T_WALK);
	t32(ROOT);
	t32(A);
	t16(1);
	tstr("dir/sub");
	CHECK_EQ(rpc(), EINVAL);
	begin(T_WALK);
	t32(ROOT);
	t32(A);
	t16(1);
	t16(4);
	tbytes("di\0r", 4);
	CHECK_EQ(rpc(), EINVAL);
	begin(T_WALK);
	t32(ROOT);
	t32(A);
	t16(17);
	for (unsigned i = 0; i < 17; i++)
		tstr("..");
	CHECK_EQ(rpc(), EINVAL);
	begin(T_WALK);
	t32(ROOT);
	t32(A);
	t16(2);
	t16(65535);
	tbytes("x", 1);
	CHECK_EQ(rpc(), EINVAL);
	CHECK_EQ(p9_create(ROOT, "../evil", L_RDWR, 0644, 0), EINVAL);
	CHECK_EQ(p9_create(ROOT, "", L_RDWR, 0644, 0), EINVAL);
	CHECK_EQ(p9_mkdir(ROOT, "a/b", 0755, 0), EINVAL);
	CHECK_EQ(p9_mkdir(ROOT, "..", 0755, 0), EINVAL);
	CHECK_EQ(p9_symlink(ROOT, "../l", "x"), EINVAL);
	CHECK_EQ(p9_mknod(ROOT, "..", S_IFIFO | 0600, 0, 0), EINVAL);
	CHECK_EQ(p9_renameat(ROOT, "dir", ROOT, "../dir"), EINVAL);
	CHECK_EQ(p9_renameat(ROOT, "../secret", ROOT, "s"), EINVAL);
	CHECK_EQ(p9_unlinkat(ROOT, "../secret", 0), EINVAL);
	CHECK_EQ(p9_unlinkat(ROOT, "..", 0x200), EINVAL);
	CHECK_EQ(p9_create(ROOT, "up", L_RDWR | L_TRUNC, 0644, 0), ELOOP);
	{
		char name[400];

		memset(name, 'n', sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		CHECK_EQ(p9_mkdir(ROOT, name, 0755, 0), ENAMETOOLONG);
	}
	CHECK(has_text(outside, "secret"));
	/* A directory that the host moves out of the export: what was in it may stay, up is not. */
	CHECK_EQ(p9_go(ROOT, A, "dir/sub"), 0);
	snprintf(inside, sizeof(inside), "%s/moved%u", top, geteuid());
	CHECK_EQ(rename(host("dir/sub"), inside), 0);
	CHECK_EQ(p9_go(A, B, "../.."), 0);
	p9_getattr(B, &a);
	CHECK_EQ(a.qpath, root.qpath);
	CHECK_EQ(p9_walk(A, C, "../../secret", &n), 0);
	CHECK_EQ(n, 2);
	p9_clunk(A);
	p9_clunk(B);
	unlink(host("up"));
	unlink(host("slash"));
	CHECK_EQ(p9_unlinkat(ROOT, "dir", 0x200), 0);
}

static void readonly(void)
{
	struct p9_attr a;
	uint32_t n;

	put_file(host("r"), "read");
	start((struct fs_config){ .readonly = true });
	CHECK_EQ(p9_go(ROOT, A, "r"), 0);
	CHECK_EQ(p9_open(A, L_RDWR), EROFS);
	CHECK_EQ(p9_open(A, L_TRUNC), EROFS);
	CHECK_EQ(p9_setattr(A, 1, 0777, 0, 0, 0, 0), EROFS);
	CHECK_EQ(p9_xattrcreate(A, "user.x", 0, 0), EROFS);
	CHECK_EQ(p9_open(A, 0), 0);
	CHECK_EQ(p9_write(A, 0, "x", 1, &n), EROFS);
	CHECK_EQ(p9_read(T_READ, A, 0, 100, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(p9_mkdir(ROOT, "m", 0755, 0), EROFS);
	CHECK_EQ(p9_symlink(ROOT, "m", "x"), EROFS);
	CHECK_EQ(p9_mknod(ROOT, "m", S_IFREG, 0, 0), EROFS);
	CHECK_EQ(p9_create(ROOT, "m", 0, 0, 0), EROFS);
	CHECK_EQ(p9_unlinkat(ROOT, "r", 0), EROFS);
	CHECK_EQ(p9_renameat(ROOT, "r", ROOT, "s"), EROFS);
	CHECK_EQ(p9_fid(T_REMOVE, A), EROFS);
	CHECK_EQ(p9_getattr(A, &a), EBADF);		/* it ended all the same */
	CHECK(has_text(host("r"), "read"));
	fs_close(fs);
	unlink(host("r"));
}

static void mapped(void)
{
	struct p9_attr a;
	struct stat st;
	uint64_t size;
	uint32_t n;

	start((struct fs_config){ .security = FS_SECURITY_MAPPED });
	fs_reset(fs);
	CHECK_EQ(p9_version(P9_MSIZE, "9P2000.L"), 0);
	CHECK_EQ(p9_attach(ROOT, 1234), 0);
	CHECK_EQ(p9_walk(ROOT, A, "", NULL), 0);
	CHECK_EQ(p9_create(A, "mine", L_RDWR, 04755, 77), 0);
	CHECK_EQ(p9_write(A, 0, "text", 4, &n), 0);
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(a.mode, S_IFREG | 04755);
	CHECK_EQ(a.uid, 1234);
	CHECK_EQ(a.gid, 77);
	CHECK_EQ(stat(host("mine"), &st), 0);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(p9_setattr(A, 1 | 2, 0400, 5, 0, 0, 0), 0);
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(a.mode, S_IFREG | 0400);
	CHECK_EQ(a.uid, 5);
	p9_clunk(A);
	CHECK_EQ(p9_mknod(ROOT, "null", S_IFCHR | 0666, 1, 3), 0);
	CHECK_EQ(p9_go(ROOT, A, "null"), 0);
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(a.mode, S_IFCHR | 0666);
	CHECK_EQ(a.rdev, makedev(1, 3));
	CHECK_EQ(p9_open(A, 0), ENXIO);
	CHECK_EQ(stat(host("null"), &st), 0);
	CHECK(S_ISREG(st.st_mode));
	/* The attributes behind it are not the guest's. */
	CHECK_EQ(p9_xattrwalk(A, B, "", &size), 0);
	CHECK_EQ(size, 0);
	p9_clunk(B);
	CHECK_EQ(p9_xattrwalk(A, B, "user.virtfs.mode", &size), ENODATA);
	CHECK_EQ(p9_xattrcreate(A, "user.virtfs.mode", 4, 0), EPERM);
	CHECK_EQ(p9_xattrcreate(A, "security.capability", 4, 0), EOPNOTSUPP);
	p9_clunk(A);
	CHECK_EQ(p9_symlink(ROOT, "sym", "/etc/shadow"), 0);
	CHECK_EQ(p9_go(ROOT, A, "sym"), 0);
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK(S_ISLNK(a.mode));
	CHECK_EQ(p9_fid(T_READLINK, A), 0);
	CHECK(r16() == 11 && !memcmp(p9_in + p9_at, "/etc/shadow", 11));
	CHECK_EQ(p9_open(A, 0), ELOOP);
	p9_clunk(A);
	CHECK_EQ(lstat(host("sym"), &st), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(p9_mkdir(ROOT, "md", 0111, 9), 0);
	CHECK_EQ(p9_go(ROOT, A, "md"), 0);
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(a.mode, S_IFDIR | 0111);
	CHECK_EQ(p9_mkdir(A, "inner", 0700, 9), 0);
	p9_clunk(A);
	fs_close(fs);
	rmdir(host("md/inner"));
	rmdir(host("md"));
	unlink(host("mine"));
	unlink(host("null"));
	unlink(host("sym"));
}

/* Root only: owners and devices are the host's own; and the same as nobody. */
static void passthrough(void)
{
	struct p9_attr a;
	struct stat st;

	start((struct fs_config){ .security = FS_SECURITY_PASSTHROUGH });
	fs_reset(fs);
	CHECK_EQ(p9_version(P9_MSIZE, "9P2000.L"), 0);
	CHECK_EQ(p9_attach(ROOT, 1234), 0);
	CHECK_EQ(p9_walk(ROOT, A, "", NULL), 0);
	CHECK_EQ(p9_create(A, "owned", L_RDWR, 06755, 77), 0);
	CHECK_EQ(stat(host("owned"), &st), 0);
	CHECK_EQ(st.st_uid, 1234);
	CHECK_EQ(st.st_gid, 77);
	CHECK_EQ(st.st_mode, S_IFREG | 06755);
	CHECK_EQ(p9_mknod(ROOT, "zero", S_IFCHR | 0622, 1, 5), 0);
	CHECK_EQ(p9_go(ROOT, B, "zero"), 0);
	CHECK_EQ(p9_getattr(B, &a), 0);
	CHECK_EQ(a.rdev, makedev(1, 5));
	CHECK_EQ(a.mode, S_IFCHR | 0622);
	CHECK_EQ(p9_open(B, 0), ENXIO);
	CHECK_EQ(p9_symlink(ROOT, "sl", "x"), 0);
	CHECK_EQ(lstat(host("sl"), &st), 0);
	CHECK_EQ(st.st_uid, 1234);
	fs_close(fs);
	unlink(host("owned"));
	unlink(host("zero"));
	unlink(host("sl"));
}

static void all(void)
{
	enum fs_security s;
	struct err e = { 0 };

	start((struct fs_config){ .max_files = 0 });
	CHECK_EQ(fs_security(fs), geteuid() ? FS_SECURITY_MAPPED : FS_SECURITY_PASSTHROUGH);
	ways_out();
	fs_close(fs);
	readonly();
	mapped();
	if (!geteuid())
		passthrough();
	CHECK_EQ(fs_security_parse("mapped-xattr", &s, &e), 0);
	CHECK_EQ(s, FS_SECURITY_MAPPED);
	CHECK_EQ(fs_security_parse("mapped-file", &s, &e), -EINVAL);
	CHECK(!fs_open(&(struct fs_config){ .path = "/nowhere/at/all" }, &e));
}

int main(void) { return fs_test(all); }
