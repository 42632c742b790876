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
#define NETDEV_VNET_SIZE 12u		/* the header of virtio 1.2, 5.1.6, with num_buffers */

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
/*
 * Called as receive is, after one frame or a few that came together, and before receive is
 * left alone with one that it did not take: the time to interrupt the guest.
 */
void netdev_on_received(struct netdev *n, void (*received)(void *opaque));

/*
 * Some back ends understand virtio-net's header: with it, checksums may be left to be
 * filled in and TCP segments to be cut by the other side, both ways. Once switched on, it
 * stands before each frame that is sent or received. rx: what the card takes, NETDEV_RX_*.
 * `on` changes before the first receiver is attached; rx may change later.
 */
enum { NETDEV_RX_CSUM = 1, NETDEV_RX_TSO4 = 2, NETDEV_RX_TSO6 = 4, NETDEV_RX_ECN = 8 };
bool netdev_has_vnet(struct netdev *n);
void netdev_set_vnet(struct netdev *n, bool on, unsigned rx);

/*
 * Around what may deliver several frames without waiting in between (sending does, too: the
 * other side acknowledges): the card is told once. Of two threads' bursts the first end counts.
 */
void netdev_burst(struct netdev *n, bool on);
/* Sends one frame (behind its header, if that is on), copying it. 0, or -errno where it was
 * dropped. Any thread. */
int netdev_send(struct netdev *n, const uint8_t *frame, size_t len);

#endif
