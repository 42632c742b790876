/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An NVMe driver of a few lines: identification, several queues with many commands in
 * flight, PRP lists, full completion queues, errors of all kinds, events, deletion and
 * resets under load, shutdown, save and load, INTx and MSI-X.
 */
#include "tests/block/rig.h"

#include <sys/syscall.h>

enum { CAP = 0, VS = 8, INTMS = 0xc, INTMC = 0x10, CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28,
       ACQ = 0x30, DB = 0x1000, TABLE = 0x2000 };
enum { SECTORS = 4096, ENTRIES = 32, DATA = 0x60000, EN = 1 | 6 << 16 | 4 << 20 };
enum { OK = 0, BAD_OPCODE = 0x4001, BAD_FIELD = 0x4002, DATA_ERROR = 0x4004,
       BAD_NAMESPACE = 0x400b, BAD_OFFSET = 0x4013, LBA_RANGE = 0x4080, BAD_QID = 0x4101 };

struct queue {
	unsigned id, size, tail, head, phase, sq_head;
	uint64_t sq, cq;
};
struct answer { uint16_t cid, status; uint32_t result; };

static uint8_t model[SECTORS * 512];
static struct block *disk;
static struct queue admin, io[4];
static uint64_t data, lists;

static uint64_t bar(void) { return pci_bar_addr(rig_fn, 0); }
static uint32_t reg(unsigned off) { return (uint32_t)bus_read(rig_bus, bar() + off, 4); }
static void reg_set(unsigned off, uint32_t v) { bus_write(rig_bus, bar() + off, 4, v); }

static struct queue queue_new(unsigned id, unsigned size)
{
	struct queue q = { .id = id, .size = size, .phase = 1 };

	q.sq = rig_alloc(size * 64, 4096);
	q.cq = rig_alloc(size * 16, 4096);
	return q;
}

static void put(struct queue *q, unsigned op, uint16_t cid, uint32_t nsid, uint64_t prp1,
		uint64_t prp2, const uint32_t dw[6])
{
	uint8_t *e = ram(q->sq + 64 * q->tail);

	memset(e, 0, 64);
	e[0] = (uint8_t)op;
	e[1] = (uint8_t)(op >> 8);
	st_le16(e + 2, cid);
	st_le32(e + 4, nsid);
	st_le64(e + 24, prp1);
	st_le64(e + 32, prp2);
	for (unsigned i = 0; i < 6 && dw; i++)
		st_le32(e + 40 + 4 * i, dw[i]);
	q->tail = (q->tail + 1) % q->size;
}

static void ring(struct queue *q) { reg_set(DB + 8 * q->id, q->tail); }

static bool poll_cq(struct queue *q, struct answer *a)
{
	const uint8_t *e = ram(q->cq + 16 * q->head);
	uint32_t last = __atomic_load_n((const uint32_t *)(const void *)(e + 12), __ATOMIC_ACQUIRE);

	if ((last >> 16 & 1) != q->phase)
		return false;
	*a = (struct answer){ (uint16_t)last, (uint16_t)(last >> 17), ld_le32(e) };
	q->sq_head = ld_le16(e + 8);
	CHECK(ld_le16(e + 10) <= 16);
	if (++q->head == q->size) {
		q->head = 0;
		q->phase ^= 1;
	}
	return true;
}

static void consumed(struct queue *q) { reg_set(DB + 8 * q->id + 4, q->head); }

static struct answer wait_cq(struct queue *q)
{
	struct answer a = { 0, 0xffff, 0 };
	bool got = false;

	WAIT_FOR(got || (got = poll_cq(q, &a)));
	return a;
}

static uint32_t result;

static unsigned run(struct queue *q, unsigned op, uint32_t nsid, uint64_t prp1, uint64_t prp2,
		    const uint32_t dw[6])
{
	static uint16_t cid;
	struct answer a;

	put(q, op, ++cid, nsid, prp1, prp2, dw);
	ring(q);
	a = wait_cq(q);
	CHECK_EQ(a.cid, cid);
	consumed(q);
	result = a.result;
	return a.status;
}

