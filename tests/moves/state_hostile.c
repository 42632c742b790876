/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_hostile MACHINE KERNEL: what a load must refuse, saying why, and without having changed
 * anything: streams that are cut off, damaged, or whole but of another machine or of no machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/moves/rig.h"
#include "tests/moves/stream.h"
#include "tests/check.h"
#include "util/bits.h"
#include "vmm/move/section.h"

enum { FLIPS = 1500, MUTATIONS = 1500 };

static struct guest *g;
static struct state_buf good;

static bool unchanged(void)
{
	struct state_buf b = { 0 };
	struct err e = { 0 };
	bool same = !guest_state_save(g, &b, &e) && rig_same(&good, &b, "after a refusal");

	free(b.data);
	return same;
}

static int load(const uint8_t *data, size_t len, struct err *e)
{
	*e = (struct err){ 0 };
	return guest_state_load(g, data, len, CLOCK_CONTINUE, e);
}

static void truncated(void)
{
	struct err e;

	for (size_t n = 0; n < good.len; n += n < 200 || n + 200 > good.len ? 1 : 61) {
		uint8_t *cut = malloc(n + 1);	/* a sanitizer sees what is read beyond */

		memcpy(cut, good.data, n);
		CHECK(load(cut, n, &e) < 0 && e.msg[0], "%zu bytes", n);
		free(cut);
	}
	CHECK(unchanged());
}

static void damaged(void)
{
	uint8_t *copy = malloc(good.len);
	struct err e;

	for (unsigned i = 0; i < FLIPS; i++) {
		size_t at = i < 300 ? i % good.len : rig_random() % good.len;

		memcpy(copy, good.data, good.len);
		copy[at] ^= 1u << rig_random() % 8;
		CHECK(load(copy, good.len, &e) < 0 && e.msg[0], "byte %zu", at);
	}
	free(copy);
	CHECK(unchanged());
}

/* Checksums are right, contents are not: refused and nothing changed, or taken. */
static void mutated(void)
{
	unsigned taken = 0;
	struct err e;

	for (unsigned i = 0; i < MUTATIONS; i++) {
		struct stream s = stream_of(&good);
		struct stream_section *x = &s.s[rig_random() % s.nr];
		struct state_buf b;

		for (unsigned n = 1 + rig_random() % 3; n; n--)
			x->data[rig_random() % x->len] = (uint8_t)(rig_random() % 3 ? rig_random() :
									    0xff);
		b = stream_build(&s);
		if (!load(b.data, b.len, &e)) {
			taken++;
			CHECK(!load(good.data, good.len, &e), "mutation %u: %s", i, e.msg);
		} else {
			CHECK(e.msg[0]);
		}
		if (!unchanged()) {
			CHECK(false, "mutation %u in %s: %s", i, x->name, e.msg);
			i = MUTATIONS;
		}
		free(b.data);
		stream_free(&s);
	}
	printf("%u of %u mutations were taken\n", taken, MUTATIONS);
}

/* One change by hand, and what the message has to name. */
static void refused(void (*edit)(struct stream *s), const char *word, const char *word2)
{
	struct stream s = stream_of(&good);
	struct state_buf b;
	struct err e;

	edit(&s);
	b = stream_build(&s);
	CHECK(load(b.data, b.len, &e) < 0, "taken, instead of a word on '%s'", word);
	CHECK(strstr(e.msg, word) && strstr(e.msg, word2), "'%s' and '%s' in: %s", word, word2,
	      e.msg);
	CHECK(guest_state_check(g, b.data, b.len, &e) < 0);
	CHECK(unchanged());
	free(b.data);
	stream_free(&s);
}

static void put(struct stream *s, const char *section, const char *field, uint64_t v, unsigned n)
{
	uint8_t *p = stream_field(s, section, field, NULL), raw[8];

	st_le64(raw, v);
	if (p)
		memcpy(p, raw, n);
	else
		CHECK(false, "no %s in %s", field, section);
}

