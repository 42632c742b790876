/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ring 0's half of the disks: virtio-blk on PCI, one queue each, interrupts by MSI-X, or by the
 * pin (`intx`, and always for the second disk). virtio 1.2, 2.7 (split rings), 4.1 (PCI), 5.2.
 */
#include "tests/moves/load64/load.h"

enum { QUEUE = 64, VENDOR_VIRTIO = 0x1af4, DEVICE_BLK = 0x1042, DEVICE_BLK_OLD = 0x1001 };
enum { C_FEATURE_SELECT = 8, C_FEATURE = 12, C_CONFIG_MSIX = 16, C_STATUS = 20, C_QUEUE_SELECT = 22,
       C_QUEUE_SIZE = 24, C_QUEUE_MSIX = 26, C_QUEUE_ON = 28, C_QUEUE_NOTIFY = 30, C_DESC = 32,
       C_DRIVER = 40, C_DEVICE = 48 };
enum { D_NEXT = 1, D_WRITE = 2 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

void *map_device(uint64_t at);

struct desc { uint64_t at; uint32_t len; uint16_t flags, next; };
struct disk {
	struct desc desc[QUEUE];
	struct { uint16_t flags, idx, ring[QUEUE]; } avail;
	struct { uint16_t flags, idx; struct { uint32_t id, len; } ring[QUEUE]; } used
		__attribute__((aligned(8)));
	struct { uint32_t type, reserved; uint64_t sector; } head[QUEUE / 4];
	volatile uint8_t status[QUEUE / 4];
	struct request *under_way[QUEUE / 4];
	uint16_t seen;
	volatile uint32_t lock;
	volatile uint8_t *common, *isr;
	volatile uint16_t *notify;
	bool msix;
} __attribute__((aligned(4096)));

static struct disk disks[MAX_DISKS];
unsigned nr_disks;
volatile uint64_t disk_irqs;

static volatile uint32_t *config(unsigned devfn, unsigned reg)
{
	return mmio(ECAM + ((uint64_t)devfn << 12) + reg);
}

static uint8_t config8(unsigned devfn, unsigned reg)
{
	return *(volatile uint8_t *)config(devfn, reg);
}

static uint8_t *bar(unsigned devfn, unsigned n)
{
	uint64_t v = *config(devfn, 0x10 + 4 * n);

	if ((v & 6) == 4)
		v |= (uint64_t)*config(devfn, 0x14 + 4 * n) << 32;
	return map_device(v & ~UINT64_C(15));
}

static void common8(struct disk *d, unsigned reg, uint8_t v) { d->common[reg] = v; }
static void common16(struct disk *d, unsigned reg, uint16_t v)
{
	*(volatile uint16_t *)(d->common + reg) = v;
}
static void common32(struct disk *d, unsigned reg, uint32_t v)
{
	*(volatile uint32_t *)(d->common + reg) = v;
}
static void common64(struct disk *d, unsigned reg, const volatile void *p)
{
	common32(d, reg, (uint32_t)(uintptr_t)p);
	common32(d, reg + 4, 0);
}

static void interrupts(struct disk *d, unsigned devfn, unsigned msix_cap)
{
	unsigned n = (unsigned)(d - disks), cpu = n % nr_cpus;

	if (d->msix && msix_cap) {
		volatile uint32_t *table = (volatile uint32_t *)(void *)
			(bar(devfn, *config(devfn, msix_cap + 4) & 7) +
			 (*config(devfn, msix_cap + 4) & ~7u));

		*config(devfn, msix_cap) |= 1u << 31;
		table[0] = LAPIC | cpu << 12;
		table[1] = 0;
		table[2] = V_DISK + n;
		table[3] = 0;
		common16(d, C_CONFIG_MSIX, 0xffff);
		common16(d, C_QUEUE_MSIX, 0);
		return;
	}
	d->msix = false;
	/* docs/pc.md: PIRQ E..H is (slot + pin) & 3, GSI 16 on */
	ioapic_route(20 + ((devfn >> 3) & 3), V_DISK + n, true, cpu);
}

static void disk_start(unsigned devfn, bool msix)
{
	struct disk *d = &disks[nr_disks];
	uint32_t notify_times = 0;
	unsigned msix_cap = 0;
	uint8_t *notify = 0;

	d->msix = msix;
	*config(devfn, 4) = 6;
	for (unsigned at = config8(devfn, 0x34); at; at = config8(devfn, at + 1)) {
		uint32_t offset = *config(devfn, at + 8);
		unsigned type = config8(devfn, at + 3), n = config8(devfn, at + 4);

		if (config8(devfn, at) == 0x11)
			msix_cap = at;
		if (config8(devfn, at) != 9 || type > 3)
			continue;
		if (type == 1)
			d->common = bar(devfn, n) + offset;
		if (type == 2) {
			notify = bar(devfn, n) + offset;
			notify_times = *config(devfn, at + 16);
		}
		if (type == 3)
			d->isr = bar(devfn, n) + offset;
	}
	common8(d, C_STATUS, 0);
	common8(d, C_STATUS, ACKNOWLEDGE | DRIVER);
	common32(d, C_FEATURE_SELECT, 0);
	common32(d, C_FEATURE, 1u << 9);			/* VIRTIO_BLK_F_FLUSH */
	common32(d, C_FEATURE_SELECT, 1);
	common32(d, C_FEATURE, 1);				/* VIRTIO_F_VERSION_1 */
	common8(d, C_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	common16(d, C_QUEUE_SELECT, 0);
	common16(d, C_QUEUE_SIZE, QUEUE);
	interrupts(d, devfn, msix_cap);
	common64(d, C_DESC, d->desc);
	common64(d, C_DRIVER, &d->avail);
	common64(d, C_DEVICE, &d->used);
	d->notify = (volatile uint16_t *)(void *)
		(notify + *(volatile uint16_t *)(d->common + C_QUEUE_NOTIFY) * notify_times);
	common16(d, C_QUEUE_ON, 1);
	common8(d, C_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	nr_disks++;
}

void disks_start(bool intx)
{
	for (unsigned slot = 0; slot < 32 && nr_disks < MAX_DISKS; slot++) {
		uint32_t id = *config(slot << 3, 0);

		if ((id & 0xffff) == VENDOR_VIRTIO &&
		    (id >> 16 == DEVICE_BLK || id >> 16 == DEVICE_BLK_OLD)) {
			disk_start(slot << 3, !intx && !nr_disks);
			say0("load64: disk %u in slot %u, %s\n",
			     (uint64_t)nr_disks - 1, (uint64_t)slot,
			     disks[nr_disks - 1].msix ? "MSI-X" : "pin");
		}
	}
}

uint64_t disk_submit(struct request *r)
{
	struct disk *d = &disks[r->disk];
	unsigned n;

	lock(&d->lock);
	for (n = 0; n < QUEUE / 4 && d->under_way[n]; n++)
		;
	if (n == QUEUE / 4) {
		unlock(&d->lock);
		return 1;
	}
	d->under_way[n] = r;
	d->head[n].type = r->type;
	d->head[n].sector = r->type == DISK_FLUSH ? 0 : r->sector;
	d->status[n] = 0xff;
	d->desc[4 * n] = (struct desc){ (uint64_t)(uintptr_t)&d->head[n], 16, D_NEXT,
					(uint16_t)(4 * n + 1) };
	if (r->type == DISK_FLUSH)
		d->desc[4 * n].next = (uint16_t)(4 * n + 2);
	d->desc[4 * n + 1] = (struct desc){ (uint64_t)(uintptr_t)r->data, r->bytes,
		D_NEXT | (r->type == DISK_READ ? D_WRITE : 0), (uint16_t)(4 * n + 2) };
	d->desc[4 * n + 2] = (struct desc){ (uint64_t)(uintptr_t)&d->status[n], 1, D_WRITE, 0 };
	d->avail.ring[d->avail.idx % QUEUE] = (uint16_t)(4 * n);
	__atomic_store_n(&d->avail.idx, (uint16_t)(d->avail.idx + 1), __ATOMIC_SEQ_CST);
	*d->notify = 0;
	unlock(&d->lock);
	return 0;
}

/* Entries of the used ring; the lock is held. */
static uint64_t take(struct disk *d)
{
	uint64_t found = 0;

	for (; d->seen != __atomic_load_n(&d->used.idx, __ATOMIC_ACQUIRE); d->seen++, found++) {
		uint32_t id = d->used.ring[d->seen % QUEUE].id, n = id / 4;
		struct request *r = id < QUEUE ? d->under_way[n] : 0;

		if (!r || id % 4) {
			bad("a request of the disk's was over twice", id, d->seen);
			continue;
		}
		d->under_way[n] = 0;
		r->done = 1u + d->status[n];
	}
	return found;
}

void disk_irq(unsigned n)
{
	struct disk *d = &disks[n];

	disk_irqs++;
	if (!d->msix && !(*d->isr & 1))
		return;
	lock(&d->lock);
	take(d);
	unlock(&d->lock);
}

uint64_t disk_poke(unsigned n)
{
	struct disk *d = &disks[n];
	uint64_t found;

	lock(&d->lock);
	found = take(d);
	unlock(&d->lock);
	return found;
}
