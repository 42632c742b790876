/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks of pages: what comes out is what went in, and nothing else is taken for a chunk. */
#include "vmm/move/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"
#include "util/bits.h"
#include "util/crc32c.h"

enum { NR_PAGES = 200 };


static uint8_t ram[NR_PAGES * MEM_PAGE_SIZE], rom[4 * MEM_PAGE_SIZE], out[sizeof(ram)];
static struct mem mem = {
	.nr = 2,
	.block = { { .size = sizeof(ram), .host = ram, .name = "ram" },
		   { .size = sizeof(rom), .host = rom, .name = "rom" } },
};
static unsigned nr_put;
static struct page_ref last_put;

static uint32_t chance(void)
{
	static uint32_t x = 1;

	x ^= x << 13;
	x ^= x >> 17;
	return x ^= x << 5;
}

/* Zero pages, the same pages again, noise, text, and pages that differ late. */
static void fill(void)
{
	for (unsigned i = 0; i < NR_PAGES; i++) {
		uint8_t *page = ram + i * MEM_PAGE_SIZE;

		switch (chance() % 5) {
		case 0:
			memset(page, 0, MEM_PAGE_SIZE);
			break;
		case 1:
			memset(page, "ab"[chance() % 2], MEM_PAGE_SIZE);
			break;
		case 2:
			for (unsigned j = 0; j < MEM_PAGE_SIZE; j++)
				page[j] = (uint8_t)chance();
			break;
		case 3:
			memset(page, 0, MEM_PAGE_SIZE);
			page[chance() % 2 ? MEM_PAGE_SIZE - 1 : 0] = 1;
			break;
		default:
			for (unsigned j = 0; j < MEM_PAGE_SIZE; j++)
				page[j] = "a text"[(j + i) % 6];
		}
	}
	for (unsigned j = 0; j < sizeof(rom); j++)
		rom[j] = (uint8_t)chance();
}

static int put(void *opaque, struct page_ref at, const uint8_t *page)
{
	uint8_t *to = (at.block ? rom : out) + at.page * MEM_PAGE_SIZE;

	if (page)
		memcpy(to, page, MEM_PAGE_SIZE);
	else
		memset(to, 0, MEM_PAGE_SIZE);
	nr_put++;
	return 0;
}

static int put_ref(void *opaque, struct page_ref at, const uint8_t *page)
{
	last_put = at;
	return 0;
}

static void round_trip(int level)
{
	struct err e = { 0 };
	struct page_packer *p = page_packer_new(level, &e), *q = page_packer_new(0, &e);
	struct page_ref refs[PAGES_PER_CHUNK];
	size_t len, total = 0;

	memset(out, 0xee, sizeof(out));
	nr_put = 0;
	for (unsigned at = 0, n, zeros; at < NR_PAGES; at += n) {
		const uint8_t *chunk;

		n = MIN(1 + chance() % PAGES_PER_CHUNK, NR_PAGES - at);
		for (unsigned i = 0; i < n; i++)
			refs[i] = (struct page_ref){ 0, at + i };
		chunk = page_pack(p, &mem, refs, n, &len);
		CHECK(len <= PAGE_CHUNK_MAX);
		total += len;
		CHECK_EQ(page_chunk_len(chunk, PAGE_CHUNK_HEAD), (int64_t)len);
		CHECK_EQ(page_chunk_len(chunk, PAGE_CHUNK_HEAD - 1), 0);
		zeros = 0;
		for (unsigned i = 0; i < n; i++)
			zeros += page_is_zero(ram + (at + i) * MEM_PAGE_SIZE);
		CHECK_EQ(page_chunk_zeros(chunk), zeros);
		CHECK_EQ(page_unpack(q, &mem, chunk, len, put, NULL, &e), 0);
	}
	CHECK_EQ(nr_put, NR_PAGES);
	CHECK(!memcmp(ram, out, sizeof(ram)));
	CHECK(total < sizeof(ram) * 3 / 5);	/* zeros and copies are gone at any level */
	page_packer_free(p);
	page_packer_free(q);
}

