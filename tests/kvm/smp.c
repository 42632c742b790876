/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two vCPUs on threads with INIT and SIPI by the guest; kicks, none of them lost. */
#include "tests/kvm/harness.h"

#include "util/os.h"

#include <stdlib.h>

struct runner {
	struct kt *t;
	unsigned cpu;
	struct vm_exit x;
};

static void *run(void *opaque)
{
	struct runner *r = opaque;

	kt_run(r->t, r->cpu, &r->x);
	return NULL;
}

static void init_sipi(void)
{
	struct kt *t = kt_new(2, true);
	struct runner r[2] = { { t, 0, { 0 } }, { t, 1, { 0 } } };
	struct err e = { 0 };
	pthread_t th[2];

	kt_load(t, g_64_smp, CODE);
	kt_load(t, g_16_ap, 0x20000);
	t->vm.isa->boot(kt_state(t, 0), CODE, 0, 0, false);
	CHECK(t->vm.vcpu[1]->powered, "a vCPU with a local APIC in the kernel waits there");
	/* before either runs, as the VMM does: a push after SIPI would undo it */
	for (unsigned i = 0; i < 2; i++)
		CHECK(!vcpu_push(t->vm.vcpu[i], &e), "%s", e.msg);
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, run, &r[i]);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	CHECK(t->code == 70 && kt_get32(t, 0x504) == 2000, "code %d (%s, %s), count %u", t->code,
	      r[0].x.text, r[1].x.text, kt_get32(t, 0x504));
	kt_free(t);
}

/*
 * Kicks from another thread at a guest that spins, in every phase of the loop:
 * each request must end run() before the next is made.
 */
enum { KICKS = 500 };
struct kicked {
	struct kt *t;
	_Atomic unsigned seen;
	_Atomic bool stop;
};

static void *spin(void *opaque)
{
	struct kicked *k = opaque;
	struct vcpu *v = k->t->vm.vcpu[0];
	struct vm_exit x;

	while (!atomic_load(&k->stop)) {
		CHECK(!k->t->vm.accel->run(v, &x) && x.reason == VM_EXIT_NONE, "%s", x.text);
		if (atomic_fetch_and(&v->request, 0))
			atomic_fetch_add(&k->seen, 1);
	}
	return NULL;
}

static void kicks(bool user)
{
	struct kt *t = kt_new(1, true);
	struct kicked k = { .t = t };
	uint64_t worst = 0;
	pthread_t th;

	kt_load(t, g_64_spin, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	if (user)
		x86_boot_ring3(kt_state(t, 0));
	pthread_create(&th, NULL, spin, &k);
	for (unsigned i = 0; i < KICKS; i++) {
		uint64_t t0 = os_now_ns(), took;

		vcpu_kick(t->vm.vcpu[0], VCPU_REQ_PAUSE);
		while (atomic_load(&k.seen) <= i)
			CHECK(os_now_ns() - t0 < 5000000000, "kick %u was lost", i);
		took = os_now_ns() - t0;
		worst = MAX(worst, took);
		for (volatile unsigned n = i % 97 * 20; n; n--)
			;
	}
	/* every kick may have come before the guest's first instruction: now it is left alone */
	for (uint64_t t0 = os_now_ns(); !kt_get32(t, DATA); )
		CHECK(os_now_ns() - t0 < 5000000000, "the guest does not run");
	atomic_store(&k.stop, true);
	vcpu_kick(t->vm.vcpu[0], VCPU_REQ_STOP);
	pthread_join(th, NULL);
	printf("%u kicks, slowest %.2f ms\n", KICKS, (double)worst / 1e6);
	kt_free(t);
}

/* A kick before run() is not lost either, and the state is at an instruction's end. */
static void early(void)
{
	struct kt *t = kt_new(1, true);
	struct vm_exit x;
	struct err e = { 0 };

	kt_load(t, g_64_spin, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	vcpu_kick(t->vm.vcpu[0], VCPU_REQ_PAUSE);
	CHECK(!t->vm.accel->run(t->vm.vcpu[0], &x) && x.reason == VM_EXIT_NONE, "%s", x.text);
	CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e) && kt_state(t, 0)->rip == CODE, "ran on");
	kt_free(t);
}

/* The request comes from the device during an access: the access is finished, no more is run. */
static void boundary(void)
{
	struct kt *t = kt_new(1, true);
	struct err e = { 0 };

	kt_load(t, g_64_modes, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	kt_expect(t, 0, 64);
	CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e), "%s", e.msg);
	/* behind "out %al, $0xf4", at the hlt */
	CHECK(*(uint8_t *)mem_ptr(&t->m->mem, kt_state(t, 0)->rip, 1) == 0xf4, "rip %llx",
	      (unsigned long long)kt_state(t, 0)->rip);
	kt_free(t);
}

int main(void)
{
	kt_main();
	init_sipi();
	kicks(false);
	kicks(true);
	early();
	boundary();
	return 0;
}
