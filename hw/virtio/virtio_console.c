/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Console (virtio 1.2, 5.3) with several ports. Port n has a receive and a
 * transmit queue; a further pair carries control messages about ports. Input comes
 * on the back ends' threads; what they share with the worker is under `lock`.
 */
#include "hw/virtio/virtio_console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/virtio/virtio.h"
#include "io/char/char.h"
#include "io/iov.h"

enum { F_MULTIPORT = 1, F_EMERG_WRITE = 2 };	/* 5.3.3 */
enum {				/* 5.3.6.2 */
	C_DEVICE_READY = 0, C_DEVICE_ADD = 1, C_DEVICE_REMOVE = 2, C_PORT_READY = 3,
	C_CONSOLE_PORT = 4, C_RESIZE = 5, C_PORT_OPEN = 6, C_PORT_NAME = 7,
};
enum { Q_CONTROL_RX = 2, Q_CONTROL_TX = 3 };

#define MAX_PORTS VIRTIO_CONSOLE_MAX_PORTS
#define PENDING 4096u			/* bytes of input that wait for a buffer, per port */
#define MAX_CONTROL 64u			/* messages that wait for a buffer */
#define NAME_SIZE 64u
#define CONTROL_SIZE 8u			/* le32 port, le16 event, le16 value */

struct port {				/* state */
	uint32_t count;			/* bytes in pending */
	bool guest_ready, guest_open, host_open;
	uint8_t pending[PENDING];
};

static const struct field port_fields[] = {
	FIELD(struct port, count), FIELD(struct port, guest_ready), FIELD(struct port, guest_open),
	FIELD(struct port, host_open), FIELD_BLOB(struct port, pending), FIELD_END
};

struct port_host {			/* not state */
	struct virtio_console *vc;
	struct chardev *chardev;
	bool console;
	char name[NAME_SIZE];
};

struct virtio_console {
	struct dev dev;
	struct virtio_dev vd;
	uint32_t control[MAX_CONTROL];	/* port << 16 | event << 8 | value */
	uint32_t nr_control;
	struct port port[MAX_PORTS];
	struct port_host host[MAX_PORTS];
	unsigned nr_ports;
	pthread_mutex_t lock;		/* of control and port, and of the three below */
	struct vq_chain tx, rx;		/* worker; under lock */
	uint8_t message[CONTROL_SIZE + NAME_SIZE];
};

static struct virtio_console *con_of(struct virtio_dev *vd)
{
	return DEV_STATE(struct virtio_console, vd->h.dev);
}

int virtio_console_add_port(struct dev *d, struct chardev *c, bool console, const char *name,
			    struct err *e)
{
	struct virtio_console *vc = DEV_STATE(struct virtio_console, d);
	struct port_host *h = &vc->host[vc->nr_ports];

	if (vc->nr_ports == MAX_PORTS)
		return err_set(e, ENOSPC, "%s: more than %u ports", d->id, MAX_PORTS);
	h->vc = vc;
	h->chardev = c;
	h->console = console || !vc->nr_ports;
	snprintf(h->name, sizeof(h->name), "%s", name ? name : "");
	vc->nr_ports++;
	return 0;
}

/* Queues of port n (5.3.2): the control pair stands between port 0 and the others. */
static unsigned rx_queue(unsigned port) { return port ? 2 * port + 2 : 0; }

static bool multiport(struct virtio_console *vc)
{
	return vc->vd.driver_features & BIT(F_MULTIPORT);
}

static void con_config(struct virtio_dev *vd, uint8_t *cfg)
{
	st_le32(cfg + 4, con_of(vd)->nr_ports);		/* 5.3.4: max_nr_ports */
}

static void con_config_write(struct virtio_dev *vd, unsigned off, uint32_t val, unsigned size)
{
	char byte = (char)val;

	if (off == 8)					/* emerg_wr: works before any driver */
		chardev_write(con_of(vd)->host[0].chardev, &byte, 1);
}

/* With the lock: gives waiting messages the buffers that are there. */
static void flush_control(struct virtio_console *vc)
{
	struct virtqueue *q = &vc->vd.q[Q_CONTROL_RX];
	bool any = false;
	unsigned i;

	for (i = 0; i < vc->nr_control; i++) {
		uint32_t m = vc->control[i], port = m >> 16, event = m >> 8 & 0xff;
		size_t len = CONTROL_SIZE;

		if (!vq_pop(q, &vc->rx) && !(vq_notify_on(q) && vq_pop(q, &vc->rx)))
			break;
		st_le32(vc->message, port);
		st_le16(vc->message + 4, (uint16_t)event);
		st_le16(vc->message + 6, m & 0xff);
		if (event == C_PORT_NAME) {
			size_t n = strlen(vc->host[port].name);

			memcpy(vc->message + len, vc->host[port].name, n);
			len += n;
		}
		vq_push(q, &vc->rx,
			(uint32_t)iov_from_buf(vc->rx.iov + vc->rx.nr_out, vc->rx.nr_in, 0,
					       vc->message, len));
		any = true;
	}
	memmove(vc->control, vc->control + i, (vc->nr_control - i) * sizeof(vc->control[0]));
	vc->nr_control -= i;
	if (any)
		vq_signal(q);
}

