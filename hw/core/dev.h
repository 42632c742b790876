/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device model. A device is a const dev_type (what it is) and a state struct
 * whose first member is struct dev (an instance). dev_type.state describes every
 * byte of the state struct once, for snapshot, migration, replay hash and `info`;
 * a test walks the tables and fails on a byte that nobody describes.
 */
#ifndef HW_CORE_DEV_H
#define HW_CORE_DEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/core/clock.h"
#include "hw/core/irq.h"
#include "hw/core/mem.h"
#include "hw/core/region.h"
#include "util/err.h"

struct machine;
struct aml;			/* hw/acpi/aml.h: sequential writer of AML */
struct fdt;			/* hw/core/fdt.h: sequential writer over libfdt */
struct field;			/* hw/core/state.h */
struct state_buf;

enum prop_kind { PROP_STR, PROP_U32, PROP_U64, PROP_BOOL, PROP_SIZE, PROP_PTR };

struct prop {			/* configuration in: command line, JSON, help */
	const char *name, *help;
	uint8_t kind;		/* PROP_STR: char *, the device's own; PROP_PTR: set by code only */
	uint32_t off;		/* in the state struct */
	const char *def;	/* default as text; NULL: zero */
};
#define PROP(T, m, k, h, d) { .name = #m, .help = h, .kind = k, .off = offsetof(T, m), .def = d }
#define PROP_END { .name = NULL }

enum reset_kind { RESET_COLD, RESET_WARM };

struct dev_type {
	const char *name, *help;	/* command line, API, snapshot key, docs: the same word */
	size_t size;			/* of the state struct */
	const struct prop *props;
	const struct field *state;
	const struct region *regions;
	uint8_t nr_regions, nr_irqs;
	int  (*init)(struct dev *d, struct err *e);	/* props are set; acquire host resources */
	/* Waits until no back end's thread uses the state. With the device's lock, while no vCPU
	 * runs, before a reset, a save and a load. NULL: there is no such thread, or the device
	 * has its own way (virtio_quiesce). */
	void (*quiesce)(struct dev *d);
	/*
	 * The guest is about to go on, all of a load is in place: starts what the state that was
	 * loaded has to do. With the device's lock. NULL: nothing, or virtio_resume.
	 */
	void (*resume)(struct dev *d);
	void (*reset)(struct dev *d, enum reset_kind kind);
	/* After restore: recompute, validate. No I/O: the load may yet fail and be taken back. */
	int  (*loaded)(struct dev *d, struct err *e);
	/*
	 * State of a length that varies, beside the fields: save_more appends, or leaves it (none).
	 * load_more is given hostile bytes: with `check` it only looks, nothing changed yet; else
	 * it comes after `loaded`, and does not fail. NULL: there is none.
	 */
	void (*save_more)(struct dev *d, struct state_buf *b);
	int  (*load_more)(struct dev *d, const uint8_t *data, size_t len, bool check,
			  struct err *e);
	void (*fini)(struct dev *d);
	void (*describe_fdt)(struct dev *d, struct fdt *f);
	/* The device's object in the DSDT, inside the scope that the machine has opened. */
	void (*describe_acpi)(struct dev *d, struct aml *a);
};

#define DEV_MAX_REGIONS 8
#define DEV_MAX_IRQS 8

struct dev {
	const struct dev_type *type;
	struct machine *machine;
	struct dev *next;		/* machine's list, in creation order */
	char id[32];			/* unique in the machine */
	pthread_mutex_t lock;		/* taken by the dispatcher around region callbacks */
	uint64_t base[DEV_MAX_REGIONS];	/* where mapped; UINT64_MAX: not */
	struct space *space[DEV_MAX_REGIONS];
	struct irq_line irq[DEV_MAX_IRQS];
	unsigned irq_pin[DEV_MAX_IRQS];	/* chip's pin, for the device tree */
	bool ready;			/* init succeeded, fini is due */
};

/* The one cast: from struct dev to the device's own state. */
#define DEV_STATE(T, d) ({							\
	_Static_assert(offsetof(T, dev) == 0, "struct dev comes first");	\
	(T *)(d);								\
})

/* Every device type, from hw/devices.def; NULL-terminated. */
extern const struct dev_type *const dev_types[];
const struct dev_type *dev_type_find(const char *name);

/* Creates with default props and adds to the machine (not initialised yet). id NULL: made up. */
struct dev *dev_new(struct machine *m, const struct dev_type *t, const char *id, struct err *e);
int  dev_set(struct dev *d, const char *prop, const char *text, struct err *e);	/* from text */
/* A PROP_PTR; aborts where the type has none of the name. */
void dev_set_ptr(struct dev *d, const char *prop, void *ptr);
int  dev_init(struct dev *d, struct err *e);
/* Unmaps, fini, out of the machine. No vCPU runs, or the device was never plugged. */
void dev_free(struct dev *d);
void dev_unmap(struct dev *d, unsigned region);	/* nothing where it is not mapped */
int  dev_map(struct dev *d, unsigned region, struct space *s, uint64_t base, struct err *e);
void dev_connect(struct dev *d, unsigned irq, void (*set)(void *, unsigned, int), void *to,
		 unsigned pin);

static inline void dev_lock(struct dev *d) { pthread_mutex_lock(&d->lock); }
static inline void dev_unlock(struct dev *d) { pthread_mutex_unlock(&d->lock); }
static inline void dev_quiesce(struct dev *d)
{
	if (d->ready && d->type->quiesce)
		d->type->quiesce(d);
}
static inline void dev_resume(struct dev *d)
{
	if (d->ready && d->type->resume)
		d->type->resume(d);
}
uint64_t dev_now(struct dev *d);	/* virtual ns */

/* DMA by guest physical address: bounded, marks dirty. 0 or -EFAULT. */
int dma_read(struct dev *d, gpa_t gpa, void *buf, uint64_t len);
int dma_write(struct dev *d, gpa_t gpa, const void *buf, uint64_t len);
/* Host pointer for the length of one operation (NULL: not RAM, or beyond its end). A writer ends
 * with dma_done. */
void *dma_map(struct dev *d, gpa_t gpa, uint64_t len);
void dma_done(struct dev *d, gpa_t gpa, uint64_t len);

#endif
