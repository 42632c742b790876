/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of io/net/ only. */
#ifndef IO_NET_NET_INT_H
#define IO_NET_NET_INT_H

#include <pthread.h>

#include "io/net/net.h"

struct netdev_ops {
	const char *kind;
	int  (*send)(struct netdev *n, const uint8_t *frame, size_t len);
	/* wakes what calls netdev_flush(); NULL: flushes at once */
	void (*accept_more)(struct netdev *n);
	/* NULL: knows no headers. With the lock. */
	void (*set_vnet)(struct netdev *n, bool on, unsigned rx);
	void (*free)(struct netdev *n);			/* stops the thread, frees priv */
};

struct frame {
	struct frame *next;
	size_t len;
	uint8_t data[];
};

struct netdev {
	const struct netdev_ops *ops;
	void *priv;

	pthread_mutex_t lock;		/* held around receive; guards all below */
	bool (*receive)(void *opaque, const uint8_t *frame, size_t len);
	void (*received)(void *opaque);
	void *opaque;
	bool burst;			/* the back end has more frames at hand */
	unsigned owed;			/* frames since received() */
	struct frame *head, *tail;	/* came when the card had no room */
	unsigned queued;
	bool vnet_ok;			/* set_vnet may be used */
	bool vnet;			/* frames have a header; changed with the lock */
	uint64_t dropped;
};

struct netdev *netdev_alloc(const struct netdev_ops *ops, struct err *e);
/* Hands a frame to the card, or queues it, or drops it where too many wait. */
void netdev_deliver(struct netdev *n, const uint8_t *frame, size_t len);
/* Offers what waits; true when nothing is left. */
bool netdev_flush(struct netdev *n);

int netdev_user_open(struct netdev *n, const char *opts,
		     int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		     struct err *e);
int netdev_tap_open(struct netdev *n, const char *opts,
		    int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		    struct err *e);
/* A key that the back end does not know. */
int netdev_other_key(const char *key, const char *val,
		     int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		     struct err *e);

extern const struct netdev_ops netdev_user_ops, netdev_tap_ops;

#endif
