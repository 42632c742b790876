/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk's options as text. */
#include "io/block/block.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/opts.h"
#include "util/bits.h"

static int parse_choice(const char *key, const char *val, const char *const *names, unsigned n,
			unsigned *out, struct err *e)
{
	char all[128] = "";

	for (unsigned i = 0; i < n; i++) {
		if (!strcmp(val, names[i])) {
			*out = i;
			return 0;
		}
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
			 names[i]);
	}
	return err_set(e, EINVAL, "%s=%s: must be one of %s", key, val, all);
}

static int parse_key(struct block_config *c, const char *key, const char *val,
		     int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		     struct err *e)
{
	static const char *const caches[] = { "writeback", "none", "unsafe", "writethrough",
					      "directsync" };
	static const char *const engines[] = { "auto", "threads", "native" };
	static const char *const discards[] = { "unmap", "ignore" };
	unsigned choice = 0;
	bool on;
	int ret;

	if (!strcmp(key, "file") || !key[0]) {
		if (strlen(val) >= sizeof(c->path))
			return err_set(e, ENAMETOOLONG, "file name is too long");
		strcpy(c->path, val);
		return 0;
	}
	if (!strcmp(key, "format")) {
		if (!strcmp(val, "raw"))
			c->format = BLOCK_FORMAT_RAW;
		else if (!strcmp(val, "qcow2"))
			c->format = BLOCK_FORMAT_QCOW2;
		else
			return err_set(e, EINVAL, "format=%s: there are raw and qcow2 (convert "
				       "with: qemu-img convert -O qcow2)", val);
		return 0;
	}
	if (!strcmp(key, "readonly") || !strcmp(key, "ro"))
		return opts_bool(key, val, &c->readonly, e);
	if (!strcmp(key, "snapshot"))
		return opts_bool(key, val, &c->snapshot, e);
	if (!strcmp(key, "backing")) {
		ret = opts_bool(key, val, &on, e);
		c->no_backing = !ret && !on;
		return ret;
	}
	if (!strcmp(key, "locking")) {
		ret = !strcmp(val, "auto") ? (on = true, 0) : opts_bool(key, val, &on, e);
		c->no_lock = !ret && !on;
		return ret;
	}
	if (!strcmp(key, "cache")) {
		ret = parse_choice(key, val, caches, ARRAY_SIZE(caches), &choice, e);
		if (!ret)
			c->cache = choice;
		return ret;
	}
	if (!strcmp(key, "aio")) {
		ret = parse_choice(key, val, engines, ARRAY_SIZE(engines), &choice, e);
		if (!ret)
			c->engine = choice;
		return ret;
	}
	if (!strcmp(key, "discard")) {
		ret = parse_choice(key, val, discards, ARRAY_SIZE(discards), &choice, e);
		if (!ret)
			c->no_discard = choice;
		return ret;
	}
	ret = other ? other(opaque, key, val) : -ENOENT;
	if (ret == -ENOENT)
		return err_set(e, EINVAL, "unknown option '%s'", key);
	if (ret < 0)
		return err_set(e, -ret, "bad value: %s=%s", key, val);
	return 0;
}

int block_config_parse(struct block_config *c, const char *text,
		       int (*other)(void *opaque, const char *key, const char *val),
		       void *opaque, struct err *e)
{
	char key[64], val[sizeof(c->path)];
	bool first = true;
	int ret;

	memset(c, 0, sizeof(*c));
	while ((ret = opts_next(&text, key, sizeof(key), val, sizeof(val), first, e)) > 0) {
		ret = parse_key(c, key, val, other, opaque, e);
		if (ret < 0)
			return ret;
		first = false;
	}
	if (ret < 0)
		return ret;
	if (!c->path[0])
		return err_set(e, EINVAL, "no file given (file=PATH)");
	return 0;
}
