/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 images. Either a sound one, whose contents must be a model's after any requests and
 * snapshots, with the counts right at the end; or one with bytes changed at random, of which only
 * this is asked: no crash, no endless loop, nothing written beyond what its tables can count.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/block/block.h"
#include "util/bits.h"
#include "util/log.h"		/* log_warn is compiled as fuzz_quiet: damage is no news here */

#define SECTORS 256u
#define SIZE (SECTORS * 512u)
#define SNAPS 3u

static char path[64];
static uint8_t model[SIZE], snap[SNAPS][SIZE], buf[SIZE];
static bool has_snap[SNAPS];
static uint8_t *seed_image[4];
static size_t seed_len[4];

void fuzz_quiet(const char *fmt, ...) { }

static void fail(const char *what)
{
	fprintf(stderr, "fuzz-qcow2: %s\n", what);
	abort();
}

static void create(unsigned bits, unsigned version)
{
	struct block_create c = { .path = path, .size = SIZE, .format = BLOCK_FORMAT_QCOW2,
				  .cluster_bits = bits, .version = version, .overwrite = true };
	struct err e = { 0 };

	if (block_create(&c, &e))
		fail(e.msg);
}

static struct block *open_image(bool readonly, struct err *e)
{
	struct block_config c = { .format = BLOCK_FORMAT_QCOW2, .cache = BLOCK_CACHE_UNSAFE,
				  .readonly = readonly, .no_backing = true };

	snprintf(c.path, sizeof(c.path), "%s", path);
	return block_open(&c, e);
}

static void fill(struct fuzz_in *in, uint8_t *p, size_t n)
{
	uint8_t v = in_u8(in);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v + i / 512 * 7 + i);
}

/* One request; checked: it must succeed and be the model's. */
static void request(struct fuzz_in *in, struct block *b, bool checked)
{
	unsigned op = in_u8(in), first = in_u8(in) % SECTORS;
	unsigned n = 1 + in_u8(in) % MIN(SECTORS - first, op & 64 ? SECTORS : 16u);
	uint8_t *at = model + first * 512;
	int ret;

	switch (op % 6) {
	case 0:
	case 1:
		fill(in, buf, n * 512);
		ret = block_rw(b, BLOCK_WRITE, first * 512, buf, n * 512);
		memcpy(at, buf, n * 512);
		break;
	case 2:
		ret = block_rw(b, BLOCK_READ, first * 512, buf, n * 512);
		if (checked && memcmp(buf, at, n * 512))
			fail("a read differs");
		break;
	case 3:
		ret = block_rw(b, BLOCK_WRITE_ZEROES, first * 512, NULL, n * 512);
		memset(at, 0, n * 512);
		break;
	case 4:
		ret = block_rw(b, BLOCK_DISCARD, first * 512, NULL, n * 512);
		if (!ret)
			ret = block_rw(b, BLOCK_READ, first * 512, at, n * 512);
		break;
	default:
		ret = block_rw(b, BLOCK_FLUSH, 0, NULL, 0);
	}
	if (checked && ret)
		fail("a request failed");
}

static void snapshot(struct fuzz_in *in, struct block *b, bool checked)
{
	unsigned how = in_u8(in), i = how % SNAPS;
	const char name[2] = { (char)('a' + i), 0 };
	struct err e = { 0 };
	int ret, want = 0;

	switch (how / SNAPS % 3) {
	case 0:
		want = has_snap[i] ? -EEXIST : 0;
		ret = block_snapshot_create(b, name, &e);
		if (!ret)
			memcpy(snap[i], model, SIZE);
		has_snap[i] |= !ret;
		break;
	case 1:
		want = has_snap[i] ? 0 : -ENOENT;
		ret = block_snapshot_apply(b, name, &e);
		if (!ret)
			memcpy(model, snap[i], SIZE);
		break;
	default:
		want = has_snap[i] ? 0 : -ENOENT;
		ret = block_snapshot_delete(b, name, &e);
		has_snap[i] &= ret != 0;
	}
	if (checked && ret != want)
		fail(e.msg);
}

