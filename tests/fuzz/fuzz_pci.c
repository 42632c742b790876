/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest at a PCI host bridge: configuration accesses by ports and ECAM, BARs
 * moved over each other, bus numbers of nonsense, ACPI registers, against functions
 * at the root and behind ports, which raise interrupts from another thread meanwhile.
 * Saved states, some mutated, and pci_assign in between. Nothing may crash or hang, and
 * afterwards a reset and pci_assign must give a board that works.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/pci/pcitest.h"

enum { NR_FNS = 6, NR_PORTS = 3 };

struct target {
	struct board t;
	struct dev *lpc, *port[NR_PORTS];
	struct tfn *fn[NR_FNS];
	struct fuzz_in in;
	_Atomic bool over;
	pthread_mutex_t quiet;	/* back ends rest during a reset, a save or a load */
};

static const struct pci_windows windows = {
	.io = 0xc000, .io_end = 0x10000, .mem32 = 0xc0000000, .mem32_end = 0xfc000000,
	.mem64 = UINT64_C(0x8000000000), .mem64_end = UINT64_C(0x10000000000),
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static int count_msi(void *opaque, uint64_t addr, uint32_t data)
{
	atomic_fetch_add((_Atomic unsigned *)opaque, 1);
	return 0;
}

static void count_gsi(void *opaque, unsigned gsi, int level)
{
	if (gsi >= 24)
		abort();
	atomic_fetch_add((_Atomic unsigned *)opaque, 1);
}

static _Atomic unsigned interrupts;

static void build(struct target *g)
{
	static const char *const props[NR_FNS] = {
		"io=32 mem32=0x4000 mem64=16G prefetch=on msix=5 pin=1",
		"mem32=0x2000 msix=64 pin=4",
		"mem32=0x4000 mem64=0x4000 msi=32 pin=2", "io=256 mem32=0x4000 msix=1 msi=1 pin=3",
		"mem64=128G prefetch=on", "io=16 mem32=1M mem64=0x10000 prefetch=on msix=3 pin=1",
	};

	g->t = board_new();
	g->t.m->engine = (struct machine_engine){ .opaque = (void *)&interrupts, .msi = count_msi,
						  .gsi = count_gsi };
	g->lpc = board_dev(&g->t, "ich9-lpc");
	if (pci_plug(g->t.root, pci_fn_of(g->lpc), PCI_DEVFN(31, 0), &g->t.b->err))
		bus_fail(g->t.b, "ich9-lpc");
	g->port[0] = board_port(&g->t, g->t.root, PCI_DEVFN(1, 0));
	g->port[1] = board_port(&g->t, root_port_bus(g->port[0]), 0);
	g->port[2] = board_port(&g->t, g->t.root, PCI_DEVFN(2, 0));
	g->fn[0] = board_fn(&g->t, g->t.root, PCI_DEVFN(3, 0), props[0]);
	g->fn[1] = board_fn(&g->t, g->t.root, PCI_DEVFN(3, 1), props[1]);
	g->fn[2] = board_fn(&g->t, root_port_bus(g->port[1]), 0, props[2]);
	g->fn[3] = board_fn(&g->t, root_port_bus(g->port[2]), 0, props[3]);
	g->fn[4] = board_fn(&g->t, root_port_bus(g->port[2]), 3, props[4]);
	g->fn[5] = board_fn(&g->t, g->t.root, PCI_DEVFN(26, 0), props[5]);
	machine_reset(g->t.m, RESET_COLD);
	q35_host_direct_boot(g->t.host);
	ich9_direct_boot(g->lpc);
	if (pci_assign(g->t.root, &windows, NULL, &g->t.b->err))
		bus_fail(g->t.b, "pci_assign");
}

/* The devices' side. */
static void *interrupter(void *arg)
{
	struct target *g = arg;

	for (unsigned n = 0; !atomic_load(&g->over); n++) {
		struct pci_fn *f = &g->fn[n % NR_FNS]->pci;

		pthread_mutex_lock(&g->quiet);
		switch (n / NR_FNS % 4) {
		case 0: pci_msix_send(f, n % 67); break;
		case 1: pci_msi_send(f, n % 35); break;
		case 2: pci_set_intx(f, n / 97 & 1); break;
		default:
			if (n & 64)
				ich9_power_button(g->lpc);
			else
				ich9_gpe(g->lpc, n);
		}
		pthread_mutex_unlock(&g->quiet);
	}
	return NULL;
}

static uint32_t value(struct target *g)
{
	switch (in_u8(&g->in) % 6) {
	case 0: return in_u8(&g->in);
	case 1: return in_u32(&g->in);
	case 2: return ~0u << in_u8(&g->in) % 32;
	case 3: return 0xc0000000 + in_u8(&g->in) * 0x1000u;
	case 4: return 0xc000 + in_u8(&g->in) * 16u;
	default: return 7;
	}
}

static unsigned config_off(struct target *g)
{
	static const uint8_t hot[] = { 4, 5, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x18, 0x19, 0x1a,
				       0x60, 0x64, 0x40, 0x44, 0x62, 0x6a, 0x3c };

	switch (in_u8(&g->in) % 4) {
	case 0: return in_u8(&g->in);
	case 1: return in_u16(&g->in) & 0xfff;
	default: return hot[in_u8(&g->in) % ARRAY_SIZE(hot)];
	}
}

static void op_config(struct target *g)
{
	static const uint8_t where[] = { 0, 8, 16, 24, 25, 0xf8, 0xd0 };
	uint8_t how = in_u8(&g->in);
	unsigned size = 1u << (how & 3) % 3, bus = how & 0x40 ? in_u8(&g->in) % 5 : 0;
	unsigned devfn = bus ? in_u8(&g->in) % 4 : where[in_u8(&g->in) % ARRAY_SIZE(where)];
	unsigned off = config_off(g) & ~(size - 1);
	uint32_t val = value(g);

	if (how & 0x20) {
		uint64_t at = Q35_ECAM_BASE + (bus << 20 | devfn << 12 | off), v;

		if (how & 0x80)
			region_read(g->t.m->mmio, at, size << (how >> 4 & 1), &v);
		else
			region_write(g->t.m->mmio, at, size, val);
		return;
	}
	port_out(&g->t, 0xcf8, 4, 0x80000000 | bus << 16 | devfn << 8 | (off & 0xfc));
	if (how & 0x80)
		port_in(&g->t, 0xcfc + (off & 3), size);
	else
		port_out(&g->t, 0xcfc + (off & 3), size, val);
}

/* Anything that is mapped. */
static void op_access(struct target *g)
{
	uint8_t how = in_u8(&g->in);
	struct space *s = how & 0x80 ? g->t.m->pio : g->t.m->mmio;
	const struct mapping *map;
	unsigned n = 0;
	uint64_t v;

	while (space_nth(s, n))
		n++;
	map = n ? space_nth(s, in_u8(&g->in) % n) : NULL;
	if (!map)
		return;
	v = map->base + in_u16(&g->in) % map->size;
	if (how & 0x40)
		region_read(s, v, 1u << (how & 3), &v);
	else
		region_write(s, v, 1u << (how & 3), (uint64_t)value(g) << (how & 0x20));
}

static void op_move(struct target *g)
{
	struct state_buf s = { 0 };
	unsigned which = in_u8(&g->in) % 12, mutations = in_u8(&g->in) % 6;
	struct dev *d = g->t.m->devs;

	while (which-- && d->next)
		d = d->next;
	pthread_mutex_lock(&g->quiet);
	clock_stop(g->t.m->clock);
	state_save(d, &s, NULL);
	while (mutations--)
		s.data[in_u32(&g->in) % s.len] = in_u8(&g->in);
	state_load(d, s.data, s.len, NULL);
	clock_run(g->t.m->clock);
	pthread_mutex_unlock(&g->quiet);
	free(s.data);
}

static void op_warp(struct target *g)
{
	struct clock *c = g->t.m->clock;

	pthread_mutex_lock(&g->quiet);
	clock_stop(c);
	clock_set(c, clock_now(c) + ((uint64_t)in_u16(&g->in) << in_u8(&g->in) % 48));
	clock_run(c);
	pthread_mutex_unlock(&g->quiet);
}

static void finish(struct target *g)
{
	struct tfn *f;

	free(pci_info(g->t.root));
	machine_reset(g->t.m, RESET_WARM);
	q35_host_direct_boot(g->t.host);
	if (pci_assign(g->t.root, &windows, NULL, &g->t.b->err))
		abort();
	for (unsigned i = 0; i < NR_FNS; i++)
		for (unsigned bar = 0; f = g->fn[i], bar < 3; bar++)
			if (f->pci.h.bar[bar].size && pci_bar_addr(&f->pci, bar) == UINT64_MAX)
				abort();
	for (unsigned i = 0; i < 32 * 4; i++)
		if (g->t.root->intx_count[i / 4][i % 4])
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target *g = calloc(1, sizeof(*g));
	bool threads;
	pthread_t t;

	g->in = (struct fuzz_in){ data, data + size };
	pthread_mutex_init(&g->quiet, NULL);
	build(g);
	threads = in_u8(&g->in) & 1;
	if (threads && pthread_create(&t, NULL, interrupter, g))
		abort();
	while (g->in.p < g->in.end) {
		switch (in_u8(&g->in) % 16) {
		case 0: case 1: case 2: op_access(g); break;
		case 3: op_warp(g); break;
		case 4: op_move(g); break;
		case 5:
			pthread_mutex_lock(&g->quiet);
			if (in_u8(&g->in) & 1)
				machine_reset(g->t.m, RESET_WARM);
			pci_assign(g->t.root, &windows, NULL, NULL);
			pthread_mutex_unlock(&g->quiet);
			break;
		case 6: pci_set_intx(&g->fn[in_u8(&g->in) % NR_FNS]->pci, in_u8(&g->in) & 1); break;
		case 7: pci_msix_send(&g->fn[in_u8(&g->in) % NR_FNS]->pci, in_u8(&g->in)); break;
		default: op_config(g); break;
		}
	}
	atomic_store(&g->over, true);
	if (threads)
		pthread_join(t, NULL);
	finish(g);
	bus_free(g->t.b);
	pthread_mutex_destroy(&g->quiet);
	free(g);
	return 0;
}
