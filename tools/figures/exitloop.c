/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least a VMM can do: runs a 64 KiB ROM on one vCPU without any device and passes on what it writes
 * to port 0x3f8. What tools/kvm-figures takes off the CPU time of an exit as KVM's own.
 *
 *	exitloop ROM
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROM = 64 << 10 };

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	struct kvm_userspace_memory_region slot[2] = {
		{ .guest_phys_addr = 0xf0000, .memory_size = ROM },
		{ .slot = 1, .guest_phys_addr = 0xffff0000, .memory_size = ROM },
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), rom, vm, cpu;
	struct kvm_run *run;
	void *mem;
	long size;

	must(argc == 2 && (rom = open(argv[1], O_RDONLY)) >= 0, "ROM");
	mem = mmap(NULL, ROM, PROT_READ | PROT_WRITE, MAP_PRIVATE, rom, 0);
	must(mem != MAP_FAILED, "mmap");
	must(kvm >= 0, "/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	must(vm >= 0, "KVM_CREATE_VM");
	must(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000ul) >= 0, "KVM_SET_TSS_ADDR");
	for (int i = 0; i < 2; i++) {
		slot[i].userspace_addr = (uintptr_t)mem;
		must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot[i]) >= 0, "KVM_SET_USER_MEMORY_REGION");
	}
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	must(cpu >= 0, "KVM_CREATE_VCPU");
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	must(run != MAP_FAILED, "mmap");
	for (;;) {
		must(ioctl(cpu, KVM_RUN, 0) >= 0, "KVM_RUN");
		if (run->exit_reason != KVM_EXIT_IO)
			return 0;
		if (run->io.port == 0x3f8)
			must(write(1, (char *)run + run->io.data_offset, 1) == 1, "write");
	}
}
