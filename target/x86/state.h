/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The architectural state of one x86-64 processor, as regs.def describes it.
 * Chips beside the processor (local APIC, IOAPIC) are devices, not state.
 *
 * The extended state is kept by architectural register, not as an XSAVE image,
 * so that names in a snapshot mean the same on every host; what has no name yet
 * (AVX-512, PKRU) is kept as the standard-format image's bytes from 832 on
 * (SDM volume 1, 13.4.3).
 */
#ifndef TARGET_X86_STATE_H
#define TARGET_X86_STATE_H

#include <stddef.h>
#include <stdint.h>

enum x86_gpr {			/* instruction encoding order */
	X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
	X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
};

enum x86_sreg {			/* instruction encoding order, then the system segments */
	X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_TR, X86_LDT, X86_NR_SEGS,
};

/* Bits of x86_seg.attr: bits 8 to 23 of a descriptor's upper half, limit bits as zero. */
enum {
	X86_SEG_TYPE = 0xf, X86_SEG_S = 1 << 4, X86_SEG_DPL = 3 << 5, X86_SEG_P = 1 << 7,
	X86_SEG_AVL = 1 << 12, X86_SEG_L = 1 << 13, X86_SEG_DB = 1 << 14, X86_SEG_G = 1 << 15,
};
#define X86_SEG_DPL_SHIFT 5

struct x86_seg {
	uint64_t base;
	uint32_t limit;		/* in bytes, whatever the granularity bit says */
	uint32_t selector;
	uint16_t attr;		/* P clear: unusable (a null selector) */
	/*
	 * What translated code looks at: reads and writes of bytes below need no further check.
	 * Filled when C code has checked an access (x86_seg_check), 0 whenever the rest changes.
	 */
	uint64_t read_top, write_top;
};

struct x86_dtable { uint64_t base; uint32_t limit; };

enum {				/* control register bits used here; SDM volume 3, 2.5 */
	X86_CR0_PE = 1 << 0, X86_CR0_MP = 1 << 1, X86_CR0_EM = 1 << 2, X86_CR0_TS = 1 << 3,
	X86_CR0_ET = 1 << 4, X86_CR0_NE = 1 << 5, X86_CR0_WP = 1 << 16, X86_CR0_AM = 1 << 18,
	X86_CR0_NW = 1 << 29, X86_CR0_CD = 1 << 30,
	X86_CR4_VME = 1 << 0, X86_CR4_PVI = 1 << 1, X86_CR4_TSD = 1 << 2, X86_CR4_DE = 1 << 3,
	X86_CR4_PSE = 1 << 4, X86_CR4_PAE = 1 << 5, X86_CR4_MCE = 1 << 6, X86_CR4_PGE = 1 << 7,
	X86_CR4_PCE = 1 << 8, X86_CR4_OSFXSR = 1 << 9, X86_CR4_OSXMMEXCPT = 1 << 10,
	X86_CR4_UMIP = 1 << 11, X86_CR4_LA57 = 1 << 12, X86_CR4_FSGSBASE = 1 << 16,
	X86_CR4_PCIDE = 1 << 17, X86_CR4_OSXSAVE = 1 << 18, X86_CR4_SMEP = 1 << 20,
	X86_CR4_SMAP = 1 << 21, X86_CR4_PKE = 1 << 22,
	X86_EFER_SCE = 1 << 0, X86_EFER_LME = 1 << 8, X86_EFER_LMA = 1 << 10,
	X86_EFER_NXE = 1 << 11,
	X86_FLAG_CF = 1 << 0, X86_FLAG_PF = 1 << 2, X86_FLAG_AF = 1 << 4, X86_FLAG_ZF = 1 << 6,
	X86_FLAG_SF = 1 << 7, X86_FLAG_TF = 1 << 8, X86_FLAG_IF = 1 << 9, X86_FLAG_DF = 1 << 10,
	X86_FLAG_OF = 1 << 11, X86_FLAG_IOPL = 3 << 12, X86_FLAG_NT = 1 << 14,
	X86_FLAG_RF = 1 << 16, X86_FLAG_VM = 1 << 17, X86_FLAG_AC = 1 << 18,
	X86_FLAG_VIF = 1 << 19, X86_FLAG_VIP = 1 << 20, X86_FLAG_ID = 1 << 21,
	X86_FLAGS_ARITH = 0x8d5,
};
#define X86_CR0_PG (UINT64_C(1) << 31)

/* Exceptions (SDM volume 3, 6.3.1). */
enum x86_vector {
	X86_DE, X86_DB, X86_NMI, X86_BP, X86_OF, X86_BR, X86_UD, X86_NM, X86_DF, X86_TS = 10,
	X86_NP, X86_SSF, X86_GP, X86_PF, X86_MF = 16, X86_AC, X86_MC, X86_XM,
};

