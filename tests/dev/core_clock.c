/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual time and timers: order, re-arming from everywhere, stop, restore. */
#include <stdatomic.h>

#include "tests/dev/devtest.h"
#include "util/bits.h"
#include "util/os.h"

#define MS UINT64_C(1000000)

static struct clock *c;
static _Atomic unsigned fired, order[64], ticks;
static struct timer t[64], tick;

static void note(void *opaque)
{
	order[atomic_fetch_add(&fired, 1) % 64] = (unsigned)((struct timer *)opaque - t);
}

static void again(void *opaque)
{
	if (atomic_fetch_add(&ticks, 1) < 9)
		timer_set(&tick, clock_now(c) + MS / 10);
}

static void test_stopped(void)
{
	uint64_t now = clock_now(c);

	timer_set(&t[0], now);
	usleep(5000);
	CHECK_EQ(clock_now(c), now);
	CHECK_EQ(fired, 0);
	clock_set(c, 1000 * MS);
	CHECK_EQ(clock_now(c), 1000 * MS);
	clock_run(c);
	WAIT_FOR(fired == 1);
	CHECK(clock_now(c) >= 1000 * MS && clock_now(c) < 20000 * MS, "goes on from there");
	CHECK_EQ(t[0].deadline, TIMER_NEVER);
}

/* Armed in a scrambled order, some moved, some disarmed: fires by deadline. */
static void test_order(void)
{
	uint64_t base;

	clock_stop(c);
	base = clock_now(c);
	fired = 0;
	for (unsigned i = 0; i < 64; i++)
		timer_set(&t[i * 37 % 64], base + 50 * MS);
	for (unsigned i = 0; i < 64; i++)
		timer_set(&t[i * 29 % 64], base + MS + i * 29 % 64 * 1000);
	for (unsigned i = 0; i < 64; i += 4)
		timer_set(&t[i], TIMER_NEVER);
	clock_run(c);
	WAIT_FOR(fired == 48);
	usleep(2000);
	CHECK_EQ(fired, 48);
	for (unsigned i = 1; i < 48; i++)
		CHECK(order[i] > order[i - 1], "%u after %u", order[i], order[i - 1]);
	CHECK(clock_now(c) >= base + MS, "not early");
}

static void test_earlier(void)
{
	uint64_t start;

	fired = 0;
	start = clock_now(c);
	timer_set(&t[1], start + 60000 * MS);
	usleep(2000);
	timer_set(&t[2], clock_now(c) + MS);	/* must wake the sleeping thread */
	WAIT_FOR(fired == 1);
	CHECK_EQ(order[0], 2);
	timer_set(&t[1], TIMER_NEVER);
}

static void test_rearm(void)
{
	timer_init(&tick, c, again, NULL);
	timer_set(&tick, clock_now(c));
	WAIT_FOR(ticks == 10);
	timer_fini(&tick);
}

static void *hammer(void *arg)
{
	for (unsigned i = 0; i < 20000; i++)
		timer_set(&t[(i + (uintptr_t)arg) % 64],
			  i % 3 ? clock_now(c) + i % 7 * 1000 : TIMER_NEVER);
	return NULL;
}

static void test_threads(void)
{
	pthread_t th[3];

	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&th[i], NULL, hammer, (void *)(i * 11));
	for (unsigned i = 0; i < 200; i++) {
		uint64_t a = clock_now(c), b;

		clock_stop(c);
		b = clock_now(c);
		CHECK(b >= a, "time went back at a stop");
		clock_run(c);
		CHECK(clock_now(c) >= b, "time went back at a start");
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(th[i], NULL);
	for (unsigned i = 0; i < 64; i++)
		timer_fini(&t[i]);
}

int main(void)
{
	struct err e;

	c = clock_new(&e);
	CHECK(c != NULL, "%s", e.msg);
	for (unsigned i = 0; i < 64; i++)
		timer_init(&t[i], c, note, &t[i]);
	CHECK_EQ(clock_now(c), 0);
	test_stopped();
	test_order();
	test_earlier();
	test_rearm();
	test_threads();
	CHECK(clock_wall_ns(c) / (1000 * MS) - os_realtime_ns() / (1000 * MS) + 2 < 4, "wall time");
	CHECK_EQ(clock_ns_to_ticks(12345, 10000000), 123);
	CHECK_EQ(clock_ns_to_ticks(1000000000, 3), 3);
	CHECK_EQ(clock_ticks_to_ns(123, 10000000), 12300);
	CHECK_EQ(clock_ticks_to_ns(1, 3), 333333334);
	CHECK_EQ(clock_ticks_to_ns(UINT64_MAX, 10000000), TIMER_NEVER);
	clock_free(c);
	return check_done();
}
