/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory of the host for a guest: a server of 9P2000.L messages. A request is
 * one message in scattered memory; threads of the server run it, so that one that
 * waits for the disk delays no other.
 *
 * The guest names things by fids only. Whatever it sends, nothing outside of the
 * exported directory is read, changed or followed to (node.c), and only regular files
 * and directories are ever opened.
 */
#ifndef IO_FS_FS_H
#define IO_FS_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "util/err.h"

#define FS_MIN_REPLY 11u	/* bytes of room that every request must have: an error's */
#define FS_MAX_MESSAGE (512u << 10)

enum fs_security {
	/* passthrough for root; else mapped-xattr, or none where that does not work */
	FS_SECURITY_AUTO,
	/* Owners and modes of the host's files are the guest's. */
	FS_SECURITY_PASSTHROUGH,
	/* The same, but owners that cannot be set are not an error. */
	FS_SECURITY_NONE,
	/* Owner, mode and type are extended attributes "user.virtfs.*"; the host's files are
	 * plain and belong to the user that runs this. */
	FS_SECURITY_MAPPED,
};

struct fs_config {
	const char *path;
	bool readonly;
	enum fs_security security;
	unsigned max_files;	/* open descriptors of the host; 0: what the limits allow */
};

struct fs_req {
	const struct iovec *out;	/* the message; stable until done */
	struct iovec *in;		/* room for the reply */
	unsigned nr_out, nr_in;
	uint64_t out_bytes, in_bytes;	/* in_bytes: FS_MIN_REPLY at least */
	/* On a thread of the server, without locks. len: bytes of the reply. */
	void (*done)(struct fs_req *r, uint32_t len);
	void *opaque;

	/* the server's own */
	struct fs_req *next, *flushes;	/* Tflush requests that wait for this one */
	uint16_t tag;
	uint8_t type;
};

struct fs;

/* 0 and *security, or -EINVAL. NULL or "": FS_SECURITY_AUTO. */
int fs_security_parse(const char *text, enum fs_security *security, struct err *e);
const char *fs_security_name(enum fs_security s);

struct fs *fs_open(const struct fs_config *c, struct err *e);
/* Nothing is in flight any more. */
void fs_close(struct fs *f);
enum fs_security fs_security(struct fs *f);	/* what AUTO became */

void fs_submit(struct fs *f, struct fs_req *r);	/* any thread; waits for nothing */
void fs_drain(struct fs *f);	/* until all requests are done; nobody submits meanwhile */
/* Forgets the session: all fids. Nothing is in flight. */
void fs_reset(struct fs *f);
/* The session's message size; 0: there is none. */
uint32_t fs_msize(struct fs *f);

/* state.c; nothing is in flight. The session as bytes, malloc'ed; NULL: there is none. */
uint8_t *fs_save(struct fs *f, size_t *len);
/*
 * In place of the session that is here. Hostile bytes. check: only looks at their form. Files that
 * are not here any more are no error: the guest hears of it when it uses them.
 */
int fs_load(struct fs *f, const uint8_t *data, size_t len, bool check, struct err *e);

#endif
