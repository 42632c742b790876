/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot file whose bytes were changed, with its checksums made right again or not: nothing of
 * it may do harm, and where all is found to be right the pages come out. The input: flags, then
 * changes of three bytes (place, low and high half; value).
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/crc32c.h"
#include "vmm/move/lazy.h"
#include "vmm/move/snapfile_int.h"

enum { REPAIR = 1, CUT = 2, WHOLE = 4 };
enum { PAGES = 200 };

static uint8_t ram[PAGES * MEM_PAGE_SIZE], rom[2 * MEM_PAGE_SIZE];
static struct mem mem = {
	.nr = 2,
	.block = { { .size = sizeof(ram), .host = ram, .name = "ram", .fd = -1 },
		   { .size = sizeof(rom), .host = rom, .name = "rom", .fd = -1 } },
};
static uint8_t *good;
static size_t good_len;

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* A good file: contents, copies inside and outside of chunks, zeros that are said. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static uint64_t all[PAGES / 64 + 1] = { ~UINT64_C(0), ~UINT64_C(0), 0xff }, two[1] = { 3 };
	uint64_t *bits[MEM_MAX_BLOCKS] = { all, two };
	char path[] = "/tmp/fuzz-snapshot-XXXXXX";
	struct snapram_stats st;
	struct snapwriter *w;
	struct snap_id id;
	struct err e = { 0 };
	uint64_t size = 0;
	int fd = mkstemp(path);

	for (unsigned i = 0; i < PAGES; i++)
		memset(ram + i * MEM_PAGE_SIZE, i % 5 ? (int)(i % 90) : 0, MEM_PAGE_SIZE);
	w = snapwriter_new(path, NULL, &e);
	must(w && !snapwriter_begin(w, SNAP_META, &e) && !snapwriter_put(w, "{}", 2, &e));
	must(!snapwriter_begin(w, SNAP_STATE, &e) && !snapwriter_put(w, "state", 5, &e));
	must(!snapram_save(&mem, w, bits, 1, 2, &st, &e) && !snapwriter_commit(w, &id, &size, &e));
	close(fd);
	fd = open(path, O_RDONLY);
	unlink(path);
	good_len = (size_t)size;
	good = malloc(good_len);
	must(read(fd, good, good_len) == (ssize_t)good_len);
	close(fd);
	return 0;
}

/* The chunks' checksums into them and into the index, as far as the index makes sense. */
static void repair_chunks(uint8_t *pages, uint64_t len, uint8_t *index, uint64_t index_len)
{
	uint64_t at = 0, i = 8;

	while (index_len >= 16 && i <= index_len - 16) {
		uint32_t n = ld_le32(index + i);

		if (n < PAGE_CHUNK_HEAD || n > len - at)
			return;
		st_le32(pages + at + 4, crc32c(0, pages + at + 8, n - 8));
		st_le32(index + i + 4, ld_le32(pages + at + 4));
		at += n;
		i += 16 + ld_le16(index + i + 10) * UINT64_C(8) +
		     ld_le32(index + i + 12) * UINT64_C(8);
	}
}

static void repair(uint8_t *f, size_t len)
{
	uint8_t *end = f + len - SNAP_FOOTER, *pages = NULL, *index = NULL;
	uint64_t pages_len = 0, index_len = 0;
	unsigned nr;

	if (len < SNAP_HEADER + SNAP_FOOTER)
		return;
	st_le32(f + SNAP_HEADER_CRC, crc32c(0, f, SNAP_HEADER_CRC));
	nr = MIN(ld_le32(end + 12), (uint32_t)SNAP_SECTIONS_MAX);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < nr; i++) {
			uint8_t *t = end + SNAP_FOOTER_TABLE + i * SNAP_ENTRY;
			uint64_t off = ld_le64(t + 8), n = ld_le64(t + 16);

			if (off > len || n > len - off)
				continue;
			if (!memcmp(t, "PAGE", 4)) {
				pages = f + off;
				pages_len = n;
				continue;
			}
			if (!memcmp(t, "INDX", 4)) {
				index = f + off;
				index_len = n;
			}
			if (pass)
				st_le32(t + 4, crc32c(0, f + off, n));
		}
		if (!pass && pages && index)
			repair_chunks(pages, pages_len, index, index_len);
	}
	snap_digest(f, end, end + SNAP_FOOTER_DIGEST);
	st_le32(end + SNAP_FOOTER_CRC, crc32c(0, end, SNAP_FOOTER_CRC));
}

static void look(const uint8_t *data, size_t len)
{
	struct err e = { 0 };
	struct snapfile f;
	struct snapram *r;
	int fd = memfd_create("snapshot", MFD_CLOEXEC);

	must(write(fd, data, len) == (ssize_t)len);
	if (snapfile_open_fd(&f, fd, "snapshot", &e) < 0) {
		must(e.code && e.msg[0]);
		return;
	}
	r = snapram_open(&mem, &f, 1, &e);
	must(r || e.code);
	/* a second time: what is read is the same, so is what it leads to */
	if (r && !lazy_verify(r, &e))
		must(!lazy_load_all(&mem, r, &e));
	snapram_free(r);
	snapfile_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	uint8_t flags = in_u8(&in), *f;
	size_t len = good_len;

	if (flags & WHOLE) {		/* the input is the file */
		look(in.p, (size_t)(in.end - in.p));
		return 0;
	}
	f = malloc(len);
	memcpy(f, good, len);
	if (flags & CUT)
		len -= in_u16(&in) % len;
	while (in.end - in.p >= 3) {
		/* from the end, where there is more to be found, or from the start */
		uint16_t at = in_u16(&in);

		f[(at & 1 ? len - 1 - (at >> 1) % len : (at >> 1) % len)] = in_u8(&in);
	}
	if (flags & REPAIR)
		repair(f, len);
	look(f, len);
	free(f);
	return 0;
}
