/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's dirty bitmap into the machine's. The bitmap, not the ring: where KVM
 * emulates the guest's kernel mode the ring loses entries (docs/kvm.md).
 */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

static void mark_word(struct mem_block *b, uint64_t page, uint64_t bits)
{
	uint64_t last = b->size / MEM_PAGE_SIZE;

	if (page % 64 == 0) {
		atomic_fetch_or_explicit(&b->dirty[page / 64], bits, memory_order_release);
		return;
	}
	for (; bits; bits &= bits - 1) {
		uint64_t p = page + __builtin_ctzll(bits);

		if (p < last)
			mem_set_dirty(b, p);
	}
}

static int sync_slot(struct kvm_vm *k, unsigned i, struct mem_block *b, uint64_t *bitmap,
		     struct err *e)
{
	struct kvm_slot *s = &k->slot[i];
	uint64_t pages = s->size / MEM_PAGE_SIZE, first = (s->gpa - b->base) / MEM_PAGE_SIZE;

	if (s->flags & SLOT_LOG) {
		struct kvm_dirty_log log = { .slot = i, .dirty_bitmap = bitmap };

		if (ioctl(k->fd, KVM_GET_DIRTY_LOG, &log) < 0)
			return err_errno(e, errno, "KVM_GET_DIRTY_LOG of slot %u", i);
	} else {
		/* without a log nothing is known of the pages */
		memset(bitmap, 0xff, pages / 64 * 8);
		if (pages % 64)
			bitmap[pages / 64] = mask_bits(pages % 64);
	}
	for (uint64_t w = 0; w < (pages + 63) / 64; w++)
		if (bitmap[w])
			mark_word(b, first + w * 64, bitmap[w]);
	return 0;
}

int kvm_dirty_sync(struct vm *vm, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	uint64_t *bitmap, most = 0;
	int r = 0;

	pthread_mutex_lock(&k->lock);
	for (unsigned i = 0; i < k->nr_slots; i++)
		most = MAX(most, k->slot[i].size);
	bitmap = malloc(most / MEM_PAGE_SIZE / 8 + 8);
	if (!bitmap)
		r = err_set(e, ENOMEM, "no memory for a dirty bitmap");
	for (unsigned i = 0; !r && i < k->nr_slots; i++) {
		struct kvm_slot *s = &k->slot[i];
		struct mem_block *b = s->size ? mem_find(&vm->machine->mem, s->gpa) : NULL;

		if (b && !(s->flags & MEM_ROM) && s->gpa + s->size <= b->base + b->size)
			r = sync_slot(k, i, b, bitmap, e);
	}
	pthread_mutex_unlock(&k->lock);
	free(bitmap);
	return r;
}
