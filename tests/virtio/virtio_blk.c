/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk as a guest sees it: integrity with many requests in flight through each
 * engine, flush, erase, identification, errors, reset and save under load.
 */
#include "tests/virtio/driver.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hw/virtio/virtio_blk.h"
#include "io/block/block.h"

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2, S_NONE = 0xee };

#define SECTORS 400u
#define DEPTH 16u

static char dir[] = "/var/tmp/ambi-vblk-XXXXXX";
static char image[64];
static uint8_t model[SECTORS * 512];
static struct bus *b;
static struct drv v;
static struct gq q;
static struct block *disk;
/* guest addresses: DEPTH headers of 64 bytes, DEPTH * 8 KiB */
static uint64_t headers, data, seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static void start(uint64_t features)
{
	v.next = BUS_RAM;
	drv_negotiate(&v, features);
	gq_setup(&q, &v, 0, 128);
	drv_ok(&v);
	headers = guest_alloc(&v, DEPTH * 64, 64);
	data = guest_alloc(&v, DEPTH * 8192, 4096);
}

static bool plug(const char *options)
{
	struct block_config c;
	struct err e = { 0 };
	char spec[128];
	struct dev *d;
	int fd = open(image, O_CREAT | O_TRUNC | O_RDWR, 0600);

	seed = 7;
	for (unsigned i = 0; i < sizeof(model); i++)
		model[i] = (uint8_t)rnd(256);
	if (fd < 0 || write(fd, model, sizeof(model)) != sizeof(model) || close(fd))
		exit(1);
	snprintf(spec, sizeof(spec), "file=%s%s", image, options);
	if (block_config_parse(&c, spec, NULL, NULL, &e) == 0)
		disk = block_open(&c, &e);
	if (!disk && strstr(e.msg, "does not support direct I/O")) {
		printf("%s\n", e.msg);
		return false;
	}
	CHECK(disk != NULL, "%s", e.msg);
	b = bus_new();
	d = bus_new_dev(b, "virtio-blk");
	virtio_blk_set_drive(d, disk);
	CHECK(dev_set(d, "serial", "a-serial-of-20-chars", &e) == 0);
	drv_plug(&v, b, d, 1);
	machine_reset(b->m, RESET_COLD);
	return true;
}

static void unplug(void)
{
	bus_free(b);
	block_close(disk);
	disk = NULL;
	unlink(image);
}

/* Queues request i; its data lies in its own 8 KiB, in up to three pieces. */
static unsigned submit(unsigned i, uint32_t type, uint64_t sector, uint32_t len)
{
	uint64_t h = headers + 64 * i, at = data + 8192 * i;
	uint8_t *p = ram(&v, h);
	struct buf out[4] = { { h, 16 } }, in[4];
	unsigned nr_out = 1, nr_in = 0;

	st_le32(p, type);
	st_le32(p + 4, 0);
	st_le64(p + 8, sector);
	p[16] = S_NONE;
	while (len) {
		uint32_t n = nr_out + nr_in == 3 ? len : 1 + rnd(len);
		struct buf piece = { at, n };

		if (type == T_IN || type == T_GET_ID)
			in[nr_in++] = piece;
		else
			out[nr_out++] = piece;
		at += n;
		len -= n;
	}
	in[nr_in++] = (struct buf){ h + 16, 1 };
	return gq_add(&q, out, nr_out, in, nr_in);
}

static unsigned status(unsigned i) { return *(uint8_t *)ram(&v, headers + 64 * i + 16); }

static unsigned one(uint32_t type, uint64_t sector, uint32_t len, uint32_t *used)
{
	unsigned head = submit(0, type, sector, len);

	gq_notify(&q);
	CHECK_EQ(gq_wait(&q, used), head);
	return status(0);
}

/* Requests on disjoint stripes, all in flight together. */
static void integrity(unsigned rounds, bool save)
{
	for (unsigned round = 0; round < rounds; round++) {
		struct { uint32_t type, sector, len; unsigned head; } job[DEPTH];
		unsigned n = 1 + rnd(DEPTH);

		for (unsigned i = 0; i < n; i++) {
			unsigned stripe = SECTORS / DEPTH;

			job[i].type = rnd(8) == 0 ? T_FLUSH : rnd(2) ? T_OUT : T_IN;
			job[i].sector = i * stripe + rnd(stripe - 16);
			job[i].len = job[i].type == T_FLUSH ? 0 : 512 * (1 + rnd(16));
			for (uint32_t k = 0; job[i].type == T_OUT && k < job[i].len; k++)
				((uint8_t *)ram(&v, data + 8192 * i))[k] =
					model[job[i].sector * 512 + k] = (uint8_t)rnd(256);
			job[i].head =
				submit(i, job[i].type, job[i].type == T_FLUSH ? 0 : job[i].sector,
				       job[i].len);
			if (rnd(3) == 0)
				gq_notify(&q);
		}
		gq_notify(&q);
		if (save) {
			virtio_quiesce(v.dev);
			bus_save_load(b, v.dev);
			bus_save_load(b, v.slot);
			virtio_resume(v.dev);
		}
		for (unsigned i = 0; i < n; i++) {
			uint32_t len;
			unsigned head = gq_wait(&q, &len), k = 0;

			while (k < n && job[k].head != head)
				k++;
			CHECK(k < n);
			CHECK_EQ(status(k), S_OK);
			CHECK_EQ(len, 1 + (job[k].type == T_IN ? job[k].len : 0));
			if (job[k].type == T_IN)
				CHECK(!memcmp(ram(&v, data + 8192 * k), model + job[k].sector * 512,
					      job[k].len),
				      "round %u", round);
		}
		CHECK(!gq_used(&q));
	}
}