/* With the lock. A guest that reads no messages loses the last ones. */
static void send_control(struct virtio_console *vc, unsigned port, unsigned event, unsigned value)
{
	if (vc->nr_control < MAX_CONTROL)
		vc->control[vc->nr_control++] = port << 16 | event << 8 | value;
}

static void on_control(struct virtio_console *vc, uint32_t port, unsigned event, unsigned value)
{
	struct port *p;

	if (event == C_DEVICE_READY) {
		for (unsigned i = 0; value == 1 && i < vc->nr_ports; i++)
			send_control(vc, i, C_DEVICE_ADD, 1);
		return;
	}
	if (port >= vc->nr_ports)
		return;
	p = &vc->port[port];
	if (event == C_PORT_READY && value == 1) {
		p->guest_ready = true;
		if (vc->host[port].console)
			send_control(vc, port, C_CONSOLE_PORT, 1);
		if (vc->host[port].name[0])
			send_control(vc, port, C_PORT_NAME, 1);
		if (p->host_open)
			send_control(vc, port, C_PORT_OPEN, 1);
	} else if (event == C_PORT_OPEN) {
		p->guest_open = value == 1;
		chardev_accept_more(vc->host[port].chardev);
	}
}

static void handle_control(struct virtio_console *vc, struct virtqueue *q)
{
	do {
		vq_notify_off(q);
		while (vq_pop(q, &vc->tx)) {
			uint8_t m[CONTROL_SIZE];

			if (iov_to_buf(vc->tx.iov, vc->tx.nr_out, 0, m, sizeof(m)) == sizeof(m))
				on_control(vc, ld_le32(m), ld_le16(m + 4), ld_le16(m + 6));
			vq_push(q, &vc->tx, 0);
		}
		vq_signal(q);
	} while (vq_notify_on(q));
	flush_control(vc);
}

/* With the lock: input that waits goes into the guest's buffers. */
static void flush_input(struct virtio_console *vc, unsigned port)
{
	struct virtqueue *q = &vc->vd.q[rx_queue(port)];
	struct port *p = &vc->port[port];
	uint32_t done = 0;

	while (done < p->count) {
		uint32_t n;

		if (!vq_pop(q, &vc->rx) && !(vq_notify_on(q) && vq_pop(q, &vc->rx)))
			break;
		n = (uint32_t)iov_from_buf(vc->rx.iov + vc->rx.nr_out, vc->rx.nr_in, 0,
					   p->pending + done, p->count - done);
		vq_push(q, &vc->rx, n);
		done += n;
	}
	if (done) {
		memmove(p->pending, p->pending + done, p->count - done);
		p->count -= done;
		vq_signal(q);
	}
}

/* Without the lock: the back end may make us wait. */
static void handle_output(struct virtio_console *vc, unsigned port, struct virtqueue *q)
{
	do {
		vq_notify_off(q);
		while (vq_pop(q, &vc->tx)) {
			for (unsigned i = 0; i < vc->tx.nr_out; i++)
				chardev_write(vc->host[port].chardev, vc->tx.iov[i].iov_base,
					      vc->tx.iov[i].iov_len);
			vq_push(q, &vc->tx, 0);
		}
		vq_signal(q);
	} while (vq_notify_on(q));
}

static void con_handle(struct virtio_dev *vd, struct virtqueue *q)
{
	struct virtio_console *vc = con_of(vd);
	unsigned i = q->h.index, port = i < 2 ? 0 : i / 2 - 1;

	if ((i & 1) && i != Q_CONTROL_TX) {
		handle_output(vc, port, q);
		return;
	}
	pthread_mutex_lock(&vc->lock);
	if (i == Q_CONTROL_TX)
		handle_control(vc, q);
	else if (i == Q_CONTROL_RX)
		flush_control(vc);
	else
		flush_input(vc, port);
	pthread_mutex_unlock(&vc->lock);
	if (i != Q_CONTROL_TX && i != Q_CONTROL_RX)
		chardev_accept_more(vc->host[port].chardev);
}

/* The back ends' side. */

static size_t port_can_read(void *opaque)
{
	struct port_host *h = opaque;
	struct virtio_console *vc = h->vc;
	struct port *p = &vc->port[h - vc->host];
	size_t n = 0;

	pthread_mutex_lock(&vc->lock);
	if (virtio_is_running(&vc->vd) && (p->guest_open || !multiport(vc)))
		n = PENDING - p->count;
	pthread_mutex_unlock(&vc->lock);
	return n;
}

static void port_read(void *opaque, const uint8_t *buf, size_t n)
{
	struct port_host *h = opaque;
	struct virtio_console *vc = h->vc;
	struct port *p = &vc->port[h - vc->host];

	pthread_mutex_lock(&vc->lock);
	n = MIN(n, PENDING - p->count);
	memcpy(p->pending + p->count, buf, n);
	p->count += (uint32_t)n;
	flush_input(vc, (unsigned)(h - vc->host));
	pthread_mutex_unlock(&vc->lock);
}

