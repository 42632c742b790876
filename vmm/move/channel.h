/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways for the bytes of a migration:
 *
 *	unix:PATH		the incoming side makes the socket (mode 0600)
 *	tcp:HOST:PORT		incoming: tcp:[ADDR]:PORT, 0 takes a free port and says which
 *	fd:N			inherited: a socket (two ways), a pipe or a file (one way); it is
 *				closed with the channel
 *	exec:COMMAND		two ways, over the command's standard input and output
 *	file:PATH		one way; takes its name when it is complete and on the disk
 *	file:|COMMAND		one way, through a command; complete when that ends with status 0
 *
 * ",tls-creds=DIR[,tls-hostname=NAME]" behind unix: and tcp: asks for TLS; see channel_tls.c.
 *
 * A channel is one thread's for reading and one thread's for writing; chan_shutdown is for any.
 * Everything that waits ends after the channel's patience without a byte, or by chan_shutdown.
 */
#ifndef VMM_MOVE_CHANNEL_H
#define VMM_MOVE_CHANNEL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct chan;
struct chan_listener;

/* Out of several threads' channels: end them all at once, also those that are being made. */
struct chan_stop {
	_Atomic bool set;
	int fd;				/* eventfd, readable once set */
};
int  chan_stop_init(struct chan_stop *s, struct err *e);
void chan_stop_set(struct chan_stop *s);	/* any thread */
void chan_stop_free(struct chan_stop *s);

/* stop outlives the channel. NULL and an error. */
struct chan *chan_connect(const char *uri, struct chan_stop *stop, struct err *e);
struct chan_listener *chan_listen(const char *uri, struct err *e);
/* patience_ms 0: for ever. A listener of what cannot be connected to again gives one channel. */
struct chan *chan_accept(struct chan_listener *l, struct chan_stop *stop, unsigned patience_ms,
			 struct err *e);
/* Can the other side connect a second time? */
bool chan_listener_again(const struct chan_listener *l);
void chan_listener_free(struct chan_listener *l);
void chan_close(struct chan *c);		/* NULL is allowed; a file without commit goes */

int  chan_fd(const struct chan *c);		/* to poll for reading */
bool chan_pending(const struct chan *c);	/* bytes to read that poll doesn't see */
bool chan_two_way(const struct chan *c);
bool chan_again(const struct chan *c);		/* more connections to the same place */
void chan_patience(struct chan *c, unsigned ms);	/* 0: for ever */
/* All of it or -errno; -EPIPE: the other side has gone; -ECANCELED: chan_stop_set. */
int  chan_read(struct chan *c, void *buf, size_t n, struct err *e);
int  chan_write(struct chan *c, const void *buf, size_t n, struct err *e);
/* One way: everything has arrived for good. Two ways: nothing. */
int  chan_commit(struct chan *c, struct err *e);
/* The end of all reads and writes on it, from any thread. */
void chan_shutdown(struct chan *c);
void chan_end_reading(struct chan *c);		/* the same for reads only */

/* Bytes a second over all channels of a migration. */
struct chan_limit {
	pthread_mutex_t lock;
	_Atomic uint64_t rate;		/* 0: no limit */
	uint64_t free_at;		/* host ns at which what was let through has gone out */
};
void chan_limit_init(struct chan_limit *l, uint64_t rate);
void chan_limit_free(struct chan_limit *l);
/* Waits until n more bytes may go. 0 or -ECANCELED. */
int  chan_limit_wait(struct chan_limit *l, uint64_t n, struct chan_stop *stop);

/* channel_tls.c; -ENOTSUP where gnutls was not built in. */
struct chan_tls;
struct chan_tls *chan_tls_new(int fd, bool server, const char *dir, const char *hostname,
			      struct err *e);
void chan_tls_free(struct chan_tls *t);
/* As read(2) and write(2) on a non-blocking socket: -EAGAIN, and *events what to poll for. */
int64_t chan_tls_read(struct chan_tls *t, void *buf, size_t n, short *events);
int64_t chan_tls_write(struct chan_tls *t, const void *buf, size_t n, short *events);
bool chan_tls_pending(const struct chan_tls *t);
/* Steps of the handshake: 0: done; -EAGAIN and *events; else an error that names what is wrong. */
int chan_tls_handshake(struct chan_tls *t, short *events, struct err *e);

#endif
