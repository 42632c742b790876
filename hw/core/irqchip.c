/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/core/irqchip.h"

#include "hw/core/machine.h"

#include <errno.h>

int machine_msi(struct machine *m, uint64_t addr, uint32_t data)
{
	struct irqchip *c = m->irqchip;

	if (c && !irqchip_lapic_lent(c) && c->lapic_msi)
		return c->lapic_msi(m, addr, data);
	return m->engine.msi ? m->engine.msi(m->engine.opaque, addr, data) : -ENODEV;
}
