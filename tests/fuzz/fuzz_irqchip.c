/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's interrupt chips together, on a board with up to eight processors that take
 * interrupts: registers, lines, messages, time, changes of home, save and load. The
 * chips may be told nonsense, but must not crash, hang, or lose what they promise:
 * after each operation a processor's INTR says whether INTA gives a vector.
 *
 * With the first byte odd a second vCPU thread runs half of the input; then homes stay
 * and nothing is loaded.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "hw/core/irqchip.h"
#include "hw/core/machine.h"
#include "util/bits.h"

#define CPUS 8
#define LAPIC_PAGE  UINT64_C(0xfee00000)
#define IOAPIC_PAGE UINT64_C(0xfec00000)

static struct cpu_port ports[CPUS];

struct run {
	struct machine *m;
	struct fuzz_in in;
	bool alone;
};

static _Noreturn void die(const char *what, const struct err *e)
{
	fprintf(stderr, "fuzz_irqchip: %s: %s\n", what, e->msg);
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static int board_init(struct machine *m, struct err *e)
{
	m->pio = space_new("ports", 16);
	return 0;
}

static struct dev *add(struct machine *m, const char *type, int cpu)
{
	struct err e = { 0 };
	struct dev *d = dev_new(m, dev_type_find(type), NULL, &e);
	char text[8];

	snprintf(text, sizeof(text), "%d", cpu);
	if (!d || (cpu >= 0 && dev_set(d, "cpu", text, &e)) || dev_init(d, &e))
		die(type, &e);
	return d;
}

static void map(struct dev *d, unsigned region, struct space *s, uint64_t at)
{
	struct err e = { 0 };

	if (dev_map(d, region, s, at, &e))
		die(d->id, &e);
}

static void no_signal(struct cpu_port *p, enum cpu_signal s, unsigned arg) { }
static void no_gsi(void *opaque, unsigned gsi, int level) { }
static int no_msi(void *opaque, uint64_t addr, uint32_t data) { return 0; }

static struct machine *build(uint8_t how)
{
	static const struct machine_type type = { .name = "board", .isa = "none",
						  .init = board_init };
	struct machine_config cfg = { .nr_cpus = 1u << (how >> 1 & 3), .phys_bits = 36,
				      .tsc_hz = how & 8 ? 2893437000 : 0 };
	struct err e = { 0 };
	struct machine *m = machine_new(&type, &cfg, &e);
	struct dev *pic, *pit;

	if (!m)
		die("machine", &e);
	for (unsigned i = 0; i < cfg.nr_cpus; i++) {
		ports[i] = (struct cpu_port){ .index = i, .signal = no_signal };
		m->ports[i] = &ports[i];
	}
	m->engine.gsi = no_gsi;
	m->engine.msi = no_msi;
	if (machine_init(m, &e))
		die("machine", &e);
	pic = add(m, "i8259", -1);
	map(pic, 0, m->pio, 0x20);
	map(pic, 1, m->pio, 0xa0);
	map(pic, 2, m->pio, 0x4d0);
	map(add(m, "ioapic", -1), 0, m->mmio, IOAPIC_PAGE);
	for (unsigned i = 0; how & 16 ? 0 : i < cfg.nr_cpus; i++) {
		struct dev *d = add(m, "lapic", (int)i);

		if (!i)
			map(d, 0, m->mmio, LAPIC_PAGE);
	}
	pit = add(m, "i8254", -1);
	map(pit, 0, m->pio, 0x40);
	map(pit, 1, m->pio, 0x61);
	machine_reset(m, RESET_COLD);
	clock_run(m->clock);
	return m;
}

static uint32_t value(struct run *r)
{
	switch (in_u8(&r->in) % 4) {
	case 0: return in_u8(&r->in);
	case 1: return in_u16(&r->in);
	case 2: return (uint32_t)in_u8(&r->in) << 8 * (in_u8(&r->in) % 4);
	default: return in_u32(&r->in);
	}
}

static unsigned cpu(struct run *r)
{
	return in_u8(&r->in) % r->m->cfg.nr_cpus;
}

static void op_port(struct run *r, bool write)
{
	static const uint16_t at[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43,
				       0x61 };
	uint16_t port = at[in_u8(&r->in) % ARRAY_SIZE(at)];
	uint64_t v;

	if (write)
		region_write(r->m->pio, port, 1, in_u8(&r->in));
	else
		region_read(r->m->pio, port, 1, &v);
}

static void op_page(struct run *r, bool write)
{
	uint64_t page = in_u8(&r->in) % 4 ? LAPIC_PAGE : UINT64_C(0xd0000000), v;

	cpu_current = cpu(r);
	page += in_u8(&r->in) % 64 * 16;
	if (write)
		region_write(r->m->mmio, page, 4, value(r));
	else
		region_read(r->m->mmio, page, 1u << in_u8(&r->in) % 4, &v);
	cpu_current = 0;
}

static void op_ioapic(struct run *r)
{
	uint64_t v;

	region_write(r->m->mmio, IOAPIC_PAGE, 4, in_u8(&r->in) % 0x42);
	if (in_u8(&r->in) % 4)
		region_write(r->m->mmio, IOAPIC_PAGE + 0x10, 4, value(r));
	else
		region_read(r->m->mmio, IOAPIC_PAGE + in_u8(&r->in) % 0x50, 1, &v);
	if (in_u8(&r->in) % 8 == 0)
		region_write(r->m->mmio, IOAPIC_PAGE + 0x40, 4, in_u8(&r->in));
}

static void op_processor(struct run *r)
{
	struct cpu_port *p = r->m->ports[cpu(r)];
	const struct local_apic_ops *a = p->apic;
	uint64_t v;

	if (!a)
		return;
	switch (in_u8(&r->in) % 8) {
	case 0: a->cr8_set(p->apic_chip, in_u8(&r->in)); break;
	case 1: a->cr8_get(p->apic_chip); break;
	case 2:
		a->base_set(p->apic_chip, (in_u8(&r->in) & 1 ? 0xd0000000 : LAPIC_PAGE) |
					  (uint64_t)(in_u8(&r->in) & 15) << 8);
		break;
	case 3: a->base_set(p->apic_chip, in_u64(&r->in)); break;
	case 4: a->msr_read(p->apic_chip, 0x800 + in_u8(&r->in) % 0x48, &v); break;
	case 5: a->msr_write(p->apic_chip, 0x6e0, in_u64(&r->in) >> in_u8(&r->in) % 64); break;
	default:
		a->msr_write(p->apic_chip, 0x800 + in_u8(&r->in) % 0x48,
			     value(r) | (uint64_t)in_u8(&r->in) << 32);
	}
}

static void op_take(struct run *r)
{
	struct cpu_port *p = r->m->ports[cpu(r)];

	if (p->ack && atomic_load(&p->lines) & 1u << PORT_X86_INTR)
		p->ack(p->ack_chip);
	atomic_fetch_and(&p->lines, 1u << PORT_X86_INTR);
}

static void op_warp(struct run *r)
{
	struct clock *c = r->m->clock;

	clock_stop(c);
	clock_set(c, clock_now(c) + ((uint64_t)in_u16(&r->in) << in_u8(&r->in) % 48));
	clock_run(c);
}

static void op_move(struct run *r)
{
	struct state_buf s = { 0 };
	unsigned which = in_u8(&r->in) % 16, mutations = in_u8(&r->in) % 4;
	struct dev *d = r->m->devs;

	while (which-- && d->next)
		d = d->next;
	clock_stop(r->m->clock);
	state_save(d, &s, NULL);
	while (mutations--)
		s.data[in_u32(&r->in) % s.len] = in_u8(&r->in);
	state_load(d, s.data, s.len, NULL);
	clock_run(r->m->clock);
	free(s.data);
}

static void op_home(struct run *r)
{
	clock_stop(r->m->clock);
	if (in_u8(&r->in) & 1)
		irqchip_pulled(r->m);
	irqchip_set_home(r->m, in_u8(&r->in) % 3);
	clock_run(r->m->clock);
}

/* The line and the chip agree: what INTR promises, INTA gives. */
static void check(struct run *r)
{
	for (unsigned i = 0; i < r->m->cfg.nr_cpus; i++) {
		struct cpu_port *p = r->m->ports[i];
		bool high;

		clock_stop(r->m->clock);
		high = atomic_load(&p->lines) & 1u << PORT_X86_INTR;
		if (high && (!p->ack || p->ack(p->ack_chip) < 0)) {
			fprintf(stderr, "CPU %u: INTR without a vector\n", i);
			abort();
		}
		if (!high && p->apic && p->apic->ack(p->apic_chip) >= 0) {
			fprintf(stderr, "CPU %u: a vector without INTR\n", i);
			abort();
		}
		clock_run(r->m->clock);
	}
}

static void *run(void *arg)
{
	struct run *r = arg;

	while (r->in.p < r->in.end) {
		switch (in_u8(&r->in) % 16) {
		case 0: op_port(r, false); break;
		case 1: case 2: op_port(r, true); break;
		case 3: op_page(r, false); break;
		case 4: case 5: op_page(r, true); break;
		case 6: op_ioapic(r); break;
		case 7: case 8: irqchip_gsi(r->m, in_u8(&r->in) % 32, in_u8(&r->in) & 1); break;
		case 9:
			machine_msi(r->m, LAPIC_PAGE | (in_u32(&r->in) & 0xfffff), value(r));
			break;
		case 10: op_processor(r); break;
		case 11: op_take(r); break;
		case 12: op_warp(r); break;
		case 13: irqchip_pit_legacy_off(r->m, in_u8(&r->in) & 1); break;
		case 14:
			irqchip_eoi(r->m, in_u8(&r->in));
			if (r->alone && in_u8(&r->in) % 4 == 0)
				check(r);
			break;
		case 15:
			if (!r->alone)
				break;
			switch (in_u8(&r->in) % 8) {
			case 0: machine_reset(r->m, in_u8(&r->in) & 1); break;
			case 1: case 2: op_home(r); break;
			default: op_move(r);
			}
		}
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run first = { .in = { data, data + size }, .alone = true }, second;
	uint8_t how = in_u8(&first.in);
	pthread_t t;

	first.m = build(how);
	if (how & 1) {
		first.alone = false;
		second = first;
		first.in.end = second.in.p = data + 1 + (size ? size - 1 : 0) / 2;
		if (first.in.end > second.in.end)
			first.in.end = second.in.p = second.in.end;
		if (pthread_create(&t, NULL, run, &second))
			abort();
	}
	run(&first);
	if (how & 1)
		pthread_join(t, NULL);
	machine_free(first.m);
	return 0;
}
