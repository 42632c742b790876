/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 9P server without a device: every message, files that are gone, few descriptors, requests
 * that overtake each other, sessions as bytes. What it keeps in: io_fs_security.c.
 */
#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/virtio/fs_export.h"

static void session(void)
{
	CHECK_EQ(p9_version(P9_MSIZE, "9P2000.u"), 0);
	CHECK(p9_in[p9_at + 4] == 7 && !memcmp(p9_in + p9_at + 6, "unknown", 7));
	CHECK_EQ(p9_attach(ROOT, 0), EPROTO);
	CHECK_EQ(p9_version(100, "9P2000.L"), EINVAL);
	CHECK_EQ(p9_version(1u << 30, "9P2000.L"), 0);
	CHECK_EQ(r32(), FS_MAX_MESSAGE);
	CHECK_EQ(p9_version(P9_MSIZE, "9P2000.L"), 0);
	CHECK_EQ(r32(), P9_MSIZE);
	CHECK_EQ(p9_attach(ROOT, 0), 0);
	CHECK_EQ(p9_in[7], 0x80);
	CHECK_EQ(p9_attach(ROOT, 0), EBADF);		/* in use */
	CHECK_EQ(p9_attach(NOFID, 0), EBADF);
	CHECK_EQ(p9_fid(102, 0), EOPNOTSUPP);		/* Tauth */
	CHECK_EQ(p9_fid(255, 0), EOPNOTSUPP);
	CHECK_EQ(p9_clunk(77), EBADF);
	begin(T_GETATTR);
	CHECK_EQ(rpc(), EBADF);				/* cut off: no fid */
	begin(T_FLUSH);
	t16(4711);
	CHECK_EQ(rpc(), 0);
	/* A size that is not the message's. */
	begin(T_CLUNK);
	t32(ROOT);
	st_le32(p9_out, 4000);
	CHECK_EQ((direct_send(), p9_in[4]), 7);
	st_le32(p9_out, 3);
	CHECK_EQ((direct_send(), p9_in[4]), 7);
	CHECK_EQ(p9_walk(ROOT, A, "", NULL), 0);	/* the root is still there */
	CHECK_EQ(p9_clunk(A), 0);
}

