/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads, dispatch and the session's life. Messages: the 9P2000.L protocol
 * description (diod's protocol.md and the client in Linux, net/9p).
 *
 * Tflush is answered when the request that it names has been: until then the guest
 * may not use that one's memory again. It waits in a list, not on a thread. One that
 * names another Tflush is answered at once, so no two can wait for each other.
 */
#include "io/fs/fs_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "io/iov.h"
#include "io/thread.h"
#include "util/log.h"

enum {
	T_LERROR = 6, T_STATFS = 8, T_LOPEN = 12, T_LCREATE = 14, T_SYMLINK = 16, T_MKNOD = 18,
	T_RENAME = 20, T_READLINK = 22, T_GETATTR = 24, T_SETATTR = 26, T_XATTRWALK = 30,
	T_XATTRCREATE = 32, T_READDIR = 40, T_FSYNC = 50, T_LOCK = 52, T_GETLOCK = 54, T_LINK = 70,
	T_MKDIR = 72, T_RENAMEAT = 74, T_UNLINKAT = 76, T_VERSION = 100, T_ATTACH = 104,
	T_FLUSH = 108, T_WALK = 110, T_READ = 116, T_WRITE = 118, T_CLUNK = 120, T_REMOVE = 122,
};

enum { MODIFIES = 1, NO_SESSION = 2 };

static const struct { int (*run)(struct op *o); uint8_t flags; } ops[128] = {
	[T_STATFS] = { op_statfs, 0 }, [T_LOPEN] = { op_lopen, 0 },
	[T_LCREATE] = { op_lcreate, MODIFIES }, [T_SYMLINK] = { op_symlink, MODIFIES },
	[T_MKNOD] = { op_mknod, MODIFIES }, [T_RENAME] = { op_rename, MODIFIES },
	[T_READLINK] = { op_readlink, 0 }, [T_GETATTR] = { op_getattr, 0 },
	[T_SETATTR] = { op_setattr, MODIFIES }, [T_XATTRWALK] = { op_xattrwalk, 0 },
	[T_XATTRCREATE] = { op_xattrcreate, MODIFIES }, [T_READDIR] = { op_readdir, 0 },
	[T_FSYNC] = { op_fsync, 0 }, [T_LOCK] = { op_lock, 0 }, [T_GETLOCK] = { op_getlock, 0 },
	[T_LINK] = { op_link, MODIFIES }, [T_MKDIR] = { op_mkdir, MODIFIES },
	[T_RENAMEAT] = { op_renameat, MODIFIES }, [T_UNLINKAT] = { op_unlinkat, MODIFIES },
	[T_VERSION] = { op_version, NO_SESSION }, [T_ATTACH] = { op_attach, 0 },
	[T_WALK] = { op_walk, 0 }, [T_READ] = { op_read, 0 }, [T_WRITE] = { op_write, MODIFIES },
	[T_CLUNK] = { op_clunk, 0 }, [T_REMOVE] = { op_remove, 0 },
};

/* ---- qids ---- */

/*
 * Unique over all file systems below the export. Inode numbers of the first are
 * left alone; others get the number of their file system in front, if it fits.
 */
uint64_t fs_qid_path(struct fs *f, uint64_t dev, uint64_t ino)
{
	unsigned i;

	pthread_mutex_lock(&f->lock);
	for (i = 0; i < f->nr_devs && f->devs[i] != dev; i++)
		;
	if (i == f->nr_devs && i < ARRAY_SIZE(f->devs))
		f->devs[f->nr_devs++] = dev;
	pthread_mutex_unlock(&f->lock);
	if (i < ARRAY_SIZE(f->devs) && !(ino >> 56))
		return (uint64_t)i << 56 | ino;
	ino = (ino ^ dev * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
	return (ino ^ ino >> 29) | BIT(63);
}

void fs_put_qid(struct fs *f, struct msg *m, const struct statx *st)
{
	uint64_t v = ((uint64_t)st->stx_mtime.tv_sec << 20) ^ st->stx_mtime.tv_nsec ^
		     st->stx_size << 7;

	msg_put8(m, S_ISDIR(st->stx_mode) ? 0x80 : S_ISLNK(st->stx_mode) ? 0x02 : 0);
	msg_put32(m, (uint32_t)(v ^ v >> 32));
	msg_put64(m, fs_qid_path(f, makedev(st->stx_dev_major, st->stx_dev_minor), st->stx_ino));
}

/* ---- one request ---- */

static uint32_t reply(struct fs_req *r, uint8_t *buf, uint8_t type, uint16_t tag, size_t len,
		      uint32_t direct)
{
	st_le32(buf, (uint32_t)(len + direct));
	buf[4] = type;
	st_le16(buf + 5, tag);
	iov_from_buf(r->in, r->nr_in, 0, buf, len);
	return (uint32_t)(len + direct);
}

static int run_op(struct op *o, const uint8_t *head)
{
	struct fs *f = o->fs;
	struct fs_req *r = o->req;
	uint32_t size = ld_le32(head), msize = atomic_load(&f->msize);
	unsigned type = head[4], flags;
	int rc;

	if (size < MSG_HEADER || size > r->out_bytes || (msize && size > msize))
		return -EMSGSIZE;
	if (type >= ARRAY_SIZE(ops) || !ops[type].run)
		return -EOPNOTSUPP;
	flags = ops[type].flags;
	if (!msize && !(flags & NO_SESSION))
		return -EPROTO;
	if (f->readonly && (flags & MODIFIES))
		return -EROFS;
	/* The counted data of Rread and Rreaddir; a session's size is 4 KiB at least. */
	o->room = (uint32_t)MIN(r->in_bytes, (uint64_t)MAX(msize, 4096u)) - FS_MIN_REPLY;
	o->in.p = o->in_buf + MSG_HEADER;
	o->in.end = o->in_buf + iov_to_buf(r->out, r->nr_out, 0, o->in_buf,
					   MIN(size, FS_IN_SIZE));
	if (o->in.end < o->in.p)
		return -EMSGSIZE;
	rc = ops[type].run(o);
	return rc ? rc : o->out.bad ? -EMSGSIZE : 0;
}

static uint32_t run(struct worker *w, struct fs_req *r, uint8_t *in_buf, uint8_t *out_buf)
{
	struct op o = { .fs = w->fs, .req = r, .in_buf = in_buf, .out_buf = out_buf };
	uint8_t head[MSG_HEADER] = { 0 };
	int rc;

	o.out.p = out_buf + MSG_HEADER;
	o.out.end = out_buf + MIN(FS_OUT_SIZE, r->in_bytes);
	iov_to_buf(r->out, r->nr_out, 0, head, sizeof(head));
	/* What waits for this request was found by these: they count, whatever memory says now. */
	head[4] = w->type;
	rc = run_op(&o, head);
	if (!rc)
		return reply(r, out_buf, (uint8_t)(w->type + 1), w->tag,
			     (size_t)(o.out.p - out_buf), o.direct);
	st_le32(out_buf + MSG_HEADER, (uint32_t)-rc);
	return reply(r, out_buf, T_LERROR + 1, w->tag, FS_MIN_REPLY, 0);
}

/* ---- the queue ---- */

static void reply_flush(struct fs_req *r)
{
	uint8_t buf[MSG_HEADER];

	r->done(r, reply(r, buf, T_FLUSH + 1, r->tag, MSG_HEADER, 0));
}

/* With queue_lock: where the request of that tag keeps what waits for it, or NULL. */
static struct fs_req **flushes_of(struct fs *f, uint16_t tag)
{
	struct fs_req **found = NULL;
	uint64_t turn = 0;

	/* Rather the last one: its tag was given anew, the others have been answered. */
	for (unsigned i = 0; i < f->nr_threads; i++) {
		struct worker *w = &f->worker[i];

		if (w->busy && w->tag == tag && w->type != T_FLUSH && w->turn > turn) {
			found = &w->flushes;
			turn = w->turn;
		}
	}
	for (struct fs_req *r = f->head; r; r = r->next)
		if (r->tag == tag && r->type != T_FLUSH)
			found = &r->flushes;
	return found;
}

/* Takes over r where it has to wait. */
static bool park_flush(struct fs *f, struct fs_req *r)
{
	uint8_t raw[MSG_HEADER + 2] = { 0 };
	struct fs_req **at;

	iov_to_buf(r->out, r->nr_out, 0, raw, sizeof(raw));
	pthread_mutex_lock(&f->queue_lock);
	at = flushes_of(f, ld_le16(raw + MSG_HEADER));
	if (at) {
		r->next = *at;
		*at = r;
	}
	pthread_mutex_unlock(&f->queue_lock);
	return at;
}

static void serve(struct worker *w, struct fs_req *r, uint8_t *in_buf, uint8_t *out_buf)
{
	struct fs *f = w->fs;
	struct fs_req *next;
	unsigned done = 0;

	if (r->type == T_FLUSH) {
		if (!park_flush(f, r)) {
			reply_flush(r);
			done++;
		}
	} else {
		r->done(r, run(w, r, in_buf, out_buf));
		done++;
	}
	pthread_mutex_lock(&f->queue_lock);
	w->busy = false;
	r = w->flushes;
	w->flushes = NULL;
	pthread_mutex_unlock(&f->queue_lock);
	for (; r; r = next, done++) {
		next = r->next;
		reply_flush(r);
	}
	pthread_mutex_lock(&f->queue_lock);
	f->in_flight -= done;
	if (!f->in_flight)
		pthread_cond_broadcast(&f->idle_cond);
}

static void *worker_main(void *opaque)
{
	struct worker *w = opaque;
	struct fs *f = w->fs;
	uint8_t *in_buf = malloc(FS_IN_SIZE), *out_buf = malloc(FS_OUT_SIZE);
	struct fs_req *r;

	if (!in_buf || !out_buf)
		abort();		/* 80 KiB at a thread's start */
	pthread_mutex_lock(&f->queue_lock);
	for (;;) {
		while (!f->head && !f->stop) {
			f->nr_idle++;
			pthread_cond_wait(&f->work, &f->queue_lock);
			f->nr_idle--;
		}
		r = f->head;
		if (!r)
			break;
		f->head = r->next;
		f->nr_queued--;
		w->busy = true;
		w->turn = ++f->turns;
		w->tag = r->tag;
		w->type = r->type;
		w->flushes = r->flushes;
		pthread_mutex_unlock(&f->queue_lock);
		serve(w, r, in_buf, out_buf);	/* returns with the lock */
	}
	pthread_mutex_unlock(&f->queue_lock);
	free(in_buf);
	free(out_buf);
	return NULL;
}

/* With queue_lock, or before there are threads. */
static int add_thread(struct fs *f, struct err *e)
{
	struct worker *w = &f->worker[f->nr_threads];
	int rc;

	w->fs = f;
	rc = io_thread_start(&w->thread, "io:fs", worker_main, w, e);
	if (!rc)
		f->nr_threads++;
	return rc;
}

void fs_submit(struct fs *f, struct fs_req *r)
{
	uint8_t head[MSG_HEADER] = { 0 };

	iov_to_buf(r->out, r->nr_out, 0, head, sizeof(head));
	r->type = head[4];
	r->tag = ld_le16(head + 5);
	r->next = r->flushes = NULL;
	pthread_mutex_lock(&f->queue_lock);
	if (f->head)
		f->tail->next = r;
	else
		f->head = r;
	f->tail = r;
	f->nr_queued++;
	f->in_flight++;
	/* Where no further thread starts, those that are there do it one after the other. */
	if (f->nr_queued > f->nr_idle && f->nr_threads < FS_THREADS)
		add_thread(f, NULL);
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->queue_lock);
}

void fs_drain(struct fs *f)
{
	pthread_mutex_lock(&f->queue_lock);
	while (f->in_flight)
		pthread_cond_wait(&f->idle_cond, &f->queue_lock);
	pthread_mutex_unlock(&f->queue_lock);
}

void fs_reset(struct fs *f)
{
	atomic_store(&f->msize, 0);
	fid_drop_all(f);
}

uint32_t fs_msize(struct fs *f) { return atomic_load(&f->msize); }

/* ---- the server ---- */

static const char *const security_names[] = { "auto", "passthrough", "none", "mapped-xattr" };

int fs_security_parse(const char *text, enum fs_security *security, struct err *e)
{
	*security = FS_SECURITY_AUTO;
	for (unsigned i = 0; text && *text; i++) {
		if (i == ARRAY_SIZE(security_names))
			return err_set(e, EINVAL, "security=%s: there are passthrough, "
				       "mapped-xattr, none and auto", text);
		if (!strcmp(text, security_names[i])) {
			*security = (enum fs_security)i;
			break;
		}
	}
	return 0;
}

const char *fs_security_name(enum fs_security s) { return security_names[s]; }
enum fs_security fs_security(struct fs *f) { return f->security; }

/*
 * Descriptors for one export: half of what the process may have, in two halves; places that
 * cannot be opened again may take another quarter (see reclaim).
 */
static unsigned file_budget(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return 128;
	if (l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &l) < 0)
			getrlimit(RLIMIT_NOFILE, &l);
	}
	return l.rlim_cur < 512 ? 64 : (unsigned)MIN(l.rlim_cur / 4, (rlim_t)FS_MAX_FIDS / 2);
}

