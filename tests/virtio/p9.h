/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of 9P2000.L for tests: T(...) builds a message, rpc() sends it by whatever
 * p9_send is and leaves the reply in p9_in for the r*() functions.
 */
#ifndef TESTS_VIRTIO_P9_H
#define TESTS_VIRTIO_P9_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"

#define P9_MSIZE 131072u
#define NOFID UINT32_MAX
#define L_RDWR 2u
#define L_EXCL 0200u
#define L_TRUNC 01000u
enum {
	T_STATFS = 8, T_LOPEN = 12, T_LCREATE = 14, T_SYMLINK = 16, T_MKNOD = 18, T_RENAME = 20,
	T_READLINK = 22, T_GETATTR = 24, T_SETATTR = 26, T_XATTRWALK = 30, T_XATTRCREATE = 32,
	T_READDIR = 40, T_FSYNC = 50, T_LOCK = 52, T_GETLOCK = 54, T_LINK = 70, T_MKDIR = 72,
	T_RENAMEAT = 74, T_UNLINKAT = 76, T_VERSION = 100, T_ATTACH = 104, T_FLUSH = 108,
	T_WALK = 110, T_READ = 116, T_WRITE = 118, T_CLUNK = 120, T_REMOVE = 122,
};

static uint8_t p9_out[P9_MSIZE], p9_in[P9_MSIZE];
static size_t p9_len, p9_at;
/* Sends p9_out[0..p9_len), gets the reply into p9_in; returns its length. */
static size_t (*p9_send)(void);

static inline void t8(unsigned v) { p9_out[p9_len++] = (uint8_t)v; }
static inline void t16(unsigned v) { st_le16(p9_out + p9_len, (uint16_t)v); p9_len += 2; }
static inline void t32(uint32_t v) { st_le32(p9_out + p9_len, v); p9_len += 4; }
static inline void t64(uint64_t v) { st_le64(p9_out + p9_len, v); p9_len += 8; }
static inline void tbytes(const void *p, size_t n) { memcpy(p9_out + p9_len, p, n); p9_len += n; }
static inline void tstr(const char *s) { t16((unsigned)strlen(s)); tbytes(s, strlen(s)); }
static inline void begin(unsigned type)
{
	p9_len = 4;
	t8(type);
	t16(1);
}

static inline uint64_t rn(unsigned n)
{
	uint8_t raw[8] = { 0 };

	memcpy(raw, p9_in + p9_at, n);
	p9_at += n;
	return ld_le64(raw);
}
static inline uint8_t r8(void) { return (uint8_t)rn(1); }
static inline uint16_t r16(void) { return (uint16_t)rn(2); }
static inline uint32_t r32(void) { return (uint32_t)rn(4); }
static inline uint64_t r64(void) { return rn(8); }

/* 0, or the errno of an Rlerror; p9_at stands behind the header. */
static inline int rpc(void)
{
	size_t n;

	st_le32(p9_out, (uint32_t)p9_len);
	memset(p9_in, 0xee, 64);
	n = p9_send();
	p9_at = 7;
	if (n < 7 || ld_le32(p9_in) != n || ld_le16(p9_in + 5) != ld_le16(p9_out + 5))
		return -1;
	if (p9_in[4] == 7)
		return (int)r32();
	return p9_in[4] == p9_out[4] + 1 ? 0 : -2;
}

static inline int p9_version(uint32_t msize, const char *v)
{
	begin(T_VERSION);
	t32(msize);
	tstr(v);
	return rpc();
}

static inline int p9_attach(uint32_t fid, uint32_t uid)
{
	begin(T_ATTACH);
	t32(fid);
	t32(NOFID);
	tstr("root");
	tstr("");
	t32(uid);
	return rpc();
}

/* path: components with '/' between them; "" copies the fid. Returns rpc()'s, and how far. */
static inline int p9_walk(uint32_t fid, uint32_t to, const char *path, unsigned *reached)
{
	size_t at;
	unsigned n = 0;
	int rc;

	begin(T_WALK);
	t32(fid);
	t32(to);
	at = p9_len;
	t16(0);
	while (*path) {
		size_t len = strcspn(path, "/");

		t16((unsigned)len);
		tbytes(path, len);
		path += len + (path[len] == '/');
		n++;
	}
	st_le16(p9_out + at, (uint16_t)n);
	rc = rpc();
	if (reached)
		*reached = rc ? 0 : r16();
	return rc;
}

