/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/virtio.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/thread.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"

const struct field virtio_dev_fields[] = {
	FIELD(struct virtio_dev, driver_features), FIELD(struct virtio_dev, isr),
	FIELD(struct virtio_dev, config_generation), FIELD(struct virtio_dev, status),
	FIELD_SUB(struct virtio_dev, q, struct virtqueue, virtqueue_fields),
	FIELD_SKIP(struct virtio_dev, h, "wiring, threads and what init computes"),
	FIELD_END
};

/* Each virtio device has its virtio_dev right behind its dev, and says so first in its table. */
struct virtio_head { struct dev dev; struct virtio_dev vd; };

struct virtio_dev *virtio_dev_of(struct dev *d)
{
	const struct field *f = d->type->state;

	return f && f->sub == virtio_dev_fields ? &DEV_STATE(struct virtio_head, d)->vd : NULL;
}

int virtio_init(struct virtio_dev *vd, struct dev *d, const struct virtio_type *t,
		unsigned nr_queues, uint64_t features, struct err *e)
{
	if (&DEV_STATE(struct virtio_head, d)->vd != vd || nr_queues > VIRTIO_MAX_QUEUES)
		return err_set(e, EINVAL, "virtio device is ill-formed");
	vd->h.dev = d;
	vd->h.type = t;
	vd->h.nr_queues = nr_queues;
	vd->h.features = features | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |
			 VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET;
	if (vd->h.packed)
		vd->h.features |= VIRTIO_F_RING_PACKED;
	pthread_mutex_init(&vd->h.irq_lock, NULL);
	atomic_store(&vd->h.wake, -1);
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++) {
		vq_init(&vd->q[i], vd, i);
		atomic_store(&vd->h.bell[i].fd, -1);
	}
	return 0;
}

/* The driver runs, and nothing keeps the device from serving it. */
static bool is_active(struct virtio_dev *vd)
{
	return virtio_is_running(vd) && !vd->h.paused && !vd->h.no_dma;
}

/* ---- doorbells ---- */

static bool same_place(const struct doorbell *a, const struct doorbell *b)
{
	return a->space == b->space && a->addr == b->addr && a->len == b->len &&
	       a->has_match == b->has_match && a->match == b->match;
}

static void unbind(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_bell *b = &vd->h.bell[queue];
	struct machine_engine *en = &vd->h.dev->machine->engine;

	if (!b->bound)
		return;
	if (en->doorbell)
		en->doorbell(en->opaque, &b->d, false);
	b->bound = false;
}

static void bind(struct virtio_dev *vd, unsigned queue, struct doorbell *want)
{
	struct virtio_bell *b = &vd->h.bell[queue];
	struct machine_engine *en = &vd->h.dev->machine->engine;
	int fd = atomic_load(&b->fd);

	if (fd < 0) {
		fd = os_eventfd();
		if (fd < 0)
			return;			/* notifications come by the register */
		atomic_store(&b->fd, fd);
	}
	want->fd = fd;
	if (en->doorbell(en->opaque, want, true) < 0)
		return;
	b->d = *want;
	b->bound = true;
}

/*
 * Brings what is bound in line with what is in use. A write that comes just before an
 * unbinding is in the descriptor only, and the worker may not know a new descriptor yet:
 * a kick has it look at both.
 */
static void update_doorbells(struct virtio_dev *vd)
{
	for (unsigned i = 0; i < vd->h.nr_queues; i++) {
		struct virtio_bell *b = &vd->h.bell[i];
		struct doorbell want = { 0 };
		bool was = b->bound;
		bool on = vd->h.dev->machine->engine.doorbell && vd->q[i].ready &&
			  virtio_is_running(vd) && vd->h.ops &&
			  vd->h.ops->doorbell(vd->h.transport, i, &want);

		if (was && on && same_place(&b->d, &want))
			continue;
		unbind(vd, i);
		if (on)
			bind(vd, i, &want);
		if (was || b->bound)
			virtio_kick(vd, i);
	}
}

void virtio_doorbells_moved(struct virtio_dev *vd) { update_doorbells(vd); }

/* ---- the worker ---- */

