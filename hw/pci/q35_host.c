/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host bridge of the Intel 3 Series MCH (document 316966), as far as firmware and
 * systems look at it: the two ways to configuration space, and registers that
 * remember what they are told.
 *
 * PAM0 to 6 and SMRAM do not move memory: 0xc0000 to 0xfffff is RAM always, into
 * which the machine copies the firmware at reset, and there is no SMM. What firmware
 * does through PAM ("copy the ROM to the RAM below it, then write-protect") comes out
 * the same, but for the protection.
 *
 * Locking: the regions take no lock of the host's, since a configuration access takes
 * the lock of the function that it is for, which may be the host itself.
 */
#include <errno.h>

#include "hw/core/machine.h"
#include "hw/pci/ich9.h"
#include "hw/pci/internal.h"
#include "hw/pci/q35.h"
#include "util/bits.h"
#include "util/log.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc };
enum { R_ADDRESS, R_DATA, R_ECAM, NR_ECAM = 3 };	/* ECAM of 256, 128, 64 MiB */
enum {				/* chapter 5.1 */
	EPBAR = 0x40, MCHBAR = 0x48, EXT_TSEG = 0x50, GGC = 0x52, DEVEN = 0x54, PCIEXBAR = 0x60,
	DMIBAR = 0x68, PAM0 = 0x90, LAC = 0x97, REMAPBASE = 0x98, REMAPLIMIT = 0x9a, SMRAM = 0x9d,
	ESMRAMC = 0x9e, TOM = 0xa0, TOUUD = 0xa2, BGSM = 0xa4, TSEGMB = 0xac, TOLUD = 0xb0,
	SKPD = 0xdc,
};

struct q35_host {
	struct dev dev;
	struct pci_fn pci;
	uint32_t address;	/* CONFIG_ADDRESS; atomic */
	struct pci_bus *bus;
	int ecam;		/* region that we have mapped; -1: none */
	uint64_t ecam_at;
};

static struct q35_host *host(struct dev *d) { return DEV_STATE(struct q35_host, d); }

struct pci_bus *q35_host_bus(struct dev *d) { return host(d)->bus; }

/* ---- ports ---- */

static struct dev *lpc_of(struct q35_host *h)
{
	struct pci_fn *f = h->bus->fn[PCI_DEVFN(31, 0)];

	return f && f->h.dev->type == &dev_ich9_lpc ? f->h.dev : NULL;
}

/* PCI 3.0, 3.2.2.3.2: CONFIG_ADDRESS answers to 32 bits at a time alone. */
static uint64_t address_read(struct dev *d, uint64_t off, unsigned size)
{
	struct q35_host *h = host(d);

	if (size == 4)
		return __atomic_load_n(&h->address, __ATOMIC_RELAXED);
	if (size == 1 && off == ICH9_RESET_PORT - CONFIG_ADDRESS && lpc_of(h))
		return ich9_reset_read(lpc_of(h));
	return UINT64_MAX;
}

static void address_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct q35_host *h = host(d);

	if (size == 4)
		__atomic_store_n(&h->address, (uint32_t)val & 0x80fffffc, __ATOMIC_RELAXED);
	else if (size == 1 && off == ICH9_RESET_PORT - CONFIG_ADDRESS && lpc_of(h))
		ich9_reset_write(lpc_of(h), (uint8_t)val);
}

static uint64_t data_read(struct dev *d, uint64_t off, unsigned size)
{
	struct q35_host *h = host(d);
	uint32_t a = __atomic_load_n(&h->address, __ATOMIC_RELAXED);

	if (!(a >> 31))
		return UINT64_MAX;
	return pci_config_get(h->bus, a >> 16 & 0xff, a >> 8 & 0xff, (a & 0xfc) + (unsigned)off,
			      size);
}

