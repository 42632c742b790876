/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2 images against models in memory: what the tests of them share. */
#ifndef TESTS_BLOCK_QCOW2_H
#define TESTS_BLOCK_QCOW2_H

#include "tests/block/disk.h"

static char q_dir[] = "/var/tmp/ambi-qcow2-XXXXXX";

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

#endif
