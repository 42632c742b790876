/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs that get lost in KVM_RUN: an instruction that an emulating KVM never
 * finishes becomes an exit; a thread that signals do not reach is reported; a guest
 * that merely spins is neither.
 */
#include "tests/kvm/harness.h"

#include "util/os.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static char told[300];
static _Atomic unsigned reports;

static void report(struct vcpu *v, const char *text)
{
	snprintf(told, sizeof(told), "%s", text);
	atomic_fetch_add(&reports, 1);
}

static void endless(void)
{
	struct kt *t = kt_new(1, true);
	struct x86_state *s = kt_state(t, 0);
	struct vm_exit x;
	struct err e = { 0 };

	kt_load(t, g_64_vmcall, CODE);
	x86_boot_long(s, CODE, 0, 0);
	if (kvm_caps()->mode_native) {
		kt_expect(t, 0, 98);
	} else {
		kt_run(t, 0, &x);
		printf("%s\n", x.text);
		CHECK(x.reason == VM_EXIT_CANNOT_RUN && strstr(x.text, "0f 01") &&
			      strstr(x.text, "18:10001"),
		      "exit %d, '%s'", x.reason, x.text);
		/* whoever steps in does it, and KVM goes on */
		CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e) && s->rip == CODE + 1, "%llx",
		      (unsigned long long)s->rip);
		s->rip += 3;
		kt_expect(t, 0, 98);
	}
	kt_free(t);
}

static void *run(void *opaque)
{
	struct kt *t = opaque;
	struct vm_exit x;

	kt_run(t, 0, &x);
	CHECK(x.reason == VM_EXIT_NONE, "%s", x.text);
	return NULL;
}

/* Several periods at one address, and it is let go on. */
static void spins(void)
{
	struct kt *t = kt_new(1, true);
	pthread_t th;

	kt_load(t, g_64_spin, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	pthread_create(&th, NULL, run, t);
	while (!kt_get32(t, DATA))
		os_yield();
	usleep(8000 * kvm_watchdog_period_ms / 10 * 10);
	t->code = 0;
	vcpu_kick(t->vm.vcpu[0], VCPU_REQ_STOP);
	pthread_join(th, NULL);
	CHECK(!atomic_load(&reports), "%s", told);
	kt_free(t);
}

/*
 * KVM_RUN with the kick's signal blocked (KVM_SET_SIGNAL_MASK): immediate_exit alone is
 * not looked at by a vCPU that is inside, until the mask lets the signal through.
 */
static void unreachable(void)
{
	struct kt *t = kt_new(1, true);
	struct { uint32_t len; uint64_t set; } __attribute__((packed)) mask = { 8, UINT64_MAX };
	struct vcpu *v = t->vm.vcpu[0];
	uint64_t t0 = os_now_ns();
	pthread_t th;

	kt_load(t, g_64_spin, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	x86_boot_ring3(kt_state(t, 0));
	CHECK(ioctl(kvm_cpu(v)->fd, KVM_SET_SIGNAL_MASK, &mask) >= 0, "%s", strerror(errno));
	pthread_create(&th, NULL, run, t);
	while (!kt_get32(t, DATA))
		os_yield();
	t->code = 0;
	vcpu_kick(v, VCPU_REQ_PAUSE);
	while (!atomic_load(&reports)) {
		CHECK(os_now_ns() - t0 < 3000000000, "no report");
		os_yield();
	}
	printf("%s\n", told);
	CHECK(strstr(told, "vCPU 0 has not left KVM_RUN") && strstr(told, "in state R"), "%s",
	      told);
	CHECK(atomic_load(&v->request), "the vCPU came out");
	_exit(0);	/* its thread is lost: that is the test */
}

int main(void)
{
	kt_main();
	kvm_watchdog_period_ms = 20;
	kvm_watchdog_limit_ms = 200;
	kvm_watchdog_report = report;
	endless();
	spins();
	unreachable();
}
