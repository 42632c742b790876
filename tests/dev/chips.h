/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A board with the PC's interrupt chips and nothing else. Its clock stands: tests set
 * the time, so that what registers say is exact; board_run lets timers fire.
 */
#ifndef TESTS_DEV_CHIPS_H
#define TESTS_DEV_CHIPS_H

#include "hw/core/irqchip.h"
#include "tests/dev/devtest.h"

#define BOARD_CPUS   8
#define BOARD_TSC_HZ UINT64_C(2893437000)
#define IOAPIC_AT    UINT64_C(0xfec00000)
#define LAPIC_AT     UINT64_C(0xfee00000)

struct board {
	struct machine *m;
	struct cpu_port port[BOARD_CPUS];
	struct dev *pic, *ioapic, *pit, *lapic[BOARD_CPUS];
	unsigned inits[BOARD_CPUS], sipis[BOARD_CPUS], sipi_vector[BOARD_CPUS];
	/* what the engine was told */
	unsigned gsi_calls, msi_calls, table_changes, legacy_calls;
	unsigned last_gsi;
	int last_level, last_legacy;
	uint64_t msi_addr;
	uint32_t msi_data;
	int msi_result;
	struct err err;
};

enum { BOARD_PIC = 1, BOARD_IOAPIC = 2, BOARD_PIT = 4, BOARD_LAPIC = 8, BOARD_ALL = 15 };

static inline void board_fail(struct board *b, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, b->err.msg);
	exit(1);
}

static inline void board_signal(struct cpu_port *p, enum cpu_signal s, unsigned arg)
{
	struct board *b = p->signal_opaque;

	if (s == CPU_SIGNAL_INIT) {
		b->inits[p->index]++;
	} else {
		b->sipis[p->index]++;
		b->sipi_vector[p->index] = arg;
	}
}

static inline void board_gsi(void *opaque, unsigned gsi, int level)
{
	struct board *b = opaque;

	b->gsi_calls++;
	b->last_gsi = gsi;
	b->last_level = level;
}

static inline int board_msi(void *opaque, uint64_t addr, uint32_t data)
{
	struct board *b = opaque;

	b->msi_calls++;
	b->msi_addr = addr;
	b->msi_data = data;
	return b->msi_result;
}

static inline void board_table(void *opaque)
{
	((struct board *)opaque)->table_changes++;
}

static inline void board_legacy(void *opaque, bool off)
{
	struct board *b = opaque;

	b->legacy_calls++;
	b->last_legacy = off;
}

static inline struct dev *board_add(struct board *b, const char *type, int cpu)
{
	struct dev *d = dev_new(b->m, dev_type_find(type), NULL, &b->err);
	char text[8];

	snprintf(text, sizeof(text), "%d", cpu);
	if (!d || (cpu >= 0 && dev_set(d, "cpu", text, &b->err)) || dev_init(d, &b->err))
		board_fail(b, type);
	return d;
}

static inline void board_map(struct board *b, struct dev *d, unsigned region, struct space *s,
			     uint64_t at)
{
	if (dev_map(d, region, s, at, &b->err))
		board_fail(b, d->id);
}

static inline int board_init(struct machine *m, struct err *e)
{
	m->pio = space_new("ports", 16);
	return 0;
}

static inline struct board *board_new(unsigned cpus, unsigned chips)
{
	static const struct machine_type type = { .name = "board", .isa = "none",
						  .init = board_init };
	struct machine_config cfg = { .nr_cpus = cpus, .tsc_hz = BOARD_TSC_HZ, .phys_bits = 40 };
	struct board *b = calloc(1, sizeof(*b));

	b->m = machine_new(&type, &cfg, &b->err);
	if (!b->m)
		board_fail(b, "machine_new");
	for (unsigned i = 0; i < cpus; i++) {
		b->port[i] = (struct cpu_port){ .index = i, .signal = board_signal,
						.signal_opaque = b };
		b->m->ports[i] = &b->port[i];
	}
	b->m->engine = (struct machine_engine){ .opaque = b, .gsi = board_gsi, .msi = board_msi,
						.ioapic_changed = board_table,
						.pit_legacy_off = board_legacy };
	if (machine_init(b->m, &b->err))
		board_fail(b, "machine_init");
	if (chips & BOARD_PIC) {
		b->pic = board_add(b, "i8259", -1);
		board_map(b, b->pic, 0, b->m->pio, 0x20);
		board_map(b, b->pic, 1, b->m->pio, 0xa0);
		board_map(b, b->pic, 2, b->m->pio, 0x4d0);
	}
	if (chips & BOARD_IOAPIC) {
		b->ioapic = board_add(b, "ioapic", -1);
		board_map(b, b->ioapic, 0, b->m->mmio, IOAPIC_AT);
	}
	if (chips & BOARD_PIT) {
		b->pit = board_add(b, "i8254", -1);
		board_map(b, b->pit, 0, b->m->pio, 0x40);
		board_map(b, b->pit, 1, b->m->pio, 0x61);
	}
	for (unsigned i = 0; chips & BOARD_LAPIC && i < cpus; i++)
		b->lapic[i] = board_add(b, "lapic", (int)i);
	if (chips & BOARD_LAPIC)
		board_map(b, b->lapic[0], 0, b->m->mmio, LAPIC_AT);
	machine_reset(b->m, RESET_COLD);
	return b;
}

