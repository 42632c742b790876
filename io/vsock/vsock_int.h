/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of io/vsock/ only. All functions but vsock.h's: with v->lock. */
#ifndef IO_VSOCK_VSOCK_INT_H
#define IO_VSOCK_VSOCK_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "io/vsock/vsock.h"

#define CONN_BUF_SIZE (256u << 10)	/* what a guest may send ahead of the host's reader */
#define CONN_CREDIT_STEP (CONN_BUF_SIZE / 4)	/* consumed since the guest was last told */
#define MAX_PAYLOAD 65536u
#define MAX_RSTS 64u			/* answers to packets of no connection; more are lost */
#define CLOSE_WAIT_NS UINT64_C(2000000000)	/* for the guest's answer to a shutdown */
#define HASH_SIZE 256u

enum conn_state {
	CONN_FREE,
	CONN_GREETING,		/* the host has not said CONNECT yet; the guest knows nothing */
	CONN_REQUESTED,		/* the guest has not answered yet */
	CONN_OPEN,
	CONN_FLUSHING,		/* gone for the guest; the host still gets what it sent */
};

enum {				/* packets to the guest that wait for a buffer */
	SEND_RST = 1, SEND_REQUEST = 2, SEND_RESPONSE = 4, SEND_CREDIT = 8,
	SEND_CREDIT_REQUEST = 16,
	SEND_SHUTDOWN = 32,
};

enum { SHUT_RECEIVE = 1, SHUT_SEND = 2, SHUT_BOTH = 3 };	/* 5.10.6.6 */

struct conn {
	enum conn_state state;
	uint32_t generation;		/* of the slot: old events are told by it */
	int fd;
	uint32_t guest_port, host_port;
	struct conn *hash_next;
	struct conn *ready_next, *ready_prev;
	bool in_ready;

	unsigned send;			/* SEND_* */
	bool readable;			/* the socket may have bytes */
	bool eof;			/* the host will write no more */
	bool dead;			/* nor read */
	bool asked;			/* for credit, since there was some */
	unsigned guest_shut, told_shut;	/* SHUT_*: of the guest, to it */
	uint64_t deadline;		/* 0: none */

	/* bytes since the beginning, modulo 2^32 as on the wire */
	uint32_t sent, peer_alloc, peer_fwd;	/* to the guest */
	uint32_t fwd, told_fwd;			/* from the guest, taken by the host */
	uint8_t *buf;			/* ring of CONN_BUF_SIZE: what the host did not take yet */
	uint32_t head, count;
};

struct vsock {
	uint64_t guest_cid;
	char *path;
	int listener, epoll, wake;
	pthread_t thread;
	bool has_thread;
	_Atomic bool stop;

	pthread_mutex_t lock;		/* of everything below */
	const struct vsock_ops *ops;	/* NULL: detached */
	void *opaque;
	struct conn conn[VSOCK_MAX_CONNS];
	unsigned nr_conns, nr_deadlines;
	struct conn *hash[HASH_SIZE];
	struct conn *ready_head, *ready_tail;
	struct { uint32_t guest_port, host_port; uint16_t type; } rst[MAX_RSTS];
	unsigned nr_rsts;
	uint32_t next_port;
};

/* conn.c */
struct conn *conn_new(struct vsock *v, int fd, enum conn_state s);	/* takes fd; NULL: full */
void conn_free(struct vsock *v, struct conn *c);
struct conn *conn_find(struct vsock *v, uint32_t guest_port, uint32_t host_port);
void conn_insert(struct vsock *v, struct conn *c, uint32_t guest_port, uint32_t host_port);
void conn_ready(struct vsock *v, struct conn *c);
void conn_set_deadline(struct vsock *v, struct conn *c, uint64_t ns);
/* Queues packets and lets the guest hear of them. */
void conn_send(struct vsock *v, struct conn *c, unsigned what);
void conn_ended(struct vsock *v, struct conn *c);	/* by the host: the guest is told */
/* Gives the socket what waits; may free c. */
void conn_flush(struct vsock *v, struct conn *c);
void conn_pump(struct vsock *v);

/* socket.c */
int  vsock_connect(struct vsock *v, uint32_t port);	/* to PATH_port: descriptor or -errno */
int  vsock_watch(struct vsock *v, struct conn *c);
void vsock_greet(struct vsock *v, struct conn *c);

#endif
