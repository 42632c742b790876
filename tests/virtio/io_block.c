/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disk back ends against a model in memory: random requests, aligned and not,
 * several in flight, through every engine and cache mode. The same seeds each run.
 */
#include <signal.h>
#include <sys/wait.h>

#include <sys/syscall.h>

#include "io/block/block_int.h"
#include "tests/block/disk.h"

#define DISK (3u * 65536 + 24 * 512)	/* an odd end: the last cluster is partial */

static char dir[] = "/var/tmp/ambi-io-XXXXXX";
static char image[64];

static struct block *open_spec(const char *more, struct err *e)
{
	struct block_config c;
	char spec[256];

	snprintf(spec, sizeof(spec), "file=%s%s", image, more);
	if (block_config_parse(&c, spec, NULL, NULL, e) < 0)
		return NULL;
	return block_open(&c, e);
}

static void stress(const char *options, const char *engine, unsigned rounds)
{
	static uint8_t bytes[DISK], found[DISK];
	struct model m = { bytes, DISK, NULL };
	struct err e = { 0 };
	struct block *b;
	bool snapshot = strstr(options, "snapshot") != NULL;

	fill(bytes, DISK);
	put_file(image, bytes, DISK);
	b = open_spec(options, &e);
	CHECK(b != NULL, "%s: %s", options, e.msg);
	if (!b)
		return;
	CHECK(!strcmp(block_engine_name(b), engine), "%s", block_engine_name(b));
	CHECK_EQ(block_size(b), DISK);
	jobs_start(DISK);
	for (unsigned round = 0; round < rounds; round++)
		jobs_round(b, &m, options);
	same(b, bytes, DISK, options);
	block_close(b);
	jobs_end();
	b = open_spec(",readonly=on", &e);
	CHECK(b != NULL, "%s", e.msg);
	CHECK_EQ(block_rw(b, BLOCK_READ, 0, found, DISK), 0);
	/* a snapshot leaves the image alone */
	CHECK_EQ(!memcmp(found, bytes, DISK), !snapshot);
	block_close(b);
}

static void bounds(void)
{
	static uint8_t buf[8192];
	struct err e = { 0 };
	struct block *b = open_spec("", &e);

	CHECK(b != NULL);
	CHECK_EQ(block_rw(b, BLOCK_READ, DISK, buf, 512), -EINVAL);
	CHECK_EQ(block_rw(b, BLOCK_READ, DISK - 512, buf, 1024), -EINVAL);
	CHECK_EQ(block_rw(b, BLOCK_READ, UINT64_MAX - 511, buf, 512), -EINVAL);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, buf, 511), -EINVAL);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 1, buf, 512), -EINVAL);
	CHECK_EQ(block_rw(b, BLOCK_DISCARD, 0, NULL, (uint64_t)DISK + 512), -EINVAL);
	CHECK_EQ(block_rw(b, BLOCK_DISCARD, 0, NULL, 65536), 0);
	CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	block_close(b);
	b = open_spec(",readonly=on", &e);
	CHECK(block_readonly(b));
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, buf, 512), -EROFS);
	CHECK_EQ(block_rw(b, BLOCK_WRITE_ZEROES, 0, NULL, 512), -EROFS);
	block_close(b);
}

static _Atomic unsigned syncs;

int fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

/* Without flushes, all that completes is on the disk: also what was no write for the kernel. */
static void durable(const char *options)
{
	static uint8_t buf[8192];
	struct err e = { 0 };
	struct block *b = open_spec(options, &e);

	CHECK(b != NULL && !block_has_flush(b), "%s", e.msg);
	for (unsigned unmap = 0; unmap < 2; unmap++) {
		struct job *j = &job[0];

		syncs = 0;
		j->r = (struct block_req){ .op = BLOCK_WRITE_ZEROES, .bytes = 8192,
					   .unmap = unmap, .done = job_done };
		block_submit(b, &j->r);
		block_drain(b);
		CHECK_EQ(j->ret, 0);
		CHECK_EQ(syncs, 1);
	}
	CHECK_EQ(block_rw(b, BLOCK_READ, 0, buf, sizeof(buf)), 0);
	CHECK_EQ(syncs, 1);
	block_close(b);
}

