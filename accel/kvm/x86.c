/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86-64 hosts: what their KVM needs beyond the engine's common part. */
#include "accel/kvm/x86.h"

#include "accel/kvm/arch.h"
#include "target/x86/state.h"

#include <errno.h>
#include <sys/ioctl.h>

const char kvm_arch_isa[] = "x86_64";

/*
 * Pages for VMX's real mode and its map, which older processors make slots of. Between the
 * local APICs and the lowest flash chip (16 MiB below 4 GiB), so that no slot of ours meets them.
 */
enum { TSS_ADDR = 0xfeffd000, IDENTITY_ADDR = 0xfeffc000 };

int kvm_arch_vm_start(struct vm *vm, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_enable_cap payload = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .args = { 1 } };
	uint64_t identity = IDENTITY_ADDR;

	if (ioctl(k->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return err_errno(e, errno, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(k->fd, KVM_SET_TSS_ADDR, (unsigned long)TSS_ADDR) < 0)
		return err_errno(e, errno, "KVM_SET_TSS_ADDR");
	/* a pending #PF keeps its CR2 apart until it is delivered; kernels before 4.20 cannot */
	ioctl(k->fd, KVM_ENABLE_CAP, &payload);
	kvm_x86_limit(vm);
	return kvm_x86_msr_start(vm, e);
}

uint64_t kvm_arch_pc(struct vcpu *v)
{
	struct kvm_regs r;

	return kvm_x86_ioctl(v, KVM_GET_REGS, &r) ? 0 : r.rip;
}

void kvm_arch_where(struct vcpu *v, char *buf, size_t n)
{
	struct kvm_sregs s;
	const char *mode;

	if (kvm_x86_ioctl(v, KVM_GET_SREGS, &s)) {
		snprintf(buf, n, "vCPU %u", v->index);
		return;
	}
	mode = !(s.cr0 & X86_CR0_PE) ? "real" :
	       s.efer & X86_EFER_LMA ? "long" :
	       s.cr0 & X86_CR0_PG    ? "paged" :
				       "protected";
	snprintf(buf, n, "vCPU %u, %s mode, %x:%llx", v->index, mode, s.cs.selector,
		 (unsigned long long)kvm_arch_pc(v));
}

/*
 * The guest itself turns 32-bit paging on: such a KVM answers with a shutdown, the
 * MOV to CR0 not executed (0F 22 /0; SDM volume 2). On other hosts a shutdown is
 * the guest's own.
 */
bool kvm_arch_mode_refused(struct vcpu *v)
{
	static const uint8_t order[8] = { 0, 2, 3, 1, 6, 7, 4, 5 };
	struct kvm_sregs s;
	struct kvm_regs r;
	uint64_t val[16];
	uint8_t insn[3];

	if (kvm_caps()->mode_native || kvm_x86_ioctl(v, KVM_GET_SREGS, &s) ||
	    kvm_x86_ioctl(v, KVM_GET_REGS, &r) || s.cr0 & X86_CR0_PG || s.efer & X86_EFER_LME)
		return false;
	if (mem_read(&v->vm->machine->mem, s.cs.base + r.rip, insn, sizeof(insn)) ||
	    insn[0] != 0x0f || insn[1] != 0x22 || insn[2] & 0x38)
		return false;
	memcpy(val, &r, sizeof(val));
	/* kvm_regs: rax rbx rcx rdx rsi rdi rsp rbp; encoding: rax rcx rdx rbx rsp rbp rsi rdi */
	return val[order[insn[2] & 7]] & X86_CR0_PG;
}

bool kvm_arch_exit(struct vcpu *v, struct vm_exit *x, bool *known)
{
	struct kvm_run *r = kvm_cpu(v)->run;

	*known = true;
	switch (r->exit_reason) {
	case KVM_EXIT_DEBUG: return kvm_x86_debug_exit(v, x);
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		kvm_cpu(v)->pending_io = true; /* the next KVM_RUN finishes the instruction */
		if (!kvm_x86_apic_msr(v))
			kvm_x86_msr_exit(v, r->exit_reason == KVM_EXIT_X86_WRMSR);
		return false;
	case KVM_EXIT_IOAPIC_EOI:
		irqchip_eoi(v->vm->machine, r->eoi.vector);
		return false;
	case KVM_EXIT_X86_BUS_LOCK: return false;
	case KVM_EXIT_NOTIFY: return kvm_x86_notify(v, x);
	}
	*known = false;
	return true;
}