static int choose_security(struct fs *f, enum fs_security want, struct err *e)
{
	bool mapped = owner_mapped_works(f, f->root_fd);

	if (want == FS_SECURITY_AUTO)
		want = !geteuid() ? FS_SECURITY_PASSTHROUGH :
		       mapped ? FS_SECURITY_MAPPED : FS_SECURITY_NONE;
	if (want == FS_SECURITY_MAPPED && !mapped)
		return err_set(e, ENOTSUP, "security=mapped-xattr: this file system has no "
			       "extended attributes for users");
	f->security = want;
	return 0;
}

static int set_up(struct fs *f, const struct fs_config *c, struct err *e)
{
	unsigned budget = c->max_files ? c->max_files : file_budget();
	int rc;

	f->proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->proc_fd < 0)
		return err_errno(e, errno, "/proc/self/fd");
	f->root_fd = open(c->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->root_fd < 0)
		return err_errno(e, errno, "%s", c->path);
	rc = choose_security(f, c->security, e);
	if (rc < 0)
		return rc;
	f->max_files = budget;
	rc = nodes_init(f, f->root_fd, budget);
	if (rc < 0)
		return err_errno(e, -rc, "%s", c->path);
	fs_qid_path(f, f->nodes.root->id.dev, 1);	/* the first file system is the root's */
	f->root_fd = -1;				/* the node's now */
	rc = add_thread(f, e);
	if (rc < 0)
		nodes_fini(f);
	return rc;
}

