/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Field tables: completeness of every device type, streams, and hostile streams. */
#include <errno.h>

#include "tests/dev/devtest.h"

/* ---- the checker finds what is forgotten ---- */

struct part { uint16_t a; uint8_t b; };
struct good {
	struct dev dev;
	uint8_t flag;
	uint64_t wide;
	struct part part[3];
	bool yes;
	uint8_t blob[5];
	uint32_t words[4];
	char *host;
};
static const struct field part_fields[] = {
	FIELD(struct part, a), FIELD(struct part, b), FIELD_END
};
#define GOOD_FIELDS FIELD(struct good, flag),					\
	FIELD_SUB(struct good, part, struct part, part_fields),			\
	FIELD(struct good, yes), FIELD_BLOB(struct good, blob), FIELD_ARRAY(struct good, words), \
	FIELD_SKIP(struct good, host, "the host's")
static const struct field good_fields[] = { GOOD_FIELDS, FIELD(struct good, wide), FIELD_END };
static const struct field gap_fields[] = { GOOD_FIELDS, FIELD_END };
static const struct field twice_fields[] = {
	GOOD_FIELDS, FIELD(struct good, wide), FIELD(struct good, yes), FIELD_END
};
static const struct field no_reason[] = {
	GOOD_FIELDS, FIELD_SKIP(struct good, wide, ""), FIELD_END
};
static const struct dev_type good_type = {
	.name = "good", .size = sizeof(struct good), .state = good_fields, .nr_irqs = 2,
};

static void test_check(void)
{
	struct dev_type t = good_type;
	struct err e = { 0 };

	CHECK_EQ(state_check(&t, &e), 0);
	t.state = gap_fields;
	CHECK_EQ(state_check(&t, &e), -EINVAL);
	CHECK(strstr(e.msg, "no field describes"), "%s", e.msg);
	t.state = twice_fields;
	CHECK_EQ(state_check(&t, &e), -EINVAL);
	t.state = no_reason;
	CHECK_EQ(state_check(&t, &e), -EINVAL);
	t = good_type;
	t.size += 16;		/* a member at the end */
	CHECK_EQ(state_check(&t, &e), -EINVAL);
	for (unsigned i = 0; dev_types[i]; i++)
		CHECK_EQ(state_check(dev_types[i], &e), 0);
}

/* ---- round trip ---- */

static void test_round_trip(struct bus *b)
{
	struct good *g = DEV_STATE(struct good, dev_new(b->m, &good_type, NULL, &b->err));
	struct state_buf s = { 0 };
	char host[] = "kept";

	g->flag = 0xa5;
	g->wide = 0x1122334455667788;
	for (unsigned i = 0; i < 3; i++)
		g->part[i] = (struct part){ (uint16_t)(1000 * i), (uint8_t)i };
	g->yes = true;
	memcpy(g->blob, "blob!", 5);
	g->words[3] = 77;
	g->host = host;
	atomic_store(&g->dev.irq[1].level, 1);
	CHECK_EQ(state_save(&g->dev, &s, &b->err), 0);
	state_zero(&g->dev);
	CHECK(!g->flag && !g->wide && !g->part[2].a && !g->yes && !g->words[3] && !g->blob[0] &&
	      !g->dev.irq[1].level, "zeroed");
	CHECK(g->host == host, "not state: left alone");
	CHECK_EQ(state_load(&g->dev, s.data, s.len, &b->err), 0);
	CHECK_EQ(g->flag, 0xa5);
	CHECK_EQ(g->wide, 0x1122334455667788);
	CHECK_EQ(g->part[2].a, 2000);
	CHECK_EQ(g->part[2].b, 2);
	CHECK(g->yes, "bool");
	CHECK(!memcmp(g->blob, "blob!", 5), "blob");
	CHECK_EQ(g->words[3], 77);
	CHECK_EQ(g->dev.irq[1].level, 1);

	/* Each truncation is an error and changes nothing. */
	g->wide = 4711;
	for (size_t n = 0; n < s.len; n++)
		CHECK_EQ(state_load(&g->dev, s.data, n, &b->err), -EINVAL);
	CHECK_EQ(g->wide, 4711);
	s.data[4] = 9;		/* a newer format */
	CHECK_EQ(state_load(&g->dev, s.data, s.len, &b->err), -EINVAL);
	free(s.data);
}