static void data_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct q35_host *h = host(d);
	uint32_t a = __atomic_load_n(&h->address, __ATOMIC_RELAXED);

	if (a >> 31)
		pci_config_set(h->bus, a >> 16 & 0xff, a >> 8 & 0xff, (a & 0xfc) + (unsigned)off,
			       (uint32_t)val, size);
}

/* ---- ECAM (PCI Express Base 3.0, 7.2.2) ---- */

static uint64_t ecam_read(struct dev *d, uint64_t off, unsigned size)
{
	return pci_config_get(host(d)->bus, (unsigned)(off >> 20), off >> 12 & 0xff, off & 0xfff,
			      size);
}

static void ecam_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	pci_config_set(host(d)->bus, (unsigned)(off >> 20), off >> 12 & 0xff, off & 0xfff,
		       (uint32_t)val, size);
}

static const struct region regions[] = {
	/* Not to be collected by an engine: byte 1 is the reset register, which must not wait. */
	{ "config-address", 4, 1, 4, REGION_UNLOCKED, address_read, address_write },
	{ "config-data", 4, 1, 4, REGION_UNLOCKED, data_read, data_write },
	{ "ecam-256", 256u << 20, 1, 4, REGION_UNLOCKED, ecam_read, ecam_write },
	{ "ecam-128", 128u << 20, 1, 4, REGION_UNLOCKED, ecam_read, ecam_write },
	{ "ecam-64", 64u << 20, 1, 4, REGION_UNLOCKED, ecam_read, ecam_write },
};

/* PCIEXBAR (5.1.16) to a mapping; under the host's lock. */
static void update_ecam(struct q35_host *h)
{
	uint64_t reg = ld_le64(h->pci.cfg + PCIEXBAR), at;
	unsigned kind = reg >> 1 & 3;
	bool on = (reg & 1) && kind < NR_ECAM;
	struct err e;

	at = on ? align_down(reg & 0x7ffc000000, regions[R_ECAM + kind].size) : 0;
	on = on && at;
	if (h->ecam >= 0 && (!on || h->ecam != (int)(R_ECAM + kind) || h->ecam_at != at)) {
		dev_unmap(&h->dev, (unsigned)h->ecam);
		h->ecam = -1;
	}
	if (!on || h->ecam >= 0)
		return;
	if (dev_map(&h->dev, R_ECAM + kind, h->dev.machine->mmio, at, &e)) {
		log_guest("%s: ECAM stays unmapped: %s", h->dev.id, e.msg);
		return;
	}
	h->ecam = (int)(R_ECAM + kind);
	h->ecam_at = at;
}

static void config_written(struct pci_fn *f, unsigned off, unsigned n)
{
	if (pci_touches(off, n, PCIEXBAR, 8))
		update_ecam(host(f->h.dev));
}

static const struct pci_type q35_pci = {
	.vendor = 0x8086, .device = 0x29c0, .class = 0x060000, .revision = 2,
	.config_written = config_written,
};

void q35_host_direct_boot(struct dev *d)
{
	struct pci_fn *f = &host(d)->pci;

	dev_lock(d);
	pci_fn_write(f, PCIEXBAR + 4, (uint32_t)(Q35_ECAM_BASE >> 32), 4);
	pci_fn_write(f, PCIEXBAR, (uint32_t)Q35_ECAM_BASE | 1, 4);
	dev_unlock(d);
}

/* ---- the device ---- */

