/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory balloon (virtio 1.2, 5.5). Pages that the guest puts into the balloon or
 * reports as free go back to the host at once; it takes them out again by touching
 * them, so that deflating needs no work here.
 *
 * Queues: inflate and deflate are 0 and 1. The specification numbers the others
 * statically, Linux counts only those whose feature it took: both are understood.
 */
#include "hw/virtio/virtio_balloon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hw/virtio/virtio.h"
#include "io/iov.h"
#include "util/log.h"

enum { F_STATS_VQ = 1, F_DEFLATE_ON_OOM = 2, F_PAGE_POISON = 4, F_REPORTING = 5 };	/* 5.5.3 */
enum { Q_INFLATE = 0, Q_DEFLATE = 1, Q_STATS = 2, Q_REPORTING = 4, NR_QUEUES = 5 };
enum { CFG_NUM_PAGES = 0, CFG_ACTUAL = 4, CFG_POISON = 12 };			/* 5.5.4 */

#define PFN_SHIFT 12u
#define MAX_PFNS 16384u			/* of one request: 64 MiB; Linux sends 256 */
#define STAT_SIZE 10u			/* le16 tag, le64 value */
#define MAX_STATS 32u			/* entries looked at */

struct virtio_balloon {
	struct dev dev;
	struct virtio_dev vd;
	uint32_t stats_interval;	/* properties: seconds; 0: only when asked */
	bool deflate_on_oom, reporting;

	uint32_t num_pages;		/* the guest shall have that many in the balloon */
	uint32_t actual, poison;	/* the guest's words */
	uint64_t discarded, reported, refused;
	uint64_t updates, updated_at;
	uint32_t known;
	uint64_t val[BALLOON_NR_STATS];
	struct timer timer;
	uint64_t poll_at;		/* its deadline, for the handler to look at */

	uint32_t wanted;		/* num_pages, which a reset zeroes */
	bool stats_held;		/* the guest's buffer waits until statistics are wanted */
	struct vq_chain stats_chain, chain;
	uint8_t pfns[4 * MAX_PFNS];
};

static struct virtio_balloon *balloon_of(struct virtio_dev *vd)
{
	return DEV_STATE(struct virtio_balloon, vd->h.dev);
}

static uint64_t ram_size(struct virtio_balloon *b) { return b->dev.machine->cfg.ram_size; }

static bool has(struct virtio_balloon *b, unsigned feature)
{
	return b->vd.driver_features & BIT(feature);
}

static void balloon_config(struct virtio_dev *vd, uint8_t *cfg)
{
	struct virtio_balloon *b = balloon_of(vd);

	st_le32(cfg + CFG_NUM_PAGES, b->num_pages);
	st_le32(cfg + CFG_ACTUAL, b->actual);
	st_le32(cfg + CFG_POISON, b->poison);
}

static void balloon_config_write(struct virtio_dev *vd, unsigned off, uint32_t val, unsigned size)
{
	struct virtio_balloon *b = balloon_of(vd);

	if (size == 4 && off == CFG_ACTUAL) {
		if (b->actual != val)
			machine_event(b->dev.machine, MACHINE_BALLOON, 0);
		b->actual = val;
	} else if (size == 4 && off == CFG_POISON && has(b, F_PAGE_POISON)) {
		b->poison = val;
	}
}

static bool discard(struct virtio_balloon *b, gpa_t gpa, uint64_t len)
{
	int rc = mem_discard(&b->dev.machine->mem, gpa, len);

	if (!rc)
		return true;
	b->refused += len >> PFN_SHIFT;
	log_guest("%s: %#llx+%#llx cannot be given back: %s", b->dev.id, (unsigned long long)gpa,
		  (unsigned long long)len, strerror(-rc));
	return false;
}

/* Neighbours go in one call, upwards or downwards, as long as they stay in one block of RAM. */
static void inflate(struct virtio_balloon *b, const struct vq_chain *c)
{
	unsigned n = (unsigned)(iov_to_buf(c->iov, c->nr_out, 0, b->pfns, sizeof(b->pfns)) / 4);

	for (unsigned i = 0, run; i < n; i += run) {
		uint64_t first = ld_le32(b->pfns + 4 * i), last = first;
		struct mem_block *m = mem_find(&b->dev.machine->mem, first << PFN_SHIFT);

		for (run = 1; m && i + run < n; run++) {
			uint64_t pfn = ld_le32(b->pfns + 4 * (i + run));

			if ((pfn << PFN_SHIFT) - m->base >= m->size)
				break;
			if (pfn == last + 1)
				last = pfn;
			else if (pfn + 1 == first)
				first = pfn;
			else
				break;
		}
		if (discard(b, first << PFN_SHIFT, (last - first + 1) << PFN_SHIFT))
			b->discarded += (last - first + 1) << PFN_SHIFT;
	}
}

