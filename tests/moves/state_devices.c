/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_devices SAVES ARGS...: a guest with every kind of device, its firmware or kernel at work,
 * is stopped at SAVES moments. Saved, loaded and saved again, it must be the same bytes; and so
 * must it be in a machine of the same kind that has only just been built.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/moves/rig.h"
#include "tests/check.h"

enum { PERIOD_MS = 7 };

static unsigned saves;
static char **args;
static struct rig_memory memory;
static const struct state_buf *elsewhere;

static void in_fresh(struct rig *r)
{
	struct state_buf b = { 0 };
	struct err e = { 0 };
	bool ok = !guest_freeze(r->g, &e);

	r->tick = NULL;
	if (ok) {
		rig_memory_put(r->g, &memory);
		ok = !guest_state_load(r->g, elsewhere->data, elsewhere->len, CLOCK_CONTINUE, &e) &&
		     !guest_state_save(r->g, &b, &e);
	}
	CHECK(ok, "%s", e.msg);
	if (ok)
		CHECK(rig_same(elsewhere, &b, "in another machine"));
	free(b.data);
	guest_thaw(r->g, true, false);
	guest_end(r->g, 0);
}

static void stop(struct rig *r)
{
	struct state_buf a = { 0 }, b = { 0 };
	struct err e = { 0 };
	bool ok = !guest_freeze(r->g, &e) && !guest_state_save(r->g, &a, &e) &&
		  !guest_state_load(r->g, a.data, a.len, CLOCK_CONTINUE, &e) &&
		  !guest_state_save(r->g, &b, &e);

	CHECK(ok, "save %u: %s", r->ticks, e.msg);
	if (ok)
		CHECK(rig_same(&a, &b, "after a load"), "save %u", r->ticks);
	if (ok && r->ticks < saves) {
		guest_thaw(r->g, true, true);
		free(a.data);
		free(b.data);
		return;
	}
	r->tick = NULL;
	rig_memory_take(r->g, &memory);
	elsewhere = &a;
	guest_thaw(r->g, true, false);
	guest_end(r->g, 0);
	if (ok) {
		static struct state_buf keep;

		keep = a;
		elsewhere = &keep;
	}
	free(b.data);
}

static void run(void (*tick)(struct rig *r), unsigned period_ms)
{
	struct rig *r = rig_new((const char *const *)args);

	r->tick = tick;
	r->period_ms = period_ms;
	r->limit_ms = 100000;
	rig_run(r);
	CHECK(!r->timed_out);
	CHECK(!r->tick, "it ended after %u saves", r->ticks);
	rig_free(r);
}

int main(int argc, char **argv)
{
	saves = (unsigned)atoi(argv[1]);
	args = argv + 2;
	run(stop, PERIOD_MS);
	run(in_fresh, 1);
	rig_memory_free(&memory);
	free(elsewhere->data);
	return check_done();
}
