/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_cycle KERNEL ARGS...: a guest that computes from its own counters alone, three times: to
 * its end; with 100 cycles of save, load and save again on the way, each of which must give the
 * same bytes; and stopped somewhere, to go on in another machine. It must end in the same state.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/moves/rig.h"
#include "tests/check.h"

enum { CYCLES = 100, MOST_RUNS = 8, PERIOD_MS = 1 };
enum { IMAGE = 0x200000, SIZE = 1 << 20 };	/* of the kernel */

static struct state_buf kept;
static struct rig_memory memory;

static void cycle(struct rig *r)
{
	struct state_buf a = { 0 }, b = { 0 };
	struct err e = { 0 };
	bool ok;

	if (r->ticks > CYCLES) {
		r->tick = NULL;
		return;
	}
	ok = !guest_freeze(r->g, &e) && !guest_state_save(r->g, &a, &e) &&
	     !guest_state_load(r->g, a.data, a.len, CLOCK_CONTINUE, &e) &&
	     !guest_state_save(r->g, &b, &e);
	CHECK(ok, "cycle %u: %s", r->ticks, e.msg);
	if (ok && !rig_same(&a, &b, "after a load"))
		CHECK(false, "cycle %u: other bytes", r->ticks);
	guest_thaw(r->g, true, true);
	free(a.data);
	free(b.data);
	if (!ok)
		guest_end(r->g, 1);
}

static void leave(struct rig *r)
{
	struct err e = { 0 };
	bool ok = !guest_freeze(r->g, &e) && !guest_state_save(r->g, &kept, &e);

	CHECK(ok, "%s", e.msg);
	rig_memory_take(r->g, &memory);
	r->tick = NULL;
	guest_thaw(r->g, false, false);
	guest_end(r->g, 0);
}

static void enter(struct rig *r)
{
	struct err e = { 0 };
	bool ok;

	r->tick = NULL;
	ok = !guest_freeze(r->g, &e);
	if (ok) {
		rig_memory_put(r->g, &memory);
		ok = !guest_state_load(r->g, kept.data, kept.len, CLOCK_CONTINUE, &e);
	}
	CHECK(ok, "%s", e.msg);
	guest_thaw(r->g, true, true);
}

static uint64_t run(char **args, void (*tick)(struct rig *r), unsigned period_ms, unsigned *ticks)
{
	struct rig *r = rig_new((const char *const *)args);
	uint64_t hash;
	int status;

	r->tick = tick;
	r->period_ms = period_ms;
	status = rig_run(r);
	CHECK(!status && !r->timed_out, "status %d%s", status, r->timed_out ? ", too slow" : "");
	hash = rig_hash(r->g, r->g->vm.machine->type->ram_base + IMAGE, SIZE);
	if (ticks)
		*ticks = r->ticks;
	rig_free(r);
	return hash;
}

int main(int argc, char **argv)
{
	unsigned cycles = 0, n;
	uint64_t hash, again;

	hash = run(argv + 1, NULL, 0, NULL);
	/* where this thread gets little time, the guest's end may come first: then once more */
	for (unsigned runs = 0; cycles < CYCLES && runs < MOST_RUNS; runs++) {
		again = run(argv + 1, cycle, PERIOD_MS, &n);
		CHECK(again == hash, "%u cycles: %llx, not %llx at its end", n,
		      (unsigned long long)again, (unsigned long long)hash);
		cycles += n;
	}
	CHECK(cycles >= CYCLES, "only %u cycles", cycles);
	run(argv + 1, leave, 20, NULL);
	again = run(argv + 1, enter, 1, NULL);
	CHECK(again == hash, "in another machine: %llx, not %llx at its end",
	      (unsigned long long)again, (unsigned long long)hash);
	rig_memory_free(&memory);
	free(kept.data);
	return check_done();
}
