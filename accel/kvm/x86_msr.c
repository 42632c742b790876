/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSRs that KVM does not know, or that the user denies. The guest gets #GP as from a
 * processor without them (or, with ignore-msrs=on, zeros), and `info accel` shows which
 * it asked for: a guest that wants one of them is a guest that may misbehave for the
 * lack of it.
 */
#include "accel/kvm/arch.h"

#include "accel/kvm/x86.h"
#include "target/x86/state.h"

#include <errno.h>
#include <sys/ioctl.h>

/*
 * MSRs that the user keeps from the guest: their bits stay clear in a bitmap, so that
 * the kernel asks before each access. What KVM's own chips answer (x2APIC, 0x800 to
 * 0x8ff) is beyond its filter.
 */
static int filter(struct kvm_vm *k, struct err *e)
{
	static uint8_t none[KVM_MSR_FILTER_MAX_BITMAP_SIZE];
	struct kvm_msr_filter f = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };

	_Static_assert(KVM_MAX_DENIED <= KVM_MSR_FILTER_MAX_RANGES, "a range each");
	if (!k->nr_denied)
		return 0;
	for (unsigned i = 0; i < k->nr_denied; i++)
		f.ranges[i] = (struct kvm_msr_filter_range){
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.base = k->denied[i].first,
			.nmsrs = k->denied[i].last - k->denied[i].first + 1,
			.bitmap = none,
		};
	if (ioctl(k->fd, KVM_X86_SET_MSR_FILTER, &f) < 0)
		return err_errno(e, errno, "deny-msrs: this KVM's filter");
	return 0;
}

int kvm_x86_msr_start(struct vm *vm, struct err *e)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL |
			  KVM_MSR_EXIT_REASON_FILTER },
	};

	/* kernels before 5.10 answer by themselves, with #GP */
	ioctl(kvm_vm(vm)->fd, KVM_ENABLE_CAP, &cap);
	return filter(kvm_vm(vm), e);
}

void kvm_x86_msr_exit(struct vcpu *v, bool write)
{
	struct kvm_run *r = kvm_cpu(v)->run;
	bool ignore = kvm_vm(v->vm)->counts.ignore_msrs &&
		      r->msr.reason != KVM_MSR_EXIT_REASON_INVAL;

	kvm_counts_msr(v->vm, r->msr.index, write, r->msr.data);
	if (!write)
		r->msr.data = 0;
	r->msr.error = !ignore;
}

/* Banks of machine checks as this VMM has them on every host: few, and with a control MSR. */
void kvm_x86_mce(struct vcpu *v)
{
	enum { BANKS = X86_MC_BANKS, CTL_P = 1 << 8, SER_P = 1 << 24 };
	int banks = ioctl(kvm_vm(v->vm)->dev, KVM_CHECK_EXTENSION, KVM_CAP_MCE);
	uint64_t cap = 0;

	if (banks < BANKS ||
	    ioctl(kvm_vm(v->vm)->dev, KVM_X86_GET_MCE_CAP_SUPPORTED, &cap) < 0)
		return;
	cap = (cap & (CTL_P | SER_P)) | BANKS;
	ioctl(kvm_cpu(v)->fd, KVM_X86_SETUP_MCE, &cap);
}

/*
 * An emulating KVM patches VMCALL and VMMCALL to the one that it thinks the processor
 * has, and meets the same instruction again.
 */
bool kvm_arch_endless(struct vcpu *v, char *bytes, size_t n)
{
	static const uint8_t vmcall[] = { 0x0f, 0x01, 0xc1 }, vmmcall[] = { 0x0f, 0x01, 0xd9 };
	struct kvm_translation t = { .linear_address = kvm_arch_pc(v) };
	uint8_t insn[3];
	struct kvm_sregs s;

	if (kvm_x86_ioctl(v, KVM_GET_SREGS, &s))
		return false;
	t.linear_address += s.cs.base;
	if (kvm_x86_ioctl(v, KVM_TRANSLATE, &t) || !t.valid ||
	    mem_read(&v->vm->machine->mem, t.physical_address, insn, sizeof(insn)) ||
	    (memcmp(insn, vmcall, sizeof(insn)) && memcmp(insn, vmmcall, sizeof(insn))))
		return false;
	snprintf(bytes, n, "%02x %02x %02x", insn[0], insn[1], insn[2]);
	return true;
}
