/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor that the guest sees on the real KVM: CPUID by model, what KVM lacks,
 * unknown MSRs, time stamp counters in step, the clock that stands while the guest does.
 */
#include "tests/kvm/harness.h"

#include "accel/kvm/x86.h"
#include "target/x86/cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static void cpuid(struct kt *t, unsigned cpu, uint32_t leaf, uint32_t sub, uint32_t *r)
{
	struct x86_state *s = kt_state(t, cpu);
	struct err e = { 0 };

	kt_load(t, g_64_cpuid, CODE);
	CHECK(!vcpu_pull(t->vm.vcpu[cpu], REGS_ALL, &e), "%s", e.msg);
	x86_boot_long(s, CODE, 0, 0);
	s->gpr[X86_RAX] = leaf;
	s->gpr[X86_RCX] = sub;
	kt_expect(t, cpu, 96);
	for (unsigned i = 0; i < 4; i++)
		r[i] = kt_get32(t, DATA + i * 4);
}

/* What the guest's own instruction says. */
static void seen_by_guest(bool irqchip)
{
	struct kt *t = kt_new(2, irqchip);
	uint32_t r[4];

	cpuid(t, 0, 1, 0, r);
	CHECK(r[X86_ECX] >> 31 && r[X86_EBX] >> 24 == 0, "%x %x", r[X86_EBX], r[X86_ECX]);
	CHECK(!!(r[X86_ECX] & 1 << 21) == irqchip && !!(r[X86_ECX] & 1 << 24) == irqchip,
	      "x2APIC, deadline timer: %x", r[X86_ECX]);
	CHECK(!(r[X86_ECX] & 1 << 5), "VMX is shown");
	cpuid(t, 0, 0xb, 1, r);
	CHECK(r[X86_EBX] == 2 && r[X86_EAX] == 1, "%x %x", r[X86_EAX], r[X86_EBX]);
	cpuid(t, 0, 0x40000000, 0, r);
	CHECK(!memcmp(&r[X86_EBX], "KVMKVMKVM\0\0", 12), "%x", r[X86_EBX]);
	cpuid(t, 0, 0x40000001, 0, r);
	CHECK(r[X86_EAX] & 1 << 3 && !!(r[X86_EAX] & 1 << 6) == irqchip && !(r[X86_EAX] & 1 << 4),
	      "%x", r[X86_EAX]);
	cpuid(t, 0, 0x80000008, 0, r);
	CHECK((r[X86_EAX] & 0xff) == kvm_caps()->phys_bits, "%x", r[X86_EAX]);
	kt_free(t);
}

/* Every model either starts or says what is missing; what starts is what was asked for. */
static void models(void)
{
	static const char *const names[] = { "host", "max", "x86-64-v1", "x86-64-v2", "x86-64-v3",
					     "host,kvm=off", "host,+avx512f", "host,-sse2" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		struct err e = { 0 };
		struct x86_cpu_model m;
		uint32_t r[4];
		struct kt *t;
		int ret;

		CHECK(!x86_cpu_parse(&m, names[i], &e), "%s", e.msg);
		t = kt_new(1, true);
		t->vm.cpu_model = &m;
		/* the vCPU has not run: KVM takes another model */
		free(t->vm.vcpu[0]->env.fixed);
		t->vm.vcpu[0]->env.fixed = NULL;
		ret = kvm_x86_cpuid(t->vm.vcpu[0], &e);
		if (ret) {
			printf("%s\n", e.msg);
			CHECK(ret == -ENOTSUP && i != 0 && i != 1 && i != 2 &&
				      strstr(e.msg, "KVM here does not have") &&
				      strstr(e.msg, "use -cpu host"),
			      "%s: %s", names[i], e.msg);
		} else {
			cpuid(t, 0, 1, 0, r);
			CHECK(i != 3 || r[X86_ECX] & 1 << 20, "v2 has no SSE4.2");
			/* a KVM that runs ring 3 as it is shows what that can do all the same */
			CHECK(i != 7 || !kvm_caps()->mode_native || !(r[X86_EDX] & 1 << 26),
			      "SSE2 is still there: %x", r[X86_EDX]);
			cpuid(t, 0, 0x40000000, 0, r);
			CHECK((r[X86_EBX] == 0x4b4d564b) == (i != 5), "%x", r[X86_EBX]);
		}
		kt_free(t);
	}
}

