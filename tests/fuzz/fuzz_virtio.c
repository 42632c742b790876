/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest against every virtio device at once, some on MMIO and some on PCI, with
 * rings split or packed as it likes. The input is a program of register and configuration
 * writes, ring and descriptor bytes, notifications, resets and back-end traffic. Values
 * lean towards what is almost right, since plain noise stops at the first check. Whatever
 * it does: no crash, no hang, no byte outside of guest memory (the sanitizers watch), and
 * the devices work again after a reset.
 */
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

#include "hw/virtio/virtio_blk.h"
#include "hw/virtio/virtio_console.h"
#include "hw/virtio/virtio_net.h"
#include "io/block/block.h"
#include "io/char/char.h"
#include "io/net/net.h"
#include "tests/virtio/driver.h"

enum { D_BLK, D_BLK_OVERLAY, D_NET, D_CONSOLE, D_RNG, NR_DEVS };

static struct bus *b;
static struct drv v[NR_DEVS];
static struct block *disk[2];
static struct netdev *net[2];
static struct chardev *ring[2];

static struct block *open_disk(const char *more)
{
	char path[] = "/var/tmp/ambi-fuzz-XXXXXX", spec[96];
	int fd = mkstemp(path);
	struct block_config c;
	struct err e = { 0 };
	struct block *d;

	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		exit(1);
	close(fd);
	snprintf(spec, sizeof(spec), "file=%s%s", path, more);
	d = block_config_parse(&c, spec, NULL, NULL, &e) < 0 ? NULL : block_open(&c, &e);
	unlink(path);
	if (!d) {
		fprintf(stderr, "%s\n", e.msg);
		exit(1);
	}
	return d;
}

static int swallow_msi(void *opaque, uint64_t addr, uint32_t data) { return 0; }

static void set_up(void)
{
	static const bool on_pci[NR_DEVS] = { [D_BLK_OVERLAY] = 1, [D_NET] = 1, [D_RNG] = 1 };
	struct dev *d[NR_DEVS];
	struct err e = { 0 };

	b = bus_new();
	disk[0] = open_disk("");
	disk[1] = open_disk(",snapshot=on");
	netdev_pair_new(&net[0], &net[1], &e);
	ring[0] = chardev_new("ring", &e);
	ring[1] = chardev_new("ring", &e);
	d[D_BLK] = bus_new_dev(b, "virtio-blk");
	virtio_blk_set_drive(d[D_BLK], disk[0]);
	d[D_BLK_OVERLAY] = bus_new_dev(b, "virtio-blk");
	virtio_blk_set_drive(d[D_BLK_OVERLAY], disk[1]);
	d[D_NET] = bus_new_dev(b, "virtio-net");
	virtio_net_set_netdev(d[D_NET], net[0]);
	d[D_CONSOLE] = bus_new_dev(b, "virtio-console");
	virtio_console_add_port(d[D_CONSOLE], ring[0], true, NULL, &e);
	virtio_console_add_port(d[D_CONSOLE], ring[1], false, "port", &e);
	d[D_RNG] = bus_new_dev(b, "virtio-rng");
	drv_packed = drv_doorbells = true;
	for (unsigned i = 0; i < NR_DEVS; i++) {
		drv_bus = on_pci[i] ? DRV_PCI_MSIX : DRV_MMIO;
		drv_plug(&v[i], b, d[i], i);
	}
	drv_bus = DRV_PCI_MSIX;
	b->m->engine.msi = swallow_msi;
}

static void tear_down(void)
{
	bus_free(b);
	for (unsigned i = 0; i < 2; i++) {
		block_close(disk[i]);
		netdev_free(net[i]);
		chardev_free(ring[i]);
	}
}

/* A register by its place on MMIO; on PCI, by what it means. */
static void poke(struct drv *d, unsigned reg, unsigned size, uint64_t val)
{
	if (!d->fn)
		region_write(b->m->mmio, d->base + reg % VIRTIO_MMIO_SIZE, size, val);
	else if (reg == V_NOTIFY && val < VIRTIO_MAX_QUEUES)
		drv_ring(b, drv_bar(d, 4) + P_NOTIFY + 4 * val, 2, (uint32_t)val);
	else
		region_write(b->m->mmio, drv_bar(d, reg & 1 ? 1 : 4) + reg % 0x4000, size, val);
}

static void set(struct drv *d, unsigned reg, uint64_t val)
{
	if (d->fn && reg != V_NOTIFY)
		vw(d, reg, (uint32_t)val);
	else
		poke(d, reg, 4, val);
}

