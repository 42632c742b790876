/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Written pages, from whichever engines live. KVM keeps a log of its own that is fetched and
 * cleared; the translator sets bits when a page becomes writable in a TLB, so its entries are
 * dropped after the bits were taken: a write between the two is in no log, but before the
 * return, which is before the page's content is read. A log that began between the two would
 * not know of it, nor of what follows: hence the lock.
 */
#include "accel/accel.h"

pthread_mutex_t vm_engines_lock = PTHREAD_MUTEX_INITIALIZER;

unsigned vm_slot_flags(const struct vm *vm, unsigned block_flags)
{
	return (block_flags & MEM_ROM) | (vm->nr_logs ? SLOT_LOG : 0);
}

int vm_slots_set(struct vm *vm, const struct accel_ops *a, struct err *e)
{
	struct mem *m = &vm->machine->mem;
	int r = 0;

	for (unsigned i = 0; !r && i < m->nr; i++) {
		struct mem_block *b = &m->block[i];
		unsigned flags = atomic_load(&b->flags);
		struct memslot s = { .gpa = b->base, .size = b->size, .host = b->host,
				     .flags = vm_slot_flags(vm, flags), .slot = i };

		if (!(flags & MEM_HIDDEN))
			r = a->mem_set(vm, &s, e);
	}
	return r;
}

/* The translator's bits are always kept. */
static int kvm_logs(struct vm *vm, struct err *e)
{
	const struct accel_ops *kvm = accel_find("kvm");

	return kvm && vm->engines[kvm->slot] ? kvm->log(vm, vm->nr_logs, e) : 0;
}

static int collect(struct vm *vm, struct err *e)
{
	const struct accel_ops *kvm = accel_find("kvm"), *tcg = accel_find("tcg");
	int r = kvm && vm->engines[kvm->slot] ? kvm->dirty_sync(vm, e) : 0;

	if (r)
		return r;
	mem_logs_collect(&vm->machine->mem);
	return tcg && vm->engines[tcg->slot] ? tcg->dirty_sync(vm, e) : 0;
}

int vm_dirty_collect(struct vm *vm, struct err *e)
{
	int r;

	pthread_mutex_lock(&vm_engines_lock);
	r = collect(vm, e);
	pthread_mutex_unlock(&vm_engines_lock);
	return r;
}

static void log_ended(struct vm *vm)
{
	if (!--vm->nr_logs)
		kvm_logs(vm, NULL);	/* a failure only costs time */
}

struct mem_log *vm_log_new(struct vm *vm, bool all, struct err *e)
{
	struct mem_log *l = NULL;

	pthread_mutex_lock(&vm_engines_lock);
	/* what was written so far is the older logs' */
	if ((vm->nr_logs++ || !kvm_logs(vm, e)) && !collect(vm, e))
		l = mem_log_new(&vm->machine->mem, all, e);
	if (!l)
		log_ended(vm);
	pthread_mutex_unlock(&vm_engines_lock);
	return l;
}

void vm_log_free(struct vm *vm, struct mem_log *l)
{
	if (!l)
		return;
	mem_log_free(l);
	pthread_mutex_lock(&vm_engines_lock);
	log_ended(vm);
	pthread_mutex_unlock(&vm_engines_lock);
}