/* Where direct writes are of 4 KiB, a disk that ends in the middle of them does not grow. */
static void odd_end(void)
{
	enum { SIZE = 5 * 4096 + 1536 };
	static uint8_t model[SIZE];
	struct err e = { 0 };
	struct stat st;
	struct block *b;

	fill(model, SIZE);
	put_file(image, model, SIZE);
	b = open_spec(",cache=none", &e);
	CHECK(b != NULL, "%s", e.msg);
	b->align = 4096;
	b->no_punch = b->no_zero_range = true;
	fill(model + SIZE - 512, 512);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, SIZE - 512, model + SIZE - 512, 512), 0);
	same(b, model, SIZE, "written");
	memset(model + SIZE - 8192, 0, 8192);
	CHECK_EQ(block_rw(b, BLOCK_WRITE_ZEROES, SIZE - 8192, NULL, 8192), 0);
	same(b, model, SIZE, "zeros");
	CHECK_EQ(stat(image, &st), 0);
	CHECK_EQ(st.st_size, SIZE);
	CHECK_EQ(block_inactivate(b, &e), 0);
	CHECK(block_activate(b, &e) == 0, "%s", e.msg);
	block_close(b);
}

/* Returns the message of a failure that must come. */
static const char *fails(const char *more)
{
	static struct err e;
	struct block *b;

	e = (struct err){ 0 };
	b = open_spec(more, &e);
	CHECK(b == NULL, "'%s' must fail", more);
	CHECK(e.code && e.msg[0]);
	block_close(b);
	return e.msg;
}

static void bad_input(void)
{
	struct err e = { 0 };
	struct block *a, *b;
	struct block_config c;

	CHECK(strstr(fails(",format=qcow2"), "is not a qcow2"));
	CHECK(strstr(fails(",format=vmdk"), "raw and qcow2"));
	CHECK(strstr(fails(",cache=maybe"), "writeback, none"));
	CHECK(strstr(fails(",aio=native"), "cache=none"));
	CHECK(strstr(fails(",sped=1"), "unknown option"));
	CHECK(strstr(fails(",readonly=perhaps"), "on or off"));
	a = open_spec("", &e);
	CHECK(a != NULL, "%s", e.msg);
	CHECK(strstr(fails(""), "in use"));
	CHECK(strstr(fails(",snapshot=on"), "in use"));
	b = open_spec(",locking=off", &e);
	CHECK(b != NULL, "%s", e.msg);
	block_close(b);
	block_close(a);
	a = open_spec(",snapshot=on", &e);
	b = open_spec(",readonly=on", &e);
	CHECK(a && b, "%s", e.msg);
	block_close(a);
	block_close(b);
	put_file(image, "xyz", 3);
	CHECK(strstr(fails(""), "multiple of 512"));
	a = open_spec(",readonly=on", &e);
	CHECK(a != NULL, "%s", e.msg);
	{
		char buf[512];

		CHECK_EQ(block_size(a), 512);
		memset(buf, 1, sizeof(buf));
		CHECK_EQ(block_rw(a, BLOCK_READ, 0, buf, 512), 0);
		CHECK(!memcmp(buf, "xyz\0\0", 5) && !buf[511]);
	}
	block_close(a);
	put_file(image, "", 0);
	CHECK(strstr(fails(""), "empty"));
	unlink(image);
	CHECK(strstr(fails(""), "No such file"));
	CHECK(block_config_parse(&c, "a,,b=1,,2,readonly=on", NULL, NULL, &e) == 0);
	CHECK(!strcmp(c.path, "a,b=1,2") && c.readonly, "%s", c.path);
	CHECK(block_config_parse(&c, "/x/a=b", NULL, NULL, &e) == 0 && !strcmp(c.path, "/x/a=b"));
	CHECK(block_config_parse(&c, "file=a,,b=1,,2,readonly=on", NULL, NULL, &e) == 0);
	CHECK(!strcmp(c.path, "a,b=1,2") && c.readonly, "%s", c.path);
	CHECK(block_config_parse(&c, "/plain/path,snapshot=on", NULL, NULL, &e) == 0);
	CHECK(!strcmp(c.path, "/plain/path") && c.snapshot);
	CHECK(block_config_parse(&c, "", NULL, NULL, &e) < 0);
	CHECK(block_config_parse(&c, "file=/,format=raw", NULL, NULL, &e) == 0);
	CHECK(block_open(&c, &e) == NULL);
}

