/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an image does when the file under it does not as it is told, and when others' mistakes are
 * in it: what was answered stays true, and nothing is lost that could be kept.
 */
#include "tests/block/qcow2.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "io/block/block_int.h"

static char image[128];

static void create(unsigned bits, uint64_t size)
{
	struct block_create c = { .path = image, .size = size, .format = BLOCK_FORMAT_QCOW2,
				  .cluster_bits = bits, .overwrite = true };
	struct err e = { 0 };

	CHECK(block_create(&c, &e) == 0, "%s", e.msg);
}

/* ---- fdatasync: the n-th call from now fails ---- */

static _Atomic unsigned sync_fails;

int fdatasync(int fd)
{
	if (sync_fails && !--sync_fails) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/*
 * The page cache forgets what it could not write. A second flush that finds nothing to do must not
 * be taken for success.
 */
static void raw_flush(const char *options, int again)
{
	struct block_config c;
	struct err e = { 0 };
	struct block *b;
	char spec[256];
	uint8_t buf[4096] = { 1 };

	put_file(image, buf, sizeof(buf));
	snprintf(spec, sizeof(spec), "file=%s,format=raw%s", image, options);
	CHECK_EQ(block_config_parse(&c, spec, NULL, NULL, &e), 0);
	b = block_open(&c, &e);
	if (!b && strstr(e.msg, "direct I/O"))
		return;
	CHECK(b != NULL, "%s", e.msg);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, buf, sizeof(buf)), 0);
	sync_fails = 1;
	CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), -EIO);
	CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), again);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, buf, sizeof(buf)), 0);
	CHECK_EQ(block_inactivate(b, &e), again);
	CHECK_EQ(block_is_inactive(b), !again);
	block_close(b);
}

/* The image is sound after any flush of a commit has failed, and has the old data or the new. */
static void failing_flush(unsigned bits, unsigned which, bool snapshot)
{
	static uint8_t before[512 * 1024], after[sizeof(before)], found[sizeof(before)];
	struct err e = { 0 };
	struct block *b;

	create(bits, sizeof(before));
	fill(before, sizeof(before) / 2);
	b = q_must(image, "");
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, before, sizeof(before) / 2), 0);
	CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	memcpy(after, before, sizeof(after));
	fill(after + 1024, sizeof(after) - 2048);
	CHECK_EQ(block_rw(b, BLOCK_DISCARD, 0, NULL, sizeof(before) / 4), 0);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, after, sizeof(after)), 0);
	sync_fails = which;
	if (snapshot)
		CHECK(block_snapshot_create(b, "s", &e) != 0 || sync_fails);
	else
		CHECK(block_rw(b, BLOCK_FLUSH, 0, NULL, 0) == -EIO || sync_fails);
	if (!sync_fails)
		CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), -EIO);
	sync_fails = 0;
	block_close(b);
	b = q_must(image, "");
	q_check(b, true, "after a failed flush");
	CHECK_EQ(block_rw(b, BLOCK_READ, 0, found, sizeof(found)), 0);
	for (unsigned i = 0; i < sizeof(found); i += 512)
		CHECK(!memcmp(found + i, before + i, 512) || !memcmp(found + i, after + i, 512),
		      "flush %u: %#x", which, i);
	block_close(b);
}

/* ---- cache=writethrough ---- */

static struct {
	struct block *b;
	_Atomic unsigned writes;
	_Atomic bool done;
	bool early;
	struct block_req r;
	struct iovec v;
} second;

static void second_done(struct block_req *r, int ret)
{
	CHECK_EQ(ret, 0);
	second.done = true;
}

/* The data is written and the tables are about to be: a write to the same cluster comes. */
static void second_write(struct block *b, enum block_trace what, uint64_t off, const void *data,
			 uint64_t len)
{
	static uint8_t buf[512];

	if (what != BLOCK_TRACE_WRITE || ++second.writes != 2)
		return;
	memset(buf, 2, sizeof(buf));
	second.v = (struct iovec){ buf, sizeof(buf) };
	second.r = (struct block_req){ .op = BLOCK_WRITE, .offset = 512, .bytes = 512,
				       .iov = &second.v, .nr_iov = 1, .done = second_done };
	block_submit(second.b, &second.r);
	for (unsigned i = 0; i < 200 && !second.done; i++)
		usleep(1000);
	second.early = second.done;
}

