/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LPC bridge of ICH9 (document 316972, chapter 13): where the ACPI registers are,
 * which PIC line a PIRQ goes to, and a few ports. Its ISA devices are devices of
 * their own, at fixed ports; decode ranges for them are kept and do nothing, and so
 * are RCBA and GPIOBASE: nothing is behind them.
 *
 * Interrupt lines: a GSI's level is the OR of its sources.
 *
 *	0 to 15		the ISA device's line, PIRQs that are routed there, SCI
 *	16 to 23	PIRQ A to H, whether routed or not; SCI if selected; the HPET
 *
 * The chips hear of a change of the OR alone. After a reset the chips' lines are low
 * (they come first), and so are those of PCI functions. A saved state has the levels
 * as the chips know them; functions that are loaded afterwards change nothing that
 * they did not change before.
 */
#include <errno.h>

#include "hw/core/irqchip.h"
#include "hw/core/machine.h"
#include "hw/pci/ich9.h"
#include "hw/pci/internal.h"
#include "util/bits.h"
#include "util/log.h"

enum {
	PMBASE = 0x40, ACPI_CNTL = 0x44, GPIOBASE = 0x48, GC = 0x4c, PIRQA_ROUT = 0x60,
	SIRQ_CNTL = 0x64, PIRQE_ROUT = 0x68, LPC_IO_DEC = 0x80, LPC_EN = 0x82, GEN1_DEC = 0x84,
	GEN_PMCON_1 = 0xa0, GEN_PMCON_2 = 0xa2, GEN_PMCON_3 = 0xa4, GPI_ROUT = 0xb8,
	FWH_SEL1 = 0xd0, FWH_SEL2 = 0xd4, FWH_DEC_EN1 = 0xd8, BIOS_CNTL = 0xdc, RCBA = 0xf0,
};
enum { ACPI_EN = 0x80, PIRQ_OFF = 0x80 };
enum { PORT_APM = 0xb2, RST_CPU = 4 };
enum { NR_GSI = 24 };

static struct ich9 *lpc(struct dev *d) { return DEV_STATE(struct ich9, d); }

/* ---- lines ---- */

static unsigned route_reg(unsigned pirq)
{
	return pirq < 4 ? PIRQA_ROUT + pirq : PIRQE_ROUT + pirq - 4;
}

/* 13.1.8: lines 0, 1, 2, 8 and 13 are reserved. */
static uint8_t route(const struct ich9 *s, unsigned pirq)
{
	uint8_t reg = pci_get8(&s->pci, route_reg(pirq)), line = reg & 15;

	return reg & PIRQ_OFF || !(0xdef8 >> line & 1) ? 0 : line;
}

uint8_t ich9_pirq_line(struct dev *d, unsigned pirq)
{
	return pirq < 8 ? route(lpc(d), pirq) : 0;
}

/* 13.1.13 */
static unsigned sci_gsi(const struct ich9 *s)
{
	static const uint8_t gsi[8] = { 9, 10, 11, 9, 20, 21, 22, 23 };

	return gsi[pci_get8(&s->pci, ACPI_CNTL) & 7];
}

/* The rest under lines_lock. */
static void drive(struct ich9 *s, unsigned gsi)
{
	bool level = gsi < 16 ? s->isa >> gsi & 1 :
				s->pirq_count[gsi - 16] || s->others >> (gsi - 16) & 1;

	for (unsigned p = 0; gsi && gsi < 16 && p < 8; p++)
		level |= s->pirq_count[p] && route(s, p) == gsi;
	level |= s->sci && sci_gsi(s) == gsi;
	if (level == (s->driven >> gsi & 1))
		return;
	s->driven ^= 1u << gsi;
	irqchip_gsi(s->dev.machine, gsi, level);
}

static void drive_all(struct ich9 *s)
{
	pthread_mutex_lock(&s->lines_lock);
	for (unsigned gsi = 0; gsi < NR_GSI; gsi++)
		drive(s, gsi);
	pthread_mutex_unlock(&s->lines_lock);
}

void ich9_isa_irq(void *opaque, unsigned line, int level)
{
	struct ich9 *s = opaque;

	if (line >= NR_GSI)
		return;
	pthread_mutex_lock(&s->lines_lock);
	if (line < 16) {
		s->isa = (uint16_t)((s->isa & ~(1u << line)) | (level ? 1u << line : 0));
	} else {
		s->others = (uint8_t)((s->others & ~(1u << (line - 16))) | !!level << (line - 16));
		/* The chips may know of it from a state that was saved without `others`. */
		s->driven = level ? s->driven & ~(1u << line) : s->driven | 1u << line;
	}
	drive(s, line);
	pthread_mutex_unlock(&s->lines_lock);
}

void ich9_set_sci(struct ich9 *s, bool level)
{
	pthread_mutex_lock(&s->lines_lock);
	s->sci = level;
	drive(s, sci_gsi(s));
	pthread_mutex_unlock(&s->lines_lock);
}

