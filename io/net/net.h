/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network back ends: Ethernet frames to and from the host. Each has a thread of
 * its own; the receiver's callback runs there (or on a sender's thread).
 */
#ifndef IO_NET_NET_H
#define IO_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define NETDEV_MAX_FRAME 65550u		/* bytes: header and the largest IP packet */

struct netdev;

/*
 * "user[,net=10.0.2.0/24][,host=][,dns=][,dhcpstart=][,restrict=on][,hostname=][,ipv6=off]
 *  [,hostfwd=tcp:[ADDR]:PORT-[ADDR]:PORT]...", "tap,ifname=NAME" or "tap,fd=N", "none".
 * Keys that are not a back end's (id=, mac=, model=) go to other() as in block.h.
 */
struct netdev *netdev_new(const char *spec,
			  int (*other)(void *opaque, const char *key, const char *val),
			  void *opaque, struct err *e);
/* Two ends in this process: what one sends the other receives. Both are freed by their owner. */
int netdev_pair_new(struct netdev **a, struct netdev **b, struct err *e);
void netdev_free(struct netdev *n);
const char *netdev_kind(struct netdev *n);	/* "user", "tap", "none", "pair" */

/*
 * The network card in front. receive takes one frame, or returns false where it
 * has no room: the frame is kept (a bounded number, then frames are dropped) and
 * offered again after netdev_accept_more(). No lock of the caller's other than the
 * receive queue's may be needed by receive. Attach NULL to detach: it waits for a
 * running callback.
 */
void netdev_attach(struct netdev *n,
		   bool (*receive)(void *opaque, const uint8_t *frame, size_t len), void *opaque);
void netdev_accept_more(struct netdev *n);	/* any thread */

/* Whether the other side takes a frame now (a hint for flow control). */
bool netdev_can_send(struct netdev *n);
/* Sends one frame, copying it. 0, or -errno where it was dropped. Any thread. */
int netdev_send(struct netdev *n, const uint8_t *frame, size_t len);

#endif