/* Inputs of the processor, numbers of cpu_port lines. KICK: another one's paravirtual wake-up. */
enum { X86_LINE_INTR, X86_LINE_NMI, X86_LINE_INIT, X86_LINE_SMI, X86_LINE_KICK };

enum { X86_XEXT_OFFSET = 832, X86_XSAVE_SIZE = 4096,
       X86_XEXT_SIZE = X86_XSAVE_SIZE - X86_XEXT_OFFSET, X86_MTRR_VAR = 8, X86_MTRR_FIX = 11,
       X86_MC_BANKS = 10 };

/* What cc_op says of the arithmetic flags; one group of four per operation: 8, 16, 32, 64 bits. */
enum x86_cc_op {
	X86_CC_RFLAGS,			/* they are in rflags */
	X86_CC_PACKED,			/* they are the bits of cc[0], placed as in rflags */
	/* (result, operand): the other operand is result - operand */
	X86_CC_ADD = 4,
	X86_CC_ADC = 8,			/* (result, operand, carry in) */
	X86_CC_SUB = 12,	/* (result, subtrahend): minuend is result + subtrahend */
	X86_CC_SBB = 16,		/* (result, subtrahend, borrow in) */
	X86_CC_CMP = 20,		/* (minuend, subtrahend): no result was kept */
	X86_CC_LOGIC = 24,		/* (result): CF = OF = AF = 0 */
	X86_CC_INC = 28,		/* (result, -, CF) */
	X86_CC_DEC = 32,
	/* (result, operand shifted by one place less): CF is its top bit; */
	X86_CC_SHL = 36,
	X86_CC_SHR = 40,		/* here its low bit; OF = top bits differ */
	X86_CC_SAR = 44,		/* the same */
	X86_CC_MUL = 48,	/* (low half, non-zero: CF = OF = 1); others of the low half */
	X86_CC_BMI = 52,		/* (result, non-zero: CF = 1); OF = AF = 0 */
	X86_CC_NR = 56,
};
/* Operands' bits above the operation's width are ignored. */

struct x86_state {
	uint64_t gpr[16];
	/* 16-byte halves, so that XSAVE's layout can name them; the state is aligned to 32 */
	struct { uint8_t lo[16], hi[16]; } ymm[16];
	uint64_t rip, rflags;
	/*
	 * What translated code works with, derived (x86_settle and x86_unsettle in tcg.h convert):
	 * pc, the linear address of the next instruction (cs base + rip); the arithmetic flags,
	 * which are in rflags only where cc_op is X86_CC_RFLAGS.
	 */
	uint64_t pc, cc[3];
	uint64_t scratch;			/* between translated code and a helper */
	uint8_t cc_op;
	/* an interrupt could not be taken: look after STI */
	uint8_t irq_waiting;
	uint8_t in_smm;
	uint8_t kicked;				/* a KICK came before the HLT that it ends */
	/* a page with a protection key but 0 may be in a TLB */
	uint8_t pkeys_seen;
	/* of one instruction at a time (cpu_mode.single), and of an event on its way; not saved */
	/* the next instruction goes by itself (guard_fail) */
	uint8_t single;
	uint8_t stepping;			/* TF was set when this instruction began */
	uint8_t resume_flag;			/* RF was: no instruction breakpoint */
	uint8_t watch_hits;			/* data breakpoints that it met, a bit each */
	uint8_t guard;				/* what a guard looks at that was computed for it */
	uint16_t delivering;			/* X86_DELIVERING_* and the vector; 0: nothing */
	struct x86_seg seg[X86_NR_SEGS];
	struct x86_dtable gdtr, idtr;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base;
	uint64_t pdptr_valid, pdptr[4];		/* PAE: as MOV CR3 loaded them */
	uint64_t dr[4], dr6, dr7;

	/* x87, SSE, AVX */
	uint64_t xcr0;
	uint64_t xstate_bv;			/* components not in their initial state */
	uint32_t fctrl, fstat, ftag, fop;	/* ftag: abridged form, a bit a register */
	uint32_t fioff, fiseg, fooff, foseg;
	uint32_t mxcsr;
	uint8_t st[8][16];			/* 80 bits used */
	uint8_t xext[X86_XEXT_SIZE];

	/* events between two instructions */
	uint8_t exc_injected, exc_nr, exc_has_error, exc_pending, exc_has_payload;
	uint32_t exc_error;
	uint64_t exc_payload;
	uint8_t int_injected, int_nr, int_soft, int_shadow;
	uint8_t nmi_injected, nmi_pending, nmi_masked;
	uint32_t sipi_vector;
	uint32_t mp_state;			/* KVM_MP_STATE_*: 0 runs, 1 awaits INIT */

