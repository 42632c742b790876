/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/net/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/net/net_int.h"
#include "io/opts.h"

#define MAX_QUEUED 512		/* frames that wait for a card without buffers */
#define MAX_OWED 32		/* frames of a burst that the card is not told of */

struct netdev *netdev_alloc(const struct netdev_ops *ops, struct err *e)
{
	struct netdev *n = calloc(1, sizeof(*n));

	if (!n) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	n->ops = ops;
	pthread_mutex_init(&n->lock, NULL);
	return n;
}

/* The card has what was given to it: tells it so, if that is due. */
static void settle(struct netdev *n, bool due)
{
	if (!n->owed || (!due && n->burst && n->owed < MAX_OWED))
		return;
	n->owed = 0;
	if (n->received)
		n->received(n->opaque);
}

/* A card without room is told of all that it got before: it may wait for that. */
static bool give(struct netdev *n, const uint8_t *frame, size_t len)
{
	bool taken = !n->receive || n->receive(n->opaque, frame, len);

	n->owed += taken && n->receive;
	settle(n, !taken);
	return taken;
}

static bool flush_locked(struct netdev *n)
{
	struct frame *f;

	while ((f = n->head)) {
		if (!give(n, f->data, f->len))
			return false;
		n->head = f->next;
		n->queued--;
		free(f);
	}
	return true;
}

bool netdev_flush(struct netdev *n)
{
	bool empty, burst;

	pthread_mutex_lock(&n->lock);
	burst = n->burst;
	n->burst = true;
	empty = flush_locked(n);
	n->burst = burst;
	settle(n, !burst);
	pthread_mutex_unlock(&n->lock);
	return empty;
}

void netdev_deliver(struct netdev *n, const uint8_t *frame, size_t len)
{
	struct frame *f;

	if (len > NETDEV_MAX_FRAME + NETDEV_VNET_SIZE)
		return;
	pthread_mutex_lock(&n->lock);
	if (!n->receive || (flush_locked(n) && give(n, frame, len)))
		goto out;
	f = n->queued < MAX_QUEUED ? malloc(sizeof(*f) + len) : NULL;
	if (!f) {
		n->dropped++;
		goto out;
	}
	f->next = NULL;
	f->len = len;
	memcpy(f->data, frame, len);
	if (n->head)
		n->tail->next = f;
	else
		n->head = f;
	n->tail = f;
	n->queued++;
out:
	pthread_mutex_unlock(&n->lock);
}

void netdev_burst(struct netdev *n, bool on)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->burst = on;
	settle(n, !on);
	pthread_mutex_unlock(&n->lock);
}

void netdev_attach(struct netdev *n,
		   bool (*receive)(void *opaque, const uint8_t *frame, size_t len), void *opaque)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	settle(n, true);
	n->receive = receive;
	n->opaque = opaque;
	pthread_mutex_unlock(&n->lock);
}

void netdev_on_received(struct netdev *n, void (*received)(void *opaque))
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->received = received;
	pthread_mutex_unlock(&n->lock);
}

void netdev_accept_more(struct netdev *n)
{
	if (!n)
		return;
	if (n->ops->accept_more)
		n->ops->accept_more(n);
	else
		netdev_flush(n);
}

bool netdev_has_vnet(struct netdev *n) { return n && n->vnet_ok; }

void netdev_set_vnet(struct netdev *n, bool on, unsigned rx)
{
	struct frame *f;

	if (!netdev_has_vnet(n))
		return;
	pthread_mutex_lock(&n->lock);
	while (on != n->vnet && (f = n->head)) {	/* of the other format */
		n->head = f->next;
		n->queued--;
		free(f);
	}
	n->vnet = on;
	n->ops->set_vnet(n, on, rx);
	pthread_mutex_unlock(&n->lock);
}

int netdev_send(struct netdev *n, const uint8_t *frame, size_t len)
{
	size_t head = n && n->vnet ? NETDEV_VNET_SIZE : 0;

	if (!n)
		return 0;
	if (len < 14 + head || len > NETDEV_MAX_FRAME + head)
		return -EMSGSIZE;
	return n->ops->send(n, frame, len);
}

const char *netdev_kind(struct netdev *n) { return n ? n->ops->kind : "none"; }

void netdev_free(struct netdev *n)
{
	struct frame *f;

	if (!n)
		return;
	n->ops->free(n);
	while ((f = n->head)) {
		n->head = f->next;
		free(f);
	}
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int netdev_other_key(const char *key, const char *val,
		     int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		     struct err *e)
{
	int ret = other ? other(opaque, key, val) : -ENOENT;

	if (ret == -ENOENT)
		return err_set(e, EINVAL, "unknown option '%s'", key);
	if (ret < 0)
		return err_set(e, -ret, "bad value: %s=%s", key, val);
	return 0;
}

static int none_send(struct netdev *n, const uint8_t *frame, size_t len) { return 0; }
static void none_free(struct netdev *n) { }
static const struct netdev_ops none_ops = { .kind = "none", .send = none_send, .free = none_free };

static int none_open(struct netdev *n, const char *opts,
		     int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		     struct err *e)
{
	char key[64], val[256];
	int ret;

	while ((ret = opts_next(&opts, key, sizeof(key), val, sizeof(val), false, e)) > 0) {
		ret = netdev_other_key(key, val, other, opaque, e);
		if (ret < 0)
			return ret;
	}
	return ret;
}

struct netdev *netdev_new(const char *spec,
			  int (*other)(void *opaque, const char *key, const char *val),
			  void *opaque, struct err *e)
{
	static const struct {
		const struct netdev_ops *ops;
		int (*open)(struct netdev *n, const char *opts,
			    int (*other)(void *opaque, const char *key, const char *val),
			    void *opaque, struct err *e);
	} kinds[] = {
		{ &netdev_user_ops, netdev_user_open },
		{ &netdev_tap_ops, netdev_tap_open },
		{ &none_ops, none_open },
	};
	size_t len = strcspn(spec, ",");
	struct netdev *n;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *kind = kinds[i].ops->kind;

		if (strlen(kind) != len || memcmp(kind, spec, len))
			continue;
		n = netdev_alloc(kinds[i].ops, e);
		if (n && kinds[i].open(n, spec[len] ? spec + len + 1 : "", other, opaque, e) == 0)
			return n;
		netdev_free(n);
		err_prefix(e, "network '%s'", kind);
		return NULL;
	}
	err_set(e, EINVAL, "network '%.*s': unknown back end (user, tap, none)", (int)len, spec);
	return NULL;
}
