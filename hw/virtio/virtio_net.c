/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network card (virtio 1.2, 5.1), one pair of queues. Checksums are offloaded
 * both ways: filling one in costs the host little and a translated guest much, and
 * frames that never left this host need no check at all. So is the cutting of large TCP
 * segments: one request, and at most one notification, for up to 64 KiB. User networking
 * ends connections itself and takes them uncut; a tap's other side does all this itself,
 * and leaves it to the guest.
 */
#include "hw/virtio/virtio_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/net_offload.h"
#include "hw/virtio/virtio.h"
#include "io/iov.h"
#include "io/net/net.h"

enum {				/* 5.1.3 */
	F_CSUM = 0, F_GUEST_CSUM = 1, F_MTU = 3, F_MAC = 5, F_GUEST_TSO4 = 7, F_GUEST_TSO6 = 8,
	F_GUEST_ECN = 9, F_HOST_TSO4 = 11, F_HOST_TSO6 = 12,
	F_HOST_ECN = 13, F_MRG_RXBUF = 15, F_STATUS = 16,
};
enum { HDR_NEEDS_CSUM = 1, HDR_DATA_VALID = 2 };
enum { GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_ECN = 0x80 };
enum { MIN_MTU = 68, MAX_MTU = 65521 };
enum { Q_RX = 0, Q_TX = 1 };

/* flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers */
#define HDR_SIZE 12u
#define LINK_UP 1u
#define MAX_RX_CHAINS 64u	/* buffers of one frame */
#define TX_BATCH 64u		/* frames before the driver hears of completions */
#define TX_AT_ONCE 1024u	/* frames, until others get the device's lock */

struct virtio_net {
	struct dev dev;
	struct virtio_dev vd;
	struct netdev *netdev;
	char *mac;
	uint8_t addr[6];
	uint32_t mtu;
	bool trusted;			/* the back end's frames never saw a wire */
	bool whole;			/* it takes TCP segments of any size */
	bool vnet;			/* it takes and gives our header */
	bool announce;			/* the guest may be at another place of its network */
	struct vq_chain *tx, *rx_first, *rx_next;
	uint8_t *frame, *piece;		/* a transmitted frame in one piece, and cut */
};

static struct virtio_net *net_of(struct virtio_dev *vd)
{
	return DEV_STATE(struct virtio_net, vd->h.dev);
}

void virtio_net_set_netdev(struct dev *d, struct netdev *n)
{
	DEV_STATE(struct virtio_net, d)->netdev = n;
}

static void net_config(struct virtio_dev *vd, uint8_t *cfg)
{
	memcpy(cfg, net_of(vd)->addr, 6);	/* 5.1.4 */
	st_le16(cfg + 6, LINK_UP);
	st_le16(cfg + 10, (uint16_t)net_of(vd)->mtu);
}

static void send_piece(void *opaque, const uint8_t *frame, size_t len)
{
	struct virtio_net *n = opaque;

	netdev_send(n->netdev, frame, len);
}

static void transmit(struct virtio_net *n, const struct vq_chain *c)
{
	uint8_t hdr[HDR_SIZE];
	struct net_gso g = { 0 };
	size_t len;

	if (c->out_bytes < HDR_SIZE || c->out_bytes - HDR_SIZE > NETDEV_MAX_FRAME)
		return;
	len = (size_t)(c->out_bytes - HDR_SIZE);
	if (n->vnet) {
		iov_to_buf(c->iov, c->nr_out, 0, n->frame, HDR_SIZE + len);
		netdev_send(n->netdev, n->frame, HDR_SIZE + len);
		return;
	}
	iov_to_buf(c->iov, c->nr_out, 0, hdr, sizeof(hdr));
	iov_to_buf(c->iov, c->nr_out, HDR_SIZE, n->frame, len);
	switch (hdr[1] & ~GSO_ECN) {
	case GSO_NONE:
		if (!(hdr[0] & HDR_NEEDS_CSUM) ||
		    net_fill_checksum(n->frame, len, ld_le16(hdr + 6), ld_le16(hdr + 8)))
			netdev_send(n->netdev, n->frame, len);
		return;
	case GSO_TCPV4:
	case GSO_TCPV6:
		g.ipv6 = (hdr[1] & ~GSO_ECN) == GSO_TCPV6;
		g.tcp = ld_le16(hdr + 6);
		g.size = n->whole ? 0 : ld_le16(hdr + 4);
		/* 5.1.6.2: with segmentation, the driver asks for the checksum too. */
		if ((hdr[0] & HDR_NEEDS_CSUM) && ld_le16(hdr + 4))
			net_segment(n->frame, len, &g, n->piece, send_piece, n);
		return;
	}
}

