/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whatever changes a file is written down while a guest's requests and snapshots go on. Then the
 * file is made anew from each beginning of that log, as after a kill -9, and from each beginning
 * with any part of what had not been flushed, as after a loss of power: it must have no errors but
 * leaks, open, and hold what was flushed.
 */
#include "tests/block/qcow2.h"

#include "io/block/block_int.h"

#define MAX_LOG 60000u

struct entry {
	enum block_trace what;
	uint64_t off, len;
	uint8_t *data;
};

/* A flush that had been answered when the log was this long, and what the disk held then. */
struct point { unsigned at; uint8_t *disk; };

static struct entry logged[MAX_LOG];
static unsigned nr_logged;
static struct point point[600];
static unsigned nr_points;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char image[128];

static void hook(struct block *b, enum block_trace what, uint64_t off, const void *data,
		 uint64_t len)
{
	pthread_mutex_lock(&lock);
	if (!strcmp(b->cfg.path, image) && nr_logged < MAX_LOG) {
		struct entry *l = &logged[nr_logged++];

		*l = (struct entry){ what, off, len, NULL };
		if (what == BLOCK_TRACE_WRITE) {
			l->data = malloc(len);
			memcpy(l->data, data, len);
		}
	}
	pthread_mutex_unlock(&lock);
}

struct file { uint8_t *p; uint64_t len, room; };

static void reach(struct file *f, uint64_t end)
{
	if (end > f->room) {
		f->p = realloc(f->p, 2 * end);
		memset(f->p + f->room, 0, 2 * end - f->room);
		f->room = 2 * end;
	}
	f->len = MAX(f->len, end);
}

static void apply(struct file *f, const struct entry *l)
{
	switch (l->what) {
	case BLOCK_TRACE_WRITE:
		reach(f, l->off + l->len);
		memcpy(f->p + l->off, l->data, l->len);
		break;
	case BLOCK_TRACE_ZERO:
		if (l->off < f->len)
			memset(f->p + l->off, 0, MIN(l->len, f->len - l->off));
		break;
	case BLOCK_TRACE_SIZE:
		reach(f, l->off);
		break;
	case BLOCK_TRACE_SYNC:
		break;
	}
}

/* The disk is what it was at point p, except where requests after that may have written. */
static void compare(struct block *b, const struct point *p, uint64_t size, const uint8_t *touched,
		    const char *what)
{
	uint8_t *found = malloc(size);

	CHECK_EQ(block_rw(b, BLOCK_READ, 0, found, size), 0);
	for (uint64_t i = 0; i < size / 512; i++)
		if (!touched[i] && memcmp(found + i * 512, p->disk + i * 512, 512)) {
			CHECK(false, "%s: flushed sector %llu is lost", what,
			      (unsigned long long)i);
			break;
		}
	free(found);
}

static void inspect(const struct file *f, const struct point *p, uint64_t size,
		    const uint8_t *touched, const char *what)
{
	const char *path = q_path("crashed");
	struct block *b;

	q_put_file(path, f->p, f->len);
	b = q_must(path, ",readonly=on,cache=unsafe");
	q_check(b, true, what);
	if (p)
		compare(b, p, size, touched, what);
	block_close(b);
	/* also to be written, then closed without errors */
	if (rnd(10))
		return;
	b = q_must(path, ",cache=unsafe");
	CHECK_EQ(block_rw(b, BLOCK_WRITE, rnd((unsigned)(size / 512)) * 512ull, f->p, 512), 0);
	q_check(b, true, what);
	block_close(b);
}

/* Where requests may have written since each point: sectors by the number of the point. */
static uint8_t *touched[ARRAY_SIZE(point)];

static void replay(const uint8_t *start, uint64_t start_len, uint64_t size, const char *name)
{
	struct file now = { 0 }, durable = { 0 }, cut = { 0 };
	unsigned synced = 0, p = 0;
	char what[160];

	reach(&now, start_len);
	memcpy(now.p, start, start_len);
	reach(&durable, start_len);
	memcpy(durable.p, start, start_len);
	for (unsigned i = 0; i < nr_logged && !check_failed; i++) {
		apply(&now, &logged[i]);
		while (p + 1 < nr_points && point[p + 1].at <= i + 1)
			p++;
		snprintf(what, sizeof(what), "%s: killed after %u of %u", name, i + 1, nr_logged);
		inspect(&now, &point[p], size, touched[p], what);
		if (logged[i].what == BLOCK_TRACE_SYNC) {
			for (; synced <= i; synced++)
				apply(&durable, &logged[synced]);
			continue;
		}
		/* any part of what had not been flushed, in any order that disks may choose */
		cut.len = 0;
		if (cut.p)
			memset(cut.p, 0, cut.room);
		reach(&cut, durable.len);
		memcpy(cut.p, durable.p, durable.len);
		for (unsigned k = synced; k <= i; k++)
			if (rnd(2))
				apply(&cut, &logged[k]);
		snprintf(what, sizeof(what), "%s: power lost after %u of %u", name, i + 1,
			 nr_logged);
		inspect(&cut, &point[p], size, touched[p], what);
	}
	free(now.p);
	free(durable.p);
	free(cut.p);
}

