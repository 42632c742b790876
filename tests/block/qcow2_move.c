/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A qcow2 image that two users hand to each other, its overlays, and what is refused. */
#include "tests/block/qcow2.h"

#define SIZE (2000u * 512)

static char image[128];
static uint8_t model[SIZE];

static struct block *open_inactive(void)
{
	struct block_config c = { .format = BLOCK_FORMAT_QCOW2, .inactive = true };
	struct err e = { 0 };
	struct block *b;

	snprintf(c.path, sizeof(c.path), "%s", image);
	b = block_open(&c, &e);
	CHECK(b != NULL, "%s", e.msg);
	return b;
}

static void create(unsigned bits)
{
	struct block_create c = { .path = image, .size = SIZE, .format = BLOCK_FORMAT_QCOW2,
				  .cluster_bits = bits, .overwrite = true };
	struct err e = { 0 };

	CHECK(block_create(&c, &e) == 0, "%s", e.msg);
	memset(model, 0, sizeof(model));
}

static void poke(struct block *b, unsigned n)
{
	while (n--) {
		unsigned first = rnd(SIZE / 512), len = 1 + rnd(MIN(SIZE / 512 - first, 60u));

		fill(model + first * 512, len * 512);
		CHECK_EQ(block_rw(b, BLOCK_WRITE, first * 512, model + first * 512, len * 512), 0);
	}
}

/* As a migration and its failures do it: one of the two has it at any time, and sees all. */
static void hand_over(unsigned bits)
{
	struct err e = { 0 };
	struct block *a, *b;
	char why[128];

	create(bits);
	a = q_must(image, "");
	poke(a, 10);
	b = open_inactive();
	CHECK_EQ(block_size(b), SIZE);
	CHECK_EQ(block_rw(b, BLOCK_READ, 0, model, 512), -EPERM);
	CHECK(!block_can_snapshot(b, why, sizeof(why)) && strstr(why, "another process"));
	CHECK_EQ(block_activate(b, &e), -EBUSY);
	for (unsigned i = 0; i < 12; i++) {
		struct block *t = a;

		poke(a, 5);
		if (i % 4 == 1)
			CHECK(block_snapshot_create(a, "s", &e) == 0, "%s", e.msg);
		if (i % 4 == 3)
			CHECK(block_snapshot_delete(a, "s", &e) == 0, "%s", e.msg);
		CHECK(block_inactivate(a, &e) == 0, "%s", e.msg);
		if (i % 3 == 0) {		/* it failed: the source goes on */
			CHECK(block_activate(a, &e) == 0, "%s", e.msg);
			poke(a, 3);
			CHECK_EQ(block_activate(b, &e), -EBUSY);
			CHECK(block_inactivate(a, &e) == 0, "%s", e.msg);
		}
		CHECK_EQ(block_rw(a, BLOCK_WRITE, 0, model, 512), -EPERM);
		CHECK(block_activate(b, &e) == 0, "%s", e.msg);
		same(b, model, SIZE, "handed over");
		q_check(b, false, "handed over");
		a = b;
		b = t;
	}
	block_close(b);
	same(a, model, SIZE, "at the end");
	block_close(a);
	/* what is no longer the same image */
	b = open_inactive();
	create(bits == 16 ? 15 : bits + 1);
	CHECK_EQ(block_activate(b, &e), -ESTALE);
	CHECK(block_is_inactive(b));
	block_close(b);
}

static int put(void *opaque, uint64_t offset, const void *data, size_t len)
{
	struct err e = { 0 };

	CHECK(block_delta_load(opaque, offset, data, len, &e) == 0, "%s", e.msg);
	return 0;
}

/* snapshot=on over an image: it is not written, and the overlay travels. */
static void overlay(void)
{
	static uint8_t before[SIZE];
	struct err e = { 0 };
	struct block *a, *b;
	char why[128];

	create(12);
	a = q_must(image, "");
	poke(a, 40);
	block_close(a);
	memcpy(before, model, SIZE);
	a = q_must(image, ",snapshot=on");
	b = q_must(image, ",snapshot=on");
	CHECK(block_is_temporary(a) && block_format(a) == BLOCK_FORMAT_QCOW2);
	CHECK(!block_can_snapshot(a, why, sizeof(why)) && strstr(why, "snapshot=on"));
	CHECK(!strcmp(block_engine_name(a), "overlay"));
	same(a, model, SIZE, "overlay");
	poke(a, 30);
	same(a, model, SIZE, "overlay, written");
	same(b, before, SIZE, "another overlay");
	CHECK_EQ(block_delta_reset(b, &e), 0);
	CHECK_EQ(block_delta_save(a, put, b, &e), 0);
	same(b, model, SIZE, "delta");
	block_close(a);
	block_close(b);
	a = q_must(image, ",readonly=on");
	same(a, before, SIZE, "below the overlays");
	block_close(a);
}

static const char *fails(const char *path, const char *options)
{
	static struct err e;
	struct block *b;

	e = (struct err){ 0 };
	b = q_open(path, options, &e);
	CHECK(!b, "%s%s must fail", path, options);
	block_close(b);
	return e.msg;
}

/* Who copies a disk that goes back to a snapshot has to copy all of it again. */
static void tracked(void)
{
	struct err e = { 0 };
	struct block *b;
	uint64_t off = 0;

	create(12);
	b = q_must(image, "");
	CHECK_EQ(block_snapshot_create(b, "s", &e), 0);
	CHECK_EQ(block_track_start(b, &e), 0);
	poke(b, 1);
	CHECK(block_track_count(b) > 0 && block_track_count(b) <= 2 * BLOCK_TRACK_GRANULE);
	CHECK_EQ(block_snapshot_apply(b, "s", &e), 0);
	CHECK_EQ(block_track_take(b, &off, 2 * SIZE), SIZE);
	block_close(b);
}

static void refusals(void)
{
	struct block_create c = { .path = q_path("top"), .format = BLOCK_FORMAT_QCOW2,
				  .backing = "image", .backing_format = BLOCK_FORMAT_QCOW2 };
	struct err e = { 0 };
	struct block *a, *b;

	create(16);
	CHECK(block_create(&c, &e) == 0, "%s", e.msg);
	CHECK_EQ(block_create(&c, &e), -EEXIST);
	CHECK(strstr(fails(c.path, ",backing=off"), "backing=off forbids"));
	/* the one below may be read by many, written by none meanwhile */
	a = q_must(c.path, "");
	b = q_must(image, ",readonly=on");
	CHECK(strstr(fails(image, ""), "in use"));
	CHECK(strstr(fails(c.path, ""), "in use"));
	block_close(a);
	block_close(b);
	a = q_must(image, "");
	CHECK(strstr(fails(c.path, ""), "in use"));
	CHECK_EQ(block_snapshot_create(a, "", &e), -EINVAL);
	CHECK_EQ(block_snapshot_create(a, "a\nb", &e), -EINVAL);
	block_close(a);
	c.path = q_path("other");
	c.backing = "nothing";
	CHECK_EQ(block_create(&c, &e), -ENOENT);
	c.backing = NULL;
	c.size = 1000;
	CHECK_EQ(block_create(&c, &e), -EINVAL);
	CHECK(strstr(fails(c.path, ""), "No such file"));
}

int main(void)
{
	q_start();
	snprintf(image, sizeof(image), "%s/image", q_dir);
	hand_over(9);
	hand_over(12);
	hand_over(16);
	overlay();
	tracked();
	refusals();
	return q_end();
}
