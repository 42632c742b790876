/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 images, by QEMU's "Qcow2 Image File Format" (docs/interop/qcow2). For io/block/ only.
 *
 * What is on the disk is at any time an image without errors, at worst with clusters that are
 * counted and not used. That is so because changes of tables stay in memory until a commit, which
 * writes in this order, with a flush where the arrow is thick:
 *
 *	data, counts of what is new => pointers to blocks of counts => L2 tables => L1 table =>
 *
 * and clusters that lost their last user are free only afterwards. Snapshots and repairs write a
 * whole new set of tables into free space and then replace the header's first sector, which
 * points to all of them (qcow2_rebuild.c).
 *
 * An image may come from anybody. Each offset is checked where it is used: qcow2_entry() for L2
 * entries, qcow2_load() for all else; a cluster that holds a table is never a guest's
 * (qcow2_is_meta).
 */
#ifndef IO_BLOCK_QCOW2_H
#define IO_BLOCK_QCOW2_H

#include "io/block/block_int.h"
#include "util/bits.h"

#define QCOW2_MAGIC	   0x514649fbu
#define QCOW2_COPIED	   BIT(63)
#define QCOW2_COMPRESSED   BIT(62)
#define QCOW2_ZERO	   BIT(0)
#define QCOW2_OFFSET	   (mask_bits(56) & ~UINT64_C(0x1ff))
#define QCOW2_MAX_BITS	   21
#define QCOW2_MAX_L1	   (32u << 20)		/* bytes */
#define QCOW2_MAX_RT	   (8u << 20)
#define QCOW2_MAX_SNAPS	   4096u
#define QCOW2_MAX_CLUSTERS (UINT64_C(1) << 28)	/* that a walk counts: 1 GiB of memory */
#define QCOW2_MAX_DEPTH	   32			/* of a chain of backing files */

enum { QCOW2_DIRTY = 1, QCOW2_CORRUPT = 2, QCOW2_COMPRESSION = 8 };	/* incompatible features */

struct qcow2_header {
	unsigned version, bits, ref_order, compression, length;
	uint64_t size, l1_off, rt_off, snap_off;
	uint32_t l1_len, rt_clusters, nr_snaps;
	uint64_t incompatible, compatible, autoclear;
	uint64_t bitmaps_off, bitmaps_size;	/* the directory; 0: none */
	uint32_t nr_bitmaps;
	char backing[1024], backing_format[16];	/* "": none */
};

/* A cluster of the file in memory, as it is there: an L2 table or a block of counts. */
struct qcow2_table {
	uint64_t off;
	uint8_t *data;
	bool refs, dirty, writing;
	struct qcow2_table *chain, *newer, *older;
};

struct qcow2_snap {
	struct block_snapshot info;
	uint64_t l1_off;
	uint32_t l1_len;
	uint8_t *raw;			/* the entry in the snapshot table, not padded */
	size_t raw_len;
};

struct qcow2_free { uint64_t cluster; bool meta; };
struct qcow2_frees { struct qcow2_free *v; size_t n, room; };

/* Guest clusters that get new places: others that want to write there wait. */
struct qcow2_job {
	uint64_t first, end;
	struct qcow2_job *next;
};

struct qcow2 {
	struct block *b, *file, *backing;
	struct qcow2_header h;
	unsigned bits, l2_bits, ref_bits;	/* log2: cluster, entries of an L2 table and of a
						   block of counts */
	uint64_t cluster, file_clusters;	/* file_clusters: as found at load */
	bool writable, loaded, told;	/* told: that it is damaged */
	int failed;			/* -errno: damaged or lost, nothing is written */

	/* lock guards all below; it is not held over data I/O */
	pthread_mutex_t lock;
	pthread_cond_t cond;		/* a commit or a job has ended */
	bool committing;
	struct qcow2_job *jobs;

	uint64_t *l1, *rt;		/* host's byte order */
	uint32_t l1_len, rt_len;
	bool *l1_dirty, *rt_dirty, any_l1, any_rt;	/* by 512 bytes of the table */
	uint64_t *meta, meta_bits;	/* by cluster of the file: holds a table */
	struct qcow2_snap *snap;

	struct qcow2_table **hash, *newest, *oldest;
	unsigned nr_tables, max_tables, hash_bits, nr_dirty;

