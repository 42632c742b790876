/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A space's table is immutable: a change builds a new one and swaps the pointer.
 * Readers hold no lock; old tables go when the last reader that may see them has left
 * its epoch (util/epoch.h). They have to: a guest moves BARs as often as it likes.
 *
 * Each thread remembers its last hits; a generation number, unique in the
 * process, tells whether a remembered hit belongs to the table of now.
 */
#include "hw/core/region.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/machine.h"
#include "util/bits.h"
#include "util/epoch.h"
#include "util/os.h"
#include "util/log.h"

struct table {
	struct table *older;		/* retired before this one */
	uint64_t stamp;			/* of its retirement */
	uint64_t generation;		/* never 0 */
	unsigned nr;
	struct mapping map[];
};

/*
 * Old tables that wait for a reader who stays long (a device that waits for its disk). A guest
 * could go on changing BARs meanwhile: then nothing is mapped for a while. No system makes so
 * many changes in its whole life, let alone during one access.
 */
#define MAX_RETIRED 4096u

struct space {
	char name[16];
	unsigned addr_bits;
	_Atomic(struct table *) table;
	struct table *retired;		/* the latest first */
	unsigned nr_retired;
	pthread_mutex_t lock;		/* of changes */
	void (*on_change)(void *opaque);
	void *on_change_opaque;
};

static struct table *table_new(unsigned nr)
{
	static _Atomic uint64_t generation;
	struct table *t = calloc(1, sizeof(*t) + nr * sizeof(t->map[0]));

	if (t) {
		t->nr = nr;
		t->generation = atomic_fetch_add(&generation, 1) + 1;
	}
	return t;
}

