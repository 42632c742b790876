/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ends a run for good: instructions and modes that this KVM can't do, triple
 * faults. Each is reported with its data, and leaves the vCPU as it was before the
 * instruction. On hardware the same guests just run.
 */
#include "tests/kvm/harness.h"

#include <stdlib.h>
#include <sys/mman.h>

static void sse(void)
{
	struct kt *t = kt_new(1, true);
	static const uint8_t movd[] = { 0x66, 0x0f, 0x6e, 0xc0 };
	struct vm_exit x;
	struct err e = { 0 };

	kt_load(t, g_64_sse, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	if (kvm_caps()->mode_native) {
		kt_expect(t, 0, 90);
	} else {
		kt_run(t, 0, &x);
		printf("%s\n", x.text);
		CHECK(x.reason == VM_EXIT_CANNOT_RUN && strstr(x.text, "66 0f 6e c0") &&
			      strstr(x.text, "long mode, 18:10000"),
		      "exit %d, '%s'", x.reason, x.text);
		CHECK(x.nr_data >= 4 && x.data[0] == KVM_INTERNAL_ERROR_EMULATION &&
			      !memcmp((uint8_t *)&x.data[2] + 1, movd, 4),
		      "%u data", x.nr_data);
		CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e) && kt_state(t, 0)->rip == CODE,
		      "moved");
		/* whoever steps in does the two instructions, and KVM goes on */
		kt_state(t, 0)->rip = CODE + 8;
		kt_expect(t, 0, 90);
	}
	kt_free(t);
}

static void paged32(void)
{
	struct kt *t = kt_new(1, true);
	struct x86_state *s = kt_state(t, 0);
	struct vm_exit x;
	struct err e = { 0 };

	kt_load(t, g_32_paged, CODE);
	x86_boot_flat32(s, CODE);
	for (unsigned i = 0; i < 1024; i++) { /* identity, 4 MiB pages */
		uint32_t pde = i << 22 | 0x87;

		kt_put(t, 0x40000 + i * 4, &pde, 4);
	}
	s->cr3 = 0x40000;
	s->cr4 |= X86_CR4_PSE;
	s->cr0 |= X86_CR0_PG;
	if (kvm_caps()->mode_native) {
		kt_expect(t, 0, 91);
	} else {
		kt_run(t, 0, &x);
		printf("%s\n", x.text);
		CHECK(x.reason == VM_EXIT_CANNOT_RUN && strstr(x.text, "32-bit paging"),
		      "exit %d, '%s'", x.reason, x.text);
		/* the state that KVM would not hold is still whole */
		CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e) && s->cr0 & X86_CR0_PG &&
			      s->rip == CODE,
		      "cr0 %llx", (unsigned long long)s->cr0);
		s->cr0 &= ~X86_CR0_PG;
		kt_expect(t, 0, 91);
	}
	kt_free(t);
}

/* The same by the guest's own MOV to CR0, from protected mode. */
static void turns_paging_on(void)
{
	struct kt *t = kt_new(1, true);
	struct x86_state *s = kt_state(t, 0);
	struct vm_exit x;
	struct err e = { 0 };
	uint32_t pde = 0x87;

	kt_load(t, g_32_paging_on, CODE);
	kt_put(t, 0x40000, &pde, 4);
	x86_boot_flat32(s, CODE);
	s->cr3 = 0x40000;
	s->cr4 |= X86_CR4_PSE;
	if (kvm_caps()->mode_native) {
		kt_expect(t, 0, 92);
	} else {
		kt_run(t, 0, &x);
		printf("%s\n", x.text);
		CHECK(x.reason == VM_EXIT_CANNOT_RUN && strstr(x.text, "32-bit paging"),
		      "exit %d, '%s'", x.reason, x.text);
		CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e) && s->gpr[X86_RDX] & X86_CR0_PG &&
			      !(s->cr0 & X86_CR0_PG),
		      "cr0 %llx", (unsigned long long)s->cr0);
	}
	kt_free(t);
}

static void triple_fault(void)
{
	struct kt *t = kt_new(1, true);
	struct vm_exit x;

	kt_load(t, g_64_triple, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	kt_run(t, 0, &x);
	printf("%s\n", x.text);
	/* SVM resets the vCPU before it tells */
	CHECK(x.reason == VM_EXIT_SHUTDOWN &&
		      strstr(x.text, kvm_caps()->mode_native ? "mode" : "long mode"),
	      "exit %d, '%s'", x.reason, x.text);
	kt_free(t);
}

/* Code where there is no memory: whatever KVM says must be reported, not looped on. */
static void no_code(void)
{
	struct kt *t = kt_new(1, true);
	struct vm_exit x;

	x86_boot_long(kt_state(t, 0), 0x40000000, 0, 0);
	kt_run(t, 0, &x);
	printf("%s\n", x.text);
	CHECK((x.reason == VM_EXIT_CANNOT_RUN || x.reason == VM_EXIT_ERROR ||
	       x.reason == VM_EXIT_SHUTDOWN) &&
		      *x.text,
	      "exit %d, '%s'", x.reason, x.text);
	kt_free(t);
}

/* Memory that the host cannot give: said, with the place, and not looped on. */
static void no_host_memory(void)
{
	struct kt *t = kt_new(1, true);
	uint8_t *page = mem_ptr(&t->m->mem, HIGH, 4096);
	struct x86_state *s = kt_state(t, 0);
	struct vm_exit x;

	kt_load(t, g_64_touch_user, CODE);
	x86_boot_long(s, CODE, 0, 0);
	x86_boot_ring3(s);	/* an emulator takes such memory for a device's */
	s->gpr[X86_RBX] = HIGH;
	s->gpr[X86_RCX] = 1;
	CHECK(!mprotect(page, 4096, PROT_NONE), "mprotect");
	kt_run(t, 0, &x);
	printf("%s\n", x.text);
	CHECK(x.reason == VM_EXIT_ERROR && strstr(x.text, "KVM_RUN: Bad address") &&
		      strstr(x.text, ":10000"),
	      "exit %d, '%s'", x.reason, x.text);
	/* kernels that know the place say it */
	CHECK(!x.nr_data || (strstr(x.text, "0x100000") && x.data[1] == HIGH), "%s", x.text);
	kt_free(t);
}

static void info(void)
{
	struct kt *t = kt_new(1, true);
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	kt_load(t, g_64_modes, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	kt_expect(t, 0, 64);
	t->vm.accel->info(&t->vm, f);
	fclose(f);
	CHECK(strstr(text, "slot 1: 0x100000") && strstr(text, "vCPU 0: exits") &&
		      strstr(text, "IO "),
	      "'%s'", text);
	CHECK(kvm_stat(kvm_cpu(t->vm.vcpu[0])->stats_fd, "exits") > 0, "no statistics:\n%s", text);
	free(text);
	kt_free(t);
}

int main(void)
{
	kt_main();
	sse();
	paged32();
	turns_paging_on();
	triple_fault();
	no_code();
	no_host_memory();
	info();
	return 0;
}
