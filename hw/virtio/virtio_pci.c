/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BAR 4 holds the four structures of virtio 1.2, 4.1.4, a page each, so that a write of
 * a queue's notify address is one of nothing else; BAR 1 the MSI-X table. Each queue has
 * an address of its own to notify, which tells the queue without the data.
 *
 * Registers are under the virtio device's lock, configuration space under the slot's,
 * which comes first.
 */
#include "hw/virtio/virtio_pci.h"

#include <errno.h>

#include "hw/core/state.h"
#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

enum { BAR_MSIX = 1, BAR_VIRTIO = 4 };
enum { AT_COMMON = 0x0000, AT_ISR = 0x1000, AT_DEVICE = 0x2000, AT_NOTIFY = 0x3000,
       BAR_VIRTIO_SIZE = 0x4000, BAR_MSIX_SIZE = 0x1000, AT_PBA = 0x800 };
enum { NOTIFY_MULTIPLIER = 4, ISR_SIZE = 4, COMMON_SIZE = 60 };
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_PCI = 5 };	/* 4.1.4 */
#define NO_VECTOR 0xffffu

enum {				/* 4.1.4.3 */
	C_DEVICE_FEATURE_SELECT = 0, C_DEVICE_FEATURE = 4, C_DRIVER_FEATURE_SELECT = 8,
	C_DRIVER_FEATURE = 12, C_CONFIG_VECTOR = 16, C_NUM_QUEUES = 18, C_STATUS = 20,
	C_GENERATION = 21, C_QUEUE_SELECT = 22, C_QUEUE_SIZE = 24, C_QUEUE_VECTOR = 26,
	C_QUEUE_ENABLE = 28, C_NOTIFY_OFF = 30, C_QUEUE_DESC = 32, C_QUEUE_DRIVER = 40,
	C_QUEUE_DEVICE = 48, C_NOTIFY_DATA = 56, C_QUEUE_RESET = 58,
};

enum { REGION_COMMON, REGION_ISR, REGION_DEVICE, REGION_NOTIFY, REGION_MSIX, REGION_PBA,
       NR_REGIONS };

struct virtio_pci {
	struct dev dev;
	struct pci_fn fn;
	uint32_t device_feature_select, driver_feature_select;
	uint16_t queue_select;
	/* Read by whoever sends an interrupt: atomic accesses. */
	uint16_t config_vector, queue_vector[VIRTIO_MAX_QUEUES];
	struct pci_type type;
	struct virtio_dev *vd;		/* NULL: an empty slot */
	uint8_t pci_cap;		/* offset of the capability that gives access to BARs */
	bool doorbells;			/* property */
	bool express;			/* property */
};

static struct virtio_pci *pci_of(struct dev *d) { return DEV_STATE(struct virtio_pci, d); }

static struct virtio_pci *of_fn(struct pci_fn *f) { return pci_of(f->h.dev); }

/* ---- common configuration ---- */

static uint32_t feature_word(uint64_t features, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(features >> 32 * sel) : 0;
}

static struct virtqueue *selected(struct virtio_pci *t)
{
	return t->queue_select < t->vd->h.nr_queues ? &t->vd->q[t->queue_select] : NULL;
}

/* 4.1.4.3: the largest size, until the driver asks for less. */
static uint16_t queue_size(const struct virtqueue *q) { return q->num ? q->num : VQ_MAX_SIZE; }

