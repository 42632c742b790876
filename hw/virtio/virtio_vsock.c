/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets between guest and host (virtio 1.2, 5.10). The back end knows connections
 * and packets; here are the queues. Its lock is inside the device's: packets for the guest
 * come on its own thread, and on the worker's after packets of the guest.
 */
#include <errno.h>

#include "hw/virtio/virtio.h"
#include "io/iov.h"
#include "io/vsock/vsock.h"

enum { F_STREAM = 0 };			/* 5.10.3 */
enum { Q_RX = 0, Q_TX = 1, Q_EVENT = 2 };
enum { EVENT_TRANSPORT_RESET = 0 };

struct virtio_vsock {
	struct dev dev;
	struct virtio_dev vd;
	uint64_t guest_cid;
	char *socket;
	bool event_due;			/* the guest has to hear that its connections are gone */
	struct vsock *vsock;
	struct vq_chain rx;		/* between get and put, under the back end's lock */
	struct vq_chain tx, event;
};

static struct virtio_vsock *vsock_of(struct virtio_dev *vd)
{
	return DEV_STATE(struct virtio_vsock, vd->h.dev);
}

static void vsock_config(struct virtio_dev *vd, uint8_t *cfg)
{
	st_le64(cfg, vsock_of(vd)->guest_cid);
}

/* ---- for the back end ---- */

static bool rx_get(void *opaque, struct vsock_buf *b)
{
	struct virtio_vsock *s = opaque;
	struct virtqueue *q = &s->vd.q[Q_RX];

	if (!virtio_is_running(&s->vd) ||
	    (!vq_pop(q, &s->rx) && !(vq_notify_on(q) && vq_pop(q, &s->rx))))
		return false;
	if (s->rx.in_bytes < VSOCK_HDR_SIZE) {
		virtio_break(&s->vd, "receive buffer of %llu bytes",
			     (unsigned long long)s->rx.in_bytes);
		return false;
	}
	b->iov = s->rx.iov + s->rx.nr_out;
	b->nr = s->rx.nr_in;
	b->bytes = s->rx.in_bytes;
	return true;
}

static void rx_put(void *opaque, uint32_t len)
{
	struct virtio_vsock *s = opaque;

	if (len)
		vq_push(&s->vd.q[Q_RX], &s->rx, len);
	else
		vq_unpop(&s->vd.q[Q_RX], 1);
}

static void rx_flush(void *opaque)
{
	struct virtio_vsock *s = opaque;

	vq_signal(&s->vd.q[Q_RX]);
}

static const struct vsock_ops rx_ops = { rx_get, rx_put, rx_flush };

/* ---- queues ---- */

static void handle_tx(struct virtio_vsock *s, struct virtqueue *q)
{
	do {
		vq_notify_off(q);
		while (vq_pop(q, &s->tx)) {
			vsock_packet(s->vsock, s->tx.iov, s->tx.nr_out, s->tx.out_bytes);
			vq_push(q, &s->tx, 0);
		}
		vq_signal(q);
	} while (vq_notify_on(q));
}

/* 5.10.6.7: all connections ended, and the CID may be another. */
static void handle_event(struct virtio_vsock *s, struct virtqueue *q)
{
	uint8_t event[4];

	if (!s->event_due || (!vq_pop(q, &s->event) &&
			      !(vq_notify_on(q) && vq_pop(q, &s->event))))
		return;
	st_le32(event, EVENT_TRANSPORT_RESET);
	vq_push(q, &s->event, (uint32_t)iov_from_buf(s->event.iov + s->event.nr_out,
						     s->event.nr_in, 0, event, sizeof(event)));
	vq_signal(q);
	s->event_due = false;
}

static void vsock_handle(struct virtio_dev *vd, struct virtqueue *q)
{
	struct virtio_vsock *s = vsock_of(vd);

	if (q->h.index == Q_EVENT) {
		handle_event(s, q);
		return;
	}
	if (q->h.index == Q_TX)
		handle_tx(s, q);
	vsock_pump(s->vsock);
}

static void vsock_start(struct virtio_dev *vd)
{
	struct virtio_vsock *s = vsock_of(vd);

	vsock_attach(s->vsock, &rx_ops, s);
}

static void vsock_quiesce(struct virtio_dev *vd) { vsock_attach(vsock_of(vd)->vsock, NULL, NULL); }

static void vsock_reset_state(struct virtio_dev *vd)
{
	struct virtio_vsock *s = vsock_of(vd);

	vsock_reset(s->vsock);
	s->event_due = false;
}

static const struct virtio_type vsock_type = {
	.id = VIRTIO_ID_VSOCK,
	.config_read = vsock_config,
	.start = vsock_start,
	.handle = vsock_handle,
	.quiesce = vsock_quiesce,
	.reset = vsock_reset_state,
};

static int vsock_init(struct dev *d, struct err *e)
{
	struct virtio_vsock *s = DEV_STATE(struct virtio_vsock, d);

	if (s->guest_cid <= VSOCK_HOST_CID || s->guest_cid >= UINT32_MAX)
		return err_set(e, EINVAL, "guest-cid=%llu: from 3 to 4294967294",
			       (unsigned long long)s->guest_cid);
	s->vsock = vsock_new(s->guest_cid, s->socket && *s->socket ? s->socket : NULL, e);
	if (!s->vsock)
		return -EIO;
	return virtio_init(&s->vd, d, &vsock_type, 3, BIT(F_STREAM), e);
}

static void vsock_fini(struct dev *d)
{
	struct virtio_vsock *s = DEV_STATE(struct virtio_vsock, d);

	virtio_fini(&s->vd);
	vsock_free(s->vsock);
}

static void vsock_dev_reset(struct dev *d, enum reset_kind kind)
{
	virtio_reset(&DEV_STATE(struct virtio_vsock, d)->vd);
}

/* The sockets of the host did not come along. */
static int vsock_loaded(struct dev *d, struct err *e)
{
	struct virtio_vsock *s = DEV_STATE(struct virtio_vsock, d);

	vsock_attach(s->vsock, NULL, NULL);
	vsock_reset(s->vsock);
	s->event_due = virtio_status(&s->vd) & VIRTIO_DRIVER_OK;
	return virtio_loaded(&s->vd, e);
}

const struct dev_type dev_virtio_vsock = {
	.name = "virtio-vsock", .help = "sockets between guest and host",
	.size = sizeof(struct virtio_vsock),
	.props = (const struct prop[]){
		VIRTIO_PROPS(struct virtio_vsock),
		{ .name = "guest-cid", .help = "address of the guest", .kind = PROP_U64,
		  .off = offsetof(struct virtio_vsock, guest_cid), .def = "3" },
		PROP(struct virtio_vsock, socket, PROP_STR,
		     "Unix socket to reach the guest by; SOCKET_port is reached by it", NULL),
		PROP_END },
	.state = (const struct field[]){
		VIRTIO_FIELDS(struct virtio_vsock),
		FIELD_SKIP(struct virtio_vsock, event_due, "after a load, always"),
		FIELD_SKIP(struct virtio_vsock, vsock, "host resource"),
		FIELD_SKIP(struct virtio_vsock, rx, "scratch"),
		FIELD_SKIP(struct virtio_vsock, tx, "scratch"),
		FIELD_SKIP(struct virtio_vsock, event, "scratch"),
		FIELD_END },
	.init = vsock_init, .fini = vsock_fini, .reset = vsock_dev_reset,
	.loaded = vsock_loaded,
};
