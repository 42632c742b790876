/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory as KVM's slots. A memslot of ours becomes one slot of the
 * kernel's, or several where it is larger than the kernel takes in one (2^31 - 1
 * pages); kernels have between 32 and 32764 of them.
 */
#include "accel/kvm/kvm.h"

#include "util/log.h"

#include <errno.h>
#include <sys/ioctl.h>

/* Half of the kernel's limit, so that parts stay aligned to the largest huge page. */
uint64_t kvm_slot_max = UINT64_C(1) << 42;

static int slot_set(struct kvm_vm *k, unsigned i, const struct kvm_slot *s, struct err *e)
{
	struct kvm_userspace_memory_region r = {
		.slot = i,
		.guest_phys_addr = s->gpa,
		.memory_size = s->size,
		.userspace_addr = (uintptr_t)s->host,
		.flags = (s->flags & MEM_ROM ? KVM_MEM_READONLY : 0) |
			 (s->flags & SLOT_LOG ? KVM_MEM_LOG_DIRTY_PAGES : 0),
	};

	if (ioctl(k->fd, KVM_SET_USER_MEMORY_REGION, &r) < 0)
		return err_errno(e, errno, "KVM slot %u, guest memory %#llx, %#llx bytes", i,
				 (unsigned long long)s->gpa, (unsigned long long)s->size);
	k->slot[i] = *s;
	return 0;
}

static int slot_drop(struct vm *vm, unsigned i, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_slot none = { .gpa = k->slot[i].gpa, .host = k->slot[i].host };

	kvm_dirty_lost(vm, &k->slot[i]);
	return slot_set(k, i, &none, e);
}

/* Same memory, logging switched: no slot is taken away while vCPUs run in it. */
static bool only_log_differs(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->gpa == b->gpa && a->size == b->size && a->host == b->host &&
	       !((a->flags ^ b->flags) & ~SLOT_LOG);
}

static int part_set(struct vm *vm, const struct kvm_slot *want, bool *keep, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);

	for (unsigned i = 0; i < k->nr_slots; i++) {
		struct kvm_slot *s = &k->slot[i];

		if (!s->size || s->owner != want->owner || !only_log_differs(s, want))
			continue;
		keep[i] = true;
		return s->flags == want->flags ? 0 : slot_set(k, i, want, e);
	}
	/* what is in the way goes first: the kernel refuses overlapping slots */
	for (unsigned i = 0; i < k->nr_slots; i++) {
		if (k->slot[i].size && k->slot[i].owner == want->owner && !keep[i]) {
			int r = slot_drop(vm, i, e);

			if (r)
				return r;
		}
	}
	for (unsigned i = 0; i < k->nr_slots; i++) {
		if (!k->slot[i].size) {
			keep[i] = true;
			return slot_set(k, i, want, e);
		}
	}
	return err_set(e, ENOSPC, "this KVM has only %u memory slots", k->nr_slots);
}

int kvm_mem_set(struct vm *vm, const struct memslot *s, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	bool keep[KVM_MAX_SLOTS] = { false };
	int r = 0;

	if ((s->gpa | s->size | (uintptr_t)s->host) & (MEM_PAGE_SIZE - 1) ||
	    s->gpa + s->size < s->gpa)
		return err_set(e, EINVAL, "memory at %#llx, %#llx bytes: not whole pages",
			       (unsigned long long)s->gpa, (unsigned long long)s->size);
	pthread_mutex_lock(&k->lock);
	for (uint64_t at = 0; !r && at < s->size; at += kvm_slot_max) {
		struct kvm_slot part = {
			.gpa = s->gpa + at,
			.size = MIN(s->size - at, kvm_slot_max),
			.host = (char *)s->host + at,
			.flags = s->flags,
			.owner = s->slot,
		};

		r = part_set(vm, &part, keep, e);
	}
	for (unsigned i = 0; !r && i < k->nr_slots; i++)
		if (k->slot[i].size && k->slot[i].owner == s->slot && !keep[i])
			r = slot_drop(vm, i, e);
	pthread_mutex_unlock(&k->lock);
	return r;
}

/* Of the slots as they are: a vCPU may take one away meanwhile, or bring it back. */
int kvm_mem_log(struct vm *vm, bool on, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	int r = 0;

	pthread_mutex_lock(&k->lock);
	for (unsigned i = 0; !r && i < k->nr_slots; i++) {
		struct kvm_slot s = k->slot[i];

		s.flags = on ? s.flags | SLOT_LOG : s.flags & ~(unsigned)SLOT_LOG;
		if (s.size && s.flags != k->slot[i].flags)
			r = slot_set(k, i, &s, e);
	}
	pthread_mutex_unlock(&k->lock);
	return r;
}

void kvm_mem_forget(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_slot *least = NULL, was;
	struct err e = { 0 };

	pthread_mutex_lock(&k->lock);
	for (unsigned i = 0; i < k->nr_slots; i++)
		if (k->slot[i].size && (!least || k->slot[i].size < least->size))
			least = &k->slot[i];
	if (least) {
		unsigned i = (unsigned)(least - k->slot);

		was = *least;
		if (slot_drop(vm, i, &e) || slot_set(k, i, &was, &e))
			log_error("kvm: %s", e.msg);
	}
	pthread_mutex_unlock(&k->lock);
}
