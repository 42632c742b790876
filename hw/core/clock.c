/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual time is the host's monotonic time minus the time the machine stood
 * still. The pair (origin, running) is read under a sequence counter, so that
 * clock_now() takes no lock: every guest read of `time` ends here.
 *
 * Armed timers form a binary heap by deadline under one mutex; one thread sleeps
 * until the earliest. A timer re-armed to a later time (the usual case of a
 * periodic tick) does not wake that thread: it wakes by itself at the old time,
 * looks, and sleeps again.
 */
#include "hw/core/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "util/bits.h"
#include "util/os.h"

struct clock {
	_Atomic uint32_t seq;		/* odd: being changed */
	_Atomic bool running;
	_Atomic uint64_t origin;	/* running: host ns at virtual 0; stopped: virtual ns */
	_Atomic uint64_t wall_origin;	/* UTC ns at virtual 0 */

	pthread_mutex_t lock;
	pthread_cond_t wake;		/* an earlier deadline, a start, the end */
	pthread_cond_t idle;		/* a handler has returned */
	pthread_t thread;
	bool quit;
	struct timer *firing;
	uint64_t asleep_until;		/* virtual ns */
	struct timer **heap;		/* heap[1] is the earliest */
	uint32_t nr, cap;
};

uint64_t clock_now(struct clock *c)
{
	uint32_t seq;
	uint64_t origin;
	bool running;

	/* Whoever sees a new value sees, by the acquire, the odd number set before it. */
	do {
		while ((seq = atomic_load_explicit(&c->seq, memory_order_acquire)) & 1)
			;
		running = atomic_load_explicit(&c->running, memory_order_acquire);
		origin = atomic_load_explicit(&c->origin, memory_order_acquire);
	} while (atomic_load_explicit(&c->seq, memory_order_relaxed) != seq);
	return running ? os_now_ns() - origin : origin;
}

uint64_t clock_wall_ns(struct clock *c)
{
	return atomic_load(&c->wall_origin) + clock_now(c);
}

static void set_origin(struct clock *c, bool running, uint64_t origin)
{
	atomic_fetch_add(&c->seq, 1);
	atomic_store_explicit(&c->running, running, memory_order_release);
	atomic_store_explicit(&c->origin, origin, memory_order_release);
	atomic_fetch_add(&c->seq, 1);
}

static void heap_put(struct clock *c, uint32_t i, struct timer *t)
{
	c->heap[i] = t;
	t->heap_pos = i;
}

static void heap_settle(struct clock *c, uint32_t i, struct timer *t)
{
	for (; i > 1 && c->heap[i / 2]->deadline > t->deadline; i /= 2)
		heap_put(c, i, c->heap[i / 2]);
	for (;;) {
		uint32_t kid = 2 * i;

		if (kid < c->nr && c->heap[kid + 1]->deadline < c->heap[kid]->deadline)
			kid++;
		if (kid > c->nr || c->heap[kid]->deadline >= t->deadline)
			break;
		heap_put(c, i, c->heap[kid]);
		i = kid;
	}
	heap_put(c, i, t);
}

static void heap_remove(struct clock *c, struct timer *t)
{
	uint32_t i = t->heap_pos;
	struct timer *last;

	if (!i)
		return;
	t->heap_pos = 0;
	last = c->heap[c->nr--];
	if (last != t)
		heap_settle(c, i, last);
}

static void heap_insert(struct clock *c, struct timer *t)
{
	if (c->nr + 1 >= c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->heap = realloc(c->heap, c->cap * sizeof(*c->heap));
		if (!c->heap)
			abort();
	}
	heap_settle(c, ++c->nr, t);
}

/* Sleeps until virtual time `until` or a wake-up; c->lock is held. */
static void sleep_until(struct clock *c, uint64_t until)
{
	uint64_t now = clock_now(c);
	/* At most a year: nobody waits longer, and the sum cannot overflow. */
	uint64_t wait = until > now ? MIN(until - now, UINT64_C(31536000000000000)) : 0;
	uint64_t host = os_now_ns() + wait;
	struct timespec ts = { .tv_sec = (time_t)(host / 1000000000),
			       .tv_nsec = (long)(host % 1000000000) };

	c->asleep_until = until;
	if (until == TIMER_NEVER || !c->running)
		pthread_cond_wait(&c->wake, &c->lock);
	else
		pthread_cond_timedwait(&c->wake, &c->lock, &ts);
	c->asleep_until = 0;
}

