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
	discard(0x10000);	/* shared memory */
	discard(0x400000);	/* private on hosts without huge shared pages */
	return check_done();
}