static void handle_tx(struct virtio_net *n, struct virtqueue *q)
{
	unsigned batch = 0;

	do {
		vq_notify_off(q);
		netdev_burst(n->netdev, true);
		while (vq_pop(q, n->tx)) {
			transmit(n, n->tx);
			vq_push(q, n->tx, 0);
			if (++batch % TX_BATCH == 0)
				vq_signal(q);
		}
		netdev_burst(n->netdev, false);
		vq_signal(q);
		if (batch >= TX_AT_ONCE) {
			virtio_kick(&n->vd, Q_TX);
			return;
		}
	} while (vq_notify_on(q));
}

static void net_handle(struct virtio_dev *vd, struct virtqueue *q)
{
	struct virtio_net *n = net_of(vd);

	if (q->h.index == Q_TX)
		handle_tx(n, q);
	else
		netdev_accept_more(n->netdev);
}

/* The part of header-and-frame from `at` on that fits the chain; returns its length. */
static uint32_t fill_chain(const struct vq_chain *c, const uint8_t *hdr, const uint8_t *frame,
			   size_t len, size_t at)
{
	const struct iovec *iov = c->iov + c->nr_out;
	size_t done = 0;

	if (at < HDR_SIZE)
		done = iov_from_buf(iov, c->nr_in, 0, hdr + at, HDR_SIZE - at);
	if (at + done >= HDR_SIZE)
		done += iov_from_buf(iov, c->nr_in, done, frame + (at + done - HDR_SIZE),
				     len - (at + done - HDR_SIZE));
	return (uint32_t)done;
}

/* False: not enough buffers now, but *seen of them; nothing was taken. */
static bool receive_into(struct virtio_net *n, struct virtqueue *q, const uint8_t *frame,
			 size_t len, unsigned *seen)
{
	uint8_t hdr[HDR_SIZE] = { 0 };
	struct vq_used used[MAX_RX_CHAINS];
	unsigned nr = 0;
	size_t at = 0, whole = HDR_SIZE + len;
	bool merge = n->vd.driver_features & BIT(F_MRG_RXBUF);

	if (n->vnet) {
		if (len < HDR_SIZE)
			return true;
		memcpy(hdr, frame, HDR_SIZE);
		st_le16(hdr + 10, 0);
		frame += HDR_SIZE;
		whole = len;
		len -= HDR_SIZE;
	} else if (n->trusted && (n->vd.driver_features & BIT(F_GUEST_CSUM))) {
		hdr[0] = HDR_DATA_VALID;
	}
	hdr[10] = 1;
	while (at < whole) {
		struct vq_chain *c = nr ? n->rx_next : n->rx_first;

		if (nr == MAX_RX_CHAINS || nr == q->num)
			goto drop;
		if (!vq_pop(q, c)) {
			vq_unpop(q, nr);
			*seen = nr;
			return false;
		}
		used[nr].head = c->head;
		if (c->in_bytes < (nr ? 1 : HDR_SIZE)) {
			virtio_break(&n->vd, "receive buffer too small");
			return true;
		}
		used[nr].len = fill_chain(c, hdr, frame, len, at);
		at += used[nr].len;
		nr++;
		vq_mark_written(q, c, used[nr - 1].len);
		if (!merge && at < whole)
			goto drop;
	}
	if (nr > 1) {			/* 5.1.6.4.1: how many buffers, told in the first */
		st_le16(hdr + 10, (uint16_t)nr);
		iov_from_buf(n->rx_first->iov + n->rx_first->nr_out, n->rx_first->nr_in, 10,
			     hdr + 10, 2);
		vq_mark_written(q, n->rx_first, HDR_SIZE);
	}
	vq_push_many(q, used, nr);
	return true;
drop:
	vq_unpop(q, nr);	/* a frame larger than the driver can take */
	return true;
}