#define RUN(q, op, nsid, prp1, prp2, ...) \
	run(q, op, nsid, prp1, prp2, (const uint32_t[6]){ __VA_ARGS__ })

static void enable(void)
{
	rig_next = BUS_RAM;
	admin = queue_new(0, ENTRIES);
	lists = rig_alloc(64 * 4096, 4096);
	data = rig_alloc(DATA, 4096);
	reg_set(AQA, (ENTRIES - 1) | (ENTRIES - 1) << 16);
	bus_write(rig_bus, bar() + ASQ, 8, admin.sq);
	bus_write(rig_bus, bar() + ACQ, 8, admin.cq);
	reg_set(CC, EN);
	WAIT_FOR(reg(CSTS) & 1);
	CHECK_EQ(reg(CSTS), 1);
}

static void disable(void)
{
	reg_set(CC, 0);
	WAIT_FOR(!(reg(CSTS) & 1));
}

static void add_queue(unsigned id, unsigned size, unsigned vector)
{
	struct queue *q = &io[id - 1];

	*q = queue_new(id, size);
	CHECK_EQ(RUN(&admin, 5, 0, q->cq, 0, id | (size - 1) << 16, 3 | vector << 16), OK);
	CHECK_EQ(RUN(&admin, 1, 0, q->sq, 0, id | (size - 1) << 16, 1 | id << 16), OK);
}

static _Atomic unsigned syncs, untold;
static _Atomic bool watched;
static const uint8_t *first_answer;
static unsigned first_phase;

/* An answer is there and a later command is at its flush: the driver has heard of the first. */
static void look(void)
{
	const uint32_t *last = (const void *)(first_answer + 12);

	if ((__atomic_load_n(last, __ATOMIC_ACQUIRE) >> 16 & 1) != first_phase)
		return;
	for (unsigned i = 0; i < 100 && !rig_level; i++)
		usleep(1000);
	untold += !rig_level;
}

int fdatasync(int fd)
{
	syncs++;
	if (watched)
		look();
	return (int)syscall(SYS_fdatasync, fd);
}

