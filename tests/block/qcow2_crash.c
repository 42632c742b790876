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

/* torn: any of its sectors may be missing. */
static void apply(struct file *f, const struct entry *l, bool torn)
{
	switch (l->what) {
	case BLOCK_TRACE_WRITE:
		reach(f, l->off + l->len);
		for (uint64_t n, i = 0; i < l->len; i += n) {
			n = torn ? MIN(l->len - i, 512u) : l->len;
			if (!torn || rnd(4))
				memcpy(f->p + l->off + i, l->data + i, n);
		}
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

	put_file(path, f->p, f->len);
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
		apply(&now, &logged[i], false);
		while (p + 1 < nr_points && point[p + 1].at <= i + 1)
			p++;
		snprintf(what, sizeof(what), "%s: killed after %u of %u", name, i + 1, nr_logged);
		inspect(&now, &point[p], size, touched[p], what);
		if (logged[i].what == BLOCK_TRACE_SYNC) {
			for (; synced <= i; synced++)
				apply(&durable, &logged[synced], false);
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
				apply(&cut, &logged[k], rnd(3) == 0);
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

static void snapshot(struct block *b, struct model *m, uint8_t **snap)
{
	struct err e = { 0 };

	/* On return it is on the disk; before, it is the old or the new. */
	if (!*snap) {
		CHECK(block_snapshot_create(b, "s", &e) == 0, "%s", e.msg);
		*snap = malloc(m->size);
		memcpy(*snap, m->p, m->size);
	} else if (rnd(2)) {
		touch(0, m->size / 512);
		CHECK(block_snapshot_apply(b, "s", &e) == 0, "%s", e.msg);
		memcpy(m->p, *snap, m->size);
	} else {
		CHECK(block_snapshot_delete(b, "s", &e) == 0, "%s", e.msg);
		free(*snap);
		*snap = NULL;
	}
	add_point(m->p, m->size);
}

/* jobs: each of the requests is several, in flight together. */
static void run(unsigned bits, unsigned version, uint64_t sectors, unsigned requests, bool jobs,
		const char *options)
{
	struct block_create c = { .path = image, .size = sectors * 512, .cluster_bits = bits,
				  .format = BLOCK_FORMAT_QCOW2, .version = version,
				  .overwrite = true };
	struct model m = { calloc(1, c.size), c.size, touch };
	uint8_t *snap = NULL, *start;
	struct err e = { 0 };
	struct block *b;
	uint64_t len;
	char name[64];

	snprintf(name, sizeof(name), "2^%u v%u%s%s", bits, version, options, jobs ? ", jobs" : "");
	jobs_start(m.size);
	CHECK(block_create(&c, &e) == 0, "%s", e.msg);
	start = read_file(image, &len);
	nr_logged = nr_points = 0;
	block_trace_hook = hook;
	b = q_must(image, options);
	add_point(m.p, m.size);
	for (unsigned i = 0; i < requests; i++) {
		if (jobs)
			jobs_round(b, &m, name);
		else
			one_request(b, &m, 40);
		if (!rnd(4)) {
			CHECK_EQ(block_rw(b, BLOCK_FLUSH, 0, NULL, 0), 0);
			add_point(m.p, m.size);
		}
		if (!rnd(12))
			snapshot(b, &m, &snap);
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
	jobs_end();
	free(m.p);
	free(snap);
	free(start);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rnd_seed = strtoull(argv[1], NULL, 0);
	q_start();
	snprintf(image, sizeof(image), "%s/image", q_dir);
	run(9, 3, 400, 80, false, "");
	run(9, 2, 300, 60, false, "");
	/* freed clusters keep their old bytes */
	run(9, 3, 2000, 100, false, ",discard=ignore");
	run(10, 3, 1000, 60, false, "");
	run(12, 3, 2000, 60, false, "");
	run(16, 3, 4000, 30, false, "");
	/* the table of pointers to counts grows */
	run(9, 3, 40000, 40, false, "");
	run(9, 3, 1000, 25, true, "");
	run(12, 3, 2000, 25, true, "");
	return q_end();
}
