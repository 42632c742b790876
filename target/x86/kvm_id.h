/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's numbering of x86 registers as regs.def uses it: which structure of KVM's
 * interface, where in it, how many bytes. These are plain numbers, so that the
 * table compiles on every host; accel/kvm/x86.c checks them against the kernel's
 * header, where there is one.
 */
#ifndef TARGET_X86_KVM_ID_H
#define TARGET_X86_KVM_ID_H

#include <stdint.h>

enum x86_kvm_class {		/* in the order in which they are pushed */
	X86_KVM_NONE,
	X86_KVM_SREGS,		/* struct kvm_sregs2 (and the common part of kvm_sregs) */
	X86_KVM_XCRS,		/* struct kvm_xcrs */
	X86_KVM_XSAVE,		/* struct kvm_xsave: standard-format image */
	X86_KVM_MSR,		/* offset is the MSR's number */
	X86_KVM_REGS,		/* struct kvm_regs */
	X86_KVM_DEBUGREGS,	/* struct kvm_debugregs */
	X86_KVM_MP_STATE,	/* struct kvm_mp_state, and what belongs to it (K_KICKED) */
	X86_KVM_EVENTS,		/* struct kvm_vcpu_events; last: pushing others may clear some */
	X86_KVM_CLASSES
};

enum { X86_KVM_ATTR = 1 };	/* form: a segment's attributes, spread over nine bytes there */

#define X86_KVM_ID(class, width, form, off)				\
	((uint64_t)(class) << 56 | (uint64_t)(form) << 48 |		\
	 (uint64_t)(width) << 32 | (uint64_t)(off))
#define X86_KVM_ID_CLASS(id) ((unsigned)((id) >> 56))
#define X86_KVM_ID_FORM(id) ((unsigned)((id) >> 48 & 0xff))
#define X86_KVM_ID_WIDTH(id) ((unsigned)((id) >> 32 & 0xffff))
#define X86_KVM_ID_OFF(id) ((uint32_t)(id))

/* kvm_segment: base, limit, selector, attribute bytes; eight of them begin kvm_sregs. */
enum { X86_KVM_SEG_SIZE = 24, X86_KVM_SEG_LIMIT = 8, X86_KVM_SEG_SEL = 12, X86_KVM_SEG_ATTR = 14 };
enum { KSEG_CS, KSEG_DS, KSEG_ES, KSEG_FS, KSEG_GS, KSEG_SS, KSEG_TR, KSEG_LDT };

#define K_REGS(n)	X86_KVM_ID(X86_KVM_REGS, 8, 0, (n) * 8)
#define K_SREGS(w, off)	X86_KVM_ID(X86_KVM_SREGS, w, 0, off)
#define K_SEG(s, off, w) X86_KVM_ID(X86_KVM_SREGS, w, 0, KSEG_##s * X86_KVM_SEG_SIZE + (off))
#define K_ATTR(s)	X86_KVM_ID(X86_KVM_SREGS, 2, X86_KVM_ATTR,	\
				   KSEG_##s * X86_KVM_SEG_SIZE + X86_KVM_SEG_ATTR)
#define K_XCRS(off)	X86_KVM_ID(X86_KVM_XCRS, 8, 0, off)
#define K_XSAVE(w, off)	X86_KVM_ID(X86_KVM_XSAVE, w, 0, off)
#define K_MSR(n)	X86_KVM_ID(X86_KVM_MSR, 8, 0, n)
#define K_DEBUG(off)	X86_KVM_ID(X86_KVM_DEBUGREGS, 8, 0, off)
#define K_MP(off)	X86_KVM_ID(X86_KVM_MP_STATE, 4, 0, off)
#define K_KICKED	X86_KVM_ID(X86_KVM_MP_STATE, 1, 0, 4)
#define K_EVENT(w, off)	X86_KVM_ID(X86_KVM_EVENTS, w, 0, off)

#endif