static void check(struct block *b, bool checked)
{
	struct block_check c;
	struct err e = { 0 };
	int ret = block_check(b, &c, NULL, NULL, &e);

	if (checked && (ret || c.errors || c.leaks))
		fail("the image has errors");
}

static void use(struct fuzz_in *in, bool checked, bool readonly)
{
	struct err e = { 0 };
	struct block *b = open_image(readonly, &e);

	if (!b && checked)
		fail(e.msg);
	for (unsigned n = 0; b && in->p < in->end && n < 100; n++) {
		unsigned op = in_u8(in);

		if (op < 230) {
			request(in, b, checked);
		} else if (op < 245) {
			snapshot(in, b, checked);
		} else if (op < 250) {
			check(b, checked);
		} else {
			block_close(b);
			b = open_image(readonly, &e);
			if (!b && checked)
				fail(e.msg);
		}
	}
	if (b)
		check(b, checked);
	if (b && checked) {
		if (block_rw(b, BLOCK_READ, 0, buf, SIZE) || memcmp(buf, model, SIZE))
			fail("the disk differs");
	}
	block_close(b);
}

static void reset_model(void)
{
	memset(model, 0, sizeof(model));
	memset(has_snap, 0, sizeof(has_snap));
}

static void put_image(const uint8_t *p, size_t n)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || pwrite(fd, p, n, 0) != (ssize_t)n)
		fail("no image");
	close(fd);
}

/* Bytes and words changed, most of them where tables are. */
static void hostile(struct fuzz_in *in)
{
	unsigned which = in_u8(in) % ARRAY_SIZE(seed_image), n = 1 + in_u8(in) % 12;
	size_t len = seed_len[which];
	uint8_t *p = malloc(len);
	struct stat st;

	memcpy(p, seed_image[which], len);
	while (n--) {
		unsigned how = in_u8(in);
		size_t at = how & 1 ? in_u8(in) % 112 : how & 2 ? in_u16(in) % 8192 :
			    in_u32(in) % len;

		if (how & 4)
			p[at] ^= (uint8_t)(1u << in_u8(in) % 8);
		else if (how & 8)
			p[at] = in_u8(in);
		else if (at + 8 <= len)
			/* a place in the image, or anything */
			st_be64(p + at / 8 * 8, how & 16 ? in_u64(in) :
				(uint64_t)in_u16(in) % (len / 512) * 512 |
				(uint64_t)(in_u8(in) & 0xc1) << 56 >> (how & 32 ? 0 : 63));
	}
	put_image(p, len - (in_u8(in) < 30 ? in_u16(in) % len : 0));
	free(p);
	use(in, false, in_u8(in) < 50);
	/* Counts cover some MiB of clusters this small: a file may be sparse, but not large. */
	if (!stat(path, &st) && st.st_blocks * 512 > 64 << 20)
		fail("the file has grown");
}

/* Images with some of everything, to be damaged. */
static void make_seed(unsigned i, unsigned bits, unsigned version)
{
	uint8_t bytes[600];
	struct fuzz_in in = { bytes, bytes + sizeof(bytes) };
	struct stat st;
	int fd;

	for (unsigned k = 0; k < sizeof(bytes); k++)
		bytes[k] = (uint8_t)(k * 37 + k / 7 * 11 + i * 5);
	create(bits, version);
	reset_model();
	use(&in, true, false);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0)
		fail("no image");
	seed_len[i] = (size_t)st.st_size;
	seed_image[i] = malloc(seed_len[i]);
	if (read(fd, seed_image[i], seed_len[i]) != st.st_size)
		fail("no image");
	close(fd);
}

static void remove_image(void) { unlink(path); }

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	snprintf(path, sizeof(path), "%s/ambi-fuzz-qcow2-%d",
		 access("/dev/shm", W_OK) ? "/var/tmp" : "/dev/shm", (int)getpid());
	atexit(remove_image);
	make_seed(0, 9, 3);
	make_seed(1, 9, 2);
	make_seed(2, 10, 3);
	make_seed(3, 12, 3);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	unsigned how = in_u8(&in);

	reset_model();
	if (how % 3) {
		hostile(&in);
	} else {
		create(9 + how / 4 % 4, how & 128 ? 2 : 3);
		use(&in, true, false);
	}
	return 0;
}