static void intx(void *opaque, unsigned slot, unsigned pin, int level)
{
	struct ich9 *s = opaque;
	unsigned pirq = q35_pirq(slot, pin), line;

	pthread_mutex_lock(&s->lines_lock);
	if (level)
		s->pirq_count[pirq]++;
	else if (s->pirq_count[pirq])
		s->pirq_count[pirq]--;
	drive(s, 16 + pirq);
	line = route(s, pirq);
	if (line)
		drive(s, line);
	pthread_mutex_unlock(&s->lines_lock);
}

static void plugged(struct pci_fn *f)
{
	struct ich9 *s = lpc(f->h.dev);
	struct pci_bus *root = f->h.bus;

	if (root->bridge)
		return;		/* the router is the root bus's */
	pthread_mutex_lock(&root->lock);
	s->root = root;
	root->intx = intx;
	root->opaque = s;
	for (unsigned i = 0; i < 32 * 4; i++)
		if (root->intx_count[i / 4][i % 4])
			intx(s, i / 4, i % 4, 1);
	pthread_mutex_unlock(&root->lock);
}

/* ---- configuration ---- */

static void update_pm(struct ich9 *s)
{
	struct machine *m = s->dev.machine;
	uint64_t at = ld_le16(s->pci.cfg + PMBASE) & 0xff80;
	struct err e;

	if (!(s->pci.cfg[ACPI_CNTL] & ACPI_EN) || !at || !m->pio)
		at = UINT64_MAX;
	if (at == s->pm_at)
		return;
	if (s->pm_at != UINT64_MAX)
		dev_unmap(&s->dev, ICH9_R_PM);
	s->pm_at = UINT64_MAX;
	if (at == UINT64_MAX)
		return;
	if (dev_map(&s->dev, ICH9_R_PM, m->pio, at, &e))
		log_guest("%s: the PM block stays unmapped: %s", s->dev.id, e.msg);
	else
		s->pm_at = at;
}

static void config_written(struct pci_fn *f, unsigned off, unsigned n)
{
	struct ich9 *s = lpc(f->h.dev);

	if (pci_touches(off, n, PMBASE, 5))
		update_pm(s);
	if (pci_touches(off, n, ACPI_CNTL, 1) || pci_touches(off, n, PIRQA_ROUT, 12))
		drive_all(s);
}

static const struct pci_type ich9_pci = {
	.vendor = 0x8086, .device = 0x2918, .class = 0x060100, .revision = 2,
	.header_type = 0x80,	/* the chip has more functions in this slot */
	.config_written = config_written, .plugged = plugged,
};