/* An address that is mostly memory: near its start, near its end, or anywhere. */
static uint64_t address(struct fuzz_in *in)
{
	uint32_t x = in_u32(in);

	switch (x & 7) {
	case 0: return (uint64_t)x << 13 | x;
	case 1: return BUS_RAM + BUS_RAM_SIZE - (x >> 20);
	case 2: return UINT64_MAX - (x >> 8);
	default: return BUS_RAM + (x >> 3) % BUS_RAM_SIZE;
	}
}

static uint32_t length(struct fuzz_in *in)
{
	uint32_t x = in_u32(in);

	return x & 3 ? (x >> 8) % 2048 : x & 4 ? x : (x >> 8) % 16 * 512;
}

/* A driver that is well brought up until the queues run. */
static void bring_up(struct drv *d, struct fuzz_in *in)
{
	uint64_t features = ((uint64_t)in_u32(in) << 32 | in_u32(in)) | VIRTIO_F_VERSION_1;
	unsigned n = virtio_dev_of(d->dev)->h.nr_queues;

	set(d, V_STATUS, 0);
	set(d, V_STATUS, 3);
	features &= virtio_dev_of(d->dev)->h.features;
	for (unsigned i = 0; i < 2; i++) {
		set(d, V_DRIVER_SEL, i);
		set(d, V_DRIVER, (uint32_t)(features >> 32 * i));
	}
	set(d, V_STATUS, 11);
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = BUS_RAM + d->pin * 0x20000 + i * 0x4000;
		uint64_t where[3] = { at, at + 0x1000, at + 0x1800 };

		set(d, V_SEL, i);
		set(d, V_NUM, 1u << (in_u8(in) % 9));
		for (unsigned k = 0; k < 3; k++) {
			if (in_u8(in) == 0)
				where[k] = address(in);
			set(d, V_DESC + 0x10 * k, (uint32_t)where[k]);
			set(d, V_DESC + 0x10 * k + 4, where[k] >> 32);
		}
		set(d, V_READY, 1);
	}
	set(d, V_STATUS, 15);
}

static void write_desc(struct drv *d, struct fuzz_in *in)
{
	unsigned n = virtio_dev_of(d->dev)->h.nr_queues, at = in_u8(in);
	uint64_t table = BUS_RAM + d->pin * 0x20000 + in_u8(in) % n * 0x4000;
	unsigned flags = in_u8(in);

	/* Most chains end, most are not indirect, most indices are low. */
	put_desc(d, table + 16 * (at % 32), address(in), length(in),
		 flags < 250 ? (flags & 4 ? flags & 5 : flags & 3) : flags * 257, in_u8(in) % 33);
}

/* A request that a disk or a card would take: header with a plausible type in front. */
static void write_request(struct drv *d, struct fuzz_in *in)
{
	unsigned n = virtio_dev_of(d->dev)->h.nr_queues, queue = in_u8(in) % n;
	uint64_t ring_at = BUS_RAM + d->pin * 0x20000 + queue * 0x4000,
		 h = BUS_RAM + 0xe0000 + in_u8(in) * 64u;
	unsigned head = in_u8(in) % 16, bits = in_u8(in);
	uint8_t *p = ram(d, h);

	st_le32(p, in_u8(in) % 16);
	st_le32(p + 4, in_u32(in));
	st_le64(p + 8, in_u8(in) < 240 ? in_u32(in) % 2048 : address(in));
	put_desc(d, ring_at + 16 * head, h, bits & 1 ? 16 : length(in), 1, head + 1);
	put_desc(d, ring_at + 16 * (head + 1), address(in), length(in), bits & 2 ? 3 : 1, head + 2);
	put_desc(d, ring_at + 16 * (head + 2), h + 40, bits & 4 ? 1 : length(in), 2, 0);
}

static void publish(struct drv *d, struct fuzz_in *in)
{
	struct virtio_dev *vd = virtio_dev_of(d->dev);
	unsigned queue = in_u8(in) % vd->h.nr_queues, n = in_u8(in);
	uint64_t avail = BUS_RAM + d->pin * 0x20000 + queue * 0x4000 + 0x1000;
	uint8_t *a = ram(d, avail);
	uint16_t idx = ld_le16(a + 2);

	for (unsigned i = 0; i < 256; i++)
		if (in_u8(in) < 8)
			st_le16(a + 4 + 2 * i, (uint16_t)(in_u8(in) % 40));
	st_le16(a, n & 1);
	__atomic_store_n((uint16_t *)(void *)(a + 2), (uint16_t)(n > 250 ? n * 259 : idx + n % 6),
			 __ATOMIC_SEQ_CST);
	poke(d, V_NOTIFY, 4, queue);
}

