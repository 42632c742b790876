/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86-64 hosts: what their KVM needs beyond the engine's common part. */
#include "accel/kvm/arch.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "target/x86/kvm_id.h"
#include "target/x86/state.h"

const char kvm_arch_isa[] = "x86_64";

/* The numbers of regs.def against the kernel's header. */
_Static_assert(sizeof(struct kvm_segment) == X86_KVM_SEG_SIZE, "segment");
_Static_assert(offsetof(struct kvm_segment, limit) == X86_KVM_SEG_LIMIT, "segment limit");
_Static_assert(offsetof(struct kvm_segment, selector) == X86_KVM_SEG_SEL, "segment selector");
_Static_assert(offsetof(struct kvm_segment, type) == X86_KVM_SEG_ATTR, "segment attributes");
_Static_assert(offsetof(struct kvm_sregs2, ds) == KSEG_DS * X86_KVM_SEG_SIZE, "ds");
_Static_assert(offsetof(struct kvm_sregs2, ldt) == KSEG_LDT * X86_KVM_SEG_SIZE, "ldt");
_Static_assert(offsetof(struct kvm_sregs2, gdt) == 192, "gdt");
_Static_assert(offsetof(struct kvm_sregs2, cr0) == 224, "cr0");
_Static_assert(offsetof(struct kvm_sregs2, apic_base) == 272, "apic_base");
_Static_assert(offsetof(struct kvm_sregs2, pdptrs) == 288, "pdptrs");
_Static_assert(offsetof(struct kvm_sregs, apic_base) == 272, "the older structure begins alike");
_Static_assert(offsetof(struct kvm_regs, rip) == 128, "rip");
_Static_assert(offsetof(struct kvm_debugregs, dr7) == 40, "dr7");
_Static_assert(offsetof(struct kvm_xcrs, xcrs[0].value) == 16, "xcr0");
_Static_assert(offsetof(struct kvm_vcpu_events, sipi_vector) == 16, "sipi_vector");
_Static_assert(offsetof(struct kvm_vcpu_events, exception_payload) == 56, "payload");

/* Just below the 4 GiB that firmware and chips use: three pages for VMX's real mode, one for its map. */
enum { TSS_ADDR = 0xfffbd000, IDENTITY_ADDR = 0xfffbc000 };

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
	return 0;
}

int kvm_arch_irqchip(struct vm *vm, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };	/* port 0x61 comes with it */

	if (ioctl(k->fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return err_errno(e, errno, "KVM_CREATE_IRQCHIP");
	if (ioctl(k->fd, KVM_CREATE_PIT2, &pit) < 0)
		return err_errno(e, errno, "KVM_CREATE_PIT2");
	return 0;
}

/* ---- register structures ---- */

static int get(struct vcpu *v, unsigned long req, void *buf)
{
	return ioctl(kvm_cpu(v)->fd, req, buf) < 0 ? -errno : 0;
}

static bool vm_has(struct vcpu *v, int cap)
{
	return ioctl(kvm_vm(v->vm)->fd, KVM_CHECK_EXTENSION, (unsigned long)cap) > 0;
}

/*
 * The task register's type: busy (11) by the architecture and for VMX, but QEMU's
 * translator, when it is the hardware below this KVM, dies of a busy one at the
 * guest's next change of ring.
 */
static bool host_wants_idle_tss(void)
{
	uint32_t a, b = 0, c = 0, d = 0;
	char sig[13] = "";

#if defined(__x86_64__)
	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0x40000000), "c"(0));
#endif
	memcpy(sig, &b, 4);
	memcpy(sig + 4, &c, 4);
	memcpy(sig + 8, &d, 4);
	return !strcmp(sig, "TCGTCGTCGTCG");
}

enum { TYPE_TSS_IDLE = 9, TYPE_TSS_BUSY = 11 };

static int sregs_get(struct vcpu *v, void *buf)
{
	struct kvm_sregs2 *s = buf;
	int r;

	if (vm_has(v, KVM_CAP_SREGS2)) {
		r = get(v, KVM_GET_SREGS2, buf);
	} else {
		struct kvm_sregs old;

		r = get(v, KVM_GET_SREGS, &old);
		memset(buf, 0, sizeof(*s));
		memcpy(buf, &old, offsetof(struct kvm_sregs, interrupt_bitmap));
	}
	if (s->tr.type == TYPE_TSS_IDLE)
		s->tr.type = TYPE_TSS_BUSY;
	if (kvm_cpu(v)->refused_cr0)
		s->cr0 = kvm_cpu(v)->refused_cr0;
	return r;
}

