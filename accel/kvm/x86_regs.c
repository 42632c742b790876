/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM's register structures of x86, and what must be repaired in them on the way. */
#include "accel/kvm/arch.h"

#include "accel/kvm/x86.h"
#include "target/x86/kvm_id.h"
#include "target/x86/state.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>

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

int kvm_x86_ioctl(struct vcpu *v, unsigned long req, void *buf)
{
	return ioctl(kvm_cpu(v)->fd, req, buf) < 0 ? -errno : 0;
}

static bool vm_has(struct vcpu *v, int cap)
{
	return ioctl(kvm_vm(v->vm)->fd, KVM_CHECK_EXTENSION, (unsigned long)cap) > 0;
}

/* Is QEMU's translator the hardware below this KVM? */
bool kvm_x86_host_is_tcg(void)
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

/*
 * The task register's type: busy (11) by the architecture and for VMX, but QEMU's
 * translator dies of a busy one at the guest's next change of ring.
 */
enum { TYPE_TSS_IDLE = 9, TYPE_TSS_BUSY = 11 };

static int sregs_write(struct vcpu *v, struct kvm_sregs2 *s)
{
	struct kvm_sregs old = { .cr0 = 0 };

	if (vm_has(v, KVM_CAP_SREGS2))
		return kvm_x86_ioctl(v, KVM_SET_SREGS2, s);
	/* an interrupt being delivered comes with the events; its bitmap stays empty */
	memcpy(&old, s, offsetof(struct kvm_sregs, interrupt_bitmap));
	return kvm_x86_ioctl(v, KVM_SET_SREGS, &old);
}

static int sregs_get(struct vcpu *v, void *buf)
{
	struct kvm_sregs2 *s = buf;
	int r;

	if (vm_has(v, KVM_CAP_SREGS2)) {
		r = kvm_x86_ioctl(v, KVM_GET_SREGS2, buf);
	} else {
		struct kvm_sregs old;

		r = kvm_x86_ioctl(v, KVM_GET_SREGS, &old);
		memset(buf, 0, sizeof(*s));
		memcpy(buf, &old, offsetof(struct kvm_sregs, interrupt_bitmap));
	}
	if (!r && kvm_x86_apic_get(v, s))
		r = sregs_write(v, s);
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

	/* KVM takes PDPTEs only where they are in use; SDM volume 3, 4.4.1 */
	if (!(s->cr0 & X86_CR0_PG) || !(s->cr4 & X86_CR4_PAE) || s->efer & X86_EFER_LMA)
		s->flags &= ~(uint64_t)KVM_SREGS2_FLAGS_PDPTRS_VALID;
	if (s->tr.type == TYPE_TSS_BUSY && kvm_x86_host_is_tcg())
		s->tr.type = TYPE_TSS_IDLE;
	hold_back_paging(v, s);
	kvm_x86_apic_set(v, s);
	return sregs_write(v, s);
}

/* No EPT, no NPT: KVM keeps page tables of its own, and wants to see each write to the guest's. */
static bool shadows_tables(void)
{
	const char *module = kvm_arch_hardware();
	char path[64];
	FILE *f;
	int c;

	if (!module)
		return true;
	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module,
		 strcmp(module, "kvm_amd") ? "ept" : "npt");
	f = fopen(path, "r");
	c = f ? fgetc(f) : 'N';
	if (f)
		fclose(f);
	return c == 'N' || c == '0';
}

/*
 * Page tables that were loaded into memory, or written by another engine, say other things at the
 * same places. KVM has no call for it, but flushes what the guest would see at a change of CR3.
 */
void kvm_arch_flush(struct vm *vm, const uint64_t *mask, const struct tlb_flush *f)
{
	struct kvm_sregs s;

	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpu[i];

		if (!(mask[i / 64] >> i % 64 & 1) || kvm_x86_ioctl(v, KVM_GET_SREGS, &s))
			continue;
		s.cr3 ^= MEM_PAGE_SIZE;
		kvm_x86_ioctl(v, KVM_SET_SREGS, &s);
		s.cr3 ^= MEM_PAGE_SIZE;
		kvm_x86_ioctl(v, KVM_SET_SREGS, &s);
	}
	if (shadows_tables())
		kvm_mem_forget(vm);
}

static int xcrs_get(struct vcpu *v, void *buf)
{
	struct kvm_xcrs *x = buf;
	int r = kvm_x86_ioctl(v, KVM_GET_XCRS, buf);

	if (!r && (!x->nr_xcrs || x->xcrs[0].xcr)) {
		memset(x, 0, sizeof(*x)); /* no XSAVE for this guest: x87 only */
		x->nr_xcrs = 1;
		x->xcrs[0].value = 1;
	}
	return r;
}

static int xcrs_set(struct vcpu *v, void *buf) { return kvm_x86_ioctl(v, KVM_SET_XCRS, buf); }
static int xsave_get(struct vcpu *v, void *buf) { return kvm_x86_ioctl(v, KVM_GET_XSAVE, buf); }

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
	return kvm_x86_ioctl(v, KVM_SET_XSAVE, buf);
}

