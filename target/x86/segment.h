/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors, segment registers and stacks as privilege transfers use them. Functions that
 * return int: 0, or -1 with the exception raised (the state is unchanged then).
 */
#ifndef TARGET_X86_SEGMENT_H
#define TARGET_X86_SEGMENT_H

#include "target/x86/helper.h"

/* Types of system descriptors (SDM volume 3, table 3-2). */
enum {
	X86_SYS_TSS16 = 1, X86_SYS_LDT = 2, X86_SYS_TSS16_BUSY = 3, X86_SYS_CALL16 = 4,
	X86_SYS_TASK = 5, X86_SYS_INT16 = 6, X86_SYS_TRAP16 = 7, X86_SYS_TSS32 = 9,
	X86_SYS_TSS32_BUSY = 11, X86_SYS_CALL32 = 12, X86_SYS_INT32 = 14, X86_SYS_TRAP32 = 15,
};
enum { X86_TYPE_ACCESSED = 1, X86_TYPE_WRITABLE = 2, X86_TYPE_READABLE = 2, X86_TYPE_DOWN = 4,
       X86_TYPE_CONFORMING = 4, X86_TYPE_CODE = 8 };

struct x86_desc {
	uint64_t lo, hi;	/* hi: the second half of a 16-byte one */
	uint64_t addr;		/* linear */
};

/* attr as in struct x86_seg */
static inline uint16_t x86_desc_attr(const struct x86_desc *d)
{
	return (uint16_t)(d->lo >> 40 & 0xf0ff);
}
static inline unsigned x86_desc_dpl(const struct x86_desc *d) { return d->lo >> 45 & 3; }
static inline unsigned x86_desc_type(const struct x86_desc *d) { return d->lo >> 40 & 15; }
static inline bool x86_desc_system(const struct x86_desc *d) { return !(d->lo >> 44 & 1); }
static inline bool x86_desc_present(const struct x86_desc *d) { return d->lo >> 47 & 1; }
static inline bool x86_desc_code(const struct x86_desc *d) { return (d->lo >> 43 & 3) == 3; }
static inline bool x86_desc_conforming(const struct x86_desc *d)
{
	return (d->lo >> 42 & 7) == 7;
}
static inline bool x86_desc_long(const struct x86_desc *d) { return d->lo >> 53 & 1; }
static inline bool x86_desc_big(const struct x86_desc *d) { return d->lo >> 54 & 1; }
static inline unsigned x86_seg_dpl(const struct x86_seg *g)
{
	return (g->attr & X86_SEG_DPL) >> X86_SEG_DPL_SHIFT;
}

static inline bool x86_real_or_vm(const struct x86_state *s)
{
	return !(s->cr0 & X86_CR0_PE) || s->rflags & X86_FLAG_VM;
}
static inline bool x86_lma(const struct x86_state *s) { return s->efer & X86_EFER_LMA; }
/* Is the linear address one that paging could have? */
static inline bool x86_canonical(const struct x86_state *s, uint64_t lin)
{
	unsigned n = s->cr4 & X86_CR4_LA57 ? 7 : 16;

	return (uint64_t)((int64_t)(lin << n) >> n) == lin;
}

/*
 * The descriptor of a selector; v and its error code (the selector) where the table ends
 * before it. wide: 16 bytes.
 */
int x86_desc_read(struct x86_state *s, struct x86_desc *d, uint16_t sel, bool wide,
		  enum x86_vector v);
/* The same without exceptions but page faults; 1: the table ends before it. */
int x86_desc_peek(struct x86_state *s, struct x86_desc *d, uint16_t sel, bool wide);
struct x86_seg x86_desc_seg(const struct x86_desc *d, uint16_t sel);
/* Sets the accessed bit in the table where it is not. */
int x86_desc_access(struct x86_state *s, struct x86_desc *d);

/* MOV, POP to, LxS: any register but CS; protected mode's checks or real mode's way. */
int x86_seg_load(struct x86_state *s, unsigned sreg, uint16_t sel);
/* Checks of SS for a privilege level to be: v with the selector (and ext). */
int x86_ss_check(struct x86_state *s, struct x86_seg *out, uint16_t sel, unsigned cpl,
		 enum x86_vector v);
/* Real and virtual-8086 mode's registers. */
void x86_seg_real(struct x86_state *s, unsigned sreg, uint16_t sel);
/* After a return to an outer ring: data segments that are too good for it become null. */
void x86_seg_outer(struct x86_state *s, unsigned cpl);
/* Do the segment's rights allow writes? */
bool x86_seg_writable(const struct x86_state *s, unsigned sreg);
/* What was remembered of checked accesses is void: CR0.PE changed, or all registers. */
void x86_seg_forget(struct x86_state *s);
/* Does [off, off + size) lie inside? */
bool x86_seg_inside(const struct x86_seg *g, uint64_t off, unsigned size);

struct x86_stack {
	struct x86_seg ss;
	uint64_t sp, mask;	/* mask: of the offset; ~0: 64-bit mode */
	unsigned view;
	uint32_t error;		/* of the #SS */
};
/* The stack in use. */
void x86_stack_now(struct x86_state *s, struct x86_stack *st);
int x86_push_value(struct x86_state *s, struct x86_stack *st, uint64_t v, unsigned size);
int x86_pop_value(struct x86_state *s, struct x86_stack *st, uint64_t *v, unsigned size);
/* n values of 8 bytes pushed on a 64-bit stack, v[0] first. */
int x86_push_frame(struct x86_state *s, uint64_t sp, unsigned view, const uint64_t *v,
		   unsigned n);
/* SP of a stack that is in use becomes sp, as far as its width goes. */
void x86_stack_set_sp(struct x86_state *s, const struct x86_stack *st);

/* Inner stack of ring cpl from the task state segment; 64-bit: SS is not read. */
int x86_tss_stack(struct x86_state *s, unsigned cpl, uint16_t *ss, uint64_t *sp);
/* task.c */
enum x86_task_how { X86_TASK_JMP, X86_TASK_CALL, X86_TASK_IRET };
/*
 * Task switch to the TSS that d is of; next_rip is saved in the old one. error: pushed on the
 * new stack where has_error. Returns 0 when the new task runs, -1 with the exception raised.
 */
int x86_task_switch(struct x86_state *s, uint16_t sel, struct x86_desc *d,
		    enum x86_task_how how, uint64_t next_rip, bool has_error, uint32_t error);

/* exception.c: events other than exceptions of the instruction; next_rip is what is pushed. */
void x86_event(struct x86_state *s, enum x86_event how, unsigned vector, bool has_error,
	       uint32_t error, uint64_t next_rip);

#endif