static unsigned erase(uint32_t type, uint64_t sector, uint32_t n, uint32_t flags)
{
	uint8_t *p = ram(&v, data);

	st_le64(p, sector);
	st_le32(p + 8, n);
	st_le32(p + 12, flags);
	return one(type, 0, 16, NULL);
}

static void requests(void)
{
	uint32_t len;

	CHECK_EQ(vr(&v, V_CONFIG), SECTORS);
	CHECK_EQ(drv_config(&v, 0, 2), SECTORS);
	CHECK_EQ(vr(&v, V_CONFIG + 12), VQ_MAX_IOV - 2);
	CHECK_EQ(one(T_GET_ID, 0, 20, &len), S_OK);
	CHECK_EQ(len, 21);
	CHECK(!memcmp(ram(&v, data), "a-serial-of-20-chars", 20));
	CHECK_EQ(one(99, 0, 0, NULL), S_UNSUPP);
	CHECK_EQ(one(T_IN, SECTORS, 512, NULL), S_IOERR);
	CHECK_EQ(one(T_IN, SECTORS - 1, 1024, NULL), S_IOERR);
	CHECK_EQ(one(T_OUT, UINT64_MAX, 512, NULL), S_IOERR);
	CHECK_EQ(one(T_OUT, UINT64_MAX / 512, 512, NULL), S_IOERR);
	CHECK_EQ(one(T_IN, 0, 511, NULL), S_IOERR);
	CHECK_EQ(erase(T_WRITE_ZEROES, 3, 5, 1), S_OK);
	memset(model + 3 * 512, 0, 5 * 512);
	CHECK_EQ(erase(T_WRITE_ZEROES, 130, 140, 0), S_OK);
	memset(model + 130 * 512, 0, 140 * 512);
	CHECK_EQ(erase(T_WRITE_ZEROES, SECTORS - 1, 2, 0), S_IOERR);
	CHECK_EQ(erase(T_WRITE_ZEROES, 0, 1, 2), S_UNSUPP);
	CHECK_EQ(erase(T_DISCARD, 0, 1, 1), S_UNSUPP);
	CHECK_EQ(erase(T_DISCARD, UINT64_MAX, 1, 0), S_IOERR);
	CHECK_EQ(one(T_DISCARD, 0, 15, NULL), S_UNSUPP);
	CHECK_EQ(one(T_IN, 0, 8192, &len), S_OK);
	CHECK_EQ(len, 8193);
	CHECK(!memcmp(ram(&v, data), model, 8192));
}

/* A reset while requests are in flight must wait for them: none may touch memory afterwards. */
static void reset_in_flight(void)
{
	for (unsigned round = 0; round < 30; round++) {
		start(VIRTIO_F_EVENT_IDX);
		for (unsigned i = 0; i < DEPTH; i++)
			submit(i, T_IN, 0, 8192);
		gq_notify(&q);
		if (round % 3)
			usleep(rnd(200));
		vw(&v, V_STATUS, 0);
		memset(ram(&v, data), 0x5a, DEPTH * 8192);
		usleep(300);
		for (unsigned i = 0; i < DEPTH * 8192; i++)
			if (((uint8_t *)ram(&v, data))[i] != 0x5a) {
				CHECK(false, "memory changed after the reset");
				break;
			}
	}
}

/* A chain without header or status cannot be answered. */
static void malformed(void)
{
	struct buf in = { 0, 0 };

	start(0);
	in = (struct buf){ data, 512 };
	gq_add(&q, NULL, 0, &in, 1);
	gq_notify(&q);
	WAIT_FOR(vr(&v, V_STATUS) & VIRTIO_NEEDS_RESET);
	start(0);
	gq_add(&q, &(struct buf){ headers, 16 }, 1, NULL, 0);
	gq_notify(&q);
	WAIT_FOR(vr(&v, V_STATUS) & VIRTIO_NEEDS_RESET);
}

static void whole(const char *options)
{
	if (!plug(options))
		return;
	start(UINT64_MAX);
	requests();
	integrity(60, false);
	start(VIRTIO_F_INDIRECT_DESC);
	integrity(30, false);
	start(0);
	integrity(30, true);
	reset_in_flight();
	malformed();
	start(VIRTIO_F_EVENT_IDX);
	integrity(10, true);
	unplug();
}

