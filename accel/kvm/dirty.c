/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's dirty pages into the machine's bitmap.
 *
 * Bitmap: where the kernel can (5.0), it is read without an effect and then cleared
 * in pieces that hold something, so that the lock over the guest's page tables is
 * held for short whiles. A page written again between the two loses its second mark;
 * no harm, because pages are read after dirty_sync.
 *
 * Ring: the kernel puts one entry a page, the entry's owner is said by its flags
 * (kernel: invalid to dirty; we: dirty to reset; KVM_RESET_DIRTY_RINGS: back to
 * invalid and write-protected). What is in a processor's own buffer (PML) comes into
 * the ring when the vCPU leaves the guest, so running vCPUs are taken out first.
 * A KVM that emulates the guest's kernel mode overruns the ring and loses entries
 * (kvm-testbed/README.md), so rings are refused there.
 */
#include "accel/kvm/dirty.h"

#include "accel/kvm/kvm.h"

#include "util/log.h"
#include "util/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIECE_PAGES = 1 << 16, LEAVE_MS = 200 };

bool kvm_dirty_ring_anywhere;

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

/* The block of a slot's memory, hidden or not; NULL where the slot is not of it alone. */
static struct mem_block *block_of(struct vm *vm, const struct kvm_slot *s)
{
	struct mem *m = &vm->machine->mem;

	for (unsigned i = 0; s->size && i < m->nr; i++) {
		struct mem_block *b = &m->block[i];

		if (s->gpa - b->base < b->size && s->size <= b->size - (s->gpa - b->base))
			return b;
	}
	return NULL;
}

static void mark_all(struct mem_block *b, const struct kvm_slot *s)
{
	uint64_t first = (s->gpa - b->base) / MEM_PAGE_SIZE;

	for (uint64_t p = 0; p < s->size / MEM_PAGE_SIZE; p++)
		mem_set_dirty(b, first + p);
}

void kvm_dirty_lost(struct vm *vm, const struct kvm_slot *s)
{
	struct mem_block *b = block_of(vm, s);

	if (b && s->flags & SLOT_LOG && !(s->flags & MEM_ROM))
		mark_all(b, s);
}

/* ---- bitmaps ---- */

static bool any(const uint64_t *w, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (w[i])
			return true;
	return false;
}

static int clear_pieces(struct kvm_vm *k, unsigned i, uint64_t *bitmap, struct err *e)
{
	uint64_t pages = k->slot[i].size / MEM_PAGE_SIZE;

	for (uint64_t at = 0; at < pages; at += PIECE_PAGES) {
		uint64_t n = MIN(pages - at, (uint64_t)PIECE_PAGES);
		struct kvm_clear_dirty_log c = {
			.slot = i,
			.num_pages = (uint32_t)n,
			.first_page = at,
			.dirty_bitmap = bitmap + at / 64,
		};

		if (any(bitmap + at / 64, (n + 63) / 64) &&
		    ioctl(k->fd, KVM_CLEAR_DIRTY_LOG, &c) < 0)
			return err_errno(e, errno, "KVM_CLEAR_DIRTY_LOG of slot %u", i);
	}
	return 0;
}

static int sync_slot(struct kvm_vm *k, unsigned i, struct mem_block *b, uint64_t *bitmap,
		     struct err *e)
{
	struct kvm_slot *s = &k->slot[i];
	uint64_t pages = s->size / MEM_PAGE_SIZE, first = (s->gpa - b->base) / MEM_PAGE_SIZE;
	struct kvm_dirty_log log = { .slot = i, .dirty_bitmap = bitmap };
	int r = 0;

	if (!(s->flags & SLOT_LOG)) { /* nothing is known of the pages */
		mark_all(b, s);
		return 0;
	}
	if (k->dirty.ring)
		return 0;
	if (ioctl(k->fd, KVM_GET_DIRTY_LOG, &log) < 0)
		return err_errno(e, errno, "KVM_GET_DIRTY_LOG of slot %u", i);
	for (uint64_t w = 0; w < (pages + 63) / 64; w++)
		if (bitmap[w])
			mark_word(b, first + w * 64, bitmap[w]);
	if (k->dirty.clear)
		r = clear_pieces(k, i, bitmap, e);
	return r;
}

/* ---- rings ---- */

static void take_entry(struct vm *vm, const struct kvm_dirty_gfn *g)
{
	struct kvm_vm *k = kvm_vm(vm);
	const struct kvm_slot *s;
	struct mem_block *b;

	if (g->slot >= k->nr_slots) /* the address space in the upper half is 0: no SMM */
		return;
	s = &k->slot[g->slot];
	b = block_of(vm, s);
	if (b && g->offset < s->size / MEM_PAGE_SIZE)
		mem_set_dirty(b, (s->gpa - b->base) / MEM_PAGE_SIZE + g->offset);
	k->dirty.collected++;
}

