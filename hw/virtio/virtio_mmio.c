/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of virtio 1.2, 4.2.2. Four regions: the notification register is one
 * of its own, because a write there only says that there is work (an engine may turn
 * it into an event descriptor), and the interrupt status is read without any lock.
 */
#include "hw/virtio/virtio_mmio.h"

#include <errno.h>

#include "hw/core/fdt.h"
#include "hw/core/state.h"
#include "hw/virtio/virtio.h"

enum {
	R_MAGIC = 0x00, R_VERSION = 0x04, R_DEVICE_ID = 0x08, R_VENDOR_ID = 0x0c,
	R_DEVICE_FEATURES = 0x10, R_DEVICE_FEATURES_SEL = 0x14,
	R_DRIVER_FEATURES = 0x20, R_DRIVER_FEATURES_SEL = 0x24,
	R_QUEUE_SEL = 0x30, R_QUEUE_NUM_MAX = 0x34, R_QUEUE_NUM = 0x38, R_QUEUE_READY = 0x44,
	R_QUEUE_NOTIFY = 0x50, R_INTERRUPT_STATUS = 0x60, R_INTERRUPT_ACK = 0x64, R_STATUS = 0x70,
	R_QUEUE_DESC = 0x80, R_QUEUE_DRIVER = 0x90, R_QUEUE_DEVICE = 0xa0,
	R_SHM_LEN_LOW = 0xb0, R_SHM_BASE_HIGH = 0xbc, R_QUEUE_RESET = 0xc0, R_GENERATION = 0xfc,
	R_CONFIG = 0x100,
};

#define MAGIC 0x74726976u		/* "virt" */
#define VENDOR 0x49424d41u		/* "AMBI" */

struct virtio_mmio {
	struct dev dev;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	struct virtio_dev *vd;		/* NULL: an empty slot */
};

static struct virtio_mmio *mmio(struct dev *d) { return DEV_STATE(struct virtio_mmio, d); }

static uint32_t feature_word(uint64_t features, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(features >> 32 * sel) : 0;
}

static struct virtqueue *selected(struct virtio_mmio *t)
{
	return t->queue_sel < t->vd->h.nr_queues ? &t->vd->q[t->queue_sel] : NULL;
}

static uint32_t read_locked(struct virtio_mmio *t, uint64_t off)
{
	struct virtio_dev *vd = t->vd;
	struct virtqueue *q = selected(t);

	switch (off) {
	case R_DEVICE_FEATURES: return feature_word(vd->h.features, t->device_features_sel);
	case R_QUEUE_NUM_MAX: return q ? VQ_MAX_SIZE : 0;
	case R_QUEUE_READY: return q && q->ready;
	case R_STATUS: return virtio_status(vd);
	case R_GENERATION: return vd->config_generation;
	case R_QUEUE_RESET: return 0;	/* a reset is over when the write returns */
	}
	if (off >= R_SHM_LEN_LOW && off <= R_SHM_BASE_HIGH)
		return UINT32_MAX;	/* 4.2.2: no such shared memory */
	return 0;
}

static uint64_t regs_read(struct dev *d, uint64_t off, unsigned size)
{
	struct virtio_mmio *t = mmio(d);
	uint32_t v;

	switch (off) {
	case R_MAGIC: return MAGIC;
	case R_VERSION: return 2;
	case R_DEVICE_ID: return t->vd ? t->vd->h.type->id : 0;
	case R_VENDOR_ID: return VENDOR;
	}
	if (!t->vd)
		return 0;
	if (off == R_INTERRUPT_STATUS)
		return virtio_isr_read(t->vd);
	dev_lock(t->vd->h.dev);
	v = read_locked(t, off);
	dev_unlock(t->vd->h.dev);
	return v;
}

static void set_half(uint64_t *reg, bool high, uint32_t v)
{
	*reg = high ? (*reg & UINT32_MAX) | (uint64_t)v << 32 : (*reg & ~(uint64_t)UINT32_MAX) | v;
}

