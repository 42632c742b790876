/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store of translated blocks. Host code lies in 2 MiB regions, each filled by
 * one vCPU at a time and evicted as a whole, oldest first, with the world
 * stopped. A dead block's entry is patched to look its successor up, so that no
 * list of inbound edges is needed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/tcg/tcg.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"

#define ARENA_CAP (3u << 20)
#define REGION_TBS (ARENA_CAP / sizeof(struct tb))	/* what the arena may hold */

int blocks_init(struct tcg_vm *tv, size_t code_size, struct err *e)
{
	struct mem *m = &tv->vm->machine->mem;
	struct emit_runtime rt = { fast_fill, slow_access, fast_lookup,
				   fast_safe, fast_link,   fast_soft_fp };
	unsigned i;
	int r;

	tv->size = align_up(MAX(code_size, (size_t)4 * REGION_SIZE), REGION_SIZE);
	r = os_dual_map(tv->size, (void **)&tv->rw, (void **)&tv->rx, e);
	if (r < 0)
		return r;
	tv->delta = tv->rx - tv->rw;
	tv->nr_regions = (unsigned)(tv->size / REGION_SIZE);
	tv->regions = calloc(tv->nr_regions, sizeof(*tv->regions));
	tv->hash = calloc(1u << HASH_BITS, sizeof(*tv->hash));
	if (!tv->regions || !tv->hash)
		return err_set(e, ENOMEM, "translation tables");
	for (i = 0; i < tv->nr_regions; i++) {
		tv->regions[i].rw = tv->rw + (size_t)i * REGION_SIZE;
		tv->regions[i].index = i;
	}
	r = emit_thunks(tv->rw, tv->delta, REGION_SIZE, tv->isa, &rt, &tv->thunks);
	if (r < 0)
		return err_set(e, -r, "entry code does not fit");
	tv->regions[0].used = align_up((size_t)r, 64);
	for (i = 0; i < m->nr; i++) {
		size_t n = m->block[i].size >> MEM_PAGE_BITS;

		tv->pages[i] = calloc(n, sizeof(*tv->pages[i]));
		tv->written[i] = calloc(n, sizeof(*tv->written[i]));
		if (!tv->pages[i] || !tv->written[i])
			return err_set(e, ENOMEM, "page tables of the translator");
	}
	return 0;
}

void blocks_free(struct tcg_vm *tv)
{
	struct mem *m = &tv->vm->machine->mem;
	unsigned i;
	size_t n;

	for (i = 0; i < m->nr; i++) {
		for (n = 0; tv->pages[i] && n < m->block[i].size >> MEM_PAGE_BITS; n++)
			free(tv->pages[i][n]);
		free(tv->pages[i]);
		free((void *)tv->written[i]);
	}
	for (i = 0; tv->regions && i < tv->nr_regions; i++) {
		free(tv->regions[i].tbs);
		free(tv->regions[i].exits);
		free(tv->regions[i].arena);
	}
	free(tv->regions);
	free((void *)tv->hash);
	os_unmap(tv->rw, tv->size);
	os_unmap(tv->rx, tv->size);
}

void *region_alloc(struct tcg_region *r, size_t n)
{
	void *p;

	n = align_up(n, 8);
	if (r->arena_used + n > r->arena_cap)
		return NULL;
	p = r->arena + r->arena_used;
	r->arena_used += n;
	return p;
}

struct tcg_page *blocks_page(struct tcg_vm *tv, uint64_t gpa, bool make)
{
	struct mem *m = &tv->vm->machine->mem;
	uint64_t off;
	struct mem_block *b = mem_block_at_off(m, gpa, &off);	/* hidden ones keep their blocks */
	struct tcg_page **p, *have, *new;

