/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Balloon: pages that go in are gone from the host and read as zero, what is not the
 * guest's to give is refused, the target is told, statistics go to and fro, free
 * pages are reported on whichever queue a driver finds them.
 */
#include "tests/virtio/driver.h"

#include "hw/virtio/virtio_balloon.h"

#define F_STATS BIT(1)
#define F_POISON BIT(4)
#define F_REPORTING BIT(5)
#define PAGE(n) (BUS_RAM + 0x80000 + (n) * 0x1000u)	/* behind the driver's own memory */
#define ROM UINT64_C(0x90000000)

static struct bus *b;
static struct drv v;
static struct gq inflate, deflate, stats, reporting;
static unsigned told;

static void written(void *opaque, gpa_t gpa, uint64_t len) { told++; }

static void plug(const char *interval, struct err *e)
{
	struct dev *d = bus_new_dev(b, "virtio-balloon");

	CHECK_EQ(dev_set(d, "stats-interval", interval, e), 0);
	drv_plug(&v, b, d, 1);
	machine_reset(b->m, RESET_COLD);
}

static void start(uint64_t features, unsigned reporting_queue)
{
	v.next = BUS_RAM;
	drv_negotiate(&v, features);
	gq_setup(&inflate, &v, 0, 16);
	gq_setup(&deflate, &v, 1, 16);
	if (v.features & F_STATS)
		gq_setup(&stats, &v, 2, 16);
	if (v.features & F_REPORTING)
		gq_setup(&reporting, &v, reporting_queue, 16);
	drv_ok(&v);
}

static void send(struct gq *q, const uint32_t *pfns, unsigned n)
{
	struct buf out = { guest_alloc(&v, 4 * n, 4), 4 * n };

	for (unsigned i = 0; i < n; i++)
		st_le32((uint8_t *)ram(&v, out.gpa) + 4 * i, pfns[i]);
	gq_add(q, &out, 1, NULL, 0);
	gq_notify(q);
	gq_wait(q, NULL);
}

static uint32_t pfn(uint64_t gpa) { return (uint32_t)(gpa >> 12); }
static uint8_t first_byte(unsigned page) { return *(uint8_t *)ram(&v, PAGE(page)); }

static void fill(void)
{
	for (unsigned i = 0; i < 32; i++)
		memset(ram(&v, PAGE(i)), 'x', 0x1000);
}

static void inflation(void)
{
	struct virtio_balloon_stats s;
	struct mem_block *m = mem_find(&b->m->mem, BUS_RAM);
	uint32_t up[] = { pfn(PAGE(1)), pfn(PAGE(2)), pfn(PAGE(3)), pfn(PAGE(9)) };
	uint32_t down[] = { pfn(PAGE(12)), pfn(PAGE(11)), pfn(PAGE(10)) };
	uint32_t bad[] = { pfn(ROM), 0, UINT32_MAX, pfn(BUS_RAM + BUS_RAM_SIZE), pfn(PAGE(20)) };
	uint64_t dirty[8];

	start(UINT64_MAX, 3);
	fill();
	mem_take_dirty(m, 0, 256, dirty);
	m->watch[(PAGE(2) - BUS_RAM) >> 12] = MEM_WATCH_CODE;
	b->m->mem.written = written;
	send(&inflate, up, ARRAY_SIZE(up));
	CHECK_EQ(told, 1);
	CHECK(first_byte(0) == 'x' && !first_byte(1) && !first_byte(2) && !first_byte(3));
	CHECK(first_byte(4) == 'x' && !first_byte(9) && first_byte(10) == 'x');
	mem_take_dirty(m, 128, 64, dirty);
	CHECK_EQ(dirty[0], 0x20e);
	send(&inflate, down, ARRAY_SIZE(down));
	CHECK(first_byte(13) == 'x' && !first_byte(12) && !first_byte(11) && !first_byte(10));
	/* Not the guest's: no page is touched, the rest of the request still works. */
	send(&inflate, bad, ARRAY_SIZE(bad));
	CHECK(first_byte(20) == 0 && first_byte(21) == 'x');
	CHECK_EQ(*(uint8_t *)mem_ptr(&b->m->mem, ROM, 1), 'R');
	mem_hide(&b->m->mem, m, true);
	mem_hide(&b->m->mem, m, false);
	virtio_balloon_stats(v.dev, &s);
	CHECK_EQ(s.discarded, 8 * 4096);
	CHECK_EQ(s.refused, 4);
	send(&deflate, up, ARRAY_SIZE(up));	/* taking pages back is touching them */
	*(uint8_t *)ram(&v, PAGE(1)) = 'y';
	CHECK_EQ(first_byte(1), 'y');
}

