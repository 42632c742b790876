/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/dev/devtest.h"
#include "hw/intc/plic.h"

#define BASE	      0xc000000u
#define PRIO(n)	      (BASE + 4 * (n))
#define PENDING(w)    (BASE + 0x1000 + 4 * (w))
#define ENABLE(c, w)  (BASE + 0x2000 + 0x80 * (c) + 4 * (w))
#define THRESHOLD(c)  (BASE + 0x200000 + 0x1000 * (c))
#define CLAIM(c)      (THRESHOLD(c) + 4)
enum { SEIP = 9, MEIP = 11 };

static struct bus *b;
static struct dev *d;

static uint64_t rd(uint64_t a) { return bus_read(b, a, 4); }
static void wr(uint64_t a, uint32_t v) { bus_write(b, a, 4, v); }
static bool line(unsigned hart, unsigned n) { return b->port[hart].lines >> n & 1; }

static void test_basic(void)
{
	CHECK_EQ(rd(CLAIM(1)), 0);
	wr(PRIO(5), 3);
	wr(ENABLE(1, 0), 1u << 5);		/* hart 0, S */
	plic_set_source(d, 5, 1);
	CHECK(line(0, SEIP) && !line(0, MEIP) && !line(1, SEIP), "only the enabled context");
	CHECK_EQ(rd(PENDING(0)), 1u << 5);
	CHECK_EQ(rd(CLAIM(3)), 0);		/* another context */
	CHECK_EQ(rd(CLAIM(1)), 5);
	CHECK(!line(0, SEIP), "claimed");
	CHECK_EQ(rd(PENDING(0)), 0);
	CHECK_EQ(rd(CLAIM(1)), 0);
	plic_set_source(d, 5, 0);
	plic_set_source(d, 5, 1);		/* the gateway is closed */
	CHECK(!line(0, SEIP), "in service");
	wr(CLAIM(3), 5);			/* not enabled there: ignored */
	CHECK(!line(0, SEIP), "still in service");
	wr(CLAIM(1), 5);
	CHECK(line(0, SEIP), "the wire is still up");
	CHECK_EQ(rd(CLAIM(1)), 5);
	plic_set_source(d, 5, 0);
	wr(CLAIM(1), 5);
	CHECK(!line(0, SEIP) && !rd(PENDING(0)), "done");
	wr(CLAIM(1), 5);			/* completion of nothing */
	wr(CLAIM(1), 0);
	wr(CLAIM(1), 0xffffffff);
	CHECK(!line(0, SEIP), "no effect");
}

/* A request once made stays although the wire falls. */
static void test_withdrawn(void)
{
	plic_set_source(d, 5, 1);
	plic_set_source(d, 5, 0);
	CHECK(line(0, SEIP), "kept");
	CHECK_EQ(rd(CLAIM(1)), 5);
	wr(CLAIM(1), 5);
	CHECK(!line(0, SEIP), "once");
}

static void test_priorities(void)
{
	for (unsigned s = 30; s < 40; s++)
		wr(PRIO(s), s == 35 || s == 37 ? 6 : 2);
	wr(ENABLE(2, 0), 3u << 30);		/* hart 1, M */
	wr(ENABLE(2, 1), 0xff);
	for (unsigned s = 30; s < 40; s++)
		plic_set_source(d, s, 1);
	CHECK(line(1, MEIP) && !line(1, SEIP), "M context");
	wr(THRESHOLD(2), 6);
	CHECK(!line(1, MEIP), "not above the threshold");
	CHECK_EQ(rd(CLAIM(2)), 35);		/* a claim does not look at it */
	wr(THRESHOLD(2), 5);
	CHECK(line(1, MEIP), "37 is above");
	CHECK_EQ(rd(CLAIM(2)), 37);
	CHECK(!line(1, MEIP), "the rest is below");
	wr(THRESHOLD(2), 0);
	for (unsigned s = 30; s < 40; s++)
		if (s != 35 && s != 37)
			CHECK_EQ(rd(CLAIM(2)), s);	/* ties: lowest number first */
	CHECK_EQ(rd(CLAIM(2)), 0);
	for (unsigned s = 30; s < 40; s++) {
		plic_set_source(d, s, 0);
		wr(CLAIM(2), s);
	}
	wr(PRIO(30), 0);
	plic_set_source(d, 30, 1);
	CHECK(!line(1, MEIP), "priority 0 never interrupts");
	CHECK_EQ(rd(CLAIM(2)), 0);
	wr(PRIO(30), 1);
	CHECK(line(1, MEIP), "until it is raised");
	wr(ENABLE(2, 0), 0);
	CHECK(!line(1, MEIP), "disabled");
	wr(ENABLE(2, 0), 1u << 30);
	plic_set_source(d, 30, 0);
	CHECK_EQ(rd(CLAIM(2)), 30);
	wr(CLAIM(2), 30);
}

