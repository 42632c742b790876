/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a frozen guest as a stream, and back. A load reads and checks all of it first; then
 * only a device's `loaded` may still refuse what it finds, and the guest gets back the state that
 * was saved just before.
 */
#include "vmm/move/state.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/os.h"
#include "vmm/bootorder.h"
#include "vmm/move/state_int.h"

enum { FEATURES_MAX = 4096, KEPT = GUEST_ENDINGS | 1u << MACHINE_CRASHLOADED };

/* ---- save ---- */

static void features_text(struct guest *g, char *buf, size_t n)
{
	buf[0] = '\0';
	if (g->vm.isa->features)
		g->vm.isa->features(&g->vm.vcpu[0]->env, buf, n);
}

static void machine_save(struct guest *g, struct state_buf *b)
{
	size_t at = section_begin(b, "machine", STATE_VERSION_1, false);
	char features[FEATURES_MAX];

	features_text(g, features, sizeof(features));
	field_put_text(b, "type", g->vm.machine->type->name);
	field_put_text(b, "isa", g->vm.isa->name);
	field_put(b, "cpus", FIELD_U32, g->vm.nr_vcpus);
	field_put(b, "ram", FIELD_U64, g->vm.machine->cfg.ram_size);
	field_put(b, "timebase", FIELD_U64, g->vm.timebase_hz);
	field_put_text(b, "features", features);
	section_end(b, at);
}

static void clock_save(struct guest *g, struct state_buf *b)
{
	size_t at = section_begin(b, "clock", STATE_VERSION_1, false);

	field_put(b, "virtual", FIELD_U64, clock_now(g->vm.machine->clock));
	field_put(b, "wall", FIELD_U64, clock_wall_ns(g->vm.machine->clock));
	section_end(b, at);
}

/* What is on its way to the main thread, and what only holds until the next boot. */
static void vmm_save(struct guest *g, struct state_buf *b)
{
	size_t at = section_begin(b, "vmm", STATE_VERSION_1, false);

	field_put(b, "events", FIELD_U32, atomic_load(&g->events) & KEPT);
	if (g->bootorder)
		field_put(b, "boot_once_over", FIELD_BOOL,
			  !strcmp(g->bootorder, g->bootorder_next));
	section_end(b, at);
}

int guest_state_save(struct guest *g, struct state_buf *out, struct err *e)
{
	size_t start = stream_begin(out);
	unsigned nr = 3;
	int r;

	machine_save(g, out);
	clock_save(g, out);
	vmm_save(g, out);
	state_mem_save(g, out, &nr);
	state_cpus_save(g, out, &nr);
	r = state_devs_save(g, out, &nr, e);
	if (r) {
		out->len = start;
		return r;
	}
	stream_end(out, start, nr);
	return 0;
}

/* ---- check ---- */

/* The first name of `want` that is not in `have`; both are "a,b,c". */
static bool lacks(const char *want, const char *have, char *name, size_t n)
{
	for (size_t len; *want; want += len + (want[len] == ',')) {
		const char *h = have;
		bool found = false;

		len = strcspn(want, ",");
		while (*h && !found) {
			size_t hl = strcspn(h, ",");

			found = hl == len && !memcmp(h, want, len);
			h += hl + (h[hl] == ',');
		}
		if (!found && len) {
			snprintf(name, n, "%.*s", (int)len, want);
			return true;
		}
	}
	return false;
}

/*
 * A guest that was loaded may have had less than what this machine was built with, and can be
 * followed by one that has all of it.
 */
static int features_check(struct guest *g, const char *want, struct err *e)
{
	const char *tcg = g->vm.accel->slot == ACCEL_TCG ? "" : ", or -accel tcg";
	char have[2 * FEATURES_MAX], name[64];
	size_t n;

	features_text(g, have, FEATURES_MAX);
	if (!g->cpu_features)
		g->cpu_features = strdup(have);
	n = strlen(have);
	if (n && g->cpu_features)
		snprintf(have + n, sizeof(have) - n, ",%s", g->cpu_features);
	if (!n || !lacks(want, have, name, sizeof(name)))
		return 0;
	return err_set(e, ENOTSUP, "the saved machine's CPUs have '%s', these have not: start this "
		       "one with -cpu ...,%s=on (or another model)%s", name, name, tcg);
}