/*
 * A KVM that emulates has no 32-bit paging: given such a state it forgets CR0.PG
 * and dies of a triple fault in the next run. So the value is kept here instead,
 * and run() says that it can't.
 */
static void hold_back_paging(struct vcpu *v, struct kvm_sregs2 *s)
{
	kvm_cpu(v)->refused_cr0 = 0;
	if (!(s->cr0 & X86_CR0_PG) || s->efer & X86_EFER_LMA || kvm_caps()->mode_native)
		return;
	kvm_cpu(v)->refused_cr0 = s->cr0;
	s->cr0 &= ~X86_CR0_PG;
}

static int sregs_set(struct vcpu *v, void *buf)
{
	struct kvm_sregs2 *s = buf;
	struct kvm_sregs old = { .cr0 = 0 };
	int r;

	/* KVM takes PDPTEs only where they are in use; SDM volume 3, 4.4.1 */
	if (!(s->cr0 & X86_CR0_PG) || !(s->cr4 & X86_CR4_PAE) || s->efer & X86_EFER_LMA)
		s->flags &= ~(uint64_t)KVM_SREGS2_FLAGS_PDPTRS_VALID;
	if (s->tr.type == TYPE_TSS_BUSY && host_wants_idle_tss())
		s->tr.type = TYPE_TSS_IDLE;
	hold_back_paging(v, s);
	if (vm_has(v, KVM_CAP_SREGS2)) {
		r = get(v, KVM_SET_SREGS2, buf);
	} else {
		/* an interrupt being delivered comes with the events; its bitmap stays empty */
		memcpy(&old, buf, offsetof(struct kvm_sregs, interrupt_bitmap));
		r = get(v, KVM_SET_SREGS, &old);
	}
	return r;
}

static int xcrs_get(struct vcpu *v, void *buf)
{
	struct kvm_xcrs *x = buf;
	int r = get(v, KVM_GET_XCRS, buf);

	if (!r && (!x->nr_xcrs || x->xcrs[0].xcr)) {
		memset(x, 0, sizeof(*x));	/* no XSAVE for this guest: x87 only */
		x->nr_xcrs = 1;
		x->xcrs[0].value = 1;
	}
	return r;
}

static int xcrs_set(struct vcpu *v, void *buf) { return get(v, KVM_SET_XCRS, buf); }
static int xsave_get(struct vcpu *v, void *buf) { return get(v, KVM_GET_XSAVE, buf); }

/*
 * A component whose bit in XSTATE_BV is clear is taken as initial whatever its
 * bytes say, so components with bytes get their bits (SDM volume 1, 13.8).
 */
static int xsave_set(struct vcpu *v, void *buf)
{
	enum { X87_SSE = 3, AVX = 4, BV = 512, YMMH = 576, YMMH_SIZE = 256 };
	static const uint8_t zero[YMMH_SIZE];
	uint8_t *b = buf;
	uint64_t bv = ld_64(b + BV) | X87_SSE;

	if (memcmp(b + YMMH, zero, YMMH_SIZE))
		bv |= AVX;
	st_64(b + BV, bv);
	return get(v, KVM_SET_XSAVE, buf);
}

static int regs_get(struct vcpu *v, void *buf) { return get(v, KVM_GET_REGS, buf); }
static int regs_set(struct vcpu *v, void *buf) { return get(v, KVM_SET_REGS, buf); }
static int dregs_get(struct vcpu *v, void *buf) { return get(v, KVM_GET_DEBUGREGS, buf); }
static int dregs_set(struct vcpu *v, void *buf) { return get(v, KVM_SET_DEBUGREGS, buf); }
static int mp_get(struct vcpu *v, void *buf) { return get(v, KVM_GET_MP_STATE, buf); }

/* Without a local APIC in the kernel nothing there waits for INIT: the VMM holds such a vCPU back. */
static int mp_set(struct vcpu *v, void *buf)
{
	return kvm_vm(v->vm)->irqchip ? get(v, KVM_SET_MP_STATE, buf) : 0;
}

