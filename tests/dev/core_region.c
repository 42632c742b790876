/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dispatch: the table, splitting and widening, byte order, changes under readers. */
#include <errno.h>
#include <malloc.h>

#include "tests/dev/devtest.h"
#include "util/bits.h"
#include "util/epoch.h"

struct rec {
	struct dev dev;
	uint8_t mem[64];
	unsigned calls, sizes;		/* OR of the sizes seen */
};

static uint64_t rec_read(struct dev *d, uint64_t off, unsigned size)
{
	struct rec *r = DEV_STATE(struct rec, d);
	uint64_t v = 0;

	CHECK(!(off & (size - 1)) && off + size <= 64, "callbacks see aligned accesses");
	memcpy(&v, r->mem + off, size);
	r->calls++;
	r->sizes |= size;
	return v | (size < 8 ? UINT64_MAX << 8 * size : 0);	/* junk above must be cut */
}

static void rec_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct rec *r = DEV_STATE(struct rec, d);

	CHECK(!(off & (size - 1)) && off + size <= 64, "callbacks see aligned accesses");
	CHECK(size == 8 || !(val >> 8 * size), "the value is cut to its size");
	memcpy(r->mem + off, &val, size);
	r->calls++;
	r->sizes |= size;
}

static const struct region regions[] = {
	{ "any", 64, 1, 8, 0, rec_read, rec_write },
	{ "word", 64, 4, 4, 0, rec_read, rec_write },
	{ "byte", 64, 1, 1, 0, rec_read, rec_write },
	{ "be", 64, 1, 4, REGION_BIG_ENDIAN, rec_read, rec_write },
	{ "none", 64, 1, 8, 0, NULL, NULL },
};
static const struct dev_type rec_type = { .name = "rec", .size = sizeof(struct rec) };

static struct space *s;
static struct rec *r;

static uint64_t rd(uint64_t addr, unsigned size)
{
	uint64_t v = 0;

	r->calls = r->sizes = 0;
	CHECK_EQ(region_read(s, addr, size, &v), 0);
	return v;
}

static void wr(uint64_t addr, unsigned size, uint64_t v)
{
	r->calls = r->sizes = 0;
	CHECK_EQ(region_write(s, addr, size, v), 0);
}

static void test_sizes(void)
{
	for (unsigned i = 0; i < 64; i++)
		r->mem[i] = (uint8_t)i;
	/* Every size and offset reads the same bytes whatever the callbacks take. */
	for (unsigned reg = 0; reg < 3; reg++)
		for (unsigned size = 1; size <= 8; size *= 2)
			for (unsigned off = 0; off + size <= 64; off++) {
				uint64_t want = 0;

				for (unsigned i = 0; i < size; i++)
					want |= (uint64_t)(off + i) << 8 * i;
				CHECK_EQ(rd(0x1000 * reg + off, size), want);
				CHECK(!(r->sizes & (regions[reg].access_min - 1)) &&
				      r->sizes < 2u * regions[reg].access_max, "sizes %#x",
				      r->sizes);
			}
	wr(0x1008, 8, 0x1122334455667788);
	CHECK_EQ(r->calls, 2);
	CHECK_EQ(rd(0x1008, 8), 0x1122334455667788);
	wr(0x1008, 2, 0xffff);		/* narrower than the register: dropped */
	CHECK_EQ(r->calls, 0);
	wr(0x2001, 4, 0xaabbccdd);
	CHECK_EQ(r->calls, 4);
	CHECK_EQ(rd(0x1, 4), 0xaabbccdd);
	wr(0x3, 8, 0x0102030405060708);	/* misaligned: 1, 4, 2, 1 */
	CHECK_EQ(r->calls, 4);
	CHECK_EQ(rd(0x3, 8), 0x0102030405060708);
}

static void test_big_endian(void)
{
	/* The callback's number has the first byte in memory on top. */
	wr(0x3010, 4, 0x44332211);
	CHECK_EQ(rd(0x10, 4), 0x11223344);
	CHECK_EQ(rd(0x3010, 4), 0x44332211);
	wr(0x3010, 8, 0x8877665544332211);
	CHECK_EQ(rd(0x3010, 8), 0x8877665544332211);
	CHECK_EQ(rd(0x3010, 1), rd(0x10, 1));
}

static void test_bad(void)
{
	uint64_t v = 0;

	CHECK_EQ(region_read(s, 0x800, 4, &v), -ENXIO);
	CHECK_EQ(v, 0xffffffff);
	CHECK_EQ(region_write(s, 0x800, 4, 1), -ENXIO);
	CHECK_EQ(region_read(s, 0x3e, 4, &v), -ENXIO);	/* over the end */
	CHECK_EQ(region_read(s, 0x0, 3, &v), -ENXIO);
	CHECK_EQ(region_read(s, 0x0, 16, &v), -ENXIO);
	CHECK_EQ(region_write(s, 0x0, 0, 0), -ENXIO);
	CHECK_EQ(region_read(s, UINT64_MAX, 8, &v), -ENXIO);
	CHECK_EQ(v, UINT64_MAX);
	CHECK_EQ(rd(0x4000, 8), 0);
	wr(0x4000, 8, 1);
}

