/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disk back ends: raw files, block devices and qcow2 images. Requests are asynchronous; the
 * completion runs on an I/O thread (or, where the data is in the page cache, in
 * the submitting call). Errors are the guest's to see (-EIO, -ENOSPC, ...), never
 * fatal. What a disk is, is said by its options and never guessed from bytes that
 * a guest can write.
 */
#ifndef IO_BLOCK_BLOCK_H
#define IO_BLOCK_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "util/err.h"

#define BLOCK_SECTOR 512u

struct block;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };

enum block_cache {
	BLOCK_CACHE_WRITEBACK,		/* host page cache; a flush reaches the disk */
	BLOCK_CACHE_NONE,		/* O_DIRECT; a flush reaches the disk */
	BLOCK_CACHE_UNSAFE,		/* host page cache; flushes are ignored */
	BLOCK_CACHE_WRITETHROUGH,	/* host page cache, O_DSYNC */
	BLOCK_CACHE_DIRECTSYNC,		/* O_DIRECT and O_DSYNC */
};

enum block_engine { BLOCK_ENGINE_AUTO, BLOCK_ENGINE_THREADS, BLOCK_ENGINE_AIO };

enum block_format {
	BLOCK_FORMAT_AUTO,		/* qcow2 if the file's name ends in .qcow2, else raw */
	BLOCK_FORMAT_RAW,
	BLOCK_FORMAT_QCOW2,
};

struct block_config {
	char path[4096];
	enum block_format format;
	bool readonly;
	bool snapshot;			/* writes go to a temporary overlay */
	bool no_discard;		/* discard=ignore */
	bool no_backing;		/* backing=off: an image that has one is refused */
	bool repair;			/* counts, flags and marks of damage are made anew */
	bool no_lock;			/* locking=off */
	bool inactive;			/* another process has it: no lock until block_activate() */
	enum block_cache cache;
	enum block_engine engine;
};

/*
 * Reads "file=PATH,cache=none,readonly=on,..." or a bare PATH; a comma in a path
 * is written twice. Keys that are not a back end's (if=, id=, ...) go to other(),
 * which returns -ENOENT for those it does not know either; other may be NULL.
 */
int block_config_parse(struct block_config *c, const char *text,
		       int (*other)(void *opaque, const char *key, const char *val),
		       void *opaque, struct err *e);

struct block *block_open(const struct block_config *c, struct err *e);
void block_close(struct block *b);		/* drains first; NULL is allowed */

uint64_t block_size(struct block *b);		/* bytes, multiple of BLOCK_SECTOR */
bool block_readonly(struct block *b);
/* false: every write is durable when it completes */
bool block_has_flush(struct block *b);
bool block_has_discard(struct block *b);
unsigned block_alignment(struct block *b);	/* bytes; smaller requests work but cost more */
const char *block_engine_name(struct block *b);	/* "threads", "aio", "overlay" */
enum block_format block_format(struct block *b);	/* never AUTO */
const char *block_path(struct block *b);

/*
 * One request, owned by the caller until done() is called; done may free it or
 * submit it again. offset and bytes are multiples of BLOCK_SECTOR within the disk
 * (checked: -EINVAL). The iov must hold `bytes` bytes for reads and writes. A flush
 * covers the writes completed before it was submitted.
 */
struct block_req {
	enum block_op op;
	bool unmap;			/* BLOCK_WRITE_ZEROES: space may be given back */
	uint64_t offset, bytes;
	const struct iovec *iov;
	unsigned nr_iov;
	void (*done)(struct block_req *r, int ret);	/* 0 or -errno */
	struct block_req *next;		/* the back end's while the request is in flight */
	bool exclusive;			/* the back end's too */
	bool more;			/* in done(): another with the same done follows at once */
	struct block_req *whole;	/* whose place in a file this one is; NULL: its own */
};

/* Submits a list linked by next (NULL ends it): one system call where the engine allows. */
void block_submit(struct block *b, struct block_req *list);
/* Waits until nothing is in flight. Not from done(). */
void block_drain(struct block *b);
/* One request, waiting for it: tests, loaders, firmware flash. */
int block_rw(struct block *b, enum block_op op, uint64_t offset, void *buf, uint64_t bytes);

/* ---- images as such ---- */