static int events_get(struct vcpu *v, void *buf) { return get(v, KVM_GET_VCPU_EVENTS, buf); }

static int events_set(struct vcpu *v, void *buf)
{
	struct kvm_vcpu_events *ev = buf;

	if (ev->sipi_vector)
		ev->flags |= KVM_VCPUEVENT_VALID_SIPI_VECTOR;
	if (!(ev->flags & KVM_VCPUEVENT_VALID_PAYLOAD)) {	/* then "pending" is not known */
		ev->exception.injected |= ev->exception.pending;
		ev->exception.pending = 0;
		ev->exception_has_payload = 0;
	}
	return get(v, KVM_SET_VCPU_EVENTS, buf);
}

#define CLASS(name, T, f) { name, sizeof(T), f##_get, f##_set }
const struct kvm_reg_class kvm_arch_classes[] = {
	[X86_KVM_SREGS] = CLASS("system registers", struct kvm_sregs2, sregs),
	[X86_KVM_XCRS] = CLASS("xcr0", struct kvm_xcrs, xcrs),
	[X86_KVM_XSAVE] = { "extended state", X86_XSAVE_SIZE, xsave_get, xsave_set },
	[X86_KVM_REGS] = CLASS("registers", struct kvm_regs, regs),
	[X86_KVM_DEBUGREGS] = CLASS("debug registers", struct kvm_debugregs, dregs),
	[X86_KVM_MP_STATE] = CLASS("processor state", struct kvm_mp_state, mp),
	[X86_KVM_EVENTS] = CLASS("events", struct kvm_vcpu_events, events),
};
const unsigned kvm_arch_nr_classes = ARRAY_SIZE(kvm_arch_classes);

/* kvm_segment from `type` on: type, present, dpl, db, s, l, g, avl, unusable */
uint16_t kvm_arch_attr_get(const uint8_t *p)
{
	bool present = p[1] && !p[8];

	return (p[0] & 0xf) | (p[4] ? X86_SEG_S : 0) | (p[2] & 3) << X86_SEG_DPL_SHIFT |
	       (present ? X86_SEG_P : 0) | (p[7] ? X86_SEG_AVL : 0) | (p[5] ? X86_SEG_L : 0) |
	       (p[3] ? X86_SEG_DB : 0) | (p[6] ? X86_SEG_G : 0);
}

void kvm_arch_attr_set(uint8_t *p, uint16_t attr)
{
	p[0] = attr & X86_SEG_TYPE;
	p[1] = !!(attr & X86_SEG_P);
	p[2] = (attr & X86_SEG_DPL) >> X86_SEG_DPL_SHIFT;
	p[3] = !!(attr & X86_SEG_DB);
	p[4] = !!(attr & X86_SEG_S);
	p[5] = !!(attr & X86_SEG_L);
	p[6] = !!(attr & X86_SEG_G);
	p[7] = !!(attr & X86_SEG_AVL);
	p[8] = !(attr & X86_SEG_P);
}

/* ---- running ---- */

/*
 * With the chips in user space KVM has one interrupt input: a vector is handed
 * over when the guest can take it, and asked for by an exit until then.
 */
void kvm_arch_before_run(struct vcpu *v)
{
	struct kvm_cpu *c = kvm_cpu(v);
	struct kvm_run *r = c->run;
	uint64_t lines;

	if (kvm_vm(v->vm)->irqchip)
		return;
	lines = atomic_load(&v->port.lines);
	if (unlikely(lines & BIT(X86_LINE_NMI))) {	/* edge: taken once */
		cpu_port_set(&v->port, X86_LINE_NMI, 0);
		ioctl(c->fd, KVM_NMI, 0);
	}
	if (unlikely(lines & BIT(X86_LINE_INTR)) && r->ready_for_interrupt_injection && v->port.ack) {
		struct kvm_interrupt i = { .irq = 0 };
		int vector = v->port.ack(v->port.ack_chip);

		if (vector >= 0) {
			i.irq = vector;
			ioctl(c->fd, KVM_INTERRUPT, &i);
		}
		r->ready_for_interrupt_injection = 0;
		lines = atomic_load(&v->port.lines);
	}
	r->request_interrupt_window = !!(lines & BIT(X86_LINE_INTR));
}