static void identify(void)
{
	uint8_t *p = ram(data);
	unsigned before;

	CHECK_EQ(reg(CAP) & 0xffff, 1023);
	CHECK_EQ(reg(VS), 0x10400);
	CHECK_EQ(RUN(&admin, 6, 0, data, 0, 1), OK);
	CHECK(!memcmp(p + 4, "a-serial            ", 20));
	CHECK_EQ(p[77], 7);
	CHECK_EQ(p[512] << 8 | p[513], 0x6644);
	CHECK_EQ(RUN(&admin, 6, 1, data, 0, 0), OK);
	CHECK_EQ(ld_le64(p), SECTORS);
	CHECK_EQ(p[130], 9);
	CHECK_EQ(RUN(&admin, 6, 0, data, 0, 2), OK);
	CHECK_EQ(ld_le64(p), 1);
	CHECK_EQ(RUN(&admin, 6, 1, data + 2048, data + 4096, 3), OK);
	CHECK_EQ(p[2048] | p[2049] << 8, 0x801);
	CHECK_EQ(RUN(&admin, 6, 2, data, 0, 0), BAD_NAMESPACE);
	CHECK_EQ(RUN(&admin, 6, 1, data, 0, 9), BAD_FIELD);
	CHECK_EQ(RUN(&admin, 0x80, 0, 0, 0, 0), BAD_OPCODE);
	CHECK_EQ(RUN(&admin, 6 | 0x4000, 0, data, 0, 1), BAD_FIELD);	/* SGL */
	CHECK_EQ(RUN(&admin, 9, 0, 0, 0, 7, 3 | 3 << 16), OK);
	CHECK_EQ(result, 3 | 3 << 16);
	CHECK_EQ(RUN(&admin, 10, 0, 0, 0, 6), OK);
	CHECK_EQ(result, 1);
	before = syncs;
	CHECK_EQ(RUN(&admin, 9, 0, 0, 0, 6, 1), OK);
	CHECK_EQ(syncs, before);
	CHECK_EQ(RUN(&admin, 9, 0, 0, 0, 6, 0), OK);
	CHECK(syncs > before || block_is_temporary(disk), "what was cached is not on the disk");
	CHECK_EQ(RUN(&admin, 10, 0, 0, 0, 6), OK);
	CHECK_EQ(result, 0);
	CHECK_EQ(RUN(&admin, 9, 0, 0, 0, 6 | 1u << 31, 1), 0x410d);
	CHECK_EQ(RUN(&admin, 10, 0, 0, 0, 0x77), BAD_FIELD);
	memset(p, 0xee, 1024);
	CHECK_EQ(RUN(&admin, 2, 0, data, 0, 2 | 127u << 16), OK);
	CHECK_EQ(p[3], 100);
	CHECK_EQ(p[512], 0xee);
	CHECK_EQ(RUN(&admin, 2, 0, data, 0, 2 | 255u << 16, 0, 508), OK);
	CHECK_EQ(p[1000] | p[1023], 0);
	CHECK_EQ(RUN(&admin, 2, 0, data, 0, 2 | 127u << 16, 0, 516), BAD_FIELD);
	CHECK_EQ(RUN(&admin, 2, 0, data, 0, 0x99 | 127u << 16), 0x4109);
	CHECK_EQ(RUN(&admin, 2, 0, data, 0, 2 | 0xffffu << 16, 0xffff), BAD_FIELD);
}

static void bad_queues(void)
{
	CHECK_EQ(RUN(&admin, 5, 0, lists, 0, 9 | 7 << 16, 1), BAD_QID);
	CHECK_EQ(RUN(&admin, 5, 0, lists, 0, 0 | 7 << 16, 1), BAD_QID);
	CHECK_EQ(RUN(&admin, 5, 0, lists, 0, 1, 1), 0x4102);
	CHECK_EQ(RUN(&admin, 5, 0, lists, 0, 1 | 0xffffu << 16, 1), 0x4102);
	CHECK_EQ(RUN(&admin, 5, 0, lists + 8, 0, 1 | 7 << 16, 1), BAD_OFFSET);
	CHECK_EQ(RUN(&admin, 5, 0, lists, 0, 1 | 7 << 16, 1 | 60u << 16), 0x4108);
	CHECK_EQ(RUN(&admin, 1, 0, lists, 0, 1 | 7 << 16, 1 | 1 << 16), 0x4100);
	CHECK_EQ(RUN(&admin, 0, 0, 0, 0, 1), BAD_QID);
	CHECK_EQ(RUN(&admin, 4, 0, 0, 0, 1), BAD_QID);
	/* queues where no memory is: the controller says that it is lost */
	CHECK_EQ(RUN(&admin, 5, 0, 0x1000, 0, 1 | 7 << 16, 1), OK);
	CHECK_EQ(RUN(&admin, 1, 0, 0x1000, 0, 1 | 7 << 16, 1 | 1 << 16), OK);
	reg_set(DB + 8, 1);
	WAIT_FOR(reg(CSTS) & 2);
	disable();
	enable();
}

/* PRPs for len bytes from `at` (any multiple of 4) on, with a list in page `which`. */
static void prps(uint64_t at, uint32_t len, unsigned which, uint64_t *p1, uint64_t *p2)
{
	uint64_t next = align_down(at, 4096) + 4096, list = lists + 4096 * which;
	unsigned n = 0;

	*p1 = at;
	*p2 = next;
	if (at + len <= next + 4096)
		return;
	list += 8 * rnd(500);		/* lists may begin anywhere, and go on in another page */
	*p2 = list;
	for (; next < at + len; next += 4096) {
		if (list % 4096 == 4088 && next + 4096 < at + len) {
			st_le64(ram(list), lists + 4096 * (which + 32));
			list = lists + 4096 * (which + 32);
		}
		st_le64(ram(list), next);
		list += 8;
		n++;
	}
}

