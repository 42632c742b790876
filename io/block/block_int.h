/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of io/block/ only. */
#ifndef IO_BLOCK_BLOCK_INT_H
#define IO_BLOCK_BLOCK_INT_H

#include <pthread.h>

#include "io/block/block.h"
#include "io/iov.h"
#include "util/bits.h"

struct pool;
struct aio;
struct overlay;
struct qcow2;
struct track;

struct block {
	struct block_config cfg;
	int fd;				/* the image; O_DIRECT where the cache mode says so */
	uint64_t size, file_size;	/* size: rounded up to sectors, file_size: as found */
	unsigned align;			/* what fd accepts: offset, length and memory, in bytes */
	bool direct, is_device;
	bool no_punch, no_zero_range;	/* learnt: the file system cannot */
	bool no_nowait;
	bool container;			/* holds a format: of any size, grows */
	_Atomic bool inactive;		/* changes only while nothing runs */

	struct pool *pool;
	struct aio *aio;		/* NULL: everything goes to the pool */
	struct overlay *overlay;	/* snapshot: NULL otherwise */
	struct qcow2 *q;		/* the format; NULL: raw, or below's */
	struct block *below;		/* q: its file; overlay: an image that is not raw */

	struct track *track;		/* under lock; NULL: nobody copies it */

	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned in_flight;		/* submitted and not completed, waiting ones included */
	unsigned running;		/* handed to an engine */
	bool exclusive;			/* the one running request or a caller is alone */
	struct block_req *wait_head, *wait_tail;	/* behind an exclusive request, in order */

	pthread_mutex_t flush_lock;
	pthread_cond_t flush_cond;
	uint64_t flush_asked, flush_over;	/* counts of flushes */
	bool flushing;
	int flush_failed;		/* -errno: data was lost, and no flush succeeds any more */
};

/* file.c: one request carried out by the calling thread. 0 or -errno. */
int block_file_run(struct block *b, struct block_req *r);
int block_file_flush(struct block *b);
/* Direct I/O with any alignment through a bounce buffer; writes need to be alone. */
int block_file_bounce(struct block *b, struct block_req *r);
/* Tries to serve a read from the page cache: true when done. */
bool block_file_try_cached(struct block *b, struct block_req *r);
/* Does the request meet the file's alignment, memory included? */
bool block_file_aligned(const struct block *b, const struct block_req *r);
int block_file_open(struct block *b, struct err *e);
int block_file_lock(struct block *b, struct err *e);
void block_file_unlock(struct block *b);
/* zeroes beyond the end */
int block_file_read(struct block *b, uint64_t offset, void *buf, size_t len);

bool block_is_qcow2(enum block_format format, const char *path);
/* As block_open; depth: in a chain of backing files. */
struct block *block_open_depth(const struct block_config *c, unsigned depth, struct err *e);
/* block_rw with an iov. Not from done(). */
int block_rwv(struct block *b, enum block_op op, uint64_t offset, const struct iovec *iov,
	      unsigned nr_iov, uint64_t bytes);

/* What changes files, in order: a test looks on. data NULL: zeros. */
enum block_trace { BLOCK_TRACE_WRITE, BLOCK_TRACE_ZERO, BLOCK_TRACE_SIZE, BLOCK_TRACE_SYNC };
extern void (*block_trace_hook)(struct block *b, enum block_trace what, uint64_t off,
				const void *data, uint64_t len);
static inline void block_file_trace(struct block *b, enum block_trace what, uint64_t off,
				    const void *data, uint64_t len)
{
	if (unlikely(block_trace_hook))
		block_trace_hook(b, what, off, data, len);
}

/* An engine's request is finished: completes it and starts those that waited. */
void block_complete(struct block *b, struct block_req *r, int ret);

/* Alone with the image: waits for what runs, holds back what comes. Nests not. */
void block_quiesce(struct block *b);
void block_resume(struct block *b);

/* track.c, with the lock: a request has come to its end. */
void block_track_done(struct block *b, const struct block_req *r);

/* pool.c: threads, started when needed, that call run(b, r) and block_complete. */
struct pool *pool_new(struct block *b, int (*run)(struct block *b, struct block_req *r),
		      struct err *e);
void pool_free(struct pool *p);
void pool_submit(struct pool *p, struct block_req *r);

/* aio.c */
struct aio *aio_new(struct block *b, struct err *e);
void aio_free(struct aio *a);
void aio_submit(struct aio *a, struct block_req *list);	/* aligned reads and writes only */

/* overlay.c: a sparse temporary file over a read-only image, b's file or, if any, b->below. */
struct overlay *overlay_new(struct block *b, struct err *e);
void overlay_free(struct overlay *o);
int overlay_run(struct block *b, struct block_req *r);

#endif