uint64_t kvm_arch_halt_wake(struct vcpu *v)
{
	return BIT(X86_LINE_NMI) | BIT(X86_LINE_INIT) |
	       (kvm_cpu(v)->run->if_flag ? BIT(X86_LINE_INTR) : 0);
}

uint64_t kvm_arch_pc(struct vcpu *v)
{
	struct kvm_regs r;

	return get(v, KVM_GET_REGS, &r) ? 0 : r.rip;
}

void kvm_arch_where(struct vcpu *v, char *buf, size_t n)
{
	struct kvm_sregs s;
	const char *mode;

	if (get(v, KVM_GET_SREGS, &s)) {
		snprintf(buf, n, "vCPU %u", v->index);
		return;
	}
	mode = !(s.cr0 & X86_CR0_PE) ? "real" : s.efer & X86_EFER_LMA ? "long" :
	       s.cr0 & X86_CR0_PG ? "paged" : "protected";
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

	if (kvm_caps()->mode_native || get(v, KVM_GET_SREGS, &s) || get(v, KVM_GET_REGS, &r) ||
	    s.cr0 & X86_CR0_PG || s.efer & X86_EFER_LME)
		return false;
	if (mem_read(&v->vm->machine->mem, s.cs.base + r.rip, insn, sizeof(insn)) ||
	    insn[0] != 0x0f || insn[1] != 0x22 || insn[2] & 0x38)
		return false;
	memcpy(val, &r, sizeof(val));
	/* kvm_regs: rax rbx rcx rdx rsi rdi rsp rbp; encoding: rax rcx rdx rbx rsp rbp rsi rdi */
	return val[order[insn[2] & 7]] & X86_CR0_PG;
}

static bool reinject_breakpoint(struct vcpu *v)
{
	struct kvm_guest_debug g = kvm_cpu(v)->guest_debug;

	g.control |= KVM_GUESTDBG_INJECT_BP;
	ioctl(kvm_cpu(v)->fd, KVM_SET_GUEST_DEBUG, &g);
	return false;
}

enum { VECTOR_BP = 3, DR6_BS = 1 << 14, NR_DR = 4 };

static bool debug_exit(struct vcpu *v, struct vm_exit *x)
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
		return reinject_breakpoint(v);	/* the guest's own instruction */
	}
	for (unsigned i = 0; i < NR_DR; i++) {
		if (!(a->dr6 & 1u << i))
			continue;
		if (i < d->nr_watch) {		/* watchpoints come first; see kvm_arch_debug_fill */
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

bool kvm_arch_exit(struct vcpu *v, struct vm_exit *x, bool *known)
{
	struct kvm_run *r = kvm_cpu(v)->run;

	*known = true;
	switch (r->exit_reason) {
	case KVM_EXIT_DEBUG:
		return debug_exit(v, x);
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		r->msr.error = 1;	/* #GP, as for any MSR that is not there */
		return false;
	case KVM_EXIT_X86_BUS_LOCK:
		return false;
	}
	*known = false;
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
	if (!r->step || vcpu_push(v, e) || get(v, KVM_GET_SREGS, &s) || !s.cs.l || s.ss.dpl != 3)
		return 0;
	return err_set(e, ENOTSUP, "this KVM cannot step 64-bit user code");
}

/* DR7: SDM volume 3, 17.2.4. Watchpoints take registers first; returns breakpoints left over. */
unsigned kvm_arch_debug_fill(const struct debug_req *r, struct kvm_guest_debug *g)
{
	enum { EXEC = 0, WRITE = 1, ACCESS = 3, LEN_BAD = 4 };
	static const uint8_t len_code[9] = { [0] = LEN_BAD, [1] = 0, [2] = 1, [3] = LEN_BAD,
		[4] = 3, [5] = LEN_BAD, [6] = LEN_BAD, [7] = LEN_BAD, [8] = 2 };
	uint64_t dr7 = 0x400;
	unsigned n = 0, i;

	if (r->step)
		g->control |= KVM_GUESTDBG_SINGLESTEP;
	for (i = 0; i < r->nr_watch; i++, n++) {
		uint64_t len = r->watch[i].len;

		if (n == NR_DR || len > 8 || len_code[len] == LEN_BAD || r->watch[i].addr & (len - 1))
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