static void write_queue(struct virtio_mmio *t, struct virtqueue *q, uint64_t off, uint32_t v)
{
	bool high = off & 4;

	if (off == R_QUEUE_READY) {
		if (v & 1)
			virtio_queue_enable(t->vd, t->queue_sel);
		else
			virtio_queue_disable(t->vd, t->queue_sel, false);
		return;
	}
	if (off == R_QUEUE_RESET) {
		if (v & 1)
			virtio_queue_disable(t->vd, t->queue_sel, true);
		return;
	}
	if (q->ready)
		return;			/* 4.2.2.2: fixed while the queue is in use */
	switch (off & ~UINT64_C(4)) {
	case R_QUEUE_NUM & ~4: q->num = v > VQ_MAX_SIZE ? 0 : (uint16_t)v; break;
	case R_QUEUE_DESC: set_half(&q->desc, high, v); break;
	case R_QUEUE_DRIVER: set_half(&q->avail, high, v); break;
	case R_QUEUE_DEVICE: set_half(&q->used, high, v); break;
	}
}

static void write_locked(struct virtio_mmio *t, uint64_t off, uint32_t v)
{
	struct virtio_dev *vd = t->vd;

	switch (off) {
	case R_DEVICE_FEATURES_SEL: t->device_features_sel = v; break;
	case R_DRIVER_FEATURES_SEL: t->driver_features_sel = v; break;
	case R_DRIVER_FEATURES:
		if (t->driver_features_sel < 2 && !(virtio_status(vd) & VIRTIO_FEATURES_OK))
			set_half(&vd->driver_features, t->driver_features_sel, v);
		break;
	case R_QUEUE_SEL: t->queue_sel = v; break;
	case R_STATUS:
		if (!v)
			t->device_features_sel = t->driver_features_sel = t->queue_sel = 0;
		virtio_set_status(vd, v);
		break;
	case R_QUEUE_NUM: case R_QUEUE_READY: case R_QUEUE_RESET:
	case R_QUEUE_DESC: case R_QUEUE_DESC + 4: case R_QUEUE_DRIVER: case R_QUEUE_DRIVER + 4:
	case R_QUEUE_DEVICE: case R_QUEUE_DEVICE + 4:
		if (selected(t))
			write_queue(t, selected(t), off, v);
		break;
	}
}

static void regs_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct virtio_mmio *t = mmio(d);

	if (!t->vd)
		return;
	if (off == R_INTERRUPT_ACK) {
		virtio_isr_ack(t->vd, (uint32_t)val);
		return;
	}
	dev_lock(t->vd->h.dev);
	write_locked(t, off, (uint32_t)val);
	dev_unlock(t->vd->h.dev);
}

static void notify_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct virtio_mmio *t = mmio(d);

	if (t->vd && val < VIRTIO_MAX_QUEUES)
		virtio_notify(t->vd, (unsigned)val);
}

static uint64_t tail_read(struct dev *d, uint64_t off, unsigned size)
{
	return regs_read(d, off + R_QUEUE_NOTIFY + 4, size);
}

static void tail_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	regs_write(d, off + R_QUEUE_NOTIFY + 4, val, size);
}

static uint64_t config_read(struct dev *d, uint64_t off, unsigned size)
{
	struct virtio_mmio *t = mmio(d);

	return t->vd ? virtio_config_read(t->vd, (unsigned)off, size) : 0;
}

static void config_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct virtio_mmio *t = mmio(d);

	if (t->vd)
		virtio_config_write(t->vd, (unsigned)off, (uint32_t)val, size);
}

enum { REGION_REGS, REGION_NOTIFY, REGION_TAIL, REGION_CONFIG, NR_REGIONS };