/* k->lock is held: one collector at a time, and slots keep their numbers. */
static void collect(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);
	unsigned taken = 0;

	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct kvm_cpu *c = vm->vcpu[i] ? kvm_cpu(vm->vcpu[i]) : NULL;

		if (!c || !c->ring.gfn)
			continue;
		for (;; c->ring.next++, taken++) {
			struct kvm_dirty_gfn *g = &c->ring.gfn[c->ring.next & (k->dirty.ring - 1)];

			if (!(__atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY))
				break;
			take_entry(vm, g);
			__atomic_store_n(&g->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		}
	}
	if (taken)
		ioctl(k->fd, KVM_RESET_DIRTY_RINGS, 0);
}

void kvm_dirty_collect(struct vm *vm)
{
	pthread_mutex_lock(&kvm_vm(vm)->lock);
	collect(vm);
	pthread_mutex_unlock(&kvm_vm(vm)->lock);
}

/* Every vCPU has left the guest once since; one that does not come is not waited for long. */
static void flush_buffers(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpu[i];
		struct kvm_cpu *c = v ? kvm_cpu(v) : NULL;
		unsigned runs = c ? atomic_load(&c->watched.runs) : 0;
		uint64_t end = os_now_ns() + LEAVE_MS * UINT64_C(1000000);

		if (!c || !atomic_load(&c->in_run))
			continue;
		kvm_vcpu_kick(v);
		while (atomic_load(&c->in_run) && atomic_load(&c->watched.runs) == runs &&
		       os_now_ns() < end)
			os_yield();
	}
}

static uint32_t ring_entries(struct kvm_vm *k)
{
	int most = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING);

	if (!k->dirty.want || most <= 0)
		return 0;
	if (!kvm_caps()->mode_native && !kvm_dirty_ring_anywhere) {
		log_info("kvm: dirty-ring: this KVM emulates and would lose entries; bitmaps "
			 "are used");
		return 0;
	}
	return MIN(k->dirty.want, (uint32_t)((unsigned)most / sizeof(struct kvm_dirty_gfn)));
}

int kvm_dirty_start(struct vm *vm, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_enable_cap ring = { .cap = KVM_CAP_DIRTY_LOG_RING };
	struct kvm_enable_cap clear = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
					.args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE } };

	k->dirty.ring = ring_entries(k);
	if (k->dirty.ring) {
		ring.args[0] = k->dirty.ring * sizeof(struct kvm_dirty_gfn);
		if (ioctl(k->fd, KVM_ENABLE_CAP, &ring) < 0)
			return err_errno(e, errno, "a dirty ring of %u entries", k->dirty.ring);
		return 0;
	}
	k->dirty.clear = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) > 0 &&
			 ioctl(k->fd, KVM_ENABLE_CAP, &clear) >= 0;
	return 0;
}

int kvm_dirty_vcpu_start(struct vcpu *v, struct err *e)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	void *p;

	if (!k->dirty.ring)
		return 0;
	p = mmap(NULL, k->dirty.ring * sizeof(struct kvm_dirty_gfn), PROT_READ | PROT_WRITE,
		 MAP_SHARED, kvm_cpu(v)->fd,
		 (off_t)KVM_DIRTY_LOG_PAGE_OFFSET * sysconf(_SC_PAGESIZE));
	if (p == MAP_FAILED)
		return err_errno(e, errno, "mapping the dirty ring of vCPU %u", v->index);
	kvm_cpu(v)->ring.gfn = p;
	return 0;
}

void kvm_dirty_vcpu_stop(struct vcpu *v)
{
	struct kvm_cpu *c = kvm_cpu(v);

	if (!c->ring.gfn)
		return;
	kvm_dirty_collect(v->vm);
	munmap(c->ring.gfn, kvm_vm(v->vm)->dirty.ring * sizeof(struct kvm_dirty_gfn));
	c->ring.gfn = NULL;
}

int kvm_dirty_sync(struct vm *vm, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	uint64_t *bitmap, most = 0;
	int r = 0;

	if (k->dirty.ring)
		flush_buffers(vm);
	pthread_mutex_lock(&k->lock);
	if (k->dirty.ring)
		collect(vm);
	for (unsigned i = 0; i < k->nr_slots; i++)
		most = MAX(most, k->slot[i].size);
	bitmap = malloc(most / MEM_PAGE_SIZE / 8 + 8);
	if (!bitmap)
		r = err_set(e, ENOMEM, "no memory for a dirty bitmap");
	for (unsigned i = 0; !r && i < k->nr_slots; i++) {
		struct kvm_slot *s = &k->slot[i];
		struct mem_block *b = block_of(vm, s);

		if (b && !(s->flags & MEM_ROM))
			r = sync_slot(k, i, b, bitmap, e);
	}
	pthread_mutex_unlock(&k->lock);
	free(bitmap);
	return r;
}
