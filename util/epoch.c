/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each thread that ever reads has a record, in a list that only grows; threads that
 * end leave theirs to others. The record says which epoch the thread entered in.
 *
 * Order: a reader's store of its epoch and its loads of the pointer, and a writer's
 * swap of the pointer and its look at the records, are sequentially consistent. So if
 * the writer does not see the reader, the reader sees the swap.
 */
#include "util/epoch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct reader {
	_Atomic uint64_t in;		/* 0: outside */
	_Atomic bool taken;
	struct reader *next;
	unsigned depth;			/* the thread's own */
};

static _Atomic(struct reader *) readers;
static _Atomic uint64_t now = 1;
static _Thread_local struct reader *self;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void thread_ends(void *r)
{
	self = NULL;
	atomic_store(&((struct reader *)r)->taken, false);
}

static void make_key(void)
{
	if (pthread_key_create(&key, thread_ends))
		abort();
}

static struct reader *join(void)
{
	struct reader *r;

	pthread_once(&once, make_key);
	for (r = atomic_load(&readers); r; r = r->next)
		if (!atomic_exchange(&r->taken, true))
			break;
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			abort();	/* tens of bytes, once a thread */
		atomic_init(&r->taken, true);
		r->next = atomic_load(&readers);
		while (!atomic_compare_exchange_weak(&readers, &r->next, r))
			;
	}
	pthread_setspecific(key, r);
	return self = r;
}

void epoch_enter(void)
{
	struct reader *r = self ? self : join();

	if (!r->depth++)
		atomic_exchange(&r->in, atomic_load(&now));
}

void epoch_exit(void)
{
	if (!--self->depth)
		atomic_store_explicit(&self->in, 0, memory_order_release);
}

bool epoch_inside(void)
{
	return self && self->depth;
}

uint64_t epoch_retire(void)
{
	return atomic_fetch_add(&now, 1);
}

bool epoch_passed(uint64_t stamp)
{
	for (struct reader *r = atomic_load(&readers); r; r = r->next) {
		uint64_t in = atomic_load(&r->in);

		if (in && in <= stamp)
			return false;
	}
	return true;
}