static void read_msr(struct kt *t, uint32_t msr)
{
	struct err e = { 0 };

	kt_load(t, g_64_msr, CODE);
	CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e), "%s", e.msg);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	kt_state(t, 0)->gpr[X86_R12] = msr;
	kt_expect(t, 0, 97);
}

/* An MSR that nobody has: #GP both times, counted by number; or zero where that is asked for. */
static void unknown_msr(bool ignore)
{
	enum { NOBODYS = 0xbad0 };
	const struct kvm_counts *n;
	char *text = NULL;
	size_t size;
	struct kt *t;
	FILE *f;

	kt_args = ignore ? "ignore-msrs=on" : NULL;
	t = kt_new(1, true);
	kt_args = NULL;
	n = &kvm_vm(&t->vm)->counts;
	read_msr(t, NOBODYS);
	CHECK(kt_get32(t, DATA + 8) == (ignore ? 0 : 2), "%u faults", kt_get32(t, DATA + 8));
	CHECK(kt_get32(t, DATA) == (ignore ? 0 : UINT32_MAX), "%x", kt_get32(t, DATA));
	CHECK(n->nr_msrs == 1 && n->msr[0].index == NOBODYS && n->msr[0].reads == 1 &&
		      n->msr[0].writes == 1 && n->msr[0].last == 0x55,
	      "%u MSRs", n->nr_msrs);
	f = open_memstream(&text, &size);
	t->vm.accel->info(&t->vm, f);
	fclose(f);
	CHECK(strstr(text, "0xbad0") && strstr(text, "last of 0x55"), "%s", text);
	free(text);
	/* one that it has raises nothing */
	read_msr(t, 0x174); /* SYSENTER_CS */
	CHECK(n->nr_msrs == 1, "SYSENTER_CS is unknown");
	kt_free(t);
}

/* The same for one that KVM has and the user denies; its neighbours are there. */
static void denied_msr(void)
{
	struct kt *t;

	kt_args = "deny-msrs=0x10:0x174-0x175:0xc0000100";
	t = kt_new(1, true);
	kt_args = NULL;
	for (uint32_t msr = 0x174; msr <= 0x176; msr++) {
		uint32_t before = kt_get32(t, DATA + 8), faults;

		read_msr(t, msr);
		faults = kt_get32(t, DATA + 8) - before;
		CHECK(faults == (msr == 0x176 ? 0 : 2), "%x: %u faults", msr, faults);
	}
	CHECK(kvm_vm(&t->vm)->counts.nr_msrs == 2, "%u MSRs", kvm_vm(&t->vm)->counts.nr_msrs);
	kt_free(t);
}

static uint64_t tsc_offset(struct vcpu *v)
{
	uint64_t off = 0;
	struct kvm_device_attr a = { .group = 0, .attr = 0, .addr = (uintptr_t)&off };

	/* KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET; kernels from 5.16 */
	return ioctl(kvm_cpu(v)->fd, KVM_GET_DEVICE_ATTR, &a) ? 1 : off;
}

/* All vCPUs count alike, at power-on and after they were looked at one after the other. */
static void tsc_in_step(void)
{
	struct kt *t = kt_new(2, true);
	struct err e = { 0 };

	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < 2; i++)
			CHECK(!vcpu_push(t->vm.vcpu[i], &e), "%s", e.msg);
		CHECK(tsc_offset(t->vm.vcpu[0]) == tsc_offset(t->vm.vcpu[1]), "pass %u: %llx, %llx",
		      pass, (unsigned long long)tsc_offset(t->vm.vcpu[0]),
		      (unsigned long long)tsc_offset(t->vm.vcpu[1]));
		for (unsigned i = 0; i < 2; i++)
			CHECK(!vcpu_pull(t->vm.vcpu[i], REGS_ALL, &e), "%s", e.msg);
	}
	kt_free(t);
}