static void transfers(struct queue *q, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		unsigned n = 1 + rnd(rnd(4) ? 16 : 600), lba = rnd(SECTORS - n), write = rnd(2);
		uint64_t at = data + 4 * rnd(4096), p1, p2;
		uint8_t *p = ram(at);

		fill(p, n * 512);
		if (write)
			memcpy(model + 512 * lba, p, n * 512);
		prps(at, n * 512, 0, &p1, &p2);
		CHECK_EQ(RUN(q, write ? 1 : 2, 1, p1, p2, lba, 0, (n - 1) | rnd(2) << 30), OK);
		CHECK(!memcmp(model + 512 * lba, p, n * 512), "%u sectors at %u", n, lba);
	}
	CHECK_EQ(RUN(q, 0, 1, 0, 0, 0), OK);
	CHECK_EQ(RUN(q, 0, UINT32_MAX, 0, 0, 0), OK);
}

/* All queues as full as they get, answers taken late: nothing is lost, nothing comes twice. */
static void many(void)
{
	enum { STRIPE = 8, QUEUES = 3 };

	for (unsigned round = 0; round < 60; round++) {
		uint64_t asked[QUEUES] = { 0 }, got[QUEUES] = { 0 };
		bool write[QUEUES][16];

		for (unsigned k = 0; k < QUEUES; k++) {
			unsigned n = 1 + rnd(io[k].size - 1 < 16 ? io[k].size - 1 : 16);

			for (unsigned i = 0; i < n; i++) {
				unsigned lba = (k * 16 + i) * STRIPE;
				uint64_t at = data + lba * 512, p1, p2;

				write[k][i] = rnd(2);
				fill(ram(at), STRIPE * 512);
				if (write[k][i])
					memcpy(model + lba * 512, ram(at), STRIPE * 512);
				prps(at, STRIPE * 512, k * 8, &p1, &p2);
				put(&io[k], write[k][i] ? 1 : 2, (uint16_t)i, 1, p1, p2,
				    (const uint32_t[6]){ lba, 0, STRIPE - 1 });
				asked[k] |= BIT(i);
			}
			ring(&io[k]);
		}
		for (unsigned k = 0; k < QUEUES; k++)
			while (got[k] != asked[k]) {
				struct answer a = wait_cq(&io[k]);

				CHECK_EQ(a.status, OK);
				CHECK(asked[k] & ~got[k] & BIT(a.cid));
				if (a.status)
					return;
				got[k] |= BIT(a.cid);
				if (rnd(2) || got[k] == asked[k])
					consumed(&io[k]);
			}
		CHECK(!memcmp(model, ram(data), 16 * STRIPE * 512),
		      "all reads are what was written");
		for (unsigned k = 0; k < QUEUES; k++)
			for (unsigned i = 0; i < 16; i++)
				if (asked[k] & BIT(i))
					CHECK(!memcmp(model + (k * 16 + i) * STRIPE * 512,
						      ram(data + (k * 16 + i) * STRIPE * 512),
						      STRIPE * 512), "queue %u, command %u", k, i);
		memcpy(ram(data), model, DATA);
	}
}