/* Two contexts enable one source: the first claim wins. */
static void test_shared(void)
{
	wr(PRIO(1), 1);
	wr(ENABLE(5, 0), 2);
	wr(ENABLE(7, 0), 2);
	plic_set_source(d, 1, 1);
	CHECK(line(2, SEIP) && line(3, SEIP), "both are told");
	CHECK_EQ(rd(CLAIM(7)), 1);
	CHECK(!line(2, SEIP) && !line(3, SEIP), "both are relieved");
	CHECK_EQ(rd(CLAIM(5)), 0);
	plic_set_source(d, 1, 0);
	wr(CLAIM(5), 1);			/* any context that enables it may complete */
	plic_set_source(d, 1, 1);
	CHECK(line(2, SEIP), "opened again");
	plic_set_source(d, 1, 0);
	CHECK_EQ(rd(CLAIM(5)), 1);
	wr(CLAIM(5), 1);
}

static void test_limits(void)
{
	wr(PRIO(0), 7);
	CHECK_EQ(rd(PRIO(0)), 0);
	wr(PRIO(40), 0xffffffff);
	CHECK_EQ(rd(PRIO(40)), 7);
	wr(PRIO(41), 7);		/* sources are 1..40 here */
	CHECK_EQ(rd(PRIO(41)), 0);
	wr(ENABLE(0, 0), 0xffffffff);
	CHECK_EQ(rd(ENABLE(0, 0)), 0xfffffffe);
	wr(ENABLE(0, 1), 0xffffffff);
	CHECK_EQ(rd(ENABLE(0, 1)), 0x1ff);
	wr(ENABLE(0, 2), 0xffffffff);
	CHECK_EQ(rd(ENABLE(0, 2)), 0);
	wr(ENABLE(0, 0), 0);
	wr(ENABLE(0, 1), 0);
	wr(ENABLE(8, 0), 0xffffffff);		/* four harts: contexts 0..7 */
	CHECK_EQ(rd(ENABLE(8, 0)), 0);
	wr(THRESHOLD(8), 1);
	CHECK_EQ(rd(THRESHOLD(8)), 0);
	wr(PENDING(0), 0xffffffff);
	CHECK_EQ(rd(PENDING(0)), 0);
	plic_set_source(d, 0, 1);
	plic_set_source(d, 41, 1);
	plic_set_source(d, 4000000000u, 1);
	CHECK_EQ(rd(PENDING(0)) | rd(PENDING(1)), 0);
	CHECK_EQ(rd(BASE + 0x3fffffc), 0);
	wr(BASE + 0x3fffffc, 1);
}

static void test_moves(void)
{
	wr(PRIO(9), 4);
	wr(ENABLE(1, 0), 1u << 9);
	plic_set_source(d, 9, 1);
	cpu_port_set(&b->port[0], SEIP, 0);	/* a new CPU's port */
	bus_save_load(b, d);
	CHECK(line(0, SEIP), "driven again after a restore");
	CHECK_EQ(rd(CLAIM(1)), 9);
	bus_save_load(b, d);
	CHECK(!line(0, SEIP), "in service survives");
	machine_reset(b->m, RESET_WARM);
	CHECK_EQ(rd(ENABLE(1, 0)) | rd(PRIO(9)), 0);
}

static _Atomic bool stop;
static _Atomic unsigned claimed;

static void *hart(void *arg)
{
	uintptr_t h = (uintptr_t)arg;
	uint64_t v;

	while (!atomic_load(&stop)) {
		if (!line((unsigned)h, SEIP)) {
			sched_yield();
			continue;
		}
		v = rd(CLAIM(2 * h + 1));
		if (!v)
			continue;
		plic_set_source(d, (unsigned)v, 0);
		atomic_fetch_add(&claimed, 1);
		wr(CLAIM(2 * h + 1), (uint32_t)v);
	}
	return NULL;
}

/* Every request is claimed exactly once, by whichever hart. */
static void test_threads(void)
{
	pthread_t t[2];

	for (unsigned s = 1; s <= 8; s++)
		wr(PRIO(s), 1 + s % 3);
	for (uintptr_t h = 0; h < 2; h++) {
		wr(ENABLE(2 * h + 1, 0), 0x1fe);
		pthread_create(&t[h], NULL, hart, (void *)h);
	}
	for (unsigned i = 0; i < 4000; i++) {
		unsigned want = atomic_load(&claimed) + 1;

		plic_set_source(d, 1 + i % 8, 1);
		for (unsigned spin = 0; atomic_load(&claimed) < want && spin < 1000000; spin++)
			sched_yield();
		CHECK_EQ(claimed, want);
	}
	atomic_store(&stop, true);
	for (unsigned h = 0; h < 2; h++)
		pthread_join(t[h], NULL);
}

int main(void)
{
	b = bus_new();
	d = bus_new_dev(b, "sifive-plic");
	CHECK_EQ(dev_set(d, "num_sources", "40", &b->err), 0);
	bus_plug(b, d, BASE, 0);
	test_basic();
	test_withdrawn();
	test_priorities();
	test_shared();
	test_limits();
	test_moves();
	test_threads();
	bus_free(b);
	return check_done();
}