static void *clock_thread(void *arg)
{
	struct clock *c = arg;

	os_thread_name("ambi-clock");
	pthread_mutex_lock(&c->lock);
	while (!c->quit) {
		struct timer *t = c->nr ? c->heap[1] : NULL;

		if (!t || !c->running || t->deadline > clock_now(c)) {
			sleep_until(c, t ? t->deadline : TIMER_NEVER);
			continue;
		}
		heap_remove(c, t);
		t->deadline = TIMER_NEVER;
		c->firing = t;
		pthread_mutex_unlock(&c->lock);
		t->fire(t->opaque);
		pthread_mutex_lock(&c->lock);
		c->firing = NULL;
		pthread_cond_broadcast(&c->idle);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

struct clock *clock_new(struct err *e)
{
	struct clock *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;
	int rc;

	if (!c) {
		err_errno(e, ENOMEM, "clock");
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);	/* what os_now_ns() counts */
	pthread_cond_init(&c->wake, &attr);
	pthread_cond_init(&c->idle, NULL);
	pthread_condattr_destroy(&attr);
	c->wall_origin = os_realtime_ns();
	rc = pthread_create(&c->thread, NULL, clock_thread, c);
	if (rc) {
		err_errno(e, rc, "clock: cannot start its thread");
		free(c);
		return NULL;
	}
	return c;
}

void clock_free(struct clock *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->quit = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->wake);
	pthread_cond_destroy(&c->idle);
	pthread_mutex_destroy(&c->lock);
	free(c->heap);
	free(c);
}

void clock_run_from(struct clock *c, uint64_t host_ns)
{
	uint64_t now = os_now_ns(), late = now > host_ns ? now - host_ns : 0;

	pthread_mutex_lock(&c->lock);
	if (!c->running) {
		/* The guest's wall clock catches up with the host's at each start. */
		atomic_store(&c->wall_origin, os_realtime_ns() - late - c->origin);
		set_origin(c, true, now - late - c->origin);
		pthread_cond_signal(&c->wake);
	}
	pthread_mutex_unlock(&c->lock);
}

void clock_run(struct clock *c) { clock_run_from(c, UINT64_MAX); }

/* Waits for a handler that is running, so that nothing fires in a stopped machine. */
void clock_stop(struct clock *c)
{
	pthread_mutex_lock(&c->lock);
	if (c->running)
		set_origin(c, false, os_now_ns() - c->origin);
	while (c->firing && !pthread_equal(pthread_self(), c->thread))
		pthread_cond_wait(&c->idle, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

bool clock_is_running(struct clock *c) { return atomic_load(&c->running); }

void clock_set(struct clock *c, uint64_t now)
{
	pthread_mutex_lock(&c->lock);
	if (!c->running)
		set_origin(c, false, now);
	pthread_mutex_unlock(&c->lock);
}

void clock_set_wall(struct clock *c, uint64_t utc_ns)
{
	pthread_mutex_lock(&c->lock);
	if (!c->running)
		atomic_store(&c->wall_origin, utc_ns - c->origin);
	pthread_mutex_unlock(&c->lock);
}

void timer_init(struct timer *t, struct clock *c, void (*fire)(void *), void *opaque)
{
	t->clock = c;
	t->fire = fire;
	t->opaque = opaque;
	t->deadline = TIMER_NEVER;
	t->heap_pos = 0;
}

void timer_set(struct timer *t, uint64_t deadline)
{
	struct clock *c = t->clock;

	pthread_mutex_lock(&c->lock);
	t->deadline = deadline;
	if (deadline == TIMER_NEVER) {
		heap_remove(c, t);
	} else {
		if (t->heap_pos)
			heap_settle(c, t->heap_pos, t);
		else
			heap_insert(c, t);
		if (deadline < c->asleep_until && c->running)
			pthread_cond_signal(&c->wake);
	}
	pthread_mutex_unlock(&c->lock);
}

void timer_fini(struct timer *t)
{
	struct clock *c = t->clock;

	if (!c)
		return;		/* never initialised */
	pthread_mutex_lock(&c->lock);
	heap_remove(c, t);
	t->deadline = TIMER_NEVER;
	while (c->firing == t && !pthread_equal(pthread_self(), c->thread)) {
		pthread_cond_wait(&c->idle, &c->lock);
		heap_remove(c, t);	/* the handler may have armed it again */
		t->deadline = TIMER_NEVER;
	}
	pthread_mutex_unlock(&c->lock);
}
