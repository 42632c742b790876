/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections and their packets (virtio 1.2, 5.10.6). Towards the guest nothing is
 * queued but one bit a kind of packet: headers are made when there is a buffer to
 * put them into, and data stays in the host's socket until then.
 */
#include "io/vsock/vsock_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/iov.h"
#include "util/bits.h"
#include "util/os.h"

enum { TYPE_STREAM = 1 };
enum {
	OP_REQUEST = 1, OP_RESPONSE = 2, OP_RST = 3, OP_SHUTDOWN = 4, OP_RW = 5,
	OP_CREDIT_UPDATE = 6, OP_CREDIT_REQUEST = 7,
};
#define MAX_IOV 256u

struct header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
};

/* ---- the table ---- */

static struct conn **bucket(struct vsock *v, uint32_t guest_port, uint32_t host_port)
{
	return &v->hash[(guest_port * 31 + host_port) % HASH_SIZE];
}

struct conn *conn_find(struct vsock *v, uint32_t guest_port, uint32_t host_port)
{
	struct conn *c = *bucket(v, guest_port, host_port);

	while (c && (c->guest_port != guest_port || c->host_port != host_port))
		c = c->hash_next;
	return c;
}

void conn_insert(struct vsock *v, struct conn *c, uint32_t guest_port, uint32_t host_port)
{
	struct conn **at = bucket(v, guest_port, host_port);

	c->guest_port = guest_port;
	c->host_port = host_port;
	c->hash_next = *at;
	*at = c;
	/* Answers to what was said before it are not for the new one. */
	for (unsigned i = 0; i < v->nr_rsts;)
		if (v->rst[i].guest_port == guest_port && v->rst[i].host_port == host_port &&
		    v->rst[i].type == TYPE_STREAM)
			v->rst[i] = v->rst[--v->nr_rsts];
		else
			i++;
}

static void unhash(struct vsock *v, struct conn *c)
{
	struct conn **at = bucket(v, c->guest_port, c->host_port);

	while (*at && *at != c)
		at = &(*at)->hash_next;
	if (*at)
		*at = c->hash_next;
}

static void unready(struct vsock *v, struct conn *c)
{
	if (!c->in_ready)
		return;
	*(c->ready_prev ? &c->ready_prev->ready_next : &v->ready_head) = c->ready_next;
	*(c->ready_next ? &c->ready_next->ready_prev : &v->ready_tail) = c->ready_prev;
	c->in_ready = false;
}

void conn_ready(struct vsock *v, struct conn *c)
{
	if (c->in_ready || c->state == CONN_FLUSHING)
		return;
	c->ready_prev = v->ready_tail;
	c->ready_next = NULL;
	*(v->ready_tail ? &v->ready_tail->ready_next : &v->ready_head) = c;
	v->ready_tail = c;
	c->in_ready = true;
}

void conn_set_deadline(struct vsock *v, struct conn *c, uint64_t ns)
{
	v->nr_deadlines += !!ns;
	v->nr_deadlines -= !!c->deadline;
	c->deadline = ns;
}

struct conn *conn_new(struct vsock *v, int fd, enum conn_state s)
{
	struct conn *c = NULL;

	for (unsigned i = 0; v->nr_conns < VSOCK_MAX_CONNS && i < VSOCK_MAX_CONNS && !c; i++)
		if (v->conn[i].state == CONN_FREE)
			c = &v->conn[i];
	if (!c) {
		close(fd);
		return NULL;
	}
	*c = (struct conn){ .state = s, .generation = c->generation + 1, .fd = fd };
	v->nr_conns++;
	if (vsock_watch(v, c) < 0) {
		conn_free(v, c);
		return NULL;
	}
	return c;
}

void conn_free(struct vsock *v, struct conn *c)
{
	unhash(v, c);
	unready(v, c);
	conn_set_deadline(v, c, 0);
	close(c->fd);
	free(c->buf);
	c->buf = NULL;
	c->state = CONN_FREE;
	v->nr_conns--;
}

void conn_send(struct vsock *v, struct conn *c, unsigned what)
{
	c->send |= what;
	conn_ready(v, c);
}

/* The guest has forgotten it; what it sent before still goes to the host. */
static void forget(struct vsock *v, struct conn *c)
{
	if (!c->count || c->dead) {
		conn_free(v, c);
		return;
	}
	unhash(v, c);
	unready(v, c);
	conn_set_deadline(v, c, 0);
	c->state = CONN_FLUSHING;
	shutdown(c->fd, SHUT_RD);
}