/* On the back end's thread, under its lock. */
static bool net_receive(void *opaque, const uint8_t *frame, size_t len)
{
	struct virtio_net *n = opaque;
	struct virtqueue *q = &n->vd.q[Q_RX];

	while (virtio_is_running(&n->vd)) {
		unsigned seen;

		if (receive_into(n, q, frame, len, &seen)) {
			vq_notify_off(q);
			return true;
		}
		if (!vq_notify_beyond(q, seen))
			return false;
	}
	return true;
}

static void net_received(void *opaque)
{
	struct virtio_net *n = opaque;

	vq_signal(&n->vd.q[Q_RX]);
}

/*
 * The switches on the way learn where the guest's address is now, by a frame that nobody answers:
 * a reverse ARP request (RFC 903) for our own address. (For F_GUEST_ANNOUNCE, with which the
 * driver would do it, there would have to be a control queue.)
 */
static void announce(struct virtio_net *n)
{
	enum { MIN_FRAME = 60, RARP = 0x8035, ETHERNET = 1, IPV4 = 0x800, REVERSE_REQUEST = 3 };
	uint8_t buf[HDR_SIZE + MIN_FRAME] = { 0 }, *f = buf + HDR_SIZE;

	memset(f, 0xff, 6);
	memcpy(f + 6, n->addr, 6);
	st_be16(f + 12, RARP);
	st_be16(f + 14, ETHERNET);
	st_be16(f + 16, IPV4);
	f[18] = 6;
	f[19] = 4;
	st_be16(f + 20, REVERSE_REQUEST);
	memcpy(f + 22, n->addr, 6);
	memcpy(f + 32, n->addr, 6);
	netdev_burst(n->netdev, true);
	if (n->vnet)
		netdev_send(n->netdev, buf, sizeof(buf));
	else
		netdev_send(n->netdev, f, MIN_FRAME);
	netdev_burst(n->netdev, false);
}

static void net_start(struct virtio_dev *vd)
{
	static const struct { unsigned feature, rx; } offload[] = {
		{ F_GUEST_CSUM, NETDEV_RX_CSUM }, { F_GUEST_TSO4, NETDEV_RX_TSO4 },
		{ F_GUEST_TSO6, NETDEV_RX_TSO6 }, { F_GUEST_ECN, NETDEV_RX_ECN },
	};
	struct virtio_net *n = net_of(vd);
	unsigned rx = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(offload); i++)
		if (vd->driver_features & BIT(offload[i].feature))
			rx |= offload[i].rx;
	netdev_set_vnet(n->netdev, n->vnet, rx);
	netdev_on_received(n->netdev, net_received);
	netdev_attach(n->netdev, net_receive, n);
	netdev_accept_more(n->netdev);
	if (n->announce)
		announce(n);
	n->announce = false;
}

static void net_quiesce(struct virtio_dev *vd) { netdev_attach(net_of(vd)->netdev, NULL, NULL); }

static const struct virtio_type net_type = {
	.id = VIRTIO_ID_NET,
	.config_read = net_config,
	.start = net_start,
	.handle = net_handle,
	.quiesce = net_quiesce,
};

