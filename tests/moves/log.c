/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log KERNEL ARGS...: a log of written pages that begins while another thread collects, of a guest
 * that writes all the time. What was written after its begin is in it.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/moves/rig.h"
#include "tests/check.h"
#include "util/bits.h"

enum { ROUNDS = 10, SLOW_MS = 100, WAIT_MS = 20, RUN_MS = 5 };

static _Atomic bool slow, inside, go_on;
static GThread *other;
static struct guest *guest;
static unsigned changed;

void __real_mem_logs_collect(struct mem *m);
void __wrap_mem_logs_collect(struct mem *m);
struct mem_log *__real_mem_log_new(struct mem *m, bool all, struct err *e);
struct mem_log *__wrap_mem_log_new(struct mem *m, bool all, struct err *e);

/* The other thread stands between bits that were taken and TLBs that still may be written by. */
void __wrap_mem_logs_collect(struct mem *m)
{
	__real_mem_logs_collect(m);
	if (!other || g_thread_self() != other)
		return;
	atomic_store(&inside, true);
	for (unsigned i = 0; i < SLOW_MS && !atomic_load(&go_on); i++)
		g_usleep(1000);
}

static gpointer collect(gpointer opaque)
{
	struct err e = { 0 };

	while (!atomic_load(&slow))
		g_usleep(100);
	CHECK(!vm_dirty_collect(&guest->vm, &e), "%s", e.msg);
	return NULL;
}

/* It gets there, or has to wait for us. */
struct mem_log *__wrap_mem_log_new(struct mem *m, bool all, struct err *e)
{
	atomic_store(&go_on, false);
	atomic_store(&inside, false);
	atomic_store(&slow, false);
	other = g_thread_new("collect", collect, NULL);
	g_usleep(1000);			/* the guest writes again what it wrote before */
	atomic_store(&slow, true);
	for (unsigned i = 0; i < WAIT_MS && !atomic_load(&inside); i++)
		g_usleep(1000);
	return __real_mem_log_new(m, all, e);
}

/* Pages that are not what they were, and not in the log. */
static unsigned missed(struct guest *g, const struct rig_memory *was, struct mem_log *l)
{
	struct mem *m = &g->vm.machine->mem;
	unsigned n = 0;

	for (unsigned i = 0; i < m->nr; i++)
		for (uint64_t p = 0; p < m->block[i].size / MEM_PAGE_SIZE; p++) {
			size_t at = p * MEM_PAGE_SIZE;

			if (!memcmp(m->block[i].host + at, was->data[i] + at, MEM_PAGE_SIZE))
				continue;
			changed++;
			n += !(l->bits[i][p / 64] >> p % 64 & 1);
		}
	return n;
}

static void round_of(struct rig *r)
{
	struct vm *vm = &r->g->vm;
	struct rig_memory was;
	struct err e = { 0 };
	struct mem_log *l;

	guest = r->g;
	l = vm_log_new(vm, false, &e);
	guest_pause(r->g);
	rig_memory_take(r->g, &was);
	guest_resume(r->g);
	g_usleep(RUN_MS * 1000);
	guest_pause(r->g);
	atomic_store(&go_on, true);
	g_thread_join(other);
	other = NULL;
	CHECK(l && !vm_dirty_collect(vm, &e), "%s", e.msg);
	CHECK(l && !missed(r->g, &was, l), "round %u: a page is missing", r->ticks);
	vm_log_free(vm, l);
	CHECK(!vm->nr_logs);
	rig_memory_free(&was);
	guest_resume(r->g);
	if (r->ticks == ROUNDS)
		guest_end(r->g, 0);
}

int main(int argc, char **argv)
{
	struct rig *r = rig_new((const char *const *)argv + 1);

	r->tick = round_of;
	r->period_ms = 10;
	CHECK(!rig_run(r) && !r->timed_out);
	CHECK(r->ticks == ROUNDS && changed > ROUNDS, "%u rounds, %u pages", r->ticks, changed);
	rig_free(r);
	return check_done();
}
