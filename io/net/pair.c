/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two cards joined in this process: for tests, and for two machines in one. */
#include <errno.h>
#include <stdlib.h>

#include "io/net/net_int.h"

struct pair {
	pthread_mutex_t lock;		/* guards end[] against a side that goes away */
	struct netdev *end[2];
};

static int pair_send(struct netdev *n, const uint8_t *frame, size_t len)
{
	struct pair *p = n->priv;
	struct netdev *peer;

	pthread_mutex_lock(&p->lock);
	peer = p->end[p->end[0] == n];
	if (peer)
		netdev_deliver(peer, frame, len);
	pthread_mutex_unlock(&p->lock);
	return peer ? 0 : -ENOTCONN;
}

static void pair_free(struct netdev *n)
{
	struct pair *p = n->priv;
	bool last;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->end[p->end[1] == n] = NULL;
	last = !p->end[0] && !p->end[1];
	pthread_mutex_unlock(&p->lock);
	if (last) {
		pthread_mutex_destroy(&p->lock);
		free(p);
	}
}

static const struct netdev_ops pair_ops = { .kind = "pair", .send = pair_send, .free = pair_free };

int netdev_pair_new(struct netdev **a, struct netdev **b, struct err *e)
{
	struct pair *p = calloc(1, sizeof(*p));

	*a = netdev_alloc(&pair_ops, e);
	*b = netdev_alloc(&pair_ops, e);
	if (!p || !*a || !*b) {
		netdev_free(*a);
		netdev_free(*b);
		free(p);
		*a = *b = NULL;
		return err_set(e, ENOMEM, "no memory");
	}
	pthread_mutex_init(&p->lock, NULL);
	p->end[0] = *a;
	p->end[1] = *b;
	(*a)->priv = (*b)->priv = p;
	return 0;
}