/* Locally administered and alike from run to run: the n-th card of a machine ends in n. */
static void default_mac(struct virtio_net *n)
{
	static const uint8_t base[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

	memcpy(n->addr, base, sizeof(base));
	for (struct dev *d = n->dev.machine->devs; d && d != &n->dev; d = d->next)
		if (d->type == n->dev.type)
			n->addr[5]++;
}

static int parse_mac(struct virtio_net *n, struct err *e)
{
	unsigned b[6];
	char end;

	if (sscanf(n->mac, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6)
		return err_set(e, EINVAL, "mac=%s: must be like 52:54:00:12:34:56", n->mac);
	if (b[0] & 1)
		return err_set(e, EINVAL, "mac=%s: is a multicast address", n->mac);
	for (unsigned i = 0; i < 6; i++)
		n->addr[i] = (uint8_t)b[i];
	return 0;
}

static void free_scratch(struct virtio_net *n)
{
	free(n->tx);
	free(n->rx_first);
	free(n->rx_next);
	free(n->frame);
	free(n->piece);
}

static int net_init(struct dev *d, struct err *e)
{
	struct virtio_net *n = DEV_STATE(struct virtio_net, d);
	uint64_t f = BIT(F_CSUM) | BIT(F_MAC) | BIT(F_MRG_RXBUF) | BIT(F_STATUS) |
		     BIT(F_HOST_TSO4) | BIT(F_HOST_TSO6) | BIT(F_HOST_ECN);
	int ret = 0;

	if (n->mac && *n->mac)
		ret = parse_mac(n, e);
	else
		default_mac(n);
	if (ret < 0)
		return ret;
	if (n->mtu && (n->mtu < MIN_MTU || n->mtu > MAX_MTU))
		return err_set(e, EINVAL, "mtu=%u: must be %u to %u", n->mtu, MIN_MTU, MAX_MTU);
	if (n->mtu)
		f |= BIT(F_MTU);
	n->whole = !strcmp(netdev_kind(n->netdev), "user");
	n->trusted = strcmp(netdev_kind(n->netdev), "tap") != 0;
	n->vnet = netdev_has_vnet(n->netdev);
	netdev_set_vnet(n->netdev, n->vnet, 0);
	if (n->trusted || n->vnet)
		f |= BIT(F_GUEST_CSUM);
	if (n->vnet)
		f |= BIT(F_GUEST_TSO4) | BIT(F_GUEST_TSO6) | BIT(F_GUEST_ECN);
	n->tx = malloc(sizeof(*n->tx));
	n->rx_first = malloc(sizeof(*n->rx_first));
	n->rx_next = malloc(sizeof(*n->rx_next));
	n->frame = malloc(HDR_SIZE + NETDEV_MAX_FRAME);
	n->piece = malloc(NETDEV_MAX_FRAME);
	if (!n->tx || !n->rx_first || !n->rx_next || !n->frame || !n->piece) {
		free_scratch(n);
		return err_set(e, ENOMEM, "no memory");
	}
	return virtio_init(&n->vd, d, &net_type, 2, f, e);
}

static void net_fini(struct dev *d)
{
	struct virtio_net *n = DEV_STATE(struct virtio_net, d);

	virtio_fini(&n->vd);
	free_scratch(n);
}

static void net_reset(struct dev *d, enum reset_kind kind)
{
	virtio_reset(&DEV_STATE(struct virtio_net, d)->vd);
}

static int net_loaded(struct dev *d, struct err *e)
{
	struct virtio_net *n = DEV_STATE(struct virtio_net, d);

	n->announce = virtio_status(&n->vd) & VIRTIO_DRIVER_OK;
	return virtio_loaded(&n->vd, e);
}

const struct dev_type dev_virtio_net = {
	.name = "virtio-net", .help = "virtio network card",
	.size = sizeof(struct virtio_net),
	.props = (const struct prop[]){
		VIRTIO_PROPS(struct virtio_net),
		PROP(struct virtio_net, netdev, PROP_PTR, "the network behind it", NULL),
		PROP(struct virtio_net, mac, PROP_STR, "hardware address", NULL),
		PROP(struct virtio_net, mtu, PROP_U32, "largest packet to announce; 0: none", NULL),
		PROP_END },
	.state = (const struct field[]){
		VIRTIO_FIELDS(struct virtio_net),
		FIELD_SKIP(struct virtio_net, addr, "configuration"),
		FIELD_SKIP(struct virtio_net, trusted, "of the back end"),
		FIELD_SKIP(struct virtio_net, whole, "of the back end"),
		FIELD_SKIP(struct virtio_net, vnet, "of the back end"),
		FIELD_SKIP(struct virtio_net, announce, "after a load, always"),
		FIELD_SKIP(struct virtio_net, tx, "scratch"),
		FIELD_SKIP(struct virtio_net, rx_first, "scratch"),
		FIELD_SKIP(struct virtio_net, rx_next, "scratch"),
		FIELD_SKIP(struct virtio_net, frame, "scratch"),
		FIELD_SKIP(struct virtio_net, piece, "scratch"),
		FIELD_END },
	.init = net_init, .fini = net_fini, .reset = net_reset, .loaded = net_loaded,
};