	if (!b)
		return NULL;
	p = &tv->pages[b - m->block][off >> MEM_PAGE_BITS];
	have = __atomic_load_n(p, __ATOMIC_ACQUIRE);
	if (have || !make)
		return have;
	new = calloc(1, sizeof(*new));
	if (!new)
		abort();
	if (__atomic_compare_exchange_n(p, &have, new, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return new;
	free(new);
	return have;
}

struct tb *blocks_find_host(struct tcg_vm *tv, const void *host)
{
	size_t off = (size_t)((const uint8_t *)host - tv->rx);
	struct tcg_region *r;
	unsigned lo = 0, hi, mid;

	if (off >= tv->size)
		return NULL;
	r = &tv->regions[off / REGION_SIZE];
	hi = atomic_load_explicit(&r->nr_tbs, memory_order_acquire);
	while (lo < hi) {	/* last block that starts at or before host */
		mid = (lo + hi) / 2;
		if (r->tbs[mid]->code <= (const uint8_t *)host)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || (const uint8_t *)host > r->tbs[lo - 1]->code + r->tbs[lo - 1]->size)
		return NULL;
	return r->tbs[lo - 1];
}

bool blocks_pc_at(struct tcg_cpu *c, const void *ra, uint64_t *pc)
{
	struct tb *tb = blocks_find_host(c->tv, ra);
	unsigned i;

	if (!tb)
		return false;
	for (i = 0; i < tb->nr_faults; i++)
		if (tb->code + tb->faults[i].ra == (const uint8_t *)ra) {
			*pc = tb->pc + tb->faults[i].pc_delta;
			if (tb->key & KEY_PCREL)
				*pc += CPU_HEAD(c->state)->vpage;
			return true;
		}
	return false;
}

static void hash_remove(struct tcg_vm *tv, struct tb *tb)
{
	struct tb *_Atomic *p = &tv->hash[tb_hash(tb->phys, tb->pc, tb->key)];

	while (*p && *p != tb)
		p = &(*p)->hash_next;
	if (*p)
		atomic_store_explicit(p, tb->hash_next, memory_order_release);
}

static void page_unlink(struct tcg_vm *tv, struct tb *tb, unsigned which)
{
	uint64_t gpa = which ? tb->phys2 : tb->phys;
	struct tcg_page *pg = blocks_page(tv, gpa, false);
	struct tb **p;

	if (!pg)
		return;
	for (p = &pg->first; *p; ) {
		unsigned w = ((*p)->phys ^ gpa) >> MEM_PAGE_BITS ? 1 : 0;

		if (*p == tb) {
			*p = tb->page_next[which];
			return;
		}
		p = &(*p)->page_next[w];
	}
}

void blocks_kill(struct tcg_vm *tv, struct tb *tb)
{
	if (tb->dead)
		return;
	tb->dead = 1;
	atomic_fetch_add(&tv->n_killed, 1);
	if (tb->rw)
		emit_patch_invalid((uint8_t *)tb->entry - tv->delta, tv->delta,
				   tb->code + tb->invalid);
	hash_remove(tv, tb);
	page_unlink(tv, tb, 0);
	if (tb->phys2 != NO_PHYS)
		page_unlink(tv, tb, 1);
}

void blocks_kill_all(struct tcg_vm *tv)
{
	unsigned i, j;

	pthread_mutex_lock(&tv->blocks_lock);
	for (i = 0; i < tv->nr_regions; i++)
		for (j = 0; j < tv->regions[i].nr_tbs; j++)
			blocks_kill(tv, tv->regions[i].tbs[j]);
	pthread_mutex_unlock(&tv->blocks_lock);
}

/* World stopped: forgets everything in the region. */
static void region_evict(struct tcg_vm *tv, struct tcg_region *r)
{
	unsigned i;

	pthread_mutex_lock(&tv->blocks_lock);
	for (i = 0; i < r->nr_tbs; i++)
		blocks_kill(tv, r->tbs[i]);
	/* edges from blocks elsewhere into this region go back to their stubs */
	for (i = 0; i < tv->nr_regions; i++) {
		struct tcg_region *o = &tv->regions[i];
		unsigned j;

		if (o == r)
			continue;
		for (j = 0; j < o->nr_exits; j++) {
			struct tcg_exit *x = &o->exits[j];
			uint8_t *field = x->tb->rw + x->field, *to;
			int32_t d;

			memcpy(&d, field, 4);
			to = field + 4 + d;
			if (to >= r->rw && to < r->rw + REGION_SIZE)
				emit_patch_edge(field, tv->delta, x->tb->code + x->stub);
		}
	}
	for (i = 0; i < tv->vm->nr_vcpus; i++) {
		struct vcpu *v = tv->vm->vcpu[i];

		if (v && v->engines[ACCEL_TCG]) {
			tlb_clear_jumps(v->engines[ACCEL_TCG]);
			((struct tcg_cpu *)v->engines[ACCEL_TCG])->link_from =
				~0u; /* may name an edge of the region */
		}
	}
	r->nr_tbs = r->nr_exits = 0;
	r->arena_used = 0;
	r->used = r->index ? 0 : align_up((size_t)(tv->thunks.end - tv->thunks.start), 64);
	pthread_mutex_unlock(&tv->blocks_lock);
	tv->n_evicted++;
}

struct tcg_region *blocks_region(struct tcg_cpu *c, bool fresh)
{
	struct tcg_vm *tv = c->tv;
	struct tcg_region *r = NULL;
	unsigned i;

	if (c->region && !fresh)
		return c->region;
	pthread_mutex_lock(&tv->blocks_lock);
	if (c->region)
		c->region->owned = false;
	c->region = NULL;
	for (i = 0; i < tv->nr_regions && !r; i++)
		if (!tv->regions[i].age && !tv->regions[i].owned)
			r = &tv->regions[i];
	if (r) {
		r->owned = true;
		r->age = ++tv->region_age;
	}
	pthread_mutex_unlock(&tv->blocks_lock);
	if (!r) {
		world_stop(tv, c, false);
		for (i = 0; i < tv->nr_regions; i++)
			if (!tv->regions[i].owned && (!r || tv->regions[i].age < r->age))
				r = &tv->regions[i];
		if (r) {
			region_evict(tv, r);
			r->owned = true;
			r->age = ++tv->region_age;
		}
		world_resume(tv, c);
	}
	if (!r)
		abort();	/* more vCPUs than regions: vm_start sizes the buffer */
	if (!r->arena) {
		r->arena = malloc(ARENA_CAP);
		r->tbs = malloc(REGION_TBS * sizeof(*r->tbs));
		r->exits = malloc(REGION_EXITS * sizeof(*r->exits));
		if (!r->arena || !r->tbs || !r->exits)
			abort();
		r->arena_cap = ARENA_CAP;
	}
	c->region = r;
	return r;
}

/*
 * Is the page still watched? Whoever killed its last block has unwatched it, perhaps since the
 * caller saw that it was; a display's memory may have moved away. Under blocks_lock.
 */
static bool watched(struct tcg_vm *tv, uint64_t gpa)
{
	uint64_t off;
	struct mem_block *b = mem_block_at_off(&tv->vm->machine->mem, gpa, &off);

	return b && atomic_load(&b->watch[off >> MEM_PAGE_BITS]) & MEM_WATCH_CODE;
}

struct tb *blocks_insert(struct tcg_cpu *c, struct tb *tb, uint32_t gen, uint32_t gen2)
{
	struct tcg_vm *tv = c->tv;
	struct tcg_region *r = tb->region;
	struct tcg_page *pg = blocks_page(tv, tb->phys, true);
	struct tcg_page *p2 = tb->phys2 != NO_PHYS ? blocks_page(tv, tb->phys2, true) : NULL;
	struct tb *_Atomic *head = &tv->hash[tb_hash(tb->phys, tb->pc, tb->key)];
	uint64_t first = (tb->phys & 0xfff) >> GRANULE_BITS, last, i;
	struct tb *o;

	pthread_mutex_lock(&tv->blocks_lock);
	if (!pg || pg->gen != gen || !watched(tv, tb->phys) ||
	    (tb->phys2 != NO_PHYS && (!p2 || p2->gen != gen2 || !watched(tv, tb->phys2)))) {
		pthread_mutex_unlock(&tv->blocks_lock);
		return NULL;
	}
	for (o = *head; o; o = o->hash_next)
		if (o->phys == tb->phys && o->pc == tb->pc && o->key == tb->key &&
		    o->phys2 == tb->phys2)
			break;
	if (o) {		/* another vCPU was quicker */
		pthread_mutex_unlock(&tv->blocks_lock);
		return o;
	}
	r->tbs[r->nr_tbs] = tb;
	atomic_fetch_add_explicit(&r->nr_tbs, 1, memory_order_release);
	last = MIN((tb->phys & 0xfff) + tb->bytes - 1, 0xfffu) >> GRANULE_BITS;
	for (i = first; i <= last; i++)
		pg->granules |= BIT(i);
	tb->page_next[0] = pg->first;
	pg->first = tb;
	if (p2) {
		p2->granules |= 1;
		tb->page_next[1] = p2->first;
		p2->first = tb;
	}
	tb->hash_next = *head;
	atomic_store_explicit(head, tb, memory_order_release);
	pthread_mutex_unlock(&tv->blocks_lock);
	return tb;
}

/* Bytes [off, off+len) of one page of block b are about to be, or were, written. */
static void page_written(struct tcg_vm *tv, struct mem_block *b, uint64_t off, uint64_t len)
{
	uint64_t n = off >> MEM_PAGE_BITS, in = off & 0xfff, bits = 0, i;
	struct tcg_page *pg = __atomic_load_n(&tv->pages[b - tv->vm->machine->mem.block][n],
					      __ATOMIC_ACQUIRE);
	struct tb *tb, *next;
	bool loops = false;

	if (!pg)
		return;
	for (i = in >> GRANULE_BITS; i <= (in + len - 1) >> GRANULE_BITS; i++)
		bits |= BIT(i);
	pthread_mutex_lock(&tv->blocks_lock);
	pg->gen++;
	if (pg->granules & bits) {
		uint64_t left = 0, page = b->base + (n << MEM_PAGE_BITS);

		for (tb = pg->first; tb; tb = next) {
			unsigned w = (tb->phys ^ page) >> MEM_PAGE_BITS ? 1 : 0;
			uint64_t lo = w ? 0 : tb->phys & 0xfff,
				 hi = (w ? tb->phys & 0xfff : lo) + tb->bytes;

			/* one page behind itself */
			bool both = !w && tb->phys2 != NO_PHYS &&
				    !((tb->phys2 ^ page) >> MEM_PAGE_BITS);

			if (w)		/* what of the instruction lies in its second page */
				hi -= 4096;

			next = tb->page_next[w];
			if ((lo < in + len && hi > in) || (both && in < hi - 4096)) {
				loops |= tb->loops;
				blocks_kill(tv, tb);
				continue;
			}
			left |= both;
			for (i = lo >> GRANULE_BITS;
			     i <= MIN(hi - 1, (uint64_t)0xfff) >> GRANULE_BITS; i++)
				left |= BIT(i);
		}
		pg->granules = left;
	}
	/* also what was only interpreted once: else its writes would be slow for ever */
	if (!pg->first)
		atomic_fetch_and(&b->watch[n], (uint8_t)~MEM_WATCH_CODE);
	pthread_mutex_unlock(&tv->blocks_lock);
	/* a block that jumps to itself does not come by its entry: it must leave to see this */
	if (loops && tv->isa->coherent_code)
		tcg_poke_all(tv);
}

void code_written(struct tcg_vm *tv, struct mem_block *b, uint64_t off, uint64_t len)
{
	uint64_t n;

	while (len) {
		n = MIN(len, 4096 - (off & 0xfff));
		if (atomic_load(&b->watch[off >> MEM_PAGE_BITS]) & MEM_WATCH_CODE)
			page_written(tv, b, off, n);
		off += n;
		len -= n;
	}
}
