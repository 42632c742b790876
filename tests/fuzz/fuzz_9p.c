/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest against the 9P server: messages that are almost right, several in
 * flight, over a private directory. Whatever it says, a file beside the export keeps
 * its content, its attributes and its neighbours, every request is answered within
 * its bounds, and a new session works.
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/fs/fs.h"
#include "tests/virtio/p9.h"

#define BATCH 6u
#define REPLY 9000u

static char top[] = "/var/tmp/ambi-fuzz-9p-XXXXXX", export[64], canary[64];
static struct stat before;
static struct fs *fs;

struct call {
	struct fs_req r;
	struct iovec out[2], in[3];
	uint8_t msg[P9_MSIZE / 8], reply[REPLY];
	uint32_t len;
	_Atomic int done;
};
static struct call calls[BATCH];

static void fail(const char *what)
{
	fprintf(stderr, "fuzz_9p: %s\n", what);
	abort();
}

static void call_done(struct fs_req *r, uint32_t len)
{
	struct call *c = r->opaque;

	c->len = len;
	if (atomic_fetch_add(&c->done, 1))
		fail("answered twice");
}

static void submit(struct call *c, size_t room)
{
	size_t cut = p9_len / 2;

	memcpy(c->msg, p9_out, p9_len);
	memset(c->reply, 0xa5, sizeof(c->reply));
	c->out[0] = (struct iovec){ c->msg, cut };
	c->out[1] = (struct iovec){ c->msg + cut, p9_len - cut };
	c->in[0] = (struct iovec){ c->reply, 9 };
	c->in[1] = (struct iovec){ c->reply + 9, room - 9 };
	c->r = (struct fs_req){ .out = c->out, .nr_out = 2, .out_bytes = p9_len, .in = c->in,
				.nr_in = 2, .in_bytes = room, .done = call_done, .opaque = c };
	atomic_store(&c->done, 0);
	fs_submit(fs, &c->r);
}

static void check(struct call *c)
{
	if (atomic_load(&c->done) != 1)
		fail("not answered");
	if (c->len < 7 || c->len > c->r.in_bytes || ld_le32(c->reply) != c->len)
		fail("a reply of a wrong size");
	for (size_t i = (size_t)c->r.in_bytes; i < MIN((size_t)c->r.in_bytes + 64, REPLY); i++)
		if (c->reply[i] != 0xa5)
			fail("written beyond the reply's room");
}

static size_t fuzz_send(void)
{
	submit(&calls[0], REPLY - 64);
	fs_drain(fs);
	check(&calls[0]);
	memcpy(p9_in, calls[0].reply, calls[0].len);
	return calls[0].len;
}

static void name(struct fuzz_in *in)
{
	static const char *const names[] = {
		"a", "b", "c", "dir", "link", "..", ".", "", "a/b", "../canary", "/etc/passwd",
		"file", "user.x", "security.capability", "trusted.y", "user.virtfs.mode",
		"system.posix_acl_access", "../../../../../../etc",
	};
	unsigned n = in_u8(in);

	if (n < 250) {
		tstr(names[n < 128 ? n % 5 : n % ARRAY_SIZE(names)]);
	} else if (n < 253) {
		t16(in_u16(in));
		t32(in_u32(in));
	} else {
		t16(300);
		for (unsigned i = 0; i < 300; i++)
			t8('n');
	}
}

static uint32_t number(struct fuzz_in *in)
{
	unsigned n = in_u8(in);

	return n < 200 ? n % 8 : n < 240 ? n * 64u : in_u32(in);
}

/* Letters: b, w, d, q are 1, 2, 4 and 8 bytes, f a fid, s a name, m a mode, D data with a count. */
static const struct { uint8_t type; const char *args; } kinds[] = {
	{ T_STATFS, "f" }, { T_LOPEN, "fd" }, { T_LOPEN, "fd" }, { T_LCREATE, "fsdmd" },
	{ T_LCREATE, "fsdmd" }, { T_SYMLINK, "fssd" }, { T_MKNOD, "fsmddd" }, { T_RENAME, "ffs" },
	{ T_READLINK, "f" }, { T_GETATTR, "fq" }, { T_SETATTR, "fdmddqqqqq" },
	{ T_XATTRWALK, "ffs" }, { T_XATTRCREATE, "fsqd" }, { T_READDIR, "fqd" }, { T_FSYNC, "fd" },
	{ T_LOCK, "fbdqqds" }, { T_GETLOCK, "fbqqds" }, { T_LINK, "ffs" }, { T_MKDIR, "fsmd" },
	{ T_MKDIR, "fsmd" }, { T_RENAMEAT, "fsfs" }, { T_UNLINKAT, "fsd" }, { T_VERSION, "ds" },
	{ T_ATTACH, "fdssd" }, { T_FLUSH, "w" }, { T_WALK, "ffW" }, { T_WALK, "ffW" },
	{ T_WALK, "ffW" }, { T_READ, "fqd" }, { T_WRITE, "fqD" }, { T_WRITE, "fqD" },
	{ T_CLUNK, "f" }, { T_REMOVE, "f" },
};