/* A guest can write any format's mark: no rule but the owner's word makes of it more than bytes. */
static void foreign_mark(void)
{
	uint8_t head[1024] = "QFI\xfb\0\0\0\3";
	struct err e = { 0 };
	struct block *b;

	put_file(image, head, sizeof(head));
	CHECK(strstr(fails(""), "format=qcow2 or format=raw"));
	CHECK(strstr(fails(",readonly=on"), "format="));
	b = open_spec(",format=raw", &e);
	CHECK(b != NULL, "%s", e.msg);
	CHECK_EQ(block_format(b), BLOCK_FORMAT_RAW);
	block_close(b);
}

/* Two users of a file, one at a time. */
static void hand_over(void)
{
	static uint8_t buf[4096], seen[4096];
	struct err e = { 0 };
	struct block *a, *b;

	put_file(image, buf, sizeof(buf));
	a = open_spec("", &e);
	CHECK(a != NULL, "%s", e.msg);
	{
		struct block_config c;

		CHECK_EQ(block_config_parse(&c, image, NULL, NULL, &e), 0);
		c.inactive = true;
		b = block_open(&c, &e);
	}
	CHECK(b != NULL, "%s", e.msg);
	CHECK(block_is_inactive(b) && !block_is_inactive(a));
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 0, buf, 512), -EPERM);
	CHECK_EQ(block_activate(b, &e), -EBUSY);
	CHECK(block_is_inactive(b) && strstr(e.msg, "in use"));
	for (unsigned i = 0; i < 20; i++) {
		struct block *t = a;

		memset(buf, (int)i + 1, sizeof(buf));
		CHECK_EQ(block_rw(a, BLOCK_WRITE, 0, buf, sizeof(buf)), 0);
		CHECK_EQ(block_inactivate(a, &e), 0);
		CHECK_EQ(block_inactivate(a, &e), 0);
		CHECK_EQ(block_rw(a, BLOCK_WRITE, 0, buf, 512), -EPERM);
		CHECK_EQ(block_rw(a, BLOCK_FLUSH, 0, NULL, 0), -EPERM);
		CHECK_EQ(block_activate(b, &e), 0);
		CHECK_EQ(block_activate(a, &e), -EBUSY);
		CHECK_EQ(block_rw(b, BLOCK_READ, 0, seen, sizeof(seen)), 0);
		CHECK(!memcmp(buf, seen, sizeof(buf)));
		a = b;
		b = t;
	}
	CHECK(!block_can_snapshot(a, (char *)seen, sizeof(seen)) && strstr((char *)seen, "raw"));
	CHECK_EQ(block_snapshot_create(a, "x", &e), -ENOTSUP);
	block_close(b);
	{
		/* a process that was forked off meanwhile is no user */
		pid_t child = fork();

		if (!child)
			pause();
		block_close(a);
		a = open_spec("", &e);
		CHECK(a != NULL, "%s", e.msg);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	block_close(a);
}

static void expect_track(struct block *b, uint64_t from, uint64_t max, uint64_t at, uint64_t n)
{
	uint64_t off = from;

	CHECK_EQ(block_track_take(b, &off, max), n);
	if (n)
		CHECK_EQ(off, at);
}

struct delta { struct block *to; unsigned n, zeros; };

static int delta_put(void *opaque, uint64_t offset, const void *data, size_t len)
{
	struct delta *d = opaque;
	struct err e = { 0 };

	d->n++;
	d->zeros += !data;
	CHECK_EQ(block_delta_load(d->to, offset, data, len, &e), 0);
	return 0;
}

