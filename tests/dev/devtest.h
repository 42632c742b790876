/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine without a board for device tests: RAM, clock, address spaces, CPU
 * ports and interrupt wires that remember, all in this process.
 */
#ifndef TESTS_DEV_DEVTEST_H
#define TESTS_DEV_DEVTEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "tests/check.h"

#define BUS_RAM	     UINT64_C(0x80000000)
#define BUS_RAM_SIZE 0x100000u
#define BUS_CPUS     4
#define BUS_PINS     32

struct bus {
	struct machine *m;
	struct cpu_port port[BUS_CPUS];
	_Atomic int level[BUS_PINS];	/* wires, and how often each rose */
	_Atomic unsigned rises[BUS_PINS];
	_Atomic unsigned events;
	_Atomic int last_event, last_code;
	struct err err;
};

static inline int bus_machine_init(struct machine *m, struct err *e)
{
	m->pio = space_new("ports", 16);
	return mem_add(&m->mem, "ram", BUS_RAM, BUS_RAM_SIZE, 0, e);
}

static inline void bus_wire(void *to, unsigned pin, int level)
{
	struct bus *b = to;

	atomic_store(&b->level[pin], level);
	if (level)
		atomic_fetch_add(&b->rises[pin], 1);
}

static inline void bus_event(void *opaque, enum machine_event ev, int code)
{
	struct bus *b = opaque;

	atomic_store(&b->last_event, (int)ev);
	atomic_store(&b->last_code, code);
	atomic_fetch_add(&b->events, 1);
}

static inline void bus_fail(struct bus *b, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, b->err.msg);
	exit(1);
}

/* The clock runs unless the test stops it. */
static inline struct bus *bus_new(void)
{
	static const struct machine_type type = {
		.name = "bus", .isa = "none", .ram_base = BUS_RAM, .init = bus_machine_init,
	};
	struct machine_config cfg = {
		.ram_size = BUS_RAM_SIZE, .nr_cpus = BUS_CPUS, .timebase_hz = 10000000,
		.isa_string = "rv64imafdc_zicsr",
	};
	struct bus *b = calloc(1, sizeof(*b));

	b->m = machine_new(&type, &cfg, &b->err);
	if (!b->m)
		bus_fail(b, "machine_new");
	for (unsigned i = 0; i < BUS_CPUS; i++) {
		b->port[i].index = i;
		b->m->ports[i] = &b->port[i];
	}
	b->m->event = bus_event;
	b->m->event_opaque = b;
	if (machine_init(b->m, &b->err))
		bus_fail(b, "machine_init");
	clock_run(b->m->clock);
	return b;
}

static inline void bus_free(struct bus *b)
{
	machine_free(b->m);
	free(b);
}

static inline struct dev *bus_new_dev(struct bus *b, const char *type)
{
	const struct dev_type *t = dev_type_find(type);
	struct dev *d = t ? dev_new(b->m, t, NULL, &b->err) : NULL;

	if (!d)
		bus_fail(b, type);
	return d;
}

/* Initialises and resets; region r at base + r * 64 MiB, line i on wire first_pin + i. */
static inline void bus_plug(struct bus *b, struct dev *d, uint64_t base, unsigned first_pin)
{
	if (dev_init(d, &b->err))
		bus_fail(b, d->id);
	for (unsigned i = 0; i < d->type->nr_regions; i++)
		if (dev_map(d, i, b->m->mmio, base + i * UINT64_C(0x4000000), &b->err))
			bus_fail(b, d->id);
	for (unsigned i = 0; i < d->type->nr_irqs; i++)
		dev_connect(d, i, bus_wire, b, first_pin + i);
	machine_reset(b->m, RESET_COLD);
}

static inline uint64_t bus_read(struct bus *b, uint64_t addr, unsigned size)
{
	uint64_t v;

	CHECK(region_read(b->m->mmio, addr, size, &v) == 0, "read of %#llx",
	      (unsigned long long)addr);
	return v;
}

static inline void bus_write(struct bus *b, uint64_t addr, unsigned size, uint64_t v)
{
	CHECK(region_write(b->m->mmio, addr, size, v) == 0, "write of %#llx",
	      (unsigned long long)addr);
}

/* Saves into a new buffer (the caller frees data) and loads it back; both must work. */
static inline void bus_save_load(struct bus *b, struct dev *d)
{
	struct state_buf s = { 0 };

	CHECK(state_save(d, &s, &b->err) == 0, "%s", b->err.msg);
	CHECK(state_load(d, s.data, s.len, &b->err) == 0, "%s", b->err.msg);
	free(s.data);
}

/* Waits for a condition that another thread brings about: 5 s at most. */
#define WAIT_FOR(cond) do {							\
	for (unsigned ms_ = 0; ms_ < 5000 && !(cond); ms_++)			\
		usleep(1000);							\
	CHECK(cond, "in 5 s");							\
} while (0)

#endif
