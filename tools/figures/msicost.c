/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a message-signalled interrupt costs the device's thread: KVM_SIGNAL_MSI against a write to an
 * irqfd, to a vCPU that does not run, in turns. Prints the median ns of both.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { TIMES = 20000, ROUNDS = 15, GSI = 24, VECTOR = 0x41, APIC_SVR = 0xf0, APIC_ON = 0x1ff };

static double ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int must(int r, const char *what)
{
	if (r >= 0)
		return r;
	perror(what);
	exit(1);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM"), cpu, fd;
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = VECTOR };
	struct { struct kvm_irq_routing head; struct kvm_irq_routing_entry e; } route = {
		.head = { .nr = 1 },
		.e = { .gsi = GSI, .type = KVM_IRQ_ROUTING_MSI,
		       .u.msi = { .address_lo = 0xfee00000, .data = VECTOR } },
	};
	double t, by_msi[ROUNDS], by_fd[ROUNDS];
	struct kvm_lapic_state lapic;
	struct kvm_irqfd irqfd = { .gsi = GSI };
	uint64_t one = 1;

	must(ioctl(vm, KVM_CREATE_IRQCHIP), "KVM_CREATE_IRQCHIP");
	cpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	must(ioctl(cpu, KVM_GET_LAPIC, &lapic), "KVM_GET_LAPIC");
	*(uint32_t *)(lapic.regs + APIC_SVR) = APIC_ON;
	must(ioctl(cpu, KVM_SET_LAPIC, &lapic), "KVM_SET_LAPIC");
	must(ioctl(vm, KVM_SET_GSI_ROUTING, &route), "KVM_SET_GSI_ROUTING");
	fd = must(eventfd(0, EFD_CLOEXEC), "eventfd");
	irqfd.fd = (uint32_t)fd;
	must(ioctl(vm, KVM_IRQFD, &irqfd), "KVM_IRQFD");
	for (int r = 0; r < ROUNDS; r++) {
		t = ns();
		for (int i = 0; i < TIMES; i++)
			must(ioctl(vm, KVM_SIGNAL_MSI, &msi), "KVM_SIGNAL_MSI");
		by_msi[r] = (ns() - t) / TIMES;
		t = ns();
		for (int i = 0; i < TIMES; i++)
			must((int)write(fd, &one, sizeof(one)), "write");
		by_fd[r] = (ns() - t) / TIMES;
	}
	qsort(by_msi, ROUNDS, sizeof(double), compare);
	qsort(by_fd, ROUNDS, sizeof(double), compare);
	printf("%.0f %.0f\n", by_msi[ROUNDS / 2], by_fd[ROUNDS / 2]);
	return 0;
}
