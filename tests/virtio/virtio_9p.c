/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 9P by the device: messages in scattered guest memory, several in flight, data
 * without a copy, what a chain must have, a save, a reset. The server's own test is io_fs.
 */
#include "tests/virtio/driver.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "tests/virtio/p9.h"

enum { ROOT = 1, A, B };

static char top[] = "/var/tmp/ambi-9p-XXXXXX";
static struct bus *b;
static struct drv v;
static struct gq q;
static uint64_t out_at, in_at;

/* In three pieces each way, at odd borders. */
static size_t device_send(void)
{
	struct buf out[3] = { { out_at, 5 }, { out_at + 5, 3 },
			      { out_at + 8, (uint32_t)p9_len - 8 } };
	struct buf in[3] = { { in_at, 7 }, { in_at + 7, 100 }, { in_at + 107, 100000 } };
	uint32_t len = 0;

	memcpy(ram(&v, out_at), p9_out, p9_len);
	gq_add(&q, out, 3, in, 3);
	gq_notify(&q);
	gq_wait(&q, &len);
	memcpy(p9_in, ram(&v, in_at), MIN(len, sizeof(p9_in)));
	return len;
}

static void start(uint64_t features)
{
	v.next = BUS_RAM;
	drv_negotiate(&v, features);
	gq_setup(&q, &v, 0, 64);
	out_at = guest_alloc(&v, P9_MSIZE, 1);
	in_at = guest_alloc(&v, P9_MSIZE, 1);
	drv_ok(&v);
	CHECK_EQ(p9_version(P9_MSIZE, "9P2000.L"), 0);
	CHECK_EQ(p9_attach(ROOT, geteuid()), 0);
}

static struct dev *new_device(const char *tag, const char *path)
{
	struct dev *d = bus_new_dev(b, "virtio-9p");

	CHECK_EQ(dev_set(d, "mount_tag", tag, &b->err), 0);
	CHECK_EQ(dev_set(d, "path", path, &b->err), 0);
	return d;
}

static void configuration(void)
{
	struct dev *d;
	char tag[300];

	CHECK_EQ(drv_config(&v, 0, 2), 4);
	CHECK_EQ(drv_config(&v, 2, 1), 'h');
	CHECK_EQ(drv_config(&v, 5, 1), 't');
	CHECK(drv_offered(&v) & 1);
	/* What cannot be. */
	d = new_device("", top);
	CHECK(dev_init(d, &b->err) < 0);
	dev_free(d);
	memset(tag, 't', sizeof(tag) - 1);
	tag[sizeof(tag) - 1] = '\0';
	d = new_device(tag, top);
	CHECK(dev_init(d, &b->err) < 0);
	dev_free(d);
	d = new_device("x", "/nowhere/at/all");
	CHECK(dev_init(d, &b->err) < 0 && strstr(b->err.msg, "/nowhere/at/all"), "%s", b->err.msg);
	dev_free(d);
	d = new_device("x", top);
	CHECK_EQ(dev_set(d, "security", "magic", &b->err), 0);
	CHECK(dev_init(d, &b->err) < 0);
	dev_free(d);
}

static void data(void)
{
	static uint8_t big[90000];
	struct p9_attr a;
	uint32_t n;

	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i ^ i >> 8);
	CHECK_EQ(p9_walk(ROOT, A, "", NULL), 0);
	CHECK_EQ(p9_create(A, "file", L_RDWR, 0644, getegid()), 0);
	CHECK_EQ(p9_write(A, 3, big, sizeof(big), &n), 0);
	CHECK_EQ(n, sizeof(big));
	CHECK_EQ(p9_read(T_READ, A, 3, sizeof(big), &n), 0);
	CHECK_EQ(n, sizeof(big));
	CHECK(!memcmp(p9_in + p9_at, big, n));
	CHECK_EQ(p9_getattr(A, &a), 0);
	CHECK_EQ(a.size, sizeof(big) + 3);
	CHECK_EQ(p9_clunk(A), 0);
}