/* The same for a way that must be walked whole. */
static inline int p9_go(uint32_t fid, uint32_t to, const char *path)
{
	unsigned want = 0, got;
	int rc;

	for (const char *p = path; *p; p++)
		want += *p == '/';
	want += *path != 0;
	rc = p9_walk(fid, to, path, &got);
	return rc ? rc : got == want ? 0 : ENOENT;
}

static inline int p9_fid(unsigned type, uint32_t fid)
{
	begin(type);
	t32(fid);
	return rpc();
}
#define p9_clunk(fid) p9_fid(T_CLUNK, fid)

static inline int p9_open(uint32_t fid, uint32_t flags)
{
	begin(T_LOPEN);
	t32(fid);
	t32(flags);
	return rpc();
}

static inline int p9_create(uint32_t fid, const char *name, uint32_t flags, uint32_t mode,
			    uint32_t gid)
{
	begin(T_LCREATE);
	t32(fid);
	tstr(name);
	t32(flags);
	t32(mode);
	t32(gid);
	return rpc();
}

/* Rread's or Rreaddir's bytes stand at p9_in + p9_at; *n of them. */
static inline int p9_read(unsigned type, uint32_t fid, uint64_t off, uint32_t count, uint32_t *n)
{
	int rc;

	begin(type);
	t32(fid);
	t64(off);
	t32(count);
	rc = rpc();
	*n = rc ? 0 : r32();
	return rc;
}

static inline int p9_write(uint32_t fid, uint64_t off, const void *buf, uint32_t count,
			   uint32_t *n)
{
	int rc;

	begin(T_WRITE);
	t32(fid);
	t64(off);
	t32(count);
	tbytes(buf, count);
	rc = rpc();
	*n = rc ? 0 : r32();
	return rc;
}

static inline int p9_mkdir(uint32_t fid, const char *name, uint32_t mode, uint32_t gid)
{
	begin(T_MKDIR);
	t32(fid);
	tstr(name);
	t32(mode);
	t32(gid);
	return rpc();
}

static inline int p9_symlink(uint32_t fid, const char *name, const char *target)
{
	begin(T_SYMLINK);
	t32(fid);
	tstr(name);
	tstr(target);
	t32(0);
	return rpc();
}

static inline int p9_mknod(uint32_t fid, const char *name, uint32_t mode, uint32_t maj,
			   uint32_t min)
{
	begin(T_MKNOD);
	t32(fid);
	tstr(name);
	t32(mode);
	t32(maj);
	t32(min);
	t32(0);
	return rpc();
}

static inline int p9_renameat(uint32_t from, const char *old, uint32_t to, const char *name)
{
	begin(T_RENAMEAT);
	t32(from);
	tstr(old);
	t32(to);
	tstr(name);
	return rpc();
}

static inline int p9_unlinkat(uint32_t fid, const char *name, uint32_t flags)
{
	begin(T_UNLINKAT);
	t32(fid);
	tstr(name);
	t32(flags);
	return rpc();
}

struct p9_attr {
	uint8_t qtype;
	uint32_t mode, uid, gid;
	uint64_t qpath, nlink, rdev, size, blocks, atime, mtime;
};

static inline int p9_getattr(uint32_t fid, struct p9_attr *a)
{
	int rc;

	memset(a, 0, sizeof(*a));
	begin(T_GETATTR);
	t32(fid);
	t64(0x7ff);
	rc = rpc();
	if (rc)
		return rc;
	r64();
	a->qtype = r8();
	r32();
	a->qpath = r64();
	a->mode = r32();
	a->uid = r32();
	a->gid = r32();
	a->nlink = r64();
	a->rdev = r64();
	a->size = r64();
	r64();
	a->blocks = r64();
	a->atime = r64();
	r64();
	a->mtime = r64();
	return 0;
}

static inline int p9_setattr(uint32_t fid, uint32_t valid, uint32_t mode, uint32_t uid,
			     uint32_t gid, uint64_t size, uint64_t mtime)
{
	begin(T_SETATTR);
	t32(fid);
	t32(valid);
	t32(mode);
	t32(uid);
	t32(gid);
	t64(size);
	t64(0);
	t64(0);
	t64(mtime);
	t64(0);
	return rpc();
}

static inline int p9_xattrwalk(uint32_t fid, uint32_t to, const char *name, uint64_t *size)
{
	int rc;

	begin(T_XATTRWALK);
	t32(fid);
	t32(to);
	tstr(name);
	rc = rpc();
	*size = rc ? 0 : r64();
	return rc;
}

static inline int p9_xattrcreate(uint32_t fid, const char *name, uint64_t size, uint32_t flags)
{
	begin(T_XATTRCREATE);
	t32(fid);
	tstr(name);
	t64(size);
	t32(flags);
	return rpc();
}

#endif
