/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vCPU's common part with an engine that only counts kicks: lines, timers, sleeping, waking. */
#include "accel/accel.h"

#include <stdlib.h>

#include "tests/check.h"
#include "util/bits.h"
#include "util/os.h"

enum { LINE = 5, OTHER = 1, HZ = 10000000 };

static _Atomic unsigned kicks;
static unsigned pulled, pushed;

static void kick(struct vcpu *v) { atomic_fetch_add(&kicks, 1); }
static int pull(struct vcpu *v, unsigned groups, struct err *e) { pulled = groups; return 0; }
static int push(struct vcpu *v, unsigned groups, struct err *e) { pushed = groups; return 0; }

static const struct accel_ops accel = { .name = "test", .kick = kick, .pull = pull, .push = push };
static const struct isa isa = { .name = "test", .state_size = 5000 };
static struct vm vm;
static struct vcpu *v;

static uint64_t lines(void) { return v->env.ops->lines(&v->env); }
static uint64_t now(void) { return v->env.ops->time(&v->env); }
static void timer(unsigned line, uint64_t at) { v->env.ops->timer(&v->env, line, at); }

static void layout(void)
{
	CHECK(((uintptr_t)v->state & 4095) == 0);
	CHECK(CPU_HEAD(v->state)->env == &v->env && cpu_env(v->state)->index == 3);
	CHECK(v->env.features == 7 && v->env.features2 == 9);
}

static void timers(void)
{
	uint64_t start;

	timer(LINE, 0);
	CHECK(lines() == BIT(LINE), "a deadline in the past is due at once");
	timer(LINE, now() + 100 * HZ);
	CHECK(!lines(), "a deadline ahead takes the line down");
	timer(LINE, UINT64_MAX);
	CHECK(!lines());
	start = os_now_ns();
	timer(LINE, now() + HZ / 50);
	vcpu_wait(v, BIT(LINE));
	CHECK(lines() == BIT(LINE));
	CHECK(now() >= v->timer[0].deadline, "never early");
	CHECK(os_now_ns() - start >= 19 * 1000000ull);
	timer(OTHER, 0);
	CHECK(lines() == (BIT(LINE) | BIT(OTHER)), "two timers");
	timer(LINE, UINT64_MAX);
	CHECK(lines() == BIT(OTHER));
	vcpu_reset_lines(v);
	CHECK(!lines());
	/* armed and disarmed in a row, the line must not stay up */
	for (unsigned i = 0; i < 2000; i++) {
		timer(LINE, now() + i % 64);
		timer(LINE, UINT64_MAX);
	}
	CHECK(!lines());
	timer(LINE, UINT64_MAX - 1);
	CHECK(!lines(), "far ahead does not overflow");
	timer(LINE, UINT64_MAX);
}

static void *raise_line(void *p)
{
	for (int i = 0; i < 500; i++) {
		while (lines() & BIT(9))
			sched_yield();
		cpu_port_set(&v->port, 9, 1);
	}
	return NULL;
}

static void *send_kick(void *p)
{
	struct timespec t = { 0, 5000000 };

	nanosleep(&t, NULL);
	vcpu_kick(v, VCPU_REQ_PAUSE);
	return NULL;
}

static void waking(void)
{
	pthread_t t;

	pthread_create(&t, NULL, raise_line, NULL);
	for (int i = 0; i < 500; i++) {		/* not one may be lost */
		vcpu_wait(v, BIT(9));
		v->env.ops->line_clear(&v->env, 9);
	}
	pthread_join(t, NULL);
	CHECK(!lines());
	cpu_port_set(&v->port, 8, 1);
	pthread_create(&t, NULL, send_kick, NULL);
	vcpu_wait(v, BIT(9));
	CHECK(atomic_load(&v->request) == VCPU_REQ_PAUSE,
	      "a request ends the wait, another line does not");
	pthread_join(t, NULL);
	v->engines[0] = v;
	atomic_store(&kicks, 0);
	cpu_port_set(&v->port, 8, 1);
	CHECK(!kicks, "the line was up");
	cpu_port_set(&v->port, 7, 1);
	CHECK(kicks == 1);
	vcpu_kick(v, 0);
	CHECK(kicks == 2);
	v->engines[0] = NULL;
}

static void ownership(void)
{
	struct err e = { 0 };

	CHECK(!vcpu_pull(v, REGS_ALL, &e) && !pulled, "nothing is away");
	CHECK(!vcpu_push(v, &e) && pushed == REGS_ALL && v->resident == REGS_ALL);
	pushed = 0;
	CHECK(!vcpu_push(v, &e) && !pushed, "all is there");
	CHECK(!vcpu_pull(v, REGS_CORE, &e) && pulled == REGS_CORE);
	CHECK(v->resident == (REGS_ALL & ~REGS_CORE));
	CHECK(!vcpu_push(v, &e) && pushed == REGS_CORE);
}

int main(void)
{
	static struct machine m;
	struct err e = { 0 };

	m.clock = clock_new(&e);
	clock_run(m.clock);
	vm = (struct vm){
		.isa = &isa, .accel = &accel, .machine = &m, .nr_vcpus = 1, .timebase_hz = HZ
	};
	v = vcpu_new(&vm, 3, 7, 9, &e);
	layout();
	timers();
	waking();
	ownership();
	clock_stop(m.clock);
	vcpu_free(v);
	clock_free(m.clock);
	return check_done();
}
