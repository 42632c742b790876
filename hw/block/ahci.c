/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The controller's registers, interrupts and PCI function. Ports without a drive are
 * not implemented (PI), so that a driver does not wait for their links; a controller
 * without any drive has all of them.
 *
 * Staggered spin-up, power states of the link, port multipliers, command coalescing and
 * enclosures are not offered. More than SG_MAX scattered pieces of memory in one command
 * abort it.
 */
#include "hw/block/ahci.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hw/block/ahci_int.h"

enum { BAR_AHCI = 5, REGS_SIZE = 0x1000, PORTS_AT = 0x100, PORT_SIZE = 0x80 };
enum { CAP = 0x00, GHC = 0x04, IS = 0x08, PI = 0x0c, VS = 0x10 };	/* AHCI 3.1 */
enum {				/* 3.3 */
	CLB = 0x00, CLBU = 0x04, FB = 0x08, FBU = 0x0c, PXIS = 0x10, PXIE = 0x14, CMD = 0x18,
	TFD = 0x20, SIG = 0x24, SSTS = 0x28, SCTL = 0x2c, SERR = 0x30, SACT = 0x34, CI = 0x38,
};
#define GHC_AE (1u << 31)
enum { GHC_HR = 1, GHC_IE = 2 };
/* 64-bit addresses, NCQ, command list override, AHCI only, 6 Gb/s, 32 slots */
#define CAP_VALUE (1u << 31 | 1u << 30 | 1u << 24 | 1u << 18 | 3u << 20 | 31u << 8 | \
		   (AHCI_PORTS - 1))
#define PORT_IE_MASK 0xfd4000ffu
#define PORT_IS_RO ((uint32_t)(PORT_IRQ_PC | PORT_IRQ_PRC))	/* follow PxSERR */

static struct ahci *ahci_of(struct dev *d) { return DEV_STATE(struct ahci, d); }

/* ---- interrupts ---- */

void ahci_raise(struct ahci_port *p, uint32_t bits)
{
	p->is |= bits;
	if (bits & p->ie)
		p->h.hba->fresh = true;
}

/* 10.7: a level, or a message whenever something new has happened. */
void ahci_update_irq(struct ahci *s)
{
	bool msi = pci_msi_enabled(&s->fn), on, fresh = s->fresh;

	for (unsigned i = 0; i < AHCI_PORTS; i++)
		if (s->port[i].is & s->port[i].ie)
			s->is |= (uint32_t)BIT(i);
	on = s->is && (s->ghc & GHC_IE);
	s->fresh = false;
	if (msi && on && (fresh || !s->told))
		pci_msi_send(&s->fn, 0);
	s->told = on;
	pci_set_intx(&s->fn, on && !msi);
}

/* ---- registers ---- */

static uint32_t ports_implemented(const struct ahci *s)
{
	uint32_t pi = 0;

	for (unsigned i = 0; i < AHCI_PORTS; i++)
		if (s->port[i].h.drive)
			pi |= (uint32_t)BIT(i);
	return pi ? pi : (uint32_t)mask_bits(AHCI_PORTS);
}

static uint32_t port_get(struct ahci_port *p, unsigned off)
{
	switch (off) {
	case CLB: return p->clb;
	case CLBU: return p->clbu;
	case FB: return p->fb;
	case FBU: return p->fbu;
	case PXIS: return p->is;
	case PXIE: return p->ie;
	case CMD:
		return p->cmd | (p->cmd & CMD_FRE ? CMD_FR : 0) |
		       ((p->cmd & CMD_ST) || p->h.draining ? CMD_CR : 0);
	case TFD: return p->tfd;
	case SIG: return p->sig;
	case SSTS: return p->ssts;
	case SCTL: return p->sctl;
	case SERR: return p->serr;
	case SACT: return p->sact;
	case CI: return p->ci;
	default: return 0;
	}
}