/* 5.5.6.7: what the device writes to reported pages must be what the guest expects to find. */
static void report(struct virtio_balloon *b, const struct vq_chain *c)
{
	if (has(b, F_PAGE_POISON) && b->poison)
		return;
	for (unsigned i = c->nr_out; i < (unsigned)c->nr_out + c->nr_in; i++) {
		gpa_t first = align_up(c->gpa[i], MEM_PAGE_SIZE),
		      end = align_down(c->gpa[i] + c->iov[i].iov_len, MEM_PAGE_SIZE);

		if (first < end && discard(b, first, end - first))
			b->reported += end - first;
	}
}

static void take_stats(struct virtio_balloon *b, const struct vq_chain *c)
{
	uint8_t raw[STAT_SIZE * MAX_STATS];
	size_t n = iov_to_buf(c->iov, c->nr_out, 0, raw, sizeof(raw)) / STAT_SIZE;

	b->known = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned tag = ld_le16(raw + STAT_SIZE * i);

		if (tag >= BALLOON_NR_STATS)
			continue;
		b->val[tag] = ld_le64(raw + STAT_SIZE * i + 2);
		b->known |= 1u << tag;
	}
	b->updates++;
	b->updated_at = dev_now(&b->dev);
}

/* Without a feature its queue is not there, and the driver of Linux moves the next ones up. */
static unsigned queue_role(struct virtio_balloon *b, unsigned index)
{
	unsigned next = Q_STATS + (has(b, F_STATS_VQ) ? 1 : 0);

	if (index < next)
		return index;
	return has(b, F_REPORTING) && (index == next || index == Q_REPORTING) ? Q_REPORTING :
										NR_QUEUES;
}

static struct virtqueue *stats_queue(struct virtio_balloon *b) { return &b->vd.q[Q_STATS]; }

/* The guest answers the return of its buffer with new statistics in it (5.5.6.3). */
static void ask_for_stats(struct virtio_balloon *b)
{
	if (!b->stats_held || b->vd.h.paused)
		return;
	b->stats_held = false;
	vq_push(stats_queue(b), &b->stats_chain, 0);
	vq_signal(stats_queue(b));
}

static void handle_stats(struct virtio_balloon *b, struct virtqueue *q)
{
	do {
		vq_notify_off(q);
		while (vq_pop(q, &b->chain)) {
			/* One buffer goes to and fro; a second one is not what a driver does. */
			ask_for_stats(b);
			take_stats(b, &b->chain);
			b->stats_chain = b->chain;
			b->stats_held = true;
		}
	} while (vq_notify_on(q));
}

static void balloon_handle(struct virtio_dev *vd, struct virtqueue *q)
{
	struct virtio_balloon *b = balloon_of(vd);
	unsigned role = queue_role(b, q->h.index);

	if (role == Q_STATS) {
		handle_stats(b, q);
		return;
	}
	do {
		vq_notify_off(q);
		while (vq_pop(q, &b->chain)) {
			if (role == Q_INFLATE)
				inflate(b, &b->chain);
			else if (role == Q_REPORTING)
				report(b, &b->chain);
			vq_push(q, &b->chain, 0);
		}
		vq_signal(q);
	} while (vq_notify_on(q));
}

static void arm(struct virtio_balloon *b)
{
	b->poll_at = b->stats_interval && has(b, F_STATS_VQ) ?
		     dev_now(&b->dev) + b->stats_interval * UINT64_C(1000000000) : TIMER_NEVER;
	timer_set(&b->timer, b->poll_at);
}

static void balloon_poll(void *opaque)
{
	struct virtio_balloon *b = opaque;

	dev_lock(&b->dev);
	if (virtio_is_running(&b->vd) && dev_now(&b->dev) >= b->poll_at) {
		ask_for_stats(b);
		arm(b);
	}
	dev_unlock(&b->dev);
}

