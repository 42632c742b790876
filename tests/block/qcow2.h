/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2 images against models in memory: what the tests of them share. */
#ifndef TESTS_BLOCK_QCOW2_H
#define TESTS_BLOCK_QCOW2_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "io/block/block.h"
#include "tests/dev/devtest.h"
#include "util/bits.h"

static char q_dir[] = "/var/tmp/ambi-qcow2-XXXXXX";
static uint64_t q_seed = 1;

static inline unsigned rnd(unsigned n)
{
	q_seed = q_seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(q_seed >> 33) % n;
}

static inline void q_fill(uint8_t *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		p[i] = (uint8_t)rnd(256);
}

static inline const char *q_path(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", q_dir, name);
	return p;
}

static inline void q_start(void)
{
	if (!mkdtemp(q_dir)) {
		perror(q_dir);
		exit(1);
	}
}

/* Also removes what is in the directory. */
static inline int q_end(void)
{
	char cmd[160];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", q_dir);
	if (system(cmd))
		return 1;
	return check_done();
}

static inline void q_put_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len || close(fd)) {
		perror(path);
		exit(1);
	}
}

static inline struct block *q_open(const char *path, const char *options, struct err *e)
{
	struct block_config c;
	char spec[256];

	snprintf(spec, sizeof(spec), "file=%s,format=qcow2%s", path, options);
	if (block_config_parse(&c, spec, NULL, NULL, e) < 0)
		return NULL;
	return block_open(&c, e);
}

/* One that must open. */
static inline struct block *q_must(const char *path, const char *options)
{
	struct err e = { 0 };
	struct block *b = q_open(path, options, &e);

	CHECK(b != NULL, "%s%s: %s", path, options, e.msg);
	if (!b)
		exit(1);
	return b;
}

static inline void q_say(void *opaque, const char *text)
{
	fprintf(stderr, "%s: %s\n", (const char *)opaque, text);
}

/* The image has no errors, and no leaks where none may be. */
static inline void q_check(struct block *b, bool leaks, const char *what)
{
	struct block_check c;
	struct err e = { 0 };

	CHECK(block_check(b, &c, q_say, (void *)what, &e) == 0, "%s: %s", what, e.msg);
	CHECK(c.errors == 0, "%s: %llu errors", what, (unsigned long long)c.errors);
	CHECK(leaks || c.leaks == 0, "%s: %llu leaks", what, (unsigned long long)c.leaks);
}

static inline void q_same(struct block *b, const uint8_t *model, uint64_t size, const char *what)
{
	uint8_t *found = malloc(size);

	CHECK_EQ(block_size(b), size);
	CHECK_EQ(block_rw(b, BLOCK_READ, 0, found, size), 0);
	for (uint64_t i = 0; i < size; i += 512)
		if (memcmp(found + i, model + i, 512)) {
			CHECK(false, "%s: differs at %#llx", what, (unsigned long long)i);
			break;
		}
	free(found);
}

#endif
