/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory: blocks, copies across them, dirty bits, watched pages. */
#include <errno.h>

#include "tests/dev/devtest.h"

static unsigned told;
static gpa_t told_gpa;

static void written(void *opaque, gpa_t gpa, uint64_t len)
{
	told++;
	told_gpa = gpa;
}

/* Pages given back read as zero, count as written, and are the guest's own RAM only. */
static void discard(uint64_t size)
{
	struct mem m = { .written = written };
	uint64_t bits[1];
	struct err e = { 0 };

	CHECK_EQ(mem_add(&m, "ram", 0x10000, size, 0, &e), 0);
	CHECK_EQ(mem_add(&m, "rom", 0x10000 + size, 0x2000, MEM_ROM, &e), 0);
	memset(m.block[0].host, 'x', size);
	m.block[0].watch[2] = MEM_WATCH_CODE;
	told = 0;
	CHECK_EQ(mem_discard(&m, 0x11000, 0x2000), 0);
	CHECK_EQ(told, 1);
	CHECK(m.block[0].host[0xfff] == 'x' && !m.block[0].host[0x1000]);
	CHECK(!m.block[0].host[0x2fff] && m.block[0].host[0x3000] == 'x');
	mem_take_dirty(&m.block[0], 0, 64, bits);
	CHECK_EQ(bits[0], 6);
	CHECK_EQ(mem_discard(&m, 0x10800, 0x1000), -EINVAL);
	CHECK_EQ(mem_discard(&m, 0x10000, 0x800), -EINVAL);
	CHECK_EQ(mem_discard(&m, 0x10000 + size, 0x1000), -EFAULT);
	CHECK_EQ(mem_discard(&m, 0x10000 + size - 0x1000, 0x2000), -EFAULT);
	CHECK_EQ(mem_discard(&m, 0xfffffffffffff000, 0x1000), -EFAULT);
	CHECK_EQ(mem_discard(&m, 0x10000, 0xfffffffffffff000), -EFAULT);
	mem_hide(&m, &m.block[0], true);
	CHECK_EQ(mem_discard(&m, 0x10000, 0x1000), -EFAULT);
	CHECK(m.block[0].host[0] == 'x');
	mem_free(&m);
}

/* ---- movable blocks ---- */

static struct { gpa_t base; bool hidden; } changes[16];
static unsigned nr_changes;

static void changed(void *opaque, struct mem_block *b)
{
	if (nr_changes < 16) {
		changes[nr_changes].base = b->base;
		changes[nr_changes].hidden = b->flags & MEM_HIDDEN;
	}
	nr_changes++;
}

static void move(void)
{
	struct mem m = { .changed = changed };
	uint8_t *a, *b, text[4] = "abc";
	struct err e = { 0 };
	uint64_t bits[1], off;

	CHECK_EQ(mem_add_movable(&m, "a", 0x4000, 0, &a, &e), 0);
	CHECK_EQ(mem_add(&m, "ram", 0x10000, 0x10000, 0, &e), 0);
	CHECK_EQ(mem_add_movable(&m, "b", 0x4000, 0, &b, &e), 0);
	CHECK(!strcmp(m.block[0].name, "ram"), "movable ones come last");
	CHECK(!mem_find(&m, m.block[1].base), "nowhere at first");
	mem_move(&m, a, 0x40000);
	CHECK_EQ(nr_changes, 0);
	CHECK(!mem_find(&m, 0x40000), "not before it is settled");
	mem_settle(&m);
	CHECK_EQ(nr_changes, 1);
	CHECK(changes[0].base == 0x40000 && !changes[0].hidden, "shown there");
	CHECK(mem_ptr(&m, 0x41000, 0x3000) == a + 0x1000, "found");
	CHECK(!mem_ptr(&m, 0x41000, 0x3001) && !mem_find(&m, 0x44000), "its end");
	CHECK(mem_find_at(&m, 0x42345, &off) && off == 0x2345, "offset");
	CHECK_EQ(mem_write(&m, 0x43000, text, 4, false), 0);
	CHECK(!memcmp(a + 0x3000, text, 4), "written");
	mem_take_dirty(mem_find(&m, 0x40000), 0, 64, bits);
	CHECK_EQ(bits[0], 8);

	/* two change places in one go */
	mem_move(&m, b, 0x50000);
	mem_settle(&m);
	mem_move(&m, a, 0x50000);
	mem_move(&m, b, 0x40000);
	nr_changes = 0;
	mem_settle(&m);
	CHECK_EQ(nr_changes, 4);
	CHECK(changes[0].hidden && changes[1].hidden && !changes[2].hidden, "leave first");
	CHECK(mem_ptr(&m, 0x50000, 1) == a && mem_ptr(&m, 0x40000, 1) == b, "changed");

	/* where another is it waits until there is room */
	mem_move(&m, a, 0x43000);
	mem_settle(&m);
	CHECK(mem_ptr(&m, 0x43000, 1) == b + 0x3000 && !mem_find(&m, 0x44000), "in the way");
	mem_move(&m, a, 0x1f000);
	mem_settle(&m);
	CHECK(mem_ptr(&m, 0x1f000, 1) == m.block[0].host + 0xf000, "RAM stays");
	mem_move(&m, a, 0x43000);
	mem_move(&m, b, MEM_NOWHERE);
	mem_settle(&m);
	CHECK(!mem_find(&m, 0x42fff) && mem_ptr(&m, 0x43000, 1) == a, "room");
	nr_changes = 0;
	mem_settle(&m);
	mem_move(&m, a, 0x43000);
	mem_settle(&m);
	CHECK_EQ(nr_changes, 0);
	mem_free(&m);
}