/* A frequency is kept, scaled to, or refused with the one there is. */
static void tsc_frequency(void)
{
	char text[64];

	for (unsigned i = 0; i < 2; i++) {
		uint64_t hz = kvm_caps()->tsc_hz ? kvm_caps()->tsc_hz : 2000000000;
		struct x86_cpu_model m;
		struct err e = { 0 };
		struct kt *t = kt_new(1, true);
		int r, khz;

		if (i)
			hz = hz / 3 * 2;
		snprintf(text, sizeof(text), "host,tsc-freq=%llu", (unsigned long long)hz);
		CHECK(!x86_cpu_parse(&m, text, &e), "%s", e.msg);
		t->vm.cpu_model = &m;
		r = kvm_x86_tsc(t->vm.vcpu[0], &e);
		khz = ioctl(kvm_cpu(t->vm.vcpu[0])->fd, KVM_GET_TSC_KHZ, 0);
		if (r)
			CHECK((i || !kvm_caps()->tsc_hz) && r == -ENOTSUP &&
				      strstr(e.msg, "cannot be scaled"), "%s", e.msg);
		else
			CHECK(llabs((long long)khz * 1000 - (long long)hz) < (long long)hz / 1000,
			      "%d kHz", khz);
		kt_free(t);
	}
}

static uint64_t guest_clock(struct kt *t)
{
	struct kvm_clock_data c = { .clock = 0 };

	CHECK(ioctl(kvm_vm(&t->vm)->fd, KVM_GET_CLOCK, &c) >= 0, "KVM_GET_CLOCK");
	return c.clock;
}

static void clock_stands(void)
{
	const struct timespec pause = { 0, 60000000 };
	struct kt *t = kt_new(1, true);
	struct vcpu *v = t->vm.vcpu[0];
	uint64_t before, after, machine;
	struct vm_exit x;

	kt_load(t, g_64_spin, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	vm_time_start(&t->vm);
	vcpu_kick(v, VCPU_REQ_PAUSE);
	CHECK(!t->vm.accel->run(v, &x) && x.reason == VM_EXIT_NONE, "%s", x.text);
	vm_time_stop(&t->vm);
	before = guest_clock(t);
	machine = clock_now(t->m->clock);
	nanosleep(&pause, NULL);
	CHECK(guest_clock(t) - before >= 60000000, "the clock stands by itself");
	vm_time_start(&t->vm);
	atomic_store(&v->request, VCPU_REQ_STOP);	/* goes on, and comes back at once */
	CHECK(!t->vm.accel->run(v, &x) && x.reason == VM_EXIT_NONE, "%s", x.text);
	after = guest_clock(t) - before;
	machine = clock_now(t->m->clock) - machine;
	/* it was noted when the vCPU left, a little before `before` was read */
	CHECK((int64_t)after < (int64_t)machine + 30000000,
	      "the guest's clock: %.1f ms on, the machine's %.1f",
	      (double)(int64_t)after / 1e6, (double)machine / 1e6);
	kt_free(t);
}

/* stats=FILE: a line a VM, with what happened. */
static void stats_file(void)
{
	char path[] = "/tmp/ambi-stats-XXXXXX", args[64], text[8192];
	int fd = mkstemp(path);
	struct kt *t;
	ssize_t n;

	CHECK(fd >= 0, "mkstemp");
	snprintf(args, sizeof(args), "stats=%s", path);
	kt_args = args;
	t = kt_new(1, true);
	kt_args = NULL;
	kt_load(t, g_64_modes, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	kt_expect(t, 0, 64);
	CHECK(kvm_cpu(t->vm.vcpu[0])->serve_ns[KVM_EXIT_IO], "no times");
	kt_free(t);
	n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0, "the file is empty");
	text[n] = '\0';
	CHECK(strstr(text, "{\"engine\":\"kvm\",\"vcpus\":1,\"user_exits\":") &&
		      strstr(text, "\"exits\":{\"IO\":") && strstr(text, "\"kernel\":{\"") &&
		      strstr(text, "\"exits\":0") == NULL && text[n - 1] == '\n',
	      "%s", text);
	unlink(path);
	close(fd);
}

int main(void)
{
	kt_main();
	seen_by_guest(true);
	seen_by_guest(false);
	models();
	unknown_msr(false);
	unknown_msr(true);
	denied_msr();
	tsc_in_step();
	tsc_frequency();
	clock_stands();
	stats_file();
	return 0;
}