struct fs *fs_open(const struct fs_config *c, struct err *e)
{
	struct fs *f = calloc(1, sizeof(*f));

	if (!f) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	f->readonly = c->readonly;
	f->root_fd = f->proc_fd = -1;
	pthread_mutex_init(&f->lock, NULL);
	pthread_mutex_init(&f->queue_lock, NULL);
	pthread_cond_init(&f->work, NULL);
	pthread_cond_init(&f->idle_cond, NULL);
	if (set_up(f, c, e) < 0) {
		if (f->root_fd >= 0)
			close(f->root_fd);
		if (f->proc_fd >= 0)
			close(f->proc_fd);
		free(f);
		return NULL;
	}
	return f;
}

void fs_close(struct fs *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->queue_lock);
	f->stop = true;
	pthread_cond_broadcast(&f->work);
	pthread_mutex_unlock(&f->queue_lock);
	for (unsigned i = 0; i < f->nr_threads; i++)
		pthread_join(f->worker[i].thread, NULL);
	fid_drop_all(f);
	nodes_fini(f);
	close(f->proc_fd);
	pthread_mutex_destroy(&f->lock);
	pthread_mutex_destroy(&f->queue_lock);
	pthread_cond_destroy(&f->work);
	pthread_cond_destroy(&f->idle_cond);
	free(f);
}
