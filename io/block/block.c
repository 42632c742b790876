/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a request: checked here; served at once when the page cache has it;
 * else handed to an engine, unless a request that must be alone runs or waits
 * (a write of part of a unit that O_DIRECT cannot split). Engines come back
 * through block_complete(), which starts what waited.
 */
#include "io/block/block.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/block/qcow2.h"
#include "util/bits.h"
#include "util/log.h"

static bool is_rw(const struct block_req *r) { return r->op == BLOCK_READ || r->op == BLOCK_WRITE; }

static int check(struct block *b, const struct block_req *r)
{
	uint64_t sum = 0;

	if (b->inactive && (r->op != BLOCK_READ || b->q) && !b->overlay)
		return -EPERM;
	if (r->op == BLOCK_FLUSH)
		return 0;
	if (r->op != BLOCK_READ && b->cfg.readonly)
		return -EROFS;
	if ((r->offset | r->bytes) % BLOCK_SECTOR || r->bytes > b->size ||
	    r->offset > b->size - r->bytes)
		return -EINVAL;
	if (!is_rw(r))
		return 0;
	for (unsigned i = 0; i < r->nr_iov; i++) {
		if (r->iov[i].iov_len > r->bytes - sum)
			return -EINVAL;
		sum += r->iov[i].iov_len;
	}
	return sum == r->bytes ? 0 : -EINVAL;
}

static bool wants_exclusive(struct block *b, const struct block_req *r)
{
	return b->direct && (r->op == BLOCK_WRITE || r->op == BLOCK_WRITE_ZEROES) &&
	       ((r->offset | r->bytes) & (b->align - 1));
}

/* With the lock: whether r may run now; then it counts as running. */
static bool may_start(struct block *b, struct block_req *r)
{
	if (b->exclusive || (r->exclusive && b->running))
		return false;
	b->exclusive = r->exclusive;
	b->running++;
	return true;
}

/* What has its place goes on to the file, all of it at once; the rest takes a thread. */
static void dispatch_format(struct block *b, struct block_req *list)
{
	struct block_req *file = NULL, **tail = &file, *r, *child;

	while ((r = list)) {
		list = r->next;
		r->next = NULL;
		if (!qcow2_try_fast(b->q, r, &child)) {
			pool_submit(b->pool, r);
		} else if (child) {
			*tail = child;
			tail = &child->next;
		}
	}
	if (file)
		block_submit(b->below, file);
}

static void dispatch(struct block *b, struct block_req *list)
{
	struct block_req *aio = NULL, **tail = &aio, *r;

	if (b->q) {
		dispatch_format(b, list);
		return;
	}
	while ((r = list)) {
		list = r->next;
		r->next = NULL;
		if (b->aio && is_rw(r) && r->nr_iov <= IOV_MAX && block_file_aligned(b, r)) {
			*tail = r;
			tail = &r->next;
		} else {
			pool_submit(b->pool, r);
		}
	}
	if (aio)
		aio_submit(b->aio, aio);
}

void block_submit(struct block *b, struct block_req *list)
{
	struct block_req *start = NULL, **tail = &start, *r;

	while ((r = list)) {
		int ret = check(b, r);

		list = r->next;
		r->next = NULL;
		r->more = false;
		if (ret || (r->op != BLOCK_FLUSH && !r->bytes) ||
		    (r->op == BLOCK_READ && !b->overlay && !b->q && block_file_try_cached(b, r))) {
			r->done(r, ret);
			continue;
		}
		r->exclusive = wants_exclusive(b, r);
		pthread_mutex_lock(&b->lock);
		b->in_flight++;
		if (b->wait_head || !may_start(b, r)) {
			if (b->wait_head)
				b->wait_tail->next = r;
			else
				b->wait_head = r;
			b->wait_tail = r;
		} else {
			*tail = r;
			tail = &r->next;
		}
		pthread_mutex_unlock(&b->lock);
	}
	dispatch(b, start);
}

/* With the lock: those that waited and may start now. */
static struct block_req *take_waiting(struct block *b)
{
	struct block_req *start = NULL, **tail = &start, *w;