static int machine_read(struct incoming *in, struct err *e)
{
	struct section *s = sections_take(&in->sec, "machine");
	struct guest *g = in->g;
	struct machine *m = g->vm.machine;
	char type[32], isa[32], features[FEATURES_MAX];
	uint64_t cpus = 0, ram = 0, hz = 0;
	struct items l;
	int r;

	if (!s)
		return err_set(e, EINVAL, "section 'machine' is missing");
	r = items_parse(&l, s, STATE_VERSION_1, "machine", e);
	if (r)
		return r;
	r = item_text(&l, "type", type, sizeof(type), e);
	if (!r)
		r = item_text(&l, "isa", isa, sizeof(isa), e);
	if (!r)
		r = item_uint(&l, "cpus", FIELD_U32, &cpus, e);
	if (!r)
		r = item_uint(&l, "ram", FIELD_U64, &ram, e);
	if (!r)
		r = item_uint(&l, "timebase", FIELD_U64, &hz, e);
	if (!r)
		r = item_text(&l, "features", features, sizeof(features), e);
	if (!r)
		r = items_done(&l, e);
	items_free(&l);
	if (r)
		return r;
	if (strcmp(isa, g->vm.isa->name))
		return err_set(e, EINVAL, "the saved machine is %s, this one %s", isa,
			       g->vm.isa->name);
	if (strcmp(type, m->type->name))
		return err_set(e, EINVAL, "the saved machine is of type '%s', this one '%s': start "
			       "this one with -machine %s", type, m->type->name, type);
	if (cpus != g->vm.nr_vcpus)
		return err_set(e, EINVAL,
			       "the saved machine has -smp %" PRIu64 ", this one %u CPUs",
			       cpus, g->vm.nr_vcpus);
	if (ram != m->cfg.ram_size)
		return err_set(e, EINVAL, "the saved machine has -m %" PRIu64 "M, this one %"
			       PRIu64 " MiB of memory", ram >> 20, m->cfg.ram_size >> 20);
	if (!hz || hz > UINT64_C(1) << 40 || (hz != g->vm.timebase_hz && !m->cfg.tsc_hz))
		return err_set(e, EINVAL, "the saved machine counts time with %" PRIu64
			       " Hz, this one with %" PRIu64, hz, g->vm.timebase_hz);
	in->timebase_hz = hz;
	return features_check(g, features, e);
}

static int clock_read(struct incoming *in, struct err *e)
{
	struct section *s = sections_take(&in->sec, "clock");
	struct items l;
	int r;

	if (!s)
		return err_set(e, EINVAL, "section 'clock' is missing");
	r = items_parse(&l, s, STATE_VERSION_1, "clock", e);
	if (r)
		return r;
	r = item_uint(&l, "virtual", FIELD_U64, &in->virtual_ns, e);
	if (!r)
		r = item_uint(&l, "wall", FIELD_U64, &in->wall_ns, e);
	if (!r)
		r = items_done(&l, e);
	items_free(&l);
	/* 146 years: sums of it and of a deadline do not overflow */
	if (!r && (in->virtual_ns >> 62 || in->wall_ns >> 63))
		r = err_set(e, EINVAL, "clock: no machine is that old");
	return r;
}

static int vmm_read(struct incoming *in, struct err *e)
{
	struct section *s = sections_take(&in->sec, "vmm");
	uint64_t events = 0, over = 0;
	struct items l;
	int r;

	if (!s)
		return err_set(e, EINVAL, "section 'vmm' is missing");
	r = items_parse(&l, s, STATE_VERSION_1, "vmm", e);
	if (r)
		return r;
	r = item_uint(&l, "events", FIELD_U32, &events, e);
	if (!r && items_have(&l, "boot_once_over")) {
		r = item_uint(&l, "boot_once_over", FIELD_BOOL, &over, e);
		in->once_over = over;
	}
	if (!r)
		r = items_done(&l, e);
	items_free(&l);
	in->events = (unsigned)events & KEPT;
	return r;
}

/* All that can be said without a change. in is to be freed also on errors. */
static int incoming_read(struct incoming *in, struct guest *g, const uint8_t *data, size_t len,
			 struct err *e)
{
	int r;

	in->g = g;
	r = sections_parse(&in->sec, data, len, e);
	if (!r)
		r = machine_read(in, e);
	if (!r)
		r = clock_read(in, e);
	if (!r)
		r = vmm_read(in, e);
	if (!r)
		r = state_devs_read(in, e);
	if (!r)
		r = state_mem_read(in, e);
	if (!r)
		r = state_cpus_read(in, e);
	for (unsigned i = 0; !r && i < in->sec.nr; i++)
		if (!in->sec.s[i].used && !in->sec.s[i].optional)
			r = err_set(e, ENOTSUP, "section '%s' is unknown to this program",
				    in->sec.s[i].name);
	return r;
}

static void incoming_free(struct incoming *in)
{
	if (!in)
		return;
	state_cpus_free(in);
	free(in->dev);
	sections_free(&in->sec);
	free(in);
}

static struct incoming *incoming_new(struct guest *g, const uint8_t *data, size_t len,
				     struct err *e)
{
	struct incoming *in = calloc(1, sizeof(*in));

	if (!in) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	if (!incoming_read(in, g, data, len, e))
		return in;
	incoming_free(in);
	return NULL;
}

int guest_state_check(struct guest *g, const uint8_t *data, size_t len, struct err *e)
{
	struct incoming *in = incoming_new(g, data, len, e);

	incoming_free(in);
	return in ? 0 : -e->code;
}

/* ---- load ---- */