	uint64_t hint;			/* no free cluster below */
	uint64_t end;			/* no used cluster from here on, as far as we know */
	uint64_t fresh;			/* clusters from here on were never written: zeros */
	/* no user any more: until the next commit; until those that use the data have ended */
	struct qcow2_frees pending, durable, closing;
	unsigned epoch;			/* 0, 1: of data I/O that starts now */
	_Atomic unsigned users[2];

	pthread_mutex_t zlock;		/* the last cluster that was decompressed */
	uint64_t z_entry;
	uint8_t *z_data;
};

/* ---- qcow2_header.c ---- */

struct qcow2 *qcow2_open(struct block *b, unsigned depth, struct err *e);
void qcow2_close(struct qcow2 *q);
/* The tables, from a header that was read; free: all that load makes. */
int  qcow2_load(struct qcow2 *q, struct err *e);
void qcow2_unload(struct qcow2 *q);
int  qcow2_inactivate(struct qcow2 *q, struct err *e);
int  qcow2_activate(struct qcow2 *q, struct err *e);
int  qcow2_read_header(struct qcow2 *q, struct qcow2_header *h, struct err *e);
/* Writes what may change of h into the first sector. Not flushed. */
int  qcow2_write_header(struct qcow2 *q, const struct qcow2_header *h);
/* Says so once, marks the image and stops writing. -EIO. */
int  qcow2_corrupt(struct qcow2 *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint64_t qcow2_l1_needed(const struct qcow2_header *h);

int qcow2_file_io(struct qcow2 *q, enum block_op op, uint64_t off, const struct iovec *iov,
		  unsigned n, uint64_t bytes);
int qcow2_read(struct qcow2 *q, uint64_t off, void *buf, size_t len);
int qcow2_write(struct qcow2 *q, uint64_t off, const void *buf, size_t len);
int qcow2_sync(struct qcow2 *q);

/* ---- qcow2_cache.c: with the lock ---- */

/* off is of a whole cluster and not 0. The pointer holds until the next call of any of these. */
int qcow2_table(struct qcow2 *q, uint64_t off, bool refs, struct qcow2_table **t);
struct qcow2_table *qcow2_table_cached(struct qcow2 *q, uint64_t off);
/* Of zeros, dirty; what was cached of that place is gone. NULL: no memory. */
struct qcow2_table *qcow2_table_new(struct qcow2 *q, uint64_t off, bool refs);
void qcow2_table_dirty(struct qcow2 *q, struct qcow2_table *t);
void qcow2_table_drop(struct qcow2 *q, uint64_t off);
void qcow2_tables_free(struct qcow2 *q);
/* Lets go of the lock meanwhile. */
int qcow2_commit(struct qcow2 *q);
bool qcow2_is_clean(struct qcow2 *q);
int qcow2_extend(struct qcow2 *q, uint64_t end);	/* the file, to that many clusters */
int qcow2_write_counts(struct qcow2 *q);	/* dirty blocks of counts, now */

/* ---- qcow2_alloc.c: with the lock ---- */

static inline bool qcow2_is_meta(const struct qcow2 *q, uint64_t cluster)
{
	return cluster < q->meta_bits && q->meta[cluster >> 6] >> (cluster & 63) & 1;
}
int qcow2_set_meta(struct qcow2 *q, uint64_t cluster, bool on);
uint64_t qcow2_count_at(const struct qcow2 *q, const uint8_t *block, uint64_t i);
void qcow2_count_set(const struct qcow2 *q, uint8_t *block, uint64_t i, uint64_t v);
int qcow2_count(struct qcow2 *q, uint64_t cluster, uint64_t *v);
/*
 * Before changing anything: room in the caches and the tables. 1: it had to let go of the lock, so
 * all that was looked up is void.
 */
int qcow2_reserve(struct qcow2 *q);
unsigned qcow2_chunk(const struct qcow2 *q);	/* clusters to take at most between two reserves */
/* Up to want clusters in a row, each counted once. zero: they read as zeros. */
int qcow2_alloc(struct qcow2 *q, uint64_t want, uint64_t *first, uint64_t *got, bool *zero);
/* One user less, effective when no table on disk tells otherwise and nobody reads it. */
int qcow2_unref(struct qcow2 *q, uint64_t cluster, bool meta);
void qcow2_release(struct qcow2 *q);
/* The file's clusters [first, end), which nobody uses, take no space. */
void qcow2_punch(struct qcow2 *q, uint64_t first, uint64_t end);

/* ---- qcow2_map.c: with the lock ---- */

enum qcow2_kind { QCOW2_HOLE, QCOW2_ZEROS, QCOW2_ZEROS_AT, QCOW2_DATA, QCOW2_PACKED };

struct qcow2_extent {
	enum qcow2_kind kind;
	bool copied;
	uint64_t host, bytes;		/* host: of the first byte asked for; PACKED: the entry */
};

/* What an entry means. -EIO: nonsense. PACKED: *host is where it begins, *len how long. */
int qcow2_entry(const struct qcow2 *q, uint64_t entry, enum qcow2_kind *kind, uint64_t *host,
		uint64_t *len);
/* The longest piece of [off, off+max) of one kind and in a row. cached: -EAGAIN instead of I/O. */
int qcow2_map(struct qcow2 *q, uint64_t off, uint64_t max, bool cached, struct qcow2_extent *x);
/* The L2 table for guest offset off, to change it. It is there and nobody else's afterwards. */
int qcow2_l2_for_write(struct qcow2 *q, uint64_t off, struct qcow2_table **t);
/* Drops what the L2 entry for guest offset off stands for. */
int qcow2_unref_entry(struct qcow2 *q, uint64_t entry, uint64_t off);

/* ---- qcow2_io.c ---- */

int qcow2_run(struct block *b, struct block_req *r);
/* Begins r without a wait if that is possible: true, and *child, if any, is to be submitted. */
bool qcow2_try_fast(struct qcow2 *q, struct block_req *r, struct block_req **child);

/* ---- qcow2_zip.c ---- */

int qcow2_read_packed(struct qcow2 *q, uint64_t entry, uint64_t skip, uint8_t *out, size_t len);

/* ---- qcow2_walk.c: nothing is in flight or dirty ---- */

struct qcow2_walk {
	uint32_t *ref;			/* by cluster: users */
	uint64_t n, end;		/* room; one more than the highest with a user */
	uint64_t limit;			/* what lies behind that is not counted: an error */
	uint64_t data, packed;		/* clusters of the active disk */
	uint64_t errors, leaks;
	void (*say)(void *opaque, const char *text);
	void *opaque;
	char first[160];		/* the first error */
};

int  qcow2_walk_start(struct qcow2_walk *w, struct qcow2 *q);
void qcow2_walk_free(struct qcow2_walk *w);
void qcow2_walk_error(struct qcow2_walk *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int  qcow2_walk_ref(struct qcow2_walk *w, struct qcow2 *q, uint64_t off, uint64_t bytes);
/* An L1 table, its L2 tables and clusters. active: they are counted in data and packed. */
int  qcow2_walk_l1(struct qcow2_walk *w, struct qcow2 *q, const uint64_t *l1, uint32_t len,
		   bool active);
int  qcow2_walk_bitmaps(struct qcow2_walk *w, struct qcow2 *q);
int  qcow2_read_l1(struct qcow2 *q, uint64_t off, uint32_t len, uint64_t *l1);
int  qcow2_check(struct qcow2 *q, struct qcow2_walk *w);

/* ---- qcow2_rebuild.c: nothing is in flight or dirty ---- */

/*
 * Writes tables of counts, the active L1 and L2 tables and the snapshot table anew, with l1 as the
 * active table and snap as the snapshots, and switches to them at once. Loads them.
 */
int qcow2_rebuild(struct qcow2 *q, const uint64_t *l1, const struct qcow2_snap *snap,
		  unsigned nr_snaps, struct err *e);


/* ---- qcow2_snapshot.c ---- */

int  qcow2_load_snaps(struct qcow2 *q, struct err *e);
void qcow2_free_snaps(struct qcow2 *q);
bool qcow2_can_snapshot(struct qcow2 *q, char *why, size_t n);
int  qcow2_snapshot_create(struct qcow2 *q, const char *name, struct err *e);
int  qcow2_snapshot_apply(struct qcow2 *q, const char *name, struct err *e);
int  qcow2_snapshot_delete(struct qcow2 *q, const char *name, struct err *e);

#endif