/* A driver that does not take its answers: commands wait in the queue, not with us. */
static void full(void)
{
	struct queue *q = &io[1];
	struct answer a;
	unsigned seen = 0;		/* in any order */

	for (unsigned i = 0; i < q->size - 1; i++)
		put(q, 0, (uint16_t)(100 + i), 1, 0, 0, NULL);
	ring(q);
	for (unsigned i = 0; i < q->size - 1; i++)
		seen |= 1u << (wait_cq(q).cid - 100);
	CHECK_EQ(seen, (1u << (q->size - 1)) - 1);
	for (unsigned i = 0; i < 4; i++)
		put(q, 0, (uint16_t)(200 + i), 1, 0, 0, NULL);
	ring(q);
	usleep(20000);
	CHECK(!poll_cq(q, &a), "no answer where there is no room");
	consumed(q);
	seen = 0;
	for (unsigned i = 0; i < 4; i++)
		seen |= 1u << (wait_cq(q).cid - 200);
	CHECK_EQ(seen, 15);
	consumed(q);
}

static void erasing(struct queue *q, bool overlay)
{
	uint8_t *p = ram(data);

	CHECK_EQ(RUN(q, 8, 1, 0, 0, 50, 0, 99), OK);
	memset(model + 50 * 512, 0, 100 * 512);
	CHECK_EQ(RUN(q, 8, 1, 0, 0, 500, 0, 9 | 1 << 25), OK);
	memset(model + 500 * 512, 0, 10 * 512);
	memset(p, 0, 4096);
	st_le32(p + 4, 16);
	st_le64(p + 8, 1000);
	st_le32(p + 52, 40);
	st_le64(p + 56, 2000);
	CHECK_EQ(RUN(q, 9, 1, data, 0, 3, 4), OK);
	if (!overlay) {
		memset(model + 1000 * 512, 0, 16 * 512);
		memset(model + 2000 * 512, 0, 40 * 512);
	}
	for (unsigned lba = 0; lba < 2048; lba += 8) {
		CHECK_EQ(RUN(q, 2, 1, data, 0, lba, 0, 7), OK);
		if (overlay && (lba / 16 == 62 || lba / 40 == 50))
			memcpy(model + lba * 512, p, 4096);
		CHECK(!memcmp(p, model + lba * 512, 4096), "%u", lba);
	}
	st_le64(p + 8, SECTORS - 15);
	st_le32(p + 4, 16);
	CHECK_EQ(RUN(q, 9, 1, data, 0, 0, 4), LBA_RANGE);
}

static void errors(struct queue *q)
{
	CHECK_EQ(RUN(q, 2, 1, data, 0, SECTORS - 7, 0, 7), LBA_RANGE);
	CHECK_EQ(RUN(q, 1, 1, data, 0, UINT32_MAX, UINT32_MAX, 7), LBA_RANGE);
	CHECK_EQ(RUN(q, 8, 1, 0, 0, SECTORS, 0, 0), LBA_RANGE);
	CHECK_EQ(RUN(q, 2, 2, data, 0, 0, 0, 7), BAD_NAMESPACE);
	CHECK_EQ(RUN(q, 0x55, 1, data, 0, 0, 0, 7), BAD_OPCODE);
	CHECK_EQ(RUN(q, 2, 1, data + 2, 0, 0, 0, 0), BAD_OFFSET);
	CHECK_EQ(RUN(q, 2, 1, data, data + 8, 0, 0, 15), BAD_OFFSET);
	CHECK_EQ(RUN(q, 2, 1, data, lists + 4, 0, 0, 31), BAD_OFFSET);
	CHECK_EQ(RUN(q, 2, 1, data, 0, 0, 0, 2047), BAD_FIELD);		/* beyond MDTS */
	CHECK_EQ(RUN(q, 2, 1, 0x1000, 0, 0, 0, 0), DATA_ERROR);
	CHECK_EQ(RUN(q, 1, 1, ~UINT64_C(3), 0, 0, 0, 0), DATA_ERROR);
	CHECK_EQ(RUN(q, 2, 1, BUS_RAM + BUS_RAM_SIZE - 512, 0, 0, 0, 1), DATA_ERROR);
	CHECK_EQ(RUN(q, 2, 1, data, 0x1000, 0, 0, 31), DATA_ERROR);	/* the list */
	st_le64(ram(lists), data + 1);
	CHECK_EQ(RUN(q, 2, 1, data, lists, 0, 0, 31), BAD_OFFSET);
	/* a list that leads to itself */
	st_le64(ram(lists + 4088), lists + 4088);
	CHECK_EQ(RUN(q, 2, 1, data, lists + 4088, 0, 0, 255), BAD_OFFSET);
	for (unsigned i = 0; i < 512; i++)
		st_le64(ram(lists + 8 * i), lists);
	CHECK_EQ(RUN(q, 1, 1, data, lists + 4088, 3000, 0, 255), OK);
	CHECK_EQ(RUN(q, 2, 1, data, 0, 3000, 0, 7), OK);
	CHECK_EQ(RUN(q, 2, 1, data + 4096, 0, 3008, 0, 7), OK);
	CHECK(!memcmp(ram(lists), ram(data + 4096), 4096));
	for (unsigned lba = 3000; lba < 3256; lba += 8) {
		CHECK_EQ(RUN(q, 2, 1, data, 0, lba, 0, 7), OK);
		memcpy(model + lba * 512, ram(data), 4096);
	}
}