/* ---- from the guest ---- */

static uint32_t credit(const struct conn *c)
{
	uint32_t in_flight = c->sent - c->peer_fwd;

	return in_flight < c->peer_alloc ? c->peer_alloc - in_flight : 0;
}

static void send_rst(struct vsock *v, const struct header *h)
{
	if (h->op == OP_RST || v->nr_rsts == MAX_RSTS)
		return;
	v->rst[v->nr_rsts].guest_port = h->src_port;
	v->rst[v->nr_rsts].host_port = h->dst_port;
	v->rst[v->nr_rsts++].type = h->type;	/* says which socket of that port is meant */
}

static void reset_conn(struct vsock *v, struct conn *c)
{
	c->dead = true;
	conn_send(v, c, SEND_RST);
}

/* Everything the guest will ever send is there, or there is nobody left to take it. */
static void check_finished(struct vsock *v, struct conn *c)
{
	if (c->state == CONN_FLUSHING) {
		if (!c->count || c->dead)
			conn_free(v, c);
		return;
	}
	if (c->count && !c->dead)
		return;
	if (c->guest_shut == SHUT_BOTH)
		conn_send(v, c, SEND_RST);	/* the answer that ends it (5.10.6.6) */
	else if (c->guest_shut & SHUT_SEND)
		shutdown(c->fd, SHUT_WR);
}

/* Once: a host's end may show in several events. */
void conn_ended(struct vsock *v, struct conn *c)
{
	unsigned flags = c->dead ? SHUT_BOTH : SHUT_SEND;

	if ((c->told_shut & flags) != flags)
		conn_send(v, c, SEND_SHUTDOWN);
}

static void host_is_gone(struct vsock *v, struct conn *c)
{
	c->dead = true;
	c->count = 0;
	if (c->state == CONN_OPEN)
		conn_ended(v, c);
}

static void took(struct vsock *v, struct conn *c, uint32_t n)
{
	c->fwd += n;
	if (c->fwd - c->told_fwd >= CONN_CREDIT_STEP && c->state == CONN_OPEN)
		conn_send(v, c, SEND_CREDIT);
}

void conn_flush(struct vsock *v, struct conn *c)
{
	while (c->count && !c->dead) {
		uint32_t first = MIN(c->count, CONN_BUF_SIZE - c->head);
		struct iovec iov[2] = { { c->buf + c->head, first },
					{ c->buf, c->count - first } };
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			host_is_gone(v, c);
			break;
		}
		c->head = (c->head + (uint32_t)n) % CONN_BUF_SIZE;
		c->count -= (uint32_t)n;
		took(v, c, (uint32_t)n);
	}
	if (c->state != CONN_GREETING && c->state != CONN_REQUESTED)
		check_finished(v, c);
}

/* Straight to the socket; what it does not take now waits in the ring. */
static void data(struct vsock *v, struct conn *c, const struct iovec *iov, unsigned nr,
		 uint32_t len)
{
	struct iovec part[MAX_IOV];
	struct msghdr m = { .msg_iov = part };
	uint32_t done = 0, tail, first;
	ssize_t n;

	if (c->dead)
		return;
	if (len > CONN_BUF_SIZE - c->count || (c->guest_shut & SHUT_SEND)) {
		reset_conn(v, c);	/* more than it had credit for, or after its end */
		return;
	}
	if (!c->count) {
		m.msg_iovlen = iov_slice(iov, nr, VSOCK_HDR_SIZE, len, part, MAX_IOV);
		n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN) {
			host_is_gone(v, c);
			return;
		}
		done = n < 0 ? 0 : (uint32_t)n;
		took(v, c, done);
	}
	if (done == len)
		return;
	if (!c->buf)
		c->buf = malloc(CONN_BUF_SIZE);
	if (!c->buf) {
		reset_conn(v, c);
		return;
	}
	tail = (c->head + c->count) % CONN_BUF_SIZE;
	first = MIN(len - done, CONN_BUF_SIZE - tail);
	iov_to_buf(iov, nr, VSOCK_HDR_SIZE + done, c->buf + tail, first);
	iov_to_buf(iov, nr, VSOCK_HDR_SIZE + done + first, c->buf, len - done - first);
	c->count += len - done;
}

static void on_request(struct vsock *v, const struct header *h)
{
	struct conn *c = NULL;
	int fd = vsock_connect(v, h->dst_port);

	if (fd >= 0)
		c = conn_new(v, fd, CONN_OPEN);
	if (!c) {
		send_rst(v, h);
		return;
	}
	conn_insert(v, c, h->src_port, h->dst_port);
	c->peer_alloc = h->buf_alloc;
	c->peer_fwd = h->fwd_cnt;
	conn_send(v, c, SEND_RESPONSE);
}