static void files(void)
{
	static uint8_t big[60000];
	struct p9_attr a;
	struct stat st;
	uint32_t n;

	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	CHECK_EQ(p9_walk(ROOT, A, "", NULL), 0);
	CHECK_EQ(p9_create(A, "f", L_RDWR | L_EXCL, 0640, getegid()), 0);
	CHECK_EQ(p9_write(A, 0, big, sizeof(big), &n), 0);
	CHECK_EQ(n, sizeof(big));
	CHECK_EQ(p9_read(T_READ, A, 1, 50000, &n), 0);
	CHECK_EQ(n, 50000);
	CHECK(!memcmp(p9_in + p9_at, big + 1, n));
	CHECK_EQ(p9_read(T_READ, A, sizeof(big) - 5, 100, &n), 0);
	CHECK_EQ(n, 5);
	CHECK_EQ(p9_read(T_READ, A, sizeof(big), 100, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(p9_read(T_READ, A, UINT64_MAX, 100, &n), EINVAL);
	/* More than a reply holds is cut. */
	CHECK_EQ(p9_read(T_READ, A, 0, UINT32_MAX, &n), 0);
	CHECK_EQ(n, sizeof(big));
	/* A count beyond the message. */
	begin(T_WRITE);
	t32(A);
	t64(0);
	t32(1000);
	CHECK_EQ(rpc(), EINVAL);
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(stat(host("f"), &st), 0);
	CHECK_EQ(a.mode, S_IFREG | 0640);
	CHECK_EQ(a.size, sizeof(big));
	CHECK_EQ(a.nlink, 1);
	CHECK_EQ(a.qpath, st.st_ino);
	CHECK_EQ(a.blocks, (uint64_t)st.st_blocks);
	CHECK_EQ(p9_setattr(A, 8, 0, 0, 0, 10, 0), 0);
	CHECK_EQ(p9_setattr(A, 1 | 0x120, 04711, 0, 0, 0, 1000000), 0);
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(a.size, 10);
	CHECK_EQ(a.mode, S_IFREG | 04711);
	CHECK_EQ(a.mtime, 1000000);
	CHECK_EQ(p9_open(A, 0), EINVAL);		/* is open */
	begin(T_FSYNC);
	t32(A);
	t32(1);
	CHECK_EQ(rpc(), 0);
	begin(T_LOCK);
	t32(A);
	CHECK_EQ(rpc(), 0);
	CHECK_EQ(p9_in[7], 0);
	/* The same name again. */
	CHECK_EQ(p9_walk(ROOT, B, "", NULL), 0);
	CHECK_EQ(p9_create(B, "f", L_RDWR | L_EXCL, 0640, 0), EEXIST);
	CHECK_EQ(p9_create(B, "f", L_RDWR | L_TRUNC, 0640, 0), 0);
	CHECK_EQ(p9_getattr(B, &a), 0);
	CHECK_EQ(a.size, 0);
	/* Gone from its directory, open all the same. */
	CHECK_EQ(p9_unlinkat(ROOT, "f", 0), 0);
	CHECK_EQ(p9_write(B, 0, "still", 5, &n), 0);
	CHECK_EQ(p9_read(T_READ, A, 0, 5, &n), 0);
	CHECK(n == 5 && !memcmp(p9_in + p9_at, "still", 5));
	CHECK_EQ(p9_setattr(B, 8, 0, 0, 0, 3, 0), 0);
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(a.size, 3);
	CHECK_EQ(a.nlink, 0);
	CHECK_EQ(p9_go(ROOT, C, "f"), ENOENT);
	/* A new file of that name is another one. */
	put_file(host("f"), "new");
	CHECK_EQ(p9_go(ROOT, C, "f"), 0);
	CHECK_EQ(p9_getattr(C, &a), 0);
	CHECK_EQ(a.nlink, 1);
	CHECK_EQ(p9_open(C, 0), 0);
	CHECK_EQ(p9_write(C, 0, "x", 1, &n), EBADF);	/* opened for reading */
	CHECK_EQ(p9_fid(T_REMOVE, C), 0);
	CHECK_EQ(p9_clunk(C), EBADF);
	CHECK(access(host("f"), F_OK) < 0);
	CHECK_EQ(p9_fid(T_STATFS, A), 0);
	CHECK_EQ(r32(), 0x01021997);
	p9_clunk(A);
	p9_clunk(B);
	/* What would wait or have effects when opened is not. */
	CHECK_EQ(mkfifo(host("pipe"), 0600), 0);
	CHECK_EQ(p9_go(ROOT, A, "pipe"), 0);
	CHECK_EQ(p9_open(A, 0), ENXIO);
	CHECK_EQ(p9_open(A, 1), ENXIO);
	p9_clunk(A);
	CHECK_EQ(p9_walk(ROOT, A, "", NULL), 0);
	CHECK_EQ(p9_create(A, "pipe", L_RDWR, 0600, 0), ENXIO);
	CHECK_EQ(p9_open(A, L_RDWR), EISDIR);
	CHECK_EQ(p9_open(A, 3), EINVAL);
	p9_clunk(A);
	CHECK_EQ(p9_unlinkat(ROOT, "pipe", 0), 0);
}

/* All names of a directory, read in small pieces; returns how many of "name%u" there were. */
static unsigned list_names(uint32_t fid, uint32_t count)
{
	uint64_t off = 0;
	unsigned names = 0;
	uint32_t n;

	for (;;) {
		if (p9_read(T_READDIR, fid, off, count, &n)) {
			CHECK(false, "readdir fails");
			return 0;
		}
		if (!n)
			return names;
		CHECK(n <= count);
		for (size_t end = p9_at + n; p9_at < end;) {
			uint16_t len;

			r8();
			r32();
			r64();
			off = r64();
			r8();
			len = r16();
			names += len > 4 && !memcmp(p9_in + p9_at, "name", 4);
			p9_at += len;
		}
	}
}

static void directories(void)
{
	char name[32];
	struct p9_attr a, root;
	uint32_t n;

	CHECK_EQ(p9_mkdir(ROOT, "d", 01755, getegid()), 0);
	CHECK_EQ(p9_in[7], 0x80);
	CHECK_EQ(p9_mkdir(ROOT, "d", 0755, 0), EEXIST);
	CHECK_EQ(p9_go(ROOT, A, "d"), 0);
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(a.mode, S_IFDIR | 01755);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "name%u", i);
		CHECK_EQ(p9_mknod(A, name, S_IFREG | 0644, 0, 0), 0);
	}
	CHECK_EQ(p9_walk(A, B, "", NULL), 0);
	CHECK_EQ(p9_read(T_READDIR, B, 0, 4096, &n), EBADF);
	CHECK_EQ(p9_open(B, 0), 0);
	CHECK_EQ(list_names(B, 200), 300);
	CHECK_EQ(list_names(B, 100000), 300);
	CHECK_EQ(p9_read(T_READDIR, B, 0, 10, &n), EINVAL);
	CHECK_EQ(p9_read(T_READ, B, 0, 10, &n), EISDIR);
	/* ".." of the root is the root. */
	CHECK_EQ(p9_getattr(ROOT, &root), 0);
	CHECK_EQ(p9_walk(ROOT, C, "", NULL), 0);
	CHECK_EQ(p9_open(C, 0), 0);
	CHECK_EQ(p9_read(T_READDIR, C, 0, 4096, &n), 0);
	for (size_t end = p9_at + n; p9_at < end;) {
		uint64_t path = (r8(), r32(), r64());
		uint16_t len = (r64(), r8(), r16());

		if (len == 2 && !memcmp(p9_in + p9_at, "..", 2))
			CHECK_EQ(path, root.qpath);
		p9_at += len;
	}
	p9_clunk(C);
	/* Links, of both kinds. */
	CHECK_EQ(p9_symlink(A, "link", "/etc/passwd"), 0);
	CHECK_EQ(p9_in[7], 0x02);
	CHECK_EQ(p9_go(A, C, "link"), 0);
	CHECK_EQ(p9_fid(T_READLINK, C), 0);
	CHECK(r16() == 11 && !memcmp(p9_in + p9_at, "/etc/passwd", 11));
	CHECK_EQ(p9_getattr(C, &a), 0);
	CHECK_EQ(a.mode, S_IFLNK | 0777);
	p9_clunk(C);
	CHECK_EQ(p9_fid(T_READLINK, A), EINVAL);
	CHECK_EQ(p9_go(A, C, "name7"), 0);
	begin(T_LINK);
	t32(ROOT);
	t32(C);
	tstr("hard");
	CHECK_EQ(rpc(), 0);
	CHECK_EQ(p9_getattr(C, &a), 0);
	CHECK_EQ(a.nlink, 2);
	/* Renames: fids follow. */
	CHECK_EQ(p9_renameat(ROOT, "d", ROOT, "e"), 0);
	CHECK_EQ(p9_go(A, D, "name8"), 0);
	CHECK_EQ(p9_renameat(A, "name8", ROOT, "eight"), 0);
	CHECK_EQ(p9_fid(T_REMOVE, D), 0);
	CHECK(access(host("eight"), F_OK) < 0);
	begin(T_RENAME);
	t32(C);
	t32(ROOT);
	tstr("seven");
	CHECK_EQ(rpc(), 0);
	CHECK_EQ(access(host("seven"), F_OK), 0);
	CHECK_EQ(access(host("e/name9"), F_OK), 0);
	begin(T_RENAME);
	t32(ROOT);
	t32(A);
	tstr("root");
	CHECK_EQ(rpc(), EBUSY);
	CHECK_EQ(p9_renameat(ROOT, "e", A, "self"), EINVAL);
	/* What the host replaced is not removed by a fid of what was there before. */
	CHECK_EQ(rename(host("seven"), host("other")), 0);
	put_file(host("seven"), "another");
	CHECK_EQ(p9_fid(T_REMOVE, C), ESTALE);
	CHECK(has_text(host("seven"), "another"));
	CHECK_EQ(p9_unlinkat(ROOT, "e", 0x200), ENOTEMPTY);
	p9_clunk(A);
	p9_clunk(B);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "e/name%u", i);
		unlink(host(name));
	}
	unlink(host("e/link"));
	unlink(host("seven"));
	unlink(host("other"));
	unlink(host("hard"));
	CHECK_EQ(p9_unlinkat(ROOT, "e", 0), EISDIR);
	CHECK_EQ(p9_unlinkat(ROOT, "e", 0x200), 0);
}