/* The four bytes at off, whichever fields they are of. */
static uint32_t common_word(struct virtio_pci *t, unsigned off)
{
	struct virtio_dev *vd = t->vd;
	struct virtqueue *q = selected(t);

	switch (off) {
	case C_DEVICE_FEATURE_SELECT: return t->device_feature_select;
	case C_DEVICE_FEATURE: return feature_word(vd->h.features, t->device_feature_select);
	case C_DRIVER_FEATURE_SELECT: return t->driver_feature_select;
	case C_DRIVER_FEATURE: return feature_word(vd->driver_features, t->driver_feature_select);
	case C_CONFIG_VECTOR: return t->config_vector | vd->h.nr_queues << 16;
	case C_STATUS:
		return virtio_status(vd) | (vd->config_generation & 0xff) << 8 |
		       (uint32_t)t->queue_select << 16;
	}
	if (!q)
		return off == C_QUEUE_SIZE ? NO_VECTOR << 16 : 0;
	switch (off) {
	case C_QUEUE_SIZE: return queue_size(q) | (uint32_t)t->queue_vector[q->h.index] << 16;
	case C_QUEUE_ENABLE: return q->ready | q->h.index << 16;
	case C_QUEUE_DESC: return (uint32_t)q->desc;
	case C_QUEUE_DESC + 4: return (uint32_t)(q->desc >> 32);
	case C_QUEUE_DRIVER: return (uint32_t)q->avail;
	case C_QUEUE_DRIVER + 4: return (uint32_t)(q->avail >> 32);
	case C_QUEUE_DEVICE: return (uint32_t)q->used;
	case C_QUEUE_DEVICE + 4: return (uint32_t)(q->used >> 32);
	case C_NOTIFY_DATA: return q->h.index;	/* and no reset is going on: it ended at once */
	}
	return 0;
}

static uint64_t common_read(struct dev *d, uint64_t off, unsigned size)
{
	struct virtio_pci *t = pci_of(d);
	uint32_t v;

	if (!t->vd)
		return 0;
	dev_lock(t->vd->h.dev);
	v = common_word(t, off & ~3u);
	dev_unlock(t->vd->h.dev);
	return v >> 8 * (off & 3);
}

static void set_half(uint64_t *reg, bool high, uint32_t v)
{
	*reg = high ? (*reg & UINT32_MAX) | (uint64_t)v << 32 : (*reg & ~(uint64_t)UINT32_MAX) | v;
}

static void set_vector(struct virtio_pci *t, uint16_t *at, uint32_t v)
{
	/* 4.1.5.1.2: what cannot be mapped reads back as none. */
	__atomic_store_n(at, v < t->fn.h.nr_msix ? (uint16_t)v : NO_VECTOR, __ATOMIC_RELEASE);
}

/* What a driver finds after a reset. */
static void fresh(struct virtio_pci *t)
{
	t->device_feature_select = t->driver_feature_select = 0;
	t->queue_select = 0;
	set_vector(t, &t->config_vector, NO_VECTOR);
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		set_vector(t, &t->queue_vector[i], NO_VECTOR);
}

static void write_queue(struct virtio_pci *t, struct virtqueue *q, unsigned off, uint32_t v)
{
	unsigned i = q->h.index;

	switch (off) {
	case C_QUEUE_VECTOR: set_vector(t, &t->queue_vector[i], v); return;
	case C_QUEUE_ENABLE:
		if (v == 1 && !q->ready) {
			q->num = queue_size(q);
			virtio_queue_enable(t->vd, i);
		}
		return;
	case C_QUEUE_RESET:
		if (v == 1 && (t->vd->driver_features & VIRTIO_F_RING_RESET) && q->ready) {
			virtio_queue_disable(t->vd, i, true);
			set_vector(t, &t->queue_vector[i], NO_VECTOR);
		}
		return;
	}
	if (q->ready)
		return;			/* 4.1.4.3.2: fixed while the queue is in use */
	switch (off & ~4u) {
	case C_QUEUE_SIZE & ~4u: q->num = (uint16_t)v; break;
	case C_QUEUE_DESC: set_half(&q->desc, off & 4, v); break;
	case C_QUEUE_DRIVER & ~4u: set_half(&q->avail, off & 4, v); break;
	case C_QUEUE_DEVICE & ~4u: set_half(&q->used, off & 4, v); break;
	}
}

