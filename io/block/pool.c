/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread pool for operations that block. Threads start when a request finds
 * none idle, up to a limit, and stay: a disk in use keeps being used.
 */
#include "io/block/block_int.h"

#include <errno.h>
#include <stdlib.h>

#include "io/thread.h"

#define POOL_THREADS 8

struct pool {
	struct block *b;
	int (*run)(struct block *b, struct block_req *r);
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct block_req *head, *tail;
	unsigned nr_threads, idle, queued;
	bool stop;
	pthread_t thread[POOL_THREADS];
};

static void *pool_thread(void *opaque)
{
	struct pool *p = opaque;
	struct block_req *r;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->head && !p->stop) {
			p->idle++;
			pthread_cond_wait(&p->work, &p->lock);
			p->idle--;
		}
		r = p->head;
		if (!r)
			break;
		p->head = r->next;
		p->queued--;
		pthread_mutex_unlock(&p->lock);
		r->next = NULL;
		block_complete(p->b, r, p->run(p->b, r));
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int add_thread(struct pool *p, struct err *e)
{
	int ret = io_thread_start(&p->thread[p->nr_threads], "io:block", pool_thread, p, e);

	if (!ret)
		p->nr_threads++;
	return ret;
}

struct pool *pool_new(struct block *b, int (*run)(struct block *b, struct block_req *r),
		      struct err *e)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	p->b = b;
	p->run = run;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	/* One from the start, so that a host without room for threads is an error here. */
	if (add_thread(p, e) < 0) {
		pool_free(p);
		return NULL;
	}
	return p;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->nr_threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void pool_submit(struct pool *p, struct block_req *r)
{
	pthread_mutex_lock(&p->lock);
	r->next = NULL;
	if (p->head)
		p->tail->next = r;
	else
		p->head = r;
	p->tail = r;
	p->queued++;
	if (p->idle < p->queued && p->nr_threads < POOL_THREADS)
		add_thread(p, NULL);
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}