/* Every single bit, and every shorter length. */
static void damaged(void)
{
	struct err e = { 0 };
	struct page_packer *p = page_packer_new(1, &e), *q = page_packer_new(1, &e);
	struct page_ref refs[3] = { { 0, 5 }, { 0, 6 }, { 1, 1 } };
	uint8_t *bad = malloc(PAGE_CHUNK_MAX + 1);
	const uint8_t *chunk;
	size_t len;

	memset(ram + 5 * MEM_PAGE_SIZE, 'q', MEM_PAGE_SIZE);
	chunk = page_pack(p, &mem, refs, 3, &len);
	memcpy(bad, chunk, len);
	nr_put = 0;
	for (size_t i = 0; i < len * 8; i += i < 400 * 8 ? 1 : 61) {
		bad[i / 8] ^= 1 << i % 8;
		CHECK(page_unpack(q, &mem, bad, len, put, NULL, &e) < 0);
		bad[i / 8] ^= 1 << i % 8;
	}
	for (size_t i = 0; i < len; i++)
		CHECK(page_unpack(q, &mem, bad, i, put, NULL, &e) < 0);
	CHECK(page_unpack(q, &mem, bad, len + 1, put, NULL, &e) < 0);
	CHECK_EQ(nr_put, 0);
	free(bad);
	page_packer_free(p);
	page_packer_free(q);
}

/* With checksums that are right: fields that nobody writes. */
static void hostile(void)
{
	static const struct { unsigned at; uint8_t v; } changes[] = {
		{ 12, 0 }, { 12, 4 }, { 12, 65 }, { 13, 1 }, { 14, 2 }, { 14, 0 }, { 15, 1 },
		{ 17, 1 }, { 16, NR_PAGES }, { 20, 2 }, { 20, 31 }, { 21, 1 }, { 22, 3 }, { 22, 1 },
		{ 23, 1 }, { 30, 3 }, { 31, 1 }, { 38, 1 }, { 38, 0 }, { 50, 0xff },
	};
	struct err e = { 0 };
	struct page_packer *p = page_packer_new(1, &e), *q = page_packer_new(1, &e);
	struct page_ref refs[3] = { { 0, 5 }, { 0, 6 }, { 1, 1 } };
	uint8_t bad[PAGE_CHUNK_MAX];
	const uint8_t *chunk;
	size_t len;

	memset(ram + 5 * MEM_PAGE_SIZE, 'q', MEM_PAGE_SIZE);
	memset(ram + 6 * MEM_PAGE_SIZE, 0, MEM_PAGE_SIZE);
	chunk = page_pack(p, &mem, refs, 3, &len);
	nr_put = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(changes); i++) {
		memcpy(bad, chunk, len);
		bad[changes[i].at] = changes[i].v;
		st_le32(bad + 4, crc32c(0, bad + 8, len - 8));
		CHECK(page_unpack(q, &mem, bad, len, put, NULL, &e) < 0);
	}
	CHECK_EQ(nr_put, 0);
	page_packer_free(p);
	page_packer_free(q);
}

/* Blocks in another order there; other sizes, other names, missing ones. */
static void blocks(void)
{
	static struct mem there;
	struct err e = { 0 };
	struct page_packer *p = page_packer_new(1, &e), *q = page_packer_new(1, &e);
	struct page_ref ref = { 0, 2 };
	uint8_t *table;
	const uint8_t *chunk;
	size_t len, n;

	there = mem;
	there.block[0] = mem.block[1];
	there.block[1] = mem.block[0];
	table = page_blocks_save(&mem, &n, &e);
	chunk = page_pack(p, &mem, &ref, 1, &len);
	CHECK_EQ(page_blocks_load(q, &there, table, n, &e), 0);
	CHECK_EQ(page_unpack(q, &there, chunk, len, put_ref, NULL, &e), 0);
	CHECK_EQ(last_put.block, 1);
	CHECK_EQ(last_put.page, 2);
	for (size_t i = 0; i < n; i++)
		CHECK(page_blocks_load(q, &there, table, i, &e) < 0);
	there.block[1].size -= MEM_PAGE_SIZE;
	CHECK(page_blocks_load(q, &there, table, n, &e) < 0);
	CHECK(strstr(e.msg, "'ram' has 800 KiB, here 796") != NULL);
	there.nr = 1;
	CHECK(page_blocks_load(q, &there, table, n, &e) < 0);
	there = mem;
	there.nr = 3;
	there.block[2] = (struct mem_block){ .size = 4096, .name = "more" };
	CHECK(page_blocks_load(q, &there, table, n, &e) < 0);
	CHECK(strstr(e.msg, "'more'") != NULL);
	free(table);
	page_packer_free(p);
	page_packer_free(q);
}

int main(void)
{
	/* RFC 3720, B.4 */
	CHECK_EQ(crc32c(0, "123456789", 9), 0xe3069283u);
	CHECK_EQ(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
	for (unsigned i = 0; i < 20; i++) {
		fill();
		round_trip(i % 4 == 3 ? -1 : (int)i % 4);
	}
	damaged();
	hostile();
	blocks();
	return check_done();
}