static void set_xattr(uint32_t dir, const char *name, const char *value, uint32_t flags, int want)
{
	uint32_t n;

	CHECK_EQ(p9_walk(dir, E, "", NULL), 0);
	CHECK_EQ(p9_xattrcreate(E, name, strlen(value), flags), 0);
	if (*value)
		CHECK_EQ(p9_write(E, 0, value, (uint32_t)strlen(value), &n), 0);
	CHECK_EQ(p9_clunk(E), want);
}

static void xattrs(void)
{
	uint64_t size;
	uint32_t n;

	put_file(host("x"), "x");
	CHECK_EQ(p9_go(ROOT, A, "x"), 0);
	CHECK_EQ(p9_xattrwalk(A, B, "user.none", &size), ENODATA);
	set_xattr(A, "user.one", "value", 0, 0);
	CHECK_EQ(p9_xattrwalk(A, B, "user.one", &size), 0);
	CHECK_EQ(size, 5);
	CHECK_EQ(p9_read(T_READ, B, 0, 100, &n), 0);
	CHECK(n == 5 && !memcmp(p9_in + p9_at, "value", 5));
	CHECK_EQ(p9_read(T_READ, B, 3, 100, &n), 0);
	CHECK_EQ(n, 2);
	CHECK_EQ(p9_read(T_READ, B, 1000, 100, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(p9_go(B, C, "x"), EINVAL);		/* leads nowhere */
	p9_clunk(B);
	set_xattr(A, "user.one", "value", XATTR_CREATE, EEXIST);
	CHECK_EQ(p9_xattrwalk(A, B, "", &size), 0);
	CHECK_EQ(size, sizeof("user.one"));
	CHECK_EQ(p9_read(T_READ, B, 0, 100, &n), 0);
	CHECK(!memcmp(p9_in + p9_at, "user.one", 9));
	p9_clunk(B);
	set_xattr(A, "user.one", "", XATTR_REPLACE, 0);
	CHECK_EQ(p9_xattrwalk(A, B, "user.one", &size), ENODATA);
	/* Too large, too much, too little. */
	CHECK_EQ(p9_walk(A, E, "", NULL), 0);
	CHECK_EQ(p9_xattrcreate(E, "user.two", 1 << 20, 0), E2BIG);
	CHECK_EQ(p9_xattrcreate(E, "user.two", 4, 0), 0);
	CHECK_EQ(p9_write(E, 0, "12345", 5, &n), ENOSPC);
	CHECK_EQ(p9_write(E, 5, "", 0, &n), ENOSPC);
	CHECK_EQ(p9_write(E, 0, "123", 3, &n), 0);
	CHECK_EQ(p9_clunk(E), EINVAL);
	/* Bounded in number. */
	for (n = 0; n < 1000 && !p9_xattrwalk(A, 1000 + n, "", &size); n++)
		;
	CHECK(n < 1000 && n >= 16);
	while (n--)
		CHECK_EQ(p9_clunk(1000 + n), 0);
	CHECK_EQ(p9_fid(T_REMOVE, A), 0);
}

static unsigned nr_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	closedir(d);
	return n;
}

/* More places than descriptors: those not in use are closed and found again. */
static void few_descriptors(void)
{
	char name[256];
	struct p9_attr a;
	uint32_t n;
	unsigned opened, before, most = 0;

	start((struct fs_config){ .max_files = 12 });
	before = nr_fds();
	CHECK_EQ(p9_mkdir(ROOT, "deep", 0755, getegid()), 0);
	CHECK_EQ(p9_go(ROOT, 100, "deep"), 0);
	for (unsigned i = 0; i < 60; i++) {		/* a chain, and a file at each step */
		CHECK_EQ(p9_mkdir(100 + i, "down", 0755, getegid()), 0);
		CHECK_EQ(p9_go(100 + i, 101 + i, "down"), 0);
		CHECK_EQ(p9_mknod(101 + i, "file", S_IFREG | 0644, 0, 0), 0);
		CHECK_EQ(p9_go(101 + i, 301 + i, "file"), 0);
		most = MAX(most, nr_fds());
	}
	for (unsigned i = 60; i; i--) {
		CHECK_EQ(p9_getattr(300 + i, &a), 0);
		CHECK_EQ(a.nlink, 1);
		CHECK_EQ(p9_getattr(100 + i, &a), 0);
		most = MAX(most, nr_fds());
	}
	CHECK(most <= before + 16, "%u descriptors, %u before", most, before);
	/* Still where it is after a move of the whole chain; lost where the host took it away. */
	CHECK_EQ(p9_renameat(ROOT, "deep", ROOT, "deeper"), 0);
	CHECK_EQ(p9_getattr(360, &a), 0);
	CHECK_EQ(p9_getattr(301, &a), 0);
	for (unsigned i = 20; i < 60; i++)
		p9_getattr(300 + i, &a);
	CHECK_EQ(rename(host("deeper/down/file"), host("taken")), 0);
	put_file(host("deeper/down/file"), "not the same");
	n = (uint32_t)p9_getattr(301, &a);
	CHECK(n == ESTALE || (n == 0 && a.size == 0), "error %u", n);
	/* Open files are not closed: there is an end to them. */
	for (opened = 0; opened < 40; opened++) {
		p9_walk(310 + opened % 40, 500 + opened, "", NULL);
		if (p9_open(500 + opened, 0))
			break;
	}
	CHECK_EQ(opened, 12);
	for (unsigned i = 0; i < 41; i++)
		p9_clunk(500 + i);
	CHECK_EQ(p9_open(310, 0), 0);
	/* Nor is what the guest removed, but still holds. */
	for (opened = 0; opened < 40; opened++) {
		if (p9_mknod(ROOT, "gone", S_IFREG | 0644, 0, 0) ||
		    p9_go(ROOT, 500 + opened, "gone"))
			break;
		CHECK_EQ(p9_unlinkat(ROOT, "gone", 0), 0);
		CHECK_EQ(p9_getattr(500 + opened, &a), 0);
	}
	CHECK(opened >= 12 && opened < 25, "%u", opened);
	CHECK_EQ(p9_getattr(500, &a), 0);
	CHECK_EQ(a.nlink, 0);
	CHECK(nr_fds() <= before + 28, "%u descriptors, %u before", nr_fds(), before);
	for (unsigned i = 0; i < 41; i++)
		p9_clunk(500 + i);
	CHECK_EQ(p9_getattr(355, &a), 0);
	fs_reset(fs);
	CHECK_EQ(fs_msize(fs), 0);
	fs_close(fs);
	unlink(host("taken"));
	snprintf(name, sizeof(name), "rm -rf %s/deeper", export);
	CHECK_EQ(system(name), 0);
}

/* A flush of a request is answered after it; two that name each other do not hang. */
static void flushes(void)
{
	static uint8_t out[64][32], in[64][64];
	static struct call c[64];
	struct iovec io[64][2];

	start((struct fs_config){ .max_files = 0 });
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 64; i++) {
			unsigned kind = i % 4;	/* walk, flush of it, two that flush each other */
			uint8_t *p = out[i];

			memset(p, 0, 32);
			st_le32(p, kind ? 9 : 17);
			p[4] = kind ? T_FLUSH : T_WALK;
			st_le16(p + 5, (uint16_t)i);
			if (kind) {
				st_le16(p + 7, (uint16_t)(kind == 2 ? i + 1 : i - 1));
			} else {
				st_le32(p + 7, ROOT);
				st_le32(p + 11, 1000 + i);
			}
			io[i][0] = (struct iovec){ p, 32 };
			io[i][1] = (struct iovec){ in[i], 64 };
			c[i].r = (struct fs_req){ .out = &io[i][0], .nr_out = 1, .out_bytes = 32,
						  .in = &io[i][1], .nr_in = 1, .in_bytes = 64,
						  .done = call_done, .opaque = &c[i] };
			sem_init(&c[i].done, 0, 0);
		}
		for (unsigned i = 0; i < 64; i++)
			fs_submit(fs, &c[i].r);
		fs_drain(fs);
		for (unsigned i = 0; i < 64; i++) {
			CHECK_EQ(sem_trywait(&c[i].done), 0);
			CHECK_EQ(in[i][4], out[i][4] + 1);
			if (i % 4 == 0)
				CHECK_EQ(p9_clunk(1000 + i), 0);
		}
	}
	fs_close(fs);
}

