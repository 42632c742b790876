/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RISC-V platform-level interrupt controller (RISC-V PLIC specification 1.0.0),
 * SiFive's memory map. Context 2h is M-mode and 2h+1 S-mode of hart h.
 *
 * A source's gateway turns a level into at most one request at a time: a request
 * sets the pending bit, a claim takes it and makes the source "in service", and a
 * completion opens the gateway again, which requests anew if the wire is still up.
 *
 * Sources arrive from any thread that holds the raising device's lock; this
 * device's own lock comes after it and before the CPU ports, which are atomics.
 */
#include "hw/intc/plic.h"

#include <errno.h>

#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/bits.h"

#define PLIC_SIZE      0x4000000
#define PLIC_PRIORITY  0x0
#define PLIC_PENDING   0x1000
#define PLIC_ENABLE    0x2000		/* + 0x80 a context */
#define PLIC_CONTEXT   0x200000		/* + 0x1000 a context: threshold, claim */
#define PLIC_SOURCES   1024
#define PLIC_WORDS     (PLIC_SOURCES / 32)
#define PLIC_CONTEXTS  512
#define PLIC_PRIO_MASK 7		/* three priority bits */

/* Bits of mip that the two kinds of context drive (Privileged ISA 3.1.9). */
enum { LINE_SEIP = 9, LINE_MEIP = 11 };

struct plic_context {
	uint32_t enable[PLIC_WORDS];
	uint32_t threshold;
};

struct plic {
	struct dev dev;
	uint32_t num_sources;		/* highest source number */
	uint32_t nr_contexts;
	uint32_t words;			/* of 32 sources that exist */
	uint8_t priority[PLIC_SOURCES];
	uint32_t level[PLIC_WORDS];	/* wires */
	uint32_t pending[PLIC_WORDS];
	uint32_t service[PLIC_WORDS];	/* claimed, not completed */
	struct plic_context ctx[PLIC_CONTEXTS];
};

static bool bit_get(const uint32_t *w, unsigned n) { return w[n / 32] >> n % 32 & 1; }
static void bit_set(uint32_t *w, unsigned n) { w[n / 32] |= 1u << n % 32; }
static void bit_clear(uint32_t *w, unsigned n) { w[n / 32] &= ~(1u << n % 32); }

/* The pending enabled source of highest priority above `floor`, lowest number first; 0: none. */
static unsigned plic_best(struct plic *p, struct plic_context *c, unsigned floor)
{
	unsigned best = 0;

	for (unsigned w = 0; w < p->words; w++) {
		uint32_t bits = p->pending[w] & c->enable[w];

		for (; bits; bits &= bits - 1) {
			unsigned src = w * 32 + (unsigned)__builtin_ctz(bits);

			if (p->priority[src] > floor) {
				floor = p->priority[src];
				best = src;
			}
		}
	}
	return best;
}

static void plic_drive(struct plic *p, unsigned n)
{
	struct cpu_port *port = p->dev.machine->ports[n / 2];

	if (port)
		cpu_port_set(port, n & 1 ? LINE_SEIP : LINE_MEIP,
			     plic_best(p, &p->ctx[n], p->ctx[n].threshold) != 0);
}

static void plic_drive_all(struct plic *p)
{
	for (unsigned n = 0; n < p->nr_contexts; n++)
		plic_drive(p, n);
}

/* Source src became pending or ceased to be: only contexts that enable it can change. */
static void plic_drive_source(struct plic *p, unsigned src)
{
	for (unsigned n = 0; n < p->nr_contexts; n++)
		if (bit_get(p->ctx[n].enable, src))
			plic_drive(p, n);
}

static void plic_request(struct plic *p, unsigned src)
{
	if (bit_get(p->pending, src) || bit_get(p->service, src))
		return;
	bit_set(p->pending, src);
	plic_drive_source(p, src);
}