static void add_point(const uint8_t *disk, uint64_t size)
{
	struct point *p = &point[nr_points];

	if (nr_points == ARRAY_SIZE(point))
		return;
	pthread_mutex_lock(&lock);
	p->at = nr_logged;
	pthread_mutex_unlock(&lock);
	p->disk = malloc(size);
	memcpy(p->disk, disk, size);
	touched[nr_points++] = calloc(1, size / 512);
}

/* A flush that is answered says something of all points before, too: they end there. */
static void touch(uint64_t first, uint64_t n)
{
	memset(touched[nr_points - 1] + first, 1, n);
}

static uint8_t *read_file(const char *path, uint64_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		exit(1);
	p = malloc((size_t)st.st_size);
	if (read(fd, p, (size_t)st.st_size) != st.st_size)
		exit(1);
	close(fd);
	*len = (uint64_t)st.st_size;
	return p;
}

static void request(struct block *b, uint8_t *disk, uint64_t size)
{
	uint64_t sectors = size / 512, first = rnd((unsigned)sectors);
	uint64_t n = 1 + rnd((unsigned)MIN(sectors - first, UINT64_C(40)));
	uint8_t *at = disk + first * 512;

	touch(first, n);
	switch (rnd(6)) {
	case 0:
		memset(at, 0, n * 512);
		CHECK_EQ(block_rw(b, BLOCK_WRITE_ZEROES, first * 512, NULL, n * 512), 0);
		break;
	case 1:
		CHECK_EQ(block_rw(b, BLOCK_DISCARD, first * 512, NULL, n * 512), 0);
		CHECK_EQ(block_rw(b, BLOCK_READ, first * 512, at, n * 512), 0);
		break;
	default:
		q_fill(at, n * 512);
		CHECK_EQ(block_rw(b, BLOCK_WRITE, first * 512, at, n * 512), 0);
	}
}

static void snapshot(struct block *b, uint8_t *disk, uint64_t size, uint8_t **snap)
{
	struct err e = { 0 };

	/* On return it is on the disk; before, it is the old or the new. */
	if (!*snap) {
		CHECK(block_snapshot_create(b, "s", &e) == 0, "%s", e.msg);
		*snap = malloc(size);
		memcpy(*snap, disk, size);
	} else if (rnd(2)) {
		touch(0, size / 512);
		CHECK(block_snapshot_apply(b, "s", &e) == 0, "%s", e.msg);
		memcpy(disk, *snap, size);
	} else {
		CHECK(block_snapshot_delete(b, "s", &e) == 0, "%s", e.msg);
		free(*snap);
		*snap = NULL;
	}
	add_point(disk, size);
}

static void run(unsigned bits, unsigned version, uint64_t sectors, unsigned requests,
		const char *options)
{
	struct block_create c = { .path = image, .size = sectors * 512, .cluster_bits = bits,
				  .format = BLOCK_FORMAT_QCOW2, .version = version,
				  .overwrite = true };
	uint8_t *disk = calloc(1, c.size), *snap = NULL, *start;
	struct err e = { 0 };
	struct block *b;
	uint64_t len;
	char name[64];

	snprintf(name, sizeof(name), "2^%u v%u%s", bits, version, options);
	CHECK(block_create(&c, &e) == 0, "%s", e.msg);
	start = read_file(image, &len);
	nr_logged = nr_points = 0;
	block_trace_hook = hook;
	b = q_must(image, options);
	add_point(disk, c.size);
	for (unsigned i = 0; i < requests; i++) {
		request(b, disk, c.size);
		if (!rnd(4)) {
			CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), 0);
			add_point(disk, c.size);
		}
		if (!rnd(12))
			snapshot(b, disk, c.size, &snap);
	}
	block_close(b);
	block_trace_hook = NULL;
	CHECK(nr_logged < MAX_LOG && nr_points < ARRAY_SIZE(point));
	b = q_must(image, ",readonly=on");
	q_check(b, false, name);
	block_close(b);
	printf("%s: %u steps, %u flushes\n", name, nr_logged, nr_points);
	replay(start, len, c.size, name);
	for (unsigned i = 0; i < nr_logged; i++)
		free(logged[i].data);
	for (unsigned i = 0; i < nr_points; i++) {
		free(point[i].disk);
		free(touched[i]);
	}
	free(disk);
	free(snap);
	free(start);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		q_seed = strtoull(argv[1], NULL, 0);
	q_start();
	snprintf(image, sizeof(image), "%s/image", q_dir);
	run(9, 3, 400, 80, "");
	run(9, 2, 300, 60, "");
	/* freed clusters keep their old bytes */
	run(9, 3, 2000, 100, ",discard=ignore");
	run(10, 3, 1000, 60, "");
	run(12, 3, 2000, 60, "");
	run(16, 3, 4000, 30, "");
	/* the table of pointers to counts grows */
	run(9, 3, 40000, 40, "");
	return q_end();
}