static void target(void)
{
	struct virtio_balloon_stats s;
	unsigned rises, generation = vr(&v, V_GENERATION);

	vw(&v, V_ACK, VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG);
	rises = b->rises[1];
	CHECK_EQ(vr(&v, V_CONFIG), 0);
	CHECK_EQ(virtio_balloon_set_target(v.dev, BUS_RAM_SIZE / 2 + 17, &b->err), 0);
	CHECK_EQ(vr(&v, V_CONFIG), BUS_RAM_SIZE / 8192 - 1);
	CHECK(vr(&v, V_GENERATION) != generation);
	CHECK_EQ(b->rises[1], rises + 1);
	CHECK(vr(&v, V_ISR) & VIRTIO_ISR_CONFIG);
	vw(&v, V_ACK, VIRTIO_ISR_CONFIG);
	vw(&v, V_CONFIG + 4, 100);
	CHECK_EQ(b->last_event, MACHINE_BALLOON);
	CHECK_EQ(vr(&v, V_CONFIG + 4), 100);
	virtio_balloon_stats(v.dev, &s);
	CHECK_EQ(s.actual, BUS_RAM_SIZE - 100 * 4096);
	CHECK_EQ(s.target, BUS_RAM_SIZE / 2 + 4096);
	/* While its state is carried away it is told nothing, and all of it afterwards. */
	rises = b->rises[1];
	virtio_quiesce(v.dev);
	CHECK_EQ(virtio_balloon_set_target(v.dev, BUS_RAM_SIZE / 4, &b->err), 0);
	CHECK_EQ(b->rises[1], rises);
	virtio_resume(v.dev);
	CHECK_EQ(b->rises[1], rises + 1);
	CHECK(vr(&v, V_ISR) & VIRTIO_ISR_CONFIG);
	vw(&v, V_ACK, VIRTIO_ISR_CONFIG);
	CHECK_EQ(virtio_balloon_set_target(v.dev, BUS_RAM_SIZE / 2 + 17, &b->err), 0);
	vr(&v, V_ISR);
	vw(&v, V_ACK, VIRTIO_ISR_CONFIG);
	CHECK_EQ(virtio_balloon_set_target(v.dev, BUS_RAM_SIZE + 1ull, &b->err), -EINVAL);
	CHECK_EQ(virtio_balloon_set_target(v.dev, 0, &b->err), -EINVAL);
	/* A guest that starts anew finds the wish, and an empty balloon. */
	machine_reset(b->m, RESET_WARM);
	CHECK_EQ(vr(&v, V_CONFIG), BUS_RAM_SIZE / 8192 - 1);
	CHECK_EQ(vr(&v, V_CONFIG + 4), 0);
	bus_save_load(b, v.dev);
	CHECK_EQ(vr(&v, V_CONFIG), BUS_RAM_SIZE / 8192 - 1);
	virtio_resume(v.dev);
}

static void put_stat(uint64_t gpa, unsigned i, unsigned tag, uint64_t val)
{
	uint8_t *p = ram(&v, gpa);

	st_le16(p + 10 * i, (uint16_t)tag);
	st_le64(p + 10 * i + 2, val);
}