/* A write to a place that the tables on the disk do not show yet ends when they do. */
static void answered_is_durable(void)
{
	uint8_t buf[512];

	create(16, 1 << 20);
	second.b = q_must(image, ",cache=writethrough");
	block_trace_hook = second_write;
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(block_rw(second.b, BLOCK_WRITE, 0, buf, sizeof(buf)), 0);
	block_drain(second.b);
	block_trace_hook = NULL;
	CHECK(second.writes >= 2 && second.done && !second.early);
	block_close(second.b);
}

/* ---- no room ---- */

static void limit(rlim_t bytes)
{
	struct rlimit l;

	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = MIN(bytes, l.rlim_max);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void fill_up(struct block *b, uint8_t *model, uint64_t size)
{
	static uint8_t buf[64 * 512];

	for (uint64_t at = 0; at < size; at += sizeof(buf)) {
		uint64_t n = MIN(size - at, sizeof(buf));

		fill(buf, n);
		if (block_rw(b, BLOCK_WRITE, at, buf, n))
			CHECK_EQ(block_rw(b, BLOCK_READ, at, model + at, n), 0);
		else
			memcpy(model + at, buf, n);
	}
}

/* As on a full file system: what cannot be written is an error, and all else goes on. */
static void full(unsigned bits, uint64_t room)
{
	static uint8_t model[40000 * 512];
	struct err e = { 0 };
	struct stat st;
	struct block *b;

	memset(model, 0, sizeof(model));
	create(bits, sizeof(model));
	b = q_must(image, "");
	CHECK_EQ(stat(image, &st), 0);
	limit((rlim_t)st.st_size + room);
	fill_up(b, model, sizeof(model));
	same(b, model, sizeof(model), "full");
	CHECK(block_rw(b, BLOCK_WRITE, sizeof(model) - 512, model, 512) != 0);
	CHECK(block_snapshot_create(b, "s", &e) != 0);
	same(b, model, sizeof(model), "full, no snapshot");
	limit(RLIM_INFINITY);
	CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	fill_up(b, model, sizeof(model));
	q_check(b, false, "no longer full");
	block_close(b);
	b = q_must(image, ",readonly=on");
	same(b, model, sizeof(model), "no longer full");
	q_check(b, false, "no longer full");
	block_close(b);
}

/* An image that ends where its block device does. */
static void device(unsigned bits, uint64_t bytes)
{
	static uint8_t model[20000 * 512];
	struct block_config c = { .format = BLOCK_FORMAT_QCOW2, .inactive = true };
	struct err e = { 0 };
	struct stat st;
	struct block *b;

	memset(model, 0, sizeof(model));
	create(bits, sizeof(model));
	CHECK_EQ(truncate(image, (off_t)bytes), 0);
	snprintf(c.path, sizeof(c.path), "%s", image);
	b = block_open(&c, &e);
	CHECK(b != NULL, "%s", e.msg);
	b->below->is_device = true;
	b->below->file_size = bytes;
	limit(bytes);			/* nothing is behind its end */
	CHECK(block_activate(b, &e) == 0, "%s", e.msg);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, model, 512), 0);
	fill_up(b, model, sizeof(model));
	same(b, model, sizeof(model), "device");
	CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	q_check(b, false, "device");
	CHECK_EQ(block_rw(b, BLOCK_DISCARD, 0, NULL, sizeof(model) / 2), 0);
	CHECK_EQ(block_rw(b, BLOCK_READ, 0, model, sizeof(model) / 2), 0);
	CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	CHECK(block_snapshot_create(b, "s", &e) == 0, "%s", e.msg);
	same(b, model, sizeof(model), "device, later");
	q_check(b, false, "device, later");
	block_close(b);
	limit(RLIM_INFINITY);
	CHECK(stat(image, &st) == 0 && (uint64_t)st.st_size == bytes);
}

/* ---- mistakes of others ---- */