static void write_cmd(struct ahci_port *p, uint32_t v)
{
	const uint32_t mask = CMD_ST | CMD_FRE | CMD_ATAPI | CMD_DLAE;
	uint32_t old = p->cmd;

	p->cmd = (old & ~mask) | (v & mask);
	if ((old & CMD_ST) && !(v & CMD_ST))
		ahci_port_stop(p);
	if ((v & CMD_CLO) && !(old & CMD_ST))
		p->tfd &= ~(uint32_t)(ATA_BSY | ATA_DRQ);
}

static void write_sctl(struct ahci_port *p, uint32_t v)
{
	unsigned old = p->sctl & 15, det = v & 15;

	p->sctl = v & 0xfff;
	if (det == 1 && old != 1) {
		ahci_port_comreset(p, true);
	} else if (det == 4 && old != 4) {
		ahci_port_comreset(p, true);
		p->ssts = 4;		/* offline */
		p->tfd = 0x7f;
	} else if (!det && old) {
		ahci_port_comreset(p, false);
	}
}

static void port_set(struct ahci_port *p, unsigned off, uint32_t v)
{
	switch (off) {
	case CLB: p->clb = v & ~0x3ffu; break;
	case CLBU: p->clbu = v; break;
	case FB: p->fb = v & ~0xffu; break;
	case FBU: p->fbu = v; break;
	case PXIS: p->is &= ~v | PORT_IS_RO; break;
	case PXIE: p->ie = v & PORT_IE_MASK; break;
	case CMD: write_cmd(p, v); break;
	case SCTL: write_sctl(p, v); break;
	case SERR:
		p->serr &= ~v;
		if (!(p->serr & 1u << 26))
			p->is &= ~(uint32_t)PORT_IRQ_PC;
		if (!(p->serr & 1u << 16))
			p->is &= ~(uint32_t)PORT_IRQ_PRC;
		break;
	case SACT:
		if (p->cmd & CMD_ST)
			p->sact |= v;
		break;
	case CI:
		if (p->cmd & CMD_ST)
			p->ci |= v;
		break;
	}
	ahci_port_run(p);
}

static uint32_t global_get(struct ahci *s, unsigned off)
{
	switch (off) {
	case CAP: return CAP_VALUE;
	case GHC:
		for (unsigned i = 0; i < AHCI_PORTS && s->resetting; i++)
			if (s->port[i].h.draining)
				return s->ghc | GHC_HR;
		s->resetting = false;
		return s->ghc;
	case IS: return s->is;
	case PI: return ports_implemented(s);
	case VS: return 0x00010301;
	default: return 0;
	}
}

/* 10.4.3. What is in flight comes back by and by; HR says so. */
static void hba_reset(struct ahci *s)
{
	s->ghc = GHC_AE;
	s->is = 0;
	s->resetting = true;
	for (unsigned i = 0; i < AHCI_PORTS; i++)
		ahci_port_reset(&s->port[i]);
}

static void global_set(struct ahci *s, unsigned off, uint32_t v)
{
	if (off == IS) {
		s->is &= ~v;
		s->fresh = true;	/* 10.7.2.1: what is left is told again */
	} else if (off == GHC && (v & GHC_HR)) {
		hba_reset(s);
	} else if (off == GHC) {
		s->ghc = GHC_AE | (v & GHC_IE);
	}
	ahci_update_irq(s);
}

static uint64_t regs_read(struct dev *d, uint64_t off, unsigned size)
{
	struct ahci *s = ahci_of(d);
	unsigned nr = (unsigned)(off - PORTS_AT) / PORT_SIZE;
	uint64_t v = 0;

	pthread_mutex_lock(&s->lock);
	if (off < PORTS_AT)
		v = global_get(s, (unsigned)off);
	else if (nr < AHCI_PORTS && (ports_implemented(s) & BIT(nr)))
		v = port_get(&s->port[nr], (unsigned)off % PORT_SIZE);
	pthread_mutex_unlock(&s->lock);
	return v;
}