static void balloon_start(struct virtio_dev *vd) { arm(balloon_of(vd)); }

/* The held buffer goes back to the ring: it is looked at once more after start. */
static void balloon_quiesce(struct virtio_dev *vd)
{
	struct virtio_balloon *b = balloon_of(vd);

	b->poll_at = TIMER_NEVER;
	timer_set(&b->timer, b->poll_at);
	if (b->stats_held)
		vq_unpop(stats_queue(b), 1);
	b->stats_held = false;
}

static void balloon_reset_state(struct virtio_dev *vd)
{
	struct virtio_balloon *b = balloon_of(vd);

	b->actual = b->poison = b->known = 0;
	b->updates = 0;
	b->num_pages = b->wanted;
}

int virtio_balloon_set_target(struct dev *d, uint64_t bytes, struct err *e)
{
	struct virtio_balloon *b = DEV_STATE(struct virtio_balloon, d);
	uint64_t pages = (ram_size(b) - MIN(bytes, ram_size(b))) >> PFN_SHIFT;

	if (!bytes || bytes > ram_size(b))
		return err_set(e, EINVAL, "%s: the guest has %llu MiB, it cannot be given %llu",
			       d->id, (unsigned long long)ram_size(b) >> 20,
			       (unsigned long long)bytes >> 20);
	if (pages > UINT32_MAX)
		return err_set(e, EINVAL, "%s: a balloon holds 16 TiB at most", d->id);
	dev_lock(d);
	b->num_pages = b->wanted = (uint32_t)pages;
	virtio_config_changed(&b->vd);
	dev_unlock(d);
	return 0;
}

void virtio_balloon_stats(struct dev *d, struct virtio_balloon_stats *out)
{
	struct virtio_balloon *b = DEV_STATE(struct virtio_balloon, d);
	uint64_t ram = ram_size(b);

	memset(out, 0, sizeof(*out));
	dev_lock(d);
	out->target = ram - MIN(ram, (uint64_t)b->num_pages << PFN_SHIFT);
	out->actual = ram - MIN(ram, (uint64_t)b->actual << PFN_SHIFT);
	out->discarded = b->discarded;
	out->reported = b->reported;
	out->refused = b->refused;
	out->updates = b->updates;
	out->age_ns = b->updates ? dev_now(d) - b->updated_at : 0;
	out->known = b->updates ? b->known : 0;
	memcpy(out->val, b->val, sizeof(out->val));
	if (virtio_is_running(&b->vd))
		ask_for_stats(b);
	dev_unlock(d);
}

char *virtio_balloon_info(struct dev *d)
{
	static const char *const names[BALLOON_NR_STATS] = {
		"swapped in", "swapped out", "major faults", "minor faults", "free", "total",
		"available", "caches", "huge pages taken", "huge pages failed", "OOM kills",
		"stalls", "scanned in background", "scanned directly", "reclaimed in background",
		"reclaimed directly",
	};
	/* BALLOON_SWAP_IN and the like: bytes; the others are counts */
	const uint32_t bytes = 1u << BALLOON_SWAP_IN | 1u << BALLOON_SWAP_OUT |
			       1u << BALLOON_MEMFREE | 1u << BALLOON_MEMTOT | 1u << BALLOON_AVAIL |
			       1u << BALLOON_CACHES;
	struct virtio_balloon_stats s;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	virtio_balloon_stats(d, &s);
	fprintf(f, "%s: %llu of %llu MiB, target %llu MiB\n", d->id,
		(unsigned long long)s.actual >> 20,
		(unsigned long long)d->machine->cfg.ram_size >> 20,
		(unsigned long long)s.target >> 20);
	fprintf(f, "  given back: %llu MiB inflated, %llu MiB reported free",
		(unsigned long long)s.discarded >> 20, (unsigned long long)s.reported >> 20);
	if (s.refused)
		fprintf(f, ", %llu pages refused", (unsigned long long)s.refused);
	fputc('\n', f);
	if (s.updates)
		fprintf(f, "  statistics of the guest, %llu s old:\n",
			(unsigned long long)s.age_ns / 1000000000);
	for (unsigned i = 0; i < BALLOON_NR_STATS; i++) {
		bool kib = bytes >> i & 1;

		if (s.known >> i & 1)
			fprintf(f, "    %s: %llu%s\n", names[i],
				(unsigned long long)s.val[i] >> (kib ? 10 : 0), kib ? " KiB" : "");
	}
	fclose(f);
	return text;
}