/* Many at once, answered in whatever order; each to its own buffer. */
static void in_flight(void)
{
	struct buf out[16], in[16];
	uint8_t *p;
	uint32_t len;

	for (unsigned i = 0; i < 16; i++) {
		out[i] = (struct buf){ guest_alloc(&v, 64, 8), 19 };
		in[i] = (struct buf){ guest_alloc(&v, 256, 8), 256 };
		p = ram(&v, out[i].gpa);
		st_le32(p, 19);
		p[4] = T_GETATTR;
		st_le16(p + 5, (uint16_t)(100 + i));
		st_le32(p + 7, i % 2 ? ROOT : 99);
		st_le64(p + 11, 0x7ff);
		gq_add(&q, &out[i], 1, &in[i], 1);
	}
	gq_notify(&q);
	for (unsigned i = 0; i < 16; i++)
		gq_wait(&q, &len);
	for (unsigned i = 0; i < 16; i++) {
		p = ram(&v, in[i].gpa);
		CHECK_EQ(ld_le16(p + 5), 100 + i);
		CHECK_EQ(p[4], i % 2 ? T_GETATTR + 1 : 7);
	}
}

static void over_a_save(void)
{
	int dir_fd = open(top, O_RDONLY | O_DIRECTORY);
	struct state_buf s = { 0 }, again = { 0 };
	struct p9_attr a;
	uint32_t n;

	/* Held and gone on: the guest notices nothing. */
	CHECK_EQ(p9_walk(ROOT, B, "", NULL), 0);
	virtio_quiesce(v.dev);
	virtio_resume(v.dev);
	CHECK_EQ(p9_getattr(B, &a), 0);
	/* Loaded: what was open is opened again, by its path; what has lost its name is gone. */
	CHECK_EQ(p9_walk(ROOT, A, "", NULL), 0);
	CHECK_EQ(p9_create(A, "kept", L_RDWR, 0644, getegid()), 0);
	CHECK_EQ(p9_write(A, 0, (const uint8_t *)"before", 6, &n), 0);
	CHECK_EQ(p9_walk(ROOT, 77, "kept", NULL), 0);
	CHECK_EQ(p9_walk(ROOT, 78, "file", NULL), 0);
	virtio_quiesce(v.dev);
	CHECK(!state_save(v.dev, &s, &b->err));
	CHECK_EQ(unlinkat(dir_fd, "file", 0), 0);
	machine_reset(b->m, RESET_WARM);
	for (size_t cut = 0; cut < s.len; cut++)
		CHECK(state_load(v.dev, s.data, cut, &b->err) < 0, "%zu bytes", cut);
	CHECK(!state_load(v.dev, s.data, s.len, &b->err), "%s", b->err.msg);
	CHECK(!state_save(v.dev, &again, &b->err));
	virtio_resume(v.dev);
	CHECK(again.len < s.len);		/* fid 78 */
	CHECK_EQ(p9_getattr(B, &a), 0);
	CHECK_EQ(p9_read(T_READ, A, 0, 6, &n), 0);
	CHECK(n == 6 && !memcmp(p9_in + p9_at, "before", 6));
	CHECK_EQ(p9_write(A, 6, (const uint8_t *)" after", 6, &n), 0);
	CHECK_EQ(p9_getattr(77, &a), 0);
	CHECK_EQ(a.size, 12);
	CHECK_EQ(p9_getattr(78, &a), EBADF);
	free(s.data);
	free(again.data);
	CHECK_EQ(p9_version(P9_MSIZE, "9P2000.L"), 0);
	CHECK_EQ(p9_attach(ROOT, geteuid()), 0);
	CHECK_EQ(p9_getattr(ROOT, &a), 0);
	close(dir_fd);
}

static void bad_chain(uint32_t out_len, uint32_t in_len)
{
	struct buf out = { out_at, out_len }, in = { in_at, in_len };

	gq_add(&q, &out, 1, &in, in_len ? 1 : 0);
	gq_notify(&q);
	WAIT_FOR(vr(&v, V_STATUS) & VIRTIO_NEEDS_RESET);
	start(UINT64_MAX);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	return remove(path);
}

static int whole(void)
{
	struct p9_attr a;

	p9_send = device_send;
	if (!mkdtemp(top))
		return 1;
	b = bus_new();
	drv_plug(&v, b, new_device("host", top), 1);
	machine_reset(b->m, RESET_COLD);
	configuration();
	start(UINT64_MAX);
	data();
	in_flight();
	over_a_save();
	bad_chain(6, 100);
	bad_chain(30, 10);
	bad_chain(30, 0);
	start(VIRTIO_F_INDIRECT_DESC);	/* without event indices */
	data();
	machine_reset(b->m, RESET_WARM);
	start(0);			/* no indirect tables */
	data();
	CHECK_EQ(p9_getattr(A, &a), EBADF);
	bus_free(b);
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return check_done();
}

int main(void) { return drv_some_variants(whole); }