void virtio_fini(struct virtio_dev *vd)
{
	const struct virtio_transport *ops = vd->h.ops;

	if (!vd->h.type)
		return;
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		unbind(vd, i);
	if (vd->h.has_worker) {
		atomic_store(&vd->h.stop, true);
		os_eventfd_signal(vd->h.wake);
		pthread_join(vd->h.worker, NULL);
	}
	vd->h.type->quiesce(vd);
	if (ops)
		ops->detached(vd->h.transport);
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++) {
		vq_fini(&vd->q[i]);
		if (vd->h.bell[i].fd >= 0)
			close(vd->h.bell[i].fd);
	}
	if (vd->h.wake >= 0)
		close(vd->h.wake);
	pthread_mutex_destroy(&vd->h.irq_lock);
}

/* With the device's lock. */
static void handle(struct virtio_dev *vd, unsigned queue)
{
	if (is_active(vd) && vd->q[queue].ready)
		vd->h.type->handle(vd, &vd->q[queue]);
}

static void *worker_main(void *opaque)
{
	struct virtio_dev *vd = opaque;
	unsigned n = vd->h.nr_queues;

	for (;;) {
		int fd[VIRTIO_MAX_QUEUES + 1];
		uint64_t rung, kicks;

		for (unsigned i = 0; i < n; i++)
			fd[i] = atomic_load(&vd->h.bell[i].fd);
		fd[n] = atomic_load(&vd->h.wake);
		rung = os_eventfd_wait(fd, n + 1);
		/* drained before the look: what is signalled after it wakes the next wait */
		if (rung & BIT(n))
			os_eventfd_drain(fd[n]);
		if (atomic_load(&vd->h.stop))
			return NULL;
		kicks = atomic_exchange(&vd->h.kicks, 0);
		for (unsigned i = 0; i < n; i++)
			if (rung & BIT(i)) {
				vq_count(&vd->q[i].h.notifies, os_eventfd_drain(fd[i]));
				kicks |= BIT(i);
			}
		dev_lock(vd->h.dev);
		for (unsigned i = 0; i < n; i++)
			if (kicks & BIT(i))
				handle(vd, i);
		dev_unlock(vd->h.dev);
	}
}

void virtio_kick(struct virtio_dev *vd, unsigned queue)
{
	/* A bit that is still set means a wake-up that is still to come. */
	if (queue < vd->h.nr_queues && !atomic_fetch_or(&vd->h.kicks, BIT(queue))) {
		int fd = atomic_load(&vd->h.wake);

		if (fd >= 0)		/* else the worker begins with a look */
			os_eventfd_signal(fd);
	}
}

void virtio_notify(struct virtio_dev *vd, unsigned queue)
{
	if (queue >= vd->h.nr_queues)
		return;
	vq_count(&vd->q[queue].h.notifies, 1);
	if (vd->h.type->brief && !pthread_mutex_trylock(&vd->h.dev->lock)) {
		handle(vd, queue);
		dev_unlock(vd->h.dev);
	} else {
		virtio_kick(vd, queue);
	}
}

/* Started with the first driver: a device that no guest uses costs no thread. */
static int start_worker(struct virtio_dev *vd, struct err *e)
{
	char name[16];
	int ret;

	if (vd->h.has_worker)
		return 0;
	if (vd->h.wake < 0) {
		int fd = os_eventfd();

		if (fd < 0)
			return err_errno(e, -fd, "eventfd");
		os_eventfd_signal(fd);
		atomic_store(&vd->h.wake, fd);
	}
	snprintf(name, sizeof(name), "%.15s", vd->h.dev->id);
	ret = io_thread_start(&vd->h.worker, name, worker_main, vd, e);
	vd->h.has_worker = ret == 0;
	return ret;
}

/* ---- interrupts ---- */

void virtio_isr_set(struct virtio_dev *vd, unsigned bits)
{
	pthread_mutex_lock(&vd->h.irq_lock);
	__atomic_fetch_or(&vd->isr, bits, __ATOMIC_RELEASE);	/* read without the lock */
	if (vd->h.ops)
		vd->h.ops->line(vd->h.transport, 1);
	pthread_mutex_unlock(&vd->h.irq_lock);
}

uint32_t virtio_isr_read(struct virtio_dev *vd)
{
	return __atomic_load_n(&vd->isr, __ATOMIC_ACQUIRE);
}