static void regs_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct ahci *s = ahci_of(d);
	unsigned nr = (unsigned)(off - PORTS_AT) / PORT_SIZE;

	pthread_mutex_lock(&s->lock);
	if (off < PORTS_AT)
		global_set(s, (unsigned)off, (uint32_t)val);
	else if (nr < AHCI_PORTS && (ports_implemented(s) & BIT(nr)))
		port_set(&s->port[nr], (unsigned)off % PORT_SIZE, (uint32_t)val);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the PCI function ---- */

static void config_written(struct pci_fn *f, unsigned off, unsigned n)
{
	struct ahci *s = container_of(f, struct ahci, fn);

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < AHCI_PORTS; i++)	/* it may be bus master now */
		ahci_port_run(&s->port[i]);
	ahci_update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

static const struct pci_type ahci_pci = {
	.vendor = 0x8086, .device = 0x2922, .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
	.class = 0x010601, .revision = 2, .intx_pin = 1, .config_written = config_written,
};

void ahci_set_drive(struct dev *d, unsigned port, struct block *b, bool cdrom)
{
	struct ahci *s = ahci_of(d);

	if (port >= AHCI_PORTS || d->ready)
		abort();
	s->port[port].h.drive = b;
	s->port[port].h.cdrom = cdrom;
}

struct block *ahci_drive(struct dev *d, unsigned port, bool *cdrom)
{
	struct ahci_port_host *h = &ahci_of(d)->port[port].h;

	*cdrom = h->cdrom;
	return h->drive;
}

static void ahci_quiesce(struct dev *d)
{
	struct ahci *s = ahci_of(d);

	for (unsigned i = 0; i < AHCI_PORTS; i++)
		if (s->port[i].h.drive)
			block_drain(s->port[i].h.drive);
}

static int ahci_init(struct dev *d, struct err *e)
{
	struct ahci *s = ahci_of(d);
	int ret = pci_init(&s->fn, d, &ahci_pci, e);

	if (ret < 0)
		return ret;
	pci_set_bar(&s->fn, BAR_AHCI, REGS_SIZE, 0);
	pci_bar_part(&s->fn, BAR_AHCI, 0, 0);
	pci_add_msi(&s->fn, 1);
	pci_add_pm(&s->fn);
	pthread_mutex_init(&s->lock, NULL);
	for (unsigned i = 0; i < AHCI_PORTS; i++) {
		s->port[i].h.hba = s;
		s->port[i].h.nr = i;
		for (unsigned j = 0; j < AHCI_SLOTS; j++)
			s->port[i].h.req[j].port = &s->port[i];
	}
	return 0;
}

static void ahci_fini(struct dev *d)
{
	struct ahci *s = ahci_of(d);

	pci_fini(&s->fn);
	ahci_quiesce(d);
	for (unsigned i = 0; i < AHCI_PORTS; i++)
		for (unsigned j = 0; j < AHCI_SLOTS; j++) {
			sg_free(&s->port[i].h.req[j].sg);
			free(s->port[i].h.req[j].trim);
		}
	pthread_mutex_destroy(&s->lock);
}

static void ahci_reset(struct dev *d, enum reset_kind kind)
{
	struct ahci *s = ahci_of(d);

	pci_reset(&s->fn);
	pthread_mutex_lock(&s->lock);
	hba_reset(s);
	for (unsigned i = 0; i < AHCI_PORTS; i++)
		s->port[i].clb = s->port[i].clbu = s->port[i].fb = s->port[i].fbu = 0;
	s->told = s->fresh = false;
	pthread_mutex_unlock(&s->lock);
}

/* Values that the registers cannot have; the rest is the guest's to choose. */
static int port_loaded(struct ahci_port *p, struct err *e)
{
	const uint32_t cmd = CMD_ST | CMD_SUD | CMD_POD | CMD_FRE | CMD_CCS | CMD_ATAPI | CMD_DLAE;

	if (p->multiple > 16 || (p->cmd & ~cmd) ||
	    (p->ssts && p->ssts != 4 && !p->h.drive) || (p->sense.key | p->sctl >> 8) > 15)
		return err_set(e, EINVAL, "port %u has impossible values", p->h.nr);
	p->clb &= ~0x3ffu;
	p->fb &= ~0xffu;
	p->ie &= PORT_IE_MASK;
	p->h.queued = p->h.finished = 0;	/* what was in flight elsewhere is none of ours */
	p->h.link_due = p->h.draining = false;
	return 0;
}