void plic_set_source(void *to, unsigned pin, int level)
{
	struct plic *p = DEV_STATE(struct plic, to);

	if (!pin || pin > p->num_sources)
		return;
	dev_lock(&p->dev);
	if (level) {
		bit_set(p->level, pin);
		plic_request(p, pin);
	} else {
		bit_clear(p->level, pin);	/* a request already made stays (spec, section 5) */
	}
	dev_unlock(&p->dev);
}

/* Section 9: the threshold does not affect a claim. */
static uint32_t plic_claim(struct plic *p, unsigned n)
{
	unsigned src = plic_best(p, &p->ctx[n], 0);

	if (src) {
		bit_clear(p->pending, src);
		bit_set(p->service, src);
		plic_drive_source(p, src);
	} else {
		plic_drive(p, n);
	}
	return src;
}

/* Section 10: silently ignored unless the source is enabled for this context. */
static void plic_complete(struct plic *p, unsigned n, uint64_t src)
{
	if (src > p->num_sources || !bit_get(p->ctx[n].enable, (unsigned)src) ||
	    !bit_get(p->service, (unsigned)src))
		return;
	bit_clear(p->service, (unsigned)src);
	if (bit_get(p->level, (unsigned)src))
		plic_request(p, (unsigned)src);
}

static uint64_t plic_read(struct dev *d, uint64_t off, unsigned size)
{
	struct plic *p = DEV_STATE(struct plic, d);
	uint64_t n;

	if (off < PLIC_PENDING)
		return p->priority[off / 4];
	if (off < PLIC_PENDING + PLIC_WORDS * 4)
		return p->pending[(off - PLIC_PENDING) / 4];
	if (off >= PLIC_CONTEXT) {
		n = (off - PLIC_CONTEXT) / 0x1000;
		if (n >= p->nr_contexts)
			return 0;
		switch (off & 0xfff) {
		case 0: return p->ctx[n].threshold;
		case 4: return plic_claim(p, (unsigned)n);
		default: return 0;
		}
	}
	if (off >= PLIC_ENABLE) {
		n = (off - PLIC_ENABLE) / 0x80;
		if (n < p->nr_contexts)
			return p->ctx[n].enable[off % 0x80 / 4];
	}
	return 0;
}

/* Source 0 and sources that do not exist read as zero whatever is written. */
static uint32_t plic_word_mask(struct plic *p, unsigned w)
{
	uint32_t mask = w >= p->words ? 0 : ~0u;

	if (w == p->num_sources / 32)
		mask = (uint32_t)mask_bits(p->num_sources % 32 + 1);
	return w ? mask : mask & ~1u;
}

static void plic_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct plic *p = DEV_STATE(struct plic, d);
	uint64_t n;

	if (off < PLIC_PENDING) {
		n = off / 4;
		if (n && n <= p->num_sources) {
			p->priority[n] = val & PLIC_PRIO_MASK;
			plic_drive_source(p, (unsigned)n);
		}
	} else if (off >= PLIC_CONTEXT) {
		n = (off - PLIC_CONTEXT) / 0x1000;
		if (n >= p->nr_contexts)
			return;
		if ((off & 0xfff) == 0) {
			p->ctx[n].threshold = val & PLIC_PRIO_MASK;
			plic_drive(p, (unsigned)n);
		} else if ((off & 0xfff) == 4) {
			plic_complete(p, (unsigned)n, val);
		}
	} else if (off >= PLIC_ENABLE) {
		unsigned w = off % 0x80 / 4;

		n = (off - PLIC_ENABLE) / 0x80;
		if (n >= p->nr_contexts)
			return;
		p->ctx[n].enable[w] = (uint32_t)val & plic_word_mask(p, w);
		plic_drive(p, (unsigned)n);
	}
}