void virtio_isr_ack(struct virtio_dev *vd, uint32_t bits)
{
	pthread_mutex_lock(&vd->h.irq_lock);
	if (!__atomic_and_fetch(&vd->isr, ~bits, __ATOMIC_RELEASE) && vd->h.ops)
		vd->h.ops->line(vd->h.transport, 0);
	pthread_mutex_unlock(&vd->h.irq_lock);
}

void virtio_isr_resend(struct virtio_dev *vd)
{
	pthread_mutex_lock(&vd->h.irq_lock);
	if (vd->h.ops)
		vd->h.ops->line(vd->h.transport, vd->isr != 0);
	pthread_mutex_unlock(&vd->h.irq_lock);
}

void virtio_queue_interrupt(struct virtio_dev *vd, unsigned queue)
{
	const struct virtio_transport *ops = vd->h.ops;

	vq_count(&vd->q[queue].h.interrupts, 1);
	if (ops)
		ops->interrupt(vd->h.transport, (int)queue);
}

void virtio_break(struct virtio_dev *vd, const char *fmt, ...)
{
	uint8_t old = __atomic_fetch_or(&vd->status, VIRTIO_NEEDS_RESET, __ATOMIC_ACQ_REL);
	char why[128];
	va_list ap;

	if (old & VIRTIO_NEEDS_RESET)
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_guest("%s: %s; the device waits for a reset", vd->h.dev->id, why);
	if (old & VIRTIO_DRIVER_OK)
		virtio_config_changed(vd);
}

void virtio_config_changed(struct virtio_dev *vd)
{
	__atomic_fetch_add(&vd->config_generation, 1, __ATOMIC_ACQ_REL);
	/* The engine's chips may be on their way: what comes in now is not in them afterwards. */
	if (vd->h.paused)
		vd->h.config_due = true;
	else if ((virtio_status(vd) & VIRTIO_DRIVER_OK) && vd->h.ops)
		vd->h.ops->interrupt(vd->h.transport, -1);
}

void virtio_reset(struct virtio_dev *vd)
{
	vd->h.type->quiesce(vd);
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		vq_reset(&vd->q[i]);
	atomic_store(&vd->h.kicks, 0);
	vd->h.paused = vd->h.config_due = false;
	vd->driver_features = 0;
	__atomic_store_n(&vd->status, 0, __ATOMIC_RELEASE);
	update_doorbells(vd);
	virtio_isr_ack(vd, UINT32_MAX);
	if (vd->h.type->reset)
		vd->h.type->reset(vd);
}

static void start(struct virtio_dev *vd)
{
	struct err e = { 0 };

	if (!is_active(vd))
		return;
	if (start_worker(vd, &e) < 0) {
		log_error("%s: %s", vd->h.dev->id, e.msg);
		virtio_break(vd, "no worker thread");
		return;
	}
	update_doorbells(vd);
	if (vd->h.type->start)
		vd->h.type->start(vd);
	for (unsigned i = 0; i < vd->h.nr_queues; i++)
		if (vd->q[i].ready)
			virtio_kick(vd, i);
}

void virtio_set_status(struct virtio_dev *vd, uint32_t status)
{
	uint8_t old = virtio_status(vd), add = (uint8_t)(status & ~(uint32_t)old);

	if (!status) {
		virtio_reset(vd);
		return;
	}
	/*
	 * 2.2.2: features are accepted as a whole or not at all; a driver of
	 * before 1.0 has no place here.
	 */
	if ((add & VIRTIO_FEATURES_OK) && ((vd->driver_features & ~vd->h.features) ||
					   !(vd->driver_features & VIRTIO_F_VERSION_1)))
		add &= (uint8_t)~VIRTIO_FEATURES_OK;
	if ((add & VIRTIO_DRIVER_OK) && !((old | add) & VIRTIO_FEATURES_OK))
		add &= (uint8_t)~VIRTIO_DRIVER_OK;	/* 3.1.1 */
	add &= (uint8_t)~VIRTIO_NEEDS_RESET;
	__atomic_fetch_or(&vd->status, add, __ATOMIC_ACQ_REL);
	if (add & VIRTIO_DRIVER_OK)
		start(vd);
}

