/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of io/fs/ only. */
#ifndef IO_FS_FS_INT_H
#define IO_FS_FS_INT_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "io/fs/fs.h"
#include "io/fs/msg.h"
#include "util/bits.h"

#define FS_THREADS 8
#define FS_MAX_FIDS (1u << 17)
#define FS_MAX_NODES (1u << 18)
#define FS_MAX_XATTRS 64u		/* fids that hold an attribute's value */
#define FS_XATTR_SIZE 65536u		/* XATTR_SIZE_MAX, XATTR_LIST_MAX of Linux */
#define FS_MIN_MESSAGE 4096u
#define FS_IN_SIZE 16384u		/* of a message without data: longer ones are wrong */
#define FS_OUT_SIZE 65536u		/* of a reply without data; of a directory's piece */
#define FS_NO_FID UINT32_MAX
#define FS_NO_UID UINT32_MAX

struct fs_id {			/* tells one inode from all others */
	uint64_t dev, ino;
	int64_t birth_ns;	/* 0: unknown. Inode numbers are used again */
};

/*
 * A place in the exported tree: a name in a parent, and an O_PATH descriptor of what is there.
 * Nodes are shared by fids and kept by their children.
 */
struct node {
	struct node *parent;		/* NULL: the root */
	struct node *newer, *older;	/* by last use; while fd is open */
	struct node *hash_next;
	char *name;
	struct fs_id id;
	mode_t type;			/* S_IFMT bits, of the host's inode */
	unsigned refs, pins;
	bool gone;			/* the guest took its name away: no way to open it again */
	int fd;				/* -1: closed for lack of descriptors */
};

struct nodes {
	pthread_mutex_t lock;		/* of all in nodes, but id, type, and fd while pinned */
	struct node *root;
	struct node *newest, *oldest;
	struct node *hash[1024];
	unsigned nr, nr_open, max_open;
};

enum fid_kind { FID_PLAIN, FID_OPEN, FID_XATTR_READ, FID_XATTR_WRITE };

/* What is in it never changes, but for the value that a FID_XATTR_WRITE gets. */
struct fid {
	struct fid *next;
	uint32_t id, uid;
	unsigned refs;			/* under fs.lock */
	enum fid_kind kind;
	struct node *node;
	int fd;				/* FID_OPEN */
	bool dir, writable;
	pthread_mutex_t lock;		/* position in a directory; value */
	char *xname;
	uint8_t *value;
	uint32_t value_len, value_max, xflags;
};

struct worker {
	struct fs *fs;
	pthread_t thread;
	/* Under queue_lock. The request itself may be the owner's again before `busy` ends. */
	bool busy;
	uint64_t turn;			/* the later begun, the higher */
	uint16_t tag;
	uint8_t type;
	struct fs_req *flushes;
};

struct fs {
	enum fs_security security;
	bool readonly;
	int root_fd, proc_fd;		/* proc_fd: /proc/self/fd, O_PATH */
	struct nodes nodes;

	pthread_mutex_t lock;		/* fids */
	struct fid *bucket[1024];
	unsigned nr_fids, nr_files, nr_xattrs, max_files;
	_Atomic uint32_t msize;		/* 0: no session */
	uint64_t devs[64];		/* file systems seen, for qids */
	unsigned nr_devs;

	pthread_mutex_t queue_lock;
	pthread_cond_t work, idle_cond;
	struct fs_req *head, *tail;	/* to be run */
	struct worker worker[FS_THREADS];
	unsigned nr_threads, nr_idle, nr_queued, in_flight;
	uint64_t turns;
	bool stop;
};

/* One request on its thread. */
struct op {
	struct fs *fs;
	struct fs_req *req;
	struct msg in, out;
	uint32_t room;			/* bytes of data that a reply can carry */
	uint32_t direct;		/* bytes of data that the op itself put behind out */
	uint8_t *in_buf, *out_buf;
};

/* ---- node.c. Functions that return int: 0 or -errno ---- */
int  nodes_init(struct fs *f, int root_fd, unsigned max_open);
void nodes_fini(struct fs *f);
struct node *node_ref(struct fs *f, struct node *n);
void node_put(struct fs *f, struct node *n);
/* The child of that name, or dir itself for "." and its parent for ".."; referenced. */
int  node_walk(struct fs *f, struct node *dir, const char *name, struct node **out);
/* The O_PATH descriptor, until node_unpin; or -errno. */
int  node_pin(struct fs *f, struct node *n);
void node_unpin(struct fs *f, struct node *n);
void node_moved(struct fs *f, struct node *from, const char *old, struct node *to,
		const char *new);
/* The guest has removed what was there under that name, or put another thing there. */
void node_gone(struct fs *f, struct node *dir, const char *name);
/* Parent (referenced) and name, where n still stands there; -ESTALE where something else does. */
int  node_place(struct fs *f, struct node *n, struct node **parent, char name[NAME_MAX + 1]);
/* A name that can be one component: else -errno. */
int  name_check(const char *name);
int  fs_stat_fd(int fd, struct statx *st);
/* Opens a regular file or directory that an O_PATH descriptor names, or -errno. */
int  fs_reopen(struct fs *f, int path_fd, int flags);
struct fs_proc_name { char s[32]; };
struct fs_proc_name fs_proc_name(int fd);	/* below fs->proc_fd */
struct fs_proc_name fs_proc_path(int fd);	/* absolute */

/* ---- fid.c ---- */
struct fid *fid_new(struct fs *f, uint32_t id, uint32_t uid, struct node *n);	/* takes n's ref */
struct fid *fid_get(struct fs *f, uint32_t id);		/* NULL: none; ends with fid_put */
void fid_put(struct fs *f, struct fid *d);
/* Into the table. replace: the fid that must be there now, or NULL for none. Takes the ref. */
int  fid_add(struct fs *f, struct fid *d, struct fid *replace);
struct fid *fid_take(struct fs *f, uint32_t id);	/* out of the table, with its reference */
void fid_drop_all(struct fs *f);
int  fs_files_reserve(struct fs *f);		/* room for one more open file, or -ENFILE */
void fs_files_release(struct fs *f);

/* ---- owner.c: what the guest sees of owner, mode and type ---- */
int owner_stat(struct fs *f, int fd, struct statx *st);
/* Of an object that the guest just made: fd is any descriptor of it. mode with its type. */
int owner_set_new(struct fs *f, int fd, uint32_t mode, uint32_t uid, uint32_t gid, uint64_t rdev);
int owner_chown(struct fs *f, int fd, uint32_t uid, uint32_t gid);
int owner_chmod(struct fs *f, int fd, uint32_t mode);
bool owner_hides(struct fs *f, const char *xattr);
bool owner_mapped_works(struct fs *f, int fd);

/* ---- qids ---- */
void fs_put_qid(struct fs *f, struct msg *m, const struct statx *st);
uint64_t fs_qid_path(struct fs *f, uint64_t dev, uint64_t ino);

/* ---- operations: 0, or -errno for Rlerror ---- */
#define FS_OPS(X)							\
	X(statfs) X(lopen) X(lcreate) X(symlink) X(mknod) X(rename)	\
	X(readlink) X(getattr) X(setattr) X(xattrwalk) X(xattrcreate)	\
	X(readdir) X(fsync) X(lock) X(getlock) X(link) X(mkdir)		\
	X(renameat) X(unlinkat) X(version) X(attach) X(walk) X(read)	\
	X(write) X(clunk) X(remove)
#define FS_OP(name) int op_##name(struct op *o);
FS_OPS(FS_OP)
#undef FS_OP

#endif
