/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The KVM engine: finding out whether it works here, and a VM's life. */
#include "accel/kvm/kvm.h"

#include "accel/kvm/arch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { API_VERSION = 12, MIN_SLOTS = 32 };

const char *kvm_device = "/dev/kvm";

int kvm_open(struct err *e)
{
	int fd = open(kvm_device, O_RDWR | O_CLOEXEC), v;

	if (fd < 0) {
		switch (errno) {
		case ENOENT:
			return err_set(e, ENOENT,
				       "%s does not exist: this kernel has no KVM, or "
				       "the device was not passed into this container",
				       kvm_device);
		case EACCES:
			return err_set(e, EACCES,
				       "%s: permission denied: become a member of the "
				       "group that owns it (usually kvm)",
				       kvm_device);
		case ENODEV:
		case ENXIO:
			return err_set(e, errno,
				       "%s: no KVM module is loaded, or this processor "
				       "has no virtualisation",
				       kvm_device);
		default: return err_errno(e, errno, "%s", kvm_device);
		}
	}
	v = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (v != API_VERSION) {
		close(fd);
		return err_set(e, ENODEV,
			       v < 0 ? "%s is not KVM's device" : "%s: API version is not 12",
			       kvm_device);
	}
	return fd;
}

static struct accel_caps caps;

static void caps_measure(void)
{
	struct err e = { 0 };
	int dev = kvm_open(&e);

	if (dev < 0) {
		snprintf(caps.why, sizeof(caps.why), "%.190s", e.msg);
		return;
	}
	if (ioctl(dev, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		snprintf(caps.why, sizeof(caps.why),
			 "kernel too old: no KVM_CAP_IMMEDIATE_EXIT (4.13)");
	else
		kvm_selftest(dev, &caps);
	close(dev);
}

const struct accel_caps *kvm_caps(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, caps_measure);
	return &caps;
}

static void kvm_probe(const struct isa *isa, struct accel_caps *c)
{
	if (strcmp(isa->name, kvm_arch_isa)) {
		*c = (struct accel_caps){ .usable = false };
		snprintf(c->why, sizeof(c->why),
			 "KVM runs this machine's own instruction set (%s), not %s", kvm_arch_isa,
			 isa->name);
		return;
	}
	*c = *kvm_caps();
}

/* The signal only ends KVM_RUN (and is harmless anywhere else). */
static void on_kick(int sig) { (void)sig; }

static void spaces_changed(void *opaque)
{
	struct vm *vm = opaque;

	atomic_fetch_add(&kvm_vm(vm)->map_gen, 1);
	kvm_coalesce_update(vm);
}

static void kvm_vm_stop(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);

	if (!k)
		return;
	kvm_watchdog_stop(vm);
	kvm_counts_stop(vm);
	if (k->stats_fd >= 0)
		close(k->stats_fd);
	if (k->fd >= 0) {
		space_on_change(vm->machine->mmio, NULL, NULL);
		if (vm->machine->pio)
			space_on_change(vm->machine->pio, NULL, NULL);
		close(k->fd);
	}
	if (k->dev >= 0)
		close(k->dev);
	kvm_irq_stop(vm);
	pthread_mutex_destroy(&k->lock);
	free(k);
	vm->engines[ACCEL_KVM] = NULL;
}

