/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x87 and SSE state between helpers: control words, registers, images of them in memory. */
#ifndef TARGET_X86_FPU_H
#define TARGET_X86_FPU_H

#include "target/x86/helper.h"
#include "util/softfloat/softfloat.h"

#include <string.h>

enum {
	X86_FSW_IE = 1, X86_FSW_DE = 2, X86_FSW_ZE = 4, X86_FSW_OE = 8, X86_FSW_UE = 16,
	X86_FSW_PE = 32, X86_FSW_SF = 64, X86_FSW_ES = 128, X86_FSW_EXC = 0x3f,
	X86_FSW_C0 = 0x100, X86_FSW_C1 = 0x200, X86_FSW_C2 = 0x400, X86_FSW_TOP = 0x3800,
	X86_FSW_C3 = 0x4000, X86_FSW_B = 0x8000, X86_FSW_TOP_SHIFT = 11,
	X86_FCW_RESET = 0x37f, X86_FCW_BITS = 0x1f3f, X86_FCW_ONES = 0x40,
	X86_MXCSR_RESET = 0x1f80, X86_MXCSR_BITS = 0xffff, X86_MXCSR_DAZ = 0x40,
	X86_MXCSR_UM = 0x800, X86_MXCSR_FTZ = 0x8000, X86_MXCSR_MASKS = 0x1f80,
	X86_MXCSR_RC_SHIFT = 13,
	X86_XF_X87 = 1, X86_XF_SSE = 2, X86_XF_AVX = 4, X86_XF_PKRU = 0x200,
	/* what XCR0 may enable of what is implemented; IA32_XSS: nothing */
	X86_XF_ALL = X86_XF_X87 | X86_XF_SSE | X86_XF_AVX | X86_XF_PKRU,
};

/* MXCSR with the flags that translated code has raised so far; its new value, flags too. */
uint32_t x86_mxcsr_get(struct x86_state *s);
void x86_mxcsr_put(struct x86_state *s, uint32_t v);
/* SF_* as the low six bits of MXCSR and of the x87 status word. */
static inline uint32_t x86_flags_of(unsigned sf)
{
	return (sf & SF_NV ? X86_FSW_IE : 0) | (sf & SF_DENORM ? X86_FSW_DE : 0) |
	       (sf & SF_DZ ? X86_FSW_ZE : 0) | (sf & SF_OF ? X86_FSW_OE : 0) |
	       (sf & SF_UF ? X86_FSW_UE : 0) | (sf & SF_NX ? X86_FSW_PE : 0);
}
unsigned x86_round_of_rc(unsigned rc);	/* RC field to enum sf_round */

static inline unsigned x86_fpu_top(const struct x86_state *s)
{
	return s->ftop & 7;
}
static inline void x86_fpu_status_put(struct x86_state *s, uint32_t v)
{
	s->fstat = v & 0xffff;
	s->ftop = v >> X86_FSW_TOP_SHIFT & 7;
}
static inline void x86_fpu_top_put(struct x86_state *s, unsigned top)
{
	s->ftop = top & 7;
	s->fstat = (s->fstat & ~(uint32_t)X86_FSW_TOP) | (top & 7) << X86_FSW_TOP_SHIFT;
}
static inline uint8_t *x86_fpu_reg(struct x86_state *s, unsigned i)
{
	return s->fpr[(x86_fpu_top(s) + i) & 7];
}
/* ES, B and fpu_es follow from the flags and their masks: after either was loaded. */
void x86_fpu_summary(struct x86_state *s);
/* FCW; the status word is in place. */
void x86_fpu_control_put(struct x86_state *s, uint32_t cw);
/* FNINIT. */
void x86_fpu_init(struct x86_state *s);
/* Tags in the long form (two bits a register, by physical number). */
unsigned x86_fpu_tags(const struct x86_state *s);
void x86_fpu_tags_put(struct x86_state *s, unsigned tags);

/* The last instruction's opcode and pointers. */
struct x86_fpu_ptr { uint64_t ip, dp; uint16_t cs, ds, op; };
struct x86_fpu_ptr x86_fpu_ptr_get(const struct x86_state *s);
void x86_fpu_ptr_put(struct x86_state *s, const struct x86_fpu_ptr *p);

/* n bytes at a linear address, with the current privilege: 0, or -1 with the exception raised. */
int x86_bulk_read(struct x86_state *s, uint64_t lin, void *buf, unsigned n);
int x86_bulk_write(struct x86_state *s, uint64_t lin, const void *buf, unsigned n);
/* The same as a write would; nothing is written. */
int x86_bulk_check(struct x86_state *s, uint64_t lin, unsigned n);

#endif