void virtio_queue_enable(struct virtio_dev *vd, unsigned queue)
{
	struct virtqueue *q = &vd->q[queue];

	if (queue >= vd->h.nr_queues || q->ready)
		return;
	if (!(virtio_status(vd) & VIRTIO_FEATURES_OK)) {
		virtio_break(vd, "queue %u enabled before features", queue);
		return;
	}
	if (vq_bind(q) < 0) {
		virtio_break(vd, "queue %u: bad size or address", queue);
		return;
	}
	q->ready = true;
	if (virtio_is_running(vd)) {		/* after a queue reset */
		update_doorbells(vd);
		virtio_kick(vd, queue);
	}
}

void virtio_queue_disable(struct virtio_dev *vd, unsigned queue, bool reset)
{
	struct virtqueue *q = &vd->q[queue];

	if (queue >= vd->h.nr_queues || !q->ready)
		return;
	vd->h.type->quiesce(vd);
	if (reset) {
		vq_reset(q);
	} else {
		vq_unbind(q);
		q->ready = false;
	}
	update_doorbells(vd);
	if (!is_active(vd))
		return;
	if (vd->h.type->start)
		vd->h.type->start(vd);
	/* what quiesce put back into the other rings is looked at again */
	for (unsigned i = 0; i < vd->h.nr_queues; i++)
		if (vd->q[i].ready)
			virtio_kick(vd, i);
}

void virtio_set_dma(struct virtio_dev *vd, bool on)
{
	if (on == !vd->h.no_dma)
		return;
	vd->h.no_dma = !on;
	if (on)
		start(vd);
	else
		vd->h.type->quiesce(vd);
}

uint32_t virtio_config_read(struct virtio_dev *vd, unsigned off, unsigned size)
{
	uint8_t cfg[VIRTIO_CONFIG_SIZE] = { 0 };

	if (size > 4 || off > VIRTIO_CONFIG_SIZE - size)
		return 0;
	dev_lock(vd->h.dev);
	vd->h.type->config_read(vd, cfg);
	dev_unlock(vd->h.dev);
	return size == 1 ? cfg[off] : size == 2 ? ld_le16(cfg + off) : ld_le32(cfg + off);
}

void virtio_config_write(struct virtio_dev *vd, unsigned off, uint32_t val, unsigned size)
{
	if (!vd->h.type->config_write || size > 4 || off > VIRTIO_CONFIG_SIZE - size)
		return;
	dev_lock(vd->h.dev);
	vd->h.type->config_write(vd, off, val, size);
	dev_unlock(vd->h.dev);
}

void virtio_attach(struct virtio_dev *vd, const struct virtio_transport *ops, void *transport)
{
	dev_lock(vd->h.dev);
	if (!ops) {
		/* back ends' threads are in the transport when they interrupt: it is freed next */
		vd->h.paused = true;
		vd->h.type->quiesce(vd);
	}
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES && !ops; i++)
		unbind(vd, i);
	pthread_mutex_lock(&vd->h.irq_lock);
	vd->h.ops = ops;
	vd->h.transport = transport;
	pthread_mutex_unlock(&vd->h.irq_lock);
	dev_unlock(vd->h.dev);
}

/* Guest memory is laid out before devices are restored: the rings' addresses are looked up here. */
int virtio_loaded(struct virtio_dev *vd, struct err *e)
{
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++) {
		struct virtqueue *q = &vd->q[i];

		q->h.live = false;
		if (!q->ready)
			continue;
		if (i >= vd->h.nr_queues || vq_bind(q) < 0)
			return err_set(e, EINVAL, "queue %u has a bad size or address", i);
	}
	vd->h.paused = true;
	vd->h.config_due = false;
	update_doorbells(vd);
	return 0;
}

void virtio_quiesce(struct dev *d)
{
	struct virtio_dev *vd = virtio_dev_of(d);

	if (!vd)
		return;
	dev_lock(d);
	vd->h.paused = true;
	vd->h.type->quiesce(vd);
	dev_unlock(d);
}

void virtio_resume(struct dev *d)
{
	struct virtio_dev *vd = virtio_dev_of(d);

	if (!vd)
		return;
	dev_lock(d);
	vd->h.paused = false;
	virtio_isr_resend(vd);		/* the line is not the device's to save */
	if (atomic_exchange(&vd->h.config_due, false))
		virtio_config_changed(vd);
	start(vd);
	dev_unlock(d);
}