static void clock_apply(struct incoming *in, enum clock_policy policy)
{
	struct clock *c = in->g->vm.machine->clock;
	uint64_t now = os_realtime_ns(), past = 0;

	if (policy == CLOCK_ADVANCE && now > in->wall_ns)
		past = now - in->wall_ns;
	if (in->timebase_hz != in->g->vm.timebase_hz)
		vm_set_timebase(&in->g->vm, in->timebase_hz);
	clock_set(c, in->virtual_ns + past);
	clock_set_wall(c, in->wall_ns + past);
}

/* Events of before concern another guest: what is posted of them finds its bit gone. */
static void vmm_apply(struct incoming *in)
{
	struct guest *g = in->g;

	if (in->once_over)
		guest_next_bootorder(g);
	g->reset_by_host = false;
	atomic_store(&g->events, in->events & ~(unsigned)GUEST_ENDINGS);
	for (unsigned ev = 0; ev < 32; ev++)
		if (in->events & GUEST_ENDINGS & 1u << ev)
			machine_event(g->vm.machine, (enum machine_event)ev, 0);
}

static int apply(struct incoming *in, enum clock_policy policy, struct err *e)
{
	int r;

	clock_apply(in, policy);
	r = state_identity_apply(in, e);
	if (r)
		return r;
	state_mem_apply(in);
	r = state_devs_apply(in, e);
	if (r)
		return r;
	state_cpus_apply(in);
	vmm_apply(in);
	return 0;
}

/* What was read back right after it was saved is taken again. */
static void put_back(struct guest *g, const struct state_buf *before, struct err *why)
{
	struct err e = { 0 };
	struct incoming *in = incoming_new(g, before->data, before->len, &e);

	if (!in || apply(in, CLOCK_CONTINUE, &e))
		err_prefix(why, "%s, and the state of before is lost, too", e.msg);
	incoming_free(in);
}

int guest_state_load(struct guest *g, const uint8_t *data, size_t len, enum clock_policy clock,
		     struct err *e)
{
	struct incoming *in = incoming_new(g, data, len, e);
	struct state_buf before = { 0 };
	int r;

	if (!in)
		return -e->code;
	r = guest_state_save(g, &before, e);
	if (!r) {
		r = apply(in, clock, e);
		if (r)
			put_back(g, &before, e);
	}
	incoming_free(in);
	free(before.data);
	return r;
}

/* ---- lists ---- */

static json_t *machine_json(const struct section *s, struct err *e)
{
	char type[32] = "", isa[32] = "";
	uint64_t cpus = 0, ram = 0;
	struct items l;
	json_t *j = NULL;

	if (items_parse(&l, s, STATE_VERSION_1, "machine", e))
		return NULL;
	if (!item_text(&l, "type", type, sizeof(type), e) &&
	    !item_text(&l, "isa", isa, sizeof(isa), e) &&
	    !item_uint(&l, "cpus", FIELD_U32, &cpus, e) &&
	    !item_uint(&l, "ram", FIELD_U64, &ram, e)) {
		j = json_pack("{s:s, s:s, s:I, s:I}", "machine", type, "isa", isa, "cpus",
			      (json_int_t)cpus, "ram", (json_int_t)ram);
		if (!j)
			err_set(e, EINVAL, "machine: its names are no text");
	}
	items_free(&l);
	return j;
}

static int add_clock(json_t *j, const struct section *s, struct err *e)
{
	uint64_t virt = 0, wall = 0;
	struct items l;
	int r = items_parse(&l, s, STATE_VERSION_1, "clock", e);

	if (r)
		return r;
	r = item_uint(&l, "virtual", FIELD_U64, &virt, e);
	if (!r)
		r = item_uint(&l, "wall", FIELD_U64, &wall, e);
	if (!r) {
		json_object_set_new(j, "virtual-ns", json_integer((json_int_t)virt));
		json_object_set_new(j, "wall-ns", json_integer((json_int_t)wall));
	}
	items_free(&l);
	return r;
}

static json_t *devices_json(struct sections *l)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < l->nr; i++)
		if (!strncmp(l->s[i].name, "dev/", 4))
			json_array_append_new(a, json_string(l->s[i].name + 4));
	return a;
}

char *guest_state_describe(const uint8_t *data, size_t len, struct err *e)
{
	struct section *machine, *clock;
	struct sections l;
	char *text = NULL;
	json_t *j = NULL;

	if (sections_parse(&l, data, len, e))
		return NULL;
	machine = sections_take(&l, "machine");
	clock = sections_take(&l, "clock");
	if (!machine || !clock)
		err_set(e, EINVAL, "a section is missing");
	else
		j = machine_json(machine, e);
	if (j && !add_clock(j, clock, e)) {
		json_object_set_new(j, "devices", devices_json(&l));
		text = json_dumps(j, JSON_SORT_KEYS | JSON_COMPACT);
	}
	json_decref(j);
	sections_free(&l);
	return text;
}
