/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device registers in the two address spaces (memory, x86 ports): a sorted
 * immutable table of mappings, searched without a lock and swapped whole when a
 * mapping changes. Both engines dispatch through region_read/region_write.
 */
#ifndef HW_CORE_REGION_H
#define HW_CORE_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct dev;

enum {
	REGION_UNLOCKED = 1,	/* callbacks do their own locking */
	REGION_DOORBELL = 2,	/* writes only kick (a queue notify): may become an ioeventfd */
	REGION_BIG_ENDIAN = 4,
	/* Writes may reach the device late, but before the next read or write that is not of
	 * this kind (an index register): an engine may collect them. */
	REGION_COALESCE = 8,
};

struct region {			/* const, part of a dev_type */
	const char *name;
	uint64_t size;		/* bytes */
	/* Bytes the callbacks accept, always aligned to the size. The dispatcher splits wider and
	 * misaligned accesses and widens narrower reads; a write narrower than access_min is
	 * dropped and counted (never a read-modify-write). */
	uint8_t access_min, access_max;
	uint8_t flags;
	uint64_t (*read)(struct dev *d, uint64_t off, unsigned size);	/* NULL: reads as zero */
	void (*write)(struct dev *d, uint64_t off, uint64_t val, unsigned size); /* NULL: ignored */
};

struct mapping {		/* one region of one device at an address */
	uint64_t base, size;
	const struct region *region;
	struct dev *dev;
};

struct space;			/* an address space: memory-mapped or ports */

struct space *space_new(const char *name, unsigned addr_bits);
void space_free(struct space *s);
/* -EEXIST: overlap; -ERANGE: outside the space; -EBUSY: too many changes during one access. */
int  space_map(struct space *s, uint64_t base, const struct region *r, struct dev *d,
	       struct err *e);
int  space_unmap(struct space *s, const struct region *r, struct dev *d);
/*
 * NULL where nothing is mapped. While devices may be moved (vCPUs run), a thread brackets the use
 * of the pointer by epoch_enter and epoch_exit (util/epoch.h); an engine's cache may keep it longer
 * and look at it inside of a later bracket if on_change has not been called since.
 */
const struct mapping *space_find(struct space *s, uint64_t addr);
/* The i-th mapping in address order, or NULL: for info and for engines. As space_find; on_change
 * needs no bracket. */
const struct mapping *space_nth(struct space *s, unsigned i);
/* Tells an engine that mappings changed (it drops cached lookups). */
void space_on_change(struct space *s, void (*fn)(void *opaque), void *opaque);

/*
 * A guest access of 1, 2, 4 or 8 bytes. 0, or -ENXIO where nothing is mapped or
 * the size cannot be served (value reads as all ones; the caller raises the bus
 * error its ISA has). Values are in guest byte order = little-endian numbers.
 */
int region_read(struct space *s, uint64_t addr, unsigned size, uint64_t *val);
int region_write(struct space *s, uint64_t addr, unsigned size, uint64_t val);
/* The same with a mapping already looked up (an engine's cache), inside the caller's bracket. */
int mapping_read(const struct mapping *m, uint64_t addr, unsigned size, uint64_t *val);
int mapping_write(const struct mapping *m, uint64_t addr, unsigned size, uint64_t val);

#endif