/* Bytes of the field at off: a write of any other size is none that 4.1.3.1 allows. */
static unsigned field_size(unsigned off)
{
	if (off == C_STATUS || off == C_GENERATION)
		return 1;
	if (off < C_CONFIG_VECTOR || (off >= C_QUEUE_DESC && off < C_NOTIFY_DATA))
		return 4;
	return 2;
}

static void write_locked(struct virtio_pci *t, unsigned off, uint32_t v)
{
	struct virtio_dev *vd = t->vd;

	switch (off) {
	case C_DEVICE_FEATURE_SELECT: t->device_feature_select = v; break;
	case C_DRIVER_FEATURE_SELECT: t->driver_feature_select = v; break;
	case C_DRIVER_FEATURE:
		if (t->driver_feature_select < 2 && !(virtio_status(vd) & VIRTIO_FEATURES_OK))
			set_half(&vd->driver_features, t->driver_feature_select, v);
		break;
	case C_CONFIG_VECTOR: set_vector(t, &t->config_vector, v); break;
	case C_STATUS:
		virtio_set_status(vd, v);
		if (!v)
			fresh(t);
		break;
	case C_QUEUE_SELECT: t->queue_select = (uint16_t)v; break;
	default:
		if (off > C_QUEUE_SELECT && selected(t))
			write_queue(t, selected(t), off, v);
	}
}

static void common_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct virtio_pci *t = pci_of(d);

	if (!t->vd || size != field_size((unsigned)off))
		return;
	dev_lock(t->vd->h.dev);
	write_locked(t, (unsigned)off, (uint32_t)val);
	dev_unlock(t->vd->h.dev);
}

/* ---- the other structures ---- */

static uint64_t isr_read(struct dev *d, uint64_t off, unsigned size)
{
	struct virtio_pci *t = pci_of(d);
	uint32_t v;

	if (!t->vd || off)
		return 0;
	v = virtio_isr_read(t->vd);
	if (v)
		virtio_isr_ack(t->vd, v);	/* 4.1.4.5: reading it ends the interrupt */
	return v;
}

static void notify_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct virtio_pci *t = pci_of(d);

	if (t->vd && off % NOTIFY_MULTIPLIER == 0)
		virtio_notify(t->vd, (unsigned)off / NOTIFY_MULTIPLIER);
}

static uint64_t device_read(struct dev *d, uint64_t off, unsigned size)
{
	struct virtio_pci *t = pci_of(d);

	return t->vd ? virtio_config_read(t->vd, (unsigned)off, size) : 0;
}

static void device_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct virtio_pci *t = pci_of(d);

	if (t->vd)
		virtio_config_write(t->vd, (unsigned)off, (uint32_t)val, size);
}

static const struct region regions[NR_REGIONS] = {
	{ "common", COMMON_SIZE, 1, 4, REGION_UNLOCKED, common_read, common_write },
	{ "isr", ISR_SIZE, 1, 4, REGION_UNLOCKED, isr_read, NULL },
	{ "device", VIRTIO_CONFIG_SIZE, 1, 4, REGION_UNLOCKED, device_read, device_write },
	{ "notify", NOTIFY_MULTIPLIER * VIRTIO_MAX_QUEUES, 1, 4,
	  REGION_UNLOCKED | REGION_DOORBELL, NULL, notify_write },
	{ "msix-table", 16 * PCI_MAX_MSIX, 4, 8, 0, pci_msix_table_read, pci_msix_table_write },
	{ "msix-pba", 8, 4, 8, 0, pci_msix_pba_read, NULL },
};

/* ---- access by configuration space (4.1.4.9), for whoever cannot map BARs ---- */