	/* model-specific registers */
	uint64_t tsc, tsc_adjust, tsc_aux, tsc_deadline, spec_ctrl, misc_enable, pat, xss;
	uint64_t star, lstar, cstar, fmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t mtrr_def, mtrr_fix[X86_MTRR_FIX], mtrr_base[X86_MTRR_VAR], mtrr_mask[X86_MTRR_VAR];
	uint64_t mcg_status, mcg_ctl;
	uint64_t mc_ctl[X86_MC_BANKS], mc_status[X86_MC_BANKS], mc_addr[X86_MC_BANKS],
		 mc_misc[X86_MC_BANKS];
	uint64_t smbase, feature_control, debugctl, misc_features, tsx_ctrl, umwait_control;
	uint64_t xfd, xfd_err, virt_spec_ctrl, hwcr;
	uint64_t kvm_wall_clock, kvm_system_time, kvm_async_pf, kvm_async_pf_int, kvm_steal_time,
		 kvm_pv_eoi, kvm_poll_control;

	uint64_t tsc_offset;			/* RDTSC shows env time plus this */
	uint64_t kvm_clock_offset;		/* kvmclock shows virtual ns plus this */
	uint64_t no_reservation[2];		/* isa_tcg wants a place */
	/* derived: of the page walk that failed last (mmu.c) */
	uint64_t fault_va;
	uint32_t fault_error;
	uint8_t fault_acc;

	/*
	 * The x87 unit as instructions see it, derived (x86_fpu_settle and x86_fpu_unsettle):
	 * registers by physical number, 80 bits used (the top of the stack is in fstat). fpu_es is
	 * not zero while an unmasked exception waits. fop_live: the last instruction's opcode and
	 * X86_FOP_LIVE: the selector of its pointer is that in CS, else it is fcs; fds_live:
	 * that of the operand is in segment fds_live - 1, else (0) it is fds. fstat_next: of a
	 * store under way.
	 */
	_Alignas(16) uint8_t fpr[8][16];
	uint32_t fop_live, fstat_next;
	uint16_t fcs, fds;
	uint8_t ftop;				/* also in fstat; here for addresses to be early */
	uint8_t fds_live, fpu_es, fldcw_slow;	/* fldcw_slow: what a guard of FLDCW looks at */
	_Alignas(32) uint8_t vtmp[32];		/* a vector between translated code and a helper */
};
enum { X86_FOP_LIVE = 1 << 16 };

/* A TSC deadline in ticks of virtual time, as the chip has it; one before time began is past. */
static inline uint64_t x86_deadline_ticks(uint64_t tsc, uint64_t offset)
{
	uint64_t at = tsc - offset;

	return !tsc ? 0 : !at || (tsc < offset && (int64_t)at < 0) ? 1 : at;
}

_Static_assert(offsetof(struct x86_state, ymm) % 32 == 0, "vector slots");

/*
 * Entry states of a guest that is started without firmware. The paged form and
 * flat 32-bit protected mode need tables in guest RAM; they lie in its first
 * pages (X86_BOOT_*), and nothing else is put there.
 */
enum {
	/* null, 0x08 code32, 0x10 data, 0x18 code64, 0x20 user code32, 0x28 user data,
	 * 0x30 user code64, 0x38 TSS (16 bytes) */
	X86_BOOT_GDT = 0x1000,
	X86_BOOT_TSS = 0x1800,		/* 104 bytes of zeros, no I/O bitmap */
	X86_BOOT_PML4 = 0x2000,
	X86_BOOT_PDPT = 0x3000,
	X86_BOOT_PD = 0x4000,		/* four pages: 4 GiB identity, the last uncached */
	X86_BOOT_STACK = 0x80000,	/* rsp at entry */
	X86_BOOT_END = 0x8000,
};

void x86_reset(void *state);
/* cs:ip in real mode, other segments zero. */
void x86_boot_real(struct x86_state *s, uint16_t cs, uint16_t ip);
/* Flat protected mode, ring 0, paging off. */
void x86_boot_flat32(struct x86_state *s, uint32_t eip);
/* 64-bit mode, ring 0, interrupts off, 4 GiB identity mapped; rdi = arg0, rsi = arg1. */
void x86_boot_long(struct x86_state *s, uint64_t rip, uint64_t arg0, uint64_t arg1);
/* Linux's 64-bit boot protocol: as x86_boot_long, selectors 0x10 and 0x18; rsi = zero page. */
void x86_boot_linux64(struct x86_state *s, uint64_t rip, uint64_t zero_page);
/* Its 32-bit one: flat, paging off, selectors 0x10 and 0x18; esi = zero page. */
void x86_boot_linux32(struct x86_state *s, uint32_t eip, uint32_t zero_page);
/* INIT (SDM volume 3, table 10-1): what it leaves alone stays. SIPI: cs:ip = vector << 8 : 0. */
void x86_signal_init(void *state);
void x86_signal_sipi(void *state, unsigned vector);
/* From a state that x86_boot_flat32 or x86_boot_long set up: the same in ring 3, IOPL 3. */
void x86_boot_ring3(struct x86_state *s);

int x86_translate_debug(void *state, uint64_t va, uint64_t *pa);

#endif
