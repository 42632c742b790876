/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 9P server in process: an export made for the test, and messages to it. */
#ifndef TESTS_VIRTIO_FS_EXPORT_H
#define TESTS_VIRTIO_FS_EXPORT_H

#include "io/fs/fs.h"

#include <fcntl.h>
#include <ftw.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/dev/devtest.h"
#include "tests/virtio/p9.h"

enum { ROOT = 1, A, B, C, D, E };

static char top[] = "/var/tmp/ambi-fs-XXXXXX", export[128];
static struct fs *fs;

struct call { struct fs_req r; sem_t done; uint32_t len; };

static inline void call_done(struct fs_req *r, uint32_t len)
{
	struct call *c = r->opaque;

	c->len = len;
	sem_post(&c->done);
}

/* The reply goes into two pieces at an odd border. */
static inline size_t direct_send(void)
{
	struct iovec out = { p9_out, p9_len };
	struct iovec in[2] = { { p9_in, 37 }, { p9_in + 37, sizeof(p9_in) - 37 } };
	struct call c = { .r = { .out = &out, .nr_out = 1, .out_bytes = p9_len, .in = in,
				 .nr_in = 2, .in_bytes = sizeof(p9_in), .done = call_done } };

	c.r.opaque = &c;
	sem_init(&c.done, 0, 0);
	fs_submit(fs, &c.r);
	while (sem_wait(&c.done) < 0)
		;
	fs_drain(fs);
	return c.len;
}

static inline const char *host(const char *name)
{
	static char path[2][400];	/* two in one call */
	static unsigned turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", export, name);
	return path[turn];
}

static inline void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s", path);
	close(fd);
}

static inline bool has_text(const char *path, const char *text)
{
	char buf[256] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, strlen(text));
}

static inline void start(struct fs_config c)
{
	struct err e = { 0 };

	c.path = export;
	fs = fs_open(&c, &e);
	if (!fs) {
		fprintf(stderr, "fs_open: %s\n", e.msg);
		exit(1);
	}
	CHECK_EQ(p9_version(P9_MSIZE, "9P2000.L"), 0);
	CHECK_EQ(p9_attach(ROOT, geteuid()), 0);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	return remove(path);
}

/* Once as who we are, and where that is root once as nobody, in a process of its own. */
static inline int fs_test(void (*all)(void))
{
	int status = 0;
	pid_t child;

	p9_send = direct_send;
	if (!mkdtemp(top))
		return 1;
	chmod(top, 0777);
	snprintf(export, sizeof(export), "%s/export", top);
	if (!geteuid()) {
		child = fork();
		if (!child) {
			if (setgid(65534) || setuid(65534) || mkdir(export, 0755))
				_exit(1);
			all();
			_exit(check_done());
		}
		waitpid(child, &status, 0);
		CHECK_EQ(status, 0);
		nftw(export, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	CHECK_EQ(mkdir(export, 0755), 0);
	all();
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return check_done();
}

#endif