static bool window(struct virtio_pci *t, const struct region **r, uint32_t *off, unsigned *size)
{
	static const uint16_t at[] = { AT_COMMON, AT_ISR, AT_DEVICE, AT_NOTIFY };
	const uint8_t *cap = t->fn.cfg + t->pci_cap;
	uint32_t offset = ld_le32(cap + 8);

	*size = ld_le32(cap + 12);
	if (cap[4] != BAR_VIRTIO || (*size != 1 && *size != 2 && *size != 4) || offset % *size)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		*r = &regions[i];
		*off = offset - at[i];
		if (*off < (*r)->size && *size <= (*r)->size - *off)
			return true;
	}
	return false;
}

static bool touches_window(struct virtio_pci *t, unsigned off, unsigned n)
{
	return t->pci_cap && off < t->pci_cap + 20u && off + n > t->pci_cap + 16u;
}

static void config_read(struct pci_fn *f, unsigned off, unsigned n)
{
	struct virtio_pci *t = of_fn(f);
	const struct region *r;
	uint32_t at;
	unsigned size;

	if (!touches_window(t, off, n) || !window(t, &r, &at, &size) || !r->read)
		return;
	st_le32(f->cfg + t->pci_cap + 16, (uint32_t)(r->read(&t->dev, at, size) &
						     mask_bits(8 * size)));
}

static void config_written(struct pci_fn *f, unsigned off, unsigned n)
{
	struct virtio_pci *t = of_fn(f);
	const struct region *r;
	uint32_t at;
	unsigned size;

	if (!t->vd)
		return;
	if (off <= PCI_COMMAND + 1 && off + n > PCI_COMMAND) {
		dev_lock(t->vd->h.dev);
		virtio_set_dma(t->vd, pci_is_master(f));
		dev_unlock(t->vd->h.dev);
	}
	if (f->h.msix && off < f->h.msix + 4u && off + n > f->h.msix + 2u)
		virtio_isr_resend(t->vd);	/* no line beside messages */
	if (touches_window(t, off, n) && window(t, &r, &at, &size) && r->write)
		r->write(&t->dev, at, ld_le32(f->cfg + t->pci_cap + 16) & mask_bits(8 * size),
			 size);
}

static void bars_changed(struct pci_fn *f)
{
	struct virtio_pci *t = of_fn(f);

	if (!t->vd)
		return;
	dev_lock(t->vd->h.dev);
	virtio_doorbells_moved(t->vd);
	dev_unlock(t->vd->h.dev);
}

/* ---- what the device asks of us ---- */

static void interrupt(void *transport, int queue)
{
	struct virtio_pci *t = transport;
	uint16_t *at = queue < 0 ? &t->config_vector : &t->queue_vector[queue];
	uint16_t vector = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	if (!pci_msix_enabled(&t->fn))
		virtio_isr_set(t->vd, queue < 0 ? VIRTIO_ISR_CONFIG : VIRTIO_ISR_QUEUE);
	else if (vector < t->fn.h.nr_msix)
		pci_msix_send(&t->fn, vector);
}

static void set_line(void *transport, int level)
{
	struct virtio_pci *t = transport;

	pci_set_intx(&t->fn, level && !pci_msix_enabled(&t->fn));
}

static bool doorbell(void *transport, unsigned queue, struct doorbell *d)
{
	struct virtio_pci *t = transport;
	uint64_t bar = pci_bar_addr(&t->fn, BAR_VIRTIO);

	if (!t->doorbells || bar == UINT64_MAX)
		return false;
	d->space = t->dev.machine->mmio;
	d->addr = bar + AT_NOTIFY + NOTIFY_MULTIPLIER * queue;
	d->len = 0;			/* an engine need not decode the write */
	return true;
}

static void on_detached(void *transport)
{
	struct virtio_pci *t = transport;

	t->vd = NULL;
}

static const struct virtio_transport pci_transport = {
	.interrupt = interrupt, .line = set_line, .doorbell = doorbell, .detached = on_detached,
};

/* ---- the slot ---- */