/* Descriptors where the device of a packed ring looks next: mostly a request, or a few buffers. */
static void publish_packed(struct drv *d, struct fuzz_in *in)
{
	struct virtio_dev *vd = virtio_dev_of(d->dev);
	unsigned queue = in_u8(in) % vd->h.nr_queues, n = 1 + in_u8(in) % 4, kind = in_u8(in);
	struct virtqueue *q = &vd->q[queue];
	uint64_t ring_at = BUS_RAM + d->pin * 0x20000 + queue * 0x4000,
		 h = BUS_RAM + 0xe0000 + in_u8(in) * 64u;
	unsigned num = q->num ? q->num : 1, at = q->last_avail % num, mark = q->avail_flipped;
	uint8_t *p = ram(d, h);

	st_le32(p, in_u8(in) % 16);
	st_le64(p + 8, in_u8(in) < 240 ? in_u32(in) % 2048 : address(in));
	for (unsigned i = 0; i < n; i++) {
		unsigned flags = in_u8(in) & 7, bits = mark ? 0x8000 : 0x80;
		bool plain = kind & 0x80;

		if (plain)
			flags = i + 1 < n ? (i ? 3 : 1) : 2;
		else if (flags & 4)
			flags &= 5;
		if (kind < 8)
			bits = in_u8(in) << 8 | in_u8(in);
		put_desc(d, ring_at + 16 * at, plain && !i ? h : plain && i + 1 == n ? h + 40 :
			 address(in), plain && !i ? 16 : plain && i + 1 == n ? 1 : length(in),
			 in_u8(in) % 40, flags | bits);
		if (++at == num) {
			at = 0;
			mark = !mark;
		}
	}
	put_desc(d, ring_at + 0x1000, in_u32(in), 0, 0, 0);	/* the driver's event */
	poke(d, V_NOTIFY, 4, queue);
}

/* A large TCP segment for the card to cut, with some bytes that are not what they should be. */
static void send_segment(struct drv *d, struct fuzz_in *in)
{
	uint64_t at = BUS_RAM + 0xd0000, ring_at = BUS_RAM + d->pin * 0x20000 + 0x4000;
	struct virtio_dev *vd = virtio_dev_of(d->dev);
	bool ipv6 = in_u8(in) & 1;
	unsigned ip = 12 + 14, tcp = ip + (ipv6 ? 40 : 20), len = 12 + 54 + in_u16(in) % 8000;
	uint8_t *p = ram(d, at), *avail = ram(d, ring_at + 0x1000);
	uint16_t idx = ld_le16(avail + 2);

	if (vd->h.type->id != VIRTIO_ID_NET)
		return;
	memset(p, 0, tcp + 20);
	p[0] = 1;
	p[1] = ipv6 ? 4 : 1;
	st_le16(p + 4, (uint16_t)(48 + in_u16(in) % 2000));
	st_le16(p + 6, (uint16_t)(tcp - 12));
	st_le16(p + 8, 16);
	st_be16(p + 12 + 12, ipv6 ? 0x86dd : 0x0800);
	p[ip] = ipv6 ? 0x60 : 0x45;
	p[ip + (ipv6 ? 6 : 9)] = 6;
	p[tcp + 12] = 5 << 4;
	for (unsigned n = in_u8(in) % 4; n; n--)
		p[in_u8(in) % 96] = in_u8(in);
	if (vd->driver_features & VIRTIO_F_RING_PACKED) {
		unsigned num = vd->q[1].num ? vd->q[1].num : 1;

		put_desc(d, ring_at + 16 * (vd->q[1].last_avail % num), at, len, 1,
			 vd->q[1].avail_flipped ? 0x8000 : 0x80);
	} else {
		put_desc(d, ring_at, at, len, 0, 0);
		for (unsigned size = 1; size <= 256; size *= 2)
			st_le16(avail + 4 + 2 * (idx % size), 0);
		__atomic_store_n((uint16_t *)(void *)(avail + 2), (uint16_t)(idx + 1),
				 __ATOMIC_SEQ_CST);
	}
	poke(d, V_NOTIFY, 4, 1);
}

