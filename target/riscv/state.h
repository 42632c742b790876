/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The architectural state of one RV64 hart. regs.def describes every field that
 * is state; what is derived says so here.
 */
#ifndef TARGET_RISCV_STATE_H
#define TARGET_RISCV_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/cpu.h"

#define RISCV_NR_PMP 16

/* Privilege modes, as in mstatus.MPP. */
enum riscv_priv { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

/* Interrupt numbers; also the numbers of the input lines of a hart (struct cpu_port). */
enum riscv_irq {
	IRQ_S_SOFT = 1, IRQ_M_SOFT = 3, IRQ_S_TIMER = 5, IRQ_M_TIMER = 7,
	IRQ_S_EXT = 9, IRQ_M_EXT = 11,
};

/* Bits of cpu_env.features. M, A, C, Zicsr, Zifencei and Zicntr are always there. */
enum riscv_feature {
#define FEATURE(id, name, help) FEAT_BIT_##id,
#include "target/riscv/features.def"
#undef FEATURE
	FEAT_NR,
#define FEATURE(id, name, help) FEAT_##id = 1u << FEAT_BIT_##id,
#include "target/riscv/features.def"
#undef FEATURE
};
_Static_assert(FEAT_NR <= 18, "features fit the block key");

struct riscv_state {
	uint64_t x[32];		/* offset 0: translated code reaches it best; x[0] stays 0 */
	uint64_t f[32];		/* single precision is boxed */
	uint64_t pc;
	uint64_t resv_addr;	/* LR's reservation: virtual address, ~0 none */
	uint64_t resv_val;
	uint8_t fpstate;	/* derived: FPS_*, what blocks with FP instructions test */
	uint8_t frm;
	uint8_t fflags;		/* without what fp_take() still holds */
	uint8_t priv;		/* enum riscv_priv */
	uint32_t pmp_active;	/* derived: PMP restricts something or M is not all-allowed */

	/* supervisor */
	uint64_t stvec, sepc, scause, stval, sscratch, satp;
	uint64_t scounteren, senvcfg;
	uint64_t stimecmp;	/* also the deadline of SBI's set_timer */

	/* machine; sstatus, sie and sip are views of mstatus, mie and mip */
	uint64_t mstatus, mie;
	uint64_t mip; /* the bits software sets; the input lines are or-ed in (riscv_mip) */
	uint64_t mtvec, mepc, mcause, mtval, mscratch;
	uint64_t medeleg, mideleg;
	uint64_t mcounteren, menvcfg, mcountinhibit;
	uint64_t cycle_off, instret_off; /* counter - its source; while inhibited: the counter */
	uint8_t pmpcfg[RISCV_NR_PMP];
	uint64_t pmpaddr[RISCV_NR_PMP];
};
_Static_assert(offsetof(struct riscv_state, x) == 0, "slots start the state");

/*
 * fpstate: the rounding mode with FPS_DIRTY when FP may simply run; else a
 * value no block expects.
 */
enum { FPS_FRM = 7, FPS_DIRTY = 8, FPS_OFF = 16, FPS_BAD_FRM = 32 };

/* mstatus and sstatus (privileged spec 3.1.6, 4.1.1) */
#define MST_SIE		(1ull << 1)
#define MST_MIE		(1ull << 3)
#define MST_SPIE	(1ull << 5)
#define MST_MPIE	(1ull << 7)
#define MST_SPP		(1ull << 8)
#define MST_MPP_SHIFT	11
#define MST_MPP		(3ull << MST_MPP_SHIFT)
#define MST_FS_SHIFT	13
#define MST_FS		(3ull << MST_FS_SHIFT)
#define MST_MPRV	(1ull << 17)
#define MST_SUM		(1ull << 18)
#define MST_MXR		(1ull << 19)
#define MST_TVM		(1ull << 20)
#define MST_TW		(1ull << 21)
#define MST_TSR		(1ull << 22)
#define MST_UXL64	(2ull << 32)
#define MST_SXL64	(2ull << 34)
#define MST_SD		(1ull << 63)	/* never stored: FS == Dirty */

/* menvcfg, senvcfg */
#define ENV_FIOM	(1ull << 0)
#define ENV_CBIE	(3ull << 4)
#define ENV_CBIE_FLUSH	(1ull << 4)
#define ENV_CBCFE	(1ull << 6)
#define ENV_CBZE	(1ull << 7)
#define ENV_ADUE	(1ull << 61)
#define ENV_PBMTE	(1ull << 62)
#define ENV_STCE	(1ull << 63)

#define SATP_MODE(v)	((unsigned)((v) >> 60))
#define SATP_ASID(v)	((uint16_t)((v) >> 44))
#define SATP_PPN(v)	((v) & ((1ull << 44) - 1))
enum { SATP_BARE = 0, SATP_SV39 = 8, SATP_SV48 = 9, SATP_SV57 = 10 };

enum riscv_cause {
	CAUSE_FETCH_ALIGN = 0, CAUSE_FETCH_ACCESS, CAUSE_ILLEGAL, CAUSE_BREAK,
	CAUSE_LOAD_ALIGN, CAUSE_LOAD_ACCESS, CAUSE_STORE_ALIGN, CAUSE_STORE_ACCESS,
	CAUSE_ECALL_U, CAUSE_ECALL_S, CAUSE_ECALL_M = 11,
	CAUSE_FETCH_PAGE, CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE = 15,
};

/* Pending interrupts: mip as software reads it (input lines and timer included). */
uint64_t riscv_mip(struct riscv_state *s);
/*
 * Arms the supervisor timer (stimecmp, SBI set_timer); pending goes away when
 * the deadline is ahead.
 */
void riscv_timer_set(struct riscv_state *s, uint64_t deadline);
/*
 * Recomputes what is derived, after fields were written from outside (reset,
 * snapshot, KVM, gdb).
 */
void riscv_state_derive(struct riscv_state *s);

#endif