/* An event for an impossible doorbell, told once until its log is read; aborts. */
static void events(void)
{
	struct answer a;

	for (unsigned i = 0; i < 5; i++)
		put(&admin, 12, (uint16_t)(0x700 + i), 0, 0, 0, NULL);
	ring(&admin);
	a = wait_cq(&admin);
	consumed(&admin);
	CHECK_EQ((uint32_t)a.cid << 16 | a.status, 0x7044105);	/* one too many */
	reg_set(DB + 8, ENTRIES + 7);
	a = wait_cq(&admin);
	consumed(&admin);
	CHECK_EQ(a.cid, 0x703);
	CHECK_EQ(a.result, 0x10100);
	reg_set(DB + 12, 3 * ENTRIES);
	reg_set(DB + 8 * 16, 1);
	CHECK(!poll_cq(&admin, &a));
	CHECK_EQ(RUN(&admin, 2, 0, data, 0, 1 | 15u << 16), OK);
	reg_set(DB + 8 * 16, 1);
	a = wait_cq(&admin);
	consumed(&admin);
	CHECK_EQ(a.cid, 0x702);
	CHECK_EQ(a.result, 0x10000);
	put(&admin, 8, 1, 0, 0, 0, (const uint32_t[6]){ 0x700u << 16 });
	ring(&admin);
	a = wait_cq(&admin);
	CHECK_EQ((uint32_t)a.cid << 16 | a.status, 0x7000007);
	a = wait_cq(&admin);
	CHECK_EQ(a.cid, 1);
	CHECK_EQ(a.result, 0);
	consumed(&admin);
	CHECK_EQ(RUN(&admin, 8, 0, 0, 0, 0x700u << 16), OK);
	CHECK_EQ(result, 1);
	CHECK_EQ(RUN(&admin, 2, 0, data, 0, 1 | 15u << 16), OK);
}

static void load_queue(struct queue *q, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		memcpy(ram(data + i * 4096), model + i * 4096, 4096);
		put(q, i & 1 ? 1 : 2, (uint16_t)i, 1, data + i * 4096, 0,
		    (const uint32_t[6]){ i * 8, 0, 7 });
	}
	ring(q);
}