/* One fid as a session's bytes say it. */
static int load_one(uint32_t id, uint32_t flags, const char *path, size_t path_len)
{
	uint8_t s[300] = { 1 };
	struct err e = { 0 };

	st_le32(s + 4, P9_MSIZE);
	st_le32(s + 8, 1);
	st_le32(s + 12, id);
	st_le32(s + 20, flags);
	st_le16(s + 24, (uint16_t)path_len);
	memcpy(s + 26, path, path_len);
	CHECK_EQ(fs_load(fs, s, 26 + path_len - 1, true, &e), -EINVAL);
	return fs_load(fs, s, 26 + path_len, false, &e);
}

/* A session as bytes, of many fids, and of such as nobody saved. */
static void moved(void)
{
	static const char *const bad[] = { "..", "../export", "r/..", "./r", "/r", "r//",
					   "away/passwd", "no" };
	char longest[201];
	uint8_t *saved, *again;
	struct err e = { 0 };
	struct p9_attr a;
	size_t n, m;

	memset(longest, 'l', 200);
	longest[200] = 0;
	CHECK_EQ(mkdir(host(longest), 0755), 0);
	put_file(host("r"), "read");
	CHECK_EQ(symlink("/etc", host("away")), 0);
	start((struct fs_config){ .readonly = true });
	for (uint32_t i = 0; i < 600; i++)
		CHECK_EQ(p9_walk(ROOT, 1000 + i, longest, NULL), 0);
	saved = fs_save(fs, &n);
	CHECK(saved && n > 600 * 200);
	fs_reset(fs);
	CHECK_EQ(fs_load(fs, saved, n, true, &e), 0);
	CHECK_EQ(p9_getattr(1599, &a), EPROTO);
	CHECK_EQ(fs_load(fs, saved, n, false, &e), 0);
	CHECK_EQ(p9_getattr(1599, &a), 0);
	again = fs_save(fs, &m);
	CHECK(again && m == n && !memcmp(saved, again, n));
	free(saved);
	free(again);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_EQ(load_one(A, UINT32_MAX, bad[i], strlen(bad[i])), 0);
		CHECK(p9_getattr(A, &a) == EBADF, "%s", bad[i]);
	}
	CHECK_EQ(load_one(A, UINT32_MAX, "r\0x", 3), 0);
	CHECK_EQ(p9_getattr(A, &a), EBADF);
	CHECK_EQ(load_one(A, O_WRONLY, "r", 1), 0);
	CHECK_EQ(p9_getattr(A, &a), EBADF);
	CHECK_EQ(load_one(A, O_CREAT, "r", 1), -EINVAL);
	CHECK_EQ(load_one(NOFID, UINT32_MAX, "r", 1), 0);
	CHECK_EQ(load_one(A, O_RDONLY, "r", 1), 0);
	CHECK_EQ(p9_getattr(A, &a), 0);
	fs_close(fs);
	rmdir(host(longest));
	unlink(host("r"));
	unlink(host("away"));
}