static int ahci_loaded(struct dev *d, struct err *e)
{
	struct ahci *s = ahci_of(d);
	int ret = pci_loaded(&s->fn, e);

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < AHCI_PORTS && !ret; i++)
		ret = port_loaded(&s->port[i], e);
	s->ghc = GHC_AE | (s->ghc & GHC_IE);
	s->is &= (uint32_t)mask_bits(AHCI_PORTS);
	s->fresh = false;
	s->told = true;			/* a message of before the save has been sent */
	if (!ret)
		ahci_update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static void ahci_resume(struct dev *d)
{
	struct ahci *s = ahci_of(d);

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < AHCI_PORTS; i++)
		ahci_port_run(&s->port[i]);
	pthread_mutex_unlock(&s->lock);
}

static const struct field sense_fields[] = {
	FIELD(struct ata_sense, key), FIELD(struct ata_sense, asc), FIELD(struct ata_sense, ascq),
	FIELD_END
};

static const struct field port_fields[] = {
	FIELD(struct ahci_port, clb), FIELD(struct ahci_port, clbu), FIELD(struct ahci_port, fb),
	FIELD(struct ahci_port, fbu), FIELD(struct ahci_port, is), FIELD(struct ahci_port, ie),
	FIELD(struct ahci_port, cmd), FIELD(struct ahci_port, tfd), FIELD(struct ahci_port, sig),
	FIELD(struct ahci_port, ssts), FIELD(struct ahci_port, sctl),
	FIELD(struct ahci_port, serr), FIELD(struct ahci_port, sact), FIELD(struct ahci_port, ci),
	FIELD(struct ahci_port, halted), FIELD(struct ahci_port, srst),
	FIELD_BLOB(struct ahci_port, ncq_log), FIELD(struct ahci_port, multiple),
	FIELD(struct ahci_port, cache_off), FIELD(struct ahci_port, look_ahead_off),
	FIELD(struct ahci_port, smart_off), FIELD(struct ahci_port, standby),
	FIELD(struct ahci_port, xfer_mode),
	FIELD_SUB(struct ahci_port, sense, struct ata_sense, sense_fields),
	FIELD(struct ahci_port, unit_attention), FIELD(struct ahci_port, media_event),
	FIELD(struct ahci_port, tray_open), FIELD(struct ahci_port, locked),
	FIELD_SKIP(struct ahci_port, h, "wiring; drained before a save"), FIELD_END
};

const struct dev_type dev_ich9_ahci = {
	.name = "ich9-ahci", .help = "SATA controller with disks and CD-ROM drives",
	.size = sizeof(struct ahci),
	.regions = (const struct region[]){
		{ "regs", REGS_SIZE, 4, 4, REGION_UNLOCKED, regs_read, regs_write } },
	.nr_regions = 1,
	.state = (const struct field[]){
		PCI_FIELDS(struct ahci, fn), FIELD(struct ahci, ghc), FIELD(struct ahci, is),
		FIELD_SUB(struct ahci, port, struct ahci_port, port_fields),
		FIELD_SKIP(struct ahci, told, "what the PCI function knows"),
		FIELD_SKIP(struct ahci, fresh, "for the length of one access"),
		FIELD_SKIP(struct ahci, resetting, "drained before a save"),
		FIELD_SKIP(struct ahci, lock, "the host's"), FIELD_END },
	.init = ahci_init, .quiesce = ahci_quiesce, .resume = ahci_resume, .reset = ahci_reset,
	.loaded = ahci_loaded, .fini = ahci_fini,
};