static unsigned changes;
static void changed(void *opaque) { changes++; }

static void test_map(void)
{
	static const struct region bad = { "bad", 6, 4, 4, 0, NULL, NULL };
	struct err e;

	space_on_change(s, changed, NULL);
	CHECK_EQ(space_map(s, 0x1020, &regions[0], &r->dev, &e), -EEXIST);
	CHECK(strstr(e.msg, "'word'"), "%s", e.msg);
	CHECK_EQ(space_map(s, 0xfe0, &regions[0], &r->dev, &e), -EEXIST);
	CHECK_EQ(space_map(s, UINT64_MAX - 8, &regions[0], &r->dev, &e), -ERANGE);
	CHECK_EQ(space_map(s, 0x100000, &regions[0], &r->dev, &e), -ERANGE);
	CHECK_EQ(space_map(s, 0x9000, &bad, &r->dev, &e), -EINVAL);
	CHECK_EQ(changes, 0);
	CHECK(space_nth(s, 4)->region == &regions[4] && !space_nth(s, 5), "address order");
	CHECK_EQ(space_unmap(s, &regions[2], &r->dev), 0);
	CHECK_EQ(space_unmap(s, &regions[2], &r->dev), -ENOENT);
	CHECK(!space_find(s, 0x2000), "the last hit of this thread is not used any more");
	CHECK_EQ(space_map(s, 0x2000, &regions[2], &r->dev, &e), 0);
	CHECK_EQ(changes, 2);
}

static _Atomic bool stop;

static void *reader(void *arg)
{
	uint64_t v;

	while (!atomic_load(&stop)) {
		CHECK_EQ(region_read(s, 0x4008, 4, &v), 0);
		region_read(s, 0x8000, 4, &v);
	}
	return NULL;
}

static void test_threads(void)
{
	static const struct region extra = { "extra", 64, 4, 4, 0, NULL, NULL };
	pthread_t t[2];
	struct err e;

	for (unsigned i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, reader, NULL);
	for (unsigned i = 0; i < 5000; i++) {
		int rc;

		/* a reader that has lost its processor in the middle of an access is waited for */
		while ((rc = space_map(s, 0x8000, &extra, &r->dev, &e)) == -EBUSY)
			usleep(1000);
		CHECK_EQ(rc, 0);
		CHECK_EQ(space_unmap(s, &extra, &r->dev), 0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

/* A guest may move its BARs for ever: tables that nobody looks at any more are freed. */
static void test_tables_go(void)
{
	static const struct region extra = { "extra", 64, 4, 4, 0, NULL, NULL };
	size_t before = mallinfo2().uordblks;	/* 0 under a sanitizer, which has its own eyes */
	const struct mapping *m;
	struct err e;

	for (unsigned i = 0; i < 20000; i++) {
		space_map(s, 0x8000 + 64 * (i & 15), &extra, &r->dev, &e);
		space_unmap(s, &extra, &r->dev);
	}
	CHECK(mallinfo2().uordblks < before + 10000, "%zu bytes more",
	      mallinfo2().uordblks - before);
	/* While one looks they stay, and go afterwards. */
	epoch_enter();
	epoch_enter();
	m = space_find(s, 0x1004);
	epoch_exit();
	for (unsigned i = 0; i < 100; i++) {
		space_map(s, 0x8000, &extra, &r->dev, &e);
		space_unmap(s, &extra, &r->dev);
	}
	CHECK(m && m->base == 0x1000 && m->dev == &r->dev, "held");
	CHECK(!before || mallinfo2().uordblks > before + 10000, "held");
	epoch_exit();
	space_map(s, 0x8000, &extra, &r->dev, &e);
	space_unmap(s, &extra, &r->dev);
	CHECK(mallinfo2().uordblks < before + 10000, "%zu bytes more",
	      mallinfo2().uordblks - before);
	/* there is an end to what one long access can hold */
	epoch_enter();
	for (unsigned i = 0; i < 5000 && !space_map(s, 0x8000, &extra, &r->dev, &e); i++)
		space_unmap(s, &extra, &r->dev);
	CHECK_EQ(space_map(s, 0x8000, &extra, &r->dev, &e), -EBUSY);
	epoch_exit();
	CHECK_EQ(space_map(s, 0x8000, &extra, &r->dev, &e), 0);
	CHECK_EQ(space_unmap(s, &extra, &r->dev), 0);
}

int main(void)
{
	struct bus *b = bus_new();
	struct err e;

	r = DEV_STATE(struct rec, dev_new(b->m, &rec_type, "rec", &e));
	s = space_new("test", 20);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(space_map(s, 0x1000 * (i * 3 % 5), &regions[i * 3 % 5], &r->dev, &e), 0);
	test_sizes();
	test_big_endian();
	test_bad();
	test_map();
	test_tables_go();
	test_threads();
	space_free(s);
	bus_free(b);
	return check_done();
}
