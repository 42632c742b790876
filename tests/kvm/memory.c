/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slots, their limits and parts, read-only memory, dirty pages, doorbells. */
#include "tests/kvm/harness.h"

#include "util/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void set_touch(struct kt *t, uint64_t at, uint64_t count, uint64_t stride)
{
	struct x86_state *s = kt_state(t, 0);
	struct err e = { 0 };

	CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e), "%s", e.msg);
	x86_boot_long(s, CODE, 0, 0);
	s->gpr[X86_RBX] = at;
	s->gpr[X86_RCX] = count;
	s->gpr[X86_RDX] = stride;
}

static unsigned count_dirty(struct mem_block *b)
{
	unsigned n = 0;

	for (uint64_t w = 0; w < b->size / MEM_PAGE_SIZE / 64; w++)
		n += __builtin_popcountll(b->dirty[w]);
	return n;
}

static void clear_dirty(struct kt *t)
{
	struct err e = { 0 };

	CHECK(!t->vm.accel->dirty_sync(&t->vm, &e), "%s", e.msg);
	for (unsigned i = 0; i < t->m->mem.nr; i++) {
		struct mem_block *b = &t->m->mem.block[i];

		for (uint64_t w = 0; w < (b->size / MEM_PAGE_SIZE + 63) / 64; w++)
			b->dirty[w] = 0;
	}
}

/* With logging exactly the pages that the guest wrote; a second look is empty; without, all. */
static void dirty(void)
{
	struct kt *t = kt_new(1, false);
	struct mem_block *high = mem_find(&t->m->mem, HIGH);
	struct err e = { 0 };

	kt_load(t, g_64_touch, CODE);
	kt_memslots(t, SLOT_LOG);
	clear_dirty(t);
	set_touch(t, HIGH + 5 * 4096, 100, 3 * 4096);
	kt_expect(t, 0, 60);
	CHECK(!t->vm.accel->dirty_sync(&t->vm, &e), "%s", e.msg);
	CHECK(count_dirty(high) == 100, "%u pages dirty", count_dirty(high));
	for (unsigned i = 0; i < 100; i++)
		CHECK(high->dirty[(5 + 3 * i) / 64] >> (5 + 3 * i) % 64 & 1, "page %u", 5 + 3 * i);
	clear_dirty(t);
	CHECK(!t->vm.accel->dirty_sync(&t->vm, &e) && !count_dirty(high), "dirty without a write");
	kt_memslots(t, 0);
	CHECK(!t->vm.accel->dirty_sync(&t->vm, &e), "%s", e.msg);
	CHECK(count_dirty(high) == HIGH_SIZE / 4096, "unlogged: %u", count_dirty(high));
	kt_free(t);
}

/*
 * By rings what bitmaps say, with more pages than a ring holds. In ring 3 of long mode:
 * the one mode that every KVM runs by the processor, so that no ring is overrun.
 */