static int regs_get(struct vcpu *v, void *buf) { return kvm_x86_ioctl(v, KVM_GET_REGS, buf); }

/*
 * What the last exit said of the guest's readiness for an interrupt is void; a vCPU that comes here
 * halted asks for IF before it has ever been in KVM_RUN.
 */
static int regs_set(struct vcpu *v, void *buf)
{
	const struct kvm_regs *r = buf;

	kvm_cpu(v)->run->ready_for_interrupt_injection = 0;
	kvm_cpu(v)->run->if_flag = r->rflags >> 9 & 1;
	return kvm_x86_ioctl(v, KVM_SET_REGS, buf);
}

static int dregs_get(struct vcpu *v, void *buf) { return kvm_x86_ioctl(v, KVM_GET_DEBUGREGS, buf); }
static int dregs_set(struct vcpu *v, void *buf) { return kvm_x86_ioctl(v, KVM_SET_DEBUGREGS, buf); }

struct mp { struct kvm_mp_state kvm; uint8_t kicked; };
_Static_assert(offsetof(struct mp, kicked) == 4, "K_KICKED");

/*
 * Who asks for the processor state makes the vCPU take an INIT and a SIPI that wait for it in its
 * local APIC, which change its other registers: those read before would be of before.
 */
void kvm_arch_settle(struct vcpu *v)
{
	struct kvm_mp_state mp;

	if (kvm_vm(v->vm)->irqchip && !kvm_x86_ioctl(v, KVM_GET_MP_STATE, &mp))
		kvm_cpu(v)->mp_state = mp.mp_state;
}

/* INIT from a vCPU that runs, to one that is in the translator for an instruction. */
void kvm_arch_catch_up(struct vcpu *v)
{
	struct kvm_cpu *c = kvm_cpu(v);
	uint32_t was = c->mp_state;

	kvm_arch_settle(v);
	if (was == c->mp_state || c->mp_state != KVM_MP_STATE_INIT_RECEIVED)
		return;
	v->vm->isa->init(v->state);
	((struct x86_state *)v->state)->mp_state = c->mp_state;
}

static int mp_get(struct vcpu *v, void *buf)
{
	struct mp *mp = buf;
	int r;

	memset(mp, 0, sizeof(*mp));
	r = kvm_x86_ioctl(v, KVM_GET_MP_STATE, &mp->kvm);
	if (kvm_cpu(v)->halted)
		mp->kvm.mp_state = KVM_MP_STATE_HALTED;
	return r ? r : kvm_x86_kicked(v, &mp->kvm, &mp->kicked);
}

/*
 * Without a local APIC in the kernel nothing there waits, for INIT or behind HLT:
 * the VMM holds the vCPU back.
 */
static int mp_set(struct vcpu *v, void *buf)
{
	struct mp *mp = buf;
	int r;

	if (!kvm_vm(v->vm)->irqchip) {
		kvm_cpu(v)->halted = mp->kvm.mp_state == KVM_MP_STATE_HALTED;
		return 0;
	}
	r = kvm_x86_ioctl(v, KVM_SET_MP_STATE, &mp->kvm);
	if (!r)
		kvm_cpu(v)->mp_state = mp->kvm.mp_state;
	if (!r && mp->kicked)
		kvm_x86_kick(v);
	return r;
}

static int events_get(struct vcpu *v, void *buf)
{
	return kvm_x86_ioctl(v, KVM_GET_VCPU_EVENTS, buf);
}

static int events_set(struct vcpu *v, void *buf)
{
	struct kvm_vcpu_events *ev = buf;

	if (ev->sipi_vector)
		ev->flags |= KVM_VCPUEVENT_VALID_SIPI_VECTOR;
	if (!(ev->flags & KVM_VCPUEVENT_VALID_PAYLOAD)) { /* then "pending" is not known */
		ev->exception.injected |= ev->exception.pending;
		ev->exception.pending = 0;
		ev->exception_has_payload = 0;
	}
	kvm_cpu(v)->run->ready_for_interrupt_injection = 0;
	return kvm_x86_ioctl(v, KVM_SET_VCPU_EVENTS, buf);
}

/* clang-format off */
#define CLASS(name, T, f) { name, sizeof(T), f##_get, f##_set }
/* clang-format on */
const struct kvm_reg_class kvm_arch_classes[] = {
	[X86_KVM_SREGS] = CLASS("system registers", struct kvm_sregs2, sregs),
	[X86_KVM_XCRS] = CLASS("xcr0", struct kvm_xcrs, xcrs),
	[X86_KVM_XSAVE] = { "extended state", X86_XSAVE_SIZE, xsave_get, xsave_set },
	[X86_KVM_REGS] = CLASS("registers", struct kvm_regs, regs),
	[X86_KVM_DEBUGREGS] = CLASS("debug registers", struct kvm_debugregs, dregs),
	[X86_KVM_MP_STATE] = CLASS("processor state", struct mp, mp),
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