static void configure(struct drv *d, struct fuzz_in *in)
{
	static const unsigned sizes[] = { 1, 2, 4 };
	unsigned how = in_u8(in), off = how & 0x80 ? in_u16(in) % PCI_CONFIG_SIZE : in_u8(in),
		 size = sizes[how % 3];

	if (!d->fn || off % size)
		return;
	if (how & 0x40)
		drv_cfg(d, off, size);
	else
		drv_cfg_set(d, off, in_u32(in), size);
}

static void step(struct fuzz_in *in)
{
	uint8_t op = in_u8(in), bytes[64];
	struct drv *d = &v[in_u8(in) % NR_DEVS];
	static const unsigned sizes[] = { 1, 2, 4, 8 };
	uint64_t val;

	switch (op % 21) {
	case 0: bring_up(d, in); break;
	case 1: case 2: write_desc(d, in); break;
	case 3: case 4: case 5: write_request(d, in); break;
	case 6: case 7: case 8: publish(d, in); break;
	case 9: poke(d, in_u8(in) * 4u, 4, in_u32(in)); break;
	case 10: poke(d, in_u32(in) % VIRTIO_MMIO_SIZE, sizes[in_u8(in) % 4], in_u32(in)); break;
	case 11:
		val = in_u32(in);
		region_read(b->m->mmio, d->fn ? drv_bar(d, val >> 31 ? 1 : 4) + val % 0x4000 :
			    d->base + val % VIRTIO_MMIO_SIZE, sizes[in_u8(in) % 4], &val);
		break;
	case 12:
		val = in_u8(in);
		memset(ram(d, BUS_RAM + in_u32(in) % (BUS_RAM_SIZE - 256)), (int)val,
		       1 + in_u8(in));
		break;
	case 13:
		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = in_u8(in);
		netdev_send(net[1], bytes, 14 + in_u8(in) % 50);
		chardev_ring_feed(ring[op >> 7], bytes, in_u8(in) % 64);
		chardev_ring_take(ring[op >> 7], bytes, sizeof(bytes));
		break;
	case 14:
		if (in_u8(in) < 16) {
			virtio_quiesce(d->dev);
			bus_save_load(b, d->dev);
			bus_save_load(b, d->slot);
			virtio_resume(d->dev);
		} else {
			set(d, V_SEL, in_u8(in) % 8);
			set(d, in_u8(in) & 1 ? V_RESET : V_READY, in_u8(in) & 1);
		}
		break;
	case 15:
		if (in_u8(in) < 4)
			machine_reset(b->m, RESET_WARM);
		else
			poke(d, V_NOTIFY, 4, in_u8(in) % 24);
		break;
	case 16: case 17: case 18: publish_packed(d, in); break;
	case 19: configure(d, in); break;
	case 20: send_segment(&v[D_NET], in); break;
	}
}

/* After all that the entropy device must still serve, and a disk read must still be answered. */
static void still_alive(void)
{
	struct buf in[2], out;
	struct gq q;

	machine_reset(b->m, RESET_WARM);
	drv_packed = true;
	drv_negotiate(&v[D_RNG], 0);
	v[D_RNG].next = BUS_RAM + 0x80000;
	gq_setup(&q, &v[D_RNG], 0, 16);
	drv_ok(&v[D_RNG]);
	in[0] = (struct buf){ BUS_RAM + 0x90000, 8 };
	gq_add(&q, NULL, 0, in, 1);
	gq_notify(&q);
	gq_wait(&q, NULL);

	drv_packed = false;
	drv_negotiate(&v[D_BLK], 0);
	v[D_BLK].next = BUS_RAM + 0xa0000;
	gq_setup(&q, &v[D_BLK], 0, 16);
	drv_ok(&v[D_BLK]);
	memset(ram(&v[D_BLK], BUS_RAM + 0xb0000), 0, 16);
	out = (struct buf){ BUS_RAM + 0xb0000, 16 };
	in[0] = (struct buf){ BUS_RAM + 0xb1000, 512 };
	in[1] = (struct buf){ BUS_RAM + 0xb2000, 1 };
	gq_add(&q, &out, 1, in, 2);
	gq_notify(&q);
	gq_wait(&q, NULL);
	CHECK_EQ(*(uint8_t *)ram(&v[D_BLK], in[1].gpa), 0);
	if (check_failed)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	set_up();
	atexit(tear_down);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };

	machine_reset(b->m, RESET_COLD);
	while (in.p < in.end)
		step(&in);
	still_alive();
	return 0;
}