static void add_registers(struct pci_fn *f)
{
	static const struct { uint8_t off, n; uint32_t val, wmask; } regs[] = {
		{ EPBAR, 4, 0, 0xfffff001 }, { EPBAR + 4, 4, 0, 0xf },
		{ MCHBAR, 4, 0, 0xffffc001 }, { MCHBAR + 4, 4, 0, 0xf },
		/* No register of the MCH's, but firmware writes ones here and takes them, read
		 * back, to mean that the size of TSEG has no more choices. */
		{ EXT_TSEG, 2, 0, 0xffff },
		{ GGC, 2, 0x30, 0x72 }, { DEVEN, 4, 1, 0 },
		{ PCIEXBAR, 4, 0xe0000000, 0xfc000007 }, { PCIEXBAR + 4, 4, 0, 0x7f },
		{ DMIBAR, 4, 0, 0xfffff001 }, { DMIBAR + 4, 4, 0, 0xf },
		{ PAM0, 4, 0, 0x33333330 }, { PAM0 + 4, 3, 0, 0x333333 }, { LAC, 1, 0, 0x81 },
		{ REMAPBASE, 2, 0x3ff, 0x3ff }, { REMAPLIMIT, 2, 0, 0x3ff },
		{ SMRAM, 1, 0x02, 0x70 }, { ESMRAMC, 1, 0x38, 0x87 },
		{ TOM, 2, 1, 0x3ff }, { TOUUD, 2, 0, 0xffff }, { BGSM, 4, 0, 0xfff00000 },
		{ BGSM + 4, 4, 0, 0xfff00000 }, { TSEGMB, 4, 0, 0xfff00000 },
		{ TOLUD, 2, 0x10, 0xfff0 }, { SKPD, 4, 0, 0xffffffff },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
		pci_config_init(f, regs[i].off, regs[i].n, regs[i].val, regs[i].wmask);
}

static int q35_init(struct dev *d, struct err *e)
{
	struct q35_host *h = host(d);
	struct machine *m = d->machine;
	int rc;

	h->ecam = -1;
	h->bus = pci_bus_new(m, NULL);
	if (!h->bus)
		return err_errno(e, ENOMEM, "PCI bus");
	rc = pci_init(&h->pci, d, &q35_pci, e);
	if (rc) {
		pci_bus_free(h->bus);
		return rc;
	}
	add_registers(&h->pci);
	/* Memory and mastering cannot be switched off (5.1.3). */
	pci_config_init(&h->pci, PCI_COMMAND, 2, 0x0006, 0x0140);
	rc = pci_plug(h->bus, &h->pci, PCI_DEVFN(0, 0), e);
	if (!rc && m->pio)
		rc = dev_map(d, R_ADDRESS, m->pio, CONFIG_ADDRESS, e);
	if (!rc && m->pio)
		rc = dev_map(d, R_DATA, m->pio, CONFIG_DATA, e);
	if (rc) {
		pci_fini(&h->pci);
		pci_bus_free(h->bus);
		return rc;
	}
	if (!m->pci)
		m->pci = h->bus;
	return 0;
}

static void q35_reset(struct dev *d, enum reset_kind kind)
{
	pci_reset(&host(d)->pci);
	update_ecam(host(d));
}

static int q35_loaded(struct dev *d, struct err *e)
{
	int rc = pci_loaded(&host(d)->pci, e);

	host(d)->address &= 0x80fffffc;
	if (!rc)
		update_ecam(host(d));
	return rc;
}

static void q35_fini(struct dev *d)
{
	struct q35_host *h = host(d);

	pci_fini(&h->pci);
	if (d->machine->pci == h->bus)
		d->machine->pci = NULL;
	pci_bus_free(h->bus);
}

const struct dev_type dev_q35_host = {
	.name = "q35-host",
	.help = "PCI Express host bridge with ECAM (Intel 3 Series MCH)",
	.size = sizeof(struct q35_host),
	.regions = regions,
	.nr_regions = ARRAY_SIZE(regions),
	.state = (const struct field[]){
		PCI_FIELDS(struct q35_host, pci),
		FIELD(struct q35_host, address),
		FIELD_SKIP(struct q35_host, bus, "wiring"),
		FIELD_SKIP(struct q35_host, ecam, "follows from PCIEXBAR"),
		FIELD_SKIP(struct q35_host, ecam_at, "follows from PCIEXBAR"),
		FIELD_END },
	.init = q35_init,
	.reset = q35_reset,
	.loaded = q35_loaded,
	.fini = q35_fini,
};