int main(void)
{
	struct mem m = { .written = written };
	uint64_t bits[1];
	char text[] = "across the border", back[sizeof(text)];
	struct err e = { 0 };

	CHECK_EQ(mem_add(&m, "high", 0x20000, 0x10000, 0, &e), 0);
	CHECK_EQ(mem_add(&m, "low", 0x10000, 0x10000, 0, &e), 0);
	CHECK_EQ(mem_add(&m, "rom", 0x40000, 0x1000, MEM_ROM, &e), 0);
	CHECK(!strcmp(m.block[0].name, "low") && !strcmp(m.block[1].name, "high"), "sorted");
	CHECK_EQ(mem_add(&m, "over", 0x1f000, 0x2000, 0, &e), -EEXIST);
	CHECK_EQ(mem_add(&m, "odd", 0x80001, 0x1000, 0, &e), -EINVAL);
	CHECK_EQ(mem_add(&m, "none", 0x80000, 0, 0, &e), -EINVAL);
	CHECK_EQ(mem_add(&m, "wrap", 0xfffffffffffff000, 0x2000, 0, &e), -EINVAL);

	CHECK_EQ(mem_write(&m, 0x1fff8, text, sizeof(text), false), 0);
	CHECK_EQ(mem_read(&m, 0x1fff8, back, sizeof(back)), 0);
	CHECK(!strcmp(text, back), "%s", back);
	CHECK_EQ(mem_read(&m, 0x2fff8, back, sizeof(back)), -EFAULT);
	CHECK_EQ(mem_read(&m, 0xfffffffffffffff8, back, sizeof(back)), -EFAULT);
	CHECK(mem_ptr(&m, 0x1fff8, 8) != NULL, "inside");
	CHECK(mem_ptr(&m, 0x1fff8, 9) == NULL, "a pointer never spans blocks");
	CHECK(mem_ptr(&m, 0x10000, UINT64_MAX) == NULL, "huge length");

	mem_take_dirty(&m.block[0], 0, 64, bits);
	CHECK_EQ(bits[0], 1u << 15);
	mem_take_dirty(&m.block[0], 0, 64, bits);
	CHECK_EQ(bits[0], 0);
	mem_take_dirty(&m.block[1], 0, 64, bits);
	CHECK_EQ(bits[0], 1);

	m.block[0].watch[3] = MEM_WATCH_CODE;
	CHECK_EQ(mem_write(&m, 0x12000, text, 4, false), 0);
	CHECK_EQ(told, 0);
	CHECK_EQ(mem_write(&m, 0x12ffe, text, 4, false), 0);
	CHECK_EQ(told, 1);
	CHECK_EQ(told_gpa, 0x12ffe);

	CHECK_EQ(mem_write(&m, 0x40000, text, 4, false), 0);
	CHECK_EQ(m.block[2].host[0], 0);
	CHECK_EQ(mem_write(&m, 0x40000, text, 4, true), 0);
	CHECK_EQ(m.block[2].host[0], 'a');
	mem_free(&m);
	move();
	discard(0x10000);	/* shared memory */
	discard(0x400000);	/* private on hosts without huge shared pages */
	return check_done();
}