struct space *space_new(const char *name, unsigned addr_bits)
{
	struct space *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->addr_bits = addr_bits;
	s->table = table_new(0);
	if (!s->table) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

/* A table and all that were retired before it. */
static void free_tables(struct table *t)
{
	while (t) {
		struct table *older = t->older;

		free(t);
		t = older;
	}
}

void space_free(struct space *s)
{
	if (!s)
		return;
	free_tables(s->retired);
	free(atomic_load(&s->table));
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Under s->lock. Stamps fall along the list: behind the first that may go all may. */
static void free_retired(struct space *s)
{
	struct table **at = &s->retired;

	for (s->nr_retired = 0; *at; s->nr_retired++, at = &(*at)->older)
		if (epoch_passed((*at)->stamp)) {
			free_tables(*at);
			*at = NULL;
			return;
		}
}

/* Under s->lock. A reader who merely was interrupted on a busy host is waited for. */
static void make_room(struct space *s)
{
	if (s->nr_retired >= MAX_RETIRED)
		free_retired(s);
	for (unsigned i = 0; i < 1000 && s->nr_retired >= MAX_RETIRED && !epoch_inside(); i++) {
		os_nap();
		free_retired(s);
	}
}

/* Under s->lock. */
static void space_swap(struct space *s, struct table *t)
{
	struct table *old = atomic_exchange(&s->table, t);

	if (s->on_change) {
		epoch_enter();
		s->on_change(s->on_change_opaque);
		epoch_exit();
	}
	old->stamp = epoch_retire();
	old->older = s->retired;
	s->retired = old;
	free_retired(s);
}

static bool region_ok(const struct region *r)
{
	return r->size && r->access_min && r->access_max >= r->access_min && r->access_max <= 8 &&
	       !(r->access_min & (r->access_min - 1)) && !(r->access_max & (r->access_max - 1)) &&
	       !(r->size & (r->access_min - 1));
}

int space_map(struct space *s, uint64_t base, const struct region *r, struct dev *d,
	      struct err *e)
{
	struct table *t, *n;
	unsigned at;
	int rc = 0;

	if (!region_ok(r))
		return err_set(e, EINVAL, "region '%s' is ill-formed", r->name);
	if (base + r->size - 1 < base || base + r->size - 1 > mask_bits(s->addr_bits))
		return err_set(e, ERANGE, "%s: '%s' at %#llx is outside the space", s->name,
			       r->name, (unsigned long long)base);
	pthread_mutex_lock(&s->lock);
	make_room(s);
	t = s->table;
	for (at = 0; at < t->nr && t->map[at].base < base; at++)
		;
	if ((at && base - t->map[at - 1].base < t->map[at - 1].size) ||
	    (at < t->nr && t->map[at].base - base < r->size)) {
		const struct mapping *o = &t->map[at];

		if (at && base - o[-1].base < o[-1].size)
			o--;
		rc = err_set(e, EEXIST, "%s: '%s' at %#llx overlaps '%s' of %s", s->name, r->name,
			     (unsigned long long)base, o->region->name, o->dev ? o->dev->id : "-");
	} else if (s->nr_retired >= MAX_RETIRED) {
		rc = err_set(e, EBUSY, "%s: changed too often during one access", s->name);
	} else if (!(n = table_new(t->nr + 1))) {
		rc = err_errno(e, ENOMEM, "%s", s->name);
	} else {
		memcpy(n->map, t->map, at * sizeof(t->map[0]));
		memcpy(n->map + at + 1, t->map + at, (t->nr - at) * sizeof(t->map[0]));
		n->map[at] = (struct mapping){ base, r->size, r, d };
		space_swap(s, n);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int space_unmap(struct space *s, const struct region *r, struct dev *d)
{
	struct table *t, *n;
	unsigned at;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	t = s->table;
	for (at = 0; at < t->nr && (t->map[at].region != r || t->map[at].dev != d); at++)
		;
	if (at == t->nr) {
		rc = -ENOENT;
	} else if (!(n = table_new(t->nr - 1))) {
		rc = -ENOMEM;
	} else {
		memcpy(n->map, t->map, at * sizeof(t->map[0]));
		memcpy(n->map + at, t->map + at + 1, (t->nr - at - 1) * sizeof(t->map[0]));
		space_swap(s, n);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void space_on_change(struct space *s, void (*fn)(void *opaque), void *opaque)
{
	pthread_mutex_lock(&s->lock);
	s->on_change = fn;
	s->on_change_opaque = opaque;
	pthread_mutex_unlock(&s->lock);
}

const struct mapping *space_nth(struct space *s, unsigned i)
{
	struct table *t = atomic_load(&s->table);

	return i < t->nr ? &t->map[i] : NULL;
}

#define HITS 4			/* a power of two; spread by 4 KiB page */

const struct mapping *space_find(struct space *s, uint64_t addr)
{
	static _Thread_local struct { uint64_t generation; const struct mapping *m; } hits[HITS];
	struct table *t = atomic_load(&s->table);
	unsigned h = (addr >> 12) % HITS, lo = 0, hi = t->nr;

	if (hits[h].generation == t->generation && addr - hits[h].m->base < hits[h].m->size)
		return hits[h].m;
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		const struct mapping *m = &t->map[mid];

		if (addr - m->base < m->size) {
			hits[h].generation = t->generation;
			hits[h].m = m;
			return m;
		}
		if (addr < m->base)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static uint64_t swap(uint64_t v, unsigned size)
{
	return __builtin_bswap64(v) >> (64 - 8 * size);
}

static uint64_t read_one(const struct mapping *m, uint64_t off, unsigned size)
{
	const struct region *r = m->region;
	uint64_t v;

	if (!r->read)
		return 0;
	v = r->read(m->dev, off, size) & mask_bits(8 * size);
	return r->flags & REGION_BIG_ENDIAN ? swap(v, size) : v;
}

static void write_one(const struct mapping *m, uint64_t off, uint64_t val, unsigned size)
{
	const struct region *r = m->region;

	if (!r->write)
		return;
	val &= mask_bits(8 * size);
	r->write(m->dev, off, r->flags & REGION_BIG_ENDIAN ? swap(val, size) : val, size);
}

/* The largest naturally aligned piece at off, of at most `left` and `max` bytes. */
static unsigned piece(uint64_t off, unsigned left, unsigned max)
{
	unsigned n = max;

	while (n > left || (off & (n - 1)))
		n >>= 1;
	return n;
}

static bool access_ok(const struct mapping *m, uint64_t off, unsigned size)
{
	return (size == 1 || size == 2 || size == 4 || size == 8) && off < m->size &&
	       size <= m->size - off;
}

/* -d dev */
static void trace(const struct mapping *m, const char *what, uint64_t addr, unsigned size,
		  uint64_t val)
{
	if (log_filter(addr))
		log_trace("dev: %s %s %s+%#llx size %u value %#llx\n", what, m->dev->id,
			  m->region->name, (unsigned long long)(addr - m->base), size,
			  (unsigned long long)val);
}

int mapping_read(const struct mapping *m, uint64_t addr, unsigned size, uint64_t *val)
{
	const struct region *r = m->region;
	uint64_t off = addr - m->base;
	bool lock = !(r->flags & REGION_UNLOCKED);

	*val = mask_bits(8 * size);
	if (!access_ok(m, off, size))
		return -ENXIO;
	if (lock)
		dev_lock(m->dev);
	if (likely(size >= r->access_min && size <= r->access_max && !(off & (size - 1)))) {
		*val = read_one(m, off, size);
	} else {
		uint64_t v = 0;

		for (unsigned i = 0; i < size;) {
			unsigned n = piece(off + i, size - i, r->access_max);
			unsigned w = MAX(n, r->access_min);
			uint64_t at = align_down(off + i, w);

			v |= (read_one(m, at, w) >> 8 * (off + i - at) & mask_bits(8 * n)) << 8 * i;
			i += n;
		}
		*val = v;
	}
	if (lock)
		dev_unlock(m->dev);
	if (log_on(LOG_DEV))
		trace(m, "read", addr, size, *val);
	return 0;
}

int mapping_write(const struct mapping *m, uint64_t addr, unsigned size, uint64_t val)
{
	const struct region *r = m->region;
	uint64_t off = addr - m->base;
	bool lock = !(r->flags & REGION_UNLOCKED);

	if (!access_ok(m, off, size))
		return -ENXIO;
	if (log_on(LOG_DEV))
		trace(m, "write", addr, size, val);
	if (lock)
		dev_lock(m->dev);
	if (likely(size >= r->access_min && size <= r->access_max && !(off & (size - 1)))) {
		write_one(m, off, val, size);
	} else {
		for (unsigned i = 0; i < size;) {
			unsigned n = piece(off + i, size - i, r->access_max);

			if (n >= r->access_min)
				write_one(m, off + i, val >> 8 * i, n);
			else
				log_guest("%s: %u-byte write at %s+%#llx dropped",
					  m->dev->id, n, r->name, (unsigned long long)(off + i));
			i += n;
		}
	}
	if (lock)
		dev_unlock(m->dev);
	mem_settle(&m->dev->machine->mem);
	return 0;
}

int region_read(struct space *s, uint64_t addr, unsigned size, uint64_t *val)
{
	const struct mapping *m;
	int rc = -ENXIO;

	epoch_enter();
	m = space_find(s, addr);
	if (m)
		rc = mapping_read(m, addr, size, val);
	else
		*val = mask_bits(8 * size);
	epoch_exit();
	return rc;
}

int region_write(struct space *s, uint64_t addr, unsigned size, uint64_t val)
{
	const struct mapping *m;
	int rc;

	epoch_enter();
	m = space_find(s, addr);
	rc = m ? mapping_write(m, addr, size, val) : -ENXIO;
	epoch_exit();
	return rc;
}