static void on_response(struct vsock *v, struct conn *c)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "OK %u\n", c->host_port);

	/* An answer comes after the question. */
	if (c->state != CONN_REQUESTED || (c->send & SEND_REQUEST)) {
		reset_conn(v, c);
		return;
	}
	c->state = CONN_OPEN;
	/* The first bytes into an empty socket: they fit, or nobody is there. */
	if (send(c->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		host_is_gone(v, c);
	c->readable = true;
	conn_ready(v, c);
}

static void on_shutdown(struct vsock *v, struct conn *c, uint32_t flags)
{
	c->guest_shut |= flags & SHUT_BOTH;
	if (c->guest_shut & SHUT_RECEIVE)
		shutdown(c->fd, SHUT_RD);
	check_finished(v, c);
}

static void on_packet(struct vsock *v, struct conn *c, const struct header *h,
		      const struct iovec *iov, unsigned nr)
{
	c->peer_alloc = h->buf_alloc;
	c->peer_fwd = h->fwd_cnt;
	if (credit(c))
		c->asked = false;
	if (c->readable)
		conn_ready(v, c);
	if (h->op == OP_RST) {
		forget(v, c);
		return;
	}
	if (c->send & SEND_RST)
		return;			/* is over, the guest does not know yet */
	if (c->state == CONN_REQUESTED && h->op != OP_RESPONSE) {
		reset_conn(v, c);
		return;
	}
	switch (h->op) {
	case OP_RESPONSE: on_response(v, c); break;
	case OP_SHUTDOWN: on_shutdown(v, c, h->flags); break;
	case OP_RW: data(v, c, iov, nr, h->len); break;
	case OP_CREDIT_UPDATE: break;
	case OP_CREDIT_REQUEST: conn_send(v, c, SEND_CREDIT); break;
	default: reset_conn(v, c);	/* also a request for what is there already */
	}
}

void vsock_packet(struct vsock *v, const struct iovec *iov, unsigned nr, uint64_t bytes)
{
	uint8_t raw[VSOCK_HDR_SIZE];
	struct header h;
	struct conn *c;

	if (iov_to_buf(iov, nr, 0, raw, sizeof(raw)) < sizeof(raw))
		return;
	h = (struct header){
		.src_cid = ld_le64(raw), .dst_cid = ld_le64(raw + 8), .src_port = ld_le32(raw + 16),
		.dst_port = ld_le32(raw + 20), .len = ld_le32(raw + 24), .type = ld_le16(raw + 28),
		.op = ld_le16(raw + 30), .flags = ld_le32(raw + 32), .buf_alloc = ld_le32(raw + 36),
		.fwd_cnt = ld_le32(raw + 40),
	};
	/* Others than this guest and the host are not here; and no payload but what is there. */
	if (h.src_cid != v->guest_cid || h.dst_cid != VSOCK_HOST_CID ||
	    h.len > bytes - VSOCK_HDR_SIZE || h.len > MAX_PAYLOAD)
		return;
	pthread_mutex_lock(&v->lock);
	c = conn_find(v, h.src_port, h.dst_port);
	if (h.type != TYPE_STREAM)
		send_rst(v, &h);
	else if (c)
		on_packet(v, c, &h, iov, nr);
	else if (h.op == OP_REQUEST)
		on_request(v, &h);
	else
		send_rst(v, &h);
	pthread_mutex_unlock(&v->lock);
}

/* ---- to the guest ---- */

static void put_header(struct vsock *v, const struct vsock_buf *b, struct conn *c,
		       uint32_t guest_port, uint32_t host_port, uint16_t type, uint16_t op,
		       uint32_t len, uint32_t flags)
{
	uint8_t raw[VSOCK_HDR_SIZE];

	st_le64(raw, VSOCK_HOST_CID);
	st_le64(raw + 8, v->guest_cid);
	st_le32(raw + 16, host_port);
	st_le32(raw + 20, guest_port);
	st_le32(raw + 24, len);
	st_le16(raw + 28, type);
	st_le16(raw + 30, op);
	st_le32(raw + 32, flags);
	st_le32(raw + 36, c ? CONN_BUF_SIZE : 0);
	st_le32(raw + 40, c ? c->fwd : 0);
	if (c)
		c->told_fwd = c->fwd;
	iov_from_buf(b->iov, b->nr, 0, raw, sizeof(raw));
	v->ops->put(v->opaque, VSOCK_HDR_SIZE + len);
}

static void put_control(struct vsock *v, const struct vsock_buf *b, struct conn *c, uint16_t op,
			uint32_t flags)
{
	put_header(v, b, c, c->guest_port, c->host_port, TYPE_STREAM, op, 0, flags);
}

static bool wants_data(const struct conn *c)
{
	return c->state == CONN_OPEN && c->readable && !c->eof &&
	       !(c->guest_shut & SHUT_RECEIVE) && !(c->send & SEND_RST);
}

/* The socket's bytes go into the guest's buffer directly. */
static void send_data(struct vsock *v, struct conn *c, const struct vsock_buf *b)
{
	uint64_t room = MIN(MIN(b->bytes - VSOCK_HDR_SIZE, (uint64_t)MAX_PAYLOAD), credit(c));
	struct iovec part[MAX_IOV];
	struct msghdr m = { .msg_iov = part };
	ssize_t n;

	m.msg_iovlen = iov_slice(b->iov, b->nr, VSOCK_HDR_SIZE, room, part, MAX_IOV);
	n = room ? recvmsg(c->fd, &m, MSG_DONTWAIT) : -1;
	if (n > 0) {
		c->sent += (uint32_t)n;
		put_header(v, b, c, c->guest_port, c->host_port, TYPE_STREAM, OP_RW, (uint32_t)n,
			   0);
		return;
	}
	v->ops->put(v->opaque, 0);
	c->readable = false;
	if (n < 0 && (!room || errno == EAGAIN))
		return;
	c->eof = true;
	if (n < 0)
		c->dead = true;
	conn_ended(v, c);
}

static void send_shutdown(struct vsock *v, struct conn *c, const struct vsock_buf *b)
{
	unsigned flags = c->dead ? SHUT_BOTH : SHUT_SEND;

	c->told_shut |= flags;
	put_control(v, b, c, OP_SHUTDOWN, c->told_shut);
	if (c->told_shut == SHUT_BOTH && !c->deadline)
		conn_set_deadline(v, c, os_now_ns() + CLOSE_WAIT_NS);
}

/* One packet of a connection that has one. May free it. */
static void send_one(struct vsock *v, struct conn *c, const struct vsock_buf *b)
{
	static const struct { unsigned bit; uint16_t op; } plain[] = {
		{ SEND_REQUEST, OP_REQUEST }, { SEND_RESPONSE, OP_RESPONSE },
		{ SEND_CREDIT, OP_CREDIT_UPDATE }, { SEND_CREDIT_REQUEST, OP_CREDIT_REQUEST },
	};

	if (c->send & SEND_RST) {
		put_control(v, b, c, OP_RST, 0);
		conn_free(v, c);
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(plain); i++)
		if (c->send & plain[i].bit) {
			c->send &= ~plain[i].bit;
			put_control(v, b, c, plain[i].op, 0);
			return;
		}
	if (wants_data(c)) {
		send_data(v, c, b);
	} else {
		c->send &= ~(unsigned)SEND_SHUTDOWN;
		send_shutdown(v, c, b);
	}
}

/* Whether it has a packet to send now. */
static bool has_packet(struct vsock *v, struct conn *c)
{
	if (c->send & ~(unsigned)SEND_SHUTDOWN)
		return true;
	if (wants_data(c)) {
		/* Asks once a standstill; any packet that gives credit goes on. */
		if (!credit(c) && !c->asked) {
			c->asked = true;
			c->send |= SEND_CREDIT_REQUEST;
			return true;
		}
		return credit(c);
	}
	return c->send & SEND_SHUTDOWN;
}

void conn_pump(struct vsock *v)
{
	struct vsock_buf b;
	bool any = false;

	while (v->ops && (v->nr_rsts || v->ready_head)) {
		struct conn *c = v->ready_head;

		if (!v->nr_rsts && !has_packet(v, c)) {
			unready(v, c);
			continue;
		}
		if (!v->ops->get(v->opaque, &b))
			break;
		any = true;
		if (v->nr_rsts) {
			v->nr_rsts--;
			put_header(v, &b, NULL, v->rst[v->nr_rsts].guest_port,
				   v->rst[v->nr_rsts].host_port, v->rst[v->nr_rsts].type, OP_RST, 0,
				   0);
			continue;
		}
		/* To the end of the line, for the others' sake. */
		unready(v, c);
		conn_ready(v, c);
		send_one(v, c, &b);
	}
	if (any)
		v->ops->flush(v->opaque);
}