static int vm_create(struct vm *vm, struct kvm_vm *k, struct err *e)
{
	struct sigaction sa = { .sa_handler = on_kick, .sa_flags = SA_RESTART };
	int n;

	k->dev = kvm_open(e);
	if (k->dev < 0)
		return k->dev;
	do /* a signal during the creation is no failure */
		k->fd = ioctl(k->dev, KVM_CREATE_VM, 0);
	while (k->fd < 0 && errno == EINTR);
	if (k->fd < 0)
		return err_errno(e, errno, "KVM_CREATE_VM");
	k->stats_fd = ioctl(k->fd, KVM_GET_STATS_FD, 0);
	n = ioctl(k->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (n < (int)sizeof(struct kvm_run))
		return err_set(e, EIO, "KVM_GET_VCPU_MMAP_SIZE says %d", n);
	k->run_size = n;
	n = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	k->nr_slots = n <= 0 ? MIN_SLOTS : MIN(n, KVM_MAX_SLOTS);
	n = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (n > 0 && vm->nr_vcpus > (unsigned)n)
		return err_set(e, EINVAL, "this KVM has at most %d vCPUs in a VM", n);
	sigaction(SIGUSR1, &sa, NULL);
	return 0;
}

static int kvm_vm_start(struct vm *vm, struct err *e)
{
	struct kvm_vm *k;
	int r;

	if (strcmp(vm->isa->name, kvm_arch_isa))
		return err_set(e, EINVAL, "KVM runs %s here, not %s", kvm_arch_isa, vm->isa->name);
	k = calloc(1, sizeof(*k));
	if (!k)
		return err_set(e, ENOMEM, "no memory");
	k->dev = k->fd = k->stats_fd = -1;
	pthread_mutex_init(&k->lock, NULL);
	pthread_mutex_init(&k->irq.lock, NULL);
	pthread_rwlock_init(&k->irq.quiet, NULL);
	pthread_mutex_init(&k->coalesce.lock, NULL);
	pthread_mutex_init(&k->coalesce.zones_lock, NULL);
	vm->engines[ACCEL_KVM] = k;
	kvm_counts_start(vm);
	r = kvm_args_parse(vm, e);
	if (!r)
		r = vm_create(vm, k, e);
	if (!r)
		r = kvm_arch_vm_start(vm, e);
	if (!r)
		r = kvm_dirty_start(vm, e);
	if (!r)
		r = kvm_regs_init(vm, e);
	if (r) {
		kvm_vm_stop(vm);
		return r;
	}
	kvm_coalesce_start(vm);
	kvm_watchdog_start(vm);
	space_on_change(vm->machine->mmio, spaces_changed, vm);
	if (vm->machine->pio)
		space_on_change(vm->machine->pio, spaces_changed, vm);
	kvm_coalesce_update(vm);
	return 0;
}

/* What the guest told its TLBs meanwhile the other engine's have heard. */
static void kvm_unpark(struct vm *vm, struct unpark_report *rep)
{
	uint64_t all[] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };

	*rep = (struct unpark_report){ 0 };
	kvm_arch_flush(vm, all, &(struct tlb_flush){ .kind = FLUSH_ALL });
}

const struct accel_ops accel_kvm = {
	.name = "kvm",
	.slot = ACCEL_KVM,
	.help = "the kernel's /dev/kvm, for guests of the host's own instruction set",
	.probe = kvm_probe,
	.vm_start = kvm_vm_start,
	.vm_stop = kvm_vm_stop,
	.mem_set = kvm_mem_set,
	.log = kvm_mem_log,
	.dirty_sync = kvm_dirty_sync,
	.irqchip_take = kvm_irqchip_take,
	.irqchip_push = kvm_irqchip_push,
	.irqchip_pull = kvm_irqchip_pull,
	.irq = kvm_irq,
	.msi = kvm_msi,
	.ioapic_changed = kvm_ioapic_changed,
	.pit_legacy_off = kvm_pit_legacy_off,
	.doorbell = kvm_doorbell,
	.irqfd = kvm_irqfd,
	.vcpu_start = kvm_vcpu_start,
	.vcpu_stop = kvm_vcpu_stop,
	.run = kvm_vcpu_run,
	.kick = kvm_vcpu_kick,
	.pull = kvm_pull,
	.push = kvm_push,
	.debug = kvm_debug,
	.info = kvm_info,
	.time_stop = kvm_arch_time_stop,
	.time_start = kvm_arch_time_start,
	.remote_flush = kvm_arch_flush,
	.cpu_changed = kvm_arch_cpu_changed,
	.unpark = kvm_unpark,
};
