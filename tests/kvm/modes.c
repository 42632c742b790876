/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real, protected and long mode, ring 0 and 3: ports, strings, memory-mapped I/O. */
#include "tests/kvm/harness.h"

#include <stdlib.h>

static void expect_text(struct kt *t, const char *text)
{
	CHECK(!strcmp(t->con, text), "console '%s', wanted '%s'", t->con, text);
}

static void real(bool irqchip)
{
	struct kt *t = kt_new(1, irqchip);

	kt_load(t, g_16_modes, CODE);
	x86_boot_real(kt_state(t, 0), CODE >> 4, 0);
	kt_expect(t, 0, 16);
	expect_text(t, "real mode");
	CHECK(kvm_cpu(t->vm.vcpu[0])->unmapped == 1, "accesses to nothing: %llu",
	      (unsigned long long)kvm_cpu(t->vm.vcpu[0])->unmapped);
	kt_free(t);
}

static void protected32(void)
{
	struct kt *t = kt_new(1, false);

	kt_load(t, g_32_modes, CODE);
	x86_boot_flat32(kt_state(t, 0), CODE);
	kt_expect(t, 0, 32);
	expect_text(t, "protected mode");
	kt_free(t);
}

static void long0(void)
{
	struct kt *t = kt_new(1, true);

	kt_load(t, g_64_modes, CODE);
	t->vm.isa->boot(kt_state(t, 0), CODE, 0, 0, false);
	kt_expect(t, 0, 64);
	expect_text(t, "long mode");
	kt_free(t);
}

static void long3(void)
{
	struct kt *t = kt_new(1, true);

	kt_load(t, g_64_user, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	x86_boot_ring3(kt_state(t, 0));
	kt_expect(t, 0, 9 + 2 + 3);
	expect_text(t, "ring 3");
	kt_free(t);
}

static void mmio(void)
{
	struct kt *t = kt_new(1, false);
	static const uint8_t want[20] = { 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0,    0,    0, 0xff,
					  0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 1 };

	kt_load(t, g_64_mmio, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	kt_expect(t, 0, 7);
	CHECK(!memcmp(t->regs, want, 5) && !memcmp(t->regs + 8, want + 8, 12), "registers differ");
	kt_free(t);
}

/* A mapping that goes away while a vCPU remembers it is not used any more. */
static void remap(void)
{
	struct kt *t = kt_new(1, false);
	struct dev *d = machine_dev(t->m, "test");
	struct err e = { 0 };

	kt_load(t, g_64_mmio, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	kt_expect(t, 0, 7);
	CHECK(!space_unmap(t->m->mmio, &d->type->regions[1], d), "unmap");
	kt_state(t, 0)->rip = 0; /* not the owner's copy: the engine has it */
	CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e), "%s", e.msg);
	kt_state(t, 0)->rip = CODE;
	kt_expect(t, 0, 1);
	CHECK(!space_map(t->m->mmio, MMIO_BASE, &d->type->regions[1], d, &e), "%s", e.msg);
	kt_free(t);
}

int main(void)
{
	kt_main();
	real(false);
	real(true);
	protected32();
	long0();
	long3();
	mmio();
	remap();
	return 0;
}