static void add(struct state_buf *s, const void *p, size_t n)
{
	s->data = realloc(s->data, s->len + n);
	memcpy(s->data + s->len, p, n);
	s->len += n;
}

/* A field unknown to this version, before the final end byte. */
static void test_unknown(struct bus *b)
{
	static const uint8_t field[] = { FIELD_U8, 0, 3, 'n', 'e', 'w', 1, 0, 0, 0, 42, 0 };
	struct dev *d = dev_new(b->m, &good_type, NULL, &b->err);
	struct state_buf s = { 0 };

	state_save(d, &s, &b->err);
	s.len--;
	add(&s, field, sizeof(field));
	CHECK_EQ(state_load(d, s.data, s.len, &b->err), -EINVAL);
	CHECK(strstr(b->err.msg, "unknown field 'new'"), "%s", b->err.msg);
	s.data[s.len - sizeof(field) + 1] = 1;		/* optional */
	CHECK_EQ(state_load(d, s.data, s.len, &b->err), 0);
	free(s.data);
}

/* ---- hostile streams, and every type's `loaded` ---- */

static uint64_t seed = 88172645463325252;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void poke(struct bus *b, struct dev *d)
{
	uint64_t v;

	for (unsigned r = 0; r < d->type->nr_regions; r++)
		for (unsigned i = 0; i < 16 && d->space[r]; i++) {
			uint64_t at = d->base[r] + rnd() % d->type->regions[r].size;

			if (rnd() & 1)
				region_read(d->space[r], at, 1u << rnd() % 4, &v);
			else
				region_write(d->space[r], at, 1u << rnd() % 4, rnd());
		}
}

static void test_hostile(const struct dev_type *t)
{
	struct bus *b = bus_new();
	struct dev *d = dev_new(b->m, t, NULL, &b->err);
	struct state_buf s = { 0 };
	struct err e;
	unsigned good = 0;

	/* A type that cannot start without a back end is left to its own test. */
	if (dev_init(d, &e)) {
		bus_free(b);
		return;
	}
	/* Some map their own. */
	for (unsigned r = 0; r < t->nr_regions; r++)
		if (!d->space[r])
			CHECK_EQ(dev_map(d, r, b->m->mmio, r * UINT64_C(0x10000000), &e), 0);
	machine_reset(b->m, RESET_COLD);
	poke(b, d);
	CHECK_EQ(state_save(d, &s, &e), 0);
	CHECK_EQ(state_load(d, s.data, s.len, &e), 0);
	for (unsigned round = 0; round < 300; round++) {
		uint8_t *bad = malloc(s.len + 1);
		size_t len = s.len;

		memcpy(bad, s.data, s.len);
		for (unsigned n = 1 + rnd() % 4; n; n--)
			bad[rnd() % s.len] = rnd() & 1 ? (uint8_t)rnd() : 0xff;
		if (rnd() % 8 == 0)
			len = rnd() % s.len;
		good += !state_load(d, bad, len, &e);
		poke(b, d);
		free(bad);
	}
	printf("%s: %zu bytes, %u of 300 mutations accepted\n", t->name, s.len, good);
	free(s.data);
	bus_free(b);
}

int main(void)
{
	struct bus *b = bus_new();

	test_check();
	test_round_trip(b);
	test_unknown(b);
	bus_free(b);
	for (unsigned i = 0; dev_types[i]; i++)
		test_hostile(dev_types[i]);
	return check_done();
}