static void reload(void)
{
	struct err e = { 0 };
	size_t n;
	uint8_t *saved = fs_save(fs, &n);

	CHECK(saved != NULL);
	CHECK(fs_load(fs, saved, n, false, &e) == 0, "%s", e.msg);
	free(saved);
}

/* A name that was taken away and given back, and one that was renamed to itself, are there. */
static void came_back(void)
{
	struct p9_attr a;

	start((struct fs_config){ .max_files = 0 });
	put_file(host("one"), "x");
	CHECK_EQ(p9_go(ROOT, A, "one"), 0);
	CHECK_EQ(p9_renameat(ROOT, "one", ROOT, "one"), 0);
	reload();
	CHECK_EQ(p9_getattr(A, &a), 0);
	begin(T_RENAME);
	t32(A);
	t32(ROOT);
	tstr("one");
	CHECK_EQ(rpc(), 0);
	reload();
	CHECK_EQ(p9_getattr(A, &a), 0);
	for (unsigned i = 0; i < 2; i++) {
		begin(T_LINK);
		t32(ROOT);
		t32(A);
		tstr(i ? "one" : "two");
		CHECK_EQ(rpc(), 0);
		CHECK_EQ(p9_unlinkat(ROOT, i ? "two" : "one", 0), 0);
	}
	CHECK_EQ(p9_go(ROOT, B, "one"), 0);
	reload();
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(p9_getattr(B, &a), 0);
	CHECK_EQ(p9_unlinkat(ROOT, "one", 0), 0);
	reload();
	CHECK_EQ(p9_getattr(A, &a), EBADF);
	fs_close(fs);
}

static void all(void)
{
	start((struct fs_config){ .max_files = 0 });
	session();
	files();
	directories();
	xattrs();
	fs_close(fs);
	moved();
	came_back();
	few_descriptors();
	flushes();
}

int main(void) { return fs_test(all); }