static inline void board_free(struct board *b)
{
	machine_free(b->m);
	free(b);
}

/* ---- ports and registers ---- */

static inline void outb(struct board *b, uint16_t port, unsigned v)
{
	CHECK(region_write(b->m->pio, port, 1, v) == 0, "port %#x", port);
}

static inline unsigned inb(struct board *b, uint16_t port)
{
	uint64_t v;

	CHECK(region_read(b->m->pio, port, 1, &v) == 0, "port %#x", port);
	return (unsigned)v;
}

static inline uint32_t io_rd(struct board *b, unsigned reg)
{
	uint64_t v;

	region_write(b->m->mmio, IOAPIC_AT, 4, reg);
	region_read(b->m->mmio, IOAPIC_AT + 0x10, 4, &v);
	return (uint32_t)v;
}

static inline void io_wr(struct board *b, unsigned reg, uint32_t v)
{
	region_write(b->m->mmio, IOAPIC_AT, 4, reg);
	region_write(b->m->mmio, IOAPIC_AT + 0x10, 4, v);
}

static inline void io_entry(struct board *b, unsigned pin, uint64_t v)
{
	io_wr(b, 0x11 + 2 * pin, (uint32_t)(v >> 32));
	io_wr(b, 0x10 + 2 * pin, (uint32_t)v);
}

/* As CPU `cpu`. */
static inline uint32_t apic_rd(struct board *b, unsigned cpu, unsigned reg)
{
	uint64_t v;

	cpu_current = cpu;
	region_read(b->m->mmio, LAPIC_AT + reg, 4, &v);
	cpu_current = 0;
	return (uint32_t)v;
}

static inline void apic_wr(struct board *b, unsigned cpu, unsigned reg, uint32_t v)
{
	cpu_current = cpu;
	region_write(b->m->mmio, LAPIC_AT + reg, 4, v);
	cpu_current = 0;
}

static inline int msr_wr(struct board *b, unsigned cpu, uint32_t msr, uint64_t v)
{
	return b->port[cpu].apic->msr_write(b->port[cpu].apic_chip, msr, v);
}

static inline int msr_rd(struct board *b, unsigned cpu, uint32_t msr, uint64_t *v)
{
	return b->port[cpu].apic->msr_read(b->port[cpu].apic_chip, msr, v);
}

static inline int intr(struct board *b, unsigned cpu)
{
	return (int)(b->port[cpu].lines >> PORT_X86_INTR & 1);
}

/* INTA of a CPU: the vector, or -1. */
static inline int inta(struct board *b, unsigned cpu)
{
	return b->port[cpu].ack ? b->port[cpu].ack(b->port[cpu].ack_chip) : -1;
}

/* ---- time ---- */

static inline uint64_t now(struct board *b) { return clock_now(b->m->clock); }
static inline void at(struct board *b, uint64_t ns) { clock_set(b->m->clock, ns); }
static inline void pass(struct board *b, uint64_t ns) { at(b, now(b) + ns); }

/* ---- state ---- */

static inline bool state_same(const struct state_buf *a, const struct state_buf *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* Saves, loads, saves again: the same bytes. */
static inline void round_trip(struct board *b, struct dev *d)
{
	struct state_buf one = { 0 }, two = { 0 };

	CHECK(state_save(d, &one, &b->err) == 0, "%s", b->err.msg);
	CHECK(state_load(d, one.data, one.len, &b->err) == 0, "%s", b->err.msg);
	CHECK(state_save(d, &two, &b->err) == 0, "%s", b->err.msg);
	CHECK(state_same(&one, &two), "%s changes by save and load", d->id);
	free(one.data);
	free(two.data);
}

static inline void round_trip_all(struct board *b)
{
	for (struct dev *d = b->m->devs; d; d = d->next)
		round_trip(b, d);
}

static uint64_t rnd_seed = 88172645463325252;

static inline unsigned rnd(unsigned n)
{
	rnd_seed ^= rnd_seed << 13;
	rnd_seed ^= rnd_seed >> 7;
	rnd_seed ^= rnd_seed << 17;
	return (unsigned)((rnd_seed >> 32) % n);
}

/* The usual start of a PC: vectors 0x20 and 0x28, all unmasked. */
static inline void pic_start(struct board *b, unsigned icw4_master, unsigned icw4_slave)
{
	outb(b, 0x20, 0x11);
	outb(b, 0x21, 0x20);
	outb(b, 0x21, 0x04);
	outb(b, 0x21, 0x01 | icw4_master);
	outb(b, 0xa0, 0x11);
	outb(b, 0xa1, 0x28);
	outb(b, 0xa1, 0x02);
	outb(b, 0xa1, 0x01 | icw4_slave);
}

#endif