/* Deletion, disabling, resets and shutdown while commands are in flight. */
static void in_flight(void)
{
	for (unsigned round = 0; round < 60; round++) {
		struct answer a;

		load_queue(&io[0], ENTRIES - 1);
		load_queue(&io[1], 6);
		switch (round % 5) {
		case 0:			/* every command is answered before the queue is gone */
			CHECK_EQ(RUN(&admin, 0, 0, 0, 0, 1), OK);
			for (unsigned n = 0; poll_cq(&io[0], &a); n++)
				CHECK_EQ(a.status, OK);
			CHECK_EQ(RUN(&admin, 4, 0, 0, 0, 1), OK);
			CHECK_EQ(RUN(&admin, 4, 0, 0, 0, 2), 0x410c);
			break;
		case 1:
			disable();
			break;
		case 2:			/* on again before it was off */
			reg_set(CC, 0);
			reg_set(CC, EN);
			WAIT_FOR(reg(CSTS) & 1);
			break;
		case 3:
			machine_reset(rig_bus->m, RESET_WARM);
			CHECK_EQ(bar(), UINT64_MAX);
			rig_place();
			break;
		case 4:
			reg_set(CC, EN | 1 << 14);
			WAIT_FOR((reg(CSTS) & 12) == 8);
			reg_set(CC, EN);
			CHECK_EQ(reg(CSTS) & 12, 0);
			break;
		}
		disable();
		enable();
		add_queue(1, ENTRIES, 0);
		add_queue(2, 8, 0);
		CHECK_EQ(RUN(&io[0], 2, 1, data, 0, 8, 0, 7), OK);
		CHECK(!memcmp(ram(data), model + 4096, 4096));
	}
	add_queue(3, 2, 0);
	/* without a bus master nothing moves, and goes on with one */
	put(&io[0], 0, 77, 1, 0, 0, NULL);
	cfg_set(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	ring(&io[0]);
	cfg_set(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	CHECK_EQ(wait_cq(&io[0]).cid, 77);
	consumed(&io[0]);
	reg_set(CC, 0);
	reg_set(CC, EN | 1 << 7);	/* pages that are not there */
	CHECK_EQ(reg(CSTS), 2);
	disable();
	reg_set(AQA, 0);
	reg_set(CC, EN);
	CHECK_EQ(reg(CSTS), 2);
	disable();
}

static void interrupts(void)
{
	unsigned cap = rig_cap(PCI_CAP_ID_MSIX), before;

	CHECK_EQ(rig_level, 0);
	put(&io[0], 0, 1, 1, 0, 0, NULL);
	ring(&io[0]);
	wait_cq(&io[0]);
	WAIT_FOR(rig_level);
	reg_set(INTMS, 1);
	CHECK_EQ(rig_level, 0);
	reg_set(INTMC, 1);
	CHECK_EQ(rig_level, 1);
	consumed(&io[0]);
	CHECK_EQ(rig_level, 0);

	disable();
	for (unsigned i = 0; i < 3; i++) {
		bus_write(rig_bus, bar() + TABLE + 16 * i, 8, RIG_MSG_ADDR);
		bus_write(rig_bus, bar() + TABLE + 16 * i + 8, 8, 40 + i);
	}
	cfg_set(cap + 2, 0x8000, 2);
	before = rig_messages[40];
	enable();
	add_queue(1, ENTRIES, 2);
	WAIT_FOR(rig_messages[40] >= before + 2);
	before = rig_messages[42];
	CHECK_EQ(RUN(&io[0], 0, 1, 0, 0, 0), OK);
	WAIT_FOR(rig_messages[42] > before);
	CHECK_EQ(rig_messages[41], 0);
	CHECK_EQ(rig_level, 0);
	disable();
	cfg_set(cap + 2, 0, 2);
}

/* Answers that come together are told of together, unless the last one has more to do. */
static void told_at_once(void)
{
	struct queue *q = &io[0];

	for (unsigned round = 0; round < 30; round++) {
		for (unsigned i = 0; i < 8; i++)
			put(q, i < 7 ? 2 : 1, (uint16_t)i, 1, data + i * 4096, 0,
			    (const uint32_t[6]){ i * 8, 0, 7 | (i < 7 ? 0 : 1u << 30) });
		first_answer = ram(q->cq + 16 * q->head);
		first_phase = q->phase;
		watched = true;
		ring(q);
		for (unsigned i = 0; i < 8; i++)
			CHECK_EQ(wait_cq(q).status, OK);
		watched = false;
		consumed(q);
	}
	CHECK_EQ(untold, 0);
}

static void save_and_load(void)
{
	struct state_buf s = { 0 };

	enable();
	add_queue(1, ENTRIES, 0);
	transfers(&io[0], 20);
	CHECK(state_save(rig_dev, &s, &rig_bus->err) == 0, "%s", rig_bus->err.msg);
	machine_reset(rig_bus->m, RESET_COLD);
	CHECK(state_load(rig_dev, s.data, s.len, &rig_bus->err) == 0, "%s", rig_bus->err.msg);
	transfers(&io[0], 20);
	/* commands that were not fetched are fetched by who loads, not before all of it is there */
	cfg_set(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	load_queue(&io[0], 5);
	rig_fn->cfg[PCI_COMMAND] |= PCI_COMMAND_MASTER;
	free(s.data);
	s = (struct state_buf){ 0 };
	CHECK(state_save(rig_dev, &s, &rig_bus->err) == 0, "%s", rig_bus->err.msg);
	CHECK(state_load(rig_dev, s.data, s.len, &rig_bus->err) == 0, "%s", rig_bus->err.msg);
	block_drain(disk);
	CHECK(!poll_cq(&io[0], &(struct answer){ 0 }));
	rig_resume();
	for (unsigned i = 0; i < 5; i++)
		wait_cq(&io[0]);
	consumed(&io[0]);
	for (unsigned i = 0; i < 3000; i++) {	/* of a stranger: refused, or harmless */
		uint8_t *copy = malloc(s.len);

		memcpy(copy, s.data, s.len);
		for (unsigned n = 1 + rnd(4); n; n--)
			copy[rnd((unsigned)s.len)] = (uint8_t)rnd(256);
		if (!state_load(rig_dev, copy, s.len, &rig_bus->err))
			rig_resume();
		free(copy);
	}
	free(s.data);
	machine_reset(rig_bus->m, RESET_COLD);
	rig_place();
}

static void plug(const char *options)
{
	fill(model, sizeof(model));
	disk = rig_disk(model, sizeof(model), options);
	rig_new("nvme");
	dev_set_ptr(rig_dev, "drive", disk);
	CHECK(dev_set(rig_dev, "serial", "a-serial", &rig_bus->err) == 0);
	CHECK(dev_set(rig_dev, "num-queues", "4", &rig_bus->err) == 0);
	rig_plug();
	enable();
}

static void unplug(void)
{
	rig_free();
	block_close(disk);
}

int main(void)
{
	static const char *const options[] = { "", ",snapshot=on", ",cache=directsync" };

	for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
		plug(options[i]);
		if (!strstr(options[i], "directsync"))
			identify();
		bad_queues();
		add_queue(1, ENTRIES, 0);
		add_queue(2, 8, 0);
		add_queue(3, 17, 0);
		transfers(&io[0], 200);
		transfers(&io[1], 20);
		memcpy(ram(data), model, DATA);
		many();
		full();
		erasing(&io[0], strstr(options[i], "snapshot"));
		errors(&io[2]);
		events();
		in_flight();
		enable();
		add_queue(1, ENTRIES, 0);
		interrupts();
		save_and_load();
		enable();
		add_queue(1, ENTRIES, 0);
		transfers(&io[0], 50);
		unplug();
	}
	plug(",cache=none");
	add_queue(1, ENTRIES, 0);
	told_at_once();
	unplug();
	plug(",readonly=on");
	add_queue(1, ENTRIES, 0);
	CHECK_EQ(RUN(&admin, 6, 1, data, 0, 0), OK);
	CHECK_EQ(((uint8_t *)ram(data))[99], 1);
	CHECK_EQ(RUN(&io[0], 1, 1, data, 0, 0, 0, 0), 0x4182);
	CHECK_EQ(RUN(&io[0], 8, 1, 0, 0, 0, 0, 0), 0x4182);
	CHECK_EQ(RUN(&io[0], 2, 1, data, 0, 0, 0, 0), OK);
	unplug();
	return check_done();
}