/* What was written to one overlay, loaded into another. */
static void delta(void)
{
	static uint8_t model[DISK], found[DISK];
	struct err e = { 0 };
	struct block *a, *b;
	struct delta d = { 0 };

	fill(model, DISK);
	put_file(image, model, DISK);
	a = open_spec(",snapshot=on", &e);
	b = open_spec(",snapshot=on", &e);
	CHECK(a && b, "%s", e.msg);
	CHECK(block_is_temporary(a));
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 65536, found, 512), 0);	/* must be gone */
	memset(model + 1024, 0xaa, 512);
	CHECK_EQ(block_rw(a, BLOCK_WRITE, 1024, model + 1024, 512), 0);
	memset(model + 2 * 65536, 0, 65536);
	CHECK_EQ(block_rw(a, BLOCK_WRITE_ZEROES, 2 * 65536, NULL, 65536), 0);
	memset(model + DISK - 512, 0x55, 512);
	CHECK_EQ(block_rw(a, BLOCK_WRITE, DISK - 512, model + DISK - 512, 512), 0);
	CHECK_EQ(block_track_start(a, &e), 0);
	block_delta_mark(a);
	CHECK_EQ(block_track_count(a), 3 * 65536);
	expect_track(a, 65536, 1 << 20, 2 * 65536, DISK - 2 * 65536);
	block_track_stop(a);
	d.to = b;
	CHECK_EQ(block_delta_reset(b, &e), 0);
	CHECK_EQ(block_delta_save(a, delta_put, &d, &e), 0);
	CHECK_EQ(d.n, 3);
	CHECK_EQ(d.zeros, 1);
	CHECK_EQ(block_rw(b, BLOCK_READ, 0, found, DISK), 0);
	CHECK(!memcmp(found, model, DISK));
	CHECK_EQ(block_delta_load(b, DISK, model, 512, &e), -EINVAL);
	CHECK_EQ(block_delta_load(b, UINT64_MAX - 511, model, 1024, &e), -EINVAL);
	CHECK_EQ(block_delta_load(b, 0, model, 100, &e), -EINVAL);
	block_close(a);
	block_close(b);
	a = open_spec("", &e);
	CHECK(!block_is_temporary(a));
	CHECK_EQ(block_delta_reset(a, &e), -ENOTSUP);
	CHECK_EQ(block_delta_save(a, delta_put, &d, &e), -ENOTSUP);
	block_close(a);
}

/* What was written since, in pieces of 64 KiB; each is told once. */
static void track(const char *options)
{
	static uint8_t buf[DISK];
	struct err e = { 0 };
	struct block *b;

	put_file(image, buf, DISK);
	b = open_spec(options, &e);
	CHECK(b != NULL, "%s", e.msg);
	block_track_mark(b, 0, 512);			/* nobody looks */
	CHECK_EQ(block_track_count(b), 0);
	CHECK_EQ(block_track_start(b, &e), 0);
	CHECK_EQ(block_track_start(b, &e), -EBUSY);
	CHECK_EQ(block_track_count(b), 0);
	CHECK_EQ(block_rw(b, BLOCK_READ, 0, buf, DISK), 0);
	CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), 0);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, DISK, buf, 512), -EINVAL);
	expect_track(b, 0, DISK, 0, 0);
	CHECK_EQ(block_rw(b, BLOCK_WRITE, 65536 - 512, buf, 1024), 0);
	CHECK_EQ(block_rw(b, BLOCK_WRITE_ZEROES, DISK - 512, NULL, 512), 0);
	CHECK_EQ(block_track_count(b), 3 * 65536);
	expect_track(b, 65536, 65536, 65536, 65536);
	CHECK_EQ(block_rw(b, BLOCK_DISCARD, 65536, NULL, 512), 0);
	expect_track(b, 0, DISK, 0, 2 * 65536);
	expect_track(b, 0, DISK, 3 * 65536, DISK - 3 * 65536);
	expect_track(b, 0, DISK, 0, 0);
	if (block_is_temporary(b)) {
		CHECK_EQ(block_delta_reset(b, &e), 0);
		expect_track(b, 0, 1 << 20, 0, DISK);
	}
	block_track_stop(b);
	block_track_stop(b);
	block_close(b);
}

int main(void)
{
	struct err e = { 0 };
	struct block *b;

	if (!mkdtemp(dir))
		return 1;
	snprintf(image, sizeof(image), "%s/disk", dir);
	stress("", "threads", 150);
	stress(",cache=unsafe", "threads", 50);
	stress(",cache=writethrough", "threads", 20);
	stress(",snapshot=on", "overlay", 300);
	b = open_spec(",cache=none,readonly=on", &e);
	block_close(b);
	/* A file system without O_DIRECT says so; everywhere else these must work. */
	if (b || !strstr(e.msg, "does not support direct I/O")) {
		stress(",cache=none", "aio", 150);
		stress(",cache=none,aio=threads", "threads", 100);
		stress(",cache=directsync,aio=native", "aio", 20);
		durable(",cache=directsync");
		odd_end();
	} else {
		printf("%s: no O_DIRECT here\n", e.msg);
	}
	put_file(image, (uint8_t[DISK]){ 0 }, DISK);
	durable(",cache=writethrough");
	bounds();
	foreign_mark();
	hand_over();
	delta();
	track("");
	track(",snapshot=on");
	bad_input();
	rmdir(dir);
	return check_done();
}
