/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Written pages, from whichever engines live. KVM keeps a log of its own that is fetched and
 * cleared; the translator sets bits when a page becomes writable in a TLB, so its entries are
 * dropped after the bits were taken: a write between the two is in no log, but before the
 * return, which is before the page's content is read.
 */
#include "accel/accel.h"

#include <errno.h>

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

unsigned vm_slot_flags(const struct vm *vm, unsigned block_flags)
{
	return (block_flags & MEM_ROM) | (vm->nr_loggers ? SLOT_LOG : 0);
}

static int slots_set(struct vm *vm, struct err *e)
{
	const struct accel_ops *kvm = accel_find("kvm");
	struct mem *m = &vm->machine->mem;
	int r = 0;

	if (!kvm || !vm->engines[kvm->slot])
		return 0;
	for (unsigned i = 0; !r && i < m->nr; i++) {
		struct mem_block *b = &m->block[i];
		unsigned flags = atomic_load(&b->flags);
		struct memslot s = { .gpa = b->base, .size = b->size, .host = b->host,
				     .flags = vm_slot_flags(vm, flags), .slot = i };

		if (!(flags & MEM_HIDDEN))
			r = kvm->mem_set(vm, &s, e);
	}
	return r;
}

int vm_dirty_log(struct vm *vm, bool on, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&log_lock);
	vm->nr_loggers += on ? 1 : -1;
	if (vm->nr_loggers == (on ? 1 : 0))
		r = slots_set(vm, e);
	if (r < 0 && on)
		vm->nr_loggers--;
	pthread_mutex_unlock(&log_lock);
	return r;
}

int vm_dirty_collect(struct vm *vm, struct err *e)
{
	const struct accel_ops *kvm = accel_find("kvm"), *tcg = accel_find("tcg");
	int r = 0;

	if (kvm && vm->engines[kvm->slot])
		r = kvm->dirty_sync(vm, e);
	mem_logs_collect(&vm->machine->mem);
	if (!r && tcg && vm->engines[tcg->slot])
		r = tcg->dirty_sync(vm, e);
	return r;
}
