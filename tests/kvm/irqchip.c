/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's interrupt chips in every home: devices here, local APICs in the kernel,
 * all in the kernel. The same guest must see the same.
 */
#include "tests/kvm/harness.h"

#include "hw/core/irqchip.h"

#include <stdlib.h>
#include <string.h>

static const char *const modes[] = { "irqchip=on", "irqchip=split", "irqchip=off" };

/*
 * A KVM that interprets ring 0 ends an interrupt of its own local APIC by itself when it delivers
 * it, so that a level may come once more than it should.
 */
static bool strict(const char *mode)
{
	return kvm_caps()->mode_native || !strcmp(mode, "irqchip=off");
}

static void ways(const char *mode)
{
	struct kt *t = kt_new_chips(1, mode);

	kt_load(t, g_64_chips, CODE);
	x86_boot_long(kt_state(t, 0), CODE, strict(mode), 0);
	kt_expect_all(t, 100);
	CHECK(!strcmp(t->con, "plevumtoir"), "%s: console '%s'", mode, t->con);
	kt_free(t);
}

static void ipi(const char *mode)
{
	struct kt *t = kt_new_chips(2, mode);

	kt_load(t, g_64_ipi, CODE);
	for (unsigned i = 0; i < 2; i++) {
		x86_boot_long(kt_state(t, i), CODE, i, 0);
		kt_state(t, i)->gpr[X86_RSP] -= 0x1000 * i;
		kt_state(t, i)->mp_state = 0;
	}
	kt_expect_all(t, 101);
	kt_free(t);
}

int main(void)
{
	kt_main();
	for (unsigned i = 0; i < 3; i++) {
		ways(modes[i]);
		ipi(modes[i]);
	}
	return 0;
}
