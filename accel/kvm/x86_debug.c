/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug registers and debug exceptions of x86 (SDM volume 3, chapter 17). */
#include "accel/kvm/arch.h"

#include "accel/kvm/x86.h"

#include <errno.h>
#include <sys/ioctl.h>

static bool reinject_breakpoint(struct vcpu *v)
{
	struct kvm_guest_debug g = kvm_cpu(v)->guest_debug;

	g.control |= KVM_GUESTDBG_INJECT_BP;
	ioctl(kvm_cpu(v)->fd, KVM_SET_GUEST_DEBUG, &g);
	return false;
}

enum { VECTOR_BP = 3, DR6_BS = 1 << 14, NR_DR = 4 };

bool kvm_x86_debug_exit(struct vcpu *v, struct vm_exit *x)
{
	struct kvm_cpu *c = kvm_cpu(v);
	const struct kvm_debug_exit_arch *a = &c->run->debug.arch;
	const struct debug_req *d = &c->debug;

	x->reason = VM_EXIT_DEBUG;
	x->debug.pc = a->pc;
	x->debug.addr = a->pc;
	x->debug.access = ACCESS_EXEC;
	x->debug.kind = DBG_BREAK;
	if (a->exception == VECTOR_BP) {
		if (kvm_debug_patched(v, a->pc))
			return true;
		return reinject_breakpoint(v); /* the guest's own instruction */
	}
	for (unsigned i = 0; i < NR_DR; i++) {
		if (!(a->dr6 & 1u << i))
			continue;
		if (i < d->nr_watch) { /* watchpoints come first; see kvm_arch_debug_fill */
			x->debug.kind = DBG_WATCH;
			x->debug.addr = d->watch[i].addr;
			x->debug.access = d->watch[i].read ? ACCESS_READ : ACCESS_WRITE;
		}
		return true;
	}
	if (a->dr6 & DR6_BS || d->step)
		x->debug.kind = DBG_STEP;
	return true;
}

/*
 * A KVM that emulates ring 0 looks at no data breakpoints, and while it runs ring 3
 * by the processor, debug exceptions go to the guest: a step would kill it.
 */
int kvm_arch_debug_possible(struct vcpu *v, const struct debug_req *r, struct err *e)
{
	struct kvm_sregs s;

	if (kvm_caps()->mode_native)
		return 0;
	if (r->nr_watch)
		return err_set(e, ENOTSUP, "this KVM emulates the guest and has no watchpoints");
	if (!r->step || vcpu_push(v, e) || kvm_x86_ioctl(v, KVM_GET_SREGS, &s) || !s.cs.l ||
	    s.ss.dpl != 3)
		return 0;
	return err_set(e, ENOTSUP, "this KVM cannot step 64-bit user code");
}

/* DR7: SDM volume 3, 17.2.4. Watchpoints take registers first; returns breakpoints left over. */
unsigned kvm_arch_debug_fill(const struct debug_req *r, struct kvm_guest_debug *g)
{
	enum { EXEC = 0, WRITE = 1, ACCESS = 3, LEN_BAD = 4 };
	static const uint8_t len_code[9] = {
		[0] = LEN_BAD, [1] = 0,       [2] = 1,       [3] = LEN_BAD, [4] = 3,
		[5] = LEN_BAD, [6] = LEN_BAD, [7] = LEN_BAD, [8] = 2
	};
	uint64_t dr7 = 0x400;
	unsigned n = 0, i;

	if (r->step)
		g->control |= KVM_GUESTDBG_SINGLESTEP;
	for (i = 0; i < r->nr_watch; i++, n++) {
		uint64_t len = r->watch[i].len;

		if (n == NR_DR || len > 8 || len_code[len] == LEN_BAD ||
		    r->watch[i].addr & (len - 1))
			return r->nr_break + 1;
		g->arch.debugreg[n] = r->watch[i].addr;
		dr7 |= UINT64_C(2) << 2 * n |
		       (uint64_t)((r->watch[i].read ? ACCESS : WRITE) | len_code[len] << 2)
			       << (16 + 4 * n);
	}
	for (i = 0; i < r->nr_break && n < NR_DR; i++, n++) {
		g->arch.debugreg[n] = r->brk[i];
		dr7 |= UINT64_C(2) << 2 * n;
	}
	if (n) {
		g->control |= KVM_GUESTDBG_USE_HW_BP;
		g->arch.debugreg[7] = dr7;
	}
	return r->nr_break - i;
}