static uint32_t class_of(uint16_t id)
{
	switch (id) {
	case VIRTIO_ID_NET: return 0x020000;
	case VIRTIO_ID_BLOCK: return 0x010000;
	case VIRTIO_ID_CONSOLE: return 0x078000;
	case VIRTIO_ID_VSOCK: return 0x028000;
	default: return 0x00ff00;
	}
}

static int add_cap(struct virtio_pci *t, uint8_t type, uint32_t off, uint32_t len, unsigned size)
{
	int at = pci_add_cap(&t->fn, PCI_CAP_ID_VNDR, size);

	if (at < 0)
		return at;
	pci_config_init(&t->fn, (unsigned)at + 2, 1, size, 0);
	pci_config_init(&t->fn, (unsigned)at + 3, 1, type, 0);
	pci_config_init(&t->fn, (unsigned)at + 4, 1, BAR_VIRTIO, 0);
	pci_config_init(&t->fn, (unsigned)at + 8, 4, off, 0);
	pci_config_init(&t->fn, (unsigned)at + 12, 4, len, 0);
	return at;
}

static int add_caps(struct virtio_pci *t)
{
	unsigned nr_queues = t->vd->h.nr_queues;
	int ret, notify, window_at;

	ret = pci_add_msix(&t->fn, MIN(nr_queues + 1, (unsigned)PCI_MAX_MSIX), BAR_MSIX, 0,
			   REGION_MSIX, AT_PBA, REGION_PBA);
	if (ret < 0)
		return ret;
	if ((ret = add_cap(t, CAP_COMMON, AT_COMMON, COMMON_SIZE, 16)) < 0 ||
	    (ret = add_cap(t, CAP_ISR, AT_ISR, 1, 16)) < 0 ||
	    (ret = add_cap(t, CAP_DEVICE, AT_DEVICE, VIRTIO_CONFIG_SIZE, 16)) < 0 ||
	    (notify = ret = add_cap(t, CAP_NOTIFY, AT_NOTIFY, NOTIFY_MULTIPLIER * nr_queues,
				    20)) < 0 ||
	    (window_at = ret = add_cap(t, CAP_PCI, 0, 0, 20)) < 0)
		return ret;
	pci_config_init(&t->fn, (unsigned)notify + 16, 4, NOTIFY_MULTIPLIER, 0);
	pci_config_init(&t->fn, (unsigned)window_at + 4, 1, 0, 0xff);
	pci_config_init(&t->fn, (unsigned)window_at + 8, 4, 0, UINT32_MAX);
	pci_config_init(&t->fn, (unsigned)window_at + 12, 4, 0, UINT32_MAX);
	pci_config_init(&t->fn, (unsigned)window_at + 16, 4, 0, UINT32_MAX);
	t->pci_cap = (uint8_t)window_at;
	return t->express ? pci_add_express(&t->fn, false) : 0;
}

int virtio_pci_attach(struct dev *slot, struct dev *virtio, struct err *e)
{
	static const unsigned at[] = { AT_COMMON, AT_ISR, AT_DEVICE, AT_NOTIFY };
	struct virtio_dev *vd = virtio_dev_of(virtio);
	struct virtio_pci *t = pci_of(slot);
	int ret;

	if (!vd || !vd->h.type)
		return err_set(e, EINVAL, "%s is not a virtio device", virtio->id);
	if (t->vd)
		return err_set(e, EBUSY, "%s is taken", slot->id);
	if (vd->h.ops)
		return err_set(e, EBUSY, "%s is attached already", virtio->id);
	t->vd = vd;
	t->type.device = (uint16_t)(0x1040 + vd->h.type->id);	/* 4.1.2 */
	t->type.class = class_of(vd->h.type->id);
	pci_config_init(&t->fn, PCI_DEVICE_ID, 2, t->type.device, 0);
	pci_config_init(&t->fn, PCI_SUBSYSTEM_ID, 2, t->type.device, 0);
	pci_config_init(&t->fn, PCI_CLASS_PROG, 1, t->type.class & 0xff, 0);
	pci_config_init(&t->fn, PCI_CLASS_DEVICE, 2, t->type.class >> 8, 0);
	pci_set_bar(&t->fn, BAR_MSIX, BAR_MSIX_SIZE, 0);
	pci_set_bar(&t->fn, BAR_VIRTIO, BAR_VIRTIO_SIZE, PCI_BAR_64);
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
		pci_bar_part(&t->fn, BAR_VIRTIO, i, at[i]);
	ret = add_caps(t);
	if (ret < 0) {
		t->vd = NULL;
		return err_set(e, -ret, "%s: no room for capabilities", slot->id);
	}
	virtio_attach(vd, &pci_transport, t);
	dev_lock(slot);
	pci_reset(&t->fn);
	fresh(t);
	dev_lock(virtio);
	virtio_set_dma(vd, false);
	dev_unlock(virtio);
	dev_unlock(slot);
	return 0;
}