static void statistics(void)
{
	struct virtio_balloon_stats s;
	struct buf out;
	char *text = NULL;

	start(UINT64_MAX, 3);
	out = (struct buf){ guest_alloc(&v, 64, 2), 30 };
	put_stat(out.gpa, 0, BALLOON_MEMFREE, 5 << 20);
	put_stat(out.gpa, 1, BALLOON_MEMTOT, 7 << 20);
	put_stat(out.gpa, 2, 999, 1);
	gq_add(&stats, &out, 1, NULL, 0);
	gq_notify(&stats);
	/* Asked, the device returns the buffer: the driver fills it again. */
	WAIT_FOR((virtio_balloon_stats(v.dev, &s), s.updates == 1));
	CHECK_EQ(s.known, 1u << BALLOON_MEMFREE | 1u << BALLOON_MEMTOT);
	CHECK_EQ(s.val[BALLOON_MEMFREE], 5 << 20);
	gq_wait(&stats, NULL);
	put_stat(out.gpa, 0, BALLOON_MEMFREE, 6 << 20);
	gq_add(&stats, &out, 1, NULL, 0);
	gq_notify(&stats);
	WAIT_FOR((free(text), text = virtio_balloon_info(v.dev)) &&
		 strstr(text, "free: 6144 KiB"));
	CHECK(strstr(text, "total: 7168 KiB") && strstr(text, "target 0 MiB"), "%s", text);
	free(text);
	gq_wait(&stats, NULL);
	/* Held over a save: the ring tells all, so the statistics come once more. */
	gq_add(&stats, &out, 1, NULL, 0);
	gq_notify(&stats);
	WAIT_FOR(!vq_has_avail(&virtio_dev_of(v.dev)->q[2]));
	virtio_quiesce(v.dev);
	CHECK(vq_has_avail(&virtio_dev_of(v.dev)->q[2]));
	CHECK(!gq_used(&stats));
	bus_save_load(b, v.dev);
	virtio_resume(v.dev);
	WAIT_FOR(!vq_has_avail(&virtio_dev_of(v.dev)->q[2]));
	CHECK(!gq_used(&stats));
	virtio_balloon_stats(v.dev, &s);
	gq_wait(&stats, NULL);
	CHECK(s.updates >= 3);
	/* Held while another ring is reset. */
	gq_add(&stats, &out, 1, NULL, 0);
	gq_notify(&stats);
	WAIT_FOR(!vq_has_avail(&virtio_dev_of(v.dev)->q[2]));
	vw(&v, V_SEL, 0);
	vw(&v, V_RESET, 1);
	WAIT_FOR(!vq_has_avail(&virtio_dev_of(v.dev)->q[2]));
	virtio_balloon_stats(v.dev, &s);
	gq_wait(&stats, NULL);
}

/* With an interval nobody needs to ask. */
static void polling(void)
{
	struct buf out;

	plug("1", &b->err);
	start(F_STATS, 0);
	out = (struct buf){ guest_alloc(&v, 64, 2), 10 };
	put_stat(out.gpa, 0, BALLOON_AVAIL, 1);
	gq_add(&stats, &out, 1, NULL, 0);
	gq_notify(&stats);
	gq_wait(&stats, NULL);
}

static void free_pages(uint64_t features, unsigned queue)
{
	/* Two ranges; of the second only the whole pages. */
	struct buf in[2] = { { PAGE(4), 0x3000 }, { PAGE(16) + 0x800, 0x2000 } };
	struct virtio_balloon_stats s;

	start(features, queue);
	fill();
	vw(&v, V_CONFIG + 12, 0xaa);	/* the guest expects a pattern in free pages */
	gq_add(&reporting, NULL, 0, in, 2);
	gq_notify(&reporting);
	gq_wait(&reporting, NULL);
	if (v.features & F_POISON) {
		CHECK_EQ(first_byte(4), 'x');
		vw(&v, V_CONFIG + 12, 0);
		gq_add(&reporting, NULL, 0, in, 2);
		gq_notify(&reporting);
		gq_wait(&reporting, NULL);
	}
	CHECK(first_byte(3) == 'x' && !first_byte(4) && !first_byte(6) && first_byte(7) == 'x');
	CHECK(first_byte(16) == 'x' && !first_byte(17) && first_byte(18) == 'x');
	virtio_balloon_stats(v.dev, &s);
	CHECK_EQ(s.reported, 4 * 4096);
	/* Reports of ROM are a driver's mistake as any write there is. */
	in[0].gpa = ROM;
	gq_add(&reporting, NULL, 0, in, 1);
	gq_notify(&reporting);
	WAIT_FOR(vr(&v, V_STATUS) & VIRTIO_NEEDS_RESET);
	machine_reset(b->m, RESET_WARM);
}

static int whole(void)
{
	b = bus_new();
	CHECK_EQ(mem_add(&b->m->mem, "rom", ROM, 0x10000, MEM_ROM, &b->err), 0);
	memset(mem_find(&b->m->mem, ROM)->host, 'R', 0x10000);
	plug("0", &b->err);
	inflation();
	target();
	statistics();
	machine_reset(b->m, RESET_WARM);
	free_pages(UINT64_MAX, 3);		/* as Linux counts */
	free_pages(UINT64_MAX & ~F_POISON, 4);	/* as 5.5.2 does */
	free_pages(UINT64_MAX & ~F_STATS, 2);
	bus_free(b);
	b = bus_new();
	polling();
	bus_free(b);
	return check_done();
}

int main(void) { return drv_some_variants(whole); }
