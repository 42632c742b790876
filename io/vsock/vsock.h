/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's side of a guest's vsock: stream connections between ports of the guest
 * and Unix sockets of the host.
 *
 *   host to guest	connect to PATH, write "CONNECT <port>\n", read "OK <port>\n" (the
 *			port that stands for this end), then bytes; closed where the guest refuses
 *   guest to host	a connection to CID 2, port P goes to the Unix socket PATH_P
 *
 * Half-closed connections work both ways; a slow reader on either side stops its
 * writer by credit (virtio 1.2, 5.10.6.3). One thread waits for all sockets.
 */
#ifndef IO_VSOCK_VSOCK_H
#define IO_VSOCK_VSOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "util/err.h"

#define VSOCK_HDR_SIZE 44u
#define VSOCK_HOST_CID 2u
#define VSOCK_MAX_CONNS 1024u

struct vsock;

/* A receive buffer of the guest. */
struct vsock_buf {
	const struct iovec *iov;
	unsigned nr;
	uint64_t bytes;		/* VSOCK_HDR_SIZE at least */
};

/* The device in front. Called with the back end's lock, on any thread; must not wait. */
struct vsock_ops {
	/* Takes the next buffer; false: none, vsock_pump() is called when there is one. */
	bool (*get)(void *opaque, struct vsock_buf *b);
	/* Ends it: `len` bytes are filled in; 0: it goes back as if not taken. */
	void (*put)(void *opaque, uint32_t len);
	/* After the last put of several. */
	void (*flush)(void *opaque);
};

/* path: of the Unix sockets, copied; NULL: all connections are refused. */
struct vsock *vsock_new(uint64_t guest_cid, const char *path, struct err *e);
void vsock_free(struct vsock *v);

/* NULL: detaches, after a running call; connections stay. */
void vsock_attach(struct vsock *v, const struct vsock_ops *ops, void *opaque);
/* Closes every connection: the guest knows of none. */
void vsock_reset(struct vsock *v);
/* A packet of the guest, header and payload: hostile. */
void vsock_packet(struct vsock *v, const struct iovec *iov, unsigned nr, uint64_t bytes);
/* Sends what waits for the guest; after packets, and when it has new buffers. */
void vsock_pump(struct vsock *v);

#endif
