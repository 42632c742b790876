/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual time: nanoseconds since the machine's power-on, stopped while the
 * machine is stopped. Everything in hw/ that needs time uses this and nothing
 * else, so that snapshot, replay and counted time have one place to hook.
 */
#ifndef HW_CORE_CLOCK_H
#define HW_CORE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define TIMER_NEVER UINT64_MAX

struct timer {
	struct clock *clock;
	void (*fire)(void *opaque);	/* on the clock's thread, without the clock's lock */
	void *opaque;
	uint64_t deadline;		/* virtual ns; TIMER_NEVER: not armed. The saved state. */
	uint32_t heap_pos;		/* 0: not queued */
};

struct clock;				/* one per machine; owns a thread */

struct clock *clock_new(struct err *e);
void clock_free(struct clock *c);
uint64_t clock_now(struct clock *c);		/* virtual ns; lock-free */
void clock_run(struct clock *c);		/* starts stopped */
/* The same, as of an earlier moment of the host's monotonic clock: time has gone on since. */
void clock_run_from(struct clock *c, uint64_t host_ns);
void clock_stop(struct clock *c);
bool clock_is_running(struct clock *c);
void clock_set(struct clock *c, uint64_t now);	/* while stopped: restore */
void clock_set_wall(struct clock *c, uint64_t utc_ns);	/* of now; while stopped: restore */
uint64_t clock_wall_ns(struct clock *c);	/* wall clock in UTC ns, moves with virtual time */

/* A counter of hz ticks a second that is 0 at virtual 0, and back (rounded up, saturating). */
static inline uint64_t clock_ns_to_ticks(uint64_t ns, uint64_t hz)
{
	return 1000000000 % hz ? (uint64_t)((unsigned __int128)ns * hz / 1000000000) :
				 ns / (1000000000 / hz);
}
static inline uint64_t clock_ticks_to_ns(uint64_t ticks, uint64_t hz)
{
	unsigned __int128 ns = ((unsigned __int128)ticks * 1000000000 + hz - 1) / hz;

	return ns > TIMER_NEVER ? TIMER_NEVER : (uint64_t)ns;
}

void timer_init(struct timer *t, struct clock *c, void (*fire)(void *), void *opaque);
/* Arms, re-arms or (TIMER_NEVER) disarms; any thread. A timer disarmed from another thread may
 * still fire once: handlers re-check their condition. timer_fini waits for a running handler. */
void timer_set(struct timer *t, uint64_t deadline);
void timer_fini(struct timer *t);

#endif