static void ring(void)
{
	enum { PAGES = 900 };
	uint64_t by_bitmap[HIGH_SIZE / 4096 / 64], *now;

	for (unsigned pass = 0; pass < 2; pass++) {
		struct mem_block *high;
		struct err e = { 0 };
		struct kt *t;

		kt_args = pass ? "dirty-ring=512" : NULL;
		kvm_dirty_ring_anywhere = pass;
		t = kt_new(1, false);
		kt_args = NULL;
		high = mem_find(&t->m->mem, HIGH);
		CHECK(kvm_vm(&t->vm)->dirty.ring == pass * 512, "%u",
		      kvm_vm(&t->vm)->dirty.ring);
		kt_load(t, g_64_touch_user, CODE);
		kt_memslots(t, SLOT_LOG);
		set_touch(t, HIGH + 4096, PAGES, 4096);
		x86_boot_ring3(kt_state(t, 0));
		clear_dirty(t);
		kt_expect(t, 0, 62);
		CHECK(!t->vm.accel->dirty_sync(&t->vm, &e), "%s", e.msg);
		now = (uint64_t *)high->dirty;
		if (!pass)
			memcpy(by_bitmap, now, sizeof(by_bitmap));
		CHECK(count_dirty(high) == PAGES, "pass %u: %u pages", pass, count_dirty(high));
		CHECK(!memcmp(by_bitmap, now, sizeof(by_bitmap)), "ring and bitmap differ");
		CHECK(!pass || kvm_vm(&t->vm)->dirty.full, "the ring was never full");
		clear_dirty(t);
		CHECK(!t->vm.accel->dirty_sync(&t->vm, &e) && !count_dirty(high),
		      "dirty without a write");
		/* written again: protected again */
		set_touch(t, HIGH + 4096, 10, 4096);
		x86_boot_ring3(kt_state(t, 0));
		kt_expect(t, 0, 62);
		CHECK(!t->vm.accel->dirty_sync(&t->vm, &e) && count_dirty(high) == 10,
		      "pass %u: %u pages", pass, count_dirty(high));
		/* a log that goes with its slot: all of it counts */
		kt_memslots(t, SLOT_LOG);
		CHECK(!t->vm.accel->mem_set(&t->vm, &(struct memslot){ HIGH, 0, NULL, 0, 1 }, &e),
		      "%s", e.msg);
		CHECK(count_dirty(high) == HIGH_SIZE / 4096, "%u", count_dirty(high));
		kt_free(t);
	}
	kvm_dirty_ring_anywhere = false;
	if (!kvm_caps()->mode_native) {	/* not where it would lose entries */
		struct kt *t;

		kt_args = "dirty-ring=512";
		t = kt_new(1, false);
		kt_args = NULL;
		CHECK(!kvm_vm(&t->vm)->dirty.ring, "a ring on a KVM that emulates");
		kt_free(t);
	}
}

static void *run_on(void *opaque)
{
	struct kt *t = opaque;
	struct vm_exit x;

	kt_run(t, 0, &x);
	CHECK(x.reason == VM_EXIT_NONE, "%s", x.text);
	return NULL;
}

/* Looked at while the guest runs: a page that it goes on writing is dirty again each time. */
static void while_running(bool ring)
{
	struct err e = { 0 };
	struct mem_block *low;
	pthread_t th;
	struct kt *t;

	kt_args = ring ? "dirty-ring=512" : NULL;
	kvm_dirty_ring_anywhere = ring;
	t = kt_new(1, false);
	kt_args = NULL;
	kvm_dirty_ring_anywhere = false;
	low = mem_find(&t->m->mem, DATA);
	kt_load(t, g_64_spin, CODE);
	kt_memslots(t, SLOT_LOG);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	x86_boot_ring3(kt_state(t, 0));
	pthread_create(&th, NULL, run_on, t);
	while (!kt_get32(t, DATA))
		os_yield();
	for (unsigned i = 0; i < 20; i++) {
		uint32_t n;

		clear_dirty(t);
		n = kt_get32(t, DATA);
		while (kt_get32(t, DATA) == n)
			os_yield();
		CHECK(!t->vm.accel->dirty_sync(&t->vm, &e), "%s", e.msg);
		CHECK(low->dirty[DATA / 4096 / 64] >> DATA / 4096 % 64 & 1,
		      "look %u: not dirty", i);
	}
	t->code = 0;
	vcpu_kick(t->vm.vcpu[0], VCPU_REQ_STOP);
	pthread_join(th, NULL);
	kt_free(t);
}

