/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all virtio devices share (virtio 1.2, chapter 2): feature negotiation,
 * status, queues, configuration space. A device embeds struct virtio_dev; a
 * transport (virtio_mmio.c, virtio_pci.c) drives it by the functions below.
 *
 * Threads and locks, in this order:
 *   the transport's lock   PCI configuration accesses only; never taken by what follows
 *   the device's lock      registers (but for the interrupt status) and queue handlers
 *   a queue's lock         ring indices; taken by I/O threads that complete requests
 *   vd->h.irq_lock         the interrupt status and the line
 * Completions never need the device's lock, so a reset can hold it while it waits
 * for requests in flight.
 *
 * A notification never waits. Where the engine takes doorbells (machine.engine), each
 * queue in use has an event descriptor that the engine signals, and the device's worker
 * thread waits for them all: the vCPU does not come here. Where it does not, and a handler
 * only hands requests on (disk, entropy), the notifying vCPU runs it if the device's lock
 * is free: on a host with two busy cores that took 4 to 8 us for a cached 4 KiB read,
 * against 14 to 40 us by way of a worker, whose wake-up alone cost the vCPU 8 us or more.
 * Everything else goes to the worker by a bit and a descriptor of its own, since its back
 * ends may take their time and bursts overlap with the guest.
 */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H

#include <stdatomic.h>

#include "hw/core/dev.h"
#include "hw/core/machine.h"
#include "hw/virtio/virtqueue.h"

#define VIRTIO_MAX_QUEUES 20
#define VIRTIO_CONFIG_SIZE 256u

enum {
	VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RNG = 4,
	VIRTIO_ID_BALLOON = 5, VIRTIO_ID_9P = 9, VIRTIO_ID_VSOCK = 19,
};
enum {				/* 2.1 */
	VIRTIO_ACKNOWLEDGE = 1, VIRTIO_DRIVER = 2, VIRTIO_DRIVER_OK = 4, VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 64, VIRTIO_FAILED = 128,
};
enum { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };

#define VIRTIO_F_INDIRECT_DESC	(UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX	(UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1	(UINT64_C(1) << 32)
#define VIRTIO_F_RING_PACKED	(UINT64_C(1) << 34)
#define VIRTIO_F_RING_RESET	(UINT64_C(1) << 40)

struct virtio_type {
	uint16_t id;
	/* Fills cfg (zeroed, VIRTIO_CONFIG_SIZE bytes) with the device's configuration. */
	void (*config_read)(struct virtio_dev *vd, uint8_t *cfg);
	/* may be NULL */
	void (*config_write)(struct virtio_dev *vd, unsigned off, uint32_t val, unsigned size);
	/* The driver is ready, or goes on after quiesce: lets back ends in. May be NULL. */
	void (*start)(struct virtio_dev *vd);
	/* q was notified; with the device's lock */
	void (*handle)(struct virtio_dev *vd, struct virtqueue *q);
	bool brief;		/* handle() never waits and may run on a vCPU thread */
	/* Waits until no request is in flight and no back end calls in, until start(). */
	void (*quiesce)(struct virtio_dev *vd);
	void (*reset)(struct virtio_dev *vd);		/* own state; may be NULL */
};

/* What a transport does for its device. */
struct virtio_transport {
	/* Tells the driver of used buffers (queue >= 0) or of a changed configuration (-1), by
	 * a message, or by virtio_isr_set. Any lock but irq_lock may be held. */
	void (*interrupt)(void *transport, int queue);
	/* The interrupt line that follows the interrupt status; with irq_lock. */
	void (*line)(void *transport, int level);
	/* Where the driver's notifications of a queue are written (fd is left alone); false:
	 * nowhere now. With the device's lock. */
	bool (*doorbell)(void *transport, unsigned queue, struct doorbell *d);
	void (*detached)(void *transport);	/* the device goes away first */
};

struct virtio_bell {			/* of a queue */
	_Atomic int fd;			/* -1: none yet */
	bool bound;
	struct doorbell d;		/* as bound */
};

struct virtio_host {			/* not state */
	struct dev *dev;		/* the device that embeds us */
	const struct virtio_type *type;
	uint64_t features;		/* offered */
	unsigned nr_queues;
	bool packed;			/* property: offer packed rings */
	const struct virtio_transport *ops;	/* NULL: not attached */
	void *transport;
	pthread_mutex_t irq_lock;
	pthread_t worker;
	bool has_worker;
	_Atomic bool stop;
	_Atomic bool paused;		/* between virtio_quiesce (or a load) and virtio_resume */
	_Atomic bool config_due;	/* the configuration changed meanwhile: told then */
	_Atomic bool no_dma;		/* the bus keeps the device from memory */
	_Atomic int wake;		/* event descriptor for kicks; -1 until there is a worker */
	_Atomic uint64_t kicks;		/* queues notified, one bit each */
	struct virtio_bell bell[VIRTIO_MAX_QUEUES];
};