static int plic_init(struct dev *d, struct err *e)
{
	struct plic *p = DEV_STATE(struct plic, d);

	if (p->num_sources < 1 || p->num_sources >= PLIC_SOURCES)
		return err_set(e, EINVAL, "num_sources must be 1 to %d", PLIC_SOURCES - 1);
	p->words = p->num_sources / 32 + 1;
	p->nr_contexts = 2 * d->machine->cfg.nr_cpus;
	if (p->nr_contexts > PLIC_CONTEXTS)
		return err_set(e, EINVAL, "at most %d CPUs", PLIC_CONTEXTS / 2);
	return 0;
}

static void plic_reset(struct dev *d, enum reset_kind kind)
{
	plic_drive_all(DEV_STATE(struct plic, d));
}

static int plic_loaded(struct dev *d, struct err *e)
{
	struct plic *p = DEV_STATE(struct plic, d);

	for (unsigned i = 0; i < PLIC_SOURCES; i++)
		if (p->priority[i] > (i && i <= p->num_sources ? PLIC_PRIO_MASK : 0))
			return err_set(e, EINVAL, "priority[%u] is out of range", i);
	for (unsigned w = 0; w < PLIC_WORDS; w++) {
		uint32_t mask = plic_word_mask(p, w), all;

		all = p->level[w] | p->pending[w] | p->service[w];
		for (unsigned n = 0; n < PLIC_CONTEXTS; n++)
			all |= p->ctx[n].enable[w];
		if (all & ~mask)
			return err_set(e, EINVAL, "a source that does not exist is in use");
	}
	plic_drive_all(p);
	return 0;
}

static void plic_fdt(struct dev *d, struct fdt *f)
{
	struct plic *p = DEV_STATE(struct plic, d);
	uint32_t cells[2 * PLIC_CONTEXTS];

	for (unsigned n = 0; n < p->nr_contexts; n++) {
		cells[2 * n] = FDT_PHANDLE_CPU_INTC + n / 2;
		/* All ones: the context exists, but nobody may use it (M-mode under an SBI). */
		cells[2 * n + 1] = n & 1			    ? LINE_SEIP :
				   d->machine->cfg.s_mode_boot ? 0xffffffff :
								     LINE_MEIP;
	}
	fdt_node_at(f, "plic", d->base[0]);
	fdt_prop_strs(f, "compatible", "sifive,plic-1.0.0", "riscv,plic0");
	fdt_prop_reg(f, d->base[0], PLIC_SIZE);
	fdt_prop_empty(f, "interrupt-controller");
	fdt_prop_u32(f, "#interrupt-cells", 1);
	fdt_prop_u32(f, "#address-cells", 0);
	fdt_prop_u32(f, "riscv,ndev", p->num_sources);
	fdt_prop_cells_(f, "interrupts-extended", cells, 2 * p->nr_contexts);
	fdt_prop_u32(f, "phandle", FDT_PHANDLE_INTC);
	fdt_node_end(f);
}

static const struct field plic_context_state[] = {
	FIELD_ARRAY(struct plic_context, enable),
	FIELD(struct plic_context, threshold),
	FIELD_END
};

const struct dev_type dev_sifive_plic = {
	.name = "sifive-plic",
	.help = "RISC-V platform-level interrupt controller",
	.size = sizeof(struct plic),
	.props = (const struct prop[]){
		PROP(struct plic, num_sources, PROP_U32, "number of interrupt sources", "95"),
		PROP_END },
	.regions = (const struct region[]){
		{ "regs", PLIC_SIZE, 4, 4, 0, plic_read, plic_write } },
	.nr_regions = 1,
	.state = (const struct field[]){
		FIELD_SKIP(struct plic, nr_contexts, "from the number of CPUs"),
		FIELD_SKIP(struct plic, words, "from num_sources"),
		FIELD_ARRAY(struct plic, priority),
		FIELD_ARRAY(struct plic, level),
		FIELD_ARRAY(struct plic, pending),
		FIELD_ARRAY(struct plic, service),
		FIELD_SUB(struct plic, ctx, struct plic_context, plic_context_state),
		FIELD_END },
	.init = plic_init,
	.reset = plic_reset,
	.loaded = plic_loaded,
	.describe_fdt = plic_fdt,
};
