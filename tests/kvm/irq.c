/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts: timer and outside line through the kernel's PIC, timer through its
 * IOAPIC and local APIC, MSI; and with the chips in user space a vector handed
 * over at INTA, halts, NMI.
 */
#include "tests/kvm/harness.h"

#include <stdlib.h>
#include <unistd.h>

static void pic(void)
{
	struct kt *t = kt_new(1, true);

	kt_load(t, g_16_pic, CODE);
	x86_boot_real(kt_state(t, 0), CODE >> 4, 0);
	kt_expect(t, 0, 20);
	kt_free(t);
}

static void apic(void)
{
	struct kt *t = kt_new(1, true);

	kt_load(t, g_64_apic, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	kt_expect(t, 0, 40);
	kt_free(t);
}

static void *send_msi(void *opaque)
{
	struct kt *t = opaque;
	struct timespec wait = { 0, 100000 };
	int r;

	while (!*(volatile uint32_t *)mem_ptr(&t->m->mem, 0x504, 4))
		nanosleep(&wait, NULL);
	r = t->vm.accel->msi(&t->vm, 0xfee00000, 0x51);
	CHECK(r >= 0, "MSI: %d", r);
	return NULL;
}

static void msi(void)
{
	struct kt *t = kt_new(1, true);
	pthread_t th;

	kt_load(t, g_64_msi, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	pthread_create(&th, NULL, send_msi, t);
	kt_expect(t, 0, 51);
	pthread_join(th, NULL);
	kt_free(t);
}

/* A chip in user space, as small as it can be: one vector, gone when acknowledged. */
struct chip {
	struct vcpu *v;
	unsigned acks;
};

static int ack(void *opaque)
{
	struct chip *c = opaque;

	cpu_port_set(&c->v->port, X86_LINE_INTR, 0);
	c->acks++;
	return 0x50;
}

static void *raise_line(void *opaque)
{
	struct vcpu *v = opaque;
	struct timespec wait = { 0, 2000000 };

	nanosleep(&wait, NULL);
	cpu_port_set(&v->port, X86_LINE_INTR, 1);
	return NULL;
}

static void user_chips(void)
{
	struct kt *t = kt_new(1, false);
	struct vcpu *v = t->vm.vcpu[0];
	struct chip c = { v, 0 };
	struct vm_exit x;
	pthread_t th;

	v->port.ack = ack;
	v->port.ack_chip = &c;
	kt_load(t, g_64_halt, CODE);
	x86_boot_long(v->state, CODE, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		kt_run(t, 0, &x);
		CHECK(x.reason == VM_EXIT_HALT && x.nr_data == 1 && x.data[0] & 1 << X86_LINE_INTR,
		      "exit %d %s", x.reason, x.text);
		pthread_create(&th, NULL, raise_line, v);
		vcpu_wait(v, x.data[0]);
		pthread_join(th, NULL);
	}
	kt_run(t, 0, &x);
	CHECK(x.reason == VM_EXIT_HALT && !(x.data[0] & 1 << X86_LINE_INTR) && c.acks == 3,
	      "exit %d %s, %u acks", x.reason, x.text, c.acks);
	cpu_port_set(&v->port, X86_LINE_NMI, 1);
	kt_expect(t, 0, 50);
	kt_free(t);
}

/* The line rises while the guest computes with interrupts off, then on: an interrupt window. */
static void window(void)
{
	struct kt *t = kt_new(1, false);
	struct vcpu *v = t->vm.vcpu[0];
	struct chip c = { v, 0 };

	v->port.ack = ack;
	v->port.ack_chip = &c;
	kt_load(t, g_64_window, CODE);
	x86_boot_long(v->state, CODE, 0, 0);
	cpu_port_set(&v->port, X86_LINE_INTR, 1); /* before STI */
	kt_expect(t, 0, 52);
	CHECK(c.acks == 1 && kt_get32(t, 0x500) == 1, "%u acks", c.acks);
	CHECK(kvm_cpu(v)->exits[KVM_EXIT_IRQ_WINDOW_OPEN] >= 1, "no window");
	kt_free(t);
}

int main(void)
{
	kt_main();
	pic();
	apic();
	msi();
	user_chips();
	window();
	return 0;
}