static const struct region regions[NR_REGIONS] = {
	{ "regs", R_QUEUE_NOTIFY, 4, 4, REGION_UNLOCKED, regs_read, regs_write },
	{ "notify", 4, 4, 4, REGION_UNLOCKED | REGION_DOORBELL, NULL, notify_write },
	{ "regs-tail", R_CONFIG - R_QUEUE_NOTIFY - 4, 4, 4, REGION_UNLOCKED, tail_read,
	  tail_write },
	{ "config", VIRTIO_MMIO_SIZE - R_CONFIG, 1, 4, REGION_UNLOCKED, config_read, config_write },
};

int virtio_mmio_place(struct dev *slot, struct space *s, uint64_t base, struct err *e)
{
	static const unsigned at[NR_REGIONS] = { 0, R_QUEUE_NOTIFY, R_QUEUE_NOTIFY + 4, R_CONFIG };

	for (unsigned i = 0; i < NR_REGIONS; i++) {
		int ret = dev_map(slot, i, s, base + at[i], e);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static void set_line(void *transport, int level)
{
	struct virtio_mmio *t = transport;

	irq_set(&t->dev.irq[0], level);
}

static void interrupt(void *transport, int queue)
{
	struct virtio_mmio *t = transport;

	virtio_isr_set(t->vd, queue < 0 ? VIRTIO_ISR_CONFIG : VIRTIO_ISR_QUEUE);
}

static bool doorbell(void *transport, unsigned queue, struct doorbell *d)
{
	struct virtio_mmio *t = transport;

	d->space = t->dev.space[REGION_NOTIFY];
	d->addr = t->dev.base[REGION_NOTIFY];
	d->len = 4;
	d->has_match = true;
	d->match = queue;
	return d->space;
}

static void on_detached(void *transport)
{
	struct virtio_mmio *t = transport;

	t->vd = NULL;
}

static const struct virtio_transport mmio_transport = {
	.interrupt = interrupt, .line = set_line, .doorbell = doorbell, .detached = on_detached,
};

int virtio_mmio_attach(struct dev *slot, struct dev *virtio, struct err *e)
{
	struct virtio_dev *vd = virtio_dev_of(virtio);
	struct virtio_mmio *t = mmio(slot);

	if (!vd || !vd->h.type)
		return err_set(e, EINVAL, "%s is not a virtio device", virtio->id);
	if (t->vd)
		return err_set(e, EBUSY, "%s is taken", slot->id);
	if (vd->h.ops)
		return err_set(e, EBUSY, "%s is attached already", virtio->id);
	t->vd = vd;
	virtio_attach(vd, &mmio_transport, t);
	return 0;
}

/* The line may come back raised, or the device's saved status may say so: both must agree. */
static int mmio_loaded(struct dev *d, struct err *e)
{
	irq_resend(&d->irq[0]);
	return 0;
}

static void mmio_fini(struct dev *d)
{
	if (mmio(d)->vd)
		virtio_attach(mmio(d)->vd, NULL, NULL);
}

static void mmio_fdt(struct dev *d, struct fdt *f)
{
	fdt_node_at(f, "virtio_mmio", d->base[0]);
	fdt_prop_str(f, "compatible", "virtio,mmio");
	fdt_prop_reg(f, d->base[0], VIRTIO_MMIO_SIZE);
	if (d->irq[0].set)
		fdt_prop_u32(f, "interrupts", d->irq_pin[0]);
	fdt_node_end(f);
}

const struct dev_type dev_virtio_mmio = {
	.name = "virtio-mmio", .help = "slot for a virtio device",
	.size = sizeof(struct virtio_mmio),
	.regions = regions, .nr_regions = NR_REGIONS, .nr_irqs = 1,
	.fini = mmio_fini, .loaded = mmio_loaded,
	.describe_fdt = mmio_fdt,
	.state = (const struct field[]){
		FIELD(struct virtio_mmio, device_features_sel),
		FIELD(struct virtio_mmio, driver_features_sel),
		FIELD(struct virtio_mmio, queue_sel),
		FIELD_SKIP(struct virtio_mmio, vd, "wiring; the device saves itself"),
		FIELD_END },
};