struct virtio_dev {
	uint64_t driver_features;
	uint32_t isr;
	uint32_t config_generation;
	uint8_t status;			/* also written by virtio_break: atomic accesses */
	struct virtqueue q[VIRTIO_MAX_QUEUES];
	struct virtio_host h;
};

extern const struct field virtio_dev_fields[];
#define VIRTIO_FIELDS(T) FIELD_SUB(T, vd, struct virtio_dev, virtio_dev_fields)

/* Properties of every virtio device, for the front of its list. */
#define VIRTIO_PROPS(T) { .name = "packed", .help = "offer packed rings", .kind = PROP_BOOL,	\
	.off = offsetof(T, vd.h.packed) }

/* The virtio side of a device, or NULL where its type is none. */
struct virtio_dev *virtio_dev_of(struct dev *d);

/* For devices: in init, fini, reset and loaded of the dev_type. features: the device's own bits. */
int virtio_init(struct virtio_dev *vd, struct dev *d, const struct virtio_type *t,
		unsigned nr_queues, uint64_t features, struct err *e);
void virtio_fini(struct virtio_dev *vd);
void virtio_reset(struct virtio_dev *vd);
int  virtio_loaded(struct virtio_dev *vd, struct err *e);
void virtio_config_changed(struct virtio_dev *vd);

static inline uint8_t virtio_status(struct virtio_dev *vd)
{
	return __atomic_load_n(&vd->status, __ATOMIC_ACQUIRE);
}
static inline bool virtio_is_broken(struct virtio_dev *vd)
{
	return virtio_status(vd) & VIRTIO_NEEDS_RESET;
}
static inline bool virtio_is_running(struct virtio_dev *vd)
{
	return (virtio_status(vd) & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}
/* The driver broke the rules: DEVICE_NEEDS_RESET (2.1.1). Any lock but irq_lock may be held. */
void virtio_break(struct virtio_dev *vd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Used buffers of a queue; virtqueue.c's. Any lock but irq_lock may be held. */
void virtio_queue_interrupt(struct virtio_dev *vd, unsigned queue);
/* Has the worker handle the queue. Any thread, any lock. */
void virtio_kick(struct virtio_dev *vd, unsigned queue);
/* The driver's notification; without any lock. */
void virtio_notify(struct virtio_dev *vd, unsigned queue);

/*
 * Before a snapshot, with the vCPUs stopped: finishes what is in flight, so that the
 * rings say everything, and holds the worker. virtio_resume goes on; a device whose
 * state was loaded waits for it too. Nothing happens where d is no virtio device.
 */
void virtio_quiesce(struct dev *d);
void virtio_resume(struct dev *d);

/* `info virtio`: queues, and what passed through them, as malloc'ed text; NULL: no memory. */
char *virtio_info(struct machine *m);

/*
 * For transports; with the device's lock unless said otherwise. ops NULL: the
 * transport goes away.
 */
void virtio_attach(struct virtio_dev *vd, const struct virtio_transport *ops,
		   void *transport);				/* without the lock */
void virtio_set_status(struct virtio_dev *vd, uint32_t status);
void virtio_queue_enable(struct virtio_dev *vd, unsigned queue);
void virtio_queue_disable(struct virtio_dev *vd, unsigned queue, bool reset);
/* Bus mastering: switched off, it waits for what is in flight. */
void virtio_set_dma(struct virtio_dev *vd, bool on);
/* transport.doorbell gives other answers than before. */
void virtio_doorbells_moved(struct virtio_dev *vd);
/* Without the lock. */
uint32_t virtio_config_read(struct virtio_dev *vd, unsigned off, unsigned size);
void virtio_config_write(struct virtio_dev *vd, unsigned off, uint32_t val, unsigned size);
void virtio_isr_set(struct virtio_dev *vd, unsigned bits);	/* without irq_lock */
void virtio_isr_resend(struct virtio_dev *vd);	/* line() again; without irq_lock */
uint32_t virtio_isr_read(struct virtio_dev *vd);		/* without the lock */
void virtio_isr_ack(struct virtio_dev *vd, uint32_t bits);	/* without the lock */

#endif