static const struct virtio_type balloon_type = {
	.id = VIRTIO_ID_BALLOON,
	.config_read = balloon_config,
	.config_write = balloon_config_write,
	.start = balloon_start,
	.handle = balloon_handle,
	.quiesce = balloon_quiesce,
	.reset = balloon_reset_state,
};

static int balloon_init(struct dev *d, struct err *e)
{
	struct virtio_balloon *b = DEV_STATE(struct virtio_balloon, d);
	uint64_t f = BIT(F_STATS_VQ) | BIT(F_PAGE_POISON);

	if (b->deflate_on_oom)
		f |= BIT(F_DEFLATE_ON_OOM);
	if (b->reporting)
		f |= BIT(F_REPORTING);
	timer_init(&b->timer, d->machine->clock, balloon_poll, b);
	return virtio_init(&b->vd, d, &balloon_type, NR_QUEUES, f, e);
}

static void balloon_fini(struct dev *d)
{
	struct virtio_balloon *b = DEV_STATE(struct virtio_balloon, d);

	virtio_fini(&b->vd);
	timer_fini(&b->timer);
}

static void balloon_reset(struct dev *d, enum reset_kind kind)
{
	virtio_reset(&DEV_STATE(struct virtio_balloon, d)->vd);
}

static int balloon_loaded(struct dev *d, struct err *e)
{
	struct virtio_balloon *b = DEV_STATE(struct virtio_balloon, d);

	b->stats_held = false;
	if ((uint64_t)b->num_pages << PFN_SHIFT > ram_size(b))
		return err_set(e, EINVAL, "balloon larger than the memory");
	b->wanted = b->num_pages;
	b->updated_at = MIN(b->updated_at, dev_now(d));
	return virtio_loaded(&b->vd, e);
}

#define BALLOON_PROP(m, n, k, h, def_) {						\
	.name = n, .help = h, .kind = k, .off = offsetof(struct virtio_balloon, m), .def = def_ }

const struct dev_type dev_virtio_balloon = {
	.name = "virtio-balloon", .help = "virtio memory balloon: takes and returns guest memory",
	.size = sizeof(struct virtio_balloon),
	.props = (const struct prop[]){
		VIRTIO_PROPS(struct virtio_balloon),
		BALLOON_PROP(stats_interval, "stats-interval", PROP_U32,
			     "seconds between statistics; 0: when asked", "0"),
		BALLOON_PROP(deflate_on_oom, "deflate-on-oom", PROP_BOOL,
			     "the guest may take pages back before it kills a process", "on"),
		BALLOON_PROP(reporting, "free-page-reporting", PROP_BOOL,
			     "memory that the guest frees goes back to the host", "on"),
		PROP_END },
	.state = (const struct field[]){
		VIRTIO_FIELDS(struct virtio_balloon),
		FIELD(struct virtio_balloon, num_pages), FIELD(struct virtio_balloon, actual),
		FIELD(struct virtio_balloon, poison), FIELD(struct virtio_balloon, discarded),
		FIELD(struct virtio_balloon, reported), FIELD(struct virtio_balloon, refused),
		FIELD(struct virtio_balloon, updates), FIELD(struct virtio_balloon, updated_at),
		FIELD(struct virtio_balloon, known), FIELD_ARRAY(struct virtio_balloon, val),
		FIELD_SKIP(struct virtio_balloon, timer, "armed by start"),
		FIELD_SKIP(struct virtio_balloon, poll_at, "armed by start"),
		FIELD_SKIP(struct virtio_balloon, wanted, "the same as num_pages"),
		FIELD_SKIP(struct virtio_balloon, stats_held, "given back before a save"),
		FIELD_SKIP(struct virtio_balloon, stats_chain, "given back before a save"),
		FIELD_SKIP(struct virtio_balloon, chain, "scratch"),
		FIELD_SKIP(struct virtio_balloon, pfns, "scratch"),
		FIELD_END },
	.init = balloon_init, .fini = balloon_fini, .reset = balloon_reset,
	.loaded = balloon_loaded,
};