static int slot_init(struct dev *d, struct err *e)
{
	struct virtio_pci *t = pci_of(d);

	t->type = (struct pci_type){
		.vendor = 0x1af4, .subsystem_vendor = 0x1af4, .revision = 1, .intx_pin = 1,
		.device = 0x1040, .subsystem = 0x1040, .class = class_of(0),
		.config_written = config_written, .config_read = config_read,
		.bars_changed = bars_changed,
	};
	return pci_init(&t->fn, d, &t->type, e);
}

/* The device may be reset before us or after: what is its own it does itself. */
static void slot_reset(struct dev *d, enum reset_kind kind)
{
	struct virtio_pci *t = pci_of(d);

	pci_reset(&t->fn);
	fresh(t);
	if (!t->vd)
		return;
	dev_lock(t->vd->h.dev);
	virtio_set_dma(t->vd, false);
	dev_unlock(t->vd->h.dev);
}

static int slot_loaded(struct dev *d, struct err *e)
{
	struct virtio_pci *t = pci_of(d);
	int ret = pci_loaded(&t->fn, e);

	if (ret < 0 || !t->vd)
		return ret;
	/* Vectors out of range are harmless: they are looked at again before they are sent. */
	dev_lock(t->vd->h.dev);
	virtio_set_dma(t->vd, pci_is_master(&t->fn));
	virtio_doorbells_moved(t->vd);
	dev_unlock(t->vd->h.dev);
	virtio_isr_resend(t->vd);
	return 0;
}

static void slot_fini(struct dev *d)
{
	struct virtio_pci *t = pci_of(d);

	if (t->vd)
		virtio_attach(t->vd, NULL, NULL);
	t->vd = NULL;
	pci_fini(&t->fn);
}

const struct dev_type dev_virtio_pci = {
	.name = "virtio-pci", .help = "PCI function for a virtio device",
	.size = sizeof(struct virtio_pci),
	.regions = regions, .nr_regions = NR_REGIONS,
	.props = (const struct prop[]){
		PROP(struct virtio_pci, doorbells, PROP_BOOL,
		     "notifications may bypass the vCPU's thread", "on"),
		PROP(struct virtio_pci, express, PROP_BOOL, "is an endpoint below a root port",
		     "off"),
		PROP_END },
	.state = (const struct field[]){
		PCI_FIELDS(struct virtio_pci, fn),
		FIELD(struct virtio_pci, device_feature_select),
		FIELD(struct virtio_pci, driver_feature_select),
		FIELD(struct virtio_pci, queue_select),
		FIELD(struct virtio_pci, config_vector),
		FIELD_ARRAY(struct virtio_pci, queue_vector),
		FIELD_SKIP(struct virtio_pci, type, "wiring"),
		FIELD_SKIP(struct virtio_pci, vd, "wiring; the device saves itself"),
		FIELD_SKIP(struct virtio_pci, pci_cap, "wiring"),
		FIELD_END },
	.init = slot_init, .reset = slot_reset, .loaded = slot_loaded, .fini = slot_fini,
};
