/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapdisk KERNEL ARGS...: a guest with a temporary disk, and a snapshot to which it cannot go back
 * because the disk holds more by now than fits into memory: what it holds stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/block/block.h"
#include "tests/moves/rig.h"
#include "tests/check.h"
#include "vmm/move/snapshot.h"

enum { CLUSTER = 65536, CLUSTERS = 16, FIRST = 4, SECOND = 6, SOME = 2 };

static char dir[] = "snapdisk-XXXXXX", path[40], file[40], image[80];
static bool full;			/* an overlay does not go into memory */

typedef int put_fn(void *opaque, uint64_t offset, const void *data, size_t len);
struct some { put_fn *put; void *opaque; unsigned left; };

int __real_block_delta_save(struct block *b, put_fn *put, void *opaque, struct err *e);
int __wrap_block_delta_save(struct block *b, put_fn *put, void *opaque, struct err *e);

static int put_some(void *opaque, uint64_t offset, const void *data, size_t len)
{
	struct some *s = opaque;

	return s->left-- ? s->put(s->opaque, offset, data, len) : -EFBIG;
}

int __wrap_block_delta_save(struct block *b, put_fn *put, void *opaque, struct err *e)
{
	struct some s = { put, opaque, full ? SOME : CLUSTERS };

	return __real_block_delta_save(b, put_some, &s, e);
}

static void write_disk(struct block *b, unsigned clusters, uint8_t what)
{
	static uint8_t buf[CLUSTER];

	for (unsigned i = 0; i < clusters; i++) {
		memset(buf, what + (int)i, sizeof(buf));
		CHECK(!block_rw(b, BLOCK_WRITE, i * CLUSTER, buf, CLUSTER));
	}
}

static void check_disk(struct block *b, unsigned clusters, uint8_t what)
{
	static uint8_t buf[CLUSTER];

	for (unsigned i = 0; i < CLUSTERS; i++) {
		uint8_t want = i < clusters ? (uint8_t)(what + i) : 0;

		CHECK(!block_rw(b, BLOCK_READ, i * CLUSTER, buf, CLUSTER));
		CHECK(buf[0] == want && !memcmp(buf, buf + 1, CLUSTER - 1),
		      "cluster %u is %#x, not %#x", i, buf[0], want);
	}
}

static void there_and_back(struct rig *r)
{
	struct snapshot_save_opts save = { .path = file };
	struct snapshot_load_opts load = { .path = file };
	struct block *b = r->g->backend[0].block;
	struct snapshot_report rep;
	struct err e = { 0 };

	write_disk(b, FIRST, 0x10);
	CHECK(!snapshot_save_report(r->g, &save, &rep, &e), "%s", e.msg);
	free(rep.path);
	write_disk(b, SECOND, 0x40);
	full = true;
	CHECK(snapshot_load(r->g, &load, &e) == -EFBIG, "%s", e.msg);
	full = false;
	CHECK(guest_is_running(r->g));
	check_disk(b, SECOND, 0x40);
	CHECK(!snapshot_load(r->g, &load, &e), "%s", e.msg);
	check_disk(b, FIRST, 0x10);
	r->tick = NULL;
	guest_end(r->g, 0);
}

int main(int argc, char **argv)
{
	const char *args[32] = { "-drive", image };
	struct rig *r;
	int fd;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/disk", dir);
	snprintf(image, sizeof(image), "file=%s,snapshot=on", path);
	snprintf(file, sizeof(file), "%s/one.ambi", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, CLUSTERS * CLUSTER) < 0)
		return 1;
	close(fd);
	for (int i = 1; i < argc && i < 30; i++)
		args[i + 1] = argv[i];
	r = rig_new(args);
	r->tick = there_and_back;
	r->period_ms = 20;
	CHECK(!rig_run(r) && !r->timed_out);
	rig_free(r);
	unlink(path);
	unlink(file);
	rmdir(dir);
	return check_done();
}
