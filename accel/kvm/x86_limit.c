/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest's processor may do to the host's, and how fast its clock counts. */
#include "accel/kvm/arch.h"

#include "accel/kvm/x86.h"
#include "target/x86/cpu.h"

#include <errno.h>
#include <sys/ioctl.h>

enum { KHZ = 1000 };

/*
 * Notify: a guest that lets no event through for long (a loop of exceptions in microcode) is
 * taken off the processor by it. Counters: without the model's pmu=on the guest gets none of the
 * host's, and KVM need not switch them. Kernels and processors without either go without.
 */
void kvm_x86_limit(struct vm *vm)
{
	const struct x86_cpu_model *m = vm->cpu_model;
	struct kvm_enable_cap notify = {
		.cap = KVM_CAP_X86_NOTIFY_VMEXIT,
		.args = { KVM_X86_NOTIFY_VMEXIT_ENABLED | KVM_X86_NOTIFY_VMEXIT_USER },
	};
	struct kvm_enable_cap pmu = { .cap = KVM_CAP_PMU_CAPABILITY,
				      .args = { KVM_PMU_CAP_DISABLE } };
	int fd = kvm_vm(vm)->fd;

	ioctl(fd, KVM_ENABLE_CAP, &notify);
	if ((!m || !m->pmu) && ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_PMU_CAPABILITY) > 0)
		ioctl(fd, KVM_ENABLE_CAP, &pmu);
}

bool kvm_x86_notify(struct vcpu *v, struct vm_exit *x)
{
	uint32_t flags = kvm_cpu(v)->run->notify.flags;
	char where[48];

	if (!(flags & KVM_NOTIFY_CONTEXT_INVALID))
		return false;	/* counted; the guest goes on, and the host got its interrupts */
	kvm_arch_where(v, where, sizeof(where));
	kvm_exit_error(x, 0, "%s: the guest let no event through, and its state is lost", where);
	x->nr_data = 1;
	x->data[0] = flags;
	return true;
}

/* 250 in a million: what a guest's clock discipline bears, as kernels judge it, too. */
static bool about(uint64_t a, uint64_t b)
{
	uint64_t d = a > b ? a - b : b - a;

	return d <= b / 4000;
}

int kvm_x86_tsc(struct vcpu *v, struct err *e)
{
	const struct x86_cpu_model *m = v->vm->cpu_model;
	int now = ioctl(kvm_cpu(v)->fd, KVM_GET_TSC_KHZ, 0);
	bool scales = ioctl(kvm_vm(v->vm)->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0;

	if (!m || !m->tsc_hz || (now > 0 && about((uint64_t)now * KHZ, m->tsc_hz))) {
		kvm_x86_clocks_start(v, false);
		return 0;
	}
	if (scales &&
	    ioctl(kvm_cpu(v)->fd, KVM_SET_TSC_KHZ, (unsigned long)(m->tsc_hz / KHZ)) >= 0) {
		kvm_x86_clocks_start(v, true);
		return 0;
	}
	return err_set(e, ENOTSUP,
		       "-cpu tsc-freq=%llu: this host's TSC runs at %d kHz and cannot be scaled",
		       (unsigned long long)m->tsc_hz, now);
}
