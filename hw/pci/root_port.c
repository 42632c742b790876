/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI Express root port: a bridge to a bus with one device (PCI-to-PCI bridge 1.2;
 * PCI Express Base 3.0, 7.8).
 *
 * Requests are not routed by its windows: functions below decode by their own BARs
 * alone, and master the bus by their own command register. Nor does a reset of the
 * secondary bus (bridge control) reset them: the bit is kept. No hotplug, no errors
 * to report; the interrupt that a driver asks for never comes.
 */
#include "hw/pci/q35.h"

#include <errno.h>

struct root_port {
	struct dev dev;
	struct pci_fn pci;
	uint32_t slot;		/* property */
	struct pci_bus *bus;
};

static const struct pci_type root_port_pci = {
	.vendor = 0x1b36, .device = 0x000c,	/* a generic one, known to systems by its class */
	.class = 0x060400, .header_type = 1, .intx_pin = 1,
};

static struct root_port *port(struct dev *d) { return DEV_STATE(struct root_port, d); }

struct pci_bus *root_port_bus(struct dev *d) { return port(d)->bus; }

static void add_registers(struct pci_fn *f)
{
	pci_config_init(f, PCI_PRIMARY_BUS, 3, 0, 0xffffff);
	pci_config_init(f, PCI_IO_BASE, 2, 0, 0xf0f0);			/* 16 bits */
	pci_config_w1c(f, PCI_SEC_STATUS, 2, 0xf900);
	pci_config_init(f, PCI_MEMORY_BASE, 4, 0, 0xfff0fff0);
	pci_config_init(f, PCI_PREF_BASE, 4, 0x00010001, 0xfff0fff0);	/* 64 bits */
	pci_config_init(f, PCI_PREF_BASE_UPPER, 4, 0, ~0u);
	pci_config_init(f, PCI_PREF_LIMIT_UPPER, 4, 0, ~0u);
	pci_config_init(f, PCI_BRIDGE_CONTROL, 2, 0, 0x005f);
}

static int port_init(struct dev *d, struct err *e)
{
	struct root_port *p = port(d);
	int rc = pci_init(&p->pci, d, &root_port_pci, e);

	if (rc)
		return rc;
	add_registers(&p->pci);
	p->bus = pci_bus_new(d->machine, &p->pci);
	if (!p->bus)
		rc = err_errno(e, ENOMEM, "PCI bus");
	else if (pci_add_pm(&p->pci) < 0 || pci_add_express_port(&p->pci, p->slot) < 0 ||
		 pci_add_msi(&p->pci, 1) < 0)
		rc = err_set(e, ENOSPC, "no room for capabilities");
	if (rc) {
		pci_fini(&p->pci);
		pci_bus_free(p->bus);
	}
	return rc;
}

static void port_reset(struct dev *d, enum reset_kind kind)
{
	pci_reset(&port(d)->pci);
}

static int port_loaded(struct dev *d, struct err *e)
{
	return pci_loaded(&port(d)->pci, e);
}

static void port_fini(struct dev *d)
{
	pci_bus_free(port(d)->bus);
	pci_fini(&port(d)->pci);
}

const struct dev_type dev_pcie_root_port = {
	.name = "pcie-root-port",
	.help = "PCI Express root port",
	.size = sizeof(struct root_port),
	.props = (const struct prop[]){
		PROP(struct root_port, slot, PROP_U32, "number of the slot, for people", "0"),
		PROP_END },
	.state = (const struct field[]){
		PCI_FIELDS(struct root_port, pci),
		FIELD_SKIP(struct root_port, bus, "wiring"),
		FIELD_END },
	.init = port_init,
	.reset = port_reset,
	.loaded = port_loaded,
	.fini = port_fini,
};