struct block_create {
	const char *path;
	uint64_t size;			/* bytes; 0: the backing file's */
	enum block_format format;	/* AUTO: by the name. raw: a sparse file */
	const char *backing;		/* NULL: none. Relative to path's directory */
	enum block_format backing_format;
	unsigned cluster_bits;		/* 9 to 21; 0: 16 */
	unsigned version;		/* 2, 3; 0: 3 */
	bool overwrite;			/* else an existing file is an error */
};
int block_create(const struct block_create *c, struct err *e);

struct block_info {
	const char *format;
	uint64_t size, on_disk;		/* bytes */
	/* of qcow2, else zeros */
	unsigned version, cluster_size, count_bits, nr_snapshots;
	const char *compression, *backing, *backing_format;	/* NULL: none; b's */
	bool dirty, corrupt, lazy;
};
int block_get_info(struct block *b, struct block_info *i);

struct block_check {
	uint64_t errors, leaks;		/* leaks: clusters that are counted and not used */
	uint64_t data, packed, clusters;	/* the disk's that have a place; the disk's */
};
/* say is told of each error, up to a hundred. Nothing may be in flight. raw: -ENOTSUP. */
int block_check(struct block *b, struct block_check *c,
		void (*say)(void *opaque, const char *text), void *opaque, struct err *e);

/* ---- snapshots in the image: all wait for what is in flight, and hold back what comes ---- */

struct block_snapshot {
	char name[256], id[32];		/* both unique in an image */
	uint64_t date_ns;		/* since 1970 */
	uint64_t guest_ns;		/* how long the guest had run, where known */
	uint64_t size;			/* of the disk then, bytes */
	uint64_t vm_state;		/* bytes of machine state that others keep in the image */
};

/* false: why says what is missing and the way out. why may be NULL. */
bool block_can_snapshot(struct block *b, char *why, size_t n);
/*
 * Each takes effect at once, by one write of one sector: whatever happens, the image is as before
 * or as after. On return it is on the disk. name: 1 to 255 bytes without control characters.
 * create: -EEXIST, apply and delete: -ENOENT. apply: the disk's contents become the snapshot's.
 */
int block_snapshot_create(struct block *b, const char *name, struct err *e);
int block_snapshot_apply(struct block *b, const char *name, struct err *e);
int block_snapshot_delete(struct block *b, const char *name, struct err *e);
/* *list is the caller's to free; none: 0 with *n == 0 and *list NULL. */
int block_snapshot_list(struct block *b, struct block_snapshot **list, unsigned *n, struct err *e);

/* ---- an image on storage that two processes share, one at a time (migration) ---- */

/*
 * Waits for what is in flight, writes everything back, forgets what it knew and releases the lock
 * on the file. Until block_activate() reads of raw images may be stale, and everything else fails
 * with -EPERM. On failure it is as before. Of an image that is inactive already: 0.
 */
int block_inactivate(struct block *b, struct err *e);
/* Takes the lock and reads anew. A failure (-EBUSY: the other still has it) leaves it inactive. */
int block_activate(struct block *b, struct err *e);
bool block_is_inactive(struct block *b);

/* ---- what a guest wrote to a temporary overlay (snapshot=on) ---- */

/* Does a temporary file hold what the guest wrote? Then it has to travel with a snapshot of it. */
bool block_is_temporary(struct block *b);
/*
 * Calls put for each written piece (at most 64 KiB, ascending; data NULL: zeros) until it returns
 * non-zero, which is returned. Nothing may write meanwhile.
 */
int block_delta_save(struct block *b,
		     int (*put)(void *opaque, uint64_t offset, const void *data, size_t len),
		     void *opaque, struct err *e);
/* All of these count as written, for who copies the disk (block_track_start). Reads nothing. */
void block_delta_mark(struct block *b);
/* Makes the overlay empty; then, for each piece, load. Offsets and lengths are checked. */
int block_delta_reset(struct block *b, struct err *e);
int block_delta_load(struct block *b, uint64_t offset, const void *data, size_t len,
		     struct err *e);

/* ---- what was written, for who copies a disk in use (track.c); one at a time ---- */

#define BLOCK_TRACK_GRANULE 65536u

int block_track_start(struct block *b, struct err *e);	/* nothing counts as written */
void block_track_stop(struct block *b);
void block_track_mark(struct block *b, uint64_t offset, uint64_t bytes);
/*
 * The next written piece at or after *offset, whole granules up to max bytes, which no longer
 * counts as written: its length, 0: none; *offset is its start.
 */
uint64_t block_track_take(struct block *b, uint64_t *offset, uint64_t max);
uint64_t block_track_count(struct block *b);	/* bytes */

#endif