/* A slot that goes and comes while the guest reads it: memory or nothing, never a failure. */
static void hidden(void)
{
	struct kt *t = kt_new(1, false);
	struct mem_block *high = mem_find(&t->m->mem, HIGH);
	struct memslot there = { HIGH, HIGH_SIZE, high->host, MEM_ROM, 1 };
	struct memslot gone = { HIGH, 0, NULL, 0, 1 };
	struct err e = { 0 };
	uint64_t mmio;
	pthread_t th;

	memset(high->host, 0x11, 4096);
	kt_load(t, g_64_look, CODE);
	set_touch(t, HIGH, 0, 0);
	CHECK(!t->vm.accel->mem_set(&t->vm, &there, &e), "%s", e.msg);
	pthread_create(&th, NULL, run_on, t);
	for (unsigned i = 0; i < 20; i++) {
		CHECK(!t->vm.accel->mem_set(&t->vm, &gone, &e), "%s", e.msg);
		for (uint32_t n = kt_get32(t, DATA); kt_get32(t, DATA) < n + 2; )
			os_yield();
		CHECK(!t->vm.accel->mem_set(&t->vm, &there, &e), "%s", e.msg);
	}
	mmio = kvm_cpu(t->vm.vcpu[0])->exits[KVM_EXIT_MMIO];
	for (uint32_t n = kt_get32(t, DATA); kt_get32(t, DATA) < n + 1000; )
		os_yield();
	CHECK(kvm_cpu(t->vm.vcpu[0])->exits[KVM_EXIT_MMIO] <= mmio + 1, "still hidden");
	CHECK(mmio >= 20, "never hidden: %llu", (unsigned long long)mmio);
	t->code = 0;
	vcpu_kick(t->vm.vcpu[0], VCPU_REQ_STOP);
	pthread_join(th, NULL);
	CHECK(!kt_get32(t, DATA + 4), "%u odd values", kt_get32(t, DATA + 4));
	kt_free(t);
}

static _Atomic bool enough;

static void *logs(void *opaque)
{
	struct kt *t = opaque;
	struct err e = { 0 };

	while (!atomic_load(&enough)) {
		struct mem_log *l = vm_log_new(&t->vm, false, &e);

		CHECK(l, "%s", e.msg);
		vm_log_free(&t->vm, l);
	}
	return NULL;
}

/* As the VMM does it. */
static void block_changed(void *opaque, struct mem_block *b)
{
	struct kt *t = opaque;
	unsigned flags = atomic_load(&b->flags);
	struct memslot s = { .gpa = b->base, .size = flags & MEM_HIDDEN ? 0 : b->size,
			     .host = b->host, .flags = vm_slot_flags(&t->vm, flags),
			     .slot = (unsigned)(b - t->m->mem.block) };
	struct err e = { 0 };

	CHECK(!t->vm.accel->mem_set(&t->vm, &s, &e), "%s", e.msg);
}

/* A vCPU hides a block while logs of written pages begin and end: it stays hidden. */
static void hidden_while_logged(void)
{
	enum { ROUNDS = 300, LOOKS = 200 };
	struct kt *t = kt_new(1, false);
	struct mem_block *high = mem_find(&t->m->mem, HIGH);
	struct kvm_vm *k = kvm_vm(&t->vm);
	pthread_t th;

	t->m->mem.changed = block_changed;
	t->m->mem.changed_opaque = t;
	atomic_store(&enough, false);
	pthread_create(&th, NULL, logs, t);
	for (unsigned n = 0; n < ROUNDS; n++) {
		mem_hide(&t->m->mem, high, true);
		for (unsigned look = 0; look < LOOKS; look++) {
			unsigned seen = 0;

			pthread_mutex_lock(&k->lock);
			for (unsigned i = 0; i < k->nr_slots; i++)
				seen += k->slot[i].size && k->slot[i].gpa == HIGH;
			pthread_mutex_unlock(&k->lock);
			CHECK(!seen, "round %u, look %u: the guest sees it", n, look);
			os_yield();
		}
		mem_hide(&t->m->mem, high, false);
	}
	atomic_store(&enough, true);
	pthread_join(th, NULL);
	kt_free(t);
}