static void add_registers(struct pci_fn *f)
{
	static const struct { uint8_t off, n; uint32_t val, wmask; } regs[] = {
		{ PMBASE, 4, 1, 0xff80 }, { ACPI_CNTL, 1, 0, 0x87 },
		{ GPIOBASE, 4, 1, 0xffc0 }, { GC, 1, 0, 0x11 },
		{ PIRQA_ROUT, 4, 0x80808080, 0x8f8f8f8f },
		{ PIRQE_ROUT, 4, 0x80808080, 0x8f8f8f8f },
		{ SIRQ_CNTL, 1, 0x10, 0xc3 }, { LPC_IO_DEC, 2, 0, 0x1377 },
		{ LPC_EN, 2, 0, 0x3f0f }, { GEN1_DEC, 4, 0, 0x00fcfffd },
		{ GEN1_DEC + 4, 4, 0, 0x00fcfffd }, { GEN1_DEC + 8, 4, 0, 0x00fcfffd },
		{ GEN1_DEC + 12, 4, 0, 0x00fcfffd }, { GEN_PMCON_1, 2, 0, 0x06bf },
		{ GEN_PMCON_2, 1, 0, 0x9f }, { GEN_PMCON_3, 1, 0, 0xbf },
		{ GPI_ROUT, 4, 0, 0xffffffff }, { FWH_SEL1, 4, 0x00112233, 0xffffffff },
		{ FWH_SEL2, 2, 0x4567, 0xffff }, { FWH_DEC_EN1, 2, 0xffcf, 0xffcf },
		{ BIOS_CNTL, 1, 0, 0x1f }, { RCBA, 4, 0, 0xffffc001 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
		pci_config_init(f, regs[i].off, regs[i].n, regs[i].val, regs[i].wmask);
	/* Ports, memory and mastering are always on (13.1.3). */
	pci_config_init(f, PCI_COMMAND, 2, 0x0007, 0x0140);
}

void ich9_direct_boot(struct dev *d)
{
	struct pci_fn *f = &lpc(d)->pci;

	dev_lock(d);
	pci_fn_write(f, PMBASE, ICH9_PMBASE, 4);
	pci_fn_write(f, ACPI_CNTL, ACPI_EN, 1);
	for (unsigned p = 0; p < 8; p++)
		pci_fn_write(f, route_reg(p), 10 + (p >> 1 & 1), 1);
	dev_unlock(d);
}

/* ---- ports ---- */

/* 13.7.5: the reset is at the edge of RST_CPU, which does not outlive it. */
uint8_t ich9_reset_read(struct dev *d)
{
	uint8_t v;

	dev_lock(d);
	v = lpc(d)->reset_control;
	dev_unlock(d);
	return v;
}

void ich9_reset_write(struct dev *d, uint8_t val)
{
	dev_lock(d);
	lpc(d)->reset_control = val & 0x0a;	/* SYS_RST, FULL_RST */
	dev_unlock(d);
	if (val & RST_CPU)
		machine_event(d->machine, MACHINE_RESET, 0);
}

/* 13.7.2, 13.7.3: scratch registers, as no SMI comes of a write. */
static uint64_t apm_read(struct dev *d, uint64_t off, unsigned size)
{
	return off ? lpc(d)->apm_status : lpc(d)->apm_control;
}

static void apm_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	*(off ? &lpc(d)->apm_status : &lpc(d)->apm_control) = (uint8_t)val;
}

/* ---- the device ---- */

static int ich9_init(struct dev *d, struct err *e)
{
	struct ich9 *s = lpc(d);
	struct space *pio = d->machine->pio;
	int rc = pci_init(&s->pci, d, &ich9_pci, e);

	if (rc)
		return rc;
	s->pm_at = UINT64_MAX;
	pthread_mutex_init(&s->lines_lock, NULL);
	ich9_pm_init(s);
	add_registers(&s->pci);
	if (pio)
		rc = dev_map(d, ICH9_R_APM, pio, PORT_APM, e);
	if (rc) {
		ich9_pm_fini(s);
		pci_fini(&s->pci);
		pthread_mutex_destroy(&s->lines_lock);
	}
	return rc;
}

static void ich9_reset(struct dev *d, enum reset_kind kind)
{
	struct ich9 *s = lpc(d);

	pci_reset(&s->pci);
	update_pm(s);
	/* All functions are being reset: what their lines were is not for the chips of now. */
	if (s->root)
		pci_intx_reset(s->root);
	pthread_mutex_lock(&s->lines_lock);
	s->driven = 0;
	pthread_mutex_unlock(&s->lines_lock);
	ich9_pm_reset(s);
	drive_all(s);
}

static int ich9_loaded(struct dev *d, struct err *e)
{
	struct ich9 *s = lpc(d);
	int rc = pci_loaded(&s->pci, e);

	if (rc)
		return rc;
	s->reset_control &= 0x0a;
	update_pm(s);
	ich9_pm_loaded(s);
	pthread_mutex_lock(&s->lines_lock);
	s->driven &= mask_bits(NR_GSI);
	s->sci = ich9_pm_sci(s);
	pthread_mutex_unlock(&s->lines_lock);
	return 0;
}

static bool has_others(const void *s)
{
	return ((const struct ich9 *)s)->others;
}

static void ich9_fini(struct dev *d)
{
	struct ich9 *s = lpc(d);

	pci_fini(&s->pci);
	ich9_pm_fini(s);
	if (s->root) {
		pthread_mutex_lock(&s->root->lock);
		s->root->intx = NULL;
		pthread_mutex_unlock(&s->root->lock);
	}
	pthread_mutex_destroy(&s->lines_lock);
}

const struct dev_type dev_ich9_lpc = {
	.name = "ich9-lpc",
	.help = "LPC bridge with ACPI registers and PIRQ router (Intel ICH9)",
	.size = sizeof(struct ich9),
	.regions = (const struct region[]){
		[ICH9_R_PM] = { "pm", ICH9_PM_SIZE, 1, 4, 0, ich9_pm_read, ich9_pm_write },
		[ICH9_R_APM] = { "apm", 2, 1, 1, 0, apm_read, apm_write } },
	.nr_regions = 2,
	.state = (const struct field[]){
		PCI_FIELDS(struct ich9, pci),
		FIELD_SUB(struct ich9, pm, struct ich9_pm, ich9_pm_fields),
		FIELD(struct ich9, apm_control), FIELD(struct ich9, apm_status),
		FIELD(struct ich9, reset_control),
		FIELD(struct ich9, isa), FIELD(struct ich9, driven),
		FIELD(struct ich9, others, .needed = has_others, .optional = true),
		FIELD_SKIP(struct ich9, sci, "follows from pm"),
		FIELD_SKIP(struct ich9, pirq_count, "follows from the functions' lines"),
		FIELD_SKIP(struct ich9, lines_lock, "a lock"),
		FIELD_SKIP(struct ich9, root, "wiring"),
		FIELD_SKIP(struct ich9, pm_at, "follows from PMBASE"),
		FIELD_END },
	.init = ich9_init,
	.reset = ich9_reset,
	.loaded = ich9_loaded,
	.fini = ich9_fini,
};
