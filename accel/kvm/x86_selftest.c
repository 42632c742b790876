/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vCPU that tries KVM out (selftest.c): it counts down in long mode and stores to an address
 * without memory, in ring 0 and in ring 3. It runs in a process of its own that ends at once
 * afterwards, so nothing is given back here.
 */
#include "accel/kvm/arch.h"

#include "target/x86/state.h"
#include "util/os.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, CODE = 0x4000, SIZE = 0x5000, DOOR = 0x100000 };
enum { SHORT_RUN = 400, LONG_RUN = 1000000, INSNS_A_TURN = 2, MAX_TRIES = 100 };
enum {
	WORTH_A_LONG_RUN = 5
}; /* MIPS; no emulation reaches it, a loaded machine's exit costs more */
enum { LONG_RUN_MS = 2, KHZ = 1000 };

/* 1: dec %ecx; jnz 1b; mov %al, DOOR; jmp . */
static const uint8_t count_code[] = { 0xff, 0xc9, 0x75, 0xfc, 0x88, 0x04, 0x25,
				      0,    0,    0x10, 0,    0xeb, 0xfe };
/* paddd %xmm0, %xmm0; fld1; xor %ecx, %ecx; mov %al, DOOR; jmp . */
static const uint8_t vector_code[] = { 0x66, 0x0f, 0xfe, 0xc0, 0xd9, 0xe8, 0x31, 0xc9, 0x88,
				       0x04, 0x25, 0,    0,    0x10, 0,    0xeb, 0xfe };
enum { COUNT_AT = CODE, VECTOR_AT = CODE + 0x100, SPIN_AT = COUNT_AT + sizeof(count_code) - 2 };

struct test {
	int vm, cpu;
	struct kvm_run *run;
	size_t run_size;
	uint8_t *mem;
};

static void fill_memory(uint8_t *mem)
{
	enum { P_RW_US = 7, PS = 128 };

	st_64(mem + PML4, PDPT | P_RW_US);
	st_64(mem + PDPT, PD | P_RW_US);
	st_64(mem + PD, P_RW_US | PS);
	memcpy(mem + COUNT_AT, count_code, sizeof(count_code));
	memcpy(mem + VECTOR_AT, vector_code, sizeof(vector_code));
}

/* The name of the step that failed, or NULL. */
static const char *test_open(int dev, struct test *t)
{
	struct kvm_userspace_memory_region r = { .memory_size = SIZE };
	int n = ioctl(dev, KVM_GET_VCPU_MMAP_SIZE, 0);

	*t = (struct test){ .vm = -1, .cpu = -1, .run = MAP_FAILED };
	t->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->mem == MAP_FAILED)
		return "mmap";
	fill_memory(t->mem);
	t->vm = ioctl(dev, KVM_CREATE_VM, 0);
	if (t->vm < 0)
		return "KVM_CREATE_VM";
	ioctl(t->vm, KVM_SET_TSS_ADDR, 0xfffbd000ul);
	r.userspace_addr = (uintptr_t)t->mem;
	if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
		return "KVM_SET_USER_MEMORY_REGION";
	t->cpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
	if (t->cpu < 0)
		return "KVM_CREATE_VCPU";
	t->run_size = n;
	t->run = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, t->cpu, 0);
	return t->run == MAP_FAILED ? "mapping of the vCPU" : NULL;
}

static const char *set_state(struct test *t, uint64_t rip, unsigned ring, uint64_t count)
{
	struct kvm_segment data = { .limit = UINT32_MAX,
				    .selector = 0x10 | ring,
				    .type = 3,
				    .present = 1,
				    .dpl = ring,
				    .db = 1,
				    .s = 1,
				    .g = 1 },
			   cs = data;
	struct kvm_regs r = { .rip = rip, .rflags = 2, .rcx = count };
	struct kvm_sregs s;

	if (ioctl(t->cpu, KVM_GET_SREGS, &s) < 0)
		return "KVM_GET_SREGS";
	cs.selector = 0x8 | ring;
	cs.type = 11;
	cs.l = 1;
	cs.db = 0;
	s.cs = cs;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE | X86_CR0_PG;
	s.cr3 = PML4;
	s.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	s.efer = X86_EFER_LME | X86_EFER_LMA;
	if (ioctl(t->cpu, KVM_SET_SREGS, &s) < 0)
		return "KVM_SET_SREGS";
	return ioctl(t->cpu, KVM_SET_REGS, &r) < 0 ? "KVM_SET_REGS" : NULL;
}