/* A block in many slots of the kernel's: the guest and the dirty log see one piece of memory. */
static void parts(void)
{
	uint64_t max = kvm_slot_max;
	struct kt *t;
	struct mem_block *high;
	struct err e = { 0 };
	unsigned used = 0;

	kvm_slot_max = 0x28000; /* 40 pages, so that parts do not begin at a word of the bitmap */
	t = kt_new(1, false);
	high = mem_find(&t->m->mem, HIGH);
	kt_load(t, g_64_touch, CODE);
	kt_memslots(t, SLOT_LOG);
	for (unsigned i = 0; i < KVM_MAX_SLOTS; i++)
		used += kvm_vm(&t->vm)->slot[i].size > 0;
	CHECK(used == 4 + (HIGH_SIZE + 0x27fff) / 0x28000, "%u slots", used);
	clear_dirty(t);
	set_touch(t, HIGH + 4096, 500, 2 * 4096);
	kt_expect(t, 0, 60);
	CHECK(!t->vm.accel->dirty_sync(&t->vm, &e), "%s", e.msg);
	CHECK(count_dirty(high) == 500, "%u pages dirty", count_dirty(high));
	for (unsigned i = 0; i < 500; i++)
		CHECK(high->dirty[(1 + 2 * i) / 64] >> (1 + 2 * i) % 64 & 1, "page %u", 1 + 2 * i);
	/* back to one part, and a kernel with too few slots */
	kvm_slot_max = max;
	kt_memslots(t, 0);
	used = 0;
	for (unsigned i = 0; i < KVM_MAX_SLOTS; i++)
		used += kvm_vm(&t->vm)->slot[i].size > 0;
	CHECK(used == 2, "%u slots", used);
	set_touch(t, HIGH, 1000, 4096);
	kt_expect(t, 0, 60);
	kt_free(t);
}

static void bad_slots(void)
{
	struct kt *t = kt_new(1, false);
	struct mem_block *high = mem_find(&t->m->mem, HIGH);
	struct memslot s = { HIGH + 1, 4096, high->host, 0, 5 };
	struct err e = { 0 };

	CHECK(t->vm.accel->mem_set(&t->vm, &s, &e) == -EINVAL && strstr(e.msg, "whole pages"),
	      "'%s'", e.msg);
	s = (struct memslot){ HIGH, 4096, high->host, 0, 5 };
	CHECK(t->vm.accel->mem_set(&t->vm, &s, &e) < 0 && strstr(e.msg, "0x100000"), "'%s'", e.msg);
	kvm_vm(&t->vm)->nr_slots = 2;
	s = (struct memslot){ 0x10000000, 4096, high->host, 0, 6 };
	CHECK(t->vm.accel->mem_set(&t->vm, &s, &e) == -ENOSPC && strstr(e.msg, "only 2"), "'%s'",
	      e.msg);
	/* a slot taken away frees its place */
	s = (struct memslot){ HIGH, 0, NULL, 0, 1 };
	CHECK(!t->vm.accel->mem_set(&t->vm, &s, &e), "%s", e.msg);
	s = (struct memslot){ 0x10000000, 4096, high->host, 0, 6 };
	CHECK(!t->vm.accel->mem_set(&t->vm, &s, &e), "%s", e.msg);
	kt_free(t);
}

/* A huge page here can only be one for the guest where both addresses lie alike in theirs. */
static void congruent(void)
{
	static const struct { gpa_t base; uint64_t size; } at[] = {
		{ 0, 0xa0000 }, { 0x100000, 16 << 20 }, { 0x7ff000, 4 << 20 },
		{ UINT64_C(1) << 32, 8 << 20 }, { 0xfffc0000, 0x40000 },
	};
	struct mem m = { .nr = 0 };
	struct err e = { 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		CHECK(!mem_add(&m, "m", at[i].base, at[i].size, 0, &e), "%s", e.msg);
		CHECK(!(((uintptr_t)m.block[0].host ^ at[i].base) & ((2 << 20) - 1)),
		      "%p for %llx", m.block[0].host, (unsigned long long)at[i].base);
		memset(m.block[0].host, 1, at[i].size);
		mem_free(&m);
	}
}

