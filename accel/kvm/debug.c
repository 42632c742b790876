/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breakpoints, watchpoints and single steps. Watchpoints and the first
 * breakpoints use the debug registers (the guest keeps its own: KVM shows it the
 * values that it wrote); further breakpoints become instructions in guest memory,
 * placed while the vCPU is stopped. They are this vCPU's to set, but code is
 * shared, so each vCPU is given the same set.
 */
#include "accel/kvm/kvm.h"

#include "accel/kvm/arch.h"
#include "hw/core/mem.h"

#include <errno.h>
#include <sys/ioctl.h>

enum { INT3 = 0xcc };

static void unpatch(struct vcpu *v)
{
	struct kvm_cpu *c = kvm_cpu(v);
	uint8_t now;

	/* in reverse: of two at one place the first saved the guest's byte */
	while (c->nr_patched) {
		struct kvm_patch *b = &c->patched[--c->nr_patched];

		if (!mem_read(&v->vm->machine->mem, b->pa, &now, 1) && now == INT3)
			mem_write(&v->vm->machine->mem, b->pa, &b->saved, 1, true);
	}
}

static int patch(struct vcpu *v, gva_t va, struct err *e)
{
	static const uint8_t insn = INT3;
	struct kvm_cpu *c = kvm_cpu(v);
	struct kvm_patch *b = &c->patched[c->nr_patched];

	b->va = va;
	if (v->vm->isa->translate_debug(v->state, va, &b->pa) ||
	    mem_read(&v->vm->machine->mem, b->pa, &b->saved, 1) ||
	    mem_write(&v->vm->machine->mem, b->pa, &insn, 1, true))
		return err_set(e, EFAULT, "no memory at %#llx for a breakpoint",
			       (unsigned long long)va);
	c->nr_patched++;
	return 0;
}

static int apply(struct vcpu *v, const struct debug_req *r, struct err *e)
{
	struct kvm_cpu *c = kvm_cpu(v);
	struct kvm_guest_debug g = { .control = 0 };
	unsigned left = kvm_arch_debug_fill(r, &g);
	int res = 0;

	if (left > r->nr_break)
		return err_set(e, ENOSPC,
			       "the processor has debug registers for 4 aligned "
			       "watchpoints of 1, 2, 4 or 8 bytes");
	unpatch(v);
	if (left) {
		res = vcpu_pull(v, REGS_SYS, e);
		for (unsigned i = r->nr_break - left; !res && i < r->nr_break; i++)
			res = patch(v, r->brk[i], e);
		if (res) {
			unpatch(v);
			return res;
		}
		g.control |= KVM_GUESTDBG_USE_SW_BP;
	}
	if (r->step || r->nr_break || r->nr_watch)
		g.control |= KVM_GUESTDBG_ENABLE;
	if (ioctl(c->fd, KVM_SET_GUEST_DEBUG, &g) < 0) {
		res = err_errno(e, errno, "KVM_SET_GUEST_DEBUG");
		unpatch(v);
		return res;
	}
	c->debug = *r;
	c->guest_debug = g;
	return 0;
}

/* The set that there was stays if the wanted one cannot be had. */
int kvm_debug(struct vcpu *v, const struct debug_req *r, struct err *e)
{
	struct debug_req old = kvm_cpu(v)->debug;
	struct err ignored = { 0 };
	int res;

	if (r->nr_break > DBG_MAX || r->nr_watch > DBG_MAX)
		return err_set(e, ENOSPC, "at most %u breakpoints", DBG_MAX);
	res = kvm_arch_debug_possible(v, r, e);
	if (!res) {
		res = apply(v, r, e);
		if (res)
			apply(v, &old, &ignored);
	}
	return res;
}

bool kvm_debug_patched(struct vcpu *v, gva_t pc)
{
	for (unsigned i = 0; i < kvm_cpu(v)->nr_patched; i++)
		if (kvm_cpu(v)->patched[i].va == pc)
			return true;
	return false;
}

/*
 * KVM steps from the instruction pointer that it had when it was told to, so it is
 * told again before each step: registers may have been pushed since.
 */
void kvm_debug_rearm(struct vcpu *v)
{
	ioctl(kvm_cpu(v)->fd, KVM_SET_GUEST_DEBUG, &kvm_cpu(v)->guest_debug);
}