static void port_event(void *opaque, enum chardev_event ev)
{
	struct port_host *h = opaque;
	struct virtio_console *vc = h->vc;
	unsigned port = (unsigned)(h - vc->host);
	bool open = ev == CHARDEV_OPENED;

	if (ev == CHARDEV_BREAK)
		return;
	pthread_mutex_lock(&vc->lock);
	if (vc->port[port].host_open != open) {
		vc->port[port].host_open = open;
		if (vc->port[port].guest_ready && virtio_is_running(&vc->vd)) {
			send_control(vc, port, C_PORT_OPEN, open);
			flush_control(vc);
		}
	}
	pthread_mutex_unlock(&vc->lock);
}

static void con_start(struct virtio_dev *vd)
{
	struct virtio_console *vc = con_of(vd);

	for (unsigned i = 0; i < vc->nr_ports; i++)
		chardev_attach(vc->host[i].chardev, port_can_read, port_read, port_event,
			       &vc->host[i]);
}

static void con_quiesce(struct virtio_dev *vd)
{
	struct virtio_console *vc = con_of(vd);

	for (unsigned i = 0; i < vc->nr_ports; i++)
		chardev_attach(vc->host[i].chardev, NULL, NULL, NULL, NULL);
}

static void con_reset_state(struct virtio_dev *vd)
{
	struct virtio_console *vc = con_of(vd);

	pthread_mutex_lock(&vc->lock);
	vc->nr_control = 0;
	for (unsigned i = 0; i < MAX_PORTS; i++) {
		vc->port[i].count = 0;
		vc->port[i].guest_ready = vc->port[i].guest_open = vc->port[i].host_open = false;
	}
	pthread_mutex_unlock(&vc->lock);
}

static const struct virtio_type con_type = {
	.id = VIRTIO_ID_CONSOLE,
	.config_read = con_config,
	.config_write = con_config_write,
	.start = con_start,
	.handle = con_handle,
	.quiesce = con_quiesce,
	.reset = con_reset_state,
};

static int con_init(struct dev *d, struct err *e)
{
	struct virtio_console *vc = DEV_STATE(struct virtio_console, d);
	uint64_t f = BIT(F_EMERG_WRITE);
	unsigned queues = 2;

	if (!vc->nr_ports)
		virtio_console_add_port(d, NULL, true, NULL, e);
	if (vc->nr_ports > 1 || vc->host[0].name[0]) {
		f |= BIT(F_MULTIPORT);
		queues = 2 * (vc->nr_ports + 1);
	}
	pthread_mutex_init(&vc->lock, NULL);
	return virtio_init(&vc->vd, d, &con_type, queues, f, e);
}

static void con_fini(struct dev *d)
{
	struct virtio_console *vc = DEV_STATE(struct virtio_console, d);

	virtio_fini(&vc->vd);
	pthread_mutex_destroy(&vc->lock);
}

static void con_reset(struct dev *d, enum reset_kind kind)
{
	virtio_reset(&DEV_STATE(struct virtio_console, d)->vd);
}

static int con_loaded(struct dev *d, struct err *e)
{
	struct virtio_console *vc = DEV_STATE(struct virtio_console, d);

	if (vc->nr_control > MAX_CONTROL)
		return err_set(e, EINVAL, "too many control messages");
	for (unsigned i = 0; i < vc->nr_control; i++)
		if (vc->control[i] >> 16 >= vc->nr_ports)
			return err_set(e, EINVAL, "control message of a port that does not exist");
	for (unsigned i = 0; i < MAX_PORTS; i++)
		if (vc->port[i].count > PENDING)
			return err_set(e, EINVAL, "port %u: too much waiting input", i);
	return virtio_loaded(&vc->vd, e);
}

const struct dev_type dev_virtio_console = {
	.name = "virtio-console", .help = "virtio console and channels",
	.size = sizeof(struct virtio_console),
	.props = (const struct prop[]){ VIRTIO_PROPS(struct virtio_console), PROP_END },
	.state = (const struct field[]){
		VIRTIO_FIELDS(struct virtio_console),
		FIELD_ARRAY(struct virtio_console, control),
		FIELD(struct virtio_console, nr_control),
		FIELD_SUB(struct virtio_console, port, struct port, port_fields),
		FIELD_SKIP(struct virtio_console, host, "configuration"),
		FIELD_SKIP(struct virtio_console, nr_ports, "configuration"),
		FIELD_SKIP(struct virtio_console, lock, "a lock"),
		FIELD_SKIP(struct virtio_console, tx, "scratch"),
		FIELD_SKIP(struct virtio_console, rx, "scratch"),
		FIELD_SKIP(struct virtio_console, message, "scratch"),
		FIELD_END },
	.init = con_init, .fini = con_fini, .reset = con_reset, .loaded = con_loaded,
};