static void rom(void)
{
	struct kt *t = kt_new(1, false);
	struct mem_block *high = mem_find(&t->m->mem, HIGH);
	struct memslot s = { HIGH, HIGH_SIZE, high->host, MEM_ROM, 1 };
	struct err e = { 0 };
	uint32_t word = 0xcafe;

	kt_put(t, HIGH, &word, 4);
	CHECK(!t->vm.accel->mem_set(&t->vm, &s, &e), "%s", e.msg);
	kt_load(t, g_64_rom, CODE);
	set_touch(t, HIGH, 0, 0);
	kt_expect(t, 0, 61);
	CHECK(kt_get32(t, HIGH) == 0xcafe, "%x", kt_get32(t, HIGH));
	CHECK(kvm_cpu(t->vm.vcpu[0])->exits[KVM_EXIT_MMIO] == 1, "the store did not reach the bus");
	kt_free(t);
}

/* Doorbell writes of any size ring without an exit; other addresses still exit. */
/* Another engine ran the guest, which changed its page tables and told that engine's TLB. */
static void page_tables(bool user)
{
	enum { PAGE = 0x200000, OTHER = 0x400000, FLAGS = 0x87 };
	struct kt *t = kt_new(1, true);
	struct unpark_report rep;
	struct err e = { 0 };

	kt_load(t, g_64_tell, CODE);
	kt_put(t, PAGE, &(uint8_t){ 1 }, 1);
	kt_put(t, OTHER, &(uint8_t){ 2 }, 1);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	if (user)
		x86_boot_ring3(kt_state(t, 0));
	kt_state(t, 0)->gpr[X86_RBX] = PAGE;
	kt_expect(t, 0, 1);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t pde = (i & 1 ? PAGE : OTHER) | FLAGS;

		CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e), "%s", e.msg);
		kt_put(t, X86_BOOT_PD + 8, &pde, sizeof(pde));
		t->vm.accel->unpark(&t->vm, &rep);
		t->code = -1;
		kt_expect(t, 0, i & 1 ? 1 : 2);
	}
	kt_free(t);
}

static void doorbell(void)
{
	struct kt *t = kt_new(1, false);
	int mem_fd = eventfd(0, EFD_NONBLOCK), pio_fd = eventfd(0, EFD_NONBLOCK);
	struct doorbell mem_db = { .space = t->m->mmio, .addr = MMIO_BASE + 0x40, .fd = mem_fd };
	struct doorbell pio_db = { .space = t->m->pio, .addr = 0xef, .fd = pio_fd };
	uint64_t n;

	CHECK(!t->vm.accel->doorbell(&t->vm, &mem_db, true), "MMIO doorbell");
	CHECK(!t->vm.accel->doorbell(&t->vm, &pio_db, true), "port doorbell");
	kt_load(t, g_64_doorbell, CODE);
	set_touch(t, 0, 0, 0);
	kt_expect(t, 0, 95);
	CHECK(read(mem_fd, &n, 8) == 8 && n == 2, "%llu rings", (unsigned long long)n);
	CHECK(read(pio_fd, &n, 8) == 8 && n == 1, "%llu rings", (unsigned long long)n);
	CHECK(!kvm_cpu(t->vm.vcpu[0])->exits[KVM_EXIT_MMIO], "a doorbell exited");
	CHECK(!t->vm.accel->doorbell(&t->vm, &mem_db, false), "taken off");
	set_touch(t, 0, 0, 0);
	kt_expect(t, 0, 95);
	CHECK(read(mem_fd, &n, 8) < 0, "still rings");
	CHECK(kvm_cpu(t->vm.vcpu[0])->exits[KVM_EXIT_MMIO] == 2, "no exits");
	close(mem_fd);
	close(pio_fd);
	kt_free(t);
}

int main(void)
{
	kt_main();
	dirty();
	ring();
	while_running(false);
	while_running(true);
	hidden();
	hidden_while_logged();
	parts();
	bad_slots();
	congruent();
	rom();
	page_tables(false);
	page_tables(true);
	doorbell();
	return 0;
}
