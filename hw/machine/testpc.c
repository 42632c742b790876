/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PC reduced to what small test guests on KVM need; a whole PC is another
 * machine. Interrupt lines are GSIs of the engine's in-kernel chips.
 *
 *	RAM	0, at most 3 GiB
 *	0x3f8	16550A serial port, GSI 4
 *	0xf4	debug-exit: 0 powers off, other values are a panic with that code
 *	0x505	pvpanic
 *	0xd0000000	test-mmio registers, GSI 5; doorbell at 0xd0001000
 */
#include <errno.h>
#include <stddef.h>

#include "hw/core/machine.h"

#define PC_RAM_MAX   UINT64_C(0xc0000000)
#define PC_SERIAL    0x3f8
#define PC_EXIT	     0xf4
#define PC_PVPANIC   0x505
#define PC_TEST_MMIO 0xd0000000u
#define PC_DOORBELL  0xd0001000u
enum { GSI_SERIAL = 4, GSI_TEST = 5 };

static void gsi_set(void *to, unsigned gsi, int level)
{
	struct machine *m = to;

	if (m->engine.gsi)
		m->engine.gsi(m->engine.opaque, gsi, level);
}

static int add(struct machine *m, const char *type, const char *id, struct dev **out,
	       struct err *e)
{
	*out = dev_new(m, dev_type_find(type), id, e);
	return *out ? 0 : err_prefix(e, "%s", id);
}

static int testpc_init(struct machine *m, struct err *e)
{
	struct dev *serial, *leave, *panic, *test;
	int rc;

	if (m->cfg.ram_size > PC_RAM_MAX)
		return err_set(e, EINVAL, "at most 3 GiB of memory");
	m->pio = space_new("ports", 16);
	if (!m->pio)
		return err_errno(e, ENOMEM, "ports");
	if ((rc = mem_add(&m->mem, "ram", 0, m->cfg.ram_size, 0, e)) ||
	    (rc = add(m, "uart16550a", "serial0", &serial, e)) ||
	    (rc = add(m, "debug-exit", "exit", &leave, e)) ||
	    (rc = add(m, "pvpanic", "pvpanic", &panic, e)) ||
	    (rc = add(m, "test-mmio", "test", &test, e)))
		return rc;
	dev_set_ptr(serial, "chardev", m->cfg.serial[0]);
	for (struct dev *d = m->devs; d; d = d->next)
		if ((rc = dev_init(d, e)))
			return rc;
	dev_connect(serial, 0, gsi_set, m, GSI_SERIAL);
	dev_connect(test, 0, gsi_set, m, GSI_TEST);
	if ((rc = dev_map(serial, 1, m->pio, PC_SERIAL, e)) ||
	    (rc = dev_map(leave, 0, m->pio, PC_EXIT, e)) ||
	    (rc = dev_map(panic, 1, m->pio, PC_PVPANIC, e)) ||
	    (rc = dev_map(test, 0, m->mmio, PC_TEST_MMIO, e)) ||
	    (rc = dev_map(test, 1, m->mmio, PC_DOORBELL, e)))
		return rc;
	return 0;
}

static int testpc_build_fdt(struct machine *m, void *buf, size_t size, const char *cmdline,
			    gpa_t initrd, uint64_t initrd_size, struct err *e)
{
	return err_set(e, ENOTSUP, "machine 'testpc' has no device tree");
}

static int testpc_plug(struct machine *m, struct dev *d, struct err *e)
{
	return err_set(e, ENOTSUP, "%s: machine 'testpc' has no slots", d->id);
}

const struct machine_type machine_testpc = {
	.name = "testpc",
	.isa = "x86_64",
	.help = "serial port and test devices, for small guests",
	.ram_base = 0,
	.init = testpc_init,
	.build_fdt = testpc_build_fdt,
	.plug = testpc_plug,
};
