/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes that the kernel takes by itself: to an eventfd (doorbells, of any length and
 * of one value) and into the ring of coalesced writes, in order for every processor.
 */
#include "tests/kvm/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "hw/core/state.h"
#include "util/os.h"

/* What g_64_writes does: five writes to memory, four to ports. */
struct expect { unsigned len; bool match; unsigned mmio_rung, pio_rung; };

static void ring(struct kt *t, const struct expect *x, bool pio)
{
	struct doorbell b = { .space = pio ? t->m->pio : t->m->mmio,
			      .addr = pio ? 0xf0 : MMIO_BASE + 0x20,
			      .len = x->len,
			      .has_match = x->match,
			      .match = 5,
			      .fd = os_eventfd() };
	unsigned want = pio ? x->pio_rung : x->mmio_rung, all = pio ? 4 : 5;

	for (unsigned bound = 1; bound < 2; bound--) { /* bound, then not */
		int r = t->vm.accel->doorbell(&t->vm, &b, bound);
		unsigned rung, seen;

		CHECK(!r, "%u bytes, %s: %d", x->len, pio ? "port" : "memory", r);
		t->writes = t->port_writes = 0;
		kt_load(t, g_64_writes, CODE);
		x86_boot_long(kt_state(t, 0), CODE, 0, 0);
		t->vm.vcpu[0]->resident = 0;
		kt_expect(t, 0, 105);
		rung = (unsigned)os_eventfd_drain(b.fd);
		seen = pio ? t->port_writes : t->writes;
		CHECK(rung == (bound ? want : 0) && rung + seen == all,
		      "%u bytes, %s, %s: rung %u, device %u", x->len, pio ? "port" : "memory",
		      bound ? "bound" : "unbound", rung, seen);
	}
	close(b.fd);
}

static void doorbells(void)
{
	static const struct expect cases[] = {
		{ 0, false, 5, 4 }, { 1, false, 1, 1 }, { 2, false, 1, 1 }, { 4, false, 2, 2 },
		{ 8, false, 1, 0 }, { 2, true, 1, 1 },	{ 4, true, 1, 1 },
	};
	struct kt *t = kt_new(1, true);
	struct doorbell b = { .space = t->m->mmio, .addr = MMIO_BASE, .fd = os_eventfd() };

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		ring(t, &cases[i], false);
		if (cases[i].len != 8)
			ring(t, &cases[i], true);
	}
	CHECK(!t->vm.accel->doorbell(&t->vm, &b, true), "cannot bind");
	CHECK(t->vm.accel->doorbell(&t->vm, &b, true) == -EEXIST, "bound twice");
	b.len = 4;
	CHECK(t->vm.accel->doorbell(&t->vm, &b, true) == -EEXIST, "bound in another's length");
	b.has_match = true;
	b.len = 0;
	CHECK(t->vm.accel->doorbell(&t->vm, &b, true) == -EINVAL, "a value without a length");
	CHECK(kvm_vm(&t->vm)->irq.doorbells == 1 && kvm_vm(&t->vm)->irq.doorbells_refused == 2,
	      "counted %u, refused %u", kvm_vm(&t->vm)->irq.doorbells,
	      kvm_vm(&t->vm)->irq.doorbells_refused);
	close(b.fd);
	kt_free(t);
}

/* ---- coalesced writes: a device that remembers what came, and in which order ---- */

struct recorder {
	struct dev dev;
	uint32_t log[4096];
	unsigned n, other;	/* how many; how many when the write of another kind came */
};

static void rec_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct recorder *r = DEV_STATE(struct recorder, d);

	if (r->n < ARRAY_SIZE(r->log))
		r->log[r->n] = (uint32_t)val;
	r->n++;
}

static uint64_t rec_count(struct dev *d, uint64_t off, unsigned size)
{
	return DEV_STATE(struct recorder, d)->n;
}

static void rec_other(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	DEV_STATE(struct recorder, d)->other = DEV_STATE(struct recorder, d)->n;
}

static const struct dev_type recorder_type = {
	.name = "recorder",
	.help = "remembers writes",
	.size = sizeof(struct recorder),
	.regions = (const struct region[]){
		{ "late", 0x1000, 1, 8, REGION_COALESCE, NULL, rec_write },
		{ "late-port", 4, 1, 4, REGION_COALESCE, NULL, rec_write },
		{ "now", 0x1000, 1, 8, 0, rec_count, rec_other } },
	.nr_regions = 3,
	.state = (const struct field[]){ FIELD_SKIP(struct recorder, log, "the test"),
					 FIELD_SKIP(struct recorder, n, "the test"),
					 FIELD_SKIP(struct recorder, other, "the test"),
					 FIELD_END },
};

static struct recorder *add_recorder(struct kt *t)
{
	struct err e = { 0 };
	struct dev *d = dev_new(t->m, &recorder_type, "recorder", &e);

	CHECK(d && !dev_init(d, &e) && !dev_map(d, 0, t->m->mmio, 0xd1000000, &e) &&
	      !dev_map(d, 1, t->m->pio, 0x1000, &e) && !dev_map(d, 2, t->m->mmio, 0xd1001000, &e),
	      "%s", e.msg);
	return DEV_STATE(struct recorder, d);
}

/* count: below and beyond what the ring holds. */
static void coalesced(unsigned count)
{
	struct kt *t = kt_new(1, true);
	struct recorder *r = add_recorder(t);
	struct kvm_cpu *c = kvm_cpu(t->vm.vcpu[0]);
	struct kvm_coalesce *z = &kvm_vm(&t->vm)->coalesce;

	CHECK(z->nr == 2, "%u zones", z->nr);
	kt_load(t, g_64_coalesce, CODE);
	x86_boot_long(kt_state(t, 0), CODE, count, 0);
	kt_expect(t, 0, 106);
	CHECK(r->n == count + 2, "%u of %u writes", r->n, count + 2);
	for (unsigned i = 0; i < count; i++)
		CHECK(r->log[i] == i, "write %u is %u", i, r->log[i]);
	CHECK(r->other == count + 1, "the other write came after %u", r->other);
	CHECK(z->writes + 2 * count / 160 + 1 >= count && c->exits[KVM_EXIT_MMIO] < count / 100 + 4,
	      "%llu from the ring, %llu exits", (unsigned long long)z->writes,
	      (unsigned long long)c->exits[KVM_EXIT_MMIO]);
	dev_unmap(&r->dev, 0);
	dev_unmap(&r->dev, 1);
	CHECK(!z->nr, "%u zones are left", z->nr);
	kt_free(t);
}

/* One processor writes, says so in memory, and the other one asks the device. */
static void two(void)
{
	enum { ROUNDS = 200 };
	struct kt *t = kt_new(2, true);
	struct recorder *r = add_recorder(t);

	kt_load(t, g_64_coalesce2, CODE);
	for (unsigned i = 0; i < 2; i++) {
		x86_boot_long(kt_state(t, i), CODE, ROUNDS, i);
		kt_state(t, i)->mp_state = 0;
	}
	kt_expect_all(t, 107);
	CHECK(r->n == ROUNDS, "%u writes", r->n);
	kt_free(t);
}

int main(void)
{
	kt_main();
	doorbells();
	coalesced(40);
	coalesced(1000);
	two();
	return 0;
}