static void field(struct fuzz_in *in, char kind)
{
	static const uint32_t modes[] = {
		S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFIFO, S_IFSOCK, 0,
	};
	unsigned n;

	switch (kind) {
	case 'b': t8(in_u8(in)); break;
	case 'w': t16(in_u8(in) % BATCH); break;
	case 'd': t32(number(in)); break;
	case 'q': t64(in_u8(in) < 240 ? number(in) : in_u64(in)); break;
	case 'f': n = in_u8(in); t32(n < 250 ? n % 12 : NOFID - n % 2); break;
	case 'm': t32(modes[in_u8(in) % ARRAY_SIZE(modes)] | (in_u16(in) & 07777) | 0700); break;
	case 's': name(in); break;
	case 'W':
		n = in_u8(in) % 20;
		n = n < 10 ? n % 3 : n;
		t16(n);
		while (n--)
			name(in);
		break;
	case 'D':
		n = in_u8(in);
		t32(n < 250 ? n : in_u32(in));
		for (unsigned i = 0; i < n; i++)
			t8(i);
		break;
	}
}

static void message(struct fuzz_in *in, unsigned tag)
{
	unsigned k = in_u8(in) % ARRAY_SIZE(kinds), damage;

	begin(kinds[k].type);
	st_le16(p9_out + 5, (uint16_t)tag);
	for (const char *a = kinds[k].args; *a; a++)
		field(in, *a);
	st_le32(p9_out, (uint32_t)p9_len);
	damage = in_u8(in);
	if (damage >= 248)
		p9_out[in_u8(in) % p9_len] = in_u8(in);
	else if (damage >= 240)
		p9_len = MAX((size_t)7, p9_len - in_u8(in) % p9_len);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	return w->level ? remove(path) : 0;
}

static void remove_top(void)
{
	nftw(top, remove_one, 64, FTW_DEPTH | FTW_PHYS);
	rmdir(top);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct rlimit l = { 1 << 20, 1 << 20 };
	int fd;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &l);
	if (!mkdtemp(top))
		exit(2);
	snprintf(export, sizeof(export), "%s/export", top);
	snprintf(canary, sizeof(canary), "%s/canary", top);
	fd = open(canary, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, "alive", 5) != 5 || mkdir(export, 0755) < 0)
		exit(2);
	close(fd);
	stat(canary, &before);
	atexit(remove_top);
	p9_send = fuzz_send;
	return 0;
}

static void check_canary(void)
{
	struct stat st;
	unsigned links;

	if (stat(canary, &st) < 0 || st.st_ino != before.st_ino || st.st_size != before.st_size ||
	    st.st_mode != before.st_mode || st.st_uid != before.st_uid || st.st_nlink != 1 ||
	    st.st_mtim.tv_nsec != before.st_mtim.tv_nsec ||
	    st.st_ctim.tv_nsec != before.st_ctim.tv_nsec)
		fail("the file outside was reached");
	links = stat(top, &st) < 0 ? 0 : (unsigned)st.st_nlink;
	if (links != 3)
		fail("something appeared outside, or the export went away");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	unsigned how = in_u8(&in);
	struct fs_config c = {
		.path = export, .readonly = how % 16 == 1, .max_files = how & 16 ? 4 : 0,
		.security = how & 32 ? FS_SECURITY_MAPPED : FS_SECURITY_NONE,
	};
	struct err e = { 0 };

	fs = fs_open(&c, &e);
	if (!fs)
		fail(e.msg);
	if (how & 64) {
		p9_version(8192, "9P2000.L");
		p9_attach(1, 0);
		p9_walk(1, 2, "", NULL);
		p9_create(2, "a", L_RDWR, 0644, 0);
		p9_mkdir(1, "dir", 0755, 0);
		p9_symlink(1, "link", "../canary");
		p9_walk(1, 3, "dir", NULL);
		p9_walk(1, 4, "link", NULL);
	}
	while (in.p < in.end) {
		unsigned n = 1 + in_u8(&in) % BATCH;

		for (unsigned i = 0; i < n; i++) {
			message(&in, i);
			submit(&calls[i], in_u8(&in) < 230 ? REPLY - 64 : 11u + in_u8(&in));
		}
		fs_drain(fs);
		for (unsigned i = 0; i < n; i++)
			check(&calls[i]);
	}
	if (p9_version(8192, "9P2000.L") || p9_attach(1, 0) || p9_walk(1, 2, "", NULL))
		fail("no new session");
	fs_close(fs);
	check_canary();
	nftw(export, remove_one, 64, FTW_DEPTH | FTW_PHYS);
	return 0;
}