static void edit_power(struct stream *s) { put(s, "cpu/0", "@power", 77, 1); }
static void edit_timers(struct stream *s)
{
	/* a row of none becomes one of a line that has no timer */
	stream_add_field(s, "cpu/0", "@timers", FIELD_U64, "\3\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 16);
}
static void edit_lines(struct stream *s) { put(s, "cpu/0", "@lines", UINT64_MAX, 8); }
static void edit_cpus(struct stream *s) { put(s, "machine", "cpus", 3, 4); }
static void edit_ram(struct stream *s) { put(s, "machine", "ram", 8192ull << 20, 8); }
static void edit_no_cpu(struct stream *s) { stream_section(s, "cpu/0")->gone = true; }
static void edit_no_machine(struct stream *s) { stream_section(s, "machine")->gone = true; }
static void edit_no_serial(struct stream *s) { stream_section(s, "dev/serial0")->gone = true; }
static void edit_twice(struct stream *s) { stream_section(s, "clock")->twice = true; }
static void edit_newer(struct stream *s) { stream_section(s, "cpu/0")->version = 99; }
static void edit_unknown(struct stream *s) { stream_add(s, "dev/flux0", false); }
static void edit_unknown2(struct stream *s) { stream_add(s, "wormhole", false); }
static void edit_field(struct stream *s)
{
	stream_add_field(s, "cpu/0", "r99", FIELD_U64, "\0\0\0\0\0\0\0\0", 8);
}
/* names of their own cost memory, whatever they say */
static void edit_many(struct stream *s)
{
	for (unsigned i = 0; i <= FIELDS_MAX; i++)
		stream_add_field(s, "vmm", "x", FIELD_U8, "", 1);
}
static void edit_isa(struct stream *s) { put(s, "machine", "isa", 'q', 1); }
static void edit_type(struct stream *s) { put(s, "machine", "type", 'q', 1); }
static void edit_old(struct stream *s) { put(s, "clock", "virtual", UINT64_MAX, 8); }
static void edit_mem(struct stream *s) { put(s, "mem", "ram.size", 4096, 8); }
static void edit_feature(struct stream *s)
{
	size_t n;
	uint8_t *p = stream_field(s, "machine", "features", &n);

	if (p && n > 2)
		memcpy(p, "zz", 2);
}

static void optional_is_skipped(void)
{
	struct stream s = stream_of(&good);
	struct state_buf b;
	struct err e;

	stream_add(&s, "of-tomorrow", true);
	b = stream_build(&s);
	CHECK(!load(b.data, b.len, &e), "%s", e.msg);
	CHECK(unchanged());
	free(b.data);
	stream_free(&s);
}

/* Every row that is saved, one by one, with other contents: it is there afterwards, or refused. */
static void rows(void)
{
	const struct isa *isa = g->vm.isa;
	unsigned taken = 0, refusals = 0;

	for (const struct reg *r = isa->regs; r->name; r++) {
		struct stream s = stream_of(&good);
		struct state_buf b;
		uint8_t *p, *want;
		struct err e;
		size_t n;

		if (r->flags & REG_DERIVED) {
			stream_free(&s);
			continue;
		}
		p = stream_field(&s, "cpu/0", r->name, &n);
		CHECK(p && n == r->bits / 8u, "%s is not saved", r->name);
		if (p) {
			p[0] ^= 1;
			want = malloc(n);
			memcpy(want, p, n);
			b = stream_build(&s);
			if (load(b.data, b.len, &e)) {
				refusals++;
				CHECK(strstr(e.msg, r->name), "%s: %s", r->name, e.msg);
			} else {
				taken++;
				CHECK(!memcmp((char *)g->vm.vcpu[0]->state + r->off, want, n),
				      "%s is not loaded", r->name);
				CHECK(!load(good.data, good.len, &e), "%s", e.msg);
			}
			free(b.data);
			free(want);
		}
		stream_free(&s);
	}
	CHECK(taken > 60 && refusals < 20, "%u taken, %u refused", taken, refusals);
	CHECK(unchanged());
}

static void all(struct rig *r)
{
	struct err e = { 0 };
	char *text;

	r->tick = NULL;
	g = r->g;
	CHECK(!guest_freeze(g, &e) && !guest_state_save(g, &good, &e), "%s", e.msg);
	CHECK(!guest_state_check(g, good.data, good.len, &e), "%s", e.msg);
	text = guest_state_describe(good.data, good.len, &e);
	CHECK(text && strstr(text, g->vm.machine->type->name), "%s", text ? text : e.msg);
	free(text);
	truncated();
	damaged();
	refused(edit_power, "cpu/0", "77");
	refused(edit_timers, "cpu/0", "@timers");
	refused(edit_lines, "cpu/0", "lines");
	refused(edit_cpus, "-smp 3", "1 CPU");
	refused(edit_ram, "-m 8192", "MiB");
	refused(edit_no_cpu, "cpu/0", "missing");
	refused(edit_no_machine, "machine", "missing");
	refused(edit_no_serial, "serial0", "same devices");
	refused(edit_twice, "clock", "twice");
	refused(edit_newer, "cpu/0", "newer");
	refused(edit_unknown, "flux0", "same devices");
	refused(edit_unknown2, "wormhole", "unknown");
	refused(edit_field, "cpu/0", "r99");
	refused(edit_many, "vmm", "more than");
	refused(edit_isa, "machine", g->vm.isa->name);
	refused(edit_type, "-machine", g->vm.machine->type->name);
	refused(edit_old, "clock", "");
	refused(edit_mem, "ram", "");
	if (g->vm.isa->features)
		refused(edit_feature, "zz", "-cpu");
	optional_is_skipped();
	rows();
	mutated();
	guest_thaw(g, true, false);
	guest_end(g, 0);
}

int main(int argc, char **argv)
{
	const char *args[] = { "-machine", argv[1], "-kernel", argv[2], "-accel", "tcg", "-m", "32",
			       "-serial", "ring", NULL };
	struct rig *r = rig_new(args);

	r->tick = all;
	r->period_ms = 20;
	r->limit_ms = 200000;
	rig_run(r);
	CHECK(!r->tick);
	rig_free(r);
	free(good.data);
	return check_done();
}