/* An entry of the disk's that stands for a table of the image: it is not given away. */
static void entry_of_a_table(unsigned how)
{
	static uint8_t before[8192], after[sizeof(before)];
	uint8_t buf[512], p[8];
	uint64_t l2, bad;
	struct block *b;
	int fd, ret;

	create(9, 64 * 512);
	b = q_must(image, "");
	memset(buf, 5, sizeof(buf));
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(block_rw(b, BLOCK_WRITE, i * 512, buf, 512), 0);
	block_close(b);
	fd = open(image, O_RDWR);
	CHECK_EQ(pread(fd, before, sizeof(before), 0) > 0, 1);
	l2 = ld_be64(before + ld_be64(before + 40)) & ~BIT(63);
	bad = how & 1 ? l2 : ld_be64(before + 48);	/* itself, the table of counts */
	bad |= how & 2 ? BIT(62) : BIT(63);
	st_be64(p, bad);
	CHECK_EQ(pwrite(fd, p, 8, (off_t)l2 + 8), 8);
	CHECK_EQ(pread(fd, before, sizeof(before), 0) > 0, 1);
	b = q_must(image, "");
	ret = how & 4 ? block_rw(b, BLOCK_WRITE, 512, buf, 512) :
			block_rw(b, BLOCK_DISCARD, 512, NULL, 512);
	CHECK_EQ(ret, -EIO);
	CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), -EIO);
	block_close(b);
	CHECK_EQ(pread(fd, after, sizeof(after), 0) > 0, 1);
	CHECK(after[79] & 2, "not marked as damaged");
	after[79] = before[79];
	CHECK(!memcmp(before, after, sizeof(before)), "a table was written");
	close(fd);
}

/* Places of blocks of counts: not read as if nothing were counted, and all clusters free. */
static void place_of_counts(uint64_t bad)
{
	uint8_t buf[512] = { 1 }, p[8];
	struct err e = { 0 };
	struct block *b;
	uint64_t at;
	int fd;

	create(9, 64 * 512);
	b = q_must(image, "");
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, buf, 512), 0);
	block_close(b);
	fd = open(image, O_RDWR);
	CHECK_EQ(pread(fd, p, 8, 48), 8);
	at = ld_be64(p);
	CHECK_EQ(pread(fd, p, 8, (off_t)at), 8);
	st_be64(p, ld_be64(p) | bad);
	CHECK_EQ(pwrite(fd, p, 8, (off_t)at), 8);
	close(fd);
	b = q_open(image, "", &e);
	CHECK(!b && strstr(e.msg, "wrong entry"), "%#llx: %s", (unsigned long long)bad, e.msg);
	block_close(b);
}

/* A header of the first version may end in the name of the backing file, without any extension. */
static void name_without_extensions(void)
{
	struct block_create c = { .path = image, .size = 1 << 20, .format = BLOCK_FORMAT_QCOW2,
				  .version = 2, .overwrite = true };
	uint8_t name[32] = "a/name.that.is.long", place[12];
	struct err e = { 0 };
	int fd;

	CHECK(block_create(&c, &e) == 0, "%s", e.msg);
	fd = open(image, O_RDWR);
	st_be64(place, 72);
	st_be32(place + 8, 19);
	CHECK_EQ(pwrite(fd, place, 12, 8), 12);
	CHECK_EQ(pwrite(fd, name, sizeof(name), 72), sizeof(name));
	close(fd);
	CHECK(!q_open(image, "", &e) && strstr(e.msg, "of what format its backing file is"), "%s",
	      e.msg);
}

int main(void)
{
	q_start();
	snprintf(image, sizeof(image), "%s/image", q_dir);
	signal(SIGXFSZ, SIG_IGN);
	raw_flush("", -EIO);
	raw_flush(",cache=none", 0);
	for (unsigned which = 1; which < 8; which++) {
		failing_flush(9, which, which & 1);
		failing_flush(12, which, which & 1);
		failing_flush(9, which, !(which & 1));
	}
	answered_is_durable();
	full(9, 100000);
	full(9, 9000000);
	full(12, 1000000);
	full(16, 300000);
	device(9, 8 << 20);
	device(10, 16 << 20);
	device(12, 16 << 20);
	device(16, 32 << 20);
	for (unsigned how = 0; how < 8; how++)
		entry_of_a_table(how);
	for (unsigned bit = 0; bit < 9; bit++)
		place_of_counts(BIT(bit));
	for (unsigned bit = 56; bit < 64; bit++)
		place_of_counts(BIT(bit));
	name_without_extensions();
	return q_end();
}