/* Four queues at once; each tells by its own vector. */
static void multiqueue(const char *options)
{
	struct gq mq[4];
	unsigned heads[DEPTH];

	if (!plug(options))
		return;
	CHECK_EQ(drv_config(&v, 34, 2), BUS_CPUS);
	CHECK(drv_offered(&v) & BIT(12));
	v.next = BUS_RAM;
	drv_negotiate(&v, BIT(12) | VIRTIO_F_EVENT_IDX);
	for (unsigned k = 0; k < 4; k++)
		gq_setup(&mq[k], &v, k, 32);
	drv_ok(&v);
	headers = guest_alloc(&v, DEPTH * 64, 64);
	data = guest_alloc(&v, DEPTH * 8192, 4096);
	for (unsigned round = 0; round < 20; round++) {
		if (round == 10) {
			virtio_quiesce(v.dev);
			bus_save_load(b, v.dev);
			virtio_resume(v.dev);
		}
		for (unsigned i = 0; i < DEPTH; i++) {
			q = mq[i % 4];
			heads[i] = submit(i, T_IN, (i * 17 + round) % (SECTORS - 8), 4096);
			mq[i % 4] = q;
		}
		for (unsigned k = 0; k < 4; k++)
			gq_notify(&mq[k]);
		for (unsigned n = 0; n < DEPTH; n++) {
			unsigned head = gq_wait(&mq[n % 4], NULL), i = n % 4;

			while (i < DEPTH && heads[i] != head)
				i += 4;
			CHECK(i < DEPTH);
			CHECK_EQ(status(i), S_OK);
			CHECK(!memcmp(ram(&v, data + 8192 * i),
				      model + (i * 17 + round) % (SECTORS - 8) * 512, 4096));
		}
	}
	for (unsigned k = 0; k < 4 && drv_bus == DRV_PCI_MSIX; k++)
		WAIT_FOR(v.messages[k + 1]);
	for (unsigned k = 0; k < 4; k++) {
		struct vq_host *h = &virtio_dev_of(v.dev)->q[k].h;

		CHECK_EQ(h->requests, 20 * DEPTH / 4);
		CHECK(h->interrupts && h->interrupts <= h->requests);
	}
	unplug();
}

static void queue_numbers(void)
{
	struct dev *d;

	if (!plug(""))
		return;
	d = bus_new_dev(b, "virtio-blk");
	virtio_blk_set_drive(d, disk);
	CHECK(dev_set(d, "num-queues", "17", &b->err) == 0);
	CHECK(dev_init(d, &b->err) == -EINVAL);
	CHECK(dev_set(d, "num-queues", "1", &b->err) == 0);
	CHECK(dev_init(d, &b->err) == 0);
	CHECK(!(virtio_dev_of(d)->h.features & BIT(12)));
	CHECK_EQ(virtio_dev_of(d)->h.nr_queues, 1);
	unplug();
}

static _Atomic unsigned syncs;

int fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

/* A driver that takes no flushes has its writes on the disk when they complete (5.2.6.2). */
static void without_flush(const char *options)
{
	unsigned before;

	if (!plug(options))
		return;
	for (unsigned flush = 0; flush < 2; flush++) {
		start(flush ? UINT64_MAX : ~BIT(9));
		before = syncs;
		CHECK_EQ(one(T_IN, 0, 512, NULL), S_OK);
		CHECK_EQ(syncs, before);
		memset(ram(&v, data), 1, 1024);
		CHECK_EQ(one(T_OUT, 5, 1024, NULL), S_OK);
		CHECK_EQ(syncs > before, !flush);
		before = syncs;
		CHECK_EQ(erase(T_WRITE_ZEROES, 8, 3, 0), S_OK);
		CHECK_EQ(syncs > before, !flush);
		before = syncs;
		CHECK_EQ(one(T_OUT, SECTORS, 512, NULL), S_IOERR);
		CHECK_EQ(syncs, before);
	}
	unplug();
}

static void readonly(void)
{
	if (!plug(",readonly=on"))
		return;
	start(UINT64_MAX);
	CHECK(v.features & BIT(5));
	CHECK(!(v.features & (BIT(9) | BIT(13) | BIT(14))));
	CHECK_EQ(one(T_OUT, 0, 512, NULL), S_IOERR);
	CHECK_EQ(erase(T_WRITE_ZEROES, 0, 1, 0), S_IOERR);
	CHECK_EQ(one(T_IN, 5, 512, NULL), S_OK);
	CHECK(!memcmp(ram(&v, data), model + 5 * 512, 512));
	CHECK_EQ(one(T_FLUSH, 0, 0, NULL), S_OK);
	unplug();
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	snprintf(image, sizeof(image), "%s/disk", dir);
	for (unsigned variant = 0; drv_variant(variant); variant++) {
		whole("");
		whole(",cache=none");
		whole(",cache=none,aio=threads");
		whole(",snapshot=on");
		readonly();
		without_flush("");
		without_flush(",cache=none");
		multiqueue("");
		multiqueue(",cache=none");
	}
	queue_numbers();
	rmdir(dir);
	return check_done();
}
