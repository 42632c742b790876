/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile states for a machine: what it saved itself, with the input's changes, and with checksums
 * that are right. A load takes it, or says why not and has changed nothing. What was taken must
 * be saved again, and loaded from that; its CPUs execute a few instructions of nonsense.
 *
 * AMBI_FUZZ_MACHINE: pc, testpc, virt.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/moves/rig.h"
#include "tests/moves/stream.h"
#include "util/bits.h"

enum { MAX_EDITS = 40, STEPS = 20 };

static struct rig *rig;
static struct state_buf good;

static _Noreturn void die(const char *what, const struct err *e)
{
	dprintf(2, "fuzz_moves_state: %s: %s\n", what, e ? e->msg : strerror(errno));
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *machine = getenv("AMBI_FUZZ_MACHINE");
	const char *args[] = { "-machine", NULL, "-kernel", NULL, "-smp", "1", "-m", "16",
			       "-accel", "tcg,interp=on", "-serial", "ring", NULL };
	struct err e = { 0 };

	args[1] = machine ? machine : "testpc";
	args[3] = rig_idle_kernel(!strcmp(args[1], "virt"));
	if (strcmp(args[1], "testpc"))
		args[5] = "2";
	rig = rig_new(args);
	if (!getenv("AMBI_FUZZ_VERBOSE") && !(stderr = fopen("/dev/null", "we")))
		die("/dev/null", NULL);
	for (unsigned i = 0; i < rig->g->vm.nr_vcpus; i++) {
		boot_vcpu(&rig->g->boot, rig->g->plan, rig->g->vm.vcpu[i]);
		rig->g->cpu[i].power = rig->g->vm.vcpu[i]->powered ? CPU_STARTED : CPU_STOPPED;
	}
	if (guest_state_save(rig->g, &good, &e))
		die("save", &e);
	return 0;
}

static uint64_t value(struct fuzz_in *in)
{
	switch (in_u8(in) % 6) {
	case 0: return in_u8(in);
	case 1: return UINT64_MAX;
	case 2: return UINT64_C(1) << in_u8(in) % 64;
	case 3: return (UINT64_C(1) << in_u8(in) % 64) - 1;
	case 4: return in_u32(in);
	default: return in_u64(in);
	}
}

/* Walks `skip` fields of a sound section; NULL at its end. */
static uint8_t *field_at(struct stream_section *x, unsigned skip)
{
	uint8_t *p = x->data, *end = p + x->len;

	while (end - p > 7 && *p) {
		size_t n = 7 + p[2] + (end - p > 3 + p[2] + 4 ? ld_le32(p + 3 + p[2]) : 0);

		if (!skip--)
			return p;
		if (n > (size_t)(end - p))
			break;
		p += n;
	}
	return NULL;
}

static void edit(struct stream *s, struct fuzz_in *in)
{
	struct stream_section *x = &s->s[in_u8(in) % s->nr];
	unsigned how = in_u8(in), at = in_u16(in);
	uint8_t *p;
	uint64_t v = value(in);

	switch (how % 8) {
	case 0:
		x->data[at % x->len] = (uint8_t)v;
		break;
	case 1:				/* shorter */
		x->len = 1 + at % x->len;
		break;
	case 2:
		x->gone = how & 0x80;
		x->twice = how & 0x40;
		x->version = how & 0x20 ? (unsigned)v & 0xffff : x->version;
		x->optional = how & 0x10;
		break;
	case 3:
		stream_add_field(s, x->name, "", FIELD_U64, &v, how >> 4 & 8);
		break;
	default:			/* the contents of a field */
		p = field_at(x, at % 400);
		if (p && (size_t)(x->data + x->len - p) > 7u + p[2]) {
			uint32_t n = ld_le32(p + 3 + p[2]);
			size_t off = how & 0x80 ? in_u16(in) : 0, room;

			p += 7 + p[2];
			room = (size_t)(x->data + x->len - p);
			n = MIN(n, (uint32_t)room);
			if (off < n)
				memcpy(p + off, &v, MIN(8u, n - off));
		}
	}
}

static void same(const struct state_buf *a, const struct state_buf *b, const char *what)
{
	if (a->len != b->len || memcmp(a->data, b->data, a->len))
		die(what, &(struct err){ .msg = "other bytes" });
}

static void save(struct state_buf *b)
{
	struct err e = { 0 };

	*b = (struct state_buf){ 0 };
	if (guest_state_save(rig->g, b, &e))
		die("save", &e);
}

static void run(void)
{
	for (unsigned i = 0; i < rig->g->vm.nr_vcpus; i++) {
		struct vcpu *v = rig->g->vm.vcpu[i];
		struct vm_exit x = { 0 };

		if (rig->g->cpu[i].power == CPU_STARTED)
			accel_tcg.step(v, STEPS, &x);
		v->resident = 0;
	}
}

static void taken(void)
{
	struct state_buf a, b;
	struct err e = { 0 };

	save(&a);
	if (guest_state_load(rig->g, a.data, a.len, CLOCK_CONTINUE, &e))
		die("its own state", &e);
	save(&b);
	same(&a, &b, "save after a load");
	free(a.data);
	free(b.data);
	run();
	if (guest_state_load(rig->g, good.data, good.len, CLOCK_CONTINUE, &e))
		die("the good state", &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	struct stream s = stream_of(&good);
	struct state_buf b, after;
	struct err e = { 0 };
	int r;

	for (unsigned n = 0; n < MAX_EDITS && in.p < in.end; n++)
		edit(&s, &in);
	b = stream_build(&s);
	r = guest_state_load(rig->g, b.data, b.len, CLOCK_CONTINUE, &e);
	if (!r)
		taken();
	else if (!e.msg[0])
		die("no message", NULL);
	save(&after);
	same(&good, &after, r ? e.msg : "after good");
	free(after.data);
	free(b.data);
	free(guest_state_describe(data, size, &e));
	stream_free(&s);
	return 0;
}