	while ((w = b->wait_head) && may_start(b, w)) {
		b->wait_head = w->next;
		w->next = NULL;
		*tail = w;
		tail = &w->next;
	}
	return start;
}

void block_complete(struct block *b, struct block_req *r, int ret)
{
	struct block_req *start;
	bool was_exclusive = r->exclusive;

	pthread_mutex_lock(&b->lock);
	if (b->track)
		block_track_done(b, r);
	if (--b->running == 0)
		pthread_cond_broadcast(&b->idle);
	if (was_exclusive)
		b->exclusive = false;
	start = take_waiting(b);
	pthread_mutex_unlock(&b->lock);
	dispatch(b, start);
	r->done(r, ret);
	/* Only now: whoever drains relies on no callback running any more. */
	pthread_mutex_lock(&b->lock);
	if (--b->in_flight == 0)
		pthread_cond_broadcast(&b->idle);
	pthread_mutex_unlock(&b->lock);
}

void block_drain(struct block *b)
{
	pthread_mutex_lock(&b->lock);
	while (b->in_flight)
		pthread_cond_wait(&b->idle, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

void block_quiesce(struct block *b)
{
	pthread_mutex_lock(&b->lock);
	while (b->exclusive)
		pthread_cond_wait(&b->idle, &b->lock);
	b->exclusive = true;
	while (b->running)
		pthread_cond_wait(&b->idle, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

void block_resume(struct block *b)
{
	struct block_req *start;

	pthread_mutex_lock(&b->lock);
	b->exclusive = false;
	pthread_cond_broadcast(&b->idle);
	start = take_waiting(b);
	pthread_mutex_unlock(&b->lock);
	dispatch(b, start);
}

static int start_engines(struct block *b, struct err *e)
{
	const struct block_config *c = &b->cfg;
	struct err why = { 0 };

	if (c->engine == BLOCK_ENGINE_AIO && !b->direct && !b->q)
		return err_set(e, EINVAL,
			       c->snapshot ? "aio=native cannot be used with snapshot=on" :
					     "aio=native needs cache=none or cache=directsync");
	if (c->snapshot) {
		b->overlay = overlay_new(b, e);
		if (!b->overlay)
			return err_prefix(e, "snapshot");
	}
	b->pool = pool_new(b, c->snapshot ? overlay_run : b->q ? qcow2_run : block_file_run, e);
	if (!b->pool)
		return -e->code;
	if (b->q || !b->direct || c->engine == BLOCK_ENGINE_THREADS)
		return 0;
	b->aio = aio_new(b, &why);
	if (!b->aio && c->engine == BLOCK_ENGINE_AIO)
		return err_set(e, why.code, "%s", why.msg);
	if (!b->aio)
		log_warn("%s: %s; using threads", c->path, why.msg);
	return 0;
}

bool block_is_qcow2(enum block_format format, const char *path)
{
	size_t len = strlen(path);

	return format == BLOCK_FORMAT_QCOW2 ||
	       (format == BLOCK_FORMAT_AUTO && len > 6 && !strcmp(path + len - 6, ".qcow2"));
}

static struct block *open_one(const struct block_config *c, bool container, unsigned depth,
			      struct err *e);

/* An image in a file; with an overlay, the image is a block of its own below that. */
static int open_format(struct block *b, unsigned depth, struct err *e)
{
	struct block_config c = b->cfg;

	c.format = BLOCK_FORMAT_RAW;
	if (c.snapshot) {
		c.format = BLOCK_FORMAT_QCOW2;
		c.snapshot = false;
		c.readonly = true;
	}
	b->below = open_one(&c, !b->cfg.snapshot, depth, e);
	if (!b->below)
		return -e->code;
	b->align = b->below->align;
	b->size = b->below->size;
	if (b->cfg.snapshot)
		return 0;
	b->q = qcow2_open(b, depth, e);
	return b->q ? 0 : -e->code;
}

static struct block *open_one(const struct block_config *c, bool container, unsigned depth,
			      struct err *e)
{
	struct block *b = calloc(1, sizeof(*b));
	int ret;

	if (!b) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	b->cfg = *c;
	if (b->cfg.readonly)
		b->cfg.snapshot = false;	/* nothing would ever be in it */
	b->inactive = c->inactive;
	b->container = container;
	b->fd = -1;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->idle, NULL);
	pthread_mutex_init(&b->flush_lock, NULL);
	pthread_cond_init(&b->flush_cond, NULL);
	ret = block_is_qcow2(c->format, c->path) ? open_format(b, depth, e) :
						   block_file_open(b, e);
	if (!ret)
		ret = start_engines(b, e);
	if (ret < 0) {
		block_close(b);
		return NULL;
	}
	return b;
}

struct block *block_open_depth(const struct block_config *c, unsigned depth, struct err *e)
{
	struct err own = { 0 };
	struct block *b = open_one(c, false, depth, &own);

	if (!b) {
		if (e)
			*e = own;
		if (own.code != ELOOP || !depth)
			err_prefix(e, "%s", c->path);
	}
	return b;
}

struct block *block_open(const struct block_config *c, struct err *e)
{
	return block_open_depth(c, 0, e);
}

void block_close(struct block *b)
{
	if (!b)
		return;
	block_drain(b);
	aio_free(b->aio);
	pool_free(b->pool);
	overlay_free(b->overlay);
	qcow2_close(b->q);
	block_close(b->below);
	if (b->fd >= 0) {
		block_file_unlock(b);	/* a twin that is being made has the file open, too */
		close(b->fd);
	}
	pthread_cond_destroy(&b->flush_cond);
	pthread_mutex_destroy(&b->flush_lock);
	pthread_cond_destroy(&b->idle);
	pthread_mutex_destroy(&b->lock);
	free(b->track);
	free(b);
}

uint64_t block_size(struct block *b) { return b->size; }
bool block_readonly(struct block *b) { return b->cfg.readonly; }
bool block_has_discard(struct block *b) { return !b->cfg.readonly && !b->cfg.no_discard; }
unsigned block_alignment(struct block *b) { return MAX(b->align, BLOCK_SECTOR); }

bool block_has_flush(struct block *b)
{
	return !b->cfg.readonly && b->cfg.cache != BLOCK_CACHE_WRITETHROUGH &&
	       b->cfg.cache != BLOCK_CACHE_DIRECTSYNC;
}

enum block_format block_format(struct block *b)
{
	return b->q ? BLOCK_FORMAT_QCOW2 : b->below ? block_format(b->below) : BLOCK_FORMAT_RAW;
}

const char *block_path(struct block *b) { return b->cfg.path; }
bool block_is_inactive(struct block *b) { return b->inactive; }
bool block_is_temporary(struct block *b) { return b->overlay != NULL; }

const char *block_engine_name(struct block *b)
{
	if (b->overlay)
		return "overlay";
	return b->q ? block_engine_name(b->below) : b->aio ? "aio" : "threads";
}

struct rw_wait {
	struct block_req req;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool finished;
	int ret;
};

static void rw_done(struct block_req *r, int ret)
{
	struct rw_wait *w = container_of(r, struct rw_wait, req);

	pthread_mutex_lock(&w->lock);
	w->ret = ret;
	w->finished = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

int block_rwv(struct block *b, enum block_op op, uint64_t offset, const struct iovec *iov,
	      unsigned nr_iov, uint64_t bytes)
{
	struct rw_wait w = {
		.req = { .op = op,
			 .offset = offset,
			 .bytes = bytes,
			 .iov = iov,
			 .nr_iov = nr_iov,
			 .done = rw_done },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER,
	};

	block_submit(b, &w.req);
	pthread_mutex_lock(&w.lock);
	while (!w.finished)
		pthread_cond_wait(&w.cond, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return w.ret;
}

int block_rw(struct block *b, enum block_op op, uint64_t offset, void *buf, uint64_t bytes)
{
	struct iovec v = { buf, bytes };

	return block_rwv(b, op, offset, &v, buf ? 1 : 0, bytes);
}