/* One run; the door must have been reached with the count at zero. */
static const char *run_once(struct test *t, uint64_t rip, unsigned ring, uint64_t count,
			    double *mips)
{
	const char *bad = set_state(t, rip, ring, count);
	struct kvm_regs r;
	uint64_t t0;
	int rc, tries = 0;

	if (bad)
		return bad;
	t0 = os_now_ns();
	do
		rc = ioctl(t->cpu, KVM_RUN, 0);
	while (rc < 0 && (errno == EINTR || errno == EAGAIN) && ++tries < MAX_TRIES);
	*mips = (double)count * INSNS_A_TURN * 1e3 / (double)MAX(os_now_ns() - t0, UINT64_C(1));
	if (rc < 0)
		return "KVM_RUN";
	errno = 0;
	if (t->run->exit_reason != KVM_EXIT_MMIO || t->run->mmio.phys_addr != DOOR)
		return kvm_exit_name(t->run->exit_reason);
	if (ioctl(t->cpu, KVM_GET_REGS, &r) < 0 || r.rcx)
		return "a wrong result";
	t->run->immediate_exit = 1; /* finishes the store, so that the next state starts clean */
	ioctl(t->cpu, KVM_RUN, 0);
	t->run->immediate_exit = 0;
	errno = 0;
	return NULL;
}

static const char *measure(struct test *t, unsigned ring, double *mips)
{
	double first = 0, turns;
	const char *bad =
		run_once(t, COUNT_AT, ring, SHORT_RUN, &first); /* takes the page faults */

	if (!bad)
		bad = run_once(t, COUNT_AT, ring, SHORT_RUN, mips);
	*mips = MAX(*mips, first);
	turns = *mips * 1000 * LONG_RUN_MS / INSNS_A_TURN;
	if (!bad && *mips > WORTH_A_LONG_RUN)
		bad = run_once(t, COUNT_AT, ring, turns < LONG_RUN ? (uint64_t)turns : LONG_RUN,
			       mips);
	return bad;
}

void kvm_arch_describe(int dev, struct accel_caps *caps)
{
	enum { ENTRIES = 256 };
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + ENTRIES * sizeof(c->entries[0]));

	if (!c)
		return;
	c->nent = ENTRIES;
	if (ioctl(dev, KVM_GET_SUPPORTED_CPUID, c) >= 0)
		for (unsigned i = 0; i < c->nent; i++)
			if (c->entries[i].function == 0x80000008)
				caps->phys_bits = c->entries[i].eax & 0xff;
	free(c);
}

static bool module_loaded(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return !access(path, F_OK);
}

/* KVM's own modules for VMX and SVM drive nothing else: 3 ms less to the first instruction. */
const char *kvm_arch_hardware(void)
{
	enum { VMX = 1 << 5, SVM = 1 << 2 };
	unsigned a, b, c = 0, d;

	if (module_loaded("kvm_pvm"))
		return NULL;
	if (__get_cpuid(1, &a, &b, &c, &d) && c & VMX && module_loaded("kvm_intel"))
		return "kvm_intel";
	if (__get_cpuid(0x80000001, &a, &b, &c, &d) && c & SVM && module_loaded("kvm_amd"))
		return "kvm_amd";
	return NULL;
}

void kvm_arch_selftest(int dev, bool spin, struct kvm_selftest *r)
{
	struct test t;
	double ignored;
	const char *bad = test_open(dev, &t);
	int khz;

	if (!bad && spin)
		bad = run_once(&t, SPIN_AT, 0, 0, &ignored);
	if (!bad)
		bad = measure(&t, 0, &r->kernel_mips);
	if (bad) {
		r->error = errno;
		snprintf(r->bad, sizeof(r->bad), "%s", bad);
		return;
	}
	khz = ioctl(t.cpu, KVM_GET_TSC_KHZ, 0);
	r->tsc_hz = khz > 0 ? (uint64_t)khz * KHZ : 0;
	r->vectors = !run_once(&t, VECTOR_AT, 0, 1, &ignored);
	if (!r->vectors && measure(&t, 3, &r->user_mips))
		r->user_mips = 0;
}
