/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux AIO on an O_DIRECT descriptor: a list of requests goes to the kernel in
 * one io_submit, and one thread collects completions through an eventfd.
 */
#include "io/block/block_int.h"

#include <errno.h>
#include <libaio.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/thread.h"
#include "util/os.h"

#define AIO_DEPTH 256
#define AIO_BATCH 64

struct slot {
	struct iocb iocb;		/* first: an event gives back its address */
	struct block_req *req;
	struct slot *next_free;
};

struct aio {
	struct block *b;
	io_context_t ctx;
	int event;
	pthread_t thread;
	bool has_thread;
	_Atomic bool stop;
	pthread_mutex_t lock;
	struct slot *free;
	struct slot slot[AIO_DEPTH];
};

/*
 * A short transfer ended at the end of the file, or was cut by the kernel: the
 * rest is done plainly.
 */
static int finish(struct aio *a, struct block_req *r, long res)
{
	struct iovec *v;
	struct block_req rest = *r;
	int ret;

	if (res < 0)
		return (int)res;
	if ((uint64_t)res >= r->bytes)
		return 0;
	v = malloc(r->nr_iov * sizeof(*v));
	if (!v)
		return -ENOMEM;
	rest.iov = v;
	rest.nr_iov = iov_slice(r->iov, r->nr_iov, (uint64_t)res, r->bytes, v, r->nr_iov);
	rest.offset += (uint64_t)res;
	rest.bytes -= (uint64_t)res;
	ret = block_file_run(a->b, &rest);
	free(v);
	return ret;
}

/* req: what each slot held; NULL where the caller knows. */
static void put_slots(struct aio *a, struct slot **s, struct block_req **req, unsigned n)
{
	pthread_mutex_lock(&a->lock);
	for (unsigned i = 0; i < n; i++) {
		if (req)
			req[i] = s[i]->req;
		s[i]->next_free = a->free;
		a->free = s[i];
	}
	pthread_mutex_unlock(&a->lock);
}

/* Whom its end will be told. */
static const struct block_req *whose(const struct block_req *r)
{
	return r->whole ? r->whole : r;
}

static void *aio_thread(void *opaque)
{
	struct aio *a = opaque;
	struct io_event ev[AIO_BATCH];
	struct slot *done[AIO_BATCH];
	struct block_req *req[AIO_BATCH];

	while (!atomic_load(&a->stop)) {
		struct pollfd p = { a->event, POLLIN, 0 };
		int n;

		if (poll(&p, 1, -1) < 0)
			continue;
		os_eventfd_drain(a->event);
		while ((n = io_getevents(a->ctx, 0, AIO_BATCH, ev, NULL)) > 0) {
			for (int i = 0; i < n; i++)
				done[i] = (struct slot *)ev[i].obj;
			put_slots(a, done, req, (unsigned)n);
			for (int i = 0; i < n; i++)
				req[i]->more = i + 1 < n &&
					       whose(req[i + 1])->done == whose(req[i])->done;
			for (int i = 0; i < n; i++)
				block_complete(a->b, req[i], finish(a, req[i], (long)ev[i].res));
		}
	}
	return NULL;
}

struct aio *aio_new(struct block *b, struct err *e)
{
	struct aio *a = calloc(1, sizeof(*a));
	int ret;

	if (!a) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	a->b = b;
	a->event = -1;
	pthread_mutex_init(&a->lock, NULL);
	for (unsigned i = 0; i < AIO_DEPTH; i++) {
		a->slot[i].next_free = a->free;
		a->free = &a->slot[i];
	}
	ret = io_setup(AIO_DEPTH, &a->ctx);
	if (ret < 0) {
		a->ctx = NULL;
		err_errno(e, -ret, "Linux AIO");
		goto fail;
	}
	a->event = os_eventfd();
	if (a->event < 0) {
		err_errno(e, -a->event, "eventfd");
		goto fail;
	}
	if (io_thread_start(&a->thread, "io:aio", aio_thread, a, e) < 0)
		goto fail;
	a->has_thread = true;
	return a;
fail:
	aio_free(a);
	return NULL;
}

void aio_free(struct aio *a)
{
	if (!a)
		return;
	if (a->has_thread) {
		atomic_store(&a->stop, true);
		os_eventfd_signal(a->event);
		pthread_join(a->thread, NULL);
	}
	if (a->ctx)
		io_destroy(a->ctx);
	if (a->event >= 0)
		close(a->event);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void submit_slots(struct aio *a, struct iocb **cb, int n)
{
	while (n > 0) {
		int r = io_submit(a->ctx, n, cb);
		struct slot *s;

		if (r > 0) {
			cb += r;
			n -= r;
			continue;
		}
		/* The kernel takes none (-EAGAIN) or not the first one: that goes the plain way. */
		s = (struct slot *)cb[0];
		pool_submit(a->b->pool, s->req);
		put_slots(a, &s, NULL, 1);
		cb++;
		n--;
	}
}

void aio_submit(struct aio *a, struct block_req *list)
{
	struct iocb *cb[AIO_BATCH];

	while (list) {
		int n = 0;

		pthread_mutex_lock(&a->lock);
		while (list && n < AIO_BATCH && a->free) {
			struct block_req *r = list;
			struct slot *s = a->free;

			list = r->next;
			a->free = s->next_free;
			s->req = r;
			if (r->op == BLOCK_READ)
				io_prep_preadv(&s->iocb, a->b->fd, r->iov, (int)r->nr_iov,
					       (long long)r->offset);
			else
				io_prep_pwritev(&s->iocb, a->b->fd, r->iov, (int)r->nr_iov,
						(long long)r->offset);
			io_set_eventfd(&s->iocb, a->event);
			cb[n++] = &s->iocb;
		}
		pthread_mutex_unlock(&a->lock);
		if (!n) {
			/* More in flight than slots: the rest takes the pool rather than a wait. */
			struct block_req *r = list;

			list = r->next;
			pool_submit(a->b->pool, r);
			continue;
		}
		submit_slots(a, cb, n);
	}
}
