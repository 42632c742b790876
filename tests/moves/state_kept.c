/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_kept load|make FILE ARGS...: states that versions of before saved (tests/moves/data, a
 * file for each machine and format) are loaded for ever after. `make` writes the one of today, for
 * when a format changes: the old file stays.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "tests/check.h"
#include "tests/moves/rig.h"
#include "vmm/move/section.h"

static const char *path;
static bool make;

enum { MAX = 1 << 20, LEVEL = 19 };

static void keep(struct guest *g)
{
	struct state_buf b = { 0 };
	struct err e = { 0 };
	uint8_t *z = malloc(MAX);
	FILE *f = fopen(path, "wb");
	size_t n;

	CHECK(f && z && !guest_state_save(g, &b, &e), "%s: %s", path, e.msg);
	if (f && z) {
		n = ZSTD_compress(z, MAX, b.data, b.len, LEVEL);
		CHECK(!ZSTD_isError(n) && fwrite(z, 1, n, f) == n);
		fclose(f);
	}
	free(z);
	free(b.data);
}

static bool has(const struct items *l, const struct item *i)
{
	for (unsigned k = 0; k < l->nr; k++)
		if (!strcmp(l->i[k].name, i->name))
			return l->i[k].kind == i->kind && l->i[k].len == i->len &&
			       !memcmp(l->i[k].data, i->data, i->len);
	return false;
}

/* Every field of the old state is in the new one, and says the same. */
static void compare(const uint8_t *was, size_t len, const struct state_buf *now)
{
	struct sections old, new;
	struct err e = { 0 };
	unsigned n = 0;

	CHECK(!sections_parse(&old, was, len, &e), "%s", e.msg);
	CHECK(!sections_parse(&new, now->data, now->len, &e), "%s", e.msg);
	for (unsigned i = 0; i < old.nr; i++) {
		struct section *s = sections_take(&new, old.s[i].name);
		struct items a, b;

		CHECK(s, "section %s is gone", old.s[i].name);
		if (!s || items_parse(&a, &old.s[i], ~0u, "kept", &e) ||
		    items_parse(&b, s, ~0u, "new", &e)) {
			CHECK(!s, "%s: %s", old.s[i].name, e.msg);
			continue;
		}
		for (unsigned j = 0; j < a.nr; j++, n++)
			CHECK(has(&b, &a.i[j]), "%s of %s", a.i[j].name, old.s[i].name);
		items_free(&a);
		items_free(&b);
	}
	CHECK(n > 200, "%u fields", n);
	sections_free(&old);
	sections_free(&new);
}

static void load(struct guest *g)
{
	struct state_buf b = { 0 };
	struct err e = { 0 };
	uint8_t *z = malloc(MAX), *data = malloc(MAX);
	FILE *f = fopen(path, "rb");
	size_t n = f && z ? fread(z, 1, MAX, f) : 0;

	n = data ? ZSTD_decompress(data, MAX, z, n) : 0;
	CHECK(n && !ZSTD_isError(n), "%s", path);
	CHECK(!guest_state_check(g, data, n, &e), "%s: %s", path, e.msg);
	CHECK(!guest_state_load(g, data, n, CLOCK_CONTINUE, &e), "%s: %s", path, e.msg);
	CHECK(!guest_state_save(g, &b, &e), "%s", e.msg);
	compare(data, n, &b);
	if (f)
		fclose(f);
	free(z);
	free(data);
	free(b.data);
}

static void act(struct rig *r)
{
	struct err e = { 0 };

	r->tick = NULL;
	CHECK(!guest_freeze(r->g, &e), "%s", e.msg);
	(make ? keep : load)(r->g);
	guest_thaw(r->g, true, false);
	guest_end(r->g, 0);
}

int main(int argc, char **argv)
{
	struct rig *r = rig_new((const char *const *)argv + 3);

	make = !strcmp(argv[1], "make");
	path = argv[2];
	r->tick = act;
	r->period_ms = 50;
	rig_run(r);
	CHECK(!r->tick, "it ended before");
	rig_free(r);
	return check_done();
}
